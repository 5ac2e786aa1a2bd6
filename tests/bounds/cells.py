"""Every open cell of a layer or of two layers, in exact arithmetic: the truth about bounds.

On an open cell the function is affine. So the Lipschitz constant is the largest singular value
over open cells (the domain is convex with interior), sigma* is the smallest one, and kappa lies
between sigma*/sqrt(2) and sigma*. Cells are split row by row; the exact simplex method of
`tests.reference` says which sides of a row are inhabited. Nothing here is shared with the library.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import combinations, permutations

import numpy as np

from monic.model import Network, ReLULayer
from monic.model.array import Array
from tests.reference import Question, Vector, question, separate

__all__ = ["Cell", "Truth", "cells_of", "truth_of", "truth_of_two"]

Matrix = list[Vector]


@dataclass(frozen=True, slots=True)
class Cell:
    """A point of an open cell, and the function there: x -> linear x + constant."""

    point: Vector
    linear: Matrix
    constant: Vector


@dataclass(frozen=True)
class Truth:
    """A piecewise affine function by its open cells."""

    cells: Sequence[Cell]
    dim: int
    layers: Sequence[tuple[Matrix, Sequence[Fraction]]]

    @cached_property
    def grams(self) -> list[Matrix]:
        """The different A^T A over cells."""
        every = (tuple(_gram(cell.linear, self.dim)) for cell in self.cells)
        return [list(gram) for gram in dict.fromkeys(every)]

    def stretches_at_most(self, value: float | Fraction) -> bool:
        """Whether the Lipschitz constant is at most a float."""
        return all(_semidefinite(gram, Fraction(value) ** 2, -1) for gram in self.grams)

    def stretches_at_least(self, value: float | Fraction) -> bool:
        """Whether the Lipschitz constant is at least a float."""
        level = Fraction(value) ** 2
        return value <= 0 or any(not _definite(gram, level, -1) for gram in self.grams)

    def squeezes_at_most_on_cells(self, value: float | Fraction, factor: int = 1) -> bool:
        """Whether sigma*^2 >= factor value^2."""
        level = Fraction(value) ** 2 * factor
        return value <= 0 or all(_semidefinite(gram, level, 1) for gram in self.grams)

    def squeezes_at_least_on_cells(self, value: float | Fraction, factor: int = 1) -> bool:
        """Whether sigma*^2 <= factor value^2."""
        level = Fraction(value) ** 2 * factor
        return any(not _definite(gram, level, 1) for gram in self.grams)

    def output(self, x: Vector) -> Vector:
        """The function at any point: ReLU(W x + b), layer by layer."""
        for rows, bias in self.layers:
            values = (_dot(row, x) + b for row, b in zip(rows, bias, strict=True))
            x = tuple(max(value, Fraction(0)) for value in values)
        return x

    def floats(self, points: Array) -> Array:
        """The function at points in floats, one a row."""
        for rows, bias in self.layers:
            weight = np.array([[float(a) for a in row] for row in rows])
            points = np.maximum(points @ weight.T + np.array([float(b) for b in bias]), 0.0)
        return points

    def square_ratio(self, x: Vector, other: Vector) -> Fraction:
        """|f(x) - f(other)|^2 / |x - other|^2."""
        return _distance(self.output(x), self.output(other)) / _distance(x, other)


def cells_of(asked: Question) -> Iterator[tuple[tuple[int, ...], Vector]]:
    """Yields the strictly positive rows and a point of every open cell."""
    m = len(asked.rows)
    rows = [*asked.rows, *(tuple(-a for a in row) for row in asked.rows)]
    both = replace(asked, rows=rows, bias=[*asked.bias, *(-b for b in asked.bias)])
    start = separate(both, [])
    assert not isinstance(start, int), "a domain has interior"
    known: list[tuple[list[int], Vector]] = [([], start)]
    for i in range(m):
        if not any(asked.rows[i]):
            continue  # constant, and part of no cell's linear map
        split = []
        for kept, point in known:
            value = _dot(asked.rows[i], point) + asked.bias[i]
            for side, there in ((i, value < 0), (m + i, value > 0)):
                found = point if there else separate(both, [*kept, side])
                if not isinstance(found, int):
                    split.append(([*kept, side], found))
        known = split
    for kept, point in known:
        yield tuple(side - m for side in kept if side >= m), point


def truth_of(layer: ReLULayer) -> Truth:
    """The cells of a layer."""
    asked = question(layer)
    found = [_cell(asked, active, point) for active, point in cells_of(asked)]
    return Truth(found, asked.dim, [(asked.rows, asked.bias)])


def truth_of_two(network: Network) -> Truth:
    """The cells of two ReLU stages, one after the other."""
    outer = question(ReLULayer(network.stages[0].layer_map(), domain=network.domain))
    second = question(ReLULayer(network.stages[1].layer_map()))
    found = []
    for active, point in cells_of(outer):
        signs = [1 if i in active else -1 for i in range(len(outer.rows))]
        walls = [
            (tuple(-sign * a for a in row), sign * bias)
            for sign, row, bias in zip(signs, outer.rows, outer.bias, strict=True)
            if any(row)
        ]
        inner = _cell(outer, active, point)
        rows = [_through(row, inner.linear, outer.dim) for row in second.rows]
        bias = [
            _dot(row, inner.constant) + b for row, b in zip(second.rows, second.bias, strict=True)
        ]
        asked = Question(rows, bias, [*outer.sides, *walls], outer.ball)
        found += [_cell(asked, chosen, at) for chosen, at in cells_of(asked)]
    return Truth(found, outer.dim, [(outer.rows, outer.bias), (second.rows, second.bias)])


def _cell(asked: Question, active: Sequence[int], point: Vector) -> Cell:
    zero = (Fraction(0),) * asked.dim
    linear = [row if i in active else zero for i, row in enumerate(asked.rows)]
    constant = tuple(
        b if i in active or (not any(row) and b > 0) else Fraction(0)
        for i, (row, b) in enumerate(zip(asked.rows, asked.bias, strict=True))
    )
    return Cell(point, linear, constant)


def _through(row: Vector, table: Matrix, n: int) -> Vector:
    return tuple(
        sum((a * line[j] for a, line in zip(row, table, strict=True) if a), Fraction(0))
        for j in range(n)
    )


def _gram(table: Matrix, n: int) -> Matrix:
    used = [row for row in table if any(row)]
    return [
        tuple(sum((row[i] * row[j] for row in used), Fraction(0)) for j in range(n))
        for i in range(n)
    ]


def _semidefinite(gram: Matrix, level: Fraction, sign: int) -> bool:
    """Whether sign (gram - level I) has no negative eigenvalue: no negative principal minor."""
    table = _shifted(gram, level, sign)
    sizes = range(1, len(table) + 1)
    return all(
        _minor(table, rows) >= 0 for k in sizes for rows in combinations(range(len(table)), k)
    )


def _definite(gram: Matrix, level: Fraction, sign: int) -> bool:
    """Whether sign (gram - level I) has only positive eigenvalues: by the leading minors."""
    table = _shifted(gram, level, sign)
    return all(_minor(table, tuple(range(k))) > 0 for k in range(1, len(table) + 1))


def _shifted(gram: Matrix, level: Fraction, sign: int) -> Matrix:
    return [
        tuple(sign * (entry - level * (i == j)) for j, entry in enumerate(row))
        for i, row in enumerate(gram)
    ]


def _minor(table: Matrix, rows: Sequence[int]) -> Fraction:
    """A principal minor, by Leibniz' sum."""
    total = Fraction(0)
    for order in permutations(range(len(rows))):
        swaps = sum(a > b for a, b in combinations(order, 2))
        term = Fraction(-1 if swaps % 2 else 1)
        for i, j in enumerate(order):
            term *= table[rows[i]][rows[j]]
        total += term
    return total


def _distance(a: Vector, b: Vector) -> Fraction:
    return sum(((s - t) ** 2 for s, t in zip(a, b, strict=True)), Fraction(0))


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((s * t for s, t in zip(a, b, strict=True) if s), Fraction(0))
