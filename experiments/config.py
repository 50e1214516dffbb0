"""Every setting of the study: its unit, its allowed values, and why it has the value it has.

A configuration is a preset, what its data set changes in it, and what the user changes on the command line. It is
stored in every checkpoint and result; `Config.identity` names the numbers that it leads to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from experiments.errors import ConfigError
from experiments.methods import METHODS, find_method
from experiments.settings import Family, Layers, Settings, setting

__all__ = ["Config", "DATASETS", "FAMILY", "PRESETS", "configure"]

DATASETS = ("generated", "lspet", "lsp-lspet", "mpii")
LAWS = ("uniform", "normal")  # of an augmentation
HARD = ("affine", "cutout", "randaugment", "randaugment+cutout")  # views


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    """One study. Raises `ConfigError` for a value outside its set, and for values that do not fit together.

    >>> Config().budget, Config(budget=50).budget
    (150, 50)
    """

    # what is compared
    methods: tuple[str, ...] = setting(
        ("random", "coreset", "ll", "ll++", "ll++conv", "entropy", "oracle"),
        "the paper's five, multi-peak entropy, and the true loss, which bounds them all", same_numbers=True)
    seeds: int = setting(5, "repeats, as in the paper; 0, 1, ... are the seeds", (1, 1000), same_numbers=True)
    stages: int = setting(5, "stages of labelling, as in the paper", (1, 100), same_numbers=True)

    # data, in images
    dataset: str = setting("generated", "needs no download", DATASETS)
    root: str | None = setting(None, "folder of the data sets; generated figures need none", same_numbers=True)
    cache: str | None = setting(None, "folder of decoded images; the user's cache folder unless given",
                                 same_numbers=True)
    base: int = setting(300, "images labelled at the start", (2, math.inf))
    budget: int = setting(150, "images labelled in a stage", (1, math.inf))
    pool: int = setting(3000, "unlabelled images at the start; 0 takes all that are left", (0, math.inf))
    validation: int = setting(250, "images for the choice of epoch and learning rate", (1, math.inf))
    test: int = setting(500, "images of the reported PCK", (1, math.inf))
    start: str = setting("other", "the base is of other pictures than the pool, as LSP is to LSPET, or of the same",
                         ("other", "same"))
    select_on: str = setting("validation", "the release chose on the test set, which flatters every number",
                              ("validation", "test"))

    # pictures, in pixels
    crop: int = setting(128, "side of the cached square crops; photographs of lspet have this size", (16, 1024))
    image: int = setting(64, "side of the network's input; two cores cannot afford more", (16, 1024))
    stride: int = setting(4, "input pixels a heatmap pixel, as in the release", (2, 4))
    sigma: float = setting(0.75, "width of a target's Gaussian in heatmap pixels; of 0.75, 1 and 1.5 the best",
                            (0.25, 16.0))
    peak: float = setting(30.0, "height of a target's Gaussian, as in the release; with 1, Adam finds half the joints",
                           (1e-3, 1e3))
    absent: str = setting("masked", "joints without a position are not learned; the release had them empty",
                           ("masked", "zero"))
    view: float = setting(1.0, "side of the region that the network sees, in crops", (0.1, 4.0))
    scale: float = setting(0.15, "augmentation: the region's side × (1 ± this); of 1000 images more is not learned",
                            (0.0, 0.9))
    rotation: float = setting(15.0, "augmentation: ± degrees; with 30, a quarter fewer joints are found",
                               (0.0, 180.0))
    shift: float = setting(0.05, "augmentation: ± share of the side", (0.0, 0.5))
    flip: bool = setting(True, "augmentation: mirrored half of the time, left and right exchanged")
    colour: float = setting(0.2, "augmentation: each channel's gain 1 ± this", (0.0, 0.9))
    law: str = setting("uniform", "augmentation: how scale and rotation are drawn; normal, cut to the limits, is that "
                       "of the published easy views", LAWS)

    # network
    stacks: int = setting(1, "hourglasses in a row", (1, 8))
    channels: int = setting(32, "features of a pixel; as many as two cores train in seconds", (8, 1024))
    depth: int = setting(2, "times that an hourglass halves its map", (1, 6))
    block: str = setting("plain", "residual unit; bottlenecks of few channels are slow", ("plain", "bottleneck"))
    norm: str = setting("batch", "normalisation; batch needs an accelerator to be shared by processes",
                         ("batch", "group"))

    # training
    pose_loss: str = setting("mse", "of heatmaps, as in the paper", ("mse", "bce", "focal", "anchor"))
    gamma: float = setting(2.0, "γ of focal and anchor loss; the best of Anchor Loss, Table 7", (0.0, math.inf))
    output: str = setting("linear", "mse: whether the network's numbers or their sigmoids are set beside the target",
                          ("linear", "sigmoid"))
    prior: float = setting(0.5, "what sigmoids are moved to before training; background is learned sooner from 0.01",
                           (1e-6, 1 - 1e-6))
    truncate: bool = setting(False, "targets are exactly 0 beyond 3 sigma; with anchor loss always, which needs it")
    batch: int = setting(32, "images of a step; even, for the pairs", (2, 65536))
    epochs_base: int = setting(60, "passes over the base images", (1, 100000))
    epochs: int = setting(12, "passes over the labelled images in a stage", (1, 100000))
    rate: float = setting(3e-3, "Adam's learning rate of the pose network", (0.0, 1.0))
    rate_stage: float = setting(2e-3, "the same in a stage, which starts from trained weights", (0.0, 1.0))
    rate_head: float = setting(1e-3, "Adam's learning rate of a loss predictor, never lowered; at 3e-3 one died",
                                (0.0, 1.0))
    schedule: str = setting("cosine", "few epochs, all of which count; plateau is the release's",
                             ("cosine", "plateau", "constant"))
    patience: int = setting(8, "plateau: validations without progress before the rate is halved", (0, 1000))
    rate_least: float = setting(3e-6, "plateau: the rate is not lowered further", (0.0, 1.0))
    validate_every: int = setting(5, "epochs between two validations", (1, 100000))
    keep: str = setting("best", "the weights a stage ends with: of the best validation, or the last",
                         ("best", "last"))

    # loss predictors
    margin: float = setting(1.0, "ξ of Learning Loss, as in the release", (0.0, math.inf))
    pairs: str = setting("halves", "how a batch is paired, as in the release", ("halves", "reversed", "random", "all"))
    head_gradient: str = setting("method", "detached or joint for all methods, or each method its own",
                                  ("method", "detached", "joint"))
    head_weight: float = setting(1.0, "factor of the ranking loss beside the pose loss", (0.0, math.inf))
    head_share: float = setting(0.6, "joint gradient: for this share of the epochs (Yoo and Kweon)", (0.0, 1.0))
    true_loss: str = setting("method", "mean over labelled or all joints, or each method its own",
                              ("method", "labelled", "all"))

    # unlabelled pictures, of which a hard view is learned from what the network says of an easy one
    consistency: str = setting("none", "labelled pictures alone; standard, with views of one kind, may collapse; dual: "
                               "two networks teach each other", ("none", "standard", "easy-hard", "dual"))
    consistency_weight: float = setting(1.0, "λ, as published; 0 learns from labels alone", (0.0, math.inf))
    consistency_start: float = setting(0.3, "share of the epochs before, in which the teacher learns from labels",
                                       (0.0, 1.0))
    normalised: str = setting("apart", "labelled and other pictures of a step each by their own statistics, as "
                              "released; together, by those of both, with which none collapsed in what is recorded",
                              ("apart", "together"))
    unlabelled: int = setting(0, "images of the pool that are learned from; 0 takes all", (0, math.inf))
    heatmap_weights: str = setting("equal", "of a teacher's heatmaps; height: by their maximum in target's peaks",
                                   ("equal", "height"))
    hard: str = setting("affine", "what makes an easy view hard, each after another turn and size", HARD)
    hard_scale: float = setting(0.25, "hard views: the easy one's side × (1 ± this), as published", (0.0, 0.9))
    hard_rotation: float = setting(30.0, "hard views: ± degrees from the easy one; the published 60 at twice the rest",
                                   (0.0, 180.0))
    cutout_joints: int = setting(5, "Joint Cutout: draws of a joint, some the same, as published", (1, 1000))
    cutout_spread: float = setting(10 / 256, "Joint Cutout: sd of a square's place, in sides of the input: 10 pixels "
                                   "of 256, as published", (0.0, 1.0))
    cutout_least: float = setting(10 / 256, "Joint Cutout: a square's half side, at least, in sides of the input",
                                  (0.0, 1.0))
    cutout_most: float = setting(20 / 256, "Joint Cutout: the same, at most", (0.0, 1.0))
    randaugment_count: int = setting(2, "RandAugment: changes of light and colour, one after the other, as published",
                                     (1, 100))
    randaugment_magnitude: float = setting(20.0, "RandAugment: of 30, as published", (0.0, 30.0))

    # the machine
    device: str = setting("auto", "cpu, cuda, mps; auto takes an accelerator where there is one", same_numbers=True)
    precision: str = setting("auto", "auto: bfloat16 where the processor has it, else float32",
                              ("auto", "float32", "bfloat16", "float16", "float64"))
    channels_last: bool = setting(True, "a third faster on a CPU, and what tensor cores want")
    compile: bool = setting(False, "worth its minutes on an accelerator alone")
    threads: int = setting(1, "torch's threads a process; two processes of one beat one of two", (1, 1024),
                            same_numbers=True)
    tensorboard: bool = setting(False, "curves beside log.jsonl, for which tensorboard must be installed",
                                 same_numbers=True)
    scoring_batch: int = setting(256, "images of a scoring step, which bounds its memory", (1, 65536))

    def __post_init__(self):
        super().__post_init__()
        for name in self.methods:
            find_method(name)
        if len(set(self.methods)) < len(self.methods) or not self.methods:
            raise ConfigError("methods", self.methods, "different methods, at least one", "name each once")
        if self.batch % 2:
            raise ConfigError("batch", self.batch, "an even number", "pairs are formed of its two halves")
        if self.base < self.batch:
            raise ConfigError("base", self.base, f"at least a batch ({self.batch})", "label more, or lower --batch")
        if self.pool and self.pool < self.least_pool:
            raise ConfigError("pool", self.pool, self.said_of_pool, "enlarge --pool, or lower --budget or --stages")
        if self.consistency == "standard" and self.hard != "affine":
            raise ConfigError("hard", self.hard, "affine with --consistency standard", "its views are of one kind")
        if self.cutout_least > self.cutout_most:
            raise ConfigError("cutout_least", self.cutout_least, f"at most cutout_most, {self.cutout_most}", "lower it")
        if self.stride == 3:
            raise ConfigError("stride", self.stride, "2 or 4", "the stem halves once or twice")
        if self.image % self.stride or self.image // self.stride < 2**self.depth:
            raise ConfigError(
                "image", self.image, f"a multiple of the stride ({self.stride}) with at least {2**self.depth} heatmap "
                "pixels", "change --image, --stride or --depth",
            )
        if self.channels % 4:
            raise ConfigError("channels", self.channels, "a multiple of 4", "the stem has a quarter of them")
        if self.probabilities and self.peak != 1:
            name = self.pose_loss if self.pose_loss != "mse" else "mse of sigmoids"
            raise ConfigError("peak", self.peak, f"1 with the pose loss {name}", "it compares probabilities")

    @property
    def probabilities(self) -> bool:
        """Whether the network's numbers are logits, whose sigmoids the pose loss compares with the targets."""
        return self.pose_loss != "mse" or self.output == "sigmoid"

    @property
    def drawn_pool(self) -> int:
        """How many figures are generated for the pool: of these there are always more, so that "all" has no number."""
        return self.pool or 10 * max(self.base, self.budget * self.stages)

    @property
    def least_pool(self) -> int:
        """How many images the pool must have: those that are labelled, and those that are left to learn from."""
        return self.budget * self.stages + (max(1, self.unlabelled) if self.consistency != "none" else 0)

    @property
    def said_of_pool(self) -> str:
        """The same in words."""
        left = "" if self.consistency == "none" else " + the unlabelled images that are learned from"
        return f"at least budget × stages{left} = {self.least_pool}"

    def joint(self, method) -> bool:
        """Whether this method's head sends gradient to the pose network."""
        return method.head is not None and (method.joint if self.head_gradient == "method"
                                            else self.head_gradient == "joint")

    def per_labelled(self, method) -> bool:
        """Whether this method's true losses are means over the labelled joints alone."""
        return method.per_labelled if self.true_loss == "method" else self.true_loss == "labelled"


# What a preset changes, each value with its reason. `desk` is what the fields above say.
PRESETS: dict[str, Layers] = {
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
_OF_DATASET: dict[tuple[str, str], Layers] = {
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

FAMILY = Family(Config, PRESETS, _OF_DATASET)


def configure(
    preset: str = "desk", changes: Mapping[str, object] | None = None, fixed: Layers | None = None,
) -> Config:
    """The preset, what its data set changes, what a study sets itself (`fixed`), and the given changes on top.

    Raises `ConfigError` as `experiments.settings.Family.configure`.

    >>> configure("smoke", {"seeds": 2}).seeds
    2
    """
    return FAMILY.configure(preset, changes, fixed)
