"""Where the gradient of Anchor Loss crosses that of the cross-entropy: against Eq. 14 in many digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradients import closed_form
from tests.derivatives import DIGITS, UNIT, disagreements
from tests.strategies import logarithmic


def larger_than_cross_entropy(q, anchor, gamma) -> bool:
    """Eq. 14 against 1/(1 − q), in 50 digits."""
    m = 1 + q - anchor
    return m ** (gamma - 1) * (m / (1 - q) - gamma * mpmath.log(1 - q)) > 1 / (1 - q)


@given(
    anchor=st.one_of(st.just(1.0), st.floats(1e-3, 1.0), logarithmic(1e-12, 0.5)),
    gamma=st.one_of(logarithmic(1e-12, 1e4), st.sampled_from([0.5, 1.0, 2.0])), t=st.floats(0.0, 1.0, exclude_max=True),
)
def test_gradient_crossing_separates(anchor, gamma, t):
    crossing = closed_form.gradient_crossing(anchor, gamma=gamma)
    assert 0.5 * anchor * (1 - 1e-12) < crossing < anchor
    with mpmath.workdps(DIGITS):
        a, g, q = mpmath.mpf(anchor), mpmath.mpf(gamma), mpmath.mpf(crossing)
        step = mpmath.mpf(2) ** -40
        assert not larger_than_cross_entropy(q * (1 - step), a, g)
        assert larger_than_cross_entropy(q + (1 - q) * q * step, a, g)
        # The sign changes there and nowhere else.
        assert not larger_than_cross_entropy(q * (1 - step) * mpmath.mpf(max(t, 1e-9)), a, g)
        assert larger_than_cross_entropy(q + (1 - q) * mpmath.mpf(max(t, 1e-9)), a, g)


@pytest.mark.parametrize("gamma", [1e-300, 1e-6, 0.5, 1.0, 2.0, 30.0, 1e5])
@pytest.mark.parametrize("anchor", [1e-300, 1e-8, 0.2, 0.5, 0.9, 1.0])
def test_gradient_crossing_against_bisection(anchor, gamma):
    with mpmath.workdps(700):  # both at 1e-300: what is compared differs from 1 in the 600th digit
        a, g = mpmath.mpf(anchor), mpmath.mpf(gamma)
        low, high = a / 4, a if anchor < 1.0 else 1 - mpmath.exp(-2) / max(1, g)
        for _ in range(70):
            middle = (low + high) / 2
            low, high = (low, middle) if larger_than_cross_entropy(middle, a, g) else (middle, high)
        # The function errs by 4 units of each of its two logarithms, |log m| and log(1 + γr)/γ = |log m|, and in q − q*
        # and m by less; its slope is that of F in the docstring.
        x, m = 1 - low, 1 + low - a
        ratio = -x * mpmath.log(x) / m
        slope = (2 + (g - 1) * ratio + mpmath.log(x)) / (m * (1 + g * ratio))
        tolerance = float((8 * abs(mpmath.log(m)) / slope + 8 * low) * UNIT)
        assert disagreements(closed_form.gradient_crossing(anchor, gamma=gamma), [low], tolerance) == []


def test_gradient_crossing_limits():
    assert closed_form.gradient_crossing(0.0, gamma=2.0) == 0.0
    # As γ → 0 it is q*/2, as γ → ∞ it tends to q*.
    assert closed_form.gradient_crossing(0.6, gamma=1e-17) == pytest.approx(0.3, rel=8 * UNIT)
    assert closed_form.gradient_crossing(1.0, gamma=1e300) == 1.0
    # For γ = 1 the equation is x (1 + log x) = 1 − q* with x = 1 − q, so that x = 1/e for q* = 1.
    assert closed_form.gradient_crossing(1.0, gamma=1.0) == pytest.approx(-np.expm1(-1.0), rel=8 * UNIT)
    values = closed_form.gradient_crossing([[0.2], [1.0]], gamma=[0.1, 1.0, 10.0])
    assert values.shape == (2, 3) and (np.diff(values, axis=1) > 0.0).all()


def test_gradient_crossing_by_the_gradients_themselves():
    """The paper's words, a smaller gradient below the anchor, fail between the crossing and the anchor."""
    anchor, gamma = 0.8, 2.0
    crossing = closed_form.gradient_crossing(anchor, gamma=gamma)
    q = np.array([0.9 * crossing, 0.5 * (crossing + anchor), anchor])
    ratio = closed_form.background_gradient(q, anchor, gamma=gamma) / closed_form.cross_entropy_gradient(q, 0.0)
    assert (ratio > 1.0).tolist() == [False, True, True]
    focal = closed_form.gradient_crossing(1.0, gamma=gamma)
    above = 0.5 * (1.0 + focal)
    assert closed_form.focal_gradient(above, 0, gamma=gamma) > closed_form.cross_entropy_gradient(above, 0)
