"""What a setting is: a value with its allowed values and its reason, checked when it is set and stored with results.

A family of settings is a frozen dataclass that inherits `Settings`, each field made by `setting`. Presets change some
of them, each change with its own reason, and the user's changes come last.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import field
from typing import get_args, get_origin, get_type_hints

from experiments.errors import ConfigError

__all__ = ["Settings", "described", "kinds", "layers", "option", "setting"]

# What a preset, a data set or the user changes: name -> (value, reason).
Layers = dict[str, tuple[object, str]]


def setting(default, reason: str, allowed=None, *, same_numbers: bool = False):
    """A field with its reason; `allowed` is a tuple of words or an interval (lowest, highest), both included.

    `same_numbers` marks a setting that changes where or how fast a study runs, not what it computes.

    >>> setting(3, "repeats", (1, 10)).metadata["allowed"]
    (1, 10)
    """
    return field(default=default, metadata={"reason": reason, "allowed": allowed, "same_numbers": same_numbers})


class Settings:
    """A family of settings: each of its type and in its allowed set, or `ConfigError`.

    >>> @dataclasses.dataclass(frozen=True, kw_only=True)
    ... class Rates(Settings):
    ...     first: float = setting(0.1, "as published", (0.0, 1.0))
    >>> Rates(first=1).dictionary
    {'first': 1.0}
    """

    def __post_init__(self):
        for entry in dataclasses.fields(self):
            value = _checked(entry, kinds(type(self))[entry.name], getattr(self, entry.name))
            object.__setattr__(self, entry.name, value)

    @property
    def dictionary(self) -> dict:
        """The settings as JSON holds them."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @property
    def identity(self) -> str:
        """Twelve hexadecimal digits of the settings that decide the numbers of a cell.

        Two studies that differ in where they run, or in how many seeds and stages they have, share them.
        """
        settings = self.dictionary
        fixed = {entry.name: settings[entry.name] for entry in dataclasses.fields(self)
                 if not entry.metadata["same_numbers"]}
        return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()[:12]


def _checked(entry: dataclasses.Field, kind: type, value):
    """The value as its field's type, or `ConfigError`."""
    allowed, step = entry.metadata["allowed"], f"change --{option(entry.name)}"
    if kind is tuple:
        return tuple(value)
    if value is None and entry.default is None:
        return None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise ConfigError(entry.name, value, f"a value of type {kind.__name__}", step)
    if kind is float and not math.isfinite(value):
        raise ConfigError(entry.name, value, "a finite number", step)
    if isinstance(allowed, tuple) and isinstance(allowed[0], str):
        if value not in allowed:
            raise ConfigError(entry.name, value, ", ".join(allowed), step)
    elif allowed is not None and not allowed[0] <= value <= allowed[1]:
        upper = "" if allowed[1] == math.inf else f" and <= {allowed[1]}"
        raise ConfigError(entry.name, value, f"a number >= {allowed[0]}{upper}", step)
    return value


@functools.cache
def kinds(family: type[Settings]) -> dict[str, type]:
    """The plain type of each setting: tuple, str, int, float or bool.

    >>> from experiments.config import Config
    >>> kinds(Config)["root"], kinds(Config)["methods"]
    (<class 'str'>, <class 'tuple'>)
    """
    hints = get_type_hints(family)
    return {entry.name: _plain(hints[entry.name]) for entry in dataclasses.fields(family)}


def _plain(hint) -> type:
    if get_origin(hint) is tuple:
        return tuple
    return next((part for part in get_args(hint) if part is not type(None)), hint)


def option(name: str) -> str:
    """The command-line spelling of a setting.

    >>> option("rate_head")
    'rate-head'
    """
    return name.replace("_", "-")


def layers(
    family: type[Settings], presets: Mapping[str, Layers], preset: str, of_dataset: Layers, changes: dict,
) -> Layers:
    """What differs from the defaults: the preset's, its data set's, and the user's changes on top.

    Raises `ConfigError` for an unknown preset or setting.

    >>> from experiments.config import Config, PRESETS
    >>> layers(Config, PRESETS, "desk", {}, {"seeds": 2})
    {'seeds': (2, 'given on the command line')}
    """
    if preset not in presets:
        raise ConfigError("preset", preset, ", ".join(presets), "pass one of these names")
    unknown = changes.keys() - {entry.name for entry in dataclasses.fields(family)}
    if unknown:
        raise ConfigError("setting", sorted(unknown)[0], f"a field of {family.__name__}", "--show lists all settings")
    given = {name: (value, "given on the command line") for name, value in changes.items()}
    return presets[preset] | of_dataset | given


def described(config: Settings, changed: Layers) -> list[tuple[str, str, str]]:
    """Each setting as (name, value, reason), for `--show`.

    >>> from experiments.config import Config
    >>> described(Config(), {})[1]
    ('seeds', '5', 'repeats, as in the paper; 0, 1, ... are the seeds')
    """
    rows = []
    for entry in dataclasses.fields(config):
        value = getattr(config, entry.name)
        shown = " ".join(value) if isinstance(value, tuple) else str(value)
        rows.append((entry.name, shown, changed.get(entry.name, (None, entry.metadata["reason"]))[1]))
    return rows
