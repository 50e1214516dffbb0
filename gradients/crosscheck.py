"""`python -m gradients`: every gradient claim of the papers, checked three ways.

The closed form is held against autograd through the torch loss, against difference quotients of the printed loss at 50
digits, and, where it is an expectation, against simulation through autograd. Then the printed examples. `run` does the
same from Python, also with losses of your own in the place of ours (`Subjects`).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral

from gammaprob.errors import ArgumentError, DomainError
from gradients._crosscheck_rows import Context, Row, Subjects, judged
from paper_tables import _terminal
from paper_tables._terminal import Parser, complain, put

__all__ = ["DRAWS", "Crosscheck", "Subjects", "main", "run"]

PROGRAM = "python -m gradients"
DRAWS = 100_000  # a mean: a target of standard deviation 0.2 to 0.0006
# A score is normal far enough out if the mean is of many draws; and so many pairs still fit in memory.
_FEWEST_DRAWS, _MOST_DRAWS = 1_000, 10_000_000
_LARGEST_SEED = 2**128 - 1  # as many bits as NumPy's generators make use of
_QUIET_SECONDS = 1.0  # a shorter run shows no progress bar
_WIDEST_BAR = 60  # columns
CONTRADICTED, UNUSABLE, INTERRUPTED = 1, 2, 130
_FORMATS = ("text", "markdown", "json")
_EPILOG = f"""\
names of equations:
  LL Learning Loss, LL++ LearningLoss++, AL Anchor Loss, and the number of the
  equation (S: of the supplementary, A-: of Anchor Loss's appendix) or a word
  for what is looked at. LL-EX, SL-EXAMPLE: records of the ledger, the worked
  example and that of the slides. Any other name is answered with all of them.

examples:
  {PROGRAM}
  {PROGRAM} --only "LL++ 4a" --only SL-EXAMPLE-AC
  {PROGRAM} --seed 7 --draws 100000 --format json

exit codes:
  0    every witness agrees
  1    a witness contradicts, or a row evaluated nothing
  2    wrong usage, a missing library, or an output that cannot be written
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
    only : a name of an equation or record, or several, as the first column of the report has them
        ``"LL++ 4a"``, ``["AL 14", "SL-EXAMPLE-AC"]``; capitals or not, γ or gamma. All if empty.
    seed : int
        From 0 to 2^128 − 1. The draws of a mean depend on it and on what the mean is of, on nothing else.
    draws : int
        Simulated pairs a mean, from 1000 to 10 million.
    subjects : Subjects
        The losses, closed forms and sampler to check; those of this package unless given.
    progress : bool
        Whether to show a progress bar on standard error, once the run has taken a second.

    Raises `DomainError` for an unknown name, or a number outside its range, `ArgumentError` for an argument of another
    type. A loss of your own that raises is not caught.

    Sources: paper Eqs. 1 to 6, supplementary Eqs. 8 to 13 ("S8"), Anchor Loss Eqs. 1 to 14 and A-1 to A-4.

    >>> run(only="LL++ 4a").agrees
    True

    A loss with a wrong sign in the place of ours:

    >>> from gradients.losses import learning_loss_pp
    >>> def wrong(predicted, true, **options):
    ...     return learning_loss_pp(-predicted, true, **options)
    >>> run(only="LL++ 4a", subjects=Subjects(learning_loss_pp=wrong)).agrees
    False
    """
    began, asked = time.monotonic(), _names(only)
    seed, draws = _whole("seed", seed, 0, _LARGEST_SEED), _whole("draws", draws, _FEWEST_DRAWS, _MOST_DRAWS)
    if not (subjects is None or isinstance(subjects, Subjects)):
        raise ArgumentError("subjects", subjects, "a Subjects", "pass Subjects(learning_loss=…), or leave it out")
    # Here, because they need torch: --help, wrong usage and `import gradients.crosscheck` do not.
    from tqdm import tqdm

    from gradients import (
        _crosscheck_anchor, _crosscheck_batch, _crosscheck_examples, _crosscheck_logits, _crosscheck_pair,
        _crosscheck_simulation,
    )
    from gradients._crosscheck_torch import one_thread

    modules = _crosscheck_pair, _crosscheck_batch, _crosscheck_anchor, _crosscheck_logits, _crosscheck_simulation
    checks = [check for module in modules for check in module.CHECKS]
    names = [check.equation for check in checks] + [example.record for example in _crosscheck_examples.EXAMPLES]
    wanted = _known(asked, names)
    chosen = [check for check in checks if check.equation in wanted]
    examples = [example for example in _crosscheck_examples.EXAMPLES if example.record in wanted]
    # Its size is given because a terminal may say that it has no lines or columns, and would get no bar.
    bar = tqdm(
        total=sum(check.steps for check in chosen), desc="cross-checks", leave=False, disable=not progress,
        delay=max(0.0, began + _QUIET_SECONDS - time.monotonic()), file=sys.stderr, ncols=_width_of_bar(), nrows=2,
        bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]",
    )
    with bar, one_thread():
        context = Context(Subjects() if subjects is None else subjects, seed, draws, bar.update)
        rows = judged(chosen, [check.run(context) for check in chosen])
        return Crosscheck(rows, _crosscheck_examples.find(examples, context.subjects), seed, draws)


def _width_of_bar() -> int:
    """The columns of the terminal, less one, as far as a bar needs them."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (AttributeError, OSError):  # standard error is closed, or no file
        columns = 0
    return min(columns - 1, _WIDEST_BAR) if columns > 1 else _WIDEST_BAR


def _whole(name: str, value, least: int, most: int) -> int:
    allowed = f"an integer from {least} to {most}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ArgumentError(name, value, allowed, f"pass {name} as an int")
    if not least <= value <= most:
        raise DomainError(name, value, allowed, f"pass {name} within it")
    return int(value)


def _names(only) -> list[str]:
    """The names as a list of texts; a text alone is one name."""
    names = [only] if isinstance(only, str) else list(only) if isinstance(only, Iterable) else [only]
    for name in names:
        if not isinstance(name, str):
            raise ArgumentError("only", name, "names of equations or records, as text", "pass none of them for all")
    return names


def _known(asked: list[str], names: list[str]) -> set[str]:
    """The names that are asked for, spelt as ours; all of them where none is."""
    spelling = {_plain(name): name for name in names}
    for name in asked:
        if _plain(name) not in spelling:
            raise DomainError("only", name, ", ".join(map(repr, spelling.values())), "pass one of these names")
    return {spelling[_plain(name)] for name in asked} or set(names)


def _plain(name: str) -> str:
    """The name as any keyboard has it."""
    return _terminal.to_ascii(name).casefold()


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM, epilog=_EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Every gradient claim of the papers: closed form, autograd, 50 digits and\n"
                    "simulation beside each other, and the printed examples.",
    )
    parser.add_argument("--format", choices=_FORMATS, default="text", help="how to print (default: text)")
    parser.add_argument("--only", action="append", default=[], metavar="EQUATION",
                        help='only the rows of this equation, named as in the first column: "LL++ 4a"; repeatable')
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the simulation (default: 0)")
    parser.add_argument("--draws", type=int, default=DRAWS, metavar="N",
                        help=f"simulated pairs a mean (default: {DRAWS})")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit code; `--help` says which."""
    options = argparse.Namespace()
    try:
        _parser().parse_args(argv, options)
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
    complain(f"{PROGRAM}: error: {' '.join(message.split())}")
    return UNUSABLE
