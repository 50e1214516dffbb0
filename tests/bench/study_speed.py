"""Images a second of our trainer, against the same network in a plain loop, and the share of our step that is data.

The plain loop is what a dataset class commonly does: for each image of each epoch it decodes the JPEG, draws the
augmentation, warps the picture and its joints, and draws one heatmap after the other. Network, heads, losses,
optimisers, batches and precision are ours on both sides. Each side runs a few epochs; the best of each is compared, and
the first is not counted.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from experiments.config import Config, configure
from experiments.data import PoseData, load
from experiments.data.batches import Augmentation, draw, heatmaps, render
from experiments.learner import Learner
from experiments.machine import autocast
from experiments.methods import METHODS, objective
from experiments.models.objectives import per_labelled, pose_losses
from experiments.scoring import score
from experiments.pose_task import PoseTask
from experiments.train import train
from tests.bench.targets import Row
from tests.bench.timing import seconds

__all__ = ["PlainLoop", "measure"]

IMAGES, EPOCHS = 256, 4  # of each side; the first epoch is not counted
HEAD = "ll++"
QUALITY = 92  # of the JPEG files, which the plain loop decodes

# The targets: no slower, and most of a step is the network's.
NO_SLOWER, HALF = 1.0, 0.5


def measure() -> Iterator[Row]:
    """Training, scoring, and the share of data in a step of training."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        config = configure("desk", {"epochs_base": EPOCHS, "validate_every": EPOCHS, "cache": folder})
        data = load("generated", count=(IMAGES, 1), size=config.crop, cache=folder)
        rows, plain = np.arange(IMAGES), PlainLoop(data, config)
        ours = _epoch_seconds(data, rows, config, Path(folder))
        theirs = min([seconds(plain.epoch) for _ in range(EPOCHS)][1:])
        yield _row("training", ours, theirs)
        learner = Learner(config, len(data.skeleton.joints), [HEAD], seed=0)
        alone = min([seconds(lambda: score(learner, data, rows, config)) for _ in range(EPOCHS)][1:])
        theirs = min([seconds(plain.score) for _ in range(EPOCHS)][1:])
        yield _row("scoring", alone, theirs)
        share = min([seconds(lambda: _data_alone(data, rows, config)) for _ in range(EPOCHS)][1:])
        yield Row("share of a training step that is data", "of the step", HALF, share / ours,
                  f"{1e3 * share / IMAGES:.2f} of {1e3 * ours / IMAGES:.2f} ms an image: reading, warping, heatmaps")


def _row(what: str, ours: float, theirs: float) -> Row:
    return Row(f"{what}: {IMAGES} images of the desk preset", "× a plain loop's time", NO_SLOWER, ours / theirs,
               f"{IMAGES / ours:.0f} against {IMAGES / theirs:.0f} images/s")


def _epoch_seconds(data: PoseData, rows: np.ndarray, config: Config, folder: Path) -> float:
    """Of the best epoch of a training, as its log has it; validation and checkpoint are not in it."""
    learner = Learner(config, len(data.skeleton.joints), [HEAD], seed=0)
    train(PoseTask(learner, data, rows, rows[:1], config), config=config, seed=0, stage=0, folder=folder)
    ends = [json.loads(line)["seconds"] for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return float(np.diff(ends).min())


def _data_alone(data: PoseData, rows: np.ndarray, config: Config) -> None:
    """All that an epoch does before and beside the network: inputs and targets, and nothing of them used."""
    wanted = Augmentation(config.scale, config.rotation, config.shift, config.flip, config.colour)
    for part in np.array_split(rows, len(rows) // config.batch):
        view = draw(wanted, len(part), torch.Generator().manual_seed(0))
        arrays = (torch.from_numpy(array[part]) for array in (data.images, data.joints, data.present))
        _, joints, present = render(*arrays, size=config.image, swap=data.skeleton.swap, params=view, view=config.view)
        heatmaps(joints, present, size=config.image // config.stride, stride=config.stride, sigma=config.sigma,
                 peak=config.peak, truncate=False)


class PlainLoop:
    """The same training and scoring, sample by sample.

    It writes nothing: the JPEG files are kept as bytes, so that no disk is timed.
    """

    def __init__(self, data: PoseData, config: Config):
        self.data, self.config, self.random = data, config, np.random.default_rng(0)
        self.files = [_jpeg(image) for image in data.images]
        self.learner = Learner(config, len(data.skeleton.joints), [HEAD], seed=0)
        self.optimisers = [torch.optim.Adam(part.parameters(), lr=1e-4)
                           for part in (self.learner.network, self.learner.heads)]

    def epoch(self) -> None:
        """A pass over the first `IMAGES` images, with an update a batch."""
        self.learner.train()
        order = self.random.permutation(IMAGES)
        for part in np.array_split(order, IMAGES // self.config.batch):
            inputs, targets, present = self._collated([self.sample(row, self.drawn()) for row in part])
            losses, predicted = self._losses(inputs, targets, present)
            true = per_labelled(losses.detach(), present)
            ranking = objective(METHODS[HEAD], margin=self.config.margin, pairs="halves")
            for adam in self.optimisers:
                adam.zero_grad()
            (losses.mean() + ranking(predicted.to(losses.dtype), true)).backward()
            for adam in self.optimisers:
                adam.step()

    @torch.no_grad()
    def score(self) -> None:
        """Losses and joints of the first `IMAGES` images."""
        self.learner.eval()
        for part in np.array_split(np.arange(IMAGES), math.ceil(IMAGES / self.config.scoring_batch)):
            inputs, targets, present = self._collated([self.sample(row, (1.0, 0.0, 0.0, 0.0, False, np.ones(3)))
                                                       for row in part])
            with autocast(self.config, self.learner.device):
                output, _ = self.learner(inputs)
            per_labelled(pose_losses("mse", output.heatmaps, targets, present), present)
            for drawn in output.heatmaps[:, -1].float().numpy():
                [np.unravel_index(one.argmax(), one.shape) for one in drawn]

    def drawn(self) -> tuple:
        """One view: scale, degrees, shift in x and y, mirrored or not, gains."""
        config, random = self.config, self.random
        return (1 + config.scale * random.uniform(-1, 1), config.rotation * random.uniform(-1, 1),
                *(config.shift * random.uniform(-1, 1, 2)), config.flip and random.random() < 0.5,
                1 + config.colour * random.uniform(-1, 1, 3))

    def sample(self, row: int, view: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Input (3, s, s), target (J, h, h) and presence (J,) of one image in one view."""
        scale, degrees, shift_x, shift_y, mirrored, gains = view
        config, side = self.config, self.data.size
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        factor = config.view * scale * side / config.image
        sign = -1 if mirrored else 1
        linear = factor * np.array([[cos * sign, -sin], [sin * sign, cos]])
        centre = side / 2 + config.view * side * np.array([shift_x, shift_y])
        # Of edges, as Pillow has them: a pixel's centre is at ½.
        offset = centre - linear @ np.full(2, config.image / 2)
        with Image.open(io.BytesIO(self.files[row])) as picture:
            warped = picture.convert("RGB").transform(
                (config.image, config.image), Image.Transform.AFFINE, (*linear[0], offset[0], *linear[1], offset[1]),
                Image.Resampling.BILINEAR)
        pixels = np.clip(np.asarray(warped, np.float32) / 255 * gains.astype(np.float32), 0, 1).transpose(2, 0, 1)
        inverse = np.linalg.inv(linear)
        joints, present = self.data.joints[row].copy(), self.data.present[row].copy()
        if mirrored:
            joints, present = joints[list(self.data.skeleton.swap)], present[list(self.data.skeleton.swap)]
        targets = np.zeros((len(joints), config.image // config.stride, config.image // config.stride), np.float32)
        for j in range(len(joints)):
            x, y = inverse @ (joints[j] + 0.5 - offset) - 0.5
            present[j] &= -0.5 <= x <= config.image - 0.5 and -0.5 <= y <= config.image - 0.5
            if present[j]:
                targets[j] = self._gaussian(x, y, targets.shape[1])
        return pixels, targets, present

    def _gaussian(self, x: float, y: float, size: int) -> np.ndarray:
        config = self.config
        centre_x, centre_y = ((value - (config.stride - 1) / 2) / config.stride for value in (x, y))
        grid_y, grid_x = np.mgrid[:size, :size]
        squared = (grid_x - centre_x) ** 2 + (grid_y - centre_y) ** 2
        return config.peak * np.exp(-squared / (2 * config.sigma**2))

    def _collated(self, samples: list) -> tuple[torch.Tensor, ...]:
        return tuple(torch.from_numpy(np.stack(column)) for column in zip(*samples))

    def _losses(self, inputs, targets, present) -> tuple[torch.Tensor, torch.Tensor]:
        with autocast(self.config, self.learner.device):
            output, predicted = self.learner(inputs)
        return pose_losses(self.config.pose_loss, output.heatmaps, targets, present), predicted[HEAD]


def _jpeg(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
