"""The losses as modules: options in the constructor, where they are checked, data in the call.

A module has no parameters, buffers or other state: it is its options, which `repr` shows. Meaning, shapes, values and
errors are those of the function that each one calls.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gradients.losses._arguments import check_options
from gradients.losses.anchor import anchor_loss, anchor_loss_pose
from gradients.losses.elementwise import bce_loss, focal_loss, mse_loss
from gradients.losses.mining import ohem_loss, ohkm_loss
from gradients.losses.ranking import learning_loss, learning_loss_pp

__all__ = [
    "AnchorLoss", "AnchorLossPose", "BCELoss", "FocalLoss", "LearningLoss", "LearningLossPP", "MSELoss", "OHEMLoss",
    "OHKMLoss",
]  # fmt: skip


class _Loss(nn.Module):
    """Options, checked, each an attribute."""

    def __init__(self, **options):
        super().__init__()
        self._names = tuple(options)
        for name, value in check_options(**options).items():
            setattr(self, name, value)

    @property
    def options(self) -> dict:
        """The options by name, as they are now."""
        return {name: getattr(self, name) for name in self._names}

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.options.items())


class LearningLoss(_Loss):
    """Learning Loss, `learning_loss`. Pairs are named; for pairs of one's own, which are data, there is the function.

    >>> import torch
    >>> criterion = LearningLoss(margin=0.5)
    >>> criterion
    LearningLoss(margin=0.5, pairs='halves', reduction='mean', check_values=True)
    >>> criterion(torch.tensor([6.0, 3.0]), torch.tensor([1.0, 2.0]))
    tensor(3.5000)
    """

    def __init__(
        self, *, margin: float = 1.0, pairs: str = "halves", reduction: str = "mean", check_values: bool = True,
    ):
        super().__init__(margin=margin, pairs=pairs, reduction=reduction, check_values=check_values)

    def forward(
        self, predicted: Tensor, true: Tensor, *, weight: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return learning_loss(predicted, true, weight=weight, generator=generator, **self.options)


class LearningLossPP(_Loss):
    """LearningLoss++, `learning_loss_pp`.

    >>> import torch
    >>> LearningLossPP()(torch.tensor([1.48, 1.63]), torch.tensor([0.45, 2.87]))
    tensor(0.2445)
    """

    def __init__(self, *, pairs: str = "halves", reduction: str = "mean", check_values: bool = True):
        super().__init__(pairs=pairs, reduction=reduction, check_values=check_values)

    def forward(
        self, predicted: Tensor, true: Tensor, *, weight: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return learning_loss_pp(predicted, true, weight=weight, generator=generator, **self.options)


class AnchorLoss(_Loss):
    """Anchor Loss for classification, `anchor_loss`. The epoch, for the warm-up, and a static anchor come with a call.

    >>> import torch
    >>> criterion = AnchorLoss(gamma=2.0, warmup_epochs=5)
    >>> logits, target = torch.tensor([[2.0, 1.0, -1.0]]), torch.tensor([0])
    >>> criterion(logits, target, epoch=0)
    tensor(0.3490)
    >>> criterion(logits, target, epoch=5)
    tensor(1.2514)
    """

    def __init__(
        self, *, gamma: float = 0.5, margin: float = 0.05, modulate: str = "background", warmup_epochs: int = 0,
        reduction: str = "mean", check_values: bool = True,
    ):
        super().__init__(
            gamma=gamma, margin=margin, modulate=modulate, warmup_epochs=warmup_epochs, reduction=reduction,
            check_values=check_values,
        )

    def forward(
        self, logits: Tensor, target: Tensor, *, anchor: Tensor | float | None = None, epoch: int | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        return anchor_loss(logits, target, anchor=anchor, epoch=epoch, weight=weight, **self.options)


class AnchorLossPose(_Loss):
    """Anchor Loss for heatmaps, `anchor_loss_pose`.

    >>> import torch
    >>> logits, target = torch.tensor([[[1.0, 0.0, 2.0, -2.0]]]), torch.tensor([[[1.0, 0.3, 0.0, 0.0]]])
    >>> AnchorLossPose(reduction="sum")(logits, target)
    tensor(3.8371)
    """

    def __init__(self, *, gamma: float = 2.0, reduction: str = "mean", check_values: bool = True):
        super().__init__(gamma=gamma, reduction=reduction, check_values=check_values)

    def forward(
        self, logits: Tensor, target: Tensor, *, present: Tensor | None = None, weight: Tensor | None = None,
    ) -> Tensor:
        return anchor_loss_pose(logits, target, present=present, weight=weight, **self.options)


class FocalLoss(_Loss):
    """Focal loss, `focal_loss`.

    >>> import torch
    >>> FocalLoss(gamma=0.5)(torch.tensor([2.0, -1.0]), torch.tensor([1.0, 0.0]))
    tensor(0.1031)
    """

    def __init__(self, *, gamma: float = 2.0, reduction: str = "mean", check_values: bool = True):
        super().__init__(gamma=gamma, reduction=reduction, check_values=check_values)

    def forward(self, logits: Tensor, target: Tensor, *, weight: Tensor | None = None) -> Tensor:
        return focal_loss(logits, target, weight=weight, **self.options)


class BCELoss(_Loss):
    """Binary cross-entropy of logits, `bce_loss`; not of probabilities, as torch's class of this name.

    >>> import torch
    >>> BCELoss()(torch.tensor([2.0, -1.0]), torch.tensor([1.0, 0.0]))
    tensor(0.2201)
    """

    def __init__(self, *, reduction: str = "mean", check_values: bool = True):
        super().__init__(reduction=reduction, check_values=check_values)

    def forward(self, logits: Tensor, target: Tensor, *, weight: Tensor | None = None) -> Tensor:
        return bce_loss(logits, target, weight=weight, **self.options)


class MSELoss(_Loss):
    """Squared error, `mse_loss`.

    >>> import torch
    >>> MSELoss()(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0]))
    tensor(2.5000)
    """

    def __init__(self, *, reduction: str = "mean", check_values: bool = True):
        super().__init__(reduction=reduction, check_values=check_values)

    def forward(self, predicted: Tensor, target: Tensor, *, weight: Tensor | None = None) -> Tensor:
        return mse_loss(predicted, target, weight=weight, **self.options)


class OHEMLoss(_Loss):
    """Online hard example mining, `ohem_loss`.

    >>> import torch
    >>> OHEMLoss(keep=0.5)(torch.tensor([1.0, 4.0, 2.0]))
    tensor(3.)
    """

    def __init__(self, *, keep: float = 0.9, reduction: str = "mean", check_values: bool = True):
        super().__init__(keep=keep, reduction=reduction, check_values=check_values)

    def forward(self, losses: Tensor) -> Tensor:
        return ohem_loss(losses, **self.options)


class OHKMLoss(_Loss):
    """Online hard keypoint mining, `ohkm_loss`.

    >>> import torch
    >>> OHKMLoss(keypoints=2)(torch.tensor([[1.0, 4.0, 2.0]]))
    tensor(3.)
    """

    def __init__(self, *, keypoints: int = 8, reduction: str = "mean", check_values: bool = True):
        super().__init__(keypoints=keypoints, reduction=reduction, check_values=check_values)

    def forward(self, losses: Tensor, *, present: Tensor | None = None) -> Tensor:
        return ohkm_loss(losses, present=present, **self.options)
