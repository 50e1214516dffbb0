"""The losses that look at one element at a time: focal loss, binary cross-entropy, squared error.

All three take tensors of any shape and treat the target as a constant: no gradient flows into it. Half precisions are
computed in float32.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from gradients._inputs import (
    cast, compute_dtype, finished, real_tensor, reduced, same_device, same_shape, values_within, weights,
)
from gradients.losses._arguments import check_common, check_options, check_power
from gradients.losses._modulator import entropies

__all__ = ["bce_loss", "focal_loss", "mse_loss"]

_SCALED = "look at the labels, and at how they were scaled"


def focal_loss(
    logits: Tensor, target: Tensor, *, gamma: float = 2.0, weight: Tensor | None = None, reduction: str = "mean",
    check_values: bool = True,
) -> Tensor:
    r"""Focal loss: the binary cross-entropy, lowered where the prediction is right.

    .. math:: -p (1 - q)^\gamma \log q - (1 - p)\, q^\gamma \log(1 - q), \quad q = \sigma(x)

    It is Anchor Loss with the static anchor q* = 1 − p of hard labels; γ = 0 is the binary cross-entropy. There is no
    balancing factor α: pass it as a weight.

    Parameters
    ----------
    logits : Tensor, any shape
        The logits x, finite, of any floating dtype.
    target : Tensor, the shape of `logits`
        The labels p in [0, 1], hard or soft; a constant, without gradient.
    gamma : float
        The focusing exponent γ >= 0.
    weight : Tensor, a shape that broadcasts to that of `logits`, optional
        A weight >= 0 an element.
    reduction : {"mean", "sum", "none"}
        ``"mean"`` is the weighted mean Σ w·loss / Σ w, 0 for a tensor without elements or without weight; ``"none"``
        gives the weighted losses.
    check_values : bool
        Whether a NaN, an infinity or a label outside [0, 1] is an error (`gradients.losses` says how). Unchecked, a NaN
        or an infinity ends in the result, and labels outside [0, 1] are taken as they are.

    Returns
    -------
    Tensor, a scalar or the shape of `logits`, of its dtype (under autocast at least float32).

    Source: Anchor Loss Eq. 7. Raises `ArgumentError` for a wrong type, dtype or device, `BroadcastError` for shapes
    that do not fit, `DomainError` for a value or an option outside its domain.

    >>> import torch
    >>> focal_loss(torch.tensor([2.0, -1.0]), torch.tensor([1.0, 0.0]), reduction="none")
    tensor([0.0018, 0.0227])
    """
    check_common(reduction, check_values)
    gamma = check_options(gamma=gamma)["gamma"]
    check_power(gamma)

    def losses(x: Tensor, p: Tensor, reduction: str) -> Tensor:
        background, foreground = entropies(x)
        # Powers from the logarithms: exact, and with bounded derivatives, however small q or 1 − q.
        of_background = torch.exp(-gamma * foreground) * background
        of_target = torch.exp(-gamma * background) * foreground
        return reduced(torch.lerp(of_background, of_target, p), None, reduction)

    return _elementwise(losses, "logits", logits, target, weight, reduction, check_values, (0, 1))


def bce_loss(
    logits: Tensor, target: Tensor, *, weight: Tensor | None = None, reduction: str = "mean", check_values: bool = True,
) -> Tensor:
    r"""Binary cross-entropy of logits.

    .. math:: -p \log q - (1 - p) \log(1 - q), \quad q = \sigma(x)

    `torch.nn.functional.binary_cross_entropy_with_logits`, with checks and a weighted mean. Arguments, result and
    errors (`ArgumentError`, `BroadcastError`, `DomainError`) as for `focal_loss`, without γ.

    Source: Anchor Loss Eq. 6.

    >>> import torch
    >>> bce_loss(torch.tensor([2.0, -1.0]), torch.tensor([1.0, 0.0]), reduction="none")
    tensor([0.1269, 0.3133])
    """
    check_common(reduction, check_values)
    losses = F.binary_cross_entropy_with_logits
    return _elementwise(losses, "logits", logits, target, weight, reduction, check_values, (0, 1))


def mse_loss(
    predicted: Tensor, target: Tensor, *, weight: Tensor | None = None, reduction: str = "mean",
    check_values: bool = True,
) -> Tensor:
    r"""Squared error, the loss that the pose networks of the papers are trained with.

    .. math:: (\hat y - y)^2

    `torch.nn.functional.mse_loss`, with checks and a weighted mean. Arguments, result and errors (`ArgumentError`,
    `BroadcastError`, `DomainError`) as for `focal_loss`; both tensors may hold any finite numbers.

    Source: Anchor Loss, Section 2 and Table 7; paper, Section 4 (true loss of a pose network).

    >>> import torch
    >>> mse_loss(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0]), weight=torch.tensor([3.0, 1.0]))
    tensor(1.7500)
    """
    check_common(reduction, check_values)
    return _elementwise(F.mse_loss, "predicted", predicted, target, weight, reduction, check_values, None)


def _elementwise(
    losses: Callable, name: str, predicted: Tensor, target: Tensor, weight, reduction: str, check_values: bool,
    domain: tuple[int, int] | None,
) -> Tensor:
    """Check, evaluate, reduce: `losses(predicted, target, reduction=…)` of two tensors of one shape."""
    predicted, target = real_tensor(name, predicted), real_tensor("target", target)
    same_shape((name, predicted), ("target", target), "pass one target an element")
    same_device((name, predicted), ("target", target))
    each = "pass one an element, or one that broadcasts"
    weight = weights(weight, predicted.shape, predicted, each, reduction, check_values, broadcast=True)
    if check_values and domain is not None:
        values_within("target", target, *domain, "labels in [0, 1]", _SCALED)
    dtype = compute_dtype(predicted)
    values, labels = cast(predicted, dtype), cast(target.detach(), dtype)
    if weight is None and values.numel():  # at once, because torch's own losses are faster so
        result = losses(values, labels, reduction=reduction)
    else:
        result = reduced(losses(values, labels, reduction="none"), weight, reduction)
    inputs = (name, predicted, "look where the prediction diverged"), ("target", target, _SCALED)
    return finished(result, *inputs, check_values=check_values)
