"""What the networks learn by: the losses of the paper's Tables 1, 3 and A-1, and which of them stand in which table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor

from experiments.classes.config import ClassConfig
from experiments.errors import ConfigError
from gradients.losses import anchor_loss, bce_loss, focal_loss, ohem_loss

__all__ = ["VARIATIONS", "Variation", "find_variation"]


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(logits, target)


def _mined(logits: Tensor, target: Tensor, **options) -> Tensor:
    """Of the cross-entropies; the paper does not say of which losses, but its OHEM does as its CE."""
    return ohem_loss(F.cross_entropy(logits, target, reduction="none"), **options)


def _summed(loss):
    """A loss of each logit, summed over the classes and averaged over the batch (paper, Section 4.1)."""
    def of_labels(logits: Tensor, target: Tensor, **options) -> Tensor:
        labels = F.one_hot(target, logits.shape[1]).to(logits.dtype)
        return loss(logits, labels, reduction="none", **options).sum(1).mean()
    return of_labels


_LOSSES = {
    "CE": _cross_entropy, "OHEM": _mined, "BCE": _summed(bce_loss), "FL": _summed(focal_loss), "AL": anchor_loss,
}


@dataclass(frozen=True)
class Variation:
    """A loss of the paper with its options: fixed ones, and those that a setting gives (option -> setting).

    >>> VARIATIONS["anchor-target"].label(ClassConfig())
    'AL γ=0.5 target'
    """

    loss: str  # as the paper calls it
    about: str = ""
    fixed: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    def options(self, config: ClassConfig) -> dict[str, object]:
        """What the loss is called with.

        >>> VARIATIONS["ohem"].options(ClassConfig())
        {'keep': 0.9}
        """
        return {**self.fixed, **{option: getattr(config, name) for option, name in self.settings.items()}}

    def label(self, config: ClassConfig) -> str:
        """The loss and what tells it from the others.

        >>> VARIATIONS["static-0.8"].label(ClassConfig()), VARIATIONS["ce"].label(ClassConfig())
        ('AL γ=0.5 q*=0.8', 'CE')
        """
        options = self.options(config)
        shown = [f"{letter}={options[name]:g}" for name, letter in
                 (("gamma", "γ"), ("keep", "ρ"), ("anchor", "q*")) if name in options]
        return " ".join([self.loss, *shown, *([self.about] if self.about else [])])

    def value(self, config: ClassConfig, logits: Tensor, target: Tensor, epoch: int) -> Tensor:
        """The loss of a batch: logits (B, K) and classes (B,), in this epoch, from 0.

        >>> import torch
        >>> logits, target = torch.tensor([[2.0, 1.0, -1.0]]), torch.tensor([0])
        >>> warm = VARIATIONS["anchor-warmup"]
        >>> [warm.value(ClassConfig(), logits, target, epoch).item() for epoch in (4, 5)]
        [0.3490, 1.5803]
        """
        options = self.options(config)
        if "warmup_epochs" in options:
            options["epoch"] = epoch
        return _LOSSES[self.loss](logits, target, **options)


def _anchor(about: str = "", gamma: str | float = "gamma", settings: Mapping[str, str] | None = None,
            **fixed) -> Variation:
    """Anchor loss with a γ of its own, or the γ of a setting."""
    named = {"gamma": gamma} if isinstance(gamma, str) else {}
    return Variation("AL", about, fixed | ({} if named else {"gamma": gamma}), {**named, **(settings or {})})


_MARGIN = {"margin": "margin"}
# The background is modulated wherever nothing else is said, as in the paper.
VARIATIONS: dict[str, Variation] = {
    "ce": Variation("CE"),
    "bce": Variation("BCE"),
    "ohem": Variation("OHEM", settings={"keep": "ohem_keep"}),
    "focal": Variation("FL", settings={"gamma": "gamma_focal"}),
    "anchor": _anchor(settings=_MARGIN),
    "anchor-warmup": _anchor("warm-up", "gamma_warmup", {**_MARGIN, "warmup_epochs": "warmup"}),
    "anchor-target": _anchor("target", settings=_MARGIN, modulate="target"),
    "anchor-both": _anchor("both", settings=_MARGIN, modulate="both"),
    "dynamic-1": _anchor(gamma=1.0, settings=_MARGIN),
    "dynamic-2": _anchor(gamma=2.0, settings=_MARGIN),
    "static-0.8": _anchor(anchor=0.8),
    "static-0.5": _anchor(anchor=0.5),
    "static-0.1": _anchor(anchor=0.1),
}


def find_variation(name: str) -> Variation:
    """The variation of that name; `ConfigError` if there is none.

    >>> find_variation("hinge")
    Traceback (most recent call last):
    experiments.errors.ConfigError: variation: got 'hinge'; allowed: ce, bce, ohem, ...; pass one of these names
    """
    if name not in VARIATIONS:
        raise ConfigError("variation", name, ", ".join(VARIATIONS), "pass one of these names")
    return VARIATIONS[name]
