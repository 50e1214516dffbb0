"""What must hold between the functions of the law, at every shape: drawn by Hypothesis."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import beta, betainc, gammaln

import gammaprob as g
from tests.strategies import gaps, logarithmic, scales, shapes, small_integers, tail_probabilities, typical_gaps

EPS = np.finfo(float).eps
# The promise of `gammaprob.gap` for one value; relations between n values allow n of them.
PROMISED = 1e-13
# A logarithmic derivative of at most this times the four roundings of each input that the promise allows on top.
FOUR_ROUNDINGS = 4 * EPS / 2

shape_and_gap = shapes.flatmap(lambda k: st.tuples(st.just(k), typical_gaps(k)))


def conditioning(k, z):
    """|d log p/d log z| + |d log p/d log k| up to a factor: both grow like the exponents z and z²/k of the tails."""
    return 10.0 + z + z * z / k


@given(shapes, gaps)
def test_complement(k, z):
    assert g.gap_cdf(z, shape=k, scale=1) + g.gap_sf(z, shape=k, scale=1) == pytest.approx(1, abs=2 * PROMISED)


@given(shapes, gaps)
def test_logarithms_belong_to_the_values(k, z):
    for log_function, function in ((g.gap_logcdf, g.gap_cdf), (g.gap_logsf, g.gap_sf), (g.gap_logpdf, g.gap_pdf)):
        value, log_value = (f(z, shape=k, scale=1) for f in (function, log_function))
        if value > 1e-300:
            assert np.exp(log_value) == pytest.approx(value, rel=2 * PROMISED + 2 * EPS * abs(log_value))


@given(shapes, gaps, st.floats(1e-6, 1.0))
def test_monotonicity(k, z, growth):
    near, far = z, z * (1 + growth)
    rising, falling = (g.gap_cdf, g.gap_logcdf), (g.gap_sf, g.gap_logsf, g.expected_target)
    for function, sign in [(f, 1) for f in rising] + [(f, -1) for f in falling]:
        low, high = function(near, shape=k, scale=1), function(far, shape=k, scale=1)
        assert sign * (high - low) >= -PROMISED * abs(low)


@given(shapes, gaps, scales)
def test_scaling(k, z, theta):
    """(δ, Θ) enters through δ/Θ alone, and the density is per unit of δ. Rounding δ = zΘ moves exponents by an ulp."""
    delta = z * theta
    slack = PROMISED + FOUR_ROUNDINGS * conditioning(k, z)
    for function, power in (
        (g.gap_cdf, 0), (g.gap_sf, 0), (g.gap_pdf, 1), (g.expected_target, 0),
    ):  # fmt: skip
        unit = function(z, shape=k, scale=1)
        if unit > 1e-300:
            assert function(delta, shape=k, scale=theta) * theta**power == pytest.approx(unit, rel=slack)


@given(shape_and_gap)
def test_density_is_the_derivative_of_the_cdf(point):
    """The probability of a short strip is its width times a Gauss-Legendre mean of the density."""
    k, z = point
    # Short enough for the exponent to change by about 5, which 24 nodes integrate far below rounding.
    low, high = z, z * (1 + min(0.5, 5 / conditioning(k, z)))
    nodes, weights = np.polynomial.legendre.leggauss(24)
    s = 0.5 * (low + high) + 0.5 * (high - low) * nodes
    integral = 0.5 * (high - low) * weights @ g.gap_pdf(s, shape=k, scale=1)
    sf = g.gap_sf([low, high], shape=k, scale=1)
    if sf[0] < 1e-290:
        return
    # The difference of two survival functions is off by what both are.
    slack = PROMISED + FOUR_ROUNDINGS * conditioning(k, z)
    assert integral == pytest.approx(sf[0] - sf[1], rel=slack, abs=4 * slack * sf[0])


@given(small_integers, gaps)
def test_recurrence_of_the_density_in_the_shape(k, z):
    """K_{ν+1} = K_{ν−1} + (2ν/z) K_ν (DLMF 10.29.1), written for p_k ∝ (z/2)^ν K_ν(z)/Γ(k)."""
    below, here, above = g.gap_pdf(z, shape=[k, k + 1, k + 2], scale=1)
    expected = (z * z / 4 * below / k + (k + 0.5) * here) / (k + 1)
    if expected > 1e-300:
        assert above == pytest.approx(expected, rel=2 * PROMISED + FOUR_ROUNDINGS * conditioning(k, z))


@given(small_integers, gaps)
def test_real_kernel_equals_integer_kernel(k, z):
    """The polynomial of integer shape against the integral of real shape, reached through a second, unlike shape."""
    integer = g.gap_sf(z, shape=k, scale=1)
    real = g.gap_sf(z, shape=[float(k), k + 0.5], scale=1)[0]
    if integer > 1e-300:
        assert real == pytest.approx(integer, rel=8e-15 + FOUR_ROUNDINGS * z)


@given(shapes.filter(lambda k: k < 50), logarithmic(1e-2, 20.0))
def test_beta_representation(k, z):
    """p_i ~ Beta(k, k) independent of T ~ Gamma(2k): P(|X − Y| ≤ δ) = E_T P(|2B − 1| ≤ δ/T)."""

    def integrand(log_t):
        t = np.exp(log_t)
        inside = 1.0 if t <= z else betainc(k, k, 0.5 + 0.5 * z / t) - betainc(k, k, 0.5 - 0.5 * z / t)
        return inside * np.exp(2 * k * log_t - t - log_norm)

    log_norm = gammaln(2 * k)
    # Below `low` the density of log T has fallen by e^40: 2k (e^−s − 1 + s) ≥ 2k s²/(2 + s) = 40.
    ratio = 40 / (2 * k)
    low = np.log(2 * k) - 0.5 * (ratio + np.sqrt(ratio * (ratio + 8)))
    high = np.log(2 * k + 60 + 12 * np.sqrt(2 * k))
    edges = [low, np.log(z), high] if low < np.log(z) < high else [low, high]
    total = sum(quad(integrand, a, b, epsabs=0, epsrel=1e-11, limit=400)[0] for a, b in zip(edges, edges[1:]))
    # quad is asked for 1e-11 of each of two parts, of integrands that betainc gives to some 1e-13 of at least its
    # spread.
    assert g.gap_cdf(z, shape=k, scale=1) == pytest.approx(total, rel=1e-10)


@given(shapes, tail_probabilities)
def test_quantiles_round_trip(k, q):
    for ppf, value in ((g.gap_ppf, g.gap_logcdf), (g.gap_isf, g.gap_logsf)):
        z = ppf(q, shape=k, scale=1)
        if 1e-300 < z < np.inf:
            # z is rounded, which moves log F by at most its condition number, min(1, 2k) or so, and log S by that of S.
            slack = 1e-12 + FOUR_ROUNDINGS * conditioning(k, z) if z > 0 else 0
            assert value(z, shape=k, scale=1) == pytest.approx(np.log(q), abs=slack * (1 + abs(np.log(q))))


@given(shapes, st.lists(tail_probabilities, min_size=2, max_size=5))
def test_quantiles_are_monotone(k, qs):
    z = g.gap_isf(np.sort(qs), shape=k, scale=1)
    assert (np.diff(z) <= 1e-12 * z[:-1]).all()


@given(shapes.filter(lambda k: k < 1e4), logarithmic(1e-3, 1e3))
def test_differential_equation_of_the_target(k, z):
    """R = 1 − 2φ solves R' = −1 + R K_{ν+1}/K_ν, in which K_{ν+1}/K_ν = 2 (k/z) p_{k+1}/p_k."""
    h = 1e-3 * z
    stencil = g.expected_target(z + h * np.arange(-3, 4), shape=k, scale=1)
    # Seventh-point central difference: error h^6 φ^(7)/140, and rounding of about 2 ulp(φ)/h.
    slope = stencil @ np.array([-1, 9, -45, 0, 45, -9, 1]) / (60 * h)
    ratio = 2 * k / z * np.exp(g.gap_logpdf(z, shape=k + 1, scale=1) - g.gap_logpdf(z, shape=k, scale=1))
    remainder = 1 - 2 * stencil[3]
    expected = 0.5 * (1 - remainder * ratio)
    # Both sides of the equation cancel between −1 and R·ratio; 1 − 2φ is known to an ulp of ½, times the ratio.
    assert slope == pytest.approx(expected, rel=1e-9, abs=4 * PROMISED * (1 + ratio) + 8 * EPS / h)


@given(shapes, gaps)
def test_bounds_of_the_target(k, z):
    """0 < φ ≤ ½ and, by Jensen applied to x/(2x + δ) (concave), φ ≤ m/(2m + δ) with m = E[X | Y − X = δ]."""
    phi = g.expected_target(z, shape=k, scale=1)
    assert 0 < phi <= 0.5 + EPS
    # Given the gap, 2X/Θ has density ∝ u^{k−1}(u + 2z)^{k−1}e^{−u}: log-concave weights give E[u] ≤ 2k (k ≥ 1).
    if k >= 1:
        assert phi <= 0.5 * (2 * k) / (2 * k + z) * (1 + PROMISED)


@given(small_integers, logarithmic(1e-3, 1e2))
def test_target_from_exponential_integral_terms(k, z):
    """φ = ½ (1 − Σ f I / Σ f) over the n = k terms: the paper's closed form, freed of its 0/0 (math for integer k)."""
    i = np.arange(k)
    log_f = np.log([comb(k - 1, int(j)) for j in i]) + gammaln(k + i) - (k + i) * np.log(2) + (k - 1 - i) * np.log(z)
    f = np.exp(log_f - log_f.max())
    terms = g.exponential_integral_term(z, order=k + i, scale=1)
    # 1 − ΣfI/Σf cancels as φ → 0; gammaln costs (k + i) log(k + i) roundings.
    error = 1e-13 + EPS * 4 * k * (1 + np.log(k + 1))
    assert g.expected_target(z, shape=k, scale=1) == pytest.approx(0.5 * (1 - f @ terms / f.sum()), abs=error)


@given(logarithmic(1e-3, 1e6), gaps)
def test_recurrence_of_the_exponential_integral_term(u, z):
    """u E_{u+1}(z) + z E_u(z) = e^−z (DLMF 8.19.12): I(u+1) u/z + I(u) = 1."""
    here, next_one = g.exponential_integral_term(z, order=[u, u + 1], scale=1)
    # u + 1 is rounded, which moves I(u + 1) by eps/2 relative at most; all terms are positive.
    assert next_one * (u / z) + here == pytest.approx(1, rel=2 * PROMISED)


@given(shapes, scales)
def test_limits(k, theta):
    ends = np.array([-np.inf, -1.0, 0.0, np.inf])
    assert g.gap_cdf(ends, shape=k, scale=theta).tolist() == [0, 0, 0, 1]
    assert g.gap_sf(ends, shape=k, scale=theta).tolist() == [1, 1, 1, 0]
    assert g.gap_logsf(ends, shape=k, scale=theta).tolist() == [0, 0, 0, -np.inf]
    assert g.gap_logcdf(ends, shape=k, scale=theta).tolist() == [-np.inf, -np.inf, -np.inf, 0]
    density = g.gap_pdf(ends, shape=k, scale=theta)
    assert density[[0, 1, 3]].tolist() == [0, 0, 0]
    assert np.isinf(density[2]) if k <= 0.5 else np.isfinite(density[2])
    assert g.expected_target(np.inf, shape=k, scale=theta) == 0
    assert g.expected_target(0.0, shape=max(k, 0.5), scale=theta) == pytest.approx(0.5, rel=PROMISED)


@given(logarithmic(2.0, 1e6))
def test_small_and_large_gaps_of_the_target(k):
    """φ' (0) = −1/(4(k − 1)Θ) for k > 1, and φ ~ kΘ/2δ as δ → ∞ (next terms: z² log z and k²/z)."""
    z = 1e-7
    slope = (g.expected_target(z, shape=k, scale=1) - 0.5) / z
    # ½ is rounded to eps/2, divided by z.
    assert slope == pytest.approx(-1 / (4 * (k - 1)), abs=EPS / z + 40 * z)
    far = 1e9 * k
    assert g.expected_target(far, shape=k, scale=1) * 2 * far / k == pytest.approx(1, abs=4e-9)


@given(st.floats(0.02, 0.48))
def test_target_at_zero_gap_below_one_half(k):
    """φ(0+) for k < ½ is the limit of the integrals, which it approaches like z^{1−2k}."""
    z = max(10.0 ** (-9 / (1 - 2 * k)), 1e-200)
    limit, near = (g.expected_target(gap, shape=k, scale=1) for gap in (0.0, z))
    assert limit < 0.5
    assert near == pytest.approx(limit, abs=z ** (1 - 2 * k) + PROMISED)


@given(shape_and_gap, st.floats(0.0, 1.0))
def test_strips_add_up(point, fraction):
    k, z = point
    middle = z * fraction
    whole = g.strip_probability(-z, z, shape=k, scale=1)
    parts = g.strip_probability([-z, 0.0, middle], [0.0, middle, z], shape=k, scale=1)
    assert whole == pytest.approx(g.gap_cdf(z, shape=k, scale=1), rel=2 * PROMISED)
    assert parts.sum() == pytest.approx(whole, rel=6 * PROMISED)


@given(shape_and_gap, logarithmic(1e-12, 1e-2))
def test_narrow_strip_is_density_times_width(point, width):
    k, z = point
    if g.gap_sf(z, shape=k, scale=1) < 1e-280:
        return
    high = z * (1 + width)
    strip = g.strip_probability(z, high, shape=k, scale=1)
    mean_density = g.difference_pdf(np.array([z, 0.5 * (z + high), high]), shape=k, scale=1) @ [1, 4, 1] / 6
    # Simpson's rule errs by (width·z)^4 p''''/2880, the exponent's fourth power at most.
    slack = 1e-12 + FOUR_ROUNDINGS * conditioning(k, z) + (width * conditioning(k, z)) ** 4 / 1000
    assert strip == pytest.approx(mean_density * (high - z), rel=slack)


@given(shapes, gaps)
def test_mirror_images(k, z):
    assert g.difference_pdf(-z, shape=k, scale=1) == g.difference_pdf(z, shape=k, scale=1)
    assert 2 * g.difference_pdf(z, shape=k, scale=1) == g.gap_pdf(z, shape=k, scale=1)
    assert g.expected_target(-z, shape=k, scale=1) == 1 - g.expected_target(z, shape=k, scale=1)
    assert g.strip_probability(-2 * z, -z, shape=k, scale=1) == g.strip_probability(z, 2 * z, shape=k, scale=1)


@given(st.sampled_from([0.4, 1.0, 2.82, 4.0, 31.5]))
def test_mean_target_over_all_pairs(k):
    """Averaged over the law of the gap, φ is the mean of min(p, 1 − p) for p ~ Beta(k, k): ½ − E|p − ½|."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    u = 0.5 * (1 + nodes)  # gap quantiles; φ is smooth in u but for a weak branch point at u = 0
    mean = 0.5 * weights @ g.expected_target(g.gap_ppf(u, shape=k, scale=1), shape=k, scale=1)
    expected = 0.5 - 0.25 ** k / (k * beta(k, k))
    assert mean == pytest.approx(expected, rel=1e-5)
