"""Cross-checks of Anchor Loss with respect to the logits: of classes, and of heatmaps.

The anchor is a constant in every difference quotient here, as the paper detaches it. The logits have all bits that a
float64 has, so that a loss or a closed form that drops to a lower precision shows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from mpmath import mp, mpf

from gradients import _crosscheck_formulas as formulas
from gradients._crosscheck_anchor import AUTOGRAD, CLOSED, GAMMAS, MODULATED, expit, sizes
from gradients._crosscheck_rows import Check, Comparison, Context, Evidence
from gradients._crosscheck_torch import leaf

__all__ = ["CHECKS"]

_MARGIN = 0.05  # the paper's, and the default
_DEFAULT_GAMMA, _DEFAULT_GAMMA_POSE = 0.5, 2.0
_SAMPLES, _CLASSES = 24, 4
_LARGEST = 4.0  # logit, of those that are drawn
_IMAGES, _SIDE = 6, 5
# Labels on either side of the two thresholds: more than ½ can be the anchor, more than 0 is no background.
_LABELS = (1.0, 0.5 + 2.0**-10, 0.5, 0.5 - 2.0**-10, 2.0**-20)


# --- classes ---------------------------------------------------------------------------------------------------------

def _samples(context: Context, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, K), and class indices (N,); the last two samples are certain, one rightly and one wrongly."""
    rng = np.random.default_rng(context.stream("classes", name))
    logits = rng.uniform(-_LARGEST, _LARGEST, (_SAMPLES, _CLASSES))
    target = rng.integers(0, _CLASSES, _SAMPLES)
    logits[-2:] = [[30.0, -30.0, -20.0, 1.0]]
    target[-2:] = [0, 1]
    return logits, target


def _forms(context: Context, name: str, target: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """The target as it can be given (indices; hard labels, some samples with two classes; soft ones, some of which are
    close), and as labels."""
    rng = np.random.default_rng(context.stream("labels", name))
    one = np.eye(_CLASSES)[target]
    second = np.eye(_CLASSES)[(target + 1) % _CLASSES] * (np.arange(target.size) % 3 == 0)[:, None]
    soft = np.where(second, 0.75 - 2.0**-20, 0.75 * one + rng.uniform(0.0, 0.125, one.shape))
    return (target, one), (one + second, one + second), (soft, soft)


def _anchors(q: list, p: list) -> tuple:
    """q_pos and q_neg of one sample: A-2 to A-4, with the margin; target classes are those with the largest label."""
    most, margin = max(p), mpf(_MARGIN)
    return (
        max(value for value, label in zip(q, p, strict=True) if label < most) + margin,
        max(value for value, label in zip(q, p, strict=True) if label == most) - margin,
    )


def _called(loss: Callable, logits: np.ndarray, target: np.ndarray, terms: int, options: dict) -> np.ndarray:
    """The gradient of the sum; where there are no options, from the mean of so many terms, as called by default."""
    at, target = leaf(logits), torch.from_numpy(target)
    total = loss(at, target, reduction="sum", **options) if options else terms * loss(at, target)
    total.backward()
    return at.grad.numpy()


def _class_gradients(context: Context, name: str, modulate: str, forms, formula: Callable, calls) -> Evidence:
    """Closed form, autograd and difference quotient of the sum over the classes, in the logits.

    `formula` takes q, p, q_pos, q_neg and γ of one sample, vectors as lists, and gives its loss. A call is γ with the
    options of the loss and the closed form, none of them in a call by default.
    """
    logits, target = _samples(context, name)
    comparison = Comparison(CLOSED, AUTOGRAD)
    for given, p in forms(_forms(context, name, target)):
        anchors = [
            _anchors([formulas.sigmoid(mpf(value)) for value in z], label)
            for z, label in zip(logits.tolist(), p.tolist(), strict=True)
        ]
        positive, negative = np.array(anchors, dtype=float).T[..., None]
        for gamma, options in calls:
            size, wider = sizes(
                logits, p, 1.0 - expit(logits) + positive, 1.0 + expit(logits) - negative,
                gamma * (modulate != "background"), gamma * (modulate != "target"),
            )
            comparison.add(
                context.subjects.closed_form.anchor_gradient(logits, given, **options),
                _called(context.subjects.anchor_loss, logits, given, _SAMPLES, options),
                [formulas.gradient(lambda moved, label=label, held=held, gamma=gamma: formula(
                    [formulas.sigmoid(value) for value in moved], label, *held, gamma), z)
                 for z, label, held in zip(logits.tolist(), p.tolist(), anchors, strict=True)],
                size, autograd_size=wider,
            )
    return comparison.evidence()


def _explicit(modulate: str) -> list[tuple[float, dict]]:
    return [(gamma, {"gamma": gamma, "margin": _MARGIN, "modulate": modulate}) for gamma in GAMMAS]


def _classification(calls, context: Context) -> Evidence:
    """Eq. 2: one target class a sample, q* = q_t − margin."""
    def formula(q, p, q_pos, q_neg, gamma):
        return formulas.classification(q, p, q_neg, gamma)

    return _class_gradients(context, "2", "background", lambda forms: forms[:1], formula, calls)


def _modulated(name: str, context: Context) -> Evidence:
    """A-1 with A-2, A-3 or A-4: indices, hard labels of several classes, soft labels."""
    modulate = MODULATED[name]

    def formula(q, p, q_pos, q_neg, gamma):
        gamma_t, gamma_b = gamma * (modulate != "background"), gamma * (modulate != "target")
        return mp.fsum(
            formulas.anchored(q_k, p_k, q_pos, q_neg, gamma_t, gamma_b) for q_k, p_k in zip(q, p, strict=True)
        )

    return _class_gradients(context, name, modulate, lambda forms: forms, formula, _explicit(modulate))


# --- heatmaps --------------------------------------------------------------------------------------------------------

def _heatmaps(context: Context) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels of height 1 beside exact zeros, both (N, J, H, W) with J = 2; the last joint is absent.

    Each label in turn stands at the pixel with the highest logit of its heatmap: it is the anchor, or it is not.
    """
    rng = np.random.default_rng(context.stream("heatmaps"))
    logits = rng.uniform(-_LARGEST, _LARGEST, (_IMAGES, 2, _SIDE, _SIDE))
    target = np.zeros_like(logits)
    maps = zip(*(values.reshape(-1, _SIDE * _SIDE)[:-1] for values in (logits, target)), strict=True)
    for count, (z, p) in enumerate(maps):
        pixels = rng.permutation(p.size)[:len(_LABELS)]
        p[pixels] = _LABELS
        z[pixels[count % len(_LABELS)]] = _LARGEST + rng.random()
    return logits, target


def _pose(calls, context: Context) -> Evidence:
    """Eqs. 3 to 5, every pixel's derivative: an absent joint's is 0, and its pixels do not count in the mean."""
    logits, target = _heatmaps(context)
    maps = list(zip(*(values.reshape(-1, _SIDE * _SIDE).tolist() for values in (logits, target)), strict=True))
    anchors = [
        max((formulas.sigmoid(mpf(value)) for value, label in zip(z, p, strict=True) if label > 0.5), default=None)
        for z, p in maps
    ]
    held = np.array([np.nan if anchor is None else float(anchor) for anchor in anchors])
    modulator = 1.0 + expit(logits) - held.reshape(*logits.shape[:2], 1, 1)
    pixels = np.count_nonzero(~np.isnan(modulator))
    comparison = Comparison(CLOSED, AUTOGRAD)
    for gamma, options in calls:
        size, wider = (
            np.where(np.isnan(modulator), 1.0, values)
            for values in sizes(logits, target, 1.0, modulator, 0.0, np.where(target == 0.0, gamma, 0.0))
        )
        truth = [
            mpf(0) if anchor is None else mp.diff(lambda t, label=label, anchor=anchor, gamma=gamma: formulas.pose(
                formulas.sigmoid(t), label, anchor, gamma), value)
            for anchor, (z, p) in zip(anchors, maps, strict=True) for value, label in zip(z, p, strict=True)
        ]
        comparison.add(
            context.subjects.closed_form.anchor_pose_gradient(logits, target, **options),
            _called(context.subjects.anchor_loss_pose, logits, target, pixels, options),
            np.array(truth, dtype=object).reshape(logits.shape), size, autograd_size=wider, points=len(maps),
        )
    return comparison.evidence()


CHECKS = (
    Check("AL default", "classification, as called", partial(_classification, [(_DEFAULT_GAMMA, {})])),
    Check("AL default", "pose, as called", partial(_pose, [(_DEFAULT_GAMMA_POSE, {})])),
    Check("AL 2", "classification, in logits", partial(_classification, _explicit("background"))),
    Check("AL 3-5", "pose, in logits", partial(_pose, [(gamma, {"gamma": gamma}) for gamma in GAMMAS])),
    Check("AL A-2", "target modulated", partial(_modulated, "A-2")),
    Check("AL A-3", "background modulated", partial(_modulated, "A-3")),
    Check("AL A-4", "both modulated", partial(_modulated, "A-4")),
)
