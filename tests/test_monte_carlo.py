"""The simulation: its draws have the law they claim, its z-scores are standard normal, and a wrong law is noticed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gammaprob import certified, monte_carlo
from gammaprob.errors import ArgumentError, ConvergenceError, DomainError
from gammaprob.monte_carlo import Mean, Share

# One case for every envelope: tangent (k >= 1), gamma (k < 1, δ >= Θ), power (k < 1, δ < Θ) with 2k − 1 < 0, = 0, > 0.
CONDITIONAL = [
    (1, 0.7), (1.001, 1e-6), (2.82, 0.3), (4, 1.5), (150.25, 7.6), (1e4, 30),
    (0.3, 1), (0.54, 7.6), (0.9, 80),
    (0.07, 0.3), (0.3, 1e-5), (0.5, 0.01), (0.54, 0.999), (0.9, 1e-3),
]
# √n · D of a sample of the tested law exceeds 2.5 with probability 2 e^(-2 · 2.5²) = 7e-6 (Kolmogorov's law).
KOLMOGOROV_LIMIT = 2.5
# Two-sided normal tail of 2e-9, as in the tables.
Z_LIMIT = 6.0
DRAWS = 20_000


def conditional_cdf(u, shape, z):
    """The law of X/Θ given Y − X = δ at the points u, by the trapezoid rule in log u: exact to 1e-9 where it matters.

    The step of 0.002/√k resolves the density's width in log u, which is at least 0.7/√k; it begins at a mass below
    1e-9.
    """
    low, high = -21.0 / min(shape, 1.0) + min(0.0, math.log(z)), math.log(40.0 + 4.0 * shape)
    if shape > 50:
        mode = ((shape - 1) - z + math.hypot(shape - 1, z)) / 2
        low, high = math.log(mode) - 12 / math.sqrt(shape), math.log(mode) + 12 / math.sqrt(shape)
    t = np.arange(low, high, 0.002 / math.sqrt(max(shape, 1.0)))
    logs = shape * t + (shape - 1.0) * np.log(np.exp(t) + z) - 2.0 * np.exp(t)
    mass = np.cumsum(np.exp(logs - logs.max()))
    return np.interp(np.log(np.maximum(u, 1e-300)), t, mass / mass[-1])


def kolmogorov(draws, shape, z):
    """√n · D of the draws against the conditional law at gap z."""
    u = np.sort(draws)
    cdf = conditional_cdf(u, shape, z)
    steps = np.arange(u.size + 1) / u.size
    return math.sqrt(u.size) * max(np.max(cdf - steps[:-1]), np.max(steps[1:] - cdf))


@pytest.mark.parametrize(("shape", "z"), CONDITIONAL)
def test_conditional_draws_have_the_conditional_density(shape, z):
    scale = 3.0
    draws = monte_carlo.conditional_draws(z * scale, shape=shape, scale=scale, seed=1, draws=DRAWS)
    assert draws.shape == (DRAWS,)
    assert kolmogorov(draws / scale, shape, z) < KOLMOGOROV_LIMIT


def test_the_density_test_notices_a_wrong_gap_and_a_wrong_scale():
    draws = monte_carlo.conditional_draws(1.5, shape=4, scale=1, seed=1, draws=DRAWS)
    assert kolmogorov(draws, 4, 1.5) < KOLMOGOROV_LIMIT < kolmogorov(draws, 4, 1.9)
    assert kolmogorov(draws / 0.95, 4, 1.5) > KOLMOGOROV_LIMIT


def test_draws_at_gap_zero_are_gamma():
    """(x x)^(k−1) e^(−2x) is Gamma(2k−1, ½): mean (2k−1)/2, variance (2k−1)/4."""
    draws = monte_carlo.conditional_draws(0.0, shape=4, scale=1, seed=3, draws=DRAWS)
    assert abs(draws.mean() - 3.5) < Z_LIMIT * math.sqrt(7 / 4 / DRAWS)


def test_z_scores_against_the_exact_law_are_standard_normal():
    scores = []
    for index, (shape, z) in enumerate(CONDITIONAL):
        for quantity in ("gap_cdf", "expected_target"):
            true = float(getattr(certified, quantity)(z, shape=shape, scale=1, digits=20))
            simulated = getattr(monte_carlo, quantity)(z, shape=shape, scale=1, seed=[7, index], draws=DRAWS)
            scores.append(simulated.z_score(true))
    assert max(map(abs, scores)) < Z_LIMIT
    # The sum of n squared standard normals has mean n and variance 2n.
    count = len(scores)
    assert abs(sum(score**2 for score in scores) - count) < Z_LIMIT * math.sqrt(2 * count)


@pytest.mark.parametrize("quantity", ["gap_cdf", "expected_target"])
def test_a_wrong_law_is_noticed(quantity):
    """Negative control: the value for a scale that is wrong by 5 % is many standard errors away."""
    simulated = getattr(monte_carlo, quantity)(0.1, shape=4, scale=0.066, seed=0)
    wrong = float(getattr(certified, quantity)("0.1", shape="4", scale="0.0693", digits=20))
    assert abs(simulated.z_score(wrong)) > Z_LIMIT


@pytest.mark.parametrize("shape", [0.01, 0.25, 0.499, 0.5, 4])
def test_the_limit_at_gap_zero(shape):
    simulated = monte_carlo.expected_target(0.0, shape=shape, scale=2, seed=5)
    assert abs(simulated.z_score(float(certified.expected_target(0, shape=shape, scale=2, digits=20)))) < Z_LIMIT


def test_a_negative_gap_mirrors_the_pair():
    forward, mirrored = (monte_carlo.expected_target(d, shape=4, scale=1, seed=5, draws=1000) for d in (0.7, -0.7))
    # Rounding of 1 − p in each draw, and of the mean.
    assert mirrored.mean == pytest.approx(1 - forward.mean, abs=4 * 2**-53)
    assert monte_carlo.gap_cdf(-0.7, shape=4, scale=1, seed=5, draws=1000).hits == 0


def test_same_seed_same_draws_and_other_seed_other_draws():
    first, again, other = (monte_carlo.gap_cdf(0.1, shape=4, scale=0.066, seed=s, draws=5000) for s in (1, 1, 2))
    assert first == again != other


def test_share_z_score():
    # Many hits and misses: (mean − p)/√(p(1−p)/n) up to its next order, (1−2p)/(6√(np(1−p)))·z² = 0.02 here.
    share = Share(hits=30_300, draws=100_000)
    assert share.z_score(0.3) == pytest.approx((0.303 - 0.3) / math.sqrt(0.3 * 0.7 / 100_000), abs=0.02)
    assert share.standard_error == pytest.approx(math.sqrt(0.303 * 0.697 / 100_000), rel=1e-15)
    assert Share(0, 1000).z_score(0.0) == 0.0 and Share(1000, 1000).z_score(1.0) == 0.0
    assert Share(1, 1000).z_score(0.0) == math.inf and Share(999, 1000).z_score(1.0) == -math.inf
    # One hit where 1/1000 is expected has probability 1e-3, a normal tail of 3.1 to 3.5; none at all is no surprise.
    assert 3.0 < Share(1, 1000).z_score(1e-6) < 4.0
    assert -0.1 < Share(0, 1000).z_score(1e-6) < 0.0


def test_mean_z_score_without_spread():
    assert Mean(0.5, 0.0).z_score(0.5) == 0.0
    assert Mean(0.5, 0.0).z_score(0.4) == math.inf


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: monte_carlo.gap_cdf(0.1, shape=-1, scale=1, seed=0), DomainError, "shape: got -1.0"),
    (lambda: monte_carlo.gap_cdf(0.1, shape=4, scale=1, seed=0, draws=0), ArgumentError, "draws: got 0"),
    (lambda: monte_carlo.expected_target(0.1, shape=1e-3, scale=1, seed=0), ConvergenceError, "at least 0.004"),
    (lambda: monte_carlo.conditional_draws(-0.1, shape=4, scale=1, seed=0), DomainError, "delta: got -0.1"),
    (lambda: monte_carlo.conditional_draws(0.0, shape=0.5, scale=1, seed=0), DomainError, "shape is at most 1/2"),
])
def test_named_errors(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
