"""One cell of Table 3: a method and a seed, from the base model through all stages of labelling.

A stage scores the pool with the last stage's model, lets the method pick, labels what it picked, trains on, and tests.
Each step leaves a file when it is done, and a step whose file is there is not done again: that is how a study resumes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from experiments.checkpoint import load, locked, read_arrays, save, write_arrays, write_json
from experiments.config import Config
from experiments.data import PoseData
from experiments.data.splits import Splits, split
from experiments.errors import CheckpointError
from experiments.learner import Learner
from experiments.machine import facts, memory, rank, wait
from experiments.methods import find_method
from experiments.pose_task import PoseTask
from experiments.scoring import confusion, judge, score
from experiments.seeds import stream
from experiments.strategies import Pool, needs, query
from experiments.train import train

__all__ = ["base_folder", "cell_folder", "look", "run_base", "run_cell"]


def base_folder(out: Path, config: Config, method: str, seed: int) -> Path:
    """Where the base model of a cell lies: shared by all methods whose head leaves the network alone.

    >>> base_folder(Path("runs"), Config(), "ll", 0).as_posix()
    'runs/base-seed0'
    """
    name = method if config.joint(find_method(method)) else "base"
    return out / f"{name}-seed{seed}"


def cell_folder(out: Path, method: str, seed: int) -> Path:
    """Where the stages of a cell lie.

    >>> cell_folder(Path("runs"), "ll++", 3).as_posix()
    'runs/ll++-seed3'
    """
    return out / f"{method}-seed{seed}"


def run_base(data: PoseData, config: Config, method: str, seed: int, out: Path) -> Path:
    """Train the base model of a cell, unless it is there: stage 0. Returns its folder.

    The shared base model trains the heads of all of the study's detached methods beside it, each as if it were alone.

    >>> import tempfile
    >>> from experiments.config import configure
    >>> from experiments.data import load
    >>> config = configure("smoke", {"base": 16, "budget": 4, "pool": 12, "test": 6, "validation": 4, "epochs_base": 1})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stage = run_base(load("generated", count=(16, 24), size=64), config, "random", 0, Path(folder))
    ...     sorted(path.name for path in stage.iterdir())
    ['log.jsonl', 'model.pt', 'pairs.npz', 'result.json']
    """
    folder = base_folder(out, config, method, seed)
    shared = folder.name.startswith("base-")
    heads = [name for name in config.methods if not config.joint(find_method(name))] if shared else [method]
    stage = folder / "stage-0"
    if _finished(stage):
        return stage  # without the lock: several cells may start from it at once
    with _held(folder):
        splits = split(data, config, seed)
        learner = Learner(config, len(data.skeleton.joints), heads, seed=seed)
        _train_and_test(learner, data, splits, splits.base, config, "base" if shared else method, seed, 0, stage, {})
    return stage


def run_cell(data: PoseData, config: Config, method: str, seed: int, out: Path) -> None:
    """Run all stages of a cell that are not there yet, its base model first.

    >>> from experiments.checkpoint import read_json
    >>> import tempfile
    >>> from experiments.config import configure
    >>> from experiments.data import load
    >>> config = configure("smoke", {"base": 16, "budget": 4, "pool": 12, "test": 6, "validation": 4, "epochs": 1,
    ...                              "epochs_base": 1, "stages": 1, "methods": ["oracle"]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run_cell(load("generated", count=(16, 24), size=64), config, "oracle", 0, Path(folder))
    ...     result = read_json(Path(folder) / "oracle-seed0" / "stage-1" / "result.json")
    >>> result["labelled"], result["picked"]["true_loss_mean"] > result["pool"]["true_loss_mean"]
    (20, True)
    """
    before = run_base(data, config, method, seed, out)
    splits, folder = split(data, config, seed), cell_folder(out, method, seed)
    with _held(folder):
        for number in range(1, config.stages + 1):
            stage = folder / f"stage-{number}"
            if not _finished(stage):
                _run_stage(data, splits, config, method, seed, number, before, stage)
            before = stage


# Seconds in which the jobs of a study that was killed notice it and end.
_ORPHANS = 3.0


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """A folder that the first of the processes has locked, and rid of what a killed run left."""
    if rank() > 0:
        yield
        return
    with locked(folder, patience=_ORPHANS):
        for leftover in folder.glob("stage-*/.*"):
            leftover.unlink()  # of a write that was killed
        yield


def _finished(stage: Path) -> bool:
    """Whether a stage has its result. One that was killed right after writing it has its checkpoint still."""
    found = (stage / "result.json").exists()
    if found and rank() == 0:
        (stage / "checkpoint.pt").unlink(missing_ok=True)
    return found


def _run_stage(data, splits: Splits, config, method: str, seed: int, number: int, before: Path, stage: Path) -> None:
    """Score, pick, label, train, test."""
    learner, labelled, result = look(data, splits, config, method, seed, number, before, stage)
    _train_and_test(learner, data, splits, labelled, config, method, seed, number, stage, result)


def look(
    data: PoseData, splits: Splits, config: Config, method: str, seed: int, number: int, before: Path, stage: Path,
) -> tuple[Learner, np.ndarray, dict]:
    """What the model in the folder `before` makes of the pool, and what the method picks of it: Table 3(a).

    Leaves scores.npz in the folder `stage`. Returns the model, the pictures that are labelled after the pick, and the
    picks' and the pool's part of result.json. Raises `CheckpointError` for a model that does not fit.

    >>> import tempfile
    >>> from experiments.config import configure
    >>> from experiments.data import load
    >>> config = configure("smoke", {"base": 16, "budget": 4, "pool": 12, "test": 6, "validation": 4, "stages": 1,
    ...                              "epochs_base": 1, "methods": ["ll"]})
    >>> data = load("generated", count=(16, 24), size=64)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     base = run_base(data, config, "ll", 0, Path(folder))
    ...     _, labelled, found = look(data, split(data, config, 0), config, "ll", 0, 1, base, Path(folder) / "stage-1")
    >>> len(labelled), found["picked"]["images"]
    (20, 4)
    """
    state = load(before / "model.pt", config.identity)
    if state["fingerprint"] != data.fingerprint:
        raise CheckpointError(
            str(before / "model.pt"), "trained on other pictures", f"the data set {data.name} as it is now",
            "restore the data set, or choose another --out",
        )
    learner = Learner(config, len(data.skeleton.joints), [method], seed=seed)
    weights = learner.state_dict()
    lacking = weights.keys() - state["weights"].keys()
    if lacking:
        raise CheckpointError(
            str(before / "model.pt"), "no loss predictor of this method", f"a model with a head for {method}",
            f"choose another --out, or name {method} in --methods from the start",
        )
    learner.load_state_dict({name: state["weights"][name] for name in weights})
    labelled = state["labelled"].numpy()

    began = time.perf_counter()
    if not (stage / "scores.npz").exists():
        _pick(learner, data, np.setdiff1d(splits.pool, labelled), labelled, config, method, seed, number, stage)
    found = read_arrays(stage / "scores.npz")
    return learner, np.sort(np.concatenate([labelled, found["picked"]])), {
        "picked": _summary(found, np.isin(found["image"], found["picked"])),
        "pool": _summary(found, np.ones(len(found["image"]), bool)) | _correlations(found),
        "seconds": {"score": time.perf_counter() - began},
    }


def _pick(learner, data, rows, labelled, config, method, seed, number, stage) -> None:
    """scores.npz: what the model makes of the pool, and which pictures the method picked of it."""
    strategy = find_method(method).strategy
    wanted = needs(strategy)
    scores = score(learner, data, rows, config, features="features" in wanted, entropy="entropy" in wanted)
    reference = score(learner, data, labelled, config, features=True) if "labelled_features" in wanted else None
    pool = Pool(
        images=len(rows), predicted=scores.predicted.get(method), true=scores.true, features=scores.features,
        labelled_features=None if reference is None else reference.features, entropy=scores.entropy,
    )
    picked = query(strategy, pool, config.budget, seed=stream(seed, "query", number))
    judged = judge(scores, data)
    arrays = {"image": rows, "true_loss": scores.true, "hits": judged.hits, "counted": judged.counted,
              "picked": rows[picked]}
    if method in scores.predicted:
        arrays["predicted"] = scores.predicted[method]
    if rank() == 0:
        write_arrays(stage / "scores.npz", arrays)
    wait()


def _train_and_test(learner, data, splits, labelled, config, method, seed, number, stage, result) -> None:
    """Train on, test, and leave pairs.npz, model.pt and, last of all, result.json."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    judged = splits.test if config.select_on == "test" else splits.validation
    task = PoseTask(learner, data, labelled, judged, config, _unlabelled(splits, labelled, config, seed))
    training, pairs = train(task, config=config, seed=seed, stage=number, folder=stage,
                            title=f"{method}, seed {seed}, stage {number}")
    tested = time.perf_counter()
    scores = score(learner, data, splits.test, config, peaks=True)
    test = judge(scores, data)
    if rank() > 0:
        return wait()
    if number > 0:
        pairs = {name.partition("/")[2]: array for name, array in pairs.items()}
    if pairs:
        write_arrays(stage / "pairs.npz", pairs)
    ended = time.perf_counter()
    save(stage / "model.pt", {
        "identity": config.identity, "config": config.dictionary, "fingerprint": data.fingerprint,
        "labelled": torch.from_numpy(labelled), "weights": learner.state_dict(),
    })
    seconds = result.get("seconds", {}) | {"train": training.pop("seconds"), "test": ended - tested}
    write_json(stage / "result.json", {
        "stage": number, "method": method, "seed": seed, "labelled": len(labelled), **result,
        "test": {
            "images": len(splits.test), "joints": int(test.counted.sum()), "pck": test.pck.total, "mean": test.pck.mean,
            "auc": test.auc, **confusion(scores, data),
            "per_joint": dict(zip(data.skeleton.joints, test.pck.per_joint.tolist())),
        },
        "training": training, "seconds": seconds | {"total": sum(seconds.values())},
        "memory_bytes": memory(learner.device),
        "provenance": facts(config) | {"started": started, "config_id": config.identity},
    })
    (stage / "checkpoint.pt").unlink(missing_ok=True)
    wait()


def _unlabelled(splits: Splits, labelled: np.ndarray, config: Config, seed: int) -> np.ndarray:
    """The pictures of the pool that consistency learns from: not those that are labelled, fewer only if asked for."""
    if config.consistency == "none":
        return np.empty(0, np.int64)
    order = np.random.default_rng(stream(seed, "unlabelled")).permutation(splits.pool)
    left = order[~np.isin(order, labelled)]
    return np.sort(left[: config.unlabelled or len(left)])


def _summary(found: dict[str, np.ndarray], chosen: np.ndarray) -> dict:
    """How the model did on chosen pictures of the pool, before any of them was labelled (Table 3a, Fig. 5)."""
    true, joints = found["true_loss"][chosen].astype(np.float64), int(found["counted"][chosen].sum())
    return {
        "images": int(chosen.sum()), "joints": joints,
        "pck": float(found["hits"][chosen].sum() / joints) if joints else None,
        "true_loss_mean": float(true.mean()), "true_loss_variance": float(true.var()),
    }


def _correlations(found: dict[str, np.ndarray]) -> dict:
    """How well the predicted losses follow the true ones over the pool; None where nothing is predicted.

    None as well where one of them is constant, which has no correlation with anything.
    """
    true, predicted = found["true_loss"], found.get("predicted")
    if predicted is None or np.ptp(predicted) == 0 or np.ptp(true) == 0:
        return {"spearman": None, "pearson": None}
    return {"spearman": float(stats.spearmanr(predicted, true).statistic),
            "pearson": float(stats.pearsonr(predicted, true).statistic)}
