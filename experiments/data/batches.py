"""Batches on the device: crops become augmented inputs, joints become heatmaps, and heatmaps become joints again.

Positions are (x, y) in pixels, with pixel centres at integers, in three frames: the stored image of side S, the input
of side s that the network sees, and its heatmaps of side s/stride. Frames are laid edge to edge: of a heatmap and its
input, x_input = stride·x_heatmap + (stride − 1)/2.

Random numbers are drawn on the CPU (`draw`), so that they are the same for every device; the rest runs where the
images are, for a whole batch at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.config import LAWS
from experiments.errors import ConfigError
from gammaprob.errors import BroadcastError

__all__ = ["Augmentation", "View", "between", "compose", "decode", "draw", "heatmaps", "look", "render",
           "unrender", "warp"]


_ROUNDING = 1e-5  # of places in torch's frames, of side 2: a few float32 operations


@dataclass(frozen=True)
class Augmentation:
    """How far the views of an image may differ. The default is no augmentation.

    Attributes
    ----------
    scale : float
        The side of the view is multiplied by 1 ± `scale`; in [0, 1).
    rotation : float
        Degrees, ± `rotation`; in [0, 180].
    shift : float
        In x and in y, ± `shift` of the side of the view; >= 0.
    flip : bool
        Whether half of the views are mirrored, with left and right joints swapped.
    colour : float
        Red, green and blue are each multiplied by 1 ± `colour`, and cut to [0, 1]; in [0, 1].
    law : {"uniform", "normal"}
        Of scale and rotation: uniform between the limits, or a Gaussian cut to them, whose standard deviation is the
        limit of the scale and half that of the rotation, as in the published easy views: N(1, 0.25) cut to 1 ± 0.25,
        and N(0, 30°) cut to ± 60°. All else is uniform.

    Raises `ConfigError` for a value outside its domain.

    >>> Augmentation(scale=0.25, rotation=30.0, flip=True)
    Augmentation(scale=0.25, rotation=30.0, shift=0.0, flip=True, colour=0.0, law='uniform')
    """

    scale: float = 0.0
    rotation: float = 0.0
    shift: float = 0.0
    flip: bool = False
    colour: float = 0.0
    law: str = "uniform"

    def __post_init__(self):
        if self.law not in LAWS:
            raise ConfigError("law", self.law, ", ".join(LAWS), "pass one of these")
        limits = {"scale": "[0, 1)", "rotation": "[0, 180]", "shift": "[0, inf)", "colour": "[0, 1]"}
        inside = {
            "scale": self.scale < 1, "rotation": self.rotation <= 180, "shift": True, "colour": self.colour <= 1,
        }
        for name, limit in limits.items():
            value = getattr(self, name)
            if not (value >= 0 and inside[name]):
                raise ConfigError(name, value, f"a number in {limit}", "pass 0 for no augmentation of this kind")


class View(NamedTuple):
    """What `draw` drew for each of B images, on the CPU."""

    scale: Tensor  # (B,), of the side of the view
    angle: Tensor  # (B,), radians, from x to y
    shift: Tensor  # (B, 2), of the centre of the view, in sides of the view
    flip: Tensor   # (B,), bool
    gain: Tensor   # (B, 3), of red, green and blue


def draw(augmentation: Augmentation, count: int, generator: torch.Generator) -> View:
    """The views of `count` images; every kind of augmentation takes its random numbers, whether it is wanted or not.

    Thus to leave one out does not change the others, and the laws have their random numbers in common. Raises torch's
    own `RuntimeError` for a generator of another device than the CPU.

    >>> import torch
    >>> view = draw(Augmentation(scale=0.25), 3, torch.Generator().manual_seed(0))
    >>> view.scale, view.flip
    (tensor([0.9981, 0.9778, 1.0988]), tensor([False, False, False]))
    """
    uniform = torch.rand(count, 8, generator=generator)
    signed = 2 * uniform - 1
    scale, angle = signed[:, 0], signed[:, 1]
    if augmentation.law == "normal":
        scale, angle = (torch.special.ndtri(uniform[:, :2]) * torch.tensor([1.0, 0.5])).clamp(-1, 1).unbind(1)
    return View(
        scale=1 + augmentation.scale * scale,
        angle=torch.deg2rad(augmentation.rotation * angle),
        shift=augmentation.shift * signed[:, 2:4],
        flip=(uniform[:, 4] < 0.5) & augmentation.flip,
        gain=1 + augmentation.colour * signed[:, 5:8],
    )


def compose(first: View, second: View) -> View:
    """The view of what the second view shows of the first: both have to be drawn of frames that fill each other.

    Source: T(u) = c + scale·R·M·u + shift of both (see `render`), the second inside the first. Exact, but for rounding.

    >>> import torch
    >>> turned = draw(Augmentation(rotation=90.0), 1, torch.Generator().manual_seed(0))
    >>> twice = compose(turned, turned)
    >>> bool(torch.isclose(twice.angle, 2 * turned.angle))
    True
    """
    # A mirror turns what is inside it the other way round.
    turn = torch.where(first.flip, -second.angle, second.angle)
    inside = _linear(first) @ second.shift[..., None]
    return View(first.scale * second.scale, first.angle + turn, first.shift + inside.squeeze(2),
                first.flip ^ second.flip, first.gain * second.gain)


def between(first: View, second: View) -> View:
    """What is to be seen of the first view to see the second: ``compose(first, between(first, second))`` is the second.

    >>> import torch
    >>> drawn = draw(Augmentation(scale=0.25, rotation=60.0, flip=True), 2, torch.Generator().manual_seed(0))
    >>> one, other = (View(*(values[place:place + 1] for values in drawn)) for place in (0, 1))
    >>> bool(torch.isclose(compose(one, between(one, other)).angle, other.angle))
    True
    """
    # The inverse of a rotation inside a mirror is itself.
    angle = torch.where(first.flip, first.angle, -first.angle)
    back = View(1 / first.scale, angle, torch.zeros_like(first.shift), first.flip, 1 / first.gain)
    return compose(back._replace(shift=-(_linear(back) @ first.shift[..., None]).squeeze(2)), second)


def warp(heatmaps: Tensor, params: View, swap: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Heatmaps as a view of their own frame shows them, and which of its pixels lie in that frame.

    Left and right joints are exchanged where the view is mirrored. The positions of the joints are those of the view
    exactly; a Gaussian's width is divided by the scale.

    Parameters
    ----------
    heatmaps : Tensor, shape (B, J, h, h)
        Of what the first view shows.
    params : View
        What the second one shows of it (`between`).
    swap : tuple of int
        `Skeleton.swap`.

    Returns
    -------
    warped : Tensor, shape (B, J, h, h)
        Between the pixels by cubic convolution, 0 where there are none. Of a Gaussian of 0.75 pixels, this keeps at
        least 85 % of the height, where linear interpolation keeps 64 %: too little for a network that is to draw it.
    valid : Tensor of bool, shape (B, 1, h, h)
        Whether the centre of a pixel lies between centres of pixels of the first frame.

    Source: easy and hard views, T of Fig. 1. Raises torch's own errors for shapes that do not fit.

    >>> import torch
    >>> once = draw(Augmentation(), 1, torch.Generator().manual_seed(0))
    >>> drawn = torch.arange(8.0).reshape(1, 2, 2, 2)
    >>> warped, valid = warp(drawn, once._replace(flip=torch.tensor([True])), (1, 0))
    >>> warped
    tensor([[[[5., 4.],
              [7., 6.]],
             [[1., 0.],
              [3., 2.]]]])
    >>> bool(valid.all())
    True
    """
    linear, offset, flip = _transform(params, 1.0, heatmaps)
    grid = _grid(linear, offset, heatmaps.shape[-1])
    shown = F.grid_sample(heatmaps, grid.to(heatmaps.dtype), mode="bicubic", padding_mode="border",
                          align_corners=False)
    inner = 1 - 1 / heatmaps.shape[-1] + _ROUNDING
    valid = (grid.abs() <= inner).all(-1)[:, None]
    return _swapped(shown, flip, swap) * valid, valid


def look(images: Tensor, *, size: int, params: View | None = None, view: float = 1.0) -> Tensor:
    """Inputs of the network from stored images, without their joints: what `render` makes of the same arguments.

    >>> import torch
    >>> look(torch.full((1, 128, 128, 3), 255, dtype=torch.uint8), size=64).mean()
    tensor(1.)
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise ConfigError(
            "images", (images.dtype, tuple(images.shape)), "uint8 of shape (B, S, S, 3)", "pass PoseData.images",
        )
    linear, offset, _ = _transform(params, view, images)
    pixels = images.permute(0, 3, 1, 2).float()
    inputs = F.grid_sample(pixels, _grid(linear, offset, size), mode="bilinear", padding_mode="zeros",
                           align_corners=False)
    # Only now to [0, 1]: the inputs are smaller than the images.
    inputs = inputs / 255 if params is None else (inputs * (params.gain / 255).to(inputs.device)[..., None, None])
    return inputs.clamp_(0, 1)


def render(
    images: Tensor, joints: Tensor, present: Tensor, *, size: int, swap: tuple[int, ...], params: View | None = None,
    view: float = 1.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs of the network from stored images: (inputs, joints, present).

    Each input shows a square of its image, bilinearly sampled and black outside the image. An image should have at most
    twice the pixels of its input along a side, where bilinear sampling is the exact mean of 2x2 pixels; beyond that it
    would skip some.

    Parameters
    ----------
    images : Tensor of uint8, shape (B, S, S, 3)
        Stored images.
    joints : Tensor, shape (B, J, 2); present : Tensor of bool, shape (B, J)
        Positions in pixels of the stored images, and which are known.
    size : int
        The side s of the inputs, in pixels.
    swap : tuple of int
        The joint that each one becomes in a mirror, `Skeleton.swap`.
    params : View, optional
        The views that `draw` drew; without, the view is centred, upright and not mirrored.
    view : float
        The side of the view in sides of the image, before its own scale; > 0.

    Returns
    -------
    inputs : Tensor, shape (B, 3, s, s), float32 in [0, 1]
    joints : Tensor, shape (B, J, 2), pixels of the inputs, (0, 0) where not present
    present : Tensor of bool, shape (B, J): known and within the input

    Source: the affine transform is T(u) = c + v·scale·R·M·u + v·shift in frames of side 1 about their centres, R the
    rotation and M the mirror. Raises `BroadcastError` for shapes that do not fit and `ConfigError` for another dtype.

    >>> import torch
    >>> images = torch.zeros(1, 128, 128, 3, dtype=torch.uint8)
    >>> joints, present = torch.tensor([[[63.5, 63.5], [0.5, 2.5]]]), torch.tensor([[True, True]])
    >>> inputs, joints, _ = render(images, joints, present, size=64, swap=(1, 0))
    >>> inputs.shape, joints
    (torch.Size([1, 3, 64, 64]), tensor([[[31.5000, 31.5000], [ 0.0000,  1.0000]]]))
    """
    inputs = look(images, size=size, params=params, view=view)
    if joints.shape != (*present.shape, 2) or present.shape != (len(images), len(swap)):
        raise BroadcastError(
            "joints", tuple(joints.shape), f"(B, J, 2), with present (B, J), here {(len(images), len(swap))}",
            "pass the joints of these images, and the swap of their skeleton",
        )
    side = images.shape[1]
    linear, offset, flip = _transform(params, view, joints)
    # The matrix is a multiple of an orthogonal one: its inverse is its transpose over the square of that multiple.
    squared = linear[:, :1].square().sum(2, keepdim=True)
    shown = _to_pixels((_to_frame(joints, side) - offset[:, None]) @ linear / squared, size)
    shown, present = _swapped(shown, flip, swap), _swapped(present, flip, swap)
    present = present & ((shown >= -0.5) & (shown <= size - 0.5)).all(-1)
    return inputs, shown * present[..., None], present


def unrender(
    joints: Tensor, *, side: int, size: int, swap: tuple[int, ...], params: View | None = None, view: float = 1.0,
) -> Tensor:
    """Positions in pixels of the stored images, of side `side`, from positions in pixels of the inputs that `render`
    made with the same arguments; the inverse of what `render` does to joints.

    Raises `BroadcastError` for joints that are not (B, J, 2).

    >>> import torch
    >>> unrender(torch.tensor([[[31.5, 31.5], [0.0, 1.0]]]), side=128, size=64, swap=(1, 0))
    tensor([[[63.5000, 63.5000], [ 0.5000,  2.5000]]])
    """
    if joints.ndim != 3 or joints.shape[1:] != (len(swap), 2):
        raise BroadcastError("joints", tuple(joints.shape), f"(B, {len(swap)}, 2)", "pass what `decode` found")
    linear, offset, flip = _transform(params, view, joints)
    seen = _to_frame(_swapped(joints, flip, swap), size)
    return _to_pixels(seen @ linear.mT + offset[:, None], side)


def heatmaps(
    joints: Tensor, present: Tensor, *, size: int, stride: int, sigma: float, peak: float, truncate: bool,
) -> Tensor:
    r"""Gaussians at sub-pixel centres, zeros for absent joints: targets of shape (B, J, size, size), float32.

    .. math:: peak \cdot \exp\left(-\frac{(x - c_x)^2 + (y - c_y)^2}{2 \sigma^2}\right), \quad
              c = \frac{x_{input} - (stride - 1)/2}{stride}

    Parameters
    ----------
    joints : Tensor, shape (B, J, 2); present : Tensor of bool, shape (B, J)
        Positions in pixels of the inputs, as `render` gives them.
    size, stride : int
        The side of a heatmap in its pixels, and how many input pixels one of them spans.
    sigma, peak : float
        The standard deviation in pixels of the heatmap, and the height (1 for losses of probabilities).
    truncate : bool
        Whether what lies farther than 3σ from the centre is exactly 0, as Anchor Loss needs it.

    Source: protocol of LearningLoss++ (σ = 1.75, peak = 30, on 64x64) and Anchor Loss, Section 3.3. Raises
    `ConfigError` for a sigma or peak that is not positive.

    >>> import torch
    >>> centre, known = torch.tensor([[[5.5, 1.5]]]), torch.tensor([[True]])
    >>> heatmaps(centre, known, size=3, stride=4, sigma=0.5, peak=1, truncate=True)
    tensor([[[[0.1353, 1.0000, 0.1353],
              [0.0183, 0.1353, 0.0183],
              [0.0000, 0.0000, 0.0000]]]])
    """
    for name, value in (("sigma", sigma), ("peak", peak)):
        if not value > 0:
            raise ConfigError(name, value, "a number > 0", "pass the Gaussian's width in pixels of the heatmap, height")
    centres = (joints - (stride - 1) / 2) / stride
    pixels = torch.arange(size, device=joints.device, dtype=torch.float32)
    along_x, along_y = torch.exp((pixels - centres[..., None]).square() / (-2 * sigma**2)).unbind(2)
    drawn = (along_y * (peak * present[..., None]))[..., :, None] * along_x[..., None, :]
    return F.threshold(drawn, peak * math.exp(-4.5), 0.0) if truncate else drawn  # the height at 3σ: e^(-3²/2)


def decode(heatmaps: Tensor, *, stride: int) -> Tensor:
    """The joints that heatmaps of shape (B, J, h, w) show, shape (B, J, 2), in pixels of the input.

    The highest pixel, moved by a quarter of a pixel along each axis towards the higher of its two neighbours; not where
    they are equal or one is missing. Of a Gaussian drawn whole, that is within a quarter of a pixel of its centre along
    each axis, a half where a neighbour is missing.

    Source: Newell, Yang and Deng (2016), Section 3. Raises torch's own errors for another number of axes.

    >>> import torch
    >>> found = torch.zeros(1, 1, 4, 4)
    >>> found[0, 0, 2, 1:3] = torch.tensor([1.0, 0.5])
    >>> decode(found, stride=4)
    tensor([[[6.5000, 9.5000]]])
    """
    *_, height, width = heatmaps.shape
    flat = heatmaps.flatten(2)
    highest = flat.argmax(2)
    x, y = highest % width, highest // width

    def towards(position: Tensor, last: int, step: int) -> Tensor:
        inside = (position > 0) & (position < last)  # else both neighbours are the pixel itself
        before, after = (flat.gather(2, (highest + way * inside)[..., None]).squeeze(2) for way in (-step, step))
        return 0.25 * torch.sign(after - before)

    fine = torch.stack((x + towards(x, width - 1, 1), y + towards(y, height - 1, width)), -1)
    return stride * fine + (stride - 1) / 2


# --- frames -----------------------------------------------------------------------------------------------------------

def _to_frame(pixels: Tensor, side: int) -> Tensor:
    """Positions in sides of the frame, from its centre."""
    return (pixels - (side - 1) / 2) / side


def _to_pixels(frame: Tensor, side: int) -> Tensor:
    return frame * side + (side - 1) / 2


def _transform(params: View | None, view: float, batch: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    """From the frame of the input to that of the image: matrices (B, 2, 2), offsets (B, 2), and who is mirrored.

    As many as the tensor `batch` has rows, and where it is.
    """
    count, device = len(batch), batch.device
    if params is None:
        return view * torch.eye(2, device=device).expand(count, 2, 2), torch.zeros(count, 2, device=device), None
    params = View(*(drawn.to(device) for drawn in params))
    return view * _linear(params), view * params.shift, params.flip


def _linear(params: View) -> Tensor:
    """scale·R·M of each view, (B, 2, 2)."""
    cos, sin, mirror = torch.cos(params.angle), torch.sin(params.angle), 1 - 2 * params.flip.float()
    rows = torch.stack((cos * mirror, -sin, sin * mirror, cos), 1).reshape(-1, 2, 2)
    return params.scale[:, None, None] * rows


def _grid(linear: Tensor, offset: Tensor, size: int) -> Tensor:
    """Where each of size × size pixels is looked for, as torch has it: (B, size, size, 2), frames from −1 to 1."""
    # torch's frames have sides of 2: an offset is twice as long, a linear map is the same.
    theta = torch.cat((linear, 2 * offset[..., None]), 2)
    return F.affine_grid(theta, [len(linear), 1, size, size], align_corners=False)


def _swapped(values: Tensor, flip: Tensor | None, swap: tuple[int, ...]) -> Tensor:
    """Left and right joints exchanged in the images that are mirrored; `values` has shape (B, J, ...)."""
    if flip is None:
        return values
    return torch.where(flip.reshape(-1, *[1] * (values.ndim - 1)), values[:, list(swap)], values)
