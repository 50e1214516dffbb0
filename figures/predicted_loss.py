"""What the loss predictors say of a pool against what is so, and which images are picked for it (paper, Fig. 5)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["SOURCE", "TITLE", "Data", "Head", "Statement", "caption", "compute", "draw"]

TITLE = "Predicted and true loss"
SOURCE = "paper, Fig. 5"
STUDY, SEED, STAGE = "lspet", 0, 1  # the pool whose losses are recorded
_METHODS = ("ll", "ll++", "ll++conv")


class Head(NamedTuple):
    """What one loss predictor said of the pool, and what became of it; the last five as the study recorded them."""

    label: str
    predicted: np.ndarray  # (images,) predicted losses, in a unit of the head's own
    picked: np.ndarray  # (images,) whether the image is one of the highest predicted losses
    spearman: float  # rank correlation of predicted and true losses
    pool_mean: float  # of the true losses of the pool, and their variance
    pool_variance: float
    picked_mean: float  # the same of the picked images
    picked_variance: float
    below_empty: float  # rank correlation over the images whose true loss is less than `Data.empty`
    above_empty: float  # the same of the others


class Statement(NamedTuple):
    """A statement of the paper's caption on LL++ and LL, and what all seeds say of it."""

    what: str
    higher: bool  # whether the paper has more of it for LL++ than for LL
    difference: float  # LL++ − LL, mean over the seeds
    p: float  # of a paired t-test over the seeds
    verdict: str
    seeds: int


class Data(NamedTuple):
    """What is drawn."""

    true: np.ndarray  # (images,) true losses of the pool: squared error of the heatmaps, mean over the labelled joints
    empty: float  # true loss of an image for which the network draws nothing, and of which all joints lie well inside
    worst: np.ndarray  # (images,) whether the image is one of the highest true losses, as many as are picked
    heads: list[Head]
    statements: list[Statement]


def compute() -> Data:
    """Read the recorded pool, and pick of it as the study does: the highest predicted losses, as many as its budget.

    >>> data = compute()
    >>> [(head.label, int(head.picked.sum()), round(head.spearman, 2)) for head in data.heads]
    [('LL', 1000, 0.36), ('LL++', 1000, 0.36), ('LL++conv', 1000, 0.34)]
    >>> [statement.verdict for statement in data.statements]
    ['not told apart', 'not told apart', 'not told apart']
    >>> caption(data)[:39]
    'The pool of 5500 photographs at stage 1'
    """
    from scipy.stats import spearmanr

    from experiments.methods import METHODS
    from experiments.record import read_recorded
    from experiments.report import report_of
    from experiments.strategies import Pool, query

    study = read_recorded(STUDY)
    losses = study.recorded["losses"]
    true = np.array([row["true_loss"] for row in losses])

    # Σ of a squared Gaussian over a map of pixels, by its integral π σ²; the loss is a mean over the map.
    pixels = (study.config["image"] // study.config["stride"]) ** 2
    empty = study.config["peak"] ** 2 * np.pi * study.config["sigma"] ** 2 / pixels

    def picked_by(strategy: str, **known) -> np.ndarray:
        picked = np.zeros(true.size, bool)
        picked[query(strategy, Pool(true.size, **known), study.config["budget"], seed=SEED)] = True
        return picked

    heads = []
    for name in _METHODS:
        predicted = np.array([row[f"predicted_{name}"] for row in losses])
        recorded = [
            study.by_seed(name, STAGE, column)[SEED] for column in (
                "pool_spearman", "pool_true_loss_mean", "pool_true_loss_variance", "picked_true_loss_mean",
                "picked_true_loss_variance",
            )
        ]
        picked = picked_by(METHODS[name].strategy, predicted=predicted)
        sides = [float(spearmanr(true[side], predicted[side]).statistic) for side in (true < empty, true >= empty)]
        heads.append(Head(METHODS[name].label, predicted, picked, *recorded, *sides))
    (section,) = (section for section in report_of(study).sections if section.name == "figure5")
    statements = [
        Statement(row["what"], row["paper"] > 0, row["difference"], row["p"], row["verdict"], row["seeds"])
        for row in section.rows
    ]
    return Data(true, empty, picked_by(METHODS["oracle"].strategy, true=true), heads, statements)


def draw(data: Data):
    """Above the true losses of the pool and of the picked, below the same against the predicted ones."""
    from figures import _style

    oracle = _style.METHODS["Oracle"]
    figure, axes = _style.sheet(2, len(data.heads), height=4.7, sharex=True, height_ratios=(1, 1.7))
    bins = np.arange(0.9, 4.0, 0.05)
    for (above, below), head in zip(axes.T, data.heads, strict=True):
        colour = _style.METHODS[head.label]["color"]
        above.hist(data.true, bins, density=True, color=_style.faint())
        above.hist(data.true[head.picked], bins, density=True, color=colour, histtype="step", linewidth=1.4)
        above.set_title(f"{head.label}: Spearman {head.spearman:.2f}")
        for height, look, what, mean, variance in (
            (0.97, _style.muted(), "pool", head.pool_mean, head.pool_variance),
            (0.60, colour, "picked", head.picked_mean, head.picked_variance),
        ):
            above.text(0.02, height, f"{what}\nmean {mean:.2f}\nvariance {variance:.3f}", transform=above.transAxes,
                       va="top", color=look, fontsize=7.5)
        for chosen, look in ((~head.picked, _style.muted()), (head.picked, colour)):
            # as pixels: as outlines, the dots would take megabytes
            below.plot(data.true[chosen], head.predicted[chosen], ".", color=look, markersize=1.5, markeredgewidth=0,
                       antialiased=False, rasterized=True)
        below.axvline(data.true[data.worst].min(), color=oracle["color"], linestyle=oracle["linestyle"])
        below.text(0.98, 0.02, "picks of\nthe oracle", transform=below.transAxes, ha="right", color=oracle["color"],
                   fontsize=7.5)
        below.axvline(data.empty, color=_style.ink(), linestyle="--", linewidth=1)
        below.text(0.02, 0.98, "dashed: empty\nheatmaps", transform=below.transAxes, va="top", fontsize=7.5)
        below.set_xlim(0.5, 4.2)
        below.set_xlabel("true loss (squared error)")
        below.set_ylabel("predicted loss (own unit)")
        above.sharey(axes[0, 0])
        above.label_outer()
    axes[0, 0].set_ylabel("density")
    figure.suptitle(f"{STUDY.upper()}, the pool of {data.true.size} photographs at stage {STAGE}, seed {SEED}; "
                    f"coloured: the {data.worst.sum()} picked", x=0.01, ha="left", fontsize=9)
    return figure


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    first, seeds, budget = data.heads[0], data.statements[0].seeds, int(data.worst.sum())
    picked = ", ".join(f"{head.picked_mean:.2f} and {head.picked_variance:.3f} ({head.label})" for head in data.heads)
    found = ", ".join(str(int((head.picked & data.worst).sum())) for head in data.heads)
    rising, falling = (", ".join(f"{getattr(head, side):.2f}" for head in data.heads)
                       for side in ("below_empty", "above_empty"))
    claims = "; ".join(
        f"{statement.what} {statement.difference:+.4f}, p = {statement.p:.2f}, {statement.verdict}"
        for statement in data.statements
    )
    return (
        f"The pool of {data.true.size} photographs at stage {STAGE}, seed {SEED}; coloured, the {budget} of the "
        f"highest predicted loss, which are picked. The true losses of the pool have mean {first.pool_mean:.2f} and "
        f"variance {first.pool_variance:.3f}, those of the picked {picked}. Predictions rise with the true loss "
        f"(Spearman {rising}) up to about that of empty heatmaps, {data.empty:.2f}, and fall beyond ({falling}): of "
        f"the {budget} highest true losses, right of the dotted line, the heads pick {found}, random picks would "
        f"{budget**2 / data.true.size:.0f}. The paper has LL++ correlate more than LL, and pick a higher mean with a "
        f"lower variance. Here LL++ less LL is, in the mean over {seeds} seeds: {claims}."
    )
