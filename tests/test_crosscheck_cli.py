"""`python -m gradients` as a user meets it: formats, exit codes, width, letters, progress, a missing library, time."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gammaprob._table_terminal import as_text
from gradients import crosscheck, losses
from gradients._crosscheck_report import COLOURS, OK, WRONG, report_of
from gradients._crosscheck_rows import Subjects
from paper_tables import _terminal

ROOT = Path(__file__).parents[1]
PROGRAM = [sys.executable, "-m", "gradients"]
ESCAPE = re.compile(r"\033\[[0-9;]*m")
QUICK = ["--only", "LL++ 4a", "--only", "LL++ Beta", "--only", "SL-EXAMPLE-AC", "--draws", "1000"]
# The promise for the whole run on two cores that have nothing else to do. Tests share them, so the processor's own time
# is held to it, which does not count waiting.
LONGEST_RUN = 30.0


def environment(**changes):
    """This process's environment without anything that decides on colour or width, then the changes."""
    decides = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONIOENCODING", "PYTHONUTF8"}
    kept = {name: value for name, value in os.environ.items() if name not in decides}
    return {**kept, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", **changes}


def start(*arguments, program=PROGRAM, **changes):
    return subprocess.run(
        [*program, *arguments], cwd=ROOT, env=environment(**changes), capture_output=True, timeout=120, check=False,
    )


def wrong_sign(predicted, true, **options):
    return losses.learning_loss_pp(-predicted, true, **options)


@pytest.fixture(scope="module")
def found():
    """All rows and examples, some of them WRONG."""
    return crosscheck.run(draws=1000, subjects=Subjects(learning_loss_pp=wrong_sign))


# --- the whole program -----------------------------------------------------------------------------------------------

def test_the_whole_run():
    """As the README has it: exit code 0, nothing on standard error, 80 columns, the seed, and in time."""
    before = os.times()
    done = start()
    after = os.times()
    text = done.stdout.decode("utf-8")
    assert done.returncode == 0 and done.stderr == b"" and "\033" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert len(re.findall("(?m)^(?:equation|record) .* verdict$", text)) == 3  # tables, not turned ones
    assert f"Seed 0, {crosscheck.DRAWS} draws a mean." in text
    assert "Every witness agrees" in " ".join(text.split()) and WRONG not in text
    for line in (
        r"LL\+\+ 4a +gradient in w +\d+ +\de-1[5-9] +\de-1[5-9]  ok", "LL 1 +value +[0-9]+ +– +0  ok",
        r"LL\+\+ 6 .* 90 +\de-\d+ +[+−]\d\.\d\d +\S+  ok", "SL-EXAMPLE-AC .* 0.32 +0.327 +ambiguous +ok",
    ):
        assert re.search(f"(?m)^{line}$", text), line
    used = after.children_user + after.children_system - before.children_user - before.children_system
    assert used <= LONGEST_RUN, f"{used:.1f} s of processor time"


def test_help():
    done = start("--help", PYTHONIOENCODING="ascii")
    text = done.stdout.decode("ascii")
    assert done.returncode == 0 and done.stderr == b""
    assert max(map(len, text.splitlines())) <= 80
    for part in (
        "--format", "--seed", "--draws", "--only", "names of equations:", "exit codes:", "  0  ", "  1  ", "  2  ",
        "  130  ",
    ):
        assert part in text


@pytest.mark.parametrize(("arguments", "said"), [
    (["--format", "latex"], "invalid choice"), (["--seed", "x"], "invalid int"), (["--dra", "5000"], "unrecognized"),
])
def test_wrong_usage_that_the_parser_sees(arguments, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        crosscheck.main(arguments)
    assert stopped.value.code == 2 and said in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "said"), [
    (["--only", "LL++ 5"], "only: got 'LL++ 5'; allowed: 'LL 1', 'LL 2a'"), (["--seed=-1"], "seed: got -1"),
    (["--draws", "10"], "draws: got 10; allowed: an integer from 1000"),
])
def test_wrong_usage_is_one_line(arguments, said, capsys):
    assert crosscheck.main(arguments) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1 and error.startswith(f"python -m gradients: error: {said}")


def test_a_wrong_loss_is_exit_code_one(monkeypatch, capsys):
    """Negative control of the whole path, from the loss to the exit code."""
    right = losses.learning_loss_pp
    assert crosscheck.main(QUICK) == 0
    assert WRONG not in capsys.readouterr().out
    monkeypatch.setattr(losses, "learning_loss_pp", lambda l_hat, true, **options: right(-l_hat, true, **options))
    assert crosscheck.main(QUICK) == 1
    out = capsys.readouterr().out
    assert re.search(r"LL\+\+ 4a .* WRONG", out) and re.search(r"LL\+\+ Beta .* ok", out)
    assert re.search(r"SL-EXAMPLE-AC .* WRONG", out)
    assert re.search(r"WRONG: LL\+\+ 4a, gradient in w: autograd: error \S+, explained by rounding\s\S+\.", out)


def without(module: str, *arguments):
    """The program where a library is not installed."""
    code = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
from gradients.crosscheck import main
sys.exit(main({list(arguments)!r}))
"""
    return start(program=[sys.executable, "-c", code])


@pytest.mark.parametrize("module", ["torch", "tqdm"])
def test_a_missing_library_is_one_line(module):
    done = without(module)
    message = done.stderr.decode()
    assert done.returncode == 2 and done.stdout == b"" and message.count("\n") == 1
    assert message.startswith(f"python -m gradients: error: {module} is missing") and "gammaprob[train]" in message


def test_help_needs_no_torch():
    assert without("torch", "--help").returncode == 0


def test_another_missing_module_is_no_user_error(monkeypatch):
    def broken(**options):
        raise ModuleNotFoundError("no such thing", name="gradients._mistake")

    monkeypatch.setattr(crosscheck, "run", broken)
    with pytest.raises(ModuleNotFoundError):
        crosscheck.main([])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*PROGRAM, *QUICK], cwd=ROOT, env=environment(), stdout=full, stderr=subprocess.PIPE, timeout=60,
            check=False,
        )
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1 and b"No space left" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("module", ["gradients", "gammaprob.tables", "paper_tables.ledger"])
@pytest.mark.parametrize(("arguments", "full", "said"), [
    (["--help"], {"stdout"}, b"No space left"), (["--help"], {"stdout", "stderr"}, b""),
    (["--no-such-option"], {"stderr"}, b""),
])
def test_help_and_complaints_on_a_full_disk(module, arguments, full, said):
    """Exit code 2, as the help of each program has it, even where it cannot say why."""
    with open("/dev/full", "wb") as device:
        streams = {name: device if name in full else subprocess.PIPE for name in ("stdout", "stderr")}
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments], cwd=ROOT, env=environment(), timeout=60, check=False, **streams,
        )
    assert done.returncode == 2 and said in (done.stderr or b"") and b"Traceback" not in (done.stderr or b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [
    ["gradients", "--only", "bogus"], ["gammaprob.tables", "--shape=-1"], ["paper_tables.ledger", "--id", "bogus"],
])
def test_a_complaint_that_cannot_be_written(arguments):
    with open("/dev/full", "wb") as device:
        done = subprocess.run(
            [sys.executable, "-m", *arguments], cwd=ROOT, env=environment(), stderr=device, timeout=60, check=False,
        )
    assert done.returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("tail", ["| true", ">&-"])
def test_a_reader_that_goes_away_is_no_failure(tail):
    quoted = " ".join(f"'{word}'" for word in [*PROGRAM, *QUICK])
    shell = ["bash", "-c", f'{quoted} {tail}; echo "rc ${{PIPESTATUS[0]}}"']
    done = subprocess.run(shell, cwd=ROOT, env=environment(), capture_output=True, timeout=60, check=True)
    assert done.stderr == b"" and done.stdout.decode().splitlines()[-1] == "rc 0"


def test_interrupted(monkeypatch):
    def stop(**options):
        raise KeyboardInterrupt

    monkeypatch.setattr(crosscheck, "run", stop)
    assert crosscheck.main([]) == 130


@pytest.mark.parametrize("module", ["gradients.crosscheck", "mpmath", "gradients._crosscheck_pair"])
def test_interrupted_while_libraries_load(module):
    code = f"""
import runpy, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
sys.argv = ["gradients"]
runpy.run_module("gradients", run_name="__main__")
"""
    done = start(program=[sys.executable, "-c", code])
    assert done.returncode == 130 and done.stderr == b""


# --- the report ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("width", [20, 40, 60, 80, 100])
@pytest.mark.parametrize("letters", [str, _terminal.to_ascii])
def test_no_line_is_wider_than_the_terminal(found, width, letters):
    lines = as_text(report_of(found), width=width, letters=letters).splitlines()
    assert max(map(len, lines)) <= width


def test_every_letter_has_an_ascii_form(found):
    text = as_text(report_of(found))
    assert {letter for letter in text if not letter.isascii()} <= set(_terminal.LETTERS)
    assert as_text(report_of(found), letters=_terminal.to_ascii).isascii()


def test_colour_changes_nothing_but_colour(found):
    report = report_of(found)
    for width in (40, 80):
        coloured, plain = (as_text(report, width=width, colour=colour, colours=COLOURS) for colour in (True, False))
        assert f"\033[32m{OK}" in coloured and f"\033[31m{WRONG}" in coloured
        stripped = [line.rstrip() for line in ESCAPE.sub("", coloured).splitlines()]
        assert stripped == plain.splitlines() and "\033" not in plain


def test_an_ascii_terminal_will_do():
    done = start(*QUICK, PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and done.stderr == b"" and b"p(Sumz^2)" in done.stdout


@pytest.mark.parametrize(("name", "sections"), [("SL-EXAMPLE-AC", 1), ("AL 14", 1), ("LL++ Beta", 1), (None, 3)])
def test_only_sections_with_rows(name, sections):
    found = crosscheck.run(only=[name] if name else ["SL-EXAMPLE-AC", "AL 14", "LL++ Beta"], draws=1000)
    report = report_of(found)
    assert len(report.sections) == sections and all(section.rows for section in report.sections)
    assert report.closing[-1] == "Seed 0, 1000 draws a mean."


def test_json(capsys):
    assert crosscheck.main([*QUICK, "--format", "json", "--seed", "3"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["settings"] == {"seed": 3, "draws": 1000}
    formulas, expectations, examples = (section["rows"] for section in content["sections"])
    assert formulas[0]["equation"] == "LL++ 4a" and 0.0 < formulas[0]["autograd_error"] <= formulas[0]["autograd_limit"]
    assert formulas[0]["worst_score"] is None and 0.0 < formulas[0]["precise_error"] <= formulas[0]["precise_limit"]
    assert abs(expectations[0]["worst_score"]) <= expectations[0]["largest_score"]
    assert expectations[0]["probability"] >= expectations[0]["least_probability"] and expectations[0]["points"] == 9
    assert examples[0]["printed"] == "0.32" and examples[0]["recorded"] == "ambiguous"
    assert {row["verdict"] for row in formulas + expectations + examples} == {"ok"}
    assert {row["broken"] for row in formulas + expectations} == {None}


def test_markdown(capsys):
    assert crosscheck.main([*QUICK, "--format", "markdown"]) == 0
    out = capsys.readouterr().out
    headings = [line.split(":")[0] for line in out.splitlines() if line.startswith("#")]
    assert headings == ["## Formulas", "## Expectations", "## Printed examples", "## Verdict"]
    assert re.search(r"(?m)^\| LL\+\+ 4a \| gradient in w \| \d+ \| \de-\d+ \| \de-\d+ \| ok \|$", out)


# --- progress --------------------------------------------------------------------------------------------------------

class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "seconds", "shown"), [
    (Terminal, 0.0, True), (Terminal, 1000.0, False), (io.StringIO, 0.0, False),
])
def test_progress_bar(monkeypatch, capsys, stream, seconds, shown):
    """On a terminal alone, in a run that takes longer than is pleasant; and it is wiped off at the end."""
    errors = stream()
    monkeypatch.setattr(sys, "stderr", errors)
    monkeypatch.setattr(crosscheck, "_QUIET_SECONDS", seconds)
    assert crosscheck.main(QUICK) == 0
    assert ("cross-checks" in errors.getvalue()) is shown
    assert errors.getvalue().rpartition("\r")[2] == "" and "cross-checks" not in capsys.readouterr().out


def test_progress_within_a_row(monkeypatch):
    """A row of many means does not wait for its end."""
    errors = Terminal()
    monkeypatch.setattr(sys, "stderr", errors)
    monkeypatch.setattr(crosscheck, "_QUIET_SECONDS", 0.0)
    assert crosscheck.main(["--only", "LL++ 6", "--draws", "20000"]) == 0
    done = [int(count) for count in re.findall(r" (\d+)/90 ", errors.getvalue())]
    assert any(0 < count < 90 for count in done) and done == sorted(done)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX terminal")
@pytest.mark.parametrize(("lines", "columns", "longest"), [(0, 0, 60), (24, 40, 39), (24, 200, 60)])
def test_progress_bar_of_a_terminal(monkeypatch, lines, columns, longest):
    """As wide as the terminal allows; and there, too, where the terminal says that it has no size."""
    import fcntl
    import pty
    import struct
    import termios

    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    with os.fdopen(its, "w", encoding="utf-8") as errors:
        monkeypatch.setattr(sys, "stderr", errors)
        monkeypatch.setattr(crosscheck, "_QUIET_SECONDS", 0.0)
        assert crosscheck.main(QUICK) == 0
        shown = os.read(ours, 2**16).decode("utf-8")
    os.close(ours)
    assert re.search(r"cross-checks: +\d+%\|", shown) and max(map(len, shown.split("\r"))) == longest
