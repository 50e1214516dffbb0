"""Gradients of Anchor Loss, focal loss and cross-entropy over q, and where they cross (Anchor Loss, Fig. 4).

The text of section 3.5 puts the crossing of Anchor Loss at the anchor, and gives focal loss none. Both are elsewhere:
ledger AL-GRADIENT-BELOW, AL-GRADIENT-FOCAL.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from figures.anchor_losses import LOOKS
from gradients.closed_form import background_gradient, cross_entropy_gradient, focal_gradient, gradient_crossing

__all__ = ["SOURCE", "TITLE", "Data", "caption", "compute", "draw"]

TITLE = "Gradients of Anchor Loss, and where they cross"
SOURCE = "Anchor Loss, Fig. 4"
ANCHOR = 0.5  # q*, which the caption does not print
GAMMAS = (0.5, 2.0)  # γ: the best of Table 3 (images) and of Table 7 (poses); curves over q are drawn at the last


class Data(NamedTuple):
    """What is drawn, of a background label; a gradient is with respect to q (nats)."""

    anchor: float  # q* of the curves over q
    gammas: tuple[float, ...]  # γ of the curves over q*; the last is that of the curves over q
    q: np.ndarray  # (points,) predicted probability
    entropy: np.ndarray  # (points,) gradient of the cross-entropy (CE)
    focal: np.ndarray  # (points,) of focal loss (FL)
    anchored: np.ndarray  # (points,) of Anchor Loss (AL)
    at_anchor: tuple[float, float]  # gradients of AL and of CE at q = q*
    anchors: np.ndarray  # (points,) q* from 0 to 1
    crossings: np.ndarray  # (gammas, points) the q at which the gradient of AL is that of CE; at q* = 1, of FL
    crossing: np.ndarray  # (gammas,) the same at q* = anchor

    @property
    def factors(self) -> dict[str, np.ndarray]:
        """Each gradient over that of CE, (points,)."""
        return {"CE": np.ones_like(self.q), "FL": self.focal / self.entropy, "AL": self.anchored / self.entropy}


def compute() -> Data:
    """The gradients (Eq. 14; Eq. 6 and 7, differentiated) and the scores at which they cross.

    >>> data = compute()
    >>> data.crossing.round(3).tolist(), data.crossings[:, -1].round(3).tolist()
    ([0.26, 0.287], [0.579, 0.702])
    >>> len(draw(data).axes)
    3
    >>> caption(data)[:41]
    'Gradients of a background label with resp'
    """
    gammas, gamma = np.array(GAMMAS), GAMMAS[-1]
    q = np.linspace(0.0, 0.995, 200)
    anchors = np.linspace(0.0, 1.0, 101)
    return Data(
        ANCHOR, GAMMAS, q, cross_entropy_gradient(q, 0), focal_gradient(q, 0, gamma=gamma),
        background_gradient(q, ANCHOR, gamma=gamma),
        (float(background_gradient(ANCHOR, ANCHOR, gamma=gamma)), float(cross_entropy_gradient(ANCHOR, 0))),
        anchors, gradient_crossing(anchors, gamma=gammas[:, np.newaxis]), gradient_crossing(ANCHOR, gamma=gammas),
    )


def draw(data: Data):
    """The gradients, the same over that of CE, and the crossings over the anchor; `compute` has the example."""
    from figures import _style

    figure, (gradients, factors, crossings) = _style.sheet(1, 3, height=3.1, width_ratios=(1, 1, 1.05))
    claimed = {"marker": "x", "color": _style.ink(), "markersize": 7, "markeredgewidth": 1.8, "linestyle": "none"}
    of_anchor, of_focal = data.crossing[-1], data.crossings[-1, -1]

    for name, values in (("CE", data.entropy), ("FL", data.focal), ("AL", data.anchored)):
        gradients.plot(data.q, values, label=name, **LOOKS[name])
        factors.plot(data.q, data.factors[name], **LOOKS[name])
    gradients.plot(data.anchor, data.at_anchor[1], label="printed", **claimed)
    factors.plot(data.anchor, 1, **claimed)
    factors.fill_between(data.q, 1, data.factors["AL"], where=(data.q >= of_anchor) & (data.q <= data.anchor),
                         color="C0", alpha=0.3, linewidth=0)
    factors.fill_between(data.q, 1, data.factors["FL"], where=data.q >= of_focal, color="C1", alpha=0.3, linewidth=0)
    for at, mark, colour, place in ((of_anchor, "o", "C0", (0.02, 1.35)), (of_focal, "s", "C1", (0.66, 0.45))):
        gradients.plot(at, np.interp(at, data.q, data.entropy), mark, color=colour, markersize=6)
        factors.plot(at, 1, mark, color=colour, markersize=6)
        factors.annotate(f"{at:.3f}", (at, 1), place, color=colour, va="center",
                         arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.8, "shrinkB": 3})
    gradients.set(xlim=(0, 1), ylim=(0, 6), xlabel="predicted probability q",
                  ylabel="gradient in q, background label (nats)")
    gradients.set_title(f"q* = {data.anchor:g}, γ = {data.gammas[-1]:g}")
    gradients.legend(loc="upper left")
    factors.set(xlim=(0, 1), ylim=(0, 2.7), xlabel="predicted probability q", ylabel="gradient over CE's (factor)")
    factors.set_title("The same over CE's")

    lines = [
        ("printed", data.anchors, {"color": _style.ink(), "linestyle": (0, (5, 2, 1, 2)), "linewidth": 1}),
        ("q*/2", data.anchors / 2, {"color": _style.muted(), "linestyle": ":", "linewidth": 1}),
    ]
    for gamma, values, at, look in zip(data.gammas, data.crossings, data.crossing,
                                       ({"color": "C3", "linestyle": (0, (3, 1))}, LOOKS["AL"]), strict=True):
        lines.append((f"γ = {gamma:g}", values, look))
        crossings.plot(data.anchor, at, "o", color=look["color"], markersize=6)
        crossings.plot(1, values[-1], "s", color="C1", markersize=6, clip_on=False, zorder=3)
    for name, values, look in lines:
        crossings.plot(data.anchors, values, **look)
        crossings.annotate(name, (1, values[-1]), (7, 0), textcoords="offset points", color=look["color"], va="center",
                           annotation_clip=False)
    crossings.plot(data.anchor, data.anchor, **claimed)
    crossings.set(xlim=(0, 1), ylim=(0, 1), xlabel="anchor q*", ylabel="q at which AL's gradient is CE's")
    crossings.set_title("Crossing over the anchor")
    return figure


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    focal, gamma = data.factors["FL"], data.gammas[-1]
    low, high = data.crossing
    of_low, of_high = data.crossings[:, -1]
    return (
        f"Gradients of a background label with respect to the predicted probability q: cross-entropy (CE), focal loss "
        f"(FL) and Anchor Loss (AL) at γ = {gamma:g} and q* = {data.anchor:g}; the printed caption gives neither. "
        f"Section 3.5 has AL cross CE at the anchor (cross); it does so at q = {high:.3f} (circle; {low:.3f} for "
        f"γ = {data.gammas[0]:g}), and between the two it is larger than CE's (shaded), at the anchor already "
        f"{data.at_anchor[0]:.2f} against {data.at_anchor[1]:g}. The section has FL suppressed for all q; from "
        f"q = {of_high:.3f} (square; {of_low:.3f} for γ = {data.gammas[0]:g}) it exceeds CE, by up to "
        f"{focal.max() - 1:.0%} at q = {data.q[focal.argmax()]:.2f}. Right: for every anchor above 0 the crossing lies "
        f"strictly between q*/2 and q*; at q* = 1 AL is FL (squares). "
        f"Ledger: AL-GRADIENT-BELOW, AL-GRADIENT-FOCAL."
    )
