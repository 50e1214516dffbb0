"""Anchor Loss: the binary cross-entropy, scaled by how a prediction compares with a reference, the anchor.

Of a background class, the cross-entropy is raised where its probability q exceeds the anchor q*, the target's, and
lowered where it does not: by (1 + q − q*)^γ. Of a target class it is (1 − q + q*)^γ, with the anchor the background's.
The anchor is a constant, while the modulator's own q carries gradient. Everything comes from logits and stays finite,
with its first two derivatives, at every finite logit (`gradients.losses._modulator`).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from gammaprob.errors import ArgumentError, BroadcastError
from gradients._inputs import (
    broadcastable, cast, compute_dtype, finished, number_within, real_tensor, reduced, same_device, same_shape,
    values_within, weights, whole_number,
)
from gradients.losses._arguments import check_common, check_options, check_power, joints_present
from gradients.losses._modulator import entropies, modulator, smallest, softplus

__all__ = ["anchor_loss", "anchor_loss_pose"]

_DIVERGED = "look where the prediction diverged"
_LABELS = "look at the labels, and at how they were scaled"


def anchor_loss(
    logits: Tensor, target: Tensor, *, gamma: float = 0.5, margin: float = 0.05, modulate: str = "background",
    anchor: Tensor | float | None = None, warmup_epochs: int = 0, epoch: int | None = None,
    weight: Tensor | None = None, reduction: str = "mean", check_values: bool = True,
) -> Tensor:
    r"""Anchor Loss for classification: one loss a sample, summed over its classes.

    .. math:: -\sum_k \left[ (1 - q_k + q_{pos})^{\gamma_t}\, p_k \log q_k
              + (1 + q_k - q_{neg})^{\gamma_b}\, (1 - p_k) \log(1 - q_k) \right], \quad q = \sigma(x)

    ========================  ========  ========  =============================================================
    ``modulate``              γ_t       γ_b       anchor
    ========================  ========  ========  =============================================================
    ``"background"``          0         γ         q_neg = max q over the target classes − δ        (A-3, Eq. 2)
    ``"target"``              γ         0         q_pos = max q over the background classes + δ           (A-2)
    ``"both"``                γ         γ         both                                                    (A-4)
    ========================  ========  ========  =============================================================

    The target classes of a sample are those with its largest label, if that is > 0; the background are the others. A
    sample without target class has no q_neg, one without background no q_pos: that modulator is then 1.

    Parameters
    ----------
    logits : Tensor, shape (N, K)
        The logits x, finite, of any floating dtype.
    target : Tensor
        Class indices, shape (N,), int64, or labels p in [0, 1], hard or soft, shape (N, K). A constant.
    gamma : float
        The exponent γ >= 0; 0 is the binary cross-entropy.
    margin : float
        The margin δ >= 0 on the dynamic anchors.
    modulate : {"background", "target", "both"}
        What is modulated.
    anchor : Tensor or float, optional
        A static q* in [0, 1], a number or of a shape that broadcasts to (N, K), in place of q_neg and q_pos and without
        margin. With 1 − p and ``modulate="both"``, Anchor Loss is the focal loss of hard labels (Eq. 10 to 12).
    warmup_epochs, epoch : int
        While epoch < warmup_epochs, the loss is the softmax cross-entropy −Σ p log softmax(x).
    weight : Tensor, shape (N,), optional
        A weight >= 0 a sample.
    reduction : {"mean", "sum", "none"}
        ``"mean"`` is the weighted mean over the batch Σ w·loss / Σ w, 0 for an empty one; ``"none"`` gives the weighted
        losses, shape (N,).
    check_values : bool
        Whether a NaN, an infinity, a label or anchor outside [0, 1] or a class that does not exist is an error
        (`gradients.losses` says how). Unchecked, a NaN or an infinity ends in the result, labels and anchors are taken
        as they are, and such a class is an `IndexError` or `RuntimeError` of torch.

    Returns
    -------
    Tensor, a scalar or shape (N,), of the dtype of `logits` (under autocast at least float32).

    Source: Anchor Loss Eq. 1 and 2, A-1 to A-4, Section 3.2; warm-up: Section 4.1. Its gradient is
    `gradients.closed_form.anchor_gradient`. Raises `ArgumentError` for a wrong type, dtype or device, `BroadcastError`
    for shapes that do not fit, `DomainError` for a value or an option outside its domain.
    ERRATUM: AL-EQ2, the printed minus stands before the first term only; here it holds for both, as in Eq. 1 and A-1.

    >>> import torch
    >>> logits = torch.tensor([[2.0, 1.0, -1.0]], requires_grad=True)
    >>> anchor_loss(logits, torch.tensor([0])).backward()
    >>> logits.grad
    tensor([[-0.1192,  0.8297,  0.2245]])
    """
    check_common(reduction, check_values)
    options = check_options(gamma=gamma, margin=margin, modulate=modulate, warmup_epochs=warmup_epochs)
    gamma, margin = options["gamma"], options["margin"]
    check_power(gamma, margin)
    warming_up = _warming_up(warmup_epochs, epoch)
    logits, indexed = real_tensor("logits", logits), _is_indexed(target)
    if logits.ndim != 2 or logits.shape[1] == 0:
        raise BroadcastError(
            "logits", tuple(logits.shape), "the shape (N, K) with K >= 1", "pass one row of logits a sample",
        )
    if target.shape != (logits.shape[:1] if indexed else logits.shape):
        raise BroadcastError(
            "target", tuple(target.shape), f"(N,) indices or (N, K) labels of the logits, {tuple(logits.shape)}",
            "pass one class index a sample, or one label a class",
        )
    same_device(("logits", logits), ("target", target))
    anchor = _static_anchor(anchor, logits, check_values)
    weight = weights(weight, logits.shape[:1], logits, "pass one weight a sample", reduction, check_values)
    if check_values:
        if indexed:
            classes = f"classes 0 to {logits.shape[1] - 1}"
            values_within("target", target, 0, logits.shape[1] - 1, classes, "pass more logits, or other indices")
            # Of a target, +∞ costs nothing, but its gradient is a NaN; of a background it costs infinitely much.
            top = logits.detach().gather(1, target[:, None])
            values_within("logits", top, -math.inf, math.inf, "finite numbers", _DIVERGED)
        else:
            values_within("target", target, 0.0, 1.0, "labels in [0, 1]", _LABELS)

    x = cast(logits, compute_dtype(logits))
    target = target if indexed else cast(target.detach(), x.dtype)
    if warming_up:
        losses = F.cross_entropy(x, target, reduction="none")
    else:
        gamma_t, gamma_b = (0.0 if modulate == side else gamma for side in ("background", "target"))
        least = smallest(x.dtype)
        lifts = None if anchor is None else (anchor + least, 1 - anchor + least)
        losses = (_of_classes if indexed else _of_labels)(x, target, gamma_t, gamma_b, max(margin, least), lifts)
    return finished(reduced(losses, weight, reduction), ("logits", logits, _DIVERGED), check_values=check_values)


def anchor_loss_pose(
    logits: Tensor, target: Tensor, *, gamma: float = 2.0, present: Tensor | None = None,
    weight: Tensor | None = None, reduction: str = "mean", check_values: bool = True,
) -> Tensor:
    r"""Anchor Loss for heatmaps: one loss a pixel.

    .. math:: \left[ M (1 + q - q_*)^\gamma + 1 - M \right] \ell_{BCE}(p, q), \quad
              M = [p = 0], \quad q_* = \max_{p > 1/2} q, \quad q = \sigma(x)

    The anchor is one for each heatmap. A heatmap without any pixel above ½ has none: its modulator is 1, which leaves
    the binary cross-entropy. Absent joints take no part.

    Parameters
    ----------
    logits : Tensor, shape (N, J, H, W), or any leading axes
        The logits x, finite, of any floating dtype.
    target : Tensor, the shape of `logits`
        The labels p in [0, 1]: Gaussians of height 1, truncated to exact 0, which the mask M needs. A constant.
    gamma : float
        The exponent γ >= 0; 0 is the binary cross-entropy.
    present : Tensor of bool, shape (N, J), optional
        Which joints are labelled. A heatmap of zeros alone is an absent joint in any case.
    weight : Tensor, a shape that broadcasts to that of `logits`, optional
        A weight >= 0 a pixel; shape (N, J, 1, 1) is one a joint.
    reduction : {"mean", "sum", "none"}
        ``"mean"`` is the weighted mean over the pixels of the joints present, 0 (with zero gradient) where there is
        none; ``"none"`` gives the weighted losses, 0 on absent joints.
    check_values : bool
        Whether a NaN, an infinity, a label outside [0, 1] or a joint present without a pixel of exactly 0 is an error
        (`gradients.losses` says how). Unchecked, a NaN or an infinity ends in the result, labels are taken as they are,
        and a heatmap without exact zeros has the plain cross-entropy.

    Returns
    -------
    Tensor, a scalar or the shape of `logits`, of its dtype (under autocast at least float32).

    Source: Anchor Loss Eq. 3 to 5. Its gradient is `gradients.closed_form.anchor_pose_gradient`. Raises `ArgumentError`
    for a wrong type, dtype or device, `BroadcastError` for shapes that do not fit, `DomainError` for a value or an
    option outside its domain.

    >>> import torch
    >>> logits, target = torch.tensor([[[1.0, 0.0, 2.0, -2.0]]]), torch.tensor([[[1.0, 0.3, 0.0, 0.0]]])
    >>> anchor_loss_pose(logits, target, reduction="none")
    tensor([[[0.3133, 0.6931, 2.8116, 0.0191]]])
    """
    check_common(reduction, check_values)
    gamma = check_options(gamma=gamma)["gamma"]
    check_power(gamma)
    logits, target = real_tensor("logits", logits), real_tensor("target", target)
    same_shape(("logits", logits), ("target", target), "pass one label a pixel")
    if logits.ndim < 2 or 0 in logits.shape[-2:]:
        raise BroadcastError(
            "logits", tuple(logits.shape), "(..., H, W) with at least one pixel", "pass one heatmap a joint",
        )
    same_device(("logits", logits), ("target", target))
    each = "pass one a joint, shape (N, J, 1, 1), or one a pixel"
    weight = weights(weight, logits.shape, logits, each, reduction, check_values, broadcast=True)

    x = cast(logits, compute_dtype(logits))
    target = cast(target.detach(), x.dtype)
    highest = target.amax((-2, -1))
    labelled, present = highest > 0, joints_present(present, ("logits", logits), logits.shape[:-2])
    mask = labelled if present is None else labelled & present
    if check_values:
        lowest = target.amin((-2, -1))  # aminmax would do both at once, but in 20 times the time
        values_within("target", lowest, 0.0, 1.0, "labels in [0, 1]", _LABELS)
        values_within("target", highest, 0.0, 1.0, "labels in [0, 1]", _LABELS)
        values_within(
            "target", lowest * mask, 0.0, 0.0, "heatmaps with a background of exactly 0",
            "truncate the Gaussian, for example at three standard deviations",
        )
    mask = mask[..., None, None].to(x.dtype)
    losses = _of_heatmaps(x, target, gamma)
    result = reduced(losses, mask if weight is None else weight * mask, reduction)
    return finished(result, ("logits", logits, _DIVERGED), check_values=check_values)


# --- the losses, after the checks -------------------------------------------------------------------------------------

def _of_classes(x: Tensor, target: Tensor, gamma_t: float, gamma_b: float, margin: float, lifts) -> Tensor:
    """One target class a sample: its loss takes the place of what it would cost as background; no matrix of labels."""
    target = target[:, None]
    top = x.gather(1, target)
    if lifts is not None:
        lift_t, lift_b = lifts[0].expand_as(x).gather(1, target), lifts[1]
    else:
        lift_t, lift_b = None, torch.sigmoid(-top.detach()) + margin
        if gamma_t:
            others = x.detach().scatter(1, target, -math.inf)
            lift_t = torch.sigmoid(others.amax(1, keepdim=True)) + margin
        if x.shape[1] == 1:
            gamma_t = 0.0  # there is no background
    return _one_sided(x, lift_b, gamma_b).scatter(1, target, _one_sided(-top, lift_t, gamma_t)).sum(1)


def _one_sided(x: Tensor, lift: Tensor, gamma: float) -> Tensor:
    """−(σ(x) + lift)^γ log(1 − σ(x)): a background's loss; of −x a target's."""
    losses = softplus(x)
    return losses * modulator(x, lift, gamma) if gamma else losses


def _of_labels(x: Tensor, target: Tensor, gamma_t: float, gamma_b: float, margin: float, lifts) -> Tensor:
    """A-1 as printed: each class has a share p of target and a share 1 − p of background."""
    of_background, of_target = entropies(x)
    highest = target.amax(1, keepdim=True)
    background = torch.sign(highest - target) + (highest == 0).to(x.dtype)
    if gamma_t:
        lift, inactive = (lifts[0], None) if lifts else _lift(x, 1 - background, 1, 1, margin)
        of_target = of_target * modulator(-x, lift, gamma_t, inactive)
    if gamma_b:
        lift, inactive = (lifts[1], None) if lifts else _lift(x, background, 1, -1, margin)
        of_background = of_background * modulator(x, lift, gamma_b, inactive)
    return torch.lerp(of_background, of_target, target).sum(1)


def _of_heatmaps(x: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Eq. 5. Where the label is not 0, the modulator is 1; where it is 0, only the background's share is left."""
    losses = softplus(x)
    if gamma:
        # In place where a tensor is new: at large batches, memory that the system must provide is half of the time.
        low = (target - 0.5).relu_().sign_().neg_().add_(1)
        lift, missing = _lift(x, low, (-2, -1), -1, smallest(x.dtype))
        inactive = torch.addcmul(missing, 1 - missing, torch.sign(target))
        losses = losses * modulator(x, lift, gamma, inactive)
    return torch.addcmul(losses, target, x, value=-1)


def _lift(x: Tensor, outside: Tensor, dim: int | tuple[int, ...], sign: int, margin: float) -> tuple[Tensor, Tensor]:
    """σ(± x*) + margin, x* the largest logit where `outside` is 0, not 1, detached; and 0 where there is one, else 1.

    The masks are floats made by arithmetic: on a CPU a comparison takes 4 to 8 times as long, a choice by a mask of
    bool 10 times.
    """
    far = torch.finfo(x.dtype).max / 2
    largest = torch.add(x.detach(), outside, alpha=-far).amax(dim, keepdim=True)
    return torch.sigmoid(sign * largest) + margin, (largest < -far / 2).to(x.dtype)


# --- checks of their own ----------------------------------------------------------------------------------------------

def _is_indexed(target) -> bool:
    """Whether the target holds class indices; `ArgumentError` if neither these nor labels."""
    if isinstance(target, Tensor) and (target.dtype == torch.int64 or target.is_floating_point()):
        return target.dtype == torch.int64
    got = target.dtype if isinstance(target, Tensor) else target
    raise ArgumentError(
        "target", got, "a tensor of int64 class indices or of floating labels", "convert it with .long() or .float()",
    )


def _static_anchor(anchor, logits: Tensor, check_values: bool) -> Tensor | None:
    """The static anchor as a tensor to compute with, or None."""
    if anchor is None:
        return None
    domain = "probabilities in [0, 1]", "pass the anchor q*, or None for the dynamic anchors"
    if isinstance(anchor, Tensor):
        anchor = real_tensor("anchor", anchor).detach()
        same_device(("logits", logits), ("anchor", anchor))
        broadcastable("anchor", anchor, logits.shape, "pass one anchor, or one a sample, shape (N, 1), or one a logit")
        if check_values:
            values_within("anchor", anchor, 0.0, 1.0, *domain)
    else:
        number_within("anchor", anchor, lambda value: 0 <= value <= 1, *domain)
        return torch.full((), anchor, dtype=compute_dtype(logits), device=logits.device)
    return anchor.to(compute_dtype(logits))


def _warming_up(warmup_epochs: int, epoch) -> bool:
    """Whether this epoch is one of the warm-up."""
    if epoch is not None or warmup_epochs:
        whole_number("epoch", epoch, 0, "pass the number of the epoch, from 0, whenever warmup_epochs > 0")
    return warmup_epochs > 0 and epoch < warmup_epochs
