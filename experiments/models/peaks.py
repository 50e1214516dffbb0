"""The local maxima of heatmaps: how undecided a network is between several places of a joint, and where the second is.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from gammaprob.errors import ArgumentError, BroadcastError, DomainError

__all__ = ["peak_entropy", "second_peaks"]


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
    values = _checked(heatmaps)
    chances = values.masked_fill(~_local_maxima(values), -torch.inf).flatten(2).softmax(2)
    return torch.special.entr(chances).sum((1, 2))


@torch.no_grad()
def second_peaks(heatmaps: Tensor, *, apart: float) -> tuple[Tensor, Tensor]:
    r"""The second highest local maximum of each heatmap: its height as a share of the highest, and its place.

    .. math:: m_2 = \operatorname{argmax}_{m:\, |m - m_1| > apart} v_m, \qquad r = v_{m_2} / v_{m_1}

    over the local maxima m (as in `peak_entropy`) that lie farther than `apart` pixels from the highest pixel m_1, so
    that a blob with two tops is no second peak: three standard deviations of the targets, say. r is 0 where there is
    no such maximum, or where one of the two values is not positive: such a heatmap shows no second place.

    Returns r, shape (N, J), in [0, 1], and m_2 as x, y in pixels of the heatmap, shape (N, J, 2), int64; meaningless
    where r is 0. The shares are of the values given: pass probabilities for those of logits.

    Source: Anchor Loss, Section 4.2, "double-counting" (heatmaps that show several peaks; the count is ours). Errors as
    for `peak_entropy`.

    >>> row = torch.tensor([[4.0, 1.0, 0.0, 0.0, 1.0, 3.0, 1.0]])        # 4 at x = 0, 3 at x = 5
    >>> second_peaks(row[None, None], apart=3)
    (tensor([[0.7500]]), tensor([[[5, 0]]]))
    >>> second_peaks(row[None, None], apart=5)[0]
    tensor([[0.]])
    """
    values = _checked(heatmaps)
    height, width = values.shape[-2:]
    highest, first = values.flatten(2).max(2)
    x, y = torch.arange(width, device=values.device), torch.arange(height, device=values.device)
    across, down = ((line - place[..., None]).square() for line, place in ((x, first % width), (y, first // width)))
    squared = across[..., None, :] + down[..., :, None]
    candidates = values.masked_fill(~(_local_maxima(values) & (squared > apart**2)), -torch.inf)
    value, second = candidates.flatten(2).max(2)
    share = torch.where((value > 0) & (highest > 0), value / highest, 0.0)
    return share, torch.stack((second % width, second // width), -1)


def _local_maxima(values: Tensor) -> Tensor:
    """Which pixels none of their neighbours exceeds."""
    return values == max_pool2d(values, kernel_size=3, stride=1, padding=1)


def _checked(heatmaps: Tensor) -> Tensor:
    """The heatmaps, in float32 at least, or a named error."""
    if not isinstance(heatmaps, Tensor) or not heatmaps.is_floating_point():
        raise ArgumentError("heatmaps", type(heatmaps), "a torch.Tensor of floats", "pass what the network returns")
    if heatmaps.ndim != 4 or 0 in heatmaps.shape[-2:]:
        raise BroadcastError("heatmaps", tuple(heatmaps.shape), "(N, J, h, w)", "of several stacks pass the last")
    if not heatmaps.isfinite().all():  # a NaN is no peak, and would pass unseen beside one
        bad = heatmaps[~heatmaps.isfinite()][0].item()
        raise DomainError("heatmaps", bad, "finite numbers", "look where the network diverged")
    return heatmaps.float() if heatmaps.dtype in (torch.float16, torch.bfloat16) else heatmaps
