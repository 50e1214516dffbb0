"""The study of few labels: what it refuses, what it trains, that it resumes, and what it says of a collapse."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments import semi
from experiments.__main__ import main
from experiments.checkpoint import read_json, write_json
from experiments.config import configure
from experiments.cycle import _unlabelled, run_base, run_cell
from experiments.data.splits import split
from experiments.errors import CheckpointError, ConfigError, DataError
from experiments.learner import Learner
from experiments.pose_task import PoseTask
from experiments.record import read_tables, write_rows
from experiments.semi import _PUBLISHED, VARIATIONS, _few, collapsed, report_of, run_semi
from experiments.study import open_data, prepare
from experiments.train import train
from paper_tables import published
from tests.cells import differences, figures, numbers, options, stages, tiny, tiny_study

ROWS, JUDGED, UNLABELLED = np.arange(16), np.arange(16, 22), np.arange(22, 40)
ALWAYS = {"consistency_start": 0.0, "epochs_base": 3}


def task(config, unlabelled=UNLABELLED, methods=()) -> PoseTask:
    return PoseTask(Learner(config, 14, methods, seed=0), figures(), ROWS, JUDGED, config, unlabelled)


def trained(folder: Path, methods=(), **changes) -> dict:
    """The weights after a training, and its log."""
    config = tiny(**ALWAYS | changes)
    learning = task(config, methods=methods)
    train(learning, config=config, seed=0, stage=0, folder=folder)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return {"weights": learning.module.state_dict(), "log": log}


def same(one: dict, other: dict) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


# --- bad input -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("changes, text", [
    ({"consistency_weight": -0.1}, "consistency_weight: got -0.1; allowed: a number >= 0.0"),
    ({"consistency": "hard"}, "consistency: got 'hard'; allowed: none, standard, easy-hard, dual"),
    ({"consistency": "standard", "hard": "cutout"}, "hard: got 'cutout'; allowed: affine with --consistency standard"),
    ({"cutout_least": 0.5}, "cutout_least: got 0.5; allowed: at most cutout_most"),
    # All of the pool is labelled in the end, and nothing is left without a label.
    ({"consistency": "easy-hard", "pool": 8}, "pool: got 8; allowed: at least budget × stages + the unlabelled images "
     "that are learned from = 9"),
    ({"consistency": "easy-hard", "unlabelled": 17}, "the unlabelled images that are learned from = 25"),
])
def test_settings_of_a_consistency_that_do_not_fit(changes, text):
    with pytest.raises(ConfigError, match=re.escape(text)):
        tiny(**changes)
    tiny(pool=8)  # enough for labels alone


def test_no_unlabelled_pictures():
    with pytest.raises(DataError, match="unlabelled: got 'no pictures'"):
        task(tiny(consistency="easy-hard"), UNLABELLED[:0])
    task(tiny(), UNLABELLED[:0])


@pytest.mark.parametrize("arguments, text", [
    (["--consistency-weight", "-1"], "consistency_weight: got -1.0"),
    (["--labels", "40"], "labels: got 40; allowed: at most 38 of base + pool = 40: others are learned from without"),
    (["--labels", "39"], "labels: got 39; allowed: at most 38 of base + pool = 40"),
    (["--labels", "8", "30", "--unlabelled", "10"], "labels: got 30; allowed: at most 29 of base + pool = 40"),
    (["--labels", "6"], "base: got 6; allowed: at least a batch (8)"),
    (["--cutout-joints", "15"], "cutout_joints: got 15; allowed: at most 14"),
    (["--variations", "mean teacher"], "variation: got 'mean teacher'"),
    # Also what the study would set: given, it is an error, and of a preset it is not.
    (["--keep", "last"], "keep: got 'last'; allowed: last: the study sets it itself; leave it out"),
    (["--start", "same"], "start: got 'same'"), (["--budget", "24"], "budget: got 24; allowed: 1: the study sets it"),
    (["--methods", "ll", "ll++"], "methods: got ['ll', 'll++']; allowed: random: the study"),
    (["--stages", "2"], "stages: got 2"), (["--hard", "affine"], "hard: got 'affine'"),
])
def test_requests_that_are_refused_before_anything_is_trained(arguments, text, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["semi", "--jobs", "1", "--out", str(out), *options("budget"), *arguments]) == 2
    assert text in capsys.readouterr().err
    assert not out.exists()


def test_as_many_labels_as_leave_one_picture_are_accepted():
    assert [_few(tiny_study(semi, unlabelled=left), 39 - left, 1).pool for left in (1, 10)] == [2, 11]


def test_rows_are_recorded_or_read_not_both(capsys):
    with pytest.raises(SystemExit):
        main(["semi", "--recorded", "one", "--record", "other"])
    assert "--record: not allowed with argument --recorded" in capsys.readouterr().err


def test_what_the_study_sets_is_shown(capsys):
    """Over what the preset says of it."""
    assert main(["semi", "--preset", "smoke", "--show"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "--methods random no loss predictor is trained --seeds 1" in shown
    assert "--budget 1 no picture is labelled later" in shown and "--keep last" in shown


def test_a_study_with_other_settings_than_its_own(tmp_path):
    with pytest.raises(ConfigError, match="budget: got 4; allowed: 1: the study sets it itself"):
        run_semi(dataclasses.replace(tiny_study(semi), budget=4), tmp_path / "out", jobs=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("later", ["labels-8/easy-hard", "labels-16/supervised"])
def test_a_folder_of_other_settings_is_found_before_anything_is_written(later, tmp_path):
    """Whichever of the variations and label counts it is of; the control: without it, each has its settings."""
    config, names, counts = tiny_study(semi, epochs_base=1), ["supervised", "easy-hard"], [8, 16]
    (tmp_path / later).mkdir(parents=True)
    write_json(tmp_path / later / "config.json", tiny(batch=16).dictionary)
    with pytest.raises(CheckpointError, match="got 'b.*'; allowed: b"):
        run_semi(config, tmp_path, names, labels=counts, jobs=1)
    assert [path.parent.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")] == [later]
    (tmp_path / later / "config.json").unlink()
    run_semi(config, tmp_path, names, labels=counts, jobs=1)
    assert len(list(tmp_path.rglob("config.json"))) == len(list(tmp_path.rglob("result.json"))) == 4


def test_more_labels_than_a_data_set_has():
    config = tiny(start="same", base=41, pool=24)
    data = figures()  # of fewer
    with pytest.raises(DataError, match="base: got 41; allowed: at most 24 pictures"):
        split(data, config, 0)


# --- what is trained -------------------------------------------------------------------------------------------------

def test_labels_come_from_the_pool_and_more_of_them_have_all_of_fewer():
    few, many = (tiny(start="same", base=base, pool=40 - base) for base in (8, 16))
    data = open_data(few)
    assert data.fingerprint == open_data(many).fingerprint
    one, other = split(data, few, 1), split(data, many, 1)
    assert set(one.base) < set(other.base) and set(other.pool) < set(one.pool)
    assert {*one.base, *one.pool} == {*other.base, *other.pool} and not {*one.base} & {*one.pool}
    assert not np.array_equal(one.base, split(data, few, 2).base)
    assert np.array_equal(one.test, other.test)


def test_a_pool_of_all_is_as_large_for_every_number_of_labels():
    config = tiny_study(semi, pool=0)  # 10 × base figures
    few, many = (_few(config, labels, 1) for labels in (8, 24))
    assert (few.pool, many.pool) == (16 + 160 - 8, 16 + 160 - 24)
    assert open_data(few).fingerprint == open_data(many).fingerprint
    assert _few(tiny_study(semi, pool=0, dataset="lspet"), 8, 1).pool == 0


@pytest.mark.parametrize("consistency", ["standard", "easy-hard"])
def test_without_weight_it_learns_as_from_labels_alone(consistency, tmp_path):
    plain = trained(tmp_path / "plain", ["ll++"])
    without = trained(tmp_path / "without", ["ll++"], consistency=consistency, consistency_weight=0.0)
    learned = trained(tmp_path / "learned", ["ll++"], consistency=consistency)
    assert same(plain["weights"], without["weights"])
    assert not same(plain["weights"], learned["weights"])
    assert [line["consistency"] for line in without["log"]] == [0.0] * 3
    assert all(line["consistency"] > 0 and line["response"] > -1 for line in learned["log"])
    assert [line["validation_pck"] for line in plain["log"]] == [line["validation_pck"] for line in without["log"]]


def test_it_begins_when_the_teacher_has_learned(tmp_path):
    late = trained(tmp_path / "late", consistency="easy-hard", consistency_start=0.5)
    plain = trained(tmp_path / "plain")
    # 3 epochs: after 1.5 of them.
    assert [line["consistency"] > 0 for line in late["log"]] == [False, True, True]
    assert late["log"][0]["loss"] == plain["log"][0]["loss"] and late["log"][2]["loss"] != plain["log"][2]["loss"]


def test_unlabelled_pictures_are_seen_as_often_as_labelled_ones():
    learning = task(tiny(consistency="easy-hard", **ALWAYS), UNLABELLED[:5])
    learning.begin(1, 3, 16, lambda name: torch.Generator().manual_seed(len(name)))
    assert sorted(np.unique(learning._seen, return_counts=True)[1]) == [3, 3, 3, 3, 4]
    *_, unlabelled = learning.fetch(ROWS, torch.arange(8))
    assert len(unlabelled[0]) == 8 and len(unlabelled[1].easy.angle) == 8


@pytest.mark.parametrize("consistency", ["standard", "dual"])
@pytest.mark.parametrize("normalised", ["apart", "together"])
def test_what_is_found_in_labelled_pictures_depends_on_others_where_normalised_together(consistency, normalised):
    found = []
    for unlabelled in (UNLABELLED[:9], UNLABELLED[9:]):
        learning = task(tiny(consistency=consistency, normalised=normalised, **ALWAYS), unlabelled)
        learning.begin(1, 3, 16, lambda name: torch.Generator().manual_seed(len(name)))
        _, parts, _ = learning.losses(learning.module.train(), learning.fetch(ROWS, torch.arange(8)))
        found.append(parts["loss"].item())
    assert (found[0] == found[1]) == (normalised == "apart")


def test_both_networks_of_a_pair_learn_and_from_labels_too(tmp_path):
    config = tiny(consistency="dual", **ALWAYS)
    learning = task(config)
    learning.begin(1, 3, 16, lambda name: torch.Generator().manual_seed(len(name)))
    total, parts, _ = learning.losses(learning.module.train(), learning.fetch(ROWS, torch.arange(8)))
    total.backward()
    for network in learning.module.networks:
        assert all(weight.grad is not None for weight in network.parameters())
    assert total.item() > (parts["loss"] + parts["consistency"]).item()  # by the peer's loss of labelled pictures


def test_logits_are_taught_as_probabilities(tmp_path):
    found = trained(tmp_path, consistency="easy-hard", pose_loss="bce", peak=1.0)
    assert all(0 < line["consistency"] < 1 and 0 < line["response"] < 1 for line in found["log"])


@pytest.mark.parametrize("changes", [
    {"consistency": "standard"}, {"consistency": "dual", "hard": "randaugment+cutout"},
], ids=["standard", "dual"])
def test_interrupted_and_resumed_it_ends_with_the_same_weights(changes, tmp_path):
    whole = trained(tmp_path / "whole", **changes)
    config = tiny(**ALWAYS | changes)

    class Stopped(Exception):
        pass

    learning, validate, seen = task(config), PoseTask.validate, []

    def until_second():
        seen.append(1)
        if len(seen) == 2:
            raise Stopped
        return validate(learning)

    learning.validate = until_second
    with pytest.raises(Stopped):
        train(learning, config=config, seed=0, stage=0, folder=tmp_path / "cut")
    again = trained(tmp_path / "cut", **changes)
    assert same(whole["weights"], again["weights"])
    for one, other in zip(whole["log"], again["log"], strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}


# --- the join with active learning -----------------------------------------------------------------------------------

def test_stages_learn_from_what_the_pool_still_has(tmp_path):
    config = tiny(methods=("ll++",), consistency="easy-hard", hard="cutout")
    data = prepare(config, tmp_path)
    run_cell(data, config, "ll++", 0, tmp_path)
    assert stages(tmp_path) == ["base-seed0/stage-0", "ll++-seed0/stage-1", "ll++-seed0/stage-2"]
    pool = set(split(data, config, 0).pool)
    for stage in stages(tmp_path):
        labelled = numbers(tmp_path / stage)["labelled"]
        left = _unlabelled(split(data, config, 0), labelled, config, 0)
        assert set(left) == pool - set(labelled)
        assert 0 < read_json(tmp_path / stage / "result.json")["training"]["response"] < 1
    few = dataclasses.replace(config, unlabelled=3)
    assert len(_unlabelled(split(data, few, 0), labelled, few, 0)) == 3
    assert not len(_unlabelled(split(data, tiny(), 0), labelled, tiny(), 0))
    # The control: without it, no response is looked at, and other weights are learned.
    plain = tiny(methods=("ll++",))
    run_base(data, plain, "ll++", 0, tmp_path / "plain")
    assert "response" not in read_json(tmp_path / "plain" / "base-seed0" / "stage-0" / "result.json")["training"]
    assert any("weights" in name for name in differences(tmp_path / "plain", tmp_path))


# --- the study -------------------------------------------------------------------------------------------------------

def test_the_study_from_the_command_line(tmp_path, capsys):
    arguments = ["semi", "--jobs", "1", "--out", str(tmp_path), *options("budget", epochs_base=2),
                 "--labels", "8", "16", "--variations", "supervised", "standard", "dual, RandAugment, cutout"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "COCO 1K, paper" in printed and "dual, RandAugment, cutout" in printed
    found = list(tmp_path.rglob("result.json"))
    assert len(found) == 6
    # As many steps with half the labels, in twice the epochs.
    assert {(result["labelled"], result["training"]["epochs"]) for result in map(read_json, found)} == {(8, 4), (16, 2)}
    before = [path.stat().st_mtime_ns for path in found]
    assert main(arguments) == 0 and capsys.readouterr().out == printed
    assert before == [path.stat().st_mtime_ns for path in found]


def test_recorded_rows_and_curves(tmp_path):
    config = tiny_study(semi, epochs_base=2)
    rows = run_semi(config, tmp_path / "run", ["supervised", "easy-hard"], labels=[16], jobs=1)
    write_rows(rows, config, "semi", "try", tmp_path)
    tables = read_tables("try_semi", tmp_path)[1]
    assert [row["variation"] for row in tables["try_semi"]] == ["supervised", "easy-hard"]
    (curves,) = [table for name, table in tables.items() if name != "try_semi"]
    assert [(row["variation"], row["epoch"]) for row in curves] == [
        (name, epoch) for name in ("supervised", "easy-hard") for epoch in (1, 2)]
    assert curves[-1]["response"] == rows[1]["curve"][-1]["response"] == rows[1]["response"]
    assert report_of(tables["try_semi"]).sections[0].cells() == report_of(rows).sections[0].cells()


def made(variation: str, pck: float, response: float, seed: int, labels: int = 500) -> dict:
    return {"variation": variation, "labels": labels, "seed": seed, "weight": 1.0, "test_pck": pck + 0.01 * seed,
            "response": response}


def test_a_collapse_is_said_and_no_other():
    rows = [made(*row, seed) for seed in (0, 1, 2) for row in (
        ("supervised", 0.3, 0.5), ("standard", 0.1 + 0.005 * seed, 0.01 + 0.3 * (seed == 2)),
        ("easy-hard", 0.4 + 0.001 * seed, 0.1))]
    cells = {row[1]: row for row in report_of(rows).sections[0].cells()}
    assert [cells[name][-2] for name in ("supervised", "standard", "easy-hard")] == ["–", "2 of 3", "0 of 3"]
    orders, *said = report_of(rows).closing
    assert "standard consistency: collapsed with 2 of 3 seeds" in said[0] and "0 of 3" in said[1] and len(said) == 2
    assert said[1].endswith("a response of 0.100±0.000 against 0.500±0.000.")
    assert orders.startswith("500 labels: of the 3 orders of two variations that the paper has with 1K, 3 hold, 0 are")
    assert collapsed(rows[1], rows[0]) and not collapsed(rows[0], rows[0])


def test_the_papers_ap_stands_beside_its_variations():
    """What the paper has not is a dash, and in no order; the control: where it is not measured, neither."""
    names = [*_PUBLISHED, "standard", "dual, RandAugment, cutout", "easy-hard, λ = 10"]
    rows = [made(name, 0.3 + place / 100, 0.3, seed) for place, name in enumerate(names) for seed in (0, 1)]
    table, orders = report_of(rows).sections[:2]
    assert {row[1]: row[-1] for row in table.cells()} == dict(
        zip(names, ["31.5", "38.5", "42.1", "41.5", "43.7", "44.6", "0.8", "–", "–"]))
    found = {(row["low"], row["high"]): row for row in orders.rows}
    assert len(found) == 7 * 6 / 2 and found["dual", "easy-hard, cutout"]["published"] == pytest.approx(0.006)
    assert {name for pair in found for name in pair} == set(names[:7])
    assert len(report_of(rows[:4]).sections[1].rows) == 1


def test_published_rows_are_the_variations_of_their_names():
    """A network, or two, and what makes the hard views of each: as the release has it."""
    words = {"Affine": "affine", "Affine + Joint Cutout": "cutout", "Affine + RandAug": "randaugment"}
    networks = {"Supervised": "easy-hard", "PoseCons (Single)": "easy-hard", "PoseDual (Dual)": "dual"}
    for name, row in zip(_PUBLISHED, published.load("ssl_coco_labels"), strict=True):
        changes = VARIATIONS[name](configure("desk"))
        assert (changes["consistency"], changes["hard"]) == (networks[row["method"]], words[row["augmentation"]])
        assert changes["consistency_weight"] == (row["method"] != "Supervised")


def test_table_9_has_every_label_count_and_weight():
    rows = [made(name, 0.2, 0.3, seed, labels) | {"weight": weight} for seed in (0, 1) for labels in (500, 1000)
            for name, weight in (("supervised", 0.0), ("standard", 1.0), ("standard, λ = 10", 10.0))]
    cells = report_of(rows).sections[-1].cells()
    assert [row[:2] for row in cells[:4]] == [["500", "1"], ["500", "10"], ["1000", "1"], ["1000", "10"]]
    assert cells[4] == ["COCO 1K, paper", "1", "0.0002", "0.8", "31.5"]


def test_every_variation_is_a_configuration():
    config = configure("desk")
    changed = {name: dataclasses.replace(config, **vary(config)) for name, vary in VARIATIONS.items()}
    assert len({each.identity for each in changed.values()}) == len(VARIATIONS)
    assert config.identity not in {each.identity for each in changed.values()}
