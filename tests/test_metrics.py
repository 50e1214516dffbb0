"""PCK, PCKh, AUC and the paired tests: against loops written from their definitions, and against published digits."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from experiments.data.skeleton import LSP, MPII
from experiments.metrics import (
    OPTIONS, PCK, Swaps, auc, columns, paired_comparison, pck, pckh, per_image_hits, swaps, table, torso_length,
)
from gammaprob.errors import ArgumentError, BroadcastError, DomainError, GammaProbError

ROOT = Path(__file__).parents[1]
# Data that may not lie in the repository: the folder named here, else `data` in the checkout (ignored by git), else
# shared/data beside it.
FOLDERS = [Path(os.environ["GAMMAPROB_DATA"])] if "GAMMAPROB_DATA" in os.environ else [
    ROOT / "data", ROOT.parent / "shared" / "data",
]
FILES = ("mpii/valid.h5", "mpii/newell.h5", "mpii/bearpaw-hg_s2_b1.mat", "lspet/joints.mat")
DATA = next((folder for folder in FOLDERS if all((folder / name).exists() for name in FILES)), None)
needs_data = pytest.mark.skipif(DATA is None, reason="no MPII predictions and LSPET annotation; see GAMMAPROB_DATA")

EPS = np.finfo(np.float64).eps
UNSCORED = {6, 7}  # pelvis and thorax


def poses(seed: int = 0, images: int = 40, joints: int = 16):
    """Predictions with errors around half a head, ground truth, presence, head sizes; some of each missing."""
    rng = np.random.default_rng(seed)
    head = rng.uniform(10, 60, images)
    truth = rng.uniform(0, 400, (images, joints, 2)).round()
    predicted = (truth + rng.normal(0, 0.4, truth.shape) * head[:, None, None]).round()
    present = rng.random((images, joints)) < 0.8
    head[rng.random(images) < 0.2] = np.nan
    truth[~present] = rng.choice([0.0, np.nan, np.inf, 1e6], truth[~present].shape)  # anything, as in real files
    return predicted, truth, present, head


def by_loops(predicted, truth, present, reference, threshold, strict=False, left_out=()):
    """Hits and counts of each image and joint, from the definition, one joint at a time."""
    hits, counted = np.zeros(present.shape, int), np.zeros(present.shape, int)
    for n, j in np.argwhere(present):
        if j not in left_out and not math.isnan(reference[n]):
            error = math.dist(predicted[n, j], truth[n, j]) / reference[n]
            counted[n, j] = 1
            hits[n, j] = error < threshold if strict else error <= threshold
    return hits, counted


# --- against the definition -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("metric", OPTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_pck_is_its_definition(metric, seed):
    case = poses(seed)
    hits, counted = by_loops(*case, **OPTIONS[metric])
    found = pck(*case, **OPTIONS[metric])
    scored = [joint for joint in range(16) if joint not in found.left_out]
    assert 0 < hits.sum() < counted.sum() < hits.size
    assert found.hits[scored].tolist() == hits.sum(0)[scored].tolist()
    assert found.counted[scored].tolist() == counted.sum(0)[scored].tolist()
    assert found.total == hits.sum() / counted.sum()
    each = [hits[:, joint].sum() / counted[:, joint].sum() for joint in scored]
    assert found.mean == pytest.approx(sum(each) / len(each), rel=16 * EPS, abs=0)  # one order of adding or another
    image_hits, image_counted = per_image_hits(*case, **OPTIONS[metric])
    assert image_hits.tolist() == hits.sum(1).tolist() and image_counted.tolist() == counted.sum(1).tolist()


def test_mean_and_total_differ():
    """Negative control: the two averages are two numbers, and left-out joints change both."""
    case = poses()
    official, all_joints = pck(*case, **OPTIONS["PCKh@0.5"]), pck(*case, threshold=0.5, strict=True)
    assert len({official.mean, official.total, all_joints.mean, all_joints.total}) == 4


@pytest.mark.parametrize(("strict", "hit"), [(True, 0), (False, 1)])
def test_at_the_threshold(strict, hit):
    """An error of exactly half a head: PCKh asks for less, PCK is content."""
    case = np.array([[[3.0, 4.0]]]), np.zeros((1, 1, 2)), np.array([[True]]), np.array([10.0])
    assert pck(*case, threshold=0.5, strict=strict).hits.tolist() == [hit]
    assert per_image_hits(*case, threshold=0.5, strict=strict)[0].tolist() == [hit]


def test_protocols_of_pckh():
    predicted, truth, present, head = poses()
    official = pckh(predicted, truth, present, head)
    hits, counted = by_loops(predicted, truth, present, head, 0.5, strict=True, left_out=UNSCORED)
    assert official.total == hits.sum() / counted.sum() and set(official.left_out) == UNSCORED
    release = pckh(predicted, truth, present, head, protocol="release")
    hits, counted = by_loops(predicted, truth, present, head / 0.6, 0.5, strict=True)
    assert release.total == hits.sum() / counted.sum() > official.total
    assert np.array_equal(release.hits, hits.sum(0)) and release.left_out == ()


def test_auc_is_the_area_under_the_curve():
    """The exact area lies between the lower and the upper sum of the curve on a grid."""
    case, upper, steps = poses(), 0.5, 500
    curve = [pck(*case, threshold=upper * step / steps).total for step in range(1, steps + 1)]
    at_zero = np.mean([np.array_equal(a, b) for a, b in zip(case[0][case[2]], case[1][case[2]])])
    area = auc(*case, threshold=upper)
    assert (at_zero + sum(curve[:-1])) / steps <= area <= sum(curve) / steps
    assert sum(curve) / steps - (at_zero + sum(curve[:-1])) / steps < 0.002  # tight: 1 / steps
    scored = [joint for joint in range(16) if joint not in UNSCORED]
    alone = auc(*(array[:, scored] for array in case[:3]), case[3], threshold=upper)
    assert auc(*case, **OPTIONS["PCKh@0.5"]) == pytest.approx(alone, rel=len(case[0]) * 16 * EPS, abs=0) != area


def test_perfect_and_hopeless():
    _, truth, present, head = poses()
    known = np.where(present[..., None], truth, 0.0)
    assert pck(known, truth, present, head).total == auc(known, truth, present, head) == 1.0
    far = known + 1e3
    assert pck(far, truth, present, head).total == auc(far, truth, present, head) == 0.0


def test_nothing_counts():
    case = np.zeros((2, 3, 2)), np.zeros((2, 3, 2)), np.ones((2, 3), bool), np.full(2, np.nan)
    found = pck(*case)
    assert math.isnan(found.total) and math.isnan(found.mean) and math.isnan(auc(*case))
    assert np.isnan(found.per_joint).all() and found.counted.tolist() == [0, 0, 0]
    assert per_image_hits(*case)[1].tolist() == [0, 0]


def test_a_joint_that_never_counts_is_not_averaged():
    assert PCK(hits=np.array([1, 0]), counted=np.array([2, 0]), left_out=()).mean == 0.5


# --- tables and torsos ------------------------------------------------------------------------------------------------

def test_columns_are_both_sides():
    assert columns(MPII.joints) == {
        "ankle": (0, 5), "knee": (1, 4), "hip": (2, 3), "pelvis": (6,), "thorax": (7,), "neck": (8,), "head top": (9,),
        "wrist": (10, 15), "elbow": (11, 14), "shoulder": (12, 13),
    }


def test_table_shows_columns_and_averages():
    case = poses()
    official = pckh(*case)
    header, _, row = table({"a network": official}, MPII.joints).splitlines()
    cells = dict(zip((cell.strip() for cell in header.split("|")), (cell.strip() for cell in row.split("|"))))
    assert cells["Pelvis"] == cells["Thorax"] == "–"
    assert cells["Wrist"] == f"{50 * (official.per_joint[10] + official.per_joint[15]):.2f}"
    assert (cells["Mean"], cells["Total"]) == (f"{100 * official.mean:.2f}", f"{100 * official.total:.2f}")
    with pytest.raises(BroadcastError, match=r"a network: got \(16,\); allowed: 14 joints"):
        table({"a network": official}, LSP.joints)


def test_torso_reads_only_what_is_present():
    """What a file holds for joints that are not visible is no length: read anyway, it is the median of most."""
    rng = np.random.default_rng(1)
    joints = rng.normal(0, 15, (400, 14, 2)) + 60
    present = rng.random((400, 14)) < 0.75
    joints[~present] = rng.uniform(-800, 800, joints[~present].shape)
    first, second = LSP.torso
    for protocol, pairs in (("official", [first]), ("release", [first, second])):
        found = torso_length(joints, present, LSP.torso, protocol=protocol)
        wanted = [
            max(math.dist(joints[n, a], joints[n, b]) for a, b in pairs)
            if all(present[n, joint] for pair in pairs for joint in pair) else math.nan for n in range(400)
        ]
        assert found == pytest.approx(wanted, rel=4 * EPS, abs=0, nan_ok=True)
    blind = torso_length(joints, np.ones_like(present), LSP.torso, protocol="release")
    assert np.median(blind) > 2 * np.nanmedian(found)  # negative control


def test_a_torso_of_no_length_is_unknown():
    assert np.isnan(torso_length(np.ones((1, 14, 2)), np.ones((1, 14), bool), LSP.torso)).all()


# --- bad input --------------------------------------------------------------------------------------------------------

ONE = dict(predicted=np.zeros((1, 2, 2)), joints=np.zeros((1, 2, 2)), present=np.ones((1, 2), bool),
           reference=np.ones(1))


@pytest.mark.parametrize(("change", "error", "text"), [
    ({"predicted": np.zeros((1, 3, 2))}, BroadcastError, "predicted: got (1, 3, 2); allowed: (1, 2, 2)"),
    ({"joints": np.zeros((2, 2))}, BroadcastError, "joints: got (2, 2); allowed: 3 axes"),
    ({"present": np.ones((1, 2))}, ArgumentError, "present: got dtype('float64'); allowed: an array of bool"),
    ({"predicted": np.full((1, 2, 2), "a")}, ArgumentError, "predicted: got dtype('<U1')"),
    ({"predicted": np.full((1, 2, 2), np.nan)}, DomainError, "predicted[0, 0]: got [nan, nan]; allowed: finite"),
    ({"joints": np.full((1, 2, 2), np.inf)}, DomainError, "joints[0, 0]: got [inf, inf]"),
    ({"reference": np.zeros(1)}, DomainError, "reference: got np.float64(0.0); allowed: finite lengths > 0, or NaN"),
    ({"reference": np.array([-np.inf])}, DomainError, "reference: got np.float64(-inf)"),
    ({"reference": np.ones(2)}, BroadcastError, "reference: got (2,); allowed: (1,)"),
    ({"threshold": 0.0}, DomainError, "threshold: got 0.0; allowed: a finite number > 0"),
    ({"threshold": "0.2"}, DomainError, "threshold: got '0.2'"),
    ({"left_out": (2,)}, DomainError, "left_out: got (2,); allowed: joints from 0 to 1"),
])
@pytest.mark.parametrize("function", [pck, per_image_hits, auc])
def test_bad_input_is_named(function, change, error, text):
    with pytest.raises(error, match=re.escape(text)):
        function(**{**ONE, **change})


@pytest.mark.parametrize(("call", "text"), [
    (lambda: pckh(*poses(), protocol="mine"), "protocol: got 'mine'; allowed: one of 'official', 'release'"),
    (lambda: pckh(*poses(joints=14)), "joints: got (40, 14, 2); allowed: MPII's 16 joints"),
    (lambda: torso_length(*poses(joints=14)[1:3], LSP.torso, protocol="x"), "protocol: got 'x'"),
    (lambda: columns([]), "joints: got []; allowed: names of joints"),
    (lambda: paired_comparison([1.0], [2.0]), "a: got 1; allowed: at least 2 pairs"),
    (lambda: paired_comparison([1.0, 2.0], [2.0]), "b: got (1,); allowed: the shape of a, (2,)"),
    (lambda: paired_comparison([1.0, np.nan], [2.0, 3.0]), "a and b: got [[1.0, nan], [2.0, 3.0]]; allowed: finite"),
    (lambda: paired_comparison(["x", "y"], [2.0, 3.0]), "a: got dtype('<U1'); allowed: an array of real numbers"),
])
def test_bad_choices_are_named(call, text):
    with pytest.raises(GammaProbError, match=re.escape(text)):
        call()


# --- paired tests -----------------------------------------------------------------------------------------------------

# The share of patterns is a fraction of two integers; scipy's t and ours round some ten times each, and the tail of t
# multiplies that by its exponent, below 10 here.
T_TOLERANCE = 200 * EPS


@pytest.mark.parametrize("seeds", [2, 3, 5, 9])
def test_paired_tests_are_those_of_scipy(seeds):
    rng = np.random.default_rng(seeds)
    a, b = rng.normal(0.5, 0.1, seeds), rng.normal(0.4, 0.1, seeds)
    found = paired_comparison(a, b)
    exact = stats.permutation_test((a - b,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert found.t_p == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=T_TOLERANCE, abs=0)
    assert found.sign_flip_p == exact.pvalue
    assert found.difference == pytest.approx(np.mean(a) - np.mean(b), abs=seeds * EPS)
    assert found.standard_error == found.sd / np.sqrt(seeds)
    assert paired_comparison(b, a).sign_flip_p == found.sign_flip_p  # two-sided


@pytest.mark.parametrize("seeds", [2, 3, 5, 20])
def test_the_smallest_p_is_two_patterns(seeds):
    """However clear the difference: with 3 seeds 0.25, with 5 seeds 0.0625."""
    base = np.linspace(0.1, 0.3, seeds)
    found = paired_comparison(100 + base + base**2, base)
    assert found.sign_flip_p == found.smallest == 2 / 2**seeds


def test_more_seeds_than_sign_patterns_can_be_counted():
    a, b = np.random.default_rng(0).normal(size=(2, 25))
    found = paired_comparison(a, b)
    assert math.isnan(found.sign_flip_p)
    assert found.t_p == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=T_TOLERANCE, abs=0)


def test_no_difference_and_equal_differences():
    same = paired_comparison([0.1, 0.2, 0.3], [0.1, 0.2, 0.3])
    assert (same.difference, same.sign_flip_p) == (0.0, 1.0) and math.isnan(same.t_p)
    # 0.1 more each, up to rounding: no spread, no t, but all of one sign
    shifted = paired_comparison([0.2, 0.3, 0.4], [0.1, 0.2, 0.3])
    assert math.isnan(shifted.t_p) and shifted.sign_flip_p == 0.25


# --- published digits, on the real files ------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def mpii():
    import h5py
    from scipy.io import loadmat

    with h5py.File(DATA / "mpii/valid.h5") as file:
        truth, visible, head = file["part"][:], file["visible"][:] > 0, file["normalize"][:]
    with h5py.File(DATA / "mpii/newell.h5") as file:
        predicted = {"newell": file["preds"][:]}
    predicted["bearpaw"] = loadmat(DATA / "mpii/bearpaw-hg_s2_b1.mat")["preds"]
    return predicted, truth, (truth != 0).any(2), visible, head


def percent(share: float) -> str:
    return f"{100 * share:.2f}"


def column(found: PCK, name: str) -> float:
    return found.per_joint[list(columns(MPII.joints)[name])].mean()


@needs_data
def test_newell_mean_and_total(mpii):
    predicted, truth, present, visible, head = mpii
    found = pckh(predicted["newell"], truth, present, head)
    assert (percent(found.mean), percent(found.total)) == ("87.98", "88.43")
    seen = pckh(predicted["newell"], truth, visible, head)
    assert percent(seen.mean) == "92.43"
    assert percent(pck(predicted["newell"], truth, present, head, threshold=0.5, strict=True).mean) == "88.82"


@needs_data
def test_bearpaw_row(mpii):
    predicted, truth, present, _, head = mpii
    found = pckh(predicted["bearpaw"], truth, present, head)
    assert [percent(column(found, name)) for name in ("shoulder", "elbow", "wrist", "hip", "knee")] == [
        "94.57", "88.12", "83.31", "86.24", "80.88"]
    assert percent(found.mean) == "86.76"
    assert percent(pck(predicted["bearpaw"], truth, present, head, threshold=0.5, strict=True).mean) == "87.68"
    # The head top is that of an annotation before valid.h5 cut it to whole pixels; the ankle follows from no rule that
    # was tried: see the next two tests.
    assert (percent(column(found, "head top")), percent(column(found, "ankle"))) == ("95.84", "77.47")


def uncut(truth: np.ndarray, present: np.ndarray, head: np.ndarray) -> np.ndarray:
    """MPII's head top and neck to their fractions of a pixel, which valid.h5 cut off.

    Both follow from the head box: they lie on the line from the thorax through the box's centre, 0.4 diagonals before
    and behind that. The centre is a multiple of half a pixel; the one whose points, cut, are those of the file, is it.
    """
    whole, truth = truth, truth.copy()
    half = 0.4 * head[:, None] / 0.6
    about = np.round(whole[:, 8] + whole[:, 9]) / 2
    missing = present[:, 7:10].all(1)
    for x in np.arange(-2, 2.5, 0.5):
        for y in np.arange(-2, 2.5, 0.5):
            centre = about + (x, y)
            away = centre - whole[:, 7]
            ahead = half * away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1)
            points = np.stack((centre - ahead, centre + ahead), 1)
            fits = missing & (np.trunc(points) == whole[:, 8:10]).all((1, 2))
            truth[fits, 8:10] = points[fits]
            missing &= ~fits
    assert np.count_nonzero(missing) < 50  # of 2,932 heads; these were not annotated by that rule
    return truth


@needs_data
def test_bearpaw_head_before_the_annotation_was_cut(mpii):
    predicted, truth, present, _, head = mpii
    found = pckh(predicted["bearpaw"], uncut(truth, present, head), present, head)
    assert (percent(column(found, "head top")), percent(found.mean)) == ("95.80", "86.76")
    newell = pckh(predicted["newell"], uncut(truth, present, head), present, head)
    assert (percent(newell.mean), percent(newell.total)) == ("87.98", "88.43")


@needs_data
@pytest.mark.parametrize(("network", "rule", "published", "ours"), [
    ("bearpaw", "ankle", 77.44, "77.47"), ("newell", "diagonal", 93.75, "93.76"),
    ("bearpaw", "diagonal", 92.56, "92.57"), ("bearpaw", "visible", 91.91, "91.90"),
])
def test_digits_that_a_single_joint_decides(mpii, network, rule, published, ours):
    """These digits do not follow from the files: one joint more or less found than was listed would give each.

    Tried for bearpaw's row, 720,000 combinations: truth (as it is, `uncut`, half a pixel on, rounded), predictions
    moved by up to a pixel either way, head size (float32, rounded, cut, a pixel more or less), < or <=, twelve rules of
    presence, mean or pool of both sides, four averages, rounded or cut: the best are `uncut` and the rule of `pckh`,
    all but the ankle. For the averages of both networks, 10,800 such rules, each with several thresholds in the place
    of 0.5/0.6 and averages of rounded shares: none gives all eight. Two errors lie exactly on a threshold: bearpaw's
    hip is 86.24 because PCKh is strict, newell's wrist changes nothing here. Nor do the listed digits agree
    with each other on these hits: an ankle fewer, which 77.44 asks for, makes the mean of 16 joints 87.67, not 87.68.
    Nearest to their thresholds lie (row of the file, pixels): ankles found 1498 left 0.04, 2593 right 0.04; found with
    the diagonal by newell 2637 right shoulder 0.02, by bearpaw 1207 right ankle 0.003; visible and missed by bearpaw
    306 left wrist 0.007. The ankles of the five annotations with fractions (test_mpii.json) have none.
    """
    predicted, truth, present, visible, head = mpii
    predicted = predicted[network]
    if rule == "ankle":
        found = pckh(predicted, truth, present, head)
        value, joints = column(found, "ankle"), [0, 5]
    else:
        found = (pckh(predicted, truth, visible, head) if rule == "visible" else
                 pck(predicted, truth, present, head / 0.6, **OPTIONS["PCKh@0.5"]))
        value, joints = found.mean, [joint for joint in range(16) if joint not in UNSCORED]
    one_joint = 100 / found.counted[joints].min() / len(joints)
    assert percent(value) == ours
    assert abs(100 * value - published) <= one_joint + 0.005  # half a unit of the last printed digit


@needs_data
def test_another_rule_is_seen(mpii):
    """Negative control: predictions off by a pixel, or missing joints counted, give other digits."""
    predicted, truth, present, _, head = mpii
    off = pckh(predicted["newell"] + 1, truth, present, head)
    blind = pckh(predicted["newell"], truth, np.ones_like(present), head)
    assert "87.98" not in {percent(off.mean), percent(blind.mean)}


@needs_data
def test_lspet_torsos():
    """3,976 of 10,000 people lack a torso joint. Of the crops 31.6 px, where reading them anyway gives 41.0 px."""
    from scipy.io import loadmat

    file = loadmat(DATA / "lspet/joints.mat")["joints"]
    joints, present = file[:, :2].transpose(2, 0, 1), file[:, 2].T > 0
    torso = torso_length(joints, present, LSP.torso, protocol="release")
    assert np.count_nonzero(np.isnan(torso)) == 3976
    assert f"{np.nanmedian(torso):.1f}" == "31.6"
    blind = torso_length(joints, np.ones_like(present), LSP.torso, protocol="release")
    assert f"{np.nanmedian(blind):.1f}" == "41.0"


# --- left-right confusion ---------------------------------------------------------------------------------------------

def confusable(seed: int = 0):
    """As `poses`, but half of the predictions lie about the mirrored joint, which half of the images have close by."""
    predicted, truth, present, head = poses(seed)
    rng, close, left = np.random.default_rng(seed), slice(None, len(truth) // 2), [10, 11, 12, 0, 1, 2]
    truth[close, left] = truth[close][:, [MPII.swap[joint] for joint in left]] + 2.0
    at = np.where((rng.random(present.shape) < 0.5)[..., None], truth, truth[:, list(MPII.swap)])
    return at + rng.normal(0, 0.4, truth.shape) * np.nan_to_num(head, nan=30.0)[:, None, None], truth, present, head


def swaps_by_loops(predicted, truth, present, head, among, threshold, strict, left_out) -> Swaps:
    compared = nearer = swapped = on_mirrored = 0
    for image, joint in np.ndindex(present.shape):
        other = MPII.swap[joint]
        if (other == joint or joint in left_out or not among[image, joint] or np.isnan(head[image])
                or not (present[image, joint] and present[image, other])):
            continue
        own, mirrored = (math.dist(predicted[image, joint], truth[image, at]) / head[image] for at in (joint, other))
        hit, hit_of_mirrored = ((error < threshold) if strict else (error <= threshold) for error in (own, mirrored))
        compared += 1
        nearer += mirrored < own
        swapped += mirrored < own and not hit
        on_mirrored += hit_of_mirrored and not hit
    return Swaps(compared, nearer, swapped, on_mirrored)


@pytest.mark.parametrize("name", list(OPTIONS))
def test_swaps_are_their_definition(name):
    predicted, truth, present, head = confusable()
    predicted[~present] = np.nan  # never looked at
    options = {"strict": False, "left_out": ()} | dict(OPTIONS[name])
    some = np.random.default_rng(1).random(present.shape) < 0.5
    for among in (None, some):
        found = swaps(predicted, truth, present, head, MPII.swap, among=among, **options)
        asked = np.ones_like(present) if among is None else among
        wanted = swaps_by_loops(predicted, truth, present, head, asked, **options)
        assert found == wanted
        assert 0 < found.on_mirrored < found.swapped < found.nearer < found.compared
    assert found.share == found.swapped / found.compared and found.share_nearer == found.nearer / found.compared
    assert found.share_on_mirrored == found.on_mirrored / found.compared


def test_a_mirrored_prediction_is_a_swap_of_every_pair_and_a_hit_is_none():
    """Left for right: all are swapped but for pairs within the threshold of each other."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 400, (40, 14, 2))
    truth[:, 3] = truth[:, 2] + 1.0  # both hips in one place
    present, torso, mirror = np.ones((40, 14), bool), np.full(40, 50.0), np.array(LSP.swap)
    far = np.linalg.norm(truth - truth[:, mirror], axis=2) > 10
    for predicted, wanted in ((truth, 0), (truth[:, mirror], far.sum())):
        found = swaps(predicted, truth, present, torso, LSP.swap)
        assert (found.compared, found.swapped, found.on_mirrored) == (40 * 12, wanted, wanted)
    assert far[:, :2].any() and not far[:, 2:4].any()


def test_swaps_of_nothing_and_wrong_mirrors():
    predicted, truth, present, head = confusable()
    nothing = swaps(predicted, truth, np.zeros_like(present), head, MPII.swap)
    assert nothing.compared == 0 and math.isnan(nothing.share) and math.isnan(nothing.share_on_mirrored)
    with pytest.raises(DomainError, match=r"^mirror: got .*each joint from 0 to 15 once"):
        swaps(predicted, truth, present, head, LSP.swap)
    with pytest.raises(BroadcastError, match="^predicted: got"):
        swaps(predicted[:, :3], truth, present, head, MPII.swap)
