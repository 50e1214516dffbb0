"""What learns: the pose network, and the loss predictors that learn beside it to say where it fails."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from experiments.config import Config
from experiments.data.batches import heatmaps
from experiments.machine import device_of
from experiments.methods import find_method
from experiments.models import PoseNetwork, PoseOutput, build_head
from experiments.models.objectives import pose_losses
from experiments.seeds import stream

__all__ = ["Learner"]


class Learner(nn.Module):
    """A pose network for J joints with the loss predictors of the named methods, on the configured device.

    The weights are drawn from the seed, the network's and each head's apart: none depends on which others are there.

    >>> from experiments.config import configure
    >>> learner = Learner(configure("smoke"), 14, ["ll", "ll++conv"], seed=0)
    >>> output, predicted = learner(torch.zeros(2, 3, 64, 64))
    >>> output.heatmaps.shape, predicted["ll"].shape
    (torch.Size([2, 1, 14, 16, 16]), torch.Size([2]))
    """

    def __init__(self, config: Config, joints: int, methods: Iterable[str], *, seed: int):
        super().__init__()
        self.config = config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream(seed, "network"))
            self.network = PoseNetwork(
                joints=joints, stacks=config.stacks, channels=config.channels, depth=config.depth,
                stride=config.stride, norm=config.norm, block=config.block,
            )
            self.heads = nn.ModuleDict()
            for name in methods:
                method = find_method(name)
                if method.head is not None:
                    torch.manual_seed(stream(seed, "head", method.head))
                    self.heads[name] = build_head(method.head, channels=config.channels,
                                                  sizes=self.network.sizes(config.image))
        self.to(device_of(config), dtype=torch.float64 if config.precision == "float64" else torch.float32)
        if config.channels_last:
            self.to(memory_format=torch.channels_last)
        if config.compile:
            self.network.compile()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def forward(self, inputs: Tensor, joint: Iterable[str] = ()) -> tuple[PoseOutput, dict[str, Tensor]]:
        """What the network finds in pictures (B, 3, S, S), and each head's predicted losses (B,).

        The heads named in `joint` send gradient to the network, all others read its features as constants.
        """
        dtype = next(self.parameters()).dtype
        inputs = inputs.to(dtype)
        if self.config.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        output = self.network(inputs)
        # Predicted losses in full precision: three digits would make ties of most of a pool.
        with torch.autocast(inputs.device.type, enabled=False):
            exact = PoseOutput(*(tuple(map_.to(dtype) for map_ in part) if isinstance(part, tuple) else part.to(dtype)
                                 for part in output))
            constant = exact.detached()
            predicted = {name: head(exact if name in joint else constant) for name, head in self.heads.items()}
        return output, predicted

    def pose_losses(self, found: Tensor, joints: Tensor, present: Tensor) -> Tensor:
        """The pose loss of each picture (B,), a mean over all joints, of joints in pixels of the input."""
        config = self.config
        target = heatmaps(
            joints.to(found.dtype), present, size=config.image // config.stride, stride=config.stride,
            sigma=config.sigma, peak=config.peak, truncate=config.pose_loss == "anchor",
        )
        return pose_losses(config.pose_loss, found, target, present, absent=config.absent)
