"""Taking means off, as lists of terms: the slow road."""

from fractions import Fraction

__all__ = ["centring"]


def centring(count: int, size: int) -> list[list[tuple[int, Fraction]]]:
    """Returns the terms of y_i - mean over the group of y_i, for groups of neighbours."""
    return [
        [(j, Fraction(i == j) - Fraction(1, size)) for j in range(count) if j // size == i // size]
        for i in range(count)
    ]
