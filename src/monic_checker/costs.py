"""What exact operations cost in units of work, from sizes alone: bounds, before they are done.

A unit is a multiplication of two words of 64 bits (see `monic_checker.budget`). The formulas were
fitted to FLINT on one machine, for dimensions from 5 to 800 and numbers of up to 10^6 bits, and
are within a factor of about 3; a budget bounds the time up to that factor.
"""

from functools import lru_cache

__all__ = ["elimination", "elimination_size", "modular_elimination", "product", "times"]

#: Products of longer numbers cost this many units a word of the longer one: FLINT splits them.
_WORDS = 128

#: What FLINT does for one entry besides multiplying it.
_ENTRY = 8

#: The bits of a prime that FLINT computes modulo.
_PRIME_BITS = 60


def times(first: int, second: int) -> int:
    """Returns the cost of a product of two numbers of so many bits.

    Example:
        >>> times(64, 640)
        22
    """
    if first < 64 and second < 64:  # nearly always
        return 1
    a, b = first // 64 + 1, second // 64 + 1
    return max(a, b) * min(a, b, _WORDS)


def product(rows: int, inner: int, columns: int, bits: tuple[int, int]) -> int:
    """Returns the cost of a product of two matrices with entries of so many bits."""
    entries = rows * inner + inner * columns + rows * columns
    return rows * inner * columns * times(*bits) // 2 + _ENTRY * entries


def modular_elimination(rows: int, columns: int) -> int:
    """Returns the cost of eliminating in a matrix modulo a prime."""
    return 1000 + rows * columns * (min(rows, columns) // 4 + _ENTRY)


def elimination_size(rows: int, columns: int, bits: int) -> int:
    """Returns the bytes that an exact elimination takes meanwhile.

    In small matrices every entry becomes a minor, in large ones few do.
    """
    return rows * columns * (min(rows, columns, 12) * bits // 8 + 16)


@lru_cache(maxsize=4096)
def elimination(rows: int, columns: int, bits: int) -> int:
    """Returns the cost of eliminating exactly in a matrix of integers of so many bits.

    Minors of k rows have about k times the bits. FLINT computes them without fractions, or
    modulo as many primes as they need, whichever is quicker.
    """
    rank = min(rows, columns)
    if not rank:
        return _ENTRY
    primes = rank * (bits + rank.bit_length()) // _PRIME_BITS + 1
    reduced = 4 * rows * columns * (bits // 64 + 1)
    modular = primes * (3 * modular_elimination(rows, columns) + reduced)
    total = 0
    for k in range(rank):
        length = (k + 1) * (bits + k.bit_length())
        total += (rows - k) * (columns - k) * (2 * times(length, length) + 2 * _ENTRY)
        if total > modular:
            return modular
    return total
