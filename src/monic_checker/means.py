"""Steps whose weights are rationals in the proof: combinations of entries, and means taken off."""

from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq, fmpz

from monic_checker.budget import Budget, bits
from monic_checker.document import integer, items, rational
from monic_checker.errors import MalformedProof
from monic_checker.linear import Row
from monic_checker.vector import over_one_denominator
from monic_checker.words import shortened

__all__ = ["Terms", "centred", "combined", "read_groups", "read_terms"]


#: More terms are not spelled out in sentences.
_TERMS = 16


@dataclass(frozen=True, slots=True)
class Terms:
    """What each entry of a combination adds up: places and integers over one denominator."""

    times: int
    rows: list[list[tuple[int, fmpz]]]
    denominator: fmpz

    @property
    def size(self) -> int:
        """The number of entries of the value."""
        return self.times * len(self.rows)

    @property
    def count(self) -> int:
        """The number of terms of all combinations."""
        return self.times * sum(map(len, self.rows))

    @property
    def words(self) -> str:
        """The combinations in words, of the entries z0, z1, ... of one part."""
        parts = "" if self.times == 1 else f" for each of the {self.times} equal parts"
        if sum(map(len, self.rows)) > _TERMS:
            return f"{len(self.rows)} combinations (as in the subject digest){parts}"
        sums = [" + ".join(self._term(*term) for term in row) or "0" for row in self.rows]
        return shortened(f"({', '.join(sums)})") + parts

    def _term(self, place: int, weight: fmpz) -> str:
        return f"{fmpq(weight, self.denominator)} z{place}"

    @property
    def growth(self) -> int:
        """By how many bits numbers grow when they are combined, at most."""
        longest = max(map(len, self.rows), default=0)
        weights = [weight for row in self.rows for _, weight in row]
        return bits(weights) + longest.bit_length()


def read_terms(times: int, value: object, address: str, size: int, budget: Budget) -> Terms:
    """Reads the terms of a combination of `size` entries, which is made so many times.

    Raises:
        MalformedProof: when there is no row, or a term is no pair of a place and a rational.
    """
    places, weights, lengths = [], [], []
    for i, row in enumerate(items(value, address)):
        terms = items(row, f"{address}[{i}]")
        lengths.append(len(terms))
        for k, term in enumerate(terms):
            here = f"{address}[{i}][{k}]"
            place, weight = items(term, here, 2)
            places.append(integer(place, here, 0, size))
            weights.append(rational(weight, here))
    if not lengths:
        raise MalformedProof(address, "expected at least one entry")
    numbers, denominator = over_one_denominator(weights, budget, address)
    pairs = iter(zip(places, numbers, strict=True))
    return Terms(times, [[next(pairs) for _ in range(length)] for length in lengths], denominator)


def read_groups(value: object, address: str, size: int) -> int:
    """Reads into how many equal groups `size` entries fall."""
    groups = integer(value, address, 1)
    if size % groups:
        raise MalformedProof(address, f"expected a number of groups that divides {size}")
    return groups


def combined(terms: Terms, rows: Sequence[Row]) -> list[Row]:
    """Returns the combinations of rows, multiplied by the terms' denominator."""
    found = []
    for first in range(0, len(rows), len(rows) // terms.times):
        for row in terms.rows:
            total = [fmpz(0)] * len(rows[0])
            for place, weight in row:
                total = [a + weight * b for a, b in zip(total, rows[first + place], strict=True)]
            found.append(total)
    return found


def centred(groups: int, rows: Sequence[Row]) -> list[Row]:
    """Returns rows less the mean of their group, multiplied by the size of a group."""
    size, found = len(rows) // groups, []
    for first in range(0, len(rows), size):
        group = rows[first : first + size]
        total = [sum(column, fmpz(0)) for column in zip(*group, strict=True)]
        found += [[size * a - b for a, b in zip(row, total, strict=True)] for row in group]
    return found
