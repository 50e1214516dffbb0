"""How `as_printed` reads numbers: exactly, at one working precision, and open to symbolic arguments.

A formula that is to be evaluated literally must not lose digits on the way in: "0.066" is 33/500 here, and a float is
its exact binary value.
"""

from __future__ import annotations

import functools
import inspect
from fractions import Fraction

from mpmath import mp, mpf

__all__ = ["WORKING_DIGITS", "exact", "exponential", "exponential_integral", "literal", "logarithm"]

# 60 digits: a strip of width 1e-25 costs the differences 25 of them and the alternating sums a few more; the witnesses
# compare 20.
WORKING_DIGITS = 60

_INDICES = {"i", "n", "shape", "order"}  # stay as they are: counts, not magnitudes


@functools.singledispatch
def exponential(value):
    """exp, open to other number types through `exponential.register`.

    >>> print(exponential(mp.mpf(0)))
    1.0
    """
    return mp.exp(value)


@functools.singledispatch
def logarithm(value):
    """log, open to other number types through `logarithm.register`.

    >>> print(logarithm(mp.mpf(1)))
    0.0
    """
    return mp.log(value)


@functools.singledispatch
def exponential_integral(value):
    """Γ(0, x) = E₁(x), the upper incomplete gamma function of order zero (DLMF 8.19.1), open like `exponential`.

    >>> print(mp.nstr(exponential_integral(mp.mpf(1)), 10))
    0.2193839344
    """
    return mp.e1(value)


def exact(value):
    """Decimal strings, rationals, ints and floats as mpf at the working precision; vectors entry by entry."""
    if isinstance(value, (tuple, list)):
        return tuple(map(exact, value))
    if isinstance(value, (str, Fraction)):
        ratio = Fraction(value)
        return mpf(ratio.numerator) / ratio.denominator
    return mpf(value) if isinstance(value, (int, float)) else value


def literal(function):
    """Evaluate at the working precision on exactly converted arguments."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def evaluated(*arguments, **keywords):
        bound = signature.bind(*arguments, **keywords).arguments
        with mp.workdps(WORKING_DIGITS):
            return function(**{name: value if name in _INDICES else exact(value) for name, value in bound.items()})

    return evaluated
