"""`python -m experiments`: the study from the command line.

check-data looks at a data set; train trains a base model; cycle runs one method with one seed; table3 runs all of them;
ablation asks whether a loss predictor fails for a reason of ours; losses compares the losses that a pose network can
learn by, classes those that a classifier can; masks keeps what such a network draws of a photograph; semi trains with
few labels, and by consistency on the rest; report and analytics set the results beside what the paper printed and what
the law says.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import textwrap
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from experiments import config as of_poses
from experiments.classes import config as of_classes
from experiments.methods import METHODS, find_method
from experiments.settings import Family, Layers, Settings, kinds, option
from gammaprob.errors import GammaProbError
from paper_tables._terminal import Parser, complain, put, width_of

__all__ = ["main"]

_COMMANDS = {
    "check-data": "look at a data set: what is there, what is missing, and how to get it",
    "train": "train the base model of one seed, and test it",
    "cycle": "run one method with one seed through all stages",
    "table3": "run all methods with all seeds, then report",
    "ablation": "look for what could keep a loss predictor from learning, one choice at a time",
    "losses": "train with each loss of heatmaps, then print Table 7 of Anchor Loss beside the published one",
    "classes": "train classifiers with each loss, then print Tables 1, 3 and A-1 of Anchor Loss beside the published",
    "masks": "keep what a network that learns by anchor loss draws of a photograph, epoch after epoch",
    "semi": "train with few labels and, by consistency, on the rest: with views of one kind, or easy and hard ones",
    "report": "print Tables 3(a) and 3(b) beside the published ones",
    "analytics": "set what the law predicts beside what training showed",
}
# Programs of their own, which take the rest of the line.
_READERS = {
    "check-data": "experiments.data.check", "report": "experiments.report", "analytics": "experiments.analytics",
}
# Studies of variations: the module and function that run one, and the name of the table that is recorded.
_COMPARISONS = {
    "ablation": ("experiments.ablation", "run_ablation", "ablation"),
    "losses": ("experiments.losses", "run_losses", "pose_losses"),
    "masks": ("experiments.masks", "run_masks", "masks"),
    "semi": ("experiments.semi", "run_semi", "semi"),
    "classes": ("experiments.classes.study", "run_classes", "classes"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when all went well, 1 when the work failed, 2 for a request that makes no sense.

    >>> main(["cycle", "--method", "unknown"])
    2
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments and arguments[0] in _READERS:
        return import_module(_READERS[arguments[0]]).main(arguments[1:])
    asked = _parser().parse_args(arguments)
    family, fixed = _family(asked.command), _fixed(asked.command)
    names = kinds(family.settings)
    changes = {name: value for name, value in vars(asked).items() if name in names}
    try:
        if asked.show:
            put(_settings(family.describe(asked.preset, changes, fixed)), sys.stdout)
            return 0
        config = family.configure(asked.preset, changes, fixed)
        return _run(asked, config, asked.out or Path("runs") / f"{asked.preset}-{config.dataset}")
    except GammaProbError as error:
        complain(f"error: {error}")
        return 1 if isinstance(error, ArithmeticError) else 2
    except OSError as error:
        complain(f"error: {error.filename or 'output'}: {error.strerror}")
        return 2
    except KeyboardInterrupt:
        complain("interrupted; the same command goes on from the last epoch that was finished")
        return 130


def _family(command: str) -> Family:
    return of_classes.FAMILY if command == "classes" else of_poses.FAMILY


def _fixed(command: str) -> Layers:
    """What the command sets itself: each study of variations of poses has something."""
    poses = command in _COMPARISONS and _family(command) is of_poses.FAMILY
    return import_module(_COMPARISONS[command][0]).SETTINGS if poses else {}


def _run(asked: argparse.Namespace, config: Settings, out: Path) -> int:
    if asked.command in _COMPARISONS:
        return _compare(asked, config, out)
    if asked.command != "table3":
        find_method(asked.method)
    # torch is loaded for work alone, not for --help or a wrong option.
    from experiments.cycle import run_base, run_cell
    from experiments.machine import rank, together
    from experiments.study import prepare, run_study

    if asked.command == "table3":
        run_study(config, out, **_where(asked))
    else:
        config = dataclasses.replace(config, seeds=max(config.seeds, asked.seed + 1))
        if asked.method not in config.methods:
            config = dataclasses.replace(config, methods=(*config.methods, asked.method))
        with together(config):
            data = prepare(config, out, progress=rank() == 0)
            (run_base if asked.command == "train" else run_cell)(data, config, asked.method, asked.seed, out)
            if rank() > 0:
                return 0
    return import_module("experiments.report").main([str(out)])


def _compare(asked: argparse.Namespace, config: Settings, out: Path) -> int:
    """A study of variations: its rows are run, recorded if asked for, or read from the record, and reported."""
    from experiments._report_cli import rendered
    from experiments.record import check_name, read_tables, write_rows

    module, run, kind = _COMPARISONS[asked.command]
    study = import_module(module)
    if asked.recorded:
        name = f"{asked.recorded}_{kind}"
        rows = read_tables(name)[1][name]
    else:
        if asked.record:
            check_name(asked.record)  # before hours are spent
        words = _where(asked) | ({"labels": asked.labels} if asked.command == "semi" else {})
        if asked.command != "masks":
            words["variations"] = asked.variations or tuple(study.VARIATIONS)
        rows = getattr(study, run)(config, out / asked.command, **words)
        if asked.record:
            write_rows(rows, config, kind, asked.record)
    put(rendered(study.report_of(rows), "text"), sys.stdout)
    return 0


def _where(asked: argparse.Namespace) -> dict:
    """What `experiments.study.run_cells` takes of the command line."""
    parameters = dict(_assignment(text) for text in asked.cluster_option)
    return {"jobs": asked.jobs, "cluster": asked.cluster, "parameters": parameters}


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m experiments", description=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, about in _COMMANDS.items():
        command = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
        if name in _READERS:
            continue
        command.add_argument("--preset", choices=of_poses.PRESETS, default="desk", help="smoke: seconds; desk: two "
                             "cores, an hour; paper: as published, on GPUs")
        command.add_argument("--out", type=Path, help="the run's folder, where it resumes; runs/PRESET-DATASET "
                             "unless given")
        command.add_argument("--show", action="store_true", help="print every setting with its reason, and stop")
        if name == "table3" or name in _COMPARISONS:
            command.add_argument("--jobs", type=_positive, default=2, help="processes of this machine; 2 unless given")
            command.add_argument("--cluster", choices=("local", "slurm"), default="local", help="where submitit runs "
                                 "the cells")
            command.add_argument("--cluster-option", action="append", default=[], metavar="NAME=VALUE",
                                 help="of submitit's update_parameters, such as gpus_per_node=1")
        if name in _COMPARISONS:
            if name != "masks":
                command.add_argument("--variations", nargs="+", metavar="TEXT", help="some of them; all unless given")
            record = command.add_mutually_exclusive_group()
            record.add_argument("--record", metavar="NAME", help="record the rows in paper_tables/measured as NAME")
            record.add_argument("--recorded", metavar="NAME", help="run nothing, print the rows recorded as NAME")
            if name == "semi":
                command.add_argument("--labels", nargs="+", type=_positive, default=(), metavar="N",
                                     help="how many pictures are labelled, one or more; the base unless given. "
                                     "--epochs-base is of the most, fewer take more")
        elif name != "table3":
            command.add_argument("--method", default=None if name == "cycle" else "random",
                                 help=f"what picks the images: {', '.join(METHODS)}")
            command.add_argument("--seed", type=_seed, default=0, help="0 unless given")
        settings = command.add_argument_group("settings", "each replaces the preset's value; --show explains them")
        _add_settings(settings, _family(name).settings)
    return parser


def _add_settings(group, family: type[Settings]) -> None:
    for entry in dataclasses.fields(family):
        name, kind, allowed = f"--{option(entry.name)}", kinds(family)[entry.name], entry.metadata["allowed"]
        words = {"dest": entry.name, "default": argparse.SUPPRESS}
        if kind is bool:
            group.add_argument(name, action=argparse.BooleanOptionalAction, **words)
        elif kind is tuple:
            group.add_argument(name, nargs="+", metavar="NAME", **words)
        elif kind is str:
            metavar = "|".join(allowed) if allowed else "TEXT"
            group.add_argument(name, metavar=metavar, **words)
        else:
            group.add_argument(name, type=kind, metavar="N" if kind is int else "X", **words)


def _settings(rows: list[tuple[str, str, str]]) -> str:
    """Every setting on a line with its reason, wrapped to the terminal."""
    width, lines = width_of(sys.stdout), []
    for name, value, reason in rows:
        lines += textwrap.wrap(f"--{option(name)} {value}", width, subsequent_indent="    ")
        lines += textwrap.wrap(reason, width, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines) + "\n"


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: a whole number >= 1")
    return number


def _seed(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text}: a seed >= 0")
    return number


def _assignment(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        complain(f"error: --cluster-option {text}: NAME=VALUE is wanted, such as gpus_per_node=1")
        raise SystemExit(2)
    return name, int(value) if value.isdecimal() else value


if __name__ == "__main__":
    raise SystemExit(main())
