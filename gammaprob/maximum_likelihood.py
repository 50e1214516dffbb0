"""Maximum likelihood for the gamma law, location 0, for many samples at once.

With the scale profiled out (Θ = mean/k) the log-likelihood of n losses is

    ℓ(k) = n (g(k) − (k − 1) s − log mean),   g(k) = k log k − k − log Γ(k),

where s = log(mean) − mean(log) is the mean logarithmic deviation of the sample, the only statistic that the shape
depends on. g is concave, so ℓ' = n (g'(k) − s) = n (log k − ψ(k) − s) has one zero: the estimate.
"""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaln, polygamma

from gammaprob.errors import ConvergenceError, DomainError

__all__ = ["checked_scale", "log_ratios", "mean_log_deviation", "profile", "shape_estimate", "standard_errors"]

# Stirling's series in 1/k (DLMF 5.11.1, 5.11.2) replaces the closed forms from here on, since those cancel: at k = 1e5,
# log k − ψ(k) keeps 10 digits. The first term left out, B_14/(14 k^14), is then below 4e-17 of the value.
_SERIES_FROM = 16.0
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730)
# Newton's error is of the order of the square of its last step: a relative step below 1e-8 leaves the rounding alone.
_LAST_STEP = 1e-8
_NEWTON_STEPS = 20
# Beyond this shape the coefficient of variation, k^(-1/2), is below 1e-6 and the rounding of the losses themselves
# (1e-16) reaches the tenth digit of their distribution function: the losses count as constant.
_LARGEST_SHAPE = 1e12


def profile(shape):
    """g(k) = k log k − k − log Γ(k) and its first two derivatives, log k − ψ(k) and 1/k − ψ'(k).

    Measured error for k in [1e-3, 1e12]: 2e-14 relative; of g, which has a zero near 2π, 2e-14 of max(|g|, 1). Source:
    DLMF 5.11.1, 5.11.2 for k ≥ 16. Real k > 0, any shape of array.

    >>> value, slope, curvature = profile(1.0)
    >>> print(f"{value:.6f} {slope:.6f} {curvature:.6f}")   # -1, Euler's constant, 1 − π²/6
    -1.000000 0.577216 -0.644934
    """
    k = np.asarray(shape, dtype=float)
    small = np.minimum(k, _SERIES_FROM)
    large = np.maximum(k, _SERIES_FROM)
    value = 0.5 * np.log(large / (2 * np.pi))
    slope = 0.5 / large
    curvature = -0.5 / large**2
    for j, bernoulli in enumerate(_BERNOULLI, start=1):
        value = value - bernoulli / (2 * j * (2 * j - 1)) * large ** (1 - 2 * j)
        slope = slope + bernoulli / (2 * j) * large ** (-2 * j)
        curvature = curvature - bernoulli * large ** (-2 * j - 1)
    direct = k < _SERIES_FROM
    return (
        np.where(direct, small * np.log(small) - small - gammaln(small), value),
        np.where(direct, np.log(small) - digamma(small), slope),
        np.where(direct, 1 / small - polygamma(1, small), curvature),
    )


def shape_estimate(deviation):
    """The maximum-likelihood shape: the root k of log k − ψ(k) = s, for every s of an array.

    Newton's method in 1/k (Minka, Estimating a Gamma distribution, 2002) from a start within 1.5 per cent of the root.
    s > 0 of any array shape; ConvergenceError where s is not a positive number.

    >>> float(shape_estimate(np.euler_gamma).round(12))
    1.0
    """
    s = np.asarray(deviation, dtype=float)
    if not np.all((s > 0) & np.isfinite(s)):
        raise ConvergenceError("mean_log_deviation", s, "finite numbers > 0", "pass losses that are not all equal")
    rate = 12 * s / (3 - s + np.sqrt((s - 3) ** 2 + 24 * s))
    for _ in range(_NEWTON_STEPS):
        _, slope, curvature = profile(1 / rate)
        change = (slope - s) * rate / curvature
        rate = rate * (1 + change)
        if np.all(np.abs(change) < _LAST_STEP):
            return 1 / rate
    raise ConvergenceError("shape", 1 / rate, f"a root within {_NEWTON_STEPS} Newton steps", "report the losses")


def log_ratios(losses):
    """The mean of the losses and log(x/mean) of each, for a one-dimensional array of positive floats.

    Also right where x/mean under- or overflows, and to full relative accuracy near x = mean.

    >>> mean, ratios = log_ratios(np.array([1e-300, 1e300]))
    >>> print(mean, ratios.round(4))
    5e+299 [-1.3808579e+03  6.9310000e-01]
    """
    exponent = np.frexp(losses.max())[1]
    scaled = np.ldexp(losses, -exponent)  # a power of two: exact, and the sum cannot overflow
    scaled_mean = scaled.mean()
    difference = (scaled - scaled_mean) / scaled_mean
    mantissa, exponents = np.frexp(losses)
    far_below = np.log(mantissa) + (exponents - exponent) * np.log(2.0) - np.log(scaled_mean)
    ratios = np.where(difference > -0.5, np.log1p(np.maximum(difference, -0.5)), far_below)
    return float(np.ldexp(scaled_mean, exponent)), ratios


def mean_log_deviation(ratios):
    """s = log(mean) − mean(log) from the ratios log(x/mean), along the last axis.

    Written as the mean of r − 1 − log r over r = x/mean, whose terms are ≥ 0: a rounding error of the mean, which would
    be 1e-16/s of s, then enters by its square.

    >>> _, ratios = log_ratios(np.array([1.0, 2.0, 3.0]))
    >>> float(mean_log_deviation(ratios).round(6))
    0.095894
    """
    return np.mean(np.expm1(ratios) - ratios, axis=-1)


def standard_errors(shape, scale, count):
    """Standard errors of shape and scale from the Fisher information of `count` losses.

    Var k = 1/(n (ψ'(k) − 1/k)), Var Θ = Θ² ψ'(k)/(n (k ψ'(k) − 1)): the diagonal of the inverse of
    n [[ψ'(k), 1/Θ], [1/Θ, k/Θ²]]. They are asymptotic: for under about 30 losses take them as a rough guide.

    >>> shape_error, scale_error = standard_errors(4.0, 0.066, 2958)
    >>> print(f"{shape_error:.4f} {scale_error:.6f}")
    0.1000 0.001758
    """
    curvature = -float(profile(shape)[2])
    trigamma = curvature + 1 / shape
    return (count * curvature) ** -0.5, scale * (trigamma / (count * shape * curvature)) ** 0.5


def checked_scale(mean, shape):
    """Θ = mean/k, or a DomainError where no double can hold it or where the losses are constant but for rounding.

    >>> checked_scale(0.264, 4.0)
    0.066
    """
    if shape > _LARGEST_SHAPE:
        raise DomainError(
            "losses", mean, f"losses that vary by more than {_LARGEST_SHAPE**-0.5:g} of their mean",
            "these are equal but for rounding: a gamma law cannot be fitted to a constant",
        )
    with np.errstate(over="ignore"):
        scale = float(np.divide(mean, shape))
    if not np.finfo(float).tiny <= scale <= np.finfo(float).max:
        raise DomainError(
            "losses", mean, "losses whose fitted scale is a normal double", "change the unit of the losses",
        )
    return scale
