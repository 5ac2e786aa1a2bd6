"""How far a point of non-injectivity is from being harmless, and when that is only rounding.

Written out in floats, [B; -DB] is almost never exactly antiparallel, and then it is not
injective: by a cone about 1e-16 wide. The verdict says so, and the margin says how wide (Note
[rounding], docs/rounding.md).
"""

import sys
from fractions import Fraction
from math import isqrt, nextafter

import numpy as np

from monic.decision.neighbour import near_pairs
from monic.decision.problem import Problem
from monic.decision.result import Margin
from monic.decision.structure import Paired, paired_rows
from monic.decision.witness import Witness, confirm
from monic.model import Linear, ReLULayer, Shift
from monic.model.array import Array

__all__ = ["margin", "paired_neighbour"]

#: Wider margins are not looked at for rounding.
ROUNDING = 2.0**-20

#: Rows whose directions are opposite up to this are taken for pairs of the neighbour.
NEAR = 2.0**-9


def margin(problem: Problem, witness: Witness) -> tuple[Margin, Witness]:
    """Returns the margin at a witness, and the witness that has it.

    In a tiny cone (no bias, two inactive rows) the point opposite to both rows is taken instead:
    the margin there tells how wide the cone is.
    """
    value = _margin_at(problem, witness)
    if value >= ROUNDING:
        return Margin(value=value), witness
    better = _opposite(problem, witness) if problem.everywhere else None
    if better is not None and _margin_at(problem, better) > value:
        witness, value = better, _margin_at(problem, better)
    neighbour = paired_neighbour(problem)
    if neighbour is None:
        return Margin(value=value), witness
    return Margin(value=value, rounding=True, distance=neighbour[1]), witness


def paired_neighbour(problem: Problem) -> tuple[ReLULayer, float] | None:
    """Returns the layer whose nearly antiparallel rows are exactly so, and how far it is.

    Rows w_j close to -d w_i become -d w_i as an exact product; the neighbour is returned only if
    it is itself INJECTIVE by its pairs, with the largest relative change of a row.
    """
    kept = problem.reduction.kept
    table = np.array([_floats(problem.rows[i][:-1]) for i in kept])
    matrix = np.eye(problem.layer.shape[0])
    distance = 0.0
    found = near_pairs(table, NEAR)
    for i, j in ((kept[pair.first], kept[pair.second]) for pair in found):
        scale = _ratio(problem.rows[j][:-1], problem.rows[i][:-1])
        matrix[j] = 0.0
        matrix[j, i] = -scale
        distance = max(distance, _change(problem, i, j, scale))
    neighbour = _neighbour(problem, matrix)
    paired = paired_rows(Problem(neighbour)) if found else None
    return (neighbour, distance) if isinstance(paired, Paired) else None


def _neighbour(problem: Problem, matrix: Array) -> ReLULayer:
    layer = problem.layer
    value = layer.map
    if isinstance(value, Shift) and not value.negative:
        shifted = Shift(value.vector, Linear(matrix, value.of))
        return ReLULayer(shifted, domain=layer.domain)
    return ReLULayer(Linear(matrix, value), domain=layer.domain)


def _change(problem: Problem, i: int, j: int, scale: float) -> float:
    """|w_j + d w_i| / |w_j|, rounded up."""
    exact = Fraction(scale)
    first, second = problem.rows[i][:-1], problem.rows[j][:-1]
    square = sum((b + exact * a) ** 2 for a, b in zip(first, second, strict=True))
    return _root(Fraction(square) / sum(b * b for b in second)) * (1 + 1e-9)


def _ratio(numerator: tuple[int, ...], denominator: tuple[int, ...]) -> float:
    top, bottom = sum(e * e for e in numerator), sum(e * e for e in denominator)
    return _root(Fraction(top, bottom))


def _floats(row: tuple[int, ...]) -> list[float]:
    top = max(map(abs, row))
    return [entry / top for entry in row]


def _margin_at(problem: Problem, witness: Witness) -> float:
    """min of -(w_i.x + b_i) / |w_i| outside the flat, over |x| where the layer is a cone."""
    x, active = witness.x, set(witness.active)
    low: Fraction | None = None
    for i, row in enumerate(problem.rows):
        square = sum(entry * entry for entry in row[:-1])
        if i in active or square == 0:
            continue
        value = sum((a * t for a, t in zip(row, (*x, Fraction(1)), strict=True)), Fraction(0))
        if value >= 0:
            return 0.0
        share = Fraction(value * value / square)
        low = share if low is None else min(share, low)
    if low is None:
        return float("inf") if not problem.everywhere else 1.0
    length = sum((t * t for t in x), Fraction(0))
    return _root(low / length if problem.everywhere and length else low)


def _opposite(problem: Problem, witness: Witness) -> Witness | None:
    """The direction that is best for two inactive rows; exactly enough for tiny cones."""
    inactive = [i for i in problem.reduction.kept if i not in set(witness.active)]
    if len(inactive) != 2:
        return None
    units = []
    for i in inactive:
        row = problem.rows[i][:-1]
        length = isqrt(sum(e * e for e in row) << 256)
        units.append([Fraction(e << 128, length) for e in row])
    way = tuple(-(a + b) for a, b in zip(*units, strict=True))
    return confirm(problem, way) if any(way) else None


def _root(square: Fraction) -> float:
    """Returns the square root of a rational, rounded down to a float."""
    if square == 0:
        return 0.0
    shift = 128 - (square.numerator.bit_length() - square.denominator.bit_length())
    shift += shift % 2
    scaled = (square.numerator << max(shift, 0)) // (square.denominator << max(-shift, 0))
    root = Fraction(isqrt(scaled)) / Fraction(2) ** (shift // 2)
    try:
        value = float(root)
    except OverflowError:
        return sys.float_info.max
    return value if Fraction(value) <= root else nextafter(value, 0.0)
