"""Negative controls of the cross-checks: wrong losses, closed forms and samplers are reported, in the right rows."""

from __future__ import annotations

import dataclasses
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gammaprob.monte_carlo import conditional_draws
from gradients import closed_form, losses
from gradients._crosscheck_rows import Subjects
from gradients.crosscheck import run
from gradients.pairs import pair_indices

FEW = 4_000  # draws a mean: the faults below move means by far more than these scatter


# --- plain losses, right as they are, and wrong with one of their options --------------------------------------------

def paired(predicted, pairs):
    return pair_indices(len(predicted), pairs) if isinstance(pairs, str) else pairs


def reduced(terms, reduction):
    return {"none": terms, "sum": terms.sum(), "mean": terms.mean()}[reduction]


def plain_pp(predicted, true, *, pairs="halves", reduction="mean", constant=True, log_q=lambda z: z.log_softmax(0),
             leak=0.0):
    """LL++, as plainly as it can be written; `leak` times a term of value 0 through l_i − l_j."""
    i, j = paired(predicted, pairs)
    l_i, l_j = (true.detach() if constant else true)[torch.stack([i, j])]
    total = l_i + l_j
    p = torch.where(total > 0.0, torch.stack([l_i, l_j]) / torch.where(total > 0.0, total, 1.0), 0.5)
    terms = F.kl_div(log_q(torch.stack([predicted[i], predicted[j]])), p, reduction="none").sum(0)
    gap = true[i] - true[j]
    return reduced(terms + leak * (gap - gap.detach()) * (predicted[i] - predicted[j]), reduction)


def plain_ll(predicted, true, *, margin=1.0, pairs="halves", reduction="mean", straight_through=0.0):
    """Learning Loss; with `straight_through` the sign has the derivative of its argument, times that."""
    i, j = paired(predicted, pairs)
    gap = true[i] - true[j]
    sign = torch.sign(gap.detach()) + straight_through * (gap - gap.detach())
    return reduced((margin - sign * (predicted[i] - predicted[j])).relu(), reduction)


def plain_anchor_loss(logits, target, *, gamma=0.5, margin=0.05, modulate="background", anchor=None, reduction="mean",
                      detach=True, own_gradient=True):
    """Anchor loss in probabilities."""
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
    return reduced(terms.sum(1), reduction)


def plain_pose(logits, target, *, gamma=2.0, reduction="mean", detach=True, is_foreground=lambda p: p > 0.5,
               is_background=lambda p: p == 0.0):
    q = torch.sigmoid(logits)
    present = (target > 0.0).any(-1).any(-1)[..., None, None]
    anchor = torch.where(is_foreground(target), q, -torch.inf).amax((-2, -1), keepdim=True)
    anchor = torch.where(present, anchor, 0.0)
    anchor = anchor.detach() if detach else anchor
    modulator = torch.where(is_background(target), (1.0 + q - anchor) ** gamma, 1.0)
    terms = present * modulator * F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return terms.sum() / (present.expand_as(terms).sum() if reduction == "mean" else 1)


def focal_without_gradient_of_the_factor(logits, labels, *, gamma=2.0, reduction="mean"):
    q = torch.sigmoid(logits).detach()
    terms = -labels * (1 - q) ** gamma * F.logsigmoid(logits) - (1 - labels) * q**gamma * F.logsigmoid(-logits)
    return reduced(terms, reduction)


def cross_entropy_of_one_term(logits, labels, *, reduction="mean"):
    return reduced(-labels * F.logsigmoid(logits), reduction)


# --- our losses, called otherwise than they should be ----------------------------------------------------------------

def ours(name, *, first=lambda x: x, second=lambda y: y, **defaults):
    """Our loss, of other arguments, or with other defaults."""
    def loss(x, y, **options):
        return getattr(losses, name)(first(x), second(y), **defaults | options)

    return {name: loss}


def without_margin(predicted, true, *, margin=1.0, only_by_name=False, pairs="halves", **options):
    """LL that forgets its margin, or does so where pairs have a name."""
    margin = margin if only_by_name and not isinstance(pairs, str) else 0.0
    return losses.learning_loss(predicted, true, margin=margin, pairs=pairs, **options)


def sum_for_mean(predicted, true, *, reduction="mean", **options):
    return losses.learning_loss(predicted, true, reduction="sum" if reduction == "mean" else reduction, **options)


def all_pairs_are_halves(predicted, true, *, pairs="halves", **options):
    return losses.learning_loss_pp(predicted, true, pairs="halves" if isinstance(pairs, str) else pairs, **options)


def wrong_in_large_batches(name, wrong):
    """The loss of all pairs, other than it is where a batch is too large for one block."""
    def loss(predicted, true, *, pairs="halves", **options):
        value = getattr(losses, name)(predicted, true, pairs=pairs, **options)
        return wrong(value, predicted) if isinstance(pairs, str) and len(predicted) > 256 else value

    return {name: loss}


def larger_value(value, predicted):
    return value + 1e-9


def without_one_gradient(value, predicted):
    """The same value; the gradient of the last image is twice what it is."""
    last, = torch.autograd.grad(value, predicted, create_graph=True)
    return value + last[-1].detach() * (predicted[-1] - predicted[-1].detach())


def other_mean(name, factor):
    """A mean that is too large by a factor of the first argument and the second."""
    def loss(x, y, *, reduction="mean", **options):
        value = getattr(losses, name)(x, y, reduction=reduction, **options)
        return value * factor(x, y) if reduction == "mean" else value

    return {name: loss}


def mean_over_all_pixels(logits, target):
    return (target.amax((-2, -1)) > 0).double().mean()


# --- closed forms and samplers ---------------------------------------------------------------------------------------

def closed(**changes):
    """The closed forms, some of them replaced."""
    named = {name: getattr(closed_form, name) for name in closed_form.__all__}
    return {"closed_form": SimpleNamespace(**named | changes)}


def forty_two(name):
    return closed(**{name: lambda *arguments, **options: 42.0})


def theta_j_with_the_printed_sign(*arguments):
    """Eq. 4b as it is printed, one formula for both images."""
    gradient = closed_form.learning_loss_pp_gradient(*arguments)
    return gradient._replace(theta_j=gradient.theta_i)


def ranking_of_true_loss_gap(*arguments, **options):
    gradient = closed_form.learning_loss_gradient(*arguments, **options)
    return type(gradient)(*(-part for part in gradient))


def shifted(name, factor=1.0 + 1e-9):
    """A closed form that is off in the tenth digit."""
    return lambda *arguments, **options: factor * getattr(closed_form, name)(*arguments, **options)


def other_interval(true_i, true_j, *, margin):
    lower, upper = closed_form.disagreement_interval(true_i, true_j, margin=margin)
    return lower - 1e-3, upper


def rounded(name, dtype):
    """A closed form of logits that are rounded first."""
    return closed(**{name: lambda logits, *more, **options: getattr(closed_form, name)(
        dtype(logits).astype(float), *more, **options)})


def gap_without_sign(delta, *arguments, **options):
    return closed_form.expected_gradient(abs(delta), *arguments, **options)


def wrong_between_a_half_and_one(delta, *arguments, shape, scale):
    factor = 1.01 if 0.5 < shape < 1.0 else 1.0
    return factor * closed_form.expected_gradient(delta, *arguments, shape=shape, scale=scale)


def other_defaults_of_anchor_gradient(logits, target, *, gamma=2.0, margin=0.0, **options):
    return closed_form.anchor_gradient(logits, target, gamma=gamma, margin=margin, **options)


def biased_sampler(delta, **options):
    return 1.05 * conditional_draws(delta, **options)


def biased_between_a_half_and_one(delta, *, shape, **options):
    return (1.5 if 0.5 < shape < 1.0 else 1.0) * conditional_draws(delta, shape=shape, **options)


def sampler_without_its_condition(delta, *, shape, scale, seed, draws):
    """X as it is without knowing the gap."""
    return scale * np.random.default_rng(seed).standard_gamma(shape, draws)


def stratified_sampler(delta, *, shape, scale, seed, draws):
    """Every fiftieth of the sorted draws: the right law, but means that scatter far less than those of random draws."""
    many = conditional_draws(delta, shape=shape, scale=scale, seed=seed, draws=50 * draws)
    return np.sort(many)[25::50]


def sampler_of_fewer_draws(delta, *, draws, **options):
    return conditional_draws(delta, draws=1000, **options)


def sampler_without_seed(delta, *, seed, **options):
    return conditional_draws(delta, seed=0, **options)


PER_PAIR = ("LL++ p, q", "LL++ 4a", "LL++ 4b", "LL++ S8")
PAIR_GRADIENTS = (*PER_PAIR, "LL++ S9", "LL++ default", "LL++ all")
CLASS_DEFAULT, POSE_DEFAULT, FOCAL_DEFAULT, ENTROPY_DEFAULT = (f"AL default/{what}, as called" for what in (
    "classification", "pose", "focal loss", "cross-entropy"))
BACKGROUND = ("AL 2", "AL A-3", "AL A-4", CLASS_DEFAULT)
ALL_ANCHORS = (*BACKGROUND, "AL A-2")
CONTROLS = {
    # name: (what is replaced, rows that must be WRONG, rows that must stay ok). A row is an equation, which is all of
    # its rows, or an equation/what, which is one of them.
    "LL++, wrong sign": (
        ours("learning_loss_pp", first=torch.neg),
        (*PAIR_GRADIENTS, "LL++ 3", "LL++ 6", "LL++ minimiser", "SL-EXAMPLE-AC"),
        ("LL 2a", "LL++ Hessian", "LL++ E KL")),
    "LL++, true losses carry a gradient": (
        {"learning_loss_pp": partial(plain_pp, constant=False)}, (*PAIR_GRADIENTS, "LL++ Hessian", "LL++ 6"),
        ("LL++ 3", "LL++ E KL")),
    "LL++, their difference carries one": (
        {"learning_loss_pp": partial(plain_pp, leak=1.0)}, (*PAIR_GRADIENTS, "LL++ Hessian", "LL++ 6"),
        ("LL++ 3", "LL++ E KL")),
    "LL++, temperature 2": (
        ours("learning_loss_pp", first=lambda predicted: predicted / 2.0),
        (*PAIR_GRADIENTS, "LL++ 3", "LL++ Hessian", "LL++ Lipschitz", "LL++ 6", "LL++ Beta"), ("LL 2a", "LL++ E KL")),
    "LL++, log of a softmax": (
        {"learning_loss_pp": partial(plain_pp, log_q=lambda z: z.softmax(0).log())}, ("LL++ 3", *PER_PAIR),
        ("LL++ default", "LL++ all", "LL++ minimiser", "LL++ 6")),
    "LL++, exponentials": (
        {"learning_loss_pp": partial(plain_pp, log_q=lambda z: z - z.exp().sum(0).log())}, ("LL++ 3", *PER_PAIR),
        ("LL++ default", "LL++ all", "LL++ minimiser", "LL++ 6")),
    "LL++, softmax from 1e-30": (
        {"learning_loss_pp": partial(plain_pp, log_q=lambda z: z.softmax(0).clamp_min(1e-30).log())},
        ("LL++ 3", *PER_PAIR), ("LL++ default", "LL++ all", "LL++ minimiser", "LL++ 6")),
    "LL++, true losses in bfloat16": (
        ours("learning_loss_pp", second=lambda true: true.detach().bfloat16().double()),
        (*PAIR_GRADIENTS, "LL++ 3", "LL++ minimiser"), ("LL++ Hessian",)),
    "LL++, true losses in float32": (
        ours("learning_loss_pp", second=lambda true: true.detach().float().double()),
        (*PAIR_GRADIENTS, "LL++ 3", "LL++ minimiser"), ("LL++ Hessian",)),
    "LL++, all pairs are halves": (
        {"learning_loss_pp": all_pairs_are_halves}, ("LL++ all",), ("LL++ default", "LL++ S9", "LL++ 4a")),
    "LL++, value of large batches": (
        wrong_in_large_batches("learning_loss_pp", larger_value), ("LL++ all",), ("LL++ default",)),
    "LL++, gradient of large batches": (
        wrong_in_large_batches("learning_loss_pp", without_one_gradient), ("LL++ all",), ("LL++ default",)),
    "LL, value of large batches": (
        wrong_in_large_batches("learning_loss", larger_value), ("LL all",), ("LL default",)),
    "LL, gradient of large batches": (
        wrong_in_large_batches("learning_loss", without_one_gradient), ("LL all",), ("LL default",)),
    "LL, no margin": (
        {"learning_loss": without_margin},
        ("LL 1", "LL 2a", "LL 2b", "LL default", "LL all", "LL share", "LL push", "LL, LL++ signs", "SL-EXAMPLE-LL"),
        ("LL++ 4a", "LL-EX1")),
    "LL, no margin where pairs have a name": (
        {"learning_loss": partial(without_margin, only_by_name=True)}, ("LL default", "LL all"), ("LL 1", "LL 2a")),
    "LL, default margin": (ours("learning_loss", margin=0.5), ("LL default", "LL all"), ("LL 1", "LL 2a")),
    "LL, the mean is a sum": ({"learning_loss": sum_for_mean}, ("LL default", "LL all"), ("LL 1", "LL 2a")),
    "LL, reversed": (
        ours("learning_loss", first=torch.neg),
        ("LL 1", "LL 2a", "LL 2b", "LL default", "LL all", "LL push", "LL, LL++ signs", "LL-EX1", "LL-EX2", "LL-EX3"),
        ("LL++ 4a",)),
    "LL, true losses in float32": (
        ours("learning_loss", second=lambda true: true.float().double()), ("LL 1", "LL 2a", "LL 2b"), ("LL default",)),
    "LL, straight-through sign": (
        {"learning_loss": partial(plain_ll, straight_through=1.0)}, ("LL 2a", "LL 2b", "LL default", "LL all"),
        ("LL 1", "LL-EX2")),
    "anchor not detached": (
        {"anchor_loss": partial(plain_anchor_loss, detach=False)}, ALL_ANCHORS, ("AL 1, 13", "AL 14", "AL γ = 0")),
    "modulator detached": (
        {"anchor_loss": partial(plain_anchor_loss, own_gradient=False)},
        (*ALL_ANCHORS, "AL 14", "AL A-1", "AL 10-12"), ("AL 1, 13", "AL γ = 0")),
    "anchor loss, logits in bfloat16": (
        ours("anchor_loss", first=lambda logits: logits.bfloat16().double()), (*ALL_ANCHORS, "AL 14"), ("AL 3-5",)),
    "anchor loss, default γ": (ours("anchor_loss", gamma=2.0), (CLASS_DEFAULT,), ("AL 2", "AL A-3")),
    "anchor loss, default margin": (ours("anchor_loss", margin=0.0), (CLASS_DEFAULT,), ("AL 2", "AL A-3")),
    "anchor loss, default modulation": (ours("anchor_loss", modulate="both"), (CLASS_DEFAULT,), ("AL 2", "AL A-3")),
    "anchor loss, mean over the classes": (
        other_mean("anchor_loss", lambda logits, target: 1.0 / logits.shape[1]), (CLASS_DEFAULT,), ("AL 2",)),
    "pose, anchor not detached": (
        {"anchor_loss_pose": partial(plain_pose, detach=False)}, ("AL 3-5", POSE_DEFAULT), ("AL 2",)),
    "pose, anchor from 0.4": (
        {"anchor_loss_pose": partial(plain_pose, is_foreground=lambda p: p > 0.4)}, ("AL 3-5", POSE_DEFAULT), ()),
    "pose, anchor from 0.6": (
        {"anchor_loss_pose": partial(plain_pose, is_foreground=lambda p: p > 0.6)}, ("AL 3-5", POSE_DEFAULT), ()),
    "pose, anchor from 0.5 itself": (
        {"anchor_loss_pose": partial(plain_pose, is_foreground=lambda p: p >= 0.5)}, ("AL 3-5", POSE_DEFAULT), ()),
    "pose, background to 0.3": (
        {"anchor_loss_pose": partial(plain_pose, is_background=lambda p: p <= 0.3)}, ("AL 3-5", POSE_DEFAULT), ()),
    "pose, logits in bfloat16": (
        ours("anchor_loss_pose", first=lambda logits: logits.bfloat16().double()), ("AL 3-5", POSE_DEFAULT), ()),
    "pose, default γ": (ours("anchor_loss_pose", gamma=0.5), (POSE_DEFAULT,), ("AL 3-5",)),
    "pose, mean over all pixels": (
        other_mean("anchor_loss_pose", mean_over_all_pixels), (POSE_DEFAULT,), ("AL 3-5",)),
    "focal factor detached": (
        {"focal_loss": focal_without_gradient_of_the_factor}, ("AL 7", "AL 9", FOCAL_DEFAULT), ("AL 6",)),
    "focal, q from 0.01 to 0.99": (
        ours("focal_loss", first=lambda logits: logits.clamp(-4.595, 4.595)), ("AL 7", "AL 9", FOCAL_DEFAULT),
        ("AL 6",)),
    "focal, default γ": (ours("focal_loss", gamma=1.0), (FOCAL_DEFAULT,), ("AL 7", "AL 9")),
    "cross-entropy, one term": (
        {"bce_loss": cross_entropy_of_one_term}, ("AL 6", "AL 8", "AL crossing", ENTROPY_DEFAULT), ("AL 7",)),
    "cross-entropy, logits to 4": (
        ours("bce_loss", first=lambda logits: logits.clamp(-4.0, 4.0)), ("AL 6", "AL 8", ENTROPY_DEFAULT),
        ("AL crossing", "AL 7")),
    "closed form, Eq. 4b as printed": (
        closed(learning_loss_pp_gradient=theta_j_with_the_printed_sign), ("LL++ 4b/gradient in θ_j, −w",),
        ("LL++ 4a", "LL++ S9")),
    "closed form, Eq. 2, wrong sign": (
        closed(learning_loss_gradient=ranking_of_true_loss_gap), ("LL 2a", "LL 2b", "LL default"), ("LL 1", "LL all")),
    "closed forms, tenth digit": (
        closed(**{name: shifted(name) for name in (
            "unfactored_gradient", "learning_loss_pp_hessian", "gradient_lipschitz", "minimising_gap",
            "expected_divergence", "penalised_share", "expected_gradient", "background_loss", "background_gradient",
            "target_gradient", "cross_entropy_gradient", "focal_gradient", "anchor_gradient", "anchor_pose_gradient",
            "gradient_crossing")}),
        ("LL++ S8", "LL++ Hessian", "LL++ Lipschitz", "LL++ minimiser", "LL++ E KL", "LL share", "LL++ 6", "AL 1, 13",
         "AL 14", "AL A-1", "AL 6", "AL 7", "AL 8", "AL 9", "AL 10-12", "AL γ = 0", "AL 2", "AL A-2", "AL A-3",
         "AL A-4", "AL 3-5", "AL crossing", "AL default"),
        ("LL++ 4a",)),
    "closed form, p of 42": (forty_two("true_target"), ("LL++ p, q",), ("LL++ 4a",)),
    "closed form, q of 42": (forty_two("predicted_target"), ("LL++ p, q",), ("LL++ 4a",)),
    "closed form, q − p of 42": (forty_two("kl_coefficient"), ("LL++ p, q", "LL++ all"), ("LL++ 4a",)),
    "closed form, LL's coefficient of 42": (forty_two("ranking_coefficient"), ("LL all",), ("LL 2a",)),
    "closed form, φ of 42": (forty_two("expected_target"), ("LL++ 6",), ("LL++ Beta",)),
    "closed form, logits in float16": (
        rounded("anchor_gradient", np.float16), ("AL 2", "AL A-2", "AL A-3", "AL A-4", CLASS_DEFAULT), ("AL 3-5",)),
    "closed form, logits of heatmaps in float32": (
        rounded("anchor_pose_gradient", np.float32), ("AL 3-5", POSE_DEFAULT), ("AL 2",)),
    "closed form, defaults": (closed(anchor_gradient=other_defaults_of_anchor_gradient), (CLASS_DEFAULT,), ("AL 2",)),
    "closed form, gap without its sign": (closed(expected_gradient=gap_without_sign), ("LL++ 6",), ("LL++ E KL",)),
    "closed form, 1 % for k from ½ to 1": (
        closed(expected_gradient=wrong_between_a_half_and_one), ("LL++ 6",), ("LL++ E KL",)),
    "disagreement, another end": (
        closed(disagreement_interval=other_interval), ("LL, LL++ signs",), ("LL++ minimiser",)),
    "coefficient law of another shape": (
        closed(coefficient_law=lambda shape: closed_form.coefficient_law(1.3 * shape)), ("LL++ Beta",), ("LL++ E KL",)),
    "biased sampler": ({"conditional_draws": biased_sampler}, ("LL++ 6",), ("LL++ Beta",)),
    "sampler, biased for k from ½ to 1": (
        {"conditional_draws": biased_between_a_half_and_one}, ("LL++ 6",), ("LL++ Beta",)),
    "sampler, no condition": ({"conditional_draws": sampler_without_its_condition}, ("LL++ 6",), ("LL++ Beta",)),
    "stratified sampler": ({"conditional_draws": stratified_sampler}, ("LL++ 6",), ("LL++ Beta",)),
    "sampler of 1000 draws": ({"conditional_draws": sampler_of_fewer_draws}, ("LL++ 6",), ("LL++ Beta",)),
    "sampler without seed": ({"conditional_draws": sampler_without_seed}, ("LL++ 6",), ("LL++ Beta",)),
}


def verdicts(found):
    """Equation, equation/what or record -> the verdicts of its rows."""
    named = {}
    for row in found.rows:
        for name in (row.check.equation, f"{row.check.equation}/{row.check.what}"):
            named.setdefault(name, []).append(row.agrees)
    return named | {finding.example.record: [finding.agrees] for finding in found.findings}


@pytest.mark.parametrize("name", CONTROLS)
def test_a_wrong_subject_is_reported(name):
    replaced, wrong, right = CONTROLS[name]
    found = run(only={row.partition("/")[0] for row in (*wrong, *right)}, draws=FEW, subjects=Subjects(**replaced))
    said = verdicts(found)
    assert {row for row in wrong if any(said[row])} == set(), "a fault was not seen"
    assert {row for row in right if not all(said[row])} == set(), "a fault was seen where there is none"
    # Among them the rows of an equation of which one alone is named.
    assert not found.agrees and len(found.contradictions()) == sum(len(said[row]) for row in wrong)


def test_the_plain_losses_agree():
    """The counterpart: the same plain losses, without their faults, are right, so that the faults are what is seen."""
    plain = Subjects(
        learning_loss=plain_ll, learning_loss_pp=plain_pp, anchor_loss=plain_anchor_loss, anchor_loss_pose=plain_pose,
    )
    assert run(draws=FEW, subjects=plain).contradictions() == ()


def test_a_stratified_sampler_is_seen_by_its_sum_alone():
    """Scores too near to 0: no single one is too large."""
    found = run(only="LL++ 6", draws=FEW, subjects=Subjects(conditional_draws=stratified_sampler))
    assert found.rows[0].score_agrees and not found.rows[0].sum_agrees
    assert "p(Σz²)" in found.contradictions()[0]


@pytest.mark.parametrize(("sampler", "said"), [
    (sampler_of_fewer_draws, f"the sampler gave the shape (1000,), asked for {FEW} draws"),
    (sampler_without_seed, "the sampler gave the same draws for two seeds"),
])
def test_what_a_sampler_broke_is_said(sampler, said):
    found = run(only="LL++ 6", draws=FEW, subjects=Subjects(conditional_draws=sampler))
    assert said in found.contradictions()[0]


def test_a_recorded_verdict_that_differs_is_reported(monkeypatch):
    from gradients import _crosscheck_examples as examples

    records = [dataclasses.replace(record, verdict="holds", correction="") if record.id == "SL-EXAMPLE-AC" else record
               for record in examples.load_records()]
    monkeypatch.setattr(examples, "load_records", lambda: records)
    found = run(only=["SL-EXAMPLE-AC", "LL-EX2"])
    assert verdicts(found) == {"SL-EXAMPLE-AC": [False], "LL-EX2": [True]}
    assert "'ambiguous'" in found.contradictions()[0] and "'holds'" in found.contradictions()[0]
