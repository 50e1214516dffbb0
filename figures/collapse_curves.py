"""Whether a network that learns from its own heatmaps collapses to empty ones, with views of one kind and without."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["SOURCE", "TITLE", "Curve", "Data", "Gain", "Mark", "Panel", "Published", "caption", "compute", "draw"]

TITLE = "Consistency, and where it collapses"
SOURCE = "Xie et al. 2021, Fig. 1 and Table 9"
_STUDIES = {"generated_semi": "Generated", "lspet_semi": "LSPET"}
_PAPER = "ssl_tableS9_labels"


class Curve(NamedTuple):
    """One variation over training: means over the seeds and sample standard deviations (NaN of one seed)."""

    variation: str
    seeds: int
    epochs: np.ndarray  # (epochs,)
    response: np.ndarray  # (epochs, 2) mean and sd, in peaks of a target
    pck: np.ndarray  # (epochs, 2) of the validation, in per cent and in points


class Mark(NamedTuple):
    """One network after training, beside the supervised one of the same labels and seed."""

    variation: str
    labels: int
    response: float  # in responses of the supervised network
    pck: float  # of the test set, less the supervised network's, in points
    collapsed: bool


class Gain(NamedTuple):
    """A variation beside supervised learning; None where the seeds are too few to say."""

    variation: str
    difference: float | None  # of the test PCK, a share, mean over the seeds
    p: float | None  # of a paired t-test over the seeds


class Panel(NamedTuple):
    """One data set; the curves and gains are those with the fewest labels."""

    title: str
    labels: tuple[int, ...]
    begins: float  # epoch from which on unlabelled pictures are learned from
    curves: list[Curve]
    marks: list[Mark]
    gains: list[Gain]  # of the two whose views are the question


class Published(NamedTuple):
    """Standard consistency as the paper has it, by label count: response in its own unit, AP less supervised AP."""

    labels: tuple[str, ...]
    response: np.ndarray
    ap: np.ndarray  # in points


class Data(NamedTuple):
    """What is drawn."""

    panels: list[Panel]
    published: Published
    threshold: float  # a response below this share of the supervised network's is a collapse, if fewer joints are found


def compute() -> Data:
    """The recorded studies of few labels: curves of the fewest, every network after training, and the paper's Table 9.

    >>> data = compute()
    >>> [panel.title for panel in data.panels], data.panels[0].curves[0].variation
    (['Generated', 'LSPET'], 'supervised')
    >>> data.published.labels
    ('1K', '5K', '10K', 'full')
    >>> caption(data)[:39]
    'Above, training with the fewest labels:'
    """
    from experiments.record import read_tables
    from experiments.semi import COLLAPSE
    from paper_tables import published

    panels = []
    for name, title in _STUDIES.items():
        document, tables = read_tables(name)
        rows, curves, config = tables[name], tables["curves"], document["config"]
        labels = tuple(sorted({row["labels"] for row in rows}))
        few, points = ([row for row in table if row["labels"] == labels[0]] for table in (rows, curves))
        epochs = max(point["epoch"] for point in points)
        panels.append(Panel(title, labels, config["consistency_start"] * epochs, _curves(points),
                            _marks(rows), [_gain(few, variation) for variation in ("standard", "easy-hard")]))
    paper = published.load(_PAPER)
    return Data(panels, Published(
        tuple(row["labels"].removeprefix("COCO ").partition(" (")[0] for row in paper),
        np.array([float(row["response"]) for row in paper]),
        np.array([float(row["ap"]) - float(row["supervised_ap"]) for row in paper]),
    ), COLLAPSE)


def _curves(points: list[dict]) -> list[Curve]:
    from experiments._report_cli import spread
    from experiments.semi import VARIATIONS

    found = []
    for variation in [name for name in VARIATIONS if any(point["variation"] == name for point in points)]:
        these = [point for point in points if point["variation"] == variation]
        epochs = sorted({point["epoch"] for point in these})
        if len(epochs) > 2 and 2 * (epochs[-1] - epochs[-2]) < epochs[1] - epochs[0]:
            del epochs[-2]  # the last epoch is judged, even if the one before it was

        def over_seeds(column: str, these=these, epochs=epochs) -> np.ndarray:
            return np.array([spread(point[column] for point in these if point["epoch"] == epoch)[:2]
                             for epoch in epochs], dtype=float)

        found.append(Curve(variation, len({point["seed"] for point in these}), np.array(epochs),
                           over_seeds("response"), 100 * over_seeds("validation_pck")))
    return found


def _gain(rows: list[dict], variation: str) -> Gain:
    from experiments._report_orders import by_seed, compare

    found = compare(*(by_seed(rows, name, "test_pck") for name in (variation, "supervised")))
    return Gain(variation, found.difference, found.p_value)


def _marks(rows) -> list[Mark]:
    from experiments.semi import collapsed

    supervised = {(row["labels"], row["seed"]): row for row in rows if row["variation"] == "supervised"}
    pairs = [(row, supervised[row["labels"], row["seed"]]) for row in rows
             if row["variation"] != "supervised" and (row["labels"], row["seed"]) in supervised]
    return [Mark(row["variation"], row["labels"], row["response"] / beside["response"],
                 100 * (row["test_pck"] - beside["test_pck"]), collapsed(row, beside)) for row, beside in pairs]


def draw(data: Data):
    """Rows response, PCK, and every network beside the supervised one; columns the data sets, and last the paper."""
    from figures import _style

    figure, axes = _style.sheet(3, len(data.panels) + 1, height=6.0, height_ratios=(1, 1, 1.15))
    for (response, pck, networks), panel in zip(axes.T, data.panels, strict=False):
        _draw_curves(response, panel, "response")
        _draw_curves(pck, panel, "pck")
        _draw_networks(networks, panel, data.threshold)
        response.set(title=f"{panel.title}, {panel.labels[0]} labels", ylabel="response (peaks)")
        response.sharex(pck)
        response.tick_params(labelbottom=False)
        pck.set(xlabel="epoch", ylabel="validation PCK (%)")
        ends = dict.fromkeys((panel.labels[0], panel.labels[-1]))
        networks.set_title(f"{panel.title}, {'–'.join(map(str, ends))} labels")
    _draw_key(axes[0, -1], data)
    _draw_notes(axes[1, -1], data)
    _draw_published(axes[2, -1], data.published)
    return figure


def _draw_curves(place, panel: Panel, name: str) -> None:
    from figures import _style

    place.axvline(panel.begins, color=_style.muted(), linestyle=":", linewidth=1)
    for curve in reversed(panel.curves):  # the first ones on top
        means, sds = getattr(curve, name).T
        drawn, plain = _look(curve.variation), "," not in curve.variation
        if plain:
            place.fill_between(curve.epochs, means - sds, means + sds, alpha=0.15, color=drawn["color"], linewidth=0)
        place.plot(curve.epochs, means, **drawn | {"marker": None}, linewidth=1.8 if plain else 1.1)
    place.set_ylim(bottom=0)


def _draw_networks(place, panel: Panel, threshold: float) -> None:
    from figures import _style

    place.axhline(0, color=_style.muted(), linewidth=0.8)
    place.axvline(1, color=_style.muted(), linewidth=0.8)
    for mark in panel.marks:
        drawn, fewest = _look(mark.variation), mark.labels == panel.labels[0]
        place.plot(mark.response, mark.pck, marker=drawn["marker"], linestyle="none", markeredgecolor=drawn["color"],
                   markerfacecolor=drawn["color"] if fewest else "none", markeredgewidth=0.9, alpha=0.85)
    place.plot(1, 0, **_look("supervised"))
    low, high = min(0, *place.get_xlim()), max(place.get_xlim())
    bottom, top = place.get_ylim()
    bottom = min(bottom, -top / 2)  # where nothing has collapsed, one is to see that
    place.fill_between([low, threshold], bottom, 0, color=_style.faint(), linewidth=0, alpha=0.6, zorder=0)
    place.set(xlim=(low, high), ylim=(bottom, top), xlabel="response / supervised", ylabel="PCK − supervised (points)")


def _draw_published(place, paper: Published) -> None:
    from figures import _style

    place.axhline(0, color=_style.muted(), linewidth=0.8)
    place.plot(paper.response, paper.ap, **_look("standard") | {"linestyle": "none"})
    for name, response, ap in zip(paper.labels, paper.response, paper.ap, strict=True):
        place.annotate(name, (response, ap), (-5, 0), textcoords="offset points", ha="right", va="center", fontsize=7.5)
    place.set(xscale="log", xlim=(2e-5, 0.05), xlabel="response (own unit)", ylabel="AP − supervised (points)")
    place.set_ylim(top=3)
    place.set_title("Paper: COCO, standard")


def _draw_key(place, data: Data) -> None:
    from matplotlib.lines import Line2D

    names = dict.fromkeys(curve.variation for panel in data.panels for curve in panel.curves)
    place.text(-0.1, 1.07, "Consistency, and what is added", transform=place.transAxes, fontsize=9)
    place.legend(handles=[Line2D([], [], label=name, **_look(name)) for name in names], loc="upper left",
                 bbox_to_anchor=(-0.1, 1.02), borderaxespad=0, handlelength=3.2)
    place.set_axis_off()


def _draw_notes(place, data: Data) -> None:
    """What the legend does not say, in lines as narrow as the column."""
    seeds = "–".join(str(count) for count in sorted({curve.seeds for panel in data.panels for curve in panel.curves}))
    place.text(-0.1, 0.0, (
        f"Above: means over {seeds} seeds, bands\n± one sd; broad: λ = 1, nothing added;\ndotted: from there on, "
        "unlabelled\npictures are learned from.\nBelow: each mark is a network after\ntraining; filled: the fewest "
        "labels;\ngrey: collapsed."
    ), transform=place.transAxes, va="bottom", fontsize=7.5)
    place.set_axis_off()


def _look(variation: str) -> dict[str, object]:
    """Colour by the kind of consistency; line and marker by what is added to it, or by λ."""
    from figures import _style

    kind, _, added = variation.partition(", ")
    if added.startswith("λ = "):
        added = "λ < 1" if float(added.removeprefix("λ = ")) < 1 else "λ > 1"
    line, marker = {
        "": ("-", "o"), "cutout": ("--", "s"), "RandAugment": ("-.", "D"), "RandAugment, cutout": (":", "P"),
        "together": ((0, (4, 1, 1, 1, 1, 1)), "X"), "λ < 1": (":", "v"), "λ > 1": ("-.", "^"),
    }[added]
    colour = {"supervised": _style.ink(), "standard": "C1", "easy-hard": "C0", "dual": "C2"}[kind]
    return {"color": colour, "linestyle": line, "marker": marker}


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    fell = "; ".join(f"{panel.title}: {_fell(panel.marks)}" for panel in data.panels)
    gains = "; ".join(f"{panel.title}: {', '.join(map(_told, panel.gains))}" for panel in data.panels)
    paper = data.published
    return (
        "Above, training with the fewest labels: response (mean maximum of unlabelled pictures' heatmaps) and "
        "validation PCK. Below, each network beside the supervised one of its labels and seed; collapsed: under "
        f"{data.threshold:.0%} of its response, and fewer joints found. {fell}. Test PCK with the fewest labels, less "
        f"supervised, in points: {gains}. In the paper, standard consistency ends at responses of "
        f"{paper.response.min():g} to {paper.response.max():g} (another unit), {-paper.ap.max():.1f} to "
        f"{-paper.ap.min():.1f} points of AP below supervised."
    )


def _fell(marks: list[Mark]) -> str:
    """How many networks collapsed, by variation; of the variations of which none did, together."""
    parts, others = [], 0
    for variation in dict.fromkeys(mark.variation for mark in marks):
        these = [mark.collapsed for mark in marks if mark.variation == variation]
        if any(these):
            parts.append(f"{sum(these)} of {len(these)} {variation.replace(',', '')}")
        else:
            others += len(these)
    return "collapsed are " + ", ".join([*parts, f"none of {'the other ' if parts else ''}{others}"])


def _told(gain: Gain) -> str:
    from experiments._report_orders import points

    p = "" if gain.p is None else f" (p = {gain.p:.2g})"
    return f"{gain.variation} {points(gain.difference)}{p}"
