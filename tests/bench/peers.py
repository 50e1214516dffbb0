"""What else computes P(|X − Y| > δ), beside the kernel: error against the certified value and time at the same points.

Each peer is what its library offers to someone who writes the formula down, called as its documentation says. Its
errors are also mapped over shape and gap (`error_map`), for the figure `accuracy_map`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import comb, exp, inf, isfinite, lgamma, log, pi, sqrt

import mpmath
import numpy as np
from scipy import integrate, special, stats

import gammaprob
from gammaprob import certified
from tests.bench.timing import seconds

__all__ = ["POINTS", "RUNS", "SHAPES", "Peer", "error_map", "measure"]

SHAPES = (4, 2.82)
SCALE = 0.066
# From the small gaps through the body of the law to a tail of 1e-24: a peer that is good in the middle only shows it.
POINTS = SCALE * np.array([1e-6, 1e-3, 0.1, 0.5, 1.0, 1.515, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0])
# Two correct decimals more than a double holds, so that the certified value adds no error of its own.
DIGITS = 18
PAIRS = 1_000_000
SEED = 4
# The law is the limit of the generalised hyperbolic one as its scale goes to 0, with an error of order scale². This, in
# units of Θ, is the best of a scan: from 1e-4 down the quadrature inside genhyperbolic misses the peak (errors 1e-6,
# then 1).
LIMIT = 3e-4
MPMATH_DIGITS = 30
# What evaluates arrays is timed on the points repeated this often, so that a call's fixed cost is spread as in use.
TILES = 10_000
RUNS = 5  # calls of a peer, the best of which counts: whatever else the machine does can only slow one down
BODY = 1e-3  # points where S is above this are the body of the law, the others its tail

# The map: shapes and gaps (in units of the scale), about evenly spaced in their logarithms, and of few digits. No shape
# is an integer; the mixture gets the integers next to them.
MAP_SHAPES = tuple(float(f"{shape:.4g}") for shape in np.geomspace(0.102, 98.7, 31))
MAP_GAPS = tuple(float(f"{gap:.3g}") for gap in np.geomspace(1e-3, 2.5e3, 33))
SMALLEST = Fraction(np.finfo(float).tiny)  # below it a double has fewer digits, and no error is asked for


@dataclass(frozen=True)
class Peer:
    """Worst relative error over the points in the body and in the tail of the law, and the time for a value."""

    name: str
    shape: float
    body: float
    tail: float
    nanoseconds: float


def measure() -> Iterator[Peer]:
    """The kernel and its peers at every shape, as they are measured."""
    for shape in SHAPES:
        exact = [certified.gap_sf(float(delta), shape=shape, scale=SCALE, digits=DIGITS).lower for delta in POINTS]
        for name, (peer, tiles) in _PEERS.items():
            if peer is _mixture and shape != int(shape):
                continue  # a finite mixture exists for integer shapes only
            delta = np.tile(POINTS, tiles)
            errors = {truth: _error(value, truth) for value, truth in zip(peer(delta, shape, SCALE), exact)}
            yield Peer(
                name, shape,
                body=max(error for truth, error in errors.items() if truth > BODY),
                tail=max(error for truth, error in errors.items() if truth <= BODY),
                nanoseconds=1e9 * min(seconds(lambda: peer(delta, shape, SCALE)) for _ in range(RUNS)) / delta.size,
            )


def error_map() -> Iterator[dict]:
    """Relative errors at scale 1, one row a value: name, shape, gap, error.

    The error is infinite where a peer has no number, and None where the value is too small for a double.
    """
    integers = tuple(dict.fromkeys(round(shape) for shape in MAP_SHAPES if shape >= 1))
    for name, peer in _MAPPED.items():
        for shape in integers if peer is _mixture else MAP_SHAPES:
            for gap in MAP_GAPS:
                exact = certified.gap_sf(gap, shape=shape, scale=1, digits=DIGITS).lower
                error = None
                if exact >= SMALLEST:
                    error = float(f"{_error(_single(peer, gap, shape), exact):.2g}")
                yield {"name": name, "shape": shape, "gap": gap, "error": error}


def _single(peer: Callable, gap: float, shape: float) -> float:
    """A peer's value at scale 1; its warnings are not shown, since its errors are measured."""
    with warnings.catch_warnings(action="ignore"):
        try:
            return float(peer(np.array([gap]), shape, 1.0)[0])
        except OverflowError:  # Python's powers raise where NumPy's are infinite
            return inf


def _error(value, truth: Fraction) -> float:
    value = float(value)
    return abs(float(Fraction(value) / truth - 1)) if isfinite(value) else inf


def _kernel(delta: np.ndarray, shape: float, scale: float) -> np.ndarray:
    return gammaprob.gap_sf(delta, shape=shape, scale=scale)


def _quad(delta: np.ndarray, shape: float, scale: float) -> np.ndarray:
    """The Bessel density, integrated from δ to infinity."""
    order = shape - 0.5
    constant = 2.0 / (sqrt(pi) * exp(lgamma(shape)) * scale)

    def density(gap: float) -> float:
        z = gap / scale
        return constant * (z / 2) ** order * special.kv(order, z)

    return np.array([integrate.quad(density, gap, inf, epsabs=0.0)[0] for gap in delta])


def _genhyperbolic(delta: np.ndarray, shape: float, scale: float) -> np.ndarray:
    return 2.0 * stats.genhyperbolic.sf(delta, p=shape, a=LIMIT, b=0.0, scale=LIMIT * scale)


def _mixture(delta: np.ndarray, shape: float, scale: float) -> np.ndarray:
    """Σ w_m Q(m, z) with the weights of Banach's matchbox problem."""
    k = int(shape)
    return sum(comb(2 * k - 1 - m, k - 1) / 2 ** (2 * k - 1 - m) * special.gammaincc(m, delta / scale)
               for m in range(1, k + 1))


def _mpmath(delta: np.ndarray, shape: float, scale: float) -> list:
    """One minus the closed form with Bessel and Struve functions."""
    with mpmath.workdps(MPMATH_DIGITS):
        order = mpmath.mpf(shape) - mpmath.mpf(1) / 2
        return [1 - z * (mpmath.besselk(order, z) * mpmath.struvel(order - 1, z)
                         + mpmath.struvel(order, z) * mpmath.besselk(order - 1, z))
                for z in (mpmath.mpf(float(gap)) / mpmath.mpf(scale) for gap in delta)]


def _monte_carlo(delta: np.ndarray, shape: float, scale: float) -> np.ndarray:
    draws = np.random.default_rng(SEED).gamma(shape, scale, size=(2, PAIRS))
    gaps = np.sort(np.abs(draws[0] - draws[1]))
    return 1.0 - np.searchsorted(gaps, delta, side="right") / PAIRS


def _double_integral(delta: np.ndarray, shape: float, scale: float) -> np.ndarray:
    """P(|X − Y| > δ) = 2 ∫ f(x) ∫_{x+δ} f(y) dy dx, as the paper writes it, with a density of one line."""
    log_constant = -lgamma(shape) - shape * log(scale)

    def density(x: float) -> float:
        return exp(log_constant + (shape - 1.0) * log(x) - x / scale) if x > 0.0 else 0.0

    return np.array([
        2.0 * integrate.dblquad(lambda y, x: density(x) * density(y), 0.0, inf, lambda x: x + gap, inf)[0]
        for gap in delta
    ])


# Name -> the peer and how often it gets the points.
_PEERS: dict[str, tuple[Callable, int]] = {
    "gammaprob.gap_sf": (_kernel, TILES),
    "gammaincc mixture (integer shapes)": (_mixture, TILES),
    "scipy quad of the density": (_quad, 1),
    "scipy genhyperbolic, as a limit": (_genhyperbolic, 1),
    f"mpmath, closed form at {MPMATH_DIGITS} digits": (_mpmath, 1),
    f"Monte Carlo, {PAIRS:.0e} pairs": (_monte_carlo, 1),
    "scipy dblquad of the double integral": (_double_integral, 1),
}
# What is mapped: what answers a single value in milliseconds, under the names of the map's rows.
_MAPPED: dict[str, Callable] = {
    "gammaincc mixture": _mixture, "quad": _quad, "genhyperbolic": _genhyperbolic, "mpmath": _mpmath,
}  # fmt: skip
