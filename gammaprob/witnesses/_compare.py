"""How a witness compares: numbers at points, symbolic differences, yes-or-no cases; each gives one `Reading`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import wraps

from mpmath import mp, mpf

from gammaprob import as_printed, certified
from paper_tables.outcome import Outcome, Reading

__all__ = [
    "PAPER", "POINTS", "STRIP", "UndecidedError", "agree", "all_needed", "certified_value", "checked", "equal",
    "gamma_density", "printed_range", "strip_points", "witness",
]

# Equal: both sides carry 25 digits or more (a strip of width 1e-25, and a quadrature over an inverse square root, are
# the least accurate); 20 are asked. Different: the smallest printed error, a factor or a sign, moves a value by far
# more than 1e-6. A difference in between would be noise that decides a verdict, and stops the run instead.
_EQUAL = mpf(10) ** -20
_DIFFERENT = mpf(10) ** -6

PAPER = {"shape": 4, "scale": "0.066"}  # the law of Fig. 3 and Tables 1 and 2
# Shapes 1 to 6, scales on both sides of 1 and 1 itself (which would hide a stray factor Θ), gaps from z = 0.3 to 7.5.
POINTS = (
    {"delta": "0.1", **PAPER},
    {"delta": "0.02", **PAPER},
    {"delta": "0.5", **PAPER},
    {"delta": "0.5", "shape": 1, "scale": "1"},
    {"delta": "4", "shape": 2, "scale": "3.5"},
    {"delta": "0.15", "shape": 3, "scale": "1/15"},
    {"delta": "2.25", "shape": 6, "scale": "0.75"},
)
# δ2 − δ1 where a limit δ1 → δ2 is printed: what is neglected is of this order relative to the limit.
STRIP = Fraction(1, 10**25)


class UndecidedError(ArithmeticError):
    """Two values neither equal to the digits asked nor clearly different: the comparison itself is at fault."""


def witness(function: Callable[[], Outcome]) -> Callable[[], Outcome]:
    """Run a witness at the working precision from its first line to its last: outside, mpmath rounds to 15 digits."""
    @wraps(function)
    def precise() -> Outcome:
        with mp.workdps(as_printed.WORKING_DIGITS):
            return function()

    return precise


def strip_points(points: Iterable[Mapping] = POINTS) -> list[dict]:
    """The points with δ replaced by the narrow strip (δ2 − STRIP, δ2)."""
    return [
        {"delta_1": Fraction(point["delta"]) - STRIP, "delta_2": Fraction(point["delta"])}
        | {name: value for name, value in point.items() if name != "delta"}
        for point in points
    ]


def certified_value(name: str, *arguments, **keywords):
    """The quantity `name` of `gammaprob.certified` as an mpf, correct to 40 digits."""
    return mpf(getattr(certified, name)(*arguments, **keywords, digits=40).digits)


def printed_range(printed: str) -> tuple[Fraction, Fraction]:
    """What a printed number stands for: the values within half a unit of its last digit."""
    centre, half_unit = Fraction(printed), Fraction(10) ** Decimal(printed).as_tuple().exponent / 2
    return centre - half_unit, centre + half_unit


def gamma_density(x, shape, scale):
    """The density of Gamma(shape, scale) at x, in mpmath."""
    return x ** (shape - 1) * mp.exp(-x / scale) / (scale**shape * mp.gamma(shape))


def _entries(value) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _relative_difference(value, truth):
    """Largest entry of |value − truth| over the largest entry of either; infinite where an entry is not finite."""
    pairs = list(zip(_entries(value), _entries(truth), strict=True))
    size = max(max(abs(a), abs(b)) for a, b in pairs)
    if not mp.isfinite(size):
        return mp.inf
    return max(abs(a - b) for a, b in pairs) / size if size else mpf(0)


def equal(value, truth) -> bool:
    """Do two numbers or vectors agree? Raises `UndecidedError` where the difference is neither noise nor an error."""
    difference = _relative_difference(value, truth)
    if _EQUAL < difference < _DIFFERENT:
        raise UndecidedError(f"relative difference {mp.nstr(difference, 3)} between {value} and {truth}")
    return bool(difference <= _EQUAL)


def agree(name: str, printed: Callable, truth: Callable, points: Iterable[Mapping] = POINTS) -> Reading:
    """Does `printed(**point)` equal `truth(**point)` at every point? Numbers or vectors of numbers."""
    worst, at, count = mpf(-1), None, 0
    for point in points:
        difference = _relative_difference(printed(**point), truth(**point))
        if _EQUAL < difference < _DIFFERENT:
            raise UndecidedError(f"{name}: relative difference {mp.nstr(difference, 3)} at {_shown(point)}")
        count += 1
        if difference > worst:
            worst, at = difference, point
    return Reading(
        name, bool(count) and worst <= _EQUAL, count,
        f"worst relative difference {mp.nstr(worst, 2)} at {_shown(at)}" if count else "no point",
    )


def checked(name: str, cases: Iterable[tuple[str, bool]]) -> Reading:
    """Is every case true? A case is what was looked at, in words, and whether it is so."""
    cases = list(cases)
    false = [words for words, so in cases if not so]
    evidence = f"not so: {false[0]}, {len(false)} in all" if false else f"so: {cases[-1][0]}" if cases else "no case"
    return Reading(name, bool(cases) and not false, len(cases), evidence)


def all_needed(repairs: Mapping[str, Reading]) -> Reading:
    """Does each repair that mends less than all errors still fail? Then no part of the correction is superfluous."""
    return checked("no smaller repair suffices", [(words, not reading.holds) for words, reading in repairs.items()])


_LETTERS = {
    "delta": "δ", "delta_1": "δ1", "delta_2": "δ2", "shape": "k", "scale": "Θ", "anchor": "q_*", "gamma": "γ",
}


def _shown(point: Mapping) -> str:
    def short(value):
        return value if isinstance(value, (str, int, tuple)) else mp.nstr(as_printed.exact(value), 6)

    return ", ".join(f"{_LETTERS.get(name, name)}={short(value)}" for name, value in point.items())
