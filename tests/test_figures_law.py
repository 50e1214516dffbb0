"""The figures of the law, of accuracy, of speed and of simulation: their arrays against what is known without them."""

from __future__ import annotations

import csv
import json
import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from scipy import integrate
from scipy.special import exp1

import gammaprob
from experiments.record import MEASURED
from figures import accuracy_map, law_over_shape, monte_carlo, speed
from gammaprob import certified
from tests.bench import peers
from tests.oracle.compare import INPUT_ROUNDINGS, REAL_LIMIT, ROUNDING

# --- the law over shape ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def law() -> law_over_shape.Data:
    return law_over_shape.compute()


def test_the_law_at_shape_1_is_exponential(law):
    """Y − X is then a Laplace variable of deviation √2: P = 1 − e^−z, and X is Exp(2) at each gap z."""
    place = law_over_shape.SHAPES.index(1.0)
    z = law.gaps[1:] * math.sqrt(2.0)
    np.testing.assert_allclose(law.cdf[place, 1:], -np.expm1(-z), rtol=REAL_LIMIT)
    # φ = E[X/(2X + z)] = ½ (1 − z e^z E₁(z)): a difference of numbers of size ½.
    np.testing.assert_allclose(law.target[place, 1:], 0.5 * (1.0 - z * np.exp(z) * exp1(z)), rtol=0, atol=REAL_LIMIT)


@pytest.mark.parametrize("column", [0, 7, -1])
def test_lines_and_dots_are_the_certified_law(law, column):
    lines = law.shapes[column], law.cdf_over_shape, law.target_over_shape
    dots = law_over_shape.DOTS[column], law.cdf_at_integers, law.target_at_integers
    for shape, cdf, target in (lines, dots):
        for row, level in enumerate(law_over_shape.LEVELS):
            arguments = {"delta": level * math.sqrt(2 * shape), "shape": float(shape), "scale": 1}
            assert cdf[row, column] == pytest.approx(float(certified.gap_cdf(**arguments)), rel=REAL_LIMIT)
            assert target[row, column] == pytest.approx(float(certified.expected_target(**arguments)), rel=REAL_LIMIT)


def test_the_normal_limit_is_reached_as_edgeworth_says(law):
    """Y − X has excess kurtosis 3/k: P − limit = (3x − x³) n(x)/4k + O(1/k²), n the normal density."""
    x = law.gaps
    first = (3 * x - x**3) * np.exp(-x * x / 2) / math.sqrt(2 * math.pi) / 4

    def left(shape: float, order: float = 1.0) -> float:
        return np.abs(law.cdf[law_over_shape.SHAPES.index(shape)] - law.normal - order * first / shape).max()

    # From k = 10 to 100 an error of second order falls a hundredfold, one of first order tenfold.
    assert left(10.0) / left(100.0) > 50
    assert left(10.0, order=0.9) / left(100.0, order=0.9) < 50  # negative control: a wrong correction


def test_first_orders_are_of_first_order(law):
    small = law.shapes <= law_over_shape.SMALL
    first = 1.0 - law.cdf_small[:, small]
    left = np.abs(law.cdf_over_shape - law.cdf_small)[:, small]
    assert np.all(left <= first**2)
    halved = np.abs(law.cdf_over_shape[:, small] - 1.0 + first / 2)
    assert np.all(halved > (first / 2) ** 2)  # negative control: half the coefficient

    large = law.shapes >= law_over_shape.LARGE
    left = np.abs(law.target_over_shape - law.target_large)[:, large]
    slopes = np.diff(np.log(left[:, [0, -1]])) / np.diff(np.log(law.shapes[large][[0, -1]]))
    assert np.all(slopes < -1.25)  # k^(−3/2); with another coefficient it would be k^(−1/2)


# --- Monte Carlo ----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def simulated() -> monte_carlo.Data:
    return monte_carlo.compute()


def conditional_moments() -> list[float]:
    """E[p^n | gap] of the target p = X/(2X + δ) for n = 1, …, 4, by integrals over the pair's density."""
    k, z = monte_carlo.SHAPE, float(monte_carlo.DELTA) / float(monte_carlo.SCALE)
    weight = lambda x, n: (x * (x + z)) ** (k - 1) * math.exp(-2 * x) * (x / (2 * x + z)) ** n  # noqa: E731
    mass, *moments = (integrate.quad(weight, 0, math.inf, args=(n,))[0] for n in range(5))
    return [moment / mass for moment in moments]


def test_exact_values_are_the_kernels_to_the_digits_that_are_promised(simulated):
    arguments = {"shape": monte_carlo.SHAPE, "scale": float(monte_carlo.SCALE)}
    for name, exact in zip(monte_carlo.QUANTITIES, simulated.exact, strict=True):
        kernel = getattr(gammaprob, name)(float(monte_carlo.DELTA), **arguments)
        assert abs(kernel - exact) < 0.5 * 10.0**-monte_carlo.DIGITS  # both values lie between 0.1 and 1


def test_deviation_of_a_draw(simulated):
    """That of a coin, and that of the conditional law by quadrature, within six of its own standard errors."""
    p = simulated.exact[0]
    first, second, third, fourth = conditional_moments()
    assert first == pytest.approx(simulated.exact[1], rel=1e-8)  # quad's default tolerance is 1.5e-8
    variances = [p * (1 - p), second - first**2]
    fourths = [p * (1 - p) * (1 - 3 * p * (1 - p)),
               fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4]
    draws = simulated.draws.sum() * len(monte_carlo.SEEDS)
    for found, variance, moment in zip(simulated.deviation, variances, fourths, strict=True):
        error = math.sqrt((moment - variance**2) / draws)
        # Each run's own variance is low by 1/n of itself, because its mean is its own.
        bias = variance * simulated.errors[0].size / draws
        assert abs(found**2 - variance) < 6 * error + bias


def test_errors_fall_as_the_root_of_the_draws(simulated):
    """Root mean squares of 48 errors have relative errors of 1/√96; all of 14 lie within four of them."""
    for errors, deviation in zip(simulated.errors, simulated.deviation, strict=True):
        scaled = np.sqrt((errors**2).mean(axis=0) * simulated.draws) / deviation
        assert np.all(np.abs(scaled - 1) < 4 / math.sqrt(2 * len(monte_carlo.SEEDS)))
        standing = np.sqrt((errors[:, :1] ** 2).mean() * simulated.draws) / deviation
        assert np.any(np.abs(standing - 1) > 4 / math.sqrt(2 * len(monte_carlo.SEEDS)))  # negative control


@pytest.mark.parametrize(("factor", "right"), [(1.0, True), (0.5, False), (2.0, False)])
def test_coverage_is_that_of_a_normal_variable(simulated, factor, right):
    """Within four binomial standard errors; standard errors that are twice or half as large are seen."""
    runs = simulated.errors[0].size
    close = []
    for errors, own in zip(simulated.errors, simulated.standard_errors, strict=True):
        for width in (1, 2):
            normal = math.erf(width / math.sqrt(2))
            found = np.mean(np.abs(errors) <= width * factor * own)
            close.append(abs(found - normal) < 4 * math.sqrt(normal * (1 - normal) / runs))
    assert all(close) is right


def test_coverage_and_need_are_what_is_said(simulated):
    for quantity, width in np.ndindex(simulated.coverage.shape):
        inside = np.abs(simulated.errors[quantity]) <= (1 + width) * simulated.standard_errors[quantity]
        assert simulated.coverage[quantity, width] == inside.sum() / inside.size
    half_unit = simulated.deviation / np.sqrt(simulated.needed)
    np.testing.assert_allclose(half_unit, 0.5 * 10.0**-monte_carlo.DIGITS, rtol=1e-12)


# --- the map of accuracy --------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def maps() -> accuracy_map.Data:
    return accuracy_map.compute()


def test_kernels_keep_their_promise_on_the_map(maps):
    for (quantity, _), found in zip(accuracy_map.KERNELS, maps.kernels, strict=True):
        condition = 0.0
        if quantity == "gap_sf":
            gaps, shape = found.gaps, found.shapes[:, np.newaxis]
            condition = gaps * np.exp(gammaprob.gap_logpdf(gaps, shape=shape, scale=1.0)
                                      - gammaprob.gap_logsf(gaps, shape=shape, scale=1.0))
        allowed = np.broadcast_to(REAL_LIMIT + INPUT_ROUNDINGS * ROUNDING * condition, found.errors.shape)
        assert np.all(np.isnan(found.errors) | (found.errors <= allowed))


def test_no_value_is_left_out_but_those_that_underflow(maps):
    smallest = math.log(accuracy_map.SMALLEST)
    for found in (*maps.kernels[:2], *maps.peers):
        logarithm = gammaprob.gap_logsf(found.gaps, shape=found.shapes[:, np.newaxis], scale=1.0)
        assert np.array_equal(np.isnan(found.errors), logarithm < smallest) and np.isnan(found.errors).any()
    assert not any(np.isnan(found.errors).any() for found in maps.kernels[2:])


def test_families_of_shapes(maps):
    for found in (maps.kernels[1], maps.peers[accuracy_map.PEERS.index("gammaincc mixture")]):
        assert np.all(found.shapes == np.round(found.shapes)) and found.shapes.max() > 64  # both integer kernels
    assert not np.any(maps.kernels[0].shapes == np.round(maps.kernels[0].shapes))


def test_a_worse_kernel_is_seen(maps, monkeypatch):
    """Negative control: a kernel that errs by 1e-9 in one place."""
    kernel = gammaprob.gap_sf
    monkeypatch.setattr(gammaprob, "gap_sf", lambda gaps, **law: kernel(gaps, **law) * (1 + 1e-9 * (gaps == 2.0)))
    errors = accuracy_map._kernel_map("gap_sf", [0.7, 3.0], np.array([1.0, 2.0])).errors
    assert np.all(errors[:, 0] < REAL_LIMIT)
    assert errors[:, 1] == pytest.approx(1e-9, abs=REAL_LIMIT)


@pytest.mark.parametrize(("name", "peer", "row", "column"), [
    ("genhyperbolic", peers._genhyperbolic, 10, 15), ("genhyperbolic", peers._genhyperbolic, 14, 20),
    ("quad", peers._quad, 30, 3), ("mpmath", peers._mpmath, 12, 28),
])
def test_recorded_errors_lie_where_they_were_found(maps, name, peer, row, column):
    """What a peer does at a few places of the map: a limit's own error, an overflow, a cancellation.

    Recorded to two digits, and of the limit the error hardly depends on the library's version.
    """
    found = maps.peers[accuracy_map.PEERS.index(name)]
    shape, gap = found.shapes[row], found.gaps[column]
    exact = certified.gap_sf(gap, shape=shape, scale=1, digits=accuracy_map.DIGITS).lower
    with warnings.catch_warnings(action="ignore"):  # as SciPy says of its own quadrature
        value = float(peer(np.array([gap]), shape, 1.0)[0])
    error = abs(float(Fraction(value) / exact - 1)) if math.isfinite(value) else math.inf
    if error < 1:
        assert found.errors[row, column] == pytest.approx(error, rel=0.05) and error > 1e-12
    else:
        assert found.errors[row, column] >= 1


def test_a_cell_lies_around_its_point():
    points = np.array([0.1, 1.0, 10.0])
    np.testing.assert_allclose(accuracy_map._edges(points), [10**-1.5, 10**-0.5, 10**0.5, 10**1.5], rtol=1e-12)


# --- speed ----------------------------------------------------------------------------------------------------------

def test_speed_is_what_was_recorded():
    data = speed.compute()
    with (MEASURED / "bench_peers.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == list(data.names) and data.names[0] == "gammaprob.gap_sf"
    for column in ("body", "tail", "nanoseconds"):
        assert [float(row[column]) for row in rows] == getattr(data, column).tolist()
    assert data.machine == json.loads((MEASURED / "bench.json").read_text(encoding="utf-8"))["machine"]


def test_recorded_kernel_keeps_its_promise_and_is_the_fastest():
    data = speed.compute()
    kernel = np.array([name == "gammaprob.gap_sf" for name in data.names])
    # At the recorded points z = δ/Θ is a rounded quotient, and S is at most as ill-conditioned in it as z there.
    allowed = REAL_LIMIT + INPUT_ROUNDINGS * ROUNDING * peers.POINTS.max() / peers.SCALE
    assert np.all(np.maximum(data.body, data.tail)[kernel] < allowed)
    for shape in peers.SHAPES:
        here = data.shapes == shape
        assert data.nanoseconds[here & kernel].item() == data.nanoseconds[here].min()


# --- captions -------------------------------------------------------------------------------------------------------

def test_captions_have_the_data_s_numbers(law, simulated, maps):
    """Negative control of each caption: other data, other numbers."""
    first, *others = maps.kernels
    timed = speed.compute()
    cases = [
        (law_over_shape, law, {"cdf_at_integers": law.cdf_at_integers / 2}, "29.8 %", "14.9 %"),
        (monte_carlo, simulated, {"needed": simulated.needed * 100}, "9.9·10²³", "9.9·10²⁵"),
        (accuracy_map, maps, {"kernels": (first._replace(errors=first.errors * 1e4), *others)}, "1e-13 (gap_sf, real",
         "1e-09 (gap_sf, real"),
        (speed, timed, {"body": timed.body * 0 + 0.125}, f"{timed.tail[[0, 7]].max():.0e}", "1e-01"),
    ]
    for module, data, changes, said, otherwise in cases:
        changed = module.caption(data._replace(**changes))
        assert said in module.caption(data) and said not in changed
        assert otherwise in changed and otherwise not in module.caption(data)
