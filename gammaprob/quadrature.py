"""Witness by quadrature: the double integrals of Eq. 5 and Eq. 6 as the paper prints them, in float64.

No identity of the theory is used: the gamma density and nested quadrature, nothing else. Each range is cut where the
integrand can turn (at δ and at the modes) and every piece goes through the tanh-sinh rule (Takahasi and Mori 1974),
which also takes the algebraic singularity x^(k-1) at the origin. The rule at double the step costs nothing, because its
nodes are every second one, and the difference of the two values is the error estimate.

Where the rule cannot vouch for its value (`SHAPES`, or an estimate beyond `WORST_ERROR`) it raises instead of guessing:
on a grid of 28 shapes from 1/16 to 1e6 and 20 values of δ/Θ from 1e-12 to 1e5 that is at 21 of 1120 points, all with
shape ≤ 0.51 and δ/Θ ≤ 1e-9; at the others the true error (against Arb) is below the estimate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gammaprob.domains import DELTA, SCALE, SHAPE, real_array
from gammaprob.errors import ConvergenceError

__all__ = ["SHAPES", "WORST_ERROR", "Integral", "expected_target", "gap_cdf"]

# Below the first shape, mass that matters lies where float64 ends: the share of x < e^-592 Θ (1e-257) is e^(-592/16) =
# e^-37, one rounding. Above the second the exponent (k-1) log x loses digits: 2^-53 * 1e6 * log(1e6) = 1.5e-9.
SHAPES = (1 / 16, 1e6)
# A relative error estimate above this says that the integrand was not resolved; the value is then withheld.
WORST_ERROR = 1e-6

_EPSILON = 2.0**-53
_STEP = 1 / 32  # of the fine tanh-sinh rule; the coarse one has twice the step
# The integrand is cut where it has fallen by this power of e from its maximum: e^-45 = 3e-20, far below 2^-53.
_DROP = 45.0
_STRIP_NODES, _STRIP_WEIGHTS = np.polynomial.legendre.leggauss(8)  # exact to 2^-53 across a strip, which is narrow
_STRIP_HALVINGS = 8  # strips of width w, w/2 .. w/2^7; after seven extrapolations the limit stands to 1e-14


@dataclass(frozen=True)
class Integral:
    """The value of an integral with the estimate of its absolute error (step halving plus rounding)."""

    value: float
    error: float


def gap_cdf(delta: float, *, shape: float, scale: float) -> Integral:
    r"""P(|X−Y| ≤ δ) by the double integral of Eq. 5 (main paper; supplementary Eq. 3), scalars only.

    .. math:: \int_0^\delta γ(x) \int_0^{x+δ} γ(y) dy dx + \int_δ^\infty γ(x) \int_{x-δ}^{x+δ} γ(y) dy dx

    Domain: shape in `SHAPES`, scale > 0; 0 for δ ≤ 0. Raises `DomainError` outside the domain of the law and
    `ConvergenceError` where the value cannot be vouched for.

    >>> integral = gap_cdf(0.1, shape=4, scale=0.066)
    >>> round(integral.value, 10), integral.error < 1e-10
    (0.4407669391, True)
    """
    shape, z = _arguments(delta, shape, scale)
    if z <= 0.0:
        return Integral(0.0, 0.0)
    mode, low, high = _extent(shape, 0.0)
    rule = _Rule(shape)

    def log_density(x):
        return (shape - 1.0) * np.log(x) - x - math.lgamma(shape)

    def inner(start, length):
        """∫ γ(y) dy over [start, start + length] for arrays of both, by the fine and by the coarse rule.

        The pieces are lengths from `start`: for a small δ the difference of two end points would lose its digits.
        """
        ends = np.clip([low - start, mode - start, high - start], 0.0, length)
        fine, coarse = np.zeros_like(start), np.zeros_like(start)
        for near, far in ((ends[0], ends[1]), (ends[1], ends[2])) if mode else ((ends[0], ends[2]),):
            y, weights = rule.nodes((start + near)[:, None], (far - near)[:, None])
            terms = weights * np.exp(log_density(y))
            fine += terms.sum(axis=1)
            coarse += 2.0 * terms[:, ::2].sum(axis=1)
        return fine, coarse

    fine_value = coarse_value = 0.0
    for start, stop in _pieces(low, high, (z, mode)):
        x, weights = rule.nodes(start, stop - start)
        if stop <= z:
            fine, coarse = inner(np.zeros_like(x), x + z)
        else:  # x − δ from the distance to `start`, so that it keeps its digits near x = δ
            fine, coarse = inner((start - z) + rule.distance * (stop - start), np.full_like(x, 2.0 * z))
        outer = weights * np.exp(log_density(x))
        fine_value += float(outer @ fine)
        coarse_value += 2.0 * float(outer[::2] @ coarse[::2])
    return _vouched("delta", delta, fine_value, abs(fine_value - coarse_value), _rounding(shape, high))


def expected_target(delta: float, *, shape: float, scale: float) -> Integral:
    r"""φ(δ) = E[X/(2X+δ) | Y−X = δ] by the double integral of Eq. 6 (main paper; supplementary Eq. 10), scalars only.

    .. math:: \lim_{δ_1 → δ_2} \int_0^\infty \int_{x+δ_1}^{x+δ_2} \frac{x}{2x+δ_2} \frac{γ(x) γ(y)}{p(y-x=δ_2)} dy dx

    with the normaliser p the same integral without the fraction. The limit is taken as printed: strips of halved width,
    extrapolated to width zero (Neville). For δ < 0, where the printed fraction is y/(x+y) of the mirrored pair,
    1 − φ(−δ).

    Domain: shape in `SHAPES`, scale > 0; at δ = 0 shape > 1/2 (below, the density of Y−X is infinite there). Raises
    `DomainError` outside the domain of the law and `ConvergenceError` where the value cannot be vouched for.

    >>> integral = expected_target(0.1, shape=4, scale=0.066)
    >>> round(integral.value, 10), integral.error < 1e-10
    (0.384448571, True)
    """
    shape, z = _arguments(delta, shape, scale)
    if z < 0.0:
        mirrored = expected_target(-delta, shape=shape, scale=scale)
        return Integral(1.0 - mirrored.value, mirrored.error)
    if z == 0.0:
        if shape <= 0.5:
            raise _withheld("shape", shape, "shape > 1/2 where delta is 0", "ask for a small positive delta")
        return Integral(0.5, 0.0)  # the printed fraction is x/(2x) under both integrals
    mode, low, high = _extent(shape, z)
    rule = _Rule(shape)
    # Wide enough that the extrapolation does not amplify rounding, narrow against everything that changes: δ and Θ.
    widths = min(z, 1.0) / 4.0 * 0.5 ** np.arange(_STRIP_HALVINGS)
    offsets = z - widths[:, None] / 2.0 * (1.0 - _STRIP_NODES)  # y − x at the nodes of each strip (δ1, δ2]
    strip_weights = _STRIP_WEIGHTS / 2.0  # the width cancels between numerator and normaliser
    peak = (shape - 1.0) * (math.log(mode) + math.log(mode + z)) - 2.0 * mode if mode else 0.0
    above, total = np.zeros((2, _STRIP_HALVINGS)), np.zeros((2, _STRIP_HALVINGS))
    for start, stop in _pieces(low, high, (z, mode)):
        x, weights = rule.nodes(start, stop - start)
        logs = (shape - 1.0) * (np.log(x) + np.log(x + offsets[..., None])) - 2.0 * x - (offsets[..., None] - z) - peak
        mass = weights * (strip_weights @ np.exp(logs))
        fraction = x / (2.0 * x + z)
        for level, stride in enumerate((1, 2)):
            above[level] += stride * (mass * fraction)[:, ::stride].sum(axis=1)
            total[level] += stride * mass[:, ::stride].sum(axis=1)
    fine, fine_step = _extrapolate(above[0] / total[0])
    coarse, _ = _extrapolate(above[1] / total[1])
    return _vouched("delta", delta, fine, abs(fine - coarse) + fine_step, _rounding(shape, high + z))


class _Rule:
    """The tanh-sinh rule on an interval, its nodes kept as distances from the left end as fractions of the length."""

    def __init__(self, shape: float):
        # x^(k-1) leaves out the share (distance of the first node)^k; the distance e^(-37/k) makes it e^-37 < 2^-53.
        reach = math.asinh(37.0 / min(shape, 1.0) / math.pi)
        count = math.ceil(reach / _STEP / 2.0)  # even on both sides, so that the coarse rule has the centre as well
        t = _STEP * np.arange(-2 * count, 2 * count + 1)
        self.distance = 1.0 / (1.0 + np.exp(-math.pi * np.sinh(t)))
        self._weights = _STEP * math.pi * np.cosh(t) * self.distance * self.distance[::-1]

    def nodes(self, start, length):
        return start + self.distance * length, self._weights * length


def _arguments(delta, shape, scale) -> tuple[float, float]:
    triples = (("delta", delta, DELTA), ("shape", shape, SHAPE), ("scale", scale, SCALE))
    delta, shape, scale = (float(real_array(*triple)) for triple in triples)
    if not SHAPES[0] <= shape <= SHAPES[1]:
        allowed = f"a shape in [{SHAPES[0]:g}, {SHAPES[1]:g}]"
        raise _withheld("shape", shape, allowed, "use gammaprob.certified outside it")
    return shape, delta / scale


def _extent(shape: float, z: float) -> tuple[float, float, float]:
    """Mode of (x (x+z))^(k-1) e^(-2x) (of x^(k-1) e^(-x) at z = 0) and the ends between which all of its mass lies."""
    a = shape - 1.0

    def log_weight(x):
        return a * (math.log(x) + (math.log(x + z) if z else 0.0)) - (2.0 * x if z else x)

    mode = width = 0.0
    if a > 0.0:
        mode = (a + a * a / (math.hypot(a, z) + z)) / 2.0 if z else a
        curvature = a / mode**2 + (a / (mode + z) ** 2 if z else 0.0)
        width = 1.0 / math.sqrt(curvature)
    floor = log_weight(mode) - _DROP if a > 0.0 else -_DROP
    width = max(width, 1.0) if a <= 1.0 else width
    low, high = 0.0, mode + width
    while log_weight(high) > floor:
        high = mode + 2.0 * (high - mode)
    step = width
    while a > 0.0 and mode - step > 0.0:
        if log_weight(mode - step) < floor:
            low = mode - step
            break
        step *= 2.0
    return mode, low, high


def _pieces(low: float, high: float, cuts: tuple[float, ...]):
    """The range [low, high] in order, cut at those of `cuts` that lie inside."""
    ends = [low, *sorted({cut for cut in cuts if low < cut < high}), high]
    return zip(ends, ends[1:])


def _extrapolate(values: np.ndarray) -> tuple[float, float]:
    """The limit of values at halved widths, and how much the last extrapolation moved it."""
    previous = values[-1]
    for order in range(1, len(values)):
        previous, values = values[-1], values[1:] + (values[1:] - values[:-1]) / (2.0**order - 1.0)
    return float(values[-1]), float(abs(values[-1] - previous))


def _rounding(shape: float, high: float) -> float:
    """Relative rounding error of exp of a log-density: the terms' sizes times 2^-53, and a few for the sums."""
    return _EPSILON * (abs(shape - 1.0) * (1.0 + abs(math.log(high))) + high + abs(math.lgamma(shape)) + 8.0)


def _vouched(parameter, argument, value: float, step_error: float, rounding: float) -> Integral:
    error = step_error + rounding * abs(value)
    if not error <= WORST_ERROR * abs(value):
        raise _withheld(parameter, argument, "a point where the rule resolves the integrand", "use gammaprob.certified")
    return Integral(value, error)


def _withheld(parameter, value, allowed, next_step) -> ConvergenceError:
    return ConvergenceError(parameter, value, f"{allowed} (quadrature)", next_step)
