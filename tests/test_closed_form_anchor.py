"""Closed forms of Anchor Loss: against 50-digit derivatives of the losses, their limiting cases, extremes, bad input.

The losses are written out here in mpmath, from the paper's Eq. 3 to 7, 13 and A-1 to A-4, with the anchors computed
first and held fixed; nothing of the package is used for that.
"""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gammaprob.errors import ArgumentError, BroadcastError, DomainError
from gradients import closed_form
from tests.derivatives import DIGITS, QUOTIENT, TINY, UNIT, disagreements
from tests.strategies import logarithmic

GAMMAS = (0.0, 0.5, 1.0, 2.0, 5.0)
MODULATIONS = ("background", "target", "both")

probabilities = st.one_of(st.floats(0.0, 1.0), logarithmic(1e-12, 0.5), logarithmic(1e-12, 0.5).map(lambda x: 1.0 - x))
gammas = st.one_of(st.just(0.0), logarithmic(1e-2, 10.0))


@pytest.fixture(autouse=True)
def many_digits():
    with mpmath.workdps(DIGITS):
        yield


def sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


# A product of a power, whose base errs by 2 to 6 units and which is then good to 2, a logarithm of 2 units, a sigmoid
# or two of 4, some quotients and products: 24 units, and 6 for each unit of the exponent. A sum of two such terms errs
# by that times the sum of their absolute values, for the terms of one label have one sign, and those of 1 − p and p
# are added last.
def relative_tolerance(gamma) -> float:
    return (24.0 + 6.0 * float(gamma)) * UNIT


# --- with respect to the probability ---------------------------------------------------------------------------------

def background(q, anchor, gamma):
    """Eq. 13."""
    return -(((1 - anchor) + q) ** gamma) * mpmath.log1p(-q)


def target(q, anchor, gamma):
    """The target term of A-1, with p = 1."""
    return -((1 - q + anchor) ** gamma) * mpmath.log(q)


LOSSES = {closed_form.background_gradient: background, closed_form.target_gradient: target}


def slope_failures(function, q, anchor, gamma, value=None):
    loss, anchor, gamma = LOSSES[function], mpmath.mpf(anchor), mpmath.mpf(gamma)
    reference = mpmath.diff(lambda t: loss(t, anchor, gamma), mpmath.mpf(q))
    value = function(q, float(anchor), gamma=float(gamma)) if value is None else value
    return disagreements(value, [reference], float(abs(reference) * relative_tolerance(gamma)) + QUOTIENT)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize(("function", "anchors"), [
    (closed_form.background_gradient, (-0.05, 0.0, 0.3, 0.95, 1.0)),
    (closed_form.target_gradient, (1.05, 1.0, 0.7, 0.05, 0.0)),
])
def test_slopes_are_the_derivatives(function, anchors, gamma):
    for anchor in anchors:
        for q in (1e-9, 0.1, 0.3, 0.5, 0.8, 1.0 - 2.0**-30):
            assert slope_failures(function, q, anchor, gamma) == []


@settings(max_examples=100)
@given(q=st.floats(1e-6, 1.0 - 1e-6), anchor=st.floats(0.0, 1.0), gamma=gammas)
def test_slopes_are_the_derivatives_everywhere(q, anchor, gamma):
    with mpmath.workdps(DIGITS):
        for function in LOSSES:
            assert slope_failures(function, q, anchor, gamma) == []


def test_wrong_slopes_are_seen():
    """Negative controls: the sign of Eq. 14's logarithm, its missing γ, and the anchor with the other sign."""
    q, anchor, gamma = 0.8, 0.3, 2.0
    m = 1 + q - anchor
    for value in (
        m * (m / (1 - q) + gamma * math.log(1 - q)),
        m * (m / (1 - q) - math.log(1 - q)),
        closed_form.background_gradient(q, -anchor, gamma=gamma),
    ):
        assert slope_failures(closed_form.background_gradient, q, anchor, gamma, value)


@given(q=st.floats(0.0, 1.0 - 1e-12), anchor=st.floats(-1.0, 1.0), gamma=gammas)
def test_background_loss(q, anchor, gamma):
    with mpmath.workdps(DIGITS):
        reference = background(mpmath.mpf(q), mpmath.mpf(anchor), mpmath.mpf(gamma))
        tolerance = float(abs(reference) * relative_tolerance(gamma)) + TINY
        assert disagreements(closed_form.background_loss(q, anchor, gamma=gamma), [reference], tolerance) == []


@given(q=probabilities, anchor=st.floats(0.0, 1.0), gamma=gammas)
def test_target_mirrors_background(q, anchor, gamma):
    """q → 1 − q, q* → 1 − q*: to the rounding of 1 − q and 1 − q*, whose condition is that of 1/q and the power."""
    mirrored_q, mirrored_anchor = 1.0 - q, 1.0 - anchor
    if 1.0 - mirrored_q != q or 1.0 - mirrored_anchor != anchor:
        return  # no exact mirror image
    one = closed_form.target_gradient(q, anchor, gamma=gamma)
    other = closed_form.background_gradient(mirrored_q, mirrored_anchor, gamma=gamma)
    assert one == -other or abs(one + other) <= 2.0 * relative_tolerance(gamma) * abs(one)


@given(q=st.floats(1e-6, 1.0 - 1e-6), p=st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.0, 1.0)), gamma=gammas)
def test_focal_and_cross_entropy_gradients(q, p, gamma):
    """Eq. 6 and 7 differentiated; the two terms of a soft label may cancel, so the tolerance is that of their sum."""
    with mpmath.workdps(DIGITS):
        label = mpmath.mpf(p)

        def terms(t, exponent):
            return label * (1 - t) ** exponent * mpmath.log(t), (1 - label) * t**exponent * mpmath.log(1 - t)

        for value, exponent in (
            (closed_form.focal_gradient(q, p, gamma=gamma), mpmath.mpf(gamma)),
            (closed_form.cross_entropy_gradient(q, p), mpmath.mpf(0)),
        ):
            parts = [-mpmath.diff(lambda t: terms(t, exponent)[n], mpmath.mpf(q)) for n in range(2)]
            tolerance = float(sum(map(abs, parts)) * relative_tolerance(gamma)) + QUOTIENT
            assert disagreements(value, [sum(parts)], tolerance) == []


def test_limits_at_the_ends():
    inf = math.inf
    assert closed_form.background_gradient([0.0, 0.0, 1.0], [0.0, 1.0, 0.5], gamma=0.5).tolist() == [1.0, 0.0, inf]
    assert closed_form.background_gradient([0.0, 0.0, 1.0], [0.0, 1.0, 0.5], gamma=0.0).tolist() == [1.0, 1.0, inf]
    assert closed_form.target_gradient([1.0, 1.0, 0.0], [1.0, 0.0, 0.5], gamma=0.5).tolist() == [-1.0, 0.0, -inf]
    assert closed_form.background_loss([0.0, 0.0, 1.0], [0.3, 1.0, 0.5], gamma=0.5).tolist() == [0.0, 0.0, inf]
    assert closed_form.cross_entropy_gradient([0.0, 1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0, 0.5]).tolist() == [
        1.0, -1.0, -inf, inf, -inf,
    ]
    assert closed_form.focal_gradient([0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], gamma=0.5).tolist() == [
        0.0, 0.0, -inf, inf,
    ]


# --- classification, with respect to the logits ----------------------------------------------------------------------

def anchors(row, labels, margin):
    """q_neg and q_pos of A-2 to A-4, None where there is no such class."""
    largest = max(labels)
    targets = [sigmoid(x) for x, p in zip(row, labels) if p == largest and p > 0]
    others = [sigmoid(x) for x, p in zip(row, labels) if not (p == largest and p > 0)]
    return max(targets) - margin if targets else None, max(others) + margin if others else None


def class_terms(x, p, gamma_t, gamma_b, q_neg, q_pos):
    """The two terms of one class in A-1."""
    q, not_q = sigmoid(x), sigmoid(-x)
    fall = 1 if q_pos is None else (not_q + q_pos) ** gamma_t
    rise = 1 if q_neg is None else (q + (1 - q_neg)) ** gamma_b
    return (-fall * p * mpmath.log(q) if p else mpmath.mpf(0)), (-rise * (1 - p) * mpmath.log(not_q))


def row_failures(values, row, labels, *, gamma, margin=0.05, modulate="background", anchor=None, detach=True):
    """The comparison of one sample's gradient with the derivative of A-1, the anchors fixed (unless not detached)."""
    row, labels = [mpmath.mpf(x) for x in row], [mpmath.mpf(p) for p in labels]
    gamma, margin = mpmath.mpf(gamma), mpmath.mpf(margin)
    gamma_t, gamma_b = gamma * (modulate != "background"), gamma * (modulate != "target")
    references, tolerances = [], []
    for k, x in enumerate(row):
        def parts(t, k=k):
            moved = row[:k] + [t] + row[k + 1:]
            chosen = [(mpmath.mpf(a), mpmath.mpf(a)) for a in anchor] if anchor is not None else [
                anchors(row if detach else moved, labels, margin)
            ] * len(row)
            return [class_terms(v, p, gamma_t, gamma_b, *a) for v, p, a in zip(moved, labels, chosen)]

        slopes = [
            mpmath.diff(lambda t, k=k, n=n: parts(t)[k][n], x) for n in range(2)
        ]
        whole = mpmath.diff(lambda t: sum(map(sum, parts(t))), x)
        references.append(whole)
        tolerances.append(float(sum(map(abs, slopes)) * relative_tolerance(gamma)) + QUOTIENT)
    return disagreements(values, references, tolerances)


ROWS = [
    ([2.0, 1.0, -1.0], [1.0, 0.0, 0.0]),
    ([-1.0, 3.0, 0.5], [1.0, 0.0, 0.0]),
    ([0.5, 2.0, -3.0, 1.0], [1.0, 1.0, 0.0, 0.0]),  # two target classes
    ([0.5, 2.0, -3.0], [0.7, 0.2, 0.0]),  # soft labels
    ([0.5, 2.0, -3.0], [0.5, 0.5, 0.5]),  # no background
    ([0.5, 2.0, -3.0], [0.0, 0.0, 0.0]),  # no target
    ([30.0, -30.0, 25.0], [0.0, 1.0, 0.0]),
]


@pytest.mark.parametrize("modulate", MODULATIONS)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize(("row", "labels"), ROWS)
def test_anchor_gradient_is_the_derivative(row, labels, gamma, modulate):
    options = dict(gamma=gamma, modulate=modulate)
    assert row_failures(closed_form.anchor_gradient(row, labels, **options), row, labels, **options) == []


@settings(max_examples=15)
@given(
    row=st.lists(st.tuples(st.floats(-15.0, 15.0), st.sampled_from([0.0, 0.0, 0.25, 1.0])), min_size=1, max_size=5),
    gamma=gammas, margin=st.floats(0.0, 0.3), modulate=st.sampled_from(MODULATIONS),
    static=st.one_of(st.none(), st.floats(0.0, 1.0)),
)
def test_anchor_gradient_is_the_derivative_everywhere(row, gamma, margin, modulate, static):
    logits, labels = zip(*row)
    anchor = None if static is None else [static] * len(logits)
    options = dict(gamma=gamma, margin=margin, modulate=modulate, anchor=anchor)
    with mpmath.workdps(DIGITS):
        assert row_failures(closed_form.anchor_gradient(logits, labels, **options), logits, labels, **options) == []


def test_wrong_anchor_gradients_are_seen():
    """Negative controls: an anchor that carries gradient, another margin, another modulation, the other sign."""
    row, labels = ROWS[1]
    right = closed_form.anchor_gradient(row, labels, gamma=2.0)
    assert row_failures(right, row, labels, gamma=2.0) == []
    assert row_failures(right, row, labels, gamma=2.0, detach=False)
    assert row_failures(closed_form.anchor_gradient(row, labels, gamma=2.0, margin=0.0), row, labels, gamma=2.0)
    assert row_failures(closed_form.anchor_gradient(row, labels, gamma=2.0, modulate="both"), row, labels, gamma=2.0)
    assert row_failures(-right, row, labels, gamma=2.0)


def test_indices_are_labels():
    logits = np.random.default_rng(5).normal(size=(2, 4, 3))
    indices = np.array([[0, 2, 1, 1], [2, 2, 0, 1]])
    for modulate in MODULATIONS:
        by_index = closed_form.anchor_gradient(logits, indices, modulate=modulate)
        by_label = closed_form.anchor_gradient(logits, np.eye(3)[indices], modulate=modulate)
        assert by_index.shape == logits.shape and np.array_equal(by_index, by_label)
    alone = closed_form.anchor_gradient(logits[0, 1], 2, modulate="both")
    assert np.array_equal(alone, by_index[0, 1])


def hard_rows(largest):
    return st.lists(st.tuples(st.floats(-largest, largest), st.booleans()), min_size=2, max_size=6).map(
        lambda row: [np.array(column, dtype=float) for column in zip(*row)]
    )


@given(row=hard_rows(700.0), modulate=st.sampled_from(MODULATIONS))
def test_gamma_0_is_binary_cross_entropy(row, modulate):
    logits, labels = row
    gradient = closed_form.anchor_gradient(logits, labels, gamma=0.0, modulate=modulate)
    with mpmath.workdps(400):  # 1 − q at a logit of 700 begins at the 305th digit
        reference = [sigmoid(mpmath.mpf(x)) - mpmath.mpf(p) for x, p in zip(logits, labels)]
        assert disagreements(gradient, reference, relative_tolerance(0.0) * np.abs(gradient) + TINY) == []


@given(row=hard_rows(15.0), gamma=gammas)
def test_anchor_1_minus_p_is_focal_loss(row, gamma):
    """Eq. 10 to 12, by the chain rule: the focal gradient with respect to q times q (1 − q)."""
    logits, labels = row
    gradient = closed_form.anchor_gradient(logits, labels, gamma=gamma, modulate="both", anchor=1.0 - labels)
    q, not_q = closed_form.predicted_target(logits), closed_form.predicted_target(-logits)
    focal = closed_form.focal_gradient(q, labels, gamma=gamma) * q * not_q
    # The rounding of q, 4 units, as the quotients, logarithms and powers of the smaller of q and 1 − q take it up.
    conditioned = (3.0 + gamma) * 4.0 * UNIT / np.minimum(q, not_q)
    assert np.all(np.abs(gradient - focal) <= (2.0 * relative_tolerance(gamma) + conditioned) * np.abs(gradient))
    swapped = closed_form.anchor_gradient(logits, labels, gamma=gamma, modulate="both", anchor=labels)
    assert gamma == 0.0 or not np.array_equal(swapped, gradient)  # negative control: q* = p


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("modulate", MODULATIONS)
def test_saturated_logits_stay_finite(gamma, modulate):
    logits = np.array([[1e4, -1e4, 800.0, -800.0, 40.0, -40.0]] * 6)
    for anchor in (None, 0.0, 1.0, np.eye(6)):
        gradient = closed_form.anchor_gradient(
            logits, np.arange(6), gamma=gamma, modulate=modulate, anchor=anchor,
        )
        assert np.isfinite(gradient).all()
        off = ~np.eye(6, dtype=bool)
        assert (gradient[off] >= 0.0).all() and (np.diagonal(gradient) <= 0.0).all()


def test_tiny_gradients_keep_their_digits():
    """q of 1e-100 as focal loss sees it: m is q itself, and q^(γ + 1) of the first order."""
    x = -230.0
    gradient = closed_form.anchor_gradient([x, 0.0], [0.0, 1.0], gamma=0.5, modulate="both", anchor=[1.0, 0.0])
    assert row_failures(gradient, [x, 0.0], [0.0, 1.0], gamma=0.5, modulate="both", anchor=[1.0, 0.0]) == []
    reference = 1.5 * mpmath.exp(mpmath.mpf("1.5") * x)  # q^γ (q + γ q) to the first order in q = e^x
    assert disagreements(gradient[0], [reference], float(reference) * relative_tolerance(0.5)) == []


# --- heatmaps --------------------------------------------------------------------------------------------------------

def heatmap_failures(values, logits, labels, gamma, detach=True):
    """The comparison of one heatmap's gradient with the derivative of Eq. 5."""
    flat = [mpmath.mpf(float(x)) for x in np.ravel(logits)]
    labels = [mpmath.mpf(float(p)) for p in np.ravel(labels)]

    def loss(k, t):
        moved = flat[:k] + [t] + flat[k + 1:]
        high = [sigmoid(x) for x, p in zip(flat if detach else moved, labels) if p > 0.5]
        total = mpmath.mpf(0)
        for x, p in zip(moved, labels):
            q = sigmoid(x)
            modulator = (1 + q - max(high)) ** gamma if p == 0 and high else 1
            total -= modulator * (p * mpmath.log(q) + (1 - p) * mpmath.log(1 - q))
        return total

    references = [mpmath.diff(lambda t, k=k: loss(k, t), x) for k, x in enumerate(flat)]
    sizes = [abs(r) if p == 0 else sigmoid(x) * (1 - p) + sigmoid(-x) * p for r, x, p in zip(references, flat, labels)]
    tolerances = [float(size * relative_tolerance(gamma)) + QUOTIENT for size in sizes]
    return disagreements(np.ravel(values), references, tolerances)


def gaussian(height=5, width=4, row=2, column=1):
    """A Gaussian of height 1, truncated to exact zero."""
    y, x = np.mgrid[:height, :width]
    values = np.exp(-0.5 * ((y - row) ** 2 + (x - column) ** 2))
    return np.where(values < 0.1, 0.0, values)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_pose_gradient_is_the_derivative(gamma):
    logits = np.random.default_rng(7).normal(scale=2.0, size=(5, 4))
    labels = gaussian()
    gradient = closed_form.anchor_pose_gradient(logits, labels, gamma=gamma)
    assert heatmap_failures(gradient, logits, labels, gamma) == []
    low = 0.5 * labels  # no pixel above ½: binary cross-entropy
    assert heatmap_failures(closed_form.anchor_pose_gradient(logits, low, gamma=gamma), logits, low, gamma) == []
    if gamma > 0.0:  # negative controls
        assert heatmap_failures(gradient, logits, labels, gamma, detach=False)
        assert heatmap_failures(gradient, logits, low, gamma)


def test_pose_batches_and_absent_joints():
    generator = np.random.default_rng(8)
    logits = generator.normal(size=(2, 3, 5, 4))
    labels = np.broadcast_to(gaussian(), logits.shape).copy()
    labels[1, 2] = 0.0
    gradient = closed_form.anchor_pose_gradient(logits, labels)
    assert gradient.shape == logits.shape and not gradient[1, 2].any()
    for n, j in ((0, 0), (1, 1)):
        assert np.array_equal(gradient[n, j], closed_form.anchor_pose_gradient(logits[n, j], labels[n, j]))
        assert gradient[n, j].any()


def test_pose_stays_finite_where_it_saturates():
    logits = np.full((5, 4), 1e4)
    logits[::2] *= -1.0
    for gamma in (0.0, 0.5, 2.0):
        assert np.isfinite(closed_form.anchor_pose_gradient(logits, gaussian(), gamma=gamma)).all()


# --- bad input -------------------------------------------------------------------------------------------------------

ONE_ARGUMENT = {
    "background_loss anchor": (lambda x: closed_form.background_loss(0.5, x, gamma=1.0), (1.5, -math.inf)),
    "background_loss gamma": (lambda x: closed_form.background_loss(0.5, 0.5, gamma=x), (-1.0, math.inf)),
    "background_loss q": (lambda x: closed_form.background_loss(x, 0.5, gamma=1.0), (-0.5, 1.5)),
    "background_gradient anchor": (lambda x: closed_form.background_gradient(0.5, x, gamma=1.0), (1.5, -math.inf)),
    "background_gradient gamma": (lambda x: closed_form.background_gradient(0.5, 0.5, gamma=x), (-1.0, math.inf)),
    "target_gradient anchor": (lambda x: closed_form.target_gradient(0.5, x, gamma=1.0), (-0.5, math.inf)),
    "target_gradient q": (lambda x: closed_form.target_gradient(x, 0.5, gamma=1.0), (-0.5, 1.5)),
    "focal_gradient p": (lambda x: closed_form.focal_gradient(0.5, x, gamma=1.0), (-0.5, 1.5)),
    "focal_gradient gamma": (lambda x: closed_form.focal_gradient(0.5, 0.25, gamma=x), (-0.5, math.inf)),
    "cross_entropy_gradient q": (lambda x: closed_form.cross_entropy_gradient(x, 0.25), (-0.5, 1.5)),
    "gradient_crossing anchor": (lambda x: closed_form.gradient_crossing(x, gamma=1.0), (-0.5, 1.5)),
    "gradient_crossing gamma": (lambda x: closed_form.gradient_crossing(0.5, gamma=x), (0.0, -1.0, math.inf)),
    "anchor_gradient gamma": (lambda x: closed_form.anchor_gradient([0.0] * 4, 1, gamma=x), (-1.0, math.inf)),
    "anchor_gradient margin": (lambda x: closed_form.anchor_gradient([0.0] * 4, 1, margin=x), (-1.0, math.inf)),
    "anchor_gradient anchor": (lambda x: closed_form.anchor_gradient([0.0] * 4, 1, anchor=x), (-0.5, 1.5)),
    "anchor_pose_gradient gamma": (
        lambda x: closed_form.anchor_pose_gradient([[0.0] * 4], [[1.0, 0.0, 0.0, 0.0]], gamma=x), (-1.0, math.inf),
    ),
}


@pytest.mark.parametrize("name", ONE_ARGUMENT)
def test_domains(name):
    """A scalar outside is an error that names it; an array element gives NaN, and leaves its neighbours alone."""
    (function, bad), argument = ONE_ARGUMENT[name], name.split()[1]
    for value in bad:
        with pytest.raises(DomainError, match=f"^{argument}: got .*; allowed: ") as raised:
            function(value)
        assert raised.value.parameter == argument
        values = function([0.75, value, math.nan, 0.75])
        assert np.isnan(values).ravel().tolist() == [False, True, True, False]
    with pytest.raises(ArgumentError, match=f"^{argument}: "):
        function("much")


def test_bad_labels_and_logits_give_nan_where_they_matter():
    logits = np.zeros((4, 3))
    labels = np.eye(4, 3)
    labels[0, 2], labels[1, 1] = 1.5, math.nan
    logits[2, 0] = math.inf
    assert np.isnan(closed_form.anchor_gradient(logits, labels)).tolist() == [
        [True] * 3, [True] * 3, [True] * 3, [False] * 3,
    ]
    assert np.isnan(closed_form.anchor_gradient(logits, [0, 3, 0, -1])).tolist() == [
        [False] * 3, [True] * 3, [True] * 3, [True] * 3,
    ]
    maps = np.broadcast_to(gaussian(), (2, 5, 4)).copy()
    maps[1, 0, 0] = -0.5
    gradient = closed_form.anchor_pose_gradient(np.zeros((2, 5, 4)), maps)
    assert np.isfinite(gradient[0]).all() and np.isnan(gradient[1]).all()


@pytest.mark.parametrize("index", [-1, 3])
def test_a_class_that_does_not_exist(index):
    with pytest.raises(DomainError, match="^target: got .*; allowed: a class index from 0 to 2; "):
        closed_form.anchor_gradient([0.0, 1.0, 2.0], index)


def test_a_heatmap_without_background():
    with pytest.raises(DomainError, match="^target: .*; truncate the Gaussian"):
        closed_form.anchor_pose_gradient(np.zeros((1, 5, 4)), np.maximum(gaussian(), 1e-9)[None])


@pytest.mark.parametrize(("call", "error", "parameter"), [
    (lambda: closed_form.anchor_gradient([[0.0, 1.0]], [0], modulate="all"), DomainError, "modulate"),
    (lambda: closed_form.anchor_gradient([[0.0, 1.0]], [0, 1, 1]), BroadcastError, "target"),
    (lambda: closed_form.anchor_gradient([[0.0, 1.0]], [[0.0, 1.0, 0.0]]), BroadcastError, "target"),
    (lambda: closed_form.anchor_gradient([[0.0, 1.0]], [0.0]), BroadcastError, "target"),
    (lambda: closed_form.anchor_gradient([[0.0, 1.0]], [0], anchor=[0.1, 0.2, 0.3]), BroadcastError, "logits"),
    (lambda: closed_form.anchor_gradient(0.0, 0), BroadcastError, "logits"),
    (lambda: closed_form.anchor_gradient(np.zeros((2, 0)), [0, 0]), BroadcastError, "logits"),
    (lambda: closed_form.anchor_gradient([["a"]], [0]), ArgumentError, "logits"),
    (lambda: closed_form.anchor_gradient([[0.0, 1.0]], ["a"]), ArgumentError, "target"),
    (lambda: closed_form.anchor_pose_gradient([0.0, 1.0], [0.0, 1.0]), BroadcastError, "logits"),
    (lambda: closed_form.anchor_pose_gradient([[0.0, 1.0]], [0.0, 1.0]), BroadcastError, "target"),
    (lambda: closed_form.background_gradient([0.1, 0.2], [0.1, 0.2, 0.3], gamma=1.0), BroadcastError, "q"),
    (lambda: closed_form.gradient_crossing([0.1, 0.2], gamma=[1.0, 2.0, 3.0]), BroadcastError, "anchor"),
])
def test_bad_options_and_shapes(call, error, parameter):
    with pytest.raises(error, match=f"^{parameter}: got .*; allowed: "):
        call()
