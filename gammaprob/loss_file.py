"""Losses from a file: one column of a text table, a NumPy array, or standard input.

Every entry of the column is used or named in an error: nothing is skipped, guessed or repaired.
"""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gammaprob.errors import LossFileError

__all__ = ["read_losses", "source_name"]

_NPY_MAGIC = b"\x93NUMPY"
# What other formats begin with: (first bytes, name, next step).
_FOREIGN_FORMATS = (
    (b"\x1f\x8b", "a gzip archive", "unpack it with gunzip first"),
    (b"PK\x03\x04", "a zip archive (npz, xlsx)", "save one array with numpy.save, or a table as CSV"),
    (b"\x89HDF\r\n", "an HDF5 file", "save the losses as CSV, or with numpy.save"),
    (b"\xff\xfe", "UTF-16 text", "save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text", "save it as UTF-8"),
)
# Words that stand for an absent number in a table: in the first row, they are bad entries and no names of columns.
_MISSING_WORDS = frozenset({"na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "missing"})
# A line that begins with # is a comment, but not where a spreadsheet wrote its mark for a failed cell.
_COMMENT = re.compile(r"\s*#(?!N/A|VALUE!|DIV/0!|REF!|NUM!|NAME\?|NULL!)", re.IGNORECASE)
# What json.dump, print(list) and print(array) write: not a table, though between two commas it has what looks like one.
_LIST = re.compile(r"\s*(\[.*\]|\{.*\})\s*", re.DOTALL)
_ALLOWED = "a finite number > 0"
_MOST_LABELS = 8  # columns that an error lists by name


@dataclass(frozen=True)
class _Row:
    """One record of the table and the number of the line on which it ends."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class _Table:
    names: list[str]  # empty without a header
    rows: list[_Row]

    @property
    def width(self) -> int:
        return len(self.names or self.rows[0].cells)

    def label(self, column: int) -> str:
        """How an error names a column: its header, or its position counted from 1."""
        return repr(self.names[column]) if self.names and self.names[column] else str(column + 1)

    def labels(self, columns) -> str:
        """The columns, in short where they are many."""
        labels = [self.label(column) for column in columns]
        if len(labels) > _MOST_LABELS:
            labels[_MOST_LABELS - 1 : -1] = ["…"]
        return ", ".join(labels)


def read_losses(path, column=None) -> np.ndarray:
    """Read losses as a one-dimensional float64 array.

    path: a file, or "-" for standard input. Two formats, told apart by their content:

    - NPY (numpy.save): a one-dimensional array of real numbers; pickled objects are refused.
    - text in UTF-8 (with or without byte order mark; LF, CRLF or CR), the separator being a tab, semicolon, comma or
      blanks. Cells may be quoted. Lines that begin with # are comments. Blank lines may precede and follow the table
      but not interrupt it. The first row is a header when it has text in it, no numbers, and none of the words for a
      missing value. Numbers are read by float(), with a decimal point.

    column: a name of the header, else a position counted from 1. None takes the only column with a number in it.

    Raises LossFileError, with the line and what to do, for a file that is absent, a folder, unreadable, empty or in
    another format; an unknown or ambiguous column; rows of different lengths; and any entry of the column that is not a
    finite number > 0.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "losses.csv"
    ...     _ = file.write_text("image;loss\\nim1.jpg;0.25\\nim2.jpg;0.5\\n")
    ...     read_losses(file)
    array([0.25, 0.5 ])
    """
    name = source_name(path)
    data = _standard_input(name) if path == "-" else _file_bytes(Path(path), name)
    if not data.strip():
        raise LossFileError("losses", name, "a file with losses in it", "this one is empty: write the losses first")
    for magic, kind, next_step in _FOREIGN_FORMATS:
        if data.startswith(magic):
            raise LossFileError("losses", name, f"text or NPY, not {kind}", next_step)
    if data.startswith(_NPY_MAGIC):
        return _npy_losses(data, name, column)
    text = _text(data, name)
    if _LIST.fullmatch(text):
        raise LossFileError("losses", name, "a table, not a list in brackets", "write one loss a line, nothing else")
    table = _table(text, name)
    return _column_losses(table, _column_index(table, column, name), name)


def source_name(path) -> str:
    """How reports and errors name a source of losses, without characters that would steer the reader's terminal.

    >>> source_name("-"), source_name("losses.csv")
    ('standard input', 'losses.csv')
    """
    if path == "-":
        return "standard input"
    return "".join(letter if letter.isprintable() else "?" for letter in os.fspath(path))


def _standard_input(name):
    if sys.stdin is None:  # closed by the caller, as in `<&-`
        raise LossFileError("losses", name, "an open standard input", "it is closed: pipe the losses in or name a file")
    try:
        return sys.stdin.buffer.read()
    except OSError as failure:
        reason = f"a readable one ({failure.strerror or failure})"
        raise LossFileError("losses", name, reason, "pipe the losses in or name a file") from failure


def _file_bytes(path, name):
    if not name:
        raise LossFileError("losses", name, "the name of a file", "name one; - reads standard input")
    if path.is_dir():
        raise LossFileError("losses", name, "a file, not a folder", "name the file in it")
    try:
        return path.read_bytes()
    except FileNotFoundError as missing:
        raise LossFileError("losses", name, "an existing file", "check the path; - reads standard input") from missing
    except OSError as failure:
        reason = f"a readable file ({failure.strerror})"
        raise LossFileError("losses", name, reason, "check its permissions") from failure


def _npy_losses(data, name, column):
    if column is not None:
        raise LossFileError("column", column, "no column for an NPY file", "save the one column that you want")
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError) as broken:
        raise LossFileError("losses", name, f"a whole NPY file without objects ({broken})", "save it again") from broken
    if array.dtype.kind not in "fiu":
        raise LossFileError("losses", name, f"real numbers, not dtype {array.dtype}", "save losses.astype(float)")
    if array.ndim != 1:
        raise LossFileError("losses", name, f"one dimension, not shape {array.shape}", "save losses.ravel()")
    with np.errstate(over="ignore"):  # a wider float beyond the doubles: infinite, and named so below
        losses = array.astype(np.float64)
    bad = np.flatnonzero(~((losses > 0) & np.isfinite(losses)))
    if bad.size:
        place = f"{name}, entry [{bad[0]}]"
        raise LossFileError(place, float(losses[bad[0]]), _ALLOWED, f"repair the array ({bad.size} such entries)")
    if not losses.size:
        raise LossFileError("losses", name, "an array with losses in it", "this one has no entries")
    return losses


def _text(data, name):
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise LossFileError(
            f"{name}, line {line}", data[error.start : error.end], "text in UTF-8, or NPY", "save the file as UTF-8",
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise LossFileError(f"{name}, line {line}", "\0", "text in UTF-8, or NPY", "save this binary file as CSV")
    return text


def _table(text, name):
    """The rows of the text, of one length, with the header split off."""
    lines = io.StringIO(text, newline=None).read().split("\n")
    filled = [number for number, line in enumerate(lines) if line.strip() and not _COMMENT.match(line)]
    if not filled:
        raise LossFileError("losses", name, "a file with losses in it", "this one has only blank lines and comments")
    first, last = filled[0], filled[-1]
    separator = _separator(lines[first], lines[last])
    rows = _rows(lines, first, last, separator, name)
    for row in rows:
        if len(row.cells) != len(rows[0].cells):
            raise LossFileError(
                f"{name}, line {row.line}", row.cells,
                f"{len(rows[0].cells)} columns, as in line {rows[0].line}, not {len(row.cells)}",
                "complete or remove the line",
            )
    header = _is_header(rows[0].cells)
    if header and len(rows) == 1:
        raise LossFileError("losses", name, "losses under the header", f"line {rows[0].line} is all that it has")
    return _Table(rows[0].cells if header else [], rows[1:] if header else rows)


def _separator(first, last):
    """The first of tab, semicolon, comma that the first or the last row has outside quotes; else blanks; else None.

    The last row is data even in a table with a header, so that a name such as `mean loss` over a single column is no
    sign of two columns.
    """
    for separator in "\t;,":
        if any(len(next(csv.reader([line], delimiter=separator))) > 1 for line in (first.strip(" "), last.strip(" "))):
            return separator
    return " " if len(last.split()) > 1 else None


def _rows(lines, first, last, separator, name):
    number = first

    def numbered():
        nonlocal number
        for number in range(first, last + 1):
            if _COMMENT.match(lines[number]):
                continue
            if not lines[number].strip():
                raise LossFileError(
                    f"{name}, line {number + 1}", lines[number], "no blank line within the table",
                    "remove the line, or fill in the missing value",
                )
            yield lines[number].strip(" ") + "\n"

    # A character that text does not hold stands for "no separator": csv then still takes the quotes off.
    reader = csv.reader(numbered(), delimiter=separator or "\0", skipinitialspace=True, strict=True)
    try:
        return [_Row(number + 1, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise LossFileError(
            f"{name}, line {number + 1}", lines[number], f"well-formed quotes ({error})", "repair the line",
        ) from error


def _number(cell):
    """The cell as a float, or None when it is no number. (float() alone would read 1_000 as a thousand.)"""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _repair(cells):
    """The next step for cells that are no loss: most often a decimal comma, else for the owner of the file to judge."""
    if any("," in cell and _number(cell.replace(",", ".", 1)) is not None for cell in cells):
        return "write decimals with a point, not a comma"
    return "repair or remove the line yourself"


def _is_header(cells):
    """Names of columns: no number, no word for a missing value, and nothing that begins like a spoiled number."""
    names = [cell for cell in cells if cell]
    return bool(names) and not any(
        _number(name) is not None or name.lower() in _MISSING_WORDS or name[0] in "0123456789+-.?#" for name in names
    )


def _column_index(table, column, name):
    if column is None:
        numeric = [
            index for index in range(table.width) if any(_number(row.cells[index]) is not None for row in table.rows)
        ]
        if len(numeric) == 1:
            return numeric[0]
        if len(numeric) == table.width and len(table.rows) == 1 and not table.names:
            row = table.rows[0]
            raise LossFileError(
                f"{name}, line {row.line}", f"{table.width} numbers", "one loss a line", "put each on its own line",
            )
        if numeric:
            raise LossFileError(
                name, "several columns of numbers", f"one of {table.labels(numeric)}",
                "say which by column (--column), by name or position",
            )
        row = table.rows[0]
        raise LossFileError(
            f"{name}, line {row.line}", row.cells[0] if table.width == 1 else row.cells, _ALLOWED,
            f"no column of this file has a number in it: {_repair(row.cells)}",
        )
    matches = [index for index, title in enumerate(table.names) if title == str(column)]
    if len(matches) > 1:
        positions = ", ".join(str(index + 1) for index in matches)
        raise LossFileError("column", column, f"a name that occurs once, not at {positions}", "rename these columns")
    if matches:
        return matches[0]
    if str(column).isascii() and str(column).isdigit() and 1 <= int(column) <= table.width:
        return int(column) - 1
    columns = f"{table.labels(range(table.width))} or a position from 1 to {table.width}"
    raise LossFileError("column", column, f"a column of {name}: {columns}", "choose one of them")


def _column_losses(table, index, name):
    losses = np.empty(len(table.rows))
    for position, row in enumerate(table.rows):
        cell = row.cells[index]
        value = _number(cell)
        if value is None or not 0 < value < np.inf:
            place = f"{name}, line {row.line}, column {table.label(index)}"
            raise LossFileError(place, cell, _ALLOWED, _repair([cell]))
        losses[position] = value
    return losses
