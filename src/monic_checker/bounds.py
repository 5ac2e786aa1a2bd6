"""Intervals: what reaches a stage of a network, when its input lies in known intervals."""

from collections.abc import Sequence
from typing import NamedTuple

from flint import fmpq, fmpz

from monic_checker.budget import PYTHON, Budget, bits
from monic_checker.costs import times
from monic_checker.domain import Domain
from monic_checker.linear import Row
from monic_checker.system import System
from monic_checker.vector import lcm

__all__ = ["Interval", "contains", "intervals", "outputs"]


#: The bits of an interval besides those of its ends: a tuple and two rationals.
_INTERVAL = 1024


class Interval(NamedTuple):
    """The numbers from low to high; None where there is no bound."""

    low: fmpq | None
    high: fmpq | None


def intervals(domain: Domain, n: int, budget: Budget) -> list[Interval]:
    """Returns an interval for each coordinate of the points of a domain.

    Only the half-spaces of one coordinate are used, and a ball's radius.
    """
    budget.spend(n + len(domain.sides), 2 * _INTERVAL, "subject.domain")
    if domain.ball is not None:
        center = [fmpq(entry, domain.ball.center.denominator) for entry in domain.ball.center[0]]
        radius = domain.ball.radius
        return [Interval(middle - radius, middle + radius) for middle in center]
    found = [Interval(None, None)] * n
    for side in domain.sides:
        if len(side.a) != 1:
            continue
        [(j, a)] = side.a
        bound = fmpq(side.c, a)
        low, high = found[j]
        if a > 0:
            found[j] = Interval(low, bound if high is None else min(high, bound))
        else:
            found[j] = Interval(bound if low is None else max(low, bound), high)
    return found


def outputs(system: System, inputs: Sequence[Interval]) -> list[Interval]:
    """Returns an interval for each row w.x + b of a stage."""
    ends = [end for interval in inputs for end in interval if end is not None]
    subject, rows = system.subject, system.rows
    length = bits([lcm([end.q for end in ends])]) + bits([end.p for end in ends])
    longest = system.longest
    subject.budget.spend(2 * len(rows), _INTERVAL + length + longest, "subject.map")
    each = 4 * PYTHON + 2 * times(longest, length)
    subject.budget.work(len(rows) * len(inputs) * each, "subject.map")
    return [_row(row, system.scale, inputs) for row in rows]


def contains(domain: Domain, values: Sequence[Interval], budget: Budget) -> bool:
    """Returns whether all points with coordinates in the intervals lie in a domain (no ball)."""
    budget.work(8 * PYTHON * len(domain.sides), "evidence.layers")
    for side in domain.sides:
        row = [*(a for _, a in side.a), fmpz(0)]
        high = _row(row, fmpz(1), [values[j] for j, _ in side.a]).high
        if high is None or high > side.c:
            return False
    return domain.ball is None


def _row(row: Row, scale: fmpz, inputs: Sequence[Interval]) -> Interval:
    """The interval of (sum a_j x_j + b) / scale."""
    ends: list[fmpq | None] = [fmpq(row[-1]), fmpq(row[-1])]
    for a, (low, high) in zip(row, inputs, strict=False):
        if a == 0:
            continue
        for k, bound in enumerate((low, high) if a > 0 else (high, low)):
            end = ends[k]
            ends[k] = None if end is None or bound is None else end + a * bound
    return Interval(*(None if end is None else end / scale for end in ends))
