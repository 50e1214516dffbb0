"""Witnesses on Tables 1 to 3 and A-1 of the anchor loss paper, image classification, and on what is said of them."""

from __future__ import annotations

from decimal import Decimal

from mpmath import mp

from gammaprob.witnesses._compare import checked, witness
from gradients.witnesses._tables import (
    COLUMNS, ROWS, bold_readings, chance, compare, higher, highest, number, shown, surely_higher, words,
)
from paper_tables.outcome import Outcome

_OURS, _OTHERS = ("AL", "AL w/ warmup"), ("CE", "BCE", "OHEM", "FL")
_CIFAR_10, _TOP_1, _TOP_5 = COLUMNS["1"]
_BACKGROUND = "AL (ii) background"


def _not_higher(*case) -> bool:
    return not higher(*case)


def _not_surely_higher(*case) -> bool:
    return not surely_higher(*case)


@witness
def improvements() -> Outcome:
    """Section 4.1: "our loss function has shown improvements over all loss functions we evaluated" (Table 1)."""
    gains = {
        (other, column) for other in _OTHERS for column in COLUMNS["1"] if surely_higher("1", "AL", other, column)
    }
    return Outcome(
        (
            compare("anchor loss without warm-up, by the means", higher, "1", ("AL",), _OTHERS),
            compare("both rows under 'Ours', by the means", higher, "1", _OURS, _OTHERS),
            compare("anchor loss without warm-up, by more than chance", surely_higher, "1", ("AL",), _OTHERS),
        ),
        (
            compare("with warm-up, by the means of both Top-1", higher, "1", _OURS[1:], _OTHERS, (_CIFAR_10, _TOP_1)),
            compare("with warm-up, Top-5 is below all but binary cross entropy's", _not_higher, "1", _OURS[1:],
                    ("CE", "OHEM", "FL"), (_TOP_5,)),
            checked("by more than chance over BCE on CIFAR-10, over CE and OHEM in Top-1 on CIFAR-100, no more", [
                (f"AL over {'; '.join(words(*cell) for cell in sorted(gains))}",
                 gains == {("BCE", _CIFAR_10), ("CE", _TOP_1), ("OHEM", _TOP_1)}),
            ]),
        ),
    )


@witness
def hard_examples() -> Outcome:
    """Section 4.1: "sampling hard examples (OHEM) does not help"."""
    above = {
        (table, column): number(table, "OHEM", column) - number(table, "CE", column)
        for table in "12" for column in COLUMNS[table] if higher(table, "OHEM", "CE", column)
    }
    return Outcome(
        (
            checked("no higher than cross entropy in any column of Tables 1 and 2", [
                (shown(table, "OHEM", "CE", column), (table, column) not in above)
                for table in "12" for column in COLUMNS[table]
            ]),
            compare("no higher than cross entropy by more than chance, Table 1", _not_surely_higher, "1", ("OHEM",),
                    ("CE",)),
        ),
        (
            checked("higher in both CIFAR-100 columns and in Top-5 on ImageNet, by at most 0.06", [
                ("; ".join(f"Table {words(*cell)}" for cell in sorted(above)),
                 above.keys() == {("1", _TOP_1), ("1", _TOP_5), ("2", "top5")}),
                (f"largest {max(above.values(), default=None)}", max(above.values(), default=0) == Decimal("0.06")),
            ]),
            compare("by no more than chance", _not_surely_higher, "1", ("OHEM",), ("CE",)),
        ),
    )


@witness
def sampling_ratios() -> Outcome:
    """Section 4.1: of the sampling ratios of OHEM that were tried, "performance degradation over all"."""
    def falls(name, baseline, *cells):
        return checked(name, [
            (shown(table, "OHEM", baseline, column), higher(table, baseline, "OHEM", column)) for table, column in cells
        ])

    return Outcome(
        (
            falls("against cross entropy, Top-1 of Tables 1 and 2", "CE", ("1", _CIFAR_10), ("1", _TOP_1),
                  ("2", "top1")),
            falls("against cross entropy, Top-1 on CIFAR-100, where the ablations were made", "CE", ("1", _TOP_1)),
            falls("against cross entropy, Top-1 on CIFAR-10 and ImageNet", "CE", ("1", _CIFAR_10), ("2", "top1")),
            falls("against binary cross entropy, Top-1 on CIFAR-100", "BCE", ("1", _TOP_1)),
        ),
        (checked("at ρ = 0.9 Top-1 on CIFAR-100 is 0.05 above cross entropy", [
            (shown("1", "OHEM", "CE", _TOP_1),
             number("1", "OHEM", _TOP_1) - number("1", "CE", _TOP_1) == Decimal("0.05")),
            ("ρ", ROWS["1"]["OHEM"]["parameter_cifar100"] == "rho=0.9"),
        ]),),
    )


@witness
def binary_instead_of_softmax() -> Outcome:
    """Section 4.1: "For CIFAR 100, performance improved by simply replacing" CE by BCE."""
    change = {column: number("1", "BCE", column) - number("1", "CE", column) for column in (_TOP_1, _TOP_5)}
    return Outcome(
        tuple(compare(name, higher, "1", ("BCE",), ("CE",), (column,))
              for name, column in (("Top-1", _TOP_1), ("Top-5", _TOP_5))),
        (
            checked("Top-1 rises by 0.90, Top-5 falls by 0.52", [
                ("; ".join(f"{words(column)} {step}" for column, step in change.items()),
                 change == {_TOP_1: Decimal("0.90"), _TOP_5: Decimal("-0.52")}),
            ]),
            compare("the rise is more than chance", surely_higher, "1", ("BCE",), ("CE",), (_TOP_1,)),
            compare("the fall is not", _not_surely_higher, "1", ("CE",), ("BCE",), (_TOP_5,)),
        ),
    )


@witness
def further_gain() -> Outcome:
    """Section 4.1: on CIFAR-100 "anchor loss gives further gain" over binary cross entropy."""
    hundred = (_TOP_1, _TOP_5)
    return Outcome(
        (
            compare("by the means", higher, "1", _OURS, ("BCE",), hundred),
            compare("by more than chance", surely_higher, "1", _OURS, ("BCE",), hundred),
        ),
        (
            compare("the means are higher", higher, "1", _OURS, ("BCE",), hundred),
            compare("none of them by more than chance", _not_surely_higher, "1", _OURS, ("BCE",), hundred),
        ),
    )


@witness
def warm_up() -> Outcome:
    """Section 4.1: with warm-up "the highest top-1 accuracy of 74.38%" on CIFAR-100, at γ = 2."""
    others = {
        ("1", row): number("1", row, _TOP_1) for row in ROWS["1"] if row != "AL w/ warmup"
    } | {("3", row): number("3", row, "top1") for row in ROWS["3"]} | {
        ("A-1", row): number("A-1", row, "top1_mean") for row in ROWS["A-1"]
    }
    ours = ROWS["1"]["AL w/ warmup"]
    return Outcome((
        checked("the printed digits", [
            (f"{ours[_TOP_1]}, {ours['parameter_cifar100']}",
             (ours[_TOP_1], ours["parameter_cifar100"]) == ("74.38", "gamma=2.0")),
        ]),
        checked("above every other on CIFAR-100", [
            (f"Table {words(*where)}: {value}", number("1", "AL w/ warmup", _TOP_1) > value)
            for where, value in others.items()
        ]),
    ))


@witness
def low_gamma() -> Outcome:
    """Section 4.1 and Table 3: "For classification task, low γ yielded a good performance"."""
    rows = ("dynamic 0.5", "dynamic 1.0", "dynamic 2.0")
    return Outcome((
        checked("both accuracies fall as γ grows", [
            (shown("3", row, following, column), higher("3", row, following, column))
            for row, following in zip(rows, rows[1:]) for column in COLUMNS["3"]
        ]),
        checked("the lowest is above γ = 0, binary cross entropy, too", [
            (f"{ROWS['3'][rows[0]][ours]}, BCE {ROWS['1']['BCE'][theirs]}",
             number("3", rows[0], ours) > number("1", "BCE", theirs))
            for ours, theirs in zip(COLUMNS["3"], (_TOP_1, _TOP_5), strict=True)
        ]),
    ))


@witness
def network_output_as_anchor() -> Outcome:
    """Section 4.1 and Table 3: an anchor from the network's output does better than a static one, at the same γ."""
    static = [row for row, cells in ROWS["3"].items() if cells["kind"] == "static"]
    return Outcome((
        checked("against each static anchor, at the same γ", [
            (shown("3", "dynamic 0.5", row, column),
             ROWS["3"][row]["gamma"] == ROWS["3"]["dynamic 0.5"]["gamma"] and higher("3", "dynamic 0.5", row, column))
            for row in static for column in COLUMNS["3"]
        ]),
    ))


@witness
def ablation_repeats_table_1() -> Outcome:
    """Table 3's dynamic anchor with γ = 0.5 is the anchor loss of Table 1."""
    return Outcome((checked("the same digits", [
        (f"{ROWS['3']['dynamic 0.5'][ours]} and {ROWS['1']['AL'][theirs]}",
         ROWS["3"]["dynamic 0.5"][ours] == ROWS["1"]["AL"][theirs])
        for ours, theirs in zip(COLUMNS["3"], (_TOP_1, _TOP_5), strict=True)
    ]),))


@witness
def anchor_design_repeats_table_1() -> Outcome:
    """Table A-1's BCE and (ii) are BCE and the anchor loss of Table 1, means and standard deviations."""
    rows = (("BCE", "BCE"), (_BACKGROUND, "AL"))
    cells = [(ours, f"c100_{ours}") for column in COLUMNS["A-1"] for ours in (column, column.replace("_mean", "_sd"))]
    return Outcome((checked("the same digits", [
        (f"{row}: {ROWS['A-1'][row][ours]} and {ROWS['1'][other][theirs]}",
         ROWS["A-1"][row][ours] == ROWS["1"][other][theirs])
        for row, other in rows for ours, theirs in cells
    ]),))


@witness
def best_anchor_design() -> Outcome:
    """Section A-1 (and 3.1, 3.2): modulating the background's loss performs best, (ii) of Table A-1."""
    others = [row for row in ROWS["A-1"] if row != _BACKGROUND]
    least = min(chance("A-1", _BACKGROUND, row, column) for row in others for column in COLUMNS["A-1"])
    return Outcome(
        (
            compare("by the means", higher, "A-1", (_BACKGROUND,), others),
            compare("by more than chance", surely_higher, "A-1", (_BACKGROUND,), others),
        ),
        (
            compare("its means are the highest", higher, "A-1", (_BACKGROUND,), others),
            compare("over no other by more than chance", _not_surely_higher, "A-1", (_BACKGROUND,), others),
            checked("every p-value is 0.19 or more", [
                (f"the least is {mp.nstr(least, 3)}", bool(least >= mp.mpf("0.19"))),
            ]),
        ),
    )


@witness
def bold_in_table_1() -> Outcome:
    return Outcome(bold_readings("1"))


@witness
def bold_in_table_2() -> Outcome:
    """Table 2 marks its best Top-1 alone."""
    unmarked = highest("2", "top5")
    lowest = min(ROWS["2"], key=lambda row: number("2", row, "top5"))
    return Outcome(bold_readings("2"), (
        bold_readings("2")[0],
        checked("the best Top-5 is OHEM's, unmarked, the lowest is ours", [
            (f"highest {', '.join(sorted(unmarked))}", unmarked == {"OHEM"}), (f"lowest {lowest}", lowest == "AL"),
        ]),
    ))


@witness
def bold_in_table_3() -> Outcome:
    return Outcome(bold_readings("3"))


@witness
def bold_in_table_a1() -> Outcome:
    return Outcome(bold_readings("A-1"))


# Fig. A-4, column by column: the true label, the two best of cross entropy, the two best of anchor loss.
_FIGURE = (
    ("tulip", ("rose", "tulip"), ("tulip", "poppy")), ("bottle", ("can", "bottle"), ("bottle", "can")),
    ("crab", ("flatfish", "crab"), ("crab", "turtle")), ("beaver", ("turtle", "beaver"), ("beaver", "turtle")),
    ("sea", ("rocket", "caterpillar"), ("caterpillar", "rocket")), ("couch", ("baby", "couch"), ("couch", "man")),
    ("tank", ("lamp", "tank"), ("tank", "bed")), ("train", ("bus", "train"), ("train", "skyscraper")),
)


@witness
def shown_examples() -> Outcome:
    """Fig. A-4: anchor loss "successfully classifies difficult examples even though" cross entropy fails."""
    def classified(name, columns):
        return checked(name, [
            (f"{truth}: CE {theirs}, AL {ours}", theirs[0] != truth == ours[0]) for truth, theirs, ours in columns
        ])

    mended = [("caterpillar" if truth == "sea" else truth, theirs, ours) for truth, theirs, ours in _FIGURE]
    return Outcome(
        (
            classified("the labels as they are transcribed", _FIGURE),
            classified("the fifth column's true label read as caterpillar", mended),
        ),
        (checked("the fifth column alone names neither network's answers", [
            (f"{truth}", (truth in theirs + ours) == (column != 4))
            for column, (truth, theirs, ours) in enumerate(_FIGURE)
        ]),),
    )
