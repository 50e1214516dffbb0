"""The fitted gamma law: estimates against mpmath and SciPy, calibrated tests of fit, bad input; negative controls."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy import stats

from gammaprob import fit as fit_module
from gammaprob import goodness, maximum_likelihood
from gammaprob.errors import ArgumentError, ConvergenceError, DomainError
from gammaprob.fit import fit_losses
from gammaprob.goodness import goodness_of_fit
from gammaprob.maximum_likelihood import log_ratios, mean_log_deviation, profile, shape_estimate
from gammaprob.pairs import pair_statistics

EPS = np.finfo(float).eps
FEWEST = 99  # the least number of replicates at the level of 1 %
# 50 digits leave 30 after the worst cancellation below (k log k − log Γ(k) at k = 1e12).
DIGITS = 50
FIVE_SIGMA = 5.0


def sample(shape, size, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).standard_gamma(shape, size)


# --- the profile likelihood and its maximum -------------------------------------------------------------------------

# Recorded errors, relative to the value (the first to max(|value|, 1), since it crosses 0): worst 7e-15 and 2e-14.
PROFILE_ERROR = 2e-14


@pytest.mark.parametrize("shape", [1e-3, 0.1, 1.0, 2.82, 2 * np.pi, 15.999, 16.0, 16.001, 40.0, 1e5, 1e12])
def test_profile_against_mpmath(shape):
    with mpmath.workdps(DIGITS):
        k = mpmath.mpf(shape)
        exact = (k * mpmath.log(k) - k - mpmath.loggamma(k), mpmath.log(k) - mpmath.psi(0, k), 1 / k - mpmath.psi(1, k))
        for value, true, floor in zip(profile(shape), exact, (1, 0, 0)):
            assert abs(float(value) - true) <= PROFILE_ERROR * max(abs(true), floor)


def exact_fit(losses):
    """Shape, scale and log-likelihood in 50 digits, from the doubles taken exactly."""
    with mpmath.workdps(DIGITS):
        values = [mpmath.mpf(float(x)) for x in losses]
        mean = mpmath.fsum(values) / len(values)
        mean_log = mpmath.fsum(mpmath.log(x) for x in values) / len(values)
        s = mpmath.log(mean) - mean_log
        start = (3 - s + mpmath.sqrt((s - 3) ** 2 + 24 * s)) / (12 * s)
        k = 1 / mpmath.findroot(lambda rate: mpmath.log(1 / rate) - mpmath.psi(0, 1 / rate) - s, 1 / start)
        scale = mean / k
        log_likelihood = len(values) * ((k - 1) * mean_log - mean / scale - k * mpmath.log(scale) - mpmath.loggamma(k))
        return k, scale, log_likelihood


# Errors of k: those of s, a mean of terms r − 1 − log r ≈ (r − 1)²/2 with rounding eps (r − 1), against s ≈ 1/2k and
# r − 1 ≈ k^(-1/2): eps √k; and a few roundings of the Newton step, s and ψ. The scale shares them. The log-likelihood
# is a sum over n of terms of size |log mean| + log k, and of (k − 1) s with the error of s.
def shape_tolerance(shape):
    return EPS * (16 + shape**0.5)


def assert_matches(fit, shape, scale):
    assert abs(fit.shape / shape - 1) <= shape_tolerance(fit.shape)
    assert abs(fit.scale / scale - 1) <= shape_tolerance(fit.shape)


@pytest.mark.parametrize("unit", [1e-290, 1.0, 1e300], ids=str)
@pytest.mark.parametrize("shape", [0.5, 2.82, 40.0, 1e3, 1e5, 1e6])
def test_estimates_against_mpmath(shape, unit):
    losses = sample(shape, 25, seed=3, scale=unit / shape)
    fit = fit_losses(losses, deltas=[], bootstrap=FEWEST)
    k, scale, log_likelihood = exact_fit(losses)
    assert_matches(fit, k, scale)
    terms = 1 + abs(np.log(unit)) + np.log(1 + shape)
    assert abs(fit.log_likelihood - log_likelihood) <= losses.size * EPS * (4 * terms + shape**0.5)


def test_losses_over_the_whole_range_of_doubles():
    losses = np.geomspace(1e-300, 1e300, 40)
    fit = fit_losses(losses, deltas=[], bootstrap=FEWEST)
    k, scale, _ = exact_fit(losses)
    assert fit.shape < 2e-3
    assert_matches(fit, k, scale)
    assert not fit.describes


@pytest.mark.parametrize("shape", [0.3, 2.82, 40.0, 1e4])
def test_estimates_against_scipy(shape):
    losses = sample(shape, 500, seed=1, scale=0.1)
    fit = fit_losses(losses, deltas=[], bootstrap=FEWEST)
    k, _, scale = stats.gamma.fit(losses, floc=0)
    # scipy's brentq stops at 2e-12, and its log(mean) − mean(log) keeps an absolute error of a few eps, against 1/2k.
    tolerance = 2e-12 + 16 * EPS * 2 * shape
    assert fit.shape == pytest.approx(k, rel=tolerance) and fit.scale == pytest.approx(scale, rel=tolerance)
    log_likelihood = stats.gamma.logpdf(losses, fit.shape, scale=fit.scale).sum()
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=500 * 16 * EPS * (1 + shape * np.log(1 + shape)))


def assert_is_a_maximum(fit, losses):
    """No step of a tenth of a standard error along either parameter raises SciPy's likelihood."""
    best = stats.gamma.logpdf(losses, fit.shape, scale=fit.scale).sum()
    for shape, scale in ((fit.shape_standard_error, 0), (0, fit.scale_standard_error)):
        for sign in (-0.1, 0.1):
            other = stats.gamma.logpdf(losses, fit.shape + sign * shape, scale=fit.scale + sign * scale).sum()
            assert other < best


def test_the_estimate_is_a_maximum():
    losses = sample(2.82, 500, scale=0.1)
    assert_is_a_maximum(fit_losses(losses, deltas=[], bootstrap=FEWEST), losses)


@pytest.mark.parametrize("name, wrong", [
    ("checked_scale", lambda mean, shape: shape / mean),  # rate for scale
    ("mean_log_deviation", lambda ratios: 2 * np.mean(np.expm1(ratios) - ratios)),  # a wrong factor
    ("shape_estimate", lambda s: 0.5 / s),  # the leading term alone
])
def test_a_wrong_estimate_is_caught(monkeypatch, name, wrong):
    """Negative control for the maximum."""
    monkeypatch.setattr(fit_module, name, wrong)
    losses = sample(2.82, 500, scale=0.1)
    with pytest.raises(AssertionError):
        assert_is_a_maximum(fit_losses(losses, deltas=[], bootstrap=FEWEST), losses)


def test_a_wrong_sign_is_an_error(monkeypatch):
    """Negative control: mean(log) − log(mean) < 0 has no root, and says so."""
    monkeypatch.setattr(fit_module, "mean_log_deviation", lambda ratios: -mean_log_deviation(ratios))
    with pytest.raises(ConvergenceError, match="mean_log_deviation"):
        fit_losses(sample(2.82, 50))


def test_standard_errors_are_the_inverse_information():
    fit = fit_losses(sample(2.82, 400, scale=0.1), deltas=[], bootstrap=FEWEST)
    with mpmath.workdps(DIGITS):
        k, scale = mpmath.mpf(fit.shape), mpmath.mpf(fit.scale)
        covariance = (fit.n * mpmath.matrix([[mpmath.psi(1, k), 1 / scale], [1 / scale, k / scale**2]])) ** -1
        assert fit.shape_standard_error == pytest.approx(float(mpmath.sqrt(covariance[0, 0])), rel=4 * PROFILE_ERROR)
        assert fit.scale_standard_error == pytest.approx(float(mpmath.sqrt(covariance[1, 1])), rel=4 * PROFILE_ERROR)


def assert_standard_errors_calibrated(errors_of):
    """Over 1000 samples of n = 1000, (estimate − truth)/error has standard deviation 1, but for chance and 1/n."""
    samples, size = 1000, 1000
    draws = 0.1 * np.random.default_rng(5).standard_gamma(2.82, (samples, size))
    shapes = shape_estimate([mean_log_deviation(log_ratios(draw)[1]) for draw in draws])
    scales = draws.mean(axis=1) / shapes
    shape_errors, scale_errors = np.transpose([errors_of(k, t, size) for k, t in zip(shapes, scales)])
    for z in ((shapes - 2.82) / shape_errors, (scales - 0.1) / scale_errors):
        assert abs(z.std() - 1) < FIVE_SIGMA / np.sqrt(2 * samples)


def test_standard_errors_are_calibrated():
    assert_standard_errors_calibrated(maximum_likelihood.standard_errors)


def test_wrong_standard_errors_are_caught():
    """Negative control: the error of the shape for a known scale, 1/√(n ψ'(k)), is too small by half."""
    def scale_known(shape, scale, count):
        trigamma = 1 / shape - profile(shape)[2]
        return (count * trigamma) ** -0.5, maximum_likelihood.standard_errors(shape, scale, count)[1]

    with pytest.raises(AssertionError):
        assert_standard_errors_calibrated(scale_known)


@pytest.mark.parametrize("shape", [0.2, 0.8, 1.2, 2.82, 7.4])
def test_best_integer_and_half_integer_shape(shape):
    """Against all of 1 … 20 and ½ … 19½ by SciPy's likelihood, with the scale mean/shape."""
    losses = sample(shape, 300, seed=9, scale=0.1)
    fit = fit_losses(losses, deltas=[], bootstrap=FEWEST)
    for found, candidates in ((fit.integer, np.arange(1.0, 21)), (fit.half_integer, np.arange(0.5, 20))):
        likelihoods = [stats.gamma.logpdf(losses, k, scale=losses.mean() / k).sum() for k in candidates]
        assert found.shape == candidates[np.argmax(likelihoods)]
        assert found.scale == pytest.approx(losses.mean() / found.shape, rel=4 * EPS)
        rounding = 300 * 64 * EPS * (1 + np.log(1 / losses.min()))
        assert found.log_likelihood_cost == pytest.approx(fit.log_likelihood - max(likelihoods), abs=rounding)


# --- goodness of fit ------------------------------------------------------------------------------------------------

def scipy_distances(losses, fit):
    law = stats.gamma(fit.shape, scale=fit.scale)
    ordered = np.sort(losses)
    rank = np.arange(1, losses.size + 1)
    anderson = -losses.size - np.sum((2 * rank - 1) * (law.logcdf(ordered) + law.logsf(ordered)[::-1])) / losses.size
    return stats.kstest(losses, law.cdf).statistic, anderson, stats.cramervonmises(losses, law.cdf).statistic


def assert_distances_agree(fit, losses):
    tests = (fit.kolmogorov_smirnov, fit.anderson_darling, fit.cramer_von_mises)
    # A² subtracts n from a sum of n logarithms, of which those of 1 − F near 1 carry 1e-10 at most.
    tolerance = losses.size * (16 * EPS) + 1e-10
    for test, expected in zip(tests, scipy_distances(losses, fit)):
        assert test.statistic == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("shape", [0.3, 2.82, 40.0])
@pytest.mark.parametrize("size", [2, 3, 200])
def test_distances_against_scipy(shape, size):
    losses = sample(shape, size, seed=2, scale=7.0)
    assert_distances_agree(fit_losses(losses, deltas=[], bootstrap=FEWEST), losses)


def test_wrong_distances_are_caught(monkeypatch):
    """Negative control: the law with rate for scale, which is the wrong argument of the distribution function."""
    right = goodness._gamma_probabilities
    monkeypatch.setattr(goodness, "_gamma_probabilities", lambda ratios, shape: right(ratios - 2 * np.log(7.0), shape))
    losses = sample(2.82, 200, scale=7.0)
    with pytest.raises(AssertionError):
        assert_distances_agree(fit_losses(losses, deltas=[], bootstrap=FEWEST), losses)


@pytest.mark.parametrize("shape, ratio", [
    (2.82, 400.0), (0.3, 9000.0), (40.0, 40.0), (1e4, 1.5), (40.0, 1e-12), (1e4, 0.6),
])
def test_log_tails_beyond_underflow(shape, ratio):
    """log F and log(1 − F) where F or 1 − F is below the least double."""
    cdf, log_cdf, log_sf = goodness._gamma_probabilities(np.log([ratio]), np.array([shape]))
    with mpmath.workdps(DIGITS):
        k = mpmath.mpf(shape)
        argument = k * mpmath.exp(mpmath.mpf(float(np.log(ratio))))
        if ratio > 1:
            exact, found = mpmath.log(mpmath.gammainc(k, argument, regularized=True)), log_sf[0]
        else:
            exact = mpmath.log(mpmath.gammainc(k, 0, argument, regularized=True))
            found = log_cdf[0]
        assert exact < np.log(1e-290)
        # The exponent k (r − 1 − log r), as large as the result, carries the rounding of its own terms.
        assert abs(found - exact) <= 64 * EPS * abs(exact) * max(1, 1 / abs(ratio - 1))


def p_values(draw, count):
    """Anderson-Darling, Kolmogorov-Smirnov and Cramér-von Mises p-values of `count` samples, and the textbook D's."""
    bootstrap, textbook = [], []
    for seed in range(count):
        losses = draw(np.random.default_rng(1000 + seed))
        _, ratios = log_ratios(losses)
        shape = float(shape_estimate(mean_log_deviation(ratios)))
        bootstrap.append([test.p_value for test in goodness_of_fit(ratios, shape, replicates=FEWEST, seed=seed)])
        textbook.append(stats.kstest(losses, stats.gamma(shape, scale=losses.mean() / shape).cdf).pvalue)
    return np.array(bootstrap), np.array(textbook)


# Kolmogorov's bound on 400 uniform values, exceeded by chance once in 1e4 times; a bootstrap p-value lies on
# multiples of 1/100, at most one such step from the uniform law.
SAMPLES = 400
UNIFORM_BOUND = stats.kstwo.isf(1e-4, SAMPLES) + 0.01


def distance_from_uniform(p):
    return stats.kstest(p, stats.uniform.cdf).statistic


@pytest.mark.parametrize("shape", [0.4, 2.82])
def test_bootstrap_p_values_are_uniform_and_textbook_ones_are_not(shape):
    bootstrap, textbook = p_values(lambda rng: rng.standard_gamma(shape, 60), SAMPLES)
    for p in bootstrap.T:
        assert distance_from_uniform(p) < UNIFORM_BOUND
    # Negative control: the textbook p-value fails the same test by far, and would hardly ever reject at 5 %.
    assert distance_from_uniform(textbook) > 2 * UNIFORM_BOUND
    assert np.mean(textbook < 0.05) < 0.01


def test_power_against_the_lognormal_law():
    bootstrap, _ = p_values(lambda rng: rng.lognormal(0, 0.8, 300), 40)
    # At 5 %, all three see a lognormal of this spread in most samples of 300; under the null the mean would be 0.05.
    assert np.all(np.mean(bootstrap <= 0.05, axis=0) > 0.5)


@pytest.mark.parametrize("statistic, field", [
    ("ad", "anderson_darling"), ("ks", "kolmogorov_smirnov"), ("cvm", "cramer_von_mises"),
])
def test_p_values_against_scipys_own_bootstrap(statistic, field):
    """scipy.stats.goodness_of_fit draws, refits and compares by its own code."""
    losses = np.random.default_rng(14).lognormal(0, 0.8, 100)
    ours = getattr(fit_losses(losses, deltas=[], bootstrap=1999), field)
    theirs = stats.goodness_of_fit(
        stats.gamma, losses, known_params={"loc": 0}, statistic=statistic, n_mc_samples=499,
        rng=np.random.default_rng(1),
    )
    # Their shape stops at 2e-12 of brentq, ours at a few eps; a distance changes by less than the shape does.
    assert ours.statistic == pytest.approx(theirs.statistic, rel=100 * 4e-12)
    standard_error = np.sqrt(ours.p_value * (1 - ours.p_value) * (1 / 499 + 1 / 1999))
    assert 0.005 < ours.p_value < 0.5
    assert abs(ours.p_value - theirs.pvalue) < FIVE_SIGMA * standard_error


@pytest.mark.parametrize("size, length", [(3000, 3000), (10_001, 10_000)])
def test_replicates_are_as_long_as_the_losses_up_to_ten_thousand(monkeypatch, size, length):
    lengths = []
    right = goodness.distances
    monkeypatch.setattr(goodness, "distances", lambda r, shape: lengths.append(r.shape[-1]) or right(r, shape))
    goodness_of_fit(log_ratios(sample(2.82, size))[1], 2.82, replicates=2, seed=0)
    assert lengths[0] == size and set(lengths[1:]) == {length}


def test_shorter_replicates_give_the_same_p_values(monkeypatch):
    """Replicates of 500 instead of 4000 values: the law of the distances is near its limit, as for 10,000 of 1e6."""
    losses = sample(2.82, 4000, seed=21)
    full = fit_losses(losses, deltas=[], bootstrap=999)
    monkeypatch.setattr(goodness, "_LONGEST_REPLICATE", 500)
    short = fit_losses(losses, deltas=[], bootstrap=999)
    for name in ("kolmogorov_smirnov", "anderson_darling", "cramer_von_mises"):
        p, q = getattr(full, name).p_value, getattr(short, name).p_value
        assert abs(p - q) < FIVE_SIGMA * np.sqrt(p * (1 - p) * 2 / 999)


def test_the_seed_fixes_the_p_values():
    losses = sample(2.82, 100)
    first, again, other = (fit_losses(losses, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first.anderson_darling.statistic == other.anderson_darling.statistic
    assert first.anderson_darling.p_value != other.anderson_darling.p_value


# --- the whole result -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("power", [-900, -3, 8, 900])
def test_the_unit_of_the_losses_does_not_matter(power):
    """By a power of two every number changes exactly: shape, costs and p-values not at all, the scale by that power."""
    losses = sample(2.82, 100)
    plain = fit_losses(losses, deltas=[0.5, 1.0], bootstrap=FEWEST)
    scaled = fit_losses(np.ldexp(losses, power), deltas=np.ldexp([0.5, 1.0], power), bootstrap=FEWEST)
    assert scaled.shape == plain.shape and scaled.scale == np.ldexp(plain.scale, power)
    assert scaled.anderson_darling == plain.anderson_darling
    assert scaled.integer.log_likelihood_cost == plain.integer.log_likelihood_cost
    for one, other in zip(scaled.gaps, plain.gaps):
        assert one.pairs.pairs_within == other.pairs.pairs_within
        assert one.law_share == pytest.approx(other.law_share, rel=8 * EPS)
        assert one.law_target == pytest.approx(other.law_target, rel=8 * EPS)


def assert_pairs_agree_with_the_law(fit):
    for gap in fit.gaps:
        assert abs(gap.pairs.share - gap.law_share) < FIVE_SIGMA * gap.pairs.share_standard_error
        assert abs(gap.pairs.mean_target - gap.law_target) < FIVE_SIGMA * gap.pairs.mean_target_standard_error


def test_pairs_of_gamma_losses_follow_the_law():
    fit = fit_losses(sample(4, 3000, scale=0.066), deltas=[0.02, 0.1, 0.3], bootstrap=FEWEST)
    assert [gap.pairs.delta for gap in fit.gaps] == [0.02, 0.1, 0.3]
    assert_pairs_agree_with_the_law(fit)


def test_a_law_with_the_rate_for_the_scale_is_caught(monkeypatch):
    """Negative control: the law's values beside the pairs, at scale 1/Θ."""
    for name in ("gap_cdf", "expected_target"):
        right = getattr(fit_module, name)
        monkeypatch.setattr(
            fit_module, name, lambda delta, *, shape, scale, right=right: right(delta, shape=shape, scale=1 / scale)
        )
    with pytest.raises(AssertionError):
        assert_pairs_agree_with_the_law(fit_losses(sample(4, 3000, scale=0.066), deltas=[0.1], bootstrap=FEWEST))


def test_default_gaps_are_quantiles_of_the_law():
    fit = fit_losses(sample(2.82, 200), bootstrap=FEWEST)
    # A quantile is good to 1e-12, and the distribution function has slope below 1/δ in relative terms.
    assert [gap.law_share for gap in fit.gaps] == pytest.approx([0.1, 0.25, 0.5, 0.75, 0.9], rel=4e-12)


def test_the_verdict_follows_the_anderson_darling_test():
    gamma_like = fit_losses(sample(2.82, 1000), deltas=[], bootstrap=FEWEST)
    lognormal = fit_losses(np.random.default_rng(0).lognormal(0, 1, 1000), deltas=[], bootstrap=FEWEST)
    assert gamma_like.describes and "compatible" in gamma_like.verdict
    assert not lognormal.describes and "does not describe" in lognormal.verdict
    assert lognormal.anderson_darling.p_value == 1 / (FEWEST + 1)


def test_few_losses_are_too_few_to_tell():
    """A uniform law passes among few losses, and that is no sign of a gamma law; a rejection counts among few, too."""
    losses = np.linspace(0.5, 1.5, 20)
    few, enough = (fit_losses(values, deltas=[], bootstrap=FEWEST) for values in (losses[:-1], losses))
    assert few.describes and few.verdict.startswith("19 losses are too few to tell")
    assert enough.describes and "is compatible with these 20 losses" in enough.verdict
    two_clusters = np.r_[1 + np.arange(8) * 1e-3, 9 + np.arange(8) * 1e-3]
    assert "does not describe these 16" in fit_losses(two_clusters, deltas=[], bootstrap=FEWEST).verdict


def test_summary_shows_every_number():
    fit = fit_losses(sample(2.82, 300, scale=0.1), deltas=[0.1], bootstrap=FEWEST)
    text = str(fit)
    # The window's half width: standard deviation over √n, of n = 300.
    assert fit.bandwidth == pytest.approx(np.std(sample(2.82, 300, scale=0.1)) / 300**0.5, rel=300 * EPS)
    for shown in (
        "300 losses", f"within {fit.bandwidth:.2g} of δ", f"{fit.shape:.6g} ±", f"{fit.scale:.6g} ±",
        f"{fit.log_likelihood:.6g}",
        f"integer shape {fit.integer.shape:g}", f"half-integer shape {fit.half_integer.shape:g}",
        "99 parametric-bootstrap",
        f"p = {fit.anderson_darling.p_value:.4g}", "all 44850 pairs", f"{fit.gaps[0].law_target:.4f}", fit.verdict,
    ):
        assert shown in text
    assert max(map(len, text.splitlines())) <= 120
    large = fit_losses(1 + np.linspace(-1e-3, 1e-3, 50), deltas=[], bootstrap=FEWEST)
    assert f"best half-integer shape {large.half_integer.shape:.1f} (" in str(large) and large.shape > 1e6
    with pytest.raises(AttributeError):
        fit.shape = 1.0


@pytest.mark.parametrize("losses", [[1.0, 2.0], [1.0, 1.0 + 1e-5], [1e-300, 1e300]], ids=str)
def test_two_losses(losses):
    fit = fit_losses(losses, bootstrap=FEWEST)
    k, scale, _ = exact_fit(losses)
    assert_matches(fit, k, scale)
    assert len(fit.gaps) == 5


def test_a_million_losses():
    fit = fit_losses(sample(2.82, 10**6, seed=8, scale=0.1), deltas=[0.1], bootstrap=FEWEST)
    assert abs(fit.shape - 2.82) < FIVE_SIGMA * fit.shape_standard_error
    assert abs(fit.scale - 0.1) < FIVE_SIGMA * fit.scale_standard_error
    assert_pairs_agree_with_the_law(fit)


@pytest.mark.parametrize("losses", [[1e-300, 1, 2, 3, 1e300], [1e-300, 1e300], [0.9, 1.0, 1.1]], ids=str)
def test_the_callers_error_state_does_not_matter(losses):
    plain = fit_losses(losses, bootstrap=FEWEST)
    with np.errstate(all="raise"):
        assert repr(fit_losses(losses, bootstrap=FEWEST)) == repr(plain)  # as text, in which NaN equals NaN
        repr(pair_statistics(np.array(losses), [1e300, 0.1]))


@pytest.mark.parametrize("losses", [
    (1, 2, 3), np.array([1, 2, 3], dtype=np.uint8), np.array([1, 2, 3], dtype=np.float32),
    [Fraction(1), Decimal(2), 3.0], np.ma.array([1.0, 2.0, 3.0]),
], ids=lambda losses: type(losses).__name__)
def test_any_real_numbers_are_losses(losses):
    assert fit_losses(losses, bootstrap=FEWEST) == fit_losses([1.0, 2.0, 3.0], bootstrap=FEWEST)


@pytest.mark.parametrize("losses, error, said", [
    ([1, 2, -3.5, 0], DomainError, r"losses\[2\]: got -3.5.*2 of 4"),
    ([0, 1, 2], DomainError, r"losses\[0\]: got 0.0"),
    ([1, np.nan, np.inf], DomainError, r"losses\[1\]: got nan.*2 of 3"),
    ([1, 2, np.inf], DomainError, r"losses\[2\]: got inf"),
    ([1, 10**400], DomainError, r"losses\[1\]"),
    (np.array([1, np.longdouble("1e4000")]), DomainError, r"losses\[1\]: got inf"),
    ([1, "2", 3], ArgumentError, r"losses\[1\]: got '2'"),
    ([1, 2, None], ArgumentError, r"losses\[2\]: got None"),
    ([1, 2 + 1j], ArgumentError, r"losses\[1\]: got \(2\+1j\)"),
    ([True, True], ArgumentError, r"losses\[0\]: got True"),
    (np.array([1, 2, 3], "m8[s]"), ArgumentError, r"losses\[0\]: got .*timedelta64"),
    (np.array(["2020-01-01", "2020-01-02"], "M8[D]"), ArgumentError, r"losses\[0\]: got .*datetime"),
    ([Decimal("sNaN"), 1.0], DomainError, r"losses\[0\]: got nan"),
    ("12", ArgumentError, "one-dimensional"),
    (["a", "b"], ArgumentError, r"losses\[0\]: got 'a'"),
    ([[1, 2], [3, 4]], ArgumentError, r"\(2, 2\).*ravel"),
    ([[1, 2], [3]], ArgumentError, "one-dimensional"),
    (3.0, ArgumentError, "one-dimensional"),
    (np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]), ArgumentError, "masked.*compressed"),
    ([], DomainError, "at least two"),
    ([1.0], DomainError, "at least two"),
    ([0.5] * 10, DomainError, "not all equal"),
    ([1.0, 1.0 + 4 * EPS], DomainError, "vary by more than 1e-06"),
    ([1e308, 5e-324], DomainError, "change the unit"),
    ([5e-324, 1e-323], DomainError, "change the unit"),
])
def test_bad_losses_are_named(losses, error, said):
    with pytest.raises(error, match=said):
        fit_losses(losses)


@pytest.mark.parametrize("options, error, said", [
    (dict(deltas=[0.1, -0.1]), DomainError, r"deltas\[1\]: got -0.1"),
    (dict(deltas=[np.nan]), DomainError, r"deltas\[0\]: got nan"),
    (dict(deltas=np.inf), DomainError, r"deltas\[0\]: got inf"),
    (dict(deltas=["x"]), ArgumentError, "deltas"),
    (dict(deltas=[[0.1]]), ArgumentError, "deltas.*ravel"),
    (dict(deltas=np.ma.array([0.1, 0.2], mask=[0, 1])), ArgumentError, "(?s)deltas.*masked.*deltas.compressed"),
    (dict(bootstrap=98), DomainError, "bootstrap: got 98.*99"),
    (dict(bootstrap=999.0), ArgumentError, "bootstrap"),
    (dict(bootstrap=True), ArgumentError, "bootstrap"),
    (dict(seed=-1), DomainError, "seed"),
    (dict(seed="x"), ArgumentError, "seed"),
    (dict(level=0), DomainError, "level"),
    (dict(level=1.0), DomainError, "level"),
    (dict(level="5%"), DomainError, "level"),
])
def test_bad_options_are_named(options, error, said):
    with pytest.raises(error, match=said):
        fit_losses([1.0, 2.0, 3.0], **options)
