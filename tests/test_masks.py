"""A network watched while it learns: the portrait that it is shown, what is kept of it, and that it goes on."""

from __future__ import annotations

import dataclasses
import functools
import json

import numpy as np
import pytest
import torch
from matplotlib.cbook import get_sample_data
from PIL import Image

from experiments import masks, portrait, record
from experiments.__main__ import main
from experiments.checkpoint import read_arrays
from experiments.data import LSP, MPII
from experiments.data import photograph as pictures
from experiments.data.photograph import JOINTS, photograph
from experiments.errors import ConfigError, DataError
from experiments.learner import Learner
from experiments.losses import VARIATIONS
from experiments.masks import report_of, run_masks
from experiments.portrait import looked_at
from experiments.pose_task import PoseTask
from experiments.record import read_tables, write_rows
from tests.cells import figures, options, tiny, tiny_study

ROWS = np.arange(16)
LEFT = ("seeds", "stages", "methods", "validate_every")  # to the study
ROUNDING = 1e-3  # of places of some hundred pixels in float32
HALF_A_UNIT = 0.5 * 10.0**-portrait._DIGITS


# --- the photograph --------------------------------------------------------------------------------------------------

def test_the_picture_is_the_photograph_where_the_joints_say():
    """Cut out without a change of size, the joints are on the photograph's own pixels."""
    with Image.open(get_sample_data("grace_hopper.jpg", asfileobj=False)) as image:
        original = np.asarray(image.convert("RGB"))
    for side in (700, 900):
        cut = photograph(side, side=side)
        for name, (x, y) in JOINTS.items():
            column, row = cut.joints[0, LSP.index(name)].astype(int)
            seen = cut.images[0, row - 5:row + 6, column - 5:column + 6]
            assert np.array_equal(seen, original[y - 5:y + 6, x - 5:x + 6])
            assert not np.array_equal(seen, original[y - 5:y + 6, x - 6:x + 5])  # control: a pixel beside it


def test_the_frame_is_that_of_crops():
    """Alone, the box of the joints by 1.8; as part of a whole person, with the head where such a crop has it."""
    for size, skeleton in ((64, LSP), (128, MPII)):
        alone, whole = photograph(size, skeleton=skeleton), photograph(size, side=2400, skeleton=skeleton)
        known = alone.joints[0, alone.present[0]]
        assert alone.present.sum() == len(JOINTS) and len(known) == len(JOINTS)
        assert (known.max(0) - known.min(0)).max() * 1.8 == pytest.approx(size, rel=0.01)
        top = whole.joints[0, skeleton.head_top]
        assert top == pytest.approx([size / 2 - 0.5, size * (1 - 1 / 1.8) / 2], abs=0.5)
        left, right = (skeleton.index(f"{side} shoulder") for side in ("left", "right"))
        assert alone.joints[0, left, 0] > alone.joints[0, right, 0]  # she faces us
        assert not whole.images[0, :, 0].any() and alone.images[0, size // 2, size // 2].any()


def test_without_matplotlib_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(pictures, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="installed matplotlib.*figures"):
        run_masks(tiny_study(masks), tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- what is kept ----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The rows of six epochs, and their folder."""
    out = tmp_path_factory.mktemp("masks")
    return run_masks(tiny_study(masks, epochs_base=6), out, jobs=1), out / "portrait"


def test_epochs_are_spread_by_their_logarithms(run):
    rows, stage = run
    assert [row["epoch"] for row in rows] == [1, 2, 4, 6]
    log = [json.loads(line) for line in (stage / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    for row in rows:
        line = log[row["epoch"] - 1]
        assert (row["loss"], row["validation_pck"]) == (line["loss"], line["validation_pck"])
    assert sum(row["seconds_total"] for row in rows) == pytest.approx(log[-1]["seconds"])
    assert not (stage / "checkpoint.pt").exists()


def test_kept_are_the_logits_of_the_portrait(tmp_path):
    config = tiny_study(masks)
    learner = Learner(config, 14, [], seed=0)
    task = portrait._Watched(learner, figures(), ROWS, ROWS, config, folder=tmp_path)
    task.begin(7, 9, len(ROWS), lambda name: torch.Generator().manual_seed(0))
    learner.train()
    assert task.validate() == PoseTask(learner, figures(), ROWS, ROWS, config).validate()
    (kept,) = read_arrays(tmp_path / "epoch-00007.npz").values()
    inputs, _, present = looked_at(config)
    learner.eval()
    with torch.no_grad():
        drawn, others = (learner(shown)[0].heatmaps[0, -1].numpy() for shown in (inputs, inputs.flip(3)))
    chosen = [LSP.index(name) for name in ("right shoulder", "left shoulder", "neck", "head top")]
    assert present[0].nonzero()[:, 0].tolist() == chosen
    assert np.array_equal(kept, drawn[chosen]) and not np.array_equal(kept, others[chosen])


def test_a_row_has_the_logits_and_where_they_are_highest(run):
    rows, stage = run
    config = tiny_study(masks)
    _, joints, _ = looked_at(config)
    apart = float((joints[0, 8] - joints[0, 9]).norm())
    for row in rows:
        (logits,) = read_arrays(stage / f"epoch-{row['epoch']:05d}.npz").values()
        for joint, (name, heatmap) in enumerate(zip(("right shoulder", "left shoulder", "neck", "head top"), logits)):
            lines = [line for line in row["curve"] if line["joint"] == name]
            assert [(line["epoch"], line["y"]) for line in lines] == [(row["epoch"], y) for y in range(len(heatmap))]
            found = np.array([[line[f"x{x}"] for x in range(len(heatmap))] for line in lines])
            assert np.abs(found - heatmap).max() <= HALF_A_UNIT + ROUNDING
            y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
            place = config.stride * np.array([x, y]) + (config.stride - 1) / 2
            distance = np.linalg.norm(place - joints[0, LSP.index(name)].numpy())
            # the decoded place is a quarter of a heatmap's pixel off the highest one, along each axis
            assert abs(row[name] * apart - distance) <= config.stride * 0.25 * 2**0.5 + ROUNDING
    assert rows[0]["curve"] != rows[1]["curve"]


def test_it_is_the_network_of_the_study_of_losses():
    config = tiny_study(masks)
    wanted = VARIATIONS["AL γ = 2"](tiny())
    assert {name: getattr(config, name) for name in wanted} == wanted
    assert (config.pose_loss, config.gamma, config.validate_every) == ("anchor", 2.0, 1)
    same = {"base", "pool", "epochs_base", "rate", "image", "scale"}
    assert all(getattr(config, name) == getattr(tiny(), name) for name in same)


def test_an_interrupted_run_goes_on_with_the_same_numbers(run, tmp_path, monkeypatch):
    validate, calls = portrait._Watched.validate, []

    def interrupted(task):
        calls.append(task._epoch)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return validate(task)

    monkeypatch.setattr(portrait._Watched, "validate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_masks(tiny_study(masks, epochs_base=6), tmp_path, jobs=1)
    rows = run_masks(tiny_study(masks, epochs_base=6), tmp_path, jobs=1)
    assert calls == [1, 2, 3, 3, 4, 5, 6]
    clock = ("seconds_total", "started", "provenance")
    assert [{name: value for name, value in row.items() if name not in clock} for row in rows] == [
        {name: value for name, value in row.items() if name not in clock} for row in run[0]]


# --- the command -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("changes, text", [
    ({"pose_loss": "bce"}, "pose_loss: got 'bce'; allowed: anchor: the study sets it itself"),
    ({"gamma": 3.0}, "gamma: got 3.0"), ({"prior": 0.1}, "prior: got 0.1"),
    ({"consistency": "easy-hard"}, "consistency: got 'easy-hard'"), ({"select_on": "test"}, "select_on: got 'test'"),
])
def test_what_the_study_sets_is_not_to_be_given(changes, text, tmp_path):
    with pytest.raises(ConfigError, match=text):
        run_masks(dataclasses.replace(tiny_study(masks), **changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words, text", [
    (["--recorded", "nothing"], "nothing_masks"), (["--record", "../desk"], "record: got '../desk'"),
    (["--dataset", "lspet", "--root", "nowhere"], "root: got 'nowhere'"), (["--gamma", "-1"], "gamma: got -1.0"),
])
def test_errors_before_training(words, text, tmp_path, capsys):
    assert main(["masks", "--out", str(tmp_path / "out"), *options(*LEFT), *words]) == 2
    assert text in capsys.readouterr().err
    assert not list(tmp_path.rglob("log.jsonl"))


def test_it_refuses_to_be_one_of_several_processes(monkeypatch, tmp_path):
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(ConfigError, match="torchrun: got 'masks'"):
        run_masks(tiny_study(masks), tmp_path)


def test_variations_are_not_asked_for(capsys):
    with pytest.raises(SystemExit):
        main(["masks", "--variations", "BCE"])
    assert "--variations" in capsys.readouterr().err


def test_the_command_prints_records_and_prints_the_record(tmp_path, capsys, monkeypatch):
    recorded = tmp_path / "measured"
    for function in (write_rows, read_tables):
        monkeypatch.setattr(record, function.__name__, functools.partial(function, folder=recorded))
    words = ["--jobs", "1", "--out", str(tmp_path / "out"), *options(*LEFT, epochs_base=2)]
    assert main(["masks", *words, "--record", "small"]) == 0
    printed = capsys.readouterr().out
    assert "A portrait, drawn by a network that learns by AL γ = 2" in printed
    assert {path.name for path in recorded.iterdir()} == {
        "small_masks.csv", "small_masks_curves.csv", "small_masks.json"}
    document, tables = read_tables("small_masks", recorded)
    assert [row["epoch"] for row in tables["small_masks"]] == [1, 2] and document["seeds"] == [0]
    assert [tables["curves"][0][name] for name in ("epoch", "joint", "y")] == [1, "right shoulder", 0]
    assert main(["masks", "--recorded", "small"]) == 0
    assert capsys.readouterr().out == printed


def test_the_report_shows_every_epoch(run):
    cells = report_of(run[0]).sections[0].cells()
    assert [line[0] for line in cells] == ["1", "2", "4", "6"]
    assert all(line[3:] == [f"{row[name]:.2f}" for name in JOINTS] for line, row in zip(cells, run[0], strict=True))
