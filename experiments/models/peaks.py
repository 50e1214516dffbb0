"""Multi-peak entropy: how undecided a network is between several places of a joint."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from gammaprob.errors import ArgumentError, BroadcastError, DomainError

__all__ = ["peak_entropy"]


@torch.no_grad()
def peak_entropy(heatmaps: Tensor) -> Tensor:
    r"""The entropy of the softmax over the local maxima of each heatmap, summed over joints: (N, J, h, w) -> (N,).

    .. math:: \sum_j -\sum_m p_{jm} \log p_{jm}, \qquad p_{jm} = e^{v_{jm}} \Big/ \sum_{m'} e^{v_{jm'}}

    where v_jm is the value of heatmap j at its local maximum m: a pixel that none of its up to eight neighbours exceeds
    (of a plateau every pixel, so that a flat heatmap is as undecided as can be, log hw). In nats; 0 where every
    heatmap has one peak. The softmax knows the scale of its heatmaps: peaks far below 1 make all maxima alike, and the
    entropy then counts them.

    Source: Liu and Ferrari 2017, the "multi-peak entropy" of active learning for human pose. Half precision is computed
    in float32; memory is some four times that of the heatmaps, so pass a batch. Errors: `ArgumentError` unless a tensor
    of floats, `BroadcastError` unless of four axes with at least one pixel, `DomainError` for a value that is not
    finite.

    >>> slope = torch.arange(16.0).reshape(4, 4)                 # one peak, in the corner
    >>> two = torch.tensor([[1.0, 0.0, 1.0]]).expand(4, 3).T - torch.arange(4.0)     # two peaks of one height
    >>> peak_entropy(slope[None, None]), peak_entropy(two[None, None])
    (tensor([0.]), tensor([0.6931]))
    """
    if not isinstance(heatmaps, Tensor) or not heatmaps.is_floating_point():
        raise ArgumentError("heatmaps", type(heatmaps), "a torch.Tensor of floats", "pass what the network returns")
    if heatmaps.ndim != 4 or 0 in heatmaps.shape[-2:]:
        raise BroadcastError("heatmaps", tuple(heatmaps.shape), "(N, J, h, w)", "of several stacks pass the last")
    if not heatmaps.isfinite().all():  # a NaN is no peak, and would pass unseen beside one
        bad = heatmaps[~heatmaps.isfinite()][0].item()
        raise DomainError("heatmaps", bad, "finite numbers", "look where the network diverged")
    values = heatmaps.float() if heatmaps.dtype in (torch.float16, torch.bfloat16) else heatmaps
    peaks = values == max_pool2d(values, kernel_size=3, stride=1, padding=1)
    chances = values.masked_fill(~peaks, -torch.inf).flatten(2).softmax(2)
    return torch.special.entr(chances).sum((1, 2))
