"""The smoke study: all methods of the default, every stage, one command; and report and analytics on what it left."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata

from experiments.__main__ import main
from experiments.checkpoint import read_arrays, read_json
from experiments.config import configure
from experiments.data.splits import split
from experiments.methods import METHODS
from experiments.strategies import Pool, query
from experiments.study import open_data
from tests.cells import cache, stages

CONFIG = configure("smoke", {"cache": cache()})
SECONDS = 90  # of two cores; the time of one processor here, which other work on the machine does not lengthen
STAGES = [f"stage-{number}" for number in range(1, CONFIG.stages + 1)]
CELLS = pytest.mark.parametrize("method", CONFIG.methods)
# Two recomputations of a mean of some hundred float32 in float64.
ROUNDING = 1e-9


@pytest.fixture(scope="module")
def smoke(tmp_path_factory) -> Path:
    out, began = tmp_path_factory.mktemp("smoke"), time.process_time()
    assert main(["table3", "--preset", "smoke", "--cache", cache(), "--jobs", "1", "--out", str(out)]) == 0
    assert time.process_time() - began <= 2 * SECONDS
    return out


@pytest.fixture(scope="module")
def data():
    return open_data(CONFIG)


def test_every_cell_of_every_method_is_there(smoke):
    assert set(CONFIG.methods) == set(METHODS)
    cells = [f"{method}-seed0/{stage}" for method in CONFIG.methods for stage in STAGES]
    # A head whose gradient reaches the network has a base model of its own.
    assert stages(smoke) == sorted(["base-seed0/stage-0", "ll-multitap-seed0/stage-0", *cells])
    assert read_json(smoke / "config.json") == CONFIG.dictionary
    for stage in stages(smoke):
        names = {path.name for path in (smoke / stage).iterdir()}
        method = METHODS.get(stage.partition("-seed")[0])
        heads = method is None or method.head is not None
        assert names == {"result.json", "model.pt", "log.jsonl"} | ({"pairs.npz"} if heads else set()) | (
            set() if stage.endswith("stage-0") else {"scores.npz"})


@CELLS
def test_each_stage_labels_what_it_picked_of_the_pool(method, smoke, data):
    labelled = set(split(data, CONFIG, 0).base.tolist())
    pool = set(split(data, CONFIG, 0).pool.tolist())
    for number, stage in enumerate(STAGES, 1):
        folder = smoke / f"{method}-seed0" / stage
        found, result = read_arrays(folder / "scores.npz"), read_json(folder / "result.json")
        picked = set(found["picked"].tolist())
        assert len(picked) == CONFIG.budget and picked <= set(found["image"].tolist()) == pool - labelled
        labelled |= picked
        assert result["labelled"] == len(labelled) == CONFIG.base + number * CONFIG.budget
        assert (result["method"], result["stage"], result["seed"]) == (method, number, 0)


@CELLS
def test_results_are_what_the_scores_say(method, smoke):
    for stage in STAGES:
        folder = smoke / f"{method}-seed0" / stage
        found, result = read_arrays(folder / "scores.npz"), read_json(folder / "result.json")
        for name, chosen in (("picked", np.isin(found["image"], found["picked"])), ("pool", slice(None))):
            losses = found["true_loss"][chosen].astype(float)
            assert result[name]["pck"] == found["hits"][chosen].sum() / found["counted"][chosen].sum()
            assert result[name]["images"] == len(losses)
            assert abs(result[name]["true_loss_mean"] - losses.mean()) <= ROUNDING * losses.mean()
            assert abs(result[name]["true_loss_variance"] - losses.var()) <= ROUNDING * losses.mean() ** 2
        if METHODS[method].head:
            ranks = [rankdata(values) for values in (found["predicted"], found["true_loss"])]
            assert abs(result["pool"]["spearman"] - np.corrcoef(*ranks)[0, 1]) <= ROUNDING
        else:
            assert result["pool"]["spearman"] is None and "predicted" not in found


@CELLS
def test_what_is_picked_is_what_the_strategy_ranks_highest(method, smoke):
    field = {"oracle": "true_loss", "ll": "predicted", "ll++": "predicted", "ll++conv": "predicted"}.get(method)
    for stage in STAGES:
        found = read_arrays(smoke / f"{method}-seed0" / stage / "scores.npz")
        if field is not None:
            again = query("oracle", Pool(len(found["image"]), true=found[field]), CONFIG.budget, seed=0)
            assert set(found[field][again]) == set(found[field][np.isin(found["image"], found["picked"])])
        else:  # negative control: those of the others are not the highest true losses
            hardest = found["image"][np.argsort(-found["true_loss"])[:CONFIG.budget]]
            assert set(hardest.tolist()) != set(found["picked"].tolist())


def test_methods_start_from_one_base_model(smoke):
    shared = [method for method in CONFIG.methods if not CONFIG.joint(METHODS[method])]
    scores = [read_arrays(smoke / f"{method}-seed0" / "stage-1" / "scores.npz") for method in shared]
    assert all(np.array_equal(each["true_loss"], scores[0]["true_loss"]) for each in scores)
    later = [read_arrays(smoke / f"{method}-seed0" / "stage-2" / "scores.npz") for method in CONFIG.methods]
    assert len({each["true_loss"].tobytes() for each in later}) > 1  # negative control


def test_the_oracle_bounds_the_field(smoke):
    picked = {method: read_json(smoke / f"{method}-seed0" / "stage-1" / "result.json")["picked"] for method in
              CONFIG.methods}
    assert max(picked, key=lambda method: picked[method]["true_loss_mean"]) == "oracle"


def test_results_say_where_they_come_from(smoke):
    for stage in stages(smoke):
        result = read_json(smoke / stage / "result.json")
        assert result["provenance"]["config_id"] == CONFIG.identity
        assert {"commit", "versions", "machine", "started"} <= result["provenance"].keys()
        assert 0 < result["seconds"]["total"] and result["memory_bytes"] > 0
        log = [json.loads(line) for line in (smoke / stage / "log.jsonl").read_text(encoding="utf-8").splitlines()]
        assert [row["epoch"] for row in log] == list(range(1, result["training"]["epochs"] + 1))


def test_the_base_model_learned(smoke):
    log = [json.loads(line) for line in (smoke / "base-seed0" / "stage-0" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["loss"] < log[0]["loss"]


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
@pytest.mark.parametrize("command", ["report", "analytics"])
def test_report_and_analytics_read_it(command, form, smoke, capsys):
    assert main([command, str(smoke), "--format", form]) == 0
    printed = capsys.readouterr().out
    assert all(METHODS[name].label in printed for name in ("ll", "ll++", "ll++conv"))
    if form == "json":
        json.loads(printed)


def test_the_same_command_does_nothing_again(smoke, capsys):
    before = {path: path.stat().st_mtime_ns for path in smoke.glob("*/stage-*/*")}
    assert main(["table3", "--preset", "smoke", "--cache", cache(), "--out", str(smoke)]) == 0
    assert {path: path.stat().st_mtime_ns for path in smoke.glob("*/stage-*/*")} == before
    assert "Table 3(a)" in capsys.readouterr().out
