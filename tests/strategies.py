"""What the property-based tests draw from: the ranges of `gammaprob.domains`, uniformly in the logarithm."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from gammaprob.domains import DELTA, PROBABILITY, SHAPE


def logarithmic(low: float, high: float):
    return st.floats(math.log(low), math.log(high)).map(lambda t: min(max(math.exp(t), low), high))


integers, half_integers = st.integers(1, 1000).map(float), st.integers(1, 200).map(lambda n: n / 2)
shapes = st.one_of(logarithmic(*SHAPE.typical), integers, half_integers)
small_integers = st.integers(1, 64)
gaps = logarithmic(*DELTA.typical)
scales = logarithmic(1e-3, 1e3)
tail_probabilities = logarithmic(PROBABILITY.typical[0], 0.5)


def typical_gaps(shape: float):
    """Gaps of the size that occur at this shape, from far below the standard deviation √(2k) to far beyond."""
    return logarithmic(1e-3, 30.0).map(lambda factor: factor * math.sqrt(2.0 * shape))
