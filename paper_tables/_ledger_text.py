"""How the ledger is printed: a compact table for a terminal or a pipe, Markdown for a page, JSON for a program."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from dataclasses import asdict, dataclass

from paper_tables._terminal import PLAIN_WIDTH, carries, to_ascii, wants_colour, width_of
from paper_tables.outcome import AMBIGUOUS, HOLDS, NOT_COMPUTABLE, VERDICTS, WRONG

FORMATS = ("text", "markdown", "json")

_LEAST_BESIDE = 50  # columns that a claim needs to stand beside its verdict; with fewer it goes under it
_COLOURS = {HOLDS: "32", WRONG: "31", AMBIGUOUS: "33", NOT_COMPUTABLE: "2"}


@dataclass(frozen=True)
class Style:
    """Width in columns, whether to colour, and how to write the papers' letters (`str` or `to_ascii`)."""

    width: int = PLAIN_WIDTH
    colour: bool = False
    letters: Callable[[str], str] = str

    @classmethod
    def of(cls, stream) -> Style:
        """As the stream, its terminal and the user's environment have it."""
        return cls(width_of(stream), wants_colour(stream), str if carries(stream) else to_ascii)

    def paint(self, text: str, verdict: str) -> str:
        return f"\033[{_COLOURS[verdict]}m{text}\033[0m" if self.colour else text

    def wrapped(self, text: str, indent: str = "") -> list[str]:
        """The text in lines that are not wider than asked; all but the first stand two columns further in."""
        return textwrap.wrap(
            self.letters(text), self.width, initial_indent=indent, subsequent_indent=indent + "  ",
            break_on_hyphens=False,
        )


def render(results, summaries, form: str, style: Style, *, details: bool, summary_only: bool) -> str:
    """The whole print: records (unless `summary_only`), then the counts, then what contradicts its record."""
    if form == "json":
        return _json(results, summaries, summary_only)
    records = [] if summary_only else _RECORDS[form](results, style, details)
    failures = [line for r in results if r.problem for line in style.wrapped(f"FAILED {r.record.id}: {r.problem}")]
    return "\n".join([*records, *([""] if records else []), *_SUMMARY[form](summaries, style), *failures])


def _evidence(result) -> list[str]:
    """One line for each reading of an outcome."""
    outcome = result.outcome
    return [
        f"{label}: {reading.name}: {str(reading.holds).lower()} (points: {reading.points}; {reading.evidence})"
        for label, readings in (("printed", outcome.printed), ("corrected", outcome.corrected)) for reading in readings
    ] if outcome else []


def _notes(record, *fields: str) -> list[str]:
    """Those of the record's fields that are not empty, each with its name."""
    return [f"{field}: {text}" for field in fields if (text := getattr(record, field))]


def _text_records(results, style: Style, details: bool) -> list[str]:
    identity = max(len(r.record.id) for r in results)
    verdict = max(map(len, VERDICTS))
    heading = f"{'id':<{identity}}  {'verdict':<{verdict}}  points  "
    beside = style.width - len(heading) >= _LEAST_BESIDE
    lines = [heading + "[place] claim"] if beside else []
    for result in results:
        record = result.record
        body = [f"[{record.place}] {record.statement}", *_notes(record, "conditions", "correction", "reason")]
        if details:
            body += _evidence(result)
        indent = " " * (len(heading) if beside else 2)
        wrapped = [line for text in body for line in style.wrapped(text, indent)]
        failed = "!" if result.problem else " "
        if beside:
            painted = style.paint(f"{record.verdict:<{verdict}}", record.verdict)
            head = f"{record.id:<{identity}}  {painted}  {result.points:>6}{failed} "
            lines += [head + wrapped[0][len(indent):], *wrapped[1:]]
        else:
            lines += [
                *style.wrapped(f"{record.id}  points: {result.points}{failed}"),
                "  " + style.paint(record.verdict, record.verdict), *wrapped,
            ]
    return lines


def _summary_rows(summaries) -> list[list[str]]:
    """The counts with one column a document, which is narrower than one row a document."""
    return [
        ["", *(summary.document for summary in summaries)],
        *([verdict, *(str(summary.verdicts[verdict]) for summary in summaries)] for verdict in VERDICTS),
        *(
            [name, *(str(getattr(summary, name)) for summary in summaries)]
            for name in ("records", "exercised", "points", "failed")
        ),
    ]


def _text_summary(summaries, style: Style) -> list[str]:
    rows = _summary_rows(summaries)
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = [
        "  ".join([row[0].ljust(first), *(cell.rjust(width) for cell, width in zip(row[1:], others, strict=True))])
        for row in rows
    ]
    if len(lines[0]) <= style.width:
        return lines
    names, *documents = zip(*rows, strict=True)
    return [
        line for document, *counts in documents
        for line in style.wrapped(f"{document}: {', '.join(map(' '.join, zip(names[1:], counts, strict=True)))}")
    ]


def _markdown_table(head: list[str], rows: list[list[str]]) -> list[str]:
    def line(cells):
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
    return [line(head), "|" + "---|" * len(head), *map(line, rows)]


def _markdown_records(results, style: Style, details: bool) -> list[str]:
    rows = [
        [
            r.record.id, r.record.place, "<br>".join([r.record.statement, *_notes(r.record, "conditions")]),
            f"**{r.record.verdict}**" if r.record.verdict != HOLDS else HOLDS,
            " ".join(_notes(r.record, "correction", "reason") + (_evidence(r) if details else [])), str(r.points),
        ]
        for r in results
    ]
    return _markdown_table(["id", "place", "claim", "verdict", "correction or reason", "points"], rows)


def _markdown_summary(summaries, style: Style) -> list[str]:
    head, *rows = _summary_rows(summaries)
    return _markdown_table(head, rows)


def _json(results, summaries, summary_only: bool) -> str:
    content = {"summary": [asdict(summary) for summary in summaries]}
    if not summary_only:
        content["records"] = [
            {
                **asdict(r.record),
                "derived": r.outcome.verdict if r.outcome else None,
                "exercised": r.exercised,
                "points": r.points,
                "problem": r.problem,
                "readings": {
                    "printed": [asdict(reading) for reading in r.outcome.printed],
                    "corrected": [asdict(reading) for reading in r.outcome.corrected],
                } if r.outcome else None,
            }
            for r in results
        ]
    return json.dumps(content, ensure_ascii=False, indent=2)


_RECORDS = {"text": _text_records, "markdown": _markdown_records}
_SUMMARY = {"text": _text_summary, "markdown": _markdown_summary}
