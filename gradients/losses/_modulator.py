"""The parts of a modulated cross-entropy, from logits, finite at every finite logit with their first two derivatives.

A modulator of Anchor Loss is (1 + q − q*)^γ on the background, and (1 − q + q*)^γ on the target, which is the same of
the mirrored logit −x. Written as (σ(x) + lift)^γ with lift = 1 − q* = σ(−x*) + margin, nothing cancels in it.

The lift is never 0 but `smallest(dtype)` at the least. With γ < 2 and a lift of 0, a probability that underflows would
make a derivative of the power infinite, and its product with the vanished cross-entropy a NaN. As the cross-entropy is
below 1.5 q there, the loss changes by less than 1.5 γ times that smallest number. Rejected: exp(γ logaddexp(log q, log
lift)), which is exact there too, but makes the whole loss take 1.2 to 2.5 times as long.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["entropies", "modulator", "smallest", "softplus"]


def smallest(dtype: torch.dtype) -> float:
    """The smallest lift: its power −2, the steepest in a second derivative, stays 2^16 below the dtype's largest."""
    return 2.0**7 * torch.finfo(dtype).tiny ** 0.5


def softplus(logits: Tensor) -> Tensor:
    """−log(1 − σ(x)) to a rounding, and never below x. torch's own threshold of 20 would cost float64 six digits."""
    return F.softplus(logits, threshold=40.0)


def modulator(logits: Tensor, lift: Tensor | float, gamma: float, inactive: Tensor | None = None) -> Tensor:
    """(σ(x) + lift)^γ, but 1, without gradient, where `inactive` is 1 instead of 0."""
    if inactive is None:
        return (torch.sigmoid(logits) + lift) ** gamma
    # There, a probability of 0 and a lift of 1.
    probability = torch.sigmoid(torch.add(logits, inactive, alpha=-torch.finfo(logits.dtype).max))
    return (probability + (1 - inactive).mul_(lift).add_(inactive)) ** gamma


def entropies(logits: Tensor) -> tuple[Tensor, Tensor]:
    """−log(1 − q) and −log q.

    The latter as softplus(x) − x. It saves a second logarithm and is never below 0; where q is near 1 it is exact to a
    rounding of the logit, as torch's binary cross-entropy is where q is near 0.
    """
    background = softplus(logits)
    return background, background - logits
