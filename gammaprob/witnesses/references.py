"""Witnesses on cross-references: does the equation that is cited state what it is cited for?"""

from __future__ import annotations

import re
from functools import partial

import sympy

from gammaprob import as_printed, symbolic
from gammaprob.symbolic import Theta, delta, delta_1, delta_2, x
from gammaprob.witnesses._compare import POINTS, agree, certified_value, checked, equal, witness
from gammaprob.witnesses._proof import proved
from gammaprob.witnesses.gap_law import eq5, mended_eq6
from gammaprob.witnesses.loss_pairs import divergence_gradient_w
from paper_tables.outcome import Outcome
from paper_tables.records import load_records


def _equation_numbers(document: str) -> set[int]:
    """The numbers of the equations of a document, from the ledger's own record of each."""
    matches = (
        re.fullmatch(r"[A-Z]+-EQ(\d+)[A-Z]?", record.id)
        for record in load_records() if record.document == document and record.kind == "equation"
    )
    return {int(match.group(1)) for match in matches if match}


def _is_closed_form(formula, **symbols) -> bool:
    """Does the formula take symbols? One with an integral that has to be evaluated numerically cannot."""
    try:
        value = formula(**symbols)
    except TypeError as error:
        if "mpf" not in str(error):
            raise
        return False
    return isinstance(value, sympy.Expr) and not value.has(sympy.Integral)


@witness
def gap_probability_is_equation_5() -> Outcome:
    """Main, section 4.1.1 and Table 1: the final closed form of P(|X − Y| ≤ δ) is "Eq 5-supplementary"."""
    truth = partial(certified_value, "gap_cdf")
    cases = [
        (f"{name} at {point}", equal(term, truth(**point)))
        for point in POINTS
        for name, term in zip("ABCD", as_printed.supplementary_eq5_terms(**point), strict=True)
    ]
    return Outcome(
        (checked("a formula numbered 5 gives the probability", cases),),
        (
            agree("Eq 6, mended, gives it", lambda delta, **law: mended_eq6(delta, **law), truth),
            agree("so does the sum of the four terms of Eq 5",
                  lambda **point: sum(as_printed.supplementary_eq5_terms(**point)), truth),
        ),
    )


@witness
def expected_gradient_is_equation_12() -> Outcome:
    """Main, after Eq 6 and Table 2: the final, closed solution for the expected gradient is "Eq 12-supplementary"."""
    symbols = {"delta_1": delta_1, "delta_2": delta_2, "q": sympy.Symbol("q"), "shape": 2, "scale": Theta}
    closed = {
        "Eq 12": as_printed.supplementary_eq11_coefficient,
        "Eq 13": partial(as_printed.supplementary_eq13_coefficient, term=symbolic.exponential_integral_term),
    }
    return Outcome(
        (checked("Eq 12 is a closed form", [("k=2", _is_closed_form(closed["Eq 12"], **symbols))]),),
        (checked("Eq 13 is, once I is replaced by its closed form", [
            ("k=2", _is_closed_form(closed["Eq 13"], **symbols)),
        ]),),
    )


@witness
def equation_8_of_main() -> Outcome:
    """Supplementary, section 4: "we continue from Eq: 8 in the paper", for the expected gradient."""
    numbers = _equation_numbers("main")
    p_i = as_printed.true_loss_target(x, x + delta)
    return Outcome(
        (checked("main has an equation 8", [(f"main's equations are {sorted(numbers)}", 8 in numbers)]),),
        (
            checked("main has an equation 6", [(f"main's equations are {sorted(numbers)}", 6 in numbers)]),
            proved("whose integrand has the p_i of Eq 10", {"p_i": p_i - x / (2 * x + delta)}),
        ),
    )


@witness
def equations_4_to_6_of_main() -> Outcome:
    """Supplementary, abstract: main's Eq 5 is the probability, Eq 4 the gradient, Eq 6 its expectation."""
    return Outcome((
        agree("Eq 5", eq5, partial(certified_value, "gap_cdf"), POINTS[:1]),
        *divergence_gradient_w().printed,
        *expectation_of_equation_4().printed,
    ))


@witness
def expectation_of_equation_4() -> Outcome:
    """Main, scenario 2: the expected gradient is that of Eq 4, at l_i = x and l_j = x + δ."""
    return Outcome((proved("the bracket of Eq 6 is q_i − p_i", {
        "p_i": as_printed.true_loss_target(x, x + delta) - x / (2 * x + delta)
    }),))
