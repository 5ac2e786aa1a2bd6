"""Rows that cannot matter: zero rows, and of positively parallel rows all but the strongest.

Of parallel rows the one with the largest b_i / |w_i| is active wherever another one is, so the
others change neither the span of the active rows nor where they are. (They do change stability
constants: never reduce before bounding.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

__all__ = ["Reduction", "direction", "reduce_rows"]

Row = Sequence[int]


@dataclass(frozen=True, slots=True)
class Reduction:
    """Which of the user's rows are left, and what became of the others.

    Arguments:
        kept: The user's numbers of the rows that are left, in order.
        zero: Rows with w_i = 0.
        parallel: For every other dropped row, the kept row that is active wherever it is.
    """

    kept: tuple[int, ...]
    zero: tuple[int, ...]
    parallel: dict[int, int]


def direction(row: Row) -> tuple[tuple[int, ...], int]:
    """Returns (u, g) with w = g u, g > 0 and u primitive; parallel rows share u.

    Example:
        >>> direction([2, -4])
        ((1, -2), 2)
    """
    divisor = gcd(*row)
    if divisor == 1:
        return tuple(row), 1
    return tuple(entry // divisor for entry in row), divisor


def reduce_rows(rows: Sequence[Row]) -> Reduction:
    """Returns what is left of integer rows (w_i, b_i), and the map back to the user's numbers.

    Example:
        >>> reduce_rows([(1, 0), (2, 1), (0, 5), (-1, 0)])
        Reduction(kept=(1, 3), zero=(2,), parallel={0: 1})
    """
    strongest: dict[tuple[int, ...], tuple[Fraction, int]] = {}
    zero, ways = [], {}
    for i, row in enumerate(rows):
        if not any(row[:-1]):
            zero.append(i)
            continue
        way, length = direction(row[:-1])
        ways[i] = way
        offset = Fraction(row[-1], length)
        if way not in strongest or offset > strongest[way][0]:
            strongest[way] = (offset, i)
    kept = sorted(i for _, i in strongest.values())
    dropped = {i: strongest[way][1] for i, way in ways.items() if strongest[way][1] != i}
    return Reduction(tuple(kept), tuple(zero), dropped)
