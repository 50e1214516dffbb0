"""How the ledger is printed: a compact table for a terminal or a pipe, Markdown for a page, JSON for a program."""

from __future__ import annotations

import json
import os
import shutil
import textwrap
from dataclasses import asdict, dataclass

from paper_tables.outcome import AMBIGUOUS, HOLDS, NOT_COMPUTABLE, VERDICTS, WRONG

FORMATS = ("text", "markdown", "json")

_PIPED_WIDTH = 120  # columns where there is no terminal to ask
_NARROWEST = 40  # below this many columns the lines are left to the terminal to wrap
_COLOURS = {HOLDS: "32", WRONG: "31", AMBIGUOUS: "33", NOT_COMPUTABLE: "2"}


@dataclass(frozen=True)
class Style:
    """Width in columns, and whether to colour."""

    width: int
    colour: bool

    @classmethod
    def of(cls, stream) -> Style:
        """The terminal's own width and colours; `_PIPED_WIDTH` and none where the stream is no terminal.

        COLUMNS sets the width, NO_COLOR switches colours off, as is usual.
        """
        width = shutil.get_terminal_size((_PIPED_WIDTH, 24)).columns if stream.isatty() or "COLUMNS" in os.environ \
            else _PIPED_WIDTH
        return cls(max(width, _NARROWEST), stream.isatty() and "NO_COLOR" not in os.environ)

    def paint(self, text: str, verdict: str) -> str:
        return f"\033[{_COLOURS[verdict]}m{text}\033[0m" if self.colour else text


def render(results, summaries, form: str, style: Style, *, details: bool, summary_only: bool) -> str:
    """The whole print: records (unless `summary_only`), then the counts, then what contradicts its record."""
    if form == "json":
        return _json(results, summaries, summary_only)
    records = [] if summary_only else _RECORDS[form](results, style, details)
    failures = [f"FAILED {r.record.id}: {r.problem}" for r in results if r.problem]
    return "\n".join([*records, *([""] if records else []), *_SUMMARY[form](summaries), *failures])


def _evidence(result) -> list[str]:
    """One line for each reading of an outcome."""
    outcome = result.outcome
    return [
        f"{label}: {reading.name}: {str(reading.holds).lower()} (points: {reading.points}; {reading.evidence})"
        for label, readings in (("printed", outcome.printed), ("corrected", outcome.corrected)) for reading in readings
    ] if outcome else []


def _notes(record) -> list[str]:
    """The parts of a record that stand under its statement."""
    return [
        f"{label}: {text}" for label, text in (("correction", record.correction), ("reason", record.reason)) if text
    ]


def _text_records(results, style: Style, details: bool) -> list[str]:
    identity = max(len(r.record.id) for r in results)
    verdict = max(map(len, VERDICTS))
    heading = f"{'id':<{identity}}  {'verdict':<{verdict}}  points  "
    narrow = style.width - len(heading) < _NARROWEST  # then the claim goes under its heading instead of beside it
    indent = 2 if narrow else len(heading)
    lines = [heading.rstrip() if narrow else heading + "[place] claim"]
    for result in results:
        record = result.record
        painted = style.paint(f"{record.verdict:<{verdict}}", record.verdict)
        head = f"{record.id:<{identity}}  {painted}  {result.points:>6}{'! ' if result.problem else '  '}"
        body = [f"[{record.place}] {record.statement}", *_notes(record)]
        if details:
            body += [f"conditions: {record.conditions}"] if record.conditions else []
            body += _evidence(result)
        wrapped = [
            " " * indent + line for text in body
            for line in textwrap.wrap(text, style.width - indent, subsequent_indent="  ", break_on_hyphens=False)
        ]
        lines += [head.rstrip(), *wrapped] if narrow else [head + wrapped[0][indent:], *wrapped[1:]]
    return lines


def _text_summary(summaries) -> list[str]:
    return _columns([_summary_head(), *map(_summary_row, summaries)])


def _columns(rows: list[list[str]]) -> list[str]:
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    return [
        "  ".join([row[0].ljust(first), *(cell.rjust(width) for cell, width in zip(row[1:], others, strict=True))])
        for row in rows
    ]


def _summary_head() -> list[str]:
    return ["document", *VERDICTS, "records", "exercised", "points", "failed"]


def _summary_row(summary) -> list[str]:
    counts = [summary.verdicts[verdict] for verdict in VERDICTS]
    return [summary.document, *map(str, [*counts, summary.records, summary.exercised, summary.points, summary.failed])]


def _markdown_table(head: list[str], rows: list[list[str]]) -> list[str]:
    def line(cells):
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
    return [line(head), "|" + "---|" * len(head), *map(line, rows)]


def _markdown_records(results, style: Style, details: bool) -> list[str]:
    rows = [
        [
            r.record.id, r.record.place, r.record.statement,
            f"**{r.record.verdict}**" if r.record.verdict != HOLDS else HOLDS,
            " ".join(_notes(r.record) + (_evidence(r) if details else [])), str(r.points),
        ]
        for r in results
    ]
    return _markdown_table(["id", "place", "claim", "verdict", "correction or reason", "points"], rows)


def _markdown_summary(summaries) -> list[str]:
    return _markdown_table(_summary_head(), [_summary_row(summary) for summary in summaries])


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
