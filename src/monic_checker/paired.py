"""Evidence `paired-rows`: at every x one of each pair is active, and n of them span."""

from dataclasses import dataclass

from monic_checker.body import Body
from monic_checker.budget import PYTHON
from monic_checker.costs import times
from monic_checker.document import integer, items, members
from monic_checker.errors import InvalidProof
from monic_checker.evidence import Findings
from monic_checker.linear import Row, independent
from monic_checker.subject import Subject
from monic_checker.system import System

__all__ = ["PairedRows"]


@dataclass(frozen=True, slots=True)
class PairedRows:
    """Pairs (i, j) with w_j = -d w_i, d > 0 and b_j + d b_i >= 0, the w_i independent."""

    pairs: list[tuple[int, int]]

    @classmethod
    def read(cls, value: object, subject: Subject) -> "PairedRows":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not n pairs of row numbers.
        """
        _, pairs = members(value, "evidence", ["kind", "pairs"])
        numbers = []
        for k, pair in enumerate(items(pairs, "evidence.pairs", subject.n)):
            address = f"evidence.pairs[{k}]"
            i, j = (integer(row, address, 0, subject.m) for row in items(pair, address, 2))
            numbers.append((i, j))
        return cls(numbers)

    def check(self, system: System, body: Body) -> Findings:
        """Checks every pair, and that the n rows w_i are independent.

        Raises:
            InvalidProof: when a pair is not opposite, or the rows are dependent.
            MalformedProof: when there are bytes after the header.
        """
        body.end()
        self.check_pairs(system)
        return Findings(f"{len(self.pairs)} pairs of opposite rows")

    def check_pairs(self, system: System) -> None:
        """Checks every pair, and that the n rows w_i are independent.

        Raises:
            InvalidProof: when a pair is not opposite, or the rows are dependent.
        """
        each = (system.n + 1) * (4 * PYTHON + 2 * times(system.longest, system.longest))
        for k, (i, j) in enumerate(self.pairs):
            system.subject.budget.work(each, "evidence.pairs")
            if not _opposite(system.rows[i], system.rows[j]):
                raise InvalidProof(
                    f"evidence.pairs[{k}]",
                    f"expected w_{j} = -d w_{i} and b_{j} + d b_{i} >= 0 with some d > 0",
                )
        firsts = system.directions(i for i, _ in self.pairs)
        if not independent(firsts, system.n, system.subject.budget, "evidence.pairs"):
            raise InvalidProof("evidence.pairs", "the first rows of the pairs are dependent")


def _opposite(row: Row, other: Row) -> bool:
    """Whether other = -d row in the entries of w, and other + d row >= 0 in that of b."""
    pivot = next((k for k, entry in enumerate(row[:-1]) if entry != 0), None)
    if pivot is None:
        return False
    # d = down / up, with up > 0
    up, down = abs(row[pivot]), -other[pivot] if row[pivot] > 0 else other[pivot]
    sums = [up * b + down * a for a, b in zip(row, other, strict=True)]
    return bool(down > 0 and not any(sums[:-1]) and sums[-1] >= 0)
