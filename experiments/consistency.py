"""Easy views teach hard ones: what a pose network learns from pictures without labels.

The network's own heatmaps of an easy view, warped to a harder view of the same picture, are what it is to draw of that
one. Of two networks, each has what the other says. Nothing of it needs a loop over pictures.

Source: Xie, Wang, Zeng and Wang (2021), Sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from experiments.config import Config
from experiments.data.batches import Augmentation, View, between, compose, decode, draw, look, warp
from experiments.data.photometric import Changes, change, draw_changes
from experiments.errors import ConfigError
from experiments.learner import Learner
from experiments.machine import autocast, mean_of_all
from gradients.losses import mse_loss

__all__ = [
    "Drawn", "Lesson", "Squares", "augmentation", "check_joints", "chosen", "consistency_loss", "cut_out",
    "draw_lessons", "lessons", "response",
]


class Squares(NamedTuple):
    """The n squares of Joint Cutout in each of B views, in sides of the input."""

    joint: Tensor  # (B, n), whose place it has
    offset: Tensor  # (B, n, 2), from there
    half: Tensor  # (B, n), half its side


class Drawn(NamedTuple):
    """What was drawn for each unlabelled picture of an epoch, on the CPU."""

    easy: View
    hard: View
    changes: Changes
    squares: Squares


class Lesson(NamedTuple):
    """What one network sees of B pictures, and what it is to draw."""

    inputs: Tensor  # (B, 3, s, s), hard views
    target: Tensor  # (B, J, h, h), without gradient
    valid: Tensor  # (B, 1, h, h) bool, where the teacher saw something
    weight: Tensor  # (B, J, 1, 1), of a heatmap


def check_joints(config: Config, joints: int) -> None:
    """`ConfigError` where Joint Cutout is to draw more joints than there are.

    >>> check_joints(Config(consistency="easy-hard", hard="cutout"), 14)
    """
    if config.consistency != "none" and "cutout" in config.hard and config.cutout_joints > joints:
        raise ConfigError("cutout_joints", config.cutout_joints, f"at most {joints}, a person's joints", "lower it")


def augmentation(config: Config) -> Augmentation:
    """How views of labelled pictures are drawn, and the easy ones of others.

    >>> augmentation(Config()).rotation
    15.0
    """
    return Augmentation(config.scale, config.rotation, config.shift, config.flip, config.colour, config.law)


def draw_lessons(config: Config, joints: int, count: int, generator: Callable[[str], torch.Generator]) -> Drawn:
    """Views of `count` pictures, of people with `joints` joints; `generator` makes the generator of a name.

    Easy views are drawn as those of labelled pictures are; a hard one is a view of the easy one. With "standard", both
    are drawn as the labelled ones are, each by itself: neither is easier.

    >>> drawn = draw_lessons(Config(consistency="easy-hard"), 14, 3, lambda name: torch.Generator().manual_seed(0))
    >>> drawn.easy.scale.shape, drawn.squares.offset.shape
    (torch.Size([3]), torch.Size([3, 5, 2]))
    """
    harder = Augmentation(config.hard_scale, config.hard_rotation, law=config.law)
    easy = draw(augmentation(config), count, generator("easy"))
    if config.consistency == "standard":
        hard = draw(augmentation(config), count, generator("hard"))
    else:
        hard = compose(easy, draw(harder, count, generator("hard")))
    cutout, shape = generator("cutout"), (count, config.cutout_joints)
    squares = Squares(
        torch.randint(joints, shape, generator=cutout),
        config.cutout_spread * torch.randn(*shape, 2, generator=cutout),
        config.cutout_least + (config.cutout_most - config.cutout_least) * torch.rand(shape, generator=cutout),
    )
    return Drawn(easy, hard, draw_changes(count, config.randaugment_count, generator("randaugment")), squares)


def chosen(drawn, slots: Tensor):
    """The rows `slots` of all tensors of a tuple, and of the tuples in it.

    >>> chosen(Changes(torch.arange(3), torch.arange(3) > 1), torch.tensor([2]))
    Changes(which=tensor([2]), sign=tensor([True]))
    """
    return drawn[slots] if isinstance(drawn, Tensor) else type(drawn)(*(chosen(part, slots) for part in drawn))


def lessons(learner: Learner, pictures: Tensor, drawn: Drawn, swap: tuple[int, ...], config: Config) -> list[Lesson]:
    """What each network of a learner is to learn of stored pictures (B, S, S, 3), whose views were drawn.

    A network alone is its own teacher, of two each is the other's; the squares that hide joints lie where the teacher
    sees these.

    >>> from experiments.config import configure
    >>> config = configure("smoke", {"consistency": "easy-hard"})
    >>> drawn = draw_lessons(config, 14, 2, lambda name: torch.Generator().manual_seed(0))
    >>> pictures = torch.zeros(2, 64, 64, 3, dtype=torch.uint8)
    >>> (lesson,) = lessons(Learner(config, 14, [], seed=0), pictures, drawn, tuple(range(14)), config)
    >>> lesson.inputs.shape, lesson.target.shape, lesson.target.requires_grad
    (torch.Size([2, 3, 64, 64]), torch.Size([2, 14, 16, 16]), False)
    """
    seen = {"size": config.image, "view": config.view}
    easy, hard = (look(pictures, params=params, **seen) for params in (drawn.easy, drawn.hard))
    with autocast(config, learner.device):
        taught = learner.teach(easy)
    if "randaugment" in config.hard:
        hard = change(hard, drawn.changes, config.randaugment_magnitude)
    way, found = between(drawn.easy, drawn.hard), []
    for heatmaps in reversed(taught):  # the other's; of one network, its own
        target, valid = warp(heatmaps, way, swap)
        inputs = hard
        if "cutout" in config.hard:
            inputs = cut_out(hard, decode(target, stride=config.stride), drawn.squares)
        weight = torch.ones_like(target[..., :1, :1])
        if config.heatmap_weights == "height":
            weight = (target.amax((2, 3), keepdim=True) / config.peak).clamp(0, 1)
        found.append(Lesson(inputs, target, valid, weight))
    return found


def cut_out(inputs: Tensor, joints: Tensor, squares: Squares) -> Tensor:
    """Joint Cutout: the inputs (B, 3, s, s), black in squares about some of the joints (B, J, 2), in input pixels.

    A pixel is black where its centre lies in a square. Source: Section 4.1, as published: 5 joints, drawn with
    replacement; of an input of 256 pixels, the centre N(0, 10) pixels off, half a side from 10 to 20.

    >>> about = Squares(torch.tensor([[1]]), torch.zeros(1, 1, 2), torch.tensor([[0.2]]))
    >>> cut_out(torch.ones(1, 1, 4, 4), torch.tensor([[[9.0, 9.0], [0.0, 1.0]]]), about)
    tensor([[[[0., 1., 1., 1.],
              [0., 1., 1., 1.],
              [0., 1., 1., 1.],
              [1., 1., 1., 1.]]]])
    """
    side = inputs.shape[-1]
    joint, offset, half = (drawn.to(inputs.device) for drawn in squares)
    centres = joints.gather(1, joint[..., None].expand(-1, -1, 2)) + side * offset
    pixels = torch.arange(side, device=inputs.device)
    x, y = ((pixels - centres[..., None]).abs() < side * half[..., None, None]).unbind(2)
    hidden = (y[..., :, None] & x[..., None, :]).any(1, keepdim=True)
    return inputs.masked_fill(hidden, 0.0)


def consistency_loss(found: Tensor, lesson: Lesson) -> Tensor:
    r"""How far what a network draws is from its lesson, a number: for `found` (B, K, J, h, h) of K stacks,

    .. math:: \frac{\sum w_{bj}\, v_{byx} (\hat y_{bkjyx} - t_{bjyx})^2}{K J \sum v_{byx}}

    over the valid pixels v, with the weights w of the heatmaps. Where several processes share a step, the pixels are
    the mean of theirs, so that the mean of their losses is that of one process. Source: Section 3 (mean squared error).

    >>> target = torch.zeros(1, 1, 2, 2)
    >>> lesson = Lesson(target, target, torch.tensor([[[[True, True], [True, False]]]]), torch.ones(1, 1, 1, 1))
    >>> consistency_loss(torch.full((1, 1, 1, 2, 2), 3.0), lesson)
    tensor(9.)
    """
    target = lesson.target[:, None].expand_as(found)
    weight = (lesson.weight * lesson.valid)[:, None].expand_as(found)
    pixels = found.shape[1] * found.shape[2] * mean_of_all(lesson.valid.sum().float())
    return mse_loss(found, target, weight=weight, reduction="sum", check_values=False) / pixels.clamp_min(1)


def response(heatmaps: Tensor, peak: float) -> Tensor:
    """The mean over the joints of the heatmaps' maxima, in peaks of a target: (B,) of shape (B, J, h, w).

    1 where the network is as sure as a label; 0 where all is background to it, which is the collapse.

    >>> response(torch.tensor([[[[0.0, 15.0]], [[30.0, 0.0]]]]), peak=30.0)
    tensor([0.7500])
    """
    return heatmaps.amax((2, 3)).mean(1) / peak
