"""Evidence `pair-tree`: a case distinction over pairs of inputs, none of which can collide."""

from dataclasses import dataclass

from flint import fmpq

from monic_checker.body import Body
from monic_checker.budget import PYTHON, Budget
from monic_checker.document import members, rational
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.evidence import Findings
from monic_checker.network import NetworkSubject, Stages
from monic_checker.pair_program import Flat, Span, flat, longest
from monic_checker.pair_rows import AT_X, AT_Y, KINDS, Combination

__all__ = ["PairTree"]

_LINEAR = ("relu", "identity", "leaky-relu")


@dataclass(frozen=True, slots=True)
class PairTree:
    """The tree is the body; the scale is that of an unbounded domain."""

    scale: fmpq | None

    @classmethod
    def read(cls, value: object, subject: NetworkSubject) -> "PairTree":
        """Reads the evidence.

        Raises:
            MalformedProof: when an activation is not piecewise linear, but for an injective one
                at the end, or the scale is not null or a positive rational.
        """
        _, scale = members(value, "evidence", ["kind", "scale"])
        *before, last = subject.activations
        if not all(activation.name in _LINEAR for activation in before):
            raise MalformedProof("subject.stages", "expected piecewise-linear activations")
        if last.name == "normalization" or last.is_partial:
            raise MalformedProof("subject.stages", f"expected no {last.name} at the end")
        number = None if scale is None else rational(scale, "evidence.scale")
        if number is not None and number <= 0:
            raise MalformedProof("evidence.scale", "expected a positive number")
        return cls(number)

    def check(self, stages: Stages, body: Body) -> Findings:
        """Checks the trees of all cases, one after the other.

        Raises:
            InvalidProof: when some combination of rows is not negative.
            MalformedProof: when the body is not that many trees.
        """
        walk = _Walk(flat(stages, self.scale), body, stages.subject.budget)
        for facet, (side, form, end, above) in _cases(walk.flat, self.scale):
            walk.run(facet, side, form, end, above)
        body.end()
        words = f"a tree of {walk.nodes} nodes over pairs of inputs, {walk.leaves} of them leaves"
        return Findings(words, walk.nodes, walk.leaves)


_Case = tuple[int, int, fmpq | None, bool]


def _cases(network: Flat, scale: fmpq | None) -> list[tuple[int, _Case]]:
    """Returns i and what is known besides: of an unbounded domain, why tau is no larger."""
    found: list[tuple[int, _Case]] = []
    for facet in range(network.inputs):
        if scale is None:
            found.append((facet, (AT_X, 0, None, True)))
            continue
        found.append((facet, (AT_X, network.inputs, fmpq(1), True)))
        for side in (AT_X, AT_Y):
            for j in range(network.inputs):
                found += [(facet, (side, j, scale, True)), (facet, (side, j, -scale, False))]
    return found


class _Walk:
    """Goes through trees in preorder; remembers the intervals that decisions replaced."""

    def __init__(self, network: Flat, body: Body, budget: Budget) -> None:
        self.flat, self._body, self._budget = network, body, budget
        self.nodes = self.leaves = 0
        tables = [network.outputs, *(units.rows for units in network.groups)]
        self._entries = sum(int(table.nrows() * table.ncols()) for table in tables)
        self._bits = sum(map(longest, tables))
        budget.spend(6 * (network.n + network.size), 8 * self._bits, "evidence")
        self._places = _ranges(network, network.ends)
        self._known: list[list[Span]] = []
        self._facet = 0

    def run(self, facet: int, side: int, form: int, end: fmpq | None, above: bool) -> None:
        """Checks the tree of one case; `waiting` has the decisions above the present node."""
        self._facet = facet
        ways = [Span(fmpq(-1), fmpq(1))] * self.flat.inputs
        ways[facet] = Span(fmpq(1), fmpq(1))
        ways += [Span(fmpq(0), fmpq(0))] * (self.flat.n - self.flat.inputs)
        self._known = [[*self._places], [*self._places], _ranges(self.flat, ways, way=True)]
        if end is not None:
            self._cut(side, form, end, above)
        waiting: list[tuple[int, int, fmpq, Span, bool]] = []
        while True:
            decision = self._node()
            if decision is not None:
                side, form, at = decision
                waiting.append((side, form, at, self._known[side][form], True))
                self._cut(side, form, at, True)
                continue
            while waiting and not waiting[-1][-1]:
                side, form, _, before, _ = waiting.pop()
                self._known[side][form] = before
            if not waiting:
                return
            side, form, at, before, _ = waiting.pop()
            waiting.append((side, form, at, before, False))
            self._known[side][form] = before
            self._cut(side, form, at, False)

    def _cut(self, side: int, form: int, at: fmpq, above: bool) -> None:
        """Makes use of a number being >= (or <=) another; no interval grows."""
        low, high = self._known[side][form]
        cut = Span(max(low, at), high) if above else Span(low, min(high, at))
        self._known[side][form] = cut

    def _node(self) -> tuple[int, int, fmpq] | None:
        """Reads a node: returns its decision, or checks that it is dead."""
        self._body.node = self.nodes
        self.nodes += 1
        tag = self._body.number()
        if tag == 0:
            self._leaf()
            return None
        form, side = divmod(tag - 1, 3)
        if form >= self.flat.n + self.flat.size:
            raise MalformedProof(self._body.address, f"there is no form {form}")
        at = self._signed()
        return side, form, fmpq(at, self._body.multiplier()) if at else fmpq(0)

    def _leaf(self) -> None:
        self.leaves += 1
        total = Combination(self.flat, self._known, self._facet)
        forms, sides = KINDS * (self.flat.n + self.flat.size), 2 * len(self.flat.sides)
        outputs = [fmpq(0)] * int(self.flat.outputs.nrows())
        row = length = 0
        for _ in range(self._body.number()):
            row += self._body.number()
            weight = fmpq(self._signed())
            length = max(length, int(weight.p.bit_length()))
            if row >= forms + sides + len(outputs):
                raise MalformedProof(self._body.address, f"there is no row {row}")
            if row >= forms + sides:
                outputs[row - forms - sides] += weight
                continue
            if weight < 0:
                raise InvalidProof(self._body.address, f"the multiplier of row {row} is negative")
            if row >= forms:
                total.add_side((row - forms) // 2, bool((row - forms) % 2), weight)
            else:
                total.add(*divmod(row, KINDS), weight, self._body.address)
        words = 2 + (self._bits + length) // 64
        self._budget.work((PYTHON + 2 * words) * (2 * self._entries + forms), self._body.address)
        total.add_outputs(outputs)
        if not total.is_negative():
            raise InvalidProof(self._body.address, "the combination of rows is not negative")

    def _signed(self) -> int:
        """Reads an integer: 2 v + 1 for v >= 0, -2 v for v < 0."""
        number = self._body.multiplier()
        return number // 2 if number % 2 else -(number // 2)


def _ranges(network: Flat, ends: list[Span], *, way: bool = False) -> list[Span]:
    """Returns intervals of all forms from those of the inputs: of z, or of zeta over t."""
    found, values = [*ends], [*ends]
    for units in network.groups:
        new = [_image(row, values, way) for row in units.rows.tolist()]
        found += new
        zero = fmpq(0)
        for low, high in new:
            values.append(Span(min(low, zero) if way else max(low, zero), max(high, zero)))
    return found


def _image(row: list[fmpq], values: list[Span], way: bool) -> Span:
    low = high = fmpq(0) if way else row[0]
    for weight, ends in zip(row[1:], values, strict=True):
        if weight != 0:
            first, second = ends if weight > 0 else ends[::-1]
            low, high = low + weight * first, high + weight * second
    return Span(low, high)
