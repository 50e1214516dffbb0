"""The printed tables: complete, strings throughout, each with its place."""

from __future__ import annotations

import pickle
import subprocess
import sys
from decimal import Decimal
from importlib.resources import files
from itertools import product

import pytest

from paper_tables import published

# Files of the folder that are no table of a paper: what our own program found about them.
_OWN = {"verdicts"}


def test_every_file_has_a_place_and_every_place_a_file():
    stems = {entry.name.removesuffix(".csv") for entry in files("paper_tables").joinpath("published").iterdir()
             if entry.name.endswith(".csv")}
    assert stems - _OWN == set(published.names())


@pytest.mark.parametrize("name", published.names())
def test_rows_are_complete_strings(name):
    rows = published.load(name)
    assert rows
    for row in rows:
        assert set(row) == set(rows[0])
        assert all(isinstance(cell, str) for cell in row.values())
    assert published.place(name)
    assert published.document(name) in {"main", "slides", "anchor", "ssl"}


def test_digits_stay_as_printed():
    assert published.load("main_table3b_testing")[5]["mean"] == "0.76"
    assert published.load("main_table3a_failure_detection")[0]["mean"] == "0.430"
    assert published.load("anchor_table1_cifar_resnet110")[0]["c100_top5_sd"] == "0.30"


@pytest.mark.parametrize("name", ["main_table3a_failure_detection", "main_table3b_testing"])
def test_table_3_has_each_cell_once(name):
    rows = published.load(name)
    cells = [(row["method"], row["dataset"], row["stage"].removeprefix("Stage ")) for row in rows]
    methods, datasets = ("Random", "Coreset", "LL", "LL++", "LL++conv"), ("LSP-LSPET", "MPII")
    assert sorted(cells) == sorted(product(methods, datasets, "12345"))
    assert all(0 < Decimal(row["sd"]) < Decimal(row["mean"]) < 1 for row in rows)


def test_ap_on_coco_rises_with_labels_and_begins_as_table_9():
    rows = published.load("ssl_coco_labels")
    found = [[row[f"ap_{labels}"] for labels in ("1k", "5k", "10k")] for row in rows]
    assert all(Decimal(few) < Decimal(more) < Decimal(most) for few, more, most in found)
    assert found[0] == [row["supervised_ap"] for row in published.load("ssl_tableS9_labels")[:3]]
    assert len({(row["method"], row["augmentation"]) for row in rows}) == len(rows) == 6


def test_loading_twice_gives_independent_rows():
    published.load("slides_example")[0]["l"] = "changed"
    assert published.load("slides_example")[0]["l"] == "0.45"


@pytest.mark.parametrize("name", ["main_table4", "", "../published/main_table1_P", "places", None, ["slides_example"]])
@pytest.mark.parametrize("function", [published.load, published.place, published.document])
def test_unknown_name_is_a_named_error(function, name):
    with pytest.raises(published.UnknownTableError) as caught:
        function(name)
    assert caught.value.value == name
    for part in ("name: got", repr(name), "main_table1_P", "published.names()"):
        assert part in str(caught.value)


def test_error_survives_pickling():
    error = published.UnknownTableError("x", ("a", "b"))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_package_needs_nothing_of_the_mathematics():
    """`paper_tables` lies below `gammaprob`: loading tables and records imports none of it."""
    code = (
        "import sys, paper_tables.ledger, paper_tables.published as p\n"
        "p.load('main_table1_P'); paper_tables.ledger.load_records()\n"
        "sys.exit(any(m.split('.')[0] in ('gammaprob', 'numpy', 'sympy', 'mpmath') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("document", "numbers"), [
    ("main", "1 2a 2b 3 4a 4b 5 6"), ("supplementary", " ".join(map(str, range(1, 16)))), ("slides", ""),
    ("anchor", " ".join([*map(str, range(1, 15)), "A-1 A-2 A-3 A-4"])), ("ssl", ""),
])
def test_equations_are_numbered_without_a_gap(document, numbers):
    formulas = published.equations(document)
    assert " ".join(formulas) == numbers
    assert all("=" in text or "∈" in text for text in formulas.values())


def test_eq_5_of_the_supplementary_keeps_its_four_lines():
    lines = published.equations("supplementary")["5"].splitlines()
    assert [line.split(" =")[0] for line in lines] == list("ABCD")


def test_cases_of_an_equation_keep_their_lines():
    assert [len(published.equations("anchor")[number].splitlines()) for number in ("3", "10", "11")] == [2, 2, 2]


def test_captions_are_of_one_line():
    captions = published.captions("anchor")
    assert set(captions) == {"4", "A-1"} and published.captions("main") == {}
    assert not any("\n" in text for text in captions.values())


def test_another_document_has_no_equations():
    for function in (published.equations, published.functions, published.captions):
        with pytest.raises(KeyError, match="poster"):
            function("poster")


def test_changed_functions_do_not_reach_the_next_caller():
    published.functions("main")["f"].append("y")
    assert published.functions("main")["f"] == ["x"]
