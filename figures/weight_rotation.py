"""The weight vector turning along the discriminative component θ_i − θ_j: the worked example (paper, Fig. 2).

The paper draws vectors in three dimensions. Nothing of the example happens along the third, so the plane of the first
two is enough. Beside the printed w, which has no part across θ_i − θ_j, stands one that has: there w can turn.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gammaprob.as_printed import main_eq1_objective
from gradients.closed_form import learning_loss_gradient, learning_loss_pp_gradient, minimising_gap

__all__ = ["SOURCE", "TITLE", "Data", "caption", "compute", "draw"]

TITLE = "The weight vector turns along θᵢ − θⱼ"
SOURCE = "paper, Fig. 2"
# Section 4.1: θ_i, θ_j, w as printed; ξ "as recommended", 1. Of the true losses it says which is larger, no more.
THETA_I, THETA_J, W = (1.0, 2.0, 1.0), (1.0, 1.0, 1.0), (0.0, 3.0, 0.0)
MARGIN = 1.0
LOSSES = (1.0, 2.0)
ASIDE = (-2.0, 3.0, 0.0)  # the printed w with a part across θ_i − θ_j
STEP = 1.0  # learning rate
STEPS = 20


class Data(NamedTuple):
    """What is drawn. Paths have one row a step, w before the first step at the top; gaps are (θ_i − θ_j)·w."""

    theta: np.ndarray  # (2, 3) θ_i and θ_j
    losses: np.ndarray  # (2,) the smaller and the larger true loss
    printed: np.ndarray  # (steps + 1, 3) w of the example's case 2, l_i < l_j, under Learning Loss
    printed_losses: np.ndarray  # (steps + 1,) Eq. 1 along it
    ranking_gaps: np.ndarray  # (2, steps + 1) Learning Loss from the printed w: case 1, l_i > l_j, and case 2
    divergence_gaps: np.ndarray  # (2, steps + 1) LearningLoss++, the same
    minimisers: np.ndarray  # (2,) gaps log(l_i/l_j) at which LearningLoss++ has no gradient
    ranking: np.ndarray  # (steps + 1, 3) w under Learning Loss in case 2, from a start with a part across
    divergence: np.ndarray  # (steps + 1, 3) LearningLoss++, the same
    angles: np.ndarray  # (2, steps + 1) degrees between θ_i − θ_j and w, of `ranking` and `divergence`


def compute() -> Data:
    """Gradient descent on w with the gradients of Eq. 2a and 4a, steps of length 1 along −∇_w.

    >>> data = compute()
    >>> data.printed[:5, 1].tolist(), data.printed_losses[:5].tolist()
    ([3.0, 2.0, 1.0, 0.0, -1.0], [4.0, 3.0, 2.0, 1.0, 0.0])
    >>> caption(data)[:59]
    'The worked example, θᵢ = (1, 2, 1), θⱼ = (1, 1, 1) and w = '
    """
    theta, (small, large) = np.array([THETA_I, THETA_J]), LOSSES
    difference = theta[0] - theta[1]
    cases = (large, small), (small, large)
    ranking = [_descent(learning_loss_gradient, W, case, margin=MARGIN) for case in cases]
    divergence = [_descent(learning_loss_pp_gradient, W, case) for case in cases]
    aside = [_descent(learning_loss_gradient, ASIDE, cases[1], margin=MARGIN),
             _descent(learning_loss_pp_gradient, ASIDE, cases[1])]
    return Data(
        theta, np.array(LOSSES), ranking[1],
        np.array([float(main_eq1_objective(small, large, theta[0] @ w, theta[1] @ w, MARGIN)) for w in ranking[1]]),
        ranking @ difference, divergence @ difference, minimising_gap(*np.transpose(cases)), *aside,
        np.array([_angles(path, difference) for path in aside]),
    )  # fmt: skip


def _descent(gradient, start, case, **options) -> np.ndarray:
    """w before and after each step, one a row."""
    path = [np.array(start)]
    for _ in range(STEPS):
        path.append(path[-1] - STEP * gradient(THETA_I, THETA_J, path[-1], *case, **options).w)
    return np.array(path)


def _angles(path: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """Degrees between each row and the vector."""
    cosines = path @ difference / (np.linalg.norm(path, axis=1) * np.linalg.norm(difference))
    return np.degrees(np.arccos(cosines))


def draw(data: Data):
    """Left the plane of the first two components, right gap and angle over the steps; `compute` has the example."""
    from figures import _style

    figure, axes = _style.sheet(2, 2, height=4.5, width_ratios=(1, 1.3), sharex="col")
    for panel in axes[:, 0]:
        panel.remove()
    _plane(figure.add_subplot(axes[0, 0].get_gridspec()[:, 0]), data)
    _gaps(axes[0, 1], data)
    _angle(axes[1, 1], data)
    return figure


def _plane(panel, data: Data) -> None:
    from figures import _style

    panel.axhspan(-1.75, -MARGIN, color=_style.faint(), linewidth=0, zorder=0)
    panel.text(1.5, -1.4, f"no loss: gap ≤ −{MARGIN:g}", ha="right", va="center")
    theta_i, theta_j = data.theta
    _arrow(panel, theta_j, theta_i, "C2")
    for name, theta, side in (("θᵢ", theta_i, 1), ("θⱼ", theta_j, -1)):
        panel.plot(*theta[:2], "D", color="C2")
        panel.annotate(name, theta[:2], (0, 9 * side), textcoords="offset points", ha="center", va="center", color="C2")
    panel.annotate("θᵢ − θⱼ", (0.93, 1.5), color="C2", ha="right", va="center")

    path = data.printed[: np.argmin(data.printed_losses) + 1]
    _arrow(panel, np.zeros(3), path[0], _style.ink())
    _arrow(panel, np.zeros(3), path[-1], "C1")
    panel.plot(path[:, 0], path[:, 1], **_look("LL") | {"linestyle": "none"})
    for w, loss in zip(path, data.printed_losses, strict=False):  # the path ends where the loss does
        panel.annotate(f"{loss:g}", w[:2], (6, 0), textcoords="offset points", va="center", color="C1")
    panel.annotate("w as printed,\nand its loss\nstep by step", (0, 3.2), va="bottom")

    _arrow(panel, np.zeros(3), data.ranking[0], _style.muted())
    panel.annotate("another w", data.ranking[0][:2], (0, 7), textcoords="offset points", ha="center",
                   color=_style.muted())
    for path, name, size in ((data.ranking, "LL", 6), (data.divergence, "LL++", 3)):
        _arrow(panel, np.zeros(3), path[-1], _style.METHODS[name]["color"])
        panel.plot(path[:, 0], path[:, 1], **_look(name) | {"markersize": size})
    panel.set(xlim=(-2.6, 1.6), ylim=(-1.75, 4.35), aspect="equal", xlabel="component 1 (no unit)",
              ylabel="component 2 (no unit)", title=f"lᵢ < lⱼ, step length {STEP:g}, ξ = {MARGIN:g}")


def _gaps(panel, data: Data) -> None:
    from figures import _style

    for minimiser in data.minimisers:
        panel.axhline(minimiser, color=_style.muted(), linewidth=0.8, linestyle=":", zorder=0)
    for name, gaps in (("LL", data.ranking_gaps), ("LL++", data.divergence_gaps)):
        for case, line in zip(gaps, ("--", "-"), strict=True):
            panel.plot(case, **_look(name) | {"linestyle": line})
    stops = [f"to {minimiser:.2f}".replace("-", "−") for minimiser in data.minimisers]
    for text, place, colour in (("Learning Loss, lᵢ > lⱼ", 3.2, "C1"),
                                (f"LearningLoss++, lᵢ > lⱼ, {stops[0]}", 1.35, "C0"),
                                (f"LearningLoss++, lᵢ < lⱼ, {stops[1]}", -0.02, "C0"),
                                ("Learning Loss, lᵢ < lⱼ", -1.5, "C1")):
        panel.annotate(text, (data.ranking_gaps.shape[1] - 1, place), color=colour, ha="right")
    panel.set(ylim=(-1.7, 3.6), ylabel="gap (θᵢ − θⱼ)·w (no unit)",
              title=f"Gap of the printed w; true losses {data.losses[0]:g} and {data.losses[1]:g}")


def _angle(panel, data: Data) -> None:
    from figures import _style

    panel.axhline(90, color=_style.muted(), linewidth=0.8, linestyle=":", zorder=0)
    panel.annotate("across", (0, 90), (0, 3), textcoords="offset points", color=_style.muted())
    for name, text, angles, side in zip(("LL", "LL++"), ("Learning Loss", "LearningLoss++"), data.angles,
                                        ("bottom", "top"), strict=True):
        panel.plot(angles, **_look(name))
        panel.annotate(f"{text}, {angles[-1]:.0f}°", (len(angles) - 1, angles[-1]), (0, 4 if side == "bottom" else -8),
                       textcoords="offset points", color=_style.METHODS[name]["color"], ha="right", va=side)
    panel.set(ylim=(25, 135), xticks=range(0, len(data.angles[0]), 5), xlabel="steps of descent",
              ylabel="angle to θᵢ − θⱼ (degrees)", title="Angle of the other w, lᵢ < lⱼ")


def _look(name: str) -> dict:
    from figures import _style

    return _style.METHODS[name] | {"linestyle": "-", "linewidth": 1, "markersize": 3.5}


def _arrow(panel, start, end, colour) -> None:
    look = {"arrowstyle": "-|>", "color": colour, "shrinkA": 0, "shrinkB": 0}
    panel.annotate("", end[:2], start[:2], arrowprops=look, zorder=1)


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    (theta_i, theta_j), w = data.theta, data.printed[0]
    stop = int(np.argmin(data.printed_losses))
    return (
        f"The worked example, θᵢ = {_vector(theta_i)}, θⱼ = {_vector(theta_j)} and w = {_vector(w)}, for lᵢ < lⱼ: each "
        f"step of Learning Loss takes 1 off the one component in which θᵢ and θⱼ differ, and after {stop} of them w is "
        f"{_vector(data.printed[stop])} and the loss 0. For lᵢ > lⱼ it leaves w alone. LearningLoss++ moves the gap "
        f"to log(lᵢ/lⱼ) in both cases (±{data.minimisers[0]:.2f} where one true loss is twice the other), and stops "
        f"there. A w that has a part across θᵢ − θⱼ keeps it: from {data.angles[0, 0]:.0f}° it turns to "
        f"{data.angles[0, -1]:.0f}° under Learning Loss and to {data.angles[1, -1]:.0f}° under LearningLoss++, not to "
        "180°."
    )


def _vector(entries: np.ndarray) -> str:
    return f"({', '.join(f'{entry:g}' for entry in entries)})".replace("-", "−")
