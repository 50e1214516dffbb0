"""What goes into the law: scalars, arrays, broadcasting, and everything that is not a number it is defined for."""

from __future__ import annotations

import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import gammaprob as g
from gammaprob import ArgumentError, BroadcastError, DomainError

LAW = (g.gap_cdf, g.gap_sf, g.gap_pdf, g.gap_logcdf, g.gap_logsf, g.gap_logpdf, g.difference_pdf, g.expected_target)
QUANTILES = (g.gap_ppf, g.gap_isf)
every_function = pytest.mark.parametrize("function", LAW + QUANTILES + (g.gamma_integral,), ids=lambda f: f.__name__)


@every_function
def test_scalars_in_scalar_out(function):
    for argument in (0.25, 1, True, np.float32(0.25), np.array(0.25), Fraction(1, 4), Decimal("0.25")):
        result = function(argument, shape=4, scale=Fraction(1, 2))
        assert isinstance(result, float) and np.ndim(result) == 0


@every_function
def test_arrays_broadcast(function):
    result = function(np.full((3, 1, 1), 0.25), shape=[[1.0], [2.5]], scale=[1.0, 2.0, 3.0, 4.0])
    assert result.shape == (3, 2, 4) and result.dtype == np.float64
    assert result[1, 1, 2] == pytest.approx(function(0.25, shape=2.5, scale=3.0), rel=1e-14)
    assert function([], shape=4, scale=1).shape == (0,)
    assert function(np.empty((0, 3)), shape=[1, 2, 3], scale=1).shape == (0, 3)


@every_function
@pytest.mark.parametrize("name", ["shape", "scale"])
@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, -np.inf, -0.0])
def test_a_scalar_parameter_outside_its_domain_raises(function, name, value):
    parameters = {"shape": 4, "scale": 1.0, name: value}
    with pytest.raises(DomainError) as raised:
        function(0.5, **parameters)
    error = raised.value
    assert error.parameter == name and error.allowed == "a finite real number > 0"
    assert str(error).startswith(f"{name}: got {float(value)!r}; allowed: ") and "pass the gamma" in str(error)
    assert isinstance(error, ValueError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@every_function
@pytest.mark.parametrize("name", ["shape", "scale"])
def test_an_array_element_outside_its_domain_gives_nan(function, name):
    values = np.array([1.0, 0.0, -2.0, np.nan, np.inf, 2.0])
    parameters = {"shape": 4, "scale": 1.0, name: values}
    result = function(0.5, **parameters)
    assert np.isnan(result).tolist() == [False, True, True, True, True, False]


@every_function
@pytest.mark.parametrize(
    "value", ["0.1", b"1", 1j, None, [1j], ["a"], {"a": 1}, np.array(["1"]), np.datetime64("2026-01-01")]
)
def test_what_is_no_real_number_raises(function, value):
    for parameters in ({"shape": 4, "scale": 1.0}, {"shape": value, "scale": 1.0}, {"shape": 4, "scale": value}):
        argument = value if parameters == {"shape": 4, "scale": 1.0} else 0.5
        with pytest.raises(ArgumentError, match="allowed: real numbers"):
            function(argument, **parameters)


@every_function
def test_shapes_that_do_not_broadcast_raise(function):
    with pytest.raises(BroadcastError, match=r"shape \(2,\)"):
        function([0.1, 0.2, 0.3], shape=[1.0, 2.0], scale=1.0)


@every_function
def test_what_numpy_cannot_convert_raises(function):
    masked = np.ma.array([0.1, 5.0], mask=[False, True])
    ragged = [[1, 2], [3]]
    for value in (masked, np.ma.masked, ragged, 10**400, [10**400]):
        for arguments in ((value, 4, 1.0), (0.5, value, 1.0), (0.5, 4, value)):
            with pytest.raises(ArgumentError, match="allowed: real numbers"):
                function(arguments[0], shape=arguments[1], scale=arguments[2])
    # A number beyond float64 in NumPy's own type is infinite there: no parameter, but a gap.
    with pytest.raises(DomainError):
        function(0.5, shape=np.longdouble("1e4000"), scale=1.0)


@every_function
def test_parameters_are_keyword_only(function):
    with pytest.raises(TypeError):
        function(0.1, 4, 0.066)


@pytest.mark.parametrize("function", LAW, ids=lambda f: f.__name__)
def test_nan_in_nan_out(function):
    assert np.isnan(function(np.nan, shape=4, scale=1))
    assert np.isnan(function([np.nan, 1.0], shape=4, scale=1)).tolist() == [True, False]
    assert np.isnan(function(np.full(9000, np.nan), shape=2.82, scale=1)).all()


def test_below_the_support():
    for count in (1, 9000):
        delta = np.full(count, -0.1)
        for shape in (4, 2.82):
            assert (g.gap_cdf(delta, shape=shape, scale=1) == 0).all()
            assert (g.gap_pdf(delta, shape=shape, scale=1) == 0).all()
            assert (g.gap_sf(delta, shape=shape, scale=1) == 1).all()
            assert (g.gap_logcdf(delta, shape=shape, scale=1) == -np.inf).all()
    assert g.gamma_integral(-3.0, shape=4, scale=1) == -1


@pytest.mark.parametrize("function", QUANTILES, ids=lambda f: f.__name__)
def test_probabilities(function):
    ends = function([0.0, 1.0], shape=4, scale=1.0)
    assert ends.tolist() == ([0.0, np.inf] if function is g.gap_ppf else [np.inf, 0.0])
    assert np.isnan(function([-0.1, 1.1, np.nan, np.inf], shape=4, scale=1.0)).all()
    for q in (-0.1, 1.0000001, np.inf):
        with pytest.raises(DomainError, match=r"q: got .*a probability in \[0, 1\]"):
            function(q, shape=4, scale=1.0)
    assert np.isnan(function(np.nan, shape=4, scale=1.0))


def test_quantiles_beyond_float64():
    """At small shape nearly all pairs have gaps below the smallest positive number."""
    assert g.gap_ppf(0.01, shape=1e-3, scale=1.0) == 0.0
    assert g.gap_isf(1e-300, shape=1e-3, scale=1.0) > 600


def test_strips():
    with pytest.raises(DomainError, match="delta_2: got 0.1; allowed: a real number >= delta_1 = 0.2"):
        g.strip_probability(0.2, 0.1, shape=4, scale=1)
    result = g.strip_probability([0.2, 0.1, np.nan, -np.inf, 0.1], [0.1, 0.1, 1.0, np.inf, np.inf], shape=4, scale=1)
    assert np.isnan(result).tolist() == [True, False, True, False, False]
    assert result[1] == 0 and result[3] == pytest.approx(1) and 0 < result[4] < 0.5


def test_exponential_integral_term_domain():
    assert g.exponential_integral_term([0.0, np.inf], order=2.5, scale=1).tolist() == [0.0, 1.0]
    assert np.isnan(g.exponential_integral_term([-1.0, np.nan], order=2.5, scale=1)).all()
    with pytest.raises(DomainError, match=r"delta: got -1.0; allowed: a real number >= 0"):
        g.exponential_integral_term(-1.0, order=2, scale=1)
    with pytest.raises(DomainError, match="order: got 0.0; allowed: a finite real number > 0; pass the order u > 0"):
        g.exponential_integral_term(1.0, order=0, scale=1)


def test_expected_gradient():
    phi = g.expected_target(0.1, shape=4, scale=0.066)
    single = g.expected_gradient(0.1, 0.5, [1, 2, 1], [1, 1, 1], shape=4, scale=0.066)
    assert single.tolist() == [0.0, 0.5 - phi, 0.0]
    theta = np.arange(24.0).reshape(4, 2, 3)
    batched = g.expected_gradient(np.full((4, 1), 0.1), [0.2, 0.8], theta, np.zeros(3), shape=4, scale=0.066)
    assert batched.shape == (4, 2, 3)
    np.testing.assert_array_equal(batched[3, 1], (0.8 - phi) * theta[3, 1])
    assert np.isnan(g.expected_gradient(0.1, [2.0], [1.0], [0.0], shape=4, scale=1)).all()
    with pytest.raises(DomainError, match="q: got 2.0"):
        g.expected_gradient(0.1, 2.0, [1.0], [0.0], shape=4, scale=1)
    with pytest.raises(BroadcastError, match="theta_i"):
        g.expected_gradient(0.1, 0.5, 1.0, [0.0], shape=4, scale=1)
    with pytest.raises(BroadcastError, match="theta_i"):
        g.expected_gradient(0.1, 0.5, np.zeros((2, 3)), np.zeros((5, 3)), shape=4, scale=1)
    with pytest.raises(BroadcastError):
        g.expected_gradient([0.1, 0.2], 0.5, np.zeros((3, 2)), np.zeros(2), shape=4, scale=1)


def test_no_warning_at_the_ends_of_float64():
    """Warnings are errors in this suite: none of these may raise one, under any error state of the caller."""
    ends = np.array([0.0, 5e-324, 1e-310, 1e-300, 745.0, 1e300, np.finfo(float).max])
    with np.errstate(all="raise"):
        for shape in (1e-300, 1e-3, 0.3, 0.5, 1.0, 4.5, 1e6, 1e12):
            for function in LAW:
                assert not np.isnan(function(ends, shape=shape, scale=1.0)).any()
                assert not np.isnan(function(ends, shape=np.full(7, shape), scale=np.full(7, 1e-3))).any()
            assert not np.isnan(g.strip_probability(ends[:-1], ends[1:], shape=shape, scale=1.0)).any()
            assert not np.isnan(g.strip_probability(740.0, 745.0, shape=shape, scale=1.0))
            assert not np.isnan(g.gamma_integral(ends, shape=shape, scale=1.0)).any()
        assert np.isnan(g.expected_gradient(1.0, 0.5, [np.inf], [np.inf], shape=4, scale=1.0)).all()


def test_lazy_names():
    assert set(g.__all__) <= set(dir(g))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        g.nothing  # noqa: B018
