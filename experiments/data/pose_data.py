"""The one interface of every data set: pictures, joints, which of them are known, and the metric's reference length."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gammaprob.errors import BroadcastError

from .skeleton import Skeleton

__all__ = ["PoseData"]


@dataclass(frozen=True)
class PoseData:
    """N square pictures of one person each, S pixels a side, with J joints.

    Coordinates are x, y in pixels of `images`, pixel centres at integers: the first pixel spans [-0.5, 0.5).

    >>> import tempfile
    >>> from experiments.data import load
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     data = load("generated", count=(2, 1), size=64, cache=folder)
    >>> len(data), data.images.shape, data.joints.shape, data.metric
    (3, (3, 64, 64, 3), (3, 14, 2), 'PCK@0.2')
    >>> {name: rows.tolist() for name, rows in data.groups.items()}
    {'everyday': [0, 1], 'sports': [2]}
    """

    name: str  # the data set, one of DATASETS
    skeleton: Skeleton
    images: np.ndarray  # (N, S, S, 3) uint8, RGB; a read-only memory map of the cache
    joints: np.ndarray  # (N, J, 2) float32, pixels; (0, 0) where not present
    present: np.ndarray  # (N, J) bool: position known and inside the picture; occluded joints are present
    reference: np.ndarray  # (N,) float32, pixels: torso (PCK) or head (PCKh); NaN where the person has none
    names: np.ndarray  # (N,) str: file name, or the generated figure's id
    groups: dict[str, np.ndarray]  # disjoint row numbers, int64: "everyday"/"sports", "lsp"/"lspet", "train"/"valid"
    metric: str  # "PCK@0.2" or "PCKh@0.5"
    fingerprint: str  # sha256 in hex of the labels, the names and what they were made from
    excluded: tuple[str, ...] = field(default=())  # names of images left out because no joint is present

    def __post_init__(self):
        images, joints = self.images.shape, len(self.skeleton.joints)
        wanted = {
            "images": (len(self), images[1], images[1], 3), "joints": (len(self), joints, 2),
            "present": (len(self), joints), "reference": (len(self),), "names": (len(self),),
        }
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise BroadcastError(
                    name, getattr(self, name).shape, str(shape), "one row a picture, one entry a joint",
                )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """The side of the square pictures, in pixels."""
        return self.images.shape[1]
