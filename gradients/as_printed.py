"""The anchor loss paper's formulas, literally: every sign, exponent and anchor as it was printed, right or wrong.

Nothing here is for use in a computation: the ledger (`python -m paper_tables.ledger --document anchor`) evaluates these
functions beside an independent truth; a docstring line that starts with `ERRATUM:` names the record that says what is
wrong and what the right form is. Paper: Ryou, Jeong and Perona, ICCV 2019; A-1 to A-4 are in its appendix.

Letters: p is the empirical label, q the predicted probability, `anchor` q_*, `gamma` γ. Numbers are read as in
`gammaprob.as_printed`: exactly, at its working precision; p and q are tuples where a formula sums over classes or looks
for a largest score. The objects of SymPy are taken as well, so that the very text that is evaluated can be proved.
Domain: p in [0, 1], 0 < q < 1, γ ≥ 0; no argument is checked.
"""

from __future__ import annotations

from mpmath import mpf

from gammaprob._literal import literal, logarithm

__all__ = [
    "eq1_loss", "eq2_sums", "eq3_mask", "eq4_anchor", "eq5_loss", "eq6_cross_entropy", "eq7_focal_loss",
    "eq8_cross_entropy", "eq9_focal_loss", "eq10_anchor", "eq11_left", "eq11_middle", "eq11_right", "eq12_loss",
    "eq13_loss", "eq14_gradient", "eqa1_loss", "eqa2_setting", "eqa3_setting", "eqa4_setting",
    "ground_truth_probability", "margin_anchor",
]


@literal
def eq1_loss(p, q, *, anchor, gamma):
    """Eq 1: −(1 + q − q_*)^γ (1 − p) log(1 − q).

    ERRATUM: AL-EQ1, what is called cross entropy is its background half; the target's −p log q is missing.

    >>> float(eq1_loss(0, "1/2", anchor="1/2", gamma=2))
    0.6931471805599453
    """
    return -((1 + q - anchor) ** gamma) * (1 - p) * logarithm(1 - q)


@literal
def eq2_sums(p, q, *, anchor, gamma):
    """Eq 2: the sums over k of p_k log q_k and of (1 − p_k)(1 + q_k − q_*)^γ log(1 − q_k), without a sign.

    ERRATUM: AL-EQ2, printed is −Σ … + …; the minus sign belongs to both sums.

    >>> [float(part) for part in eq2_sums((1, 0), ("1/2", "1/2"), anchor="1/2", gamma=2)]
    [-0.6931471805599453, -0.6931471805599453]
    """
    classes = list(zip(p, q, strict=True))
    return (
        sum(p_k * logarithm(q_k) for p_k, q_k in classes),
        sum((1 - p_k) * (1 + q_k - anchor) ** gamma * logarithm(1 - q_k) for p_k, q_k in classes),
    )


@literal
def margin_anchor(target_score, margin):
    """Section 3.2, after Eq 2: q_* = q_t − δ.

    ERRATUM: AL-MARGIN, the sentence adds what the formula subtracts.

    >>> float(margin_anchor("1/2", "0.05"))
    0.45
    """
    return target_score - margin


@literal
def eq3_mask(p):
    """Eq 3: M(p), 1 where p = 0 and 0 otherwise.

    ERRATUM: AL-MASK, a Gaussian heatmap is nowhere zero unless it is truncated.

    >>> [int(eq3_mask(p)) for p in (0, "0.01")]
    [1, 0]
    """
    return mpf(1) if p == 0 else mpf(0)


@literal
def eq4_anchor(p, q):
    """Eq 4: the largest q_i among the pixels with p_i > 0.5.

    >>> float(eq4_anchor((1, "0.6", "0.5"), ("0.25", "0.5", "0.75")))
    0.5
    """
    return max(q_i for p_i, q_i in zip(p, q, strict=True) if p_i > mpf(1) / 2)


@literal
def eq5_loss(p, q, *, anchor, gamma):
    """Eq 5: [M(p) (1 + q − q_*)^γ + (1 − M(p))] ℓ_BCE(p, q).

    >>> float(eq5_loss(0, "1/2", anchor="1/2", gamma=2))
    0.6931471805599453
    """
    mask = eq3_mask(p)
    return (mask * (1 + q - anchor) ** gamma + (1 - mask)) * eq6_cross_entropy(p, q)


@literal
def eq6_cross_entropy(p, q):
    """Eq 6: −[p log q + (1 − p) log(1 − q)].

    >>> float(eq6_cross_entropy(1, "1/2"))
    0.6931471805599453
    """
    return -(p * logarithm(q) + (1 - p) * logarithm(1 - q))


@literal
def eq7_focal_loss(p, q, *, gamma):
    """Eq 7: −[p (1 − q)^γ log q + (1 − p) q^γ log(1 − q)].

    >>> float(eq7_focal_loss(1, "1/2", gamma=2))
    0.17328679513998632
    """
    return -(p * (1 - q) ** gamma * logarithm(q) + (1 - p) * q**gamma * logarithm(1 - q))


@literal
def ground_truth_probability(p, q):
    """Section 3.4, before Eq 8: q_t = p q + (1 − p)(1 − q).

    >>> [float(ground_truth_probability(p, "1/4")) for p in (0, 1)]
    [0.75, 0.25]
    """
    return p * q + (1 - p) * (1 - q)


@literal
def eq8_cross_entropy(q_t):
    """Eq 8: −log q_t.

    >>> float(eq8_cross_entropy("1/2"))
    0.6931471805599453
    """
    return -logarithm(q_t)


@literal
def eq9_focal_loss(q_t, *, gamma):
    """Eq 9: −(1 − q_t)^γ log q_t.

    >>> float(eq9_focal_loss("1/2", gamma=2))
    0.17328679513998632
    """
    return -((1 - q_t) ** gamma) * logarithm(q_t)


@literal
def eq10_anchor(p):
    """Eq 10: q_* = 1 where p = 0, 0 where p = 1.

    >>> [int(eq10_anchor(p)) for p in (0, 1)]
    [1, 0]
    """
    return {0: mpf(1), 1: mpf(0)}[int(p)]


@literal
def eq11_left(q_t, *, anchor):
    """Eq 11, left: the modulator 1 − q_t + q_*.

    ERRATUM: AL-EQ11-LEFT, the modulator of the background is 1 + q − q_*, as in Eq 1.

    >>> float(eq11_left("3/4", anchor=1))
    1.25
    """
    return 1 - q_t + anchor


@literal
def eq11_middle(p, q):
    """Eq 11, middle: 1 − (1 − q) + 1 where p = 0, 1 − q + 0 where p = 1.

    >>> [float(eq11_middle(p, "1/4")) for p in (0, 1)]
    [1.25, 0.75]
    """
    return {0: 1 - (1 - q) + 1, 1: 1 - q + 0}[int(p)]


@literal
def eq11_right(p, q):
    """Eq 11, right: 1 − q where p = 0, q where p = 1.

    ERRATUM: AL-EQ11, the two values are exchanged, and neither equals the middle.

    >>> [float(eq11_right(p, "1/4")) for p in (0, 1)]
    [0.75, 0.25]
    """
    return {0: 1 - q, 1: q}[int(p)]


@literal
def eq12_loss(p, q, *, gamma):
    """Eq 12: −[p (1 − q)^γ log q + (1 − p) q^γ log(1 − q)], what anchor loss is said to be where q_* = 1 − p.

    ERRATUM: AL-EQ12, only A-1 with both modulators becomes it, neither Eq 1 nor Eq 2.

    >>> float(eq12_loss(1, "1/2", gamma=2))
    0.17328679513998632
    """
    return -(p * (1 - q) ** gamma * logarithm(q) + (1 - p) * q**gamma * logarithm(1 - q))


@literal
def eq13_loss(q, *, anchor, gamma):
    """Eq 13: −(1 + q − q_*)^γ log(1 − q), the loss of a background label.

    >>> float(eq13_loss("1/2", anchor="1/2", gamma=2))
    0.6931471805599453
    """
    return -((1 + q - anchor) ** gamma) * logarithm(1 - q)


@literal
def eq14_gradient(q, *, anchor, gamma):
    """Eq 14: −(1 + q − q_*)^(γ−1) [γ log(1 − q) − (1 + q − q_*)/(1 − q)].

    >>> float(eq14_gradient("1/2", anchor="1/2", gamma=2))
    3.386294361119891
    """
    modulator = 1 + q - anchor
    return -(modulator ** (gamma - 1)) * (gamma * logarithm(1 - q) - modulator / (1 - q))


@literal
def eqa1_loss(p, q, *, target_anchor, background_anchor, target_gamma, background_gamma):
    """A-1: −(1 − q + q_pos)^γ_t p log q − (1 + q − q_neg)^γ_b (1 − p) log(1 − q).

    `target_anchor` is q_pos, `background_anchor` q_neg, the two exponents are γ_t and γ_b.

    >>> both = {"target_anchor": 0, "background_anchor": 1, "target_gamma": 2, "background_gamma": 2}
    >>> float(eqa1_loss(1, "1/2", **both))
    0.17328679513998632
    """
    return (
        -((1 - q + target_anchor) ** target_gamma) * p * logarithm(q)
        - (1 + q - background_anchor) ** background_gamma * (1 - p) * logarithm(1 - q)
    )


def _largest_background(p, q):
    return max(q_i for p_i, q_i in zip(p, q, strict=True) if p_i == 0)


def _score_of_target(p, q):
    (score,) = (q_j for p_j, q_j in zip(p, q, strict=True) if p_j == 1)
    return score


@literal
def eqa2_setting(p, q, *, gamma):
    """A-2: q_* = the largest q_i among those with p_i = 0; γ_t = γ, γ_b = 0. Returns (q_*, γ_t, γ_b).

    ERRATUM: AL-EQA2-NAME, A-1 knows no q_*; A-4 calls it q_pos.

    >>> [float(value) for value in eqa2_setting((1, 0, 0), ("1/2", "1/4", "3/4"), gamma=2)]
    [0.75, 2.0, 0.0]
    """
    return _largest_background(p, q), gamma, mpf(0)


@literal
def eqa3_setting(p, q, *, gamma):
    """A-3: q_neg = q_j for the j with p_j = 1; γ_t = 0, γ_b = γ. Returns (q_neg, γ_t, γ_b).

    >>> [float(value) for value in eqa3_setting((1, 0, 0), ("1/2", "1/4", "3/4"), gamma=2)]
    [0.5, 0.0, 2.0]
    """
    return _score_of_target(p, q), mpf(0), gamma


@literal
def eqa4_setting(p, q, *, gamma):
    """A-4: q_pos as q_* in A-2, q_neg as in A-3; γ_t = γ_b = γ. Returns (q_pos, q_neg, γ_t, γ_b).

    >>> [float(value) for value in eqa4_setting((1, 0, 0), ("1/2", "1/4", "3/4"), gamma=2)]
    [0.75, 0.5, 2.0, 2.0]
    """
    return _largest_background(p, q), _score_of_target(p, q), gamma, gamma
