"""Loss heads: the convolutional one written a second time from the paper, and what each of them can and cannot see."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.errors import ConfigError
from experiments.models import HEADS, PoseOutput, build_head

CHANNELS = 16
# Sums of at most 16·4·4 products of size 1 in float32, in another order than the float64 ones they are compared with,
# through at most ten layers.
ROUNDING = 10 * 256 * torch.finfo(torch.float32).eps
# (sizes, and for each step the kernels that Section 4.2 asks for): those that divide, and those that do not.
STEPS = [
    ((16, 8, 4), [[2], [2]]),
    ((64, 32, 16, 8, 4), [[2], [2], [2], [2]]),
    ((12, 6, 3), [[2], [2]]),
    ((10, 5, 2), [[2], [2, 1]]),  # ⌊5/2⌋ = 2 already gives a side of 2
    ((7, 3, 1), [[2, 1], [3]]),
    ((8, 5), [[1, 4]]),           # ⌊8/5⌋ = 1 keeps the side of 8: 8 − 4 + 1 = 5
    ((11, 4), [[2, 2]]),          # ⌊11/4⌋ = 2 gives a side of 5: 5 − 2 + 1 = 4
]


def found(sizes: tuple[int, ...], count: int = 3, channels: int = CHANNELS, seed: int = 0) -> PoseOutput:
    source = torch.Generator().manual_seed(seed)
    maps = [torch.rand(count, channels, size, size, generator=source) for size in (sizes[0], *sizes)]
    return PoseOutput(torch.zeros(count, 1, 2, sizes[0], sizes[0]), maps[0], tuple(maps[1:]))


def head(kind: str, sizes: tuple[int, ...], channels: int = CHANNELS, seed: int = 0) -> torch.nn.Module:
    """A head with biases that are not 0, so that a forgotten one would show, and a last layer of full size."""
    torch.manual_seed(seed)
    made = build_head(kind, channels=channels, sizes=sizes)
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
                module.bias.uniform_(0.0, 0.2)
        last(made).weight.mul_(1000)
    return made


def last(made: torch.nn.Module) -> torch.nn.Linear:
    return [module for module in made.modules() if isinstance(module, torch.nn.Linear)][-1]


# --- a second time, in NumPy ------------------------------------------------------------------------------------------

def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def array(parameter: torch.Tensor) -> np.ndarray:
    return parameter.detach().double().numpy()


def convolved(x: np.ndarray, layer: torch.nn.Conv2d, kernel: int, stride: int) -> np.ndarray:
    """One output pixel after the other: the products of a window with the kernel, without padding."""
    weight = array(layer.weight)
    assert weight.shape[2:] == (kernel, kernel)
    side = (x.shape[2] - kernel) // stride + 1
    y = np.empty((len(x), len(weight), side, side))
    for row, column in np.ndindex(side, side):
        window = x[:, :, row * stride : row * stride + kernel, column * stride : column * stride + kernel]
        y[:, :, row, column] = np.tensordot(window, weight, ((1, 2, 3), (1, 2, 3))) + array(layer.bias)
    return y


def perceptron(x: np.ndarray, layers: torch.nn.Sequential) -> np.ndarray:
    linear = [layer for layer in layers if isinstance(layer, torch.nn.Linear)]
    for layer in linear:
        x = x @ array(layer.weight).T + array(layer.bias)
        x = relu(x) if layer is not linear[-1] else x
    return x[:, 0]


def by_hand(kind: str, made: torch.nn.Module, output: PoseOutput) -> np.ndarray:
    maps = [array(scale) for scale in output.pyramid]
    if kind == "gap":
        return perceptron(array(output.features).mean((2, 3)), made.perceptron)
    if kind == "multitap":
        taps = [relu(scale.mean((2, 3)) @ array(tap[0].weight).T + array(tap[0].bias))
                for tap, scale in zip(made.taps, maps, strict=True)]
        return np.concatenate(taps, 1) @ array(made.join.weight)[0] + array(made.join.bias)
    x = maps[0]
    for coarser, step in zip(maps[1:], made.steps, strict=True):
        convolutions = [layer for layer in step if isinstance(layer, torch.nn.Conv2d)]
        n1, n2 = x.shape[2], coarser.shape[2]
        x = relu(convolved(x, convolutions[0], n1 // n2, n1 // n2))
        if n1 % n2:
            x = relu(convolved(x, convolutions[1], x.shape[2] - n2 + 1, 1))
        x = coarser + x
    if kind == "conv4x4":
        x = relu(convolved(x, made.collapse[0], x.shape[2], 1))
    return perceptron(x.mean((2, 3)), made.perceptron)


def agrees(kind: str, made: torch.nn.Module, output: PoseOutput, wanted: np.ndarray) -> bool:
    predicted = made(output)
    assert predicted.shape == wanted.shape and predicted.dtype == torch.float32
    return bool(np.abs(predicted.detach().numpy() - wanted).max() <= ROUNDING * max(1.0, np.abs(wanted).max()))


@pytest.mark.parametrize("kind", list(HEADS))
@pytest.mark.parametrize("sizes", [sizes for sizes, _ in STEPS if sizes[0] <= 16])
def test_heads_are_what_the_papers_say(kind, sizes):
    made, output = head(kind, sizes), found(sizes)
    assert agrees(kind, made, output, by_hand(kind, made, output))


@pytest.mark.parametrize("kind", list(HEADS))
def test_another_head_is_seen(kind):
    """Negative control: other weights, other features."""
    sizes = (10, 5, 2)
    made, output = head(kind, sizes), found(sizes)
    assert not agrees(kind, made, output, by_hand(kind, head(kind, sizes, seed=1), output))
    assert not agrees(kind, made, output, by_hand(kind, made, found(sizes, seed=1)))


@pytest.mark.parametrize("sizes, kernels", STEPS)
def test_kernels_of_section_4_2(sizes, kernels):
    steps = build_head("conv", channels=CHANNELS, sizes=sizes).steps
    layers = [[layer for layer in step if isinstance(layer, torch.nn.Conv2d)] for step in steps]
    assert [[layer.kernel_size[0] for layer in step] for step in layers] == kernels
    # The first convolution's stride is its kernel, the second's is 1.
    assert [[layer.stride[0] for layer in step] for step in layers] == [[first, *[1] * len(rest)]
                                                                        for first, *rest in kernels]


# --- what a head sees -------------------------------------------------------------------------------------------------

def widths(layers: torch.nn.Sequential) -> list[int]:
    linear = [layer for layer in layers if isinstance(layer, torch.nn.Linear)]
    return [linear[0].in_features, *(layer.out_features for layer in linear)]


@pytest.mark.parametrize("channels, wanted", [
    (256, [256, 128, 64, 32, 16, 8, 1]), (32, [32, 16, 8, 1]), (48, [48, 24, 12, 1]), (8, [8, 1]),
])
def test_widths_of_the_perceptron(channels, wanted):
    for kind in ("gap", "conv", "conv4x4"):
        assert widths(build_head(kind, channels=channels, sizes=(4, 2)).perceptron) == wanted


def test_the_published_heads():
    sizes = (64, 32, 16, 8, 4)
    with torch.device("meta"):
        heads = {kind: build_head(kind, channels=256, sizes=sizes) for kind in HEADS}
    assert heads["conv4x4"].collapse[0].kernel_size == (4, 4)
    assert [tap[0].out_features for tap in heads["multitap"].taps] == [128] * 5
    assert heads["multitap"].join.in_features == 640


@torch.no_grad()
def test_pooling_forgets_where_and_convolution_does_not():
    sizes = (8, 4)
    output = found(sizes)
    turned = PoseOutput(output.heatmaps, output.features.flip(3), tuple(scale.flip(3) for scale in output.pyramid))
    for kind in HEADS:
        made = head(kind, sizes)
        difference = (made(output) - made(turned)).abs().max().item()
        assert (difference <= ROUNDING * made(output).abs().max().item()) == (kind in ("gap", "multitap")), kind


@pytest.mark.parametrize("kind", list(HEADS))
@torch.no_grad()
def test_each_image_is_alone(kind):
    sizes = (10, 5, 2)
    made, output = head(kind, sizes), found(sizes)
    one = PoseOutput(output.heatmaps[1:2], output.features[1:2], tuple(scale[1:2] for scale in output.pyramid))
    assert abs(made(output)[1] - made(one)[0]) <= ROUNDING * made(output).abs().max()
    assert made(output)[0] != made(output)[1]


@pytest.mark.parametrize("kind", list(HEADS))
def test_every_weight_can_learn(kind):
    """On some of 256 images: by He's rule, half of the units are silent on one image."""
    sizes = (8, 4)
    torch.manual_seed(0)
    made = build_head(kind, channels=32, sizes=sizes)
    source = torch.Generator().manual_seed(0)
    maps = [torch.randn(256, 32, size, size, generator=source) for size in (8, *sizes)]
    maps = [scale + torch.randn(256, 32, 1, 1, generator=source) for scale in maps]
    made(PoseOutput(torch.zeros(256, 1, 2, 8, 8), maps[0], tuple(maps[1:]))).sum().backward()
    assert [name for name, weight in made.named_parameters() if weight.grad is None or not weight.grad.any()] == []


@torch.no_grad()
def test_half_precision_ends_in_float32():
    made, output = head("conv", (8, 4)), found((8, 4))
    with torch.autocast("cpu", torch.bfloat16):
        assert made(output).dtype == torch.float32


# --- errors -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("options, name", [
    ({"kind": "mean"}, "kind"), ({"channels": 4}, "channels"), ({"sizes": ()}, "sizes"), ({"sizes": (4, 4)}, "sizes"),
    ({"sizes": (2, 4)}, "sizes"), ({"sizes": (2, 0)}, "sizes"),
])
def test_settings_outside_their_domain(options, name):
    with pytest.raises(ConfigError, match=f"^{name}: got .*; allowed: "):
        build_head(**{"kind": "conv", "channels": 16, "sizes": (8, 4)} | options)


@pytest.mark.parametrize("kind", list(HEADS))
def test_first_predictions_are_all_but_equal(kind):
    """Of maps as large as those of a network: the gaps of the targets, log l_i/l_j, are tenths."""
    torch.manual_seed(0)
    made = build_head(kind, channels=CHANNELS, sizes=(32, 16, 8, 4))
    output = found((32, 16, 8, 4), count=64)
    level = 10 * torch.rand(64, CHANNELS, 1, 1)
    output = PoseOutput(output.heatmaps, output.features + level, tuple(scale + level for scale in output.pyramid))
    assert made(output).std() <= 0.1
    with torch.no_grad():
        last(made).weight.mul_(1000)  # the other layers leave something to be told apart
    assert made(output).std() > 0.1
