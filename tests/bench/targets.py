"""The promises on speed, memory and start-up, each measured against the yardstick that it names.

Ratios are taken within one run, because times do not carry over from one machine to the next. The array is 1e6 gaps
drawn from the law itself, which is where a user evaluates it; at real shapes it is also one that is log-uniform over
nine decades, so that every region of a kernel is met, and the worse of the two counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

import gammaprob
from gammaprob import _plan
from tests.bench.timing import compare, import_comparison, peak_over_output, seconds

__all__ = ["Row", "measure"]

SIZE = 1_000_000
SCALE = 0.066  # the scale of the paper's Tables 1 and 2
SEED = 4
# Enough for the best run of each side to be an undisturbed one, and few enough for the whole to take under two minutes.
REPETITIONS = 7
REAL_SHAPES = (0.3, 2.82, 57.3)
QUANTITIES = (gammaprob.gap_sf, gammaprob.gap_cdf, gammaprob.gap_pdf, gammaprob.expected_target)
# A build takes the same time for any array that is worth one; a smaller array shows it more clearly.
BUILD_SIZE = 100_000
BUILDS = 3

# The targets, in the unit of their row.
SHAPE_4_OVER_EXP = 1.5
SHAPE_40_OVER_GAMMAINCC = 0.4
REAL_SHAPE_OVER_GAMMAINCC = 0.5
BUILD_SECONDS = 0.1
MANY_SHAPES_MICROSECONDS = 30.0
MANY_SHAPES = 1000
PEAK_OVER_OUTPUT = 3.0
IMPORT_RATIO = 1.5


@dataclass(frozen=True)
class Row:
    """One promise: what was measured, in which unit, and the most it may be."""

    what: str
    unit: str
    target: float
    measured: float
    detail: str

    @property
    def passed(self) -> bool:
        """Whether the promise is kept (a NaN keeps none)."""
        return self.measured <= self.target


def measure() -> Iterator[Row]:
    """Every promise, one after the other, as it is measured."""
    yield from _integer_shapes()
    yield from _real_shapes()
    yield _many_shapes()
    yield from _memory()
    imports = import_comparison("gammaprob", "scipy.special", REPETITIONS)
    yield Row("import gammaprob", "× import scipy.special", IMPORT_RATIO, imports.ratio,
              f"median ratio {imports.median_ratio:.2f}; {1e3 * min(imports.candidate):.0f} ms")


def gaps(shape: float) -> np.ndarray:
    """1e6 draws of |X − Y|."""
    draws = np.random.default_rng(SEED).gamma(shape, SCALE, size=(2, SIZE))
    return np.abs(draws[0] - draws[1])


def spread() -> np.ndarray:
    """1e6 gaps, log-uniform with δ/Θ from 1e-6 to 1e3, so that every region of a kernel is met in every block."""
    return SCALE * 10.0 ** np.random.default_rng(SEED).uniform(-6, 3, SIZE)


def _ratio(ours: Callable, yardstick: Callable) -> tuple[float, str]:
    """The ratio, and the times behind it in words."""
    times = compare(ours, yardstick, REPETITIONS)
    nanoseconds = 1e9 / SIZE * min(times.candidate), 1e9 / SIZE * min(times.reference)
    return times.ratio, (f"{nanoseconds[0]:.1f} against {nanoseconds[1]:.1f} ns a value, "
                         f"ratio of the medians {times.median_ratio:.2f}")


def _integer_shapes() -> Iterator[Row]:
    delta = gaps(4)
    measured = _ratio(lambda: gammaprob.gap_sf(delta, shape=4, scale=SCALE), lambda: np.exp(delta))
    yield Row("gap_sf, shape 4", "× np.exp on the same array", SHAPE_4_OVER_EXP, *measured)
    delta = gaps(40)
    measured = _ratio(lambda: gammaprob.gap_sf(delta, shape=40, scale=SCALE), _gammaincc(delta))
    yield Row("gap_sf, shape 40", "× gammaincc(4, ·)", SHAPE_40_OVER_GAMMAINCC, *measured)


def _real_shapes() -> Iterator[Row]:
    for shape in REAL_SHAPES:
        for quantity in QUANTITIES:
            measured = [
                _ratio(lambda: quantity(delta, shape=shape, scale=SCALE), _gammaincc(delta))
                for delta in (gaps(shape), spread())
            ]
            name = f"{quantity.__name__}, shape {shape}"
            yield Row(name, "× gammaincc(4, ·)", REAL_SHAPE_OVER_GAMMAINCC, *max(measured))
        yield _build(shape)


def _gammaincc(delta: np.ndarray) -> Callable[[], np.ndarray]:
    z = delta / SCALE
    return lambda: special.gammaincc(4.0, z)


def _build(shape: float) -> Row:
    """What the first call at a shape takes more than the next one, for the quantity that takes most."""
    delta = spread()[:BUILD_SIZE]
    extra = {}
    for quantity in QUANTITIES:
        def call():
            return quantity(delta, shape=shape, scale=SCALE)

        def cold() -> float:
            _plan.clear_cache()
            return seconds(call)

        extra[quantity.__name__] = min(cold() for _ in range(BUILDS)) - min(seconds(call) for _ in range(BUILDS))
    slowest = max(extra, key=extra.get)
    return Row(f"build, shape {shape}", "s, first call less the next", BUILD_SECONDS, extra[slowest],
               f"the slowest of {len(extra)}, {slowest}")


def _many_shapes() -> Row:
    """Shapes never seen before in every repetition, so that no plan can be there already."""
    draw = np.random.default_rng(SEED)
    times = []
    for _ in range(REPETITIONS):
        shapes = np.exp(draw.uniform(np.log(0.05), np.log(500.0), MANY_SHAPES))
        delta = SCALE * shapes
        times.append(seconds(lambda: gammaprob.gap_sf(delta, shape=shapes, scale=SCALE)))
    microseconds = 1e6 / MANY_SHAPES * np.array(times)
    return Row(f"gap_sf, {MANY_SHAPES} different real shapes in one call", "µs a shape", MANY_SHAPES_MICROSECONDS,
               float(microseconds.min()), f"median {np.median(microseconds):.1f}")


def _memory() -> Iterator[Row]:
    delta = spread()
    for quantity in QUANTITIES:
        peaks = {}
        for shape in (4, *REAL_SHAPES):
            peaks[shape] = peak_over_output(lambda: quantity(delta, shape=shape, scale=SCALE))
        worst = max(peaks, key=peaks.get)
        yield Row(f"{quantity.__name__}: peak memory", "× the output", PEAK_OVER_OUTPUT, peaks[worst],
                  f"the output included; most at shape {worst} of {', '.join(map(str, peaks))}")
