"""Layers that are paired up to rounding, and the exactly paired neighbours of their arrays.

A layer has one weight, with a row for each output or a filter for each channel, and at most one
array of biases. What changes is these two arrays, in the user's own format, or the graph around
the weight when scales are factored out; everything else stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from monic.decision.neighbour import (
    BITS,
    NearPair,
    PairMove,
    distance,
    near_pairs,
    paired_entries,
    powers,
    raised,
)
from monic.model import (
    AffineMap,
    ChannelShift,
    Convolution,
    Linear,
    Shift,
    TransposedConvolution,
)
from monic.model.array import Array
from monic.model.convolution import ConvolutionMap
from monic.model.taps import FloatArray

__all__ = [
    "WAYS",
    "Change",
    "LayerRepair",
    "Weights",
    "repair_weights",
    "replaced",
    "weights_of",
]

#: How rows become exactly paired: their entries are rounded, their scales are rounded to powers
#: of two, or the second rows become products in the graph.
WAYS = ("entries", "powers", "factored")

#: Rows are paired up to rounding when they are so far apart at most, relative to their lengths.
LEAST = 2.0**-20


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A layer's arrays, as rows.

    Arguments:
        name: The layer's name.
        array: The weight, as in the user's file.
        bias: The biases, one a row, or None.
        negative: Whether the biases are subtracted.
        filters: The axis of the array along which rows lie, 0 or 1.
        groups: The number of groups of filters.
    """

    name: str
    array: Array
    bias: Array | None = None
    negative: bool = False
    filters: int = 0
    groups: int = 1

    def rows(self) -> FloatArray:
        """Returns the rows, one a filter, in float64."""
        table: FloatArray = self.array.astype(np.float64)
        if self.filters == 0:
            return table.reshape(table.shape[0], -1)
        split = table.reshape(self.groups, -1, *table.shape[1:]).swapaxes(1, 2)
        return split.reshape(self.groups * table.shape[1], -1)

    def group_of(self) -> list[int]:
        """Returns the group of each row."""
        count = self.array.shape[0] if self.filters == 0 else self.groups * self.array.shape[1]
        return [i * self.groups // count for i in range(count)]

    def from_rows(self, rows: FloatArray) -> Array:
        """Returns the array, in its own format and shape, that has some rows."""
        shape = self.array.shape
        table = rows
        if self.filters == 1:
            split = rows.reshape(self.groups, shape[1], shape[0] // self.groups, *shape[2:])
            table = split.swapaxes(1, 2)
        return np.ascontiguousarray(table.reshape(shape).astype(self.array.dtype))


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """An array of the model, and what takes its place."""

    old: Array
    new: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRepair:
    """What became of a layer that was paired up to rounding.

    Arguments:
        name: The layer's name.
        way: One of `WAYS`.
        pairs: The number of pairs that were made exact.
        relative: The largest |change| / |row|, in Euclidean norms, rounded up.
        largest: The largest change of an entry of the weight or the bias.
        gaps: The number of pairs whose biases leave both rows negative somewhere, b' + d b < 0
            by more than rounding; they are left as they are.
        changes: The arrays that change.
        scales: For the way "factored": (first row, second row, d) for each pair.
    """

    name: str
    way: str
    pairs: int
    relative: float
    largest: float
    gaps: int
    changes: tuple[Change, ...] = field(default=(), repr=False)
    scales: tuple[tuple[int, int, float], ...] = field(default=(), repr=False)


def weights_of(name: str, value: AffineMap) -> Weights | None:
    """Returns the arrays of a map: a weight or a kernel, then biases; None for other maps."""
    shifts: list[Shift | ChannelShift] = []
    while isinstance(value, Shift | ChannelShift):
        shifts.append(value)
        value = value.of
    if len(shifts) > 1:
        return None
    bias = shifts[0].vector if shifts else None
    negative = bool(shifts) and shifts[0].negative
    if isinstance(value, Linear):
        found = Weights(name, value.matrix, bias, negative, int(value.transposed))
    elif isinstance(value, ConvolutionMap):
        backwards = int(isinstance(value, TransposedConvolution))
        groups = value.geometry.groups
        found = Weights(name, value.kernel, bias, negative, backwards, groups)
    else:
        return None
    return found if bias is None or bias.size in (1, len(found.group_of())) else None


def replaced(value: AffineMap, changes: Sequence[Change]) -> AffineMap:
    """Returns a map with other arrays in the place of some."""
    new = {id(change.old): change.new for change in changes}
    made: dict[int, AffineMap] = {}
    for step in value.steps():
        parts = [made[id(part)] for part in step.parts()]
        made[id(step)] = _replaced(step, parts, new)
    return made[id(value)]


def _replaced(step: AffineMap, parts: list[AffineMap], new: dict[int, Array]) -> AffineMap:
    if isinstance(step, Linear) and id(step.matrix) in new:
        return Linear(new[id(step.matrix)], parts[0], step.transposed)
    if isinstance(step, Convolution | TransposedConvolution) and id(step.kernel) in new:
        return type(step)(new[id(step.kernel)], parts[0], step.geometry)
    if isinstance(step, Shift | ChannelShift) and id(step.vector) in new:
        return type(step)(new[id(step.vector)], parts[0], step.negative)
    return step.after(*parts) if parts else step


def repair_weights(
    weights: Weights, way: str, tolerance: float | None = None
) -> LayerRepair | None:
    """Returns the exactly paired neighbour, or None where no rows are paired up to rounding.

    Arguments:
        weights: The layer's arrays.
        way: One of `WAYS`.
        tolerance: What counts as rounding, relative to the rows; by default 2^-20, or 16 units
            in the last place of coarser formats.

    Example:
        >>> rows = np.array([[0.7, 0.1], [0.2, 0.3], [-0.7 * 1.1, -0.1 * 1.1], [-0.2, -0.3]])
        >>> found = repair_weights(Weights("fc", rows), "entries")
        >>> found.pairs, found.relative < 1e-9
        (1, True)
    """
    if weights.array.dtype.name not in BITS:
        return None
    bits = BITS[weights.array.dtype.name]
    tolerance = max(LEAST, 2.0 ** (4 - bits)) if tolerance is None else tolerance
    rows = weights.rows()
    offsets = _Offsets(weights, len(rows), tolerance)
    new, gaps, relative = rows.copy(), 0, 0.0
    scales: list[tuple[int, int, float]] = []
    for pair in near_pairs(rows, tolerance, weights.group_of()):
        move = _move(rows, pair, way, weights.array.dtype)
        if move.relative == 0 and offsets.gap(pair, move.ratio) >= 0:
            continue  # exactly paired as it is
        if not offsets.close(pair, move.ratio):
            gaps += 1
            continue
        scales.append((pair.first, pair.second, float(move.ratio)))
        new[pair.first], new[pair.second] = move.first, move.second
        relative = max(relative, move.relative)
    if not scales and not gaps:
        return None
    changes = [] if way == "factored" else [Change(weights.array, weights.from_rows(new))]
    changes += offsets.changes()
    return LayerRepair(
        name=weights.name,
        way=way,
        pairs=len(scales),
        relative=relative * (1 + 1e-9),
        largest=max(float(np.abs(new - rows).max()), offsets.largest),
        gaps=gaps,
        changes=tuple(changes) if scales else (),
        scales=tuple(scales),
    )


def _move(rows: FloatArray, pair: NearPair, way: str, dtype: "np.dtype[Any]") -> PairMove:
    first, second = rows[pair.first], rows[pair.second]
    ratio = _exact_ratio(first, second)
    if ratio is not None and (way != "factored" or Fraction(float(ratio)) == ratio):
        return PairMove(first, second, ratio, 0.0)
    if way == "powers":
        return powers(first, second, pair.scale, dtype)
    if way == "factored":
        scale = float(np.asarray(pair.scale, dtype=dtype))
        other = -scale * first  # as far as floats tell; the product itself stays exact
        return PairMove(first, other, Fraction(scale), distance(other, second))
    return paired_entries(first, second, pair.scale, dtype)


def _exact_ratio(first: FloatArray, second: FloatArray) -> Fraction | None:
    """d with second = -d first, exactly, or None."""
    k = int(np.abs(first).argmax())
    ratio = -Fraction(float(second[k])) / Fraction(float(first[k]))
    if ratio <= 0 or ((first == 0) != (second == 0)).any():
        return None
    top, low = ratio.numerator, ratio.denominator
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    fits = all(low * Fraction(b) == -top * Fraction(a) for a, b in pairs)
    return ratio if fits else None


class _Offsets:
    """The biases of a layer: raised where a pair leaves a gap that is only rounding."""

    def __init__(self, weights: Weights, count: int, tolerance: float) -> None:
        self._weights, self._tolerance = weights, tolerance
        self._sign = -1 if weights.negative else 1
        flat = np.zeros(1) if weights.bias is None else weights.bias.reshape(-1)
        self._numbers = [self._sign * Fraction(float(v)) for v in flat.tolist()]
        self._shared = len(self._numbers) != count
        self._numbers *= count if len(self._numbers) == 1 else 1
        self._new: dict[int, float] = {}
        self.largest = 0.0

    def gap(self, pair: NearPair, ratio: Fraction) -> Fraction:
        """Returns b_j + d b_i: below 0, both rows are negative between their hyperplanes."""
        return self._numbers[pair.second] + ratio * self._numbers[pair.first]

    def close(self, pair: NearPair, ratio: Fraction) -> bool:
        """Raises b_j until there is no gap; False where there was one before, beyond rounding."""
        number, bias = self._numbers[pair.second], self._weights.bias
        before = self.gap(pair, Fraction(pair.scale))
        if before < -Fraction(self._tolerance) * abs(number):
            return False
        gap = self.gap(pair, ratio)
        if gap >= 0:
            return True
        if self._shared or bias is None:
            return False
        new = raised(number - gap, bias.dtype)
        self.largest = max(self.largest, new - float(number))
        self._numbers[pair.second], self._new[pair.second] = Fraction(new), new
        return True

    def changes(self) -> list[Change]:
        """Returns the new array of biases, if it is another one."""
        bias = self._weights.bias
        if bias is None or not self._new:
            return []
        flat = bias.reshape(-1).copy()
        for i, number in self._new.items():
            flat[i] = self._sign * number
        return [Change(bias, flat.reshape(bias.shape))]
