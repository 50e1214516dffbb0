"""Cross-checks of Anchor Loss and of the losses beside it, label by label: with respect to q.

The anchor is a constant in every difference quotient here, as the paper detaches it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from mpmath import mp, mpf
from torch import Tensor

from gradients import _crosscheck_formulas as formulas
from gradients._crosscheck_rows import UNIT, Check, Comparison, Context, Error, Evidence, Subjects, error
from gradients._crosscheck_torch import by_probability

__all__ = ["AUTOGRAD", "CHECKS", "CLOSED", "GAMMAS", "MODULATED", "expit", "sizes"]

MODULATED = {"A-2": "target", "A-3": "background", "A-4": "both"}
# Classification's and the pose's of the paper; 1, where a factor γ hides; and a large one that is no multiple of ½.
GAMMAS = (0.5, 1.0, 2.0, 4.7)
_QS = np.array([2.0**-30, 2.0**-10, *np.arange(1 / 16, 1.0, 1 / 16), 1.0 - 2.0**-10])
_CERTAIN = 400.0  # a logit whose own loss, 1e-174, is nothing beside the others, the least of which is 1e-52

# Roundings of each side, in units of 2^-53 of the terms' size: q, 1 − q and their logarithms from the logit (4 each:
# two library functions good to one unit, a sum, a quotient), the modulator (q, q* and two sums, 10), its power (4, as
# a logarithm, a product, an exponential), and at most 8 products and sums. Autograd multiplies more, and reaches q by
# exp(log q) where the closed form has it directly (6 more). A mean, and its terms' number to undo it, are among these.
CLOSED, AUTOGRAD = 4 * 3 + 10 + 4 + 8, 4 * 3 + 10 + 4 + 8 + 6


def sizes(z, p, modulator_t, modulator_b, gamma_t, gamma_b) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the magnitudes of the terms of the gradient of A-1 in the logit z, each times its condition number: as the
    closed form has them, and as autograd does.

    The target term is −p m^γ log q, its gradient −p m^γ [γ q (1 − q)(−log q)/m + 1 − q]; the background's is its mirror
    image. Beside the roundings of its factors stand that of log q, |log q| ≤ 1 + |z| when q is exp(log q), and that of
    m = 1 ± (q − q*), absolutely a rounding of 3 at most, which the power makes 3(γ + 1)/m.

    A loss may take log q as z + log(1 − q), as torch's own cross-entropy does. Then autograd has 1 − q as a difference,
    rounded as 1 is, and log q as z is.
    """
    total = 0.0
    for logit, share, modulator, gamma in ((-z, p, modulator_t, gamma_t), (z, 1.0 - p, modulator_b, gamma_b)):
        q, rest = np.exp(-np.logaddexp(0.0, -logit)), np.exp(-np.logaddexp(0.0, logit))
        terms = modulator**gamma * (gamma * q * rest * np.logaddexp(0.0, logit) / modulator + q)
        total = total + share * terms * (1.0 + np.abs(logit) + 3.0 * (gamma + 1.0) / modulator)
    slope = expit(z) * expit(-z)
    return total, total + p * modulator_t**gamma_t * (1.0 + gamma_t * slope * np.abs(z) / modulator_t)


def expit(z):
    return 1.0 / (1.0 + np.exp(-z))


def _logit(q):
    return np.log(q) - np.log1p(-q)


def _sizes_by_probability(q, *arguments) -> tuple[np.ndarray, ...]:
    """`sizes` in q: over dq/dz = q(1 − q)."""
    return tuple(size / (q * (1.0 - q)) for size in sizes(_logit(q), *arguments))


# --- one label, with respect to q ------------------------------------------------------------------------------------

def _grid() -> tuple[np.ndarray, np.ndarray]:
    """q and anchors below, at and above it, 0 and 1 included."""
    anchors = np.array([0.0, 0.25, 0.5, 0.875, 1.0])
    return tuple(values.ravel() for values in np.meshgrid(_QS, anchors))


def _one_class(loss, modulate: str, anchor, gamma: float) -> Callable[[Tensor], Tensor]:
    """Anchor loss of a label beside another whose own loss vanishes: of a background label where those are modulated,
    of a target label where these are."""
    target = modulate == "target"

    def value(logits: Tensor) -> Tensor:
        other = torch.full_like(logits, -_CERTAIN if target else _CERTAIN)
        labels = torch.tensor([float(target), float(not target)], dtype=logits.dtype).expand(len(logits), 2)
        return loss(
            torch.stack([logits, other], dim=1), labels, gamma=gamma, modulate=modulate,
            anchor=torch.from_numpy(anchor)[:, None], reduction="none",
        )

    return value


def _background_value(context: Context) -> Evidence:
    """Eq. 13, the background half of Eq. 1: one term. A rounding of the logit z moves −log(1 − q) by q|z|, relative to
    which q ≤ −log(1 − q)."""
    q, anchor = _grid()
    z, comparison = _logit(q), Comparison(CLOSED, AUTOGRAD)
    for gamma in GAMMAS:
        truth = [formulas.background(mpf(at), a, gamma) for at, a in zip(q.tolist(), anchor.tolist(), strict=True)]
        comparison.add(
            context.subjects.closed_form.background_loss(q, anchor, gamma=gamma),
            _one_class(context.subjects.anchor_loss, "background", anchor, gamma)(torch.from_numpy(z)).numpy(),
            truth, np.array(truth) * (1.0 + np.abs(z) + 3.0 * gamma / (1.0 + q - anchor)),
        )
    return comparison.evidence()


def _one_label(closed: str, modulate: str, formula: Callable, context: Context) -> Evidence:
    """Eq. 14, and the target term of A-1: the derivative in q with a given anchor. `formula` takes q, q* and γ."""
    q, anchor = _grid()
    target = modulate == "target"
    modulator = 1.0 - q + anchor if target else 1.0 + q - anchor
    comparison = Comparison(CLOSED, AUTOGRAD)
    for gamma in GAMMAS:
        size, wider = _sizes_by_probability(q, float(target), modulator, modulator, gamma, gamma)
        comparison.add(
            getattr(context.subjects.closed_form, closed)(q, anchor, gamma=gamma),
            by_probability(_one_class(context.subjects.anchor_loss, modulate, anchor, gamma), q),
            [mp.diff(lambda t, a=a, gamma=gamma: formula(t, a, gamma), at)
             for at, a in zip(q.tolist(), anchor.tolist(), strict=True)],
            size, autograd_size=wider,
        )
    return comparison.evidence()


def _target_term(q, anchor, gamma):
    return formulas.anchored(q, mpf(1), anchor, mpf(0), gamma, 0)


def _elementwise(name: str, subjects: Subjects, logits: Tensor, labels: Tensor, **options) -> Tensor:
    return getattr(subjects, name)(logits, labels, reduction="none", **options)


def _as_called(name: str, subjects: Subjects, logits: Tensor, labels: Tensor) -> Tensor:
    """The sum, of a call without options that gives the mean."""
    return len(logits) * getattr(subjects, name)(logits, labels)


def _two_classes(subjects: Subjects, logits: Tensor, labels: Tensor, *, static: bool = False, **options) -> Tensor:
    """Anchor loss, with the given anchor 1 − p of Eq. 10 or without. A second class, the mirror image of the first with
    logits that are constant, makes one of each sample a target and the other background."""
    both = torch.stack([labels, 1.0 - labels], dim=1)
    return subjects.anchor_loss(
        torch.stack([logits, -logits.detach()], dim=1), both, reduction="none",
        **({"anchor": 1.0 - both} if static else {}), **options,
    )


def _by_label(labels, settings, closed: str, loss: Callable, formula: Callable, context: Context) -> Evidence:
    """Cross-entropy and focal loss: the derivative in q, for each label and setting.

    A setting is the options of the closed form and of the formula, and those of the torch loss.
    """
    q, p = (values.ravel() for values in np.meshgrid(_QS, labels))
    comparison = Comparison(CLOSED, AUTOGRAD)
    for shared, options in settings:
        gamma = shared.get("gamma", 0.0)
        size, wider = _sizes_by_probability(q, p, 1.0 - q, q, gamma, gamma)
        comparison.add(
            getattr(context.subjects.closed_form, closed)(q, p, **shared),
            by_probability(lambda z, more=options: loss(context.subjects, z, torch.from_numpy(p), **more), q),
            [mp.diff(lambda t, label=label, more=shared: formula(t, mpf(label), **more), at)
             for at, label in zip(q.tolist(), p.tolist(), strict=True)],
            size, autograd_size=wider,
        )
    return comparison.evidence()


_HARD, _SOFT = (0.0, 1.0), (0.0, 0.25, 0.8, 1.0)  # the 0.8 as float64 has it, but no lower precision
_PLAIN = (({}, {}),)
_FOCUSED = tuple(({"gamma": gamma}, {"gamma": gamma}) for gamma in GAMMAS)
_FOCUSED_BY_DEFAULT = (({"gamma": 2.0}, {}),)
_FOCUSED_BY_ANCHOR = tuple((shared, shared | {"modulate": "both", "static": True}) for shared, _ in _FOCUSED)
_UNFOCUSED = tuple(({}, {"gamma": 0.0, "modulate": modulate}) for modulate in MODULATED.values())


def _no_label(loss, logits: Tensor) -> Tensor:
    return loss(logits, torch.zeros_like(logits), reduction="none")


def _crossing(context: Context) -> Evidence:
    """Where Eq. 14 and the gradient of the cross-entropy meet: below it autograd's is smaller, above it larger.

    Looked at from 2^-20 beside it; the error is the share of points where this fails, so none may.
    """
    anchor = np.array([0.25, 0.5, 0.75, 0.9375, 1.0])
    missed, errors = [], []
    for gamma in GAMMAS:
        at = context.subjects.closed_form.gradient_crossing(anchor, gamma=gamma)
        for side, larger in ((-(2.0**-20), False), (2.0**-20, True)):
            ours = by_probability(_one_class(context.subjects.anchor_loss, "background", anchor, gamma), at + side)
            plain = by_probability(partial(_no_label, context.subjects.bce_loss), at + side)
            missed.append((ours > plain) != larger)
        # Below ½ q* the modulator is small; from .97 q* on, even for the focal loss, which meets the cross-entropy once
        # more at q = 1, the second term of Eq. 14 has outgrown what is left of it.
        roots = np.array([
            mp.findroot(lambda t, a=a, gamma=gamma: mp.diff(
                lambda q: formulas.background(q, a, gamma) - formulas.cross_entropy(q, mpf(0)), t),
                (0.5 * a, 0.97 * a), solver="anderson")
            for a in anchor.tolist()
        ])
        errors.append(error(at, roots, roots))
    # Brent's method stops within 4 ε = 8 units of q. The sign that it goes by is sure but for the roundings of the two
    # gradients, which move the root by their size over their slope, which is about 1: 8 units more.
    return Evidence(
        int(np.size(missed)), Error(float(np.mean(missed)), 0.0), Error(float(np.max(errors)), 16 * UNIT),
    )


CHECKS = (
    Check("AL 1, 13", "value, background label", _background_value),
    Check("AL 14", "its derivative in q", partial(
        _one_label, "background_gradient", "background", formulas.background)),
    Check("AL 6", "cross-entropy, in q", partial(
        _by_label, _SOFT, _PLAIN, "cross_entropy_gradient", partial(_elementwise, "bce_loss"), formulas.cross_entropy)),
    Check("AL 7", "focal loss, in q", partial(
        _by_label, _SOFT, _FOCUSED, "focal_gradient", partial(_elementwise, "focal_loss"), formulas.focal)),
    Check("AL 8", "cross-entropy, by q_t", partial(
        _by_label, _HARD, _PLAIN, "cross_entropy_gradient", partial(_elementwise, "bce_loss"),
        formulas.cross_entropy_of_truth)),
    Check("AL 9", "focal loss, by q_t", partial(
        _by_label, _HARD, _FOCUSED, "focal_gradient", partial(_elementwise, "focal_loss"), formulas.focal_of_truth)),
    Check("AL 10-12", "focal loss, by q* = 1 − p", partial(
        _by_label, _HARD, _FOCUSED_BY_ANCHOR, "focal_gradient", _two_classes, formulas.focal)),
    Check("AL γ = 0", "cross-entropy, by γ = 0", partial(
        _by_label, _HARD, _UNFOCUSED, "cross_entropy_gradient", _two_classes, formulas.cross_entropy)),
    Check("AL crossing", "as steep as cross-entropy", _crossing),
    Check("AL A-1", "target term, in q", partial(_one_label, "target_gradient", "target", _target_term)),
    Check("AL default", "cross-entropy, as called", partial(
        _by_label, _SOFT, _PLAIN, "cross_entropy_gradient", partial(_as_called, "bce_loss"), formulas.cross_entropy)),
    Check("AL default", "focal loss, as called", partial(
        _by_label, _SOFT, _FOCUSED_BY_DEFAULT, "focal_gradient", partial(_as_called, "focal_loss"), formulas.focal)),
)
