"""What the study trains: a pose network, and the loss predictors beside it, on labelled pictures.

By consistency on unlabelled ones too (`experiments.consistency`): as many in each step as labelled ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from experiments.config import Config
from experiments.consistency import augmentation, check_joints, chosen, consistency_loss, draw_lessons, lessons
from experiments.data import PoseData
from experiments.data.batches import draw, render
from experiments.errors import DataError
from experiments.learner import Learner
from experiments.machine import autocast
from experiments.methods import find_method, objective
from experiments.models.objectives import per_labelled
from experiments.scoring import judge, score
from gradients.pairs import pair_indices

__all__ = ["PoseTask"]

_NOBODY = np.empty(0, np.int64)


class PoseTask:
    """Learn the joints of the pictures `rows` of a data set, judged by those of the pictures `judged`.

    With a consistency, also what easy views say of hard ones, in the pictures `unlabelled`. A `experiments.train.Task`.
    Raises `DataError` without a joint to learn from, or without unlabelled pictures where these are learned from, and
    `ConfigError` for a cutout of more joints than there are.

    >>> from experiments.config import configure
    >>> from experiments.data import load
    >>> config, data = configure("smoke"), load("generated", count=(17, 0), size=64)
    >>> PoseTask(Learner(config, 14, ["ll"], seed=0), data, np.arange(17), np.arange(4), config).batch
    16
    """

    def __init__(
        self, learner: Learner, data: PoseData, rows: np.ndarray, judged: np.ndarray, config: Config,
        unlabelled: np.ndarray = _NOBODY,
    ):
        if config.consistency != "none" and not len(unlabelled):
            raise DataError("unlabelled", "no pictures", "at least one to learn from", "enlarge --pool")
        check_joints(config, len(data.skeleton.joints))
        if not data.present[rows].any():
            raise DataError("labelled", f"{len(rows)} pictures", "a present joint in at least one", "check-data")
        self.module, self.data, self.rows, self.judged, self.config = learner, data, rows, judged, config
        self.unlabelled = unlabelled
        self.device, self.fingerprint = learner.device, data.fingerprint
        self.batch = min(config.batch, len(rows) // 2 * 2)
        self.methods = {name: find_method(name) for name in learner.heads}
        taught = ("consistency",) if config.consistency != "none" else ()
        self.heads, self.names = tuple(self.methods), ("loss", *self.methods, *taught)

    def optimisers(self, rate: float) -> list[Optimizer]:
        """Adam for the network, and apart from it for the heads, whose rate is never lowered.

        >>> from experiments.config import configure
        >>> from experiments.data import load
        >>> config, data = configure("smoke"), load("generated", count=(4, 0), size=64)
        >>> task = PoseTask(Learner(config, 14, ["ll"], seed=0), data, np.arange(4), np.arange(4), config)
        >>> [optimiser.defaults["lr"] for optimiser in task.optimisers(0.5)]
        [0.5, 0.001]
        """
        found = [Adam([weight for network in self.module.networks for weight in network.parameters()], lr=rate)]
        return found + ([Adam(self.module.heads.parameters(), lr=self.config.rate_head)] if self.heads else [])

    def begin(self, epoch: int, epochs: int, count: int, generator: Callable[[str], torch.Generator]) -> None:
        """Draw the views of the epoch's pictures, and which heads send gradient to the network."""
        config = self.config
        self._views = draw(augmentation(config), count, generator("augmentation"))
        self._drawn = None
        if config.consistency != "none" and config.consistency_weight and epoch > config.consistency_start * epochs:
            order, passes = generator("unlabelled"), math.ceil(count / len(self.unlabelled))
            places = torch.cat([torch.randperm(len(self.unlabelled), generator=order) for _ in range(passes)])[:count]
            self._seen = self.unlabelled[places.numpy()]
            self._drawn = draw_lessons(config, len(self.data.skeleton.joints), count, generator)
        self._pairing = generator("pairs")
        self._joint = [name for name, method in self.methods.items()
                       if config.joint(method) and epoch <= config.head_share * epochs]

    def fetch(self, rows: np.ndarray, slots: Tensor) -> tuple:
        """Pictures, joints, presence, and the view that augmentation drew; then unlabelled pictures and theirs."""
        data, slot = self.data, slots.numpy()
        arrays = [array[rows[slot]] for array in (data.images, data.joints, data.present)]
        if self._drawn is None:
            unlabelled = ()
        else:
            unlabelled = torch.from_numpy(data.images[self._seen[slot]]).to(self.device), chosen(self._drawn, slots)
        return *(torch.from_numpy(array).to(self.device) for array in arrays), chosen(self._views, slots), unlabelled

    def losses(self, forward: nn.Module, batch: tuple) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """The pose loss and the heads' losses, and what each head's pairs were."""
        config, learner = self.config, self.module
        pictures, joints, present, view, unlabelled = batch
        inputs, joints, present = render(
            pictures, joints, present, size=config.image, swap=self.data.skeleton.swap, params=view, view=config.view)
        taught = lessons(learner, *unlabelled, self.data.skeleton.swap, config) if unlabelled else []
        # Labelled pictures first, then the others. Of two networks, each has its own lesson.
        shown = [torch.cat((inputs, lesson.inputs)) for lesson in taught] or [inputs] * len(learner.networks)
        count = len(inputs)
        apart = count if taught and config.normalised == "apart" else None
        with autocast(config, self.device):
            output, predicted, *beside = forward(shown[0], self._joint, *shown[1:], apart=apart)
        drawn = [found.heatmaps for found in (output, *beside)]
        losses = learner.pose_losses(drawn[0][:count], joints, present)
        parts, compared = {"loss": losses.mean()}, {}
        further = [learner.pose_losses(found[:count], joints, present).mean() for found in drawn[1:]]
        if "consistency" in self.names:
            found = [consistency_loss(learner.shown(found[count:]), lesson) for found, lesson in zip(drawn, taught)]
            parts["consistency"] = sum(found, losses.new_zeros(()))
            further.append(config.consistency_weight * parts["consistency"])
        if predicted:
            i, j = (side.to(self.device) for side in pair_indices(len(losses), config.pairs, generator=self._pairing))
            labelled = per_labelled(losses.detach(), present)
            for name, method in self.methods.items():
                guess = predicted[name][:count].to(losses.dtype)
                true = labelled if config.per_labelled(method) else losses.detach()
                parts[name] = objective(method, margin=config.margin, pairs=(i, j))(guess, true)
                guess = guess.detach()
                compared[name] = torch.stack((true[i], true[j], guess[i], guess[j])).float()
        total = parts["loss"] + config.head_weight * sum(parts[name] for name in self.heads)
        return sum(further, total), parts, compared

    def validate(self) -> tuple[float, dict[str, float]]:
        """The metric of the data set on the judged pictures, and their mean pose loss; NaN where one is no number."""
        scores = score(self.module, self.data, self.judged, self.config)
        pck = judge(scores, self.data).pck.total
        if not all(np.isfinite(found).all() for found in (scores.true, *scores.predicted.values())):
            pck = float("nan")
        found = {"validation_pck": pck, "validation_loss": float(scores.true.mean())}
        return pck, found | ({"response": self.response()} if len(self.unlabelled) else {})

    def response(self) -> float:
        """The mean response (`experiments.consistency`) to unlabelled pictures: as many as there are judged ones.

        >>> from experiments.config import configure
        >>> from experiments.data import load
        >>> config, data = configure("smoke"), load("generated", count=(4, 0), size=64)
        >>> rows = np.arange(4)
        >>> abs(PoseTask(Learner(config, 14, [], seed=0), data, rows[:2], rows[:2], config, rows[2:]).response()) < 0.1
        True
        """
        count = min(len(self.judged), len(self.unlabelled))
        rows = self.unlabelled[np.linspace(0, len(self.unlabelled) - 1, count).astype(np.int64)]
        return float(score(self.module, self.data, rows, self.config).response.mean())
