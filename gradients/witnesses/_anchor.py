"""Points at which the anchor loss is evaluated, and its truths, written without `as_printed`."""

from __future__ import annotations

from itertools import permutations, product

import sympy
from mpmath import mp, mpf

import gammaprob.witnesses._proof  # noqa: F401  teaches the formulas SymPy's exp and log, which the symbols below need
from gammaprob.as_printed import exact

# On both sides of every anchor; γ = 0 is allowed (section 3.1), 0.5 and 2 are the paper's, 5 is in its Table 7.
SCORES = ("0.05", "0.3", "0.5", "0.7", "0.97")
ANCHORS = ("0.1", "0.5", "0.8")
GAMMAS = ("0", "0.5", "1", "2", "5")
BACKGROUND = tuple(
    {"q": q, "anchor": anchor, "gamma": gamma} for q, anchor, gamma in product(SCORES, ANCHORS, GAMMAS)
)
LABELLED = tuple({"p": p} | point for p, point in product((0, 1), BACKGROUND))
# One target and two background classes: the target's score first of three, in the middle, last.
CLASSES = tuple(
    {"p": (1, 0, 0), "q": q, "gamma": gamma} for q, gamma in product(permutations(("0.2", "0.55", "0.9")), GAMMAS)
)
MARGIN = "0.05"  # δ of section 3.2

Q, ANCHOR, GAMMA = sympy.symbols("q q_star gamma", positive=True)
ZERO, ONE = sympy.S.Zero, sympy.S.One  # labels that keep a formula symbolic


def likelihood(p, q):
    """Of the label p under Bernoulli(q); for a soft label the geometric mean that cross entropy takes."""
    p, q = exact(p), exact(q)
    return q**p * (1 - q) ** (1 - p)


def entropy(p, q):
    """Cross entropy: minus the logarithm of the likelihood."""
    return -mp.log(likelihood(p, q))


def weight(difficulty, gamma):
    """(1 + difficulty)^γ."""
    return mp.exp(exact(gamma) * mp.log1p(difficulty))


def modulated_background(p, q, anchor, gamma):
    """Cross entropy, modulated for a background label alone."""
    return entropy(p, q) * (weight(exact(q) - exact(anchor), gamma) if p == 0 else 1)


def modulated_both(p, q, anchor, gamma):
    """Cross entropy, modulated for both labels with one anchor."""
    gap = exact(q) - exact(anchor)
    return entropy(p, q) * weight(-gap if p else gap, gamma)


def target_score(p, q):
    """Score of the one class with label 1."""
    return exact(q[p.index(1)])


def highest_background(p, q):
    """Largest score of the classes with label 0."""
    return max(exact(score) for label, score in zip(p, q, strict=True) if label == 0)


def gaussian(side: int, centre, sigma) -> dict[tuple[int, int], mpf]:
    """A heatmap of peak 1: pixel -> exp(−d²/(2σ²)), d its distance from the centre."""
    row, column, width = map(exact, (*centre, sigma))
    return {
        (i, j): mp.exp(-((i - row) ** 2 + (j - column) ** 2) / (2 * width**2))
        for i, j in product(range(side), repeat=2)
    }
