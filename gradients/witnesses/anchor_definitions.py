"""Witnesses on what the anchor loss paper says of other losses, of how it selects samples, and of its data sets."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from mpmath import mp

from gammaprob.as_printed import exact
from gammaprob.witnesses._compare import agree, checked, printed_range, witness
from gradients.witnesses._anchor import gaussian
from gradients.witnesses._tables import ROWS
from paper_tables.outcome import Outcome

# As section 4 prints them. Of LSP's 2000 images half train (LL-LSP-SPLIT); its extension's size is that of its release.
CIFAR = {"images": 60_000, "training": 50_000, "testing": 10_000, "labels": {10: 6_000, 100: 600}}
LSP = {"images": 2_000, "testing": 1_000, "extension": 10_000, "training": 11_000}
BATCH, GPUS = 224, 8  # on ImageNet


def _mean_squared_error(output, label):
    return mp.fsum((score - truth) ** 2 for score, truth in zip(output, label, strict=True)) / len(label)


@witness
def squared_error() -> Outcome:
    """Section 2: "mean squared error (MSE), which computes the L2 distance between the output and the prediction"."""
    label = tuple(gaussian(8, ("3", "4"), "1").values())
    points = [
        {"peak": peak, "centre": centre}
        for peak, centre in (("1", ("3", "4")), ("0.4", ("5.2", "1")), ("0.7", ("3", "4.5")))
    ]

    def predicted(peak, centre):
        return tuple(exact(peak) * score for score in gaussian(8, centre, "1.5").values())

    def distance(point, other):
        return mp.norm([a - b for a, b in zip(predicted(**point), other, strict=True)])

    def against(name, truth):
        return agree(name, lambda **point: _mean_squared_error(predicted(**point), label), truth, points)

    return Outcome(
        (
            against("the distance of the predicted heatmap from its label", lambda **point: distance(point, label)),
            against("the squared distance from the label", lambda **point: distance(point, label) ** 2),
            against("the distance of the output from the prediction, which are one heatmap",
                    lambda **point: distance(point, predicted(**point))),
        ),
        (against("the squared distance from the label over the number of pixels",
                 lambda **point: distance(point, label) ** 2 / len(label)),),
    )


@witness
def hard_example_mining() -> Outcome:
    """Section 4.1: OHEM "chooses the samples of high loss contribution with a ratio of ρ"; on ImageNet ρ = 0.8."""
    name, _, ratio = ROWS["2"]["OHEM"]["parameter"].partition("=")
    lower, upper = printed_range(ratio)
    sizes = (BATCH, BATCH // GPUS)
    chosen = [(rounded(Fraction(ratio) * size), size) for size in sizes for rounded in (floor, ceil)]
    return Outcome((
        checked("rounded down or up, the number chosen has that share to its printed digit", [
            (f"{number} of {size}", lower <= Fraction(number, size) <= upper) for number, size in chosen
        ]),
        checked("the share itself is no whole number: 179.2 of 224, 22.4 of 28", [
            (f"{name} = {ratio} of {size}: {float(Fraction(ratio) * size)}", Fraction(ratio) * size == Fraction(share))
            for size, share in zip(sizes, ("179.2", "22.4"), strict=True)
        ]),
    ))


@witness
def cifar_counts() -> Outcome:
    """Section 4.1: 60,000 images are 50,000 and 10,000, 10 labels of 6,000 and 100 classes of 600."""
    return Outcome((checked("the numbers fit each other", [
        (f"{CIFAR['training']:,} training and {CIFAR['testing']:,} testing images",
         CIFAR["training"] + CIFAR["testing"] == CIFAR["images"]),
        *((f"{classes} labels of {each:,} images", classes * each == CIFAR["images"])
          for classes, each in CIFAR["labels"].items()),
    ]),))


@witness
def lsp_counts() -> Outcome:
    """Section 4.2: 11k training images of LSP with its extension: 1000 of LSP's 2000, and 10,000."""
    own = LSP["images"] - LSP["testing"]
    return Outcome((checked("the numbers fit each other", [
        (f"{own:,} and {LSP['extension']:,} of {LSP['training']:,}", own + LSP["extension"] == LSP["training"]),
    ]),))
