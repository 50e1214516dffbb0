"""From the caller's arrays to a kernel: conversion, broadcasting, the ends of the support, and which kernel answers.

==========================  =========================================================
one integer shape <= 64     sf: polynomial times e^−z              `_integer_shape`
>= 8192 points of a shape   piecewise polynomial, built once       `_plan`
anything else               trapezoidal rule, point by point       `_pointwise`
==========================  =========================================================

Work is done in blocks, so that no call needs more memory than its output and a few caches' worth.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gamma, hyp2f1, rgamma

from gammaprob import _integer_shape, _plan, _small_gap
from gammaprob._blocks import in_blocks
from gammaprob._pointwise import POINTWISE
from gammaprob.domains import DELTA, SCALE, SHAPE, Symbol, real_arrays

__all__ = ["at_points", "density_at_zero", "evaluate", "single"]

_BLOCK = 32768


def density_at_zero(k):
    """p(0) = Γ(k − ½)/(√π Γ(k)) for k > ½, infinite for k ≤ ½."""
    k = np.asarray(k, dtype=float)
    values = np.full(k.shape, np.inf)
    low = (k > 0.5) & (k < _small_gap.SERIES_SHAPES_BELOW)
    values[low] = gamma(k[low] - 0.5) * rgamma(k[low]) / np.sqrt(np.pi)
    high = k >= _small_gap.SERIES_SHAPES_BELOW
    if high.any():
        # Here p differs from p(0) by a relative z^1.8 at most, and the kernel has no ratio of huge gamma functions.
        values[high] = POINTWISE["pdf"](k[high], np.full(np.count_nonzero(high), 1e-250))
    return values


def _target_at_zero(k):
    """φ(0+): ½ for k ≥ ½, and k ₂F₁(1, 1 − 2k; 2 − k; ½) / 2(1 − k) below, where small pairs dominate the gap 0+."""
    k = np.asarray(k, dtype=float)
    below = np.minimum(k, 0.5)
    return 0.5 * below / (1.0 - below) * hyp2f1(1.0, 1.0 - 2.0 * below, 2.0 - below, 0.5)


# What each quantity is at z < 0, at z = 0 (a function of the shape) and at z = ∞.
_ENDS = {
    "sf": (1.0, lambda k: 1.0, 0.0),
    "cdf": (0.0, lambda k: 0.0, 1.0),
    "pdf": (0.0, density_at_zero, 0.0),
    "logsf": (0.0, lambda k: 0.0, -np.inf),
    "logcdf": (-np.inf, lambda k: -np.inf, 0.0),
    "logpdf": (-np.inf, lambda k: np.log(density_at_zero(k)), -np.inf),
    "target": (np.nan, _target_at_zero, 0.0),
    "exponential_integral_term": (np.nan, lambda k: 0.0, 1.0),
    "gamma_integral": (-1.0, lambda k: -1.0, 0.0),
}


def at_points(quantity: str, k, z: np.ndarray, planned: bool) -> np.ndarray:
    """The quantity at a one-dimensional contiguous array z of any floats, overwriting it.

    k is one shape or an array like z; `planned` (one shape only) asks for the piecewise polynomial.
    """

    def inside(k, z):
        if planned:
            return _plan.evaluate(quantity, float(k), z)
        return POINTWISE[quantity](np.array(np.broadcast_to(k, z.shape)), z)

    if z.size and z.min() > 0.0 and z.max() < np.inf:
        z[...] = inside(k, z)
        return z
    below, at_zero, at_infinity = _ENDS[quantity]
    values = np.full(z.shape, np.nan)
    values[z < 0.0] = below
    values[z == np.inf] = at_infinity
    for place, function in ((z == 0.0, lambda k, z: at_zero(k)), ((z > 0.0) & (z < np.inf), inside)):
        if place.any():
            values[place] = function(k if np.ndim(k) == 0 else k[place], z[place])
    z[...] = values
    return z


def evaluate(quantity: str, delta, shape, scale, *, symbol: Symbol = SHAPE, argument: Symbol = DELTA):
    """The quantity at z = δ/Θ, broadcast over its arguments; a NumPy scalar when all of them are scalars.

    Densities are per unit of δ, not of z.
    """
    (delta, shape, scale), out_shape = real_arrays(
        (argument.name, delta, argument), (symbol.name, shape, symbol), ("scale", scale, SCALE)
    )
    result = np.empty(out_shape)
    if result.size:
        with np.errstate(all="ignore"):
            _fill(quantity, delta, single(shape), single(scale), result, symbol)
    return result[()]


def single(array):
    """The array as a scalar where all its elements are one number."""
    return array.reshape(-1)[:1].reshape(()) if array.size and array.min() == array.max() else array


def _fill(quantity, delta, shape, scale, result, symbol):
    """Write the quantity into `result`, in blocks, by the kernel that suits the shapes."""
    one_shape, one_scale = shape.ndim == 0, scale.ndim == 0
    if (one_shape and not symbol.contains(shape)) or (one_scale and not SCALE.contains(scale)):
        result.fill(np.nan)
        return
    k = float(shape) if one_shape else np.nan
    polynomial = quantity == "sf" and k.is_integer() and k <= _integer_shape.POLYNOMIAL_UP_TO
    if polynomial and one_scale and delta.shape == result.shape and delta.flags.c_contiguous:
        _integer_shape.sf(int(k), delta.reshape(-1), float(scale), result.reshape(-1))
        return
    planned = _shapes_to_plan(shape, result.size) if quantity in _plan.PLANNED else []
    with in_blocks([delta, shape, scale], result, _BLOCK) as blocks:
        for block, shapes, scales, values in blocks:
            outside = None
            if not (one_shape and one_scale):
                outside = ~(symbol.contains(shapes) & SCALE.contains(scales))
                shapes = np.where(outside, 1.0, shapes)
            np.divide(block, scales, out=values)
            if polynomial:
                _integer_shape.sf(int(k), values, 1.0, values)
            elif one_shape:
                at_points(quantity, k, values, bool(planned))
            else:
                _at_mixed_points(quantity, shapes, values, planned)
            if quantity == "pdf":
                values /= scales
            elif quantity == "logpdf":
                values -= np.log(scales)
            if outside is not None:
                values[outside] = np.nan


def _shapes_to_plan(shape, size):
    """The shapes that fill a plan's worth of points each, the most common first and no more than are kept."""
    needed = -(-_plan.PLAN_FROM * shape.size // size)
    if needed > shape.size:
        return []
    ordered = np.sort(shape, axis=None)
    # A run of so many equal numbers covers one of every `needed` places.
    candidates = np.unique(ordered[::needed])
    counts = np.searchsorted(ordered, candidates, "right") - np.searchsorted(ordered, candidates, "left")
    common = np.argsort(-counts, kind="stable")[: _plan.KEPT]
    return candidates[common[counts[common] >= needed]].tolist()


def _at_mixed_points(quantity, shapes, z, planned):
    """`at_points` for a block with several shapes: those with a plan one after the other, then the rest together."""
    rest = np.ones(z.size, dtype=bool)
    for k in planned:
        place = shapes == k
        if place.any():
            z[place] = at_points(quantity, k, z[place], planned=True)
            rest &= ~place
    if rest.any():
        z[rest] = at_points(quantity, shapes[rest], z[rest], planned=False)
