"""Tables 1 and 2 of the paper: the printed digits beside the exact law, and the Θ from which they follow."""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction

from gammaprob._table_cells import AGREES, DIFFERS, LAST_DIGIT, compute
from gammaprob._table_document import ABSENT, Column, Report, Section, scientific, signed
from gammaprob.theta_interval import READINGS, ParameterInterval, PrintedCell, parameter_interval, shortest_decimal
from paper_tables import published

__all__ = [
    "DELTA_COLUMN", "EXACT_COLUMN", "STATED_SCALE", "STATED_SHAPE", "TABLES", "WITNESS_COLUMNS", "WITNESS_NOTE",
    "law_report", "paper_report", "printed_cells",
]

# The captions of both tables: "distributed according to γ(k = 4, θ = 0.066)", the fit of Fig. 3.
STATED_SHAPE, STATED_SCALE = "4", "0.066"
# Number -> (quantity, what the reader sees, file of printed digits, column of it).
TABLES = {
    "1": ("P", "P(|X−Y| ≤ δ)", "main_table1_P", "P"),
    "2": ("phi", "φ(δ) of the gradient factor q − φ(δ)", "main_table2_phi", "phi_printed"),
}
_THETA_DIGITS = (6, 100)  # least and most of an interval's ends; between them as many as are asked of the values
_READ_AS = {"rounding": "rounded", "truncation": "truncated"}
WITNESS_NOTE = (
    "exact: certified digits (Arb), rounded. kernel, quadr.: relative distances of the float64 kernel and of the "
    "quadrature of the printed double integral from the Arb enclosure. MC z: simulation, in standard errors. –: "
    "nothing "
    "to show, or a witness that cannot vouch for its answer."
)
_CONVENTION = (
    "rounded: v − u/2 ≤ exact < v + u/2, truncated: v ≤ exact < v + u, for a printed v whose last digit stands for u "
    "(of 0.3: one tenth). Ends are certified decimals inside the true half-open interval."
)

_LEARNING_LOSS = (
    "LL: the Learning Loss factor is 0 or ±1 by Eq. 2a, the same for every δ > 0: a constant c1, without digits to "
    "check (at δ = 0, sign(0) = 0 in Eq. 1 makes it 0)."
)

DELTA_COLUMN = Column("δ", lambda row: row["delta"])
EXACT_COLUMN = Column("exact", lambda row: row["exact"] or ABSENT)
WITNESS_COLUMNS = (
    Column("kernel", lambda row: scientific(row["kernel_relative_error"]), right=True),
    Column("quadr.", lambda row: scientific(row["quadrature_relative_error"]), right=True),
    Column("MC z", lambda row: signed(row["z_score"]), right=True),
)
_COMPARED_COLUMNS = (
    DELTA_COLUMN,
    Column("printed", lambda row: row["printed"] or ABSENT),
    EXACT_COLUMN,
    Column("verdict", lambda row: row["verdict"] or ABSENT, plain=True),
)
_INTERVAL_COLUMNS = (
    Column("digits of", lambda row: row["tables"], plain=True),
    Column("read as", lambda row: _READ_AS[row["reading"]], plain=True),
    Column("Θ", lambda row: _range(row["empty"], row["lower"], row["upper"])),
    Column("set by", lambda row: " and ".join(
        (row[end] or ABSENT).replace("phi", "φ") for end in ("lower_set_by", "upper_set_by")
    )),
)


def law_report(numbers, *, shape: str, scale: str, deltas, digits: int, seed: int) -> Report:
    """The tables `numbers` ("1", "2") of the law at these parameters, where nothing was printed.

    `deltas=None` takes the δ of the paper's tables. All numbers are decimal text.
    """
    sections = []
    for number in numbers:
        quantity, name, _, _ = TABLES[number]
        at = deltas or [cell.delta for cell in printed_cells(number)]
        rows = tuple(
            compute(quantity, delta, shape=shape, scale=scale, digits=digits, seed=seed).row() for delta in at
        )
        title = f"{name} for k = {shape}, Θ = {scale}"
        notes = (WITNESS_NOTE,) if number == numbers[-1] else ()
        sections.append(Section(f"table{number}", title, (DELTA_COLUMN, EXACT_COLUMN, *WITNESS_COLUMNS), rows, notes))
    return Report(tuple(sections), (), {"digits": digits, "seed": seed})


def paper_report(numbers, *, deltas, digits: int, seed: int) -> Report:
    """The printed tables `numbers` ("1", "2") at the stated k and Θ.

    With `deltas` only these rows, and without the intervals of Θ, which need a whole table. A δ that the paper does not
    print has no verdict.
    """
    cells = {number: printed_cells(number) for number in TABLES}
    intervals = {}
    if deltas is None:
        both = [cell for number in TABLES for cell in cells[number]]
        for reading in READINGS:
            for key, chosen in (*((number, cells[number]) for number in numbers), ("both", both)):
                intervals[key, reading] = _interval(chosen, reading, digits)
    sections, verdicts = [], {}
    common = intervals.get(("both", "rounding"))
    for number in numbers:
        first = number == numbers[0]
        stated = _cells_section(number, cells[number], deltas, digits, seed, (WITNESS_NOTE,) if first else ())
        verdicts[number] = [row["verdict"] for row in stated.rows if row["verdict"]]
        sections.append(stated)
        if deltas is None:
            sections.append(_interval_section(number, intervals, (_CONVENTION,) if first else ()))
            sections += _recomputed(number, cells[number], common, intervals[number, "rounding"], digits, seed)
    closing = _closing(verdicts, intervals) if deltas is None else ()
    return Report(tuple(sections), closing, {"digits": digits, "seed": seed})


def printed_cells(number: str) -> list[PrintedCell]:
    """The printed cells of Table 1 or 2, in order."""
    quantity, _, file, column = TABLES[number]
    return [PrintedCell(quantity, row["delta"], row[column]) for row in published.load(file)]


def _cells_section(number, cells, deltas, digits, seed, notes) -> Section:
    quantity, name, file, _ = TABLES[number]
    printed = {Fraction(cell.delta): cell for cell in cells}
    rows = []
    for delta in deltas or [cell.delta for cell in cells]:
        cell = printed.get(Fraction(delta), PrintedCell(quantity, delta, None))
        rows.append(_stated(cell, STATED_SCALE, digits, seed))
    if number == "2":
        rows.append(_learning_loss_row(file, rows[0]))
        notes = (*notes, _LEARNING_LOSS)
    title = f"Table {number}: {name} for k = {STATED_SHAPE}, Θ = {STATED_SCALE}"
    return Section(f"table{number}", title, (*_COMPARED_COLUMNS, *WITNESS_COLUMNS), tuple(rows), notes)


def _stated(cell: PrintedCell, scale: str, digits: int, seed: int) -> dict:
    """The row of a printed cell at the stated shape."""
    arguments = {"shape": STATED_SHAPE, "scale": scale, "digits": digits, "seed": seed}
    return compute(cell.quantity, cell.delta, printed=cell.printed, **arguments).row()


def _learning_loss_row(file: str, like: dict) -> dict:
    """Table 2's second row, one symbol for all δ: "constant c1"."""
    symbols = sorted({row["LL"] for row in published.load(file)})
    return {**dict.fromkeys(like), "quantity": "LL", "delta": "LL", "printed": ", ".join(symbols)}


def _interval(cells, reading: str, digits: int, free: str = "scale") -> ParameterInterval:
    digits = min(max(digits, _THETA_DIGITS[0]), _THETA_DIGITS[1])
    return parameter_interval(cells, reading, shape=STATED_SHAPE, scale=STATED_SCALE, free=free, digits=digits)


def _interval_section(number: str, intervals, notes) -> Section:
    rows = []
    for key, tables in ((number, f"Table {number}"), ("both", "Tables 1, 2")):
        for reading in READINGS:
            interval = intervals[key, reading]
            rows.append({
                "tables": tables, "reading": reading, "shape": STATED_SHAPE, "empty": interval.empty,
                "lower": _text(interval.lower), "upper": _text(interval.upper),
                "lower_set_by": _where(interval.lower_cell), "upper_set_by": _where(interval.upper_cell),
            })
    title = f"Θ from which every printed digit of Table {number} follows (k = {STATED_SHAPE})"
    return Section(f"table{number}-theta", title, _INTERVAL_COLUMNS, tuple(rows), notes)


def _recomputed(number, cells, common, own, digits, seed) -> list[Section]:
    """The table once more, at the shortest decimal Θ that gives all printed digits (of both tables, if one does)."""
    usable = [found for found in (common, own) if _bounded(found)]
    if not usable:
        return []
    scale = str(shortest_decimal(usable[0]))
    rows = tuple(_stated(cell, scale, digits, seed) for cell in cells)
    title = f"Table {number} recomputed at Θ = {scale}"
    return [Section(f"table{number}-recomputed", title, _COMPARED_COLUMNS, rows)]


def _closing(verdicts, intervals) -> tuple[str, ...]:
    """What the numbers say, in words; every sentence follows from the results, none is fixed."""
    counts = "; ".join(f"Table {number}: {_counted(found)}" for number, found in verdicts.items())
    sentences = [f"At the stated k = {STATED_SHAPE}, Θ = {STATED_SCALE}, {counts}."]
    rounded, truncated = (intervals["both", reading] for reading in READINGS)
    if not _bounded(rounded):
        return (*sentences, "No single Θ gives every printed digit of both tables by rounding.")
    sentences.append(
        f"Every printed digit of both tables is the rounded exact value at any Θ from {rounded.lower} to "
        f"{rounded.upper}, for example {shortest_decimal(rounded)}"
        + ("; truncation gives them at no Θ." if truncated.empty else ".")
    )
    if Decimal(STATED_SCALE) in rounded:
        return (*sentences, f"The stated Θ = {STATED_SCALE} is one of them.")
    places = Decimal(1).scaleb(Decimal(STATED_SCALE).as_tuple().exponent)
    cut = {end.quantize(places, ROUND_DOWN) for end in (rounded.lower, rounded.upper)}
    nearest = {end.quantize(places, ROUND_HALF_UP) for end in (rounded.lower, rounded.upper)}
    if cut == {Decimal(STATED_SCALE)} != nearest and len(nearest) == 1:
        sentences.append(
            f"Cut to {-places.as_tuple().exponent} decimals each such Θ reads {STATED_SCALE}, rounded {nearest.pop()}: "
            "most simply, the tables were computed with the uncut Θ, and the captions give it cut."
        )
    both = [cell for number in TABLES for cell in printed_cells(number)]
    shapes = _interval(both, "rounding", _THETA_DIGITS[0], free="shape")
    if not shapes.empty:
        sentences.append(
            f"With Θ = {STATED_SCALE} kept, a real shape k between {shapes.lower} and {shapes.upper} gives the same "
            "digits, but the paper's closed form knows integer k only."
        )
    return tuple(sentences)


def _counted(verdicts) -> str:
    counts = Counter(verdicts)
    words = ((AGREES, "agree", "agrees"), (LAST_DIGIT, "off in the last digit", "off in the last digit"),
             (DIFFERS, "differ", "differs"))
    parts = [f"{counts[key]} {one if counts[key] == 1 else many}" for key, many, one in words if counts[key]]
    return f"of {len(verdicts)} cells {', '.join(parts)}"


def _bounded(interval: ParameterInterval) -> bool:
    """Whether there are such parameters, between two ends; a table of constants would leave an end open."""
    return not interval.empty and None not in (interval.lower, interval.upper)


def _range(empty: bool, lower: str | None, upper: str | None) -> str:
    if empty:
        return "none"
    if lower is None or upper is None:
        return f"≥ {lower}" if lower else f"≤ {upper}" if upper else "any"
    return f"{lower} to {upper}"


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _where(cell: PrintedCell | None) -> str | None:
    return cell and f"{cell.quantity}({cell.delta})"
