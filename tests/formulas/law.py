"""docs/mathematics/law.md, in mpmath."""

from __future__ import annotations

from itertools import product

from mpmath import mp, mpf

from gammaprob.theta_interval import PrintedCell
from tests.formulas import (
    INTEGER, REAL, antiderivative, bracketed_root, compared, difference_density, double_sum, formula, gamma_density,
    gamma_mean, line_integral, matchbox, paper_f, points, upper_gamma,
)


@formula("L1", "e065f1c6")
def _(gamma_integral):
    yield from compared(gamma_integral, lambda k, theta, x: antiderivative(x, k, theta), INTEGER)
    yield from compared(gamma_integral, lambda k, theta, x: -upper_gamma(k, x / theta))


@formula("L2", "3cb3d249")
def _(gap_sf):
    yield from compared(gap_sf, lambda k, theta, delta: mp.fsum(
        matchbox(m, k) * upper_gamma(m, delta / theta) for m in range(1, k + 1)), INTEGER)


@formula("L3", "e3080fa4")
def _(gap_sf):
    def page(k, theta, delta):
        z = delta / theta
        return mp.exp(-z) * mp.fsum(
            mp.fsum(matchbox(m, k) for m in range(j + 1, k + 1)) * z**j / mp.factorial(j) for j in range(k)
        )

    yield from compared(gap_sf, page, INTEGER)


@formula("L4", "abcbbeb7")
def _(gap_cdf):
    def page(k, theta, delta):
        z = delta / theta
        return mp.exp(-z) * mp.fsum(
            mp.fsum(matchbox(m, k) for m in range(1, min(j, k) + 1)) * z**j / mp.factorial(j) for j in range(1, 80)
        )

    yield from compared(gap_cdf, page, (*INTEGER, (4, 1.0, 1e-9)))


@formula("L5", "35017172")
def _(gap_cdf):
    def page(k, theta, delta):
        def inner(lower, upper):
            return upper_gamma(k, lower / theta) - upper_gamma(k, upper / theta)

        far = [delta + 10 * n * theta for n in range(12)]
        return mp.quad(lambda x: gamma_density(x, k, theta) * inner(0, x + delta), [0, delta]) + mp.quad(
            lambda x: gamma_density(x, k, theta) * inner(x - delta, x + delta), far)

    with mp.workdps(18):
        yield from compared(gap_cdf, page, (INTEGER[0], (2.5, 0.5, 1.0)))


@formula("L6", "e43aa417")
def _(f):
    for (k, theta, delta), n in product(points(INTEGER), (1, 2, 4)):
        for i in range(n if n <= k else 0):
            yield paper_f(i, n, k, delta, theta), f(i, n, shape=k, delta=delta, scale=theta)


@formula("L7", "3b302e51")
def _(gap_sf):
    yield from compared(gap_sf, lambda k, theta, delta: 2 * double_sum(k, delta, theta), INTEGER)


@formula("L8", "d91b7d45")
def _(gap_cdf):
    yield from compared(gap_cdf, lambda k, theta, delta: 1 - 2 * double_sum(k, delta, theta), INTEGER)


def _eq6(k, theta, delta, b, d):
    return 1 + b * antiderivative(delta, k, theta) - double_sum(k, delta, theta) + d * double_sum(
        k, -delta, theta, lambda order: antiderivative(delta, order, theta / 2))


@formula("L9", "2cf490a4")
def _(printed):
    for k, theta, delta in points(INTEGER):
        yield _eq6(k, theta, delta, -theta, 1), printed(delta, shape=k, scale=theta)
        yield theta, printed(0, shape=k, scale=theta)


@formula("L10", "287df60d")
def _(gap_cdf):
    yield from compared(gap_cdf, lambda k, theta, delta: _eq6(k, theta, delta, 1, -1), INTEGER)


@formula("L11", "f2239963")
def _(gap_cdf, gap_sf):
    for function, error_function in ((gap_cdf, mp.erf), (gap_sf, mp.erfc)):
        def page(k, theta, delta, error_function=error_function):
            return gamma_mean(lambda w: error_function(delta / theta / (2 * mp.sqrt(w))), k)

        yield from compared(function, page)


@formula("L12", "5df77387")
def _(difference_pdf):
    yield from compared(difference_pdf, lambda k, theta, delta: difference_density(delta, k, theta))


@formula("L13", "7c54f9ce")
def _(gap_cdf):
    def page(k, theta, delta):
        z, nu = delta / theta, k - mpf(1) / 2
        return z * (mp.besselk(nu, z) * mp.struvel(nu - 1, z) + mp.struvel(nu, z) * mp.besselk(nu - 1, z))

    yield from compared(gap_cdf, page)


@formula("L14", "40a74189")
def _(gap_cdf):
    def page(k, theta, delta):
        z = delta / theta
        return (1 + z**-2) ** -k + gamma_mean(lambda w: mp.erf(z / (2 * mp.sqrt(w))) - mp.exp(-w / z**2), k)

    yield from compared(gap_cdf, page)


@formula("L15", "e813fdc0")
def _(gap_cdf):
    def page(k, theta, delta):
        def given(total):  # P(|2p − 1| ≤ δ/T), p ~ Beta(k, k)
            half = min(1, delta / (theta * total)) / 2
            return mp.betainc(k, k, mpf(1) / 2 - half, mpf(1) / 2 + half, regularized=True)

        corner = delta / theta
        pieces = [corner * mp.exp(t) for t in range(9)]
        return 1 - upper_gamma(2 * k, corner) + mp.quad(lambda t: gamma_density(t, 2 * k, mpf(1)) * given(t), pieces)

    with mp.workdps(18):
        yield from compared(gap_cdf, page, (INTEGER[0], (2.5, 0.5, 1.0)))


@formula("L16", "591d5e18")
def _(gap_cdf):
    def page(k, theta, delta):
        z, half = delta / theta, mpf(1) / 2
        second = mp.gamma(half - k) / (2 * k) * (z / 2) ** (2 * k - 1)
        return z / (mp.sqrt(mp.pi) * mp.gamma(k)) * (mp.gamma(k - half) + second)

    yield from compared(gap_cdf, page, ((k, 2.0, 1e-10) for k in (0.2, 0.45, 0.6, 2.3, 4.0)))


@formula("L17", "c715b7aa")
def _(gap_logsf):
    # What is neglected is (k − 1) k/2z of S or so: relative to log S ≈ −z, 1e-15.
    yield from compared(
        gap_logsf, lambda k, theta, delta: mp.log((delta / theta / 2) ** (k - 1) / mp.gamma(k)) - delta / theta,
        ((k, 1.0, 1e8) for k in (0.3, 2.5, 4.0)),
    )


@formula("L18", "1fbed072")
def _(gamma_gap):
    def page(k, theta, r):
        return (2 * theta) ** r * mp.gamma(k + r / 2) * mp.gamma((r + 1) / 2) / (mp.gamma(k) * mp.sqrt(mp.pi))

    for (k, theta, _), r in product(points(REAL[1:4]), (1, 2, 3)):
        yield page(k, theta, mpf(r)), gamma_gap.moment(r, float(k), scale=float(theta))
    with mp.workdps(18):
        for r in map(mpf, (-0.5, 1.5)):
            mean = line_integral(lambda delta: delta**r * 2 * difference_density(delta, mpf(2.5), mpf(0.5)), -96, 4, 10)
            yield page(mpf(2.5), mpf(0.5), r), mean


@formula("L19", "c4d7480c")
def _(gap_sf):
    def page(k, theta, delta):
        z = delta / theta
        r = mp.sqrt(k**2 + z**2)
        b = (r - k) / 2

        def integrand(v):  # v = e^τ
            x = mp.sqrt(b / v)
            fall = 2 * b * (mp.cosh(mp.log(v)) - 1) + k * (v - 1 - mp.log(v))
            return mp.exp(x**2 - fall) * mp.erfc(x) / v

        return (k + b) ** k * mp.exp(-r) / mp.gamma(k) * line_integral(integrand)

    yield from compared(gap_sf, page)


@formula("L20", "381e4e5e")
def _(interval):
    cell = PrintedCell("P", "0.06", "0.274")
    found = interval([cell], "rounding", shape="4", scale="0.066", digits=15)
    for end, value in ((found.lower, "0.2745"), (found.upper, "0.2735")):
        z = bracketed_root(lambda z, value=value: 1 - 2 * double_sum(4, z, mpf(1)) - mpf(value), 0.5, 1.5)
        yield mpf(cell.delta) / z, mpf(str(end))
