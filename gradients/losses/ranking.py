"""The two objectives that train a loss predictor on pairs of images: Learning Loss and LearningLoss++.

Of each pair (i, j) they see the true losses l_i, l_j and the predicted losses l̂_i, l̂_j, and of these only the gap
d = l̂_i − l̂_j. Learning Loss (Yoo and Kweon 2019) asks that d have the sign of l_i − l_j by a margin; LearningLoss++
(Shukla and Ahmed 2021) that σ(d) be the share l_i/(l_i + l_j). In both, the true losses are the target: they are
constants, and no gradient flows into them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gammaprob.errors import BroadcastError
from gradients._inputs import (
    cast, compute_dtype, finished, or_one, real_tensor, reduced, same_device, same_shape, values_within, weights,
)
from gradients.losses._all_pairs import divergences, shares, sum_of_divergences, sum_of_rankings
from gradients.losses._arguments import check_common, check_options
from gradients.pairs import explicit_indices, half_of, pair_indices

__all__ = ["learning_loss", "learning_loss_pp"]

_WEIGHT = "pass one weight an image; a pair has the product of its two"


def learning_loss(
    predicted: Tensor, true: Tensor, *, margin: float = 1.0, pairs="halves", weight: Tensor | None = None,
    reduction: str = "mean", generator: torch.Generator | None = None, check_values: bool = True,
) -> Tensor:
    r"""Learning Loss: the margin ranking objective, one term a pair.

    .. math:: \max(0, -\operatorname{sign}(l_i - l_j)(\hat l_i - \hat l_j) + \xi)

    Ties: where l_i = l_j, the sign is 0 and the term the constant ξ without gradient, as the formula says. Where the
    term reaches 0, at d = ±ξ, the gradient is 0.

    Parameters
    ----------
    predicted : Tensor, shape (B,)
        The predicted losses l̂, of any floating dtype.
    true : Tensor, shape (B,)
        The true losses l >= 0; a constant, without gradient.
    margin : float
        The margin ξ >= 0, in the unit of the predicted losses.
    pairs : {"halves", "reversed", "random", "all"} or (i, j)
        How pairs are formed (`gradients.pairs`), or two int64 tensors of shape (P,). ``"all"`` with a mean or a sum
        is evaluated in blocks: memory grows with B, not with B².
    weight : Tensor, shape (B,), optional
        A weight >= 0 an image. The weight of a pair is the product of its two.
    reduction : {"mean", "sum", "none"}
        ``"mean"`` is the weighted mean Σ w·loss / Σ w over the pairs, 0 where there is no pair or no weight;
        ``"none"`` gives the weighted terms, shape (P,), ordered as in `gradients.pairs.pair_indices`.
    generator : torch.Generator, optional
        The source of ``pairs="random"``.
    check_values : bool
        Whether a NaN, an infinity or a negative true loss is an error (`gradients.losses` says how).

    Returns
    -------
    Tensor, a scalar or shape (P,), of the dtype of `predicted` (under autocast at least float32). Half precisions are
    computed in float32.

    Source: paper Eq. 1; its gradient is Eq. 2 (`gradients.closed_form.learning_loss_gradient`). Raises `ArgumentError`
    for a wrong type, dtype or device, `BroadcastError` for shapes that do not fit, `DomainError` for a value or an
    option outside its domain, an odd batch among them.

    >>> import torch
    >>> learning_loss(torch.tensor([6.0, 3.0]), torch.tensor([1.0, 2.0]))    # the worked example, l_i < l_j
    tensor(4.)
    >>> learning_loss(torch.tensor([6.0, 3.0]), torch.tensor([2.0, 1.0]))    # l_i > l_j
    tensor(0.)
    """
    margin = check_options(margin=margin)["margin"]

    def terms(predicted: Tensor, true: Tensor) -> Tensor:
        (l_hat_i, l_hat_j), (l_i, l_j) = predicted.chunk(2), true.chunk(2)
        return torch.relu((l_hat_i - l_hat_j) * torch.sign(l_j - l_i) + margin)

    def in_blocks(predicted: Tensor, true: Tensor, weight: Tensor | None) -> Tensor:
        return sum_of_rankings(predicted, true, weight, margin)

    return _over_pairs(terms, in_blocks, predicted, true, pairs, weight, reduction, generator, check_values)


def learning_loss_pp(
    predicted: Tensor, true: Tensor, *, pairs="halves", weight: Tensor | None = None, reduction: str = "mean",
    generator: torch.Generator | None = None, check_values: bool = True,
) -> Tensor:
    r"""LearningLoss++: the divergence of the predicted from the true share of the loss, one term a pair.

    .. math:: \mathrm{KL}(p \| q) = p_i \log\frac{p_i}{q_i} + p_j \log\frac{p_j}{q_j}, \quad
              p_i = \frac{l_i}{l_i + l_j}, \quad q_i = \frac{e^{\hat l_i}}{e^{\hat l_i} + e^{\hat l_j}}

    Computed from log q, never from q: finite at any predicted gap. One true loss 0 makes p a certainty, and the term
    −log q of the other image; both 0 make it p = ½, the share of any two equal losses.

    Arguments, result and errors (`ArgumentError`, `BroadcastError`, `DomainError`) as for `learning_loss`, without the
    margin, which this objective does without.

    Source: paper Eq. 3, supplementary Eq. 7; its gradient in d is q_i − p_i, Eq. 4
    (`gradients.closed_form.learning_loss_pp_gradient`).

    >>> import torch
    >>> predicted = torch.tensor([1.48, 1.63], requires_grad=True)    # images (a) and (c) of the paper's Fig. 1
    >>> learning_loss_pp(predicted, torch.tensor([0.45, 2.87])).backward()
    >>> predicted.grad
    tensor([ 0.3270, -0.3270])
    """
    return _over_pairs(
        _divergences, sum_of_divergences, predicted, true, pairs, weight, reduction, generator, check_values,
    )


def _divergences(predicted: Tensor, true: Tensor) -> Tensor:
    """The two terms of KL(p‖q) of each pair, shape (2, P)."""
    true = true.reshape(2, -1)
    return divergences(shares(true, true.flip(0)), predicted.reshape(2, -1).log_softmax(0))


def _over_pairs(
    terms: Callable, in_blocks: Callable, predicted: Tensor, true: Tensor, pairs, weight, reduction, generator,
    check_values,
) -> Tensor:
    """Check, pair, evaluate, reduce: `terms` of each pair, or the sum over all pairs from `in_blocks`."""
    check_common(reduction, check_values)
    predicted, true = real_tensor("predicted", predicted), real_tensor("true", true)
    if predicted.ndim != 1:
        raise BroadcastError(
            "predicted", tuple(predicted.shape), "the shape (B,)", "drop an axis of length 1: predicted.squeeze(1)",
        )
    same_shape(("predicted", predicted), ("true", true), "pass one true loss a predicted one, as with true.reshape(-1)")
    same_device(("predicted", predicted), ("true", true))
    weight = weights(weight, predicted.shape, predicted, _WEIGHT, reduction, check_values)
    # Of two precisions the finer one: rounding the true losses could make a tie of two that differ.
    dtype = torch.promote_types(compute_dtype(predicted), compute_dtype(true))
    if check_values:
        values_within("true", true, 0.0, math.inf, "finite numbers >= 0", "pass true losses, such as squared errors")

    values, losses, batch = cast(predicted, dtype), cast(true.detach(), dtype), predicted.shape[0]
    if weight is not None:
        weight = cast(weight, dtype)
    if reduction != "none" and isinstance(pairs, str) and pairs == "all":
        result = in_blocks(values, losses, weight)
        if reduction == "mean":
            result = result / _weight_of_all_pairs(batch, weight)
    else:
        paired, count = _paired(pairs, batch, generator, predicted.device)
        result = terms(paired(values), paired(losses))
        if result.ndim == 2 and weight is None and reduction != "none":
            # One sum over both terms of all pairs: a sum a pair first would take a tenth more time.
            result = result.sum() if reduction == "sum" else result.sum() / max(count, 1)
        else:
            result = result.sum(0) if result.ndim == 2 else result
            result = reduced(result, None if weight is None else paired(weight).reshape(2, -1).prod(0), reduction)
    return finished(
        result, ("predicted", predicted, "look where the prediction diverged"), check_values=check_values,
        headroom=2.0,  # of two such predictions the gap is still finite
    )


def _paired(pairs, batch: int, generator, device: torch.device) -> tuple[Callable[[Tensor], Tensor], int]:
    """What takes a tensor of shape (B,) to its values at the i of all pairs, then at the j, shape (2P,); and P."""
    if isinstance(pairs, str) and pairs == "halves":
        return (lambda tensor: tensor), half_of(batch, pairs)
    if isinstance(pairs, str):
        i, j = pair_indices(batch, pairs, generator=generator, device=device)
    else:
        i, j = explicit_indices(pairs, device)
    order = torch.cat((i, j))
    return (lambda tensor: tensor[order]), i.shape[0]


def _weight_of_all_pairs(batch: int, weight: Tensor | None):
    """Σ_{i<j} w_i w_j, or the number of pairs; 1 where that is 0."""
    if weight is None:
        return max(batch * (batch - 1) // 2, 1)
    return or_one((weight[1:] * torch.cumsum(weight, 0)[:-1]).sum())
