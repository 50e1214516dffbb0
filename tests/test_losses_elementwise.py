"""Focal loss, binary cross-entropy and squared error: what torch has, Eq. 6 and 7, derivatives, extremes, bad input."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.func import grad, hessian, jacrev, vmap

from gammaprob.errors import ArgumentError, BroadcastError, DomainError
from gradients.closed_form import focal_gradient
from gradients.losses import bce_loss, focal_loss, mse_loss
from tests.loss_checks import (
    EXTREMES, GAMMAS, HALVES, OF_TORCH_ITSELF, ROUNDINGS, close, derivatives, gradient, refusal,
)

LOSSES = {focal_loss: "logits", bce_loss: "logits", mse_loss: "predicted"}
logits = st.lists(st.tuples(st.floats(-8.0, 8.0), st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.0, 1.0))),
                  min_size=1, max_size=6).map(lambda rows: torch.tensor(rows, dtype=torch.float64).T)


def batch(*shape: int, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    values, target = torch.randn(shape, generator=generator), torch.rand(shape, generator=generator)
    return 3.0 * values.to(dtype), target.to(dtype)


def eq_7(x, p, gamma):
    """As printed, from probabilities."""
    q = torch.sigmoid(x)
    return -p * (1 - q) ** gamma * torch.log(q) - (1 - p) * q**gamma * torch.log(1 - q)


# --- values ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize(("loss", "of_torch"), [
    (bce_loss, F.binary_cross_entropy_with_logits), (mse_loss, F.mse_loss),
])
def test_equals_what_torch_has(loss, of_torch, reduction):
    predicted, target = batch(4, 3, 2)
    assert torch.equal(loss(predicted, target, reduction=reduction), of_torch(predicted, target, reduction=reduction))


@given(data=logits, gamma=st.sampled_from(GAMMAS))
def test_focal_loss_is_eq_7(data, gamma):
    x, p = data
    # 1 − q of the printed formula errs by a rounding of 1, and the loss has the logarithm and the power of it.
    scale = float((1.0 + gamma) * (1.0 + x.abs().exp()).max())
    assert close(focal_loss(x, p, gamma=gamma, reduction="none"), eq_7(x, p, gamma), ROUNDINGS, scale)


@given(data=logits)
def test_focal_loss_with_gamma_0_is_binary_cross_entropy(data):
    x, p = data
    wanted = F.binary_cross_entropy_with_logits(x, p, reduction="none")
    assert close(focal_loss(x, p, gamma=0.0, reduction="none"), wanted, 4, 1.0 + float(x.abs().max()))


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_of_hard_labels_is_the_usual_form(gamma):
    """(1 − q_t)^γ times cross-entropy, with q_t the probability of what the label says: Eq. 8 and 9."""
    x, p = batch(50)
    p = p.round()
    q_t = torch.sigmoid(torch.where(p == 1, x, -x))
    wanted = -((1 - q_t) ** gamma) * torch.log(q_t)
    assert close(focal_loss(x, p, gamma=gamma, reduction="none"), wanted, ROUNDINGS, float(x.abs().max()))


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_and_reductions(loss):
    predicted, target = batch(4, 3)
    terms, weight = loss(predicted, target, reduction="none"), torch.tensor([[0.0], [1.0], [2.0], [0.5]]).double()
    assert torch.equal(loss(predicted, target, weight=weight, reduction="none"), weight * terms)
    assert close(loss(predicted, target, weight=weight, reduction="sum"), (weight * terms).sum(), ROUNDINGS)
    mean = (weight * terms).sum() / weight.expand(4, 3).sum()
    assert close(loss(predicted, target, weight=weight), mean, ROUNDINGS)
    assert loss(predicted, target, weight=torch.zeros(3, dtype=torch.float64)).item() == 0.0


@pytest.mark.parametrize("loss", LOSSES)
def test_an_empty_tensor(loss):
    empty = torch.empty(0, 3, requires_grad=True)
    for reduction in ("mean", "sum"):
        value = loss(empty, torch.empty(0, 3), reduction=reduction)
        assert value.item() == 0.0 and torch.autograd.grad(value, empty)[0].shape == (0, 3)
    assert loss(empty, torch.empty(0, 3), reduction="none").shape == (0, 3)


# --- derivatives ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("loss", "options"), [
    *((focal_loss, {"gamma": gamma}) for gamma in GAMMAS), (bce_loss, {}), (mse_loss, {}),
])
def test_gradcheck(loss, options):
    predicted, target = batch(3, 2)
    weight = torch.tensor([1.0, 2.0], dtype=torch.float64)
    predicted.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, target, weight=weight, **options), predicted)
    assert torch.autograd.gradgradcheck(lambda x: loss(x, target, weight=weight, **options), predicted)


@given(data=logits, gamma=st.sampled_from(GAMMAS))
def test_focal_gradient_is_the_closed_form(data, gamma):
    """The closed form is a derivative in q, and needs 1 − q: it errs by a rounding of 1 in it, as Eq. 7 does."""
    x, p = data
    q = torch.sigmoid(x)
    slope = torch.from_numpy(focal_gradient(q.numpy(), p.numpy(), gamma=gamma)) * q * (1 - q)
    scale = float((1.0 + gamma) * (1.0 + x.abs().exp()).max())
    assert close(gradient(lambda x: focal_loss(x, p, gamma=gamma), x), slope / x.numel(), ROUNDINGS, scale)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_target_is_a_constant(loss):
    predicted, target = batch(5)
    target.requires_grad_()
    assert not loss(predicted, target).requires_grad
    assert loss(predicted.requires_grad_(), target).requires_grad
    loss(predicted, target).backward()
    assert target.grad is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("gamma", GAMMAS)
def test_focal_loss_at_the_extremes(gamma, p, dtype):
    x = torch.tensor(EXTREMES, dtype=dtype)
    losses, slope, curvature = derivatives(
        lambda x: focal_loss(x, torch.full_like(x, p), gamma=gamma, reduction="none"), x,
    )
    assert losses.isfinite().all() and slope.isfinite().all() and curvature.isfinite().all()
    assert (losses >= 0).all()
    wrong = x[-1] if p < 1 else x[0]
    # At the far end the prediction is wrong with certainty: modulator 1, and the loss the logit times its share.
    share = 1 - p if p < 1 else 1.0
    assert close(losses[x == wrong], (share * wrong.abs())[None], ROUNDINGS)
    if p in (0.0, 1.0):
        right = x[0] if p < 1 else x[-1]
        assert losses[x == right] == 0.0 and slope[x == right] == 0.0 and curvature[x == right] == 0.0


@OF_TORCH_ITSELF
@pytest.mark.parametrize("loss", LOSSES)
def test_transforms(loss):
    predicted, target = batch(4, 3)
    wanted = torch.stack([loss(x, t) for x, t in zip(predicted, target)])
    assert close(vmap(loss)(predicted, target), wanted, ROUNDINGS)
    assert close(vmap(loss, (0, None))(predicted, target[0]), vmap(loss)(predicted, target[:1].expand(4, 3)), ROUNDINGS)
    assert close(vmap(loss, (None, 0))(predicted[0], target), vmap(loss)(predicted[:1].expand(4, 3), target), ROUNDINGS)
    slopes = torch.stack([gradient(lambda x, t=t: loss(x, t), x) for x, t in zip(predicted, target)])
    assert close(vmap(grad(loss))(predicted, target), slopes, ROUNDINGS, 1.0)
    assert close(jacrev(loss)(predicted[0], target[0]), slopes[0], ROUNDINGS, 1.0)
    _, _, curvature = derivatives(lambda x: loss(x, target[0]), predicted[0])
    assert close(hessian(loss)(predicted[0], target[0]).sum(0), curvature, ROUNDINGS, 1.0)


# --- dtypes ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("loss", LOSSES)
def test_half_precisions_are_computed_in_single(loss, dtype):
    predicted, target = batch(40, dtype=dtype)
    value = loss(predicted, target)
    assert value.dtype == dtype and torch.equal(value, loss(predicted.float(), target.float()).to(dtype))
    assert gradient(lambda x: loss(x, target), predicted).dtype == dtype
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(predicted, target)
    assert value.dtype == torch.float32 and torch.equal(value, loss(predicted.float(), target.float()))


def test_a_target_of_another_dtype():
    predicted, target = batch(6)
    assert torch.equal(focal_loss(predicted.float(), target), focal_loss(predicted.float(), target.float()))


# --- bad input ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("loss", "name"), LOSSES.items())
def test_refused_tensors(loss, name):
    x, t = batch(4, 3)
    for bad in (math.nan, math.inf, -math.inf):
        spoilt = x.clone()
        spoilt[1, 2] = bad
        refusal(DomainError, name, lambda: loss(spoilt, t), math.nan if math.isnan(bad) else bad)
        refusal(DomainError, "target", lambda: loss(x, spoilt.clamp(0, 1) if math.isnan(bad) else spoilt))
        assert not loss(spoilt, t, check_values=False).isfinite()
    refusal(ArgumentError, name, lambda: loss([0.0], t))
    refusal(ArgumentError, name, lambda: loss(x.long(), t), torch.int64)
    refusal(ArgumentError, "target", lambda: loss(x, t.bool()), torch.bool)
    refusal(ArgumentError, "target", lambda: loss(x, t.to("meta")), torch.device("meta"))
    refusal(BroadcastError, "target", lambda: loss(x, t[:, :1]), (4, 1))
    refusal(BroadcastError, "target", lambda: loss(x, t[0]), (3,))
    refusal(BroadcastError, "weight", lambda: loss(x, t, weight=torch.ones(4)), (4,))
    refusal(BroadcastError, "weight", lambda: loss(x, t, weight=torch.ones(2, 4, 3)), (2, 4, 3))
    refusal(ArgumentError, "weight", lambda: loss(x, t, weight=[1.0]))
    refusal(ArgumentError, "weight", lambda: loss(x, t, weight=torch.ones(3, dtype=torch.int64)), torch.int64)
    refusal(ArgumentError, "weight", lambda: loss(x, t, weight=torch.ones(3, device="meta")), torch.device("meta"))
    refusal(DomainError, "weight", lambda: loss(x, t, weight=torch.tensor([1.0, -1.0, 1.0])), -1.0)
    refusal(DomainError, "weight", lambda: loss(x, t, weight=torch.tensor([1.0, math.nan, 1.0])), math.nan)


@pytest.mark.parametrize("loss", [focal_loss, bce_loss])
@pytest.mark.parametrize("label", [-0.25, 1.25])
def test_refused_labels(loss, label):
    x, p = batch(4, 3)
    p[2, 0] = label
    assert "[0, 1]" in refusal(DomainError, "target", lambda: loss(x, p), label)
    assert loss(x, p, check_values=False).isfinite()


@pytest.mark.parametrize("loss", LOSSES)
def test_refused_options(loss):
    x, t = batch(4, 3)
    refusal(DomainError, "reduction", lambda: loss(x, t, reduction="average"), "average")
    refusal(ArgumentError, "check_values", lambda: loss(x, t, check_values="False"), "False")


def test_refused_gamma():
    x, p = batch(4, 3)
    for gamma in (-0.5, math.nan, math.inf, 1e300):
        refusal(DomainError, "gamma", lambda: focal_loss(x, p, gamma=gamma), gamma)
    for gamma in ("2", True, torch.tensor(2.0), None):
        refusal(ArgumentError, "gamma", lambda: focal_loss(x, p, gamma=gamma))


def test_a_wrong_focal_loss_is_seen():
    """Negative control: the comparison with Eq. 7 and its derivative tells another exponent from the right one."""
    x, p = batch(20)
    assert not close(focal_loss(x, p, gamma=2.0), eq_7(x, p, 2.1).mean(), ROUNDINGS, 10.0)


def test_overflow_is_infinite_and_never_a_nan():
    x, t = torch.tensor([1e30, 1.0]), torch.zeros(2)
    assert mse_loss(x, t).item() == math.inf
    text = refusal(DomainError, "predicted", lambda: mse_loss(x, t, weight=torch.tensor([0.0, 1.0])))
    assert "overflow" in text
    assert mse_loss(x, t, weight=torch.tensor([0.0, 1.0]), check_values=False).isnan()
