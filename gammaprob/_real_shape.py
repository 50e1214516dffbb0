"""The law of the gap and its target for one real shape k > 0 a point, in units of the scale (z = δ/Θ).

Everything is a positive integral over t = log W, summed by the trapezoidal rule about the saddle point of its
integrand: no term cancels another, so that the relative error stays at a few roundings wherever the result lies. With
W ~ Gamma(k, 1) the gap |X − Y|/Θ is √(2W)·|N(0, 1)| (the folded symmetric variance-gamma law), hence

    S(z) = E erfc(z / 2√W),   F(z) = E erf(z / 2√W),   p(z) = E exp(−z²/4W) / √(πW),

and p(z) = 2 (z/2)^ν K_ν(z) / (√π Γ(k)) with ν = k − ½ (DLMF 10.32.10). The saddle of (power κ, z) in these integrals,
exp(κt − e^t − (z²/4) e^−t), is W0 = κ + b with b = (r − κ)/2 = z²/2(r + κ), r = √(κ² + z²); away from it, with W = W0
e^τ, the exponent falls by

    r (cosh τ − 1) + κ (sinh τ − τ) = 2b (cosh τ − 1) + κ (e^τ − 1 − τ),

which is free of the cancellation that ruins κt − e^t − … for large κ.

All functions take one-dimensional float64 arrays of one length: shapes k > 0 and gaps 0 < z < ∞, finite. Those whose
logarithm matters return (E, M), the value being exp(E)·M with M of moderate size; `lifted`, they return the value times
e^z, whose exponent E + z keeps small, and so its rounding error, where κ is not large.
"""

from __future__ import annotations

import numpy as np
from scipy.special import erf, erfc, erfcx, gamma, rgamma

from gammaprob._trapezoid import CUTOFF, FLAT_STEP, bell_step, trapezoid

__all__ = [
    "REFLECTED_BELOW", "STIRLING_FROM", "SUBTRACTED_BELOW", "cdf", "exponential_integral_term", "gamma_tail",
    "lifting_pays", "pdf", "sf", "target",
]  # fmt: skip

# From here on Γ(k) enters through Stirling's series, whose first neglected term is 3e-17 at k = 10.
STIRLING_FROM = 10.0
# Below this shape the cdf's integrand has a tail e^{kt} too long to sum; its leading part is integrated in closed form.
SUBTRACTED_BELOW = 1.0
# Below this shape the normaliser of φ has the tail e^{kt}; K_ν = K_−ν turns it into the one of shape 1 − k.
REFLECTED_BELOW = 0.5

_SQRT_PI = np.sqrt(np.pi)
_SQRT_2PI = np.sqrt(2 * np.pi)


def _stirling_remainder(k):
    """log Γ(k) − [(k − ½) log k − k + ½ log 2π] for k ≥ STIRLING_FROM (DLMF 5.11.1)."""
    x = 1.0 / k
    y = x * x
    series = 1 / 156
    for coefficient in (-691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12):
        series = series * y + coefficient
    return series * x


def _exp_minus_linear(tau):
    """e^τ − 1 − τ without cancellation: Taylor's series near 0, the difference elsewhere."""
    small = np.abs(tau) < 0.5
    x = np.where(small, tau, 0.0)
    series = np.full_like(x, 1 / 20922789888000)  # 1/16!: the next term is 0.5^15/17!·2 = 2e-19 of the sum
    for factorial in (1307674368000, 87178291200, 6227020800, 479001600, 39916800, 3628800, 362880, 40320, 5040, 720,
                      120, 24, 6, 2):
        series = series * x + 1 / factorial
    return np.where(small, x * x * series, np.expm1(tau) - tau)


def _log_mixture(rest, share, tau):
    """log(rest + share·e^τ) for rest + share = 1: through log1p, but where that would lose a small rest."""
    far = (tau < -0.5) & (share > 0.5)
    near = np.log1p(share * np.expm1(np.where(far, 0.0, tau)))
    return np.where(far, np.log(rest + share * np.exp(tau)), near)


def _softplus(x):
    """log(1 + e^x), a fraction of the time of np.logaddexp(0, x); beyond 40, e^−x is below an ulp of x."""
    return np.where(x > 40.0, x, np.log1p(np.exp(np.minimum(x, 40.0))))


def _half_width(height, curvature):
    """τ > 0 with curvature·(cosh τ − 1) = height."""
    return 2.0 * np.arcsinh(np.sqrt(height / (2.0 * curvature)))


def _slope_width(height, slope):
    """τ > 0 from which on slope·(e^−τ − 1 + τ) ≥ height, by e^−τ − 1 + τ ≥ τ²/(2 + τ)."""
    ratio = height / slope
    return 0.5 * (ratio + np.sqrt(ratio * (ratio + 8.0)))


def _log_power(power, k, saddle, excess):
    """power·log(W0/k), through W0/k = 1 + excess/k, or power·log W0 for k < 1: what `_gamma_factor` leaves over."""
    small = k < 1.0
    with np.errstate(divide="ignore"):
        return power * np.where(small, np.log(saddle), np.log1p(np.where(small, 0.0, excess / np.maximum(k, 1.0))))


def _gamma_factor(k):
    """k^k e^−k / Γ(k) to a few roundings; without the k^k for k < 1, where its base may vanish."""
    factor = np.empty_like(k)
    large = k >= STIRLING_FROM
    factor[large] = np.sqrt(k[large]) * np.exp(-_stirling_remainder(k[large])) / _SQRT_2PI
    n = k[~large]
    factor[~large] = np.where(n < 1.0, 1.0, np.power(n, n)) * np.exp(-n) * rgamma(n)
    return factor


def _saddle(power, z):
    """(r, b) of the saddle point: r = √(κ² + z²), b = (r − κ)/2, for κ ≥ 0."""
    r = np.hypot(power, z)
    return r, 0.5 * z * (z / (r + power))


def _saddle_sum(power, r, b, weight=None):
    """∫ exp(−2b (cosh τ − 1) − κ (e^τ − 1 − τ)) weight(√b e^{−τ/2}) dτ, for κ = power ≥ 0."""

    def integrand(tau, power, b):
        sinh = np.sinh(0.5 * tau)
        values = np.exp(-(4.0 * sinh * sinh) * b - power * _exp_minus_linear(tau))
        return values if weight is None else values * weight(np.sqrt(b) * np.exp(-0.5 * tau))

    with np.errstate(divide="ignore", over="ignore"):
        left = np.minimum(_half_width(CUTOFF, 2.0 * b), _slope_width(CUTOFF, power))
    return trapezoid(integrand, -left, _half_width(CUTOFF, r), bell_step(r), power, b)


def _low_part(a, b, product):
    """a·b − product, exactly, for the rounded product (Dekker's splitting; NaN where it overflows)."""
    parts = []
    for factor in (a, b):
        large = 134217729.0 * factor  # 2^27 + 1
        high = large - (large - factor)
        parts += [high, factor - high]
    a_high, a_low, b_high, b_low = parts
    return a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


def _with_decay(logarithm, power, z, b, lifted):
    """The logarithm less r − κ = 2b, and plus z if lifted, with the rounding error of 2b taken out.

    d = r − κ solves d² + 2κd = z²; in the tails it is far larger than the exponent's other error, the last rounding.
    """
    decay, twice = 2.0 * b, 2.0 * power
    square, linear, whole = decay * decay, twice * decay, z * z
    residual = (whole - linear) - square
    residual += _low_part(z, z, whole) - _low_part(twice, decay, linear) - _low_part(decay, decay, square)
    error = residual / (2.0 * decay + twice)
    error = np.where(np.isfinite(error), error, 0.0)
    return logarithm + ((z - decay) - error) if lifted else (logarithm - decay) - error


def lifting_pays(k, z):
    """Where the exponent of S(z) lifted by z is smaller than the larger term of the exponent itself."""
    _, b = _saddle(k, z)
    return _with_decay(_log_power(k, k, k + b, b), k, z, b, lifted=True) < 2.0 * b


def sf(k, z, lifted=False):
    """S(z) = E erfc(z/2√W) as (E, M), through erfc(x) = e^{−x²} erfcx(x)."""
    r, b = _saddle(k, z)
    total = _saddle_sum(k, r, b, erfcx)
    return _with_decay(_log_power(k, k, k + b, b), k, z, b, lifted), _gamma_factor(k) * total


def pdf(k, z, lifted=False):
    """p(z) = exp(ν log W0 − r) T / (√π Γ(k)), the density of the gap, as (E, M); T is the saddle sum of power |ν|."""
    nu = k - 0.5
    r, b = _saddle(np.abs(nu), z)
    total = _saddle_sum(np.abs(nu), r, b)
    # The saddle W0 = |ν| + b of K_|ν| is that of K_ν for ν > 0; for ν < 0 the latter lies at b. Either way
    # r = |ν| + 2b.
    log_part = _log_power(nu, k, np.maximum(nu, 0.0) + b, b - 0.5)
    factor = _gamma_factor(k) / np.where(k < 1.0, 1.0, np.sqrt(k))
    log_part = _with_decay(log_part + np.where(nu < 0.0, 2.0 * nu + 0.5, 0.5), np.abs(nu), z, b, lifted)
    return log_part, factor * total / _SQRT_PI


def cdf(k, z):
    """F(z) = E erf(z/2√W)."""
    result = np.empty_like(k)
    small = k < SUBTRACTED_BELOW
    if small.any():
        result[small] = _cdf_subtracted(k[small], z[small])
    if not small.all():
        result[~small] = _cdf_direct(k[~small], z[~small])
    return result


def _cdf_direct(k, z):
    def integrand(tau, k, half_gap):
        return np.exp(-k * _exp_minus_linear(tau)) * erf(half_gap * np.exp(-0.5 * tau))

    # The factor erf ~ e^{−τ/2} takes half a unit off the slope at the left.
    lower = -_slope_width(CUTOFF, k - 0.5)
    total = trapezoid(integrand, lower, _half_width(CUTOFF, k), bell_step(k), k, 0.5 * z / np.sqrt(k))
    return _gamma_factor(k) * total


def _cdf_subtracted(k, z):
    """F = (1 + z^−2)^−k + E[erf(z/2√W) − e^{−W/z²}]: the remainder is positive and its tail e^{(k+1)t}."""

    def integrand(t, k, log_gap):
        w = np.exp(t)
        v = np.exp(t - 2.0 * log_gap)
        half = 0.5 * np.exp(log_gap - 0.5 * t)
        # Below v = ½ both terms are near 1: subtract their complements instead.
        difference = np.where(v < 0.5, -np.expm1(-v) - erfc(half), erf(half) - np.exp(-v))
        return difference * np.exp(k * t - w)

    log_gap = np.log(z)
    lower = np.minimum(2.0 * log_gap, 0.0) - CUTOFF / (k + 1.0)
    upper = np.full_like(k, np.log(2.0 * CUTOFF))
    remainder = trapezoid(integrand, lower, upper, np.full_like(k, FLAT_STEP), k, log_gap)
    # (1 + z^−2)^−k, written so that neither z² nor z^−2 can overflow.
    log_leading = np.where(z < 1.0, 2.0 * log_gap - np.log1p(z * z), -np.log1p(1.0 / np.maximum(z, 1.0) ** 2))
    return np.exp(k * log_leading) + rgamma(k) * remainder


def target(k, z):
    """φ(z) = ½ N/M with M = ∫ u^{k−1} (1 + u/2z)^{k−1} e^{−u} du and N the same with the factor u/(z + u)."""
    result = np.empty_like(k)
    small = k < REFLECTED_BELOW
    if small.any():
        result[small] = _target_reflected(k[small], z[small])
    if not small.all():
        result[~small] = _target_ratio(k[~small], z[~small])
    return result


def _target_ratio(k, z):
    """N and M on the same nodes about the saddle u0 of M, the positive root of u² + u (2z − 2k + 1) − 2kz = 0.

    The weights' rounding errors cancel in the ratio, but for their product with the small variation of u/(z + u).
    """
    half = z - k + 0.5
    root = np.hypot(half, np.sqrt(2.0 * k) * np.sqrt(z))
    with np.errstate(divide="ignore", invalid="ignore"):
        saddle = np.where(half > 0, k * (z / (0.5 * half + 0.5 * root)), root - half)
    share, rest = 0.5 * saddle / (z + 0.5 * saddle), z / (z + 0.5 * saddle)

    def integrand(tau, k, z, saddle, share, rest):
        weight = np.exp(k * tau + (k - 1.0) * _log_mixture(rest, share, tau) - saddle * np.expm1(tau))
        u = saddle * np.exp(tau)
        return weight, weight * (u / (z + u))

    curvature = k + (k - 1.0) * share * share
    # For k < 1 the factor (1 + u/2z)^{k−1} weakens both tails: left down to u = 2z, right until e^{−u} takes over.
    concave = k >= 1.0
    lower = np.where(
        concave, -_slope_width(CUTOFF, k), np.minimum(np.log(2.0 * z) - np.log(saddle), 0.0) - CUTOFF / k - 1.0
    )
    upper = np.where(concave, _half_width(CUTOFF, k), np.log(2.0 * CUTOFF) - np.log(saddle))
    step = np.where(concave, bell_step(np.maximum(curvature, 1.0)), FLAT_STEP)
    normaliser, weighted = trapezoid(integrand, lower, upper, step, k, z, saddle, share, rest)
    return 0.5 * weighted / normaliser


def _target_reflected(k, z):
    """φ for k < ½ with M_k = Γ(k)/Γ(1 − k) M_{1−k}.

    This follows from M_k = Γ(k) e^z √(2z/π) K_ν(z) and K_ν = K_−ν (DLMF 10.32.8, 10.27.3).
    """

    # In t = log u; u/z itself would leave the range of float64 for the smallest z.
    def numerator(t, k, log_gap):
        growth = _softplus(t - log_gap - np.log(2.0))
        return np.exp(k * t + (k - 1.0) * growth - np.exp(t)) / (1.0 + np.exp(log_gap - t))

    def normaliser(t, k, log_gap):
        growth = _softplus(t - log_gap - np.log(2.0))
        return np.exp((1.0 - k) * t - k * growth - np.exp(t))

    log_gap = np.log(z)
    left, upper = np.minimum(log_gap, 0.0) - 1.0, np.full_like(k, np.log(2.0 * CUTOFF))
    step = np.full_like(k, FLAT_STEP)
    over = trapezoid(numerator, left - CUTOFF / (k + 1.0), upper, step, k, log_gap)
    under = trapezoid(normaliser, left - CUTOFF / (1.0 - k), upper, step, k, log_gap)
    return 0.5 * over * gamma(1.0 - k) * rgamma(k) / under


def exponential_integral_term(u, z):
    """I(u, z) = z e^z E_u(z) = E[(1 + X/z)^−u] with X ~ Exp(1) (from DLMF 8.19.3), for real order u > 0."""
    half = 0.5 * (z + u - 1.0)
    root = np.hypot(half, np.sqrt(z))
    with np.errstate(divide="ignore", invalid="ignore"):
        saddle = np.where(half > 0, z / (half + root), root - half)
    saddle = np.maximum(saddle, np.finfo(float).smallest_subnormal)
    share, rest = saddle / (z + saddle), z / (z + saddle)

    def integrand(tau, u, saddle, share, rest):
        return np.exp(tau - saddle * np.expm1(tau) - u * _log_mixture(rest, share, tau))

    log_saddle = np.log(saddle)
    lower = np.minimum(np.log(z) - log_saddle, 0.0) - CUTOFF - 1.0
    # Two bounds of the right end: e^{−x} alone, or (1 + x/z)^{−u} against the growth e^τ of the measure.
    upper = np.log(2.0 * CUTOFF) - log_saddle
    with np.errstate(over="ignore"):
        upper = np.minimum(upper, np.log1p(np.expm1(2.0 * CUTOFF / u) / share))
    upper = np.maximum(upper, FLAT_STEP)
    total = trapezoid(integrand, lower, upper, np.full_like(u, FLAT_STEP), u, saddle, share, rest)
    # log(1 + x0/z), also where the quotient would overflow.
    log_growth = np.where(saddle > z, np.log(z + saddle) - np.log(z), np.log1p(np.minimum(saddle / z, 1.0)))
    return saddle * np.exp(-saddle - u * log_growth) * total


def gamma_tail(k, x):
    """Q(k, x) = x^k e^−x/Γ(k) ∫_0^∞ (1 + s)^{k−1} e^{−xs} ds (DLMF 8.6.5), for x ≥ k.

    About the saddle s0 of this integral in t = log s, the positive root of x s² + (x − k) s = 1.
    """
    excess = x - k
    saddle = 1.0 / (0.5 * excess + np.hypot(0.5 * excess, np.sqrt(x)))
    share, rest = saddle / (1.0 + saddle), 1.0 / (1.0 + saddle)

    def integrand(tau, k, scaled, share, rest):
        return np.exp(tau - scaled * np.expm1(tau) + (k - 1.0) * _log_mixture(rest, share, tau))

    scaled = x * saddle
    # By x s0 − (k − 1) share = 1, the exponent falls by e^τ − 1 − τ at least for k ≥ 1; below, by x s0 (e^τ − 1) − τ.
    upper = np.where(k >= 1.0, _half_width(CUTOFF, 1.0), np.log(2.0 * CUTOFF / scaled))
    step = np.full_like(k, FLAT_STEP)
    total = trapezoid(integrand, np.full_like(k, -CUTOFF - 1.0), upper, step, k, scaled, share, rest)
    exponent = _log_power(k, k, x, excess) - excess - scaled + (k - 1.0) * np.log1p(saddle)
    return _gamma_factor(k) * np.exp(exponent) * saddle * total
