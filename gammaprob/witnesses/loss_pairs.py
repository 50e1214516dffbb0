"""Witnesses on the pair losses and their gradients: main, Eqs 1 to 4; supplementary, Eqs 7 to 9; the worked example."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import sympy
from mpmath import mp

from gammaprob import as_printed
from gammaprob.witnesses._compare import agree, checked, equal, witness
from gammaprob.witnesses._proof import proved
from paper_tables.outcome import Outcome

MARGIN = 1  # ξ, "the same value as recommended in the paper" of Yoo and Kweon

# The worked example of main, section 4.1
_EXAMPLE = {"theta_i": (1, 2, 1), "theta_j": (1, 1, 1), "w": (0, 3, 0)}
_LARGER, _SMALLER = {"l_i": 2, "l_j": 1}, {"l_i": 1, "l_j": 2}

# Pairs on both sides of the margin and of l_i = l_j, none on a kink of Eq 1.
_PAIRS = tuple(
    {"l_i": l_i, "l_j": l_j, "theta_i": theta_i, "theta_j": (1, "1/2"), "w": w}
    for (l_i, l_j), theta_i, w in product(
        ((1, 3), (3, 1), ("0.45", "0.47")), ((2, "1/3"), (1, 2), ("-1/4", 1)), ((1, "3/2"), ("-1/5", "1/7"))
    )
)

_l_i, _l_j = sympy.symbols("l_i l_j", positive=True)
_theta_i, _theta_j, _w = (sympy.symbols(f"{name}1:3", real=True) for name in ("a", "b", "w"))
_SYMBOLIC = (_l_i, _l_j, _theta_i, _theta_j, _w)


def _ranking_loss(l_i, l_j, theta_i, theta_j, w):
    """Eq 1 of predicted losses that are linear in θ and w."""
    return as_printed.main_eq1_objective(
        l_i, l_j, as_printed.predicted_loss(theta_i, w), as_printed.predicted_loss(theta_j, w), MARGIN
    )


def _slope(function, name: str, pair: dict) -> tuple:
    """Central differences with respect to the vector `name`; exact for a function that is linear nearby."""
    def moved(entry, step):
        vector = list(as_printed.exact(pair[name]))
        vector[entry] += step
        return function(**pair | {name: tuple(vector)})

    step = mp.mpf(2) ** -40
    return tuple((moved(entry, step) - moved(entry, -step)) / (2 * step) for entry in range(len(pair[name])))


@witness
def ranking_objective() -> Outcome:
    """Main, Eq 1: no loss exactly when the predicted losses are in the right order by the margin."""
    values = [Fraction(n, 4) for n in range(-8, 9)]
    cases = [
        (f"l=({l_i}, {l_j}), l̂_i−l̂_j={gap}, ξ={margin}",
         (as_printed.main_eq1_objective(l_i, l_j, gap, 0, margin) == 0) == ((gap if l_i > l_j else -gap) >= margin))
        for (l_i, l_j), gap, margin in product(((1, 2), (2, 1)), values, (Fraction(1, 2), 1))
    ]
    return Outcome((checked("zero exactly when ordered by the margin", cases),))


@witness
def objective_in_features() -> Outcome:
    """Main, before Eq 2 (and a slide): Eq 1 with l̂ = θᵀw."""
    def written_out(l_i, l_j, theta_i, theta_j, w):
        theta_i, theta_j, w = map(as_printed.exact, (theta_i, theta_j, w))
        sign = 1 if as_printed.exact(l_i) > as_printed.exact(l_j) else -1
        return max(mp.mpf(0), MARGIN - sign * sum((a - b) * c for a, b, c in zip(theta_i, theta_j, w, strict=True)))

    return Outcome((agree("with l̂ = θᵀw", _ranking_loss, written_out, _PAIRS),))


def _one_of(candidates, name: str):
    """Is the slope with respect to the vector `name` one of the printed vectors, for every pair?"""
    return checked(f"slope with respect to {name}", [
        (f"l=({pair['l_i']}, {pair['l_j']}), θ_i={pair['theta_i']}, w={pair['w']}",
         any(equal(_slope(_ranking_loss, name, pair), vector) for vector in candidates(pair)))
        for pair in _PAIRS
    ])


@witness
def ranking_gradient_w() -> Outcome:
    """Main, Eq 2a."""
    return Outcome((_one_of(lambda pair: as_printed.main_eq2a_gradients(pair["theta_i"], pair["theta_j"]), "w"),))


@witness
def ranking_gradient_theta() -> Outcome:
    """Main, Eq 2b, for θ_i and for θ_j."""
    return Outcome(tuple(
        _one_of(lambda pair: as_printed.main_eq2b_gradients(pair["w"]), name) for name in ("theta_i", "theta_j")
    ))


@witness
def one_component() -> Outcome:
    """Main, after Eq 2: where θ_i and θ_j differ along one component only, only that weight moves."""
    cases = []
    for component, (l_i, l_j) in product(range(3), ((1, 3), (3, 1))):
        theta_i = tuple(Fraction(3, 2) if n == component else 1 for n in range(3))
        pair = {"l_i": l_i, "l_j": l_j, "theta_i": theta_i, "theta_j": (1, 1, 1), "w": (Fraction(1, 3),) * 3}
        moving = [n for n, entry in enumerate(_slope(_ranking_loss, "w", pair)) if not equal(entry, mp.mpf(0))]
        cases.append((f"component {component}, l=({l_i}, {l_j})", moving == [component]))
    return Outcome((checked("only the weight of that component moves", cases),))


@witness
def example_case_1() -> Outcome:
    """Main, worked example, l_i > l_j: max(0, −1·(6−3) + 1) = 0; w is aligned with θ_i − θ_j."""
    lhat = [as_printed.predicted_loss(_EXAMPLE[name], _EXAMPLE["w"]) for name in ("theta_i", "theta_j")]
    difference = sympy.Matrix(_EXAMPLE["theta_i"]) - sympy.Matrix(_EXAMPLE["theta_j"])
    return Outcome((checked("exact arithmetic", [
        ("θ_iᵀw = 6", lhat[0] == 6), ("θ_jᵀw = 3", lhat[1] == 3), ("loss 0", _ranking_loss(**_LARGER, **_EXAMPLE) == 0),
        ("w parallel to θ_i − θ_j", difference.row_join(sympy.Matrix(_EXAMPLE["w"])).rank() == 1),
    ]),))


@witness
def example_case_2() -> Outcome:
    """Main, worked example, l_i < l_j: max(0, 1·(6−3) + 1) = 4."""
    return Outcome((checked("exact arithmetic", [("loss 4", _ranking_loss(**_SMALLER, **_EXAMPLE) == 4)]),))


@witness
def example_gradient() -> Outcome:
    """Main, worked example, case 2: ∇_w = [0, 1, 0]ᵀ, and the step −∇_w makes the loss smaller."""
    slope = _slope(_ranking_loss, "w", _SMALLER | _EXAMPLE)
    stepped = tuple(weight - entry for weight, entry in zip(_EXAMPLE["w"], slope, strict=True))
    before, after = (_ranking_loss(**_SMALLER, **_EXAMPLE | {"w": w}) for w in (_EXAMPLE["w"], stepped))
    return Outcome((checked("exact arithmetic", [
        ("gradient [0, 1, 0]", slope == (0, 1, 0)), ("loss after the step −∇ is smaller", after < before),
    ]),))


@witness
def example_descent() -> Outcome:
    """Main, worked example, case 2: descent turns w around, until it points where the loss is least."""
    w, losses = tuple(map(mp.mpf, _EXAMPLE["w"])), []
    while not losses or losses[-1] > 0:
        pair = _SMALLER | _EXAMPLE | {"w": w}
        losses.append(_ranking_loss(**pair))
        slope = _slope(_ranking_loss, "w", pair) if losses[-1] > 0 else (0, 0, 0)
        w = tuple(weight - entry for weight, entry in zip(w, slope, strict=True))
    return Outcome((checked("steps of length 1", [
        (f"losses fall: {[int(loss) for loss in losses]}", losses == sorted(losses, reverse=True)),
        (f"w ends at {[int(entry) for entry in w]}, reversed", w[1] < 0 and w[0] == w[2] == 0),
    ]),))


@witness
def divergence() -> Outcome:
    """Main, Eq 3 and supplementary, Eq 7: the Kullback-Leibler divergence of two coins, zero only for p = q."""
    def by_quadrature(l_i, l_j, theta_i, theta_j, w):
        p = as_printed.true_loss_target(l_i, l_j)
        q = as_printed.softmax_target(as_printed.predicted_loss(theta_i, w), as_printed.predicted_loss(theta_j, w))
        return mp.quad(lambda t: (p - t) / (t * (1 - t)), [q, p])

    equal = as_printed.main_eq3_objective(_l_i, _l_j, (sympy.log(_l_i),), (sympy.log(_l_j),), (sympy.Integer(1),))
    return Outcome((
        agree("∫_q^p (p−t)/(t(1−t)) dt", as_printed.main_eq3_objective, by_quadrature, _PAIRS),
        proved("zero at l̂ = log l", {"q = p": equal}),
    ))


def _gradient_differences(printed, variables, sign=1) -> dict:
    objective = as_printed.main_eq3_objective(*_SYMBOLIC)
    return {
        f"∂/∂{variable}": sympy.diff(objective, variable) - sign * entry
        for variable, entry in zip(variables, printed(*_SYMBOLIC), strict=True)
    }


@witness
def divergence_gradient_w() -> Outcome:
    """Main, Eq 4a and supplementary, Eq 9."""
    return Outcome((proved("with respect to w", _gradient_differences(as_printed.main_eq4a_gradient, _w)),))


@witness
def divergence_gradient_theta() -> Outcome:
    """Main, Eq 4b: (q_i − p_i) w, for a θ without index."""
    printed = as_printed.main_eq4b_gradient
    return Outcome(
        (
            proved("θ read as θ_i", _gradient_differences(printed, _theta_i)),
            proved("θ read as θ_j", _gradient_differences(printed, _theta_j)),
        ),
        (proved("−(q_i − p_i) w for θ_j", _gradient_differences(printed, _theta_j, sign=-1)),),
    )


@witness
def divergence_gradient_steps() -> Outcome:
    """Supplementary, section 3: the lines from Eq 7 to Eq 8, and Eq 8 itself."""
    objective = as_printed.main_eq3_objective(*_SYMBOLIC)
    first, second, third = as_printed.supplementary_eq8_steps(*_SYMBOLIC)
    eight = as_printed.supplementary_eq8_gradient(*_SYMBOLIC)
    slopes = [sympy.diff(objective, variable) for variable in _w]
    return Outcome((
        proved("first line", {f"∂/∂{v}": s - sympy.diff(first, v) for v, s in zip(_w, slopes, strict=True)}),
        proved("second line", {f"∂/∂{v}": s - sympy.diff(second, v) for v, s in zip(_w, slopes, strict=True)}),
        proved("third line", {f"∂/∂{v}": s - entry for v, s, entry in zip(_w, slopes, third, strict=True)}),
        proved("Eq 8", {f"∂/∂{v}": s - entry for v, s, entry in zip(_w, slopes, eight, strict=True)}),
    ))


@witness
def complementary_residuals() -> Outcome:
    """Supplementary, before Eq 9: p and q each add up to one, so that q_i − p_i = −(q_j − p_j)."""
    x, y = sympy.symbols("x y", real=True)
    p_i, p_j = as_printed.true_loss_target(_l_i, _l_j), as_printed.true_loss_target(_l_j, _l_i)
    q_i, q_j = as_printed.softmax_target(x, y), as_printed.softmax_target(y, x)
    return Outcome((proved("symbolically", {
        "p_i + p_j = 1": p_i + p_j - 1, "q_i + q_j = 1": q_i + q_j - 1, "q_i − p_i": (q_i - p_i) + (q_j - p_j),
    }),))


@witness
def target_ratio() -> Outcome:
    """Main, before Eq 3: an image with n times the loss is n times as likely to be sampled."""
    n = sympy.Symbol("n", positive=True)
    ratio = as_printed.true_loss_target(n * _l_j, _l_j) / as_printed.true_loss_target(_l_j, n * _l_j)
    return Outcome((proved("p_i / p_j", {"l_i = n l_j": ratio - n}),))


@witness
def target_meaning() -> Outcome:
    """Main, before Eq 3: p_i "denotes the probability of x_i having a higher true loss than x_j"."""
    losses = [(1, 3), (3, 1), (2, 5), (7, 2)]
    return Outcome(
        (
            checked("a sampling probability in proportion to the losses", [
                (f"l={pair}", as_printed.true_loss_target(*pair) * sum(pair) == pair[0]) for pair in losses
            ]),
            checked("the probability of the event l_i > l_j, given both losses", [
                (f"l={pair}", as_printed.true_loss_target(*pair) == int(pair[0] > pair[1])) for pair in losses
            ]),
        ),
        (checked("p_i is the share of l_i in l_i + l_j, the event itself is certain", [
            (f"l={pair}", 0 < as_printed.true_loss_target(*pair) < 1) for pair in losses
        ]),),
    )
