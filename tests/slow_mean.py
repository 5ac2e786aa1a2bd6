"""Taking means off, as lists of terms: the slow road."""

from collections.abc import Sequence
from fractions import Fraction

__all__ = ["centring", "repeated"]

Terms = list[tuple[int, Fraction]]


def centring(count: int, size: int) -> list[Terms]:
    """Returns the terms of y_i - mean over the group of y_i, for groups of neighbours."""
    return [
        [(j, Fraction(i == j) - Fraction(1, size)) for j in range(count) if j // size == i // size]
        for i in range(count)
    ]


def repeated(
    rows: Sequence[Sequence[tuple[int, Fraction]]], times: int, count: int
) -> list[Terms]:
    """Returns the terms of a combination that is made in each of some equal parts."""
    each = count // times
    return [[(j + first, w) for j, w in row] for first in range(0, count, each) for row in rows]
