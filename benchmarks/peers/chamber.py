"""Plain chamber enumeration, pruned: sign vectors row by row, given up once positive rows span.

If active rows fail to span anywhere, they fail in some chamber (all w_i.x != 0) close by, so
chambers decide the exact question. In floats; Python, with HiGHS's warm simplex.
"""

from dataclasses import dataclass, field

import numpy as np

from peers.cells import Cells
from peers.peer import Answer, Matrix, Peer, Question

__all__ = ["PEER"]

TOLERANCE = 1e-9


@dataclass(slots=True)
class _Enumeration:
    cells: Cells
    lower: Matrix = field(init=False)
    upper: Matrix = field(init=False)
    chambers: int = 0

    def __post_init__(self) -> None:
        self.lower = np.full(len(self.cells.rows), -np.inf)
        self.upper = np.full(len(self.cells.rows), np.inf)

    def has_bad_chamber(self, k: int, x: Matrix, outside: Matrix) -> bool:
        """Splits the cell of x, given by the first k signs, by row k.

        Arguments:
            k: How many rows have a sign.
            x: A point of the cell.
            outside: The part of R^n that the positive rows leave over, as a projection.
        """
        self.chambers += 1
        if k == len(self.lower):
            return True  # the positive rows do not span
        row = self.cells.rows[k]
        for sign in (-1, 1):
            rest = outside if sign < 0 else _without(outside, row)
            if not rest.any():
                continue
            bounds = (-np.inf, -1.0) if sign < 0 else (1.0, np.inf)
            self.lower[k], self.upper[k] = bounds
            point: Matrix | None = x
            if not bounds[0] <= row @ x <= bounds[1]:
                self.cells.set(self.lower, self.upper)
                point = self.cells.point()
            if point is not None and self.has_bad_chamber(k + 1, point, rest):
                return True
            self.lower[k], self.upper[k] = -np.inf, np.inf
        return False


def _without(outside: Matrix, row: Matrix) -> Matrix:
    """Returns the projection after one more positive row; exactly zero once they span."""
    direction = outside @ row
    length = np.linalg.norm(direction)
    if length <= TOLERANCE:
        return outside
    rest = outside - np.outer(direction, direction) / length**2
    return rest if np.trace(rest) > 0.5 else np.zeros_like(rest)  # the trace is the dimension


def _decide(weight: Matrix, question: Question) -> Answer:
    search = _Enumeration(Cells(weight[weight.any(axis=1)]))
    n = weight.shape[1]
    found = search.has_bad_chamber(0, np.zeros(n), np.eye(n))
    return Answer("NOT_INJECTIVE" if found else "INJECTIVE", {"nodes": search.chambers})


PEER = Peer(
    name="chambers",
    package="highspy",
    exact=False,
    proof="no",
    questions=("exact", "exact"),
    decide=_decide,
)
