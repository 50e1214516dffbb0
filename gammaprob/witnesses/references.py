"""Witnesses on cross-references: does the equation that is cited state what it is cited for?"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from gammaprob import as_printed
from gammaprob.symbolic import delta, x
from gammaprob.witnesses._compare import POINTS, agree, certified_value, checked, witness
from gammaprob.witnesses._proof import proved
from gammaprob.witnesses.expected_gradient import expected_gradient_split, final_expected_gradient
from gammaprob.witnesses.gap_law import eq5, f_sum, mended_eq6
from gammaprob.witnesses.loss_pairs import divergence_gradient_w
from paper_tables.outcome import Outcome
from paper_tables.published import equations, functions


@witness
def gap_probability_is_equation_5() -> Outcome:
    """Main, section 4.1.1 and Table 1: the final closed form of P(|X − Y| ≤ δ) is "Eq 5-supplementary"."""
    truth = partial(certified_value, "gap_cdf")
    formulas = equations("supplementary")
    begins = "P(|X − Y| ≤ δ) ="
    return Outcome(
        (
            agree("the four terms numbered 5 add up to it",
                  lambda **point: sum(as_printed.supplementary_eq5_terms(**point)), truth),
            checked("a line numbered 5 states it", [
                (line.split(" =")[0], line.startswith(begins)) for line in formulas["5"].splitlines()
            ]),
        ),
        (
            checked("Eq 6 states it", [("Eq 6", formulas["6"].startswith(begins))]),
            agree("Eq 6, mended, gives it", lambda delta, **law: mended_eq6(delta, **law), truth),
        ),
    )


@witness
def expected_gradient_is_equation_12() -> Outcome:
    """Main, after Eq 6 and Table 2: the final solution for the expected gradient is "Eq 12-supplementary"."""
    formulas = equations("supplementary")
    (value,) = expected_gradient_split().printed
    left = {number: formulas[number].count("∫") for number in ("12", "13", "14", "15")}
    return Outcome(
        (
            replace(value, name="it gives the expected gradient, at δ2 − δ1 = 1e-25"),
            checked("nothing is left to integrate in it", [
                (f"integrals in Eq 12: {left['12']}", left["12"] == 0)
            ]),
        ),
        (
            checked("Eqs 13 to 15 leave none but that of the gamma law", [
                *((f"integrals in Eq {number}: {left[number]}", left[number] == 0) for number in ("13", "14")),
                ("Eq 15: ∫ γ(j, Θ)", left["15"] == 1 and "∫_{t=δ2}^∞ γ(j,Θ)" in formulas["15"]),
            ]),
            *final_expected_gradient().corrected,
        ),
    )


@witness
def f_of_the_paper() -> Outcome:
    """Supplementary, before Eq 6: "as in the paper, let f(i, n, k, δ, Θ) = …"."""
    ours = functions("supplementary")["f"]
    elsewhere = {letter: arguments for letter, arguments in functions("main").items() if letter in ("f", "G")}

    def term_a(delta, shape, scale):
        return as_printed.supplementary_eq5_terms(delta, shape=shape, scale=scale)[0]

    def with_f(delta, shape, scale):
        gap, theta = as_printed.exact(delta), as_printed.exact(scale)
        return -theta * f_sum(
            shape, gap, theta,
            lambda count: as_printed.supplementary_eq1_gamma_integral(gap, shape=count, scale=theta / 2) + 1,
        )

    return Outcome(
        (checked("main defines this f", [
            (f"f of {', '.join(ours)}; main's functions of these names: {elsewhere}", elsewhere.get("f") == ours)
        ]),),
        (
            checked("main's f is the model, ŷ = f(x), and it has no G", [("f(x)", elsewhere == {"f": ["x"]})]),
            agree("with f and G as defined here, A = −Θ ΣΣ f (G(δ, k+i, Θ/2) + 1)/Γ(n)", with_f, term_a),
        ),
    )


@witness
def f_of_equation_6() -> Outcome:
    """Supplementary, after Eq 12: "f(i, n, k, δ, Θ) from Eq: 6"."""
    return Outcome((checked("f occurs in Eq 6", [
        (call, call in equations("supplementary")["6"]) for call in ("f(i,n,k,δ,Θ)", "f(i,n,k,−δ,Θ)")
    ]),))


@witness
def equation_8_of_main() -> Outcome:
    """Supplementary, section 4: "we continue from Eq: 8 in the paper", for the expected gradient."""
    numbers = equations("main")
    p_i = as_printed.true_loss_target(x, x + delta)
    return Outcome(
        (checked("main has an equation 8", [(f"main's equations are {', '.join(numbers)}", "8" in numbers)]),),
        (
            checked("main has an equation 6", [(f"main's equations are {', '.join(numbers)}", "6" in numbers)]),
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
