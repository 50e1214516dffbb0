"""The gradients of Learning Loss, LearningLoss++, Anchor Loss and their kin: losses in PyTorch, closed forms in NumPy.

`gradients.losses` has the losses for anyone's training, as functions and as modules; `gradients.pairs` says which
images of a batch are compared. `gradients.closed_form` has every gradient of the papers as a formula.
`python -m gradients` holds the one against the other, against derivatives at high precision, and against simulation.

>>> import gradients
>>> print(gradients.closed_form.kl_coefficient(0.0, 0.45, 2.87).round(4))    # q_i − p_i of two equal predictions
0.3645

Torch is loaded with the first loss that is used: the closed forms do without it.
"""

from importlib import import_module as _import_module

_MODULES = ("closed_form", "crosscheck", "losses", "pairs")
_LOSSES = (
    "AnchorLoss", "AnchorLossPose", "BCELoss", "FocalLoss", "LearningLoss", "LearningLossPP", "MSELoss", "OHEMLoss",
    "OHKMLoss", "anchor_loss", "anchor_loss_pose", "bce_loss", "focal_loss", "learning_loss", "learning_loss_pp",
    "mse_loss", "ohem_loss", "ohkm_loss",
)  # fmt: skip

__all__ = [*_MODULES, *_LOSSES, "pair_indices"]


def __getattr__(name):
    if name in _MODULES:
        return _import_module(f"gradients.{name}")
    if name in _LOSSES:
        return getattr(_import_module("gradients.losses"), name)
    if name == "pair_indices":
        return _import_module("gradients.pairs").pair_indices
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
