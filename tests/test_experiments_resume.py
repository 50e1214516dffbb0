"""Killed at any instant and started again, a study ends with the numbers of one that was not."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from experiments.checkpoint import save
from tests.cells import ROOT, differences, figures, options, stages

METHOD = "ll++conv"  # has pairs, and reads all that the network gives
ENDED, KILLED = 0, -signal.SIGKILL
MOST_STARTS = 200  # of one chain, which needs a quarter of them
SETTINGS = {"methods": (METHOD, "coreset"), "epochs_base": 2}


@pytest.fixture(scope="module")
def start() -> Callable[..., int]:
    """Start the cell in a folder: `start(out, delay=...)` gives 0 when it ended well, -9 when it was killed."""
    figures()  # decoded before anyone is killed
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    server = subprocess.Popen([sys.executable, "-m", "tests.killed"], cwd=ROOT, env=environment, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ask(out: Path, **request) -> int:
        arguments = ["cycle", "--method", METHOD, "--out", str(out), *options(**SETTINGS)]
        server.stdin.write(json.dumps({"arguments": arguments, **request}) + "\n")
        server.stdin.flush()
        answer = json.loads(server.stdout.readline())
        ask.seconds = answer["seconds"]
        code = -answer["signal"] if answer["signal"] else answer["code"]
        assert code in (ENDED, KILLED), (code, request)
        return code

    yield ask
    server.communicate(timeout=10)
    assert server.returncode == 0


@pytest.fixture(scope="module")
def undisturbed(start, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed")
    assert start(out) == ENDED
    assert stages(out) == ["base-seed0/stage-0", f"{METHOD}-seed0/stage-1", f"{METHOD}-seed0/stage-2"]
    start.whole = start.seconds
    return out


def leftovers(out: Path) -> list[Path]:
    """What only a run in progress may have."""
    return [path for pattern in ("stage-*/.*", "stage-*/checkpoint.pt") for path in out.glob(f"*/{pattern}")]


def test_killed_at_every_write(start, undisturbed, tmp_path):
    """Twice at each file: in the middle of its content or before its rename, and when it is there."""
    assert start(tmp_path, write=1, place="inside") == KILLED and not (tmp_path / "config.json").exists()
    # Each start writes config.json again. Of the three files that end a stage, result.json is then the fourth.
    moments = itertools.cycle([(2, "inside"), (2, "after"), (3, "before"), (3, "after"), (4, "inside"), (4, "before"),
                               (4, "after")])
    kills = 0
    for write, place in itertools.islice(moments, MOST_STARTS):
        if start(tmp_path, write=write, place=place) == ENDED:
            break
        kills += 1
    # The result of each of three stages was reached by seven starts at least.
    assert kills >= 3 * 7
    assert differences(undisturbed, tmp_path) == []
    assert leftovers(tmp_path) == []


def test_killed_at_any_time(start, undisturbed, tmp_path):
    """Lives that grow longer, from a tenth of what the whole takes, so that even a busy machine gets to the end."""
    draw, kills = random.Random(20), 0
    while start(tmp_path, delay=draw.random() * 0.1 * 1.2**kills * start.whole) == KILLED:
        kills += 1
    assert kills >= 3
    assert differences(undisturbed, tmp_path) == []
    assert leftovers(tmp_path) == []


def test_other_random_numbers_after_a_kill_are_seen(start, undisturbed, tmp_path):
    """Negative control: the comparison sees a resume that draws other numbers."""
    assert start(tmp_path, write=3, place="after") == KILLED  # config.json, log and checkpoint of the first epoch
    assert (tmp_path / "base-seed0" / "stage-0" / "checkpoint.pt").exists()
    assert start(tmp_path, disturbed=True) == ENDED
    found = differences(undisturbed, tmp_path)
    assert any("weights" in name for name in found) and any("true_loss" in name for name in found)


def test_one_bit_of_one_weight_is_seen(start, undisturbed, tmp_path):
    """Negative control: nor does a single rounding pass."""
    assert start(tmp_path) == ENDED and differences(undisturbed, tmp_path) == []
    model = tmp_path / f"{METHOD}-seed0" / "stage-2" / "model.pt"
    state = torch.load(model, weights_only=True)
    weight = state["weights"]["network.drawings.0.bias"]
    weight[0] = torch.nextafter(weight[0], torch.tensor(torch.inf))
    save(model, state)
    assert len(differences(undisturbed, tmp_path)) == 1


def test_a_finished_run_is_left_alone(start, undisturbed):
    before = {path: path.stat().st_mtime_ns for path in undisturbed.glob("*/stage-*/*")}
    assert start(undisturbed) == ENDED
    assert {path: path.stat().st_mtime_ns for path in undisturbed.glob("*/stage-*/*")} == before


def test_an_interrupted_command(start, undisturbed, tmp_path):
    """`python -m experiments` itself, interrupted after its first epoch, and then started again."""
    words = [sys.executable, "-m", "experiments", "cycle", "--method", METHOD, "--out", str(tmp_path),
             *options(**SETTINGS)]
    # A shell has what it starts in the background ignore interrupts, these tests and their children among it.
    running = subprocess.Popen(words, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    while running.poll() is None and not list(tmp_path.glob("*/stage-0/checkpoint.pt")):
        time.sleep(0.005)
    running.send_signal(signal.SIGINT)
    printed, complaint = running.communicate(timeout=60)
    assert (running.returncode, printed) == (130, ""), complaint
    assert complaint == "interrupted; the same command goes on from the last epoch that was finished\n"
    assert start(tmp_path) == ENDED
    assert differences(undisturbed, tmp_path) == []
