"""The point of a polyhedron nearest to the origin, and its multipliers.

For rows (w_i, b_i) with w_i.x + b_i <= 0 and active rows (k_j, c_j) with k_j.x + c_j >= 0. Lawson
and Hanson's least distance programming turns this into nonnegative least squares: minimise |E u -
f| for u >= 0, where E's columns are (-w_i, b_i) and (k_j, -c_j), and f = (0, ..., 0, 1). With the
residual r = E u - f: r = 0 means that the polyhedron is empty (u is the reason), else x = -r' /
r_last.
"""

from collections.abc import Generator, Sequence
from fractions import Fraction

from flint import fmpq_mat

from monic.geometry.rational import as_fraction

__all__ = ["nearest_exactly", "nearing"]

Row = Sequence[int]
Answer = tuple[list[Fraction], tuple[Fraction, ...] | None]


def nearest_exactly(strict: Sequence[Row], active: Sequence[Row]) -> Answer:
    """Returns (multipliers, point) over the rationals; the point is None when the set is empty.

    Example:
        >>> nearest_exactly([(-1, 2)], [])
        ([Fraction(2, 5)], (Fraction(2, 1),))
    """
    steps = nearing(strict, active)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            answer: Answer = done.value
            return answer


def nearing(strict: Sequence[Row], active: Sequence[Row]) -> Generator[None, None, Answer]:
    """Does what `nearest_exactly` does, and pauses after every step: there may be many."""
    solver = _ExactLeastSquares(_columns(strict, active))
    while solver.step():
        yield
    residual = solver.residual()
    if not any(residual):
        return solver.weights, None
    return solver.weights, tuple(-r / residual[-1] for r in residual[:-1])


def _columns(strict: Sequence[Row], active: Sequence[Row]) -> list[list[int]]:
    plus = [[*(-e for e in row[:-1]), row[-1]] for row in strict]
    return plus + [[*row[:-1], -row[-1]] for row in active]


class _ExactLeastSquares:
    """Lawson and Hanson's active-set method for min |E u - f|, u >= 0, over the rationals."""

    def __init__(self, columns: list[list[int]]) -> None:
        self.columns = columns
        self.size = len(columns[0]) if columns else 1
        self.weights = [Fraction(0)] * len(columns)
        self.passive: list[int] = []

    def residual(self) -> list[Fraction]:
        """E u - f."""
        total = [Fraction(0)] * self.size
        total[-1] = Fraction(-1)
        for k in self.passive:
            for i, entry in enumerate(self.columns[k]):
                total[i] += self.weights[k] * entry
        return total

    def step(self) -> bool:
        """Takes one more column in; False at the end."""
        residual = self.residual()
        gains = {
            k: -sum((e * r for e, r in zip(column, residual, strict=True)), Fraction(0))
            for k, column in enumerate(self.columns)
            if k not in self.passive
        }
        best = max(gains, key=lambda k: (gains[k], -k), default=None)
        if best is None or gains[best] <= 0:
            return False
        self.passive.append(best)
        self._settle()
        return True

    def _settle(self) -> None:
        """Solves on the passive set, dropping columns whose multiplier would leave u >= 0."""
        while True:
            wanted = self._solve()
            negative = [k for k, value in wanted.items() if value <= 0]
            if not negative:
                self.weights = [wanted.get(k, Fraction(0)) for k in range(len(self.weights))]
                return
            share = min(
                self.weights[k] / (self.weights[k] - wanted[k])
                for k in negative
                if self.weights[k] != wanted[k]
            )
            for k in self.passive:
                self.weights[k] += share * (wanted[k] - self.weights[k])
            self.passive = [k for k in self.passive if self.weights[k] > 0]

    def _solve(self) -> dict[int, Fraction]:
        """Least squares on the passive columns, which are independent."""
        columns = [self.columns[k] for k in self.passive]
        gram = fmpq_mat(
            [[sum(a * b for a, b in zip(x, y, strict=True)) for y in columns] for x in columns]
        )
        right = fmpq_mat(len(columns), 1, [column[-1] for column in columns])
        found = gram.solve(right)
        return {k: as_fraction(found[i, 0]) for i, k in enumerate(self.passive)}
