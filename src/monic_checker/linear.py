"""Exact linear algebra on lists of integer rows."""

from collections.abc import Iterator, Sequence
from itertools import chain

from flint import fmpz, fmpz_mat, nmod_mat

from monic_checker.budget import Budget, bits
from monic_checker.costs import elimination, modular_elimination

__all__ = ["Row", "independent", "matrix", "relation_signs", "spanning"]

Row = list[fmpz]

#: Ranks are found modulo primes below this power of two, the largest first.
_PRIME_BITS = 61


def matrix(rows: Sequence[Row], width: int) -> fmpz_mat:
    """Returns the matrix with the given rows of the given width."""
    return fmpz_mat(len(rows), width, list(chain.from_iterable(rows)))


def independent(rows: Sequence[Row], width: int, budget: Budget, address: str) -> bool:
    """Returns whether the rows are linearly independent.

    Rows whose residues modulo a prime are independent are independent. If they are dependent
    modulo so many primes that their product exceeds every minor, all minors are 0.

    Raises:
        OverBudget: when that takes more than is left.

    Example:
        >>> budget = Budget(10**6, 10**6)
        >>> independent([[fmpz(1), fmpz(2)], [fmpz(2), fmpz(4)]], 2, budget, "example")
        False
    """
    if len(rows) > width:
        return False
    lengths = [bits(row) for row in rows]
    with budget.scope():
        budget.spend(2 * len(rows) * width, max(lengths, default=0), address)
        table = matrix(rows, width)
        minor = sum(lengths) + len(rows) * (width.bit_length() // 2 + 1)  # Hadamard's bound
        words = max(lengths, default=0) // 64 + 1
        each = modular_elimination(len(rows), width) + 2 * len(rows) * width * words
        for prime in _primes(minor):
            budget.work(each, address)
            if nmod_mat(table, prime).rank() == len(rows):
                return True
    return False


def spanning(rows: Sequence[Row], width: int, budget: Budget, address: str) -> bool:
    """Returns whether the rows span all vectors of the given width.

    Raises:
        OverBudget: when that takes more than is left.
    """
    if len(rows) < width:
        return False
    columns = [list(column) for column in zip(*rows, strict=True)]
    return independent(columns, len(rows), budget, address)


def _primes(length: int) -> Iterator[int]:
    """Primes of 61 bits whose product has more bits than the given length, at least one."""
    prime = 2**_PRIME_BITS - 1
    for _ in range(length // (_PRIME_BITS - 1) + 1):
        yield prime
        prime -= 2
        while not fmpz(prime).is_prime():
            prime -= 2


def relation_signs(
    rows: Sequence[Row], width: int, longest: int, budget: Budget
) -> list[int] | None:
    """Returns the signs of the relation of the rows, or None if it is not unique up to scale.

    Of the two opposite lists of signs, the one whose first entry is not -1 comes back.

    Arguments:
        rows: The rows, at least one.
        width: How many entries each has.
        longest: The bits of the longest entry, at most.
        budget: The work that is left; the caller has charged the memory.

    Raises:
        OverBudget: when the elimination takes more work than is left.

    Example:
        >>> relation_signs([[fmpz(2)], [fmpz(3)]], 1, 2, Budget(0, 10**6))
        [1, -1]
    """
    budget.work(elimination(len(rows), width, longest), "a relation")
    kernel, nullity = matrix(rows, width).transpose().nullspace()
    if nullity != 1:
        return None
    entries = [kernel[i, 0] for i in range(len(rows))]
    signs = [(entry > 0) - (entry < 0) for entry in entries]
    return [-sign for sign in signs] if signs[0] < 0 else signs
