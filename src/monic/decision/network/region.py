"""The region of inputs around a point where a chain is one affine map, exactly.

At a point where every pre-activation is nonzero (or constant nearby) the chain is affine nearby.
Where its local linear map has a kernel vector d, the points x and x + a d collide for small a.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd

from flint import fmpz_mat, nmod_mat

from monic.clock import insist
from monic.decision.network.chain import Chain, Point
from monic.geometry.patience import begin_elimination
from monic.model.affine import ExactAffine, Input

__all__ = ["Region", "region", "rows_of"]

#: A rank modulo this prime is at most the rank.
PRIME = 2**61 - 1


@dataclass(frozen=True, slots=True)
class Region:
    """A region, by a point strictly inside it.

    Arguments:
        x: The point.
        map: The affine map that the chain is around the point.
        walls: For every stage with kinks, what its kinked outputs are at x before the
            activation, and their local map.
    """

    x: Point
    map: ExactAffine
    walls: list[tuple[Point, ExactAffine]]

    def kernel(self) -> list[int] | None:
        """Returns an integer d != 0 that the local linear map sends to 0, or None.

        It has no more entries than a basis of the columns and one, so that numbers stay short.
        """
        weight = self.map.weight
        size = int(weight.ncols())
        basis = pivots(weight)
        if len(basis) == size:
            return None
        chosen = sorted([*basis, next(j for j in range(size) if j not in basis)])
        table = [[row[j] for j in chosen] for row in weight.tolist()]
        begin_elimination(fmpz_mat(table))
        vector, nullity = fmpz_mat(table).nullspace()
        assert nullity == 1, "one column more than a basis leaves one relation"
        entries = [int(vector[i, 0]) for i in range(len(chosen))]
        divisor = gcd(*entries)
        found = [0] * size
        for j, entry in zip(chosen, entries, strict=True):
            found[j] = entry // divisor
        return found

    def reach(self, way: Sequence[int]) -> Fraction | None:
        """Returns how far one may go along a direction inside the region; None without end."""
        column = fmpz_mat(len(way), 1, list(way))
        limits = []
        for values, inner in self.walls:
            unit = inner.scale
            for value, slope in zip(values, (inner.weight * column).entries(), strict=True):
                if slope != 0 and (slope > 0) != (value > 0):
                    limits.append(abs(value) / (abs(int(slope)) * unit))
        return min(limits, default=None)


def region(chain: Chain, x: Point, *, closed: bool = False) -> Region | None:
    """Returns the region that a point is strictly inside of, or None on a wall.

    A pre-activation that is zero all around the point is no wall.

    Arguments:
        chain: The chain.
        x: The point.
        closed: On walls too, return a region: the one where zero pre-activations are negative.
    """
    inner, walls = Input(chain.dim).evaluate(), []
    for layer, trace in zip(chain.layers, chain.traces(x), strict=True):
        insist()
        inner = layer.after(inner)
        if not layer.kinks:
            continue
        values, wall = tuple(trace[i] for i in layer.kinks), rows_of(inner, layer.kinks)
        on_wall = any(
            v == 0 and any(row) for v, row in zip(values, wall.weight.tolist(), strict=True)
        )
        if on_wall and not closed:
            return None
        walls.append((values, wall))
        inner = layer.bent(trace, inner)
    return Region(tuple(x), inner, walls)


def rows_of(value: ExactAffine, chosen: Sequence[int]) -> ExactAffine:
    """Returns some outputs of an affine map, at least one."""
    table, bias = value.weight.tolist(), value.bias.entries()
    rows, column = fmpz_mat([table[i] for i in chosen]), [bias[i] for i in chosen]
    return replace(value, weight=rows, bias=fmpz_mat(len(chosen), 1, column))


def pivots(matrix: fmpz_mat) -> list[int]:
    """Returns the first columns that form a basis of all columns.

    Example:
        >>> pivots(fmpz_mat([[1, 2, 0], [2, 4, 1]]))
        [0, 2]
    """
    reduced, count = nmod_mat(matrix, PRIME).rref()
    rank, full = int(count), min(matrix.nrows(), matrix.ncols())
    if rank < full:  # what is independent modulo p is independent, and the rest must be looked at
        begin_elimination(matrix)
        if int(matrix.rank()) > rank:
            echelon, _, rank = matrix.rref()
            return _leading(echelon, int(rank))
    return _leading(reduced, rank)


def _leading(echelon: fmpz_mat | nmod_mat, rank: int) -> list[int]:
    columns = range(int(echelon.ncols()))
    return [next(j for j in columns if int(echelon[i, j]) != 0) for i in range(rank)]
