"""Poses of the generated figures: a kinematic skeleton, its joint limits, and the activities it is drawn from.

The person's own frame has x to the person's left, y up and z forward, in units of the body height; a joint angle turns
what hangs below it. The camera's frame has x right, y up and z towards the camera: with a heading of 0 the person faces
the camera, so that the person's left is on the right of the picture. Nothing about the picture is known here.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .skeleton import LSP

SIDES = {"left": 1.0, "right": -1.0}  # the sign of x, and of every angle that turns away from the body's middle

# Degrees from standing with the arms hanging. Wider than a clinic's tables where gymnasts are: the hip, the spine.
CENTRAL_LIMITS = {
    "spine flexion": (-75.0, 100.0), "spine side": (-40.0, 40.0), "spine twist": (-45.0, 45.0),
    "neck flexion": (-60.0, 55.0), "neck side": (-35.0, 35.0), "neck turn": (-70.0, 70.0),
}
SIDED_LIMITS = {
    "hip flexion": (-75.0, 135.0), "hip abduction": (-20.0, 90.0), "hip rotation": (-40.0, 50.0),
    "knee flexion": (0.0, 150.0), "ankle extension": (-25.0, 65.0), "shoulder flexion": (-60.0, 185.0),
    "shoulder abduction": (-35.0, 180.0), "shoulder rotation": (-80.0, 80.0), "elbow flexion": (0.0, 150.0),
}
LIMITS = CENTRAL_LIMITS | {f"{side} {name}": limit for name, limit in SIDED_LIMITS.items() for side in SIDES}

# Means of limb lengths, in body heights; a person's own differ by LENGTH_SPREAD (one standard deviation, relative).
LENGTHS = {
    "shank": 0.245, "thigh": 0.240, "hip": 0.058, "pelvis": 0.10, "chest": 0.20, "shoulder": 0.105, "head": 0.175,
    "upper arm": 0.165, "forearm": 0.145, "hand": 0.075, "foot": 0.105,
}
LENGTH_SPREAD = 0.05

# An activity gives angles that differ from REST, as (mean, standard deviation) in degrees. A sided angle without its
# side holds for both, drawn independently; a whole pose is mirrored half the time. "pitch" and "lean" turn the whole
# body, forwards and to its left; "heading" is where it faces (0: the camera) when the activity is seen from one side.
REST = {name: (0.0, 4.0) for name in CENTRAL_LIMITS} | {
    "hip flexion": (3, 5), "hip abduction": (5, 4), "hip rotation": (8, 8), "knee flexion": (5, 5),
    "ankle extension": (0, 6), "shoulder flexion": (4, 10), "shoulder abduction": (10, 6),
    "shoulder rotation": (0, 15), "elbow flexion": (15, 12), "neck turn": (0, 22), "pitch": (0, 3), "lean": (0, 3),
}
EVERYDAY = {
    "stand": {},
    "pause": {"left hip abduction": (14, 5), "left knee flexion": (16, 8), "spine side": (4, 5),
              "left shoulder flexion": (-8, 8), "left elbow flexion": (70, 25), "left shoulder abduction": (28, 8)},
    "walk": {"left hip flexion": (27, 7), "right hip flexion": (-16, 6), "left knee flexion": (12, 8),
             "right knee flexion": (28, 12), "left shoulder flexion": (-20, 10), "right shoulder flexion": (24, 10),
             "elbow flexion": (28, 15), "right ankle extension": (22, 8), "spine flexion": (5, 4)},
    "gesture": {"shoulder flexion": (30, 22), "shoulder abduction": (22, 18), "elbow flexion": (80, 30),
                "shoulder rotation": (0, 35)},
    "wave": {"left shoulder abduction": (125, 25), "left elbow flexion": (50, 35), "left shoulder rotation": (0, 40)},
    "point": {"left shoulder flexion": (85, 18), "left elbow flexion": (10, 10),
              "left shoulder abduction": (15, 25)},
    "hands on hips": {"shoulder abduction": (42, 6), "elbow flexion": (85, 8), "shoulder rotation": (-62, 8),
                      "shoulder flexion": (-18, 6)},
    "carry": {"shoulder flexion": (18, 8), "elbow flexion": (88, 14), "shoulder rotation": (-15, 12)},
    "step up": {"left hip flexion": (58, 14), "left knee flexion": (66, 16), "spine flexion": (10, 6)},
}
SPORTS = {
    "handstand": {"lean": (180, 12), "shoulder flexion": (174, 8), "shoulder abduction": (8, 5),
                  "elbow flexion": (6, 6), "hip flexion": (0, 25), "hip abduction": (10, 14), "knee flexion": (12, 18),
                  "ankle extension": (40, 14), "neck flexion": (-25, 15), "spine flexion": (-10, 12)},
    "cartwheel": {"lean": (140, 45), "shoulder abduction": (150, 15), "elbow flexion": (6, 6),
                  "hip abduction": (55, 16), "hip flexion": (5, 12), "knee flexion": (8, 10),
                  "ankle extension": (35, 14), "neck turn": (0, 30)},
    "bridge": {"pitch": (-105, 14), "spine flexion": (-62, 10), "hip flexion": (-38, 12), "knee flexion": (75, 15),
               "shoulder flexion": (172, 10), "elbow flexion": (10, 10), "neck flexion": (-40, 12),
               "heading": (90, 25)},
    "somersault": {"pitch": (170, 75), "spine flexion": (55, 18), "hip flexion": (112, 14),
                   "knee flexion": (118, 20), "shoulder flexion": (75, 25), "elbow flexion": (65, 25),
                   "neck flexion": (25, 15), "heading": (90, 30)},
    "pike": {"pitch": (25, 30), "spine flexion": (60, 18), "hip flexion": (85, 20), "knee flexion": (8, 8),
             "shoulder flexion": (105, 25), "elbow flexion": (12, 12), "ankle extension": (40, 14),
             "heading": (90, 35)},
    "split": {"left hip flexion": (82, 10), "right hip flexion": (-60, 10), "knee flexion": (6, 6),
              "shoulder abduction": (95, 35), "elbow flexion": (12, 12), "ankle extension": (45, 12),
              "spine flexion": (5, 18), "heading": (80, 30), "pitch": (0, 18)},
    "straddle": {"hip abduction": (72, 12), "hip flexion": (35, 25), "knee flexion": (6, 6),
                 "shoulder abduction": (85, 40), "shoulder flexion": (30, 30), "ankle extension": (45, 12)},
    "crouch": {"pitch": (25, 12), "hip flexion": (100, 15), "hip abduction": (22, 10), "knee flexion": (115, 18),
               "spine flexion": (32, 14), "shoulder flexion": (55, 25), "elbow flexion": (35, 25),
               "ankle extension": (-15, 8)},
    "jump": {"hip flexion": (35, 35), "hip abduction": (22, 16), "knee flexion": (60, 38),
             "shoulder abduction": (115, 40), "elbow flexion": (30, 25), "ankle extension": (35, 15),
             "spine flexion": (-5, 16), "lean": (0, 16)},
    "run": {"pitch": (12, 6), "left hip flexion": (75, 15), "right hip flexion": (-20, 8),
            "left knee flexion": (80, 20), "right knee flexion": (30, 22), "left shoulder flexion": (-38, 12),
            "right shoulder flexion": (45, 15), "elbow flexion": (88, 15), "right ankle extension": (35, 12),
            "spine flexion": (10, 8), "heading": (60, 40)},
    "kick": {"left hip flexion": (112, 16), "left knee flexion": (10, 12), "right knee flexion": (12, 10),
             "left hip abduction": (20, 18), "spine flexion": (-8, 12), "shoulder abduction": (50, 30),
             "elbow flexion": (45, 30), "lean": (-12, 12), "heading": (60, 45)},
    "dive": {"pitch": (95, 28), "shoulder flexion": (165, 18), "elbow flexion": (8, 8), "hip flexion": (8, 18),
             "knee flexion": (14, 16), "ankle extension": (45, 12), "spine flexion": (-5, 14),
             "neck flexion": (-15, 14), "heading": (90, 30)},
    "arabesque": {"pitch": (60, 22), "spine flexion": (-18, 14), "left hip flexion": (-32, 10),
                  "right hip flexion": (68, 18), "knee flexion": (6, 6), "shoulder abduction": (95, 25),
                  "ankle extension": (40, 12), "heading": (85, 25), "neck flexion": (-25, 12)},
}


class Camera(NamedTuple):
    """Where the person faces and how the camera is held, in degrees, and its distance in body heights."""

    heading: float
    elevation: float
    roll: float
    distance: float


class Pose(NamedTuple):
    """One drawn pose: its activity, the angles of LIMITS, the turn of the whole body, and the limbs' lengths."""

    activity: str
    angles: dict[str, float]
    pitch: float
    lean: float
    lengths: dict[str, float]


def draw_pose(activities: dict[str, dict], rng: np.random.Generator) -> tuple[Pose, float]:
    """A pose of one of the activities, and the heading that the activity asks for or that photographs have."""
    activity = list(activities)[rng.integers(len(activities))]
    wanted = REST | activities[activity]
    lead, other = ("left", "right") if rng.random() < 0.5 else ("right", "left")
    sign = SIDES[lead]

    def normal(mean: float, deviation: float) -> float:
        return mean + deviation * rng.standard_normal()

    angles = {}
    for name, limits in CENTRAL_LIMITS.items():
        mirrored = 1.0 if name.endswith("flexion") else sign
        angles[name] = mirrored * _clipped(normal(*wanted[name]), limits)
    for name, limits in SIDED_LIMITS.items():
        for side, written in ((lead, "left"), (other, "right")):
            angles[f"{side} {name}"] = _clipped(normal(*wanted.get(f"{written} {name}", wanted[name])), limits)
    pitch, lean = normal(*wanted["pitch"]), sign * normal(*wanted["lean"])
    lengths = {name: mean * (1 + LENGTH_SPREAD * _clipped(rng.standard_normal(), (-2.0, 2.0)))
               for name, mean in LENGTHS.items()}
    if "heading" in wanted:
        heading = sign * normal(*wanted["heading"])
    else:
        # Photographers take people from the front: of LSP's 2000, two thirds have the left shoulder on the right.
        heading = rng.choice((0.0, 180.0, 90.0, -90.0), p=(0.6, 0.18, 0.11, 0.11)) + 25.0 * rng.standard_normal()
    return Pose(activity, angles, pitch, lean, lengths), heading


def skeleton_points(pose: Pose, camera: Camera) -> np.ndarray:
    """The POINTS of the body in the camera's frame, (P, 3), in body heights from the pelvis."""
    return np.array(list(_named_points(pose, camera).values()))


def _named_points(pose: Pose, camera: Camera) -> dict[str, np.ndarray]:
    angles, length = pose.angles, pose.lengths
    pelvis = (_turn("z", camera.roll) @ _turn("x", camera.elevation) @ _turn("y", camera.heading)
              @ _turn("x", pose.pitch) @ _turn("z", -pose.lean))
    # The spine bends at two places by half of its angles each.
    half = (_turn("x", angles["spine flexion"] / 2) @ _turn("z", -angles["spine side"] / 2)
            @ _turn("y", angles["spine twist"] / 2))
    waist_turn = pelvis @ half
    chest = waist_turn @ half
    head = chest @ (_turn("x", angles["neck flexion"]) @ _turn("z", -angles["neck side"])
                    @ _turn("y", angles["neck turn"]))
    points = {"pelvis": np.zeros(3), "waist": waist_turn @ (0.0, length["pelvis"], 0.0)}
    points["neck"] = points["waist"] + chest @ (0.0, length["chest"], 0.0)
    points["chest front"] = points["neck"] + chest @ (0.0, -0.09, 0.075)
    points["chest back"] = points["neck"] + chest @ (0.0, -0.09, -0.075)
    points |= _head_points(points["neck"], head, length["head"])
    for side, sign in SIDES.items():
        angle = {name: angles[f"{side} {name}"] for name in SIDED_LIMITS}
        points[f"{side} waist"] = points["waist"] + waist_turn @ (0.7 * sign * length["hip"], 0.0, 0.0)
        points |= _leg_points(side, pelvis @ (sign * length["hip"], 0.0, 0.0), pelvis, angle, sign, length)
        shoulder = points["neck"] + chest @ (sign * length["shoulder"], -0.02, 0.0)
        points |= _arm_points(side, shoulder, chest, angle, sign, length)
    return points


def _head_points(neck: np.ndarray, head: np.ndarray, length: float) -> dict[str, np.ndarray]:
    offsets = {
        "head top": (0.0, length, 0.0), "cranium": (0.0, length - 0.068, 0.012), "chin": (0.0, length - 0.108, 0.026),
        "crown": (0.0, length - 0.050, -0.010), "nape": (0.0, length - 0.085, -0.035),
        "hair end": (0.0, length - 0.17, -0.05), "left eye": (0.019, length - 0.072, 0.058),
        "right eye": (-0.019, length - 0.072, 0.058), "mouth": (0.0, length - 0.115, 0.058),
    }
    return {name: neck + head @ offset for name, offset in offsets.items()}


def _leg_points(side, hip, pelvis, angle, sign, length) -> dict[str, np.ndarray]:
    thigh = pelvis @ _limb_turn(angle["hip flexion"], sign * angle["hip abduction"], sign * angle["hip rotation"])
    shank = thigh @ _turn("x", angle["knee flexion"])
    foot = shank @ _turn("x", angle["ankle extension"])
    knee = hip + thigh @ (0.0, -length["thigh"], 0.0)
    ankle = knee + shank @ (0.0, -length["shank"], 0.0)
    return {
        f"{side} hip": hip, f"{side} mid thigh": (hip + knee) / 2, f"{side} knee": knee,
        f"{side} calf": knee + shank @ (0.0, -0.3 * length["shank"], -0.008), f"{side} ankle": ankle,
        f"{side} heel": ankle + foot @ (0.0, -0.02, -0.015),
        f"{side} toe": ankle + foot @ (0.0, -0.028, length["foot"]),
    }


def _arm_points(side, shoulder, chest, angle, sign, length) -> dict[str, np.ndarray]:
    upper = chest @ _limb_turn(
        angle["shoulder flexion"], sign * angle["shoulder abduction"], sign * angle["shoulder rotation"])
    fore = upper @ _turn("x", -angle["elbow flexion"])
    elbow = shoulder + upper @ (0.0, -length["upper arm"], 0.0)
    wrist = elbow + fore @ (0.0, -length["forearm"], 0.0)
    return {
        f"{side} shoulder": shoulder, f"{side} mid arm": (shoulder + elbow) / 2, f"{side} elbow": elbow,
        f"{side} wrist": wrist, f"{side} hand": wrist + fore @ (0.0, -length["hand"], 0.0),
    }


def _limb_turn(flexion: float, abduction: float, rotation: float) -> np.ndarray:
    """A limb that hangs down, turned about itself, then away from the body's middle, then forwards."""
    return _turn("x", -flexion) @ _turn("z", abduction) @ _turn("y", rotation)


def _turn(axis: str, degrees: float) -> np.ndarray:
    """The right-handed rotation about a coordinate axis."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rows = {
        "x": ((1.0, 0.0, 0.0), (0.0, c, -s), (0.0, s, c)),
        "y": ((c, 0.0, s), (0.0, 1.0, 0.0), (-s, 0.0, c)),
        "z": ((c, -s, 0.0), (s, c, 0.0), (0.0, 0.0, 1.0)),
    }
    return np.array(rows[axis])


def _clipped(value: float, limits: tuple[float, float]) -> float:
    return min(max(value, limits[0]), limits[1])


STANDING = Pose("stand", dict.fromkeys(LIMITS, 0.0), 0.0, 0.0, LENGTHS)
POINTS = tuple(_named_points(STANDING, Camera(0.0, 0.0, 0.0, 5.0)))  # the names of the skeleton's points
ROWS = np.array([POINTS.index(joint) for joint in LSP.joints])  # where the annotated joints are among them
