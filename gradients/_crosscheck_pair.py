"""Cross-checks of Learning Loss and LearningLoss++ pair by pair: values, gradients, Hessian, minimiser.

The features and the weights have so few bits that float64 adds and multiplies them without rounding, and so the
predicted losses: what is measured are the roundings of the losses themselves. They have more bits than float32 has, and
the true losses all 53, so that a loss that drops to a lower precision shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from mpmath import mp, mpf

from gradients import _crosscheck_formulas as formulas
from gradients._crosscheck_rows import UNIT, Check, Comparison, Context, Error, Evidence, Subjects, error
from gradients._crosscheck_torch import coefficients, leaf, pair_loss

__all__ = ["CHECKS", "DIVERGENCE", "RANKING", "Objective", "Pairs", "derivatives", "drawn_pairs"]

_PAIRS = 100  # random ones; each costs a dozen derivatives at 50 digits
_MARGINS = (1.0, 0.25, 0.0)  # the papers' ξ, a smaller one, and none
# Predicted gap and true losses where a careless form fails: the printed example, ties, a true loss of 0 beside one that
# is not, both 0; true losses that float32 cannot tell apart, from each other or from 0; and gaps, right and wrong ones,
# at which q is 1 in float64, e^d is infinite, and no digit but those of the gap is left.
_CORNERS = (
    (3.0, 2.0, 1.0), (3.0, 1.0, 2.0), (0.5, 1.0, 1.0), (0.0, 0.5, 0.75), (0.75, 0.0, 0.5), (0.75, 0.5, 0.0),
    (-0.5, 0.0, 0.0), (0.5, 1.0 + 2.0**-40, 1.0), (0.5, 1.0, 1.0 + 2.0**-40), (2.0, 2.0**-60, 1.0),
    (2.0, 2.0**-160, 3.0 * 2.0**-160),
    *((gap, true_i, 3.0) for size in (60.0, 1000.0, 1e6) for gap in (size, -size) for true_i in (0.0, 1.0)),
    (60.0, 3.0, 0.0), (1e6, 3.0, 0.0),
)

# Roundings of each side, in units of 2^-53 of the terms' size. p = l_i/(l_i + l_j) costs a sum and a quotient (2), also
# as 1/(1 + l_j/l_i) (3). q costs an exponential (2: a library function good to one unit in the last place), a sum, a
# quotient (4), or a log-softmax and its exponential (7). Then the difference q − p, and the products with the two
# features and their difference (3 more).
_CLOSED = 3 + 4 + 4
_AUTOGRAD = 3 + 7 + 4
# q(1 − q) is two such q and a product; each entry then has two products more.
_CLOSED_HESSIAN, _AUTOGRAD_HESSIAN = 2 * 4 + 4, 2 * 7 + 6
# A value has p (3), log p and log q (2 and 4), and for each of two terms a difference, a product, and the sum.
_VALUE = 3 + 6 + 5


@dataclass(frozen=True)
class Pairs:
    """Pairs of images: features of shape (P, 3), the weights that predict their losses, true losses of shape (P,)."""

    theta_i: np.ndarray
    theta_j: np.ndarray
    w: np.ndarray
    true_i: np.ndarray
    true_j: np.ndarray

    @property
    def gap(self) -> np.ndarray:
        return np.sum((self.theta_i - self.theta_j) * self.w, axis=-1)

    def __getitem__(self, chosen) -> Pairs:
        return Pairs(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def __iter__(self):
        """Of each pair w, θ_i, θ_j, l_i, l_j as Python numbers, in the order in which `formulas` takes them."""
        names = ("w", "theta_i", "theta_j", "true_i", "true_j")
        return zip(*(getattr(self, name).tolist() for name in names), strict=True)


def _longest(vectors: np.ndarray) -> np.ndarray:
    return np.max(np.abs(vectors), axis=-1)


def drawn_pairs(context: Context, name: str) -> Pairs:
    rng = np.random.default_rng(context.stream("pairs", name))
    theta_i, theta_j, w = (2 * rng.integers(-(2**14), 2**14, (3, _PAIRS, 3)) + 1) / 2**14  # none is 0
    true_i, true_j = np.exp(rng.uniform(-6.0, 6.0, (2, _PAIRS)))
    gap, corner_i, corner_j = np.array(_CORNERS).T
    corners = len(_CORNERS)
    return Pairs(  # a corner has the features of the printed example, which differ in the second component by 1
        np.concatenate([theta_i, np.tile([1.0, 2.0, 1.0], (corners, 1))]),
        np.concatenate([theta_j, np.tile([1.0, 1.0, 1.0], (corners, 1))]),
        np.concatenate([w, gap[:, None] * [0.0, 1.0, 0.0] + [0.5, 0.0, -0.5]]),
        np.concatenate([true_i, corner_i]), np.concatenate([true_j, corner_j]),
    )


@dataclass(frozen=True)
class Objective:
    """One of the two objectives: its names in `Subjects`, its formula, its options, the sizes of the terms of its
    coefficient and of its value at a gap and two true losses, and the roundings of each."""

    loss: str
    closed: str
    coefficient: str
    formula: Callable
    options: tuple[dict, ...]
    terms: Callable
    value_terms: Callable
    closed_roundings: int
    autograd_roundings: int
    value_roundings: int

    def comparison(self) -> Comparison:
        return Comparison(self.closed_roundings, self.autograd_roundings)

    def size(self, pairs: Pairs, part: str) -> np.ndarray:
        """The size of the terms of each pair's gradient with respect to w, θ_i or θ_j.

        The derivatives in l̂_i and in l̂_j are rounded each by itself, and ∇_w adds them up, times the features: that
        of image j is opposite to that of image i, but not more accurate where p_j and q_j are near 1.
        """
        first = self.terms(pairs.gap, pairs.true_i, pairs.true_j)
        second = self.terms(-pairs.gap, pairs.true_j, pairs.true_i)
        if part == "w":
            return first * _longest(pairs.theta_i) + second * _longest(pairs.theta_j)
        return (first if part == "theta_i" else second) * _longest(pairs.w)

    def value_size(self, pairs: Pairs) -> np.ndarray:
        """The size of the terms of each pair's value."""
        return self.value_terms(pairs.gap, pairs.true_i, pairs.true_j)

    def settings(self, pairs: Pairs):
        """(options, pairs) for each setting of the options; without pairs on a kink, which has no derivative."""
        for options in self.options:
            margin = options.get("margin")
            yield options, pairs if margin is None else pairs[np.abs(pairs.gap) != margin]


def _terms_of_divergence(gap, true_i, true_j) -> np.ndarray:
    """q(1 + |log q|) + p: both terms of q − p; q may be reached through log q, whose rounding is relative to log q."""
    return _through_logarithm(gap) + _share(true_i, true_j)


def _through_logarithm(gap) -> np.ndarray:
    log_q = -np.logaddexp(0.0, -gap)
    return np.exp(log_q) * (1.0 - log_q)


def _share(true_i, true_j) -> np.ndarray:
    total = true_i + true_j
    return np.where(total > 0.0, true_i / np.where(total > 0.0, total, 1.0), 0.5)


def _terms_of_value(gap, true_i, true_j) -> np.ndarray:
    """A term p(log p − log q) is as large as p(1 + |log p| + |log q|) to a rounding: p itself is rounded, and so are
    both logarithms."""
    size = 0.0
    for d, own, other in ((gap, true_i, true_j), (-gap, true_j, true_i)):
        p = _share(own, other)
        size = size + p * (1.0 - np.log(np.where(p > 0.0, p, 1.0)) + np.logaddexp(0.0, -d))
    return size


# Learning Loss: its gradients are features or weights with a sign, and all of its arithmetic is exact here: a maximum,
# a sum and a product of numbers with few bits.
RANKING = Objective(
    "learning_loss", "learning_loss_gradient", "ranking_coefficient", formulas.ranking,
    tuple({"margin": margin} for margin in _MARGINS),
    lambda gap, true_i, true_j: np.ones_like(gap), lambda gap, true_i, true_j: np.abs(gap) + max(_MARGINS), 0, 0, 0,
)
DIVERGENCE = Objective(
    "learning_loss_pp", "learning_loss_pp_gradient", "kl_coefficient", formulas.divergence, ({},),
    _terms_of_divergence, _terms_of_value, _CLOSED, _AUTOGRAD, _VALUE,
)


def _autograd(subjects: Subjects, objective: Objective, pairs: Pairs, options: dict, part: str) -> np.ndarray:
    inputs = {name: leaf(getattr(pairs, name)) for name in ("theta_i", "theta_j", "w")}
    loss = getattr(subjects, objective.loss)
    pair_loss(loss, **inputs, true_i=pairs.true_i, true_j=pairs.true_j, **options).backward()
    return inputs[part].grad.numpy()


def derivatives(objective: Objective, pairs: Pairs, options: dict, part: str) -> list[list]:
    """At 50 digits, the gradient of each pair's loss with respect to w, θ_i or θ_j."""
    position = ("w", "theta_i", "theta_j").index(part)
    found = []
    for arguments in pairs:
        def loss(vector, arguments=arguments):
            return objective.formula(*arguments[:position], vector, *arguments[position + 1:], **options)

        found.append(formulas.gradient(loss, arguments[position]))
    return found


def _gradient(objective: Objective, part: str, context: Context) -> Evidence:
    """Eqs. 2 and 4: the gradient of every pair with respect to w, θ_i or θ_j."""
    closed_form = getattr(context.subjects.closed_form, objective.closed)
    comparison = objective.comparison()
    for options, pairs in objective.settings(drawn_pairs(context, part)):
        closed = closed_form(pairs.theta_i, pairs.theta_j, pairs.w, pairs.true_i, pairs.true_j, **options)
        comparison.add(
            getattr(closed, part), _autograd(context.subjects, objective, pairs, options, part),
            derivatives(objective, pairs, options, part), objective.size(pairs, part)[:, None],
        )
    return comparison.evidence()


def _value(objective: Objective, context: Context) -> Evidence:
    """Eqs. 1 and 3: torch against the formula."""
    pairs, errors = drawn_pairs(context, "value"), []
    for options in objective.options:
        values = pair_loss(
            getattr(context.subjects, objective.loss), pairs.theta_i, pairs.theta_j, pairs.w, pairs.true_i,
            pairs.true_j, reduction="none", **options,
        ).numpy()
        truth = [objective.formula(*pair, **options) for pair in pairs]
        errors.append(error(values, truth, objective.value_size(pairs)))
    worst = Error(float(np.max(errors)), objective.value_roundings * UNIT)
    return Evidence(len(pairs.gap) * len(errors), precise=worst)


def _targets(context: Context) -> Evidence:
    """p_i and q_i against the formula; their difference is also autograd's derivative in the predicted gap."""
    pairs, closed_form = drawn_pairs(context, "targets"), context.subjects.closed_form
    losses = list(zip(pairs.true_i.tolist(), pairs.true_j.tolist(), strict=True))
    comparison = DIVERGENCE.comparison()
    comparison.add(
        closed_form.kl_coefficient(pairs.gap, pairs.true_i, pairs.true_j),
        coefficients(context.subjects.learning_loss_pp, pairs.gap, pairs.true_i, pairs.true_j),
        [mp.diff(lambda d, own=own, other=other: formulas.binary_divergence(d, mpf(0), own, other), gap)
         for gap, (own, other) in zip(pairs.gap.tolist(), losses, strict=True)],
        DIVERGENCE.terms(pairs.gap, pairs.true_i, pairs.true_j),
    )
    comparison.add_precise(
        closed_form.true_target(pairs.true_i, pairs.true_j), [formulas.share(*pair) for pair in losses],
        _share(pairs.true_i, pairs.true_j),
    )
    comparison.add_precise(
        closed_form.predicted_target(pairs.gap), [formulas.sigmoid(mpf(gap)) for gap in pairs.gap.tolist()],
        _through_logarithm(pairs.gap),
    )
    return comparison.evidence()


def _unfactored(context: Context) -> Evidence:
    """Supplementary Eq. 8, whose four terms are not yet gathered."""
    pairs = drawn_pairs(context, "unfactored")
    comparison = DIVERGENCE.comparison()
    comparison.add(
        context.subjects.closed_form.unfactored_gradient(
            pairs.theta_i, pairs.theta_j, pairs.w, pairs.true_i, pairs.true_j,
        ),
        _autograd(context.subjects, DIVERGENCE, pairs, {}, "w"), derivatives(DIVERGENCE, pairs, {}, "w"),
        DIVERGENCE.size(pairs, "w")[:, None],
    )
    return comparison.evidence()


def _hessians(loss, pairs: Pairs) -> np.ndarray:
    """Double backward through the torch loss: shape (P, 3, 3)."""
    w = leaf(pairs.w)
    value = pair_loss(loss, pairs.theta_i, pairs.theta_j, w, pairs.true_i, pairs.true_j)
    first, = torch.autograd.grad(value, w, create_graph=True)
    rows = [torch.autograd.grad(first[:, k].sum(), w, retain_graph=True)[0] for k in range(w.shape[1])]
    return torch.stack(rows, dim=1).numpy()


def _size_of_hessian(pairs: Pairs) -> np.ndarray:
    """Of its terms: as for the gradients, q of each image by itself, times its features and those of both."""
    features_i, features_j = _longest(pairs.theta_i), _longest(pairs.theta_j)
    once = _through_logarithm(pairs.gap) * features_i + _through_logarithm(-pairs.gap) * features_j
    return once * (features_i + features_j)


def _second_derivatives(pairs: Pairs) -> list:
    return [
        formulas.hessian(lambda vector, rest=rest: formulas.divergence(vector, *rest), w) for w, *rest in pairs
    ]


def _hessian(context: Context) -> Evidence:
    """q(1 − q)(θ_i − θ_j)(θ_i − θ_j)ᵀ."""
    pairs = drawn_pairs(context, "hessian")
    comparison = Comparison(_CLOSED_HESSIAN, _AUTOGRAD_HESSIAN)
    comparison.add(
        context.subjects.closed_form.learning_loss_pp_hessian(pairs.theta_i, pairs.theta_j, pairs.w),
        _hessians(context.subjects.learning_loss_pp, pairs), _second_derivatives(pairs),
        _size_of_hessian(pairs)[:, None, None],
    )
    return comparison.evidence()


def _lipschitz(context: Context) -> Evidence:
    """‖θ_i − θ_j‖²/4: the norm of the Hessian where q = ½, and exceeded nowhere.

    The Hessian has rank one, so that the root of the sum of its squares is its only eigenvalue.
    """
    elsewhere = drawn_pairs(context, "lipschitz")
    across = np.cross(elsewhere.theta_i - elsewhere.theta_j, [1.0, -2.0, 0.5])  # w at right angles: a gap of 0
    steepest = replace(elsewhere, w=across)
    bound = context.subjects.closed_form.gradient_lipschitz(elsewhere.theta_i, elsewhere.theta_j)
    loss = context.subjects.learning_loss_pp
    norms, largest = (np.linalg.norm(_hessians(loss, pairs), axis=(1, 2)) for pairs in (elsewhere, steepest))
    truth = [mp.sqrt(mp.fsum(x * x for row in rows for x in row)) for rows in _second_derivatives(steepest)]
    size = (_longest(elsewhere.theta_i) + _longest(elsewhere.theta_j)) ** 2
    comparison = Comparison(_CLOSED, _AUTOGRAD_HESSIAN + 9 + 1)  # nine squares added, and a root
    comparison.add(bound, largest, truth, size)
    comparison.add(bound, np.maximum(norms, bound), truth, size, points=0)  # of the same pairs
    return comparison.evidence()


def _minimiser(context: Context) -> Evidence:
    """log(l_i/l_j): autograd's derivative vanishes there, and it is the root of the derivative at 50 digits.

    A rounding of the gap d moves q by q(1 − q)|d| 2^-53, which stands beside the roundings of q and p.
    """
    pairs = drawn_pairs(context, "minimiser")
    pairs = pairs[(pairs.true_i > 0.0) & (pairs.true_j > 0.0)]
    gap = context.subjects.closed_form.minimising_gap(pairs.true_i, pairs.true_j)
    slope = coefficients(context.subjects.learning_loss_pp, gap, pairs.true_i, pairs.true_j)
    near, p = np.log(pairs.true_i / pairs.true_j), _share(pairs.true_i, pairs.true_j)
    roots = [
        mp.findroot(lambda d, own=own, other=other: mp.diff(
            lambda lhat: formulas.binary_divergence(lhat, mpf(0), own, other), d), start)
        for start, own, other in zip(near.tolist(), pairs.true_i.tolist(), pairs.true_j.tolist(), strict=True)
    ]
    # The closed form is a quotient and a logarithm, or two logarithms and their difference: three roundings.
    logarithms = 1.0 + np.abs(np.log(pairs.true_i)) + np.abs(np.log(pairs.true_j))
    steps = _terms_of_divergence(near, pairs.true_i, pairs.true_j) + p * (1.0 - p) * np.abs(near)
    return Evidence(
        len(gap), Error(error(slope, 0.0, steps), (_AUTOGRAD + 3) * UNIT),
        Error(error(gap, roots, logarithms), 3 * UNIT),
    )


def _disagreement(context: Context) -> Evidence:
    """Inside the interval of gaps the two derivatives have opposite signs, outside they do not: both by autograd.

    Looked at from 2^-20 beside the two places where one of the derivatives vanishes, log(l_i/l_j) and ±ξ, which is far
    more than those are rounded, and half way between. The error is the share of gaps that fail, so none may.
    """
    pairs = drawn_pairs(context, "disagreement")
    pairs = pairs[(pairs.true_i > 0.0) & (pairs.true_j > 0.0)]
    true_i, true_j = pairs.true_i, pairs.true_j
    missed = []
    for margin in _MARGINS:
        lower, upper = context.subjects.closed_form.disagreement_interval(true_i, true_j, margin=margin)
        minimiser, kink = np.log(true_i / true_j), np.sign(true_i - true_j) * margin
        beside = [end + side for end in (minimiser, kink) for side in (-(2.0**-20), 2.0**-20)]
        for gap in [*beside, (minimiser + kink) / 2.0]:
            ranking = coefficients(context.subjects.learning_loss, gap, true_i, true_j, margin=margin)
            divergence = coefficients(context.subjects.learning_loss_pp, gap, true_i, true_j)
            missed += [(ranking * divergence < 0.0) != ((lower < gap) & (gap < upper))]
    return Evidence(int(np.size(missed)), Error(float(np.mean(missed)), 0.0))


CHECKS = (
    Check("LL 1", "value", partial(_value, RANKING)),
    Check("LL 2a", "gradient in w", partial(_gradient, RANKING, "w")),
    Check("LL 2b", "gradient in θ_i", partial(_gradient, RANKING, "theta_i")),
    Check("LL 2b", "gradient in θ_j", partial(_gradient, RANKING, "theta_j")),
    Check("LL++ p, q", "targets, and q_i − p_i", _targets),
    Check("LL++ 3", "value", partial(_value, DIVERGENCE)),
    Check("LL++ 4a", "gradient in w", partial(_gradient, DIVERGENCE, "w")),
    # ERRATUM: LL-EQ4B, printed once for both images; with respect to θ_j it has the other sign.
    Check("LL++ 4b", "gradient in θ_i", partial(_gradient, DIVERGENCE, "theta_i")),
    Check("LL++ 4b", "gradient in θ_j, −w", partial(_gradient, DIVERGENCE, "theta_j")),
    Check("LL++ S8", "unfactored gradient in w", _unfactored),
    Check("LL++ Hessian", "second derivatives in w", _hessian),
    Check("LL++ Lipschitz", "‖θ_i−θ_j‖²/4", _lipschitz),
    Check("LL++ minimiser", "log(l_i/l_j)", _minimiser),
    Check("LL, LL++ signs", "where the two oppose", _disagreement),
)
