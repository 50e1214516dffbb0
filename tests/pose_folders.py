"""Small folders in the layouts of the real data sets, made of generated pictures; and where the real ones may lie."""

from __future__ import annotations

import io
import os
from pathlib import Path

import h5py
import numpy as np
from PIL import Image
from scipy.io import savemat

ROOT = Path(__file__).parents[1]
# Data that may not lie in the repository: the folder named here, else `data` in the checkout (ignored by git), else
# shared/data beside it.
FOLDERS = [Path(os.environ["GAMMAPROB_DATA"])] if "GAMMAPROB_DATA" in os.environ else [
    ROOT / "data", ROOT.parent / "shared" / "data",
]
WIDTH, HEIGHT = 60, 48  # of the made photographs


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def real(name: str) -> Path | None:
    """The first folder of real data that has the file."""
    return next((folder for folder in FOLDERS if (folder / name).exists()), None)


def photograph(path: Path, seed: int) -> None:
    """A smooth picture that differs from every other seed's."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(path, quality=90)


def positions(count: int, joints: int = 14) -> np.ndarray:
    """Whole-numbered positions (count, joints, 2) inside the photographs, none of them in the first ten columns."""
    return np.random.default_rng(7).integers((10, 4), (WIDTH - 4, HEIGHT - 4), (count, joints, 2)).astype(float)


def write_lsp(folder: Path, count: int = 4, *, name: str = "lsp") -> np.ndarray:
    """LSP or LSPET with `count` images; joint 0 of every image has the rare flag. Returns the positions."""
    (folder / "images").mkdir(parents=True)
    for number in range(count):
        photograph(folder / "images" / f"im{number + 1:0{4 if name == 'lsp' else 5}d}.jpg", number)
    where = positions(count)
    rare = np.arange(14) == 0
    flags = np.broadcast_to(rare if name == "lsp" else ~rare, (count, 14))
    if name == "lspet":
        where[:, 0] = -3.0  # what LSPET has where nobody knows
    write_joints(folder / "joints.mat", where, flags, name)
    return where


def write_joints(path: Path, where: np.ndarray, flags: np.ndarray, name: str) -> None:
    rows = np.concatenate((where, flags[..., None]), axis=2)
    savemat(path, {"joints": rows.transpose(2, 1, 0) if name == "lsp" else rows.transpose(1, 2, 0)})


def write_h5(path: Path, names: list[str], where: np.ndarray, *, leave_out: str | None = None) -> None:
    """The hourglass's file of persons whose height is 40 pixels, in the middle of the photograph."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = len(names)
    fields = {
        "imgname": np.array(names, "S"), "part": where, "visible": np.ones((count, 16)),
        "center": np.full((count, 2), (WIDTH / 2, HEIGHT / 2 + 15 * 0.2)), "scale": np.full(count, 0.2 * 1.25),
        "normalize": np.full(count, 6.0),
    }
    with h5py.File(path, "w") as file:
        for name, value in fields.items():
            if name != leave_out:
                file[name] = value


def write_mpii(folder: Path) -> None:
    """MPII in the hourglass's form: two images and persons to train on, one to validate."""
    (folder / "images").mkdir(parents=True)
    for number in range(3):
        photograph(folder / "images" / f"{number}.jpg", number)
    where = positions(3, 16)
    where[0, 5] = 0  # missing
    write_h5(folder / "annot" / "train.h5", ["0.jpg", "1.jpg"], where[:2])
    write_h5(folder / "annot" / "valid.h5", ["2.jpg"], where[2:])


def person(where: np.ndarray, **changes) -> dict:
    """A person of the official annotation, as `write_h5` has it."""
    points = [{"id": number, "x": x, "y": y, "is_visible": "1"} for number, (x, y) in enumerate(where)]
    fields = {
        "scale": 0.2, "objpos": {"x": WIDTH / 2, "y": HEIGHT / 2}, "x1": 1.0, "y1": 2.0, "x2": 7.0, "y2": 10.0,
        "annopoints": {"point": structs(points)},
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


def structs(rows: list[dict]) -> np.ndarray:
    """A MATLAB struct array with the fields of the first row."""
    array = np.empty(len(rows), [(name, object) for name in rows[0]])
    for place, row in enumerate(rows):
        array[place] = tuple(row.get(name, np.empty(0)) for name in rows[0])
    return array


def write_release(path: Path, images: list[tuple[str, int, list[dict], list[int]]]) -> None:
    """The official file: (name, whether of the training images, persons, numbers of the single ones) an image."""
    single = np.empty(len(images), object)
    single[:] = [np.array(numbers, float) for *_, numbers in images]
    savemat(path, {"RELEASE": {
        "annolist": structs([{"image": {"name": name}, "annorect": structs(people)} for name, _, people, _ in images]),
        "img_train": np.array([train for _, train, _, _ in images]), "single_person": single,
    }})
