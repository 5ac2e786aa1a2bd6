"""From a point with few active rows to two colliding inputs, by a few positions of the input.

The rows that read a window of the input are few, and fewer are active. Where the active ones do
not span the window's space, an exact vector d on the window that they do not see leads from x to
x + t d: the inactive rows that read it stay inactive for small t, and no other row reads it. So
memory and time are those of one window, whatever the size of the layer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import prod

import numpy as np
from flint import fmpz_mat

from monic.decision.convolution.blocks import Block
from monic.decision.convolution.floats import FloatMap
from monic.decision.result import Collision, FloatPair
from monic.geometry.rational import primitive
from monic.model import Box, Domain, Orthant, ReLULayer, WholeSpace
from monic.model.grid import IntArray

__all__ = ["explicit_pair"]

Point = tuple[Fraction, ...]
Marks = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

#: Windows with more entries are not tried: kernel vectors over the rationals get long.
ENTRIES = 256

#: Windows of one size that are tried, those with the fewest active rows first.
TRIED = 4


@dataclass(frozen=True)
class _Row:
    """One row of a block, at one output position."""

    block: Block
    place: tuple[int, ...]

    @cached_property
    def entries(self) -> dict[int, Fraction]:
        """The filter's entries by the numbers of the inputs that they read."""
        return self.block.step.taps.row(self.block.filter, self.place)

    def slope(self, way: dict[int, Fraction]) -> Fraction:
        """w.d, exactly, for a vector that is zero elsewhere."""
        terms = (e * way[c] for c, e in self.entries.items() if c in way)
        return self.block.scale * sum(terms, Fraction(0))

    def value(self, x: Sequence[Fraction]) -> Fraction:
        """w.x + b, exactly."""
        terms = (e * x[c] for c, e in self.entries.items())
        return self.block.scale * sum(terms, Fraction(0)) + self.block.bias


@dataclass(frozen=True, slots=True)
class _Window:
    """Input entries, and the rows that read one of them."""

    columns: tuple[int, ...]
    rows: tuple[_Row, ...]


def explicit_pair(layer: ReLULayer, found: Sequence[Block], x: Point) -> Collision | None:
    """Returns two inputs with the same output, the first of them x, or None.

    Arguments:
        layer: The layer, on the whole space, the orthant or a box.
        found: Its blocks.
        x: A point inside the domain at which few rows are active, with float coordinates.

    Example:
        >>> from monic.decision.convolution.blocks import blocks
        >>> from monic.model import Convolution, Geometry, Input
        >>> step = Convolution([[[1.0, 1.0]]], Input(3), Geometry((1, 3)))
        >>> pair = explicit_pair(ReLULayer(step), blocks(step), (Fraction(1),) * 3)
        >>> [str(a - b) for a, b in zip(pair.x, pair.other)]
        ['1', '-1', '1']
    """
    domain = layer.domain
    shapes = {block.step.geometry.shape for block in found}
    if not isinstance(domain, WholeSpace | Orthant | Box) or len(shapes) != 1:
        return None
    sure = FloatMap(layer.map).bounded(np.array([float(t) for t in x]))
    active = sure.value >= -sure.error
    for window, is_active in _windows(found, active):
        way = _null_vector(window, is_active)
        step = None if way is None else _step(domain, window, is_active, x, way)
        if way is not None and step is not None:
            other = list(x)
            for column, entry in zip(window.columns, way, strict=True):
                other[column] += step * entry
            return Collision(x=x, other=tuple(other), floats=_floats(window, x, tuple(other)))
    return None


def _windows(found: Sequence[Block], active: Marks) -> Iterator[tuple[_Window, list[bool]]]:
    """Yields windows with fewer active rows than entries, small ones first."""
    shape = found[0].step.geometry.shape
    starts = np.cumsum([0, *(block.positions for block in found)]).tolist()
    grids = [
        active[start : start + block.positions].reshape(block.step.taps.out_shape[1:])
        for start, block in zip(starts, found, strict=False)
    ]
    for side in range(1, max(shape[1:]) + 1):
        size = tuple(min(side, length) for length in shape[1:])
        if shape[0] * prod(size) > ENTRIES:
            return
        counts = sum(_counts(block, grid, size) for block, grid in zip(found, grids, strict=True))
        for at in np.argsort(counts, axis=None, kind="stable")[:TRIED].tolist():
            place = tuple(map(int, np.unravel_index(at, np.shape(counts))))
            if np.asarray(counts)[place] < shape[0] * prod(size):
                yield _Lines(place, size).window(found, grids)


def _counts(block: Block, grid: Marks, size: Sequence[int]) -> IntArray:
    """Returns how many active rows of a block read each box of a size, by its place."""
    counts = grid.astype(np.int64)
    for axis, (table, length) in enumerate(zip(block.step.taps.tables, size, strict=True)):
        places = np.arange(block.step.geometry.shape[1 + axis] - length + 1)[:, None, None]
        reads = ((table >= places) & (table < places + length)).any(axis=2)
        counts = np.moveaxis(np.tensordot(reads.astype(np.int64), counts, (1, axis)), 0, axis)
    return counts


@dataclass(frozen=True, slots=True)
class _Lines:
    """A box of input positions."""

    place: tuple[int, ...]
    size: tuple[int, ...]

    def readers(self, block: Block) -> list[IntArray]:
        """Returns, for each axis, the output positions that read the box."""
        return [
            np.flatnonzero(((table >= start) & (table < start + length)).any(axis=1))
            for table, start, length in zip(
                block.step.taps.tables, self.place, self.size, strict=True
            )
        ]

    def window(self, found: Sequence[Block], grids: Sequence[Marks]) -> tuple[_Window, list[bool]]:
        """Returns the window, and which of its rows are active."""
        shape = found[0].step.geometry.shape
        table = np.arange(prod(shape)).reshape(shape)
        box = tuple(slice(o, o + s) for o, s in zip(self.place, self.size, strict=True))
        rows, marks = [], []
        for block, grid in zip(found, grids, strict=True):
            for place in product(*(line.tolist() for line in self.readers(block))):
                rows.append(_Row(block, place))
                marks.append(bool(grid[place]))
        columns = tuple(table[(slice(None), *box)].reshape(-1).tolist())
        return _Window(columns, tuple(rows)), marks


def _null_vector(window: _Window, is_active: Sequence[bool]) -> tuple[int, ...] | None:
    """An integer vector on the window that no active row sees, over the rationals."""
    number = {column: k for k, column in enumerate(window.columns)}
    table = []
    for row, mark in zip(window.rows, is_active, strict=True):
        if mark and row.block.scale:
            line = [Fraction(0)] * len(number)
            for column, entry in row.entries.items():
                if column in number:
                    line[number[column]] = entry
            unit = max(entry.denominator for entry in line)  # powers of two
            table.append([int(entry * unit) for entry in line])
    if not table:
        return tuple(int(k == 0) for k in range(len(number)))
    basis, nullity = fmpz_mat(table).nullspace()
    if nullity == 0:
        return None
    columns = [[int(basis[i, j]) for i in range(len(number))] for j in range(int(nullity))]
    return primitive(min(columns, key=lambda column: sum(map(abs, column))))


def _step(
    domain: Domain,
    window: _Window,
    is_active: Sequence[bool],
    x: Point,
    way: Sequence[int],
) -> Fraction | None:
    """The largest power of two that keeps inactive rows inactive and the point inside."""
    slopes = dict(zip(window.columns, map(Fraction, way), strict=True))
    inactive = [row for row, mark in zip(window.rows, is_active, strict=True) if not mark]
    reach = [(slope, row.value(x)) for row in inactive if (slope := row.slope(slopes))]
    best, top = Fraction(0), max(Fraction(1), *map(abs, x))
    for sign in (1, -1):
        limits = [top / max(map(abs, way))]
        limits += [-value / abs(slope) for slope, value in reach if sign * slope > 0]
        limits += _room(domain, x, {c: sign * s for c, s in slopes.items()})
        step = sign * _power_of_two_below(min(limits))
        best = step if abs(step) > abs(best) else best
    return best or None


def _room(domain: Domain, x: Point, way: dict[int, Fraction]) -> list[Fraction]:
    """Half of how far each coordinate may go."""
    found = []
    for column, slope in way.items():
        low: float | None = None
        high: float | None = None
        if isinstance(domain, Orthant):
            low = 0.0
        elif isinstance(domain, Box):
            low, high = float(domain.lower[column]), float(domain.upper[column])
        bound = high if slope > 0 else low
        if slope and bound is not None and np.isfinite(bound):
            found.append((Fraction(bound) - x[column]) / slope / 2)
    return found


def _power_of_two_below(number: Fraction) -> Fraction:
    if number <= 0:
        return Fraction(0)
    power = Fraction(2) ** (number.numerator.bit_length() - number.denominator.bit_length())
    return power if power <= number else power / 2


def _floats(window: _Window, x: Point, other: Point) -> FloatPair | None:
    """The nearest float64 points; the outputs of other rows are the same for both."""
    try:
        points = tuple(map(float, x)), tuple(map(float, other))
    except OverflowError:
        return None
    first, second = (tuple(map(Fraction, point)) for point in points)
    gap = max(
        (
            abs(max(row.value(first), Fraction(0)) - max(row.value(second), Fraction(0)))
            for row in window.rows
        ),
        default=Fraction(0),
    )
    return FloatPair(x=points[0], other=points[1], difference=gap)
