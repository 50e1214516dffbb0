"""Easy and hard views of one picture, as training draws them, and where the joints are that the easy one teaches."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

__all__ = ["SOURCE", "TITLE", "Data", "Picture", "caption", "compute", "draw"]

TITLE = "Easy views and hard ones"
SOURCE = "Xie et al., Sections 3 and 4"
SEED = 77  # of those that turn both pictures well and keep their joints in sight, one that changes both colours
STUDY = {"dataset": "lspet", "consistency": "easy-hard"}  # the preset `desk`, whose views these are
_SIDE = 128  # pixels of a view: twice the study's, to be seen
_FIGURE = ("everyday", 13)  # domain and number of the generated figure
HARD = {"affine": "hard", "cutout": "+ Joint Cutout", "randaugment": "+ RandAugment", "randaugment+cutout": "+ both"}
_MARKS = (("left", "left joints", "C0", "o"), ("right", "right joints", "C1", "^"), ("", "head top, neck", "C4", "s"))


class Picture(NamedTuple):
    """One picture's views, s pixels a side: the easy one first, then the hard ones in the order of `HARD`."""

    name: str
    joints: tuple[str, ...]  # the J joints that it has
    views: np.ndarray  # (5, s, s, 3) in [0, 1]
    places: np.ndarray  # (5, J, 2) x, y: highest pixels of the teacher's heatmaps and of the warped ones
    shown: np.ndarray  # (5, J) bool: the heatmap has a joint
    annotated: np.ndarray  # (J, 2) where the annotation is in the hard views
    valid: np.ndarray  # (h, h) bool: where the easy view has something to say of the hard one
    angle: float  # degrees, of the hard view to the easy one
    scale: float  # of the hard view's side
    changes: tuple[str, ...]  # RandAugment's
    squares: int  # Joint Cutout's

    @property
    def off(self) -> float:
        """How far the warped heatmaps' highest pixels are from the annotation at most, in sides of the view."""
        hard = self.shown[1:]
        distances = np.linalg.norm(self.places[1:] - self.annotated, axis=-1)
        return float(distances[hard].max() / self.views.shape[1])


class Data(NamedTuple):
    """What is drawn."""

    pictures: tuple[Picture, ...]
    enlarged: float  # side of a view, in those of the study
    magnitude: float  # RandAugment's, of 30


def compute() -> Data:
    """The views of `experiments.consistency`, with a teacher that says what is annotated.

    >>> data = compute()
    >>> [(picture.name, picture.views.shape, len(picture.joints)) for picture in data.pictures]
    [('portrait', (5, 128, 128, 3), 4), ('generated', (5, 128, 128, 3), 14)]
    >>> len(draw(data).axes)
    10
    >>> caption(data)[:44]
    'A portrait and a generated figure in the vie'
    """
    from experiments.config import configure
    from experiments.data import LSP, Skeleton
    from experiments.data.generated import draw as generate
    from experiments.data.photograph import JOINTS, photograph

    studied = configure("desk", STUDY | {"root": "."})
    config = dataclasses.replace(studied, image=_SIDE, crop=2 * _SIDE, device="cpu", precision="float32")
    bust, chosen = Skeleton(tuple(JOINTS), ()), [LSP.index(name) for name in JOINTS]
    portrait, figure = photograph(config.crop), generate(*_FIGURE, size=config.crop)
    return Data((
        _viewed("portrait", portrait.images, portrait.joints[:, chosen], portrait.present[:, chosen], bust, config),
        _viewed("generated", figure.image[None], figure.joints[None], figure.present[None], LSP, config),
    ), config.image / studied.image, config.randaugment_magnitude)


def _viewed(name: str, images, joints, present, skeleton, config) -> Picture:
    """Every view of one picture, and the lesson of each hard one."""
    import torch

    from experiments.consistency import draw_lessons, lessons
    from experiments.data.batches import between, decode, heatmaps, render
    from experiments.data.photometric import CHANGES
    from experiments.seeds import stream

    config = dataclasses.replace(config, cutout_joints=min(config.cutout_joints, len(skeleton.joints)))
    images, joints, present = (torch.tensor(array) for array in (images, joints, present))
    drawn = draw_lessons(config, len(skeleton.joints), 1,
                         lambda part: torch.Generator().manual_seed(stream(SEED, part, name)))
    seen = {"size": config.image, "swap": skeleton.swap, "view": config.view}
    easy, *known = render(images, joints, present, params=drawn.easy, **seen)
    teacher = _Knowing(heatmaps(*known, size=config.image // config.stride, stride=config.stride, sigma=config.sigma,
                                peak=config.peak, truncate=False))
    taught = [lessons(teacher, images, drawn, skeleton.swap, dataclasses.replace(config, hard=hard))[0]
              for hard in HARD]
    found = torch.cat([teacher.heatmaps, *(lesson.target for lesson in taught)])
    _, annotated, _ = render(images, joints, present, params=drawn.hard, **seen)
    way = between(drawn.easy, drawn.hard)
    return Picture(
        name, skeleton.joints,
        torch.cat([easy, *(lesson.inputs for lesson in taught)]).permute(0, 2, 3, 1).numpy(),
        decode(found, stride=config.stride).numpy(), (found.amax((2, 3)) > config.peak / 2).numpy(),
        annotated[0].numpy(), taught[0].valid[0, 0].numpy(),
        float(torch.rad2deg(way.angle)), float(way.scale), tuple(CHANGES[place] for place in drawn.changes.which[0]),
        config.cutout_joints,
    )


class _Knowing:
    """In the place of the networks that learn: one teacher, who says what is annotated."""

    def __init__(self, heatmaps):
        self.heatmaps, self.device = heatmaps, heatmaps.device

    def teach(self, easy) -> list:
        return [self.heatmaps]


def draw(data: Data):
    """One row a picture, one column a view; `compute` has the example."""
    from matplotlib.patheffects import withStroke

    from figures import _style

    figure, axes = _style.sheet(len(data.pictures), 1 + len(HARD), height=3.5)
    halo = [withStroke(linewidth=2, foreground=_style.page())]
    for row, picture in enumerate(data.pictures):
        side, small = picture.views.shape[1], len(picture.valid)
        centres = ((np.arange(small) + 0.5) / small * side) - 0.5
        for column, title in enumerate(("easy", *HARD.values())):
            panel = axes[row, column]
            panel.imshow(picture.views[column], interpolation="none")  # as they are: the file is smaller
            if column:
                panel.contour(centres, centres, picture.valid, [0.5], colors=[_style.muted()], linewidths=0.8)
            for word, label, colour, marker in _MARKS:
                mine = [(name.partition(" ")[0] if name.startswith(("left", "right")) else "") == word
                        for name in picture.joints]
                panel.plot(*picture.places[column, mine & picture.shown[column]].T, color=colour, marker=marker,
                           linestyle="none", markersize=3.5, path_effects=halo, label=label)
            panel.set(xticks=[], yticks=[], xlim=(-0.5, side - 0.5), ylim=(side - 0.5, -0.5))
            panel.spines[:].set_visible(False)
            if row == 0:
                panel.set_title(title)
        axes[row, 0].set_ylabel(picture.name)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(_MARKS))
    return figure


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    turned, squares, changes, off = (
        ", ".join(f"{told(picture)} ({picture.name})" for picture in data.pictures) for told in (
            lambda picture: f"by {abs(picture.angle):.0f}°, its side × {picture.scale:.2f}",
            lambda picture: f"{picture.squares}",
            lambda picture: " and ".join(picture.changes),
            lambda picture: f"{picture.off:.1%}",
        )
    )
    return (
        f"A portrait and a generated figure in the views that training draws, {data.enlarged:g} times as large: the "
        f"easy one, in which a teacher finds the joints, and hard ones, in which the network is to. Hard: the easy one "
        f"turned again, {turned}. Joint Cutout: squares about joints, {squares}. RandAugment: changes of "
        f"magnitude {data.magnitude:g} of 30, {changes}. Marks: highest pixels of the teacher's heatmaps, in the hard "
        f"views of the warped ones, which are the targets. In training a network is the teacher; here it says what is "
        f"annotated, of the portrait by eye, and the marks of the hard views are off by at most {off} of their side. "
        f"Beyond the line, where the easy view shows nothing, nothing is learned."
    )
