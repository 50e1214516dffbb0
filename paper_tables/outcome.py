"""What a witness hands back, and the verdict that follows from it.

A printed claim may allow more than one reading (an undefined symbol, a missing index). A witness therefore evaluates
each reading by itself, and beside them the corrected form. The verdict is derived, never stated: every reading true is
`holds`, none is `wrong as printed`, some is `ambiguous`.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AMBIGUOUS", "HOLDS", "NOT_COMPUTABLE", "VERDICTS", "WRONG", "Outcome", "Reading"]

HOLDS, WRONG, AMBIGUOUS, NOT_COMPUTABLE = "holds", "wrong as printed", "ambiguous", "not computable"
VERDICTS = (HOLDS, WRONG, AMBIGUOUS, NOT_COMPUTABLE)


@dataclass(frozen=True)
class Reading:
    """One way to read a claim, evaluated at `points` points; `evidence` is the worst of them, in words."""

    name: str
    holds: bool
    points: int
    evidence: str


@dataclass(frozen=True)
class Outcome:
    """The readings of what is printed, and the checks of the corrected form (none where nothing is to be corrected).

    >>> wrong, right = Reading("as printed", False, 3, "off by 2"), Reading("corrected", True, 3, "equal")
    >>> Outcome(printed=(wrong,), corrected=(right,)).verdict
    'wrong as printed'
    >>> Outcome(printed=(wrong, right)).verdict
    'ambiguous'
    """

    printed: tuple[Reading, ...]
    corrected: tuple[Reading, ...] = ()

    @property
    def readings(self) -> tuple[Reading, ...]:
        return self.printed + self.corrected

    @property
    def points(self) -> int:
        return sum(reading.points for reading in self.readings)

    @property
    def exercised(self) -> bool:
        """Whether something printed was evaluated, and each reading at one point or more."""
        return bool(self.printed) and all(reading.points > 0 for reading in self.readings)

    @property
    def verdict(self) -> str:
        held = [reading.holds for reading in self.printed]
        return HOLDS if all(held) else AMBIGUOUS if any(held) else WRONG

    @property
    def corrected_holds(self) -> bool:
        """Whether there is a corrected form and each check of it came out true."""
        return bool(self.corrected) and all(reading.holds for reading in self.corrected)
