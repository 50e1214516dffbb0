"""Run folders read, studies recorded and read again; what is missing, damaged, mixed or changed is said by name."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest

from experiments import _report_files
from experiments.config import Config
from experiments.errors import CheckpointError, DataError
from experiments.methods import METHODS
from experiments.record import BASE, MEASURED, open_study, read_recorded, read_run, recorded_names, write, write_rows
from gammaprob.errors import GammaProbError
from tests.run_folders import JOINTS, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A study that nobody changes."""
    return make_run(tmp_path_factory.mktemp("runs") / "study")


@pytest.fixture(scope="module")
def recorded(run, tmp_path_factory):
    """The same, recorded as `small`."""
    folder = tmp_path_factory.mktemp("recorded")
    write(read_run(run), "small", folder)
    return folder


@pytest.fixture
def record(recorded, tmp_path):
    """A copy of the record to be damaged."""
    return shutil.copytree(recorded, tmp_path / "recorded")


@pytest.fixture
def changed(run, tmp_path):
    """A copy of it to be damaged."""
    return shutil.copytree(run, tmp_path / "study")


def edit(path, change):
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


# --- a run folder ----------------------------------------------------------------------------------------------------

def test_every_number_of_every_cell_is_read(run):
    study = read_run(run)
    assert (study.methods, study.seeds, study.stages) == (("random", "coreset", "ll", "ll++"), (0, 1), (1, 2))
    assert study.missing == () and len(study.rows) == 2 + 4 * 2 * 2
    result = json.loads((run / "ll++-seed1" / "stage-2" / "result.json").read_text(encoding="utf-8"))
    (row,) = (row for row in study.rows if (row["method"], row["seed"], row["stage"]) == ("ll++", 1, 2))
    for part in ("picked", "pool", "test", "training", "seconds"):
        for name, value in result[part].items():
            assert name == "per_joint" or row[f"{part}_{name}"] == value
    assert (row["labelled"], row["memory_bytes"]) == (result["labelled"], result["memory_bytes"])
    joints = {row["joint"]: row["pck"] for row in study.joints
              if (row["method"], row["seed"], row["stage"]) == ("ll++", 1, 2)}
    assert joints == result["test"]["per_joint"] and tuple(joints) == JOINTS


def test_a_study_made_before_a_setting_or_a_number_was_there_is_read(changed):
    """A setting has its default, a number is in no row."""
    new = {"gamma", "output", "truncate", "prior"}
    edit(changed / "config.json", lambda config: [config.pop(name) for name in new])
    edit(changed / "ll-seed0" / "stage-1" / "result.json", lambda result: result["test"].update(swapped=0.25))
    study = read_run(changed)
    assert not new & study.config.keys() and study.missing == ()
    assert study.by_seed("ll", 1, "test_swapped") == {0: 0.25} and study.by_seed("ll", 2, "test_swapped") == {}


def test_values_by_seed_leave_out_what_is_not_there(run):
    study = read_run(run)
    assert study.by_seed("random", 1, "pool_spearman") == {}
    assert study.by_seed("ll", 1, "pool_spearman") == {0: 0.25, 1: 0.25}
    assert study.by_seed(BASE, 0, "test_pck") == {0: 0.5, 1: 0.51}


def test_arrays_of_a_cell(run):
    study = read_run(run)
    assert set(study.arrays("ll", 0, 1, "scores")) == {"image", "true_loss", "picked", "predicted"}
    assert set(study.arrays("ll", 0, 0, "pairs")) == set(study.arrays("ll", 0, 1, "pairs"))
    first, second = (study.arrays(method, 0, 0, "pairs")["true_i"] for method in ("ll", "ll++"))
    assert not np.array_equal(first, second)
    assert study.arrays("random", 0, 1, "pairs") == {}


def test_a_partial_study_says_what_it_lacks(changed):
    (changed / "coreset-seed1" / "stage-2" / "result.json").unlink()
    shutil.rmtree(changed / "base-seed0")
    assert set(read_run(changed).missing) == {("base", 0, 0), ("coreset", 1, 2)}


def test_a_method_with_a_base_model_of_its_own(tmp_path):
    folder = make_run(tmp_path / "own", methods=("ll", "ll-multitap"), seeds=1, stages=1)
    study = read_run(folder)
    assert study.missing == () and study.own_base("ll-multitap", 0) and not study.own_base("ll", 0)
    assert len(study.arrays("ll-multitap", 0, 0, "pairs")["epoch"]) == 80
    write(study, "own", tmp_path)
    # its pool was scored by another network: no column for it
    assert set(read_recorded("own", tmp_path).recorded["losses"][0]) == {"image", "true_loss", "predicted_ll"}
    shutil.rmtree(folder / "ll-multitap-seed0" / "stage-0")
    assert read_run(folder).missing == (("ll-multitap", 0, 0),)


def truncated(folder):
    path = folder / "ll-seed0" / "stage-1" / "result.json"
    path.write_bytes(path.read_bytes()[:100])


def misplaced(folder):
    shutil.copy(folder / "ll-seed0" / "stage-1" / "result.json", folder / "ll-seed1" / "stage-1")


def mixed(folder):
    edit(folder / "ll-seed0" / "stage-1" / "result.json", lambda result: result["provenance"].update(config_id="other"))


def no_config(folder):
    (folder / "config.json").unlink()


def strange_config(folder):
    edit(folder / "config.json", lambda config: config.update(nonsense=1))


def half_a_config(folder):
    (folder / "config.json").write_text("{", encoding="utf-8")


@pytest.mark.parametrize(("damage", "error", "said"), [
    (truncated, CheckpointError, "ll-seed0/stage-1/result.json"),
    (misplaced, CheckpointError, r"allowed: the result of \('ll', 1, 1\)"),
    (mixed, CheckpointError, "config_id: .*one configuration for all cells"),
    (no_config, DataError, "a run folder with config.json"),
    (strange_config, CheckpointError, "nonsense"),
    (half_a_config, CheckpointError, "config.json"),
])
def test_what_cannot_be_used_is_named(changed, damage, error, said):
    damage(changed)
    with pytest.raises(error, match=said):
        read_run(changed)


def test_damaged_arrays_are_named(changed):
    path = changed / "ll-seed0" / "stage-1" / "scores.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CheckpointError, match="ll-seed0/stage-1/scores.npz"):
        read_run(changed).arrays("ll", 0, 1, "scores")


# --- a recorded study ------------------------------------------------------------------------------------------------

def test_what_is_recorded_is_read_again(run, recorded):
    study, again = read_run(run), read_recorded("small", recorded)
    columns = dict.fromkeys(column for row in study.rows for column in row)
    assert [{column: row.get(column) for column in columns} for row in study.rows] == [
        {column: value == 1 if column == "modified" else value for column, value in row.items()} for row in again.rows
    ]
    assert (again.joints, again.missing, again.methods) == (study.joints, study.missing, study.methods)
    tables = ("stages", "joints", "pools", "gaps", "updates", "losses")
    assert {path.name for path in recorded.iterdir()} == {"small.json", *(f"small_{table}.csv" for table in tables)}
    assert recorded_names(recorded) == ("small",)


def test_a_record_of_another_command_is_no_study(tmp_path):
    write_rows([{"seed": 0, "provenance": {}}], Config(), "semi", "small", tmp_path)
    with pytest.raises(DataError, match="source: got 'small_semi'.*the command of a study of variations prints its"):
        read_recorded("small_semi", tmp_path)


def test_provenance(recorded):
    text = (recorded / "small.json").read_text(encoding="utf-8")
    document = json.loads(text)
    assert document["made_with"]["commit"] == [{"value": "0123456789" * 4, "cells": 18}]
    assert document["made_with"]["machine"][0]["value"]["processor"] == "A Processor 9"
    assert (document["seeds"], document["cells"], document["seconds"]) == ([0, 1], 18, 2 * 20.5 + 16 * 12.0)
    assert document["config"]["budget"] == 150 and "lspet" not in text  # no path, of the data or any other


def test_one_pool_of_losses_for_the_figures(run, recorded):
    study = read_run(run)
    losses = read_recorded("small", recorded).recorded["losses"]
    scores = study.arrays("ll", 0, 1, "scores")
    assert [row["image"] for row in losses] == scores["image"].tolist()
    assert set(losses[0]) == {"image", "true_loss", "predicted_ll", "predicted_ll++"}
    # four digits: off by half a unit of the fourth, at most 5e-4 of the value
    np.testing.assert_allclose([row["true_loss"] for row in losses], scores["true_loss"], rtol=5e-4)


def test_a_large_pool_is_thinned_and_says_so(tmp_path):
    def spread(true, rng):
        return rng.normal(size=true.size)

    study = read_run(make_run(tmp_path / "run", seeds=1, stages=1, images=12_000, head=spread, pairs=2))
    write(study, "large", tmp_path)
    assert (tmp_path / "large_losses.csv").stat().st_size <= 200_000
    document = json.loads((tmp_path / "large.json").read_text(encoding="utf-8"))
    every = document["losses"]["every"]
    assert every > 1 and document["losses"]["images"] == 12_000
    losses = read_recorded("large", tmp_path).recorded["losses"]
    assert [row["image"] for row in losses] == list(range(0, 12_000, every))


def test_other_true_losses_of_one_base_model_are_an_error(changed, tmp_path):
    path = changed / "ll++-seed0" / "stage-1" / "scores.npz"
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **arrays | {"true_loss": arrays["true_loss"] * 1.01})
    with pytest.raises(DataError, match=r"scores of ll\+\+, seed 0"):
        write(read_run(changed), "small", tmp_path / "out")


@pytest.mark.parametrize("file", ["small_stages.csv", "small_losses.csv", "small_gaps.csv"])
def test_an_edited_file_is_refused(record, file):
    content = (record / file).read_text(encoding="utf-8")
    (record / file).write_text(content.replace("1", "2", 1), encoding="utf-8")
    with pytest.raises(DataError, match=file):
        read_recorded("small", record)


def test_a_missing_file_is_refused(record):
    (record / "small_joints.csv").unlink()
    with pytest.raises(DataError, match="small"):
        read_recorded("small", record)


@pytest.mark.parametrize("private", ["/data/x", "made in ~/runs", "C:\\runs", "path=/tmp"])
def test_no_path_is_published(changed, tmp_path, private):
    def publish(result):
        result["provenance"]["machine"]["processor"] = private

    edit(changed / "ll-seed0" / "stage-1" / "result.json", publish)
    with pytest.raises(DataError, match="no path and no name of a machine"):
        write(read_run(changed), "small", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_the_last_record(run, record, monkeypatch):
    before = {path.name: path.read_bytes() for path in record.iterdir()}
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 4:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(_report_files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(read_run(run), "small", record)
    assert {path.name: path.read_bytes() for path in record.iterdir()} == before


def test_a_stop_between_two_renames_is_seen(record, tmp_path, monkeypatch):
    shifted = make_run(tmp_path / "other", picked={"ll": 0.2})
    moved, replace = [], os.replace

    def stops(source, target):
        moved.append(target)
        if len(moved) == 3:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(_report_files.os, "replace", stops)
    with pytest.raises(KeyboardInterrupt):
        write(read_run(shifted), "small", record)
    with pytest.raises(DataError, match="small_stages.csv"):
        read_recorded("small", record)


def test_only_a_run_is_recorded(run, recorded, tmp_path):
    with pytest.raises(DataError, match="a run folder with results"):
        write(read_recorded("small", recorded), "again", tmp_path)
    with pytest.raises(DataError, match="small letters"):
        write(read_run(run), "../small", tmp_path)


def test_a_source_is_a_folder_or_a_name(run):
    assert open_study(str(run)).name == "study"
    with pytest.raises(GammaProbError, match="no-such-study"):
        open_study("no-such-study")


def test_recorded_studies_of_the_repository_are_whole():
    names = {path.name.partition("_")[0] for path in MEASURED.glob("*_losses.csv")}
    assert {read_recorded(name).name for name in recorded_names()} == names

    ablation = json.loads((MEASURED / "lspet_ablation.json").read_text(encoding="utf-8"))
    for file, recorded in ablation["sha256"].items():
        assert _report_files.checksum((MEASURED / file).read_bytes()) == recorded


@pytest.mark.parametrize(("name", "methods", "seeds", "stages"), [
    ("smoke", set(METHODS), 1, 2),
    ("desk", {"random", "coreset", "ll", "ll++", "ll++conv", "entropy", "oracle"}, 5, 5),
    ("lspet", {"random", "coreset", "ll", "ll++", "ll++conv", "oracle"}, 3, 4),
])
def test_the_published_results_are_complete_and_say_where_they_come_from(name, methods, seeds, stages):
    study = read_recorded(name)
    assert (set(study.methods), len(study.seeds), len(study.stages)) == (methods, seeds, stages)
    assert study.missing == () and study.provenance["seconds"] > 0
    made = study.provenance["made_with"]
    assert [entry["value"] for entry in made["modified"]] == [False]  # from a commit, without changes since
    assert all(len(entry["value"]) == 40 for entry in made["commit"])
