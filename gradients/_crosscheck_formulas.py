"""The losses as the papers print them, in mpmath, written here once more so that they share nothing with the package.

Gradients are difference quotients of these losses (`gradient`), never formulas. Arguments carry the papers' letters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mpmath import mp, mpf

__all__ = [
    "anchored", "background", "binary_divergence", "classification", "cross_entropy", "cross_entropy_of_truth",
    "divergence", "focal", "focal_of_truth", "gradient", "hessian", "pose", "ranking", "share", "sigmoid",
]


def sigmoid(z):
    return 1 / (1 + mp.exp(-z))


def _dot(a: Sequence, b: Sequence):
    return mp.fdot(zip(a, b, strict=True))


def _times_log(p, x):
    """p log x, and 0 where p is 0, whatever x."""
    return p * mp.log(x) if p else mpf(0)


def ranking(w, theta_i, theta_j, l_i, l_j, margin):
    """Learning Loss, Eq. 1, with the predicted losses θᵀw."""
    return max(mpf(0), -mp.sign(mpf(l_i) - mpf(l_j)) * (_dot(theta_i, w) - _dot(theta_j, w)) + margin)


def share(l_i, l_j):
    """p_i, the true losses' probability of image i; ½ where both are 0, which the paper leaves open."""
    total = mpf(l_i) + mpf(l_j)
    return l_i / total if total else mpf(1) / 2


def divergence(w, theta_i, theta_j, l_i, l_j):
    """LearningLoss++, Eq. 3, with the predicted losses θᵀw."""
    return binary_divergence(_dot(theta_i, w), _dot(theta_j, w), l_i, l_j)


def binary_divergence(lhat_i, lhat_j, l_i, l_j):
    """KL(p‖q), Eq. 3."""
    p_i, p_j = share(l_i, l_j), share(l_j, l_i)
    normaliser = mp.exp(lhat_i) + mp.exp(lhat_j)
    q_i, q_j = mp.exp(lhat_i) / normaliser, mp.exp(lhat_j) / normaliser
    return _times_log(p_i, p_i / q_i) + _times_log(p_j, p_j / q_j)


def background(q, anchor, gamma):
    """Anchor Loss, Eq. 13 (Eq. 1 with p = 0)."""
    return -((1 + q - anchor) ** gamma) * mp.log(1 - q)


def classification(q, p, anchor, gamma):
    """Anchor Loss, Eq. 2: sum over the classes of the vectors q and p.

    ERRATUM: AL-EQ2, the printed minus sign has no brackets after it; it is that of both terms.
    """
    return -sum(
        _times_log(p_k, q_k) + _times_log((1 - p_k) * (1 + q_k - anchor) ** gamma, 1 - q_k)
        for q_k, p_k in zip(q, p, strict=True)
    )


def cross_entropy(q, p):
    """Eq. 6."""
    return -(_times_log(p, q) + _times_log(1 - p, 1 - q))


def focal(q, p, gamma):
    """Eq. 7, and Eq. 12, which is the same."""
    return -(_times_log(p * (1 - q) ** gamma, q) + _times_log((1 - p) * q**gamma, 1 - q))


def cross_entropy_of_truth(q, p):
    """Eq. 8, in the probability of the ground truth."""
    return -mp.log(p * q + (1 - p) * (1 - q))


def focal_of_truth(q, p, gamma):
    """Eq. 9, in the probability of the ground truth."""
    q_t = p * q + (1 - p) * (1 - q)
    return -((1 - q_t) ** gamma) * mp.log(q_t)


def anchored(q, p, positive, negative, gamma_t, gamma_b):
    """Anchor Loss, Eq. A-1, one class. ERRATUM: AL-EQA2-NAME, what A-2 calls q_* is the q_pos of A-1."""
    target = _times_log((1 - q + positive) ** gamma_t * p, q)
    return -target - _times_log((1 + q - negative) ** gamma_b * (1 - p), 1 - q)


def pose(q, p, anchor, gamma):
    """Anchor Loss, Eqs. 3 and 5, one pixel."""
    mask = int(p == 0)
    return (mask * (1 + q - anchor) ** gamma + (1 - mask)) * cross_entropy(q, p)


def gradient(function: Callable[[list], mpf], at: Sequence) -> list:
    """Partial derivatives at a point, by mpmath's difference quotient."""
    at = [mpf(value) for value in at]
    return [mp.diff(lambda t, k=k: function([*at[:k], t, *at[k + 1:]]), at[k]) for k in range(len(at))]


def hessian(function: Callable[[list], mpf], at: Sequence) -> list[list]:
    """Second partial derivatives at a point, by mpmath's difference quotient: along e_a and e_b, at once."""
    at = [mpf(value) for value in at]

    def entry(a: int, b: int):
        def along(s, t):
            moved = list(at)
            moved[a] += s
            moved[b] += t
            return function(moved)

        return mp.diff(along, (0, 0), (1, 1))

    entries = {(a, b): entry(a, b) for a in range(len(at)) for b in range(a, len(at))}
    return [[entries[min(a, b), max(a, b)] for b in range(len(at))] for a in range(len(at))]
