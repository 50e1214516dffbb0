"""Every symbol of the theory once: its name, letter, domain and typical range.

The same table drives validation, the error texts, and the ranges from which the property-based tests draw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gammaprob.errors import ArgumentError, BroadcastError, DomainError

__all__ = [
    "DELTA", "NONNEGATIVE_DELTA", "ORDER", "PROBABILITY", "SCALE", "SHAPE", "Symbol", "real_array", "real_arrays",
]  # fmt: skip


@dataclass(frozen=True)
class Symbol:
    """One symbol: a name, the papers' letter, its interval, and the range on which accuracy is certified."""

    name: str
    latex: str
    allowed: str
    next_step: str
    lower: float
    upper: float
    open_lower: bool
    open_upper: bool
    typical: tuple[float, float]

    def contains(self, values):
        """Boolean array: which of the values lie in the domain (NaN does not)."""
        values = np.asarray(values, dtype=float)
        above = values > self.lower if self.open_lower else values >= self.lower
        below = values < self.upper if self.open_upper else values <= self.upper
        return above & below


_POSITIVE = dict(lower=0.0, upper=np.inf, open_lower=True, open_upper=True, allowed="a finite real number > 0")
SHAPE = Symbol(name="shape", latex="k", next_step="pass the gamma shape k > 0", typical=(1e-3, 1e6), **_POSITIVE)
SCALE = Symbol(
    name="scale", latex=r"\Theta", next_step="pass the gamma scale Θ > 0, in the unit of the losses",
    typical=(1e-6, 1e6), **_POSITIVE,
)
ORDER = Symbol(name="order", latex="u", next_step="pass the order u > 0", typical=(1e-3, 1e6), **_POSITIVE)
DELTA = Symbol(
    name="delta", latex=r"\delta", allowed="a real number", next_step="pass the loss gap δ, in the unit of scale",
    lower=-np.inf, upper=np.inf, open_lower=False, open_upper=False, typical=(1e-12, 1e5),
)
NONNEGATIVE_DELTA = Symbol(
    name="delta", latex=r"\delta", allowed="a real number >= 0", next_step="pass the loss gap δ, in the unit of scale",
    lower=0.0, upper=np.inf, open_lower=False, open_upper=False, typical=(1e-12, 1e5),
)
PROBABILITY = Symbol(
    name="q", latex="q", allowed="a probability in [0, 1]", next_step="pass a probability",
    lower=0.0, upper=1.0, open_lower=False, open_upper=False, typical=(1e-300, 1.0),
)

# Arguments of a function, unlike its parameters, may be NaN: the answer is then NaN.
_NAN_PASSES = (DELTA.name, PROBABILITY.name)


def real_array(name: str, value, symbol: Symbol) -> np.ndarray:
    """The value as a float64 array.

    A scalar outside its symbol's domain makes the whole call void and raises `DomainError`; inside an array such an
    element is left for the caller to turn into NaN, so that one bad cell does not end a sweep. NaN as a scalar δ or q
    is passed through (NaN in, NaN out); NaN as a scalar parameter is outside its domain.
    `ArgumentError` for anything that is no real number.

    >>> real_array("shape", [4, 0.5], SHAPE)
    array([4. , 0.5])
    """
    allowed = "real numbers (float, int or bool; scalars or arrays)"
    if np.ma.is_masked(value):
        raise ArgumentError(name, value, allowed, "fill or drop the masked entries first")
    try:
        raw = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists, tensors that refuse
        raise ArgumentError(name, value, allowed, "convert it to an array of floats first") from error
    if raw.dtype.kind not in "fiub" and not (raw.dtype == object and _all_real(raw)):
        raise ArgumentError(name, value, allowed, "convert it to float first")
    with np.errstate(over="ignore"):  # a longdouble beyond float64 is infinite there
        array = np.asarray(raw, dtype=np.float64)
    if array.ndim == 0 and not symbol.contains(array) and not (np.isnan(array) and symbol.name in _NAN_PASSES):
        raise DomainError(name, float(array), symbol.allowed, symbol.next_step)
    return array


def _all_real(array: np.ndarray) -> bool:
    """Object arrays pass when each entry is a real number within float64 (Fraction, Decimal, mpf, int)."""
    for entry in array.flat:
        if isinstance(entry, (str, bytes, complex)) or entry is None:
            return False
        try:
            float(entry)
        except (TypeError, ValueError, OverflowError):
            return False
    return True


def real_arrays(*triples) -> tuple[list[np.ndarray], tuple[int, ...]]:
    """Convert (name, value, symbol) triples and return them, unbroadcast, with the shape they broadcast to.

    `BroadcastError` when they do not; otherwise as `real_array`.

    >>> arrays, shape = real_arrays(("delta", [[0.1], [0.2]], DELTA), ("shape", [1, 2, 3], SHAPE))
    >>> shape
    (2, 3)
    """
    arrays = [real_array(*triple) for triple in triples]
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for (name, _, _), array in zip(triples, arrays))
        raise BroadcastError(
            triples[0][0], arrays[0].shape, "array shapes that broadcast together",
            f"align the trailing axes of {shapes}",
        ) from None
    return arrays, shape
