"""Annotation files are read as each of them means it, and a file that is not what it should be is an error."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from experiments.data.annotations import FLAGS, read_joints, read_lsp, read_mpii_h5, read_mpii_mat
from experiments.data.skeleton import LSP, MPII
from experiments.errors import DataError
from tests.pose_folders import person, positions, real, write_h5, write_joints, write_lsp, write_release

REAL = real("lspet/joints.mat")
needs_real = pytest.mark.skipif(REAL is None, reason="needs the real annotation, which is not ours to redistribute")
# Newell's file has doubles, MPII's as JSON six decimals; its centres are of a few hundred pixels.
JSON_DIGITS = 1e-6


# --- skeletons ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("skeleton", [LSP, MPII])
def test_the_swap_exchanges_sides(skeleton):
    for joint, partner in zip(skeleton.joints, skeleton.swap):
        assert skeleton.swap[skeleton.joints.index(joint)] == partner
        assert skeleton.swap[partner] == skeleton.joints.index(joint)
        sides = {joint.split()[0], skeleton.joints[partner].split()[0]}
        assert sides == {"left", "right"} or joint == skeleton.joints[partner]
    assert sum(a != b for a, b in enumerate(skeleton.swap)) == 12
    connected = {joint for limb in skeleton.limbs for joint in limb}
    assert connected == set(range(len(skeleton.joints)))


# --- LSP and LSPET --------------------------------------------------------------------------------------------------

def test_lsp_keeps_occluded_joints(tmp_path):
    where = write_lsp(tmp_path)
    people = read_lsp(tmp_path / "joints.mat", "lsp")
    assert people.present.all() and (people.joints == where).all()
    assert people.names.tolist() == ["im0001.jpg", "im0002.jpg", "im0003.jpg", "im0004.jpg"]


def test_lspet_leaves_out_joints_that_are_not_visible(tmp_path):
    where = write_lsp(tmp_path, name="lspet")
    people = read_lsp(tmp_path / "joints.mat", "lspet")
    assert not people.present[:, 0].any() and people.present[:, 1:].all()
    assert (people.joints[:, 0] == 0).all() and (people.joints[:, 1:] == where[:, 1:]).all()
    assert people.names[0] == "im00001.jpg"


@pytest.mark.parametrize("name", FLAGS)
def test_either_layout_of_the_array_is_read(name, tmp_path):
    where, flags = positions(5), np.broadcast_to((np.arange(14) > 0) == (name == "lspet"), (5, 14))
    for layout in FLAGS:
        write_joints(tmp_path / "joints.mat", where, flags, layout)
        assert (read_lsp(tmp_path / "joints.mat", name).joints[:, 1:] == where[:, 1:]).all()


@pytest.mark.parametrize(("name", "other"), [("lsp", "lspet"), ("lspet", "lsp")])
def test_the_other_flag_convention_is_seen(name, other, tmp_path):
    write_lsp(tmp_path, name=other)
    with pytest.raises(DataError, match=f"joints: got '{FLAGS[other]}'; allowed: the flag '{FLAGS[name]}' of {name}"):
        read_lsp(tmp_path / "joints.mat", name)


def test_flags_that_fit_neither_convention_are_seen(tmp_path):
    """Mostly 0, as *occluded* is, but with joints that have no position, as only *visible* has them."""
    where, flags = positions(4), np.zeros((4, 14))
    where[:, 3] = 0
    write_joints(tmp_path / "joints.mat", where, flags, "lsp")
    with pytest.raises(DataError, match="neither convention"):
        read_lsp(tmp_path / "joints.mat", "lsp")


@pytest.mark.parametrize(("content", "message"), [
    ({"points": np.ones((3, 14, 2))}, r"joints: got \['points'\]; allowed: a field 'joints'"),
    ({"joints": np.ones((3, 16, 2))}, r"joints: got \(3, 16, 2\); allowed: \(3, 14, N\)"),
    ({"joints": np.full((3, 14, 2), 2.0)}, "joints: got 2.0; allowed: flags 0 and 1"),
    ({"joints": np.stack((np.full((14, 2), np.inf), np.ones((14, 2)), np.zeros((14, 2))))}, "finite positions"),
])
def test_a_wrong_field_is_named(content, message, tmp_path):
    savemat(tmp_path / "joints.mat", content)
    with pytest.raises(DataError, match=message):
        read_lsp(tmp_path / "joints.mat", "lsp")


@pytest.mark.parametrize("kept", [0, 20, 127, 200, -40])
def test_a_damaged_mat_file_is_named(kept, tmp_path):
    path = tmp_path / "joints.mat"
    savemat(path, {"joints": np.random.default_rng(0).random((3, 14, 9))}, do_compression=True)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match="file: got 'joints.mat'; allowed: a MATLAB file"):
        read_lsp(path, "lsp")


# --- MPII -----------------------------------------------------------------------------------------------------------

def test_hourglass_file(tmp_path):
    where = positions(2, 16)
    where[1, 4] = 0
    write_h5(tmp_path / "valid.h5", ["a.jpg", "b.jpg"], where)
    people = read_mpii_h5(tmp_path / "valid.h5", "valid")
    assert np.argwhere(~people.present).tolist() == [[1, 4]] and (people.joints == where).all()
    assert people.group.tolist() == ["valid"] * 2 and people.skeleton is MPII
    assert people.side.tolist() == [50.0, 50.0] and people.head.tolist() == [6.0, 6.0]


def test_names_as_character_codes(tmp_path):
    write_h5(tmp_path / "valid.h5", ["a.jpg"], positions(1, 16), leave_out="imgname")
    with h5py.File(tmp_path / "valid.h5", "a") as file:
        file["imgname"] = np.array([[*b"a.jpg", 0, 0]], float)
    assert read_mpii_h5(tmp_path / "valid.h5", "valid").names.tolist() == ["a.jpg"]


@pytest.mark.parametrize("field", ["imgname", "part", "center", "scale", "normalize"])
def test_a_missing_field_is_named(field, tmp_path):
    write_h5(tmp_path / "valid.h5", ["a.jpg"], positions(1, 16), leave_out=field)
    with pytest.raises(DataError, match=f"field: got '{field}'"):
        read_mpii_h5(tmp_path / "valid.h5", "valid")


@pytest.mark.parametrize(("field", "value", "message"), [
    ("part", np.ones((1, 14, 2)), r"part: got \(1, 14, 2\); allowed: the shape \(1, 16, 2\)"),
    ("scale", [np.nan], "persons: got .*a.jpg"), ("normalize", [0.0], "persons: got .*a.jpg"),
])
def test_a_wrong_value_is_named(field, value, message, tmp_path):
    write_h5(tmp_path / "valid.h5", ["a.jpg"], positions(1, 16), leave_out=field)
    with h5py.File(tmp_path / "valid.h5", "a") as file:
        file[field] = value
    with pytest.raises(DataError, match=message):
        read_mpii_h5(tmp_path / "valid.h5", "valid")


def test_a_damaged_h5_file_is_named(tmp_path):
    (tmp_path / "valid.h5").write_bytes(b"not this")
    with pytest.raises(DataError, match="file: got 'valid.h5'; allowed: an HDF5 file"):
        read_mpii_h5(tmp_path / "valid.h5", "valid")


def test_official_file_agrees_with_the_hourglass_file(tmp_path):
    """The same person in both forms; 0.6 × the diagonal of a head's box of 6 × 8 pixels is 6."""
    where = positions(1, 16)
    write_h5(tmp_path / "train.h5", ["a.jpg"], where)
    write_release(tmp_path / "mpii.mat", [("a.jpg", 1, [person(where[0])], [1])])
    one, other = read_mpii_mat(tmp_path / "mpii.mat"), read_mpii_h5(tmp_path / "train.h5", "train")
    for column in ("names", "joints", "present", "group", "centre", "side", "head"):
        assert getattr(one, column).tolist() == getattr(other, column).tolist()


def test_official_file_gives_single_annotated_persons_of_training_images(tmp_path):
    where = positions(6, 16)
    bare = person(where[0], annopoints=np.empty(0))
    write_release(tmp_path / "mpii.mat", [
        ("two.jpg", 1, [person(where[0]), person(where[1]), person(where[2])], [1, 3]),
        ("test.jpg", 0, [person(where[5])], [1]),
        ("bare.jpg", 1, [bare], [1]),
        ("none.jpg", 1, [person(where[3])], []),
        ("few.jpg", 1, [person(where[4][:3])], [1]),
    ])
    people = read_mpii_mat(tmp_path / "mpii.mat")
    assert people.names.tolist() == ["two.jpg", "two.jpg", "few.jpg"]
    assert (people.joints[:2] == where[[0, 2]]).all()
    assert np.flatnonzero(people.present[2]).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("people", "message"), [
    ([person(positions(1, 16)[0], scale=None)], "annolist: got .*a.jpg"),
    ([person(positions(1, 16)[0], x2=None)], "annolist: got .*a.jpg"),
    ([person(positions(1, 16)[0], annopoints=np.empty(0))], "RELEASE: got 'no person'"),
])
def test_a_wrong_person_of_the_official_file_is_named(people, message, tmp_path):
    write_release(tmp_path / "mpii.mat", [("a.jpg", 1, people, [1])])
    with pytest.raises(DataError, match=message):
        read_mpii_mat(tmp_path / "mpii.mat")


@pytest.mark.parametrize("content", [{"joints": np.ones((3, 14, 2))}, {"RELEASE": {"annolist": 1.0}}])
def test_another_mat_file_is_no_release(content, tmp_path):
    savemat(tmp_path / "mpii.mat", content)
    with pytest.raises(DataError, match="RELEASE: got .*single_person.* is not the official annotation"):
        read_mpii_mat(tmp_path / "mpii.mat")


# --- real files -----------------------------------------------------------------------------------------------------

@needs_real
def test_real_lsp():
    people = read_lsp(REAL / "lsp" / "joints.mat", "lsp")
    _, flags = read_joints(REAL / "lsp" / "joints.mat")
    assert len(people) == 2000 and people.present.all() and round(flags.mean(), 3) == 0.073
    with pytest.raises(DataError, match="allowed: the flag 'visible' of lspet"):
        read_lsp(REAL / "lsp" / "joints.mat", "lspet")


@needs_real
def test_real_lspet():
    people = read_lsp(REAL / "lspet" / "joints.mat", "lspet")
    torso = [joint for diagonal in LSP.torso for joint in diagonal]
    assert len(people) == 10000 and people.present.any(1).all()
    assert (~people.present[:, torso].all(1)).sum() == 3976  # as many persons have no complete torso
    with pytest.raises(DataError, match="allowed: the flag 'occluded' of lsp"):
        read_lsp(REAL / "lspet" / "joints.mat", "lsp")


@needs_real
def test_real_mpii():
    """The hourglass's file against the same persons in a form that has the official centre and scale."""
    people = read_mpii_h5(REAL / "mpii" / "valid.h5", "valid")
    assert len(people) == 2958
    official = json.loads((REAL / "mpii" / "test_mpii.json").read_text(encoding="utf-8"))
    assert len(official) == 5
    for row, entry in enumerate(official):
        x, y = entry["center"]
        assert people.names[row] == entry["image"]
        np.testing.assert_allclose(people.side[row], 250 * entry["scale"], rtol=0, atol=250 * JSON_DIGITS)
        np.testing.assert_allclose(people.centre[row], (x, y + 15 * entry["scale"]), rtol=0, atol=15 * JSON_DIGITS)
        assert people.present[row].tolist() == [bool(seen) for seen in entry["joints_vis"]]


@pytest.mark.parametrize(("field", "value"), [
    ("part", {}), ("part", np.full((1, 16, 2), b"x")), ("scale", [b"x"]), ("imgname", 5), ("imgname", [1.0]),
    ("imgname", np.full((1, 3), 300)), ("imgname", [b"\xff.jpg"]),
])
def test_a_field_of_another_kind_is_named(field, value, tmp_path):
    content = {"part": np.full((1, 16, 2), 30.0), "center": [[40.0, 40.0]], "scale": [0.5], "normalize": [12.0],
               "imgname": [b"a.jpg"]} | {field: value}
    with h5py.File(tmp_path / "valid.h5", "w") as file:
        for name, entry in content.items():
            file.create_group(name) if isinstance(entry, dict) else file.create_dataset(name, data=entry)
    with pytest.raises(DataError, match=field):
        read_mpii_h5(tmp_path / "valid.h5", "valid")


@pytest.mark.parametrize("value", [
    np.full((14, 3, 2), "a"), np.full((14, 3, 2), 1.0, dtype=object), np.ones((14, 3, 2), complex),
])
def test_joints_that_are_no_real_numbers_are_named(value, tmp_path):
    savemat(tmp_path / "joints.mat", {"joints": value})
    with pytest.raises(DataError, match="joints: got .*allowed: real numbers"):
        read_joints(tmp_path / "joints.mat")
