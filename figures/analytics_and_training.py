"""What the gamma law predicted of the study's losses, pairs and updates, against what its pools and trainings showed.

The cells are those that `python -m experiments analytics` reports, and so are the means over them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["SOURCE", "TITLE", "Data", "Pools", "Studied", "Updates", "caption", "compute", "draw"]

TITLE = "Analytics and training"
SOURCE = "ours; paper, Tables 1 and 2"
_STUDIES = {"lspet": "LSPET", "desk": "Generated"}
_PLACES = 400  # of the curves


class Pools(NamedTuple):
    """The true losses of the pools, each pool once."""

    differences: np.ndarray  # (pools, levels) share of the pairs within δ less P(|X − Y| ≤ δ) of the fitted law
    oracle: np.ndarray  # (pools,) whether the highest true losses have been taken from it, by the oracle
    rejected: int  # pools for which Anderson-Darling rejects the law
    shapes: np.ndarray  # (pools,) fitted shapes k


class Updates(NamedTuple):
    """Means over the cells (seeds and stages) of an objective, by class of gaps, and sample standard deviations."""

    within: np.ndarray  # (classes,) share of the compared pairs up to the upper end of the class
    updates: np.ndarray  # (classes,) share of the gradient, Σ|c|, that these pairs took
    updates_sd: np.ndarray
    coefficient: np.ndarray  # (classes,) mean coefficient c of the pairs of the class
    coefficient_sd: np.ndarray
    expected: np.ndarray  # (classes,) LearningLoss++: mean of q − φ(δ) over the same pairs; NaN for Learning Loss


class Studied(NamedTuple):
    """One recorded study."""

    title: str
    pools: Pools
    updates: dict[str, Updates]  # by objective, LL and LL++ (both heads)
    at_half: np.ndarray  # (places,) LL++ at q = ½: share of the gradient by the law of the median shape


class Data(NamedTuple):
    """What is drawn."""

    levels: tuple[float, ...]  # P(|X − Y| ≤ δ) of the law at the gaps of a pool
    middles: np.ndarray  # (classes,) the same in the middle of each class of gaps
    places: np.ndarray  # (places,) shares of pairs
    studies: list[Studied]


def compute() -> Data:
    """Read both recorded studies and take the means over their cells.

    >>> data = compute()
    >>> ll, llpp = data.studies[0].updates.values()
    >>> print(f"{ll.updates[0]:.2f} of {ll.within[0]:.2f}; {llpp.updates[0]:.2f} of {llpp.within[0]:.2f}")
    0.11 of 0.10; 0.06 of 0.12
    >>> caption(data)[:45]
    'Left, the share of real pairs within δ less t'
    """
    from experiments._report_cells import LEVELS
    from experiments.record import read_recorded

    places = np.arange(_PLACES + 1) / _PLACES
    studies = []
    for name, title in _STUDIES.items():
        recorded = read_recorded(name).recorded
        pools = _pools(recorded)
        updates = {label: _updates(rows) for label, rows in _by_objective(recorded["updates"]).items()}
        studies.append(Studied(title, pools, updates, _share_at_half(float(np.median(pools.shapes)))))
    edges = np.array([0.0, *LEVELS, 1.0])
    return Data(LEVELS, (edges[:-1] + edges[1:]) / 2, places, studies)


def _by_objective(rows) -> dict[str, list[dict]]:
    """The classes of gaps of all cells; both heads of LearningLoss++ together, as in the report."""
    from experiments.methods import METHODS

    found: dict[str, list[dict]] = {"LL": [], "LL++": []}
    for row in rows:
        found["LL" if METHODS[row["method"]].objective == "learning_loss" else "LL++"].append(row)
    return found


def _pools(recorded) -> Pools:
    """All methods of a seed have one pool at stage 1, which counts once."""
    from experiments._report_cells import LEVEL

    shared = {(row["seed"], row["stage"], row["shape"]): row for row in recorded["pools"]}.values()
    gaps: dict[tuple, list[float]] = {}
    for row in recorded["gaps"]:
        gaps.setdefault(_cell(row), []).append(row["share"] - row["law_share"])
    return Pools(
        np.array([gaps[_cell(row)] for row in shared]),
        np.array([row["method"] == "oracle" and row["stage"] > 1 for row in shared]),
        sum(row["anderson_darling_p"] <= LEVEL for row in shared), np.array([row["shape"] for row in shared]),
    )


def _cell(row: dict) -> tuple:
    return row["method"], row["seed"], row["stage"]


def _updates(rows: list[dict]) -> Updates:
    from experiments._report_cli import spread

    def over_cells(name: str, which: int) -> np.ndarray:
        """Mean (0) or standard deviation (1) over the cells; NaN where there is none."""
        classes = range(1 + max(row["part"] for row in rows))
        return np.array([spread(row[name] for row in rows if row["part"] == part)[which] for part in classes], float)

    return Updates(
        over_cells("within", 0), over_cells("updates_within", 0), over_cells("updates_within", 1),
        over_cells("coefficient", 0), over_cells("coefficient", 1), over_cells("expected", 0),
    )


def _share_at_half(shape: float) -> np.ndarray:
    """The share of the gradient on the closest pairs, for a LearningLoss++ head that predicts the same for all images.

    At q = ½ the pairs with gap δ have the mean coefficient ½ − φ(δ) (paper, Eq. 6): integrated over the share u of
    the pairs closer than δ, by the midpoint rule, up to each of `_PLACES` equal steps, and divided by the whole. The
    scale of the losses cancels. For Learning Loss the same is u itself, as |c| = 1 for every pair.
    """
    from gammaprob import expected_target, gap_ppf

    middles = (np.arange(_PLACES) + 0.5) / _PLACES
    grown = np.cumsum(0.5 - expected_target(gap_ppf(middles, shape=shape, scale=1.0), shape=shape, scale=1.0))
    return np.concatenate([[0.0], grown / grown[-1]])


def draw(data: Data):
    """A row a study: pools against the law, updates against pairs, coefficients against their expectation."""
    from figures import _style

    figure, axes = _style.sheet(len(data.studies), 3, height=5.0)
    for (law, shares, coefficients), studied in zip(axes, data.studies, strict=True):
        _draw_pools(law, data, studied)
        _draw_shares(shares, data, studied)
        _draw_coefficients(coefficients, data, studied.updates["LL++"])
        law.set_title(f"{studied.title}: pairs of {len(studied.pools.shapes)} pools")
        shares.set_title("Updates of training")
        coefficients.set_title("Coefficient of LL++")
    return figure


def _draw_pools(axes, data: Data, studied: Studied) -> None:
    from figures import _style

    oracle = _style.METHODS["Oracle"]
    for differences, by_oracle in zip(studied.pools.differences, studied.pools.oracle, strict=True):
        look = {"color": oracle["color"], "linestyle": "--"} if by_oracle else {"color": _style.muted()}
        axes.plot(data.levels, differences, linewidth=0.8, alpha=0.6, **look)
    axes.axhline(0, color=_style.ink(), linewidth=0.8)
    axes.text(0.98, 0.98, "dashed: after picks\nof the oracle", transform=axes.transAxes, ha="right", va="top",
              color=oracle["color"])
    axes.set(xlabel="P(|X − Y| ≤ δ) by the law", ylabel="share of the pairs − P", xlim=(0, 1),
             ylim=(-0.025, 0.1))


def _draw_shares(axes, data: Data, studied: Studied) -> None:
    from figures import _style

    axes.plot([0, 1], [0, 1], color="C1", linestyle=":", linewidth=1)
    axes.plot(data.places, studied.at_half, color="C0", linestyle=":", linewidth=1)
    for label, found in studied.updates.items():
        look = _style.METHODS[label]
        axes.errorbar(found.within, found.updates, found.updates_sd, capsize=2, label=label, elinewidth=0.8, **look)
    axes.set(xlabel="share of the pairs, closest first", ylabel="share of the gradient", xlim=(0, 1.03),
             ylim=(0, 1.03))
    axes.text(0.98, 0.03, "dotted: law,\nq = ½", transform=axes.transAxes, ha="right", color=_style.muted())
    axes.legend(loc="upper left")


def _draw_coefficients(axes, data: Data, found: Updates) -> None:
    from figures import _style

    axes.errorbar(data.middles, found.coefficient, found.coefficient_sd, capsize=2, elinewidth=0.8, label="seen",
                  **_style.METHODS["LL++"])
    axes.plot(data.middles, found.expected, color=_style.ink(), linestyle="--", marker="x", label="expected, q − φ(δ)")
    axes.axhline(0, color=_style.faint(), zorder=0)
    axes.set(xlabel="P(|X − Y| ≤ δ), middle of class", ylabel="mean of q − p", xlim=(0, 1))
    axes.legend(loc="upper left")


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    half = data.levels.index(0.5) + 1  # classes of the nearer half of the pairs
    fits, shares, by_law, near, far = ([] for _ in range(5))
    for studied in data.studies:
        pools, (ll, llpp) = studied.pools, studied.updates.values()
        fits.append(f"{pools.rejected} of {len(pools.shapes)} pools ({studied.title}, shapes "
                    f"{pools.shapes.min():.0f} to {pools.shapes.max():.0f})")
        shares.append(f"{ll.updates[0]:.0%} on the closest {ll.within[0]:.0%} of pairs under LL, "
                      f"{llpp.updates[0]:.0%} on {llpp.within[0]:.0%} under LL++ ({studied.title})")
        by_law.append(f"{np.interp(data.levels[0], data.places, studied.at_half):.1%}")
        near.append(f"{abs(llpp.coefficient - llpp.expected)[:half].max():.4f}")
        far.append(f"{llpp.coefficient[-1]:.3f} where {llpp.expected[-1]:.3f} was expected ({studied.title})")
    widest = max(abs(studied.pools.differences).max() for studied in data.studies)
    return (
        "Left, the share of real pairs within δ less that of the law fitted to the pool: Anderson-Darling rejects the "
        f"law for {' and '.join(fits)}, yet the share is nowhere off by more than {widest:.3f}. Middle, the gradient "
        f"that training spent: {'; '.join(shares)}. Dotted, what the law expects at q = ½: under LL++ "
        f"{' and '.join(by_law)} on the closest {data.levels[0]:.0%}. Right, the coefficient of LL++ by class of "
        f"gaps: in the nearer half of the pairs within {' and '.join(near)} of q − φ(δ), of the farthest "
        f"{' and '.join(far)}. Means over seeds, stages and heads; bars: ± one sample sd."
    )
