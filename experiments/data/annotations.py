"""Readers of real annotation files: LSP and LSPET (`joints.mat`), MPII (the official `.mat`, the hourglass's `.h5`).

Coordinates stay as the files have them. They were made with MATLAB, whose first pixel is 1; whether the annotators'
points count from 1 is said by none of the files, and half a pixel of a photograph is far below their accuracy.

The third row of LSP and of LSPET means opposite things. LSP's is *occluded*: each joint has a position, and 7 % of the
flags are 1. LSPET's is *visible*: 12 % of the flags are 0, and these joints have no position. A file that contradicts
what its data set should have is an error, because either mistake trains a network on points that nobody marked.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from experiments.errors import DataError

from .skeleton import LSP, MPII, Skeleton

__all__ = [
    "Annotations", "FLAGS", "MOST_ODD", "flag_convention", "missing_images", "odd_positions", "read_joints", "read_lsp",
    "read_mpii_h5", "read_mpii_mat", "require_images",
]  # fmt: skip

FLAGS = {"lsp": "occluded", "lspet": "visible"}  # what the third row of joints.mat means
MOST_ODD = 0.01  # share of odd positions among known joints; 8 of the 123,213 visible joints of LSPET lie outside
_PERSON_PIXELS = 200.0  # MPII's scale is a person's height in units of this
_HOURGLASS_SCALE, _HOURGLASS_SHIFT = 1.25, 15.0  # the hourglass sees more of the picture, and more of the legs
_HEAD = 0.6  # MPII's head size is this much of the diagonal of the head's box
_H5_FIELDS = ("center", "scale", "part", "imgname", "normalize")
_RELEASE_FIELDS = ("annolist", "img_train", "single_person")


@dataclass(frozen=True)
class Annotations:
    """What the files say of N persons, in pixels of the photographs.

    Without `centre` and `side`, the square to crop is that around the joints; without `head`, the metric's reference
    length is the torso.
    """

    skeleton: Skeleton
    names: np.ndarray  # (N,) str: file names of the photographs
    joints: np.ndarray  # (N, J, 2) float64: x, y
    present: np.ndarray  # (N, J) bool: the position is known
    group: np.ndarray  # (N,) str
    centre: np.ndarray | None = None  # (N, 2) float64: of the square to crop
    side: np.ndarray | None = None  # (N,) float64: of the square to crop
    head: np.ndarray | None = None  # (N,) float64: head size

    def __len__(self) -> int:
        return len(self.names)

    def rows(self, chosen) -> Annotations:
        """The same columns for the chosen rows: a slice, row numbers or a mask."""
        columns = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "skeleton"}
        return replace(self, **{name: column[chosen] for name, column in columns.items() if column is not None})


# --- LSP and LSPET --------------------------------------------------------------------------------------------------

def read_lsp(path: Path, name: str) -> Annotations:
    """The annotation of "lsp" or "lspet" from its `joints.mat`, (3, 14, N) or (14, 3, N).

    Raises `DataError` for an unreadable file, a field `joints` that is missing or of another shape, flags that are
    neither 0 nor 1, and a flag convention that is not the data set's.

    >>> import tempfile
    >>> from scipy.io import savemat
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     joints = np.ones((3, 14, 2)) * [[[40.0]], [[60.0]], [[0.0]]]
    ...     savemat(f"{folder}/joints.mat", {"joints": joints})
    ...     read = read_lsp(Path(folder) / "joints.mat", "lsp")
    >>> read.names.tolist(), read.joints[0, 0].tolist(), bool(read.present.all())
    (['im0001.jpg', 'im0002.jpg'], [40.0, 60.0], True)
    """
    positions, flags = read_joints(path)
    if not np.isin(flags, (0.0, 1.0)).all():
        raise DataError("joints", float(flags[~np.isin(flags, (0, 1))][0]), "flags 0 and 1 in the third row",
                        f"{path} is not the file of {name}")
    found = flag_convention(positions, flags)
    if found != FLAGS[name]:
        raise DataError(
            "joints", found or "flags that fit neither convention", f"the flag '{FLAGS[name]}' of {name}",
            f"{path} is of another data set: put each joints.mat into the folder of its own",
        )
    present = flags == 1 if found == "visible" else np.ones(flags.shape, bool)
    if not np.isfinite(positions[present]).all():
        raise DataError("joints", "a NaN or an infinity", "finite positions of known joints", f"get {path} again")
    digits = 5 if name == "lspet" else 4
    names = np.array([f"im{number:0{digits}d}.jpg" for number in range(1, len(flags) + 1)])
    return Annotations(LSP, names, np.where(present[..., None], positions, 0), present, np.full(len(flags), name))


def flag_convention(positions: np.ndarray, flags: np.ndarray) -> str | None:
    """What flags (N, J) of positions (N, J, 2) mean: "occluded", "visible", or None where neither fits.

    Most joints are seen, so that a flag that is mostly 1 is *visible* and one that is mostly 0 is *occluded*. That must
    agree with the positions: where the joint is known (all joints; those with flag 1), hardly any may be odd.

    >>> positions = np.full((1, 4, 2), 50.0)
    >>> flag_convention(positions, np.array([[0, 0, 1, 0]])), flag_convention(positions, np.array([[1, 0, 1, 1]]))
    ('occluded', 'visible')
    >>> positions[0, 1] = 0
    >>> flag_convention(positions, np.array([[0, 0, 1, 0]])), flag_convention(positions, np.array([[1, 0, 1, 1]]))
    (None, 'visible')
    """
    convention = "visible" if np.mean(flags) > 0.5 else "occluded"
    known = flags == 1 if convention == "visible" else np.ones(np.shape(flags), bool)
    return convention if odd_positions(positions)[known].mean() <= MOST_ODD else None


def odd_positions(positions: np.ndarray) -> np.ndarray:
    """Which of the positions (..., 2) cannot be in a photograph: (0, 0), negative, or no number.

    >>> odd_positions(np.array([[0.0, 0.0], [0.0, 3.0], [-1.0, 3.0], [np.nan, 3.0]])).tolist()
    [True, False, True, True]
    """
    return ~(positions >= 0).all(-1) | (positions == 0).all(-1)


def read_joints(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Positions (N, 14, 2) and flags (N, 14) of a `joints.mat`, (3, 14, N) or (14, 3, N), whatever the flags mean.

    >>> read_joints(Path("nowhere.mat"))
    Traceback (most recent call last):
    ...
    experiments.errors.DataError: file: got 'nowhere.mat'; allowed: a MATLAB file that SciPy reads, in .; ...
    """
    content = _loadmat(path)
    if "joints" not in content:
        raise DataError("joints", sorted(key for key in content if not key.startswith("__")), "a field 'joints'",
                        f"{path} is not the annotation of LSP or LSPET")
    joints = content["joints"]
    if joints.ndim == 2:  # MATLAB drops the last dimension of a single image
        joints = joints[..., None]
    if joints.ndim != 3 or joints.shape[2] == 0 or sorted(joints.shape[:2]) != [3, 14]:
        raise DataError("joints", joints.shape, "(3, 14, N) of LSP or (14, 3, N) of LSPET", f"get {path} again")
    if joints.dtype.kind not in "fiu":
        raise DataError("joints", joints.dtype, "real numbers", f"{path} is not the annotation of LSP or LSPET")
    joints = np.moveaxis(joints, 2, 0) if joints.shape[0] == 14 else joints.transpose(2, 1, 0)
    return joints[..., :2], joints[..., 2]


def _loadmat(path: Path, **options) -> dict:
    from scipy.io import loadmat  # scipy.io takes a tenth of a second to load

    try:
        return loadmat(path, **options)
    except Exception as error:  # of damaged bytes SciPy's parser makes nearly any of Python's errors
        raise DataError("file", path.name, f"a MATLAB file that SciPy reads, in {path.parent}",
                        f"get it again, it seems damaged ({error})") from error


# --- MPII -----------------------------------------------------------------------------------------------------------

def read_mpii_h5(path: Path, group: str) -> Annotations:
    """MPII persons from the hourglass's `train.h5` or `valid.h5`; `group` is "train" or "valid".

    The scale is already × 1.25 and the centre already lower by 15 × scale; a joint at (0, 0) is missing; `normalize` is
    0.6 × the diagonal of the head's box. Raises `DataError` for an unreadable file and a missing or misshapen field.

    >>> import h5py, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with h5py.File(f"{folder}/valid.h5", "w") as file:
    ...         file["part"], file["center"] = np.full((1, 16, 2), 30.0), [[40.0, 40.0]]
    ...         file["scale"], file["normalize"], file["imgname"] = [0.5], [12.0], [b"a.jpg"]
    ...     read = read_mpii_h5(Path(folder) / "valid.h5", "valid")
    >>> read.names.tolist(), read.side.tolist(), read.head.tolist()
    (['a.jpg'], [100.0], [12.0])
    """
    import h5py

    try:
        with h5py.File(path) as file:
            content = {name: file[name][()] for name in _H5_FIELDS if isinstance(file.get(name), h5py.Dataset)}
    except OSError as error:
        raise DataError("file", path.name, f"an HDF5 file, in {path.parent}",
                        f"get it again, it seems damaged ({error})") from error
    missing = [name for name in _H5_FIELDS if name not in content]
    if missing:
        raise DataError("field", ", ".join(missing), "the fields " + ", ".join(_H5_FIELDS),
                        f"{path} is not in the hourglass's format")
    count = content["imgname"].shape[0] if np.ndim(content["imgname"]) else 0
    if not count:
        raise DataError("imgname", "no person", "at least one", f"{path} is empty: get it again")
    shapes = {"part": (count, 16, 2), "center": (count, 2), "scale": (count,), "normalize": (count,)}
    for name, shape in shapes.items():
        if np.shape(content[name]) != shape:
            raise DataError(name, np.shape(content[name]), f"the shape {shape}",
                            f"{path} is not in the hourglass's format")
        if content[name].dtype.kind not in "fiu":
            raise DataError(name, content[name].dtype, "numbers", f"{path} is not in the hourglass's format")
    joints = content["part"].astype(float)
    names = content["imgname"]
    try:
        if names.dtype.kind in "fiu":  # the older form of the files has a row of character codes a name
            names = np.array([bytes(int(code) for code in row if code) for row in names])
        names = np.char.decode(names.astype("S"), "utf-8")
    except (TypeError, ValueError) as error:
        raise DataError("imgname", str(error), "names of images, or rows of their character codes",
                        f"{path} is not in the hourglass's format") from error
    return _sound(path, Annotations(
        MPII, names, joints, ~(joints == 0).all(-1), np.full(count, group),
        content["center"].astype(float), _PERSON_PIXELS * content["scale"], content["normalize"].astype(float),
    ))


def read_mpii_mat(path: Path) -> Annotations:
    """The annotated single persons of MPII's training images from the official file's `RELEASE` struct, group "train".

    Scale, centre and head size are brought to the hourglass's convention. The file's own test images have no joints,
    and of the papers' validation split (Newell's, part of the training images) it knows nothing.
    Raises `DataError` for an unreadable file and a missing field.

    >>> import tempfile
    >>> from scipy.io import savemat
    >>> person = {"scale": 2.0, "objpos": {"x": 50.0, "y": 60.0}, "x1": 0.0, "y1": 0.0, "x2": 30.0, "y2": 40.0,
    ...           "annopoints": {"point": {"id": 9, "x": 15.0, "y": 1.0}}}
    >>> image = {"image": {"name": "a.jpg"}, "annorect": person}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     savemat(f"{folder}/a.mat", {"RELEASE": {"annolist": image, "img_train": 1, "single_person": 1}})
    ...     read = read_mpii_mat(Path(folder) / "a.mat")
    >>> read.names.tolist(), read.centre.tolist(), read.side.tolist(), read.head.tolist()
    (['a.jpg'], [[50.0, 90.0]], [500.0], [30.0])
    """
    content = _loadmat(path, squeeze_me=True, struct_as_record=False)
    release = content.get("RELEASE")
    missing = [name for name in _RELEASE_FIELDS if not hasattr(release, name)]
    if missing:
        raise DataError("RELEASE", ", ".join(missing), "a struct with " + ", ".join(_RELEASE_FIELDS),
                        f"{path} is not the official annotation of MPII")
    people = [
        person
        for image, train, single in zip(*(np.atleast_1d(getattr(release, name)) for name in _RELEASE_FIELDS))
        if train for person in _people(path, image, single)
    ]
    if not people:
        raise DataError("RELEASE", "no person", "single persons with joints", f"{path} is not complete: get it again")
    names, joints, centre, scale, head = (np.array(column) for column in zip(*people))
    return _sound(path, Annotations(
        MPII, names, np.nan_to_num(joints), ~np.isnan(joints).any(-1), np.full(len(names), "train"), centre,
        _PERSON_PIXELS * scale, head,
    ))


def _sound(path: Path, people: Annotations) -> Annotations:
    """The same; `DataError` for a person without a place, a size or a head size."""
    sound = np.isfinite(people.centre).all(1) & (people.side > 0) & np.isfinite(people.side) & (people.head > 0)
    sound &= np.isfinite(people.joints).all((1, 2))
    if not sound.all():
        raise DataError("persons", people.names[~sound][0], "finite joints and centres, scales and head sizes > 0",
                        f"{path} is damaged: get it again")
    return people


def _people(path: Path, image, single) -> list[tuple]:
    """(name, joints, centre, scale, head size) of an image's single persons, in the hourglass's convention."""
    found = []
    try:
        people = np.atleast_1d(image.annorect)
        for number in np.atleast_1d(single):
            person = people[int(number) - 1]
            points = getattr(getattr(person, "annopoints", None), "point", None)
            if points is None:  # a box without joints
                continue
            joints = np.full((16, 2), np.nan)
            for point in np.atleast_1d(points):
                joints[int(point.id)] = point.x, point.y
            scale = float(person.scale)
            centre = np.array([person.objpos.x, person.objpos.y + _HOURGLASS_SHIFT * scale])
            head = _HEAD * float(np.hypot(person.x2 - person.x1, person.y2 - person.y1))
            found.append((str(image.image.name), joints, centre, _HOURGLASS_SCALE * scale, head))
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        name = getattr(getattr(image, "image", None), "name", "an image without a name")
        raise DataError("annolist", f"{name}: {error}", "annorect with annopoints, objpos, scale and the head's box",
                        f"{path} is not the official annotation of MPII, or damaged") from error
    return found


# --- their images ---------------------------------------------------------------------------------------------------

def missing_images(people: Annotations, images: Path) -> list[str]:
    """Names of annotated images that are not in the folder, sorted.

    >>> nobody = np.zeros((1, 14, 2))
    >>> missing_images(Annotations(LSP, np.array(["a.jpg"]), nobody, nobody[..., 0] > 0, np.array(["lsp"])), Path("no"))
    ['a.jpg']
    """
    there = {entry.name for entry in os.scandir(images)} if images.is_dir() else set()
    return sorted(set(people.names.tolist()) - there)


def require_images(people: Annotations, images: Path) -> None:
    """Raise `DataError` with names if annotated images are missing: before any is decoded.

    >>> nobody = np.zeros((1, 14, 2))
    >>> require_images(Annotations(LSP, np.array(["a.jpg"]), nobody, nobody[..., 0] > 0, np.array(["lsp"])), Path("no"))
    Traceback (most recent call last):
    ...
    experiments.errors.DataError: images: got '1 of 1 missing: a.jpg'; allowed: all annotated images in no; ...
    """
    missing = missing_images(people, images)
    if missing:
        raise DataError(
            "images", f"{len(missing)} of {len(set(people.names.tolist()))} missing: {', '.join(missing[:3])}",
            f"all annotated images in {images}", "unpack the images again; `check-data` lists what is missing",
        )
