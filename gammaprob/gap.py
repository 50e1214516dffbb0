"""The exact law of the gap |X − Y| between the true losses of two images, X and Y independent Gamma(shape k, scale Θ).

With z = δ/Θ and W ~ Gamma(k, 1), |X − Y|/Θ is distributed as √(2W)·|N(0, 1)|, the folded symmetric variance-gamma
law. The paper's closed form (Eq. 5; supplementary Eq. 6) is its distribution function at integer k. Every function
here

* takes array-likes and broadcasts over all arguments; scalars in, scalar out; float64;
* holds for every real shape k > 0, far beyond the paper's integers;
* has a relative error of at most 1e-13 for shapes in [1e-3, 1e6] and z in [1e-12, 1e5] (integer shapes up to 1000:
  4e-15), plus four roundings of the input where the quantity is ill-conditioned in it; `tests/oracle` records what was
  reached;
* returns NaN for array elements outside the domain (shape or scale not a finite number > 0, NaN anywhere), and raises
  `DomainError` for a scalar shape or scale outside it, `ArgumentError` for text, complex numbers and objects, and
  `BroadcastError` for array shapes that do not fit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gammaprob._evaluate import evaluate
from gammaprob._quantile import quantile
from gammaprob._strip import strip
from gammaprob.domains import DELTA, real_array

__all__ = [
    "difference_pdf", "gamma_integral", "gap_cdf", "gap_isf", "gap_logcdf", "gap_logpdf", "gap_logsf", "gap_pdf",
    "gap_ppf", "gap_sf", "strip_probability",
]  # fmt: skip


def gap_cdf(delta, *, shape, scale):
    """Probability that two images' losses differ by at most δ: P(|X − Y| ≤ δ).

    F(δ) = Σ_{m≤k} w_m P(m, z) at integer k, and E erf(z / 2√W) at every real k; z = δ/Θ, W ~ Gamma(k, 1).

    Source: paper Eq. 5 and Table 1; supplementary Eq. 6.
    ERRATUM: SUP-EQ6, the printed closed form has two wrong signs and a stray Θ.

    Parameters
    ----------
    delta : array_like
        Loss gap δ, in the unit of `scale`; δ < 0 gives 0 (the support is [0, ∞)).
    shape, scale : array_like
        Gamma shape k > 0 and scale Θ > 0 of the losses.

    Raises
    ------
    DomainError, ArgumentError, BroadcastError
        See the module's description.

    Examples
    --------
    >>> from gammaprob import gap_cdf
    >>> print(f"{gap_cdf(0.1, shape=4, scale=0.066):.12f}")
    0.440766939054
    >>> gap_cdf([0.0, 0.1, float("inf")], shape=4, scale=0.066).round(6).tolist()
    [0.0, 0.440767, 1.0]
    """
    return evaluate("cdf", delta, shape, scale)


def gap_sf(delta, *, shape, scale):
    """Probability that two images' losses differ by more than δ: S(δ) = P(|X − Y| > δ).

    S = e^−z Σ_{j<k} T_j z^j/j! with positive T_j at integer k, and E erfc(z / 2√W) at every real k; it keeps its
    relative accuracy down to 1e-300. Arguments, domain and errors (`DomainError`, `ArgumentError`, `BroadcastError`) as
    for `gap_cdf`; δ < 0 gives 1.

    Source: paper Eq. 5 (its complement); the double sum of supplementary Eq. 6 is S/2.

    >>> from gammaprob import gap_sf
    >>> print(f"{gap_sf(30.0, shape=4, scale=0.066):.12e}")
    7.825124851564e-192
    """
    return evaluate("sf", delta, shape, scale)


def gap_pdf(delta, *, shape, scale):
    """Density of the gap |X − Y| at δ, in units of 1/scale.

    p(δ) = 2 (z/2)^ν K_ν(z) / (√π Γ(k) Θ) with ν = k − ½ (K: DLMF 10.25); 0 for δ < 0, and infinite at δ = 0 for k ≤ ½.
    Arguments, domain and errors (`DomainError`, `ArgumentError`, `BroadcastError`) as for `gap_cdf`.

    Source: derivative of paper Eq. 5; twice the density that supplementary Eq. 14 (D) is a strip of.

    >>> from gammaprob import gap_pdf
    >>> print(f"{gap_pdf(0.1, shape=4, scale=0.066):.12f}")
    3.814126960747
    """
    return evaluate("pdf", delta, shape, scale)


def gap_logcdf(delta, *, shape, scale):
    """log P(|X − Y| ≤ δ), accurate also where the probability rounds to 1; −∞ for δ ≤ 0.

    log F for small δ, log1p(−S) for large. Source, arguments, domain and errors (`DomainError`, `ArgumentError`,
    `BroadcastError`) as for `gap_cdf`.

    >>> from gammaprob import gap_logcdf
    >>> print(f"{gap_logcdf(5.0, shape=4, scale=0.066):.6e}")
    -1.279267e-29
    """
    return evaluate("logcdf", delta, shape, scale)


def gap_logsf(delta, *, shape, scale):
    """log P(|X − Y| > δ), accurate also where the probability itself underflows; 0 for δ ≤ 0.

    Source, arguments, domain and errors (`DomainError`, `ArgumentError`, `BroadcastError`) as for `gap_sf`.

    >>> from gammaprob import gap_logsf
    >>> print(f"{gap_logsf(100.0, shape=4, scale=0.066):.9f}")
    -1497.046967262
    """
    return evaluate("logsf", delta, shape, scale)


def gap_logpdf(delta, *, shape, scale):
    """Logarithm of the density of the gap at δ (`gap_pdf`), also where the density underflows; −∞ for δ < 0.

    Near its zero, where the density is 1 per unit of δ, its error is 1e-13 absolute instead of relative.
    Source, arguments, domain and errors (`DomainError`, `ArgumentError`, `BroadcastError`) as for `gap_pdf`.

    >>> from gammaprob import gap_logpdf
    >>> print(f"{gap_logpdf(0.1, shape=4, scale=0.066):.12f}")
    1.338711794707
    """
    return evaluate("logpdf", delta, shape, scale)


def gap_ppf(q, *, shape, scale):
    """The gap that a pair of images stays within with probability q: the inverse of `gap_cdf`.

    Solved by a bracketed Newton iteration on log F (q ≤ ½) or log S (q > ½) in log δ, to a relative 1e-12 plus four
    roundings of q. Domain: 0 ≤ q ≤ 1; array elements outside it give NaN, a scalar outside it raises `DomainError`.
    Other arguments and errors as for `gap_cdf`.

    Source: inverse of paper Eq. 5.

    >>> from gammaprob import gap_cdf, gap_ppf
    >>> print(f"{gap_ppf(0.5, shape=4, scale=0.066):.9f}")
    0.116070938
    """
    return quantile(q, shape, scale, upper=False)


def gap_isf(q, *, shape, scale):
    """The gap that a pair of images exceeds with probability q: the inverse of `gap_sf`, for tails down to 1e-300.

    Domain, method and errors (`DomainError`, `ArgumentError`, `BroadcastError`) as for `gap_ppf`. Source: inverse of
    the complement of paper Eq. 5.

    >>> from gammaprob import gap_isf
    >>> print(f"{gap_isf(1e-300, shape=4, scale=0.066):.9f}")
    46.635496809
    """
    return quantile(q, shape, scale, upper=True)


def difference_pdf(delta, *, shape, scale):
    """Density of the signed difference Y − X at any real δ, in units of 1/scale.

    (|z|/2)^ν K_ν(|z|) / (√π Γ(k) Θ), half of `gap_pdf(|δ|)`: the limit of D/(δ_2 − δ_1). Arguments, domain and errors
    (`DomainError`, `ArgumentError`, `BroadcastError`) as for `gap_cdf`.

    Source: supplementary Eq. 14, whose D is the probability of a strip of it.
    ERRATUM: SUP-NORMALISER, the letter p(y − x = δ_2) there names this density for that probability.

    >>> from gammaprob import difference_pdf
    >>> print(f"{difference_pdf(-0.1, shape=4, scale=0.066):.12f}")
    1.907063480373
    """
    with np.errstate(under="ignore"):
        return 0.5 * gap_pdf(np.abs(real_array("delta", delta, DELTA)), shape=shape, scale=scale)


def strip_probability(delta_1, delta_2, *, shape, scale):
    """The paper's D: probability P(δ_1 < Y − X ≤ δ_2) that the signed difference falls into a strip.

    Any signs; the density is integrated over a narrow strip instead of subtracting two probabilities, so that
    neighbouring δ's lose nothing (the relative error stays below 1e-12 of D given δ_2 − δ_1). δ_2 < δ_1 is outside
    the domain: NaN in an array, `DomainError` for scalars. Other arguments and errors as for `gap_cdf`.

    Source: supplementary Eq. 14.

    >>> from gammaprob import strip_probability
    >>> print(f"{strip_probability(0.1, 0.1 + 2**-40, shape=4, scale=0.066) * 2**40:.9f}")
    1.907063480
    """
    return strip(delta_1, delta_2, shape, scale)


def gamma_integral(x, *, shape, scale):
    """The antiderivative of the gamma density that vanishes at infinity: G(x) = −Q(k, x/Θ).

    At integer k, G = −Θ Σ_{n≤k} x^{n−1} e^{−x/Θ} / (Θ^n Γ(n)); Q is the regularised upper incomplete gamma function
    (DLMF 8.2.4), which extends it to every real k > 0. −1 for x ≤ 0, below the support.

    Computed by `scipy.special.gammaincc`, but for its tails, in which it loses digits. Arguments, domain and errors
    (`DomainError`, `ArgumentError`, `BroadcastError`) as for `gap_cdf`.

    Source: supplementary Eq. 1 and 2.

    >>> from gammaprob import gamma_integral
    >>> print(f"{gamma_integral(0.1, shape=4, scale=0.066):.12f}")
    -0.932441486061
    """
    return evaluate("gamma_integral", x, shape, scale, argument=replace(DELTA, name="x"))
