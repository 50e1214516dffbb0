"""`load`: every data set by its name, decoded once into the cache; and where the files of a real one must lie."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.config import DATASETS
from experiments.errors import DataError
from experiments.metrics import torso_length

from .annotations import Annotations, read_lsp, read_mpii_h5, read_mpii_mat, require_images
from .cache import Chunk, cached, default_folder, digest
from .pose_data import PoseData
from .skeleton import LSP, MPII

__all__ = ["DATASETS", "GROUPS", "LAYOUT", "Source", "load", "locate"]

GROUPS = {
    "generated": ("everyday", "sports"), "lspet": ("lspet",), "lsp-lspet": ("lsp", "lspet"), "mpii": ("train", "valid"),
}
LAYOUT = {
    "lspet": "lspet/joints.mat and lspet/images/im00001.jpg, ...",
    "lsp": "lsp/joints.mat and lsp/images/im0001.jpg, ...",
    "mpii": "mpii/images/*.jpg, mpii/annot/valid.h5, and mpii/annot/train.h5 or mpii/mpii_human_pose_v1_u12_1.mat",
}
_MPII_MAT = "mpii_human_pose_v1_u12_1.mat"
_CHUNK = 256  # figures between two writes
_SMALLEST = 16  # pixels a side; a figure on fewer is not one
_CROP_VERSION = "1"  # of how crops are made: raise it when that changes, so that no old cache is read


class Source(NamedTuple):
    """Part of a data set as it lies on disk."""

    name: str  # "lsp", "lspet" or "mpii"
    files: tuple[Path, ...]  # of the annotation
    images: Path  # folder
    read: Callable[[], list[Annotations]]


def load(
    name: str, *, root=None, cache=None, size: int = 128, seed: int = 0, count: tuple[int, int] | None = None,
    progress: bool = False, workers: int | None = None,
) -> PoseData:
    """A data set as square pictures of one person each, `size` pixels a side.

    name: "generated" draws `count` = (everyday, sports) figures from `seed`; "lspet", "lsp-lspet" and "mpii" read the
    files under the folder `root` (see `LAYOUT`; a root that is the data set's own folder will do). The pictures are
    made on first use and kept in the folder `cache`, by default the user's; after that, loading takes a fraction of a
    second for any number of images. `workers` threads decode photographs; by default as many as there are processors.
    `progress` shows a bar where standard error is a terminal.
    PCK's reference is the torso, PCKh's the head size. Images without a joint are left out and named in `excluded`.

    Raises `DataError` for an unknown name, a missing or wrong file, a missing or damaged image, and a full disk.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     data = load("generated", count=(2, 1), size=64, cache=folder)
    >>> data.images.shape, data.groups["sports"].tolist()
    ((3, 64, 64, 3), [2])
    """
    if name not in DATASETS:
        raise DataError("name", name, "one of " + ", ".join(map(repr, DATASETS)), "pass one of them")
    if not isinstance(size, int) or size < _SMALLEST:
        raise DataError("size", size, f"a whole number of pixels >= {_SMALLEST}", "128 is the default")
    if name == "generated":
        source, volatile, build = _generated(count, size, seed)
    else:
        source, volatile, build = _photographs(locate(root, name), size, workers)
    key = f"{name}-{size}-{digest(source, volatile, str(size))[:24]}"
    rows, manifest = cached(Path(cache or default_folder()), key, build, progress=progress)
    return PoseData(
        name=name, skeleton=MPII if name == "mpii" else LSP, images=rows.images, joints=rows.joints,
        present=rows.present, reference=rows.reference, names=rows.names,
        groups={group: np.flatnonzero(rows.group == group) for group in GROUPS[name]},
        metric="PCKh@0.5" if name == "mpii" else "PCK@0.2",
        fingerprint=digest(source, str(size), manifest["fingerprint"]), excluded=tuple(manifest["excluded"]),
    )


def locate(root, name: str) -> list[Source]:
    """The parts of a real data set under a folder, without reading them; `DataError` where a part is not there.

    >>> locate("nowhere", "lspet")
    Traceback (most recent call last):
    ...
    experiments.errors.DataError: root: got 'nowhere'; allowed: a folder with lspet/joints.mat and ...
    """
    layout = "; ".join(LAYOUT[part] for part in name.split("-"))
    if root is None or not Path(root).is_dir():
        raise DataError("root", root if root is None else str(root), f"a folder with {layout}",
                        "pass the folder as root (--root), or use the generated figures")
    root = Path(root)
    if name == "mpii":
        return [_locate_mpii(root)]
    alone = name.count("-") == 0  # then the root may be the data set's folder itself
    sources = []
    for part in name.split("-"):
        folders = [root / part, root] if alone else [root / part]
        folder = next((folder for folder in folders if (folder / "joints.mat").is_file()), None)
        if folder is None:
            there = next((found for found in folders if (found / "images").is_dir()), None)
            got = f"{root}, without {there.relative_to(root) / 'joints.mat'}" if there else str(root)
            raise DataError("root", got, f"a folder with {LAYOUT[part]}", "`check-data` says how to get it")
        file = folder / "joints.mat"
        sources.append(Source(part, (file,), folder / "images", lambda file=file, part=part: [read_lsp(file, part)]))
    return sources


def _locate_mpii(root: Path) -> Source:
    for folder in (root / "mpii", root):
        places = {
            "train": [folder / "annot" / "train.h5", folder / "train.h5", folder / _MPII_MAT],
            "valid": [folder / "annot" / "valid.h5", folder / "valid.h5"],
        }
        found = {group: path for group, paths in places.items() for path in reversed(paths) if path.is_file()}
        if found:
            return Source("mpii", tuple(found.values()), folder / "images", lambda: _read_mpii(found))
    raise DataError("root", str(root), f"a folder with {LAYOUT['mpii']}", "`check-data` says how to get it")


def _read_mpii(found: dict[str, Path]) -> list[Annotations]:
    """The parts that are there. No image of the validation split is trained on, whatever the persons in it."""
    parts = {group: read_mpii_mat(path) if path.suffix == ".mat" else read_mpii_h5(path, group)
             for group, path in found.items()}
    if "train" in parts and "valid" in parts:
        parts["train"] = parts["train"].rows(~np.isin(parts["train"].names, parts["valid"].names))
    return list(parts.values())


def _photographs(sources: list[Source], size: int, workers: int | None):
    """What identifies the data on any machine, what else tells of a change on this one, and how its rows are made."""
    listings = [sorted((entry.name, entry.stat()) for entry in os.scandir(source.images)) if source.images.is_dir()
                else [] for source in sources]
    lasting = [f"{name} {status.st_size}" for listing in listings for name, status in listing]
    volatile = [f"{status.st_mtime_ns}" for listing in listings for _, status in listing]

    def build() -> tuple[int, Iterator[Chunk]]:
        from .crops import crops

        parts = [(people, source.images) for source in sources for people in source.read()]
        for people, images in parts:  # all of them before the first is decoded
            require_images(people, images)
        made = (crops(people, images, size=size, workers=workers) for people, images in parts)
        return sum(len(people) for people, _ in parts), itertools.chain.from_iterable(made)

    files = [file.read_bytes() for source in sources for file in source.files]
    return digest(*files, *lasting), digest(_CROP_VERSION, *volatile), build


def _generated(count, size: int, seed: int):
    """The same of generated figures; their source text is part of the key, so that no old drawings are read."""
    from . import generated

    whole = isinstance(count, (tuple, list)) and all(isinstance(number, (int, np.integer)) for number in count)
    if not whole or len(count) != 2 or min(count) < 0 or not sum(count):
        raise DataError("count", count, "(everyday, sports), whole numbers >= 0, not both 0", "pass count=(m, n)")
    wanted = [(domain, index) for domain, number in zip(GROUPS["generated"], count) for index in range(number)]

    def chunks() -> Iterator[Chunk]:
        for start in range(0, len(wanted), _CHUNK):
            part = wanted[start:start + _CHUNK]
            figures = [generated.draw(domain, index, size=size, seed=seed) for domain, index in part]
            images, joints, present = (np.array([getattr(figure, name) for figure in figures])
                                       for name in ("image", "joints", "present"))
            yield Chunk(
                images, joints, present, torso_length(joints, present, LSP.torso).astype(np.float32),
                np.array([f"{domain}-{index:06d}" for domain, index in part]), np.array([domain for domain, _ in part]),
            )

    folder = Path(generated.__file__).parent
    code = [path.read_bytes() for path in (*sorted(folder.glob("_figure*.py")), folder / "generated.py")]
    return f"{tuple(map(int, count))} {seed}", digest(*code), lambda: (len(wanted), chunks())
