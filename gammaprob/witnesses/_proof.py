"""Exact proofs with SymPy: an identity is proved when the difference of its sides simplifies to zero."""

from __future__ import annotations

from collections.abc import Mapping

import sympy

from gammaprob import as_printed
from gammaprob.symbolic import Theta, delta, delta_1, delta_2
from gammaprob.witnesses._compare import UndecidedError
from paper_tables.outcome import Reading

__all__ = ["SHAPES", "proved"]

SHAPES = range(1, 7)  # the integer shapes for which the identities are proved

as_printed.exponential.register(sympy.Expr, sympy.exp)
as_printed.logarithm.register(sympy.Expr, sympy.log)
as_printed.exponential_integral.register(sympy.Expr, lambda value: sympy.expint(1, value))

# Any point disproves an identity that is off there; a wrong one is off almost everywhere.
_PROBE = {delta: sympy.Rational(1, 10), delta_1: sympy.Rational(1, 12), delta_2: sympy.Rational(1, 10),
          Theta: sympy.Rational(33, 500)}
_VISIBLE = sympy.Float("1e-20")  # of values computed to 50 digits: what is above it is no rounding

# From the cheapest to the strongest; the first that arrives at zero has proved the identity.
_SIMPLIFICATIONS = (sympy.expand, lambda expression: sympy.cancel(sympy.powsimp(expression)), sympy.simplify)


def _is_zero(difference) -> bool:
    """False by a point where it is not zero, True by algebra; `UndecidedError` when neither succeeds."""
    difference = sympy.sympify(difference)
    others = sorted(difference.free_symbols - set(_PROBE), key=str)
    point = _PROBE | {symbol: sympy.Rational(n + 2, n + 3) for n, symbol in enumerate(others)}
    if abs(sympy.N(difference.subs(point), 50)) > _VISIBLE:
        return False
    for simplification in _SIMPLIFICATIONS:
        difference = simplification(difference)
        if difference == 0:
            return True
    raise UndecidedError(f"zero at a point, but not simplified to zero: {difference}")


def proved(name: str, differences: Mapping[str, sympy.Expr]) -> Reading:
    """Is every difference identically zero? Keys say which identity each is."""
    false = [label for label, difference in differences.items() if not _is_zero(difference)]
    evidence = f"not zero for {false[0]}, {len(false)} in all" if false else f"proved for {', '.join(differences)}"
    return Reading(name, bool(differences) and not false, len(differences), evidence)
