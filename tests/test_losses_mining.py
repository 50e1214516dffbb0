"""Online hard example and keypoint mining: what is selected, where gradient goes, bad input."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.func import grad, jacrev, vmap

from gammaprob.errors import ArgumentError, BroadcastError, DomainError
from gradients.losses import ohem_loss, ohkm_loss
from tests.loss_checks import HALVES, ROUNDINGS, close, gradient, refusal

some_losses = st.lists(st.floats(0.0, 100.0), min_size=1, max_size=12, unique=True)
AXES = {ohem_loss: (10,), ohkm_loss: (4, 10)}


def batch(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


# --- what is selected -----------------------------------------------------------------------------------------------

@given(values=some_losses, percent=st.integers(1, 100))
def test_ohem_keeps_the_largest(values, percent):
    losses = torch.tensor(values, dtype=torch.float64)
    count = math.ceil(Fraction(percent, 100) * len(values))
    wanted = sorted(values, reverse=True)[:count]
    kept = ohem_loss(losses, keep=percent / 100, reduction="none")
    assert kept.tolist() == wanted
    assert close(ohem_loss(losses, keep=percent / 100, reduction="sum"), kept.sum(), count)
    assert close(ohem_loss(losses, keep=percent / 100), kept.mean(), count)
    slope = gradient(lambda x: ohem_loss(x, keep=percent / 100, reduction="sum"), losses)
    assert slope.tolist() == [float(value in wanted) for value in values]


@pytest.mark.parametrize(("keep", "count"), [(0.07, 7), (0.29, 29), (0.57, 57), (0.58, 58), (1, 100), (1e-9, 1)])
def test_ohem_counts_as_in_decimal(keep, count):
    """0.07 · 100 is 7.000000000000001 in binary, and still keeps 7."""
    assert ohem_loss(batch(100), keep=keep, reduction="none").shape == (count,)


@given(values=st.lists(some_losses.filter(lambda values: len(values) > 3).map(lambda values: values[:4]), min_size=1,
                       max_size=4), keypoints=st.integers(1, 4), data=st.data())
def test_ohkm_takes_the_largest_of_each_image(values, keypoints, data):
    losses = torch.tensor(values, dtype=torch.float64)
    rows = st.lists(st.booleans(), min_size=4, max_size=4)
    mask = data.draw(st.lists(rows, min_size=len(values), max_size=len(values)))
    for present in (None, mask):
        there = present or [[True] * 4] * len(values)
        wanted = [sorted((v for v, p in zip(*row) if p), reverse=True)[:keypoints] for row in zip(values, there)]
        count = sum(map(len, wanted))
        options = dict(keypoints=keypoints, present=None if present is None else torch.tensor(present))
        taken = ohkm_loss(losses, reduction="none", **options)
        assert taken.tolist() == [row + [0.0] * (keypoints - len(row)) for row in wanted]
        assert close(ohkm_loss(losses, reduction="sum", **options), taken.sum(), 2 * keypoints)
        assert close(ohkm_loss(losses, **options), taken.sum() / max(count, 1), 2 * keypoints)
        slope = gradient(lambda x: ohkm_loss(x, reduction="sum", **options), losses)
        assert slope.tolist() == [
            [float(p and v in chosen) for v, p in zip(*row)] for *row, chosen in zip(values, there, wanted)
        ]


def test_ties_leave_the_value_and_the_number_of_selected():
    losses = torch.ones(10, dtype=torch.float64)
    assert ohem_loss(losses, keep=0.5).item() == 1.0
    slope = gradient(lambda x: ohem_loss(x, keep=0.5, reduction="sum"), losses)
    assert sorted(slope.tolist()) == [0.0] * 5 + [1.0] * 5


def test_nothing_to_select():
    assert ohem_loss(torch.empty(0)).item() == 0.0 and ohem_loss(torch.empty(0), reduction="none").shape == (0,)
    empty = torch.empty(0, 10)
    assert ohkm_loss(empty).item() == 0.0 and ohkm_loss(empty, reduction="none").shape == (0, 8)
    losses, none = batch(4, 10), torch.zeros(4, 10, dtype=torch.bool)
    assert ohkm_loss(losses, present=none).item() == 0.0
    assert (gradient(lambda x: ohkm_loss(x, present=none), losses) == 0).all()


# --- derivatives, transforms, dtypes --------------------------------------------------------------------------------

@pytest.mark.parametrize("loss", AXES)
def test_gradcheck(loss):
    losses = batch(*AXES[loss]).requires_grad_()
    assert torch.autograd.gradcheck(loss, losses)
    assert torch.autograd.gradgradcheck(lambda x: loss(x**2), losses)


@pytest.mark.parametrize("loss", AXES)
def test_transforms(loss):
    losses = batch(3, *AXES[loss])
    assert close(vmap(loss)(losses), torch.stack([loss(one) for one in losses]), ROUNDINGS)
    slope = gradient(loss, losses[0])
    assert torch.equal(grad(loss)(losses[0]), slope) and torch.equal(jacrev(loss)(losses[0]), slope)


def test_vmap_over_masks():
    losses, present = batch(3, 4, 10), batch(3, 4, 10).flip(0) > 0.5

    def masked(losses, present):
        return ohkm_loss(losses, present=present, keypoints=3)

    wanted = torch.stack([masked(*pair) for pair in zip(losses, present)])
    assert close(vmap(masked)(losses, present), wanted, ROUNDINGS)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("loss", AXES)
def test_half_precisions_are_computed_in_single(loss, dtype):
    losses = batch(*AXES[loss]).to(dtype)
    value = loss(losses)
    assert value.dtype == dtype and torch.equal(value, loss(losses.float()).to(dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert loss(losses).dtype == torch.float32


# --- bad input ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("loss", AXES)
def test_refused_losses(loss):
    losses = batch(*AXES[loss])
    for bad in (math.nan, math.inf):
        spoilt = losses.clone()
        spoilt[..., 3] = bad
        refusal(DomainError, "losses", lambda: loss(spoilt), bad)
        loss(spoilt, check_values=False)
    refusal(DomainError, "losses", lambda: loss(torch.full_like(losses, -math.inf)), -math.inf)
    assert loss(torch.full_like(losses, math.nan), check_values=False).isnan()
    refusal(ArgumentError, "losses", lambda: loss(losses.tolist()))
    refusal(ArgumentError, "losses", lambda: loss(losses.long()), torch.int64)
    refusal(BroadcastError, "losses", lambda: loss(losses[None]), (1, *AXES[loss]))
    refusal(BroadcastError, "losses", lambda: loss(losses.sum()), ())
    refusal(DomainError, "reduction", lambda: loss(losses, reduction="max"), "max")
    refusal(ArgumentError, "check_values", lambda: loss(losses, check_values=1), 1)


def test_refused_shares():
    losses = batch(10)
    for keep in (0, 0.0, -0.5, 1.1, math.nan, math.inf):
        refusal(DomainError, "keep", lambda: ohem_loss(losses, keep=keep), keep)
    for keep in ("0.9", True, None):
        refusal(ArgumentError, "keep", lambda: ohem_loss(losses, keep=keep), keep)


def test_refused_keypoints_and_masks():
    losses, present = batch(4, 10), torch.ones(4, 10, dtype=torch.bool)
    for keypoints in (0, -1, 11):
        refusal(DomainError, "keypoints", lambda: ohkm_loss(losses, keypoints=keypoints), keypoints)
    for keypoints in (2.0, True, "8"):
        refusal(ArgumentError, "keypoints", lambda: ohkm_loss(losses, keypoints=keypoints), keypoints)
    refusal(ArgumentError, "present", lambda: ohkm_loss(losses, present=present.float()), torch.float32)
    refusal(ArgumentError, "present", lambda: ohkm_loss(losses, present=present.to("meta")), torch.device("meta"))
    refusal(BroadcastError, "present", lambda: ohkm_loss(losses, present=present[0]), (10,))
