"""The study of classification as a command: what it runs, refuses, records and reports."""

from __future__ import annotations

import json

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.classes.config import ClassConfig, configure
from experiments.classes.losses import VARIATIONS
from experiments.classes.report import report_of
from experiments.classes.study import run_classes
from experiments.record import read_tables, write_rows
from tests.cifar import few_records, write_cifar


def test_the_command_in_two_processes(tmp_path, capsys):
    words = ["classes", "--preset", "smoke", "--out", str(tmp_path), "--variations", "ce", "anchor-warmup",
             "--seeds", "1"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "Table 1: losses; digits, and CIFAR-10 of the paper" in printed and "94.17±0.13" in printed
    cells = sorted(path.parent.name for path in tmp_path.rglob("result.json"))
    assert cells == ["anchor-warmup-seed0", "ce-seed0"]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    assert main([*words, "--jobs", "1"]) == 0  # nothing is left to do
    assert capsys.readouterr().out == printed
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")} == before


def test_generated_files_of_cifar_are_learned_from(tmp_path, monkeypatch):
    few_records(monkeypatch)
    write_cifar(tmp_path, "cifar100")
    config = configure("paper", {
        "root": str(tmp_path), "train": 40, "validation": 10, "batch": 20, "epochs": 2, "warmup": 1, "blocks": 1,
        "channels": 8, "seeds": 1, "precision": "float32",
    })
    (row,) = run_classes(config, tmp_path / "out", ["focal"], jobs=1)
    assert (row["name"], row["dataset"], row["labelled"], row["test"]) == ("FL γ=0.5", "cifar100", 40, 60)
    assert 0 <= row["top1"] <= row["top5"] <= 1


@pytest.mark.parametrize("words, said", [
    (["--gamma", "-1"], "gamma: got -1.0; allowed: a number >= 0"),
    (["--gamma-focal", "-0.5"], "gamma_focal: got -0.5"),
    (["--ohem-keep", "0"], "ohem_keep: got 0.0; allowed: a number > 0 and <= 1"),
    (["--ohem-keep", "1.5"], "ohem_keep: got 1.5"),
    (["--train", "5000"], "train: got 5000; allowed: at least a batch (20), and no more than the 800 pictures"),
    (["--dataset", "cifar10"], "root: got None"),
    (["--variations", "ce", "hinge"], "variation: got 'hinge'"),
    (["--warmup", "100"], "warmup: got 100; allowed: fewer than the epochs"),
    (["--record", "No Name"], "record: got 'No Name'"),
    (["--device", "nowhere"], "device: got 'nowhere'"),
])
def test_refused_before_any_training(tmp_path, capsys, words, said):
    assert main(["classes", "--preset", "smoke", "--jobs", "1", "--out", str(tmp_path), *words]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.rglob("*-seed*"))


def test_an_impossible_folder(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["classes", "--preset", "smoke", "--jobs", "1", "--out", str(tmp_path / "file")]) == 2
    assert "allowed: a folder that can be made; choose another --out" in capsys.readouterr().err


def test_a_folder_of_other_settings(tmp_path, capsys):
    words = ["classes", "--preset", "smoke", "--out", str(tmp_path), "--variations", "ce", "--jobs", "1"]
    assert main([*words, "--seeds", "1"]) == 0
    assert main([*words, "--seeds", "1", "--gamma", "2"]) == 2
    assert "got 'gamma = 0.5'; allowed: gamma = 2.0" in capsys.readouterr().err


def test_settings_are_shown(capsys):
    assert main(["classes", "--preset", "paper", "--show"]) == 0
    shown = capsys.readouterr().out
    assert "--blocks 18" in shown and "ResNet-110" in shown and "--hourglass" not in shown


# --- record and report -----------------------------------------------------------------------------------------------

def made_rows(dataset="digits", **lead) -> list[dict]:
    """Six seeds of every loss, those named ahead by so many points, and noise of a tenth of one."""
    noise = np.random.default_rng(1).normal(0, 0.001, (len(VARIATIONS), 6))
    return [
        {"variation": name, "name": VARIATIONS[name].label(ClassConfig()), "dataset": dataset, "seed": seed,
         "top1": 0.9 + lead.get(name, 0) / 100 + seed / 1000 + noise[place, seed], "top5": 0.99 + seed / 1000,
         "labelled": 100, "test": 797, "seconds_total": 5.0, "started": "2026-01-01T00:00:00+00:00",
         "provenance": {"commit": "abc"}}
        for place, name in enumerate(VARIATIONS) for seed in range(6)
    ]


def test_what_was_recorded_is_reported(tmp_path):
    rows = made_rows()
    write_rows(rows, ClassConfig(root=str(tmp_path)), "classes", "try", tmp_path)
    document, tables = read_tables("try_classes", tmp_path)
    assert _printed(tables["try_classes"]) == _printed(rows)
    assert document["config"]["gamma"] == 0.5 and "root" not in document["config"]
    assert document["seeds"] == list(range(6)) and json.dumps(document).count(str(tmp_path)) == 0


def _printed(rows) -> list:
    report = report_of(rows)
    return [section.cells() for section in report.sections] + list(report.closing)


def order(report, table: str, low: str, high: str) -> dict:
    section = next(section for section in report.sections if section.name == f"orders{table}")
    return next(row for row in section.rows if (row["low"], row["high"]) == (low, high))


def test_orders_hold_or_are_reversed():
    report = report_of(made_rows(ce=2, **{"anchor-both": 4}))
    assert order(report, "1", "bce", "ce")["verdict"] == "holds"
    assert order(report, "1", "ce", "anchor")["verdict"] == "reversed"
    assert order(report, "A-1", "anchor-both", "anchor")["verdict"] == "reversed"
    assert order(report, "A-1", "bce", "anchor-both")["measured"] == pytest.approx(0.04, abs=0.002)
    assert order(report, "1", "bce", "ce")["published"] == pytest.approx(0.0022)
    # Control: without the lead, nothing holds or is reversed between these.
    assert order(report_of(made_rows()), "1", "bce", "ce")["verdict"] == "not told apart"


def test_orders_are_counted():
    """Table 1 of CIFAR-10 has 15 pairs of different means, Table 3 as many, Table A-1 has 6."""
    report = report_of(made_rows())
    counts = {section.name: len(section.rows) for section in report.sections if section.name.startswith("orders")}
    assert counts == {"orders1": 15, "orders3": 15, "ordersA-1": 6}
    assert order(report, "3", "dynamic-2", "anchor")["published_p"] is None  # a table without spreads
    assert report.closing[0].startswith("Table 1, top-1: of the 15 orders of two losses that the paper has")


def test_top_five_is_for_a_hundred_classes():
    digits, cifar = report_of(made_rows()), report_of(made_rows("cifar100"))
    headings = [[column.heading for column in report.sections[0].columns] for report in (digits, cifar)]
    assert headings == [["loss", "from", "seeds", "top-1"], ["loss", "from", "seeds", "top-1", "top-5"]]
    assert cifar.sections[0].cells()[9][3:] == ["74.25±0.34", "92.62±0.50"]
    assert digits.sections[0].cells()[9][3:] == ["94.10±0.15"]


def test_some_losses_alone():
    report = report_of([row for row in made_rows() if row["variation"] in ("anchor", "dynamic-2")])
    assert [section.name for section in report.sections] == ["table3", "orders3", "costs"]
