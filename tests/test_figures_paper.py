"""The numbers behind the redrawn Fig. 2, Fig. 3 and Tables 1 and 2 of the paper, and what their captions say."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np
import pytest
from scipy.special import gammainc

from experiments.record import read_recorded
from figures import loss_histogram, printed_tables, weight_rotation
from gammaprob import expected_target, fit_losses, gap_cdf, gap_ppf
from gammaprob._table_record import recorded_verdicts
from gammaprob.witnesses import loss_pairs
from paper_tables.published import load
from paper_tables.records import load_records

EPSILON = 2.0**-52
# The recorded ends of Θ have more digits than the figure computes: it stays inside, by less than its last unit.
UNIT_OF_THETA = 1e-7


@pytest.fixture(scope="module")
def rotation():
    return weight_rotation.compute()


@pytest.fixture(scope="module")
def tables():
    return printed_tables.compute()


@pytest.fixture(scope="module")
def histogram():
    """Both pools, with the fewest replicates that can reject."""
    return loss_histogram.Data(tuple(loss_histogram._pool(study, bootstrap=99) for study in loss_histogram.STUDIES))


# --- Fig. 2 ---------------------------------------------------------------------------------------------------------

def test_rotation_is_the_example_of_the_ledger(rotation):
    example = loss_pairs._EXAMPLE
    assert rotation.theta.tolist() == [list(example["theta_i"]), list(example["theta_j"])]
    assert rotation.printed[0].tolist() == list(example["w"])
    assert (rotation.losses[0], rotation.losses[1]) == (loss_pairs._SMALLER["l_i"], loss_pairs._SMALLER["l_j"])


def test_rotation_ends_where_the_ledger_has_it(rotation):
    conditions = next(record for record in load_records() if record.id == "LL-EX4").conditions
    assert "the fourth brings the loss to 0, at w = (0, −1, 0)" in conditions
    assert rotation.printed_losses[:5].tolist() == [4, 3, 2, 1, 0]
    assert rotation.printed[4:].tolist() == [[0, -1, 0]] * (len(rotation.printed) - 4)


def test_only_the_differing_component_moves(rotation):
    for path in (rotation.printed, rotation.ranking, rotation.divergence):
        assert (path[:, [0, 2]] == path[0, [0, 2]]).all() and path[-1, 1] != path[0, 1]


def test_case_1_learning_loss_stays_and_the_divergence_goes_on(rotation):
    assert (rotation.ranking_gaps[0] == rotation.ranking_gaps[0, 0]).all()
    assert (np.diff(rotation.divergence_gaps) < 0).all()


def test_divergence_approaches_its_minimiser_from_above(rotation):
    assert rotation.minimisers == pytest.approx([math.log(2), -math.log(2)], rel=4 * EPSILON)
    # Near it a step shrinks the distance by the factor 1 − p(1 − p) = 7/9 for p = ⅓ or ⅔, the Hessian's eigenvalue.
    distances = rotation.divergence_gaps - rotation.minimisers[:, np.newaxis]
    assert (distances > 0).all()
    assert (distances[:, 1:] < distances[:, :-1]).all()
    # Within a distance d the curvature q(1 − q), whose slope is at most 1/(6√3) < 0.1, is off by 0.1 d.
    assert np.abs(distances[:, -1] / distances[:, -2] - 7 / 9).max() < 0.1 * distances[:, -2].max()


def test_angles_are_those_of_the_plane(rotation):
    for path, angles in zip((rotation.ranking, rotation.divergence), rotation.angles, strict=True):
        wanted = [math.degrees(math.atan2(abs(w[0]), w[1])) for w in path]
        # arccos of a cosine up to 0.9 in size: a few roundings, times the slope 1/√(1 − 0.9²) < 3 and 57° a radian
        assert angles == pytest.approx(wanted, abs=57.3 * 3 * 8 * EPSILON)


def test_rotation_caption_tells_the_data(rotation):
    text = weight_rotation.caption(rotation)
    assert "after 4 of them w is (0, −1, 0)" in text and "±0.69" in text
    angles = [rotation.angles[0, 0], *rotation.angles[:, -1]]
    assert [int(number) for number in re.findall(r"(\d+)°", text)] == [*(round(angle) for angle in angles), 180]
    turned = rotation._replace(angles=rotation.angles + 10)
    assert weight_rotation.caption(turned) != text


# --- Fig. 3 ---------------------------------------------------------------------------------------------------------

def test_laws_are_those_recorded_with_the_study(histogram):
    for study, pool in zip(loss_histogram.STUDIES, histogram.pools, strict=True):
        row = next(row for row in read_recorded(study).recorded["pools"] if (row["seed"], row["stage"]) == (0, 1))
        assert pool.fit.n == row["losses"]
        # The recorded law was fitted before the losses were cut to four digits, each by at most 5e-4 of its value.
        assert pool.fit.mean == pytest.approx(row["mean"], rel=5e-4)
        assert pool.fit.shape == pytest.approx(row["shape"], abs=row["shape_error"] / 10)
        assert pool.fit.anderson_darling.p_value == row["anderson_darling_p"] == 0.01


def test_histogram_and_laws_integrate_to_one(histogram):
    for pool in histogram.pools:
        assert np.sum(pool.density * np.diff(pool.edges)) == pytest.approx(1, rel=len(pool.density) * EPSILON)
        for curve, shape in ((pool.fitted, pool.fit.shape), (pool.paper, 4)):
            wanted = gammainc(shape, shape / pool.fit.mean * pool.axis[-1])  # the rest lies beyond the frame
            # The trapezoidal rule is off by at most h²/12 ∫|f''|, which is h/12 times the second differences' sum.
            allowed = pool.axis[1] / 12 * np.abs(np.diff(curve, 2)).sum()
            assert np.trapezoid(curve, pool.axis) == pytest.approx(wanted, rel=0, abs=allowed)


def test_pairs_are_counted(histogram):
    """A share of the pairs within δ, counted one by one on every tenth image, lies where the figure has it."""
    for study, pool in zip(loss_histogram.STUDIES, histogram.pools, strict=True):
        losses = np.array([row["true_loss"] for row in read_recorded(study).recorded["losses"]])[::10]
        gaps = np.abs(losses[:, np.newaxis] - losses)[np.triu_indices(losses.size, 1)]
        for place in (5, 24, 44):
            law = loss_histogram._SHARES[place]
            delta = gap_ppf(law, shape=pool.fit.shape, scale=pool.fit.scale)
            # of a tenth of the images, √10 times the standard error; 4 of them: 1 of 16,000 comparisons
            allowed = 4 * math.sqrt(10) * pool.errors[place]
            assert np.mean(gaps <= delta) - law == pytest.approx(pool.excess[place], abs=allowed)


def test_losses_end_before_the_law_does(histogram):
    for pool in histogram.pools:
        law, losses = pool.quantiles
        assert (np.diff(law) > 0).all() and (np.diff(losses) >= 0).all()
        assert losses[-1] < law[-1]
        assert pool.fit.shape > loss_histogram.PAPER_SHAPE  # of the same mean, the dashed law is wider


def test_histogram_caption_tells_the_data(histogram):
    text = loss_histogram.caption(histogram)
    for pool in histogram.pools:
        assert f"{pool.fit.n} {pool.name}, k = {pool.fit.shape:.1f}, rejected (p = 0.01)" in text
    (law, losses), (other_law, other_losses) = (pool.quantiles[:, -1] for pool in histogram.pools)
    assert f"below {losses:.2f} and {other_losses:.2f} times the mean" in text
    assert f"by the law below {law:.2f} and {other_law:.2f}." in text
    worst = max(np.abs(pool.excess).max() for pool in histogram.pools)
    assert f"at most {100 * worst:.1f} %" in text


def test_a_gamma_sample_is_not_called_rejected():
    """Control: the verdict follows the test, not the figure's text."""
    sample = np.random.default_rng(3).gamma(4, 0.066, 400)
    assert loss_histogram._judged(fit_losses(sample, deltas=[], bootstrap=99)) == "not rejected"
    assert loss_histogram._judged(fit_losses(sample**4, deltas=[], bootstrap=99)) == "rejected"


# --- Tables 1 and 2 --------------------------------------------------------------------------------------------------

def test_tables_are_as_printed(tables):
    for table, file, column in zip(tables.tables, ("main_table1_P", "main_table2_phi"), ("P", "phi_printed"),
                                   strict=True):
        rows = load(file)
        assert table.deltas.tolist() == [float(row["delta"]) for row in rows]
        assert table.printed.tolist() == [float(row[column]) for row in rows]
        units = [10.0 ** -len(row[column].partition(".")[2]) for row in rows]
        # Both ends are below 1, each off by half a rounding.
        assert np.diff(table.rounded)[:, 0] == pytest.approx(np.array(units), rel=0, abs=EPSILON)
        assert table.rounded.mean(axis=1) == pytest.approx(table.printed, rel=0, abs=EPSILON)


def _agreeing(table, values) -> list[bool]:
    return [bool(low <= value < high) for value, (low, high) in zip(values, table.rounded, strict=True)]


def test_stated_theta_has_the_recorded_verdicts(tables):
    recorded = recorded_verdicts()
    for number, table in zip("12", tables.tables, strict=True):
        wanted = [recorded[f"table{number}", str(delta)][0] == "agrees" for delta in table.deltas]
        assert _agreeing(table, table.exact) == wanted
        assert not all(wanted)


def test_the_band_rounds_to_every_printed_digit(tables):
    """And the stated Θ, the control above, does not."""
    for table in tables.tables:
        for end, curve in zip(tables.common["rounding"], table.band, strict=True):
            law = {"P": gap_cdf, "phi": expected_target}[table.quantity]
            assert all(_agreeing(table, law(table.deltas, shape=tables.shape, scale=end)))
            assert curve.tolist() == law(table.axis, shape=tables.shape, scale=end).tolist()


def test_theta_is_as_recorded(tables):
    recorded = recorded_verdicts()
    kind, *ends = recorded["table1-theta", "Tables 1, 2, rounding"]
    low, high = (float(end) for end in ends)
    assert kind == "interval" and recorded["table1-theta", "Tables 1, 2, truncation"][0] == "none"
    assert low <= tables.common["rounding"][0] < low + UNIT_OF_THETA
    assert high - UNIT_OF_THETA < tables.common["rounding"][1] <= high
    assert np.isnan(tables.common["truncation"]).all()


def test_common_interval_is_that_of_the_cells(tables):
    """Where the cells' intervals meet is the common one; read as truncated they do not meet."""
    lower, upper = (tables.intervals["rounding"].T[end] for end in (0, 1))
    assert [lower.max(), upper.min()] == tables.common["rounding"].tolist()
    lower, upper = tables.intervals["truncation"].T
    assert lower.max() > upper.min()
    assert len(tables.cells) == len(lower) == 12


def test_tables_caption_tells_the_data(tables):
    text = printed_tables.caption(tables)
    assert "1 of 7 cells of Table 1 and 5 of 6 of Table 2" in text
    assert "from 0.0665964 to 0.0666451" in text and "no Θ gives all of them by truncation" in text
    assert {math.floor(Fraction(end) * 1000) for end in tables.common["rounding"]} == {66}  # "cut to three decimals"
    first, second = tables.tables
    agreeing = first._replace(exact=first.printed)
    assert "7 of 7 cells of Table 1" in printed_tables.caption(tables._replace(tables=(agreeing, second)))
