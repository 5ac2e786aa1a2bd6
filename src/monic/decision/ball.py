"""A node on a ball, exactly: the point of a polyhedron nearest to the centre.

Rows a node needs negative (and active rows it needs nonnegative) form a polyhedron; it meets the
open ball if and only if its nearest point has |x| < r and it has interior. The multipliers of the
nearest point are the node's relation: beta = sum l_i b_i - sum m_j b_j >= r |v| with v = sum l_i
w_i - sum m_j w_j. This is slow and never wrong; the compiled search asks for it where floats are
not enough.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from monic.decision.problem import Point, Problem
from monic.decision.witness import Witness, confirm, simplest
from monic.geometry.exact_separation import Relation, separating
from monic.geometry.nearest import nearing
from monic.geometry.rational import positive_relation
from monic.model.array import exact

__all__ = ["Weighted", "circuit_on_ball", "separating_on_ball", "varint"]


@dataclass(frozen=True, slots=True)
class Weighted:
    """A relation on a ball, with its integer multipliers.

    Arguments:
        positive: The rows i of P.
        negative: The rows j of N.
        weights: The multipliers of P and then those of N.
    """

    positive: tuple[int, ...]
    negative: tuple[int, ...]
    weights: tuple[int, ...]

    def record(self, active: Sequence[int]) -> bytes:
        """Returns the record of a proof, at a node with these active rows."""
        head = [len(self.positive), len(self.negative)]
        if not self.positive:  # the active rows alone cannot all be active in the ball
            head = [0, *head]
        places = [list(active).index(row) for row in self.negative]
        return b"".join(map(varint, [*head, *self.positive, *places, *self.weights]))


def circuit_on_ball(
    problem: Problem, positive: Sequence[int], negative: Sequence[int]
) -> Weighted | None:
    """Returns the relation of these rows if they have one with beta = 0 and v = 0, exactly."""
    found = positive_relation(
        [problem.rows[i] for i in positive], [problem.rows[j] for j in negative]
    )
    if found is None:
        return None
    return _weigh(problem, positive, negative, [Fraction(weight) for weight in found])


def separating_on_ball(
    problem: Problem, strict: Sequence[int], active: Sequence[int]
) -> Generator[None, None, Weighted | Witness]:
    """Returns a relation of a node on a ball, or the witness at one of its points, exactly.

    It pauses after every step of the two exact methods.

    Arguments:
        problem: The layer.
        strict: The rows that must be negative.
        active: The rows that must not be.
    """
    ball = problem.ball
    assert ball is not None, "this is about balls"
    if not strict:
        witness = confirm(problem, problem.inner_point())
        assert witness is not None, "rows that all lie in a proper span never span"
        return witness
    plus, minus = [problem.rows[i] for i in strict], [problem.rows[i] for i in active]
    weights, point = yield from nearing(plus, minus)
    if point is None or sum(t * t for t in point) >= exact(ball.radius) ** 2:
        found = _weigh(problem, strict, active, weights)
        assert found is not None, "exact multipliers failed their confirmation"
        return found
    return (yield from _interior(problem, strict, active, point))


def _weigh(
    problem: Problem, strict: Sequence[int], active: Sequence[int], weights: Sequence[Fraction]
) -> Weighted | None:
    """Returns the relation with these multipliers if it proves the node, exactly."""
    ball = problem.ball
    assert ball is not None, "multipliers are for balls"
    unit = lcm(*(w.denominator for w in weights)) if weights else 1
    numbers = [*strict, *active]
    used = [(k, int(w * unit)) for k, w in enumerate(weights) if w > 0]
    total = [0] * (problem.dim + 1)
    for k, weight in used:
        sign = weight if k < len(strict) else -weight
        for j, entry in enumerate(problem.rows[numbers[k]]):
            total[j] += sign * entry
    beta, square = total[-1], sum(entry * entry for entry in total[:-1])
    if not any(k < len(strict) for k, _ in used) and beta == 0:
        return None
    if beta < 0 or beta * beta < exact(ball.radius) ** 2 * square:
        return None
    return Weighted(
        tuple(numbers[k] for k, _ in used if k < len(strict)),
        tuple(numbers[k] for k, _ in used if k >= len(strict)),
        tuple(weight for _, weight in used),
    )


def _interior(
    problem: Problem, strict: Sequence[int], active: Sequence[int], point: Point
) -> Generator[None, None, Weighted | Witness]:
    """Moves off the tight rows at a nearest point in the ball, if there is interior."""
    one = (*point, Fraction(1))
    tight = [i for i in strict if _value(problem.rows[i], one) == 0]
    held = [j for j in active if _value(problem.rows[j], one) == 0]
    way = yield from separating(
        [problem.rows[i][:-1] for i in tight], [problem.rows[j][:-1] for j in held], len(point)
    )
    if isinstance(way, Relation):
        plus, minus = [tight[k] for k in way.positive], [held[k] for k in way.negative]
        return _flat(problem, plus, minus)
    step = Fraction(1)
    while True:
        moved = tuple(t + step * d for t, d in zip(point, way, strict=True))
        witness = confirm(problem, moved)
        if witness is not None:
            return simplest(problem, witness.x) or witness
        step /= 2


def _flat(problem: Problem, plus: Sequence[int], minus: Sequence[int]) -> Weighted:
    """Tight rows contradict each other: their relation is one with beta = 0 and v = 0."""
    weights = positive_relation(
        [problem.rows[i][:-1] for i in plus], [problem.rows[j][:-1] for j in minus]
    )
    assert weights is not None, "a basic solution is a circuit"
    found = _weigh(problem, plus, minus, [Fraction(weight) for weight in weights])
    assert found is not None, "the relation of tight rows failed its confirmation"
    return found


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
