"""Exact inputs in, certified balls out: what every function of `gammaprob.certified` does around its formula."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from threading import RLock

import numpy as np
from flint import arb, ctx, fmpq

from gammaprob.domains import Symbol
from gammaprob.errors import ArgumentError, ConvergenceError, DomainError

__all__ = ["Enclosure", "TooManyTerms", "Unresolved", "ball", "certify", "exact"]

# Bits asked beyond the digits at the first attempt: the sum of a few hundred terms and a handful of operations on it.
_SPARE_BITS = 12
# Each attempt doubles the working precision: where 512 times the first one fails, a little more would not do either.
_ATTEMPTS = 10
# Binary exponents beyond which a double is 0 or infinite, with room for the width of the mantissa.
_DOUBLE_EXPONENT = 1100
# flint's radius has 30 bits and is rounded up: this many bits further down, a radius just below one becomes that one.
_BELOW_RADIUS = 64
# Numbers from 1e-5 are written positionally, as Python writes floats.
_POSITIONAL_FROM = -5
# flint's precision belongs to the process: two threads that set it would each compute at the other's.
_PRECISION = RLock()


class TooManyTerms(ArithmeticError):
    """A sum that would not end in reasonable time; its text says how many terms it may have."""


class Unresolved(ArithmeticError):
    """A number too small or too large for Arb to tell it from 0."""


@contextmanager
def _precision(bits: int) -> Iterator[None]:
    """The working precision, for this thread alone."""
    with _PRECISION, ctx.workprec(bits):
        yield


@dataclass(frozen=True, eq=False)  # equality of two balls is not a matter of their numbers
class Enclosure:
    """A real number known to lie in a ball, and the decimal digits that follow from it.

    `arb` is the ball itself (python-flint); `lower` and `upper` are its ends, rounded outwards to exact
    rationals; `x in enclosure` asks whether a number (str, int, Fraction, float, each exactly) lies between them;
    `float(enclosure)` is the double nearest to the enclosed number. Pickles and copies hold the same ball.

    >>> from gammaprob import certified
    >>> value = certified.gap_cdf("0.1", shape=4, scale="0.066", digits=20)
    >>> value.digits
    '0.44076693905370062715'
    >>> float(value), "0.4407669390537006" in value, value.lower < value.upper
    (0.4407669390537006, False, True)
    """

    arb: arb
    requested_digits: int

    @property
    def lower(self) -> Fraction:
        """A lower bound, as an exact rational."""
        return _fraction(self._ends()[0])

    @property
    def upper(self) -> Fraction:
        """An upper bound, as an exact rational."""
        return _fraction(self._ends()[1])

    @property
    def digits(self) -> str:
        """The number rounded to `requested_digits` significant digits, or to as many of them as the ball decides.

        Written positionally from 1e-5 up to the digits asked, and as `d.ddde±xx` otherwise.
        """
        if self.arb == 0:
            return "0"
        with _PRECISION:
            parts = self.arb.mid_rad_10exp(self.requested_digits + 5)
        middle, radius, exponent = (int(part) for part in parts)
        for count in range(self.requested_digits, 0, -1):
            low, high = (_rounded(middle + side * radius, exponent, count) for side in (-1, 1))
            if low == high:
                return format(low, "f") if _POSITIONAL_FROM <= low.adjusted() < count else format(low, "e")
        raise ConvergenceError("digits", self.requested_digits, "a ball that decides a digit", "ask for more digits")

    def __repr__(self) -> str:
        with _PRECISION:
            return f"Enclosure({self.arb!s}, requested_digits={self.requested_digits})"

    def __float__(self) -> float:
        low, high = (_nearest_double(end) for end in self._ends())
        if low != high:
            raise ConvergenceError(
                "digits", self.requested_digits, "a ball that lies between two neighbouring rounding boundaries",
                "ask for more digits",
            )
        return low

    def __contains__(self, number) -> bool:
        return self.lower <= _as_fraction("number", number) <= self.upper

    def __reduce__(self):
        parts = (int(part) for half in (self.arb.mid(), self.arb.rad()) for part in half.man_exp())
        return _restored, (*parts, self.requested_digits)

    def _ends(self) -> tuple[arb, arb]:
        # Rounded outwards at a precision far below the ball's radius.
        with _precision(4 * self.requested_digits + 64):
            return self.arb.lower(), self.arb.upper()


def exact(name: str, value, symbol: Symbol) -> Fraction:
    """The argument as an exact rational in its symbol's domain: decimals as written, floats as their binary value."""
    number = _as_fraction(name, value)
    # Compared as rationals: a decimal may lie outside the domain by less than a double resolves.
    inside = (number > symbol.lower if symbol.open_lower else number >= symbol.lower) and number <= symbol.upper
    if not inside:
        raise DomainError(name, value, symbol.allowed, symbol.next_step)
    return number


def _as_fraction(name: str, value) -> Fraction:
    known = (str, numbers.Integral, Fraction, float, np.floating, Decimal)
    if not isinstance(value, known) or isinstance(value, bool):
        raise ArgumentError(
            name, value, "an exact scalar: int, Fraction, Decimal, float (its binary value) or decimal text",
            "pass one number, as text where the decimal is meant exactly",
        )
    try:
        if isinstance(value, numbers.Integral):
            return Fraction(int(value))
        if isinstance(value, np.floating):
            return Fraction(*value.as_integer_ratio())
        # Decimal reads any number of digits; int, which Fraction reads with, at most sys.get_int_max_str_digits().
        return Fraction(Decimal(value) if isinstance(value, str) and "/" not in value else value)
    except (ValueError, OverflowError, ZeroDivisionError, InvalidOperation):
        raise DomainError(name, value, "a finite number", "pass a finite decimal, as in '0.066'") from None


def ball(number: Fraction) -> arb:
    """The rational as a ball at the current precision."""
    return arb(fmpq(number.numerator, number.denominator))


def certify(compute: Callable[[int], arb], digits: int, largest: tuple[str, object]) -> Enclosure:
    """Call `compute(bits)` with growing precision until the ball's relative radius is at most 10**-digits.

    `compute` runs at a working precision of `bits` plus what it asks for itself. An exact zero is accepted as it is.
    `largest` is the name and value, as the caller gave it, of the argument to blame if Arb's range is too small.
    """
    if isinstance(digits, bool) or not isinstance(digits, numbers.Integral) or digits < 1:
        raise DomainError("digits", digits, "an integer >= 1", "ask for at least one digit")
    bits = int(digits * 3.3219280948873624) + _SPARE_BITS
    for _ in range(_ATTEMPTS):
        try:
            with _precision(bits):
                value = compute(bits)
        except TooManyTerms as error:
            raise ConvergenceError(
                "digits", digits, f"what {error} give", "ask for fewer digits, or take a larger shape"
            ) from None
        except Unresolved:
            raise ConvergenceError(
                *largest, "arguments whose exponentials Arb can tell from 0, as in 1e-3 <= shape <= 1e6, δ/Θ <= 1e5",
                f"move {largest[0]} towards that range",
            ) from None
        if value.is_finite() and (value.is_exact() or _radius_met(value, digits)):
            return Enclosure(value, int(digits))
        bits *= 2
    raise ConvergenceError("digits", digits, f"what {bits} bits of working precision give", "ask for fewer digits")


def _radius_met(value: arb, digits: int) -> bool:
    with _precision(64):
        return value.rad() * arb(10) ** int(digits) <= value.abs_lower()


def _restored(mantissa: int, exponent: int, radius: int, radius_exponent: int, digits: int) -> Enclosure:
    """The enclosure with exactly this ball: mantissa · 2^exponent ± radius · 2^radius_exponent."""
    middle = arb((mantissa, exponent))
    if radius == 0:
        return Enclosure(middle, digits)
    below = arb(((radius << _BELOW_RADIUS) - 1, radius_exponent - _BELOW_RADIUS))
    return Enclosure(arb(middle, below), digits)


def _fraction(end: arb) -> Fraction:
    mantissa, exponent = (int(part) for part in end.man_exp())
    return Fraction(mantissa << exponent) if exponent >= 0 else Fraction(mantissa, 1 << -exponent)


def _nearest_double(end: arb) -> float:
    mantissa, exponent = (int(part) for part in end.man_exp())
    top = mantissa.bit_length() + exponent
    if top < -_DOUBLE_EXPONENT or mantissa == 0:
        return 0.0
    if top > _DOUBLE_EXPONENT:
        return float("inf") if mantissa > 0 else float("-inf")
    return float(_fraction(end))


def _rounded(mantissa: int, exponent: int, count: int) -> Decimal:
    """mantissa · 10^exponent to `count` significant digits, half up."""
    sign, size = (-1 if mantissa < 0 else 1), abs(mantissa)
    surplus = _length(size) - count
    if surplus > 0:
        size, exponent = (size + 5 * 10 ** (surplus - 1)) // 10**surplus, exponent + surplus
    elif surplus < 0:
        size, exponent = size * 10**-surplus, exponent + surplus
    if _length(size) > count:
        size, exponent = size // 10, exponent + 1
    return Decimal((0 if sign > 0 else 1, Decimal(size).as_tuple().digits, exponent))


def _length(size: int) -> int:
    """Decimal digits of a whole number; str(size) would stop at sys.get_int_max_str_digits() of them."""
    return Decimal(size).adjusted() + 1
