"""The law at integer shapes as exact finite sums: rational coefficients, one exponential, ball arithmetic.

|X − Y| is a mixture of Erlang laws with Banach's matchbox weights w_m = C(2k−1−m, k−1)/2^{2k−1−m}, m = 1..k, so that

    S(z) = e^{−z} Σ_{j<k} s_j z^j/j!,   s_j = Σ_{m>j} w_m,

and all terms are positive. The density of the signed difference (supplementary, below Eq. 6: f with n = k) is

    p(δ) = e^{−z}/Θ Σ_{i<k} c_i z^{k−1−i},   c_i = C(k−1, i) (k+i−1)! / ((k−1)!² 2^{k+i}),

and φ = ½ (1 − Σ c_i z^{k−1−i} I(k+i) / Σ c_i z^{k−1−i}) is supplementary Eq. 13 in the limit δ₁ → δ₂, where
I(u) = z e^z E_u(z) comes from I(1) = z e^z E_1(z) by I(u+1) = z (1 − I(u))/u (DLMF 8.19.12).
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

from flint import arb, ctx, fmpq, fmpz

__all__ = ["density", "mean_target", "survival"]


@lru_cache(maxsize=64)
def _survival_coefficients(k: int) -> tuple[fmpq, ...]:
    """s_j/j! for j = k−1 down to 0, exactly: the coefficients of S e^z, highest power first."""
    coefficients, below = [], Fraction(0)
    weight = Fraction(1, 2 ** (k - 1))
    for m in range(k, 0, -1):
        below += weight
        coefficients.append(fmpq(below.numerator, below.denominator) / fmpz(math.factorial(m - 1)))
        # w_{m−1} = w_m (2k − m)/(2 (k − m + 1)), the recurrence of the weights read downwards.
        weight *= Fraction(2 * k - m, 2 * (k - m + 1))
    return tuple(coefficients)


@lru_cache(maxsize=64)
def _density_coefficients(k: int) -> tuple[fmpq, ...]:
    """c_i for i = 0 .. k−1, exactly: the coefficients of p Θ e^z, highest power first."""
    unit = math.factorial(k - 1) ** 2
    return tuple(
        fmpq(math.comb(k - 1, i) * math.factorial(k + i - 1), unit * 2 ** (k + i)) for i in range(k)
    )


@lru_cache(maxsize=256)
def _balls(coefficients, k: int, bits: int) -> tuple[arb, ...]:
    with ctx.workprec(bits):
        return tuple(arb(coefficient) for coefficient in coefficients(k))


def _horner(coefficients, z: arb) -> arb:
    value = arb(0)
    for coefficient in coefficients:
        value = value * z + coefficient
    return value


def survival(k: int, z: arb) -> arb:
    """S(z) at the current working precision."""
    return (-z).exp() * _horner(_balls(_survival_coefficients, k, ctx.prec), z)


def density(k: int, z: arb) -> arb:
    """The density Θ p of the signed difference at z >= 0, in units of 1/Θ."""
    return (-z).exp() * _horner(_balls(_density_coefficients, k, ctx.prec), z)


def mean_target(k: int, z: arb) -> arb:
    """φ at z > 0. The recurrence of I loses digits by a factor z/u a step; the caller raises the precision."""
    coefficients = _balls(_density_coefficients, k, ctx.prec)
    integral = z * z.exp() * z.expint(1)
    for u in range(1, k):
        integral = z * (1 - integral) / u
    weighted = []
    for i, coefficient in enumerate(coefficients):
        weighted.append(coefficient * integral)
        integral = z * (1 - integral) / (k + i)
    return (1 - _horner(weighted, z) / _horner(coefficients, z)) / 2
