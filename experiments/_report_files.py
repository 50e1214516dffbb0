"""Files of a recorded study: rows as CSV and back, written all or not at all, with the checksum of each."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["TEXT_COLUMNS", "as_csv", "checksum", "read_csv", "replace_files"]

# Every other column holds numbers: a commit of digits alone must not become one.
TEXT_COLUMNS = frozenset({
    "method", "joint", "commit", "started", "config_id", "status", "variation", "name", "what", "unit", "detail",
    "dataset",
})


def as_csv(rows: Iterable[Mapping]) -> str:
    """The rows with all their columns, in the order in which they first appear; None is an empty field.

    Floats are written with the digits that give the same double again.

    >>> print(as_csv([{"method": "ll", "pck": 0.25}, {"method": "random", "spearman": None}]), end="")
    method,pck,spearman
    ll,0.25,
    random,,
    """
    rows = list(rows)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    output = io.StringIO()
    writer = csv.DictWriter(output, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _field(value) for key, value in row.items()} for row in rows)
    return output.getvalue()


def _field(value):
    if value is None:
        return ""
    return int(value) if isinstance(value, bool) else value


def read_csv(text: str) -> list[dict]:
    """What `as_csv` wrote: numbers as numbers, an empty field as None.

    >>> read_csv("method,seed,pck\\nll,0,0.25\\n")
    [{'method': 'll', 'seed': 0, 'pck': 0.25}]
    """
    return [
        {column: field or None if column in TEXT_COLUMNS else _number(field) for column, field in row.items()}
        for row in csv.DictReader(io.StringIO(text), strict=True)
    ]


def _number(field: str):
    if field == "":
        return None
    return int(field) if field.lstrip("-").isdigit() else float(field)


def checksum(content: bytes) -> str:
    """SHA-256 in hexadecimal.

    >>> checksum(b"")[:12]
    'e3b0c44298fc'
    """
    return hashlib.sha256(content).hexdigest()


def replace_files(folder: Path, contents: Mapping[str, str]) -> None:
    """Write the files into the folder under temporary names, then rename them in order.

    Nothing is renamed before everything is on the disk. The file that holds the checksums of the others comes last, so
    that a machine which stops between two renames leaves a study that reading refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".record-") as waiting:
        for name, content in contents.items():
            with Path(waiting, name).open("w", encoding="utf-8", newline="") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for name in contents:
            os.replace(Path(waiting, name), folder / name)
