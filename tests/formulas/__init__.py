"""The formulas of docs/mathematics once more, in mpmath, from the pages alone: each is compared with a function there.

One module a page. A check is registered under the label that its formula has on the page, with the digest of the
display that it was copied from; it takes the functions that the page names and yields (the page's formula, what the
function says) at some points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256

from mpmath import mp, mpf

INTEGER = ((4, 0.066, 0.1), (1, 1.0, 0.5), (2, 3.5, 4.0), (6, 0.75, 2.25))  # k, Θ, δ
REAL = (*INTEGER[:2], (0.3, 1.0, 0.7), (2.5, 0.5, 1.0), (7.3, 2.0, 30.0))
CHECKS: dict[str, Callable[..., Iterator[tuple]]] = {}
COPIED: dict[str, str] = {}  # label -> digest of the display that the check copies


def digest(display: str) -> str:
    """Eight hexadecimal digits of a display, however its lines are broken."""
    return sha256(" ".join(display.split()).encode()).hexdigest()[:8]


def formula(label: str, copied: str):
    """Register what yields (the page's formula, the value of the function that the page names) at some points."""
    def register(check):
        CHECKS[label], COPIED[label] = check, copied
        return check

    return register


def differences(label: str, *functions) -> list:
    """Relative differences of the page's formula from its functions, NaN for what is no number."""
    found = []
    with mp.workdps(25):
        for page, value in CHECKS[label](*functions):
            page, value = mpf(page), mpf(value)
            found.append(abs(page - value) / max(abs(page), abs(value)) if page != value else mpf(0))
    return found


def gamma_density(x, k, theta):
    return x ** (k - 1) * mp.exp(-x / theta) / (theta**k * mp.gamma(k))


def upper_gamma(a, x):
    return mp.gammainc(a, x, mp.inf, regularized=True)


def line_integral(integrand, lower=-160, upper=8, step=8):
    """∫ over t = log(variable): of an integrand that is negligible outside e^lower … e^upper."""
    return mp.quad(lambda t: integrand(mp.exp(t)) * mp.exp(t), mp.arange(lower, upper + step, step))


def gamma_mean(function, k):
    """E function(W), W ~ Gamma(k, 1)."""
    return line_integral(lambda w: gamma_density(w, mpf(k), mpf(1)) * function(w))


def antiderivative(x, k, theta):
    return -theta * mp.fsum(x ** (n - 1) * mp.exp(-x / theta) / (theta**n * mp.gamma(n)) for n in range(1, k + 1))


def paper_f(i, n, k, delta, theta):
    factor = mp.binomial(n - 1, i) * mp.factorial(k + i - 1) / mp.factorial(k - 1)
    return mp.exp(-delta / theta) * factor * delta ** (n - 1 - i) / (mpf(2) ** (k + i) * theta ** (n - i))


def double_sum(k, delta, theta, factor=lambda order: 1):
    return theta * mp.fsum(
        paper_f(i, n, k, delta, theta) * factor(k + i) / mp.gamma(n) for n in range(1, k + 1) for i in range(n)
    )


def matchbox(m, k):
    return mp.binomial(2 * k - 1 - m, k - 1) / mpf(2) ** (2 * k - 1 - m)


def difference_density(delta, k, theta):
    z = delta / theta
    return (z / 2) ** (k - mpf(1) / 2) * mp.besselk(k - mpf(1) / 2, z) / (mp.sqrt(mp.pi) * mp.gamma(k) * theta)


def points(triples) -> list[tuple]:
    """(k, Θ, δ) as mpmath numbers; an integer k stays one."""
    return [(k if isinstance(k, int) else mpf(k), mpf(theta), mpf(delta)) for k, theta, delta in triples]


def compared(function, page, at=REAL, keyword="shape"):
    """(page(k, Θ, δ), function(δ)) at the points."""
    for k, theta, delta in points(at):
        yield page(k, theta, delta), function(float(delta), **{keyword: float(k)}, scale=float(theta))


def bracketed_root(function, lower, upper):
    return mp.findroot(function, (mpf(lower), mpf(upper)), solver="anderson")
