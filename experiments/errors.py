"""The named errors of the study; each says which parameter, which value, what is allowed, and what to do next."""

from __future__ import annotations

from gammaprob.errors import GammaProbError

__all__ = ["CheckpointError", "ConfigError", "DataError", "TrainingError"]


class DataError(GammaProbError, ValueError):
    """A data set that cannot be used: a wrong folder, a missing or damaged file, a field that is not there."""


class ConfigError(GammaProbError, ValueError):
    """A setting of the study that does not exist, is outside its domain, or does not fit the others."""


class CheckpointError(GammaProbError, ValueError):
    """A checkpoint or result that cannot be used: truncated, of another configuration, or held by another process."""


class TrainingError(GammaProbError, ArithmeticError):
    """Training that cannot go on: a loss that is not finite, no image to learn from."""
