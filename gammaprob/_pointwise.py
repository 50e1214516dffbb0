"""Every quantity of the law at points (k, z), each with its own shape: the kernels joined so that nothing cancels.

S and F are each computed directly where they are at most ½ and as the complement of the other above it; log S and log F
likewise through log1p. One-dimensional float64 arrays of one length, k > 0 and 0 < z < ∞ finite.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.special import gammaincc

from gammaprob import _real_shape, _small_gap

__all__ = ["POINTWISE"]

_LOG_HALF = -np.log(2.0)
# SciPy's Q(k, x) is good to some 4e-14 above this; below, it forms x^k e^−x/Γ(k) from logarithms.
_TAIL_BELOW = 0.1


def _split(k, z, kernel, series, combine):
    """The series where the gap is so small that it is exact, the kernel (combined from its two parts) elsewhere."""
    tiny = (z < _small_gap.SERIES_BELOW) & (k < _small_gap.SERIES_SHAPES_BELOW)
    if not tiny.any():
        return combine(kernel(k, z))
    values = np.empty_like(k)
    values[tiny] = series(k[tiny], z[tiny])
    if not tiny.all():
        values[~tiny] = combine(kernel(k[~tiny], z[~tiny]))
    return values


def _value(parts):
    log_part, factor = parts
    return np.exp(log_part) * factor


def _log(parts):
    log_part, factor = parts
    return log_part + np.log(factor)


def _unchanged(value):
    return value


def _patched(values, where, other, k, z):
    """The values, with other(k, z) in the places chosen by the mask."""
    if where.any():
        values[where] = other(k[where], z[where])
    return values


def _cdf(k, z):
    return _split(k, z, _real_shape.cdf, _small_gap.cdf, _unchanged)


def _sf(k, z):
    return _split(k, z, _real_shape.sf, _small_gap.sf, _value)


def sf(k, z):
    values = _sf(k, z)
    return _patched(values, values > 0.5, lambda k, z: 1.0 - _cdf(k, z), k, z)


def logsf(k, z):
    values = _split(k, z, _real_shape.sf, lambda k, z: np.log(_small_gap.sf(k, z)), _log)
    return _patched(values, values > _LOG_HALF, lambda k, z: np.log1p(-_cdf(k, z)), k, z)


def cdf(k, z):
    values = _sf(k, z)
    return _patched(1.0 - values, values > 0.5, _cdf, k, z)


def logcdf(k, z):
    values = _sf(k, z)
    return _patched(np.log1p(-np.minimum(values, 0.5)), values > 0.5, lambda k, z: np.log(_cdf(k, z)), k, z)


def pdf(k, z):
    return _split(k, z, _real_shape.pdf, _small_gap.pdf, _value)


def logpdf(k, z):
    return _split(k, z, _real_shape.pdf, lambda k, z: np.log(_small_gap.pdf(k, z)), _log)


def lifted_logsf(k, z):
    """log S + z."""
    values = _split(k, z, partial(_real_shape.sf, lifted=True), lambda k, z: np.log(_small_gap.sf(k, z)) + z, _log)
    return _patched(values, values > _LOG_HALF + z, lambda k, z: np.log1p(-_cdf(k, z)) + z, k, z)


def lifted_logpdf(k, z):
    """log p + z."""
    return _split(k, z, partial(_real_shape.pdf, lifted=True), lambda k, z: np.log(_small_gap.pdf(k, z)) + z, _log)


def gamma_integral(k, z):
    """G = −Q(k, z), by SciPy but for its tails."""
    values = gammaincc(k, z)
    return -_patched(values, (values < _TAIL_BELOW) & (z > k), _real_shape.gamma_tail, k, z)


POINTWISE = {
    "sf": sf, "logsf": logsf, "cdf": cdf, "logcdf": logcdf, "pdf": pdf, "logpdf": logpdf,
    "lifted_logsf": lifted_logsf, "lifted_logpdf": lifted_logpdf,
    "target": _real_shape.target, "exponential_integral_term": _real_shape.exponential_integral_term,
    "gamma_integral": gamma_integral,
}  # fmt: skip
