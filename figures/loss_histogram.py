"""Recorded true losses with the fitted gamma law and its test, and what the law is used for, the pairs (paper, Fig. 3).

The losses of the paper's histogram were not published. These are of our own networks: the pool of stage 1, seed 0, of
both recorded studies.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["SOURCE", "TITLE", "Data", "Pool", "caption", "compute", "draw"]

TITLE = "True losses and the fitted gamma law"
SOURCE = "paper, Fig. 3"
STUDIES = {"lspet": "photographs (LSPET)", "desk": "generated figures (desk)"}
PAPER_SHAPE = 4  # k of the paper's fit; its Θ has the unit of losses that were not published
_BOOTSTRAP = 499  # replicates of the tests: p-values down to 0.002, in a second
_BINS, _POINTS = 60, 301
_RANKS = np.concatenate([[0.0005, 0.001, 0.0025, 0.005], np.linspace(0.01, 0.99, 50), [0.995, 0.9975, 0.999, 0.9995]])
_SHARES = np.linspace(0.02, 0.98, 49)  # P(|X − Y| ≤ δ) by the fitted law, at which pairs are counted
_COLOURS = ("C0", "C4")


class Pool(NamedTuple):
    """The losses of one pool. Losses and gaps are in the unit of the training loss."""

    name: str
    fit: object  # gammaprob.LossFit: n, mean, shape and scale, the tests, the pairs at the gaps of `_SHARES`
    edges: np.ndarray  # (bins + 1,) of the histogram
    density: np.ndarray  # (bins,) of the losses
    axis: np.ndarray  # (points,) losses
    fitted: np.ndarray  # (points,) density of the fitted law
    paper: np.ndarray  # (points,) density of the law of the paper's shape with the mean of the losses
    quantiles: np.ndarray  # (2, ranks) of the fitted law and of the losses, over the mean of the losses
    excess: np.ndarray  # (gaps,) share of the pairs within δ minus P(|X − Y| ≤ δ) by the law, at `_SHARES`
    errors: np.ndarray  # (gaps,) standard error of the share


class Data(NamedTuple):
    """What is drawn."""

    pools: tuple[Pool, ...]


def compute() -> Data:
    """Maximum likelihood and the bootstrap tests of `gammaprob.fit_losses`, on the recorded losses.

    >>> pool = _pool("desk", bootstrap=99)
    >>> pool.fit.n, round(pool.fit.shape, 2), pool.fit.describes
    (3000, 11.1, False)
    >>> caption(Data((pool,)))[:54]
    'True losses of a pool before it is labelled, seed 0, t'
    """
    return Data(tuple(_pool(study) for study in STUDIES))


def _pool(study: str, bootstrap: int = _BOOTSTRAP) -> Pool:
    from scipy.stats import gamma

    from experiments.record import read_recorded
    from gammaprob import fit_losses, gap_ppf
    from gammaprob.pairs import pair_statistics

    losses = np.array([row["true_loss"] for row in read_recorded(study).recorded["losses"]])
    fit = fit_losses(losses, deltas=[], bootstrap=bootstrap)
    law = gamma(fit.shape, scale=fit.scale)
    density, edges = np.histogram(losses, _BINS, density=True)
    axis = np.linspace(0, 1.3 * losses.max(), _POINTS)
    pairs = pair_statistics(losses, gap_ppf(_SHARES, shape=fit.shape, scale=fit.scale))
    return Pool(
        STUDIES[study], fit, edges, density, axis, law.pdf(axis),
        gamma(PAPER_SHAPE, scale=fit.mean / PAPER_SHAPE).pdf(axis),
        np.array([law.ppf(_RANKS), np.quantile(losses, _RANKS)]) / fit.mean,
        np.array([at.share for at in pairs]) - _SHARES, np.array([at.share_standard_error for at in pairs]),
    )  # fmt: skip


def draw(data: Data):
    """Above a histogram for each pool, below quantiles and pairs of both; `compute` has the example."""
    from figures import _style

    figure, axes = _style.sheet(2, 2, height=5.2)
    for panel, pool, colour in zip(axes[0], data.pools, _COLOURS, strict=True):
        _histogram(panel, pool, colour)
    quantiles, pairs = axes[1]
    quantiles.axline((1, 1), slope=1, color=_style.muted(), linewidth=0.8)
    pairs.axhline(0, color=_style.muted(), linewidth=0.8)
    for pool, colour, marker in zip(data.pools, _COLOURS, ("o", "^"), strict=True):
        quantiles.plot(*pool.quantiles, marker, color=colour, markersize=3.5, label=pool.name)
        pairs.fill_between(_SHARES, *100 * (pool.excess + np.outer((-2, 2), pool.errors)), color=colour, alpha=0.3,
                           linewidth=0)
        pairs.plot(_SHARES, 100 * pool.excess, marker, linestyle="-", color=colour, markersize=3, markevery=4)
    quantiles.legend(loc="lower right")
    quantiles.set(xlabel="quantile of the fitted law (mean loss 1)", ylabel="quantile of the losses (mean 1)",
                  title="Quantiles, 0.05 % to 99.95 %")
    pairs.set(xlabel="P(|X − Y| ≤ δ) by the fitted law (no unit)", ylabel="share of pairs − law (% of pairs)",
              title="Pairs closer than δ; bands: ± 2 standard errors")
    return figure


def _histogram(panel, pool: Pool, colour: str) -> None:
    from figures import _style

    fit = pool.fit
    panel.stairs(pool.density, pool.edges, fill=True, color=colour, alpha=0.35)
    panel.plot(pool.axis, pool.fitted, color=colour)
    panel.plot(pool.axis, pool.paper, color=_style.muted(), linestyle="--", linewidth=1)
    test = fit.anderson_darling
    panel.text(0.02, 0.98, f"{fit.n} images, k = {fit.shape:.1f} ± {fit.shape_standard_error:.1f}, Θ = "
               f"{fit.scale:.3f} ± {fit.scale_standard_error:.3f}\n{test.name} {test.letter} = {test.statistic:.1f}, "
               f"p = {test.p_value:g}: {_judged(fit)}", transform=panel.transAxes, va="top", fontsize=8)
    above = pool.paper[np.searchsorted(pool.axis, 0.74 * pool.axis[-1])]
    panel.annotate(f"k = {PAPER_SHAPE},\nsame mean", (pool.axis[-1], above), color=_style.muted(), ha="right")
    panel.set(xlim=(0, pool.axis[-1]), ylim=(0, 1.35 * pool.density.max()), ylabel="density (1/unit of the loss)",
              xlabel="true loss (units of the training loss)", title=pool.name)


def _judged(fit) -> str:
    return "not rejected" if fit.describes else "rejected"


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    told = "; ".join(f"{pool.fit.n} {pool.name}, k = {pool.fit.shape:.1f}, {_judged(pool.fit)} (p = "
                     f"{pool.fit.anderson_darling.p_value:g})" for pool in data.pools)
    laws, losses = (" and ".join(f"{pool.quantiles[row, -1]:.2f}" for pool in data.pools) for row in (0, 1))
    worst = max(np.abs(pool.excess).max() for pool in data.pools)
    return (
        f"True losses of a pool before it is labelled, seed 0, the gamma law by maximum likelihood, and its "
        f"Anderson-Darling test with {data.pools[0].fit.bootstrap} bootstrap replicates: {told}. The losses stop where "
        f"the law has its tail: {_RANKS[-1]:.2%} of them lie below {losses} times the mean loss, by the law below "
        f"{laws}. For what the paper uses the law, the share of pairs closer than δ, it is off by at most "
        f"{100 * worst:.1f} % of the pairs. The dashed law of the paper's shape, k = {PAPER_SHAPE}, is wider than "
        "either."
    )
