"""The example runs as a user would run it, prints what its README shows, and its statistics mean what they say."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import resource
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "examples" / "loss_predictor.py"
TRAINED = {"LL", "LL++", "squared error"}
CHANCE = {"LL++, shuffled", "random"}
LONGEST_RUN = 60.0  # the promise, in seconds; the processor's own time is held to it, which does not count waiting
# A line of the first table: name, Spearman ± sd, p, Pearson ± sd, loss of the top 20 % ± sd.
LINE = re.compile(r"^(\S.*?) +([+-]\S+) ± (\S+) +(\S+) +([+-]\S+) ± (\S+) +(\S+) ± (\S+)$", flags=re.MULTILINE)
LEVEL = 0.05
# Standard errors that a correlation of no meaning stays within: one run in 16,000 would not, and the seeds are fixed.
Z = 4.0


@pytest.fixture(scope="module")
def example():
    """The program as a module."""
    spec = importlib.util.spec_from_file_location("loss_predictor", PROGRAM)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def run(folder: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"} | changes
    return subprocess.run([sys.executable, "-W", "error", str(PROGRAM), *arguments], cwd=folder, env=environment,
                          capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.fixture(scope="module")
def default(tmp_path_factory):
    """The folder, the printed text and the processor seconds of one run at the default settings."""
    folder = tmp_path_factory.mktemp("elsewhere")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run(folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return folder, done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def table(text: str) -> dict[str, list[float]]:
    return {name: [float(number) for number in numbers] for name, *numbers in LINE.findall(text)}


# --- the run --------------------------------------------------------------------------------------------------------

def test_takes_less_than_a_minute(default):
    assert default[2] < LONGEST_RUN


def test_both_losses_predict_the_true_loss(default):
    rows = table(default[1])
    assert rows.keys() == TRAINED | CHANCE | {"feature norm"}
    for name in ("LL", "LL++"):
        spearman, _, p, pearson, _, top, _ = rows[name]
        assert spearman > 0 and p < LEVEL and pearson > 0 and top > 1


def test_what_means_nothing_correlates_with_nothing(default):
    """Negative control: the head trained on shuffled losses, and the random score."""
    rows = table(default[1])
    assert all(rows[name][2] > LEVEL for name in CHANCE)
    held_out, splits = (int(re.search(pattern, default[1])[1]) for pattern in (r"(\d+) held out", r"of (\d+) random"))
    # Of a random ranking, Spearman's coefficient has variance 1/(n − 1).
    assert abs(rows["random"][0]) < Z / math.sqrt((held_out - 1) * splits)


def test_losses_have_the_shape_that_normal_errors_give_them(default):
    """One target: a squared normal error is Gamma(1/2, 2σ²), so that no other half-integer shape may be nearer."""
    shape = float(re.search(r"k = (\S+) ±", default[1])[1])
    assert round(2 * shape) == 1 and "k = 1/2" in default[1]


def test_output_fits_a_terminal(default):
    assert [line for line in default[1].splitlines() if len(line) > 80] == []


def test_figure(default):
    folder, text, _ = default
    assert [path.name for path in folder.iterdir()] == ["loss_predictor.png"] and "loss_predictor.png" in text
    content = (folder / "loss_predictor.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (1500, 600)  # 10 × 4 inches at 150 dots an inch
    pixels = image.imread(folder / "loss_predictor.png")[..., :3]
    assert (pixels[[0, 0, -1, -1], [0, -1, 0, -1]] == 1).all()  # nothing runs into a corner
    for panel in np.array_split(pixels, 3, axis=1):  # something is drawn in each third, and it is not all of it
        assert 0.02 < (panel != 1).any(axis=-1).mean() < 0.5


def test_readme_shows_such_a_run(default):
    """The table in the README is that of a run: other processors round otherwise, but by far less than a spread."""
    shown, rows = table((PROGRAM.parent / "README.md").read_text(encoding="utf-8")), table(default[1])
    assert shown.keys() == rows.keys()
    for name, (spearman, spread, *_) in rows.items():
        assert abs(shown[name][0] - spearman) <= spread


def test_plain_terminal_other_data_no_figure(tmp_path):
    done = run(tmp_path, "--data", "digits", "--seeds", "2", "--epochs", "1", "--no-figure", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "898 rows labelled, 899 held out" in done.stdout and "k = 32/2" in done.stdout
    assert list(tmp_path.iterdir()) == []


# --- arguments ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("arguments", "said"), [
    (["--seeds", "1"], "--seeds 1: a spread over splits needs at least 2"),
    (["--seeds", "many"], "invalid int value"),
    (["--epochs", "0"], "--epochs 0: at least 1"),
    (["--data", "iris"], "invalid choice"),
    (["--out", "no/such/folder/figure.png"], "a folder that exists"),
    (["--out", "figure.txt"], "name a .png file"),
    (["--no-such-option"], "unrecognized arguments"),
])
def test_wrong_arguments(example, monkeypatch, capsys, tmp_path, arguments, said):
    _refused(example, monkeypatch, capsys, tmp_path, arguments, said)


def test_without_matplotlib(example, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(example, "find_spec", lambda name: None)
    _refused(example, monkeypatch, capsys, tmp_path, [], "pip install matplotlib, or pass --no-figure")


def _refused(example, monkeypatch, capsys, folder, arguments, said):
    """Exit code 2 and the reason, before anything is trained."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [PROGRAM.name, *arguments])
    monkeypatch.setattr(example, "run", lambda *_: pytest.fail("trained"))
    with pytest.raises(SystemExit) as stopped:
        example.main()
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


# --- statistics -----------------------------------------------------------------------------------------------------

def test_one_seed_gives_one_result(example):
    _, x, y = example.load("diabetes")
    first, again, other = (example.run(x, y, seed=seed, epochs=1) for seed in (3, 3, 4))
    assert (first.losses == again.losses).all() and not (first.losses == other.losses).all()
    assert all((first.scores[name] == again.scores[name]).all() for name in first.scores)


def test_shuffled_losses_correlate_with_nothing(example):
    """Negative control: the same predictions beside the losses of other rows."""
    _, x, y = example.load("digits")
    split = example.run(x, y, seed=0, epochs=3)
    limit = Z / math.sqrt(len(split.losses) - 1)
    assert example.quality(split, "LL++")[0] > limit
    shuffled = example.Split(np.random.default_rng(0).permutation(split.losses), split.scores)
    assert abs(example.quality(shuffled, "LL++")[0]) < limit


def test_quality_of_known_scores(example):
    losses = np.arange(1.0, 11.0)
    split = example.Split(losses, {"same": losses, "reversed": -losses, "cubed": losses**3})
    assert example.quality(split, "same") == pytest.approx((1, 1, 9.5 / 5.5))
    assert example.quality(split, "reversed") == pytest.approx((-1, -1, 1.5 / 5.5))
    spearman, pearson, _ = example.quality(split, "cubed")
    assert spearman == pytest.approx(1) and 0 < pearson < 1


def test_mean_over_splits(example):
    mean, error, p = example.over_splits(np.array([0.1, 0.3]))
    assert mean == pytest.approx(0.2)
    assert error == pytest.approx(math.sqrt(0.02 * (1 / 2 + 1)))  # the sample variance, 0.02, times 1/n + 1
    assert p == pytest.approx(1 - 2 / math.pi * math.atan(mean / error))  # one degree of freedom: Cauchy
    assert math.isnan(example.over_splits(np.ones(3))[2])
