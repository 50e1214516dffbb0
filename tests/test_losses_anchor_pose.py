"""Anchor Loss for heatmaps: Eq. 5, its closed form, absent joints, extremes, transforms, bad input."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import grad, hessian, jacrev, vmap

from gammaprob.errors import ArgumentError, BroadcastError, DomainError
from gradients.closed_form import anchor_pose_gradient
from gradients.losses import anchor_loss_pose
from tests.loss_checks import (
    GAMMAS, HALVES, OF_TORCH_ITSELF, ROUNDINGS, close, derivatives, gradient, grid, refusal,
)

gammas = st.sampled_from(GAMMAS)
SHAPE = (2, 3, 6, 5)


def gaussian(height: float = 1.0, cut: float = 2.5) -> torch.Tensor:
    """A heatmap around pixel (2, 3), of standard deviation 1, with exact zeros beyond the cut."""
    square = (torch.arange(6.0)[:, None] - 2.0) ** 2 + (torch.arange(5.0) - 3.0) ** 2
    return height * torch.exp(-square.double() / 2) * (square <= cut**2)


def batch(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    """Heatmaps of two images: the second joint of the first is absent, the third of the second nowhere above ½."""
    generator = torch.Generator().manual_seed(3)
    target = gaussian().expand(SHAPE).clone()
    target[0, 1], target[1, 2] = 0.0, gaussian(height=0.4)
    return (2.0 * torch.randn(SHAPE, generator=generator, dtype=torch.float64) - 1.0).to(dtype), target.to(dtype)


def present_in(target: torch.Tensor) -> torch.Tensor:
    return (target > 0).flatten(-2).any(-1)


def eq_5(x, p, gamma, detach=True):
    """Eq. 3 to 5 of one heatmap as printed, from probabilities."""
    q = torch.sigmoid(x)
    entropy = -p * torch.log(q) - (1 - p) * torch.log(1 - q)
    if not (p > 0.5).any():
        return entropy
    anchor = q[p > 0.5].max()
    return torch.where(p == 0, (1 + q - (anchor.detach() if detach else anchor)) ** gamma, 1.0) * entropy


def scale(x, gamma):
    """How much larger than the loss what rounds in it can be: the logit itself, and 1 − q of the printed formula."""
    return float(2.0**gamma * (1.0 + gamma) * (1.0 + x.abs().exp()).max())


# --- values ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("gamma", GAMMAS)
def test_is_eq_5(gamma):
    x, p = batch()
    loss = anchor_loss_pose(x, p, gamma=gamma, reduction="none")
    for n, j in ((0, 0), (0, 2), (1, 0), (1, 1), (1, 2)):
        assert close(loss[n, j], eq_5(x[n, j], p[n, j], gamma), ROUNDINGS, scale(x, gamma))
    assert (loss[0, 1] == 0).all()


def test_the_anchor_is_one_a_heatmap_and_lies_above_one_half():
    """Other heatmaps, and pixels with labels up to ½, change nothing; the largest q above ½ does."""
    x, p = batch()
    before = anchor_loss_pose(x, p, reduction="none")
    half = p[0, 0].clone()
    half[half == half[half < 0.9].max()] = 0.5  # four pixels beside the peak, now at ½ exactly
    p[0, 0] = half
    x[0, 0, 2, 3] = 0.0
    reference = anchor_loss_pose(x, p, reduction="none")
    x[0, 2], x[0, 0][half == 0.5] = 5.0, 9.0
    after = anchor_loss_pose(x, p, reduction="none")
    background = p[0, 0] == 0
    assert torch.equal(after[0, 0][background], reference[0, 0][background])
    assert torch.equal(after[1], before[1])
    x[0, 0, 2, 3] = 1.0
    assert (anchor_loss_pose(x, p, reduction="none")[0, 0][background] < reference[0, 0][background]).all()


def test_gamma_0_is_binary_cross_entropy_over_present_joints():
    x, p = batch()
    wanted = F.binary_cross_entropy_with_logits(x[present_in(p)], p[present_in(p)])
    assert close(anchor_loss_pose(x, p, gamma=0.0), wanted, ROUNDINGS, float(x.abs().max()))


def test_a_heatmap_without_anchor_is_binary_cross_entropy():
    x, p = batch()
    wanted = F.binary_cross_entropy_with_logits(x[1, 2], p[1, 2], reduction="none")
    assert close(anchor_loss_pose(x, p, reduction="none")[1, 2], wanted, ROUNDINGS, float(x.abs().max()))


def test_weights_reductions_and_present():
    x, p = batch()
    terms, there = anchor_loss_pose(x, p, reduction="none"), present_in(p)
    assert close(anchor_loss_pose(x, p), terms[there].mean(), ROUNDINGS)
    assert close(anchor_loss_pose(x, p, reduction="sum"), terms.sum(), ROUNDINGS)
    joint = torch.tensor([[1.0, 5.0, 0.5], [0.0, 2.0, 1.0]], dtype=torch.float64)[..., None, None]
    pixel = torch.arange(5.0, dtype=torch.float64)
    for weight in (joint, pixel, joint * pixel):
        full = (weight * there[..., None, None]).expand(SHAPE)
        assert torch.equal(anchor_loss_pose(x, p, weight=weight, reduction="none"), full * terms)
        assert close(anchor_loss_pose(x, p, weight=weight, reduction="sum"), (full * terms).sum(), ROUNDINGS)
        assert close(anchor_loss_pose(x, p, weight=weight), (full * terms).sum() / full.sum(), ROUNDINGS)
    some = torch.tensor([[True, True, False], [False, True, True]])
    masked = anchor_loss_pose(x, p, present=some, reduction="none")
    assert torch.equal(masked, terms * (some & there)[..., None, None])
    assert close(anchor_loss_pose(x, p, present=some), masked[some & there].mean(), ROUNDINGS)


def test_any_leading_axes():
    x, p = batch()
    wanted = anchor_loss_pose(x, p, reduction="none")
    for part in ((0, 0), (0,), (None,)):
        assert close(anchor_loss_pose(x[part], p[part], reduction="none"), wanted[part], ROUNDINGS)


def test_nothing_present():
    x, p = batch()
    for target, present in ((torch.zeros_like(p), None), (p, torch.zeros(2, 3, dtype=torch.bool))):
        for reduction in ("mean", "sum", "none"):
            loss = partial(anchor_loss_pose, target=target, present=present, reduction=reduction)
            assert (loss(x) == 0).all() and (gradient(loss, x) == 0).all()
    empty = torch.empty(0, 3, 6, 5, requires_grad=True)
    value = anchor_loss_pose(empty, torch.empty(0, 3, 6, 5))
    assert value.item() == 0.0 and torch.autograd.grad(value, empty)[0].shape == empty.shape


# --- derivatives ----------------------------------------------------------------------------------------------------

labels = st.sampled_from([0.0, 0.0, 0.0, 0.2, 0.5, 0.6, 1.0])


@settings(max_examples=100)
@given(pixels=st.lists(st.tuples(st.floats(-30.0, 30.0), labels), min_size=1, max_size=6), gamma=gammas)
def test_gradient_is_the_closed_form(pixels, gamma):
    x, p = torch.tensor([*pixels, (0.0, 0.0)], dtype=torch.float64).T[:, None]  # the last one: some background
    wanted = torch.from_numpy(anchor_pose_gradient(x.numpy(), p.numpy(), gamma=gamma))
    loss = partial(anchor_loss_pose, target=p, gamma=gamma, reduction="sum")
    assert close(gradient(loss, x), wanted, ROUNDINGS, 1.0 * bool((p > 0).any()))
    background = p == 0  # no cancellation: to the last digits
    assert close(gradient(loss, x)[background], wanted[background], ROUNDINGS)


def test_the_anchor_carries_no_gradient():
    """The gradient is that of Eq. 5 with the anchor taken off the graph, and not that of Eq. 5 with it on."""
    x, p = batch()
    slope = gradient(partial(anchor_loss_pose, target=p, reduction="sum"), x)[0, 0]
    assert close(slope, gradient(partial(eq_5, p=p[0, 0], gamma=2.0), x[0, 0]), ROUNDINGS, scale(x, 2.0))
    printed = gradient(partial(eq_5, p=p[0, 0], gamma=2.0, detach=False), x[0, 0])
    assert not torch.allclose(slope, printed, rtol=0.01)


def test_labels_and_weights_are_constants():
    x, p = batch()
    weight = torch.ones(5, requires_grad=True)
    anchor_loss_pose(x.requires_grad_(), p.requires_grad_(), weight=weight).backward()
    assert p.grad is None and weight.grad is None and x.grad is not None


@pytest.mark.parametrize("gamma", GAMMAS)
def test_gradcheck(gamma):
    """Of the pixels with labels up to ½: finite differences of the others would move the anchor."""
    x, p = batch()
    x, p = x[:, 1:, :4], p[:, 1:, :4]

    def loss(moved):
        return anchor_loss_pose(torch.where(p > 0.5, x, moved), p, gamma=gamma)

    free = x.clone().requires_grad_()
    assert torch.autograd.gradcheck(loss, free) and torch.autograd.gradgradcheck(loss, free)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("peak", [1.0, 0.6, 0.3])
@pytest.mark.parametrize("gamma", GAMMAS)
def test_finite_at_the_extremes(gamma, peak, dtype):
    x = grid(dtype)[:, None]
    target = torch.tensor([[peak, 0.0]], dtype=dtype).expand_as(x)
    values = derivatives(partial(anchor_loss_pose, target=target, gamma=gamma, reduction="none"), x)
    assert all(value.isfinite().all() for value in values) and (values[0] >= 0).all()
    certain = torch.tensor([[1e4, -1e4]], dtype=dtype)
    loss = partial(anchor_loss_pose, target=target[0].ceil(), gamma=gamma, reduction="none")
    assert all((value == 0).all() for value in derivatives(loss, certain))


# --- transforms and dtypes ------------------------------------------------------------------------------------------

@OF_TORCH_ITSELF
def test_transforms():
    x, p = batch()
    wanted = torch.stack([anchor_loss_pose(*image) for image in zip(x, p)])
    assert close(vmap(anchor_loss_pose)(x, p), wanted, ROUNDINGS)
    one_target = torch.stack([anchor_loss_pose(image, p[1]) for image in x])
    assert close(vmap(anchor_loss_pose, (0, None))(x, p[1]), one_target, ROUNDINGS)
    one_image = torch.stack([anchor_loss_pose(x[0], target) for target in p])
    assert close(vmap(anchor_loss_pose, (None, 0))(x[0], p), one_image, ROUNDINGS)
    slope = gradient(lambda x: anchor_loss_pose(x, p), x)
    assert close(grad(anchor_loss_pose)(x, p), slope, ROUNDINGS, 1.0)
    assert close(jacrev(anchor_loss_pose)(x, p), slope, ROUNDINGS, 1.0)
    _, _, curvature = derivatives(lambda x: anchor_loss_pose(x, p), x)
    assert close(hessian(anchor_loss_pose)(x, p).sum((0, 1, 2, 3)), curvature, ROUNDINGS, 1.0)


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precisions_are_computed_in_single(dtype):
    x, p = batch(dtype)
    value, single = anchor_loss_pose(x, p), anchor_loss_pose(x.float(), p.float())
    assert value.dtype == dtype and torch.equal(value, single.to(dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = anchor_loss_pose(x, p)
    assert value.dtype == torch.float32 and torch.equal(value, single)


# --- bad input ------------------------------------------------------------------------------------------------------

def test_refused_tensors():
    x, p = batch()
    for bad in (math.nan, math.inf, -math.inf):
        spoilt = x.clone()
        spoilt[1, 2, 3, 4] = bad
        refusal(DomainError, "logits", lambda: anchor_loss_pose(spoilt, p), bad)
    assert anchor_loss_pose(x.index_fill(1, torch.tensor([2]), math.nan), p, check_values=False).isnan()
    refusal(ArgumentError, "logits", lambda: anchor_loss_pose(None, p), None)
    refusal(ArgumentError, "logits", lambda: anchor_loss_pose(x.long(), p), torch.int64)
    refusal(BroadcastError, "logits", lambda: anchor_loss_pose(x[0, 0, 0], p[0, 0, 0]), (5,))
    refusal(BroadcastError, "logits", lambda: anchor_loss_pose(x[..., :0], p[..., :0]), (2, 3, 6, 0))
    refusal(ArgumentError, "target", lambda: anchor_loss_pose(x, p > 0), torch.bool)
    refusal(ArgumentError, "target", lambda: anchor_loss_pose(x, p.to("meta")), torch.device("meta"))
    refusal(BroadcastError, "target", lambda: anchor_loss_pose(x, p[:1]), (1, 3, 6, 5))
    refusal(BroadcastError, "weight", lambda: anchor_loss_pose(x, p, weight=torch.ones(2, 3)), (2, 3))
    refusal(DomainError, "weight", lambda: anchor_loss_pose(x, p, weight=torch.tensor(math.nan)), math.nan)
    refusal(ArgumentError, "present", lambda: anchor_loss_pose(x, p, present=torch.ones(2, 3)), torch.float32)
    refusal(ArgumentError, "present", lambda: anchor_loss_pose(x, p, present="all"), "all")
    mask = torch.ones(2, 3, dtype=torch.bool)
    refusal(ArgumentError, "present", lambda: anchor_loss_pose(x, p, present=mask.to("meta")), torch.device("meta"))
    refusal(BroadcastError, "present", lambda: anchor_loss_pose(x, p, present=mask[:1]), (1, 3))


@pytest.mark.parametrize("value", [-0.25, 1.25, 30.0, math.nan])
def test_refused_labels(value):
    x, p = batch()
    p[1, 0, 5, 4] = value
    assert "[0, 1]" in refusal(DomainError, "target", lambda: anchor_loss_pose(x, p), value)


def test_a_heatmap_without_exact_zeros_is_refused():
    x, p = batch()
    p[1, 0] = gaussian(cut=10.0)
    smallest = float(p[1, 0].min())
    assert "truncate" in refusal(DomainError, "target", lambda: anchor_loss_pose(x, p), smallest)
    absent = torch.tensor([[True, True, True], [False, True, True]])
    assert anchor_loss_pose(x, p, present=absent).isfinite()
    unchecked = anchor_loss_pose(x, p, reduction="none", check_values=False)
    wanted = F.binary_cross_entropy_with_logits(x[1, 0], p[1, 0], reduction="none")
    assert close(unchecked[1, 0], wanted, ROUNDINGS, float(x.abs().max()))


@pytest.mark.parametrize(("options", "error", "name"), [
    ({"gamma": -1.0}, DomainError, "gamma"),
    ({"gamma": 64.0}, DomainError, "gamma"),
    ({"gamma": math.nan}, DomainError, "gamma"),
    ({"gamma": "2"}, ArgumentError, "gamma"),
    ({"reduction": None}, DomainError, "reduction"),
    ({"check_values": "True"}, ArgumentError, "check_values"),
])
def test_refused_options(options, error, name):
    x, p = batch()
    refusal(error, name, lambda: anchor_loss_pose(x, p, **options))
