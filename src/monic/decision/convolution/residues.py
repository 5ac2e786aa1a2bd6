"""Floats modulo a prime: exact, up to one common power of two."""

from itertools import count

import numpy as np
from flint import fmpz

from monic.geometry.elimination import HIGHEST_PRIME
from monic.model.array import Array
from monic.model.grid import IntArray

__all__ = ["primes", "residues"]


def residues(array: Array, prime: int) -> IntArray:
    """Returns array 2^e modulo a prime below 2^31, for one integer e.

    Example:
        >>> residues(np.array([0.5, -3.0]), 7).tolist()  # (0.5, -3) 2^53 modulo 7
        [2, 2]
    """
    if array.dtype.kind in "iu":
        return (
            np.asarray((array % array.dtype.type(prime)).astype(np.int64))
            if (array.dtype.itemsize == 8)
            else np.asarray(array.astype(np.int64) % prime)
        )
    mantissas, exponents = np.frexp(array.astype(np.float64))
    integers = np.ldexp(mantissas, 53).astype(np.int64)
    present = integers != 0
    if not present.any():
        return np.zeros(array.shape, np.int64)
    powers = np.where(present, exponents.astype(np.int64), 0)
    low = int(powers[present].min())
    powers = np.where(present, powers - low, 0)
    table = np.array([pow(2, k, prime) for k in range(int(powers.max()) + 1)], dtype=np.int64)
    return np.asarray((integers % prime) * table[powers] % prime)


def primes(modulus: int, limit: int = 3) -> list[int]:
    """Returns the first primes p = 1 modulo a number between 2^21 and 2^22; there may be fewer.

    Example:
        >>> primes(4, 1)
        [2097169]
    """
    found: list[int] = []
    for k in count(2**21 // modulus + 1):
        candidate = k * modulus + 1
        if candidate >= HIGHEST_PRIME or len(found) == limit:
            return found
        if fmpz(candidate).is_prime():
            found.append(candidate)
    raise AssertionError("the loop ends by itself")
