"""Ranks modulo a prime: rows that are independent modulo p are independent over Q.

A float is an integer times a power of two; multiplied by a common power of two, a matrix of
floats is one of integers, of the same rank.
"""

import numpy as np
from flint import nmod_mat

from monic.model.array import Array

__all__ = ["PRIMES", "independent_rows", "residues"]

#: Two primes below 2^31, so that products of residues fit into 64 bits.
PRIMES = (2_147_483_647, 2_147_483_629)


def residues(array: Array, prime: int) -> Array:
    """Returns 2^e array modulo a prime, for an e that makes every entry an integer.

    Example:
        >>> residues(np.array([0.5, -3.0]), 7)
        array([1, 1])
    """
    mantissas, exponents = np.frexp(array.astype(np.float64))
    integers = np.ldexp(mantissas, 53).astype(np.int64)
    present = integers != 0
    # odd integers first, so that the powers of two that remain are as small as can be
    low = np.where(present, integers & -integers, 1)
    trailing = np.frexp(low.astype(np.float64))[1] - 1
    powers = exponents.astype(np.int64) + trailing
    base = powers[present].min() if present.any() else 0
    powers = np.where(present, powers - base, 0)
    table = np.array([pow(2, int(k), prime) for k in range(int(powers.max(initial=0)) + 1)])
    remainders: Array = (integers >> trailing) % prime * table[powers] % prime
    return remainders


def independent_rows(matrix: Array, prime: int) -> list[int]:
    """Returns the positions of the first rows that are a basis of the span modulo a prime.

    Example:
        >>> independent_rows(np.array([[1, 2], [2, 4], [0, 1]]), 7)
        [0, 2]
    """
    rows, columns = matrix.shape
    echelon, rank = nmod_mat(columns, rows, matrix.T.ravel().tolist(), prime).rref()
    found, place = [], 0
    for i in range(int(rank)):
        while int(echelon[i, place]) == 0:
            place += 1
        found.append(place)
    return found
