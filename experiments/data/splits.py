"""Which pictures are labelled at the start, which can be picked, and which the network is judged by.

The test and the validation pictures are the same for every seed; base and pool are drawn by it. Where the base set is
drawn from another kind of picture than the rest (the shift that the study is about), the pool and the test set are
drawn before and apart from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.config import Config
from experiments.data.pose_data import PoseData
from experiments.errors import DataError
from experiments.seeds import stream

__all__ = ["Splits", "split", "uprightness"]

_LSP_TRAIN = 1000  # the first thousand pictures of LSP, as the data set defines it


@dataclass(frozen=True)
class Splits:
    """Row numbers of a `PoseData`, disjoint and sorted, int64."""

    base: np.ndarray
    pool: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split(data: PoseData, config: Config, seed: int) -> Splits:
    """The split of a data set for one seed.

    generated: base from the everyday figures, all else from the sports figures. lspet: test, validation, pool and the
    base's share are drawn at random; the base is the most upright of its share. lsp-lspet: base and test are the first
    and the last thousand of LSP, all else is LSPET. mpii: test is its validation split, all else its training split.
    With start = same, the base is drawn at random from where the pool is, a larger one with all of a smaller one.
    Raises `DataError` where a share is larger than what there is.

    >>> from experiments.config import configure
    >>> from experiments.data import load
    >>> config = configure("smoke", {"base": 16, "budget": 8, "pool": 16, "validation": 4, "test": 4})
    >>> chosen = split(load("generated", count=(16, 24), size=64), config, seed=0)
    >>> len(chosen.base), len(chosen.pool), len(chosen.test)
    (16, 16, 4)
    """
    fixed, drawn = (np.random.default_rng(stream("split", name)) for name in ("fixed", seed))
    groups, everything = data.groups, np.arange(len(data))
    # Where the base comes from (None: from the rest), where the test set does, and the rest, which may be the same.
    starts, judged, rest = {
        "generated": lambda: (groups["everyday"], groups["sports"], groups["sports"]),
        "lspet": lambda: (None, everything, everything),
        "lsp-lspet": lambda: (groups["lsp"][:_LSP_TRAIN], groups["lsp"][_LSP_TRAIN:], groups["lspet"]),
        "mpii": lambda: (None, groups["valid"], groups["train"]),
    }[data.name]()
    one = judged is rest
    judged = fixed.permutation(judged)
    test = _take(judged, config.test, "test")
    rest = judged[config.test:] if one else fixed.permutation(rest)
    validation, rest = _take(rest, config.validation, "validation"), rest[config.validation:]
    # No photograph on both sides: MPII has several persons in one.
    rest = drawn.permutation(rest[~np.isin(data.names[rest], data.names[validation])])
    if data.name == "lspet" and config.start == "other":
        pool = _take(rest, config.pool or (len(rest) - config.base) // 2, "pool")
        share = rest[len(pool):]
        base = _take(share[np.argsort(-uprightness(data, share), kind="stable")], config.base, "base")
    elif starts is None or config.start == "same":
        base, rest = _take(rest, config.base, "base"), rest[config.base:]
        pool = _take(rest, config.pool or len(rest), "pool")
    else:
        base = _take(drawn.permutation(starts), config.base, "base")
        pool = _take(rest, config.pool or len(rest), "pool")
    if len(pool) < config.least_pool:
        raise DataError("pool", len(pool), f"{config.said_of_pool} pictures",
                        "lower --budget, --stages or --unlabelled")
    return Splits(*(np.sort(rows).astype(np.int64) for rows in (base, pool, validation, test)))


def uprightness(data: PoseData, rows: np.ndarray) -> np.ndarray:
    """The cosine of the angle between the trunk, from the hips' middle to the neck, and the vertical: 1 is upright.

    −2 where the neck or a hip is not present, below every angle.

    >>> from experiments.data import load
    >>> data = load("generated", count=(4, 0), size=64)
    >>> bool((uprightness(data, np.arange(4)) > 0.5).all())
    True
    """
    joint = data.skeleton.index
    neck, hips = joint("neck"), [joint("right hip"), joint("left hip")]
    trunk = data.joints[rows, neck] - data.joints[rows][:, hips].mean(1)
    length = np.hypot(*trunk.T)
    known = data.present[rows][:, [neck, *hips]].all(1) & (length > 0)
    return np.where(known, -trunk[:, 1] / np.where(known, length, 1), -2.0)


def _take(rows: np.ndarray, count: int, name: str) -> np.ndarray:
    if count > len(rows):
        raise DataError(name, count, f"at most {len(rows)} pictures, which are left for it", f"lower --{name}")
    return rows[:count]
