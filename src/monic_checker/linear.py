"""Exact linear algebra on lists of integer rows."""

from collections.abc import Sequence
from itertools import chain

from flint import fmpz, fmpz_mat, nmod_mat

__all__ = ["Row", "independent", "matrix", "relation_signs"]

Row = list[fmpz]

#: Rows whose residues modulo this prime are independent are independent.
_PRIME = 2**61 - 1


def matrix(rows: Sequence[Row], width: int) -> fmpz_mat:
    """Returns the matrix with the given rows of the given width."""
    return fmpz_mat(len(rows), width, list(chain.from_iterable(rows)))


def independent(rows: Sequence[Row], width: int) -> bool:
    """Returns whether the rows are linearly independent.

    Example:
        >>> independent([[fmpz(1), fmpz(2)], [fmpz(2), fmpz(4)]], 2)
        False
    """
    if len(rows) > width:
        return False
    table = matrix(rows, width)
    if nmod_mat(table, _PRIME).rank() == len(rows):
        return True
    return bool(table.rank() == len(rows))


def relation_signs(rows: Sequence[Row], width: int) -> list[int] | None:
    """Returns the signs of the relation of the rows, or None if it is not unique up to scale.

    Of the two opposite lists of signs, the one whose first entry is not -1 comes back.

    Example:
        >>> relation_signs([[fmpz(2)], [fmpz(3)]], 1)
        [1, -1]
    """
    kernel, nullity = matrix(rows, width).transpose().nullspace()
    if nullity != 1:
        return None
    entries = [kernel[i, 0] for i in range(len(rows))]
    signs = [(entry > 0) - (entry < 0) for entry in entries]
    return [-sign for sign in signs] if signs[0] < 0 else signs
