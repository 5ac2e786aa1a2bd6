"""What a domain says about the signs of rows: relations that leave an open cell no point."""

from collections.abc import Mapping

from flint import fmpq, fmpz

from monic_checker.ball import centered_rows
from monic_checker.body import Body
from monic_checker.budget import PYTHON, bits
from monic_checker.circuits import side_rows
from monic_checker.costs import times
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.system import System

__all__ = ["Signs"]


class Signs:
    """The rows of a layer and the side rows of its domain, ready for many relations.

    An open cell is a set of points inside X where no row w_i.x + b_i with w_i != 0 is 0, with
    constant signs. Let the rows K be positive there and the rows E negative. Then

        G(x) = sum over K of mu_i row_i(x) - sum over E and sides of mu_i row_i(x)

    with mu > 0 is positive on the cell; if G = a.x + beta is nowhere positive on X, there is none.
    """

    def __init__(self, system: System) -> None:
        ball = system.subject.domain.ball
        self._system = system
        self._ball = ball
        self.rows = system.rows if ball is None else centered_rows(system, ball)
        self._every = list(self.rows)
        if ball is None:  # multipliers are those of the rows w_i.x + b_i themselves
            sides = side_rows(system)
            length = max(map(bits, sides)) + int(system.scale.bit_length())
            system.subject.budget.spend(len(sides) * (system.n + 1), length, "subject.domain")
            self._every += [[system.scale * entry for entry in side] for side in sides]
        self._bits = max(map(bits, self._every))

    def is_constant(self, row: int) -> bool:
        """Whether w_i = 0."""
        return not any(self.rows[row][:-1])

    def refute(self, signs: Mapping[int, int], body: Body) -> None:
        """Reads a relation, and insists that it leaves no point to a cell with these signs.

        Arguments:
            signs: 1 for the rows K, and -1 for the rows E.
            body: Where the relation comes next: a count, and so many rows with multipliers.

        Raises:
            InvalidProof: when the relation does not exclude the cell.
            MalformedProof: when it is no relation of rows of K, of E and of sides.
        """
        n, m, budget = self._system.n, len(self.rows), self._system.subject.budget
        count = body.number()
        if not 0 < count <= n + 2:
            raise MalformedProof(body.address, f"expected 1 to {n + 2} rows. Got {count}")
        total = [fmpz(0)] * (n + 1)
        for _ in range(count):
            row = body.number()
            if row == m or row >= len(self._every):
                raise MalformedProof(body.address, f"expected a row or a side. Got {row}")
            if row < m and row not in signs:
                raise InvalidProof(body.address, f"the sign of row {row} is not known here")
            factor = fmpz(body.multiplier()) * signs.get(row, -1)
            length = int(factor.bit_length())
            budget.work((n + 1) * (2 * PYTHON + times(self._bits, length)), body.address)
            total = [t + factor * e for t, e in zip(total, self._every[row], strict=True)]
        *a, beta = total
        if not self._is_nowhere_positive(a, beta):
            raise InvalidProof(body.address, "the relation leaves points to the cell")

    def _is_nowhere_positive(self, a: list[fmpz], beta: fmpz) -> bool:
        if beta > 0:
            return False
        if self._ball is None:
            return not any(a)
        square = fmpq(sum((entry * entry for entry in a), fmpz(0)))
        radius = self._ball.radius
        return bool(radius * radius * square <= beta * beta)
