"""`python -m experiments losses`: Table 7 of Anchor Loss on this bench, and what its loss is said to mend.

One pose network a loss and seed, from the base images alone: the losses, their targets and their outputs as the paper
has them (sigmoids beside Gaussians of height 1 that are cut to exact zeros), and, for reference, the loss of the other
studies. All else is the same for all. Counted beside the joints found: left-right confusion and double peaks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

from experiments._report_cli import mean_sd, spread
from experiments._report_orders import (
    ORDER_NOTE, VERDICTS, by_seed, compare, count_verdicts, order_columns, paper_orders, points, with_chance,
)
from experiments.checkpoint import read_json
from experiments.config import Config
from experiments.metrics import columns
from experiments.settings import Layers, check_fixed
from gammaprob._table_document import Column, Report, Section
from paper_tables import published

__all__ = ["COLUMNS", "SETTINGS", "VARIATIONS", "printed", "report_of", "run_losses"]

_PAPER = "anchor_table7_mpii_val_2stack"
# What a variation sets; a study where one of them is given already would not compare what it says.
_VARIED = ("pose_loss", "gamma", "output", "peak", "truncate", "prior")
SETTINGS: Layers = {
    "methods": (("random",), "no loss predictor is trained"), "stages": (1, "no stage is run"),
    **{name: (getattr(Config, name), "each variation has its own") for name in _VARIED},
}
# A prior of its own, since from one half on the few epochs of a small study go into learning that most is background.
_TARGETS = {"peak": 1.0, "truncate": True, "prior": 0.01}


def _variation(**changes) -> Callable[[Config], dict]:
    return lambda config: changes


# By the names of the published table, γ as a letter.
VARIATIONS = {
    "BCE": _variation(pose_loss="bce", **_TARGETS),
    "MSE": _variation(pose_loss="mse", output="sigmoid", **_TARGETS),
    "FL": _variation(pose_loss="focal", gamma=2.0, **_TARGETS),
    **{f"AL γ = {gamma}": _variation(pose_loss="anchor", gamma=float(gamma), **_TARGETS) for gamma in (1, 2, 5)},
    "MSE, peak 30": _variation(),
}
# The columns of the published table; "neck" enters the mean alone.
_JOINTS = {"head top": "Head", "shoulder": "Shoulder", "elbow": "Elbow", "wrist": "Wrist", "hip": "Hip", "knee": "Knee",
           "ankle": "Ankle"}
COLUMNS = (*_JOINTS.values(), "Mean")
# What anchor loss is said to mend, by its name in a row: as shown, and whether it is to be more (+1) or less (−1).
_MENDED = {
    "nearer_mirrored": ("nearer", -1), "swapped": ("swapped", -1), "on_mirrored": ("on mirrored", -1),
    "double_peaks": ("double peaks", -1), "double_hits": ("of these found", +1),
    "double_mirrored": ("second swapped", -1),
}
_ANCHOR, _PLAIN = "AL γ = 2", "BCE"


def run_losses(config: Config, out: Path, variations: Sequence[str] = tuple(VARIATIONS), **words) -> list[dict]:
    """One row a loss and seed: PCK by joint and in the mean, confusion and double peaks on the test set.

    Trains base models, nothing else: no loss predictor, no stage. Goes on where it was interrupted. The other keywords
    are those of `experiments.study.run_cells`. Raises `ConfigError` for an unknown variation, or for a setting of
    `SETTINGS` that has another value.

    >>> import tempfile
    >>> from experiments.config import configure
    >>> config = configure("smoke", {"base": 16, "budget": 4, "pool": 12, "test": 6, "validation": 4, "epochs_base": 1},
    ...                    SETTINGS)
    >>> with tempfile.TemporaryDirectory() as out:
    ...     rows = run_losses(config, Path(out), ["FL"], jobs=1)
    >>> [(row["variation"], row["seed"], 0 <= row["Mean"] <= 1, row["Ankle"] is None) for row in rows]
    [('FL', 0, True, False)]
    """
    from experiments.cycle import run_base
    from experiments.study import base_work, check_alone, finish_cells, variation_cells

    check_alone("losses")
    check_fixed(config, SETTINGS)
    names = variation_cells({out: config}, variations, VARIATIONS)
    work = base_work(names)
    finish_cells(run_base, work, **words)
    return [_row(names[cell], read_json(stage / "result.json")) for cell, (stage,) in work.items()]


def _row(variation: str, result: dict) -> dict:
    test, training = result["test"], result["training"]
    joints = test["per_joint"]
    places = {_JOINTS[kind]: [list(joints.values())[place] for place in both]
              for kind, both in columns(list(joints)).items() if kind in _JOINTS}
    return {
        "variation": variation, "seed": result["seed"],
        **{name: None if None in found else sum(found) / len(found) for name, found in places.items()},
        "Mean": test["mean"], "total": test["pck"], "auc": test["auc"], "joints": test["joints"],
        "paired": test["paired"], **{name: test[name] for name in _MENDED},
        "validation_pck": training["validation_pck"], "best_epoch": training["best_epoch"], "loss": training["loss"],
        "seconds_total": result["seconds"]["total"], "started": result["provenance"]["started"],
        "provenance": result["provenance"],
    }


# --- the report ------------------------------------------------------------------------------------------------------

def report_of(rows: Sequence[dict]) -> Report:
    """Table 7 beside the published one, the paper's orders, what anchor loss mends, with paired tests over the seeds.

    >>> shares = {"total": 0.25, "nearer_mirrored": 0.3, "swapped": 0.3, "on_mirrored": 0.1, "double_peaks": 0.2,
    ...           "double_hits": 0.4, "double_mirrored": 0.5}
    >>> rows = [{"variation": name, "seed": seed, **dict.fromkeys(COLUMNS, pck + pck * seed / 10), **shares}
    ...         for name, pck in (("BCE", 0.2), ("AL γ = 2", 0.25)) for seed in (0, 1)]
    >>> report = report_of(rows)
    >>> [cells[:2] for cells in report.sections[0].cells()[:2]]
    [['BCE', '21.0±1.4'], ['BCE, paper', '96.42']]
    >>> report.closing[0]
    'Table 7, Mean: of the 1 orderings of two losses that the paper has, 1 hold, ...'
    """
    names = [name for name in VARIATIONS if any(row["variation"] == name for row in rows)]
    orders = _orders(rows, names)
    sections = (_table(rows, names), _mended(rows, names), *_order_sections(orders))
    return Report(tuple(section for section in sections if section.rows), tuple(_conclusions(rows, orders)), {})


def printed() -> dict[str, dict[str, str]]:
    """The published table: variation -> column -> what is printed there, in per cent.

    >>> printed()["AL γ = 2"]["Wrist"]
    '85.42'
    """
    return {row["method"].replace("gamma=", "γ = "): row for row in published.load(_PAPER)}


def _table(rows, names) -> Section:
    paper, shown = printed(), []
    for name in names:
        shown.append({"variation": name, **{column: _share(rows, name, column) for column in COLUMNS}})
        if name in paper:
            shown.append({"variation": f"{name}, paper", **{column: paper[name][column] for column in COLUMNS}})
    counts = sorted({sum(row["variation"] == name for row in rows) for name in names})
    return Section(
        "table7", "Table 7: joints found by networks that learned by different losses", (
            Column("loss", lambda row: row["variation"], plain=True),
            *(Column(column, lambda row, column=column: row[column], right=True) for column in COLUMNS),
        ), tuple(shown),
        (f"In per cent, mean ± sample sd over the seeds ({'–'.join(map(str, counts))}); Mean: of all joints' shares. "
         f"paper: {published.place(_PAPER)}, PCKh@0.5 on MPII, two stacks. Data set, metric and network are not the "
         "paper's: digits do not compare, orderings do.",),
    )


def _share(rows, name: str, column: str) -> str:
    return mean_sd(*spread(by_seed(rows, name, column).values())[:2])


def _mended(rows, names) -> Section:
    shown = [{"variation": name, **{column: _share(rows, name, column) for column in _MENDED}} for name in names]
    return Section(
        "mended", "Left-right confusion and double peaks on the test set", (
            Column("loss", lambda row: row["variation"], plain=True),
            *(Column(title, lambda row, column=column: row[column], right=True)
              for column, (title, _) in _MENDED.items()),
        ), tuple(shown),
        ("In per cent, mean ± sample sd over the seeds. Of the joints whose mirrored joint is present, nearer: to the "
         "mirrored joint than to their own; swapped: those of them that are missed; on mirrored: those of them that "
         "are a hit of it. double peaks: of all joints, heatmaps with a second peak at least half as high as the "
         "first; of these found: the first is a hit; second swapped: the second is no hit and nearer to the mirrored "
         "joint.",),
    )


def _orders(rows, names) -> list[dict]:
    paper = {name: row for name, row in printed().items() if name in names}
    return [
        {"column": column, **row} for column in COLUMNS
        for row in paper_orders({name: Decimal(row[column]) / 100 for name, row in paper.items()},
                                {name: by_seed(rows, name, column) for name in paper})
    ]


def _order_sections(orders: list[dict]) -> list[Section]:
    mean = [row for row in orders if row["column"] == "Mean"]
    counts = [{"column": column, **count_verdicts([row for row in orders if row["column"] == column])}
              for column in COLUMNS]
    return [
        Section(
            "orders", "Table 7, Mean: the paper's orders of two losses, and how they came out here", order_columns(),
            tuple(mean),
            (ORDER_NOTE,),
        ),
        Section(
            "summary", "Table 7: all orders of two losses", (
                Column("column", lambda row: row["column"], plain=True),
                *(Column(name, lambda row, name=name: str(row[name]), right=True) for name in ("orderings", *VERDICTS)),
            ), tuple(count for count in counts if count["orderings"]),
        ),
    ]


def _conclusions(rows, orders: list[dict]):
    """Sentences that are computed from the rows above, and from nothing else."""
    mean = [row for row in orders if row["column"] == "Mean"]
    if mean:
        yield (f"Table 7, Mean: of the {len(mean)} orderings of two losses that the paper has, "
               f"{with_chance(mean, 'losses')}.")
    for column, (title, sign) in _MENDED.items():
        found = compare(by_seed(rows, _ANCHOR, column), by_seed(rows, _PLAIN, column))
        if found.seeds:
            p = f", {found.said}" if found.said else ""
            yield (f"{_ANCHOR} against {_PLAIN}, {title}: {points(found.difference)} points{p}, {found.seeds} seeds; "
                   f"that it is {'more' if sign > 0 else 'less'}: {found.verdict(sign)}.")
