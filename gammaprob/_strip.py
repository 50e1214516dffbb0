"""The probability of a strip δ_1 < Y − X ≤ δ_2, by whichever of three ways loses nothing.

Apart by more than a factor of two in F or in S, the difference of two probabilities costs at most a bit; across zero,
two probabilities are added; and in between, where they would cancel, the density is integrated over log s with
Gauss-Legendre nodes.
"""

from __future__ import annotations

import numpy as np

from gammaprob import _plan
from gammaprob._blocks import in_blocks
from gammaprob._evaluate import evaluate
from gammaprob.domains import DELTA, SCALE, SHAPE, real_arrays
from gammaprob.errors import DomainError

__all__ = ["strip"]

# Large enough for a plan to pay, and small enough for the nodes of a block, a few dozen an element, to be no burden.
_BLOCK = _plan.PLAN_FROM
# On a panel of this length in log s, s·p(s) is interpolated by 16 nodes to rounding: where neither F nor S doubles, its
# exponent changes by less than about 2 over the panel.
_PANEL = 0.5
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


def strip(delta_1, delta_2, shape, scale):
    """P(δ_1 < Y − X ≤ δ_2), broadcast over all arguments."""
    arrays, out_shape = real_arrays(
        ("delta_1", delta_1, DELTA), ("delta_2", delta_2, DELTA), ("shape", shape, SHAPE), ("scale", scale, SCALE)
    )
    if out_shape == () and arrays[1] < arrays[0]:
        raise DomainError("delta_2", float(arrays[1]), f"a real number >= delta_1 = {arrays[0]}", "swap the two")
    result = np.empty(out_shape)
    with np.errstate(all="ignore"), in_blocks(arrays, result, _BLOCK) as blocks:
        for *block, values in blocks:
            values[...] = _strips(*block)
    return result[()]


def _strips(low, high, k, theta):
    near, far = np.minimum(np.abs(low), np.abs(high)), np.maximum(np.abs(low), np.abs(high))
    cdf_near, cdf_far = (evaluate("cdf", gap, k, theta) for gap in (near, far))
    sf_near, sf_far = (evaluate("sf", gap, k, theta) for gap in (near, far))
    across = (low < 0.0) & (high > 0.0)
    twice = np.where(across, cdf_near + cdf_far, np.where(cdf_far <= 0.5, cdf_far - cdf_near, sf_near - sf_far))
    narrow = ~across & (cdf_near > 0.5 * cdf_far) & (sf_far > 0.5 * sf_near) & (high > low) & (near > 0.0)
    if narrow.any():
        twice[narrow] = _integral(near[narrow], (high - low)[narrow], k[narrow], theta[narrow])
    twice[~(high >= low)] = np.nan
    return 0.5 * twice


def _integral(near, width, k, theta):
    """∫ p over [near, near + width], through the width, which is exact where the two ends nearly agree."""
    length = np.log1p(width / near)
    panels = np.ceil(length / _PANEL).astype(np.int64)
    owner = np.repeat(np.arange(near.size), panels)
    place = np.arange(owner.size) - np.repeat(np.cumsum(panels) - panels, panels)
    step = (length / panels)[owner]
    s = near[owner, None] * np.exp(step[:, None] * (place[:, None] + 0.5 * (1.0 + _NODES)))
    density = evaluate("pdf", s, k[owner, None], theta[owner, None])
    return np.bincount(owner, weights=0.5 * step * ((s * density) @ _WEIGHTS), minlength=near.size)
