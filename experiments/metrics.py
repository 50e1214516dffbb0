"""How well poses were found: PCK and PCKh by their official and the release's rules, AUC, and tests over seeds.

A joint is found when its error, in units of the person's reference length, stays under a threshold. The reference is
the torso (PCK, Yang and Ramanan 2013) or the head (PCKh, Andriluka et al. 2014). Values are shares between 0 and 1;
`table` prints percent. NumPy alone, no loop over images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from gammaprob.errors import ArgumentError, BroadcastError, DomainError

__all__ = [
    "OPTIONS", "PCK", "PROTOCOLS", "PairedComparison", "Swaps", "auc", "columns", "paired_comparison", "pck", "pckh",
    "per_image_hits", "swaps", "table", "torso_length",
]  # fmt: skip

PROTOCOLS = ("official", "release")
MPII_UNSCORED = (6, 7)  # pelvis and thorax: MPII's benchmark leaves them out
HEAD_FACTOR = 0.6  # the head size is this share of the diagonal of the head box

# By the name that a data set gives its metric: what `pck`, `per_image_hits` and `auc` take. Only PCKh is strict.
OPTIONS: Mapping[str, Mapping] = MappingProxyType({
    "PCK@0.2": MappingProxyType({"threshold": 0.2}),
    "PCKh@0.5": MappingProxyType({"threshold": 0.5, "strict": True, "left_out": MPII_UNSCORED}),
})

# 2^20 sign patterns are a second's work; with more seeds a t-test is close to exact, and stands alone.
MOST_PAIRS = 20
# Of numbers that are added or subtracted: twice MOST_PAIRS additions, each of half an eps.
ROUNDING = MOST_PAIRS * np.finfo(np.float64).eps


@dataclass(frozen=True)
class PCK:
    """How many joints were found of those that count, joint by joint, and the two averages that papers print.

    >>> found = PCK(hits=np.array([3, 1]), counted=np.array([4, 4]), left_out=())
    >>> found.per_joint, found.mean, found.total
    (array([0.75, 0.25]), 0.5, 0.5)
    """

    hits: np.ndarray  # (J,) int64
    counted: np.ndarray  # (J,) int64: joints that are present, of people with a reference length
    left_out: tuple[int, ...]  # joints that enter neither average

    @property
    def per_joint(self) -> np.ndarray:
        """(J,) shares; NaN for a joint that never counts."""
        return _share(self.hits, self.counted)

    @property
    def mean(self) -> float:
        """*Mean*: the unweighted mean of the joints' shares, of those that ever count."""
        averaged = self.per_joint[_averaged(self.left_out, self.counted.size) & (self.counted > 0)]
        return float(averaged.mean()) if averaged.size else float("nan")

    @property
    def total(self) -> float:
        """*Total*: the share of all joints, pooled; NaN where none counts."""
        averaged = _averaged(self.left_out, self.counted.size)
        return float(_share(self.hits[averaged].sum(), self.counted[averaged].sum()))


def pck(
    predicted, joints, present, reference, *, threshold: float = 0.2, strict: bool = False,
    left_out: Sequence[int] = (),
) -> PCK:
    r"""The share of joints found within a part of the reference length.

    .. math:: \mathrm{hit}_{nj} = \Big[\lVert \hat x_{nj} - x_{nj} \rVert / r_n \le t\Big]

    With `strict` the error must stay below the threshold, as PCKh asks. Occluded joints count where they are present;
    a person whose reference is NaN does not count at all.

    Source: Yang and Ramanan 2013; the paper's Table 3 (PCK@0.2 of LSP). `OPTIONS` has the keywords by metric name.

    Arguments: `predicted` and `joints` (N, J, 2) in one unit, pixels; `present` (N, J) bool; `reference` (N,) in the
    same unit, > 0 or NaN; `left_out` the joints that enter neither average.
    Errors: `BroadcastError` for shapes, `ArgumentError` for types, `DomainError` for a position of a counted joint
    that is not finite, for a reference or threshold that is not positive, for a joint that does not exist.

    >>> found = pck([[[0, 0], [9, 0]]], [[[0, 4], [0, 0]]], [[True, True]], [20.0])
    >>> found.hits, found.total
    (array([1, 0]), 0.5)
    """
    hits, counted = _hits(predicted, joints, present, reference, threshold, strict)
    left_out = tuple(int(joint) for joint in left_out)
    _averaged(left_out, counted.shape[1])
    return PCK(hits=hits.sum(0), counted=counted.sum(0), left_out=left_out)


def pckh(predicted, joints, present, head, *, protocol: str = "official") -> PCK:
    """PCKh@0.5 of MPII's 16 joints: the reference is the head size, 0.6 of the diagonal of the head box.

    "official": MPII's benchmark, without pelvis and thorax. "release": as LearningLoss++'s authors released it, with
    the whole diagonal as the head size and all 16 joints; about six points higher for the same predictions.

    Source: Andriluka et al. 2014. `head` (N,) is the head size in pixels with its factor 0.6, as `normalize` in the
    hourglass files; the rest, and the errors, as for `pck`; `DomainError` for another protocol or not 16 joints.

    >>> truth, found = np.zeros((1, 16, 2)), np.full((1, 16, 2), (0.0, 5.0))
    >>> pckh(found, truth, np.ones((1, 16), bool), [9.0]).total          # 5 / 9 of the head size
    0.0
    >>> pckh(found, truth, np.ones((1, 16), bool), [9.0], protocol="release").total      # 5 / 15
    1.0
    """
    _check_protocol(protocol)
    if np.ndim(joints) == 3 and np.shape(joints)[1] != 16:
        raise DomainError("joints", np.shape(joints), "MPII's 16 joints", "use pck for another skeleton")
    options = dict(OPTIONS["PCKh@0.5"])
    if protocol == "release":
        head, options["left_out"] = _real("head", head, 1) / HEAD_FACTOR, ()
    return pck(predicted, joints, present, head, **options)


def per_image_hits(
    predicted, joints, present, reference, *, threshold: float = 0.2, strict: bool = False,
    left_out: Sequence[int] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """How many joints of each image were found, and how many count: both (N,) int64.

    Their sums over any images give the *Total* of those images. Arguments, source and errors as for `pck`.

    >>> per_image_hits([[[0, 0], [9, 0]]], [[[0, 4], [0, 0]]], [[True, True]], [20.0])
    (array([1]), array([2]))
    """
    hits, counted = _hits(predicted, joints, present, reference, threshold, strict)
    averaged = _averaged(left_out, counted.shape[1])
    return (hits & averaged).sum(1), (counted & averaged).sum(1)


def auc(
    predicted, joints, present, reference, *, threshold: float = 0.2, strict: bool = False,
    left_out: Sequence[int] = (),
) -> float:
    r"""The area under the pooled PCK curve from 0 to the threshold, over the threshold: exact, not sampled on a grid.

    .. math:: \frac1t \int_0^t \mathrm{PCK}(s)\,ds = \frac1M \sum_{nj} \max\Big(0, 1 - \frac{e_{nj}}{t}\Big)

    because a joint with the error e is found at every s from e on. It takes the keywords of `pck`, so that `OPTIONS`
    serves both; `strict` changes nothing, single points have no area. Arguments and errors as for `pck`; NaN where no
    joint counts.

    >>> auc([[[0, 0], [9, 0]]], [[[0, 1], [0, 0]]], [[True, True]], [20.0])      # errors 0.05 and 0.45
    0.375
    """
    errors, counted = _errors(predicted, joints, present, reference, threshold)
    counted = counted & _averaged(left_out, counted.shape[1])
    return float(_share(np.maximum(0.0, 1.0 - errors[counted] / threshold).sum(), counted.sum()))


@dataclass(frozen=True)
class Swaps:
    """How many predictions were held against the mirrored joint, and how many of them lie with it.

    >>> Swaps(8, 3, 2, 1).share
    0.25
    """

    compared: int  # joints that count and whose mirrored joint is present
    nearer: int  # of these: nearer to the mirrored joint than to its own, a hit or not
    swapped: int  # of these: no hit, and nearer to the mirrored joint than to its own
    on_mirrored: int  # of these: a hit of the mirrored joint

    @property
    def share_nearer(self) -> float:
        """nearer / compared; NaN where nothing was compared."""
        return float(_share(self.nearer, self.compared))

    @property
    def share(self) -> float:
        """swapped / compared; NaN where nothing was compared."""
        return float(_share(self.swapped, self.compared))

    @property
    def share_on_mirrored(self) -> float:
        """on_mirrored / compared; NaN where nothing was compared."""
        return float(_share(self.on_mirrored, self.compared))


def swaps(
    predicted, joints, present, reference, mirror: Sequence[int], *, among=None, threshold: float = 0.2,
    strict: bool = False, left_out: Sequence[int] = (),
) -> Swaps:
    r"""Left-right confusion: predictions that lie with the mirrored joint, such as the left knee of a right one.

    Held against its mirrored joint j' is every joint j that counts, whose j' is another joint and present. It is

    .. math:: \text{swapped where} \quad \lVert \hat x_j - x_j \rVert \text{ is no hit}, \quad
              \lVert \hat x_j - x_{j'} \rVert < \lVert \hat x_j - x_j \rVert

    A hit is no confusion, even where it is nearer to the mirrored joint (`nearer` counts it): there both lie within the
    threshold of each other. Half of the predictions that lie anywhere are nearer to the mirrored joint; `on_mirrored`
    counts those that are a hit of it, which few are by chance.

    Source: Anchor Loss, Section 1 and Fig. 1 (the confusion; the count is ours). `mirror` is `Skeleton.swap`; `among`
    (N, J) bool, the joints asked about, all unless given; the rest, and the errors, as for `pck`, with `DomainError`
    for a mirror that is no permutation of the joints.

    >>> truth, found = [[[0, 0], [30, 0]]], [[[28, 0], [16, 0]]]      # the first on the second; the other one between
    >>> swaps(found, truth, [[True, True]], [20.0], (1, 0))
    Swaps(compared=2, nearer=1, swapped=1, on_mirrored=1)
    """
    joints, present = _poses(("joints", joints), ("present", present))
    mirror, own = np.asarray(mirror), np.arange(present.shape[1])
    if not np.array_equal(np.sort(mirror), own):
        raise DomainError("mirror", mirror.tolist(), f"each joint from 0 to {own.size - 1} once", "pass Skeleton.swap")
    both = present & present[:, mirror] & _averaged(left_out, own.size) & (mirror != own)
    both &= True if among is None else among
    of_own, counted = _errors(predicted, joints, both, reference, threshold)
    of_mirrored, _ = _errors(predicted, joints[:, mirror], both, reference, threshold)
    missed, nearer = counted & ~_within(of_own, threshold, strict), counted & (of_mirrored < of_own)
    return Swaps(int(counted.sum()), int(nearer.sum()), int((missed & nearer).sum()),
                 int((missed & _within(of_mirrored, threshold, strict)).sum()))


def torso_length(joints, present, diagonals, *, protocol: str = "official") -> np.ndarray:
    """The torso of each person in the unit of the joints, (N,) float64; NaN where a joint that it needs is not known.

    "official": left shoulder to right hip, `diagonals[0]`. "release": the larger of both diagonals, which needs all
    four joints. Coordinates of joints that are not present are meaningless in real files and never read.

    `diagonals` is `Skeleton.torso`, two pairs of joints; `joints` and `present` as for `pck`, and so are the errors.
    A torso of length 0 is no measure and counts as unknown.

    >>> from experiments.data.skeleton import LSP
    >>> joints, present = np.zeros((1, 14, 2)), np.ones((1, 14), bool)
    >>> joints[0, 9], joints[0, 8] = (30, 40), (0, 60)
    >>> torso_length(joints, present, LSP.torso), torso_length(joints, present, LSP.torso, protocol="release")
    (array([50.]), array([60.]))
    >>> present[0, 3] = False                                          # the left hip
    >>> torso_length(joints, present, LSP.torso), torso_length(joints, present, LSP.torso, protocol="release")
    (array([50.]), array([nan]))
    """
    _check_protocol(protocol)
    joints, present = _poses(("joints", joints), ("present", present))
    pairs = np.asarray(diagonals[:1] if protocol == "official" else diagonals)
    known = present[:, pairs.ravel()].all(1)
    length = np.full(len(joints), np.nan)
    length[known] = _lengths(joints[known][:, pairs[:, 0]] - joints[known][:, pairs[:, 1]]).max(1)
    return np.where(length > 0, length, np.nan)


def columns(joints: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The columns of papers' tables: each name without its side, and the one or two joints that it averages.

    `DomainError` where there is no joint. Source: the bearpaw and Newell tables, whose columns are means of both sides.

    >>> columns(["right knee", "left knee", "head top"])
    {'knee': (0, 1), 'head top': (2,)}
    """
    if not joints:
        raise DomainError("joints", joints, "names of joints", "pass Skeleton.joints")
    found: dict[str, tuple[int, ...]] = {}
    for place, joint in enumerate(joints):
        name = joint.removeprefix("left ").removeprefix("right ")
        found[name] = (*found.get(name, ()), place)
    return found


def table(results: Mapping[str, PCK], joints: Sequence[str]) -> str:
    """Per-joint results as Markdown, in percent: a row a result, a column a kind of joint, then Mean and Total.

    A column is the mean of left and right; joints that a result leaves out of its averages show a dash, and so do
    joints that never count. `BroadcastError` for a result of another number of joints.

    >>> found = PCK(hits=np.array([3, 1]), counted=np.array([4, 4]), left_out=())
    >>> print(table({"ours": found}, ["right knee", "left knee"]))
    | | Knee | Mean | Total |
    |---|---:|---:|---:|
    | ours | 50.00 | 50.00 | 50.00 |
    """
    groups = columns(joints)
    lines = ["| | " + " | ".join((*(name.capitalize() for name in groups), "Mean", "Total")) + " |",
             "|---|" + "---:|" * (len(groups) + 2)]
    for label, result in results.items():
        if result.counted.size != len(joints):
            raise BroadcastError(label, result.counted.shape, f"{len(joints)} joints", "pass the skeleton's own names")
        shares = [np.nan if set(places) <= set(result.left_out) else result.per_joint[list(places)].mean()
                  for places in groups.values()]
        cells = ["–" if np.isnan(share) else f"{100 * share:.2f}" for share in (*shares, result.mean, result.total)]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


@dataclass(frozen=True)
class PairedComparison:
    """Two methods over the same seeds: the mean of a − b, its spread, and how surprising it is if neither is better.

    >>> PairedComparison(3, 0.02, 0.01, 0.01 / 3**0.5, 0.0742, 0.25).smallest
    0.25
    """

    pairs: int
    difference: float  # mean of a − b, in the unit of a and b
    sd: float  # of the differences, with pairs − 1
    standard_error: float  # of their mean
    t_p: float  # two-sided, paired t; NaN where all differences are equal
    sign_flip_p: float  # two-sided, exact; NaN of more than 20 pairs

    @property
    def smallest(self) -> float:
        """The smallest p-value that a sign-flip test of so many pairs can give."""
        return 2.0 ** (1 - self.pairs)


def paired_comparison(a, b) -> PairedComparison:
    r"""Compare two methods that ran with the same seeds, one number a seed: paired t-test and exact sign-flip test.

    The sign-flip test asks nothing of the distribution: were the methods alike, each difference could as well have the
    other sign, so that p is the share of the :math:`2^n` sign patterns whose mean is as far from 0 as the one seen.
    Hence no p-value below :math:`2^{1-n}`: 0.25 with 3 seeds, 0.0625 with 5. With fewer than 6 seeds it can never fall
    below 0.05, however clear the difference: give the difference and its standard error then, not a verdict. The
    t-test can fall lower because it takes the differences for normal, which so few of them cannot show.

    Source: Fisher 1935, *The Design of Experiments*, section 21; `scipy.stats.t`. Arguments: `a`, `b` (n,), entry by
    entry of one seed. Errors: `BroadcastError` for shapes, `ArgumentError` for types, `DomainError` for a number that
    is not finite, or for fewer than 2 pairs. Of more than 20 pairs there is no sign-flip test.

    >>> found = paired_comparison([0.61, 0.63, 0.65], [0.60, 0.61, 0.62])
    >>> found.difference, found.standard_error, found.t_p, found.sign_flip_p
    (0.02, 0.00577, 0.0742, 0.25)
    """
    from scipy.stats import t as student  # takes a second to load, and only reports ask for it

    a, b = _real("a", a, 1), _real("b", b, 1)
    if a.shape != b.shape:
        raise BroadcastError("b", b.shape, f"the shape of a, {a.shape}", "pass one number a seed for both")
    if a.size < 2:
        raise DomainError("a", a.size, "at least 2 pairs", "run more seeds")
    if not np.isfinite([a, b]).all():
        raise DomainError("a and b", [a.tolist(), b.tolist()], "finite numbers", "leave out the seeds that failed")
    differences = a - b
    mean, sd = differences.mean(), differences.std(ddof=1)
    error = sd / np.sqrt(a.size)
    # Differences that are equal but for rounding have no spread to divide by.
    spread = sd > ROUNDING * max(np.abs(a).max(), np.abs(b).max())
    return PairedComparison(
        pairs=a.size, difference=float(mean), sd=float(sd), standard_error=float(error),
        t_p=float(2 * student.sf(abs(mean) / error, a.size - 1)) if spread else float("nan"),
        sign_flip_p=_sign_flip(differences) if a.size <= MOST_PAIRS else float("nan"),
    )


def _sign_flip(differences: np.ndarray) -> float:
    """The share of all sign patterns whose sum is, in size, at least the one seen."""
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate([sums + difference, sums - difference])
    # The pattern seen must count as well as its mirror image, whatever the order of addition rounds.
    return float(np.mean(np.abs(sums) >= abs(differences.sum()) - ROUNDING * np.abs(differences).sum()))


# --- what is shared ---------------------------------------------------------------------------------------------------

def _hits(predicted, joints, present, reference, threshold, strict) -> tuple[np.ndarray, np.ndarray]:
    """Which joints were found, and which count: both (N, J)."""
    errors, counted = _errors(predicted, joints, present, reference, threshold)
    return _within(errors, threshold, strict), counted


def _within(errors: np.ndarray, threshold: float, strict: bool) -> np.ndarray:
    """Which errors are hits; a NaN, of a joint that does not count, is none."""
    return errors < threshold if strict else errors <= threshold


def _errors(predicted, joints, present, reference, threshold) -> tuple[np.ndarray, np.ndarray]:
    """Errors in units of the reference, and which of them count: both (N, J); the others are NaN."""
    predicted, joints, present = _poses(("predicted", predicted), ("joints", joints), ("present", present))
    reference = _real("reference", reference, 1)
    if reference.shape != joints.shape[:1]:
        raise BroadcastError("reference", reference.shape, f"{joints.shape[:1]}", "pass one length an image")
    if not ((reference > 0) & np.isfinite(reference) | np.isnan(reference)).all():
        bad = reference[~(reference > 0) | np.isinf(reference)]
        raise DomainError("reference", bad[~np.isnan(bad)][0], "finite lengths > 0, or NaN", "NaN says: no reference")
    if not (isinstance(threshold, (int, float)) and 0 < threshold < np.inf):
        raise DomainError("threshold", threshold, "a finite number > 0", "0.2 is PCK's, 0.5 is PCKh's")
    counted = present & ~np.isnan(reference)[:, None]
    for name, points in (("predicted", predicted), ("joints", joints)):
        finite = np.isfinite(points).all(2) | ~counted
        if not finite.all():
            image, joint = np.argwhere(~finite)[0].tolist()
            raise DomainError(
                f"{name}[{image}, {joint}]", points[image, joint].tolist(), "finite coordinates",
                "look where the positions come from, or mark the joint as not present",
            )
    errors = np.full(counted.shape, np.nan)
    # only where they count: elsewhere a file may hold anything, infinities too
    errors[counted] = _lengths(predicted[counted] - joints[counted]) / np.repeat(reference, counted.sum(1))
    return errors, counted


def _lengths(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt((vectors * vectors).sum(-1))


def _poses(*named) -> list[np.ndarray]:
    """Positions (N, J, 2) as float64 and, last, presence (N, J) as bool; of one N and J."""
    found = [_real(name, value, 3) for name, value in named[:-1]]
    name, present = named[-1][0], np.asarray(named[-1][1])
    if present.dtype != bool:
        raise ArgumentError(name, present.dtype, "an array of bool", "compare the file's flags with what they mean")
    for (label, _), array in zip(named, found):
        if array.shape != (*present.shape, 2):
            raise BroadcastError(label, array.shape, f"{(*present.shape, 2)}", "pass x, y for every entry of present")
    return [*found, present]


def _real(name: str, value, axes: int) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise ArgumentError(name, array.dtype, "an array of real numbers", f"convert {name} to float")
    if array.ndim != axes:
        raise BroadcastError(name, array.shape, f"{axes} axes", "see the shapes in the docstring")
    return array.astype(np.float64, copy=False)


def _averaged(left_out: Sequence[int], joints: int) -> np.ndarray:
    """(J,) bool: the joints that enter the averages."""
    if not all(0 <= joint < joints for joint in left_out):
        raise DomainError("left_out", left_out, f"joints from 0 to {joints - 1}", "pass places in Skeleton.joints")
    return ~np.isin(np.arange(joints), left_out)


def _share(part, whole):
    """part / whole, NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def _check_protocol(protocol) -> None:
    if protocol not in PROTOCOLS:
        raise DomainError("protocol", protocol, "one of " + ", ".join(map(repr, PROTOCOLS)), "pass one of them")
