"""Losses for training: the ranking losses of loss predictors, Anchor Loss, and what the papers compare it with.

Each is a function and a module (`learning_loss`, `LearningLoss`), without state. They share torch's conventions and
these rules:

- **Reduction.** ``"mean"``, ``"sum"`` or ``"none"``. A mean with weights is Σ w·loss / Σ w; a mean over nothing is 0,
  with zero gradient.
- **Dtype and device** are those of the input. Half precisions are computed in float32 and rounded once; under autocast
  the result is float32.
- **Types, shapes and options** are always checked: `gammaprob.errors.ArgumentError` for a wrong type, dtype or device,
  `BroadcastError` for shapes that do not fit, `DomainError` for an option outside its set.
- **Values** raise a `DomainError` on the CPU: negative, infinite or NaN true losses and weights, labels outside [0, 1],
  and predictions for which the result is infinite or a NaN. (An infinity that costs nothing passes: to `anchor_loss`
  with class indices, the logit −∞ of a class that is not there.)
  On an accelerator that would stop the host until the device has caught up, so that the check is torch's asynchronous
  assert there, and in a graph of `torch.compile`: a RuntimeError, with the same words, at the next synchronisation.
  ``check_values=False`` leaves values unchecked; what then comes out of a NaN is a NaN.
- **Constants.** No gradient flows into targets, true losses, anchors or weights.
- **Transforms.** `torch.compile` without a graph break; `torch.func` with `vmap`, `grad`, `jvp` and what is made of
  them; derivatives of every order. One inside the other has limits that torch sets: a compiled `vmap` needs
  ``check_values=False``, a compiled `grad` of all pairs a batch of 256 or less, and a compiled graph no `generator`.

>>> import torch
>>> from gradients.losses import learning_loss_pp
>>> predicted = torch.tensor([0.2, -0.1, 0.4, 1.3], requires_grad=True)    # a loss predictor's output
>>> true = torch.tensor([0.02, 0.13, 0.05, 0.31])                          # the losses of the same four images
>>> learning_loss_pp(predicted, true)
tensor(0.0421, grad_fn=<DivBackward0>)
"""

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError(
        "gradients.losses needs PyTorch, which the extra 'train' has: pip install 'gammaprob[train]'", name="torch",
    ) from None

from gradients.losses.anchor import anchor_loss, anchor_loss_pose
from gradients.losses.elementwise import bce_loss, focal_loss, mse_loss
from gradients.losses.mining import ohem_loss, ohkm_loss
from gradients.losses.modules import (
    AnchorLoss, AnchorLossPose, BCELoss, FocalLoss, LearningLoss, LearningLossPP, MSELoss, OHEMLoss, OHKMLoss,
)
from gradients.losses.ranking import learning_loss, learning_loss_pp

__all__ = [
    "AnchorLoss", "AnchorLossPose", "BCELoss", "FocalLoss", "LearningLoss", "LearningLossPP", "MSELoss", "OHEMLoss",
    "OHKMLoss", "anchor_loss", "anchor_loss_pose", "bce_loss", "focal_loss", "learning_loss", "learning_loss_pp",
    "mse_loss", "ohem_loss", "ohkm_loss",
]  # fmt: skip
