"""A gamma law fitted to real losses, its goodness of fit, and the pairs of the losses beside the law's.

The paper takes the losses of a converged model as gamma distributed (Section 4.1.1, Fig. 3) and its tables follow from
that. `fit_losses` finds the law for given losses, says whether it describes them, and shows what the pairs of the
losses do by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from numbers import Integral, Real

import numpy as np

from gammaprob.domains import DELTA, real_array
from gammaprob.errors import ArgumentError, DomainError
from gammaprob.gap import gap_cdf, gap_ppf
from gammaprob.goodness import GoodnessTest, goodness_of_fit
from gammaprob.maximum_likelihood import (
    checked_scale, log_ratios, mean_log_deviation, profile, shape_estimate, standard_errors,
)
from gammaprob.pairs import PairStatistic, bandwidth, pair_statistics
from gammaprob.target import expected_target

__all__ = ["FixedShapeFit", "GapComparison", "LossFit", "fit_losses", "refuse_masked"]

_REPLICATES = 999
_LEVEL = 0.01
# With fewer losses the test says next to nothing: with 20, at the level of 1 %, it rejects a uniform law in 22 samples
# of 100, a lognormal one (σ = 1) in 5 and an inverse gamma one (shape 2) in 32; with 10, in 19, 3 and 14 (measured).
_FEWEST_TO_JUDGE = 20
# Without deltas the pairs are shown where the fitted law has these probabilities of a smaller gap.
_DEFAULT_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class FixedShapeFit:
    """The best gamma law of one given shape: its scale mean/shape and the log-likelihood that it costs."""

    shape: float
    scale: float
    log_likelihood_cost: float


@dataclass(frozen=True)
class GapComparison:
    """The pairs at one gap δ, and the same two quantities by the fitted law: P(|X−Y| ≤ δ) and φ(δ)."""

    pairs: PairStatistic
    law_share: float
    law_target: float


@dataclass(frozen=True)
class LossFit:
    """What `fit_losses` found. `str()` of it is a summary for people; every number of it is a field."""

    n: int
    mean: float
    shape: float
    scale: float
    shape_standard_error: float
    scale_standard_error: float
    log_likelihood: float
    integer: FixedShapeFit
    half_integer: FixedShapeFit
    kolmogorov_smirnov: GoodnessTest
    anderson_darling: GoodnessTest
    cramer_von_mises: GoodnessTest
    bootstrap: int
    seed: int
    level: float
    bandwidth: float
    gaps: tuple[GapComparison, ...]

    @property
    def describes(self) -> bool:
        """False when the Anderson-Darling test rejects the gamma law at `level`; True means only that it does not.

        One test decides, chosen beforehand, so that a true gamma law is rejected with probability `level` and no more;
        this one, because it weighs the tails, where the large losses are. At the level of 1 % one sample in a hundred
        of a true gamma law is turned away; 5 % would be one in twenty, too many for a tool that is run on every
        network.
        """
        return self.anderson_darling.p_value > self.level

    @property
    def verdict(self) -> str:
        """One plain sentence: does the gamma law describe the losses, or are they too few (under 20) to tell?"""
        p_value = self.anderson_darling.p_value
        if self.describes and self.n < _FEWEST_TO_JUDGE:
            return (
                f"{self.n} losses are too few to tell whether the gamma law describes them: Anderson-Darling does not "
                f"reject it (p = {p_value:.3g} > {self.level:g}), but of so few would hardly reject any law."
            )
        if self.describes:
            return (
                f"The gamma law is compatible with these {self.n} losses: Anderson-Darling does not reject it "
                f"(p = {p_value:.3g} > {self.level:g})."
            )
        return (
            f"The gamma law does not describe these {self.n} losses: Anderson-Darling rejects it "
            f"(p = {p_value:.3g} ≤ {self.level:g}). Trust the pairs of the losses, not the law's values."
        )

    def __str__(self) -> str:
        lines = [
            f"{self.n} losses, mean {self.mean:.6g}",
            "gamma law by maximum likelihood (location 0)",
            f"  shape           {self.shape:.6g} ± {self.shape_standard_error:.2g}",
            f"  scale           {self.scale:.6g} ± {self.scale_standard_error:.2g}",
            f"  log-likelihood  {self.log_likelihood:.6g}",
        ]
        for name, fixed in (("integer", self.integer), ("half-integer", self.half_integer)):
            lines.append(
                f"  best {name} shape {fixed.shape:.15g} (scale {fixed.scale:.6g}) costs "
                f"{fixed.log_likelihood_cost:.3g} in log-likelihood"
            )
        lines.append(f"goodness of fit ({self.bootstrap} parametric-bootstrap replicates, each fitted again)")
        for test in (self.kolmogorov_smirnov, self.anderson_darling, self.cramer_von_mises):
            lines.append(f"  {test.name:<18}  {test.letter:<2} = {test.statistic:<8.4g}  p = {test.p_value:.4g}")
        if self.gaps:
            count = self.n * (self.n - 1) // 2
            lines.append(f"all {count} pairs (mean p_i over the gaps within {self.bandwidth:.2g} of δ)")
            lines.append(f"  {'δ':>9}  {'share ≤ δ':>17}  {'law':>7}  {'mean p_i':>17}  {'law':>7}")
        for gap in self.gaps:
            pairs = gap.pairs
            lines.append(
                f"  {pairs.delta:>9.4g}"
                f"  {pairs.share:>8.4f} ± {pairs.share_standard_error:<6.4f}  {gap.law_share:>7.4f}"
                f"  {pairs.mean_target:>8.4f} ± {pairs.mean_target_standard_error:<6.4f}  {gap.law_target:>7.4f}"
            )
        lines.append(self.verdict)
        return "\n".join(lines)


def fit_losses(losses, *, deltas=None, bootstrap=_REPLICATES, level=_LEVEL, seed=0) -> LossFit:
    """Fit a gamma law (location 0) to losses, test it, and set the pairs of the losses beside the law's.

    - shape k and scale Θ: maximum likelihood, log k − ψ(k) = log(mean) − mean(log), Θ = mean/k, with standard errors
      from the Fisher information; `log_likelihood` at the maximum.
    - `integer`, `half_integer`: the best shape among 1, 2, 3, … and among ½, 1½, 2½, …, with the scale fitted again,
      and the log-likelihood each costs. (The sum of n squared normal residuals has shape n/2: paper, Section 4.1.1.)
    - `kolmogorov_smirnov`, `anderson_darling`, `cramer_von_mises`: distance and parametric-bootstrap p-value
      (`gammaprob.goodness`); `describes` and `verdict` draw the conclusion at `level`.
    - `gaps`: for every δ of `deltas`, the share of pairs within δ and the mean target at gap δ over the pairs of the
      losses (`gammaprob.pairs`), and gap_cdf and expected_target of the fitted law. `deltas=None` takes five
      quantiles of the fitted law of the gap; an empty sequence takes none.

    losses: one-dimensional array-like of at least two finite real numbers > 0, not all equal, in any unit. deltas:
    finite real numbers ≥ 0 in the same unit, a scalar or one-dimensional. bootstrap: number of replicates, at least
    1/level − 1 (with fewer no p-value could reach the level). seed: a nonnegative int; the same seed gives the same
    p-values.

    Measured against mpmath for shapes from 1e-3 to 1e6 and losses from 1e-300 to 1e300: shape and scale to a relative
    2e-14 up to shape 1e4, 5e-14 up to 1e5 and 2e-13 up to 1e6 (9e-14 from ten losses on), the worst of 1e5 random
    samples of 2 to 400 losses; the log-likelihood to 2e-14 of n (1 + |log mean|). Raises DomainError or
    ArgumentError naming the entry, as in losses[3]; nothing is dropped.

    >>> fit = fit_losses(np.arange(1.0, 41.0) / 40, deltas=[0.1, 0.2])
    >>> print(f"{fit.shape:.4f} {fit.scale:.4f} {fit.integer.shape:g} {fit.half_integer.shape:g} {fit.describes}")
    2.0565 0.2492 2 2.5 True
    >>> print(fit.gaps[0].pairs.pairs_within, f"{fit.gaps[0].pairs.share:.3f} {fit.gaps[0].law_share:.3f}")
    142 0.182 0.192
    """
    values = _checked_losses(losses)
    deltas = None if deltas is None else _checked_deltas(deltas)
    _check_options(bootstrap, level, seed)
    # Far tails under- and overflow on the way to a right result, which the caller's own setting must not turn down.
    with np.errstate(all="ignore"):
        return _fit(values, deltas, bootstrap, level, seed)


def _fit(values, deltas, bootstrap, level, seed):
    """`fit_losses` of checked arguments."""
    mean, ratios = log_ratios(values)
    deviation = float(mean_log_deviation(ratios))
    shape = float(shape_estimate(deviation))
    scale = checked_scale(mean, shape)
    best = float(profile(shape)[0]) - shape * deviation
    shape_error, scale_error = standard_errors(shape, scale, values.size)
    tests = goodness_of_fit(ratios, shape, replicates=bootstrap, seed=seed)
    if deltas is None:
        deltas = gap_ppf(np.array(_DEFAULT_QUANTILES), shape=shape, scale=scale)
    return LossFit(
        n=values.size, mean=mean, shape=shape, scale=scale,
        shape_standard_error=shape_error, scale_standard_error=scale_error,
        log_likelihood=float(values.size * (best + deviation - np.log(mean))),
        integer=_best_fixed_shape(shape, 0.0, deviation, best, values.size, mean),
        half_integer=_best_fixed_shape(shape, 0.5, deviation, best, values.size, mean),
        kolmogorov_smirnov=tests[0], anderson_darling=tests[1], cramer_von_mises=tests[2],
        bootstrap=bootstrap, seed=seed, level=level, bandwidth=bandwidth(values),
        gaps=tuple(
            GapComparison(pairs, float(share), float(target))
            for pairs, share, target in zip(
                pair_statistics(values, deltas),
                gap_cdf(deltas, shape=shape, scale=scale),
                expected_target(deltas, shape=shape, scale=scale),
            )
        ),
    )


def _best_fixed_shape(shape, offset, deviation, best, count, mean):
    """The better neighbour of the estimate among offset + integers > 0: the profile likelihood is concave."""
    below = np.floor(shape - offset) + offset
    candidates = np.array([below, below + 1]) if below > 0 else np.array([below + 1])
    # Rounding may put the cost of a shape equal to the estimate a little below 0.
    costs = np.maximum(count * (best - (profile(candidates)[0] - candidates * deviation)), 0.0)
    choice = int(np.argmin(costs))
    return FixedShapeFit(float(candidates[choice]), float(mean / candidates[choice]), float(costs[choice]))


def _checked_losses(losses):
    """The losses as float64, or a named error with the index of the first entry that is no finite number > 0."""
    refuse_masked("losses", losses)
    try:
        raw = np.asarray(losses)
    except ValueError as ragged:
        raise ArgumentError("losses", losses, "a one-dimensional array", "pass one loss per entry") from ragged
    if raw.ndim != 1:
        raise ArgumentError("losses", raw.shape, "a one-dimensional array", "pass losses.ravel()")
    if raw.dtype.kind in "fiu":
        with np.errstate(all="ignore"):  # a wider float beyond the doubles: infinite or 0, and named so below
            values = raw.astype(np.float64)
    else:
        values = np.array([_double(index, entry) for index, entry in enumerate(losses)])
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if bad.size:
        raise DomainError(
            f"losses[{bad[0]}]", float(values[bad[0]]), "a finite real number > 0",
            f"repair or remove it yourself ({bad.size} of {values.size} entries are not finite and positive)",
        )
    if values.size < 2:
        raise DomainError("losses", values.size, "at least two values", "pass the losses of more images")
    if values.min() == values.max():
        raise DomainError("losses", float(values[0]), "values that are not all equal", "a constant has no gamma law")
    return values


def refuse_masked(name, values):
    """ArgumentError for a masked array with masked entries, since NumPy would compute with what lies under the mask.

    >>> refuse_masked("losses", np.ma.array([1.0, 2.0]))
    """
    if np.ma.is_masked(values):
        raise ArgumentError(name, values, "an array without masked entries", f"remove them: {name}.compressed()")


def _double(index, entry):
    """An entry of a sequence that NumPy takes for no numbers: a Fraction, Decimal or long int, else refused."""
    # NumPy registers its durations as integers.
    if not isinstance(entry, (Real, Decimal)) or isinstance(entry, (bool, np.bool_, np.timedelta64)):
        raise ArgumentError(f"losses[{index}]", entry, "a real number", "convert it, or remove it yourself")
    try:
        return float(entry)
    except OverflowError:
        return np.inf
    except ValueError:  # of all real numbers the signalling NaN of Decimal alone
        return np.nan


def _checked_deltas(deltas):
    refuse_masked("deltas", deltas)
    values = np.atleast_1d(real_array("deltas", deltas, DELTA))
    if values.ndim != 1:
        raise ArgumentError("deltas", values.shape, "a scalar or a one-dimensional array", "pass deltas.ravel()")
    for index, value in enumerate(values):
        if not 0 <= value < np.inf:
            raise DomainError(f"deltas[{index}]", float(value), "a finite real number ≥ 0", "a gap is |x_i − x_j|")
    return values


def _check_options(bootstrap, level, seed):
    if not isinstance(level, Real) or not 0 < level < 1:
        raise DomainError("level", level, "a probability strictly between 0 and 1", "0.01 rejects one true law in 100")
    for name, value, least in (("bootstrap", bootstrap, int(np.ceil(1 / level)) - 1), ("seed", seed, 0)):
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise ArgumentError(name, value, "an integer", f"pass an int ≥ {least}")
        if value < least:
            raise DomainError(name, value, f"an integer ≥ {least}", f"pass at least {least}")
