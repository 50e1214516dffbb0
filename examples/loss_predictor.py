"""Which rows will a regression network get wrong? Loss predictors trained with Learning Loss and LearningLoss++.

    python examples/loss_predictor.py [--data diabetes|digits] [--seeds 10] [--epochs 20] [--out loss_predictor.png]

A small network learns a regression on one half of a real data set. Beside it, heads on its features learn to predict
its loss: one with Learning Loss (LL), one with LearningLoss++ (LL++). On the other half, which neither has seen, the
predicted losses are set beside the true ones, next to baselines that keep the comparison honest: a head that regresses
the loss, an LL++ head whose true losses are shuffled, the norm of the features, a random score, the true loss itself.

Needs the extras train and figures; the data come with scikit-learn. No download; a few seconds on one core.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats
from sklearn.datasets import load_diabetes, load_digits
from torch import Tensor, nn

from gammaprob import fit_losses
from gradients.losses import learning_loss, learning_loss_pp

# Larger networks, tried first, overfitted: they know nothing of their losses on other rows. Among small ones the
# settings are those with the least held-out error in a grid on other splits (seeds 100 to 103). The heads share them.
WIDTH, EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 32, 20, 64, 3e-3, 1e-2
TOP = 0.2  # the share of rows that active learning would ask to have labelled
BOOTSTRAP = 99  # replicates of the goodness of fit; the fewest with which fit_losses can reject at its level of 1 %
BINS = 20
BLUE, ORANGE = "#0072B2", "#D55E00"  # told apart by every reader, and when printed in grey

# Every ranking loss takes the predicted and the true losses of a batch. pairs="all" compares every two rows; the papers
# pair the batch's halves, which is the default and wants an even batch.
HEADS = {
    "LL": lambda predicted, true: learning_loss(predicted, true, pairs="all"),
    "LL++": lambda predicted, true: learning_loss_pp(predicted, true, pairs="all"),
    "squared error": F.mse_loss,
    "LL++, shuffled": lambda predicted, true: learning_loss_pp(predicted, true[torch.randperm(len(true))], pairs="all"),
}


@dataclass(frozen=True)
class Split:
    """The held-out rows of one random split: their true losses, and what each head or baseline says of them."""

    losses: np.ndarray
    scores: dict[str, np.ndarray]


def load(name: str) -> tuple[str, Tensor, Tensor]:
    """Description, inputs (N, D) and targets (N, T) of a data set that comes with scikit-learn."""
    if name == "diabetes":
        data = load_diabetes(scaled=False)
        about, x, y = "progression of a disease from 10 measurements", data.data, data.target[:, np.newaxis]
    else:
        images = load_digits().images
        about, x, y = "lower half of a digit's image from its upper half", images[:, :4], images[:, 4:]
    x, y = (torch.tensor(array, dtype=torch.float32).flatten(1) for array in (x, y))
    return f"{name}: {about}", x, y


def train(x: Tensor, y: Tensor, epochs: int) -> tuple[nn.Module, nn.Module, dict[str, nn.Module]]:
    """Features, output layer and loss predictors, trained beside one another on the labelled rows."""
    features = nn.Sequential(nn.Linear(x.shape[1], WIDTH), nn.ReLU())
    output = nn.Linear(WIDTH, y.shape[1])
    heads = nn.ModuleDict(
        {name: nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1)) for name in HEADS})
    for head in heads.values():
        head.load_state_dict(heads["LL"].state_dict())  # all start alike, so that only their objectives differ
    modules = nn.ModuleList((features, output, heads))
    optimiser = torch.optim.Adam(modules.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(BATCH):
            found = features(x[rows])
            losses = row_losses(output(found), y[rows])
            # Detached: the heads watch the network and do not steer it. The true losses are constants anyway.
            objectives = [loss(heads[name](found.detach()).squeeze(1), losses.detach()) for name, loss in HEADS.items()]
            optimiser.zero_grad()
            (losses.mean() + sum(objectives)).backward()
            optimiser.step()
    return features, output, heads


def row_losses(predicted: Tensor, target: Tensor) -> Tensor:
    """The loss of each row: the mean of its squared errors."""
    return ((predicted - target) ** 2).mean(dim=1)


def run(x: Tensor, y: Tensor, seed: int, epochs: int) -> Split:
    """Split the rows at random, train on one half, predict the losses of the other."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    half = len(x) // 2
    labelled, held_out = order[:half], order[half:]
    # Units from the labelled rows alone: inputs by column, targets as a whole, so that a pixel keeps its weight.
    x = (x - x[labelled].mean(0)) / x[labelled].std(0).clamp_min(1e-6)
    y = (y - y[labelled].mean(0)) / (y[labelled] - y[labelled].mean(0)).square().mean().sqrt()
    features, output, heads = train(x[labelled], y[labelled], epochs)
    with torch.no_grad():
        found = features(x[held_out])
        losses = row_losses(output(found), y[held_out])
        scores = {name: head(found).squeeze(1) for name, head in heads.items()}
        scores |= {"feature norm": found.norm(dim=1), "random": torch.rand(len(held_out)), "true loss": losses}
    return Split(losses.double().numpy(), {name: score.double().numpy() for name, score in scores.items()})


def quality(split: Split, name: str) -> tuple[float, float, float]:
    """Spearman and Pearson correlation with the true loss; mean loss of the rows scored highest over that of all."""
    score, losses = split.scores[name], split.losses
    chosen = np.argsort(-score)[: round(TOP * len(score))]
    return stats.spearmanr(score, losses)[0], stats.pearsonr(score, losses)[0], losses[chosen].mean() / losses.mean()


def over_splits(values: np.ndarray) -> tuple[float, float, float]:
    """Mean over the splits, its standard error, and the two-sided p-value of a mean of 0.

    The splits share rows, so that sd/√n would be far too small. The error is sd·√(1/n + held out/labelled) instead
    (Nadeau and Bengio, Machine Learning 52, 2003), with as many rows held out as labelled.
    """
    error = values.std(ddof=1) * math.sqrt(1 / len(values) + 1)
    return values.mean(), error, 2 * stats.t.sf(abs(values.mean()) / error, len(values) - 1) if error else math.nan


def report(about: str, splits: list[Split], labelled: int, epochs: int) -> None:
    """Print the correlations, the paired comparison, and the gamma law of the true losses."""
    print(f"{about}\n{labelled} rows labelled, {len(splits[0].losses)} held out; {epochs} epochs; mean ± sd of"
          f" {len(splits)} random splits\n")
    print(f"{'held-out rows':<14} {'Spearman':>16} {'p':>8} {'Pearson':>17} {'loss of top 20 %':>20}")
    found = {name: np.array([quality(split, name) for split in splits]) for name in splits[0].scores}
    best = found.pop("true loss")[:, 2].mean()
    for name, values in found.items():
        (rho, r, top), (rho_sd, r_sd, top_sd) = values.mean(0), values.std(0, ddof=1)
        p = over_splits(values[:, 0])[2]
        print(f"{name:<14} {rho:+8.3f} ± {rho_sd:.3f} {p:8.2g} {r:+9.3f} ± {r_sd:.3f} {top:13.2f} ± {top_sd:.2f}")
    print(f"p: of no rank correlation. Loss of the 20 % scored highest: mean, over that of\nall rows;"
          f" by the true loss itself it would be {best:.2f}.")
    print("\nSpearman, paired by split    difference ± s.e.        p")
    for other in ("LL", "squared error", "LL++, shuffled", "random"):
        difference, error, p = over_splits(found["LL++"][:, 0] - found[other][:, 0])
        print(f"{'LL++ − ' + other:<27} {difference:+10.3f} ± {error:.3f}  {p:7.2g}")
    print("p and s.e. allow for the rows that the splits share.")


def report_law(splits: list[Split], targets: int) -> None:
    """Print the gamma law of the true losses, and what it says of the pairs, beside the pairs themselves."""
    fits = [fit_losses(split.losses, bootstrap=BOOTSTRAP) for split in splits]
    shapes, scales = np.array([(fit.shape, fit.scale) for fit in fits]).T
    rejected = sum(not fit.describes for fit in fits)
    print(f"\ngamma law of the true losses: k = {shapes.mean():.2f} ± {shapes.std(ddof=1):.2f},"
          f" Θ = {scales.mean():.2f} ± {scales.std(ddof=1):.2f};"
          f"\nrejected in {rejected} of {len(fits)} splits. Independent normal errors of one variance:"
          f" k = {targets}/2.\n")
    print("first split: gap δ   P(|X−Y| ≤ δ)    law     mean target    law")
    for gap in fits[0].gaps:
        print(f"{gap.pairs.delta:18.3f} {gap.pairs.share:14.3f} {gap.law_share:6.3f}"
              f" {gap.pairs.mean_target:15.3f} {gap.law_target:6.3f}")


def draw(splits: list[Split], about: str, out: Path) -> None:
    """Predicted rank against true loss, for LL and LL++, and the true losses with their gamma law."""
    import matplotlib
    matplotlib.use("Agg")  # a file is wanted, not a window
    from matplotlib import pyplot as plt

    first = splits[0]
    figure, axes = plt.subplots(1, 3, figsize=(10, 4), layout="constrained")
    figure.suptitle(about)
    axes[1].sharey(axes[0])
    for axis, name, colour in zip(axes, ("LL", "LL++"), (BLUE, ORANGE)):
        rank = 100 * (stats.rankdata(first.scores[name]) - 0.5) / len(first.losses)
        rows = axis.scatter(rank, first.losses, s=10, color=colour, alpha=0.5, linewidths=0)
        rows.set_label(f"a row by {name}, first split")
        means = np.array([[part.mean() for part in np.array_split(split.losses[np.argsort(split.scores[name])], 5)]
                          for split in splits])
        axis.errorbar(np.arange(10, 100, 20), means.mean(0), means.std(0, ddof=1), fmt="ko", ms=5, capsize=4,
                      label="mean of a fifth ± sd, all splits" if name == "LL" else None)
        rho = np.mean([quality(split, name)[0] for split in splits])
        axis.set(title=f"{name}: mean Spearman {rho:.2f}", xlabel="rank of the predicted loss (%)", ylabel="true loss")

    fit = fit_losses(first.losses, bootstrap=BOOTSTRAP, deltas=[])
    _, edges, _ = axes[2].hist(first.losses, BINS, range=(0, first.losses.max()), color="0.8", edgecolor="0.5",
                               label="true losses, first split")
    expected = fit.n * np.diff(stats.gamma.cdf(edges, fit.shape, scale=fit.scale))
    axes[2].stairs(expected, edges, color="k", linewidth=1.5, label="rows expected by their gamma law")
    axes[2].set(title=f"gamma law: k = {fit.shape:.2f}, Θ = {fit.scale:.2f}", xlabel="true loss", ylabel="rows")
    figure.legend(loc="outside lower center", ncols=3)
    figure.savefig(out, dpi=150)


def main() -> None:
    sys.stdout.reconfigure(errors="replace")  # a terminal without Θ shows ? and goes on
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--data", choices=("diabetes", "digits"), default="diabetes", help="default: %(default)s")
    parser.add_argument("--seeds", type=int, default=10, help="random splits, at least 2 (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="at least 1 (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("loss_predictor.png"), help="figure (default: %(default)s)")
    parser.add_argument("--no-figure", action="store_true", help="draw nothing")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error(f"--seeds {options.seeds}: a spread over splits needs at least 2")
    if options.epochs < 1:
        parser.error(f"--epochs {options.epochs}: at least 1 is needed")
    if not options.no_figure:
        if find_spec("matplotlib") is None:
            parser.error("the figure needs matplotlib: pip install matplotlib, or pass --no-figure")
        if options.out.suffix != ".png" or not options.out.absolute().parent.is_dir():
            parser.error(f"--out {options.out}: name a .png file in a folder that exists")

    torch.set_num_threads(1)  # layers this small take longer on several threads
    about, x, y = load(options.data)
    splits = [run(x, y, seed, options.epochs) for seed in range(options.seeds)]
    report(about, splits, labelled=len(x) // 2, epochs=options.epochs)
    report_law(splits, targets=y.shape[1])
    if not options.no_figure:
        draw(splits, about, options.out)
        print(f"\nfigure: {options.out}")


if __name__ == "__main__":
    main()
