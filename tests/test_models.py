"""The pose network: its shapes, the hourglass written out a second time, images that do not see each other."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from experiments.data.batches import decode, heatmaps
from experiments.errors import ConfigError
from experiments.models import PoseNetwork, PoseOutput, build_head, pose_losses

SMALL = {"joints": 3, "stacks": 2, "channels": 16, "depth": 2}
# Two evaluations of one network in float32 add in another order: sums of at most 16·9 terms, through some 20 layers of
# size 1 that are normalised in between.
ROUNDING = 20 * 16 * 9 * torch.finfo(torch.float32).eps


def network(seed: int = 0, **options) -> PoseNetwork:
    torch.manual_seed(seed)
    return PoseNetwork(**SMALL | options)


def pictures(count: int = 4, side: int = 32) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))


# --- shapes -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("side, stride, depth, sizes", [
    (64, 4, 2, (16, 8, 4)),
    (64, 2, 3, (32, 16, 8, 4)),
    (48, 4, 2, (12, 6, 3)),
    (40, 4, 2, (10, 5, 2)),  # 5 is halved downwards
    (28, 4, 1, (7, 3)),
    (16, 4, 2, (4, 2, 1)),
])
def test_shapes(side, stride, depth, sizes):
    model = network(stride=stride, depth=depth)
    found = model(pictures(2, side))
    assert found.heatmaps.shape == (2, 2, 3, sizes[0], sizes[0]) and found.heatmaps.dtype == torch.float32
    assert found.features.shape == (2, 16, sizes[0], sizes[0])
    assert [scale.shape for scale in found.pyramid] == [(2, 16, size, size) for size in sizes]
    assert model.sizes(side) == sizes


def test_the_published_network():
    """2 stacks of 256 channels for images of 256 pixels: the five maps of the paper's Section 4.2."""
    with torch.device("meta"):
        model = PoseNetwork(joints=16, stacks=2, channels=256, depth=4)
        found = model(torch.rand(1, 3, 256, 256))
    assert found.heatmaps.shape == (1, 2, 16, 64, 64)
    assert [scale.shape[2] for scale in found.pyramid] == [64, 32, 16, 8, 4]


@pytest.mark.parametrize("options, name", [
    ({"stride": 3}, "stride"), ({"norm": "layer"}, "norm"), ({"block": "wide"}, "block"), ({"joints": 0}, "joints"),
    ({"stacks": 0}, "stacks"), ({"depth": 0}, "depth"), ({"channels": 18}, "channels"), ({"channels": 4}, "channels"),
])
def test_settings_outside_their_domain(options, name):
    with pytest.raises(ConfigError, match=f"^{name}: got .*; allowed: "):
        PoseNetwork(**SMALL | options)


@pytest.mark.parametrize("side", [30, 12])
def test_images_that_do_not_fit(side):
    with pytest.raises(ConfigError, match=f"^side: got {side}; allowed: a multiple of the stride 4, at least 16"):
        network()(pictures(1, side))


# --- the hourglass, written out ---------------------------------------------------------------------------------------

def residual(block, x: torch.Tensor) -> torch.Tensor:
    """Pre-activation bottleneck: three times normalisation, ReLU, convolution; beside them the input."""
    norm1, _, reduce, norm2, _, spatial, norm3, _, expand = block.block
    y = F.conv2d(F.relu(norm1(x)), reduce.weight)
    y = F.conv2d(F.relu(norm2(y)), spatial.weight, padding=1)
    y = F.conv2d(F.relu(norm3(y)), expand.weight, expand.bias)
    same = isinstance(block.shortcut, torch.nn.Identity)
    return y + (x if same else F.conv2d(x, block.shortcut.weight, block.shortcut.bias))


def hourglass(model, x: torch.Tensor, level: int = 0) -> list[torch.Tensor]:
    """By recursion, as it is drawn in the paper of Newell and others; the maps on the way up, coarsest first."""
    if level == len(model.downs):
        return [residual(model.bottom, x)]
    inner = hourglass(model, residual(model.downs[level], F.max_pool2d(x, 2)), level + 1)
    # The branches up are numbered from the coarsest.
    low = residual(model.ups[len(model.downs) - 1 - level], inner[-1])
    raised = low.repeat_interleave(2, 2).repeat_interleave(2, 3)
    return [*inner, residual(model.skips[level], x) + raised]


def by_hand(model: PoseNetwork, images: torch.Tensor) -> PoseOutput:
    convolution, norm, _, first, pool, second, third = model.stem
    x = F.relu(norm(F.conv2d(images, convolution.weight, stride=2, padding=3)))
    x = residual(third, residual(second, pool(residual(first, x))))
    drawn = []
    for stack in range(len(model.hourglasses)):
        pyramid = hourglass(model.hourglasses[stack], x)[::-1]
        last, one, norm, _ = model.tops[stack]
        features = F.relu(norm(F.conv2d(residual(last, pyramid[0]), one.weight)))
        drawn.append(model.drawings[stack](features))
        if stack + 1 < len(model.hourglasses):
            x = x + model.from_features[stack](features) + model.from_heatmaps[stack](drawn[-1])
    return PoseOutput(torch.stack(drawn, 1), features, tuple(pyramid))


def difference(one: PoseOutput, two: PoseOutput) -> float:
    pairs = [(one.heatmaps, two.heatmaps), (one.features, two.features), *zip(one.pyramid, two.pyramid, strict=True)]
    return max((a - b).abs().max().item() / max(1.0, b.abs().max().item()) for a, b in pairs)


@pytest.mark.parametrize("norm", ["batch", "group"])
@torch.no_grad()
def test_the_network_is_what_is_published(norm):
    model = network(norm=norm).eval()
    assert difference(model(pictures()), by_hand(model, pictures())) <= ROUNDING


@torch.no_grad()
def test_another_network_is_seen():
    """Negative controls: without the heatmaps mapped into the second stack, and with the branches up exchanged."""
    model = network().eval()
    model.from_heatmaps[0].weight.zero_()
    other = network().eval()
    other.hourglasses[0].ups = torch.nn.ModuleList(reversed(other.hourglasses[0].ups))
    wanted = by_hand(network().eval(), pictures())
    assert difference(model(pictures()), wanted) > ROUNDING and difference(other(pictures()), wanted) > ROUNDING


# --- images, gradients, heads -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("block", ["bottleneck", "plain"])
@pytest.mark.parametrize("norm, training, alone", [
    ("batch", False, True), ("group", False, True), ("group", True, True), ("batch", True, False),
])
@torch.no_grad()
def test_each_image_is_alone(norm, training, alone, block):
    """But not in a batch that is being normalised, which is the negative control."""
    model = network(norm=norm, block=block).train(training)
    images = pictures()
    whole = model(images)
    one = PoseOutput(whole.heatmaps[1:2], whole.features[1:2], tuple(scale[1:2] for scale in whole.pyramid))
    assert (difference(model(images[1:2]), one) <= ROUNDING) == alone


@pytest.mark.parametrize("block", ["bottleneck", "plain"])
def test_every_weight_has_a_gradient(block):
    model = network(block=block)
    found = model(pictures())
    pose_losses("mse", found.heatmaps, torch.rand(4, 3, 8, 8), torch.ones(4, 3, dtype=torch.bool)).mean().backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()] == []


def test_detached_keeps_the_values_and_no_gradient():
    model = network()
    found = model(pictures())
    constant = found.detached()
    assert difference(constant, found) == 0
    assert not any(part.requires_grad for part in (constant.heatmaps, constant.features, *constant.pyramid))
    for kind in ("gap", "conv"):
        head = build_head(kind, channels=16, sizes=model.sizes(32))
        head(constant).sum().backward()
        assert all(weight.grad is None for weight in model.parameters())
        head(found).sum().backward(retain_graph=True)  # negative control: attached, the gradient reaches the network
        assert any(weight.grad is not None and weight.grad.any() for weight in model.parameters())
        model.zero_grad()


def trained(kinds: tuple[str, ...]) -> tuple[list[torch.Tensor], PoseNetwork]:
    """The network's weights after three steps with these heads beside it, on detached features."""
    model = network()
    heads = [build_head(kind, channels=16, sizes=model.sizes(32)) for kind in kinds]
    optimiser = torch.optim.Adam([*model.parameters(), *(weight for head in heads for weight in head.parameters())])
    for _ in range(3):
        found = model(pictures())
        losses = pose_losses("mse", found.heatmaps, torch.ones(4, 3, 8, 8), torch.ones(4, 3, dtype=torch.bool))
        constant = found.detached()
        optimiser.zero_grad()
        (losses.mean() + sum((head(constant) - losses.detach()).square().mean() for head in heads)).backward()
        optimiser.step()
    return [weight.detach() for weight in model.parameters()], model


def test_heads_beside_the_network_change_nothing_in_it():
    weights, _ = trained(())
    for kinds in (("gap",), ("conv", "multitap")):
        assert all(torch.equal(one, two) for one, two in zip(weights, trained(kinds)[0], strict=True))
    start = list(network().parameters())
    assert not any(torch.equal(one, two) for one, two in zip(weights, start, strict=True))  # it did learn


def test_the_seed_decides_the_weights():
    weights = [list(network(seed).parameters()) for seed in (0, 0, 1)]
    assert all(torch.equal(one, two) for one, two in zip(*weights[:2]))
    assert not all(torch.equal(one, two) for one, two in zip(*weights[1:]))


# --- precision, compilation, learning ---------------------------------------------------------------------------------

@torch.no_grad()
def test_half_precision_ends_in_float32_heatmaps():
    model = network().eval().to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(pictures())
    whole = model(pictures())
    assert half.heatmaps.dtype == torch.float32 and half.features.dtype == torch.bfloat16
    # Some 30 layers one after the other, each rounded to 8 bits: at worst the errors add up.
    relative = (half.heatmaps - whole.heatmaps).norm() / whole.heatmaps.norm()
    assert 0 < relative < 30 * torch.finfo(torch.bfloat16).eps


@torch.no_grad()
def test_double_precision_stays():
    """For comparisons that must not depend on the order of sums."""
    model = network().eval().double()
    found = model(pictures().double())
    predicted = build_head("conv", channels=16, sizes=model.sizes(32)).double()(found)
    losses = pose_losses("mse", found.heatmaps, torch.zeros(4, 3, 8, 8), torch.ones(4, 3, dtype=torch.bool))
    assert {found.heatmaps.dtype, predicted.dtype, losses.dtype} == {torch.float64}
    single = network().eval()(pictures())
    assert 0 < (found.heatmaps - single.heatmaps).abs().max() <= ROUNDING


def test_the_network_and_the_heads_are_one_graph():
    model = network().eval()
    head = build_head("conv", channels=16, sizes=model.sizes(32))

    def predicted(images):
        return head(model(images).detached())

    compiled = torch.compile(predicted, fullgraph=True, backend="eager")
    assert torch.equal(compiled(pictures()), predicted(pictures()))


def test_the_network_learns_where_a_spot_is():
    """Spots on noise, one joint: what is learnt on some pictures finds the spots of others."""
    source = torch.Generator().manual_seed(0)

    def batch(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        joints = 6 + 20 * torch.rand(count, 1, 2, generator=source)
        here = torch.ones(count, 1, dtype=torch.bool)
        spots = heatmaps(joints, here, size=32, stride=1, sigma=2.0, peak=1.0, truncate=False)
        return 0.3 * torch.rand(count, 3, 32, 32, generator=source) + spots, joints

    torch.manual_seed(0)
    model = PoseNetwork(joints=1, stacks=1, channels=16, depth=1, block="plain")
    held_out, joints = batch(64)
    before = copy.deepcopy(model)
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(60):
        images, at = batch(16)
        here = torch.ones(16, 1, dtype=torch.bool)
        target = heatmaps(at, here, size=8, stride=4, sigma=1.0, peak=10.0, truncate=False)
        optimiser.zero_grad()
        pose_losses("mse", model(images).heatmaps, target, here).mean().backward()
        optimiser.step()

    def found_share(network: PoseNetwork) -> float:
        with torch.no_grad():
            found = decode(network.eval()(held_out).heatmaps[:, -1], stride=4)
        return ((found - joints).norm(dim=2) < 4).float().mean().item()  # within a pixel of the heatmap

    assert found_share(model) > 0.9
    assert found_share(before) < 0.3  # negative control: not by chance, π·4²/20² = 0.13 of the field
