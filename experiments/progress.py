"""What a running study shows: a bar with rate and remaining time, and curves for those who want them."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from tqdm import tqdm

from experiments.errors import ConfigError
from experiments.machine import rank

__all__ = ["Progress", "check_tensorboard"]


class Progress:
    """A bar on standard error where that is a terminal, and TensorBoard's curves in the folder where asked for.

    A context manager. Raises `ConfigError` where TensorBoard is asked for and not installed.

    >>> with Progress("training", Path("."), total=2) as progress:
    ...     progress.step(2)
    """

    def __init__(self, title: str, folder: Path, *, total: int, done: int = 0, tensorboard: bool = False):
        hidden = rank() > 0 or sys.stderr is None or None  # None: where it is no terminal
        self._bar = tqdm(desc=title, total=total, initial=done, unit="step", leave=False, disable=hidden)
        self._writer = _writer(folder / "tensorboard") if tensorboard and rank() == 0 else None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_):
        self._bar.close()
        if self._writer is not None:
            self._writer.close()

    def step(self, count: int) -> None:
        """So many steps were made.

        >>> Progress("training", Path("."), total=2).step(1)
        """
        self._bar.update(count)

    def row(self, row: dict) -> None:
        """A line of the log: shown beside the bar, and one point of each curve.

        >>> Progress("training", Path("."), total=2).row({"epoch": 1, "loss": 0.5})
        """
        shown = [name for name in row if name == "loss" or name.startswith("validation_")]
        self._bar.set_postfix({name: f"{row[name]:.4g}" for name in shown})
        if self._writer is not None:
            for name, value in row.items():
                self._writer.add_scalar(name, value, row["epoch"])


def _writer(folder: Path):
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder))


def check_tensorboard() -> None:
    """`ConfigError` where TensorBoard is not installed.

    >>> from importlib.util import find_spec
    >>> if find_spec("tensorboard"):
    ...     check_tensorboard()
    """
    if find_spec("tensorboard") is None:
        raise ConfigError("tensorboard", True, "an installed tensorboard", "pip install tensorboard")
