"""The relations of a tree's nodes when X is a ball: they carry their multipliers."""

from collections.abc import Sequence

from flint import fmpz

from monic_checker.body import Body
from monic_checker.budget import Budget, bits
from monic_checker.costs import times
from monic_checker.domain import Ball
from monic_checker.linear import Row, matrix
from monic_checker.system import System

__all__ = ["BallRelations", "centered_rows"]


class BallRelations:
    """The rows of a layer on a ball, with the centre moved to 0.

    Arguments:
        rows: The rows (w_i, b_i + w_i.center), up to one positive factor.
        n: The number of inputs.
        ball: The domain.
        budget: The work that is left.
    """

    def __init__(self, rows: Sequence[Row], n: int, ball: Ball, budget: Budget) -> None:
        self._budget = budget
        self._bits = max(map(bits, rows), default=0)
        self._n = n
        self._radius = ball.radius
        self._rows = rows

    weighted = True

    @property
    def count(self) -> int:
        """The number of rows; a ball has no side rows."""
        return len(self._rows)

    def fault(self, left: Sequence[int], right: Sequence[int], body: Body) -> str | None:
        """Returns why some row of `left` need not be active where those of `right` are.

        Arguments:
            left: The rows i that are to be negative.
            right: The rows j that are active.
            body: Where the multipliers lambda of `left` and mu of `right` come next.

        Raises:
            MalformedProof: when the multipliers are no positive varints.
        """
        factors = [fmpz(body.multiplier()) for _ in left] + [
            -fmpz(body.multiplier()) for _ in right
        ]
        rows = [self._rows[i] for i in (*left, *right)]
        lengths = bits(factors), self._bits
        each = 4 * times(sum(lengths), sum(lengths))
        entries = len(rows) * (self._n + 1)
        self._budget.work(entries * (16 + times(*lengths)) + (self._n + 1) * each, "the tree")
        # all rows have one common factor, which the condition beta >= r |v| does not see
        *v, beta = (matrix([factors], len(rows)) * matrix(rows, self._n + 1)).entries()
        square = sum((entry * entry for entry in v), fmpz(0))
        if beta < 0 or beta * beta < self._radius * self._radius * square:
            return "the multipliers do not give beta >= r |v|"
        if not left and beta == 0:
            return "a relation of active rows alone does not give beta > 0"
        return None


def centered_rows(system: System, ball: Ball) -> list[Row]:
    """Returns the rows with b_i + w_i.center for b_i, all multiplied by one positive number.

    Raises:
        OverBudget: when the rows do not fit the budget.
    """
    address = "subject.domain.center"
    center = ball.center
    length = bits([center.denominator]) + system.longest
    system.subject.budget.spend(len(system.rows) * (system.n + 1), length, address)
    offsets = system.values(center, address)
    return [
        [*(center.denominator * entry for entry in row[:-1]), offset]
        for row, offset in zip(system.rows, offsets, strict=True)
    ]
