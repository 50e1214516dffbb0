"""The ledger of claims as tables: every record with what its witness evaluated when the site was built."""

from __future__ import annotations

import functools
import re

from docstring_text import LEDGER_ID
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.ext.viewcode import viewcode_anchor
from sphinx.roles import XRefRole
from sphinx.util.docutils import SphinxDirective

from paper_tables import _ledger_text, ledger
from paper_tables.records import DOCUMENTS, load_records

NOTES = ("conditions", "correction", "reason")


@functools.cache
def results() -> tuple[ledger.Result, ...]:
    """The ledger, run; a site is not built over a record that its witness contradicts."""
    found = ledger.run(load_records())
    problems = [f"{result.record.id}: {result.problem}" for result in found if result.problem]
    if problems:
        raise ExtensionError("\n".join(problems))
    return found


@functools.cache
def record_ids() -> frozenset[str]:
    return frozenset(record.id for record in load_records())


class evidence(nodes.General, nodes.Element):
    """Shown on demand; its attribute "summary" is always there."""


def visit_evidence(writer, node) -> None:
    writer.body.append(f"<details><summary>{writer.encode(node['summary'])}</summary>")


def depart_evidence(writer, node) -> None:
    writer.body.append("</details>")


def _table(classes: list[str], heads: list[str], rows: list[nodes.row]) -> nodes.table:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in heads), cols=len(heads))
    group += nodes.thead("", nodes.row("", *(nodes.entry("", nodes.paragraph("", head)) for head in heads)))
    group += nodes.tbody("", *rows)
    return nodes.table("", group, classes=classes)


def _linked(text: str) -> list[nodes.Node]:
    """The text, with a link for each record that it names."""
    return [
        nodes.reference("", part, refid=nodes.make_id(part)) if part in record_ids() else nodes.Text(part)
        for part in re.split(rf"\b({LEDGER_ID})\b(?!-)", text)
    ]


class LedgerCounts(SphinxDirective):
    """`{ledger-counts}`: how many records of each document have which verdict."""

    def run(self) -> list[nodes.Node]:
        head, *rows = _ledger_text._summary_rows(ledger.summarise(results()))
        cells = [nodes.row("", *(nodes.entry("", nodes.paragraph("", cell)) for cell in row)) for row in rows]
        return [_table(["ledger-counts"], head, cells)]


class LedgerRecords(SphinxDirective):
    """`{ledger-records} DOCUMENT`: the records of a document, each with an anchor that is its id in small letters."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        document = self.arguments[0]
        if document not in DOCUMENTS:
            raise self.error(f"no document {document!r}; use one of {', '.join(DOCUMENTS)}")
        rows = [self._row(result) for result in results() if result.record.document == document]
        return [_table(["ledger-records"], ["record", "claim", "verdict"], rows)]

    def _row(self, result: ledger.Result) -> nodes.row:
        record, anchor = result.record, nodes.make_id(result.record.id)
        self.env.domains.standard_domain.note_object("ledger", record.id, anchor, location=self.get_location())
        name = [
            nodes.paragraph("", "", nodes.reference("", record.id, refid=anchor, classes=["record"])),
            nodes.paragraph("", record.place, classes=["place"]),
        ]
        claim = [nodes.paragraph("", "", *_linked(record.statement), classes=["claim"])]
        claim += [
            nodes.paragraph("", "", *_linked(note), classes=["note"]) for note in _ledger_text._notes(record, *NOTES)
        ]
        if result.outcome:
            claim.append(self._evidence(result))
        verdict = nodes.inline("", record.verdict, classes=["verdict", nodes.make_id(record.verdict)])
        cells = (name, claim, [nodes.paragraph("", "", verdict)])
        return nodes.row("", *(nodes.entry("", *cell) for cell in cells), ids=[anchor])

    def _evidence(self, result: ledger.Result) -> evidence:
        module, _, function = result.record.witness.partition(":")
        source = viewcode_anchor(
            reftarget=f"_modules/{module.replace('.', '/')}", refid=function, refdoc=self.env.current_document.docname,
        )
        link = addnodes.pending_xref(
            "", nodes.literal("", f"{module}.{function}"), refdomain="py", reftype="func", refwarn=True,
            reftarget=f"{module}.{function}", refdoc=self.env.current_document.docname,
        )
        lines = [nodes.list_item("", nodes.paragraph("", line)) for line in _ledger_text._evidence(result)]
        summary = f"evidence (points: {result.points})"
        return evidence("", nodes.paragraph("", "", link, source), nodes.bullet_list("", *lines), summary=summary)


def setup(app: Sphinx) -> dict:
    app.add_object_type("ledger", "ledger", objname="record of the ledger")
    app.add_role_to_domain("std", "ledger", XRefRole(warn_dangling=True), override=True)
    app.add_directive("ledger-counts", LedgerCounts)
    app.add_directive("ledger-records", LedgerRecords)
    app.add_node(evidence, html=(visit_evidence, depart_evidence))
    app.add_js_file("ledger.js", loading_method="defer")
    return {"parallel_read_safe": True}
