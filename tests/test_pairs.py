"""The pairings: who is compared with whom, how often, and what is refused."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gammaprob.errors import ArgumentError, DomainError
from gradients.losses import learning_loss
from gradients.pairs import PAIRINGS, pair_indices


def listed(batch, pairs, **options):
    i, j = pair_indices(batch, pairs, **options)
    assert i.dtype == j.dtype == torch.int64 and i.shape == j.shape
    return list(zip(i.tolist(), j.tolist()))


def test_who_is_compared_with_whom():
    assert listed(6, "halves") == [(0, 3), (1, 4), (2, 5)]
    assert listed(6, "reversed") == [(0, 5), (1, 4), (2, 3)]
    assert listed(4, "all") == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


@given(st.integers(0, 40).map(lambda half: 2 * half), st.sampled_from(["halves", "reversed", "random"]))
def test_a_matching_uses_each_image_once(batch, pairs):
    assert sorted(image for pair in listed(batch, pairs) for image in pair) == list(range(batch))


@given(st.integers(0, 40))
def test_all_pairs_are_all(batch):
    assert listed(batch, "all") == [(i, j) for i in range(batch) for j in range(i + 1, batch)]


def test_random_pairs_follow_their_generator():
    draws = [listed(64, "random", generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_random_pairs_are_uniform():
    """Each of the 3 matchings of 4 images, within 6 standard errors of a third."""
    generator, calls = torch.Generator().manual_seed(0), 3000
    found = [frozenset(map(frozenset, listed(4, "random", generator=generator))) for _ in range(calls)]
    assert len(set(found)) == 3
    for matching in set(found):
        assert abs(found.count(matching) / calls - 1 / 3) < 6 * (2 / 9 / calls) ** 0.5


@pytest.mark.parametrize("pairs", PAIRINGS)
def test_a_named_pairing_is_its_indices(pairs):
    predicted, true = torch.randn(8, dtype=torch.float64), torch.rand(8, dtype=torch.float64)
    named, explicit = (
        learning_loss(predicted, true, pairs=way, reduction="none", generator=torch.Generator().manual_seed(5))
        for way in (pairs, pair_indices(8, pairs, generator=torch.Generator().manual_seed(5)))
    )
    assert torch.equal(named, explicit)


@pytest.mark.parametrize(("arguments", "error", "words"), [
    ((5, "halves"), DomainError, "drop_last=True"),
    ((1, "reversed"), DomainError, "an even number of images"),
    ((3, "random"), DomainError, "pairs='all'"),
    ((-2, "all"), DomainError, "an integer >= 0"),
    ((4, "nearest"), DomainError, "'halves', 'reversed', 'random', 'all'"),
    ((4.0, "all"), ArgumentError, "len(predicted)"),
    ((True, "all"), ArgumentError, "an integer"),
])
def test_what_is_refused(arguments, error, words):
    with pytest.raises(error) as caught:
        pair_indices(*arguments)
    assert words in str(caught.value)
