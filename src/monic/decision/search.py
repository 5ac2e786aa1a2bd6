"""One search: the compiled tree, and exact arithmetic where floats are not enough.

The compiled search proposes; every relation in the proof is confirmed by a rigorous bound on
rounding or over the rationals, and a point is confirmed over the rationals. Only then is it used.
"""

from collections.abc import Generator, Sequence
from fractions import Fraction
from typing import TypeVar

import numpy as np
from flint import nmod_mat

from monic.clock import monotonic
from monic.decision import tree as compiled
from monic.decision.ball import Weighted, circuit_on_ball, separating_on_ball
from monic.decision.problem import Point, Problem
from monic.decision.structure import shrunk
from monic.decision.witness import Witness, simplest
from monic.geometry.exact_separation import Relation, separating
from monic.geometry.rational import positive_relation, rank
from monic.geometry.roles import BLOCKED, EXCLUDED, OPEN
from monic.model.array import exact

__all__ = ["Search", "UnluckyPrimeError"]

#: Nodes of the first step, and the seconds that a step shall take.
PACE, SHORT, LONG = 16, 0.05, 0.2

#: What exact work ends with.
T = TypeVar("T")

#: So many entries of a system make one node a first step of its own.
NODE = 1 << 21

#: Exact work on a node that pauses now and then; a witness, or None where the tree goes on.
Exact = Generator[None, None, Witness | None]


class UnluckyPrimeError(Exception):
    """Raised when rows are independent over the rationals but not modulo the prime in use."""


class Search:
    """A tree with the exact system behind it.

    Arguments:
        problem: The layer.
        prime: What rank tests are made modulo.
        packing: Whether nodes may be proved by packings.
    """

    def __init__(self, problem: Problem, prime: int, *, packing: bool) -> None:
        self.problem = problem
        self.system = problem.system
        self.tree = compiled.new_tree(self.system, prime, pack=packing)
        self.repairs = 0
        self.deadline: float | None = None  # a packing takes long in high dimensions
        self._written = bytearray()
        # one node of a large layer takes seconds, and time is looked at in between
        self._pace = max(1, min(PACE, NODE // max(1, len(self.system.rows) * problem.dim)))
        self.exact: Exact | None = None  # exact arithmetic on the present node, if it is under way

    @property
    def nodes(self) -> int:
        """How many nodes were entered."""
        return int(self.tree.control[compiled.NODES])

    @property
    def depth(self) -> int:
        """The largest number of active rows so far."""
        return int(self.tree.control[compiled.DEEPEST])

    def advance(self, most: int | None = None) -> int | Witness:
        """Searches on for about a tenth of a second, or for at most so many nodes.

        Returns:
            A witness, or why it stopped: DONE, PAUSED, FULL (the output wants to be taken) or CUT.
        """
        began, pace = monotonic(), self._pace
        outcome = self._advance(pace if most is None else min(pace, most))
        if outcome == compiled.PAUSED:
            spent = monotonic() - began
            self._pace = 2 * pace if spent < SHORT else max(1, pace // 2) if spent > LONG else pace
        return outcome

    def _advance(self, more: int) -> int | Witness:
        budget = self.nodes + more
        while True:
            if self.exact is not None:
                try:
                    next(self.exact)
                except StopIteration as done:
                    self.exact = None
                    if done.value is not None:
                        witness: Witness = done.value
                        return witness
                else:
                    return compiled.PAUSED
            status: int = compiled.grow(self.tree, budget)
            if status in (compiled.FOUND, compiled.REPAIR):
                self.exact = self._repair(found=status == compiled.FOUND)
            elif status == compiled.READY:
                from monic.decision.packing import pack  # compiled only where it is asked for

                pack(self.tree, self.deadline)
                self.tree.control[compiled.STEP] = compiled.ADVANCE
                if self.deadline is not None and monotonic() >= self.deadline:
                    return compiled.PAUSED
            else:
                return status

    def take(self) -> bytes:
        """Returns what was written since the last time."""
        length = int(self.tree.control[compiled.LENGTH])
        self.tree.control[compiled.LENGTH] = 0
        written = bytes(self._written) + self.tree.out[:length].tobytes()
        self._written.clear()
        return written

    def _repair(self, *, found: bool) -> Exact:
        """Decides the present node exactly: a witness, or a relation handed to the tree.

        It pauses about as often as the rest of the search does.
        """
        self.repairs += 1
        if found:
            width = self.system.width
            witness = self._at(tuple(map(Fraction, self.tree.work[0, :width].tolist())))
            if witness is not None:
                return witness
        elif self._propose_exactly():
            return None
        return (yield from self._separate())

    def _propose_exactly(self) -> bool:
        """Confirms over the rationals the relation that floats proposed."""
        positive, total = self.tree.relation[0], sum(self.tree.relation[:2])
        if positive == 0:
            return False
        numbers = self.tree.relation[2 : 2 + total].tolist()
        if self.system.ball:
            known = circuit_on_ball(self.problem, numbers[:positive], numbers[positive:])
            if known is not None:
                self._supply(known)
            return known is not None
        rows = [self.system.rows[i] for i in numbers]
        if positive_relation(rows[:positive], rows[positive:]) is None:
            return False
        self.tree.control[compiled.STEP] = compiled.SUPPLIED
        return True

    def _separate(self) -> Exact:
        """Asks the exact simplex method; rows in the span of K are taken out as they come up."""
        role, rows = self.tree.role, self.system.rows
        depth = int(self.tree.control[compiled.DEPTH])
        active = [int(self.tree.frames[k, compiled.ROW]) for k in range(depth)]
        self._block_exactly(active)
        strict = [int(i) for i in np.flatnonzero((role == OPEN) | (role == EXCLUDED))]
        if self.system.ball:
            known = yield from _paced(separating_on_ball(self.problem, strict, active))
            if isinstance(known, Witness):
                return known
            self._insist_on_prime([*active], [i for i in known.positive if role[i] == OPEN])
            self._supply(known)
            return None
        pivots = separating(
            [rows[i] for i in strict], [rows[i] for i in active], self.system.width
        )
        answer = yield from _paced(pivots)
        if not isinstance(answer, Relation):
            witness = self._at(answer)
            assert witness is not None, "an exact separating point failed its confirmation"
            return witness
        positive = [strict[k] for k in answer.positive]
        self._insist_on_prime([*active], [i for i in positive if role[i] == OPEN])
        numbers = positive + [active[k] for k in answer.negative]
        self.tree.relation[:2] = len(positive), len(answer.negative)
        self.tree.relation[2 : 2 + len(numbers)] = numbers
        self.tree.control[compiled.STEP] = compiled.SUPPLIED
        return None

    def _supply(self, known: Weighted) -> None:
        """Hands a relation with exact multipliers, however long, to the tree."""
        depth = int(self.tree.control[compiled.DEPTH])
        self._written += self.take()  # what comes before it
        self._written += known.record(self.tree.frames[:depth, compiled.ROW].tolist())
        numbers = [*known.positive, *known.negative]
        self.tree.relation[:2] = len(known.positive), len(known.negative)
        self.tree.relation[2 : 2 + len(numbers)] = numbers
        self.tree.control[compiled.STEP] = compiled.WRITTEN

    def _block_exactly(self, active: Sequence[int]) -> None:
        """Blocks exactly the open rows in the span of K, whatever the residues said."""
        tree, depth = self.tree, len(active)
        basis = self.system.weight_rows(active)
        first = int(tree.frames[depth - 1, compiled.UNTIL]) if depth else 0
        tree.role[tree.blocked[first : int(tree.frames[depth, compiled.UNTIL])]] = OPEN
        inside = [
            int(i)
            for i in np.flatnonzero(tree.role == OPEN)
            if rank([*basis, *self.system.weight_rows([int(i)])]) == depth
        ]
        tree.role[inside] = BLOCKED
        tree.blocked[first : first + len(inside)] = inside
        tree.frames[depth, compiled.UNTIL] = first + len(inside)

    def _insist_on_prime(self, active: list[int], rows: list[int]) -> None:
        """Raises when a row outside the span of K is inside it modulo the prime."""
        prime = int(self.tree.control[compiled.PRIME])
        for row in rows:
            table = self.system.residues(prime)[[*active, row]]
            if nmod_mat(table.tolist(), prime).rank() <= len(active):
                raise UnluckyPrimeError

    def _at(self, y: Point) -> Witness | None:
        """Returns the witness at a point of the system's space."""
        if not self.system.cone:
            if y[-1] <= 0:
                return None
            y = tuple(t / y[-1] for t in y[:-1])
        if self.system.ball:  # where the radius is 1
            assert self.problem.ball is not None, "only balls are round"
            y = tuple(t * exact(self.problem.ball.radius) for t in y)
        if self.problem.everywhere:
            y = shrunk(self.problem, y)
        return simplest(self.problem, y)


def _paced(pivots: Generator[None, None, T]) -> Generator[None, None, T]:
    """Passes on a pause only when some time has gone by."""
    since = monotonic()
    while True:
        try:
            next(pivots)
        except StopIteration as done:
            answer: T = done.value
            return answer
        if monotonic() - since > LONG:
            yield
            since = monotonic()
