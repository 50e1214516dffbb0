"""Every setting of the study of classification, each with its reason.

Presets and identities as in `experiments.config`; where a study runs is set by the same settings as there.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

from experiments.config import Config
from experiments.errors import ConfigError
from experiments.settings import Family, Layers, Settings, setting

__all__ = ["ClassConfig", "DATASETS", "FAMILY", "PRESETS", "configure"]

DATASETS = ("digits", "cifar10", "cifar100")
_OF_POSES = {entry.name: entry for entry in dataclasses.fields(Config)}


def _as_for_poses(name: str):
    """The setting that a study of poses has under this name."""
    entry = _OF_POSES[name]
    return setting(entry.default, **entry.metadata)


@dataclass(frozen=True, kw_only=True)
class ClassConfig(Settings):
    """One study. Raises `ConfigError` for a value outside its set, and for values that do not fit together.

    >>> ClassConfig().dataset, ClassConfig(gamma=2).gamma
    ('digits', 2.0)
    """

    # data, in pictures
    dataset: str = setting("digits", "real pictures that come with scikit-learn; CIFAR needs --root", DATASETS)
    root: str | None = setting(None, "folder with cifar-10-batches-bin or cifar-100-binary", same_numbers=True)
    seeds: int = setting(20, "repeats, the most that a sign-flip test takes; 0, 1, ... are the seeds", (1, 1000),
                         same_numbers=True)
    train: int = setting(100, "labelled pictures, of which 93 of 100 digits are learned, of 200 it is 97; 0 takes all",
                         (0, math.inf))
    validation: int = setting(200, "pictures that are watched, and for --keep best chosen by", (1, math.inf))
    shift: int = setting(1, "augmentation: ± pixels in x and in y; digits of 8 pixels bear no more", (0, 16))
    flip: bool = setting(False, "augmentation: mirrored half of the time; a mirrored digit is none")

    # network
    blocks: int = setting(1, "n of the 6n + 2 layers; 18 makes ResNet-110", (1, 200))
    channels: int = setting(16, "features of a pixel of the first stage, as in He et al.", (1, 1024))

    # losses
    gamma: float = setting(0.5, "γ of anchor loss: paper, Table 1", (0.0, math.inf))
    gamma_warmup: float = setting(0.5, "γ of anchor loss after a warm-up: paper, Table 1, CIFAR-10", (0.0, math.inf))
    gamma_focal: float = setting(2.0, "γ of focal loss: paper, Table 1, CIFAR-10", (0.0, math.inf))
    margin: float = setting(0.05, "δ on the dynamic anchors, as the authors released it", (0.0, math.inf))
    warmup: int = setting(5, "epochs of cross-entropy in a warm-up: paper, Section 4.1", (1, 100000))
    ohem_keep: float = setting(0.9, "ρ, the share of a batch that OHEM learns from: paper, Table 1")

    # training
    optimiser: str = setting("sgd", "He et al.; the losses differ in scale, which Adam's steps would not follow",
                             ("sgd", "adam"))
    rate: float = setting(0.1, "learning rate, as in the paper; of 0.03, 0.1 and 0.3 the best on the digits too",
                          (0.0, 10.0))
    momentum: float = setting(0.9, "sgd: He et al.; the paper does not say", (0.0, 1.0))
    decay: float = setting(1e-4, "sgd: weight decay of He et al.; the paper does not say", (0.0, 1.0))
    batch: int = setting(50, "pictures of a step; even", (2, 65536))
    epochs: int = setting(200, "passes over the labelled pictures; the paper's rate falls last at 180", (1, 100000))
    schedule: str = setting("cosine", "few epochs, all of which count", ("cosine", "steps", "constant"))
    validate_every: int = setting(20, "epochs between two validations", (1, 100000))
    keep: str = setting("last", "the weights of the last epoch, so that no picture chooses them", ("best", "last"))

    # the machine
    device: str = _as_for_poses("device")
    precision: str = _as_for_poses("precision")
    threads: int = _as_for_poses("threads")
    tensorboard: bool = _as_for_poses("tensorboard")
    scoring_batch: int = _as_for_poses("scoring_batch")

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.ohem_keep <= 1:
            raise ConfigError("ohem_keep", self.ohem_keep, "a number > 0 and <= 1", "change --ohem-keep")
        if self.batch % 2:
            raise ConfigError("batch", self.batch, "an even number", "change --batch")
        if 0 < self.train < self.batch:
            raise ConfigError("train", self.train, f"at least a batch ({self.batch})", "label more, or lower --batch")
        if self.warmup >= self.epochs:
            raise ConfigError("warmup", self.warmup, f"fewer than the epochs ({self.epochs})", "lower --warmup")

    @property
    def epochs_base(self) -> int:
        """What `experiments.train.train` calls the passes of a first training, which is the only one here."""
        return self.epochs


# What a preset changes, each value with its reason. `desk` is what the fields above say.
PRESETS: dict[str, Layers] = {
    "smoke": {
        "seeds": (2, "the fewest that a paired test takes"), "train": (40, "seconds"), "batch": (20, "two steps"),
        "epochs": (2, "seconds"), "warmup": (1, "an epoch of either loss"), "channels": (8, "seconds"),
        "precision": ("float32", "the same on every machine"),
    },
    "desk": {},
    "paper": {
        "dataset": ("cifar100", "paper, Section 4.1"), "seeds": (3, "paper"),
        "train": (0, "paper: 45,000"), "validation": (5000, "paper"), "shift": (4, "paper: padded with 4 pixels"),
        "flip": (True, "paper"), "blocks": (18, "paper: ResNet-110"),
        "batch": (128, "He et al.; the paper does not say"), "validate_every": (1, "a curve as in its Figure 5"),
        "schedule": ("steps", "paper: × 0.1 at epochs 160 and 180"),
        "gamma_warmup": (2.0, "paper, Table 1, CIFAR-100"), "gamma_focal": (0.5, "paper, Table 1, CIFAR-100"),
    },
}

# What a data set changes in a preset.
_CIFAR10 = {
    "gamma_warmup": (0.5, "paper, Table 1, CIFAR-10"), "gamma_focal": (2.0, "paper, Table 1, CIFAR-10"),
}
_PICTURES = {name: PRESETS["paper"][name] for name in ("shift", "flip")}
_OF_DATASET: dict[tuple[str, str], Layers] = {
    ("paper", "cifar10"): _CIFAR10,
    ("paper", "digits"): {
        **_CIFAR10, "validation": (200, "1,000 pictures are not for testing"),
        "shift": (1, "digits of 8 pixels bear no more"), "flip": (False, "a mirrored digit is none"),
    },
    ("desk", "cifar10"): _PICTURES,
    ("desk", "cifar100"): _PICTURES | {name: PRESETS["paper"][name] for name in _CIFAR10},
}

FAMILY = Family(ClassConfig, PRESETS, _OF_DATASET)


def configure(preset: str = "desk", changes: Mapping[str, object] | None = None) -> ClassConfig:
    """The preset, what its data set changes, and the given changes on top. Raises `ConfigError`.

    >>> configure("paper", {"dataset": "cifar10"}).gamma_focal, configure("paper").gamma_focal
    (2.0, 0.5)
    """
    return FAMILY.configure(preset, changes)
