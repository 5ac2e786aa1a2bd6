"""Evidence `paired-filters`: opposite filters, and the ones of one side have full column rank."""

from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpz

from monic_checker.body import Body
from monic_checker.budget import PYTHON, Budget
from monic_checker.document import integer, items, members
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.evidence import Findings
from monic_checker.field import Field
from monic_checker.filters import Block, kernel, opposite, read_blocks
from monic_checker.grid import Grid
from monic_checker.linear import Row
from monic_checker.peeling import Site, full_column_rank
from monic_checker.spectrum import is_circulant, spectrum_has_full_rank
from monic_checker.subject import Subject
from monic_checker.system import System

__all__ = ["PairedFilters", "full_rank", "read_prime", "site"]

#: The bytes for a tap of an output position: an entry of a table, and a tuple of one tap.
_READ = 160


@dataclass(frozen=True, slots=True)
class PairedFilters:
    """Pairs (i, j) of blocks with w_j = -d w_i and b_j + d b_i >= 0, and a prime for the rank."""

    prime: int
    pairs: list[tuple[int, int]]

    @classmethod
    def read(cls, value: object, subject: Subject) -> "PairedFilters":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not a prime and pairs of block numbers.
        """
        _, prime, pairs = members(value, "evidence", ["kind", "prime", "pairs"])
        return cls(read_prime(prime, "evidence.prime"), _read_pairs(pairs, "evidence.pairs"))

    def check(self, system: System, body: Body) -> Findings:
        """Checks every pair, and the rank modulo the prime.

        Raises:
            InvalidProof: when a pair is not opposite, or the rank is not full.
            MalformedProof: when there are bytes after the header.
            OverBudget: when the rank takes more memory or work than is left.
        """
        body.end()
        firsts = self.firsts(system, read_blocks(system))
        if not full_rank(system, firsts, self.prime):
            raise InvalidProof("evidence", f"the rank modulo {self.prime} is not full")
        return Findings(f"{len(self.pairs)} pairs of opposite filters of full column rank")

    def firsts(self, system: System, blocks: Sequence[Block]) -> list[Block]:
        """Checks every pair, and returns their first blocks, which are filters of one step.

        Raises:
            InvalidProof: when a pair is not opposite, or the steps differ.
            MalformedProof: when a number is out of range.
        """
        for k, (i, j) in enumerate(self.pairs):
            address = f"evidence.pairs[{k}]"
            if max(i, j) >= len(blocks):
                raise MalformedProof(address, f"expected numbers below {len(blocks)}")
            if not opposite(system, blocks[i], blocks[j]):
                raise InvalidProof(address, "the filters are not opposite, or leave a gap")
        firsts = [blocks[i] for i, _ in self.pairs]
        if len({block.step for block in firsts}) != 1:
            raise InvalidProof("evidence.pairs", "expected first filters of one convolution")
        return firsts


def read_prime(value: object, address: str) -> int:
    """Reads a prime.

    Raises:
        MalformedProof: when it is none, or has more than 31 bits.
    """
    prime = integer(value, address, 3, 2**31)
    if not fmpz(prime).is_prime():
        raise MalformedProof(address, f"expected a prime. Got {prime}")
    return prime


def _read_pairs(value: object, address: str) -> list[tuple[int, int]]:
    pairs = []
    for k, pair in enumerate(items(value, address)):
        i, j = (integer(number, f"{address}[{k}]", 0) for number in items(pair, address, 2))
        pairs.append((i, j))
    if not pairs or len({i for i, _ in pairs}) < len(pairs):
        raise MalformedProof(address, "expected at least one pair, with different first blocks")
    return pairs


def full_rank(system: System, blocks: Sequence[Block], prime: int) -> bool:
    """Returns whether filters of one step have full column rank at all positions.

    Arguments:
        system: The layer.
        blocks: Blocks of one step, at least one.
        prime: The prime.

    Raises:
        OverBudget: when the rank takes more memory or work than is left.
    """
    grid, budget = blocks[0].grid, system.subject.budget
    fits = not any((prime - 1) % len(table) for table in grid.tables)
    circulant = fits and is_circulant(grid, budget)
    sites = [] if circulant else _sites(grid, budget)
    field = Field(prime, budget, "evidence")
    budget.spend(len(blocks) * grid.width * grid.taps, 0, "evidence")
    budget.work(PYTHON * grid.groups * len(blocks), "evidence")
    for group in range(grid.groups):
        kernels: list[Row] = []
        for block in blocks:
            if grid.group(block.filter) == group:
                kernels.append(kernel(system, block))
        if not kernels:
            return False
        if circulant:
            full = spectrum_has_full_rank(kernels, grid, prime, budget)
        else:
            with budget.scope():
                full = full_column_rank(kernels, grid.width, sites, grid.inputs, field)
        if not full:
            return False
    return True


def _sites(grid: Grid, budget: Budget) -> list[Site]:
    """What all output positions read."""
    budget.hold(_READ * grid.positions * (grid.taps + 2), "evidence")
    budget.work(16 * PYTHON * grid.positions * (grid.taps + 2), "evidence")
    return [site(grid, place) for place in range(grid.positions)]


def site(grid: Grid, position: int) -> Site:
    """Returns what an output position reads: for every input position, the taps."""
    found: Site = {}
    for tap, place in grid.reads(position):
        found[place] = (*found.get(place, ()), tap)
    return found
