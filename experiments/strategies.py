"""Which images of the pool to label next: strategies behind one call, as in scikit-activeml.

A strategy reads what `needs` names, and `query` returns places in the pool, best first. Where it has no preference
between two images, the seed decides, never their order in the pool: a head that predicts one number for all would
otherwise pick the first images of the file. NumPy alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import numpy as np

from experiments._k_centre import k_centre
from gammaprob.errors import ArgumentError, BroadcastError, DomainError

__all__ = ["STRATEGIES", "Pool", "needs", "query"]

_NEEDS = {
    "random": frozenset(),
    "coreset": frozenset({"features", "labelled_features"}),
    "predicted-loss": frozenset({"predicted"}),
    "entropy": frozenset({"entropy"}),
    "oracle": frozenset({"true"}),
    "diverse": frozenset({"predicted", "features", "labelled_features"}),
}
STRATEGIES = tuple(_NEEDS)

# "diverse" picks among the images of the highest predicted loss, this many times the budget: with fewer, diversity has
# no choice; with many more, a pool of some ten budgets is nearly all there, and the predicted loss has no say.
DIVERSE_FACTOR = 3


@dataclass(frozen=True)
class Pool:
    """The images to choose from, and what is known of them; a strategy needs only its own fields.

    >>> Pool(images=2, predicted=np.array([0.1, 0.2])).features is None
    True
    """

    images: int  # how many
    predicted: np.ndarray | None = None  # (N,) predicted losses, any unit
    true: np.ndarray | None = None  # (N,) true losses: what only the oracle knows
    features: np.ndarray | None = None  # (N, D) pooled penultimate features
    labelled_features: np.ndarray | None = None  # (M, D) those of all images labelled so far, M >= 1
    entropy: np.ndarray | None = None  # (N,) multi-peak entropy, `experiments.models.peaks.peak_entropy`


def needs(strategy: str) -> frozenset[str]:
    """The fields of `Pool` that a strategy reads; `DomainError` for one that does not exist.

    >>> sorted(needs("coreset")), sorted(needs("random"))
    (['features', 'labelled_features'], [])
    """
    if not isinstance(strategy, str) or strategy not in _NEEDS:
        raise DomainError("strategy", strategy, "one of " + ", ".join(map(repr, STRATEGIES)), "pass one of them")
    return _NEEDS[strategy]


def query(strategy: str, pool: Pool, budget: int, *, seed: int, return_utilities: bool = False):
    r"""Choose `budget` images of the pool: their places (budget,) int64, best first, none twice.

    - ``"random"``: without preference.
    - ``"coreset"``: k-centre greedy (Sener and Savarese 2018, Algorithm 1), exactly: each pick is the image farthest,
      in the Euclidean distance of the features, from all labelled and picked ones.
    - ``"predicted-loss"``: the highest predicted losses (LL, LL++, LL++conv). ``"oracle"``: the highest true ones, a
      bound that no method can reach. ``"entropy"``: the highest multi-peak entropy (Liu and Ferrari 2017).
    - ``"diverse"``: coreset among the `DIVERSE_FACTOR` × budget images of the highest predicted loss, so that picks
      are hard and unlike one another.

    With `return_utilities` also (budget,) float64: what each pick was worth when it was picked (loss, entropy, distance
    to the nearest labelled or picked image; 0 for random), never increasing. Equal seeds and pools give equal picks.

    Errors: `ArgumentError` for types and for a field that is missing, `BroadcastError` for shapes, `DomainError` for
    an unknown strategy, a budget beyond the pool, or a number that is not finite.

    >>> pool = Pool(images=4, predicted=np.array([0.1, 0.9, 0.4, 0.7]))
    >>> query("predicted-loss", pool, 2, seed=0)
    array([1, 3])
    >>> pool = Pool(images=3, features=np.array([[1.0], [5.0], [4.0]]), labelled_features=np.array([[0.0]]))
    >>> query("coreset", pool, 3, seed=0, return_utilities=True)
    (array([1, 2, 0]), array([5., 1., 1.]))
    """
    wanted = needs(strategy)
    images = _whole("images", pool.images, 1, "an empty pool has nothing to pick")
    budget = _whole("budget", budget, 1, "pick at least one image")
    if budget > images:
        raise DomainError("budget", budget, f"at most the {images} images of the pool", "lower it or end the cycle")
    rng = np.random.default_rng(_whole("seed", seed, 0, "pass the seed of the run"))
    fields = {name: _field(name, getattr(pool, name), strategy, images) for name in sorted(wanted)}

    rank = rng.permutation(images)
    if "features" not in wanted:
        utilities = next(iter(fields.values()), np.zeros(images))
        picks = _highest(utilities, budget, rank)
        utilities = utilities[picks].astype(np.float64)
    else:
        features, labelled = fields["features"], fields["labelled_features"]
        _check_features(features, labelled)
        if strategy == "diverse":
            hardest = np.sort(_highest(fields["predicted"], min(DIVERSE_FACTOR * budget, images), rank))
            picks, utilities = k_centre(features[hardest], labelled, budget, rank[hardest])
            picks = hardest[picks]
        else:
            picks, utilities = k_centre(features, labelled, budget, rank)
    return (picks, utilities) if return_utilities else picks


def _highest(utilities: np.ndarray, count: int, rank: np.ndarray) -> np.ndarray:
    """The places of the highest utilities, highest first; of equal ones the lowest rank first."""
    return np.lexsort((rank, -utilities))[:count]


def _whole(name: str, value, least: int, next_step: str) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ArgumentError(name, value, f"an integer >= {least}", next_step)
    if value < least:
        raise DomainError(name, value, f"an integer >= {least}", next_step)
    return int(value)


def _field(name: str, value, strategy: str, images: int) -> np.ndarray:
    """A field of the pool as a finite array of floats, one row an image (`labelled_features`: any number of rows)."""
    if value is None:
        raise ArgumentError(name, None, f"an array: {strategy!r} reads it", "score the pool with it")
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise ArgumentError(name, array.dtype, "an array of real numbers", f"convert {name} to float")
    axes = 2 if "features" in name else 1
    if array.ndim != axes or (name != "labelled_features" and len(array) != images):
        wanted = {"features": f"({images}, D)", "labelled_features": "(M, D)"}.get(name, f"({images},)")
        raise BroadcastError(name, array.shape, wanted, "pass one row an image")
    finite = np.isfinite(array)
    if not finite.all():
        place = tuple(np.argwhere(~finite)[0].tolist())
        bad = array[place].item()
        raise DomainError(
            f"{name}{list(place)}", bad, f"finite numbers ({np.count_nonzero(~finite)} are not)",
            "look where training diverged",
        )
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _check_features(features: np.ndarray, labelled: np.ndarray) -> None:
    if features.shape[1] != labelled.shape[1] or not features.shape[1]:
        raise BroadcastError(
            "labelled_features", labelled.shape, f"(M, {features.shape[1]}) as of features, with at least one column",
            "score pool and labelled images with one network",
        )
    if not len(labelled):
        raise DomainError("labelled_features", 0, "at least one labelled image", "the cycle starts from a base set")
