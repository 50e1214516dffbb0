"""Quantiles by certified bracketing: the root of a monotone function that is known as a ball wherever it is asked."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from flint import arb, ctx

from gammaprob import _certified_law as law
from gammaprob._certified_enclosure import ball

__all__ = ["quantile"]

# Precision of the search for a bracket and of the first Newton steps.
_COARSE_BITS = 40
# Bits beyond the quantile's own: the log of a level near 1e-300 has ten bits before the point.
_SPARE_BITS = 24


def quantile(below: Fraction, above: Fraction, k: Fraction, bits: int) -> arb:
    """The z > 0 with F(z) = below and S(z) = above = 1 − below, found from the smaller of the two.

    Newton's method in log z on log F or log S, inside a bracket and with exact rational iterates. The last iterate z is
    then widened to z (1 ± ε), ε = 2**-bits, and returned only if the balls at both ends prove that the function passes
    its level between them; otherwise the result is no number, and the caller asks again with more bits.
    """
    function, level, sign = (law.distribution, below, 1) if below <= above else (law.survival, above, -1)

    def excess(z: Fraction, precision: int) -> tuple[arb, arb]:
        """log(function/level), with the sign that makes it increase, and its slope in log z."""
        with ctx.workprec(precision + _SPARE_BITS):
            value = function(k, z, precision)
            return sign * (value.log() - ball(level).log()), 2 * ball(z) * law.density(k, z, precision) / value

    z = _newton(excess, *_bracket(lambda z: excess(z, _COARSE_BITS)[0], k), bits)
    width = z / 2**bits
    low, high = (excess(z + side * width, bits + _SPARE_BITS)[0] for side in (-1, 1))
    with ctx.workprec(bits + _SPARE_BITS):
        return arb(ball(z), ball(width)) if low < 0 < high else arb("nan")


def _newton(excess: Callable, low: Fraction, high: Fraction, bits: int) -> Fraction:
    """A root to about `bits` bits, not yet proved; the precision grows with the digits that are right."""
    z, precision = low, _COARSE_BITS
    while True:
        difference, slope = excess(z, precision)
        if difference > 0:
            high = min(high, z)
        elif difference < 0:
            low = max(low, z)
        with ctx.workprec(precision + _SPARE_BITS):
            step = difference.mid() / slope.mid()
            proposal = _rational(ball(z) * (-step).exp())
            small = abs(step) < arb(2) ** (-precision // 2)
            # Newton's step squares the error: one after a small step is right to the precision at hand.
            z = proposal if small or low < proposal < high else _rational((ball(low) * ball(high)).sqrt())
        if small and precision >= bits + _SPARE_BITS:
            return z
        if small:
            precision = min(2 * precision, bits + _SPARE_BITS)


def _bracket(excess: Callable[[Fraction], arb], k: Fraction) -> tuple[Fraction, Fraction]:
    """Two points between which the increasing function changes sign, found from √(2k) outwards."""
    low = high = Fraction(math.isqrt(2 * math.ceil(k)) + 1)
    factor = Fraction(2)
    while not excess(low) < 0:
        high, low, factor = low, low / factor, factor**2
    factor = Fraction(2)
    while not excess(high) > 0:
        low, high, factor = high, high * factor, factor**2
    return low, high


def _rational(value: arb) -> Fraction:
    mantissa, exponent = (int(part) for part in value.mid().man_exp())
    return Fraction(mantissa) * Fraction(2) ** exponent
