"""What the losses check of their arguments, and how they finish: dtype, device, shape, values; weights and reduction.

Types, shapes and options are always checked. Values (a NaN, a negative loss, a label outside [0, 1]) are checked on the
CPU with an exception. On an accelerator, and in a graph that `torch.compile` traces, an exception would need the value
on the host, so that the check is `torch._assert_async` there: it runs on the device and fails later, without waiting.
`check_values=False` leaves the values unchecked everywhere.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch._C._functorch import get_unwrapped, is_functorch_wrapped_tensor

from gammaprob.errors import ArgumentError, BroadcastError, DomainError

__all__ = [
    "REDUCTIONS", "broadcastable", "cast", "choice", "compute_dtype", "finite_result", "nonnegative", "real_tensor",
    "reduced", "result_dtype", "same_device", "same_shape", "values_within", "weights",
]  # fmt: skip

REDUCTIONS = ("none", "mean", "sum")


def real_tensor(name: str, value) -> Tensor:
    """The value, if it is a tensor of floats; `ArgumentError` otherwise."""
    if not isinstance(value, Tensor):
        raise ArgumentError(name, value, "a torch.Tensor of floats", "convert it with torch.as_tensor")
    if not value.is_floating_point():
        raise ArgumentError(name, value.dtype, "a floating dtype", f"convert it with {name}.float()")
    return value


def same_device(first: tuple[str, Tensor], *others: tuple[str, Tensor | None]) -> None:
    """`ArgumentError` unless all (name, tensor) are on the device of the first; None is passed over."""
    for name, tensor in others:
        if tensor is not None and tensor.device != first[1].device:
            raise ArgumentError(
                name, tensor.device, f"the device of {first[0]}, {first[1].device}", f"move one with {name}.to(...)",
            )


def same_shape(first: tuple[str, Tensor], second: tuple[str, Tensor], next_step: str) -> None:
    """`BroadcastError` unless both (name, tensor) have one shape: a silent broadcast is the classic mistake here."""
    if first[1].shape != second[1].shape:
        raise BroadcastError(
            second[0], tuple(second[1].shape), f"the shape of {first[0]}, {tuple(first[1].shape)}", next_step,
        )


def broadcastable(name: str, tensor: Tensor, shape: tuple[int, ...], next_step: str) -> None:
    """`BroadcastError` unless the tensor broadcasts to the shape."""
    try:
        fits = torch.broadcast_shapes(tensor.shape, shape) == torch.Size(shape)
    except RuntimeError:
        fits = False
    if not fits:
        raise BroadcastError(name, tuple(tensor.shape), f"a shape that broadcasts to {tuple(shape)}", next_step)


def choice(name: str, value, allowed: tuple[str, ...]) -> str:
    """The value, if it is one of the allowed words; `DomainError` otherwise."""
    if value not in allowed:
        raise DomainError(name, value, "one of " + ", ".join(map(repr, allowed)), "pass one of them")
    return value


def nonnegative(name: str, value, next_step: str) -> float:
    """The option as a float, if it is a finite real number >= 0; `ArgumentError` or `DomainError` otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ArgumentError(name, value, "a real number >= 0", next_step)
    if not 0.0 <= value < math.inf:
        raise DomainError(name, value, "a finite real number >= 0", next_step)
    return float(value)


def values_within(name: str, tensor: Tensor, low: float, high: float, allowed: str, next_step: str) -> None:
    """`DomainError` unless each value is finite and lies in [low, high]. See the module for accelerators."""
    if tensor.numel() == 0 or tensor.is_meta:
        return
    if tensor.requires_grad:
        tensor = tensor.detach()
    if torch.compiler.is_compiling() or not tensor.is_cpu:
        inside = torch.isfinite(tensor) & (tensor >= low) & (tensor <= high)
        torch._assert_async(inside.all(), f"{name}: allowed: {allowed}; {next_step}")
        return
    for bound in torch.aminmax(_unwrapped(tensor)):  # a NaN anywhere is both bounds, and compares false
        value = bound.item()
        if not (low <= value <= high and math.isfinite(value)):
            raise DomainError(name, value, allowed, next_step)


def finite_result(result: Tensor, name: str, tensor: Tensor, next_step: str, largest: float = math.inf) -> None:
    """`DomainError` where a result is not finite because a value it was computed from is not, or exceeds `largest`.

    One number to look at, where `values_within` reads the whole tensor. An infinity that costs nothing passes, such as
    the logit −∞ of a class that is not there; so does a result that overflows although all values are finite.
    """
    if result.is_meta:
        return
    if torch.compiler.is_compiling() or not result.is_cpu:
        torch._assert_async(torch.isfinite(result.detach()).all(), f"{name}: allowed: finite numbers; {next_step}")
        return
    value = _unwrapped(result)
    if not math.isfinite(value.item() if value.numel() == 1 else value.sum().item()):
        values_within(name, tensor, -largest, largest, "finite numbers", next_step)


def _unwrapped(tensor: Tensor) -> Tensor:
    """Under `torch.func.vmap` and `grad`: the values of the whole batch."""
    while is_functorch_wrapped_tensor(tensor):
        tensor = get_unwrapped(tensor)
    return tensor


def weights(value, losses: tuple[int, ...], reference: Tensor, meaning: str, check_values: bool) -> Tensor | None:
    """The weights in the dtype to compute in, or None; they broadcast to the shape of the losses and are >= 0."""
    if value is None:
        return None
    weight = real_tensor("weight", value)
    same_device(("the predictions", reference), ("weight", weight))
    broadcastable("weight", weight, losses, meaning)
    if check_values:
        values_within("weight", weight, 0.0, math.inf, "finite numbers >= 0", meaning)
    return weight.detach().to(compute_dtype(reference))


def cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """`tensor.to(dtype)`, which takes a microsecond even where nothing is to be done."""
    return tensor if tensor.dtype == dtype else tensor.to(dtype)


def compute_dtype(tensor: Tensor) -> torch.dtype:
    """The dtype to compute in: that of the tensor, but float32 for the half precisions, in which a loss overflows."""
    return torch.float32 if tensor.dtype in (torch.float16, torch.bfloat16) else tensor.dtype


def result_dtype(tensor: Tensor) -> torch.dtype:
    """The dtype to return: that of the tensor; under autocast at least float32, as torch's own losses do."""
    return compute_dtype(tensor) if torch.is_autocast_enabled(tensor.device.type) else tensor.dtype


def reduced(losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """Weights and reduction: the weighted losses, their sum, or their weighted mean Σ w·loss / Σ w.

    A mean over nothing (no element, or weights that are all zero) is 0, with zero gradient: never a silent NaN.
    """
    if weight is None:
        if reduction == "none":
            return losses
        return losses.mean() if reduction == "mean" and losses.numel() else losses.sum()
    if reduction == "none":
        return losses * weight
    # Σ over the axes along which the weight is one number first: what is left to multiply is small.
    sums = (losses.sum_to_size(weight.shape) * weight).sum()
    if reduction == "sum":
        return sums
    total = weight.sum() * (losses.numel() / max(weight.numel(), 1))
    return sums / torch.where(total == 0, torch.ones_like(total), total)
