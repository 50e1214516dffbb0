"""The cross-checks agree on what is right, evaluate what they claim to, and leave no trace.

That they report what is wrong is in `test_crosscheck_controls`.
"""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import torch

from gammaprob.errors import ArgumentError, DomainError
from gradients import _crosscheck_rows as rows
from gradients import crosscheck
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
        "LL default", "LL++ default", "AL default", "LL all", "LL++ all",
    }
    assert all(row.evidence.points > 0 for row in complete.rows)
    gradients = [row.evidence for row in complete.rows if row.evidence.scores is None and "value" not in row.check.what]
    assert len(gradients) > 20 and all(evidence.autograd is not None for evidence in gradients)
    assert {finding.example for finding in complete.findings} == set(EXAMPLES)


def test_limits_are_of_the_size_of_roundings(complete):
    """No witness is held to more than a few hundred roundings, but φ and P to what they promise, 1e-13, and sums over
    all pairs of a batch of 270 to 2 · 270 roundings a side more."""
    promised = {"LL++ 6": 1.1e-13, "LL share": 1.1e-13} | dict.fromkeys(("LL all", "LL++ all"), 1200 * rows.UNIT)
    for row in complete.rows:
        for witness in (row.evidence.autograd, row.evidence.precise):
            if witness is not None:
                assert 0.0 <= witness.limit <= promised.get(row.check.equation, 300 * rows.UNIT)


def test_grid_of_the_expected_gradient():
    """Half integers, below ½, between ½ and 1, 1, a fitted shape, the paper's, a large one; each with every q and a
    negative gap."""
    from gradients import _crosscheck_simulation as simulation

    shapes = {shape for shape, _ in simulation._LAWS}
    assert shapes >= {0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 2.82, 4.0} and max(shapes) >= 40.0
    assert simulation._gaps((4.0, 0.066)) == [0.1, 0.2, 0.3, 0.4, 0.5, -0.1]
    assert {(law, q) for law, delta, q in simulation._CONDITIONS if delta < 0.0} == {
        (law, q) for law in simulation._LAWS for q in (0.1, 0.5, 0.9)
    }


@pytest.mark.parametrize("seed", range(4))
def test_every_label_decides_on_the_anchor(seed):
    """On either side of each threshold of the heatmaps there is a label at the highest logit, whatever the seed."""
    from gradients import _crosscheck_logits as logits_of

    logits, target = (values.reshape(12, -1) for values in logits_of._heatmaps(Context(None, seed, FEW)))
    at_the_top = target[np.arange(11), logits.argmax(1)[:11]]
    assert set(at_the_top) == {1.0, 0.5 + 2.0**-10, 0.5, 0.5 - 2.0**-10, 2.0**-20} and not target[11].any()


def test_progress_counts_every_mean():
    """As many steps as were announced, whatever is asked for."""
    from gradients import _crosscheck_pair as pair
    from gradients import _crosscheck_simulation as simulation

    for check in (*simulation.CHECKS, pair.CHECKS[0]):
        steps = []
        evidence = check.run(Context(Subjects(), 0, FEW, lambda seen=steps: seen.append(1)))
        assert len(steps) == check.steps and check.means in (0, evidence.points)


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


def test_a_text_alone_is_one_name():
    assert [row.check.equation for row in run(only="LL++ 4a").rows] == ["LL++ 4a"]


def test_integers_of_numpy():
    found = run(only="LL 1", seed=np.int64(3), draws=np.int32(FEW))
    assert (type(found.seed), found.seed, type(found.draws), found.draws) == (int, 3, int, FEW)


@pytest.mark.parametrize(("options", "error", "said"), [
    ({"only": ["LL 9"]}, DomainError, "only: got 'LL 9'; allowed: 'LL 1', 'LL 2a'"),
    ({"only": "LL 9"}, DomainError, "only: got 'LL 9'; allowed: 'LL 1', 'LL 2a'"),
    ({"only": [3]}, ArgumentError, "only: got 3; allowed: names"),
    ({"only": None}, ArgumentError, "only: got None; allowed: names"),
    ({"subjects": {}}, ArgumentError, "subjects: got {}; allowed: a Subjects"),
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
