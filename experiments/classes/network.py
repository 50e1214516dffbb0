"""The residual network of CIFAR: 6n + 2 layers, of which n = 18 makes ResNet-110 (He, Zhang, Ren and Sun, 2016).

A convolution, three stages of n blocks, each stage with half the side and twice the channels of the one before, the
mean over the picture, and a linear layer. Shortcuts have no weights: where a stage begins, every other pixel is taken
and the new channels are zeros (option A of He et al., which they take for all their networks of CIFAR). Anchor Loss
says of its network no more than "ResNet-110".
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ClassNetwork"]


class ClassNetwork(nn.Module):
    """Logits of K classes, shape (B, K), of pictures, shape (B, 3, S, S), floats in [0, 1].

    `blocks` is n, `channels` those of the first stage (16 as published). Weights are drawn from torch's global
    generator.

    Source: He, Zhang, Ren and Sun (2016), Sections 3.4 and 4.2. Raises torch's own errors for other shapes.

    >>> import torch
    >>> network = ClassNetwork(classes=10, blocks=1)
    >>> network(torch.rand(2, 3, 8, 8)).shape
    torch.Size([2, 10])
    >>> sum(isinstance(layer, (nn.Conv2d, nn.Linear)) for layer in ClassNetwork(classes=10, blocks=18).modules())
    110
    """

    def __init__(self, *, classes: int, blocks: int, channels: int = 16):
        super().__init__()
        widths = [channels, 2 * channels, 4 * channels]
        stages = [_Block(before if first else width, width, 2 if first and width != channels else 1)
                  for before, width in zip([channels, *widths], widths)
                  for first in [True] + (blocks - 1) * [False]]
        self.features = nn.Sequential(*_normed(3, channels, 1), nn.ReLU(), *stages)
        self.classify = nn.Linear(widths[-1], classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pictures: Tensor) -> Tensor:
        """The logits."""
        return self.classify(self.features(pictures).mean((2, 3)))


class _Block(nn.Module):
    """Two convolutions of 3x3, and what came in added to what they make of it."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.stride, self.added = stride, outputs - inputs
        self.residual = nn.Sequential(*_normed(inputs, outputs, stride), nn.ReLU(), *_normed(outputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = F.pad(x[..., :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))
        return F.relu(shortcut + self.residual(x))


def _normed(inputs: int, outputs: int, stride: int) -> tuple[nn.Module, nn.Module]:
    """A convolution and the normalisation that takes the place of its bias."""
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs)
