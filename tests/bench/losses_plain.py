"""Each loss of `gradients` beside the plainest composition of torch's own functions that computes the same number.

The compositions are what a careful user writes from the papers' formulas: the fused functions of torch where there are
any, constants without gradient, no check of values. For all pairs that is the B × B matrix of broadcasting: gathering
them by `torch.triu_indices` takes 1.4 to 2.2 times its memory and, but for Learning Loss at batch 4096, more time, too
(measured). A test holds that both sides agree, in value and gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from gradients import losses

__all__ = ["ALL_PAIRS", "BATCHES", "CASES", "Case"]

BATCHES = (64, 512, 4096, 8192)
SEED = 4
CLASSES = 100
JOINTS, SIDE = 14, 16  # heatmaps of 16 × 16, not 64 × 64, so that the plain composition at batch 8192 fits in memory
SIGMA, CUT = 1.0, 3.0  # of a heatmap's Gaussian, in pixels; beyond CUT·SIGMA it is exactly 0, as anchor loss asks
ABSENT = 0.1  # the share of joints without annotation
GAMMA, GAMMA_POSE, GAMMA_FOCAL = 0.5, 2.0, 2.0  # the papers' settings, and the losses' defaults
MARGIN, ANCHOR_MARGIN = 1.0, 0.05
KEEP, KEYPOINTS = 0.9, 8


@dataclass(frozen=True)
class Case:
    """A loss, what computes the same in plain torch, and a batch of inputs: (what gets the gradient, the target)."""

    name: str
    ours: Callable[[Tensor, Tensor], Tensor]
    plain: Callable[[Tensor, Tensor], Tensor]
    inputs: Callable[[int, torch.dtype], tuple[Tensor, Tensor]]


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)


# --- inputs ---------------------------------------------------------------------------------------------------------

def _losses(batch: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Predicted losses, and true ones that are squared errors."""
    predicted, residual = torch.randn((2, batch), generator=_generator(), dtype=dtype)
    return predicted, residual.square()


def _classes(batch: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    draw = _generator()
    logits = torch.randn((batch, CLASSES), generator=draw, dtype=dtype)
    return logits, torch.randint(CLASSES, (batch,), generator=draw)


def _labels(batch: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    logits, classes = _classes(batch, dtype)
    return logits, F.one_hot(classes, CLASSES).to(dtype)


def _heatmaps(batch: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Logits, and truncated Gaussians of peak 1 around random pixels; absent joints have none."""
    draw = _generator()
    logits = torch.randn((batch, JOINTS, SIDE, SIDE), generator=draw, dtype=dtype)
    x, y = torch.randint(SIDE, (2, batch, JOINTS, 1, 1), generator=draw)
    pixel = torch.arange(SIDE)
    square = (pixel - x) ** 2 + (pixel[:, None] - y) ** 2
    target = torch.exp(-square.to(dtype) / (2 * SIGMA**2)) * (square <= (CUT * SIGMA) ** 2)
    present = torch.rand((batch, JOINTS, 1, 1), generator=draw) >= ABSENT
    return logits, target * present


def _regression(batch: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    predicted, target = torch.randn((2, batch, CLASSES), generator=_generator(), dtype=dtype)
    return predicted, target


def _per_sample(*axes: int) -> Callable[[int, torch.dtype], tuple[Tensor, Tensor]]:
    """Losses to mine, which have no target."""
    def inputs(batch: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        return torch.randn((batch, *axes), generator=_generator(), dtype=dtype).square(), torch.empty(0)
    return inputs


# --- plain compositions ---------------------------------------------------------------------------------------------

def _ranking(p_i: Tensor, p_j: Tensor, t_i: Tensor, t_j: Tensor) -> Tensor:
    return F.margin_ranking_loss(p_i, p_j, torch.sign(t_i - t_j), margin=MARGIN)


def _divergence(p_i: Tensor, p_j: Tensor, t_i: Tensor, t_j: Tensor) -> Tensor:
    log_q = F.log_softmax(torch.stack((p_i, p_j), dim=1), dim=1)
    true = torch.stack((t_i, t_j), dim=1)
    return F.kl_div(log_q, true / true.sum(dim=1, keepdim=True), reduction="batchmean")


def _halves(loss: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    def composed(p: Tensor, t: Tensor) -> Tensor:
        half = len(p) // 2
        return loss(p[:half], p[half:], t[:half], t[half:])
    return composed


def _ranking_square(p: Tensor, t: Tensor) -> Tensor:
    """All ordered pairs as a B × B matrix: each pair twice, and the diagonal, which is the constant margin."""
    terms = F.relu(MARGIN - torch.sign(t[:, None] - t) * (p[:, None] - p))
    return (terms.sum() - MARGIN * len(p)) / (len(p) * (len(p) - 1))


def _divergence_square(p: Tensor, t: Tensor) -> Tensor:
    """All ordered pairs as a B × B matrix: of each pair one part at (i, j), the other at (j, i); 0 without the ½'s."""
    log_q = F.logsigmoid(p[:, None] - p)
    share = t[:, None] / (t[:, None] + t)
    return F.kl_div(log_q, share, reduction="sum") / (len(p) * (len(p) - 1) / 2)


def _anchor(logits: Tensor, classes: Tensor) -> Tensor:
    target = F.one_hot(classes, logits.shape[1]).to(logits.dtype)
    q = torch.sigmoid(logits)
    anchor = q.detach().gather(1, classes[:, None]) - ANCHOR_MARGIN
    modulator = torch.where(target == 0, (1 + q - anchor) ** GAMMA, 1.0)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (modulator * cross_entropy).sum(dim=1).mean()


def _anchor_pose(logits: Tensor, target: Tensor) -> Tensor:
    q = torch.sigmoid(logits)
    anchor = torch.where(target > 0.5, q.detach(), 0.0).amax(dim=(-2, -1), keepdim=True)
    modulator = torch.where(target == 0, (1 + q - anchor) ** GAMMA_POSE, 1.0)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    present = (target > 0).any(dim=-1, keepdim=True).any(dim=-2, keepdim=True)
    return (modulator * cross_entropy * present).sum() / (present.sum() * target[0, 0].numel())


def _focal(logits: Tensor, target: Tensor) -> Tensor:
    """Focal loss of hard labels, as torch's users write it: (1 − q_t)^γ times cross-entropy."""
    q = torch.sigmoid(logits)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (((1 - target) * q + target * (1 - q)) ** GAMMA_FOCAL * cross_entropy).mean()


def _ohem(per_sample: Tensor, _: Tensor) -> Tensor:
    return per_sample.topk(ceil(KEEP * len(per_sample))).values.mean()


def _ohkm(per_joint: Tensor, _: Tensor) -> Tensor:
    return per_joint.topk(KEYPOINTS, dim=1).values.mean()


ALL_PAIRS = (
    Case("learning_loss, all pairs", partial(losses.learning_loss, margin=MARGIN, pairs="all"),
         _ranking_square, _losses),
    Case("learning_loss_pp, all pairs", partial(losses.learning_loss_pp, pairs="all"),
         _divergence_square, _losses),
)
CASES = (
    Case("learning_loss, halves", partial(losses.learning_loss, margin=MARGIN), _halves(_ranking), _losses),
    Case("learning_loss_pp, halves", losses.learning_loss_pp, _halves(_divergence), _losses),
    *ALL_PAIRS,
    Case("anchor_loss", partial(losses.anchor_loss, gamma=GAMMA, margin=ANCHOR_MARGIN), _anchor, _classes),
    Case("anchor_loss_pose", partial(losses.anchor_loss_pose, gamma=GAMMA_POSE), _anchor_pose, _heatmaps),
    Case("focal_loss", partial(losses.focal_loss, gamma=GAMMA_FOCAL), _focal, _labels),
    Case("bce_loss", losses.bce_loss, F.binary_cross_entropy_with_logits, _labels),
    Case("mse_loss", losses.mse_loss, F.mse_loss, _regression),
    Case("ohem_loss", lambda per_sample, _: losses.ohem_loss(per_sample, keep=KEEP), _ohem, _per_sample()),
    Case("ohkm_loss", lambda per_joint, _: losses.ohkm_loss(per_joint, keypoints=KEYPOINTS), _ohkm,
         _per_sample(JOINTS)),
)
