"""Loss heads: small networks that read the features of a pose network and predict the loss of each image.

============== ========================================================================================================
``"gap"``      Global average pooling of the last features, then a multilayer perceptron: LL and LL++.
``"conv"``     The maps of the hourglass, each reduced by a strided convolution and added to the next coarser one, then
               pooling and the perceptron: LL++conv, the paper's Section 4.2.
``"conv4x4"``  The same, with a convolution as large as the coarsest map (4x4 in the published network) for the pooling.
``"multitap"`` Yoo and Kweon's own head: each map pooled and given a layer of 128, concatenated, one linear layer.
============== ========================================================================================================

A head sends gradient into what it reads. Give it `PoseOutput.detached()` where it should not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from experiments.errors import ConfigError
from experiments.models.hourglass import PoseOutput, at_least_single

__all__ = ["HEADS", "build_head"]

_NARROWEST = 8  # the last hidden layer of the perceptron is this wide, or up to twice as wide
_TAP_WIDTH = 128
_FIRST_PREDICTIONS = 1e-3  # a step of Adam at the usual rates, so that few steps reach the scale that is wanted


def build_head(kind: str, *, channels: int, sizes: tuple[int, ...]) -> nn.Module:
    """A head that takes a `PoseOutput` of B images to their predicted losses, shape (B,), at least float32.

    Parameters
    ----------
    kind : {"gap", "conv", "conv4x4", "multitap"}
        Which head; see the module.
    channels : int
        The channels C >= 8 of the features and of every map of the pyramid.
    sizes : tuple of int
        The sides of the maps of the pyramid, finest first, falling: `PoseNetwork.sizes`.

    The perceptron's widths halve from C down to 8, then 1: 256-128-64-32-16-8-1 for the published network. Weights are
    drawn from torch's global generator, by He's rule for layers with ReLU, and a thousandth of it for the last one;
    biases are 0. Raises `ConfigError` for an unknown kind, too few channels, or sizes that do not fall.

    >>> import torch
    >>> from experiments.models import PoseNetwork
    >>> network = PoseNetwork(joints=14, stacks=1, channels=32, depth=2)
    >>> found = network(torch.rand(5, 3, 48, 48))
    >>> network.sizes(48)
    (12, 6, 3)
    >>> {kind: tuple(build_head(kind, channels=32, sizes=network.sizes(48))(found).shape) for kind in HEADS}
    {'gap': (5,), 'conv': (5,), 'conv4x4': (5,), 'multitap': (5,)}
    """
    if kind not in HEADS:
        raise ConfigError("kind", kind, "one of " + ", ".join(map(repr, HEADS)), "pass one of them")
    if channels < _NARROWEST:
        raise ConfigError("channels", channels, f"an integer >= {_NARROWEST}", "pass the channels of the network")
    if not sizes or min(sizes) < 1 or any(fine <= coarse for fine, coarse in zip(sizes, sizes[1:])):
        raise ConfigError("sizes", sizes, "falling integers >= 1", "pass network.sizes(side of the images)")
    head = HEADS[kind](channels, tuple(sizes))
    for module in head.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            # torch's own rule shrinks what passes a layer of this kind to 0.4 of its size: six of them leave next to
            # nothing that depends on the image, and a head that learns late or never.
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)
    # Predictions start all but equal. The maps that the convolutions add up are not normalised: without this, the gaps
    # between predictions start some hundred times as wide as those of the targets, and most of a training goes into
    # narrowing them. On LSPET's crops, two seeds, LL++conv then ends with a rank correlation of 0.26 instead of 0.35.
    with torch.no_grad():
        [module for module in head.modules() if isinstance(module, nn.Linear)][-1].weight.mul_(_FIRST_PREDICTIONS)
    return head


class _Pooled(nn.Module):
    """Global average pooling and the perceptron."""

    def __init__(self, channels: int, sizes: tuple[int, ...]):
        super().__init__()
        self.perceptron = _perceptron(channels)

    def forward(self, found: PoseOutput) -> Tensor:
        return _losses(self.perceptron(_pool(found.features)))


class _Convolutional(nn.Module):
    """From the finest map to the coarsest by strided convolutions, each result added to the map it comes to."""

    def __init__(self, channels: int, sizes: tuple[int, ...]):
        super().__init__()
        self.steps = nn.ModuleList(_step(channels, fine, coarse) for fine, coarse in zip(sizes, sizes[1:]))
        self.collapse = self.collapsing(channels, sizes[-1])
        self.perceptron = _perceptron(channels)

    @staticmethod
    def collapsing(channels: int, size: int) -> nn.Module:
        return nn.AdaptiveAvgPool2d(1)

    def forward(self, found: PoseOutput) -> Tensor:
        x = found.pyramid[0]
        for step, coarser in zip(self.steps, found.pyramid[1:]):
            x = coarser + step(x)
        return _losses(self.perceptron(self.collapse(x).flatten(1)))


class _Collapsed(_Convolutional):
    """The same, with a learnt weight for each place of the coarsest map in place of their mean."""

    @staticmethod
    def collapsing(channels: int, size: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(channels, channels, size), nn.ReLU())


class _MultiTap(nn.Module):
    """Each map pooled, a layer of its own; the layers side by side, one linear layer."""

    def __init__(self, channels: int, sizes: tuple[int, ...]):
        super().__init__()
        self.taps = nn.ModuleList(nn.Sequential(nn.Linear(channels, _TAP_WIDTH), nn.ReLU()) for _ in sizes)
        self.join = nn.Linear(_TAP_WIDTH * len(sizes), 1)

    def forward(self, found: PoseOutput) -> Tensor:
        layers = [tap(_pool(scale)) for tap, scale in zip(self.taps, found.pyramid)]
        return _losses(self.join(torch.cat(layers, 1)))


def _step(channels: int, fine: int, coarse: int) -> nn.Module:
    """Paper, Section 4.2: kernel and stride ⌊n1/n2⌋; where n1/n2 is no integer, a second convolution of stride 1, with
    the kernel that makes the sides match. A ReLU follows each, as in the authors' code; the paper has no word on it."""
    ratio = fine // coarse
    layers = [nn.Conv2d(channels, channels, ratio, ratio), nn.ReLU()]
    if fine % coarse:
        layers += [nn.Conv2d(channels, channels, fine // ratio - coarse + 1), nn.ReLU()]
    return nn.Sequential(*layers)


def _perceptron(channels: int) -> nn.Module:
    layers, width = [], channels
    while width >= 2 * _NARROWEST:
        layers += [nn.Linear(width, width // 2), nn.ReLU()]
        width //= 2
    return nn.Sequential(*layers, nn.Linear(width, 1))


def _pool(features: Tensor) -> Tensor:
    return features.mean((-2, -1))


def _losses(column: Tensor) -> Tensor:
    """Shape (B, 1) to (B,), in float32 at least: a ranking objective tells apart what half precision does not."""
    return at_least_single(column.squeeze(1))


HEADS = {"gap": _Pooled, "conv": _Convolutional, "conv4x4": _Collapsed, "multitap": _MultiTap}
