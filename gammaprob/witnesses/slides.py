"""Witnesses on the three-image example (main, Fig. 1; slides "Case 1" and "Case 2") and on the slides' own wording."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from itertools import product

from mpmath import mp

from gammaprob import as_printed
from gammaprob.symbolic import delta, x
from gammaprob.witnesses._compare import checked, witness
from gammaprob.witnesses._proof import proved
from gammaprob.witnesses.objectives import ranking_slope
from paper_tables.outcome import Outcome
from paper_tables.published import load

_IMAGES = {row["image"]: row for row in load("slides_example")}
_FACTOR = Decimal("0.32")  # printed before ‖θ_i − θ_j‖ for the pair (a, c)
_UNIT = Decimal("0.01")  # of the printed factor
_HALF_UNIT = Fraction(1, 200)  # of the two decimals to which the losses are printed


def _response(i, j):
    """|q_i − p_i| of two (true loss, predicted loss) pairs."""
    return abs(as_printed.softmax_target(i[1], j[1]) - as_printed.true_loss_target(i[0], j[0]))


def _printed(image: str) -> tuple[str, str]:
    return _IMAGES[image]["l"], _IMAGES[image]["lhat"]


def _digits(value, mode: str = ROUND_HALF_EVEN) -> Decimal:
    return Decimal(mp.nstr(value, 30)).quantize(_UNIT, rounding=mode)


def _range_of_response(i: str, j: str):
    """Least and largest |q_i − p_i| over all losses that round to the printed ones; monotone in each, so at corners."""
    corners = [
        [(Fraction(loss) + a * _HALF_UNIT, Fraction(predicted) + b * _HALF_UNIT) for a, b in product((-1, 1), repeat=2)]
        for loss, predicted in (_printed(i), _printed(j))
    ]
    responses = [_response(*pair) for pair in product(*corners)]
    return min(responses), max(responses)


@witness
def similar_pair_response() -> Outcome:
    """The pair (a, b): the LearningLoss++ gradient is ≈ 0."""
    response = _response(_printed("a"), _printed("b"))
    return Outcome((checked("to the two decimals of the other entry", [
        (f"|q − p| = {mp.nstr(response, 3)}", _digits(response) == 0),
    ]),))


@witness
def different_pair_response() -> Outcome:
    """The pair (a, c): the LearningLoss++ gradient is 0.32 ‖θ_i − θ_j‖."""
    response = _response(_printed("a"), _printed("c"))
    least, most = _range_of_response("a", "c")
    return Outcome(
        (
            checked("the losses exactly as printed, rounded", [
                (f"|q − p| = {mp.nstr(response, 5)} rounds to {_digits(response)}", _digits(response) == _FACTOR),
            ]),
            checked("the losses exactly as printed, truncated", [
                (f"|q − p| = {mp.nstr(response, 5)} truncates to {_digits(response, ROUND_DOWN)}",
                 _digits(response, ROUND_DOWN) == _FACTOR),
            ]),
            checked("some losses that round to the printed ones", [
                (f"|q − p| from {mp.nstr(least, 5)} to {mp.nstr(most, 5)}",
                 _digits(least) <= _FACTOR <= _digits(most)),
            ]),
        ),
        (checked("0.33 from the printed losses", [
            (f"|q − p| = {mp.nstr(response, 5)}", _digits(response) == _FACTOR + _UNIT)
        ]),),
    )


@witness
def ranking_responses() -> Outcome:
    """Both pairs: the Learning Loss gradient is ‖θ_i − θ_j‖, although one pair is similar and one is not."""
    cases = []
    for other in "bc":
        (l_i, lhat_i), (l_j, lhat_j) = (map(Fraction, _printed(image)) for image in ("a", other))
        cases.append((f"(a, {other})", abs(ranking_slope(l_i, l_j, lhat_i - lhat_j)) == 1))
    return Outcome((checked("ξ = 1", cases),))


@witness
def ratio_of_losses() -> Outcome:
    """Slide "Case 2": "probability of sampling an image is the ratio of true losses", beside x/(2x + δ)."""
    printed = x / (2 * x + delta)
    return Outcome(
        (
            proved("the share l_i/(l_i + l_j)", {"p_i": as_printed.true_loss_target(x, x + delta) - printed}),
            proved("the ratio l_i/l_j", {"l_i/l_j": x / (x + delta) - printed}),
        ),
        (proved("p_i = l_i/(l_i + l_j) at l_i = x, l_j = x + δ", {
            "p_i": as_printed.true_loss_target(x, x + delta) - printed
        }),),
    )
