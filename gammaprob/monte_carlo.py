"""Witness by simulation: gamma pairs are drawn and counted; no formula of the law is used.

The paper says of Table 1 that it was checked by "a computer simulation"; this is ours, with a fixed seed. Each answer
is a mean over independent draws, and the distance of an exact value from it is told in standard errors (`z_score`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gammaprob.domains import DELTA, SCALE, SHAPE, real_array
from gammaprob.errors import ArgumentError, ConvergenceError, DomainError

__all__ = [
    "DRAWS", "LARGEST_SHAPE", "SMALLEST_SHAPE", "Mean", "Share", "conditional_draws", "expected_target", "gap_cdf",
]

DRAWS = 100_000  # a share of 0.4 to 0.0015, half the distance from the printed to the exact cells of Table 1
# For small k only a share of about k of the draws is not negligibly small, and a mean of bounded draws is as good as
# normal once a few hundred of them count: 100 000 × 0.004 = 400.
SMALLEST_SHAPE = 0.004
# Gamma draws lie near k, where doubles are 2^-52 k apart at most: a pair rounds to a tie with probability up to
# 2^-52 √k/√(4π), so that at this shape one run of 100 000 pairs in five hundred sees one.
LARGEST_SHAPE = 1e17


@dataclass(frozen=True)
class Mean:
    """The mean of independent draws and its standard error."""

    mean: float
    standard_error: float

    def z_score(self, exact: float) -> float:
        """(mean − exact) / standard error; standard normal for the true value. 0 for equal values without spread."""
        difference = self.mean - exact
        if self.standard_error == 0.0:
            return math.copysign(math.inf, difference) if difference else 0.0
        return difference / self.standard_error


@dataclass(frozen=True)
class Share:
    """How many of the draws were hits."""

    hits: int
    draws: int

    @property
    def mean(self) -> float:
        return self.hits / self.draws

    @property
    def standard_error(self) -> float:
        return math.sqrt(self.mean * (1.0 - self.mean) / self.draws)

    def z_score(self, exact: float) -> float:
        r"""Signed root of the deviance, :math:`\pm\sqrt{2n[\hat p \log(\hat p/p) + (1-\hat p)\log((1-\hat p)/(1-p))]}`.

        For many hits and many misses it is (mean − exact) / standard error. With few of either it stays near normal,
        where that quotient does not: one hit where 0.001 is expected is 3.4, not 31.

        >>> round(Share(hits=50_500, draws=100_000).z_score(0.5), 2)
        3.16
        """
        hit, miss = self.mean, (self.draws - self.hits) / self.draws
        deviance = 0.0
        for seen, expected in ((hit, exact), (miss, 1.0 - exact)):
            if seen > 0.0:
                deviance += seen * math.log(seen / expected) if expected > 0.0 else math.inf
        return math.copysign(math.sqrt(2.0 * self.draws * max(deviance, 0.0)), hit - exact)


def gap_cdf(delta: float, *, shape: float, scale: float, seed, draws: int = DRAWS) -> Share:
    """P(|X−Y| ≤ δ), Eq. 5 of the paper, as the share of `draws` independent gamma pairs; scalars only.

    `seed` is anything that `numpy.random.default_rng` takes. Raises `DomainError` outside the domain of the law, and
    `ConvergenceError` for a shape above `LARGEST_SHAPE`, where the draws' rounding would show.

    >>> share = gap_cdf(0.1, shape=4, scale=0.066, seed=0)
    >>> abs(share.z_score(0.44076693905370062)) < 6
    True
    """
    rng = _generator(seed, draws)
    delta, shape, scale = _scalars(delta, shape, scale)
    _check_resolution(shape)
    first, second = rng.standard_gamma(shape, draws), rng.standard_gamma(shape, draws)
    return Share(int(np.count_nonzero(np.abs(first - second) <= delta / scale)) if delta > 0.0 else 0, draws)


def expected_target(delta: float, *, shape: float, scale: float, seed, draws: int = DRAWS) -> Mean:
    """φ(δ) = E[X/(2X+δ) | Y−X = δ], Eq. 6 of the paper, as a mean over exact conditional draws; scalars only.

    At δ = 0 the limit δ → 0+: every draw is ½ for shape ≥ 1/2, below it X/δ has a beta prime law. For δ < 0 the pair is
    mirrored. Raises `DomainError` outside the domain of the law, and `ConvergenceError` for a shape below
    `SMALLEST_SHAPE`, where too few draws would count, or above `LARGEST_SHAPE`, where the draws' rounding would show.

    >>> mean = expected_target(0.1, shape=4, scale=0.066, seed=0)
    >>> abs(mean.z_score(0.38444857104536060)) < 6
    True
    """
    delta, shape, scale = _scalars(delta, shape, scale)
    if shape < SMALLEST_SHAPE:
        raise ConvergenceError(
            "shape", shape, f"a shape of at least {SMALLEST_SHAPE} (simulation)", "use gammaprob.certified below it",
        )
    _check_resolution(shape)
    smaller, gap = _pair_at_gap(abs(delta), shape, scale, seed, draws)
    target = smaller / (2.0 * smaller + gap)
    target = 1.0 - target if delta < 0.0 else target
    return Mean(float(np.mean(target)), float(np.std(target)) / math.sqrt(draws))


def _pair_at_gap(gap: float, shape: float, scale: float, seed, draws: int):
    """Draws of X given the gap, and the gap; at gap 0 both in the unit of a vanishing gap."""
    if gap > 0.0:
        return conditional_draws(gap, shape=shape, scale=scale, seed=seed, draws=draws), gap
    rng = _generator(seed, draws)
    if shape >= 0.5:
        return np.ones(draws), 0.0
    return rng.standard_gamma(shape, draws), rng.standard_gamma(1.0 - 2.0 * shape, draws)


def conditional_draws(delta: float, *, shape: float, scale: float, seed, draws: int = DRAWS) -> np.ndarray:
    """Independent exact draws of X given Y − X = δ ≥ 0, whose density is ∝ (x (x+δ))^(k−1) e^(−2x/Θ); scalars only.

    By rejection under an envelope; at least 0.45 of the proposals are accepted, whatever the shape and δ (measured).
    Raises `DomainError` for δ < 0, outside the domain of the law, and at δ = 0 for shape ≤ ½, where no such law exists.

    >>> x = conditional_draws(0.1, shape=4, scale=0.066, seed=0, draws=5)
    >>> x.shape, bool((x > 0).all())
    ((5,), True)
    """
    rng = _generator(seed, draws)
    delta, shape, scale = _scalars(delta, shape, scale)
    z = delta / scale
    if z < 0.0:
        raise DomainError("delta", delta, "a gap δ >= 0", "exchange X and Y for a negative one")
    if z == 0.0 and shape <= 0.5:
        raise DomainError("delta", delta, "δ > 0 where the shape is at most 1/2", "pass a small positive δ")
    if z == 0.0:
        return scale * 0.5 * rng.standard_gamma(2.0 * shape - 1.0, draws)
    if shape >= 1.0:
        propose = _tangent_envelope(shape, z)
    elif z >= 1.0:
        propose = _gamma_envelope(shape, z)
    else:
        propose = _power_envelope(shape, z)
    parts, missing = [], draws
    while missing > 0:
        # A tenth more than is missing: one round does for a good envelope, a few for a poor one.
        u, log_acceptance = propose(rng, missing + missing // 10 + 8)
        parts.append(u[rng.standard_exponential(u.size) >= -log_acceptance][:missing])
        missing -= parts[-1].size
    return scale * np.concatenate(parts)


def _tangent_envelope(shape: float, z: float):
    """k ≥ 1: (u+z)^(k−1) lies below the exponential that touches it at the mode, so the envelope is a gamma density."""
    a = shape - 1.0
    touch = (a + a * a / (math.hypot(a, z) + z)) / 2.0  # the mode of the target density; 0 for k = 1
    rate = a / touch if touch else 2.0  # 2 − a/(touch + z), from the equation of the mode

    def propose(rng, count):
        u = rng.standard_gamma(shape, count) / rate
        return u, a * (np.log1p((u - touch) / (touch + z)) - (u - touch) / (touch + z))

    return propose


def _gamma_envelope(shape: float, z: float):
    """k < 1, δ ≥ Θ: (u+z)^(k−1) ≤ z^(k−1), so a Gamma(k, ½) draw is accepted with (1+u/z)^(k−1) ≥ e^(−u/z)."""

    def propose(rng, count):
        u = 0.5 * rng.standard_gamma(shape, count)
        return u, (shape - 1.0) * np.log1p(u / z)

    return propose


def _power_envelope(shape: float, z: float):
    """k < 1, δ < Θ: power laws u^(k−1) z^(k−1) up to z and u^(2k−2) up to 1, then e^(−2u), each drawn by inversion."""
    b, c, span = 1.0 - shape, 2.0 * shape - 1.0, -math.log(z)
    # Masses of the three pieces, all divided by z^c, which over- or underflows where the ratio does not.
    middle = math.expm1(c * span) / c if c else span
    masses = np.array([1.0 / shape, middle, 0.5 * math.exp(-2.0 + c * span)])
    shares = np.cumsum(masses) / masses.sum()

    def propose(rng, count):
        piece = np.searchsorted(shares[:2], rng.random(count), side="right")
        v = rng.random(count)
        power = np.log1p(v * math.expm1(c * span)) / c if c else v * span
        u = np.choose(piece, [z * v ** (1.0 / shape), z * np.exp(power), 1.0 - 0.5 * np.log1p(-v)])
        accept_low = -b * np.log1p(u / z) - 2.0 * u
        accept_middle = -b * np.log1p(z / np.maximum(u, z)) - 2.0 * u
        accept_high = -b * (np.log1p(z / np.maximum(u, z)) + 2.0 * np.log(np.maximum(u, 1.0)))
        return u, np.choose(piece, [accept_low, accept_middle, accept_high])

    return propose


def _check_resolution(shape: float) -> None:
    if shape > LARGEST_SHAPE:
        raise ConvergenceError(
            "shape", shape, f"a shape of at most {LARGEST_SHAPE:g} (simulation)", "use gammaprob.certified above it",
        )


def _scalars(delta, shape, scale) -> tuple[float, float, float]:
    triples = (("delta", delta, DELTA), ("shape", shape, SHAPE), ("scale", scale, SCALE))
    return tuple(float(real_array(*triple)) for triple in triples)


def _generator(seed, draws) -> np.random.Generator:
    if not isinstance(draws, (int, np.integer)) or draws < 1:
        raise ArgumentError("draws", draws, "an integer >= 1", "pass the number of draws")
    return np.random.default_rng(seed)
