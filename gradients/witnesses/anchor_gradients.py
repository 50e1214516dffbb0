"""Witnesses on section 3.5 of the anchor loss paper: its gradient beside those of cross entropy and focal loss."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product

import sympy
from mpmath import mp

from gammaprob.as_printed import exact
from gammaprob.witnesses._compare import checked, equal, witness
from gradients import as_printed
from gradients.witnesses._anchor import GAMMA, ONE, ZERO, Q
from paper_tables.outcome import Outcome, Reading
from paper_tables.published import captions

_SCORES = tuple(Fraction(n, 20) for n in range(1, 20))
_ANCHORS = tuple(Fraction(n, 10) for n in (1, 3, 5, 7, 9))
_GAMMAS = ("0.5", "1", "2", "5")


def _slope_ratio(label) -> Callable:
    """The derivative of focal loss over that of cross entropy, by SymPy.

    With respect to q; the ratio with respect to its logit is the same, as both derivatives gain the factor q (1 − q).
    """
    focal, plain = as_printed.eq7_focal_loss(label, Q, gamma=GAMMA), as_printed.eq6_cross_entropy(label, Q)
    return sympy.lambdify((Q, GAMMA), sympy.diff(focal, Q) / sympy.diff(plain, Q), "mpmath")


def _anchor_excess(q, anchor, gamma):
    """The gradient of Eq 14 over that of cross entropy, less 1."""
    return as_printed.eq14_gradient(q, anchor=anchor, gamma=gamma) * (1 - exact(q)) - 1


def _crossing(excess, lower, upper):
    """Where the excess changes its sign between two scores; the upper one if it does not."""
    lower, upper = exact(lower), exact(upper)
    if mp.sign(excess(lower)) == mp.sign(excess(upper)):
        return upper
    return mp.findroot(excess, (lower, upper), solver="anderson")


def _cases(true, points) -> list[tuple[str, bool]]:
    """The predicate (q, anchor, γ) at the points, as cases."""
    return [
        (f"q={q if isinstance(q, Fraction) else mp.nstr(q, 4)}, q_*={anchor}, γ={gamma}", bool(true(q, anchor, gamma)))
        for q, anchor, gamma in points
    ]


def _points(kept=lambda q, anchor: True) -> list[tuple]:
    """All (q, anchor, γ) of the grid with the score where it is wanted."""
    return [point for point in product(_SCORES, _ANCHORS, _GAMMAS) if kept(*point[:2])]


# Focal loss


def _suppressed(name: str, ratio: Callable) -> Reading:
    """Is the gradient of focal loss less than that of cross entropy at every score?"""
    return checked(name, [
        (f"q={q}, γ={gamma}", bool(abs(ratio(exact(q), exact(gamma))) < 1)) for gamma, q in product(_GAMMAS, _SCORES)
    ])


@witness
def focal_gradient_suppressed() -> Outcome:
    """After Eq 14: compared to cross entropy, the gradient values of focal loss are suppressed for all ranges."""
    background, target = map(_slope_ratio, (ZERO, ONE))
    last = 1 - Fraction(1, 10**6)
    crossings = {
        gamma: _crossing(lambda q, gamma=exact(gamma): background(q, gamma) - 1, _SCORES[0], last)
        for gamma in _GAMMAS
    }
    return Outcome(
        (
            _suppressed("of a background label, to which section 3.5 keeps", background),
            _suppressed("of a target label", target),
        ),
        (
            checked("suppressed below a score that lies above ½, larger above it, background label", [
                (f"q={q}, γ={gamma}, crossing at {mp.nstr(at, 4)}",
                 at > mp.mpf(1) / 2 and (background(exact(q), exact(gamma)) < 1) == (exact(q) < at))
                for gamma, at in crossings.items() for q in (*_SCORES, last)
            ]),
            checked("at 1 − 1/e for γ = 1", [("γ=1", equal(crossings["1"], 1 - mp.exp(-1)))]),
            checked("at 0.579 for γ = 0.5, at 0.702 for γ = 2", [
                (f"γ={gamma}", mp.nstr(crossings[gamma], 3) == digits)
                for gamma, digits in (("0.5", "0.579"), ("2", "0.702"))
            ]),
            checked("mirrored for a target label", [
                (f"q={q}, γ={gamma}", equal(background(exact(q), exact(gamma)), target(exact(1 - q), exact(gamma))))
                for gamma, q in product(_GAMMAS, _SCORES)
            ]),
        ),
    )


# Anchor loss


def _larger(q, anchor, gamma):
    return _anchor_excess(q, anchor, gamma) > 0


def _smaller(q, anchor, gamma):
    return _anchor_excess(q, anchor, gamma) < 0


def _loss_excess(q, anchor, gamma):
    """Eq 13 less cross entropy."""
    return as_printed.eq13_loss(q, anchor=anchor, gamma=gamma) + mp.log(1 - exact(q))


@witness
def gradient_above_the_anchor() -> Outcome:
    """After Eq 14, and Fig. 4: a larger gradient than cross entropy's where q > q_*."""
    above = _points(lambda q, anchor: q > anchor)
    return Outcome((checked("larger at every q > q_*", _cases(_larger, above)),))


@witness
def gradient_below_the_anchor() -> Outcome:
    """After Eq 14: "and vice versa", smaller gradient values where the prediction is lower than the anchor."""
    crossings = {
        (anchor, gamma): _crossing(
            lambda q, anchor=anchor, gamma=gamma: _anchor_excess(q, anchor, gamma), Fraction(1, 10**6), anchor)
        for anchor, gamma in product(_ANCHORS, _GAMMAS)
    }
    below = _points(lambda q, anchor: q < anchor)
    # Half way between the crossing and the anchor, lest the grid miss what lies between them.
    between = [
        ((at + exact(anchor)) / 2, anchor, gamma) for (anchor, gamma), at in crossings.items()
        if not equal(at, exact(anchor))
    ]
    return Outcome(
        (
            checked("smaller wherever q < q_*", _cases(_smaller, below + between)),
            checked("larger only where q > q_*", _cases(lambda *point: not _larger(*point), below + between)),
        ),
        (
            checked("smaller exactly below a score that lies below q_*", _cases(
                lambda q, anchor, gamma: _smaller(q, anchor, gamma) == (exact(q) < crossings[anchor, gamma])
                and 0 < crossings[anchor, gamma] < exact(anchor), _points() + between,
            )),
            checked("at 0.260 for γ = 0.5, 0.287 for γ = 2, where q_* = 0.5", [
                (f"γ={gamma}", mp.nstr(crossings[Fraction(1, 2), gamma], 3, strip_zeros=False) == digits)
                for gamma, digits in (("0.5", "0.260"), ("2", "0.287"))
            ]),
            checked("at q = q_* larger by −γ log(1 − q_*)", _cases(
                lambda q, anchor, gamma: equal(
                    as_printed.eq14_gradient(q, anchor=anchor, gamma=gamma),
                    1 / (1 - exact(anchor)) - exact(gamma) * mp.log(1 - exact(anchor)),
                ), _points(lambda q, anchor: q == anchor),
            )),
            checked("the loss, not its gradient, turns at q_*", _cases(
                lambda q, anchor, gamma: mp.sign(_loss_excess(q, anchor, gamma)) == mp.sign(q - anchor),
                _points(lambda q, anchor: q != anchor),
            )),
        ),
    )


@witness
def informative_samples() -> Outcome:
    """Easy case: the loss is suppressed, "and thus rules out less informative samples when updating the model"."""
    def gradient(q, anchor, gamma):
        return as_printed.eq14_gradient(q, anchor=anchor, gamma=gamma)

    easy = _points(lambda q, anchor: q < anchor)
    far = [(anchor / 100, anchor, gamma) for anchor, gamma in product(_ANCHORS, _GAMMAS)]
    return Outcome(
        (
            checked("their loss weighs less", _cases(lambda *point: _loss_excess(*point) < 0, easy)),
            checked("their gradient, which updates the model, weighs less", _cases(_smaller, easy)),
            checked("they are left out", _cases(lambda *point: gradient(*point) == 0, easy)),
        ),
        (
            checked("none of their gradients vanishes", _cases(lambda *point: gradient(*point) > 0, easy)),
            checked("far enough below the anchor they weigh less", _cases(_smaller, far)),
        ),
    )


@witness
def gradient_figure() -> Outcome:
    """After Eq 14: "Figure A-1 shows the gradient of our loss function, focal loss, and cross entropy"."""
    texts = captions("anchor")

    def of_gradients(number):
        return [(f"caption of Fig. {number}", "gradient" in texts[number].lower())]

    return Outcome(
        (checked("its caption speaks of a gradient", of_gradients("A-1")),),
        (checked("that of Fig. 4 does", of_gradients("4")),),
    )
