"""The checks can fail: laws with a wrong sign, swapped parameters, a lost factor or a shifted shape are caught.

Each mutant replaces the evaluation behind the public functions; the named properties of `test_law_properties`, run on
it, must fail. A property that lets its mutant pass is no check.
"""

from __future__ import annotations

import numpy as np
import pytest

from gammaprob import _evaluate, gap, target
from tests import test_law_properties as properties

TRUE = _evaluate.evaluate


def wrong_sign_of_the_complement(quantity, delta, shape, scale, **symbols):
    """S reported as F − 1 instead of 1 − F."""
    value = TRUE(quantity, delta, shape, scale, **symbols)
    return -value if quantity == "sf" else value


def rate_for_scale(quantity, delta, shape, scale, **symbols):
    return TRUE(quantity, delta, shape, 1.0 / np.asarray(scale, dtype=float), **symbols)


def dropped_factor_two(quantity, delta, shape, scale, **symbols):
    """The density of the signed difference in place of that of the gap."""
    value = TRUE(quantity, delta, shape, scale, **symbols)
    return 0.5 * value if quantity == "pdf" else value


def lost_normalisation_of_the_density(quantity, delta, shape, scale, **symbols):
    """The density per unit of z, not of δ."""
    value = TRUE(quantity, delta, shape, scale, **symbols)
    return value * np.asarray(scale, dtype=float) if quantity == "pdf" else value


def shape_off_by_one(quantity, delta, shape, scale, **symbols):
    return TRUE(quantity, delta, np.asarray(shape, dtype=float) + (quantity == "cdf"), scale, **symbols)


def mirrored_target(quantity, delta, shape, scale, **symbols):
    value = TRUE(quantity, delta, shape, scale, **symbols)
    return 1.0 - value if quantity == "target" else value


def target_of_half_the_scale(quantity, delta, shape, scale, **symbols):
    """The scale Θ/2 of supplementary Eq. 15 where Θ belongs."""
    factor = 0.5 if quantity == "target" else 1.0
    return TRUE(quantity, delta, shape, factor * np.asarray(scale, dtype=float), **symbols)


def order_off_by_one(quantity, delta, shape, scale, **symbols):
    extra = quantity == "exponential_integral_term"
    return TRUE(quantity, delta, np.asarray(shape, dtype=float) + extra, scale, **symbols)


def tail_good_to_nine_digits(quantity, delta, shape, scale, **symbols):
    value = TRUE(quantity, delta, shape, scale, **symbols)
    return value * (1 + 1e-9) if quantity == "sf" else value


MUTANTS = {
    wrong_sign_of_the_complement: ["test_complement", "test_limits"], rate_for_scale: ["test_scaling"],
    dropped_factor_two: ["test_density_is_the_derivative_of_the_cdf", "test_narrow_strip_is_density_times_width"],
    lost_normalisation_of_the_density: ["test_scaling"], shape_off_by_one: ["test_complement",
    "test_beta_representation"], mirrored_target: ["test_bounds_of_the_target", "test_monotonicity",
    "test_mean_target_over_all_pairs"], target_of_half_the_scale: ["test_target_from_exponential_integral_terms",
    "test_small_and_large_gaps_of_the_target"], order_off_by_one: [
        "test_target_from_exponential_integral_terms", "test_recurrence_of_the_exponential_integral_term",
    ],
    tail_good_to_nine_digits: ["test_complement", "test_logarithms_belong_to_the_values"],
}  # fmt: skip
CASES = [(mutant, name) for mutant, names in MUTANTS.items() for name in names]


@pytest.mark.parametrize(("mutant", "name"), CASES, ids=[f"{mutant.__name__}-{name}" for mutant, name in CASES])
def test_mutant_is_caught(monkeypatch, mutant, name):
    monkeypatch.setattr(gap, "evaluate", mutant)
    monkeypatch.setattr(target, "evaluate", mutant)
    with pytest.raises((AssertionError, ExceptionGroup)):
        getattr(properties, name)()


@pytest.mark.parametrize("name", sorted({name for _, name in CASES}))
def test_the_true_law_passes_the_same_way(name):
    """The counterpart: called in the same manner, the unmutated law passes, so that it is the mutant which fails."""
    getattr(properties, name)()
