"""The set X on which a layer is claimed to be one-to-one, or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flint import fmpq, fmpz

from monic_checker.budget import PYTHON, Budget, bits
from monic_checker.costs import times
from monic_checker.document import choice, items, members, rational, rationals
from monic_checker.errors import MalformedProof
from monic_checker.sides import BoxSides, OrthantSides, Side
from monic_checker.vector import Vector, over_one_denominator
from monic_checker.words import shortened

__all__ = ["Ball", "Domain", "Side", "read_domain"]

_ADDRESS = "subject.domain"

#: Domains of more half-spaces are not spelled out in sentences.
_WORDY = 16


class Ball(NamedTuple):
    """The points at a distance of at most `radius` from `center`."""

    radius: fmpq
    center: Vector

    def contains(self, x: Vector, *, interior: bool) -> bool:
        """Returns whether a point lies in the ball, or in its interior."""
        pairs = zip(x.entries, self.center.entries, strict=True)
        gaps = [a * self.center.denominator - b * x.denominator for a, b in pairs]
        square = sum((gap * gap for gap in gaps), fmpz(0))
        limit = self.radius * x.denominator * self.center.denominator
        return bool(square < limit * limit or (square == limit * limit and not interior))


@dataclass(frozen=True, slots=True)
class Domain:
    """A convex set: the intersection of half-spaces, or a ball.

    Arguments:
        name: What it is called in sentences, but for its half-spaces.
        sides: The half-spaces, in the order of the specification.
        ball: The ball, if it is one; there are no sides then.
        separable: Whether each side bounds one coordinate: for an orthant and a box.
        kind: What a header calls it; a part of another layer has a polyhedron.
        inside: Of a polyhedron, a point of its interior that the proof states, if it does.
    """

    name: str
    sides: Sequence[Side]
    ball: Ball | None = None
    separable: bool = False
    kind: str = "polyhedron"
    inside: Vector | None = None

    @property
    def words(self) -> str:
        """What it is called in sentences."""
        listed = self.kind in ("box", "polyhedron")
        return f"{self.name} ({_listed(self.sides)})" if listed else self.name

    def contains(self, x: Vector, budget: Budget, *, interior: bool) -> bool:
        """Returns whether a point lies in the set, or in its interior.

        Raises:
            OverBudget: when that takes more work than is left.
        """
        length = bits([*x.entries, x.denominator])
        budget.work(len(x.entries) * 8 * (PYTHON + times(length, length)), _ADDRESS)
        if self.ball is not None:
            return self.ball.contains(x, interior=interior)
        for side in self.sides:
            budget.work(4 * len(side.a) * (PYTHON + times(length, length)), _ADDRESS)
            gap = side.c * x.denominator - sum((a * x.entries[j] for j, a in side.a), fmpz(0))
            if gap < 0 or (gap == 0 and interior):
                return False
        return True


def read_domain(value: object, n: int, budget: Budget) -> Domain:
    """Reads the domain of a layer on R^n.

    Raises:
        MalformedProof: when it is not one of the domains of the specification.
    """
    if not isinstance(value, dict) or "kind" not in value:
        raise MalformedProof(_ADDRESS, "expected an object with a kind")
    kind = choice(value["kind"], f"{_ADDRESS}.kind", list(_READERS))
    return _READERS[kind](value, n, budget)


def _whole(value: object, n: int, budget: Budget) -> Domain:
    members(value, _ADDRESS, ["kind"])
    return Domain(f"the whole of R^{n}", [], kind="whole")


def _orthant(value: object, n: int, budget: Budget) -> Domain:
    members(value, _ADDRESS, ["kind"])
    return Domain(f"the orthant x >= 0 of R^{n}", OrthantSides(n), separable=True, kind="orthant")


def _box(value: object, n: int, budget: Budget) -> Domain:
    _, lower, upper = members(value, _ADDRESS, ["kind", "lower", "upper"])
    lows, highs = _bounds(lower, "lower", n), _bounds(upper, "upper", n)
    for j, (low, high) in enumerate(zip(lows, highs, strict=True)):
        if low is not None and high is not None and low >= high:
            raise MalformedProof(f"{_ADDRESS}.lower[{j}]", "expected less than the upper bound")
    sides = BoxSides(lows, highs)
    return Domain(f"a box in R^{n}", sides, separable=True, kind="box")


def _bounds(value: object, name: str, n: int) -> list[fmpq | None]:
    address = f"{_ADDRESS}.{name}"
    entries = enumerate(items(value, address, n))
    return [None if x is None else rational(x, f"{address}[{j}]") for j, x in entries]


def _polyhedron(value: object, n: int, budget: Budget) -> Domain:
    more = ["interior"] if isinstance(value, dict) and "interior" in value else []
    _, table, offsets, *inside = members(value, _ADDRESS, ["kind", "A", "c", *more])
    rows = items(table, f"{_ADDRESS}.A")
    bounds = rationals(offsets, f"{_ADDRESS}.c", len(rows))
    sides: list[Side] = []
    for i, (row, bound) in enumerate(zip(rows, bounds, strict=True)):
        address = f"{_ADDRESS}.A[{i}]"
        numbers = [*rationals(row, address, n), bound]
        *normal, c = over_one_denominator(numbers, budget, address).entries
        a = [(j, entry) for j, entry in enumerate(normal) if entry != 0]
        if not a:
            raise MalformedProof(address, "expected a row that is not zero")
        sides.append(Side(a, c))
    point = None
    if inside:
        address = f"{_ADDRESS}.interior"
        point = over_one_denominator(rationals(inside[0], address, n), budget, address)
    return Domain(f"a polyhedron in R^{n}", sides, inside=point)


def _ball(value: object, n: int, budget: Budget) -> Domain:
    _, size, middle = members(value, _ADDRESS, ["kind", "radius", "center"])
    radius = rational(size, f"{_ADDRESS}.radius")
    if radius <= 0:
        raise MalformedProof(f"{_ADDRESS}.radius", "expected a positive radius")
    address = f"{_ADDRESS}.center"
    numbers = rationals(middle, address, n)
    place = shortened(f"({', '.join(map(str, numbers))})") if any(numbers) else "0"
    name = f"the ball of radius {shortened(str(radius))} around {place} in R^{n}"
    ball = Ball(radius, over_one_denominator(numbers, budget, address))
    return Domain(name, [], ball, kind="ball")


_READERS = {
    "whole": _whole,
    "orthant": _orthant,
    "box": _box,
    "polyhedron": _polyhedron,
    "ball": _ball,
}


def _listed(sides: Sequence[Side]) -> str:
    if len(sides) > _WORDY:
        return f"its {len(sides)} half-spaces are in the subject digest"
    return shortened(", ".join(f"{_sum(side)} <= {side.c}" for side in sides))


def _sum(side: Side) -> str:
    terms = (f"{'-' if a < 0 else '+'}{'' if abs(a) == 1 else abs(a)}x{j}" for j, a in side.a)
    return " ".join(terms).removeprefix("+")
