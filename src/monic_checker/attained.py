"""Evidence `point`, `pair` and `opposite-rows` (BOUND): what attains a bound of a ReLU layer."""

from dataclasses import dataclass

from flint import fmpq, fmpz

from monic_checker.body import Body
from monic_checker.bound import Bound, square_of
from monic_checker.budget import PYTHON, Budget, bits
from monic_checker.costs import times
from monic_checker.document import members, rationals
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.evidence import Findings
from monic_checker.linear import independent
from monic_checker.opposite import read_pairs, squeezes
from monic_checker.subject import Subject
from monic_checker.system import System
from monic_checker.vector import over_one_denominator

__all__ = ["CrossedRows", "Direction", "Pair"]


def _insist(bound: Bound, sides: dict[str, str], kind: str) -> None:
    """Insists that a kind of evidence proves this side of this quantity."""
    if sides.get(bound.quantity) != bound.relation:
        raise MalformedProof("bound", f"expected a bound that evidence of kind {kind} proves")


@dataclass(frozen=True, slots=True)
class Direction:
    """A point inside X and a direction d: what the active rows there do to d.

    A cell next to x has at most the active rows, w_i.x + b_i >= 0, and at least those that are
    positive. So |W d| / |d| of the former bounds sigma* and kappa from above, and of the latter
    the Lipschitz constant from below. For an affine layer all rows count.
    """

    bound: Bound
    x: list[fmpq]
    direction: list[fmpq]

    @classmethod
    def read(cls, value: object, subject: Subject, bound: Bound, address: str) -> "Direction":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not a point and a direction, for such a claim.
        """
        _, x, way = members(value, address, ["kind", "x", "direction"])
        sides = {"inverse-lipschitz": "<=", "smallest-singular": "<=", "lipschitz": ">="}
        _insist(bound, sides, "point")
        place, n = f"{address}.direction", subject.n
        return cls(bound, rationals(x, f"{address}.x", n), rationals(way, place, n))

    def check(self, system: System, body: Body) -> Findings:
        """Checks that x is inside X, and how much the direction is stretched.

        Raises:
            InvalidProof: when it is not, or not as much as claimed.
            MalformedProof: when there are bytes after the header.
        """
        body.end()
        budget = system.subject.budget
        x = over_one_denominator(self.x, budget, "evidence.x")
        if not system.subject.domain.contains(x, budget, interior=True):
            raise InvalidProof("evidence.x", "the point is not in the interior of the domain")
        if not any(self.direction):
            raise InvalidProof("evidence.direction", "expected a direction other than 0")
        there = system.values_at(self.x, "evidence.x")
        moved = [a + b for a, b in zip(self.x, self.direction, strict=True)]
        after = system.values_at(moved, "evidence.direction")
        relu, strict = system.subject.kind == "relu-layer", self.bound.is_lower
        stretched = [
            b - a
            for a, b in zip(there, after, strict=True)
            if not relu or a > 0 or (a == 0 and not strict)
        ]
        if not self.bound.holds(square_of(stretched, budget), square_of(self.direction, budget)):
            raise InvalidProof("evidence.direction", "the active rows do not attain the bound")
        return Findings(f"a direction at a point with {len(stretched)} active rows")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two different points of X, and how far apart their outputs are."""

    bound: Bound
    x: list[fmpq]
    other: list[fmpq]

    @classmethod
    def read(cls, value: object, subject: Subject, bound: Bound, address: str) -> "Pair":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not two points, for such a claim.
        """
        _, x, other = members(value, address, ["kind", "x", "other"])
        _insist(bound, {"inverse-lipschitz": "<=", "lipschitz": ">="}, "pair")
        n = subject.n
        return cls(bound, rationals(x, f"{address}.x", n), rationals(other, f"{address}.other", n))

    def check(self, system: System, body: Body) -> Findings:
        """Checks that the points lie in X, and the ratio of their distances.

        Raises:
            InvalidProof: when they do not, are equal, or do not attain the bound.
            MalformedProof: when there are bytes after the header.
        """
        body.end()
        outputs = []
        for name, numbers in (("x", self.x), ("other", self.other)):
            address = f"evidence.{name}"
            point = over_one_denominator(numbers, system.subject.budget, address)
            if not system.subject.domain.contains(point, system.subject.budget, interior=False):
                raise InvalidProof(address, "the point does not lie in the domain")
            values = system.values_at(numbers, address)
            relu = system.subject.kind == "relu-layer"
            outputs.append([max(v, fmpq(0)) if relu else v for v in values])
        return self.judge(system.subject.budget, *outputs)

    def judge(self, budget: Budget, first: list[fmpq], second: list[fmpq]) -> Findings:
        """Compares the outputs with the bound.

        Raises:
            InvalidProof: when the points are equal, or do not attain the bound.
        """
        if self.x == self.other:
            raise InvalidProof("evidence.other", "expected another point than evidence.x")
        top = square_of([a - b for a, b in zip(first, second, strict=True)], budget)
        bottom = square_of([a - b for a, b in zip(self.x, self.other, strict=True)], budget)
        if not self.bound.holds(top, bottom):
            raise InvalidProof("evidence", "the two points do not attain the bound")
        return Findings("two points")


@dataclass(frozen=True, slots=True)
class CrossedRows:
    """All rows are n opposite pairs without gaps, on R^n: kappa is the infimum at crossings.

    Then kappa = sigma_min(diag(d / sqrt(1 + d^2)) B) (the rows w_i of B are independent): pairs of
    points that cross all pairs of rows in the worst place exist, or are a limit.
    """

    bound: Bound
    pairs: list[tuple[int, int]]
    direction: list[fmpq]

    @classmethod
    def read(cls, value: object, subject: Subject, bound: Bound, address: str) -> "CrossedRows":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not n disjoint pairs and a direction, for such a claim.
        """
        _, pairs, way = members(value, address, ["kind", "pairs", "direction"])
        _insist(bound, {"inverse-lipschitz": "<="}, "opposite-rows")
        found = read_pairs(pairs, f"{address}.pairs", subject.m)
        if len(found) != subject.n:
            raise MalformedProof(f"{address}.pairs", f"expected {subject.n} pairs")
        return cls(bound, found, rationals(way, f"{address}.direction", subject.n))

    def check(self, system: System, body: Body) -> Findings:
        """Checks the pairs, that there are no other rows, and the direction.

        Raises:
            InvalidProof: when one of these does not hold.
            MalformedProof: when there are bytes after the header.
        """
        body.end()
        domain, budget = system.subject.domain, system.subject.budget
        if domain.sides or domain.ball is not None:
            raise InvalidProof("subject.domain", "expected all of R^n")
        inside = {row for pair in self.pairs for row in pair}
        rest = [i for i, row in enumerate(system.rows) if i not in inside and any(row[:-1])]
        if rest:
            raise InvalidProof("evidence.pairs", f"row {rest[0]} is in no pair")
        weights = squeezes(self.pairs, system, "evidence.pairs")
        firsts = system.directions(i for i, _ in self.pairs)
        if not independent(firsts, system.n, budget, "evidence.pairs"):
            raise InvalidProof("evidence.pairs", "the first rows of the pairs are dependent")
        if not any(self.direction):
            raise InvalidProof("evidence.direction", "expected a direction other than 0")
        way, unit = over_one_denominator(self.direction, budget, "evidence.direction")
        length = system.longest + bits(way)
        each = PYTHON + times(system.longest, length)
        budget.work(len(weights) * (system.n * each + 64 * times(length, length)), "evidence")
        top = fmpq(0)
        for weight, i in weights:
            along = sum((a * t for a, t in zip(system.rows[i], way, strict=False)), fmpz(0))
            top += weight * along * along
        top /= system.scale * system.scale * unit * unit
        if not self.bound.holds(top, square_of(self.direction, budget)):
            raise InvalidProof("evidence.direction", "the pairs do not attain the bound")
        return Findings(f"{len(self.pairs)} pairs of opposite rows, crossed together")
