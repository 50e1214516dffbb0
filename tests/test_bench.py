"""The benchmark's own arithmetic: what it calls a ratio, a peak and a pass."""

from __future__ import annotations

import json
from math import nan
from time import sleep

import numpy as np
import pytest

from tests.bench.peers import Peer
from tests.bench.report import as_json, peer_line, row_line
from tests.bench.targets import Row
from tests.bench.timing import Comparison, compare, peak_over_output

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
    assert ("FAIL" in row_line(row)) is not passed


def test_report():
    peer = Peer("a peer", 2.82, body=1e-3, tail=1.0, nanoseconds=1234.5)
    report = json.loads(as_json([Row("what", "unit", 1.5, 1.0, "")], [peer], [Row("a loss", "unit", 1.0, 2.0, "")],
                                [Row("a part", "unit", 1.0, 0.5, "")]))
    assert report["targets"][0]["passed"] is True and report["peers"][0]["tail"] == 1.0
    assert report["losses"][0]["passed"] is False and report["study"][0]["passed"] is True
    assert {"processor", "cores", "python", "numpy", "scipy", "torch"} <= report["machine"].keys()
    assert peer_line(peer) == "| a peer | 2.82 | 1e-03 | 1e+00 | 1,234 |"
