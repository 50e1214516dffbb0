"""Witnesses on the legible claims of the semi-supervised paper: its Table 9, and small exact models of its words."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import product
from math import comb, floor, log10

from mpmath import mp, mpf

from gammaprob.as_printed import exact
from gammaprob.witnesses._compare import checked, equal, witness
from paper_tables.outcome import Outcome
from paper_tables.published import load

ROWS = {row["labels"]: row for row in load("ssl_tableS9_labels")}

# COCO AP at 1K, 5K and 10K labels.
METHODS = {
    f"{row['method']}, {row['augmentation']}": (row["ap_1k"], row["ap_5k"], row["ap_10k"])
    for row in load("ssl_coco_labels")
}
_SUPERVISED = "Supervised, Affine"

_SIGMA = 2  # pixels, of the Gaussian that encodes a joint
_HEATMAPS = ((64, 48), (64, 64), (96, 72))  # of inputs 256×192, 256×256 and 384×288
_BINS = 5
_RESPONSES = tuple(Fraction(n, 8) for n in range(9))  # of a network at a joint's pixel: 0 background, 1 joint
_SCALES = (Fraction(3, 4), Fraction(5, 4))  # to which the scale of an augmentation is clipped
_CUTOUTS = 5  # joints of "JC 5", drawn with replacement
_JOINTS = {"COCO": 17, "MPII": 16}
_HALF_SEPARATION = mpf("1.5")  # of two classes, in their standard deviation
_BACKGROUND_PER_JOINT_PIXEL = 1000


def _below(row: str, column: str, other: str) -> bool:
    return Decimal(ROWS[row][column]) < Decimal(ROWS[row][other])


@witness
def degraded() -> Outcome:
    """Table 9, section A.2: even with sufficient labels, the performance degrades below the supervised model's."""
    return Outcome((checked("AP below the supervised AP", [
        (f"{row}: {cells['ap']} and {cells['supervised_ap']}", _below(row, "ap", "supervised_ap"))
        for row, cells in ROWS.items()
    ]),))


@witness
def improved_with_labels() -> Outcome:
    """Section A.2: with the increase of labels the validation performance has improved, from 0.8% to 46.8%."""
    printed = [ROWS[row]["ap"] for row in ROWS]
    return Outcome((
        checked("AP rises from row to row", [
            (f"{before} and {after}", Decimal(before) < Decimal(after)) for before, after in zip(printed, printed[1:])
        ]),
        checked("the ends", [(f"{printed[0]} to {printed[-1]}", (printed[0], printed[-1]) == ("0.8", "46.8"))]),
    ))


@witness
def response_stays_low() -> Outcome:
    """Section A.2: with all labels "the response level is still low"; a joint's peak is 1.

    By Markov's inequality at most response/½ of the heatmaps reach one half anywhere, their maxima being ≥ 0.
    """
    return Outcome((checked("in at most 2.5 % of the heatmaps does a pixel come nearer to 1 than to 0", [
        (f"{row}: at most {float(200 * Fraction(cells['response'])):.3g} %",
         2 * Fraction(cells["response"]) <= Fraction("0.025")) for row, cells in ROWS.items()
    ]),))


@witness
def better_than_supervised() -> Outcome:
    """Section A.2: "our method can significantly improve the performance regardless of the number" of labels."""
    supervised = METHODS[_SUPERVISED]
    return Outcome((
        checked("every variant above the supervised model", [
            (f"{name}: {ap} and {base}", Decimal(ap) > Decimal(base))
            for name, row in METHODS.items() if name != _SUPERVISED
            for ap, base in zip(row, supervised, strict=True)
        ]),
        checked("the supervised model is that of Table 9", [
            (f"{ap}", cells["supervised_ap"] == ap)
            for cells, ap in zip(list(ROWS.values())[:len(supervised)], supervised, strict=True)
        ]),
    ))


def _bins(height: int, width: int, off: Fraction) -> list[int]:
    """Pixels of one joint's heatmap in each of the equal bins of [0, 1]; the joint is off a middle pixel both ways."""
    counts = [0] * _BINS
    for y, x in product(range(height), range(width)):
        squared_distance = exact((y - height // 2 - off) ** 2 + (x - width // 2 - off) ** 2)
        value = mp.exp(-squared_distance / (2 * _SIGMA**2))
        counts[min(floor(value * _BINS), _BINS - 1)] += 1
    return counts


def _nearest_power(ratio: Fraction) -> int:
    return round(log10(ratio))


@witness
def imbalanced_bins() -> Outcome:
    """Section A.1: low-value pixels of the heatmaps exceed high-value pixels, "the ratio is around 1000"."""
    def counted(off):
        """The lowest bin over the highest, and over the other four, at each size of a heatmap."""
        counts = {size: _bins(*size, off) for size in _HEATMAPS}
        return (
            {size: Fraction(bins[0], bins[-1]) for size, bins in counts.items()},
            {size: Fraction(bins[0], sum(bins[1:])) for size, bins in counts.items()},
        )

    def nearest(name, ratios, power):
        return checked(name, [
            (f"{height}×{width}: {float(ratio):.4g}", _nearest_power(ratio) == power)
            for (height, width), ratio in ratios.items()
        ])

    (extremes, others), (off_extremes, off_others) = map(counted, (Fraction(0), Fraction(1, 2)))
    return Outcome(
        (
            nearest("lowest bin over highest bin, to the nearest power of ten", extremes, 3),
            nearest("lowest bin over the other four, to the nearest power of ten", others, 3),
        ),
        (
            checked("607, 812 and 1375 for lowest over highest, 82, 110 and 186 for lowest over the other four", [
                (f"{size}: {float(extremes[size]):.4g} and {float(others[size]):.4g}",
                 (round(extremes[size]), round(others[size])) == expected)
                for size, expected in zip(_HEATMAPS, ((607, 82), (812, 110), (1375, 186)), strict=True)
            ]),
            checked("757, 1013 and 1717 with the joint half a pixel off both ways", [
                (f"{size}: {float(ratio):.4g}", ratio == expected)
                for (size, ratio), expected in zip(off_extremes.items(), (757, 1013, 1717), strict=True)
            ]),
            nearest("there, too, around 1000 for lowest over highest", off_extremes, 3),
            nearest("there, too, around 100 for lowest over the other four", off_others, 2),
        ),
    )


def _slope(function: Callable, at: Fraction) -> Fraction:
    """Central difference; exact for the square of a difference."""
    step = Fraction(1, 16)
    return (function(at + step) - function(at - step)) / (2 * step)


def _discrepancy(one, other):
    return (one - other) ** 2


@witness
def blind_consistency() -> Outcome:
    """Section 1: of two different predictions on corresponding pixels, consistency does not know which one is right."""
    pairs = list(product(_RESPONSES, repeat=2))
    return Outcome((
        checked("the two predictions are pulled to each other alike", [
            (f"{one} and {other}", _slope(lambda value: _discrepancy(value, other), one)
             == -_slope(lambda value: _discrepancy(one, value), other)) for one, other in pairs
        ]),
        checked("background on both, and a joint on both, have the least loss", [
            (f"{value} on both: loss {_discrepancy(value, value)}",
             _discrepancy(value, value) == min(_discrepancy(*pair) for pair in pairs)) for value in (0, 1)
        ]),
    ))


def _after_step(taught: Fraction, teacher: Fraction) -> Fraction:
    """The taught response after a step of gradient descent; the teacher is a constant."""
    return taught - Fraction(1, 4) * _slope(lambda value: _discrepancy(value, teacher), taught)


@witness
def easy_teaches_hard() -> Outcome:
    """Section 1: hard augmentations do not teach easy ones, so that no high response is pulled to the background."""
    pairs = [(easy, hard) for easy, hard in product(_RESPONSES, repeat=2) if hard < easy]
    return Outcome((
        checked("the easy view's higher response raises the hard view's", [
            (f"{hard} taught by {easy}", hard < _after_step(hard, easy) <= easy) for easy, hard in pairs
        ]),
        checked("taught by the hard view, the easy view's response would fall", [
            (f"{easy} taught by {hard}", _after_step(easy, hard) < easy) for easy, hard in pairs
        ]),
        checked("taught by each other, one falls as the other rises", [
            (f"{easy} and {hard}", _after_step(easy, hard) + _after_step(hard, easy) == easy + hard)
            for easy, hard in pairs
        ]),
    ))


def _density(value, majority):
    """Of two normal classes of standard deviation 1: joints at +a, and `majority` times as much background at −a."""
    return mp.npdf(value, _HALF_SEPARATION) + majority * mp.npdf(value, -_HALF_SEPARATION)


def _has_valley(majority) -> bool:
    """Does the density rise anywhere between the classes? Its derivative has the sign of e^{2at}(a−t)/(a+t) − majority.

    The first term is largest at t = √(a² − 1).
    """
    a = _HALF_SEPARATION
    t = mp.sqrt(a**2 - 1)
    return bool(mp.exp(2 * a * t) * (a - t) / (a + t) > majority)


@witness
def boundary_through_the_minor_class() -> Outcome:
    """Abstract, section 1: with imbalance the boundary may pass through the high-density area of the minor class.

    A small perturbation changes the side of as many pixels as lie at the boundary, so that the discrepancy follows the
    density there, and falls along any path on which the density falls.
    """
    a, steps = _HALF_SEPARATION, 48
    path = [a * (-1 + mpf(2 * n) / steps) for n in range(steps + steps // 2)]  # from −a to 2a, across the joints' class
    imbalanced = [_density(value, _BACKGROUND_PER_JOINT_PIXEL) for value in path]
    balanced = _density(mpf(0), 1)
    return Outcome((
        checked("1000 to 1: the density falls all the way through the minor class", [
            *((f"at {mp.nstr(value, 3)}", bool(after < before))
              for value, before, after in zip(path[1:], imbalanced, imbalanced[1:], strict=False)),
            ("no valley anywhere", not _has_valley(_BACKGROUND_PER_JOINT_PIXEL)),
        ]),
        checked("1 to 1: a valley between the classes holds the boundary", [
            *((f"{mp.nstr(value, 3)} against 0", bool(_density(value, 1) > balanced)) for value in (-a / 4, a / 4)),
            ("a valley", _has_valley(1)),
        ]),
    ))


def _apply(affine, point):
    (a, b, c), (d, e, f) = affine
    x, y = point
    return a * x + b * y + c, d * x + e * y + f


def _inverse(affine):
    (a, b, c), (d, e, f) = affine
    determinant = a * e - b * d
    a, b, d, e = e / determinant, -b / determinant, -d / determinant, a / determinant
    return (a, b, -(a * c + b * f)), (d, e, -(d * c + e * f))


def _view(scale, cosine, sine, shift_x, shift_y, flip=1):
    """Scale, rotation, flip and shift of an augmentation."""
    return (flip * scale * cosine, -scale * sine, shift_x), (flip * scale * sine, scale * cosine, shift_y)


def _gaussian(point, centre, width):
    squared_distance = sum((one - other) ** 2 for one, other in zip(point, centre, strict=True))
    return mp.exp(-exact(squared_distance) / (2 * exact(width) ** 2))


@witness
def map_between_views() -> Outcome:
    """Fig. 1: "T_{e→h} maps the two heatmaps of the augmented images", here T_h after the inverse of T_e."""
    low, high = _SCALES
    views = [
        (low, _view(low, Fraction(3, 5), Fraction(4, 5), 7, -2)),
        (high, _view(high, Fraction(12, 13), Fraction(-5, 13), Fraction(1, 3), 4, flip=-1)),
        (Fraction(1), _view(Fraction(1), 1, 0, 0, 0)),
    ]
    positions, drawn, widened = [], [], []
    for (easy_scale, easy), (hard_scale, hard), joint in product(views, views, ((0, 0), (31, 5), (-12, 40))):
        words = f"joint {joint}, scale {easy_scale} to {hard_scale}"
        on_easy, on_hard = _apply(easy, joint), _apply(hard, joint)
        positions.append((words, _apply(hard, _apply(_inverse(easy), on_easy)) == on_hard))
        pixel = (on_hard[0] + 1, on_hard[1] - 2)
        warped = _gaussian(_apply(easy, _apply(_inverse(hard), pixel)), on_easy, _SIGMA)
        drawn.append((words, equal(warped, _gaussian(pixel, on_hard, _SIGMA))))
        widened.append((words, equal(warped, _gaussian(pixel, on_hard, _SIGMA * hard_scale / easy_scale))))
    return Outcome(
        (
            checked("the positions of the joints", positions),
            checked("the heatmaps, each drawn with Gaussians of 2 pixels", drawn),
        ),
        (
            checked("the positions of the joints", positions),
            checked("the Gaussians, their width times the ratio of the scales", widened),
            checked("a ratio of 3/5 to 5/3", [
                (f"{low / high} to {high / low}", (low / high, high / low) == (Fraction(3, 5), Fraction(5, 3))),
            ]),
        ),
    )


def _different(joints: int) -> list[Fraction]:
    """P(the draws with replacement are m different joints), m = 0, 1, …: choices of m times maps onto all of them."""
    def onto(chosen: int) -> int:
        return sum((-1) ** left * comb(chosen, left) * (chosen - left) ** _CUTOUTS for left in range(chosen + 1))

    return [Fraction(comb(joints, chosen) * onto(chosen), joints**_CUTOUTS) for chosen in range(_CUTOUTS + 1)]


@witness
def cutout_of_five_joints() -> Outcome:
    """Fig. 5: "“JC 5” represents Joint Cutout Augmentation on five joints", which are drawn with replacement."""
    laws = {name: _different(joints) for name, joints in _JOINTS.items()}
    means = {name: sum(chosen * share for chosen, share in enumerate(law)) for name, law in laws.items()}
    return Outcome(
        (
            checked("five different joints more often than any other number", [
                (f"{name}: with probability {float(law[-1]):.4f}", law[-1] == max(law)) for name, law in laws.items()
            ]),
            checked("always five different joints", [
                (f"{name}: with probability {float(law[-1]):.4f}", law[-1] == 1) for name, law in laws.items()
            ]),
        ),
        (checked("4.45 of 17 and 4.41 of 16 different joints on average, five with probability 0.52 and 0.50", [
            (f"{name}: {float(means[name]):.4f}, {float(law[-1]):.4f}",
             (f"{float(means[name]):.2f}", f"{float(law[-1]):.2f}") == said)
            for (name, law), said in zip(laws.items(), (("4.45", "0.52"), ("4.41", "0.50")), strict=True)
        ]),),
    )
