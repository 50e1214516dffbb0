"""Witnesses on what the papers say of the two objectives: equivalence, margins, hyperparameters, the two scenarios."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

import sympy
from mpmath import mp

from gammaprob import as_printed
from gammaprob.witnesses._compare import checked, equal, witness
from gammaprob.witnesses._proof import proved
from gammaprob.witnesses.loss_pairs import MARGIN
from paper_tables.outcome import Outcome

_LOSSES = ((3, 2), (2, 3), (11, 10), (10, 11), (5, 1))
_GAPS = tuple(Fraction(n, 4) for n in range(-6, 7))  # l̂_i − l̂_j

_l_i, _l_j, _temperature = sympy.symbols("l_i l_j tau", positive=True)
_LOG_RATIO = sympy.log(_l_i / _l_j)


def _smooth_slope(l_i, l_j, gap):
    """The LearningLoss++ gradient as a multiple of θ_i − θ_j: q_i − p_i (main, Eq 4a)."""
    return as_printed.softmax_target(gap, 0) - as_printed.true_loss_target(l_i, l_j)


def ranking_slope(l_i, l_j, gap) -> int:
    """The Learning Loss gradient as a multiple of θ_i − θ_j: −sign(l_i − l_j) while Eq 1 is positive, else 0."""
    sign = (l_i > l_j) - (l_i < l_j)
    return -sign if as_printed.main_eq1_objective(l_i, l_j, gap, 0, MARGIN) > 0 else 0


def _residual_at(gap, temperature=sympy.Integer(1)):
    """q_i − p_i at l̂_i − l̂_j = gap, with a softmax of this temperature."""
    return as_printed.softmax_target(gap / temperature, sympy.Integer(0)) - as_printed.true_loss_target(_l_i, _l_j)


def _over_grid(predicate):
    """The predicate (l_i, l_j, gap) over all losses and gaps, as cases."""
    return [
        (f"l=({l_i}, {l_j}), l̂_i−l̂_j={gap}", bool(predicate(l_i, l_j, gap)))
        for (l_i, l_j), gap in product(_LOSSES, _GAPS)
    ]


@witness
def equivalence() -> Outcome:
    """Main, contribution 1, sections 4.1 and 6, and a slide: the two objectives are equivalent."""
    theta_j, direction = (1, Fraction(1, 2), 3), (2, 1, -1)
    theta_i = tuple(a + b for a, b in zip(theta_j, direction, strict=True))

    def parallel(l_i, l_j, gap):
        # w = (0, gap, 0) gives these features the difference l̂_i − l̂_j = gap; Eq 8 is not yet factored.
        gradient = as_printed.supplementary_eq8_gradient(l_i, l_j, theta_i, theta_j, (0, gap, 0))
        return all(equal(gradient[m] * direction[n], gradient[n] * direction[m]) for m, n in combinations(range(3), 2))

    def same_side(l_i, l_j, gap):
        return mp.sign(_smooth_slope(l_i, l_j, gap)) == ranking_slope(l_i, l_j, gap)

    return Outcome(
        (
            checked("both gradients are multiples of θ_i − θ_j", _over_grid(parallel)),
            checked("both gradients vanish together and never point in opposite directions", _over_grid(same_side)),
        ),
        (
            proved("LearningLoss++ is least at l̂_i − l̂_j = log(l_i/l_j)", {"q_i − p_i": _residual_at(_LOG_RATIO)}),
            checked("Learning Loss is least at every right order by ξ or more", _over_grid(
                lambda l_i, l_j, gap: (ranking_slope(l_i, l_j, gap) == 0) == ((gap if l_i > l_j else -gap) >= MARGIN)
            )),
        ),
    )


@witness
def no_margin() -> Outcome:
    """Main, contribution 1, and the last slide: the objective of LearningLoss++ has no margin to choose."""
    inputs = (_l_i, _l_j, *sympy.symbols("a b w", real=True))
    objective = as_printed.main_eq3_objective(inputs[0], inputs[1], *((symbol,) for symbol in inputs[2:]))
    return Outcome((checked("free symbols of Eq 3 and Eq 1", [
        ("Eq 3 has the losses, features and weights alone", objective.free_symbols == set(inputs)),
        ("Eq 1 changes with ξ", len({as_printed.main_eq1_objective(2, 1, 0, 0, margin) for margin in (1, 2)}) == 2),
    ]),))


@witness
def hyperparameter_free() -> Outcome:
    """Main, abstract of contributions and section 6: the objective is free of any hyperparameters."""
    return Outcome(
        (
            *no_margin().printed,
            proved("nor of an unnamed constant: another softmax temperature leaves the optimum", {
                "temperature 2": _residual_at(_LOG_RATIO, sympy.Integer(2)),
            }),
        ),
        (
            proved("at temperature τ the optimum is τ log(l_i/l_j)", {
                "any τ": _residual_at(_temperature * _LOG_RATIO, _temperature),
            }),
        ),
    )


@witness
def absorbed_margin() -> Outcome:
    """Main, sections 4 and 4.1.1, and slides: LearningLoss++ implicitly absorbs the margin ξ."""
    return Outcome((
        proved("no gradient at l̂_i − l̂_j = log(l_i/l_j)", {"q_i − p_i": _residual_at(_LOG_RATIO)}),
        checked("a gradient towards that gap from either side", _over_grid(
            lambda l_i, l_j, gap: mp.sign(_smooth_slope(l_i, l_j, gap))
            == mp.sign(as_printed.exact(gap) - mp.log(mp.mpf(l_i) / l_j))
        )),
    ))


@witness
def similar_pair() -> Outcome:
    """Main, scenario 1, and Fig. 1: Learning Loss penalises a similar pair, LearningLoss++ hardly does."""
    close = [(Fraction(45, 100), Fraction(47, 100)), (Fraction(100, 99), 1)]
    gaps = [Fraction(n, 100) for n in range(-5, 6) if n]  # at n = 0 the second bound is attained
    words = [(f"l=({l_i}, {l_j}), l̂_i−l̂_j={gap}", l_i, l_j, gap) for (l_i, l_j), gap in product(close, gaps)]

    # The softmax has slope 1/4 or less, and |p_i − ½| is half of the relative difference of the losses.
    def bound(l_i, l_j, gap):
        return abs(as_printed.exact(gap)) / 4 + abs(as_printed.exact(l_i - l_j)) / (2 * as_printed.exact(l_i + l_j))

    return Outcome((
        checked("Learning Loss has its full gradient", [
            (text, abs(ranking_slope(l_i, l_j, gap)) == 1) for text, l_i, l_j, gap in words
        ]),
        checked("|q_i − p_i| ≤ |l̂_i − l̂_j|/4 + |l_i − l_j|/(2(l_i + l_j))", [
            (text, bool(abs(_smooth_slope(l_i, l_j, gap)) <= bound(l_i, l_j, gap))) for text, l_i, l_j, gap in words
        ]),
    ))


@witness
def similar_losses() -> Outcome:
    """Main, scenario 1: l_i ≈ l_j implies p_i ≈ ½, where "similar" is then measured by |X − Y| ≤ δ."""
    half = Fraction(1, 2)
    pairs = [(Fraction(small), Fraction(small) + Fraction(delta))
             for small, delta in product(("0.00001", "0.264"), ("0.02", "0.1"))]

    def exact_target(l_i, l_j):
        return l_i / (l_i + l_j)

    return Outcome(
        (
            checked("similar in ratio: |p_i − ½| is half of |l_i − l_j|/(l_i + l_j)", [
                (f"l={tuple(map(float, pair))}",
                 abs(exact_target(*pair) - half) == abs(pair[0] - pair[1]) / (2 * sum(pair))
                 and equal(as_printed.true_loss_target(*pair), as_printed.exact(exact_target(*pair))))
                for pair in pairs
            ]),
            checked("similar in difference: |l_i − l_j| ≤ δ keeps |p_i − ½| below 0.49", [
                (f"l={tuple(map(float, pair))}", abs(exact_target(*pair) - half) < Fraction(49, 100)) for pair in pairs
            ]),
        ),
        (
            checked("both losses at least m: |p_i − ½| ≤ δ/(4m)", [
                (f"l={tuple(map(float, pair))}",
                 abs(exact_target(*pair) - half) <= abs(pair[0] - pair[1]) / (4 * min(pair)))
                for pair in pairs
            ]),
        ),
    )


@witness
def different_pair() -> Outcome:
    """Main, scenario 2, and slides: LearningLoss++ grows with the difference of the losses, Learning Loss does not."""
    ratios = [Fraction(n, 4) for n in range(5, 30)]
    slopes = [abs(_smooth_slope(ratio, 1, 0)) for ratio in ratios]
    return Outcome((
        checked("|q_i − p_i| grows with l_i/l_j", [
            (f"l_i/l_j={ratio}", bool(larger > smaller))
            for ratio, smaller, larger in zip(ratios[1:], slopes, slopes[1:])
        ]),
        checked("the Learning Loss gradient stays −(θ_i − θ_j)", [
            (f"l_i/l_j={ratio}", ranking_slope(ratio, 1, 0) == -1) for ratio in ratios
        ]),
    ))


@witness
def penalty_condition() -> Outcome:
    """Main, after Eq 1: the network "incurs a loss if the predicted loss is not greater than ξ"."""
    def incurred(gap, offset=0):  # l_i > l_j; the offset moves both predicted losses
        return as_printed.main_eq1_objective(2, 1, gap + offset, offset, MARGIN) > 0

    offsets = (0, 3)
    return Outcome(
        (
            checked("the difference of the predicted losses, in the right order, is less than ξ", [
                (f"l̂_i−l̂_j={gap}", incurred(gap, offset) == (gap < MARGIN)) for gap, offset in product(_GAPS, offsets)
            ]),
            checked("the predicted loss itself is not greater than ξ", [
                (f"l̂_i={gap + offset}", incurred(gap, offset) == (gap + offset <= MARGIN))
                for gap, offset in product(_GAPS, offsets)
            ]),
        ),
        (checked("no loss at a difference of ξ exactly", [("l̂_i−l̂_j=ξ", not incurred(Fraction(MARGIN)))]),),
    )


@witness
def reversed_pair() -> Outcome:
    """Main, after Eq 1: "similarly, if l_j > l_i then l̂_j > l̂_i", so as not to incur any loss."""
    def no_loss(gap):
        return as_printed.main_eq1_objective(1, 2, gap, 0, MARGIN) == 0

    return Outcome(
        (
            checked("similarly, that is by the margin ξ", [
                (f"l̂_i−l̂_j={gap}", no_loss(gap) == (-gap >= MARGIN)) for gap in _GAPS
            ]),
            checked("as written, l̂_j > l̂_i suffices", [
                (f"l̂_i−l̂_j={gap}", no_loss(gap) == (gap < 0)) for gap in _GAPS
            ]),
        ),
        (checked("between the two, at 0 < l̂_j − l̂_i < ξ, a loss is left", [
            (f"l̂_i−l̂_j={gap}", not no_loss(gap)) for gap in _GAPS if 0 < -gap < MARGIN
        ]),),
    )


@witness
def opposite_order() -> Outcome:
    """Main, after Eq 1: the network incurs a loss if it predicts the opposite, l_i > l_j but l̂_i < l̂_j."""
    return Outcome((checked("a loss of more than ξ", [
        (f"l̂_i−l̂_j={gap}", as_printed.main_eq1_objective(2, 1, gap, 0, MARGIN) > MARGIN) for gap in _GAPS if gap < 0
    ]),))


@witness
def smoothness() -> Outcome:
    """Main, section 4.1.1, and slides: q_i − p_i smoothens the gradient."""
    step = Fraction(1, 1000)
    return Outcome((
        checked("LearningLoss++: the slope changes by at most a quarter of the step", [
            (f"l̂_i−l̂_j={gap}", bool(0 < _smooth_slope(3, 2, gap + step) - _smooth_slope(3, 2, gap)
                                     <= as_printed.exact(step) / 4)) for gap in _GAPS
        ]),
        checked("Learning Loss: the slope jumps from −1 to 0 at ξ", [
            (f"step {width}", (ranking_slope(3, 2, MARGIN - width), ranking_slope(3, 2, MARGIN + width)) == (-1, 0))
            for width in (step, step / 10**6)
        ]),
    ))


@witness
def softmax_order() -> Outcome:
    """Main, after Table 2: l̂_i < l̂_j implies q_i < q_j; and l̂_i = l̂_j implies q_i = ½."""
    return Outcome((checked("order of q follows order of l̂", [
        (f"l̂_i−l̂_j={gap}",
         bool(mp.sign(as_printed.softmax_target(gap, 0) - as_printed.softmax_target(0, gap)) == mp.sign(gap)))
        for gap in map(as_printed.exact, _GAPS)
    ]),))
