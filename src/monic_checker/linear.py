"""Exact linear algebra on lists of integer rows."""

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import chain, islice

from flint import fmpz, fmpz_mat, nmod_mat

from monic_checker.budget import PYTHON, Budget, bits
from monic_checker.costs import elimination, modular_elimination, times

__all__ = ["Row", "independent", "matrix", "primitive", "relation_signs", "spanning"]

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
    with budget.scope():
        if _rank_is_full(rows, width, 1, budget, address):
            return True
        short = [primitive(row, budget, address) for row in rows]
        # Hadamard's bound
        minor = sum(map(bits, short)) + len(rows) * (width.bit_length() // 2 + 1)
        return _rank_is_full(short, width, minor // (_PRIME_BITS - 1) + 1, budget, address)


def _rank_is_full(
    rows: Sequence[Row], width: int, primes: int, budget: Budget, address: str
) -> bool:
    """Whether the rows are independent modulo one of so many primes."""
    longest = max(map(bits, rows), default=0)
    budget.spend(2 * len(rows) * width, longest, address)
    table = matrix(rows, width)
    reduced = 4 * len(rows) * width * (longest // 64 + 1)
    for prime in islice(_primes(), primes):
        budget.work(modular_elimination(len(rows), width) + reduced, address)
        if nmod_mat(table, prime).rank() == len(rows):
            return True
    return False


def primitive(row: Row, budget: Budget, address: str) -> Row:
    """Returns the row divided by the greatest common divisor of its entries.

    Raises:
        OverBudget: when that takes more than is left.
    """
    length = bits(row)
    budget.work((len(row) + 16) * (2 * times(length, length) + PYTHON), address)
    divisor = reduce(fmpz.gcd, row, fmpz(0))
    return row if divisor <= 1 else [entry // divisor for entry in row]


def spanning(rows: Sequence[Row], width: int, budget: Budget, address: str) -> bool:
    """Returns whether the rows span all vectors of the given width.

    Raises:
        OverBudget: when that takes more than is left.
    """
    if len(rows) < width:
        return False
    columns = [list(column) for column in zip(*rows, strict=True)]
    return independent(columns, len(rows), budget, address)


def _primes() -> Iterator[int]:
    """Primes of 61 bits, the largest first."""
    prime = 2**_PRIME_BITS - 1
    while True:
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
