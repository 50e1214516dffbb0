"""What the tests of the torch losses share: roundings, derivatives up to the second, refusals, extreme inputs."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gammaprob.errors import GammaProbError

GAMMAS = (0.0, 0.3, 0.5, 1.0, 2.0, 5.0)
# A loss is a product of three: a power, whose base errs by 6 roundings, and which is itself good to 2; a logarithm and
# a weight, good to 4 together. Of its slope the parts have some ten more. Sums of terms of one sign add no more than
# their number.
ROUNDINGS = 32
# Logits at which a single and a double precision lose 1 − q, then q or its square to underflow, and far beyond.
EXTREMES = (-1e4, -800.0, -120.0, -44.0, -17.0, 0.0, 17.0, 44.0, 120.0, 800.0, 1e4)
HALVES = (torch.float16, torch.bfloat16)
# torch warns of its own use of torch.jit when it first imports its compiler or its forward-mode derivatives.
OF_TORCH_ITSELF = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


def epsilon(tensor: Tensor) -> float:
    return torch.finfo(tensor.dtype).eps


def close(value: Tensor, wanted: Tensor, roundings: float, scale: float = 0.0) -> bool:
    """Whether two tensors agree to so many roundings of the wanted value, or of the scale where that is larger."""
    wanted, relative = wanted.to(value.dtype), roundings * epsilon(value)
    return value.shape == wanted.shape and torch.allclose(value, wanted, rtol=relative, atol=relative * scale)


def derivatives(loss: Callable[[Tensor], Tensor], at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The losses, the gradient of their sum, and the gradient of that gradient's sum."""
    at = at.detach().clone().requires_grad_()
    losses = loss(at)
    (slope,) = torch.autograd.grad(losses.sum(), at, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), at)
    return losses.detach(), slope.detach(), curvature


def gradient(loss: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    at = at.detach().clone().requires_grad_()
    return torch.autograd.grad(loss(at).sum(), at)[0]


def grid(dtype: torch.dtype) -> Tensor:
    """All pairs of extreme logits, shape (121, 2)."""
    values = torch.tensor(EXTREMES, dtype=dtype)
    return torch.cartesian_prod(values, values)


def refusal(error: type[GammaProbError], parameter: str, call: Callable[[], object], value: object = ...) -> str:
    """The text with which the call is refused; it names the parameter, the value, what is allowed, the next step."""
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error and caught.value.parameter == parameter
    text = str(caught.value)
    assert text.startswith(f"{parameter}: got ") and "; allowed: " in text and len(caught.value.next_step.split()) > 2
    if value is not ...:
        got = caught.value.value
        assert got == value or (isinstance(value, float) and math.isnan(value) and math.isnan(got))
    return text
