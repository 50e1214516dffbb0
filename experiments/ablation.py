"""`python -m experiments ablation`: does a loss predictor fail for a reason of ours?

One choice at a time is changed; the base model is trained again; its heads look at the pool. What counts is how well
they find what fails: the rank correlation of predicted and true loss, and the PCK of what they would pick, beside what
the true loss would pick. No stage is trained.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from experiments._report_cli import number, spread
from experiments.checkpoint import locked, read_arrays, read_json, write_json
from experiments.config import Config
from experiments.errors import ConfigError
from experiments.methods import METHODS
from experiments.settings import Layers, check_fixed
from gammaprob._table_document import Column, Report, Section

__all__ = ["SETTINGS", "VARIATIONS", "report_of", "run_ablation"]

SETTINGS: Layers = {"stages": (1, "the base models' heads look at the pool; no stage is run")}
# What a reader would suspect, each as changes of a configuration.
VARIATIONS = {
    "as in the study": lambda config: {},
    "heads untrained": lambda config: {"rate_head": 0.0},
    "heads' rate × 1/10": lambda config: {"rate_head": config.rate_head / 10},
    "heads' rate × 3": lambda config: {"rate_head": config.rate_head * 3},
    "half the epochs": lambda config: {"epochs_base": max(1, config.epochs_base // 2)},
    "true loss over all joints": lambda config: {"true_loss": "all"},
    "true loss over labelled joints": lambda config: {"true_loss": "labelled"},
    "all pairs of a batch": lambda config: {"pairs": "all"},
    "heads' gradient reaches the network": lambda config: {"head_gradient": "joint"},
}


def run_ablation(config: Config, out: Path, variations: Sequence[str] = tuple(VARIATIONS), **words) -> list[dict]:
    """One row a variation, seed and head: test PCK, correlations, PCK of the picks of head, chance and true loss.

    Goes on where it was interrupted. The other keywords are those of `experiments.study.run_cells`. Raises
    `ConfigError` for an unknown variation, a setting of `SETTINGS` that has another value, or a study without a head.

    >>> import tempfile
    >>> from experiments.config import configure
    >>> config = configure("smoke", {"base": 16, "budget": 4, "pool": 12, "test": 6, "validation": 4, "epochs_base": 1,
    ...                              "methods": ["ll++"]}, SETTINGS)
    >>> with tempfile.TemporaryDirectory() as out:
    ...     rows = run_ablation(config, Path(out), ["heads untrained"], jobs=1)
    >>> [(row["variation"], row["method"], row["seed"]) for row in rows]
    [('heads untrained', 'll++', 0)]
    """
    from experiments.cycle import cell_folder
    from experiments.study import check_alone, finish_study, variation_cells

    check_alone("ablation")
    check_fixed(config, SETTINGS)
    heads = [name for name in config.methods if METHODS[name].head is not None]
    if not heads:
        raise ConfigError("methods", config.methods, "a method that predicts losses", "name ll or ll++")
    changed = dataclasses.replace(config, methods=tuple(heads))
    names = variation_cells({out: changed}, variations, VARIATIONS)
    work = {cell: [cell_folder(cell.out, cell.method, cell.seed) / "look"] for cell in names}
    finish_study(_look, work, **words)
    return [{"variation": names[cell], **read_json(stage / "result.json")} for cell, (stage,) in work.items()]


def _look(data, config: Config, method: str, seed: int, out: Path) -> None:
    """What the head makes of the pool, as one row of the ablation."""
    from experiments.cycle import base_folder, cell_folder, look
    from experiments.data.splits import split

    stage, base = cell_folder(out, method, seed) / "look", base_folder(out, config, method, seed) / "stage-0"
    with locked(stage):
        found = look(data, split(data, config, seed), config, method, seed, 1, base, stage)[2]
        trained = read_json(base / "result.json")
        sharing = sum(base_folder(out, config, other, seed) == base.parent for other in config.methods)
        write_json(stage / "result.json", {
            "method": method, "seed": seed, "test_pck": trained["test"]["pck"],
            "pool_pck": found["pool"]["pck"], "picked_pck": found["picked"]["pck"],
            "oracle_pck": _oracle(read_arrays(stage / "scores.npz"), config.budget),
            "spearman": found["pool"]["spearman"], "pearson": found["pool"]["pearson"],
            "seconds_total": trained["seconds"]["total"] / sharing + found["seconds"]["score"],
            "started": trained["provenance"]["started"], "provenance": trained["provenance"],
        })


def _oracle(scores: dict[str, np.ndarray], budget: int) -> float:
    worst = np.argsort(-scores["true_loss"], kind="stable")[:budget]
    return float(scores["hits"][worst].sum() / scores["counted"][worst].sum())


def report_of(rows: Sequence[dict]) -> Report:
    """Means over the seeds, one row a variation and head.

    >>> row = {"variation": "as in the study", "method": "ll", "seed": 0, "test_pck": 0.2, "pool_pck": 0.2,
    ...        "picked_pck": 0.1, "oracle_pck": 0.0, "spearman": 0.25}
    >>> report_of([row]).sections[0].cells()
    [['as in the study', 'LL', '1', '20.0', '20.0', '10.0', '0.0', '+0.25']]
    """
    groups: dict[tuple[str, str], list[dict]] = {}
    for row in rows:
        groups.setdefault((row["variation"], row["method"]), []).append(row)
    names = ("test_pck", "pool_pck", "picked_pck", "oracle_pck", "spearman")
    means = tuple(
        {"variation": variation, "method": method, "seeds": len(group),
         **{name: spread(row[name] for row in group)[0] for name in names}}
        for (variation, method), group in groups.items()
    )

    def share(name: str) -> Callable[[dict], str]:
        return lambda row: number(None if row[name] is None else 100 * row[name], ".1f")

    columns = (
        Column("changed", lambda row: row["variation"], plain=True),
        Column("head", lambda row: METHODS[row["method"]].label, plain=True),
        Column("seeds", lambda row: str(row["seeds"]), right=True),
        Column("test", share("test_pck"), right=True), Column("pool", share("pool_pck"), right=True),
        Column("picked", share("picked_pck"), right=True), Column("oracle", share("oracle_pck"), right=True),
        Column("Spearman", lambda row: number(row["spearman"], "+.2f"), right=True),
    )
    section = Section(
        "ablation", "Loss predictors at stage 1, one choice changed at a time", columns, means,
        ("PCK in per cent: of the test set, of the whole pool, of what the head picks of it and of what the true loss "
         "would pick. Spearman: predicted against true loss over the pool. Means over the seeds.",),
    )
    return Report((section,), (), {})

