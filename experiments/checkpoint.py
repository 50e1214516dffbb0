"""Files that are there whole or not at all: checkpoints, results, and the lock that keeps two runs apart.

Every file is written beside its place, flushed to the disk and then renamed over it. A run that is killed at any
instant, or that finds the disk full, leaves the last good state.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pickle
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from experiments.errors import CheckpointError

__all__ = ["load", "locked", "read_arrays", "read_json", "save", "write", "write_arrays", "write_json"]

# What a damaged file may raise while it is read, by the layer that notices.
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, pickle.UnpicklingError, EOFError, LookupError, RuntimeError,
           ValueError)


def write(path: Path, content: bytes) -> None:
    """Put the content in the file's place, or leave what was there; `CheckpointError` where it cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Path(folder) / "a", b"whole")
    ...     (Path(folder) / "a").read_bytes()
    b'whole'
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise CheckpointError(
            str(path), error.strerror, "a place that can be written",
            "make room or choose another --out, and run the same command again: it goes on from the last good state",
        ) from error


def write_json(path: Path, value) -> None:
    """`write` the value as JSON. A NaN becomes null: JSON has none.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(Path(folder) / "a.json", {"pck": float("nan")})
    ...     read_json(Path(folder) / "a.json")
    {'pck': None}
    """
    write(path, (json.dumps(_without_nan(value), indent=1, allow_nan=False) + "\n").encode())


def _without_nan(value):
    if isinstance(value, dict):
        return {str(key): _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and value != value else value


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """`write` named arrays as an npz file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_arrays(Path(folder) / "a.npz", {"ids": np.arange(3)})
    ...     read_arrays(Path(folder) / "a.npz")
    {'ids': array([0, 1, 2])}
    """
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write(path, buffer.getvalue())


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """What `write_arrays` wrote; `CheckpointError` for a damaged file.

    >>> read_arrays(Path("nowhere.npz"))
    Traceback (most recent call last):
    experiments.errors.CheckpointError: nowhere.npz: got 'No such file or directory'; allowed: a whole file of arrays...
    """
    with _reading(path, "a whole file of arrays"), np.load(path, allow_pickle=False) as archive:
        return dict(archive)


@contextlib.contextmanager
def _reading(path: Path, kind: str) -> Iterator[None]:
    """Read an archive whose checksums hold, which neither torch nor the length of the file tells."""
    again = "remove the folder that it is in and run the same command again: this stage begins anew"
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged:
            raise zipfile.BadZipFile(f"{damaged} is damaged")
        yield
    except OSError as error:
        raise CheckpointError(str(path), error.strerror, f"{kind} that can be read", again) from error
    except _DAMAGE as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(str(path), first, kind, again) from error


def read_json(path: Path):
    """The content of a JSON file, or `CheckpointError` where it is damaged.

    >>> read_json(Path("nowhere.json"))
    Traceback (most recent call last):
    experiments.errors.CheckpointError: nowhere.json: got 'No such file or directory'; allowed: a JSON file; ...
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(str(path), error.strerror, "a JSON file", "name the folder of a run") from error
    except ValueError as error:
        raise CheckpointError(
            str(path), str(error), "a whole JSON file", "delete it and run the same command again",
        ) from error


def save(path: Path, state: dict) -> None:
    """`write` a dictionary of tensors, numbers, text and containers of these, as torch saves it.

    >>> import tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder) / "a.pt", {"identity": "abc", "w": torch.ones(2)})
    ...     load(Path(folder) / "a.pt", "abc")["w"]
    tensor([1., 1.])
    """
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    write(path, buffer.getvalue())


def load(path: Path, identity: str) -> dict:
    """What `save` wrote, without running any code that the file may hold.

    Raises `CheckpointError` for a file that is truncated or no checkpoint, and for one of another configuration.

    >>> import tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder) / "a.pt", {"identity": "abc"})
    ...     load(Path(folder) / "a.pt", "other")
    Traceback (most recent call last):
    experiments.errors.CheckpointError: .../a.pt: got 'configuration abc'; allowed: configuration other; ...
    """
    import torch

    with _reading(path, "a whole checkpoint of tensors and numbers"):
        state = torch.load(path, map_location="cpu", weights_only=True)
    found = state.get("identity") if isinstance(state, dict) else None
    if found != identity:
        raise CheckpointError(
            str(path), f"configuration {found}", f"configuration {identity}",
            "choose another --out, or the settings that this folder was made with (its config.json)",
        )
    return state


@contextlib.contextmanager
def locked(folder: Path, *, patience: float = 0.0) -> Iterator[None]:
    """Hold a folder for this process; `CheckpointError` where another one does for more than `patience` seconds.

    The lock dies with its process.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, locked(Path(folder)), locked(Path(folder)):
    ...     pass
    Traceback (most recent call last):
    experiments.errors.CheckpointError: ...: got 'in use'; allowed: a folder that no other run writes to; ...
    """
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _lock(stack.enter_context(open(folder / ".lock", "w")), time.monotonic() + patience)
        except BlockingIOError as error:
            raise CheckpointError(
                str(folder), "in use", "a folder that no other run writes to", "wait for it, or choose another --out",
            ) from error
        except OSError as error:
            raise CheckpointError(
                str(folder), error.strerror, "a folder that can be written and locked", "choose another --out",
            ) from error
        yield


def _lock(file, deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.1)
