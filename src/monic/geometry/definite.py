"""Positive definite matrices, exactly: floats propose a change of basis, integers confirm.

If R^T A R is strictly diagonally dominant with a positive diagonal it is positive definite
(Gershgorin), R is invertible, and A is positive definite too. With R near the inverse of the
Cholesky factor of A, R^T A R is near the identity.
"""

import numpy as np
from flint import fmpz_mat

__all__ = ["is_positive_definite"]

#: Bits of the change of basis; a matrix with a condition number beyond its square is not proved.
BITS = 30


def is_positive_definite(matrix: fmpz_mat) -> bool:
    """Whether a symmetric integer matrix is shown to be positive definite.

    False says that it is not, or that it is too close to one that is not.

    Example:
        >>> is_positive_definite(fmpz_mat([[2, 1], [1, 2]]))
        True
        >>> is_positive_definite(fmpz_mat([[1, 2], [2, 1]]))
        False
    """
    size = int(matrix.nrows())
    longest = max(int(entry.bit_length()) for entry in matrix.entries())
    shift = max(longest - 60, 0)
    table = np.array([float(int(e) >> shift) for e in matrix.entries()]).reshape(size, size)
    if not (np.diag(table) > 0).all():
        return False
    scale = 1 / np.sqrt(np.diag(table))
    try:
        factor = np.linalg.cholesky(table * scale * scale[:, None])
    except np.linalg.LinAlgError:
        return False
    basis = (np.linalg.inv(factor) * scale).T
    unit = np.abs(basis).max(axis=0)
    integers = np.round(basis / unit * 2.0**BITS).astype(np.int64)
    rounded = fmpz_mat(size, size, integers.reshape(-1).tolist())
    product = (rounded.transpose() * matrix * rounded).tolist()
    return all(2 * row[i] > sum((abs(entry) for entry in row), 0) for i, row in enumerate(product))
