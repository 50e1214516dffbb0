"""The figures of the study: they draw what is recorded, published or built, and captions say the data's numbers."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
import torch
from scipy.stats import rankdata, spearmanr, ttest_rel

from experiments import analytics, report
from experiments.config import configure
from experiments.data.batches import heatmaps
from experiments.models import PoseNetwork, build_head
from experiments.models.objectives import pose_losses
from experiments.record import read_recorded
from figures import analytics_and_training, loss_heads, predicted_loss, study_curves
from figures.analytics_and_training import _share_at_half
from paper_tables import published

# A mean of n values of standard deviation s is within 5 s/√n of its expectation but once in two million seeds.
FAR = 5.0
HALF_A_UNIT = 0.5e-3  # of the last of four digits, for true losses between 1 and 10


@pytest.fixture(scope="module")
def heads():
    return loss_heads.compute()


@pytest.fixture(scope="module")
def pool():
    return predicted_loss.compute()


@pytest.fixture(scope="module")
def curves():
    return study_curves.compute()


@pytest.fixture(scope="module")
def training():
    return analytics_and_training.compute()


# --- the loss heads --------------------------------------------------------------------------------------------------

def test_the_heads_are_those_of_the_paper(heads):
    """Section 4.2: five maps, kernel and stride n1/n2; the perceptron halves its width down to 8."""
    assert heads.pooled.reads == ((256, 64, 64),)
    assert heads.convolutional.reads == tuple((256, side, side) for side in (64, 32, 16, 8, 4))
    steps, (pooling, *perceptron) = heads.convolutional.layers[:4], heads.convolutional.layers[4:]
    for step, fine, coarse in zip(steps, heads.convolutional.reads, heads.convolutional.reads[1:], strict=False):
        assert (step.inputs, step.outputs) == (fine, coarse)
        assert step.kernel == step.stride == fine[1] // coarse[1]
        assert step.parameters == 256 * 256 * step.kernel**2 + 256
    assert (pooling.inputs, pooling.outputs, pooling.parameters) == ((256, 4, 4), (256, 1, 1), 0)
    assert tuple(perceptron) == heads.pooled.layers
    assert [layer.inputs for layer in perceptron] == [(256,), (128,), (64,), (32,), (16,), (8,)]
    assert perceptron[-1].outputs == (1,)


def test_no_layer_of_a_head_is_left_out(heads):
    for head in heads[:2]:
        assert head.parameters == sum(layer.parameters for layer in head.layers)


def test_a_head_reads_what_it_is_drawn_to_read():
    """By the gradient: the pooled head reads the features alone, the convolutional one every map of the pyramid."""
    network = PoseNetwork(joints=2, stacks=1, channels=8, depth=2)
    found = network(torch.rand(2, 3, 32, 32)).detached()
    maps = [found.features, *found.pyramid]
    for kind, wanted in (("gap", [True, False, False, False]), ("conv", [False, True, True, True])):
        for part in maps:
            part.requires_grad_()
        predicted = build_head(kind, channels=8, sizes=network.sizes(32))(found).sum()
        gradients = torch.autograd.grad(predicted, maps, allow_unused=True)
        assert [part is not None for part in gradients] == wanted


def test_the_study_on_photographs_had_smaller_heads(heads):
    config = configure("desk", {"dataset": "lspet"})
    assert read_recorded("lspet").config["channels"] == heads.studied_channels == config.channels
    built = [build_head(kind, channels=config.channels, sizes=heads.studied_maps) for kind in ("gap", "conv")]
    assert [sum(weights.numel() for weights in head.parameters()) for head in built] == list(heads.studied)


def test_the_diagram_has_every_shape_and_count(heads):
    def texts(data):
        return [" ".join(text.get_text() for text in axes.texts) for axes in loss_heads.draw(data).axes]

    counted = heads.pooled.layers, heads.convolutional.layers[:4]
    for head, layers, found in zip(heads[:2], counted, texts(heads), strict=True):
        assert all("×".join(map(str, shape)) in found for shape in head.reads)
        assert all(f"{layer.parameters:,} parameters" in found for layer in layers)
    first, *others = heads.pooled.layers
    changed = heads._replace(pooled=heads.pooled._replace(layers=(first._replace(parameters=7), *others)))
    assert ": 7 parameters" in texts(changed)[0] and ": 7 parameters" not in texts(heads)[0]


# --- predicted and true losses ---------------------------------------------------------------------------------------

def test_the_picked_have_the_highest_predictions(pool):
    budget = read_recorded("lspet").config["budget"]
    assert pool.worst.sum() == budget and pool.true[pool.worst].min() >= pool.true[~pool.worst].max()
    for head in pool.heads:
        assert head.picked.sum() == budget
        assert head.predicted[head.picked].min() >= head.predicted[~head.picked].max()


def _ties(values) -> float:
    """How far, in proportion, ranks with ties can be from ranks without: ‖e‖/‖r‖, of ranks about their mean."""
    sizes = np.unique(values, return_counts=True)[1]
    return float((sum(sizes * (sizes**2 - 1)) / 12) ** 0.5 / np.linalg.norm(rankdata(values) - (len(values) + 1) / 2))


def test_what_is_drawn_has_the_recorded_correlation(pool):
    """Four digits keep the order but for ties. A vector that changes by e turns, as a unit vector, by ≤ 2‖e‖/‖r‖."""
    recorded = [head.spearman for head in pool.heads]
    for place, head in enumerate(pool.heads):
        found = spearmanr(head.predicted, pool.true).statistic
        allowed = 2 * (_ties(head.predicted) + _ties(pool.true))
        assert abs(found - head.spearman) <= allowed
        assert abs(found - recorded[place - 1]) > allowed  # negative control: another head's


def test_what_is_drawn_has_the_recorded_means(pool):
    """Recorded losses are rounded, and of predictions that are tied at the last pick another may have been taken."""
    for head in pool.heads:
        losses = pool.true[head.picked]
        tied = (head.predicted == head.predicted[head.picked].min()).sum()
        allowed = HALF_A_UNIT + tied * np.ptp(pool.true) / losses.size
        assert abs(losses.mean() - head.picked_mean) <= allowed
        assert abs(pool.true.mean() - head.pool_mean) <= HALF_A_UNIT
        assert abs(pool.true.mean() - head.picked_mean) > allowed  # negative control: the pool's mean
        assert losses.var() < pool.true.var() and head.picked_variance < head.pool_variance


def test_the_loss_of_empty_heatmaps_is_that_of_the_objective(pool):
    """A joint between pixels, at the centre: there the frame cuts nothing, and the grid errs least of the integral.

    By Poisson's summation formula the sum over the grid differs from π σ² by at most 4 exp(−π² σ²), in proportion, and
    terms that are far smaller.
    """
    config = configure("desk", {"dataset": "lspet", "root": "."})
    side = config.image // config.stride
    present = torch.ones(1, 1, dtype=torch.bool)
    target = heatmaps(torch.full((1, 1, 2), config.image / 2, dtype=torch.float64), present, size=side,
                      stride=config.stride, sigma=config.sigma, peak=config.peak, truncate=False)
    (empty,) = pose_losses("mse", torch.zeros(1, 1, 1, side, side, dtype=torch.float64), target, present)
    allowed = 5 * np.exp(-((np.pi * config.sigma) ** 2))
    assert float(empty) == pytest.approx(pool.empty, rel=allowed)
    assert float(empty) != pytest.approx(pool.empty * 1.01, rel=allowed)  # negative control


def test_predictions_turn_about_empty_heatmaps(pool):
    """Of thresholds 0.1 apart, the one that best parts rising from falling predictions is next to it, or it."""
    def contrast(threshold, predicted):
        sides = pool.true < threshold, pool.true >= threshold
        rising, falling = (spearmanr(pool.true[side], predicted[side]).statistic for side in sides)
        return rising - falling, (rising, falling)

    for head in pool.heads:
        best, sides = contrast(pool.empty, head.predicted)
        assert sides == pytest.approx((head.below_empty, head.above_empty))
        assert best > 1 > contrast(pool.empty, np.random.default_rng(0).permutation(head.predicted))[0]
        steps = range(-5, 6)
        assert abs(max(steps, key=lambda step: contrast(pool.empty + step / 10, head.predicted)[0])) <= 1


def test_the_statements_of_fig_5_are_tested_over_the_seeds(pool):
    study = read_recorded("lspet")
    columns = "pool_spearman", "picked_true_loss_mean", "picked_true_loss_variance"
    for statement, column, higher in zip(pool.statements, columns, (True, True, False), strict=True):
        a, b = (np.array(list(study.by_seed(method, 1, column).values())) for method in ("ll++", "ll"))
        assert (statement.higher, statement.seeds) == (higher, a.size)
        assert statement.difference == pytest.approx((a - b).mean())
        assert statement.p == pytest.approx(ttest_rel(a, b).pvalue)
        assert (statement.verdict == "not told apart") == (statement.p >= 0.05)


# --- Table 3 ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("part, name", [("picked", "main_table3a_failure_detection"),
                                        ("tested", "main_table3b_testing")])
def test_the_published_curves_are_the_printed_digits(curves, part, name):
    drawn = {(curve.label, stage): (mean, sd) for panel in getattr(curves, part)[:1] for curve in panel.curves
             for stage, mean, sd in zip(panel.stages, curve.means, curve.sds, strict=True)}
    printed = {(row["method"], int(row["stage"].removeprefix("Stage "))): [float(100 * Decimal(row[key]))
                                                                        for key in ("mean", "sd")]
               for row in published.load(name) if row["dataset"] == "LSP-LSPET"}
    assert len(printed) == 25 and drawn.keys() == printed.keys()
    assert all(drawn[key] == pytest.approx(printed[key]) for key in printed)


@pytest.mark.parametrize("place, name", [(1, "lspet"), (2, "desk")])
def test_our_curves_are_means_of_the_recorded_seeds(curves, place, name):
    study = read_recorded(name)
    for part, column in zip(curves, ("picked_pck", "test_pck"), strict=True):
        panel = part[place]
        assert (panel.repeats, panel.stages) == (len(study.seeds), study.stages)
        assert len(panel.curves) == len(study.methods)
        for curve, method in zip(panel.curves, study.methods, strict=True):
            cells = np.array([[100 * row[column] for row in study.rows
                               if (row["method"], row["stage"]) == (method, stage)] for stage in study.stages])
            assert curve.means == pytest.approx(cells.mean(1)) and curve.sds == pytest.approx(cells.std(1, ddof=1))


@pytest.mark.parametrize("place, name", [(1, "lspet"), (2, "desk")])
def test_the_verdicts_are_those_of_the_report(curves, place, name):
    closing = report.report_of(read_recorded(name)).closing
    for part, table in zip(curves, ("3(a)", "3(b)"), strict=True):
        holds, reversed_, undecided = part[place].verdicts
        (said,) = (line for line in closing if line.startswith(f"Table {table}"))
        assert f"{holds} hold, {reversed_} are reversed, {undecided} not told apart" in said


def test_the_panels_show_the_curves(curves):
    axes = study_curves.draw(curves).axes
    for place, panel in zip(axes, [*curves.picked, *curves.tested], strict=True):
        assert [line.get_label() for line in place.lines] == [curve.label for curve in panel.curves]
        assert all((line.get_ydata() == curve.means).all()
                   for line, curve in zip(place.lines, panel.curves, strict=True))


# --- analytics and training ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("place, name", [(0, "lspet"), (1, "desk")])
def test_the_analytics_say_what_the_report_says(training, place, name):
    study, drawn = read_recorded(name), training.studies[place]
    closing = " ".join(analytics.report_of(study).closing)
    pools = drawn.pools
    # all methods of a seed share the pool of stage 1
    assert len(pools.shapes) == len(study.seeds) * (1 + len(study.methods) * (len(study.stages) - 1))
    assert pools.differences.shape == (len(pools.shapes), len(training.levels))
    assert pools.oracle.sum() == len(study.seeds) * (len(study.stages) - 1)
    assert f"between {pools.shapes.min():.3g} and {pools.shapes.max():.3g}" in closing
    assert f"fails on {pools.rejected} of {len(pools.shapes)} pools" in closing
    row, column = np.unravel_index(abs(pools.differences).argmax(), pools.differences.shape)
    level = training.levels[column]
    assert f"is {level + pools.differences[row, column]:.3f} where the law says {level:.3f}" in closing
    for updates, objective in zip(drawn.updates.values(), ("Learning Loss", "LearningLoss++"), strict=True):
        half = training.levels.index(0.5)
        words = [f"{updates.updates[at]:.0%} of its gradient on the {updates.within[at]:.0%} of pairs"
                 for at in (0, half)]
        assert f"{objective} spends, in the mean over all cells, {words[0]}" in closing and words[1] in closing
        assert updates.updates[-1] == updates.within[-1] == 1


def test_the_coefficients_are_means_over_the_cells(training):
    rows = [row for row in read_recorded("lspet").recorded["updates"] if row["method"].startswith("ll++")]
    ll, llpp = training.studies[0].updates.values()
    for part in range(len(training.middles)):
        seen, expected = (np.array([row[name] for row in rows if row["part"] == part])
                          for name in ("coefficient", "expected"))
        assert llpp.coefficient[part] == pytest.approx(seen.mean())
        assert llpp.coefficient_sd[part] == pytest.approx(seen.std(ddof=1))
        assert llpp.expected[part] == pytest.approx(expected.mean())
    assert np.isnan(ll.expected).all()
    ends = [0, *training.levels, 1]
    assert training.middles - ends[:-1] == pytest.approx(ends[1:] - training.middles)


def test_updates_at_one_half_by_simulation():
    """Pairs drawn from the law, sorted by their gap: LL++'s |c| = |½ − p|, summed up, in batches for the error."""
    shape, batches, size = 13.0, 40, 20_000
    rng = np.random.default_rng(5)
    x, y = rng.gamma(shape, size=(2, batches, size))
    order = abs(x - y).argsort(axis=1)
    grown = np.take_along_axis(abs(0.5 - x / (x + y)), order, axis=1).cumsum(axis=1)
    places = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
    shares = grown[:, (places * size).astype(int) - 1] / grown[:, -1:]
    error = shares.std(axis=0, ddof=1) / batches**0.5

    def by_law(shape):
        drawn = _share_at_half(shape)
        return np.interp(places, np.linspace(0, 1, drawn.size), drawn)

    assert (abs(shares.mean(0) - by_law(shape)) < FAR * error).all()
    assert (abs(shares.mean(0) - by_law(1.0)) > FAR * error).any()  # negative control: another shape


# --- captions --------------------------------------------------------------------------------------------------------

def test_captions_say_the_numbers_of_the_data(heads, pool, curves, training):
    """Each number that is changed in the data is changed in the caption, and was not there before."""
    panel, studied = curves.picked[1], training.studies[0]
    first = pool.heads[0]._replace(picked_mean=9.87)
    held = panel._replace(verdicts=panel.verdicts._replace(holds=77))
    rejected = studied._replace(pools=studied.pools._replace(rejected=3))
    for module, data, changed, words in (
        (loss_heads, heads, {"studied": (11, 22)}, "11 and 22 parameters"),
        (loss_heads, heads, {"pooled": heads.pooled._replace(parameters=12345)}, "12,345 parameters"),
        (predicted_loss, pool, {"heads": [first, *pool.heads[1:]]}, "9.87"),
        (predicted_loss, pool, {"worst": ~pool.worst}, f"the {(~pool.worst).sum()} highest"),
        (predicted_loss, pool, {"statements": [pool.statements[0]._replace(difference=-0.125)]}, "-0.1250"),
        (study_curves, curves, {"picked": [held]}, "77 of"),
        (analytics_and_training, training, {"studies": [rejected, *training.studies[1:]]}, "3 of 57 pools"),
    ):
        assert words in module.caption(data._replace(**changed)) and words not in module.caption(data)
