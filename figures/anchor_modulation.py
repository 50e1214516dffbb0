"""How an anchor modulates the loss of a target label and of a background label (Anchor Loss, Fig. A-1)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from figures.anchor_losses import LOOKS
from gradients.closed_form import background_loss

__all__ = ["SOURCE", "TITLE", "Data", "caption", "compute", "draw"]

TITLE = "Modulating the target's or the background's loss"
SOURCE = "Anchor Loss, Fig. A-1"
TARGET_ANCHOR, BACKGROUND_ANCHOR = 0.2, 0.8  # q_pos and q_neg, as the caption prints them
GAMMAS = (0.5, 2.0)  # γ, which it does not print: the best of Table 3 (images) and of Table 7 (poses)


class Data(NamedTuple):
    """What is drawn; losses in nats, the target's first, the background's second."""

    q: np.ndarray  # (points,) predicted probability of the label
    anchors: np.ndarray  # (2,) q_pos, q_neg
    gammas: tuple[float, ...]  # γ of the modulated losses
    entropy: np.ndarray  # (2, points) binary cross-entropy
    modulated: np.ndarray  # (2, gammas, points) Anchor Loss

    @property
    def factors(self) -> np.ndarray:
        """Anchor Loss over the cross-entropy, (2, gammas, points)."""
        return self.modulated / self.entropy[:, np.newaxis]


def compute() -> Data:
    """Both terms of Eq. A-1. The target's is the background's, mirrored: q → 1 − q, q_pos → 1 − q_pos.

    >>> data = compute()
    >>> data.factors[:, :, [0, -1]].round(2).tolist()
    [[[1.09, 0.46], [1.42, 0.04]], [[0.46, 1.09], [0.04, 1.42]]]
    >>> len(draw(data).axes)
    4
    >>> caption(data)[:41]
    'Binary cross-entropy (BCE) and Anchor Los'
    """
    q = np.linspace(0.01, 0.99, 197)
    score = np.array([1.0 - q, q])  # of what the label says is not there
    anchors = np.array([1.0 - TARGET_ANCHOR, BACKGROUND_ANCHOR])
    entropy, *modulated = (
        background_loss(score, anchors[:, np.newaxis], gamma=gamma) for gamma in (0.0, *GAMMAS)
    )
    return Data(q, np.array([TARGET_ANCHOR, BACKGROUND_ANCHOR]), GAMMAS, entropy, np.stack(modulated, axis=1))


def draw(data: Data):
    """Above the losses, below the same over the cross-entropy; `compute` has the example."""
    from figures import _style

    figure, axes = _style.sheet(2, 2, height=4.3, sharex=True, sharey="row", height_ratios=(1.4, 1))
    looks = ({"color": "C3", "linestyle": (0, (1, 1))}, LOOKS["AL"])
    sides = ("(a) target label, $q_{pos}$", "higher", "lower"), ("(b) background label, $q_{neg}$", "lower", "higher")
    for column, (anchor, (name, left, right)) in enumerate(zip(data.anchors, sides, strict=True)):
        losses, factors = axes[:, column]
        curves = (losses, data.entropy[column], data.modulated[column]), (factors, 1.0, data.factors[column])
        for panel, entropy, modulated in curves:
            panel.fill_between(data.q, entropy, modulated[-1], color="C0", alpha=0.14, linewidth=0)
            panel.plot(data.q, np.broadcast_to(entropy, data.q.shape), label="BCE", **LOOKS["CE"])
            for gamma, values, look in zip(data.gammas, modulated, looks, strict=True):
                panel.plot(data.q, values, label=f"AL, γ = {gamma:g}", **look)
            panel.axvline(anchor, color=_style.muted(), linestyle=":", linewidth=1)
        losses.set_title(f"{name} = {anchor:g}")
        for word, side, shift in ((left, "right", -4), (right, "left", 4)):
            factors.annotate(f"AL {word}", (anchor, 1.62), (shift, 0), textcoords="offset points", ha=side, va="top",
                             color=_style.muted(), fontsize=7.5)  # "AL higher" beside an anchor of 0.2
        factors.set_xlabel("predicted probability q")
    axes[0, 0].set(ylim=(0, 5), ylabel="loss (nats)")
    axes[1, 0].set(xlim=(0, 1), ylim=(0, 1.65), ylabel="the same over BCE (factor)")
    axes[0, 0].legend()
    return figure


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    target, _ = data.factors
    return (
        f"Binary cross-entropy (BCE) and Anchor Loss (AL, Eq. A-1) of one label over its predicted probability q, with "
        f"the printed anchors q_pos = {data.anchors[0]:g} and q_neg = {data.anchors[1]:g} (dotted); γ is not printed. "
        f"The loss of a target label is raised below its anchor and lowered above, that of a background label the "
        f"other way round, and more so with larger γ: at γ = {data.gammas[-1]:g} the target's factor is "
        f"{target[-1, 0]:.2f} at q = {data.q[0]:g} and {target[-1, -1]:.2f} at q = {data.q[-1]:g}. "
        f"As q_neg = 1 − q_pos, (b) is (a) mirrored. These are losses, as the caption says; section 3.5 refers to this "
        f"figure for gradients, which Fig. 4 has (ledger AL-REF-FIGA1)."
    )
