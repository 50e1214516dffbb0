"""Tables 3(a) and 3(b): the published digits, the measured means, the paired tests, and the paper's orderings.

Everything that the paper says is read out of its published tables; which method is ahead of which, at which stage, is
found by comparing their means.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from decimal import Decimal

from scipy.stats import ttest_ind_from_stats

from experiments._report_cli import spread
from experiments.methods import METHODS
from experiments.metrics import paired_comparison
from experiments.record import Study
from paper_tables import published

__all__ = [
    "ALL_STAGES", "HOLDS", "LEVEL", "PAPER_REPEATS", "REVERSED", "TABLES", "UNDECIDED", "UNTESTED", "VERDICTS",
    "Comparison", "compare",
    "orderings", "published_dataset", "published_means", "table_rows", "values_at",
]

HOLDS, REVERSED, UNDECIDED, UNTESTED = "holds", "reversed", "not told apart", "not tested"
VERDICTS = (HOLDS, REVERSED, UNDECIDED, UNTESTED)
LEVEL = 0.05
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


@dataclass(frozen=True)
class Comparison:
    """Two methods over the seeds that both have: mean of a − b, and p of two paired tests.

    None where the seeds are too few to say: no seed, one, or no spread to set the difference against.
    """

    difference: float | None
    p_value: float | None  # t-test
    sign_flip_p: float | None
    seeds: int

    @property
    def decided(self) -> bool:
        return self.p_value is not None and self.p_value < LEVEL

    def verdict(self, sign: int = 1) -> str:
        """Whether a difference of this sign holds: one of `VERDICTS`."""
        if self.p_value is None:
            return UNDECIDED if self.seeds > 1 and self.difference == 0 else UNTESTED
        return UNDECIDED if not self.decided else HOLDS if sign * self.difference > 0 else REVERSED


def compare(a: dict[int, float], b: dict[int, float]) -> Comparison:
    """Compare values by seed, on the seeds of both. Raises no error of its own.

    >>> compare({0: 0.5, 1: 0.7}, {1: 0.6, 2: 0.1}).seeds
    1
    """
    common = sorted(a.keys() & b.keys())
    if not common:
        return Comparison(None, None, None, 0)
    if len(common) == 1:
        return Comparison(a[common[0]] - b[common[0]], None, None, 1)
    found = paired_comparison([a[seed] for seed in common], [b[seed] for seed in common])
    return Comparison(
        found.difference, *(None if math.isnan(p) else p for p in (found.t_p, found.sign_flip_p)), len(common),
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

    A row: `stage` (or `ALL_STAGES`), `low` and `high` (the method of the lower and of the higher published mean),
    `neighbours` (no other method of both tables lies between them), `published` and `measured` (high − low, as shares),
    `published_p` (Welch's t-test from the published means and spreads; None in the mean over the stages), `p` and
    `sign_flip_p`, `seeds`, and the verdict: holds or reversed where a paired t-test over the seeds tells the methods
    apart at the level of 5 %, else not told apart. Equal published means are no order.
    """
    paper = published_means(table, published_dataset(study))
    methods = [method for method in study.methods if method in paper]
    stages = [stage for stage in study.stages if all(stage in paper[method] for method in methods)]
    whole = [ALL_STAGES] if len(stages) == len(study.stages) > 1 else []
    rows = []
    for stage in [*stages, *whole]:
        means = {method: _published_mean(paper[method], stage, stages) for method in methods}
        ordered = sorted(methods, key=means.get)
        for low, high in itertools.combinations(ordered, 2):
            if means[low] == means[high]:
                continue
            found = compare(*(values_at(study, method, stage, table.column) for method in (high, low)))
            between = any(means[low] < means[other] < means[high] for other in methods)
            rows.append({
                "stage": stage, "low": low, "high": high, "neighbours": not between,
                "published": float(means[high] - means[low]), "published_p": _published_p(paper, low, high, stage),
                "measured": found.difference, "p": found.p_value,
                "sign_flip_p": found.sign_flip_p, "seeds": found.seeds, "verdict": found.verdict(),
            })
    return rows


def _published_mean(by_stage: dict, stage, stages: list[int]) -> Decimal:
    chosen = stages if stage == ALL_STAGES else [stage]
    return sum((by_stage[one][0] for one in chosen), Decimal(0)) / len(chosen)


def _published_p(paper: dict, low: str, high: str, stage) -> float | None:
    """p of Welch's t-test from the published means and spreads; the spread of a mean over stages is not published."""
    if stage == ALL_STAGES:
        return None
    (first, first_sd), (second, second_sd) = (map(float, paper[method][stage]) for method in (low, high))
    found = ttest_ind_from_stats(
        first, first_sd, PAPER_REPEATS, second, second_sd, PAPER_REPEATS, equal_var=False,
    )
    return float(found.pvalue)
