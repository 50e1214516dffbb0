"""The tables in a terminal: width, colour, character set, pipes and time, as a user meets them."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gammaprob._table_document import to_ascii
from gammaprob._table_paper import paper_report
from gammaprob._table_terminal import as_text, carries, wants_colour, width_of

ROOT = Path(__file__).parents[1]
PROGRAM = [sys.executable, "-m", "gammaprob.tables"]
ESCAPE = re.compile(r"\033\[[0-9;]*m")
# The promise is 2 s for the whole run on two cores that have nothing else to do. Tests share them, so the processor's
# own time is held to it, which does not count waiting.
LONGEST_RUN = 2.0


def environment(**changes):
    """This process's environment without anything that decides on colour or width, then the changes."""
    decides = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONIOENCODING", "PYTHONUTF8"}
    kept = {name: value for name, value in os.environ.items() if name not in decides}
    return {**kept, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", **changes}


def run(*arguments, **changes):
    return subprocess.run(
        [*PROGRAM, *arguments], cwd=ROOT, env=environment(**changes), capture_output=True, timeout=60, check=False,
    )


@pytest.fixture(scope="module")
def report():
    return paper_report(["1", "2"], deltas=None, digits=12, seed=0)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100])
def test_no_line_is_wider_than_asked(report, width):
    for letters in (str, to_ascii):
        lines = as_text(report, width=width, letters=letters).splitlines()
        # A number that is longer than the line is broken, never cut: see the next test.
        assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [20, 40, 80])
def test_nothing_is_lost_in_a_narrow_terminal(report, width):
    squeezed = re.sub(r"\s", "", as_text(report, width=width))
    for section in report.sections:
        for row in section.rows:
            for field in ("exact", "lower", "upper"):
                if row.get(field) and not row.get("empty"):
                    assert row[field] in squeezed
        for note in section.notes:
            assert re.sub(r"\s", "", note) in squeezed


def test_colour_changes_nothing_but_colour(report):
    for width in (40, 80):
        coloured, plain = (as_text(report, width=width, colour=colour) for colour in (True, False))
        assert "\033[32magrees" in coloured and "\033[31mdiffers" in coloured and "\033[33mlast digit" in coloured
        strip = [line.rstrip() for line in ESCAPE.sub("", coloured).splitlines()]
        assert strip == plain.splitlines() and "\033" not in plain


@pytest.mark.parametrize(("terminal", "variables", "expected"), [
    (True, {}, True), (False, {}, False),
    (True, {"NO_COLOR": "1"}, False), (True, {"NO_COLOR": ""}, True),
    (False, {"FORCE_COLOR": "1"}, True), (False, {"FORCE_COLOR": "0"}, False), (False, {"FORCE_COLOR": ""}, False),
    (True, {"TERM": "dumb"}, False), (False, {"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
])
def test_colour_is_decided_as_users_expect(terminal, variables, expected):
    assert wants_colour(Terminal() if terminal else io.StringIO(), variables) is expected


@pytest.mark.parametrize(("columns", "expected"), [
    ("40", 40), ("5", 20), ("500", 100), ("", 80), ("x", 80), ("0", 80), ("-3", 80),
])
def test_width_of_a_pipe(columns, expected):
    assert width_of(io.StringIO(), {"COLUMNS": columns}) == expected


def test_which_streams_carry_the_letters():
    for encoding, expected in (("utf-8", True), ("ascii", False), ("latin-1", False), ("cp1253", False)):
        assert carries(io.TextIOWrapper(io.BytesIO(), encoding=encoding)) is expected


def test_piped_output_is_plain_and_eighty_wide():
    done = run("--table", "2")
    text = done.stdout.decode("utf-8")
    assert done.returncode == 0 and done.stderr == b""
    assert "\033" not in text and max(map(len, text.splitlines())) <= 80


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_in_a_terminal_of_forty_columns(variables, coloured):
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    process = subprocess.Popen(
        [*PROGRAM, "--table", "2"], cwd=ROOT, env=environment(**variables), stdin=theirs, stdout=theirs, stderr=theirs,
    )
    os.close(theirs)
    pieces = []
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # how Linux reports that the other side has closed
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(ours)
    assert process.wait(timeout=60) == 0
    text = b"".join(pieces).decode("utf-8")
    assert bool(ESCAPE.search(text)) is coloured
    assert max(map(len, ESCAPE.sub("", text).splitlines())) <= 40


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("form", ["text", "markdown", "latex", "csv", "json"])
def test_any_character_set_will_do(encoding, form):
    done = run("--delta", "0.1", "--format", form, PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and done.stderr == b""
    text = done.stdout.decode(encoding)
    assert form != "text" or "P(|X-Y| <= delta) for k = 4, Theta = 0.066" in text


def test_help_and_errors_in_ascii():
    done = run("--help", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and b"gaps delta" in done.stdout
    done = run("--check", "--scale", "1", PYTHONIOENCODING="ascii")
    assert done.returncode == 2 and b"k and Theta" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("tail", ["| head -n 1", "| true", ">&-"])
def test_a_reader_that_goes_away_is_no_failure(tail):
    command = f'{" ".join(map(repr, PROGRAM))} --delta 0.1 {tail}; echo "rc ${{PIPESTATUS[0]}}"'
    shell = ["bash", "-c", command]
    done = subprocess.run(shell, cwd=ROOT, env=environment(), capture_output=True, timeout=60, check=True)
    assert done.stderr == b"" and done.stdout.decode().splitlines()[-1] == "rc 0"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*PROGRAM, "--delta", "0.1"], cwd=ROOT, env=environment(), stdout=full, stderr=subprocess.PIPE, timeout=60,
            check=False,
        )
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1 and b"No space left" in done.stderr


def test_the_whole_run_is_quick():
    before = os.times()
    started = time.perf_counter()
    done = run()
    wall, after = time.perf_counter() - started, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    assert done.returncode == 0
    assert used <= LONGEST_RUN, f"{used:.2f} s of processor time, {wall:.2f} s wall"
