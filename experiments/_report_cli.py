"""What `report` and `analytics` have in common: SOURCE, --record, --format, and errors as one line."""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Callable, Iterable

from experiments.record import Study, open_study, read_recorded, write
from gammaprob import _table_formats, _table_terminal
from gammaprob._table_document import ABSENT, Report
from gammaprob.errors import GammaProbError
from paper_tables import _terminal
from paper_tables._terminal import Parser, complain, put

__all__ = ["mean_sd", "missing_note", "number", "rendered", "run", "spread"]

UNUSABLE, INTERRUPTED = 2, 130
_FORMATS = ("text", "markdown", "json")
_EPILOG = """\
exit codes:
  0    done
  2    wrong usage, results that cannot be used, or an output that cannot be written
  130  interrupted

The text is coloured on a terminal only; NO_COLOR, FORCE_COLOR, TERM=dumb and COLUMNS are heard."""


def run(
    name: str, description: str, argv: list[str] | None, build: Callable[[Study], Report],
    beside: Callable[[Study, Study], Report] | None = None,
) -> int:
    """Parse the command line, open the source, record it if asked, print the report; the exit code.

    With `beside`, of two studies, the command line can name another one, and that report is printed instead.
    """
    program = f"python -m experiments {name}"
    parser = Parser(prog=program, description=description, epilog=_EPILOG, allow_abbrev=False,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE", help="a run folder, or the name of a recorded study")
    parser.add_argument("--record", metavar="NAME",
                        help="first record the run folder, with its provenance, in paper_tables/measured as NAME")
    if beside is not None:
        parser.add_argument("--beside", metavar="SOURCE", help="print instead what is different in this other study")
    parser.add_argument("--format", choices=_FORMATS, default="text", help="how to print (default: text)")
    options = parser.parse_args(argv)
    try:
        study = open_study(options.source)
        other = None if beside is None or options.beside is None else open_study(options.beside)
        if options.record is not None:
            written = write(study, options.record)
            complain(f"{program}: recorded {', '.join(path.name for path in written)}")
            study = read_recorded(options.record)
        report = build(study) if other is None else beside(study, other)
        put(rendered(report, options.format), sys.stdout)
    except GammaProbError as error:
        complain(f"{program}: error: {' '.join(str(error).split())}")
        return UNUSABLE
    except OSError as error:
        complain(f"{program}: error: {error.filename or 'output'}: {error.strerror}")
        return UNUSABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def rendered(report: Report, form: str) -> str:
    """The report in one format; text as wide, coloured and lettered as standard output can have it."""
    if form == "markdown":
        return _table_formats.as_markdown(report)
    if form == "json":
        return _table_formats.as_json(report)
    stream = sys.stdout
    return _table_terminal.as_text(
        report, width=_terminal.width_of(stream), colour=_terminal.wants_colour(stream),
        letters=str if _terminal.carries(stream) else _terminal.to_ascii, colours=COLOURS,
    )


# Verdicts of either report: green, yellow, red.
COLOURS = {"holds": "32", "not told apart": "33", "not tested": "33", "reversed": "31"}


def spread(values: Iterable[float | None]) -> tuple[float | None, float | None, int]:
    """Mean, sample standard deviation (None of fewer than two) and number of the values that are there.

    >>> spread([1.0, 3.0, None]), spread([])
    ((2.0, 1.4142135623730951, 2), (None, None, 0))
    """
    present = [value for value in values if value is not None and math.isfinite(value)]
    mean = statistics.fmean(present) if present else None
    return mean, statistics.stdev(present) if len(present) > 1 else None, len(present)


def number(value: float | None, form: str = ".3g") -> str:
    """The number in a format, with a true minus; a dash for what is absent.

    >>> number(-0.25), number(0.5, "+.1f"), number(None)
    ('−0.25', '+0.5', '–')
    """
    return ABSENT if value is None else f"{value:{form}}".replace("-", "−")


def mean_sd(mean: float | None, sd: float | None, form: str = ".1f", factor: float = 100) -> str:
    """A mean with its standard deviation, if there is one; shares in per cent unless another factor is given.

    >>> mean_sd(0.25, 0.0125), mean_sd(0.25, None), mean_sd(None, None), mean_sd(0.25, 0.01, ".2f", 1)
    ('25.0±1.2', '25.0', '–', '0.25±0.01')
    """
    shown = number(None if mean is None else factor * mean, form)
    return shown if sd is None else f"{shown}±{factor * sd:{form}}"


def missing_note(study: Study) -> tuple[str, ...]:
    """A sentence on what a partial study lacks; none for a complete one."""
    if not study.missing:
        return ()
    named = [f"{method} seed {seed} stage {stage}" for method, seed, stage in study.missing]
    shown = ", ".join(named[:6]) + (f" and {len(named) - 6} more" if len(named) > 6 else "")
    return (
        f"The study is not complete: {len(named)} of {len(named) + study.provenance['cells']} cells have no result "
        f"({shown}). A mean is over the seeds that are there, their number beside it; methods are compared over the "
        "seeds that both have.",
    )
