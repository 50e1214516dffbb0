"""The papers' formulas, literally: every sign, factor, scale and limit as it was printed, right or wrong.

Nothing here is for use in a computation. The ledger (`python -m paper_tables.ledger`) evaluates these functions beside
an independent truth; a docstring line that starts with `ERRATUM:` names the record that says what is wrong and what the
right form is.

Papers: *main* is Shukla and Ahmed, CVPR Workshops 2021; *supplementary* is its supplementary material. The slides
repeat main's equations. Scalars may be `str` ("0.066" is 33/500), `int`, `Fraction`, `float` (its exact binary value)
or mpmath numbers, vectors are tuples of them; results are mpmath numbers of `WORKING_DIGITS` digits. Formulas without
an integral also take the objects of a computer algebra system once it has registered its own `exponential`,
`logarithm` and `exponential_integral`, so that the very text that is evaluated can be proved. Domain: shape k = 1, 2, …
unless a docstring says otherwise, scale Θ > 0, 0 < δ1 < δ2; no argument is checked.
"""

from __future__ import annotations

from math import comb, factorial, perm

from mpmath import mp, mpf

from gammaprob._as_printed_pairs import (
    main_eq1_objective, main_eq2a_gradients, main_eq2b_gradients, main_eq3_objective, main_eq4a_gradient,
    main_eq4b_gradient, predicted_loss, softmax_target, supplementary_eq8_gradient, supplementary_eq8_steps,
    true_loss_target,
)
from gammaprob._literal import WORKING_DIGITS, exact, exponential, exponential_integral, literal, logarithm

__all__ = [
    "WORKING_DIGITS", "exponential", "exponential_integral", "f", "logarithm", "main_eq1_objective",
    "main_eq2a_gradients", "main_eq2b_gradients", "main_eq3_objective", "main_eq4a_gradient", "main_eq4b_gradient",
    "main_eq5_gap_probability", "main_eq6_coefficient", "predicted_loss", "softmax_target", "strip_integral",
    "supplementary_eq1_gamma_integral", "supplementary_eq4_terms", "supplementary_eq5_terms",
    "supplementary_eq6_gap_probability", "supplementary_eq8_steps", "supplementary_eq8_gradient",
    "supplementary_eq11_coefficient", "supplementary_eq12_expanded", "supplementary_eq12_substituted",
    "supplementary_eq13_coefficient", "supplementary_eq14_strip", "supplementary_eq15_closed_form",
    "supplementary_i_integral", "supplementary_term_a_steps", "true_loss_target",
]

# Of main's Eq 5, whose inner integral is a special function at every node: fewer digits for time, but twice the 20 that
# are compared, because the density's x^(−1/2) at k = 1/2 costs the quadrature half of them.
_DOUBLE_INTEGRAL_DIGITS = 45


def _density(x, shape, scale):
    """γ(x, k, Θ), the gamma density of the papers."""
    return x ** (shape - 1) * mp.exp(-x / scale) / (scale**shape * mp.gamma(shape))


def _gamma_integral(x, shape, scale):
    """G of the supplementary's Eq 1, term by term."""
    decay = exponential(-x / scale)
    return -scale * sum(x ** (n - 1) * decay / (scale**n * factorial(n - 1)) for n in range(1, shape + 1))


# The law of the gap: main, Eq 5; supplementary, Eqs 1 to 6


@literal
def supplementary_eq1_gamma_integral(x, *, shape, scale):
    """Supplementary, Eqs 1 and 2: G(x, k, Θ) = −Θ Σ_{n=1..k} x^(n−1) e^(−x/Θ) / (Θⁿ Γ(n)).

    >>> print(mp.nstr(supplementary_eq1_gamma_integral(1, shape=1, scale=1), 8))
    -0.36787944
    """
    return _gamma_integral(x, shape, scale)


@literal
def main_eq5_gap_probability(delta, *, shape, scale):
    """Main, Eq 5 and supplementary, Eq 3: P(|X − Y| ≤ δ) as two double integrals, for real k > 0.

    ∫₀^δ γ(x) ∫₀^(x+δ) γ(y) dy dx + ∫_δ^∞ γ(x) ∫_(x−δ)^(x+δ) γ(y) dy dx, by quadrature; the inner integrals are
    incomplete gamma functions.

    >>> print(mp.nstr(main_eq5_gap_probability("0.1", shape=4, scale="0.066"), 10))
    0.4407669391
    """
    def inner(lower, upper):
        return mp.gammainc(shape, lower / scale, upper / scale, regularized=True)

    shape = exact(shape)
    with mp.workdps(_DOUBLE_INTEGRAL_DIGITS):
        near = mp.quad(lambda x: _density(x, shape, scale) * inner(0, x + delta), [0, delta])
        far = mp.quad(lambda x: _density(x, shape, scale) * inner(x - delta, x + delta), [delta, mp.inf])
        return near + far


@literal
def supplementary_eq4_terms(delta, *, shape, scale):
    """Supplementary, Eq 4: the four terms A, B, C, D of P(|X − Y| ≤ δ) as single integrals, with their signs.

    >>> print(mp.nstr(sum(supplementary_eq4_terms("0.1", shape=4, scale="0.066")), 10))
    0.4407669391
    """
    def times_g(shift):
        return lambda x: _density(x, shape, scale) * _gamma_integral(x + shift, shape, scale)

    tail = [delta, mp.inf]
    return (
        mp.quad(times_g(delta), [0, delta]),
        mp.quad(lambda x: _density(x, shape, scale), [0, delta]),
        mp.quad(times_g(delta), tail),
        -mp.quad(times_g(-delta), tail),
    )


@literal
def supplementary_term_a_steps(delta, *, shape, scale):
    """Supplementary, section 2: the three unnumbered lines between Eq 4 and Eq 5 that reduce the term A.

    >>> [mp.nstr(step, 8) for step in supplementary_term_a_steps("0.1", shape=4, scale="0.066")]
    ['-0.048777426', '-0.048777426', '-0.048777426']
    """
    def integral(integrand):
        return mp.quad(integrand, [0, delta])

    def double_sum(term):
        return sum(term(n, i) for n in range(1, shape + 1) for i in range(n))

    half, decay = scale / 2, mp.exp(-delta / scale)
    first = -scale * double_sum(lambda n, i: integral(
        lambda x: comb(n - 1, i) * delta ** (n - 1 - i) * x ** (shape + i - 1) * mp.exp(-(2 * x + delta) / scale)
        / (scale ** (shape + n) * mp.gamma(n) * mp.gamma(shape))
    ))
    second = -scale * decay * double_sum(lambda n, i: (
        comb(n - 1, i) * delta ** (n - 1 - i) / (2 ** (shape + i) * scale ** (n - i))
        * integral(
            lambda x: x ** (shape + i - 1) * mp.exp(-x / half) / (half ** (shape + i) * mp.gamma(n) * mp.gamma(shape))
        )
    ))
    third = -scale * decay * double_sum(lambda n, i: (
        comb(n - 1, i) * perm(shape + i - 1, i) * delta ** (n - 1 - i)
        / (2 ** (shape + i) * scale ** (n - i) * mp.gamma(n)) * integral(lambda x: _density(x, shape + i, half))
    ))
    return first, second, third


def _polynomial_part(i, n, shape, delta, scale):
    """The factor of f beside its exponential: C(n−1, i) P(k+i−1, i) δ^(n−1−i) / (2^(k+i) Θ^(n−i))."""
    return comb(n - 1, i) * perm(shape + i - 1, i) * delta ** (n - 1 - i) / (2 ** (shape + i) * scale ** (n - i))


@literal
def supplementary_eq5_terms(delta, *, shape, scale):
    """Supplementary, Eq 5: the closed forms of A, B, C, D.

    >>> print(mp.nstr(sum(supplementary_eq5_terms("0.1", shape=4, scale="0.066")), 10))
    0.4407669391
    """
    def double_sum(shift, factor):
        return sum(
            _polynomial_part(i, n, shape, shift, scale) / factorial(n - 1) * factor(shape + i)
            for n in range(1, shape + 1) for i in range(n)
        )

    half = scale / 2
    decay = exponential(-delta / half)

    def bracket(count):
        return half * sum(delta ** (m - 1) * decay / (half**m * factorial(m - 1)) for m in range(1, count + 1))

    a = -scale * exponential(-delta / scale) * double_sum(delta, lambda count: -bracket(count) + 1)
    b = -scale * sum(
        delta ** (n - 1) * exponential(-delta / scale) / (scale**n * factorial(n - 1)) for n in range(1, shape + 1)
    ) + 1
    c = -scale * exponential(-delta / scale) * double_sum(delta, bracket)
    d = scale * exponential(delta / scale) * double_sum(-delta, bracket)
    return a, b, c, d


@literal
def f(i, n, *, shape, delta, scale):
    """Supplementary, after Eq 5: f(i, n, k, δ, Θ) = e^(−δ/Θ) C(n−1, i) P(k+i−1, i) δ^(n−1−i) / (2^(k+i) Θ^(n−i)).

    >>> print(mp.nstr(f(0, 1, shape=1, delta=1, scale=1), 8))
    0.18393972
    """
    return exponential(-delta / scale) * _polynomial_part(i, n, shape, delta, scale)


def _f_sum(shape, delta, scale, factor):
    """Σ_{n=1..k} (1/Γ(n)) Σ_{i<n} f(i, n, k, δ, Θ) · factor(k + i)."""
    return sum(
        f(i, n, shape=shape, delta=delta, scale=scale) / factorial(n - 1) * factor(shape + i)
        for n in range(1, shape + 1) for i in range(n)
    )


@literal
def supplementary_eq6_gap_probability(delta, *, shape, scale):
    """Supplementary, Eq 6: 1 − Θ G(δ,k,Θ) − Θ ΣΣ f(δ)/Γ(n) + Θ ΣΣ f(−δ) G(δ,k+i,Θ/2)/Γ(n).

    ERRATUM: SUP-EQ6, the first G carries a wrong sign and a stray Θ, the last sum a wrong sign.

    >>> print(mp.nstr(supplementary_eq6_gap_probability("0.1", shape=4, scale="0.066"), 8))
    0.12909965
    """
    return (
        1
        - scale * _gamma_integral(delta, shape, scale)
        - scale * _f_sum(shape, delta, scale, lambda count: 1)
        + scale * _f_sum(shape, -delta, scale, lambda count: _gamma_integral(delta, count, scale / 2))
    )


# The expected gradient, as the factor that multiplies (θ_i − θ_j): main, Eq 6; supplementary, Eqs 10 to 15


def _strip_average(integrand, delta_1, delta_2, shape, scale):
    """∫₀^∞ integrand(x) γ(x) ∫_(x+δ1)^(x+δ2) γ(y) dy dx, the inner integral by Eq 1."""
    return mp.quad(
        lambda x: integrand(x) * _density(x, shape, scale)
        * (_gamma_integral(x + delta_2, shape, scale) - _gamma_integral(x + delta_1, shape, scale)),
        [0, mp.inf],
    )


@literal
def strip_integral(delta_1, delta_2, *, shape, scale):
    """Supplementary, section 4: what is called p(y − x = δ2) and D, ∫₀^∞ ∫_(x+δ1)^(x+δ2) γ(x) γ(y) dy dx.

    ERRATUM: SUP-NORMALISER, this is the probability of a strip, no density.

    >>> print(mp.nstr(strip_integral(1, 2, shape=1, scale=1), 8))
    0.11627208
    """
    return _strip_average(lambda x: 1, delta_1, delta_2, shape, scale)


@literal
def main_eq6_coefficient(delta_1, delta_2, q, normaliser, *, shape, scale):
    """Main, Eq 6 and supplementary, Eq 10 before the limit: ∫∫ (q_i − x/(2x+δ2)) γ(x)γ(y) / p(y−x=δ2) dy dx.

    `normaliser` is the value given to p(y − x = δ2), which main leaves undefined.

    ERRATUM: LL-EQ6, the limit exists only for the strip's probability as normaliser.

    >>> strip = strip_integral("0.0999999", "0.1", shape=4, scale="0.066")
    >>> print(mp.nstr(main_eq6_coefficient("0.0999999", "0.1", "0.5", strip, shape=4, scale="0.066"), 6))
    0.115551
    """
    return _strip_average(lambda x: (q - x / (2 * x + delta_2)) / normaliser, delta_1, delta_2, shape, scale)


@literal
def supplementary_eq11_coefficient(delta_1, delta_2, q, *, shape, scale):
    """Supplementary, Eqs 11 and 12 (D is moved out of the inner integral): q_i − ½ [1 − ∫∫ δ2/(2x+δ2) γ(x)γ(y)/D].

    >>> print(mp.nstr(supplementary_eq11_coefficient("0.0999999", "0.1", "0.5", shape=4, scale="0.066"), 6))
    0.115551
    """
    strip = strip_integral(delta_1, delta_2, shape=shape, scale=scale)
    return q - (1 - _strip_average(lambda x: delta_2 / (2 * x + delta_2) / strip, delta_1, delta_2, shape, scale)) / 2


def _expanded(delta_1, delta_2, q, shape, scale, integral):
    """q_i − ½ [1 + (Θ/D) ΣΣ f(δ2) integral(k+i)/Γ(n) − (Θ/D) ΣΣ f(δ1) integral(k+i)/Γ(n)]."""
    strip = strip_integral(delta_1, delta_2, shape=shape, scale=scale)
    values = {order: integral(order) for order in range(shape, 2 * shape)}
    upper, lower = (_f_sum(shape, delta, scale, values.__getitem__) for delta in (delta_2, delta_1))
    return q - (1 + scale / strip * upper - scale / strip * lower) / 2


@literal
def supplementary_eq12_expanded(delta_1, delta_2, q, *, shape, scale):
    """Supplementary, first line after Eq 12: Eq 12 with f, and integrals over x with scale Θ/2 and δ2/(2x+δ2).

    >>> print(mp.nstr(supplementary_eq12_expanded("0.0999999", "0.1", "0.5", shape=4, scale="0.066"), 6))
    0.115551
    """
    half = scale / 2

    def integral(order):
        return mp.quad(
            lambda x: _density(x, order, half) * delta_2 / (2 * x + delta_2), [0, mp.inf]
        )

    return _expanded(delta_1, delta_2, q, shape, scale, integral)


@literal
def supplementary_i_integral(delta_2, *, order, scale):
    """Supplementary, before Eq 13: I(u, Θ) = ∫_δ2^∞ (t−δ2)^(u−1) e^(−(t−δ2)/(Θ/2)) / ((Θ/2)^u Γ(u)) · δ2/t dt.

    ERRATUM: SUP-SUBSTITUTION, after t = 2x + δ2 the scale is Θ, no longer Θ/2.

    >>> print(mp.nstr(supplementary_i_integral("0.1", order=5, scale="0.066"), 8))
    0.40589927
    """
    half = scale / 2
    return mp.quad(lambda t: _density(t - delta_2, order, half) * delta_2 / t, [delta_2, mp.inf])


@literal
def supplementary_eq12_substituted(delta_1, delta_2, q, *, shape, scale):
    """Supplementary, second line after Eq 12: the same "with t = 2x + δ2".

    ERRATUM: SUP-SUBSTITUTION, the scale Θ/2 was kept where it becomes Θ.

    >>> print(mp.nstr(supplementary_eq12_substituted("0.0999999", "0.1", "0.5", shape=4, scale="0.066"), 6))
    0.184039
    """
    return _expanded(
        delta_1, delta_2, q, shape, scale, lambda order: supplementary_i_integral(delta_2, order=order, scale=scale)
    )


@literal
def supplementary_eq13_coefficient(delta_1, delta_2, q, *, shape, scale, term=None):
    """Supplementary, Eq 13: q_i − ½ + (Θ/2D) Σ_n (1/Γ(n)) Σ_i I(k+i, Θ) [f(δ2) − f(δ1)].

    `term(order)` replaces the printed integral I, to tell the error of the sign from the error of the scale.

    ERRATUM: SUP-EQ13, the last sum has the wrong sign, and I the wrong scale.

    >>> print(mp.nstr(supplementary_eq13_coefficient("0.0999999", "0.1", "0.5", shape=4, scale="0.066"), 6))
    -0.184039
    """
    values = {
        order: term(order) if term else supplementary_i_integral(delta_2, order=order, scale=scale)
        for order in range(shape, 2 * shape)
    }
    difference = sum(
        values[shape + i] / factorial(n - 1) * (
            f(i, n, shape=shape, delta=delta_2, scale=scale) - f(i, n, shape=shape, delta=delta_1, scale=scale)
        )
        for n in range(1, shape + 1) for i in range(n)
    )
    strip = supplementary_eq14_strip(delta_1, delta_2, shape=shape, scale=scale)
    return q - mpf(1) / 2 + scale / (2 * strip) * difference


@literal
def supplementary_eq14_strip(delta_1, delta_2, *, shape, scale):
    """Supplementary, Eq 14: D = Θ Σ_n (1/Γ(n)) Σ_i [f(δ1) − f(δ2)].

    >>> print(mp.nstr(supplementary_eq14_strip(1, 2, shape=1, scale=1), 8))
    0.11627208
    """
    return scale * (_f_sum(shape, delta_1, scale, lambda count: 1) - _f_sum(shape, delta_2, scale, lambda count: 1))


@literal
def supplementary_eq15_closed_form(delta_2, *, order, scale):
    """Supplementary, Eq 15: the closed form given for I(u, Θ), an alternating sum and a Γ(0, δ2/Θ).

    e^(δ2/Θ) Σ_{j=1..u−1} (−1)^(u−1−j) δ2^(u−j) C(u−1, j) / (Θ^(u−j) P(u−1, u−j)) ∫_δ2^∞ γ(t; j, Θ) dt
    + e^(δ2/Θ) (−1)^(u−1) δ2^u / (Θ^u (u−1)!) Γ(0, δ2/Θ), with the upper Γ(0, ·) that the notation means, the θ of the
    printed denominator read as Θ, and the integral by Eq 1.

    ERRATUM: SUP-EQ15, this is not the integral I as printed, but I with the scale Θ.
    ERRATUM: SUP-LOWER-GAMMA, the text calls Γ(0, ·) the lower incomplete gamma function.

    >>> print(mp.nstr(supplementary_eq15_closed_form("0.1", order=5, scale="0.066"), 8))
    0.26086831
    """
    grow = exponential(delta_2 / scale)
    finite = sum(
        (-1) ** (order - 1 - j) * delta_2 ** (order - j) * comb(order - 1, j)
        / (scale ** (order - j) * perm(order - 1, order - j)) * -_gamma_integral(delta_2, j, scale)
        for j in range(1, order)
    )
    last = (-1) ** (order - 1) * delta_2**order / (scale**order * factorial(order - 1))
    return grow * finite + grow * last * exponential_integral(delta_2 / scale)
