"""The worked example of the paper and the three images of the slides, through the torch losses.

What is printed is compared in its digits, rounded and truncated, as two readings of one claim; the verdict that follows
must be the one that the ledger records for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

import numpy as np
import torch

from gradients._crosscheck_rows import Subjects
from gradients._crosscheck_torch import coefficients, leaf, pair_loss
from paper_tables.outcome import Outcome, Reading
from paper_tables.published import load
from paper_tables.records import load_records

__all__ = ["EXAMPLES", "Example", "Finding", "find"]

_SLIDES = {row["image"]: {name: float(row[name]) for name in ("l", "lhat")} for row in load("slides_example")}


@dataclass(frozen=True)
class Example:
    """Printed numbers: their record in the ledger, what they are of, how they are printed, the digits of each to hold
    the losses against, and how the losses give them."""

    record: str
    what: str
    printed: str
    digits: tuple[str, ...]
    compute: Callable[[Subjects], np.ndarray]


@dataclass(frozen=True)
class Finding:
    """An example with the numbers that the losses give, the verdict of the digits and the recorded one."""

    example: Example
    values: tuple[float, ...]
    verdict: str
    recorded: str

    @property
    def agrees(self) -> bool:
        return bool(self.values) and self.verdict == self.recorded


def _worked(subjects: Subjects, true_i: float, true_j: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss and w (with its gradient) of the example with θ_i = (1, 2, 1), θ_j = (1, 1, 1), w = (0, 3, 0), ξ = 1."""
    w = leaf([0.0, 3.0, 0.0])
    theta_i, theta_j = torch.tensor([[1.0, 2.0, 1.0]], dtype=w.dtype), torch.ones(1, 3, dtype=w.dtype)
    loss = pair_loss(subjects.learning_loss, theta_i, theta_j, w, [true_i], [true_j], margin=1.0)
    loss.backward()
    return loss.detach(), w


def _responses(loss: str, others: str, **options) -> Callable[[Subjects], np.ndarray]:
    """Of each pair (a, other), the size of the derivative in the predicted gap: the slides' factor of ‖θ_i − θ_j‖."""
    def compute(subjects: Subjects) -> np.ndarray:
        pairs = [(_SLIDES["a"], _SLIDES[other]) for other in others]
        gap, true_i, true_j = (np.array(values) for values in zip(
            *((i["lhat"] - j["lhat"], i["l"], j["l"]) for i, j in pairs), strict=True))
        return np.abs(coefficients(getattr(subjects, loss), gap, true_i, true_j, **options))

    return compute


EXAMPLES = (
    Example("LL-EX1", "worked example 1: loss", "0", ("0",), lambda s: _worked(s, 2.0, 1.0)[0].reshape(1).numpy()),
    Example("LL-EX2", "worked example 2: loss", "4", ("4",), lambda s: _worked(s, 1.0, 2.0)[0].reshape(1).numpy()),
    Example("LL-EX3", "worked example 2: ∇_w", "0, 1, 0", ("0", "1", "0"),
            lambda s: _worked(s, 1.0, 2.0)[1].grad.numpy()),
    # The slides print ‖θ_i − θ_j‖ for either pair (ξ = 1); and ≈ 0 beside 0.32, to whose decimals it is held here.
    Example("SL-EXAMPLE-LL", "LL of (a, b) and (a, c)", "1, 1", ("1", "1"),
            _responses("learning_loss", "bc", margin=1.0)),
    Example("SL-EXAMPLE-AB", "LL++ of (a, b)", "≈ 0", ("0.00",), _responses("learning_loss_pp", "b")),
    Example("SL-EXAMPLE-AC", "LL++ of (a, c)", "0.32", ("0.32",), _responses("learning_loss_pp", "c")),
)


def _verdict(values: np.ndarray, digits: tuple[str, ...]) -> str:
    """What the ledger calls it: "holds" if rounding and truncation both give the printed digits, "ambiguous" if one
    does, "wrong as printed" if none."""
    readings = []
    for name, mode in (("rounded", ROUND_HALF_EVEN), ("truncated", ROUND_DOWN)):
        cut = [Decimal(value).quantize(Decimal(text), rounding=mode) if np.isfinite(value) else Decimal("NaN")
               for value, text in zip(values.tolist(), digits, strict=True)]
        holds = cut == [Decimal(text) for text in digits]
        readings.append(Reading(name, holds, len(cut), ", ".join(map(str, cut))))
    return Outcome(tuple(readings)).verdict


def find(examples, subjects: Subjects) -> tuple[Finding, ...]:
    """Each example computed, and held against the printed digits and the ledger's record."""
    recorded = {record.id: record.verdict for record in load_records()}
    findings = []
    for example in examples:
        values = example.compute(subjects)
        verdict = _verdict(values, example.digits)
        findings.append(Finding(example, tuple(values.tolist()), verdict, recorded[example.record]))
    return tuple(findings)
