"""What a setting is: a value with its allowed values and its reason, checked when it is set and stored with results.

A family of settings is a frozen dataclass that inherits `Settings`, each field made by `setting`. Presets change some
of them, each change with its own reason, and the user's changes come last. What a study sets itself is not the user's
to change.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args, get_origin, get_type_hints

from experiments.errors import ConfigError

__all__ = ["Family", "Settings", "check_fixed", "kinds", "option", "setting"]

# What a preset, a data set, a study or the user changes: name -> (value, reason).
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


@dataclass(frozen=True)
class Family:
    """A family of settings with its presets, and what a data set changes in one: (preset, data set) -> changes.

    >>> @dataclass(frozen=True, kw_only=True)
    ... class Rates(Settings):
    ...     dataset: str = setting("digits", "ships with the library")
    ...     first: float = setting(0.1, "as published", (0.0, 1.0))
    >>> rates = Family(Rates, {"desk": {}, "smoke": {"first": (0.5, "seconds")}}, {("desk", "mpii"): {}})
    >>> rates.configure("smoke").first, rates.configure("smoke", {"first": 0.2}).first
    (0.5, 0.2)
    """

    settings: type[Settings]
    presets: Mapping[str, Layers]
    of_dataset: Mapping[tuple[str, str], Layers]

    def configure(self, preset: str, changes: Mapping[str, object] | None = None, fixed: Layers | None = None):
        """The preset, what its data set changes, what a study sets itself (`fixed`), and the given changes.

        Raises `ConfigError` for an unknown preset or setting, for a change of what is fixed, and as the settings do.
        """
        return self.settings(**{name: value for name, (value, _) in self._layers(preset, changes, fixed).items()})

    def describe(
        self, preset: str, changes: Mapping[str, object] | None = None, fixed: Layers | None = None,
    ) -> list[tuple[str, str, str]]:
        """Each setting as (name, value, reason), for `--show`. Raises as `configure`."""
        config, changed = self.configure(preset, changes, fixed), self._layers(preset, changes, fixed)
        return [
            (entry.name, _shown(getattr(config, entry.name)),
             changed.get(entry.name, (None, entry.metadata["reason"]))[1])
            for entry in dataclasses.fields(config)
        ]

    def _layers(self, preset: str, changes: Mapping[str, object] | None, fixed: Layers | None) -> Layers:
        changes, fixed = dict(changes or {}), fixed or {}
        if preset not in self.presets:
            raise ConfigError("preset", preset, ", ".join(self.presets), "pass one of these names")
        fields = self.settings.__dataclass_fields__
        unknown = changes.keys() - fields.keys()
        if unknown:
            raise ConfigError(
                "setting", sorted(unknown)[0], f"a field of {self.settings.__name__}", "--show lists all settings")
        _refuse(changes, fixed)
        usual = self.presets[preset].get("dataset", (fields["dataset"].default,))[0]
        of_dataset = self.of_dataset.get((preset, changes.get("dataset", usual)), {})
        given = {name: (value, "given on the command line") for name, value in changes.items()}
        return self.presets[preset] | of_dataset | fixed | given


def check_fixed(config: Settings, fixed: Layers) -> None:
    """`ConfigError` where a setting has another value than the study sets.

    >>> from experiments.config import Config
    >>> check_fixed(Config(gamma=3.0), {"gamma": (2.0, "as published")})
    Traceback (most recent call last):
    experiments.errors.ConfigError: gamma: got 3.0; allowed: 2.0: the study sets it itself; leave it out
    """
    values = {name: getattr(config, name) for name in fixed}
    _refuse({name: value for name, value in values.items() if value != fixed[name][0]}, fixed)


def _refuse(given: Mapping[str, object], fixed: Layers) -> None:
    for name, (value, _) in fixed.items():
        if name in given:
            raise ConfigError(name, given[name], f"{_shown(value)}: the study sets it itself", "leave it out")


def _shown(value) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)
