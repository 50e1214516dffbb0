"""`check-data` finds what is wrong, names it, and says what to do; of a sound folder it says that it is ready."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from experiments.data import load
from experiments.data.check import check, main
from experiments.errors import DataError
from tests.pose_folders import WIDTH, Terminal, real, write_h5, write_joints, write_lsp, write_mpii

REAL = real("lspet/images/im00001.jpg")


@pytest.fixture
def root(tmp_path):
    for name in ("lsp", "lspet"):
        write_lsp(tmp_path / name, name=name)
    write_mpii(tmp_path / "mpii")
    return tmp_path


def change_joints(root, name, change):
    path = root / name / "joints.mat"
    joints = loadmat(path)["joints"]
    change(joints)
    savemat(path, {"joints": joints})


def truncate(path):
    path.write_bytes(path.read_bytes()[:200])


def test_a_sound_folder_is_ready(root):
    report = check(root)
    assert report.ok and [part.name for part in report.parts] == ["lspet", "lsp", "mpii"]
    text = str(report)
    for fact in (
        "lspet: ready", "images: 4 of 4 annotated ones", "width × height in pixels: 60 × 48 to 60 × 48",
        "third row: mean 0.929; at (0, 0) or negative are 100.0% of those with 0 and 0.0% of those with 1:"
        " found 'visible', expected 'visible'",
        "third row: mean 0.071", "found 'occluded', expected 'occluded'", "4 persons (the whole set has 10000)",
        "52 of 56 joints known", "valid: 1 persons, 16 of 16 joints known", "train: 2 persons, 31 of 32 joints known",
    ):
        assert fact in text, fact
    assert "PROBLEM" not in text


@pytest.mark.parametrize(("name", "parts"), [("lspet", ["lspet"]), ("lsp-lspet", ["lsp", "lspet"]), ("mpii", ["mpii"])])
def test_one_data_set_alone(name, parts, root):
    report = check(root, name)
    assert report.ok and [part.name for part in report.parts] == parts


@pytest.mark.parametrize("name", ["lsp", "lspet", "mpii"])
def test_the_root_may_be_the_data_sets_own_folder(name, root):
    report = check(root / name)
    assert report.ok and [part.name for part in report.parts] == [name]


def test_what_is_not_there_is_said_with_where_to_put_it(tmp_path):
    report = check(tmp_path)
    assert not report.ok
    text = str(report)
    for words in ("Leeds Sports Pose Extended", "lsp/images/im0001.jpg", "mpii/annot/valid.h5", "MPII Human Pose"):
        assert words in text
    write_lsp(tmp_path / "lspet", name="lspet")
    assert check(tmp_path).ok and not check(tmp_path, "lsp-lspet").ok


@pytest.mark.parametrize(("defect", "problem"), [
    (lambda root: (root / "lspet/images/im00003.jpg").unlink(), "missing images, of 4 in .* .1.: im00003.jpg"),
    (lambda root: truncate(root / "lspet/images/im00002.jpg"), r"damaged images \(1\): im00002.jpg"),
    (lambda root: truncate(root / "lspet/joints.mat"), "file: got 'joints.mat'; allowed: a MATLAB file"),
    (lambda root: savemat(root / "lspet/joints.mat", {"x": 1.0}), "joints: got ..x..; allowed: a field 'joints'"),
    (lambda root: (root / "lsp/joints.mat").replace(root / "lspet/joints.mat"),
     "joints: got 'occluded'; allowed: the flag 'visible'"),
    (lambda root: change_joints(root, "lspet", lambda joints: joints[5].__setitem__((0, 0), WIDTH)),
     r"so many joints outside that images and annotation are not of one size \(1\): im00001.jpg"),
    (lambda root: write_joints(root / "lspet/joints.mat", np.full((4, 14, 2), 500.0), np.ones((4, 14)), "lspet"),
     "lspet: no image has a visible joint"),
    (lambda root: (root / "mpii/annot/train.h5").unlink(), "no annotation of the group train"),
    (lambda root: write_h5(root / "mpii/annot/valid.h5", ["2.jpg"], np.ones((1, 16, 2)), leave_out="scale"),
     "field: got 'scale'"),
    (lambda root: (root / "mpii/images/1.jpg").unlink(), r"missing images, of 3 in .* \(1\): 1.jpg"),
])
def test_each_defect_is_found_and_named(defect, problem, root):
    defect(root)
    report = check(root)
    assert not report.ok
    (part,) = [part for part in report.parts if part.problems and part.name != "lsp"]
    text = str(part)
    assert re.search(f"PROBLEM .*{problem}", text), text
    assert f"To put it right: {'MPII' if part.name == 'mpii' else 'Leeds'}" in text


def test_joints_outside_and_empty_images_are_facts(tmp_path):
    """As load leaves them out: check and load agree."""
    write_lsp(tmp_path / "lspet", 10, name="lspet")
    change_joints(tmp_path, "lspet", lambda joints: joints.__setitem__((5, 0, 6), WIDTH))
    change_joints(tmp_path, "lspet", lambda joints: joints.__setitem__((slice(None), 2, 2), 0))
    report = check(tmp_path)
    text = str(report)
    assert report.ok
    assert "1 known joints (0.85%) lie outside their image and are left out: im00007.jpg" in text
    assert "1 images without a visible joint are left out: im00003.jpg" in text
    data = load("lspet", root=tmp_path, cache=tmp_path / "cache", size=32)
    assert data.excluded == ("im00003.jpg",) and data.present.sum() == 9 * 13 - 1


def test_many_names_are_cut_in_the_text_but_not_in_the_report(tmp_path):
    write_lsp(tmp_path / "lspet", 15, name="lspet")
    for path in (tmp_path / "lspet" / "images").iterdir():
        path.unlink()
    (part,) = check(tmp_path).parts
    ((_, names),) = part.problems.items()
    assert len(names) == 15 and str(part).count("im000") == 10 + 1  # and once in where to put them
    assert "im00010.jpg and 5 more" in str(part)


@pytest.mark.parametrize(("root", "name", "message"), [
    ("no such folder", None, "root: got 'no such folder'; allowed: a folder"), (".", "lsp", "name: got 'lsp'"),
    (".", "generated", "name: got 'generated'; allowed: one of 'lspet', 'lsp-lspet', 'mpii'"),
])
def test_a_wrong_request_is_named(root, name, message):
    with pytest.raises(DataError, match=message):
        check(root, name)


def test_command_line(root, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    assert main(["--root", str(root)]) == 0
    printed = capsys.readouterr()
    assert "lspet: ready" in printed.out and printed.err == ""
    truncate(root / "lspet/images/im00002.jpg")
    assert main(["--root", str(root), "--dataset", "lspet"]) == 1
    assert "PROBLEM damaged images (1): im00002.jpg" in capsys.readouterr().out
    assert main(["--root", str(root / "nothing")]) == 2
    assert "error: root: got" in capsys.readouterr().err


@pytest.mark.parametrize("progress", [True, False])
def test_progress_only_when_asked(progress, root, monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    check(root, "lspet", progress=progress)
    printed = sys.stderr.getvalue()
    assert ("4/4" in printed) == progress == bool(printed)


@pytest.mark.skipif(REAL is None, reason="needs the real photographs, which are not ours to redistribute")
def test_real_folder(tmp_path):
    """LSPET's first images, and LSP's annotation without its photographs."""
    (tmp_path / "lspet").mkdir()
    (tmp_path / "lspet" / "images").symlink_to(REAL / "lspet" / "images")
    savemat(tmp_path / "lspet" / "joints.mat", {"joints": loadmat(REAL / "lspet" / "joints.mat")["joints"][..., :500]})
    (tmp_path / "lsp").symlink_to(REAL / "lsp")
    lspet, lsp = check(tmp_path).parts
    assert not lspet.problems
    assert "images: 500 of 500" in str(lspet) and "128 × 128 to 128 × 128" in str(lspet)
    assert "found 'occluded', expected 'occluded'" in str(lsp)
