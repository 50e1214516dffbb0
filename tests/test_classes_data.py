"""Pictures with a class each: the digits, files in the form of CIFAR, and what is refused of either."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.classes import data
from experiments.classes.config import ClassConfig
from experiments.classes.data import load, read_records, share
from experiments.errors import DataError
from tests.cifar import COUNT, few_records, write_cifar


# --- digits ----------------------------------------------------------------------------------------------------------

def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    found, wanted = load(ClassConfig()), load_digits()
    assert (found.images == np.rint(wanted.images * 255 / 16)[..., None]).all()
    assert (found.labels == wanted.target).all()
    assert sorted([*found.train, *found.test]) == list(range(1797))


def test_shares_are_apart_and_of_the_seed():
    found = load(ClassConfig())
    shares = [share(found, ClassConfig(), seed) for seed in (0, 1)]
    for train, validation in shares:
        assert len(train) == 100 and len(validation) == 200
        assert not set(train) & set(validation) and not (set(train) | set(validation)) & set(found.test)
    assert set(shares[0].train) != set(shares[1].train)
    more = share(found, ClassConfig(train=0), 0)
    assert len(more.train) == 800 and (more.validation == shares[0].validation).all()
    assert set(shares[0].train) < set(more.train)


@pytest.mark.parametrize("changes", [{"train": 801}, {"validation": 901}, {"validation": 951, "train": 0}])
def test_more_labels_than_pictures(changes):
    load(ClassConfig(train=800))  # the most that there are
    with pytest.raises(DataError, match="train: got .* pictures of digits that are neither for testing nor"):
        load(ClassConfig(**changes))


# --- CIFAR -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, classes", [("cifar10", 10), ("cifar100", 100)])
def test_files_of_the_form_are_read_as_written(tmp_path, monkeypatch, name, classes):
    few_records(monkeypatch)
    images, labels = write_cifar(tmp_path, name)
    found = load(ClassConfig(dataset=name, root=str(tmp_path), train=0, validation=10, batch=20))
    assert found.classes == classes and len(found.test) == COUNT
    assert (found.labels == labels).all() and labels.max() > classes / 2
    # What was written has red, green and blue as planes.
    assert (found.images == images.transpose(0, 2, 3, 1)).all()


def test_one_byte_is_one_pixel(tmp_path):
    """Of one colour, at the byte where the format has it."""
    record = np.zeros(1 + 3072, np.uint8)
    record[1 + 2 * 1024 + 5 * 32 + 7] = 200  # blue, row 5, column 7
    record.tofile(tmp_path / "one.bin")
    (image,), _ = read_records(tmp_path / "one.bin", (10,), 1)
    assert np.argwhere(image).tolist() == [[5, 7, 2]] and image[5, 7, 2] == 200


@pytest.mark.parametrize("name, bytes_", [("cifar10", 30_730_000), ("cifar100", 153_700_000)])
def test_the_real_files_have_a_size(tmp_path, name, bytes_):
    """The published sizes of data_batch_1.bin and train.bin, which the files of the other tests do not have."""
    form = data._FORMATS[name]
    path = tmp_path / form.folder / form.train[0]
    path.parent.mkdir()
    path.write_bytes(bytes(100))
    with pytest.raises(DataError, match=f"{path.name}: got '100 bytes'; allowed: .* {bytes_} in all"):
        load(ClassConfig(dataset=name, root=str(tmp_path)))


def test_damaged_files(tmp_path, monkeypatch):
    few_records(monkeypatch)
    write_cifar(tmp_path, "cifar100")
    config = ClassConfig(dataset="cifar100", root=str(tmp_path), train=40, validation=10, batch=20)
    path = tmp_path / "cifar-100-binary" / "test.bin"
    whole = path.read_bytes()
    load(config)
    for damaged, said in (
        (whole[:-1], "test.bin: got '.* bytes'"), (whole + b"0", "test.bin: got '.* bytes'"),
        (bytes([20]) + whole[1:], "label 20 in record 0'; allowed: labels from 0 to 19"),
        (whole[:3075] + bytes([100]) + whole[3076:], "label 100 in record 1'; allowed: labels from 0 to 99"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=said):
            load(config)
    path.unlink()
    with pytest.raises(DataError, match="test.bin: got 'No such file .* so that cifar-100-binary lies in --root"):
        load(config)


def test_no_folder():
    with pytest.raises(DataError, match="root: got None; allowed: the folder that cifar-10-batches-bin lies in"):
        load(ClassConfig(dataset="cifar10"))
