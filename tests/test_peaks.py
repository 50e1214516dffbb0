"""Multi-peak entropy and second peaks against loops over heatmaps, joints and pixels, and at their corners."""

from __future__ import annotations

import functools
import math
import re

import pytest
import torch

from experiments.models.peaks import peak_entropy, second_peaks
from gammaprob.errors import ArgumentError, BroadcastError, DomainError

# A softmax and an entropy of at most 50 maxima: each term rounds some ten times, and so does each addition.
TOLERANCE = 100 * torch.finfo(torch.float64).eps


def by_loops(heatmaps: torch.Tensor) -> list[float]:
    found = []
    for image in heatmaps.tolist():
        entropy = 0.0
        for heatmap in image:
            rows, columns = len(heatmap), len(heatmap[0])
            maxima = [
                heatmap[y][x] for y in range(rows) for x in range(columns)
                if heatmap[y][x] >= max(heatmap[b][a] for b in range(max(y - 1, 0), min(y + 2, rows))
                                        for a in range(max(x - 1, 0), min(x + 2, columns)))
            ]
            weights = [math.exp(value - max(maxima)) for value in maxima]
            chances = [weight / sum(weights) for weight in weights]
            entropy -= sum(chance * math.log(chance) for chance in chances if chance)
        found.append(entropy)
    return found


@pytest.mark.parametrize("shape", [(3, 4, 12, 9), (2, 1, 1, 7), (1, 2, 1, 1)])
@pytest.mark.parametrize("scale", [0.1, 3.0, 2000.0])
def test_entropy_is_its_definition(shape, scale):
    heatmaps = scale * torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = peak_entropy(heatmaps)
    assert found.shape == shape[:1]
    assert found.tolist() == pytest.approx(by_loops(heatmaps), rel=TOLERANCE, abs=TOLERANCE)


def test_the_maxima_matter():
    """Negative control: over all pixels, not the local maxima alone, it is another number."""
    heatmaps = torch.randn(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    everywhere = torch.special.entr(heatmaps.flatten(2).softmax(2)).sum((1, 2))
    assert (everywhere - peak_entropy(heatmaps)).abs().min() > 1


def blobs(*peaks: tuple[int, int, float], side: int = 32) -> torch.Tensor:
    """Gaussians of different height and place: a heatmap that knows one place, or cannot decide between several."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return sum(height * torch.exp(-((x - column) ** 2 + (y - row) ** 2) / 8.0) for row, column, height in peaks)


def test_more_peaks_are_more_uncertain():
    one, two = blobs((8, 8, 9.0)), blobs((8, 8, 9.0), (24, 24, 9.0))
    uneven = blobs((8, 8, 9.0), (24, 24, 5.0))
    # far from a peak the Gaussians underflow to a plateau of exact zeros, whose pixels all are maxima of height 0
    slope = -1e-3 * torch.arange(32.0)[:, None] - 1e-5 * torch.arange(32.0)
    maps = torch.stack([heatmap + slope for heatmap in (one, uneven, two)])[:, None]
    known, leaning, undecided = peak_entropy(maps).tolist()
    assert 0 <= known < leaning < undecided
    assert peak_entropy(torch.cat((maps[2:], maps[2:]), 1)).item() == pytest.approx(2 * undecided)  # summed over joints


def test_corners():
    assert peak_entropy(torch.zeros(1, 1, 4, 5)).item() == pytest.approx(math.log(20))  # flat: every pixel a maximum
    assert peak_entropy(torch.zeros(0, 3, 4, 4)).shape == (0,)
    assert peak_entropy(torch.full((1, 1, 2, 2), 1e38)).item() == pytest.approx(math.log(4))  # no overflow
    half = torch.randn(1, 2, 6, 6, generator=torch.Generator().manual_seed(0)).half()
    assert peak_entropy(half).dtype == torch.float32
    assert peak_entropy(half).item() == peak_entropy(half.float()).item()
    assert not peak_entropy(torch.rand(1, 1, 3, 3, requires_grad=True)).requires_grad


# --- second peaks -----------------------------------------------------------------------------------------------------

def second_by_loops(heatmap: list[list[float]], apart: float) -> tuple[float, tuple[int, int] | None]:
    rows, columns = len(heatmap), len(heatmap[0])
    places = [(heatmap[y][x], -y, -x) for y in range(rows) for x in range(columns)]
    highest, y1, x1 = max(places)  # of equal ones the first
    found = [
        (value, y, x) for value, y, x in places
        if (y - y1) ** 2 + (x - x1) ** 2 > apart**2 and value >= max(
            heatmap[b][a] for b in range(max(-y - 1, 0), min(-y + 2, rows))
            for a in range(max(-x - 1, 0), min(-x + 2, columns)))
    ]
    value, y, x = max(found, default=(0.0, 0, 0))
    return (value / highest, (-x, -y)) if value > 0 and highest > 0 else (0.0, None)


@pytest.mark.parametrize("apart", [1.0, 2.9, 3.0, 20.0])
@pytest.mark.parametrize("shift", [-0.5, 0.0, 4.0])
def test_second_peaks_are_their_definition(apart, shift):
    heatmaps = shift + torch.randn(4, 5, 12, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    heatmaps[0, 0] = -1.0 - heatmaps[0, 0].abs()  # nothing is positive
    heatmaps[0, 1] = shift  # flat
    shares, places = second_peaks(heatmaps, apart=apart)
    for image, joint in [(a, b) for a in range(4) for b in range(5)]:
        share, place = second_by_loops(heatmaps[image, joint].tolist(), apart)
        assert shares[image, joint].item() == share
        assert place is None or tuple(places[image, joint].tolist()) == place
    assert (shares[0, 0] == 0) and (apart > 14 or (shares > 0).any())


def test_a_blob_with_two_tops_is_one_peak():
    """Two pixels of one height, as half precision makes them; and a second place is one however small its distance."""
    heatmap = blobs((8, 8, 1.0))
    heatmap[8, 9] = heatmap[8, 8]
    assert second_peaks(heatmap[None, None], apart=3.0)[0].item() < 1e-6
    assert second_peaks(heatmap[None, None], apart=0.5)[0].item() == 1  # negative control
    share, place = second_peaks((heatmap + blobs((20, 26, 0.75)))[None, None], apart=3.0)
    assert share.item() == pytest.approx(0.75, abs=1e-3) and place[0, 0].tolist() == [26, 20]


def test_second_peaks_of_nothing():
    shares, places = second_peaks(torch.zeros(0, 3, 4, 4), apart=1.0)
    assert shares.shape == (0, 3) and places.shape == (0, 3, 2)
    assert second_peaks(torch.ones(1, 1, 1, 1), apart=1.0)[0].item() == 0


# --- bad input ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("function", [peak_entropy, functools.partial(second_peaks, apart=3.0)])
@pytest.mark.parametrize(("heatmaps", "error", "text"), [
    ([[0.0]], ArgumentError, "heatmaps: got <class 'list'>; allowed: a torch.Tensor of floats"),
    (torch.zeros(1, 1, 2, 2, dtype=torch.int64), ArgumentError, "allowed: a torch.Tensor of floats"),
    (torch.zeros(1, 2, 3, 4, 4), BroadcastError, "heatmaps: got (1, 2, 3, 4, 4); allowed: (N, J, h, w)"),
    (torch.zeros(1, 2, 0, 4), BroadcastError, "heatmaps: got (1, 2, 0, 4)"),
    (torch.tensor([[[[0.0, math.nan]]]]), DomainError, "heatmaps: got nan; allowed: finite numbers"),
    (torch.tensor([[[[0.0, -math.inf]]]]), DomainError, "heatmaps: got -inf"),
])
def test_bad_input_is_named(function, heatmaps, error, text):
    with pytest.raises(error, match=re.escape(text)):
        function(heatmaps)
