"""Evidence `blocks`: rows whose spans are independent, each block injective on its own span."""

from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq, fmpq_mat, fmpz

from monic_checker.body import Body
from monic_checker.budget import PYTHON, Budget, bits
from monic_checker.costs import elimination
from monic_checker.document import choice, integer, items, members
from monic_checker.domain import Domain
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.evidence import Findings
from monic_checker.linear import Row, matrix
from monic_checker.paired import PairedRows
from monic_checker.steps import Step
from monic_checker.subject import Subject
from monic_checker.system import System
from monic_checker.tree import Tree, check_tree
from monic_checker.validity import ValidArrays
from monic_checker.vector import lcm

__all__ = ["Blocks"]


@dataclass(frozen=True, slots=True)
class _Block:
    """A basis of the block's span, its other rows, and the proof about them on the span."""

    basis: list[int]
    rows: list[int]
    kind: str
    proof: object


@dataclass(frozen=True, slots=True)
class Blocks:
    """n basis rows in all; the trees of the blocks follow in the body, in the same order."""

    blocks: list[_Block]

    @classmethod
    def read(cls, value: object, subject: Subject) -> "Blocks":
        """Reads the evidence.

        Raises:
            MalformedProof: when the bases are not n different rows, or a proof is of no such kind.
        """
        _, blocks = members(value, "evidence", ["kind", "blocks"])
        entries = enumerate(items(blocks, "evidence.blocks"))
        read = [_read_block(entry, f"evidence.blocks[{k}]", subject.m) for k, entry in entries]
        basis = [i for block in read for i in block.basis]
        if len(basis) != subject.n or len({*basis}) != subject.n:
            raise MalformedProof("evidence.blocks", f"expected {subject.n} different basis rows")
        return cls(read)

    def check(self, system: System, body: Body) -> Findings:
        """Checks that the spans are independent, and each block on its span.

        Raises:
            InvalidProof: when the bases are dependent, a row leaves its block's span, or a proof
                does not hold.
            MalformedProof: when the body is not the trees of the blocks.
        """
        nodes = relations = start = 0
        coordinates = self._coordinates(system)
        for k, block in enumerate(self.blocks):
            address = f"evidence.blocks[{k}]"
            columns = range(start, start + len(block.basis))
            part = _part(system, block, coordinates, columns, address)
            if block.kind == "tree":
                Tree.read(block.proof, part.subject)
                found = check_tree(part, body)
                nodes, relations = nodes + found.nodes, relations + found.relations
            else:
                PairedRows.read(block.proof, part.subject).check_pairs(part)
            start = columns.stop
        body.end()
        words = f"{len(self.blocks)} independent blocks of rows, with trees of {nodes} nodes"
        return Findings(words, nodes, relations)

    def _coordinates(self, system: System) -> dict[int, list[fmpq]]:
        """The coordinates of all rows of blocks in the basis of all blocks together."""
        basis = [i for block in self.blocks for i in block.basis]
        rows = list(dict.fromkeys(i for block in self.blocks for i in block.rows))
        own, other = system.directions(basis), system.directions(rows)
        _charge(system.subject.budget, [*own, *other], system.n)
        square = fmpq_mat(matrix(own, system.n)).transpose()
        try:
            found = square.solve(fmpq_mat(matrix([*other, own[0]], system.n)).transpose())
        except ZeroDivisionError:
            raise InvalidProof("evidence.blocks", "the basis rows are dependent") from None
        return {i: [found[k, j] for k in range(system.n)] for j, i in enumerate(rows)}


def _charge(budget: Budget, rows: Sequence[Row], n: int) -> None:
    """Cramer's rule: coordinates are quotients of minors, of at most n times the length."""
    longest = max(map(bits, rows))
    budget.spend(len(rows) * n, 2 * n * (longest + n.bit_length()), "evidence.blocks")
    budget.work(4 * elimination(n, len(rows), longest), "evidence.blocks")


def _part(
    system: System,
    block: _Block,
    coordinates: dict[int, list[fmpq]],
    columns: range,
    address: str,
) -> System:
    """The rows of a block on the coordinates of its basis, as a layer by itself on all of R^d."""
    rows: list[Row] = []
    count, width = len(block.basis) + len(block.rows), len(columns)
    budget = system.subject.budget
    budget.work(len(block.rows) * system.n * PYTHON * 4, address)
    known = [entry for i in block.rows for entry in coordinates[i]]
    length = bits([entry.p for entry in known]) + bits([entry.q for entry in known])
    budget.spend(count * width, (width + 1) * length + system.longest, address)
    for k, i in enumerate(block.basis):
        rows.append([*(fmpz(int(j == k)) for j in range(len(columns))), system.rows[i][-1]])
    for i in block.rows:
        entries = coordinates[i]
        if any(entry != 0 for k, entry in enumerate(entries) if k not in columns):
            raise InvalidProof(address, f"row {i} does not lie in the span of the block's basis")
        own = [entries[k] for k in columns]
        unit = lcm([entry.q for entry in own])
        rows.append([*(entry.p * (unit // entry.q) for entry in own), system.rows[i][-1] * unit])
    steps = [Step("input", len(columns)), Step("rows", len(rows))]
    domain = Domain("the span of a block", [])
    layer = Subject("relu-layer", [], steps, domain, system.subject.budget)
    return System(layer, ValidArrays.none(), rows)


def _read_block(value: object, address: str, m: int) -> _Block:
    basis, rows, proof = members(value, address, ["basis", "rows", "proof"])
    own, other = (
        [integer(i, f"{address}.{name}", 0, m) for i in items(numbers, f"{address}.{name}")]
        for name, numbers in (("basis", basis), ("rows", rows))
    )
    if not own:
        raise MalformedProof(f"{address}.basis", "expected at least one row")
    kind = proof.get("kind") if isinstance(proof, dict) else None
    kind = choice(kind, f"{address}.proof.kind", ["tree", "paired-rows"])
    return _Block(own, other, kind, proof)
