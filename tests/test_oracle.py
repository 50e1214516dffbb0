"""The public functions against the oracle of tests/oracle: promised limits, recorded errors, and the oracle itself."""

from __future__ import annotations

import csv
import hashlib
import importlib
import json
import math
import random
import re
from fractions import Fraction

import pytest

from tests.oracle import compare, generate, points
from tests.oracle.compare import ACHIEVED, DATA, FAMILIES, LIMITS, PATHS, QUANTITIES, ROUNDING, Point

# exp, log, erf and erfc of another libm or SIMD width may differ by an ulp (two roundings) each, and at most two of
# them meet in one result: so much beyond the recorded error, in roundings of the result and of each input, is no loss.
PLATFORM_ROUNDINGS = 4.0
# Rows of each file that are computed afresh: a few milliseconds each.
REPRODUCED = 6
# A regenerated condition number may differ from the stored three digits by half a unit of the last one.
STORED_CONDITION = 0.5e-2

# Every limit at which a kernel changes its method, and the column and values of the seams around it.
REGION_LIMITS = {
    "_integer_shape.POLYNOMIAL_UP_TO": ("shape", (64.0,)),
    "_integer_shape._ONE_FACTOR_UP_TO": ("gap", (700.0,)),
    "_plan.Z_HIGH": ("gap", (2.0**17,)),
    "_plan.Z_LOW": ("gap", (2.0**-40,)),
    "_real_shape.REFLECTED_BELOW": ("shape", (0.5,)),
    "_real_shape.STIRLING_FROM": ("shape", (10.0,)),
    "_real_shape.SUBTRACTED_BELOW": ("shape", (1.0,)),
    "_small_gap.SERIES_BELOW": ("gap", (1e-9,)),
    "_small_gap.SERIES_SHAPES_BELOW": ("shape", (1.4,)),
    "_small_gap._JOINED_BELOW": ("shape", (0.4, 0.6)),  # |k − 1/2| = 0.1
    "_small_gap._TAYLOR_BELOW": ("shape", (0.02,)),
}
# A limit on the value of a quantity: points of its file lie on both sides, within a factor of two.
VALUE_LIMITS = {"_pointwise._TAIL_BELOW": "gamma_integral"}
# A number of points, not of the domain: the paths of `compare` lie on both sides of it.
NOT_OF_THE_DOMAIN = {"_plan.PLAN_FROM"}
KERNELS = ("_evaluate", "_integer_shape", "_plan", "_pointwise", "_quantile", "_real_shape", "_small_gap", "_strip")


@pytest.fixture(scope="module")
def achieved() -> dict:
    return json.loads(ACHIEVED.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def provenance() -> dict:
    return json.loads((DATA / "provenance.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_errors_are_within_the_limits_and_no_larger_than_recorded(quantity, path, achieved):
    for family in FAMILIES:
        record, worst = achieved[quantity][path][family], compare.measured(quantity, path, family)
        assert len(worst) == record["points"]
        assert worst[0].excess <= LIMITS[quantity][family], worst[0]
        for one in worst:
            assert one.roundings <= record["roundings"] + PLATFORM_ROUNDINGS, one
            assert one.excess <= record["excess"] + PLATFORM_ROUNDINGS * ROUNDING * (1 + one.point.condition), one


def test_scalar_calls_give_what_array_calls_give():
    """One call a point, with Python floats. Where another kernel answers (integer shapes), both are near the truth."""
    for quantity in QUANTITIES:
        for point, expected in random.Random(0).sample(compare.values(quantity, "pointwise"), 5):
            actual, limit = compare.call(quantity, point.shape, point.others), LIMITS[quantity][point.family]
            assert isinstance(actual, float)
            assert point.excess(actual) <= limit
            assert compare.relative_error(actual, expected) <= 2 * (limit + point.slack)


def test_a_kernel_off_by_1e_12_is_reported(achieved, monkeypatch):
    """Negative control: the same check, with one value of a thousand perturbed."""
    original = compare.values

    def perturbed(quantity, path):
        every = original(quantity, path)
        place = next(i for i, (point, _) in enumerate(every) if point.tag == "random" and point.condition < 1)
        point, actual = every[place]
        every[place] = (point, actual * (1 + 1e-12))
        return every

    monkeypatch.setattr(compare, "values", perturbed)
    with pytest.raises(AssertionError):
        test_errors_are_within_the_limits_and_no_larger_than_recorded("gap_sf", "pointwise", achieved)


def test_a_kernel_that_became_a_little_worse_is_reported(achieved, monkeypatch):
    """Negative control of the recorded error: within the limit, but ten roundings worse than it was."""
    original = compare.values
    factor = 1 + 10 * ROUNDING + achieved["gap_sf"]["pointwise"]["real"]["roundings"] * 2 * ROUNDING

    def perturbed(quantity, path):
        every = original(quantity, path)
        return [(point, actual * factor if point.condition < 0.5 else actual) for point, actual in every]

    monkeypatch.setattr(compare, "values", perturbed)
    with pytest.raises(AssertionError, match="roundings"):
        test_errors_are_within_the_limits_and_no_larger_than_recorded("gap_sf", "pointwise", achieved)


@pytest.mark.parametrize(
    ("actual", "reference", "error"),
    [
        (1.0, Fraction(1), 0.0),
        (1.5, Fraction(1), 0.5),
        (-1.0, Fraction(1), 2.0),
        (0.0, Fraction(0), 0.0),
        (5e-324, Fraction(0), math.inf),
        (0.0, Fraction(1), 1.0),
        (math.inf, math.inf, 0.0),
        (math.inf, Fraction(1), math.inf),
        (math.inf, -math.inf, math.inf),
        (1.0, math.inf, math.inf),
        (math.nan, math.nan, 0.0),
        (math.nan, Fraction(1), math.inf),
        (1.0, math.nan, math.inf),
    ],
)
def test_the_error_metric(actual, reference, error):
    assert compare.relative_error(actual, reference) == error


def test_the_slack_is_four_roundings_of_the_inputs():
    point = Point("random", 2.5, (1.0,), 1.0, Fraction(1), condition=100.0)
    assert point.excess(1 + 399 * ROUNDING * 2) == pytest.approx(398 * ROUNDING)
    assert point.excess(1 + 100 * ROUNDING * 2) == 0.0
    assert point.excess(math.nan) == math.inf


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_files_are_what_the_provenance_says(quantity, provenance):
    path = DATA / f"{quantity}.csv"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == provenance["files"][path.name]["sha256"]
    assert len(compare.load(quantity)) == provenance["files"][path.name]["points"]
    assert provenance["independent"] is True


def test_every_file_belongs_to_a_quantity(provenance):
    assert {path.stem for path in DATA.glob("*.csv")} == set(QUANTITIES) == set(generate.QUANTITIES)
    assert len(QUANTITIES) == len(provenance["files"])


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_rows_can_be_computed_again(quantity):
    with (DATA / f"{quantity}.csv").open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    assert header == generate.header(quantity)
    for tag, *stored in random.Random(1).sample(rows, REPRODUCED):
        arguments = tuple(float.fromhex(text) for text in stored[:-4])
        *fresh, shape, other = generate.row(quantity, arguments)
        assert fresh == stored[:-2], tag
        for text, again in zip(stored[-2:], (shape, other)):
            assert float(text) == pytest.approx(float(again), rel=STORED_CONDITION)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_stored_doubles_are_the_stored_digits(quantity):
    assert all(float(point.digits) == point.value for point in compare.load(quantity))


def test_the_corners_of_the_domain_are_there():
    corners = {(k, z) for k in points.SHAPE_RANGE for z in points.GAP_RANGE}
    assert corners <= {(point.shape, *point.others) for point in compare.load("gap_cdf")}
    for quantile in ("gap_ppf", "gap_isf"):
        assert 1e-300 in {point.others[0] for point in compare.load(quantile)}
    assert any(point.value < math.log(points.SMALLEST) for point in compare.load("gap_logsf"))


def _limits() -> dict[str, float]:
    """The constants of the kernels that say where a method ends, by their names."""
    found = {}
    for name in KERNELS:
        for constant, value in vars(importlib.import_module(f"gammaprob.{name}")).items():
            if re.search(r"(_BELOW|_FROM|_UP_TO|^Z_LOW|^Z_HIGH)$", constant):
                found[f"{name}.{constant}"] = value
    return found


def test_every_region_limit_has_points_on_both_sides():
    limits = {name: value for name, value in _limits().items() if name not in NOT_OF_THE_DOMAIN}
    for name, quantity in VALUE_LIMITS.items():
        ratios = [abs(point.value) / limits[name] for point in compare.load(quantity)]
        assert any(0.5 < ratio < 1.0 for ratio in ratios) and any(1.0 <= ratio < 2.0 for ratio in ratios), name
    known = {*REGION_LIMITS, *VALUE_LIMITS}
    assert limits.keys() == known, "a limit came or went: mend REGION_LIMITS and the seams of points.py"
    rows = compare.load("gap_logsf")
    columns = {"shape": {point.shape for point in rows}, "gap": {point.others[0] for point in rows}}
    for name, (column, seams) in REGION_LIMITS.items():
        assert limits[name] in seams or name == "_small_gap._JOINED_BELOW", name
        for seam in seams:
            assert {math.nextafter(seam, 0.0), seam, math.nextafter(seam, math.inf)} <= columns[column], name
