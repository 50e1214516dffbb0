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
    "HOLDS", "LEVEL", "ORDER_NOTE", "REVERSED", "UNDECIDED", "UNTESTED", "VERDICTS", "Comparison", "by_seed", "compare",
    "count_verdicts", "in_words", "order_columns", "paper_orders", "points", "published_margin", "published_p",
    "with_chance",
]

HOLDS, REVERSED, UNDECIDED, UNTESTED = "holds", "reversed", "not told apart", "not tested"
VERDICTS = (HOLDS, REVERSED, UNDECIDED, UNTESTED)
LEVEL = 0.05
# On the columns of `order_columns`.
ORDER_NOTE = (
    f"by, here: the difference in points; p: paired t-test over the seeds, at the level of {LEVEL:.0%}, not corrected "
    "for their number; p±: exact sign-flip test, which decides where all differences are equal."
)


@dataclass(frozen=True)
class Comparison:
    """Two methods over the seeds that both have: mean of a − b, and p of two paired tests; None where it is undefined.

    The t-test decides where it is defined. Where all differences are equal there is no spread to divide by; its p goes
    to 0 as the spread does, but asks for normal differences, and equal ones are those of coarse numbers, such as shares
    of few pictures. The exact sign-flip test asks nothing of the kind and decides instead: 0.5 with two seeds, below
    0.05 with six or more, 1 where all differences are 0. Of more than 20 seeds it is not made, and nothing is tested.
    """

    difference: float | None
    p_value: float | None  # t-test
    sign_flip_p: float | None
    seeds: int
    standard_error: float | None = None  # of the difference

    @property
    def margin(self) -> float | None:
        """Half the width of the t-test's 95 % confidence interval: it reaches from the difference to 0 at p = 5 %."""
        from scipy.stats import t as student

        if self.standard_error is None:
            return None
        return float(student.isf(LEVEL / 2, self.seeds - 1)) * self.standard_error

    @property
    def test(self) -> tuple[str, float | None]:
        """The test that decides, p or p±, and what it found."""
        return ("p", self.p_value) if self.p_value is not None else ("p±", self.sign_flip_p)

    @property
    def said(self) -> str:
        """The same in words; empty where nothing was tested."""
        name, found = self.test
        return "" if found is None else f"{name} = {found:.2g}"

    @property
    def decided(self) -> bool:
        return self.test[1] is not None and self.test[1] < LEVEL

    def verdict(self, sign: int = 1) -> str:
        """Whether a difference of this sign holds: one of `VERDICTS`."""
        if self.test[1] is None:
            return UNTESTED
        return UNDECIDED if not self.decided else HOLDS if sign * self.difference > 0 else REVERSED


def by_seed(rows: Sequence[dict], variation: str, column: str) -> dict[int, float]:
    """The values of one column of a study of variations, over the seeds that have it.

    >>> by_seed([{"variation": "BCE", "seed": 0, "Mean": 0.25}, {"variation": "BCE", "seed": 1}], "BCE", "Mean")
    {0: 0.25}
    """
    return {row["seed"]: row[column] for row in rows if row["variation"] == variation and row.get(column) is not None}


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
        None if math.isnan(found.t_p) else found.standard_error,
    )


def paper_orders(paper: Mapping[str, Decimal], measured: Mapping[str, Mapping[int, float]]) -> list[dict]:
    """Each pair that the paper's numbers put in an order, and what was measured of it, by seed.

    A row: `low` and `high` (of the lower and of the higher published number), `neighbours` (no other one lies between
    them), `published` and `measured` (high − low), `p` and `sign_flip_p`, `seeds`, and the verdict: holds or reversed
    where a paired test over the seeds (`Comparison.test`) tells the two apart at the level of 5 %, else not told apart,
    or not tested. Equal published numbers are no order. Both mappings have the same names.

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


def published_margin(first: Sequence, second: Sequence, repeats: int) -> float:
    """Half the width of the 95 % confidence interval of the difference that `published_p` tests, in its unit.

    >>> published_margin(("74.25", "0.34"), ("72.98", "0.35"), 3)
    0.7824
    """
    from scipy.stats import t as student

    one, other = (float(sd) ** 2 / repeats for _, sd in (first, second))
    freedom = (repeats - 1) * (one + other) ** 2 / (one**2 + other**2)  # Welch and Satterthwaite, for equal repeats
    return float(student.isf(LEVEL / 2, freedom)) * (one + other) ** 0.5


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


def with_chance(rows: Sequence[dict], what: str) -> str:
    """The same, with the number of tests and of what chance alone would tell apart, `what` in the plural.

    >>> with_chance([{"verdict": "holds"}] * 20 + [{"verdict": "not tested"}], "losses")
    '20 hold, ..., 1 not tested (20 tests; by chance alone about 1.0 would tell losses apart)'
    """
    tests = len(rows) - count_verdicts(rows)[UNTESTED]
    return f"{in_words(rows)} ({tests} tests; by chance alone about {LEVEL * tests:.1f} would tell {what} apart)"


def points(difference: float | None) -> str:
    """A difference of shares in points, with its sign.

    >>> points(-0.0125), points(None)
    ('−1.25', '–')
    """
    return number(None if difference is None else 100 * difference, "+.2f")
