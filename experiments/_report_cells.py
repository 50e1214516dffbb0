"""The analytics of one cell: the law of a pool's losses beside their pairs, and what training did with its pairs.

Letters as in the paper: l true loss, δ = |l_i − l_j|, i the image of the lower true loss, p_i = l_i/(l_i + l_j),
q_i = σ(l̂_i − l̂_j), and c = ∂L/∂(l̂_i − l̂_j), the coefficient of the gradient c (θ_i − θ_j).
"""

from __future__ import annotations

import zlib

import numpy as np

from gammaprob import expected_gradient, expected_target, fit_losses, gap_cdf, gap_ppf
from gammaprob.errors import DomainError
from gammaprob.maximum_likelihood import checked_scale, log_ratios, mean_log_deviation, shape_estimate
from gammaprob.pairs import pair_statistics
from gradients.closed_form import kl_coefficient, predicted_target, ranking_coefficient, true_target

__all__ = ["LEVEL", "LEVELS", "pool_law", "training_updates"]

# Pairs are looked at where the law has these probabilities of a smaller gap.
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
# The law is rejected at this level, which 99 replicates can just reach: p is 1/100 where none is as far off.
LEVEL, _REPLICATES = 0.01, 99


def pool_law(losses) -> tuple[dict, list[dict]]:
    """The gamma law of the losses, its tests, and at five gaps δ what the law says and what the pairs show.

    The first result has the number of losses, `left_out` (losses that no gamma law has: 0, or not finite; the law is
    that of the others), `status` (why there is no law, or None), shape and scale with standard errors, the three
    distances of `gammaprob.fit_losses` with p-values from 99 bootstrap replicates, and the largest distance of law and
    pairs in P(|X−Y| ≤ δ) and φ(δ). The second has a row for each δ. Raises no error for losses without a law.

    >>> pool, gaps = pool_law(np.arange(1.0, 41.0) / 40)
    >>> print(f"{pool['shape']:.4f} {pool['anderson_darling_p']:.2f} {gaps[2]['law_share']:.3f} {gaps[2]['share']:.3f}")
    2.0565 0.03 0.500 0.479
    >>> pool_law([0.0, 0.5])[0]["status"]
    'losses: got 1; allowed: at least two values; pass the losses of more images'
    """
    losses = np.asarray(losses, dtype=np.float64)
    usable = losses[np.isfinite(losses) & (losses > 0)]
    row = {"losses": losses.size, "left_out": losses.size - usable.size, "status": None}
    try:
        # One seed for all pools would hold them all against the same replicates, and reject far too many or none.
        fit = fit_losses(usable, deltas=(), bootstrap=_REPLICATES, level=LEVEL, seed=zlib.crc32(usable.tobytes()))
    except DomainError as error:  # too few, or constant
        return row | {"status": str(error)}, []
    deltas = gap_ppf(np.array(LEVELS), shape=fit.shape, scale=fit.scale)
    targets = expected_target(deltas, shape=fit.shape, scale=fit.scale)
    gaps = [
        {
            "level": level, "delta": pairs.delta, "share": pairs.share, "share_error": pairs.share_standard_error,
            "law_share": float(gap_cdf(pairs.delta, shape=fit.shape, scale=fit.scale)), "near": pairs.pairs_near,
            "target": pairs.mean_target, "target_error": pairs.mean_target_standard_error, "law_target": float(target),
        }
        for level, pairs, target in zip(LEVELS, pair_statistics(usable, deltas), targets)
    ]
    tests = {
        "kolmogorov_smirnov": fit.kolmogorov_smirnov, "anderson_darling": fit.anderson_darling,
        "cramer_von_mises": fit.cramer_von_mises,
    }
    row |= {
        "mean": fit.mean, "shape": fit.shape, "shape_error": fit.shape_standard_error,
        "scale": fit.scale, "scale_error": fit.scale_standard_error,
        **{key: value for name, test in tests.items()
           for key, value in ((name, test.statistic), (f"{name}_p", test.p_value))},
        "share_difference": _largest(gap["share"] - gap["law_share"] for gap in gaps),
        "target_difference": _largest(gap["target"] - gap["law_target"] for gap in gaps),
    }
    return row, gaps


def _largest(differences):
    """The difference of the largest size, with its sign; a mean target over no pairs (NaN) is no difference."""
    return max((value for value in differences if value == value), key=abs, default=None)


def training_updates(pairs: dict[str, np.ndarray], *, objective: str, margin: float) -> list[dict]:
    """The pairs that training compared, in six classes of the gap δ of their true losses: what it did and was to do.

    `pairs` has the arrays epoch, true_i, true_j, predicted_i, predicted_j, one value a pair, as recorded; `objective`
    is learning_loss or learning_loss_pp, `margin` the ξ of the former. A gamma law is fitted to the true losses of each
    epoch, since training moves them. A row is a class of gaps up to `delta`, in ascending order (the last has no upper
    end, None):

    - `within`, `law_within`, `updates_within`: share of the pairs with a gap ≤ δ; P(|X−Y| ≤ δ) of the law; share of the
      gradient, Σ|c| over these pairs by Σ|c| over all. For Learning Loss, |c| is 0 or 1: the share of its updates.
    - `pairs`, `gap`, `q`, `p`, `law_p`, `coefficient`: the number of pairs in the class, and means over them: of the
      gap, q_i, p_i, φ at the pair's gap, and c = q_i − p_i (LearningLoss++) or ±1, 0 (Learning Loss).
    - `expected`: LearningLoss++ alone, the mean of `gammaprob.expected_gradient` at the pair's gap and q_i, the
      coefficient that the law expects.

    `left_out` counts the pairs that no law describes: a true loss is 0, a number is not finite, or all losses of the
    epoch are equal. No row if that is all of them.

    >>> rng = np.random.default_rng(0)
    >>> true = rng.gamma(30, 0.01, (2, 5000))
    >>> pairs = {"epoch": np.zeros(5000, int), "true_i": true[0], "true_j": true[1],
    ...          "predicted_i": 0 * true[0], "predicted_j": 0 * true[1]}
    >>> first, *_, last = training_updates(pairs, objective="learning_loss_pp", margin=1.0)
    >>> print(f"{first['within']:.2f} {last['coefficient']:.2f} {last['expected']:.2f}")
    0.10 0.13 0.13
    """
    first, second, predicted, other = (
        np.asarray(pairs[name], dtype=np.float64) for name in ("true_i", "true_j", "predicted_i", "predicted_j")
    )
    law = _laws(np.asarray(pairs["epoch"]), first, second)
    usable = np.isfinite(law[0]) & np.isfinite(predicted) & np.isfinite(other)
    if not usable.any():
        return []
    swapped = first > second
    low, high = np.minimum(first, second)[usable], np.maximum(first, second)[usable]
    gap, ahead = high - low, np.where(swapped, other - predicted, predicted - other)[usable]
    shape, scale = law[:, usable]
    q, p = predicted_target(ahead), true_target(low, high)
    ranks = objective == "learning_loss"
    c = ranking_coefficient(ahead, low, high, margin=margin) if ranks else kl_coefficient(ahead, low, high)
    means = {"gap": gap, "q": q, "p": p, "law_p": expected_target(gap, shape=shape, scale=scale), "coefficient": c}
    if not ranks:
        # (q − φ)(θ_i − θ_j) with features 1 and 0 is the coefficient itself.
        means["expected"] = expected_gradient(gap, q, [1.0], [0.0], shape=shape, scale=scale)[..., 0]
    edges = gap_ppf(np.array(LEVELS), shape=np.median(shape), scale=np.median(scale))
    which, size = np.searchsorted(edges, gap), np.abs(c)
    rows = []
    for place, delta in enumerate([*edges.tolist(), None]):
        chosen, within = which == place, which <= place
        rows.append({
            "delta": delta, "left_out": int(usable.size - usable.sum()), "pairs": int(chosen.sum()),
            "within": float(within.mean()),
            "law_within": 1.0 if delta is None else float(gap_cdf(delta, shape=shape, scale=scale).mean()),
            "updates_within": float(size[within].sum() / size.sum()) if size.any() else None,
            **{name: float(values[chosen].mean()) if chosen.any() else None for name, values in means.items()},
        })
    return rows


def _laws(epochs, first, second) -> np.ndarray:
    """Shape and scale, (2, pairs): of the law of the epoch that each pair is from, NaN for pairs that have none."""
    laws = np.full((2, epochs.size), np.nan)
    sound = np.isfinite(first) & np.isfinite(second) & (first > 0) & (second > 0)
    for epoch in np.unique(epochs[sound]):
        chosen = sound & (epochs == epoch)
        losses = np.concatenate([first[chosen], second[chosen]])
        if losses.min() == losses.max():
            continue
        mean, ratios = log_ratios(losses)
        shape = float(shape_estimate(mean_log_deviation(ratios)))
        laws[:, chosen] = [[shape], [checked_scale(mean, shape)]]
    return laws
