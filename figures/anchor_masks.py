"""Where Anchor Loss weighs an error on the background more than cross-entropy does, while a network learns.

Of both shoulders of a portrait, as a network that learns by Anchor Loss drew them (`experiments.masks`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["SOURCE", "TITLE", "Data", "compute"]

TITLE = "What Anchor Loss weighs more, on a photograph"
SOURCE = "ours"
STUDY = "lspet_masks"
_JOINTS = ("right shoulder", "left shoulder")  # each the other's mirror image
_FACTORS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8)  # beside the colours
_OPAQUE = 0.6  # the colours over the photograph
_PIXELS = 512  # of the framed photograph's side: twice what is seen of it on a page
_MARGIN = 0.5  # pixels of a heatmap about what is to be seen
_ROUNDING = 1e-9  # of a factor: a pixel with the anchor's own probability has exactly 1


class Data(NamedTuple):
    """What is drawn, of J joints, E epochs and heatmaps of h × h pixels; places are in pixels of the heatmaps."""

    photograph: np.ndarray  # (n, n, 3) uint8: what the whole heatmap lies on, black about the photograph
    joints: tuple[str, ...]
    places: np.ndarray  # (J, 2) x, y
    epochs: np.ndarray  # (E,)
    background: np.ndarray  # (J, h, h) bool: the target is 0
    mirrored: np.ndarray  # (J, h, h) bool: background, and target of the other joint
    factors: np.ndarray  # (J, E, h, h) Anchor Loss over cross-entropy; 1 where the target is not 0
    slopes: np.ndarray  # (J, E, h, h) the same of their gradients
    distances: np.ndarray  # (J, E) from the joint to the highest pixel, in distances between the shoulders
    found: np.ndarray  # (E,) PCK of the validation pictures
    base: int  # pictures that were learned from
    gamma: float

    @property
    def window(self) -> np.ndarray:
        """Low and high x and y, (2, 2), of a square about the photograph and all pixels that weigh more."""
        y, x = np.nonzero(self.photograph.any(2))
        photograph = (np.array([[x.min(), x.max() + 1], [y.min(), y.max() + 1]])
                      * self.factors.shape[-1] / len(self.photograph) - 0.5)
        y, x = np.nonzero((self.more | self.steeper).any((0, 1)))
        ends = np.array([(side.min(), side.max()) for side in (x, y)]) + [-0.5, 0.5] if len(x) else photograph
        low, high = np.minimum(photograph, ends)[:, 0], np.maximum(photograph, ends)[:, 1]
        half = (high - low).max() / 2 + _MARGIN
        return (low + high)[:, None] / 2 + [-half, half]

    @property
    def more(self) -> np.ndarray:
        """Where Anchor Loss is larger, (J, E, h, h)."""
        return self.factors > 1 + _ROUNDING

    @property
    def steeper(self) -> np.ndarray:
        """Where its gradient is larger, (J, E, h, h)."""
        return self.slopes > 1 + _ROUNDING


def compute() -> Data:
    """The recorded logits, and what the losses and the closed gradients of `gradients` are of them.

    >>> data = compute()
    >>> data.factors.shape, data.more.sum((2, 3)).tolist()
    ((2, 5, 32, 32), [[10, 0, 0, 0, 0], [0, 2, 5, 0, 0]])
    >>> len(draw(data).axes)
    11
    >>> caption(data)[:44]
    'Anchor Loss (γ = 2) over cross-entropy on th'
    """
    import torch

    from experiments.config import Config
    from experiments.data import LSP
    from experiments.data.batches import heatmaps
    from experiments.data.photograph import photograph
    from experiments.portrait import SIDE, looked_at
    from experiments.record import read_tables
    from gradients.closed_form import anchor_pose_gradient
    from gradients.losses import anchor_loss_pose

    document, tables = read_tables(STUDY)
    rows, base = tables[STUDY], document["config"]["base"]
    config = Config(**document["config"])
    side = config.image // config.stride

    chosen = [LSP.index(name) for name in _JOINTS]
    _, joints, present = looked_at(config)
    target = heatmaps(joints, present, size=side, stride=config.stride, sigma=config.sigma, peak=config.peak,
                      truncate=config.truncate)[0, chosen].double()
    lines = {(line["joint"], line["epoch"], line["y"]): [line[f"x{x}"] for x in range(side)]
             for line in tables["curves"]}
    epochs = [row["epoch"] for row in rows]
    logits = torch.tensor([[[lines[name, epoch, y] for y in range(side)] for epoch in epochs] for name in _JOINTS],
                          dtype=torch.float64)
    labels = target[:, None].expand_as(logits)
    # γ = 0 is cross-entropy.
    plain, anchored = (anchor_loss_pose(logits, labels, gamma=gamma, reduction="none") for gamma in (0.0, config.gamma))
    flat, steep = (anchor_pose_gradient(logits.numpy(), labels.numpy(), gamma=gamma) for gamma in (0.0, config.gamma))
    background = (target == 0).numpy()
    on_background = background[:, None]
    return Data(
        photograph(_PIXELS, side=SIDE).images[0], _JOINTS,
        ((joints[0, chosen] - (config.stride - 1) / 2) / config.stride).numpy(),
        np.array(epochs), background, background & ~background[::-1],
        np.where(on_background, (anchored / plain).numpy(), 1.0), np.where(on_background, steep / flat, 1.0),
        np.array([[row[name] for row in rows] for name in _JOINTS]),
        np.array([row["validation_pck"] for row in rows]), base, config.gamma,
    )


def draw(data: Data):
    """One row a joint, one column an epoch; `compute` has the example."""
    from matplotlib.patheffects import withStroke

    from figures import _style

    joints, epochs, side, _ = data.factors.shape
    figure, axes = _style.sheet(joints, epochs, height=3.25)
    frame, (across, down) = (-0.5, side - 0.5, side - 0.5, -0.5), data.window
    grey = data.photograph.mean(2, keepdims=True).repeat(3, 2).astype(np.uint8)
    sizes = np.log(data.factors)
    colours = {"vmin": sizes.min(), "vmax": sizes.max(), "cmap": _style.sequential(), "alpha": _OPAQUE}
    drawn = {"color": _style.ink(), "path_effects": [withStroke(linewidth=3, foreground=_style.page())]}
    looks = ((data.steeper, {"linewidth": 1, "linestyle": (0, (1, 1))}), (data.more, {"linewidth": 1.6}))
    for row, name in enumerate(data.joints):
        for column, epoch in enumerate(data.epochs):
            panel = axes[row, column]
            panel.imshow(grey, extent=frame)
            shown = panel.imshow(np.ma.array(sizes[row, column], mask=~data.background[row]), interpolation="nearest",
                                 **colours)
            for masks, look in looks:
                panel.add_collection(_border(masks[row, column], **look, **drawn))
            for place, marker in ((data.places[row], "+"), (data.places[1 - row], "x")):
                panel.plot(*place, marker=marker, markersize=6, markeredgewidth=1.4, **drawn)
            panel.set(xticks=[], yticks=[], xlim=across, ylim=down[::-1])
            panel.spines[:].set_visible(False)
            loss, gradient = (masks[row, column].sum() for masks in (data.more, data.steeper))
            panel.set_xlabel(f"loss {loss}, gradient {gradient}", fontsize=7.5)
            if row == 0:
                panel.set_title(f"epoch {epoch}")
        axes[row, 0].set_ylabel(name)
    bar = figure.colorbar(shown, ax=axes, label="Anchor Loss over cross-entropy")
    ticks = [factor for factor in _FACTORS if data.factors.min() <= factor <= data.factors.max()]
    bar.set_ticks(np.log(ticks), labels=[f"{factor:g}" for factor in ticks])
    bar.ax.set_facecolor(grey[0, 0] / 255)  # as about the photograph
    return figure


def _border(mask: np.ndarray, **look):
    """The edges between pixels that are in the mask and those that are not."""
    from matplotlib.collections import LineCollection

    padded = np.pad(mask, 1)
    upright = np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])[:, ::-1] - 0.5  # x, y of the upper end
    level = np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])[:, ::-1] - 0.5  # of the left end
    ends = [np.stack((start, start + step), 1) for start, step in ((upright, (0, 1)), (level, (1, 0)))]
    return LineCollection(np.concatenate(ends), **look)


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    epochs = ", ".join(map(str, data.epochs))
    sides = [name.partition(" ")[0] for name in data.joints]
    pixels = data.background.sum((1, 2))
    near = data.mirrored[:, None]
    away, shares, factors = (
        "; ".join(f"{side} {told(row)}" for row, side in enumerate(sides)) for told in (
            lambda row: f"{data.distances[row, 0]:.2f}, then {data.distances[row, -1]:.2f}",
            lambda row: ", ".join(f"{100 * count / pixels[row]:.1f}" for count in data.more[row].sum((1, 2))),
            lambda row: ", ".join(f"{np.median(found[data.background[row]]):.2f}" for found in data.factors[row]),
        )
    )
    loss, gradient = (f"{(masks & near).sum()} of {masks.sum()}" for masks in (data.more, data.steeper))
    return (
        f"Anchor Loss (γ = {data.gamma:g}) over cross-entropy on the background of two heatmaps, as a network that "
        f"learns from {data.base} photographs of LSPET draws a portrait, which is none of them. +: the joint; ×: the "
        f"mirrored one; without colour: the joint's target. The network finds {data.found[0]:.0%} of the validation "
        f"joints after epoch {data.epochs[0]}, {data.found[-1]:.0%} after {data.epochs[-1]}; its highest pixel is off, "
        f"in distances between the shoulders: {away}. Outlined: pixels where the loss is larger than cross-entropy; "
        f"dotted: where its gradient is. The former are, in epochs {epochs}, in per cent of the background: {shares}; "
        f"{loss} of them lie on the mirrored joint's target, by gradient {gradient}, as "
        f"{data.mirrored.sum() / pixels.sum():.1%} of the background do. Median factors: {factors}. An example, no "
        f"measurement."
    )
