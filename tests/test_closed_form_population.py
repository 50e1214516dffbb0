"""Closed forms over random pairs of gamma losses: against quadrature, simulation and 300-digit digammas."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma

import gammaprob
from gammaprob.errors import DomainError
from gradients import closed_form
from tests.derivatives import DIGITS, UNIT, disagreements

SHAPES = (0.3, 0.5, 1.0, 2.5, 4.0, 40.0)
GAP_CDF = 1e-13  # the relative error that `gammaprob.gap` documents
QUADRATURE = 1e-20  # the tanh-sinh rule on a bounded integrand, in 50 digits


@pytest.fixture(autouse=True)
def many_digits():
    with mpmath.workdps(DIGITS):
        yield


def mean(function, shape):
    """E f(p) for p ~ Beta(k, k) and f symmetric about ½: twice the lower half, in u = p^k, which tames p^(k−1)."""
    k = mpmath.mpf(shape)

    def integrand(u):
        p = u ** (1 / k)
        return function(p) * (1 - p) ** (k - 1)

    return 2 * mpmath.quad(integrand, [0, mpmath.mpf(2) ** -k]) / (k * mpmath.beta(k, k))


@pytest.mark.parametrize("shape", SHAPES)
def test_coefficient_law_is_that_of_half_minus_p(shape):
    law, k = closed_form.coefficient_law(shape), mpmath.mpf(shape)
    assert abs(mean(lambda p: 1, shape) - 1) < QUADRATURE
    assert abs(mean(lambda p: (mpmath.mpf(1) / 2 - p) ** 2, shape) - 1 / (4 * (2 * k + 1))) < QUADRATURE
    assert abs(mean(lambda p: abs(mpmath.mpf(1) / 2 - p), shape) - 4**-k / (k * mpmath.beta(k, k))) < QUADRATURE
    # scipy's variance is a quotient of polynomials of degree 3 in k: a dozen roundings.
    assert law.mean() == 0.0 and abs(law.var() * 4 * (2 * shape + 1) - 1) <= 12 * UNIT
    assert law.support() == (-0.5, 0.5) and law.stats("s") == 0.0
    # The density at ¼, p = ¾: two powers of condition k, and the beta function of about the same.
    density = (mpmath.mpf(3) / 16) ** (k - 1) / mpmath.beta(k, k)
    for c in (-0.25, 0.25):
        assert disagreements(law.pdf(c), [density], float(density) * (20 + 10 * shape) * UNIT) == []


@pytest.mark.parametrize("shape", [0.5, 1.0, 4.0])
def test_coefficient_law_is_that_of_simulated_pairs(shape):
    size = 40_000
    generator = np.random.default_rng(11)
    true_i, true_j = generator.gamma(shape, 0.066, size=(2, size))
    drawn = closed_form.kl_coefficient(0.0, true_i, true_j)
    # Dvoretzky, Kiefer, Wolfowitz: the distance exceeds this with probability 2 exp(−2 n t²) = 1e-9.
    limit = math.sqrt(math.log(2e9) / (2 * size))
    assert stats.kstest(drawn, closed_form.coefficient_law(shape).cdf).statistic <= limit
    assert stats.kstest(drawn, closed_form.coefficient_law(1.3 * shape).cdf).statistic > limit  # negative control


@pytest.mark.parametrize(("shape", "scale", "margin"), [(4.0, 0.066, 0.1), (4.0, 0.066, 1.0), (0.5, 1.0, 0.3)])
def test_penalised_share_counts_the_pairs_with_a_gradient(shape, scale, margin):
    size = 40_000
    generator = np.random.default_rng(12)
    true_i, true_j = generator.gamma(shape, scale, size=(2, size))
    penalised = np.abs(closed_form.ranking_coefficient(true_i - true_j, true_i, true_j, margin=margin)).mean()
    expected = closed_form.penalised_share(shape=shape, scale=scale, margin=margin)
    # Six standard errors, and three counts for the shares near 1, where the normal limit is not reached.
    assert abs(penalised - expected) <= 6 * math.sqrt(expected * (1 - expected) / size) + 3 / size


def test_penalised_share_of_the_paper():
    """P(|X − Y| ≤ 1) by quadrature of the densities, for k = 4 and Θ = 0.066: all but 33 of a million pairs."""
    def density(t):
        return t**3 * mpmath.exp(-t) / 6

    def difference(z):  # density of (X − Y)/Θ
        return mpmath.quad(lambda t: density(t) * density(t + z), [0, 2, 8, 20, 80])

    with mpmath.workdps(20):
        z = 1 / mpmath.mpf(0.066)
        reference = 1 - 2 * mpmath.quad(difference, [z, z + 10, z + 30, z + 80])
        assert disagreements(closed_form.penalised_share(shape=4, scale=0.066), [reference], GAP_CDF) == []


# Some ten significant roundings: s, its powers, 2k + 1, and the last of the sums; the terms are positive.
DIVERGENCE_UNITS = 16.0


def divergence_failures(function) -> list[str]:
    shapes = np.concatenate([np.geomspace(1e-6, 1e8, 60), [0.5, 1.0, 4.0, 1e15, 1e200, 1e307]])
    failures = []
    for shape in shapes:
        with mpmath.workdps(340):  # two digammas of 1e307 agree in 309 digits
            k = mpmath.mpf(float(shape))
            reference = mpmath.log(2) - mpmath.digamma(2 * k + 1) + mpmath.digamma(k + 1)
            failures += disagreements(function(shape), [reference], float(DIVERGENCE_UNITS * UNIT * reference))
    return failures


def test_expected_divergence():
    assert divergence_failures(closed_form.expected_divergence) == []


def test_a_divergence_that_cancels_is_seen():
    """Negative control: the printed form in doubles."""
    assert divergence_failures(lambda k: math.log(2) - digamma(2 * k + 1) + digamma(k + 1))


@pytest.mark.parametrize("shape", SHAPES)
def test_expected_divergence_is_an_expectation(shape):
    def divergence(p):
        return mpmath.log(2) + sum(part * mpmath.log(part) for part in (p, 1 - p) if part)

    reference = mean(divergence, shape)
    tolerance = float(DIVERGENCE_UNITS * UNIT * reference)
    assert disagreements(closed_form.expected_divergence(shape), [reference], tolerance) == []


def test_expected_gradient_is_that_of_gammaprob():
    assert closed_form.expected_gradient is gammaprob.expected_gradient
    assert closed_form.expected_target is gammaprob.expected_target


@pytest.mark.parametrize("shape", [0.0, -1.0, math.nan, math.inf])
def test_coefficient_law_domain(shape):
    with pytest.raises(DomainError, match="^shape: "):
        closed_form.coefficient_law(shape)
