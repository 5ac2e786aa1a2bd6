"""Means: rational combinations of few entries each, and what is left when a mean is taken off.

Average pooling and bilinear upsampling combine; layer, instance and group norm take off means.
A third is no float, so the weights are rationals that stand in the step itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
from flint import fmpz, fmpz_mat

from monic.errors import LayerError
from monic.model.affine import AffineMap
from monic.model.exact import ExactAffine
from monic.model.wiring import FloatArray, Wiring

__all__ = ["Centre", "Combine", "Terms"]

#: One entry of a combination: (place, weight) pairs; none for the entry 0.
Terms = Sequence[tuple[int, Fraction]]


@dataclass(frozen=True, slots=True, eq=False)
class Combine(Wiring):
    """The step y -> (sum of w y_j over the terms (j, w) of each entry), with rational weights.

    Arguments:
        rows: The terms of every entry of the value; places are numbered from 0.
        of: The step before.
        times: Into how many equal parts y falls, channels for instance. Each is combined in the
            same way, and the results follow one another.

    Raises:
        LayerError: when there is no entry, a place does not exist, or the parts are not equal.

    Example:
        >>> from monic.model.affine import Input
        >>> third = Fraction(1, 3)
        >>> exact = Combine([[(0, third), (1, 2 * third)]], Input(2)).exact()
        >>> exact.weight.tolist(), exact.divisor
        ([[1, 2]], 3)
    """

    rows: Sequence[Terms]
    of: AffineMap
    times: int = 1
    in_dim: int = field(init=False)
    out_dim: int = field(init=False)
    terms: int = field(init=False)
    table: Any = field(init=False, repr=False)  # the weights in floats: a sparse matrix

    def __post_init__(self) -> None:
        from scipy.sparse import csr_matrix

        rows = tuple(tuple((int(j), Fraction(w)) for j, w in row) for row in self.rows)
        places = [j for row in rows for j, _ in row]
        if self.times < 1 or self.of.out_dim % self.times:
            raise LayerError(
                f"Expected a number of parts that divides {self.of.out_dim}. Got {self.times}."
            )
        width = self.of.out_dim // self.times
        if not rows or min(places, default=0) < 0 or max(places, default=0) >= width:
            raise LayerError(
                f"Expected at least one entry, and places from 0 to {width - 1}. Got "
                f"{len(rows)} entries with places from {min(places, default=0)} to "
                f"{max(places, default=0)}."
            )
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "in_dim", self.of.in_dim)
        object.__setattr__(self, "out_dim", len(rows) * self.times)
        object.__setattr__(self, "terms", max(map(len, rows)))
        ends = np.cumsum([0, *map(len, rows)])
        weights = [float(w) for row in rows for _, w in row]
        shape = len(rows), width
        object.__setattr__(self, "table", csr_matrix((weights, places, ends), shape=shape))

    def parts(self) -> tuple[AffineMap, ...]:
        return (self.of,)

    @property
    def divisor(self) -> int:
        return lcm(*{w.denominator for row in self.rows for _, w in row})

    def evaluate(self, *parts: ExactAffine) -> ExactAffine:
        inner, unit = parts[0], self.divisor
        width = inner.weight.ncols()
        weight, bias = inner.weight.tolist(), inner.bias.entries()
        integers = [[(j, int(w * unit)) for j, w in row] for row in self.rows]
        each = self.of.out_dim // self.times
        table, column = [], []
        for first in range(0, self.of.out_dim, each):
            for row in integers:
                total, shift = [fmpz(0)] * width, fmpz(0)
                for j, w in row:
                    total = [a + w * b for a, b in zip(total, weight[first + j], strict=True)]
                    shift += w * bias[first + j]
                table += total
                column.append(shift)
        size = self.out_dim
        found = ExactAffine(
            fmpz_mat(size, width, table), fmpz_mat(size, 1, column), inner.power, inner.divisor
        )
        return found.over(unit)

    def after(self, *parts: AffineMap) -> AffineMap:
        return Combine(self.rows, parts[0], self.times)

    def act(self, *parts: FloatArray, absolute: bool = False) -> FloatArray:
        return self._each(abs(self.table) if absolute else self.table, parts[0])

    def adjoint(self, y: FloatArray, *, absolute: bool = False) -> list[FloatArray]:
        return [self._each((abs(self.table) if absolute else self.table).T, y)]

    def _each(self, table: Any, y: FloatArray) -> FloatArray:
        return np.concatenate([table @ part for part in np.split(y, self.times)])


@dataclass(frozen=True, slots=True, eq=False)
class Centre(Wiring):
    """The step that takes the mean of its group off every entry.

    The value falls into equal groups of neighbours. This is all that layer, instance and group
    norm with epsilon > 0 lose: what they do next, y -> y / sqrt(|y|^2 / k + epsilon) in a group
    of k, is one-to-one (docs/normalization.md).

    Arguments:
        groups: How many groups there are; their number divides that of the entries.
        of: The step before.

    Raises:
        LayerError: when the entries do not fall into as many groups.

    Example:
        >>> from monic.model.affine import Input
        >>> exact = Centre(1, Input(3)).exact()
        >>> exact.weight.tolist(), exact.divisor
        ([[2, -1, -1], [-1, 2, -1], [-1, -1, 2]], 3)
    """

    groups: int
    of: AffineMap
    in_dim: int = field(init=False)
    out_dim: int = field(init=False)
    terms: int = field(init=False)

    def __post_init__(self) -> None:
        size = self.of.out_dim
        if self.groups < 1 or size % self.groups:
            raise LayerError(
                f"Expected a number of groups that divides {size} entries. Got {self.groups}."
            )
        object.__setattr__(self, "in_dim", self.of.in_dim)
        object.__setattr__(self, "out_dim", size)
        object.__setattr__(self, "terms", size // self.groups + 1)

    def parts(self) -> tuple[AffineMap, ...]:
        return (self.of,)

    @property
    def divisor(self) -> int:
        return self.out_dim // self.groups

    def evaluate(self, *parts: ExactAffine) -> ExactAffine:
        inner, size = parts[0], self.divisor
        width = inner.weight.ncols() + 1
        pairs = zip(inner.weight.tolist(), inner.bias.entries(), strict=True)
        rows = [[*row, shift] for row, shift in pairs]
        found = []
        for first in range(0, len(rows), size):
            group = rows[first : first + size]
            total = [sum(column, fmpz(0)) for column in zip(*group, strict=True)]
            found += [[size * a - b for a, b in zip(row, total, strict=True)] for row in group]
        weight = [entry for row in found for entry in row[:-1]]
        bias = fmpz_mat(len(found), 1, [row[-1] for row in found])
        table = fmpz_mat(len(found), width - 1, weight)
        return ExactAffine(table, bias, inner.power, inner.divisor).over(size)

    def after(self, *parts: AffineMap) -> AffineMap:
        return Centre(self.groups, parts[0])

    def act(self, *parts: FloatArray, absolute: bool = False) -> FloatArray:
        split = parts[0].reshape(self.groups, -1, *parts[0].shape[1:])
        mean = split.mean(axis=1, keepdims=True)
        return np.asarray(split + mean if absolute else split - mean).reshape(parts[0].shape)

    def adjoint(self, y: FloatArray, *, absolute: bool = False) -> list[FloatArray]:
        return [self.act(y, absolute=absolute)]
