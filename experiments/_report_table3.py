"""Tables 3(a) and 3(b): the published digits, the measured means, and the paper's orderings.

Everything that the paper says is read out of its published tables; which method is ahead of which, at which stage, is
found by comparing their means.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from experiments._report_cli import spread
from experiments._report_orders import paper_orders, published_p
from experiments.methods import METHODS
from experiments.record import Study
from paper_tables import published

__all__ = [
    "ALL_STAGES", "PAPER_REPEATS", "TABLES", "orderings", "published_dataset", "published_means", "table_rows",
    "values_at",
]

PAPER_REPEATS = 5  # of each published mean: paper, Section 5
ALL_STAGES = "mean"  # in the place of a stage: the mean over all of them
_DATASETS = {"generated": "LSP-LSPET", "lspet": "LSP-LSPET", "lsp-lspet": "LSP-LSPET", "mpii": "MPII"}


@dataclass(frozen=True)
class _Table:
    letter: str
    name: str  # of the published table
    column: str  # of a study's rows
    what: str


TABLES = (
    _Table("3(a)", "main_table3a_failure_detection", "picked_pck", "PCK of the picked images before they are labelled"),
    _Table("3(b)", "main_table3b_testing", "test_pck", "PCK of the test set after the stage"),
)


# --- published -------------------------------------------------------------------------------------------------------

def published_dataset(study: Study) -> str:
    """The data set of the paper that a study's own stands for.

    >>> published_dataset(Study("x", {"dataset": "lspet"}, (), (), (), {}))
    'LSP-LSPET'
    """
    return _DATASETS[study.config["dataset"]]


def published_means(table: _Table, dataset: str) -> dict[str, dict[int, tuple[Decimal, Decimal]]]:
    """Method -> stage -> (mean, sd) as printed.

    >>> published_means(TABLES[0], "MPII")["ll++"][1]
    (Decimal('0.291'), Decimal('0.022'))
    """
    names = {method.label: name for name, method in METHODS.items()}
    found: dict[str, dict] = {}
    for row in published.load(table.name):
        if row["dataset"] == dataset:
            stage = int(row["stage"].removeprefix("Stage "))
            found.setdefault(names[row["method"]], {})[stage] = Decimal(row["mean"]), Decimal(row["sd"])
    return found


# --- measured --------------------------------------------------------------------------------------------------------

def values_at(study: Study, method: str, stage, column: str) -> dict[int, float]:
    """Seed -> value at a stage; at `ALL_STAGES`, the mean over all stages of the seeds that have every stage.

    >>> rows = tuple({"method": "ll", "seed": 0, "stage": k, "test_pck": k / 4} for k in (1, 2))
    >>> values_at(Study("x", {}, rows, (), (), {}), "ll", ALL_STAGES, "test_pck")
    {0: 0.375}
    """
    if stage != ALL_STAGES:
        return study.by_seed(method, stage, column)
    stages = [study.by_seed(method, one, column) for one in study.stages]
    whole = set.intersection(*map(set, stages)) if stages else set()
    return {seed: sum(values[seed] for values in stages) / len(stages) for seed in sorted(whole)}


def table_rows(study: Study, table: _Table) -> list[dict]:
    """Two rows a method: measured, and below it the published one where the paper has the method.

    A row has `means`, `sds` and `seeds`, lists over the stages of the study; published means are texts, as printed.
    """
    paper = published_means(table, published_dataset(study))
    rows = []
    for method in study.methods:
        found = [spread(study.by_seed(method, stage, table.column).values()) for stage in study.stages]
        rows.append({"method": METHODS[method].label, "source": "measured", **_columns(found)})
        if method in paper:
            printed = [map(str, paper[method][stage]) if stage in paper[method] else (None, None)
                       for stage in study.stages]
            rows.append({"method": METHODS[method].label, "source": "published",
                         **_columns([(*pair, None) for pair in printed])})
    return rows


def _columns(cells) -> dict:
    means, sds, seeds = ([cell[place] for cell in cells] for place in range(3))
    return {"means": means, "sds": sds, "seeds": seeds}


def orderings(study: Study, table: _Table) -> list[dict]:
    """Each pair of methods that the paper puts in an order at a stage, and what was measured of it.

    A row of `experiments._report_orders.paper_orders`, in shares, with `stage` (or `ALL_STAGES`) and `published_p`, of
    Welch's t-test from the published means and spreads; None in the mean over the stages.
    """
    paper = published_means(table, published_dataset(study))
    methods = [method for method in study.methods if method in paper]
    stages = [stage for stage in study.stages if all(stage in paper[method] for method in methods)]
    whole = [ALL_STAGES] if len(stages) == len(study.stages) > 1 else []
    return [
        {"stage": stage, **row, "published_p": _published_p(paper, row["low"], row["high"], stage)}
        for stage in [*stages, *whole]
        for row in paper_orders({method: _published_mean(paper[method], stage, stages) for method in methods},
                                {method: values_at(study, method, stage, table.column) for method in methods})
    ]


def _published_mean(by_stage: dict, stage, stages: list[int]) -> Decimal:
    chosen = stages if stage == ALL_STAGES else [stage]
    return sum((by_stage[one][0] for one in chosen), Decimal(0)) / len(chosen)


def _published_p(paper: dict, low: str, high: str, stage) -> float | None:
    """p of Welch's t-test from the published means and spreads; the spread of a mean over stages is not published."""
    if stage == ALL_STAGES:
        return None
    return published_p(paper[low][stage], paper[high][stage], PAPER_REPEATS)
