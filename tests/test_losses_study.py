"""The study of the losses of heatmaps: one command, the targets that its losses share, its rows, report and record."""

from __future__ import annotations

import dataclasses
import functools
import json
import math

import numpy as np
import pytest
import torch

from experiments import losses, record
from experiments.__main__ import main
from experiments._report_orders import HOLDS, REVERSED, UNDECIDED
from experiments.checkpoint import read_json
from experiments.config import Config
from experiments.errors import ConfigError
from experiments.learner import Learner
from experiments.losses import VARIATIONS, report_of, run_losses
from experiments.record import read_tables, write_rows
from paper_tables import published
from tests.cells import options, tiny, tiny_study

SMALL = {"seeds": 2, "epochs_base": 1}
MEASURED = ["nearer_mirrored", "swapped", "on_mirrored", "double_peaks", "double_hits", "double_mirrored"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two of the losses, two seeds: the rows, and their folder."""
    out = tmp_path_factory.mktemp("losses")
    return run_losses(tiny_study(losses, **SMALL), out, ["MSE", "AL γ = 2"], jobs=1), out


def test_a_row_is_what_its_cell_found(run):
    rows, out = run
    assert [(row["variation"], row["seed"]) for row in rows] == [
        ("MSE", 0), ("MSE", 1), ("AL γ = 2", 0), ("AL γ = 2", 1)]
    for row, folder in zip(rows, ["mse", "mse", "al-2", "al-2"]):
        result = read_json(out / folder / f"base-seed{row['seed']}" / "stage-0" / "result.json")
        test, joints = result["test"], result["test"]["per_joint"]
        assert row["Knee"] == pytest.approx(np.mean([joints["left knee"], joints["right knee"]]), rel=1e-12)
        assert (row["Head"], row["Mean"], row["total"]) == (joints["head top"], test["mean"], test["pck"])
        assert [row[name] for name in MEASURED] == [test[name] for name in MEASURED]
        assert 0 <= test["on_mirrored"] <= test["swapped"] <= test["nearer_mirrored"] <= 1
        assert 0 < test["paired"] <= test["joints"]
    assert rows[0]["loss"] != rows[2]["loss"]


def test_the_losses_share_targets_network_and_all_else():
    """But for what the paper varies; and the reference is the study's own configuration."""
    config = tiny()
    changed = {name: dataclasses.replace(config, **change(config)) for name, change in VARIATIONS.items()}
    assert changed.pop("MSE, peak 30") == config
    assert all((each.peak, each.truncate, each.prior) == (1.0, True, 0.01) for each in changed.values())
    seen = [(each.pose_loss, each.gamma) for name, each in changed.items() if each.pose_loss in ("focal", "anchor")]
    assert seen == [("focal", 2.0), ("anchor", 1.0), ("anchor", 2.0), ("anchor", 5.0)]
    assert all(each.probabilities for each in changed.values()) and not config.probabilities
    varied = {"pose_loss", "gamma", "output"}
    others = {tuple((name, value) for name, value in each.dictionary.items() if name not in varied | {"methods"})
              for each in changed.values()}
    assert len(others) == 1
    assert {name.replace("γ = ", "gamma=") for name in changed} == {
        row["method"] for row in published.load("anchor_table7_mpii_val_2stack")}


def test_all_losses_see_targets_with_exact_zeros(monkeypatch):
    """Negative control: the reference has none, as before."""
    seen = {}
    joints, present = torch.full((2, 14, 2), 16.0), torch.ones(2, 14, dtype=torch.bool)
    for name, change in VARIATIONS.items():
        config = dataclasses.replace(tiny(), **change(tiny()))
        learner = Learner(config, 14, (), seed=0)
        monkeypatch.setattr("experiments.learner.pose_losses", lambda loss, found, target, *_, **words: seen.update(
            {name: (target, words)}))
        learner.pose_losses(torch.zeros(2, 1, 14, 8, 8), joints, present)
    reference, _ = seen.pop("MSE, peak 30")
    assert (reference > 0).all() and reference.max() > 20
    first, _ = seen["BCE"]
    assert (first == 0).any() and first.max() <= 1
    assert all(torch.equal(target, first) for target, _ in seen.values())
    assert seen["AL γ = 5"][1]["gamma"] == 5 and seen["MSE"][1]["output"] == "sigmoid"


@pytest.mark.parametrize("prior", [0.5, 0.01])
def test_sigmoids_start_about_their_prior(prior):
    """A shift of the logits and nothing else; what is no probability is left alone."""
    inputs = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    drawn = {}
    for name, changes in {"as drawn": {}, "moved": {"output": "sigmoid", "prior": prior},
                          "linear": {"prior": prior}}.items():
        learner = Learner(tiny(peak=1.0, **changes), 14, (), seed=0).eval()
        drawn[name] = learner(inputs)[0].heatmaps.detach()
    shift = math.log(prior / (1 - prior))
    torch.testing.assert_close(drawn["moved"], drawn["as drawn"] + shift)
    assert torch.equal(drawn["linear"], drawn["as drawn"])


def test_both_networks_of_a_pair_start_about_their_prior():
    moved, as_drawn = (Learner(tiny(peak=1.0, output="sigmoid", prior=prior, consistency="dual"), 14, (), seed=0)
                       for prior in (0.01, 0.5))
    for network, other in zip(moved.networks, as_drawn.networks, strict=True):
        for drawing, drawn in zip(network.drawings, other.drawings, strict=True):
            torch.testing.assert_close(drawing.bias, drawn.bias + math.log(0.01 / 0.99))


@pytest.mark.parametrize("changes, text", [
    ({"pose_loss": "bce", "peak": 1.0}, "pose_loss: got 'bce'; allowed: mse: the study sets it itself; leave it out"),
    ({"gamma": 3.0}, "gamma: got 3.0"), ({"truncate": True}, "truncate: got True"),
    ({"methods": ("ll",)}, r"methods: got \('ll',\); allowed: random: the study sets it itself"),
    ({"stages": 2}, "stages: got 2; allowed: 1: the study sets it itself"),
])
def test_what_the_study_sets_is_not_to_be_given(changes, text, tmp_path):
    with pytest.raises(ConfigError, match=text):
        run_losses(dataclasses.replace(tiny_study(losses), **changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words, text", [
    # The default itself, too: given, it would not be what all variations have.
    (["--gamma", "2"], "gamma: got 2.0; allowed: 2.0: the study sets it itself; leave it out"),
    (["--methods", "random"], "methods: got ['random']; allowed: random: the study sets it"),
    (["--stages", "2"], "stages: got 2; allowed: 1: the study"), (["--rate", "-1"], "rate: got -1.0"),
    (["--variations", "BCE", "L1"], "variation: got 'L1'; allowed: BCE; MSE; FL; AL γ = 1"),
    (["--record", "../desk"], "record: got '../desk'"), (["--recorded", "nothing"], "nothing_pose_losses"),
])
def test_errors_before_training(words, text, tmp_path, capsys):
    assert main(["losses", "--out", str(tmp_path / "out"), *options(), *words]) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_prints_records_and_prints_the_record(tmp_path, capsys, monkeypatch):
    words = ["--variations", "BCE", "--jobs", "1", "--out", str(tmp_path / "out"), *options(epochs_base=1)]
    recorded = tmp_path / "measured"
    for function in (write_rows, read_tables):
        monkeypatch.setattr(record, function.__name__, functools.partial(function, folder=recorded))
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["losses", *words, "--record", "small"]) == 0
    printed = capsys.readouterr().out
    assert "Table 7: joints found" in printed and "BCE, paper" in printed and "MSE, paper" not in printed
    assert max(map(len, printed.splitlines())) <= 100
    assert {path.name for path in recorded.iterdir()} == {"small_pose_losses.csv", "small_pose_losses.json"}
    document, tables = read_tables("small_pose_losses", recorded)
    assert document["config"]["dataset"] == "generated" and "cache" not in document["config"]
    assert [row["variation"] for row in tables["small_pose_losses"]] == ["BCE"]
    assert main(["losses", "--recorded", "small"]) == 0
    assert capsys.readouterr().out == printed


# --- the report, of made-up rows ------------------------------------------------------------------------------------

def made(shares: dict[str, float], seeds: int = 3, **others: dict[str, float]) -> list[dict]:
    """Rows with these means, each seed a little apart from the others in its own way."""
    rng = np.random.default_rng(0)
    return [
        {"variation": name, "seed": seed, **dict.fromkeys(losses.COLUMNS, share + rng.normal(0, 1e-4)),
         **{column: values[name] + rng.normal(0, 1e-4) for column, values in others.items()},
         **{column: None for column in MEASURED if column not in others}}
        for name, share in shares.items() for seed in range(seeds)
    ]


def section(report, key):
    return next(part for part in report.sections if part.name == key)


def test_orders_are_the_papers_and_verdicts_the_tests():
    rows = made({"BCE": 0.30, "FL": 0.32, "AL γ = 2": 0.34, "AL γ = 5": 0.30, "MSE, peak 30": 0.5})
    found = {(row["low"], row["high"]): row for row in section(report_of(rows), "orders").rows}
    # 88.84 of BCE and of γ = 5 is no order; what the paper has not is in none
    assert set(found) == {("FL", "BCE"), ("FL", "AL γ = 5"), ("FL", "AL γ = 2"), ("BCE", "AL γ = 2"),
                          ("AL γ = 5", "AL γ = 2")}
    assert found["FL", "BCE"]["verdict"] == REVERSED and found["FL", "BCE"]["published"] == pytest.approx(0.0003)
    assert found["BCE", "AL γ = 2"]["verdict"] == HOLDS
    assert found["BCE", "AL γ = 2"]["measured"] == pytest.approx(0.04, abs=1e-3)
    counts = {row["column"]: row for row in section(report_of(rows), "summary").rows}
    assert counts["Mean"]["orderings"] == 5 and counts["Mean"][HOLDS] == 3 and counts["Mean"][REVERSED] == 2


def test_what_anchor_loss_mends_is_tested_in_its_direction():
    shares = {"BCE": 0.3, "AL γ = 2": 0.3}
    rows = made(shares, double_peaks={"BCE": 0.4, "AL γ = 2": 0.3}, double_hits={"BCE": 0.4, "AL γ = 2": 0.3},
                swapped={"BCE": 0.2, "AL γ = 2": 0.2})
    said = " ".join(report_of(rows).closing)
    for title, verdict in (("swapped", f"less: {UNDECIDED}"), ("double peaks", f"less: {HOLDS}"),
                           ("of these found", f"more: {REVERSED}")):
        assert said.partition(f"{title}: ")[2].partition("that it is ")[2].startswith(verdict)
    assert "on mirrored" not in said  # nothing was counted


def test_a_report_of_one_seed_tests_nothing():
    report = report_of(made({"BCE": 0.3, "MSE": 0.4}, seeds=1))
    assert [row["verdict"] for row in section(report, "orders").rows] == ["not tested"]
    assert section(report, "table7").cells()[0][1] == "30.0"


def test_a_joint_that_never_counts_is_a_dash():
    rows = [row | {"Ankle": None} for row in made({"BCE": 0.3, "MSE": 0.4})]
    report = report_of(rows)
    assert section(report, "table7").cells()[0][7] == "–"
    assert "Ankle" not in [row["column"] for row in section(report, "summary").rows if row[HOLDS] or row[REVERSED]]


def test_rows_are_recorded_with_their_digits(run, tmp_path):
    rows = run[0]
    write_rows(rows, Config(), "pose_losses", "try", tmp_path)
    (read,) = read_tables("try_pose_losses", tmp_path)[1].values()
    assert list(read) == [{key: value for key, value in row.items() if key != "provenance"} for row in rows]
    document = json.loads((tmp_path / "try_pose_losses.json").read_text(encoding="utf-8"))
    assert document["seeds"] == [0, 1] and document["cells"] == 4 and document["pose_losses"] == "try"
