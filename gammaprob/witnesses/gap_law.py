"""Witnesses on the law of the gap: main, Eq 5; supplementary, Eqs 1 to 6 and the lines between them."""

from __future__ import annotations

from functools import cache, partial
from math import comb, factorial

import sympy
from mpmath import mp, mpf

from gammaprob import as_printed, symbolic
from gammaprob.symbolic import Theta, delta, x
from gammaprob.witnesses._compare import (
    POINTS, agree, all_needed, certified_value, checked, equal, gamma_density, witness,
)
from gammaprob.witnesses._proof import SHAPES, proved
from paper_tables.outcome import Outcome

_HALF_INTEGERS = (
    {"delta": "0.1", "shape": "1/2", "scale": "0.066"},
    {"delta": "1", "shape": "5/2", "scale": "0.5"},
)

_truth = partial(certified_value, "gap_cdf")
_printed_g = as_printed.supplementary_eq1_gamma_integral
eq5 = cache(as_printed.main_eq5_gap_probability)
_integrals = cache(as_printed.supplementary_eq4_terms)  # four quadratures a point, asked for by several witnesses
_steps = cache(as_printed.supplementary_term_a_steps)


def _density(k):
    return x ** (k - 1) * sympy.exp(-x / Theta) / (Theta**k * sympy.factorial(k - 1))


def f_sum(k, gap, scale, factor):
    """Σ_{n≤k} Σ_{i<n} f(i, n, k, gap, Θ) factor(k + i) / Γ(n), with the papers' f."""
    return sum(
        as_printed.f(i, n, shape=k, delta=gap, scale=scale) * factor(k + i) / factorial(n - 1)
        for n in range(1, k + 1) for i in range(n)
    )


@witness
def gamma_integral() -> Outcome:
    """Supplementary, Eqs 1 and 2: G is an antiderivative of the gamma density, and vanishes at infinity."""
    g = {k: _printed_g(x, shape=k, scale=Theta) for k in SHAPES}
    return Outcome((
        proved("dG/dx is the density", {f"k={k}": sympy.diff(g[k], x) - _density(k) for k in SHAPES}),
        agree(
            "G(x) is minus the integral from x to infinity",
            lambda delta, shape, scale: _printed_g(delta, shape=shape, scale=scale),
            lambda delta, shape, scale: certified_value("gamma_integral", delta, shape=shape, scale=scale),
        ),
    ))


@witness
def integration_by_parts() -> Outcome:
    """Supplementary, after Eq 1: ∫γ(x, k) = −Θ γ(x, k) + ∫γ(x, k−1), down to −Θ γ(x, 1)."""
    step = {
        f"k={k}": sympy.diff(-Theta * _density(k), x) + _density(k - 1) - _density(k) for k in SHAPES if k > 1
    }
    unrolled = {
        f"k={k}": -Theta * sum(_density(n) for n in range(1, k + 1)) - _printed_g(x, shape=k, scale=Theta)
        for k in SHAPES
    }
    return Outcome((proved("one step, differentiated", step), proved("all steps down to k = 1", unrolled)))


@witness
def gap_probability() -> Outcome:
    """Main, Eq 5 and supplementary, Eq 3: the two double integrals."""
    return Outcome((
        agree("integer k", eq5, _truth, POINTS[:1] + POINTS[4:5]),
        agree("half-integer k", eq5, _truth, _HALF_INTEGERS),
    ))


@witness
def independence() -> Outcome:
    """Supplementary, before Eq 11, and in every double integral: the joint density is γ(x)γ(y), "since X, Y ∼ γ"."""
    def of_equal_losses(**point):
        return mpf(1)  # Y = X has the same law as X

    return Outcome(
        (
            agree("X and Y independent", eq5, _truth, POINTS[:1]),
            agree("any X and Y of that law, Y = X among them", of_equal_losses, _truth),
        ),
        (checked("the law of X and of Y does not determine that of |X − Y|", [
            (f"Y = X at {point}", not equal(of_equal_losses(**point), _truth(**point))) for point in POINTS
        ]),),
    )


@witness
def gap_probability_split() -> Outcome:
    """Supplementary, Eq 4: the four single integrals add up to the probability."""
    return Outcome((
        agree("A + B + C + D", lambda **point: sum(_integrals(**point)), _truth, POINTS[:4]),
    ))


@witness
def binomial_theorem() -> Outcome:
    """Supplementary, before Eq 5: (x + δ)^(n−1) = Σ_i C(n−1, i) x^i δ^(n−1−i)."""
    return Outcome((
        proved("n = 1 to 6", {
            f"n={n}": (x + delta) ** (n - 1) - sum(comb(n - 1, i) * x**i * delta ** (n - 1 - i) for i in range(n))
            for n in SHAPES
        }),
    ))


@witness
def gamma_function_ratio() -> Outcome:
    """Supplementary, before Eq 5: Γ(k + i) = (k+i−1)!/(k−1)! Γ(k)."""
    return Outcome((
        checked("exact integers, k = 1 to 6, i = 0 to 5", [
            (f"k={k}, i={i}", sympy.gamma(k + i) == sympy.ff(k + i - 1, i) * sympy.gamma(k)
             and sympy.ff(k + i - 1, i) == sympy.Rational(factorial(k + i - 1), factorial(k - 1)))
            for k in SHAPES for i in range(6)
        ]),
    ))


@witness
def vanishing_limits() -> Outcome:
    """Supplementary, before Eq 5: xⁿ/e^x vanishes at infinity."""
    return Outcome((
        checked("limits by SymPy", [
            (f"n={n}", sympy.limit(x**n * sympy.exp(-x), x, sympy.oo) == 0) for n in range(12)
        ]),
    ))


@witness
def term_a_reduction() -> Outcome:
    """Supplementary, the three unnumbered lines that reduce A."""
    def term_a(**point):
        return _integrals(**point)[0]

    return Outcome(tuple(
        agree(
            f"line {line + 1}", lambda line=line, **point: _steps(**point)[line], term_a,
            POINTS[:1] + POINTS[4:6],
        )
        for line in range(3)
    ))


def _closed_term(index: int) -> Outcome:
    """One term of supplementary, Eq 5 against its own integral of Eq 4."""
    return Outcome((
        agree(
            "closed form against the integral of Eq 4",
            lambda **point: as_printed.supplementary_eq5_terms(**point)[index],
            lambda **point: _integrals(**point)[index],
        ),
    ))


@witness
def closed_term_a() -> Outcome:
    return _closed_term(0)


@witness
def closed_term_b() -> Outcome:
    return _closed_term(1)


@witness
def closed_term_c() -> Outcome:
    return _closed_term(2)


@witness
def closed_term_d() -> Outcome:
    return _closed_term(3)


@witness
def closed_terms_sum() -> Outcome:
    """Supplementary, Eq 5: A + B + C + D is the probability, so that a closed form exists for integer k."""
    return Outcome((
        proved("A + B + C + D", {
            f"k={k}": sum(as_printed.supplementary_eq5_terms(delta, shape=k, scale=Theta)) - symbolic.gap_cdf(k)
            for k in SHAPES
        }),
        agree("A + B + C + D", lambda **point: sum(as_printed.supplementary_eq5_terms(**point)), _truth),
    ))


@witness
def first_term_cancels() -> Outcome:
    """Supplementary, before Eq 6: C cancels the first term of A, so that A + C = −Θ ΣΣ f/Γ(n)."""
    differences = {}
    for k in SHAPES:
        a, _, c, _ = as_printed.supplementary_eq5_terms(delta, shape=k, scale=Theta)
        differences[f"k={k}"] = a + c + Theta * f_sum(k, delta, Theta, lambda count: 1)
    return Outcome((proved("A + C", differences),))


def mended_eq6(gap, *, shape, scale, b_mended=True, d_mended=True):
    """1 + G(δ) − Θ ΣΣ f(δ)/Γ(n) − Θ ΣΣ f(−δ) G(δ, k+i, Θ/2)/Γ(n): Eq 6 as it follows from Eq 5.

    Without `b_mended` its first G, without `d_mended` its last sum is left as printed.
    """
    gap, scale = as_printed.exact(gap), as_printed.exact(scale)
    last = scale * f_sum(shape, -gap, scale, lambda count: _printed_g(gap, shape=count, scale=scale / 2))
    return (
        1 + (1 if b_mended else -scale) * _printed_g(gap, shape=shape, scale=scale)
        - scale * f_sum(shape, gap, scale, lambda count: 1)
        + (-last if d_mended else last)
    )


def _mixture(gap, *, shape, scale):
    """1 − 2Θ ΣΣ f(δ)/Γ(n): what Eq 6 comes to, since the double sum is P(Y − X > δ)."""
    gap, scale = as_printed.exact(gap), as_printed.exact(scale)
    return 1 - 2 * scale * f_sum(shape, gap, scale, lambda count: 1)


@witness
def final_gap_probability() -> Outcome:
    """Supplementary, Eq 6: the final closed form of the probability."""
    def differences(formula):
        return {f"k={k}": formula(delta, shape=k, scale=Theta) - symbolic.gap_cdf(k) for k in SHAPES}

    def at_points(formula):
        return agree("at points", lambda delta, **law: formula(delta, **law), _truth)

    printed = as_printed.supplementary_eq6_gap_probability
    return Outcome(
        (proved("as printed, symbolically", differences(printed)), at_points(printed)),
        (
            proved("B and D mended, symbolically", differences(mended_eq6)),
            at_points(mended_eq6),
            proved("shorter: 1 − 2Θ ΣΣ f/Γ(n)", differences(_mixture)),
            all_needed({
                "B alone mended": at_points(partial(mended_eq6, d_mended=False)),
                "D alone mended": at_points(partial(mended_eq6, b_mended=False)),
            }),
        ),
    )


def _printed_parts(delta, shape, scale):
    """Eq 6 as printed, less its other terms: the part that stands for B and the part that stands for D."""
    gap, theta = as_printed.exact(delta), as_printed.exact(scale)
    whole = as_printed.supplementary_eq6_gap_probability(delta, shape=shape, scale=scale)
    middle = -theta * f_sum(shape, gap, theta, lambda count: 1)
    first = 1 - theta * _printed_g(gap, shape=shape, scale=theta)
    last = theta * f_sum(shape, -gap, theta, lambda count: _printed_g(gap, shape=count, scale=theta / 2))
    return whole - middle - last, whole - middle - first


@witness
def final_gap_probability_b() -> Outcome:
    """Supplementary, Eq 6: the part 1 − Θ G(δ, k, Θ), which stands for B."""
    def term_b(**point):
        return as_printed.supplementary_eq5_terms(**point)[1]

    def with_factor(name, factor):
        def value(delta, shape, scale):
            return 1 + factor(as_printed.exact(scale)) * _printed_g(delta, shape=shape, scale=scale)
        return agree(name, value, term_b)

    return Outcome(
        (agree("1 − Θ G", lambda **point: _printed_parts(**point)[0], term_b),),
        (
            with_factor("1 + G", lambda scale: 1),
            all_needed({
                "the sign alone mended, 1 + Θ G": with_factor("1 + Θ G", lambda scale: scale),
                "the factor alone mended, 1 − G": with_factor("1 − G", lambda scale: -1),
            }),
        ),
    )


@witness
def final_gap_probability_d() -> Outcome:
    """Supplementary, Eq 6: the last sum, + Θ ΣΣ f(−δ) G(δ, k+i, Θ/2)/Γ(n), which stands for D."""
    def term_d(**point):
        return as_printed.supplementary_eq5_terms(**point)[3]

    return Outcome(
        (agree("with +", lambda **point: _printed_parts(**point)[1], term_d),),
        (agree("with −", lambda **point: -_printed_parts(**point)[1], term_d),),
    )


@witness
def probability_at_a_point() -> Outcome:
    """Main, section 4.1.1: "P(X = l_i) = γ(k, Θ)", for a continuous law."""
    points = [point for point in POINTS if point["shape"] > 1]

    def density(delta, shape, scale):
        return gamma_density(as_printed.exact(delta), shape, as_printed.exact(scale))

    def probability(delta, shape, scale):
        return mpf(0)  # of a single point under a law with a density

    def slope_of_cdf(delta, shape, scale):
        scale, centre = as_printed.exact(scale), as_printed.exact(delta)
        return mp.diff(lambda t: mp.gammainc(shape, 0, t / scale, regularized=True), centre)

    return Outcome(
        (
            agree("P read as a density", density, slope_of_cdf, points),
            agree("P read as a probability", probability, slope_of_cdf, points),
        ),
        (agree("p_X(l) = γ(l; k, Θ), a density", density, slope_of_cdf, points),),
    )
