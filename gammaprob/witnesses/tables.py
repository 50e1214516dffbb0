"""Witnesses on Tables 1 and 2 of main (and their copies on the slides), and on the percentages drawn from them."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from math import ceil, floor

from mpmath import mp, mpf

from gammaprob.witnesses._compare import PAPER, certified_value, checked, printed_range, witness
from paper_tables.outcome import Outcome, Reading
from paper_tables.published import load

_TABLES = {
    "Table 1": ("gap_cdf", [(row["delta"], row["P"]) for row in load("main_table1_P")]),
    "Table 2": ("expected_target", [(row["delta"], row["phi_printed"]) for row in load("main_table2_phi")]),
}
_STATED = PAPER["scale"]
_ROUNDS_TO_STATED = ("0.0655", "0.0665")
_TRUNCATION_UNIT = Decimal("0.001")  # of the Θ that is stated, 0.066
# Just inside and just outside the ends of the interval of Θ in which every digit follows by rounding: Table 1 bounds
# it by its cells δ = 0.08 (below) and δ = 0.02 (above); Table 2, by its cells 0.1 and 0.5, alone allows more. Both
# quantities are monotone in Θ, so that the digits at two values of Θ are those of every Θ between them.
_INSIDE = {"Table 1": ("0.066597", "0.066645"), "Table 2": ("0.066371", "0.068241")}
_OUTSIDE = {"Table 1": ("0.066596", "0.066646"), "Table 2": ("0.066370", "0.068242")}


def _value(table: str, gap: str, scale: str):
    return certified_value(_TABLES[table][0], gap, shape=PAPER["shape"], scale=scale)


def _digits(value, unit: Decimal, mode: str) -> Decimal:
    """The value rounded or truncated to as many decimals as `unit` has."""
    return Decimal(mp.nstr(value, 40)).quantize(unit, rounding=mode)


def _follows(table: str, name: str, scale: str, mode: str = ROUND_HALF_EVEN) -> Reading:
    """Do all printed digits of the table come out at this Θ? Each cell claims the digits that it prints, no more."""
    computed = [
        (gap, printed, _digits(_value(table, gap, scale), Decimal(printed), mode))
        for gap, printed in _TABLES[table][1]
    ]
    return checked(f"{table}, {name}", [
        (f"δ={gap}: printed {printed}, computed {digits} at Θ={scale}", digits == Decimal(printed))
        for gap, printed, digits in computed
    ])


def _stated(table: str) -> tuple[Reading, ...]:
    return (
        _follows(table, "Θ as stated, rounded", _STATED),
        _follows(table, "Θ as stated, truncated", _STATED, ROUND_DOWN),
    )


def _interval(table: str) -> tuple[Reading, ...]:
    """Every digit follows at the inner ends of the interval, and not at the outer ones."""
    inside = tuple(_follows(table, f"Θ = {scale}, rounded", scale) for scale in _INSIDE[table])
    outside = [(f"Θ = {scale}", not _follows(table, "", scale).holds) for scale in _OUTSIDE[table]]
    return *inside, checked(f"{table}, outside of that interval some digit differs", outside)


@witness
def probabilities() -> Outcome:
    """Table 1."""
    return Outcome(_stated("Table 1"), _interval("Table 1"))


@witness
def expected_targets() -> Outcome:
    """Table 2."""
    return Outcome(_stated("Table 2"), _interval("Table 2"))


def _reachable(table: str) -> list[tuple[str, bool]]:
    """For each cell: does any Θ that rounds to the stated one give the printed digits?

    P falls and φ rises with Θ, so that the ends of the interval bound what it can give.
    """
    cases = []
    for gap, printed in _TABLES[table][1]:
        least, most = sorted(_value(table, gap, scale) for scale in _ROUNDS_TO_STATED)
        lower, upper = (mpf(end.numerator) / end.denominator for end in printed_range(printed))
        cases.append((f"{table}, δ={gap}: printed {printed}, possible {mp.nstr(least, 6)} to {mp.nstr(most, 6)}",
                      bool(least <= upper and most >= lower)))
    return cases


@witness
def one_law() -> Outcome:
    """Tables 1 and 2 are both computed for γ(k = 4, Θ = 0.066)."""
    exact = checked("Θ = 0.066 exactly", [(table, _stated(table)[0].holds) for table in _TABLES])
    rounded = checked("some Θ that rounds to 0.066", _reachable("Table 1") + _reachable("Table 2"))
    scale = _INSIDE["Table 1"][0]
    truncated = checked("some Θ that truncates to 0.066", [
        (f"{scale} truncates", Decimal(scale).quantize(_TRUNCATION_UNIT, rounding=ROUND_DOWN) == Decimal(_STATED)),
        *((f"{table} at Θ = {scale}", _follows(table, "", scale).holds) for table in _TABLES),
    ])
    return Outcome(
        (exact, rounded, truncated),
        (
            *_interval("Table 1"),
            *(_follows("Table 2", f"Θ = {scale}, rounded", scale) for scale in _INSIDE["Table 1"]),
        ),
    )


def _on_the_slide(table: str) -> Outcome:
    """The slides print the table without the parameters of the law."""
    return Outcome(
        (
            _follows(table, "the law of Fig. 3, Θ = 0.066", _STATED),
            _follows(table, "some Θ for k = 4", _INSIDE[table][0]),
        ),
        _interval(table),
    )


@witness
def probabilities_on_slide() -> Outcome:
    return _on_the_slide("Table 1")


@witness
def expected_targets_on_slide() -> Outcome:
    return _on_the_slide("Table 2")


def _percent(values, mode: str) -> tuple[int, int]:
    return tuple(int((100 * value).quantize(Decimal(1), rounding=mode)) for value in (min(values), max(values)))


@witness
def percentages() -> Outcome:
    """Main, section 4.1.1: a probability of "10% - 43%", read off Table 1."""
    cells = _TABLES["Table 1"][1]
    ranges = {
        "all of Table 1, as printed": [Decimal(printed) for _, printed in cells],
        "δ ≤ 0.1, as printed": [Decimal(printed) for gap, printed in cells if Decimal(gap) <= Decimal("0.1")],
        "δ ≤ 0.1, exact law": [
            Decimal(mp.nstr(_value("Table 1", gap, _STATED), 30)) for gap, _ in cells if Decimal(gap) <= Decimal("0.1")
        ],
    }
    printed = tuple(
        checked(name, [
            (f"{way}: {_percent(values, mode)} against (10, 43)", _percent(values, mode) == (10, 43))
            for way, mode in (("rounded", ROUND_HALF_EVEN), ("truncated", ROUND_DOWN))
        ])
        for name, values in ranges.items()
    )
    return Outcome(printed, (
        checked("9 % to 61 % over the printed table, 9 % to 44 % for δ ≤ 0.1", [
            (name, _percent(values, ROUND_HALF_EVEN) == expected)
            for (name, values), expected in zip(ranges.items(), ((9, 61), (9, 44), (9, 44)), strict=True)
        ]),
        checked("10 and 43 are the outermost whole percentages inside the printed range up to δ = 0.1", [
            (f"{100 * min(printed_range)} to {100 * max(printed_range)}",
             (ceil(100 * min(printed_range)), floor(100 * max(printed_range))) == (10, 43))
            for printed_range in (ranges["δ ≤ 0.1, as printed"],)
        ]),
    ))


@witness
def response_at_half() -> Outcome:
    """Main, after Table 2: at δ = 0.5, q_i = ½ gives (0.5 − 0.18)(θ_i − θ_j), larger than at δ = 0."""
    target = _value("Table 2", "0.5", _STATED)
    return Outcome((checked("φ(0.5)", [
        (f"φ(0.5) = {mp.nstr(target, 5)} is 0.18 rounded",
         _digits(target, Decimal("0.01"), ROUND_HALF_EVEN) == Decimal("0.18")),
        ("½ − φ(0.5) > ½ − φ(0) = 0", bool(mpf(1) / 2 - target > 0)),
    ]),))
