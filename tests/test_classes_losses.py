"""The losses of the study: each is the formula of the paper, with the options that its table prints."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.classes.config import ClassConfig, configure
from experiments.classes.losses import VARIATIONS
from experiments.classes.report import TABLES
from experiments.errors import ConfigError
from paper_tables import published

CONFIG = ClassConfig()
RNG = np.random.default_rng(3)
LOGITS, TARGET = RNG.normal(0, 2, (20, 10)), RNG.integers(10, size=20)
# Twenty losses of ten classes: a few hundred roundings of doubles.
TOLERANCE = 1e-13


def value(name: str, config: ClassConfig = CONFIG, epoch: int = 10) -> float:
    return VARIATIONS[name].value(config, torch.tensor(LOGITS), torch.tensor(TARGET), epoch).item()


def cross_entropies() -> np.ndarray:
    return np.log(np.exp(LOGITS).sum(1)) - LOGITS[np.arange(20), TARGET]


def modulated(of_target, of_background) -> float:
    """Eq. A-1: summed over the classes, averaged over the batch; factors from q of the target and q of the others."""
    total = 0.0
    for logits, label in zip(LOGITS, TARGET):
        q = 1 / (1 + np.exp(-logits))
        others = np.delete(q, label)
        total -= of_target(q[label], others.max()) * np.log(q[label])
        total -= (of_background(others, q[label]) * np.log(1 - others)).sum()
    return total / len(TARGET)


def one(*_):
    return 1.0


def dynamic(gamma: float, margin: float = 0.05):
    return lambda q, target: (1 + q - (target - margin)) ** gamma


def static(anchor: float, gamma: float = 0.5):
    return lambda q, target: (1 + q - anchor) ** gamma


def target(q, highest):
    return (1 - q + highest + 0.05) ** 0.5


FORMULAS = {
    "ce": lambda: cross_entropies().mean(),
    "ohem": lambda: np.sort(cross_entropies())[-18:].mean(),
    "bce": lambda: modulated(one, one),
    "focal": lambda: modulated(lambda q, _: (1 - q) ** 2, lambda q, _: q**2),
    "anchor": lambda: modulated(one, dynamic(0.5)),
    "anchor-warmup": lambda: modulated(one, dynamic(0.5)),
    "anchor-target": lambda: modulated(target, one),
    "anchor-both": lambda: modulated(target, dynamic(0.5)),
    "dynamic-1": lambda: modulated(one, dynamic(1.0)),
    "dynamic-2": lambda: modulated(one, dynamic(2.0)),
    "static-0.8": lambda: modulated(one, static(0.8)),
    "static-0.5": lambda: modulated(one, static(0.5)),
    "static-0.1": lambda: modulated(one, static(0.1)),
}


@pytest.mark.parametrize("name", VARIATIONS)
def test_a_loss_is_its_formula(name):
    assert value(name) == pytest.approx(FORMULAS[name](), rel=TOLERANCE)


def test_no_two_losses_are_one():
    """Control of the check above: each formula fits its own loss alone, but for the warm-up, which is over."""
    values = sorted(value(name) for name in VARIATIONS if name != "anchor-warmup")
    assert np.diff(values).min() > 1e-3


def test_warm_up_is_cross_entropy():
    found = [value("anchor-warmup", epoch=epoch) for epoch in (0, 4, 5)]
    assert found[:2] == pytest.approx([value("ce")] * 2, rel=TOLERANCE)
    assert found[2] == pytest.approx(value("anchor"), rel=TOLERANCE)
    assert value("anchor", epoch=0) == value("anchor", epoch=10)


# --- as the tables have them -----------------------------------------------------------------------------------------

def test_tables_name_their_rows():
    """The rows of the published tables, read apart from the names that stand for them."""
    first, third, design = ([dict(row) for row in published.load(table.name)] for table in TABLES)
    for dataset in ("cifar10", "cifar100"):
        config = configure("paper", {"dataset": dataset})
        for name, row in zip(TABLES[0].variations, first, strict=True):
            variation = VARIATIONS[name]
            options = variation.options(config)
            printed = dict(word.split("=") for word in [row[f"parameter_{dataset}"]] if word)
            ours = {letter: options[option] for option, letter in (("gamma", "gamma"), ("keep", "rho"))
                    if option in options}
            assert row["loss"].split()[0] == variation.loss
            assert {letter: float(value) for letter, value in printed.items()} == ours
            assert ("w/ warmup" in row["loss"]) == ("warmup_epochs" in options)
    config = configure("paper")
    for name, row in zip(TABLES[1].variations, third, strict=True):
        options = VARIATIONS[name].options(config)
        assert (float(row["gamma"]), row["q_star"]) == (options["gamma"], str(options.get("anchor", "")))
        assert (row["kind"] == "static") == ("anchor" in options)
    sides = [VARIATIONS[name].options(config).get("modulate", "background") for name in TABLES[2].variations[1:]]
    assert [row["loss"].split()[-1] for row in design[1:]] == sides and TABLES[2].variations[0] == "bce"


def test_every_variation_is_in_a_table():
    assert {name for table in TABLES for name in table.variations} == set(VARIATIONS)


@pytest.mark.parametrize("name, bad", [
    ("gamma", -0.5), ("gamma_focal", -1.0), ("gamma_warmup", -1e-9), ("gamma", float("nan")), ("margin", -0.1),
    ("ohem_keep", 0.0), ("ohem_keep", 1.01), ("batch", 51), ("train", 10), ("warmup", 200), ("dataset", "mnist"),
])
def test_a_setting_outside_its_domain(name, bad):
    with pytest.raises(ConfigError, match=f"^{name}: got "):
        ClassConfig(**{name: bad})


def test_bounds_are_inside():
    assert ClassConfig(gamma=0.0, gamma_focal=0.0, ohem_keep=1.0, warmup=199, train=50).ohem_keep == 1.0
