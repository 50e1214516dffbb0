"""The law of the gap and the expected target as SymPy expressions, for integer shapes k: for proofs and notebooks.

Every expression is elementary in z = δ/Θ up to one exponential integral E₁(z), and is kept in a normal form (a
polynomial in z times e^(−z), or two rational functions, one of them times e^z E₁(z)), so that a difference of two equal
expressions simplifies to zero. The polynomials come from the papers' own route, the binomial theorem under the double
integral, not from the mixture of Erlang laws that the numerical kernel sums: the two are independent.

Symbols: `delta`, `delta_1`, `delta_2` (0 ≤ δ1 ≤ δ2), `Theta`, `x`, all positive. Every function takes one integer ≥
1, and raises `DomainError` for a smaller one and `ArgumentError` for anything that is no integer.
"""

from __future__ import annotations

import operator
from functools import cache, wraps
from itertools import accumulate
from math import comb, factorial

import sympy
from sympy import QQ, Poly, Symbol, exp, expint

from gammaprob.domains import ORDER, SHAPE
from gammaprob.errors import ArgumentError, DomainError

__all__ = [
    "Theta", "delta", "delta_1", "delta_2", "expected_target", "exponential_integral_term", "gamma_integral", "gap_cdf",
    "gap_pdf", "gap_sf", "strip_probability", "x",
]

delta, delta_1, delta_2, Theta, x = sympy.symbols("delta delta_1 delta_2 Theta x", positive=True)
_z = Symbol("z")


def _of_positive_integer(symbol):
    """Check the one argument of a function, then remember its values."""
    def decorate(function):
        remembered = cache(function)

        @wraps(function)
        def checked(value):
            try:
                integer = None if isinstance(value, bool) else operator.index(value)
            except TypeError:
                integer = None
            if integer is None:
                raise ArgumentError(
                    symbol.name, value, "an integer ≥ 1", "use gammaprob or gammaprob.certified for real values"
                )
            if integer < 1:
                raise DomainError(symbol.name, value, "an integer ≥ 1", symbol.next_step)
            return remembered(integer)

        return checked

    return decorate


@_of_positive_integer(SHAPE)
def gamma_integral(k):
    """The antiderivative of the gamma density that vanishes at infinity.

    G(x, k, Θ) = −e^(−x/Θ) Σ_{n<k} (x/Θ)ⁿ / n!  (supplementary, Eq 1; DLMF 8.4.10), for x > 0.

    >>> gamma_integral(2)
    (-1 - x/Theta)*exp(-x/Theta)
    """
    return -_polynomial([QQ(1, factorial(n)) for n in range(k)]).as_expr(x / Theta) * exp(-x / Theta)


def _polynomial(coefficients) -> Poly:
    """The polynomial in z with these rational coefficients, lowest power first.

    From a list, because SymPy's sums sort and compare all their terms again at each step.
    """
    return Poly.from_list(list(coefficients)[::-1], _z, domain=QQ)


@cache
def _gap_polynomial(k) -> Poly:
    """The polynomial p with P(|X − Y| > δ) = e^(−z) p(z), a polynomial in z.

    From P(Y − X > δ) = ∫₀^∞ γ(x) (−G(x + δ)) dx: expand (x + δ)^(n−1) by the binomial theorem and integrate each power
    of x against e^(−2x/Θ) (supplementary, section 2). Twice that, because the law of Y − X is symmetric.

    The term (n, i) is 2 C(n−1, i) (k+i−1)! / ((n−1)! (k−1)! 2^(k+i)) z^(n−1−i) = 2 C(k+i−1, i) / 2^(k+i) · z^m/m! with
    m = n − 1 − i: the coefficient of z^m/m! is a sum over i = 0..k−1−m.
    """
    sums = list(accumulate(QQ(2 * comb(k + i - 1, i), 2 ** (k + i)) for i in range(k)))
    return _polynomial(sums[k - 1 - m] / factorial(m) for m in range(k))


@_of_positive_integer(SHAPE)
def gap_sf(k):
    """The probability P(|X − Y| > δ) that two losses lie further apart than δ.

    S(δ) = e^(−z) · a polynomial of degree k − 1 in z = δ/Θ with positive coefficients, 1 at z = 0 (supplementary, Eqs 3
    to 6 with their signs corrected; ledger record SUP-EQ6).

    >>> gap_sf(1)
    exp(-delta/Theta)
    >>> gap_sf(2)
    (1 + delta/(2*Theta))*exp(-delta/Theta)
    """
    return _survival(k, delta)


def _survival(k, gap):
    return _gap_polynomial(k).as_expr(gap / Theta) * exp(-gap / Theta)


@_of_positive_integer(SHAPE)
def gap_cdf(k):
    """The probability P(|X − Y| ≤ δ) that two losses lie within δ of each other: 1 − S(δ) (main, Eq 5).

    >>> gap_cdf(1)
    1 - exp(-delta/Theta)
    >>> gap_cdf(4).subs({delta: sympy.Rational(1, 10), Theta: sympy.Rational(33, 500)}).evalf(20)
    0.44076693905370062715
    """
    return 1 - gap_sf(k)


@_of_positive_integer(SHAPE)
def gap_pdf(k):
    """The density of |X − Y| at δ: −dS/dδ, again e^(−z) times a polynomial in z, over Θ.

    >>> gap_pdf(1)
    exp(-delta/Theta)/Theta
    """
    polynomial = _gap_polynomial(k)
    return (polynomial - polynomial.diff()).as_expr(delta / Theta) * exp(-delta / Theta) / Theta


@_of_positive_integer(SHAPE)
def strip_probability(k):
    """The probability D that δ1 < Y − X ≤ δ2, for 0 ≤ δ1 ≤ δ2 (supplementary, Eq 14).

    >>> strip_probability(1)
    -exp(-delta_2/Theta)/2 + exp(-delta_1/Theta)/2
    """
    return (_survival(k, delta_1) - _survival(k, delta_2)) / 2


def _exponential_integral_parts(u):
    """Polynomials a, b in z with I(u) = a + b e^z E₁(z), from I(u) = z e^z E_u(z) and DLMF 8.19.7."""
    unit = factorial(u - 1)
    a = [QQ(0), *(QQ((-1) ** s * factorial(u - s - 2), unit) for s in range(u - 1))]
    b = [QQ(0)] * u + [QQ((-1) ** (u - 1), unit)]
    return _polynomial(a), _polynomial(b)


def _with_exponential_integral(a, b):
    """a(z) + b(z) e^z E₁(z) at z = δ/Θ."""
    z = delta / Theta
    return a.as_expr(z) + b.as_expr(z) * exp(z) * expint(1, z)


@_of_positive_integer(ORDER)
def exponential_integral_term(u):
    """The expectation I(u, Θ) = E[δ/(δ + W)], W ~ Gamma(u, Θ): z e^z E_u(z), written with E₁ alone.

    Supplementary, Eq 15, with the scale of its right-hand side (ledger record SUP-EQ15); DLMF 8.19.7.

    >>> exponential_integral_term(1)
    delta*exp(delta/Theta)*expint(1, delta/Theta)/Theta
    """
    return _with_exponential_integral(*_exponential_integral_parts(u))


@_of_positive_integer(SHAPE)
def expected_target(k):
    """The expected LearningLoss++ target φ(δ) = E[X / (2X + δ) | Y − X = δ].

    φ = ½ (1 − Σ_i a_i z^(k−1−i) I(k+i) / Σ_i a_i z^(k−1−i)), a_i = C(k−1, i) (k+i−1)! / 2^(k+i): the limit δ1 → δ2 of
    the supplementary's Eq 13 with its sign and scale corrected (ledger record SUP-EQ13), taken before any evaluation.

    >>> expected_target(1)
    1/2 - delta*exp(delta/Theta)*expint(1, delta/Theta)/(2*Theta)
    """
    weights = [
        _polynomial([QQ(0)] * (k - 1 - i) + [QQ(comb(k - 1, i) * factorial(k + i - 1), 2 ** (k + i))]) for i in range(k)
    ]
    parts = [_exponential_integral_parts(u) for u in range(k, 2 * k)]
    rational, transcendental = (
        sum((weight * part[side] for weight, part in zip(weights, parts, strict=True)), _polynomial([]))
        for side in (0, 1)
    )
    total = sum(weights, _polynomial([])).as_expr(delta / Theta)
    return (1 - _with_exponential_integral(rational, transcendental) / total) / 2
