"""All cells of a study: Table 3, with one command, on this machine or on a cluster.

The cells are independent but for the base models, which come first. submitit runs them: in processes of this machine,
or as jobs of Slurm; there is no scheduler here. Every cell resumes, so that the same command goes on after anything.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import submitit
import torch
from submitit.core.utils import FailedJobError, UncompletedJobError
from tqdm import tqdm

from experiments.checkpoint import read_json, write_json
from experiments.config import Config
from experiments.cycle import base_folder, cell_folder, run_base, run_cell
from experiments.data import PoseData, load
from experiments.data.splits import split
from experiments.errors import CheckpointError, ConfigError, DataError, TrainingError
from experiments.machine import device_of, dtype_of, rank, together, wait
from experiments.progress import check_tensorboard
from gammaprob.errors import GammaProbError
from paper_tables._terminal import complain

__all__ = ["open_data", "prepare", "run_study"]


def open_data(config: Config, *, progress: bool = False) -> PoseData:
    """The data set of a study, decoded and cached at the first time.

    >>> from experiments.config import configure
    >>> len(open_data(configure("smoke", {"base": 16, "budget": 2, "pool": 12, "test": 4, "validation": 4})))
    52
    """
    # Twice the base, so that the seeds have different ones.
    count = (2 * config.base, (config.pool or 10 * config.budget * config.stages) + config.validation + config.test)
    return load(
        config.dataset, root=config.root, cache=config.cache, size=config.crop, progress=progress,
        **({"count": count} if config.dataset == "generated" else {}),
    )


def prepare(config: Config, out: Path, *, progress: bool = False) -> PoseData:
    """Everything that can go wrong before hours are spent: the device, the folder, the data set and its shares.

    Writes ``out/config.json``. Raises `ConfigError`, `CheckpointError` or `DataError`.

    >>> import tempfile
    >>> from experiments.config import configure
    >>> config = configure("smoke", {"base": 16, "budget": 2, "pool": 12, "test": 4, "validation": 4})
    >>> with tempfile.TemporaryDirectory() as out:
    ...     data = prepare(config, Path(out))
    ...     read_json(Path(out) / "config.json")["base"]
    16
    """
    dtype_of(config, device_of(config))
    if config.tensorboard:
        check_tensorboard()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(str(out), error.strerror, "a folder that can be made", "choose another --out") from error
    path = out / "config.json"
    if path.exists():
        found = read_json(path)
        if not isinstance(found, dict):
            raise CheckpointError(
                str(path), found, "the settings of a study", "delete it and run the same command again",
            )
        settings = config.dictionary
        other = [entry.name for entry in dataclasses.fields(config) if not entry.metadata["same_numbers"]
                 and found.get(entry.name) != settings[entry.name]]
        if other:
            raise CheckpointError(
                str(path), f"{other[0]} = {found.get(other[0])!r}", f"{other[0]} = {settings[other[0]]!r}",
                "choose another --out, or the settings that this folder was made with",
            )
    if rank() > 0:
        wait()  # the first process fills the cache
    data = open_data(config, progress=progress)
    if rank() == 0:
        wait()
    for seed in range(config.seeds):
        shares = split(data, config, seed)
        for name in ("validation", "test"):
            if not np.isfinite(data.reference[getattr(shares, name)]).any():
                raise DataError(name, "no picture with a reference length", f"what {data.metric} needs", "check-data")
    if rank() == 0:
        write_json(path, config.dictionary)
    return data


def run_study(
    config: Config, out: Path, *, jobs: int = 2, cluster: str = "local", parameters: dict | None = None,
) -> None:
    """Run every cell that has no result yet: `jobs` processes on this machine, or one job a cell on a cluster.

    `parameters` go to `submitit.AutoExecutor.update_parameters` (time limits, partitions, GPUs). With ``jobs=1`` the
    cells run in this process, one after the other. A cell that fails stops no other one; what the first of them raised
    is raised at the end, `TrainingError` for a job that ended without a word. Not for processes of `torchrun`.

    >>> import tempfile
    >>> from experiments.config import configure
    >>> config = configure("smoke", {"base": 16, "budget": 2, "pool": 12, "test": 4, "validation": 4, "stages": 1,
    ...                              "epochs": 1, "epochs_base": 1, "methods": ["random"]})
    >>> with tempfile.TemporaryDirectory() as out:
    ...     run_study(config, Path(out), jobs=1)
    ...     sorted(path.name for path in Path(out).glob("*-seed0"))
    ['base-seed0', 'random-seed0']
    """
    if "LOCAL_RANK" in os.environ:
        raise ConfigError("torchrun", "table3", "train or cycle", "table3 starts processes of its own: --jobs")
    prepare(config, out, progress=True)
    executor = None if cluster == "local" and jobs == 1 else _executor(out, cluster, parameters or {})
    everyone = [(method, seed) for seed in range(config.seeds) for method in config.methods]
    bases = {base_folder(out, config, *cell): cell for cell in everyone}
    work = {cell: [folder / "stage-0"] for folder, cell in bases.items()}
    failed = _everywhere(run_base, work, config, out, jobs, executor)
    stages = [f"stage-{number}" for number in range(1, config.stages + 1)]
    cells = {cell: [cell_folder(out, *cell) / stage for stage in stages] for cell in everyone
             if _done(base_folder(out, config, *cell) / "stage-0")}
    failed += _everywhere(run_cell, cells, config, out, jobs, executor)
    if failed:
        raise failed[0]


def _executor(out: Path, cluster: str, parameters: dict) -> submitit.AutoExecutor:
    try:
        executor = submitit.AutoExecutor(out / "jobs", cluster=cluster)
        # Without a time limit of their own, local jobs would end after submitit's five minutes.
        executor.update_parameters(**({"timeout_min": 60 * 24 * 7} | parameters))
    except (RuntimeError, NameError, ValueError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise ConfigError("cluster", cluster, "a cluster of this machine, with options of submitit", first) from error
    return executor


def _everywhere(
    run, cells: dict[tuple[str, int], list[Path]], config, out, jobs, executor,
) -> list[GammaProbError]:
    """Run the cells whose stages lack a result: here, shared out among `jobs` processes, or each as a cluster's job.

    Returns what the cells that failed raised.
    """
    left = [cell for cell, stages in cells.items() if not all(map(_done, stages))]
    local = executor is None or executor.cluster == "local"
    count = min(jobs, len(left)) if local else len(left)
    if count == 0:
        return []
    if local and count == 1:
        return _work(run, config, out, left)
    started = executor.map_array(
        _job, [run] * count, [_placed(config, number) if local else config for number in range(count)],
        [out.resolve()] * count, [left[number::count] for number in range(count)],
        [{"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES")} if local else {}] * count,
        [os.getpid() if local else None] * count,
    )
    try:
        return _watch(started, [stage for cell in left for stage in cells[cell]])
    except BaseException:
        for job in started:
            job.cancel()
        while local and not all(job.done() for job in started):
            time.sleep(0.1)  # until they have let go of their folders
        raise


def _watch(jobs: list[submitit.Job], stages: list[Path]) -> list[GammaProbError]:
    """A bar of the stages that have a result, until all jobs have ended; what their cells raised."""
    running, failed = list(jobs), []
    with tqdm(total=len(stages), unit="stage", disable=sys.stderr is None or None) as bar:
        while running:
            time.sleep(0.5)
            bar.update(sum(map(_done, stages)) - bar.n)
            for job in [job for job in running if job.done()]:
                running.remove(job)
                try:
                    failed += [failure] if (failure := job.result()) else []
                except (FailedJobError, UncompletedJobError):  # killed, out of memory, a fault of ours
                    failed.append(TrainingError(
                        "job", f"{job.job_id}, ended without a result", "a job that runs to its end",
                        f"{job.paths.stderr} says why; the same command goes on from the last good state",
                    ))
    return failed


def _done(stage: Path) -> bool:
    return (stage / "result.json").exists()


def _placed(config: Config, number: int) -> Config:
    """The settings of a job: on a machine of several accelerators, each takes its turn."""
    count = torch.cuda.device_count()
    if config.device in ("auto", "cuda") and count > 1:
        return dataclasses.replace(config, device=f"cuda:{number % count}")
    return config


def _job(
    run, config: Config, out: Path, cells: list[tuple[str, int]], variables: dict, owner: int | None,
) -> GammaProbError | None:
    """Cells in a process of their own. A named error is handed over; submitit would make a traceback of it."""
    if owner is not None:
        threading.Thread(target=_follow, args=(owner,), daemon=True).start()
    for name, value in variables.items():  # submitit hides all accelerators from its local jobs
        os.environ.pop(name, None)
        os.environ |= {} if value is None else {name: value}
    try:
        return next(iter(_work(run, config, out, cells)), None)
    except GammaProbError as error:
        return error


def _follow(owner: int) -> None:
    """End this process when the one that started the study has ended, killed or not: nothing runs on unseen."""
    while True:
        try:
            os.kill(owner, 0)
        except ProcessLookupError:
            os._exit(1)
        time.sleep(0.5)


def _work(run, config: Config, out: Path, cells: list[tuple[str, int]]) -> list[GammaProbError]:
    """The cells, one after the other, in this process; what those that failed raised."""
    failed = []
    with together(config):
        data = open_data(config)
        for method, seed in cells:
            try:
                run(data, config, method, seed, out)
                said = "done"
            except GammaProbError as error:
                failed.append(error)
                said = f"error: {error}"
            complain(f"{run.__name__.removeprefix('run_')} of {method}, seed {seed}: {said}")
    return failed
