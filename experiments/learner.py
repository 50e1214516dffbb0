"""What learns: the pose network, and the loss predictors that learn beside it to say where it fails."""

from __future__ import annotations

import math
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

_SHAPE = ("stacks", "channels", "depth", "stride", "norm", "block")  # settings of a network


class Learner(nn.Module):
    """A pose network for J joints with the loss predictors of the named methods, on the configured device.

    With ``consistency="dual"`` there is a second network, `peer`, which learns beside the first. The weights are drawn
    from the seed, those of each network and head apart: none depends on which others are there.

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
            shape = {"joints": joints, **{name: getattr(config, name) for name in _SHAPE}}
            torch.manual_seed(stream(seed, "network"))
            self.network, self.peer = PoseNetwork(**shape), None
            if config.consistency == "dual":
                torch.manual_seed(stream(seed, "peer"))
                self.peer = PoseNetwork(**shape)
            if config.probabilities:
                with torch.no_grad():
                    for drawing in (drawing for network in self.networks for drawing in network.drawings):
                        drawing.bias += math.log(config.prior / (1 - config.prior))
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
            for network in self.networks:
                network.compile()

    @property
    def networks(self) -> tuple[PoseNetwork, ...]:
        """The pose network, whose answers count, and its peer where there is one."""
        return (self.network,) if self.peer is None else (self.network, self.peer)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def forward(
        self, inputs: Tensor, joint: Iterable[str] = (), beside: Tensor | None = None, apart: int | None = None,
    ) -> tuple[PoseOutput, dict[str, Tensor]] | tuple[PoseOutput, dict[str, Tensor], PoseOutput]:
        """What the network finds in pictures (B, 3, S, S), and each head's predicted losses (B,).

        The heads named in `joint` send gradient to the network, all others read its features as constants. With
        pictures `beside`, for the peer, the third is what it finds in them. With `apart`, each so many pictures are
        normalised by themselves.
        """
        output = self._found(self.network, inputs, apart)
        dtype = next(self.parameters()).dtype
        # Predicted losses in full precision: three digits would make ties of most of a pool.
        with torch.autocast(inputs.device.type, enabled=False):
            exact = PoseOutput(*(tuple(map_.to(dtype) for map_ in part) if isinstance(part, tuple) else part.to(dtype)
                                 for part in output))
            constant = exact.detached()
            predicted = {name: head(exact if name in joint else constant) for name, head in self.heads.items()}
        return (output, predicted) if beside is None else (output, predicted, self._found(self.peer, beside, apart))

    def _found(self, network: PoseNetwork, inputs: Tensor, apart: int | None) -> PoseOutput:
        parts = self._as_weights(inputs).split(apart or len(inputs))
        return PoseOutput.joined([network(part) for part in parts])

    def _as_weights(self, inputs: Tensor) -> Tensor:
        inputs = inputs.to(next(self.parameters()).dtype)
        return inputs.contiguous(memory_format=torch.channels_last) if self.config.channels_last else inputs

    @torch.no_grad()
    def teach(self, inputs: Tensor) -> list[Tensor]:
        """What each network says of pictures (B, 3, S, S), without gradient: heatmaps (B, J, h, w) of the last stack.

        Normalised as when it learns, by the statistics of the batch, as released.

        >>> from experiments.config import configure
        >>> learner = Learner(configure("smoke", {"consistency": "dual"}), 14, [], seed=0)
        >>> [found.shape for found in learner.teach(torch.zeros(2, 3, 64, 64))]
        [torch.Size([2, 14, 16, 16]), torch.Size([2, 14, 16, 16])]
        """
        return [self.shown(network(self._as_weights(inputs)).heatmaps[:, -1]) for network in self.networks]

    def shown(self, found: Tensor) -> Tensor:
        """Heatmaps as they are to be looked at: their sigmoids where the network draws logits.

        >>> from experiments.config import configure
        >>> Learner(configure("smoke", {"pose_loss": "bce", "peak": 1.0}), 14, [], seed=0).shown(torch.zeros(1))
        tensor([0.5000])
        """
        return found.sigmoid() if self.config.probabilities else found

    def pose_losses(self, found: Tensor, joints: Tensor, present: Tensor) -> Tensor:
        """The pose loss of each picture (B,), a mean over all joints, of joints in pixels of the input."""
        config = self.config
        target = heatmaps(
            joints.to(found.dtype), present, size=config.image // config.stride, stride=config.stride,
            sigma=config.sigma, peak=config.peak, truncate=config.truncate or config.pose_loss == "anchor",
        )
        return pose_losses(config.pose_loss, found, target, present, absent=config.absent, gamma=config.gamma,
                           output=config.output)
