"""What a cross-check is made of: what it looks at, what it found, and when that counts as agreement.

A witness is either an error, measured in the size of the terms of the formula and held against a count of roundings,
or a set of scores (distances of simulated means from the exact ones, in standard errors). A check that evaluated
nothing does not agree with anything: it failed.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np
from mpmath import mp, mpf
from scipy import special

__all__ = [
    "DIGITS", "UNIT", "Check", "Comparison", "Context", "Error", "Evidence", "Row", "Scores", "Subjects",
    "error", "judged",
]  # fmt: skip

UNIT = 2.0**-53  # unit roundoff of float64
# Of the derivatives. What cancels most is 1 − q at a gap of 60, which needs 26 of them. At gaps of 1000 and more it is
# below the smallest number of float64, and 0 is as good.
DIGITS = 50
# mpmath's difference quotient doubles the digits it works with and is good to nearly all of DIGITS; ten are left to
# the conditioning of the loss. What is smaller than this is that derivative's own noise, and counts as 0.
_NOISE = 1e-40
_LEAST_SIZE = np.finfo(float).tiny  # below it float64 has fewer digits, down to none
# One false alarm in five million seeds for the largest score of a run, as for `gammaprob.tables`, and as many for the
# sums of squares.
FALSE_ALARM = 2e-7


def _own(module: str, name: str):
    """A field whose default is a function of this package, imported when it is asked for: some of them need torch."""
    return field(default_factory=lambda: getattr(import_module(module), name))


@dataclass(frozen=True)
class Subjects:
    """What is checked: the losses in torch, their closed forms, and the sampler of the simulation.

    Pass a function of your own in the place of one of ours to check it. A loss is called as ours is in
    `gradients.losses`; a closed form is an attribute of `closed_form`, which may be any object that has the functions
    of `gradients.closed_form`; the sampler is called as `gammaprob.monte_carlo.conditional_draws`.
    """

    learning_loss: Callable = _own("gradients.losses", "learning_loss")
    learning_loss_pp: Callable = _own("gradients.losses", "learning_loss_pp")
    anchor_loss: Callable = _own("gradients.losses", "anchor_loss")
    anchor_loss_pose: Callable = _own("gradients.losses", "anchor_loss_pose")
    focal_loss: Callable = _own("gradients.losses", "focal_loss")
    bce_loss: Callable = _own("gradients.losses", "bce_loss")
    closed_form: object = field(default_factory=lambda: import_module("gradients.closed_form"))
    conditional_draws: Callable = _own("gammaprob.monte_carlo", "conditional_draws")


@dataclass(frozen=True)
class Context:
    """What a check is given: the subjects, the seed of the run, the number of draws of one simulated mean, and what to
    call when a row or a mean is done."""

    subjects: Subjects
    seed: int
    draws: int
    advance: Callable[[], object] = lambda: None

    def stream(self, *key) -> list[int]:
        """A seed of its own for each key, so that no row depends on which other rows are run."""
        return [self.seed, zlib.crc32(" ".join(map(str, key)).encode())]


@dataclass(frozen=True)
class Error:
    """The worst error over the points, and the largest that roundings explain."""

    worst: float
    limit: float

    @property
    def agrees(self) -> bool:
        return self.worst <= self.limit  # a NaN does not


@dataclass(frozen=True)
class Scores:
    """Independent scores, each standard normal if the closed form is right.

    The sum of their squares is then chi-square: too large where many means are a little off, too small where the
    scatter of the draws is not what their standard error says.

    >>> Scores((0.5, -2.0)).worst
    -2.0
    >>> round(Scores((0.5, -2.0)).probability, 2)
    0.24
    """

    values: tuple[float, ...]

    @property
    def worst(self) -> float:
        """The score farthest from 0; NaN if one is NaN."""
        return float(self.values[np.argmax(np.abs(self.values))])  # to NumPy a NaN is the largest of all

    @property
    def probability(self) -> float:
        """Of a sum of squares at least as far out, to either side."""
        count, total = len(self.values), math.fsum(value * value for value in self.values)
        below, above = special.chdtr(count, total), special.chdtrc(count, total)
        return float(np.minimum(1.0, 2.0 * np.minimum(below, above)))


@dataclass(frozen=True)
class Evidence:
    """What a check found: the points, each witness that applies, and in words what a subject did that it must not."""

    points: int
    autograd: Error | None = None
    precise: Error | None = None
    scores: Scores | None = None
    broken: str = ""


@dataclass(frozen=True)
class Check:
    """One row before it is run: the equation's name, what of it is looked at, and the function that does; and how many
    means it simulates, each of which advances the run's progress as a row of formulas does."""

    equation: str
    what: str
    evaluate: Callable[[Context], Evidence]
    means: int = 0

    @property
    def steps(self) -> int:
        return self.means or 1

    def run(self, context: Context) -> Evidence:
        """The evidence, with mpmath at `DIGITS` digits meanwhile."""
        with mp.workdps(DIGITS):
            evidence = self.evaluate(context)
        if not self.means:
            context.advance()
        return evidence


@dataclass(frozen=True)
class Row:
    """A check with its evidence, judged among all scores of the run."""

    check: Check
    evidence: Evidence
    largest_score: float
    least_probability: float

    @property
    def score_agrees(self) -> bool:
        return self.evidence.scores is None or abs(self.evidence.scores.worst) <= self.largest_score

    @property
    def sum_agrees(self) -> bool:
        return self.evidence.scores is None or self.evidence.scores.probability >= self.least_probability

    @property
    def agrees(self) -> bool:
        """Whether something was evaluated, and no witness contradicts."""
        evidence = self.evidence
        errors = [witness for witness in (evidence.autograd, evidence.precise) if witness is not None]
        exercised = evidence.points > 0 and bool(errors or evidence.scores)
        sound = exercised and not evidence.broken
        return sound and all(witness.agrees for witness in errors) and self.score_agrees and self.sum_agrees


class Comparison:
    """Collects the errors of a closed form beside autograd and beside the derivatives at 50 digits.

    The limits are the roundings of the closed form alone, and of both sides together.
    """

    def __init__(self, closed_roundings: int, autograd_roundings: int):
        self._limits = (closed_roundings + autograd_roundings) * UNIT, closed_roundings * UNIT
        self._points, self._autograd, self._precise = 0, [], []

    def add(self, closed, autograd, precise, size, *, autograd_size=None, points: int | None = None) -> None:
        """Compare at the points along the first axis; `size` as for `error`, with another one where autograd's terms
        are larger than those of the closed form."""
        self._points += len(precise) if points is None else points
        self._autograd.append(error(closed, autograd, size if autograd_size is None else autograd_size))
        self._precise.append(error(closed, precise, size))

    def add_precise(self, found, truth, size) -> None:
        """Hold something else of the same points, such as the loss itself, against the formula."""
        self._precise.append(error(found, truth, size))

    def evidence(self) -> Evidence:
        """The worst of each witness."""
        worst = (float(np.max(errors)) for errors in (self._autograd, self._precise))
        return Evidence(self._points, *(Error(*pair) for pair in zip(worst, self._limits)))


def judged(checks, evidence) -> tuple[Row, ...]:
    """The rows, each with the limits that follow from how many scores, and how many sums of them, the run has."""
    pairs = list(zip(checks, evidence, strict=True))
    scored = [found.scores for _, found in pairs if found.scores is not None]
    # Two tails for each score, one probability of both tails for each sum. Without any score no limit is looked at.
    largest = -float(special.ndtri(FALSE_ALARM / (2 * max(1, sum(len(scores.values) for scores in scored)))))
    least = FALSE_ALARM / max(1, len(scored))
    return tuple(Row(check, found, largest, least) for check, found in pairs)


def error(found, truth, size) -> float:
    """Largest |found − truth|/size over the entries; the three broadcast, their numbers are floats or mpf.

    `size` is what one rounding of a term of the formula is relative to: the sum of the magnitudes of the terms, each
    times the condition number of what it is computed from. NaN if an entry is.
    """
    found, truth, size = (np.atleast_1d(np.asarray(values, dtype=object)) for values in (found, truth, size))
    size = np.maximum(size, _LEAST_SIZE)
    with np.errstate(all="ignore"):  # a NaN goes through to the end, and is the largest of all there
        worst = float(np.max((np.abs(found - truth * mpf(1)) / size).astype(float)))
    return 0.0 if worst < _NOISE else worst
