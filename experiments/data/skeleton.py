"""The joints of a person: their names in the order of the file, their left-right partners, the limbs between them.

Left and right are the person's own. `LSP` is the order of LSP and LSPET (14 joints), `MPII` that of MPII (16 joints).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gammaprob.errors import DomainError

__all__ = ["LSP", "MPII", "Skeleton"]


@dataclass(frozen=True)
class Skeleton:
    """Named joints and the limbs that connect them; everything else follows from the names.

    >>> LSP.joints[LSP.swap[0]], LSP.index("head top"), len(MPII.joints)
    ('left ankle', 13, 16)
    """

    joints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]  # pairs of indices into `joints`

    @cached_property
    def swap(self) -> tuple[int, ...]:
        """For each joint the index of its mirror image: what a horizontal flip must exchange."""
        sides = {"left": "right", "right": "left"}
        mirrored = (" ".join(sides.get(word, word) for word in joint.split()) for joint in self.joints)
        return tuple(self.joints.index(joint) for joint in mirrored)

    @cached_property
    def torso(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The torso's diagonals: (left shoulder, right hip), which is PCK's length, and (right shoulder, left hip)."""
        return (
            (self.index("left shoulder"), self.index("right hip")),
            (self.index("right shoulder"), self.index("left hip")),
        )

    @property
    def head_top(self) -> int:
        return self.index("head top")

    @property
    def neck(self) -> int:
        """The upper neck, where the head begins (MPII's thorax is another joint, between the shoulders)."""
        return self.index("neck")

    def index(self, joint: str) -> int:
        """The place of a joint; `DomainError` for a name that the skeleton has not.

        >>> MPII.index("pelvis")
        6
        """
        if joint not in self.joints:
            raise DomainError("joint", joint, "one of " + ", ".join(map(repr, self.joints)), "pass one of them")
        return self.joints.index(joint)


LSP = Skeleton(
    joints=(
        "right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle",
        "right wrist", "right elbow", "right shoulder", "left shoulder", "left elbow", "left wrist",
        "neck", "head top",
    ),
    limbs=((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (6, 7), (7, 8), (8, 12), (12, 9), (9, 10), (10, 11), (2, 8), (3, 9),
           (12, 13)),
)  # fmt: skip

MPII = Skeleton(
    joints=(
        "right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle",
        "pelvis", "thorax", "neck", "head top",
        "right wrist", "right elbow", "right shoulder", "left shoulder", "left elbow", "left wrist",
    ),
    limbs=((0, 1), (1, 2), (2, 6), (6, 3), (3, 4), (4, 5), (6, 7), (7, 8), (8, 9), (10, 11), (11, 12), (12, 7), (7, 13),
           (13, 14), (14, 15)),
)  # fmt: skip
