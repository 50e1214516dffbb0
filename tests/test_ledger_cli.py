"""The ledger's command line: formats, width and colour, filters, exit codes, and streams that end early."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from paper_tables import _ledger_text, _terminal, ledger
from paper_tables._terminal import PLAIN_WIDTH
from paper_tables.outcome import HOLDS, NOT_COMPUTABLE, WRONG
from paper_tables.records import DOCUMENTS, load_records

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
    assert max(map(len, out.splitlines())) <= PLAIN_WIDTH


@pytest.fixture(scope="module")
def results():
    return ledger.run(RECORDS)


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_no_line_is_wider_than_the_terminal(monkeypatch, results, columns, encoding):
    """All records with all evidence, one of them made to fail, and the counts."""
    monkeypatch.setenv("COLUMNS", str(columns))
    broken = dataclasses.replace(results[0], problem="recorded as 'holds', but the witness says 'wrong as printed'")
    some = (broken, *results[1:])
    style = _ledger_text.Style.of(io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    text = _ledger_text.render(some, ledger.summarise(some), "text", style, details=True, summary_only=False)
    widest = max(map(len, text.splitlines()))
    assert min(columns, 100) - 5 < widest <= min(columns, 100)  # the width is used, too
    assert text.isascii() == (encoding == "ascii")


def test_counts_fit_a_usual_terminal(monkeypatch, results):
    monkeypatch.delenv("COLUMNS", raising=False)
    text = _ledger_text.render(
        results, ledger.summarise(results), "text", _ledger_text.Style(), details=False, summary_only=True
    )
    lines = text.splitlines()
    assert lines[0].split() == [*DOCUMENTS, "all"]
    assert len({len(line) for line in lines}) == 1 and len(lines[0]) <= PLAIN_WIDTH


@pytest.mark.parametrize(("terminal", "variables", "expected"), [
    (True, {}, True), (False, {}, False), (True, {"NO_COLOR": "1"}, False), (True, {"TERM": "dumb"}, False),
    (False, {"FORCE_COLOR": "1"}, True), (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
])
def test_colour_is_decided_as_by_the_tables(monkeypatch, terminal, variables, expected):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert _ledger_text.Style.of(Terminal() if terminal else io.StringIO()).colour is expected


def test_both_programs_share_one_set_of_rules():
    from gammaprob import _table_document, _table_terminal

    assert _table_terminal.width_of is _terminal.width_of and _table_terminal.wants_colour is _terminal.wants_colour
    assert _table_document.to_ascii is _terminal.to_ascii


def test_every_letter_of_the_ledger_has_an_ascii_form(results):
    text = _ledger_text.render(
        results, ledger.summarise(results), "text", _ledger_text.Style(), details=True, summary_only=False
    )
    assert {letter for letter in text if not letter.isascii()} <= set(_terminal.LETTERS)
    assert _terminal.to_ascii(_terminal.LETTERS).isascii()


@pytest.mark.parametrize("width", [40, 100])
def test_colours_change_no_text(width):
    results = ledger.run(entry for entry in RECORDS if entry.id in QUICK)
    plain, coloured = (
        _ledger_text.render(results, ledger.summarise(results), "text", _ledger_text.Style(width, colour),
                            details=False, summary_only=False) for colour in (False, True)
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


@pytest.mark.parametrize(("field", "values"), [
    ("document", ["main", "ssl"]), ("document", ["ssl", "main"]), ("verdict", [NOT_COMPUTABLE, WRONG]),
])
def test_repeated_filters_add_up(field, values, monkeypatch):
    """None of them is dropped, and the order of the records stays."""
    seen = []
    monkeypatch.setattr(ledger, "run", lambda records: seen.extend(records) or ())
    monkeypatch.setattr(_ledger_text, "render", lambda *arguments, **keywords: "")
    assert ledger.main([word for value in values for word in (f"--{field}", value)]) == 0
    assert seen == [record for record in RECORDS if getattr(record, field) in values]
    assert {getattr(record, field) for record in seen} == set(values)


def test_several_filters_all_apply(monkeypatch):
    seen = []
    monkeypatch.setattr(ledger, "run", lambda records: seen.extend(records) or ())
    monkeypatch.setattr(_ledger_text, "render", lambda *arguments, **keywords: "")
    assert ledger.main(["--document", "ssl", "--document", "slides", "--verdict", HOLDS]) == 0
    assert seen == [record for record in RECORDS if record.document in ("ssl", "slides") and record.verdict == HOLDS]


@pytest.mark.parametrize("form", ["text", "markdown"])
@pytest.mark.parametrize("identity", ["AL-EQ12", "AL-EQ10", "AL-DOMAIN"])
@pytest.mark.parametrize("details", [True, False])
def test_conditions_are_printed_wherever_there_are_any(form, identity, details):
    """Once, with or without the evidence; AL-EQ10 has none, AL-EQ12 has a correction beside them."""
    (record,) = (entry for entry in RECORDS if entry.id == identity)
    results = ledger.run([record])
    text = _ledger_text.render(results, ledger.summarise(results), form, _ledger_text.Style(), details=details,
                               summary_only=False)
    printed = " ".join(text.split())
    assert printed.count("conditions:") == bool(record.conditions)
    assert record.conditions.replace("|", "\\|" if form == "markdown" else "|") in printed


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
    done = command("--id", "LL-T1", capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"k = 4 and Theta = 0.066" in b" ".join(done.stdout.split()) and b"?" not in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("arguments", [["--summary", "--id", "LL-EX2"], ["--help"], ["--id", "LL-NOPE"]])
def test_closed_streams_are_no_failure(arguments):
    expected = 2 if "LL-NOPE" in arguments else 0
    program = " ".join(map(shlex.quote, [sys.executable, "-m", "paper_tables.ledger", *arguments]))
    done = subprocess.run(["sh", "-c", f"{program} >&-"], cwd=ROOT, stderr=subprocess.PIPE, check=False)
    assert done.returncode == expected and b"Traceback" not in done.stderr
    assert subprocess.run(["sh", "-c", f"{program} >&- 2>&-"], cwd=ROOT, check=False).returncode == expected


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
