"""k-centre greedy, exact and fast: a filter in float32 decides which distances are worth computing in float64.

To know a point's nearest centre, few distances matter: the t-th centre becomes the nearest one of about every t-th
point. So each new centre passes over all points as one matrix product in float32, whose error is bounded below, and
where the bound says that the centre may be nearer than the nearest one so far, the distance is computed as in the
definition, by differences in float64. The picks are those of that definition, whichever the linear-algebra library
and its number of threads. Tried and rejected: the matrix product alone (float64 norms less twice the product cancel;
of duplicated points it makes numbers that differ), differences alone (exact, but six times as slow, and sixteen
seconds where 5,000 images are labelled).
"""

from __future__ import annotations

import numpy as np

__all__ = ["k_centre"]

# Entries of a block of float32 products, and rows of a block of float64 differences: some 16 MB each at 256 features.
CELLS = 4_000_000
ROWS = 8_000
CENTRES = 500  # columns of a block of products: enough for a matrix product to run at full speed
UNIT = 2.0**-24  # the unit roundoff of float32


def k_centre(points: np.ndarray, labelled: np.ndarray, budget: int, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pick `budget` of the points (N, D), each the farthest from all that are labelled (M, D) or picked before it.

    Returns the picks (budget,) int64 and the distance of each when it was picked. Of points equally far, the one of
    the lowest rank (N,) comes first. Memory: a float32 copy of both arrays, and blocks of fixed size.
    """
    nearest = _Nearest(points, labelled)
    picks, gaps = np.empty(budget, np.int64), np.empty(budget)
    for start in range(0, len(labelled), CENTRES):
        nearest.add(labelled[start:start + CENTRES], nearest.labelled[start:start + CENTRES])
    for pick in range(budget):
        largest = nearest.squared.max()
        ties = np.flatnonzero(nearest.squared == largest)
        chosen = ties[rank[ties].argmin()]
        picks[pick], gaps[pick] = chosen, np.sqrt(largest) * nearest.scale
        nearest.add(points[chosen:chosen + 1], nearest.points[chosen:chosen + 1])
        nearest.squared[chosen] = -np.inf  # below the 0 of a copy that is still to be had
    return picks, gaps


class _Nearest:
    """Of each point the squared distance to the nearest centre so far, in float64 and in units of scale²."""

    def __init__(self, points: np.ndarray, labelled: np.ndarray):
        # A shift and a scale leave the order of distances alone. These keep the squares within float32, and a power of
        # two as the scale rounds nothing.
        middle = points.mean(0, dtype=np.float64)
        largest = max(np.abs(block - middle).max() for block in _blocks(points, labelled))
        self.exact, self.scale = points, 2.0 ** (np.frexp(largest)[1] - 1)
        self.points, self.labelled = (
            np.concatenate([((block - middle) / self.scale).astype(np.float32) for block in _blocks(array)])
            for array in (points, labelled)
        )
        self.norms = _squares(self.points)
        self.lengths = np.sqrt(self.norms)
        self.squared = np.full(len(points), np.inf)

    def add(self, centres: np.ndarray, rounded: np.ndarray) -> None:
        """Take in more centres, given exactly and as rounded in `points` or `labelled`.

        `slack` bounds the error of |x|² + |c|² − 2 x·c. With u the unit roundoff, each of the three sums of D products
        is off by D·u times the lengths in it, in whichever order it is summed, together D·u·(|x| + |c|)². Rounding x, c
        and what follows (two additions, the slack itself) adds less than 16·u·(|x| + |c|)².
        """
        norms, transposed = _squares(rounded), rounded.T
        slack = (rounded.shape[1] + 16) * UNIT * (self.lengths + np.sqrt(norms.max())) ** 2
        step = max(1, CELLS // len(rounded))
        for start in range(0, len(self.points), step):
            rows = slice(start, start + step)
            products = self.points[rows] @ transposed
            products *= -2.0
            products += self.norms[rows, None]
            products += norms
            reach = np.minimum(self.squared[rows], products.min(1) + slack[rows]) + slack[rows]
            self._measure(start, centres, *np.nonzero(products <= reach[:, None]))

    def _measure(self, start: int, centres: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> None:
        """The squared distances of these pairs, by their definition."""
        for first in range(0, len(rows), ROWS):
            block = slice(first, first + ROWS)
            places = rows[block] + start
            gaps = np.subtract(self.exact[places], centres[columns[block]], dtype=np.float64)
            gaps /= self.scale
            np.minimum.at(self.squared, places, np.einsum("ij,ij->i", gaps, gaps))


def _blocks(*arrays: np.ndarray):
    for array in arrays:
        for start in range(0, len(array), ROWS):
            yield array[start:start + ROWS]


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows)
