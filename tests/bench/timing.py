"""Ratios that survive a noisy machine: both sides run by turns in one process, and the best run of each is compared."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from numpy.lib.introspect import opt_func_info

__all__ = [
    "Comparison", "compare", "exp_dispatch", "import_comparison", "in_child", "peak_over_output", "seconds",
]  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Seconds of each run of a candidate and of the reference that ran by turns with it."""

    candidate: tuple[float, ...]
    reference: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Best run over best run: whatever else the machine does can only slow a run down."""
        return min(self.candidate) / min(self.reference)

    @property
    def median_ratio(self) -> float:
        """Median run over median run: what a user of this machine saw today."""
        return statistics.median(self.candidate) / statistics.median(self.reference)


def seconds(action: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = perf_counter()
    action()
    return perf_counter() - start


def compare(candidate: Callable[[], object], reference: Callable[[], object], repetitions: int) -> Comparison:
    """Run both by turns after one run each that is not counted (first-touch memory, plans, caches)."""
    candidate(), reference()
    pairs = [(seconds(candidate), seconds(reference)) for _ in range(repetitions)]
    return Comparison(*zip(*pairs))


def import_comparison(candidate: str, reference: str, repetitions: int) -> Comparison:
    """Seconds of `import candidate` and `import reference`, each in interpreters of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def imported(module: str) -> float:
        code = f"from time import perf_counter as t; s = t(); import {module}; print(t() - s)"
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
        return float(done.stdout)

    imported(candidate), imported(reference)  # fills the disk cache and writes the byte code
    pairs = [(imported(candidate), imported(reference)) for _ in range(repetitions)]
    return Comparison(*zip(*pairs))


def exp_dispatch() -> str:
    """The instruction set for which NumPy chose its float64 exponential on this processor."""
    return opt_func_info(func_name="^exp$", signature="float64")["exp"]["dd"]["current"]


def in_child(module: str, function: str, variables: dict[str, str]) -> tuple:
    """What the function returns in an interpreter of its own, started with more environment variables."""
    code = f"import json, {module}; print(json.dumps({module}.{function}()))"
    command = [sys.executable, "-W", "ignore::ImportWarning", "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | variables)
    return tuple(json.loads(done.stdout))


def peak_over_output(action: Callable[[], object]) -> float:
    """Peak of the memory that a call allocates, its output included, in units of that output."""
    action()  # plans and caches stay afterwards and are no part of what a call takes
    tracemalloc.start()
    try:
        output = action()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak / output.nbytes
