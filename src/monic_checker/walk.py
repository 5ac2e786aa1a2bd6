"""A case distinction over the rows that are active, checked as a stream."""

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from flint import fmpz_mat

from monic_checker.body import Body
from monic_checker.budget import PYTHON, bits
from monic_checker.costs import elimination, elimination_size, times
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.linear import Row, matrix, primitive
from monic_checker.system import System

__all__ = ["Relations", "Walk"]

#: The work of a node besides its relation and its rank.
_NODE = 40 * PYTHON

#: How far back a record may refer to another.
_MEMORY = 256


class Relations(Protocol):
    """The rules that relations obey on one domain."""

    weighted: bool

    @property
    def count(self) -> int: ...

    def fault(self, left: Sequence[int], right: Sequence[int], body: Body) -> str | None: ...


class Walk:
    """Goes through a tree in preorder; remembers only the path from the root.

    The rows on the path are `active` (K in the specification), the open rows that were passed
    on the way are `inactive` (E).
    """

    def __init__(
        self, system: System, rules: Relations, body: Body, *, packing: bool = False
    ) -> None:
        self.nodes = 0
        self.relations = 0
        self.packings = 0
        self._packing = packing
        self._n, self._m = system.n, len(system.rows)
        self._budget = system.subject.budget
        self._rules = rules
        self._body = body
        self._active: list[int] = []
        self._inactive: set[int] = set()
        self._earlier: deque[tuple[list[int], list[int]]] = deque(maxlen=_MEMORY)
        self._spans = _Spans(system)

    def run(self) -> None:
        """Checks the whole tree; per level, `todo` has the children to come, `done` the past."""
        todo, done = [self._node()], [list[int]()]
        while todo:
            if todo[-1]:
                self._active.append(todo[-1].pop())
                todo.append(self._node())
                done.append([])
                continue
            todo.pop()
            self._inactive.difference_update(done.pop())
            if todo:
                row = self._active.pop()
                done[-1].append(row)
                self._inactive.add(row)

    def _node(self) -> list[int]:
        """Checks one node, and returns its open rows, the first one last."""
        self._body.node = self.nodes
        self.nodes += 1
        self._budget.work(_NODE, "the tree")
        if len(self._active) == self._n:
            if not self._spans(self._active):
                raise self._invalid(f"the {self._n} active rows {self._active} are dependent")
            return []
        return self._open(self._relation())[::-1]

    def _open(self, left: list[int]) -> list[int]:
        """The rows of P of which one must be active; they are none of K."""
        if not set(left).isdisjoint(self._active):
            raise self._invalid(f"a row of {left} is active already")
        return [row for row in left if row < self._m and row not in self._inactive]

    def _relation(self) -> list[int]:
        """Reads and checks a node's record, and returns the rows of P."""
        p = self._body.number()
        if p > 0:
            return self._remembered(p)
        distance = self._body.number()
        if distance > 0:
            return self._repeated(distance)
        if self._rules.weighted:
            q = self._body.number()
            if q > 0:
                return self._read(0, q)[0]
        if self._packing:
            self._packed()
            return []
        raise self._malformed("a relation without rows")

    def _remembered(self, p: int) -> list[int]:
        """Reads a full record, to which later ones may refer."""
        left, right = self._read(p, self._body.number())
        self._earlier.append((left, right))
        return left

    def _packed(self) -> None:
        """Reads n - |K| relations without common open rows: each has an active row of its own."""
        taken: set[int] = set()
        for _ in range(self._n - len(self._active)):
            p = self._body.number()
            if p == 0:
                raise self._malformed("expected the full records of a packing")
            opened = self._open(self._remembered(p))
            if not taken.isdisjoint(opened):
                raise self._invalid(f"two relations of a packing share rows of {opened}")
            taken.update(opened)
        self.packings += 1

    def _read(self, p: int, q: int) -> tuple[list[int], list[int]]:
        """Reads and checks the rows of P and N."""
        if p + q > self._n + 2:
            raise self._malformed(f"expected at most {self._n + 2} rows. Got {p} + {q}")
        left = [self._number(self._rules.count) for _ in range(p)]
        right = [self._active[self._number(len(self._active))] for _ in range(q)]
        if len({*left}) < p or len({*right}) < q:
            raise self._malformed("a row appears twice in one list")
        fault = self._rules.fault(left, right, self._body)
        if fault is not None:
            raise self._invalid(fault)
        self.relations += 1
        return left, right

    def _repeated(self, distance: int) -> list[int]:
        """Looks an earlier relation up; it held there, and only its N depends on the node."""
        if distance > len(self._earlier):
            raise self._malformed(f"there is no record at distance {distance} to refer to")
        left, right = self._earlier[-distance]
        if not set(right).issubset(self._active):
            raise self._invalid(f"not all rows {right} of the relation are active here")
        return left

    def _number(self, bound: int) -> int:
        number = self._body.number()
        if number >= bound:
            raise self._malformed(f"expected a number below {bound}. Got {number}")
        return number

    def _invalid(self, reason: str) -> InvalidProof:
        return InvalidProof(self._body.address, reason)

    def _malformed(self, reason: str) -> MalformedProof:
        return MalformedProof(self._body.address, reason)


class _Spans:
    """Tells whether n rows w_i span R^n; quick when only the last one has changed."""

    def __init__(self, system: System) -> None:
        self._n, self._budget = system.n, system.subject.budget
        self._all = system.rows
        self._budget.spend(2 * len(self._all) * self._n, system.longest, "subject.map")
        self._budget.hold(elimination_size(self._n, self._n, system.longest), "subject.map")
        self._rows: dict[int, Row] = {}
        self._columns: dict[int, fmpz_mat] = {}
        self._longest = 1
        self._others: list[int] | None = None
        self._normal: fmpz_mat | None = None

    def __call__(self, numbers: list[int]) -> bool:
        *others, last = numbers
        if last not in self._columns:
            self._columns[last] = fmpz_mat(self._n, 1, self._row(last))
        if others != self._others:
            self._others, self._normal = others, self._orthogonal(others)
        length = self._longest
        self._budget.work(self._n * times(length, self._n * length), "the tree")
        return self._normal is not None and (self._normal * self._columns[last])[0, 0] != 0

    def _row(self, i: int) -> Row:
        """A positive multiple of w_i, the shortest of integers."""
        if i not in self._rows:
            self._rows[i] = primitive(self._all[i][:-1], self._budget, "the tree")
            self._longest = max(self._longest, bits(self._rows[i]))
        return self._rows[i]

    def _orthogonal(self, numbers: list[int]) -> fmpz_mat | None:
        """The vector orthogonal to the n - 1 rows, or None if they are dependent."""
        rows = [self._row(i) for i in numbers]
        self._budget.work(elimination(len(numbers), self._n, self._longest), "the tree")
        kernel, nullity = matrix(rows, self._n).nullspace()
        if nullity != 1:
            return None
        return fmpz_mat(1, self._n, [kernel[i, 0] for i in range(self._n)])
