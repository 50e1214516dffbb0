"""docs/mathematics: every formula is linked to a function, a record and a proof, and is the number that they compute.

Each labelled formula of the pages is written once more in `tests.formulas`, in mpmath from the page alone, and compared
with the function that the page names for it.
"""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import resolve_name
from types import ModuleType
from typing import NamedTuple

import pytest
from mpmath import mp

from gammaprob import certified
from gammaprob.theta_interval import PrintedCell, parameter_interval
from paper_tables.published import load
from paper_tables.records import load_records
from tests.formulas import CHECKS, COPIED, differences, digest, expected_gradient, law, objectives

FOLDER = Path(__file__).parents[1] / "docs" / "mathematics"
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))}
RECORDS = {record.id: record for record in load_records()}

LABEL = re.compile(r"\*\*\(([A-Z]\d+)\)\*\*")
REFERENCE = re.compile(r"\(([LEO]\d+)\)")
ROLE = re.compile(r"\{(func|mod|ledger)\}`~?([^`]+)`")
LINE = re.compile(r"\*Function\* (.+) · \*Ledger\* (.+) · \*Witness\* (.+)")
PROOF = ("*Proof.*", "*Disproof.*", "*Definition.*")
END = "∎"


# --- the form of the pages -------------------------------------------------------------------------------------------

class Formula(NamedTuple):
    """A labelled display and the three parts of the line below it, each with the names in its roles."""

    label: str
    display: str
    functions: list[str]
    records: list[str]
    witnesses: list[str]


def _paragraphs(text: str) -> list[str]:
    without_code = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [paragraph.strip() for paragraph in re.split(r"\n\s*\n", without_code) if paragraph.strip()]


def _names(text: str) -> list[str]:
    return [name for _, name in ROLE.findall(text)]


def read_formulas(text: str) -> tuple[list[Formula], list[str]]:
    """The labelled formulas of a page, and what is wrong with its displays.

    A display is either a step of a proof, between `*Proof.*` and ∎, or it has a label before it, its line right after
    it, and a proof right after that.
    """
    formulas, wrong, paragraphs = [], [], _paragraphs(text)
    label, in_proof = None, False
    for place, paragraph in enumerate(paragraphs):
        if paragraph.startswith(PROOF):
            in_proof = True
        elif match := LABEL.match(paragraph):
            if in_proof or label:
                wrong.append(f"{match[1]}: begins before what precedes it has ended")
            label = match[1]
        elif paragraph.startswith("$$") and not in_proof:
            shown = label or paragraph[:40]
            line, proof = [*paragraphs[place + 1 : place + 3], "", ""][:2]
            match = LINE.fullmatch(" ".join(line.split()))
            if not label:
                wrong.append(f"{shown}: a display without label outside a proof")
            elif not match:
                wrong.append(f"{shown}: no line of function, ledger and witness after the display")
            elif not proof.startswith(PROOF):
                wrong.append(f"{shown}: no proof after the line")
            else:
                formulas.append(Formula(label, paragraph, *map(_names, match.groups())))
                if not formulas[-1].records and match[2] != "ours":
                    wrong.append(f"{shown}: neither a record nor ours")
            label = None
        if END in paragraph:
            in_proof = False
    if in_proof:
        wrong.append(f"a proof without {END}")
    return formulas, wrong


def unresolved(text: str) -> list[str]:
    """Functions and modules that cannot be imported, and records that the ledger does not have."""
    missing = []
    for kind, name in ROLE.findall(text):
        if kind == "ledger":
            found = name in RECORDS
        else:
            try:
                target = resolve_name(name)
            except (ImportError, AttributeError):
                found = False
            else:
                found = isinstance(target, ModuleType) if kind == "mod" else callable(target)
        if not found:
            missing.append(name)
    return missing


def unwitnessed(formula: Formula) -> list[str]:
    """Records of a formula whose own witness its line leaves out, and parts of the line that name nothing."""
    missing = [
        name for name in formula.records if RECORDS[name].witness.replace(":", ".") not in formula.witnesses
    ]
    return missing + [part for part in ("functions", "witnesses") if not getattr(formula, part)]


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(text: str, page: str) -> list[str]:
    """Links to a page of this folder, or a heading of it, that is not there."""
    links = re.findall(r"\]\(([\w.-]*)(?:#([\w-]+))?\)", text)
    return [
        f"{target}#{anchor}" for target, anchor in links
        if (target or page) not in PAGES or (anchor and anchor not in _anchors(PAGES[target or page]))
    ]


FORMULAS = {formula.label: formula for text in PAGES.values() for formula in read_formulas(text)[0]}


@pytest.mark.parametrize("page", PAGES)
def test_page(page):
    text = PAGES[page]
    formulas, wrong = read_formulas(text)
    assert wrong == [] and unresolved(text) == [] and broken_links(text, page) == []
    assert [line for formula in formulas for line in unwitnessed(formula)] == []
    assert sorted(set(REFERENCE.findall(text)) - FORMULAS.keys()) == []


def test_labels_are_unique():
    labels = [label for text in PAGES.values() for label in LABEL.findall(text)]
    assert len(labels) == len(set(labels)) == len(FORMULAS) > 0


_GOOD = (
    "**(A1)** One:\n\n$$\nx\n$$\n\n*Function* {func}`gammaprob.gap_cdf` · *Ledger* {ledger}`LL-EQ5` ·\n"
    "*Witness* {func}`gammaprob.witnesses.gap_law.gap_probability`\n\n*Proof.* By\n\n$$\ny\n$$\n\nthis. ∎\n"
)


def test_a_good_page_passes():
    formulas, wrong = read_formulas(_GOOD)
    assert wrong == [] and [formula.label for formula in formulas] == ["A1"] and unwitnessed(formulas[0]) == []


@pytest.mark.parametrize("old, new", [
    ("**(A1)** One:", "One:"),
    ("*Function* {func}`gammaprob.gap_cdf` · ", ""),
    ("{ledger}`LL-EQ5`", "theirs"),
    ("*Proof.* ", ""),
    (" ∎", ""),
    ("this. ∎", "this. ∎\n\n$$\nw\n$$"),
    ("*Proof.* By", "*Proof.* By\n\n**(A2)** Two."),
])
def test_a_bad_page_is_seen(old, new):
    """Negative controls: a label, a part of the line, the proof or its end is missing; a display too many."""
    assert old in _GOOD and read_formulas(_GOOD.replace(old, new))[1] != []


def test_false_names_are_seen():
    """Negative controls: names, records, witnesses and links that are not there."""
    assert unresolved("{func}`gammaprob.gap_cfd` {mod}`gammaprob.gap_cdf` {ledger}`SUP-EQ99`") == [
        "gammaprob.gap_cfd", "gammaprob.gap_cdf", "SUP-EQ99",
    ]
    other = _GOOD.replace("gap_probability`", "gap_probability_split`")
    assert unwitnessed(read_formulas(other)[0][0]) == ["LL-EQ5"]
    assert broken_links("[a](law.md#no-such) [b](lay.md) [c](#notation)", "index.md") == ["law.md#no-such", "lay.md#"]


# --- the formulas ----------------------------------------------------------------------------------------------------

# The functions promise 1e-13, and four roundings of an input times the condition number in it, here below 100.
TOLERANCE = 1e-13 + 4 * 100 * 2.0**-53


def test_every_formula_has_a_check():
    """Each page's formulas are checked by the module that is named after it."""
    for module, letter in ((law, "L"), (expected_gradient, "E"), (objectives, "O")):
        name = module.__name__.rsplit(".", 1)[1]
        on_page = {formula.label for formula in read_formulas(PAGES[f"{name}.md"])[0]}
        assert on_page == {label for label in CHECKS if label.startswith(letter)}


@pytest.mark.parametrize("label", FORMULAS)
def test_the_copy_is_of_the_display_as_it_stands(label):
    """A display that was changed has to be copied anew; only then is its new digest set."""
    display = FORMULAS[label].display
    assert digest(display) == COPIED[label]
    assert digest(display.replace("\n", "  ")) == COPIED[label] != digest(display.replace("$$", "$$ -", 1))


@pytest.mark.parametrize("label", FORMULAS)
def test_formula(label):
    found = differences(label, *map(resolve_name, FORMULAS[label].functions))
    assert found and all(difference <= TOLERANCE for difference in found), [mp.nstr(d, 3) for d in found]


@pytest.mark.parametrize("label, wrong", [("L8", "gap_sf"), ("L12", "gap_pdf"), ("E10", "exponential_integral_term")])
def test_another_function_is_seen(label, wrong):
    """Negative control: compared with a function that computes something else, a formula fails."""
    def value(delta, *, shape, scale):
        symbol = "order" if wrong == "exponential_integral_term" else "shape"
        return resolve_name(f"gammaprob.{wrong}")(delta, **{symbol: shape}, scale=scale)

    assert any(difference > TOLERANCE for difference in differences(label, value))


# --- the numbers in the tables ---------------------------------------------------------------------------------------

def _rows(page: str) -> list[list[str]]:
    lines = [line for line in PAGES[page].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_reference_digits():
    arguments = {
        "gap_ppf": ("0.5", {"shape": 4}), "exponential_integral_term": ("0.1", {"order": 4}),
    }
    rows = [row for row in _rows("index.md") if re.fullmatch(r"[\d.]{20,}", row[-1])]
    assert len(rows) == 5
    for _, role, digits in rows:
        name = _names(role)[0].rsplit(".", 1)[1]
        argument, law = arguments.get(name, ("0.1", {"shape": 4}))
        assert getattr(certified, name)(argument, **law, scale="0.066").digits == digits, name


@pytest.mark.parametrize("reading", ["rounding", "truncation"])
def test_scale_intervals(reading):
    cells = {
        "Table 1": [PrintedCell("P", row["delta"], row["P"]) for row in load("main_table1_P")],
        "Table 2": [PrintedCell("phi", row["delta"], row["phi_printed"]) for row in load("main_table2_phi")],
    }
    cells["both"] = cells["Table 1"] + cells["Table 2"]
    word = {"rounding": "rounded", "truncation": "truncated"}[reading]
    shown = {row[0]: row[2] for row in _rows("law.md") if row[1:2] == [word]}
    found = {}
    for name, printed in cells.items():
        interval = parameter_interval(printed, reading, shape="4", scale="0.066")
        found[name] = "none" if interval.empty else f"{interval.lower:.13f} to {interval.upper:.13f}"
    assert shown == found
