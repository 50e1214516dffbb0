"""The options of the losses, each once: what it may be, and what to do when it is not; and masks of joints.

The functions check their options here, and so do the modules, when they are made.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from gammaprob.errors import ArgumentError, BroadcastError, DomainError
from gradients._inputs import REDUCTIONS, choice, number_within, same_device, whole_number
from gradients.pairs import PAIRINGS

__all__ = ["check_common", "check_options", "check_power", "joints_present"]


def check_options(**options) -> dict:
    """The options, numbers as Python's own; `ArgumentError` or `DomainError` for the first that is not allowed."""
    return {name: _CHECKS[name](name, value) for name, value in options.items()}


def check_common(reduction, check_values) -> None:
    """`check_options` of the two options that every loss has, in a fifth of the time: it is a loss's every call."""
    if not (type(reduction) is str and reduction in REDUCTIONS and type(check_values) is bool):
        check_options(reduction=reduction, check_values=check_values)


def check_power(gamma: float, margin: float = 0.0) -> None:
    """`DomainError` if a modulator, at most (2 + δ)^γ, and its derivatives could overflow: beyond 2^63, in float32.

    Times a cross-entropy of 0, an infinite modulator would be a silent NaN.
    """
    if gamma * math.log2(2.0 + margin) > 63.0:
        allowed = "an exponent for which (2 + margin)^gamma is at most 2^63"
        raise DomainError("gamma", gamma, allowed, "pass a smaller gamma; the papers' are 0.5 to 5")


def joints_present(present, reference: tuple[str, Tensor], joints: tuple[int, ...]) -> Tensor | None:
    """The mask of joints, a bool tensor of the shape `joints`, or None; checked against the (name, tensor) it masks."""
    if present is None:
        return None
    if not isinstance(present, Tensor) or present.dtype != torch.bool:
        got = present.dtype if isinstance(present, Tensor) else present
        raise ArgumentError("present", got, "a tensor of bool", "pass a mask, for example visible > 0")
    if present.shape != joints:
        raise BroadcastError("present", tuple(present.shape), f"the shape {tuple(joints)}", "pass one entry a joint")
    same_device(reference, ("present", present))
    return present


def _flag(name: str, value) -> bool:
    if not isinstance(value, bool):
        raise ArgumentError(name, value, "True or False", "pass one of them, without quotes")
    return value


_nonnegative = partial(
    number_within, inside=lambda value: 0.0 <= value < math.inf, allowed="a finite real number >= 0",
)
_CHECKS = {
    "check_values": _flag,
    "gamma": partial(_nonnegative, next_step="pass the exponent γ >= 0; 0 is the plain cross-entropy"),
    "keep": partial(
        number_within, inside=lambda keep: 0 < keep <= 1, allowed="a real number in (0, 1]",
        next_step="pass the share of the samples to keep",
    ),
    "keypoints": partial(whole_number, least=1, next_step="pass how many joints of an image count"),
    "margin": partial(_nonnegative, next_step="pass a margin >= 0; 0 is none"),
    "modulate": partial(choice, allowed=("background", "target", "both")),
    "pairs": partial(choice, allowed=PAIRINGS),
    "reduction": partial(choice, allowed=REDUCTIONS),
    "warmup_epochs": partial(whole_number, least=0, next_step="pass the number of epochs with softmax cross-entropy"),
}
