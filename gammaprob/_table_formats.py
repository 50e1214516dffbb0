"""A report as Markdown, LaTeX, CSV or JSON. The plain text for a terminal is in `_table_terminal`."""

from __future__ import annotations

import csv
import io
import json
import math

from gammaprob._table_document import Report, Section

__all__ = ["as_csv", "as_json", "as_latex", "as_markdown"]

# What is no LaTeX text as it stands. A double dash would become a dash, but no text here has one.
_LATEX = str.maketrans({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_", "$": r"\$",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": "$|$", "<": "$<$", ">": "$>$",
    "δ": r"$\delta$", "Θ": r"$\Theta$", "φ": r"$\phi$", "≤": r"$\le$", "≥": r"$\ge$", "−": "$-$", "±": r"$\pm$",
    "–": "--", "²": "$^2$", "é": r"\'e",
})


def as_markdown(report: Report) -> str:
    """Pipe tables under headings; the closing sentences last."""
    blocks = []
    for section in report.sections:
        blocks.append(f"## {_markdown(section.title)}")
        lines = [[column.heading for column in section.columns]]
        lines.append(["---:" if column.right else ":---" for column in section.columns])
        lines += section.cells()
        if section.rows:
            rule = lines.pop(1)
            rendered = ["| " + " | ".join(map(_markdown, line)) + " |" for line in lines]
            blocks.append("\n".join([rendered[0], "| " + " | ".join(rule) + " |", *rendered[1:]]))
        blocks += [_markdown(note) for note in section.notes]
    if report.closing:
        blocks += ["## Verdict", *(_markdown(sentence) for sentence in report.closing)]
    return "\n\n".join(blocks) + "\n"


def as_latex(report: Report) -> str:
    """One `table` a section (no package needed), the sentences as text after it; to be read in with \\input."""
    blocks = []
    for section in report.sections:
        lines = [r"\begin{table}[htbp]", r"\centering", rf"\caption{{{_latex(section.title)}}}"]
        lines.append(rf"\begin{{tabular}}{{{''.join('r' if column.right else 'l' for column in section.columns)}}}")
        lines += [r"\hline", _latex_row(column.heading for column in section.columns), r"\hline"]
        lines += [_latex_row(cells) for cells in section.cells()]
        lines += [r"\hline", r"\end{tabular}", r"\end{table}"]
        blocks += ["\n".join(lines), *(_latex(note) for note in section.notes)]
    blocks += [_latex(sentence) for sentence in report.closing]
    return "\n\n".join(blocks) + "\n"


def as_csv(report: Report) -> str:
    """One header and all rows of all sections: the first column names the section, what a row lacks is empty."""
    fields = ["section"]
    for section in report.sections:
        for row in section.rows:
            fields += [field for field in row if field not in fields]
    output = io.StringIO()
    writer = csv.DictWriter(output, fields, restval="", lineterminator="\n")
    writer.writeheader()
    for section in report.sections:
        for row in _finite_rows(section):
            writer.writerow({"section": section.name, **{key: "" if row[key] is None else row[key] for key in row}})
    return output.getvalue()


def as_json(report: Report) -> str:
    """Strict JSON in ASCII: exact values as text, what is absent as null, no NaN and no infinity."""
    document = {
        "settings": report.settings,
        "sections": [
            {"name": section.name, "title": section.title, "rows": _finite_rows(section), "notes": list(section.notes)}
            for section in report.sections
        ],
        "verdict": list(report.closing),
    }
    return json.dumps(document, allow_nan=False, indent=2) + "\n"


def _finite_rows(section: Section) -> list[dict]:
    """The rows with None where a number is NaN or infinite (an empirical mean over no pairs, for instance)."""
    return [
        {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}
        for row in section.rows
    ]


def _markdown(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("_", "\\_").replace("*", "\\*")


def _latex(text: str) -> str:
    return text.translate(_LATEX)


def _latex_row(cells) -> str:
    return " & ".join(map(_latex, cells)) + r" \\"
