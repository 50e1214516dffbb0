"""What a command line owes its user's terminal: the width, the colours, the character set, and streams that end early.

All programs of the project, the ledger, the tables of `gammaprob` and the cross-checks of `gradients`, follow these
rules, so that they stand here, in the lowest package.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
from collections.abc import Mapping

__all__ = ["LETTERS", "PLAIN_WIDTH", "Parser", "carries", "complain", "put", "to_ascii", "wants_colour", "width_of"]

PLAIN_WIDTH = 80  # of a file or a pipe, unless COLUMNS says otherwise
_NARROWEST, _WIDEST = 20, 100  # a line longer than this is hard to read; below 20 columns a number no longer fits

# Every character beyond ASCII that the ledger, a report or a figure's caption uses.
_ASCII = str.maketrans({
    "γ": "gamma", "δ": "delta", "ε": "epsilon", "θ": "theta", "λ": "lambda", "ν": "nu", "ξ": "xi", "ρ": "rho",
    "σ": "sigma", "τ": "tau", "φ": "phi", "Γ": "Gamma", "Θ": "Theta", "Σ": "Sum", "∫": "int", "∂": "d", "∼": "~",
    "∇": "grad", "∞": "inf", "√": "sqrt", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "−": "-", "±": "+/-", "×": "x",
    "·": "*", "–": "-", "→": "->", "∈": " in ", "‖": "||", "⌊": "floor(", "⌋": ")", "½": "1/2", "⁻": "^-", "¹": "1",
    "²": "^2", "³": "^3", "ᵀ": "^T", "ⁿ": "^n", "₀": "_0", "₁": "_1", "ᵢ": "_i", "ⱼ": "_j", "°": " deg",
    "\N{COMBINING CIRCUMFLEX ACCENT}": "hat", "ŷ": "yhat", "é": "e", "…": "...",
})
LETTERS = "".join(map(chr, _ASCII))


class Parser(argparse.ArgumentParser):
    """An argument parser whose help and errors reach any terminal, as everything else does (`put`)."""

    def _print_message(self, message, file=None):
        put(message, file or sys.stdout)


def width_of(stream, environment: Mapping[str, str] = os.environ) -> int:
    """The columns to fill: COLUMNS, else the terminal's width, else `PLAIN_WIDTH`; between 20 and 100.

    >>> width_of(None, {"COLUMNS": "60"}), width_of(None, {})
    (60, 80)
    """
    try:
        columns = int(environment.get("COLUMNS", ""))
    except ValueError:
        columns = 0
    if columns <= 0:
        columns = shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if _is_terminal(stream) else PLAIN_WIDTH
    return min(max(columns, _NARROWEST), _WIDEST)


def wants_colour(stream, environment: Mapping[str, str] = os.environ) -> bool:
    """NO_COLOR (not empty) forbids it, FORCE_COLOR (not empty, not 0) asks for it, else any terminal but TERM=dumb.

    >>> wants_colour(None, {"FORCE_COLOR": "1"}), wants_colour(None, {})
    (True, False)
    """
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return environment.get("TERM") != "dumb" and _is_terminal(stream)


def carries(stream, letters: str = LETTERS) -> bool:
    """Whether the stream's encoding has these letters. A closed stream (None) has none.

    >>> carries(None, "δ"), carries(None, "delta")
    (False, True)
    """
    try:
        letters.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def to_ascii(text: str) -> str:
    """The text for an output that cannot carry the papers' letters.

    >>> to_ascii("|X−Y| ≤ δ")
    '|X-Y| <= delta'
    """
    return text.translate(_ASCII)


def put(text: str, stream) -> None:
    """Write all of it, whatever the stream's character set; a reader that has gone is no failure.

    A stream that the caller closed (None, as in `>&-`) takes nothing. Raises OSError where the output cannot be
    written, for example on a full disk.

    >>> import io
    >>> stream = io.StringIO()
    >>> put("δ", stream)
    >>> stream.getvalue()
    'δ'
    """
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = to_ascii(text).encode(encoding, "backslashreplace").decode(encoding)
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        # What is still buffered would raise again when the interpreter flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        # A reader such as `head` that has seen enough is no error; a full disk is.
        if not isinstance(error, BrokenPipeError):
            raise


def complain(message: str) -> None:
    """`put` the message on standard error; where not even that can be written, the exit code alone tells of it."""
    with contextlib.suppress(OSError):
        put(f"{message}\n", sys.stderr)


def _is_terminal(stream) -> bool:
    return bool(getattr(stream, "isatty", lambda: False)())
