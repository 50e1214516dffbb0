"""Closed forms of one pair: against 50-digit derivatives of the losses, identities, extremes.

The losses are written out here in mpmath, from the papers' Eq. 1 and 3, and differentiated numerically; nothing of the
package is used for that.
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
from tests.derivatives import DIGITS, QUOTIENT, TINY, UNIT, disagreements, exact
from tests.strategies import logarithmic

# q_i: exp errs by 2 units, then a sum and a quotient. p_j: two quotients and a sum. Their product and the difference.
COEFFICIENT_UNITS = 10.0
MARGINS = (0.0, 0.5, 1.0)

losses = st.one_of(logarithmic(1e-12, 1e6), st.just(0.0))
vectors = st.integers(1, 4).flatmap(
    lambda n: st.tuples(*[st.lists(st.floats(-4.0, 4.0, width=32), min_size=n, max_size=n).map(np.array)] * 3)
)


@pytest.fixture(autouse=True)
def many_digits():
    with mpmath.workdps(DIGITS):
        yield


# --- the losses, in 50 digits ----------------------------------------------------------------------------------------

def predicted_gap(theta_i, theta_j, w):
    return mpmath.fdot(theta_i, w) - mpmath.fdot(theta_j, w)


def ranking_loss(gap, true_i, true_j, margin):
    """Paper Eq. 1."""
    return max(mpmath.mpf(0), -mpmath.sign(mpmath.mpf(true_i) - true_j) * gap + margin)


def share(true_i, true_j):
    total = mpmath.mpf(true_i) + mpmath.mpf(true_j)
    return mpmath.mpf(true_i) / total if total else mpmath.mpf(1) / 2


def kl_loss(gap, true_i, true_j):
    """Paper Eq. 3 with q_i = e^l̂_i/(e^l̂_i + e^l̂_j)."""
    p, q = share(true_i, true_j), 1 / (1 + mpmath.exp(-gap))
    return sum(part * mpmath.log(part / other) for part, other in ((p, q), (1 - p, 1 - q)) if part)


def numerical_gradient(loss, arguments, which):
    """The derivative of loss(gap(θ_i, θ_j, w)) with respect to each entry of one of the three vectors."""
    arguments = [exact(vector) for vector in arguments]

    def along(entry):
        def moved(t):
            changed = [list(vector) for vector in arguments]
            changed[which][entry] = t
            return loss(predicted_gap(*changed))

        return mpmath.diff(moved, arguments[which][entry])

    return [along(entry) for entry in range(len(arguments[which]))]


def coefficient_tolerance(gap, true_i, true_j) -> float:
    q, p = 1 / (1 + mpmath.exp(-mpmath.mpf(float(gap)))), share(true_i, true_j)
    return float(COEFFICIENT_UNITS * UNIT * (q * (1 - p) + (1 - q) * p)) + TINY


def gradient_tolerances(theta_i, theta_j, w, true_i, true_j):
    """For (∇_w, ∇_θi, ∇_θj) of LL++: the rounding of the coefficient, of the gap (σ' ≤ ¼), and of the products."""
    gap_error = (len(w) + 2) * UNIT * np.sum(np.abs(theta_i - theta_j) * np.abs(w))
    gap = predicted_gap(exact(theta_i), exact(theta_j), exact(w))
    error = coefficient_tolerance(gap, true_i, true_j) + gap_error / 4.0 + 3.0 * UNIT
    return [error * np.abs(vector) + QUOTIENT for vector in (theta_i - theta_j, w, w)]


# --- gradients -------------------------------------------------------------------------------------------------------

WORKED = (np.array([1.0, 2.0, 1.0]), np.array([1.0, 1.0, 1.0]), np.array([0.0, 3.0, 0.0]))
PAIRS = [
    (WORKED, 0.1, 0.2),
    (WORKED, 0.2, 0.1),
    ((np.array([0.3, -1.7]), np.array([2.5, 0.4]), np.array([1.1, -0.6])), 3.0, 0.0),
    ((np.array([0.3, -1.7]), np.array([2.5, 0.4]), np.array([-1.1, 0.6])), 5e-9, 2e-3),
    ((np.array([0.25]), np.array([0.5]), np.array([-2.0])), 0.0, 0.0),
]
NAMES = {0: "w", 1: "theta_i", 2: "theta_j"}  # in the order of PairGradient
ORDER = {"theta_i": 0, "theta_j": 1, "w": 2}  # in the order of the arguments


def pp_failures(gradient, vectors, true_i, true_j):
    """The comparison of a LL++ gradient with the derivatives of Eq. 3."""
    tolerances = gradient_tolerances(*vectors, true_i, true_j)
    return [
        line
        for number, name in NAMES.items()
        for line in disagreements(
            getattr(gradient, name),
            numerical_gradient(lambda gap: kl_loss(gap, true_i, true_j), vectors, ORDER[name]),
            tolerances[number],
        )
    ]


@pytest.mark.parametrize(("vectors", "true_i", "true_j"), PAIRS)
def test_learning_loss_pp_gradient_is_the_derivative(vectors, true_i, true_j):
    assert pp_failures(closed_form.learning_loss_pp_gradient(*vectors, true_i, true_j), vectors, true_i, true_j) == []


@settings(max_examples=12)  # each takes up to twelve difference quotients of 50 digits
@given(vectors=vectors, true_i=losses, true_j=losses)
def test_learning_loss_pp_gradient_is_the_derivative_everywhere(vectors, true_i, true_j):
    with mpmath.workdps(DIGITS):
        gradient = closed_form.learning_loss_pp_gradient(*vectors, true_i, true_j)
        assert pp_failures(gradient, vectors, true_i, true_j) == []


def test_a_wrong_gradient_is_seen():
    """Negative controls: the other sign; the sign of θ_i for θ_j; a coefficient that is off by 1e-13."""
    vectors, true_i, true_j = PAIRS[0]
    right = closed_form.learning_loss_pp_gradient(*vectors, true_i, true_j)
    wrong = [
        right._replace(w=-right.w), right._replace(theta_j=right.theta_i), right._replace(w=right.w * (1 + 1e-13)),
    ]
    assert all(pp_failures(gradient, vectors, true_i, true_j) for gradient in wrong)


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize(("vectors", "true_i", "true_j"), PAIRS)
def test_learning_loss_gradient_is_the_derivative(vectors, true_i, true_j, margin):
    gradient = closed_form.learning_loss_gradient(*vectors, true_i, true_j, margin=margin)
    for name in NAMES.values():
        reference = numerical_gradient(lambda gap: ranking_loss(gap, true_i, true_j, margin), vectors, ORDER[name])
        scale = np.abs(vectors[0] - vectors[1]) if name == "w" else 0.0  # θ_i − θ_j is rounded once, w not at all
        assert disagreements(getattr(gradient, name), reference, UNIT * scale + QUOTIENT) == []


@given(gap=st.floats(-3.0, 3.0), true_i=losses, true_j=losses, margin=st.floats(0.0, 2.0))
def test_ranking_coefficient_is_the_slope_on_both_sides(gap, true_i, true_j, margin):
    """The loss is convex in d: any subgradient lies between the slopes on the left and on the right."""
    coefficient = closed_form.ranking_coefficient(gap, true_i, true_j, margin=margin)
    with mpmath.workdps(DIGITS):
        here, step = mpmath.mpf(gap), mpmath.mpf(10) ** -25
        at = [ranking_loss(here + shift, true_i, true_j, margin) for shift in (-step, 0, step)]
        left, right = (at[1] - at[0]) / step, (at[2] - at[1]) / step
        # The quotient errs by 10^(1 − DIGITS + 25).
        assert left - 1e-20 <= coefficient <= right + 1e-20


def test_ranking_conventions():
    """Ties have no gradient, nor has the kink; losses that differ by the last bit have the full one."""
    assert closed_form.ranking_coefficient([0.0, math.inf, -math.inf], 0.5, 0.5).tolist() == [0.0, 0.0, 0.0]
    assert closed_form.ranking_coefficient([1.0, np.nextafter(1.0, 0.0)], 2.0, 1.0).tolist() == [0.0, -1.0]
    assert closed_form.ranking_coefficient(0.0, 1e-300, np.nextafter(1e-300, 1.0)) == 1.0
    assert closed_form.ranking_coefficient(0.0, 0.0, 5e-324, margin=0.0) == 0.0
    assert closed_form.ranking_coefficient(1e6, 1e308, 1e-308, margin=1e7) == -1.0


@given(gap=st.floats(-800.0, 800.0), true_i=losses, true_j=losses)
def test_kl_coefficient_to_the_last_digits(gap, true_i, true_j):
    with mpmath.workdps(400):  # 1 − q_i at a gap of 800 begins at the 348th digit
        reference = 1 / (1 + mpmath.exp(-mpmath.mpf(gap))) - share(true_i, true_j)
        tolerance = coefficient_tolerance(gap, true_i, true_j)
        assert disagreements(closed_form.kl_coefficient(gap, true_i, true_j), [reference], tolerance) == []


def test_a_plain_difference_would_lose_its_digits():
    """Negative control: q_i − p_i as two doubles fails the tolerance that `kl_coefficient` keeps."""
    gap, true_i, true_j = 40.0, 1.0, 1e-17
    plain = closed_form.predicted_target(gap) - closed_form.true_target(true_i, true_j)
    reference = 1 / (1 + mpmath.exp(-mpmath.mpf(gap))) - share(true_i, true_j)
    assert disagreements(plain, [reference], coefficient_tolerance(gap, true_i, true_j))


@pytest.mark.parametrize(("gap", "true_i", "true_j", "value"), [
    (1e6, 0.0, 1e308, 1.0), (-1e6, 1e308, 0.0, -1.0), (1e6, 1e308, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0),
    (0.0, 1e308, 1e308, 0.0), (math.inf, 1.0, 1.0, 0.5), (-math.inf, 1.0, 3.0, -0.25), (0.0, 5e-324, 5e-324, 0.0),
])
def test_kl_coefficient_at_extremes(gap, true_i, true_j, value):
    assert closed_form.kl_coefficient(gap, true_i, true_j) == value


@given(true_i=st.floats(0.0, 1.7e308), true_j=st.floats(0.0, 1.7e308))
def test_true_targets_are_probabilities(true_i, true_j):
    p_i, p_j = closed_form.true_target(true_i, true_j), closed_form.true_target(true_j, true_i)
    with mpmath.workdps(700):  # losses 632 orders of magnitude apart
        # Two quotients and a sum.
        assert disagreements(p_i, [share(true_i, true_j)], 4.0 * UNIT * p_i + TINY) == []
    assert abs(p_i + p_j - 1.0) <= 4.0 * UNIT + UNIT


@given(vectors=vectors, true_i=losses, true_j=losses)
def test_supplementary_8_is_supplementary_9(vectors, true_i, true_j):
    theta_i, theta_j, _ = vectors
    factored = closed_form.learning_loss_pp_gradient(*vectors, true_i, true_j).w
    unfactored = closed_form.unfactored_gradient(*vectors, true_i, true_j)
    # Each probability errs by 4 units, its product by 1, three sums of terms below |θ| by 3; twice, for both sides.
    bound = 2.0 * 8.0 * UNIT * (np.abs(theta_i) + np.abs(theta_j)) + TINY
    assert np.all(np.abs(factored - unfactored) <= bound)
    swapped = closed_form.unfactored_gradient(*vectors, true_j, true_i)  # negative control: the targets exchanged
    exchanged = abs(2.0 * closed_form.true_target(true_i, true_j) - 1.0) * np.abs(theta_i - theta_j)
    assert np.all((np.abs(swapped - factored) > bound) | (exchanged <= 2.0 * bound))


def test_vectors_broadcast():
    generator = np.random.default_rng(3)
    theta_i, theta_j, w = generator.normal(size=(5, 1, 4)), generator.normal(size=(3, 4)), generator.normal(size=4)
    true_i, true_j = generator.gamma(4.0, size=(5, 1)), generator.gamma(4.0, size=3)
    gradient = closed_form.learning_loss_pp_gradient(theta_i, theta_j, w, true_i, true_j)
    assert [part.shape for part in gradient] == [(5, 3, 4)] * 3
    for name, part in zip(gradient._fields, gradient):
        one = closed_form.learning_loss_pp_gradient(theta_i[2, 0], theta_j[1], w, true_i[2, 0], true_j[1])
        assert np.array_equal(part[2, 1], getattr(one, name))
    ranked = closed_form.learning_loss_gradient(theta_i, theta_j, w, true_i, true_j, margin=[0.5, 1.0, 2.0])
    assert [part.shape for part in ranked] == [(5, 3, 4)] * 3
    assert closed_form.unfactored_gradient(theta_i, theta_j, w, true_i, true_j).shape == (5, 3, 4)
    assert closed_form.learning_loss_pp_hessian(theta_i, theta_j, w).shape == (5, 3, 4, 4)
    assert closed_form.gradient_lipschitz(theta_i, theta_j).shape == (5, 3)


# --- Hessian, minimiser, disagreement --------------------------------------------------------------------------------

@pytest.mark.parametrize(("vectors", "true_i", "true_j"), PAIRS[:3])
def test_hessian_is_the_second_derivative(vectors, true_i, true_j):
    theta_i, theta_j, w = vectors
    hessian = closed_form.learning_loss_pp_hessian(*vectors)
    fixed_i, fixed_j = exact(theta_i), exact(theta_j)

    def loss(*weights):
        return kl_loss(predicted_gap(fixed_i, fixed_j, weights), true_i, true_j)

    size = len(w)
    units = np.eye(size, dtype=int)
    orders = [tuple(int(n) for n in units[a] + units[b]) for a in range(size) for b in range(size)]
    references = [mpmath.diff(loss, tuple(exact(w)), order) for order in orders]
    # q_i q_j errs by 4 + 4 + 1 units, the gap by (n + 2) units of Σ|Δθ w| with |(q_i q_j)'| ≤ q_i q_j, Δθ twice by 1,
    # and two products by 2.
    difference = np.abs(theta_i - theta_j)
    relative = (13.0 + (size + 2) * np.sum(difference * np.abs(w))) * UNIT
    # A mixed second difference quotient is good to a third of the digits at least.
    assert disagreements(hessian, references, relative * np.abs(hessian) + 10.0 ** (-DIGITS // 3)) == []


@given(vectors=vectors)
def test_hessian_is_positive_semidefinite_and_bounded(vectors):
    theta_i, theta_j, _ = vectors
    hessian = closed_form.learning_loss_pp_hessian(*vectors)
    constant = closed_form.gradient_lipschitz(theta_i, theta_j)
    assert np.array_equal(hessian, np.swapaxes(hessian, -1, -2))
    eigenvalues = np.linalg.eigvalsh(hessian)
    # eigvalsh is backward stable: a small multiple of n units of the norm, which is at most the constant.
    slack = 10.0 * len(theta_i) * UNIT * constant + TINY
    assert eigenvalues[0] >= -slack and eigenvalues[-1] <= constant + slack
    flat = closed_form.learning_loss_pp_hessian(theta_i, theta_j, np.zeros_like(theta_i))  # d = 0
    assert abs(np.linalg.eigvalsh(flat)[-1] - constant) <= slack


@given(vectors=vectors, other=st.floats(-4.0, 4.0), true_i=losses, true_j=losses)
def test_gradient_is_lipschitz(vectors, other, true_i, true_j):
    theta_i, theta_j, w = vectors
    moved = w + other * (theta_i - theta_j)
    gradients = [closed_form.learning_loss_pp_gradient(theta_i, theta_j, v, true_i, true_j).w for v in (w, moved)]
    constant = closed_form.gradient_lipschitz(theta_i, theta_j)
    slack = sum(np.linalg.norm(gradient_tolerances(theta_i, theta_j, v, true_i, true_j)[0]) for v in (w, moved))
    assert np.linalg.norm(gradients[1] - gradients[0]) <= constant * np.linalg.norm(moved - w) * (1 + 1e-14) + slack


# Of v = log f + n log 2, where ½ < f < 2 is a quotient and |v| ≥ log 2: 1 for f, 2 |log f|, 2 |n| log 2 and |v|
# for the sum, at most 3.8 + 3 |v|. Nearer, a quotient and log1p, whose condition is below 1.5: 3.5 |v|.
MINIMISER_UNITS = 9.0


@given(true_i=st.floats(1e-320, 1.7e308), true_j=st.floats(1e-320, 1.7e308), factor=st.floats(0.1, 10.0))
def test_minimising_gap(true_i, true_j, factor):
    for other in (true_j, min(true_i * factor, 1.7e308)):
        gap = closed_form.minimising_gap(true_i, other)
        reference = mpmath.log(mpmath.mpf(true_i) / mpmath.mpf(other))
        assert disagreements(gap, [reference], float(MINIMISER_UNITS * UNIT * abs(reference))) == []
        # Whence the coefficient there: σ' = q_i q_j times the error of the gap, beside its own rounding.
        slope = closed_form.predicted_target(gap) * closed_form.predicted_target(-gap)
        bound = coefficient_tolerance(gap, true_i, other) + MINIMISER_UNITS * UNIT * abs(gap) * slope
        assert abs(closed_form.kl_coefficient(gap, true_i, other)) <= bound


@given(gap=st.floats(-20.0, 20.0), true_i=logarithmic(1e-6, 1e6), true_j=logarithmic(1e-6, 1e6))
def test_the_minimum_is_one(gap, true_i, true_j):
    with mpmath.workdps(DIGITS):
        lowest = mpmath.mpf(closed_form.minimising_gap(true_i, true_j))
        # The minimum is flat: a gap wrong by 9 units of 28 costs the square of that.
        assert kl_loss(mpmath.mpf(gap), true_i, true_j) >= kl_loss(lowest, true_i, true_j) - 1e-25


def opposite(gap, true_i, true_j, margin) -> bool:
    ranking = closed_form.ranking_coefficient(gap, true_i, true_j, margin=margin)
    return bool(ranking * closed_form.kl_coefficient(gap, true_i, true_j) < 0)


@given(true_i=losses, ratio=st.one_of(losses, st.floats(0.05, 20.0)), margin=st.floats(0.0, 3.0),
       gap=st.floats(-4.0, 4.0), inner=st.floats(0.01, 0.99))
def test_disagreement_interval_is_where_the_signs_differ(true_i, ratio, margin, gap, inner):
    true_j = true_i * ratio
    lower, upper = closed_form.disagreement_interval(true_i, true_j, margin=margin)
    if np.isnan(lower):
        assert np.isnan(upper) and not opposite(gap, true_i, true_j, margin)
        return
    assert lower < upper
    width = upper - lower
    if width > 1e-12:  # wider than the rounding of its ends, 9 units of 3
        assert opposite(lower + inner * width, true_i, true_j, margin)
    assert not opposite(lower - 1e-12, true_i, true_j, margin) and not opposite(upper + 1e-12, true_i, true_j, margin)
    if not lower - 1e-12 <= gap <= upper + 1e-12:
        assert not opposite(gap, true_i, true_j, margin)


def test_disagreement_intervals_that_are_known():
    lower, upper = closed_form.disagreement_interval([2.0, 1.0, 3.0, 1.0, 0.0, 0.0], [1.0, 2.0, 1.0, 1.0, 1.0, 0.0])
    assert np.array_equal(lower, [math.log(2.0), -1.0, *[math.nan] * 4], equal_nan=True)
    assert np.array_equal(upper, [1.0, -math.log(2.0), *[math.nan] * 4], equal_nan=True)


# --- bad input -------------------------------------------------------------------------------------------------------

# Every function of numbers, as a function of one of its arguments.
ONE_ARGUMENT = {
    "true_target true_i": lambda x: closed_form.true_target(x, 1.0),
    "true_target true_j": lambda x: closed_form.true_target(1.0, x),
    "ranking_coefficient true_i": lambda x: closed_form.ranking_coefficient(0.0, x, 1.0),
    "ranking_coefficient true_j": lambda x: closed_form.ranking_coefficient(0.0, 1.0, x),
    "ranking_coefficient margin": lambda x: closed_form.ranking_coefficient(0.0, 2.0, 1.0, margin=x),
    "kl_coefficient true_i": lambda x: closed_form.kl_coefficient(0.0, x, 1.0),
    "minimising_gap true_j": lambda x: closed_form.minimising_gap(1.0, x),
    "disagreement_interval true_i": lambda x: closed_form.disagreement_interval(x, 1.0)[0],
    "disagreement_interval margin": lambda x: closed_form.disagreement_interval(1.5, 1.0, margin=x)[0],
    "learning_loss_gradient true_i": lambda x: closed_form.learning_loss_gradient(*WORKED, x, 0.5).w[..., 1],
    "learning_loss_pp_gradient true_j": lambda x: closed_form.learning_loss_pp_gradient(*WORKED, 0.5, x).w[..., 1],
    "unfactored_gradient true_j": lambda x: closed_form.unfactored_gradient(*WORKED, 0.5, x)[..., 1],
    "penalised_share margin": lambda x: closed_form.penalised_share(shape=4, scale=0.066, margin=x),
    "penalised_share shape": lambda x: closed_form.penalised_share(shape=x, scale=0.066),
    "expected_divergence shape": lambda x: closed_form.expected_divergence(x),
}


@pytest.mark.parametrize("name", ONE_ARGUMENT)
def test_domains(name):
    """A scalar outside is an error that names it; an array element gives NaN, and leaves its neighbours alone."""
    function, argument = ONE_ARGUMENT[name], name.split()[1]
    for bad in (-1.0, math.nan, math.inf):
        with pytest.raises(DomainError, match=f"^{argument}: got .*; allowed: a finite real number") as raised:
            function(bad)
        assert raised.value.parameter == argument
    with pytest.raises(ArgumentError, match=f"^{argument}: "):
        function("much")
    values = function([-1.0, 0.75, math.nan, math.inf, 0.75])
    assert np.isnan(values[[0, 2, 3]]).all() and np.isfinite(values[[1, 4]]).all()
    assert values[1] == function(0.75)


def test_nan_gaps_give_nan():
    assert np.isnan(closed_form.predicted_target(math.nan))
    assert np.isnan(closed_form.kl_coefficient(math.nan, 1.0, 2.0))
    assert np.isnan(closed_form.ranking_coefficient([math.nan, math.nan], [1.0, 1.0], [2.0, 1.0])).all()


def test_nan_features_give_nan():
    theta = np.array([[1.0, math.nan], [1.0, 2.0], [math.inf, 2.0]])
    gradient = closed_form.learning_loss_pp_gradient(theta, [0.0, 0.0], [1.0, 1.0], 1.0, 2.0)
    assert [np.isnan(part).any(axis=-1).tolist() for part in gradient] == [[True, False, True]] * 3


@pytest.mark.parametrize(("call", "parameter"), [
    (lambda: closed_form.true_target([1.0, 2.0], [1.0, 2.0, 3.0]), "true_i"),
    (lambda: closed_form.kl_coefficient([0.0, 1.0], [1.0, 2.0, 3.0], 1.0), "gap"),
    (lambda: closed_form.learning_loss_gradient([1.0, 2.0], [1.0, 2.0], [1.0], 1.0, 2.0), "w"),
    (lambda: closed_form.learning_loss_pp_gradient([1.0, 2.0], [1.0], [1.0, 2.0], 1.0, 2.0), "theta_j"),
    (lambda: closed_form.learning_loss_pp_gradient(*WORKED, [1.0, 2.0], [1.0, 2.0, 3.0]), "true_i"),
    (lambda: closed_form.learning_loss_pp_gradient(np.ones((2, 3)), *WORKED[1:], [1.0, 2.0, 3.0], 1.0), "true_i"),
    (lambda: closed_form.unfactored_gradient(np.ones((2, 3)), np.ones((4, 3)), np.ones(3), 1.0, 1.0), "theta_i"),
    (lambda: closed_form.learning_loss_pp_hessian(1.0, 2.0, 3.0), "theta_i"),
    (lambda: closed_form.gradient_lipschitz([1.0, 2.0], [1.0, 2.0, 3.0]), "theta_j"),
])
def test_shapes_that_do_not_fit(call, parameter):
    with pytest.raises(BroadcastError, match=f"^{parameter}: got .*; allowed: "):
        call()
