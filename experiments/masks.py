"""`python -m experiments masks`: what a network that learns by anchor loss draws of one photograph, at five epochs.

One pose network of the study of losses (`experiments.losses`), judged after every epoch, looks at a portrait that it
does not learn from (`experiments.portrait`). Kept are its logits, of the joints that the portrait has, at five epochs:
what the weights of anchor loss there follow from (`figures.anchor_masks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments._report_cli import number
from experiments.checkpoint import read_json
from experiments.config import Config
from experiments.losses import VARIATIONS
from experiments.settings import Layers, check_fixed
from gammaprob._table_document import Column, Report, Section

__all__ = ["SETTINGS", "VARIATION", "report_of", "run_masks"]

VARIATION = "AL γ = 2"
SETTINGS: Layers = {
    "methods": (("random",), "no loss predictor is trained"), "seeds": (1, "one network is looked at"),
    "stages": (1, "no stage is run"), "validate_every": (1, "the portrait is looked at when it is judged"),
    "consistency": ("none", "labels alone"), "select_on": ("validation", "its PCK is of the validation pictures"),
    **{name: (value, "of the loss") for name, value in VARIATIONS[VARIATION](Config()).items()},
}


def run_masks(config: Config, out: Path, **words) -> list[dict]:
    """One row an epoch that is kept, with the logits as its "curve": a row for each joint and y, columns x0, x1, ….

    The joints' columns say how far from its joint a heatmap's highest pixel is, in distances between the shoulders.
    Goes on where it was interrupted. The keywords are those of `experiments.study.run_cells`. Raises `ConfigError` for
    a setting of `SETTINGS` that has another value, `DataError` where matplotlib, which has the photograph, is missing.

    >>> import tempfile
    >>> from experiments.config import configure
    >>> config = configure("smoke", {"base": 16, "budget": 4, "pool": 12, "test": 6, "validation": 4, "epochs_base": 2},
    ...                    SETTINGS)
    >>> with tempfile.TemporaryDirectory() as out:
    ...     rows = run_masks(config, Path(out), jobs=1)
    >>> [(row["epoch"], row["head top"] >= 0, len(row["curve"])) for row in rows]
    [(1, True, 64), (2, True, 64)]
    """
    from experiments.portrait import looked_at, run_portrait
    from experiments.study import Cell, check_alone, finish_cells, prepare

    check_alone("masks")
    check_fixed(config, SETTINGS)
    looked_at(config)
    prepare(config, out, progress=True)
    stage = out / "portrait"
    finish_cells(run_portrait, {Cell(config, "random", 0, out): [stage]}, **words)
    return read_json(stage / "result.json")


def report_of(rows: Sequence[dict]) -> Report:
    """How far the network is from the joints of the portrait, epoch after epoch.

    >>> from experiments.data.photograph import JOINTS
    >>> row = {"variation": "AL γ = 2", "seed": 0, "epoch": 1, "loss": 0.0123, "validation_pck": 0.25}
    >>> report_of([row | dict.fromkeys(JOINTS, 0.5)]).sections[0].cells()
    [['1', '0.0123', '25.0', '0.50', '0.50', '0.50', '0.50']]
    """
    from experiments.data.photograph import JOINTS

    section = Section(
        "masks", f"A portrait, drawn by a network that learns by {rows[0]['variation']}", (
            Column("epoch", lambda row: str(row["epoch"]), right=True),
            Column("loss", lambda row: number(row["loss"], ".4f"), right=True),
            Column("PCK", lambda row: number(100 * row["validation_pck"], ".1f"), right=True),
            *(Column(name, lambda row, name=name: number(row[name], ".2f"), right=True) for name in JOINTS),
        ), tuple(rows),
        ("PCK: of the validation pictures, in per cent. Of a joint: how far from it the heatmap's highest pixel is, in "
         "distances between the shoulders.",),
    )
    return Report((section,), (), {})
