"""Evidence `pairs-of-cells` (BOUND): kappa by a case distinction over pairs of inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from flint import fmpq, fmpz

from monic_checker.body import Body
from monic_checker.bound import Bound
from monic_checker.budget import PYTHON, bits
from monic_checker.costs import times
from monic_checker.document import items, members, rationals
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.evidence import Findings
from monic_checker.linear import Row
from monic_checker.pair_forms import forms_of
from monic_checker.subject import Subject
from monic_checker.system import System

__all__ = ["PairsOfCells"]

#: The records of a tree.
_PROVED, _ROW, _EDGE = range(3)
#: What is known of a row: active at both x and y; not positive at x; not positive at y.
_BOTH, _TAIL, _HEAD = range(3)
#: Directions of R^n fall into 2^(n-1) cones at first.
_DIM = 12

Cone = list[Row]
States = dict[int, int]


@dataclass(frozen=True, slots=True)
class PairsOfCells:
    """The tree is the body of the file.

    Arguments:
        bound: The claim: a lower bound of kappa.
        cuts: On a ball, half-spaces (a, c) that hold it, a.x <= c from its centre.
    """

    bound: Bound
    cuts: list[list[fmpq]]

    @classmethod
    def read(cls, value: object, subject: Subject, bound: Bound, address: str) -> "PairsOfCells":
        """Reads the evidence.

        Raises:
            MalformedProof: when it has another key, or is none for this claim.
        """
        _, cuts = members(value, address, ["kind", "cuts"])
        if (bound.quantity, bound.relation) != ("inverse-lipschitz", ">=") or bound.value == 0:
            raise MalformedProof("bound", "expected a lower bound > 0 of the inverse constant")
        if subject.n > _DIM:
            raise MalformedProof("subject", f"expected at most {_DIM} inputs")
        rows = items(cuts, f"{address}.cuts", None if subject.domain.ball is not None else 0)
        size = subject.n + 1
        found = [rationals(row, f"{address}.cuts[{k}]", size) for k, row in enumerate(rows)]
        return cls(bound, found)

    def check(self, system: System, body: Body) -> Findings:
        """Checks every cone of directions; x and y may change places, so half of them will do.

        Raises:
            InvalidProof: when a node does not hold.
            MalformedProof: when the body is not such a tree.
        """
        walk = _Walk(system, self.bound, self.cuts, body)
        n = system.n
        for signs in product((1, -1), repeat=n - 1):
            ends = (*signs, 1)
            walk.run([[fmpz(end * (i == j)) for j in range(n)] for i, end in enumerate(ends)])
        body.end()
        return Findings(f"a tree over pairs of cells of {walk.nodes} nodes", walk.nodes)


class _Walk:
    """Checks trees, one for each cone."""

    def __init__(
        self, system: System, bound: Bound, cuts: Sequence[Sequence[fmpq]], body: Body
    ) -> None:
        self._system, self._body, self.nodes = system, body, 0
        self._m, self._n = len(system.rows), system.n
        self._every, scale = forms_of(system, cuts)
        self._level = bound.square * scale * scale
        self._bits = max(map(bits, self._every))

    def run(self, cone: Cone) -> None:
        """Checks the tree of one cone; what is left to do is a stack."""
        todo: list[tuple[Cone, States]] = [(cone, {})]
        deepest, each = 1, 256 * (self._m + self._n)
        while todo:
            todo += reversed(self._node(*todo.pop()))
            if len(todo) > deepest:
                self._system.subject.budget.hold((len(todo) - deepest) * each, "body")
                deepest = len(todo)

    def _node(self, cone: Cone, states: States) -> list[tuple[Cone, States]]:
        body, body.node = self._body, self.nodes
        self.nodes += 1
        tag = body.number()
        if tag == _PROVED:
            self._prove(cone, states)
            return []
        budget = self._system.subject.budget
        budget.work((len(states) + self._n * self._n) * PYTHON, body.address)
        if tag == _ROW:
            row = body.number()
            if row >= self._m or row in states:
                raise MalformedProof(body.address, f"expected another row. Got {row}")
            return [(cone, states | {row: state}) for state in self._cases(row, cone)]
        if tag != _EDGE:
            raise MalformedProof(body.address, f"expected a record of kind 0, 1 or 2. Got {tag}")
        i, j = body.number(), body.number()
        if not (i < self._n and j < self._n and i != j):
            raise MalformedProof(body.address, "expected two generators of the cone")
        a, b = fmpz(body.multiplier()), fmpz(body.multiplier())
        middle = [a * p + b * q for p, q in zip(cone[i], cone[j], strict=True)]
        divisor = fmpz(0)
        for entry in middle:
            divisor = divisor.gcd(entry)
        middle = [entry // divisor for entry in middle]
        length = bits(middle)
        budget.work(self._n * (PYTHON + 2 * times(length, length)), body.address)
        halves = ([*cone[:k], middle, *cone[k + 1 :]] for k in (i, j))
        return [(half, states) for half in halves]

    def _cases(self, row: int, cone: Cone) -> list[int]:
        """The states that leave no pair out; of two that say the same, the stronger one."""
        w = self._system.rows[row]
        along = [_dot(w, way) for way in cone]
        cases = [_BOTH]
        cases += [_TAIL] if max(along) > 0 or not any(along) else []
        return cases + ([_HEAD] if min(along) < 0 else [])

    def _prove(self, cone: Cone, states: States) -> None:
        """Reads multipliers, and insists that they bound |f(y) - f(x)| / |y - x| on the cone."""
        body, n = self._body, self._n
        near, far, square = [fmpz(0)] * (n + 1), [fmpz(0)] * (n + 1), fmpz(0)
        counted: set[int] = set()
        for _ in range(body.number()):
            kind, row = body.number(), body.number()
            if kind > 3 or row >= len(self._every) or row == self._m:
                raise MalformedProof(body.address, "expected a multiplier of a row or a side")
            factor = fmpz(body.multiplier())
            length = int(factor.bit_length())
            cost = (n + 1) * (4 * PYTHON + 2 * times(self._bits, length))
            self._system.subject.budget.work(cost, body.address)
            if kind < 2:
                if row in counted:
                    raise MalformedProof(body.address, f"row {row} counts once")
                counted.add(row)
                square += factor * factor
            at_x, at_y = self._shares(kind, states.get(row), row)
            entries = self._every[row]
            near = [s + factor * at_x * e for s, e in zip(near, entries, strict=True)]
            far = [s + factor * at_y * e for s, e in zip(far, entries, strict=True)]
        if any(near[:-1]) or near[-1] < 0:
            raise InvalidProof(body.address, "the multipliers do not cancel x, or F_t < 0")
        for way in cone:
            pull, length2 = _dot(far, way), sum((e * e for e in way), fmpz(0))
            enough = pull * pull >= self._level * square * length2 if square else pull > 0
            if pull < 0 or not enough:
                raise InvalidProof(body.address, "the multipliers prove less along a generator")

    def _shares(self, kind: int, state: int | None, row: int) -> tuple[int, int]:
        """What a multiplier adds to the forms in (x, t), and to those in d = y - x."""
        table: dict[tuple[int, int | None], tuple[int, int]] = {
            (0, _BOTH): (0, 1),
            (1, _BOTH): (0, -1),
            (0, _TAIL): (1, 1),
            (0, _HEAD): (1, 0),
            (2, _BOTH): (-1, 0),
            (3, _BOTH): (-1, -1),
            (2, _TAIL): (1, 0),
            (3, _HEAD): (1, 1),
        }
        if row > self._m:
            table = {(2, None): (1, 0), (3, None): (1, 1)}
        found = table.get((kind, state))
        if found is None:
            raise InvalidProof(self._body.address, f"row {row} gives no such form here")
        return found


def _dot(form: Sequence[fmpz], way: Sequence[fmpz]) -> fmpz:
    return sum((a * b for a, b in zip(form, way, strict=False)), fmpz(0))
