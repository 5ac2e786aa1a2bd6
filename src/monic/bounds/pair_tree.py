"""kappa by branch and bound over pairs of sign patterns and cones of directions.

A node is a simplicial cone of directions d = y - x, and for some rows one of three states that
together leave nothing out: active at both ends, not positive at x, not positive at y. Its convex
program bounds |f(y) - f(x)| / |d| from below (`relaxation`, made exact by `pair_proof`), and at
its minimum there is a pair of inputs. docs/stability.md proves the bound, and that it converges.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import heappop, heappush
from itertools import product
from math import gcd, inf, log2
from typing import Any

import numpy as np

from monic.bounds.interval import Interval, root_below
from monic.bounds.inverse_lipschitz import Pair, ratio_at
from monic.bounds.pair_program import Cone, Programs, Solved
from monic.bounds.pair_proof import Share
from monic.bounds.relaxation import BOTH, FREE, HEAD, TAIL
from monic.bounds.subject import Subject
from monic.clock import monotonic
from monic.decision.problem import Point

__all__ = ["Known", "PairTree", "is_small"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

#: Cones of directions narrower than this are not divided any more.
NARROW = 1e-6
#: Layers up to this dimension, and with so many rows, are searched to the end.
SMALL, ROWS = 3, 64
#: Half-spaces around a ball, for each dimension.
CUTS = 40
#: How often a program is solved again after its inputs were cut off.
AGAIN = 3


def is_small(subject: Subject) -> bool:
    """Whether the tree is expected to reach the gap in seconds."""
    return subject.dim <= SMALL and len(subject.used) <= ROWS


@dataclass(order=True, slots=True)
class _Node:
    """What is proved about a node, and how it is to be divided.

    Arguments:
        bound: kappa is at least this, over the pairs of the node.
        number: Counts nodes, so that the order is the same each time.
        cone: The integer generators of the directions.
        state: What is known about each row in use.
        row: The row to branch on, or -1 for the cone.
    """

    bound: float
    number: int
    cone: Cone = field(compare=False)
    state: tuple[int, ...] = field(compare=False)
    row: int = field(compare=False)


@dataclass(slots=True)
class Known:
    """A node that was looked at.

    Arguments:
        own: What its own program proves.
        cone: The integer generators of the directions.
        state: What is known about each row in use.
        row: The row it was divided by, or -1 for the cone.
        children: The numbers of its parts; none if it was not divided.
    """

    own: float
    cone: Cone
    state: tuple[int, ...]
    row: int = -1
    children: list[int] = field(default_factory=list)


class PairTree:
    """A search for kappa that can be stopped at any time.

    Arguments:
        subject: The layer.
        upper: An upper bound for kappa that is known, such as the ratio of a pair.
        floor: A lower bound that is known.
        gap: 1 - lower/upper at which to stop.
    """

    def __init__(self, subject: Subject, upper: float, floor: float, gap: float) -> None:
        self.subject, self.upper, self.floor, self.gap = subject, upper, floor, gap
        self.pair: Pair | None = None
        self.nodes = 0
        self._closed = inf
        self._cuts: list[tuple[int, ...]] = []
        self._programs = Programs(subject, self._cuts)
        self._heap: list[_Node] = []
        self._cones = list(_half_of_all(subject.dim))
        #: Every node by its number: its own bound, cone and state, and how it was divided.
        self.known: dict[int, Known] = {}
        self.roots: list[int] = []

    @property
    def interval(self) -> Interval:
        """An interval that holds kappa."""
        least = 0.0 if self._cones else self._closed
        if self._heap:
            least = min(least, self._heap[0].bound)
        return Interval(max(self.floor, least), self.upper)

    @property
    def done(self) -> bool:
        """Whether the gap is reached, or nothing is left to divide."""
        return not self._cones and (not self._heap or self._enough(self._heap[0].bound))

    def run(self, budget: int, deadline: float | None) -> None:
        """Searches on until the gap is reached, or so many nodes, or the deadline."""
        while not self.done and self.nodes < budget:
            if deadline is not None and monotonic() >= deadline:
                return
            if self._cones:
                state = (FREE,) * len(self.subject.used)
                root = self._node(0.0, self._cones[-1], state)
                self.roots.append(root.number)
                self._keep([root])
                self._cones.pop()
            else:
                # children come after their parent in the heap's order, so that it stays on top;
                # it leaves last, and an interrupt loses no pairs of inputs
                parent = self._heap[0]
                children = [self._node(parent.bound, *child) for child in self._divided()]
                self.known[parent.number].children = [child.number for child in children]
                self.known[parent.number].row = parent.row
                self._keep(children)
                heappop(self._heap)

    @property
    def unit(self) -> Fraction:
        """How long 1 is in the rows of the programs, for the user."""
        return self._programs.unit

    @property
    def sides(self) -> Sequence[Sequence[int]]:
        """The forms (a, c) with a.x + c t >= 0 on the domain (from the centre, on a ball)."""
        return self._programs.proof.forms.sides

    def shares(self, number: int) -> tuple[float, list[Share]]:
        """Returns what a node proves by itself, and the multipliers that prove it."""
        node, programs = self.known[number], self._programs
        found = programs.solve(node.cone, node.state)
        expected = found.square * programs.top**2
        square, shares = programs.proof.best(node.state, node.cone, found.multipliers, expected)
        return root_below(square * programs.unit**2), shares

    def _keep(self, nodes: list[_Node]) -> None:
        for node in nodes:
            if node.row < -1 or self._enough(node.bound):
                self._closed = min(self._closed, node.bound)
            else:
                heappush(self._heap, node)

    def _enough(self, bound: float) -> bool:
        return bound >= (1.0 - self.gap) * self.upper

    def _divided(self) -> Iterator[tuple[Cone, tuple[int, ...]]]:
        """The children of the node with the least bound."""
        node = self._heap[0]
        if node.row < 0:
            for cone in _halves(node.cone):
                yield cone, node.state
            return
        weights = self.subject.weights[self.subject.used[node.row]]
        along = [sum(a * u for a, u in zip(weights, way, strict=True)) for way in node.cone]
        states = [BOTH]
        if max(along) > 0 or not any(along):
            states.append(TAIL)
        if min(along) < 0:
            states.append(HEAD)
        for state in states:
            yield node.cone, (*node.state[: node.row], state, *node.state[node.row + 1 :])

    def _node(self, bound: float, cone: Cone, state: tuple[int, ...]) -> _Node:
        """Bounds a new node, and looks at the pair that its program found."""
        self.nodes += 1
        found = self._programs.solve(cone, state)
        for _ in range(AGAIN):
            if not self._cut(found):
                break
            found = self._programs.solve(cone, state)
        square = self._programs.proof.square(
            state, cone, found.multipliers, found.square * self._programs.top**2
        )
        own = root_below(square * self._programs.unit**2)
        self.known[self.nodes] = Known(own, cone, state)
        bound = max(bound, own)
        if not self._enough(bound):
            self._try(found.x, found.other)
        return _Node(bound, self.nodes, cone, state, _choice(found, cone, state))

    def _cut(self, found: Solved) -> bool:
        """Cuts off inputs that are outside the ball; whether there were any."""
        ball, before = self.subject.problem.ball, len(self._cuts)
        if ball is None or before >= CUTS * self.subject.dim:
            return False
        for end in (found.x, found.other):
            if np.isfinite(end).all() and np.linalg.norm(end) > ball.radius * (1 + self.gap / 8):
                self._cuts.append(self.subject.cut(tuple(map(Fraction, end.tolist()))))
        if len(self._cuts) == before:
            return False
        self._programs = Programs(self.subject, self._cuts)
        return True

    def _try(self, x: FloatArray, other: FloatArray) -> None:
        """Takes a pair of inputs as an upper bound, if it is one and inside the domain."""
        if not (np.isfinite(x).all() and np.isfinite(other).all()):
            return
        if self._programs.ratio(x, other) >= self.upper * (1 - 1e-4):
            return
        subject = self.subject
        inner = subject.problem.inner_point()
        for share in (0.0, 1e-9, 1e-6, 1e-3):
            ends: list[Point] = []
            for end in (x, other):
                near = (
                    (1 - share) * t + share * float(c)
                    for t, c in zip(end.tolist(), inner, strict=True)
                )
                ends.append(subject.problem.outside(tuple(map(Fraction, near))))
            if ends[0] != ends[1] and all(map(subject.layer.domain.contains, ends)):
                ratio = ratio_at(subject, ends[0], ends[1])
                if ratio < self.upper:
                    self.upper, self.pair = ratio, Pair(x=ends[0], other=ends[1], ratio=ratio)
                return


def _choice(found: Solved, cone: Cone, state: tuple[int, ...]) -> int:
    """The row to branch on; -1 for the cone; -2 when floats see nothing left to divide."""
    gain = float(found.gains.sum())
    if gain > 0 and gain >= (gain + found.square) * found.slack:
        return int(np.argmax(found.gains))
    ways = np.array(cone, dtype=np.float64)
    ways /= np.linalg.norm(ways, axis=1)[:, None]
    wide = max((float(np.abs(a - b).max()) for a in ways for b in ways), default=0.0)
    if wide > NARROW:
        return -1
    return next((i for i, known in enumerate(state) if known == FREE), -2)


def _half_of_all(dim: int) -> Iterator[Cone]:
    """Orthants that together hold d or -d for every d; x and y may change places."""
    for signs in product((1, -1), repeat=dim - 1):
        yield tuple(
            tuple(int(i == j) * sign for j in range(dim)) for i, sign in enumerate((*signs, 1))
        )


def _halves(cone: Cone) -> tuple[Cone, Cone]:
    """Divides the longest edge of a cone at an integer combination near its middle."""
    lengths = [float(np.linalg.norm(np.array(way, dtype=np.float64))) for way in cone]
    ways = [
        np.array(way, dtype=np.float64) / size for way, size in zip(cone, lengths, strict=True)
    ]
    n = len(cone)
    edges = [(i, j) for i in range(n) for j in range(i)]
    i, j = max(edges, key=lambda edge: float(np.linalg.norm(ways[edge[0]] - ways[edge[1]])))
    shift = round(log2(lengths[i] / lengths[j]))
    a, b = (1, 2**shift) if shift >= 0 else (2**-shift, 1)
    middle = tuple(a * p + b * q for p, q in zip(cone[i], cone[j], strict=True))
    divisor = gcd(*middle)
    middle = tuple(entry // divisor for entry in middle)
    return (*cone[:i], middle, *cone[i + 1 :]), (*cone[:j], middle, *cone[j + 1 :])
