"""`python -m experiments semi`: few labels and many pictures, with easy views that teach hard ones and without.

One network (or pair) a variation, label count and seed, from labelled pictures and, by consistency, unlabelled ones of
the same kind: as many as there are in base and pool together, less those that are labelled. All take as many steps,
with the same labelled views where the labels are the same, and learn from labels alone at first; the epochs are those
of the largest label count. Kept are the last weights, not the best: a collapse is what training ends in.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from experiments._report_cli import mean_sd, number, spread
from experiments._report_orders import LEVEL, Comparison, compare, points
from experiments.checkpoint import read_json
from experiments.config import Config
from experiments.errors import ConfigError
from gammaprob._table_document import ABSENT, Column, Report, Section
from paper_tables import published

__all__ = ["VARIATIONS", "collapsed", "report_of", "run_semi"]

_PAPER = "ssl_tableS9_labels"
_SUPERVISED, _STANDARD, _EASY_HARD, _DUAL = "supervised", "standard", "easy-hard", "dual"
# Other λ than 1, the larger one for the cure too.
_WEIGHTS = ((_STANDARD, 0.1), (_STANDARD, 10.0), (_EASY_HARD, 10.0))
# Of the supervised network's response: below, a network that finds fewer joints has collapsed.
_COLLAPSE = 0.5


def _variation(consistency: str, hard: str = "affine", weight: float = 1.0) -> Callable[[Config], dict]:
    return lambda config: {"consistency": consistency, "hard": hard, "consistency_weight": weight}


VARIATIONS = {
    _SUPERVISED: _variation("easy-hard", weight=0.0),  # λ = 0: learns from labels alone, its response is looked at
    _STANDARD: _variation("standard"),
    _EASY_HARD: _variation("easy-hard"),
    "easy-hard, cutout": _variation("easy-hard", "cutout"),
    _DUAL: _variation("dual"),
    "dual, RandAugment": _variation("dual", "randaugment"),
    "dual, RandAugment, cutout": _variation("dual", "randaugment+cutout"),
    **{f"{name}, λ = {weight:g}": _variation(name, weight=weight) for name, weight in _WEIGHTS},
}
# (lower, higher): steps in which the paper's AP rises, with every number of labels.
_STEPS = (
    (_STANDARD, _SUPERVISED), (_SUPERVISED, _EASY_HARD), (_EASY_HARD, "easy-hard, cutout"), (_EASY_HARD, _DUAL),
    (_DUAL, "dual, RandAugment"), ("dual, RandAugment", "dual, RandAugment, cutout"),
)
# What a variation sets, or the study.
_SET = ("consistency", "hard", "consistency_weight", "start", "keep")


def run_semi(
    config: Config, out: Path, variations: Sequence[str] = tuple(VARIATIONS), *, labels: Sequence[int] = (), **words,
) -> list[dict]:
    """One row a variation, label count and seed: test PCK, last response, and the curves of both over the epochs.

    `labels`: how many pictures are labelled; without any, the base's. Goes on where it was interrupted. The other
    keywords are those of `experiments.study.run_cells`. Raises `ConfigError` for an unknown variation, for settings
    that the study itself sets, a label count below a batch, more cutout joints than there are, and more labels than
    there are pictures or as many.

    >>> import tempfile
    >>> from experiments.config import configure
    >>> config = configure("smoke", {"base": 16, "pool": 12, "test": 6, "validation": 4, "budget": 4, "stages": 1,
    ...                              "epochs_base": 2})
    >>> with tempfile.TemporaryDirectory() as out:
    ...     rows = run_semi(config, Path(out), ["easy-hard"], jobs=1)
    >>> [(row["variation"], row["labels"], row["seed"], len(row["curve"])) for row in rows]
    [('easy-hard', 16, 0, 1)]
    """
    from experiments.cycle import run_base
    from experiments.study import base_work, check_alone, check_unset, finish_cells, variation_cells

    check_alone("semi")
    check_unset(config, _SET)
    names = {}
    for count in labels or (config.base,):
        longer = max(labels, default=count) / count
        names |= variation_cells(_few(config, count, longer), out / f"labels-{count}", variations, VARIATIONS)
    work = base_work(names)
    finish_cells(run_base, work, **words)
    return [_row(names[cell], cell.config, stage) for cell, (stage,) in work.items()]


def _few(config: Config, labels: int, longer: float) -> Config:
    """The study's settings with so many labels: all the other pictures of base and pool are unlabelled.

    A label count that is a fraction of the largest has as many times its epochs, which have as many fewer steps.
    """
    # The same figures for every number of labels; of photographs, 0 takes all that are left.
    pool = config.drawn_pool if config.dataset == "generated" else config.pool
    left = pool and config.base + pool - labels
    if pool and left < 1:
        raise ConfigError("labels", labels, f"less than base + pool = {config.base + pool}", "enlarge --pool")
    return dataclasses.replace(
        config, base=labels, pool=left, methods=("random",), stages=1, budget=1, start="same", keep="last",
        epochs_base=round(longer * config.epochs_base), validate_every=round(longer * config.validate_every),
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
    return row["response"] < _COLLAPSE * supervised["response"] and row["test_pck"] < supervised["test_pck"]


def report_of(rows: Sequence[dict]) -> Report:
    """What each variation reaches beside the supervised network, the paper's steps, and its Table 9, with paired tests.

    >>> rows = [{"variation": name, "labels": 500, "seed": seed, "weight": 1.0, "test_pck": pck + seed * pck / 10,
    ...          "response": response} for name, pck, response in (("supervised", 0.3, 0.5), ("standard", 0.1, 0.01))
    ...         for seed in (0, 1)]
    >>> report_of(rows).sections[0].cells()[1]
    ['500', 'standard', '10.5±0.7', '0.010±0.000', '−21.00', '0.03', '0.5', '2 of 2']
    """
    sections = (_variations(rows), _steps(rows), _table_9(rows))
    return Report(tuple(section for section in sections if section.rows), tuple(_conclusions(rows)), {})


def _of(rows: Sequence[dict], labels: int, variation: str) -> dict[int, dict]:
    """The rows of one variation and label count, by seed."""
    return {row["seed"]: row for row in rows if (row["labels"], row["variation"]) == (labels, variation)}


def _against(rows, labels: int, one: str, other: str, column: str = "test_pck") -> Comparison:
    """The difference of two variations over the seeds."""
    return compare(*({seed: row[column] for seed, row in _of(rows, labels, name).items()} for name in (one, other)))


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
    shown = []
    for labels, variation in _groups(rows):
        found, (fell, seeds) = _of(rows, labels, variation), _collapses(rows, labels, variation)
        against = Comparison(None, None, None, 0)
        if variation != _SUPERVISED:
            against = _against(rows, labels, variation, _SUPERVISED)
        shown.append({
            "labels": labels, "variation": variation, "pck": _mean(found, "test_pck", percent=True),
            "response": _mean(found, "response", percent=False), "difference": against.difference,
            "p": against.p_value, "sign_flip_p": against.sign_flip_p,
            "collapsed": f"{fell} of {seeds}" if seeds else ABSENT,
        })
    seeds = sorted({len(_of(rows, *group)) for group in _groups(rows)})
    return Section(
        "semi", "Few labels, and easy views that teach hard ones", (
            Column("labels", lambda row: str(row["labels"]), right=True),
            Column("variation", lambda row: row["variation"], plain=True),
            Column("PCK", lambda row: row["pck"], right=True),
            Column("response", lambda row: row["response"], right=True),
            Column("− supervised", lambda row: points(row["difference"]), right=True),
            Column("p", lambda row: number(row["p"], ".2g"), right=True),
            Column("p±", lambda row: number(row["sign_flip_p"], ".2g"), right=True),
            Column("collapsed", lambda row: row["collapsed"], right=True),
        ), tuple(shown),
        (f"PCK of the test set in per cent, response: mean maximum of the heatmaps of unlabelled pictures, in peaks of "
         f"a target; mean ± sample sd over the seeds ({'–'.join(map(str, seeds))}), of the last weights. p: paired "
         f"t-test, p±: exact sign-flip test. collapsed: a response below {_COLLAPSE:.0%} of the supervised network's "
         "of the same labels and seed, and fewer joints found.",),
    )


def _steps(rows) -> Section:
    shown = []
    for labels in sorted({row["labels"] for row in rows}):
        for low, high in _STEPS:
            found = _against(rows, labels, high, low)
            if found.seeds:
                shown.append({"labels": labels, "low": low, "high": high, "difference": found.difference,
                              "p": found.p_value, "seeds": found.seeds, "verdict": found.verdict()})
    return Section(
        "steps", "Steps of the paper, and how they came out here", (
            Column("labels", lambda row: str(row["labels"]), right=True),
            Column("the paper has", lambda row: f"{row['low']} < {row['high']}", plain=True),
            Column("here", lambda row: points(row["difference"]), right=True),
            Column("p", lambda row: number(row["p"], ".2g"), right=True),
            Column("seeds", lambda row: str(row["seeds"]), right=True),
            Column("verdict", lambda row: row["verdict"], plain=True),
        ), tuple(shown),
        (f"here: the difference in points of PCK, at the level of {LEVEL:.0%} of a paired t-test over the seeds.",),
    )


def _table_9(rows) -> Section:
    """Label counts, and here also λ, against the collapse of the standard consistency."""
    shown = []
    for labels, variation in _groups(rows):
        found = _of(rows, labels, variation)
        if variation.startswith(_STANDARD):
            shown.append({
                "labels": str(labels), "weight": f"{next(iter(found.values()))['weight']:g}",
                "response": _mean(found, "response", percent=False), "accuracy": _mean(found, "test_pck", percent=True),
                "supervised": _mean(_of(rows, labels, _SUPERVISED), "test_pck", percent=True),
            })
    if shown:
        shown += [{"labels": row["labels"].partition(" (")[0] + ", paper", "weight": "1", "response": row["response"],
                   "accuracy": row["ap"], "supervised": row["supervised_ap"]} for row in published.load(_PAPER)]
    return Section(
        "table9", "Table 9: labels and λ against the collapse of the standard consistency", (
            Column("labels", lambda row: row["labels"], plain=True),
            Column("λ", lambda row: row["weight"], right=True),
            Column("response", lambda row: row["response"], right=True),
            Column("PCK", lambda row: row["accuracy"], right=True),
            Column("supervised", lambda row: row["supervised"], right=True),
        ), tuple(shown),
        (f"paper: {published.place(_PAPER)}, AP on COCO, and its own unit of response: its digits do not compare with "
         "ours.",),
    )


def _conclusions(rows):
    """Of one network, sentences that are computed from the rows, and from nothing else."""
    for labels in sorted({row["labels"] for row in rows}):
        for variation in [name for name in VARIATIONS if name.partition(",")[0] in (_STANDARD, _EASY_HARD)]:
            fell, seeds = _collapses(rows, labels, variation)
            if seeds:
                pck = _against(rows, labels, variation, _SUPERVISED)
                response = _against(rows, labels, variation, _SUPERVISED, "response")
                p = "" if pck.p_value is None else f" (p = {pck.p_value:.2g})"
                yield (f"{labels} labels, {variation} consistency: collapsed with {fell} of {seeds} seeds; beside the "
                       f"supervised network {points(pck.difference)} points of PCK{p} and "
                       f"{number(response.difference, '+.3f')} of response.")
