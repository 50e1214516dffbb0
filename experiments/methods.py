"""The methods of the study: what each queries by, and the loss predictor that it trains beside the pose network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from experiments.errors import ConfigError

__all__ = ["METHODS", "Method", "find_method", "objective"]


@dataclass(frozen=True)
class Method:
    """One row of Table 3, or a reference that bounds the field.

    `strategy` is a name of `experiments.strategies`; `head` one of `experiments.models.build_head`, or None where no
    loss is predicted; `objective` a loss of `gradients.losses`. `per_labelled`: whether the true losses that the head
    learns are a mean over the labelled joints (the release: LearningLoss++) or over all joints (the release: Learning
    Loss). `joint`: whether the head's gradient reaches the pose network in the first part of training.

    >>> METHODS["ll++"].label, METHODS["ll++"].head, METHODS["random"].head
    ('LL++', 'gap', None)
    """

    name: str
    label: str
    strategy: str
    head: str | None = None
    objective: str | None = None
    per_labelled: bool = True
    joint: bool = False


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("random", "Random", "random"),
        Method("coreset", "Coreset", "coreset"),
        Method("ll", "LL", "predicted-loss", "gap", "learning_loss", per_labelled=False),
        Method("ll++", "LL++", "predicted-loss", "gap", "learning_loss_pp"),
        Method("ll++conv", "LL++conv", "predicted-loss", "conv", "learning_loss_pp"),
        Method("ll++conv4x4", "LL++conv4x4", "predicted-loss", "conv4x4", "learning_loss_pp"),
        # Yoo and Kweon's own: several taps, and a head that shapes the features it reads
        Method("ll-multitap", "LL multi-tap", "predicted-loss", "multitap", "learning_loss", False, joint=True),
        Method("entropy", "Entropy", "entropy"),
        Method("oracle", "Oracle", "oracle"),
        Method("ll++diverse", "LL++ diverse", "diverse", "gap", "learning_loss_pp"),
    )
}


def find_method(name: str) -> Method:
    """The method of that name; `ConfigError` with the names that exist.

    >>> find_method("coreset").strategy
    'coreset'
    """
    if name not in METHODS:
        raise ConfigError("method", name, ", ".join(METHODS), "pass one of these names")
    return METHODS[name]


def objective(method: Method, *, margin: float, pairs: str) -> Callable:
    """The ranking loss of a method as a function of (predicted (B,), true (B,)).

    Its values are looked at by the trainer, once an epoch, so that no step waits for the device.

    >>> import torch
    >>> ranking = objective(METHODS["ll"], margin=1.0, pairs="halves")
    >>> ranking(torch.tensor([6.0, 3.0]), torch.tensor([1.0, 2.0]))
    tensor(4.)
    """
    from gradients import losses

    loss = getattr(losses, method.objective)
    options = {"margin": margin} if method.objective == "learning_loss" else {}
    return lambda predicted, true: loss(predicted, true, pairs=pairs, check_values=False, **options)
