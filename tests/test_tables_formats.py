"""Every format of the tables carries the same rows, and parses back."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from gammaprob._table_document import LETTERS, Column, Report, Section, to_ascii
from gammaprob._table_formats import as_csv, as_json, as_latex, as_markdown
from gammaprob._table_paper import paper_report
from gammaprob._table_terminal import as_text


@pytest.fixture(scope="module")
def report():
    return paper_report(["1", "2"], deltas=None, digits=12, seed=0)


@pytest.fixture(scope="module")
def awkward():
    """Text that every format must escape, and numbers that JSON does not know."""
    rows = ({"name": 'a|b_c*&%$#{}~^\\<>"\n,', "value": float("nan")}, {"name": "δ", "value": float("inf"), "more": 1})
    columns = (Column("na|me", lambda row: row["name"]), Column("value", lambda row: str(row["value"]), right=True))
    return Report((Section("odd", "P(|X−Y| ≤ δ)_%", columns, rows, ("a < b",)),), ("50 % & more",), {})


def refuse_constant(name):
    raise ValueError(f"{name} is no strict JSON")


def test_json_is_strict_and_whole(report):
    text = as_json(report)
    document = json.loads(text, parse_constant=refuse_constant)
    assert text.isascii()
    assert [section["name"] for section in document["sections"]] == [section.name for section in report.sections]
    for section, parsed in zip(report.sections, document["sections"], strict=True):
        assert parsed["rows"] == list(section.rows) and parsed["title"] == section.title
    assert document["verdict"] == list(report.closing) and document["settings"] == {"digits": 12, "seed": 0}


def test_exact_values_stay_text(report):
    for section in json.loads(as_json(report))["sections"]:
        for row in section["rows"]:
            for field in ("exact", "delta", "printed", "lower", "upper"):
                assert row.get(field) is None or isinstance(row[field], str)


def test_csv_parses_back(report):
    parsed = list(csv.DictReader(io.StringIO(as_csv(report)), strict=True))
    expected = [(section.name, row) for section in report.sections for row in section.rows]
    assert len(parsed) == len(expected)
    for found, (name, row) in zip(parsed, expected, strict=True):
        assert found.pop("section") == name
        for field, text in found.items():
            value = row.get(field)
            if isinstance(value, float):
                assert float(text) == value
            else:
                assert text == ("" if value is None else str(value))


def markdown_tables(text):
    """The pipe tables of a Markdown text, as lists of rows of unescaped cells."""
    tables = re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE)
    return [[[re.sub(r"\\(.)", r"\1", cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
             for line in table.splitlines()] for table in tables]


def test_markdown_parses_back(report):
    tables = markdown_tables(as_markdown(report))
    assert len(tables) == len(report.sections)
    for section, (heading, rule, *rows) in zip(report.sections, tables, strict=True):
        assert heading == [column.heading for column in section.columns]
        assert all(re.fullmatch(r":?-+:?", cell) for cell in rule)
        assert rows == section.cells()


def test_latex_parses_back(report):
    text = as_latex(report)
    assert text.isascii()
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == len(report.sections)
    bodies = re.findall(r"\\begin\{tabular\}\{([lr]+)\}\n(.*?)\\end\{tabular\}", text, re.DOTALL)
    for section, (sides, body) in zip(report.sections, bodies, strict=True):
        rows = [line.removesuffix(r" \\").split(" & ") for line in body.splitlines() if line != r"\hline"]
        assert len(sides) == len(section.columns) and len(rows) == 1 + len(section.rows)
        for row, cells in zip(rows[1:], section.cells(), strict=True):
            plain = [cell.replace(r"$\phi$", "φ").replace("$-$", "−").replace("--", "–") for cell in row]
            assert plain == cells


def test_text_carries_every_cell(report):
    text = as_text(report, width=100)
    lines = [re.split(r" {2,}", line) for line in text.splitlines()]
    for section in report.sections:
        for cells in section.cells():
            assert cells in lines, cells


def test_awkward_text_is_escaped(awkward):
    parsed = json.loads(as_json(awkward), parse_constant=refuse_constant)["sections"][0]["rows"]
    assert parsed[0] == {"name": awkward.sections[0].rows[0]["name"], "value": None} and parsed[1]["value"] is None
    rows = list(csv.DictReader(io.StringIO(as_csv(awkward)), strict=True))
    assert rows[0]["name"] == awkward.sections[0].rows[0]["name"] and rows[1] == {
        "section": "odd", "name": "δ", "value": "", "more": "1",
    }
    assert r"50 \% \& more" in as_latex(awkward)
    assert r"a$|$b\_c*\&\%\$\#\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}$<$$>$" in as_latex(awkward)
    assert r"\caption{P($|$X$-$Y$|$ $\le$ $\delta$)\_\%}" in as_latex(awkward)
    assert r"| na\|me | value |" in as_markdown(awkward) and "a &lt; b" in as_markdown(awkward)


def test_every_letter_of_a_report_has_an_ascii_form_and_a_latex_form(report):
    used = set(as_text(report)) | set(as_markdown(report))
    assert {letter for letter in used if not letter.isascii()} <= set(LETTERS)
    assert to_ascii(LETTERS).isascii()
    section = Section("letters", LETTERS, (), (), ())
    assert as_latex(Report((section,), (), {})).isascii()
