"""A report as text, in the width, colours and letters that the terminal has (rules in `paper_tables._terminal`)."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping

from gammaprob._table_cells import AGREES, DIFFERS, LAST_DIGIT
from gammaprob._table_document import ABSENT, LETTERS, Report, Section
from paper_tables import _terminal
from paper_tables._terminal import PLAIN_WIDTH, wants_colour, width_of

__all__ = ["PLAIN_WIDTH", "as_text", "carries", "wants_colour", "width_of"]

_BOLD, _DIM = "1", "2"
_COLOURS = {AGREES: "32", LAST_DIGIT: "33", DIFFERS: "31"}  # green, yellow, red
_GAP = "  "


def carries(stream) -> bool:
    """Whether the stream's encoding has the letters of a report."""
    return _terminal.carries(stream, LETTERS)


def as_text(
    report: Report, *, width: int = PLAIN_WIDTH, colour: bool = False, letters: Callable[[str], str] = str,
    colours: Mapping[str, str] = _COLOURS,
) -> str:
    """The report in lines of at most `width` columns; `letters` rewrites every string first (see `to_ascii`).

    A table that does not fit is turned: one block a row, its fields as `heading value`. A cell that is a key of
    `colours` has that ANSI colour, if `colour` asks for any.
    """
    def paint(code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if colour else text

    lines = []
    for section in report.sections:
        lines += [paint(_BOLD, line) for line in _wrapped(section.title, width, letters)]
        lines += _table(section, width, paint, letters, colours)
        lines += [line for note in section.notes for line in _wrapped(note, width, letters)]
        lines.append("")
    if report.closing:
        lines.append(paint(_BOLD, "Verdict"))
        lines += [line for sentence in report.closing for line in _wrapped(sentence, width, letters)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(section: Section, width: int, paint, letters, colours) -> list[str]:
    headings = [letters(column.heading) for column in section.columns]
    rows = [[letters(text) for text in cells] for cells in section.cells()]
    widths = [max(map(len, column)) for column in zip(headings, *rows)]
    if sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        return [line for cells in rows for line in _turned(section, cells, width, paint, letters, colours)]

    def line(cells, code=None) -> str:
        parts = []
        for cell, size, column in zip(cells, widths, section.columns):
            padded = cell.rjust(size) if column.right else cell.ljust(size)
            style = code or colours.get(cell)
            parts.append(paint(style, padded) if style else padded)
        return _GAP.join(parts) if code else _GAP.join(parts).rstrip()

    return [line(headings, _DIM).rstrip(), *(line(cells) for cells in rows)]


def _turned(section: Section, cells: list[str], width: int, paint, letters, colours) -> list[str]:
    """One row as a block: the first field leads, the others follow, as many in a line as fit, but not absent ones."""
    fields = []
    for column, cell in zip(section.columns, cells):
        if cell != letters(ABSENT):
            fields.append((cell if column.plain else f"{letters(column.heading)} {cell}", colours.get(cell)))
    fields[0] = fields[0][0], _BOLD
    lines, room = [], 0
    for text, code in fields:
        painted = paint(code, text) if code else text
        if lines and len(text) + len(_GAP) <= room:
            lines[-1] += _GAP + painted
            room -= len(_GAP) + len(text)
            continue
        indent = _GAP if lines else ""
        # Only a field longer than a whole line is broken, and such a field (many digits, two ends) has no colour.
        pieces = textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=2 * _GAP)
        lines += [indent + painted] if len(pieces) == 1 else pieces
        room = width - len(pieces[-1])
    return lines


def _wrapped(sentence: str, width: int, letters) -> list[str]:
    return textwrap.wrap(letters(sentence), width, break_on_hyphens=False)
