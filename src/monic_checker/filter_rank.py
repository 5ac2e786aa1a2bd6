"""Evidence `independent-filters`: an affine map is one-to-one when filters of it span."""

from dataclasses import dataclass

from monic_checker.body import Body
from monic_checker.document import integer, items, members
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.evidence import Findings
from monic_checker.filtered import full_rank, read_prime
from monic_checker.filters import read_blocks
from monic_checker.subject import Subject
from monic_checker.system import System

__all__ = ["IndependentFilters"]


@dataclass(frozen=True, slots=True)
class IndependentFilters:
    """Different blocks of one step with a scale other than 0, and a prime for their rank."""

    prime: int
    filters: list[int]

    @classmethod
    def read(cls, value: object, subject: Subject) -> "IndependentFilters":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not a prime and numbers of different blocks.
        """
        _, prime, filters = members(value, "evidence", ["kind", "prime", "filters"])
        address = "evidence.filters"
        numbers = [integer(number, address, 0) for number in items(filters, address)]
        if not numbers or len({*numbers}) < len(numbers):
            raise MalformedProof(address, "expected at least one block, and each once")
        return cls(read_prime(prime, "evidence.prime"), numbers)

    def check(self, system: System, body: Body) -> Findings:
        """Checks the rank modulo the prime.

        Raises:
            InvalidProof: when a scale is 0, the steps differ, or the rank is not full.
            MalformedProof: when there is no such block, there are bytes after the header, or the
                rank takes too much memory.
        """
        body.end()
        blocks = read_blocks(system)
        if max(self.filters) >= len(blocks):
            raise MalformedProof("evidence.filters", f"expected numbers below {len(blocks)}")
        chosen = [blocks[number] for number in self.filters]
        if len({block.step for block in chosen}) != 1 or not all(b.scale for b in chosen):
            raise InvalidProof("evidence.filters", "expected filters of one step, none times 0")
        if not full_rank(system, chosen, self.prime):
            raise InvalidProof("evidence", f"the rank modulo {self.prime} is not full")
        return Findings(f"{len(chosen)} filters of full column rank")
