"""`python -m gammaprob.tables`: Tables 1 and 2 of the paper against the exact law, or the same tables for your losses.

Every value is computed in four ways that share no code (`_table_cells`); they must agree before anything is compared
with the printed digits. `main` returns the exit code, so that it can be called from Python as well.
"""

from __future__ import annotations

import argparse
import re
import sys
from fractions import Fraction
from pathlib import Path

from paper_tables._terminal import Parser, complain, put

__all__ = ["main"]

PROGRAM = "python -m gammaprob.tables"
CONTRADICTED, UNUSABLE, WITNESSES_DISAGREE, INTERRUPTED = 1, 2, 3, 130
_FORMATS = {"text": "txt", "markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}
_DIGITS = (12, 6)  # default of the printed tables; of a losses file, whose own digits are fewer
_MOST_DIGITS = 100
_LARGEST_SEED = 2**128 - 1  # as many bits as NumPy's generators make use of: secrets.randbits(128)
_DESCRIPTION = """\
Tables 1 and 2 of "A Mathematical Analysis of Learning Loss for Active Learning in Regression"
beside the exact law: certified digits, a verdict for every printed cell, independent witnesses,
and the Θ from which the printed digits follow. With --losses, the same tables for your own losses."""
_EPILOG = f"""\
examples:
  {PROGRAM}
  {PROGRAM} --table 1 --delta 0.02 0.1 --digits 30
  {PROGRAM} --shape 2.5 --scale 1/15 --delta 0.1,0.2,0.4
  {PROGRAM} --losses losses.csv --column loss
  {PROGRAM} --format json --out results

exit codes:
  0    done
  1    --check: a result contradicts the recorded verdicts
  2    wrong usage, bad input, or an output that cannot be written
  3    the independent computations contradict each other (a mistake of this program)
  130  interrupted

The text is coloured on a terminal only; NO_COLOR, FORCE_COLOR, TERM=dumb and COLUMNS are heard."""


class _UsageError(Exception):
    """A command line or an input that cannot be used; its text is the one line that the user sees."""


class _Parser(Parser):
    def error(self, message: str):
        raise _UsageError(f"{message}; see --help")


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit code; `--help` says which.

    >>> main(["--table", "1", "--delta", "0.1", "--format", "csv"])  # doctest: +ELLIPSIS
    section,quantity,delta,shape,scale,printed,exact,verdict,...
    table1,P,0.1,4,0.066,0.437,0.440766939054,differs,...
    0
    """
    try:
        return _run(argv)
    except _UsageError as error:
        return _complain(str(error), UNUSABLE)
    except OSError as error:
        return _complain(f"{error.filename or 'output'}: {error.strerror}", UNUSABLE)
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(argv) -> int:
    options = _parser().parse_args(argv)
    # After the command line has been read, so that --help and wrong usage cost no numerical library.
    from gammaprob._table_cells import WitnessContradiction
    from gammaprob._table_record import contradictions
    from gammaprob.errors import GammaProbError

    try:
        report = _report(options)
        found = contradictions(report, whole=options.delta is None) if options.check else []
    except WitnessContradiction as contradiction:
        return _complain(str(contradiction), WITNESSES_DISAGREE)
    except GammaProbError as error:
        return _complain(str(error), UNUSABLE)
    if options.out is None:
        put(_rendered(report, options.format or "text", sys.stdout), sys.stdout)
    else:
        _write(report, options.out, [options.format] if options.format else list(_FORMATS))
    for line in found:
        _complain(f"check: {line}", CONTRADICTED)
    return CONTRADICTED if found else 0


def _parser() -> Parser:
    parser = _Parser(
        prog=PROGRAM, description=_DESCRIPTION, epilog=_EPILOG, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what to tabulate")
    what.add_argument("--table", choices=("1", "2", "both"), default="both",
                      help="1: P(|X−Y| ≤ δ), 2: φ(δ) (default: both)")
    what.add_argument("--shape", metavar="K", help="gamma shape k > 0, any real (default: 4, as the paper states)")
    what.add_argument("--scale", metavar="THETA", help="gamma scale Θ > 0 (default: 0.066, as the paper states)")
    what.add_argument("--delta", metavar="D", nargs="+", action="extend", help="gaps δ, separated by blanks or commas; "
                      "numbers are taken exactly, fractions allowed, a negative one as in --delta=-1/3 "
                      "(default: those of the paper)")
    what.add_argument("--losses", metavar="FILE",
                      help="losses to fit: CSV or other text table, NPY, or - for standard input")
    what.add_argument("--column", metavar="C", help="column of the losses file: its name, or its position from 1")
    how = parser.add_argument_group("how to show it")
    how.add_argument("--digits", type=_whole(1, _MOST_DIGITS), metavar="N",
                     help=f"certified significant digits, 1 to {_MOST_DIGITS} "
                          f"(default: {_DIGITS[0]}; with --losses {_DIGITS[1]})")
    how.add_argument("--format", choices=tuple(_FORMATS), help="default: text; with --out all of them")
    how.add_argument("--out", metavar="DIR",
                     help="write tables.txt, .md, .tex, .csv, .json into this folder")
    how.add_argument("--seed", type=_whole(0, _LARGEST_SEED), default=0, metavar="S",
                     help="seed of simulation and bootstrap (default: 0)")
    how.add_argument("--check", action="store_true",
                     help="compare with the recorded verdicts; exit code 1 when one differs")
    return parser


def _whole(least: int, most: int):
    def convert(text: str) -> int:
        # The length comes first: int() itself refuses thousands of digits.
        if not re.fullmatch("[0-9]{1,99}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"got {text!r}; allowed: an integer from {least} to {most}")
        return int(text)

    return convert


def _report(options):
    """The report that the options ask for."""
    from gammaprob import _table_paper as paper
    from gammaprob._table_cells import exact_number
    from gammaprob.domains import DELTA, SCALE, SHAPE

    if options.out == "":  # to pathlib the current folder, to a user a variable that was not set
        raise _UsageError("out: got ''; allowed: a folder, or the name of a new one; write . for the current folder")
    numbers = ("1", "2") if options.table == "both" else (options.table,)
    deltas = None
    if options.delta is not None:
        texts = [text for argument in options.delta for text in argument.replace(",", " ").split()]
        if not texts:
            raise _UsageError("delta: got no number; allowed: a list of numbers; write it as in --delta 0.1 0.2")
        deltas = [exact_number("delta", text, DELTA) for text in texts]
    common = {"deltas": deltas, "seed": options.seed}
    if options.losses is not None:
        for name in ("shape", "scale", "check"):
            if getattr(options, name) not in (None, False):
                raise _UsageError(f"--{name} cannot go with --losses, where the law is fitted; drop one of them")
        from gammaprob._table_losses import losses_report

        return losses_report(options.losses, options.column, numbers, digits=options.digits or _DIGITS[1], **common)
    if options.column is not None:
        raise _UsageError("--column names a column of a losses file; add --losses FILE")
    digits = options.digits or _DIGITS[0]
    shape = exact_number("shape", paper.STATED_SHAPE if options.shape is None else options.shape, SHAPE)
    scale = exact_number("scale", paper.STATED_SCALE if options.scale is None else options.scale, SCALE)
    if Fraction(shape) == Fraction(paper.STATED_SHAPE) and Fraction(scale) == Fraction(paper.STATED_SCALE):
        return paper.paper_report(numbers, digits=digits, **common)
    if options.check:
        raise _UsageError("--check needs the k and Θ that the paper states; drop --shape and --scale")
    return paper.law_report(numbers, shape=shape, scale=scale, digits=digits, **common)


def _rendered(report, form: str, stream=None) -> str:
    """The report in one format; text for `stream` as wide, coloured and lettered as it can be, without one plain."""
    from gammaprob import _table_formats as formats, _table_terminal as terminal
    from gammaprob._table_document import to_ascii

    if form != "text":
        return {
            "markdown": formats.as_markdown, "latex": formats.as_latex, "csv": formats.as_csv, "json": formats.as_json,
        }[form](report)
    if stream is None:
        return terminal.as_text(report)
    letters = str if terminal.carries(stream) else to_ascii
    width, colour = terminal.width_of(stream), terminal.wants_colour(stream)
    return terminal.as_text(report, width=width, colour=colour, letters=letters)


def _write(report, folder: str, forms: list[str]) -> None:
    """One file a format, in UTF-8; the paths go to standard output."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _UsageError(
            f"out: got {folder!r}; allowed: a folder, or the name of a new one ({error.strerror}); name another"
        ) from error
    for form in forms:
        path = Path(folder) / f"tables.{_FORMATS[form]}"
        path.write_text(_rendered(report, form), encoding="utf-8")
        put(f"{path}\n", sys.stdout)


def _complain(message: str, code: int) -> int:
    complain(f"{PROGRAM}: {' '.join(message.split())}")
    return code


if __name__ == "__main__":
    sys.exit(main())
