"""Strategies: what each picks, coreset against its definition, ties and seeds, and bad pools."""

from __future__ import annotations

import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments import _k_centre
from experiments.strategies import DIVERSE_FACTOR, STRATEGIES, Pool, needs, query
from gammaprob.errors import ArgumentError, BroadcastError, DomainError, GammaProbError

IMAGES = 60


def full_pool(seed: int = 0, images: int = IMAGES) -> Pool:
    rng = np.random.default_rng(seed)
    return Pool(images, predicted=rng.normal(size=images), true=rng.gamma(4, 0.1, images),
                features=rng.normal(size=(images, 8)), labelled_features=rng.normal(size=(5, 8)),
                entropy=rng.gamma(4, 1.0, images))


def naive_coreset(points: np.ndarray, labelled: np.ndarray, budget: int) -> list[int]:
    """k-centre greedy from its definition, in float64: all distances to all centres, the farthest point, again."""
    points, centres = points.astype(np.float64), list(labelled.astype(np.float64))
    picks = []
    nearest = np.min([((points - centre) ** 2).sum(1) for centre in centres], axis=0)
    for _ in range(budget):
        nearest[picks] = -1.0
        picks.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((points - points[picks[-1]]) ** 2).sum(1))
    return picks


# --- what each picks --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("strategy", "field"), [
    ("predicted-loss", "predicted"), ("oracle", "true"), ("entropy", "entropy"),
])
def test_the_highest_come_first(strategy, field):
    pool = full_pool()
    values = getattr(pool, field)
    picks, utilities = query(strategy, pool, 7, seed=3, return_utilities=True)
    assert picks.tolist() == sorted(range(IMAGES), key=lambda image: -values[image])[:7]
    assert utilities.tolist() == values[picks].tolist()


def test_random_is_uniform_and_seeded():
    picks = np.concatenate([query("random", Pool(10), 3, seed=seed) for seed in range(2000)])
    counts = np.bincount(picks, minlength=10)
    # 6000 picks of 10 images: 600 each, standard deviation sqrt(2000 · 0.3 · 0.7) = 20.5; six of them.
    assert np.abs(counts - 600).max() < 6 * 20.5
    assert query("random", Pool(10), 10, seed=1).tolist() != list(range(10))


def test_diverse_is_coreset_among_the_hardest():
    pool = full_pool()
    hardest = np.sort(np.argsort(-pool.predicted)[:DIVERSE_FACTOR * 6])
    among = naive_coreset(pool.features[hardest], pool.labelled_features, 6)
    assert query("diverse", pool, 6, seed=0).tolist() == hardest[among].tolist()
    everything = query("diverse", pool, IMAGES // 2, seed=0)  # more candidates than there are images
    assert everything.tolist() == query("coreset", pool, IMAGES // 2, seed=0).tolist()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("budget", [1, IMAGES])
def test_every_strategy_keeps_the_contract(strategy, budget):
    pool = full_pool()
    picks, utilities = query(strategy, pool, budget, seed=5, return_utilities=True)
    assert picks.dtype == np.int64 and picks.shape == utilities.shape == (budget,)
    assert len(set(picks.tolist())) == budget and (np.diff(utilities) <= 0).all()
    assert query(strategy, pool, budget, seed=5).tolist() == picks.tolist()
    only = Pool(IMAGES, **{name: getattr(pool, name) for name in needs(strategy)})
    assert query(strategy, only, budget, seed=5).tolist() == picks.tolist()  # reads what it needs, and no more


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_ties_are_broken_by_the_seed_alone(strategy):
    """All images alike: each is as likely as any other, not the first of the pool, and one seed picks the same."""
    alike = {name: np.ones((20, 3)) if "features" in name else np.ones(20) for name in needs(strategy)}
    picks = [query(strategy, Pool(20, **alike), 5, seed=seed).tolist() for seed in range(40)]
    assert picks[0] == query(strategy, Pool(20, **alike), 5, seed=0).tolist()
    assert set(range(20)) == {image for chosen in picks for image in chosen}


# --- coreset ----------------------------------------------------------------------------------------------------------

CASES = {
    "normal": lambda rng: rng.normal(size=(700, 40)),
    "float32": lambda rng: rng.normal(size=(700, 40)).astype(np.float32),
    "ReLU features": lambda rng: np.maximum(rng.normal(size=(700, 6)) @ rng.normal(size=(6, 40)), 0),
    "far from the origin": lambda rng: 1e7 + rng.normal(size=(700, 40)),
    "one outlier": lambda rng: rng.normal(size=(700, 40)) * np.where(np.arange(700) == 9, 1e8, 1)[:, None],
    "clusters": lambda rng: rng.normal(size=(700, 40)) + 1e3 * rng.integers(0, 3, (700, 1)),
    "tiny": lambda rng: 1e-200 * rng.normal(size=(700, 40)),
    "nearly one point": lambda rng: 1.0 + 1e-9 * rng.normal(size=(700, 40)),
    "one column": lambda rng: rng.normal(size=(700, 1)),
}


@pytest.mark.parametrize("case", CASES)
def test_coreset_is_exact(case):
    points = CASES[case](np.random.default_rng(2))
    points, labelled = points[:600], points[600:]
    scale = 2.0**660 if case == "tiny" else 1.0  # squares of the naive version's would be 0
    pool = Pool(600, features=points, labelled_features=labelled)
    assert query("coreset", pool, 300, seed=0).tolist() == naive_coreset(points * scale, labelled * scale, 300)


def test_coreset_is_exact_in_blocks_of_any_size(monkeypatch):
    """Small blocks, so that both arrays, the products and the differences take several."""
    rng = np.random.default_rng(4)
    points, labelled = rng.normal(size=(500, 10)), rng.normal(size=(90, 10))
    wanted = naive_coreset(points, labelled, 100)
    for name, value in (("CELLS", 700), ("ROWS", 37), ("CENTRES", 7)):
        monkeypatch.setattr(_k_centre, name, value)
    assert query("coreset", Pool(500, features=points, labelled_features=labelled), 100, seed=0).tolist() == wanted


def test_products_alone_would_not_be_exact():
    """Negative control: without differences, norms less products order nearly equal points by rounding."""
    points = CASES["far from the origin"](np.random.default_rng(2))[:600].astype(np.float32)
    norms = (points**2).sum(1)
    nearest = norms + norms[0] - 2 * points @ points[0]
    exact = ((points.astype(np.float64) - points[0]) ** 2).sum(1)
    assert nearest.argmax() != exact.argmax()


def test_a_filter_without_its_slack_would_miss(monkeypatch):
    """Negative control: the bound on float32's error is what makes the picks exact."""
    monkeypatch.setattr(_k_centre, "UNIT", -(2.0**-24))
    points = np.random.default_rng(2).normal(size=(700, 40))
    pool = Pool(600, features=points[:600], labelled_features=points[600:])
    assert query("coreset", pool, 300, seed=0).tolist() != naive_coreset(points[:600], points[600:], 300)


@given(data=st.data())
def test_coreset_of_whole_numbers(data):
    """Many exact ties and copies: each pick is as far as any, by exact arithmetic, and none is picked twice."""
    count, columns = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 3))
    numbers = st.lists(st.integers(-3, 3), min_size=columns, max_size=columns)
    points = np.array(data.draw(st.lists(numbers, min_size=count, max_size=count)))
    labelled = np.array(data.draw(st.lists(numbers, min_size=1, max_size=3)))
    pool = Pool(count, features=points, labelled_features=labelled)
    picks, gaps = query("coreset", pool, count, seed=data.draw(st.integers(0, 99)), return_utilities=True)
    assert sorted(picks.tolist()) == list(range(count))
    for place, (pick, gap) in enumerate(zip(picks, gaps)):
        centres = np.concatenate([labelled, points[picks[:place]]])
        nearest = ((points[:, None] - centres) ** 2).sum(2).min(1)
        left = np.setdiff1d(np.arange(count), picks[:place])
        assert nearest[pick] == nearest[left].max() and gap == np.sqrt(nearest[pick])


def test_coreset_in_bounded_memory():
    """Beside a float32 copy only blocks: never a matrix of pool by labelled, which would be 96 MB here."""
    rng = np.random.default_rng(0)
    points, labelled = rng.random((6000, 4), np.float32), rng.random((4000, 4), np.float32)
    pool = Pool(6000, features=points, labelled_features=labelled)
    tracemalloc.start()
    query("coreset", pool, 3, seed=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Products (float32), what they are compared with, and the mask: under 4 + 8 + 1 bytes a cell; 8 MB for all else.
    assert peak < 13 * _k_centre.CELLS + 8e6


# --- bad input --------------------------------------------------------------------------------------------------------

def changed(**fields) -> Pool:
    return Pool(**{**vars(full_pool()), **fields})


@pytest.mark.parametrize(("strategy", "pool", "error", "text"), [
    ("margin", full_pool(), DomainError, "strategy: got 'margin'; allowed: one of 'random', 'coreset',"),
    (["random"], full_pool(), DomainError, "strategy: got ['random']"),
    ("oracle", changed(true=None), ArgumentError, "true: got None; allowed: an array: 'oracle' reads it"),
    ("coreset", changed(labelled_features=None), ArgumentError, "labelled_features: got None"),
    ("diverse", changed(predicted=None), ArgumentError, "predicted: got None"),
    ("predicted-loss", changed(predicted=np.ones(59)), BroadcastError, "predicted: got (59,); allowed: (60,)"),
    ("entropy", changed(entropy=np.ones((60, 1))), BroadcastError, "entropy: got (60, 1); allowed: (60,)"),
    ("coreset", changed(features=np.ones((59, 8))), BroadcastError, "features: got (59, 8); allowed: (60, D)"),
    ("coreset", changed(labelled_features=np.ones(8)), BroadcastError, "labelled_features: got (8,)"),
    ("coreset", changed(labelled_features=np.ones((5, 7))), BroadcastError, "got (5, 7); allowed: (M, 8) as of"),
    ("coreset", changed(labelled_features=np.ones((0, 8))), DomainError, "got 0; allowed: at least one labelled"),
    ("coreset", changed(features=np.ones((60, 0)), labelled_features=np.ones((5, 0))), BroadcastError, "at least one"),
    ("predicted-loss", changed(predicted=np.full(60, "a")), ArgumentError, "predicted: got dtype('<U1')"),
    ("predicted-loss", changed(predicted=np.where(np.arange(60) < 9, 0.0, np.nan)), DomainError,
     "predicted[9]: got nan; allowed: finite numbers (51 are not)"),
    ("coreset", changed(features=np.full((60, 8), np.inf)), DomainError, "features[0, 0]: got inf"),
    ("random", changed(images=0), DomainError, "images: got 0; allowed: an integer >= 1"),
    ("random", changed(images=2.5), ArgumentError, "images: got 2.5"),
])
def test_bad_pools_are_named(strategy, pool, error, text):
    with pytest.raises(error, match=re.escape(text)):
        query(strategy, pool, 3, seed=0)


@pytest.mark.parametrize(("budget", "seed", "text"), [
    (61, 0, "budget: got 61; allowed: at most the 60 images of the pool"),
    (0, 0, "budget: got 0; allowed: an integer >= 1"),
    (3.0, 0, "budget: got 3.0; allowed: an integer >= 1"),
    (True, 0, "budget: got True"),
    (3, -1, "seed: got -1; allowed: an integer >= 0"),
    (3, None, "seed: got None"),
])
def test_bad_budgets_and_seeds_are_named(budget, seed, text):
    with pytest.raises(GammaProbError, match=re.escape(text)):
        query("random", full_pool(), budget, seed=seed)
