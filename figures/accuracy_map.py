"""Relative errors over shape and gap: the kernels, computed now against Arb, above the peers, as recorded.

The peers take seconds a map and their libraries' versions decide, so that they are drawn from `bench_map.csv` (made by
`python -m tests.bench --record`); all maps have its shapes and gaps, at scale 1, where z = δ is exact.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

import gammaprob
from gammaprob import certified

__all__ = ["SOURCE", "TITLE", "Data", "Map", "caption", "compute", "draw"]

TITLE = "Accuracy of the kernels and of their peers"
SOURCE = "ours"
DIGITS = 18  # two more than a double holds, so that the certified value adds no error of its own
SMALLEST = float(np.finfo(float).tiny)  # a double below it has fewer digits, and no error is asked for
EXACT, WORST = 1e-16, 1.0  # ends of the colour scale: a rounding or less, and no digit right
KERNELS = (("gap_sf", "real"), ("gap_sf", "integer"), ("gap_cdf", "real"), ("expected_target", "real"))
PEERS = ("quad", "gammaincc mixture", "genhyperbolic", "mpmath")
FAR = 10.0  # δ/Θ from which the caption counts roundings of δ
ROUNDING = 2.0**-53
LOST = 1e-8  # from this error on the caption counts a value as wrong: half the digits of a double are gone


class Map(NamedTuple):
    """Relative errors of one way of computing."""

    name: str
    shapes: np.ndarray  # (shapes,) k, no unit
    gaps: np.ndarray  # (gaps,) δ/Θ, no unit
    errors: np.ndarray  # (shapes, gaps) |value/exact − 1|; infinite without a number, NaN where the value underflows


class Data(NamedTuple):
    """What is drawn."""

    kernels: tuple[Map, ...]  # as KERNELS
    peers: tuple[Map, ...]  # as PEERS, of gap_sf


def compute() -> Data:
    """The maps of the kernels at the recorded shapes and gaps of the peers' maps.

    >>> _kernel_map("gap_sf", [0.5, 4.0], [1.0, 1000.0]).errors < 1e-15
    array([[ True, False],
           [ True, False]])
    """
    from experiments.record import read_tables

    rows = read_tables("bench")[1]["map"]
    peers = {name: _map_of(name, [row for row in rows if row["name"] == name]) for name in PEERS}
    grids = {"real": peers["quad"], "integer": peers["gammaincc mixture"]}
    return Data(
        tuple(_kernel_map(quantity, grids[family].shapes, grids[family].gaps) for quantity, family in KERNELS),
        tuple(peers.values()),
    )


def _map_of(name: str, rows: list[dict]) -> Map:
    """The recorded rows as a grid."""
    shapes, gaps = (np.unique([row[column] for row in rows]) for column in ("shape", "gap"))
    errors = np.full((shapes.size, gaps.size), np.nan)
    for row in rows:  # an error of None becomes NaN
        errors[np.searchsorted(shapes, row["shape"]), np.searchsorted(gaps, row["gap"])] = row["error"]
    return Map(name, shapes, gaps, errors)


def _kernel_map(quantity: str, shapes, gaps) -> Map:
    """Errors of a function of `gammaprob` against the certified value, called once a shape."""
    errors = np.full((len(shapes), len(gaps)), np.nan)
    for row, shape in zip(errors, shapes, strict=True):
        values = getattr(gammaprob, quantity)(gaps, shape=shape, scale=1.0)
        for place, (gap, value) in enumerate(zip(gaps, values, strict=True)):
            exact = getattr(certified, quantity)(float(gap), shape=float(shape), scale=1, digits=DIGITS).lower
            if exact >= SMALLEST:
                row[place] = abs(float(Fraction(float(value)) / exact - 1))
    return Map(quantity, np.asarray(shapes, dtype=float), np.asarray(gaps), errors)


def draw(data: Data):
    """Above the kernels, below the peers of gap_sf, with one scale of colours; `compute` has the example."""
    from matplotlib.colors import LogNorm

    from figures import _style

    figure, panels = _style.sheet(2, 4, height=4.4, sharex=True, sharey=True)
    titles = [f"{quantity}, {family} k" for quantity, family in KERNELS[:-1]] + ["expected_target"]
    titles += ["quad of the density", "gammaincc, integer k", "genhyperbolic limit", "mpmath, 30 digits"]
    lowest = _edges(data.kernels[0].shapes)[0]
    for axes, found, title in zip(panels.flat, (*data.kernels, *data.peers), titles, strict=True):
        axes.patch.set(facecolor=_style.page(), edgecolor=_style.muted(), hatch="/////", linewidth=0)
        shapes = _edges(found.shapes)
        drawn = axes.pcolormesh(
            _edges(found.gaps), shapes, np.clip(found.errors, EXACT, WORST), norm=LogNorm(EXACT, WORST),
            cmap=_style.sequential(), rasterized=True,
        )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(title)
        if shapes[0] > lowest:
            axes.axhspan(lowest, shapes[0], color=_style.page())
            axes.annotate("no integers", (1, 0.3), ha="center", va="center", color=_style.muted())
    for axes in panels[1]:
        axes.set_xlabel("gap δ/Θ (no unit)")
    for axes, whose in zip(panels[:, 0], ("gammaprob", "peers of gap_sf"), strict=True):
        axes.set_ylabel(f"{whose}\nshape k (no unit)")
    bar = figure.colorbar(drawn, ax=panels, location="bottom", aspect=50, pad=0.02)
    bar.set_label("relative error against Arb (no unit); hatched: the value underflows")
    return figure


def _edges(points: np.ndarray) -> np.ndarray:
    """Ends of the cells around points that are about evenly spaced in their logarithms."""
    middle = np.sqrt(points[1:] * points[:-1])
    return np.array([points[0] ** 2 / middle[0], *middle, points[-1] ** 2 / middle[-1]])


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    worst = [f"{np.nanmax(found.errors):.0e} ({quantity}, {family} k)"
             for (quantity, family), found in zip(KERNELS, data.kernels, strict=True)]
    wrong = [f"{100 * np.mean(found.errors[~np.isnan(found.errors)] >= LOST):.0f} % of {found.name}"
             for found in data.peers]
    survival = data.kernels[0]
    far = survival.gaps > FAR
    near = np.nanmax(survival.errors[:, ~far])
    roundings = np.nanmax(survival.errors[:, far] / (ROUNDING * survival.gaps[far]))
    return (
        f"Relative errors at {survival.shapes.size} shapes and {survival.gaps.size} gaps. Those of the kernels are at "
        f"most {', '.join(worst)}. Up to δ = {FAR:g} Θ gap_sf errs by {near:.0e} at most; beyond, by up to "
        f"{roundings:.1f} times what one rounding of δ changes in e^−δ/Θ. Of the peers' values, {', '.join(wrong)} "
        f"are off by {LOST:.0e} or more: quad overflows at large shapes, the limit of genhyperbolic is poor at small "
        f"shapes and fails at large ones, and the closed form in mpmath subtracts from 1 in the tail."
    )
