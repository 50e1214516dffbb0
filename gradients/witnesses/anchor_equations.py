"""Witnesses on the anchor loss itself: Eqs 1 to 5, its gradient, Eqs 13 and 14, and the anchors of A-1 to A-4."""

from __future__ import annotations

from itertools import product

import sympy
from mpmath import mp, mpf

from gammaprob.as_printed import exact
from gammaprob.witnesses._compare import agree, checked, witness
from gammaprob.witnesses._proof import proved
from gradients import as_printed
from gradients.witnesses._anchor import (
    ANCHOR, BACKGROUND, CLASSES, GAMMA, LABELLED, MARGIN, ONE, SCORES, ZERO, Q, entropy, gaussian, highest_background,
    modulated_background, modulated_both, target_score, weight,
)
from paper_tables.outcome import Outcome, Reading
from paper_tables.published import equations

# Section 3.1 to 3.3: Eqs 1 to 5


@witness
def basic_loss() -> Outcome:
    """Eq 1: a modulator times cross entropy."""
    def with_target(p, q, anchor, gamma):
        return as_printed.eq1_loss(p, q, anchor=anchor, gamma=gamma) - exact(p) * mp.log(exact(q))

    background = [point for point in LABELLED if point["p"] == 0]

    def modulated(p, q, anchor, gamma):
        return entropy(p, q) * weight(exact(q) - exact(anchor), gamma)

    return Outcome(
        (
            agree("of a background label, which section 3.1 discusses, as section 3.5 says", as_printed.eq1_loss,
                  modulated, background),
            agree("of either label, as its factor 1 − p has it", as_printed.eq1_loss, modulated, LABELLED),
        ),
        (agree("with −p log q beside it, as in Eq 2, for both", with_target, modulated_background, LABELLED),),
    )


@witness
def classification_loss() -> Outcome:
    """Eq 2: cross entropy summed over the classes, with the background modulated; −Σ … + …"""
    def sums(p, q, gamma):
        return as_printed.eq2_sums(p, q, anchor=target_score(p, q), gamma=gamma)

    def truth(p, q, gamma):
        anchor = target_score(p, q)
        return mp.fsum(modulated_background(*label, anchor, gamma) for label in zip(p, q, strict=True))

    unmodulated = [point for point in CLASSES if point["gamma"] == "0"]
    return Outcome(
        (
            agree("the sum runs over both terms, which have its index k",
                  lambda **point: -sum(sums(**point)), truth, CLASSES),
            agree("the sum ends at the plus sign, before which it binds",
                  lambda **point: -sums(**point)[0] + sums(**point)[1], truth, CLASSES),
        ),
        (
            agree("both sums with a minus sign", lambda **point: -sums(**point)[0] - sums(**point)[1], truth, CLASSES),
            agree("which is binary cross entropy at γ = 0", lambda **point: -sum(sums(**point)),
                  lambda p, q, gamma: mp.fsum(entropy(*label) for label in zip(p, q, strict=True)), unmodulated),
        ),
    )


@witness
def mask() -> Outcome:
    """Eq 3: M(p) is 1 on the true negative pixels, p = 0, and 0 on all others."""
    labels = (0, "1e-30", "0.01", "0.5", 1)
    return Outcome((checked("both cases", [
        (f"p={p}", as_printed.eq3_mask(p) == (1 if p == 0 else 0)) for p in labels
    ]),))


@witness
def pose_anchor() -> Outcome:
    """Eq 4 and Fig. 3: the largest score within the circle where the Gaussian label is above one half."""
    cases = []
    for centre, sigma in ((("5", "5"), "1"), (("4.3", "6.8"), "2"), (("0.4", "9"), "1.5")):
        label = gaussian(12, centre, sigma)
        scores = {(i, j): mpf((7 * i + 3 * j) % 11 + 1) / 13 for i, j in label}
        radius = exact(sigma) * mp.sqrt(2 * mp.log(2))
        inside = [
            score for (i, j), score in scores.items()
            if mp.hypot(i - exact(centre[0]), j - exact(centre[1])) < radius
        ]
        anchor = as_printed.eq4_anchor(tuple(label.values()), tuple(scores.values()))
        cases.append((f"centre {centre}, σ={sigma}, {len(inside)} pixels inside", anchor == max(inside)))
    return Outcome((checked("radius σ √(2 log 2)", cases),))


@witness
def pose_loss() -> Outcome:
    """Eq 5: anchor loss where p = 0, binary cross entropy where p > 0."""
    points = [{"p": p} | point for p, point in product((0, "0.2", "0.8", 1), BACKGROUND)]
    return Outcome((agree("masked and unmasked pixels", as_printed.eq5_loss, modulated_background, points),))


# Section 3.5: Eqs 13, 14


@witness
def background_loss() -> Outcome:
    """Eq 13: Eq 1 of a background label."""
    law = {"anchor": ANCHOR, "gamma": GAMMA}
    return Outcome((
        proved("Eq 1 at p = 0", {"p = 0": as_printed.eq13_loss(Q, **law) - as_printed.eq1_loss(ZERO, Q, **law)}),
    ))


@witness
def background_gradient() -> Outcome:
    """Eq 14: the derivative of Eq 13 with the anchor held fixed."""
    law = {"anchor": ANCHOR, "gamma": GAMMA}

    def by_differences(q, anchor, gamma):
        return mp.diff(lambda score: modulated_background(0, score, anchor, gamma), exact(q))

    difference = sympy.diff(as_printed.eq13_loss(Q, **law), Q) - as_printed.eq14_gradient(Q, **law)
    common = (1 + Q - ANCHOR) ** (GAMMA - 1)  # positive, and without it the powers cancel
    return Outcome((
        proved("symbolically", {"∂/∂q": sympy.expand(difference / common)}),
        agree("against differences", as_printed.eq14_gradient, by_differences, BACKGROUND),
    ))


@witness
def detached_anchor() -> Outcome:
    """Section 3.5: with the anchor detached it only scales; the target's own score then has cross entropy's slope."""
    target, fixed = sympy.symbols("q_t a", positive=True)

    def loss(anchor):
        return -sum(as_printed.eq2_sums((ONE, ZERO), (target, Q), anchor=anchor, gamma=GAMMA))

    def slope(anchor, score):
        return sympy.diff(loss(anchor), score).subs(fixed, target)

    return Outcome((proved("Eq 2 of a target and a background class, q_* = q_t", {
        "∂/∂q_t, detached: −1/q_t": slope(fixed, target) + 1 / target,
        "∂/∂q_t, not detached: γ (1 + q − q_t)^(γ−1) log(1 − q) more":
            slope(target, target) + 1 / target - GAMMA * (1 + Q - target) ** (GAMMA - 1) * sympy.log(1 - Q),
        "∂/∂q, either way": slope(fixed, Q) - slope(target, Q),
    }),))


# Appendix A-1


def _summed_a1(p, q, target_anchor, background_anchor, target_gamma, background_gamma):
    return mp.fsum(
        as_printed.eqa1_loss(
            *label, target_anchor=target_anchor, background_anchor=background_anchor, target_gamma=target_gamma,
            background_gamma=background_gamma,
        ) for label in zip(p, q, strict=True)
    )


def _modulated(p, q, gamma, *, target: bool, background: bool):
    """Summed over the classes: the target modulated by the highest background score, the background by the target's."""
    anchors = {1: highest_background(p, q), 0: target_score(p, q)}
    exponents = {1: gamma if target else 0, 0: gamma if background else 0}
    return mp.fsum(
        modulated_both(label, score, anchors[label], exponents[label]) for label, score in zip(p, q, strict=True)
    )


def _a2(p, q, gamma):
    anchor, target_gamma, background_gamma = as_printed.eqa2_setting(p, q, gamma=gamma)
    return _summed_a1(p, q, anchor, anchor, target_gamma, background_gamma)


def _a3(p, q, gamma):
    anchor, target_gamma, background_gamma = as_printed.eqa3_setting(p, q, gamma=gamma)
    return _summed_a1(p, q, anchor, anchor, target_gamma, background_gamma)


def _a4(p, q, gamma):
    return _summed_a1(p, q, *as_printed.eqa4_setting(p, q, gamma=gamma))


def _case(name: str, setting, target: bool, background: bool) -> Reading:
    return agree(
        name, setting, lambda p, q, gamma: _modulated(p, q, gamma, target=target, background=background), CLASSES
    )


@witness
def both_modulators() -> Outcome:
    """A-1: cross entropy with one modulator for the target and one for the background."""
    names = ("p", "q", "target_anchor", "background_anchor", "target_gamma", "background_gamma")
    values = ((0, 1), SCORES, ("0.2", "0.9"), ("0.4", "0.8"), ("0", "2"), ("0.5",))
    points = [dict(zip(names, point, strict=True)) for point in product(*values)]

    def truth(p, q, target_anchor, background_anchor, target_gamma, background_gamma):
        anchor, gamma = (target_anchor, target_gamma) if p else (background_anchor, background_gamma)
        return modulated_both(p, q, anchor, gamma)

    return Outcome((agree("for both labels", as_printed.eqa1_loss, truth, points),))


@witness
def modulate_target() -> Outcome:
    """A-2: A-1 then modulates the target alone, by the highest background score."""
    return Outcome((_case("q_* where A-1 has an anchor", _a2, target=True, background=False),))


@witness
def name_of_target_anchor() -> Outcome:
    """A-2: what it sets, q_*, is the anchor of A-1."""
    printed = equations("anchor")
    return Outcome(
        (
            _case("any anchor is called q_*, and γ_b = 0 leaves one with effect", _a2, target=True, background=False),
            checked("letter for letter", [("q_* occurs in A-1", "q_*" in printed["A-1"])]),
        ),
        (checked("A-1 has q_pos, and A-4 sets it", [
            ("q_pos occurs in A-1", "q_pos" in printed["A-1"]),
            ("A-4 gives it the value that A-2 gives to q_*",
             printed["A-4"].split(", q_neg")[0] == printed["A-2"].split(", γ_t")[0].replace("q_*", "q_pos")),
        ]),),
    )


@witness
def modulate_background() -> Outcome:
    """A-3: A-1 then modulates the background alone, by the target's score, and is Eq 2."""
    def eq2(p, q, gamma):
        return -sum(as_printed.eq2_sums(p, q, anchor=target_score(p, q), gamma=gamma))

    return Outcome((
        _case("A-1", _a3, target=False, background=True), agree("Eq 2 with q_* = q_t", _a3, eq2, CLASSES),
    ))


@witness
def modulate_both() -> Outcome:
    """A-4: both, "combining the above cases"."""
    return Outcome((
        _case("A-1", _a4, target=True, background=True),
        agree("the sum of both cases, less the cross entropy counted twice",
              lambda **point: _a2(**point) + _a3(**point) - _a4(**point),
              lambda p, q, gamma: mp.fsum(entropy(*label) for label in zip(p, q, strict=True)), CLASSES),
    ))


@witness
def anchor_of_the_paper() -> Outcome:
    """Appendix A-1: "in the paper, we set the anchor probability to the target class prediction score"."""
    def eq2(margin):
        return lambda p, q, gamma: -sum(as_printed.eq2_sums(
            p, q, anchor=as_printed.margin_anchor(target_score(p, q), margin), gamma=gamma))

    points = [point for point in CLASSES if point["gamma"] != "0"]
    return Outcome(
        (
            agree("the anchor of section 3.1, q_* = q_t", _a3, eq2("0"), points),
            agree("the final anchor of section 3.2, q_* = q_t − δ", _a3, eq2(MARGIN), points),
        ),
        (agree("A-3 with q_neg = q_t − δ is section 3.2's", lambda p, q, gamma: _summed_a1(
            p, q, 0, target_score(p, q) - exact(MARGIN), 0, gamma), eq2(MARGIN), points),),
    )
