"""`python -m experiments semi`: few labels and many pictures, with easy views that teach hard ones and without.

One network (or pair) a variation, label count and seed, from labelled pictures and, by consistency, unlabelled ones of
the same kind: as many as there are in base and pool together, less those that are labelled. All take about as many
steps (there are whole ones, in whole epochs), with the same labelled views where the labels are the same, and learn
from labels alone at first; the epochs set are those of the largest label count. Kept are the last weights, not the
best: a collapse is what training ends in.

As released, a step normalises labelled pictures, easy views and hard views each by their own statistics. As
recorded, at λ = 1 and with 64 labels, the heatmaps of pictures that have no label then fade under the standard
consistency; normalised together (those that are learned from), they did not. With λ = 10 they fade with 500, too.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

from experiments._report_cli import mean_sd, number, spread
from experiments._report_orders import (
    ORDER_NOTE, Comparison, by_seed, compare, order_columns, paper_orders, points, with_chance,
)
from experiments.checkpoint import read_json
from experiments.config import Config
from experiments.errors import ConfigError
from experiments.settings import Layers, check_fixed
from gammaprob._table_document import ABSENT, Column, Report, Section
from paper_tables import published

__all__ = ["COLLAPSE", "SETTINGS", "VARIATIONS", "collapsed", "report_of", "run_semi"]

_COLLAPSING, _AP = "ssl_tableS9_labels", "ssl_coco_labels"  # published tables
_SUPERVISED, _STANDARD, _EASY_HARD, _DUAL = "supervised", "standard", "easy-hard", "dual"
_TOGETHER = "standard, together"  # the paper has it not
# Other λ than 1, the larger one for the cure too.
_WEIGHTS = ((_STANDARD, 0.1), (_STANDARD, 10.0), (_EASY_HARD, 10.0))
# Of the supervised network's response: below, a network that finds fewer joints has collapsed.
COLLAPSE = 0.5


def _variation(
    consistency: str, hard: str = "affine", weight: float = 1.0, normalised: str = "apart",
) -> Callable[[Config], dict]:
    return lambda config: {"consistency": consistency, "hard": hard, "consistency_weight": weight,
                           "normalised": normalised}


VARIATIONS = {
    _SUPERVISED: _variation("easy-hard", weight=0.0),  # λ = 0: learns from labels alone, its response is looked at
    _STANDARD: _variation("standard"),
    _EASY_HARD: _variation("easy-hard"),
    "easy-hard, cutout": _variation("easy-hard", "cutout"),
    _DUAL: _variation("dual"),
    "dual, RandAugment": _variation("dual", "randaugment"),
    "dual, cutout": _variation("dual", "cutout"),
    "dual, RandAugment, cutout": _variation("dual", "randaugment+cutout"),
    _TOGETHER: _variation(_STANDARD, normalised="together"),
    **{f"{name}, λ = {weight:g}": _variation(name, weight=weight) for name, weight in _WEIGHTS},
}
# The rows of the published table of AP, top to bottom.
_PUBLISHED = (_SUPERVISED, _EASY_HARD, "easy-hard, cutout", _DUAL, "dual, RandAugment", "dual, cutout")
SETTINGS: Layers = {
    "methods": (("random",), "no loss predictor is trained"), "stages": (1, "no stage is run"),
    "budget": (1, "no picture is labelled later"), "start": ("same", "labelled pictures are drawn from the rest"),
    "keep": ("last", "a collapse is what training ends in"),
    **{name: (getattr(Config, name), "each variation has its own")
       for name in ("consistency", "hard", "consistency_weight", "normalised")},
}


def run_semi(
    config: Config, out: Path, variations: Sequence[str] = tuple(VARIATIONS), *, labels: Sequence[int] = (), **words,
) -> list[dict]:
    """One row a variation, label count and seed: test PCK, last response, and the curves of both over the epochs.

    `labels`: how many pictures are labelled; without any, the base's. Goes on where it was interrupted. The other
    keywords are those of `experiments.study.run_cells`. Raises `ConfigError` for an unknown variation, a setting of
    `SETTINGS` that has another value, a label count below a batch, more cutout joints than there are, and so many
    labels that no picture, or fewer than `unlabelled`, are left to learn from without one.

    >>> import tempfile
    >>> from experiments.config import configure
    >>> config = configure("smoke", {"base": 16, "pool": 12, "test": 6, "validation": 4, "epochs_base": 2}, SETTINGS)
    >>> with tempfile.TemporaryDirectory() as out:
    ...     rows = run_semi(config, Path(out), ["easy-hard"], jobs=1)
    >>> [(row["variation"], row["labels"], row["seed"], len(row["curve"])) for row in rows]
    [('easy-hard', 16, 0, 1)]
    """
    from experiments.cycle import run_base
    from experiments.study import base_work, check_alone, finish_cells, variation_cells

    check_alone("semi")
    check_fixed(config, SETTINGS)
    counts = tuple(labels) or (config.base,)
    places = {out / f"labels-{count}": _few(config, count, max(counts) / count) for count in counts}
    names = variation_cells(places, variations, VARIATIONS)
    work = base_work(names)
    finish_cells(run_base, work, **words)
    return [_row(names[cell], cell.config, stage) for cell, (stage,) in work.items()]


def _few(config: Config, labels: int, longer: float) -> Config:
    """The study's settings with so many labels: all the other pictures of base and pool are unlabelled.

    A label count that is a fraction of the largest has about as many times its epochs, which have as many fewer steps.
    """
    # The same figures for every number of labels; of photographs, 0 takes all that are left.
    pool = config.drawn_pool if config.dataset == "generated" else config.pool
    left = pool and config.base + pool - labels
    most = config.base + pool - max(1, config.unlabelled) - config.budget * config.stages  # though no stage is run
    if pool and labels > most:
        raise ConfigError("labels", labels, f"at most {most} of base + pool = {config.base + pool}: others are learned "
                          "from without a label", "enlarge --pool, or label fewer")
    return dataclasses.replace(
        config, base=labels, pool=left, epochs_base=round(longer * config.epochs_base),
        validate_every=round(longer * config.validate_every),
    )


def _row(variation: str, config: Config, stage: Path) -> dict:
    result = read_json(stage / "result.json")
    training = result["training"]
    who = {"variation": variation, "labels": result["labelled"], "seed": result["seed"]}
    log = [json.loads(line) for line in (stage / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    curve = [{**who, **{name: line[name] for name in ("epoch", "loss", "consistency", "validation_pck", "response")}}
             for line in log if "response" in line]
    return {
        **who, "weight": config.consistency_weight, "test_pck": result["test"]["pck"],
        "test_auc": result["test"]["auc"], "response": training["response"],
        "highest_response": max(line["response"] for line in curve), "epochs": training["epochs"],
        "loss": training["loss"], "seconds_total": result["seconds"]["total"],
        "started": result["provenance"]["started"], "provenance": result["provenance"], "curve": curve,
    }


# --- the report ------------------------------------------------------------------------------------------------------

def collapsed(row: dict, supervised: dict) -> bool:
    """Whether a network has collapsed: beside the supervised one of the same labels and seed, its response to
    unlabelled pictures is less than half as high, and it finds fewer joints.

    >>> collapsed({"response": 0.1, "test_pck": 0.2}, {"response": 0.5, "test_pck": 0.3})
    True
    >>> collapsed({"response": 0.1, "test_pck": 0.4}, {"response": 0.5, "test_pck": 0.3})
    False
    """
    return row["response"] < COLLAPSE * supervised["response"] and row["test_pck"] < supervised["test_pck"]


def report_of(rows: Sequence[dict]) -> Report:
    """What each variation reaches beside the supervised network, the paper's orders, its Table 9, with paired tests.

    >>> rows = [{"variation": name, "labels": 500, "seed": seed, "weight": 1.0, "test_pck": pck + seed * pck / 10,
    ...          "response": response} for name, pck, response in (("supervised", 0.3, 0.5), ("standard", 0.1, 0.01))
    ...         for seed in (0, 1)]
    >>> report_of(rows).sections[0].cells()[1]
    ['500', 'standard', '10.5±0.7', '0.010±0.000', '−21.00', '0.03', '0.5', '2 of 2', '0.8']
    """
    orders = [row for labels in _labels(rows) for row in _orders(rows, labels)]
    sections = (_variations(rows), _order_section(orders), _table_9(rows))
    return Report(tuple(section for section in sections if section.rows), tuple(_conclusions(rows, orders)), {})


def _published() -> dict[str, str]:
    """AP on COCO with 1K labels, of the variations that the paper has."""
    return {_STANDARD: published.load(_COLLAPSING)[0]["ap"]} | {
        name: row["ap_1k"] for name, row in zip(_PUBLISHED, published.load(_AP), strict=True)}


def _labels(rows: Sequence[dict]) -> list[int]:
    return sorted({row["labels"] for row in rows})


def _of(rows: Sequence[dict], labels: int, variation: str) -> dict[int, dict]:
    """The rows of one variation and label count, by seed."""
    return {row["seed"]: row for row in rows if (row["labels"], row["variation"]) == (labels, variation)}


def _against(rows, labels: int, one: str, other: str, column: str = "test_pck") -> Comparison:
    """The difference of two variations over the seeds."""
    return compare(*(_by_seed(rows, labels, name, column) for name in (one, other)))


def _by_seed(rows, labels: int, variation: str, column: str) -> dict[int, float]:
    return by_seed([row for row in rows if row["labels"] == labels], variation, column)


def _groups(rows: Sequence[dict]) -> list[tuple[int, str]]:
    found = {(row["labels"], row["variation"]) for row in rows}
    return sorted(found, key=lambda group: (group[0], list(VARIATIONS).index(group[1])))


def _collapses(rows, labels: int, variation: str) -> tuple[int, int]:
    """How many of the seeds have collapsed, and of how many it can be said."""
    supervised, these = _of(rows, labels, _SUPERVISED), _of(rows, labels, variation)
    both = supervised.keys() & these.keys() if variation != _SUPERVISED else ()
    return sum(collapsed(these[seed], supervised[seed]) for seed in both), len(both)


def _mean(found: dict[int, dict], column: str, *, percent: bool) -> str:
    mean, sd, _ = spread(row[column] for row in found.values())
    return mean_sd(mean, sd) if percent else mean_sd(mean, sd, ".3f", 1)


def _variations(rows) -> Section:
    shown, paper = [], _published()
    for labels, variation in _groups(rows):
        found, (fell, seeds) = _of(rows, labels, variation), _collapses(rows, labels, variation)
        against = Comparison(None, None, None, 0)
        if variation != _SUPERVISED:
            against = _against(rows, labels, variation, _SUPERVISED)
        shown.append({
            "labels": labels, "variation": variation, "pck": _mean(found, "test_pck", percent=True),
            "response": _mean(found, "response", percent=False), "difference": against.difference,
            "p": against.p_value, "sign_flip_p": against.sign_flip_p,
            "collapsed": f"{fell} of {seeds}" if seeds else ABSENT, "paper": paper.get(variation, ABSENT),
        })
    seeds = sorted({len(_of(rows, *group)) for group in _groups(rows)})
    return Section(
        "semi", "Few labels, and easy views that teach hard ones", (
            Column("labels", lambda row: str(row["labels"]), right=True),
            Column("variation", lambda row: row["variation"], plain=True),
            Column("PCK", lambda row: row["pck"], right=True),
            Column("response", lambda row: row["response"], right=True),
            Column("gain", lambda row: points(row["difference"]), right=True),
            Column("p", lambda row: number(row["p"], ".2g"), right=True),
            Column("p±", lambda row: number(row["sign_flip_p"], ".2g"), right=True),
            Column("collapsed", lambda row: row["collapsed"], right=True),
            Column("AP", lambda row: row["paper"], right=True),
        ), tuple(shown),
        (f"PCK of the test set in per cent, response: mean maximum of the heatmaps of unlabelled pictures, in peaks of "
         f"a target; mean ± sample sd over the seeds ({'–'.join(map(str, seeds))}), of the last weights. gain: over "
         "the supervised network, in points; p: paired t-test, p±: exact sign-flip test.",
         f"collapsed: of so many seeds, the response is below {COLLAPSE:.0%} of that of the supervised network of the "
         "same labels and seed, and fewer joints are found than by it: a comparison of two networks. How near to empty "
         "the heatmaps are, the response says.",
         f"AP: the paper's, on COCO with 1K labels; of standard: {published.place(_COLLAPSING)}; of the others: "
         f"{published.place(_AP)}.",),
    )


def _orders(rows, labels: int) -> list[dict]:
    """Rows of `paper_orders` for the paper's AP with 1K labels, each with our number of labels."""
    paper = {name: Decimal(ap) / 100 for name, ap in _published().items() if _of(rows, labels, name)}
    measured = {name: _by_seed(rows, labels, name, "test_pck") for name in paper}
    return [{"labels": labels, **row} for row in paper_orders(paper, measured)]


def _order_section(orders: list[dict]) -> Section:
    return Section(
        "orders", "The paper's orders of two variations, with 1K labels, and how they came out here",
        (Column("labels", lambda row: str(row["labels"]), right=True), *order_columns()), tuple(orders), (ORDER_NOTE,),
    )


def _table_9(rows) -> Section:
    """Label counts, and here also λ, against the collapse of the standard consistency."""
    shown = []
    for labels, variation in _groups(rows):
        found = _of(rows, labels, variation)
        if variation.startswith(_STANDARD) and variation != _TOGETHER:
            shown.append({
                "labels": str(labels), "weight": f"{next(iter(found.values()))['weight']:g}",
                "response": _mean(found, "response", percent=False), "accuracy": _mean(found, "test_pck", percent=True),
                "supervised": _mean(_of(rows, labels, _SUPERVISED), "test_pck", percent=True),
            })
    if shown:
        shown += [{"labels": row["labels"].partition(" (")[0] + ", paper", "weight": "1", "response": row["response"],
                   "accuracy": row["ap"], "supervised": row["supervised_ap"]} for row in published.load(_COLLAPSING)]
    return Section(
        "table9", "Table 9: labels and λ against the collapse of the standard consistency", (
            Column("labels", lambda row: row["labels"], plain=True),
            Column("λ", lambda row: row["weight"], right=True),
            Column("response", lambda row: row["response"], right=True),
            Column("PCK", lambda row: row["accuracy"], right=True),
            Column("supervised", lambda row: row["supervised"], right=True),
        ), tuple(shown),
        (f"paper: {published.place(_COLLAPSING)}, AP on COCO, and its own unit of response: its digits do not compare "
         "with ours.",),
    )


def _conclusions(rows, orders: list[dict]):
    """Sentences that are computed from the rows above, and from nothing else; of a collapse, those of one network."""
    for labels in _labels(rows):
        these = [row for row in orders if row["labels"] == labels]
        if these:
            yield (f"{labels} labels: of the {len(these)} orders of two variations that the paper has with 1K, "
                   f"{with_chance(these, 'variations')}.")
        for variation in [name for name in VARIATIONS if name.partition(",")[0] in (_STANDARD, _EASY_HARD)]:
            fell, seeds = _collapses(rows, labels, variation)
            if seeds:
                pck = _against(rows, labels, variation, _SUPERVISED)
                response, its = (_mean(_of(rows, labels, name), "response", percent=False)
                                 for name in (variation, _SUPERVISED))
                p = f" ({pck.said})" if pck.said else ""
                yield (f"{labels} labels, {variation} consistency: collapsed with {fell} of {seeds} seeds; against the "
                       f"supervised network {points(pck.difference)} points of PCK{p}, and a response of {response} "
                       f"against {its}.")
