"""The tables of the papers, digit for digit, and their numbered equations: every value is the string that was printed.

A printed number is a fact about a document, so it stays a string: 0.30 and 0.3 claim different accuracies, and a float
cannot tell them apart.
"""

from __future__ import annotations

import csv
import tomllib
from functools import cache
from importlib.resources import files

__all__ = ["UnknownTableError", "captions", "document", "equations", "functions", "load", "names", "place"]

_FOLDER = files("paper_tables").joinpath("published")


class UnknownTableError(LookupError):
    """A table name that is not in the folder `paper_tables/published`."""

    def __init__(self, name, allowed):
        self.parameter, self.value, self.allowed = "name", name, tuple(allowed)
        self.next_step = "pass one of the names that paper_tables.published.names() lists"
        super().__init__(f"name: got {name!r}; allowed: {', '.join(self.allowed)}; {self.next_step}")

    def __reduce__(self):
        return type(self), (self.value, self.allowed)


@cache
def _places() -> dict[str, dict[str, str]]:
    return tomllib.loads(_FOLDER.joinpath("places.toml").read_text(encoding="utf-8"))


def _known(name: str) -> dict[str, str]:
    try:
        return _places()[name]
    except (KeyError, TypeError):
        raise UnknownTableError(name, names()) from None


def names() -> tuple[str, ...]:
    """The names of all tables, in alphabetical order.

    >>> names()[-1]
    'ssl_tableS9_labels'
    """
    return tuple(sorted(_places()))


def load(name: str) -> list[dict[str, str]]:
    """The rows of one printed table, top to bottom: column name -> printed string ("" where the cell is empty).

    Raises `UnknownTableError` for a name that is not in `names()`.

    >>> load("main_table1_P")[0]
    {'delta': '0.02', 'P': '0.094'}
    """
    _known(name)
    with _FOLDER.joinpath(f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def place(name: str) -> str:
    """Where the table was printed.

    Raises `UnknownTableError` for a name that is not in `names()`.

    >>> place("main_table2_phi")
    "Table 2; the slide 'Case 2' repeats it"
    """
    return _known(name)["place"]


def document(name: str) -> str:
    """The document that printed the table: main, slides, anchor or ssl (`places.toml` names the papers).

    Raises `UnknownTableError` for a name that is not in `names()`.

    >>> document("slides_example")
    'slides'
    """
    return _known(name)["document"]


@cache
def _formulas() -> dict[str, dict[str, dict]]:
    return tomllib.loads(_FOLDER.joinpath("equations.toml").read_text(encoding="utf-8"))


def equations(name: str) -> dict[str, str]:
    """The numbered equations of "main", "supplementary", "slides", "anchor" or "ssl": number -> what is printed there.

    Several lines under one number stay several lines. Raises KeyError for another document.

    >>> equations("main")["2b"]
    '∇_θ L_loss ∈ {0, ±w}'
    >>> equations("slides")
    {}
    """
    return {number: text.strip() for number, text in _formulas()[name]["equations"].items()}


def functions(name: str) -> dict[str, list[str]]:
    """The functions that the text of a document defines: letter -> its arguments. Raises KeyError as `equations`.

    >>> functions("main")["f"]
    ['x']
    """
    return {letter: list(arguments) for letter, arguments in _formulas()[name]["functions"].items()}


def captions(name: str) -> dict[str, str]:
    """The figures' captions of a document, those that the ledger needs: number -> caption. KeyError as `equations`.

    >>> captions("anchor")["4"].partition(":")[0]
    'Gradient figure'
    """
    return {number: text.strip() for number, text in _formulas()[name].get("captions", {}).items()}
