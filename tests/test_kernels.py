"""The seams between the kernels: a value may not depend on which of them computed it, nor jump where they meet."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gammaprob as g
from gammaprob import _evaluate, _integer_shape, _plan, _real_shape, _small_gap, _trapezoid, certified
from gammaprob._pointwise import POINTWISE
from tests.strategies import gaps, logarithmic, shapes

EPS = np.finfo(float).eps
# What a kernel may be off by (a dozen roundings; the oracle measures it exactly), twice for two of them; and one
# rounding of z or of the logarithm that the plan interpolates, which costs |log value| roundings.
TWO_KERNELS = 2 * 12 * EPS


def slack(value):
    size = np.abs(np.asarray(value, dtype=float))
    return TWO_KERNELS + 4 * EPS * np.abs(np.log(np.clip(size, 1e-300, 1e300)))


FUNCTIONS = (g.gap_sf, g.gap_cdf, g.gap_pdf, g.gap_logsf, g.gap_logcdf, g.expected_target)
SHAPE_SEAMS = {
    "Stirling's series": _real_shape.STIRLING_FROM,
    "subtracted tail of the cdf": _real_shape.SUBTRACTED_BELOW,
    "reflected normaliser of the target": _real_shape.REFLECTED_BELOW,
    "series at small gaps": _small_gap.SERIES_SHAPES_BELOW,
    "series: first term of F": 0.25,
    "series: joined terms, below": 0.5 - _small_gap._JOINED_BELOW,
    "series: joined terms, above": 0.5 + _small_gap._JOINED_BELOW,
    "series: Taylor": _small_gap._TAYLOR_BELOW,
    "a saddle at |ν|": 0.5,
}
GAP_SEAMS = {
    "series at small gaps": _small_gap.SERIES_BELOW,
    "first panel": _plan.Z_LOW,
    "last panel": _plan.Z_HIGH,
    "an octave": 4.0,
    "a panel": 4.5,
    "subtraction near v = 1/2": np.sqrt(0.5),
}
Z = np.array([1e-12, 1e-9, 3e-4, 0.7, 5.0, 60.0])


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", SHAPE_SEAMS)
def test_no_jump_across_a_shape(name, function):
    seam = SHAPE_SEAMS[name]
    below, above = (function(Z, shape=k, scale=1) for k in (np.nextafter(seam, 0), seam))
    np.testing.assert_array_less(np.abs(above - below), slack(below) * np.abs(below))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", GAP_SEAMS)
@pytest.mark.parametrize("count", [1, _plan.PLAN_FROM], ids=["pointwise", "planned"])
def test_no_jump_across_a_gap(name, function, count):
    seam = GAP_SEAMS[name]
    for k in (0.01, 0.3, 0.5, 1.0, 1.3, 2.82, 12.0, 700.3):
        z = np.repeat([np.nextafter(seam, 0), seam, np.nextafter(seam, np.inf)], count)
        values = function(z, shape=k, scale=1)[:: count]
        # One ulp of z moves log S by z ulps: the condition number, on both sides.
        allowed = (slack(values[0]) + 2 * EPS * seam) * np.abs(values[0])
        if values[0] != 0 and np.abs(values[0]) > 1e-300:
            np.testing.assert_array_less(np.abs(np.diff(values)), allowed)


@given(shapes, st.lists(gaps, min_size=1, max_size=20))
def test_plan_equals_points(k, z):
    z = np.array(z)
    for quantity in ("sf", "logsf", "cdf", "pdf", "logpdf", "target"):
        points = POINTWISE[quantity](np.full(z.size, k), z)
        plan = _plan.evaluate(quantity, k, z.copy())
        kept = np.abs(points) > 1e-300
        # log p passes through 0 where p = 1: there its error is a rounding of the terms that it is the sum of.
        allowed = slack(points) * np.abs(points) + (TWO_KERNELS if quantity == "logpdf" else 0.0)
        np.testing.assert_array_less(np.abs(plan - points)[kept], allowed[kept])


# The promise of `gammaprob.gap`: a relative error, and four roundings of z times the condition number on top.
REAL, INTEGER, FOUR_ROUNDINGS = 1e-13, 4e-15, 4 * EPS / 2


@pytest.mark.parametrize("k", [0.02, 0.3, 0.6353, 2.3, 17.5, 1e4, 1e6, 1.0, 2.0, 4.0, 65.0, 257.0, 400.0, 1000.0])
def test_plan_keeps_the_promise_down_to_1e_300(k):
    """Where log S is of the order of −600, each of its roundings is one of 1e-13 in S."""
    rng = np.random.default_rng(7)
    last = g.gap_isf(1e-300, shape=k, scale=1)
    z = np.concatenate([rng.uniform(0.0, last, 40), last * (1 - np.geomspace(1e-3, 0.1, 10))])
    limit = INTEGER if k.is_integer() and k <= 1000 else REAL
    density, survival = (f(z, shape=k, scale=1) for f in (g.gap_pdf, g.gap_sf))
    # |d log p/d log z| = r − |ν| at least, within a relative 1/z or so.
    conditions = {"sf": z * density / survival, "pdf": np.maximum(1.0, np.hypot(k - 0.5, z) - abs(k - 0.5))}
    for quantity, condition in conditions.items():
        truth = getattr(certified, f"gap_{quantity}")
        reference = np.array([float(truth(gap, shape=k, scale=1, digits=20)) for gap in z.tolist()])
        plan = _plan.evaluate(quantity, k, z.copy())
        # One rounding for the reference itself.
        excess = np.abs(plan / reference - 1) - FOUR_ROUNDINGS * condition - EPS / 2
        assert excess[reference > 1e-300].max() < limit


@given(logarithmic(1e-3, 1e6), st.lists(gaps, min_size=1, max_size=20))
def test_plan_equals_points_for_the_exponential_integral_term(order, z):
    z = np.array(z)
    points = POINTWISE["exponential_integral_term"](np.full(z.size, order), z)
    plan = _plan.evaluate("exponential_integral_term", order, z.copy())
    np.testing.assert_array_less(np.abs(plan - points), slack(points) * points)


@given(st.integers(1, _integer_shape.POLYNOMIAL_UP_TO), st.lists(gaps, min_size=1, max_size=20))
def test_polynomial_equals_points(k, z):
    z, out = np.array(z), np.empty(len(z))
    _integer_shape.sf(k, z, 1.0, out)
    points = POINTWISE["sf"](np.full(z.size, float(k)), z)
    kept = points > 1e-300
    np.testing.assert_array_less(np.abs(out - points)[kept], (slack(points) * points)[kept])


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_every_route_of_the_dispatch_agrees(function):
    """One call, one shape; one call, many shapes of which some fill a plan; element by element."""
    rng = np.random.default_rng(1)
    z = np.exp(rng.uniform(np.log(1e-13), np.log(2e5), (4, _plan.PLAN_FROM)))
    k = np.array([[0.3], [4.0], [4.5], [70.0]])
    together = function(z, shape=k, scale=2.0)
    for row in range(4):
        alone = function(z[row], shape=float(k[row, 0]), scale=2.0)
        kept = np.abs(alone) > 1e-300
        np.testing.assert_array_less(
            np.abs(together[row] - alone)[kept], (slack(alone) * np.abs(alone) + 1e-320)[kept]
        )
        few = function(z[row, :50], shape=np.full(50, k[row, 0]), scale=np.full(50, 2.0))
        kept = np.abs(few) > 1e-300
        np.testing.assert_array_less(np.abs(few - alone[:50])[kept], (slack(few) * np.abs(few) + 1e-320)[kept])
    mixed_shapes = np.where(np.arange(z.size) % 2 == 0, 4.5, 1.0 + np.arange(z.size) / z.size).reshape(z.shape)
    mixed = function(z, shape=mixed_shapes, scale=1.0)
    sample = rng.integers(0, z.size, 40)
    for index in sample:
        one = function(z.flat[index], shape=mixed_shapes.flat[index], scale=1.0)
        if abs(one) > 1e-300:
            assert mixed.flat[index] == pytest.approx(one, rel=float(slack(one)))


@pytest.mark.parametrize("power", [0.0, 1e-3, 0.5, 1, 2, 4, 5, 6, 7, 8, 10, 14, 20, 30, 100, 1e4])
def test_step_of_the_trapezoidal_rule(power):
    """exp(κ − κ e^τ + κτ) integrates to Γ(κ) e^κ κ^{1−κ}/κ: the rule must reach it at every κ, the worst near 6."""
    if power == 0.0:
        return
    from scipy.special import gammaln

    k = np.array([float(power)])
    total = _trapezoid.trapezoid(
        lambda tau, k: np.exp(-k * _real_shape._exp_minus_linear(tau)),
        -_real_shape._slope_width(_trapezoid.CUTOFF, k),
        _real_shape._half_width(_trapezoid.CUTOFF, k),
        _trapezoid.bell_step(k),
        k,
    )[0]
    # gammaln and the products before it lose an ulp of their largest term.
    expected = gammaln(power) + power - power * np.log(power)
    assert np.log(total) == pytest.approx(expected, abs=4 * EPS * (10 + power * 14))


def test_coarser_steps_are_not_good_enough(monkeypatch):
    """Negative control of the rule's step: at twice the step the value near κ = 6 is visibly off."""
    k, z = np.array([6.0]), np.array([0.8])
    fine = POINTWISE["pdf"](k, z)
    monkeypatch.setattr(_trapezoid, "FLAT_STEP", 2 * _trapezoid.FLAT_STEP)
    monkeypatch.setattr(_trapezoid, "_STEP_IN_WIDTHS", 2 * _trapezoid._STEP_IN_WIDTHS)
    monkeypatch.setattr(_trapezoid, "_NODE_MULTIPLE", 1)
    assert abs(POINTWISE["pdf"](k, z) / fine - 1) > 1e-9


MANY = 1_000_000
MIXED = np.random.default_rng(5).choice([0.5, 2.82, 4.0, 31.5], MANY)


SPOILT = np.full(MANY, 2.82)
SPOILT[7] = np.nan
SHAPES = {"integer": 4, "real": 2.82, "constant": np.full(MANY, 2.82), "mixed": MIXED, "spoilt": SPOILT}
LARGE_CALLS = [
    (function, kind)
    for function in (g.gap_sf, g.gap_cdf, g.gap_pdf, g.gap_logcdf, g.expected_target, g.gamma_integral, g.gap_isf)
    for kind in SHAPES
    # A million quantiles at mixed shapes, point by point, would take most of a minute.
    if (function, kind) not in {(g.gap_isf, "mixed"), (g.gap_isf, "spoilt")}
]


@pytest.mark.parametrize(("function", "kind"), LARGE_CALLS, ids=[f"{f.__name__}-{kind}" for f, kind in LARGE_CALLS])
def test_memory_of_a_large_call(function, kind):
    """Peak memory stays within three times the output, which the work in blocks is there for."""
    shape = SHAPES[kind]
    delta = np.linspace(0.0, 1.0, MANY) if function is g.gap_isf else np.linspace(0.0, 20.0, MANY)
    for k in np.unique(shape)[np.unique(shape) > 0]:  # plans stay afterwards and are no part of what a call takes
        function(delta[:: MANY // _plan.PLAN_FROM], shape=k, scale=1.0)
    tracemalloc.start()
    function(delta, shape=shape, scale=1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 3 * delta.nbytes


@pytest.mark.parametrize("kind", ["different shapes", "negative gaps", "arrays of all three"])
def test_memory_of_other_large_calls(kind):
    delta = np.linspace(-1.0, 20.0, MANY)
    arguments = {
        "different shapes": (g.gap_pdf, np.linspace(20.0, 30.0, MANY), 1.0),
        "negative gaps": (g.expected_target, 2.82, 1.0),
        "arrays of all three": (g.gap_logsf, SPOILT, np.where(np.arange(MANY) == 3, -1.0, 2.0)),
    }
    function, shape, scale = arguments[kind]
    if np.ndim(shape) == 0 or kind == "arrays of all three":
        function(delta[:: MANY // _plan.PLAN_FROM], shape=2.82, scale=1.0)
    tracemalloc.start()
    function(delta, shape=shape, scale=scale)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 3 * delta.nbytes


def test_inputs_are_left_alone():
    delta = np.linspace(-1.0, 3.0, 3 * _plan.PLAN_FROM)
    kept = delta.copy()
    for function in FUNCTIONS:
        function(delta, shape=2.82, scale=0.5)
        function(delta, shape=4, scale=0.5)
    assert (delta == kept).all()


def test_layout_does_not_matter():
    z = np.abs(np.random.default_rng(3).normal(size=(100, 200)))
    np.testing.assert_allclose(
        g.gap_sf(z, shape=4, scale=np.full(200, 2.0)), g.gap_sf(z, shape=4, scale=2.0), rtol=TWO_KERNELS
    )
    views = (np.transpose, lambda array: array[::-1], lambda array: array[:, ::2], np.asfortranarray)
    for shape in (4, 2.82):
        straight = g.gap_sf(z, shape=shape, scale=1.0)
        for view in views:
            np.testing.assert_allclose(g.gap_sf(view(z), shape=shape, scale=1.0), view(straight), rtol=TWO_KERNELS)


def test_density_at_zero():
    """Γ(k − ½)/(√π Γ(k)): exact values at integers, from the binomial coefficients C(2k − 2, k − 1)/4^{k−1}."""
    from math import comb

    for k in (1, 2, 5, 64, 500):
        exact = comb(2 * k - 2, k - 1) / 4 ** (k - 1)
        assert _evaluate.density_at_zero(float(k)) == pytest.approx(exact, rel=TWO_KERNELS)
    assert np.isinf(_evaluate.density_at_zero(0.5))
