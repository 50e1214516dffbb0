"""Tables 1 and 2 as curves, with the printed digits and the band of Θ from which they follow (paper, Tables 1 and 2).

The printed digits miss the exact law at the stated Θ by less than a line's width. So below the curves stands what is
left of them, in units of the last digit, and last, cell by cell, the Θ that give the digits.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import numpy as np

__all__ = ["SOURCE", "TITLE", "Data", "Table", "caption", "compute", "draw"]

TITLE = "Tables 1 and 2, and the Θ behind them"
SOURCE = "paper, Tables 1 and 2"
_THETA_DIGITS = 6  # of the intervals' ends: a five-hundredth of the narrowest, the common one
_LONGEST_GAP = {"P": 0.16, "phi": 0.53}  # of the curves: beyond the last printed δ
_POINTS = 161
# Of the residuals, in units of the last digit: least and greatest, and where the two Θ are named.
_FRAMES = {"P": (-5.4, 0.9, (0.105, 0.45), (0.09, -4.8)), "phi": (-1.3, 1.6, (0.012, -0.25), (0.53, 1.0))}
_THETAS = (0.0655, 0.0715)  # drawn: from below the cells of Table 1 to above what Table 2 read as truncated gives


class Table(NamedTuple):
    """One table. Values are probabilities (P) or shares (φ), without unit; δ is in units of the loss."""

    quantity: str  # "P" or "phi"
    deltas: np.ndarray  # (cells,) δ as printed
    printed: np.ndarray  # (cells,) values as printed
    rounded: np.ndarray  # (cells, 2) least and greatest value that rounds to the printed digits
    exact: np.ndarray  # (cells,) the law at the stated Θ
    unit: float  # of the last digit of the table's longest entries
    axis: np.ndarray  # (points,) δ of the curves
    stated: np.ndarray  # (points,) the law at the stated Θ
    band: np.ndarray  # (2, points) the law at the ends of the interval of Θ common to both tables


class Data(NamedTuple):
    """What is drawn."""

    shape: float  # k as stated
    scale: float  # Θ as stated
    tables: tuple[Table, Table]
    cells: tuple[str, ...]  # the printed cells of both, "P(0.02)" …, of those that say something about Θ
    intervals: dict[str, np.ndarray]  # reading -> (cells, 2) the Θ from which the digits of a cell follow; NaN: none
    common: dict[str, np.ndarray]  # reading -> (2,) the Θ from which all follow; NaN: there is none


def compute() -> Data:
    """The law at the stated k and Θ, and the certified intervals of Θ of each cell and of all together.

    >>> data = compute()
    >>> data.common["rounding"].tolist(), data.common["truncation"].tolist()
    ([0.0665964, 0.0666451], [nan, nan])
    >>> caption(data)[:61]
    'The curves are the exact law for k = 4 and the stated Θ = 0.0'
    """
    from gammaprob._table_paper import STATED_SCALE, STATED_SHAPE, TABLES, printed_cells
    from gammaprob.theta_interval import READINGS

    by_table = [printed_cells(number) for number in TABLES]
    cells = [cell for table in by_table for cell in table]
    telling = [cell for cell in cells if Decimal(cell.delta)]  # at δ = 0, φ is ½ for every Θ
    common = {reading: _interval(cells, reading) for reading in READINGS}
    return Data(
        float(STATED_SHAPE), float(STATED_SCALE), tuple(_table(table, common["rounding"]) for table in by_table),
        tuple(f"{cell.quantity.replace('phi', 'φ')}({cell.delta})" for cell in telling),
        {reading: np.array([_interval([cell], reading) for cell in telling]) for reading in READINGS}, common,
    )  # fmt: skip


def _interval(cells, reading: str) -> np.ndarray:
    from gammaprob._table_paper import STATED_SCALE, STATED_SHAPE
    from gammaprob.theta_interval import parameter_interval

    found = parameter_interval(cells, reading, shape=STATED_SHAPE, scale=STATED_SCALE, digits=_THETA_DIGITS)
    return np.full(2, np.nan) if found.empty else np.array([float(found.lower), float(found.upper)])


def _table(cells, common: np.ndarray) -> Table:
    from gammaprob import expected_target, gap_cdf
    from gammaprob._table_paper import STATED_SCALE, STATED_SHAPE
    from gammaprob.theta_interval import preimage

    quantity = cells[0].quantity
    law = {"P": gap_cdf, "phi": expected_target}[quantity]
    shape, scale = float(STATED_SHAPE), float(STATED_SCALE)
    deltas = np.array([float(cell.delta) for cell in cells])
    axis = np.linspace(0, _LONGEST_GAP[quantity], _POINTS)
    return Table(
        quantity, deltas, np.array([float(cell.printed) for cell in cells]),
        np.array([[float(end) for end in preimage(cell.printed, "rounding")] for cell in cells]),
        law(deltas, shape=shape, scale=scale), 10.0 ** min(Decimal(cell.printed).as_tuple().exponent for cell in cells),
        axis, law(axis, shape=shape, scale=scale), np.array([law(axis, shape=shape, scale=end) for end in common]),
    )  # fmt: skip


def draw(data: Data):
    """Above the tables, below them what differs, last the intervals of Θ; `compute` has the example."""
    from figures import _style

    figure, axes = _style.sheet(3, 2, height=6.6, height_ratios=(1, 1, 1.4), sharex="col")
    for panel in axes[2]:
        panel.remove()
    for column, table in enumerate(data.tables):
        _curves(axes[0, column], table, data)
        _residuals(axes[1, column], table, data)
    _intervals(figure.add_subplot(axes[2, 0].get_gridspec()[2, :]), data)
    return figure


def _curves(panel, table: Table, data: Data) -> None:
    number, name, place = {"P": (1, "P(|X − Y| ≤ δ)", "lower right"), "phi": (2, "φ(δ)", "upper right")}[table.quantity]
    panel.plot(table.axis, table.stated, color="C0", label=f"exact at Θ = {data.scale:g}")
    panel.plot(table.deltas, table.printed, "o", color="C1", markerfacecolor="none", markersize=6, label="printed")
    panel.legend(loc=place)
    panel.set(ylabel=f"{name} (no unit)", title=f"Table {number}: {name}, k = {data.shape:g}")


def _residuals(panel, table: Table, data: Data) -> None:
    from figures import _style

    panel.axhline(0, color="C0", zorder=1)
    panel.fill_between(table.axis, *(table.band - table.stated) / table.unit, color="C2", linewidth=0.8, zorder=2)
    halves = np.abs(table.rounded - table.printed[:, np.newaxis]).T / table.unit
    panel.errorbar(table.deltas, (table.printed - table.exact) / table.unit, yerr=halves, fmt="o", color="C1",
                   markerfacecolor=_style.page(), markersize=5, elinewidth=1, capsize=3, zorder=3)
    lowest, highest, stated, band = _FRAMES[table.quantity]
    panel.annotate(f"Θ = {data.scale:g}", stated, color="C0", va="center")
    panel.annotate(_ends(data), band, color="C2", ha="right", va="center")
    for delta, half in zip(table.deltas, halves[0], strict=True):
        if half > highest:  # fewer digits than the rest of the table
            panel.annotate(f"±{half:g}", (delta, highest), (4, -2), textcoords="offset points", color="C1", va="top")
    panel.set(xlim=(-0.03 * table.axis[-1], table.axis[-1]), ylim=(lowest, highest), xlabel="gap δ (units of the loss)",
              ylabel=f"printed − exact\n(units of {table.unit:g})")
    panel.tick_params(labelbottom=True)


def _intervals(panel, data: Data) -> None:
    rows = np.arange(len(data.cells))
    panel.axvspan(*data.common["rounding"], color="C2", linewidth=0, zorder=0)
    panel.axvline(data.scale, color="C0", zorder=0)
    for reading, shift, look in (("rounding", -0.18, {"color": "C1", "linewidth": 3.2}),
                                 ("truncation", 0.2, {"color": "C3", "linewidth": 1.2})):
        panel.hlines(rows + shift, *data.intervals[reading].T, label=f"digits read as made by {reading}", **look)
    panel.annotate("stated", (data.scale, -1.0), (-4, 0), textcoords="offset points", color="C0", ha="right",
                   va="center")
    panel.annotate(f"all cells, rounded: {_ends(data)}", (data.common["rounding"][1], -1.0), (4, 0),
                   textcoords="offset points", color="C2", va="center")
    panel.set_yticks(rows, data.cells)
    panel.set(xlim=_THETAS, ylim=(len(rows) - 0.4, -1.6), xlabel="Θ (units of the loss)", ylabel="printed cell",
              title=f"The Θ from which each printed cell follows, k = {data.shape:g}")
    panel.legend(loc="upper right", bbox_to_anchor=(1, 0.92))


def _ends(data: Data) -> str:
    low, high = data.common["rounding"]
    return f"{low:g} to {high:g}"


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    agree = [np.count_nonzero((low <= table.exact) & (table.exact < high))
             for table in data.tables for low, high in [table.rounded.T]]
    sizes = [table.printed.size for table in data.tables]
    truncated = "no" if np.isnan(data.common["truncation"]).any() else "some"
    return (
        f"The curves are the exact law for k = {data.shape:g} and the stated Θ = {data.scale:g}, and the printed "
        f"digits seem to lie on them. Below stands the difference, in units of the last digit, with bars for what "
        f"rounds to the printed digits. At the stated Θ, {agree[0]} of {sizes[0]} cells of Table 1 and {agree[1]} of "
        f"{sizes[1]} of Table 2 follow by rounding. All of them do for Θ from {_ends(data)} (green), which cut to "
        f"three decimals reads {data.scale:g}; {truncated} Θ gives all of them by truncation."
    )
