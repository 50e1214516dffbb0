"""Learning Loss and LearningLoss++ in torch: values, gradients, all pairs in bounded memory, transforms, bad input."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from gammaprob.errors import ArgumentError, BroadcastError, DomainError
from gradients.closed_form import kl_coefficient, ranking_coefficient
from gradients.losses import _all_pairs, learning_loss, learning_loss_pp
from gradients.pairs import PAIRINGS, pair_indices
from tests.loss_checks import OF_TORCH_ITSELF

LOSSES = (learning_loss, learning_loss_pp)
EPS = np.finfo(float).eps
# Of a sum of n terms the rounding error is at most n eps of the sum of their sizes; a term has some ten roundings.
TERM = 16 * EPS


def batch(size, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    predicted = torch.randn(size, dtype=torch.float64, generator=generator).to(dtype).requires_grad_()
    return predicted, torch.rand(size, dtype=torch.float64, generator=generator).to(dtype)


def reference(loss, predicted, true, i, j):
    """The terms by what torch has."""
    if loss is learning_loss:
        return F.margin_ranking_loss(predicted[i], predicted[j], torch.sign(true[i] - true[j]), 1.0, reduction="none")
    target = torch.stack((true[i], true[j])) / (true[i] + true[j])
    return F.kl_div(F.log_softmax(torch.stack((predicted[i], predicted[j])), 0), target, reduction="none").sum(0)


# --- values ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("loss", "pairs"), [*product(LOSSES, PAIRINGS)])
def test_equals_what_torch_has(loss, pairs):
    predicted, true = batch(10)
    terms = reference(loss, predicted, true, *pair_indices(10, pairs, generator=torch.Generator().manual_seed(3)))
    for reduction, wanted in (("none", terms), ("sum", terms.sum()), ("mean", terms.mean())):
        got = loss(predicted, true, pairs=pairs, reduction=reduction, generator=torch.Generator().manual_seed(3))
        assert torch.allclose(got, wanted, rtol=len(terms) * TERM, atol=len(terms) * TERM)


@pytest.mark.parametrize("margin", [0.0, 0.3, 2.0])
def test_a_tie_costs_the_margin_and_has_no_gradient(margin):
    predicted = torch.tensor([3.0, -1.0], dtype=torch.float64, requires_grad=True)
    loss = learning_loss(predicted, torch.tensor([0.7, 0.7], dtype=torch.float64), margin=margin)
    loss.backward()
    assert loss.item() == margin and predicted.grad.tolist() == [0.0, 0.0]


def test_no_gradient_where_the_term_reaches_zero():
    predicted = torch.tensor([1.0, 0.0], requires_grad=True)
    loss = learning_loss(predicted, torch.tensor([2.0, 1.0]))
    loss.backward()
    assert loss.item() == 0.0 and predicted.grad.tolist() == [0.0, 0.0]


def test_a_tie_is_judged_at_the_precision_of_the_true_losses():
    """1 and 1 + 1e-12 differ in float64, though not in the float32 of the predictions."""
    predicted, true = torch.tensor([0.0, 0.5]), torch.tensor([1.0 + 1e-12, 1.0], dtype=torch.float64)
    assert learning_loss(predicted, true).item() == 1.5 and learning_loss(predicted, true).dtype == torch.float32


@pytest.mark.parametrize(("true", "p"), [
    ((0.0, 0.0), 0.5), ((0.0, 2.0), 0.0), ((3.0, 0.0), 1.0), ((1e308, 1e308), 0.5), ((1e-320, 1e-320), 0.5),
    ((1e-320, 1e308), 0.0), ((1e300, 3e300), 0.25),
])
@pytest.mark.parametrize("gap", [0.0, -3.0, 40.0, 1e6, -1e6])
def test_divergence_and_gradient_at_the_edges(true, p, gap):
    predicted = torch.tensor([gap, 0.0], dtype=torch.float64, requires_grad=True)
    loss = learning_loss_pp(predicted, torch.tensor(true, dtype=torch.float64))
    loss.backward()
    q = 1 / (1 + math.exp(-gap)) if gap > -700 else 0.0
    entropy = sum(share * math.log(share) for share in (p, 1 - p) if share)
    softplus = max(gap, 0.0) + math.log1p(math.exp(-abs(gap)))
    assert loss.item() == pytest.approx(entropy + softplus - p * gap, rel=TERM, abs=TERM * max(1.0, abs(gap)))
    assert predicted.grad.tolist() == pytest.approx([q - p, p - q], rel=TERM, abs=TERM)


@given(st.floats(-30, 30), st.floats(0.01, 100.0), st.floats(0.01, 100.0))
def test_gradients_are_the_closed_forms(gap, l_i, l_j):
    true = torch.tensor([l_i, l_j], dtype=torch.float64)
    for loss, coefficient in ((learning_loss, ranking_coefficient), (learning_loss_pp, kl_coefficient)):
        predicted = torch.tensor([gap, 0.0], dtype=torch.float64, requires_grad=True)
        loss(predicted, true).backward()
        wanted = float(coefficient(gap, l_i, l_j))
        # q and p are each rounded a few times before their difference is formed.
        assert predicted.grad.tolist() == pytest.approx([wanted, -wanted], rel=TERM, abs=TERM)


@given(st.lists(st.floats(0, 1e3), min_size=4, max_size=4), st.lists(st.floats(-50, 50), min_size=4, max_size=4))
def test_a_divergence_is_not_negative(true, predicted):
    terms = learning_loss_pp(torch.tensor(predicted).double(), torch.tensor(true).double(), reduction="none")
    assert terms.min().item() >= -TERM * 200  # terms of size up to the gap, 100, cancel


def test_no_gradient_flows_into_the_true_losses():
    for loss in LOSSES:
        predicted, true = batch(6)
        true.requires_grad_()
        loss(predicted, true).backward()
        assert true.grad is None and predicted.grad is not None
    # Negative control: torch's own divergence has one.
    reference(learning_loss_pp, predicted, true, *pair_indices(6)).sum().backward()
    assert true.grad is not None


# --- weights and reductions ------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("loss", "pairs"), [*product(LOSSES, PAIRINGS)])
def test_weights(loss, pairs):
    predicted, true = batch(8)
    weight = torch.arange(8, dtype=torch.float64)
    i, j = pair_indices(8, pairs, generator=torch.Generator().manual_seed(3))
    terms, pair = loss(predicted, true, pairs=(i, j), reduction="none"), weight[i] * weight[j]

    def weighted(reduction):
        generator = torch.Generator().manual_seed(3)
        return loss(predicted, true, pairs=pairs, weight=weight, reduction=reduction, generator=generator)

    assert torch.allclose(weighted("none"), terms * pair, rtol=TERM)
    assert torch.allclose(weighted("sum"), (terms * pair).sum(), rtol=len(i) * TERM)
    assert torch.allclose(weighted("mean"), (terms * pair).sum() / pair.sum(), rtol=len(i) * TERM)


@pytest.mark.parametrize(("loss", "pairs"), [*product(LOSSES, ("halves", "all"))])
def test_a_mean_over_nothing_is_zero(loss, pairs):
    predicted, true = batch(6)
    value = loss(predicted, true, pairs=pairs, weight=torch.zeros(6))
    value.backward()
    assert value.item() == 0.0 and not predicted.grad.any()
    empty = torch.empty(0, requires_grad=True)
    for reduction in ("mean", "sum"):
        value = loss(empty, torch.empty(0), pairs=pairs, reduction=reduction)
        value.backward()
        assert value.item() == 0.0
    assert loss(empty, torch.empty(0), pairs=pairs, reduction="none").shape == (0,)


@pytest.mark.parametrize("loss", LOSSES)
def test_one_image_has_no_pair(loss):
    value = loss(torch.ones(1, requires_grad=True), torch.ones(1), pairs="all")
    value.backward()
    assert value.item() == 0.0


# --- all pairs -------------------------------------------------------------------------------------------------------

@pytest.fixture(params=[None, 40], ids=["one block", "many blocks"])
def block(request, monkeypatch):
    """The batches of these tests as one block, and as many."""
    if request.param:
        monkeypatch.setattr(_all_pairs, "_BLOCK", request.param)


@pytest.mark.parametrize(("loss", "weighted"), [*product(LOSSES, [False, True])])
def test_blocks_give_the_sum_over_pairs(block, loss, weighted):
    predicted, true = batch(23)
    true[3] = true[17]
    weight = torch.rand(23, dtype=torch.float64) if weighted else None
    for reduction in ("sum", "mean"):
        plain = loss(predicted, true, pairs=pair_indices(23, "all"), weight=weight, reduction=reduction)
        ours = loss(predicted, true, pairs="all", weight=weight, reduction=reduction)
        assert torch.allclose(ours, plain, rtol=253 * TERM)
        vector = torch.randn(23, dtype=torch.float64)
        for derivative in (1, 2):
            slopes = [torch.autograd.grad(value, predicted, create_graph=True)[0] for value in (ours, plain)]
            assert torch.allclose(*slopes, rtol=0, atol=253 * TERM)
            if loss is learning_loss:
                break
            ours, plain = (slope @ vector for slope in slopes)


@OF_TORCH_ITSELF
@pytest.mark.parametrize("loss", LOSSES)
def test_gradcheck(block, loss):
    predicted, true = batch(12, seed=1)
    # Learning Loss has kinks: no pair may be within a finite-difference step of one.
    gaps = (predicted[:, None] - predicted).detach().abs()
    assert (gaps - 1).abs().min() > 1e-4
    for pairs in ("halves", "reversed", "all"):
        for reduction in ("mean", "sum", "none"):
            def function(values):
                return loss(values, true, pairs=pairs, reduction=reduction)

            assert torch.autograd.gradcheck(function, predicted, check_forward_ad=True)
            assert torch.autograd.gradgradcheck(function, predicted)


@pytest.mark.parametrize("loss", LOSSES)
def test_all_pairs_keep_no_matrix_for_backward(loss):
    size = 2000

    def kept(action):
        sizes = []
        def pack(tensor):
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            action()
        return max(sizes)

    predicted, true = batch(size)
    assert kept(lambda: loss(predicted, true, pairs="all")) == size
    # Negative control: the plain composition keeps a matrix.
    i, j = pair_indices(size, "all")
    assert kept(lambda: reference(loss, predicted, true, i, j)) >= len(i)


PEAK = """
import resource, torch
from gradients.losses import {loss}
def run(size):
    predicted = torch.randn(size, requires_grad=True)
    {loss}(predicted, torch.rand(size), pairs="all").backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = run(300)
print((run(8192) - before) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux alone")
@pytest.mark.parametrize("loss", LOSSES)
def test_all_pairs_of_8192_take_little_memory(loss):
    """The promise is 256 MB; a B×B tensor of float32 alone would be 268 MB."""
    command = [sys.executable, "-c", PEAK.format(loss=loss.__name__)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 64e6


# --- dtypes and transforms -------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("loss", "dtype"), [*product(LOSSES, [torch.float16, torch.bfloat16, torch.float32])])
def test_dtype_of_the_input(loss, dtype):
    predicted, true = batch(8, dtype)
    for pairs in ("halves", "all"):
        value = loss(predicted, true, pairs=pairs)
        exact = loss(predicted.double(), true.double(), pairs=pairs)
        assert value.dtype == dtype
        # Half precisions are computed in float32 and rounded once.
        assert abs(value.item() - exact.item()) <= torch.finfo(dtype).eps * max(1.0, exact.item())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert loss(predicted, true, pairs=pairs).dtype == torch.float32
    value.backward()
    assert predicted.grad.dtype == dtype and predicted.grad.isfinite().all()


@pytest.mark.parametrize(("loss", "size"), [*product(LOSSES, [40, 300])])
def test_autocast_rounds_nothing(loss, size):
    """Weighted sums included: a matrix product would be taken in half precision, and overflow here."""
    predicted, true = batch(size, torch.float32)
    weight = torch.rand(size)

    def derivatives():
        value = loss(1e5 * predicted, true, pairs="all", weight=weight, reduction="sum")
        (slope,) = torch.autograd.grad(value, predicted, create_graph=True)
        (second,) = torch.autograd.grad(slope.square().sum(), predicted, materialize_grads=True)
        return value, slope, second

    wanted = derivatives()
    for dtype in (torch.float16, torch.bfloat16):
        with torch.autocast("cpu", dtype=dtype):
            assert all(torch.equal(*pair) for pair in zip(derivatives(), wanted))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_half_precision_does_not_overflow_inside(loss):
    predicted = torch.tensor([6e4, -6e4, 0.0, 1.0], dtype=torch.float16, requires_grad=True)
    true = torch.tensor([6e4, 6e4, 6e4, 5e4], dtype=torch.float16)
    terms = loss(predicted, true, pairs=(torch.tensor([2]), torch.tensor([3])), reduction="none")
    assert terms.isfinite().all()
    loss(predicted, true, reduction="mean").backward()
    assert predicted.grad.isfinite().all()


@OF_TORCH_ITSELF
@pytest.mark.parametrize(("loss", "pairs"), [*product(LOSSES, ["halves", "all"])])
def test_function_transforms(block, loss, pairs):
    predicted, true = torch.randn(3, 10, dtype=torch.float64), torch.rand(3, 10, dtype=torch.float64)

    def value(row, losses):
        return loss(row, losses, pairs=pairs)

    rows = [row.clone().requires_grad_() for row in predicted]
    wanted = [value(row, losses) for row, losses in zip(rows, true)]
    slopes = torch.stack([torch.autograd.grad(one, row)[0] for one, row in zip(wanted, rows)])
    assert torch.allclose(torch.func.vmap(value)(predicted, true), torch.stack(wanted), rtol=45 * TERM)
    assert torch.allclose(torch.func.vmap(torch.func.grad(value))(predicted, true), slopes, atol=45 * TERM)
    one_true = torch.func.vmap(torch.func.grad(value), in_dims=(0, None))(predicted, true[0])
    assert torch.allclose(one_true[0], slopes[0], atol=45 * TERM)
    wanted = torch.autograd.functional.hessian(lambda row: value(row, true[0]), predicted[0])
    for hessian in (torch.func.jacrev(torch.func.grad(value)), torch.func.hessian(value)):
        assert torch.allclose(hessian(predicted[0], true[0]), wanted, atol=45 * TERM)

    def along(row):
        return torch.func.jvp(lambda row: value(row, true[0]), (row,), (predicted[1],))[1]

    assert torch.allclose(along(predicted[0]), slopes[0] @ predicted[1], atol=45 * TERM)
    twice = torch.func.jvp(along, (predicted[0],), (predicted[2],))[1]  # forward mode in forward mode
    assert torch.allclose(twice, predicted[1] @ wanted @ predicted[2], atol=45 * TERM)
    columns = torch.func.vmap(value, in_dims=1)(predicted.T, true.T)
    assert torch.equal(columns, torch.func.vmap(value)(predicted, true))


@OF_TORCH_ITSELF
def test_compiles_without_a_break():
    """One graph for both losses and all ways of evaluating them; a bad value is an error of the graph, too."""
    def total(predicted, true):
        explicit = (torch.arange(100), torch.arange(100, 200))
        pairings = ("halves", "reversed", "all", explicit)
        ways = [loss(predicted, true, pairs=pairs) for loss in LOSSES for pairs in pairings]
        ways += [loss(predicted, true, weight=true, reduction="none").sum() for loss in LOSSES]
        ways += [loss(predicted, true, weight=true, pairs="all") for loss in LOSSES]
        ways += [learning_loss(predicted, true, margin=0.2, pairs="all")]
        return torch.stack(ways).sum()

    predicted, true = batch(260)  # above one block, so that the library operators are met
    graph = torch.compile(total, fullgraph=True)
    wanted, got = total(predicted, true), graph(predicted, true)
    assert torch.allclose(got, wanted, rtol=260**2 * TERM)
    slopes = [torch.autograd.grad(value, predicted)[0] for value in (wanted, got)]
    assert torch.allclose(*slopes, atol=260 * TERM)
    with pytest.raises(RuntimeError, match="true: allowed: finite numbers >= 0"):
        graph(predicted, -true)
    with pytest.raises(RuntimeError, match="predicted: allowed: finite numbers"):
        graph(predicted * math.nan, true)


# --- bad input -------------------------------------------------------------------------------------------------------

GOOD = torch.tensor([1.0, 2.0, 3.0, 4.0])


def changed(index, value):
    tensor = GOOD.clone()
    tensor[index] = value
    return tensor


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("predicted", "true", "options", "error", "words"), [
    (GOOD[:3], GOOD[:3], {}, DomainError, "drop_last=True"),
    (GOOD[:1], GOOD[:1], {}, DomainError, "pairs='all'"),
    (GOOD, GOOD[:3], {}, BroadcastError, "the shape of predicted, (4,)"),
    (GOOD[:, None], GOOD, {}, BroadcastError, "predicted.squeeze(1)"),
    (GOOD, GOOD[:, None], {}, BroadcastError, "true.reshape(-1)"),
    (GOOD.sum(), GOOD.sum(), {}, BroadcastError, "(B,)"),
    (GOOD, GOOD.to("meta"), {}, ArgumentError, "the device of predicted, cpu"),
    (GOOD.long(), GOOD, {}, ArgumentError, "predicted.float()"),
    (GOOD, GOOD.long(), {}, ArgumentError, "true.float()"),
    ([1.0, 2.0], GOOD, {}, ArgumentError, "torch.as_tensor"),
    (GOOD, GOOD.numpy(), {}, ArgumentError, "torch.as_tensor"),
    (changed(1, math.nan), GOOD, {}, DomainError, "predicted: got nan"),
    (changed(1, math.inf), GOOD, {}, DomainError, "predicted: got inf"),
    (GOOD, changed(2, math.nan), {}, DomainError, "true: got nan"),
    (GOOD, changed(2, math.inf), {}, DomainError, "true: got inf"),
    (GOOD, changed(2, -1e-3), {}, DomainError, "allowed: finite numbers >= 0"),
    (GOOD, GOOD, {"reduction": "average"}, DomainError, "'none', 'mean', 'sum'"),
    (GOOD, GOOD, {"pairs": "nearest"}, DomainError, "'halves', 'reversed', 'random', 'all'"),
    (GOOD, GOOD, {"pairs": 3}, ArgumentError, "two index tensors (i, j)"),
    (GOOD, GOOD, {"pairs": (GOOD, GOOD)}, ArgumentError, "torch.int64"),
    (GOOD, GOOD, {"pairs": (torch.tensor([0, 1]), torch.tensor([2]))}, BroadcastError, "two equal shapes (P,)"),
    (GOOD, GOOD, {"weight": GOOD[:3]}, BroadcastError, "one weight an image"),
    (GOOD, GOOD, {"weight": GOOD[:1]}, BroadcastError, "allowed: the shape (4,)"),
    (GOOD, GOOD, {"weight": GOOD.sum()}, BroadcastError, "allowed: the shape (4,)"),
    (GOOD, GOOD, {"check_values": "no"}, ArgumentError, "without quotes"),
    (GOOD, GOOD, {"weight": changed(0, -1.0)}, DomainError, "weight: got -1.0"),
    (GOOD, GOOD, {"weight": changed(0, math.nan)}, DomainError, "weight: got nan"),
    (GOOD, GOOD, {"weight": GOOD.long()}, ArgumentError, "weight.float()"),
])
def test_bad_input(loss, predicted, true, options, error, words):
    for reduction in ("mean", "none"):
        with pytest.raises(error) as caught:
            loss(predicted, true, **{"reduction": reduction} | options)
        assert words in str(caught.value)


@pytest.mark.parametrize(("margin", "error"), [
    (-0.1, DomainError), (math.nan, DomainError), (math.inf, DomainError), ("1", ArgumentError), (True, ArgumentError),
])
def test_bad_margin(margin, error):
    with pytest.raises(error, match="margin: got"):
        learning_loss(GOOD, GOOD, margin=margin)


@pytest.mark.parametrize(("loss", "pairs"), [*product(LOSSES, ["halves", "all"])])
@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_a_mean_takes_no_notice_of_the_size_of_the_weights(loss, pairs, size):
    predicted, true = batch(8, torch.float32)
    weight = torch.rand(8)
    wanted = loss(predicted, true, pairs=pairs, weight=weight)
    # In float32, a rounding of the scaled weights and of each pair's product, in the sum and in what it is divided by.
    assert loss(predicted, true, pairs=pairs, weight=size * weight).item() == pytest.approx(wanted.item(), rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_predictions_whose_gap_overflows(loss):
    with pytest.raises(DomainError, match="predicted: got -3"):
        loss(torch.tensor([3e38, -3e38]), torch.tensor([1.0, 2.0]))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_meta_tensor_has_a_shape(loss):
    value = loss(GOOD.to("meta"), GOOD.to("meta"), reduction="none")
    assert value.is_meta and value.shape == (2,)


@pytest.mark.parametrize("number", [np.float64(0.5), np.float32(0.5), np.int64(1)])
def test_numpy_numbers_are_numbers(number):
    for pairs in ("halves", "all"):
        wanted = learning_loss(GOOD, GOOD.flip(0), margin=float(number), pairs=pairs)
        assert torch.equal(learning_loss(GOOD, GOOD.flip(0), margin=number, pairs=pairs), wanted)


@pytest.mark.parametrize("loss", LOSSES)
def test_unchecked_values_are_the_callers(loss):
    assert loss(changed(1, math.nan), GOOD, check_values=False).isnan()
    with pytest.raises(BroadcastError):
        loss(GOOD, GOOD[:3], check_values=False)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_that_is_no_contiguous_tensor(loss):
    predicted, true = batch(16)
    assert torch.equal(loss(predicted[::2], true[1::2]), loss(predicted[::2].clone(), true[1::2].clone()))
