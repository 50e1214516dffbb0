"""The two loss heads as block diagrams, with the shapes and sizes of the modules that are trained (paper, Fig. 4).

The modules are built at the published scale and run on torch's device `meta`, which keeps shapes and computes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["SOURCE", "TITLE", "Data", "Head", "Layer", "caption", "compute", "draw"]

TITLE = "The two loss heads"
SOURCE = "paper, Fig. 4 and Section 4.2"


class Layer(NamedTuple):
    """A module of a head, as it ran."""

    kind: str  # name of its class
    kernel: int | None  # side of a convolution's kernel, and its stride
    stride: int | None
    inputs: tuple[int, ...]  # shape for one image: channels, height, width, or channels alone
    outputs: tuple[int, ...]
    parameters: int


class Head(NamedTuple):
    """A head: what it reads of one image, its layers in the order in which they run, and all its parameters."""

    reads: tuple[tuple[int, ...], ...]  # shapes of the maps, finest first
    layers: tuple[Layer, ...]
    parameters: int


class Data(NamedTuple):
    """What is drawn."""

    pooled: Head  # of LL and LL++
    convolutional: Head  # of LL++conv
    studied: tuple[int, int]  # parameters of the two as the recorded study on photographs has them
    studied_maps: tuple[int, ...]  # sides of that study's maps
    studied_channels: int


def compute() -> Data:
    """Build both heads of the preset `paper`, send one image through on the device `meta`, and note every shape.

    >>> data = compute()
    >>> data.convolutional.reads[0], [layer.outputs for layer in data.pooled.layers]
    ((256, 64, 64), [(128,), (64,), (32,), (16,), (8,), (1,)])
    >>> draw(data).axes[0].get_title()
    'Global average pooling (LL, LL++)'
    >>> caption(data)[:50]
    'Left, the head of LL and LL++ averages its 256 map'
    """
    from experiments.config import configure

    small = configure("desk", {"dataset": "lspet"})
    heads, of_study = _heads(configure("paper")), _heads(small)
    return Data(*heads, tuple(head.parameters for head in of_study),
                tuple(side for _, side, _ in of_study[1].reads), small.channels)


def _heads(config) -> list[Head]:
    """The heads of LL++ and LL++conv under a configuration."""
    import torch

    from experiments.methods import METHODS
    from experiments.models import PoseNetwork, build_head

    with torch.device("meta"):
        network = PoseNetwork(
            joints=1, stacks=config.stacks, channels=config.channels, depth=config.depth, stride=config.stride,
            norm=config.norm, block=config.block,
        )  # no head reads the heatmaps
        found = network(torch.empty(1, 3, config.image, config.image))
        kinds = [METHODS[name].head for name in ("ll++", "ll++conv")]
        modules = [build_head(kind, channels=config.channels, sizes=network.sizes(config.image)) for kind in kinds]
    reads = [(found.features,), found.pyramid]
    return [_traced(module, found, maps) for module, maps in zip(modules, reads, strict=True)]


def _traced(head, found, maps) -> Head:
    """Run a head and note its layers, but for the ReLUs, which change no shape."""
    from torch import nn

    layers = []

    def note(module, inputs, outputs):
        kernel, stride = (getattr(module, name, (None,))[0] for name in ("kernel_size", "stride"))
        layers.append(Layer(type(module).__name__, kernel, stride, tuple(inputs[0].shape[1:]),
                            tuple(outputs.shape[1:]), _parameters(module)))

    for module in head.modules():
        if not list(module.children()) and not isinstance(module, nn.ReLU):
            module.register_forward_hook(note)
    head(found)
    return Head(tuple(tuple(map_.shape[1:]) for map_ in maps), tuple(layers), _parameters(head))


def _parameters(module) -> int:
    return sum(weights.numel() for weights in module.parameters())


_STEP = 0.56  # inches from row to row
_BOX = (0.92, 0.27)  # inches


def draw(data: Data):
    """Two columns of boxes, from the maps of the hourglass down to the predicted loss; `compute` has the example."""
    from figures import _style

    pooled, convolutional = data.pooled, data.convolutional
    rows = max(len(pooled.layers) + 2, len(convolutional.reads) + 2)
    widths = {"Global average pooling (LL, LL++)": 3.2, "Convolutional (LL++conv)": 4.0}
    figure, panels = _style.sheet(1, 2, height=rows * _STEP + 0.35, width_ratios=list(widths.values()))
    for axes, (title, width) in zip(panels, widths.items(), strict=True):
        axes.set(title=title, xlim=(0, width), ylim=((rows - 0.6) * _STEP, -0.4 * _STEP))
        axes.set_axis_off()
    _draw_pooled(panels[0], pooled)
    _draw_convolutional(panels[1], convolutional, rows - 1)
    return figure


def _draw_pooled(axes, head: Head) -> None:
    x, (maps,) = 0.6, head.reads
    shapes = [maps, *(layer.inputs for layer in head.layers), head.layers[-1].outputs]
    for row, shape in enumerate(shapes):
        _box(axes, x, row, shape)
    _arrow(axes, x, 0, 1, _mean_over(maps))
    for row, layer in enumerate(head.layers, 1):
        _arrow(axes, x, row, row + 1, f"{'linear' if layer is head.layers[-1] else 'linear, ReLU'}: {_counted(layer)}")
    _beside(axes, x, 0, "last features, from which\nthe heatmaps are drawn")
    _beside(axes, x, len(shapes) - 1, "predicted loss l̂")


def _draw_convolutional(axes, head: Head, last: int) -> None:
    left, x = 0.6, 1.9
    steps = head.layers[:len(head.reads) - 1]
    pooling, *perceptron = head.layers[len(steps):]
    _box(axes, x, 0, head.reads[0])
    axes.text(left, 0, "maps of the\nlast hourglass", ha="center", va="center")
    for row, (shape, layer) in enumerate(zip(head.reads[1:], steps, strict=True), 1):
        _box(axes, left, row, shape)
        _arrow(axes, x, row - 1, row,
               f"convolution {layer.kernel}×{layer.kernel}, stride {layer.stride},\nReLU: {_counted(layer)}")
        _sum(axes, left, x, row)
    _arrow(axes, x, len(steps), len(steps) + 1, _mean_over(pooling.inputs))
    _box(axes, x, len(steps) + 1, perceptron[0].inputs)
    _arrow(axes, x, len(steps) + 1, last,
           f"{len(perceptron)} linear layers, as wide as\non the left: {_counted(*perceptron)}")
    _box(axes, x, last, perceptron[-1].outputs)
    _beside(axes, x, last, "predicted loss l̂")


def _mean_over(shape: tuple[int, ...]) -> str:
    return f"mean over {shape[1]}×{shape[2]} places"


def _counted(*layers: Layer) -> str:
    return f"{sum(layer.parameters for layer in layers):,} parameters"


def _box(axes, x: float, row: int, shape: tuple[int, ...]) -> None:
    """A shape in a box; boxes hide the arrows' ends behind them."""
    from matplotlib.patches import Rectangle

    from figures import _style

    width, height = _BOX
    axes.add_patch(Rectangle((x - width / 2, row * _STEP - height / 2), width, height, zorder=2, linewidth=1,
                             facecolor=_style.page(), edgecolor="C0"))
    axes.text(x, row * _STEP, "×".join(map(str, shape)), ha="center", va="center", zorder=3)


def _beside(axes, x: float, row: int, words: str) -> None:
    axes.text(x + _BOX[0] / 2 + 0.08, row * _STEP, words, va="center")


def _arrow(axes, x: float, start: int, end: int, words: str) -> None:
    """An arrow down from row to row, and what happens on the way."""
    from figures import _style

    _line(axes, (x, start * _STEP), (x, end * _STEP - _BOX[1] / 2))
    axes.text(x + 0.1, (start + end) / 2 * _STEP, words, va="center", color=_style.muted(), fontsize=7.5)


def _sum(axes, left: float, x: float, row: int) -> None:
    """The map of a row comes from the left and is added to what comes from above."""
    from figures import _style

    _line(axes, (left, row * _STEP), (x - _BOX[1] / 2, row * _STEP))
    axes.plot(x, row * _STEP, "o", markersize=0.9 * 72 * _BOX[1], markerfacecolor=_style.page(), markeredgecolor="C0")
    axes.text(x, row * _STEP, "+", ha="center", va="center", fontsize=11, zorder=3)


def _line(axes, start, end) -> None:
    from figures import _style

    axes.annotate("", end, start, zorder=1, arrowprops={
        "arrowstyle": "-|>", "color": _style.muted(), "linewidth": 1, "shrinkA": 0, "shrinkB": 0,
    })


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    pooled, convolutional = data.pooled, data.convolutional
    channels, height, width = pooled.reads[0]
    coarsest = convolutional.reads[-1]
    sides = ", ".join(map(str, data.studied_maps[:-1]))
    return (
        f"Left, the head of LL and LL++ averages its {channels} maps over all {height * width} places before a weight "
        f"has seen them: {pooled.parameters:,} parameters. Right, the head of LL++conv takes the finest of "
        f"{len(convolutional.reads)} maps of the hourglass by strided convolutions to the next coarser one, adds that, "
        f"and averages over the last {coarsest[1]}×{coarsest[2]} places only: {convolutional.parameters:,} parameters, "
        f"{convolutional.parameters / pooled.parameters:.0f} times as many. Shapes (channels×height×width of one "
        "image) and counts are those of the modules at the published scale. The recorded study on photographs has "
        f"{data.studied_channels} channels and maps of {sides} and {data.studied_maps[-1]}: {data.studied[0]:,} and "
        f"{data.studied[1]:,} parameters."
    )
