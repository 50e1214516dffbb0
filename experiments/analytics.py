"""`python -m experiments analytics`: what the gamma law predicts of a study's losses, beside what was measured.

For each stage and method the law is fitted to the true losses of the pool (`gammaprob.fit_losses`) and set beside the
pairs of these losses: P(|X−Y| ≤ δ), φ(δ). Of the pairs that training compared: the share closer than δ, the share of
the gradient that they took, and the LearningLoss++ coefficient q_i − p_i beside the expected one. Where the law fails
on real losses, the numbers say so.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from experiments import _report_cli
from experiments._report_cells import LEVEL, LEVELS, pool_law, training_updates
from experiments._report_cli import missing_note, number, spread
from experiments.config import Config
from experiments.methods import METHODS
from experiments.record import Study
from gammaprob._table_document import Column, Report, Section

__all__ = ["analyse", "main", "report_of"]

_DESCRIPTION = """\
The gamma law of a study's true losses beside their pairs, P(|X−Y| ≤ δ) and φ(δ), and the
expected LearningLoss++ coefficient beside that of training, stage by stage."""
_METHOD = Column("method", lambda row: row["method"], plain=True)
_STAGE = Column("stage", lambda row: str(row["stage"]), right=True)
_NEAR, _MIDDLE, _FAR = (LEVELS.index(level) for level in (0.1, 0.5, 0.9))  # the gaps that text shows
_CLASSES = len(LEVELS) + 1


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit code; `--help` says which."""
    return _report_cli.run("analytics", _DESCRIPTION, argv, report_of)


def analyse(study: Study) -> dict[str, tuple[dict, ...]]:
    """The analytics of every cell of a run folder; of a recorded study, those recorded.

    - `pools`: a row for each method, seed and stage: the law of the pool's true losses and its tests;
    - `gaps`: a row for each of these and each δ: P(|X−Y| ≤ δ) and φ(δ), of the law and of the pairs;
    - `updates`: a row for each method with a loss predictor, seed, stage (0: the base model) and class of gaps.

    The columns are those of `experiments._report_cells`. All methods of a seed share the pool of stage 1, whose law is
    fitted once. Errors: `CheckpointError` for arrays that cannot be read.

    >>> rows = ({"method": "random", "seed": 0, "stage": 1},)
    >>> recorded = {"pools": (), "gaps": (), "updates": ()}
    >>> analyse(Study("x", {}, rows, (), (), {}, None, recorded))
    {'pools': (), 'gaps': (), 'updates': ()}
    """
    names = ("pools", "gaps", "updates")
    if study.folder is None:
        return {name: study.recorded[name] for name in names}
    margin = study.config.get("margin", Config.margin)
    tables: dict[str, list[dict]] = {name: [] for name in names}
    laws: dict[bytes, tuple] = {}
    for method, seed, stage in itertools.product(study.methods, study.seeds, (0, *study.stages)):
        cell = {"method": method, "seed": seed, "stage": stage}
        scores = study.arrays(method, seed, stage, "scores")
        if scores:
            losses = scores["true_loss"]
            if (key := losses.tobytes()) not in laws:
                laws[key] = pool_law(losses)
            pool, gaps = laws[key]
            tables["pools"].append(cell | pool)
            tables["gaps"] += [cell | gap for gap in gaps]
        if METHODS[method].head and (pairs := study.arrays(method, seed, stage, "pairs")):
            updates = training_updates(pairs, objective=METHODS[method].objective, margin=margin)
            tables["updates"] += [cell | {"part": part} | row for part, row in enumerate(updates)]
    return {name: tuple(rows) for name, rows in tables.items()}


def report_of(study: Study) -> Report:
    """The analytics as sections of rows, in the mean over the seeds: what every format prints. Errors: `analyse`.

    >>> recorded = {"pools": (), "gaps": (), "updates": ()}
    >>> report_of(Study("x", {}, (), (), (), {"cells": 0}, None, recorded)).closing
    ('No pool was scored.',)
    """
    tables = analyse(study)
    pools, gaps, updates = (tables[name] for name in ("pools", "gaps", "updates"))
    sections = (
        _laws(study, pools), _gaps(gaps), _shares(updates),
        _coefficients([row for row in updates if row.get("expected") is not None]),
    )
    return Report(
        tuple(section for section in sections if section.rows),
        (*_conclusions(pools, gaps, updates), *missing_note(study)),
        {"study": study.name, "config": study.config, "provenance": study.provenance},
    )


def _grouped(rows: Iterable[dict], *keys: str):
    """The rows of each method and stage (and further keys), in the order of their first appearance."""
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in ("method", "stage", *keys)), []).append(row)
    return groups.items()


def _mean(rows: list[dict], name: str) -> float | None:
    return spread(row.get(name) for row in rows)[0]


def _widest(rows: Iterable[dict], name: str) -> float | None:
    """The value of the largest size, with its sign."""
    return max((row[name] for row in rows if row.get(name) is not None), key=abs, default=None)


# --- the law of the pools --------------------------------------------------------------------------------------------

def _laws(study: Study, pools) -> Section:
    rows = []
    for (method, stage), found in _grouped(pools):
        lawful = [row for row in found if row["status"] is None]
        shape, shape_sd, _ = spread(row.get("shape") for row in found)
        rows.append({
            "method": METHODS[method].label, "stage": stage, "seeds": len(found), "losses": _mean(found, "losses"),
            "left_out": sum(row["left_out"] for row in found), "without_law": len(found) - len(lawful),
            "shape": shape, "shape_sd": shape_sd, "scale": _mean(found, "scale"),
            "rejected": sum(row["anderson_darling_p"] <= LEVEL for row in lawful), "lawful": len(lawful),
            **{name: _mean(found, name) for name in ("kolmogorov_smirnov", "anderson_darling", "cramer_von_mises")},
            "share_difference": _widest(found, "share_difference"),
            "target_difference": _widest(found, "target_difference"),
        })
    notes = [
        "D: Kolmogorov-Smirnov distance, A²: Anderson-Darling, means over the seeds; rejected: pools for which A² "
        f"rejects the law at p ≤ {LEVEL:g} (99 bootstrap replicates). ΔP, Δφ: the pairs' value less the law's, where "
        f"it is largest of {len(LEVELS)} gaps and all seeds.",
    ]
    left = sum(row["left_out"] for row in pools)
    if left:
        notes.append(f"{left} of {sum(row['losses'] for row in pools)} losses are 0 or not finite, which no gamma law "
                     "has: they are left out, and the law is that of the others.")
    notes += [f"{METHODS[row['method']].label}, seed {row['seed']}, stage {row['stage']}: no law. {row['status']}"
              for row in pools if row["status"]]
    return Section(
        "pools", "Gamma law of the pool's true losses", (
            _METHOD, _STAGE,
            Column("losses", lambda row: f"{row['losses']:.0f}", right=True),
            Column("shape k", lambda row: _plus_minus(row["shape"], row["shape_sd"]), right=True),
            Column("D", lambda row: number(row["kolmogorov_smirnov"], ".3f"), right=True),
            Column("A²", lambda row: number(row["anderson_darling"], ".1f"), right=True),
            Column("rejected", lambda row: f"{row['rejected']} of {row['lawful']}", right=True),
            Column("ΔP", lambda row: number(row["share_difference"], "+.3f"), right=True),
            Column("Δφ", lambda row: number(row["target_difference"], "+.4f"), right=True),
        ), tuple(rows), tuple(notes),
    )


def _plus_minus(mean, sd) -> str:
    return number(mean, ".1f") + ("" if sd is None else f" ± {sd:.1f}")


def _gaps(gaps) -> Section:
    """One row a method and stage, what is at each gap in lists."""
    rows = []
    for (method, stage), found in _grouped(gaps):
        at = [[row for row in found if row["level"] == level] for level in LEVELS]
        rows.append({"method": METHODS[method].label, "stage": stage, "levels": list(LEVELS), **{
            name: [_mean(part, name) for part in at]
            for name in ("delta", "law_share", "share", "share_error", "law_target", "target", "target_error")
        }})
    columns = [_METHOD, _STAGE]
    columns += [
        Column(f"P {LEVELS[place]:.2f}", lambda row, place=place: number(row["share"][place], ".3f"), right=True)
        for place in (_NEAR, _MIDDLE, _FAR)
    ]
    for place in (_MIDDLE, _FAR):
        columns += [
            Column(f"φ{LEVELS[place]:g} law", lambda row, place=place: number(row["law_target"][place], ".4f"),
                   right=True),
            Column("pairs", lambda row, place=place: number(row["target"][place], ".4f"), right=True),
        ]
    return Section(
        "gaps", "Pairs of the pool's true losses: P(|X−Y| ≤ δ) and φ(δ)", tuple(columns), tuple(rows),
        ("P: share of the real pairs within δ, at the δ where the law says that number. φ0.5, φ0.9: at the same δ, "
         "φ(δ) of the law and the mean of p_i over the real pairs near δ. Means over the seeds.",),
    )


# --- the pairs of training -------------------------------------------------------------------------------------------

def _by_part(updates) -> list[dict]:
    """One row a method and stage, what is in each class of gaps in lists; an empty class has no part in a mean."""
    rows = []
    for (method, stage), found in _grouped(updates):
        parts = [[row for row in found if row["part"] == part] for part in range(_CLASSES)]
        rows.append({
            "method": METHODS[method].label, "stage": stage, "seeds": len(parts[0]),
            "left_out": sum(row["left_out"] for row in parts[0]), **{
                name: [_mean(part, name) for part in parts] for name in (
                    "delta", "within", "law_within", "updates_within", "pairs", "gap", "q", "p", "law_p",
                    "coefficient", "expected",
                )
            },
        })
    return rows


def _shares(updates) -> Section:
    rows, columns = _by_part(updates), [_METHOD, _STAGE]
    for place in (_NEAR, _MIDDLE):
        columns += [
            Column("law", lambda row, place=place: number(row["law_within"][place], ".3f"), right=True),
            Column("pairs", lambda row, place=place: number(row["within"][place], ".3f"), right=True),
            Column("updates", lambda row, place=place: number(row["updates_within"][place], ".3f"), right=True),
        ]
    notes = [
        "Two gaps δ, near the law's 10 % and 50 %. law: P(|X−Y| ≤ δ) of laws fitted epoch by epoch; pairs: share "
        "of the pairs that training compared; updates: share of the gradient, Σ|c|, that these pairs took (LL: of its "
        "updates). Stage 0 is the base model. While losses fall within an epoch, as in the first ones, the pairs of a "
        "batch are closer than the epoch's law has it, whatever the law.",
    ]
    if left := sum(row["left_out"] for row in rows):
        notes.append(f"{left} pairs are left out, which no law describes: a true loss is 0 or not finite, or all "
                     "losses of the epoch are equal.")
    return Section("updates", "Pairs of training closer than δ, and the updates spent on them", tuple(columns),
                   tuple(rows), tuple(notes))


def _coefficients(updates) -> Section:
    columns = [_METHOD, _STAGE]
    for place in (_MIDDLE, _CLASSES - 1):
        columns += [
            Column(f"q {place + 1}", lambda row, place=place: number(row["q"][place], ".3f"), right=True),
            Column("expected", lambda row, place=place: number(row["expected"][place], "+.4f"), right=True),
            Column("seen", lambda row, place=place: number(row["coefficient"][place], "+.4f"), right=True),
        ]
    return Section(
        "coefficients", "LearningLoss++ coefficient q − φ(δ) in training", tuple(columns), tuple(_by_part(updates)),
        (f"Classes {_MIDDLE + 1} and {_CLASSES} of {_CLASSES}, from the pairs with the nearest true losses to those "
         "with the farthest. q: mean q_i of the image with the lower loss; expected: mean of q_i − φ(δ) at each pair's "
         "own q_i and δ; seen: mean of q_i − p_i. Both have the same q: they differ by what p_i differs from φ(δ).",),
    )


# --- what it concludes -----------------------------------------------------------------------------------------------

def _conclusions(pools, gaps, updates):
    # All methods of a seed have one pool at stage 1: it counts once.
    pools = list({(row["seed"], row["stage"], row.get("mean"), row.get("shape")): row for row in pools}.values())
    lawful = [row for row in pools if row["status"] is None]
    if not pools:
        yield "No pool was scored."
    elif not lawful:
        yield f"None of the {len(pools)} pools has losses that a gamma law can be fitted to."
    else:
        yield from _of_pools(lawful, gaps)
    for ranks, name in ((True, "Learning Loss"), (False, "LearningLoss++")):
        chosen = [row for row in updates if row["updates_within"] is not None
                  and (METHODS[row["method"]].objective == "learning_loss") is ranks]
        if chosen:
            yield from _of_updates(name, chosen)


def _of_pools(lawful, gaps):
    shapes = sorted(row["shape"] for row in lawful)
    yield f"The fitted shapes lie between {shapes[0]:.3g} and {shapes[-1]:.3g}; the paper has 4."
    rejected = sum(row["anderson_darling_p"] <= LEVEL for row in lawful)
    share = max(gaps, key=lambda row: abs(row["share"] - row["law_share"]))
    near = [row for row in gaps if row["near"]]
    target = max(near, key=lambda row: abs(row["target"] - row["law_target"])) if near else None
    off = f"P(|X−Y| ≤ δ) is {share['share']:.3f} where the law says {share['law_share']:.3f} ({_where(share)})"
    if target is not None:
        off += f", φ(δ) is {target['target']:.4f} where it says {target['law_target']:.4f} ({_where(target)})"
    if rejected:
        yield (f"The gamma law fails on {rejected} of {len(lawful)} pools: Anderson-Darling rejects it at "
               f"p ≤ {LEVEL:g}. What that amounts to, at most: {off}.")
    else:
        yield f"Anderson-Darling rejects the gamma law for none of {len(lawful)} pools. At most, {off}."


def _of_updates(name: str, rows):
    near, half = ([row for row in rows if row["part"] == part] for part in (_NEAR, _MIDDLE))
    words = [
        f"{_mean(part, 'updates_within'):.0%} of its gradient on the {_mean(part, 'within'):.0%} of pairs closer than δ"
        for part in (near, half)
    ]
    yield (f"{name} spends, in the mean over all cells, {words[0]} for the smallest δ, and {words[1]} for the middle "
           "one.")
    judged = [row for row in rows if row.get("expected") is not None]
    if judged:
        worst = max(judged, key=lambda row: abs(row["coefficient"] - row["expected"]))
        yield (f"The coefficient of {name} that training saw is, class by class, within "
               f"{abs(worst['coefficient'] - worst['expected']):.2g} of the expected one; at its worst "
               f"{number(worst['coefficient'], '+.4f')} instead of {number(worst['expected'], '+.4f')} "
               f"({_where(worst)}).")


def _where(row: dict) -> str:
    return f"{METHODS[row['method']].label}, seed {row['seed']}, stage {row['stage']}"
