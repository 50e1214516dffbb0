"""What the network makes of many pictures, in bounded memory: true and predicted losses, features, joints found.

Pictures pass through in batches of `scoring_batch`; of each only a row of numbers is kept. Several processes score
a part each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from experiments.config import Config
from experiments.consistency import response
from experiments.data import PoseData
from experiments.data.batches import decode, render, unrender
from experiments.learner import Learner
from experiments.machine import autocast, gather, processes, rank
from experiments.metrics import OPTIONS, PCK, auc, pck, per_image_hits, swaps
from experiments.models.objectives import per_labelled
from experiments.models.peaks import peak_entropy, second_peaks

__all__ = ["Judged", "Scores", "confusion", "judge", "score"]

# A heatmap has a double peak where its second one is at least so high, as a share of the first.
DOUBLE = 0.5
# In standard deviations of a target: where that of one place ends, another begins.
_APART = 3.0


@dataclass(frozen=True)
class Scores:
    """One row a picture, in the order of `rows`."""

    rows: np.ndarray  # (N,) int64, which pictures of the data set
    true: np.ndarray  # (N,) float32, the pose loss by labelled joint; absent ones add to it where they are learned
    joints: np.ndarray  # (N, J, 2) float32, where the joints were found, in pixels of the data set's pictures
    predicted: dict[str, np.ndarray]  # method -> (N,) float32
    features: np.ndarray | None  # (N, C) float32, the last features averaged over the picture
    entropy: np.ndarray | None  # (N,) float32, multi-peak entropy
    second: np.ndarray | None = None  # (N, J, 2) float32, where the second peaks are, in the same pixels
    second_height: np.ndarray | None = None  # (N, J) float32, of the second peak, as a share of the first
    response: np.ndarray | None = None  # (N,) float32, the mean of the heatmaps' maxima, in peaks of a target


@torch.no_grad()
def score(
    learner: Learner, data: PoseData, rows: np.ndarray, config: Config, *, features: bool = False,
    entropy: bool = False, peaks: bool = False,
) -> Scores:
    """Evaluate the network and its loss predictors on the pictures `rows` of a data set.

    `features` and `entropy` ask for what a strategy needs, `peaks` for the second peaks of the heatmaps; they cost
    memory and time. Pictures come as they are, in the view of evaluation; their augmented forms are for training alone.

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
    parts = [_batch(learner, data, share[start:start + config.scoring_batch], config, features, entropy, peaks)
             for start in range(0, len(share), config.scoring_batch)]
    parts = [part for found in gather(parts) for part in found]

    def joined(name: str) -> np.ndarray:
        return np.concatenate([part[name] for part in parts])

    return Scores(
        rows=np.asarray(rows), true=joined("true"), joints=joined("joints"),
        predicted={name: joined(f"predicted/{name}") for name in learner.heads},
        features=joined("features") if features else None, entropy=joined("entropy") if entropy else None,
        second=joined("second") if peaks else None, second_height=joined("second_height") if peaks else None,
        response=joined("response"),
    )


def _batch(learner, data, rows, config, features, entropy, peaks) -> dict[str, np.ndarray]:
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
    shown = learner.shown(heatmaps)
    kept = {"true": losses, "joints": found, "response": response(shown, config.peak),
            **{f"predicted/{name}": value for name, value in predicted.items()}}
    if features:
        kept["features"] = output.features.float().mean((2, 3))
    if entropy:
        kept["entropy"] = peak_entropy(heatmaps)
    if peaks:
        kept["second_height"], places = second_peaks(shown, apart=_APART * config.sigma)
        places = config.stride * places.float() + (config.stride - 1) / 2
        kept["second"] = unrender(places, side=data.size, **seen)
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


def confusion(scores: Scores, data: PoseData) -> dict[str, float | int]:
    """Left-right confusion and double peaks of pictures that were scored with `peaks`, as result.json has them.

    - `paired`: the joints that count and whose mirrored joint is present; of these, as shares:
      `nearer_mirrored`, nearer to the mirrored joint than to its own; `swapped`, those of them that are no hit;
      `on_mirrored`, those that are no hit, but one of the mirrored joint (`experiments.metrics.swaps`).
    - `double_peaks`: of all joints that count, the share whose heatmap has a second peak at least half as high as the
      first and farther from it than 3 σ of the targets (`experiments.models.peaks.second_peaks`); in probabilities
      where the network draws these.
    - `double_hits`: of the double peaks, the share whose first peak is a hit (Anchor Loss, Section 4.2).
    - `double_mirrored`: of the double peaks of paired joints, the share whose second peak is no hit of its joint and
      nearer to the mirrored one.

    A share of nothing is NaN.

    >>> from experiments.data import load
    >>> data = load("generated", count=(3, 0), size=64)
    >>> exact = Scores(np.arange(3), np.zeros(3), data.joints, {}, None, None, data.joints, np.zeros((3, 14)))
    >>> confusion(exact, data)
    {'paired': 36, 'nearer_mirrored': 0.0, 'swapped': 0.0, 'on_mirrored': 0.0, 'double_peaks': 0.0,
     'double_hits': nan, 'double_mirrored': nan}
    """
    rows, options = scores.rows, OPTIONS[data.metric]
    joints, present, reference, mirror = data.joints[rows], data.present[rows], data.reference[rows], data.skeleton.swap
    counted = present & np.isfinite(reference)[:, None]
    counted[:, list(options.get("left_out", ()))] = False
    double = scores.second_height >= DOUBLE
    found = swaps(scores.joints, joints, present, reference, mirror, **options)
    return {
        "paired": found.compared, "nearer_mirrored": found.share_nearer, "swapped": found.share,
        "on_mirrored": found.share_on_mirrored,
        "double_peaks": float(double[counted].mean()) if counted.any() else float("nan"),
        "double_hits": pck(scores.joints, joints, present & double, reference, **options).total,
        "double_mirrored": swaps(scores.second, joints, present, reference, mirror, among=double, **options).share,
    }
