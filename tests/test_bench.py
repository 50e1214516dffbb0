"""The benchmark's own arithmetic: what it calls a ratio, a peak and a pass."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from time import sleep

import numpy as np
import pytest

from experiments.errors import DataError
from experiments.record import MEASURED, read_tables
from tests.bench import peers, report
from tests.bench.peers import Peer
from tests.bench.report import as_json, line
from tests.bench.targets import Row
from tests.bench.timing import Comparison, compare, peak_over_output
from tests.test_bench_losses import FAKES

ROOT = Path(__file__).parents[1]

PAUSE = 0.01  # seconds: long beside the clock's resolution, short beside a test run


def test_ratio_compares_the_best_runs_and_the_median_runs():
    comparison = Comparison(candidate=(2.0, 4.0, 9.0), reference=(1.0, 3.0, 2.0))
    assert comparison.ratio == 2.0 and comparison.median_ratio == 2.0
    assert Comparison((3.0,), (4.0,)).ratio == 0.75


def test_both_sides_run_by_turns():
    calls = []
    comparison = compare(lambda: calls.append("ours"), lambda: calls.append("theirs"), repetitions=3)
    assert calls == ["ours", "theirs"] * 4  # the first round warms up
    assert len(comparison.candidate) == len(comparison.reference) == 3


def test_a_slower_side_is_seen():
    """A side that waits twice as long never comes out as fast: whatever the machine does, waits only get longer."""
    comparison = compare(lambda: sleep(2 * PAUSE), lambda: sleep(PAUSE), repetitions=3)
    assert min(comparison.candidate) >= 2 * PAUSE and comparison.ratio > 1.0


@pytest.mark.parametrize("copies", [1, 3])
def test_peak_counts_what_is_held_at_once(copies):
    def hold():
        held = [np.zeros(100_000) for _ in range(copies)]
        return held[0]

    # Python objects around the arrays: below a kilobyte beside 0.8 MB.
    assert copies <= peak_over_output(hold) < copies + 0.01


@pytest.mark.parametrize(("measured", "passed"), [(1.0, True), (1.5, True), (1.6, False), (nan, False)])
def test_a_target_is_met_or_missed(measured, passed):
    row = Row("what", "unit", target=1.5, measured=measured, detail="")
    assert row.passed is passed
    assert ("FAIL" in line(row)) is not passed


def test_report():
    peer = Peer("a peer", 2.82, body=1e-3, tail=1.0, nanoseconds=1234.5)
    found = json.loads(as_json(report.machine(), [Row("what", "unit", 1.5, 1.0, "")], [peer],
                               [Row("a loss", "unit", 1.0, 2.0, "")], [Row("a part", "unit", 1.0, 0.5, "")]))
    assert found["targets"][0]["passed"] is True and found["peers"][0]["tail"] == 1.0
    assert found["losses"][0]["passed"] is False and found["study"][0]["passed"] is True
    assert {"processor", "cores", "python", "numpy", "scipy", "torch"} <= found["machine"].keys()
    assert line(peer) == "| a peer | 2.82 | 1e-03 | 1e+00 | 1,234 |"


# --- what is recorded -----------------------------------------------------------------------------------------------

def benchmark(*arguments: str) -> subprocess.CompletedProcess:
    """The program with rows that nobody measured."""
    mapped = 'peers.error_map = lambda: iter([{"name": "a peer", "shape": 4.5, "gap": 0.5, "error": None}])'
    code = FAKES.replace("sys.argv[0]", f"{mapped}\nsys.argv[0]")
    return subprocess.run([sys.executable, "-W", "error", "-c", code, *arguments], cwd=ROOT, capture_output=True,
                          text=True, encoding="utf-8", env=os.environ | {"PYTHONIOENCODING": "utf-8"}, check=False)


def test_a_run_is_recorded_and_read_again(tmp_path):
    done = benchmark("--record", str(tmp_path))
    assert done.returncode == 0, done.stderr
    made, tables = read_tables("bench", tmp_path)
    assert {name: len(rows) for name, rows in tables.items()} == {"targets": 3, "peers": 1, "map": 1}
    assert tables["peers"] == ({"name": "a peer", "shape": 4.0, "body": 0.1, "tail": 0.1, "nanoseconds": 1.0},)
    assert [(row["name"], row["what"], row["passed"]) for row in tables["targets"]] == [
        ("law", "a law", 1), ("losses", "a loss", 0), ("study", "a part", 1)]
    assert tables["map"][0]["error"] is None
    assert made["threads"] == 1 and len(made["load"]) == 2 and {"started", "commit", "modified"} <= made.keys()


def test_an_edited_record_is_refused(tmp_path):
    """Negative control: a peer made slower by hand."""
    assert benchmark("--record", str(tmp_path)).returncode == 0
    path = tmp_path / "bench_peers.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("1.0", "9.0"), encoding="utf-8")
    with pytest.raises(DataError, match="bench_peers.csv"):
        read_tables("bench", tmp_path)


def test_a_part_is_not_recorded(tmp_path):
    done = benchmark("--record", str(tmp_path), "--only", "law")
    assert done.returncode == 2 and "leave --only out" in done.stderr and list(tmp_path.iterdir()) == []


BLOCK = re.compile(r"<!-- bench (\w+) -->\n\n(.*?)\n\n<!-- /bench -->", flags=re.DOTALL)


def test_the_page_shows_the_record():
    """And the README a part of it: the peers at one shape, which is no column there."""
    page = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    machine, parts = report.recorded()
    assert {part: block.splitlines() for part, block in BLOCK.findall(page)} == {
        part: "\n".join(report.table(rows)).splitlines() for part, rows in parts.items()}
    assert all(f"{name} {value}" in page for name, value in machine.items())
    shape = 2.82
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = [row for row in parts["peers"] if row.shape == shape and line(row).replace(f" {shape} |", "", 1) in readme]
    assert len(shown) >= 5 and shown[0].name == "gammaprob.gap_sf"
    false = replace(shown[0], nanoseconds=10 * shown[0].nanoseconds)  # negative control
    assert line(false).replace(f" {shape} |", "", 1) not in readme


def test_what_is_recorded_is_shown_without_measuring():
    done = benchmark("--recorded")
    assert done.returncode == 0 and "gammaprob.gap_sf" in done.stdout and "a law" not in done.stdout
    assert benchmark("--recorded", "--record").returncode == 2


def test_the_record_is_of_this_benchmark():
    made, tables = read_tables("bench")
    assert {(row["name"], row["shape"]) for row in tables["peers"]} == {
        (name, shape) for name, (peer, _) in peers._PEERS.items() for shape in peers.SHAPES
        if peer is not peers._mixture or shape == int(shape)}
    assert {row["shape"] for row in tables["map"] if row["name"] == "quad"} == set(peers.MAP_SHAPES)
    assert {row["gap"] for row in tables["map"]} == set(peers.MAP_GAPS)
    assert {row["name"] for row in tables["targets"]} == {"law", "losses", "study"}
    assert all(row["passed"] == (row["measured"] <= row["target"]) for row in tables["targets"])
    assert (MEASURED / "bench.json").stat().st_size < 10_000 and made["bench"] == "all parts"


def test_a_map_of_errors(monkeypatch):
    """An error of 1e-6, a peer without a number, one that overflows, and a value that underflows."""
    monkeypatch.setattr(peers, "MAP_SHAPES", (4.0,))
    monkeypatch.setattr(peers, "MAP_GAPS", (1.0, 1e4))

    def overflow(delta, shape, scale):
        raise OverflowError(34)

    monkeypatch.setattr(peers, "_MAPPED", {
        "off": lambda delta, shape, scale: peers._kernel(delta, shape, scale) * (1 + 1e-6),
        "none": lambda delta, shape, scale: delta * nan, "overflow": overflow,
    })
    rows = list(peers.error_map())
    assert [(row["name"], row["gap"], row["error"]) for row in rows] == [
        ("off", 1.0, 1e-6), ("off", 1e4, None), ("none", 1.0, inf), ("none", 1e4, None), ("overflow", 1.0, inf),
        ("overflow", 1e4, None)]
