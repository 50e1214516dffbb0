"""Closed forms of one pair of images: the gradients of Learning Loss (LL) and LearningLoss++ (LL++), and beyond.

Letters: l true loss, l̂ = θ·w predicted loss, θ features, w weights, d = l̂_i − l̂_j = (θ_i − θ_j)·w their gap,
q_i = σ(d), p_i = l_i/(l_i + l_j), ξ margin. Both objectives depend on w and θ through d alone, so that each has one
coefficient c = ∂L/∂d, and ∇_w L = c (θ_i − θ_j), ∇_θi L = c w, ∇_θj L = −c w.

Scalars and arrays broadcast; vectors lie on the last axis. A scalar outside its domain raises `DomainError`, an array
element gives NaN; anything that is no real number raises `ArgumentError`, shapes that do not fit `BroadcastError`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from gammaprob.errors import BroadcastError
from gradients.closed_form._arguments import GAP, MARGIN, TRUE_LOSS, feature_vectors, numbers

__all__ = [
    "GapInterval", "PairGradient", "disagreement_interval", "gradient_lipschitz", "kl_coefficient",
    "learning_loss_gradient", "learning_loss_pp_gradient", "learning_loss_pp_hessian", "minimising_gap",
    "predicted_target", "ranking_coefficient", "true_target", "unfactored_gradient",
]  # fmt: skip


class PairGradient(NamedTuple):
    """Gradients of one pair's objective with respect to w, θ_i and θ_j; vectors on the last axis."""

    w: np.ndarray
    theta_i: np.ndarray
    theta_j: np.ndarray


class GapInterval(NamedTuple):
    """An open interval of predicted gaps; both ends NaN where it is empty."""

    lower: np.ndarray
    upper: np.ndarray


# --- targets and coefficients ----------------------------------------------------------------------------------------

def true_target(true_i, true_j):
    """p_i = l_i/(l_i + l_j): the probability with which the true losses would sample image i of the two.

    Two true losses of 0 are a tie: ½. Computed from the ratio of the smaller to the larger loss, so that losses of
    1e308 do not overflow and tiny ones keep their digits. Each of l_i, l_j is finite and ≥ 0.

    Source: paper, Section 4.1, before Eq. 3. Errors: `DomainError`, `ArgumentError`, `BroadcastError` (see the module).

    >>> from gradients.closed_form import true_target
    >>> true_target([3.0, 0.0, 0.0, 1e308], [1.0, 2.0, 0.0, 1e308]).tolist()
    [0.75, 0.0, 0.5, 0.5]
    """
    true_i, true_j = numbers(("true_i", true_i, TRUE_LOSS), ("true_j", true_j, TRUE_LOSS))
    return _share(true_i, true_j)[()]


def predicted_target(gap):
    """q_i = σ(d) = e^l̂_i/(e^l̂_i + e^l̂_j): the probability with which the predicted losses would sample image i.

    Any real d, ±∞ included; 1 − q_i without cancellation is `predicted_target(-gap)`. NaN gives NaN.

    Source: paper, Section 4.1, before Eq. 3. Errors: `ArgumentError`.

    >>> from gradients.closed_form import predicted_target
    >>> predicted_target([0.0, 3.0, -1e6, 1e6]).round(6).tolist()
    [0.5, 0.952574, 0.0, 1.0]
    """
    (gap,) = numbers(("gap", gap, GAP))
    return expit(gap)[()]


def ranking_coefficient(gap, true_i, true_j, *, margin=1.0):
    """The coefficient c of Learning Loss: −s while s d < ξ, else 0, with s = sign(l_i − l_j).

    So c is in {−1, 0, 1}, whatever the losses and however close they are. Conventions: 0 at a tie, where Eq. 1's
    sign is 0 and its loss the constant ξ; 0 at the kink s d = ξ. ξ is finite and ≥ 0.

    Source: paper Eq. 1 and 2. Errors: `DomainError`, `ArgumentError`, `BroadcastError` (see the module).

    >>> from gradients.closed_form import ranking_coefficient
    >>> ranking_coefficient([3.0, 3.0, 3.0], [0.2, 0.1, 0.1], [0.1, 0.2, 0.1]).tolist()
    [0.0, 1.0, 0.0]
    """
    gap, true_i, true_j, margin = numbers(
        ("gap", gap, GAP), ("true_i", true_i, TRUE_LOSS), ("true_j", true_j, TRUE_LOSS), ("margin", margin, MARGIN),
    )
    return _ranking(gap, true_i, true_j, margin)[()]


def kl_coefficient(gap, true_i, true_j):
    """The coefficient c = q_i − p_i of LearningLoss++, from −1 to 1.

    Computed as q_i p_j − q_j p_i with q_j = σ(−d) and p_j = l_j/(l_i + l_j): where both probabilities are tiny, or both
    near 1, the difference keeps its digits; the error is at most 10ε (q_i p_j + q_j p_i), ε = 2⁻⁵³.

    Source: paper Eq. 3 and 4. Errors: `DomainError`, `ArgumentError`, `BroadcastError` (see the module).

    >>> from gradients.closed_form import kl_coefficient
    >>> print(f"{kl_coefficient(3.0, 0.1, 0.2):.6f}")
    0.619241
    >>> print(f"{kl_coefficient(50.0, 1.0, 0.0):.6e}")
    -1.928750e-22
    """
    gap, true_i, true_j = numbers(
        ("gap", gap, GAP), ("true_i", true_i, TRUE_LOSS), ("true_j", true_j, TRUE_LOSS),
    )
    return _kl(gap, true_i, true_j)[()]


def _share(first, second):
    """first/(first + second) for numbers >= 0, ½ when both are 0."""
    with np.errstate(all="ignore"):
        ratio = np.minimum(first, second) / np.maximum(first, second)
        ratio = np.where(first == second, 1.0, ratio)
        return np.where(first < second, ratio, 1.0) / (1.0 + ratio)


def _ranking(gap, true_i, true_j, margin):
    sign = np.sign(true_i - true_j)
    with np.errstate(invalid="ignore"):  # 0 times an infinite gap, at a tie: not below the margin, so 0
        coefficient = np.where(sign * gap < margin, 0.0 - sign, 0.0)
    return np.where(np.isnan(gap) | np.isnan(sign) | np.isnan(margin), np.nan, coefficient)


def _kl(gap, true_i, true_j):
    return expit(gap) * _share(true_j, true_i) - expit(-gap) * _share(true_i, true_j)


# --- gradients -------------------------------------------------------------------------------------------------------

def learning_loss_gradient(theta_i, theta_j, w, true_i, true_j, *, margin=1.0):
    """Gradients of Learning Loss, max(0, −sign(l_i − l_j) d + ξ): ∇_w ∈ {0, ±(θ_i − θ_j)}, ∇_θ ∈ {0, ±w}.

    Parameters
    ----------
    theta_i, theta_j, w : array_like, shape (…, n)
        Features of the two images and the weights of the last layer; the gap is d = (θ_i − θ_j)·w.
    true_i, true_j, margin : array_like, shape B
        True losses and margin ξ, finite and ≥ 0; B broadcasts against the leading axes of the vectors.

    Returns
    -------
    PairGradient of arrays of shape (broadcast of all leading axes) + (n,)

    Source: paper Eq. 2a and 2b, which leave the sign of ∇_θ open: it is c w for θ_i and −c w for θ_j, with c of
    `ranking_coefficient` and its conventions at ties and at the kink. Errors: `DomainError`, `ArgumentError`,
    `BroadcastError` (see the module).

    The paper's example, with l_i < l_j (Section 4.1):

    >>> from gradients.closed_form import learning_loss_gradient
    >>> gradient = learning_loss_gradient([1, 2, 1], [1, 1, 1], [0, 3, 0], true_i=0.1, true_j=0.2)
    >>> gradient.w.tolist(), gradient.theta_i.tolist()
    ([0.0, 1.0, 0.0], [0.0, 3.0, 0.0])
    """
    triples = ("true_i", true_i, TRUE_LOSS), ("true_j", true_j, TRUE_LOSS), ("margin", margin, MARGIN)
    return _gradients(_ranking, *_pair(theta_i, theta_j, w, *triples))


def learning_loss_pp_gradient(theta_i, theta_j, w, true_i, true_j):
    """Gradients of LearningLoss++, KL(p‖q): ∇_w = (q_i − p_i)(θ_i − θ_j), ∇_θi = (q_i − p_i) w = −∇_θj.

    Arguments, shapes and result as for `learning_loss_gradient`, without the margin; the coefficient is that of
    `kl_coefficient`.

    Source: paper Eq. 4a and 4b, supplementary Eq. 9; Eq. 4b is the gradient for θ_i, that for θ_j has the other sign.
    Errors: `DomainError`, `ArgumentError`, `BroadcastError` (see the module).

    >>> from gradients.closed_form import learning_loss_pp_gradient
    >>> gradient = learning_loss_pp_gradient([1, 2, 1], [1, 1, 1], [0, 3, 0], true_i=0.1, true_j=0.2)
    >>> gradient.w.round(6).tolist(), gradient.theta_j.round(6).tolist()
    ([0.0, 0.619241, 0.0], [-0.0, -1.857722, -0.0])
    """
    triples = ("true_i", true_i, TRUE_LOSS), ("true_j", true_j, TRUE_LOSS)
    return _gradients(_kl, *_pair(theta_i, theta_j, w, *triples))


def unfactored_gradient(theta_i, theta_j, w, true_i, true_j):
    """∇_w of LearningLoss++ as the derivation leaves it before it is factored: −p_i θ_i − p_j θ_j + q_i θ_i + q_j θ_j.

    Equal to `learning_loss_pp_gradient(...).w` since p_i + p_j = q_i + q_j = 1, but for the rounding of features that
    are large beside their difference. Arguments as there; returns one array of shape (leading axes) + (n,).

    Source: supplementary Eq. 8. Errors: `DomainError`, `ArgumentError`, `BroadcastError` (see the module).

    >>> from gradients.closed_form import unfactored_gradient
    >>> unfactored_gradient([1, 2, 1], [1, 1, 1], [0, 3, 0], true_i=0.1, true_j=0.2).round(6).tolist()
    [0.0, 0.619241, 0.0]
    """
    triples = ("true_i", true_i, TRUE_LOSS), ("true_j", true_j, TRUE_LOSS)
    (theta_i, theta_j, _), gap, (true_i, true_j) = _pair(theta_i, theta_j, w, *triples)
    p_i, p_j, q_i, q_j = (
        probability[..., None]
        for probability in (_share(true_i, true_j), _share(true_j, true_i), expit(gap), expit(-gap))
    )
    return -p_i * theta_i - p_j * theta_j + q_i * theta_i + q_j * theta_j


def _pair(theta_i, theta_j, w, *triples):
    """The three vectors, the predicted gap, and the numbers of one pair, checked to broadcast."""
    vectors = feature_vectors(("theta_i", theta_i), ("theta_j", theta_j), ("w", w))
    gap = _gap(*vectors)
    values = numbers(*triples)
    try:
        np.broadcast_shapes(gap.shape, *(value.shape for value in values))
    except ValueError:
        shapes = ", ".join(f"{name} {value.shape}" for (name, _, _), value in zip(triples, values))
        raise BroadcastError(
            triples[0][0], values[0].shape, f"shapes that broadcast with the pairs of vectors {gap.shape}",
            f"align {shapes} with the leading axes of the vectors",
        ) from None
    return vectors, gap, values


def _gap(theta_i, theta_j, w):
    """d = (θ_i − θ_j)·w: the difference first, which is exact where the features are close."""
    with np.errstate(all="ignore"):
        return np.sum((theta_i - theta_j) * w, axis=-1)


def _gradients(coefficient, vectors, gap, values) -> PairGradient:
    theta_i, theta_j, w = vectors
    with np.errstate(all="ignore"):
        c = coefficient(gap, *values)[..., None]
        return PairGradient(c * (theta_i - theta_j), c * w, -c * w)


# --- what the papers leave out ---------------------------------------------------------------------------------------

def learning_loss_pp_hessian(theta_i, theta_j, w):
    """Hessian of LearningLoss++ with respect to w: q_i q_j (θ_i − θ_j)(θ_i − θ_j)ᵀ, shape (…, n, n).

    The derivative of Eq. 4a: p_i does not depend on w, and σ' = σ(1 − σ). It has one eigenvalue q_i q_j ‖θ_i − θ_j‖²,
    with eigenvector θ_i − θ_j, and n − 1 zeros: the objective is convex in w, at fixed features. It is strictly convex
    along θ_i − θ_j and flat across it, the same for every true loss. (In w and θ together it is not convex.)

    θ_i, θ_j, w as for `learning_loss_gradient`. Source: derived here from paper Eq. 4a. Errors: `ArgumentError`,
    `BroadcastError` (see the module).

    >>> from gradients.closed_form import learning_loss_pp_hessian
    >>> learning_loss_pp_hessian([2.0, 0.0], [0.0, 1.0], [0.0, 0.0]).tolist()
    [[1.0, -0.5], [-0.5, 0.25]]
    """
    (theta_i, theta_j, _), gap, _ = _pair(theta_i, theta_j, w)
    with np.errstate(all="ignore"):
        difference = theta_i - theta_j
        curvature = (expit(gap) * expit(-gap))[..., None, None]
        return curvature * (difference[..., :, None] * difference[..., None, :])


def gradient_lipschitz(theta_i, theta_j):
    """The least Lipschitz constant in w of the LearningLoss++ gradient: ‖θ_i − θ_j‖²/4, shape (…).

    The largest eigenvalue of the Hessian is q_i q_j ‖θ_i − θ_j‖² ≤ ‖θ_i − θ_j‖²/4, with equality at d = 0, for
    instance at w = 0; so no smaller constant will do, and gradient descent with steps up to 4/‖θ_i − θ_j‖² never
    raises the objective of the pair. (The gradient of Learning Loss jumps: it has no Lipschitz constant.)

    Source: derived here from paper Eq. 4a. Errors: `ArgumentError`, `BroadcastError` (see the module).

    >>> from gradients.closed_form import gradient_lipschitz
    >>> float(gradient_lipschitz([2.0, 0.0], [0.0, 1.0]))
    1.25
    """
    theta_i, theta_j = feature_vectors(("theta_i", theta_i), ("theta_j", theta_j))
    with np.errstate(over="ignore"):
        return np.sum(np.square(theta_i - theta_j), axis=-1) / 4.0


def minimising_gap(true_i, true_j):
    """The predicted gap d at which LearningLoss++ has its minimum 0: log(l_i/l_j).

    There q_i = p_i. So the objective pulls the predicted losses to the true ones' logarithm, up to a constant common
    to both images. Where one true loss is 0 the answer is ±∞, a minimum that is not attained; where both are, 0.
    Relative error at most 9ε, ε = 2⁻⁵³, also for losses close to each other and for ratios beyond 1e308.

    Source: derived here from paper Eq. 3. Errors: `DomainError`, `ArgumentError`, `BroadcastError` (see the module).

    >>> from gradients.closed_form import minimising_gap
    >>> minimising_gap([2.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]).round(6).tolist()
    [0.693147, 0.0, -inf, 0.0]
    """
    true_i, true_j = numbers(("true_i", true_i, TRUE_LOSS), ("true_j", true_j, TRUE_LOSS))
    return _log_ratio(true_i, true_j)[()]


def _log_ratio(first, second):
    """log(first/second): within a factor of 2, where first − second is exact, from log1p; else from the binary
    fractions and exponents, whose quotient and difference neither overflow nor underflow."""
    (fraction, exponent), (other_fraction, other_exponent) = np.frexp(first), np.frexp(second)
    with np.errstate(all="ignore"):
        difference = first - second
        near = np.abs(difference) <= 0.5 * np.maximum(first, second)
        far = np.log(fraction / other_fraction) + (exponent - other_exponent) * math.log(2.0)
        value = np.where(near, np.log1p(difference / second), far)
    return np.where(first == second, 0.0, value)


def disagreement_interval(true_i, true_j, *, margin=1.0):
    """The open interval of predicted gaps d at which Learning Loss and LearningLoss++ pull in opposite directions.

    Let l_i > l_j. The coefficient of Learning Loss is −1 while d < ξ, and 0 from there on: it widens the gap. That of
    LearningLoss++, σ(d) − p_i, is positive for d > log(l_i/l_j): it narrows the gap. So they are opposite for
    log(l_i/l_j) < d < ξ, and nowhere if l_i/l_j ≥ e^ξ. For l_i < l_j the mirror image, −ξ < d < log(l_i/l_j). At a tie
    Learning Loss has no gradient, and with one loss 0 LearningLoss++ never narrows the gap: empty.

    Returns GapInterval(lower, upper), both NaN where the interval is empty. Losses and ξ are finite and ≥ 0.
    Source: derived here from paper Eq. 1 to 4. Errors: `DomainError`, `ArgumentError`, `BroadcastError` (see the
    module).

    >>> from gradients.closed_form import disagreement_interval
    >>> lower, upper = disagreement_interval([2.0, 1.0, 9.0, 1.0], [1.0, 2.0, 1.0, 1.0])
    >>> lower.round(6).tolist(), upper.round(6).tolist()
    ([0.693147, -1.0, nan, nan], [1.0, -0.693147, nan, nan])
    """
    true_i, true_j, margin = numbers(
        ("true_i", true_i, TRUE_LOSS), ("true_j", true_j, TRUE_LOSS), ("margin", margin, MARGIN),
    )
    centre = _log_ratio(true_i, true_j)
    disagree = (centre != 0.0) & (np.abs(centre) < margin)
    lower = np.where(disagree, np.where(centre > 0.0, centre, -margin), np.nan)
    upper = np.where(disagree, np.where(centre > 0.0, margin, centre), np.nan)
    return GapInterval(lower[()], upper[()])
