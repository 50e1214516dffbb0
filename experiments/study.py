"""All cells of a study: Table 3, with one command, on this machine or on a cluster.

The cells are independent but for the base models, which come first. submitit runs them: in processes of this machine,
or as jobs of Slurm; there is no scheduler here. Every cell resumes, so that the same command goes on after anything.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import submitit
import torch

from experiments.checkpoint import read_json, write_json
from experiments.config import Config
from experiments.cycle import base_folder, cell_folder, run_base, run_cell
from experiments.data import PoseData, load
from experiments.data.splits import split
from experiments.errors import CheckpointError, ConfigError, DataError
from experiments.machine import device_of, dtype_of, rank, wait
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
    path = out / "config.json"
    if path.exists():
        found = read_json(path)
        if not isinstance(found, dict):
            raise CheckpointError(
                str(path), found, "the settings of a study", "delete it and run the same command again",
            )
        other = [entry.name for entry in dataclasses.fields(config) if not entry.metadata["same_numbers"]
                 and found.get(entry.name) != config.dictionary[entry.name]]
        if other:
            raise CheckpointError(
                str(path), f"{other[0]} = {found.get(other[0])!r}", f"{other[0]} = {config.dictionary[other[0]]!r}",
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
    cells run in this process, one after the other. Raises what the first cell that failed raised.

    >>> import tempfile
    >>> from experiments.config import configure
    >>> config = configure("smoke", {"base": 16, "budget": 2, "pool": 12, "test": 4, "validation": 4, "stages": 1,
    ...                              "epochs": 1, "epochs_base": 1, "methods": ["random"]})
    >>> with tempfile.TemporaryDirectory() as out:
    ...     run_study(config, Path(out), jobs=1)
    ...     sorted(path.name for path in Path(out).glob("*-seed0"))
    ['base-seed0', 'random-seed0']
    """
    prepare(config, out, progress=True)
    executor = None if cluster == "local" and jobs == 1 else _executor(out, cluster, parameters or {})
    bases = {base_folder(out, config, method, seed): (method, seed)
             for seed in range(config.seeds) for method in config.methods}
    _everywhere(_bases, [cell for folder, cell in bases.items() if not (folder / "stage-0" / "result.json").exists()],
                config, out, jobs, executor)
    stages = [f"stage-{number}" for number in range(1, config.stages + 1)]
    cells = [(method, seed) for seed in range(config.seeds) for method in config.methods
             if not all((cell_folder(out, method, seed) / stage / "result.json").exists() for stage in stages)]
    _everywhere(_cells, cells, config, out, jobs, executor)


def _executor(out: Path, cluster: str, parameters: dict) -> submitit.AutoExecutor:
    try:
        executor = submitit.AutoExecutor(out / "jobs", cluster=cluster)
        # Without a time limit of their own, local jobs would end after submitit's five minutes.
        executor.update_parameters(**({"timeout_min": 60 * 24 * 7} | parameters))
    except (RuntimeError, NameError, ValueError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise ConfigError("cluster", cluster, "a cluster of this machine, with options of submitit", first) from error
    return executor


def _everywhere(work, cells: list[tuple[str, int]], config, out, jobs, executor) -> None:
    """The work on all cells: in this process, shared out among `jobs` processes, or a cell a job of a cluster."""
    if not cells:
        return
    local = executor is None or executor.cluster == "local"
    count = min(jobs, len(cells)) if local else len(cells)
    if local and count == 1:
        return work(config, out, cells)
    started = executor.map_array(
        _job, [work] * count, [_placed(config, number) if local else config for number in range(count)],
        [out.resolve()] * count, [cells[number::count] for number in range(count)],
        [{"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES")} if local else {}] * count,
    )
    try:
        for job in started:
            failure = job.result()
            if failure is not None:
                raise failure
    except BaseException:
        for job in started:
            job.cancel()
        raise


def _placed(config: Config, number: int) -> Config:
    """The settings of a job: on a machine of several accelerators, each takes its turn."""
    count = torch.cuda.device_count()
    if config.device in ("auto", "cuda") and count > 1:
        return dataclasses.replace(config, device=f"cuda:{number % count}")
    return config


def _job(work, config: Config, out: Path, cells: list[tuple[str, int]], variables: dict) -> GammaProbError | None:
    """The work in a process of its own. A named error is handed over; submitit would make a traceback of it."""
    for name, value in variables.items():  # submitit hides all accelerators from its local jobs
        os.environ.pop(name, None)
        os.environ |= {} if value is None else {name: value}
    try:
        work(config, out, cells)
    except GammaProbError as error:
        return error
    return None


def _bases(config: Config, out: Path, cells: list[tuple[str, int]]) -> None:
    from experiments.machine import together

    with together(config):
        data = open_data(config)
        for method, seed in cells:
            run_base(data, config, method, seed, out)
            complain(f"base model of seed {seed}: done")


def _cells(config: Config, out: Path, cells: list[tuple[str, int]]) -> None:
    from experiments.machine import together

    with together(config):
        data = open_data(config)
        for method, seed in cells:
            run_cell(data, config, method, seed, out)
            complain(f"{method}, seed {seed}: done")
