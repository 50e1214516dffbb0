"""The ledger's records: one for each equation, table, worked example and computable statement, read from claims/*.toml.

A record states a claim in our words, the verdict on it, where needed the correction, and names the witness that proves
the verdict. A witness is named ("package.module:function") and not imported: this package lies below the mathematics.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path

from paper_tables.outcome import AMBIGUOUS, HOLDS, NOT_COMPUTABLE, VERDICTS, WRONG

__all__ = ["DOCUMENTS", "KINDS", "ClaimsError", "Record", "load_records"]

DOCUMENTS = {  # document -> prefix of its record ids
    "main": "LL", "supplementary": "SUP", "slides": "SL", "anchor": "AL", "ssl": "SSL",
}
KINDS = ("equation", "step", "table", "example", "statement", "reference")

_ID = re.compile(r"[A-Z]+(-[A-Z0-9]+)+")
_WITNESS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_OPTIONAL = {"conditions", "correction", "witness", "reason"}


class ClaimsError(ValueError):
    """A claims file or record that breaks the rules: which file or record, what is wrong, and what to do."""

    def __init__(self, place: str, problem: str, next_step: str):
        self.place, self.problem, self.next_step = place, problem, next_step
        super().__init__(f"{place}: {problem}; {next_step}")

    def __reduce__(self):
        return type(self), (self.place, self.problem, self.next_step)


@dataclass(frozen=True)
class Record:
    """One claim. `id` is permanent; `reason` says why a claim is not computable, `correction` what replaces it."""

    id: str
    document: str
    place: str
    kind: str
    statement: str
    verdict: str
    conditions: str = ""
    correction: str = ""
    witness: str = ""
    reason: str = ""

    def __post_init__(self):
        rules = (
            (self.document in DOCUMENTS, f"document {self.document!r}", f"use one of {', '.join(DOCUMENTS)}"),
            (self.kind in KINDS, f"kind {self.kind!r}", f"use one of {', '.join(KINDS)}"),
            (self.verdict in VERDICTS, f"verdict {self.verdict!r}", f"use one of {', '.join(VERDICTS)}"),
            (_ID.fullmatch(self.id), "malformed id", "write capitals, digits and hyphens, as in SUP-EQ6"),
            (
                self.id.startswith(DOCUMENTS.get(self.document, "") + "-"), "id does not fit its document",
                f"begin it with {DOCUMENTS.get(self.document)}-",
            ),
            (
                bool(self.correction) == (self.verdict in (WRONG, AMBIGUOUS)), "correction and verdict disagree",
                f"give a correction exactly where the verdict is {WRONG!r} or {AMBIGUOUS!r}",
            ),
            (
                bool(self.reason) == (self.verdict == NOT_COMPUTABLE), "reason and verdict disagree",
                f"give a reason exactly where the verdict is {NOT_COMPUTABLE!r}",
            ),
            (
                bool(self.witness) == (self.verdict != NOT_COMPUTABLE), "witness and verdict disagree",
                f"name a witness for {HOLDS!r}, {WRONG!r} and {AMBIGUOUS!r}, and none for {NOT_COMPUTABLE!r}",
            ),
            (
                not self.witness or _WITNESS.fullmatch(self.witness), f"malformed witness {self.witness!r}",
                "write package.module:function",
            ),
        )
        for obeyed, problem, next_step in rules:
            if not obeyed:
                raise ClaimsError(self.id, problem, next_step)


_FIELDS = [field.name for field in fields(Record)]


def _record(entry, place: str) -> Record:
    if not isinstance(entry, dict):
        raise ClaimsError(place, "a claim that is no table", "begin each record with [[claim]]")
    name = f"{place}, {entry.get('id', 'a record without id')}"
    missing = [field for field in _FIELDS if field not in entry and field not in _OPTIONAL]
    unknown = sorted(set(entry) - set(_FIELDS))
    if missing or unknown:
        faults = [f"{word} {', '.join(keys)}" for word, keys in (("missing", missing), ("unknown", unknown)) if keys]
        raise ClaimsError(name, "; ".join(faults), f"a record has the fields {', '.join(_FIELDS)}")
    not_text = [key for key, value in entry.items() if not isinstance(value, str) or not value.strip()]
    if not_text:
        raise ClaimsError(name, f"empty or no text: {', '.join(not_text)}", "leave an optional field out instead")
    return Record(**entry)


def _claims_files(folder: Path) -> list[tuple[str, str]]:
    """Name and text of each claims file, in alphabetical order."""
    if not folder.is_dir():
        raise ClaimsError(str(folder), "no such folder", "pass a folder of *.toml files")
    place, texts = str(folder), []
    try:
        for path in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if path.name.endswith(".toml"):
                place = path.name
                texts.append((place, path.read_text(encoding="utf-8")))
    except UnicodeDecodeError as error:
        raise ClaimsError(place, f"not UTF-8: {error.reason} at byte {error.start}", "save it as UTF-8") from error
    except OSError as error:
        raise ClaimsError(place, f"cannot be read: {error.strerror}", "pass a folder of readable files") from error
    return texts


def load_records(folder: Path | None = None) -> tuple[Record, ...]:
    """All records: by document as in `DOCUMENTS`, then file by file in alphabetical order, each from top to bottom.

    `folder` is the one that ships with the package unless another is given. Raises `ClaimsError` for a file that
    cannot be read or is no UTF-8, malformed TOML, a record that breaks a rule, an id that occurs twice, or a folder
    without records.

    >>> {record.document for record in load_records()} == set(DOCUMENTS)
    True
    """
    folder = files("paper_tables").joinpath("claims") if folder is None else Path(folder)
    records: dict[str, Record] = {}
    for name, text in _claims_files(folder):
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ClaimsError(name, f"malformed TOML: {error}", "correct the syntax") from error
        if set(content) != {"claim"} or not isinstance(content["claim"], list):
            raise ClaimsError(name, "something else than records", "begin each record with [[claim]]")
        for entry in content["claim"]:
            record = _record(entry, name)
            if record.id in records:
                raise ClaimsError(f"{name}, {record.id}", "duplicate id", "ids are permanent and unique")
            records[record.id] = record
    if not records:
        raise ClaimsError(str(folder), "no records", "pass a folder of *.toml files with [[claim]] records")
    order = list(DOCUMENTS)
    return tuple(sorted(records.values(), key=lambda record: order.index(record.document)))
