"""The law at gaps so small that only the two leading terms of its series at z = 0 are left.

From DLMF 10.25.2 and 10.27.4, with ν = k − ½ and up to a relative O(z²), which is below rounding here,

    √π Γ(k) p(z) = Γ(ν) + Γ(−ν) (z/2)^{2ν},    √π Γ(k) F(z) = z [Γ(ν) + Γ(−ν) (z/2)^{2ν} / 2k].

Near ν = 0 the two terms cancel; there, with Γ(1 ± ν) = √(πν/sin πν) e^{±g(ν)} and ℓ = log(z/2), the bracket is

    2 √(πν/sin πν) e^{νℓ} sinh(ν (g(ν)/ν − ℓ)) / ν,

and for F the second term's factor 1/(1 + 2ν) enters through its square root on either side.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gamma, gammaln, rgamma, zeta

__all__ = ["SERIES_BELOW", "SERIES_SHAPES_BELOW", "cdf", "pdf", "sf"]

# Below this gap the next term of the series, z²/4 relative to the first, is under 1e-18.
SERIES_BELOW = 1e-9
# From this shape on the integrals of `_real_shape` have no long tails, however small the gap. At ν = 0.9 the second
# term is (z/2)^1.8 < 5e-17 of the first.
SERIES_SHAPES_BELOW = 1.4
# |ν| below which the two terms are joined in a hyperbolic sine.
_JOINED_BELOW = 0.1
# g(ν)/ν = −γ − ζ(3) ν²/3 − ζ(5) ν⁴/5 − … (DLMF 5.7.3); seven terms leave 0.1^14/15 = 7e-16 of a term of size 1/ℓ.
_ODD = [-zeta(2 * j + 1) / (2 * j + 1) if j else -np.euler_gamma for j in range(8)]
# log C below is Taylor's series in 2k up to this shape: 0.04^13 = 7e-19 of the leading term is left.
_TAYLOR_BELOW, _TAYLOR_TERMS = 0.02, 13
_SQRT_PI = np.sqrt(np.pi)
_LOG_2 = np.log(2.0)


def _joined(nu, log_half, log_ratio):
    """2 √(πν/sin πν) e^{νℓ} sinh(ν L)/ν with L = g(ν)/ν − ℓ + log_ratio."""
    length = np.polynomial.polynomial.polyval(nu * nu, _ODD) - log_half + log_ratio
    x = nu * length
    sinhc = np.where(x == 0.0, 1.0, np.sinh(x) / np.where(x == 0.0, 1.0, x))
    return 2.0 / np.sqrt(np.sinc(nu)) * np.exp(nu * log_half) * length * sinhc


def pdf(k, z):
    """p(z) for k < SERIES_SHAPES_BELOW and 0 < z < SERIES_BELOW."""
    nu, log_half = k - 0.5, np.log(z) - _LOG_2
    near = np.abs(nu) < _JOINED_BELOW
    away = np.where(near, 0.5, nu)
    with np.errstate(over="ignore"):
        separate = gamma(away) + gamma(-away) * np.exp(2.0 * away * log_half)
    return np.where(near, _joined(np.where(near, nu, 0.0), log_half, 0.0), separate) * rgamma(k) / _SQRT_PI


def _first_term(k, z):
    """log of Γ(½ − k) (z/2)^{2k} / (√π Γ(1 + k)), the second term of F, exact to k·eps as k → 0."""
    small = k < _TAYLOR_BELOW
    x = np.where(small, k, 0.0)
    # Taylor of log Γ(½ − k) − log Γ(½) − log Γ(1 + k): its coefficients are −ψ(½) + γ, [ψ'(½) − ψ'(1)]/2, …
    constant = np.zeros_like(x)
    for power in range(_TAYLOR_TERMS, 1, -1):
        sign = (-1.0) ** power
        constant = (constant + ((2.0**power - 1.0) * zeta(power) - sign * zeta(power)) / power) * x
    constant = (constant + 2.0 * np.euler_gamma + 2.0 * _LOG_2) * x
    apart = np.where(small, 0.25, k)
    constant = np.where(small, constant, gammaln(0.5 - apart) - np.log(_SQRT_PI) - gammaln(1.0 + apart))
    return 2.0 * k * (np.log(z) - _LOG_2) + constant


def _log_cdf_below_quarter(k, z):
    first = _first_term(k, z)
    second = z * gamma(k - 0.5) * rgamma(k) / _SQRT_PI
    return first + np.log1p(second * np.exp(-first))


def cdf(k, z):
    """F(z) for k < SERIES_SHAPES_BELOW and 0 < z < SERIES_BELOW."""
    result = np.empty_like(k)
    low = k < 0.25
    result[low] = np.exp(_log_cdf_below_quarter(k[low], z[low]))
    k, z = k[~low], z[~low]
    nu, log_half = k - 0.5, np.log(z) - _LOG_2
    near = np.abs(nu) < _JOINED_BELOW
    away, small = np.where(near, 0.5, nu), np.where(near, nu, 0.0)
    separate = gamma(away) + gamma(-away) * np.exp(2.0 * away * log_half) / (2.0 * k)
    half_log = 0.5 * np.log1p(2.0 * small)
    log_ratio = np.where(small == 0.0, 1.0, half_log / np.where(small == 0.0, 1.0, small))
    joined = _joined(small, log_half, log_ratio) * np.exp(-half_log)
    result[~low] = z * np.where(near, joined, separate) * rgamma(k) / _SQRT_PI
    return result


def sf(k, z):
    """S(z) for k < SERIES_SHAPES_BELOW and 0 < z < SERIES_BELOW, without cancellation where F is near 1 (k → 0)."""
    result = np.empty_like(k)
    low = k < 0.25
    result[low] = -np.expm1(_log_cdf_below_quarter(k[low], z[low]))
    result[~low] = 1.0 - cdf(k[~low], z[~low])
    return result
