"""Decoded pictures on disk, read as a memory map: made once, complete or not there at all.

A cache entry is a folder `<key>` with `images.raw` (N, S, S, 3 bytes), `labels.npz` and `manifest.json`. It is written
under another name and renamed when complete and on the disk, so that nothing that a killed process leaves is read as
data; what it left is removed by the next one, after an hour at the earliest, as another may still be writing it.
Two processes that need the same entry both write it, and the first to finish keeps its own. The key is a checksum of
what the entry is made from: of photographs, their labels and the name, size and time of change of each file; of
generated figures, the settings and the text of the generator. Entries are never deleted; the folder can be, any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.errors import DataError

__all__ = ["Chunk", "cached", "default_folder", "digest"]

_ABANDONED = 3600.0  # seconds without a write; the slowest chunk takes a few
_FILES = ("images.raw", "labels.npz")


class Chunk(NamedTuple):
    """Some rows of a data set, as they are cached."""

    images: np.ndarray  # (n, S, S, 3) uint8
    joints: np.ndarray  # (n, J, 2) float32, pixels of `images`
    present: np.ndarray  # (n, J) bool
    reference: np.ndarray  # (n,) float32, pixels of `images`
    names: np.ndarray  # (n,) str
    group: np.ndarray  # (n,) str: which group each row belongs to


def default_folder() -> Path:
    """The user's cache folder: `$XDG_CACHE_HOME/gammaprob`, or `~/.cache/gammaprob`.

    >>> default_folder().name
    'gammaprob'
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gammaprob"


def digest(*parts: bytes | str | np.ndarray) -> str:
    """sha256 in hex of texts, bytes and arrays, each with its length, so that no two lists of parts look alike.

    >>> digest("ab", "c") == digest("a", "bc")
    False
    """
    checksum = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            part = f"{part.dtype.str}{part.shape}".encode() + np.ascontiguousarray(part).tobytes()
        content = part.encode() if isinstance(part, str) else part
        checksum.update(f"{len(content)}:".encode())
        checksum.update(content)
    return checksum.hexdigest()


def cached(
    folder: Path, key: str, build: Callable[[], tuple[int, Iterable[Chunk]]], *, progress: bool = False,
) -> tuple[Chunk, dict]:
    """All rows that have a joint, from the cache or written there first, and the entry's manifest.

    `build`, called only when the entry is missing or damaged, gives the number of rows, for the progress bar, and the
    rows in chunks. The images of the result are a read-only memory map. The manifest has `images` (the map's shape),
    `excluded` (names of the rows without a joint) and `fingerprint` (of names, joints and present).

    Raises `DataError` if no row has a joint, and if the entry cannot be written.

    >>> one = Chunk(np.zeros((1, 8, 8, 3), np.uint8), np.ones((1, 14, 2), np.float32), np.ones((1, 14), bool),
    ...             np.ones(1, np.float32), np.array(["a"]), np.array(["all"]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows, manifest = cached(Path(folder), "key", lambda: (1, [one]))
    ...     again, _ = cached(Path(folder), "key", build=None)
    >>> manifest["images"], bool(again.present.all())
    ([1, 8, 8, 3], True)
    """
    entry = Path(folder) / key
    if not _complete(entry):
        total, chunks = build()
        try:
            _write(entry, _watched(chunks, total) if progress else chunks)
        except OSError as error:
            raise DataError(
                "cache", str(folder), "a folder that can be written, with room for the decoded images",
                f"free some space or pass another cache folder ({error})",
            ) from error
    return _read(entry)


def _complete(entry: Path) -> bool:
    """Whether the entry is there and no file of it was cut short."""
    try:
        sizes = json.loads((entry / "manifest.json").read_text(encoding="utf-8"))["bytes"]
        return all((entry / name).stat().st_size == sizes[name] for name in _FILES)
    except (OSError, ValueError, KeyError, TypeError):  # not there, or not what was written
        return False


def _read(entry: Path) -> tuple[Chunk, dict]:
    manifest = json.loads((entry / "manifest.json").read_text(encoding="utf-8"))
    images = np.memmap(entry / "images.raw", np.uint8, "r", shape=tuple(manifest["images"]))
    with np.load(entry / "labels.npz", allow_pickle=False) as labels:
        return Chunk(images, *(labels[name] for name in Chunk._fields[1:])), manifest


def _write(entry: Path, chunks: Iterable[Chunk]) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(entry.parent)
    part = Path(tempfile.mkdtemp(prefix=f"{entry.name}.", suffix=".part", dir=entry.parent))
    try:
        _fill(part, chunks)
        if entry.exists() and not _complete(entry):
            shutil.rmtree(entry)
        try:
            os.replace(part, entry)
        except OSError:
            if not _complete(entry):  # else another process was first, and its entry is as good
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)  # already gone if all went well


def _remove_abandoned(folder: Path) -> None:
    for part in folder.glob("*.part"):
        try:
            idle = time.time() - max(path.stat().st_mtime for path in (part, *part.iterdir()))
        except FileNotFoundError:  # its process has just finished it
            continue
        if idle > _ABANDONED:
            shutil.rmtree(part, ignore_errors=True)  # two processes may remove it at once


def _fill(part: Path, chunks: Iterable[Chunk]) -> None:
    """Write the chunks one after another. Not through a memory map: on a full disk that would end the process."""
    labels, excluded, side = [], [], 0
    with open(part / "images.raw", "wb") as file:
        for chunk in chunks:
            seen = chunk.present.any(axis=1)
            excluded += chunk.names[~seen].tolist()
            file.write(np.ascontiguousarray(chunk.images[seen]).data)
            labels.append([column[seen] for column in chunk[1:]])
            side = chunk.images.shape[1]
    columns = dict(zip(Chunk._fields[1:], (np.concatenate(parts) for parts in zip(*labels))))
    if not len(columns.get("names", ())):
        raise DataError(
            "present", f"{len(excluded)} images without a joint", "images with a joint inside the picture",
            "see what `python -m experiments check-data` says of the annotation",
        )
    np.savez(part / "labels.npz", **columns)
    (part / "manifest.json").write_text(json.dumps({
        "images": [len(columns["names"]), side, side, 3],
        "excluded": excluded,
        "fingerprint": digest(*(columns[name] for name in ("names", "joints", "present"))),
        "bytes": {name: (part / name).stat().st_size for name in _FILES},
    }), encoding="utf-8")
    for name in (*_FILES, "manifest.json"):
        with open(part / name, "rb") as file:
            os.fsync(file.fileno())


def _watched(chunks: Iterable[Chunk], total: int) -> Iterator[Chunk]:
    from tqdm import tqdm

    with tqdm(total=total, desc="cache", unit="image", disable=sys.stderr is None or None) as bar:
        for chunk in chunks:
            yield chunk
            bar.update(len(chunk.names))
