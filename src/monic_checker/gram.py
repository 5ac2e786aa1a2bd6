"""Sums of multiples of w w^T over rows w, as matrices of integers."""

from flint import fmpz

from monic_checker.budget import PYTHON, bits
from monic_checker.costs import times
from monic_checker.linear import Row
from monic_checker.system import System

__all__ = ["Gram"]


class Gram:
    """A symmetric matrix: a sum of multiples of w w^T, in integers.

    Arguments:
        system: The layer that has the rows w, and the budget.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        system.subject.budget.spend(system.n * system.n, 0, "evidence")
        self.entries: list[Row] = [[fmpz(0)] * system.n for _ in range(system.n)]

    def copy(self) -> "Gram":
        """Returns another one with the same entries."""
        found = Gram(self._system)
        found.entries = [list(row) for row in self.entries]
        return found

    def add(self, row: int, factor: fmpz) -> None:
        """Adds factor w w^T."""
        w, budget = self._system.rows[row][:-1], self._system.subject.budget
        length = bits(w)
        cost = 2 * PYTHON + 2 * times(length, length + int(factor.bit_length()))
        budget.spend(len(w), 3 * length, "evidence")
        budget.work(len(w) * len(w) * cost, "evidence")
        for entries, a in zip(self.entries, w, strict=True):
            if a:
                multiple = factor * a
                for k, b in enumerate(w):
                    entries[k] += multiple * b
