"""Pictures with a class each: scikit-learn's digits, and the binary files of CIFAR-10 and CIFAR-100.

All are held as uint8 of shape (N, S, S, 3), red, green and blue, so that `experiments.data.batches.render` draws views
of them as of any other picture; the three are equal in a grey one.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.classes.config import ClassConfig
from experiments.errors import DataError
from experiments.seeds import stream

__all__ = ["ClassData", "Shares", "load", "read_records", "share"]

SIDE = 32  # of a picture of CIFAR
_TEST_DIGITS = 797  # the last of the 1,797, for every seed


class ClassData(NamedTuple):
    """A data set: pictures, their classes, and which of them are for testing alone."""

    name: str
    images: np.ndarray  # (N, S, S, 3) uint8
    labels: np.ndarray  # (N,) int64, from 0
    classes: int
    train: np.ndarray  # (M,) int64, rows that may be learned from
    test: np.ndarray  # (N − M,) int64

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the pictures and classes."""
        return hashlib.sha256(self.images.tobytes() + self.labels.tobytes()).hexdigest()

    @property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of red, green and blue over what may be learned from, in [0, 1]."""
        pictures = self.images[self.train]
        return pictures.mean((0, 1, 2)) / 255, pictures.std((0, 1, 2)) / 255


class _Format(NamedTuple):
    """The binary form of one CIFAR: records of label bytes, then red, green and blue, row by row."""

    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    records: dict[str, int]
    labels: tuple[int, ...]  # the number of classes that each label byte names, the last the one to learn


_BATCHES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_FORMATS = {
    "cifar10": _Format("cifar-10-batches-bin", _BATCHES, ("test_batch.bin",),
                       dict.fromkeys((*_BATCHES, "test_batch.bin"), 10_000), (10,)),
    "cifar100": _Format("cifar-100-binary", ("train.bin",), ("test.bin",), {"train.bin": 50_000, "test.bin": 10_000},
                        (20, 100)),
}


def load(config: ClassConfig) -> ClassData:
    """The data set of a configuration.

    Raises `DataError` for a folder or file that is missing or of a wrong size, for a label that does not exist, and for
    more labelled pictures than there are.

    >>> data = load(ClassConfig())
    >>> data.images.shape, data.classes, len(data.train), len(data.test)
    ((1797, 8, 8, 3), 10, 1000, 797)
    """
    data = _digits() if config.dataset == "digits" else _cifar(config.dataset, config.root)
    left = len(data.train) - config.validation
    if left < max(config.train, config.batch):
        raise DataError(
            "train", config.train or "all that are left",
            f"at least a batch ({config.batch}), and no more than the {max(left, 0)} pictures of {data.name} that are "
            "neither for testing nor for validation", "lower --train, --batch or --validation",
        )
    return data


def _digits() -> ClassData:
    from sklearn.datasets import load_digits  # takes a second to load

    found = load_digits()
    grey = (found.images * (255 / 16)).round().astype(np.uint8)  # from 0 to 16
    rows = np.arange(len(grey))
    return ClassData("digits", np.repeat(grey[..., None], 3, axis=3), found.target.astype(np.int64), 10,
                     rows[:-_TEST_DIGITS], rows[-_TEST_DIGITS:])


def _cifar(name: str, root: str | None) -> ClassData:
    form = _FORMATS[name]
    if root is None:
        raise DataError("root", None, f"the folder that {form.folder} lies in", "pass --root")
    folder = Path(root) / form.folder
    parts = [read_records(folder / file, form.labels, form.records[file]) for file in (*form.train, *form.test)]
    images, labels = (np.concatenate(part) for part in zip(*parts))
    tested = sum(form.records[file] for file in form.test)
    rows = np.arange(len(labels))
    return ClassData(name, images, labels, form.labels[-1], rows[:-tested], rows[-tested:])


def read_records(path: Path, labels: tuple[int, ...], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (count, 32, 32, 3) and classes (count,) of a binary file of CIFAR.

    A record is one byte a label, below the number in `labels` each, and 32 · 32 bytes each of red, green and blue. The
    last label is the class. Raises `DataError` for a file that is missing, too short or too long, or has another label.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "two.bin"
    ...     _ = path.write_bytes(bytes([3]) + bytes(3072) + bytes([7]) + bytes(3072))
    ...     images, classes = read_records(path, (10,), 2)
    >>> images.shape, classes
    ((2, 32, 32, 3), array([3, 7]))
    """
    length = len(labels) + 3 * SIDE * SIDE
    whole = f"{count} records of {length} bytes, {count * length} in all"
    again = "unpack the archive of the binary version again"
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        there = f"{again}, so that {path.parent.name} lies in --root"
        raise DataError(path.name, error.strerror, whole, there) from error
    if content.size != count * length:
        raise DataError(path.name, f"{content.size} bytes", whole, again)
    records = content.reshape(count, length)
    for place, classes in enumerate(labels):
        wrong = np.flatnonzero(records[:, place] >= classes)
        if wrong.size:
            raise DataError(
                path.name, f"label {records[wrong[0], place]} in record {wrong[0]}", f"labels from 0 to {classes - 1}",
                again,
            )
    images = records[:, len(labels):].reshape(count, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, len(labels) - 1].astype(np.int64)


class Shares(NamedTuple):
    """The rows that a seed learns from and those that it watches, ascending."""

    train: np.ndarray
    validation: np.ndarray


def share(data: ClassData, config: ClassConfig, seed: int) -> Shares:
    """The shares of a seed: the same for every loss, and for more labelled pictures the same validation.

    >>> found = share(load(ClassConfig()), ClassConfig(train=100), seed=0)
    >>> len(found.train), len(found.validation), np.intersect1d(*found).size
    (100, 200, 0)
    """
    order = np.random.default_rng(stream(seed, "shares")).permutation(data.train)
    watched, left = order[: config.validation], order[config.validation:]
    return Shares(np.sort(left[: config.train or None]), np.sort(watched))
