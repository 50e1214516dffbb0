"""Multi-peak entropy against a loop over heatmaps, joints and pixels, and at its corners."""

from __future__ import annotations

import math
import re

import pytest
import torch

from experiments.models.peaks import peak_entropy
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


@pytest.mark.parametrize(("heatmaps", "error", "text"), [
    ([[0.0]], ArgumentError, "heatmaps: got <class 'list'>; allowed: a torch.Tensor of floats"),
    (torch.zeros(1, 1, 2, 2, dtype=torch.int64), ArgumentError, "allowed: a torch.Tensor of floats"),
    (torch.zeros(1, 2, 3, 4, 4), BroadcastError, "heatmaps: got (1, 2, 3, 4, 4); allowed: (N, J, h, w)"),
    (torch.zeros(1, 2, 0, 4), BroadcastError, "heatmaps: got (1, 2, 0, 4)"),
    (torch.tensor([[[[0.0, math.nan]]]]), DomainError, "heatmaps: got nan; allowed: finite numbers"),
    (torch.tensor([[[[0.0, -math.inf]]]]), DomainError, "heatmaps: got -inf"),
])
def test_bad_input_is_named(heatmaps, error, text):
    with pytest.raises(error, match=re.escape(text)):
        peak_entropy(heatmaps)
