"""The ledger of the anchor loss paper: its places are covered, its readings evaluated, and a changed formula is seen.

The confirmation of all records, the numbering of the equations and the use of every witness: `test_ledger`.
"""

from __future__ import annotations

import re

import pytest
from mpmath import mp, mpf

from gammaprob.as_printed import exact
from gradients import as_printed
from gradients.witnesses import _tables, anchor_definitions, anchor_equations, anchor_gradients, anchor_words
from paper_tables import ledger
from paper_tables.outcome import AMBIGUOUS, HOLDS, WRONG
from paper_tables.published import equations
from paper_tables.records import load_records

RECORDS = {record.id: record for record in load_records() if record.document == "anchor"}
SAYS = {verdict: f"but the witness says {verdict!r}" for verdict in (HOLDS, WRONG, AMBIGUOUS)}
MENDS_NOT = "the correction does not hold"


def outcome(identity):
    (result,) = ledger.run([RECORDS[identity]])
    return result


@pytest.mark.parametrize("place", [
    "section 1", "section 2", "easy case", "moderate case", "hard case", "section 3.2", "section 3.3", "section 3.4",
    "section 3.5", "section 4.1", "section 4.2", "appendix A-1", "Fig. 1", "Fig. 2", "Fig. 3", "Fig. 4", "Fig. 5",
    "Fig. 6", "Fig. 7", "Fig. A-1 (a)", "Fig. A-1 (b)", "section 5",
])
def test_every_section_and_figure_has_a_record(place):
    assert any(place in record.place for record in RECORDS.values())


@pytest.mark.parametrize(("identity", "reading", "holds"), [
    ("AL-EQ1", "background label", True),
    ("AL-EQ1", "either label", False),
    ("AL-EQ2", "runs over both terms", True),
    ("AL-EQ2", "ends at the plus sign", False),
    ("AL-EQ11-LEFT", "of both labels", False),
    ("AL-EQ12", "is Eq 1", False),
    ("AL-EQ12", "is Eq 2", False),
    ("AL-EQ12", "left of Eq 11", False),
    ("AL-EQ12", "right of Eq 11", False),
    ("AL-EQ12", "is A-1", True),
    ("AL-GAMMA0", "Eq 1", False),
    ("AL-GAMMA0", "Eq 2", True),
    ("AL-MONOTONE", "never falls", True),
    ("AL-MONOTONE", "always rises", False),
    ("AL-HARD", "at every q > q_*", True),
    ("AL-HARD", "more than half", False),
    ("AL-MARGIN", "as the formula has it", True),
    ("AL-MARGIN", "as the sentence has it", False),
    ("AL-MASK", "cut to zero", True),
    ("AL-MASK", "as its formula has it", False),
    ("AL-GRADIENT-FOCAL", "background label", False),
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


# Negative controls: a formula of `as_printed` that is changed must fail the records about it


TRUE = {name: getattr(as_printed, name) for name in as_printed.__all__}


def _negated(name):
    def wrong(*arguments, **keywords):
        value = TRUE[name](*arguments, **keywords)
        return tuple(-part for part in value) if isinstance(value, tuple) else -value
    return wrong


def _with_gamma(name, change):
    return lambda *arguments, gamma, **keywords: TRUE[name](*arguments, gamma=change(exact(gamma)), **keywords)


def _mirrored(p, q, anchor, gamma):
    """Eq 1 with the modulator (1 − q + q_*)^γ."""
    return TRUE["eq1_loss"](p, q, anchor=2 * exact(q) - exact(anchor), gamma=gamma)


def _twice_the_difference(p, q, anchor, gamma):
    """Eq 1 with the modulator (1 + 2 (q − q_*))^γ."""
    return TRUE["eq1_loss"](p, q, anchor=2 * exact(anchor) - exact(q), gamma=gamma)


def _without_product_rule(q, anchor, gamma):
    """Eq 14 without its first term: the modulator times the slope of cross entropy."""
    return (1 + exact(q) - exact(anchor)) ** exact(gamma) / (1 - exact(q))


def _none_below(q, anchor, gamma):
    return mpf(0) if exact(q) < exact(anchor) else TRUE["eq14_gradient"](q, anchor=anchor, gamma=gamma)


def _background_of_eq11(p, q, *, background_anchor, **keywords):
    """A-1 with the background's modulator as on the left of Eq 11, q + q_*."""
    return TRUE["eqa1_loss"](p, q, background_anchor=1 - background_anchor, **keywords)


def _times_entropy(factor):
    """In place of a loss: a multiple of cross entropy, whatever modulates it."""
    return lambda p, q, **_: factor * TRUE["eq6_cross_entropy"](p, q)


# (record, formula): the formula with the other sign
NEGATED = [
    ("AL-EQ1", "eq1_loss"), ("AL-EQ2", "eq2_sums"), ("AL-EQ5", "eq5_loss"), ("AL-EQ6", "eq6_cross_entropy"),
    ("AL-EQ7", "eq7_focal_loss"), ("AL-QT", "ground_truth_probability"), ("AL-EQ8", "eq8_cross_entropy"),
    ("AL-EQ9", "eq9_focal_loss"), ("AL-EQ10", "eq10_anchor"), ("AL-EQ11-SUBSTITUTED", "eq11_left"),
    ("AL-EQ11-SUBSTITUTED", "eq11_middle"), ("AL-EQ12", "eqa1_loss"), ("AL-EQ12-FORM", "eq12_loss"),
    ("AL-EQ13", "eq13_loss"), ("AL-EQ14", "eq14_gradient"), ("AL-EQA1", "eqa1_loss"), ("AL-EQA2", "eqa1_loss"),
    ("AL-EQA3", "eqa1_loss"), ("AL-EQA4", "eqa1_loss"), ("AL-EQ4", "eq4_anchor"), ("AL-DETACH", "eq2_sums"),
    ("AL-MODERATE", "eq1_loss"), ("AL-FIG1", "eq1_loss"), ("AL-PIXEL", "eq6_cross_entropy"),
    ("AL-GRADIENT-ABOVE", "eq14_gradient"), ("AL-FIG4", "eq14_gradient"), ("AL-FIGA1A", "eqa1_loss"),
    ("AL-FIGA1B", "eqa1_loss"),
]
# (record, formula, what it becomes, what the ledger says then)
CHANGED_FORMULAS = [
    ("AL-EQ14", "eq14_gradient", lambda q, anchor, gamma: TRUE["eq14_gradient"](q, anchor=0, gamma=gamma), SAYS[WRONG]),
    ("AL-EQ13", "eq13_loss", lambda q, anchor, gamma: TRUE["eq13_loss"](q, anchor=0, gamma=gamma), SAYS[WRONG]),
    ("AL-EQ7", "eq7_focal_loss", lambda p, q, gamma: TRUE["eq7_focal_loss"](1 - p, q, gamma=gamma), SAYS[WRONG]),
    ("AL-EQ3", "eq3_mask", lambda p: 1 - TRUE["eq3_mask"](p), SAYS[WRONG]),
    ("AL-EQ5", "eq3_mask", lambda p: 1 - TRUE["eq3_mask"](p), SAYS[WRONG]),
    ("AL-EQ4", "eq4_anchor", lambda p, q: max(q), SAYS[WRONG]),
    ("AL-EQ10A", "eq10_anchor", exact, SAYS[WRONG]),
    ("AL-EQ10B", "eq10_anchor", lambda p: 2 - exact(p), SAYS[WRONG]),
    ("AL-EQ11", "eq11_right", lambda p, q: 1 - TRUE["ground_truth_probability"](p, q), SAYS[AMBIGUOUS]),
    ("AL-EQ11A", "eq11_right", TRUE["eq11_middle"], SAYS[HOLDS]),
    ("AL-EQ11B", "eq11_right", TRUE["eq11_middle"], SAYS[HOLDS]),
    ("AL-EQ11-LEFT", "eqa1_loss", _background_of_eq11, SAYS[HOLDS]),
    ("AL-EQ11-LEFT", "eq1_loss", _mirrored, MENDS_NOT),
    ("AL-GAMMA0", "eq1_loss", _times_entropy(1), SAYS[HOLDS]),
    ("AL-EQA2", "eqa2_setting", TRUE["eqa3_setting"], SAYS[WRONG]),
    ("AL-EQA2-NAME", "eqa2_setting", TRUE["eqa3_setting"], SAYS[WRONG]),
    ("AL-EQA3", "eqa3_setting", TRUE["eqa2_setting"], SAYS[WRONG]),
    ("AL-EQA4", "eqa4_setting", lambda p, q, gamma: (*TRUE["eqa4_setting"](p, q, gamma=gamma)[1::-1], gamma, gamma),
     SAYS[WRONG]),
    ("AL-A1-ANCHOR", "margin_anchor", lambda target_score, margin: target_score, SAYS[HOLDS]),
    ("AL-DOMAIN", "eq1_loss", _twice_the_difference, SAYS[WRONG]),
    ("AL-DOMAIN", "margin_anchor", lambda target_score, margin: exact(target_score) + margin, SAYS[AMBIGUOUS]),
    ("AL-MONOTONE", "eq1_loss", _mirrored, SAYS[WRONG]),
    ("AL-DYNAMIC-RANGE", "eq1_loss", _with_gamma("eq1_loss", lambda gamma: 1), SAYS[WRONG]),
    ("AL-EASY-ANCHOR", "eqa3_setting", TRUE["eqa2_setting"], SAYS[AMBIGUOUS]),
    ("AL-EASY", "eq1_loss", lambda p, q, anchor, gamma: TRUE["eq1_loss"](p, q, anchor=0, gamma=gamma), SAYS[WRONG]),
    ("AL-EASY-OUT", "eq14_gradient", _none_below, SAYS[HOLDS]),
    ("AL-HARD", "eq1_loss", _mirrored, SAYS[WRONG]),
    ("AL-INCREASE", "eq1_loss", _mirrored, SAYS[WRONG]),
    ("AL-FIG2-ANCHOR", "eq1_loss", _mirrored, SAYS[WRONG]),
    ("AL-FIG2-FOCAL", "eq7_focal_loss", _with_gamma("eq7_focal_loss", lambda gamma: -gamma), SAYS[WRONG]),
    ("AL-FOCAL-UNIFORM", "eq9_focal_loss", lambda q_t, gamma: TRUE["eq8_cross_entropy"](q_t) / 2, SAYS[HOLDS]),
    ("AL-RANKING", "eq2_sums", lambda p, q, anchor, gamma: (mpf(0), -mp.inf), SAYS[HOLDS]),
    ("AL-MARGIN", "margin_anchor", lambda target_score, margin: target_score + margin, SAYS[WRONG]),
    ("AL-MASK", "eq3_mask", lambda p: mpf(1), SAYS[HOLDS]),
    ("AL-FOCUS", "eq9_focal_loss", _with_gamma("eq9_focal_loss", lambda gamma: -gamma), SAYS[WRONG]),
    ("AL-GRADIENT-FOCAL", "eq7_focal_loss", _times_entropy(mpf(1) / 2), SAYS[HOLDS]),
    ("AL-GRADIENT-FOCAL", "eq7_focal_loss", _with_gamma("eq7_focal_loss", lambda gamma: 2 * gamma), MENDS_NOT),
    ("AL-GRADIENT-FOCAL", "eq6_cross_entropy", lambda p, q: 2 * TRUE["eq6_cross_entropy"](p, q), SAYS[HOLDS]),
    ("AL-GRADIENT-BELOW", "eq14_gradient", _without_product_rule, SAYS[HOLDS]),
    ("AL-GRADIENT-BELOW", "eq14_gradient", _with_gamma("eq14_gradient", lambda gamma: 2 * gamma), MENDS_NOT),
    ("AL-FIG7", "eq4_anchor", lambda p, q: min(q), SAYS[WRONG]),
    ("AL-A1-PUSH", "eqa1_loss", _times_entropy(2), SAYS[HOLDS]),
    ("AL-A1-SUPPRESS", "eqa1_loss", _times_entropy(mpf(1) / 2), SAYS[HOLDS]),
]
# (record, module, name in it, what it becomes, what the ledger says then)
CHANGED_MODELS = [
    ("AL-EQA2-NAME", anchor_equations, "equations",
     lambda name: equations(name) | {"A-1": equations(name)["A-1"].replace("q_pos", "q_*")}, SAYS[HOLDS]),
    ("AL-REF-FIGA1", anchor_gradients, "captions", lambda name: {"4": "Gradient figure", "A-1": "Gradients"},
     SAYS[HOLDS]),
    ("AL-SIGMOID", anchor_words, "_sigmoid", anchor_words._softmax, SAYS[AMBIGUOUS]),
    ("AL-EASY-ANCHOR", anchor_words, "_softmax", lambda logits: [-logit for logit in logits], SAYS[AMBIGUOUS]),
    ("AL-MSE", anchor_definitions, "_mean_squared_error",
     lambda output, label: mp.norm([a - b for a, b in zip(output, label, strict=True)]), SAYS[AMBIGUOUS]),
    ("AL-OHEM", anchor_definitions, "BATCH", 16, SAYS[WRONG]),
    ("AL-OHEM", _tables.ROWS["2"]["OHEM"], "parameter", "rho=0.80", SAYS[AMBIGUOUS]),
    ("AL-CIFAR", anchor_definitions.CIFAR, "images", 50_000, SAYS[WRONG]),
    ("AL-CIFAR", anchor_definitions.CIFAR, "labels", {10: 6_000, 100: 500}, SAYS[WRONG]),
    ("AL-LSP", anchor_definitions.LSP, "extension", 9_000, SAYS[WRONG]),
]


def test_a_control_for_every_record():
    """The records on the tables have theirs in `test_ledger_neighbours`."""
    tables = ("anchor_tables", "anchor_pose_tables")
    mine = {
        name for name, record in RECORDS.items() if record.witness and not record.witness.split(":")[0].endswith(tables)
    }
    assert {control[0] for control in NEGATED + CHANGED_FORMULAS + CHANGED_MODELS} == mine


def test_a_control_for_every_formula():
    assert {name for _, name, *_ in NEGATED + CHANGED_FORMULAS} == set(as_printed.__all__)


@pytest.mark.parametrize(("record", "name"), NEGATED)
def test_wrong_sign_in_a_formula_is_noticed(monkeypatch, record, name):
    monkeypatch.setattr(as_printed, name, _negated(name))
    assert outcome(record).problem


@pytest.mark.parametrize(("record", "name", "change", "said"), CHANGED_FORMULAS)
def test_small_change_of_a_formula_is_noticed(monkeypatch, record, name, change, said):
    monkeypatch.setattr(as_printed, name, change)
    assert said in outcome(record).problem


@pytest.mark.parametrize(("record", "module", "name", "value", "said"), CHANGED_MODELS)
def test_changed_model_is_noticed(monkeypatch, record, module, name, value, said):
    (monkeypatch.setitem if isinstance(module, dict) else monkeypatch.setattr)(module, name, value)
    assert said in outcome(record).problem


@pytest.mark.parametrize("record", ["AL-EQ1", "AL-EQ14", "AL-GRADIENT-ABOVE", "AL-EQ11"])
def test_unchanged_formula_passes_the_same_way(record):
    """The control of the controls."""
    assert outcome(record).problem == ""


@pytest.mark.parametrize("name", as_printed.__all__)
def test_every_function_names_its_place(name):
    assert re.match(r"(Eq \d+|A-\d|Section 3\.\d)[,:]", getattr(as_printed, name).__doc__)
