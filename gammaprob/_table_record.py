"""The recorded verdicts on the printed tables, and what of a new report contradicts them."""

from __future__ import annotations

import csv
from decimal import Decimal
from importlib.resources import files

from gammaprob._table_document import Report
from gammaprob.errors import ArgumentError

__all__ = ["contradictions", "recorded_verdicts", "results"]

_RECORD = files("paper_tables").joinpath("claims", "tables_verdicts.csv")


def recorded_verdicts() -> dict[tuple[str, str], tuple[str, str, str]]:
    """(section, item) -> (verdict, lower, upper) as recorded in `paper_tables/claims/tables_verdicts.csv`."""
    with _RECORD.open(encoding="utf-8", newline="") as file:
        return {
            (row["section"], row["item"]): (row["verdict"], row["lower"], row["upper"])
            for row in csv.DictReader(file, strict=True)
        }


def results(report: Report) -> dict[tuple[str, str], tuple[str, str, str]]:
    """What the report decides, in the form of the record: cells by their δ, intervals by their tables and reading."""
    found = {}
    for section in report.sections:
        for row in section.rows:
            if "reading" in row:
                kind = "none" if row["empty"] else "interval"
                item = f"{row['tables']}, {row['reading']}"
                found[section.name, item] = (kind, row["lower"] or "", row["upper"] or "")
            elif row["verdict"]:
                found[section.name, row["delta"]] = (row["verdict"], "", "")
    return found


def contradictions(report: Report, *, whole: bool) -> list[str]:
    """One line for every result of the report that is not as recorded, and, where the report is to have the `whole` of
    its tables, for every recorded result of them that it lacks. Raises `ArgumentError` when nothing can be compared.

    The ends of an interval may differ by one unit of each last digit, because both are rounded inwards.
    """
    recorded, found = recorded_verdicts(), results(report)
    if not found:
        raise ArgumentError("check", "no printed cell", "at least one printed cell", "choose a δ that the paper prints")
    tables = {_table(section.name) for section in report.sections} if whole else set()
    keys = [*found, *(key for key in recorded if key not in found and _table(key[0]) in tables)]
    return [
        f"{', '.join(key)}: recorded {_worded(recorded.get(key))}, found {_worded(found.get(key))}"
        for key in keys
        if not _same(recorded.get(key), found.get(key))
    ]


def _table(section: str) -> str:
    """The table that a section is about: "table1" of "table1-theta"."""
    return section.partition("-")[0]


def _same(expected, result) -> bool:
    if expected is None or result is None or expected[0] != result[0]:
        return False
    if expected[0] == "none":
        return True  # the two ends of an empty interval only say which cells contradict each other
    return all(_near(one, other) for one, other in zip(expected[1:], result[1:]))


def _near(one: str, other: str) -> bool:
    if not one or not other:
        return one == other
    first, second = Decimal(one), Decimal(other)
    return abs(first - second) <= sum(Decimal(1).scaleb(end.as_tuple().exponent) for end in (first, second))


def _worded(result) -> str:
    if result is None:
        return "nothing"
    return result[0] if not result[1] and not result[2] else f"{result[0]} {result[1]} to {result[2]}"
