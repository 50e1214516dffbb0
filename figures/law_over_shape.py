"""The law of the gap from shape 0.02 to 100 on one scale: P(|X − Y| ≤ δ) and φ(δ).

Y − X has standard deviation √(2k)·Θ, so that gaps of x = δ/(√(2k)·Θ) compare between shapes and need no scale. Above
the law against the gap, below against the shape: lines for real shapes, dots for the integers of the paper's formulas.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gammaprob import expected_target, gap_cdf

__all__ = ["SOURCE", "TITLE", "Data", "caption", "compute", "draw"]

TITLE = "The law over shape"
SOURCE = "ours"
SHAPES = (0.5, 1.0, 2.82, 10.0, 100.0)  # 2.82: fitted to the losses of a real pose network
LEVELS = (0.25, 0.5, 1.0, 2.0)
DOTS = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 40, 60, 80, 100)
SMALL, LARGE = 0.15, 8.0  # shapes up to and from which the first orders are drawn
_STYLES = (":", "-.", (0, (5, 1.5)), (0, (3, 1, 1, 1, 1, 1)), "-")
_MARKERS = ("o", "s", "^", "D")


class Data(NamedTuple):
    """What is drawn. Gaps are in standard deviations of Y − X; probabilities and targets have no unit."""

    gaps: np.ndarray  # (points,) gaps of the upper panels
    cdf: np.ndarray  # (SHAPES, points) P(|X − Y| ≤ δ)
    target: np.ndarray  # (SHAPES, points) φ(δ)
    normal: np.ndarray  # (points,) limit of P for k → ∞
    shapes: np.ndarray  # (real shapes,) of the lower panels
    cdf_over_shape: np.ndarray  # (LEVELS, real shapes)
    target_over_shape: np.ndarray  # (LEVELS, real shapes)
    cdf_at_integers: np.ndarray  # (LEVELS, DOTS)
    target_at_integers: np.ndarray  # (LEVELS, DOTS)
    normal_levels: np.ndarray  # (LEVELS,) limits of P for k → ∞
    cdf_small: np.ndarray  # (LEVELS, real shapes) first order of P for k → 0
    target_large: np.ndarray  # (LEVELS, real shapes) first order of φ for k → ∞


def compute() -> Data:
    """The law at scale 1, where the standard deviation of Y − X is √(2k), and its first orders at either end.

    Y − X tends to a normal variable for k → ∞. For k → 0 the gap has density 2k e^−z/z away from 0, so that
    P = 1 − 2k E₁(z) + O(k²); and for k → ∞, with X + Y near 2k, φ = ½ − E[δ/2(X + Y)] = ½ − x/2√(2k) + O(k^−3/2).

    >>> data = compute()
    >>> data.cdf.shape, bool(np.ptp(data.cdf_at_integers[1]) < np.ptp(data.cdf_over_shape[1]))
    ((5, 401), True)
    >>> caption(data)[:61]
    'The law at one scale for all shapes: gaps in units of √(2k)·Θ'
    """
    from scipy.special import erf, exp1

    gaps = np.linspace(0.0, 3.0, 401)
    shape = np.array(SHAPES)[:, np.newaxis]
    shapes = np.geomspace(0.02, 100, 200)
    level = np.array(LEVELS)[:, np.newaxis]
    return Data(
        gaps, *_law(gaps, shape), erf(gaps / np.sqrt(2)), shapes, *_law(level, shapes), *_law(level, np.array(DOTS)),
        erf(level[:, 0] / np.sqrt(2)), 1.0 - 2.0 * shapes * exp1(level * np.sqrt(2 * shapes)),
        0.5 - level / (2.0 * np.sqrt(2 * shapes)),
    )  # fmt: skip


def _law(gaps: np.ndarray, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P and φ at gaps in standard deviations of Y − X."""
    delta = gaps * np.sqrt(2.0 * shape)
    return gap_cdf(delta, shape=shape, scale=1.0), expected_target(delta, shape=shape, scale=1.0)


def draw(data: Data):
    """Above against the gap, below against the shape; left P, right φ. `compute` has the example."""
    from figures import _style

    figure, ((cdf, target), (cdf_over, target_over)) = _style.sheet(2, 2, height=5.6)
    shades = _style.sequential()(np.linspace(0.33, 0.8, len(SHAPES)))
    reference = {"color": _style.ink(), "linewidth": 0.9}
    for axes, curves in ((cdf, data.cdf), (target, data.target)):
        for values, shape, style, shade in zip(curves, SHAPES, _STYLES, shades, strict=True):
            axes.plot(data.gaps, values, color=shade, linestyle=style, label=f"k = {shape:g}")
        axes.set_xlabel("x = δ/(√(2k)·Θ), standard deviations of Y − X")
        axes.set_xlim(0, 3)
    cdf.plot(data.gaps, data.normal, **reference, label="normal limit, k → ∞")
    cdf.legend(loc="lower right")
    for values, shape in zip(data.target, SHAPES, strict=True):
        target.annotate(f"k = {shape:g}", (3.0, values[-1]), (4, 0), textcoords="offset points",
                        va="top" if shape == SHAPES[0] else "center")  # the two lowest end close together
    target.axhline(0.5, **reference)
    target.annotate("k → ∞", (3.0, 0.5), (4, 0), textcoords="offset points", va="center")

    small, large = data.shapes <= SMALL, data.shapes >= LARGE
    for place, (level, marker) in enumerate(zip(LEVELS, _MARKERS, strict=True)):
        colour = f"C{place}"
        for axes, values, dots in ((cdf_over, data.cdf_over_shape, data.cdf_at_integers),
                                   (target_over, data.target_over_shape, data.target_at_integers)):
            axes.plot(data.shapes, values[place], color=colour)
            axes.plot(DOTS, dots[place], marker, color=colour, markersize=3.5, label=f"x = {level:g}")
        cdf_over.plot([LARGE, 100], [data.normal_levels[place]] * 2, linestyle="--", **reference)
        cdf_over.plot(data.shapes[small], data.cdf_small[place][small], linestyle=":", **reference)
        target_over.plot(data.shapes[large], data.target_large[place][large], linestyle="--", **reference)
    target_over.legend(loc="lower right")
    for axes, name in ((cdf, "Share of pairs within a gap"), (target, "Expected target at a gap"),
                       (cdf_over, "The same over the shape, at four gaps x"),
                       (target_over, "The same; dots: integer shapes")):
        left = axes in (cdf, cdf_over)
        axes.set_ylabel("P(|X − Y| ≤ δ)" if left else "expected target φ(δ)")
        axes.set_ylim(0, 1.02 if left else 0.52)
        axes.set_title(name)
    for axes in (cdf_over, target_over):
        axes.set_xscale("log")
        axes.set_xlim(0.02, 100)
        axes.set_xlabel("shape k (no unit)")
    return figure


def caption(data: Data) -> str:
    """What to see, in words; `compute` has the example."""
    near = 100 * data.cdf_at_integers[0, [0, -1]]
    far = 100 - 100 * data.cdf_at_integers[-1, [0, -1]]
    rising = data.target_at_integers[LEVELS.index(1.0), [0, -1]]
    return (
        f"The law at one scale for all shapes: gaps in units of √(2k)·Θ, the standard deviation of Y − X. At k = "
        f"{DOTS[0]} more pairs are near and more are far than at k = {DOTS[-1]}: {near[0]:.1f} % against {near[1]:.1f} "
        f"% lie within {LEVELS[0]:g} standard deviations ({100 * data.normal_levels[0]:.1f} % in the normal limit), "
        f"{far[0]:.1f} % against {far[1]:.1f} % beyond {LEVELS[-1]:g}. The expected target has no such common curve: "
        f"at a gap of one standard deviation it rises from {rising[0]:.3f} at k = {DOTS[0]} to {rising[1]:.3f} at k = "
        f"{DOTS[-1]}, towards ½, since the gap becomes small beside the losses. Dashed: the normal limit, and "
        f"½ − x/(2√(2k)); dotted: 1 − 2k E₁(√(2k)·x), the first order for k → 0."
    )
