"""Witnesses on what the anchor loss paper says of its modulator and its loss in words."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise, permutations, product

import sympy
from mpmath import mp

from gammaprob.as_printed import exact, exponential
from gammaprob.witnesses._compare import checked, equal, witness
from gammaprob.witnesses._proof import proved
from gradients import as_printed
from gradients.witnesses._anchor import ANCHOR, BACKGROUND, GAMMA, MARGIN, ZERO, Q, entropy, gaussian
from paper_tables.outcome import Outcome

_POSITIVE = tuple(point for point in BACKGROUND if point["gamma"] != "0")  # at γ = 0 nothing is modulated
_TENTHS = tuple(Fraction(n, 10) for n in range(1, 10))


def _said(point) -> str:
    return ", ".join(f"{letter}={point[name]}" for name, letter in (("q", "q"), ("anchor", "q_*"), ("gamma", "γ")))


def _excess(q, anchor, gamma) -> int:
    """Sign of the anchor loss of a background label less its cross entropy."""
    loss, plain = as_printed.eq1_loss(0, q, anchor=anchor, gamma=gamma), entropy(0, q)
    return 0 if equal(loss, plain) else int(mp.sign(loss - plain))


def _modulator(q, anchor, gamma):
    """What stands before the cross entropy of a background label in Eq 1."""
    return as_printed.eq1_loss(0, q, anchor=anchor, gamma=gamma) / entropy(0, q)


def _where(order, sign, points=_POSITIVE) -> list[tuple[str, bool]]:
    """Does the excess have this sign wherever the score stands in this order (−1, 0, 1) to the anchor?"""
    return [
        (_said(point), _excess(**point) == sign) for point in points
        if mp.sign(exact(point["q"]) - exact(point["anchor"])) == order
    ]


def _sigmoid(logits) -> list:
    return [1 / (1 + exponential(-logit)) for logit in logits]


def _softmax(logits) -> list:
    powers = list(map(exponential, logits))
    return [power / sum(powers) for power in powers]


# Section 3.1: the modulator


@witness
def modulator_domain() -> Outcome:
    """After Eq 1: the modulator's domain is bounded by |q − q_*| < 1, also what becomes of it with the margin."""
    ends = tuple(Fraction(1, n) for n in (10**9, 100, 50))
    scores = (*ends, *_TENTHS, *(1 - end for end in ends))

    def inside(margin):
        """The difference that the modulator of γ = 1 takes, within −1 + margin and 1 + margin."""
        return [
            (f"q={float(q)}, q_t={float(q_t)}", bool(
                margin - 1 < _modulator(q, as_printed.margin_anchor(q_t, margin), 1) - 1 < 1 + margin
            )) for q, q_t in product(scores, repeat=2)
        ]

    return Outcome((
        checked("q_* = q_t, the score itself", inside(mp.zero)),
        checked("−1 + δ < q − q_* < 1 + δ with the margin of section 3.2, q_* = q_t − δ", inside(exact(MARGIN))),
    ))


@witness
def modulator_monotone() -> Outcome:
    """After Eq 1: the modulator is a monotonic increasing function of the prediction difficulty, for γ ≥ 0."""
    difficulties = tuple(Fraction(n, 10) for n in range(-9, 10))
    centres = tuple(Fraction(n, 100) for n in (46, 50, 54))  # half way between q and q_*, which stay in (0, 1)

    def at(difficulty, centre, gamma):
        return _modulator(centre + difficulty / 2, centre - difficulty / 2, gamma)

    def steps(gammas, rises):
        return [
            (f"γ={gamma}, q − q_* from {low} to {high}", bool(rises(at(high, one, gamma) - at(low, other, gamma))))
            for gamma, (low, high), one, other in product(gammas, pairwise(difficulties), centres, centres)
        ]

    positive = ("0.5", "1", "2", "5")
    return Outcome(
        (
            checked("it never falls", steps(("0", *positive), lambda step: step >= 0)),
            checked("it always rises", steps(("0", *positive), lambda step: step > 0)),
        ),
        (
            checked("it rises for γ > 0", steps(positive, lambda step: step > 0)),
            checked("it is constant for γ = 0", steps(("0",), lambda step: step == 0)),
        ),
    )


@witness
def dynamic_range() -> Outcome:
    """After Eq 1: γ controls the dynamic range of the loss."""
    modulator = sympy.cancel(as_printed.eq1_loss(ZERO, Q, anchor=ANCHOR, gamma=GAMMA) / -sympy.log(1 - Q))
    return Outcome((proved("the logarithm of the modulator is proportional to γ", {
        "γ log(1 + q − q_*)": sympy.expand_log(sympy.log(modulator), force=True) - GAMMA * sympy.log(1 + Q - ANCHOR),
    }),))


@witness
def easy_anchor() -> Outcome:
    """Before the three cases: with a correct label assigned, q_* (the target's score) is larger than any other q.

    The anchor is that of A-3; the label is assigned by the logits, which both kinds of scores must keep in order.
    """
    logits = [
        order for order in permutations(map(exact, ("-3", "0", "0.1", "4")), 3) if order.index(max(order)) == 0
    ]

    def above(scores, margin):
        return [
            (f"logits {', '.join(mp.nstr(logit, 2) for logit in order)}", all(
                as_printed.margin_anchor(as_printed.eqa3_setting((1, 0, 0), scores(order), gamma=1)[0], margin) > other
                for other in scores(order)[1:]
            )) for order in logits
        ]

    return Outcome((
        checked("sigmoid scores", above(_sigmoid, 0)), checked("softmax scores", above(_softmax, 0)),
        checked("with the margin of section 3.2 it need not be", [
            ("some sigmoid score reaches the anchor", not all(so for _, so in above(_sigmoid, MARGIN))),
        ]),
    ))


@witness
def easy_case() -> Outcome:
    """Easy case, q < q_*: the loss function is suppressed."""
    return Outcome((checked("the loss is less than cross entropy", _where(-1, -1)),))


@witness
def moderate_case() -> Outcome:
    """Moderate case, q = q_*: the modulator is 1, the loss is cross entropy."""
    return Outcome((proved("Eq 1 of a background label", {
        "q = q_*": as_printed.eq1_loss(ZERO, Q, anchor=Q, gamma=GAMMA) - as_printed.eq6_cross_entropy(ZERO, Q)
    }),))


@witness
def hard_case() -> Outcome:
    """Hard case, q > q_*: "penalizes more than cross entropy for most of the range", since q_* is low."""
    others = tuple(Fraction(n, 20) for n in range(1, 20))
    hard = [(q, q_t) for q, q_t in product(others, repeat=2) if q > q_t]

    def low(pairs):
        return [(f"q={q}, q_*={q_t}", 1 - q_t > Fraction(1, 2)) for q, q_t in pairs]

    return Outcome(
        (
            checked("at every q > q_*", _where(1, 1)),
            checked("on more than half of 0 < q < 1 in each hard case, sigmoid scores", low(hard)),
        ),
        (
            checked("exactly where q > q_*", _where(1, 1) + _where(-1, -1)),
            checked("the range q_* < q < 1 is more than half in each hard case of softmax scores, q + q_* ≤ 1", low(
                [(q, q_t) for q, q_t in hard if q + q_t <= 1])),
        ),
    )


@witness
def increased_and_reduced() -> Outcome:
    """Introduction, Figs 1 and 2: more loss than cross entropy where q > q_*, less where q_* is the higher one."""
    return Outcome((
        checked("more above the anchor", _where(1, 1)), checked("less below the anchor", _where(-1, -1)),
    ))


@witness
def above_the_anchor() -> Outcome:
    """Figs 1 and 2: a background score above the anchor is penalised more than by cross entropy."""
    return Outcome((checked("the loss is more than cross entropy", _where(1, 1)),))


@witness
def reversed_prediction() -> Outcome:
    """Section 2: the loss "rules out a reversed prediction about target and background classes"."""
    reversals = [(q_t, q) for q_t, q in product(_TENTHS, repeat=2) if q > q_t]

    def loss(q_t, q, gamma):
        return -sum(as_printed.eq2_sums((1, 0), (q_t, q), anchor=q_t, gamma=gamma))

    def cases(true):
        return [
            (f"q_t={q_t}, q={q}, γ={gamma}", bool(true(loss(q_t, q, gamma), entropy(1, q_t) + entropy(0, q))))
            for (q_t, q), gamma in product(reversals, ("0.5", "2"))
        ]

    return Outcome(
        (
            checked("it costs more than by cross entropy", cases(lambda anchor_loss, plain: anchor_loss > plain)),
            checked("it is excluded: its loss is infinite", cases(lambda anchor_loss, _: mp.isinf(anchor_loss))),
        ),
        (checked("it costs less than 2^γ times its cross entropy", [
            (f"q_t={q_t}, q={q}, γ={gamma}",
             bool(loss(q_t, q, gamma) < mp.power(2, exact(gamma)) * (entropy(1, q_t) + entropy(0, q))))
            for (q_t, q), gamma in product(reversals, ("0.5", "2"))
        ]),),
    )


# Sections 3.2, 3.3


@witness
def independent_scores() -> Outcome:
    """Section 3.2: unlike softmax, sigmoid handles each class output probability as an independent variable."""
    logits = sympy.symbols("z1:4", real=True)
    sigmoid, softmax = _sigmoid(logits), _softmax(logits)
    pairs = list(permutations(range(3), 2))
    return Outcome((
        proved("a sigmoid score does not change with another class's logit", {
            f"∂q_{k + 1}/∂z_{j + 1}": sympy.diff(sigmoid[k], logits[j]) for k, j in pairs
        }),
        proved("a softmax score changes by −q_k q_j", {
            f"∂q_{k + 1}/∂z_{j + 1}": sympy.diff(softmax[k], logits[j]) + softmax[k] * softmax[j] for k, j in pairs
        }),
    ))


@witness
def margin_direction() -> Outcome:
    """Section 3.2: a margin δ is added to the anchor to penalise outputs lower than but close to the target's score."""
    margin = Fraction(MARGIN)
    near = [
        (q_t - share * margin, q_t, gamma)
        for q_t, share, gamma in product(_TENTHS, (Fraction(1, 10), Fraction(9, 10)), ("0.5", "2"))
    ]

    def penalised(anchor):
        return [
            (f"q={float(q)}, q_t={float(q_t)}, γ={gamma}", _excess(q, anchor(q_t), gamma) > 0) for q, q_t, gamma in near
        ]

    subtracted = checked(
        "q_* = q_t − δ, as the formula has it", penalised(lambda q_t: as_printed.margin_anchor(q_t, margin))
    )
    return Outcome(
        (subtracted, checked("q_* = q_t + δ, as the sentence has it", penalised(lambda q_t: q_t + margin))),
        (
            subtracted,
            checked("outputs below q_t − δ stay suppressed", [
                (f"q_t={float(q_t)}", _excess(q_t - 2 * margin, as_printed.margin_anchor(q_t, margin), "2") < 0)
                for q_t in _TENTHS[1:]
            ]),
        ),
    )


@witness
def single_pixel() -> Outcome:
    """Section 3.3: a single true positive pixel may incur a huge penalty on adjacent pixels."""
    cost, cases = as_printed.eq6_cross_entropy, []
    for sigma in ("1", "2", "4"):
        label = gaussian(3, ("1", "1"), sigma)[1, 0]  # beside the centre; there the network is right: q = p
        cases.append((f"σ={sigma}", bool(cost(0, label) > cost(label, label))))
    return Outcome((
        checked("more than a Gaussian label does, at q equal to the Gaussian", cases),
        checked("without bound as q → 1", [
            (f"q=1 − 10^−{n}", bool(cost(0, 1 - mp.mpf(10) ** -n) > 2 * n)) for n in (3, 10, 30)
        ]),
    ))


@witness
def gaussian_mask() -> Outcome:
    """Section 3.3: with a Gaussian heatmap the anchor loss acts on the true negative pixels, p = 0."""
    side, centre, sigma = 64, ("20.3", "41.8"), "1"

    def background(reach):
        """Share of the pixels that M(p) picks, of a heatmap cut to exact zero beyond `reach` standard deviations."""
        picked = [
            as_printed.eq3_mask(label if -2 * mp.log(label) <= reach**2 else 0) == 1
            for label in gaussian(side, centre, sigma).values()
        ]
        return Fraction(sum(picked), len(picked))

    return Outcome(
        (
            checked("a Gaussian, as its formula has it", [(f"share of pixels, σ={sigma}", background(mp.inf) > 0)]),
            checked("a Gaussian cut to zero beyond 3σ, as the hourglass labels are", [("share", background(3) > 0)]),
        ),
        (checked("cut to zero the mask leaves but the few pixels near the keypoint", [
            (f"beyond {reach}σ", 1 - background(reach) < Fraction(1, 50)) for reach in (2, 3)
        ]),),
    )


@witness
def trained_heatmap() -> Outcome:
    """Fig. 7: once the target body part is found with high confidence, the loss is reduced on most of the area."""
    side, target, rival = 24, ("6", "7"), ("17", "15")
    label, other = gaussian(side, target, "1.5"), gaussian(side, rival, "1.5")

    def reduced(confidence, of_rival):
        """Share of the masked pixels whose loss is below binary cross entropy."""
        score = {pixel: confidence * label[pixel] + of_rival * other[pixel] + mp.mpf("0.02") for pixel in label}
        cut = {pixel: p if p > mp.mpf("0.01") else mp.mpf(0) for pixel, p in label.items()}
        anchor = as_printed.eq4_anchor(tuple(cut.values()), tuple(score.values()))
        signs = [
            mp.sign(as_printed.eq5_loss(0, score[pixel], anchor=anchor, gamma=2) - entropy(0, score[pixel]))
            for pixel, p in cut.items() if p == 0
        ]
        return Fraction(signs.count(-1), len(signs))

    return Outcome((checked("more than half of the background pixels, γ = 2", [
        (f"target {confidence}, other part {of_rival}",
         reduced(exact(confidence), exact(of_rival)) > Fraction(1, 2))
        for confidence, of_rival in product(("0.8", "0.95"), ("0.1", "0.5", "0.9"))
    ]),))


# Focal loss


_FOCAL = [{"p": p, "q": q, "gamma": gamma} for p, q, gamma in product((0, 1), _TENTHS, ("0.5", "1", "2", "5"))]


@witness
def focal_depresses() -> Outcome:
    """Fig. 2: focal loss always depresses the loss values."""
    return Outcome((checked("less than cross entropy at every score, γ > 0", [
        (f"p={point['p']}, q={point['q']}, γ={point['gamma']}",
         bool(as_printed.eq7_focal_loss(**point) < entropy(point["p"], point["q"]))) for point in _FOCAL
    ]),))


@witness
def focal_focuses() -> Outcome:
    """Section 3.4, after Eq 9: (1 − q_t)^γ reshapes the loss to down-weight easy samples."""
    def factor(q_t, gamma):
        return as_printed.eq9_focal_loss(q_t, gamma=gamma) / as_printed.eq8_cross_entropy(q_t)

    return Outcome((checked("the factor is below 1 and falls with q_t", [
        (f"q_t from {low} to {high}, γ={gamma}", bool(1 > factor(low, gamma) > factor(high, gamma)))
        for (low, high), gamma in product(pairwise(_TENTHS), ("0.5", "1", "2", "5"))
    ]),))


@witness
def focal_uniform() -> Outcome:
    """Introduction: focal loss "uniformly" down-weights easy samples, anchor loss uses the gap between two scores."""
    other = sympy.Symbol("q_other", positive=True)
    focal = as_printed.eq7_focal_loss(ZERO, Q, gamma=GAMMA) / as_printed.eq6_cross_entropy(ZERO, Q)
    anchored = as_printed.eq13_loss(Q, anchor=other, gamma=GAMMA) / as_printed.eq6_cross_entropy(ZERO, Q)
    easy = [Fraction(n, 100) for n in (1, 5, 10, 30)]
    return Outcome(
        (
            checked("whatever the scores of other classes are", [
                ("focal loss has its own score alone", other not in focal.free_symbols),
                ("anchor loss has the anchor", other in anchored.free_symbols),
            ]),
            checked("all by one factor", [
                (f"q={a} and q={b}", equal(*(
                    as_printed.eq9_focal_loss(1 - q, gamma=2) / as_printed.eq8_cross_entropy(1 - q) for q in (a, b)
                ))) for a, b in combinations(easy, 2)
            ]),
        ),
        (proved("by (1 − q_t)^γ, which is q^γ for a background label", {"factor": sympy.cancel(focal) - Q**GAMMA}),),
    )


# Appendix A-1


def _excess_of_a1(label, q, anchor, gamma) -> int:
    """Sign of A-1's loss of a label less its cross entropy."""
    loss = as_printed.eqa1_loss(
        label, q, target_anchor=anchor, background_anchor=anchor, target_gamma=gamma, background_gamma=gamma
    )
    return int(mp.sign(loss - entropy(label, q)))


_FINE = tuple(Fraction(n, 40) for n in range(1, 40))


@witness
def figure_a1_target() -> Outcome:
    """Fig. A-1 (a): a target score below q_pos = 0.2 is penalised more than by binary cross entropy."""
    return Outcome((checked("for γ > 0", [
        (f"q={q}, γ={gamma}", _excess_of_a1(1, q, "0.2", gamma) > 0)
        for q, gamma in product(_FINE, ("0.5", "1", "2")) if q < Fraction(1, 5)
    ]),))


@witness
def figure_a1_background() -> Outcome:
    """Fig. A-1 (b): a background score above q_neg = 0.8 is penalised more than by binary cross entropy."""
    return Outcome((checked("for γ > 0", [
        (f"q={q}, γ={gamma}", _excess_of_a1(0, q, "0.8", gamma) > 0)
        for q, gamma in product(_FINE, ("0.5", "1", "2")) if q > Fraction(4, 5)
    ]),))


def _one_way(label: int, sign: int) -> Outcome:
    """Has A-1's excess this sign below the anchor, has it everywhere, and has it the other sign above?"""
    cases = [
        (f"q={q}, anchor {anchor}, γ={gamma}", q < anchor, _excess_of_a1(label, q, anchor, gamma))
        for q, anchor, gamma in product(_TENTHS, _TENTHS, ("0.5", "2")) if q != anchor
    ]
    return Outcome(
        (
            checked("where the score is below the anchor", [
                (words, found == sign) for words, low, found in cases if low
            ]),
            checked("everywhere", [(words, found == sign) for words, _, found in cases]),
        ),
        (checked("the opposite where it is above", [
            (words, found == (sign if low else -sign)) for words, low, found in cases
        ]),),
    )


@witness
def pushing_target() -> Outcome:
    """Appendix A-1: the loss of the target class is modulated by pushing it high."""
    return _one_way(1, 1)


@witness
def suppressing_background() -> Outcome:
    """Appendix A-1: the loss of the background classes is modulated by suppressing it."""
    return _one_way(0, -1)
