"""`python -m experiments check-data`: is a folder a whole and sound data set, and if not, what is to be done?"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.errors import DataError
from paper_tables._terminal import Parser, complain, put, width_of

from .annotations import FLAGS, MOST_ODD, Annotations, flag_convention, missing_images, odd_positions, read_joints
from .crops import cores, decoded, inside
from .datasets import GROUPS, LAYOUT, Source, locate

__all__ = ["Part", "Report", "check", "main"]

CHECKED = ("lspet", "lsp-lspet", "mpii")
PERSONS = {"lsp": 2000, "lspet": 10000}  # of the whole data sets
HOW_TO_GET = {
    "lsp": "Leeds Sports Pose (Johnson and Everingham, BMVC 2010): unpack its archive, with joints.mat and images, as",
    "lspet": "Leeds Sports Pose Extended Training (Johnson and Everingham, CVPR 2011): unpack its archive as",
    "mpii": "MPII Human Pose (Andriluka et al., CVPR 2014; human-pose.mpi-inf.mpg.de): unpack its images and its"
            " annotation; valid.h5 and train.h5 come with the stacked hourglass code (Newell et al., ECCV 2016). Put"
            " them as",
}
_NAMES_SHOWN = 10


@dataclass(frozen=True)
class Part:
    """What was found of "lsp", "lspet" or "mpii".

    >>> print(Part("lsp", ("2 persons",), {"damaged images": ("im0001.jpg",)}))
    lsp: 1 problem
      2 persons
      PROBLEM damaged images (1): im0001.jpg
      To put it right: Leeds Sports Pose ...
    """

    name: str
    facts: tuple[str, ...]  # none if it is not there
    problems: dict[str, tuple[str, ...]]  # what is wrong: the names of all images concerned, or why

    def __str__(self) -> str:
        count = len(self.problems)
        lines = [f"{self.name}: {f'{count} problem' + 's' * (count > 1) if count else 'ready'}"]
        lines += [f"  {fact}" for fact in self.facts]
        lines += [f"  PROBLEM {problem}" + (f" ({len(names)}): {_some(names)}" if names else "")
                  for problem, names in self.problems.items()]
        if self.problems:
            lines.append(f"  To put it right: {HOW_TO_GET[self.name]} {LAYOUT[self.name]} under the root.")
        return "\n".join(lines)


@dataclass(frozen=True)
class Report:
    """What was found under a root; `str` of it is what the command prints.

    >>> Report(parts=(Part("lsp", (), {}),)).ok
    True
    """

    parts: tuple[Part, ...]

    @property
    def ok(self) -> bool:
        """Whether there is a data set and no problem."""
        return bool(self.parts) and not any(part.problems for part in self.parts)

    def __str__(self) -> str:
        return "\n".join(map(str, self.parts))


def check(root, name: str | None = None, *, progress: bool = False, workers: int | None = None) -> Report:
    """Read every annotation and decode every image under the folder, and say what is there and what is wrong.

    `name` is "lspet", "lsp-lspet" or "mpii"; without it, all that is found is checked. `workers` threads decode, and
    `progress` shows a bar where standard error is a terminal. Joints
    outside their image and images without a visible joint are facts: loading leaves them out. Problems are what loading
    would stop at, and joints outside so often that the images cannot be those of the annotation.

    Raises `DataError` for an unknown name or a root that is no folder; everything else is in the report.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = check(folder, "lspet")
    >>> print(report)
    lspet: 1 problem
      PROBLEM root: got '...'; allowed: a folder with lspet/joints.mat and lspet/images/im00001.jpg, ...
      To put it right: Leeds Sports Pose Extended Training ...
    """
    if name not in (None, *CHECKED):
        raise DataError("name", name, "one of " + ", ".join(map(repr, CHECKED)), "pass one of them, or none for all")
    if not Path(root).is_dir():
        raise DataError("root", str(root), "a folder", "pass the folder that the data sets lie in")
    wanted = _all_parts(Path(root)) if name is None else tuple(name.split("-"))
    parts = []
    for part in wanted:
        try:
            (source,) = locate(root, part)
        except DataError as error:
            parts.append(Part(part, (), {str(error): ()}))
            continue
        parts.append(_checked(source, progress, workers))
    there = [part for part in parts if part.facts]
    return Report(tuple(there if name is None and there else parts))


def main(arguments: Sequence[str] | None = None) -> int:
    """`check-data`: print the report; 0 if all is well, 1 if there is a problem, 2 if the request makes no sense."""
    parser = Parser(
        prog="python -m experiments check-data", description=__doc__, allow_abbrev=False,
        epilog="exit codes: 0 all is well, 1 there is a problem, 2 wrong usage, no such folder or no output",
    )
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help="the folder that the data sets lie in")
    parser.add_argument("--dataset", choices=CHECKED, metavar="NAME",
                        help=f"one of {', '.join(CHECKED)}; all that is found unless given")
    asked = parser.parse_args(arguments)
    try:
        report = check(asked.root, asked.dataset, progress=True)
        width = width_of(sys.stdout)
        lines = (textwrap.fill(line, width, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)
                 for line in str(report).splitlines())
        put("\n".join(lines) + "\n", sys.stdout)
    except DataError as error:
        complain(f"{parser.prog}: error: {error}")
        return 2
    except OSError as error:
        complain(f"{parser.prog}: error: {error.filename or 'output'}: {error.strerror}")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0 if report.ok else 1


def _all_parts(root: Path) -> tuple[str, ...]:
    """Every part, but of LSP and LSPET one if the root is its own folder: the one whose flags it has."""
    if not (root / "joints.mat").is_file():
        return tuple(LAYOUT)
    try:
        found = flag_convention(*read_joints(root / "joints.mat"))
    except DataError:  # the part's own report says why
        found = "visible"
    return tuple(part for part in LAYOUT if found is None or FLAGS.get(part, found) == found)


def _checked(source: Source, progress: bool, workers: int | None) -> Part:
    facts = [f"annotation: {', '.join(map(str, source.files))}"]
    problems: dict[str, tuple[str, ...]] = {}
    try:
        if source.name in FLAGS:
            facts.append(_flag_fact(source))
        parts = source.read()
    except DataError as error:
        return Part(source.name, tuple(facts), {str(error): ()})

    names = np.unique(np.concatenate([people.names for people in parts]))
    missing = sorted({name for people in parts for name in missing_images(people, source.images)})
    facts.append(f"images: {len(names) - len(missing)} of {len(names)} annotated ones, in {source.images}")
    if missing:
        problems[f"missing images, of {len(names)} in {source.images}"] = tuple(missing)
    there = names[~np.isin(names, missing)]
    extents, damaged = _extents(source.images, there.tolist(), progress, workers)
    if damaged:
        problems["damaged images"] = tuple(damaged)
    if extents:
        sizes = np.array(list(extents.values()))
        facts.append("width × height in pixels: {} × {} to {} × {}, median {:.0f} × {:.0f}".format(
            *sizes.min(0), *sizes.max(0), *np.median(sizes, axis=0)))
    for people in parts:
        if len(people):
            _check_people(source.name, people, extents, facts, problems)
    for group in sorted(set(GROUPS.get(source.name, ())) - {group for people in parts for group in people.group}):
        problems[f"no annotation of the group {group}"] = ()
    return Part(source.name, tuple(facts), problems)


def _flag_fact(source: Source) -> str:
    """Which of the two flag conventions the numbers speak for, and those numbers."""
    positions, flags = read_joints(source.files[0])
    odd = odd_positions(positions)
    shares = " and ".join(f"{odd[flags == flag].mean():.1%} of those with {flag}" if (flags == flag).any()
                          else f"no flag {flag}" for flag in (0, 1))
    found = flag_convention(positions, flags) or "neither fits"
    return (f"third row: mean {flags.mean():.3f}; at (0, 0) or negative are {shares}: found '{found}',"
            f" expected '{FLAGS[source.name]}'")


def _check_people(name: str, people: Annotations, extents: dict, facts: list[str], problems: dict) -> None:
    """Facts and problems of one annotation, given (width, height) by name of the images that could be decoded."""
    group, known = people.group[0], people.joints[people.present]
    whole = f" (the whole set has {PERSONS[name]})" if len(people) != PERSONS.get(name, len(people)) else ""
    facts.append(f"{group}: {len(people)} persons{whole}, {len(known)} of {people.present.size} joints known")
    if len(known):
        facts.append("{}: x from {:.1f} to {:.1f}, y from {:.1f} to {:.1f}".format(
            group, *np.stack((known.min(0), known.max(0)), axis=1).ravel()))
    seen = np.isin(people.names, list(extents))
    if not seen.any():
        return
    people = people.rows(seen)
    outside = people.present & ~inside(people.joints, np.array([extents[name] for name in people.names])[:, None])
    if outside.any():
        names = tuple(dict.fromkeys(people.names[outside.any(1)].tolist()))
        share = outside.sum() / people.present.sum()
        facts.append(f"{group}: {outside.sum()} known joints ({share:.2%}) lie outside their image and are left out:"
                     f" {_some(names)}")
        if share > MOST_ODD:
            problems[f"{group}: so many joints outside that images and annotation are not of one size"] = names
    empty = people.names[~(people.present & ~outside).any(1)].tolist()
    if empty:
        facts.append(f"{group}: {len(empty)} images without a visible joint are left out: {_some(empty)}")
    if len(empty) == len(people):
        problems[f"{group}: no image has a visible joint"] = ()


def _extents(folder: Path, names: list[str], progress: bool, workers: int | None):
    """(width, height) by name of the images that can be decoded, and the names of the others."""
    def extent(name: str):
        try:
            return decoded(folder / name).size
        except DataError:
            return None

    with ThreadPoolExecutor(workers or cores()) as threads:
        pairs = zip(names, threads.map(extent, names))
        found = dict(_watched(pairs, len(names)) if progress else pairs)
    damaged = [name for name, size in found.items() if size is None]
    return {name: size for name, size in found.items() if size is not None}, damaged


def _watched(found: Iterable, total: int) -> Iterable:
    from tqdm import tqdm

    # None: hidden where it is no terminal
    return tqdm(found, total=total, desc="check", unit="image", disable=sys.stderr is None or None)


def _some(names) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
