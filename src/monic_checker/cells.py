"""Evidence `cells` (BOUND): a case distinction over signs of rows, with a matrix at every end."""

from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq, fmpz

from monic_checker.body import Body
from monic_checker.bound import Bound
from monic_checker.definite import is_positive_definite
from monic_checker.document import integer, items, members
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.evidence import Findings
from monic_checker.gram import Gram
from monic_checker.opposite import read_pairs, squeezes, stretches
from monic_checker.signs import Signs
from monic_checker.subject import Subject
from monic_checker.system import System
from monic_checker.vector import lcm

__all__ = ["Cells"]

#: The records of a tree.
_CLOSED, _BRANCH, _EMPTY = range(3)


@dataclass(frozen=True, slots=True)
class Cells:
    """What is known of all cells, and a tree over them in the body.

    Arguments:
        bound: The claim: kappa or sigma* from below, or the Lipschitz constant from above.
        always: Rows that are negative nowhere on X; only for kappa.
        pairs: Opposite rows; none for sigma*.
    """

    bound: Bound
    always: list[int]
    pairs: list[tuple[int, int]]

    @classmethod
    def read(cls, value: object, subject: Subject, bound: Bound, address: str) -> "Cells":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is none for this claim.
        """
        _, always, pairs = members(value, address, ["kind", "always", "pairs"])
        rows = [
            integer(row, f"{address}.always[{k}]", 0, subject.m)
            for k, row in enumerate(items(always, f"{address}.always"))
        ]
        found = read_pairs(pairs, f"{address}.pairs", subject.m)
        every = [*rows, *(row for pair in found for row in pair)]
        if len(set(every)) < len(every):
            raise MalformedProof(address, "expected every row at most once")
        if bound.quantity != "inverse-lipschitz" and rows:
            raise MalformedProof(f"{address}.always", "expected no rows for this quantity")
        if bound.quantity == "smallest-singular" and found:
            raise MalformedProof(f"{address}.pairs", "expected no pairs for this quantity")
        if bound.is_lower == (bound.quantity == "lipschitz") or bound.value == 0:
            raise MalformedProof("bound", "expected a bound > 0 of the side that cells prove")
        return cls(bound, rows, found)

    def check(self, system: System, body: Body) -> Findings:
        """Checks the rows that are always active, the pairs, and the tree.

        Raises:
            InvalidProof: when one of them does not hold.
            MalformedProof: when the body is not what they ask for.
        """
        signs = Signs(system)
        for row in self.always:
            signs.refute({row: -1}, body)
        walk = _Walk(system, signs, self._goal(system), body)
        walk.run()
        body.end()
        return Findings(f"a tree over the cells of {walk.nodes} nodes", walk.nodes, walk.relations)

    def _goal(self, system: System) -> "_Squeeze | _Stretch":
        if self.bound.quantity == "lipschitz":
            return _Stretch(system, self.bound, stretches(self.pairs, system, "evidence.pairs"))
        base = [(fmpq(1), row) for row in self.always]
        base += squeezes(self.pairs, system, "evidence.pairs")
        free = set(range(len(system.rows))) - {row for pair in self.pairs for row in pair}
        return _Squeeze(system, self.bound, base, free - set(self.always))


class _Walk:
    """Goes through the tree in preorder: K and E are the rows with the signs 1 and -1."""

    def __init__(
        self, system: System, signs: Signs, goal: "_Squeeze | _Stretch", body: Body
    ) -> None:
        self.nodes = self.relations = 0
        self._m, self._signs, self._goal, self._body = len(system.rows), signs, goal, body
        self._known: dict[int, int] = {}

    def run(self) -> None:
        """Checks the whole tree; `path` has the rows that were branched on."""
        path: list[int] = []
        while True:
            if (row := self._node()) is not None:
                path.append(row)
                self._known[row] = 1
                continue
            while path and self._known[path[-1]] == -1:
                del self._known[path.pop()]
            if not path:
                return
            self._known[path[-1]] = -1

    def _node(self) -> int | None:
        """Checks one node, and returns the row to branch on, if any."""
        body, body.node = self._body, self.nodes
        self.nodes += 1
        tag = body.number()
        if tag == _CLOSED:
            if not self._goal.closes(self._known):
                raise InvalidProof(body.address, "the matrix is not positive definite")
        elif tag == _EMPTY:
            self.relations += 1
            self._signs.refute(self._known, body)
        elif tag == _BRANCH:
            row = body.number()
            if row >= self._m or row in self._known:
                raise MalformedProof(body.address, f"expected another row. Got {row}")
            if self._signs.is_constant(row):
                raise InvalidProof(body.address, f"w_{row} is 0, and its sign divides nothing")
            return row
        else:
            raise MalformedProof(body.address, f"expected a record of kind 0, 1 or 2. Got {tag}")
        return None


class _Squeeze:
    """At every cell the least eigenvalue of base + sum of w w^T is above the level.

    For kappa, 2 C + sum - 2 v^2 I, with C of rows that are always active and of pairs; for
    sigma*, sum - v^2 I. Only the `free` rows count in the sum, where they are known active.
    """

    def __init__(
        self, system: System, bound: Bound, base: Sequence[tuple[fmpq, int]], free: set[int]
    ) -> None:
        twice = 2 if bound.quantity == "inverse-lipschitz" else 1
        self._system, self._free = system, free
        self._unit = lcm([weight.q for weight, _ in base])
        table = Gram(system)
        for weight, row in base:
            table.add(row, 2 * weight.p * (self._unit // weight.q))
        self._base = table
        scale = system.scale
        self._level = -bound.square * twice * self._unit * scale * scale

    def closes(self, known: dict[int, int]) -> bool:
        """Whether the rows that are known to be active are enough."""
        budget = self._system.subject.budget
        with budget.scope():
            table = self._base.copy()
            for row, sign in known.items():
                if sign > 0 and row in self._free:
                    table.add(row, self._unit)
            return is_positive_definite(table.entries, self._level, budget)


class _Stretch:
    """At every cell the greatest eigenvalue of sum of w w^T is below v^2.

    All rows count that are not known to be inactive, but the shorter one of a pair that is never
    positive together only where the longer one is inactive.
    """

    def __init__(self, system: System, bound: Bound, longer: dict[int, int]) -> None:
        self._system, self._longer = system, longer
        scale = system.scale
        self._level = bound.square * scale * scale

    def closes(self, known: dict[int, int]) -> bool:
        """Whether the rows that may be active are few enough."""
        budget = self._system.subject.budget
        with budget.scope():
            table = Gram(self._system)
            for row in range(len(self._system.rows)):
                longer = self._longer.get(row)
                shadowed = longer is not None and known.get(longer) != -1
                if known.get(row) != -1 and not shadowed:
                    table.add(row, fmpz(-1))
            return is_positive_definite(table.entries, self._level, budget)
