"""Dense ranks modulo a prime below 2^22 by matrix products in float64, which are exact there.

A sum of 512 products of residues stays below 2^53, so that no product of matrices rounds,
whatever the order in which it is summed (Dumas, Giorgi and Pernet, 2008).
"""

from typing import Any

import numpy as np

from monic.clock import monotonic
from monic.geometry.compiled import COMPILED, njit

__all__ = ["HIGHEST_PRIME", "has_full_column_rank"]

#: Primes must be smaller.
HIGHEST_PRIME = 1 << 22

IntArray = np.ndarray[Any, np.dtype[np.int64]]
FloatArray = np.ndarray[Any, np.dtype[np.float64]]

#: Columns that are eliminated at once; at most 512.
_BLOCK = 192

#: Rows that are updated at once, which bounds the memory besides the matrix.
_ROWS = 1024


def has_full_column_rank(table: FloatArray, prime: int, until: float | None = None) -> bool | None:
    """Returns whether a matrix of residues has full column rank modulo a prime; destroys it.

    Zeros before a row's first and behind its last entry are not computed with, so that banded
    matrices, as convolutions have, cost little where their rows come in the order of the band.

    Arguments:
        table: Integers 0 <= a < prime as float64, in C order.
        prime: A prime below `HIGHEST_PRIME`.
        until: When to give up, on the monotonic clock; the answer is then None.

    Example:
        >>> has_full_column_rank(np.array([[1.0, 2.0], [2.0, 4.0], [0.0, 3.0]]), 7)
        True
    """
    assert prime < HIGHEST_PRIME, "larger residues would round"
    rows, columns = table.shape
    if rows < columns:
        return False
    first_entries, last_entries = _envelope(table)
    for start in range(0, columns, _BLOCK):
        if until is not None and monotonic() > until:
            return None
        stop = min(start + _BLOCK, columns)
        # rows behind the end are zero up to stop; those before it, from the edge on
        end = int(np.flatnonzero(first_entries < stop).max(initial=start - 1)) + 1
        edge = max(stop, int(last_entries[:end].max(initial=0)) + 1)
        panel = np.ascontiguousarray(table[start:end, start:stop])
        swaps = np.zeros(stop - start, dtype=np.int64)
        if not _eliminate(panel, swaps, float(prime)):
            return False
        rest = table[start:end, stop:edge]
        for k, other in enumerate(swaps.tolist()):
            if other != k:
                rest[[k, other]] = rest[[other, k]]
        _solve(panel[: stop - start], rest[: stop - start], float(prime))
        upper = np.ascontiguousarray(rest[: stop - start])
        for first in range(stop - start, end - start, _ROWS):
            part = rest[first : first + _ROWS]
            part -= panel[first : first + _ROWS] @ upper
            _reduce(part, float(prime))
    return True


def _envelope(table: FloatArray) -> tuple[IntArray, IntArray]:
    """The columns of each row's first and last entry other than 0; of a zero row, none."""
    rows, columns = table.shape
    first, last = np.full(rows, columns), np.full(rows, -1)
    for row in range(rows):
        (places,) = np.nonzero(table[row])
        if places.size:
            first[row], last[row] = places[0], places[-1]
    return first, last


def _solve(lower: FloatArray, right: FloatArray, prime: float) -> None:
    """Divides by a unit lower triangular matrix, in place."""
    for k in range(1, lower.shape[0]):
        row = right[k : k + 1]
        row -= lower[k : k + 1, :k] @ right[:k]
        _reduce(row, prime)


def _reduce(part: FloatArray, prime: float) -> None:
    part -= np.floor(part * (1.0 / prime)) * prime
    # the quotient may be off by one
    part[part < 0] += prime
    part[part >= prime] -= prime


@njit(**COMPILED)
def _eliminate(panel: FloatArray, swaps: IntArray, p: float) -> bool:
    """Writes L below the diagonal and U above it; swaps[k] is the row that came to row k."""
    rows, columns = panel.shape
    inverse = 1.0 / p
    for k in range(columns):
        pivot = -1
        for i in range(k, rows):
            if panel[i, k] != 0.0:
                pivot = i
                break
        if pivot < 0:
            return False
        swaps[k] = pivot
        if pivot != k:
            for j in range(columns):
                held = panel[k, j]
                panel[k, j] = panel[pivot, j]
                panel[pivot, j] = held
        # Fermat: a^(p - 2) is the inverse of a
        factor, power, left = 1.0, panel[k, k], int(p) - 2
        while left > 0:
            if left % 2 == 1:
                factor = (factor * power) % p
            power = (power * power) % p
            left //= 2
        for i in range(k + 1, rows):
            if panel[i, k] != 0.0:
                times = (panel[i, k] * factor) % p
                panel[i, k] = times
                for j in range(k + 1, columns):
                    value = panel[i, j] - times * panel[k, j]
                    value -= np.floor(value * inverse) * p
                    if value < 0.0:
                        value += p
                    if value >= p:
                        value -= p
                    panel[i, j] = value
    return True
