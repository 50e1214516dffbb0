"""Closed forms of Anchor Loss: its gradients beside those of the cross-entropy and of the focal loss.

Letters: p label, q = σ(x) predicted probability of logit x, q* anchor probability, γ focusing parameter, δ margin. The
anchor is detached: it scales the loss and carries no gradient, while the modulator's own q does.

Scalars and arrays broadcast. A scalar outside its domain raises `DomainError`, an array element gives NaN; anything
that is no real number raises `ArgumentError`, shapes that do not fit `BroadcastError`.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit, log_expit, xlog1py, xlogy

from gammaprob.domains import PROBABILITY
from gammaprob.errors import DomainError
from gradients.closed_form._arguments import (
    ANCHOR,
    BACKGROUND_ANCHOR,
    GAMMA,
    LABEL,
    LOGIT,
    MARGIN,
    POSITIVE_GAMMA,
    TARGET_ANCHOR,
    class_labels,
    heatmap_labels,
    numbers,
)

__all__ = [
    "anchor_gradient", "anchor_pose_gradient", "background_gradient", "background_loss", "cross_entropy_gradient",
    "focal_gradient", "gradient_crossing", "target_gradient",
]  # fmt: skip

MODULATED = ("background", "target", "both")
_EPSILON = np.finfo(float).eps


# --- with respect to the probability ---------------------------------------------------------------------------------

def background_loss(q, anchor, *, gamma):
    """Anchor Loss of one background label: −(1 + q − q*)^γ log(1 − q).

    q in [0, 1] (infinite at 1), γ ≥ 0 finite, q* ≤ 1 finite: a margin may take the anchor below 0, and up to 1 the
    modulator is nowhere negative. γ = 0 is the cross-entropy.

    Source: Anchor Loss Eq. 13 (and Eq. 1 with p = 0). Errors: `DomainError`, `ArgumentError`, `BroadcastError`.

    >>> from gradients.closed_form import background_loss
    >>> background_loss([0.1, 0.5, 0.9], 0.5, gamma=2.0).round(6).tolist()
    [0.03793, 0.693147, 4.513067]
    """
    q, anchor, gamma = numbers(("q", q, PROBABILITY), ("anchor", anchor, BACKGROUND_ANCHOR), ("gamma", gamma, GAMMA))
    with np.errstate(all="ignore"):
        modulator = (1.0 - anchor) + q
        loss = -(modulator**gamma) * np.log1p(-q)
        return np.where(np.isnan(modulator * gamma), np.nan, loss)[()]  # NaN^0 and 1^NaN are 1


def background_gradient(q, anchor, *, gamma):
    """∂/∂q of Anchor Loss of one background label: m^γ/(1 − q) − γ m^(γ−1) log(1 − q), m = 1 + q − q*.

    Both terms are ≥ 0. Arguments as for `background_loss`; infinite at q = 1. At q = 0, q* = 1, where m is 0, it is the
    limit, 0 for γ > 0.

    Source: Anchor Loss Eq. 14. Errors: `DomainError`, `ArgumentError`, `BroadcastError`.

    >>> from gradients.closed_form import background_gradient
    >>> background_gradient([0.1, 0.5, 0.9], 0.5, gamma=2.0).round(6).tolist()
    [0.526433, 3.386294, 26.047238]
    """
    q, anchor, gamma = numbers(("q", q, PROBABILITY), ("anchor", anchor, BACKGROUND_ANCHOR), ("gamma", gamma, GAMMA))
    with np.errstate(all="ignore"):
        return _slope(1.0 - q, xlog1py(gamma, -q), (1.0 - anchor) + q, gamma)[()]


def target_gradient(q, anchor, *, gamma):
    """∂/∂q of Anchor Loss of one target label, −(1 − q + q*)^γ log q: γ m^(γ−1) log q − m^γ/q, m = 1 − q + q*.

    The mirror image of `background_gradient`: q → 1 − q, q* → 1 − q*, sign changed. Both terms are ≤ 0. q in [0, 1]
    (−∞ at 0), γ ≥ 0 finite, q* ≥ 0 finite: a margin may take the anchor above 1.

    Source: Anchor Loss A-1, target term, differentiated. Errors: `DomainError`, `ArgumentError`, `BroadcastError`.

    >>> from gradients.closed_form import target_gradient
    >>> target_gradient([0.1, 0.5, 0.9], 0.5, gamma=2.0).round(6).tolist()
    [-26.047238, -3.386294, -0.526433]
    """
    q, anchor, gamma = numbers(("q", q, PROBABILITY), ("anchor", anchor, TARGET_ANCHOR), ("gamma", gamma, GAMMA))
    with np.errstate(all="ignore"):
        return -_slope(q, xlogy(gamma, q), (1.0 - q) + anchor, gamma)[()]


def focal_gradient(q, p, *, gamma):
    """∂/∂q of the focal loss −[p (1 − q)^γ log q + (1 − p) q^γ log(1 − q)].

    It is Anchor Loss with q* = 1 for the background's share 1 − p of the label and q* = 0 for the target's share p:
    Eq. 12. q and p in [0, 1], γ ≥ 0 finite.

    Source: Anchor Loss Eq. 7, differentiated. Errors: `DomainError`, `ArgumentError`, `BroadcastError`.

    >>> from gradients.closed_form import focal_gradient
    >>> focal_gradient([0.1, 0.5, 0.9], 0, gamma=2.0).round(6).tolist()
    [0.032183, 1.193147, 12.244653]
    """
    q, p, gamma = numbers(("q", q, PROBABILITY), ("p", p, LABEL), ("gamma", gamma, GAMMA))
    background, target = 1.0 - p, p
    with np.errstate(all="ignore"):
        towards_0 = _slope(1.0 - q, xlog1py(gamma, -q), q, gamma)
        towards_1 = _slope(q, xlogy(gamma, q), 1.0 - q, gamma)
        # A share of 0 takes no part, even where the slope is infinite.
        gradient = np.where(background == 0.0, 0.0, background * towards_0)
        return (gradient - np.where(target == 0.0, 0.0, target * towards_1))[()]


def cross_entropy_gradient(q, p):
    """∂/∂q of the binary cross-entropy −[p log q + (1 − p) log(1 − q)]: (1 − p)/(1 − q) − p/q.

    q and p in [0, 1]; infinite where q is 0 or 1 and the label says otherwise. The case γ = 0 of the others.

    Source: Anchor Loss Eq. 6, differentiated. Errors: `DomainError`, `ArgumentError`, `BroadcastError`.

    >>> from gradients.closed_form import cross_entropy_gradient
    >>> cross_entropy_gradient([0.1, 0.5, 0.9], 0).round(6).tolist()
    [1.111111, 2.0, 10.0]
    """
    return focal_gradient(q, p, gamma=0.0)


def _slope(complement, gamma_log, modulator, gamma):
    """m^γ (1/c − γ log c/m): the derivative of −m^γ log c where m grows and c falls with the variable, at rate 1.

    `gamma_log` is γ log c, 0 for γ = 0 whatever c. Where m is 0, c is 1, and log c/m has the limit −1.
    """
    ratio = np.where(modulator == 0.0, -gamma, gamma_log / modulator)
    return modulator**gamma * (1.0 / complement - ratio)


# --- with respect to the logits --------------------------------------------------------------------------------------

def anchor_gradient(logits, target, *, gamma=0.5, margin=0.05, modulate="background", anchor=None):
    """Gradient of Anchor Loss for classification with respect to the logits, a sample's loss summed over its classes.

    The loss of class k of a sample is −(1 − q + q_pos)^γt p log q − (1 + q − q_neg)^γb (1 − p) log(1 − q), with
    q_neg = max q over the target classes − δ, q_pos = max q over the background + δ, both detached.

    Parameters
    ----------
    logits : array_like, shape (…, K)
        Finite.
    target : array_like, shape (…) of class indices (integers), or (…, K) of labels in [0, 1]
        Target classes of a sample: those with its largest label, if that is > 0. Background: the others.
    gamma, margin : array_like, shape that broadcasts to (…, K)
        γ ≥ 0 and δ ≥ 0, finite.
    modulate : "background" (γt = 0, A-3, Eq. 2), "target" (γb = 0, A-2) or "both" (A-4)
    anchor : array_like, shape that broadcasts to (…, K), or None
        A static q* in [0, 1] in place of both q_neg and q_pos, without margin. 1 − p with "both" is the focal loss.

    Returns
    -------
    ndarray, shape (…, K). An anchor that does not exist (no target class, no background) leaves its modulator at 1.
    A logit or target outside its domain gives NaN in the whole sample.

    q, 1 − q and their logarithms come from the logits, and 1 + q − q_neg = σ(x) + σ(−x*) + δ, so that nothing cancels.
    Where m^γ overflows (γ beyond 900) the gradient is infinite, or NaN if q also underflows.

    Source: Anchor Loss Eq. 2, A-1 to A-4, differentiated. Errors: `DomainError` (also for another word in `modulate`,
    or a scalar class index outside 0 … K − 1), `ArgumentError`, `BroadcastError`.
    ERRATUM: AL-EQ2, the printed minus stands before the first term only.

    >>> from gradients.closed_form import anchor_gradient
    >>> anchor_gradient([[2.0, 1.0, -1.0]], [0]).round(6).tolist()
    [[-0.119203, 0.829709, 0.224543]]
    """
    if modulate not in MODULATED:
        raise DomainError("modulate", modulate, f"one of {', '.join(map(repr, MODULATED))}", "pass one of them")
    logits, labels = class_labels(logits, target)
    _, gamma, margin, static = numbers(
        ("logits", logits, LOGIT), ("gamma", gamma, GAMMA), ("margin", margin, MARGIN),
        ("anchor", 0.0 if anchor is None else anchor, ANCHOR),
    )
    # An exponent of 0 is a modulator that stays 1. Products, unlike a choice, keep the NaN of a bad γ.
    gamma_t, gamma_b = gamma * (modulate != "background"), gamma * (modulate != "target")
    if anchor is None:
        is_target = (labels == labels.max(axis=-1, keepdims=True)) & (labels > 0.0)
        top_target, top_background = _largest(logits, is_target, -1), _largest(logits, ~is_target, -1)
        gamma_t, gamma_b = gamma_t * (top_background != -np.inf), gamma_b * (top_target != -np.inf)
        fall, rise = expit(top_background) + margin, expit(-top_target) + margin
    else:
        fall, rise = static, 1.0 - static
    with np.errstate(all="ignore"):
        background = (1.0 - labels) * _logit_slope(logits, expit(logits) + rise, gamma_b)
        return background - labels * _logit_slope(-logits, expit(-logits) + fall, gamma_t)


def anchor_pose_gradient(logits, target, *, gamma=2.0):
    """Gradient of Anchor Loss for heatmaps with respect to the logits, the loss summed over the pixels.

    The loss of a pixel is [M (1 + q − q*)^γ + 1 − M] ℓ_BCE(p, q): M = 1 where p is exactly 0, and q* the largest q
    where p > ½, one for each heatmap, detached. So on the background it is as in `anchor_gradient`, elsewhere q − p.

    Parameters
    ----------
    logits : array_like, shape (…, H, W)
        Finite.
    target : array_like, shape (…, H, W)
        Labels in [0, 1]: Gaussians of height 1, truncated to exact 0. A heatmap of zeros is an absent joint, with
        gradient 0. One without any pixel above ½ leaves the modulator at 1: gradient q − p. One without an exact zero
        has no background, and raises `DomainError`.
    gamma : array_like, shape that broadcasts to (…, H, W)
        γ ≥ 0, finite.

    Source: Anchor Loss Eq. 3 to 5, differentiated. Errors: `DomainError`, `ArgumentError`, `BroadcastError`. A logit or
    label outside its domain gives NaN in the whole heatmap.

    >>> from gradients.closed_form import anchor_pose_gradient
    >>> anchor_pose_gradient([[1.0, 0.0, 2.0, -2.0]], [[1.0, 0.3, 0.0, 0.0]]).round(6).tolist()
    [[-0.268941, 0.2, 1.677829, 0.028304]]
    """
    logits, labels = heatmap_labels(logits, target)
    _, gamma = numbers(("logits", logits, LOGIT), ("gamma", gamma, GAMMA))
    top = _largest(logits, labels > 0.5, (-2, -1))
    present = (labels != 0.0).any(axis=(-2, -1), keepdims=True)
    exponent = gamma * ((top != -np.inf) & (labels == 0.0))
    with np.errstate(all="ignore"):
        background = (1.0 - labels) * _logit_slope(logits, expit(logits) + expit(-top), exponent)
        return np.where(present, background - labels * expit(-logits), 0.0)


def _largest(logits, among, axis):
    """The largest of the chosen logits along the axes, kept as axes of length 1; −∞ where none is chosen."""
    return np.max(logits, axis=axis, keepdims=True, where=among, initial=-np.inf)


def _logit_slope(logits, modulator, gamma):
    """d/dx of −m^γ log(1 − σ(x)), where m grows with σ(x) at rate 1: m^γ (q − γ (1 − q) log(1 − q) q/m).

    Both terms are ≥ 0. q/m ≤ 1, and where m is 0, with q, it does not count.
    """
    q = expit(logits)
    share = np.where(modulator == 0.0, 0.0, q / modulator)
    return modulator**gamma * (q - gamma * expit(-logits) * log_expit(-logits) * share)


# --- beside the cross-entropy ----------------------------------------------------------------------------------------

def gradient_crossing(anchor, *, gamma):
    """The q below which Anchor Loss has a smaller gradient than the cross-entropy, and above which a larger one.

    The one q in (0, 1) at which Eq. 14 equals 1/(1 − q), for a background label with anchor q* in [0, 1] and γ > 0.
    It lies strictly between q*/2 and q*: the gradient exceeds that of the cross-entropy already below the anchor. As
    γ → 0 it tends to q*/2. For q* = 1, the focal loss, it is below 1: the focal loss's gradient, too, exceeds that of
    the cross-entropy for large q. (0 for q* = 0.)

    Proof. Write x = 1 − q, L = −log x, m = 1 + q − q*, r = xL/m. Times x m^−γ, the equation is 1 + γr = m^−γ, or
    F(q) = log m + log(1 + γr)/γ = 0.
    (1) F is negative at q*/2, where m = x and r = L, for log(1 + γL) < γL. It is positive from q* to 1, where m ≥ 1 and
    r > 0; for q* = 1, where F = 0 at q = 1, it is so shortly before: F ≈ x (L − 1).
    (2) F' has the sign of 2 + (γ − 1) r − L = 2 − L (1 − c) − r with c = γx/m. Since q* ≤ 1, m ≥ q, so that
    r ≤ −x log x/(1 − x) < 1. At a root 1 + cL = m^−γ ≤ e^c, for −log m ≤ (1 − m)/m ≤ x/m. So if c < 1, then
    L (1 − c) ≤ (e^c − 1)(1 − c)/c ≤ 1, and if c ≥ 1, then L (1 − c) ≤ 0. Hence F' > 0 at every root: there is one.

    Found by Brent's method, on F. Scalars and arrays broadcast.

    Source: derived here from Anchor Loss Eq. 14. Errors: `DomainError` (also for γ = 0, at which the two gradients
    agree everywhere), `ArgumentError`, `BroadcastError`.
    ERRATUM: AL-GRADIENT-BELOW, the gradient is said to be smaller up to the anchor; AL-GRADIENT-FOCAL, that of the
    focal loss to be smaller everywhere.

    >>> from gradients.closed_form import gradient_crossing
    >>> gradient_crossing([0.2, 0.5, 0.8, 1.0], gamma=2.0).round(6).tolist()
    [0.105351, 0.287322, 0.509822, 0.702363]
    """
    anchor, gamma = numbers(("anchor", anchor, ANCHOR), ("gamma", gamma, POSITIVE_GAMMA))
    return np.vectorize(_crossing, otypes=[float])(anchor, gamma)[()]


def _crossing(anchor: float, gamma: float) -> float:
    from scipy.optimize import brentq  # here, because it takes a tenth of a second that no other closed form needs

    if not anchor > 0.0 or math.isnan(gamma):
        return anchor + 0.0 * gamma

    def excess(q: float) -> float:
        m = 1.0 - anchor + q
        r = -(1.0 - q) * math.log1p(-q) / m
        growth = math.log1p(gamma * r) / gamma if gamma * r > _EPSILON else r
        # Over q*, so that brentq, which multiplies two values, sees no underflow.
        return (math.log1p(q - anchor) + growth) / anchor

    # For q* = 1 the gradients meet again at q = 1, so that the bracket must end below: F > 0 for x ≤ e^−2 min(1, 1/γ),
    # since there c = γx/m < 0.16, L ≥ 2, and F ≥ (log(1 + cL) − c)/γ.
    upper = min(anchor, 1.0 - math.exp(-2.0) / max(1.0, gamma))
    if upper == 1.0:  # nearer to 1 than a double can say
        return 1.0
    return brentq(excess, anchor / 4.0, upper, xtol=math.ulp(0.0), rtol=4.0 * _EPSILON)
