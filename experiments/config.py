"""Every setting of the study: its unit, its allowed values, and why it has the value it has.

A configuration is a preset, what its data set changes in it, and what the user changes on the command line. It is
stored in every checkpoint and result; `Config.identity` names the numbers that it leads to.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args, get_type_hints

from experiments.errors import ConfigError
from experiments.methods import METHODS, find_method

__all__ = ["Config", "DATASETS", "PRESETS", "configure", "describe", "kind_of", "option"]

DATASETS = ("generated", "lspet", "lsp-lspet", "mpii")


def _setting(default, reason: str, allowed=None, *, same_numbers: bool = False):
    """A field with its reason; `allowed` is a tuple of words or an interval (lowest, highest), both included.

    `same_numbers` marks a setting that changes where or how fast a study runs, not what it computes.
    """
    return field(default=default, metadata={"reason": reason, "allowed": allowed, "same_numbers": same_numbers})


@dataclass(frozen=True, kw_only=True)
class Config:
    """One study. Raises `ConfigError` for a value outside its set, and for values that do not fit together.

    >>> Config().budget, Config(budget=50).budget
    (150, 50)
    """

    # what is compared
    methods: tuple[str, ...] = _setting(
        ("random", "coreset", "ll", "ll++", "ll++conv", "entropy", "oracle"),
        "the paper's five, multi-peak entropy, and the true loss, which bounds them all", same_numbers=True)
    seeds: int = _setting(5, "repeats, as in the paper; 0, 1, ... are the seeds", (1, 1000), same_numbers=True)
    stages: int = _setting(5, "stages of labelling, as in the paper", (1, 100), same_numbers=True)

    # data, in images
    dataset: str = _setting("generated", "needs no download", DATASETS)
    root: str | None = _setting(None, "folder of the data sets; generated figures need none", same_numbers=True)
    cache: str | None = _setting(None, "folder of decoded images; the user's cache folder unless given",
                                 same_numbers=True)
    base: int = _setting(300, "images labelled at the start", (2, math.inf))
    budget: int = _setting(150, "images labelled in a stage", (1, math.inf))
    pool: int = _setting(3000, "unlabelled images at the start; 0 takes all that are left", (0, math.inf))
    validation: int = _setting(250, "images for the choice of epoch and learning rate", (1, math.inf))
    test: int = _setting(500, "images of the reported PCK", (1, math.inf))
    select_on: str = _setting("validation", "the release chose on the test set, which flatters every number",
                              ("validation", "test"))

    # pictures, in pixels
    crop: int = _setting(128, "side of the cached square crops; photographs of lspet have this size", (16, 1024))
    image: int = _setting(64, "side of the network's input; two cores cannot afford more", (16, 1024))
    stride: int = _setting(4, "input pixels a heatmap pixel, as in the release", (2, 4))
    sigma: float = _setting(0.75, "width of a target's Gaussian in heatmap pixels; of 0.75, 1 and 1.5 the best",
                            (0.25, 16.0))
    peak: float = _setting(30.0, "height of a target's Gaussian, as in the release; with 1, Adam finds half the joints",
                           (1e-3, 1e3))
    absent: str = _setting("masked", "joints without a position are not learned; the release had them empty",
                           ("masked", "zero"))
    view: float = _setting(1.0, "side of the region that the network sees, in crops", (0.1, 4.0))
    scale: float = _setting(0.15, "augmentation: the region's side × (1 ± this); of 1000 images more is not learned",
                            (0.0, 0.9))
    rotation: float = _setting(15.0, "augmentation: ± degrees; with 30, a quarter fewer joints are found",
                               (0.0, 180.0))
    shift: float = _setting(0.05, "augmentation: ± share of the side", (0.0, 0.5))
    flip: bool = _setting(True, "augmentation: mirrored half of the time, left and right exchanged")
    colour: float = _setting(0.2, "augmentation: each channel's gain 1 ± this", (0.0, 0.9))

    # network
    stacks: int = _setting(1, "hourglasses in a row", (1, 8))
    channels: int = _setting(32, "features of a pixel; as many as two cores train in seconds", (8, 1024))
    depth: int = _setting(2, "times that an hourglass halves its map", (1, 6))
    block: str = _setting("plain", "residual unit; bottlenecks of few channels are slow", ("plain", "bottleneck"))
    norm: str = _setting("batch", "normalisation; batch needs an accelerator to be shared by processes",
                         ("batch", "group"))

    # training
    pose_loss: str = _setting("mse", "of heatmaps, as in the paper", ("mse", "bce", "focal", "anchor"))
    batch: int = _setting(32, "images of a step; even, for the pairs", (2, 65536))
    epochs_base: int = _setting(60, "passes over the base images", (1, 100000))
    epochs: int = _setting(12, "passes over the labelled images in a stage", (1, 100000))
    rate: float = _setting(3e-3, "Adam's learning rate of the pose network", (0.0, 1.0))
    rate_stage: float = _setting(2e-3, "the same in a stage, which starts from trained weights", (0.0, 1.0))
    rate_head: float = _setting(1e-3, "Adam's learning rate of a loss predictor, never lowered; at 3e-3 one died",
                                (0.0, 1.0))
    schedule: str = _setting("cosine", "few epochs, all of which count; plateau is the release's",
                             ("cosine", "plateau", "constant"))
    patience: int = _setting(8, "plateau: validations without progress before the rate is halved", (0, 1000))
    rate_least: float = _setting(3e-6, "plateau: the rate is not lowered further", (0.0, 1.0))
    validate_every: int = _setting(5, "epochs between two validations", (1, 100000))
    keep: str = _setting("best", "the weights a stage ends with: of the best validation, or the last",
                         ("best", "last"))

    # loss predictors
    margin: float = _setting(1.0, "ξ of Learning Loss, as in the release", (0.0, math.inf))
    pairs: str = _setting("halves", "how a batch is paired, as in the release", ("halves", "reversed", "random", "all"))
    head_gradient: str = _setting("method", "detached or joint for all methods, or each method its own",
                                  ("method", "detached", "joint"))
    head_weight: float = _setting(1.0, "factor of the ranking loss beside the pose loss", (0.0, math.inf))
    head_share: float = _setting(0.6, "joint gradient: for this share of the epochs (Yoo and Kweon)", (0.0, 1.0))
    true_loss: str = _setting("method", "mean over labelled or all joints, or each method its own",
                              ("method", "labelled", "all"))

    # the machine
    device: str = _setting("auto", "cpu, cuda, mps; auto takes an accelerator where there is one", same_numbers=True)
    precision: str = _setting("auto", "auto: bfloat16 where the processor has it, else float32",
                              ("auto", "float32", "bfloat16", "float16", "float64"))
    channels_last: bool = _setting(True, "a third faster on a CPU, and what tensor cores want")
    compile: bool = _setting(False, "worth its minutes on an accelerator alone")
    threads: int = _setting(1, "torch's threads a process; two processes of one beat one of two", (1, 1024),
                            same_numbers=True)
    tensorboard: bool = _setting(False, "curves beside log.jsonl, for which tensorboard must be installed",
                                 same_numbers=True)
    scoring_batch: int = _setting(256, "images of a scoring step, which bounds its memory", (1, 65536))

    def __post_init__(self):
        for entry in dataclasses.fields(self):
            object.__setattr__(self, entry.name, _checked(entry, getattr(self, entry.name)))
        for name in self.methods:
            find_method(name)
        if len(set(self.methods)) < len(self.methods) or not self.methods:
            raise ConfigError("methods", self.methods, "different methods, at least one", "name each once")
        if self.batch % 2:
            raise ConfigError("batch", self.batch, "an even number", "pairs are formed of its two halves")
        if self.base < self.batch:
            raise ConfigError("base", self.base, f"at least a batch ({self.batch})", "label more, or lower --batch")
        if self.pool and self.pool < self.budget * self.stages:
            raise ConfigError(
                "pool", self.pool, f"at least budget × stages = {self.budget * self.stages}",
                "enlarge --pool, or lower --budget or --stages",
            )
        if self.stride == 3:
            raise ConfigError("stride", self.stride, "2 or 4", "the stem halves once or twice")
        if self.image % self.stride or self.image // self.stride < 2**self.depth:
            raise ConfigError(
                "image", self.image, f"a multiple of the stride ({self.stride}) with at least {2**self.depth} heatmap "
                "pixels", "change --image, --stride or --depth",
            )
        if self.channels % 4:
            raise ConfigError("channels", self.channels, "a multiple of 4", "the stem has a quarter of them")
        if self.pose_loss != "mse" and self.peak != 1:
            raise ConfigError("peak", self.peak, f"1 with the pose loss {self.pose_loss}", "it compares probabilities")

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

    def joint(self, method) -> bool:
        """Whether this method's head sends gradient to the pose network."""
        return method.head is not None and (method.joint if self.head_gradient == "method"
                                            else self.head_gradient == "joint")

    def per_labelled(self, method) -> bool:
        """Whether this method's true losses are means over the labelled joints alone."""
        return method.per_labelled if self.true_loss == "method" else self.true_loss == "labelled"


def _checked(entry: dataclasses.Field, value):
    """The value as its field's type, or `ConfigError`."""
    kind, allowed, step = kind_of(entry), entry.metadata["allowed"], f"change --{option(entry.name)}"
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


def kind_of(entry: dataclasses.Field) -> type:
    """The plain type of a setting: tuple, str, int, float or bool.

    >>> kind_of(Config.__dataclass_fields__["root"])
    <class 'str'>
    """
    hint = _hints()[entry.name]
    plain = next((part for part in get_args(hint) if part is not type(None)), hint) if None in _parts(hint) else hint
    return tuple if entry.name == "methods" else plain


@functools.cache
def _hints() -> dict:
    return get_type_hints(Config)


def _parts(hint) -> tuple:
    return tuple(None if part is type(None) else part for part in get_args(hint))


def option(name: str) -> str:
    """The command-line spelling of a setting.

    >>> option("rate_head")
    'rate-head'
    """
    return name.replace("_", "-")


# What a preset changes, each value with its reason. `desk` is what the fields above say.
PRESETS: dict[str, dict[str, tuple[object, str]]] = {
    "smoke": {
        "methods": (tuple(METHODS), "every one that there is"),
        "seeds": (1, "every part runs once"), "stages": (2, "the second starts from the first"),
        "base": (48, "seconds"), "budget": (24, "seconds"), "pool": (160, "seconds"), "validation": (32, "seconds"),
        "test": (64, "seconds"), "batch": (16, "several steps an epoch"), "crop": (64, "drawn in less time"),
        "channels": (16, "seconds"), "epochs_base": (12, "enough for a loss that falls"), "epochs": (3, "seconds"),
        "validate_every": (3, "once a stage"), "precision": ("float32", "the same on every machine"),
    },
    "desk": {},
    "paper": {
        "methods": (("random", "coreset", "ll", "ll++", "ll++conv"), "paper, Table 3"),
        "dataset": ("lsp-lspet", "paper, section 5"), "base": (1000, "paper"), "budget": (1000, "paper"),
        "pool": (0, "paper: all that is left"), "validation": (500, "held out of the pool, not of the test set"),
        "test": (1000, "paper: the last 1000 of LSP"), "crop": (320, "the input at the widest augmented view"),
        "image": (256, "release"), "sigma": (1.75, "release"),
        "view": (1.11, "release: 2.0 × the box, of a crop of 1.8"), "scale": (0.25, "release"),
        "rotation": (60.0, "release"), "shift": (0.15, "release"), "colour": (0.0, "release"),
        "flip": (False, "release"), "stacks": (2, "release"), "channels": (256, "release"), "depth": (4, "release"),
        "block": ("bottleneck", "stacked hourglass"), "batch": (16, "release"), "epochs_base": (80, "release"),
        "epochs": (80, "release"), "rate": (3e-4, "release"), "rate_stage": (3e-4, "release"),
        "rate_head": (3e-4, "release"), "schedule": ("plateau", "release: × 0.5, patience 8, at least 3e-6"),
        "validate_every": (1, "the plateau is looked for every epoch"), "compile": (True, "hours, on an accelerator"),
    },
}

# What a data set changes in a preset.
_OF_DATASET: dict[tuple[str, str], dict[str, tuple[object, str]]] = {
    ("desk", "lspet"): {
        "methods": (("random", "coreset", "ll", "ll++", "ll++conv", "oracle"), "the paper's, and the true loss"),
        "seeds": (3, "repeats that fit an hour and a half of two cores"), "stages": (4, "as the paper, less one"),
        "base": (1000, "the most upright poses of their share, as LSP is to LSPET"),
        "budget": (1000, "paper"), "pool": (5500, "drawn apart from the base's share"),
        "validation": (500, "drawn as the test set is"), "test": (1000, "drawn apart from base and pool"),
        "stride": (2, "a quarter more joints are found, in twice the time"), "depth": (3, "down to the same 4 pixels"),
        "sigma": (1.0, "heatmap pixels are half as large"),
        "epochs_base": (40, "the base images are many"), "epochs": (8, "and those of a stage more"),
    },
    ("paper", "mpii"): {"test": (2958, "paper: Newell's validation split")},
}


def configure(preset: str = "desk", changes: Mapping[str, object] | None = None) -> Config:
    """The preset, what its data set changes, and the given changes on top.

    >>> configure("smoke", {"seeds": 2}).seeds
    2
    """
    return Config(**{name: value for name, (value, _) in _layers(preset, dict(changes or {})).items()})


def describe(preset: str, changes: Mapping[str, object] | None = None) -> list[tuple[str, str, str]]:
    """Each setting as (name, value, reason), for `--show`.

    >>> describe("paper")[3]
    ('dataset', 'lsp-lspet', 'paper, section 5')
    """
    config, layers = configure(preset, changes), _layers(preset, dict(changes or {}))
    rows = []
    for entry in dataclasses.fields(config):
        value = getattr(config, entry.name)
        shown = " ".join(value) if isinstance(value, tuple) else str(value)
        rows.append((entry.name, shown, layers.get(entry.name, (None, entry.metadata["reason"]))[1]))
    return rows


def _layers(preset: str, changes: dict) -> dict[str, tuple[object, str]]:
    if preset not in PRESETS:
        raise ConfigError("preset", preset, ", ".join(PRESETS), "pass one of these names")
    unknown = changes.keys() - {entry.name for entry in dataclasses.fields(Config)}
    if unknown:
        raise ConfigError("setting", sorted(unknown)[0], "a field of Config", "--show lists all settings")
    merged = dict(PRESETS[preset])
    dataset = changes.get("dataset", merged.get("dataset", ("generated",))[0])
    merged |= _OF_DATASET.get((preset, dataset), {})
    return merged | {name: (value, "given on the command line") for name, value in changes.items()}
