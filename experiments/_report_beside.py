"""One study beside another of the same data set: what a switch that one of them has on does to Table 3.

Compared are the cells that both have, seed by seed. What a method finds is told by how much worse its picks are than
the pool that they are from, by the network that picked: a better network has more joints right among its picks, too,
and after the first stage each method has a network and a pool of its own.
"""

from __future__ import annotations

import dataclasses

from experiments._report_cli import mean_sd, number, spread
from experiments._report_orders import HOLDS, REVERSED, UNDECIDED, UNTESTED, Comparison, compare, points
from experiments._report_table3 import TABLES
from experiments.config import Config
from experiments.errors import DataError
from experiments.methods import METHODS
from experiments.record import BASE, Study
from gammaprob._table_document import Column, Report, Section

__all__ = ["beside_of"]

_PICKED, _POOL = TABLES[0].column, "pool_pck"
_RANDOM = "random"
# That the picks are worse than their pool, by the verdict of the test.
_FINDS = {HOLDS: "finds failures", REVERSED: "avoids failures", UNDECIDED: "is not told apart from its pool",
          UNTESTED: "is not tested"}


def beside_of(study: Study, other: Study) -> Report:
    """Tables 3(a) and 3(b) of a study beside those of another, and how much worse than their pools the picks are.

    Raises `DataError` where they are of other data sets, or have no cell in common.

    >>> def of(name, **shares):
    ...     rows = [{"method": method, "seed": seed, "stage": 1, "picked_pck": share + seed / 100, "pool_pck": 0.45,
    ...              "test_pck": 0.5} for method, share in shares.items() for seed in (0, 1)]
    ...     return Study(name, {"dataset": "lspet"}, tuple(rows), (), (), {})
    >>> report = beside_of(of("on", random=0.4, ll=0.25), of("off", random=0.3, ll=0.1))
    >>> report.sections[0].cells()[0]
    ['Random', '1', '2', '40.5±0.7', '30.5±0.7', '+10.00', '–', '0.5']
    >>> report.sections[2].cells()
    [['LL', '1', '2', '−19.5±0.7', '−34.5±0.7', '+15.00', '–', '0.5']]
    """
    if study.config["dataset"] != other.config["dataset"]:
        raise DataError("beside", f"{other.name}, a study of {other.config['dataset']}",
                        f"one of {study.config['dataset']}", "name another study")
    cells = [(method, stage) for method in (BASE, *study.methods) for stage in (0, *study.stages)]
    tables = [_section(f"beside{table.letter}", f"Table {table.letter} of {study.name}, beside {other.name}",
                       {cell: [one.by_seed(*cell, table.column) for one in (study, other)] for cell in cells})
              for table in TABLES]
    if not tables[1].rows:
        raise DataError("beside", other.name, f"a study with a method, seed and stage of {study.name}", "name another")
    found = _section(
        "found", "Failures found: Table 3(a), the picked − their whole pool, by the same network",
        {cell: [_below_pool(one, *cell) for one in (study, other)] for cell in cells if cell[0] != _RANDOM},
        "In points; the further below 0, the more failures a method finds.",
    )
    first, *others = (section for section in (*tables, found) if section.rows)
    first = dataclasses.replace(first, notes=(
        "In per cent, mean ± sample sd over the seeds that both have; −: the difference, p: its paired t-test, p±: its "
        "exact sign-flip test, which decides where all differences are equal. Settings of the first that the second "
        f"has not: {_settings(study, other)}.",))
    return Report((first, *others), tuple(_conclusions(found)), {})


def _section(name: str, title: str, values: dict, *notes: str) -> Section:
    """Rows of (method, stage) -> the values by seed, here and beside."""
    rows = []
    for (method, stage), sides in values.items():
        found = compare(*sides)
        if found.seeds:
            here, beside = ({seed: side[seed] for seed in sides[0].keys() & sides[1].keys()} for side in sides)
            rows.append({"method": METHODS[method].label if method in METHODS else "Base", "stage": stage,
                         "seeds": found.seeds, "here": here, "beside": beside, "difference": found.difference,
                         "p": found.p_value, "sign_flip_p": found.sign_flip_p})
    return Section(name, title, (
        Column("method", lambda row: row["method"], plain=True),
        Column("stage", lambda row: str(row["stage"]), right=True),
        Column("seeds", lambda row: str(row["seeds"]), right=True),
        *(Column(side, lambda row, side=side: _percent(row[side]), right=True) for side in ("here", "beside")),
        Column("−", lambda row: points(row["difference"]), right=True),
        Column("p", lambda row: number(row["p"], ".2g"), right=True),
        Column("p±", lambda row: number(row["sign_flip_p"], ".2g"), right=True),
    ), tuple(rows), notes)


def _percent(by_seed: dict[int, float]) -> str:
    return mean_sd(*spread(by_seed.values())[:2]).replace("-", "−")


def _below_pool(study: Study, method: str, stage: int) -> dict[int, float]:
    picked, pool = (study.by_seed(method, stage, column) for column in (_PICKED, _POOL))
    return {seed: picked[seed] - pool[seed] for seed in sorted(picked.keys() & pool.keys())}


def _settings(study: Study, other: Study) -> str:
    """Settings that lead to other numbers; one that a recorded study does not know has its default in it."""
    fields = [entry for entry in dataclasses.fields(Config) if not entry.metadata["same_numbers"]]
    here, beside = ({entry.name: one.config.get(entry.name, entry.default) for entry in fields}
                    for one in (study, other))
    return ", ".join(f"{name} {here[name]}" for name in here if here[name] != beside[name]) or "none"


def _conclusions(found: Section):
    """Sentences that are computed from the rows, and from nothing else."""
    for row in found.rows:
        said = []
        for side in ("here", "beside"):
            alone = compare(row[side], dict.fromkeys(row[side], 0.0))
            said.append(f"{side} it {_FINDS[alone.verdict(-1)]} ({_digits(alone)})")
        yield (f"{row['method']}, stage {row['stage']}: {', '.join(said)}; the change: "
               f"{_digits(compare(row['here'], row['beside']))}.")


def _digits(found: Comparison) -> str:
    return f"{points(found.difference)} points" + (f", {found.said}" if found.said else "")
