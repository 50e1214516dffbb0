"""The literal formulas say what was printed: hand-reduced special cases, exact inputs, a ledger id on each error."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
import sympy
from mpmath import mp, mpf

import gammaprob.witnesses._proof  # noqa: F401  (registers SymPy with the literal formulas)
from gammaprob import as_printed, certified, gap, target
from gradients import as_printed as anchor_loss
from paper_tables.outcome import AMBIGUOUS, WRONG
from paper_tables.records import load_records

# Both sides of a comparison are exact algebra at `WORKING_DIGITS`, of which the reductions lose a few; the
# quadratures of analytic integrands agree with closed forms to 57 or more of the 60 digits.
CLOSE = mpf(10) ** -40

LAWS = [("0.1", "0.066"), ("0.5", "1"), ("4", "3.5")]


@pytest.fixture(autouse=True)
def working_precision():
    with mp.workdps(as_printed.WORKING_DIGITS):
        yield


def close(value, truth):
    return abs(value - truth) <= CLOSE * abs(truth)


def ratio(text):
    return mpf(Fraction(text).numerator) / Fraction(text).denominator


# k = 1 reduced by hand from the printed text: f(0,1,1,δ,Θ) = e^(−z)/(2Θ), G(δ,1,s) = −e^(−δ/s).


@pytest.mark.parametrize(("delta", "scale"), LAWS)
def test_equation_6_as_printed_at_k_1(delta, scale):
    """1 + Θ e^(−z) − e^(−z)/2 − e^(−z)/2: right would be 1 − e^(−z)."""
    z, theta = ratio(delta) / ratio(scale), ratio(scale)
    printed = as_printed.supplementary_eq6_gap_probability(delta, shape=1, scale=scale)
    assert close(printed, 1 + (theta - 1) * mp.exp(-z))
    assert not close(printed, 1 - mp.exp(-z))


@pytest.mark.parametrize(("delta", "scale"), LAWS)
def test_equation_5_terms_at_k_1(delta, scale):
    """A = −½ e^(−z)(1 − e^(−2z)), B = 1 − e^(−z), C = −½ e^(−3z), D = ½ e^(−z)."""
    e = mp.exp(-ratio(delta) / ratio(scale))
    expected = (-e * (1 - e**2) / 2, 1 - e, -(e**3) / 2, e / 2)
    for value, by_hand in zip(as_printed.supplementary_eq5_terms(delta, shape=1, scale=scale), expected, strict=True):
        assert close(value, by_hand)
    for value, by_hand in zip(as_printed.supplementary_eq4_terms(delta, shape=1, scale=scale), expected, strict=True):
        assert close(value, by_hand)


@pytest.mark.parametrize(("delta", "scale"), LAWS)
def test_equation_13_as_printed_at_k_1(delta, scale):
    """The f's and D cancel: q − ½ − I/2 with the printed I, where right is q − ½ + I/2 with the true one."""
    printed_i = as_printed.supplementary_i_integral(delta, order=1, scale=scale)
    lower = Fraction(delta) / 2
    value = as_printed.supplementary_eq13_coefficient(lower, delta, "0.7", shape=1, scale=scale)
    assert close(value, ratio("0.7") - mpf(1) / 2 - printed_i / 2)


@pytest.mark.parametrize(("delta", "scale"), LAWS)
def test_equation_14_at_k_1(delta, scale):
    lower = Fraction(delta) / 2
    z = ratio(delta) / ratio(scale)
    assert close(
        as_printed.supplementary_eq14_strip(lower, delta, shape=1, scale=scale), (mp.exp(-z / 2) - mp.exp(-z)) / 2
    )


@pytest.mark.parametrize(("delta", "scale"), LAWS)
@pytest.mark.parametrize("order", [1, 2, 5])
def test_printed_integral_has_half_the_scale(delta, scale, order):
    """The I that is printed at Θ is the true I at Θ/2: that, and nothing else, is wrong with it."""
    half = certified.exponential_integral_term(delta, order=order, scale=Fraction(scale) / 2, digits=50)
    assert close(as_printed.supplementary_i_integral(delta, order=order, scale=scale), mpf(half.digits))


@pytest.mark.parametrize(("delta", "scale"), LAWS)
def test_equation_15_at_order_1(delta, scale):
    z = ratio(delta) / ratio(scale)
    assert close(as_printed.supplementary_eq15_closed_form(delta, order=1, scale=scale), z * mp.exp(z) * mp.e1(z))


def test_f_by_hand():
    """f(1, 3, 2, δ, Θ) = e^(−z) C(2,1) P(2,1) δ / (2³ Θ²)."""
    value = as_printed.f(1, 3, shape=2, delta="0.1", scale="0.066")
    theta, delta = ratio("0.066"), ratio("0.1")
    assert close(value, mp.exp(-delta / theta) * 2 * 2 * delta / (8 * theta**2))


def test_f_of_negative_gap_turns_the_exponential_too():
    up, down = (as_printed.f(0, 2, shape=3, delta=gap, scale="0.5") for gap in ("0.25", "-0.25"))
    assert close(-down / up, mp.exp(1))


def test_objective_by_hand():
    assert as_printed.main_eq1_objective(1, 2, 6, 3, margin=1) == 4
    assert as_printed.main_eq1_objective(2, 1, 6, 3, margin=1) == 0
    assert as_printed.main_eq1_objective(1, 1, 6, 3, margin=1) == 1  # a tie costs ξ whatever is predicted


def test_printed_gradient_has_one_sign_for_both_features():
    """Eq 4b has no index, so that swapping the images turns its sign and nothing else."""
    pair = {"theta_i": (1, 2), "theta_j": (3, 1), "w": ("0.5", "-0.25")}
    swapped = {"theta_i": pair["theta_j"], "theta_j": pair["theta_i"], "w": pair["w"]}
    one = as_printed.main_eq4b_gradient(1, 3, **pair)
    other = as_printed.main_eq4b_gradient(3, 1, **swapped)
    assert all(close(-a, b) for a, b in zip(one, other, strict=True))


# How numbers come in, and what is left behind


def test_decimal_strings_are_exact():
    by_text, by_fraction, by_float = (
        as_printed.supplementary_eq14_strip(0, "0.1", shape=4, scale=scale)
        for scale in ("0.066", Fraction(33, 500), 0.066)
    )
    assert by_text == by_fraction
    assert by_float != by_text and abs(by_float / by_text - 1) < 2 * mpf(2) ** -53 * 4  # four roundings of Θ, in effect


def test_integers_do_not_divide_as_floats():
    third = as_printed.supplementary_eq1_gamma_integral(1, shape=1, scale=3)
    assert close(third, -mp.exp(-mpf(1) / 3))


def test_precision_is_left_as_it_was():
    with mp.workdps(17):
        value = as_printed.supplementary_eq6_gap_probability("0.1", shape=4, scale="0.066")
        assert mp.dps == 17
    with mp.workdps(as_printed.WORKING_DIGITS):
        again = as_printed.supplementary_eq6_gap_probability("0.1", shape=4, scale="0.066")
    assert value == again


def test_symbols_pass_through():
    delta, theta = sympy.symbols("d t", positive=True)
    expression = as_printed.supplementary_eq6_gap_probability(delta, shape=3, scale=theta)
    number = expression.subs({delta: sympy.Rational(1, 10), theta: sympy.Rational(33, 500)}).evalf(40)
    direct = as_printed.supplementary_eq6_gap_probability("0.1", shape=3, scale="0.066")
    assert abs(mpf(str(number)) - direct) < mpf(10) ** -38  # what SymPy was asked for, less two digits


def test_unknown_arguments_are_refused():
    with pytest.raises(TypeError):
        as_printed.supplementary_eq6_gap_probability("0.1", shape=4, scale="0.066", rate=1)
    with pytest.raises(ValueError):
        as_printed.predicted_loss((1, 2), (1, 2, 3))


# Errata: the docstrings and the ledger name each other


def errata() -> dict[str, set[str]]:
    """Function name -> ledger ids on its lines that start with `ERRATUM:`."""
    functions = {name: getattr(module, name) for module in (gap, target, as_printed, anchor_loss)
                 for name in module.__all__ if callable(getattr(module, name))}
    return {name: set(re.findall(r"^ *ERRATUM: ([A-Z0-9-]+)", function.__doc__, re.MULTILINE))
            for name, function in functions.items()}


def test_every_erratum_is_a_record_that_says_so():
    verdicts = {record.id: record.verdict for record in load_records()}
    named = set().union(*errata().values())
    assert named
    assert {verdicts.get(identity) for identity in named} <= {WRONG, AMBIGUOUS}


def test_every_wrong_equation_has_its_erratum():
    wrong = {record.id for record in load_records()
             if record.kind == "equation" and record.document != "slides" and record.verdict in (WRONG, AMBIGUOUS)}
    assert wrong and wrong <= set().union(*errata().values())


def test_every_function_names_its_place():
    for name in as_printed.__all__:
        function = getattr(as_printed, name)
        if callable(function) and name not in {"exponential", "logarithm", "exponential_integral"}:
            assert re.match(r"(Main|Supplementary), |The predicted loss of main|[pq]_i of main", function.__doc__), name
