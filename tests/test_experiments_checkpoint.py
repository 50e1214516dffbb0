"""Files are there whole or not at all, a damaged one is refused by name, and none of them runs code."""

from __future__ import annotations

import errno
import io
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments import checkpoint
from experiments.checkpoint import load, locked, read_arrays, read_json, save, write, write_arrays, write_json
from experiments.errors import CheckpointError
from tests.cells import ROOT

STATE = {"identity": "abc", "weights": torch.arange(4.0), "log": [{"loss": 0.5}], "best": {"weights": None}}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- writing --------------------------------------------------------------------------------------------------------

def test_write_replaces_what_was_there(tmp_path):
    write(tmp_path / "new" / "a", b"first")
    write(tmp_path / "new" / "a", b"second")
    assert (tmp_path / "new" / "a").read_bytes() == b"second" and names(tmp_path / "new") == ["a"]


@pytest.mark.parametrize("function", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_fails_leaves_the_last_good_state(function, number, tmp_path, monkeypatch):
    save(tmp_path / "a.pt", STATE)

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(checkpoint.os, function, fail)
    with pytest.raises(CheckpointError, match=rf"a\.pt: got '{os.strerror(number)}'.*make room.*same command again"):
        save(tmp_path / "a.pt", STATE | {"weights": torch.zeros(1000)})
    monkeypatch.undo()
    assert names(tmp_path) == ["a.pt"]
    assert load(tmp_path / "a.pt", "abc")["weights"].equal(STATE["weights"])


def test_a_file_that_outgrows_its_disk(tmp_path):
    """The limit of a process on the length of its files fails in write itself, as a full disk does."""
    code = """
import resource, signal, sys
from pathlib import Path
from experiments.checkpoint import write
from experiments.errors import CheckpointError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
write(Path(sys.argv[1]), b"good")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write(Path(sys.argv[1]), bytes(10000))
except CheckpointError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], cwd=ROOT, capture_output=True, text=True)
    assert "got 'File too large'; allowed: a place that can be written; make room" in done.stdout, done.stderr
    assert (tmp_path / "a").read_bytes() == b"good" and names(tmp_path) == ["a"]


def test_a_place_that_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="choose another --out"):
        write_json(tmp_path / "file" / "a.json", {})


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "a", {"a": [float("nan"), (1.5, None)], 3: {"b": float("nan")}})
    assert read_json(tmp_path / "a") == {"a": [None, [1.5, None]], "3": {"b": None}}
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a", {"a": float("inf")})
    assert read_json(tmp_path / "a")["a"][0] is None


def test_arrays_return_as_they_were(tmp_path):
    arrays = {"ll/epoch": np.arange(3, dtype=np.int16), "empty": np.empty((0, 2), np.float32)}
    write_arrays(tmp_path / "a.npz", arrays)
    found = read_arrays(tmp_path / "a.npz")
    assert found.keys() == arrays.keys()
    assert all(found[name].dtype == arrays[name].dtype and np.array_equal(found[name], arrays[name]) for name in arrays)


# --- reading what is damaged ----------------------------------------------------------------------------------------

def written(path: Path) -> bytes:
    if path.suffix == ".pt":
        save(path, STATE)
    else:
        write_arrays(path, {"a": np.arange(100), "b": np.zeros(3)})
    return path.read_bytes()


def read(path: Path):
    return load(path, "abc") if path.suffix == ".pt" else read_arrays(path)


@pytest.mark.parametrize("name", ["a.pt", "a.npz"])
def test_truncated_at_any_length(name, tmp_path):
    path = tmp_path / name
    content = written(path)
    read(path)
    for length in [*range(0, len(content), 7), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="remove the folder.*run the same command again"):
            read(path)


@pytest.mark.parametrize("name", ["a.pt", "a.npz"])
def test_a_changed_byte_is_refused_or_harmless(name, tmp_path):
    """Any byte of the numbers: the checksums are looked at. A byte of padding or of a date changes nothing."""
    path = tmp_path / name
    content = written(path)
    whole, refused = repr(read(path)), 0
    for place in range(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1:])
        try:
            assert repr(read(path)) == whole
        except CheckpointError:
            refused += 1
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        numbers = sum(entry.compress_size for entry in archive.infolist())
    assert 3 * refused >= numbers


@pytest.mark.parametrize("content", [b"", b"\x80\x02}q\x00.", b"PK\x03\x04", b"no archive", bytes(1000)])
def test_no_archive_at_all(content, tmp_path):
    for name in ("a.pt", "a.npz"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match="whole"):
            read(tmp_path / name)


class Bomb:
    """Pickled as a call that makes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def bombs(path: Path) -> dict[str, bytes]:
    archive = io.BytesIO()
    torch.save({"identity": "abc", "weights": Bomb(path)}, archive)
    legacy = io.BytesIO()
    torch.save({"identity": "abc", "weights": Bomb(path)}, legacy, _use_new_zipfile_serialization=False)
    array = io.BytesIO()
    np.savez(array, a=np.array([Bomb(path)], object))
    return {"pickle": pickle.dumps(Bomb(path)), "archive": archive.getvalue(), "legacy": legacy.getvalue(),
            "array": array.getvalue()}


@pytest.mark.parametrize("kind", ["pickle", "archive", "legacy", "array"])
def test_code_in_a_file_is_not_run(kind, tmp_path):
    made = tmp_path / "made"
    for name in ("a.pt", "a.npz"):
        (tmp_path / name).write_bytes(bombs(made)[kind])
        with pytest.raises((CheckpointError, KeyError)):
            read(tmp_path / name)["a"]
    assert not made.exists()


def test_the_code_would_run(tmp_path):
    """Negative control: the file is made by whoever loads it as any pickle."""
    pickle.loads(bombs(tmp_path / "made")["pickle"])
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize("state", [{"identity": "abd"}, {"weights": 1}, [1, 2], torch.ones(3)])
def test_another_configuration(state, tmp_path):
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="allowed: configuration abc; choose another --out"):
        load(tmp_path / "a.pt", "abc")


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1', b"\xff\xfe", b'{"a": NaN'])
def test_damaged_json(content, tmp_path):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(CheckpointError, match="a whole JSON file; delete it"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("read_one", [read_json, read_arrays, lambda path: load(path, "abc")])
def test_a_file_that_is_not_there_or_a_folder(read_one, tmp_path):
    for path, reason in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(CheckpointError, match=reason):
            read_one(path)


# --- the lock -------------------------------------------------------------------------------------------------------

def test_a_folder_has_one_run_and_its_lock_dies_with_it(tmp_path):
    code = """
import sys
from pathlib import Path
from experiments.checkpoint import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    with pytest.raises(CheckpointError, match="got 'in use'.*wait for it, or choose another --out"), locked(tmp_path):
        pass
    other.kill()
    other.communicate()
    with locked(tmp_path):
        assert names(tmp_path) == [".lock"]


def test_a_lock_that_cannot_be_had(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="a folder that can be written"), locked(tmp_path / "file"):
        pass
