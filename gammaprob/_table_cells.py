"""One table value and its witnesses: exact arguments in, one `Cell` out, or the run stops.

A value flows from decimal text through four computations that share no code: the float64 kernel, an Arb enclosure,
quadrature of the printed double integral, and simulation. They must agree with each other first; a disagreement is a
mistake of this package and raises `WitnessContradiction`. Only then is the exact value compared with what was printed.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from gammaprob import certified, monte_carlo, quadrature
from gammaprob.domains import Symbol
from gammaprob.errors import ConvergenceError, DomainError
from gammaprob.gap import gap_cdf
from gammaprob.target import expected_target
from gammaprob.theta_interval import preimage

__all__ = [
    "AGREES", "DIFFERS", "LAST_DIGIT", "Cell", "WitnessContradiction", "certified_digits", "compute", "exact_number",
    "verdict",
]

AGREES, LAST_DIGIT, DIFFERS = "agrees", "last digit", "differs"

# (kernel, enclosure, quadrature, simulation) of each quantity.
_WITNESSES = {
    "P": (gap_cdf, certified.gap_cdf, quadrature.gap_cdf, monte_carlo.gap_cdf),
    "phi": (expected_target, certified.expected_target, quadrature.expected_target, monte_carlo.expected_target),
}
# The kernels promise a relative error of 1e-13 wherever the value exceeds 1e-300, and nothing below that.
_KERNEL_ERROR, _KERNEL_FLOOR = 1e-13, 1e-300
_EPSILON = 2.0**-53
# A two-sided normal tail of 2e-9: with a hundred cells a run, one false alarm in five million seeds.
_LARGEST_Z_SCORE = 6.0
_REFERENCE_DIGITS = 20  # of the enclosure at the doubles themselves: float64 resolves 17
# Extra digits asked until both ends of the enclosure round to the same digits. Transcendental values are never a tie.
_GUARD_DIGITS = (3, 20, 200)
# At most this many characters, and three-digit exponents: numbers are held exactly, so 1e999999999 would fill memory.
_LONGEST_NUMBER = 400
_NUMBER = re.compile(r"[+-]?(?:[0-9]+/[0-9]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)")


class WitnessContradiction(Exception):
    """Two computations of one value disagree by more than their errors allow: a mistake of this package."""

    def __init__(self, quantity: str, arguments: dict, witness: str, found: float, exact: str, allowed: str):
        self.fields = quantity, arguments, witness, found, exact, allowed
        where = ", ".join(f"{name} = {value}" for name, value in arguments.items())
        super().__init__(
            f"{quantity} at {where}: {witness} gives {found!r}, the Arb enclosure {exact} (allowed: {allowed}); "
            "this is a mistake of gammaprob, not of the paper: please report it"
        )

    def __reduce__(self):
        return type(self), self.fields


@dataclass(frozen=True)
class Cell:
    """One value with its witnesses; a witness that cannot vouch for its answer at these arguments is None.

    `exact` belongs to the arguments as they are written, `enclosure` and the witnesses to the doubles nearest to them.
    """

    quantity: str
    delta: str
    shape: str
    scale: str
    printed: str | None
    exact: str
    verdict: str | None
    enclosure: str
    kernel: float
    kernel_error: float
    quadrature: quadrature.Integral | None
    quadrature_error: float | None
    simulation: monte_carlo.Share | monte_carlo.Mean | None
    z_score: float | None

    def row(self) -> dict[str, str | float | None]:
        """The cell as one flat row; exact values stay text."""
        return {
            "quantity": self.quantity, "delta": self.delta, "shape": self.shape, "scale": self.scale,
            "printed": self.printed, "exact": self.exact, "verdict": self.verdict,
            "enclosure": self.enclosure, "kernel": self.kernel, "kernel_relative_error": self.kernel_error,
            "quadrature": self.quadrature and self.quadrature.value,
            "quadrature_error_estimate": self.quadrature and self.quadrature.error,
            "quadrature_relative_error": self.quadrature_error,
            "simulation": self.simulation and self.simulation.mean,
            "simulation_standard_error": self.simulation and self.simulation.standard_error,
            "z_score": self.z_score,
        }


def exact_number(name: str, text: str, symbol: Symbol) -> str:
    """The text of a decimal or fraction in the symbol's domain, whose double is finite, and not 0 unless it is 0.

    Raises `DomainError` otherwise.

    >>> from gammaprob.domains import SCALE
    >>> exact_number("scale", "0.066", SCALE), exact_number("scale", "1/15", SCALE)
    ('0.066', '1/15')
    """
    text = text.strip()
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text) or re.search("/0+$", text):
        allowed = f"{symbol.allowed}, as decimal or fraction"
        raise DomainError(name, text, allowed, "write it as in 0.066, 6.6e-2 or 33/500")
    number = Fraction(text)
    try:
        nearest = float(number)
    except OverflowError:
        nearest = float("inf")
    if not symbol.contains(nearest) or nearest in (float("inf"), -float("inf")) or (number and not nearest):
        raise DomainError(name, text, f"{symbol.allowed}, within float64", symbol.next_step)
    return text


def compute(
    quantity: str, delta: str, *, shape: str, scale: str, digits: int, seed: int, printed: str | None = None,
) -> Cell:
    """The value of "P" or "phi" at exact arguments (decimal text), with all witnesses; `digits` of it are certified.

    Raises `WitnessContradiction` where the witnesses disagree beyond their errors. All of them but the exact digits are
    evaluated at the doubles nearest to the arguments, and compared with an enclosure at these same doubles.
    """
    kernel, enclosure, integral, simulate = _WITNESSES[quantity]
    exact_arguments = {"delta": delta, "shape": shape, "scale": scale}
    arguments = {name: float(Fraction(text)) for name, text in exact_arguments.items()}
    reference = enclosure(**arguments, digits=_REFERENCE_DIGITS)
    true = float((reference.lower + reference.upper) / 2)

    def require(agree: bool, witness: str, found: float, allowed: str) -> None:
        if not agree:
            raise WitnessContradiction(quantity, arguments, witness, found, reference.digits, allowed)

    value = float(kernel(**arguments))
    require(
        abs(value - true) <= _KERNEL_ERROR * abs(true) + _KERNEL_FLOOR, "the float64 kernel", value,
        f"a relative error of {_KERNEL_ERROR:g}",
    )
    area = _unless_withheld(integral, **arguments)
    if area is not None:
        allowed = area.error + _EPSILON * abs(true)
        require(abs(area.value - true) <= allowed, "quadrature", area.value, f"its error estimate {allowed:.1e}")
    # The cell's own stream: its draws do not depend on which other cells are shown, nor on the last digits of a fitted
    # parameter, which differ from one processor to the next and with the digits to which the losses were written.
    key = zlib.crc32(" ".join([quantity, *(str(Fraction(f"{value:.6g}")) for value in arguments.values())]).encode())
    draws = _unless_withheld(simulate, **arguments, seed=[seed, key])
    z_score = None
    if draws is not None:
        z_score = draws.z_score(true)
        require(abs(z_score) <= _LARGEST_Z_SCORE, "simulation", draws.mean, f"{_LARGEST_Z_SCORE:g} standard errors")
    return Cell(
        quantity, delta, shape, scale, printed,
        exact=certified_digits(enclosure, exact_arguments, digits),
        verdict=None if printed is None else verdict(enclosure, exact_arguments, printed),
        enclosure=reference.arb.str(_REFERENCE_DIGITS), kernel=value, kernel_error=_relative(value, true),
        quadrature=area, quadrature_error=None if area is None else _relative(area.value, true),
        simulation=draws, z_score=z_score,
    )


def verdict(enclosure, arguments: dict, printed: str) -> str:
    """`agrees` when the exact value rounds to the printed digits, `last digit` when it lies within one unit of their
    last place, else `differs`.

    >>> verdict(certified.expected_target, {"delta": "0.1", "shape": "4", "scale": "0.066"}, "0.39")
    'last digit'
    """
    low, high = preimage(printed, "rounding")
    if _certainly_within(enclosure, arguments, low, high):
        return AGREES
    middle, unit = Fraction(printed), high - low
    return LAST_DIGIT if _certainly_within(enclosure, arguments, middle - unit, middle + unit) else DIFFERS


def certified_digits(enclosure, arguments: dict, digits: int) -> str:
    """The exact value rounded to `digits` significant digits, every one of them certified.

    >>> certified_digits(certified.gap_cdf, {"delta": "0.1", "shape": "4", "scale": "0.066"}, 12)
    '0.440766939054'
    """
    context = Context(prec=digits, rounding=ROUND_HALF_UP)
    for extra in _GUARD_DIGITS:
        value = enclosure(**arguments, digits=digits + extra)
        ends = (value.lower, value.upper)
        low, high = (context.divide(Decimal(end.numerator), Decimal(end.denominator)) for end in ends)
        if low == high:
            return _written(low, digits)
    raise ConvergenceError("digits", digits, "digits that the enclosure decides", "ask for another number of digits")


def _certainly_within(enclosure, arguments, low: Fraction, high: Fraction) -> bool:
    """Whether low <= value < high, by an enclosure that is narrowed until it contains neither end (or is exact)."""
    for extra in _GUARD_DIGITS:
        value = enclosure(**arguments, digits=_REFERENCE_DIGITS + extra)
        if low <= value.lower and value.upper < high:
            return True
        if value.upper < low or high <= value.lower:
            return False
    raise ConvergenceError("printed", f"[{low}, {high})", "bounds apart from the exact value", "print another digit")


def _written(number: Decimal, digits: int) -> str:
    """Positional for the sizes that tables print, else scientific; all digits shown, trailing zeros included."""
    if number == 0:
        return "0"
    places = digits - 1 - number.adjusted()
    if -4 <= number.adjusted() < digits:
        return f"{number:.{places}f}"
    return f"{number:.{digits - 1}e}"


def _relative(found: float, true: float) -> float:
    return abs(found / true - 1.0) if true else abs(found)


def _unless_withheld(witness, **arguments):
    """The witness's answer, or None where it declares that it cannot vouch for one (the table shows the gap)."""
    try:
        return witness(**arguments)
    except ConvergenceError:
        return None
