"""Batches: pictures and joints move as one, heatmaps are Gaussians at the joints, every frame leads back exactly."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from experiments.data.batches import Augmentation, View, decode, draw, heatmaps, render, unrender
from experiments.errors import ConfigError
from gammaprob.errors import BroadcastError

SIDE = 128
STRONG = Augmentation(scale=0.25, rotation=60.0, shift=0.15, flip=True, colour=0.4)
# A position passes a dozen float32 operations in frames of at most SIDE pixels; a scale of 1 ± 0.25 and a view of 0.8
# magnify what is lost by at most 1/0.6.
POSITION_ERROR = 12 * SIDE / 0.6 * torch.finfo(torch.float32).eps
# The ramp below changes by one grey level a pixel and has SIDE of them: an error of position is one of grey level, and
# the sum of four weighted corners rounds as often again.
LEVEL_ERROR = 2 * POSITION_ERROR
SWAP = (1, 0, 2)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sample(count: int = 6, side: int = SIDE, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noise for pictures, joints in their middle (which no augmentation below moves out), all present."""
    source = generator(seed)
    images = torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=source)
    joints = side * (0.45 + 0.1 * torch.rand(count, len(SWAP), 2, generator=source))
    return images, joints, torch.ones(count, len(SWAP), dtype=torch.bool)


def ramps(count: int) -> torch.Tensor:
    """Pictures that say where they are: red is x, green is y. Bilinear sampling of a ramp is exact."""
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    return torch.stack((x, y, torch.zeros_like(x)), -1).to(torch.uint8).expand(count, -1, -1, -1)


def grid(size: int) -> torch.Tensor:
    """The positions (x, y) of all pixels of a picture, row by row, shape (size², 2)."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return torch.stack((x, y), -1).reshape(-1, 2).float()


# --- render and unrender ----------------------------------------------------------------------------------------------

def test_render_at_the_same_size_is_the_image():
    images, joints, present = sample()
    inputs, shown, known = render(images, joints, present, size=SIDE, swap=SWAP)
    error = (255 * inputs - images.permute(0, 3, 1, 2)).abs().max()
    assert error <= 255 * POSITION_ERROR  # of noise, neighbours differ by up to 255 levels
    assert (shown - joints).abs().max() <= POSITION_ERROR and torch.equal(known, present)


def test_render_at_half_the_size_is_the_mean_of_four_pixels():
    images, joints, present = sample()
    inputs, shown, _ = render(images, joints, present, size=SIDE // 2, swap=SWAP)
    means = images.reshape(-1, SIDE // 2, 2, SIDE // 2, 2, 3).float().mean((2, 4)).permute(0, 3, 1, 2)
    assert (255 * inputs - means).abs().max() <= 255 * POSITION_ERROR
    assert (shown - (joints - 0.5) / 2).abs().max() <= POSITION_ERROR  # pixel 0 of the input: between pixels 0 and 1


@pytest.mark.parametrize("size", [64, 48, 128])
@pytest.mark.parametrize("view", [1.0, 0.8])
def test_every_input_pixel_shows_what_unrender_says(size, view):
    count = 8
    params = draw(replace(STRONG, colour=0.0), count, generator())
    assert params.flip.any() and not params.flip.all()
    swap = tuple(range(size * size))
    nothing = torch.zeros(count, size * size, dtype=torch.bool)
    inputs, _, _ = render(
        ramps(count), torch.zeros(count, size * size, 2), nothing, size=size, swap=swap, params=params, view=view)
    where = unrender(
        grid(size).expand(count, -1, -1), side=SIDE, size=size, swap=swap, params=params, view=view)
    inside = ((where >= 0) & (where <= SIDE - 1)).all(-1)
    seen = 255 * inputs[:, :2].flatten(2).mT
    assert inside.float().mean() > 0.5
    assert (seen - where)[inside].abs().max() <= LEVEL_ERROR
    outside = ((where <= -1) | (where >= SIDE)).any(-1)
    assert (inputs.flatten(2).mT[outside] == 0).all()


@pytest.mark.parametrize("change, wanted", [
    ({}, (4.5, 3.5)),                                            # 2 pixels of the image are 1 of the input
    ({"scale": torch.tensor([2.0])}, (4.0, 3.5)),                # a view twice as large
    ({"angle": torch.tensor([math.pi / 2])}, (3.5, 2.5)),        # the view turns from x to y, the picture back
    ({"shift": torch.tensor([[0.25, 0.5]])}, (2.5, -0.5)),       # the view moves by a quarter and half of its side
    ({"flip": torch.tensor([True])}, (2.5, 3.5)),
])
def test_what_each_part_of_a_view_means(change, wanted):
    """The input shows the middle half of an image of 32 pixels in 8; one joint is 2 pixels right of the centre."""
    images = torch.zeros(1, 32, 32, 3, dtype=torch.uint8)
    params = mirror()._replace(flip=torch.tensor([False]))._replace(**change)
    _, shown, _ = render(images, torch.tensor([[[17.5, 15.5]]]), torch.tensor([[True]]), size=8, swap=(0,),
                         params=params, view=0.5)
    torch.testing.assert_close(shown, torch.tensor([[wanted]]), rtol=0, atol=POSITION_ERROR)


@pytest.mark.parametrize("view", [1.0, 0.8])
def test_unrender_undoes_render(view):
    images, joints, present = sample(64, side=16)
    params = draw(STRONG, 64, generator())
    _, shown, known = render(images, joints, present, size=64, swap=SWAP, params=params, view=view)
    assert known.all()
    back = unrender(shown, side=16, size=64, swap=SWAP, params=params, view=view)
    assert (back - joints).abs().max() <= POSITION_ERROR
    # Negative control: the same positions through the views of other images.
    others = View(*(drawn.roll(1, 0) for drawn in params))
    assert (unrender(shown, side=16, size=64, swap=SWAP, params=others, view=view) - joints).abs().max() > 1


def mirror() -> View:
    one = torch.ones(1)
    return View(scale=one, angle=0 * one, shift=torch.zeros(1, 2), flip=one.bool(), gain=torch.ones(1, 3))


def is_mirrored(swap: tuple[int, ...]) -> bool:
    """Whether a flip with this swap mirrors the picture and exchanges joints 0 and 1, with whether they are known."""
    images, joints, _ = sample(1)
    present = torch.tensor([[True, False, True]])
    plain, at, _ = render(images, joints, present, size=64, swap=swap)
    flipped, moved, known = render(images, joints, present, size=64, swap=swap, params=mirror())
    wanted = torch.where(present[..., None], torch.tensor([63.0, 0.0]) + torch.tensor([-1.0, 1.0]) * at, 0.0)
    return (
        bool((plain.flip(3) - flipped).abs().max() <= POSITION_ERROR)
        and torch.equal(known, present[:, [1, 0, 2]])
        and bool((moved - wanted[:, [1, 0, 2]]).abs().max() <= POSITION_ERROR)
    )


def test_a_flip_exchanges_left_and_right():
    assert is_mirrored((1, 0, 2))


def test_a_flip_that_exchanges_nothing_is_seen():
    """Negative control."""
    assert not is_mirrored((0, 1, 2))


def test_joints_that_leave_the_input_are_not_present():
    images = torch.zeros(1, 16, 16, 3, dtype=torch.uint8)
    # In the middle half of the image, at its very edge, beyond it, and not known to begin with.
    joints = torch.tensor([[[7.5, 7.5], [3.5, 7.5], [3.4, 7.5], [7.5, 7.5]]])
    present = torch.tensor([[True, True, True, False]])
    _, shown, known = render(images, joints, present, size=8, swap=(0, 1, 2, 3), view=0.5)
    assert known.tolist() == [[True, True, False, False]]
    assert shown.tolist() == [[[3.5, 3.5], [-0.5, 3.5], [0.0, 0.0], [0.0, 0.0]]]


def test_each_image_is_rendered_alone():
    images, joints, present = sample()
    params = draw(STRONG, len(images), generator())
    whole = render(images, joints, present, size=64, swap=SWAP, params=params)
    for row in range(len(images)):
        one = slice(row, row + 1)
        alone = render(images[one], joints[one], present[one], size=64, swap=SWAP,
                       params=View(*(drawn[one] for drawn in params)))
        assert (whole[0][one] - alone[0]).abs().max() <= POSITION_ERROR
        assert (whole[1][one] - alone[1]).abs().max() <= POSITION_ERROR and torch.equal(whole[2][one], alone[2])


def test_colour_multiplies_and_cuts():
    images = torch.full((1, 8, 8, 3), 102, dtype=torch.uint8)  # 0.4
    params = mirror()._replace(gain=torch.tensor([[0.5, 1.0, 3.0]]))
    inputs, _, _ = render(
        images, torch.zeros(1, 1, 2), torch.zeros(1, 1, dtype=torch.bool), size=8, swap=(0,), params=params)
    torch.testing.assert_close(inputs, torch.tensor([0.2, 0.4, 1.0])[:, None, None].expand(1, 3, 8, 8))


# --- draw -------------------------------------------------------------------------------------------------------------

def test_draws_fill_their_ranges_and_nothing_more():
    count = 4096
    view = draw(STRONG, count, generator())
    limits = {"scale": (1, 0.25), "angle": (0, math.radians(60)), "shift": (0, 0.15), "gain": (1, 0.4)}
    for name, (centre, most) in limits.items():
        off = (getattr(view, name) - centre).abs().max().item() / most
        # The largest of at least 4096 uniform draws is below 0.99 with probability 0.99^4096 < 1e-17.
        assert 0.99 < off <= 1 + 1e-6, name  # 1e-6: 1 + 0.25 less 1 is rounded at 1, divided by 0.15 at least
    columns = torch.cat([part.float().reshape(count, -1) for part in view], 1)
    assert columns.shape[1] == 8
    # No two kinds share their draws: a correlation has the standard error 1/√count.
    assert (torch.corrcoef(columns.T) - torch.eye(8)).abs().max() < 5 / math.sqrt(count)
    # Five standard errors of a fair coin.
    assert abs(view.flip.float().mean().item() - 0.5) < 5 * 0.5 / math.sqrt(count)


def test_draws_depend_on_the_seed_and_not_on_each_other():
    whole, again, other = (draw(STRONG, 5, generator(seed)) for seed in (3, 3, 4))
    without = draw(replace(STRONG, scale=0.0, flip=False), 5, generator(3))
    assert all(torch.equal(one, two) for one, two in zip(whole, again))
    assert not torch.equal(whole.angle, other.angle)
    assert torch.equal(whole.angle, without.angle) and torch.equal(whole.gain, without.gain)
    assert (without.scale == 1).all() and not without.flip.any()


def test_no_augmentation_is_the_plain_view():
    images, joints, present = sample()
    plain = render(images, joints, present, size=64, swap=SWAP)
    drawn = render(images, joints, present, size=64, swap=SWAP, params=draw(Augmentation(), len(images), generator()))
    # v/255 and v·(1/255) differ by a rounding or two.
    assert (plain[0] - drawn[0]).abs().max() <= 2 * torch.finfo(torch.float32).eps
    assert torch.equal(plain[1], drawn[1]) and torch.equal(plain[2], drawn[2])


# --- heatmaps and decode ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("truncate", [False, True])
def test_heatmaps_are_the_formula(truncate):
    joints, present = 32 * torch.rand(2, 3, 2, generator=generator()), torch.tensor([[1, 0, 1], [1, 1, 0]]).bool()
    drawn = heatmaps(joints, present, size=8, stride=4, sigma=1.25, peak=30.0, truncate=truncate)
    wanted = np.zeros((2, 3, 8, 8))
    for image, joint, y, x in np.ndindex(wanted.shape):
        centre = (joints[image, joint].double().numpy() - 1.5) / 4
        squared = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
        if present[image, joint] and not (truncate and squared > 9 * 1.25**2):
            wanted[image, joint, y, x] = 30 * math.exp(-squared / (2 * 1.25**2))
    # The exponent is rounded a few times: its size, at most 8²/(2·1.25²) ≈ 41 where the height is of any, times 6 eps.
    np.testing.assert_allclose(drawn.numpy(), wanted, rtol=41 * 6 * torch.finfo(torch.float32).eps, atol=1e-12)
    assert ((drawn.numpy() == 0) == (wanted == 0)).all()
    assert drawn.dtype == torch.float32 and (wanted == 0).any() and (not truncate or (wanted[0, 0] == 0).any())


def centres(size: int, stride: int, steps: int = 16) -> torch.Tensor:
    """Joints at a fine grid of sub-pixel positions around every inner pixel of a heatmap, in input pixels."""
    fine = torch.arange(1, size - 1)[:, None] + (torch.arange(steps) + 0.5) / steps - 0.5
    y, x = torch.meshgrid(fine.flatten(), fine.flatten(), indexing="ij")
    return (stride * torch.stack((x, y), -1) + (stride - 1) / 2).reshape(1, -1, 2)


@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("truncate", [False, True])
def test_decode_finds_the_centre_within_a_quarter_of_a_pixel(stride, truncate):
    joints = centres(6, stride)
    present = torch.ones(joints.shape[:2], dtype=torch.bool)
    found = decode(
        heatmaps(joints, present, size=6, stride=stride, sigma=1.0, peak=1.0, truncate=truncate), stride=stride)
    # Half a pixel is the quantisation of the highest pixel; the step towards the higher neighbour leaves a quarter.
    bound = 0.25 * stride + 64 * torch.finfo(torch.float32).eps
    assert (found - joints).abs().max() <= bound
    # Negative control: with corners at integers instead of centres, everything is off by (stride − 1)/2.
    assert (found - (stride - 1) / 2 - joints).abs().max() > bound


def test_decode_is_exact_at_pixel_centres():
    joints = (4 * grid(6) + 1.5)[None]
    present = torch.ones(joints.shape[:2], dtype=torch.bool)
    inner = ((grid(6) > 0) & (grid(6) < 5)).all(-1)
    found = decode(heatmaps(joints, present, size=6, stride=4, sigma=1.0, peak=1.0, truncate=False), stride=4)
    assert torch.equal(found[0, inner], joints[0, inner])
    assert torch.equal(found, joints)  # at the edge a neighbour is missing: no step


def test_decode_looks_at_each_axis_and_map_alone():
    found = torch.zeros(1, 2, 3, 5)
    found[0, 0, 1, 2], found[0, 0, 0, 2], found[0, 0, 1, 3] = 1.0, 0.5, 0.25
    found[0, 1, 2, 4] = 1.0
    assert decode(found, stride=1).tolist() == [[[2.25, 0.75], [4.0, 2.0]]]


# --- errors -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("options", [
    {"scale": 1.0}, {"scale": -0.1}, {"rotation": 200.0}, {"shift": math.nan}, {"colour": 1.5},
])
def test_augmentation_outside_its_domain(options):
    (name,) = options
    with pytest.raises(ConfigError, match=f"^{name}: got .*; allowed: a number in"):
        Augmentation(**options)


def test_wrong_batches_are_named():
    images, joints, present = sample()
    with pytest.raises(ConfigError, match="^images: got .*uint8 of shape"):
        render(images.float(), joints, present, size=64, swap=SWAP)
    with pytest.raises(BroadcastError, match="^joints: got .*the swap of their skeleton"):
        render(images, joints, present, size=64, swap=(0, 1))
    with pytest.raises(BroadcastError, match="^joints: got"):
        unrender(joints[:, :2], side=SIDE, size=64, swap=SWAP)
    with pytest.raises(ConfigError, match="^sigma: got 0"):
        heatmaps(joints, present, size=8, stride=4, sigma=0.0, peak=1.0, truncate=False)
