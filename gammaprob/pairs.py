"""What the pairs of the losses themselves show, without any law: the share of near pairs and the mean target at a gap.

Both statistics are sums over all n(n − 1)/2 pairs, found in O(n log n) time and O(n) memory from the sorted losses: the
partners of a loss within an interval of gaps are neighbours in the sorted order, so that two searches count them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["PairStatistic", "bandwidth", "pair_statistics"]


@dataclass(frozen=True)
class PairStatistic:
    """The pairs of the losses at one gap δ (see `pair_statistics` for each quantity)."""

    delta: float
    pairs_within: int
    share: float
    share_standard_error: float
    pairs_near: int
    mean_target: float
    mean_target_standard_error: float


def bandwidth(losses):
    """h = (standard deviation of the losses)/√n, the half width of the window of gaps around δ.

    The mean over the window is biased by O(h²) = O(1/n), less than its standard error of O(n^(-1/2)); the window still
    holds about n^(3/2) pairs, so that narrowing it costs no variance of that order (as for the density of a function of
    pairs: Frees, Estimating densities of functions of observations, JASA 89, 1994).

    >>> bandwidth(np.array([1.0, 2.0, 3.0, 4.0]))
    0.5590169943749475
    """
    largest = losses.max()
    return float(np.std(losses / largest) * largest / np.sqrt(losses.size))


def pair_statistics(losses, deltas):
    """Share of pairs within δ, and mean target p_i of the pairs with gap δ, for every δ of a sequence.

    `losses`: one-dimensional array of at least two finite floats > 0; `deltas`: finite floats ≥ 0. Returns a tuple of
    `PairStatistic`, one per δ:

    - `pairs_within`: the number of pairs i < j with |x_i − x_j| ≤ δ, exact. x_i − x_j is the difference in floating
      point: 0.8 and 0.3 are within 0.5, though the two doubles lie 3e-17 farther apart; 0.4 and 0.1 are not within 0.3,
      because 0.4 − 0.1 is 0.30000000000000004.
    - `share`: that number over n(n − 1)/2, the empirical counterpart of P(|X−Y| ≤ δ) (paper, Eq. 5).
    - `mean_target`: the mean of X/(2X + δ), the target p_i of a loss X in a pair (X, X + δ), over all ordered pairs
      whose gap Y − X lies within `bandwidth` of δ: the counterpart of φ(δ) = E[X/(2X + δ) | Y − X = δ] (paper, Eq.
      6). `pairs_near` is their number; the mean is NaN where it is 0.
    - standard errors: every loss takes part in n − 1 pairs, so that pairs are dependent; the squared sums of the
      residuals of each loss's pairs account for that (Fafchamps and Gubert, The formation of risk sharing networks,
      J. Dev. Econ. 83, 2007; for the share it is Hoeffding's U-statistic variance). Asymptotic: a rough guide under
      about 30 losses.

    >>> statistic, = pair_statistics(np.array([0.1, 0.2, 0.4, 0.4]), [0.2])
    >>> statistic.pairs_within, round(statistic.share, 4)
    (4, 0.6667)
    """
    losses = np.asarray(losses, dtype=float)
    values, counts = np.unique(losses, return_counts=True)
    # Whatever the caller's own setting: beyond the largest double lies no loss, and where δ/X is, the target is 0.
    with np.errstate(all="ignore"):
        width = bandwidth(losses)
        return tuple(_statistic(values, counts, float(delta), width) for delta in deltas)


def _statistic(values, counts, delta, width):
    size = int(counts.sum())
    total = size * (size - 1) // 2
    below = np.concatenate([[0], np.cumsum(counts)])  # losses among the first i distinct values

    partners = below[_reach(values, delta)] - below[_reach(values, np.nextafter(-delta, -np.inf))] - 1
    within = int(np.sum(counts * partners)) // 2
    share = within / total
    share_error = np.sqrt(np.sum(counts * (partners - share * (size - 1)) ** 2)) / total

    low, high = delta - width, delta + width
    first, last = _reach(values, np.nextafter(low, -np.inf)), _reach(values, high)
    own = int(low <= 0 <= high)  # a loss is no partner of itself
    partners = below[last] - below[first] - own
    near = int(np.sum(counts * partners))
    if near == 0:
        return PairStatistic(delta, within, share, float(share_error), 0, np.nan, np.nan)
    target = 1 / (2 + delta / values)
    mean = np.sum(counts * partners * target) / near
    residual = target - mean
    as_first = partners * residual
    weights = counts * residual
    steps = np.bincount(first, weights, values.size + 1) - np.bincount(last, weights, values.size + 1)
    as_second = np.cumsum(steps)[:-1] - own * residual
    mean_error = np.sqrt(np.sum(counts * (as_first + as_second) ** 2)) / near
    return PairStatistic(delta, within, share, float(share_error), near, float(mean), float(mean_error))


def _reach(values, gap):
    """For each of the ascending distinct values u: how many values v have v − u ≤ gap in floating point.

    The rounded sum u + gap misses the answer by the values that lie within a rounding of it: mostly none, but all that
    are tiny beside u where −gap is about u. v − u is monotone in v, so that bisection finds those answers.
    """
    size = values.size
    reach = np.searchsorted(values, values + gap, side="right")
    short = (reach < size) & (values[np.minimum(reach, size - 1)] - values <= gap)
    long = (reach > 0) & (values[np.maximum(reach - 1, 0)] - values > gap)
    missed = np.flatnonzero(short | long)
    start = values[missed]
    low = np.where(short[missed], reach[missed] + 1, 0)
    high = np.where(short[missed], size, reach[missed] - 1)
    while np.any(low < high):
        middle = (low + high) // 2
        within = (middle < size) & (values[np.minimum(middle, size - 1)] - start <= gap)
        low, high = np.where(within, middle + 1, low), np.where(within, high, middle)
    reach[missed] = low
    return reach
