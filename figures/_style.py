"""What all figures share: two themes, the size of a sheet, and one appearance for each method of the study.

The light theme is for pages and print, the dark one for dark pages. The colours were searched for near those of Okabe
and Ito (2008), so that any two of a theme are told apart by people with any of the three colour blindnesses, and each
stands out from its page; `tests/test_figures.py` holds how far. Whatever differs by colour differs by marker or line
as well, so that a grey print can be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import matplotlib
from matplotlib import cycler
from matplotlib.figure import Figure

from gammaprob.errors import ArgumentError

__all__ = [
    "METHODS", "THEMES", "WIDTH", "diverging", "faint", "ink", "muted", "page", "sequential", "sheet", "theme",
]  # fmt: skip

WIDTH = 7.2  # inches, the width of a printed page's text and of the site's column: drawn as large as it is read


@dataclass(frozen=True)
class Theme:
    """Colours of a page: its background, its text, second-rate text, grids, and the series in their order."""

    page: str
    ink: str
    muted: str
    faint: str
    series: tuple[str, ...]  # blue, vermillion, green, purple, orange, sky, brown
    sequential: str
    diverging: str


THEMES = {
    "light": Theme(
        "#ffffff", "#1a1a1a", "#5f6368", "#d9dce0",
        ("#124793", "#b53418", "#09ab5e", "#be82a1", "#d97f09", "#5e7aff", "#71473f"), "viridis", "PuOr",
    ),
    "dark": Theme(
        "#131416", "#e8e8e8", "#a6abb2", "#3c4046",
        ("#567fea", "#ff7f31", "#47cf9d", "#b295ca", "#faf9a0", "#c5f8ff", "#ad7047"), "viridis", "managua",
    ),
}
_active: ContextVar[Theme] = ContextVar("theme", default=THEMES["light"])

# One appearance a method, in every figure.
METHODS = {
    "Random": {"color": "C6", "marker": "o", "linestyle": ":"},
    "Coreset": {"color": "C4", "marker": "s", "linestyle": "--"},
    "LL": {"color": "C1", "marker": "^", "linestyle": "-"},
    "LL++": {"color": "C0", "marker": "o", "linestyle": "-"},
    "LL++conv": {"color": "C2", "marker": "D", "linestyle": "-."},
    "Entropy": {"color": "C5", "marker": "v", "linestyle": "--"},
    "Oracle": {"color": "C3", "marker": "*", "linestyle": ":"},
}


@contextmanager
def theme(name: str) -> Iterator[None]:
    """What is drawn inside has this theme. Raises `ArgumentError` for an unknown one.

    >>> with theme("dark"):
    ...     page(), ink()
    ('#131416', '#e8e8e8')
    """
    if name not in THEMES:
        raise ArgumentError("theme", name, ", ".join(THEMES), "pass one of these names")
    token = _active.set(THEMES[name])
    try:
        with matplotlib.rc_context(_settings(THEMES[name])):
            yield
    finally:
        _active.reset(token)


def _settings(colours: Theme) -> dict[str, object]:
    ink_of = dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.labelcolor", "ytick.labelcolor"),
                           colours.ink)
    line_of = dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), colours.muted)
    page_of = dict.fromkeys(("figure.facecolor", "axes.facecolor", "legend.facecolor"), colours.page)
    return matplotlib.rcParamsDefault | ink_of | line_of | page_of | {
        "backend": matplotlib.rcParams["backend"],  # whoever draws has chosen how figures are shown
        "axes.prop_cycle": cycler(color=colours.series), "grid.color": colours.faint, "legend.frameon": False,
        "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.7,
        "font.size": 8.5, "axes.titlesize": 9, "axes.labelsize": 8.5, "axes.titlelocation": "left",
        "xtick.labelsize": 8, "ytick.labelsize": 8, "legend.fontsize": 8, "lines.linewidth": 1.6,
        "lines.markersize": 4, "grid.linewidth": 0.6, "image.cmap": colours.sequential,
        # glyphs as outlines: the same picture whichever fonts the reader has, and the same bytes
        "svg.fonttype": "path", "svg.hashsalt": "gammaprob", "pdf.fonttype": 42,
    }  # fmt: skip


class _Sheet(Figure):
    """A figure that keeps its theme: matplotlib looks up the colours of a cycle only when a picture is rendered."""

    def __init__(self, **options):
        self._settings = _settings(_active.get())
        super().__init__(**options)

    def draw(self, renderer):
        with matplotlib.rc_context(self._settings | {"backend": matplotlib.rcParams["backend"]}):
            super().draw(renderer)


def sheet(rows: int = 1, columns: int = 1, *, height: float, **options) -> tuple[Figure, object]:
    """A figure of the common width, `height` inches high, and its axes as `Figure.subplots` returns them.

    >>> figure, axes = sheet(1, 2, height=2.5)
    >>> figure.get_size_inches().tolist(), axes.shape
    ([7.2, 2.5], (2,))
    """
    figure = _Sheet(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def page() -> str:
    """The background's colour.

    >>> page()
    '#ffffff'
    """
    return _active.get().page


def ink() -> str:
    """The colour of text, and of what is most important.

    >>> ink()
    '#1a1a1a'
    """
    return _active.get().ink


def muted() -> str:
    """The colour of remarks and reference lines.

    >>> muted()
    '#5f6368'
    """
    return _active.get().muted


def faint() -> str:
    """The colour of grids and of what is only hinted at.

    >>> faint()
    '#d9dce0'
    """
    return _active.get().faint


def sequential():
    """The colour map of what grows, even in brightness.

    >>> sequential().name
    'viridis'
    """
    return matplotlib.colormaps[_active.get().sequential]


def diverging():
    """The colour map of what has a sign, pale at 0.

    >>> diverging().name
    'PuOr'
    """
    return matplotlib.colormaps[_active.get().diverging]
