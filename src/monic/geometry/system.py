"""The linear system of a decision: the rows of a layer, and the side rows of its domain.

A point x of the domain becomes y = (x, 1) t with t > 0. Row i < m stands for (w_i, b_i); a side
row for a strict inequality that every interior point satisfies. When no bias and no offset is
there, the last coordinate is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import fsum, sqrt
from typing import Any

import numpy as np

from monic.geometry.rational import primitive

__all__ = ["PRIMES", "System", "normalised"]

#: Primes for the compiled rank tests: residues multiply within 64 bits. One that divides a
#: determinant of the rows by bad luck is given up for the next.
PRIMES = (2147483647, 2147483629, 2147483587, 2147483579, 2147483563, 2147483549)

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]


def normalised(rows: Sequence[Sequence[int]]) -> FloatArray:
    """Returns rows scaled to length about 1, each entry within 4 units in the last place.

    The exact row divided by some positive number is what each float row stands for: dividing
    integers rounds once, the length's rounding is part of that positive number, and dividing by
    it rounds a second time.
    """
    floats = np.zeros((len(rows), len(rows[0]) if rows else 0))
    for i, row in enumerate(rows):
        top = max(map(abs, row), default=0)
        if top:
            floats[i] = [entry / top for entry in row]
    # fsum rounds once whatever the order, so that proofs are the same on every machine
    lengths = np.array([sqrt(fsum(entry * entry for entry in row)) for row in floats.tolist()])
    lengths[lengths == 0] = 1.0
    floats /= lengths[:, None]
    return floats


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """Integer rows of the layer (w_i, b_i) and side rows, exact, with their float shadows.

    Arguments:
        rows: m integer rows of length dim + 1 and after them the side rows.
        m: The number of rows of the layer.
        dim: n, the dimension of the input.
        kept: The rows that the search may use: no zero row, of parallel rows the strongest.
        strict: The side rows that the search may use.
        cone: Whether no row in use has an offset, so that the last coordinate is left out.
    """

    rows: Sequence[tuple[int, ...]]
    m: int
    dim: int
    kept: Sequence[int]
    strict: Sequence[int]
    cone: bool
    floats: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        width = self.dim if self.cone else self.dim + 1
        rows = [primitive(row[:width]) for row in self.rows]
        object.__setattr__(self, "floats", normalised(rows))
        object.__setattr__(self, "rows", tuple(rows))

    @property
    def width(self) -> int:
        """The number of coordinates of a row: dim, or dim + 1."""
        return self.dim if self.cone else self.dim + 1

    def weight_rows(self, numbers: Sequence[int]) -> list[tuple[int, ...]]:
        """Returns the w-parts of some rows of the layer."""
        return [self.rows[i][: self.dim] for i in numbers]

    def residues(self, prime: int) -> IntArray:
        """Returns the w-parts of the layer's rows modulo a prime."""
        table = [[entry % prime for entry in row[: self.dim]] for row in self.rows[: self.m]]
        return np.array(table, dtype=np.int64)
