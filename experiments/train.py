"""One training: a pose network and the loss predictors beside it, from their weights to better ones.

Every random number follows from seed, stage and epoch (`experiments.seeds`), and the state is saved after every epoch:
a training that was killed and started again ends with the numbers of one that was not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import lr_scheduler

from experiments.checkpoint import load, save, write
from experiments.config import Config
from experiments.data import PoseData
from experiments.data.batches import Augmentation, draw, render
from experiments.errors import CheckpointError, DataError, TrainingError
from experiments.learner import Learner
from experiments.machine import autocast, dtype_of, gather, processes, rank
from experiments.methods import find_method, objective
from experiments.models.objectives import per_labelled
from experiments.progress import Progress
from experiments.scoring import judge, score
from experiments.seeds import stream
from gammaprob.errors import DomainError
from gradients.pairs import pair_indices

__all__ = ["train"]

_PAIR = ("true_i", "true_j", "predicted_i", "predicted_j")


def train(
    learner: Learner, data: PoseData, labelled: np.ndarray, judged: np.ndarray, *, config: Config, seed: int,
    stage: int, folder: Path, title: str = "training",
) -> tuple[dict, dict[str, np.ndarray]]:
    """Train in place on the pictures `labelled`; choose epoch and learning rate by the pictures `judged`.

    Stage 0 trains for `epochs_base` at `rate`, a later one for `epochs` at `rate_stage`. Goes on from
    ``folder/checkpoint.pt`` if it is there. Returns what result.json says of the training, and, for each method with a
    head, every pair that was compared: its true losses, and the predictions at that moment.

    Raises `DataError` without a joint to learn from, `TrainingError` where the loss is no finite number.

    >>> import tempfile
    >>> from experiments.config import configure
    >>> from experiments.data import load
    >>> config = configure("smoke", {"epochs_base": 1, "base": 16})
    >>> data, rows = load("generated", count=(16, 0), size=64), np.arange(16)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary, pairs = train(Learner(config, 14, ["ll"], seed=0), data, rows, rows, config=config, seed=0,
    ...                            stage=0, folder=Path(folder))
    >>> summary["epochs"], sorted(pairs)[0], len(pairs["ll/epoch"])
    (1, 'll/epoch', 8)
    """
    if not data.present[labelled].any():
        raise DataError("labelled", f"{len(labelled)} pictures", "a present joint in at least one", "check-data")
    training = _Training(learner, data, labelled, judged, config, seed, stage, folder)
    training.resume()
    with Progress(title, folder, total=training.epochs * training.steps, done=training.epoch * training.steps,
                  tensorboard=config.tensorboard) as progress:
        while training.epoch < training.epochs:
            training.run_epoch(progress.step)
            progress.row(training.log[-1])
    return training.finish()


def _ahead(fetch: Callable[[int], tuple], count: int) -> Iterator[tuple]:
    """``fetch(0), fetch(1), ...``; each is made in a thread while the one before is used.

    Two plain queues and not an executor: whose locks an interrupt can leave held, so that the process never ends.
    """
    asked, made = SimpleQueue(), SimpleQueue()

    def work() -> None:
        while (step := asked.get()) is not None:
            try:
                made.put((fetch(step), None))
            except Exception as error:  # handed to whoever waits for the batch
                made.put((None, error))

    thread = Thread(target=work, daemon=True)
    thread.start()
    asked.put(0)
    try:
        for step in range(count):
            asked.put(step + 1 if step + 1 < count else None)
            batch, error = made.get()
            if error is not None:
                raise error
            yield batch
    finally:
        asked.put(None)
        thread.join()  # a thread that is in torch when the interpreter ends would abort the process


class _Training:
    """The state of a training between two epochs, which is what a checkpoint holds, and the way to the next."""

    def __init__(self, learner, data, labelled, judged, config, seed, stage, folder):
        self.learner, self.data, self.labelled, self.judged = learner, data, labelled, judged
        self.config, self.seed, self.stage, self.path = config, seed, stage, folder / "checkpoint.pt"
        self.batch = min(config.batch, len(labelled) // 2 * 2)
        self.steps = len(labelled) // self.batch
        self.epochs, rate = (config.epochs_base, config.rate) if stage == 0 else (config.epochs, config.rate_stage)
        self.methods = {name: find_method(name) for name in learner.heads}

        device = learner.device
        self.module: nn.Module = learner
        if processes() > 1:
            if device.type == "cuda":
                learner.network = nn.SyncBatchNorm.convert_sync_batchnorm(learner.network)
            self.module = DistributedDataParallel(learner, device_ids=[device] if device.type == "cuda" else None)
        self.optimisers = [torch.optim.Adam(learner.network.parameters(), lr=rate)]
        if learner.heads:
            # Apart, since the schedule lowers the network's rate alone.
            self.optimisers.append(torch.optim.Adam(learner.heads.parameters(), lr=config.rate_head))
        self.schedule = {
            "cosine": lambda adam: lr_scheduler.CosineAnnealingLR(adam, self.epochs * self.steps),
            "plateau": lambda adam: lr_scheduler.ReduceLROnPlateau(
                adam, "max", factor=0.5, patience=config.patience, min_lr=config.rate_least),
            "constant": lambda adam: lr_scheduler.ConstantLR(adam, factor=1.0),
        }[config.schedule](self.optimisers[0])
        # float16 alone has gradients below its smallest number.
        self.scaler = torch.amp.GradScaler(device.type, enabled=dtype_of(config, device) == torch.float16)

        self.epoch, self.seconds, self.log, self.pairs = 0, 0.0, [], {name: [] for name in self.methods}
        self.best = {"epoch": 0, "pck": float("-inf"), "weights": None}

    # --- one epoch ------------------------------------------------------------------------------------------------

    def run_epoch(self, tick: Callable[[int], None]) -> None:
        """A pass over the labelled pictures, a validation when it is due, a line of the log, a checkpoint."""
        began, self.epoch = time.perf_counter(), self.epoch + 1
        rate = self.optimisers[0].param_groups[0]["lr"]
        self.learner.train()
        self.pairing = torch.Generator().manual_seed(stream(self.seed, "pairs", self.stage, self.epoch))
        parts = []
        with closing(self._batches()) as batches:
            for pictures, joints, present, view in batches:
                try:
                    parts.append(self._step(pictures, joints, present, view))
                except DomainError as error:  # a loss of `gradients` that met a NaN
                    raise self._diverged() from error
                tick(1)
        losses = torch.cat(gather(torch.stack([losses for losses, _ in parts]).cpu()))
        if not torch.isfinite(losses).all():
            raise self._diverged()
        for name in self.pairs:
            self.pairs[name].append(torch.cat(gather(torch.cat([pairs[name] for _, pairs in parts], 1).cpu()), 1))
        self.seconds += time.perf_counter() - began
        means = dict(zip(("loss", *self.methods), losses.mean(0).tolist()))
        self.log.append({"epoch": self.epoch, "rate": rate, **means, "seconds": round(self.seconds, 3)})
        if self.epoch % self.config.validate_every == 0 or self.epoch == self.epochs:
            self._validate()
        self._save()

    def _batches(self) -> Iterator[tuple]:
        """This process's share of each step: pictures, joints, presence, and the view that augmentation drew."""
        config, data, device = self.config, self.data, self.learner.device
        generator = torch.Generator().manual_seed(stream(self.seed, "order", self.stage, self.epoch))
        order = torch.randperm(len(self.labelled), generator=generator)[: self.steps * self.batch]
        generator.manual_seed(stream(self.seed, "augmentation", self.stage, self.epoch))
        wanted = Augmentation(config.scale, config.rotation, config.shift, config.flip, config.colour)
        views = draw(wanted, len(order), generator)
        # A pair is i and i + B/2: each process takes the same slice of both halves.
        slots = torch.arange(len(order)).reshape(self.steps, 2, processes(), -1)[:, :, rank()].flatten(1)

        def fetch(step: int) -> tuple:
            rows = self.labelled[order[slots[step]].numpy()]
            arrays = (torch.from_numpy(array[rows]) for array in (data.images, data.joints, data.present))
            return *(array.to(device) for array in arrays), type(views)(*(drawn[slots[step]] for drawn in views))

        return _ahead(fetch, self.steps)

    def _step(self, pictures, joints, present, view) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """One update of all weights; the pose loss and the heads' losses, and what each head's pairs were."""
        config, learner, device = self.config, self.learner, self.learner.device
        inputs, joints, present = render(
            pictures, joints, present, size=config.image, swap=self.data.skeleton.swap, params=view, view=config.view)
        joint = [name for name, method in self.methods.items()
                 if config.joint(method) and self.epoch <= config.head_share * self.epochs]
        with autocast(config, device):
            output, predicted = self.module(inputs, joint)
        losses = learner.pose_losses(output.heatmaps, joints, present)
        parts, compared = {"loss": losses.mean()}, {}
        if predicted:
            i, j = (side.to(device) for side in pair_indices(len(losses), config.pairs, generator=self.pairing))
            labelled = per_labelled(losses.detach(), present)
            for name, method in self.methods.items():
                guess = predicted[name].to(losses.dtype)
                true = labelled if config.per_labelled(method) else losses.detach()
                parts[name] = objective(method, margin=config.margin, pairs=(i, j))(guess, true)
                guess = guess.detach()
                compared[name] = torch.stack((true[i], true[j], guess[i], guess[j])).float()
        for adam in self.optimisers:
            adam.zero_grad(set_to_none=True)
        total = parts["loss"] + config.head_weight * sum(parts[name] for name in self.methods)
        self.scaler.scale(total).backward()
        for adam in self.optimisers:
            self.scaler.step(adam)
        self.scaler.update()
        if config.schedule != "plateau":
            self.schedule.step()
        return torch.stack([part.detach() for part in parts.values()]), compared

    def _validate(self) -> None:
        scores = score(self.learner, self.data, self.judged, self.config)
        if not all(np.isfinite(found).all() for found in (scores.true, *scores.predicted.values())):
            raise self._diverged()  # of the last step, whose loss was still a number
        pck = judge(scores, self.data).pck.total
        self.log[-1] |= {"validation_pck": pck, "validation_loss": float(scores.true.mean())}
        if self.config.schedule == "plateau":
            self.schedule.step(pck)
        if pck > self.best["pck"] or self.config.keep == "last":
            # Network and heads of the same epoch, always.
            weights = {name: value.detach().clone() for name, value in self.learner.state_dict().items()}
            self.best = {"epoch": self.epoch, "pck": pck, "weights": weights}

    def _diverged(self) -> TrainingError:
        return TrainingError(
            "loss", f"no finite number in epoch {self.epoch}", "finite numbers",
            f"lower --rate or raise --precision; the state before this epoch is kept in {self.path}",
        )

    # --- between epochs -------------------------------------------------------------------------------------------

    def _save(self) -> None:
        if rank() > 0:
            return
        write(self.path.with_name("log.jsonl"), "".join(json.dumps(row) + "\n" for row in self.log).encode())
        save(self.path, {
            "identity": self.config.identity, "config": self.config.dictionary, "seed": self.seed, "stage": self.stage,
            "fingerprint": self.data.fingerprint, "labelled": torch.from_numpy(self.labelled), "epoch": self.epoch,
            "seconds": self.seconds, "log": self.log, "pairs": self.pairs, "best": self.best,
            "weights": self.learner.state_dict(), "optimisers": [adam.state_dict() for adam in self.optimisers],
            "schedule": self.schedule.state_dict(), "scaler": self.scaler.state_dict(),
            # Nothing in a step draws from the global generators; a model of yours may.
            "random": torch.get_rng_state(),
        })

    def resume(self) -> None:
        """Take up the state of the checkpoint, if there is one."""
        if not self.path.exists():
            return
        state = load(self.path, self.config.identity)
        if state["fingerprint"] != self.data.fingerprint or not np.array_equal(state["labelled"], self.labelled):
            raise DataError(
                "data", "other pictures than the checkpoint's", f"the data set of {self.path}",
                "restore it, or choose another --out",
            )
        if state["weights"].keys() != self.learner.state_dict().keys():
            raise CheckpointError(
                str(self.path), "other loss predictors", f"those of {', '.join(self.methods) or 'none'}",
                "choose another --out, or the --methods that this folder was made with",
            )
        self.learner.load_state_dict(state["weights"])
        for adam, saved in zip(self.optimisers, state["optimisers"], strict=True):
            adam.load_state_dict(saved)
        self.schedule.load_state_dict(state["schedule"])
        self.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["random"])
        for name in ("epoch", "seconds", "log", "pairs", "best"):
            setattr(self, name, state[name])

    def finish(self) -> tuple[dict, dict[str, np.ndarray]]:
        """Set the chosen weights; the summary and the pairs of all epochs."""
        self.learner.load_state_dict(self.best["weights"])
        images = self.epochs * self.steps * self.batch
        summary = {
            "epochs": self.epochs, "best_epoch": self.best["epoch"], "validation_pck": self.best["pck"],
            "images": len(self.labelled), "images_per_second": images / self.seconds, "loss": self.log[-1]["loss"],
            "seconds": self.seconds,
        }
        arrays = {}
        for name, epochs in self.pairs.items():
            arrays[f"{name}/epoch"] = np.repeat(np.arange(1, len(epochs) + 1, dtype=np.int16),
                                                [epoch.shape[1] for epoch in epochs])
            arrays |= {f"{name}/{side}": row for side, row in zip(_PAIR, torch.cat(epochs, 1).numpy())}
        return summary, arrays
