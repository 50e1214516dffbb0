"""The figures of the neighbouring papers' studies: drawn is what is recorded or printed, whatever a study's size."""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.stats import ttest_ind, ttest_rel

from experiments import losses, record, semi
from experiments._report_orders import published_margin, published_p
from experiments.classes import report as classes
from experiments.classes.config import ClassConfig
from experiments.config import Config
from figures import _style, class_losses, collapse_curves, pose_loss_joints
from paper_tables import published
from tests.figure_checks import problems
from tests.test_figures import APART, CAPTION_WORDS, SIGHTS, _least_difference

FIGURES = (collapse_curves, pose_loss_joints, class_losses)
CLASSES = ("ce", *dict.fromkeys(name for table in classes.TABLES for name in table.variations if name != "ce"))
SEMI = [(0, "generated_semi"), (1, "lspet_semi")]  # panel and record
DIGITS = 1e-9  # relative: sums of some tens of numbers, in another order


@pytest.fixture(scope="module")
def collapse():
    return collapse_curves.compute()


@pytest.fixture(scope="module")
def joints():
    return pose_loss_joints.compute()


@pytest.fixture(scope="module")
def pictures():
    return class_losses.compute()


def rows_of(name: str, table: str = "") -> list[dict]:
    return list(record.read_tables(name)[1][table or name])


def paired(rows, one: str, other: str, column: str) -> np.ndarray:
    """(2, seeds) of the seeds that both have."""
    values = [{row["seed"]: row[column] for row in rows if row["variation"] == name} for name in (one, other)]
    return np.array([[each[seed] for seed in values[0] if seed in values[1]] for each in values])


# --- studies of other sizes ------------------------------------------------------------------------------------------

def _row(variation: str, seed: int, **numbers) -> dict:
    return {"variation": variation, "seed": seed, **numbers, "provenance": {}}


def _semi(random, seeds: int, labels: tuple[int, ...]) -> list[dict]:
    """Standard consistency empties the heatmaps, all the more with a larger λ; the other networks gain a little."""
    rows = []
    for count in labels:
        for seed in range(seeds):
            for place, name in enumerate(semi.VARIATIONS):
                left = 0.01 if name.startswith("standard") else 1 + place / 50
                curve = []
                for epoch in range(10, 201, 10):
                    grown = (1 - np.exp(-epoch / 40)) * random.uniform(0.97, 1.03)
                    response, pck = np.array([0.4, 0.3]) * grown * (left if epoch > 60 else 1)
                    curve.append({"variation": name, "labels": count, "seed": seed, "epoch": epoch,
                                  "validation_pck": pck, "response": response})
                rows.append(_row(name, seed, labels=count, test_pck=pck, response=response, weight=1.0, curve=curve))
    return rows


def _poses(random, seeds: int) -> list[dict]:
    return [_row(name, seed, **dict(zip(losses.COLUMNS, random.uniform(0.2, 0.3, len(losses.COLUMNS)), strict=True)))
            for name in losses.VARIATIONS for seed in range(seeds)]


def _classes(random, seeds: int) -> list[dict]:
    return [_row(name, seed, name=f"AL γ=0.5 {name}", dataset="digits", top1=random.uniform(0.9, 0.95))
            for name in CLASSES for seed in range(seeds)]


@pytest.fixture(params=[(1, (500,)), (5, (500, 1000, 2000))], ids=["one seed", "five seeds, three label counts"])
def made_up(request, tmp_path, monkeypatch):
    """The records that the figures read, of another size."""
    (seeds, labels), random = request.param, np.random.default_rng(0)
    for name in ("generated", "lspet"):
        record.write_rows(_semi(random, seeds, labels), Config(epochs_base=200), "semi", name, tmp_path)
    for name in ("desk", "lspet"):
        record.write_rows(_poses(random, seeds), Config(), "pose_losses", name, tmp_path)
    record.write_rows(_classes(random, seeds), ClassConfig(), "classes", "digits", tmp_path)
    read = record.read_tables
    monkeypatch.setattr(record, "read_tables", lambda name: read(name, tmp_path))
    return seeds, labels


def test_a_study_of_another_size_is_drawn(made_up):
    for module in FIGURES:
        data = module.compute()
        for theme in _style.THEMES:
            with _style.theme(theme):
                assert problems(module.draw(data)) == []
        caption = module.caption(data)
        assert CAPTION_WORDS[0] <= len(caption.split()) <= CAPTION_WORDS[1]
        assert not re.search(r"\b(nan|None)\b", caption)


def test_a_collapse_is_seen(made_up):
    seeds, labels = made_up
    data, networks = collapse_curves.compute(), seeds * len(labels)
    standard = [name for name in semi.VARIATIONS if name.startswith("standard")]
    for panel in data.panels:
        assert {mark.variation for mark in panel.marks if mark.collapsed} == set(standard)
        assert len(panel.marks) == networks * (len(semi.VARIATIONS) - 1) and panel.labels == labels
    others = networks * (len(semi.VARIATIONS) - 1 - len(standard))
    assert f"{networks} of {networks} standard λ = 10, none of the other {others}" in collapse_curves.caption(data)


# --- consistency -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("place, name", SEMI)
def test_curves_are_means_over_the_recorded_seeds(collapse, place, name):
    panel, points = collapse.panels[place], rows_of(name, "curves")
    assert panel.labels[0] == min(point["labels"] for point in points)
    assert {curve.variation for curve in panel.curves} == {row["variation"] for row in rows_of(name)}
    for curve in panel.curves:
        for drawn, column, factor in ((curve.response, "response", 1), (curve.pck, "validation_pck", 100)):
            values = np.array([[point[column] for point in points if (point["variation"], point["labels"],
                               point["epoch"]) == (curve.variation, panel.labels[0], epoch)]
                               for epoch in curve.epochs])
            assert values.shape == (len(curve.epochs), curve.seeds)
            assert drawn[:, 0] == pytest.approx(factor * values.mean(1), rel=DIGITS)
            if curve.seeds > 1:
                assert drawn[:, 1] == pytest.approx(factor * values.std(1, ddof=1), rel=DIGITS, abs=DIGITS)


@pytest.mark.parametrize("place, name", SEMI)
def test_collapses_are_those_of_the_report(collapse, place, name):
    (section,) = (section for section in semi.report_of(rows_of(name)).sections if section.name == "semi")
    told = {(row["labels"], row["variation"]): row["collapsed"] for row in section.rows}
    marks = collapse.panels[place].marks
    for labels, variation in {(mark.labels, mark.variation) for mark in marks}:
        these = [mark for mark in marks if (mark.labels, mark.variation) == (labels, variation)]
        assert told[labels, variation] == f"{sum(mark.collapsed for mark in these)} of {len(these)}"
        for mark in these:  # what is shaded
            assert mark.collapsed == (mark.response < collapse.threshold and mark.pck < 0)


def test_consistency_begins_after_the_curve_s_start(collapse):
    for panel, name in zip(collapse.panels, ("generated_semi", "lspet_semi"), strict=True):
        few = [point for point in rows_of(name, "curves") if point["labels"] == panel.labels[0]]
        learned = {point["epoch"] for point in few if point["consistency"]}
        assert min(learned) > panel.begins
        alone = {point["epoch"] for point in few} - learned
        assert all(epoch <= panel.begins for epoch in alone)


def test_table_9_is_as_printed(collapse):
    rows, paper = published.load("ssl_tableS9_labels"), collapse.published
    assert [f"COCO {label}" for label in paper.labels] == [row["labels"].partition(" (")[0] for row in rows]
    assert list(paper.response) == [float(row["response"]) for row in rows]
    assert paper.ap == pytest.approx([float(Decimal(row["ap"]) - Decimal(row["supervised_ap"])) for row in rows])


def test_lines_and_marks_are_the_data_s(collapse):
    figure = collapse_curves.draw(collapse)
    axes = np.array(figure.axes).reshape(3, -1)
    for (response, pck, networks), panel in zip(axes.T, collapse.panels, strict=False):
        for place, name in ((response, "response"), (pck, "pck")):
            begins, *lines = place.lines
            assert set(begins.get_xdata()) == {panel.begins}
            for line, curve in zip(reversed(lines), panel.curves, strict=True):
                assert (line.get_ydata() == getattr(curve, name)[:, 0]).all()
        drawn = [line.get_xydata()[0].tolist() for line in networks.lines if line.get_linestyle() == "None"]
        assert [[mark.response, mark.pck] for mark in panel.marks] == drawn


def test_variations_are_told_apart():
    """By colour and line or marker; colours as far apart as those of the series, the ink among them."""
    for theme in _style.THEMES.values():
        colours = [theme.ink, *(to_hex(theme.series[place]) for place in (0, 1, 2))]
        assert min(_least_difference(colours, sight) for sight in SIGHTS.values()) > APART
    confused = [_style.THEMES["dark"].ink, *_style.THEMES["dark"].series]  # negative control: all of them
    assert min(_least_difference(confused, sight) for sight in SIGHTS.values()) < APART
    for attribute in ("linestyle", "marker"):
        looks = [collapse_curves._look(name) for name in semi.VARIATIONS]
        assert len({(look["color"], look[attribute]) for look in looks}) == len(looks)


# --- losses of heatmaps ----------------------------------------------------------------------------------------------

def test_gains_are_those_of_table_7(joints):
    rows = {row["method"].replace("gamma=", "γ = "): row for row in published.load("anchor_table7_mpii_val_2stack")}
    paper = joints.panels[0]
    assert set(paper.losses) == rows.keys() - {"BCE"}
    for loss, differences in zip(paper.losses, paper.differences, strict=True):
        wanted = [Decimal(rows[loss][column]) - Decimal(rows["BCE"][column]) for column in joints.columns]
        assert differences == pytest.approx([float(value) for value in wanted])


@pytest.mark.parametrize("place, name", [(1, "lspet_pose_losses"), (2, "desk_pose_losses")])
def test_gains_are_paired_over_the_seeds(joints, place, name):
    panel, rows = joints.panels[place], rows_of(name)
    for loss, differences, margins in zip(panel.losses, panel.differences, panel.margins, strict=True):
        for column, difference, margin in zip(joints.columns, differences, margins, strict=True):
            found, plain = 100 * paired(rows, loss, "BCE", column)
            low, high = ttest_rel(found, plain).confidence_interval(0.95)
            assert (difference, margin) == pytest.approx(((found - plain).mean(), (high - low) / 2))
            assert len(found) <= panel.seeds


def test_every_gain_is_drawn(joints):
    for axes, panel in zip(pose_loss_joints.draw(joints).axes, joints.panels, strict=True):
        assert [bars.get_label() for bars in axes.containers] == list(panel.losses)
        for bars, differences in zip(axes.containers, panel.differences, strict=True):
            assert (bars[0].get_ydata() == differences).all()


# --- losses of classification ----------------------------------------------------------------------------------------

def test_differences_to_cross_entropy_are_paired(pictures):
    panel, rows = pictures.panels[0], rows_of("digits_classes")
    assert set(pictures.variations) == {row["variation"] for row in rows} - {"ce"}
    for name, difference, margin in zip(pictures.variations, panel.differences, panel.margins, strict=True):
        found, plain = 100 * paired(rows, name, "ce", "top1")
        assert difference == pytest.approx((found - plain).mean(), abs=DIGITS)
        low, high = ttest_rel(found, plain).confidence_interval(0.95) if np.ptp(found - plain) > DIGITS else (0, np.nan)
        assert margin == pytest.approx((high - low) / 2, nan_ok=True)


def test_differences_are_those_of_the_printed_tables(pictures):
    ten, hundred = (dict(zip(pictures.variations, panel.differences, strict=True)) for panel in pictures.panels[1:])
    first, ablation, design = (published.load(table.name) for table in classes.TABLES)
    for name, row in zip(classes.TABLES[0].variations[1:], first[1:], strict=True):
        for found, short in ((ten, "c10"), (hundred, "c100")):
            wanted = Decimal(row[f"{short}_top1_mean"]) - Decimal(first[0][f"{short}_top1_mean"])
            assert found[name] == pytest.approx(float(wanted))
    for table, rows, column in ((classes.TABLES[1], ablation, "top1"), (classes.TABLES[2], design, "top1_mean")):
        for name, row in zip(table.variations, rows, strict=True):
            wanted = Decimal(row[column]) - Decimal(first[0]["c100_top1_mean"])
            assert hundred[name] == pytest.approx(float(wanted))
            assert np.isnan(ten[name]) == (name not in classes.TABLES[0].variations)


def test_a_setting_that_differs_is_noted(pictures):
    notes = [dict(zip(pictures.variations, panel.notes, strict=True)) for panel in pictures.panels]
    assert {name: note for name, note in notes[2].items() if note} == {"focal": "γ=0.5", "anchor-warmup": "γ=2.0"}
    assert not any(notes[0].values()) and not any(notes[1].values())


def test_published_intervals_are_welch_s():
    """Three numbers m − s, m, m + s have the mean m and the sample standard deviation s."""
    def sample(pair):
        mean, sd = map(float, pair)
        return mean - sd, mean, mean + sd

    for dataset in ("cifar10", "cifar100"):
        plain, *others = classes.TABLES[0].printed(dataset)["top1"].values()
        for pair in others:
            found = ttest_ind(sample(pair), sample(plain), equal_var=False)
            low, high = found.confidence_interval(0.95)
            margin = published_margin(pair, plain, classes.REPEATS)
            assert margin == pytest.approx((high - low) / 2)
            assert published_p(pair, plain, classes.REPEATS) == pytest.approx(found.pvalue)
            pooled = ttest_ind(sample(pair), sample(plain)).confidence_interval(0.95)
            assert margin != pytest.approx((pooled.high - pooled.low) / 2)  # negative control: equal variances


# --- captions --------------------------------------------------------------------------------------------------------

def test_captions_say_the_numbers_of_the_data(collapse, joints, pictures):
    """Each number that is changed in the data is changed in the caption, and was not there before."""
    panel = collapse.panels[0]
    fallen = [mark._replace(collapsed=mark.variation == "easy-hard") for mark in panel.marks]
    count = sum(mark.collapsed for mark in fallen)
    gains = [panel.gains[0]._replace(difference=0.1234), panel.gains[1]]
    ours, paper = joints.panels[1], pictures.panels[2]
    for module, data, changed, words in (
        (collapse_curves, collapse, {"panels": [panel._replace(marks=fallen)]}, f"{count} of {count} easy-hard, none"),
        (collapse_curves, collapse, {"panels": [panel._replace(gains=gains)]}, "standard +12.34"),
        (collapse_curves, collapse, {"threshold": 0.25}, "under 25%"),
        (pose_loss_joints, joints, {"panels": [ours._replace(differences=0 * ours.differences + 7.77)]}, "+7.77"),
        (pose_loss_joints, joints, {"panels": [ours._replace(margins=0 * ours.margins)]}, "± 0.00"),
        (class_losses, pictures, {"panels": [paper._replace(differences=0 * paper.differences - 8.25)]}, "-8.25"),
        (class_losses, pictures, {"panels": [paper._replace(margins=0 * paper.margins + 99)]},
         "0 above CE and 0 below, of 7"),
    ):
        assert words in module.caption(data._replace(**changed)) and words not in module.caption(data)
