"""Tables 1, 3 and A-1 of Anchor Loss as differences to cross-entropy: of the recorded study, and as printed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["SOURCE", "TITLE", "Data", "Panel", "caption", "compute", "draw"]

TITLE = "Losses of classification beside cross-entropy"
SOURCE = "Anchor Loss, Tables 1, 3 and A-1"
_STUDY, _PLAIN, _ANCHOR = "digits_classes", "ce", "anchor"
_CIFAR = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
_LOOKS = ({"color": "C0", "marker": "o"}, {"color": "C1", "marker": "s"}, {"color": "C2", "marker": "D"})


class Panel(NamedTuple):
    """One source; NaN for a loss that it does not have, and for an interval that its numbers do not give."""

    title: str
    repeats: int
    differences: np.ndarray  # (losses,) top-1 accuracy less that of cross-entropy, in points
    margins: np.ndarray  # (losses,) half the widths of the 95 % confidence intervals
    notes: tuple[str, ...]  # (losses,) a setting in which the source differs from the label, or ""


class Data(NamedTuple):
    """What is drawn: losses top to bottom, sources left to right."""

    variations: tuple[str, ...]
    labels: tuple[str, ...]  # as the study names them
    tables: tuple[str, ...]  # the published table in which a loss comes first
    panels: list[Panel]


def compute() -> Data:
    """Differences to cross-entropy: of the recorded study in pairs of one seed, and of the printed means.

    >>> data = compute()
    >>> [panel.title for panel in data.panels]
    ['Ours: digits', 'Paper: CIFAR-10', 'Paper: CIFAR-100']
    >>> print(f"{data.panels[2].differences[data.variations.index('anchor')]:+.2f}")
    +1.27
    >>> caption(data)[:37]
    'Top-1 accuracy less that of networks '
    """
    from experiments.classes.report import TABLES
    from experiments.record import read_tables

    rows = read_tables(_STUDY)[1][_STUDY]
    labels, tables = {row["variation"]: row["name"] for row in rows}, {}
    for table in TABLES:
        for name in table.variations:
            if name in labels and name != _PLAIN:
                tables.setdefault(name, table.number)
    names = tuple(tables)
    panels = [_measured(rows, names), *(_printed(dataset, names) for dataset in _CIFAR)]
    return Data(names, tuple(labels[name] for name in names), tuple(tables.values()), panels)


def _measured(rows, names) -> Panel:
    from experiments._report_orders import by_seed, compare

    found = [compare(by_seed(rows, name, "top1"), by_seed(rows, _PLAIN, "top1")) for name in names]
    differences, margins = (100 * np.array([getattr(row, column) for row in found], dtype=float)
                            for column in ("difference", "margin"))
    notes = ("",) * len(names)
    return Panel(f"Ours: {rows[0]['dataset']}", max(row.seeds for row in found), differences, margins, notes)


def _printed(dataset: str, names) -> Panel:
    """Of all tables that have this data set; what several print is taken from the first."""
    from decimal import Decimal

    from experiments._report_orders import published_margin
    from experiments.classes.report import REPEATS, TABLES
    from paper_tables import published

    printed = {}
    for table in TABLES:
        if table.beside(dataset) == _CIFAR[dataset]:
            printed = table.printed(dataset)["top1"] | printed
    plain = printed[_PLAIN]
    differences = [float(Decimal(printed[name][0]) - Decimal(plain[0])) if name in printed else np.nan
                   for name in names]
    margins = [published_margin(printed[name], plain, REPEATS) if len(printed.get(name, ())) > 1 else np.nan
               for name in names]
    settings = {name: row for name, row in zip(TABLES[0].variations, published.load(TABLES[0].name), strict=True)
                if row[f"parameter_{dataset}"] != row["parameter_cifar10"]}
    notes = tuple(settings[name][f"parameter_{dataset}"].replace("gamma", "γ") if name in settings else ""
                  for name in names)
    return Panel(f"Paper: {_CIFAR[dataset]}", REPEATS, np.array(differences), np.array(margins), notes)


def draw(data: Data):
    """A row a loss, a column a source; `compute` has the example."""
    from figures import _style

    figure, axes = _style.sheet(1, len(data.panels), height=3.9, sharey=True)
    places, tables = np.arange(len(data.labels)), np.array(data.tables)
    for column, panel in zip(axes, data.panels, strict=True):
        column.axvline(0, color=_style.muted(), linewidth=1)
        for table, look in zip(dict.fromkeys(data.tables), _LOOKS, strict=False):
            these = tables == table
            margins = np.nan_to_num(panel.margins[these])
            column.errorbar(panel.differences[these], places[these], xerr=margins, linestyle="none", elinewidth=1.2,
                            label=f"Table {table}", **look)
        for place, (difference, margin, note) in enumerate(
            zip(panel.differences, np.nan_to_num(panel.margins), panel.notes, strict=True)
        ):
            if note:
                column.annotate(note, (difference + margin, place), (4, 0), textcoords="offset points", va="center",
                                color=_style.muted(), fontsize=7.5)
        for edge in np.flatnonzero(tables[1:] != tables[:-1]) + 0.5:
            column.axhline(edge, color=_style.faint(), linewidth=0.6)
        column.set_title(f"{panel.title}, n = {panel.repeats}")
        column.set_xlabel("top-1 − CE (points)")
        column.tick_params(axis="y", length=0)
        column.locator_params(axis="x", nbins=5)
    axes[0].set_yticks(places, data.labels)
    axes[0].set_ylim(len(places) - 0.5, -0.5)
    axes[0].set_ylabel("loss")
    keys = axes[0].get_legend_handles_labels()
    figure.legend(*keys, loc="outside lower center", ncols=len(keys[0]))
    return figure


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    anchor = data.variations.index(_ANCHOR)
    means = "; ".join(
        f"{panel.title.replace(':', ',')}, {panel.differences[anchor]:+.2f}"
        + ("" if np.isnan(panel.margins[anchor]) else f" ± {panel.margins[anchor]:.2f}") for panel in data.panels
    )
    apart = "; ".join(f"{panel.title.replace(':', ',')}, {_apart(panel)}" for panel in data.panels)
    return (
        "Top-1 accuracy less that of networks trained by cross-entropy (CE), in points, by the published table that "
        "has the loss first. Bars: 95 % confidence intervals, ours of differences in pairs of one seed, the paper's "
        "from its printed means and spreads (Welch), where it prints a spread. "
        f"{data.labels[anchor]} less CE: {means}. Intervals that do not reach 0, not corrected for their number: "
        f"{apart}. Data and network are not the paper's: digits do not compare."
    )


def _apart(panel: Panel) -> str:
    """How many differences are told apart from 0, of those with an interval."""
    above, below = (int((sign * panel.differences > panel.margins).sum()) for sign in (1, -1))
    return f"{above} above CE and {below} below, of {int(np.isfinite(panel.margins).sum())}"
