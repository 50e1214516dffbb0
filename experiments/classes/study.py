"""The study: every loss with every seed, a network each, as one command that goes on where it was interrupted.

Of one seed, all losses start from the same weights and learn from the same pictures in the same order and views: they
are compared in pairs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from experiments.checkpoint import locked, read_json, save, write_json
from experiments.classes.config import ClassConfig
from experiments.classes.data import ClassData, load, share
from experiments.classes.losses import VARIATIONS, find_variation
from experiments.classes.report import report_of
from experiments.classes.task import ClassTask, build_network, ranks, top
from experiments.cycle import cell_folder
from experiments.machine import facts
from experiments.study import Cell, check_alone, check_place, finish_cells, take_places
from experiments.train import train

__all__ = ["VARIATIONS", "report_of", "run_classes", "run_variation"]


def run_classes(config: ClassConfig, out: Path, variations: Sequence[str] = tuple(VARIATIONS), **words) -> list[dict]:
    """One row a loss and seed: top-1 and top-5 accuracy on the test set.

    The other keywords are those of `experiments.study.run_cells`. Raises `ConfigError` for an unknown variation,
    `CheckpointError` for a folder of other settings, `DataError` for data that cannot be used, all before any training;
    then what the first cell that failed raised.

    >>> import tempfile
    >>> from experiments.classes.config import configure
    >>> with tempfile.TemporaryDirectory() as out:
    ...     rows = run_classes(configure("smoke"), Path(out), ["ce", "anchor"], jobs=1)
    >>> [(row["variation"], row["seed"], 0 < row["top1"] < 1) for row in rows]
    [('ce', 0, True), ('anchor', 0, True), ('ce', 1, True), ('anchor', 1, True)]
    """
    check_alone("classes")
    for name in variations:
        find_variation(name)
    check_place(config, out)
    load(config)
    take_places({out: config})
    work = {Cell(config, name, seed, out): [cell_folder(out, name, seed)]
            for seed in range(config.seeds) for name in variations}
    finish_cells(run_variation, work, opened=load, **words)
    return [read_json(folder / "result.json") for folder, in work.values()]


def run_variation(data: ClassData, config: ClassConfig, variation: str, seed: int, out: Path) -> None:
    """Train a network by a loss, test it, and leave model.pt and, last of all, result.json.

    >>> import tempfile
    >>> from experiments.classes.config import configure
    >>> config = configure("smoke")
    >>> with tempfile.TemporaryDirectory() as out:
    ...     run_variation(load(config), config, "ohem", 0, Path(out))
    ...     sorted(path.name for path in Path(out, "ohem-seed0").glob("[!.]*"))
    ['log.jsonl', 'model.pt', 'result.json']
    """
    folder = cell_folder(out, variation, seed)
    with locked(folder):
        started = datetime.now(UTC).isoformat(timespec="seconds")
        shares, network = share(data, config, seed), build_network(data, config, seed=seed)
        task = ClassTask(network, variation, data, *shares, config)
        training, _ = train(task, config=config, seed=seed, stage=0, folder=folder, title=f"{variation}, seed {seed}")
        began = time.perf_counter()
        found = ranks(network, data, data.test, config)
        save(folder / "model.pt", {
            "identity": config.identity, "config": config.dictionary, "fingerprint": data.fingerprint,
            "weights": network.state_dict(),
        })
        write_json(folder / "result.json", {
            "variation": variation, "name": find_variation(variation).label(config), "dataset": data.name, "seed": seed,
            "top1": top(found, 1), "top5": top(found, 5), "labelled": len(shares.train), "test": len(data.test),
            "validation_top1": training["validation_top1"], "best_epoch": training["best_epoch"],
            "loss": training["loss"], "seconds_total": training["seconds"] + time.perf_counter() - began,
            "started": started, "provenance": facts(config) | {"started": started, "config_id": config.identity},
        })
        (folder / "checkpoint.pt").unlink()
