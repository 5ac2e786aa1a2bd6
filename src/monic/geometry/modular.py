"""Compiled rank tests modulo a prime below 2^31: rows independent modulo p are so over Q."""

from typing import Any

import numpy as np

from monic.geometry.compiled import INNER, njit

__all__ = ["extend_kernel", "outside_span"]

IntArray = np.ndarray[Any, np.dtype[np.int64]]


@njit(**INNER)
def outside_span(rows: IntArray, row: int, kernels: IntArray, depth: int, prime: int) -> bool:
    """Whether a row is outside the span of K, whose kernel's basis is kernels[depth]."""
    n = rows.shape[1]
    for column in range(n - depth):
        total = 0
        for i in range(n):
            total += (rows[row, i] * kernels[depth, i, column]) % prime
        if total % prime != 0:
            return True
    return False


@njit(**INNER)
def extend_kernel(rows: IntArray, row: int, kernels: IntArray, depth: int, prime: int) -> None:
    """Writes to kernels[depth + 1] the kernel of K and one more row, which is outside its span."""
    n = rows.shape[1]
    pivot, head, filled = -1, 0, 0
    for column in range(n - depth):
        total = 0
        for i in range(n):
            total += (rows[row, i] * kernels[depth, i, column]) % prime
        factor = total % prime
        if pivot < 0 and factor != 0:
            pivot, head = column, factor
            # columns before the pivot are orthogonal to the row already
            for before in range(column):
                for i in range(n):
                    kernels[depth + 1, i, before] = kernels[depth, i, before]
            filled = column
        elif pivot >= 0:
            for i in range(n):
                plus = (head * kernels[depth, i, column]) % prime
                minus = ((prime - factor) * kernels[depth, i, pivot]) % prime
                kernels[depth + 1, i, filled] = (plus + minus) % prime
            filled += 1
