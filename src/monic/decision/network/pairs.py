"""Collisions of two regions: a local search in floats, then an exact linear solve.

With the affine maps A x + a and B y + b of two regions, f(x) = f(y) is the linear system
B y - A x = a - b in (x, y). Near a float solution, coordinates of a basis of its columns are
solved for over the rationals and the others stay as they are; both points are then evaluated
through the network exactly.
"""

from collections.abc import Iterator
from math import lcm

import numpy as np
from flint import fmpz_mat

from monic.decision.network.chain import Chain, Floats, Point
from monic.decision.network.region import Region, pivots, region
from monic.decision.network.sampling import Sampler
from monic.geometry.patience import begin_solution
from monic.geometry.rational import as_fraction
from monic.model.exact import at_one_unit

__all__ = ["collision_between", "meet", "meeting_points"]

#: Steps of the Gauss-Newton iteration from one start.
STEPS = 40

#: Equal outputs, relative to their size, and different inputs, relative to theirs.
EQUAL, APART = 1e-9, 1e-4


def meeting_points(
    chain: Chain, sampler: Sampler, starts: int, fixed: Floats | None = None
) -> Iterator[tuple[Floats, Floats] | None]:
    """Yields, for every start, two different float points with nearly equal outputs, or None.

    Half of the starts are pairs of random points; the others are pairs next to a wall across
    which the local map folds (the sign of its determinant changes), where there is one.

    Arguments:
        chain: The chain.
        sampler: Where points come from.
        starts: How many starts.
        fixed: The first point of all pairs, which then stays where it is.
    """
    for start in range(starts):
        first, second = sampler.draw(2)
        if fixed is not None:
            yield meet(chain, sampler, fixed, second, fixed=True)
            continue
        if start % 2:
            near = _fold(chain, first, second)
            if near is None:
                yield None
                continue
            first, second = (sampler.inside(point) for point in near)
        yield meet(chain, sampler, first, second)


def collision_between(
    chain: Chain, x: Point, other: Point, *, fixed: bool = False
) -> tuple[Point, Point] | None:
    """Returns two points with exactly equal outputs near two points, or None.

    Arguments:
        chain: The piecewise-linear chain.
        x: A point strictly inside a region.
        other: A point strictly inside a region, with nearly the same output.
        fixed: Whether the first point stays where it is.
    """
    here, there = region(chain, x, closed=fixed), region(chain, other)
    if here is None or there is None:
        return None
    moved = _solve(here, there, fixed)
    if moved is None:
        return None
    pair = moved[: chain.dim], moved[chain.dim :]
    return pair if chain.collide(*pair) else None


def _solve(here: Region, there: Region, fixed: bool) -> Point | None:
    """Solves B y - A x = a - b exactly for a basis of the columns, near the regions' points."""
    first, second = at_one_unit([here.map, there.map])
    matrix = fmpz_mat(
        [
            [*([0] * len(row) if fixed else (-entry for entry in row)), *line]
            for row, line in zip(first.weight.tolist(), second.weight.tolist(), strict=True)
        ]
    )
    point = [*here.x, *there.x]
    rows, columns = pivots(matrix.transpose()), pivots(matrix)
    unit = lcm(*(t.denominator for t in point))
    start = fmpz_mat(len(point), 1, [int(t * unit) for t in point])
    right = (first.bias - second.bias) * unit - matrix * start
    if fixed:  # the first point's own share of the equation
        column = fmpz_mat(len(here.x), 1, [int(t * unit) for t in here.x])
        right = right + first.weight * column
    table = [[matrix[i, j] for j in columns] for i in rows]
    if not table:
        return tuple(point)
    begin_solution(fmpz_mat(table))
    answer = fmpz_mat(table).solve(fmpz_mat(len(rows), 1, [right[i, 0] for i in rows]))
    for k, j in enumerate(columns):
        point[j] += as_fraction(answer[k, 0]) / unit
    return tuple(point)


def meet(
    chain: Chain, sampler: Sampler, x: Floats, other: Floats, *, fixed: bool = False
) -> tuple[Floats, Floats] | None:
    """Moves two points, as little as may be, until their outputs agree; None if they merge."""
    pair = np.concatenate([x, other])
    for _ in range(STEPS):
        gap, slope, size = _gap(chain, pair)
        if np.abs(gap).max() <= EQUAL * size:
            return _apart(pair, chain.dim)
        if fixed:
            slope[:, : chain.dim] = 0.0
        if not (np.isfinite(slope).all() and np.isfinite(gap).all()):
            return None  # beyond float64
        step = np.linalg.lstsq(slope, -gap, rcond=1e-10)[0]
        moved = pair
        for share in (1.0, 0.5, 0.25, 0.1):
            moved = pair + share * step
            moved = sampler.inside(moved.reshape(2, -1)).reshape(-1)
            moved[: chain.dim] = x if fixed else moved[: chain.dim]
            if np.abs(_gap(chain, moved)[0]).max() < np.abs(gap).max():
                break
        pair = moved
    return None


def _gap(chain: Chain, pair: Floats) -> tuple[Floats, Floats, float]:
    """Returns f(y) - f(x), its derivative in (x, y), and the size of the outputs."""
    traces = chain.forward(pair.reshape(2, -1))
    last = chain.layers[-1].float_value(traces[-1])
    first, second = (chain.slope([trace[k] for trace in traces]) for k in (0, 1))
    size = float(np.abs(first).max() * np.abs(pair).max() + 1e-30)
    return last[1] - last[0], np.hstack([-first, second]), size


def _apart(pair: Floats, dim: int) -> tuple[Floats, Floats] | None:
    x, other = pair[:dim], pair[dim:]
    apart = np.abs(x - other).max() > APART * max(np.abs(pair).max(), 1e-3)
    return (x, other) if apart else None


def _fold(chain: Chain, x: Floats, other: Floats) -> tuple[Floats, Floats] | None:
    """Returns two points on both sides of a wall on the segment across which the map folds."""
    if chain.out_dim != chain.dim:
        return None
    low, high = 0.0, 1.0
    signs = _sign(chain, x), _sign(chain, other)
    if signs[0] == signs[1] or 0 in signs:
        return None
    for _ in range(40):
        middle = (low + high) / 2
        if _sign(chain, x + middle * (other - x)) == signs[0]:
            low = middle
        else:
            high = middle
    size = np.linalg.norm(other - x) / 64
    way = (other - x) / np.linalg.norm(other - x)
    wall = x + low * (other - x)
    return wall - size * way, wall + size * way


def _sign(chain: Chain, x: Floats) -> float:
    traces = [trace[0] for trace in chain.forward(x.reshape(1, -1))]
    return float(np.linalg.slogdet(chain.slope(traces))[0])
