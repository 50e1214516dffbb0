"""The coefficient of the gradient as a field over the true gap δ and the predicted q: Learning Loss and LearningLoss++.

Image i of a pair has the loss l_i, j has l_j = l_i + δ, and q = σ(l̂_i − l̂_j) is the predicted probability of sampling
image i. Both gradients with respect to w are a coefficient times θ_i − θ_j. That of LearningLoss++ is averaged over the
pairs with the gap δ, q − φ(δ); that of Learning Loss has the sign of δ alone, and does not depend on the losses else.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gammaprob import gap_ppf
from gradients.closed_form import expected_gradient, expected_target, predicted_target, ranking_coefficient

__all__ = ["SOURCE", "TITLE", "Data", "Field", "caption", "compute", "draw"]

TITLE = "The coefficient over the true gap and the prediction"
SOURCE = "ours"
PAPER = {"shape": 4.0, "scale": 0.066}  # k, Θ of the paper's tables
STUDY, CELL = "lspet", {"method": "random", "seed": 0, "stage": 1}  # the recorded pool whose losses are kept as well
MARGIN = 1.0  # ξ of Eq. 1, in units of the predicted loss
SHOWN = 0.999  # share of random pairs whose gap is within the axis
SIDE = 200  # points a side: even, so that no column is the tie δ = 0


class Field(NamedTuple):
    """LearningLoss++ with one law of the true losses."""

    shape: float  # k
    scale: float  # Θ, units of the true loss
    median: float  # of |δ| over random pairs, units of the true loss
    widest: float  # |δ| at the ends of the axis, units of the true loss
    delta: np.ndarray  # (columns,) true gap δ = l_j − l_i, units of the true loss
    target: np.ndarray  # (columns,) φ(δ), the q at which the coefficient is 0
    coefficient: np.ndarray  # (rows, columns) q − φ(δ)
    opposite: np.ndarray  # (2, columns) between these q Learning Loss pushes the other way; NaN where it never does
    at_median: float  # the coefficient at q = ½ and δ = median


class Data(NamedTuple):
    """What is drawn."""

    margin: float  # ξ, units of the predicted loss
    q: np.ndarray  # (rows,) predicted probability of sampling image i
    silent: np.ndarray  # (2,) σ(−ξ), σ(ξ): Learning Loss is silent below the first if δ > 0, above the second if δ < 0
    ranking: np.ndarray  # (rows, columns) coefficient of Learning Loss over the gaps of the first field
    fields: tuple[Field, Field]  # the paper's law, and the law fitted to a recorded pool
    study: str  # whose pool
    p_value: float  # with which the Anderson-Darling test rejects that fit
    target_difference: float  # mean target of that pool's pairs less φ(δ), where it is largest


def compute() -> Data:
    """Eq. 2a and the expectation of Eq. 4a (Eq. 6) on a grid.

    >>> data = compute()
    >>> data.silent.round(3).tolist(), data.ranking[[0, 100], -1].tolist()
    ([0.269, 0.731], [0.0, 1.0])
    >>> len(draw(data).axes)
    4
    >>> caption(data)[:40]
    'The factor c of θᵢ − θⱼ in the gradient '
    """
    from scipy.special import logit

    from experiments.record import read_recorded

    pool, = (row for row in read_recorded(STUDY).recorded["pools"] if CELL.items() <= row.items())
    q = (np.arange(SIDE) + 0.5) / SIDE
    silent = predicted_target(np.array([-MARGIN, MARGIN]))
    fields = _field(q, silent, **PAPER), _field(q, silent, shape=pool["shape"], scale=pool["scale"])
    delta = fields[0].delta
    ranking = ranking_coefficient(logit(q)[:, np.newaxis], np.maximum(-delta, 0), np.maximum(delta, 0), margin=MARGIN)
    return Data(
        MARGIN, q, silent, ranking, fields, STUDY, pool["anderson_darling_p"], pool["target_difference"],
    )


def _field(q: np.ndarray, silent: np.ndarray, *, shape: float, scale: float) -> Field:
    median, widest = (float(gap_ppf(share, shape=shape, scale=scale)) for share in (0.5, SHOWN))
    delta = ((np.arange(SIDE) + 0.5) / SIDE * 2 - 1) * widest
    target = expected_target(delta, shape=shape, scale=scale)
    coefficient = expected_gradient(delta, q[:, np.newaxis], [1.0], [0.0], shape=shape, scale=scale)[..., 0]
    below, above = silent
    opposite = np.where(delta > 0, [np.full(SIDE, below), target], [target, np.full(SIDE, above)])
    return Field(
        shape, scale, median, widest, delta, target, coefficient, np.where(opposite[0] < opposite[1], opposite, np.nan),
        float(0.5 - expected_target(median, shape=shape, scale=scale)),
    )


def draw(data: Data):
    """Three panels, one colour scale; `compute` has the example."""
    from figures import _style

    figure, axes = _style.sheet(1, 3, height=3.5, sharey=True)
    colours = _style.diverging()
    deep, pale = colours(1.0), colours(0.5)  # the map is the ground of all text here, in both themes
    paper, real = data.fields
    panels = (
        (f"Learning Loss\nmargin ξ = {data.margin:g}", paper, data.ranking),
        (f"LearningLoss++\nk = {paper.shape:g}, Θ = {paper.scale:g}", paper, paper.coefficient),
        (f"LearningLoss++, fitted to\n{data.study.upper()}: k = {real.shape:.1f}, Θ = {real.scale:.3f}", real,
         real.coefficient),
    )
    for panel, (title, field, values) in zip(axes, panels, strict=True):
        image = panel.imshow(values, cmap=colours, vmin=-1, vmax=1, origin="lower", aspect="auto",
                             extent=(-field.widest, field.widest, 0, 1), interpolation="nearest")
        panel.set(title=title, xlabel="true gap δ = lⱼ − lᵢ\n(units of the true loss)")
    for panel, field in zip(axes[1:], data.fields, strict=True):
        panel.plot(field.delta, field.target, color=deep)
        panel.fill_between(field.delta, *field.opposite, facecolor="none", edgecolor=deep, hatch="////", linewidth=0)
        panel.vlines([-field.median, field.median], 0, 0.04, color=deep, linewidth=1.4)
    for side, q, word, colour in ((0.5, 0.6, "1", pale), (-0.5, 0.4, "−1", pale), (0.5, 0.13, "0", deep),
                                  (-0.5, 0.87, "0", deep)):
        axes[0].annotate(word, (side * paper.widest, q), color=colour, ha="center", va="center")
    axes[1].annotate("q = φ(δ)", (-0.92 * paper.widest, 0.9), color=deep)
    axes[2].annotate("opposite\ndirections", (0.06 * real.widest, 0.25), color=deep, va="top")
    axes[0].set_ylabel("predicted probability q = σ(l̂ᵢ − l̂ⱼ)")
    figure.colorbar(image, ax=axes, label="coefficient of θᵢ − θⱼ (no unit)", pad=0.02, aspect=30)
    return figure


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    paper, real = data.fields
    below, above = data.silent
    return (
        f"The factor c of θᵢ − θⱼ in the gradient with respect to w, over the true gap δ and the prediction q; where "
        f"c > 0 a step lowers q. Learning Loss is −1, 0 or 1: it jumps at δ = 0, however alike the losses, and at "
        f"q = {below:.3f} and {above:.3f}, from which on it is silent. The expected coefficient of LearningLoss++, "
        f"q − φ(δ), passes smoothly through 0 at q = φ(δ). Hatched: the two push in opposite directions, where the "
        f"ranking is right and the predicted gap wider than LearningLoss++ wants, yet within the margin. Ticks: the "
        f"median |δ| of random pairs; there, at q = ½, Learning Loss pushes with 1, LearningLoss++ with "
        f"{paper.at_median:.3f}, or {real.at_median:.3f} under the law fitted to the {data.study.upper()} pool. That "
        f"law is rejected (p ≤ {data.p_value:g}), but the mean target of the pool's own pairs is within "
        f"{abs(data.target_difference):.3f} of its φ at each recorded gap."
    )
