"""Local repair of a point by exact separation: which rows shall be negative, one swap at a time.

A choice is a set of rows that are to be negative. The separation kernel answers with a point
where they are, or with a relation: multipliers >= 0 under which some of them add up to 0, so that
no point has all of them negative. Then the row with the largest multiplier is given up, until
there is a point; every other row that happens to be negative there is taken in. From a choice
with a point, a turn takes in one more row close to the threshold, and gives rows up again as
relations ask. Rows given up stay out for some turns, so that a walk does not go in circles.

The kernel works in float64; the point it ends with is confirmed elsewhere.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from monic.decision.region import Region
from monic.geometry.compiled import COMPILED, INNER, njit
from monic.geometry.roles import BLOCKED, EXCLUDED, PRICES, ROUND, SCORES
from monic.geometry.round import places_for_sides
from monic.geometry.separation import POINT, RELATION, STALLED, refactor, solve

__all__ = ["swap"]

FloatArray = np.ndarray[Any, np.dtype[Any]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]

# the places of the control array
ROWS, TURN, COUNT, BEST, CALLS, DICE = range(6)

NEAR = 4  # a turn takes in one of so many rows closest to the threshold
TENURE = 5  # turns that a row given up stays out, at least; at most twice as many
SLACK = 4  # a walk with so many more active rows than its best goes back to that
FRESH = 64  # the inverse is computed anew after so many separations
DROPS = 64  # rows given up in one turn, at most
HEATS = 8  # walks take this share of the turns, and the best quarter of them takes the rest
CHUNK = 8  # turns between two looks at the clock
SHALLOW = 1e-6  # products this small, for a point of length 1, are rounding of float32


class _Walk(NamedTuple):
    """The arrays of the kernel, and the state of one walk."""

    columns: FloatArray
    role: IntArray
    basis: IntArray
    inverse: FloatArray
    work: FloatArray
    table: FloatArray
    tabu: IntArray  # (rows,): until which turn a row stays as it is
    values: FloatArray  # (rows,): the products at the last point
    kept: IntArray  # (rows,): the roles of the best choice
    point: FloatArray  # (size - 1,): its point
    control: IntArray


def swap(
    where: Region, starts: FloatArray, wanted: int, turns: int, stop: Callable[[int], bool]
) -> tuple[FloatArray, FloatArray]:
    """Repairs points by swaps; returns the least count of each walk and its points, (d, walks).

    Arguments:
        where: The rows and the region, in numpy.
        starts: Points of shape (d, walks); at each, the rows with the smallest products, all but
            `wanted`, are the first choice.
        wanted: How many rows may stay active.
        turns: How many turns the best walks take at most.
        stop: Told the least count so far now and then; the search ends when it returns True.
    """
    walks: list[_Walk] = []
    best = len(where.units) + 1
    for number, start in enumerate(starts.T):
        if best <= wanted or stop(best):
            break
        walks.append(_walk(where, start, wanted, number))
        _begin(walks[-1])
        best = min(best, _advance(walks[-1], wanted, turns // HEATS, stop))
    for walk in sorted(walks, key=_count)[: max(1, len(walks) // 4)]:
        if best <= wanted or stop(best):
            break
        best = min(best, _advance(walk, wanted, turns, stop))
    walks.sort(key=_count)
    points = np.zeros((len(starts), len(walks)))
    for number, walk in enumerate(walks):
        points[:, number] = _point(where, walk)
    return np.array([_count(walk) for walk in walks], dtype=np.int64), points


def _advance(walk: _Walk, wanted: int, turns: int, stop: Callable[[int], bool]) -> int:
    while _count(walk) > wanted and walk.control[TURN] < turns and not stop(_count(walk)):
        _turns(walk, wanted, CHUNK)
    return _count(walk)


def _count(walk: _Walk) -> int:
    return int(walk.control[BEST])


def _point(where: Region, walk: _Walk) -> FloatArray:
    if not _lifted(where):
        return walk.point
    return np.asarray(walk.point[:-1] / (walk.point[-1] or 1.0))


def _lifted(where: Region) -> bool:
    """Whether points get one more coordinate t > 0, so that the region becomes a cone."""
    return not where.sphere


def _walk(where: Region, point: FloatArray, wanted: int, seed: int) -> _Walk:
    rows, sides = _rows(where), _sides(where)
    count, width = len(rows), rows.shape[1]
    places = places_for_sides(width + 1) if where.ball else 0
    total, size = count + len(sides) + places, width + 1
    columns = np.ones((size, total))
    columns[:-1] = 0.0
    columns[:-1, : total - places] = np.vstack([rows, sides]).T
    columns[width - 1, total - places :] = -1.0
    products = where.units.astype(np.float64) @ point
    if where.offsets is not None:
        products += where.offsets[:, 0]
    role = np.full(total, EXCLUDED, dtype=np.int64)
    role[:count] = BLOCKED
    role[np.argsort(products, kind="stable")[: count - wanted]] = EXCLUDED
    role[total - places :] = ROUND
    control = np.zeros(6, dtype=np.int64)
    control[ROWS], control[DICE] = count, 1 + seed % 2147483646
    return _Walk(
        columns=columns,
        role=role,
        basis=np.arange(2 * total, 2 * total + size),
        inverse=np.eye(size),
        work=np.ones((5, max(size, total))),
        table=np.zeros((size, 2 * size)),
        tabu=np.zeros(total, dtype=np.int64),
        values=np.zeros(count),
        kept=role.copy(),
        point=np.zeros(width),
        control=control,
    )


def _rows(where: Region) -> FloatArray:
    """The layer's rows, in unit length."""
    rows = where.units.astype(np.float64)
    if _lifted(where):
        offsets = np.zeros((len(rows), 1)) if where.offsets is None else where.offsets
        rows = np.hstack([rows, offsets.astype(np.float64)])
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300))


def _sides(where: Region) -> FloatArray:
    """The region as rows that are negative inside; a ball's are made when they are needed."""
    size = where.units.shape[1]
    lifted = _lifted(where)
    width = size + lifted
    found = [np.zeros((0, width))]
    for bounds, sign in ((where.low, -1.0), (where.high, 1.0)):
        if bounds is None:
            continue
        ends = bounds[:, 0].astype(np.float64)
        finite = np.isfinite(ends)
        table = np.zeros((size, width))
        table[:, :size] = sign * np.eye(size)
        if lifted:
            table[finite, size] = -sign * ends[finite]
        found.append(table[finite])
    if where.sides is not None and where.heights is not None:
        found.append(np.hstack([where.sides, -where.heights]).astype(np.float64))
    if lifted:
        found.append(-np.eye(width)[-1:])
    sides = np.vstack(found)
    return np.asarray(sides / np.linalg.norm(sides, axis=1, keepdims=True))


@njit(**INNER)
def _draw(control: IntArray, bound: int) -> int:
    """A number from 0 to bound - 1 (Park and Miller's generator)."""
    control[DICE] = control[DICE] * 48271 % 2147483647
    drawn: int = control[DICE] % bound
    return drawn


@njit(**INNER)
def _separate(walk: _Walk) -> int:
    """Separates the present choice; at a point, takes in what is negative there, and counts."""
    control, role = walk.control, walk.role
    control[CALLS] += 1
    if control[CALLS] % FRESH == 0:
        refactor(walk.columns, walk.basis, walk.inverse, walk.work, walk.table)
    outcome: int = solve(walk.columns, role, walk.basis, walk.inverse, walk.work)
    if outcome == STALLED:
        refactor(walk.columns, walk.basis, walk.inverse, walk.work, walk.table)
        outcome = solve(walk.columns, role, walk.basis, walk.inverse, walk.work)
    if outcome != POINT:
        return outcome
    length = 0.0
    for k in range(walk.point.size):
        length += walk.work[PRICES, k] * walk.work[PRICES, k]
    least = SHALLOW * np.sqrt(length)
    if walk.work[PRICES, walk.point.size] < least:
        return RELATION + 0 * outcome  # nearly: its heaviest rows leave no room
    active = 0
    for row in range(control[ROWS]):
        walk.values[row] = walk.work[SCORES, row]
        if role[row] == BLOCKED and walk.values[row] < -least:
            role[row] = EXCLUDED
        active += int(role[row] == BLOCKED)
    control[COUNT] = active
    return outcome


@njit(**INNER)
def _give_up(walk: _Walk, spared: int) -> bool:
    """Gives up the row that weighs most in the relation at hand, but not the spared one."""
    control, last = walk.control, walk.basis.size - 1
    for patient in range(2):
        chosen, most = -1, 0.0
        for k in range(walk.basis.size):
            row, weight = walk.basis[k], walk.inverse[k, last]
            if row >= control[ROWS] or row == spared or weight <= 1e-9:
                continue
            weight *= 1.0 + 0.002 * _draw(control, 100)
            if weight > most and (patient == 1 or walk.tabu[row] <= control[TURN]):
                chosen, most = row, weight
        if chosen >= 0:
            walk.role[chosen] = BLOCKED
            walk.tabu[chosen] = control[TURN] + TENURE + _draw(control, TENURE)
            return True
    return False


@njit(**INNER)
def _keep(walk: _Walk) -> None:
    """Notes the present choice as the best."""
    walk.control[BEST] = walk.control[COUNT]
    for row in range(walk.role.size):
        walk.kept[row] = walk.role[row]
    for k in range(walk.point.size):
        walk.point[k] = walk.work[PRICES, k]


@njit(**COMPILED)
def _begin(walk: _Walk) -> None:
    """Gives up rows until there is a point."""
    walk.control[BEST] = walk.control[ROWS] + 1
    outcome: int = _separate(walk)
    while outcome == RELATION and _give_up(walk, -1):
        outcome = _separate(walk)
    if outcome == POINT:
        _keep(walk)


@njit(**INNER)
def _next_row(walk: _Walk) -> int:
    """One of the active rows closest to the threshold, or -1."""
    control = walk.control
    rank, low, chosen = 1 + _draw(control, NEAR), -np.inf, -1
    for _ in range(rank):
        best, value = -1, np.inf
        for row in range(control[ROWS]):
            if walk.role[row] != BLOCKED or walk.tabu[row] > control[TURN]:
                continue
            if low < walk.values[row] < value:
                best, value = row, walk.values[row]
        if best < 0:
            break
        chosen, low = best, value
    return chosen


@njit(**COMPILED)
def _turns(walk: _Walk, wanted: int, more: int) -> None:
    """Takes some turns."""
    control, role = walk.control, walk.role
    for _ in range(more):
        if control[BEST] <= wanted or control[BEST] > control[ROWS]:
            control[TURN] += more
            break
        control[TURN] += 1
        row = _next_row(walk)
        if row < 0:
            continue
        role[row] = EXCLUDED
        outcome: int = _separate(walk)
        drops = 0
        while outcome == RELATION and drops < DROPS and _give_up(walk, row):
            outcome = _separate(walk)
            drops += 1
        if outcome == POINT and control[COUNT] < control[BEST]:
            _keep(walk)
        elif outcome != POINT or control[COUNT] > control[BEST] + SLACK:
            for k in range(control[ROWS]):
                role[k] = walk.kept[k]
            _separate(walk)
