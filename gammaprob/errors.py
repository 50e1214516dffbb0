"""Named errors. Each one says which parameter, which value, what is allowed, and what to do next."""

from __future__ import annotations

from decimal import Decimal

__all__ = ["ArgumentError", "BroadcastError", "ConvergenceError", "DomainError", "GammaProbError", "LossFileError"]

_LONGEST_VALUE = 80


def shown(value) -> str:
    """The value as an error text shows it: its repr, cut to a readable length."""
    try:
        text = repr(value)
    except ValueError:
        # Python refuses to write integers of more than sys.get_int_max_str_digits() digits; Decimal does not.
        text = str(Decimal(value)) if isinstance(value, int) else f"a {type(value).__name__} too long to write out"
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


class GammaProbError(Exception):
    """Base of every error that this package raises on purpose.

    >>> from gammaprob import gap_cdf, GammaProbError
    >>> try:
    ...     gap_cdf(0.1, shape=-4, scale=0.066)
    ... except GammaProbError as error:
    ...     print(error)
    shape: got -4.0; allowed: a finite real number > 0; pass the gamma shape k > 0
    """

    def __init__(self, parameter: str, value, allowed: str, next_step: str):
        self.parameter, self.value, self.allowed, self.next_step = parameter, value, allowed, next_step
        super().__init__(f"{parameter}: got {shown(value)}; allowed: {allowed}; {next_step}")

    def __reduce__(self):
        return type(self), (self.parameter, self.value, self.allowed, self.next_step)


class DomainError(GammaProbError, ValueError):
    """A number outside the set on which the quantity is defined."""


class ArgumentError(GammaProbError, TypeError):
    """A value of the wrong type: text, a complex number, an object."""


class BroadcastError(GammaProbError, ValueError):
    """Array shapes that do not broadcast against one another."""


class LossFileError(GammaProbError, ValueError):
    """A file of losses that cannot be used: missing, empty, or with an entry that is no positive number."""


class ConvergenceError(GammaProbError, ArithmeticError):
    """A computation that could not reach the accuracy it promises."""
