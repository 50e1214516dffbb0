"""Which two images of a batch a ranking loss compares.

The papers compare pairs (i, j) of one batch and say nothing about how pairs are formed. Four ways are in use:

- ``"halves"``: image i with image i + B/2, as in the code of LearningLoss++;
- ``"reversed"``: image i with image B − 1 − i, as Yoo and Kweon pair them;
- ``"random"``: a random perfect matching, new at every call;
- ``"all"``: every pair i < j once, B(B − 1)/2 of them.

The first three use each image once and need an even batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gammaprob.errors import ArgumentError, BroadcastError, DomainError
from gradients._inputs import choice, whole_number

__all__ = ["PAIRINGS", "pair_indices"]

PAIRINGS = ("halves", "reversed", "random", "all")


def pair_indices(
    batch: int, pairs: str = "halves", *, generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> tuple[Tensor, Tensor]:
    """The two index tensors (i, j), both of shape (P,) and dtype int64, of the pairs in a batch.

    Parameters
    ----------
    batch : int
        The number of images B >= 0; even unless `pairs` is ``"all"``.
    pairs : {"halves", "reversed", "random", "all"}
        How pairs are formed; see the module. P = B/2, for ``"all"`` P = B(B − 1)/2, ordered by i, then j.
    generator : torch.Generator, optional
        The source of ``"random"``; torch's global one unless given. The other ways draw nothing.
    device : optional
        Where the indices lie; the CPU unless given.

    Raises `ArgumentError` for a batch that is no integer, `DomainError` for an odd or negative one or an unknown word.

    >>> pair_indices(4, "reversed")
    (tensor([0, 1]), tensor([3, 2]))
    >>> pair_indices(3, "all")
    (tensor([0, 0, 1]), tensor([1, 2, 2]))
    """
    batch = whole_number("batch", batch, 0, "pass the number of images, for example len(predicted)")
    choice("pairs", pairs, PAIRINGS)
    if pairs == "all":
        i, j = torch.triu_indices(batch, batch, 1, device=device)
        return i, j
    half = half_of(batch, pairs)
    if pairs == "random":
        order = torch.randperm(batch, generator=generator, device=device)
        return order[:half], order[half:]
    order = torch.arange(batch, device=device)
    return order[:half], order[half:].flip(0) if pairs == "reversed" else order[half:]


def half_of(batch: int, pairs: str) -> int:
    """B/2, or `DomainError` where one image would have no partner."""
    if batch % 2:
        raise DomainError(
            "batch", batch, f"an even number of images for pairs={pairs!r}",
            "drop the last image (drop_last=True in a DataLoader) or pass pairs='all'",
        )
    return batch // 2


def explicit_indices(pairs, device: torch.device) -> tuple[Tensor, Tensor]:
    """The caller's own (i, j): two int64 tensors of one shape (P,). Torch raises IndexError outside the batch."""
    if not (isinstance(pairs, (tuple, list)) and len(pairs) == 2 and all(isinstance(side, Tensor) for side in pairs)):
        raise ArgumentError(
            "pairs", pairs, f"{', '.join(map(repr, PAIRINGS))} or two index tensors (i, j)", "pass one of these",
        )
    i, j = pairs
    if i.dtype != torch.int64 or j.dtype != torch.int64:
        raise ArgumentError("pairs", (i.dtype, j.dtype), "indices of dtype torch.int64", "convert them with .long()")
    if i.ndim != 1 or i.shape != j.shape:
        raise BroadcastError(
            "pairs", (tuple(i.shape), tuple(j.shape)), "two equal shapes (P,)", "pass one index i and one j a pair",
        )
    if i.device != device or j.device != device:
        raise ArgumentError("pairs", (i.device, j.device), f"the device of predicted, {device}", "move them there")
    return i, j
