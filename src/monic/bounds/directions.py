"""Exact directions that a matrix stretches as little, or as much, as a float says."""

from fractions import Fraction
from math import lcm

import numpy as np
from flint import fmpq, fmpq_mat, fmpz_mat

from monic.bounds.singular import Gram
from monic.decision.problem import Point

__all__ = ["attaining"]

#: Steps of inverse iteration: each gains about all digits of a float.
STEPS = 3
#: Bits of a direction.
BITS = 256


def attaining(gram: Gram, value: float, *, least: bool) -> Point | None:
    """Returns a rational d with |A d| <= value |d| (>= unless `least`), or None.

    Floats give the singular vector, and inverse iteration over the rationals makes it as sharp as
    a value wants it that is the next float to the singular value; where v^2 is an eigenvalue, the
    kernel has the vector.

    Example:
        >>> from monic.bounds.singular import gram_of_rows
        >>> attaining(gram_of_rows([[3, 0], [0, 4]], 1, 2), 3.0, least=True)
        (Fraction(1, 1), Fraction(0, 1))
    """
    level = Fraction(value) ** 2 / gram.factor
    n = gram.matrix.nrows()
    start = np.linalg.eigh(gram.floats()[0])[1][:, 0 if least else -1]
    way = tuple(map(Fraction, start.tolist()))
    table = fmpq_mat(gram.matrix)
    for i in range(n):
        table[i, i] -= fmpq(level.numerator, level.denominator)
    for _ in range(STEPS):
        if _holds(gram, way, level, least):
            return way
        column = fmpq_mat(n, 1, [fmpq(t.numerator, t.denominator) for t in way])
        try:
            way = _rounded(table.solve(column))
        except ZeroDivisionError:
            way = _kernel(table)
    return way if _holds(gram, way, level, least) else None


def _holds(gram: Gram, way: Point, level: Fraction, least: bool) -> bool:
    unit = lcm(*(t.denominator for t in way))
    whole = fmpz_mat(len(way), 1, [int(t * unit) for t in way])
    top = int((whole.transpose() * gram.matrix * whole)[0, 0])
    bottom = int((whole.transpose() * whole)[0, 0])
    return bottom > 0 and (top <= level * bottom if least else top >= level * bottom)


def _rounded(column: fmpq_mat) -> Point:
    entries = [Fraction(int(e.p), int(e.q)) for e in column.entries()]
    top = max(map(abs, entries))
    return tuple(Fraction(round(entry / top * 2**BITS), 2**BITS) for entry in entries)


def _kernel(table: fmpq_mat) -> Point:
    """One vector of the kernel of a singular matrix."""
    whole, _ = table.numer_denom()
    basis, _ = whole.nullspace()
    return tuple(Fraction(int(basis[i, 0])) for i in range(basis.nrows()))
