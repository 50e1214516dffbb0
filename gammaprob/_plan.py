"""One fixed real shape, many gaps: a piecewise polynomial of the quantity, built once and kept.

The panels divide each octave [2^e, 2^{e+1}) of z into PANELS_PER_OCTAVE equal parts, so that the leading bits of z
are the number of its panel and the rest is its place in it: no search and no logarithm. All quantities are analytic
in z but for a branch point at z = 0, which lies (at least) 17 half-widths away from a panel's centre: Chebyshev
interpolation of degree n errs by about (17 + √(17² − 1))^−(n+1) = 34^−(n+1), 7e-19 at n = 11. What decays like e^−z
or e^{−z²/4k} is interpolated as its logarithm: one rounding of log S costs no more than one rounding of z does (the
condition number of S in z is ≥ |log S|), but the several roundings of a computed log S would. In panels where it is
the smaller, as in every exponential tail, log S + z is what is interpolated, and z is taken off at the end.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gammaprob import _real_shape
from gammaprob._blocks import scratch
from gammaprob._pointwise import POINTWISE

__all__ = ["KEPT", "PLANNED", "PLAN_FROM", "Z_HIGH", "Z_LOW", "clear_cache", "evaluate"]

# A call with fewer points than this is answered point by point: building a plan costs about as much as 6000 points.
PLAN_FROM = 8192
_LOW_EXPONENT, _HIGH_EXPONENT = -40, 17
# Gaps outside [Z_LOW, Z_HIGH) = [9.1e-13, 131072) are computed point by point.
Z_LOW, Z_HIGH = 2.0**_LOW_EXPONENT, 2.0**_HIGH_EXPONENT
_DEGREE = 11
_PANEL_BITS = 3
PANELS_PER_OCTAVE = 2**_PANEL_BITS
_MANTISSA_BITS = 52
_SHIFT = _MANTISSA_BITS - _PANEL_BITS
_ONE = np.float64(1.0).view(np.int64)
_FIRST = np.float64(Z_LOW).view(np.int64) >> _SHIFT
_COUNT = (_HIGH_EXPONENT - _LOW_EXPONENT) * PANELS_PER_OCTAVE
_PLACE_MASK = np.int64((1 << _SHIFT) - 1)
# 16384 doubles: the block, its panel numbers and three temporaries stay in a second-level cache of 1 MB.
_BLOCK = 16384
# How each planned quantity is interpolated: the function at the nodes, and whether its exponential is the value.
_INTERPOLATED = {
    "sf": ("logsf", True), "logsf": ("logsf", False), "cdf": ("cdf", False), "pdf": ("logpdf", True),
    "logpdf": ("logpdf", False), "target": ("target", False),
    "exponential_integral_term": ("exponential_integral_term", False),
}  # fmt: skip


PLANNED = frozenset(_INTERPOLATED) | {"logcdf"}


# Plans that are kept: 64 shapes of a quantity, which may need two of them. One takes 47 kB.
KEPT = 64


@lru_cache(maxsize=2 * KEPT)
def _coefficients(function: str, k: float) -> tuple[np.ndarray, np.ndarray]:
    """Monomial coefficients in the panel's variable u ∈ [−1, 1], highest degree first: shape (degree + 1, panels).

    With them, 1.0 for each panel whose function is lifted by z, and 0.0 for the others.
    """
    nodes = np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
    panel = np.arange(_COUNT)
    octave = np.ldexp(1.0, _LOW_EXPONENT + panel // PANELS_PER_OCTAVE)
    centre = octave * (1.0 + (panel % PANELS_PER_OCTAVE + 0.5) / PANELS_PER_OCTAVE)
    half_width = 0.5 * octave / PANELS_PER_OCTAVE
    z = centre[:, None] + half_width[:, None] * nodes
    lift = np.zeros(_COUNT)
    if f"lifted_{function}" in POINTWISE:
        lift[_real_shape.lifting_pays(np.full(_COUNT, k), centre)] = 1.0
    values = np.empty_like(z)
    for name, panels in ((function, lift == 0.0), (f"lifted_{function}", lift == 1.0)):
        if panels.any():
            nodes_there = z[panels].ravel()
            values[panels] = POINTWISE[name](np.full(nodes_there.size, k), nodes_there).reshape(-1, nodes.size)
    # The middle value is taken off first, so that the transform's rounding is relative to the variation in the panel.
    middle = values[:, _DEGREE // 2]
    chebyshev = np.polynomial.chebyshev.chebvander(nodes, _DEGREE) * (2.0 / (_DEGREE + 1))
    chebyshev[:, 0] *= 0.5
    series = (values - middle[:, None]) @ chebyshev
    to_monomials = np.zeros((_DEGREE + 1, _DEGREE + 1))
    for degree in range(_DEGREE + 1):
        monomials = np.polynomial.chebyshev.cheb2poly([0] * degree + [1])
        to_monomials[degree, : monomials.size] = monomials
    coefficients = (series @ to_monomials).T[::-1].copy()
    coefficients[-1] += middle
    return coefficients, lift


def clear_cache() -> None:
    """Forget every plan built so far (for measurements)."""
    _coefficients.cache_clear()


def evaluate(quantity: str, k: float, z: np.ndarray) -> np.ndarray:
    """The quantity at one shape and a one-dimensional contiguous array of gaps 0 < z < ∞; in place over z."""
    if quantity == "logcdf":
        upper = evaluate("sf", k, z.copy())
        lower = evaluate("cdf", k, z)
        return np.where(upper > 0.5, np.log(lower), np.log1p(-upper))
    function, exponential = _INTERPOLATED[quantity]
    coefficients, lift = _coefficients(function, k)
    lifted = lift.any()
    size = min(_BLOCK, z.size)
    number, place, term, sums = scratch(size).view(np.int64), scratch(size), scratch(size), scratch(size)
    for start in range(0, z.size, _BLOCK):
        block = z[start : start + _BLOCK]
        panel, u, gathered, total = (array[: block.size] for array in (number, place, term, sums))
        bits = block.view(np.int64)
        np.right_shift(bits, _SHIFT, out=panel)
        panel -= _FIRST
        u_bits = u.view(np.int64)
        np.bitwise_and(bits, _PLACE_MASK, out=u_bits)
        u_bits |= _ONE
        # u_bits now spell a number in [1, 1 + 1/panels); its panel's centre goes to 0, its ends to ∓1.
        u -= 1.0 + 0.5 / PANELS_PER_OCTAVE
        u *= 2.0 * PANELS_PER_OCTAVE
        outside = None
        if panel.min() < 0 or panel.max() >= _COUNT:
            outside = (panel < 0) | (panel >= _COUNT)
            exact = POINTWISE[quantity](np.full(np.count_nonzero(outside), k), block[outside])
        np.take(coefficients[0], panel, out=total, mode="clip")
        for row in coefficients[1:]:
            total *= u
            np.take(row, panel, out=gathered, mode="clip")
            total += gathered
        if lifted:
            np.take(lift, panel, out=gathered, mode="clip")
            gathered *= block
            total -= gathered
        block[...] = np.exp(total, out=total) if exponential else total
        if outside is not None:
            block[outside] = exact
    return z
