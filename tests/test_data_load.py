"""`load`: every data set through one interface, made once, made again when its files change, errors before the work."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from experiments.data import DATASETS, LSP, MPII, PoseData, crops, load
from experiments.data.generated import draw
from experiments.errors import DataError
from gammaprob.errors import BroadcastError
from tests.pose_folders import ROOT, person, photograph, positions, real, write_h5, write_lsp, write_mpii, write_release

REAL = real("lspet/images/im00001.jpg")
needs_real = pytest.mark.skipif(REAL is None, reason="needs the real photographs, which are not ours to redistribute")
SOME = 300  # of the real photographs


@pytest.fixture
def root(tmp_path):
    """All three real layouts, small."""
    for name in ("lsp", "lspet"):
        write_lsp(tmp_path / "data" / name, name=name)
    write_mpii(tmp_path / "data" / "mpii")
    return tmp_path / "data"


def sound(data: PoseData) -> None:
    """What holds for every data set."""
    assert data.images.dtype == np.uint8 and isinstance(data.images, np.memmap)
    assert (data.joints.dtype, data.present.dtype, data.reference.dtype) == (np.float32, bool, np.float32)
    assert (data.joints[~data.present] == 0).all() and data.present.any(1).all()
    known = data.joints[data.present]
    assert (known >= -0.5).all() and (known < data.size - 0.5).all()
    assert ((data.reference > 0) | np.isnan(data.reference)).all()
    assert np.sort(np.concatenate(list(data.groups.values()))).tolist() == list(range(len(data)))
    assert len(data.fingerprint) == 64


# --- generated ------------------------------------------------------------------------------------------------------

def test_generated(tmp_path):
    data = load("generated", count=(3, 5), size=48, seed=4, cache=tmp_path)
    sound(data)
    assert data.skeleton is LSP and data.metric == "PCK@0.2" and data.images.shape == (8, 48, 48, 3)
    assert data.groups["everyday"].tolist() == [0, 1, 2] and data.names[5] == "sports-000002"
    figure = draw("sports", 2, size=48, seed=4)
    assert (data.images[5] == figure.image).all() and (data.joints[5] == figure.joints).all()
    again = load("generated", count=(3, 5), size=48, seed=4, cache=tmp_path / "elsewhere")
    assert again.fingerprint == data.fingerprint and (again.images == data.images).all()


def test_generated_sets_differ_by_seed_size_and_count(tmp_path):
    sets = [load("generated", cache=tmp_path, **{"count": (2, 1), "size": 16, "seed": 0} | change)
            for change in ({}, {"seed": 1}, {"size": 20}, {"count": (1, 2)})]
    assert len({data.fingerprint for data in sets}) == len(sets) == len(list(tmp_path.iterdir()))


@pytest.mark.parametrize("count", [None, 5, (1, 2, 3), (0, 0), (-1, 3), (1.0, 2), ("1", 2)])
def test_a_wrong_count_is_named(count, tmp_path):
    with pytest.raises(DataError, match="count: got .*; allowed: .everyday, sports."):
        load("generated", count=count, cache=tmp_path)


# --- real layouts ---------------------------------------------------------------------------------------------------

def test_lspet(root, tmp_path):
    data = load("lspet", root=root, cache=tmp_path / "cache", size=40)
    sound(data)
    assert data.names.tolist() == [f"im0000{number}.jpg" for number in (1, 2, 3, 4)]
    assert not data.present[:, 0].any() and data.present[:, 1:].all() and np.isfinite(data.reference).all()
    own = load("lspet", root=root / "lspet", cache=tmp_path / "cache", size=40)
    assert own.fingerprint == data.fingerprint


def test_lsp_and_lspet(root, tmp_path):
    data = load("lsp-lspet", root=root, cache=tmp_path / "cache", size=40)
    sound(data)
    assert {group: rows.tolist() for group, rows in data.groups.items()} == {"lsp": [0, 1, 2, 3], "lspet": [4, 5, 6, 7]}
    assert data.present[:4].all() and not data.present[4:, 0].any()


def test_mpii(root, tmp_path):
    data = load("mpii", root=root, cache=tmp_path / "cache", size=40)
    sound(data)
    assert data.skeleton is MPII and data.metric == "PCKh@0.5"
    assert {group: rows.tolist() for group, rows in data.groups.items()} == {"train": [0, 1], "valid": [2]}
    assert data.reference.tolist() == pytest.approx([6 * 40 / 50] * 3, rel=1e-6)  # float32


def test_mpii_from_the_official_file(root, tmp_path):
    """Beside valid.h5, whose images are not trained on, not even their other persons."""
    where = positions(3, 16)
    (root / "mpii" / "annot" / "train.h5").unlink()
    write_release(root / "mpii" / "mpii_human_pose_v1_u12_1.mat", [
        ("0.jpg", 1, [person(where[0])], [1]), ("2.jpg", 1, [person(where[1]), person(where[2])], [1, 2]),
    ])
    data = load("mpii", root=root / "mpii", cache=tmp_path / "cache", size=40)
    sound(data)
    assert data.names[data.groups["train"]].tolist() == ["0.jpg"]
    assert data.names[data.groups["valid"]].tolist() == ["2.jpg"]


def test_the_hourglass_files_come_first(root, tmp_path):
    """Where both forms are there, and where a file lies in two places, as LAYOUT has it."""
    write_release(root / "mpii" / "mpii_human_pose_v1_u12_1.mat", [("1.jpg", 1, [person(positions(1, 16)[0])], [1])])
    write_h5(root / "mpii" / "valid.h5", ["0.jpg"], positions(1, 16))
    data = load("mpii", root=root, cache=tmp_path / "cache", size=40)
    assert data.names.tolist() == ["0.jpg", "1.jpg", "2.jpg"]


def test_mpii_with_validation_alone(tmp_path):
    (tmp_path / "images").mkdir()
    photograph(tmp_path / "images" / "a.jpg", 0)
    write_h5(tmp_path / "valid.h5", ["a.jpg"], positions(1, 16))
    data = load("mpii", root=tmp_path, cache=tmp_path / "cache", size=40)
    assert len(data.groups["train"]) == 0 and data.groups["valid"].tolist() == [0]


def test_photographs_are_decoded_once(root, tmp_path, monkeypatch):
    first = load("lspet", root=root, cache=tmp_path / "cache")
    monkeypatch.setattr(crops, "crops", None)
    again = load("lspet", root=root, cache=tmp_path / "cache")
    assert (first.images == again.images).all() and first.fingerprint == again.fingerprint
    with pytest.raises(TypeError, match="not callable"):  # negative control: another size is made anew
        load("lspet", root=root, cache=tmp_path / "cache", size=64)


def test_changed_files_are_read_again(root, tmp_path):
    first = load("lspet", root=root, cache=tmp_path / "cache")
    photograph(root / "lspet" / "images" / "im00002.jpg", 99)
    image = load("lspet", root=root, cache=tmp_path / "cache")
    assert [bool((a == b).all()) for a, b in zip(first.images, image.images)] == [True, False, True, True]
    joints = loadmat(root / "lspet" / "joints.mat")["joints"]
    joints[3, 0, 0] += 5
    savemat(root / "lspet" / "joints.mat", {"joints": joints})
    label = load("lspet", root=root, cache=tmp_path / "cache")
    assert label.joints[0, 3, 0] != image.joints[0, 3, 0]
    assert len({first.fingerprint, image.fingerprint, label.fingerprint}) == 3


def test_the_fingerprint_outlives_a_copy(root, tmp_path):
    """New times of the same files, as after copying: decoded again, but the same data to a checkpoint."""
    first = load("lspet", root=root, cache=tmp_path / "cache")
    for path in (root / "lspet" / "images").iterdir():
        os.utime(path, (1, 1))
    assert load("lspet", root=root, cache=tmp_path / "cache").fingerprint == first.fingerprint
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_an_image_without_a_visible_joint_is_left_out(root, tmp_path):
    joints = loadmat(root / "lspet" / "joints.mat")["joints"]
    joints[:, 2, 2] = 0
    savemat(root / "lspet" / "joints.mat", {"joints": joints})
    data = load("lspet", root=root, cache=tmp_path / "cache")
    sound(data)
    assert len(data) == 3 and data.excluded == ("im00003.jpg",)


# --- bad input ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("name", "options", "message"), [
    ("lsp", {}, "name: got 'lsp'; allowed: one of 'generated', 'lspet', 'lsp-lspet', 'mpii'"),
    ("lspet", {"size": 8}, "size: got 8; allowed: a whole number of pixels >= 16"),
    ("lspet", {"size": 64.0}, "size: got 64.0"),
    ("lspet", {"root": None}, "root: got None; allowed: a folder with lspet/joints.mat"),
    ("lspet", {"root": "no such folder"}, "root: got 'no such folder'"),
])
def test_a_wrong_request_is_named(name, options, message, root, tmp_path):
    with pytest.raises(DataError, match=message):
        load(name, **{"root": root, "cache": tmp_path / "cache"} | options)


@pytest.mark.parametrize("name", DATASETS[1:])
def test_an_empty_folder_is_named(name, tmp_path):
    with pytest.raises(DataError, match="root: got .*`check-data` says how to get it"):
        load(name, root=tmp_path, cache=tmp_path / "cache")


@pytest.mark.parametrize(("name", "image"), [
    ("lspet", "lspet/images/im00002.jpg"), ("lsp-lspet", "lsp/images/im0004.jpg"), ("mpii", "mpii/images/2.jpg"),
])
def test_missing_and_damaged_images_are_named(name, image, root, tmp_path):
    path = root / image
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=f"image: got '{path.name}'"):
        load(name, root=root, cache=tmp_path / "cache")
    path.unlink()
    with pytest.raises(DataError, match=f"images: got '1 of .* missing: {path.name}'"):
        load(name, root=root, cache=tmp_path / "cache")


def test_missing_images_are_an_error_before_any_is_decoded(root, tmp_path, monkeypatch):
    (root / "lspet" / "images" / "im00004.jpg").unlink()  # the last of all
    monkeypatch.setattr(crops, "decoded", None)
    with pytest.raises(DataError, match="images: got '1 of 4 missing: im00004.jpg'"):
        load("lsp-lspet", root=root, cache=tmp_path / "cache")


def test_arrays_of_different_lengths_are_no_data(tmp_path):
    data = load("generated", count=(2, 0), size=16, cache=tmp_path)
    fields = {name: getattr(data, name) for name in data.__dataclass_fields__}
    with pytest.raises(BroadcastError, match=r"present: got \(1, 14\); allowed: \(2, 14\)"):
        PoseData(**fields | {"present": data.present[:1]})


def test_importing_the_data_loads_nothing_heavy():
    code = "import sys, experiments.data; print([m for m in ('torch', 'PIL', 'h5py', 'tqdm') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- real photographs -----------------------------------------------------------------------------------------------

@needs_real
def test_real_lspet(tmp_path):
    """The first photographs; they are crops of the kind made here, so that most are copied pixel by pixel."""
    (tmp_path / "lspet").mkdir()
    (tmp_path / "lspet" / "images").symlink_to(REAL / "lspet" / "images")
    joints = loadmat(REAL / "lspet" / "joints.mat")["joints"][..., :SOME]
    savemat(tmp_path / "lspet" / "joints.mat", {"joints": joints})
    data = load("lspet", root=tmp_path, cache=tmp_path / "cache", size=128)
    sound(data)
    assert len(data) == SOME and data.excluded == ()
    moved = data.joints - np.where(data.present[..., None], joints[:, :2].transpose(2, 0, 1), 0)
    shift = moved[data.present].reshape(-1, 2)
    assert abs(shift).max() < 2  # a whole pixel, and half of one more where 127 pixels become 128
    copied = np.array([np.abs(rows[known]).max() < 1e-4 for rows, known in zip(moved, data.present)])
    assert copied.mean() > 0.8


@needs_real
def test_real_mpii(tmp_path):
    """The five photographs of the validation split that there are."""
    import h5py

    (tmp_path / "images").symlink_to(REAL / "mpii" / "images")
    with h5py.File(REAL / "mpii" / "valid.h5") as whole, h5py.File(tmp_path / "valid.h5", "w") as five:
        for name in whole:
            five[name] = whole[name][:5]
        head, scale = whole["normalize"][:5], whole["scale"][:5]
    data = load("mpii", root=tmp_path, cache=tmp_path / "cache", size=256)
    sound(data)
    assert data.present.sum(1).tolist() == [16, 16, 14, 14, 16]
    # The square's side is rounded up to whole pixels, by less than one of at least 400.
    np.testing.assert_allclose(data.reference, head * 256 / (200 * scale), rtol=1 / 400)
