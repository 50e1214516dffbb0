"""Sums over all pairs i < j of a batch: memory grows with B, time with B².

A term depends on the gap d = l̂_i − l̂_j and on the true losses, and exchanging i and j leaves it as it is. So the sum
over i < j is half of the sum over all ordered pairs, and the gradient is g_i = w_i Σ_j w_j c_ij with the term's slope c
in d. Both are computed together in blocks of rows, so that backward has a vector to scale and no matrix to keep.

The second derivative is a Hessian-vector product, (Hv)_i = w_i Σ_j w_j s_ij (v_i − v_j) with s = ∂c/∂d = q_i q_j for
LearningLoss++ and 0 for Learning Loss. It is made of differentiable operations, so that there is no last derivative.

A small batch is one block, which autograd differentiates sooner than the functions here are called.

`torch.compile` would unroll the blocks into thousands of operations. It is given an operator of torch's library
instead, one node of its graph; outside of it the same functions serve as a `torch.autograd.Function`, because the first
call of a library operator imports the compiler, which takes a second.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch._C._functorch import TransformType, get_interpreter_stack
from torch.nn.functional import logsigmoid

__all__ = ["divergences", "shares", "sum_of_divergences", "sum_of_rankings"]

# Elements of a block. The least stays, with its temporaries, in a processor's cache; a batch that is no larger is one
# block. A larger batch has 16 blocks, and more only from the most on, whose temporaries take some 25 MB in float32: on
# several threads, of which another program may hold one up, many small operations wait for each other too often.
_BLOCK, _BLOCKS, _LARGEST_BLOCK = 1 << 16, 16, 1 << 20


def sum_of_rankings(predicted: Tensor, true: Tensor, weight: Tensor | None, margin: float) -> Tensor:
    """Σ_{i<j} w_i w_j max(0, −sign(l_i − l_j)(l̂_i − l̂_j) + ξ), paper Eq. 1, a scalar; all tensors of shape (B,)."""
    if _at_once(predicted):
        # Linear in the predictions, but for kinks: backward needs the slopes alone, and not the matrix. The 0 keeps
        # them a function of the predictions, so that a second derivative is 0 and not an error.
        values, sign = predicted.detach(), torch.sign(true - true[:, None])
        terms = torch.relu((values[:, None] - values) * sign + margin)
        slopes = terms.sign() * sign
        gradient = slopes.sum(1) if weight is None else weight * (slopes * weight).sum(1)
        linear = (predicted * torch.add(gradient, predicted, alpha=0)).sum()
        return linear + (_total(terms.triu(1), weight) - linear.detach())
    function = _ranked if torch.compiler.is_compiling() else _Ranked.apply
    return function(predicted, true, weight, margin)[0]


def sum_of_divergences(predicted: Tensor, true: Tensor, weight: Tensor | None) -> Tensor:
    """Σ_{i<j} w_i w_j KL(p‖q), paper Eq. 3, a scalar; all tensors of shape (B,)."""
    if _at_once(predicted):
        p, log_q = shares(true[:, None], true), logsigmoid(predicted[:, None] - predicted)
        # Each pair is met in both orders, once for either term.
        terms = divergences(p, log_q)
        return _total(terms, weight)
    function = _diverging if torch.compiler.is_compiling() else _Diverging.apply
    return function(predicted, true, weight)[0]


def _at_once(predicted: Tensor) -> bool:
    """Whether to leave the derivatives to autograd: of one block, and where forward mode is nested in forward mode.

    The latter takes the derivative that `jvp` returns for a constant, and would give 0 for the second one.
    """
    if len(predicted) ** 2 <= _BLOCK:
        return True
    if torch.compiler.is_compiling():
        return False
    transforms = get_interpreter_stack() or ()
    return sum(transform.key() == TransformType.Jvp for transform in transforms) > 1


def shares(own: Tensor, other: Tensor) -> Tensor:
    """own/(own + other), ½ where both are 0: as 1/(1 + other/own), which no two losses make overflow."""
    return (other / own).add_(1).reciprocal_().nan_to_num_(0.5)


def divergences(p: Tensor, log_q: Tensor) -> Tensor:
    """p log(p/q), 0 for p = 0. `torch.nn.functional.kl_div` takes twice as long, and has no rule for vmap."""
    entropy = torch.log(p.clamp_min(torch.finfo(p.dtype).tiny)).mul_(p)
    return torch.addcmul(entropy, p, log_q, value=-1)


def _total(terms: Tensor, weight: Tensor | None) -> Tensor:
    """Σ w_i w_j t_ij. No matrix product, here and below: autocast would round its factors to a half precision."""
    return terms.sum() if weight is None else (weight * (terms * weight).sum(1)).sum()


def _rows_of_a_block(batch: int) -> int:
    return max(min(max(_BLOCK, batch**2 // _BLOCKS), _LARGEST_BLOCK) // batch, 1)


def _by_blocks(block: Callable, predicted: Tensor, true: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
    """The sum over ordered pairs, and half its gradient; `block(d, l_i, l_j, start)` gives terms and slopes."""
    size = _rows_of_a_block(len(predicted))
    # Row sums go where they belong at once: small results between the large temporaries would fragment the heap, and
    # did so by several hundred megabytes.
    sums = predicted.new_empty(2, len(predicted))

    def add_rows(start: int) -> None:  # a call each, so that no temporary outlives its block
        rows = slice(start, start + size)
        gap = predicted[rows, None] - predicted
        for matrix, of_rows in zip(block(gap, true[rows, None], true, start), sums[:, rows]):
            torch.sum(matrix if weight is None else matrix.mul_(weight), 1, out=of_rows)

    for start in range(0, len(predicted), size):
        add_rows(start)
    values, slopes = sums if weight is None else weight * sums
    return values.sum(), slopes.clone()  # no view: forward-mode derivatives allow none


class _Ranked(torch.autograd.Function):
    """The sum of the Learning Loss terms, and its gradient."""

    @staticmethod
    def forward(predicted, true, weight, margin):
        def block(gap, l_i, l_j, start):
            slope = (l_j - l_i).sign_()
            value = gap.mul_(slope).add_(margin).relu_()
            value.diagonal(start).zero_()  # an image is no pair with itself
            # The sign of what relu left is 1 where there is a slope, at a fifth of what a comparison takes on a CPU.
            return value, slope.mul_(value.sign())

        total, gradient = _by_blocks(block, predicted, true, weight)
        return total / 2, gradient

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output[1])
        ctx.save_for_forward(output[1])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx, of_sum, of_gradient):
        (gradient,) = ctx.saved_tensors
        return None if of_sum is None else of_sum * gradient, None, None, None

    @staticmethod
    def jvp(ctx, direction, *_):
        (gradient,) = ctx.saved_tensors
        return (gradient * direction).sum(), torch.zeros_like(direction)

    @staticmethod
    def vmap(info, in_dims, *arguments):
        return _one_by_one(_Ranked.apply, info.batch_size, in_dims, arguments)


class _Diverging(torch.autograd.Function):
    """The sum of the LearningLoss++ terms, and its gradient."""

    @staticmethod
    def forward(predicted, true, weight):
        def block(gap, l_i, l_j, start):
            p = shares(l_i, l_j)
            return divergences(p, logsigmoid(gap)), gap.sigmoid_().sub_(p)

        return _by_blocks(block, predicted, true, weight)

    @staticmethod
    def setup_context(ctx, inputs, output):
        predicted, _, weight = inputs
        ctx.save_for_backward(predicted, weight, output[1])
        ctx.save_for_forward(predicted, weight, output[1])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx, of_sum, of_gradient):
        predicted, weight, gradient = ctx.saved_tensors
        result = None if of_sum is None else of_sum * gradient
        if of_gradient is not None:
            second = _curvature_times(of_gradient, predicted, weight)
            result = second if result is None else result + second
        return result, None, None

    @staticmethod
    def jvp(ctx, direction, *_):
        predicted, weight, gradient = ctx.saved_tensors
        return (gradient * direction).sum(), _curvature_times(direction, predicted, weight)

    @staticmethod
    def vmap(info, in_dims, *arguments):
        return _one_by_one(_Diverging.apply, info.batch_size, in_dims, arguments)


def _curvature_times(vector: Tensor, predicted: Tensor, weight: Tensor | None) -> Tensor:
    """The Hessian of the sum of divergences times a vector, of differentiable operations."""
    weight, size = torch.ones_like(predicted) if weight is None else weight, _rows_of_a_block(len(predicted))
    sums = []
    for rows, own in zip(predicted.split(size), vector.split(size)):
        gap = rows[:, None] - predicted
        sums.append((torch.sigmoid(gap) * torch.sigmoid(-gap) * weight * (own[:, None] - vector)).sum(1))
    return weight * torch.cat(sums)


def _one_by_one(function: Callable, size: int, in_dims, arguments):
    """`torch.func.vmap` over a function: one call an element, because the blocks of all at once would be no blocks."""
    columns = [[value] * size if dim is None else value.unbind(dim) for value, dim in zip(arguments, in_dims)]
    results = [function(*row) for row in zip(*columns)]
    return tuple(torch.stack(parts) for parts in zip(*results)), (0, 0)


@torch.library.custom_op("gammaprob::sum_of_rankings", mutates_args=())
def _ranked(predicted: Tensor, true: Tensor, weight: Tensor | None, margin: float) -> tuple[Tensor, Tensor]:
    return _Ranked.forward(predicted, true, weight, margin)


@torch.library.custom_op("gammaprob::sum_of_divergences", mutates_args=())
def _diverging(predicted: Tensor, true: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
    return _Diverging.forward(predicted, true, weight)


for _operator, _function in ((_ranked, _Ranked), (_diverging, _Diverging)):
    _operator.register_fake(lambda predicted, *_: (predicted.new_empty(()), torch.empty_like(predicted)))
    _operator.register_autograd(_function.backward, setup_context=_function.setup_context)
