"""The rows of a layer that read nothing outside a box of input positions."""

import math
from collections.abc import Sequence
from itertools import product

from flint import fmpq, fmpz

from monic_checker.body import Body
from monic_checker.budget import PYTHON, bits
from monic_checker.domain import Domain
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.field import Field
from monic_checker.filtered import PairedFilters
from monic_checker.filters import Block, kernel, read_blocks
from monic_checker.linear import Row
from monic_checker.lines import inside, readers_of
from monic_checker.paired import PairedRows
from monic_checker.peeling import Site, full_column_rank
from monic_checker.sides import SeparateSides, Side
from monic_checker.steps import Step
from monic_checker.subject import Subject
from monic_checker.system import System
from monic_checker.tree import Tree, check_tree
from monic_checker.validity import ValidArrays

__all__ = ["WindowLayer"]

#: What the different rows inside a window read along each axis, for each convolution.
Shape = list[tuple[list[tuple[int, ...]], ...]]


class WindowLayer:
    """A layer over convolutions of one input shape, and its windows of one size."""

    def __init__(self, system: System, size: Sequence[int]) -> None:
        self._system = system
        self._size = size
        self._blocks = read_blocks(system)
        self._changed = system.subject.steps[self._blocks[0].step].sources != (0,)
        self._grids = {block.step: block.grid for block in self._blocks}
        grids = list(self._grids.values())
        self._shape = grids[0].shape
        if any(grid.shape != self._shape for grid in grids):
            raise InvalidProof("subject.map", "expected convolutions of one input shape")
        if len(size) != len(self._shape) - 1:
            raise MalformedProof("evidence.size", "expected a side for each axis")
        self.groups = grids[0].groups if len({grid.groups for grid in grids}) == 1 else 1
        self._budget = system.subject.budget
        self._readers = {
            step: [
                readers_of(*each, self._budget)
                for each in zip(grid.tables, self._shape[1:], strict=True)
            ]
            for step, grid in self._grids.items()
        }
        self.inputs = math.prod(self._shape[1:])
        self._channels = self._shape[0] // self.groups
        self._budget.spend(self.groups * self.inputs, 2048, "evidence.size")  # what is covered

    def rows_inside(self, window: tuple[int, ...], address: str) -> Shape:
        """What the different rows inside a window read along each axis, relative to it."""
        group, *start = window
        ends = [a + side for a, side in zip(start, self._size, strict=True)]
        fits = all(end <= length for end, length in zip(ends, self._shape[1:], strict=True))
        if group >= self.groups or not fits:
            raise MalformedProof(address, f"the window {window} does not lie in the input")
        return [
            tuple(
                inside(table, readers, (a, end), self._budget)
                for table, readers, a, end in zip(
                    grid.tables, self._readers[step], start, ends, strict=True
                )
            )
            for step, grid in self._grids.items()
        ]

    def positions(self, window: tuple[int, ...]) -> list[tuple[int, ...]]:
        """The positions (group, *place) of a window."""
        self._budget.work(4 * PYTHON * math.prod(self._size), "evidence.classes")
        sides = [range(a, a + s) for a, s in zip(window[1:], self._size, strict=True)]
        return list(product((window[0],), *sides))

    def sides(self, window: tuple[int, ...]) -> list[Side]:
        """The half-spaces of the domain that speak of one entry of the window alone."""
        bounds = self._system.subject.domain.sides
        if not isinstance(bounds, SeparateSides) or self._changed:
            return []
        self._budget.work(16 * PYTHON * self._entries, "evidence.classes")
        columns: dict[int, int] = {}
        for channel in range(window[0] * self._channels, (window[0] + 1) * self._channels):
            for _, *place in self.positions(window):
                flat = channel
                for index, length in zip(place, self._shape[1:], strict=True):
                    flat = flat * length + index
                columns[flat] = len(columns)
        return [
            Side([(columns[j], a)], c) for j in sorted(columns) for ((_, a),), c in bounds.of(j)
        ]

    def check(
        self, kind: str, proof: object, of: tuple[int, Shape, list[Side]], body: Body
    ) -> None:
        """Checks the proof about a window of a group, with its patterns and bounds.

        Raises:
            InvalidProof: when it does not hold.
            MalformedProof: when it is not of its kind.
        """
        group, shape, _ = of
        if kind == "paired-filters":
            self._check_rank(PairedFilters.read(proof, self._system.subject), group, shape)
            return
        part = self.part(*of)
        if kind == "tree":
            Tree.read(proof, part.subject)
            check_tree(part, body)
        else:
            PairedRows.read(proof, part.subject).check_pairs(part)

    def _check_rank(self, proof: PairedFilters, group: int, shape: Shape) -> None:
        """Checks opposite filters whose rows inside the window have full column rank."""
        firsts = proof.firsts(self._system, self._blocks)
        grid = firsts[0].grid
        if grid.groups != self.groups or any(self._group(b) != group for b in firsts):
            raise InvalidProof("evidence.classes", "expected filters of the window's group")
        lines = dict(zip(self._grids, shape, strict=True))[firsts[0].step]
        count = math.prod(map(len, lines))
        self._budget.spend(8 * count * (grid.taps + 2), 0, "evidence.classes")
        sites: list[Site] = []
        for choice in product(*lines):
            site: Site = {}
            for tap, place in enumerate(product(*choice)):
                if min(place) >= 0:
                    flat = self._flat(place)
                    site[flat] = (*site.get(flat, ()), tap)
            sites.append(site)
        kernels = [kernel(self._system, block) for block in firsts]
        field = Field(proof.prime, self._budget, "evidence.classes")
        if not full_column_rank(kernels, grid.width, sites, math.prod(self._size), field):
            raise InvalidProof("evidence.classes", f"the rank modulo {proof.prime} is not full")

    def _flat(self, place: Sequence[int]) -> int:
        flat = 0
        for index, side in zip(place, self._size, strict=True):
            flat = flat * side + index
        return flat

    def part(self, group: int, shape: Shape, sides: list[Side]) -> System:
        """The rows inside a window as a layer by itself, on what the domain leaves for it."""
        inside = dict(zip(self._grids, shape, strict=True))
        blocks = [block for block in self._blocks if self._group(block) == group]
        for block in blocks:
            self._charge(block, inside[block.step])
        rows = [row for b in blocks for row in self._rows(b, group, inside[b.step])]
        n, budget = self._entries, self._budget
        if not rows:
            raise InvalidProof("evidence.classes", "a window has no rows")
        steps = [Step("input", n), Step("rows", len(rows))]
        domain = Domain("a window", sides)
        return System(Subject("relu-layer", [], steps, domain, budget), ValidArrays.none(), rows)

    @property
    def _entries(self) -> int:
        """The entries of a window: all channels of a group at all its positions."""
        return self._channels * math.prod(self._size)

    def _charge(self, block: Block, lines: Sequence[list[tuple[int, ...]]]) -> None:
        """Charges the rows of a block inside a window."""
        steps, rows = self._system.subject.steps, math.prod(map(len, lines))
        length = self._system.lengths[steps[block.step].array or 0]
        length += bits([block.scale.p, block.scale.q]) + bits([block.bias.p, block.bias.q])
        self._budget.spend(rows * (self._entries + 1), 2 * length, "evidence.classes")
        self._budget.work(8 * PYTHON * rows * block.grid.taps * block.grid.width, "evidence")

    def _group(self, block: Block) -> int:
        return block.filter * self.groups // block.grid.filters

    def _rows(self, block: Block, group: int, lines: Sequence[list[tuple[int, ...]]]) -> list[Row]:
        """The rows of a block inside the window, multiplied by positive numbers."""
        count = math.prod(self._size)
        steps = self._system.subject.steps
        array = self._system.arrays[steps[block.step].array or 0]
        entries, grid = kernel(self._system, block), block.grid
        first = grid.group(block.filter) * grid.width - group * self._channels
        scale = block.scale / fmpq(array.denominator)
        times, bias = scale.p * block.bias.q, block.bias.p * scale.q
        rows = []
        for choice_ in product(*lines):
            row = [fmpz(0)] * (self._channels * count + 1)
            for tap, place in enumerate(product(*choice_)):
                if min(place) < 0:
                    continue
                flat = self._flat(place)
                for channel in range(grid.width):
                    entry = entries[channel * grid.taps + tap]
                    row[(first + channel) * count + flat] += times * entry
            row[-1] = bias
            rows.append(row)
        return rows
