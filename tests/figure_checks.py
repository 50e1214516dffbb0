"""What a program sees of a drawn figure's defects: text that overlaps or is cut, empty or unnamed axes."""

from __future__ import annotations

from itertools import combinations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

SMALLEST = 7.0  # points: smaller print is not read at the size at which the figures are shown
PIXELS_AN_INCH = 100  # about the size at which a page shows the figure
TOUCH = 1.0  # pixels that two boxes may share: the boxes have a margin around the glyphs


def problems(figure) -> list[str]:
    """Every defect found, in words; an empty list where there is none."""
    figure.set_dpi(PIXELS_AN_INCH)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [(text, text.get_window_extent(renderer)) for text in _texts(figure)]
    found = [f"print of {text.get_fontsize():.1f} points: {_named(text)}" for text, _ in boxes
             if text.get_fontsize() < SMALLEST]
    found += [f"clipped: {_named(text)}" for text, box in boxes if not _inside(box, figure.bbox)]
    found += [
        f"overlap: {_named(first)} and {_named(second)}"
        for (first, one), (second, other) in combinations(boxes, 2) if _overlap(one, other)
    ]
    return found + [defect for axes in figure.axes if axes.get_visible() for defect in _axes_defects(axes)]


def _texts(figure) -> list[Text]:
    """Every text that is seen: visible, not blank, and of tick labels those within the axis."""
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            place = axis.get_transform().transform  # as long as it is seen: linear or logarithmic
            low, high = sorted(place(axis.get_view_interval()))
            slack = 1e-9 * (high - low)
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                shown = axes.axison and axes.get_visible() and axis.get_visible()
                if not shown or not low - slack <= place(tick.get_loc()) <= high + slack:
                    hidden |= {tick.label1, tick.label2}
    return [text for text in figure.findobj(Text)
            if text not in hidden and text.get_visible() and text.get_text().strip()]


def _named(text: Text) -> str:
    return repr(text.get_text())


def _inside(box, page) -> bool:
    return (box.x0 >= page.x0 - TOUCH and box.y0 >= page.y0 - TOUCH
            and box.x1 <= page.x1 + TOUCH and box.y1 <= page.y1 + TOUCH)


def _overlap(one, other) -> bool:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return width > TOUCH and height > TOUCH


def _axes_defects(axes) -> list[str]:
    name = axes.get_title(loc="left") or axes.get_title() or axes.get_label() or "untitled"
    if not axes.has_data() and not axes.texts and not axes.tables:
        return [f"empty axes: {name!r}"]
    if not axes.axison:
        return []
    return [
        f"no label on the {which} axis of {name!r}"
        for which, axis in (("x", axes.xaxis), ("y", axes.yaxis))
        if not axis.get_label_text() and axis.get_visible() and _numbered(axis)
    ]


def _numbered(axis) -> bool:
    """Whether the axis shows tick labels: one that shares its numbers with a neighbour has none."""
    return any(tick.label1.get_visible() and tick.label1.get_text() or tick.label2.get_visible()
               and tick.label2.get_text() for tick in axis.get_major_ticks())
