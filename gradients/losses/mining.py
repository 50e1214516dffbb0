"""Online hard example mining: only the samples, or the joints, with the largest losses train the network.

Both take losses that were computed before, one a sample or one a joint, and gradient reaches the selected ones alone.
Which of several equal losses at the edge of the selection is taken is `torch.topk`'s choice: the value does not depend
on it, the gradient does.
"""

from __future__ import annotations

import math

from torch import Tensor

from gammaprob.errors import BroadcastError, DomainError
from gradients._inputs import cast, compute_dtype, finished, real_tensor, reduced
from gradients.losses._arguments import check_common, check_options, joints_present

__all__ = ["ohem_loss", "ohkm_loss"]

_DIVERGED = "look where the losses diverged"

# keep·N is rounded twice, when `keep` is read and when it is multiplied: by less than 2^−52 of itself together. Twice
# that is taken off, so that a product which is an integer in decimal, 0.07·100, is never rounded up to the next.
_ROUNDINGS = 1.0 - 2.0**-51


def ohem_loss(losses: Tensor, *, keep: float = 0.9, reduction: str = "mean", check_values: bool = True) -> Tensor:
    r"""Online hard example mining: the mean of the ⌈ρN⌉ largest of N losses.

    Parameters
    ----------
    losses : Tensor, shape (N,)
        One loss a sample, finite, of any floating dtype.
    keep : float
        The share ρ in (0, 1] that is kept. 1 keeps all.
    reduction : {"mean", "sum", "none"}
        Over the selected losses; the mean of an empty batch is 0. ``"none"`` gives them, shape (⌈ρN⌉,), the largest
        first.
    check_values : bool
        Whether a NaN or an infinity is an error (`gradients.losses` says how). Unchecked, it ends in the result.

    Returns
    -------
    Tensor, a scalar or shape (⌈ρN⌉,), of the dtype of `losses` (under autocast at least float32).

    Source: Anchor Loss, Section 4.1 and Tables 1 and 2 (OHEM, ρ = 0.8 and 0.9). Raises `ArgumentError` for a wrong type
    or dtype, `BroadcastError` for another shape, `DomainError` for a value or an option outside its domain.

    >>> import torch
    >>> ohem_loss(torch.tensor([1.0, 4.0, 2.0]), keep=0.5)
    tensor(3.)
    """
    check_common(reduction, check_values)
    keep = check_options(keep=keep)["keep"]
    losses = _losses(losses, 1, "(N,), one loss a sample")
    count = math.ceil(keep * losses.shape[0] * _ROUNDINGS)
    hardest = cast(losses, compute_dtype(losses)).topk(count).values
    return finished(reduced(hardest, None, reduction), ("losses", losses, _DIVERGED), check_values=check_values)


def ohkm_loss(
    losses: Tensor, *, keypoints: int = 8, present: Tensor | None = None, reduction: str = "mean",
    check_values: bool = True,
) -> Tensor:
    r"""Online hard keypoint mining: of each image, the mean of the largest losses of its joints.

    Parameters
    ----------
    losses : Tensor, shape (N, J)
        One loss a joint, finite, of any floating dtype; the mean squared error over the pixels of its heatmap, say.
    keypoints : int
        How many of the J joints are taken of each image, 1 to J.
    present : Tensor of bool, shape (N, J), optional
        Which joints are labelled. The others are never taken: an image with fewer gives all that it has.
    reduction : {"mean", "sum", "none"}
        Over the joints taken in all images; the mean over none is 0. ``"none"`` gives them, shape (N, keypoints), the
        largest first, and 0 in the places that an image with fewer leaves.
    check_values : bool
        Whether a NaN or an infinity is an error (`gradients.losses` says how). Unchecked, it ends in the result.

    Returns
    -------
    Tensor, a scalar or shape (N, keypoints), of the dtype of `losses` (under autocast at least float32).

    Source: Anchor Loss, Section 2 (OHKM, as in the cascaded pyramid network). Raises `ArgumentError` for a wrong type,
    dtype or device, `BroadcastError` for another shape, `DomainError` for a value or an option outside its domain.

    >>> import torch
    >>> losses = torch.tensor([[1.0, 4.0, 2.0], [3.0, 0.0, 9.0]])
    >>> ohkm_loss(losses, keypoints=2, reduction="none")
    tensor([[4., 2.],
            [9., 3.]])
    >>> ohkm_loss(losses, keypoints=2, present=torch.tensor([[True, True, True], [True, False, False]]))
    tensor(3.)
    """
    check_common(reduction, check_values)
    keypoints = check_options(keypoints=keypoints)["keypoints"]
    losses = _losses(losses, 2, "(N, J), one loss a joint")
    present = joints_present(present, ("losses", losses), losses.shape)
    if keypoints > losses.shape[1]:
        raise DomainError(
            "keypoints", keypoints, f"an integer from 1 to the number of joints, {losses.shape[1]}",
            "take fewer of them",
        )
    values, taken = cast(losses, compute_dtype(losses)), None
    if present is not None:
        values = values.masked_fill(~present, -math.inf)
    values, joints = values.topk(keypoints, dim=1)
    if present is not None:
        taken = present.gather(1, joints)
        values = values.masked_fill(~taken, 0.0)
        taken = taken.to(values.dtype)
    return finished(reduced(values, taken, reduction), ("losses", losses, _DIVERGED), check_values=check_values)


def _losses(losses, axes: int, shape: str) -> Tensor:
    losses = real_tensor("losses", losses)
    if losses.ndim != axes:
        raise BroadcastError("losses", tuple(losses.shape), f"the shape {shape}", "compute them with reduction='none'")
    return losses
