"""The torch losses as the cross-checks call them: in float64, on the CPU, with leaves that collect gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

__all__ = ["by_probability", "coefficients", "leaf", "moving", "one_thread", "pair_loss"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch with one thread: its sums then do not depend on the number of cores, and arrays this small gain nothing
    from several (threads that wait for each other on a busy machine took three times the processor time)."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def leaf(values) -> Tensor:
    """A float64 tensor that collects a gradient."""
    return torch.tensor(np.asarray(values, dtype=float), requires_grad=True)


def moving(true, predicted: Tensor) -> Tensor:
    """The true losses, with a derivative of their own with respect to the predicted ones, though with no other value.

    Each image's moves with its own prediction, times a factor between 2 and 3 that is its own. So a loss that does not
    take its true losses as constants has another gradient, whether it lets them through one by one or by a sum or a
    difference, in which two of equal movement would cancel.
    """
    factors = torch.linspace(2.0, 3.0, len(predicted), dtype=predicted.dtype)
    return torch.as_tensor(true) + factors * (predicted - predicted.detach())


def pair_loss(loss: Callable, theta_i, theta_j, w, true_i, true_j, *, pairs=None, reduction="sum", **options) -> Tensor:
    """The loss of the pairs with predicted losses θ_iᵀw, θ_jᵀw and the true losses; `w` is one vector, or one a pair.

    The true losses are `moving`: a loss that does not take them as constants shows it in every gradient.
    """
    theta_i, theta_j, w = (torch.as_tensor(values) for values in (theta_i, theta_j, w))
    predicted_i, predicted_j = (theta_i * w).sum(-1), (theta_j * w).sum(-1)
    predicted, count = torch.cat([predicted_i, predicted_j]), len(predicted_i)
    true = moving(torch.cat([torch.as_tensor(true_i), torch.as_tensor(true_j)]), predicted)
    if pairs is None:
        pairs = torch.arange(count), torch.arange(count, 2 * count)
    return loss(predicted, true, pairs=pairs, reduction=reduction, **options)


def coefficients(loss: Callable, gap, true_i, true_j, **options) -> np.ndarray:
    """The derivative of the loss of each pair with respect to its predicted gap."""
    w = leaf(np.asarray(gap)[:, None])
    pair_loss(loss, torch.ones_like(w), torch.zeros_like(w), w, true_i, true_j, **options).backward()
    return w.grad[:, 0].numpy()


def by_probability(loss: Callable[[Tensor], Tensor], q: np.ndarray) -> np.ndarray:
    """The derivative with respect to each q of a loss that takes logits, each of them by itself."""
    at = leaf(q)
    loss(torch.logit(at)).sum().backward()
    return at.grad.numpy()
