"""The cache: complete or not there, whatever happens to the process, the disk or the files that it was made from."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from experiments.data import cache
from experiments.data.cache import Chunk, cached, default_folder
from experiments.errors import DataError
from tests.pose_folders import ROOT, Terminal

WRITER = """
import os, signal, sys
from pathlib import Path
from experiments.data.cache import cached
from tests.test_data_cache import chunk

def rows():
    yield chunk(0, 3)
    {after}
    yield chunk(3, 2)

cached(Path(sys.argv[1]), "key", lambda: (5, rows()))
"""


def chunk(first: int, count: int) -> Chunk:
    rows = np.arange(first, first + count)
    return Chunk(
        np.broadcast_to(rows[:, None, None, None], (count, 8, 8, 3)).astype(np.uint8),
        np.ones((count, 14, 2), np.float32), np.ones((count, 14), bool), rows.astype(np.float32),
        np.array([f"im{row}" for row in rows]), np.array(["even" if row % 2 == 0 else "odd" for row in rows]),
    )


def build():
    return 5, [chunk(0, 3), chunk(3, 2)]


def never():
    raise AssertionError("built again")


def writer(folder, after: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", textwrap.dedent(WRITER).format(after=after), str(folder)],
                          env=environment, capture_output=True, text=True)


def test_the_second_time_nothing_is_built(tmp_path):
    rows, manifest = cached(tmp_path, "key", build)
    again, same = cached(tmp_path, "key", never)
    assert isinstance(again.images, np.memmap) and not again.images.flags.writeable
    assert again.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4] and again.images.shape == (5, 8, 8, 3)
    assert again.group.tolist() == ["even", "odd"] * 2 + ["even"] and again.names[4] == "im4"
    assert manifest == same and all(np.array_equal(one, other) for one, other in zip(rows, again))
    with pytest.raises(AssertionError, match="built again"):  # negative control: another key is another entry
        cached(tmp_path, "other", never)


def test_rows_without_a_joint_are_left_out_by_name(tmp_path):
    empty = chunk(0, 3)
    empty.present[1] = False
    rows, manifest = cached(tmp_path, "key", lambda: (3, [empty]))
    assert rows.names.tolist() == ["im0", "im2"] and rows.images[:, 0, 0, 0].tolist() == [0, 2]
    assert manifest["excluded"] == ["im1"]


@pytest.mark.parametrize("chunks", [[], [chunk(0, 3)._replace(present=np.zeros((3, 14), bool))]])
def test_no_row_with_a_joint_is_an_error(chunks, tmp_path):
    with pytest.raises(DataError, match="present: got '[03] images without a joint'"):
        cached(tmp_path, "key", lambda: (3, chunks))
    assert list(tmp_path.iterdir()) == []


def test_the_fingerprint_is_of_the_labels(tmp_path):
    moved = chunk(0, 3)
    moved.joints[1, 1, 1] += 1
    first, same, other = (cached(tmp_path, key, lambda rows=rows: (3, [rows]))[1]["fingerprint"]
                          for key, rows in (("a", chunk(0, 3)), ("b", chunk(0, 3)), ("c", moved)))
    assert first == same != other


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(("name", "damage"), [
    ("images.raw", cut), ("labels.npz", cut), ("images.raw", os.remove), ("labels.npz", os.remove),
    ("manifest.json", os.remove), ("manifest.json", cut), ("manifest.json", lambda path: path.write_bytes(b"")),
    ("manifest.json", lambda path: path.write_bytes(b"\xff")), ("manifest.json", lambda path: path.write_text("[]")),
])
def test_a_damaged_entry_is_made_again(name, damage, tmp_path):
    cached(tmp_path, "key", build)
    damage(tmp_path / "key" / name)
    rows, _ = cached(tmp_path, "key", build)
    assert rows.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_killed_writer_leaves_nothing_that_is_read(tmp_path):
    done = writer(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    assert done.returncode == -9, done.stderr
    (part,) = tmp_path.iterdir()
    assert part.suffix == ".part" and (part / "images.raw").exists()

    rows, _ = cached(tmp_path, "key", build)
    assert rows.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert part.exists()  # it could be another process's, still at work
    for path in (*part.iterdir(), part):
        os.utime(path, 2 * (time.time() - cache._ABANDONED - 60,))
    cached(tmp_path, "another", build)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another", "key"]


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))"  # of 3 × 192 and 2 × 192 bytes
    done = writer(tmp_path, limit)
    assert done.returncode == 1 and "DataError: cache: got" in done.stderr and "free some space" in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert writer(tmp_path, "pass").returncode == 0  # negative control


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="cache: got .*; allowed: a folder that can be written"):
        cached(tmp_path / "file" / "folder", "key", build)


def test_an_error_of_the_rows_passes_and_leaves_nothing(tmp_path):
    def rows():
        yield chunk(0, 3)
        raise DataError("image", "im3", "an image", "get it again")

    with pytest.raises(DataError, match="image: got 'im3'"):
        cached(tmp_path, "key", lambda: (5, rows()))
    assert list(tmp_path.iterdir()) == []


def test_the_first_of_two_writers_wins(tmp_path):
    """The other process finishes while this one is at work."""
    def rows():
        yield chunk(0, 3)
        cached(tmp_path, "key", build)
        yield chunk(7, 1)

    found, _ = cached(tmp_path, "key", lambda: (4, rows()))
    assert found.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize(("stream", "asked", "shown"), [
    (Terminal, True, True), (Terminal, False, False), (io.StringIO, True, False),
])
def test_progress_on_a_terminal_when_asked(stream, asked, shown, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stderr", stream())
    cached(tmp_path, "key", build, progress=asked)
    printed = sys.stderr.getvalue()
    assert ("5/5" in printed) == shown == bool(printed)


def test_the_default_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "gammaprob"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_folder() == tmp_path / "home" / ".cache" / "gammaprob"
