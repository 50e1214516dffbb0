"""The ledger of claims: `python -m paper_tables.ledger` runs each record's witness and prints what came out.

For each record the verdict is derived from what its witness evaluated and compared with the recorded one. The run
fails (exit code 1) when they differ, when a correction does not hold, or when a witness is missing or evaluated
nothing. Wrong usage, and claims files that break the rules, give exit code 2. A witness that raises is a bug of the
project and ends the run with its traceback.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from paper_tables import _ledger_text
from paper_tables._terminal import Parser, complain, put
from paper_tables.outcome import AMBIGUOUS, NOT_COMPUTABLE, VERDICTS, WRONG, Outcome
from paper_tables.records import DOCUMENTS, ClaimsError, Record, load_records

__all__ = ["Result", "Summary", "main", "resolve", "run", "summarise"]

PROGRAM = "python -m paper_tables.ledger"


@dataclass(frozen=True)
class Result:
    """A record after its witness ran: the outcome (None where none ran) and what is wrong with it ("" if nothing)."""

    record: Record
    outcome: Outcome | None
    problem: str

    @property
    def points(self) -> int:
        return self.outcome.points if self.outcome else 0

    @property
    def exercised(self) -> bool:
        return self.outcome is not None and self.outcome.exercised


@dataclass(frozen=True)
class Summary:
    """One line of the summary: the records of one document (or of all), by verdict, and how many were truly exercised.

    `points` counts the points of a witness once, however many records name it.
    """

    document: str
    verdicts: dict[str, int]
    records: int
    exercised: int
    points: int
    failed: int


def resolve(witness: str) -> Callable[[], Outcome]:
    """The function that a record names as "package.module:function"; LookupError when there is none.

    >>> resolve("math:sqrt")(4.0)
    2.0
    """
    module_name, _, function_name = witness.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the witness exists, something that it needs does not
        raise LookupError(f"witness {witness} does not exist: no module {error.name}") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise LookupError(f"witness {witness} does not exist: {module_name} has no function {function_name}")
    return function


def _problem(record: Record, outcome: Outcome) -> str:
    """In words, how the outcome contradicts the record; "" when it does not."""
    if not outcome.exercised:
        return "the witness evaluated nothing"
    if outcome.verdict != record.verdict:
        return f"recorded as {record.verdict!r}, but the witness says {outcome.verdict!r}"
    if record.verdict in (WRONG, AMBIGUOUS) and not outcome.corrected_holds:
        return "the correction does not hold"
    return ""


def run(records: Iterable[Record]) -> tuple[Result, ...]:
    """Run the witness of each record, each witness once, and hold its outcome against the record.

    >>> [result.problem for result in run(record for record in load_records() if record.id == "LL-EX2")]
    ['']
    """
    outcomes: dict[str, Outcome] = {}
    results = []
    for record in records:
        if record.verdict == NOT_COMPUTABLE:
            results.append(Result(record, None, ""))
            continue
        if record.witness not in outcomes:
            try:
                function = resolve(record.witness)
            except LookupError as error:
                results.append(Result(record, None, str(error)))
                continue
            outcomes[record.witness] = function()
        outcome = outcomes[record.witness]
        results.append(Result(record, outcome, _problem(record, outcome)))
    return tuple(results)


def summarise(results: Iterable[Result]) -> tuple[Summary, ...]:
    """Counts for each document that occurs, in the order of `DOCUMENTS`, and a last line for all of them.

    >>> example = run(record for record in load_records() if record.id == "LL-EX2")
    >>> [(line.document, line.records, line.failed) for line in summarise(example)]
    [('main', 1, 0), ('all', 1, 0)]
    """
    results = tuple(results)
    groups = {name: [r for r in results if r.record.document == name] for name in DOCUMENTS}
    groups = {name: group for name, group in groups.items() if group} | {"all": list(results)}
    return tuple(
        Summary(
            document=name,
            verdicts={verdict: sum(r.record.verdict == verdict for r in group) for verdict in VERDICTS},
            records=len(group),
            exercised=sum(r.exercised for r in group),
            points=sum({r.record.witness: r.points for r in group}.values()),
            failed=sum(bool(r.problem) for r in group),
        )
        for name, group in groups.items()
    )


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description="Run the witnesses of all recorded claims of the papers, and compare with the recorded verdicts.",
        epilog="Exit code: 0 all verdicts confirmed; 1 a witness contradicts its record; 2 wrong usage or claims file.",
    )
    parser.add_argument("--format", choices=_ledger_text.FORMATS, default="text", help="how to print (default: text)")
    parser.add_argument("--id", action="append", metavar="ID", help="only this record, with its evidence; repeatable")
    parser.add_argument(
        "--document", action="append", choices=tuple(DOCUMENTS), help="only the records of this document; repeatable",
    )
    parser.add_argument(
        "--verdict", action="append", choices=VERDICTS, help="only the records with this recorded verdict; repeatable",
    )
    parser.add_argument("--summary", action="store_true", help="print the counts alone")
    parser.add_argument("--claims", type=Path, metavar="DIR", help="another folder of claims files")
    return parser


def _chosen(records: tuple[Record, ...], options: argparse.Namespace) -> tuple[Record, ...]:
    """The records that the options ask for; ClaimsError for an id that does not exist, or when none is left."""
    unknown = sorted(set(options.id or ()) - {record.id for record in records})
    if unknown:
        raise ClaimsError("--id", f"no record {', '.join(unknown)}", "run without --id for the list of all ids")
    chosen = tuple(
        record for record in records if all(
            not wanted or getattr(record, field) in wanted
            for field, wanted in (("id", options.id), ("document", options.document), ("verdict", options.verdict))
        )
    )
    if not chosen:
        raise ClaimsError("--id, --document, --verdict", "no record fits all of them", "drop one of the options")
    return chosen


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code.

    >>> main(["--id", "NO-SUCH-RECORD"])
    2
    """
    try:
        options = _parser().parse_args(arguments)
        records = _chosen(load_records(options.claims), options)
    except ClaimsError as error:
        return _complain(str(error))
    except OSError as error:  # the help, or a complaint of the parser, that cannot be written
        return _complain(f"{error.filename or 'output'}: {error.strerror}")
    results = run(records)
    text = _ledger_text.render(
        results, summarise(results), options.format, _ledger_text.Style.of(sys.stdout), details=bool(options.id),
        summary_only=options.summary,
    )
    try:
        put(text + "\n", sys.stdout)
    except OSError as error:
        return _complain(f"output: {error.strerror}")
    return int(any(result.problem for result in results))


def _complain(message: str) -> int:
    """Say in one line why the run cannot be made, and return its exit code."""
    complain(f"{PROGRAM}: error: {message}")
    return 2


if __name__ == "__main__":
    sys.exit(main())
