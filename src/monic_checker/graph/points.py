"""Rational points of a domain, with short numbers, that nobody chooses."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count

from flint import fmpq, fmpz

from monic_checker.budget import Budget
from monic_checker.domain import Ball, Domain
from monic_checker.interior import interior_point
from monic_checker.vector import Vector, lcm

__all__ = ["points"]

#: Points are so many multiples of this, times a power of 4, where nothing bounds them.
_UNIT, _SPREAD = fmpq(1, 16), 32

#: How large they are in turn: near 0 biases switch units, far away they play no part.
_SCALES = (1, 4, fmpq(1, 4), 16, 1, fmpq(1, 16))

#: Points that are tried before the search for another ends.
_ATTEMPTS = 40


_Bounds = tuple[fmpq | None, fmpq | None]


class _Stream:
    """Whole numbers drawn from a seed by SHA-256, the same everywhere."""

    def __init__(self, seed: bytes) -> None:
        self._seed, self._count, self._bytes = seed, 0, b""

    def below(self, limit: int) -> int:
        """Returns a number from 0 to limit - 1; limits are short."""
        if len(self._bytes) < 8:
            block = self._seed + self._count.to_bytes(8, "little")
            self._bytes, self._count = hashlib.sha256(block).digest(), self._count + 1
        drawn, self._bytes = self._bytes[:8], self._bytes[8:]
        return int.from_bytes(drawn, "little") % limit


#: What makes a point of a given scale.
_Maker = Callable[[fmpq, _Stream], list[fmpq]]


def points(domain: Domain, n: int, seed: bytes, budget: Budget) -> Iterator[list[fmpq]]:
    """Yields points of a domain in R^n, one after the other.

    Raises:
        OverBudget: when that takes more than is left.
    """
    stream, make = _Stream(seed), _maker(domain, n, budget)
    for k in count():
        budget.spend(n, 64, "a point")
        point = make(fmpq(1) * _SCALES[k % len(_SCALES)], stream)
        if _contains(domain, point, budget):
            yield point
        elif k > _ATTEMPTS:
            return


def _maker(domain: Domain, n: int, budget: Budget) -> _Maker:
    if domain.ball is not None:
        return partial(_in_ball, domain.ball, n)
    if not domain.sides or domain.separable:
        return partial(_in_box, _bounds(domain, n))
    found = interior_point(domain, n, budget)
    inside = [fmpq(entry, found.denominator) for entry in found.entries]
    return partial(_moved, domain, inside)


def _contains(domain: Domain, point: Sequence[fmpq], budget: Budget) -> bool:
    unit = lcm([x.q for x in point])
    vector = Vector([x.p * (unit // x.q) for x in point], unit)
    return domain.contains(vector, budget, interior=False)


def _bounds(domain: Domain, n: int) -> list[_Bounds]:
    """The bounds of each coordinate of a box or an orthant."""
    low: list[fmpq | None] = [None] * n
    high: list[fmpq | None] = [None] * n
    for side in domain.sides:
        [(j, a)] = side.a
        (low if a < 0 else high)[j] = fmpq(side.c) / a
    return list(zip(low, high, strict=True))


def _in_box(bounds: Sequence[_Bounds], scale: fmpq, stream: _Stream) -> list[fmpq]:
    return [_between(low, high, scale, stream) for low, high in bounds]


def _between(low: fmpq | None, high: fmpq | None, scale: fmpq, stream: _Stream) -> fmpq:
    """A multiple of a power of 2 that lies between two bounds, as far as there are any."""
    unit = _UNIT * scale
    if low is None and high is None:
        return unit * (2 * stream.below(_SPREAD) + 1 - _SPREAD)  # never 0
    if high is None and low is not None:
        return unit * (_ceiling(low / unit) + stream.below(_SPREAD + 1))
    if low is None or high is None:
        return -_between(None if high is None else -high, None, scale, stream)
    unit = min(unit, _power(high - low) / 16)
    first, last = _ceiling(low / unit), -_ceiling(-high / unit)
    # with a small unit not all multiples are drawn from
    step = max((last - first) // 64, 1)
    return unit * (first + step * stream.below((last - first) // step + 1))


def _ceiling(t: fmpq) -> int:
    return -int((-t.p) // t.q)


def _power(width: fmpq) -> fmpq:
    """The largest power of 2 that is no larger."""
    exponent = int(width.p.bit_length()) - int(width.q.bit_length())
    power = fmpq(2) ** abs(exponent)
    found = power if exponent >= 0 else 1 / power
    return found if found <= width else found / 2


def _in_ball(ball: Ball, n: int, _: fmpq, stream: _Stream) -> list[fmpq]:
    direction = [stream.below(2 * _SPREAD + 1) - _SPREAD for _ in range(n)]
    length = math.isqrt(sum(v * v for v in direction)) + 1
    reach = _power(ball.radius) * fmpq(1 + stream.below(15), 16) / length
    center = [fmpq(entry, ball.center.denominator) for entry in ball.center.entries]
    return [c + reach * v for c, v in zip(center, direction, strict=True)]


def _moved(domain: Domain, inside: list[fmpq], _: fmpq, stream: _Stream) -> list[fmpq]:
    """Another point of a polyhedron: from one of its points part of the way to a side."""
    direction = [stream.below(2 * _SPREAD + 1) - _SPREAD for _ in inside]
    reach = fmpq(4)
    for side in domain.sides:
        speed = sum((a * direction[j] for j, a in side.a), fmpz(0))
        if speed > 0:
            gap = side.c - sum((a * inside[j] for j, a in side.a), fmpq(0))
            reach = min(reach, gap / speed)
    if reach <= 0:
        return inside
    reach = _power(reach) * fmpq(1 + stream.below(15), 16)
    return [x + reach * v for x, v in zip(inside, direction, strict=True)]
