"""The generated figures: what determines a picture, the skeleton's laws, the two domains, and what is annotated."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

from experiments.data import LSP, generated
from experiments.data._figure_body import PARTS, body_shapes, covered, draw_outfit
from experiments.data._figure_paint import DIRECTIONS, MOST_SHAPES, hulls, paint
from experiments.data._figure_pose import (
    CENTRAL_LIMITS, EVERYDAY, LENGTHS, LIMITS, POINTS, REST, ROWS, SIDED_LIMITS, SPORTS, STANDING, Camera, draw_pose,
    skeleton_points,
)
from experiments.data._figure_scene import draw_clutter, draw_occluders
from experiments.data.generated import DOMAINS, draw, generate
from gammaprob.errors import ArgumentError, DomainError

ROOT = Path(__file__).parents[1]
COUNTS = {"everyday": 60, "sports": 90}
# Points are a few products of rotations and sums of offsets below 2: some twenty roundings of that size.
ROUNDING = 20 * 2 * np.finfo(float).eps
FRONT, BACK = Camera(0.0, 0.0, 0.0, 5.0), Camera(180.0, 0.0, 0.0, 5.0)
FROM_LEFT, FROM_RIGHT = Camera(-90.0, 0.0, 0.0, 5.0), Camera(90.0, 0.0, 0.0, 5.0)  # the person's left, right is near


@cache
def figures() -> generated.Figures:
    return generate(COUNTS, size=64, seed=3)


@cache
def poses(domain: str, count: int = 400) -> tuple:
    return tuple(draw_pose(DOMAINS[domain].activities, np.random.default_rng((5, i)))[0] for i in range(count))


def point(points: np.ndarray, name: str) -> np.ndarray:
    return points[POINTS.index(name)]


def standing(**angles: float) -> np.ndarray:
    """The points of a person who stands before the camera, some angles changed."""
    changed = {name.replace("_", " "): value for name, value in angles.items()}
    assert changed.keys() <= LIMITS.keys()
    return skeleton_points(STANDING._replace(angles=STANDING.angles | changed), FRONT)


def in_picture(camera: Camera) -> np.ndarray:
    """A person who stands, arms a little away from the body, as `body_shapes` takes it, in the picture's middle."""
    arms = {"left shoulder abduction": 15.0, "right shoulder abduction": 15.0}
    x, y, z = skeleton_points(STANDING._replace(angles=STANDING.angles | arms), camera).T
    return np.column_stack((0.5 + 0.5 * x, 0.5 - 0.5 * y, z, np.full(len(z), 0.5)))


# --- what determines a picture --------------------------------------------------------------------------------------

def test_a_picture_depends_on_seed_domain_and_index_alone():
    """In another order, alone, after other numbers were drawn: the same."""
    all_of_them, row = figures(), len(figures().domain) - 1
    for index in reversed(range(COUNTS["sports"] - 5, COUNTS["sports"])):
        np.random.default_rng().standard_normal(3)
        figure = draw("sports", index, size=64, seed=3)
        for whole, single in zip(all_of_them, figure):
            assert np.array_equal(whole[row], single)
        row -= 1


def test_another_process_draws_the_same():
    indices = [4, 0, 2]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        elsewhere = list(pool.map(partial(draw, "everyday", size=64, seed=3), indices))
    for index, figure in zip(indices, elsewhere):
        assert all(np.array_equal(whole[index], single) for whole, single in zip(figures(), figure))


def test_seed_domain_and_index_each_change_the_picture():
    """Negative control of the two tests above."""
    first = draw("everyday", 0, size=32, seed=0)
    others = [draw("everyday", 0, size=32, seed=1), draw("sports", 0, size=32), draw("everyday", 1, size=32)]
    assert not any(np.array_equal(first.image, other.image) for other in others)
    assert not any(np.array_equal(first.joints, other.joints) for other in others)


def test_the_size_changes_the_resolution_alone():
    small, large = (draw("sports", 7, size=size) for size in (64, 128))
    assert np.array_equal(small.present, large.present)
    # A pixel's outer edge stays where it is, hence the halves. float32 rounds coordinates below 128 by up to 2^-18;
    # there are two of them, one doubled.
    doubled = 2 * (small.joints + 0.5) - 0.5
    assert np.abs(doubled - large.joints)[small.present].max() <= 2**-16


def test_shapes_and_types():
    found = figures()
    total = sum(COUNTS.values())
    assert [(array.shape, array.dtype) for array in found[:4]] == [
        ((total, 64, 64, 3), np.uint8), ((total, 14, 2), np.float32), ((total, 14), bool), ((total, 14), bool)]
    assert found.domain.tolist() == [domain for domain, count in COUNTS.items() for _ in range(count)]
    assert generate({}).images.shape == (0, 128, 128, 3)


# --- the skeleton ---------------------------------------------------------------------------------------------------

def test_activities_name_angles_that_exist():
    turns = {"pitch", "lean", "heading"}
    for activity in (REST, *EVERYDAY.values(), *SPORTS.values()):
        for name, (mean, deviation) in activity.items():
            assert name in LIMITS or name in SIDED_LIMITS or name in turns
            low, high = LIMITS.get(name) or SIDED_LIMITS.get(name) or (-180, 180)
            assert low <= mean <= high and deviation > 0
    assert REST.keys() == CENTRAL_LIMITS.keys() | SIDED_LIMITS.keys() | turns - {"heading"}


@pytest.mark.parametrize("domain", DOMAINS)
def test_joint_limits_hold(domain):
    reached = set()
    for pose in poses(domain):
        assert pose.angles.keys() == LIMITS.keys()
        assert all(low <= pose.angles[name] <= high for name, (low, high) in LIMITS.items())
        reached |= {name for name, limits in LIMITS.items() if pose.angles[name] in limits}
    assert "left knee flexion" in reached  # the limits bind: without them the straight knee would bend forwards


@pytest.mark.parametrize("domain", DOMAINS)
def test_limbs_keep_their_lengths_and_knees_and_elbows_their_angles(domain):
    camera = Camera(40.0, 5.0, 12.0, 5.0)
    for pose in poses(domain, 100):
        points = skeleton_points(pose, camera)
        for side in ("left", "right"):
            for limb, start, end in (("thigh", "hip", "knee"), ("shank", "knee", "ankle"),
                                     ("upper arm", "shoulder", "elbow"), ("forearm", "elbow", "wrist")):
                length = np.linalg.norm(point(points, f"{side} {start}") - point(points, f"{side} {end}"))
                assert abs(length - pose.lengths[limb]) <= ROUNDING
            for joint, before, after in (("knee", "hip", "ankle"), ("elbow", "shoulder", "wrist")):
                middle = point(points, f"{side} {joint}")
                upper, lower = middle - point(points, f"{side} {before}"), point(points, f"{side} {after}") - middle
                cosine = upper @ lower / np.linalg.norm(upper) / np.linalg.norm(lower)
                # Relative to limbs of at least a tenth of the height.
                assert abs(cosine - np.cos(np.radians(pose.angles[f"{side} {joint} flexion"]))) <= 10 * 2 * ROUNDING
        head = np.linalg.norm(point(points, "head top") - point(points, "neck"))
        assert abs(head - pose.lengths["head"]) <= ROUNDING
    assert poses(domain)[0].lengths.keys() == LENGTHS.keys()
    assert len({pose.lengths["thigh"] for pose in poses(domain)}) > 300  # people differ


def test_angles_turn_the_way_their_names_say():
    """x to the person's left, y up, z forwards."""
    rest = standing()
    assert point(standing(left_hip_flexion=60), "left knee")[2] > 0.1
    assert point(standing(left_hip_abduction=40), "left knee")[0] > point(rest, "left knee")[0] + 0.1
    assert point(standing(right_hip_abduction=40), "right knee")[0] < point(rest, "right knee")[0] - 0.1
    assert point(standing(left_knee_flexion=90), "left ankle")[2] < -0.1
    assert point(standing(right_elbow_flexion=90), "right wrist")[2] > 0.1
    assert point(standing(right_shoulder_flexion=180), "right wrist")[1] > point(rest, "head top")[1]
    assert point(standing(spine_flexion=90), "neck")[2] > 0.15 and point(standing(neck_flexion=50), "head top")[2] > 0.1
    turned = skeleton_points(STANDING._replace(lean=180.0), FRONT)
    assert point(turned, "head top")[1] < point(turned, "left hip")[1] < point(turned, "left ankle")[1]


def test_a_mirrored_pose_gives_the_mirrored_figure():
    """Left and right swapped, and the turns that have a side reversed: x changes sign, and the sides their places."""
    swap = list(LSP.swap)
    for pose, camera in zip(poses("sports", 50), (Camera(30.0 + i, 6.0, -10.0, 5.0) for i in range(50))):
        angles = {}
        for name, value in pose.angles.items():
            side, _, rest = name.partition(" ")
            if name in CENTRAL_LIMITS:
                angles[name] = value if name.endswith("flexion") else -value
            else:
                angles[f"{'left' if side == 'right' else 'right'} {rest}"] = value
        mirrored = skeleton_points(
            pose._replace(angles=angles, lean=-pose.lean), camera._replace(heading=-camera.heading, roll=-camera.roll))
        expected = skeleton_points(pose, camera)[ROWS][swap] * (-1, 1, 1)
        assert np.allclose(mirrored[ROWS], expected, rtol=0, atol=ROUNDING)
        unswapped = skeleton_points(pose, camera)[ROWS] * (-1, 1, 1)
        assert not np.allclose(mirrored[ROWS], unswapped, rtol=0, atol=ROUNDING)  # negative control


# --- the domains ----------------------------------------------------------------------------------------------------

def lean_of(joints: np.ndarray) -> np.ndarray:
    """Angle in degrees between the picture's upright and the line from between the hips to the head top."""
    hips = (joints[:, LSP.index("left hip")] + joints[:, LSP.index("right hip")]) / 2
    x, y = (joints[:, LSP.head_top] - hips).T
    return np.degrees(np.abs(np.arctan2(x, -y)))


def test_everyday_is_upright_and_sports_is_often_inverted():
    found = figures()
    whole = found.present[:, [LSP.index("left hip"), LSP.index("right hip"), LSP.head_top]].all(axis=1)
    lean = {domain: lean_of(found.joints[whole & (found.domain == domain)]) for domain in DOMAINS}
    assert len(lean["everyday"]) > 50 and len(lean["sports"]) > 70
    assert (lean["everyday"] < 45).all()
    assert np.mean(lean["sports"] > 90) > 0.2 and np.mean(lean["sports"] < 45) > 0.2


# Data that may not lie in the repository: the folder named here, else `data` in the checkout (ignored by git), else
# shared/data beside it.
FOLDERS = [Path(os.environ["GAMMAPROB_DATA"])] if "GAMMAPROB_DATA" in os.environ else [
    ROOT / "data", ROOT.parent / "shared" / "data",
]
DATA = next((folder for folder in FOLDERS
             if all((folder / name / "joints.mat").is_file() for name in ("lsp", "lspet"))), None)


@pytest.mark.skipif(DATA is None, reason="no lsp/joints.mat and lspet/joints.mat; the test above needs none")
def test_the_shift_is_like_that_from_lsp_to_lspet():
    """In which of three classes (upright, tilted, inverted) the persons are: generated sports beside LSPET."""
    def classes(joints: np.ndarray) -> np.ndarray:
        lean = lean_of(joints)
        return np.array([np.mean(lean < 30), np.mean((lean >= 30) & (lean <= 90)), np.mean(lean > 90)])

    lsp = classes(loadmat(DATA / "lsp" / "joints.mat")["joints"].transpose(2, 1, 0)[..., :2])
    lspet = loadmat(DATA / "lspet" / "joints.mat")["joints"].transpose(2, 0, 1)
    known = lspet[:, [LSP.index("left hip"), LSP.index("right hip"), LSP.head_top], 2].all(axis=1)
    lspet = classes(lspet[known, :, :2])
    drawn = {
        domain: classes(np.array([
            generated._photographed(settings, np.random.default_rng((9, i)))[0][ROWS, :2] for i in range(1000)]))
        for domain, settings in DOMAINS.items()
    }
    assert lsp[0] > 0.8 and drawn["everyday"][0] > 0.8
    # Nearer to LSPET than LSP is, in each of the classes.
    assert (np.abs(drawn["sports"] - lspet) < np.abs(lsp - lspet)).all()
    assert not (np.abs(drawn["everyday"] - lspet) < np.abs(lsp - lspet)).all()  # negative control


def test_every_activity_is_drawn_and_seen_from_all_sides():
    for domain, settings in DOMAINS.items():
        assert {pose.activity for pose in poses(domain)} == settings.activities.keys()
    headings = np.array([draw_pose(EVERYDAY, np.random.default_rng((6, i)))[1] for i in range(300)])
    facing = np.cos(np.radians(headings))
    assert min(np.mean(facing > 0.7), np.mean(facing < -0.7), np.mean(np.abs(facing) < 0.7)) > 0.1


# --- the annotation -------------------------------------------------------------------------------------------------

def photograph_reaches(image: np.ndarray, joint: np.ndarray) -> bool:
    """Whether some pixel near the joint is not the black of the padding."""
    column, row = np.rint(joint).astype(int)
    return bool(image[max(row - 1, 0):row + 2, max(column - 1, 0):column + 2].any())


def test_present_is_inside_the_photograph():
    found = figures()
    for image, joints, present in zip(found.images, found.joints, found.present):
        assert all(photograph_reaches(image, joint) for joint in joints[present])
        assert (joints[present] >= -0.5).all() and (joints[present] < 63.5).all() and (joints[~present] == 0).all()
    assert not (found.occluded & ~found.present).any()


@pytest.mark.parametrize("cut", [0.0, 1.0])
def test_a_cut_photograph_loses_the_joints_beyond_its_border(cut):
    for i in range(100):
        rng = np.random.default_rng((7, i))
        settings = DOMAINS["sports"]._replace(cut=cut)
        points, _ = generated._photographed(settings, rng)
        frame, placed = generated._cropped(points, settings, rng)
        joints = placed[ROWS, :2]
        inside = (joints >= frame[:2]).all(axis=1) & (joints < frame[2:]).all(axis=1)
        assert 1 <= np.sum(~inside) <= generated.MOST_CUT if cut else inside.all()
        # The crop is that of the real data: around the box of the joints that are left.
        longer = np.ptp(joints[inside], axis=0).max()
        assert 0.9 < 1 / (generated.MARGIN * longer) < 1.1
        assert (np.abs((joints[inside].min(axis=0) + joints[inside].max(axis=0)) / 2 - 0.5) <= 0.03 + ROUNDING).all()


def test_present_agrees_with_the_frame(monkeypatch):
    """Where every photograph cuts the person, every picture lacks joints; where none does, none."""
    for cut in (0.0, 1.0):
        monkeypatch.setitem(DOMAINS, "sports", DOMAINS["sports"]._replace(cut=cut))
        present = generate({"sports": 15}, size=16).present
        assert present.all() if cut == 0 else (~present).any(axis=1).all()


def test_left_is_on_the_right_of_who_faces_the_camera():
    for camera, sign in ((FRONT, 1), (BACK, -1)):
        points = skeleton_points(STANDING, camera)
        for joint in ("ankle", "knee", "hip", "wrist", "elbow", "shoulder"):
            assert sign * (point(points, f"left {joint}")[0] - point(points, f"right {joint}")[0]) > 0.05


def painted_parts(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Which part is in front at each pixel of a plain picture of a standing person, and in front of each joint."""
    outfit = draw_outfit(np.random.default_rng(0), tight=0.0)
    points = in_picture(camera)
    front = paint(np.zeros((3, 256, 256), np.float32), body_shapes(points, outfit), np.array((0.0, -1.0))).front
    column, row = np.rint(points[ROWS, :2] * 256 - 0.5).astype(int).T
    return front, front[row, column]


def test_the_face_tells_front_from_back():
    roles = np.array([part.role for part in PARTS])
    shown = {camera: set(roles[np.unique(painted_parts(camera)[0])[1:]]) for camera in (FRONT, BACK)}
    assert {"face", "eye", "mouth"} <= shown[FRONT] and not {"face", "eye", "mouth"} & shown[BACK]
    assert "hair" in shown[FRONT] & shown[BACK]


def test_the_far_side_is_occluded():
    """From the front nothing of a standing person is hidden; from a side, the other side is, and not the near one."""
    assert not covered(in_picture(FRONT), painted_parts(FRONT)[1]).any()
    for camera, near, far in ((FROM_LEFT, "left", "right"), (FROM_RIGHT, "right", "left")):
        points = in_picture(camera)
        assert point(points, f"{near} hip")[2] > point(points, f"{far} hip")[2]
        hidden = dict(zip(LSP.joints, covered(points, painted_parts(camera)[1])))
        assert all(hidden[f"{far} {joint}"] for joint in ("shoulder", "elbow", "knee"))
        assert not any(hidden[f"{near} {joint}"] for joint in ("shoulder", "elbow", "wrist", "knee", "ankle"))


def test_a_thing_in_front_occludes():
    assert covered(in_picture(FRONT), np.full(14, -1)).all()


def test_the_trunk_shows_its_near_side_alone():
    """The shirt ends at both shoulders; seen from a side it covers the far one."""
    shirt = np.full(14, [part.role for part in PARTS].index("shirt"))
    near, far = LSP.index("left shoulder"), LSP.index("right shoulder")
    assert covered(in_picture(FROM_LEFT), shirt)[[near, far]].tolist() == [False, True]
    assert covered(in_picture(FRONT), shirt)[[near, far]].tolist() == [False, False]


# --- the pictures ---------------------------------------------------------------------------------------------------

def test_pictures_differ_in_colour_contrast_and_difficulty():
    found = figures()
    for domain in DOMAINS:
        images = found.images[found.domain == domain].astype(float)
        means = np.array([image[image.any(axis=2)].mean(axis=0) for image in images])
        assert (means.std(axis=0) > 10).all()  # levels of 255
        steps = np.array([np.abs(np.diff(image, axis=0)).mean() for image in images])
        easy, hard = np.quantile(steps, (0.1, 0.9))
        assert hard > 2 * easy
        hidden = found.occluded[found.domain == domain].sum(axis=1)
        assert hidden.min() <= 1 and hidden.max() >= 4
    shirts = np.array([draw_outfit(np.random.default_rng(i), tight=0.0)["shirt"] for i in range(200)])
    assert (shirts.std(axis=0) > 0.15).all() and shirts.min() >= 0 and shirts.max() <= 1


def test_a_hull_is_that_of_its_circles():
    """In each direction as far as the farthest circle, and no corner farther than that in any direction."""
    circles = np.random.default_rng(8).uniform(0.1, 1.0, (30, 4, 3))
    turn = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    directions = np.stack((np.cos(turn), np.sin(turn)))
    reach = (circles[..., :2] @ directions + circles[..., 2:]).max(axis=1)  # (N, DIRECTIONS)
    corners = hulls(circles) @ directions  # (N, corner, direction)
    assert np.allclose(corners.max(axis=1), reach, rtol=0, atol=ROUNDING)
    assert not np.allclose(hulls(circles[:, :1]) @ directions, corners)  # negative control: one circle of the four


def test_the_most_crowded_scene_fits_the_palette():
    """Seven things of two shapes at most behind, seven before, a bystander and the figure."""
    streams = [np.random.default_rng(i) for i in range(40)]
    behind = max(len(draw_clutter(rng, count=1, horizon=0.5)) for rng in streams)
    before = max(len(draw_occluders(rng, count=1, low=np.zeros(2), high=np.ones(2))) for rng in streams)
    assert generated.MOST_THINGS * (behind + before) + 2 * len(PARTS) <= MOST_SHAPES


# --- bad input ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("call", "error", "parameter"), [
    (lambda: draw("office", 0), DomainError, "domain"),
    (lambda: draw(["sports"], 0), DomainError, "domain"),
    (lambda: draw("sports", -1), DomainError, "index"),
    (lambda: draw("sports", 1.5), ArgumentError, "index"),
    (lambda: draw("sports", 0, size=8), DomainError, "size"),
    (lambda: draw("sports", 0, seed=-1), DomainError, "seed"),
    (lambda: generate({"sports": True}), ArgumentError, "counts['sports']"),
    (lambda: generate({"office": 1}), DomainError, "domain"),
    (lambda: generate(5), ArgumentError, "counts"),
])
def test_bad_input_is_named(call, error, parameter):
    with pytest.raises(error) as raised:
        call()
    assert raised.value.parameter == parameter and "; pass " in str(raised.value)
