"""Run folders as the trainer leaves them, made up: their truth is known, and the tests look for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from experiments.config import Config
from experiments.methods import METHODS

JOINTS = ("ankle", "knee", "head")
SCALE = 0.001  # of the losses


def gamma(shape: float) -> Callable:
    """True losses by (random generator, how many) that follow a gamma law."""
    return lambda rng, count: rng.gamma(shape, SCALE, count)


def constant_head(true, rng):
    """Predicts the same for every image, so that q_i = ½."""
    return np.zeros_like(true)


def make_run(
    folder: Path, *, methods=("random", "coreset", "ll", "ll++"), seeds: int = 2, stages: int = 2, images: int = 60,
    losses: Callable = gamma(30.0), head: Callable = constant_head, picked: Mapping | None = None,
    pool_pck: Mapping | None = None, test: Mapping | None = None, pairs: int = 40, **settings,
) -> Path:
    """Write the folder of a complete study and return it.

    `picked` and `test`: method -> PCK at all stages, 0.5 unless given; a seed adds seed/100, and a little of its own
    for each method, so that differences have a spread; `pool_pck`: of the whole pool, 0.6 unless given, for all
    seeds. `losses` by (rng, count) for pools and training; `head` predicts by (true, rng).
    """
    config = Config(methods=methods, seeds=seeds, stages=stages, root="/data/lspet", **settings)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config.dictionary), encoding="utf-8")
    joint = [name for name in methods if config.joint(METHODS[name])]
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 1])
        heads = [name for name in methods if METHODS[name].head and name not in joint]
        compared = {f"{name}/{key}": array for name in heads
                    for key, array in _pairs(rng, pairs, losses, head).items()}
        _write(folder / f"base-seed{seed}" / "stage-0", _result(config, None, seed, 0, 0.5), pairs=compared)
        shared = losses(np.random.default_rng([seed, 2]), images).astype(np.float32)
        for place, method in enumerate(methods):
            cell, rng = folder / f"{method}-seed{seed}", np.random.default_rng([seed, 3, place])
            if method in joint:
                compared = {f"{method}/{key}": array for key, array in _pairs(rng, pairs, losses, head).items()}
                _write(cell / "stage-0", _result(config, method, seed, 0, 0.5), pairs=compared)
            for stage in range(1, stages + 1):
                first = stage == 1 and method not in joint
                true = shared if first else losses(rng, images).astype(np.float32)
                wobble = rng.normal(0, 0.001, 2)
                result = _result(config, method, seed, stage, (test or {}).get(method, 0.5) + wobble[0])
                result |= _scored((picked or {}).get(method, 0.5) + seed / 100 + wobble[1], true,
                                  (pool_pck or {}).get(method, 0.6))
                scores = {"image": np.arange(images), "true_loss": true, "picked": np.arange(4)}
                compared = {}
                if METHODS[method].head:
                    scores["predicted"] = head(true, rng).astype(np.float32)
                    result["pool"]["spearman"] = result["pool"]["pearson"] = 0.25
                    compared = _pairs(rng, pairs, losses, head)
                _write(cell / f"stage-{stage}", result, scores=scores, pairs=compared)
    return folder


def _pairs(rng, count: int, losses: Callable, head: Callable) -> dict[str, np.ndarray]:
    """Two epochs; in the second all losses are half as large, as training makes them."""
    epoch = np.repeat([1, 2], count).astype(np.int16)
    true = {name: (losses(rng, 2 * count) / epoch).astype(np.float32) for name in ("i", "j")}
    return {"epoch": epoch, **{f"true_{name}": values for name, values in true.items()},
            **{f"predicted_{name}": head(values, rng).astype(np.float32) for name, values in true.items()}}


def _result(config: Config, method: str | None, seed: int, stage: int, pck: float) -> dict:
    pck += seed / 100
    return {
        "stage": stage, "method": method, "seed": seed, "labelled": 100 * (stage + 1),
        "test": {"images": 50, "joints": 150, "pck": pck, "mean": pck - 0.01, "auc": 0.3,
                 "per_joint": {joint: pck + place / 1000 for place, joint in enumerate(JOINTS)}},
        "training": {"epochs": 2, "best_epoch": 1, "validation_pck": 0.4, "images": 200, "images_per_second": 123.0,
                     "loss": 0.01},
        "seconds": {"score": 1.5, "train": 10.0, "test": 0.5, "total": 12.0} if stage else
                   {"train": 20.0, "test": 0.5, "total": 20.5},
        "memory_bytes": 250_000_000,
        "provenance": {
            "commit": "0123456789" * 4, "modified": False, "versions": {"numpy": "2.4.6"},
            "machine": {"processor": "A Processor 9", "cores": 2, "memory_gib": 8, "device": "cpu"},
            "started": f"2026-01-0{seed + 1}T00:00:00+00:00", "config_id": config.identity,
        },
    }


def _scored(pck: float, true: np.ndarray, pool: float) -> dict:
    true = true.astype(np.float64)
    return {
        "picked": {"images": 4, "joints": 12, "pck": pck, "true_loss_mean": true[:4].mean(),
                   "true_loss_variance": true[:4].var()},
        "pool": {"images": len(true), "joints": 3 * len(true), "pck": pool, "true_loss_mean": true.mean(),
                 "true_loss_variance": true.var(), "spearman": None, "pearson": None},
    }


def _write(folder: Path, result: dict, **arrays) -> None:
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    for name, content in arrays.items():
        if content:
            np.savez(folder / f"{name}.npz", **content)
