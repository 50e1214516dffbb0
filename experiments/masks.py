"""`python -m experiments masks`: what a network that learns by anchor loss draws of one photograph, epoch after epoch.

One pose network of the study of losses (`experiments.losses`), judged after every epoch, looks at a portrait that it
does not learn from (`experiments.data.photograph`). Kept are its logits, of the joints that the portrait has, at five
epochs: what the weights of anchor loss there follow from (`figures.anchor_masks`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from experiments._report_cli import number
from experiments.checkpoint import locked, read_arrays, read_json, write_arrays, write_json
from experiments.config import Config
from experiments.data import LSP, PoseData, Skeleton
from experiments.data.batches import decode, render
from experiments.data.photograph import JOINTS, photograph
from experiments.data.splits import split
from experiments.learner import Learner
from experiments.losses import VARIATIONS
from experiments.machine import facts
from experiments.pose_task import PoseTask
from experiments.settings import Layers, check_fixed
from experiments.study import Cell, check_alone, finish_cells, prepare
from experiments.train import train
from gammaprob._table_document import Column, Report, Section

__all__ = ["SETTINGS", "looked_at", "report_of", "run_masks"]

VARIATION = "AL γ = 2"
# Pixels of the photograph: the shoulders are then 0.16 of the side apart and the head is 0.15 long. Of the 10,000 crops
# of LSPET half have at most 0.13 and 0.10, nine in ten at most 0.22 and 0.16. Of thirteen squares from 600 to 3300
# pixels, three networks found the four joints best in those of 2400 and 2945, 0.2 distances between the shoulders off
# in the mean, and worst in the smallest, 0.6 off.
SIDE = 2400
SETTINGS: Layers = {
    "methods": (("random",), "no loss predictor is trained"), "seeds": (1, "one network is looked at"),
    "stages": (1, "no stage is run"), "validate_every": (1, "the portrait is looked at when it is judged"),
    "consistency": ("none", "labels alone"),
    **{name: (value, "of the loss") for name, value in VARIATIONS[VARIATION](Config()).items()},
}
_EPOCHS = 5  # that are kept, about evenly spaced by their logarithms
_DIGITS = 2  # of a logit, behind the point: half a per cent of a small probability


def looked_at(config: Config, skeleton: Skeleton = LSP) -> tuple[Tensor, Tensor, Tensor]:
    """The portrait as a network of these settings is shown it, without augmentation.

    Inputs (1, 3, s, s), joints (1, J, 2) in their pixels, and which of them are present (1, J). Raises `DataError` as
    `experiments.data.photograph.photograph`.

    >>> inputs, joints, present = looked_at(Config())
    >>> inputs.shape, joints[0, LSP.head_top], int(present.sum())
    (torch.Size([1, 3, 64, 64]), tensor([31.5133, 13.7267]), 4)
    """
    portrait = photograph(config.crop, side=SIDE, skeleton=skeleton)
    arrays = (torch.tensor(array) for array in (portrait.images, portrait.joints, portrait.present))
    return render(*arrays, size=config.image, swap=skeleton.swap, view=config.view)


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
    check_alone("masks")
    check_fixed(config, SETTINGS)
    looked_at(config)
    prepare(config, out, progress=True)
    stage = out / "portrait"
    finish_cells(_train, {Cell(config, "random", 0, out): [stage]}, **words)
    return read_json(stage / "result.json")


class _Watched(PoseTask):
    """The study's task, which keeps what the network draws of the portrait whenever it is judged: a file an epoch."""

    def __init__(self, learner: Learner, data: PoseData, *others, folder: Path):
        super().__init__(learner, data, *others)
        self._folder, (inputs, _, present) = folder, looked_at(learner.config, data.skeleton)
        self._inputs, self._kept = inputs.to(learner.device), present[0].numpy()

    def begin(self, epoch: int, *others) -> None:
        self._epoch = epoch
        super().begin(epoch, *others)

    def validate(self) -> tuple[float, dict[str, float]]:
        found = super().validate()
        self.module.eval()
        with torch.no_grad():
            drawn = self.module(self._inputs)[0].heatmaps[0, -1].float().cpu().numpy()
        write_arrays(_file(self._folder, self._epoch), {"logits": drawn[self._kept]})
        return found


def _file(folder: Path, epoch: int) -> Path:
    return folder / f"epoch-{epoch:05d}.npz"


def _train(data: PoseData, config: Config, method: str, seed: int, out: Path) -> None:
    """Train the network, and leave the rows as result.json."""
    stage = out / "portrait"
    with locked(stage):
        started, shares = datetime.now(UTC).isoformat(timespec="seconds"), split(data, config, seed)
        learner = Learner(config, len(data.skeleton.joints), [], seed=seed)
        task = _Watched(learner, data, shares.base, shares.validation, config, folder=stage)
        training, _ = train(task, config=config, seed=seed, stage=0, folder=stage, title="portrait")
        log = [json.loads(line) for line in (stage / "log.jsonl").read_text(encoding="utf-8").splitlines()]
        same = {"variation": VARIATION, "seed": seed}
        made = {"started": started, "provenance": facts(config) | {"started": started, "config_id": config.identity}}
        rows, spent = [], 0.0
        for epoch in np.unique(np.geomspace(1, training["epochs"], _EPOCHS).round().astype(int)).tolist():
            line, logits = log[epoch - 1], read_arrays(_file(stage, epoch))["logits"]
            rows.append(same | {
                "epoch": epoch, "loss": line["loss"], "validation_pck": line["validation_pck"],
                **_distances(logits, config, data.skeleton), "seconds_total": line["seconds"] - spent, **made,
                "curve": _curve(logits, epoch, data.skeleton),
            })
            spent = line["seconds"]
        write_json(stage / "result.json", rows)
        (stage / "checkpoint.pt").unlink(missing_ok=True)


def _names(skeleton: Skeleton) -> list[str]:
    """The joints of the portrait in the order of the skeleton."""
    return sorted(JOINTS, key=skeleton.index)


def _distances(logits: np.ndarray, config: Config, skeleton: Skeleton) -> dict[str, float]:
    _, joints, present = looked_at(config, skeleton)
    (found,) = decode(torch.from_numpy(logits)[None], stride=config.stride)
    left, right = (joints[0, skeleton.index(f"{side} shoulder")] for side in ("left", "right"))
    distances = (found - joints[present]).norm(dim=1) / (left - right).norm()
    return dict(zip(_names(skeleton), distances.tolist(), strict=True))


def _curve(logits: np.ndarray, epoch: int, skeleton: Skeleton) -> list[dict]:
    return [
        {"epoch": epoch, "joint": name, "y": y} | {f"x{x}": round(float(found), _DIGITS) for x, found in enumerate(row)}
        for name, heatmap in zip(_names(skeleton), logits, strict=True) for y, row in enumerate(heatmap)
    ]


def report_of(rows: Sequence[dict]) -> Report:
    """How far the network is from the joints of the portrait, epoch after epoch.

    >>> row = {"variation": "AL γ = 2", "seed": 0, "epoch": 1, "loss": 0.0123, "validation_pck": 0.25}
    >>> report_of([row | dict.fromkeys(JOINTS, 0.5)]).sections[0].cells()
    [['1', '0.0123', '25.0', '0.50', '0.50', '0.50', '0.50']]
    """
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
