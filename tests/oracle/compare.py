"""The public functions against the oracle: how far off each is, where, and what was achieved.

`python -m tests.oracle.compare` prints, for each quantity and way of calling it, the worst points; with `--record` it
also writes `achieved.json`, the errors that the tests let nobody exceed, and with `--summary` it prints these instead.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

import gammaprob
from gammaprob import _plan

__all__ = [
    "ACHIEVED", "DATA", "FAMILIES", "LIMITS", "PATHS", "QUANTITIES", "ROUNDING", "Point", "Worst", "call",
    "load", "measured", "relative_error", "summary", "values",
]  # fmt: skip

HERE = Path(__file__).resolve().parent
DATA = HERE / "reference"
ACHIEVED = HERE / "achieved.json"

ROUNDING = 2.0**-53
# Where a quantity is ill-conditioned in an input, four roundings of that input are allowed on top of the limit.
INPUT_ROUNDINGS = 4
# The promised relative errors: at real shapes; at integer shapes up to 1000, for the five quantities that the promise
# names; of quantiles.
REAL_LIMIT, INTEGER_LIMIT, QUANTILE_LIMIT = 1e-13, 4e-15, 1e-12
LARGEST_INTEGER = 1000
FAMILIES = ("real", "integer")
_PROMISED_AT_INTEGERS = ("gap_sf", "gap_cdf", "gap_pdf", "expected_target", "exponential_integral_term")
_QUANTILES = ("gap_ppf", "gap_isf")
_OTHERS = ("gap_logsf", "gap_logcdf", "gap_logpdf", "gamma_integral", "strip_probability")
QUANTITIES = (*_PROMISED_AT_INTEGERS, *_OTHERS, *_QUANTILES)
LIMITS = {
    **{quantity: {"real": REAL_LIMIT, "integer": INTEGER_LIMIT} for quantity in _PROMISED_AT_INTEGERS},
    **{quantity: {"real": REAL_LIMIT, "integer": REAL_LIMIT} for quantity in _OTHERS},
    **{quantity: {"real": QUANTILE_LIMIT, "integer": QUANTILE_LIMIT} for quantity in _QUANTILES},
}
# Ways of calling that reach different kernels: an array of shapes; one shape and an array of gaps; one shape and so
# many gaps that a piecewise polynomial is built (for the shapes with most points only: a plan costs 50 ms).
PATHS = ("pointwise", "one shape", "plan")
PLANNED_SHAPES = 24


@dataclass(frozen=True)
class Point:
    """One row of a CSV file: exact arguments, the reference to 25 digits and as a double, and the condition numbers."""

    tag: str
    shape: float
    others: tuple[float, ...]
    value: float
    digits: Fraction
    condition: float

    @property
    def family(self) -> str:
        return "integer" if self.shape.is_integer() and self.shape <= LARGEST_INTEGER else "real"

    @property
    def slack(self) -> float:
        """The relative change of the value that the allowed roundings of the inputs may cause."""
        return INPUT_ROUNDINGS * ROUNDING * self.condition

    def excess(self, actual: float) -> float:
        """The relative error that these roundings do not explain; infinite for a NaN where a number is due."""
        return max(0.0, relative_error(actual, self.digits) - self.slack)

    def roundings(self, actual: float) -> float:
        """The relative error in units of one rounding of the result and of each input."""
        return relative_error(actual, self.digits) / (ROUNDING * (1.0 + self.condition))


@dataclass(frozen=True)
class Worst:
    """A point, what the public function gives there, and the two measures of its error."""

    point: Point
    actual: float
    excess: float
    roundings: float


@lru_cache(maxsize=None)
def load(quantity: str) -> tuple[Point, ...]:
    """The rows of one CSV file."""
    with (DATA / f"{quantity}.csv").open(newline="", encoding="utf-8") as stream:
        _, *rows = csv.reader(stream)
    return tuple(
        Point(
            tag, float.fromhex(shape), tuple(map(float.fromhex, others)), float.fromhex(value), Fraction(digits),
            float(condition_shape) + float(condition_other),
        )
        for tag, shape, *others, value, digits, condition_shape, condition_other in rows
    )  # fmt: skip


def relative_error(actual: float, reference: Fraction | float) -> float:
    """|actual − reference|/|reference|, exactly, and defined for every pair.

    Equal numbers, equal infinities and two NaNs have error 0. A NaN or an infinity against anything else has error ∞,
    and so has anything but 0 against 0.
    """
    if not (math.isfinite(actual) and math.isfinite(reference)):
        return 0.0 if actual == reference or (math.isnan(actual) and math.isnan(reference)) else math.inf
    if reference == 0:
        return 0.0 if actual == 0 else math.inf
    return float(abs((Fraction(actual) - Fraction(reference)) / Fraction(reference)))


def values(quantity: str, path: str) -> list[tuple[Point, float]]:
    """The points of the quantity that the path covers, with what the public function gives there."""
    rows = load(quantity)
    if path == "pointwise":
        return _evaluated(quantity, rows, np.array([point.shape for point in rows]), 1)
    counts = Counter(point.shape for point in rows)
    found = []
    for shape, count in counts.most_common(PLANNED_SHAPES if path == "plan" else None):
        group = [point for point in rows if point.shape == shape]
        found += _evaluated(quantity, group, shape, -(-_plan.PLAN_FROM // count) if path == "plan" else 1)
    return found


def call(quantity: str, shape, others):
    """The public function at scale 1."""
    name = "order" if quantity == "exponential_integral_term" else "shape"
    return getattr(gammaprob, quantity)(*others, **{name: shape, "scale": 1.0})


def _evaluated(quantity: str, rows: Iterable[Point], shape, repeats: int) -> list[tuple[Point, float]]:
    columns = [np.tile(np.array(column), repeats) for column in zip(*(point.others for point in rows))]
    return list(zip(rows, call(quantity, shape, columns).tolist()))


def measured(quantity: str, path: str, family: str) -> list[Worst]:
    """Every covered point of a family of shapes, the greatest excess (then the most roundings) first."""
    found = [
        Worst(point, actual, point.excess(actual), point.roundings(actual))
        for point, actual in values(quantity, path)
        if point.family == family
    ]
    return sorted(found, key=lambda worst: (-worst.excess, -worst.roundings))


def summary(quantity: str, path: str) -> dict[str, dict[str, float]]:
    """family -> the largest of each measure."""
    found = {}
    for family in FAMILIES:
        every = measured(quantity, path, family)
        found[family] = {
            "excess": every[0].excess, "roundings": max(worst.roundings for worst in every), "points": len(every)
        }  # fmt: skip
    return found


def table(count: int) -> str:
    """The `count` worst points of each quantity, path and family, as text."""
    lines = [
        "error and slack in roundings (2^-53 of the value); excess = relative error − slack, and what is promised",
        f"{'quantity':26}{'path':10}{'family':8}{'promised':>9}{'excess':>9}{'error':>9}{'slack':>9}  set: arguments",
    ]
    for quantity in QUANTITIES:
        for path in PATHS:
            for family in FAMILIES:
                limit = LIMITS[quantity][family]
                for worst in measured(quantity, path, family)[:count]:
                    point = worst.point
                    error = relative_error(worst.actual, point.digits)
                    lines.append(
                        f"{quantity:26}{path:10}{family:8}{limit:9.0e}{worst.excess:9.1e}{error / ROUNDING:9.3g}"
                        f"{point.slack / ROUNDING:9.3g}  {point.tag}: {point.shape!r}, "
                        f"{', '.join(map(repr, point.others))} -> {worst.actual!r}, not {point.value!r}"
                        f"{'  ABOVE THE LIMIT' if worst.excess > limit else ''}"
                    )
    return "\n".join(lines)


def overview(achieved: dict) -> str:
    """One line a quantity: what is promised and the largest excess over all paths, as recorded."""
    lines = [f"{'':26}{'points':>7}{'real shapes':>20}{'integer shapes':>20}",
             f"{'':33}" + f"{'promised':>11}{'reached':>9}" * 2]
    for quantity, paths in achieved.items():
        line = f"{quantity:26}{sum(paths['pointwise'][family]['points'] for family in FAMILIES):7}"
        for family in FAMILIES:
            reached = max(path[family]["excess"] for path in paths.values())
            line += f"{LIMITS[quantity][family]:11.0e}{reached:9.0e}"
        lines.append(line)
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=3, help="worst points of each kind (default: %(default)s)")
    parser.add_argument("--record", action="store_true", help="write achieved.json")
    parser.add_argument("--summary", action="store_true", help="only print the recorded errors, a line a quantity")
    options = parser.parse_args(arguments)
    if options.summary:
        print(overview(json.loads(ACHIEVED.read_text(encoding="utf-8"))))
        return
    print(table(options.count))
    if options.record:
        achieved = {quantity: {path: summary(quantity, path) for path in PATHS} for quantity in QUANTITIES}
        ACHIEVED.write_text(json.dumps(achieved, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
