"""Time of a value against its worst relative error: the kernel and its peers, from a recorded run of the benchmark.

Times are not the same twice, so that they are drawn from `bench_peers.csv`, made by `python -m tests.bench --record` on
the machine that `bench.json` describes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["SOURCE", "TITLE", "Data", "caption", "compute", "draw"]

TITLE = "Speed and accuracy beside the peers"
SOURCE = "ours"
SCALE = 0.066  # Θ, for which the benchmark measures
ROUNDING = 2.0**-53  # the error of the nearest double, at most
RIGHT = 1e-14  # below this worst error, the caption calls a way right
_MARKERS = ("*", "s", "^", "D", "v", "o", "P")


class Data(NamedTuple):
    """What is drawn, one entry a way of computing and shape; errors are relative."""

    names: tuple[str, ...]  # as the benchmark names them
    shapes: np.ndarray  # (entries,) k
    body: np.ndarray  # (entries,) worst error where S(δ) > 1e-3
    tail: np.ndarray  # (entries,) worst error further out, down to S = 1e-24
    nanoseconds: np.ndarray  # (entries,) a value, best of a few calls
    machine: dict  # provenance: what the times are of


def compute() -> Data:
    """The recorded peers; the kernel comes first at each shape.

    >>> data = compute()
    >>> data.names[0], np.unique(data.shapes).tolist()
    ('gammaprob.gap_sf', [2.82, 4.0])
    >>> caption(data).split(",")[0]
    'P(|X − Y| > δ) by 7 ways of computing it'
    """
    from experiments.record import read_tables

    document, tables = read_tables("bench")
    rows = tables["peers"]
    columns = (np.array([float(row[name]) for row in rows]) for name in ("shape", "body", "tail", "nanoseconds"))
    return Data(tuple(row["name"] for row in rows), *columns, document["machine"])


def draw(data: Data):
    """One panel a shape: filled in the body of the law, open in its tail; `compute` has the example."""
    from figures import _style

    ways = list(dict.fromkeys(data.names))
    shapes = list(dict.fromkeys(data.shapes))
    figure, panels = _style.sheet(1, len(shapes), height=3.6, sharex=True, sharey=True)
    for axes, shape in zip(panels, shapes, strict=True):
        axes.axhline(ROUNDING, color=_style.muted(), linewidth=0.7, linestyle=":")
        for place in np.flatnonzero(data.shapes == shape):
            number = ways.index(data.names[place])
            time, body, tail = data.nanoseconds[place], data.body[place], data.tail[place]
            look = {"color": f"C{number}", "marker": _MARKERS[number], "markersize": 10 if number == 0 else 5.5,
                    "linestyle": "none"}
            axes.plot([time, time], [body, tail], color=f"C{number}", linewidth=0.8)
            axes.plot(time, body, **look, label=data.names[place])
            axes.plot(time, tail, **look, markerfacecolor=_style.page())
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(0.6, 6e7)
        axes.set_ylim(1e-18, 100)
        axes.set_xlabel("time (ns a value, one thread)")
        axes.set_title(f"P(|X − Y| > δ), k = {shape:g}, Θ = {SCALE:g}")
    left, right = panels
    left.annotate("half a unit in the last place", (700, ROUNDING), (0, -3), textcoords="offset points",
                  ha="center", va="top", color=_style.muted())
    left.legend(loc="upper left", borderaxespad=0.2, handletextpad=0.2)
    right.annotate("filled: in the body, P > 10⁻³\nopen: in the tail, P ≤ 10⁻³", (0.03, 0.95), xycoords="axes fraction",
                   va="top")
    left.set_ylabel("worst relative error (no unit)")
    return figure


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    ours = data.names[0]
    kernel = np.array([name == ours for name in data.names])
    beside = []
    for shape in dict.fromkeys(data.shapes):
        time = data.nanoseconds[kernel & (data.shapes == shape)].item()
        peers = np.flatnonzero(~kernel & (data.shapes == shape))
        fastest = peers[np.argmin(data.nanoseconds[peers])]
        beside.append(f"{time:.0f} ns a value at k = {shape:g}, where the fastest peer ({data.names[fastest]}) takes "
                      f"{data.nanoseconds[fastest] / time:,.0f} times as long")
    worst = np.maximum(data.body, data.tail)
    right = dict.fromkeys(name for name, error in zip(data.names, worst, strict=True) if error < RIGHT)
    right = [name for name in right if worst[[name == other for other in data.names]].max() < RIGHT and name != ours]
    lost = dict.fromkeys(name for name, error in zip(data.names, data.tail, strict=True) if error > 0.5)
    return (
        f"P(|X − Y| > δ) by {len(set(data.names))} ways of computing it, recorded on one thread of "
        f"{data.machine['processor']}; low and to the left is right and fast. {ours} takes {', and '.join(beside)}. "
        f"Its worst error is {worst[kernel].max():.0e}; of the others, below {RIGHT:.0e} everywhere: "
        f"{', '.join(right) or 'none'}; without a digit in the tail: {', '.join(lost) or 'none'}."
    )
