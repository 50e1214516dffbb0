"""Does a fitted gamma law describe the losses? Three distances and their parametric-bootstrap p-values.

The textbook p-values hold for a law that was fixed before the losses were seen. Shape and scale fitted to the same
losses bring the law nearer to them, so that these p-values come out far too large. Here every bootstrap replicate is
drawn from the fitted law, fitted again, and measured from its own fit (Stute, Gonzáles Manteiga and Presedo
Quindimil, Bootstrap based goodness-of-fit tests, Metrika 40, 1993).

All three distances are functions of the fitted shape and of the ratios loss/mean alone, so the scale never enters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammainc, gammaincc

from gammaprob.maximum_likelihood import mean_log_deviation, profile, shape_estimate

__all__ = ["GoodnessTest", "goodness_of_fit"]

# Replicates are drawn as long as the data, but no longer than this: with 1e6 losses they would take minutes, and from
# here on the law of √n D, A² and W² is its limit (Stephens' corrections to it for a fitted normal law, JASA 69, 1974,
# are below 1e-4).
_LONGEST_REPLICATE = 10_000
_BLOCK = 1 << 17  # doubles worked on at once: fits the cache, bounds the memory
# Below this shape numpy's gamma variates would underflow to 0 (a share 1e-308^k of them); their logarithm does not.
_LOG_SAMPLING_BELOW = 0.5
# 1 − P keeps 10 digits down to here; smaller upper tails are computed directly.
_UPPER_TAIL = 1e-6
# gammainc and gammaincc lose digits to underflow below this: there the logarithm is computed instead.
_UNDERFLOW = 1e-290


@dataclass(frozen=True)
class GoodnessTest:
    """One distance between the losses and the fitted law: name, letter, value, and bootstrap p-value."""

    name: str
    letter: str
    statistic: float
    p_value: float


_TESTS = (("Kolmogorov-Smirnov", "D"), ("Anderson-Darling", "A²"), ("Cramér-von Mises", "W²"))


def goodness_of_fit(ratios, shape, *, replicates, seed):
    """Kolmogorov-Smirnov D, Anderson-Darling A² and Cramér-von Mises W² of the losses, with bootstrap p-values.

    D = sup |F_n − F|, A² = n ∫ (F_n − F)²/(F(1 − F)) dF, W² = n ∫ (F_n − F)² dF, F the fitted gamma law.
    `ratios` are log(loss/mean) (see `maximum_likelihood.log_ratios`), `shape` the fitted shape, `replicates` B the
    number of bootstrap samples, each as long as the data (at most 10,000 values: D is then compared as √n D), `seed`
    an int. The p-value is (1 + #{replicates at least as far})/(B + 1): it cannot fall below 1/(B + 1), and under the
    null hypothesis P(p ≤ α) ≤ α but for the error of the fitted shape. Returns a tuple of three `GoodnessTest`.

    >>> from gammaprob.maximum_likelihood import log_ratios, mean_log_deviation, shape_estimate
    >>> losses = np.arange(1.0, 41.0)
    >>> _, ratios = log_ratios(losses)
    >>> tests = goodness_of_fit(ratios, shape_estimate(mean_log_deviation(ratios)), replicates=199, seed=1)
    >>> for test in tests:
    ...     print(f"{test.letter} = {test.statistic:.4f}")
    D = 0.1064
    A² = 0.8691
    W² = 0.1384
    """
    observed = distances(np.sort(ratios)[np.newaxis], np.reshape(shape, (1,)))[0]
    exceeded = np.zeros(len(_TESTS), dtype=np.int64)
    for simulated in _replicates(float(shape), min(ratios.size, _LONGEST_REPLICATE), replicates, seed):
        exceeded += np.count_nonzero(simulated >= observed, axis=0)
    p_values = (1 + exceeded) / (replicates + 1)
    statistics = observed / np.array([np.sqrt(ratios.size), 1.0, 1.0])
    return tuple(
        GoodnessTest(name, letter, float(statistic), float(p_value))
        for (name, letter), statistic, p_value in zip(_TESTS, statistics, p_values)
    )


def _replicates(shape, size, replicates, seed):
    """Yield the distances of samples drawn from Gamma(shape) and fitted again, in blocks of samples."""
    rng = np.random.default_rng(seed)
    rows = max(1, _BLOCK // size)
    for start in range(0, replicates, rows):
        logs = _log_gamma_sample(rng, shape, (min(rows, replicates - start), size))
        logs -= logs.max(axis=1, keepdims=True)
        ratios = logs - np.log(np.mean(np.exp(logs), axis=1, keepdims=True))
        ratios.sort(axis=1)
        yield distances(ratios, shape_estimate(mean_log_deviation(ratios)))


def _log_gamma_sample(rng, shape, size):
    """Logarithms of Gamma(shape, 1) variates; for a small shape as log G_{k+1} + log(U)/k, which cannot underflow."""
    if shape >= _LOG_SAMPLING_BELOW:
        return np.log(rng.standard_gamma(shape, size))
    return np.log(rng.standard_gamma(shape + 1, size)) - rng.standard_exponential(size) / shape


def distances(ratios, shape):
    """√n D, A² and W² of each row of ascending log(loss/mean), against Gamma(shape of the row). Returns (rows, 3)."""
    size = ratios.shape[-1]
    cdf, log_cdf, log_sf = _gamma_probabilities(ratios, np.broadcast_to(shape[:, np.newaxis], ratios.shape))
    upper = np.arange(1, size + 1) / size
    middle = upper - 0.5 / size
    kolmogorov = np.sqrt(size) * (np.max(np.abs(cdf - middle), axis=-1) + 0.5 / size)
    anderson = -size - 2 * np.sum(middle * (log_cdf + log_sf[:, ::-1]), axis=-1)
    cramer = 1 / (12 * size) + np.sum((cdf - middle) ** 2, axis=-1)
    return np.stack([kolmogorov, anderson, cramer], axis=-1)


def _gamma_probabilities(ratios, shape):
    """F, log F and log(1 − F) of Gamma(shape) with mean 1 at exp(ratios), also where F or 1 − F underflows."""
    argument = shape * np.exp(ratios)
    cdf = gammainc(shape, argument)
    low = cdf < _UNDERFLOW
    log_cdf = np.log(np.where(low, 1.0, cdf))
    log_cdf[low] = _log_lower_tail(ratios[low], shape[low])
    cdf[low] = np.exp(log_cdf[low])
    log_sf = np.log1p(-np.minimum(cdf, 1 - _UPPER_TAIL))
    high = cdf > 1 - _UPPER_TAIL
    log_sf[high] = _log_upper_tail(ratios[high], shape[high])
    return cdf, log_cdf, log_sf


def _log_density_factor(ratios, shape):
    """log(z^k e^−z/Γ(k)) at z = k exp(ratios), without the cancellation of its three terms."""
    return shape * (ratios - np.expm1(ratios)) + profile(shape)[0]


def _log_lower_tail(ratios, shape):
    """log P(k, z) far below the mean: P = z^k e^−z/Γ(k + 1) Σ_n z^n/(k+1)_n (DLMF 8.11.4)."""
    argument = shape * np.exp(ratios)
    term = np.ones_like(argument)
    total = np.ones_like(argument)
    order = 0
    while np.any(term > np.finfo(float).eps * total):
        order += 1
        term = term * argument / (shape + order)
        total = total + term
    return _log_density_factor(ratios, shape) - np.log(shape) + np.log(total)


def _log_upper_tail(ratios, shape):
    """log Q(k, z): from gammaincc, and where that underflows from the continued fraction of DLMF 8.9.2."""
    argument = shape * np.exp(ratios)
    tail = gammaincc(shape, argument)
    fraction = np.zeros_like(argument)
    # 64 levels: at Q < 1e-290, z − k > 36 √k, the fraction settles to 1e-15 within 40 for every k in [1e-3, 1e12].
    for level in range(64, 0, -1):
        fraction = level * (shape - level) / (argument - shape + 2 * level + 1 + fraction)
    continued = _log_density_factor(ratios, shape) - np.log(argument + 1 - shape + fraction)
    return np.where(tail < _UNDERFLOW, continued, np.log(np.maximum(tail, _UNDERFLOW)))
