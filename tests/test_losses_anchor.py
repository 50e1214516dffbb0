"""Anchor Loss for classification: formulas, closed form, special cases, detached anchors, extremes, bad input."""

from __future__ import annotations

import math
from functools import partial

import mpmath
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import grad, hessian, jacrev, vmap

from gammaprob.errors import ArgumentError, BroadcastError, DomainError
from gradients.closed_form import anchor_gradient
from gradients.losses import anchor_loss, bce_loss, focal_loss
from tests.loss_checks import (
    GAMMAS, HALVES, OF_TORCH_ITSELF, ROUNDINGS, close, derivatives, gradient, grid, refusal,
)

MODULATIONS = ("background", "target", "both")
gammas = st.sampled_from(GAMMAS)
modulations = st.sampled_from(MODULATIONS)
margins = st.sampled_from([0.0, 0.05, 0.3])


def batch(samples: int = 6, classes: int = 5, dtype: torch.dtype = torch.float64):
    """Logits, class indices, soft labels: two target classes in the first row, none in the second, all in the third."""
    generator = torch.Generator().manual_seed(2)
    x = 2.0 * torch.randn((samples, classes), generator=generator, dtype=torch.float64)
    p = torch.rand((samples, classes), generator=generator, dtype=torch.float64)
    p[0, :2], p[1], p[2] = 1.0, 0.0, 0.5
    return x.to(dtype), torch.randint(classes, (samples,), generator=generator), p.to(dtype)


def rows(largest: float, labels):
    """One sample: logits, and as many labels."""
    return st.lists(st.tuples(st.floats(-largest, largest), labels), min_size=1, max_size=5).map(
        lambda row: [torch.tensor([column], dtype=torch.float64) for column in zip(*row)]
    )


def eq_a1(x, p, gamma, margin, modulate, detach=True):
    """A-1 to A-4 of one sample as printed, from probabilities, class by class."""
    q = torch.sigmoid(x)
    reference = q.detach() if detach else q
    top = [k for k in range(len(x)) if p[k] == p.max() and p[k] > 0]
    others = [k for k in range(len(x)) if k not in top]
    gamma_t, gamma_b = gamma * (modulate != "background"), gamma * (modulate != "target")
    rise = (1 - q + reference[others].max() + margin) ** gamma_t if others else 1.0
    fall = (1 + q - (reference[top].max() - margin)) ** gamma_b if top else 1.0
    return -(rise * p * torch.log(q) + fall * (1 - p) * torch.log(1 - q)).sum()


def scale(x, gamma, margin):
    """How much larger than the loss what rounds in it can be: the logit itself, and 1 − q of the printed formula."""
    return float((2.0 + margin) ** gamma * (1.0 + gamma) * (1.0 + x.abs().exp()).max())


# --- values ---------------------------------------------------------------------------------------------------------

@given(row=rows(8.0, st.sampled_from([0.0, 0.0, 0.25, 1.0])), gamma=gammas, margin=margins, modulate=modulations)
def test_is_a_1(row, gamma, margin, modulate):
    x, p = row
    wanted = eq_a1(x[0], p[0], gamma, margin, modulate)
    loss = anchor_loss(x, p, gamma=gamma, margin=margin, modulate=modulate, reduction="none")
    assert close(loss, wanted[None], len(x[0]) * ROUNDINGS, scale(x, gamma, margin))


@settings(max_examples=30)
@given(
    row=st.lists(st.floats(-300.0, 300.0), min_size=1, max_size=4), target=st.integers(0, 3), gamma=gammas,
    margin=margins, modulate=modulations,
)
def test_every_digit_of_hard_labels(row, target, gamma, margin, modulate):
    """Against 400 digits: what comes from class indices is exact to its roundings, however small."""
    target %= len(row)
    with mpmath.workdps(400):
        q = [1 / (1 + mpmath.exp(-mpmath.mpf(x))) for x in row]
        exact = -mpmath.log(q[target]) * (
            (1 - q[target] + max(q[:target] + q[target + 1:]) + mpmath.mpf(margin)) ** gamma
            if len(row) > 1 and modulate != "background" else 1
        ) - sum(
            mpmath.log(1 - q_k) * ((1 + q_k - q[target] + mpmath.mpf(margin)) ** gamma if modulate != "target" else 1)
            for k, q_k in enumerate(q) if k != target
        )
        loss = anchor_loss(torch.tensor([row], dtype=torch.float64), torch.tensor([target]), gamma=gamma, margin=margin,
                           modulate=modulate)
        # Each rounding of the base counts γ times.
        tolerance = (ROUNDINGS + 6 * gamma) * np.finfo(float).eps
        assert abs(loss.item() - exact) <= tolerance * exact + np.finfo(float).tiny


@pytest.mark.parametrize("modulate", MODULATIONS)
def test_indices_are_labels(modulate):
    x, t, _ = batch()
    p = F.one_hot(t, x.shape[1]).double()
    for anchor in (None, 0.3, torch.rand(6, 1), torch.rand(5)):
        by_index, by_label = (anchor_loss(x, y, modulate=modulate, anchor=anchor, reduction="none") for y in (t, p))
        assert close(by_index, by_label, ROUNDINGS, scale(x, 0.5, 0.05))


@pytest.mark.parametrize("modulate", MODULATIONS)
def test_gamma_0_is_binary_cross_entropy(modulate):
    x, t, p = batch()
    for target, labels in ((t, F.one_hot(t, 5).double()), (p, p)):
        wanted = F.binary_cross_entropy_with_logits(x, labels, reduction="none").sum(1)
        loss = anchor_loss(x, target, gamma=0.0, modulate=modulate, reduction="none")
        assert close(loss, wanted, ROUNDINGS, float(x.abs().max()))
        assert close(loss, bce_loss(x, labels, reduction="none").sum(1), ROUNDINGS, float(x.abs().max()))


@pytest.mark.parametrize("gamma", GAMMAS)
def test_the_anchor_1_minus_p_is_the_focal_loss(gamma):
    """Eq. 10 to 12, for values and gradients; of a row without target class, too."""
    x, t, _ = batch()
    p = F.one_hot(t, 5).double()
    for labels, target in ((p, t), (p, p), (torch.zeros_like(p), torch.zeros_like(p))):
        anchor = partial(anchor_loss, target=target, gamma=gamma, modulate="both", anchor=1 - labels, reduction="none")
        focal = partial(focal_loss, target=labels, gamma=gamma, reduction="none")
        assert close(anchor(x), focal(x).sum(1), ROUNDINGS, scale(x, gamma, 0.0))
        assert close(gradient(anchor, x), gradient(focal, x), ROUNDINGS, scale(x, gamma, 0.0))


def test_the_margin_is_on_the_dynamic_anchors_alone():
    x, t, _ = batch()
    assert anchor_loss(x, t, margin=0.3) > anchor_loss(x, t, margin=0.0)
    assert anchor_loss(x, t, margin=0.3, anchor=0.4) == anchor_loss(x, t, margin=0.0, anchor=0.4)


@pytest.mark.parametrize("modulate", MODULATIONS)
def test_rows_without_target_class_or_background(modulate):
    """Without its anchor, a modulator is 1."""
    x, _, p = batch()
    loss = anchor_loss(x, p, gamma=2.0, modulate=modulate, reduction="none")
    entropy = bce_loss(x, p, reduction="none").sum(1)
    plain = [close(one, other, ROUNDINGS, float(x.abs().max())) for one, other in zip(loss, entropy)]
    no_target_class, no_background = 1, 2
    # Where all labels are equal, each class is target, and 1 − p of it is compared with the anchor of the others.
    assert plain == [n == no_target_class or (n == no_background and modulate == "target") for n in range(6)]


def test_a_single_class_has_no_background():
    x, t, _ = batch()
    one = anchor_loss(x[:, :1], torch.zeros_like(t), gamma=2.0, modulate="both", reduction="none")
    assert close(one, F.softplus(-x[:, 0]), ROUNDINGS)


@pytest.mark.parametrize("kind", ["indices", "labels"])
def test_warm_up_is_softmax_cross_entropy(kind):
    x, t, p = batch()
    target = t if kind == "indices" else p
    wanted = F.cross_entropy(x, target)
    for epoch in (0, 4):
        assert close(anchor_loss(x, target, warmup_epochs=5, epoch=epoch), wanted, ROUNDINGS)
    for options in ({"warmup_epochs": 5, "epoch": 5}, {"epoch": 0}):
        assert torch.equal(anchor_loss(x, target, **options), anchor_loss(x, target))


def test_weights_and_reductions():
    x, t, _ = batch()
    terms, weight = anchor_loss(x, t, reduction="none"), torch.arange(6.0, dtype=torch.float64)
    assert terms.shape == (6,)
    assert close(anchor_loss(x, t), terms.mean(), ROUNDINGS)
    assert close(anchor_loss(x, t, reduction="sum"), terms.sum(), ROUNDINGS)
    assert torch.equal(anchor_loss(x, t, weight=weight, reduction="none"), weight * terms)
    assert close(anchor_loss(x, t, weight=weight), (weight * terms).sum() / weight.sum(), ROUNDINGS)
    assert anchor_loss(x, t, weight=torch.zeros(6)).item() == 0.0


@pytest.mark.parametrize("modulate", MODULATIONS)
def test_an_empty_batch(modulate):
    x = torch.empty(0, 5, requires_grad=True)
    for target in (torch.empty(0, dtype=torch.int64), torch.empty(0, 5)):
        value = anchor_loss(x, target, modulate=modulate)
        assert value.item() == 0.0 and torch.autograd.grad(value, x)[0].shape == (0, 5)
        assert anchor_loss(x, target, modulate=modulate, reduction="none").shape == (0,)
        assert anchor_loss(x, target, modulate=modulate, warmup_epochs=1, epoch=0).item() == 0.0


# --- derivatives ----------------------------------------------------------------------------------------------------

@settings(max_examples=100)
@given(
    row=rows(30.0, st.sampled_from([0.0, 0.0, 0.25, 1.0])), gamma=gammas, margin=margins, modulate=modulations,
    anchor=st.one_of(st.none(), st.floats(0.0, 1.0)),
)
def test_gradient_is_the_closed_form(row, gamma, margin, modulate, anchor):
    x, p = row
    options = dict(gamma=gamma, margin=margin, modulate=modulate, anchor=anchor)
    wanted = torch.from_numpy(anchor_gradient(x.numpy(), p.numpy(), **options))
    # −log q is softplus(x) − x, which errs by a rounding of the logit; the modulator and its slope multiply it.
    size = (2.0 + margin) ** gamma * (1.0 + gamma) * float(1.0 + x.abs().max())
    assert close(gradient(lambda x: anchor_loss(x, p, **options), x), wanted, ROUNDINGS, size)


@pytest.mark.parametrize("modulate", MODULATIONS)
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_gradient_of_class_indices_is_the_closed_form(gamma, modulate):
    x, t, _ = batch(200)
    x *= 5.0
    wanted = torch.from_numpy(anchor_gradient(x.numpy(), t.numpy(), gamma=gamma, modulate=modulate))
    loss = partial(anchor_loss, target=t, gamma=gamma, modulate=modulate, reduction="sum")
    assert close(gradient(loss, x), wanted, ROUNDINGS)  # relative to each entry: no cancellation


@pytest.mark.parametrize("modulate", MODULATIONS)
def test_the_anchor_carries_no_gradient(modulate):
    """The gradient is that of A-1 with the anchors taken off the graph, and not that of A-1 with anchors on it."""
    x, t, _ = batch()
    p = F.one_hot(t, 5).double()

    def as_printed(x, detach):
        return sum(eq_a1(row, labels, 2.0, 0.05, modulate, detach) for row, labels in zip(x, p))

    for target in (t, p):
        slope = gradient(lambda x: anchor_loss(x, target, gamma=2.0, modulate=modulate, reduction="sum"), x)
        assert close(slope, gradient(partial(as_printed, detach=True), x), ROUNDINGS, scale(x, 2.0, 0.05))
        assert not torch.allclose(slope, gradient(partial(as_printed, detach=False), x), rtol=0.01)


def test_the_modulators_own_q_carries_gradient():
    """Negative control: cross-entropy times a constant modulator has another gradient."""
    x, t, _ = batch()
    constant = torch.tensor([[(1 + torch.sigmoid(x[n, k]) - torch.sigmoid(x[n, t[n]]) + 0.05) ** 2 if k != t[n] else 1.0
                              for k in range(5)] for n in range(6)], dtype=torch.float64)
    weighted = partial(bce_loss, target=F.one_hot(t, 5).double(), weight=constant, reduction="sum")
    loss = partial(anchor_loss, target=t, gamma=2.0, reduction="sum")
    assert close(loss(x), weighted(x), ROUNDINGS)
    assert not torch.allclose(gradient(loss, x), gradient(weighted, x), rtol=0.01)


@pytest.mark.parametrize("modulate", MODULATIONS)
@pytest.mark.parametrize("gamma", GAMMAS)
def test_gradcheck(gamma, modulate):
    """With a static anchor: finite differences would move a dynamic one."""
    x, t, p = batch(3)
    x.requires_grad_()
    for target in (t[:3], p[:3]):
        loss = partial(anchor_loss, target=target, gamma=gamma, modulate=modulate, anchor=0.4)
        assert torch.autograd.gradcheck(loss, x) and torch.autograd.gradgradcheck(loss, x)


@pytest.mark.parametrize("modulate", MODULATIONS)
def test_second_derivative_with_dynamic_anchors(modulate):
    """It is the one with static anchors of the same value; margin 0 keeps them in [0, 1]."""
    x, t, _ = batch()
    q = torch.sigmoid(x)
    is_target = F.one_hot(t, 5).bool()
    q_pos = q.masked_fill(is_target, 0.0).amax(1, keepdim=True)
    static = torch.where(is_target, q_pos, q.gather(1, t[:, None]))
    for target in (t, is_target.double()):
        loss = partial(anchor_loss, target=target, gamma=2.0, margin=0.0, modulate=modulate)
        for dynamic, same in zip(derivatives(loss, x), derivatives(partial(loss, anchor=static), x)):
            assert close(dynamic, same, ROUNDINGS, scale(x, 2.0, 0.0))


def test_labels_and_anchors_are_constants():
    x, _, p = batch()
    p.requires_grad_(), x.requires_grad_()
    anchor = torch.rand(6, 1, requires_grad=True)
    weight = torch.ones(6, requires_grad=True)
    anchor_loss(x, p, anchor=anchor, weight=weight).backward()
    assert p.grad is None and anchor.grad is None and weight.grad is None and x.grad is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("modulate", MODULATIONS)
@pytest.mark.parametrize("gamma", GAMMAS)
def test_finite_at_the_extremes(gamma, modulate, dtype):
    x = grid(dtype)
    size = len(x)
    targets = [torch.zeros(size, dtype=torch.int64), *(
        torch.tensor(labels, dtype=dtype).expand(size, 2) for labels in ([1.0, 0.0], [0.3, 0.0], [0.0, 0.0], [1.0, 1.0])
    )]
    for target in targets:
        for margin, anchor in ((0.0, None), (0.05, None), (0.0, 0.0), (0.0, 1.0)):
            losses, slope, curvature = derivatives(partial(
                anchor_loss, target=target, gamma=gamma, margin=margin, modulate=modulate, anchor=anchor,
                reduction="none",
            ), x)
            assert losses.isfinite().all() and slope.isfinite().all() and curvature.isfinite().all()
            assert (losses >= 0).all()
    # A right prediction with certainty: nothing to lose, nothing to learn.
    certain = torch.tensor([[1e4, -1e4]], dtype=dtype)
    for target in (torch.tensor([0]), torch.tensor([[1.0, 0.0]], dtype=dtype)):
        loss = partial(anchor_loss, target=target, gamma=gamma, margin=0.0, modulate=modulate)
        assert all((value == 0).all() for value in derivatives(loss, certain))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gamma", [0.01, 1.99])
def test_finite_with_the_steepest_powers_of_a_scaled_loss(gamma, dtype):
    """Mixed precision trains on the loss times 2^16 or less."""
    x, target = grid(dtype), torch.zeros(len(grid(dtype)), dtype=torch.int64)
    for value in derivatives(lambda x: 2.0**16 * anchor_loss(x, target, gamma=gamma, margin=0.0, anchor=1.0), x):
        assert value.isfinite().all()


# --- transforms and dtypes ------------------------------------------------------------------------------------------

@OF_TORCH_ITSELF
@pytest.mark.parametrize("modulate", MODULATIONS)
def test_transforms(modulate):
    loss = partial(anchor_loss, modulate=modulate)
    x, t, p = batch()
    for target in (t, p):
        pairs = x.reshape(3, 2, 5), target.reshape(3, 2, *target.shape[1:])
        wanted = torch.stack([loss(*pair) for pair in zip(*pairs)])
        assert close(vmap(loss)(*pairs), wanted, ROUNDINGS)
        one_target = torch.stack([loss(x, pairs[1][0]) for x in pairs[0]])
        assert close(vmap(loss, (0, None))(pairs[0], pairs[1][0]), one_target, ROUNDINGS)
        one_row = torch.stack([loss(pairs[0][0], y) for y in pairs[1]])
        assert close(vmap(loss, (None, 0))(pairs[0][0], pairs[1]), one_row, ROUNDINGS)
        slope = gradient(lambda x: loss(x, target), x)
        assert close(grad(loss)(x, target), slope, ROUNDINGS, 1.0)
        assert close(jacrev(loss)(x, target), slope, ROUNDINGS, 1.0)
        _, _, curvature = derivatives(lambda x: loss(x, target), x)
        assert close(hessian(loss)(x, target).sum((0, 1)), curvature, ROUNDINGS, 1.0)


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precisions_are_computed_in_single(dtype):
    x, t, p = batch(dtype=dtype)
    for target, same in ((t, t), (p, p.float())):
        value, single = anchor_loss(x, target), anchor_loss(x.float(), same)
        assert value.dtype == dtype and torch.equal(value, single.to(dtype))
        assert gradient(lambda x: anchor_loss(x, target), x).dtype == dtype
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = anchor_loss(x, target)
        assert value.dtype == torch.float32 and torch.equal(value, single)


# --- bad input ------------------------------------------------------------------------------------------------------

def test_refused_tensors():
    x, t, p = batch()
    own = int(t[1])
    for column, bad in ((own, math.nan), (own, math.inf), (own, -math.inf), (own - 1, math.nan), (own - 1, math.inf)):
        spoilt = x.clone()
        spoilt[1, column] = bad
        refusal(DomainError, "logits", lambda: anchor_loss(spoilt, t), bad)
    assert anchor_loss(x.index_fill(1, t[:1], math.nan), t, check_values=False).isnan()
    refusal(ArgumentError, "logits", lambda: anchor_loss([[0.0]], t))
    refusal(ArgumentError, "logits", lambda: anchor_loss(x.long(), t), torch.int64)
    refusal(BroadcastError, "logits", lambda: anchor_loss(x[0], t), (5,))
    refusal(BroadcastError, "logits", lambda: anchor_loss(x[:, :0], t), (6, 0))
    refusal(ArgumentError, "target", lambda: anchor_loss(x, [0] * 6))
    refusal(ArgumentError, "target", lambda: anchor_loss(x, t.int()), torch.int32)
    refusal(ArgumentError, "target", lambda: anchor_loss(x, p > 0), torch.bool)
    refusal(ArgumentError, "target", lambda: anchor_loss(x, t.to("meta")), torch.device("meta"))
    refusal(BroadcastError, "target", lambda: anchor_loss(x, t[:5]), (5,))
    refusal(BroadcastError, "target", lambda: anchor_loss(x, t[:, None]), (6, 1))
    refusal(BroadcastError, "target", lambda: anchor_loss(x, p[:, :4]), (6, 4))
    refusal(BroadcastError, "weight", lambda: anchor_loss(x, t, weight=torch.ones(6, 1)), (6, 1))
    refusal(DomainError, "weight", lambda: anchor_loss(x, t, weight=-torch.ones(6)), -1.0)


@pytest.mark.parametrize("modulate", ["background", "target", "both"])
def test_a_logit_of_minus_infinity_is_a_class_that_is_not_there(modulate):
    x, t, _ = batch()
    t = t.clamp(max=3)
    x[:, 4] = -math.inf

    def loss(logits):
        return anchor_loss(logits, t, modulate=modulate, reduction="none")

    assert close(loss(x), loss(x[:, :4]), ROUNDINGS)
    slope = gradient(loss, x)
    assert close(slope[:, :4], gradient(loss, x[:, :4]), ROUNDINGS) and not slope[:, 4].any()


@pytest.mark.parametrize("value", [-1, 5, 7])
def test_refused_classes(value):
    x, t, _ = batch()
    t[3] = value
    assert "0 to 4" in refusal(DomainError, "target", lambda: anchor_loss(x, t), value)


@pytest.mark.parametrize("value", [-0.25, 1.25, math.nan])
def test_refused_labels_and_anchors(value):
    x, t, p = batch()
    p[3, 1] = value
    assert "[0, 1]" in refusal(DomainError, "target", lambda: anchor_loss(x, p), value)
    assert "[0, 1]" in refusal(DomainError, "anchor", lambda: anchor_loss(x, t, anchor=p), value)
    one = dict(anchor=value, check_values=False)  # a number is an option, and always checked
    assert "[0, 1]" in refusal(DomainError, "anchor", lambda: anchor_loss(x, t, **one), value)


def test_refused_anchor_tensors():
    x, t, p = batch()
    refusal(ArgumentError, "anchor", lambda: anchor_loss(x, t, anchor="dynamic"), "dynamic")
    refusal(ArgumentError, "anchor", lambda: anchor_loss(x, t, anchor=True), True)
    refusal(ArgumentError, "anchor", lambda: anchor_loss(x, t, anchor=t[:, None]), torch.int64)
    refusal(ArgumentError, "anchor", lambda: anchor_loss(x, t, anchor=p.to("meta")), torch.device("meta"))
    refusal(BroadcastError, "anchor", lambda: anchor_loss(x, t, anchor=p[:, 0]), (6,))
    refusal(BroadcastError, "anchor", lambda: anchor_loss(x, t, anchor=p[None].expand(2, -1, -1)), (2, 6, 5))


@pytest.mark.parametrize("name", ["gamma", "margin"])
def test_refused_numbers(name):
    x, t, _ = batch()
    for value in (-0.5, math.nan, math.inf):
        refusal(DomainError, name, lambda: anchor_loss(x, t, **{name: value}), value)
    for value in ("1", True, None, torch.tensor(1.0)):
        refusal(ArgumentError, name, lambda: anchor_loss(x, t, **{name: value}))


@pytest.mark.parametrize(("options", "error", "name"), [
    ({"gamma": 2000.0}, DomainError, "gamma"),
    ({"gamma": 2.0, "margin": 1e30}, DomainError, "gamma"),
    ({"modulate": "foreground"}, DomainError, "modulate"),
    ({"reduction": "average"}, DomainError, "reduction"),
    ({"check_values": "no"}, ArgumentError, "check_values"),
    ({"warmup_epochs": -1}, DomainError, "warmup_epochs"),
    ({"warmup_epochs": 1.5}, ArgumentError, "warmup_epochs"),
    ({"warmup_epochs": True}, ArgumentError, "warmup_epochs"),
    ({"warmup_epochs": 5}, ArgumentError, "epoch"),
    ({"warmup_epochs": 5, "epoch": "3"}, ArgumentError, "epoch"),
    ({"warmup_epochs": 5, "epoch": -3}, DomainError, "epoch"),
    ({"epoch": -3}, DomainError, "epoch"),
])
def test_refused_options(options, error, name):
    x, t, _ = batch()
    refusal(error, name, lambda: anchor_loss(x, t, **options))
