"""How the anchor probability q* changes the loss of a background label (Anchor Loss, Fig. 2).

Above the losses, below the same over the cross-entropy: the factor, which shows what the steep losses near q = 1 hide.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradients.closed_form import background_loss
from paper_tables.published import load

__all__ = ["LOOKS", "SOURCE", "TITLE", "Data", "caption", "compute", "draw"]

TITLE = "Anchor Loss over the anchor probability"
SOURCE = "Anchor Loss, Fig. 2"
GAMMA = 2.0  # γ, which the caption does not print: the best of Table 7, and focal loss's of Table 1 on CIFAR-10
CASES = ("hard", "moderate", "easy")  # the paper's words for its panels (a) to (c)

# One appearance for each loss, in the three figures on Anchor Loss.
LOOKS = {
    "CE": {"color": "C2", "linestyle": "--"},
    "FL": {"color": "C1", "linestyle": "-."},
    "AL": {"color": "C0", "linestyle": "-"},
}


class Data(NamedTuple):
    """What is drawn. CE: cross-entropy, FL: focal loss, AL: Anchor Loss; all of a background label, in nats."""

    q: np.ndarray  # (points,) predicted probability of the background label
    anchors: np.ndarray  # (3,) q*, rising: the target's score
    entropy: np.ndarray  # (points,) CE
    focal: np.ndarray  # (points,) FL at γ
    anchored: np.ndarray  # (3, points) AL at γ, one row an anchor
    gamma: float  # γ of FL and AL

    @property
    def focal_factor(self) -> np.ndarray:
        """FL over CE, (points,)."""
        return self.focal / self.entropy

    @property
    def anchored_factor(self) -> np.ndarray:
        """AL over CE, (3, points)."""
        return self.anchored / self.entropy


def compute() -> Data:
    """The three losses at the static anchors of Table 3; FL is AL with q* = 1 (Eq. 10 to 12), CE is AL with γ = 0.

    >>> data = compute()
    >>> data.anchors.tolist(), data.anchored_factor[:, -1].round(2).tolist()
    ([0.1, 0.5, 0.8], [3.57, 2.22, 1.42])
    >>> len(draw(data).axes)
    6
    >>> caption(data)[:43]
    'The loss of a background label over its pre'
    """
    anchors = np.array(sorted(float(row["q_star"]) for row in load("anchor_table3_cifar100_ablation") if row["q_star"]))
    q = np.linspace(0.01, 0.99, 197)
    return Data(
        q, anchors, background_loss(q, 1.0, gamma=0.0), background_loss(q, 1.0, gamma=GAMMA),
        background_loss(q, anchors[:, np.newaxis], gamma=GAMMA), GAMMA,
    )


def draw(data: Data):
    """One column an anchor; `compute` has the example."""
    from figures import _style

    figure, axes = _style.sheet(2, 3, height=4.3, sharex=True, sharey="row")
    for column, (anchor, case) in enumerate(zip(data.anchors, CASES, strict=True)):
        curves = (
            (axes[0, column], data.entropy, data.focal, data.anchored[column]),
            (axes[1, column], np.ones_like(data.q), data.focal_factor, data.anchored_factor[column]),
        )
        for panel, entropy, focal, anchored in curves:
            panel.fill_between(data.q, entropy, anchored, color="C0", alpha=0.14, linewidth=0)
            panel.axvline(anchor, color=_style.muted(), linestyle=":", linewidth=1)
            for name, values in (("CE", entropy), ("FL", focal), ("AL", anchored)):
                panel.plot(data.q, values, label=name, **LOOKS[name])
        axes[0, column].set_title(f"q* = {anchor:g} ({case})")
        axes[1, column].set_xlabel("predicted probability q")
    axes[0, 0].set(ylim=(0, 5), ylabel="loss of a background label (nats)")
    axes[1, 0].set(xlim=(0, 1), ylim=(0, 3.7), ylabel="the same over CE (factor)")
    axes[0, 2].legend(loc="upper left", title=f"γ = {data.gamma:g}", alignment="left")
    return figure


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    low, high = data.anchored_factor[:, 0], data.anchored_factor[:, -1]
    return (
        f"The loss of a background label over its predicted probability q: cross-entropy (CE), focal loss (FL) and "
        f"Anchor Loss (AL) at γ = {data.gamma:g}, with the anchor q* (dotted) at the three static values of Table 3, "
        f"since the printed caption gives neither q* nor γ. AL equals CE at q = q*, is smaller below and larger above "
        f"(shaded: the difference): at q = {data.q[-1]:g} it is {high[0]:.2f}, {high[1]:.2f} and {high[2]:.2f} times "
        f"CE, at q = {data.q[0]:g} {low[0]:.2f}, {low[1]:.2f} and {low[2]:.2f} times. FL does not know the target's "
        f"score: it is the same curve in all panels, never above CE, and it is what AL becomes at q* = 1."
    )
