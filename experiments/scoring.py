"""What the network makes of many pictures, in bounded memory: true and predicted losses, features, joints found.

Pictures pass through in batches of `scoring_batch`; of each only a row of numbers is kept. Several processes score
a part each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from experiments.config import Config
from experiments.data import PoseData
from experiments.data.batches import decode, render, unrender
from experiments.learner import Learner
from experiments.machine import autocast, gather, processes, rank
from experiments.metrics import OPTIONS, PCK, auc, pck, per_image_hits
from experiments.models.objectives import per_labelled
from experiments.models.peaks import peak_entropy

__all__ = ["Judged", "Scores", "judge", "score"]


@dataclass(frozen=True)
class Scores:
    """One row a picture, in the order of `rows`."""

    rows: np.ndarray  # (N,) int64, which pictures of the data set
    true: np.ndarray  # (N,) float32, the pose loss by labelled joint; absent ones add to it where they are learned
    joints: np.ndarray  # (N, J, 2) float32, where the joints were found, in pixels of the data set's pictures
    predicted: dict[str, np.ndarray]  # method -> (N,) float32
    features: np.ndarray | None  # (N, C) float32, the last features averaged over the picture
    entropy: np.ndarray | None  # (N,) float32, multi-peak entropy


@torch.no_grad()
def score(
    learner: Learner, data: PoseData, rows: np.ndarray, config: Config, *, features: bool = False,
    entropy: bool = False,
) -> Scores:
    """Evaluate the network and its loss predictors on the pictures `rows` of a data set.

    `features` and `entropy` ask for what a strategy needs; they cost memory and time. Pictures come as they are, in
    the view of evaluation; their augmented forms are for training alone.

    >>> from experiments.config import configure
    >>> from experiments.data import load
    >>> config = configure("smoke")
    >>> learner, data = Learner(config, 14, ["ll"], seed=0), load("generated", count=(3, 0), size=64)
    >>> found = score(learner, data, np.arange(3), config)
    >>> found.true.shape, found.joints.shape, list(found.predicted)
    ((3,), (3, 14, 2), ['ll'])
    """
    share = np.array_split(rows, processes())[rank()]
    learner.eval()
    parts = [_batch(learner, data, share[start:start + config.scoring_batch], config, features, entropy)
             for start in range(0, len(share), config.scoring_batch)]
    parts = [part for found in gather(parts) for part in found]

    def joined(name: str) -> np.ndarray:
        return np.concatenate([part[name] for part in parts])

    return Scores(
        rows=np.asarray(rows), true=joined("true"), joints=joined("joints"),
        predicted={name: joined(f"predicted/{name}") for name in learner.heads},
        features=joined("features") if features else None, entropy=joined("entropy") if entropy else None,
    )


def _batch(learner, data, rows, config, features, entropy) -> dict[str, np.ndarray]:
    device = learner.device
    pictures, joints, present = (torch.from_numpy(array[rows]).to(device)
                                 for array in (data.images, data.joints, data.present))
    seen = {"size": config.image, "swap": data.skeleton.swap, "view": config.view}
    inputs, joints, present = render(pictures, joints, present, **seen)
    with autocast(config, device):
        output, predicted = learner(inputs)
    losses = per_labelled(learner.pose_losses(output.heatmaps, joints, present), present)
    heatmaps = output.heatmaps[:, -1].float()
    found = unrender(decode(heatmaps, stride=config.stride), side=data.size, **seen)
    kept = {"true": losses, "joints": found, **{f"predicted/{name}": value for name, value in predicted.items()}}
    if features:
        kept["features"] = output.features.float().mean((2, 3))
    if entropy:
        kept["entropy"] = peak_entropy(heatmaps)
    return {name: value.float().cpu().numpy() for name, value in kept.items()}


@dataclass(frozen=True)
class Judged:
    """The data set's metric on N scored pictures."""

    pck: PCK
    auc: float
    hits: np.ndarray  # (N,) joints found in each picture
    counted: np.ndarray  # (N,) joints that count in each picture


def judge(scores: Scores, data: PoseData) -> Judged:
    """The metric of the data set on scored pictures.

    >>> from experiments.data import load
    >>> data = load("generated", count=(3, 0), size=64)
    >>> exact = Scores(np.arange(3), np.zeros(3), data.joints, {}, None, None)
    >>> judge(exact, data).pck.total
    1.0
    """
    rows, options = scores.rows, OPTIONS[data.metric]
    asked = (scores.joints, data.joints[rows], data.present[rows], data.reference[rows])
    return Judged(pck(*asked, **options), auc(*asked, **options), *per_image_hits(*asked, **options))
