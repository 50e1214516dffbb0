"""All cells of a study, with one command, on this machine or on a cluster: Table 3, or networks with other settings.

The cells are independent but for the base models, which come first. submitit runs them: in processes of this machine,
or as jobs of Slurm; there is no scheduler here. Every cell resumes, so that the same command goes on after anything.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import submitit
import torch
from submitit.core.utils import FailedJobError, UncompletedJobError
from tqdm import tqdm

from experiments.checkpoint import read_json, write_json
from experiments.config import Config
from experiments.consistency import check_joints
from experiments.cycle import base_folder, cell_folder, run_base, run_cell
from experiments.data import PoseData, load
from experiments.data.splits import split
from experiments.errors import CheckpointError, ConfigError, DataError, TrainingError
from experiments.machine import device_of, dtype_of, rank, together, wait
from experiments.progress import check_tensorboard
from experiments.settings import Settings
from gammaprob.errors import GammaProbError
from paper_tables._terminal import complain

__all__ = [
    "Cell", "base_work", "check_alone", "check_place", "finish_cells", "finish_study", "open_data", "prepare",
    "run_cells", "run_study", "take_places", "variation_cells",
]


class Cell(NamedTuple):
    """What runs apart from all else: settings, a method, a seed, and the folder of their study.

    In the order of what follows the data in `run_base` and `run_cell`.

    >>> Cell(Config(), "ll", 0, Path("runs"))[1:]
    ('ll', 0, PosixPath('runs'))
    """

    config: Config
    method: str
    seed: int
    out: Path


def open_data(config: Config, *, progress: bool = False) -> PoseData:
    """The data set of a study, decoded and cached at the first time.

    >>> from experiments.config import configure
    >>> len(open_data(configure("smoke", {"base": 16, "budget": 2, "pool": 12, "test": 4, "validation": 4})))
    52
    """
    # Twice the base, so that the seeds have different ones; or all of one kind.
    base = (2 * config.base, 0) if config.start == "other" else (0, config.base)
    count = (base[0], base[1] + config.drawn_pool + config.validation + config.test)
    return load(
        config.dataset, root=config.root, cache=config.cache, size=config.crop, progress=progress,
        **({"count": count} if config.dataset == "generated" else {}),
    )


def prepare(config: Config, out: Path, *, progress: bool = False) -> PoseData:
    """Everything that can go wrong before hours are spent: `check_place`, the data set and its shares; `take_places`.

    Raises `ConfigError`, `CheckpointError` or `DataError`.

    >>> import tempfile
    >>> from experiments.config import configure
    >>> config = configure("smoke", {"base": 16, "budget": 2, "pool": 12, "test": 4, "validation": 4})
    >>> with tempfile.TemporaryDirectory() as out:
    ...     data = prepare(config, Path(out))
    ...     read_json(Path(out) / "config.json")["base"]
    16
    """
    data = _checked(config, out, progress=progress)
    if rank() == 0:
        take_places({out: config})
    return data


def _checked(config: Config, out: Path, *, progress: bool) -> PoseData:
    """The data set of a study that can be run in this folder; writes nothing but the cache."""
    check_place(config, out)
    if rank() > 0:
        wait()  # the first process fills the cache
    data = open_data(config, progress=progress)
    if rank() == 0:
        wait()
    check_joints(config, len(data.skeleton.joints))
    for seed in range(config.seeds):
        shares = split(data, config, seed)
        for name in ("validation", "test"):
            if not np.isfinite(data.reference[getattr(shares, name)]).any():
                raise DataError(name, "no picture with a reference length", f"what {data.metric} needs", "check-data")
    return data


def check_place(config: Settings, out: Path) -> None:
    """The device, TensorBoard, and the folder, which is not there yet, or was made with the same settings.

    Raises `ConfigError` or `CheckpointError`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as out:
    ...     write_json(Path(out) / "config.json", Config(batch=16).dictionary)
    ...     check_place(Config(), Path(out))
    Traceback (most recent call last):
    experiments.errors.CheckpointError: ...config.json: got 'batch = 16'; allowed: batch = 32; ...
    """
    dtype_of(config, device_of(config))
    if config.tensorboard:
        check_tensorboard()
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


def take_places(places: Mapping[Path, Settings]) -> None:
    """Make the folders of studies, then write config.json into each. Raises `CheckpointError`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as out:
    ...     take_places({Path(out) / "one": Config(batch=16), Path(out) / "other": Config()})
    ...     read_json(Path(out) / "one" / "config.json")["batch"]
    16
    """
    for out in places:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(
                str(out), error.strerror, "a folder that can be made", "choose another --out") from error
    for out, config in places.items():
        write_json(out / "config.json", config.dictionary)


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
    check_alone("table3")
    prepare(config, out, progress=True)
    stages = [f"stage-{number}" for number in range(1, config.stages + 1)]
    work = {
        Cell(config, method, seed, out): [cell_folder(out, method, seed) / stage for stage in stages]
        for seed in range(config.seeds) for method in config.methods
    }
    finish_study(run_cell, work, jobs=jobs, cluster=cluster, parameters=parameters)


def variation_cells(
    places: Mapping[Path, Config], names: Sequence[str], variations: Mapping[str, Callable[[Config], dict]],
) -> dict[Cell, str]:
    """Every method and seed of each named variation of each folder's settings: cell -> name.

    A variation is what it changes of the settings, and has a folder in theirs, which is prepared: all are checked
    before anything is written. Raises `ConfigError` for a name that there is not, and as `prepare`.

    >>> import tempfile
    >>> config = Config(base=64, budget=2, pool=12, test=4, validation=4, crop=64, methods=("ll",), seeds=1, stages=1)
    >>> with tempfile.TemporaryDirectory() as out:
    ...     found = variation_cells({Path(out): config}, ["Rate × 2"], {"Rate × 2": lambda config: {"rate": 0.006}})
    ...     [(cell.config.rate, cell.method, cell.seed, cell.out.name, name) for cell, name in found.items()]
    [(0.006, 'll', 0, 'rate-2', 'Rate × 2')]
    """
    unknown = [name for name in names if name not in variations]
    if unknown:
        raise ConfigError("variation", unknown[0], "; ".join(variations), "pass one of these")
    changed = {
        out / re.sub("[^a-z0-9]+", "-", name.lower()): (name, dataclasses.replace(config, **variations[name](config)))
        for out, config in places.items() for name in names
    }
    for folder, (_, config) in changed.items():
        _checked(config, folder, progress=True)
    take_places({folder: config for folder, (_, config) in changed.items()})
    return {
        Cell(config, method, seed, folder): name for folder, (name, config) in changed.items()
        for seed in range(config.seeds) for method in config.methods
    }


def check_alone(command: str) -> None:
    """`ConfigError` in a process of `torchrun`: a study starts processes of its own.

    >>> check_alone("table3")
    """
    if "LOCAL_RANK" in os.environ:
        raise ConfigError("torchrun", command, "train or cycle", f"{command} starts processes of its own: --jobs")


def finish_cells(run: Callable, work: Mapping[Cell, list[Path]], **words) -> None:
    """`run_cells`; then raises what the first cell that failed raised.

    >>> finish_cells(run_base, {})
    """
    failed = run_cells(run, work, **words)
    if failed:
        raise failed[0]


def finish_study(run: Callable, work: Mapping[Cell, list[Path]], **words) -> None:
    """The base models of the cells, then `run` for each cell that has one; raises what the first that failed raised.

    Arguments as for `run_cells`.

    >>> finish_study(run_cell, {})
    """
    failed = run_cells(run_base, base_work(work), **words)
    failed += run_cells(run, {cell: stages for cell, stages in work.items() if _done(_base(cell))}, **words)
    if failed:
        raise failed[0]


def base_work(cells: Iterable[Cell]) -> dict[Cell, list[Path]]:
    """What `run_cells` asks for, of the base models: one of the cells for each that they start from.

    >>> cells = [Cell(Config(), method, 0, Path("runs")) for method in ("ll", "ll++", "ll-multitap")]
    >>> {cell.method: stages for cell, stages in base_work(cells).items()}
    {'ll++': [PosixPath('runs/base-seed0/stage-0')], 'll-multitap': [PosixPath('runs/ll-multitap-seed0/stage-0')]}
    """
    return {cell: [stage] for stage, cell in {_base(cell): cell for cell in cells}.items()}


def _base(cell: Cell) -> Path:
    return base_folder(cell.out, cell.config, cell.method, cell.seed) / "stage-0"


def run_cells(
    run: Callable, work: Mapping[Cell, list[Path]], *, jobs: int = 2, cluster: str = "local",
    parameters: Mapping | None = None, opened: Callable = open_data,
) -> list[GammaProbError]:
    """Do ``run(data, *cell)`` for the cells of which a stage, one of the folders `work[cell]`, lacks its result.json.

    Here, shared out among `jobs` processes; with ``jobs=1`` in this one; or each as a job of a cluster. A cell that
    fails stops no other one: what those that failed raised is returned. The data are ``opened(config)``, once for cells
    of the same settings. `run` and `opened` must be functions of a module.

    >>> run_cells(run_base, {}, jobs=2)
    []
    """
    left = [cell for cell, stages in work.items() if not all(map(_done, stages))]
    local = cluster == "local"
    count = min(jobs, len(left)) if local else len(left)
    if local and jobs == 1 or not left:
        return _work(run, opened, left)
    executor = _executor(Path(os.path.commonpath([cell.out for cell in left])), cluster, parameters or {})
    if local and count == 1:
        return _work(run, opened, left)
    left = [cell._replace(out=cell.out.resolve()) for cell in left]
    shares = [[_placed(cell, number) if local else cell for cell in left[number::count]] for number in range(count)]
    started = executor.map_array(
        _job, [run] * count, [opened] * count, shares,
        [{"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES")} if local else {}] * count,
        [os.getpid() if local else None] * count,
    )
    try:
        return _watch(started, [stage for stages in work.values() for stage in stages if not _done(stage)])
    except BaseException:
        for job in started:
            job.cancel()
        while local and not all(job.done() for job in started):
            time.sleep(0.1)  # until they have let go of their folders
        raise


def _executor(out: Path, cluster: str, parameters: dict) -> submitit.AutoExecutor:
    try:
        executor = submitit.AutoExecutor(out / "jobs", cluster=cluster)
        # Without a time limit of their own, local jobs would end after submitit's five minutes.
        executor.update_parameters(**({"timeout_min": 60 * 24 * 7} | parameters))
    except (RuntimeError, NameError, ValueError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise ConfigError("cluster", cluster, "a cluster of this machine, with options of submitit", first) from error
    return executor


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


def _placed(cell: Cell, number: int) -> Cell:
    """The cell in a job: on a machine of several accelerators, each job takes its turn."""
    count = torch.cuda.device_count()
    if cell.config.device in ("auto", "cuda") and count > 1:
        return cell._replace(config=dataclasses.replace(cell.config, device=f"cuda:{number % count}"))
    return cell


def _job(
    run: Callable, opened: Callable, cells: list[Cell], variables: dict, owner: int | None,
) -> GammaProbError | None:
    """Cells in a process of their own. A named error is handed over; submitit would make a traceback of it."""
    if owner is not None:
        threading.Thread(target=_follow, args=(owner,), daemon=True).start()
    for name, value in variables.items():  # submitit hides all accelerators from its local jobs
        os.environ.pop(name, None)
        os.environ |= {} if value is None else {name: value}
    try:
        return next(iter(_work(run, opened, cells)), None)
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


def _work(run: Callable, opened: Callable, cells: list[Cell]) -> list[GammaProbError]:
    """The cells, one after the other, in this process; what those that failed raised."""
    failed = []
    for config, group in groupby(cells, lambda cell: cell.config):
        with together(config):
            data = opened(config)
            for cell in group:
                try:
                    run(data, *cell)
                    said = "done"
                except GammaProbError as error:
                    failed.append(error)
                    said = f"error: {error}"
                what = run.__name__.removeprefix("run_")
                complain(f"{cell.out.name}: {what} of {cell.method}, seed {cell.seed}: {said}")
    return failed
