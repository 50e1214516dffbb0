"""The papers' pair losses and gradients, literally: main, Eqs 1 to 4; supplementary, Eqs 7 to 9.

Part of `gammaprob.as_printed`, which says how to read these functions.
"""

from __future__ import annotations

from mpmath import mp, mpf

from gammaprob._literal import exponential, literal, logarithm

__all__ = [
    "main_eq1_objective", "main_eq2a_gradients", "main_eq2b_gradients", "main_eq3_objective", "main_eq4a_gradient",
    "main_eq4b_gradient", "predicted_loss", "softmax_target", "supplementary_eq8_gradient", "supplementary_eq8_steps",
    "true_loss_target",
]


@literal
def predicted_loss(theta, w):
    """The predicted loss of main, section 4.1: l̂ = θᵀw.

    >>> int(predicted_loss((1, 2, 1), (0, 3, 0)))
    6
    """
    return sum(a * b for a, b in zip(theta, w, strict=True))


@literal
def true_loss_target(l_i, l_j):
    """p_i of main, section 4.1: l_i / (l_i + l_j).

    >>> float(true_loss_target(1, 3))
    0.25
    """
    return l_i / (l_i + l_j)


@literal
def softmax_target(lhat_i, lhat_j):
    """q_i of main, section 4.1: e^l̂_i / (e^l̂_i + e^l̂_j).

    >>> float(softmax_target(2, 2))
    0.5
    """
    return exponential(lhat_i) / (exponential(lhat_i) + exponential(lhat_j))


@literal
def main_eq1_objective(l_i, l_j, lhat_i, lhat_j, margin):
    """Main, Eq 1: max(0, −sign(l_i − l_j)(l̂_i − l̂_j) + ξ).

    >>> int(main_eq1_objective(1, 2, 6, 3, margin=1))
    4
    """
    return max(mpf(0), -mp.sign(l_i - l_j) * (lhat_i - lhat_j) + margin)


@literal
def main_eq2a_gradients(theta_i, theta_j):
    """Main, Eq 2a: the set {0, ±(θ_i − θ_j)}, in the order 0, +, −.

    >>> [[int(entry) for entry in vector] for vector in main_eq2a_gradients((1, 2, 1), (1, 1, 1))]
    [[0, 0, 0], [0, 1, 0], [0, -1, 0]]
    """
    return _zero_plus_minus(tuple(a - b for a, b in zip(theta_i, theta_j, strict=True)))


@literal
def main_eq2b_gradients(w):
    """Main, Eq 2b: the set {0, ±w}, in the order 0, +, −.

    >>> [[int(entry) for entry in vector] for vector in main_eq2b_gradients((0, 3, 0))]
    [[0, 0, 0], [0, 3, 0], [0, -3, 0]]
    """
    return _zero_plus_minus(w)


def _zero_plus_minus(vector):
    return tuple(0 * a for a in vector), tuple(vector), tuple(-a for a in vector)


@literal
def main_eq3_objective(l_i, l_j, theta_i, theta_j, w):
    """Main, Eq 3 and supplementary, Eq 7: p_i log(p_i / q_i) + p_j log(p_j / q_j).

    >>> float(main_eq3_objective(1, 1, (2, 0), (0, 2), (1, 1)))
    0.0
    """
    lhat_i, lhat_j = predicted_loss(theta_i, w), predicted_loss(theta_j, w)
    p_i, p_j = true_loss_target(l_i, l_j), true_loss_target(l_j, l_i)
    q_i, q_j = softmax_target(lhat_i, lhat_j), softmax_target(lhat_j, lhat_i)
    return p_i * logarithm(p_i / q_i) + p_j * logarithm(p_j / q_j)


def _residual(l_i, l_j, theta_i, theta_j, w):
    return softmax_target(predicted_loss(theta_i, w), predicted_loss(theta_j, w)) - true_loss_target(l_i, l_j)


@literal
def main_eq4a_gradient(l_i, l_j, theta_i, theta_j, w):
    """Main, Eq 4a and supplementary, Eq 9: (q_i − p_i)(θ_i − θ_j).

    >>> [float(entry) for entry in main_eq4a_gradient(1, 3, (1, 2), (1, 1), (0, 0))]
    [0.0, 0.25]
    """
    residual = _residual(l_i, l_j, theta_i, theta_j, w)
    return tuple(residual * (a - b) for a, b in zip(theta_i, theta_j, strict=True))


@literal
def main_eq4b_gradient(l_i, l_j, theta_i, theta_j, w):
    """Main, Eq 4b: (q_i − p_i) w, with no index on the θ that is differentiated.

    ERRATUM: LL-EQ4B, the gradient with respect to θ_j has the opposite sign.

    >>> [float(entry) for entry in main_eq4b_gradient(1, 3, (1, 1), (1, 1), (0, 2))]
    [0.0, 0.5]
    """
    residual = _residual(l_i, l_j, theta_i, theta_j, w)
    return tuple(residual * entry for entry in w)


@literal
def supplementary_eq8_steps(l_i, l_j, theta_i, theta_j, w):
    """Supplementary, section 3: the three lines that lead from Eq 7 to Eq 8.

    Returns the scalar under −∇ of the first line with its sign, that of the second, and the vector of the third.

    >>> [float(entry) for entry in supplementary_eq8_steps(1, 3, (1, 2), (1, 1), (0, 0))[2]]
    [0.0, 0.25]
    """
    p_i, p_j = true_loss_target(l_i, l_j), true_loss_target(l_j, l_i)
    lhat_i, lhat_j = predicted_loss(theta_i, w), predicted_loss(theta_j, w)
    e_i, e_j = exponential(lhat_i), exponential(lhat_j)
    first = -(p_i * logarithm(e_i / (e_i + e_j)) + p_j * logarithm(e_j / (e_i + e_j)))
    second = -(p_i * lhat_i + p_j * lhat_j - (p_i + p_j) * logarithm(e_i + e_j))
    third = tuple(
        -p_i * a - p_j * b + (e_i * a + e_j * b) / (e_i + e_j) for a, b in zip(theta_i, theta_j, strict=True)
    )
    return first, second, third


@literal
def supplementary_eq8_gradient(l_i, l_j, theta_i, theta_j, w):
    """Supplementary, Eq 8: −p_i θ_i − p_j θ_j + q_i θ_i + q_j θ_j.

    >>> [float(entry) for entry in supplementary_eq8_gradient(1, 3, (1, 2), (1, 1), (0, 0))]
    [0.0, 0.25]
    """
    p_i, p_j = true_loss_target(l_i, l_j), true_loss_target(l_j, l_i)
    lhat_i, lhat_j = predicted_loss(theta_i, w), predicted_loss(theta_j, w)
    q_i, q_j = softmax_target(lhat_i, lhat_j), softmax_target(lhat_j, lhat_i)
    return tuple(-p_i * a - p_j * b + q_i * a + q_j * b for a, b in zip(theta_i, theta_j, strict=True))
