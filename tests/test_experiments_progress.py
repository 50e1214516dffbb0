"""The curves for TensorBoard, which need not be installed: an error where it is missing, else a point a number."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from experiments import progress
from experiments.config import configure
from experiments.errors import ConfigError
from experiments.study import prepare


def test_tensorboard_that_is_not_installed_is_named_before_work(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="tensorboard: got True; allowed: an installed tensorboard; pip install"):
        prepare(configure("smoke", {"tensorboard": True}), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_the_task_calls_its_score_is_shown(tmp_path, monkeypatch):
    seen = []
    with progress.Progress("training", tmp_path, total=2) as shown:
        monkeypatch.setattr(shown._bar, "set_postfix", seen.append)
        shown.row({"epoch": 3, "rate": 0.1, "loss": 0.5, "validation_top1": 0.25})
    assert seen == [{"loss": "0.5", "validation_top1": "0.25"}]


def test_each_number_of_a_row_is_a_point_of_its_curve(tmp_path, monkeypatch):
    points, folders = [], []

    class SummaryWriter:
        def __init__(self, folder):
            folders.append(folder)

        def add_scalar(self, *point):
            points.append(point)

        def close(self):
            points.append("closed")

    stub = ModuleType("torch.utils.tensorboard")
    stub.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stub)
    monkeypatch.setattr(progress, "find_spec", lambda name: object())
    with progress.Progress("training", tmp_path, total=2, tensorboard=True) as shown:
        shown.row({"epoch": 3, "loss": 0.5})
    assert folders == [str(tmp_path / "tensorboard")]
    assert points == [("epoch", 3, 3), ("loss", 0.5, 3), "closed"]
