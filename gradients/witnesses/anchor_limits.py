"""Witnesses on section 3.4 of the anchor loss paper: Eqs 6 to 12, cross entropy and focal loss as its limits."""

from __future__ import annotations

from itertools import product

import sympy
from mpmath import mp

from gammaprob.as_printed import exact
from gammaprob.witnesses._compare import agree, checked, witness
from gammaprob.witnesses._proof import proved
from gradients import as_printed
from gradients.witnesses._anchor import (
    ANCHOR, GAMMA, GAMMAS, LABELLED, ONE, SCORES, ZERO, Q, entropy, likelihood, modulated_both,
)
from paper_tables.outcome import Outcome


@witness
def cross_entropy() -> Outcome:
    """Eq 6: minus the logarithm of the likelihood of the label, for hard and soft labels."""
    points = [{"p": p, "q": q} for p, q in product((0, "0.25", 1), SCORES)]
    return Outcome((agree("of a Bernoulli label", as_printed.eq6_cross_entropy, entropy, points),))


@witness
def focal_loss() -> Outcome:
    """Eq 7: cross entropy times (1 − likelihood)^γ."""
    def truth(p, q, gamma):
        return entropy(p, q) * mp.power(1 - likelihood(p, q), exact(gamma))

    points = [{"p": p, "q": q, "gamma": gamma} for p, q, gamma in product((0, 1), SCORES, GAMMAS)]
    return Outcome((agree("for both labels", as_printed.eq7_focal_loss, truth, points),))


def _both(difference) -> dict:
    """The difference (p) for p = 0 and p = 1, named."""
    return {"p = 0": difference(ZERO), "p = 1": difference(ONE)}


def _q_t(p):
    return as_printed.ground_truth_probability(p, Q)


@witness
def ground_truth_probability() -> Outcome:
    """Section 3.4, before Eq 8: q_t is the probability that the network gives to the ground truth."""
    points = [{"p": p, "q": q} for p, q in product((0, 1), SCORES)]
    return Outcome((agree("of a hard label", as_printed.ground_truth_probability, likelihood, points),))


@witness
def cross_entropy_of_q_t() -> Outcome:
    """Eq 8: Eq 6 in terms of q_t."""
    return Outcome((proved("Eq 6", _both(
        lambda p: as_printed.eq8_cross_entropy(_q_t(p)) - as_printed.eq6_cross_entropy(p, Q)
    )),))


@witness
def focal_loss_of_q_t() -> Outcome:
    """Eq 9: Eq 7 in terms of q_t."""
    return Outcome((proved("Eq 7", _both(
        lambda p: as_printed.eq9_focal_loss(_q_t(p), gamma=GAMMA) - as_printed.eq7_focal_loss(p, Q, gamma=GAMMA)
    )),))


def _anchor_is_one_minus_p(*labels) -> Outcome:
    return Outcome((checked("q_* = 1 − p", [(f"p={p}", as_printed.eq10_anchor(p) == 1 - p) for p in labels]),))


@witness
def static_anchor() -> Outcome:
    """Eq 10: q_* = 1 − p, both lines."""
    return _anchor_is_one_minus_p(0, 1)


@witness
def static_anchor_of_background() -> Outcome:
    """Eq 10, first line."""
    return _anchor_is_one_minus_p(0)


@witness
def static_anchor_of_target() -> Outcome:
    """Eq 10, second line."""
    return _anchor_is_one_minus_p(1)


def _modulators(q_pos, q_neg):
    """The modulators of A-1 as a function of p: what stands before the cross entropy of that label."""
    return lambda p: sympy.cancel(as_printed.eqa1_loss(
        p, Q, target_anchor=q_pos, background_anchor=q_neg, target_gamma=ONE, background_gamma=ONE,
    ) / as_printed.eq6_cross_entropy(p, Q))


def _left(p):
    """Eq 11's left side under Eq 10."""
    return as_printed.eq11_left(_q_t(p), anchor=1 - p)


def _right(p):
    return as_printed.eq11_right(p, Q)


@witness
def static_modulator() -> Outcome:
    """Eq 11: under Eq 10 the modulator is 1 − q for the background, q for the target."""
    modulators = _modulators(ZERO, ONE)
    return Outcome(
        (
            proved("of 1 − q_t + q_*, as on its left", _both(lambda p: _left(p) - _right(p))),
            proved("of 1 + q − q_*, as in Eq 1", _both(lambda p: 1 + Q - (1 - p) - _right(p))),
            proved("of the two modulators of A-1", _both(lambda p: modulators(p) - _right(p))),
        ),
        (
            proved("q for the background", {"A-1, p = 0": modulators(ZERO) - Q}),
            proved("1 − q for the target", {"A-1, p = 1": modulators(ONE) - (1 - Q)}),
            proved("both are 1 − q_t, that of focal loss", _both(lambda p: modulators(p) - (1 - _q_t(p)))),
        ),
    )


@witness
def static_modulator_substituted() -> Outcome:
    """Eq 11: Eq 10 and the definition of q_t put into 1 − q_t + q_*."""
    return Outcome((proved("left and middle", _both(lambda p: _left(p) - as_printed.eq11_middle(p, Q))),))


def _line_of_eq11(p, simplified) -> Outcome:
    middle = as_printed.eq11_middle(p, Q)
    return Outcome(
        (proved("middle and right", {f"p = {p}": middle - _right(p)}),),
        (proved("simplified rightly", {f"p = {p}": middle - simplified}),),
    )


@witness
def static_modulator_of_background() -> Outcome:
    """Eq 11, first line: 1 − (1 − q) + 1 = 1 − q."""
    return _line_of_eq11(ZERO, 1 + Q)


@witness
def static_modulator_of_target() -> Outcome:
    """Eq 11, second line: 1 − q + 0 = q."""
    return _line_of_eq11(ONE, 1 - Q)


@witness
def modulator_of_eq11() -> Outcome:
    """Eq 11, left: the modulator of anchor loss is 1 − q_t + q_*, for any anchor."""
    modulators = _modulators(ANCHOR, ANCHOR)

    background, eq1 = 1 + Q - ANCHOR, as_printed.eq1_loss(ZERO, Q, anchor=ANCHOR, gamma=ONE)
    return Outcome(
        (proved("the modulator of A-1, of both labels", _both(
            lambda p: as_printed.eq11_left(_q_t(p), anchor=ANCHOR) - modulators(p)
        )),),
        (
            proved("1 + q − q_* for the background: 2 − q_t − q_*", {
                "A-1": modulators(ZERO) - background,
                "Eq 1": sympy.cancel(eq1 / as_printed.eq6_cross_entropy(ZERO, Q)) - background,
                "with q_t": background - (2 - _q_t(ZERO) - ANCHOR),
            }),
            proved("1 − q_t + q_* for the target", {
                "A-1": modulators(ONE) - as_printed.eq11_left(_q_t(ONE), anchor=ANCHOR),
            }),
        ),
    )


def _static_a1(p, q, gamma):
    """A-1 with both exponents γ and both anchors 1 − p."""
    anchor = as_printed.eq10_anchor(p)
    return as_printed.eqa1_loss(
        p, q, target_anchor=anchor, background_anchor=anchor, target_gamma=gamma, background_gamma=gamma
    )


@witness
def focal_limit() -> Outcome:
    """Eq 12: anchor loss with q_* = 1 − p is focal loss."""
    def against_focal(name, loss):
        return agree(name, loss, as_printed.eq12_loss, points)

    def times_entropy(modulator):
        return lambda p, q, gamma: modulator(p, q) ** exact(gamma) * entropy(p, q)

    def eq11(p, q):
        return as_printed.eq11_left(as_printed.ground_truth_probability(p, q), anchor=as_printed.eq10_anchor(p))

    # γ > 0: at γ = 0 every modulator is 1.
    points = [{"p": p, "q": q, "gamma": gamma} for p, q, gamma in product((0, 1), SCORES, GAMMAS[1:])]
    return Outcome(
        (
            against_focal("anchor loss is Eq 1", lambda p, q, gamma: as_printed.eq1_loss(
                p, q, anchor=as_printed.eq10_anchor(p), gamma=gamma)),
            against_focal("anchor loss is Eq 2, class by class", lambda p, q, gamma: -sum(as_printed.eq2_sums(
                (p,), (q,), anchor=as_printed.eq10_anchor(p), gamma=gamma))),
            against_focal("cross entropy times the left of Eq 11", times_entropy(eq11)),
            against_focal("cross entropy times the right of Eq 11", times_entropy(as_printed.eq11_right)),
            against_focal("anchor loss is A-1 with γ_t = γ_b = γ", _static_a1),
        ),
        (
            against_focal("A-1 with γ_t = γ_b = γ and q_pos = q_neg = 1 − p", _static_a1),
            agree("which modulates both labels", _static_a1, lambda p, q, gamma: modulated_both(p, q, 1 - p, gamma),
                  points),
        ),
    )


@witness
def focal_formula() -> Outcome:
    """Eq 12: the formula is that of focal loss, Eq 7."""
    return Outcome((proved("Eq 7", _both(
        lambda p: as_printed.eq12_loss(p, Q, gamma=GAMMA) - as_printed.eq7_focal_loss(p, Q, gamma=GAMMA)
    )),))


@witness
def unmodulated_limit() -> Outcome:
    """Section 3.4, after Eq 12: with γ = 0 anchor loss is binary cross entropy."""
    points = [point for point in LABELLED if point["gamma"] == "0"]

    def against_entropy(name, loss):
        return agree(name, loss, lambda p, q, anchor, gamma: entropy(p, q), points)

    def eq2(p, q, anchor, gamma):
        return -sum(as_printed.eq2_sums((p,), (q,), anchor=anchor, gamma=gamma))

    def a1(p, q, anchor, gamma):
        return as_printed.eqa1_loss(
            p, q, target_anchor=anchor, background_anchor=anchor, target_gamma=gamma, background_gamma=gamma
        )

    others = (against_entropy("Eq 2", eq2), against_entropy("Eq 5", as_printed.eq5_loss), against_entropy("A-1", a1))
    return Outcome((against_entropy("Eq 1", as_printed.eq1_loss), *others), others)
