"""Every quantity of the theory as a ball that provably contains it, to as many digits as asked.

The witness of last resort: Arb ball arithmetic (python-flint), with no float64 between the arguments and the result.

* Arguments are single numbers and exact: text is the decimal as written ("0.066" is 33/500), an int, Fraction or
  Decimal is itself, a float (Python's or NumPy's) is the binary value that it holds.
* Results are `Enclosure`s of relative radius at most 10**-digits.
* Every real shape k > 0 is allowed: integers up to 200 take exact finite sums (`_certified_integer`), all others
  trapezoidal sums with proved error bounds (`_certified_real`). A value takes 0.05 to 5 ms at 30 digits for k in
  [1e-3, 1e6] and z = δ/Θ in [1e-12, 1e5], a quantile 1 to 100 ms. flint's precision is as before afterwards; it belongs
  to the whole process, so that threads take turns.
* Errors: `DomainError` for a number outside its domain (and where the value itself is infinite, which no ball holds),
  `ArgumentError` for anything that is not one exact real number, `ConvergenceError` if the digits cannot be had.
"""

from __future__ import annotations

from fractions import Fraction

from flint import arb

from gammaprob import _certified_law as law
from gammaprob._certified_enclosure import Enclosure, ball, certify, exact
from gammaprob._certified_quantile import quantile
from gammaprob.domains import DELTA, NONNEGATIVE_DELTA, ORDER, PROBABILITY, SCALE, SHAPE
from gammaprob.errors import DomainError, shown

__all__ = [
    "Enclosure", "difference_pdf", "expected_target", "exponential_integral_term", "gamma_integral", "gap_cdf",
    "gap_isf", "gap_logcdf", "gap_logpdf", "gap_logsf", "gap_pdf", "gap_ppf", "gap_sf", "strip_probability",
]  # fmt: skip


def gap_cdf(delta, *, shape, scale, digits: int = 30) -> Enclosure:
    """Probability that two losses differ by at most δ: F = P(|X − Y| ≤ δ).

    F = E erf(z/(2√W)) with z = δ/Θ and W ~ Gamma(k, 1); 0 for δ ≤ 0. Source: main paper Eq. 5, closed form (for integer
    k) supplementary Eq. 6. Arguments and errors: see the module.

    >>> from gammaprob import certified
    >>> certified.gap_cdf("0.1", shape=4, scale="0.066").digits
    '0.440766939053700627146623050476'
    """
    z, k, _, largest = _arguments(delta, shape, scale)
    return certify(lambda bits: law.distribution(k, max(z, _ZERO), bits), digits, largest)


def gap_sf(delta, *, shape, scale, digits: int = 30) -> Enclosure:
    """Probability that two losses differ by more than δ: S = P(|X − Y| > δ), with relative accuracy however small.

    S = E erfc(z/(2√W)); 1 for δ ≤ 0. Source: the complement of main paper Eq. 5. Arguments and errors: see the module.

    >>> from gammaprob import certified
    >>> certified.gap_sf(10**5, shape="2.5", scale=1, digits=10).digits
    '2.996699110e-43423'
    """
    z, k, _, largest = _arguments(delta, shape, scale)
    return certify(lambda bits: law.survival(k, max(z, _ZERO), bits), digits, largest)


def gap_pdf(delta, *, shape, scale, digits: int = 30) -> Enclosure:
    """Density of the gap |X − Y| at δ, in units of 1/scale.

    2 (z/2)^ν K_ν(z)/(√π Γ(k) Θ) with ν = k − 1/2 (K: DLMF 10.25); 0 for δ < 0, infinite (`DomainError`) at δ = 0 for
    k ≤ 1/2. Source: the derivative of main paper Eq. 5. Arguments and errors: see the module.

    >>> from gammaprob import certified
    >>> certified.gap_pdf(0, shape=4, scale=1, digits=5).digits
    '0.31250'
    """
    z, k, theta, largest = _arguments(delta, shape, scale)
    _refuse_pole(z, k)
    return certify(lambda bits: 2 * law.density(k, z, bits) / ball(theta) if z >= 0 else arb(0), digits, largest)


def gap_logcdf(delta, *, shape, scale, digits: int = 30) -> Enclosure:
    """log P(|X − Y| ≤ δ) for δ > 0, with relative accuracy also where the probability is near 1.

    Source: main paper Eq. 5. Arguments and errors: see the module; `DomainError` for δ ≤ 0, where it is −∞.

    >>> from gammaprob import certified
    >>> certified.gap_logcdf(5, shape=4, scale="0.066", digits=10).digits
    '-1.279267089e-29'
    """
    z, k, _, largest = _arguments(delta, shape, scale)
    _refuse_log_of_zero(z > 0, delta)
    return certify(lambda bits: law.log_distribution(k, z, bits), digits, largest)


def gap_logsf(delta, *, shape, scale, digits: int = 30) -> Enclosure:
    """log P(|X − Y| > δ), with relative accuracy also where the probability is near 1; 0 for δ ≤ 0.

    Source: the complement of main paper Eq. 5. Arguments and errors: see the module.

    >>> from gammaprob import certified
    >>> certified.gap_logsf(100, shape=4, scale="0.066", digits=15).digits
    '-1497.04696726231'
    """
    z, k, _, largest = _arguments(delta, shape, scale)
    return certify(lambda bits: law.log_survival(k, max(z, _ZERO), bits), digits, largest)


def gap_logpdf(delta, *, shape, scale, digits: int = 30) -> Enclosure:
    """Logarithm of the density of the gap |X − Y| at δ ≥ 0 (`gap_pdf`).

    Source: the derivative of main paper Eq. 5. Arguments and errors: see the module; `DomainError` for δ < 0, where it
    is −∞, and for δ = 0 at k ≤ 1/2, where it is +∞.

    >>> from gammaprob import certified
    >>> certified.gap_logpdf("0.1", shape=4, scale="0.066", digits=15).digits
    '1.33871179470668'
    """
    z, k, theta, largest = _arguments(delta, shape, scale)
    _refuse_log_of_zero(z >= 0, delta)
    _refuse_pole(z, k)
    return certify(lambda bits: (2 * law.density(k, z, bits) / ball(theta)).log(), digits, largest)


def gap_ppf(q, *, shape, scale, digits: int = 30) -> Enclosure:
    """The δ that two losses' gap stays within with probability q: F(δ) = q, for 0 ≤ q < 1.

    Source: the inverse of main paper Eq. 5. Arguments and errors: see the module; `DomainError` for q = 1: it is ∞.

    >>> from gammaprob import certified
    >>> certified.gap_ppf("0.5", shape=4, scale="0.066", digits=20).digits
    '0.11607093754283703885'
    """
    level, k, theta = exact("q", q, PROBABILITY), exact("shape", shape, SHAPE), exact("scale", scale, SCALE)
    return _quantile(q, shape, level, 1 - level, k, theta, digits)


def gap_isf(q, *, shape, scale, digits: int = 30) -> Enclosure:
    """The δ that two losses' gap exceeds with probability q: S(δ) = q, for 0 < q ≤ 1.

    Source: the inverse of the complement of main paper Eq. 5. Arguments and errors: see the module; `DomainError` for
    q = 0, where it is ∞.

    >>> from gammaprob import certified
    >>> certified.gap_isf("1e-300", shape=4, scale="0.066", digits=20).digits
    '46.635496808630360256'
    """
    level, k, theta = exact("q", q, PROBABILITY), exact("shape", shape, SHAPE), exact("scale", scale, SCALE)
    return _quantile(q, shape, 1 - level, level, k, theta, digits)


def difference_pdf(delta, *, shape, scale, digits: int = 30) -> Enclosure:
    """Density of the signed difference Y − X at any δ, in units of 1/scale: half of `gap_pdf(|δ|)`.

    Source: D/(δ₂ − δ₁) of supplementary Eq. 14 as δ₁ → δ₂. Arguments and errors: see the module; `DomainError` for
    δ = 0 at k ≤ 1/2, where it is infinite.

    >>> from gammaprob import certified
    >>> certified.difference_pdf("-0.1", shape=4, scale="0.066", digits=15).digits
    '1.90706348037330'
    """
    z, k, theta, largest = _arguments(delta, shape, scale)
    _refuse_pole(z, k)
    return certify(lambda bits: law.density(k, abs(z), bits) / ball(theta), digits, largest)


def strip_probability(delta_1, delta_2, *, shape, scale, digits: int = 30) -> Enclosure:
    """The paper's D: the probability of the strip δ₁ < Y − X ≤ δ₂, for any signs and δ₁ ≤ δ₂.

    ½ |S(|z₁|) − S(|z₂|)| on one side of 0, where the precision grows until the difference has its digits, and
    ½ (F(|z₁|) + F(|z₂|)) across it. Source: supplementary Eq. 14. Arguments and errors: see the module; `DomainError`
    for δ₁ > δ₂.

    >>> from gammaprob import certified
    >>> certified.strip_probability("0.1", "0.1000000001", shape=4, scale="0.066", digits=15).digits
    '1.90706347998149e-10'
    """
    z1, k, theta, largest = _arguments(delta_1, shape, scale, "delta_1")
    z2 = exact("delta_2", delta_2, DELTA) / theta
    if abs(z2) > max(abs(z1), k):
        largest = ("delta_2", delta_2)
    if z1 > z2:
        raise DomainError("delta_2", delta_2, f"a real number >= delta_1 = {shown(delta_1)}", "swap the two")
    if z1 == z2:
        return certify(lambda bits: arb(0), digits, largest)
    if z1 <= 0 <= z2:
        return certify(
            lambda bits: (law.distribution(k, -z1, bits) + law.distribution(k, z2, bits)) / 2, digits, largest
        )
    near, far = sorted((abs(z1), abs(z2)))
    return certify(lambda bits: (law.survival(k, near, bits) - law.survival(k, far, bits)) / 2, digits, largest)


def exponential_integral_term(delta, *, order, scale, digits: int = 30) -> Enclosure:
    """I(u, Θ) = E[δ/(δ + W)] with W ~ Gamma(u, Θ), for real order u > 0 and δ ≥ 0.

    I = z e^z E_u(z) (DLMF 8.19.3). Source: supplementary, below Eq. 12 (its W is 2X, so that 2x has scale Θ). Arguments
    and errors: see the module.

    >>> from gammaprob import certified
    >>> certified.exponential_integral_term("0.1", order=4, scale="0.066", digits=15).digits
    '0.311307658972327'
    """
    theta, u = exact("scale", scale, SCALE), exact("order", order, ORDER)
    z = exact("delta", delta, NONNEGATIVE_DELTA) / theta
    largest = ("delta", delta) if z > u else ("order", order)
    return certify(lambda bits: law.integral_term(u, z, bits), digits, largest)


def expected_target(delta, *, shape, scale, digits: int = 30) -> Enclosure:
    """φ(δ) = E[X/(2X + δ) | Y − X = δ], the expected LearningLoss++ target of the image with the lower loss.

    φ = ½ (1 − z^ν/K_ν(z) ∫_z^∞ s^{−ν} K_ν(s) ds), for integer k the n = k terms of supplementary Eq. 13; 1 − φ(|δ|) for
    δ < 0, and φ(0+) at 0. Source: main paper Eq. 6. Arguments and errors: see the module.

    >>> from gammaprob import certified
    >>> certified.expected_target("0.1", shape=4, scale="0.066").digits
    '0.384448571045360598309957100317'
    """
    z, k, _, largest = _arguments(delta, shape, scale)
    return certify(lambda bits: law.target(k, z, bits) if z >= 0 else 1 - law.target(k, -z, bits), digits, largest)


def gamma_integral(x, *, shape, scale, digits: int = 30) -> Enclosure:
    """G(x) = −Q(k, x/Θ), the antiderivative of the gamma density that vanishes at infinity; −1 for x ≤ 0.

    Q is the regularised upper incomplete gamma function (DLMF 8.2.4). Source: supplementary Eq. 1 and 2, there for
    integer k. Arguments and errors: see the module.

    >>> from gammaprob import certified
    >>> certified.gamma_integral("0.1", shape=4, scale="0.066", digits=15).digits
    '-0.932441486061442'
    """
    z, k, _, largest = _arguments(x, shape, scale, "x")
    return certify(lambda bits: -law.gamma_survival(k, max(z, _ZERO), bits), digits, largest)


_ZERO = Fraction(0)


def _arguments(delta, shape, scale, name: str = "delta") -> tuple[Fraction, Fraction, Fraction, tuple]:
    """z = δ/Θ, k and Θ, exactly, and the name and value of whichever of δ (as |z|) and shape is the larger."""
    theta = exact("scale", scale, SCALE)
    z, k = exact(name, delta, DELTA) / theta, exact("shape", shape, SHAPE)
    return z, k, theta, (name, delta) if abs(z) > k else ("shape", shape)


def _quantile(q, shape, below: Fraction, above: Fraction, k: Fraction, theta: Fraction, digits: int) -> Enclosure:
    """The δ with F(δ) = below and S(δ) = above."""
    if above == 0:
        raise DomainError("q", q, "a probability whose quantile is finite", "pass q < 1 (gap_ppf), q > 0 (gap_isf)")
    return certify(
        lambda bits: ball(theta) * quantile(below, above, k, bits) if below > 0 else arb(0), digits, ("shape", shape)
    )


def _refuse_pole(z: Fraction, k: Fraction) -> None:
    if z == 0 and k <= Fraction(1, 2):
        raise DomainError("delta", 0, "δ ≠ 0 for shape <= 1/2: the density is infinite at 0", "pass another δ")


def _refuse_log_of_zero(positive: bool, delta) -> None:
    if not positive:
        raise DomainError("delta", delta, "a δ with a finite logarithm", "pass δ > 0: no ball holds log 0 = −∞")
