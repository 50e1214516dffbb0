"""One training: what is to be learned, from its weights to better ones.

Every random number follows from seed, stage and epoch (`experiments.seeds`), and the state is saved after every epoch:
a training that was killed and started again ends with the numbers of one that was not. What is learned, a pose or
something else, is a `Task`'s affair.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer, lr_scheduler

from experiments.checkpoint import load, save, write
from experiments.errors import CheckpointError, DataError, TrainingError
from experiments.machine import dtype_of, gather, processes, rank
from experiments.progress import Progress
from experiments.seeds import stream
from gammaprob.errors import DomainError

__all__ = ["Task", "train"]

# Of the schedule "steps": the rate falls after these shares of the epochs, 160 and 180 of 200.
_DROPS = (0.8, 0.9)
# Of a line of the log, beside the parts of the loss and what a validation found.
_OF_EPOCH = ("epoch", "rate", "seconds")
_PAIR = ("true_i", "true_j", "predicted_i", "predicted_j")


class Task(Protocol):
    """What one training learns and from what; the loop does the rest.

    `module` has every weight, as checkpoints hold them, and computes a forward pass; `rows` are what is learned from,
    `batch` of them a step; `names` are the parts of the loss, the network's own first; `heads` those of them whose
    pairs are kept; `fingerprint` is of the data.
    """

    module: nn.Module
    device: torch.device
    rows: np.ndarray
    batch: int
    names: tuple[str, ...]
    heads: tuple[str, ...]
    fingerprint: str

    def optimisers(self, rate: float) -> list[Optimizer]:
        """Of all weights; the first, of the network, is the one whose rate the schedule lowers from `rate`."""

    def begin(self, epoch: int, epochs: int, count: int, generator: Callable[[str], torch.Generator]) -> None:
        """An epoch begins, from 1 to `epochs`: draw what its `count` rows need.

        `generator` makes the generator of a name: another for another name, epoch, stage or seed.
        """

    def fetch(self, rows: np.ndarray, slots: Tensor) -> tuple:
        """A batch on the device, of the epoch's rows at these places of its order; called in another thread."""

    def losses(self, forward: nn.Module, batch: tuple) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """What to descend, its parts by name, and the pairs (4, P) of each head; `forward` is `module`, or shares it.

        Raises `DomainError` where the network has left the numbers.
        """

    def validate(self) -> tuple[float, dict[str, float]]:
        """How well it does, the higher the better, and what log and result say of it, under the task's own names.

        Not finite where it has diverged.
        """


def train(
    task: Task, *, config, seed: int, stage: int, folder: Path, title: str = "training",
) -> tuple[dict, dict[str, np.ndarray]]:
    """Train the task's module in place; epoch and learning rate are chosen by its `validate`.

    Stage 0 trains for `epochs_base` at `rate`, a later one for `epochs` at `rate_stage`. Goes on from
    ``folder/checkpoint.pt`` if it is there. Returns what result.json says of the training, and, for each head, every
    pair that was compared: its true losses, and the predictions at that moment.

    Raises `TrainingError` where the loss is no finite number, `DataError` or `CheckpointError` for a checkpoint of
    other data or of another module.

    >>> import tempfile
    >>> from experiments.config import configure
    >>> from experiments.data import load
    >>> from experiments.learner import Learner
    >>> from experiments.pose_task import PoseTask
    >>> config = configure("smoke", {"epochs_base": 1, "base": 16})
    >>> data, rows = load("generated", count=(16, 0), size=64), np.arange(16)
    >>> task = PoseTask(Learner(config, 14, ["ll"], seed=0), data, rows, rows, config)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary, pairs = train(task, config=config, seed=0, stage=0, folder=Path(folder))
    >>> summary["epochs"], sorted(pairs)[0], len(pairs["ll/epoch"])
    (1, 'll/epoch', 8)
    """
    training = _Training(task, config, seed, stage, folder)
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

    def __init__(self, task: Task, config, seed: int, stage: int, folder: Path):
        self.task, self.config, self.seed, self.stage = task, config, seed, stage
        self.path = folder / "checkpoint.pt"
        self.steps = len(task.rows) // task.batch
        self.epochs, rate = (config.epochs_base, config.rate) if stage == 0 else (config.epochs, config.rate_stage)

        device = task.device
        self.forward = task.module
        if processes() > 1:
            if device.type == "cuda":
                task.module = nn.SyncBatchNorm.convert_sync_batchnorm(task.module)
            self.forward = DistributedDataParallel(
                task.module, device_ids=[device] if device.type == "cuda" else None)
        self.optimisers = task.optimisers(rate)
        self.schedule = {
            "cosine": lambda first: lr_scheduler.CosineAnnealingLR(first, self.epochs * self.steps),
            "plateau": lambda first: lr_scheduler.ReduceLROnPlateau(
                first, "max", factor=0.5, patience=config.patience, min_lr=config.rate_least),
            "steps": lambda first: lr_scheduler.MultiStepLR(
                first, [round(share * self.epochs) * self.steps for share in _DROPS], gamma=0.1),
            "constant": lambda first: lr_scheduler.ConstantLR(first, factor=1.0),
        }[config.schedule](self.optimisers[0])
        # float16 alone has gradients below its smallest number.
        self.scaler = torch.amp.GradScaler(device.type, enabled=dtype_of(config, device) == torch.float16)

        self.epoch, self.seconds, self.log, self.pairs = 0, 0.0, [], {name: [] for name in task.heads}
        self.best = {"epoch": 0, "score": float("-inf"), "weights": None}

    # --- one epoch ------------------------------------------------------------------------------------------------

    def run_epoch(self, tick: Callable[[int], None]) -> None:
        """A pass over what is learned from, a validation when it is due, a line of the log, a checkpoint."""
        began, self.epoch = time.perf_counter(), self.epoch + 1
        rate = self.optimisers[0].param_groups[0]["lr"]
        self.task.module.train()
        parts = []
        with closing(self._batches()) as batches:
            for batch in batches:
                try:
                    parts.append(self._step(batch))
                except DomainError as error:  # a loss of `gradients` that met a NaN
                    raise self._diverged() from error
                tick(1)
        losses = torch.cat(gather(torch.stack([losses for losses, _ in parts]).cpu()))
        if not torch.isfinite(losses).all():
            raise self._diverged()
        for name in self.pairs:
            self.pairs[name].append(torch.cat(gather(torch.cat([pairs[name] for _, pairs in parts], 1).cpu()), 1))
        self.seconds += time.perf_counter() - began
        means = dict(zip(self.task.names, losses.mean(0).tolist(), strict=True))
        self.log.append({"epoch": self.epoch, "rate": rate, **means, "seconds": round(self.seconds, 3)})
        if self.epoch % self.config.validate_every == 0 or self.epoch == self.epochs:
            self._validate()
        self._save()

    def _batches(self) -> Iterator[tuple]:
        """This process's share of each step."""
        def generator(name: str) -> torch.Generator:
            return torch.Generator().manual_seed(stream(self.seed, name, self.stage, self.epoch))

        order = torch.randperm(len(self.task.rows), generator=generator("order"))[: self.steps * self.task.batch]
        self.task.begin(self.epoch, self.epochs, len(order), generator)
        # A pair is i and i + B/2: each process takes the same slice of both halves.
        slots = torch.arange(len(order)).reshape(self.steps, 2, processes(), -1)[:, :, rank()].flatten(1)
        rows = self.task.rows[order.numpy()]
        return _ahead(lambda step: self.task.fetch(rows, slots[step]), self.steps)

    def _step(self, batch: tuple) -> tuple[Tensor, dict[str, Tensor]]:
        """One update of all weights; the parts of the loss, and what each head's pairs were."""
        total, parts, compared = self.task.losses(self.forward, batch)
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(total).backward()
        for optimiser in self.optimisers:
            self.scaler.step(optimiser)
        self.scaler.update()
        if self.config.schedule != "plateau":
            self.schedule.step()
        return torch.stack([parts[name].detach() for name in self.task.names]), compared

    def _validate(self) -> None:
        score, found = self.task.validate()
        if not np.isfinite([score, *found.values()]).all():
            raise self._diverged()  # of the last step, whose loss was still a number
        self.log[-1] |= found
        if self.config.schedule == "plateau":
            self.schedule.step(score)
        if score > self.best["score"] or self.config.keep == "last":
            # All weights of the same epoch, always.
            weights = {name: value.detach().clone() for name, value in self.task.module.state_dict().items()}
            self.best = {"epoch": self.epoch, "score": score, "weights": weights}

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
            "fingerprint": self.task.fingerprint, "labelled": torch.from_numpy(self.task.rows), "epoch": self.epoch,
            "seconds": self.seconds, "log": self.log, "pairs": self.pairs, "best": self.best,
            "weights": self.task.module.state_dict(), "schedule": self.schedule.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "scaler": self.scaler.state_dict(),
            # Nothing in a step draws from the global generators; a model of yours may.
            "random": torch.get_rng_state(),
        })

    def resume(self) -> None:
        """Take up the state of the checkpoint, if there is one."""
        if not self.path.exists():
            return
        state = load(self.path, self.config.identity)
        if state["fingerprint"] != self.task.fingerprint or not np.array_equal(state["labelled"], self.task.rows):
            raise DataError(
                "data", "other pictures than the checkpoint's", f"the data set of {self.path}",
                "restore it, or choose another --out",
            )
        if state["weights"].keys() != self.task.module.state_dict().keys():
            raise CheckpointError(
                str(self.path), "other loss predictors", f"those of {', '.join(self.task.heads) or 'none'}",
                "choose another --out, or the --methods that this folder was made with",
            )
        self.task.module.load_state_dict(state["weights"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.schedule.load_state_dict(state["schedule"])
        self.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["random"])
        for name in ("epoch", "seconds", "log", "pairs", "best"):
            setattr(self, name, state[name])

    def finish(self) -> tuple[dict, dict[str, np.ndarray]]:
        """Set the chosen weights; the summary, with what their validation found, and the pairs of all epochs."""
        self.task.module.load_state_dict(self.best["weights"])
        images = self.epochs * self.steps * self.task.batch
        chosen = self.log[self.best["epoch"] - 1]
        found = {name: value for name, value in chosen.items() if name not in (*_OF_EPOCH, *self.task.names)}
        summary = {
            "epochs": self.epochs, "best_epoch": self.best["epoch"], **found, "images": len(self.task.rows),
            "images_per_second": images / self.seconds, "loss": self.log[-1]["loss"], "seconds": self.seconds,
        }
        arrays = {}
        for name, epochs in self.pairs.items():
            arrays[f"{name}/epoch"] = np.repeat(np.arange(1, len(epochs) + 1, dtype=np.int16),
                                                [epoch.shape[1] for epoch in epochs])
            arrays |= {f"{name}/{side}": row for side, row in zip(_PAIR, torch.cat(epochs, 1).numpy())}
        return summary, arrays
