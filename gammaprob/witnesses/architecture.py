"""Witnesses on the computable remarks about feature maps and heatmaps: main, sections 2 and 4.2."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

from mpmath import mp, mpf

from gammaprob.witnesses._compare import checked, witness
from paper_tables.outcome import Outcome

_LARGEST_MAP = 64  # side of the stacked hourglass' largest feature map, in pixels


def _output_size(size: int, kernel: int, stride: int) -> int:
    """Side of a convolution's output, without padding."""
    return (size - kernel) // stride + 1


@witness
def hourglass_scales() -> Outcome:
    """Section 4.2: an hourglass has features at five scales, 4×4, 8×8, … 64×64."""
    sizes = [_LARGEST_MAP]
    while sizes[-1] > 4:
        sizes.append(_output_size(sizes[-1], 2, 2))
    return Outcome((checked("halved from 64 to 4", [(f"sides {sizes}", len(sizes) == 5 and sizes[-1] == 4)]),))


@witness
def strided_combination() -> Outcome:
    """Section 4.2: stride and kernel n1/n2 give n2; so do its floor and a second convolution where it is no integer."""
    divisible, other = [], []
    for larger in range(2, _LARGEST_MAP + 1):
        for smaller in range(1, larger):
            step = larger // smaller
            size = _output_size(larger, step, step)
            words = f"{larger} → {smaller}"
            if larger % smaller == 0:
                divisible.append((words, size == smaller))
            else:
                kernel = size - smaller + 1
                other.append((words, kernel >= 1 and _output_size(size, kernel, 1) == smaller))
    return Outcome((checked("n2 divides n1", divisible), checked("n2 does not divide n1", other)))


def _average(pixels) -> Fraction:
    return sum(pixels, Fraction(0)) / len(pixels)


def _strided(pixels) -> list[Fraction]:
    """A 2×2 map under a 2×2 kernel of unequal weights and a rectifier."""
    return [max(Fraction(0), sum(weight * pixel for weight, pixel in zip((1, -2, 3, -1), pixels, strict=True)))]


@witness
def pooling_forgets_position() -> Outcome:
    """Section 4.2: global average pooling removes the spatial dependency; a strided convolution does not."""
    pixels = [Fraction(n) for n in (1, 5, 2, 7)]
    moved = list(permutations(pixels))
    return Outcome((
        checked("the average of permuted pixels", [
            (f"{list(map(int, p))}", _average(p) == _average(pixels)) for p in moved
        ]),
        checked("the convolution tells permutations apart", [
            (f"{len(moved)} permutations", len({_average(_strided(p)) for p in moved}) > 1)
        ]),
    ))


def _combined(pixels) -> Fraction:
    """The proposed head on a 2×4 map: a convolution of kernel and stride 2 to two pixels, then their average."""
    return _average(_strided(pixels[:4]) + _strided(pixels[4:]))


@witness
def spatial_loss() -> Outcome:
    """Fig. 4: the convolutional feature extractor captures features at multiple scales without spatial loss."""
    pixels = [Fraction(n) for n in (1, 5, 2, 7, 3, 0, 4, 6)]
    inside = [order for order in permutations(range(4)) if order != (0, 1, 2, 3)]
    return Outcome(
        (
            checked("pixels within a kernel's field keep their places", [
                ("permuted within one field", len({
                    _combined([pixels[n] for n in order] + pixels[4:]) for order in inside
                } - {_combined(pixels)}) > 0)
            ]),
            checked("the fields, whose results are pooled in the end, keep theirs", [
                ("two fields exchanged", _combined(pixels[4:] + pixels[:4]) != _combined(pixels))
            ]),
        ),
        (checked("the last map, which is averaged, forgets where its pixels were", [
            (f"{list(map(int, order))}", _average(order) == _average(pixels[:4])) for order in permutations(pixels[:4])
        ]),),
    )


def _entropy(weights):
    total = mp.fsum(weights)
    return -mp.fsum(w / total * mp.log(w / total) for w in weights if w)


def _heatmap(plateau: int, peaks: int) -> tuple[list[mpf], list[int]]:
    """A softmaxed one-dimensional heatmap and the positions of its local maxima.

    One summit of weight 1 with `plateau` neighbours of weight 0.999 falling away, then `peaks` far lower maxima between
    valleys, which together weigh as much as the summit.
    """
    weights = [mpf(1)] + [mpf("0.999") - mpf(n) / 10**6 for n in range(plateau)]
    for n in range(peaks):
        weights += [mpf(10) ** -9, mpf(1) / peaks - mpf(n) / 10**9]
    weights.append(mpf(10) ** -9)
    maxima = [
        n for n, w in enumerate(weights)
        if (n == 0 or weights[n - 1] < w) and (n + 1 == len(weights) or weights[n + 1] < w)
    ]
    return weights, maxima


@witness
def multi_peak_entropy() -> Outcome:
    """Section 2: multi-peak entropy, which is not defined there, is essentially a lower bound of the standard one."""
    renormalised, summands, grouped = [], [], []
    for plateau, peaks in ((0, 1), (8, 200), (20, 1000)):
        weights, maxima = _heatmap(plateau, peaks)
        words = f"{len(maxima)} maxima, {len(weights)} pixels"
        whole = _entropy(weights)
        renormalised.append((words, bool(_entropy([weights[n] for n in maxima]) <= whole)))
        shares = [weights[n] / mp.fsum(weights) for n in maxima]
        summands.append((words, bool(-mp.fsum(share * mp.log(share) for share in shares) <= whole)))
        edges = [0, *maxima[1:], len(weights)]
        grouped.append((words, bool(_entropy([mp.fsum(weights[a:b]) for a, b in zip(edges, edges[1:])]) <= whole)))
    return Outcome(
        (
            checked("of the softmax over the maxima alone: ≤ entropy of all pixels", renormalised),
            checked("the maxima's summands of the entropy of all pixels", summands),
        ),
        (checked("entropy of the pixels summed around each maximum ≤ entropy of all pixels", grouped),),
    )
