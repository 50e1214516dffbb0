"""Losses from files: every format that is promised, and every file that must be refused, with place and next step."""

from __future__ import annotations

import io
import os
import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gammaprob import loss_file
from gammaprob.errors import GammaProbError, LossFileError
from gammaprob.loss_file import read_losses


@pytest.fixture
def written(tmp_path):
    """Write text or bytes to a file and return its path."""
    def write(content, name="losses.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path
    return write


READABLE = {
    "one column": ("0.25\n0.5\n", None),
    "no final newline": ("0.25\n0.5", None),
    "header": ("loss\n0.25\n0.5\n", None),
    "header of two words": ("mean loss\n0.25\n0.5\n", None),
    "byte order mark": ("\ufeffloss\n0.25\n0.5\n", None),
    "byte order mark, no header": ("\ufeff0.25\n0.5\n", None),
    "CRLF": ("loss\r\n0.25\r\n0.5\r\n", None),
    "CR": ("loss\r0.25\r0.5\r", None),
    "comments": ("# made by hand\nloss\n# first\n0.25\n  # second\n0.5\n# end\n", None),
    "blank lines around": ("\n\nloss\n0.25\n0.5\n\n \n", None),
    "quoted": ('"loss"\n"0.25"\n"0.5"\n', None),
    "quoted separator": ('"image, side",loss\n"a, left",0.25\n"a, right",0.5\n', None),
    "quoted line break": ('image,loss\n"a\nb",0.25\n"c",0.5\n', None),
    "text column, header": ("image,loss\na.jpg,0.25\nb.jpg,0.5\n", None),
    "text column, no header": ("a.jpg,0.25\nb.jpg,0.5\n", None),
    "semicolons": ("image;loss\na;0.25\nb;0.5\n", None),
    "tabs": ("image\tloss\na\t0.25\nb\t0.5\n", None),
    "blanks": ("image  loss\na      0.25\nbb     0.5\n", None),
    "final separators": ("loss,\n0.25,\n0.5,\n", None),
    "by name": ("epoch,loss\n1,0.25\n2,0.5\n", "loss"),
    "by position": ("epoch,loss\n1,0.25\n2,0.5\n", 2),
    "by position as text": ("1 0.25\n2 0.5\n", "2"),
    "exponents and signs": ("+2.5e-1\n5E-1\n", None),
}


@pytest.mark.parametrize("content, column", READABLE.values(), ids=READABLE.keys())
def test_readable(written, content, column):
    losses = read_losses(written(content), column)
    assert losses.dtype == np.float64 and losses.tolist() == [0.25, 0.5]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8", ">f8"])
def test_numpy_array(tmp_path, dtype):
    np.save(tmp_path / "losses.npy", np.array([1, 2, 3], dtype=dtype))
    losses = read_losses(tmp_path / "losses.npy")
    assert losses.dtype == np.float64 and losses.tolist() == [1.0, 2.0, 3.0]


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize("data", [b"loss\n0.25\n0.5\n", npy(np.array([0.25, 0.5]))])
def test_standard_input(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert read_losses("-").tolist() == [0.25, 0.5]


# name: (content, column, what the message must say: the place and the reason or the next step)
REFUSED = {
    "empty": ("", None, ["empty"]),
    "blank": (" \n\n", None, ["empty"]),
    "comments only": ("# nothing\n\n", None, ["only blank lines and comments"]),
    "header only": ("loss\n", None, ["under the header", "line 1"]),
    "negative": ("0.5\n-0.25\n", None, ["line 2", "'-0.25'", "> 0"]),
    "zero": ("loss\n0.5\n0\n", None, ["line 3", "'0'", "> 0"]),
    "underflow to zero": ("0.5\n1e-400\n", None, ["line 2", "'1e-400'"]),
    "overflow to infinity": ("0.5\n1e400\n", None, ["line 2", "'1e400'"]),
    "NaN": ("loss\n0.5\nnan\n", None, ["line 3", "'nan'"]),
    "infinite": ("loss\ninf\n", None, ["line 2", "'inf'"]),
    "text entry": ("loss\n0.5\nlarge\n", None, ["line 3", "column 'loss'", "'large'"]),
    "text entry after comments": ("# a\n\nloss\n# b\n0.5\nlarge\n", None, ["line 6", "'large'"]),
    "text entry after a quoted line break": ('image,loss\n"a\nb",0.5\nc,x\n', None, ["line 4", "'x'"]),
    "empty entry": ('loss\n0.5\n""\n', None, ["line 3", "''"]),
    "empty cell": ("image,loss\na,0.5\nb,\n", None, ["line 3", "''"]),
    "missing word as first entry": ("NA\n0.5\n", None, ["line 1", "'NA'"]),
    "NaN as first entry": ("NaN\n0.5\n", None, ["line 1", "'NaN'"]),
    "spreadsheet error": ("loss\n#N/A\n0.5\n", None, ["line 2", "'#N/A'"]),
    "spoiled number as first entry": ("0.5x\n0.25\n", None, ["line 1", "'0.5x'"]),
    "zero as first entry": ("0\n0.5\n", None, ["line 1", "'0'"]),
    "underscore": ("1_000\n2\n", None, ["line 1", "'1_000'"]),
    "hexadecimal": ("0x10\n2\n", None, ["line 1", "'0x10'"]),
    "decimal comma": ("image;loss\na;0,5\nb;0,25\n", None, ["line 2", "point"]),
    "decimal comma in the chosen column": ("image;loss\na;0,5\nb;0,25\n", "loss", ["line 2", "point"]),
    "no numbers": ("image,side\na,left\n", None, ["line 2", "no column"]),
    "blank line within": ("0.5\n\n0.25\n", None, ["line 2", "blank line"]),
    "short row": ("image,loss\na,0.5\nb\n", None, ["line 3", "2 columns", "line 1", "not 1"]),
    "long row": ("image,loss\na,0.5\nb,0.25,1\n", None, ["line 3", "not 3"]),
    "open quote": ('loss\n0.5\n"0.25\n', None, ["line 3", "quotes"]),
    "two columns of numbers": ("epoch,loss\n1,0.5\n2,0.25\n", None, ["'epoch', 'loss'", "several columns"]),
    "one of two columns damaged": ("id,loss\n1,0.5\n2,x\n", None, ["'id', 'loss'", "several columns"]),
    "two columns, no header": ("1 0.5\n2 0.25\n", None, ["one of 1, 2"]),
    "one line of numbers": ("0.5 0.25 0.125\n", None, ["line 1", "'3 numbers'", "one loss a line"]),
    "many columns": (f"{' '.join(map(str, range(1, 301)))}\n" * 2, None, ["one of 1, 2, 3, 4, 5, 6, 7, …, 300;"]),
    "list on one line": ("[0.1, 0.2, 0.5]\n", None, ["not a list in brackets", "one loss a line"]),
    "list on several lines": ("[\n0.1,\n0.2\n]\n", None, ["not a list in brackets"]),
    "dictionary": ('{"losses": [0.1, 0.2]}', None, ["not a list in brackets"]),
    "unnamed index column": (",loss\n0,0.5\n1,0.25\n", None, ["1, 'loss'"]),
    "unknown name": ("epoch,loss\n1,0.5\n", "losses", ["'losses'", "'epoch', 'loss'", "from 1 to 2"]),
    "name without header": ("1,0.5\n", "loss", ["'loss'", "from 1 to 2"]),
    "position 0": ("1,0.5\n", 0, ["from 1 to 2"]),
    "position beyond": ("1,0.5\n", 3, ["from 1 to 2"]),
    "negative position": ("1,0.5\n", -1, ["from 1 to 2"]),
    "repeated name": ("loss,loss\n1,0.5\n", "loss", ["once", "1, 2"]),
    "damaged chosen column": ("id,loss\n1,0.5\n2,x\n", "loss", ["line 3", "column 'loss'", "'x'"]),
    "Latin-1": ("0.5\n# größe\n".encode("latin-1"), None, ["line 2", "UTF-8"]),
    "UTF-16": ("0.5\n".encode("utf-16"), None, ["UTF-16", "UTF-8"]),
    "binary": (b"0.5\n\x00\x01", None, ["line 2", "binary"]),
    "gzip": (b"\x1f\x8b\x08\x00", None, ["gzip", "gunzip"]),
    "npz": (b"PK\x03\x04rest", None, ["zip", "numpy.save"]),
    "HDF5": (b"\x89HDF\r\n\x1a\n", None, ["HDF5"]),
    "NPY, pickled": (npy(np.array([1.0, "x"], dtype=object)), None, ["without objects"]),
    "NPY, cut short": (npy(np.ones(100))[:200], None, ["whole NPY file"]),
    "NPY, two dimensions": (npy(np.ones((3, 1))), None, ["(3, 1)", "ravel"]),
    "NPY, one number": (npy(np.float64(1.0)), None, ["()"]),
    "NPY, complex": (npy(np.ones(3, dtype=complex)), None, ["complex128"]),
    "NPY, text": (npy(np.array(["1"])), None, ["<U1"]),
    "NPY, bool": (npy(np.array([True])), None, ["bool"]),
    "NPY, records": (npy(np.zeros(2, dtype=[("loss", float)])), None, ["loss"]),
    "NPY, empty": (npy(np.array([])), None, ["no entries"]),
    "NPY, negative": (npy(np.array([1.0, 2.0, -3.0])), None, ["[2]", "-3.0"]),
    "NPY, NaN": (npy(np.array([np.nan, np.nan])), None, ["[0]", "nan", "2 such"]),
    "NPY, beyond a double": (npy(np.array([1, np.longdouble("1e4000")])), None, ["[1]", "inf"]),
    "NPY with column": (npy(np.ones(3)), "loss", ["column", "NPY"]),
}


@pytest.mark.parametrize("content, column, said", REFUSED.values(), ids=REFUSED.keys())
def test_refused(written, content, column, said):
    with pytest.raises(LossFileError) as caught:
        read_losses(written(content), column)
    message = str(caught.value)
    assert [words for words in said if words not in message] == []
    assert caught.value.next_step and caught.value.allowed


def test_absent_folder_and_forbidden(tmp_path, monkeypatch):
    with pytest.raises(LossFileError, match="existing file.*standard input"):
        read_losses(tmp_path / "absent.csv")
    with pytest.raises(LossFileError, match="not a folder"):
        read_losses(tmp_path)

    def denied(path):
        raise PermissionError(13, "Permission denied", os.fspath(path))

    (tmp_path / "closed.csv").write_text("1\n")
    monkeypatch.setattr(loss_file.Path, "read_bytes", denied)
    with pytest.raises(LossFileError, match="Permission denied.*permissions"):
        read_losses(tmp_path / "closed.csv")


def test_a_name_that_is_empty():
    with pytest.raises(LossFileError, match="got ''; allowed: the name of a file"):
        read_losses("")


def test_standard_input_that_is_closed_or_not_for_reading(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(LossFileError, match="standard input.*it is closed"):
        read_losses("-")
    with open(tmp_path / "written", "w") as file:
        monkeypatch.setattr(sys, "stdin", file)
        with pytest.raises(LossFileError, match="standard input.*readable one.*pipe the losses in"):
            read_losses("-")


def test_empty_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(LossFileError, match="standard input.*empty"):
        read_losses("-")


POSITIVE = st.lists(st.floats(5e-324, 1.7e308), min_size=1, max_size=20)


@given(POSITIVE, st.sampled_from([",", ";", "\t", " "]), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_every_double_comes_back(tmp_path_factory, values, separator, header, newline):
    path = tmp_path_factory.mktemp("written") / "losses.csv"
    lines = [f"image{separator}loss"] * header + [f"im{i}{separator}{value!r}" for i, value in enumerate(values)]
    path.write_bytes(newline.join(lines).encode())
    assert read_losses(path).tolist() == values


@given(POSITIVE, st.integers(0, 19), st.sampled_from(["-1", "0", "nan", "inf", "x", "", "1e999", "1,5", "#DIV/0!"]))
def test_no_bad_entry_is_dropped(tmp_path_factory, values, position, bad):
    """Wherever one bad entry stands, the error names its line: the number of losses read is never one less."""
    cells = [repr(value) for value in values]
    position = min(position, len(cells))
    cells.insert(position, bad)
    path = tmp_path_factory.mktemp("written") / "losses.csv"
    path.write_text("\n".join(["image;loss"] + [f"im{i};{cell}" for i, cell in enumerate(cells)]))
    with pytest.raises(LossFileError, match=re.escape(f"line {position + 2}")):
        read_losses(path)


def test_a_reader_that_skips_is_caught(monkeypatch, written):
    """Negative control: a number parser that lets a bad entry pass as some number."""
    monkeypatch.setattr(loss_file, "_number", lambda cell: 1.0)
    with pytest.raises(pytest.fail.Exception):
        test_refused(written, *REFUSED["text entry"])


def test_errors_are_the_packages_own():
    assert issubclass(LossFileError, GammaProbError) and issubclass(LossFileError, ValueError)
