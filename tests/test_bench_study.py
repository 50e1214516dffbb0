"""The plain loop of the benchmark does what our trainer does: the same inputs and targets of the same view."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from experiments.data.batches import View, heatmaps, render
from tests.bench.study_speed import IMAGES, PlainLoop, _row
from tests.cells import figures, tiny

VIEWS = [(1.0, 0.0, 0.0, 0.0, False), (1.2, 25.0, 0.04, -0.03, False), (0.9, -10.0, 0.0, 0.05, True)]
GAINS = np.array([1.1, 0.9, 1.0])
# A joint's place in float32, some ten roundings of up to 64 pixels; a Gaussian of height p and width σ has a slope of
# less than p/σ by place.
PLACE = 10 * 64 * np.finfo(np.float32).eps
# Of a picture of 0 to 1: a JPEG of this quality is off by some 3/255 in the mean, and Pillow samples in 8 bits.
PICTURE = 5 / 255


def both(view: tuple, seen: tuple):
    """(input, target, present) of all figures: of the plain loop in one view, of ours in the other."""
    config, data = tiny(colour=0.2), figures()
    plain = PlainLoop(data, config)
    theirs = [np.stack(column) for column in zip(*(plain.sample(row, (*view, GAINS)) for row in range(len(data))))]
    scale, degrees, shift_x, shift_y, mirrored = seen
    count = len(data)
    params = View(
        torch.full((count,), scale), torch.full((count,), math.radians(degrees)),
        torch.tensor([[shift_x, shift_y]]).expand(count, 2), torch.full((count,), mirrored),
        torch.from_numpy(GAINS.astype(np.float32)).expand(count, 3),
    )
    arrays = (torch.from_numpy(np.array(array)) for array in (data.images, data.joints, data.present))
    inputs, joints, present = render(*arrays, size=config.image, swap=data.skeleton.swap, params=params,
                                     view=config.view)
    targets = heatmaps(joints, present, size=config.image // config.stride, stride=config.stride, sigma=config.sigma,
                       peak=config.peak, truncate=False)
    return theirs, [inputs.numpy(), targets.numpy(), present.numpy()], config.peak / config.sigma


@pytest.mark.parametrize("view", VIEWS)
def test_both_sides_see_the_same(view):
    (inputs, targets, present), (ours, drawn, known), slope = both(view, view)
    assert np.array_equal(present, known)
    assert np.abs(targets - drawn).max() <= PLACE * slope
    assert np.abs(inputs - ours).mean() <= PICTURE


def test_another_view_is_seen():
    """Negative control: a shift of a fiftieth of the side."""
    view = VIEWS[1]
    (inputs, targets, _), (ours, drawn, _), slope = both(view, (*view[:2], view[2] + 0.02, *view[3:]))
    assert np.abs(targets - drawn).max() > PLACE * slope and np.abs(inputs - ours).mean() > PICTURE


def test_a_row_says_how_many_images_a_second():
    row = _row("training", 2.0, 4.0)
    assert row.measured == 0.5 and row.passed and f"{IMAGES / 2:.0f} against {IMAGES / 4:.0f} images/s" in row.detail
    assert not _row("training", 4.0, 2.0).passed
