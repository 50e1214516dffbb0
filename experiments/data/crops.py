"""One picture a person: a square of the photograph, decoded once, resized, with the joints in its pixels.

LSP and LSPET: the square around the box of the known joints that lie in the photograph, `MARGIN` × its longer side.
MPII: the annotated square of the hourglass's convention. Beyond the photograph it is black. Squares have whole pixels,
so that pictures that are such crops already are copied and not resampled.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from experiments.errors import DataError
from experiments.metrics import torso_length

from .annotations import Annotations
from .cache import Chunk

__all__ = ["MARGIN", "cores", "crops", "decoded", "inside"]

MARGIN = 1.8  # a person with arms and hands, and what is around them; the crops of LSPET-128 have the same
_CHUNK = 256  # images between two writes: few enough for the memory, many enough for the threads


def crops(people: Annotations, images: Path, *, size: int, workers: int | None = None) -> Iterator[Chunk]:
    """The persons' pictures of `size` pixels a side, in the order of the annotation, some hundred at a time.

    `workers` threads decode (Pillow lets them run at once); the result does not depend on their number. A joint outside
    the photograph or the crop is not present. Raises `DataError` with the name of an image that is damaged.

    >>> import tempfile
    >>> from .skeleton import LSP
    >>> joints = np.tile(np.linspace(10, 30, 14)[:, None], (1, 1, 2))
    >>> people = Annotations(LSP, np.array(["a.png"]), joints, np.ones((1, 14), bool), np.array(["all"]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (40, 40), "red").save(f"{folder}/a.png")
    ...     (chunk,) = crops(people, Path(folder), size=72)
    >>> chunk.images.shape, chunk.images[0, 36, 36].tolist(), chunk.joints[0, [0, 13], 0].tolist()
    ((1, 72, 72, 3), [255, 0, 0], [16.5, 56.5])
    """
    with ThreadPoolExecutor(workers or cores()) as threads:
        for start in range(0, len(people), _CHUNK):
            part = people.rows(slice(start, start + _CHUNK))
            yield _chunk(part, list(threads.map(lambda row: _crop(part, images, row, size), range(len(part)))))


def decoded(path: Path) -> Image.Image:
    """The image as RGB; `DataError` with its name where it is damaged or gone.

    >>> decoded(Path("nowhere.jpg"))
    Traceback (most recent call last):
    ...
    experiments.errors.DataError: image: got 'nowhere.jpg'; allowed: an image that Pillow reads, in .; get it again ...
    """
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:  # Pillow raises a SyntaxError for a broken header
        raise DataError("image", path.name, f"an image that Pillow reads, in {path.parent}",
                        f"get it again ({error})") from error


def cores() -> int:
    """How many processors this process may use.

    >>> cores() >= 1
    True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _crop(people: Annotations, images: Path, row: int, size: int):
    """Pixels (size, size, 3), the crop's corner in the photograph and its side, the photograph's width and height."""
    image = decoded(images / people.names[row])
    if people.side is None:
        known = people.joints[row][people.present[row] & inside(people.joints[row], image.size)]
        if not len(known):
            return np.zeros((size, size, 3), np.uint8), (0, 0, 1), image.size
        low, high = known.min(0), known.max(0)
        centre, side = (low + high) / 2, MARGIN * (high - low).max()
    else:
        centre, side = people.centre[row], people.side[row]
    side = max(1, math.ceil(side))
    left, top = (math.floor(middle - side / 2 + 0.5) for middle in centre)
    square = image.crop((left, top, left + side, top + side))
    if side != size:
        square = square.resize((size, size), Image.Resampling.BICUBIC)  # antialiased where it gets smaller
    return np.asarray(square), (left, top, side), image.size


def inside(joints: np.ndarray, extent) -> np.ndarray:
    """Which joints (..., 2) lie on a pixel of a picture `extent` (width, height) wide and high.

    >>> inside(np.array([[-0.4, 0.0], [39.6, 0.0], [39.4, 29.4]]), (40, 30)).tolist()
    [True, False, True]
    """
    return ((joints >= -0.5) & (joints < np.asarray(extent) - 0.5)).all(-1)


def _chunk(people: Annotations, made: list) -> Chunk:
    pictures, squares, extents = (np.array(column) for column in zip(*made))
    size = pictures.shape[1]
    zoom = size / squares[:, 2]
    joints = (people.joints - squares[:, None, :2] + 0.5) * zoom[:, None, None] - 0.5
    present = people.present & inside(people.joints, extents[:, None]) & inside(joints, size)
    joints = np.where(present[..., None], joints, 0).astype(np.float32)
    reference = torso_length(joints, present, people.skeleton.torso) if people.head is None else people.head * zoom
    return Chunk(pictures, joints, present, reference.astype(np.float32), people.names, people.group)
