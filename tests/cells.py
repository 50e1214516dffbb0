"""A study of seconds, and everything of its folder that must not depend on when, where or how often it was started."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch

from experiments.checkpoint import read_arrays, read_json
from experiments.config import Config, configure
from experiments.data import PoseData
from experiments.study import open_data

ROOT = Path(__file__).parents[1]
# Every part runs: several steps an epoch, several epochs, two stages, and a learning rate that falls.
TINY = {
    "crop": 32, "image": 32, "channels": 8, "depth": 1, "base": 16, "batch": 8, "budget": 4, "pool": 24,
    "validation": 6, "test": 8, "epochs_base": 3, "epochs": 2, "validate_every": 1, "device": "cpu",
}
# What a clock or the machine decides.
_VOLATILE = ("seconds", "images_per_second", "memory_bytes", "provenance")


@functools.cache
def cache() -> str:
    """A folder of decoded figures that all tests of a process share."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    return folder


def tiny(**changes) -> Config:
    """The smoke preset, made smaller."""
    return configure("smoke", TINY | {"cache": cache()} | changes)


def tiny_study(study, **changes) -> Config:
    """The same with what the study of variations sets itself."""
    return dataclasses.replace(tiny(**changes), **{name: value for name, (value, _) in study.SETTINGS.items()})


def options(*left_out: str, **changes) -> list[str]:
    """The same on a command line, but for what is left out."""
    words = ["--preset", "smoke"]
    for name, value in (TINY | {"cache": cache()} | changes).items():
        if name not in left_out:
            words += [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, tuple) else [value])]
    return words


@functools.cache
def figures() -> PoseData:
    """The data set of `tiny()`."""
    return open_data(tiny())


def stages(out: Path) -> list[str]:
    """The stages of a run folder that have a result, as cell/stage."""
    return sorted(path.parent.relative_to(out).as_posix() for path in out.glob("*/stage-*/result.json"))


def numbers(stage: Path) -> dict:
    """All that a stage computed, by name: of its result, log and arrays, and the weights."""
    found = dict(_flat(read_json(stage / "result.json")))
    for line, row in enumerate((stage / "log.jsonl").read_text(encoding="utf-8").splitlines()):
        found |= _flat(json.loads(row), f"log {line}")
    for file in stage.glob("*.npz"):
        found |= _flat(read_arrays(file), file.name)
    state = torch.load(stage / "model.pt", weights_only=True)
    found |= _flat({name: value.numpy() for name, value in state["weights"].items()}, "weights")
    return found | {"labelled": state["labelled"].numpy(), "fingerprint": state["fingerprint"]}


def _flat(values: dict, place: str = "result") -> dict:
    found = {}
    for name, value in values.items():
        if name in _VOLATILE:
            continue
        found |= _flat(value, f"{place}/{name}") if isinstance(value, dict) else {f"{place}/{name}": value}
    return found


def differences(one: Path, other: Path) -> list[str]:
    """What two run folders do not agree on, bit for bit; a stage that one of them lacks counts."""
    found = sorted(set(stages(one)) ^ set(stages(other)))
    for stage in set(stages(one)) & set(stages(other)):
        found += stage_differences(one / stage, other / stage)
    return found


def stage_differences(one: Path, other: Path) -> list[str]:
    """The same of two stages."""
    ours, theirs = numbers(one), numbers(other)
    found = sorted(ours.keys() ^ theirs.keys())
    both = ours.keys() & theirs.keys()
    return found + [f"{one.name}: {name}" for name in both if not _same(ours[name], theirs[name])]


def _same(one, other) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    return one == other
