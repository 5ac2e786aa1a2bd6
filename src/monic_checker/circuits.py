"""The relations of a tree's nodes when X is not a ball: exact, and unique up to scale."""

from collections.abc import Sequence

from flint import fmpz

from monic_checker.body import Body
from monic_checker.budget import Budget, bits
from monic_checker.costs import elimination_size
from monic_checker.linear import Row, primitive, relation_signs
from monic_checker.sides import Side
from monic_checker.system import System

__all__ = ["Circuits", "side_rows"]


class Circuits:
    """Vectors of R^(n+1), ready for many relations.

    Arguments:
        rows: The vectors.
        n: The number of inputs.
        budget: The memory and the work that are left.
    """

    def __init__(self, rows: Sequence[Row], n: int, budget: Budget) -> None:
        self._budget, longest = budget, max(map(bits, rows), default=0)
        budget.spend(2 * len(rows) * (n + 1), longest, "subject.map")
        self._rows = [primitive(row, budget, "subject.map") for row in rows]
        self._bits = list(map(bits, self._rows))
        most = min(n + 2, len(rows))
        budget.hold(elimination_size(most, n + 1, max(self._bits, default=0)), "subject.map")
        # without a bias the last column is often zero; relations are then found among the w_i
        self._directions = [row[:-1] for row in self._rows]
        self._biased = [row[-1] != 0 for row in self._rows]
        self._n = n

    weighted = False

    @property
    def count(self) -> int:
        """The number of rows, side rows among them."""
        return len(self._rows)

    def fault(self, left: Sequence[int], right: Sequence[int], body: Body) -> str | None:
        """Returns why sum lambda_i row_i = sum mu_j row_j has no solution lambda, mu > 0.

        Arguments:
            left: The rows i.
            right: The rows j.
            body: Not read: the relation follows from the rows.
        """
        chosen = [*left, *right]
        biased = any(self._biased[i] for i in chosen)
        rows = self._rows if biased else self._directions
        longest = max([self._bits[i] for i in chosen])
        signs = relation_signs([rows[i] for i in chosen], self._n + biased, longest, self._budget)
        if signs is None:
            return "the rows are no circuit: they have no relation, or more than one"
        if signs != [1] * len(left) + [-1] * len(right):
            return f"the multipliers of the rows {chosen} have the wrong signs, {signs}"
        return None


def side_rows(system: System) -> list[Row]:
    """Returns the side rows of a domain that is no ball: t > 0, and its half-spaces.

    Raises:
        OverBudget: when they do not fit the budget.
    """
    sides = system.subject.domain.sides
    system.subject.budget.spend(len(sides) * (system.n + 1), 0, "subject.domain")
    last = [fmpz(0)] * system.n + [fmpz(-1)]
    return [last, *(_side_row(side, system.n) for side in sides)]


def _side_row(side: Side, n: int) -> Row:
    """The half-space a.x < c as the row (a, -c)."""
    row = [fmpz(0)] * n + [-side.c]
    for j, entry in side.a:
        row[j] = entry
    return row
