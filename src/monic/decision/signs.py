"""Exact signs of w_i.x + b_i at one point, in memory proportional to the weights.

The rows are never written out as integers. Floating-point intervals go through the steps of the
map, block by block of a matrix; rows whose interval holds 0 are evaluated over the integers.

Note [interval]: let u = 2^-53, and let c = M v be computed in floats, in any order of additions,
by a matrix M of d columns from values v with |true - v| <= r. Then |c - M v| <= d u / (1 - d u)
(|M| |v|) when nothing underflows (Higham, Accuracy and Stability of Numerical Algorithms, 3.5),
and a product that underflows is wrong by less than 2^-1022. So |true - c| <= |M| (r + 2 (d + 8) u
|v|) + d 2^-1021; the computed bound is itself too small by a factor of at most 1 + 2 (d + 8) u,
which 1.001 covers for d < 2^40. An interval whose middle is not finite says nothing.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
from flint import fmpz_mat

from monic.model import AffineMap, Concat, Input, Linear, Scale, Shift
from monic.model.array import Array, dyadic
from monic.model.channels import ChannelScale, ChannelShift, numbers_of
from monic.model.exact import ExactAffine
from monic.model.wiring import Wiring

__all__ = ["active_rows", "depth_below"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

#: Entries of a matrix that are turned into float64, or integers, at once.
BLOCK = 1 << 22
BLOCK_EXACT = 1 << 18

UNIT = 2.0**-53
TINY = 2.0**-1021
SLACK = 1.001

_VECTORS = (Shift, Scale, ChannelShift, ChannelScale)


def active_rows(value: AffineMap, x: Sequence[Fraction]) -> tuple[int, ...]:
    """Returns the numbers of the rows with w_i.x + b_i >= 0, exactly.

    Arguments:
        value: The map x -> W x + b.
        x: A rational point.

    Example:
        >>> from monic.model import Linear, Input
        >>> active_rows(Linear([[1.0], [-1.0], [0.0]], Input(1)), [Fraction(-1, 3)])
        (1, 2)
    """
    with np.errstate(all="ignore"):
        middle, radius = _intervals(value, x)
        finite = np.isfinite(middle)
        active = finite & (middle > radius)
        unsure = np.flatnonzero(~(active | (finite & (middle < -radius))))
    if unsure.size:
        active[unsure] = _Exact(value, x).signs(value, unsure)
    return tuple(np.flatnonzero(active).tolist())


def depth_below(value: AffineMap, x: Sequence[Fraction], active: Sequence[int]) -> float:
    """Returns a t with w_i.x + b_i <= -t |w_i| for all rows but the active ones, rounded down.

    Only a matrix applied to x has rows at hand; for longer expressions the answer is 0.

    Example:
        >>> from monic.model import Linear, Input
        >>> 0.49 < depth_below(Linear([[1.0], [-2.0]], Input(1)), [Fraction(1, 2)], [0]) <= 0.5
        True
    """
    step = value.of if isinstance(value, Shift) else value
    if not isinstance(step, Linear) or not isinstance(step.of, Input):
        return 0.0
    with np.errstate(all="ignore"):
        middle, radius = _intervals(value, x)
        lengths = np.empty(step.out_dim)
        for first, block in _blocks(step, np.arange(step.out_dim), BLOCK):
            table = block.astype(np.float64)
            lengths[first : first + len(table)] = np.linalg.norm(table, axis=1)
        shares = -(middle + radius) / (lengths * SLACK)
    shares[list(active)] = np.inf
    low = float(shares.min())
    return max(low, 0.0) / SLACK if np.isfinite(low) else 0.0


def _intervals(value: AffineMap, x: Sequence[Fraction]) -> tuple[FloatArray, FloatArray]:
    """Returns middles and radii of intervals that hold the values of the map at x."""
    known: dict[int, tuple[FloatArray, FloatArray]] = {}
    for step in value.steps():
        known[id(step)] = _interval(step, [known[id(part)] for part in step.parts()], x)
    return known[id(value)]


def _interval(
    step: AffineMap, parts: list[tuple[FloatArray, FloatArray]], x: Sequence[Fraction]
) -> tuple[FloatArray, FloatArray]:
    if isinstance(step, Input):
        middle = np.array([_nearest(t) for t in x])
        return middle, np.abs(middle) * (2 * UNIT) + TINY
    if isinstance(step, Concat):
        middles, radii = zip(*parts, strict=True)
        return np.concatenate(middles), np.concatenate(radii)
    if isinstance(step, Wiring):
        # each weight, product and sum is rounded once, and all terms are added
        share = (2 * step.terms + 10) * UNIT
        spread = step.act(*(np.abs(m) * share + r for m, r in parts), absolute=True)
        return step.act(*(m for m, _ in parts)), SLACK * spread + (step.terms + 1) * TINY
    middle, radius = parts[0]
    if isinstance(step, Linear):
        return _product(step, middle, radius)
    assert isinstance(step, _VECTORS), "every step of an affine map has its interval"
    vector = numbers_of(step).astype(np.float64)
    lost = np.abs(vector) * (4 * UNIT)  # integers of 64 bits are rounded
    if isinstance(step, Scale | ChannelScale):
        moved = middle * vector
        radius = radius * np.abs(vector) + (np.abs(middle) + radius) * lost
    else:
        moved = middle - vector if step.negative else middle + vector
        radius = radius + lost
    return moved, SLACK * (radius + np.abs(moved) * (2 * UNIT)) + TINY


def _nearest(t: Fraction) -> float:
    try:
        return float(t)
    except OverflowError:
        return float("inf")


def _product(
    step: Linear, middle: FloatArray, radius: FloatArray
) -> tuple[FloatArray, FloatArray]:
    size = middle.size
    # 4 u |v| more: integers of 64 bits are rounded on their way to float64
    spread = radius + np.abs(middle) * (2 * (size + 10) * UNIT)
    middles, radii = np.empty(step.out_dim), np.empty(step.out_dim)
    for first, block in _blocks(step, np.arange(step.out_dim), BLOCK):
        table = block.astype(np.float64)
        last = first + table.shape[0]
        middles[first:last] = table @ middle
        radii[first:last] = SLACK * (np.abs(table, out=table) @ spread) + size * TINY
    return middles, radii


def _blocks(step: Linear, rows: Array, entries: int) -> Iterator[tuple[int, Array]]:
    """Yields rows of a step's matrix, some at once, each time with the position of the first."""
    matrix = step.matrix.T if step.transposed else step.matrix
    size = max(1, entries // matrix.shape[1])
    for first in range(0, len(rows), size):
        yield first, matrix[rows[first : first + size]]


class _Exact:
    """Values at one point over the integers; each step used as a whole is computed once."""

    def __init__(self, value: AffineMap, x: Sequence[Fraction]) -> None:
        self.unit = lcm(*(t.denominator for t in x))
        for step in value.steps():  # each is passed once, so that nothing is left to divide
            self.unit *= step.divisor if isinstance(step, Wiring) else 1
        self.x = [int(t * self.unit) for t in x]
        self.known: dict[int, tuple[list[int], int]] = {}

    def signs(self, value: AffineMap, rows: Array) -> Array:
        """Returns whether w_i.x + b_i >= 0 for the given rows."""
        return np.array([entry >= 0 for entry in self.values(value, rows)[0]], dtype=bool)

    def values(self, step: AffineMap, rows: Array) -> tuple[list[int], int]:
        """Returns (v, e): the values of the given rows, times the unit, are v 2^e."""
        if isinstance(step, Input):
            return [self.x[i] for i in rows], 0
        if isinstance(step, Linear):
            return self._linear(step, rows)
        if isinstance(step, Concat):
            return self._concat(step, rows)
        if isinstance(step, Wiring):
            return self._wired(step, rows)
        assert isinstance(step, _VECTORS), "every step of an affine map has its values"
        vector = numbers_of(step)
        chosen, exponent = dyadic(vector[rows] if vector.size > 1 else vector)
        entries = [int(v) for v in chosen.entries()] * (1 if vector.size > 1 else len(rows))
        inner, power = self.values(step.of, rows)
        if isinstance(step, Scale | ChannelScale):
            return [v * w for v, w in zip(entries, inner, strict=True)], exponent + power
        sign = -self.unit if step.negative else self.unit
        return _sum((inner, power), ([sign * v for v in entries], exponent))

    def _all(self, step: AffineMap) -> tuple[list[int], int]:
        if id(step) not in self.known:
            self.known[id(step)] = self.values(step, np.arange(step.out_dim))
        return self.known[id(step)]

    def _linear(self, step: Linear, rows: Array) -> tuple[list[int], int]:
        inner, power = self._all(step.of)
        column = fmpz_mat(len(inner), 1, inner)
        found: tuple[list[int], int] = ([], 0)
        for _, block in _blocks(step, rows, BLOCK_EXACT):
            matrix, exponent = dyadic(block)
            product = [int(v) for v in (matrix * column).entries()]
            found = _joined(found, (product, exponent + power))
        return found

    def _wired(self, step: Wiring, rows: Array) -> tuple[list[int], int]:
        parts = []
        for part in step.parts():
            entries, power = self._all(part)
            size = len(entries)
            parts.append(ExactAffine(fmpz_mat(size, 1, entries), fmpz_mat(size, 1), power))
        exact = step.evaluate(*parts)
        column = exact.weight.entries()
        return [int(column[i]) // exact.divisor for i in rows.tolist()], exact.power

    def _concat(self, step: Concat, rows: Array) -> tuple[list[int], int]:
        if len(step.branches) == 1:
            return self.values(step.branches[0], rows)
        found: list[int] = [0] * len(rows)
        ends = np.cumsum([branch.out_dim for branch in step.branches])
        owner = np.searchsorted(ends, rows, side="right")
        pieces = []
        for k, branch in enumerate(step.branches):
            places = np.flatnonzero(owner == k)
            if places.size:
                start = int(ends[k]) - branch.out_dim
                pieces.append((places, self.values(branch, rows[places] - start)))
        low = min(power for _, (_, power) in pieces)
        for places, (entries, power) in pieces:
            for place, entry in zip(places, entries, strict=True):
                found[place] = entry << (power - low)
        return found, low


def _aligned(
    first: tuple[list[int], int], second: tuple[list[int], int]
) -> tuple[list[int], list[int], int]:
    low = min(first[1], second[1])
    left, right = ([v << (power - low) for v in entries] for entries, power in (first, second))
    return left, right, low


def _sum(first: tuple[list[int], int], second: tuple[list[int], int]) -> tuple[list[int], int]:
    left, right, low = _aligned(first, second)
    return [a + b for a, b in zip(left, right, strict=True)], low


def _joined(first: tuple[list[int], int], second: tuple[list[int], int]) -> tuple[list[int], int]:
    if not first[0]:
        return second
    left, right, low = _aligned(first, second)
    return left + right, low
