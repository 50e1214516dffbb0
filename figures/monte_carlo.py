"""Monte Carlo against the exact value: its error over the number of draws, with the standard errors around it.

Each dot is a run of its own (`gammaprob.monte_carlo`), so that the share of dots inside a band is the band's coverage.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gammaprob import certified, monte_carlo

__all__ = ["SOURCE", "TITLE", "Data", "caption", "compute", "draw"]

TITLE = "Convergence of Monte Carlo"
SOURCE = "ours"
DELTA, SHAPE, SCALE = "0.1", 4, "0.066"  # decimals as in the paper's tables, taken exactly
DRAWS = (100, 316, 1000, 3162, 10_000, 31_623, 100_000)
SEEDS = range(48)
DIGITS = 12  # significant digits that the kernel is compared at
QUANTITIES = ("gap_cdf", "expected_target")
_SYMBOLS = ("P(|X − Y| ≤ 0.1)", "φ(0.1)")


class Data(NamedTuple):
    """What is drawn. Values are shares and targets, without unit; the quantities are those of QUANTITIES."""

    exact: np.ndarray  # (quantities,) certified values
    draws: np.ndarray  # (sizes,) draws of a run
    errors: np.ndarray  # (quantities, seeds, sizes) estimate − exact
    standard_errors: np.ndarray  # (quantities, seeds, sizes) as each run tells its own
    deviation: np.ndarray  # (quantities,) standard deviation of one draw, from all runs
    coverage: np.ndarray  # (quantities, 2) share of runs within one and within two of their own standard errors
    needed: np.ndarray  # (quantities,) draws for a standard error of half a unit of the last digit


def compute() -> Data:
    """Runs of every size and seed; the standard deviation of a draw is pooled over them.

    >>> round(_needed(0.44, 0.5) * 1e-24, 6)
    1.0
    """
    exact = np.array([float(getattr(certified, name)(DELTA, shape=SHAPE, scale=SCALE).lower) for name in QUANTITIES])
    runs = [[[getattr(monte_carlo, name)(float(DELTA), shape=SHAPE, scale=float(SCALE), seed=(seed, size), draws=size)
              for size in DRAWS] for seed in SEEDS] for name in QUANTITIES]
    errors = np.array([[[run.mean for run in row] for row in rows] for rows in runs]) - exact[:, None, None]
    standard_errors = np.array([[[run.standard_error for run in row] for row in rows] for rows in runs])
    draws = np.array(DRAWS)
    # One draw has the variance n·s², of which each run has an estimate as good as its n.
    deviation = np.sqrt((draws**2 * standard_errors**2).sum(axis=(1, 2)) / (draws.sum() * len(SEEDS)))
    scores = np.abs(errors / standard_errors)
    coverage = np.stack([(scores <= width).mean(axis=(1, 2)) for width in (1, 2)], axis=1)
    needed = np.array([_needed(value, spread) for value, spread in zip(exact, deviation, strict=True)])
    return Data(exact, draws, errors, standard_errors, deviation, coverage, needed)


def _needed(exact: float, deviation: float) -> float:
    """Draws at which the standard error is half a unit of the last of DIGITS significant digits."""
    half_unit = 0.5 * 10.0 ** (np.floor(np.log10(exact)) + 1 - DIGITS)
    return float((deviation / half_unit) ** 2)


def draw(data: Data):
    """Left the errors in standard errors, right their size, on the way to the kernel's digits."""
    from figures import _style

    figure, panels = _style.sheet(2, 2, height=5.2, width_ratios=(1, 1.2), sharex="col")
    draws = np.broadcast_to(data.draws, data.errors[0].shape)
    for row, ((scores, sizes), symbol) in enumerate(zip(panels, _SYMBOLS, strict=True)):
        look = {"color": f"C{row}", "marker": "os"[row], "markersize": 2.2, "linestyle": "none"}
        for width, alpha in ((2, 0.12), (1, 0.2)):
            scores.axhspan(-width, width, color=look["color"], alpha=alpha, linewidth=0)
        scores.plot(draws, data.errors[row] / data.standard_errors[row], **look)
        one, two = 100 * data.coverage[row]
        scores.annotate(f"{one:.0f} % within ±1, {two:.0f} % within ±2", (0.5, 0.03), xycoords="axes fraction",
                        ha="center")
        scores.set_xscale("log")
        scores.set_ylim(-4.6, 4.2)
        scores.set_ylabel("error (standard errors of the run)")
        scores.set_title(f"{symbol}, k = {SHAPE}, Θ = {SCALE}: {len(SEEDS)} runs a size")

        needed, spread = data.needed[row], data.deviation[row]
        level = spread / np.sqrt(needed)
        reach = np.array([data.draws[0], 30 * needed])
        sizes.plot(draws, np.abs(data.errors[row]), **look)
        for width, style in ((1, "-"), (2, "--")):
            sizes.plot(reach, width * spread / np.sqrt(reach), style, color=_style.ink(), linewidth=0.8)
        sizes.annotate(f"1 and 2 standard errors,\n{spread:.3g}/√n and twice that", (1e11, 2 * spread / 10**5.5),
                       (6, 4), textcoords="offset points")
        sizes.plot([data.draws[0], needed], [level] * 2, ":", color=look["color"])
        sizes.plot(needed, level, "*", color=look["color"], markersize=9)
        sizes.annotate(f"the kernel's {DIGITS} digits:\nn = {_power_of_ten(needed)}", (data.draws[0], level), (0, 4),
                       textcoords="offset points", color=look["color"])
        sizes.set_xscale("log")
        sizes.set_yscale("log")
        sizes.set_ylim(level / 20, 2)
        sizes.set_ylabel("|estimate − exact| (no unit)")
        sizes.set_title(f"The same, on the way to {DIGITS} digits")
    for axes in panels[1]:
        axes.set_xlabel("draws n of a run")
    return figure


def _power_of_ten(number: float) -> str:
    """The number to two digits, as print has it: 9.9·10²³."""
    digits, exponent = f"{number:.1e}".split("e")
    return f"{digits}·10{str(int(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def caption(data: Data) -> str:
    """What to see, in words."""
    inside = " and ".join(f"{one:.0f} % and {two:.0f} % (of {symbol})"
                          for symbol, (one, two) in zip(_SYMBOLS, 100 * data.coverage, strict=True))
    return (
        f"Errors of {data.errors[0].size} simulations each of {' and '.join(_SYMBOLS)} at k = {SHAPE}, Θ = {SCALE}, "
        f"with {data.draws[0]:,} to {data.draws[-1]:,} draws a run. Within one and two of its own standard errors lie "
        f"{inside} of the runs; of a normal variable it is 68 % and 95 %. The error falls as 1/√n, with a standard "
        f"deviation of {data.deviation[0]:.3g} and {data.deviation[1]:.3g} for one draw: half a unit of the "
        f"{DIGITS}th digit, which the kernel has right, is one standard error at n = {_power_of_ten(data.needed[0])} "
        f"and {_power_of_ten(data.needed[1])}."
    )
