"""The expected target of LearningLoss++ at a given loss gap, and the gradient that follows from it.

For a pair of images whose true losses differ by δ = Y − X, the LearningLoss++ target is p_i = X/(X + Y) = X/(2X + δ).
Its expectation over the pairs with that gap, φ(δ), decides the expected gradient (q_i − φ(δ)) (θ_i − θ_j) of the
objective. Conventions on arrays, domains and errors are those of `gammaprob.gap`.
"""

from __future__ import annotations

import numpy as np

from gammaprob._evaluate import evaluate
from gammaprob.domains import DELTA, NONNEGATIVE_DELTA, ORDER, PROBABILITY, real_array
from gammaprob.errors import BroadcastError

__all__ = ["expected_gradient", "expected_target", "exponential_integral_term"]


def exponential_integral_term(delta, *, order, scale):
    """I(u, Θ) = E[δ/(δ + W)] for W ~ Gamma(u, Θ): the exponential-integral part of the expected gradient.

    I = z e^z E_u(z) with z = δ/Θ (DLMF 8.19.3), for every real order u > 0; computed as E[(1 + ξ/z)^−u], ξ ~ Exp(1).
    Domain δ ≥ 0 (NaN for negative elements of an array, `DomainError` for a negative scalar). W is 2X for the paper's
    X ~ Gamma(u, Θ/2). Errors: as for `gap_cdf`.

    Source: supplementary Eq. 15.
    ERRATUM: SUP-EQ15, its right-hand side is this I, not the integral with scale Θ/2 that it is printed for.

    >>> from gammaprob import exponential_integral_term
    >>> print(f"{exponential_integral_term(0.1, order=4, scale=0.066):.12f}")
    0.311307658972
    """
    return evaluate("exponential_integral_term", delta, order, scale, symbol=ORDER, argument=NONNEGATIVE_DELTA)


def expected_target(delta, *, shape, scale):
    """φ(δ): expected LearningLoss++ target p_i of the image i whose loss is lower by δ.

    φ(δ) = E[X/(2X + δ) | Y − X = δ] = ½ N/M with M = ∫ u^{k−1} (1 + u/2z)^{k−1} e^−u du, and N the same with the factor
    u/(z + u). It falls from ½ (k ≥ ½) towards kΘ/2δ; for k < ½ it starts lower, since a small gap is then mostly one
    between two tiny losses. Negative δ (image i has the higher loss) gives 1 − φ(|δ|).

    Arguments, domain and errors (`DomainError`, `ArgumentError`, `BroadcastError`) as for `gammaprob.gap_cdf`.

    Source: paper Eq. 6 and Table 2; supplementary Eq. 13.
    ERRATUM: SUP-EQ13, the printed sum has the wrong sign, and its I the wrong scale.

    >>> from gammaprob import expected_target
    >>> print(f"{expected_target(0.1, shape=4, scale=0.066):.12f}")
    0.384448571045
    """
    delta = real_array("delta", delta, DELTA)
    if not (delta < 0.0).any():
        return evaluate("target", delta, shape, scale)
    values = np.asarray(evaluate("target", np.abs(delta), shape, scale))
    np.subtract(1.0, values, out=values, where=np.broadcast_to(delta < 0.0, values.shape))
    return values[()]


def expected_gradient(delta, q, theta_i, theta_j, *, shape, scale):
    """Expected LearningLoss++ gradient with respect to w, given the gap: the vector (q − φ(δ)) (θ_i − θ_j).

    Parameters
    ----------
    delta : array_like, shape B
        True-loss gap δ = l_j − l_i, in the unit of `scale`.
    q : array_like, shape B
        Predicted probability q_i of sampling image i, in [0, 1].
    theta_i, theta_j : array_like, shape (…, d)
        Penultimate features of the two images; the leading axes broadcast against B.
    shape, scale : array_like, shape B
        Gamma shape k > 0 and scale Θ > 0 of the true losses.

    Returns
    -------
    ndarray, shape (broadcast of all leading axes) + (d,)

    Source: paper Eq. 4a averaged as in Eq. 6. Errors: as for `gammaprob.gap_cdf`, `BroadcastError` also for feature
    vectors without a last axis or that do not fit; a scalar q outside [0, 1] raises `DomainError`, an array element
    gives NaN.

    >>> from gammaprob import expected_gradient
    >>> expected_gradient(0.1, 0.5, [1, 2, 1], [1, 1, 1], shape=4, scale=0.066).round(6).tolist()
    [0.0, 0.115551, 0.0]
    """
    q = real_array("q", q, PROBABILITY)
    features = [real_array(name, theta, DELTA) for name, theta in (("theta_i", theta_i), ("theta_j", theta_j))]
    for name, theta in zip(("theta_i", "theta_j"), features):
        if theta.ndim == 0:
            raise BroadcastError(name, float(theta), "an array with a last axis of features", "pass a feature vector")
    phi = np.asarray(expected_target(delta, shape=shape, scale=scale))
    try:
        with np.errstate(all="ignore"):
            coefficient = np.where(PROBABILITY.contains(q), q, np.nan) - phi
            return coefficient[..., None] * (features[0] - features[1])
    except ValueError:
        raise BroadcastError(
            "theta_i",
            features[0].shape,
            f"leading axes that broadcast with theta_j {features[1].shape}, q {q.shape} and φ {phi.shape}",
            "align them with the broadcast shape of delta, q, shape and scale",
        ) from None
