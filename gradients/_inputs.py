"""What the losses check of their arguments, and how they finish: dtype, device, shape, values; weights and reduction.

Types, shapes and options are always checked. Values (a NaN, a negative loss, a label outside [0, 1]) are checked on the
CPU with an exception. On an accelerator, and in a graph that `torch.compile` traces, an exception would need the value
on the host, so that the check is `torch._assert_async` there: it runs on the device and fails later, without waiting.
`check_values=False` leaves the values unchecked everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real

import torch
from torch import Tensor
from torch._C._functorch import get_unwrapped, is_functorch_wrapped_tensor

from gammaprob.errors import ArgumentError, BroadcastError, DomainError

__all__ = [
    "REDUCTIONS", "broadcastable", "cast", "choice", "compute_dtype", "finished", "number_within", "or_one",
    "real_tensor", "reduced", "same_device", "same_shape", "values_within", "weights", "whole_number",
]  # fmt: skip

REDUCTIONS = ("none", "mean", "sum")


def real_tensor(name: str, value) -> Tensor:
    """The value, if it is a tensor of floats; `ArgumentError` otherwise."""
    if not isinstance(value, Tensor):
        raise ArgumentError(name, value, "a torch.Tensor of floats", "convert it with torch.as_tensor")
    if not value.is_floating_point():
        raise ArgumentError(name, value.dtype, "a floating dtype", f"convert it with {name}.float()")
    return value


def same_device(first: tuple[str, Tensor], second: tuple[str, Tensor]) -> None:
    """`ArgumentError` unless both (name, tensor) are on one device."""
    if first[1].device != second[1].device:
        raise ArgumentError(
            second[0], second[1].device, f"the device of {first[0]}, {first[1].device}",
            f"move one with {second[0]}.to(...)",
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
    if not isinstance(value, str) or value not in allowed:
        raise DomainError(name, value, "one of " + ", ".join(map(repr, allowed)), "pass one of them")
    return value


def number_within(name: str, value, inside: Callable[[float], bool], allowed: str, next_step: str) -> float:
    """The value, if it is a real number inside; `ArgumentError` or `DomainError` otherwise."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ArgumentError(name, value, allowed, next_step)
    if not inside(value):
        raise DomainError(name, value, allowed, next_step)
    return float(value)


def whole_number(name: str, value, least: int, next_step: str) -> int:
    """The value, if it is an integer of at least `least`; `ArgumentError` or `DomainError` otherwise."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ArgumentError(name, value, f"an integer >= {least}", next_step)
    if value < least:
        raise DomainError(name, value, f"an integer >= {least}", next_step)
    return int(value)


def values_within(name: str, tensor: Tensor, low: float, high: float, allowed: str, next_step: str) -> None:
    """`DomainError` unless each value is finite and lies in [low, high]. See the module for accelerators."""
    tensor = _values(tensor)
    if tensor.numel() == 0 or tensor.is_meta:
        return
    if torch.compiler.is_compiling() or not tensor.is_cpu:
        inside = torch.isfinite(tensor) & (tensor >= low) & (tensor <= high)
        torch._assert_async(inside.all(), f"{name}: allowed: {allowed}; {next_step}")
        return
    for bound in torch.aminmax(tensor):  # a NaN anywhere is both bounds, and compares false
        value = bound.item()
        if not low <= value <= high or value - value:  # infinity less itself is a NaN
            raise DomainError(name, value, allowed, next_step)


def finished(
    result: Tensor, *inputs: tuple[str, Tensor, str], check_values: bool, headroom: float = 1.0,
) -> Tensor:
    """The result in the dtype to return; `DomainError` where it is not finite because an input is not.

    The inputs are (name, tensor, next step), the first of them the one that gives the dtype. To look at the result is
    free, where `values_within` reads a whole tensor. An infinity that costs nothing passes, such as the logit −∞ of a
    class that is not there; so does a result that overflows although no value exceeds the dtype's range, divided by
    `headroom`, but if it overflows to a NaN, that is an error as well.
    """
    if check_values and not result.is_meta:
        value = _values(result)
        if torch.compiler.is_compiling() or not value.is_cpu:
            sound = torch.stack([torch.isfinite(_values(tensor)).all() for _, tensor, _ in inputs]).all()
            names = " and ".join(name for name, _, _ in inputs)
            torch._assert_async(
                torch.isfinite(value).all() | sound, f"{names}: allowed: finite numbers; {inputs[0][2]}",
            )
        elif not math.isfinite(value.item() if value.numel() == 1 else value.sum().item()):
            largest = torch.finfo(result.dtype).max / headroom
            for name, tensor, next_step in inputs:
                values_within(name, tensor, -largest, largest, "finite numbers", next_step)
            if value.isnan().any():
                name, tensor, _ = inputs[0]
                raise DomainError(
                    name, _values(tensor).abs().max().item(), "numbers whose loss does not overflow", "scale them down",
                )
    return cast(result, result_dtype(inputs[0][1]))


def _values(tensor: Tensor) -> Tensor:
    """The values alone; under `torch.func.vmap` and `grad` those of the whole batch."""
    if tensor.requires_grad:
        tensor = tensor.detach()
    if not torch.compiler.is_compiling():
        while is_functorch_wrapped_tensor(tensor):
            tensor = get_unwrapped(tensor)
    return tensor


def weights(
    value, shape: tuple[int, ...], reference: Tensor, meaning: str, reduction: str, check_values: bool,
    broadcast: bool = False,
) -> Tensor | None:
    """The weights as constants >= 0 in the dtype to compute in, or None; of this shape, or one that broadcasts to it.

    A mean takes no notice of their size, so that for a mean they are divided by the largest: neither a sum of large
    ones overflows then, nor does a product of small ones vanish.
    """
    if value is None:
        return None
    weight = real_tensor("weight", value)
    same_device(("the predictions", reference), ("weight", weight))
    if broadcast:
        broadcastable("weight", weight, shape, meaning)
    elif weight.shape != shape:
        raise BroadcastError("weight", tuple(weight.shape), f"the shape {tuple(shape)}", meaning)
    weight = weight.detach().to(compute_dtype(reference))
    if check_values:
        values_within("weight", weight, 0.0, math.inf, "finite numbers >= 0", meaning)
    if reduction == "mean" and weight.numel():
        largest = weight.amax()
        weight = weight / torch.where(largest > 0, largest, 1)
    return weight


def cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """`tensor.to(dtype)`, which takes a microsecond even where nothing is to be done."""
    return tensor if tensor.dtype == dtype else tensor.to(dtype)


def compute_dtype(tensor: Tensor) -> torch.dtype:
    """The dtype to compute in: that of the tensor, but float32 for the half precisions, in which a loss overflows."""
    return torch.float32 if tensor.dtype in (torch.float16, torch.bfloat16) else tensor.dtype


def result_dtype(tensor: Tensor) -> torch.dtype:
    """The dtype to return: that of the tensor; under autocast at least float32, as torch's own losses do."""
    dtype = compute_dtype(tensor)
    if dtype == tensor.dtype or tensor.is_meta:  # of the meta device torch cannot say
        return tensor.dtype
    return dtype if torch.is_autocast_enabled(tensor.device.type) else tensor.dtype


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
    return sums / or_one(weight.sum() * (losses.numel() / max(weight.numel(), 1)))


def or_one(total: Tensor) -> Tensor:
    """The sum of the weights to divide by; 1 where it is 0, because what is to be divided is then 0, too."""
    return torch.where(total == 0, torch.ones_like(total), total)
