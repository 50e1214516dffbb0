"""The empirical pair statistics: exact counts, errors of the right size, bounded memory; negative controls."""

from __future__ import annotations

import sys
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gammaprob import pairs
from gammaprob.pairs import bandwidth, pair_statistics

# Certified digits of the law for k = 4, Θ = 0.066 at δ = 0.1.
LAW_SHARE, LAW_TARGET = 0.440766939053700627146, 0.384448571045360598309
# A mean of m standard normal scores has standard error 1/√m; beyond five of them chance is 6e-7.
FIVE_SIGMA = 5.0


def brute_force(losses, delta):
    """The definition, over the n × n matrix: pairs within δ, pairs near δ, mean target, standard errors of both."""
    size = losses.size
    gaps = losses[np.newaxis] - losses[:, np.newaxis]
    off_diagonal = ~np.eye(size, dtype=bool)
    within = (np.abs(gaps) <= delta) & off_diagonal
    share = np.count_nonzero(within) / (size * (size - 1))
    residual = np.where(off_diagonal, within - share, 0.0)
    share_error = np.sqrt(np.sum(residual.sum(axis=1) ** 2)) / (size * (size - 1) // 2)
    width = bandwidth(losses)
    near = (gaps >= delta - width) & (gaps <= delta + width) & off_diagonal
    count = np.count_nonzero(near)
    if count == 0:
        return np.count_nonzero(within) // 2, share, share_error, 0, np.nan, np.nan
    target = np.broadcast_to((losses / (2 * losses + delta))[:, np.newaxis], gaps.shape)
    mean = target[near].mean()
    residual = np.where(near, target - mean, 0.0)
    error = np.sqrt(np.sum((residual.sum(axis=1) + residual.sum(axis=0)) ** 2)) / count
    return np.count_nonzero(within) // 2, share, share_error, count, mean, error


def assert_agrees_with_brute_force(losses, delta):
    statistic, = pair_statistics(losses, [delta])
    within, share, share_error, near, target, target_error = brute_force(losses, delta)
    assert (statistic.pairs_within, statistic.pairs_near) == (within, near)
    # Sums of n² terms of at most 1, each with a rounding; the residuals' sums cancel from n down to 0.
    rounding = losses.size**2 * np.finfo(float).eps
    assert statistic.share == pytest.approx(share, abs=rounding)
    assert statistic.share_standard_error == pytest.approx(share_error, abs=rounding)
    assert statistic.mean_target == pytest.approx(target, abs=rounding, nan_ok=True)
    assert statistic.mean_target_standard_error == pytest.approx(target_error, abs=rounding, nan_ok=True)


# Decimals with few digits: ties among the losses, and gaps that equal δ but for rounding.
DECIMALS = st.integers(1, 60).map(lambda tenths: tenths / 10)


@given(st.lists(DECIMALS, min_size=2, max_size=25).filter(lambda values: len(set(values)) > 1), DECIMALS)
def test_counts_and_errors_are_the_definition(values, delta):
    assert_agrees_with_brute_force(np.array(values), delta)


@given(
    st.lists(st.floats(1e-300, 1e300), min_size=2, max_size=25).filter(lambda values: len(set(values)) > 1),
    st.floats(0, 1e300),
)
def test_counts_at_extreme_values(values, delta):
    losses = np.array(values)
    statistic, = pair_statistics(losses, [delta])
    within, _, _, near, *_ = brute_force(losses, delta)
    assert (statistic.pairs_within, statistic.pairs_near) == (within, near)
    assert 0 <= statistic.share <= 1


def clusters(size):
    """`size` losses that are nothing beside 1, `size` around 1, and one a rounding above 1."""
    rng = np.random.default_rng(7)
    return np.concatenate([rng.uniform(1e-20, 1e-19, size), rng.uniform(0.1, 3, size), [1 + np.finfo(float).eps]])


def lines_run(losses, delta):
    """How many lines of Python, each one pass over the losses, `pair_statistics` runs: work without a clock."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        count += event == "line"
        return trace if frame.f_code.co_filename == pairs.__file__ else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        pair_statistics(losses, [delta])
    finally:
        sys.settrace(before)
    return count


def test_a_loss_a_rounding_above_the_gap_counts_right():
    losses = clusters(20)
    for delta in (1.0, 1 + np.finfo(float).eps, 1.5):
        assert_agrees_with_brute_force(losses, delta)


def test_a_loss_a_rounding_above_the_gap_costs_no_pass_per_loss():
    """Four searches, each of at most log₂(n) + 1 halvings of four lines, beside a gap that needs no halving."""
    for size in (500, 4000):
        losses = clusters(size)
        halvings = 4 * (np.log2(losses.size) + 1)
        assert lines_run(losses, 1.0) - lines_run(losses, 1.5) <= 4 * halvings


@pytest.mark.parametrize("near, far, delta, within", [(0.3, 0.8, 0.5, 1), (0.1, 0.4, 0.3, 0)])
def test_the_definition_is_on_the_float_difference(near, far, delta, within):
    statistic, = pair_statistics(np.array([near, far]), [delta])
    assert statistic.pairs_within == within == int(far - near <= delta)


def test_exact_differences_would_count_otherwise():
    """The rounding of the definition matters: with the doubles taken exactly, 0.8 and 0.3 are not within 0.5."""
    assert Fraction(0.8) - Fraction(0.3) > Fraction(0.5)


def test_searching_for_the_rounded_sum_is_caught(monkeypatch):
    """Negative control: without the search over the roundings the counts are wrong."""
    monkeypatch.setattr(pairs, "_reach", lambda values, gap: np.searchsorted(values, values + gap, side="right"))
    with pytest.raises(AssertionError):
        for delta in (0.1, 0.2, 0.3, 0.4):
            assert_agrees_with_brute_force(np.arange(1, 30) / 10, delta)


@pytest.mark.parametrize("wrong", [
    lambda values: 1.0 * np.std(values),  # the factor n^(-1/2) dropped
    lambda values: np.std(values) * np.sqrt(values.size),  # its inverse
])
def test_a_wrong_bandwidth_is_caught(monkeypatch, wrong):
    """Negative control: the brute force keeps the right bandwidth."""
    monkeypatch.setattr(pairs, "bandwidth", wrong)
    with pytest.raises(AssertionError):
        assert_agrees_with_brute_force(np.random.default_rng(0).gamma(4, 0.066, 40), 0.1)


def scores(samples, size):
    """(estimate − certified value)/standard error of both statistics, over samples of the law of the tables."""
    rng = np.random.default_rng(4066)
    found = [pair_statistics(rng.gamma(4, 0.066, size), [0.1])[0] for _ in range(samples)]
    share = [(s.share - LAW_SHARE) / s.share_standard_error for s in found]
    target = [(s.mean_target - LAW_TARGET) / s.mean_target_standard_error for s in found]
    return np.array([share, target])


def assert_calibrated(z):
    """Mean 0 and standard deviation 1, each within five of its own standard errors."""
    count = z.shape[1]
    assert np.all(np.abs(z.mean(axis=1)) < FIVE_SIGMA / np.sqrt(count))
    assert np.all(np.abs(z.std(axis=1) - 1) < FIVE_SIGMA / np.sqrt(2 * count))


def test_both_statistics_meet_the_certified_law():
    assert_calibrated(scores(400, 500))


@pytest.mark.parametrize("shift, factor", [(0.0, np.sqrt(2)), (0.0, np.sqrt(0.5)), (0.5, 1.0)])
def test_a_wrong_standard_error_or_a_bias_is_caught(shift, factor):
    """Negative control: a standard error off by √2, and a bias of half a standard error."""
    with pytest.raises(AssertionError):
        assert_calibrated(shift + factor * scores(400, 500))


def test_a_million_losses_in_bounded_memory():
    losses = np.random.default_rng(1).gamma(2.8, 0.1, 10**6)
    tracemalloc.start()
    statistic, = pair_statistics(losses, [0.1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # O(n): some twenty arrays of n numbers at a time, where the pairs themselves would take 4e12 bytes.
    assert peak < 25 * losses.nbytes
    assert statistic.pairs_within == round(statistic.share * (10**6 * (10**6 - 1) // 2))
    assert isinstance(statistic.pairs_within, int)


def test_no_pair_near_the_gap_gives_nan():
    statistic, = pair_statistics(np.array([1.0, 1.1, 1.2]), [50.0])
    assert statistic.pairs_within == 3 and statistic.share == 1.0
    assert statistic.pairs_near == 0 and np.isnan(statistic.mean_target)


def test_at_gap_zero_the_target_is_a_half():
    statistic, = pair_statistics(np.random.default_rng(2).gamma(4, 0.066, 100), [0.0])
    assert statistic.mean_target == 0.5 and statistic.pairs_within == 0
