"""Linear algebra over the rationals: what confirms what floats propose."""

from collections.abc import Sequence
from fractions import Fraction
from math import gcd
from typing import cast

import numpy as np
from flint import fmpq, fmpq_mat, fmpz_mat, nmod_mat

from monic.geometry.patience import begin_elimination, begin_solution

__all__ = [
    "independent_rows",
    "kernel_basis",
    "kernel_vector",
    "positive_relation",
    "primitive",
    "rank",
    "solve",
    "spans",
]

Row = Sequence[int]

#: A prime modulo which ranks are looked at first.
LARGE_PRIME = 2**61 - 1

#: In more dimensions a compiled elimination is faster, modulo a prime that its floats can hold.
WIDE, SMALL_PRIME = 256, 2097169

#: From this dimension on, one vector of the kernel is solved for, and not a basis of it.
SOLVED = 64

#: How many more rows than dimensions are tried before all are.
EXTRA = 8


def primitive(row: Row) -> tuple[int, ...]:
    """Returns the row divided by the greatest common divisor of its entries.

    Example:
        >>> primitive([4, -6])
        (2, -3)
    """
    divisor = gcd(*row)
    return tuple(row) if divisor <= 1 else tuple(entry // divisor for entry in row)


def rank(rows: Sequence[Row]) -> int:
    """Returns the rank of integer rows, exactly.

    Example:
        >>> rank([[1, 2], [2, 4]])
        1
    """
    if not rows:
        return 0
    width = len(rows[0])
    few = width + EXTRA
    if len(rows) > 2 * few and rank(rows[:few]) == width:  # most rows are not needed
        return width
    if width > WIDE and len(rows) >= width and spans_modulo(rows[:few]):
        return width
    table = fmpz_mat([list(row) for row in rows])
    full = min(table.nrows(), table.ncols())
    if nmod_mat(table, LARGE_PRIME).rank() == full:  # independent modulo p is independent
        return int(full)
    begin_elimination(table)
    return int(table.rank())


def spans(rows: Sequence[Row], dim: int) -> bool:
    """Whether integer rows span R^dim, exactly.

    Rows that do modulo a prime do. That others do not is proved by one vector of their kernel,
    which costs a small part of what their rank does.

    Example:
        >>> spans([[1, 2], [3, 4]], 2), spans([[1, 2], [2, 4]], 2)
        (True, False)
    """
    return len(rows) >= dim and kernel_vector(rows, dim) is None


def _spans_modulo_some(rows: Sequence[Row], dim: int) -> bool:
    if dim > WIDE and spans_modulo(rows[: dim + EXTRA]):
        return True
    return bool(nmod_mat(fmpz_mat([list(row) for row in rows]), LARGE_PRIME).rank() == dim)


def _solved_kernel_vector(rows: Sequence[Row], dim: int) -> tuple[int, ...] | None:
    """Returns a kernel vector whose support is a basis modulo a prime and one more column.

    It is None where rows have full rank modulo the prime, or where the prime was an unlucky one.
    """
    table = fmpz_mat([list(row) for row in rows])
    residues = nmod_mat(table, LARGE_PRIME)
    columns = _pivots(residues)
    if len(columns) == dim:
        return None
    chosen = _pivots(residues.transpose())
    last = next(j for j in range(dim) if j not in set(columns))
    vector = [0] * dim
    vector[last] = 1
    if columns:
        square = fmpz_mat([[rows[i][j] for j in columns] for i in chosen])
        right = fmpz_mat(len(chosen), 1, [rows[i][last] for i in chosen])
        begin_solution(square)
        solution = cast(fmpq_mat, square.solve(right))
        numerators, denominator = solution.numer_denom()
        vector[last] = -int(denominator)
        for i, j in enumerate(columns):
            vector[j] = int(numerators[i, 0])
    if any((table * fmpz_mat(dim, 1, vector)).entries()):
        return None
    first = next(entry for entry in vector if entry)
    return primitive(vector if first > 0 else [-entry for entry in vector])


def _pivots(table: nmod_mat) -> list[int]:
    """Returns the columns of a matrix modulo a prime that are no sums of earlier ones."""
    echelon, count = table.rref()
    pivots, j = [], 0
    for i in range(int(count)):
        while int(echelon[i, j]) == 0:
            j += 1
        pivots.append(j)
    return pivots


def spans_modulo(rows: Sequence[Row]) -> bool:
    """Whether integer rows have full column rank modulo a prime, hence over the rationals.

    Example:
        >>> spans_modulo([[1, 2], [3, 4]])
        True
    """
    from monic.geometry.elimination import has_full_column_rank  # compiled when it is needed

    table = np.array(
        [[int(entry % SMALL_PRIME) for entry in row] for row in rows], dtype=np.float64
    )
    return bool(has_full_column_rank(table, SMALL_PRIME))


def independent_rows(rows: Sequence[Row]) -> list[int]:
    """Returns the positions of rows that form a basis of the span, early ones first.

    Example:
        >>> independent_rows([[1, 2], [2, 4], [0, 1]])
        [0, 2]
    """
    if not rows:
        return []
    dim = len(rows[0])
    if dim > WIDE and len(rows) >= dim and spans_modulo(rows[:dim]):
        return list(range(dim))
    table = fmpz_mat([list(row) for row in rows]).transpose()
    shadow, full = nmod_mat(table, LARGE_PRIME).rref()
    if full == table.nrows():  # independent modulo p is independent
        width = range(len(rows))
        return [next(j for j in width if int(shadow[i, j])) for i in range(int(full))]
    begin_elimination(table)
    echelon, _, count = table.rref()
    return [next(j for j in range(len(rows)) if echelon[i, j] != 0) for i in range(int(count))]


def kernel_vector(rows: Sequence[Row], dim: int) -> tuple[int, ...] | None:
    """Returns a nonzero integer d with row.d = 0 for all rows, or None when they span R^dim.

    Example:
        >>> kernel_vector([[1, 0]], 2)
        (0, 1)
    """
    if not rows:
        return (1, *(0,) * (dim - 1))
    if len(rows) >= dim and _spans_modulo_some(rows, dim):
        return None
    solved = _solved_kernel_vector(rows, dim) if dim >= SOLVED else None
    if solved is not None:
        return solved
    columns = kernel_basis(rows, dim)
    if not columns:
        return None
    shortest = min(columns, key=lambda column: sum(abs(entry) for entry in column))
    first = next(entry for entry in shortest if entry)
    return primitive(shortest if first > 0 else [-entry for entry in shortest])


def kernel_basis(rows: Sequence[Row], dim: int) -> list[list[int]]:
    """Returns an integer basis of the vectors d with row.d = 0 for all rows.

    Example:
        >>> kernel_basis([[1, 2]], 2), kernel_basis([[1, 0], [0, 1]], 2)
        ([[2, -1]], [])
    """
    if not rows:
        return [[int(i == j) for j in range(dim)] for i in range(dim)]
    if len(rows) >= dim and _spans_modulo_some(rows, dim):
        return []
    table = fmpz_mat([list(row) for row in rows])
    begin_elimination(table)
    basis, nullity = table.nullspace()
    return [[int(basis[i, j]) for i in range(dim)] for j in range(int(nullity))]


def solve(matrix: Sequence[Row], right: Row) -> list[Fraction] | None:
    """Returns the solution of a square integer system, or None when it is singular.

    Example:
        >>> solve([[2, 0], [0, 4]], [1, 1])
        [Fraction(1, 2), Fraction(1, 4)]
    """
    try:
        found = fmpz_mat([list(row) for row in matrix]).solve(fmpz_mat(len(right), 1, list(right)))
    except ZeroDivisionError:
        return None
    return [as_fraction(found[i, 0]) for i in range(len(right))]


def as_fraction(number: fmpq) -> Fraction:
    """Returns a flint rational as a standard one."""
    return Fraction(int(number.p), int(number.q))


def positive_relation(positive: Sequence[Row], negative: Sequence[Row]) -> list[int] | None:
    """Returns integer multipliers > 0 with sum l_i positive_i = sum m_j negative_j, or None.

    The rows must form a circuit: their relation is unique up to scale.

    Example:
        >>> positive_relation([[1], [-2]], [])
        [2, 1]
    """
    rows = [*positive, *([-entry for entry in row] for row in negative)]
    table = fmpz_mat([list(row) for row in rows]).transpose()
    begin_elimination(table)
    basis, nullity = table.nullspace()
    if nullity != 1:
        return None
    weights = [int(basis[i, 0]) for i in range(len(rows))]
    if all(weight < 0 for weight in weights):
        weights = [-weight for weight in weights]
    return list(primitive(weights)) if all(weight > 0 for weight in weights) else None


def rational_matrix(rows: Sequence[Row]) -> fmpq_mat:
    """Returns integer rows as a rational matrix."""
    return fmpq_mat(fmpz_mat([list(row) for row in rows]))
