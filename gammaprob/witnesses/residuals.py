"""Witnesses on the argument that losses follow a gamma law: main, section 4.1.1, before Eq 5."""

from __future__ import annotations

from functools import cache

from mpmath import mp, mpf

from gammaprob import as_printed
from gammaprob.witnesses._compare import agree, gamma_density, witness
from paper_tables.outcome import Outcome

_LOSSES = [{"loss": loss, "sigma": sigma} for loss in ("0.3", "1", "4.5") for sigma in ("1/2", "1", "2")]
_SUMS = [point | {"count": count} for point in _LOSSES[::4] for count in (2, 3, 8)]


def _normal_density(value, variance):
    return mp.exp(-value**2 / (2 * variance)) / mp.sqrt(2 * mp.pi * variance)


def _gamma_of_squares(loss, sigma, count=1):
    """γ(n/2, 2σ²), the law that the text arrives at."""
    return gamma_density(as_printed.exact(loss), mpf(count) / 2, 2 * as_printed.exact(sigma) ** 2)


def _density_of_square(loss, sigma):
    """The density of ε² from its distribution function, P(ε² ≤ s) = erf(√(s/2)/σ)."""
    return mp.diff(lambda s: mp.erf(mp.sqrt(s / 2) / as_printed.exact(sigma)), as_printed.exact(loss))


@cache
def _transform_of_square(rate, sigma):
    """E e^(−sε²) at s = rate, by quadrature."""
    rate, sigma = as_printed.exact(rate), as_printed.exact(sigma)
    return mp.quad(lambda t: mp.exp(-rate * t**2) * _normal_density(t, sigma**2), [-mp.inf, 0, mp.inf])


@witness
def residuals_are_losses() -> Outcome:
    """"The residuals (losses) are distributed as per the normal distribution"."""
    def normal(loss, sigma):
        return _normal_density(as_printed.exact(loss), as_printed.exact(sigma) ** 2)

    def square_of_normal(loss, sigma):  # both signs of the residual ±√loss, divided by |d loss/d residual|
        root = mp.sqrt(as_printed.exact(loss))
        return 2 * _normal_density(root, as_printed.exact(sigma) ** 2) / (2 * root)

    return Outcome(
        (
            agree("a loss distributed as N(0, σ²)", normal, _density_of_square, _LOSSES),
            agree("a residual distributed as N(0, σ²), its square as the text goes on", square_of_normal,
                  _gamma_of_squares, _LOSSES),
        ),
        (agree("a residual as N(0, σ²), its loss, the square, as γ(1/2, 2σ²)", _gamma_of_squares, _density_of_square,
               _LOSSES),),
    )


@witness
def squared_residual() -> Outcome:
    """ε² follows γ(1/2, 2σ²) for ε ~ N(0, σ²)."""
    return Outcome((agree("density", _gamma_of_squares, _density_of_square, _LOSSES),))


@witness
def sum_of_gaussians() -> Outcome:
    """"p(ε²) = Σ_{i=1..n} N_i(0, σ²) = γ(n/2, 2σ²)", "a summation of n gaussian distributions"."""
    def sum_of_variables(loss, sigma, count):
        return _normal_density(as_printed.exact(loss), count * as_printed.exact(sigma) ** 2)

    def sum_of_densities(loss, sigma, count):
        return count * _normal_density(as_printed.exact(loss), as_printed.exact(sigma) ** 2)

    def transform_of_sum_of_squares(loss, sigma, count):
        return _transform_of_square(loss, sigma) ** count

    def transform_of_gamma(loss, sigma, count):
        return (1 + 2 * as_printed.exact(sigma) ** 2 * as_printed.exact(loss)) ** (-mpf(count) / 2)

    return Outcome(
        (
            agree("the sum of n Gaussian variables", sum_of_variables, _gamma_of_squares, _SUMS),
            agree("the sum of n Gaussian densities", sum_of_densities, _gamma_of_squares, _SUMS),
        ),
        (agree("the sum of n squared Gaussian variables, by its Laplace transform", transform_of_sum_of_squares,
               transform_of_gamma, _SUMS),),
    )
