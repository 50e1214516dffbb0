"""The printed tables of the anchor loss paper, row by row, and how their numbers and their bold print are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import product

from mpmath import mp, mpf

from gammaprob.witnesses._compare import checked
from paper_tables.outcome import Reading
from paper_tables.published import load

__all__ = [
    "BOLD", "COLUMNS", "PARTS", "ROWS", "bold_readings", "chance", "compare", "higher", "highest", "number", "shown",
    "surely_higher", "words",
]

PARTS = ("Head", "Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle")
_ACCURACY, _POSE = ("top1", "top5"), ("method",)
_TABLES = {  # number -> file, what names a row, columns that print an accuracy
    "1": ("anchor_table1_cifar_resnet110", ("loss",), ("c10_top1_mean", "c100_top1_mean", "c100_top5_mean")),
    "2": ("anchor_table2_imagenet_resnet50", ("loss",), _ACCURACY),
    "3": ("anchor_table3_cifar100_ablation", ("kind", "gamma", "q_star"), _ACCURACY),
    "4": ("anchor_table4_mpii_test_pckh05", _POSE, (*PARTS, "Total")),
    "5": ("anchor_table5_lsp_pck02", _POSE, (*PARTS, "Total")),
    "6": ("anchor_table6_mpii_val", _POSE, (*PARTS, "Mean")),
    "7": ("anchor_table7_mpii_val_2stack", _POSE, (*PARTS, "Mean")),
    "A-1": ("anchor_tableA1_cifar100_anchor_design", ("loss",), ("top1_mean", "top5_mean")),
}
_WORDS = {
    "c10_top1_mean": "CIFAR-10 Top-1", "c100_top1_mean": "CIFAR-100 Top-1", "c100_top5_mean": "CIFAR-100 Top-5",
    "top1": "Top-1", "top5": "Top-5", "top1_mean": "Top-1", "top5_mean": "Top-5",
}
COLUMNS = {table: columns for table, (_, _, columns) in _TABLES.items()}
# Table number -> name of a row -> column -> printed string.
ROWS = {
    table: {" ".join(filter(None, map(row.get, label))): row for row in load(name)}
    for table, (name, label, _) in _TABLES.items()
}
_RUNS = 3  # "we train and test the network three times and report the mean and standard deviation"
_LEVEL = mpf("0.05")  # of the two-sided test that two means differ by more than chance
# The cells in bold print: those of Tables 4 to 7 stand in the tables' files, the others were read off the page.
BOLD = {
    "1": {("AL w/ warmup", "c10_top1_mean"), ("AL w/ warmup", "c100_top1_mean"), ("AL", "c100_top5_mean")},
    "2": {("AL", "top1")},
    "3": {("dynamic 0.5", "top1"), ("dynamic 0.5", "top5")},
    "A-1": {("AL (ii) background", "top1_mean"), ("AL (ii) background", "top5_mean")},
} | {
    table: {(row, column) for row, cells in ROWS[table].items() for column in cells["bold_columns"].split()}
    for table in "4567"
}


def words(*cell: str) -> str:
    """A column, or a row and a column, or more before them, in the words of the paper.

    >>> words("BCE", "c10_top1_mean")
    'BCE, CIFAR-10 Top-1'
    """
    return ", ".join(_WORDS.get(part, part) for part in cell)


def number(table: str, row: str, column: str) -> Decimal:
    return Decimal(ROWS[table][row][column])


def highest(table: str, column: str) -> set[str]:
    """The rows with the highest number of a column; several where they tie."""
    top = max(number(table, row, column) for row in ROWS[table])
    return {row for row in ROWS[table] if number(table, row, column) == top}


def shown(table: str, row: str, other: str, column: str) -> str:
    cells = ROWS[table]
    return f"Table {table}, {words(column)}: {row} {cells[row][column]}, {other} {cells[other][column]}"


def higher(table: str, row: str, other: str, column: str) -> bool:
    return number(table, row, column) > number(table, other, column)


def chance(table: str, row: str, other: str, column: str):
    """Welch's test on two printed means ± standard deviations of three runs: the two-sided p-value."""
    difference = mpf(str(number(table, row, column) - number(table, other, column)))
    spread = column.replace("_mean", "_sd")
    variances = [mpf(ROWS[table][name][spread]) ** 2 / _RUNS for name in (row, other)]
    total = mp.fsum(variances)
    freedom = total**2 / mp.fsum(variance**2 / (_RUNS - 1) for variance in variances)
    # P(|T| > t) of Student's law is an incomplete beta function of freedom/(freedom + t²).
    return mp.betainc(freedom / 2, mpf(1) / 2, 0, freedom / (freedom + difference**2 / total), regularized=True)


def surely_higher(table: str, row: str, other: str, column: str) -> bool:
    """Higher by more than the chance of three runs explains."""
    return higher(table, row, other, column) and bool(chance(table, row, other, column) < _LEVEL)


def compare(name: str, test: Callable, table: str, rows: Iterable[str], others: Iterable[str],
            only: Iterable[str] | None = None) -> Reading:
    """Does the test hold for each of the rows against each of the others, in each of the columns (all by default)?"""
    cases = product(rows, others, only or COLUMNS[table])
    return checked(name, [(shown(table, *case), test(table, *case)) for case in cases])


def bold_readings(table: str) -> tuple[Reading, Reading]:
    """Bold marks the best of a column: nothing else is marked, and nothing that is best is left unmarked."""
    best = {(row, column) for column in COLUMNS[table] for row in highest(table, column)}
    return (
        checked("what is bold is the best of its column", [
            (f"{words(row, column)}: {ROWS[table][row][column]}", (row, column) in best)
            for row, column in sorted(BOLD[table])
        ]),
        checked("what is best in its column is bold", [
            (f"{words(row, column)}: {ROWS[table][row][column]}", (row, column) in BOLD[table])
            for row, column in sorted(best)
        ]),
    )
