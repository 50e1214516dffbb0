"""Two processes train the network that one trains."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from experiments.checkpoint import load, read_arrays, read_json
from experiments.cycle import run_cell
from experiments.errors import ConfigError
from experiments.machine import device_of, dtype_of, together
from tests.cells import ROOT, figures, numbers, options, tiny

# Two processes sum a gradient in another order than one, which in float64 moves an entry by some hundred roundings of
# the largest, 1e-14. Adam divides by the root of the second moment and 1e-8: where that is all there is, as with a
# weight whose gradient is zero, a step moves it by rate × 1e-14 / 1e-8. A dozen steps of some 1e-3 add to some 1e-8,
# and what follows from it grows by no more than ten.
AGREEMENT = 1e-7
# Two networks that learn from unlabelled pictures too, which the processes share out as well.
FLOAT64 = {"precision": "float64", "norm": "group", "methods": ("ll", "ll++conv"), "stages": 1, "consistency": "dual"}


def pairs_by_epoch(arrays: dict[str, np.ndarray], head: str) -> np.ndarray:
    """The pairs of a head, each epoch's sorted: several processes list their own one after the other."""
    columns = [arrays[f"{head}{name}"] for name in ("epoch", "true_i", "true_j", "predicted_i", "predicted_j")]
    rows = np.stack(columns, 1).astype(np.float64)
    return rows[np.lexsort(np.round(rows[:, 2::-1], 4).T)]


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    out = tmp_path_factory.mktemp("one")
    run_cell(figures(), tiny(**FLOAT64), "ll++conv", 0, out)
    return out


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    out = tmp_path_factory.mktemp("two")
    figures()  # decoded before
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m",
             "experiments", "cycle", "--method", "ll++conv", "--out", str(out), *options(**FLOAT64)]
    done = subprocess.run(words, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Table 3(a)") >= 1 and "Traceback" not in done.stderr
    return out


def distance(one: dict, other: dict) -> float:
    assert one.keys() == other.keys()
    return max(float((value - other[name]).abs().max()) for name, value in one.items())


@pytest.mark.parametrize("stage, heads", [
    ("base-seed0/stage-0", ("ll/", "ll++conv/")), ("ll++conv-seed0/stage-1", ("",)),
])
def test_two_processes_are_one(stage, heads, one, two):
    states = [load(out / stage / "model.pt", tiny(**FLOAT64).identity) for out in (one, two)]
    assert {value.dtype for value in states[1]["weights"].values()} == {torch.float64}
    assert states[0]["labelled"].equal(states[1]["labelled"])
    assert 0 < distance(states[0]["weights"], states[1]["weights"]) <= AGREEMENT
    arrays = [read_arrays(out / stage / "pairs.npz") for out in (one, two)]
    for head in heads:
        ours, theirs = (pairs_by_epoch(found, head) for found in arrays)
        assert ours.shape == theirs.shape
        # Kept as float32: 1e-7 of numbers of order ten.
        assert np.abs(ours - theirs).max() <= AGREEMENT + 2 * np.finfo(np.float32).eps * np.abs(ours).max()
    found = [numbers(out / stage) for out in (one, two)]
    losses = [name for name in found[0] if name.startswith("log") and "loss" in name or "/ll" in name and "log" in name]
    assert losses and all(abs(found[0][name] - found[1][name]) <= AGREEMENT * max(1, abs(found[0][name]))
                          for name in losses)
    for name in ("test", "labelled"):
        assert read_json(one / stage / "result.json")[name] == read_json(two / stage / "result.json")[name]


def test_two_processes_pick_the_same(one, two):
    ours, theirs = (read_arrays(out / "ll++conv-seed0" / "stage-1" / "scores.npz") for out in (one, two))
    for name in ("image", "picked", "hits", "counted"):
        assert np.array_equal(ours[name], theirs[name])
    for name in ("true_loss", "predicted"):
        rounding = np.finfo(np.float32).eps * np.abs(ours[name]).max()
        assert np.abs(ours[name] - theirs[name]).max() <= AGREEMENT + rounding


def test_another_training_is_seen(one, tmp_path):
    """Negative control: a rate that differs by one part in a thousand is far beyond the tolerance."""
    config = tiny(**FLOAT64, rate=1.001 * tiny().rate)
    run_cell(figures(), config, "ll++conv", 0, tmp_path)
    stage = "base-seed0/stage-0/model.pt"
    states = [load(one / stage, tiny(**FLOAT64).identity), load(tmp_path / stage, config.identity)]
    assert distance(states[0]["weights"], states[1]["weights"]) > 10 * AGREEMENT


@pytest.mark.parametrize("changes, text", [
    ({"batch": 6}, r"batch: got 6; allowed: a multiple of 2 × 2 processes"),
    ({"norm": "batch"}, r"norm: got 'batch'; allowed: group on processors"),
    ({"pairs": "random"}, r"pairs: got 'random'; allowed: halves with several processes"),
])
def test_what_two_processes_cannot_share(changes, text, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match=text), together(tiny(**{"norm": "group"} | changes)):
        pass


def test_devices_and_precisions():
    with pytest.raises(ConfigError, match="device: got 'nonsense'.*--device cpu"):
        device_of(tiny(device="nonsense"))
    with pytest.raises(ConfigError, match="float16.*bfloat16"):
        dtype_of(tiny(precision="float16"), torch.device("cpu"))
    assert dtype_of(tiny(precision="bfloat16"), torch.device("cpu")) == torch.bfloat16


def test_bfloat16_is_close_to_float32(tmp_path):
    """Losses are float32 in either; the network rounds to 2⁻⁸ in a layer, and some ten layers follow one another."""
    losses = {}
    for precision in ("float32", "bfloat16"):
        config = tiny(precision=precision, methods=("ll++",), stages=1, epochs_base=1, epochs=1)
        run_cell(figures(), config, "ll++", 0, tmp_path / precision)
        losses[precision] = read_arrays(tmp_path / precision / "ll++-seed0" / "stage-1" / "scores.npz")["true_loss"]
    gap = np.abs(losses["bfloat16"] / losses["float32"] - 1).max()
    assert 0 < gap <= 10 * 2**-8
