"""The survival function at integer shape: a polynomial with positive coefficients times e^−z.

|X − Y| is a finite mixture of Erlang laws, Σ w_m Erlang(m, Θ) with the weights of Banach's matchbox problem,
w_m = C(2k−1−m, k−1)/2^{2k−1−m}, so that S(z) = e^−z Σ_{j<k} T_j z^j/j! with T_j = Σ_{m>j} w_m. All terms are
positive and nothing cancels; Horner's rule in blocks costs two passes over the cache a degree.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import comb, factorial

import numpy as np

from gammaprob._blocks import scratch

__all__ = ["POLYNOMIAL_UP_TO", "sf"]

# Beyond this shape the piecewise polynomial of `_plan` is faster, and Horner's roundings begin to show.
POLYNOMIAL_UP_TO = 64
# Argument and polynomial (2 × 256 kB) stay in a second-level cache of 1 MB beside the block that they belong to; blocks
# of 8k cost a sixth more, blocks of 1k three times as much.
_BLOCK = 32768


# Up to this z, e^−z is a normal number; beyond it, S may still be one, and its factor is applied in two halves.
_ONE_FACTOR_UP_TO = np.float64(700.0)
# Beyond this z, S < e^−1400 z^63/63! underflows for every shape up to 64.
_UNDERFLOW = 1400.0


@lru_cache(maxsize=None)
def coefficients(k: int) -> tuple[float, ...]:
    """T_j/j! for j = 0, …, k − 1, each correctly rounded from the exact rational."""
    tail, tails = Fraction(0), []
    for m in range(k, 0, -1):
        tail += Fraction(comb(2 * k - 1 - m, k - 1), 2 ** (2 * k - 1 - m))
        tails.append(tail)
    return tuple(float(tail / factorial(j)) for j, tail in enumerate(reversed(tails)))


def sf(k: int, delta: np.ndarray, scale: float, out: np.ndarray) -> None:
    """Write S(δ/Θ) into `out`, which may be `delta`; one-dimensional, contiguous arrays, any δ (NaN stays NaN)."""
    # In y = −z, which the exponential needs anyway, the coefficients alternate and no term changes its value.
    alternating = [coefficient * (-1) ** j for j, coefficient in enumerate(coefficients(k))]
    highest, *rest = reversed(alternating)
    with np.errstate(over="ignore"):
        # Non-negative floats order like their bit patterns, and a sign, an infinity or a NaN is a larger pattern: one
        # comparison of integers says whether the whole block lies in [0, limit].
        limit = np.minimum(_ONE_FACTOR_UP_TO * scale, np.finfo(float).max).view(np.uint64)
    # A product is three times as fast as a quotient; its second rounding of z is within what the promise allows.
    inverse = -1.0 / scale
    to_argument, factor = (np.multiply, inverse) if np.isfinite(inverse) else (np.divide, -scale)
    argument, polynomial = (scratch(min(_BLOCK, delta.size)) for _ in range(2))
    for start in range(0, delta.size, _BLOCK):
        block, result = delta[start : start + _BLOCK], out[start : start + _BLOCK]
        y, total = argument[: block.size], polynomial[: block.size]
        to_argument(block, factor, out=y)
        ordinary = block.view(np.uint64).max() <= limit
        if not ordinary:
            np.clip(y, -_UNDERFLOW, 0.0, out=y)
        if not rest:
            total.fill(highest)
        for index, coefficient in enumerate(rest):
            np.multiply(y, highest if index == 0 else total, out=total)
            np.add(total, coefficient, out=total)
        if not ordinary:
            y *= 0.5
        np.exp(y, out=y)
        if not ordinary:
            total *= y
        np.multiply(y, total, out=result)
