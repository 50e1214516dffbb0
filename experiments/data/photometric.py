"""RandAugment's changes of light and colour, of a whole batch on its device: each image has changes of its own.

No position moves, so that what was drawn of the image before still holds. Pillow has each of them for one image, and
torchvision draws one change for a whole batch; where they round to 8 bits, these do not, but for what needs levels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.errors import ConfigError

__all__ = ["CHANGES", "MOST", "Changes", "change", "draw_changes"]

MOST = 30  # the magnitude that RandAugment's ranges end at
_GREY = (0.299, 0.587, 0.114)  # ITU-R 601, as Pillow has it
_LEVELS = 255


class Changes(NamedTuple):
    """What `draw_changes` drew for each of B images, on the CPU."""

    which: Tensor  # (B, N), places of `CHANGES`
    sign: Tensor  # (B, N), −1 or 1: less or more, of those that have both


def draw_changes(count: int, times: int, generator: torch.Generator) -> Changes:
    """`times` changes for each of `count` images, each as likely as the others, one after the other.

    >>> import torch
    >>> draw_changes(2, 3, torch.Generator().manual_seed(0)).which.shape
    torch.Size([2, 3])
    """
    uniform = torch.rand(count, times, 2, generator=generator)
    return Changes((uniform[..., 0] * len(CHANGES)).long(), 1 - 2 * (uniform[..., 1] < 0.5).float())


def change(images: Tensor, drawn: Changes, magnitude: float) -> Tensor:
    r"""The images, changed: shape (B, 3, h, w), floats in [0, 1].

    With M = `magnitude` / 30: brightness, colour, contrast and sharpness are blends of the image x with a plainer one,

    .. math:: \min(1, \max(0, f x + (1 - f)\, \mathrm{plain}(x))), \quad f = 1 \pm 0.9 M

    posterize keeps 8 − round(4 M) bits, solarize inverts what is at least 1 − M; autocontrast and equalize have no
    magnitude, identity does nothing.

    Source: RandAugment (Cubuk et al., 2020), Section 3, its changes of colour alone; ranges and signs as torchvision
    has them. Raises `ConfigError` for a magnitude outside [0, 30].

    >>> import torch
    >>> brighter = Changes(torch.tensor([[CHANGES.index("brightness")]]), torch.tensor([[1.0]]))
    >>> float(change(torch.full((1, 3, 4, 4), 0.5), brighter, 20).max())
    0.8
    """
    if not 0 <= magnitude <= MOST:
        raise ConfigError("magnitude", magnitude, f"a number in [0, {MOST}]", "0 changes least")
    share = magnitude / MOST
    for which, sign in zip(drawn.which.T, drawn.sign.T, strict=True):
        factor = (1 + 0.9 * share * sign).to(images)[:, None, None, None]
        which = which.to(images.device)[:, None, None, None]
        before = images
        # All changes of all images: to sort the images out would wait for the device.
        for place, of in enumerate(_CHANGES.values()):
            images = torch.where(which == place, of(before, factor, share), images)
    return images


def _blend(plain):
    return lambda images, factor, _: (factor * images + (1 - factor) * plain(images)).clamp(0, 1)


def _grey(images: Tensor) -> Tensor:
    return (images * torch.tensor(_GREY).to(images)[:, None, None]).sum(1, keepdim=True)


def _smooth(images: Tensor) -> Tensor:
    """Each pixel's mean with its neighbours, itself five times; the border stays."""
    kernel = torch.ones(3, 1, 3, 3).to(images)
    kernel[:, :, 1, 1] = 5
    plain = images.clone()
    plain[..., 1:-1, 1:-1] = F.conv2d(images, kernel / 13, groups=3)
    return plain


def _autocontrast(images: Tensor) -> Tensor:
    """Each colour from 0 to 1, unless it has one value alone."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    return torch.where(high > low, (images - low) / (high - low).clamp_min(1e-6), images)


def _equalize(images: Tensor) -> Tensor:
    """Each colour's 256 levels spread as evenly as they go, as Pillow does; an image of one level stays."""
    levels = (images * _LEVELS).round().long().flatten(2)
    counts = torch.zeros(*levels.shape[:2], _LEVELS + 1, device=images.device, dtype=torch.long)
    counts.scatter_add_(2, levels, torch.ones_like(levels))
    highest = levels.amax(2, keepdim=True)
    step = (levels.shape[2] - counts.gather(2, highest)) // _LEVELS
    table = (counts.cumsum(2) - counts + step // 2) // step.clamp_min(1)
    spread = table.clamp_max(_LEVELS).gather(2, levels).to(images) / _LEVELS
    return torch.where(step > 0, spread, levels.to(images) / _LEVELS).reshape(images.shape)


def _posterize(images: Tensor, share: float) -> Tensor:
    kept = 2 ** round(4 * share)
    return (images * _LEVELS).round().div(kept, rounding_mode="floor") * kept / _LEVELS


_CHANGES = {
    "identity": lambda images, factor, share: images,
    "brightness": _blend(torch.zeros_like),
    "colour": _blend(_grey),
    "contrast": _blend(lambda images: _grey(images).mean((2, 3), keepdim=True)),
    "sharpness": _blend(_smooth),
    "posterize": lambda images, factor, share: _posterize(images, share),
    # Half a level lower, so that rounding does not decide of the level at the bound.
    "solarize": lambda images, factor, share: torch.where(images > 1 - share - 0.5 / _LEVELS, 1 - images, images),
    "autocontrast": lambda images, factor, share: _autocontrast(images),
    "equalize": lambda images, factor, share: _equalize(images),
}
CHANGES = tuple(_CHANGES)
