"""The SymPy expressions: exact identities between them, and digits against Arb, which shares no code with them."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pytest
import sympy
from sympy import Rational, binomial, diff, exp, factorial, integrate, limit, oo, simplify

from gammaprob import certified, symbolic
from gammaprob.errors import ArgumentError, DomainError
from gammaprob.symbolic import Theta, delta, delta_1, delta_2, x

SHAPES = range(1, 7)
FUNCTIONS = [
    symbolic.gamma_integral, symbolic.gap_cdf, symbolic.gap_sf, symbolic.gap_pdf, symbolic.expected_target,
    symbolic.exponential_integral_term, symbolic.strip_probability,
]
POINTS = [("0.1", "0.066"), ("0.5", "1"), ("30", "3.5"), ("0.001", "2")]


def is_zero(expression) -> bool:
    return simplify(sympy.expand(expression)) == 0


@pytest.mark.parametrize("k", SHAPES)
def test_gamma_integral_is_an_antiderivative(k):
    density = x ** (k - 1) * exp(-x / Theta) / (Theta**k * factorial(k - 1))
    assert is_zero(diff(symbolic.gamma_integral(k), x) - density)
    assert limit(symbolic.gamma_integral(k).subs(Theta, 1), x, oo) == 0
    assert symbolic.gamma_integral(k).subs(x, 0) == -1


@pytest.mark.parametrize("k", SHAPES)
def test_survival_function_density_and_distribution_agree(k):
    assert is_zero(diff(symbolic.gap_sf(k), delta) + symbolic.gap_pdf(k))
    assert is_zero(symbolic.gap_cdf(k) + symbolic.gap_sf(k) - 1)
    assert symbolic.gap_sf(k).subs(delta, 0) == 1
    assert simplify(integrate(symbolic.gap_pdf(k), (delta, 0, oo))) == 1


@pytest.mark.parametrize("k", SHAPES)
def test_survival_function_is_the_mixture_of_erlang_laws(k):
    """With Banach's matchbox weights, which `symbolic` does not use: S = Σ_m w_m Q(m, z)."""
    z = delta / Theta
    weights = {m: Rational(binomial(2 * k - 1 - m, k - 1), 2 ** (2 * k - 1 - m)) for m in range(1, k + 1)}
    mixture = sum(
        weight * exp(-z) * sum(z**j / factorial(j) for j in range(m)) for m, weight in weights.items()
    )
    assert is_zero(symbolic.gap_sf(k) - mixture)


@pytest.mark.parametrize("k", range(1, 5))
def test_density_is_the_convolution(k):
    """The density of |X − Y| is twice ∫ γ(t) γ(t + δ) dt, by SymPy's own integration."""
    def density(value):
        return value ** (k - 1) * exp(-value / Theta) / (Theta**k * factorial(k - 1))

    convolution = integrate(sympy.expand(density(x) * density(x + delta)), (x, 0, oo))
    assert is_zero(symbolic.gap_pdf(k) - 2 * convolution)


@pytest.mark.parametrize("k", SHAPES)
def test_strip_adds_up(k):
    """D of (0, δ2) is half of F(δ2), and neighbouring strips join."""
    strip, between = symbolic.strip_probability(k), sympy.Symbol("m", positive=True)
    assert is_zero(strip.subs(delta_1, 0) - symbolic.gap_cdf(k).subs(delta, delta_2) / 2)
    assert is_zero(strip.subs(delta_2, between) + strip.subs(delta_1, between) - strip)


@pytest.mark.parametrize("u", SHAPES)
def test_exponential_integral_recurrence(u):
    """DLMF 8.19.12, u E_{u+1} = e^(−z) − z E_u, in I = z e^z E_u: u I(u + 1) = z (1 − I(u))."""
    z = delta / Theta
    ahead = symbolic.exponential_integral_term(u + 1)
    assert is_zero(u * ahead - z * (1 - symbolic.exponential_integral_term(u)))


def expected_target_residual(k, sign=1):
    """R′ + 1 − sign · R K_{k+1/2}(z)/K_{k−1/2}(z), for R = 1 − 2φ; these Bessel functions are elementary.

    With g = e^z E₁(z), whose derivative is g − 1/z, all of it is a rational function of z and g.
    """
    z, g = sympy.symbols("z g", positive=True)

    def bessel(n):  # √(2z/π) e^z K_{n+1/2}(z), DLMF 10.49.12
        return sum(factorial(n + j) / (factorial(j) * factorial(n - j)) / (2 * z) ** j for j in range(n + 1))

    target = symbolic.expected_target(k).subs({delta: z, Theta: 1}).subs(sympy.expint(1, z), g * exp(-z))
    r = sympy.cancel(1 - 2 * target)
    assert r.free_symbols == {z, g} and not r.has(exp)
    slope = diff(r, z) + diff(r, g) * (g - 1 / z)
    return sympy.cancel(slope + 1 - sign * r * bessel(k) / bessel(k - 1))


@pytest.mark.parametrize("k", SHAPES)
def test_expected_target_solves_its_differential_equation(k):
    assert expected_target_residual(k) == 0


def test_wrong_sign_in_the_differential_equation_is_seen():
    """Negative control."""
    assert expected_target_residual(2, sign=-1) != 0


@pytest.mark.parametrize("k", SHAPES)
def test_expected_target_is_a_half_at_zero(k):
    target = symbolic.expected_target(k).subs(Theta, 1)
    assert limit(target, delta, 0, "+") == Rational(1, 2)


@pytest.mark.parametrize("k", [1, 2, 4, 6, 11])
@pytest.mark.parametrize(("gap", "scale"), POINTS)
def test_digits_are_those_of_the_enclosures(k, gap, scale):
    """25 digits of every quantity, the precision that SymPy is asked for plus five."""
    d = Rational(gap)
    at = {delta: d, Theta: Rational(scale), x: d, delta_1: d / 3, delta_2: d}
    law = {"shape": k, "scale": scale}
    pairs = [
        (symbolic.gap_cdf(k), certified.gap_cdf(gap, **law)),
        (symbolic.gap_sf(k), certified.gap_sf(gap, **law)),
        (symbolic.gap_pdf(k), certified.gap_pdf(gap, **law)),
        (symbolic.expected_target(k), certified.expected_target(gap, **law)),
        (symbolic.gamma_integral(k), certified.gamma_integral(gap, **law)),
        (symbolic.strip_probability(k), certified.strip_probability(Fraction(gap) / 3, gap, **law)),
        (symbolic.exponential_integral_term(k), certified.exponential_integral_term(gap, order=k, scale=scale)),
    ]
    for expression, enclosure in pairs:
        value = expression.subs(at).evalf(30, maxn=500)
        assert abs(value / sympy.Float(enclosure.digits, 40) - 1) < sympy.Float("1e-25")


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("value", [0, -1, np.int64(0)])
def test_integers_outside_the_domain(function, value):
    with pytest.raises(DomainError, match="an integer ≥ 1"):
        function(value)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("value", [2.0, "2", None, Rational(1, 2), [1], 1j, True, np.True_, np.array([1.0])])
def test_anything_but_an_integer(function, value):
    with pytest.raises(ArgumentError, match="certified"):
        function(value)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_numpy_integers_and_repeated_calls(function):
    assert function(np.int64(3)) == function(3)
    assert function(3) is function(3)


@pytest.mark.parametrize("k", range(1, 9))
def test_polynomials_are_the_papers_double_and_single_sums(k):
    """The same sums, term by term as the papers write them and added by SymPy: identical expressions."""
    z, zero = delta / Theta, sympy.Integer(0)
    survival = sum(
        (2 * binomial(n - 1, i) * factorial(k + i - 1) / (factorial(n - 1) * factorial(k - 1) * Rational(2) ** (k + i))
         * z ** (n - 1 - i) for n in range(1, k + 1) for i in range(n)), zero,
    )
    assert symbolic.gap_sf(k) == survival * exp(-z)
    series = sum(((x / Theta) ** n / factorial(n) for n in range(k)), zero)
    assert symbolic.gamma_integral(k) == -series * exp(-x / Theta)
    assert symbolic.strip_probability(k) == (
        symbolic.gap_sf(k).subs(delta, delta_1) - symbolic.gap_sf(k).subs(delta, delta_2)
    ) / 2
    weights = [binomial(k - 1, i) * factorial(k + i - 1) / Rational(2) ** (k + i) * z ** (k - 1 - i) for i in range(k)]
    terms = [symbolic.exponential_integral_term(k + i) for i in range(k)]
    mean = sum(w * term for w, term in zip(weights, terms, strict=True)) / sum(weights)
    assert sympy.cancel(symbolic.expected_target(k) - (1 - mean) / 2) == 0
    rational = sum(factorial(k - s - 2) * (-z) ** s for s in range(k - 1)) * z / factorial(k - 1)
    rest = z * (-z) ** (k - 1) / factorial(k - 1) * exp(z) * sympy.expint(1, z)
    assert sympy.expand(symbolic.exponential_integral_term(k) - rational - rest) == 0


@pytest.mark.parametrize(("function", "size"), [(symbolic.gap_cdf, 300), (symbolic.expected_target, 150)])
def test_large_shapes_are_quick(function, size):
    """Sums of SymPy expressions, which sort all their terms again at each step, took a minute; lists take 0.3 s."""
    before = time.process_time()
    function(size)
    # Halfway between the two on a logarithmic scale, and of this process's own time, whatever else runs.
    assert time.process_time() - before < 5
