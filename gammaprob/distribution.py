"""The law of the loss gap |X − Y| as a scipy.stats distribution: `gamma_gap(shape, scale=Θ)`.

Imported when it is first used, because scipy.stats is slow to import; the numbers come from `gammaprob.gap`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, gamma, gammaln, poch
from scipy.stats import CensoredData, rv_continuous

from gammaprob import gap
from gammaprob.errors import DomainError
from gammaprob.fit import refuse_masked

__all__ = ["gamma_gap", "gamma_gap_gen"]

# Γ(k + ½)/Γ(k) = √k (1 − 1/(8k) + …), DLMF 5.11.13; the first term left out is below 3e-17 at k = 20. The
# ratio of the two Γ errs by 5e-15 up to there, by 1e-14 up to 33 and by 7e-14 up to 150 (measured).
_HALF_STEP_SERIES = (
    1, -1 / 8, 1 / 128, 5 / 1024, -21 / 32768, -399 / 262144, 869 / 4194304, 39325 / 33554432, -334477 / 2147483648,
    -28717403 / 17179869184,
)
_HALF_STEP_FROM = 20.0
# W ~ Gamma(k, 1) underflows with probability 1e-308^k: 1e-31 here, a half at k = 1e-3, where √W would still be a
# double.
_MIXTURE_FROM = 0.1
# The entropy's integrand in t = log z is analytic for |Im t| < π/2, so that the trapezoidal rule of step h errs by
# exp(−π²/h) (Trefethen and Weideman 2014): 4e-22 here. Its lower tail, of about |t| exp(t), is cut at 4e-18.
_ENTROPY_STEP = 0.2
_ENTROPY_LOWER = -44.0
# From this shape on the density is integrable against its own logarithm without its singular factor split off.
_DIRECT_ENTROPY_FROM = 0.25
_START_SHAPES = (1e-3, 1e3)


class gamma_gap_gen(rv_continuous):
    """The distribution of |X − Y| for independent X, Y ~ Gamma(shape, scale): the loss gap of two images.

    The one shape parameter `shape` is the papers' k (any real number > 0), `scale` their Θ; the support is [0, ∞).
    Density (z/2)^(k−½) K_{k−½}(z)/(√π Γ(k)) · 2/Θ with z = δ/Θ; for integer k a mixture of Erlang laws (paper, Eq. 5).

    All methods of scipy.stats.rv_continuous: pdf, logpdf, cdf, logcdf, sf, logsf, ppf, isf (to the accuracy of
    `gammaprob.gap`), mean, var, std, median, stats, moment (closed forms), entropy (1e-13), rvs, interval, expect, fit.
    Outside the domain scipy's convention holds: NaN, and ValueError from rvs.

    >>> gap_law = gamma_gap(4, scale=0.066)
    >>> print(f"{gap_law.cdf(0.1):.12f} {gap_law.mean():.12f}")
    0.440766939054 0.144375000000
    >>> bool(gamma_gap.cdf(0.1, shape=4, scale=0.066) == gap_law.cdf(0.1))
    True
    """

    def _argcheck(self, shape):
        return (shape > 0) & np.isfinite(shape)

    def _pdf(self, x, shape):
        return gap.gap_pdf(x, shape=shape, scale=1.0)

    def _logpdf(self, x, shape):
        return gap.gap_logpdf(x, shape=shape, scale=1.0)

    def _cdf(self, x, shape):
        return gap.gap_cdf(x, shape=shape, scale=1.0)

    def _logcdf(self, x, shape):
        return gap.gap_logcdf(x, shape=shape, scale=1.0)

    def _sf(self, x, shape):
        return gap.gap_sf(x, shape=shape, scale=1.0)

    def _logsf(self, x, shape):
        return gap.gap_logsf(x, shape=shape, scale=1.0)

    def _ppf(self, q, shape):
        return gap.gap_ppf(q, shape=shape, scale=1.0)

    def _isf(self, q, shape):
        return gap.gap_isf(q, shape=shape, scale=1.0)

    def _rvs(self, shape, size=None, random_state=None):
        """√(2W) |N| with W ~ Gamma(k, 1) and N normal; for very small k, where W underflows, |X − Y| itself."""
        if np.all(np.asarray(shape) >= _MIXTURE_FROM):
            return np.sqrt(2 * random_state.standard_gamma(shape, size)) * np.abs(random_state.standard_normal(size))
        return np.abs(random_state.standard_gamma(shape, size) - random_state.standard_gamma(shape, size))

    def _munp(self, n, shape):
        """E|X−Y|^n = 2^n Γ(k + n/2) Γ((n+1)/2)/(√π Γ(k)), from |X−Y| = √(2W)|N|; inf where no double holds it."""
        with np.errstate(all="ignore"):
            normal = np.ldexp(gamma((n + 1) / 2) / np.sqrt(np.pi), n)
            if n % 2 == 0:
                return normal * poch(shape, n // 2)
            return normal * _half_step(shape) * poch(np.asarray(shape) + 0.5, n // 2)

    def _stats(self, shape):
        """Mean, variance, skewness and excess kurtosis, from the raw moments over the powers of √k, which stay small.

        With r = (mean)²/k: variance = k (2 − r), third central moment = k^(3/2) √r (2r − 2 + 2/k), fourth =
        k² (12 − 4r − 3r² + (12 − 8r)/k).
        """
        k = np.asarray(shape, dtype=float)
        with np.errstate(all="ignore"):
            mean = 2 / np.sqrt(np.pi) * _half_step(k)
            root = mean / np.sqrt(k)
            r = root**2
            skewness = root * (2 * r - 2 + 2 / k) / (2 - r) ** 1.5
            kurtosis = (12 - 4 * r - 3 * r**2 + (12 - 8 * r) / k) / (2 - r) ** 2 - 3
            return mean, k * (2 - r), skewness, kurtosis

    def _entropy(self, shape):
        with np.errstate(all="ignore"):
            return _unit_entropy(float(shape))

    def _fitstart(self, data, args=None):
        """Shape and scale from the first two moments about 0: E|X−Y|²/(E|X−Y|)² depends on the shape alone."""
        values = data._uncensor() if isinstance(data, CensoredData) else np.asarray(data, dtype=float)
        first, second = np.mean(np.abs(values)), np.mean(np.square(values))
        if not second > 0:
            raise DomainError("data", second, "gaps that are not all 0", "pass |x_i − x_j| of losses that differ")
        log_shapes = np.log(_START_SHAPES)

        def excess(log_shape):
            k = np.exp(log_shape)
            return 2 / np.pi * _half_step(k) ** 2 / k - first**2 / second

        if excess(log_shapes[0]) >= 0:
            shape = _START_SHAPES[0]
        elif excess(log_shapes[1]) <= 0:
            shape = _START_SHAPES[1]
        else:
            shape = float(np.exp(brentq(excess, *log_shapes)))
        return shape, 0.0, float(np.sqrt(second / (2 * shape)))

    def fit(self, data, *args, **kwds):
        """Shape, location and scale by maximum likelihood (or `method="MM"`), as scipy.stats.rv_continuous.fit.

        One thing differs: the location is fixed at 0, where the law has it, unless `floc` says otherwise or a starting
        value `loc` sets it free. (For shape ≤ ½ the density is infinite at the location, and the likelihood with it.)
        `f0`, `fshape`, `fix_shape`, `fscale`, `floc`, `optimizer`, starting values and CensoredData are scipy's.
        Gaps tell little about a large shape: from 4 on the law nears the half-normal law of variance 2kΘ², and where
        the data are nearer to that than any gamma law's gaps, the shape found is as large as the optimizer went.
        Raises DomainError for no data and for a gap, or a bound of a censored one, below a fixed location, and
        ArgumentError for masked data.

        >>> shape, loc, scale = gamma_gap.fit(gamma_gap.rvs(1.5, scale=0.1, size=1000, random_state=7))
        >>> loc, bool(1 < shape < 2.5), bool(0.07 < scale < 0.13)
        (0.0, True, True)
        """
        refuse_masked("data", data)
        if not isinstance(data, CensoredData):
            data = np.ravel(data)
        if not len(data):
            raise DomainError("data", 0, "at least one gap", "these are empty: pass |x_i − x_j| of some losses")
        free = "loc" in kwds and "floc" not in kwds
        if not free:
            kwds.pop("loc", None)
            loc = kwds.pop("floc", 0.0)
            _check_gaps(data, loc)
        with np.errstate(all="ignore"):  # on its way the optimizer meets parameters far off, whatever the caller set
            if free:
                return super().fit(data, *args, **kwds)
            shape, _, scale = super().fit(data - loc, *args, floc=0.0, **kwds)
        return shape, loc, scale


def _check_gaps(data, loc):
    """DomainError naming the first gap below the location, or for CensoredData the first such gap or bound of one."""
    censored = isinstance(data, CensoredData)
    if censored:
        values = np.concatenate([data._uncensored, data._left, data._right, data._interval.ravel()])
    else:
        values = data
    below = np.flatnonzero(values < loc)
    if below.size:
        raise DomainError(
            "data" if censored else f"data[{below[0]}]", float(values[below[0]]), f"a gap ≥ {loc:g}, the location",
            "pass |x_i − x_j|, or free the location with a start loc=…",
        )



def _half_step(shape):
    """Γ(k + ½)/Γ(k), relative error below 6e-15 (measured against mpmath for k in [1e-3, 1e12])."""
    k = np.asarray(shape, dtype=float)
    small, large = np.minimum(k, _HALF_STEP_FROM), np.maximum(k, _HALF_STEP_FROM)
    series = np.sqrt(large) * np.polynomial.polynomial.polyval(1 / large, _HALF_STEP_SERIES)
    return np.where(k < _HALF_STEP_FROM, gamma(small + 0.5) / gamma(small), series)


@lru_cache(maxsize=1024)
def _unit_entropy(shape):
    """−E log f(Z) at scale 1, by the trapezoidal rule in t = log z.

    The integrand's lower tail decays like exp(t min(1, 2k)): too slowly for k < ¼. There log f is split into its
    limit for z → 0, log(C (z/2)^{2k−1}) with C = Γ(½ − k)/(√π Γ(k)), whose mean is known since E log(Z/2) = (ψ(k) +
    ψ(½))/2, and a remainder that vanishes like z^{1−2k} and so makes the integrand decay like exp(t) again.
    """
    upper = np.log(gap.gap_isf(1e-300, shape=shape, scale=1.0))
    direct = shape >= _DIRECT_ENTROPY_FROM
    lower = _ENTROPY_LOWER / min(1.0, 2 * shape) if direct else _ENTROPY_LOWER
    t = np.arange(lower, upper + _ENTROPY_STEP, _ENTROPY_STEP)
    z = np.exp(t)
    weights = _ENTROPY_STEP * z * gap.gap_pdf(z, shape=shape, scale=1.0)
    log_density = gap.gap_logpdf(z, shape=shape, scale=1.0)
    if direct:
        return float(-np.sum(weights * log_density))
    log_constant = gammaln(0.5 - shape) - 0.5 * np.log(np.pi) - gammaln(shape)
    power = 2 * shape - 1
    remainder = log_density - log_constant - power * (t - np.log(2))
    mean_log = 0.5 * (digamma(shape) + digamma(0.5))
    return float(-log_constant - power * mean_log - np.sum(weights * remainder))


gamma_gap = gamma_gap_gen(a=0.0, name="gamma_gap")
