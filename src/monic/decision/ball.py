"""Branching on a ball, where a node asks for the point of a polyhedron nearest to the centre.

Rows a node needs negative (and active rows it needs nonnegative) form a polyhedron; it meets the
open ball if and only if its nearest point has |x| < r and it has interior. The multipliers of the
nearest point are the node's relation: beta = sum l_i b_i - sum m_j b_j >= r |v| with v = sum l_i
w_i - sum m_j w_j.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from time import monotonic

from monic.certificate import Certificate, header
from monic.decision.approach import Approach
from monic.decision.outcome import Outcome, new_body
from monic.decision.problem import Point, Problem
from monic.decision.result import Statistics
from monic.decision.witness import Witness, confirm, simplest
from monic.geometry.exact_separation import Relation, separate_exactly
from monic.geometry.nearest import nearest_exactly, nearest_multipliers
from monic.geometry.rational import positive_relation, rank
from monic.model.array import exact

__all__ = ["branch_on_ball"]


@dataclass(frozen=True, slots=True)
class _Weighted:
    """A relation with its integer multipliers."""

    positive: tuple[int, ...]
    negative: tuple[int, ...]
    weights: tuple[int, ...]


class _LimitError(Exception):
    """Raised when a limit is hit; its text says which."""


def branch_on_ball(problem: Problem, approach: Approach) -> Outcome:
    """Decides a layer on a ball by branching over active and inactive rows."""
    search = _BallSearch(problem, approach)
    try:
        witness = search.node([], frozenset())
    except _LimitError as error:
        return Outcome(search.statistics(), limit=str(error))
    if witness is not None:
        return Outcome(search.statistics(), witness=witness)
    head = header("INJECTIVE", problem.subject, {"kind": "tree"})
    return Outcome(search.statistics(), certificate=Certificate(head, search.body))


class _BallSearch:
    def __init__(self, problem: Problem, approach: Approach) -> None:
        ball = problem.ball
        assert ball is not None, "this search is for balls"
        self.problem, self.approach = problem, approach
        self.rows = problem.rows
        self.radius = exact(ball.radius)
        self.body = new_body()
        self.nodes = self.depth = self.repairs = 0
        self.started = self.told = monotonic()

    def statistics(self) -> Statistics:
        return Statistics(self.nodes, monotonic() - self.started, self.depth, self.repairs)

    def node(self, active: list[int], excluded: frozenset[int]) -> Witness | None:
        """Proves the node and all below it, or returns the witness found there."""
        if len(active) == self.problem.dim:
            return None
        self._count(len(active))
        basis = [self.rows[i][:-1] for i in active]
        candidates = [
            i
            for i in self.problem.reduction.kept
            if i in excluded or rank([*basis, self.rows[i][:-1]]) > len(active)
        ]
        found = self._relation(candidates, active)
        if isinstance(found, Witness):
            return found
        opened = [i for i in found.positive if i not in excluded]
        self._write(found, active)
        for row in opened:
            witness = self.node([*active, row], excluded)
            if witness is not None:
                return witness
            excluded |= {row}
        return None

    def _count(self, depth: int) -> None:
        self.nodes += 1
        self.depth = max(self.depth, depth)
        limit = self.approach.limit(self.statistics())
        if limit is not None:
            raise _LimitError(limit)
        now = monotonic()
        if now - self.told > 0.1:
            self.told = now
            self.approach.progress(self.statistics())

    def _relation(self, strict: list[int], active: list[int]) -> _Weighted | Witness:
        """Returns the node's relation, or a witness; floats first, then exactly."""
        if not strict:
            witness = confirm(self.problem, self.problem.inner_point())
            assert witness is not None, "rows that all lie in a proper span never span"
            return witness
        plus, minus = [self.rows[i] for i in strict], [self.rows[i] for i in active]
        weights, point = nearest_multipliers(plus, minus)
        if point is not None and sum(t * t for t in point) < float(self.radius) ** 2:
            witness = simplest(self.problem, tuple(map(Fraction, point)))
            if witness is not None:
                return witness
        proposal = self._weigh(strict, active, weights)
        if proposal is not None:
            return proposal
        self.repairs += 1
        return self._exactly(strict, active)

    def _weigh(
        self, strict: list[int], active: list[int], weights: Sequence[Fraction]
    ) -> _Weighted | None:
        """Returns the relation with these multipliers if it proves the node, exactly."""
        unit = lcm(*(w.denominator for w in weights)) if weights else 1
        numbers = [*strict, *active]
        used = [(k, int(w * unit)) for k, w in enumerate(weights) if w > 0]
        if not used:
            return None
        total = [0] * (self.problem.dim + 1)
        for k, weight in used:
            sign = weight if k < len(strict) else -weight
            for j, entry in enumerate(self.rows[numbers[k]]):
                total[j] += sign * entry
        beta, square = total[-1], sum(entry * entry for entry in total[:-1])
        if not any(k < len(strict) for k, _ in used) and beta == 0:
            return None
        if beta < 0 or beta * beta < self.radius**2 * square:
            return None
        return _Weighted(
            tuple(strict[k] for k, _ in used if k < len(strict)),
            tuple(k - len(strict) for k, _ in used if k >= len(strict)),
            tuple(weight for _, weight in used),
        )

    def _exactly(self, strict: list[int], active: list[int]) -> _Weighted | Witness:
        plus, minus = [self.rows[i] for i in strict], [self.rows[i] for i in active]
        weights, point = nearest_exactly(plus, minus)
        if point is None or sum(t * t for t in point) >= self.radius**2:
            found = self._weigh(strict, active, weights)
            assert found is not None, "exact multipliers failed their confirmation"
            return found
        return self._interior(strict, active, point)

    def _interior(self, strict: list[int], active: list[int], point: Point) -> _Weighted | Witness:
        """Moves off the tight rows at a nearest point in the ball, if there is interior."""
        one = (*point, Fraction(1))
        tight = [i for i in strict if _value(self.rows[i], one) == 0]
        held = [j for j in active if _value(self.rows[j], one) == 0]
        way = separate_exactly(
            [self.rows[i][:-1] for i in tight], [self.rows[j][:-1] for j in held], len(point)
        )
        if isinstance(way, Relation):
            return self._flat(strict, active, tight, held, way)
        step = Fraction(1)
        while True:
            witness = confirm(
                self.problem, tuple(t + step * d for t, d in zip(point, way, strict=True))
            )
            if witness is not None:
                return simplest(self.problem, witness.x) or witness
            step /= 2

    def _flat(
        self,
        strict: list[int],
        active: list[int],
        tight: list[int],
        held: list[int],
        way: Relation,
    ) -> _Weighted:
        """Tight rows contradict each other: their relation is one with beta = 0 and v = 0."""
        plus, minus = [tight[k] for k in way.positive], [held[k] for k in way.negative]
        exact = positive_relation(
            [self.rows[i][:-1] for i in plus], [self.rows[j][:-1] for j in minus]
        )
        assert exact is not None, "a basic solution is a circuit"
        known = dict(zip([*plus, *minus], exact, strict=True))
        numbers = [*strict, *active]
        found = self._weigh(strict, active, [Fraction(known.get(i, 0)) for i in numbers])
        assert found is not None, "the relation of tight rows failed its confirmation"
        return found

    def _write(self, relation: _Weighted, active: list[int]) -> None:
        head = [len(relation.positive), len(relation.negative)]
        if not relation.positive:  # the active rows alone cannot all be active in the ball
            head = [0, 0, *head[1:]]
        for value in (*head, *relation.positive, *relation.negative, *relation.weights):
            self.body.write(varint(value))


def _value(row: Sequence[int], point: Sequence[Fraction]) -> Fraction:
    return sum((a * t for a, t in zip(row, point, strict=True)), Fraction(0))


def varint(value: int) -> bytes:
    """Returns an unsigned LEB128 number.

    Example:
        >>> varint(300).hex()
        'ac02'
    """
    groups = bytearray()
    while value >= 128:
        groups.append((value & 127) | 128)
        value >>= 7
    groups.append(value)
    return bytes(groups)
