"""Time of the parts of `experiments` that have a promise: the metric, the coreset, training and scoring.

Each row is the best of a few runs, because whatever else the machine does can only slow one down. All on one thread,
where the promises allow two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from experiments.metrics import pckh
from experiments.strategies import Pool, query
from tests.bench import study_speed
from tests.bench.targets import Row
from tests.bench.timing import seconds

__all__ = ["measure"]

SEED = 4
RUNS = 5
PEOPLE, JOINTS = 2958, 16  # MPII's validation split
PICKS, POOL, FEATURES = 1000, 20_000, 256
LABELLED = (1000, 5000)  # before the first stage, and before the last

# The targets, in the unit of their row.
METRIC_MILLISECONDS = 20.0
CORESET_SECONDS = 10.0


def measure() -> Iterator[Row]:
    """Every promise, one after the other, as it is measured."""
    yield _metric()
    for labelled in LABELLED:
        yield _coreset(labelled)
    yield from study_speed.measure()


def _best(action: Callable[[], object], runs: int) -> tuple[float, str]:
    """Seconds of the best run, and what the runs spread over in words."""
    times = sorted(seconds(action) for _ in range(runs))
    return times[0], f"best of {runs} runs, the slowest took {times[-1] / times[0]:.2f} times that"


def _metric() -> Row:
    rng = np.random.default_rng(SEED)
    head = rng.uniform(15, 300, PEOPLE)
    truth = rng.uniform(0, 1000, (PEOPLE, JOINTS, 2))
    predicted = truth + rng.normal(0, 0.3, truth.shape) * head[:, None, None]
    present = rng.random((PEOPLE, JOINTS)) < 0.93
    best, detail = _best(lambda: pckh(predicted, truth, present, head), RUNS)
    return Row(f"PCKh of {PEOPLE:,} × {JOINTS}", "ms", METRIC_MILLISECONDS, 1e3 * best, detail)


def _coreset(labelled: int) -> Row:
    """On features as average pooling leaves them: not negative, correlated, with a mean far from 0."""
    rng = np.random.default_rng(SEED)
    mixing = rng.normal(size=(FEATURES, FEATURES)).astype(np.float32) / 16
    features = np.maximum(rng.normal(size=(POOL + labelled, FEATURES)).astype(np.float32) @ mixing + 1, 0)
    pool = Pool(POOL, features=features[:POOL], labelled_features=features[POOL:])
    best, detail = _best(lambda: query("coreset", pool, PICKS, seed=SEED), 2)
    what = f"coreset: {PICKS:,} of {POOL:,} × {FEATURES}, {labelled:,} labelled"
    return Row(what, "s", CORESET_SECONDS, best, detail)
