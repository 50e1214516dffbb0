"""What can be wrong with a study's inputs and folders is said by name, before hours are spent, and nothing is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from experiments import checkpoint, study
from experiments.__main__ import main
from experiments.checkpoint import locked, read_json
from experiments.data import PoseData
from tests.cells import differences, options, stages
from tests.pose_folders import write_lsp

METHOD = "ll++"
SETTINGS = {"methods": (METHOD, "coreset"), "stages": 1, "epochs_base": 2, "epochs": 1}
LAST = f"{METHOD}-seed0/stage-1"


def cell(out: Path, **changes) -> int:
    return main(["cycle", "--method", METHOD, "--out", str(out), *options(**SETTINGS | changes)])


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("finished")
    assert cell(out) == 0
    return out


@pytest.fixture
def out(finished, tmp_path) -> Path:
    """A copy of a finished cell, to be damaged."""
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


def unfinished(out: Path, *keep: str) -> Path:
    """Take away of the last stage what is not to be kept."""
    for file in (out / LAST).iterdir():
        if file.name not in keep:
            file.unlink()
    return out


def complaint(capsys) -> str:
    text = capsys.readouterr().err
    assert text.startswith("error: ") or "\nerror: " in text, text
    assert "Traceback" not in text
    return text


# --- the folder of a run --------------------------------------------------------------------------------------------

def test_a_last_stage_is_made_again_from_what_is_left(finished, out):
    """The parts that the tests below damage are otherwise enough."""
    assert cell(unfinished(out, "scores.npz")) == 0
    assert differences(finished, out) == []


@pytest.mark.parametrize("changes, text", [
    ({"rate": 0.01}, "rate = 0.002'; allowed: rate = 0.01; choose another --out, or the settings"),
    ({"pool": 30}, "pool = 24'; allowed: pool = 30"),
    ({"head_gradient": "joint"}, "head_gradient = 'method'"),
])
def test_a_folder_of_other_settings(changes, text, finished, capsys):
    rate = read_json(finished / "config.json")["rate"]
    assert cell(finished, **changes) == 2
    assert text.replace("0.002", str(rate)) in complaint(capsys).replace('"', "'")


def test_more_stages_are_no_other_settings(finished, out):
    assert cell(out, stages=2) == 0
    assert stages(out) == [*stages(finished), f"{METHOD}-seed0/stage-2"]


@pytest.mark.parametrize("content, text", [
    (b"", "a whole JSON file; delete it"), (b'{"rate": 0.', "a whole JSON file"), (b"[]", "the settings of a study"),
])
def test_damaged_settings(content, text, out, capsys):
    (out / "config.json").write_bytes(content)
    assert cell(out) == 2
    assert text in complaint(capsys)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("name", [f"{LAST}/scores.npz", "base-seed0/stage-0/model.pt"])
def test_a_file_that_was_cut(name, share, out, capsys):
    unfinished(out, "scores.npz")
    content = (out / name).read_bytes()
    (out / name).write_bytes(content[:int(share * len(content))])
    assert cell(out) == 2
    text = complaint(capsys)
    assert name in text and "remove the folder that it is in and run the same command again" in text
    assert stages(out) == ["base-seed0/stage-0"]


def test_what_the_message_says_helps(finished, out):
    (unfinished(out, "scores.npz") / LAST / "scores.npz").write_bytes(b"cut")
    assert cell(out) == 2
    shutil.rmtree(out / LAST)
    assert cell(out) == 0
    assert differences(finished, out) == []


def test_a_model_that_is_gone(out, capsys):
    (unfinished(out) / "base-seed0" / "stage-0" / "model.pt").unlink()
    assert cell(out) == 2
    assert "model.pt: got 'No such file or directory'" in complaint(capsys)


def test_a_base_model_without_the_method(out, capsys):
    words = options(**SETTINGS | {"methods": ("ll++conv",)})
    assert main(["cycle", "--method", "ll++conv", "--out", str(out), *words]) == 2
    assert "no loss predictor of this method'; allowed: a model with a head for ll++conv" in complaint(capsys)


def test_a_folder_in_use(out, capsys):
    with locked(out / f"{METHOD}-seed0"):
        assert cell(unfinished(out)) == 2
    assert "got 'in use'; allowed: a folder that no other run writes to" in complaint(capsys)
    assert cell(out) == 0


def test_a_folder_that_is_a_file(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert cell(tmp_path / "file") == 2
    assert "choose another --out" in complaint(capsys)


def test_a_disk_that_fills_up(finished, tmp_path, capsys, monkeypatch):
    """Whichever file it is that no longer fits, what was there before stays, and the run goes on from it."""
    fsync, kinds = os.fsync, set()
    for number in (1, 2, 5, 6, 7, 8, 9):  # config; log and checkpoint twice; pairs, model, result; scores
        left = [number]

        def filled(file: int) -> None:
            left[0] -= 1
            if left[0] <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            fsync(file)

        out = tmp_path / str(number)
        monkeypatch.setattr(checkpoint.os, "fsync", filled)
        assert cell(out) == 2
        monkeypatch.setattr(checkpoint.os, "fsync", fsync)
        text = complaint(capsys)
        assert "got 'No space left on device'" in text and "it goes on from the last good state" in text
        kinds.add(Path(text.partition("error: ")[2].partition(":")[0]).name)
        assert not list(out.glob("*/stage-*/.*")) and not list(out.glob(".*"))
        assert cell(out) == 0
        assert differences(finished, out) == []
    assert kinds == {"config.json", "checkpoint.pt", "model.pt", "pairs.npz", "result.json", "scores.npz", "log.jsonl"}


# --- the data -------------------------------------------------------------------------------------------------------

PHOTOGRAPHS = {"dataset": "lspet", "base": 8, "batch": 8, "pool": 12, "validation": 6, "test": 6}


def photographs(folder: Path, cached: Path, out: Path, **changes) -> int:
    return cell(out, **PHOTOGRAPHS | {"root": str(folder), "cache": str(cached)} | changes)


@pytest.fixture
def root(tmp_path) -> Path:
    write_lsp(tmp_path / "root" / "lspet", 40, name="lspet")
    return tmp_path / "root"


def test_photographs_run_as_figures_do(root, tmp_path):
    assert photographs(root, tmp_path / "cache", tmp_path / "out") == 0
    assert stages(tmp_path / "out") == ["base-seed0/stage-0", LAST]


@pytest.mark.parametrize("changes, text", [
    ({"root": "nowhere"}, "root: got 'nowhere'; allowed: a folder with lspet/joints.mat"),
    ({"dataset": "mpii"}, "allowed: a folder with mpii/images"),
    ({"test": 100}, "test: got 100; allowed: at most 40 pictures"),
    ({"pool": 0, "budget": 11}, "pool: got 10; allowed: at least budget × stages = 11 pictures"),
    ({"device": "nonsense"}, "device: got 'nonsense'"),
    ({"precision": "float16"}, "precision: got 'float16'; allowed: bfloat16 on a processor"),
])
def test_nothing_is_trained_on_what_does_not_fit(changes, text, root, tmp_path, capsys):
    assert photographs(root, tmp_path / "cache", tmp_path / "out", **changes) == 2
    assert text in complaint(capsys)
    assert not list((tmp_path / "out").glob("*/stage-*"))


def test_a_cache_that_cannot_be_written(root, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert photographs(root, tmp_path / "file", tmp_path / "out") == 2
    assert "pass another cache folder" in complaint(capsys)


@pytest.mark.parametrize("damage, text", [
    (lambda image: image.unlink(), "im00040.jpg"), (lambda image: image.write_bytes(b"cut"), "im00040.jpg"),
    (lambda image: image.write_bytes(image.read_bytes()[:300]), "im00040.jpg"),
])
def test_a_photograph_that_vanished_or_is_damaged_is_named(damage, text, root, tmp_path, capsys):
    damage(root / "lspet" / "images" / "im00040.jpg")
    assert photographs(root, tmp_path / "cache", tmp_path / "out") == 2
    assert text in complaint(capsys)


def test_other_pictures_than_before(root, tmp_path, capsys):
    """The data set that changes between two stages is not mixed with what it was."""
    out = tmp_path / "out"
    assert photographs(root, tmp_path / "cache", out) == 0
    shutil.rmtree(root)
    write_lsp(root / "lspet", 41, name="lspet")
    assert photographs(root, tmp_path / "cache", unfinished(out)) == 2
    assert "trained on other pictures'; allowed: the data set lspet as it is now; restore" in complaint(capsys)


def test_a_reference_for_the_metric(root, tmp_path, capsys, monkeypatch):
    """Pictures of persons without a torso cannot be judged."""
    opened = study.open_data

    def without(*arguments, **options):
        data = opened(*arguments, **options)
        return PoseData(**vars(data) | {"reference": np.full_like(data.reference, np.nan)})

    monkeypatch.setattr(study, "open_data", without)
    assert photographs(root, tmp_path / "cache", tmp_path / "out") == 2
    assert "validation: got 'no picture with a reference length'; allowed: what PCK@0.2 needs" in complaint(capsys)


def test_a_result_is_json_without_nan(finished):
    for path in finished.glob("*/stage-*/result.json"):
        json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda word: pytest.fail(word))
