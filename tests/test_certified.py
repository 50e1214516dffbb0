"""The Arb enclosures against other closed forms, other integrators and themselves at other precisions."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction

import flint
import mpmath
import numpy as np
import pytest
from flint import acb, arb
from hypothesis import given, settings
from hypothesis import strategies as st

from gammaprob import _certified_integer, _certified_real, certified
from gammaprob._certified_enclosure import Enclosure, ball, certify
from gammaprob.errors import ArgumentError, ConvergenceError, DomainError

DIGITS = 30
# Working precision of the other routes: the cancellation of the Bessel-Struve and the incomplete-gamma forms at z <= 50
# is below e^100 = 2^145.
OTHER_BITS = 400

shapes = st.floats(-3, 6).map(lambda exponent: 10.0**exponent)
moderate_shapes = st.floats(-2, 2).map(lambda exponent: 10.0**exponent)
gaps = st.floats(-12, 5).map(lambda exponent: 10.0**exponent)
moderate_gaps = st.floats(-6, 1.7).map(lambda exponent: 10.0**exponent)


def exact_ball(number: float | int | Fraction) -> arb:
    return ball(Fraction(number))


def ends(enclosure: Enclosure) -> tuple[Fraction, Fraction]:
    return enclosure.lower, enclosure.upper


def agree(enclosure: Enclosure, other: arb) -> bool:
    """The two balls have a point in common, and the other one is at least as narrow, so that this says something."""
    narrow = other.rad() <= enclosure.arb.rad() + abs(enclosure.arb) * arb(10) ** -DIGITS
    return narrow and enclosure.arb.overlaps(other)


def density_by_bessel_function(k, z) -> arb:
    """Θ p by flint's own K_ν (DLMF 10.32.10 is not used there)."""
    order, z = exact_ball(k) - arb(0.5), exact_ball(z)
    return (z / 2) ** order * z.bessel_k(order) / (arb.pi().sqrt() * exact_ball(k).gamma())


def struve_l(order: arb, z: arb) -> arb:
    """The modified Struve function by its series (DLMF 11.2.2) as a ₁F₂."""
    three_halves = arb(1.5)
    series = (z * z / 4).hypgeom([arb(1)], [three_halves, order + three_halves])
    return (z / 2) ** (order + 1) * series / (three_halves.gamma() * (order + three_halves).gamma())


def distribution_by_struve_functions(k, z) -> arb:
    """F = z [K_ν L_{ν−1} + L_ν K_{ν−1}], ν = k − 1/2."""
    order, z = exact_ball(k) - arb(0.5), exact_ball(z)
    return z * (z.bessel_k(order) * struve_l(order - 1, z) + struve_l(order, z) * z.bessel_k(order - 1))


def test_reference_digits():
    # Certified elsewhere (the project's mathematical notes), truncated there after 21 digits.
    assert certified.gap_cdf("0.1", shape=4, scale="0.066").digits.startswith("0.440766939053700627146")
    assert certified.expected_target("0.1", shape=4, scale="0.066").digits.startswith("0.384448571045360598309")


@given(k=moderate_shapes, z=moderate_gaps)
def test_distribution_is_the_bessel_struve_form(k, z):
    with flint.ctx.workprec(OTHER_BITS):
        below = distribution_by_struve_functions(k, z)
        assert agree(certified.gap_cdf(z, shape=k, scale=1), below)
        assert agree(certified.gap_sf(z, shape=k, scale=1), 1 - below)


@given(k=moderate_shapes, z=moderate_gaps)
def test_density_is_the_bessel_form(k, z):
    with flint.ctx.workprec(OTHER_BITS):
        density = density_by_bessel_function(k, z)
        assert agree(certified.difference_pdf(z, shape=k, scale=1), density)
        assert agree(certified.gap_pdf(z, shape=k, scale=1), 2 * density)
        assert agree(certified.gap_logpdf(z, shape=k, scale=1), (2 * density).log())


@given(u=moderate_shapes, z=moderate_gaps)
def test_integral_term_is_the_exponential_integral(u, z):
    with flint.ctx.workprec(OTHER_BITS):
        other = exact_ball(z) * exact_ball(z).exp() * exact_ball(z).expint(exact_ball(u))
        assert agree(certified.exponential_integral_term(z, order=u, scale=1), other)


@pytest.mark.parametrize("k", [0.3, 0.5, 1.0, 2.82, 7.5, 40.25])
@pytest.mark.parametrize("z", [0.01, 1.5, 30.0])
def test_target_is_the_ratio_of_integrals(k, z):
    """φ = ½ N/M with M = ∫ u^{k−1} (1 + u/2z)^{k−1} e^{−u} du, N with the factor u/(z + u), by flint's integrator."""
    with flint.ctx.workprec(150):
        shape, gap = exact_ball(k), exact_ball(z)

        def integral(weighted: bool) -> arb:
            def integrand(t, analytic):
                u = t.exp()
                value = (t * shape - u).exp() * (1 + u / (2 * gap)).pow(acb(shape - 1), analytic=analytic)
                return value * u / (gap + u) if weighted else value

            # Over t = log u. Left of −80/k the integrand is below e^{kt}, of integral e^{−80}/k; right of log 400 it is
            # below e^{−400} (400 + 400²/2z)^k, less than 1e-80 of the peak near u = 2k for these arguments.
            return acb.integral(integrand, -80 / shape, arb(400).log()).real

        quotient = integral(True) / integral(False) / 2
        difference = abs(certified.expected_target(z, shape=k, scale=1).arb - quotient)
        assert difference < quotient * arb(10) ** -30


@given(k=st.integers(1, 200), z=gaps)
def test_finite_sums_are_the_real_route_at_integers(k, z):
    shape, gap, bits = exact_ball(k), exact_ball(z), 110
    with flint.ctx.workprec(bits + _certified_real.guard_bits(shape, gap) + k):
        gamma = shape.gamma()
        survival = _certified_integer.survival(k, gap)
        assert survival.overlaps(_certified_real.tail(shape, gap, bits) / gamma)
        below = _certified_real.head(shape, gap, bits) / gamma
        assert (1 - survival).overlaps(below)
        bessel = _certified_real.bessel(shape - arb(0.5), gap, bits)
        assert _certified_integer.density(k, gap).overlaps(bessel / (2 * arb.pi().sqrt() * gamma))


@given(k=st.integers(1, 40), z=moderate_gaps)
def test_recurrence_of_the_target_is_the_real_route_at_integers(k, z):
    shape, gap, bits = exact_ball(k), exact_ball(z), 110
    with flint.ctx.workprec(OTHER_BITS):
        moment = _certified_real.tail(1 - shape, gap, bits) / _certified_real.bessel(arb(0.5) - shape, gap, bits)
        assert _certified_integer.mean_target(k, gap).overlaps((1 - arb.pi().sqrt() * moment) / 2)


@given(k=shapes, z=gaps, bits=st.integers(3, 60))
def test_coarse_balls_contain_the_fine_value(k, z, bits):
    """At few bits the step is long and the sum is cut early: the proved bounds then carry nearly the whole ball."""
    shape, gap, fine = exact_ball(k), exact_ball(z), 120
    with flint.ctx.workprec(fine + _certified_real.guard_bits(shape, gap)):
        for integral, a in (
            (_certified_real.tail, shape),
            (_certified_real.tail, 1 - shape),
            (_certified_real.bessel, shape),
            (_certified_real.bessel, arb(0.5) - shape),
            (_certified_real.head, 1 + shape),
            (_certified_real.ratio, 1 + shape),
        ):
            coarse = integral(a, gap, bits)
            assert coarse.overlaps(integral(a, gap, fine))
            assert coarse.rad() < abs(coarse) * arb(2) ** (2 - bits)


def test_coarse_balls_are_not_far_too_wide_to_fail():
    """The discretisation error is real: without its bound the coarse sum misses the value."""
    shape, gap = arb(4), arb(1.5)
    with flint.ctx.workprec(200):
        coarse, fine = _certified_real.tail(shape, gap, 12), _certified_real.tail(shape, gap, 120)
        assert not coarse.mid().overlaps(fine)
        assert abs(coarse.mid() - fine) > coarse.rad() / 2**12


@given(k=shapes, z=gaps)
def test_survival_and_distribution_add_up_to_one(k, z):
    above, below = certified.gap_sf(z, shape=k, scale=1), certified.gap_cdf(z, shape=k, scale=1)
    with flint.ctx.workprec(OTHER_BITS):
        assert (above.arb + below.arb).overlaps(arb(1))
        for log, value in (("gap_logsf", above), ("gap_logcdf", below)):
            assert getattr(certified, log)(z, shape=k, scale=1).arb.overlaps(value.arb.log())


@pytest.mark.parametrize(("k", "z"), [(0.4, 0.2), (2.82, 1.3), (6.5, 9.0)])
def test_mpmath_quadrature_of_the_double_integral(k, z):
    """P(|X − Y| > z) = 2 ∫ γ(x) Q(k, x + z) dx with mpmath's incomplete gamma function and quadrature."""
    with mpmath.workdps(30):
        k_, z_ = mpmath.mpf(k), mpmath.mpf(z)
        # x = y^{1/k} removes the pole of the density at 0 for k < 1.
        integral = mpmath.quad(
            lambda y: mpmath.exp(-(y ** (1 / k_))) * mpmath.gammainc(k_, y ** (1 / k_) + z_, regularized=True),
            [0, 0.5, 2, 10, 60**k_],
        )
        value = 2 * integral / mpmath.gamma(k_ + 1)
        reference = mpmath.mpf(certified.gap_sf(z, shape=k, scale=1, digits=28).digits)
        # Cut at x = 60, e^{−60} = 9e-27; and the branch point at y = 0 leaves the rule about half of its 30 digits.
        assert abs(value / reference - 1) < mpmath.mpf(10) ** -12


@given(k=moderate_shapes, x=moderate_gaps)
def test_gamma_integral_recurrence(k, x):
    """Q(k + 1, x) = Q(k, x) + x^k e^{−x}/Γ(k + 1) (DLMF 8.8.6)."""
    low, high = (certified.gamma_integral(x, shape=k_, scale=1) for k_ in (Fraction(k), Fraction(k) + 1))
    with flint.ctx.workprec(OTHER_BITS):
        shape, point = exact_ball(k), exact_ball(x)
        assert (low.arb - high.arb).overlaps(point**shape * (-point).exp() / (shape + 1).gamma())


@pytest.mark.parametrize("k", [1, 4, 20])
def test_gamma_integral_is_the_papers_finite_sum(k):
    x, theta = Fraction(1, 10), Fraction("0.066")
    with flint.ctx.workprec(OTHER_BITS):
        terms = (exact_ball(x / theta) ** n / arb(n).gamma() / exact_ball(x / theta) for n in range(1, k + 1))
        literal = -sum(terms, arb(0)) * (-exact_ball(x / theta)).exp()
        assert agree(certified.gamma_integral(x, shape=k, scale=theta), literal)


@settings(max_examples=25)
@given(k=st.floats(-1, 6).map(lambda exponent: 10.0**exponent), log_q=st.floats(-300, -1e-6))
def test_quantiles_enclose_the_root(k, log_q):
    q = 10.0**log_q
    for quantile, function, sign in (("gap_ppf", "gap_cdf", 1), ("gap_isf", "gap_sf", -1)):
        root = getattr(certified, quantile)(q, shape=k, scale=1, digits=20)
        low, high = (getattr(certified, function)(end, shape=k, scale=1).arb for end in (root.lower, root.upper))
        assert sign * (low - exact_ball(q)) < 0 < sign * (high - exact_ball(q))


@pytest.mark.parametrize("k", ["0.3", "1", "2.82", "1000.5"])
def test_strip_is_the_integral_of_the_density(k):
    """A strip of relative width 1e-9 about z: 1/24 width² p'' is 1e-18 of it, with p''/p of order one or less."""
    middle, width = Fraction(3, 2), Fraction(1, 10**9)
    ends = (middle - width / 2, middle + width / 2)
    strip = certified.strip_probability(*ends, shape=k, scale=1, digits=25)
    density = certified.difference_pdf(middle, shape=k, scale=1)
    with flint.ctx.workprec(OTHER_BITS):
        assert abs(strip.arb / (density.arb * exact_ball(width)) - 1) < arb(10) ** -17
    mirrored = certified.strip_probability(-ends[1], -ends[0], shape=k, scale=1, digits=25)
    assert mirrored.arb.overlaps(strip.arb)


def test_strips_add_up_across_zero():
    arguments = {"shape": "2.82", "scale": "0.104"}
    with flint.ctx.workprec(OTHER_BITS):
        parts = [certified.strip_probability(*ends, **arguments).arb for ends in (("-0.2", 0), (0, "0.3"))]
        assert certified.strip_probability("-0.2", "0.3", **arguments).arb.overlaps(parts[0] + parts[1])
    assert certified.strip_probability("0.3", "0.3", **arguments).digits == "0"


def test_values_at_and_below_zero():
    arguments = {"shape": "2.5", "scale": "0.1"}
    assert [certified.gap_cdf(d, **arguments).digits for d in (-1, 0)] == ["0", "0"]
    assert [float(certified.gap_sf(d, **arguments)) for d in (-1, 0)] == [1.0, 1.0]
    assert [float(certified.gap_logsf(d, **arguments)) for d in (-1, 0)] == [0.0, 0.0]
    assert float(certified.gap_pdf(-1, **arguments)) == 0.0
    assert [float(certified.gamma_integral(x, **arguments)) for x in (-1, 0)] == [-1.0, -1.0]
    assert float(certified.exponential_integral_term(0, order=2, scale=1)) == 0.0
    assert float(certified.gap_ppf(0, **arguments)) == float(certified.gap_isf(1, **arguments)) == 0.0
    assert [float(certified.expected_target(0, shape=k, scale=1)) for k in ("0.5", 1, "7.3")] == [0.5, 0.5, 0.5]
    # p(0) = Γ(k − 1/2)/(√π Γ(k) Θ): continuous, as the value at δ = 1e-40 shows.
    at_zero, near = (certified.gap_pdf(d, **arguments) for d in (0, "1e-40"))
    assert at_zero.arb.overlaps(near.arb)


def test_targets_of_both_signs_add_up_to_one_and_the_limit_at_zero_is_approached():
    below, above = (certified.expected_target(d, shape="0.25", scale=1) for d in ("-0.3", "0.3"))
    with flint.ctx.workprec(OTHER_BITS):
        assert (below.arb + above.arb).overlaps(arb(1))
    limit = certified.expected_target(0, shape="0.25", scale=1)
    near = certified.expected_target("1e-200", shape="0.25", scale=1)
    # For k < 1/2 the distance falls like z^{1 − 2k} = 1e-100.
    assert limit.arb.overlaps(near.arb)
    assert certified.expected_target(0, shape="0.25", scale=1, digits=4).digits == "0.2005"


@pytest.mark.parametrize(
    "value",
    [Fraction(33, 500), "0.066", "33/500", Decimal("0.066"), "66e-3"],
    ids=["fraction", "text", "ratio", "decimal", "exponent"],
)
def test_decimals_are_taken_exactly(value):
    reference = certified.gap_cdf(Fraction(1, 10), shape=4, scale=Fraction(33, 500), digits=60)
    assert ends(certified.gap_cdf("0.1", shape=4, scale=value, digits=60)) == ends(reference)


def test_floats_are_taken_as_the_binary_value_they_hold():
    value = certified.gap_cdf(0.1, shape=4, scale=1)
    assert ends(value) == ends(certified.gap_cdf(Fraction(0.1), shape=4, scale=1))
    assert ends(value) == ends(certified.gap_cdf(np.float64(0.1), shape=np.int64(4), scale=1.0))
    assert not value.arb.overlaps(certified.gap_cdf("0.1", shape=4, scale=1).arb)


@given(k=shapes, z=gaps, digits=st.integers(1, 80))
@settings(max_examples=20)
def test_the_radius_asked_is_met_and_the_digits_are_right(k, z, digits):
    value = certified.gap_sf(z, shape=k, scale=1, digits=digits)
    fine = certified.gap_sf(z, shape=k, scale=1, digits=digits + 20)
    assert (value.upper - value.lower) / 2 <= value.upper / 10**digits * Fraction(1001, 1000)
    assert value.arb.overlaps(fine.arb)
    shown = Decimal(value.digits)
    assert len(shown.as_tuple().digits) <= digits
    last_place = Fraction(10) ** shown.as_tuple().exponent
    assert abs(Fraction(shown) - fine.lower) <= last_place / 2 * Fraction(1001, 1000)


def test_float_is_the_nearest_double():
    value = certified.gap_cdf("0.1", shape=4, scale="0.066", digits=40)
    nearest = float(value)
    others = (math.nextafter(nearest, -math.inf), math.nextafter(nearest, math.inf))
    middle = (value.lower + value.upper) / 2
    assert all(abs(Fraction(nearest) - middle) < abs(Fraction(other) - middle) for other in others)
    assert float(certified.gap_sf(10**5, shape=4, scale=1)) == 0.0
    assert float(certified.gap_logsf(10**5, shape=1, scale=1)) == -1e5
    with pytest.raises(ConvergenceError, match="digits: got 3"):
        float(certified.gap_cdf("0.1", shape=4, scale="0.066", digits=3))


def test_membership_is_exact():
    value = certified.gap_cdf("0.1", shape=4, scale="0.066", digits=20)
    assert (value.lower + value.upper) / 2 in value
    assert value.upper in value
    assert value.upper + Fraction(1, 10**100) not in value
    assert "0.44" not in value


def test_a_wrong_value_is_noticed():
    """Negative control of every comparison above: 1e-25 off is outside a ball of 30 digits."""
    value = certified.gap_cdf("0.1", shape=4, scale="0.066")
    with flint.ctx.workprec(OTHER_BITS):
        right = distribution_by_struve_functions(4, Fraction(1, 10) / Fraction("0.066"))
        assert agree(value, right)
        assert not agree(value, right * (1 + arb(10) ** -25))
        # A ball that is too wide to say anything does not pass for agreement.
        assert not agree(value, right + arb(0, 0.1))


@pytest.mark.parametrize(
    ("function", "arguments", "error", "parameter"),
    [
        ("gap_cdf", {"delta": "0.1", "shape": 0, "scale": 1}, DomainError, "shape"),
        ("gap_cdf", {"delta": "0.1", "shape": 1, "scale": "-1"}, DomainError, "scale"),
        ("gap_cdf", {"delta": math.inf, "shape": 1, "scale": 1}, DomainError, "delta"),
        ("gap_cdf", {"delta": math.nan, "shape": 1, "scale": 1}, DomainError, "delta"),
        ("gap_cdf", {"delta": "a tenth", "shape": 1, "scale": 1}, DomainError, "delta"),
        ("gap_cdf", {"delta": 1j, "shape": 1, "scale": 1}, ArgumentError, "delta"),
        ("gap_cdf", {"delta": [0.1], "shape": 1, "scale": 1}, ArgumentError, "delta"),
        ("gap_cdf", {"delta": True, "shape": 1, "scale": 1}, ArgumentError, "delta"),
        ("gap_cdf", {"delta": 1, "shape": 1, "scale": 1, "digits": 0}, DomainError, "digits"),
        ("gap_cdf", {"delta": 1, "shape": 1, "scale": 1, "digits": 2.5}, DomainError, "digits"),
        ("gap_pdf", {"delta": 0, "shape": "0.5", "scale": 1}, DomainError, "delta"),
        ("gap_logcdf", {"delta": 0, "shape": 1, "scale": 1}, DomainError, "delta"),
        ("gap_logpdf", {"delta": -1, "shape": 1, "scale": 1}, DomainError, "delta"),
        ("gap_ppf", {"q": 1, "shape": 1, "scale": 1}, DomainError, "q"),
        ("gap_isf", {"q": 0, "shape": 1, "scale": 1}, DomainError, "q"),
        ("gap_ppf", {"q": "1.0000000000000000000001", "shape": 1, "scale": 1}, DomainError, "q"),
        ("exponential_integral_term", {"delta": -1, "order": 1, "scale": 1}, DomainError, "delta"),
        ("exponential_integral_term", {"delta": 1, "order": 0, "scale": 1}, DomainError, "order"),
        ("strip_probability", {"delta_1": 1, "delta_2": 0, "shape": 1, "scale": 1}, DomainError, "delta_2"),
        ("gap_sf", {"delta": "1e30", "shape": "2.3", "scale": 1}, ConvergenceError, "delta"),
    ],
)  # fmt: skip
def test_bad_input_gets_a_named_error_and_leaves_the_precision_alone(function, arguments, error, parameter):
    flint.ctx.prec = 77
    with pytest.raises(error, match=f"^{parameter}: got .*; allowed: .*; "):
        getattr(certified, function)(**arguments)
    assert flint.ctx.prec == 77


def test_the_precision_is_restored():
    flint.ctx.prec = 77
    certified.gap_cdf("1.5", shape="2.82", scale=1, digits=50)
    certified.gap_ppf("0.3", shape="2.82", scale=1)
    assert flint.ctx.prec == 77


def test_a_quantity_that_never_converges_is_an_error():
    with pytest.raises(ConvergenceError, match="digits: got 30"):
        certify(lambda bits: arb(0, 1), 30, ("delta", 1))


@pytest.mark.parametrize(
    ("function", "arguments", "blamed"),
    [
        ("gap_ppf", {"q": "1e-20", "shape": "0.001", "scale": 1, "digits": 10}, "digits: got 10"), ("expected_target",
        {"delta": "1", "shape": "1e300", "scale": 1}, "shape: got '1e300'"), ("expected_target", {"delta": "1e9",
        "shape": "1e12", "scale": 1}, "shape: got '1e12'"), ("gap_sf", {"delta": "1e30", "shape": "2.3", "scale":
        "2"}, "delta: got '1e30'"), ("strip_probability", {"delta_1": 1, "delta_2": "1e30", "shape": "2.3", "scale":
        1}, "delta_2: got '1e30'"), ("strip_probability", {"delta_1": "-1e30", "delta_2": -1, "shape": "2.3",
        "scale": 1}, "delta_1: got '-1e30'"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_told_in_the_callers_own_values(function, arguments, blamed):
    with pytest.raises(ConvergenceError, match=f"^{blamed}; allowed: "):
        getattr(certified, function)(**arguments)


def test_threads_take_turns_with_the_precision():
    """A second computation does not begin inside the first; 0.2 s are plenty for it to begin if nothing held it."""
    started, begun = threading.Event(), threading.Event()

    def first(bits):
        started.set()
        assert not begun.wait(0.2) and flint.ctx.prec == bits
        return arb(1)

    def second(bits):
        begun.set()
        return arb(2)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(certify, first, 30, ("delta", 1))
        assert started.wait(10)
        two = pool.submit(certify, second, 200, ("delta", 1))
        assert (one.result(10).digits[0], two.result(10).digits[0]) == ("1", "2")


def test_many_threads_get_the_digits_of_one():
    """In a process of its own, which a hang does not outlive: 40 calls take about a second."""
    program = """
import sys
import flint
from concurrent.futures import ThreadPoolExecutor
from gammaprob import certified
def text(digits):
    value = certified.gap_sf("7.3", shape="2.82", scale="1", digits=digits)
    assert 0 < value.upper - value.lower <= 3 * value.upper / 10**digits
    return value.digits
asked = (10, 30, 80, 200)
alone = [text(digits) for digits in asked]
sys.setswitchinterval(1e-5)
with ThreadPoolExecutor(4) as pool:
    assert list(pool.map(text, asked * 10)) == alone * 10
assert flint.ctx.prec == 53
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=20)


def test_thousands_of_digits_are_written_and_read():
    value = certified.gap_cdf("0.1", shape=4, scale="0.066", digits=5000)
    shown = value.digits
    assert len(shown) == len("0.") + 5000
    assert shown.startswith(certified.gap_cdf("0.1", shape=4, scale="0.066", digits=100).digits[:-1])
    last_place = Fraction(1, 10**5000)
    assert abs(Fraction(Decimal(shown)) - value.lower) <= last_place
    assert (shown in value) == (value.lower <= Fraction(Decimal(shown)) <= value.upper)


@pytest.mark.parametrize("value", [-(10**5000), Fraction(-(10**5000), 3)], ids=["integer", "fraction"])
def test_an_error_shows_a_number_of_any_length(value):
    with pytest.raises(DomainError, match=r"^scale: got .{1,80}; allowed: "):
        certified.gap_cdf(1, shape=1, scale=value)
    with pytest.raises(DomainError, match=r"^delta_2: got .{1,80}; allowed: a real number >= delta_1 = -1; "):
        certified.strip_probability(-1, value, shape=1, scale=1)
    with pytest.raises(DomainError, match=r"^delta_2: got -1; allowed: a real number >= delta_1 = .{1,80}; "):
        certified.strip_probability(-value, -1, shape=1, scale=1)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
@pytest.mark.parametrize("delta", ["0", "1e-300", "0.1", "2.5", "1e5"])
@pytest.mark.parametrize("digits", [1, 30, 1000])
def test_copies_hold_the_same_ball(duplicate, delta, digits):
    value = certified.gap_cdf(delta, shape=4, scale="0.066", digits=digits)
    assert_same_ball(duplicate(value).arb, value.arb)
    assert duplicate(value).digits == value.digits


@given(radius=st.integers(0, 2**30), exponent=st.integers(-2000, 2000), middle=st.integers(-(2**200), 2**200))
def test_copies_hold_every_radius(radius, exponent, middle):
    value = Enclosure(arb((middle, exponent - 100), (radius, exponent)), 5)
    assert_same_ball(copy.deepcopy(value).arb, value.arb)


def assert_same_ball(one: arb, other: arb) -> None:
    """Midpoint and radius to the bit."""
    assert (one.mid().man_exp(), one.rad().man_exp()) == (other.mid().man_exp(), other.rad().man_exp())


@pytest.mark.parametrize("number", [np.float16(0.1), np.float32(0.1), np.float64(0.1), np.longdouble("0.1")])
def test_floats_of_numpy_are_taken_as_the_binary_value_they_hold(number):
    ratio = Fraction(*number.as_integer_ratio())
    assert ends(certified.gap_cdf(number, shape=np.uint8(4), scale=np.int16(1))) == ends(
        certified.gap_cdf(ratio, shape=4, scale=1)
    )
    for bad in (type(number)("nan"), type(number)("inf")):
        with pytest.raises(DomainError, match="^delta: got .*; allowed: a finite number; "):
            certified.gap_cdf(bad, shape=4, scale=1)


def test_numpy_truth_values_and_arrays_are_no_numbers():
    for bad in (np.True_, np.array(0.1), np.complex64(1)):
        with pytest.raises(ArgumentError, match="^delta: got "):
            certified.gap_cdf(bad, shape=4, scale=1)
