"""The ledger's command line: formats, width and colour, filters, exit codes, and streams that end early."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from paper_tables import _ledger_text, ledger
from paper_tables.outcome import HOLDS, NOT_COMPUTABLE, WRONG
from paper_tables.records import load_records

ROOT = Path(__file__).parents[1]
RECORDS = load_records()
QUICK = ["--id", "SUP-REF8", "--id", "LL-FIG3", "--id", "LL-EX2"]  # a wrong, an undecidable and a right claim


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_text(capsys):
    assert ledger.main(QUICK) == 0
    out = capsys.readouterr().out
    for part in (
        "LL-EX2", "holds", "correction: from Eq 6", "reason: the losses of the hist", "printed: ", "corrected: ",
    ):  # fmt: skip
        assert part in out
    assert "\033" not in out
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_width_follows_the_terminal(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    ledger.main(["--id", "SUP-EQ6-B", "--id", "SUP-GAMMA"])
    records = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert max(map(len, records)) <= columns
    assert max(map(len, records)) > min(columns, 100) - 20  # and the width is used


def test_colour_only_on_a_terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert _ledger_text.Style.of(Terminal()).colour
    assert not _ledger_text.Style.of(io.StringIO()).colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not _ledger_text.Style.of(Terminal()).colour


def test_colours_change_no_text():
    results = ledger.run(entry for entry in RECORDS if entry.id in QUICK)
    plain, coloured = (
        _ledger_text.render(results, ledger.summarise(results), "text", _ledger_text.Style(100, colour), details=False,
                            summary_only=False) for colour in (False, True)
    )
    assert plain != coloured
    assert re.sub(r"\033\[\d+m", "", coloured) == plain


def test_markdown(capsys):
    ledger.main([*QUICK, "--id", "SUP-SUBSTITUTED", "--format", "markdown"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    table = [line for line in lines if line.startswith("|")]
    assert table == lines
    cells = {len(re.split(r"(?<!\\)\|", line)) for line in table[:6]}
    assert cells == {8}
    assert any("**wrong as printed**" in line for line in table)


def test_json(capsys):
    ledger.main([*QUICK, "--format", "json"])
    content = json.loads(capsys.readouterr().out)
    assert [record["id"] for record in content["records"]] == ["LL-EX2", "LL-FIG3", "SUP-REF8"]
    derived = {record["id"]: record["derived"] for record in content["records"]}
    assert derived == {"LL-EX2": HOLDS, "LL-FIG3": None, "SUP-REF8": WRONG}
    assert content["summary"][-1]["records"] == 3
    assert all(reading["points"] > 0 for reading in content["records"][2]["readings"]["printed"])


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_summary_alone(capsys, form):
    ledger.main([*QUICK, "--summary", "--format", form])
    out = capsys.readouterr().out
    assert "exercised" in out and "LL-EX2" not in out


@pytest.mark.parametrize(("option", "value", "field"), [
    ("--document", "slides", "document"), ("--verdict", "not computable", "verdict"),
    ("--verdict", "ambiguous", "verdict"),
])
def test_filters(option, value, field, monkeypatch):
    seen = []
    monkeypatch.setattr(ledger, "run", lambda records: seen.extend(records) or ())
    monkeypatch.setattr(_ledger_text, "render", lambda *arguments, **keywords: "")
    assert ledger.main([option, value]) == 0
    assert seen == [record for record in RECORDS if getattr(record, field) == value]


@pytest.mark.parametrize("arguments", [
    ["--id", "LL-NOPE"], ["--id", "LL-EX2", "--document", "slides"], ["--claims", "no/such/folder"],
])
def test_usage_errors_give_exit_code_2(capsys, arguments):
    assert ledger.main(arguments) == 2
    assert "error" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [
    ["--verdict", "maybe"], ["--format", "xml"], ["--document", "poster"], ["extra"],
])
def test_unknown_choices_give_exit_code_2(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        ledger.main(arguments)
    assert caught.value.code == 2


def command(*arguments, **settings):
    return subprocess.run([sys.executable, "-m", "paper_tables.ledger", *arguments], cwd=ROOT, check=False, **settings)


def test_as_a_program():
    done = command(*QUICK, capture_output=True, text=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert "SUP-REF8" in done.stdout


def test_terminal_without_greek_letters_does_not_end_the_run():
    done = command(*QUICK, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")


def test_reader_that_stops_early():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = command("--verdict", NOT_COMPUTABLE, stdout=closed, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line():
    command = [sys.executable, "-m", "paper_tables.ledger", "--id", "LL-EX2"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1 and b"No space left" in done.stderr
