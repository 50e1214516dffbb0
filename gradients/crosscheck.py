"""`python -m gradients`: every gradient claim of the papers, checked three ways.

The closed form is held against autograd through the torch loss, against difference quotients of the printed loss at 50
digits, and, where it is an expectation, against simulation through autograd. Then the printed examples. `run` does the
same from Python, also with losses of your own in the place of ours (`Subjects`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from gammaprob.errors import ArgumentError, DomainError
from gradients._crosscheck_rows import Context, Row, Subjects, judged
from paper_tables import _terminal
from paper_tables._terminal import Parser, put

__all__ = ["DRAWS", "Crosscheck", "Subjects", "main", "run"]

PROGRAM = "python -m gradients"
DRAWS = 100_000  # a mean: a target of standard deviation 0.2 to 0.0006
# A score is normal far enough out if the mean is of many draws; and so many pairs still fit in memory.
_FEWEST_DRAWS, _MOST_DRAWS = 1_000, 10_000_000
_LARGEST_SEED = 2**128 - 1  # as many bits as NumPy's generators make use of
_QUIET_SECONDS = 1.0  # a shorter run shows no progress bar
CONTRADICTED, UNUSABLE, INTERRUPTED = 1, 2, 130
_FORMATS = ("text", "markdown", "json")
_EPILOG = f"""\
examples:
  {PROGRAM}
  {PROGRAM} --only "LL++ 4a" --only SL-EXAMPLE-AC
  {PROGRAM} --seed 7 --draws 100000 --format json

exit codes:
  0    every witness agrees
  1    a witness contradicts, or a row evaluated nothing
  2    wrong usage, a library that is not installed, or an output that cannot be written
  130  interrupted"""


@dataclass(frozen=True)
class Crosscheck:
    """What a run found: `rows` of checks and `findings` on the printed examples, with the seed and the draws.

    `agrees` says whether all of them do, `contradictions()` in words which do not and why.
    """

    rows: tuple[Row, ...]
    findings: tuple
    seed: int
    draws: int

    @property
    def agrees(self) -> bool:
        return all(item.agrees for item in (*self.rows, *self.findings))

    def contradictions(self) -> tuple[str, ...]:
        """One sentence for each row and example that does not agree; none if all do."""
        from gradients._crosscheck_report import contradictions

        return contradictions(self)


def run(
    *, only: Iterable[str] = (), seed: int = 0, draws: int = DRAWS, subjects: Subjects | None = None,
    progress: bool = False,
) -> Crosscheck:
    """Run the cross-checks, all of them or those of the equations in `only`.

    Parameters
    ----------
    only : names of equations or records, as the first column of the report has them
        ``"LL++ 4a"``, ``"AL 14"``, ``"SL-EXAMPLE-AC"``; capitals or not, γ or gamma. All if empty.
    seed : int
        From 0 to 2^128 − 1. The draws of a mean depend on it and on what the mean is of, on nothing else.
    draws : int
        Simulated pairs a mean, from 1000 to 10 million.
    subjects : Subjects
        The losses, closed forms and sampler to check; those of this package unless given.
    progress : bool
        Whether to show a progress bar on standard error, once the run has taken a second.

    Raises `DomainError` for an unknown name, or a number outside its range, `ArgumentError` for one that is no integer.
    A loss of your own that raises is not caught.

    Sources: paper Eqs. 1 to 6, supplementary Eqs. 8 to 13 ("S8"), Anchor Loss Eqs. 1 to 14 and A-1 to A-4.

    >>> run(only=["LL++ 4a"]).agrees
    True

    A loss with a wrong sign in the place of ours:

    >>> from gradients.losses import learning_loss_pp
    >>> def wrong(predicted, true, **options):
    ...     return learning_loss_pp(-predicted, true, **options)
    >>> run(only=["LL++ 4a"], subjects=Subjects(learning_loss_pp=wrong)).agrees
    False
    """
    _whole("seed", seed, 0, _LARGEST_SEED)
    _whole("draws", draws, _FEWEST_DRAWS, _MOST_DRAWS)
    # Here, because they need torch: --help, wrong usage and `import gradients.crosscheck` do not.
    from tqdm import tqdm

    from gradients import _crosscheck_anchor, _crosscheck_examples, _crosscheck_pair, _crosscheck_simulation
    from gradients._crosscheck_torch import one_thread

    checks = (*_crosscheck_pair.CHECKS, *_crosscheck_simulation.CHECKS, *_crosscheck_anchor.CHECKS)
    names = [check.equation for check in checks] + [example.record for example in _crosscheck_examples.EXAMPLES]
    wanted = _known(only, names)
    context = Context(subjects or Subjects(), seed, draws)
    chosen = [check for check in checks if check.equation in wanted]
    bar = tqdm(
        chosen, desc="cross-checks", unit="row", leave=False, delay=_QUIET_SECONDS, disable=not progress,
        file=sys.stderr,
    )
    examples = [example for example in _crosscheck_examples.EXAMPLES if example.record in wanted]
    with one_thread():
        rows = judged(chosen, [check.run(context) for check in bar])
        return Crosscheck(rows, _crosscheck_examples.find(examples, context.subjects), seed, draws)


def _whole(name: str, value, least: int, most: int) -> None:
    allowed = f"an integer from {least} to {most}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise ArgumentError(name, value, allowed, f"pass {name} as an int")
    if not least <= value <= most:
        raise DomainError(name, value, allowed, f"pass {name} within it")


def _known(only: Iterable[str], names: list[str]) -> set[str]:
    """The names that are asked for, spelt as ours; all of them where none is."""
    spelling = {_plain(name): name for name in names}
    asked = list(only)
    for name in asked:
        if _plain(name) not in spelling:
            raise DomainError("only", name, ", ".join(spelling.values()), "pass one of these names")
    return {spelling[_plain(name)] for name in asked} or set(names)


def _plain(name: str) -> str:
    """The name as any keyboard has it."""
    return _terminal.to_ascii(name).casefold()


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM, epilog=_EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Every gradient claim of the papers: closed form, autograd, 50 digits and simulation\n"
                    "beside each other, and the printed examples.",
    )
    parser.add_argument("--format", choices=_FORMATS, default="text", help="how to print (default: text)")
    parser.add_argument("--only", action="append", default=[], metavar="EQUATION",
                        help="only the rows of this equation, as the first column names it; repeatable")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the simulation (default: 0)")
    parser.add_argument("--draws", type=int, default=DRAWS, metavar="N",
                        help=f"simulated pairs a mean (default: {DRAWS})")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit code; `--help` says which."""
    options = _parser().parse_args(argv)
    try:
        found = run(
            only=options.only, seed=options.seed, draws=options.draws,
            progress=sys.stderr is not None and sys.stderr.isatty(),
        )
        put(_rendered(found, options.format), sys.stdout)
    except DomainError as error:
        if error.parameter not in vars(options):
            raise  # not the command line's fault
        return _complain(str(error))
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "tqdm"}:
            raise
        return _complain(f"{error.name} is missing; the extra 'train' installs it: pip install 'gammaprob[train]'")
    except OSError as error:
        return _complain(f"{error.filename or 'output'}: {error.strerror}")
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0 if found.agrees else CONTRADICTED


def _rendered(found: Crosscheck, form: str) -> str:
    """The report in one format; text as wide, coloured and lettered as standard output can have it."""
    from gammaprob import _table_formats, _table_terminal
    from gradients._crosscheck_report import COLOURS, report_of

    report, stream = report_of(found), sys.stdout
    if form == "markdown":
        return _table_formats.as_markdown(report)
    if form == "json":
        return _table_formats.as_json(report)
    return _table_terminal.as_text(
        report, width=_terminal.width_of(stream), colour=_terminal.wants_colour(stream),
        letters=str if _terminal.carries(stream) else _terminal.to_ascii, colours=COLOURS,
    )


def _complain(message: str) -> int:
    """Say in one line why the run cannot be made, and return its exit code."""
    put(f"{PROGRAM}: error: {' '.join(message.split())}\n", sys.stderr)
    return UNUSABLE
