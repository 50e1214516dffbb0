"""A report as data: sections of rows, and the columns in which people read them.

The rows are what every format carries. JSON and CSV write all of a row; text, Markdown and LaTeX write the columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from paper_tables._terminal import to_ascii

__all__ = ["ABSENT", "LETTERS", "Column", "Report", "Section", "scientific", "signed", "to_ascii"]

ABSENT = "–"
LETTERS = "δΘφ≤≥−±–²é"  # every character beyond ASCII that a report uses


@dataclass(frozen=True)
class Column:
    """A column for people: heading, what it shows of a row, its side, and whether its cells speak without a heading."""

    heading: str
    show: Callable[[dict], str]
    right: bool = False
    plain: bool = False


@dataclass(frozen=True)
class Section:
    """A table: a name for machines, a title, columns for people, rows, and sentences below."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[dict, ...]
    notes: tuple[str, ...] = ()

    def cells(self) -> list[list[str]]:
        """The table as people read it, without its headings."""
        return [[column.show(row) for column in self.columns] for row in self.rows]


@dataclass(frozen=True)
class Report:
    """Sections in order, the closing sentences, and the settings that reproduce them."""

    sections: tuple[Section, ...]
    closing: tuple[str, ...]
    settings: dict


def scientific(value: float | None) -> str:
    """A small error as one digit and exponent; 0 exactly as 0; a dash for what is absent."""
    if value is None:
        return ABSENT
    return f"{value:.0e}" if value else "0"


def signed(value: float | None) -> str:
    """A z-score with its sign and two decimals; a dash for what is absent."""
    return ABSENT if value is None else f"{value:+.2f}".replace("-", "−")
