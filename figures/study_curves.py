"""Table 3 as curves: how well each method's picks were found, and how well the test set was, published and ours.

The digits of the three columns do not compare, since data, network and scale differ; the order of the methods does. So
each panel has a scale of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["SOURCE", "TITLE", "Curve", "Data", "Panel", "Verdicts", "caption", "compute", "draw"]

TITLE = "Table 3 over the stages"
SOURCE = "paper, Table 3"
_STUDIES = {"lspet": "Ours: LSPET", "desk": "Ours: generated"}


class Curve(NamedTuple):
    """One method; NaN where a stage has no value."""

    label: str
    means: np.ndarray  # (stages,) PCK in per cent, over the seeds or repeats
    sds: np.ndarray  # (stages,) sample standard deviations, in points


class Verdicts(NamedTuple):
    """How many of the orderings of two methods at a stage that the paper has came out how."""

    holds: int
    reversed: int
    undecided: int  # not told apart


class Panel(NamedTuple):
    """One part of Table 3 from one source."""

    title: str
    repeats: int
    stages: tuple[int, ...]
    curves: list[Curve]
    verdicts: Verdicts | None  # None of the paper itself


class Data(NamedTuple):
    """What is drawn, left to right: published, on photographs, on generated figures."""

    picked: list[Panel]  # 3(a): the picked images before they are labelled
    tested: list[Panel]  # 3(b): the test set after the stage


def compute() -> Data:
    """Means and spreads of Table 3 as printed, and of the recorded studies as `python -m experiments report` has them.

    >>> data = compute()
    >>> [(panel.title, panel.repeats) for panel in data.picked]
    [('Paper: LSP-LSPET', 5), ('Ours: LSPET', 3), ('Ours: generated', 5)]
    >>> data.tested[0].curves[0].means
    array([80.3, 81.8, 82.7, 83.4, 84.1])
    >>> caption(data)[:32]
    'Above, the picked images before '
    """
    from experiments._report_table3 import TABLES
    from experiments.record import read_recorded

    studies = [read_recorded(name) for name in _STUDIES]
    return Data(*(_panels(table, studies) for table in TABLES))


def _panels(table, studies) -> list[Panel]:
    from experiments._report_table3 import PAPER_REPEATS, published_dataset, table_rows

    longest = max(studies, key=lambda study: len(study.stages))
    return [
        Panel(f"Paper: {published_dataset(longest)}", PAPER_REPEATS, longest.stages,
              _curves(table_rows(longest, table), "published"), None),
        *(Panel(title, len(study.seeds), study.stages, _curves(table_rows(study, table), "measured"),
                _verdicts(study, table)) for study, title in zip(studies, _STUDIES.values(), strict=True)),
    ]


def _curves(rows: list[dict], source: str) -> list[Curve]:
    return [Curve(row["method"], *(100 * np.array(row[name], dtype=float) for name in ("means", "sds")))
            for row in rows if row["source"] == source]


def _verdicts(study, table) -> Verdicts:
    from experiments._report_orders import HOLDS, REVERSED, UNDECIDED
    from experiments._report_table3 import ALL_STAGES, orderings

    found = [row["verdict"] for row in orderings(study, table) if row["stage"] != ALL_STAGES]
    return Verdicts(*(found.count(verdict) for verdict in (HOLDS, REVERSED, UNDECIDED)))


def draw(data: Data):
    """Rows 3(a) and 3(b), columns the sources; `compute` has the example."""
    from figures import _style

    figure, axes = _style.sheet(2, len(data.picked), height=5.2)
    names = "3(a): PCK@0.2 of the picked (%)", "3(b): PCK@0.2 of the test (%)"
    for row, panels, name in zip(axes, data, names, strict=True):
        for place, panel in zip(row, panels, strict=True):
            for curve in panel.curves:
                look = _style.METHODS[curve.label]
                place.fill_between(panel.stages, curve.means - curve.sds, curve.means + curve.sds, alpha=0.15,
                                   color=look["color"], linewidth=0)
                place.plot(panel.stages, curve.means, label=curve.label, **look)
            place.set_xticks(panel.stages)
            place.set_title(f"{panel.title}, n = {panel.repeats}")
            place.set_xlabel("stage")
            place.set_ylabel(name)
    keys = {label: line for place in axes.flat for line, label in zip(*place.get_legend_handles_labels(), strict=True)}
    order = [label for label in _style.METHODS if label in keys]
    figure.legend([keys[label] for label in order], order, loc="outside lower center", ncols=len(order))
    return figure


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    first = "; ".join(
        f"{panel.title.replace(':', ',')}, {_first(panel, 'LL++'):.1f} % against {_first(panel, 'Random'):.1f} %"
        for panel in data.picked
    )
    return (
        "Above, the picked images before they are labelled: the lower their PCK, the better a method finds failures. "
        "Below, the test set after the stage. Bands: ± one sample standard deviation over n repeats. What LL++ picks "
        f"at stage 1, against what Random picks: {first}. Of the paper's orderings of two methods at a stage, in 3(a) "
        f"{_came_out(data.picked)}; in 3(b) {_came_out(data.tested)} (paired t-tests over the seeds at the level of "
        "5 %, not corrected for their number). Data, network and scale are not the paper's: digits do not compare."
    )


def _first(panel: Panel, label: str) -> float:
    return next(curve.means[0] for curve in panel.curves if curve.label == label)


def _came_out(panels: list[Panel]) -> str:
    """What became of the paper's orderings in the panels that are ours."""
    return "; ".join(
        f"{panel.verdicts.holds} of {sum(panel.verdicts)} hold on {panel.title.removeprefix('Ours: ')}, "
        f"{panel.verdicts.reversed} are reversed, {panel.verdicts.undecided} not told apart"
        for panel in panels if panel.verdicts is not None
    )
