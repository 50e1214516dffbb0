"""What else computes P(|X − Y| > δ), beside the kernel: error against the certified value and time at the same points.

Each peer is what its library offers to someone who writes the formula down, called as its documentation says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import comb, exp, inf, lgamma, log, pi, sqrt
from time import perf_counter

import mpmath
import numpy as np
from scipy import integrate, special, stats

import gammaprob
from gammaprob import certified

__all__ = ["POINTS", "SHAPES", "Peer", "measure"]

SHAPES = (4, 2.82)
SCALE = 0.066
# From the small gaps through the body of the law to a tail of 1e-24: a peer that is good in the middle only shows it.
POINTS = SCALE * np.array([1e-6, 1e-3, 0.1, 0.5, 1.0, 1.515, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0])
# Two correct decimals more than a double holds, so that the certified value adds no error of its own.
DIGITS = 18
PAIRS = 1_000_000
SEED = 4
# The law is the limit of the generalised hyperbolic one as its scale goes to 0, with an error of order scale². This is
# the best choice of a scan: from 1e-4 Θ down the quadrature inside genhyperbolic misses the peak (errors 1e-6, then 1).
LIMIT = 3e-4 * SCALE
MPMATH_DIGITS = 30
# What evaluates arrays is timed on the points repeated this often, so that a call's fixed cost is spread as in use.
TILES = 10_000
BODY = 1e-3  # points where S is above this are the body of the law, the others its tail


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
            start = perf_counter()
            values = peer(delta, shape)
            elapsed = perf_counter() - start
            errors = {truth: abs(float(Fraction(float(value)) / truth - 1)) for value, truth in zip(values, exact)}
            yield Peer(
                name, shape,
                body=max(error for truth, error in errors.items() if truth > BODY),
                tail=max(error for truth, error in errors.items() if truth <= BODY),
                nanoseconds=1e9 * elapsed / delta.size,
            )


def _kernel(delta: np.ndarray, shape: float) -> np.ndarray:
    return gammaprob.gap_sf(delta, shape=shape, scale=SCALE)


def _quad(delta: np.ndarray, shape: float) -> np.ndarray:
    """The Bessel density, integrated from δ to infinity."""
    order = shape - 0.5
    constant = 2.0 / (sqrt(pi) * exp(lgamma(shape)) * SCALE)

    def density(gap: float) -> float:
        z = gap / SCALE
        return constant * (z / 2) ** order * special.kv(order, z)

    return np.array([integrate.quad(density, gap, inf, epsabs=0.0)[0] for gap in delta])


def _genhyperbolic(delta: np.ndarray, shape: float) -> np.ndarray:
    return 2.0 * stats.genhyperbolic.sf(delta, p=shape, a=LIMIT / SCALE, b=0.0, scale=LIMIT)


def _mixture(delta: np.ndarray, shape: float) -> np.ndarray:
    """Σ w_m Q(m, z) with the weights of Banach's matchbox problem."""
    k = int(shape)
    return sum(comb(2 * k - 1 - m, k - 1) / 2 ** (2 * k - 1 - m) * special.gammaincc(m, delta / SCALE)
               for m in range(1, k + 1))


def _mpmath(delta: np.ndarray, shape: float) -> list:
    """One minus the closed form with Bessel and Struve functions."""
    with mpmath.workdps(MPMATH_DIGITS):
        order = mpmath.mpf(shape) - mpmath.mpf(1) / 2
        return [1 - z * (mpmath.besselk(order, z) * mpmath.struvel(order - 1, z)
                         + mpmath.struvel(order, z) * mpmath.besselk(order - 1, z))
                for z in (mpmath.mpf(float(gap)) / mpmath.mpf(SCALE) for gap in delta)]


def _monte_carlo(delta: np.ndarray, shape: float) -> np.ndarray:
    draws = np.random.default_rng(SEED).gamma(shape, SCALE, size=(2, PAIRS))
    gaps = np.sort(np.abs(draws[0] - draws[1]))
    return 1.0 - np.searchsorted(gaps, delta, side="right") / PAIRS


def _double_integral(delta: np.ndarray, shape: float) -> np.ndarray:
    """P(|X − Y| > δ) = 2 ∫ f(x) ∫_{x+δ} f(y) dy dx, as the paper writes it, with a density of one line."""
    log_constant = -lgamma(shape) - shape * log(SCALE)

    def density(x: float) -> float:
        return exp(log_constant + (shape - 1.0) * log(x) - x / SCALE) if x > 0.0 else 0.0

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
