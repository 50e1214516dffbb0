"""Docstrings of this project as reStructuredText.

They are plain text that a terminal shows well: single backticks mark code, double stars bold words, |x| is an absolute
value, x_ a letter, and numpydoc's underlined headings stand over lists of "name : type" with indented descriptions.
Examples and `.. math::` blocks are reStructuredText already and pass unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from paper_tables.records import DOCUMENTS

__all__ = ["LEDGER_ID", "to_rst"]

LEDGER_ID = rf"(?:{'|'.join(DOCUMENTS.values())})-[A-Z0-9]+(?:-[A-Z0-9]+)*"

_HEADINGS = {"Attributes", "Examples", "Parameters", "Raises", "Returns", "Yields"}
_DIRECTIVE = re.compile(r"\s*\.\. [\w-]+::")
_TERM = re.compile(r"^(\s*)(\*{0,2}\w+(?:, \*{0,2}\w+)*) : (.+)$")
_TOKEN = re.compile(
    rf"(?P<literal>``.+?``|(?<![\w*])\*\*\w[^*\n]*\*\*)|`(?P<code>[^`]+)`"
    rf"|\b(?P<record>{LEDGER_ID})\b(?!-)|\b(?P<error>[A-Z]\w+Error)\b", re.DOTALL,
)
_OPENING = re.compile(r"""[\s"'(\[{<\-/:–—„“‘«]""")  # what may stand before and after inline markup
_CLOSING = re.compile(r"""[\s"')\]}>\-/:.,;!?–—”’»]""")


def to_rst(lines: list[str], link: Callable[[str], str | None]) -> list[str]:
    r"""The lines of a docstring as reStructuredText; `link` gives the role for a name or ledger id, or None.

    >>> to_rst(["|x| of `x`."], lambda name: None)
    ['\\|x\\| of ``x``.']
    >>> to_rst(["See `gap_cdf`."], ":py:func:`{0} <gammaprob.{0}>`".format)
    ['See :py:func:`gap_cdf <gammaprob.gap_cdf>`.']
    """
    return [line for block in _blocks(lines) for line in _converted(block, link)]


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """The lines in runs: a paragraph, an example up to its blank line, or a directive with all that is indented."""
    block: list[str] = []
    for line in lines:
        directive = bool(block) and bool(_DIRECTIVE.match(block[0]))
        inside = directive and (not line.strip() or _indent(line) > _indent(block[0]))
        starts = bool(_DIRECTIVE.match(line)) or (line.lstrip().startswith(">>> ") and not _is_example(block))
        ends = bool(block) and not block[-1].strip() and not directive
        if block and not inside and (directive or starts or ends):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _converted(block: list[str], link) -> list[str]:
    if _DIRECTIVE.match(block[0]) or _is_example(block):
        return block
    if len(block) > 1 and block[0].strip() in _HEADINGS and set(block[1].strip()) == {"-"}:
        return [f".. rubric:: {block[0].strip()}", "", *_inline("\n".join(_terms(block[2:])), link).split("\n")]
    return _inline("\n".join(_paragraphs(block)), link).split("\n")


def _terms(lines: list[str]) -> Iterator[str]:
    """Names in the terms of a definition list as code; what a term without a description says is its description."""
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        term = _TERM.match(line)
        if not term:
            yield line
            continue
        names = f"{term[1]}{', '.join(f'`{name}`' for name in term[2].split(', '))}"
        described = _indent(following) > _indent(line)
        yield from [f"{names} : {term[3]}"] if described else [names, f"{term[1]}    {term[3]}"]


def _paragraphs(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if line.lstrip().startswith("ERRATUM:"):
            yield ""
        yield line


def _inline(text: str, link) -> str:
    """Code, links and ledger ids marked up; everything else escaped that would be taken for markup."""
    parts, end = [], 0
    for match in _TOKEN.finditer(text):
        parts.append(_escaped(text[end:match.start()]))
        name = match["code"] or match["record"] or match["error"]
        role = link(name) if name else None
        code = match["literal"] or (f"``{' '.join(match['code'].split())}``" if match["code"] else None)
        if role or code:
            before, after = text[match.start() - 1:match.start()], text[match.end():match.end() + 1]
            apart = "" if not before or _OPENING.match(before) else "\\ "
            parts.append(apart + (role or code) + ("" if not after or _CLOSING.match(after) else "\\ "))
        else:
            parts.append(_escaped(match[0]))
        end = match.end()
    return "".join([*parts, _escaped(text[end:])])


def _escaped(text: str) -> str:
    text = re.sub(r'[\\|`"]', r"\\\g<0>", text)  # a quoted word is a value, and its quotes stay straight
    text = re.sub(r"(?m)(^\s*\* )|\*", lambda star: star[1] or r"\*", text)  # a bullet stays
    return re.sub(r"_(?!\w)", r"\\_", text)


def _is_example(block: list[str]) -> bool:
    return bool(block) and block[0].lstrip().startswith(">>> ")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
