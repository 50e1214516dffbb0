"""The cells of a study as jobs: here or on a cluster they give the same, and one that fails stops no other."""

from __future__ import annotations

import os
import pickle
import shutil
import signal

import pytest

from experiments import study
from experiments.__main__ import main
from experiments.errors import CheckpointError, ConfigError, TrainingError
from experiments.study import run_study
from tests.cells import differences, options, stage_differences, stages, tiny

METHODS = ("random", "coreset", "ll++")


@pytest.fixture(scope="module")
def table3(tmp_path_factory):
    out = tmp_path_factory.mktemp("table3")
    run_study(tiny(methods=METHODS, stages=1), out, jobs=1)
    return out


def test_two_jobs_are_one(table3, tmp_path):
    assert len(stages(table3)) == 1 + len(METHODS)
    run_study(tiny(methods=METHODS, stages=1), tmp_path, jobs=2)
    assert differences(table3, tmp_path) == []


def test_a_cell_alone_is_that_cell_of_the_table(table3, tmp_path):
    """More methods beside it, more seeds and more stages after it change nothing of a cell."""
    words = options(methods=("random", *METHODS[2:], "ll++conv"), stages=2)
    assert main(["cycle", "--method", "ll++", "--out", str(tmp_path), *words]) == 0
    assert stage_differences(table3 / "ll++-seed0" / "stage-1", tmp_path / "ll++-seed0" / "stage-1") == []


class Cluster:
    """In place of submitit's executor: each job runs in this process, its arguments and its result through a pickle."""

    cluster = "slurm"

    def map_array(self, function, *columns) -> list:
        return [self.Job(function, pickle.loads(pickle.dumps(row))) for row in zip(*columns)]

    class Job:
        def __init__(self, function, arguments):
            self.cancelled, self.value = False, pickle.loads(pickle.dumps(function(*arguments)))

        def done(self) -> bool:
            return True

        def result(self):
            return self.value

        def cancel(self) -> None:
            self.cancelled = True


def test_a_cluster_has_a_job_a_cell_and_its_errors_are_named(table3, tmp_path, monkeypatch):
    """As they were raised, not as another process's traceback."""
    monkeypatch.setattr(study, "_executor", lambda *_: Cluster())
    config = tiny(methods=METHODS, stages=1)
    run_study(config, tmp_path, cluster="slurm")
    assert differences(table3, tmp_path) == []
    for method in METHODS[1:]:
        shutil.rmtree(tmp_path / f"{method}-seed0")
    (tmp_path / "base-seed0" / "stage-0" / "model.pt").write_bytes(b"cut")
    with pytest.raises(CheckpointError, match=r"model\.pt.*a whole checkpoint.*remove the folder"):
        run_study(config, tmp_path, cluster="slurm")
    assert stages(tmp_path) == ["base-seed0/stage-0", "random-seed0/stage-1"]


def test_a_stage_that_was_removed_is_made_again(tmp_path):
    config = tiny(methods=("random",))
    run_study(config, tmp_path, jobs=1)
    gone = tmp_path / "random-seed0" / "stage-1"
    gone.rename(tmp_path / "before")
    run_study(config, tmp_path, jobs=1)
    assert stage_differences(gone, tmp_path / "before") == []


@pytest.mark.parametrize("cluster, parameters, text", [
    ("slurm", {}, "srun"), ("local", {"nonsense": 1}, "nonsense"), ("local", {"timeout_min": "soon"}, "timeout_min"),
])
def test_a_cluster_that_is_not_there(cluster, parameters, text, tmp_path, monkeypatch):
    """Before the first network is trained."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=text):
        run_study(tiny(methods=METHODS, stages=1), tmp_path / "out", cluster=cluster, parameters=parameters)
    assert stages(tmp_path / "out") == []


# --- a study whose parts fail ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("jobs", [1, 2])
def test_a_cell_that_fails_stops_no_other(jobs, table3, tmp_path):
    """The base model has no head for ll++conv, which comes first: the others are run, and then it is said."""
    shutil.copytree(table3, tmp_path, dirs_exist_ok=True)
    for method in METHODS:
        shutil.rmtree(tmp_path / f"{method}-seed0")
    with pytest.raises(CheckpointError, match="no loss predictor of this method"):
        run_study(tiny(methods=("ll++conv", *METHODS), stages=1), tmp_path, jobs=jobs)
    assert differences(table3, tmp_path) == []


def test_a_base_model_that_fails_stops_no_other_seed(table3, tmp_path):
    (tmp_path / "base-seed0").write_text("in the way")
    with pytest.raises(CheckpointError, match="base-seed0"):
        run_study(tiny(methods=("random",), stages=1, seeds=2), tmp_path, jobs=1)
    assert stages(tmp_path) == ["base-seed1/stage-0", "random-seed1/stage-1"]


def test_a_job_that_is_killed_is_a_named_error(tmp_path, monkeypatch):
    """Out of memory, for example; and the same command goes on."""
    # How long submitit waits for a file that a slow file system may still bring.
    monkeypatch.setattr("submitit.core.core.Job._results_timeout_s", 0.1)
    monkeypatch.setattr("experiments.study._job", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(TrainingError, match=r"ended without a result.*_log\.err"):
        run_study(tiny(methods=("random",), stages=1, seeds=2), tmp_path, jobs=2)
