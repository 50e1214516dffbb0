"""One training: repeatable, its heads apart from its network, its pairs as the objective saw them."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import experiments.pose_task
import experiments.train
from experiments.checkpoint import load
from experiments.errors import CheckpointError, DataError, TrainingError
from experiments.learner import Learner
from experiments.methods import METHODS, objective
from experiments.pose_task import PoseTask
from experiments.scoring import score
from experiments.train import train
from tests.cells import figures, tiny

LABELLED, JUDGED = np.arange(16), np.arange(32, 40)
ALL_HEADS = tuple(name for name, method in METHODS.items() if method.head)
# An epoch's loss is a mean of means over its steps; pairs.npz holds float32 of numbers of order one, and the objective
# is a mean over pairs of functions whose slope in each of four numbers is at most the margin's order, one.
PAIR_ROUNDING = 8 * torch.finfo(torch.float32).eps


def run(folder: Path, *, heads=("ll++",), config=None, data=None, seed=0, stage=0, labelled=LABELLED):
    """Train a new learner in the folder: (learner, summary, pairs, log)."""
    config, data = config or tiny(), data or figures()
    folder.mkdir(exist_ok=True)
    learner = Learner(config, len(data.skeleton.joints), heads, seed=seed)
    task = PoseTask(learner, data, labelled, JUDGED, config)
    summary, pairs = train(task, config=config, seed=seed, stage=stage, folder=folder)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return learner, summary, pairs, log


def weights(learner: Learner, part: str = "network") -> dict[str, torch.Tensor]:
    return {name: value for name, value in learner.state_dict().items() if name.startswith(part)}


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(value.equal(other[name]) for name, value in one.items())


# --- the same again -------------------------------------------------------------------------------------------------

def test_same_seed_same_numbers_whatever_was_drawn_before(tmp_path):
    one = run(tmp_path / "1")
    torch.manual_seed(5)
    np.random.seed(5)
    other = run(tmp_path / "2")
    assert same(weights(one[0], ""), weights(other[0], ""))
    assert all(np.array_equal(array, other[2][name]) for name, array in one[2].items())


@pytest.mark.parametrize("changed", [{"seed": 1}, {"stage": 1}])
def test_seed_and_stage_change_the_numbers(changed, tmp_path):
    """Negative control. A stage has fewer epochs, unless told otherwise."""
    config = tiny(epochs=3, rate_stage=2e-3)
    one, other = run(tmp_path / "1", config=config), run(tmp_path / "2", config=config, **changed)
    assert not same(weights(one[0]), weights(other[0]))


def test_reading_ahead_changes_nothing(tmp_path, monkeypatch):
    one = run(tmp_path / "1")
    monkeypatch.setattr(experiments.train, "_ahead", lambda fetch, count: (fetch(step) for step in range(count)))
    assert same(weights(one[0], ""), weights(run(tmp_path / "2")[0], ""))


def test_reading_ahead_hands_on_what_went_wrong():
    """In the thread that reads; and that one ends when it is no longer asked."""
    def fetch(step: int) -> tuple:
        if step == 2:
            raise OSError("vanished")
        return (step,)

    found, running = [], threading.active_count()
    with pytest.raises(OSError, match="vanished"):
        for batch in experiments.train._ahead(fetch, 4):
            found.append(batch)
    assert found == [(0,), (1,)]
    assert list(experiments.train._ahead(lambda step: (step,), 3)) == [(0,), (1,), (2,)]
    early = experiments.train._ahead(lambda step: (step,), 9)
    assert next(early) == (0,)
    early.close()
    for _ in range(1000):
        if threading.active_count() == running:
            return
        time.sleep(0.01)
    raise AssertionError("a thread is left")


def test_training_leaves_the_global_random_numbers_alone(tmp_path):
    before = torch.get_rng_state()
    run(tmp_path)
    assert torch.get_rng_state().equal(before)


# --- heads and network ----------------------------------------------------------------------------------------------

def test_detached_heads_leave_the_network_as_it_is_alone(tmp_path):
    config = tiny(head_gradient="detached")
    alone = run(tmp_path / "1", heads=(), config=config)
    beside = run(tmp_path / "2", heads=ALL_HEADS, config=config)
    assert same(weights(alone[0]), weights(beside[0]))
    assert alone[2] == {} and {name.partition("/")[0] for name in beside[2]} == set(ALL_HEADS)


def test_a_head_is_the_same_whichever_stand_beside_it(tmp_path):
    one, all_of_them = (run(tmp_path / str(len(heads)), heads=heads, config=tiny(head_gradient="detached"))
                        for heads in (("ll++conv",), ALL_HEADS))
    assert same(weights(one[0], "heads.ll++conv."), weights(all_of_them[0], "heads.ll++conv."))
    assert all(np.array_equal(array, all_of_them[2][name]) for name, array in one[2].items())


def test_joint_heads_change_the_network(tmp_path):
    """Negative control of the detached ones."""
    alone, joint = (run(tmp_path / str(len(heads)), heads=heads, config=tiny(head_gradient="joint"))
                    for heads in ((), ("ll++",)))
    assert not same(weights(alone[0]), weights(joint[0]))
    own = run(tmp_path / "own", heads=("ll-multitap",))
    assert not same(weights(alone[0]), weights(own[0]))


def test_joint_for_a_share_of_the_epochs(tmp_path):
    """With no share at all, joint is detached; the whole is more than three fifths."""
    networks = [weights(run(tmp_path / str(share),
                            config=tiny(head_gradient="joint", head_share=share, keep="last"))[0])
                for share in (0.0, 0.6, 1.0)]
    assert same(networks[0], weights(run(tmp_path / "detached", config=tiny(keep="last"))[0]))
    assert not same(networks[0], networks[1]) and not same(networks[1], networks[2])


def test_a_weight_of_zero_stops_heads_that_would_shape_the_network(tmp_path):
    config = tiny(head_gradient="joint", head_weight=0.0)
    alone, beside = run(tmp_path / "1", heads=(), config=config), run(tmp_path / "2", config=config)
    assert same(weights(alone[0]), weights(beside[0]))


# --- what is recorded -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("pairs", ["halves", "reversed", "random", "all"])
def test_pairs_are_what_the_objective_saw(pairs, tmp_path):
    config = tiny(pairs=pairs, margin=0.25, rate_head=0.03)  # predictions start all but equal
    _, _, found, log = run(tmp_path, heads=("ll", "ll++"), config=config)
    compared = {"all": 8 * 7 // 2}.get(pairs, 4)
    for name in ("ll", "ll++"):
        assert len(found[f"{name}/epoch"]) == 3 * 2 * compared
        for row in log:
            chosen = found[f"{name}/epoch"] == row["epoch"]
            sides = [torch.from_numpy(found[f"{name}/{side}"][chosen]).double().reshape(2, -1)
                     for side in ("true_i", "true_j", "predicted_i", "predicted_j")]
            # Each pair as a batch of its own two halves, so that the pairing of the whole is not used twice.
            ranking = objective(METHODS[name], margin=config.margin, pairs="halves")
            again = torch.stack([ranking(torch.cat(predicted), torch.cat(true)) for predicted, true in zip(
                zip(sides[2], sides[3]), zip(sides[0], sides[1]))]).mean()
            assert abs(again - row[name]) <= PAIR_ROUNDING * max(1, abs(row[name]))
            wrong = torch.stack([ranking(torch.cat(predicted), torch.cat(true)) for predicted, true in zip(
                zip(sides[3], sides[2]), zip(sides[0], sides[1]))]).mean()
            assert abs(wrong - row[name]) > PAIR_ROUNDING * max(1, abs(row[name]))  # negative control


def test_true_losses_per_labelled_joint_or_over_all(tmp_path):
    """LL learns a mean over all joints, LL++ one over the labelled ones, unless all are told the same."""
    pairs = run(tmp_path / "1", heads=("ll", "ll++"))[2]
    assert (pairs["ll++/true_i"] >= pairs["ll/true_i"]).all() and (pairs["ll++/true_i"] > pairs["ll/true_i"]).any()
    pairs = run(tmp_path / "2", heads=("ll", "ll++"), config=tiny(true_loss="all"))[2]
    assert np.array_equal(pairs["ll++/true_i"], pairs["ll/true_i"])


def test_the_summary_says_what_was_done(tmp_path):
    _, summary, _, log = run(tmp_path)
    assert summary["epochs"] == len(log) == 3 and summary["images"] == 16
    assert summary["loss"] == log[-1]["loss"] and summary["images_per_second"] > 0
    best = max(log, key=lambda row: row["validation_pck"])
    assert summary["best_epoch"] == best["epoch"]
    assert {name: summary[name] for name in ("validation_pck", "validation_loss")}.items() <= best.items()


# --- which weights --------------------------------------------------------------------------------------------------

def pck_of(found: list[float], monkeypatch) -> None:
    """Let the validations find these, in turn."""
    values = iter(found)
    judged = SimpleNamespace(pck=SimpleNamespace())
    monkeypatch.setattr(experiments.pose_task, "judge", lambda *_: setattr(judged.pck, "total", next(values)) or judged)


@pytest.mark.parametrize("keep, epoch", [("best", 2), ("last", 3)])
def test_network_and_heads_of_one_epoch(keep, epoch, tmp_path, monkeypatch):
    """Of the best validation, the first of equal ones; or of the last."""
    seen = {}
    original = experiments.pose_task.score

    def watched(learner, *rest, **options):
        seen[len(seen) + 1] = {name: value.clone() for name, value in learner.state_dict().items()}
        return original(learner, *rest, **options)

    monkeypatch.setattr(experiments.pose_task, "score", watched)
    pck_of([0.1, 0.3, 0.3], monkeypatch)
    learner, summary, _, _ = run(tmp_path, config=tiny(keep=keep))
    assert summary["best_epoch"] == epoch
    assert same(learner.state_dict(), seen[epoch]) and not same(learner.state_dict(), seen[epoch - 1])


def test_validation_when_it_is_due_and_at_the_end(tmp_path):
    log = run(tmp_path, config=tiny(epochs_base=5, validate_every=2))[3]
    assert [row["epoch"] for row in log if "validation_pck" in row] == [2, 4, 5]


# --- learning rates -------------------------------------------------------------------------------------------------

def rates(folder: Path, **changes) -> list[float]:
    return [row["rate"] for row in run(folder, config=tiny(epochs_base=4, rate=0.016, **changes))[3]]


def test_schedules(tmp_path, monkeypatch):
    cosine = rates(tmp_path / "cosine", schedule="cosine")
    # At the start of each of four epochs of two steps, r/2·(1 + cos(πt/T)); the product of its factors has roundings.
    assert np.allclose(cosine, 0.008 * (1 + np.cos(np.pi * np.arange(4) / 4)), rtol=1e-12, atol=1e-16)
    assert rates(tmp_path / "constant", schedule="constant") == [0.016] * 4
    pck_of([0.5, 0.5, 0.4, 0.3], monkeypatch)  # no progress in epochs 2, 3 and 4; patience for one of them
    plateau = rates(tmp_path / "plateau", schedule="plateau", patience=1, rate_least=0.01)
    assert plateau == [0.016, 0.016, 0.016, 0.01]
    learner_rate = load(tmp_path / "plateau" / "checkpoint.pt", tiny(
        epochs_base=4, rate=0.016, schedule="plateau", patience=1, rate_least=0.01).identity)
    groups = [adam["param_groups"][0]["lr"] for adam in learner_rate["optimisers"]]
    assert groups == [0.01, tiny().rate_head]  # 0.008 would be less than the least; the heads' is never lowered


def test_a_stage_has_a_rate_and_a_length_of_its_own(tmp_path):
    log = run(tmp_path, config=tiny(schedule="constant", rate_stage=0.125), stage=1)[3]
    assert [row["rate"] for row in log] == [0.125, 0.125]


# --- what cannot be trained -----------------------------------------------------------------------------------------

def bad_learner(config, value: float) -> Learner:
    learner = Learner(config, 14, ("ll++",), seed=0)
    with torch.no_grad():
        learner.network.drawings[0].bias.fill_(value)
    return learner


@pytest.mark.parametrize("loss", ["mse", "bce"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number(loss, value, tmp_path):
    config = tiny(pose_loss=loss, peak=1.0)
    with pytest.raises(TrainingError, match=r"no finite number in epoch 1.*lower --rate"):
        train(PoseTask(bad_learner(config, value), figures(), LABELLED, JUDGED, config), config=config, seed=0, stage=0,
              folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_state_before_is_kept(tmp_path, monkeypatch):
    losses, calls = Learner.pose_losses, []

    def diverging(self, *arguments):
        calls.append(1)
        found = losses(self, *arguments)
        # An epoch has two steps and a validation.
        return found * float("nan") if self.training and len(calls) > 4 else found

    monkeypatch.setattr(Learner, "pose_losses", diverging)
    with pytest.raises(TrainingError, match="epoch 2"):
        run(tmp_path)
    monkeypatch.undo()
    assert load(tmp_path / "checkpoint.pt", tiny().identity)["epoch"] == 1
    resumed, whole = run(tmp_path), run(tmp_path / "whole")
    assert same(weights(resumed[0], ""), weights(whole[0], ""))


def test_a_last_step_that_breaks_the_weights(tmp_path):
    """The loss of the step was a number; what it left is none, and must not become a result."""
    config = tiny(epochs_base=1, base=8, rate=1.0, schedule="constant")
    learner = Learner(config, 14, ("ll++",), seed=0)
    with torch.no_grad():
        learner.network.drawings[0].bias.fill_(1e19)  # whose square is a float32, but not its gradient's

    with pytest.raises(TrainingError, match="no finite number in epoch 1"):
        train(PoseTask(learner, figures(), LABELLED[:8], JUDGED, config), config=config, seed=0, stage=0,
              folder=tmp_path)


def test_nothing_to_learn_from(tmp_path):
    data = figures()
    blank = data.__class__(**vars(data) | {"present": np.zeros_like(data.present)})
    with pytest.raises(DataError, match="a present joint in at least one"):
        run(tmp_path, data=blank)


@pytest.mark.parametrize("changed, error, text", [
    ({"config": tiny(rate=0.5)}, CheckpointError, "configuration .*; choose another --out"),
    ({"heads": ("ll",)}, CheckpointError, "other loss predictors"),
    ({"labelled": LABELLED + 1}, DataError, "other pictures than the checkpoint's"),
    ({"data": figures().__class__(**vars(figures()) | {"fingerprint": "changed"})}, DataError, "other pictures"),
])
def test_a_checkpoint_of_something_else(changed, error, text, tmp_path):
    run(tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(error, match=text):
        run(tmp_path, **changed)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_training_learns(tmp_path):
    """The pose loss falls, and more epochs draw better heatmaps of the pictures that were learned."""
    config = tiny(epochs_base=30, validate_every=30, channels=16, rate=0.01)
    learner, _, _, log = run(tmp_path, config=config)
    assert log[-1]["loss"] < 0.5 * log[0]["loss"]
    fresh = Learner(config, 14, ("ll++",), seed=0)
    before, after = (score(each, figures(), LABELLED, config).true.mean() for each in (fresh, learner))
    assert after < before
