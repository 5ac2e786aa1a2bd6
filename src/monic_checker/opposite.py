"""Pairs of opposite rows w, -d w, and what they add to |f(x) - f(y)|^2."""

from collections.abc import Sequence

from flint import fmpq

from monic_checker.budget import PYTHON
from monic_checker.costs import times
from monic_checker.document import integer, items
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.linear import Row
from monic_checker.system import System

__all__ = ["line_distance", "read_pairs", "squeezes", "stretches"]

Pairs = Sequence[tuple[int, int]]


def read_pairs(value: object, address: str, m: int) -> list[tuple[int, int]]:
    """Reads disjoint pairs of row numbers.

    Raises:
        MalformedProof: when it is no list of pairs, or a row appears twice.
    """
    found: list[tuple[int, int]] = []
    for k, pair in enumerate(items(value, address)):
        where = f"{address}[{k}]"
        i, j = (integer(row, where, 0, m) for row in items(pair, where, 2))
        found.append((i, j))
    every = [row for pair in found for row in pair]
    if len(set(every)) < len(every):
        raise MalformedProof(address, "expected every row at most once")
    return found


def squeezes(pairs: Pairs, system: System, address: str) -> list[tuple[fmpq, int]]:
    """Returns d^2 / (1 + d^2) and i for pairs (i, j) that leave no gap: b_j + d b_i >= 0.

    Raises:
        InvalidProof: when some pair is not opposite, or leaves a gap.
        OverBudget: when comparing them takes more work than is left.
    """
    found, rows = [], _charged(pairs, system, address)
    for k, (i, j) in enumerate(pairs):
        d, slack = _opposite(rows[i], rows[j], f"{address}[{k}]")
        if slack < 0:
            raise InvalidProof(f"{address}[{k}]", "expected b_j + d b_i >= 0")
        found.append((d * d / (1 + d * d), i))
    return found


def stretches(pairs: Pairs, system: System, address: str) -> dict[int, int]:
    """Returns the shorter row and the longer one, of pairs that are never both positive.

    Raises:
        InvalidProof: when some pair is not opposite, or may be positive together.
    """
    found, rows = {}, _charged(pairs, system, address)
    for k, (i, j) in enumerate(pairs):
        d, slack = _opposite(rows[i], rows[j], f"{address}[{k}]")
        if slack > 0:
            raise InvalidProof(f"{address}[{k}]", "expected b_j + d b_i <= 0")
        found.update({i: j} if d > 1 else {j: i})
    return found


def line_distance(
    pair: tuple[int, int], system: System, y: tuple[fmpq, fmpq], address: str
) -> fmpq:
    """Returns the squared distance of two numbers from what a pair of rows gives after a ReLU.

    With s = b_j + d b_i the values run along (0, z) with z >= max(s, 0), along (z, 0) with
    z >= max(s, 0) / d, and between the two along the segment from (0, s) to (s / d, 0) if s > 0.

    Raises:
        InvalidProof: when the rows are not opposite.
    """
    rows = _charged([pair], system, address)
    d, slack = _opposite(rows[pair[0]], rows[pair[1]], address)
    corner = max(slack / system.scale, fmpq(0))
    first, second = y
    up, right = min(second - corner, fmpq(0)), min(first - corner / d, fmpq(0))
    found = min(first * first + up * up, second * second + right * right)
    if corner > 0:
        # the point (corner / d, 0) + t (-corner / d, corner) of the segment that is nearest
        way = (-corner / d, corner)
        start = (first - corner / d, second)
        t = (start[0] * way[0] + start[1] * way[1]) / (way[0] * way[0] + way[1] * way[1])
        t = min(max(t, fmpq(0)), fmpq(1))
        rest = (start[0] - t * way[0], start[1] - t * way[1])
        found = min(found, rest[0] * rest[0] + rest[1] * rest[1])
    return found


def _charged(pairs: Pairs, system: System, address: str) -> Sequence[Row]:
    """The rows, once comparing them is charged."""
    each = 8 * PYTHON + 32 * times(system.longest, system.longest)
    system.subject.budget.work(len(pairs) * (system.n + 1) * each, address)
    return system.rows


def _opposite(row: Row, other: Row, address: str) -> tuple[fmpq, fmpq]:
    """Returns d > 0 with w_j = -d w_i, and b_j + d b_i."""
    pivot = next((k for k, entry in enumerate(row[:-1]) if entry != 0), None)
    if pivot is not None:
        d = fmpq(-other[pivot], row[pivot])
        sums = [b + d * a for a, b in zip(row, other, strict=True)]
        if d > 0 and not any(sums[:-1]):
            return d, sums[-1]
    raise InvalidProof(address, "expected w_j = -d w_i with some d > 0, and w_i other than 0")
