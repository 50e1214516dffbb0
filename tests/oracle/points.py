"""At which arguments the oracle is evaluated: corners, seams of the kernels, and random points of the whole domain.

A point is a tag and the arguments as doubles. The tag says why the point is there: `corner`, `seam` (both sides of a
limit in the shape), `gap` (both sides of a limit in z), `median` (S on both sides of 1/2), `integer`, `half`
(half-integers), `random` (log-uniform in shape and z), `tail` (log-uniform in −log S down to S = 1e-300), `deep` (S
below 1e-300); for quantiles `level` (fixed levels); for strips `near` (ends from one ulp to a factor of 20
apart), and `zero`, `both` and `below` (where the ends lie about 0).
"""

from __future__ import annotations

import math
import random

from gammaprob import certified

__all__ = ["GAP_SEAMS", "SHAPE_SEAMS", "for_quantity"]

SHAPE_RANGE = (1e-3, 1e6)
GAP_RANGE = (1e-12, 1e5)
# The accuracy of everything but the logarithms is promised where the value exceeds this.
SMALLEST = 1e-300

# Shapes at which a kernel changes its method, or might: both neighbouring doubles and 1e-9 to either side are taken.
SHAPE_SEAMS = (0.02, 0.25, 0.4, 0.5, 0.6, 1.0, 1.4, 1.5, 2.0, 2.5, 3.0, 4.0, 10.0, 25.0, 64.0, 65.0, 100.0, 1000.0)
# Gaps at which a kernel changes its method, and the shapes to see it at: the ends of the piecewise polynomials, the
# series at small gaps with its own cases in the shape, z = 1, and where e^−z leaves the normal numbers.
_VARIOUS = (0.03, 0.5, 1.0, 4.0, 33.3)
GAP_SEAMS = {
    2.0**-40: _VARIOUS,
    1e-9: (0.01, 0.03, 0.2, 0.3, 0.45, 0.5, 0.57, 0.9, 1.0, 1.3, 1.7, 4.0, 33.3),
    1.0: _VARIOUS,
    700.0: (4.0, 10.0, 33.0, 64.0),
    2.0**17: _VARIOUS,
}
_NEAR = 1e-9

_INTEGERS = (
    *range(1, 11), 13, 16, 20, 25, 31, 32, 33, 40, 50, 63, 64, 65, 66, 80, 100, 128, 150, 200, 201, 256, 300, 400, 512,
    640, 777, 900, 999, 1000,
)  # fmt: skip
_HALF_INTEGERS = (0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 7.5, 10.5, 16.5, 32.5, 63.5, 64.5, 100.5, 333.5, 999.5, 1e4 + 0.5)
_TYPICAL = (1e-3, 0.03, 0.3, 0.7, 1.2, 2.82, 5.7, 12.3, 47.0, 300.5, 5e3, 1e5, 1e6)


def _log_uniform(draw: random.Random, low: float, high: float) -> float:
    return min(high, max(low, math.exp(draw.uniform(math.log(low), math.log(high)))))


def _neighbours(centre: float) -> tuple[float, ...]:
    below, above = math.nextafter(centre, 0.0), math.nextafter(centre, math.inf)
    return (centre * (1 - _NEAR), below, centre, above, centre * (1 + _NEAR))


def _tail_gap(shape: float, log_survival: float) -> float:
    """A double near the z with log S(z) = log_survival, by bisection on the certified log S."""
    low, high = GAP_RANGE[0], 10 * (GAP_RANGE[1] + shape)
    for _ in range(30):
        middle = math.sqrt(low * high)
        above = float(certified.gap_logsf(middle, shape=shape, scale=1, digits=20)) > log_survival
        low, high = (middle, high) if above else (low, middle)
    return low


def _bulk_gap(draw: random.Random, shape: float) -> float:
    """A gap where S is of order one: a factor around the standard deviation √(2k), at least what small shapes call
    for."""
    return max(GAP_RANGE[0], _log_uniform(draw, 0.03, 10.0) * math.sqrt(2 * shape) * min(1.0, shape) ** 0.5)


def _without_repeats(found: list[tuple[str, tuple[float, ...]]]) -> list[tuple[str, tuple[float, ...]]]:
    """Each arguments once, under the first tag they came with."""
    first = {}
    for tag, arguments in found:
        first.setdefault(arguments, tag)
    return [(tag, arguments) for arguments, tag in first.items()]


def _law_points(seed: int) -> list[tuple[str, tuple[float, float]]]:
    """(shape, z) for everything that depends on both."""
    draw = random.Random(seed)
    found = [("corner", (k, z)) for k in (*SHAPE_RANGE, 1.0) for z in (*GAP_RANGE, 1.0)]
    for seam in SHAPE_SEAMS:
        for k in _neighbours(seam):
            found += [("seam", (k, _log_uniform(draw, *GAP_RANGE))), ("seam", (k, _bulk_gap(draw, k)))]
    for seam, shapes in GAP_SEAMS.items():
        found += [("gap", (k, z)) for k in shapes for z in _neighbours(seam)]
    for k in _TYPICAL:
        median = float(certified.gap_ppf("0.5", shape=k, scale=1))
        found += [("median", (k, z)) for z in _neighbours(median)[::2] if z >= GAP_RANGE[0]]
    for k in _INTEGERS:
        gaps = (_log_uniform(draw, *GAP_RANGE), _bulk_gap(draw, k), _tail_gap(k, -draw.uniform(1.0, 690.0)))
        found += [("integer", (float(k), z)) for z in gaps]
    for k in _HALF_INTEGERS:
        found += [("half", (k, z)) for z in (_log_uniform(draw, *GAP_RANGE), _bulk_gap(draw, k))]
    for _ in range(250):
        found.append(("random", (_log_uniform(draw, *SHAPE_RANGE), _log_uniform(draw, *GAP_RANGE))))
    for _ in range(150):
        k = _log_uniform(draw, *SHAPE_RANGE)
        found.append(("tail", (k, _tail_gap(k, -_log_uniform(draw, 0.01, 690.0)))))
    for _ in range(60):
        k = _log_uniform(draw, SHAPE_RANGE[0], 1e5)
        low = _tail_gap(k, math.log(SMALLEST))
        found.append(("deep", (k, _log_uniform(draw, low, max(2 * low, GAP_RANGE[1])))))
    return _without_repeats(found)


def _quantile_points(seed: int) -> list[tuple[str, tuple[float, float]]]:
    """(shape, q): levels down to 1e-300 where the quantile is a normal double, and the largest levels below 1."""
    draw = random.Random(seed + 1)
    shapes = [k for seam in (0.5, 1.0, 1.5, 2.0, 64.0) for k in _neighbours(seam)[::2]]
    shapes += [*_TYPICAL, 2.0, 4.0, 10.0, 65.0, 1000.0] + [_log_uniform(draw, *SHAPE_RANGE) for _ in range(40)]
    levels = (1e-300, 1e-100, 1e-16, 0.5, 1 - 2.0**-10, 1 - 2.0**-53)
    found = [("level", (k, q)) for k in shapes for q in levels]
    found += [("random", (k, _log_uniform(draw, SMALLEST, 0.999))) for k in shapes for _ in range(2)]
    return _without_repeats(found)


def _strip_points(seed: int) -> list[tuple[str, tuple[float, float, float]]]:
    """(shape, δ₁, δ₂): neighbouring, near and far pairs, on one side of 0 and on both."""
    draw = random.Random(seed + 2)
    found = []
    for k in (*_TYPICAL, 1.0, 2.0, 4.0, 64.0, 65.0, *(_log_uniform(draw, *SHAPE_RANGE) for _ in range(20))):
        near = _bulk_gap(draw, k)
        for far in (math.nextafter(near, math.inf), near * (1 + 1e-9), near * 1.001, near * 1.5, near * 20):
            found.append(("near", (k, near, far)))
        found += [("both", (k, -near, 0.3 * near)), ("zero", (k, 0.0, near)), ("below", (k, -1.2 * near, -near))]
        far = _tail_gap(k, -draw.uniform(10.0, 600.0))
        found.append(("tail", (k, far, far * 1.01)))
    return found


def _exceeds_smallest(name: str, arguments: tuple[float, ...]) -> bool:
    k, z = arguments
    return float(abs(getattr(certified, name)(z, shape=k, scale=1, digits=8).arb).mid()) > SMALLEST


def for_quantity(quantity: str, seed: int) -> list[tuple[str, tuple[float, ...]]]:
    """The points of one quantity: those where its value exceeds 1e-300, or all for log S, log p, φ and I."""
    if quantity in ("gap_ppf", "gap_isf"):
        return [point for point in _quantile_points(seed) if _quantile_is_normal(quantity, *point[1])]
    if quantity == "strip_probability":
        return _strip_points(seed)
    found = _law_points(seed)
    if quantity in ("gap_sf", "gap_cdf", "gap_pdf", "gap_logcdf", "gamma_integral"):
        return [(tag, arguments) for tag, arguments in found if _exceeds_smallest(quantity, arguments)]
    return found


def _quantile_is_normal(quantity: str, k: float, q: float) -> bool:
    # For k < 1/2 the lower quantile is about q^{1/2k}: far below the smallest double when k is small.
    level = q if quantity == "gap_ppf" else 1 - q
    if level <= 0.0:
        return False
    return level > 0.5 or math.log(level) / min(1.0, 2 * k) > math.log(1e-305)
