"""What a study of classification says beside the paper's Tables 1, 3 and A-1: means, and which orders hold.

Digits stand beside CIFAR-10 in Table 1, which has as many classes; Tables 3 and A-1 are of CIFAR-100 alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from experiments._report_cli import mean_sd, number, spread
from experiments._report_orders import (
    LEVEL, ORDER_NOTE, by_seed, in_words, order_columns, paper_orders, published_p, with_chance,
)
from gammaprob._table_document import Column, Report, Section
from paper_tables import published

__all__ = ["REPEATS", "TABLES", "Table", "report_of"]

REPEATS = 3  # of each published mean: paper, Section 4.1


@dataclass(frozen=True)
class Table:
    """A published table: its rows by variation, and for each measure the columns of mean and standard deviation."""

    number: str
    name: str
    title: str
    variations: tuple[str, ...]  # of its rows, top to bottom
    columns: Mapping[str, tuple[str, ...]]  # measure -> (mean, sd), or (mean,); {0} is c10 or c100

    def printed(self, dataset: str) -> dict[str, dict[str, tuple[str, ...]]]:
        """Measure -> variation -> (mean, sd) or (mean,), as printed, of the data set that stands beside ours.

        >>> TABLES[0].printed("digits")["top1"]["anchor"], sorted(TABLES[0].printed("cifar100"))
        (('94.10', '0.15'), ['top1', 'top5'])
        """
        rows = dict(zip(self.variations, published.load(self.name), strict=True))
        short = "c100" if dataset == "cifar100" else "c10"
        measures = ("top1", "top5") if dataset == "cifar100" else ("top1",)
        return {
            measure: {name: tuple(row[column.format(short)] for column in self.columns[measure])
                      for name, row in rows.items()}
            for measure in measures
        }

    def beside(self, dataset: str) -> str:
        """The data set of the printed numbers.

        >>> TABLES[0].beside("digits"), TABLES[1].beside("digits")
        ('CIFAR-10', 'CIFAR-100')
        """
        return "CIFAR-10" if "{0}" in self.columns["top1"][0] and dataset != "cifar100" else "CIFAR-100"


TABLES = (
    Table("1", "anchor_table1_cifar_resnet110", "losses", ("ce", "bce", "ohem", "focal", "anchor", "anchor-warmup"),
          {measure: ("{0}_" + measure + "_mean", "{0}_" + measure + "_sd") for measure in ("top1", "top5")}),
    Table("3", "anchor_table3_cifar100_ablation", "static and dynamic anchors",
          ("static-0.8", "static-0.5", "static-0.1", "anchor", "dynamic-1", "dynamic-2"),
          {measure: (measure,) for measure in ("top1", "top5")}),
    Table("A-1", "anchor_tableA1_cifar100_anchor_design", "what is modulated",
          ("bce", "anchor-target", "anchor", "anchor-both"),
          {measure: (f"{measure}_mean", f"{measure}_sd") for measure in ("top1", "top5")}),
)
_HEADINGS = {"top1": "top-1", "top5": "top-5"}


def report_of(rows: Sequence[dict]) -> Report:
    """The tables beside the published ones, and the paper's orders with paired tests over the seeds.

    Of a table of which fewer than two rows were measured, nothing. Raises `IndexError` for no row at all.

    >>> rows = [{"variation": name, "name": name, "dataset": "digits", "seed": seed, "top1": top1 + seed / 100,
    ...          "labelled": 100, "test": 797, "seconds_total": 5.0}
    ...         for name, top1 in (("ce", 0.90), ("anchor", 0.92)) for seed in (0, 1)]
    >>> rows[0]["top1"] += 0.001
    >>> report = report_of(rows)
    >>> report.sections[0].cells()
    [['ce', 'ours', '2', '90.5±0.7'], ['', 'paper', '3', '93.91±0.12'],
     ['anchor', 'ours', '2', '92.5±0.7'], ['', 'paper', '3', '94.10±0.15']]
    >>> report.closing[0]
    'Table 1, top-1: of the 1 orders of two losses that the paper has for CIFAR-10, 1 hold, ...'
    """
    dataset, sections, closing = rows[0]["dataset"], [], []
    labels = {row["variation"]: row["name"] for row in rows}
    for table in TABLES:
        names = [name for name in table.variations if name in labels]
        if len(names) < 2:
            continue
        orders = _orders(rows, table, names, dataset)
        notes = [[_note(**rows[0])], [ORDER_NOTE]] if not sections else [[], []]
        sections += [_table(rows, table, names, dataset, notes[0]), _order_section(table, orders, labels, notes[1])]
        closing += _conclusions(table, orders, dataset)
    return Report((*sections, _costs(rows, labels)), tuple(closing), {})


def _note(*, dataset: str, labelled: int, test: int, **_) -> str:
    note = (
        f"In per cent, mean ± sample sd over the seeds; a seed draws the {labelled} labelled pictures and the weights, "
        f"the {test} test pictures are the same for all."
    )
    if dataset == "digits":
        note += " Data set and network are not the paper's: digits do not compare, orders do."
    return note


def _table(rows, table: Table, names: list[str], dataset: str, notes: list[str]) -> Section:
    printed, shown = table.printed(dataset), []
    for name in names:
        found = {measure: spread(by_seed(rows, name, measure).values()) for measure in printed}
        label = next(row["name"] for row in rows if row["variation"] == name)
        shown.append({"loss": label, "source": "ours", "seeds": found["top1"][2],
                      **{measure: mean_sd(*values[:2]) for measure, values in found.items()}})
        digits = {measure: by_name[name] for measure, by_name in printed.items()}
        shown.append({"loss": "", "source": "paper", "seeds": REPEATS if len(digits["top1"]) > 1 else None,
                      **{measure: "±".join(pair) for measure, pair in digits.items()}})
    return Section(
        f"table{table.number}", f"Table {table.number}: {table.title}; {dataset}, and {table.beside(dataset)} of the "
        "paper", (
            Column("loss", lambda row: row["loss"], plain=True), Column("from", lambda row: row["source"]),
            Column("seeds", lambda row: number(row["seeds"], "d"), right=True),
            *(Column(_HEADINGS[measure], lambda row, measure=measure: row[measure], right=True)
              for measure in printed),
        ), tuple(shown), tuple(notes),
    )


def _orders(rows, table: Table, names: list[str], dataset: str) -> list[dict]:
    """Rows of `paper_orders` for each measure, with the p-value of the paper's own means and spreads."""
    found = []
    for measure, printed in table.printed(dataset).items():
        means = {name: Decimal(printed[name][0]) / 100 for name in names}
        for row in paper_orders(means, {name: by_seed(rows, name, measure) for name in names}):
            pair = printed[row["low"]], printed[row["high"]]
            known = len(pair[0]) > 1
            found.append({"measure": measure, **row, "published_p": published_p(*pair, REPEATS) if known else None})
    return found


def _order_section(table: Table, orders: list[dict], labels: Mapping[str, str], notes: list[str]) -> Section:
    measures = {row["measure"] for row in orders}
    which = [Column("of", lambda row: _HEADINGS[row["measure"]])] if len(measures) > 1 else []
    return Section(
        f"orders{table.number}", f"Table {table.number}: the paper's orders of two losses, and how they came out here",
        (*order_columns(lambda name: labels[name]), *which), tuple(orders), tuple(notes),
    )


def _conclusions(table: Table, orders: list[dict], dataset: str):
    """Sentences that are computed from the rows above, and from nothing else."""
    for measure in dict.fromkeys(row["measure"] for row in orders):
        rows = [row for row in orders if row["measure"] == measure]
        yield (f"Table {table.number}, {_HEADINGS[measure]}: of the {len(rows)} orders of two losses that the paper "
               f"has for {table.beside(dataset)}, {with_chance(rows, 'losses')}.")
        clear = [row for row in rows if row["published_p"] is not None and row["published_p"] < LEVEL]
        if clear:
            yield (f"{len(clear)} of them are clear by the paper's own means and spreads (Welch's t-test): "
                   f"{in_words(clear)}.")


def _costs(rows, labels: Mapping[str, str]) -> Section:
    shown = [{"loss": label, "seconds": spread(by_seed(rows, name, "seconds_total").values())[0]}
             for name, label in labels.items()]
    return Section("costs", "Seconds a network", (
        Column("loss", lambda row: row["loss"], plain=True),
        Column("seconds", lambda row: number(row["seconds"], ".1f"), right=True),
    ), tuple(shown))
