"""The losses of a pose, one an image: what trains the network, and the true loss that a head learns to predict.

Each is the mean over pixels, stacks and all J joints of a loss of `gradients.losses`.
"""

from __future__ import annotations

from torch import Tensor

from experiments.errors import ConfigError
from experiments.models.hourglass import at_least_single
from gammaprob.errors import BroadcastError
from gradients.losses import anchor_loss_pose, bce_loss, focal_loss, mse_loss

__all__ = ["POSE_LOSSES", "per_labelled", "pose_losses"]

POSE_LOSSES = {"mse": mse_loss, "bce": bce_loss, "focal": focal_loss, "anchor": anchor_loss_pose}
_FOCUSED = ("focal", "anchor")
_ABSENT = ("masked", "zero")
_OUTPUT = ("linear", "sigmoid")


def pose_losses(
    name: str, heatmaps: Tensor, target: Tensor, present: Tensor, *, absent: str = "masked", gamma: float = 2.0,
    output: str = "linear",
) -> Tensor:
    r"""The loss of each image, shape (B,), at least float32.

    .. math:: l = \frac{1}{K J h w} \sum_{k, j, y, x} m_j\, \ell(\hat y_{kjyx}, y_{jyx})

    over K stacks and J joints; m is 1, but 0 for an absent joint when those are masked.

    Parameters
    ----------
    name : {"mse", "bce", "focal", "anchor"}
        The loss ℓ of a pixel, one of `gradients.losses`. All but ``"mse"`` read the heatmaps as logits and want targets
        in [0, 1]; ``"anchor"`` wants Gaussians cut to exact zeros.
    heatmaps : Tensor, shape (B, K, J, h, w)
        What the network drew, `PoseOutput.heatmaps`.
    target : Tensor, shape (B, J, h, w)
        The heatmaps to draw, the same for every stack (`experiments.data.batches.heatmaps`); a constant.
    present : Tensor of bool, shape (B, J)
        Which joints are labelled.
    absent : {"masked", "zero"}
        Whether an absent joint counts for nothing or is to be drawn as a heatmap of zeros. Of ``"anchor"``, it counts
        for nothing in either case: there is no anchor.
    gamma : float
        The exponent γ >= 0 of ``"focal"`` and ``"anchor"``.
    output : {"linear", "sigmoid"}
        What ``"mse"`` compares with the target: the heatmaps, or their sigmoids, as Anchor Loss does in Table 7.

    Source: protocol of LearningLoss++ (true loss: squared error averaged over joints, pixels and stacks); the other
    losses: Anchor Loss Eq. 5 to 7. Raises `ConfigError` for an unknown word, and the errors of `gradients.losses`:
    `BroadcastError` for shapes that do not fit, `DomainError` for labels outside the loss's domain or a NaN.

    >>> import torch
    >>> target = torch.zeros(2, 1, 2, 2)
    >>> heatmaps = torch.full((2, 3, 1, 2, 2), 2.0)
    >>> present = torch.tensor([[True], [False]])
    >>> pose_losses("mse", heatmaps, target, present), pose_losses("mse", heatmaps, target, present, absent="zero")
    (tensor([4., 0.]), tensor([4., 4.]))
    """
    for word, value, allowed in (
        ("name", name, tuple(POSE_LOSSES)), ("absent", absent, _ABSENT), ("output", output, _OUTPUT),
    ):
        if value not in allowed:
            raise ConfigError(word, value, "one of " + ", ".join(map(repr, allowed)), "pass one of them")
    if heatmaps.ndim != 5 or target.shape != (heatmaps.shape[0], *heatmaps.shape[2:]):
        raise BroadcastError(
            "target", tuple(target.shape), f"(B, J, h, w) of heatmaps (B, K, J, h, w), {tuple(heatmaps.shape)}",
            "pass one target a joint, without an axis of stacks",
        )
    if present.shape != target.shape[:2]:
        raise BroadcastError(
            "present", tuple(present.shape), f"the shape {tuple(target.shape[:2])}", "pass one entry a joint",
        )
    labels = present[:, :, None, None].to(target.dtype)
    weight = labels[:, None] if absent == "masked" else None
    target = (target * labels)[:, None].expand_as(heatmaps)
    drawn = at_least_single(heatmaps)
    if name == "mse" and output == "sigmoid":
        drawn = drawn.sigmoid()
    options = {"gamma": gamma} if name in _FOCUSED else {}
    losses = POSE_LOSSES[name](drawn, target, weight=weight, reduction="none", **options)
    return losses.mean((1, 2, 3, 4))


def per_labelled(losses: Tensor, present: Tensor) -> Tensor:
    r"""The mean over the labelled joints alone, shape (B,), from masked losses that are a mean over all J joints.

    .. math:: l \cdot J / \sum_j m_j

    0 where no joint is labelled. LearningLoss++ takes this for the true loss, Learning Loss the mean over all.

    Source: the experiment of LearningLoss++ (its true loss is divided by the number of labelled joints). Raises
    `BroadcastError` where losses and present are not of as many images.

    >>> import torch
    >>> per_labelled(torch.tensor([1.0, 0.0]), torch.tensor([[True, False], [False, False]]))
    tensor([2., 0.])
    """
    if present.ndim != 2 or losses.shape != present.shape[:1]:
        raise BroadcastError("losses", tuple(losses.shape), f"(B,) of present, {tuple(present.shape)}", "one an image")
    return losses * (present.shape[1] / present.sum(1).clamp_min(1))
