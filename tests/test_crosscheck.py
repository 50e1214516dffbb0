"""The cross-checks agree on what is right, and each of them reports what is wrong: wrong losses, forms, samplers."""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gammaprob.errors import ArgumentError, DomainError
from gammaprob.monte_carlo import conditional_draws
from gradients import _crosscheck_rows as rows
from gradients import closed_form, crosscheck, losses
from gradients._crosscheck_examples import EXAMPLES
from gradients._crosscheck_rows import Check, Context, Error, Evidence, Scores, Subjects, error, judged
from gradients.crosscheck import run

FEW = 4_000  # draws a mean: the faults below move means by far more than these scatter


@pytest.fixture(scope="module")
def complete():
    return run(draws=FEW)


def test_everything_agrees(complete):
    assert complete.contradictions() == () and complete.agrees


def test_every_equation_is_exercised(complete):
    named = {row.check.equation for row in complete.rows}
    assert named >= {
        "LL 1", "LL 2a", "LL 2b", "LL++ 3", "LL++ 4a", "LL++ 4b", "LL++ S8", "LL++ S9", "LL++ 6", "AL 1, 13", "AL 2",
        "AL 3-5", "AL 6", "AL 7", "AL 8", "AL 9", "AL 10-12", "AL 14", "AL A-1", "AL A-2", "AL A-3", "AL A-4",
    }
    assert all(row.evidence.points > 0 for row in complete.rows)
    gradients = [row.evidence for row in complete.rows if row.evidence.scores is None and "value" not in row.check.what]
    assert len(gradients) > 20 and all(evidence.autograd is not None for evidence in gradients)
    assert {finding.example for finding in complete.findings} == set(EXAMPLES)


def test_limits_are_of_the_size_of_roundings(complete):
    """No witness is held to more than a few hundred roundings, none has room for an error of 1e-13 but φ and P."""
    for row in complete.rows:
        for witness in (row.evidence.autograd, row.evidence.precise):
            if witness is not None:
                promised = 1.1e-13 if row.check.equation in ("LL++ 6", "LL share") else 300 * rows.UNIT
                assert 0.0 <= witness.limit <= promised


def test_grid_of_the_expected_gradient():
    """Half integers, below ½, 1, a fitted shape, the paper's, a large one; each with every q."""
    from gradients import _crosscheck_simulation as simulation

    shapes = {shape for shape, _ in simulation._LAWS}
    assert shapes >= {0.3, 0.5, 1.0, 1.5, 2.5, 2.82, 4.0} and max(shapes) >= 40.0
    assert simulation._gaps((4.0, 0.066)) == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert set(simulation._TARGETS) == {0.1, 0.5, 0.9}


# --- negative controls: a wrong subject is reported, in the right rows, and the others stay right ---------------------

def wrong_sign(predicted, true, **options):
    return losses.learning_loss_pp(-predicted, true, **options)


def true_losses_not_constant(predicted, true, *, pairs="halves", reduction="mean"):
    """LL++ whose target carries a gradient; the value is right."""
    if isinstance(pairs, str):
        half = len(predicted) // 2
        pairs = torch.arange(half), torch.arange(half, 2 * half)
    i, j = pairs
    total = true[i] + true[j]
    p = torch.stack([true[i], true[j]]) / torch.where(total > 0.0, total, 1.0)
    p = torch.where(total > 0.0, p, 0.5)
    terms = F.kl_div(torch.stack([predicted[i], predicted[j]]).log_softmax(0), p, reduction="none").sum(0)
    return {"none": terms, "sum": terms.sum(), "mean": terms.mean()}[reduction]


def no_division_by_the_sum(predicted, true, **options):
    """LL++ with a temperature of 2."""
    return losses.learning_loss_pp(predicted / 2.0, true, **options)


def margin_forgotten(predicted, true, *, margin=1.0, **options):
    return losses.learning_loss(predicted, true, margin=0.0, **options)


def order_reversed(predicted, true, **options):
    return losses.learning_loss(-predicted, true, **options)


def plain_anchor_loss(logits, target, *, gamma=0.5, margin=0.05, modulate="background", anchor=None, reduction="mean",
                      detach=True, own_gradient=True):
    """Anchor loss in probabilities, as plainly as it can be written."""
    q = torch.sigmoid(logits)
    p = target if target.is_floating_point() else F.one_hot(target, logits.shape[1]).to(q)
    chosen = p == p.amax(1, keepdim=True)
    seen = q.detach() if detach else q
    positive = torch.where(chosen, -torch.inf, seen).amax(1, keepdim=True) + margin if anchor is None else anchor
    negative = torch.where(chosen, seen, -torch.inf).amax(1, keepdim=True) - margin if anchor is None else anchor
    own = q if own_gradient else q.detach()
    modulator_t = (1.0 - own + positive) ** gamma if modulate != "background" else 1.0
    modulator_b = (1.0 + own - negative) ** gamma if modulate != "target" else 1.0
    terms = -modulator_t * p * F.logsigmoid(logits) - modulator_b * (1.0 - p) * F.logsigmoid(-logits)
    return {"none": terms.sum(1), "sum": terms.sum()}[reduction]


def anchor_not_detached(*arguments, **options):
    return plain_anchor_loss(*arguments, detach=False, **options)


def modulator_detached(*arguments, **options):
    return plain_anchor_loss(*arguments, own_gradient=False, **options)


def plain_pose(logits, target, *, gamma=2.0, reduction="mean", detach=True):
    q = torch.sigmoid(logits)
    present = (target > 0.0).any(-1).any(-1)[..., None, None]
    anchor = torch.where(target > 0.5, q, -torch.inf).amax((-2, -1), keepdim=True)
    anchor = torch.where(present, anchor, 0.0)
    anchor = anchor.detach() if detach else anchor
    modulator = torch.where(target == 0.0, (1.0 + q - anchor) ** gamma, 1.0)
    assert reduction == "sum"
    return (present * modulator * F.binary_cross_entropy_with_logits(logits, target, reduction="none")).sum()


def pose_not_detached(*arguments, **options):
    return plain_pose(*arguments, detach=False, **options)


def focal_without_gradient_of_the_factor(logits, labels, *, gamma=2.0, reduction="mean"):
    q = torch.sigmoid(logits).detach()
    return -(labels * (1 - q) ** gamma * F.logsigmoid(logits) + (1 - labels) * q**gamma * F.logsigmoid(-logits))


def cross_entropy_of_one_term(logits, labels, *, reduction="mean"):
    return -labels * F.logsigmoid(logits)


def closed(**changes):
    """The closed forms, some of them replaced."""
    return SimpleNamespace(**{name: getattr(closed_form, name) for name in closed_form.__all__} | changes)


def theta_j_with_the_printed_sign(*arguments):
    """Eq. 4b as it is printed, one formula for both images."""
    gradient = closed_form.learning_loss_pp_gradient(*arguments)
    return gradient._replace(theta_j=gradient.theta_i)


def ranking_of_true_loss_gap(*arguments, margin):
    gradient = closed_form.learning_loss_gradient(*arguments, margin=margin)
    return type(gradient)(*(-part for part in gradient))


def shifted(function, factor=1.0 + 1e-9):
    """A closed form that is off in the tenth digit."""
    return lambda *arguments, **options: factor * function(*arguments, **options)


def other_interval(true_i, true_j, *, margin):
    lower, upper = closed_form.disagreement_interval(true_i, true_j, margin=margin)
    return lower - 1e-3, upper


def biased_sampler(delta, **options):
    return 1.05 * conditional_draws(delta, **options)


def sampler_without_its_condition(delta, *, shape, scale, seed, draws):
    """X as it is without knowing the gap."""
    return scale * np.random.default_rng(seed).standard_gamma(shape, draws)


def stratified_sampler(delta, *, shape, scale, seed, draws):
    """Every fiftieth of the sorted draws: the right law, but means that scatter far less than those of random draws."""
    many = conditional_draws(delta, shape=shape, scale=scale, seed=seed, draws=50 * draws)
    return np.sort(many)[25::50]


ALL_PAIR_GRADIENTS = ("LL++ 4a", "LL++ 4b", "LL++ S8", "LL++ S9")
ALL_ANCHORS = ("AL 2", "AL A-2", "AL A-3", "AL A-4")
CONTROLS = {
    # name: (what is replaced, equations of which every row must be WRONG, equations of which every row must stay ok)
    "LL++, wrong sign": ({"learning_loss_pp": wrong_sign},
                         (*ALL_PAIR_GRADIENTS, "LL++ 3", "LL++ 6", "LL++ minimiser", "SL-EXAMPLE-AC"),
                         ("LL 2a", "LL++ Hessian", "LL++ E KL")),
    "LL++, true losses carry a gradient": ({"learning_loss_pp": true_losses_not_constant},
                                           (*ALL_PAIR_GRADIENTS, "LL++ Hessian", "LL++ 6"), ("LL++ 3", "LL++ E KL")),
    "LL++, temperature 2": ({"learning_loss_pp": no_division_by_the_sum},
                            (*ALL_PAIR_GRADIENTS, "LL++ 3", "LL++ Hessian", "LL++ Lipschitz", "LL++ 6", "LL++ Beta"),
                            ("LL 2a", "LL++ E KL")),
    "LL, no margin": ({"learning_loss": margin_forgotten},
                      ("LL 1", "LL 2a", "LL 2b", "LL share", "LL push", "LL, LL++ signs", "SL-EXAMPLE-LL"),
                      ("LL++ 4a", "LL-EX1")),
    "LL, reversed": ({"learning_loss": order_reversed},
                     ("LL 1", "LL 2a", "LL 2b", "LL push", "LL, LL++ signs", "LL-EX1", "LL-EX2", "LL-EX3"),
                     ("LL++ 4a",)),
    "anchor not detached": ({"anchor_loss": anchor_not_detached}, ALL_ANCHORS, ("AL 1, 13", "AL 14", "AL γ = 0")),
    "modulator detached": ({"anchor_loss": modulator_detached}, (*ALL_ANCHORS, "AL 14", "AL A-1", "AL 10-12"),
                           ("AL 1, 13", "AL γ = 0")),
    "pose anchor not detached": ({"anchor_loss_pose": pose_not_detached}, ("AL 3-5",), ("AL 2",)),
    "focal factor detached": ({"focal_loss": focal_without_gradient_of_the_factor}, ("AL 7", "AL 9"), ("AL 6",)),
    "cross-entropy, one term": ({"bce_loss": cross_entropy_of_one_term}, ("AL 6", "AL 8", "AL crossing"), ("AL 7",)),
    "closed form, Eq. 4b as printed": (
        {"closed_form": closed(learning_loss_pp_gradient=theta_j_with_the_printed_sign)}, (), ("LL++ 4a", "LL++ S9")),
    "closed form, Eq. 2, wrong sign": ({"closed_form": closed(learning_loss_gradient=ranking_of_true_loss_gap)},
                                       ("LL 2a", "LL 2b"), ("LL 1",)),
    "closed forms, tenth digit": (
        {"closed_form": closed(**{name: shifted(getattr(closed_form, name)) for name in (
            "unfactored_gradient", "learning_loss_pp_hessian", "gradient_lipschitz", "minimising_gap",
            "expected_divergence", "penalised_share", "expected_gradient", "background_loss", "background_gradient",
            "target_gradient", "cross_entropy_gradient", "focal_gradient", "anchor_gradient", "anchor_pose_gradient",
            "gradient_crossing")})},
        ("LL++ S8", "LL++ Hessian", "LL++ Lipschitz", "LL++ minimiser", "LL++ E KL", "LL share", "LL++ 6", "AL 1, 13",
         "AL 14", "AL A-1", "AL 6", "AL 7", "AL 8", "AL 9", "AL 10-12", "AL γ = 0", *ALL_ANCHORS, "AL 3-5",
         "AL crossing"),
        ("LL++ 4a",)),
    "disagreement, another end": ({"closed_form": closed(disagreement_interval=other_interval)}, ("LL, LL++ signs",),
                                  ("LL++ minimiser",)),
    "coefficient law of another shape": (
        {"closed_form": closed(coefficient_law=lambda shape: closed_form.coefficient_law(1.3 * shape))},
        ("LL++ Beta",), ("LL++ E KL",)),
    "biased sampler": ({"conditional_draws": biased_sampler}, ("LL++ 6",), ("LL++ Beta",)),
    "sampler, no condition": ({"conditional_draws": sampler_without_its_condition}, ("LL++ 6",), ("LL++ Beta",)),
    "stratified sampler": ({"conditional_draws": stratified_sampler}, ("LL++ 6",), ("LL++ Beta",)),
}


def verdicts(found):
    """Equation or record -> the verdicts of its rows."""
    named = {}
    for row in found.rows:
        named.setdefault(row.check.equation, []).append(row.agrees)
    return named | {finding.example.record: [finding.agrees] for finding in found.findings}


@pytest.mark.parametrize("name", CONTROLS)
def test_a_wrong_subject_is_reported(name):
    replaced, wrong, right = CONTROLS[name]
    found = run(only=[*wrong, *right], draws=FEW, subjects=Subjects(**replaced))
    said = verdicts(found)
    assert {equation for equation in wrong if any(said[equation])} == set(), "a fault was not seen"
    assert {equation for equation in right if not all(said[equation])} == set(), "a fault was seen where there is none"
    assert found.agrees == (not wrong) and len(found.contradictions()) == sum(len(said[equation]) for equation in wrong)


def test_the_plain_losses_agree():
    """The counterpart: the same plain losses, without their faults, are right, so that the faults are what is seen."""
    plain = Subjects(anchor_loss=plain_anchor_loss, anchor_loss_pose=plain_pose)
    found = run(only=[*ALL_ANCHORS, "AL 3-5", "AL 14", "AL A-1", "AL 10-12", "AL γ = 0"], subjects=plain)
    assert found.contradictions() == ()


def test_eq_4b_as_printed_is_wrong_for_the_other_image():
    replaced, _, _ = CONTROLS["closed form, Eq. 4b as printed"]
    found = run(only=["LL++ 4b"], subjects=Subjects(**replaced))
    assert [row.agrees for row in found.rows] == [True, False]


def test_a_stratified_sampler_is_seen_by_its_sum_alone():
    """Scores too near to 0: no single one is too large."""
    row, = run(only=["LL++ 6"], draws=FEW, subjects=Subjects(conditional_draws=stratified_sampler)).rows
    assert row.score_agrees and not row.sum_agrees
    assert "p(Σz²)" in "".join(run(
        only=["LL++ 6"], draws=FEW, subjects=Subjects(conditional_draws=stratified_sampler)).contradictions())


def test_a_recorded_verdict_that_differs_is_reported(monkeypatch):
    from gradients import _crosscheck_examples as examples

    records = [dataclasses.replace(record, verdict="holds", correction="") if record.id == "SL-EXAMPLE-AC" else record
               for record in examples.load_records()]
    monkeypatch.setattr(examples, "load_records", lambda: records)
    found = run(only=["SL-EXAMPLE-AC", "LL-EX2"])
    assert verdicts(found) == {"SL-EXAMPLE-AC": [False], "LL-EX2": [True]}
    assert "'ambiguous'" in found.contradictions()[0] and "'holds'" in found.contradictions()[0]


# --- what counts as agreement ----------------------------------------------------------------------------------------

def judge(*evidence):
    return judged([Check("X", "x", None)] * len(evidence), evidence)


def test_nothing_evaluated_is_no_agreement():
    nothing = [Evidence(0, autograd=Error(0.0, 1.0)), Evidence(5), Evidence(0)]
    assert [row.agrees for row in judge(*nothing)] == [False] * 3
    found = crosscheck.Crosscheck(judge(*nothing), (), 0, FEW)
    assert not found.agrees and all("nothing was evaluated" in line for line in found.contradictions())


@pytest.mark.parametrize(("evidence", "agrees"), [
    (Evidence(1, autograd=Error(1.0, 1.0)), True), (Evidence(1, autograd=Error(1.1, 1.0)), False),
    (Evidence(1, autograd=Error(math.nan, 1.0)), False), (Evidence(1, precise=Error(math.inf, 1.0)), False),
    (Evidence(1, autograd=Error(0.0, 0.0), precise=Error(0.1, 0.0)), False),
    (Evidence(2, scores=Scores((0.3, -1.2))), True), (Evidence(2, scores=Scores((0.3, math.nan))), False),
    (Evidence(2, scores=Scores((0.3, -7.0))), False), (Evidence(2, scores=Scores((0.3, math.inf))), False),
    (Evidence(60, scores=Scores((0.05, -0.05) * 30)), False), (Evidence(60, scores=Scores((2.5, -2.5) * 30)), False),
    (Evidence(60, scores=Scores((1.0, -1.0) * 30)), True),
])
def test_agreement(evidence, agrees):
    row, = judge(evidence)
    assert row.agrees is agrees


def test_limits_grow_with_the_number_of_scores():
    """The false alarms of a run stay as rare: the normal tail of one in five million over two tails and all scores."""
    one, = judge(Evidence(1, scores=Scores((0.0,))))
    many = judge(*[Evidence(50, scores=Scores((1.0,) * 50))] * 2)
    assert one.largest_score == pytest.approx(5.199, abs=1e-3)  # tables of the normal law: 1e-7 in each tail
    assert many[0].largest_score == many[1].largest_score > one.largest_score
    assert one.least_probability == 2e-7 and many[0].least_probability == 1e-7


def test_error_is_relative_and_sees_nan():
    assert error([1.0, 2.0], [1.0, 2.5], [1.0, 2.0]) == 0.25
    assert error(1.0, mpmath.mpf("1e-60") + 1, 1.0) == 0.0
    assert math.isnan(error([1.0, math.nan], [1.0, 1.0], 1.0))


def test_scores():
    assert math.isnan(Scores((3.0, math.nan, 1.0)).worst) and Scores((1.0, -4.0)).worst == -4.0
    assert math.isnan(Scores((3.0, math.nan)).probability)
    assert Scores((1.0, -1.0) * 40).probability == pytest.approx(1.0, abs=0.15)


# --- reproducible, separable, and no trace left ----------------------------------------------------------------------

def test_same_seed_same_rows(complete):
    assert run(draws=FEW) == complete


def test_another_seed_other_draws(complete):
    names = ["LL++ 6", "LL++ 4a", "LL share"]
    other = run(only=names, seed=1, draws=FEW)
    assert other.agrees
    ours = {row.check.equation: row.evidence for row in complete.rows}
    assert all(row.evidence != ours[row.check.equation] for row in other.rows)


def test_a_row_does_not_depend_on_the_others(complete):
    alone, = run(only=["ll++ beta"], draws=FEW).rows
    assert alone.evidence == next(row.evidence for row in complete.rows if row.check.equation == "LL++ Beta")


def test_state_of_the_libraries_is_left_alone():
    before = mpmath.mp.prec, torch.initial_seed(), torch.get_rng_state(), np.random.get_state()[1].copy()
    threads = torch.get_num_threads()
    run(only=["LL++ 4a", "LL++ Beta", "AL 2"], draws=FEW)
    assert mpmath.mp.prec == before[0] and torch.initial_seed() == before[1] and torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), before[2]) and (np.random.get_state()[1] == before[3]).all()


def test_precision_while_a_check_runs():
    check = Check("X", "x", lambda context: Evidence(mpmath.mp.dps))
    assert check.run(Context(None, 0, FEW)).points == rows.DIGITS


def test_only_keeps_what_is_asked():
    found = run(only=["LL++ 4B", "sl-example-ac", "AL gamma = 0"])
    assert [row.check.equation for row in found.rows] == ["LL++ 4b", "LL++ 4b", "AL γ = 0"]
    assert [finding.example.record for finding in found.findings] == ["SL-EXAMPLE-AC"]


@pytest.mark.parametrize(("options", "error", "said"), [
    ({"only": ["LL 9"]}, DomainError, "only: got 'LL 9'; allowed: LL 1, LL 2a"),
    ({"seed": -1}, DomainError, "seed: got -1; allowed: an integer from 0"),
    ({"seed": 1.0}, ArgumentError, "seed: got 1.0"), ({"seed": True}, ArgumentError, "seed: got True"),
    ({"draws": 999}, DomainError, "draws: got 999; allowed: an integer from 1000"),
    ({"draws": 10**9}, DomainError, "draws: got 1000000000"),
])
def test_wrong_arguments(options, error, said):
    with pytest.raises(error) as caught:
        run(**options)
    assert str(caught.value).startswith(said)


def test_a_subject_that_raises_is_not_caught():
    def broken(predicted, true, **options):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        run(only=["LL++ 4a"], subjects=Subjects(learning_loss_pp=broken))


# --- the printed examples --------------------------------------------------------------------------------------------

def test_examples_beside_the_printed_numbers(complete):
    found = {finding.example.record: finding for finding in complete.findings}
    assert found["LL-EX1"].values == (0.0,) and found["LL-EX2"].values == (4.0,)
    assert found["LL-EX3"].values == (0.0, 1.0, 0.0)
    assert found["SL-EXAMPLE-LL"].values == (1.0, 1.0)
    # q_i = 1/(1 + e^0.15), p_i = 0.45/3.32; and 1/(1 + e^0.03), 0.45/0.92: the slides' numbers, by hand
    assert found["SL-EXAMPLE-AC"].values == pytest.approx([1 / (1 + math.exp(0.15)) - 0.45 / 3.32])
    assert found["SL-EXAMPLE-AB"].values == pytest.approx([1 / (1 + math.exp(0.03)) - 0.45 / 0.92])
    assert found["SL-EXAMPLE-AC"].example.printed == "0.32" and found["SL-EXAMPLE-AC"].verdict == "ambiguous"
