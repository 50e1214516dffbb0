"""Witnesses on Table 3: what the text, the captions and the bold print say, against the printed digits."""

from __future__ import annotations

from decimal import Decimal

from mpmath import mp

from gammaprob.witnesses._compare import checked, witness
from paper_tables.outcome import Outcome, Reading
from paper_tables.published import load

_OURS, _OTHERS = ("LL++", "LL++conv"), ("Random", "Coreset", "LL")
_DATASETS = ("LSP-LSPET", "MPII")
_STAGES = (1, 2, 3, 4, 5)
_REPEATS = 5  # "We repeat each experiment five times"
# Pairs of Table 3(a) and 3(b) are told apart by two combined standard deviations: 95 % of a normal difference.
_SPREADS = 2


def _columns(name: str) -> dict[tuple[str, int], dict[str, dict[str, str]]]:
    """The rows of a table by (dataset, stage), then by method."""
    columns: dict[tuple[str, int], dict[str, dict[str, str]]] = {}
    for row in load(name):
        stage = int(row["stage"].removeprefix("Stage "))
        columns.setdefault((row["dataset"], stage), {})[row["method"]] = row
    return columns


_FAILURES, _TESTING = _columns("main_table3a_failure_detection"), _columns("main_table3b_testing")


def _mean(cells, method: str) -> Decimal:
    return Decimal(cells[method]["mean"])


def _below(name: str, ours: tuple[str, ...], others: tuple[str, ...], stages, datasets=_DATASETS) -> Reading:
    """Does each of our methods return a lower PCK than each of the others in these columns?"""
    cases = []
    for (dataset, stage), cells in _FAILURES.items():
        if dataset in datasets and stage in stages:
            lowest = min(others, key=lambda method: _mean(cells, method))
            cases += [
                (f"{dataset} stage {stage}: {method} {cells[method]['mean']}, {lowest} {cells[lowest]['mean']}",
                 _mean(cells, method) < _mean(cells, lowest))
                for method in ours
            ]
    return checked(name, cases)


def _average(method: str, dataset: str, stages) -> Decimal:
    """Mean over stages of the mean PCK of the sampled images."""
    return sum(_mean(_FAILURES[dataset, stage], method) for stage in stages) / len(stages)


def _below_on_average(name: str, others: tuple[str, ...], stages, datasets=_DATASETS) -> Reading:
    """Does each of our methods return a lower PCK than each of the others, averaged over these stages?"""
    cases = []
    for dataset in datasets:
        lowest = min(others, key=lambda method: _average(method, dataset, stages))
        cases += [
            (f"{dataset}: {method} {_average(method, dataset, stages):.4f}, "
             f"{lowest} {_average(lowest, dataset, stages):.4f}",
             _average(method, dataset, stages) < _average(lowest, dataset, stages))
            for method in _OURS
        ]
    return checked(name, cases)


def _best(cells) -> str:
    return min(cells, key=lambda method: _mean(cells, method))


@witness
def outperforms() -> Outcome:
    """Table 3's caption: LearningLoss++ outperforms the other methods in failure identification."""
    cases = [
        (f"{dataset} stage {stage}: lowest is {_best(cells)} {cells[_best(cells)]['mean']}", _best(cells) in _OURS)
        for (dataset, stage), cells in _FAILURES.items()
    ]
    return Outcome(
        (
            checked("at each stage one of the two LL++ variants has the lowest PCK", cases),
            _below_on_average("averaged over the stages both variants are below the others", _OTHERS, _STAGES),
        ),
        (
            checked("it has at stages 1 and 2 of LSP-LSPET and 1 to 3 of MPII", [
                (f"{dataset} stage {stage}", (_best(cells) in _OURS) == (stage <= {"LSP-LSPET": 2, "MPII": 3}[dataset]))
                for (dataset, stage), cells in _FAILURES.items()
            ]),
        ),
    )


@witness
def first_stages() -> Outcome:
    """Section 5: both variants return lower PCK during the first few stages, on both datasets."""
    return Outcome(
        (
            _below("first few read as two", _OURS, _OTHERS, (1, 2)),
            _below("first few read as three", _OURS, _OTHERS, (1, 2, 3)),
        ),
        (_below("stages 1 and 2", _OURS, _OTHERS, (1, 2)),),
    )


@witness
def trend_on_mpii() -> Outcome:
    """Section 5: on MPII the trend continues into the saturation phase."""
    late = (3, 4, 5)
    return Outcome(
        (
            _below("below every other method", _OURS, _OTHERS, late, ("MPII",)),
            _below("below LL, its predecessor", _OURS, ("LL",), late, ("MPII",)),
            _below_on_average("below LL, averaged over these stages", ("LL",), late, ("MPII",)),
        ),
        (
            _below("LL++ stays below LL", _OURS[:1], ("LL",), late, ("MPII",)),
            _below("LL++conv stays below LL until stage 4", _OURS[1:], ("LL",), (3, 4), ("MPII",)),
            checked("LL++conv equals LL at stage 5, Coreset is lowest at stages 4 and 5", [
                ("stage 5", _FAILURES["MPII", 5]["LL++conv"]["mean"] == _FAILURES["MPII", 5]["LL"]["mean"]),
                *((f"stage {stage}", _best(_FAILURES["MPII", stage]) == "Coreset") for stage in (4, 5)),
            ]),
        ),
    )


@witness
def first_stage_convolution() -> Outcome:
    """Section 5: at stage 1 of LSP-LSPET, 0.209 of LL++conv comfortably outperforms 0.250 of LL++."""
    ours, plain = (_FAILURES["LSP-LSPET", 1][method] for method in ("LL++conv", "LL++"))
    difference = mp.mpf(plain["mean"]) - mp.mpf(ours["mean"])
    standard_error = mp.sqrt((mp.mpf(ours["sd"]) ** 2 + mp.mpf(plain["sd"]) ** 2) / _REPEATS)
    return Outcome((checked("the printed digits", [
        ("0.209 and 0.250", (ours["mean"], plain["mean"]) == ("0.209", "0.250")),
        (f"{mp.nstr(difference / standard_error, 3)} standard errors apart", difference > _SPREADS * standard_error),
    ]),))


@witness
def sharp_rise() -> Outcome:
    """Section 5: on LSP-LSPET the PCK of LL, LL++ and LL++conv rises sharply in the subsequent stages."""
    cases = []
    for method in ("LL", *_OURS):
        for stage in (3, 4, 5):
            before, after = (_FAILURES["LSP-LSPET", n][method] for n in (stage - 1, stage))
            rise = Decimal(after["mean"]) - Decimal(before["mean"])
            spread = (Decimal(after["sd"]) ** 2 + Decimal(before["sd"]) ** 2).sqrt()
            cases.append((f"{method} stage {stage}: +{rise}", rise > _SPREADS * spread))
    return Outcome((checked("each later stage rises by more than two combined standard deviations", cases),))


@witness
def bold_on_slide() -> Outcome:
    """The slide with Table 3(a): bold print marks the best, that is the lowest, values of a column."""
    marked = {
        column: [method for method, row in cells.items() if row["bold_slides"] == "1"]
        for column, cells in _FAILURES.items()
    }
    passed_over = {
        column: [
            method for method in cells
            if method not in marked[column]
            and any(_mean(cells, method) < _mean(cells, bold) for bold in marked[column])
        ]
        for column, cells in _FAILURES.items()
    }
    return Outcome(
        (
            checked("bold is the lowest value", [
                (f"{column}: {marked[column]}", marked[column] == [_best(cells)]) for column, cells in _FAILURES.items()
            ]),
            checked("bold are the lowest values, one or more", [
                (f"{column}: {methods} lower than one of {marked[column]}", not methods)
                for column, methods in passed_over.items()
            ]),
        ),
        (
            checked("Coreset is passed over on MPII from stage 3 on, and nothing else is", [
                (f"{column}", methods == (["Coreset"] if column[0] == "MPII" and column[1] >= 3 else []))
                for column, methods in passed_over.items()
            ]),
        ),
    )


@witness
def similar_testing_accuracy() -> Outcome:
    """Table 3's caption: the testing accuracy of LearningLoss++ is similar to that of the other methods."""
    differences = {}
    for column, cells in _TESTING.items():
        for ours in _OURS:
            for other in _OTHERS:
                spread = (Decimal(cells[ours]["sd"]) ** 2 + Decimal(cells[other]["sd"]) ** 2).sqrt()
                differences[*column, ours, other] = (_mean(cells, ours) - _mean(cells, other), spread)
    beyond = {where for where, (difference, spread) in differences.items() if abs(difference) > _SPREADS * spread}
    largest = max(abs(difference) for difference, _ in differences.values())
    return Outcome(
        (
            checked("within 0.02 of each other method", [
                (f"{where}: {difference}", abs(difference) <= Decimal("0.02"))
                for where, (difference, _) in differences.items()
            ]),
            checked("within two combined standard deviations of each other method", [
                (f"{where}: {difference}", where not in beyond) for where, (difference, _) in differences.items()
            ]),
        ),
        (
            checked("at most 0.015 apart; beyond two combined standard deviations in two of 60 comparisons", [
                (f"largest difference {largest}", largest == Decimal("0.015")),
                (f"{len(differences)} comparisons", len(differences) == 60),
                (f"beyond: {sorted(beyond)}", beyond == {
                    ("LSP-LSPET", 2, "LL++", "Random"), ("MPII", 4, "LL++conv", "Random")
                }),
            ]),
        ),
    )


@witness
def image_counts() -> Outcome:
    """Table 3(a), row "# images": 1000 base images and 1000 more at each stage, on both datasets."""
    labels = {column: int(next(iter(cells.values()))["n_images_label"]) for column, cells in _FAILURES.items()}
    return Outcome(
        (
            checked("labelled images before the stage's choice", [
                (f"{column}: {count}", count == 1000 * column[1]) for column, count in labels.items()
            ]),
            checked("labelled images after the stage's choice", [
                (f"{column}: {count}", count == 1000 * (column[1] + 1)) for column, count in labels.items()
            ]),
        ),
        (
            checked("LSP-LSPET counts after the choice, MPII before it", [
                (f"stage {stage}: {labels['LSP-LSPET', stage]} and {labels['MPII', stage]}",
                 labels["LSP-LSPET", stage] == labels["MPII", stage] + 1000 == 1000 * (stage + 1))
                for stage in range(1, 6)
            ]),
        ),
    )


@witness
def lsp_split() -> Outcome:
    """Section 5: of LSP's 2000 images the first 1000 are for training, the latter 1000, "remaining", for testing."""
    images = range(1, 2001)
    first, latter = set(images[:1000]), set(images[-1000:])
    label = int(_FAILURES["LSP-LSPET", 1]["LL"]["n_images_label"])
    return Outcome((
        checked("2000 = 1000 + 1000", [
            ("no image is in both", not first & latter), ("no image is in neither", first | latter == set(images)),
        ]),
        checked("stage 1 of Table 3(a) counts the first 1000 and its own 1000", [
            (f"labelled {label}", label == len(first) + 1000)
        ]),
    ))


@witness
def cycles() -> Outcome:
    """Section 5: 5 to 7 active learning cycles are simulated."""
    counts = {
        (name, dataset): len({stage for other, stage in columns if other == dataset})
        for name, columns in (("3(a)", _FAILURES), ("3(b)", _TESTING)) for dataset in _DATASETS
    }
    return Outcome((checked("stages of Table 3", [
        (f"Table {name}, {dataset}: {count}", 5 <= count <= 7) for (name, dataset), count in counts.items()
    ]),))
