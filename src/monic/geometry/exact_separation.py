"""Motzkin's alternative over the rationals: a strictly separating point, or a relation.

For rows a_i (strict) and k_j (active) exactly one of these holds:
there is y with a_i.y < 0 for all i and k_j.y >= 0 for all j; or
there are multipliers l >= 0 (not all 0), m >= 0 with sum l_i a_i = sum m_j k_j.
The simplex method with Bland's rule, in exact arithmetic, finds which. It is slow and never
wrong; the compiled kernel asks it where floats are not enough.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import fmpq_mat, fmpz_mat

from monic.clock import insist
from monic.geometry.rational import as_fraction

__all__ = ["Relation", "separate_exactly", "separating"]

Row = Sequence[int]


@dataclass(frozen=True, slots=True)
class Relation:
    """Positions of the rows of a relation: positive among the strict, negative among active."""

    positive: tuple[int, ...]
    negative: tuple[int, ...]


def separate_exactly(
    strict: Sequence[Row], active: Sequence[Row], width: int
) -> Relation | tuple[Fraction, ...]:
    """Returns a relation whose rows form a circuit, or a strictly separating point.

    Arguments:
        strict: Integer rows that must be negative at the point.
        active: Integer rows that must not be negative there.
        width: The number of coordinates.

    Example:
        >>> separate_exactly([[1], [-3]], [], 1)
        Relation(positive=(0, 1), negative=())
        >>> separate_exactly([[2]], [], 1)
        (Fraction(-1, 2),)
    """
    pivots = separating(strict, active, width)
    while True:
        try:
            next(pivots)
        except StopIteration as done:
            answer: Relation | tuple[Fraction, ...] = done.value
            return answer


def separating(
    strict: Sequence[Row], active: Sequence[Row], width: int
) -> Generator[None, None, Relation | tuple[Fraction, ...]]:
    """Does what `separate_exactly` does, and pauses after every pivot: there may be many."""
    if not strict:
        return (Fraction(0),) * width
    table = _Simplex(strict, active, width)
    while table.step():
        yield
        insist()
    return table.answer(len(strict))


class _Simplex:
    """Phase 1 of: sum l_i a_i - sum m_j k_j = 0, sum l_i = 1, l, m >= 0."""

    def __init__(self, strict: Sequence[Row], active: Sequence[Row], width: int) -> None:
        self.size = width + 1
        self.columns = [[*row, 1] for row in strict] + [[-e for e in row] + [0] for row in active]
        self.count = len(self.columns)
        self.columns += [[int(i == j) for i in range(self.size)] for j in range(self.size)]
        self.every = fmpq_mat(fmpz_mat(self.columns[: self.count]))
        self.basis = list(range(self.count, self.count + self.size))
        self.inverse = fmpq_mat(fmpz_mat(self.columns[self.count :]))
        self.point: list[Fraction] | None = None

    def values(self) -> list[Fraction]:
        return [as_fraction(self.inverse[i, self.size - 1]) for i in range(self.size)]

    def step(self) -> bool:
        """Does one pivot; False at the end."""
        costs = fmpq_mat(1, self.size, [int(column >= self.count) for column in self.basis])
        prices = costs * self.inverse
        if prices[0, self.size - 1] == 0:  # the artificial columns have left the solution
            return False
        reduced = self.every * prices.transpose()
        inside = set(self.basis)
        entering = next(
            (j for j in range(self.count) if j not in inside and reduced[j, 0] > 0), None
        )
        if entering is None:
            self.point = [as_fraction(prices[0, i]) for i in range(self.size)]
            return False
        self._pivot(entering)
        return True

    def _pivot(self, entering: int) -> None:
        column = self.inverse * fmpq_mat(self.size, 1, self.columns[entering])
        ratios = [
            (self.inverse[i, self.size - 1] / column[i, 0], self.basis[i], i)
            for i in range(self.size)
            if column[i, 0] > 0
        ]
        low = min(ratio for ratio, _, _ in ratios)
        leaving = min((name, i) for ratio, name, i in ratios if ratio == low)[1]
        pivot = column[leaving, 0]
        row = [self.inverse[leaving, j] / pivot for j in range(self.size)]
        for i in range(self.size):
            if i != leaving and column[i, 0] != 0:
                for j in range(self.size):
                    self.inverse[i, j] -= column[i, 0] * row[j]
        for j in range(self.size):
            self.inverse[leaving, j] = row[j]
        self.basis[leaving] = entering

    def answer(self, strict: int) -> Relation | tuple[Fraction, ...]:
        if self.point is not None:  # prices y: a_i.y + t <= 0 with t > 0, k_j.y >= 0
            scale = self.point[-1]
            return tuple(entry / scale for entry in self.point[:-1])
        used = [
            column
            for column, value in zip(self.basis, self.values(), strict=True)
            if value > 0 and column < self.count
        ]
        return Relation(
            tuple(sorted(j for j in used if j < strict)),
            tuple(sorted(j - strict for j in used if j >= strict)),
        )
