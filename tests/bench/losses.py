"""Time and memory of each loss of `gradients` against plain torch, batch 64 to 8192, forward and backward, one thread.

Both sides run by turns in one process; their best runs are compared (`tests.bench.timing`). A row is the worst batch
size of a loss, its detail shows all of them. Our side runs as a user calls it: with its checks of shapes and values,
which the plain composition does without.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import torch
from torch.profiler import ProfilerActivity, profile

from tests.bench.losses_plain import ALL_PAIRS, BATCHES, CASES, Case
from tests.bench.targets import Row
from tests.bench.timing import Comparison

__all__ = ["measure", "peak_bytes", "step", "timed"]

# Seconds for the repetitions of both sides at one batch size, so that all of it takes a minute and a half; but never
# fewer repetitions than FEWEST, and no more than MOST, after which the best run of a call of microseconds is found.
BUDGET, FEWEST, MOST = 0.4, 3, 1000

# The targets: no slower; no more memory, but for one scalar (4 bytes beside the 652 of the smallest case); for all
# pairs a third of it, and 256 MB at the largest batch.
NO_SLOWER, NO_MORE, A_THIRD, MEGABYTES = 1.0, 1.01, 1 / 3, 256.0
WORTH_SAVING = 512  # of all pairs: at batch 64 the whole B × B matrix has 16 kB

# One call as in training: it returns the seconds of forward alone, and those of forward and backward.
Step = Callable[[], tuple[float, float]]


def measure() -> Iterator[Row]:
    """Every promise, one after the other, as it is measured."""
    torch.set_num_threads(1)
    for case in CASES:
        times, peaks = {}, {}
        for batch in BATCHES:
            ours, plain = step(case.ours, case, batch), step(case.plain, case, batch)
            times[batch] = timed(ours, plain)
            peaks[batch] = peak_bytes(ours), peak_bytes(plain)
        forward = ", ".join(f"{batch}: {alone.ratio:.2f}" for batch, (alone, _) in times.items())
        yield _row(f"{case.name}: forward and backward", NO_SLOWER,
                   {batch: _in_words(both) for batch, (_, both) in times.items()}, f"; forward alone {forward}")
        least, target = (WORTH_SAVING, A_THIRD) if case in ALL_PAIRS else (0, NO_MORE)
        yield _row(f"{case.name}: peak memory", target,
                   {batch: (ours / plain, f"{ours / 1e6:.3g} against {plain / 1e6:.3g} MB")
                    for batch, (ours, plain) in peaks.items() if batch >= least})
        if case in ALL_PAIRS:
            ours, plain = peaks[BATCHES[-1]]
            yield Row(f"{case.name}: peak memory at {BATCHES[-1]}", "MB", MEGABYTES, ours / 1e6,
                      f"against {plain / 1e6:,.0f} MB")


def _in_words(times: Comparison) -> tuple[float, str]:
    """The ratio, and the times behind it."""
    ours, plain = 1e6 * min(times.candidate), 1e6 * min(times.reference)
    return times.ratio, f"{ours:,.0f} against {plain:,.0f} µs, ratio of the medians {times.median_ratio:.2f}"


def _row(what: str, target: float, found: dict[int, tuple[float, str]], more: str = "") -> Row:
    """The worst batch size, with what it measured, and the ratios of all."""
    worst = max(found, key=lambda batch: found[batch][0])
    ratios = ", ".join(f"{batch}: {ratio:.2f}" for batch, (ratio, _) in found.items())
    return Row(what, "× plain torch", target, found[worst][0], f"{ratios}; at {worst}: {found[worst][1]}{more}")


def step(loss: Callable, case: Case, batch: int) -> Step:
    """One call of the loss at this batch size, with the gradient that training wants."""
    scores, target = case.inputs(batch, torch.float32)
    scores.requires_grad_()

    def run() -> tuple[float, float]:
        start = perf_counter()
        value = loss(scores, target)
        between = perf_counter()
        torch.autograd.grad(value, scores)
        return between - start, perf_counter() - start

    return run


def timed(ours: Step, plain: Step) -> tuple[Comparison, Comparison]:
    """Both by turns: forward alone, and forward and backward.

    The first run of each warms up (first-touch memory, caches) and is not counted; the next says how many fit.
    """
    ours(), plain()
    pairs = [(ours(), plain())]
    repetitions = min(max(int(BUDGET / sum(both for _, both in pairs[0])), FEWEST), MOST)
    pairs += [(ours(), plain()) for _ in range(repetitions - 1)]
    return tuple(
        Comparison(tuple(candidate[part] for candidate, _ in pairs), tuple(reference[part] for _, reference in pairs))
        for part in range(2)
    )


def peak_bytes(action: Callable[[], object]) -> int:
    """The most that a call holds at once of what it allocates for tensors on the CPU, its result included.

    torch reports each allocation and each release of its allocator, temporaries inside an operator too, to its
    profiler; the trace lists them in time. What is built once and kept should be there already.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=False) as profiler:
        result = action()  # held until the profile ends
    del result
    with TemporaryDirectory() as folder:
        trace = Path(folder, "trace.json")
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    held = peak = 0
    for event in sorted((event for event in events if event["name"] == "[memory]"), key=lambda event: event["ts"]):
        held += event["args"]["Bytes"]
        peak = max(peak, held)
    return peak
