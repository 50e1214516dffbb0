"""What the tests of the closed forms share: the unit of rounding, and the comparison with 50-digit references."""

from __future__ import annotations

import mpmath
import numpy as np

UNIT = 2.0**-53  # relative error of one rounding
TINY = np.finfo(float).tiny  # below it roundings are absolute
DIGITS = 50
QUOTIENT = 1e-35  # error of a difference quotient in 50 digits, with room for arguments of some units


def exact(vector):
    return [mpmath.mpf(float(entry)) for entry in vector]


def disagreements(values, references, tolerances) -> list[str]:
    """Entries that differ from their reference by more than the tolerance; NaN differs from everything."""
    values, tolerances = np.broadcast_arrays(np.asarray(values, dtype=float), np.asarray(tolerances, dtype=float))
    assert values.size == len(references)
    return [
        f"{value} is not {mpmath.nstr(reference, 17)} ± {tolerance}"
        for value, reference, tolerance in zip(values.flat, references, tolerances.flat)
        if not (value == reference or abs(mpmath.mpf(float(value)) - reference) <= tolerance)
    ]
