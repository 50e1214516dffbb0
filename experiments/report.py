"""`python -m experiments report`: Table 3 of a study beside the published one, and which of its orderings hold.

Means and sample standard deviations over the seeds, paired tests between methods, correlation of predicted and true
losses, what was picked (Fig. 5), time and memory; last, computed, what the study concludes.
"""

from __future__ import annotations

import itertools
from decimal import Decimal

from experiments import _report_cli
from experiments._report_beside import beside_of
from experiments._report_cli import mean_sd, missing_note, number, spread
from experiments._report_orders import (
    LEVEL, VERDICTS, Comparison, compare, count_verdicts, in_words, points, with_chance,
)
from experiments._report_table3 import (
    ALL_STAGES, PAPER_REPEATS, TABLES, orderings, published_dataset, table_rows, values_at,
)
from experiments.methods import METHODS
from experiments.record import BASE, Study
from gammaprob._table_document import ABSENT, Column, Report, Section

__all__ = ["main", "report_of"]

_DESCRIPTION = """\
Tables 3(a) and 3(b) of a study, mean ± sd over the seeds, beside the published ones; paired
tests, and a statement of which of the paper's orderings hold."""
_METHOD = Column("method", lambda row: row["method"], plain=True)
_STAGE = Column("stage", lambda row: str(row["stage"]), right=True)
_COUNTED = ("orderings", "clear", *VERDICTS)
# Fig. 5 and its caption, at stage 1: what LearningLoss++ has more (+1) or less (−1) of than Learning Loss.
_FIGURE_5 = (
    ("Spearman correlation", "pool_spearman", +1),
    ("mean loss of the picked", "picked_true_loss_mean", +1),
    ("variance of the same", "picked_true_loss_variance", -1),
)


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit code; `--help` says which."""
    return _report_cli.run("report", _DESCRIPTION, argv, report_of, beside_of)


def report_of(study: Study) -> Report:
    """The report of a study, as sections of rows: what every format prints.

    >>> from experiments.record import Study
    >>> rows = tuple(
    ...     {"method": method, "seed": seed, "stage": 1, "picked_pck": pck + seed / 100, "test_pck": 0.5 + seed / 100}
    ...     for method, pck in (("random", 0.40), ("ll", 0.20 + 0.001)) for seed in (0, 1))
    >>> report = report_of(Study("x", {"dataset": "lspet"}, rows, (), (), {}))
    >>> report.closing[0]
    'Table 3(a): of the 1 orderings of two methods at a stage that LSP-LSPET has in the paper, 0 hold, ...'

    Errors: `KeyError` for a study without a data set in its configuration.
    """
    ordered = {table.letter: orderings(study, table) for table in TABLES}
    sections = [
        *(_table(study, table) for table in TABLES),
        *(section for table in TABLES for section in _orderings(table, ordered[table.letter])),
        _pairs(study), _losses(study), _figure_5(study), _costs(study),
    ]
    return Report(
        tuple(section for section in sections if section.rows), tuple(_conclusions(study, ordered)),
        {"study": study.name, "config": study.config, "provenance": study.provenance},
    )


# --- Table 3 ---------------------------------------------------------------------------------------------------------

def _table(study: Study, table) -> Section:
    dataset = published_dataset(study)
    columns = [_METHOD, Column("from", lambda row: {"measured": "ours", "published": "paper"}[row["source"]]),
               Column("seeds", lambda row: _seeds(row["seeds"]), right=True)]
    columns += [
        Column(f"stage {stage}", lambda row, place=place: _percent(row["means"][place], row["sds"][place]), right=True)
        for place, stage in enumerate(study.stages)
    ]
    notes = []
    if table is TABLES[0]:
        notes.append(
            f"In per cent, mean ± sample sd over the seeds; the lower 3(a), the better a method finds failures. paper: "
            f"{dataset}, {PAPER_REPEATS} repeats. Data set "
            f"({study.config['dataset']}), network and scale are not the paper's: digits do not compare, orderings do."
        )
        notes += missing_note(study)
    return Section(f"table{table.letter}", f"Table {table.letter}: {table.what}", tuple(columns),
                   tuple(table_rows(study, table)), tuple(notes))


def _percent(mean, sd) -> str:
    """A share as a percentage; a published one keeps the digits it was printed with."""
    if isinstance(mean, str):
        return f"{Decimal(mean).scaleb(2)}±{Decimal(sd).scaleb(2)}"
    return mean_sd(mean, sd)


def _seeds(counts: list) -> str:
    """The number of seeds, or from fewest to most where the stages differ."""
    present = [count for count in counts if count is not None]
    if not present:
        return ABSENT
    return str(present[0]) if len(set(present)) == 1 else f"{min(present)}–{max(present)}"


# --- orderings and tests ---------------------------------------------------------------------------------------------

def _orderings(table, rows: list[dict]) -> list[Section]:
    """Neighbours in detail, then how many of all orderings hold at each stage."""
    neighbours = Section(
        f"orderings{table.letter}", f"Table {table.letter}: neighbours in the paper, and how they came out here",
        (
            _STAGE, Column("the paper has", lambda row: f"{_label(row['low'])} < {_label(row['high'])}", plain=True),
            Column("by", lambda row: points(row["published"]), right=True),
            Column("here", lambda row: points(row["measured"]), right=True),
            Column("p", lambda row: number(row["p"], ".2g"), right=True),
            Column("seeds", lambda row: str(row["seeds"]), right=True),
            Column("verdict", lambda row: row["verdict"], plain=True),
        ),
        tuple(row for row in rows if row["neighbours"]),
        (f"by, here: the difference in points; p: paired t-test over the seeds, at the level of {LEVEL:.0%}, not "
         f"corrected for their number. {ALL_STAGES}: mean over the stages.",) if table is TABLES[0] else (),
    )
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    at = {stage: [row for row in rows if row["stage"] == stage] for stage in stages}
    counts = [{"stage": stage, "clear": sum(map(_clear, found)), **count_verdicts(found)}
              for stage, found in at.items()]
    summary = Section(
        f"summary{table.letter}", f"Table {table.letter}: all orderings of two methods",
        (_STAGE, *(Column(name, lambda row, name=name: str(row[name]), right=True)
                   for name in _COUNTED)), tuple(counts),
        ("clear: the paper's own means and spreads tell the two apart (Welch's t-test).",)
        if table is TABLES[0] else (),
    )
    return [neighbours, summary]


def _clear(row: dict) -> bool:
    return row["published_p"] is not None and row["published_p"] < LEVEL


def _pairs(study: Study) -> Section:
    """Every method against every other, in the mean over the stages."""
    rows = []
    for first, second in itertools.combinations(study.methods, 2):
        row = {"method": METHODS[first].label, "other": METHODS[second].label}
        for table in TABLES:
            found = _in_the_mean(study, first, second, table.column)
            row |= {f"{table.column}_difference": found.difference, f"{table.column}_p": found.p_value,
                    f"{table.column}_sign_flip_p": found.sign_flip_p, "seeds": found.seeds}
        rows.append(row)
    columns = [Column("pair", lambda row: f"{row['method']} − {row['other']}", plain=True),
               Column("seeds", lambda row: str(row["seeds"]), right=True)]
    for table in TABLES:
        columns += [
            Column(table.letter, lambda row, name=table.column: points(row[f"{name}_difference"]), right=True),
            Column("p", lambda row, name=table.column: number(row[f"{name}_p"], ".2g"), right=True),
            Column("p±", lambda row, name=table.column: number(row[f"{name}_sign_flip_p"], ".2g"), right=True),
        ]
    fewest = min((row["seeds"] for row in rows if row["seeds"] > 1), default=None)
    limit = "" if fewest is None else f"; with {fewest} seeds it cannot fall below {2.0 ** (1 - fewest):g}"
    return Section(
        "pairs", "Every pair of methods, mean over the stages", tuple(columns), tuple(rows),
        (f"3(a), 3(b): difference in points. p: paired t-test, p±: exact sign-flip test over the seeds{limit}.",),
    )


def _in_the_mean(study: Study, first: str, second: str, column: str) -> Comparison:
    return compare(values_at(study, first, ALL_STAGES, column), values_at(study, second, ALL_STAGES, column))


def _label(method: str) -> str:
    return METHODS[method].label


# --- losses, Fig. 5, costs -------------------------------------------------------------------------------------------

def _losses(study: Study) -> Section:
    names = ("pool_spearman", "pool_pearson", "pool_true_loss_mean", "picked_true_loss_mean",
             "pool_true_loss_variance", "picked_true_loss_variance")
    rows = []
    for method, stage in itertools.product(study.methods, study.stages):
        row = {"method": METHODS[method].label, "stage": stage}
        for name in names:
            mean, sd, seeds = spread(study.by_seed(method, stage, name).values())
            row |= {name: mean, f"{name}_sd": sd, "seeds": seeds}
        rows.append(row)
    return Section(
        "losses", "Predicted and true losses of the pool, and those of the picked (Fig. 5)",
        (
            _METHOD, _STAGE,
            Column("Spearman", lambda row: _plus_minus(row, "pool_spearman"), right=True),
            Column("Pearson", lambda row: _plus_minus(row, "pool_pearson"), right=True),
            Column("pool mean", lambda row: number(row["pool_true_loss_mean"]), right=True),
            Column("picked", lambda row: number(row["picked_true_loss_mean"]), right=True),
            Column("pool var", lambda row: number(row["pool_true_loss_variance"], ".2g"), right=True),
            Column("picked", lambda row: number(row["picked_true_loss_variance"], ".2g"), right=True),
        ), tuple(rows),
        ("Correlations: mean ± sd over the seeds, before the stage's images are labelled. Losses in the unit of the "
         "pose loss, means over the labelled joints; LL's head learned means over all joints.",),
    )


def _plus_minus(row: dict, name: str) -> str:
    sd = row[f"{name}_sd"]
    return number(row[name], ".2f") + ("" if sd is None else f" ± {sd:.2f}")


def _figure_5(study: Study) -> Section:
    """The three statements of Fig. 5 on LearningLoss++ and Learning Loss, by the same tests."""
    rows = []
    for what, column, sign in _FIGURE_5:
        found = compare(study.by_seed("ll++", 1, column), study.by_seed("ll", 1, column))
        if found.seeds:
            rows.append({"what": what, "paper": sign, "difference": found.difference, "p": found.p_value,
                         "sign_flip_p": found.sign_flip_p, "seeds": found.seeds, "verdict": found.verdict(sign)})
    return Section(
        "figure5", "Fig. 5: LL++ against LL at stage 1",
        (
            Column("what", lambda row: row["what"], plain=True),
            Column("paper", lambda row: "higher" if row["paper"] > 0 else "lower"),
            Column("LL++ − LL", lambda row: number(row["difference"], "+.2g"), right=True),
            Column("p", lambda row: number(row["p"], ".2g"), right=True),
            Column("verdict", lambda row: row["verdict"], plain=True),
        ), tuple(rows),
    )


def _costs(study: Study) -> Section:
    rows = []
    for method in study.methods:
        cells = [row for row in study.rows if row["method"] == method and row["stage"] > 0]
        parts = {name: spread(row.get(f"seconds_{name}") for row in cells)[0] for name in ("score", "train", "test")}
        rows.append({
            "method": METHODS[method].label, "cells": len(cells), **parts,
            "images_per_second": spread(row.get("training_images_per_second") for row in cells)[0],
            "memory_bytes": max((row.get("memory_bytes") or 0 for row in cells), default=0),
        })
    return Section(
        "costs", "Seconds a stage, and memory",
        (
            _METHOD, Column("cells", lambda row: str(row["cells"]), right=True),
            *(Column(name, lambda row, name=name: number(row[name], ".1f"), right=True)
              for name in ("score", "train", "test")),
            Column("images/s", lambda row: number(row["images_per_second"], ".0f"), right=True),
            Column("MB", lambda row: f"{row['memory_bytes'] / 1e6:.0f}", right=True),
        ), tuple(rows),
        ("Means over the stages' cells; images/s: in training. MB: the most that a process of the method had held.",),
    )


# --- what it concludes -----------------------------------------------------------------------------------------------

def _conclusions(study: Study, ordered: dict[str, list[dict]]):
    """Sentences that are computed from the rows above, and from nothing else."""
    dataset = published_dataset(study)
    for table in TABLES:
        rows = [row for row in ordered[table.letter] if row["stage"] != ALL_STAGES]
        if not rows:
            continue
        yield (f"Table {table.letter}: of the {len(rows)} orderings of two methods at a stage that {dataset} has in "
               f"the paper, {with_chance(rows, 'methods')}.")
        clear = [row for row in rows if _clear(row)]
        yield f"{len(clear)} of them are clear by the paper's own means and spreads: {in_words(clear)}."
    for first, second in (("ll++", "ll"), ("ll++conv", "ll++"), ("ll++", "random"), ("ll++", "coreset")):
        if {first, second} <= set(study.methods):
            said = [_said(table.letter, _in_the_mean(study, first, second, table.column)) for table in TABLES]
            yield f"{_label(first)} against {_label(second)}, mean over the stages: {'; '.join(said)}."
    yield from _bounds(study)
    base = spread(study.by_seed(BASE, 0, "test_pck").values())
    if base[2]:
        yield f"Before any stage, the base model tests at {_percent(*base[:2])} ({base[2]} seeds)."
    yield from missing_note(study)


def _said(letter: str, found: Comparison) -> str:
    if found.difference is None:
        return f"{letter} has no seed of both"
    p = f", {found.said}, {found.seeds} seeds" if found.said else ""
    told = f"{points(found.difference)} points{p}"
    return f"{letter} {told}" if found.decided else f"{letter} {found.verdict()} ({told})"


def _bounds(study: Study):
    """Where each method lies between random picks and the oracle's, at the stage where all have the same pool."""
    if not {"random", "oracle"} <= set(study.methods):
        return
    if not compare(*(study.by_seed(method, 1, "picked_pck") for method in ("random", "oracle"))).decided:
        yield "Random picks and those of the true loss are not told apart at stage 1: nothing to measure the others by."
        return
    picked = {
        method: spread(study.by_seed(method, 1, "picked_pck").values())[0] for method in study.methods
    }
    random, oracle = picked.pop("random"), picked.pop("oracle")
    shares = [f"{_label(method)} {(random - mean) / (random - oracle):.0%}" for method, mean in picked.items()
              if mean is not None]
    if shares:
        yield ("In finding failures at stage 1, where all methods have the same pool, the way from random picks (0%) "
               f"to those of the true loss (100%): {', '.join(shares)}.".replace("-", "−"))
