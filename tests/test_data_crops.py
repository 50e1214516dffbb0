"""Crops: the joints stay on what they mark, and nothing else of the photograph or of the machine enters."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from experiments.data.annotations import Annotations
from experiments.data.crops import crops
from experiments.data.skeleton import LSP
from experiments.errors import DataError
from tests.pose_folders import photograph

# Resampling moves the centre of mass of a dot only by rounding each of its some hundred pixels to a grey level of 255.
DOT = 0.05


def people(where, *, present=None, **more) -> Annotations:
    """Persons of LSP's skeleton at positions (N, 14, 2), in 0.png, 1.png, ..."""
    where = np.asarray(where, float)
    names = np.array([f"{number}.png" for number in range(len(where))])
    present = np.ones(where.shape[:2], bool) if present is None else present
    return Annotations(LSP, names, where, present, np.full(len(where), "all"), **more)


def corners(low, high) -> np.ndarray:
    """14 joints in a box's corners, one after the other."""
    (left, top), (right, bottom) = low, high
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)] * 4, float)[:14]


def dots(path, where, extent=(200, 150)) -> None:
    """A black photograph with a white 9 × 9 square at each position."""
    image = np.zeros((extent[1], extent[0], 3), np.uint8)
    for x, y in np.asarray(where, int):
        image[y - 4:y + 5, x - 4:x + 5] = 255
    Image.fromarray(image).save(path)


def centre_of_mass(image: np.ndarray, near: np.ndarray, radius: float) -> np.ndarray:
    y, x = np.indices(image.shape[:2])
    weight = image[..., 0] * (np.maximum(abs(x - near[0]), abs(y - near[1])) <= radius)
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.mark.parametrize("size", [48, 64, 145, 200, 333])
@pytest.mark.parametrize("square", [{}, {"centre": np.array([[90.3, 71.7]]), "side": np.array([141.4])}])
def test_joints_stay_on_what_they_mark(size, square, tmp_path):
    where = corners((60, 40), (140, 100))
    dots(tmp_path / "0.png", where)
    annotated = people([where], head=np.array([10.0]) if square else None, **square)
    (chunk,) = crops(annotated, tmp_path, size=size)
    zoom = size / (142 if square else 144)  # of whole pixels: 141.4, and 1.8 × 80
    assert chunk.present.all() and chunk.joints.dtype == np.float32
    for joint in chunk.joints[0, :4]:
        found = centre_of_mass(chunk.images[0], joint, 4.5 * zoom + 3)
        np.testing.assert_allclose(found, joint, rtol=0, atol=DOT)
    np.testing.assert_allclose(chunk.joints[0, 1] - chunk.joints[0, 0], (80 * zoom, 0), rtol=1e-6)
    # Left shoulder (joint 9) and right hip (2) lie in opposite corners' columns: 80 pixels aside, 60 apart in height.
    length = 10 if square else np.hypot(*(where[9] - where[2]))
    np.testing.assert_allclose(chunk.reference, length * zoom, rtol=1e-6)


def test_the_square_is_1_8_times_the_box(tmp_path):
    dots(tmp_path / "0.png", corners((60, 40), (140, 100)))
    (chunk,) = crops(people([corners((60, 40), (140, 100))]), tmp_path, size=144)
    assert chunk.joints[0].min(0).tolist() == [32, 42] and chunk.joints[0].max(0).tolist() == [112, 102]


def test_a_crop_of_its_own_size_is_a_copy(tmp_path):
    where = corners((14, 14), (50, 40))
    pixels = np.random.default_rng(0).integers(0, 256, (65, 65, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "0.png")
    (chunk,) = crops(people([where]), tmp_path, size=65)  # 1.8 × 36 = 64.8, and the box's middle is (32, 27)
    assert (chunk.images[0, 5:] == pixels[:60]).all()
    assert (chunk.images[0, :5] == 0).all()  # beyond the photograph
    assert (chunk.joints[0] == where + (0, 5)).all()


def test_joints_outside_are_not_present_and_do_not_widen_the_box(tmp_path):
    where = np.array([corners((60, 40), (140, 100))] * 2)
    where[1, [4, 5]] = (-30, 60), (199.5, 60)  # the last pixel's centre is 199, and it ends at 199.5
    for name in "01":
        dots(tmp_path / f"{name}.png", where[0])
    (chunk,) = crops(people(where), tmp_path, size=72)
    assert np.argwhere(~chunk.present).tolist() == [[1, 4], [1, 5]]
    assert (chunk.joints[1, [4, 5]] == 0).all()
    assert (chunk.joints[1, :4] == chunk.joints[0, :4]).all() and (chunk.images[0] == chunk.images[1]).all()


def test_joints_outside_an_annotated_square_are_not_present(tmp_path):
    where = corners((60, 40), (140, 100))
    dots(tmp_path / "0.png", where)
    annotated = people([where], centre=np.array([[60.0, 40.0]]), side=np.array([40.0]), head=np.array([9.0]))
    (chunk,) = crops(annotated, tmp_path, size=20)
    assert (chunk.present[0] == (where == (60, 40)).all(1)).all() and chunk.reference.tolist() == [4.5]


def test_no_torso_is_no_reference(tmp_path):
    where, present = np.array([corners((60, 40), (140, 100))]), np.ones((1, 14), bool)
    present[0, LSP.torso[0][0]] = False
    dots(tmp_path / "0.png", where[0])
    (chunk,) = crops(people(where, present=present), tmp_path, size=32)
    assert np.isnan(chunk.reference).tolist() == [True]


def test_grey_photographs_become_rgb(tmp_path):
    Image.new("L", (60, 60), 130).save(tmp_path / "0.png")
    (chunk,) = crops(people([corners((20, 20), (40, 40))]), tmp_path, size=36)
    assert chunk.images.shape == (1, 36, 36, 3) and (chunk.images == 130).all()


def test_the_result_does_not_depend_on_the_threads(tmp_path):
    where = np.array([corners((20, 15), (30 + number % 17, 40)) for number in range(300)])
    annotated = people(where)
    for number, name in enumerate(annotated.names):
        photograph(tmp_path / name, number)
    one, three = (list(crops(annotated, tmp_path, size=24, workers=workers)) for workers in (1, 3))
    assert len(one) == 2
    for a, b in zip(one, three):
        assert all(np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in zip(a, b))


@pytest.mark.parametrize("damage", [lambda data: data[:len(data) // 2], lambda data: b"", lambda data: b"x" + data])
def test_a_damaged_image_is_named(damage, tmp_path):
    for number in range(3):
        photograph(tmp_path / f"{number}.jpg", number)
        content = (tmp_path / f"{number}.jpg").read_bytes()
        (tmp_path / f"{number}.png").write_bytes(damage(content) if number == 1 else content)
    with pytest.raises(DataError, match="image: got '1.png'; allowed: an image that Pillow reads, in"):
        list(crops(people([corners((20, 15), (40, 40))] * 3), tmp_path, size=24))


def test_an_image_that_vanishes_is_named(tmp_path):
    photograph(tmp_path / "0.png", 0)
    with pytest.raises(DataError, match="image: got '1.png'"):
        list(crops(people([corners((20, 15), (40, 40))] * 2), tmp_path, size=24))
