"""Singular values of exact matrices, enclosed by floats: neighbours up to dimension 40.

A symmetric matrix has only real eigenvalues, so that all of them are positive if and only if the
coefficients of its characteristic polynomial alternate in sign and none vanishes. That is decided
over the integers; floats only say where to look. In higher dimensions the outer ends are proved by
floating-point Cholesky factorisations with a bound on their rounding, and the inner ones by exact
Rayleigh quotients, which leaves a gap of some units of rounding times the condition number.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import inf, nextafter
from struct import pack, unpack
from typing import Any

import numpy as np
from flint import fmpz_mat

from monic.bounds.interval import Interval, root_above, root_below

__all__ = ["Gram", "gram_of_rows", "largest", "smallest"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Row = Sequence[int]

#: Up to this dimension characteristic polynomials are computed.
EXACT = 40


class Gram:
    """The matrix A^T A of an exact A: an integer matrix times one positive rational."""

    __slots__ = ("factor", "matrix")

    def __init__(self, matrix: fmpz_mat, factor: Fraction) -> None:
        self.matrix, self.factor = matrix, factor

    def above(self, root: float) -> bool:
        """Returns whether all singular values of A are greater than a float, exactly."""
        return self.exceeds(Fraction(root) ** 2)

    def below(self, root: float) -> bool:
        """Returns whether all singular values of A are less than a float, exactly."""
        return self.stays_under(Fraction(root) ** 2)

    def exceeds(self, square: Fraction) -> bool:
        """Returns whether all squares of singular values of A are greater than a rational."""
        return _positive_definite(self.matrix, square / self.factor, 1)

    def stays_under(self, square: Fraction) -> bool:
        """Returns whether all squares of singular values of A are less than a rational."""
        return _positive_definite(self.matrix, square / self.factor, -1)

    def floats(self) -> tuple[FloatArray, int]:
        """Returns the integer matrix over its largest entry, each entry rounded once, and that."""
        top = max((abs(int(entry)) for entry in self.matrix.entries()), default=0) or 1
        return np.array([[int(e) / top for e in row] for row in self.matrix.tolist()]), top

    def quotient(self, which: int) -> Fraction:
        """Returns |A v|^2 / |v|^2 exactly, for the first (0) or last (-1) singular vector v."""
        vector = np.linalg.eigh(self.floats()[0])[1][:, which]
        whole = fmpz_mat(len(vector), 1, [int(t * 2**60) for t in vector.tolist()])
        top = (whole.transpose() * self.matrix * whole)[0, 0]
        return self.factor * Fraction(int(top), int((whole.transpose() * whole)[0, 0]))

    def extremes(self) -> tuple[float, float]:
        """Returns the smallest and the largest singular value as floats find them."""
        floats, top = self.floats()
        values = np.linalg.eigvalsh(floats)
        scale = self.factor * top
        return _root(max(values[0], 0.0), scale), _root(max(values[-1], 0.0), scale)


def gram_of_rows(rows: Sequence[Row], scale: Fraction | int, dim: int) -> Gram:
    """Returns the Gram matrix of integer rows times a positive rational.

    Example:
        >>> smallest(gram_of_rows([[3, 0], [0, 4]], 1, 2))
        Interval(lower=2.9999999999999996, upper=3.0)
    """
    table = fmpz_mat(len(rows), dim, [entry for row in rows for entry in row])
    return Gram(table.transpose() * table, Fraction(scale) ** 2)


def smallest(gram: Gram) -> Interval:
    """Returns two neighbouring floats around the smallest singular value.

    Example:
        >>> smallest(gram_of_rows([[1, 1]], 1, 2))
        Interval(lower=0.0, upper=0.0)
    """
    if gram.matrix.nrows() > EXACT:
        lower = _proved(gram, gram.extremes()[0], -1)
        return Interval(lower, root_above(gram.quotient(0)))
    low = _last(gram.above, gram.extremes()[0])
    return Interval(0.0, 0.0) if low is None else Interval(low, nextafter(low, inf))


def largest(gram: Gram) -> Interval:
    """Returns two neighbouring floats around the largest singular value.

    Example:
        >>> largest(gram_of_rows([[3, 0], [0, 4]], 1, 2)).contains(4)
        True
    """
    if gram.matrix.nrows() > EXACT:
        upper = _proved(gram, gram.extremes()[1], 1)
        return Interval(root_below(gram.quotient(-1)), upper)
    low = _last(lambda root: not gram.below(root), gram.extremes()[1])
    return Interval(0.0, 0.0) if low is None else Interval(low, nextafter(low, inf))


def _positive_definite(matrix: fmpz_mat, level: Fraction, sign: int) -> bool:
    """Whether sign (matrix - level I) is positive definite."""
    n = matrix.nrows()
    shifted = matrix * (sign * level.denominator)
    for i in range(n):
        shifted[i, i] -= sign * level.numerator
    coefficients = shifted.charpoly().coeffs()
    return all((c > 0) if (n - k) % 2 == 0 else (c < 0) for k, c in enumerate(coefficients))


def _proved(gram: Gram, near: float, sign: int) -> float:
    """Returns a float below (sign -1) or above (1) all singular values, close to one of them.

    Note [verified Cholesky] in `definite`: if sign (s^2 I - G) minus a shift of more than the
    rounding errors has a Cholesky factorisation in floats, the exact matrix is positive definite.
    """
    floats, top = gram.floats()
    n = len(floats)
    for bits in range(48, 0, -1):
        root = near * (1.0 + sign * 2.0**-bits)
        level = Fraction(root) ** 2 / gram.factor / top
        square = nextafter(float(level), sign * -inf)
        shift = (4 * n + 24) * 2.0**-52 * (float(np.trace(floats)) + n * square)
        matrix = sign * (square * np.eye(n) - floats) - shift * np.eye(n)
        try:
            np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            continue
        return root
    trace = sum(int(gram.matrix[i, i]) for i in range(n))
    return 0.0 if sign < 0 else root_above(gram.factor * trace)


def _last(holds: Callable[[float], bool], near: float) -> float | None:
    """Returns the last float >= 0 at which a monotone property holds, by bisection; None if none.

    Floats that are not negative are ordered like their bits.
    """
    if not holds(0.0):
        return None
    guess = _bits(near if near < inf else nextafter(inf, 0.0))
    low, high, top = 0, _bits(inf), 1
    while low < guess and not holds(_float(guess)):
        high, guess, top = guess, max(low, guess - top), 8 * top
    low, top = max(low, guess), 1
    while low + top < high and holds(_float(low + top)):
        low, top = low + top, 8 * top
    high = min(high, low + top)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(_float(middle)) else (low, middle)
    return _float(low)


def _bits(number: float) -> int:
    return int(unpack("<q", pack("<d", abs(number)))[0])


def _float(bits: int) -> float:
    return float(unpack("<d", pack("<q", bits))[0])


def _root(value: float, scale: Fraction) -> float:
    return root_below(Fraction(value) * scale)
