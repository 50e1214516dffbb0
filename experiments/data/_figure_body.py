"""What a generated figure is made of: body parts as hulls of circles between the skeleton's points, and their clothes.

A part is the convex hull of a few circles, each around a point of the skeleton; parts are painted from back to front,
so that eyes, hair and chest mark tell front from back by themselves, as in photographs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._figure_paint import Shape
from ._figure_pose import POINTS, ROWS, SIDES
from .skeleton import LSP


class Part(NamedTuple):
    """A part of the body: the outfit's role that colours it, and its circles (point, radius in body heights)."""

    role: str
    circles: tuple[tuple[str, float], ...]
    lift: float = 0.0  # added to the depth: clothes lie over what they cover


def _sided(side: str) -> tuple[Part, ...]:
    circles = {
        "shoe": (("heel", 0.022), ("ankle", 0.026), ("toe", 0.017)),
        "shank": (("knee", 0.038), ("calf", 0.040), ("ankle", 0.024)),
        "thigh": (("mid thigh", 0.047), ("knee", 0.038)),
        "shorts": (("hip", 0.060), ("mid thigh", 0.051)),
        "arm": (("mid arm", 0.030), ("elbow", 0.026)),
        "forearm": (("elbow", 0.026), ("wrist", 0.019)),
        "sleeve": (("shoulder", 0.038), ("mid arm", 0.033)),
        "hand": (("wrist", 0.018), ("hand", 0.017)),
    }
    lifts = {"shorts": 0.01, "sleeve": 0.01, "forearm": 0.005}
    return tuple(
        Part(role, tuple((f"{side} {point}", radius) for point, radius in places), lifts.get(role, 0.0))
        for role, places in circles.items())


PARTS = (
    *(part for side in SIDES for part in _sided(side)),
    Part("pelvis", (("left hip", 0.062), ("right hip", 0.062), ("left waist", 0.042), ("right waist", 0.042))),
    Part("shirt", (("left waist", 0.045), ("right waist", 0.045), ("left shoulder", 0.036), ("right shoulder", 0.036)),
         0.005),
    Part("neck", (("neck", 0.034), ("nape", 0.030)), -0.01),
    Part("face", (("cranium", 0.049), ("chin", 0.034))),
    Part("hair", (("crown", 0.060), ("nape", 0.046))),
    Part("tail", (("nape", 0.040), ("hair end", 0.028))),
    Part("mark", (("chest front", 0.022),), 0.01),
    Part("number", (("chest back", 0.034),), 0.01),
    Part("eye", (("left eye", 0.006),)), Part("eye", (("right eye", 0.006),)), Part("mouth", (("mouth", 0.007),)),
)
# The parts that show a joint where they cover it: those that end at it, and for the head's two joints what is around.
AROUND = {"neck": ("shirt", "neck", "face", "hair", "tail"), "head top": ("face", "hair")}
SHOWS = np.array([[joint in dict(part.circles) or part.role in AROUND.get(joint, ()) for joint in LSP.joints]
                  for part in PARTS])
# The same as arrays: the circles' rows of POINTS, their radii, and the lifts; a part with fewer circles repeats them.
_FOUR = [[part.circles[i % len(part.circles)] for i in range(4)] for part in PARTS]
_CIRCLES = np.array([[POINTS.index(name) for name, _ in four] for four in _FOUR])
_RADII = np.array([[radius for _, radius in four] for four in _FOUR])
_LIFTS = np.array([part.lift for part in PARTS])
# The trunk has two sides, and covers a joint that is this far (body heights) behind its middle.
TRUNK = np.array([part.role in ("pelvis", "shirt") for part in PARTS])
MIDDLE = [POINTS.index("waist"), POINTS.index("neck")]
HALF_DEPTH = 0.07

SKINS = ((0.90, 0.72, 0.61), (0.85, 0.64, 0.50), (0.78, 0.57, 0.42), (0.60, 0.41, 0.29), (0.38, 0.25, 0.18))
HAIRS = ((0.10, 0.08, 0.07), (0.25, 0.16, 0.10), (0.45, 0.30, 0.17), (0.80, 0.66, 0.40), (0.55, 0.53, 0.52))
EYES, MOUTH = np.array((0.16, 0.12, 0.10)), np.array((0.66, 0.32, 0.28))


def draw_outfit(rng: np.random.Generator, *, tight: float) -> dict[str, np.ndarray | None]:
    """The colour of each role, None where it is not worn; `tight` is the chance of a gymnast's suit with bare limbs."""
    skin, hair = np.array(SKINS[rng.integers(len(SKINS))]), np.array(HAIRS[rng.integers(len(HAIRS))])
    skin, hair = skin * rng.uniform(0.9, 1.06), hair * rng.uniform(0.8, 1.2)
    shirt, trousers, shoe, mark = (_cloth(rng) for _ in range(4))
    suit, legs, arms, tail, marked = rng.random(5)
    if suit < tight:
        trousers, legs = shirt, 1.0
        shoe = skin if rng.random() < 0.6 else shoe
    # Long, to the knee, or short; sleeves likewise.
    thigh, shank = trousers if legs < 0.75 else skin, trousers if legs < 0.45 else skin
    sleeve, arm = shirt if arms < 0.85 else skin, shirt if arms < 0.35 else skin
    return {
        "face": skin, "neck": skin, "hand": skin, "eye": EYES, "mouth": MOUTH,
        "hair": hair, "tail": hair if tail < 0.35 else None,
        "shirt": shirt, "sleeve": sleeve, "arm": arm, "forearm": arm, "pelvis": trousers, "shank": shank,
        "shorts": trousers if suit >= tight else skin, "thigh": thigh, "shoe": shoe,
        "mark": mark if marked < 0.4 else None, "number": mark if marked < 0.2 else None,
    }


def _cloth(rng: np.random.Generator) -> np.ndarray:
    """A colour of cloth: any hue, more often dull, dark or white than bright."""
    hue, dull = rng.uniform(size=3), rng.beta(1.8, 1.2)
    hue = (hue - hue.min()) / np.ptp(hue)
    return (hue * (1 - dull) + hue.mean() * dull) * rng.uniform(0.18, 1.0)


def body_shapes(points: np.ndarray, outfit: dict) -> list[Shape]:
    """The parts that the outfit has, from back to front.

    `points` (P, 4) are x, y, z, scale of POINTS: x and y in units of the picture's side, z towards the camera in body
    heights, and scale the units of the picture in a body height at that depth.
    """
    at = points[_CIRCLES]  # (parts, 4, 4)
    circles = np.concatenate((at[..., :2], (at[..., 3] * _RADII)[..., np.newaxis]), axis=-1)
    order = np.argsort(at[..., 2].mean(axis=1) + _LIFTS, kind="stable").tolist()
    colours = [outfit[part.role] for part in PARTS]
    return [Shape(circles[row], colours[row], row) for row in order if colours[row] is not None]


def covered(points: np.ndarray, front: np.ndarray) -> np.ndarray:
    """Whether each annotated joint (14,) is hidden, given the part in front of it (14,), -1 for what is no part."""
    behind = points[ROWS, 2] < points[MIDDLE, 2].mean() - HALF_DEPTH
    return (front < 0) | ~SHOWS[front, np.arange(len(front))] | (TRUNK[front] & behind)
