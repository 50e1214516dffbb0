"""Cross-checks of expectations: pairs of gamma losses are drawn, pushed through the torch losses, and averaged.

Every score has draws of its own, so that the scores are independent. Means are of bounded quantities.
"""

from __future__ import annotations

import math

import numpy as np
from mpmath import mp, mpf
from scipy import integrate, special, stats

from gammaprob import certified
from gammaprob.gap import gap_cdf
from gammaprob.monte_carlo import Mean, Share
from gradients._crosscheck_rows import DIGITS, UNIT, Check, Context, Error, Evidence, Scores, error
from gradients._crosscheck_torch import coefficients, leaf, pair_loss
from paper_tables.published import load

__all__ = ["CHECKS"]

_PAPER = (4.0, 0.066)  # k and Θ of Fig. 3, Tables 1 and 2
# (k, Θ): below ½, where φ(0+) is not ½; the half integers of squared normal residuals, Θ = 2σ²; between ½ and 1; 1; a
# fitted law, as real networks give it; the paper's; and one so large that the losses are nearly normal and the targets
# near ½.
_LAWS = ((0.3, 1.0), (0.5, 2.0), (0.75, 1.0), (1.0, 1.0), (1.5, 0.5), (2.5, 0.2), (2.82, 0.104), _PAPER, (40.0, 0.02))
_SPREADS = (0.3, 1.5)  # gaps and margins in standard deviations √(2k) Θ of the signed gap: a common one, a rare one
_TARGETS = (0.1, 0.5, 0.9)  # q_i: predicted right (image i has the lower loss), undecided, wrong
# Differ in every component, and by no multiple of either.
_THETA_I, _THETA_J = np.array([1.0, 2.0, 1.0]), np.array([0.5, 1.0, 1.75])
_DIFFERENCE = _THETA_I - _THETA_J

_KERNEL_ERROR = 1e-13  # relative, what `gammaprob` promises of φ and of the law of the gap
_DIVERGENCE_ERROR = 2e-15  # relative, what `closed_form.expected_divergence` promises for every k


def _spread(law: tuple[float, float]) -> float:
    return math.sqrt(2.0 * law[0]) * law[1]


def _gaps(law: tuple[float, float]) -> list[float]:
    """The gaps δ at which the law is looked at: Table 2's for the paper's, and a negative one, at which the images have
    exchanged their roles. (At δ = 0 no draw scatters: p = ½.)"""
    if law == _PAPER:
        gaps = [float(row["delta"]) for row in load("main_table2_phi") if float(row["delta"]) > 0.0]
    else:
        gaps = [spread * _spread(law) for spread in _SPREADS]
    return [*gaps, -gaps[0]]


_CONDITIONS = tuple((law, delta, q) for law in _LAWS for delta in _gaps(law) for q in _TARGETS)
_MARGINS = tuple((law, spread * _spread(law)) for law in _LAWS for spread in _SPREADS)


def _mean(draws: np.ndarray) -> Mean:
    return Mean(float(np.mean(draws)), float(np.std(draws)) / math.sqrt(draws.size))


def _gradients(loss, predicted_gap: float, true_i, true_j) -> np.ndarray:
    """Of every pair its own ∇_w by one backward pass, along θ_i − θ_j and in units of it: shape (draws,)."""
    square = _DIFFERENCE @ _DIFFERENCE
    w = leaf(np.tile(predicted_gap / square * _DIFFERENCE, (true_i.size, 1)))
    pair_loss(loss, _THETA_I, _THETA_J, w, true_i, true_j).backward()
    return w.grad.numpy() @ _DIFFERENCE / square


class _Sampler:
    """The sampler under check, whose draws must be as many as are asked for, and others for another seed."""

    def __init__(self, context: Context):
        self._context, self._seen, self.broken = context, set(), ""

    def pairs(self, delta: float, law: tuple[float, float], *key) -> tuple[np.ndarray, np.ndarray] | None:
        """X and Y given Y − X = δ; None where the sampler gives something else than so many numbers."""
        shape, scale = law
        smaller = np.asarray(self._context.subjects.conditional_draws(
            abs(delta), shape=shape, scale=scale, seed=self._context.stream("gap", *law, delta, *key),
            draws=self._context.draws,
        ))
        if smaller.shape != (self._context.draws,):
            self.broken = f"the sampler gave the shape {smaller.shape}, asked for {self._context.draws} draws"
            return None
        if (abs(delta), law, start := smaller[:8].tobytes()) in self._seen:
            self.broken = "the sampler gave the same draws for two seeds"
        self._seen.add((abs(delta), law, start))
        pair = smaller, smaller + abs(delta)
        return pair if delta > 0.0 else pair[::-1]


def _expected_gradient(context: Context) -> Evidence:
    """E[∇_w | Y − X = δ] = (q_i − φ(δ))(θ_i − θ_j): Eq. 6, supplementary Eqs. 10 to 13.

    ERRATUM: SUP-EQ13, the printed sum has the wrong sign; φ is that of the law. The simulation draws X given the gap,
    exactly; the 50 digits are those of φ by ball arithmetic, for a negative gap 1 − φ(|δ|).
    """
    subjects, sampler = context.subjects, _Sampler(context)
    scores, errors = [], []
    for law, delta, q in _CONDITIONS:
        shape, scale = law
        phi = mpf(certified.expected_target(abs(delta), shape=shape, scale=scale, digits=DIGITS).digits)
        phi = phi if delta > 0.0 else 1 - phi
        errors.append(error(subjects.closed_form.expected_target(delta, shape=shape, scale=scale), phi, phi))
        closed = subjects.closed_form.expected_gradient(delta, q, _THETA_I, _THETA_J, shape=shape, scale=scale)
        errors.append(error(closed, (q - phi) * _DIFFERENCE.astype(object), (q + phi) * np.abs(_DIFFERENCE)))
        pairs = sampler.pairs(delta, law, q)
        if pairs is None:
            scores.append(math.nan)
        else:
            found = _gradients(subjects.learning_loss_pp, math.log(q / (1.0 - q)), *pairs)
            scores.append(_mean(found).z_score(closed @ _DIFFERENCE / (_DIFFERENCE @ _DIFFERENCE)))
        context.advance()
    return Evidence(
        len(scores), precise=Error(float(np.max(errors)), _KERNEL_ERROR + 3 * UNIT), scores=Scores(tuple(scores)),
        broken=sampler.broken,
    )


def _random_pairs(context: Context, *key, law: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    shape, scale = law
    return tuple(scale * np.random.default_rng(context.stream(*key, *law)).standard_gamma(shape, (2, context.draws)))


def _coefficient_law(context: Context) -> Evidence:
    """At q = ½ the coefficient ½ − p_i of a random pair is Beta(k, k), shifted: the test of Kolmogorov and Smirnov,
    whose probability is uniform if so, and its normal quantile a score."""
    scores = []
    for law in _LAWS:
        x, y = _random_pairs(context, "coefficient", law=law)
        found = coefficients(context.subjects.learning_loss_pp, np.zeros(x.size), x, y)
        exact = context.subjects.closed_form.coefficient_law(law[0])
        scores.append(-float(special.ndtri(stats.ks_1samp(found, exact.cdf).pvalue)))
        context.advance()
    return Evidence(len(scores), scores=Scores(tuple(scores)))


def _exact_predictions(context: Context, key: str):
    """(law, margin, X, Y, the derivative of each pair's Learning Loss in its predicted gap) with l̂ = l throughout."""
    for law, margin in _MARGINS:
        x, y = _random_pairs(context, key, margin, law=law)
        yield law, margin, x, y, coefficients(context.subjects.learning_loss, x - y, x, y, margin=margin)
        context.advance()


def _penalised_share(context: Context) -> Evidence:
    """P(|X − Y| < ξ), the pairs that Learning Loss pushes apart although l̂ = l: those with a gradient."""
    scores, errors = [], []
    for (shape, scale), margin, x, _, found in _exact_predictions(context, "share"):
        closed = float(context.subjects.closed_form.penalised_share(shape=shape, scale=scale, margin=margin))
        exact = mpf(certified.gap_cdf(margin, shape=shape, scale=scale, digits=DIGITS).digits)
        errors.append(error(closed, exact, exact))
        scores.append(Share(int(np.count_nonzero(found)), x.size).z_score(closed))
    return Evidence(
        len(scores), precise=Error(float(np.max(errors)), _KERNEL_ERROR), scores=Scores(tuple(scores)),
    )


def _expected_push(context: Context) -> Evidence:
    """E ∇_w of Learning Loss where the only feature is the true loss and w = 1, so that l̂ = l: not 0, but
    −E[|X − Y|; |X − Y| < ξ] = ∫_0^ξ F − ξ F(ξ), with F the law of the gap."""
    scores = []
    for (shape, scale), margin, x, y, found in _exact_predictions(context, "push"):
        def law(gap, shape=shape, scale=scale):
            return gap_cdf(gap, shape=shape, scale=scale)

        # Good to 1e-8, quad's default, and far below a standard error.
        exact = integrate.quad(law, 0.0, margin)[0] - margin * law(margin)
        scores.append(_mean(found * (x - y)).z_score(exact))
    return Evidence(len(scores), scores=Scores(tuple(scores)))


def _expected_divergence(context: Context) -> Evidence:
    """E KL(p‖½) over random pairs: the mean of the torch loss at equal predictions."""
    scores, errors = [], []
    for law in _LAWS:
        x, y = _random_pairs(context, "divergence", law=law)
        zeros = np.zeros((x.size, 1))
        found = pair_loss(context.subjects.learning_loss_pp, zeros, zeros, zeros, x, y, reduction="none").numpy()
        closed = float(context.subjects.closed_form.expected_divergence(law[0]))
        shape = mpf(law[0])
        exact = mp.log(2) - mp.digamma(2 * shape + 1) + mp.digamma(shape + 1)
        errors.append(error(closed, exact, exact))
        scores.append(_mean(found).z_score(closed))
        context.advance()
    return Evidence(
        len(scores), precise=Error(float(np.max(errors)), _DIVERGENCE_ERROR), scores=Scores(tuple(scores)),
    )


CHECKS = (
    Check("LL share", "penalised though exact", _penalised_share, len(_MARGINS)),
    Check("LL push", "mean push though exact", _expected_push, len(_MARGINS)),
    Check("LL++ 6", "mean gradient, S10-S13", _expected_gradient, len(_CONDITIONS)),
    Check("LL++ Beta", "law of q − p at q = ½", _coefficient_law, len(_LAWS)),
    Check("LL++ E KL", "mean loss at q = ½", _expected_divergence, len(_LAWS)),
)
