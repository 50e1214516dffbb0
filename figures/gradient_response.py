"""The three-image example as a chart: what each objective's gradient answers to three pairs (paper, Fig. 1; slides)."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from gradients.closed_form import kl_coefficient, minimising_gap, ranking_coefficient
from paper_tables.published import load

__all__ = ["SOURCE", "TITLE", "Data", "caption", "compute", "draw"]

TITLE = "Gradient response to three images"
SOURCE = "paper, Fig. 1; slides"
MARGIN = 1.0  # ξ of Eq. 1, in units of the predicted loss


class Data(NamedTuple):
    """What is drawn. A response is the factor of θ_i − θ_j in the gradient with respect to w."""

    pairs: list[tuple[str, str]]  # the images (i, j) of a pair
    losses: np.ndarray  # (pairs, 2) true losses l_i, l_j
    gaps: np.ndarray  # (pairs,) predicted gaps l̂_i − l̂_j of the example
    ranking: np.ndarray  # (pairs,) responses of Learning Loss
    divergence: np.ndarray  # (pairs,) responses of LearningLoss++
    minimisers: np.ndarray  # (pairs,) predicted gaps log(l_i/l_j) at which LearningLoss++ has no gradient
    axis: np.ndarray  # (points,) predicted gaps of the curves
    ranking_curve: np.ndarray  # (points,) Learning Loss, the same for all pairs: l_i < l_j in each
    divergence_curves: np.ndarray  # (pairs, points)


def compute() -> Data:
    """The responses q_i − p_i (Eq. 4a) and 0, ±1 (Eq. 2a) at the printed losses, and along the predicted gap.

    >>> data = compute()
    >>> data.pairs, data.divergence.round(2).tolist()
    ([('a', 'b'), ('a', 'c'), ('b', 'c')], [0.0, 0.33, 0.33])
    >>> caption(data)[:58]
    'Three images with true losses 0.45, 0.47 and 2.87, as prin'
    """
    rows = load("slides_example")
    true = {row["image"]: float(row["l"]) for row in rows}
    predicted = {row["image"]: float(row["lhat"]) for row in rows}
    pairs = list(combinations(true, 2))
    losses = np.array([[true[i], true[j]] for i, j in pairs])
    gaps = np.array([predicted[i] - predicted[j] for i, j in pairs])
    axis = np.linspace(-4, 4, 401)
    return Data(
        pairs, losses, gaps, ranking_coefficient(gaps, *losses.T, margin=MARGIN), kl_coefficient(gaps, *losses.T),
        minimising_gap(*losses.T), axis, ranking_coefficient(axis, *losses[0], margin=MARGIN),
        kl_coefficient(axis, *losses.T[:, :, np.newaxis]),
    )  # fmt: skip


def draw(data: Data):
    """Left the responses of the pairs, right the curves on which they lie; `compute` has the example."""
    from figures import _style

    figure, (bars, curves) = _style.sheet(1, 2, height=2.9, width_ratios=(1, 1.55))
    labels = [f"({i}, {j})\n{li:g}, {lj:g}" for (i, j), (li, lj) in zip(data.pairs, data.losses, strict=True)]
    place = np.arange(len(labels))
    for shift, values, name, look in ((-0.23, data.ranking, "Learning Loss", {"color": "C1", "hatch": "////"}),
                                      (0.23, data.divergence, "LearningLoss++", {"color": "C0"})):
        drawn = bars.bar(place + shift, values, width=0.42, edgecolor=_style.page(), linewidth=0, label=name, **look)
        bars.bar_label(drawn, [f"{value:.3f}" if value < 0.01 else f"{value:.2g}" for value in values], padding=2)
    bars.set_xticks(place, labels)
    bars.set_xlabel("pair (i, j), its true losses")
    bars.set_ylabel("factor of θᵢ − θⱼ in ∇w")
    bars.set_ylim(0, 1.42)
    bars.legend(loc="upper left")
    bars.set_title("Response to a pair")

    curves.axhline(0, color=_style.faint(), zorder=0)
    curves.plot(data.axis, data.ranking_curve, color="C1", linestyle="--")
    curves.annotate("Learning Loss, any pair with lᵢ < lⱼ", (-0.9, 1.06), color="C1")
    curves.plot(data.gaps, data.ranking, "^", color="C1", markersize=5)
    for (i, j), curve, gap, response, style in zip(
        data.pairs[:2], data.divergence_curves, data.gaps, data.divergence, ("-", ":"), strict=False
    ):  # (b, c) lies within the line's width of (a, c)
        curves.plot(data.axis, curve, color="C0", linestyle=style)
        curves.plot(gap, response, "o", color="C0", markersize=5)
        curves.annotate(f"LL++ ({i}, {j})", (data.axis[-1], curve[-1]), (0, -16), textcoords="offset points",
                        color="C0", ha="right", va="top")
    curves.set_ylim(-0.75, 1.2)
    curves.set_xlabel("predicted gap l̂ᵢ − l̂ⱼ (units of the predicted loss)")
    curves.set_ylabel("factor of θᵢ − θⱼ in ∇w")
    curves.set_title(f"Along the predicted gap, margin ξ = {MARGIN:g}")
    return figure


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    values = ", ".join(f"{value:.4f} for ({i}, {j})" for value, (i, j) in zip(data.divergence, data.pairs, strict=True))
    a, b, c = data.losses[0, 0], data.losses[0, 1], data.losses[1, 1]
    near, far = (f"{gap:.2f}" for gap in data.minimisers[:2])
    return (
        f"Three images with true losses {a:g}, {b:g} and {c:g}, as printed, and predicted losses that hardly differ. "
        f"Learning Loss pushes each pair by the same {data.ranking[0]:g} ‖θᵢ − θⱼ‖, its losses alike or not. "
        f"LearningLoss++ pushes by {values}: almost nothing where the true losses are alike. Its curves cross 0 at "
        f"the gap log(lᵢ/lⱼ), {near} for (a, b) and {far} for (a, c); Learning Loss pushes with full strength until "
        f"the predicted gap is −{MARGIN:g}, and then not at all. Marks: the three pairs at their predicted gaps; under "
        "LearningLoss++, (b, c) lies on (a, c)."
    )
