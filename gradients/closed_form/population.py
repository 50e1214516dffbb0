"""What a whole population of random pairs says of both losses, for true losses X, Y ~ Gamma(k, Θ), independent.

The LearningLoss++ target of such a pair is p_i = X/(X + Y) ~ Beta(k, k), whatever the scale. Scalars and arrays
broadcast, with the errors of `gradients.closed_form.pair`. The expected gradient at a given gap is that of
`gammaprob.expected_gradient`.
"""

from __future__ import annotations

import numpy as np

from gammaprob import gap_cdf
from gammaprob.domains import SHAPE, real_array
from gradients.closed_form._arguments import MARGIN, numbers

__all__ = ["coefficient_law", "expected_divergence", "penalised_share"]

# E_2n/4^n, n = 0 … 6, with Euler's numbers E = 1, −1, 5, −61, 1385, −50521, 2702765.
_EULER = (1.0, -1 / 4, 5 / 16, -61 / 64, 1385 / 256, -50521 / 1024, 2702765 / 4096)
# Pairs of terms taken off before the series: it starts at s ≥ 32.5 then, where the first term left out, relative to the
# first, is 199360981/4^7 s^−14 < 9e-18.
_PAIRS = 16


def coefficient_law(shape):
    """The law of the LearningLoss++ coefficient q_i − p_i at q_i = ½ over random pairs: Beta(k, k) − ½.

    p_i = X/(X + Y) ~ Beta(k, k), which is symmetric about ½, so that ½ − p_i and p_i − ½ have one law. Support
    (−½, ½); mean, median and skewness 0; variance 1/(4(2k + 1)); E|c| = 4^−k/(k B(k, k)). For k = 1 it is uniform; for
    k < 1 its density is largest at ±½, and as k → 0 it is the coefficient of Learning Loss, halved; as k grows it nears
    N(0, 1/8k): losses that are alike give little gradient. Learning Loss has |c| = 1 at d = 0 throughout.

    `shape` is k > 0, finite; returns a frozen `scipy.stats` distribution, with its methods and shapes.
    Source: derived here from paper Eq. 4a. Errors: `DomainError`, `ArgumentError`.

    >>> from gradients.closed_form import coefficient_law
    >>> law = coefficient_law(4)
    >>> print(f"{law.var():.6f} {law.cdf(0.25) - law.cdf(-0.25):.6f}")
    0.027778 0.858887
    """
    from scipy.stats import beta  # slow to import, and only needed here

    shape = real_array("shape", shape, SHAPE)
    return beta(shape, shape, loc=-0.5)


def penalised_share(*, shape, scale, margin=1.0):
    """P(|X − Y| < ξ): the share of random pairs that Learning Loss penalises although the prediction is exact.

    If l̂ = l for both images then d = l_i − l_j, and the loss max(0, ξ − |l_i − l_j|) is positive, with a gradient of
    full size, unless the true losses differ by ξ or more. That is the law of the loss gap. (LearningLoss++, for its
    part, has its minimum not at l̂ = l but at l̂ = log l, up to a constant: `minimising_gap`.)

    k, Θ > 0 and ξ ≥ 0, finite. Source: paper Eq. 1 and 5. Errors: `DomainError`, `ArgumentError`, `BroadcastError`.

    >>> from gradients.closed_form import penalised_share
    >>> print(f"{penalised_share(shape=4, scale=0.066):.6f}")
    0.999967
    """
    (margin,) = numbers(("margin", margin, MARGIN))
    return gap_cdf(margin, shape=shape, scale=scale)


def expected_divergence(shape):
    """E KL(p‖½) over random pairs: how far the LearningLoss++ target is from undecided, on average.

    E[log 2 + p log p + (1 − p) log(1 − p)] for p ~ Beta(k, k). As E[p log p] = ½(ψ(k + 1) − ψ(2k + 1)) this is
    log 2 − ψ(2k + 1) + ψ(k + 1). It falls from log 2 as k → 0, where one of the two losses is all, to 1/(4k) for
    large k.

    `shape` is k > 0, finite. Relative error below 2e-15 (measured: 7e-16 from k = 1e-6 to 1e8), as long as the
    answer is no subnormal number. Source: derived here from paper Eq. 3; DLMF 5.5.8, 24.2.6. Errors: `DomainError`,
    `ArgumentError`.

    >>> from gradients.closed_form import expected_divergence
    >>> print(f"{expected_divergence(4):.15f} {expected_divergence(1e8):.6e}")
    0.058623371036136 2.500000e-09
    """
    # The duplication formula ψ(2k + 1) = ½ψ(k + ½) + ½ψ(k + 1) + log 2 removes the logarithms:
    #     E KL = ½ (ψ(k + 1) − ψ(k + ½)) = β(x),  x = 2k + 1,  β(x) = Σ_n (−1)^n/(x + n) = ∫ e^(−xt)/(1 + e^(−t)) dt,
    # which still cancels as two digammas. The sum's terms in pairs are positive, and so is what remains:
    #     β(x) = Σ_{j<J} 1/((x + 2j)(x + 2j + 1)) + β(x + 2J).
    # For it, with s = x − ½, β(x) = ½ ∫ e^(−st) sech(t/2) dt ~ 1/(2s) Σ_n E_2n/(4^n s^2n), whose error is below the
    # first term left out: sech is a mixture of cosines, and a cosine is enveloped by its Taylor series.
    (shape,) = numbers(("shape", shape, SHAPE))
    with np.errstate(over="ignore"):
        first = 2.0 * shape + 1.0
        centre = first + (2 * _PAIRS - 0.5)
        total = np.polynomial.polynomial.polyval(centre**-2.0, _EULER) / (2.0 * centre)
        for j in reversed(range(_PAIRS)):
            term = first + 2 * j
            total = total + 1.0 / term / (term + 1.0)
    return total[()]
