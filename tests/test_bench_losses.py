"""The benchmark of the losses compares like with like, and counts bytes and runs as it says."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.bench.losses import Step, peak_bytes, step, timed
from tests.bench.losses_plain import BATCHES, CASES, Case

ROOT = Path(__file__).parents[1]
# Of each side. A number is a sum of terms that took some 20 roundings each. torch sums in blocks and pairwise, and a
# gradient's entry has 64 terms at most, so that fewer than 80 roundings more meet in it.
AGREEMENT = 200 * torch.finfo(torch.float64).eps

BY_NAME = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def value_and_gradient(loss, case: Case, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    scores, target = case.inputs(batch, torch.float64)
    value = loss(scores.requires_grad_(), target)
    return value.detach(), torch.autograd.grad(value, scores)[0]


def distance(case: Case, batch: int) -> float:
    """The largest difference of value and gradient, over the largest entry of each."""
    pairs = zip(value_and_gradient(case.ours, case, batch), value_and_gradient(case.plain, case, batch))
    return max(((ours - plain).abs().max() / plain.abs().max()).item() for ours, plain in pairs)


@BY_NAME
def test_both_sides_compute_the_same(case):
    assert distance(case, BATCHES[0]) <= AGREEMENT


@BY_NAME
def test_another_loss_is_seen(case):
    """Negative control: a plain side that is off by a thousandth, and one whose gradient alone is wrong."""
    off = replace(case, plain=lambda scores, target: 1.001 * case.plain(scores, target))
    assert distance(off, BATCHES[0]) > AGREEMENT
    slope = 0.001  # of a term whose value is 0
    bent = replace(case, plain=lambda scores, target: (
        case.plain(scores, target) + slope * (scores - scores.detach()).sum()))
    assert distance(bent, BATCHES[0]) > AGREEMENT


def test_names_are_different():
    assert len({case.name for case in CASES}) == len(CASES)


# --- memory ---------------------------------------------------------------------------------------------------------

FLOATS = 100_000


@pytest.mark.parametrize("copies", [1, 3])
def test_peak_counts_what_is_held_at_once(copies):
    assert peak_bytes(lambda: [torch.empty(FLOATS) for _ in range(copies)]) == copies * 4 * FLOATS


def test_peak_forgets_what_is_released():
    def one_after_the_other():
        for _ in range(3):
            torch.empty(FLOATS)

    assert peak_bytes(one_after_the_other) == 4 * FLOATS


def test_peak_sees_inside_an_operator_and_in_backward():
    """A sort holds its values and its indices; the backward of a product makes two gradients beside the product."""
    values = torch.rand(FLOATS)
    assert peak_bytes(lambda: torch.sort(values)) >= (4 + 8) * FLOATS
    a, b = (torch.rand(FLOATS, requires_grad=True) for _ in range(2))
    assert peak_bytes(lambda: torch.autograd.grad(a * b, (a, b), torch.ones(FLOATS))) == 4 * 4 * FLOATS


# --- time -----------------------------------------------------------------------------------------------------------

def test_a_step_takes_longer_with_backward():
    forward, both = step(CASES[0].ours, CASES[0], BATCHES[0])()
    assert 0 < forward < both


def test_both_sides_run_by_turns():
    calls = []

    def side(name: str, forward: float, both: float) -> Step:
        def run():
            calls.append(name)
            return forward, both
        return run

    forward, both = timed(side("ours", 0.1, 0.5), side("plain", 0.2, 0.25))
    assert calls == ["ours", "plain"] * (len(calls) // 2)
    assert len(forward.candidate) == len(both.reference) == len(calls) // 2 - 1 >= 3  # the first ones are not counted
    assert forward.ratio == 0.5 and both.ratio == 2.0


# --- the program ----------------------------------------------------------------------------------------------------

FAKES = """
import runpy, sys
from tests.bench import losses, peers, study, targets
row = lambda what, measured: targets.Row(what, "unit", 1.0, measured, "detail")
targets.measure = lambda: iter([row("a law", 0.5)])
peers.measure = lambda: iter([peers.Peer("a peer", 4.0, 0.1, 0.1, 1.0)])
losses.measure = lambda: iter([row("a loss", 2.0)])
study.measure = lambda: iter([row("a part", 0.5)])
sys.argv[0] = "bench"
runpy.run_module("tests.bench", run_name="__main__")
"""


@pytest.mark.parametrize(("arguments", "code", "shown"), [
    (["--check"], 1, {"a law", "a peer", "a loss", "a part"}),
    (["--check", "--only", "law"], 0, {"a law"}),
    (["--json", "--only", "losses"], 0, {"a loss"}),
    (["--check", "--only", "study"], 0, {"a part"}),
])
def test_program(arguments, code, shown):
    done = subprocess.run([sys.executable, "-W", "error", "-c", FAKES, *arguments], cwd=ROOT, capture_output=True,
                          text=True, encoding="utf-8", env=os.environ | {"PYTHONIOENCODING": "utf-8"}, check=False)
    assert done.returncode == code, done.stderr
    assert {name for name in ("a law", "a peer", "a loss", "a part") if name in done.stdout} == shown
    assert f"of {len(shown - {'a peer'})} targets met" in done.stderr
