"""Files in the binary form of CIFAR, of few pictures, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments.classes import data

COUNT = 60  # pictures of a file


def few_records(monkeypatch) -> None:
    """Have the loader expect files of `COUNT` records; all else of the form stays."""
    monkeypatch.setattr(data, "_FORMATS", {
        name: form._replace(records=dict.fromkeys(form.records, COUNT)) for name, form in data._FORMATS.items()})


def write_cifar(root: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The files of CIFAR-10 or CIFAR-100 with random content; pictures (N, 3, 32, 32) and classes, in their order."""
    rng = np.random.default_rng(0)
    files = {"cifar10": [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"],
             "cifar100": ["train.bin", "test.bin"]}[name]
    folder = root / {"cifar10": "cifar-10-batches-bin", "cifar100": "cifar-100-binary"}[name]
    folder.mkdir()
    images, labels = [], []
    for file in files:
        coarse, classes = rng.integers(20, size=COUNT), rng.integers(10 if name == "cifar10" else 100, size=COUNT)
        pictures = rng.integers(256, size=(COUNT, 3, 32, 32))
        names = [classes] if name == "cifar10" else [coarse, classes]
        records = np.column_stack([*names, pictures.reshape(COUNT, -1)]).astype(np.uint8)
        (folder / file).write_bytes(records.tobytes())
        images.append(pictures)
        labels.append(classes)
    return np.concatenate(images), np.concatenate(labels)
