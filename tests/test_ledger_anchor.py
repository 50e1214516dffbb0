"""The ledger of the anchor loss paper: its places are covered, its readings evaluated, and a changed formula is seen.

The confirmation of all records, the numbering of the equations and the use of every witness: `test_ledger`.
"""

from __future__ import annotations

import re

import pytest
from mpmath import mp

from gradients import as_printed
from gradients.witnesses import anchor_gradients
from paper_tables import ledger
from paper_tables.records import load_records

RECORDS = {record.id: record for record in load_records() if record.document == "anchor"}


def outcome(identity):
    (result,) = ledger.run([RECORDS[identity]])
    return result


@pytest.mark.parametrize("place", [
    "section 1", "section 2", "easy case", "moderate case", "hard case", "section 3.2", "section 3.3", "section 3.4",
    "section 3.5", "section 4.1", "section 4.2", "appendix A-1", "Fig. 1", "Fig. 2", "Fig. 3", "Fig. 4", "Fig. 5",
    "Fig. 7", "Fig. A-1 (a)", "Fig. A-1 (b)",
])
def test_every_section_and_figure_has_a_record(place):
    assert any(place in record.place for record in RECORDS.values())


@pytest.mark.parametrize(("identity", "reading", "holds"), [
    ("AL-EQ1", "background label", True),
    ("AL-EQ1", "target label", False),
    ("AL-EQ2", "runs over both terms", True),
    ("AL-EQ2", "ends at the plus sign", False),
    ("AL-EQ11-LEFT", "of a target label", True),
    ("AL-EQ11-LEFT", "of a background label", False),
    ("AL-EQ12", "is Eq 1", False),
    ("AL-EQ12", "is Eq 2", False),
    ("AL-EQ12", "left of Eq 11", False),
    ("AL-EQ12", "right of Eq 11", False),
    ("AL-EQ12", "is A-1", True),
    ("AL-GAMMA0", "Eq 1", False),
    ("AL-GAMMA0", "Eq 2", True),
    ("AL-DOMAIN", "the score itself", True),
    ("AL-DOMAIN", "the final anchor", False),
    ("AL-MONOTONE", "never falls", True),
    ("AL-MONOTONE", "always rises", False),
    ("AL-HARD", "at every q > q_*", True),
    ("AL-HARD", "more than half", False),
    ("AL-MARGIN", "as the formula has it", True),
    ("AL-MARGIN", "as the sentence has it", False),
    ("AL-MASK", "cut to zero", True),
    ("AL-MASK", "as its formula has it", False),
    ("AL-GRADIENT-FOCAL", "to its logit", False),
    ("AL-GRADIENT-FOCAL", "target label", False),
    ("AL-GRADIENT-BELOW", "larger only where", False),
    ("AL-EASY-OUT", "their loss", True),
    ("AL-EASY-OUT", "their gradient", False),
])
def test_each_natural_reading_is_evaluated(identity, reading, holds):
    """No straw men: the reading in favour of the text and the one against it both stand in the record."""
    (found,) = (entry for entry in outcome(identity).outcome.printed if reading in entry.name)
    assert found.holds is holds


@pytest.mark.parametrize(("identity", "points"), [
    ("AL-GRADIENT-FOCAL", {"0.579": ("0.5", None), "0.702": ("2", None)}),
    ("AL-GRADIENT-BELOW", {"0.260": ("0.5", "0.5"), "0.287": ("2", "0.5")}),
])
def test_crossings_in_the_corrections_are_those_of_the_gradients(identity, points):
    """To half a unit of the last digit, by differences of the losses and without `as_printed`."""
    def excess(q, gamma, anchor):
        def loss(score):
            base = score if anchor is None else 1 + score - anchor
            return -(base**gamma) * mp.log(1 - score)
        return mp.diff(loss, q) * (1 - q) - 1

    with mp.workdps(30):
        for digits, (gamma, anchor) in points.items():
            anchor = None if anchor is None else mp.mpf(anchor)
            half = mp.mpf("0.0005")
            low, high = (excess(mp.mpf(digits) + side * half, mp.mpf(gamma), anchor) for side in (-1, 1))
            assert low < 0 < high
            assert re.search(rf"(?<!\d){re.escape(digits)}\b", RECORDS[identity].correction)


# Negative controls: a formula of `as_printed` that is changed must fail its record


TRUE = {name: getattr(as_printed, name) for name in as_printed.__all__}



@pytest.mark.parametrize(("name", "mended", "record"), [
    ("eq11_right", TRUE["eq11_middle"], "AL-EQ11A"),
    ("eq11_right", TRUE["eq11_middle"], "AL-EQ11B"),
    ("eq11_right", lambda p, q: 1 - TRUE["ground_truth_probability"](p, q), "AL-EQ11"),
])
def test_silently_mended_formula_is_noticed(monkeypatch, name, mended, record):
    monkeypatch.setattr(as_printed, name, mended)
    assert "recorded as 'wrong as printed', but the witness says" in outcome(record).problem


def _negated(name):
    def wrong(*arguments, **keywords):
        value = TRUE[name](*arguments, **keywords)
        return tuple(-part for part in value) if isinstance(value, tuple) else -value
    return wrong


@pytest.mark.parametrize(("name", "record"), [
    ("eq1_loss", "AL-EQ1"), ("eq2_sums", "AL-EQ2"), ("eq5_loss", "AL-EQ5"), ("eq6_cross_entropy", "AL-EQ6"),
    ("eq7_focal_loss", "AL-EQ7"), ("ground_truth_probability", "AL-QT"), ("eq8_cross_entropy", "AL-EQ8"),
    ("eq9_focal_loss", "AL-EQ9"), ("eq10_anchor", "AL-EQ10"), ("eq11_left", "AL-EQ11-SUBSTITUTED"),
    ("eq12_loss", "AL-EQ12-FORM"), ("eq13_loss", "AL-EQ13"), ("eq14_gradient", "AL-EQ14"), ("eqa1_loss", "AL-EQA1"),
    ("eqa1_loss", "AL-EQA2"), ("eqa1_loss", "AL-EQA3"), ("eqa1_loss", "AL-EQA4"), ("eq4_anchor", "AL-EQ4"),
    ("eq2_sums", "AL-DETACH"), ("eq1_loss", "AL-MODERATE"), ("eq1_loss", "AL-FIG1"),
    ("eq14_gradient", "AL-GRADIENT-ABOVE"), ("eqa1_loss", "AL-FIGA1A"), ("eqa1_loss", "AL-FIGA1B"),
])
def test_wrong_sign_in_a_formula_is_noticed(monkeypatch, name, record):
    monkeypatch.setattr(as_printed, name, _negated(name))
    assert outcome(record).problem


@pytest.mark.parametrize(("name", "change", "record"), [
    ("eq14_gradient", lambda q, anchor, gamma: TRUE["eq14_gradient"](q, anchor=0, gamma=gamma), "AL-EQ14"),
    ("eq13_loss", lambda q, anchor, gamma: TRUE["eq13_loss"](q, anchor=0, gamma=gamma), "AL-EQ13"),
    ("eq1_loss", lambda p, q, anchor, gamma: TRUE["eq1_loss"](p, q, anchor=0, gamma=gamma), "AL-EASY"),
    ("eq7_focal_loss", lambda p, q, gamma: TRUE["eq7_focal_loss"](1 - p, q, gamma=gamma), "AL-EQ7"),
    ("eq3_mask", lambda p: 1 - TRUE["eq3_mask"](p), "AL-EQ3"),
    ("eq3_mask", lambda p: 1 - TRUE["eq3_mask"](p), "AL-EQ5"),
    ("eq4_anchor", lambda p, q: max(q), "AL-EQ4"),
    ("eqa2_setting", lambda p, q, gamma: TRUE["eqa3_setting"](p, q, gamma=gamma), "AL-EQA2"),
    ("margin_anchor", lambda target_score, margin: target_score + margin, "AL-MARGIN"),
])
def test_small_change_of_a_formula_is_noticed(monkeypatch, name, change, record):
    monkeypatch.setattr(as_printed, name, change)
    assert outcome(record).problem


def test_caption_of_the_cited_figure_is_read(monkeypatch):
    """Were Fig. A-1 to show gradients, the record must fail."""
    monkeypatch.setattr(anchor_gradients, "captions", lambda name: {"4": "Gradient figure", "A-1": "Gradients"})
    assert "but the witness says 'holds'" in outcome("AL-REF-FIGA1").problem


@pytest.mark.parametrize("record", ["AL-EQ1", "AL-EQ14", "AL-GRADIENT-ABOVE", "AL-EQ11"])
def test_unchanged_formula_passes_the_same_way(record):
    """The control of the controls."""
    assert outcome(record).problem == ""


@pytest.mark.parametrize("name", as_printed.__all__)
def test_every_function_names_its_place(name):
    assert re.match(r"(Eq \d+|A-\d|Section 3\.\d)[,:]", getattr(as_printed, name).__doc__)
