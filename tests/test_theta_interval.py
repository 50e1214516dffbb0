"""The intervals of Θ: inside them the exact law prints the digits, just outside it does not."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gammaprob import certified
from gammaprob.errors import ArgumentError
from gammaprob.theta_interval import (
    READINGS, ParameterInterval, PrintedCell, parameter_interval, preimage, shortest_decimal,
)
from paper_tables import published

TABLE_1 = [PrintedCell("P", row["delta"], row["P"]) for row in published.load("main_table1_P")]
TABLE_2 = [PrintedCell("phi", row["delta"], row["phi_printed"]) for row in published.load("main_table2_phi")]
TABLES = {"1": TABLE_1, "2": TABLE_2, "both": TABLE_1 + TABLE_2}
STATED = {"shape": "4", "scale": "0.066"}


def printed(cell, reading, *, shape, scale) -> str:
    """The exact value as it would be printed, to the places of the cell: computed here, without any root finding."""
    exact = certified.gap_cdf if cell.quantity == "P" else certified.expected_target
    value = exact(cell.delta, shape=shape, scale=scale, digits=40)
    units = 10 ** -Decimal(cell.printed).as_tuple().exponent
    shift = Fraction(1, 2) if reading == "rounding" else 0
    low, high = (math.floor(end * units + shift) for end in (value.lower, value.upper))
    assert low == high, "the enclosure must decide the printed digits"
    return str(Decimal(low) / units)


def all_follow(cells, reading, *, shape, scale) -> bool:
    return all(
        Decimal(printed(cell, reading, shape=shape, scale=scale)) == Decimal(cell.printed) for cell in cells
    )


@pytest.mark.parametrize("free", ["scale", "shape"])
@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("table", TABLES)
def test_digits_follow_inside_and_not_just_outside(table, reading, free):
    cells = TABLES[table]
    interval = parameter_interval(cells, reading, **STATED, free=free, digits=12)
    expected_empty = reading == "truncation" and table != "2"
    assert interval.empty is expected_empty
    if expected_empty:
        return
    unit = Decimal(1).scaleb(interval.lower.as_tuple().exponent)
    middle = (interval.lower + interval.upper) / 2
    for inside in (interval.lower, middle, interval.upper):
        assert all_follow(cells, reading, **{**STATED, free: str(inside)})
        assert inside in interval
    for outside in (interval.lower - unit, interval.upper + unit):
        assert not all_follow(cells, reading, **{**STATED, free: str(outside)})
        assert outside not in interval


@pytest.mark.parametrize(("table", "reading"), [("1", "truncation"), ("both", "truncation")])
def test_an_empty_interval_names_two_cells_that_contradict_each_other(table, reading):
    interval = parameter_interval(TABLES[table], reading, **STATED)
    assert interval.empty and interval.lower > interval.upper
    pair = [interval.lower_cell, interval.upper_cell]
    assert parameter_interval(pair, reading, **STATED).empty
    assert not any(parameter_interval([cell], reading, **STATED).empty for cell in pair)
    # Neither the ends nor what lies between them gives both cells.
    for value in (interval.lower, interval.upper, (interval.lower + interval.upper) / 2):
        assert not all_follow(pair, reading, shape="4", scale=str(value))
        assert value not in interval


def test_the_cells_that_set_the_ends_are_the_binding_ones():
    interval = parameter_interval(TABLE_1, "rounding", **STATED)
    alone = parameter_interval([interval.lower_cell, interval.upper_cell], "rounding", **STATED)
    assert (alone.lower, alone.upper) == (interval.lower, interval.upper)
    others = [cell for cell in TABLE_1 if cell not in (interval.lower_cell, interval.upper_cell)]
    wider = parameter_interval(others, "rounding", **STATED)
    assert wider.lower < interval.lower and interval.upper < wider.upper


def test_more_digits_refine_towards_the_same_ends():
    """An inner end with more digits lies between the coarse inner end and one coarse unit outside it."""
    coarse, fine = (parameter_interval(TABLE_1, "rounding", **STATED, digits=digits) for digits in (6, 40))
    unit = Decimal(1).scaleb(coarse.lower.as_tuple().exponent)
    assert coarse.lower - unit < fine.lower <= coarse.lower
    assert coarse.upper <= fine.upper < coarse.upper + unit


def test_too_few_digits_are_raised_until_the_interval_is_decided():
    interval = parameter_interval(TABLE_1, "rounding", **STATED, digits=1)
    assert not interval.empty and all_follow(TABLE_1, "rounding", shape="4", scale=str(interval.lower))


def test_half_open_ends():
    """A value on the lower end of a preimage prints as the cell, one on the upper end does not: φ(0) = ½ exactly."""
    for text, empty in (("0.5", False), ("0.50", False), ("0.4", True), ("0.6", True)):
        assert parameter_interval([PrintedCell("phi", "0.0", text)], "truncation", **STATED).empty is empty
    assert preimage("0.5", "truncation")[0] == Fraction(1, 2) == preimage("0.4", "truncation")[1]


def test_cells_that_constrain_nothing_or_are_impossible():
    free = parameter_interval([PrintedCell("phi", "0.0", "0.5")], "rounding", **STATED)
    assert (free.empty, free.lower, free.upper) == (False, None, None)
    one_sided = parameter_interval([PrintedCell("P", "0.1", "1.000")], "rounding", **STATED)
    assert one_sided.lower is None and printed(one_sided.upper_cell, "rounding", shape="4", scale="1e-3") == "1"
    for cell in (PrintedCell("P", "0.1", "1.5"), PrintedCell("phi", "0.1", "0.7"), PrintedCell("phi", "0.0", "0.3")):
        interval = parameter_interval([*TABLE_2, cell], "rounding", **STATED)
        assert interval.empty and interval.lower_cell == interval.upper_cell == cell


@given(
    shape=st.sampled_from(["1", "4", "2.82", "0.54", "17.5"]), scale=st.floats(1e-3, 1e3), ratio=st.floats(0.05, 8),
    places=st.integers(2, 6), quantity=st.sampled_from(["P", "phi"]), reading=st.sampled_from(READINGS),
)
def test_an_interval_contains_the_parameter_that_printed_the_digits(shape, scale, ratio, places, quantity, reading):
    """Print a cell at a random Θ, forget Θ, solve, and find it again (or an end within one unit of it)."""
    scale, delta = Decimal(f"{scale:.8g}"), f"{scale * ratio:.3g}"
    blank = PrintedCell(quantity, delta, f"{0:.{places}f}")
    cell = PrintedCell(quantity, delta, f"{Decimal(printed(blank, reading, shape=shape, scale=str(scale))):.{places}f}")
    interval = parameter_interval([cell], reading, shape=shape, scale=str(scale), digits=12)
    assert not interval.empty
    unit = Decimal(1).scaleb(scale.adjusted() - 11)
    assert interval.lower is None or interval.lower - unit < scale
    assert interval.upper is None or scale < interval.upper + unit


@given(low=st.integers(1, 10**9), width=st.integers(0, 10**6), places=st.integers(0, 12))
def test_shortest_decimal(low, width, places):
    unit = Decimal(1).scaleb(-places)
    interval = ParameterInterval(False, low * unit, (low + width) * unit, None, None)
    found = shortest_decimal(interval)
    assert found in interval
    used = max(-found.as_tuple().exponent, 0)
    if used:  # no decimal with one place less lies inside
        coarser = 10 ** (used - 1)
        assert math.ceil(Fraction(interval.lower) * coarser) > Fraction(interval.upper) * coarser


def test_named_errors():
    with pytest.raises(ArgumentError, match="reading: got 'ceiling'; allowed: one of rounding, truncation"):
        parameter_interval(TABLE_1, "ceiling", **STATED)
    with pytest.raises(ArgumentError, match="free: got 'delta'"):
        parameter_interval(TABLE_1, "rounding", **STATED, free="delta")
    with pytest.raises(ArgumentError, match="a bounded interval"):
        shortest_decimal(ParameterInterval(False, None, Decimal(1), None, None))
