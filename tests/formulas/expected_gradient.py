"""docs/mathematics/expected_gradient.md, in mpmath."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

from mpmath import mp, mpf

from gammaprob import certified
from tests.formulas import (
    INTEGER, REAL, compared, double_sum, formula, gamma_density, gamma_mean, line_integral, paper_f, points,
)

STRIP = mpf(2) ** -50  # where a limit is printed; what it neglects is of this order


def _e(u, z):
    """e^z E_u(z), from its integral."""
    return line_integral(lambda t: mp.exp(-z * t) * (1 + t) ** -u)


def _i(u, delta, theta):
    return delta / theta * _e(u, delta / theta)


def _phi(k, theta, delta):
    """(E2), in log x."""
    def weight(x):
        return gamma_density(x, k, theta) * gamma_density(x + delta, k, theta)

    return line_integral(lambda x: weight(x) * x / (2 * x + delta)) / line_integral(weight)


@formula("E1", "f233c767")
def _(expected_gradient):
    gradient = expected_gradient(0.1, 0.7, [1.0, 2.0, 1.0], [1.0, 1.5, 3.0], shape=4, scale=0.066)
    coefficient = mpf(0.7) - _phi(4, mpf(0.066), mpf(0.1))
    yield from zip((0, coefficient / 2, -2 * coefficient), gradient)


@formula("E2", "485929f9")
def _(expected_target):
    yield from compared(expected_target, _phi)


@formula("E3", "c31cc7f2")
def _(strip_probability):
    for k, theta, delta in points(INTEGER):
        page = double_sum(k, delta / 4, theta) - double_sum(k, delta, theta)
        yield page, strip_probability(float(delta / 4), float(delta), shape=k, scale=float(theta))


@formula("E4", "25363904")
def _(term):
    def expectation(u, theta, delta):
        return gamma_mean(lambda w: delta / (delta + theta * w), u)

    for page in (expectation, lambda u, theta, delta: _i(u, delta, theta)):
        yield from compared(term, page, keyword="order")


@formula("E5", "ffd30350")
def _(term):
    yield from compared(
        term, lambda u, theta, delta: 1 - u * _e(u + 1, delta / theta), keyword="order"
    )


@formula("E6", "dd5d6a0c")
def _(printed):
    for u, theta, delta in points(INTEGER):
        yield _i(u, delta, theta / 2), printed(delta, order=u, scale=theta)


def _eq13(k, theta, delta, scale, sign):
    """q_i − ½ ± (Θ/2D) ΣΣ I(k+i, scale) [f(δ2) − f(δ1)] at q_i = ½ and a strip of width STRIP below δ."""
    @cache
    def term(order):
        return _i(order, delta, scale)

    below = delta - STRIP
    strip = double_sum(k, below, theta) - double_sum(k, delta, theta)
    rise = double_sum(k, delta, theta, term) - double_sum(k, below, theta, term)
    return sign * rise / (2 * strip)


@formula("E7", "8df78f38")
def _(printed):
    with mp.workdps(40):
        for k, theta, delta in points(INTEGER[:3]):
            value = printed(delta - STRIP, delta, mpf(1) / 2, shape=k, scale=theta)
            yield _eq13(k, theta, delta, theta / 2, 1), value


@formula("E8", "89efc2da")
def _(expected_target):
    with mp.workdps(40):
        yield from compared(
            expected_target, lambda k, theta, delta: mpf(1) / 2 - _eq13(k, theta, delta, theta, -1), INTEGER
        )


@formula("E9", "b5289fc7")
def _(expected_target):
    def page(k, theta, delta):
        weights = [paper_f(i, k, k, delta, theta) for i in range(k)]
        return (1 - mp.fdot(weights, [_i(k + i, delta, theta) for i in range(k)]) / mp.fsum(weights)) / 2

    yield from compared(expected_target, page, INTEGER)


@formula("E10", "fa45020d")
def _(expected_target):
    def page(k, theta, delta):
        z = delta / theta
        a = [mp.binomial(k - 1, i) * mp.factorial(k + i - 1) / mpf(2) ** (k + i) * z ** (k - 1 - i) for i in range(k)]
        return mp.fdot(a, [(k + i) * _e(k + i + 1, z) for i in range(k)]) / mp.fsum(a) / 2

    yield from compared(expected_target, page, INTEGER)


@formula("E11", "bbf8f98e")
def _(expected_target):
    def page(k, theta, delta):
        z = delta / theta

        def h(u):
            return (u * (1 + u / (2 * z))) ** (k - 1) * mp.exp(-u)

        return line_integral(lambda u: h(u) * u / (z + u)) / line_integral(h) / 2

    yield from compared(expected_target, page)


def _r(k, z):
    """(E12)."""
    nu = k - mpf(1) / 2
    return z**nu / mp.besselk(nu, z) * mp.quad(
        lambda s: s**-nu * mp.besselk(nu, s), [z, z + 1, z + 4, z + 16, z + 64, z + 256])


@formula("E12", "402d4150")
def _(expected_target):
    with mp.workdps(18):
        yield from compared(expected_target, lambda k, theta, delta: (1 - _r(k, delta / theta)) / 2)


def _certified(k, z):
    """φ at scale 1, to 40 digits."""
    return mpf(certified.expected_target(_exact(z), shape=_exact(k), scale=1, digits=40).digits)


def _exact(number):
    """An mpf as the exact fraction that it is."""
    mantissa, exponent = mpf(number).man_exp
    return Fraction(int(mantissa)) * Fraction(2) ** exponent


def _slope(k, z):
    """dφ/dz by a central difference of certified values; its error is of the order of 1e-20."""
    step = mpf(2) ** -36
    with mp.workdps(40):
        return (_certified(k, z + step) - _certified(k, z - step)) / (2 * step)


@formula("E13", "a2b359f2")
def _(expected_target):
    for k, theta, delta in points(REAL):
        z, nu = delta / theta, k - mpf(1) / 2
        r = 1 - 2 * mpf(expected_target(float(delta), shape=float(k), scale=float(theta)))
        ratio = mp.besselk(nu + 1, z) / mp.besselk(nu, z)
        # R = [1 + R']/ratio, the same equation, in which R' and its cancellation are no divisor
        yield (1 - 2 * _slope(k, z)) / ratio, r


@formula("E14", "205df450")
def _(expected_target):
    for k, theta, delta in points(REAL):
        z = delta / theta

        def weighted(function, k=k, z=z):
            return line_integral(lambda v: function(v) * (v * (1 + v / 2)) ** (k - 1) * mp.exp(-z * v))

        unit = weighted(lambda v: 1)
        product_mean, mean, share = (weighted(function) / unit for function in (
            lambda v: v * v / (1 + v), lambda v: v, lambda v: v / (1 + v)))
        yield -(product_mean - mean * share) / 2, _slope(k, z)
        yield share / 2, expected_target(float(delta), shape=float(k), scale=float(theta))


@formula("E15", "bebef427")
def _(expected_target):
    for k in (0.5, 1.0, 3.7):
        yield mpf(1) / 2, expected_target(0.0, shape=k, scale=2.0)
    for k in map(mpf, (0.05, 0.25, 0.4)):
        page = k / (2 * (1 - k)) * mp.hyp2f1(1, 1 - 2 * k, 2 - k, mpf(1) / 2)
        yield page, expected_target(0.0, shape=float(k), scale=2.0)
    yield page, _certified(k, mpf(10) ** -120)  # what is neglected is of order z^(1 − 2k)


@formula("E16", "d68bd0fc")
def _(expected_target):
    z = mpf(2) ** -54
    with mp.workdps(40):
        for k in map(mpf, (2.0, 2.5, 4.0)):  # what is neglected is of order z log z at k = 2, else less
            slope = 1 / (4 * (k - 1))
            yield slope, (mpf(1) / 2 - _certified(k, z)) / z
            yield mpf(1) / 2 - slope * z, expected_target(float(z), shape=float(k), scale=1.0)


@formula("E17", "13bb6a29")
def _(expected_target):
    yield from compared(
        expected_target, lambda k, theta, delta: k * theta / (2 * delta), ((k, 2.0, 1e15) for k in (0.3, 1.0, 4.0))
    )


@formula("E18", "3b577cc0")
def _(expected_target):
    for k, theta, delta in points(REAL):
        def weight(y, k=k, theta=theta, delta=delta):
            return gamma_density(y, k, theta) * gamma_density(y + delta, k, theta)

        mean = line_integral(lambda y: weight(y) * (y + delta) / (2 * y + delta)) / line_integral(weight)
        yield mean, expected_target(-float(delta), shape=float(k), scale=float(theta))
        yield mean, 1 - mpf(expected_target(float(delta), shape=float(k), scale=float(theta)))
