"""What a study of classification trains: a residual network, by one of the paper's losses, on labelled pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from experiments.classes.config import ClassConfig
from experiments.classes.data import ClassData
from experiments.classes.losses import find_variation
from experiments.classes.network import ClassNetwork
from experiments.data.batches import View, render
from experiments.errors import DataError
from experiments.machine import autocast, device_of
from experiments.models.hourglass import at_least_single
from experiments.seeds import stream

__all__ = ["ClassTask", "build_network", "ranks", "top"]


def build_network(data: ClassData, config: ClassConfig, *, seed: int) -> nn.Module:
    """The network of a seed, on the configured device; it takes pictures in [0, 1] and standardises them itself.

    >>> from experiments.classes.data import load
    >>> network = build_network(load(ClassConfig()), ClassConfig(), seed=0)
    >>> network(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 10])
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream(seed, "network"))
        network = ClassNetwork(classes=data.classes, blocks=config.blocks, channels=config.channels)
    network = nn.Sequential(_Standardised(*data.moments), network)
    return network.to(device_of(config), dtype=torch.float64 if config.precision == "float64" else torch.float32)


class _Standardised(nn.Module):
    """Each colour of mean 0 and variance 1 over the data set; kept with the weights, which mean nothing without."""

    def __init__(self, mean: np.ndarray, sd: np.ndarray):
        super().__init__()
        for name, moment in (("mean", mean), ("sd", sd)):
            self.register_buffer(name, torch.from_numpy(moment)[:, None, None])

    def forward(self, pictures: Tensor) -> Tensor:
        return (pictures.to(self.mean.dtype) - self.mean) / self.sd


@torch.no_grad()
def ranks(network: nn.Module, data: ClassData, rows: np.ndarray, config: ClassConfig) -> np.ndarray:
    """Of each picture, how many other classes have a logit as high as its own class's: 0 where it is found.

    Equal logits count against the network, as in half precision there are many. NaN where a logit is no number.

    >>> from experiments.classes.data import load
    >>> data, config = load(ClassConfig()), ClassConfig()
    >>> network = build_network(data, config, seed=0)
    >>> found = ranks(network, data, data.test, config)
    >>> found.shape, set(found.tolist()) <= set(range(10))
    ((797,), True)
    """
    network.eval()
    device, found = next(network.parameters()).device, []
    for chosen in np.split(rows, range(config.scoring_batch, len(rows), config.scoring_batch)):
        with autocast(config, device):
            logits = network(_inputs(torch.from_numpy(data.images[chosen]).to(device)))
        own = logits.gather(1, torch.from_numpy(data.labels[chosen])[:, None].to(device))
        sound = torch.isfinite(logits).all(1)
        found.append(torch.where(sound, ((logits >= own).sum(1) - 1).double(), torch.nan).cpu())
    return torch.cat(found).numpy()


def top(found: np.ndarray, count: int) -> float:
    """Top-k accuracy: the share of the `ranks` below k; NaN where one is NaN.

    >>> top(np.array([0.0, 2.0, 7.0, 0.0]), 1), top(np.array([0.0, 2.0, 7.0, 0.0]), 5)
    (0.5, 0.75)
    """
    return float(np.where(np.isnan(found), np.nan, found < count).mean())


def _inputs(pictures: Tensor, view: View | None = None) -> Tensor:
    """Pictures as the network takes them; views as of pictures with joints, of which there are none."""
    none = torch.zeros(len(pictures), 0, 2, device=pictures.device)
    return render(pictures, none, none[..., 0].bool(), size=pictures.shape[1], swap=(), params=view)[0]


class ClassTask:
    """Learn the classes of the pictures `rows`, judged by those of the pictures `judged`, by one of `VARIATIONS`.

    A `experiments.train.Task`. Raises `ConfigError` for another variation, `DataError` for less than two pictures.

    >>> from experiments.classes.data import load, share
    >>> config, data = ClassConfig(), load(ClassConfig())
    >>> ClassTask(build_network(data, config, seed=0), "ce", data, *share(data, config, 0), config).batch
    50
    """

    names, heads = ("loss",), ()

    def __init__(self, network: nn.Module, variation: str, data: ClassData, rows: np.ndarray, judged: np.ndarray,
                 config: ClassConfig):
        self.batch = min(config.batch, len(rows) // 2 * 2)
        if not self.batch:
            raise DataError("train", len(rows), "at least two pictures", "label more")
        self.module, self.data, self.rows, self.judged, self.config = network, data, rows, judged, config
        self.device, self.fingerprint = next(network.parameters()).device, data.fingerprint
        self.loss = find_variation(variation)

    def optimisers(self, rate: float) -> list[Optimizer]:
        """Adam, or SGD with momentum and weight decay.

        >>> from experiments.classes.data import load
        >>> data, config, rows = load(ClassConfig()), ClassConfig(momentum=0.8), np.arange(50)
        >>> task = ClassTask(build_network(data, config, seed=0), "ce", data, rows, rows, config)
        >>> task.optimisers(0.5)[0].defaults["momentum"]
        0.8
        """
        if self.config.optimiser == "adam":
            return [Adam(self.module.parameters(), lr=rate)]
        return [SGD(self.module.parameters(), lr=rate, momentum=self.config.momentum, weight_decay=self.config.decay)]

    def begin(self, epoch: int, epochs: int, count: int, generator: Callable[[str], torch.Generator]) -> None:
        """Draw the views of the epoch's pictures: a crop of the padded picture is a shift by whole pixels."""
        shift, drawn = self.config.shift, generator("augmentation")
        side = self.data.images.shape[1]
        self._epoch = epoch - 1
        self._views = View(
            scale=torch.ones(count), angle=torch.zeros(count), gain=torch.ones(count, 3),
            shift=torch.randint(-shift, shift + 1, (count, 2), generator=drawn) / side,
            flip=(torch.rand(count, generator=drawn) < 0.5) & self.config.flip,
        )

    def fetch(self, rows: np.ndarray, slots: Tensor) -> tuple:
        """Pictures, classes, and the views that augmentation drew."""
        chosen = rows[slots.numpy()]
        arrays = (torch.from_numpy(array[chosen]).to(self.device) for array in (self.data.images, self.data.labels))
        return *arrays, View(*(drawn[slots] for drawn in self._views))

    def losses(self, forward: nn.Module, batch: tuple) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """The loss of a batch; there are no pairs."""
        pictures, labels, view = batch
        with autocast(self.config, self.device):
            logits = forward(_inputs(pictures, view))
        loss = self.loss.value(self.config, at_least_single(logits), labels, self._epoch)
        return loss, {"loss": loss}, {}

    def validate(self) -> tuple[float, dict[str, float]]:
        """Top-1 accuracy of the judged pictures."""
        accuracy = top(ranks(self.module, self.data, self.judged, self.config), 1)
        return accuracy, {"validation_top1": accuracy}
