"""Table 7 of Anchor Loss, joint by joint: what each loss finds more than BCE does, published and ours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["SOURCE", "TITLE", "Data", "Panel", "caption", "compute", "draw"]

TITLE = "What losses of heatmaps gain, joint by joint"
SOURCE = "Anchor Loss, Table 7"
_STUDIES = {"lspet_pose_losses": "Ours: LSPET", "desk_pose_losses": "Ours: generated"}
_PLAIN, _ANCHOR = "BCE", "AL γ = 2"  # what is compared with, and what the paper puts forward
# Of the published table, in the order in which they stand beside each other.
_LOOKS = {
    "MSE": {"color": "C4", "marker": "s"}, "FL": {"color": "C3", "marker": "D"},
    "AL γ = 1": {"color": "C2", "marker": "v"}, "AL γ = 2": {"color": "C0", "marker": "o"},
    "AL γ = 5": {"color": "C1", "marker": "^"},
}


class Panel(NamedTuple):
    """One source: differences to BCE in points, and half the widths of their 95 % confidence intervals."""

    title: str
    seeds: int  # 0 of the paper, which prints one number each
    losses: tuple[str, ...]
    differences: np.ndarray  # (losses, columns)
    margins: np.ndarray  # (losses, columns) of differences in pairs of one seed; NaN where there are too few


class Data(NamedTuple):
    """What is drawn, top to bottom: published, on photographs, on generated figures."""

    columns: tuple[str, ...]  # the kinds of joints, and last the mean
    panels: list[Panel]


def compute() -> Data:
    """Differences to BCE of the losses of Table 7, as printed, and of the recorded studies in pairs of one seed.

    >>> data = compute()
    >>> [panel.title for panel in data.panels], data.columns[-1]
    (['Paper: MPII', 'Ours: LSPET', 'Ours: generated'], 'Mean')
    >>> print(f"{data.panels[0].differences[data.panels[0].losses.index('AL γ = 2'), -1]:+.2f}")
    +0.27
    >>> caption(data)[:40]
    'What each loss finds of each kind of joi'
    """
    from decimal import Decimal

    from experiments.losses import COLUMNS, printed
    from experiments.record import read_tables

    paper = printed()
    differences = [[float(Decimal(paper[loss][column]) - Decimal(paper[_PLAIN][column])) for column in COLUMNS]
                   for loss in _LOOKS]
    panels = [Panel("Paper: MPII", 0, tuple(_LOOKS), np.array(differences), np.full_like(differences, np.nan))]
    panels += [_measured(title, read_tables(name)[1][name], COLUMNS) for name, title in _STUDIES.items()]
    return Data(COLUMNS, panels)


def _measured(title: str, rows, columns) -> Panel:
    from experiments._report_orders import by_seed, compare

    losses = tuple(loss for loss in _LOOKS if any(row["variation"] == loss for row in rows))
    found = [[compare(by_seed(rows, loss, column), by_seed(rows, _PLAIN, column)) for column in columns]
             for loss in losses]
    differences, margins = (
        100 * np.array([[getattr(comparison, name) for comparison in row] for row in found], dtype=float)
        for name in ("difference", "margin")
    )
    return Panel(title, max(comparison.seeds for row in found for comparison in row), losses, differences, margins)


def draw(data: Data):
    """A row a source, a column a kind of joint; `compute` has the example."""
    from figures import _style

    figure, axes = _style.sheet(len(data.panels), height=5.4, sharex=True)
    places = np.arange(len(data.columns))
    for row, panel in zip(axes, data.panels, strict=True):
        row.axhline(0, color=_style.muted(), linewidth=1)
        row.axvspan(places[-1] - 0.5, places[-1] + 0.5, color=_style.faint(), alpha=0.5, linewidth=0)
        for loss, differences, margins in zip(panel.losses, panel.differences, panel.margins, strict=True):
            shift = (list(_LOOKS).index(loss) - (len(_LOOKS) - 1) / 2) / (len(_LOOKS) + 2)
            row.errorbar(places + shift, differences, np.where(np.isnan(margins), 0, margins), linestyle="none",
                         elinewidth=1.1, label=loss, **_LOOKS[loss])
        for edge in places[:-1] + 0.5:
            row.axvline(edge, color=_style.faint(), linewidth=0.6)
        row.set_title(f"{panel.title}, n = {panel.seeds}" if panel.seeds else panel.title)
        row.set_ylabel(f"PCK − {_PLAIN} (points)" if panel.seeds else f"PCKh − {_PLAIN} (points)")
        row.set_xlim(-0.5, len(places) - 0.5)
        row.tick_params(axis="x", length=0)
    axes[-1].set_xticks(places, data.columns)
    axes[-1].set_xlabel("joints")
    axes[0].legend(loc="lower center", bbox_to_anchor=(0.6, 0.98), ncols=len(_LOOKS), borderaxespad=0,
                   handletextpad=0.2)
    return figure


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    means = "; ".join(_of_anchor(data, panel) for panel in data.panels)
    clear = "; ".join(
        f"{panel.title.removeprefix('Ours: ')}, {above} above and {below} below {_PLAIN}, of {panel.differences.size}"
        for panel in data.panels if panel.seeds for above, below in [_apart(panel)]
    )
    return (
        f"What each loss finds of each kind of joint, less what {_PLAIN} finds, in points; bars: 95 % confidence "
        f"intervals of a paired t-test over n seeds. {_ANCHOR} less {_PLAIN}: {means}. Intervals that do not reach 0, "
        f"not corrected for their number: {clear}. The paper prints no spread. Data, metric and "
        "network are not the paper's: digits do not compare, and each row has a scale of its own."
    )


def _of_anchor(data: Data, panel: Panel) -> str:
    """The gain of Anchor Loss in the mean, and the joint at which it is largest."""
    differences, margins = (values[panel.losses.index(_ANCHOR)] for values in (panel.differences, panel.margins))
    most = int(np.nanargmax(differences[:-1]))
    margin = "" if np.isnan(margins[-1]) else f" ± {margins[-1]:.2f}"
    return (f"{panel.title.replace(':', ',')}, {differences[-1]:+.2f}{margin} in the mean, most at the "
            f"{data.columns[most].lower()} ({differences[most]:+.2f})")


def _apart(panel: Panel) -> tuple[int, int]:
    """How many differences are told apart from 0: above, and below."""
    return int((panel.differences > panel.margins).sum()), int((panel.differences < -panel.margins).sum())
