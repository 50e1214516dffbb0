"""Cross-checks of Learning Loss and LearningLoss++ as they are called on a batch: as is, and over all of its pairs.

The derivatives are those in the predicted losses themselves. A mean or a sum over a batch is rounded once a term.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from mpmath import mp
from torch import Tensor

from gradients._crosscheck_pair import DIVERGENCE, RANKING, Objective, Pairs, derivatives, drawn_pairs
from gradients._crosscheck_rows import Check, Comparison, Context, Evidence
from gradients._crosscheck_torch import leaf, moving, pair_loss

__all__ = ["CHECKS"]

_HALF = 12  # pairs of the batch that is called as is
# All pairs of a batch of so many images; and of one with 9 of each, 270, which more than fills the block of 2^16 pairs
# that ours has. The pairs among copies are ties, and the others need no derivatives of their own.
_IMAGES, _COPIES = 30, (1, 9)


def _images(context: Context, count: int, *key) -> tuple[np.ndarray, np.ndarray]:
    """Predicted losses, of which no two differ by the margin 1, a kink; and true ones, with all of their bits."""
    rng = np.random.default_rng(context.stream("images", *key))
    return 3 * rng.integers(-(2**20), 2**20, count) / 2**20, np.exp(rng.uniform(-6.0, 6.0, count))


def _between(predicted: np.ndarray, true: np.ndarray, i, j) -> Pairs:
    """The pairs (i, j) of a batch. With θ_i = (1, 0) and θ_j = (0, 1) the weights are the predicted losses."""
    unit = np.broadcast_to(np.eye(2)[:, None], (2, len(i), 2))
    return Pairs(*unit, np.stack([predicted[i], predicted[j]], axis=1), true[i], true[j])


def _defaults(objective: Objective) -> dict:
    """The options that a call without options has: the paper's margin, where there is one."""
    return objective.options[0]


def _called(context: Context, objective: Objective, predicted, true, **options) -> tuple[Tensor, np.ndarray]:
    """The torch loss of a batch and its derivative in each predicted loss."""
    at = leaf(predicted)
    value = getattr(context.subjects, objective.loss)(at, moving(true, at), **options)
    value.backward()
    return value.detach(), at.grad.numpy()


def _comparison(objective: Objective, terms: int) -> Comparison:
    """With the roundings of a mean of so many terms; either side of "50 digits" is the closed form or the value."""
    one_term = max(objective.closed_roundings, objective.value_roundings)
    return Comparison(one_term + terms, objective.autograd_roundings + terms)


def _as_called(objective: Objective, context: Context) -> Evidence:
    """The loss and the closed form without any option: pairs by halves, the mean, the paper's margin."""
    predicted, true = _images(context, 2 * _HALF, objective.loss)
    pairs, options = _between(predicted, true, *np.arange(2 * _HALF).reshape(2, _HALF)), _defaults(objective)
    value, gradient = _called(context, objective, predicted, true)
    closed = getattr(context.subjects.closed_form, objective.closed)(
        pairs.theta_i, pairs.theta_j, pairs.w, pairs.true_i, pairs.true_j,
    )
    comparison = _comparison(objective, _HALF)
    comparison.add(
        closed.w, _HALF * gradient.reshape(2, _HALF).T, derivatives(objective, pairs, options, "w"),
        objective.size(pairs, "w")[:, None],
    )
    truth = mp.fsum(objective.formula(*pair, **options) for pair in pairs)
    comparison.add_precise(_HALF * value.item(), truth, np.sum(objective.value_size(pairs)))
    return comparison.evidence()


def _all_pairs(objective: Objective, context: Context) -> Evidence:
    """Every pair of a batch once, in its mean: the gradient of an image is the sum of its coefficients."""
    predicted, true = _images(context, _IMAGES, "all", objective.loss)
    pairs = _between(predicted, true, *np.indices((_IMAGES, _IMAGES)).reshape(2, -1))
    options, square = _defaults(objective), (_IMAGES, _IMAGES)
    slopes = np.array(derivatives(objective, pairs, options, "w"), dtype=object)[:, 0].reshape(square)
    values = np.array([objective.formula(*pair, **options) for pair in pairs], dtype=object).reshape(square)
    sizes, value_sizes = (size.reshape(square) for size in (objective.size(pairs, "w"), objective.value_size(pairs)))
    coefficient = getattr(context.subjects.closed_form, objective.coefficient)
    comparison = _comparison(objective, 2 * max(_COPIES) * _IMAGES)  # a sum a row, and one over the rows
    for copies in _COPIES:
        count = copies * _IMAGES
        order = np.random.default_rng(context.stream("order", copies)).permutation(count) % _IMAGES
        l_hat, own, terms = predicted[order], true[order], count * (count - 1) // 2
        value, gradient = _called(context, objective, l_hat, own, pairs="all")
        # An image has `copies` partners of each other kind, one less of its own; the sum over i and j counts twice.
        partners = copies - np.eye(_IMAGES, dtype=int)
        closed = np.broadcast_to(coefficient(l_hat[:, None] - l_hat, own[:, None], own), (count, count)).sum(1)
        comparison.add(
            closed, terms * gradient, (partners * slopes).sum(1)[order], (partners * sizes).sum(1)[order],
        )
        totals = (copies * (partners * parts).sum() / 2 for parts in (values, value_sizes))
        comparison.add_precise(terms * value.item(), *totals)
    return comparison.evidence()


def _last_layer(context: Context) -> Evidence:
    """Supplementary Eq. 9, as it reaches the last layer: one w, the mean over a batch that is paired by halves."""
    drawn = drawn_pairs(context, "batch")
    count, w = len(drawn.gap), leaf([0.5, -0.25, 1.0])
    pairs = replace(drawn, w=np.tile(w.detach().numpy(), (count, 1)))
    pair_loss(
        context.subjects.learning_loss_pp, pairs.theta_i, pairs.theta_j, w, pairs.true_i, pairs.true_j,
        pairs="halves", reduction="mean",
    ).backward()
    closed = context.subjects.closed_form.learning_loss_pp_gradient(
        pairs.theta_i, pairs.theta_j, pairs.w[0], pairs.true_i, pairs.true_j,
    ).w.mean(axis=0)
    truth = [mp.fsum(entries) / count for entries in zip(*derivatives(DIVERGENCE, pairs, {}, "w"), strict=True)]
    comparison = _comparison(DIVERGENCE, count)
    comparison.add(closed, w.grad.numpy(), truth, np.mean(DIVERGENCE.size(pairs, "w")), points=count)
    return comparison.evidence()


CHECKS = (
    Check("LL++ S9", "mean gradient of a batch", _last_layer),
    Check("LL default", "as called by default", partial(_as_called, RANKING)),
    Check("LL++ default", "as called by default", partial(_as_called, DIVERGENCE)),
    Check("LL all", "all pairs of a batch", partial(_all_pairs, RANKING)),
    Check("LL++ all", "all pairs of a batch", partial(_all_pairs, DIVERGENCE)),
)
