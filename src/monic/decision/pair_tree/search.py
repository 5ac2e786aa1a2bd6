"""The search: nodes one after the other, each dead, split, or with two inputs that collide."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from flint import fmpq

from monic.decision.pair_tree.branching import choices, first_open, influence
from monic.decision.pair_tree.certify import certified, written
from monic.decision.pair_tree.final import Pair, decide_finally, is_final
from monic.decision.pair_tree.node import AT_Y, WAY, Node, roots
from monic.decision.pair_tree.program import ZERO, Program
from monic.decision.pair_tree.proof import Writer
from monic.decision.pair_tree.relaxation import Answer, Floats, Relaxation
from monic.decision.pair_tree.rows import (
    HIGH,
    KINDS,
    LOW,
    SECOND,
    WAY_HIGH,
    WAY_LOW,
    Multipliers,
)

__all__ = ["Counts", "PairTree"]

#: A solution with a smaller t is none, and so is a smaller violation.
TINY = 1e-7

#: Which nodes look for a collision near the solution of their program: every so many.
EVERY = 32


@dataclass(slots=True)
class Counts:
    """How far a search has come.

    Arguments:
        nodes: Nodes that were entered.
        depth: The most decisions on one path.
        open: Nodes that wait.
        share: The share of the tree that is done, where each child is half of its parent.
        exact: Nodes with all phases known, which were decided by an exact program.
    """

    nodes: int = 0
    depth: int = 0
    open: int = 0
    share: float = 0.0
    exact: int = 0


@dataclass(slots=True)
class PairTree:
    """The tree of all pairs of a network.

    Arguments:
        program: The network.
        meet: Looks for a collision near two points in floats.
        limit: Says that time or nodes are used up.
    """

    program: Program
    meet: Callable[[Floats, Floats], Pair | None]
    limit: Callable[[Counts], bool]
    counts: Counts = field(default_factory=Counts)
    writer: Writer = field(default_factory=Writer)
    _weights: Floats = field(init=False)

    def __post_init__(self) -> None:
        self._weights = influence(self.program)

    def run(self) -> Pair | bool:
        """Returns a collision, True when there is none, or False when the limit was hit."""
        starts = list(roots(self.program))
        relaxation = Relaxation(self.program, 0)
        for start in starts:
            if relaxation.facet != start.facet:
                relaxation = Relaxation(self.program, start.facet)
            found = self._subtree(relaxation, start, 1 / len(starts))
            if found is not True:
                return found
        return True

    def _subtree(self, relaxation: Relaxation, start: Node, share: float) -> Pair | bool:
        stack = [(start, 0)]
        while stack:
            node, depth = stack.pop()
            self._count(depth, len(stack))
            if self.limit(self.counts):
                return False
            step = self._step(relaxation, node)
            if isinstance(step, Split):
                self.writer.branch(*step)
                children = (
                    node.cut(step.side, step.form, step.at, above=a) for a in (False, True)
                )
                stack += [(child, depth + 1) for child in children]
            elif step is not None:
                return step
            else:
                self.counts.share += share * 2.0**-depth
        return True

    def _count(self, depth: int, waiting: int) -> None:
        counts = self.counts
        counts.nodes += 1
        counts.depth = max(counts.depth, depth)
        counts.open = waiting

    def _step(self, relaxation: Relaxation, node: Node) -> "Split | Pair | None":
        """Writes a dead node down; otherwise returns what to split it by, or a collision."""
        if (empty := node.contradiction) is not None:
            self.writer.leaf(_contradicted(*empty))
            return None
        answer = relaxation.solve(node)
        proof = self._proof(node, answer) if answer.value <= TINY else None
        if proof is not None:
            self.writer.leaf(written(self.program, proof))
            return None
        if is_final(self.program, node):
            self.counts.exact += 1
            found = decide_finally(self.program, node)
            if isinstance(found, tuple):
                return found
            self.writer.leaf(written(self.program, found))
            return None
        return self._alive(node, answer)

    def _alive(self, node: Node, answer: Answer) -> "Split | Pair":
        columns = answer.columns
        found = [] if columns is None else choices(self.program, node, columns, self._weights)
        found = [choice for choice in found if choice[0] > TINY]
        if columns is not None and (not found or self.counts.nodes % EVERY == 1):
            pair = self._met(columns)
            if pair is not None:
                return pair
        if found:
            return Split(found[0][1], found[0][2])
        open_ = first_open(self.program, node)
        assert open_ is not None, "where all phases are known, an exact program decides"
        return Split(*open_)

    def _met(self, columns: Floats) -> Pair | None:
        n, inputs = self.program.n, self.program.inputs
        x, y = columns[:inputs], columns[:inputs] - columns[n : n + inputs]
        tau = 1.0 if self.program.scale is None else columns[inputs]
        return self.meet(x / tau, y / tau) if tau > TINY else None

    def _proof(self, node: Node, answer: Answer) -> Multipliers | None:
        return certified(self.program, node, answer.multipliers)


class Split(NamedTuple):
    """The two cases >= and <= of a number of a node."""

    side: int
    form: int
    at: fmpq = ZERO


def _contradicted(side: int, form: int) -> Multipliers:
    """Returns multipliers for a form whose lower end is above its upper one."""
    low = {AT_Y: SECOND + LOW, WAY: WAY_LOW}.get(side, LOW)
    high = {AT_Y: SECOND + HIGH, WAY: WAY_HIGH}.get(side, HIGH)
    return [(KINDS * form + low, 1), (KINDS * form + high, 1)]
