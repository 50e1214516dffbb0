"""Witnesses on Tables 4 to 7 of the anchor loss paper, human pose estimation, and on claims about all of its tables."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from gammaprob.witnesses._compare import checked, printed_range, witness
from gradients.witnesses._tables import (
    COLUMNS, PARTS, ROWS, bold_readings, compare, higher, highest, number, shown, words,
)
from paper_tables.outcome import Outcome, Reading

_OURS, _BASELINE = "Hourglass + AL (Ours)", "Hourglass + MSE [34]"

_HEAD_ONCE = dict.fromkeys(PARTS, 2) | {"Head": 1}  # the head top alone; every other column has a left and a right
# Joints of the 2,958 persons of MPII's validation split that are labelled; Head: the head top alone.
LABELLED = dict(zip(PARTS, (2932, 5888, 5867, 5837, 5777, 4963, 4234), strict=True))
LABELLED_NECK = 2932
_HEAD_AND_NECK = LABELLED | {"Head": LABELLED["Head"] + LABELLED_NECK}
_COLUMNS_ALIKE = dict.fromkeys(PARTS, 1)
_POSSIBLE = ("0", "100")  # percent
# The score of the neck, in percent, that makes up the Mean where 14 joints weigh alike, and where labelled joints do.
NECKS = {"6": (("97.9", "98.3"), ("92.4", "93.8")), "7": (("97.6", "98.4"), ("92.2", "93.0"))}


def _summary(table: str) -> str:
    return COLUMNS[table][-1]


def _weighted(cells: Mapping[str, str], weights: Mapping[str, int], end: int) -> Fraction:
    """The weighted sum of a row's parts at the lower (0) or upper (1) end of what the printed numbers stand for."""
    return sum(weight * printed_range(cells[part])[end] for part, weight in weights.items())


def _follows(table: str, name: str, weights: Mapping[str, int]) -> Reading:
    """Is each row's last number this weighted mean of its parts, for some numbers that round to the printed ones?"""
    total, column, cases = sum(weights.values()), _summary(table), []
    for row, cells in ROWS[table].items():
        least, most = (_weighted(cells, weights, end) / total for end in (0, 1))
        lower, upper = printed_range(cells[column])
        cases.append((f"Table {table}, {row}: printed {cells[column]}, possible {float(least):.3f} to "
                      f"{float(most):.3f}", least <= upper and lower <= most))
    return checked(name, cases)


def _neck(table: str, name: str, weights: Mapping[str, int], neck: int, bounds: tuple[str, str]) -> Reading:
    """The neck's score that, with this weight, would make up the printed mean: is it between the bounds in each row?"""
    total, cases = sum(weights.values()) + neck, []
    for row, cells in ROWS[table].items():
        mean = printed_range(cells[_summary(table)])
        least, most = ((total * mean[end] - _weighted(cells, weights, 1 - end)) / neck for end in (0, 1))
        cases.append((f"Table {table}, {row}: neck {float(least):.2f} to {float(most):.2f}",
                      Fraction(bounds[0]) <= least and most <= Fraction(bounds[1])))
    return checked(name, cases)


@witness
def total_on_mpii() -> Outcome:
    """Table 4's Total, which the paper does not define, from the seven parts."""
    pooled = _follows("4", "each labelled joint alike, in the proportions of MPII's validation split", _HEAD_AND_NECK)
    return Outcome(
        (
            _follows("4", "each of the seven columns alike", _COLUMNS_ALIKE),
            _follows("4", "each of 13 joints alike, Head the head top alone", _HEAD_ONCE),
            _neck("4", "each of 14 joints alike, the neck not printed", _HEAD_ONCE, 1, _POSSIBLE),
            pooled,
        ),
        (
            pooled,
            checked("the mean of the seven columns is below", [
                (f"{row}: {cells['Total']}",
                 _weighted(cells, _COLUMNS_ALIKE, 1) / len(PARTS) < printed_range(cells["Total"])[0])
                for row, cells in ROWS["4"].items()
            ]),
        ),
    )


@witness
def total_on_lsp() -> Outcome:
    """Table 5's Total: every LSP image has all of its 14 joints labelled, so that the seven columns weigh alike."""
    return Outcome((_follows("5", "each of the seven columns alike", _COLUMNS_ALIKE),))


def _mean(table: str) -> Outcome:
    joints, labelled = NECKS[table]
    return Outcome(
        (
            _follows(table, "each of the seven columns alike", _COLUMNS_ALIKE),
            _follows(table, "each of 13 joints alike, Head the head top alone", _HEAD_ONCE),
            _follows(table, "each labelled joint alike, Head the head top alone", LABELLED),
            _follows(table, "each labelled joint alike, Head the head top and the neck", _HEAD_AND_NECK),
            _neck(table, "each of 14 joints alike, the neck not printed", _HEAD_ONCE, 1, _POSSIBLE),
            _neck(table, "each labelled joint alike, the neck not printed", LABELLED, LABELLED_NECK, _POSSIBLE),
        ),
        (
            _neck(table, "a neck of {} to {}, 14 joints alike".format(*joints), _HEAD_ONCE, 1, joints),
            _neck(table, "a neck of {} to {}, labelled joints alike".format(*labelled), LABELLED, LABELLED_NECK,
                  labelled),
        ),
    )


@witness
def mean_on_mpii() -> Outcome:
    """Table 6's Mean, 89.32 and 89.93."""
    return _mean("6")


@witness
def mean_of_two_stacks() -> Outcome:
    """Table 7's Mean."""
    return _mean("7")


@witness
def bold_in_table_4() -> Outcome:
    return Outcome(bold_readings("4"))


@witness
def bold_in_table_5() -> Outcome:
    return Outcome(bold_readings("5"))


@witness
def bold_in_table_6() -> Outcome:
    return Outcome(bold_readings("6"))


@witness
def bold_in_table_7() -> Outcome:
    """Table 7 marks both of two equal bests, 81.77 in the column Ankle."""
    return Outcome(bold_readings("7"))


def _variants(table: str) -> list[str]:
    """The other models built on top of the hourglass network."""
    return [
        row for row, cells in ROWS[table].items()
        if cells["group"] == "hourglass variants" and row not in (_OURS, _BASELINE)
    ]


def _lag(table: str, column: str) -> Decimal:
    """By how much our number is below the lowest of the other hourglass variants; negative where it is above."""
    return min(number(table, row, column) for row in _variants(table)) - number(table, _OURS, column)


@witness
def comparable_results() -> Outcome:
    """Section 4.2, caption of Table 4: comparable to the more complex hourglass variants, on both data sets."""
    def within(name, columns_of):
        return checked(name, [
            (f"Table {table}, {column}: {ROWS[table][_OURS][column]}, {-_lag(table, column)} above the lowest",
             _lag(table, column) <= 0)
            for table in "45" for column in columns_of(table)
        ])

    below = {(table, column): lag for table in "45" for column in COLUMNS[table] if (lag := _lag(table, column)) > 0}
    return Outcome(
        (
            within("Total not below all of theirs", lambda table: (_summary(table),)),
            within("no column below all of theirs", COLUMNS.get),
        ),
        (checked("only Wrist on MPII is below all of theirs, by 0.3", [
            ("; ".join(f"Table {words(*cell)}: {lag} below" for cell, lag in below.items()),
             below == {("4", "Wrist"): Decimal("0.3")}),
        ]),),
    )


@witness
def better_than_squared_error() -> Outcome:
    """Table 4: the hourglass trained with anchor loss is above the one trained with squared error, in every column."""
    return Outcome((compare("every column", higher, "4", (_OURS,), (_BASELINE,)),))


@witness
def better_on_lsp() -> Outcome:
    """Caption of Table 5: "We achieve better performance on LSP dataset without adding the complexity"."""
    others, everyone = _variants("5"), [row for row in ROWS["5"] if row != _OURS]
    exceptions = {
        (row, column) for row in others for column in COLUMNS["5"] if not higher("5", _OURS, row, column)
    }
    return Outcome(
        (
            compare("Total, of the hourglass variants", higher, "5", (_OURS,), others, ("Total",)),
            compare("every column, of the hourglass variants", higher, "5", (_OURS,), others),
            compare("Total, of all methods", higher, "5", (_OURS,), everyone, ("Total",)),
        ),
        (
            compare("Total is the highest of the hourglass variants", higher, "5", (_OURS,), others, ("Total",)),
            checked("below Yang et al. in Hip and Knee, below Tang et al. in Total", [
                ("; ".join(words(*cell) for cell in sorted(exceptions)),
                 exceptions == {("Yang et al. [46]", "Hip"), ("Yang et al. [46]", "Knee")}),
                (shown("5", _OURS, "Tang et al. [42]", "Total"), highest("5", "Total") == {"Tang et al. [42]"}),
            ]),
        ),
    )


@witness
def state_of_the_art_row() -> Outcome:
    """Caption of Table 5: "we also report the state-of-the-art score on the top row"."""
    first = next(iter(ROWS["5"]))
    (best,) = highest("5", "Total")
    lowest = min(ROWS["5"], key=lambda row: number("5", row, "Total"))
    return Outcome(
        (
            checked("the first row has the highest Total", [(shown("5", first, best, "Total"), first == best)]),
            checked("the rows above the hourglass variants have it", [
                (f"{best}: {ROWS['5'][best]['Total']}", ROWS["5"][best]["group"] == "other"),
            ]),
        ),
        (checked("the seventh row has it; the first has the lowest", [
            (best, list(ROWS["5"]).index(best) == 6), (lowest, lowest == first),
        ]),),
    )


@witness
def symmetric_parts() -> Outcome:
    """Section 4.2, Table 6: "consistent improvements over the symmetric parts", those with a left and a right."""
    return Outcome((
        compare("every part but the head", higher, "6", (_OURS,), ("Hourglass + MSE",), PARTS[1:]),
    ))


@witness
def selected_gamma() -> Outcome:
    """Section 4.2, Table 7: with γ = 2 "better performance over all the losses"."""
    ours, losses = "AL gamma=2", ("BCE", "MSE", "FL")
    others = [row for row in ROWS["7"] if row != ours]

    def won(rows):
        return {column for column in COLUMNS["7"] if all(higher("7", ours, row, column) for row in rows)}

    return Outcome(
        (
            compare("in the Mean, over the other losses and other γ", higher, "7", (ours,), others, ("Mean",)),
            compare("in every column, over the other losses", higher, "7", (ours,), losses),
        ),
        (
            checked("over the other losses in Elbow, Wrist, Knee and Mean", [
                (", ".join(sorted(won(losses))), won(losses) == {"Elbow", "Wrist", "Knee", "Mean"}),
            ]),
            checked("over the other γ, too, in Elbow, Wrist and Mean", [
                (", ".join(sorted(won(others))), won(others) == {"Elbow", "Wrist", "Mean"}),
            ]),
        ),
    )


# (table, our row, baseline's row), where the baseline is what the loss replaces: cross entropy, its binary form, MSE.
_AGAINST_BASELINES = (
    ("1", "AL", "CE"), ("1", "AL", "BCE"), ("2", "AL", "CE"), ("4", _OURS, _BASELINE), ("6", _OURS, "Hourglass + MSE"),
    ("7", "AL gamma=2", "BCE"), ("7", "AL gamma=2", "MSE"),
)


@witness
def consistent_improvements() -> Outcome:
    """Section 1: "consistent improvements ... in terms of accuracy" on both tasks; the abstract says much the same."""
    cells = [(*case, column) for case in _AGAINST_BASELINES for column in COLUMNS[case[0]]]
    main = [case for case in cells if case[-1] in {"Total", "Mean", "top1", "c10_top1_mean", "c100_top1_mean"}]
    exceptions = {case for case in cells if not higher(*case)}
    warm = {column for column in COLUMNS["1"] if not higher("1", "AL w/ warmup", "CE", column)}
    return Outcome(
        (
            checked("Top-1, Total and Mean over each baseline", [(shown(*case), higher(*case)) for case in main]),
            checked("every printed accuracy over each baseline", [(shown(*case), higher(*case)) for case in cells]),
        ),
        (checked("four exceptions, and with warm-up Top-5 on CIFAR-100 against cross entropy", [
            ("; ".join(shown(*case) for case in sorted(exceptions)), exceptions == {
                ("2", "AL", "CE", "top5"), ("6", _OURS, "Hourglass + MSE", "Head"),
                ("7", "AL gamma=2", "MSE", "Hip"), ("7", "AL gamma=2", "MSE", "Ankle"),
            }),
            ("; ".join(shown("1", "AL w/ warmup", "CE", column) for column in sorted(warm)),
             warm == {"c100_top5_mean"}),
        ]),),
    )
