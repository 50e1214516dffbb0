"""A network that looks at one portrait while it learns: how the portrait is framed, and what is kept of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from experiments.checkpoint import locked, read_arrays, write_arrays, write_json
from experiments.config import Config
from experiments.data import LSP, PoseData, Skeleton
from experiments.data.batches import decode, render
from experiments.data.photograph import JOINTS, photograph
from experiments.data.splits import split
from experiments.learner import Learner
from experiments.machine import facts
from experiments.masks import VARIATION
from experiments.pose_task import PoseTask
from experiments.train import train

__all__ = ["SIDE", "looked_at", "run_portrait"]

# Pixels of the photograph: the shoulders are then 0.16 of the side apart and the head is 0.15 long. Of the 10,000
# crops of LSPET half have at most 0.13 and 0.10, nine in ten at most 0.22 and 0.16. Of thirteen squares from 600 to
# 3300 pixels, three networks (not recorded) found the four joints best in those of 2400 and 2945, 0.2 distances
# between the shoulders off in the mean, and worst in the smallest, 0.6 off.
SIDE = 2400
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


def run_portrait(data: PoseData, config: Config, method: str, seed: int, out: Path) -> None:
    """Train the network of `experiments.masks`, and leave its rows as portrait/result.json.

    >>> import tempfile
    >>> from experiments.checkpoint import read_json
    >>> from experiments.data import load
    >>> from experiments.masks import SETTINGS
    >>> from experiments.config import configure
    >>> config = configure("smoke", {"base": 16, "budget": 4, "pool": 12, "test": 6, "validation": 4, "epochs_base": 1},
    ...                    SETTINGS)
    >>> with tempfile.TemporaryDirectory() as out:
    ...     run_portrait(load("generated", count=(16, 22), size=64), config, "random", 0, Path(out))
    ...     [row["epoch"] for row in read_json(Path(out) / "portrait" / "result.json")]
    [1]
    """
    stage = out / "portrait"
    with locked(stage):
        started, shares = datetime.now(UTC).isoformat(timespec="seconds"), split(data, config, seed)
        learner = Learner(config, len(data.skeleton.joints), [], seed=seed)
        task = _Watched(learner, data, shares.base, shares.validation, config, folder=stage)
        training, _ = train(task, config=config, seed=seed, stage=0, folder=stage, title="portrait")
        log = [json.loads(line) for line in (stage / "log.jsonl").read_text(encoding="utf-8").splitlines()]
        same = {"variation": VARIATION, "seed": seed}
        made = {"started": started, "provenance": facts(config) | {"started": started, "config_id": config.identity}}
        _, joints, present = looked_at(config, data.skeleton)
        rows, spent = [], 0.0
        for epoch in np.unique(np.geomspace(1, training["epochs"], _EPOCHS).round().astype(int)).tolist():
            line, logits = log[epoch - 1], read_arrays(_file(stage, epoch))["logits"]
            rows.append(same | {
                "epoch": epoch, "loss": line["loss"], "validation_pck": line["validation_pck"],
                **_distances(logits, joints, present, config, data.skeleton),
                "seconds_total": line["seconds"] - spent, **made, "curve": _curve(logits, epoch, data.skeleton),
            })
            spent = line["seconds"]
        write_json(stage / "result.json", rows)
        (stage / "checkpoint.pt").unlink(missing_ok=True)


def _names(skeleton: Skeleton) -> list[str]:
    """The joints of the portrait in the order of the skeleton."""
    return sorted(JOINTS, key=skeleton.index)


def _distances(
    logits: np.ndarray, joints: Tensor, present: Tensor, config: Config, skeleton: Skeleton,
) -> dict[str, float]:
    (found,) = decode(torch.from_numpy(logits)[None], stride=config.stride)
    left, right = (joints[0, skeleton.index(f"{side} shoulder")] for side in ("left", "right"))
    distances = (found - joints[present]).norm(dim=1) / (left - right).norm()
    return dict(zip(_names(skeleton), distances.tolist(), strict=True))


def _curve(logits: np.ndarray, epoch: int, skeleton: Skeleton) -> list[dict]:
    return [
        {"epoch": epoch, "joint": name, "y": y} | {f"x{x}": round(float(found), _DIGITS) for x, found in enumerate(row)}
        for name, heatmap in zip(_names(skeleton), logits, strict=True) for y, row in enumerate(heatmap)
    ]
