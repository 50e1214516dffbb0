"""Quantiles of the gap by a bracketed Newton iteration, in log z against whichever of log F and log S is ≤ log ½.

log F is nearly linear in log z at the left, log(−log S) at the right, so that a handful of steps suffice from a crude
start; the bracket turns a step that leaves it into a bisection of log z.
"""

from __future__ import annotations

import numpy as np

from gammaprob import _plan
from gammaprob._blocks import in_blocks
from gammaprob._evaluate import at_points, density_at_zero, single
from gammaprob.domains import PROBABILITY, SCALE, SHAPE, real_arrays
from gammaprob.errors import ConvergenceError

__all__ = ["quantile"]

_SMALLEST, _LARGEST = 5e-324, np.finfo(float).max
# Large enough for a plan to pay, and small enough for a dozen temporaries to be no burden.
_BLOCK, _POINTWISE_BLOCK = 65536, 4096
# Newton's error is squared by each step: the step after one of 1e-9 in log z is below rounding.
_LAST_STEP = 1e-9
# Bisection of the 1454 units of log z between the bounds alone needs 41 steps to reach 1e-9.
_MOST_STEPS = 200


def quantile(q, shape, scale, *, upper: bool):
    """Solve S(z) = q (upper) or F(z) = q; returns Θz, broadcast over the arguments."""
    arrays, out_shape = real_arrays(("q", q, PROBABILITY), ("shape", shape, SHAPE), ("scale", scale, SCALE))
    arrays[1] = single(arrays[1])
    one_shape = arrays[1].ndim == 0
    result = np.empty(out_shape)
    with in_blocks(arrays, result, _BLOCK if one_shape else _POINTWISE_BLOCK) as blocks:
        for *block, values in blocks:
            values[...] = _quantiles(*block, upper, one_shape)
    return result[()]


def _quantiles(q, shapes, scales, upper, one_shape):
    z = np.full(q.shape, np.nan)
    valid = PROBABILITY.contains(q) & SHAPE.contains(shapes) & SCALE.contains(scales)
    z[valid & (q == (1.0 if upper else 0.0))] = 0.0
    z[valid & (q == (0.0 if upper else 1.0))] = np.inf
    solve = valid & (q > 0.0) & (q < 1.0)
    with np.errstate(all="ignore"):
        for right in (False, True):
            # The probability of the side that is solved is at most ½, and 1 − q is exact when it is that side.
            side = solve & ((q <= 0.5) if right == upper else (q > 0.5))
            if side.any():
                probability = q[side] if right == upper else 1.0 - q[side]
                k = shapes[:1] if one_shape else shapes[side]
                z[side] = _solve(np.log(probability), k, right)
        return z * scales


def _start(target, k, right):
    """A gap within a small factor of the root: from the leading term of F, or from the two kinds of tail of S."""
    if not right:
        # F ~ p(0) z, or about z^2k for small shapes.
        log_density = np.where(k > 0.75, np.log(density_at_zero(np.maximum(k, 0.75))), 0.0)
        log_gap = target / np.minimum(2.0 * k, 1.0) - log_density
        return np.exp(np.maximum(log_gap, np.log(_SMALLEST)))
    tail = -target + 2.0 * np.sqrt(-k * target)
    # For k → 0 even the median lies at z = 2^{−1/2k}.
    return np.where(k < 0.25, np.minimum(tail, np.exp(np.log1p(-np.exp(target)) / (2.0 * k))), tail)


def _solve(target, k, right):
    """z with log S(z) = target (right) or log F(z) = target; k of size one or like the target."""
    z = np.clip(_start(target, k, right) * np.ones_like(target), _SMALLEST, _LARGEST)
    low, high = np.full_like(z, _SMALLEST), np.full_like(z, _LARGEST)
    active = np.arange(z.size)
    for _ in range(_MOST_STEPS):
        here = z[active]
        shapes = float(k[0]) if k.size == 1 else k[active]
        planned = k.size == 1 and active.size >= _plan.PLAN_FROM
        log_value = at_points("logsf" if right else "logcdf", shapes, here.copy(), planned)
        log_density = at_points("logpdf", shapes, here.copy(), planned)
        elasticity = here * np.exp(log_density - log_value)
        if right:
            step = np.log(log_value / target[active]) * log_value / elasticity
            above = log_value < target[active]
        else:
            step = (target[active] - log_value) / elasticity
            above = log_value > target[active]
        high[active] = np.where(above, here, high[active])
        low[active] = np.where(above, low[active], here)
        proposal = here * np.exp(step)
        inside = (proposal > low[active]) & (proposal < high[active])
        settled = np.abs(step) <= _LAST_STEP
        middle = np.exp(0.5 * (np.log(low[active]) + np.log(high[active])))
        z[active] = np.where(inside | settled, proposal, middle)
        # A root beyond the range of float64: 0 or ∞.
        gone = (high[active] <= _SMALLEST) | (low[active] >= _LARGEST)
        z[active[gone]] = np.where(high[active[gone]] <= _SMALLEST, 0.0, np.inf)
        # Among subnormal numbers, neighbours are the best there is.
        neighbours = np.nextafter(low[active], np.inf) >= high[active]
        z[active[neighbours & ~gone]] = high[active[neighbours & ~gone]]
        active = active[~(settled | gone | neighbours)]
        if active.size == 0:
            return z
    probability = float(np.exp(target[active[0]]))
    raise ConvergenceError("q", probability, "a probability whose quantile converges", "report this value")
