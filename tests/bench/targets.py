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
from tests.bench.timing import compare, exp_dispatch, import_comparison, in_child, peak_over_output, seconds

__all__ = ["Row", "measure"]

SIZE = 1_000_000
SCALE = 0.066  # the scale of the paper's Tables 1 and 2
SEED = 4
# Enough for the best run of each side to be an undisturbed one, and few enough for the whole to take under two minutes.
REPETITIONS = 7
SHORT_REPETITIONS = 50  # of what takes a millisecond, and is the more easily disturbed
REAL_SHAPES = (0.3, 2.82, 57.3)
QUANTITIES = (gammaprob.gap_sf, gammaprob.gap_cdf, gammaprob.gap_pdf, gammaprob.expected_target)
# A build takes the same time for any array that is worth one; a smaller array shows it more clearly.
BUILD_SIZE = 100_000
BUILDS = 3

# NumPy's names of the instruction sets whose np.exp is several times as fast as on other processors. Passes of
# multiplications and additions gain nothing from them, so that the row against np.exp has a twin without them.
AVX512 = ("X86_V4", "AVX512_ICL", "AVX512_SPR")

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
    yield _memory()
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


def _ratio(ours: Callable, yardstick: Callable, repetitions: int = REPETITIONS) -> tuple[float, str]:
    """The ratio, and the times behind it in words."""
    times = compare(ours, yardstick, repetitions)
    nanoseconds = 1e9 / SIZE * min(times.candidate), 1e9 / SIZE * min(times.reference)
    return times.ratio, (f"{nanoseconds[0]:.1f} against {nanoseconds[1]:.1f} ns a value, "
                         f"ratio of the medians {times.median_ratio:.2f}")


def shape_4_over_exp() -> tuple[float, str]:
    """gap_sf at shape 4 against np.exp on the same array."""
    delta = gaps(4)
    ours = lambda: gammaprob.gap_sf(delta, shape=4, scale=SCALE)  # noqa: E731
    return _ratio(ours, lambda: np.exp(delta), SHORT_REPETITIONS)


def _integer_shapes() -> Iterator[Row]:
    yield Row("gap_sf, shape 4", "× np.exp on the same array", SHAPE_4_OVER_EXP, *shape_4_over_exp())
    if any(name in exp_dispatch() for name in AVX512):
        measured = in_child("tests.bench.targets", "shape_4_over_exp", {"NPY_DISABLE_CPU_FEATURES": " ".join(AVX512)})
        yield Row("gap_sf, shape 4, NumPy without AVX-512", "× np.exp on the same array", SHAPE_4_OVER_EXP, *measured)
    delta = gaps(40)
    measured = _ratio(lambda: gammaprob.gap_sf(delta, shape=40, scale=SCALE), _gammaincc(delta))
    yield Row("gap_sf, shape 40", "× gammaincc(4, ·)", SHAPE_40_OVER_GAMMAINCC, *measured)


def _real_shapes() -> Iterator[Row]:
    for quantity in QUANTITIES:
        measured = {}
        for shape in REAL_SHAPES:
            for kind, delta in (("its own", gaps(shape)), ("log-uniform", spread())):
                ratio = _ratio(lambda: quantity(delta, shape=shape, scale=SCALE), _gammaincc(delta))
                measured[f"shape {shape}, {kind} gaps"] = ratio
        worst = max(measured, key=lambda name: measured[name][0])
        ratio, detail = measured[worst]
        name = f"{quantity.__name__}, real shapes"
        yield Row(name, "× gammaincc(4, ·)", REAL_SHAPE_OVER_GAMMAINCC, ratio, f"{worst}: {detail}")
    yield _build()


def _gammaincc(delta: np.ndarray) -> Callable[[], np.ndarray]:
    z = delta / SCALE
    return lambda: special.gammaincc(4.0, z)


def _build() -> Row:
    """What the first call at a shape takes more than the next one, for the quantity and shape that take most."""
    delta = spread()[:BUILD_SIZE]
    extra = {}
    for quantity in QUANTITIES:
        for shape in REAL_SHAPES:
            def call():
                return quantity(delta, shape=shape, scale=SCALE)

            def cold() -> float:
                _plan.clear_cache()
                return seconds(call)

            warm = min(seconds(call) for _ in range(BUILDS))
            extra[f"{quantity.__name__}, shape {shape}"] = min(cold() for _ in range(BUILDS)) - warm
    slowest = max(extra, key=extra.get)
    return Row("build of a real shape", "s, first call less the next", BUILD_SECONDS, extra[slowest],
               f"the slowest of {len(extra)}: {slowest}")


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


def _memory() -> Row:
    """Most that a call holds at once, over quantities and shapes."""
    delta = spread()
    peaks = {
        f"{quantity.__name__}, shape {shape}": peak_over_output(lambda: quantity(delta, shape=shape, scale=SCALE))
        for quantity in QUANTITIES
        for shape in (4, *REAL_SHAPES)
    }
    worst = max(peaks, key=peaks.get)
    return Row("peak memory", "× the output", PEAK_OVER_OUTPUT, peaks[worst],
               f"the output included; most of {len(peaks)}: {worst}")
