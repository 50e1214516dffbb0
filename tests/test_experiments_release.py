"""Where a study could go wrong without a word: accelerators, photographs of several persons, files of two kinds."""

from __future__ import annotations


import numpy as np
import pytest
import torch
from torch import distributed

from experiments import ablation
from experiments.__main__ import main
from experiments.checkpoint import read_json, write_json
from experiments.config import configure
from experiments.data import PoseData
from experiments.data.skeleton import MPII
from experiments.data.splits import split
from experiments.errors import ConfigError, DataError
from experiments.machine import together
from experiments.record import write_rows


def test_each_process_communicates_on_its_own_accelerator(monkeypatch):
    """torch's collectives of objects use the current device, which is the first one unless it is set."""
    calls = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("experiments.machine.device_of", lambda config: torch.device("cuda:1"))
    monkeypatch.setattr(torch.cuda, "set_device", calls.append)
    monkeypatch.setattr(distributed, "init_process_group", calls.append)
    monkeypatch.setattr(distributed, "destroy_process_group", lambda: calls.append("end"))
    with together(configure("smoke")):
        assert torch.backends.cudnn.deterministic
    assert calls == [torch.device("cuda:1"), "nccl", "end"]


def persons(count: int, to_a_photograph: int) -> PoseData:
    names = np.array([f"{number // to_a_photograph:04d}.jpg" for number in range(count)])
    return PoseData(
        "mpii", MPII, np.zeros((count, 8, 8, 3), np.uint8), np.zeros((count, 16, 2), np.float32),
        np.ones((count, 16), bool), np.ones(count, np.float32), names,
        {"train": np.arange(20, count), "valid": np.arange(20)}, "PCKh@0.5", "f",
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_no_photograph_is_validated_on_and_trained_on(seed):
    config = configure("smoke", {"dataset": "mpii", "base": 20, "batch": 4, "budget": 5, "pool": 0, "stages": 1,
                                 "validation": 12, "test": 20})
    data = persons(120, to_a_photograph=2)
    chosen = split(data, config, seed)
    names = {share: set(data.names[getattr(chosen, share)]) for share in ("base", "pool", "validation", "test")}
    assert not names["validation"] & (names["base"] | names["pool"])
    assert names["base"] & names["pool"]  # or the data has no photograph that could be on two sides
    # One person a photograph: nobody is left out.
    chosen = split(persons(120, to_a_photograph=1), config, seed)
    assert len(chosen.base) + len(chosen.pool) + len(chosen.validation) + len(chosen.test) == 120


def test_mpii_is_tested_as_published():
    assert configure("paper", {"dataset": "mpii"}).test == 2958
    assert configure("paper").test == 1000


def test_a_stride_that_no_network_has():
    with pytest.raises(ConfigError, match="stride: got 3; allowed: 2 or 4"):
        configure("smoke", {"stride": 3, "image": 66})


def test_an_ablation_replaces_no_study(tmp_path):
    (tmp_path / "desk.json").write_text("{}")
    rows = [{"method": "ll", "seed": 0, "provenance": {}}]
    write_rows(rows, configure("smoke"), "ablation", "desk", tmp_path)
    assert (tmp_path / "desk.json").read_text() == "{}"
    assert len(list(tmp_path.iterdir())) == 3


def test_a_name_of_nothing_is_said_before_hours_are_spent(tmp_path, capsys):
    words = ["ablation", "--preset", "smoke", "--record", "../desk", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    assert "record: got '../desk'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match="small letters"):
        write_rows([], configure("smoke"), "ablation", "../desk", tmp_path)


def test_seconds_of_a_shared_base_model_count_once(tmp_path):
    config = configure("smoke", {"base": 16, "batch": 8, "budget": 4, "pool": 12, "test": 6, "validation": 4,
                                 "epochs_base": 1, "methods": ("ll", "ll++")}, ablation.SETTINGS)
    ablation.run_ablation(config, tmp_path, ["as in the study"], jobs=1)
    for row in tmp_path.glob("*/*/look/result.json"):
        row.unlink()
    path = tmp_path / "as-in-the-study" / "base-seed0" / "stage-0" / "result.json"
    result = read_json(path)
    result["seconds"]["total"] = 1000.0
    write_json(path, result)
    rows = ablation.run_ablation(config, tmp_path, ["as in the study"], jobs=1)
    assert 1000 < sum(row["seconds_total"] for row in rows) < 1100
