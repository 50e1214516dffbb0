"""`python -m gammaprob.tables --losses`: the same tables for a user's own losses."""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gammaprob import certified
from gammaprob.fit import fit_losses
from gammaprob.tables import main

ROOT = Path(__file__).parents[1]
# Data that may not lie in the repository: the folder named here, else `data` in the checkout (ignored by git), else
# shared/data beside it.
FOLDERS = [Path(os.environ["GAMMAPROB_DATA"])] if "GAMMAPROB_DATA" in os.environ else [
    ROOT / "data", ROOT.parent / "shared" / "data",
]
POSE_FILES = ("mpii/newell.h5", "mpii/valid.h5")
DATA = next((folder for folder in FOLDERS if all((folder / name).exists() for name in POSE_FILES)), None)

ROUNDINGS = re.compile(r" +(?:0|\de-1[4-7])(?= )")  # relative errors of a few roundings of the arguments


@pytest.fixture(scope="module")
def gamma_losses():
    return np.random.default_rng(3).gamma(2.5, 0.2, 300)


def write(path, losses):
    rows = "".join(f"im{number},{loss!r}\n" for number, loss in enumerate(losses.tolist()))
    path.write_text(f"image,loss\n{rows}", encoding="utf-8")
    return str(path)


def report(capsys, *arguments) -> dict:
    code = main([*arguments, "--format", "json"])
    output = capsys.readouterr()
    assert (code, output.err) == (0, "")
    document = json.loads(output.out)
    return {**{section["name"]: section["rows"] for section in document["sections"]}, "verdict": document["verdict"]}


def refused(capsys, *arguments) -> str:
    code = main(list(arguments))
    output = capsys.readouterr()
    assert (code, output.out, output.err.count("\n")) == (2, "", 1), output
    return output.err


def test_the_fit_is_the_one_of_fit_losses(capsys, tmp_path, gamma_losses):
    found = report(capsys, "--losses", write(tmp_path / "l.csv", gamma_losses), "--seed", "4")
    fit = fit_losses(gamma_losses, deltas=(), seed=4)
    items = {row["item"]: row for row in found["fit"]}
    assert items["losses"]["value"] == 300
    assert (items["shape k"]["value"], items["shape k"]["standard_error"]) == (fit.shape, fit.shape_standard_error)
    assert (items["scale Θ"]["value"], items["scale Θ"]["standard_error"]) == (fit.scale, fit.scale_standard_error)
    assert items["best half-integer k"]["cost"] == fit.half_integer.log_likelihood_cost
    assert [row["p_value"] for row in found["goodness"]] == [
        test.p_value for test in (fit.kolmogorov_smirnov, fit.anderson_darling, fit.cramer_von_mises)
    ]
    assert found["verdict"] == [fit.verdict] and "is compatible with these 300 losses" in fit.verdict


def test_the_law_and_the_pairs_stand_side_by_side(capsys, tmp_path, gamma_losses):
    found = report(capsys, "--losses", write(tmp_path / "l.csv", gamma_losses), "--delta", "0.1", "0.5")
    gaps = np.array([abs(x - y) for x, y in itertools.combinations(gamma_losses.tolist(), 2)])
    for row in found["table1"]:
        assert row["observed"] == np.count_nonzero(gaps <= float(row["delta"])) / gaps.size
        assert row["distance"] == pytest.approx((row["kernel"] - row["observed"]) / row["observed_standard_error"])
        assert abs(row["distance"]) < 5  # the losses are gamma, the fit is near: far tail of a normal law
    for name, law in (("table1", certified.gap_cdf), ("table2", certified.expected_target)):
        for row in found[name]:
            enclosure = law(row["delta"], shape=row["shape"], scale=row["scale"], digits=6)
            assert row["exact"] == enclosure.digits and row["kernel"] == pytest.approx(float(row["exact"]), rel=1e-5)


def test_default_gaps_are_quantiles_of_the_fitted_law(capsys, tmp_path, gamma_losses):
    rows = report(capsys, "--losses", write(tmp_path / "l.csv", gamma_losses))["table1"]
    # δ has two digits, so it is off by up to 5 %, and so is P, which is concave in δ from 0.
    for row, level in zip(rows, (0.1, 0.25, 0.5, 0.75, 0.9, 0.99), strict=True):
        assert float(row["exact"]) == pytest.approx(level, rel=0.05)
        assert len(row["delta"].replace(".", "").strip("0")) <= 2


def test_the_same_losses_with_fewer_digits_give_the_same_tables(capsys, tmp_path, monkeypatch, gamma_losses):
    """What the README shows comes back whatever wrote the file: the fit differs in its tenth digit, the text does not.
    """
    texts = []
    for number, form in enumerate(("{:.17g}", "{:.10g}")):
        path = tmp_path / str(number) / "losses.csv"
        path.parent.mkdir()
        path.write_text("\n".join(map(form.format, gamma_losses)), encoding="utf-8")
        monkeypatch.chdir(path.parent)
        assert main(["--losses", path.name]) == 0
        texts.append(ROUNDINGS.sub("~", capsys.readouterr().out))
    assert texts[0] == texts[1]


def test_a_count_is_shown_in_full(capsys, tmp_path):
    losses = np.random.default_rng(0).gamma(2.0, 0.1, 1_000_000)
    np.save(tmp_path / "l.npy", losses)
    assert main(["--losses", str(tmp_path / "l.npy"), "--table", "1", "--delta", "0.1"]) == 0
    assert re.search(r"^losses +1000000 ", capsys.readouterr().out, re.MULTILINE)


def test_a_law_that_does_not_hold_is_said_plainly(capsys, tmp_path):
    losses = np.concatenate([np.full(100, 0.1) + np.arange(100) * 1e-5, np.random.default_rng(0).uniform(5, 6, 100)])
    found = report(capsys, "--losses", write(tmp_path / "l.csv", losses))
    assert found["verdict"][0].startswith("The gamma law does not describe these 200 losses")
    assert max(abs(row["distance"]) for row in found["table1"] if row["distance"]) > 6


def test_every_source_gives_the_same_tables(capsys, tmp_path, monkeypatch, gamma_losses):
    text = write(tmp_path / "l.csv", gamma_losses)
    np.save(tmp_path / "l.npy", gamma_losses)
    first = report(capsys, "--losses", text, "--column", "loss", "--table", "1")
    assert set(first) == {"fit", "goodness", "table1", "verdict"}
    assert first == report(capsys, "--losses", text, "--column", "2", "--table", "1")
    assert first == report(capsys, "--losses", str(tmp_path / "l.npy"), "--table", "1")
    with open(text, "rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        assert first == report(capsys, "--losses", "-", "--table", "1")


def test_more_digits_on_request(capsys, tmp_path, gamma_losses):
    found = report(capsys, "--losses", write(tmp_path / "l.csv", gamma_losses), "--digits", "25", "--delta", "0.3")
    assert [len(found[name][0]["exact"].lstrip("0.")) for name in ("table1", "table2")] == [25, 25]


def test_a_gap_without_pairs_has_no_observed_target(capsys, tmp_path):
    found = report(capsys, "--losses", write(tmp_path / "l.csv", np.array([1.0, 2.0, 4.0])), "--delta", "50")
    assert found["table2"][0]["observed"] is None and found["table2"][0]["distance"] is None
    assert found["table1"][0]["observed"] == 1.0
    assert main(["--losses", str(tmp_path / "l.csv"), "--delta", "50"]) == 0
    assert re.search("^50 +– ", capsys.readouterr().out, re.MULTILINE)


def test_a_gap_below_the_window_of_gaps_has_no_distance(capsys, tmp_path):
    """Losses of a true gamma law of a small shape, where the pairs within the window say nothing of φ at a tiny δ."""
    losses = np.random.default_rng(0).gamma(0.02, 1.0, 400)
    found = report(capsys, "--losses", write(tmp_path / "l.csv", losses), "--delta", "1e-20", "0.05")
    assert [row["distance"] is None for row in found["table1"]] == [False, False]
    assert [row["distance"] is None for row in found["table2"]] == [True, False]


def test_losses_that_are_nearly_equal(capsys, tmp_path):
    """A shape beyond what can be certified is told as what it is, not as a number of digits that nobody asked for."""
    path = write(tmp_path / "l.csv", 1 + np.linspace(-1e-5, 1e-5, 50))
    assert "losses: got 'fitted k = 2.88" in (line := refused(capsys, "--losses", path)) and "fit_losses gives" in line


def test_a_file_name_cannot_write_to_the_terminal(capsys, tmp_path, gamma_losses):
    path = write(tmp_path / "a\033[31mb.csv", gamma_losses)
    assert main(["--losses", path, "--table", "1", "--delta", "0.1"]) == 0
    assert "\033" not in capsys.readouterr().out
    Path(path).write_text("loss\n0.1\n-0.2\n", encoding="utf-8")
    line = refused(capsys, "--losses", path)
    assert "\033" not in line and "a?[31mb.csv, line 3" in line


@pytest.mark.parametrize(("content", "arguments", "words"), [
    (None, [], "losses: got"),
    ("", [], "this one is empty"),
    ("loss\n0.1\n-0.2\n0.3\n", [], "line 3, column 'loss': got '-0.2'; allowed: a finite number > 0"),
    ("loss\n0.1\n0\n0.3\n", [], "line 3, column 'loss': got '0'"),
    ("loss\n0.1\nnan\n0.3\n", [], "line 3, column 'loss': got 'nan'"),
    ("loss\n0.1\nabc\n0.3\n", [], "line 3, column 'loss': got 'abc'"),
    ("loss\n0.1\n", [], "losses: got 1; allowed: at least two values"),
    ("loss\n0.1\n0.1\n0.1\n", [], "losses: got 0.1; allowed: values that are not all equal"),
    ("epoch,loss\n1,0.1\n2,0.2\n", [], "got 'several columns of numbers'; allowed: one of 'epoch', 'loss'; say which"),
    ("loss\n0.1\n0.2\n", ["--column", "other"], "column: got 'other'; allowed: a column of"),
    ("loss\n0.1\n0.2\n", ["--delta", "-0.1"], "delta: got '-0.1'; allowed: a gap δ >= 0"),
    ("loss\n0.1\n0.2\n", ["--shape", "4"], "--shape cannot go with --losses"),
    ("loss\n0.1\n0.2\n", ["--scale", "1"], "--scale cannot go with --losses"),
    ("loss\n0.1\n0.2\n", ["--check"], "--check cannot go with --losses"),
])
def test_bad_losses_are_one_line_and_exit_code_2(capsys, tmp_path, content, arguments, words):
    path = tmp_path / "l.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert words in refused(capsys, "--losses", str(path), *arguments)


def test_standard_input_that_is_closed(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert "got 'standard input'; allowed: an open standard input; it is closed" in refused(capsys, "--losses", "-")


def test_standard_input_as_a_user_pipes_it(gamma_losses):
    text = "\n".join(map(repr, gamma_losses.tolist())).encode()
    program = [sys.executable, "-m", "gammaprob.tables", "--losses", "-", "--format", "csv"]
    done = subprocess.run(program, cwd=ROOT, input=text, capture_output=True, timeout=60, check=True)
    assert done.stderr == b"" and b"shape k" in done.stdout


@pytest.mark.skipif(
    DATA is None,
    reason=f"{' and '.join(POSE_FILES)} are not here: put them into data/, or name their folder in GAMMAPROB_DATA",
)
@pytest.mark.parametrize(("power", "shape", "scale"), [(1, 2.8226, 0.10393), (2, 0.5412, 0.53703)])
def test_real_pose_losses(capsys, tmp_path, power, shape, scale):
    """Mean over the present ones of 14 joints of (distance/head size)^power of 2958 persons; digits measured once."""
    import h5py

    with h5py.File(DATA / POSE_FILES[0]) as network, h5py.File(DATA / POSE_FILES[1]) as truth:
        predicted, marked, head = network["preds"][:], truth["part"][:].astype(float), truth["normalize"][:]
    joints = [joint for joint in range(16) if joint not in (6, 7)]  # pelvis and thorax are left out
    distance = np.linalg.norm(predicted - marked, axis=2)[:, joints] / head[:, None]
    present = (marked[:, joints] != 0).any(axis=2)
    losses = np.sum(np.where(present, distance, 0) ** power, axis=1) / present.sum(axis=1)
    found = report(capsys, "--losses", write(tmp_path / "l.csv", losses))
    items = {row["item"]: row["value"] for row in found["fit"]}
    assert items["losses"] == 2958
    # Half a unit of the last digit given.
    assert abs(items["shape k"] - shape) <= 0.5e-4 and abs(items["scale Θ"] - scale) <= 0.5e-5
    assert "does not describe" in found["verdict"][0]
