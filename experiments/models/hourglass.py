"""The stacked hourglass: a network that draws one heatmap a joint (Newell, Yang and Deng, 2016).

A stem takes the image to the resolution of the heatmaps. Each stack then goes down to a coarse map and up again, with a
branch at each scale that skips what lies below, and draws heatmaps that are supervised; its features and heatmaps,
mapped back to the width of the network, are added to what the next stack sees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.errors import ConfigError

__all__ = ["PoseNetwork", "PoseOutput", "at_least_single"]


class PoseOutput(NamedTuple):
    """What the network says of B images.

    Attributes
    ----------
    heatmaps : Tensor, shape (B, stacks, J, h, w), float32 also under autocast, float64 of a network in float64
        Raw outputs: peaks for squared error, logits for the losses of probabilities. The last stack is the answer.
    features : Tensor, shape (B, C, h, w)
        What the last stack's heatmaps are drawn from.
    pyramid : tuple of Tensor, shapes (B, C, h, w), (B, C, h/2, w/2), ...
        The maps of the last hourglass on its way up, finest first: H_64x64 to H_4x4 of the paper's Section 4.2.
    """

    heatmaps: Tensor
    features: Tensor
    pyramid: tuple[Tensor, ...]

    def detached(self) -> PoseOutput:
        """The same values as constants: a head that reads them sends no gradient into the network.

        >>> import torch
        >>> network = PoseNetwork(joints=2, stacks=1, channels=8, depth=1)
        >>> found = network(torch.rand(1, 3, 16, 16))
        >>> found.features.requires_grad, found.detached().features.requires_grad
        (True, False)
        """
        pyramid = tuple(scale.detach() for scale in self.pyramid)
        return PoseOutput(self.heatmaps.detach(), self.features.detach(), pyramid)

    @staticmethod
    def joined(parts: Sequence[PoseOutput]) -> PoseOutput:
        """What was said of several batches, as if of one.

        >>> import torch
        >>> found = PoseNetwork(joints=2, stacks=1, channels=8, depth=1)(torch.rand(3, 3, 16, 16))
        >>> PoseOutput.joined([found, found]).heatmaps.shape
        torch.Size([6, 1, 2, 4, 4])
        """
        if len(parts) == 1:
            return parts[0]
        heatmaps, features, pyramids = zip(*parts)
        return PoseOutput(torch.cat(heatmaps), torch.cat(features), tuple(map(torch.cat, zip(*pyramids))))


class PoseNetwork(nn.Module):
    """A stacked hourglass.

    Parameters
    ----------
    joints, stacks, channels : int
        J heatmaps, each drawn by `stacks` hourglasses of C channels; C a multiple of 4 and at least 8. The published
        network is 2 stacks of 256.
    depth : int
        How often an hourglass halves its map. An odd side is halved downwards.
    stride : {4, 2}
        Input pixels to a pixel of the heatmap.
    norm : {"batch", "group"}
        Batch normalisation, or normalisation of groups of up to 8 channels, for which each image is alone.
    block : {"bottleneck", "plain"}
        The residual: 1x1, 3x3 and 1x1 convolutions, the first two of half the width, as published, or one 3x3
        convolution. Of a narrow network on a CPU, the latter takes a fraction of the time.

    Weights are drawn from torch's global generator; `torch.manual_seed` before makes them the same again. Raises
    `ConfigError` for a setting outside its domain, and for images that do not fit.

    >>> import torch
    >>> network = PoseNetwork(joints=14, stacks=2, channels=16, depth=2, stride=4)
    >>> found = network(torch.rand(3, 3, 64, 64))
    >>> found.heatmaps.shape
    torch.Size([3, 2, 14, 16, 16])
    >>> [tuple(scale.shape) for scale in found.pyramid]
    [(3, 16, 16, 16), (3, 16, 8, 8), (3, 16, 4, 4)]
    """

    def __init__(
        self, *, joints: int, stacks: int, channels: int, depth: int, stride: int = 4, norm: str = "batch",
        block: str = "bottleneck",
    ):
        super().__init__()
        for name, value, allowed in (("stride", stride, (2, 4)), ("norm", norm, _NORMS), ("block", block, _BLOCKS)):
            if value not in allowed:
                raise ConfigError(name, value, "one of " + ", ".join(map(repr, allowed)), "pass one of them")
        for name, value in (("joints", joints), ("stacks", stacks), ("depth", depth)):
            if value < 1:
                raise ConfigError(name, value, "an integer >= 1", "pass at least 1")
        if channels < 8 or channels % 4:
            raise ConfigError("channels", channels, "a multiple of 4, at least 8", "pass 32, or the published 256")
        self.stride, self.depth = stride, depth
        normed = _NORMS[norm]

        def residual(inputs: int, outputs: int) -> nn.Module:
            return _Residual(inputs, outputs, _BLOCKS[block](inputs, outputs, normed))

        def activated(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
            return [_convolution(inputs, outputs, kernel, stride), normed(outputs), nn.ReLU()]

        quarter, half = channels // 4, channels // 2
        self.stem = nn.Sequential(
            *activated(3, quarter, 7, 2), residual(quarter, half), *([nn.MaxPool2d(2)] if stride == 4 else []),
            residual(half, half), residual(half, channels),
        )
        self.hourglasses = nn.ModuleList(_Hourglass(depth, channels, residual) for _ in range(stacks))
        self.tops = nn.ModuleList(
            nn.Sequential(residual(channels, channels), *activated(channels, channels, 1)) for _ in range(stacks))
        self.drawings = nn.ModuleList(nn.Conv2d(channels, joints, 1) for _ in range(stacks))
        self.from_features = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(stacks - 1))
        self.from_heatmaps = nn.ModuleList(nn.Conv2d(joints, channels, 1) for _ in range(stacks - 1))

    def forward(self, images: Tensor) -> PoseOutput:
        """Heatmaps, features and pyramid of images, shape (B, 3, S, S), floats in [0, 1]."""
        self.sizes(images.shape[-1])
        x = self.stem(images)
        heatmaps = []
        for stack, (hourglass, top, drawing) in enumerate(zip(self.hourglasses, self.tops, self.drawings)):
            pyramid = hourglass(x)
            features = top(pyramid[0])
            drawn = drawing(features)
            # Under autocast at least float32: half precision is too coarse for a loss.
            heatmaps.append(at_least_single(drawn))
            if stack < len(self.from_features):
                x = x + self.from_features[stack](features) + self.from_heatmaps[stack](drawn)
        return PoseOutput(torch.stack(heatmaps, 1), features, pyramid)

    def sizes(self, side: int) -> tuple[int, ...]:
        """The sides of the maps of the pyramid, finest first, for images of this side, as `build_head` wants them.

        >>> PoseNetwork(joints=14, stacks=1, channels=16, depth=4).sizes(256)
        (64, 32, 16, 8, 4)
        """
        if side % self.stride or side // self.stride < 2**self.depth:
            raise ConfigError(
                "side", side, f"a multiple of the stride {self.stride}, at least {self.stride * 2**self.depth}",
                "resize the images, or make the network less deep",
            )
        return tuple(side // self.stride // 2**level for level in range(self.depth + 1))


def at_least_single(tensor: Tensor) -> Tensor:
    """The tensor in float32 where it is of half precision, which is too coarse to compare losses; else as it is.

    Raises torch's own `RuntimeError` for a dtype that float32 does not promote.

    >>> import torch
    >>> at_least_single(torch.ones(1, dtype=torch.bfloat16)).dtype, at_least_single(torch.ones(1).double()).dtype
    (torch.float32, torch.float64)
    """
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


class _Hourglass(nn.Module):
    """Down by max pooling, up by nearest neighbours; at each scale a branch that skips what lies below."""

    def __init__(self, depth: int, channels: int, residual: Callable[[int, int], nn.Module]):
        super().__init__()
        self.skips, self.downs, self.ups = (
            nn.ModuleList(residual(channels, channels) for _ in range(depth)) for _ in range(3))
        self.bottom = residual(channels, channels)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        skipped = []
        for skip, down in zip(self.skips, self.downs):
            skipped.append(skip(x))
            x = down(F.max_pool2d(x, 2))
        x = self.bottom(x)
        maps = [x]
        for skip, up in zip(reversed(skipped), self.ups):
            # To the size of the branch rather than by a factor of 2: an odd side was halved downwards.
            x = skip + F.interpolate(up(x), size=skip.shape[-2:])
            maps.append(x)
        return tuple(reversed(maps))


class _Residual(nn.Module):
    """What the block adds to its input; a 1x1 convolution brings the input to another width."""

    def __init__(self, inputs: int, outputs: int, block: nn.Module):
        super().__init__()
        self.block = block
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.block(x)


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution before a normalisation, which takes the place of its bias."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


def _bottleneck(inputs: int, outputs: int, normed: Callable[[int], nn.Module]) -> nn.Module:
    half = outputs // 2
    return nn.Sequential(
        normed(inputs), nn.ReLU(), _convolution(inputs, half, 1), normed(half), nn.ReLU(), _convolution(half, half, 3),
        normed(half), nn.ReLU(), nn.Conv2d(half, outputs, 1),
    )


def _plain(inputs: int, outputs: int, normed: Callable[[int], nn.Module]) -> nn.Module:
    return nn.Sequential(normed(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, padding=1))


def _group_norm(channels: int) -> nn.Module:
    return nn.GroupNorm(channels // math.gcd(8, channels), channels)


_NORMS = {"batch": nn.BatchNorm2d, "group": _group_norm}
_BLOCKS = {"bottleneck": _bottleneck, "plain": _plain}
