"""One photograph that everyone has, to show what a network does: the portrait that matplotlib ships.

Grace Hopper, an official portrait by the US Navy, in the public domain. The photographs of the data sets are not ours
to show.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from experiments.errors import DataError

from .annotations import Annotations
from .cache import Chunk
from .crops import MARGIN, crops
from .skeleton import LSP, Skeleton

__all__ = ["JOINTS", "photograph"]

# x, y in pixels of the photograph, 512 × 600, set by eye, once; left and right are the person's. It has no other joint.
JOINTS = {"right shoulder": (78, 405), "left shoulder": (455, 405), "neck": (265, 375), "head top": (265, 26)}
_FILE = "grace_hopper.jpg"


def photograph(size: int = 128, *, side: float | None = None, skeleton: Skeleton = LSP) -> Chunk:
    """The portrait as a picture of `size` pixels a side, cut out and annotated as those of a data set are: one row.

    Without `side`, of the photograph's pixels, it is cut out by the rule of all pictures, `MARGIN` × the box of the
    joints, which is much closer than those of whole persons are. With it, so that the head is where that of a whole
    upright person is, and black where there is no photograph.

    Raises `DataError` where matplotlib is not installed.

    >>> portrait = photograph(64)
    >>> portrait.images.shape, int(portrait.present.sum())
    ((1, 64, 64, 3), 4)
    >>> photograph(64, side=2400).joints[0, LSP.head_top].round(1)
    array([31.5, 13.7], dtype=float32)
    """
    if find_spec("matplotlib") is None:
        raise DataError("photograph", _FILE, "an installed matplotlib, which ships it",
                        "pip install 'gammaprob[figures]'")
    from matplotlib.cbook import get_sample_data

    path = Path(get_sample_data(_FILE, asfileobj=False))
    joints, present = np.zeros((1, len(skeleton.joints), 2)), np.zeros((1, len(skeleton.joints)), bool)
    for name, place in JOINTS.items():
        joints[0, skeleton.index(name)], present[0, skeleton.index(name)] = place, True
    square = {}
    if side is not None:
        x, top = JOINTS["head top"]
        square = {"centre": np.array([(x, top + side / (2 * MARGIN))]), "side": np.array([float(side)])}
    people = Annotations(skeleton, np.array([path.name]), joints, present, np.array(["photograph"]), **square)
    (portrait,) = crops(people, path.parent, size=size, workers=1)
    return portrait
