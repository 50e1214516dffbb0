"""The quantities of the law at scale 1 as balls: which formula where.

Arguments are exact rationals (k, and z = δ/Θ), the result is a ball whose relative radius is near 2**-bits; where a
difference loses more digits than foreseen, `certify` asks again with more bits.

==================  ===========================================================================
integer k <= 200    finite sums                                   `_certified_integer`
other k             trapezoidal sums with proved bounds           `_certified_real`
small F, log near 1 F from its own integral or from 1 − S at a higher precision, log via log1p
==================  ===========================================================================
"""

from __future__ import annotations

import math
from fractions import Fraction

from flint import arb, ctx

from gammaprob import _certified_integer as integer
from gammaprob import _certified_real as real
from gammaprob._certified_enclosure import ball

__all__ = [
    "density", "distribution", "gamma_survival", "integral_term", "log_distribution", "log_survival", "survival",
    "target",
]  # fmt: skip

# Up to here integer shapes take the finite sums, an independent route of k terms (the trapezoidal sums: about 100).
LARGEST_INTEGER_SHAPE = 200
# φ at integer shapes by the recurrence of I(u) loses up to max_u log2(z^u/u!) bits, few as long as u <= 2k is small.
LARGEST_RECURRENCE_SHAPE = 40

_HALF = Fraction(1, 2)
_HALF_BALL = arb(0.5)


def survival(k: Fraction, z: Fraction, bits: int) -> arb:
    """S(z) = P(|X − Y| > zΘ) at z >= 0."""
    if z == 0:
        return arb(1)
    with _guarded(bits, k, z):
        if _has_finite_sum(k, LARGEST_INTEGER_SHAPE):
            return integer.survival(int(k), ball(z))
        return real.tail(ball(k), ball(z), bits) / ball(k).gamma()


def distribution(k: Fraction, z: Fraction, bits: int) -> arb:
    """F(z) = P(|X − Y| <= zΘ) at z >= 0, with relative accuracy for small z."""
    if z == 0:
        return arb(0)
    # F ~ z^min(1, 2k) for small z, up to a factor of about √k.
    lost = math.ceil(_bits_below_one(z) * min(1, 2 * k)) + max(0, math.ceil(_log2(k) / 2))
    # For k < 1 the integrand of `head` falls only like e^{kt} on the left: 1 − S is cheaper unless F is really tiny.
    if _has_finite_sum(k, LARGEST_INTEGER_SHAPE) or (k < 1 and lost < bits):
        with ctx.workprec(bits + lost):
            return 1 - survival(k, z, bits + lost)
    with _guarded(bits, k, z):
        return real.head(ball(k), ball(z), bits) / ball(k).gamma()


def density(k: Fraction, z: Fraction, bits: int) -> arb:
    """Θ p(z Θ) for the signed difference Y − X, at z >= 0; not for k <= 1/2 at z = 0, where it is infinite."""
    with _guarded(bits, k, z):
        if _has_finite_sum(k, LARGEST_INTEGER_SHAPE):
            return integer.density(int(k), ball(z))
        order = ball(k - _HALF)
        # As z → 0, 2 (z/2)^ν K_ν(z) → Γ(ν) (DLMF 10.30.2).
        moment = order.gamma() if z == 0 else real.bessel(order, ball(z), bits)
        return moment / (2 * arb.pi().sqrt() * ball(k).gamma())


def log_survival(k: Fraction, z: Fraction, bits: int) -> arb:
    """log S, with relative accuracy also where S is near 1."""
    value = survival(k, z, bits)
    return (-distribution(k, z, bits)).log1p() if value > _HALF_BALL else value.log()


def log_distribution(k: Fraction, z: Fraction, bits: int) -> arb:
    """log F, with relative accuracy also where F is near 1."""
    value = survival(k, z, bits)
    return distribution(k, z, bits).log() if value > _HALF_BALL else (-value).log1p()


def integral_term(u: Fraction, z: Fraction, bits: int) -> arb:
    """I(u) = E[z/(z + W)] = z e^z E_u(z), W ~ Gamma(u, 1), at z >= 0."""
    if z == 0:
        return arb(0)
    if u < 1:
        # The integrand of I falls only like e^{ut} on the left, that of 1 − I like e^{(u+1)t}; and I ~ z^u.
        more = bits + _bits_below_one(z)
        with _guarded(more, u, z):
            return 1 - real.ratio(ball(u + 1), ball(z), more) / ball(u).gamma()
    with _guarded(bits, u, z):
        return ball(z) * real.ratio(ball(u), ball(z), bits) / ball(u).gamma()


def target(k: Fraction, z: Fraction, bits: int) -> arb:
    """φ(z) = (1 − R)/2 at z >= 0, with R = √π tail(1 − k, z)/bessel(1/2 − k, z).

    This is R = z^ν/K_ν(z) ∫_z^∞ s^{−ν} K_ν(s) ds with K_ν(s) = ½ (s/2)^ν ∫ w^{−ν−1} e^{−w − s²/(4w)} dw (DLMF
    10.32.10), integrated over s first.
    """
    if z == 0:
        return _target_at_zero(k)
    if _has_finite_sum(k, LARGEST_RECURRENCE_SHAPE):
        with _guarded(bits + _recurrence_loss(2 * int(k), z), k, z):
            return integer.mean_target(int(k), ball(z))
    # 1 − R ~ k/z for large z.
    more = bits + _bits_below_one(k / z)
    with _guarded(more, k, z):
        moment = real.tail(ball(1 - k), ball(z), more)
        return (1 - arb.pi().sqrt() * moment / real.bessel(ball(_HALF - k), ball(z), more)) / 2


def gamma_survival(k: Fraction, x: Fraction, bits: int) -> arb:
    """Q(k, x), the regularised upper incomplete gamma function (DLMF 8.2.4), at x >= 0."""
    if x == 0:
        return arb(1)
    with _guarded(bits, k, x):
        return ball(x).gamma_upper(ball(k), regularized=True)


def _target_at_zero(k: Fraction) -> arb:
    """φ(0+): 1/2 for k >= 1/2, and below that ½ (1 − √π Γ(1 − k)/Γ(1/2 − k)) (DLMF 10.43.19)."""
    if k >= _HALF:
        return _HALF_BALL
    return (1 - arb.pi().sqrt() * ball(1 - k).gamma() / ball(_HALF - k).gamma()) / 2


def _recurrence_loss(order: int, z: Fraction) -> int:
    """Bits that the recurrence up to I(order) can lose: log2 of the largest z^u/u! on the way, at most e^z."""
    most = 1.5 * float(z) if z <= order else order * _log2(z) - math.lgamma(order + 1) / math.log(2)
    return max(0, math.ceil(most)) + 8


def _has_finite_sum(k: Fraction, largest: int) -> bool:
    return k.denominator == 1 and k <= largest


def _guarded(bits: int, *sizes: Fraction):
    return ctx.workprec(bits + real.guard_bits(*(ball(size) for size in sizes)))


def _bits_below_one(number: Fraction) -> int:
    return max(0, math.ceil(-_log2(number)))


def _log2(number: Fraction) -> float:
    # The difference of two logarithms: the quotient itself may be outside the range of doubles.
    return math.log2(number.numerator) - math.log2(number.denominator)
