"""A study as rows: read from the folder of a run, recorded in `paper_tables/measured`, and read from there.

A run folder has a cell for every method, seed and stage, `<method>-seed<S>/stage-<K>/result.json`, and the base model
that all methods of a seed start from, `base-seed<S>/stage-0`. A cell without a result is missing, and a study with
missing cells says so (`Study.missing`): nothing is averaged here.
"""

from __future__ import annotations

import json
import platform
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from experiments._report_files import as_csv, checksum, read_csv, replace_files
from experiments.config import Config
from experiments.errors import CheckpointError, DataError
from experiments.methods import METHODS

__all__ = [
    "BASE", "MEASURED", "Study", "check_name", "open_study", "provenance", "read_recorded", "read_run", "read_tables",
    "recorded_names", "write", "write_rows", "write_tables",
]

BASE = "base"  # the method of stage 0
MEASURED = Path(str(files("paper_tables").joinpath("measured")))
_CELL = re.compile(r"(?P<method>.+)-seed(?P<seed>\d+)/stage-(?P<stage>\d+)")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
# Where things lie on one machine says nothing to a reader, and nothing about the numbers.
_PRIVATE_SETTINGS = ("root", "cache")
_PATH = re.compile(r"(?:^|[\s=:])(?:~?/\w|[A-Za-z]:\\)")
_OF_PROVENANCE = ("commit", "modified", "started", "config_id")
# Losses of one pool, for figures, which show less than four digits; every n-th image where all would be too many.
_LOSS_DIGITS = 4
_MOST_LOSS_BYTES = 200_000
# The same loss scored once for each method agrees to a unit of the last digit that is kept.
_SAME_LOSS = 10.0 ** (1 - _LOSS_DIGITS)


@dataclass(frozen=True)
class Study:
    """The results of a study, one row a cell, in the order of methods, seeds and stages.

    - `rows`: dicts with method, seed, stage, and every number of `result.json` under the names of its path joined by
      `_`: labelled, picked_pck, pool_spearman, test_auc, seconds_train, …; None where a method has no such number.
      Shares such as PCK are between 0 and 1, losses in the unit of the training loss, memory in bytes.
    - `joints`: dicts with method, seed, stage, joint, pck (test set).
    - `missing`: (method, seed, stage) of the cells that the configuration asks for and that have no result.
    - `folder`: of the run, where arrays are read from; None for a recorded study, which has `pools`, `gaps`,
      `updates` (see `experiments.analytics`) and `losses` instead.
    """

    name: str
    config: dict
    rows: tuple[dict, ...]
    joints: tuple[dict, ...]
    missing: tuple[tuple[str, int, int], ...]
    provenance: dict
    folder: Path | None = None
    recorded: dict[str, tuple[dict, ...]] | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that have a result, in the order of `experiments.methods`."""
        present = {row["method"] for row in self.rows}
        return tuple(name for name in METHODS if name in present)

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({row["seed"] for row in self.rows}))

    @property
    def stages(self) -> tuple[int, ...]:
        """The stages of labelling that have a result, without stage 0."""
        return tuple(sorted({row["stage"] for row in self.rows} - {0}))

    def own_base(self, method: str, seed: int) -> bool:
        """Whether the method started from a base model of its own (its head sends gradient to the network)."""
        return any((row["method"], row["seed"], row["stage"]) == (method, seed, 0) for row in self.rows)

    def by_seed(self, method: str, stage: int, column: str) -> dict[int, float]:
        """The values of one column over the seeds that have it."""
        return {
            row["seed"]: row[column] for row in self.rows
            if (row["method"], row["stage"]) == (method, stage) and row.get(column) is not None
        }

    def arrays(self, method: str, seed: int, stage: int, name: str) -> dict[str, np.ndarray]:
        """The arrays of `scores.npz` or `pairs.npz` of a cell; empty if the cell has no such file.

        The pairs of a head at stage 0 lie with its base model, the shared one or its own. Raises `CheckpointError` for
        a file that cannot be read.
        """
        owner = BASE if stage == 0 and not self.own_base(method, seed) else method
        path = self.folder / f"{owner}-seed{seed}" / f"stage-{stage}" / f"{name}.npz"
        if not path.exists():
            return {}
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                if stage:
                    return {key: archive[key] for key in archive.files}
                return {key.removeprefix(f"{method}/"): archive[key] for key in archive.files
                        if key.startswith(f"{method}/")}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise CheckpointError(
                _shown(path), str(error), "an .npz file of plain arrays", "remove the cell's folder and run it again",
            ) from error


# --- a run folder ----------------------------------------------------------------------------------------------------

def read_run(folder) -> Study:
    """The study in a run folder, complete or not.

    Raises `DataError` for a folder that holds no study, `CheckpointError` for a result that cannot be read, that lies
    in another cell's place, or that comes from another configuration than the rest.

    >>> import tempfile
    >>> read_run(tempfile.mkdtemp())
    Traceback (most recent call last):
    ...
    experiments.errors.DataError: source: got ...; allowed: a run folder with config.json, ...
    """
    folder = Path(folder)
    document, config = _read_config(folder)
    results = {}
    for path in sorted(folder.glob("*-seed*/stage-*/result.json")):
        match = _CELL.fullmatch(path.parent.relative_to(folder).as_posix())
        if match and match["method"] in (BASE, *METHODS):
            results[match["method"], int(match["seed"]), int(match["stage"])] = _read_result(path, match)
    order = {method: place for place, method in enumerate((BASE, *METHODS))}
    cells = sorted(results, key=lambda cell: (order[cell[0]], *cell[1:]))
    _refuse_mixture(results)
    expected = [(BASE, seed, 0) for seed in range(config.seeds)] + [
        (method, seed, stage) for method in config.methods for seed in range(config.seeds)
        for stage in range(0 if config.joint(METHODS[method]) else 1, config.stages + 1)
    ]
    missing = tuple(cell for cell in expected if cell not in results)
    joints = tuple(
        {"method": cell[0], "seed": cell[1], "stage": cell[2], "joint": joint, "pck": value}
        for cell in cells for joint, value in results[cell].get("test", {}).get("per_joint", {}).items()
    )
    rows = tuple(_flat(*cell, results[cell]) for cell in cells)
    made = provenance(document, rows, [results[cell].get("provenance", {}) for cell in cells], missing)
    return Study(folder.resolve().name, document, rows, joints, missing, made, folder)


def _read_config(folder: Path) -> tuple[dict, Config]:
    """The settings of a run: as the file has them, and as a configuration."""
    try:
        document = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return document, Config(**document)
    except OSError as error:
        raise DataError(
            "source", str(folder), f"a run folder with config.json, or one of the recorded studies "
            f"({', '.join(recorded_names()) or 'none yet'})", "python -m experiments table3 makes a run folder",
        ) from error
    except (ValueError, TypeError) as error:
        raise CheckpointError(
            _shown(folder / "config.json"), str(error), "the settings of a study in JSON", "run the study again",
        ) from error


def _read_result(path: Path, match: re.Match) -> dict:
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            _shown(path), str(error), "a whole result in JSON", "remove the cell's folder and run it again",
        ) from error
    place = match["method"], int(match["seed"]), int(match["stage"])
    said = None
    if isinstance(result, dict):
        said = result.get("method") or BASE, result.get("seed"), result.get("stage")  # the shared base has no method
    if said != place:
        raise CheckpointError(_shown(path), said, f"the result of {place}", "put each result back into its own folder")
    return result


def _refuse_mixture(results: dict) -> None:
    """Means over cells of different settings would mean nothing."""
    found: dict[str, tuple] = {}
    for cell, result in results.items():
        found.setdefault(result.get("provenance", {}).get("config_id"), cell)
    if len(found) > 1:
        raise CheckpointError(
            "config_id", found, "one configuration for all cells", "run each configuration in a folder of its own",
        )


def _flat(method: str, seed: int, stage: int, result: dict) -> dict:
    """One row of a result: nested names joined by an underscore."""
    row = {"method": method, "seed": seed, "stage": stage}
    for key, value in result.items():
        if key == "provenance":
            row |= {name: value[name] for name in _OF_PROVENANCE if name in value}
        elif isinstance(value, dict):
            row |= {f"{key}_{name}": entry for name, entry in value.items() if name != "per_joint"}
        elif key not in row:
            row[key] = value
    return row


def _shown(path: Path) -> str:
    """The cell and the file, without the way there."""
    return "/".join(path.parts[-3:])


# --- a recorded study ------------------------------------------------------------------------------------------------

def recorded_names(folder: Path = MEASURED) -> tuple[str, ...]:
    """The names of the recorded studies.

    >>> all(isinstance(name, str) for name in recorded_names())
    True
    """
    return tuple(sorted(path.name.removesuffix("_stages.csv") for path in Path(folder).glob("*_stages.csv")))


def write(study: Study, name: str, folder: Path = MEASURED) -> list[Path]:
    """Record a run: its rows, the analytics of its losses, and where all of it comes from. Returns the paths.

    NAME_stages.csv, NAME_joints.csv: `Study.rows` and `Study.joints`. NAME_pools.csv, NAME_gaps.csv, NAME_updates.csv:
    the analytics (`experiments.analytics`). NAME_losses.csv: one pool of stage 1, the true loss of each image and what
    each head predicted. NAME.json: commits, configuration, versions, machines, seconds, seeds, the missing cells, and
    the SHA-256 of each CSV file. Either all files are written or, on a full disk, none.

    Raises `DataError` for a name that is no plain word, for a study that has no run folder (a recorded one is recorded
    already) or no result at all, and for provenance that would publish a path or the name of a machine.

    >>> write(Study("x", {}, (), (), (), {}), "Two words")
    Traceback (most recent call last):
    ...
    experiments.errors.DataError: record: got 'Two words'; allowed: small letters, digits and -; ...
    """
    check_name(name)
    if study.folder is None or not study.rows:
        raise DataError("record", study.name, "a run folder with results", "pass the folder that the run wrote")
    from experiments.analytics import analyse  # which reads what is recorded here

    losses, of_losses = _losses(study)
    tables = {"stages": study.rows, "joints": study.joints, **analyse(study), "losses": losses}
    contents = {f"{name}_{table}.csv": as_csv(rows) for table, rows in tables.items()}
    return write_tables(contents, f"{name}.json", {"study": name}, study.provenance | {"losses": of_losses}, folder)


def write_tables(contents: dict[str, str], file: str, title: dict, made: dict, folder: Path = MEASURED) -> list[Path]:
    """Record the files `contents` (name -> text) and, as the JSON `file`, their title, provenance and SHA-256.

    What `read_tables` reads. Raises `DataError` for provenance that would publish a path or the name of a machine.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_tables({"try_rows.csv": "seed\\n0\\n"}, "try.json", {"study": "try"}, {}, Path(folder))
    ...     read_tables("try", folder)[1]
    {'rows': ({'seed': 0},)}
    """
    _refuse_private(made)
    document = title | made | {"sha256": {name: checksum(content.encode()) for name, content in contents.items()}}
    contents = contents | {file: json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"}
    replace_files(Path(folder), contents)
    return [Path(folder) / name for name in contents]


def write_rows(rows: Sequence[dict], config: Config, kind: str, name: str, folder: Path = MEASURED) -> list[Path]:
    """Record the rows of a study without stages: NAME_KIND.csv, and NAME_KIND.json with its provenance.

    Apart from the files of a study of that name. A row has seed, under "provenance" what its cell recorded, and maybe
    under "curve" rows of its own, which all together are recorded in NAME_KIND_curves.csv. Returns the paths; raises
    `DataError` for a name that is no plain word.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = write_rows([{"seed": 0, "provenance": {}}], Config(), "ablation", "try", Path(folder))
    ...     [path.name for path in written], read_tables("try_ablation", Path(folder))[1]
    (['try_ablation.csv', 'try_ablation.json'], {'try_ablation': ({'seed': 0},)})
    """
    check_name(name)
    table = as_csv({key: value for key, value in row.items() if key not in ("provenance", "curve")} for row in rows)
    contents = {f"{name}_{kind}.csv": table}
    if curves := [point for row in rows for point in row.get("curve", ())]:
        contents[f"{name}_{kind}_curves.csv"] = as_csv(curves)
    made = provenance(config.dictionary, rows, [row["provenance"] for row in rows])
    return write_tables(contents, f"{name}_{kind}.json", {kind: name}, made, folder)


def check_name(name: str) -> None:
    """`DataError` for a name that nothing is recorded by.

    >>> check_name("../desk")
    Traceback (most recent call last):
    ...
    experiments.errors.DataError: record: got '../desk'; allowed: small letters, digits and -; ...
    """
    if not _NAME.fullmatch(name):
        raise DataError("record", name, "small letters, digits and -", "name the study as in --record desk-lspet")


def read_recorded(name: str, folder: Path = MEASURED) -> Study:
    """A recorded study, each file held against its recorded checksum.

    Raises `DataError` for a name that is not recorded, a file that is missing, or one that was changed.

    >>> read_recorded("no-such-study")
    Traceback (most recent call last):
    ...
    experiments.errors.DataError: source: got 'no-such-study'; allowed: ...
    """
    document, tables = read_tables(name, folder)
    if "study" not in document:
        raise DataError("source", name, f"one of the recorded studies ({', '.join(recorded_names(folder))})",
                        "the command of a study of variations prints its record, as `semi --recorded` does")
    return Study(
        name, document["config"], tables.pop("stages"), tables.pop("joints"),
        tuple(tuple(cell) for cell in document["missing"]), document, None, tables,
    )


def read_tables(name: str, folder: Path = MEASURED) -> tuple[dict, dict[str, tuple[dict, ...]]]:
    """The provenance NAME.json and the tables NAME_*.csv that it lists, each held against its recorded checksum.

    Raises `DataError` as `read_recorded`.

    >>> read_tables("smoke")[0]["study"]
    'smoke'
    """
    folder = Path(folder)
    try:
        document = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        contents = {file: (folder / file).read_bytes() for file in document["sha256"]}
    except OSError as error:
        raise DataError(
            "source", name, f"a run folder with config.json, or one of the recorded studies "
            f"({', '.join(recorded_names(folder)) or 'none yet'})", "see what lies in the folder `measured`",
        ) from error
    for file, content in contents.items():
        if checksum(content) != document["sha256"][file]:
            raise DataError(
                file, checksum(content)[:12], f"SHA-256 {document['sha256'][file][:12]}…, as recorded",
                "record the study again with --record; recorded files are not edited",
            )
    return document, {
        file.removeprefix(f"{name}_").removesuffix(".csv"): tuple(read_csv(content.decode()))
        for file, content in contents.items()
    }


def open_study(source: str) -> Study:
    """The study in a run folder, or the recorded one of that name. Raises as `read_run` and `read_recorded`.

    >>> open_study("no-such-study")
    Traceback (most recent call last):
    ...
    experiments.errors.DataError: source: got 'no-such-study'; allowed: ...
    """
    return read_run(source) if Path(source).is_dir() else read_recorded(source)


def provenance(config: dict, rows: Sequence[dict], cells: Sequence[dict], missing: Sequence = ()) -> dict:
    """Where results come from: rows with seed, seconds_total and started, and the provenance that each cell recorded.

    >>> provenance({"root": "data", "base": 2}, [{"seed": 0, "seconds_total": 1.5}], [{"commit": "abc"}])["made_with"]
    {'commit': [{'value': 'abc', 'cells': 1}]}
    """
    started = sorted(row["started"] for row in rows if row.get("started"))
    facts = dict.fromkeys(name for cell in cells for name in cell if name not in ("started", "config_id"))
    return {
        "config": {name: value for name, value in config.items() if name not in _PRIVATE_SETTINGS},
        "cells": len(rows), "seeds": sorted({row["seed"] for row in rows}), "missing": [list(cell) for cell in missing],
        "seconds": sum(row.get("seconds_total") or 0.0 for row in rows),
        "started": [started[0], started[-1]] if started else [],
        "made_with": {name: _counted(cell.get(name) for cell in cells) for name in facts},
    }


def _counted(values: Iterable) -> list[dict]:
    """Each different value with the number of cells that have it."""
    counts = Counter(json.dumps(value, sort_keys=True) for value in values)
    return [{"value": json.loads(text), "cells": count} for text, count in counts.items()]


def _refuse_private(value) -> None:
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        for entry in value:
            _refuse_private(entry)
    elif isinstance(value, str) and (_PATH.search(value) or value == platform.node() != ""):
        raise DataError("provenance", value, "no path and no name of a machine", "take it out of the run's results")


def _losses(study: Study) -> tuple[list[dict], dict]:
    """The first seed's pool at stage 1: image, true loss, and the loss that each head predicted.

    All methods of a seed that start from the shared base model score one pool of stage 1 alike; where their true losses
    differ (by more than the digits kept) there is no one pool, and that is an error.
    """
    for seed in study.seeds:
        scores = {method: study.arrays(method, seed, 1, "scores") for method in study.methods
                  if not study.own_base(method, seed)}
        scores = {method: arrays for method, arrays in scores.items() if arrays}
        if scores:
            break
    else:
        return [], {}
    (first, whole), *others = scores.items()
    for method, arrays in others:
        if not np.array_equal(whole["image"], arrays["image"]) or not np.allclose(
            whole["true_loss"], arrays["true_loss"], rtol=_SAME_LOSS, atol=0.0, equal_nan=True,
        ):
            raise DataError(
                f"scores of {method}, seed {seed}", "other true losses", f"those of {first}, from the same base model",
                "run both again from one base model",
            )
    columns = {"true_loss": whole["true_loss"]}
    columns |= {f"predicted_{method}": arrays["predicted"] for method, arrays in scores.items()
                if "predicted" in arrays}
    rows = [
        {"image": int(image), **{name: float(f"{column[place]:.{_LOSS_DIGITS}g}") for name, column in columns.items()}}
        for place, image in enumerate(whole["image"])
    ]
    every = -(-len(as_csv(rows)) // _MOST_LOSS_BYTES)
    return rows[::every], {"seed": seed, "stage": 1, "images": len(rows), "every": every}
