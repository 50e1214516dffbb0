"""The analytics on losses, pairs and loss predictors of known truth, and on losses that no gamma law describes."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from experiments import _report_cells, analytics, record
from experiments._report_cells import LEVELS, pool_law, training_updates
from experiments.record import read_run
from gammaprob import expected_target, fit_losses, gap_cdf
from gammaprob._table_terminal import as_text
from tests.run_folders import SCALE, gamma, make_run

SHAPE = 30.0  # as of a barely trained network
# A mean of n values of standard deviation s is within 5 s/√n of its expectation but once in two million seeds.
FAR = 5.0
COUNT = 20_000  # pairs of a made-up training
# A share of these pairs has a standard deviation of at most ½/√n.
SHARE = FAR * 0.5 / COUNT**0.5
# p_i at a given gap spreads by less than this, at shape 30.
SPREAD = 0.02


def two_kinds(rng, count):
    """Images that the network knows and images that it does not: two heaps of losses, no gamma law."""
    return rng.gamma(100.0, SCALE / 10, count) + np.where(rng.random(count) < 0.3, 0.04, 0.0)


def pairs_of(predict, *, shape=SHAPE, count=COUNT, seed=0) -> dict:
    rng = np.random.default_rng(seed)
    true = rng.gamma(shape, SCALE, (2, count))
    predicted = [predict(losses, rng) for losses in true]
    return {"epoch": np.zeros(count, np.int16), "true_i": true[0], "true_j": true[1],
            "predicted_i": predicted[0], "predicted_j": predicted[1]}


def zeros(true, rng):
    return np.zeros_like(true)


# --- the law of a pool -----------------------------------------------------------------------------------------------

def test_gamma_losses_are_described():
    losses = np.random.default_rng(4).gamma(SHAPE, SCALE, 3000)
    pool, gaps = pool_law(losses)
    fit = fit_losses(losses, deltas=())
    assert (pool["shape"], pool["scale"], pool["status"]) == (fit.shape, fit.scale, None)
    assert abs(pool["shape"] - SHAPE) < FAR * pool["shape_error"]
    assert pool["anderson_darling_p"] > 0.01 and pool["anderson_darling"] == fit.anderson_darling.statistic
    assert [gap["level"] for gap in gaps] == list(LEVELS)
    for gap in gaps:
        assert gap["law_share"] == pytest.approx(gap["level"])
        assert abs(gap["share"] - gap["law_share"]) < FAR * gap["share_error"]
        # the true law's φ at that δ, from its own pairs
        true = expected_target(gap["delta"], shape=SHAPE, scale=SCALE)
        assert abs(gap["target"] - true) < FAR * gap["target_error"]
        within = np.abs(losses[:, None] - losses) <= gap["delta"]
        assert gap["share"] == (within.sum() - 3000) / (3000 * 2999)


def test_other_losses_are_not_and_by_how_much():
    """Negative control: where the law fails, the numbers say so."""
    losses = two_kinds(np.random.default_rng(5), 3000)
    pool, gaps = pool_law(losses)
    assert pool["anderson_darling_p"] == 0.01 and abs(pool["share_difference"]) > 0.1
    largest = max(gaps, key=lambda gap: abs(gap["share"] - gap["law_share"]))
    assert pool["share_difference"] == largest["share"] - largest["law_share"]


def test_losses_of_no_law_are_counted_not_dropped():
    losses = np.concatenate([np.random.default_rng(6).gamma(SHAPE, SCALE, 500), [0.0, 0.0, np.nan]])
    pool, gaps = pool_law(losses)
    assert (pool["losses"], pool["left_out"]) == (503, 3) and pool["shape"] == pool_law(losses[:500])[0]["shape"]
    assert len(gaps) == len(LEVELS)


@pytest.mark.parametrize(("losses", "why"), [
    (np.zeros(5), "at least two values"), (np.full(5, np.nan), "at least two values"),
    (np.full(5, 0.1), "not all equal"),
])
def test_losses_without_a_law_say_why(losses, why):
    pool, gaps = pool_law(losses)
    assert why in pool["status"] and gaps == [] and "shape" not in pool


def test_each_pool_is_held_against_replicates_of_its_own(monkeypatch):
    """With one seed for all, one unlucky draw would reject many pools of a true law; the same pool has one answer."""
    seeds = []

    def noted(losses, *, seed, **options):
        seeds.append(seed)
        return fit_losses(losses, seed=seed, **options)

    monkeypatch.setattr(_report_cells, "fit_losses", noted)
    rng = np.random.default_rng(7)
    first, second = np.random.default_rng(7).gamma(SHAPE, SCALE, (2, 50))
    results = [pool_law(losses)[0]["anderson_darling_p"] for losses in (first, second, first)]
    assert seeds[0] == seeds[2] != seeds[1] and results[0] == results[2]


# --- the pairs of training -------------------------------------------------------------------------------------------

def test_an_undecided_head_sees_the_expected_coefficient():
    """q = ½ throughout: c = ½ − p_i, whose mean at gap δ is ½ − φ(δ) of the law."""
    rows = training_updates(pairs_of(zeros), objective="learning_loss_pp", margin=1.0)
    assert sum(row["pairs"] for row in rows) == COUNT and rows[-1]["delta"] is None
    for row in rows:
        assert row["q"] == 0.5 and row["coefficient"] == pytest.approx(0.5 - row["p"])
        assert row["expected"] == pytest.approx(0.5 - row["law_p"])
        assert abs(row["coefficient"] - row["expected"]) < FAR * SPREAD / row["pairs"] ** 0.5
    means = [row["coefficient"] for row in rows]
    assert means == sorted(means) and means[0] < 0.01 < 0.1 < means[-1]


def test_a_head_at_its_minimum_sees_nothing():
    """l̂ = log l gives q_i = p_i for every pair: the coefficient is 0, and the law expects 0 but for its spread."""
    rows = training_updates(pairs_of(lambda true, rng: np.log(true)), objective="learning_loss_pp", margin=1.0)
    for row in rows:
        assert abs(row["coefficient"]) < 1e-12  # roundings of q − p
        assert abs(row["expected"]) < FAR * SPREAD / row["pairs"] ** 0.5


def test_the_wrong_way_round_is_seen():
    """Negative control: l̂ = −log l has q_i = 1 − p_i, and c = 1 − 2 p_i is twice that of q_i = ½."""
    undecided, wrong = (
        training_updates(pairs_of(predict), objective="learning_loss_pp", margin=1.0)[-1]["coefficient"]
        for predict in (zeros, lambda true, rng: -np.log(true))
    )
    assert wrong == pytest.approx(2 * undecided) and undecided > 0.1


def test_i_is_the_image_of_the_lower_loss():
    """Which image of a pair comes first makes no difference."""
    pairs = pairs_of(lambda true, rng: rng.normal(size=true.size), count=500)
    turned = pairs | {f"{name}_{one}": pairs[f"{name}_{other}"]
                      for name in ("true", "predicted") for one, other in ("ij", "ji")}
    for objective in ("learning_loss", "learning_loss_pp"):
        first, second = (training_updates(given, objective=objective, margin=1.0) for given in (pairs, turned))
        assert len(first) == len(LEVELS) + 1
        for row, other in zip(first, second):
            assert row.pop("delta") == pytest.approx(other.pop("delta"))
            assert row == pytest.approx(other)


def test_shares_of_pairs_and_of_updates():
    pairs = pairs_of(zeros)
    gap = np.abs(pairs["true_i"] - pairs["true_j"])
    for row in training_updates(pairs, objective="learning_loss", margin=1.0)[:-1]:
        assert row["within"] == np.mean(gap <= row["delta"])
        # an undecided head is penalised for every pair: updates are spent as the pairs fall
        assert row["updates_within"] == row["within"] and "expected" not in row
        true = gap_cdf(row["delta"], shape=SHAPE, scale=SCALE)
        assert max(abs(row["law_within"] - true), abs(row["within"] - true)) < SHARE


def test_learning_loss_spends_its_updates_inside_the_margin():
    """An exact head, l̂ = 100 l with ξ = 1, is penalised for the pairs with a gap below 0.01 alone, and wrongly."""
    pairs = pairs_of(lambda true, rng: 100 * true)
    gap = np.abs(pairs["true_i"] - pairs["true_j"])
    for row in training_updates(pairs, objective="learning_loss", margin=1.0)[:-1]:
        wanted = np.sum(gap <= min(row["delta"], 0.01)) / np.sum(gap < 0.01)
        # but for one pair, whose gap is 0.01 up to rounding
        assert row["updates_within"] == pytest.approx(wanted, abs=1 / np.sum(gap < 0.01))


def test_each_epoch_has_its_own_law():
    """Losses that shrink tenfold from one epoch to the next: one law of both would miss the share by far."""
    early, late = pairs_of(zeros), pairs_of(zeros, seed=1)
    both = {name: np.concatenate([early[name], late[name] / (10 if name.startswith("true") else 1)]) for name in early}
    both["epoch"] = np.repeat([1, 2], COUNT)
    for row in training_updates(both, objective="learning_loss_pp", margin=1.0):
        assert abs(row["within"] - row["law_within"]) < SHARE
        assert abs(row["coefficient"] - row["expected"]) < FAR * SPREAD / row["pairs"] ** 0.5


def test_pairs_of_no_law_are_counted():
    pairs = pairs_of(zeros, count=100)
    pairs["true_i"][:3] = 0.0
    pairs["predicted_j"][3] = np.nan
    rows = training_updates(pairs, objective="learning_loss_pp", margin=1.0)
    assert {row["left_out"] for row in rows} == {4} and sum(row["pairs"] for row in rows) == 96
    assert training_updates(pairs | {"true_i": np.zeros(100)}, objective="learning_loss_pp", margin=1.0) == []


# --- a study ---------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "study", methods=("random", "ll", "ll++"), images=400, pairs=400)


def printed(capsys, *arguments: str) -> str:
    code = analytics.main(list(arguments))
    output = capsys.readouterr()
    assert (code, output.err) == (0, "")
    return output.out


def test_every_cell_has_its_analytics(folder):
    tables = analytics.analyse(read_run(folder))
    cells = {(method, seed, stage) for method in ("random", "ll", "ll++") for seed in (0, 1) for stage in (1, 2)}
    assert {(row["method"], row["seed"], row["stage"]) for row in tables["pools"]} == cells
    assert len(tables["gaps"]) == len(cells) * len(LEVELS)
    heads = {(row["method"], row["seed"], row["stage"]) for row in tables["updates"]}
    assert heads == {(method, seed, stage) for method in ("ll", "ll++") for seed in (0, 1) for stage in (0, 1, 2)}
    assert all(("expected" in row) == (row["method"] == "ll++") for row in tables["updates"])


def test_a_shared_pool_is_fitted_once(folder, monkeypatch):
    calls = []
    monkeypatch.setattr(analytics, "pool_law", lambda losses: calls.append(losses) or pool_law(losses[:9]))
    analytics.analyse(read_run(folder))
    assert len(calls) == 2 * (1 + 3)  # a seed: one pool at stage 1, three at stage 2


def test_it_says_that_the_law_holds(folder):
    said = " ".join(analytics.report_of(read_run(folder)).closing)
    assert "rejects the gamma law for none of 8 pools" in said and "the paper has 4" in said
    assert "Learning Loss spends" in said and "LearningLoss++ spends" in said


def test_it_says_that_the_law_fails(tmp_path):
    said = " ".join(analytics.report_of(read_run(make_run(
        tmp_path / "run", methods=("ll++",), losses=two_kinds, images=400, seeds=1, stages=1))).closing)
    assert "The gamma law fails on 1 of 1 pools: Anderson-Darling rejects it" in said


def test_it_says_that_losses_are_zero_or_constant(tmp_path):
    def some_zero(rng, count):
        return np.where(np.arange(count) % 10 == 0, 0.0, gamma(SHAPE)(rng, count))

    text = as_text(analytics.report_of(read_run(make_run(
        tmp_path / "zeros", methods=("ll++",), losses=some_zero, seeds=1, stages=1, images=50))))
    assert "5 of 50 losses are 0 or not finite" in text.replace("\n", " ")
    report = analytics.report_of(read_run(make_run(
        tmp_path / "constant", methods=("ll++",), losses=lambda rng, count: np.full(count, 0.5), seeds=1, stages=1)))
    assert "None of the 1 pools" in report.closing[0]
    assert "LL++, seed 0, stage 1: no law" in as_text(report)


def test_no_table_of_the_text_is_turned_at_80_columns(folder):
    text = as_text(analytics.report_of(read_run(folder)), width=80)
    assert max(map(len, text.splitlines())) <= 80 and not any(line.startswith("  ") for line in text.splitlines())


def test_a_recorded_study_prints_the_same(folder, capsys, tmp_path, monkeypatch):
    for function in (record.write, record.read_recorded, record.recorded_names):
        monkeypatch.setattr(function, "__defaults__", (tmp_path,))
    assert analytics.main([str(folder), "--record", "again"]) == 0
    assert "again_pools.csv" in capsys.readouterr().err
    fresh = json.loads(printed(capsys, str(folder), "--format", "json"))
    again = json.loads(printed(capsys, "again", "--format", "json"))
    assert (again["sections"], again["verdict"]) == (fresh["sections"], fresh["verdict"])


def test_a_partial_study_says_so(folder, tmp_path):
    changed = shutil.copytree(folder, tmp_path / "study")
    shutil.rmtree(changed / "ll-seed1")
    assert "The study is not complete: 2 of 14 cells" in analytics.report_of(read_run(changed)).closing[-1]
