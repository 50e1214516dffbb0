"""The figures on Anchor Loss, and the field of coefficients: against the printed formulas, the ledger, the records."""

from __future__ import annotations

import re

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy.integrate import quad
from scipy.special import logit
from scipy.stats import gamma as gamma_law

from experiments.record import read_recorded
from figures import anchor_gradients, anchor_losses, anchor_modulation, coefficient_field
from gradients import as_printed
from paper_tables.published import captions
from paper_tables.records import load_records

EPSILON = np.finfo(float).eps
# Relative: ten roundings at most in the power, the logarithm and their product, of which those in 1 − q and in q grow
# by at most 1/(1 − q) or 1/q; the gradients' grid ends at 0.995, so by 200.
ROUNDINGS = 10 * 200 * EPSILON
QUADRATURE = 1e-9  # relative
CENTRAL = 1e-6  # step of a difference quotient of a function that is linear on both sides
EVERY = slice(0, None, 28)  # each point in mpmath would take seconds


def correction(record: str) -> str:
    return {each.id: each for each in load_records()}[record].correction


def of_points(formula, q) -> np.ndarray:
    """A printed formula, in many digits, at floats taken exactly."""
    return np.array([float(formula(mpf(float(value)))) for value in q])


def slopes(formula, q) -> np.ndarray:
    return of_points(lambda value: mp.diff(formula, value), q)


# --- Fig. 2 ---------------------------------------------------------------------------------------------------------

def test_losses_are_the_printed_ones():
    data = anchor_losses.compute()
    q = data.q[EVERY]
    for anchor, values in zip(data.anchors, data.anchored, strict=True):
        printed = of_points(lambda x, anchor=mpf(float(anchor)): as_printed.eq13_loss(
            x, anchor=anchor, gamma=data.gamma), q)
        np.testing.assert_allclose(values[EVERY], printed, rtol=ROUNDINGS)
    focal = of_points(lambda x: as_printed.eq7_focal_loss(0, x, gamma=data.gamma), q)
    np.testing.assert_allclose(data.focal[EVERY], focal, rtol=ROUNDINGS)
    np.testing.assert_allclose(data.entropy[EVERY], of_points(lambda x: as_printed.eq6_cross_entropy(0, x), q),
                               rtol=ROUNDINGS)


def test_losses_cross_at_the_anchor():
    """AL-FIG2-ANCHOR, AL-FIG2-FOCAL: more than cross-entropy where q > q*, less where q < q*; focal loss never more."""
    data = anchor_losses.compute()
    away = np.abs(data.q - data.anchors[:, np.newaxis]) > ROUNDINGS
    excess = np.sign(data.anchored_factor - 1)
    expected = np.sign(data.q - data.anchors[:, np.newaxis])
    assert (excess == expected)[away].all()
    assert (data.focal_factor < 1).all()
    assert (excess != np.sign(data.q - data.anchors[::-1, np.newaxis]))[away].any()  # control: the anchors exchanged


# --- Fig. 4 ---------------------------------------------------------------------------------------------------------

def test_gradients_are_those_of_the_printed_losses():
    data = anchor_gradients.compute()
    q = data.q[EVERY][1:]  # not 0, where a difference quotient leaves the domain
    label = {"gamma": data.gammas[-1]}
    for values, formula in (
        (data.entropy, lambda x: as_printed.eq6_cross_entropy(0, x)),
        (data.focal, lambda x: as_printed.eq7_focal_loss(0, x, **label)),
        (data.anchored, lambda x: as_printed.eq13_loss(x, anchor=data.anchor, **label)),
    ):
        np.testing.assert_allclose(values[EVERY][1:], slopes(formula, q), rtol=ROUNDINGS)


def test_crossings_are_those_of_the_ledger():
    data = anchor_gradients.compute()
    assert [f"{at:.3f}" for at in data.crossing] == re.findall(r"0\.\d{3}", correction("AL-GRADIENT-BELOW"))
    assert [f"{values[-1]:.3f}" for values in data.crossings] == re.findall(
        r"0\.\d{3}", correction("AL-GRADIENT-FOCAL"))


def test_crossings_are_where_the_curves_meet():
    data = anchor_gradients.compute()
    above = {name: data.q > at for name, at in (("AL", data.crossing[-1]), ("FL", data.crossings[-1, -1]))}
    for name, expected in above.items():
        assert ((data.factors[name] > 1) == expected).all()
    # control: what is printed. AL would be smaller up to the anchor, FL everywhere.
    assert ((data.factors["AL"] > 1) != (data.q > data.anchor)).any() and (data.factors["FL"] > 1).any()


def test_crossings_lie_between_half_the_anchor_and_the_anchor():
    data = anchor_gradients.compute()
    anchors, crossings = data.anchors[1:], data.crossings[:, 1:]
    assert (crossings > anchors / 2).all() and (crossings < anchors).all()
    al, ce = data.at_anchor
    assert al - ce == pytest.approx(-data.gammas[-1] * np.log(1 - data.anchor), rel=ROUNDINGS)


# --- Fig. A-1 -------------------------------------------------------------------------------------------------------

def test_modulated_losses_are_those_of_a1():
    data = anchor_modulation.compute()
    q = data.q[EVERY]
    for label, losses in zip((1, 0), data.modulated, strict=True):
        for gamma, values in zip(data.gammas, losses, strict=True):
            printed = of_points(lambda x, label=label, gamma=gamma: as_printed.eqa1_loss(
                label, x, target_anchor="0.2", background_anchor="0.8", target_gamma=gamma, background_gamma=gamma), q)
            np.testing.assert_allclose(values[EVERY], printed, rtol=ROUNDINGS)


def test_anchors_are_those_of_the_printed_caption():
    printed = captions("anchor")["A-1"]
    target, background = anchor_modulation.compute().anchors
    assert f"q_pos = {target:g}" in printed and f"q_neg = {background:g}" in printed
    assert f"q_pos = {background:g}" not in printed


def test_modulated_losses_turn_at_their_anchors():
    """AL-FIGA1A and AL-FIGA1B: the target's is higher below its anchor, the background's above."""
    data = anchor_modulation.compute()
    for sign, anchor, factors in zip((-1, 1), data.anchors, data.factors, strict=True):
        away = np.abs(data.q - anchor) > ROUNDINGS
        for values in factors:
            assert (np.sign(values - 1) == sign * np.sign(data.q - anchor))[away].all()


# --- the field of coefficients --------------------------------------------------------------------------------------

def mean_target(delta: float, *, shape: float, scale: float) -> float:
    """E[X/(X + Y) | Y − X = δ] for δ > 0, by quadrature."""
    law = gamma_law(shape, scale=scale)
    end = float(law.isf(1e-15))  # of the pairs with gap δ > 0, fewer still have a larger X

    def integral(weight):
        return quad(lambda x: weight(x) * law.pdf(x) * law.pdf(x + delta), 0.0, end, epsabs=0, epsrel=QUADRATURE)[0]

    return integral(lambda x: x / (2 * x + delta)) / integral(lambda x: 1.0)


@pytest.fixture(scope="module")
def field_data():
    return coefficient_field.compute()


def test_coefficient_is_q_less_the_mean_target(field_data):
    for field in field_data.fields:
        for column in (105, 150, 199):
            phi = mean_target(field.delta[column], shape=field.shape, scale=field.scale)
            # φ ≤ ½ is a ratio of two integrals.
            np.testing.assert_allclose(field.coefficient[:, column], field_data.q - phi, atol=QUADRATURE, rtol=0)
            wrong = mean_target(field.delta[column], shape=field.shape, scale=1.01 * field.scale)  # control
            assert np.abs(field.coefficient[:, column] - (field_data.q - wrong)).max() > QUADRATURE
        # i and j exchanged: q and φ have half a rounding each, their complements and the difference as much.
        np.testing.assert_allclose(field.coefficient[::-1, ::-1], -field.coefficient, atol=4 * EPSILON, rtol=0)


def hinge_slope(gap, delta, margin):
    """d/dd of max(0, −sign(l_i − l_j) d + ξ), Eq. 1, with l_j − l_i = δ."""
    def loss(at):
        return np.maximum(0.0, np.sign(delta) * at + margin)

    return (loss(gap + CENTRAL) - loss(gap - CENTRAL)) / (2 * CENTRAL)


def test_ranking_is_the_slope_of_the_hinge(field_data):
    delta, gap = field_data.fields[0].delta, logit(field_data.q)[:, np.newaxis]
    assert (np.abs(np.abs(gap) - field_data.margin) > CENTRAL).all()  # no point at the kink
    # A difference of two losses below 7, over the step.
    rounding = 8 * EPSILON / CENTRAL
    np.testing.assert_allclose(field_data.ranking, hinge_slope(gap, delta, field_data.margin), atol=rounding, rtol=0)
    wrong = hinge_slope(gap, -delta, field_data.margin)  # control: the gap read as l_i − l_j
    assert np.abs(field_data.ranking - wrong).max() > 0.5


def test_hatched_is_where_the_two_are_opposite(field_data):
    q = field_data.q[:, np.newaxis]
    for field in field_data.fields:
        ranking = np.sign(hinge_slope(logit(q), field.delta, field_data.margin).round())
        opposite = ranking * field.coefficient < 0
        lower, upper = field.opposite
        assert (opposite == ((q > lower) & (q < upper))).all()
        assert opposite.any() and not opposite.all()
    # With the paper's law, whose gaps reach further, there are gaps at which the two are never opposite.
    assert np.isnan(field_data.fields[0].opposite[0, [0, -1]]).all()


def test_second_law_is_the_recorded_one(field_data):
    real, pools = field_data.fields[1], read_recorded("lspet").recorded["pools"]
    first = [row for row in pools if row["seed"] == 0 and row["stage"] == 1]
    assert {row["shape"] for row in first} == {real.shape}  # all methods share that pool
    losses = np.array([row["true_loss"] for row in read_recorded("lspet").recorded["losses"]])
    assert len(losses) == first[0]["losses"]
    # Losses are kept to four digits: relative error below 5e-4 each, the mean's far below.
    assert real.shape * real.scale == pytest.approx(losses.mean(), rel=5e-4)
    assert field_data.p_value <= 0.05  # the caption says that the law is rejected


def test_half_of_the_pairs_are_within_the_median(field_data):
    generator = np.random.default_rng(5)
    for field in field_data.fields:
        pairs = generator.gamma(field.shape, field.scale, (2, 100_000))
        share = np.mean(np.abs(pairs[0] - pairs[1]) <= field.median)
        assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(100_000)  # five standard errors


# --- captions -------------------------------------------------------------------------------------------------------

def test_numbers_of_the_captions_are_the_data_s(field_data):
    losses = anchor_losses.compute()
    changed = losses._replace(anchored=2 * losses.anchored)
    assert f"{losses.anchored_factor[1, -1]:.2f}" in anchor_losses.caption(losses)
    assert anchor_losses.caption(changed) != anchor_losses.caption(losses)

    gradients = anchor_gradients.compute()
    assert {f"{at:.3f}" for at in (*gradients.crossing, *gradients.crossings[:, -1])} <= set(
        re.findall(r"0\.\d{3}", anchor_gradients.caption(gradients)))
    assert "0.123" in anchor_gradients.caption(gradients._replace(crossing=np.array([0.1, 0.123])))

    modulation = anchor_modulation.compute()
    assert f"{modulation.factors[0, -1, 0]:.2f}" in anchor_modulation.caption(modulation)
    assert "q_pos = 0.3" in anchor_modulation.caption(modulation._replace(anchors=np.array([0.3, 0.8])))

    assert all(f"{field.at_median:.3f}" in coefficient_field.caption(field_data) for field in field_data.fields)
    assert "p ≤ 0.02" in coefficient_field.caption(field_data._replace(p_value=0.02))
