"""The linear system of a decision: the rows of a layer, and the side rows of its domain.

A point x of the domain becomes y = (x, 1) t with t > 0. Row i < m stands for (w_i, b_i); a side
row for a strict inequality that every interior point satisfies. When no bias and no offset is
there, the last coordinate is left out. On a ball the side rows are infinitely many: the search
makes those that it needs, and the coordinates are scaled so that the radius is 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import fsum, gcd, sqrt
from typing import Any

import numpy as np

from monic.geometry.rational import primitive

__all__ = ["FAINT", "PRIMES", "System", "normalised"]

#: Rows shorter than this, relative to the longest, have no place in compiled weights.
FAINT = 2.0**-300

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
    return _normalised(rows)[0]


def _normalised(rows: Sequence[Sequence[int]]) -> tuple[FloatArray, list[Fraction]]:
    """Returns the scaled rows, and for each the positive number it was divided by."""
    floats = np.zeros((len(rows), len(rows[0]) if rows else 0))
    tops = [max(map(abs, row), default=0) for row in rows]
    for i, (row, top) in enumerate(zip(rows, tops, strict=True)):
        if top:
            floats[i] = [entry / top for entry in row]
    # fsum rounds once whatever the order, so that proofs are the same on every machine
    lengths = np.array([sqrt(fsum(entry * entry for entry in row)) for row in floats.tolist()])
    lengths[lengths == 0] = 1.0
    floats /= lengths[:, None]
    return floats, [t * Fraction(d) for t, d in zip(tops, lengths.tolist(), strict=True)]


def _scales(lengths: Sequence[Fraction]) -> FloatArray:
    """Returns lengths relative to the largest, rounded once; 0 for faint ones."""
    largest = max(lengths, default=Fraction(0)) or Fraction(1)
    ratios = np.array([float(length / largest) for length in lengths])
    ratios[ratios < FAINT] = 0.0
    return ratios


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
        ball: Whether points also satisfy |x| < t, and relations carry multipliers.
    """

    rows: Sequence[tuple[int, ...]]
    m: int
    dim: int
    kept: Sequence[int]
    strict: Sequence[int]
    cone: bool
    ball: bool = False
    floats: FloatArray = field(init=False)
    scales: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        width = self.dim if self.cone else self.dim + 1
        rows = [primitive(row[:width]) for row in self.rows]
        floats, lengths = _normalised(rows)
        if self.ball:  # multipliers are for the rows as they came
            parts = [gcd(*row[:width]) for row in self.rows]
            lengths = [p * length for p, length in zip(parts, lengths, strict=True)]
        object.__setattr__(self, "floats", floats)
        object.__setattr__(self, "scales", _scales(lengths) if self.ball else np.ones(0))
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
