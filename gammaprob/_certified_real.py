"""Rigorous Mellin-type integrals in ball arithmetic: all that `gammaprob.certified` needs at a real shape.

Four integrals over the whole line carry every quantity of the law (w = e^t throughout, a real, z > 0):

    bessel(a, z) = ∫ e^{at − w − z²/(4w)} dt       = 2 (z/2)^a K_a(z)      (DLMF 10.32.10)
    tail(a, z)   = ∫ e^{at − w} erfc(z/(2√w)) dt   = Γ(k) S at a = k
    head(a, z)   = ∫ e^{at − w} erf(z/(2√w)) dt    = Γ(k) F at a = k > 0
    ratio(a, z)  = ∫ e^{at − w} / (z + w) dt       = Γ(u) I(u)/z at a = u, Γ(u) (1 − I(u)) at a = u + 1

Each integrand is positive and log-concave in t, and analytic in the strip |Im t| < π/2. So a trapezoidal sum over
t₀ + jh has two errors, and both have plain bounds:

* Discretisation: at most 2M/(e^{2πθ/h} − 1), where M bounds ∫|f(x + ib)| dx for |b| ≤ θ (Trefethen and Weideman 2014,
  Theorem 5.1). For arg w = ±b and arg x = ±b/2: |e^{−w}| = e^{−|w| cos b}; |erfc x| ≤ erfc(|x| √cos b)/√cos b, and the
  same for erf (integrate e^{−s²} along the ray through x); |1/(z + w)| ≤ 1/((z + |w|) cos(b/2)). The shift
  t → t + log cos b then turns M into the same integral, at z or at z cos b, times a power of cos b.
* Truncation: beyond a node the terms fall at least as fast as a geometric series with the last ratio r (log-concavity),
  so the rest is at most term·r/(1 − r).

No sum has a cancellation, and the number of nodes depends on the digits, hardly on the shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from flint import arb, ctx

from gammaprob._certified_enclosure import TooManyTerms, Unresolved

__all__ = ["bessel", "guard_bits", "head", "ratio", "tail"]

# θ is sought on a ladder below π/2: steps of a sixth lose less than one per cent of the step h, flat at its maximum.
# The choice costs time, never rigour.
_WIDEST_STRIP = 1.56
_LADDER = tuple((5 / 6) ** j for j in range(20))
# Accuracy of the density that only bounds the tail's discretisation error: a few digits of a bound are plenty.
_BOUND_BITS = 16
# No quantity in the range of doubles needs a tenth of these nodes at 100 digits; more would be minutes.
_MOST_NODES = 200_000
_HALF = arb(0.5)


def guard_bits(*sizes: arb) -> int:
    """Bits to add to the working precision so that exponentials of arguments as large as `sizes` stay accurate."""
    with ctx.workprec(32):
        largest = sum((abs(size) for size in sizes), arb(4))
        return 32 + int(float((largest.log() / arb.const_log2()).abs_upper()))


def bessel(a: arb, z: arb, bits: int) -> arb:
    """2 (z/2)^a K_a(z).

    M/integral ≤ K_a(z cos θ)/K_a(z) ≤ (cos θ)^{−max(|a|, 1/2)} e^{z(1 − cos θ)}, as x^{max(|a|, 1/2)} e^x K_a(x)
    increases.
    """
    quarter = z * z / 4

    def factor(w: arb, _: arb) -> arb:
        return (-w - quarter / w).exp()

    def excess(cosine: arb) -> arb:
        return _bessel_ratio(a, z, cosine)

    return _trapezoid(a, _peak(a, z), factor, abs(a) + z + 1, excess, bits)


def tail(a: arb, z: arb, bits: int) -> arb:
    """∫ e^{at − w} erfc(z/(2√w)) dt.

    M ≤ (cos θ)^{−a−1/2} tail(a, z cos θ), and −d tail/dz = bessel(a − 1/2, z)/√π decreases in z, so that
    tail(a, z cos θ) ≤ tail(a, z) + z (1 − cos θ) bessel(a − 1/2, z cos θ)/√π.
    """
    order = a - _HALF
    slope = bessel(order, z, _BOUND_BITS) / arb.pi().sqrt()
    half = z / 2

    def factor(w: arb, inverse_root: arb) -> arb:
        return (-w).exp() * (half * inverse_root).erfc()

    def excess(cosine: arb) -> arb:
        return cosine ** (-a - _HALF)

    def extra(cosine: arb) -> arb:
        return z * (1 - cosine) * slope * cosine**order * _bessel_ratio(order, z, cosine)

    return _trapezoid(a, _peak(a, z), factor, abs(a) + z + 1, excess, bits, extra)


def head(a: arb, z: arb, bits: int) -> arb:
    """∫ e^{at − w} erf(z/(2√w)) dt, a > 0. M/integral ≤ (cos θ)^{−a−1/2}, as erf increases."""
    half = z / 2

    def factor(w: arb, inverse_root: arb) -> arb:
        return (-w).exp() * (half * inverse_root).erf()

    def excess(cosine: arb) -> arb:
        return cosine ** (-a - _HALF)

    # For a < 1/2 and small z the integrand falls on both sides of w ~ z²/4, else its peak is near w = a.
    peak = a if a > _HALF or half * half > a else half * half
    return _trapezoid(a, peak, factor, a + 1, excess, bits)


def ratio(a: arb, z: arb, bits: int) -> arb:
    """∫ e^{at − w}/(z + w) dt, a > 0. M/integral ≤ (cos θ)^{−a}/cos(θ/2), as 1/(z + w) decreases in w."""

    def factor(w: arb, _: arb) -> arb:
        return (-w).exp() / (z + w)

    def excess(cosine: arb) -> arb:
        return cosine**-a / ((1 + cosine) / 2).sqrt()

    return _trapezoid(a, a, factor, a + 1, excess, bits)


def _bessel_ratio(a: arb, z: arb, cosine: arb) -> arb:
    return cosine ** -abs(a).max(_HALF) * (z * (1 - cosine)).exp()


def _peak(a: arb, z: arb) -> arb:
    """The w at which at − w − z²/(4w) is greatest, without cancellation for a < 0."""
    root = (a * a + z * z).sqrt()
    return (a + root) / 2 if a > 0 else z * z / (2 * (root - a))


def _trapezoid(
    a: arb, peak: arb, factor: Callable[[arb, arb], arb], growth: arb,
    excess: Callable[[arb], arb], bits: int, extra: Callable[[arb], arb] = lambda cosine: arb(0),
) -> arb:
    """V = ∫ e^{at} factor(w, w^{−1/2}) dt as a ball of relative radius near 2**-bits.

    The bound is M ≤ excess(cos θ) (V + extra(cos θ)). `growth` only says, for the choice of θ and h, that excess is
    about (cos θ)^{−growth}.
    """
    theta, step = _strip_and_step(float(growth.mid()), bits)
    cosine, centre = arb(theta).cos(), peak.log().mid()
    total = step * _log_concave_sum(a, factor, centre, step, bits)
    relative = 2 * excess(cosine) / (2 * arb.pi() * theta / step).expm1()
    scale = (a * centre).exp()
    # |T − V| ≤ ε (V + extra) gives V + extra ≤ (T + extra)/(1 − ε).
    bound = relative / (1 - relative) if relative < 1 else arb("inf")
    return (total + arb(0, (bound * (total + extra(cosine) / scale)).abs_upper())) * scale


def _strip_and_step(growth: float, bits: int) -> tuple[float, arb]:
    """θ and h with (cos θ)^{−growth}/e^{2πθ/h} just below 2**-bits, for a nearly greatest h."""
    nats = bits * math.log(2) + math.log(growth) + 2

    def needed(theta: float) -> float:
        return nats - growth * 0.5 * math.log1p(-math.sin(theta) ** 2)

    # For large growth the best θ is √(2 nats/growth), where (cos θ)^{−growth} has grown to e^nats.
    widest = min(_WIDEST_STRIP, 2 * math.sqrt(2 * nats / growth))
    theta = max((widest * rung for rung in _LADDER), key=lambda theta: theta / needed(theta))
    return theta, arb(2 * math.pi * theta / needed(theta))


def _log_concave_sum(a: arb, factor: Callable[[arb, arb], arb], centre: arb, step: arb, bits: int) -> arb:
    """Σ_j e^{a j h} factor(e^t, e^{−t/2}) at t = centre + jh, over all integers j, of a log-concave sequence."""
    epsilon = arb(2) ** -bits
    w0, inverse_root0 = centre.exp(), (-centre / 2).exp()
    first = total = factor(w0, inverse_root0)
    if not first > 0:
        # Arb's exponential gives up near e^{−10^19}, whatever the precision, and its erfc of a wide ball before that.
        raise Unresolved
    for sign in (1, -1):
        w_ratio, power_ratio, root_ratio = (
            (sign * step).exp(), (sign * a * step).exp(), (-sign * step / 2).exp(),
        )
        w, power, inverse_root, previous = w0, arb(1), inverse_root0, first
        for _ in range(_MOST_NODES):
            w, power, inverse_root = w * w_ratio, power * power_ratio, inverse_root * root_ratio
            term = power * factor(w, inverse_root)
            total += term
            if term < total * epsilon:
                fall = term / previous
                rest = term * fall / (1 - fall)
                if fall < 1 and rest < total * epsilon:
                    total += arb(0, rest.abs_upper())
                    break
            previous = term
        else:
            raise TooManyTerms(f"sums of at most {_MOST_NODES} terms")
    return total
