"""What a classifier is and how it learns: layers, views of pictures, ranks, and a training that goes on."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from experiments.classes import task as module
from experiments.classes.config import configure
from experiments.classes.data import load, share
from experiments.classes.network import ClassNetwork
from experiments.classes.task import ClassTask, build_network, ranks, top
from experiments.errors import ConfigError, TrainingError
from experiments.train import train

SMOKE = configure("smoke")
# A shift by whole pixels is sampled at positions that are whole but for a few roundings of numbers below 32, and
# neighbours differ by at most 1.
SAMPLED = 32 * 8 * np.finfo(np.float32).eps


@pytest.fixture(scope="module")
def digits():
    return load(SMOKE)


def task_of(data, config=SMOKE, variation="ce", seed=0, kind=ClassTask) -> ClassTask:
    return kind(build_network(data, config, seed=seed), variation, data, *share(data, config, seed), config)


# --- the network -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("blocks, layers, millions", [(3, 20, 0.27), (9, 56, 0.85), (18, 110, 1.7)])
def test_layers_and_weights_are_those_of_he(blocks, layers, millions):
    """He et al., Table 6: millions of parameters by number of layers, with shortcuts that have none."""
    network = ClassNetwork(classes=10, blocks=blocks)
    assert sum(isinstance(layer, (nn.Conv2d, nn.Linear)) for layer in network.modules()) == layers
    count = sum(weight.numel() for weight in network.parameters()) / 1e6
    assert round(count, 2 if millions < 1 else 1) == millions


def test_a_shortcut_takes_every_other_pixel_and_pads_channels():
    network = ClassNetwork(classes=10, blocks=1, channels=4)
    block = network.features[4]  # the first of the second stage
    nn.init.zeros_(block.residual[-1].weight)
    x = torch.rand(2, 4, 8, 8)
    found = block.eval()(x)
    assert found.shape == (2, 8, 4, 4)
    assert (found[:, :4] == x[..., ::2, ::2]).all() and (found[:, 4:] == 0).all()


def test_weights_are_of_the_seed(digits):
    first, same, other = (build_network(digits, SMOKE, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_pictures_are_standardised(digits):
    network = build_network(digits, SMOKE, seed=0)
    pictures = torch.from_numpy(digits.images[digits.train]).permute(0, 3, 1, 2) / 255
    found = network[0](pictures)
    assert torch.allclose(found.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(found.std((0, 2, 3)), torch.ones(3), atol=1e-4)


# --- views -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("flip", [False, True])
def test_a_view_is_a_crop_of_the_padded_picture(digits, monkeypatch, flip):
    """Each view, found among all crops of the picture with a border of zeros; all nine come up, mirrored or not."""
    task = task_of(digits, configure("smoke", {"shift": 1, "flip": flip}))
    seen = []
    task.begin(1, 1, 40, lambda name: torch.Generator().manual_seed(5))
    pictures, labels, views = task.fetch(task.rows, torch.arange(40))
    found = module._inputs(pictures, views).numpy()
    assert (labels.numpy() == digits.labels[task.rows]).all()
    for view, picture in zip(found, digits.images[task.rows] / 255):
        padded = np.pad(picture, ((1, 1), (1, 1), (0, 0))).transpose(2, 0, 1)
        crops = {(y, x, m): padded[:, y:y + 8, x:x + 8][..., ::-1 if m else 1]
                 for y in range(3) for x in range(3) for m in (0, 1)}
        errors = {place: abs(view - crop).max() for place, crop in crops.items()}
        place = min(errors, key=errors.get)
        assert errors[place] < SAMPLED
        seen.append(place)
    assert {place[:2] for place in seen} == {(y, x) for y in range(3) for x in range(3)}
    assert {place[2] for place in seen} == ({0, 1} if flip else {0})


def test_all_losses_see_the_same(digits):
    views = []
    for variation in ("ce", "anchor"):
        task = task_of(digits, variation=variation)
        task.begin(3, 4, 40, lambda name: torch.Generator().manual_seed(7))
        views.append(task.fetch(task.rows, torch.arange(20))[2])
    assert all(torch.equal(one, other) for one, other in zip(*views))


# --- ranks -----------------------------------------------------------------------------------------------------------

class Fixed(nn.Module):
    """Logits by the mean of a picture, so that a test knows them."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits, dtype=torch.float32))

    def forward(self, pictures):
        return self.logits[(pictures.mean((1, 2, 3)) * 255).round().long()]


def test_ranks_and_accuracies(digits):
    logits = [[3, 2, 1, 0], [0, 3, 2, 1], [1, 1, 1, 1], [0, 9, float("nan"), 0]]
    images = np.broadcast_to(np.arange(4, dtype=np.uint8)[:, None, None, None], (4, 8, 8, 3)).copy()
    data = digits._replace(images=images, labels=np.array([0, 3, 2, 1]), classes=4)
    found = ranks(Fixed(logits), data, np.arange(4), configure("smoke", {"scoring_batch": 3}))
    assert found[:3].tolist() == [0, 2, 3] and math.isnan(found[3])  # equal logits count against
    assert [top(found[:3], count) for count in (1, 3, 4)] == pytest.approx([1 / 3, 2 / 3, 1])
    assert math.isnan(top(found, 1))


# --- training --------------------------------------------------------------------------------------------------------

def test_it_learns(digits, tmp_path):
    config = configure("smoke", {"epochs": 40, "train": 100, "batch": 50, "channels": 16})
    task = task_of(digits, config, "anchor")
    before = top(ranks(task.module, digits, digits.test, config), 1)
    summary, pairs = train(task, config=config, seed=0, stage=0, folder=tmp_path)
    assert top(ranks(task.module, digits, digits.test, config), 1) > 0.6 > 0.3 > before
    assert summary["epochs"] == summary["best_epoch"] == 40 and pairs == {}
    assert [name for name in summary if name.startswith("validation_")] == ["validation_top1"]
    assert summary["validation_top1"] == task.validate()[0]


class Killed(ClassTask):
    """Ends where the third epoch would begin."""

    def begin(self, epoch, *rest):
        if epoch == 3:
            raise KeyboardInterrupt
        super().begin(epoch, *rest)


@pytest.mark.parametrize("changes", [{"schedule": "steps"}, {"optimiser": "adam", "rate": 3e-3}])
def test_a_killed_training_goes_on(digits, tmp_path, changes):
    config = configure("smoke", {"epochs": 5, "warmup": 3, **changes})
    words = {"config": config, "seed": 0, "stage": 0}
    whole = task_of(digits, config, "anchor-warmup")
    wanted, _ = train(whole, folder=tmp_path / "whole", **words)
    with pytest.raises(KeyboardInterrupt):
        train(task_of(digits, config, "anchor-warmup", kind=Killed), folder=tmp_path / "killed", **words)
    again = task_of(digits, config, "anchor-warmup")
    found, _ = train(again, folder=tmp_path / "killed", **words)
    assert found["loss"] == wanted["loss"]
    other = again.module.state_dict()
    assert all(torch.equal(weight, other[name]) for name, weight in whole.module.state_dict().items())
    fresh = task_of(digits, config).module.state_dict()  # control: training changed them
    assert any(not torch.equal(weight, other[name]) for name, weight in fresh.items())


def test_steps_fall_where_the_paper_has_them(digits, tmp_path):
    """Epochs 160 and 180 of 200, here 8 and 9 of 10."""
    config = configure("smoke", {"epochs": 10, "schedule": "steps"})
    train(task_of(digits, config), config=config, seed=0, stage=0, folder=tmp_path)
    rates = [json.loads(line)["rate"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rates == pytest.approx([0.1] * 8 + [0.01, 0.001])


@pytest.mark.parametrize("variation", ["ce", "anchor"])
def test_a_loss_that_is_no_number(digits, tmp_path, variation):
    task = task_of(digits, variation=variation)
    nn.init.constant_(task.module[1].classify.bias, math.nan)
    with pytest.raises(TrainingError, match="loss: got 'no finite number in epoch 1'"):
        train(task, config=SMOKE, seed=0, stage=0, folder=tmp_path)


def test_an_unknown_loss(digits):
    with pytest.raises(ConfigError, match="variation: got 'hinge'; allowed: ce, bce, ohem"):
        task_of(digits, variation="hinge")
