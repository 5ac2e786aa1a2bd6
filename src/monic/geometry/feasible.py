"""A rational point of a polyhedron: floats propose one, and it is confirmed exactly."""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

import numpy as np
from flint import fmpz_mat

from monic.geometry.patience import begin_elimination

__all__ = ["feasible_point"]

#: (a, c): a.x = c, or a.x <= c.
Condition = tuple[Sequence[Fraction], Fraction]

#: Binary digits after the point at which a proposal is rounded.
DIGITS = (8, 16, 30, 45, 60)


def feasible_point(
    equalities: Sequence[Condition], inequalities: Sequence[Condition], dim: int
) -> tuple[Fraction, ...] | None:
    """Returns a rational point that satisfies all conditions, or None when none was found.

    A linear program in floats looks, inside the solutions of the equalities, for a point as far
    from all inequalities as may be; so None proves nothing where that point is on the boundary.

    Example:
        >>> feasible_point([((1, 1), 2)], [((-1, 0), 0), ((0, -1), 0)], 2)
        (Fraction(1, 1), Fraction(1, 1))
    """
    flat = _flat(equalities, dim)
    if flat is None:
        return None
    base, basis = flat
    if not basis:
        return base if _holds(base, inequalities) else None
    rows = [([_dot(a, way) for way in basis], c - _dot(a, base)) for a, c in inequalities]
    proposed = _deepest(rows, len(basis))
    if proposed is None:
        return None
    for digits in DIGITS:
        unit = Fraction(1, 2**digits)
        steps = [round(Fraction(float(t)) / unit) * unit for t in proposed]
        point = tuple(
            b + sum((s * way[j] for s, way in zip(steps, basis, strict=True)), Fraction(0))
            for j, b in enumerate(base)
        )
        if _holds(point, inequalities):
            return point
    return None


def _flat(
    equalities: Sequence[Condition], dim: int
) -> tuple[tuple[Fraction, ...], list[list[Fraction]]] | None:
    """Returns a point and a basis of the directions of the solutions; None without solution."""
    if not equalities:
        unit = [[Fraction(int(i == j)) for j in range(dim)] for i in range(dim)]
        return (Fraction(0),) * dim, unit
    table = []
    for a, c in equalities:
        scale = lcm(Fraction(c).denominator, *(Fraction(t).denominator for t in a))
        table.append([int(t * scale) for t in [*a, c]])
    begin_elimination(fmpz_mat(table))
    echelon, divisor, rank = fmpz_mat(table).rref()
    pivots = [next(j for j in range(dim + 1) if echelon[i, j] != 0) for i in range(int(rank))]
    if pivots and pivots[-1] == dim:
        return None
    base = [Fraction(0)] * dim
    for i, j in enumerate(pivots):
        base[j] = Fraction(int(echelon[i, dim]), int(divisor))
    basis = []
    for free in (j for j in range(dim) if j not in pivots):
        way = [Fraction(0)] * dim
        way[free] = Fraction(1)
        for i, j in enumerate(pivots):
            way[j] = -Fraction(int(echelon[i, free]), int(divisor))
        basis.append(way)
    return tuple(base), basis


def _deepest(rows: list[tuple[list[Fraction], Fraction]], dim: int) -> list[float] | None:
    """Returns the float point with the largest distance (at most 1) from all inequalities."""
    from scipy.optimize import linprog

    kept = [(a, c) for a, c in rows if any(a)]
    if not kept:
        return [0.0] * dim
    normals = np.array([[float(t) for t in a] for a, _ in kept])
    offsets = np.array([float(c) for _, c in kept])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    found = linprog(
        np.array([0.0] * dim + [-1.0]),
        A_ub=np.hstack([normals / lengths, np.ones_like(lengths)]),
        b_ub=offsets / lengths[:, 0],
        bounds=[(None, None)] * dim + [(None, 1.0)],
        method="highs",
    )
    return list(found.x[:dim]) if found.status == 0 else None


def _holds(point: Sequence[Fraction], inequalities: Sequence[Condition]) -> bool:
    return all(_dot(a, point) <= c for a, c in inequalities)


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((s * t for s, t in zip(a, b, strict=True) if s and t), Fraction(0))
