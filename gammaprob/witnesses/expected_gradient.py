"""Witnesses on the expected gradient: main, Eq 6 and the text around Table 2; supplementary, Eqs 10 to 15."""

from __future__ import annotations

from fractions import Fraction
from functools import cache, partial
from math import factorial

import sympy
from mpmath import mp, mpf

from gammaprob import as_printed, symbolic
from gammaprob.symbolic import Theta, delta, delta_1, delta_2, x
from gammaprob.witnesses._compare import (
    POINTS, agree, all_needed, certified_value, checked, gamma_density, strip_points, witness,
)
from gammaprob.witnesses._proof import SHAPES, proved
from gammaprob.witnesses.objectives import ranking_slope
from paper_tables.outcome import Outcome, Reading
from paper_tables.published import load

Q = "0.7"  # the network's q_i, held fixed; any number, since the expected gradient is linear in it

_STRIPS = strip_points(POINTS[:1] + POINTS[3:])
_WIDE_STRIPS = [strip | {"delta_1": strip["delta_2"] / 3} for strip in _STRIPS]
_ORDERS = [{"delta": gap, "order": order, "scale": scale} for gap, order, scale in (
    ("0.1", 1, "0.066"), ("0.1", 5, "0.066"), ("0.5", 7, "0.066"), ("4", 2, "3.5"), ("2", 3, "1"),
)]

_strip = cache(as_printed.strip_integral)
_eq6 = cache(as_printed.main_eq6_coefficient)
_strip_truth = partial(certified_value, "strip_probability")
_i_printed = cache(as_printed.supplementary_i_integral)


@cache
def _target(gap, shape, scale):
    return certified_value("expected_target", gap, shape=shape, scale=scale)


def _truth(delta_1, delta_2, shape, scale):
    """q_i − φ(δ), the true factor of (θ_i − θ_j) in the limit."""
    return as_printed.exact(Q) - _target(delta_2, shape, scale)


def _i_true(order, gap, scale):
    return certified_value("exponential_integral_term", gap, order=order, scale=scale)


def _with_normaliser(name: str, normaliser, points) -> Reading:
    """Main, Eq 6 with this value of p(y − x = δ2), against the limit."""
    return agree(
        name, lambda **point: _eq6(
            point["delta_1"], point["delta_2"], Q, normaliser(**point), shape=point["shape"], scale=point["scale"]
        ), _truth, points,
    )


@witness
def expected_gradient_undefined_normaliser() -> Outcome:
    """Main, Eq 6 (and a slide): p(y − x = δ2) is defined nowhere in these two documents."""
    def density(delta_1, delta_2, shape, scale):
        return certified_value("difference_pdf", delta_2, shape=shape, scale=scale)

    return Outcome(
        (
            _with_normaliser("p read as the strip's probability", _strip, _STRIPS[:3]),
            _with_normaliser("p read as the density of Y − X at δ2, as the letter says", density, _STRIPS[:2]),
        ),
        (_with_normaliser("with P(δ1 < Y − X ≤ δ2) as normaliser", _strip, _STRIPS[3:]),),
    )


@witness
def expected_gradient_definition() -> Outcome:
    """Supplementary, Eq 10, where the normaliser is defined as the strip's integral."""
    return Outcome((_with_normaliser("δ2 − δ1 = 1e-25", _strip, _STRIPS),))


@witness
def normaliser() -> Outcome:
    """Supplementary, after Eq 10: "p(y − x = δ2)" is the integral over the strip."""
    def density(delta_1, delta_2, shape, scale):
        return certified_value("difference_pdf", delta_2, shape=shape, scale=scale)

    def quotient(delta_1, delta_2, shape, scale):
        return _strip(delta_1, delta_2, shape=shape, scale=scale) / as_printed.exact(delta_2 - delta_1)

    return Outcome(
        (
            agree("a name for P(δ1 < Y − X ≤ δ2)", _strip, _strip_truth, _WIDE_STRIPS),
            agree("the density of Y − X at δ2, as the letter says", _strip, density, _STRIPS),
        ),
        (agree("the integral over δ2 − δ1 tends to the density", quotient, density, _STRIPS),),
    )


@witness
def target_split() -> Outcome:
    """Supplementary, before Eq 11: x/(2x+δ2) = ½ (1 − δ2/(2x+δ2))."""
    return Outcome((proved("symbolically", {
        "p_i": x / (2 * x + delta_2) - (1 - delta_2 / (2 * x + delta_2)) / 2
    }),))


def _coefficient(formula, name: str, points) -> Outcome:
    return Outcome((agree(name, lambda delta_1, delta_2, **law: formula(delta_1, delta_2, Q, **law), _truth, points),))


@witness
def expected_gradient_split() -> Outcome:
    """Supplementary, Eqs 11 and 12."""
    return _coefficient(as_printed.supplementary_eq11_coefficient, "δ2 − δ1 = 1e-25", _STRIPS[:3])


@witness
def expected_gradient_expanded() -> Outcome:
    """Supplementary, the first line after Eq 12."""
    return _coefficient(as_printed.supplementary_eq12_expanded, "δ2 − δ1 = 1e-25", _STRIPS[:3])


def _i_with_scale(divisor):
    """∫_δ^∞ (t−δ)^(u−1) e^(−(t−δ)/s) / (s^u Γ(u)) δ/t dt with s = Θ/divisor."""
    def value(delta, order, scale):
        gap, scale = as_printed.exact(delta), as_printed.exact(scale) / divisor
        return mp.quad(lambda t: gamma_density(t - gap, order, scale) * gap / t, [gap, mp.inf])
    return value


@witness
def substitution() -> Outcome:
    """Supplementary, the second line after Eq 12, and the definition of I: the integral over x, after t = 2x + δ2."""
    def over_x(delta, order, scale):
        gap, half = as_printed.exact(delta), as_printed.exact(scale) / 2
        return mp.quad(lambda t: gamma_density(t, order, half) * gap / (2 * t + gap), [0, mp.inf])

    def printed(delta, order, scale):
        return _i_printed(delta, order=order, scale=scale)

    return Outcome(
        (agree("with the scale Θ/2 kept", printed, over_x, _ORDERS),),
        (
            agree("with the scale Θ", _i_with_scale(1), over_x, _ORDERS),
            agree("both are I = E[δ/(δ+W)], W ~ Gamma(u, Θ)", over_x, lambda delta, order, scale: _i_true(
                order, delta, scale), _ORDERS),
        ),
    )


@witness
def substituted_line() -> Outcome:
    """Supplementary, the second line after Eq 12 as a whole."""
    return Outcome(
        _coefficient(as_printed.supplementary_eq12_substituted, "with the scale Θ/2 kept", _STRIPS[:3]).printed,
        (_mended_eq13("with the scale Θ", -1, _true_term),),
    )


def _true_term(gap, scale):
    return lambda order: _i_true(order, gap, scale)


def _printed_term(gap, scale):
    return lambda order: _i_printed(gap, order=order, scale=scale)


def _mended_eq13(name: str, sign: int, term) -> Reading:
    """Eq 13 with this sign before its sum and this term for I; +1 and `_printed_term` are what is printed."""
    def value(delta_1, delta_2, shape, scale):
        printed = as_printed.supplementary_eq13_coefficient(
            delta_1, delta_2, Q, shape=shape, scale=scale, term=term(delta_2, scale)
        )
        start = as_printed.exact(Q) - mpf(1) / 2
        return start + sign * (printed - start)

    return agree(name, value, _truth, _STRIPS)


@witness
def final_expected_gradient() -> Outcome:
    """Supplementary, Eq 13, "the final expected gradient"."""
    return Outcome(
        _coefficient(as_printed.supplementary_eq13_coefficient, "as printed", _STRIPS[:3]).printed,
        (
            _mended_eq13("sign and scale mended", -1, _true_term),
            all_needed({
                "the sign alone mended": _mended_eq13("sign", -1, _printed_term),
                "the scale of I alone mended": _mended_eq13("scale", 1, _true_term),
            }),
            _limit_in_closed_form(),
        ),
    )


@witness
def final_expected_gradient_sign() -> Outcome:
    """Supplementary, Eq 13: the sign of its sum alone, with the true I."""
    return Outcome((_mended_eq13("with +", 1, _true_term),), (_mended_eq13("with −", -1, _true_term),))


def _slope_sum(k, term):
    """ΣΣ term(k + i) ∂f(δ)/∂δ / Γ(n): what the differences of Eqs 13 and 14 tend to, over δ2 − δ1."""
    return sum(
        term(k + i) * sympy.diff(as_printed.f(i, n, shape=k, delta=delta, scale=Theta), delta) / factorial(n - 1)
        for n in range(1, k + 1) for i in range(n)
    )


@cache
def _limit_in_closed_form() -> Reading:
    """The quotient of the two derivatives, which needs no limit, is the φ of `symbolic.expected_target`."""
    ratios = {
        k: _slope_sum(k, symbolic.exponential_integral_term) / _slope_sum(k, lambda order: 1) for k in SHAPES
    }
    return proved("φ = ½ (1 − ΣΣ I ∂f/∂δ / ΣΣ ∂f/∂δ), without a limit", {
        f"k={k}": (1 - ratio) / 2 - symbolic.expected_target(k) for k, ratio in ratios.items()
    })


@witness
def closed_form_of_the_limit() -> Outcome:
    """Supplementary, the last sentence: D and I have closed forms, so the expected gradient for δ1 → δ2 has one."""
    closed = {k: symbolic.expected_target(k) for k in SHAPES}
    return Outcome(
        (
            checked("the limit taken first: a formula without integral or limit", [
                (f"k={k}", not target.has(sympy.Integral, sympy.Limit) and target.has(sympy.expint))
                for k, target in closed.items()
            ]),
            checked("D put into Eq 13 at δ1 = δ2: a divisor other than zero", [
                (f"{point}", as_printed.supplementary_eq14_strip(
                    point["delta"], point["delta"], shape=point["shape"], scale=point["scale"]) != 0)
                for point in POINTS
            ]),
        ),
        (_limit_in_closed_form(),),
    )


@witness
def strip_closed_form() -> Outcome:
    """Supplementary, Eq 14."""
    return Outcome((
        proved("symbolically", {
            f"k={k}": as_printed.supplementary_eq14_strip(delta_1, delta_2, shape=k, scale=Theta)
            - symbolic.strip_probability(k) for k in SHAPES
        }),
        agree("wide strips", as_printed.supplementary_eq14_strip, _strip_truth, _WIDE_STRIPS),
        agree("strips of 1e-25", as_printed.supplementary_eq14_strip, _strip_truth, _STRIPS),
    ))


@witness
def exponential_integral_closed_form() -> Outcome:
    """Supplementary, Eq 15: its right-hand side against the integral I that it is said to be."""
    def closed(delta, order, scale):
        return as_printed.supplementary_eq15_closed_form(delta, order=order, scale=scale)

    return Outcome(
        (agree("I as defined, with Θ/2", closed, lambda delta, order, scale: _i_printed(
            delta, order=order, scale=scale), _ORDERS),),
        (
            agree("I with Θ", closed, _i_with_scale(1), _ORDERS),
            agree("I = E[δ/(δ+W)], W ~ Gamma(u, Θ)", closed, lambda delta, order, scale: _i_true(
                order, delta, scale), _ORDERS),
            proved("symbolically", {
                f"u={u}": as_printed.supplementary_eq15_closed_form(delta, order=u, scale=Theta)
                - symbolic.exponential_integral_term(u) for u in SHAPES
            }),
        ),
    )


@witness
def one_exponential_term() -> Outcome:
    """Supplementary, before Eq 15: the binomial theorem leaves one term with e^(−t)/t beside gamma integrals."""
    cases = []
    for u in SHAPES:
        powers = sympy.Poly(sympy.expand((x - delta) ** (u - 1)), x).as_dict()  # (t − δ)^(u−1), then divided by t
        cases.append((f"u={u}", sum(power == 0 for (power,) in powers) == 1 and len(powers) == u))
    return Outcome((checked("one of the u terms of (t − δ)^(u−1)/t has t in the denominator", cases),))


@witness
def lower_incomplete_gamma() -> Outcome:
    """Supplementary, after Eq 15: Γ(0, δ2/Θ) is called the lower incomplete gamma function."""
    def piece(lower, upper):
        return mp.quad(lambda t: mp.exp(-t) / t, [lower, upper])

    arguments = [as_printed.exact(point["delta"]) / as_printed.exact(point["scale"]) for point in POINTS]
    return Outcome(
        (checked("lower: the part of ∫₀^z e^(−t)/t dt below 1e-20 is negligible", [
            (f"z={mp.nstr(z, 5)}", piece(mpf(10) ** -40, mpf(10) ** -20) < mpf(10) ** -6 * piece(mpf(10) ** -20, z))
            for z in arguments
        ]),),
        (agree("upper: ∫_z^∞ e^(−t)/t dt = E₁(z)", lambda z: as_printed.exponential_integral(z), lambda z: mp.quad(
            lambda t: mp.exp(-t) / t, [z, mp.inf]), [{"z": z} for z in arguments]),),
    )


@witness
def target_exists() -> Outcome:
    """Main, after Eq 6: the expected gradient is (q_i − φ(δ))(θ_i − θ_j), with a φ of δ alone."""
    point = _STRIPS[0]

    def coefficient(q):
        return as_printed.supplementary_eq11_coefficient(
            point["delta_1"], point["delta_2"], q, shape=point["shape"], scale=point["scale"]
        )

    return Outcome((
        agree("q_i minus the coefficient is the same φ for every q_i",
              lambda q: as_printed.exact(q) - coefficient(q), lambda q: _target(point["delta_2"], 4, "0.066"),
              [{"q": q} for q in ("0", "1")]),
    ))


@cache
def _mirrored_target(gap, shape, scale):
    """E[X/(X+Y) | Y = X − δ] by quadrature over y, with X = y + δ."""
    gap, scale = as_printed.exact(gap), as_printed.exact(scale)

    def weight(y):
        return gamma_density(y, shape, scale) * gamma_density(y + gap, shape, scale)

    numerator = mp.quad(lambda y: weight(y) * (y + gap) / (2 * y + gap), [0, mp.inf])
    return numerator / mp.quad(weight, [0, mp.inf])


@witness
def symmetry() -> Outcome:
    """Main, before Eq 6: "results hold true when Y = X − δ by symmetry"."""
    points = POINTS[:1] + POINTS[3:6]

    def coefficient(delta, shape, scale):
        return as_printed.exact(Q) - _mirrored_target(delta, shape, scale)

    def of_exchanged(delta, shape, scale):  # (q_j − φ)(θ_j − θ_i), as a factor of (θ_i − θ_j)
        return -(1 - as_printed.exact(Q) - _target(delta, shape, scale))

    def unchanged(delta, shape, scale):
        return as_printed.exact(Q) - _target(delta, shape, scale)

    def complement(delta, shape, scale):
        return as_printed.exact(Q) - 1 + _target(delta, shape, scale)

    return Outcome(
        (
            agree("with i and j exchanged throughout", of_exchanged, coefficient, points),
            agree("the same formula, (q_i − φ)(θ_i − θ_j)", unchanged, coefficient, points),
        ),
        (agree("(q_i − 1 + φ(δ))(θ_i − θ_j)", complement, coefficient, points),),
    )


@witness
def ranking_row() -> Outcome:
    """Table 2, row LL: constant c1 over all columns, for a fixed violated pair of predictions."""
    columns = [Fraction(row["delta"]) for row in load("main_table2_phi")]
    losses = [Fraction(n, 10) for n in (1, 3, 8)]
    slopes = {gap: {ranking_slope(loss, loss + gap, Fraction(1, 2)) for loss in losses} for gap in columns}
    return Outcome(
        (
            checked("columns with δ > 0", [(f"δ={gap}", slopes[gap] == {1}) for gap in columns if gap]),
            checked("all columns, δ = 0.0 among them", [(f"δ={gap}", slopes[gap] == {1}) for gap in columns]),
        ),
        (checked("c1 for δ > 0 and 0 at δ = 0, where sign(0) = 0", [
            (f"δ={gap}", slopes[gap] == {1 if gap else 0}) for gap in columns
        ]),),
    )


@witness
def target_decreases() -> Outcome:
    """Main, around Table 2, and a slide: the response at q_i = ½ grows with the true loss margin δ."""
    gaps = [Fraction(n, 20) for n in range(1, 25)]
    cases = []
    for shape, scale in ((1, "1"), (2, "3.5"), (4, "0.066"), (6, "0.75")):
        targets = [_target(gap, shape, scale) for gap in gaps]
        cases += [
            (f"k={shape}, Θ={scale}, δ={gap}", bool(later < earlier < mpf(1) / 2))
            for gap, earlier, later in zip(gaps[1:], targets, targets[1:])
        ]
    return Outcome((checked("½ − φ(δ) increases", cases),))


@witness
def lower_response_only_below_half() -> Outcome:
    """Main, after Table 2: only q_i < q_j gives a smaller response than q_i = ½."""
    gaps = [row["delta"] for row in load("main_table2_phi") if Fraction(row["delta"]) > 0]
    cases = []
    for gap in gaps:
        target = _target(gap, 4, "0.066")
        cases += [
            (f"δ={gap}, q_i={n}/20", bool(abs(mpf(n) / 20 - target) > mpf(1) / 2 - target)) for n in range(11, 21)
        ]
    return Outcome((checked("q_i > ½ gives a larger response", cases),))


@witness
def no_loss_without_gap() -> Outcome:
    """Main, after Table 2: at δ = 0 the network incurs no loss with q_i = q_j = ½."""
    losses = ("0.01", "0.264", "3")
    return Outcome((
        checked("Eq 3 at l_i = l_j, l̂_i = l̂_j", [
            (f"l={loss}", as_printed.main_eq3_objective(loss, loss, (2, 0), (0, 2), (1, 1)) == 0) for loss in losses
        ]),
    ))
