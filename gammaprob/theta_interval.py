"""For which Θ do printed digits follow from the exact law? Certified intervals, by root finding on Arb enclosures.

A printed number v whose last digit stands for u says, read as rounded, v − u/2 ≤ value < v + u/2 (half up), and read as
truncated, v ≤ value < v + u. At fixed δ > 0 the law is strictly monotone in each of its parameters: P(|X−Y| ≤ δ) falls
and φ(δ) rises with Θ (the law of X given Y−X = δ grows in likelihood ratio order) and with k (|X−Y| grows when an
independent symmetric variable is added to the unimodal X−Y; for φ by the likelihood ratio again). So each end of a
preimage is one root, each cell one half-open interval, and a table their intersection. At δ = 0 both are constant for
k ≥ ½: 0 and ½.

Every root is enclosed between two neighbouring decimals at which the sign of the difference is certified. The interval
that is shown uses the inner ones: it lies inside the true interval, and falls short of it by less than one unit in its
last digit at either end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from gammaprob import certified
from gammaprob.errors import ArgumentError, ConvergenceError

__all__ = ["READINGS", "ParameterInterval", "PrintedCell", "parameter_interval", "preimage", "shortest_decimal"]

READINGS = ("rounding", "truncation")
_QUANTITIES = {"P": certified.gap_cdf, "phi": certified.expected_target}
_LIMITS = {"P": (0, 1), "phi": (0, Fraction(1, 2))}  # the open ranges of the quantities at δ > 0 as the parameters vary
_AT_ZERO = {"P": 0, "phi": Fraction(1, 2)}
_FIRST_DIGITS = 20  # of an enclosure when only its sign against a target is asked; doubled while the sign is open
_MOST_DIGITS = 640
# The search for a bracket goes as far as this factor from its start. Beyond it both quantities are within about 1e-9 of
# their limits, closer than any printed digit asks.
_FARTHEST = Fraction(10) ** 12


@dataclass(frozen=True)
class PrintedCell:
    """One printed number: the quantity ("P" or "phi"), δ and the digits as printed, both strings."""

    quantity: str
    delta: str
    printed: str


@dataclass(frozen=True)
class ParameterInterval:
    """The values of the free parameter for which all cells come out as printed.

    `lower` and `upper` are certified decimals inside the true interval (None where nothing bounds it); `lower_cell` and
    `upper_cell` are the cells that set the ends. When `empty`, they are the two cells that contradict each other: one
    asks for more than `lower`, the other for less than `upper` < `lower`; or, without ends, one cell twice that no
    value gives.
    """

    empty: bool
    lower: Decimal | None
    upper: Decimal | None
    lower_cell: PrintedCell | None
    upper_cell: PrintedCell | None

    def __contains__(self, value) -> bool:
        value = Fraction(value)
        above = self.lower is None or Fraction(self.lower) <= value
        return not self.empty and above and (self.upper is None or value <= Fraction(self.upper))


def preimage(printed: str, reading: str) -> tuple[Fraction, Fraction]:
    """The half-open interval [low, high) of values that print as `printed`.

    The last printed digit is the place: "0.3" is a statement to one decimal, "0.30" to two. Raises `ArgumentError` for
    a reading that is not in `READINGS`.

    >>> preimage("0.39", "rounding")
    (Fraction(77, 200), Fraction(79, 200))
    >>> preimage("0.39", "truncation")
    (Fraction(39, 100), Fraction(2, 5))
    """
    value, unit = Fraction(printed), Fraction(10) ** Decimal(printed).as_tuple().exponent
    if reading == "rounding":
        return value - unit / 2, value + unit / 2
    if reading == "truncation":
        return value, value + unit
    raise ArgumentError("reading", reading, f"one of {', '.join(READINGS)}", "choose how the digits were cut")


def parameter_interval(
    cells: Iterable[PrintedCell], reading: str, *, shape: str, scale: str, free: str = "scale", digits: int = 12,
) -> ParameterInterval:
    """The interval of Θ (or of k, with `free="shape"`) from which every printed digit of `cells` follows.

    `shape` and `scale` are exact (decimal text); the free one is only where the search starts. The ends are decimals
    with `digits` significant digits, counted at the starting value. Source of the cells: Tables 1 and 2 of the paper.

    >>> cell = PrintedCell("P", "0.1", "0.437")
    >>> interval = parameter_interval([cell], "rounding", shape="4", scale="0.066", digits=6)
    >>> str(interval.lower), str(interval.upper)
    ('0.0665692', '0.0667449')
    """
    if free not in ("scale", "shape"):
        raise ArgumentError("free", free, "'scale' or 'shape'", "name the parameter to solve for")
    start = Decimal({"scale": scale, "shape": shape}[free])
    cells = list(cells)
    for cell in cells:
        if not _possible(cell, reading):
            return ParameterInterval(True, None, None, cell, cell)
    while digits <= _MOST_DIGITS:
        place = start.adjusted() - digits + 1
        below, above = _bounds(cells, reading, {"shape": shape, "scale": scale}, free, start, place)
        lower = max(below, key=lambda bound: bound[0], default=(None, None, None))
        upper = min(above, key=lambda bound: bound[0], default=(None, None, None))
        ends = lower[0], upper[0], lower[2], upper[2]
        if not below or not above or lower[0] <= upper[0]:
            return ParameterInterval(False, *ends)
        if max(bound[1] for bound in below) >= min(bound[1] for bound in above):
            return ParameterInterval(True, *ends)
        digits *= 2  # the roots are apart by less than one unit: nothing is decided yet
    raise ConvergenceError("digits", digits, "digits that tell the ends of the interval apart", "check the cells")


def shortest_decimal(interval: ParameterInterval) -> Decimal:
    """The decimal with the fewest decimal places in a bounded interval that is not empty (the smallest, if several).

    >>> shortest_decimal(ParameterInterval(False, Decimal("0.06659633"), Decimal("0.06664514"), None, None))
    Decimal('0.0666')
    """
    if interval.empty or interval.lower is None or interval.upper is None:
        raise ArgumentError("interval", interval, "a bounded interval that is not empty", "choose another reading")
    places = 0
    while True:
        numerator = math.ceil(Fraction(interval.lower) * 10**places)
        if Fraction(numerator, 10**places) <= interval.upper:
            return Decimal(f"{numerator}e-{places}")
        places += 1


def _possible(cell: PrintedCell, reading: str) -> bool:
    """Whether some parameter gives the printed digits of this cell alone."""
    low, high = preimage(cell.printed, reading)
    if Fraction(cell.delta) == 0:
        return low <= _AT_ZERO[cell.quantity] < high
    infimum, supremum = _LIMITS[cell.quantity]
    return low < supremum and infimum < high


def _bounds(cells, reading, parameters, free, start, place):
    """Bounds from below and from above as (inner decimal, outer decimal, cell): the bound lies between the two."""
    below, above = [], []
    for cell in cells:
        rising = cell.quantity == "phi"
        low, high = preimage(cell.printed, reading)
        infimum, supremum = _LIMITS[cell.quantity]
        for target, from_below in ((low, rising), (high, not rising)):
            if Fraction(cell.delta) == 0 or not infimum < target < supremum:
                continue  # met by every parameter
            bracket = _root(_residual(cell, target, parameters, free, rising), start, place)
            if bracket is not None and from_below:
                below.append((bracket[1], bracket[0], cell))
            elif bracket is not None:
                above.append((bracket[0], bracket[1], cell))
    return below, above


def _residual(cell, target, parameters, free, rising):
    """Exact parameter -> value − target, with a certified sign, oriented to rise with the parameter."""
    quantity = _QUANTITIES[cell.quantity]

    def residual(parameter: Fraction) -> Fraction:
        digits = _FIRST_DIGITS
        while digits <= _MOST_DIGITS:
            value = quantity(cell.delta, **{**parameters, free: parameter}, digits=digits)
            low, high = value.lower - target, value.upper - target
            if low > 0 or high < 0:
                difference = (low + high) / 2
                return difference if rising else -difference
            digits *= 2
        raise ConvergenceError(free, str(parameter), "a value apart from the boundary of its digits", "shift the start")

    return residual


def _root(residual, start: Decimal, place: int) -> tuple[Decimal, Decimal] | None:
    """The neighbouring multiples of 10**place between which a rising residual changes sign; None where it never does.

    Illinois steps on the grid, with a bisection whenever three of them have not halved the bracket.
    """
    unit = Fraction(10) ** place
    near = int(Fraction(start) / unit)
    evaluated = {}

    def at(multiple: int) -> Fraction:
        if multiple not in evaluated:
            evaluated[multiple] = residual(multiple * unit)
        return evaluated[multiple]

    low = high = near
    while at(low) > 0:
        high, low = low, low // 2
        if low == 0 or Fraction(near, low) > _FARTHEST:
            return None
    while at(high) < 0:
        low, high = high, high * 2
        if Fraction(high, near) > _FARTHEST:
            return None
    value_low, value_high, kept, width, steps = at(low), at(high), 0, high - low, 0
    while high - low > 1:
        step = round((high - low) * (-value_low / (value_high - value_low)))
        middle = min(max(low + step, low + 1), high - 1)
        if steps == 3:
            if 2 * (high - low) > width:
                middle = (low + high) // 2
            width, steps = high - low, 0
        value, steps = at(middle), steps + 1
        if value > 0:
            high, value_high = middle, value
            value_low, kept = (value_low / 2 if kept > 0 else value_low), 1
        else:
            low, value_low = middle, value
            value_high, kept = (value_high / 2 if kept < 0 else value_high), -1
    return Decimal(f"{low}e{place}"), Decimal(f"{high}e{place}")
