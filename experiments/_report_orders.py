"""Orders that a paper has and what was measured of them: paired tests over the seeds, and verdicts that count them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from experiments._report_cli import number
from experiments.metrics import paired_comparison
from gammaprob._table_document import Column

__all__ = [
    "HOLDS", "LEVEL", "REVERSED", "UNDECIDED", "UNTESTED", "VERDICTS", "Comparison", "compare", "count_verdicts",
    "in_words", "order_columns", "paper_orders", "points", "published_p",
]

HOLDS, REVERSED, UNDECIDED, UNTESTED = "holds", "reversed", "not told apart", "not tested"
VERDICTS = (HOLDS, REVERSED, UNDECIDED, UNTESTED)
LEVEL = 0.05


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


def compare(a: Mapping[int, float], b: Mapping[int, float]) -> Comparison:
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


def paper_orders(paper: Mapping[str, Decimal], measured: Mapping[str, Mapping[int, float]]) -> list[dict]:
    """Each pair that the paper's numbers put in an order, and what was measured of it, by seed.

    A row: `low` and `high` (of the lower and of the higher published number), `neighbours` (no other one lies between
    them), `published` and `measured` (high − low), `p` and `sign_flip_p`, `seeds`, and the verdict: holds or reversed
    where a paired t-test over the seeds tells the two apart at the level of 5 %, else not told apart. Equal published
    numbers are no order. Both mappings have the same names.

    >>> paper = {"AL": Decimal("89.11"), "BCE": Decimal("88.84"), "MSE": Decimal("88.84")}
    >>> orders = paper_orders(paper, {"AL": {0: 0.5, 1: 0.7}, "BCE": {0: 0.4, 1: 0.59}, "MSE": {0: 0.6}})
    >>> [(row["low"], row["high"], row["neighbours"], row["seeds"], row["verdict"]) for row in orders]
    [('BCE', 'AL', True, 2, 'holds'), ('MSE', 'AL', True, 1, 'not tested')]
    """
    rows, ranked = [], sorted(paper, key=paper.get)
    for low, high in itertools.combinations(ranked, 2):
        if paper[low] == paper[high]:
            continue
        found = compare(measured[high], measured[low])
        rows.append({
            "low": low, "high": high,
            "neighbours": not any(paper[low] < between < paper[high] for between in paper.values()),
            "published": float(paper[high] - paper[low]), "measured": found.difference, "p": found.p_value,
            "sign_flip_p": found.sign_flip_p, "seeds": found.seeds, "verdict": found.verdict(),
        })
    return rows


def order_columns(label: Callable[[str], str] = str) -> tuple[Column, ...]:
    """What people read of a row of `paper_orders`, with the name that `label` gives to `low` and `high`.

    >>> [column.heading for column in order_columns()]
    ['the paper has', 'by', 'here', 'p', 'p±', 'seeds', 'verdict']
    """
    return (
        Column("the paper has", lambda row: f"{label(row['low'])} < {label(row['high'])}", plain=True),
        Column("by", lambda row: points(row["published"]), right=True),
        Column("here", lambda row: points(row["measured"]), right=True),
        Column("p", lambda row: number(row["p"], ".2g"), right=True),
        Column("p±", lambda row: number(row["sign_flip_p"], ".2g"), right=True),
        Column("seeds", lambda row: str(row["seeds"]), right=True),
        Column("verdict", lambda row: row["verdict"], plain=True),
    )


def published_p(first: Sequence, second: Sequence, repeats: int) -> float:
    """p of Welch's t-test from two published means, each given as (mean, sd) over so many repeats.

    >>> published_p(("74.25", "0.34"), ("72.98", "0.35"), 3)
    0.0107
    """
    from scipy.stats import ttest_ind_from_stats

    (one, one_sd), (other, other_sd) = (map(float, pair) for pair in (first, second))
    return float(ttest_ind_from_stats(one, one_sd, repeats, other, other_sd, repeats, equal_var=False).pvalue)


def count_verdicts(rows: Sequence[dict]) -> dict[str, int]:
    """How many orderings there are, and how many came out in each way.

    >>> count_verdicts([{"verdict": "holds"}])
    {'orderings': 1, 'holds': 1, 'reversed': 0, 'not told apart': 0, 'not tested': 0}
    """
    verdicts = [row["verdict"] for row in rows]
    return {"orderings": len(rows), **{verdict: verdicts.count(verdict) for verdict in VERDICTS}}


def in_words(rows: Sequence[dict]) -> str:
    """How many orderings came out in which way; what was not tested only where there is such.

    >>> in_words([{"verdict": "holds"}, {"verdict": "not told apart"}])
    '1 hold, 0 are reversed, 1 not told apart'
    """
    count = count_verdicts(rows)
    untested = f", {count[UNTESTED]} not tested" if count[UNTESTED] else ""
    return f"{count[HOLDS]} hold, {count[REVERSED]} are reversed, {count[UNDECIDED]} not told apart{untested}"


def points(difference: float | None) -> str:
    """A difference of shares in points, with its sign.

    >>> points(-0.0125), points(None)
    ('−1.25', '–')
    """
    return number(None if difference is None else 100 * difference, "+.2f")
