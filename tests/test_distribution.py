"""`gamma_gap`: SciPy's own generic checks, closed forms against mpmath, sampling, fitting; negative controls."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from unittest import mock

import mpmath
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.special import gammaln, kve
from scipy.stats.tests import common_tests

from gammaprob import distribution, gap
from gammaprob.distribution import gamma_gap
from gammaprob.errors import ArgumentError, DomainError

# SciPy's file uses marks that SciPy's own pytest configuration declares: it is imported with marks that no
# configuration checks. Its functions are called from here, so that none of these marks acts.
with mock.patch.object(pytest, "mark", type(pytest.mark)(_ispytest=True)):
    from scipy.stats.tests import test_continuous_basic as continuous_basic

EPS = np.finfo(float).eps
DIGITS = 40
FIVE_SIGMA = 5.0
SHAPES = (0.3, 0.5, 1.0, 2.82, 4.0, 40.0)


# --- SciPy's own checks ---------------------------------------------------------------------------------------------

@pytest.fixture
def scipy_knows_gamma_gap(monkeypatch):
    """Let SciPy's test functions find the distribution by name, as they find their own."""
    for module in (stats, stats.distributions):
        monkeypatch.setattr(module, "gamma_gap", gamma_gap, raising=False)
    # The one check left out, for gamma, beta, chi2 and some fifty others of SciPy too: methods at complex arguments.
    # The law's functions are real; `test_complex_arguments_are_refused` holds what happens instead.
    monkeypatch.setattr(continuous_basic, "fails_cmplx", continuous_basic.fails_cmplx | {"gamma_gap"})


@pytest.mark.usefixtures("scipy_knows_gamma_gap")
@pytest.mark.parametrize("shape", SHAPES)
class TestSciPysGenericChecks:
    """Everything that scipy/stats/tests/test_continuous_basic.py does for each distribution of SciPy."""

    def test_cont_basic(self, shape):
        continuous_basic.test_cont_basic("gamma_gap", (shape,), sn=500, num_parallel_threads=1)

    def test_moments(self, shape):
        continuous_basic.test_moments("gamma_gap", (shape,), True, True, True, False)

    @pytest.mark.parametrize("method", ["MLE", "MM"])
    @pytest.mark.parametrize("fix_args", [True, False])
    def test_fit(self, shape, method, fix_args):
        continuous_basic.test_cont_basic_fit("gamma_gap", (shape,), 200, method, fix_args)

    def test_rvs_scalar(self, shape):
        continuous_basic.test_rvs_scalar("gamma_gap", (shape,))

    def test_rvs_broadcast(self, shape):
        """As test_rvs_broadcast there; like every sampler of two draws a value, compared by the shape of the result."""
        arguments = [shape * np.ones((4, 1, 1)), np.zeros(2), np.ones((3, 1))]
        common_tests.check_rvs_broadcast(gamma_gap, "gamma_gap", arguments, [4, 3, 2], True, "d")

    @pytest.mark.parametrize("method", ["pdf", "logpdf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf"])
    def test_methods_with_lists(self, shape, method):
        continuous_basic.test_methods_with_lists(method, "gamma_gap", (shape,))


@pytest.mark.usefixtures("scipy_knows_gamma_gap")
@pytest.mark.parametrize("method, wrong", [
    ("_sf", lambda self, x, shape: gap.gap_sf(x, shape=shape, scale=2.0)),  # rate and scale swapped, at scale ½
    ("_pdf", lambda self, x, shape: gap.gap_pdf(x, shape=shape, scale=1.0) / 2),  # a factor 2 dropped
    ("_logcdf", lambda self, x, shape: -gap.gap_logcdf(x, shape=shape, scale=1.0)),  # a wrong sign
    ("_ppf", lambda self, q, shape: gap.gap_isf(q, shape=shape, scale=1.0)),  # the other tail
    ("_rvs", lambda self, shape, size=None, random_state=None: random_state.standard_gamma(shape, size)),
    ("_entropy", lambda self, shape: 0.0),
])
def test_scipys_checks_catch_a_wrong_method(monkeypatch, method, wrong):
    """Negative control: each method wrong once."""
    monkeypatch.setattr(distribution.gamma_gap_gen, method, wrong)
    with pytest.raises(AssertionError):
        continuous_basic.test_cont_basic("gamma_gap", (2.82,), sn=500, num_parallel_threads=1)


@pytest.mark.usefixtures("scipy_knows_gamma_gap")
@pytest.mark.parametrize("method, factor", [("_munp", 2.0), ("_stats", 1.1)])
def test_scipys_checks_catch_a_wrong_moment(monkeypatch, method, factor):
    right = getattr(distribution.gamma_gap_gen, method)
    monkeypatch.setattr(
        distribution.gamma_gap_gen, method, lambda self, *args: factor * np.asarray(right(self, *args))
    )
    with pytest.raises(AssertionError):
        continuous_basic.test_moments("gamma_gap", (2.82,), True, True, True, False)


@pytest.mark.parametrize("method", ["cdf", "sf", "pdf", "logcdf", "logsf", "logpdf"])
def test_complex_arguments_are_refused(method):
    with pytest.raises(ArgumentError, match="real numbers"):
        getattr(gamma_gap, method)(0.5 + 1e-10j, 4)


# --- names, domain, the numbers of gammaprob.gap --------------------------------------------------------------------

def test_every_way_to_name_the_shape():
    values = [
        gamma_gap.cdf(0.1, 4, scale=0.066), gamma_gap.cdf(0.1, shape=4, scale=0.066),
        gamma_gap(4, scale=0.066).cdf(0.1), gamma_gap(shape=4, scale=0.066).cdf(0.1), gamma_gap(4, 0, 0.066).cdf(0.1),
    ]
    assert set(values) == {values[0]}
    # Dividing by the scale rounds δ/Θ once more than gap_cdf may; the distribution function is less steep than δ/Θ.
    assert values[0] == pytest.approx(gap.gap_cdf(0.1, shape=4, scale=0.066), rel=4 * EPS)
    assert gamma_gap.shapes == "shape" and gamma_gap.numargs == 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", ["pdf", "logpdf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf"])
def test_methods_are_the_laws_functions(method, shape):
    x = np.linspace(0.01, 0.99, 9)
    expected = getattr(gap, f"gap_{method}")(x, shape=shape, scale=1.0)
    assert np.array_equal(getattr(gamma_gap, method)(x, shape), expected)


def test_support_and_bad_parameters():
    assert gamma_gap.support(4, scale=0.066) == (0.0, np.inf)
    assert gamma_gap.cdf([-1, 0, np.inf], 4).tolist() == [0, 0, 1]
    assert gamma_gap.pdf(-1, 4) == 0 and gamma_gap.logpdf(-1, 4) == -np.inf
    for shape in (0, -1, np.nan, np.inf):
        assert np.isnan(gamma_gap.cdf(0.1, shape)) and np.isnan(gamma_gap.mean(shape))
        with pytest.raises(ValueError, match="Domain error"):
            gamma_gap.rvs(shape)
    assert np.isnan(gamma_gap.cdf(0.1, 4, scale=-1))
    # An array may hold both: each element by itself.
    assert np.isnan(gamma_gap.cdf(0.1, [4, -1, 4])).tolist() == [False, True, False]


def test_shapes_of_arrays_mix():
    shapes = np.array([[0.3], [4.0]])
    x = np.array([0.5, 1.0, 2.0])
    expected = [[gamma_gap.sf(value, shape) for value in x] for shape in (0.3, 4.0)]
    # One shape at a time or many in one call may take different kernels, each good to 1e-13.
    assert gamma_gap.sf(x, shapes) == pytest.approx(np.array(expected), rel=2e-13)


# --- closed forms ---------------------------------------------------------------------------------------------------

def exact_raw_moment(n, shape):
    k = mpmath.mpf(shape)
    return 2**n * mpmath.gammaprod([k + mpmath.mpf(n) / 2, mpmath.mpf(n + 1) / 2], [k, mpmath.mpf(1) / 2])


# Recorded errors: 6e-15 of Γ(k + ½)/Γ(k) and a few roundings; central moments of order 4 lose a factor of ten by
# cancellation.
RAW_ERROR, CENTRAL_ERROR = 8e-15, 1e-13


def assert_moments(shape):
    with mpmath.workdps(DIGITS):
        m1, m2, m3, m4 = (exact_raw_moment(n, shape) for n in (1, 2, 3, 4))
        variance = m2 - m1**2
        skewness = (m3 - 3 * m1 * m2 + 2 * m1**3) / variance ** mpmath.mpf(1.5)
        kurtosis = (m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4) / variance**2 - 3
        found = gamma_gap.stats(shape, moments="mvsk")
        for value, exact in zip(found, (m1, variance, skewness, kurtosis)):
            assert abs(float(value) / exact - 1) < CENTRAL_ERROR
        for n in (1, 2, 3, 4, 5, 8, 11, 30):
            assert abs(float(gamma_gap._munp(n, shape)) / exact_raw_moment(n, shape) - 1) < RAW_ERROR


@pytest.mark.parametrize("shape", [1e-3, *SHAPES, 19.9, 20.1, 33.9, 1e3, 1e6])
def test_moments_against_mpmath(shape):
    assert_moments(shape)


# As `_half_step` says, measured.
HALF_STEP_ERROR = 6e-15


def half_step_error():
    """The greatest relative error of Γ(k + ½)/Γ(k), over shapes on both sides of its series and far off."""
    shapes = np.concatenate([np.geomspace(1e-3, 1e12, 60), np.linspace(4, 33, 400)])
    with mpmath.workdps(DIGITS):
        exact = [mpmath.gammaprod([mpmath.mpf(k) + 0.5], [mpmath.mpf(k)]) for k in shapes.tolist()]
        return max(abs(found / true - 1) for found, true in zip(distribution._half_step(shapes).tolist(), exact))


def test_half_step_against_mpmath():
    assert half_step_error() < HALF_STEP_ERROR


@pytest.mark.parametrize("start", [8.0, 100.0])
def test_a_series_from_a_wrong_shape_is_caught(monkeypatch, start):
    """Negative control: from 8 on the series is too short, beyond 20 Γ itself loses digits."""
    monkeypatch.setattr(distribution, "_HALF_STEP_FROM", start)
    assert half_step_error() > HALF_STEP_ERROR


@pytest.mark.parametrize("shape", [1e150, 1e300])
def test_moments_of_a_huge_shape_are_the_half_normal_laws(shape):
    """Skewness √2 (4 − π)/(π − 2)^(3/2) and excess kurtosis 8 (π − 3)/(π − 2)², but for O(1/k)."""
    mean, variance, skewness, kurtosis = gamma_gap.stats(shape, moments="mvsk")
    pi = np.pi
    assert mean == pytest.approx(2 * np.sqrt(shape / pi), rel=RAW_ERROR)
    assert variance == pytest.approx((2 - 4 / pi) * shape, rel=CENTRAL_ERROR)
    assert skewness == pytest.approx(np.sqrt(2) * (4 - pi) / (pi - 2) ** 1.5, rel=CENTRAL_ERROR)
    assert kurtosis == pytest.approx(8 * (pi - 3) / (pi - 2) ** 2, rel=CENTRAL_ERROR)


def test_moments_of_a_tiny_shape():
    """k → 0: mean and variance 2k, skewness √(2/k) and excess kurtosis 3/k, but for O(k)."""
    found = gamma_gap.stats(1e-200, moments="mvsk")
    assert found == pytest.approx((2e-200, 2e-200, np.sqrt(2) * 1e100, 3e200), rel=CENTRAL_ERROR)


@pytest.mark.parametrize("call", [
    lambda: gamma_gap.stats(1e300, moments="mvsk"),
    lambda: gamma_gap.stats(1e-300, moments="mvsk"),
    lambda: gamma_gap.moment(400, 4),
    lambda: distribution._unit_entropy.cache_clear() or gamma_gap.entropy(4),
    lambda: gamma_gap.fit(gamma_gap.rvs(1.5, size=100, random_state=1)),
], ids=["huge", "tiny", "moment", "entropy", "fit"])
def test_the_callers_error_state_does_not_matter(call):
    plain = call()
    with np.errstate(all="raise"):
        assert call() == plain


@pytest.mark.parametrize("factor", [-1, 1.05, 0.5**0.5])
def test_a_wrong_moment_is_caught(monkeypatch, factor):
    """Negative control: a wrong sign, a wrong factor, a needless 1/√2 in Γ(k + ½)/Γ(k)."""
    right = distribution._half_step
    monkeypatch.setattr(distribution, "_half_step", lambda shape: factor * right(shape))
    with pytest.raises(AssertionError):
        assert_moments(4.0)


def test_moments_beyond_the_doubles_are_infinite():
    assert gamma_gap.moment(400, 4) == np.inf
    assert gamma_gap.moment(2000, 4) == np.inf


def quad_entropy(shape):
    """−∫ f log f by scipy's quad in t = log z, f from SciPy's own Bessel function K (the folded variance-gamma law)."""
    order = shape - 0.5
    constant = np.log(2) - gammaln(shape) - 0.5 * np.log(np.pi)

    def integrand(t):
        z = np.exp(t)
        log_density = constant + np.log(kve(order, z)) - z + order * np.log(z / 2)
        return -z * np.exp(log_density) * log_density

    # From where the mass z^{min(1, 2k)} is 1e-19 to where exp(−z) is 1e-30. K itself overflows for z^−order > 1e308.
    points = [-44 / min(1, 2 * shape), -8, -2, np.log(shape + 1), np.log(70 + 9 * shape)]
    return sum(quad(integrand, low, high, epsabs=1e-14, epsrel=1e-13, limit=200)[0] for low, high in pairwise(points))


# Trapezoidal rule with weights to 1e-13 each: recorded 5e-14, of max(1, |h|).
ENTROPY_ERROR = 2e-13


def assert_entropy(shape):
    exact = quad_entropy(shape)
    assert abs(gamma_gap.entropy(shape) - exact) < ENTROPY_ERROR * max(1, abs(exact))


@pytest.mark.parametrize("shape", [0.05, 0.249, 0.251, 0.3, 0.5, 1.0, 2.82, 4.0, 9.7])
def test_entropy_against_quadrature(shape):
    assert_entropy(shape)


def test_entropy_in_closed_form():
    """Shape 1 is the exponential law, entropy 1; for k → ∞ the half-normal law, ½ log(π e σ²/2) with σ² = 2k."""
    assert gamma_gap.entropy(1) == pytest.approx(1, abs=ENTROPY_ERROR)
    shape = 1e6
    # The difference to the limit is of the order of the excess kurtosis squared, 1/k².
    assert gamma_gap.entropy(shape) == pytest.approx(0.5 * np.log(np.pi * np.e * shape), abs=1 / shape)


def test_entropy_of_a_tiny_shape():
    """k → 0: −E log f with log f ≈ log(k/z): h ≈ (ψ(k) + ψ(½))/2 + log 2 − log(2k) − …, by the same split in mpmath."""
    shape = 1e-3
    with mpmath.workdps(30):
        k = mpmath.mpf(shape)
        constant = mpmath.gamma(0.5 - k) / (mpmath.sqrt(mpmath.pi) * mpmath.gamma(k))

        def remainder(t):
            z = mpmath.exp(t)
            limit = constant * (z / 2) ** (2 * k - 1)
            density = 2 / (mpmath.sqrt(mpmath.pi) * mpmath.gamma(k)) * (z / 2) ** (k - 0.5) * mpmath.besselk(k - 0.5, z)
            return z * density * mpmath.log(density / limit)

        mean_log = (mpmath.psi(0, k) + mpmath.psi(0, 0.5)) / 2
        exact = -mpmath.log(constant) - (2 * k - 1) * mean_log
        exact -= mpmath.quad(remainder, [-60, -30, -15, -8, -4, -2, -1, 0, 1, 2, 3, 4.5])
    assert abs(gamma_gap.entropy(shape) - exact) < ENTROPY_ERROR * abs(exact)


@pytest.mark.parametrize("name, wrong", [("_ENTROPY_STEP", 1.0), ("_ENTROPY_LOWER", -8.0)])
def test_a_coarse_entropy_is_caught(monkeypatch, name, wrong):
    """Negative control: too wide a step, too short a range."""
    monkeypatch.setattr(distribution, name, wrong)
    distribution._unit_entropy.cache_clear()
    try:
        with pytest.raises(AssertionError):
            assert_entropy(2.82)
    finally:
        distribution._unit_entropy.cache_clear()


def test_entropy_is_computed_once_a_shape():
    distribution._unit_entropy.cache_clear()
    gamma_gap.entropy(4, scale=np.full(50, 0.066))
    assert distribution._unit_entropy.cache_info().misses == 1


# --- sampling -------------------------------------------------------------------------------------------------------

# Kolmogorov's bound for 2000 values, exceeded once in 1e6 times.
SAMPLE_SIZE = 2000
SAMPLE_BOUND = stats.kstwo.isf(1e-6, SAMPLE_SIZE)


def distance_of_sample(shape, scale=0.066):
    sample = gamma_gap.rvs(shape, scale=scale, size=SAMPLE_SIZE, random_state=np.random.default_rng(2))
    return stats.kstest(sample, lambda x: gap.gap_cdf(x, shape=shape, scale=scale)).statistic


@pytest.mark.parametrize("shape", [0.02, 0.0999, *SHAPES, 1e4])
def test_samples_follow_the_law(shape):
    assert distance_of_sample(shape) < SAMPLE_BOUND


@pytest.mark.parametrize("wrong", [
    lambda self, shape, size=None, random_state=None:  # the factor 2 under the root dropped
        np.sqrt(random_state.standard_gamma(shape, size)) * np.abs(random_state.standard_normal(size)),
    lambda self, shape, size=None, random_state=None: random_state.standard_gamma(shape, size),  # X for |X − Y|
])
def test_a_wrong_sampler_is_caught(monkeypatch, wrong):
    """Negative control."""
    monkeypatch.setattr(distribution.gamma_gap_gen, "_rvs", wrong)
    assert distance_of_sample(4.0) > SAMPLE_BOUND


def test_tiny_shapes_underflow_no_more_than_the_law():
    """At k = 1e-3 a share of F(least double) of the values is 0: a fifth; W alone would make it a half."""
    sample = gamma_gap.rvs(1e-3, size=SAMPLE_SIZE, random_state=1)
    least = gap.gap_cdf(5e-324, shape=1e-3, scale=1.0)
    assert abs(np.mean(sample == 0) - least) < FIVE_SIGMA * np.sqrt(least * (1 - least) / SAMPLE_SIZE)


def test_random_state_reproduces():
    first, second = (gamma_gap.rvs(4, size=5, random_state=np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(gamma_gap(4).rvs(5, random_state=9), gamma_gap(4).rvs(5, random_state=9))
    assert gamma_gap.rvs([[1.0], [4.0]], size=(2, 3), random_state=9).shape == (2, 3)


# --- fitting --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", [0.4, 1.0, 4.0])
def test_fit_finds_the_maximum_of_the_likelihood(shape):
    data = gamma_gap.rvs(shape, scale=0.066, size=300, random_state=np.random.default_rng(3))
    fitted, loc, scale = gamma_gap.fit(data)
    assert loc == 0
    best = gamma_gap.logpdf(data, fitted, scale=scale).sum()
    assert best > gamma_gap.logpdf(data, shape, scale=0.066).sum()
    # fmin stops at 1e-4 of the parameters: a step of 1 % must lose.
    for other in ((1.01 * fitted, scale), (0.99 * fitted, scale), (fitted, 1.01 * scale), (fitted, 0.99 * scale)):
        assert gamma_gap.logpdf(data, other[0], scale=other[1]).sum() < best


def test_fit_keeps_what_is_fixed():
    data = gamma_gap.rvs(4, scale=0.066, size=200, random_state=5)
    for name in ("f0", "fshape", "fix_shape"):
        assert gamma_gap.fit(data, **{name: 3.0})[0] == 3.0
    assert gamma_gap.fit(data, fscale=0.066)[1:] == (0, 0.066)
    shape, loc, scale = gamma_gap.fit(data + 5, floc=5)
    # data + 5 rounds the data at 1e-15, which moves fmin's path, and its end within its own stop of 1e-4.
    assert loc == 5 and (shape, scale) == pytest.approx(gamma_gap.fit(data)[::2], rel=1e-3)
    assert gamma_gap.fit(data, loc=-0.001)[1] != 0  # a start sets the location free
    shape, loc, scale = gamma_gap.fit(data, method="MM")
    # The moments about 0 are met to the stop of fmin, 1e-4.
    assert gamma_gap.mean(shape, loc, scale) == pytest.approx(data.mean(), rel=1e-3)


def test_fit_takes_censored_data():
    data = gamma_gap.rvs(4, scale=0.066, size=200, random_state=5)
    limit = np.quantile(data, 0.8)
    censored = stats.CensoredData.right_censored(np.minimum(data, limit), data >= limit)
    shape, loc, scale = gamma_gap.fit(censored)
    full = gamma_gap.fit(data)
    assert loc == 0
    assert gamma_gap.median(shape, loc, scale) == pytest.approx(gamma_gap.median(*full), rel=0.1)


@pytest.mark.parametrize("data, options, said", [
    ([0.1, -0.2, 0.3], {}, r"data\[1\]: got -0.2"),
    ([0.1, 0.2], dict(floc=0.15), r"data\[0\]: got 0.1.*≥ 0.15"),
    ([0.0, 0.0], {}, "not all 0"),
    ([], {}, "data: got 0; allowed: at least one gap; these are empty"),
    ([], dict(loc=0.1), "these are empty"),
    (stats.CensoredData([]), {}, "these are empty"),
    (stats.CensoredData([-1.0, 2.0, 3.0]), {}, "data: got -1.0"),
    (stats.CensoredData([1.0, 2.0], left=[-3.0]), {}, "data: got -3.0"),
    (stats.CensoredData([1.0, 2.0], right=[-3.0]), {}, "data: got -3.0"),
    (stats.CensoredData([1.0, 2.0], interval=[[-0.5, 0.5]]), {}, "data: got -0.5"),
    (stats.CensoredData([1.0, 2.0]), dict(floc=1.5), "data: got 1.0.*≥ 1.5"),
])
def test_fit_names_bad_data(data, options, said):
    with pytest.raises(DomainError, match=said):
        gamma_gap.fit(data, **options)


@pytest.mark.parametrize("options", [{}, dict(loc=0.1)], ids=str)
def test_fit_refuses_masked_data(options):
    with pytest.raises(ArgumentError, match="masked.*data.compressed"):
        gamma_gap.fit(np.ma.array([1, 2, -5.0], mask=[0, 0, 1]), **options)


def test_scipy_stats_is_loaded_only_with_the_distribution():
    code = (
        "import sys, gammaprob, gammaprob.fit, gammaprob.loss_file; before = 'scipy.stats' in sys.modules;"
        "import gammaprob.distribution; print(before, 'scipy.stats' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]
