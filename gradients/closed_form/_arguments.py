"""The symbols of the closed forms, their domains, and the conversion of arguments to float64 arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gammaprob.domains import DELTA, PROBABILITY, Symbol, real_array, real_arrays
from gammaprob.errors import BroadcastError, DomainError

__all__ = [
    "ANCHOR", "BACKGROUND_ANCHOR", "FEATURE", "GAMMA", "GAP", "LABEL", "LOGIT", "MARGIN", "POSITIVE_GAMMA",
    "TARGET_ANCHOR", "TRUE_LOSS", "class_labels", "feature_vectors", "heatmap_labels", "numbers",
]  # fmt: skip

_NONNEGATIVE = dict(lower=0.0, upper=np.inf, open_lower=False, open_upper=True, allowed="a finite real number >= 0")
_FINITE = dict(lower=-np.inf, upper=np.inf, open_lower=True, open_upper=True, allowed="a finite real number")

GAP = replace(DELTA, latex=r"\hat l_i - \hat l_j", next_step="pass the gap d = l̂_i − l̂_j of the predicted losses")
TRUE_LOSS = Symbol(
    name="true", latex="l", next_step="pass true losses, which are not negative", typical=(1e-12, 1e6), **_NONNEGATIVE,
)
MARGIN = Symbol(
    name="margin", latex=r"\xi", next_step="pass a margin, 1 in the paper", typical=(1e-3, 1e3), **_NONNEGATIVE,
)
FEATURE = Symbol(
    name="feature", latex=r"\theta", next_step="pass finite features and weights", typical=(-1e3, 1e3), **_FINITE,
)
LOGIT = Symbol(name="logits", latex="x", next_step="pass finite logits", typical=(-1e4, 1e4), **_FINITE)
GAMMA = Symbol(
    name="gamma", latex=r"\gamma", next_step="pass a focusing parameter, 0 for cross-entropy", typical=(1e-3, 1e2),
    **_NONNEGATIVE,
)
POSITIVE_GAMMA = replace(
    GAMMA, open_lower=True, allowed="a finite real number > 0",
    next_step="at γ = 0 the anchor loss is the cross-entropy, and the two gradients agree everywhere",
)
LABEL = replace(PROBABILITY, name="label", latex="p", next_step="pass labels between 0 and 1")
LABEL_OR_INDEX = replace(LOGIT, name="target", next_step="pass labels between 0 and 1, or class indices")
ANCHOR = replace(PROBABILITY, name="anchor", latex="q_*", next_step="pass an anchor between 0 and 1")
# A modulator that is nowhere negative needs no more of its anchor; a margin takes it beyond the other end.
BACKGROUND_ANCHOR = replace(
    ANCHOR, lower=-np.inf, open_lower=True, allowed="a finite real number <= 1",
    next_step="pass the anchor probability q*, less its margin",
)
TARGET_ANCHOR = replace(
    ANCHOR, upper=np.inf, open_upper=True, allowed="a finite real number >= 0",
    next_step="pass the anchor probability q*, plus its margin",
)


def _inside(array: np.ndarray, symbol: Symbol) -> np.ndarray:
    """The array with NaN for each element outside the symbol's domain."""
    return np.where(symbol.contains(array), array, np.nan)


def numbers(*triples) -> list[np.ndarray]:
    """Convert (name, value, symbol) triples to arrays that broadcast, with NaN for elements outside their domain.

    Errors as for `gammaprob.domains.real_arrays`: a scalar outside raises `DomainError`.
    """
    arrays, _ = real_arrays(*triples)
    return [_inside(array, symbol) for array, (_, _, symbol) in zip(arrays, triples)]


def feature_vectors(*pairs) -> list[np.ndarray]:
    """Convert (name, value) pairs to arrays of vectors: one length on the last axis, leading axes that broadcast."""
    arrays = [real_array(name, value, FEATURE) for name, value in pairs]
    for array, (name, _) in zip(arrays, pairs):
        if array.ndim == 0 or array.shape[-1] != arrays[0].shape[-1]:
            raise BroadcastError(
                name, array.shape, f"vectors of one length on the last axis, as {pairs[0][0]} {arrays[0].shape}",
                "pass feature vectors and weights of the same layer",
            )
    try:
        np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for (name, _), array in zip(pairs, arrays))
        raise BroadcastError(
            pairs[0][0], arrays[0].shape, "leading axes that broadcast together", f"align the leading axes of {shapes}",
        ) from None
    return [_inside(array, FEATURE) for array in arrays]


def class_labels(logits, target) -> tuple[np.ndarray, np.ndarray]:
    """Logits (…, K), and the labels that go with them, from class indices (…) or labels (…, K).

    A row with a logit or label outside its domain, or a class index outside 0 … K − 1, has no anchor: it is all NaN.
    """
    logits, labels = _logits_and_target(logits, target, 1)
    classes = logits.shape[-1]
    if np.asarray(target).dtype.kind in "iu" and labels.ndim == logits.ndim - 1:
        known = (labels >= 0) & (labels < classes)
        if labels.ndim == 0 and not known:
            raise DomainError("target", int(labels), f"a class index from 0 to {classes - 1}", "pass the class's index")
        labels = np.where(known[..., None], labels[..., None] == np.arange(classes), np.nan)
    return _all_or_none(logits, -1), _all_or_none(_of_one_shape(logits, labels), -1)


def heatmap_labels(logits, target) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels of heatmaps (…, H, W); a heatmap with one outside its domain is all NaN.

    `DomainError` where a heatmap has labels above 0 but no exact 0.
    """
    logits, labels = _logits_and_target(logits, target, 2)
    labels = _all_or_none(_of_one_shape(logits, labels), (-2, -1))
    if (labels > 0.0).all(axis=(-2, -1)).any():
        raise DomainError(
            "target", labels.min(), "heatmaps with a background of exact zeros", "truncate the Gaussian to exact zero",
        )
    return _all_or_none(logits, (-2, -1)), labels


def _logits_and_target(logits, target, axes: int) -> list[np.ndarray]:
    logits, target = real_array("logits", logits, LOGIT), real_array("target", target, LABEL_OR_INDEX)
    if logits.ndim < axes or 0 in logits.shape[-axes:]:
        raise BroadcastError(
            "logits", logits.shape, f"an array with {axes} last axes that are not empty", "pass a batch of logits",
        )
    return [_inside(logits, LOGIT), target]


def _of_one_shape(logits, labels):
    if labels.shape != logits.shape:
        raise BroadcastError("target", labels.shape, f"the shape of logits, {logits.shape}", "pass one label a logit")
    return _inside(labels, LABEL)


def _all_or_none(values, axes):
    """The values, all NaN for every group along the axes that holds a NaN."""
    return np.where(np.isnan(values).any(axis=axes, keepdims=True), np.nan, values)
