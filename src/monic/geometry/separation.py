"""The compiled separation kernel: a revised simplex method that proposes relations and points.

Over columns (a_i, 1) of unit rows it solves: multipliers >= 0 with sum l_i a_i - sum m_j k_j = 0
and sum l + sum m = 1, and among those the ones with the least weight on *open* rows. An optimal
basis is a relation with few rows to branch on; no feasible one is a separating point. It starts
from the basis of the parent node, whose forbidden columns become artificial.

Nothing here is trusted: `confirmed` bounds all rounding rigorously, and what it cannot confirm is
confirmed over the rationals.

On a ball the last columns are sides that are made when they are needed (`round`).

Column j < count is row j; column count + j is row j negated (for active rows); column 2 count + i
is the i-th unit vector (artificial). The kernels share these arrays, so they take more than five:

* columns (size, count): unit rows as columns, and a last row of ones
* role (count,): what each row is to the present node
* basis (size,), inverse (size, size): the basic columns and the inverse of their matrix
* work (5, max(size, count)): prices, scores, the entering column and its coordinates, and what an
  open row is charged per unit of weight
"""

from typing import Any

import numpy as np

from monic.geometry.compiled import INNER, njit
from monic.geometry.roles import (
    ACTIVE,
    BLOCKED,
    CHARGE,
    COLUMN,
    COORDINATES,
    EPSILON,
    EXCLUDED,
    GAIN,
    OPEN,
    PRICES,
    ROUND,
    SCORES,
)
from monic.geometry.round import side_to_enter

__all__ = [
    "ACTIVE",
    "BLOCKED",
    "CHARGE",
    "EXCLUDED",
    "OPEN",
    "POINT",
    "PRICES",
    "RELATION",
    "STALLED",
    "confirmed",
    "fewer_open",
    "refactor",
    "solve",
]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]

# what a solve ends with
RELATION, POINT, STALLED = 0, 1, 2

PIVOT = 1e-9  # smaller entries are no pivots
FIRM = 1e-4  # smaller pivots are not worth an optional exchange


@njit(**INNER)
def _forbidden(role: IntArray, column: int) -> bool:
    """Whether a column may not take part in a relation at this node."""
    if column < role.size:
        return bool(role[column] >= ACTIVE)
    return column >= 2 * role.size or bool(role[column - role.size] != ACTIVE)


@njit(**INNER)
def _load(columns: FloatArray, column: int, work: FloatArray) -> None:
    """Writes a column's entries to work[COLUMN]."""
    size, count = columns.shape
    if column >= 2 * count:
        for i in range(size):
            work[COLUMN, i] = 0.0
        work[COLUMN, column - 2 * count] = 1.0
    elif column >= count:
        for i in range(size - 1):
            work[COLUMN, i] = -columns[i, column - count]
        work[COLUMN, size - 1] = 1.0
    else:
        for i in range(size):
            work[COLUMN, i] = columns[i, column]


@njit(**INNER)
def _price(
    role: IntArray, basis: IntArray, inverse: FloatArray, work: FloatArray, phase: int
) -> float:
    """Sets the dual prices for the phase's costs; returns the cost of the basis."""
    size = basis.size
    cost = 0.0
    for j in range(size):
        work[PRICES, j] = 0.0
    for i in range(size):
        column = basis[i]
        charge = 0.0
        if phase == 1:
            charge = 1.0 if _forbidden(role, column) else 0.0
        elif column < role.size and role[column] == OPEN:
            charge = work[CHARGE, column]
        if charge > 0.0:
            cost += charge * max(inverse[i, size - 1], 0.0)
            for j in range(size):
                work[PRICES, j] += charge * inverse[i, j]
    return cost


@njit(**INNER)
def _choose(columns: FloatArray, role: IntArray, work: FloatArray, phase: int, first: bool) -> int:
    """Returns the column to enter (the most promising, or the first), or -1."""
    size, count = columns.shape
    for j in range(count):
        work[SCORES, j] = 0.0
    for i in range(size - 1):
        price = work[PRICES, i]
        for j in range(count):
            work[SCORES, j] += price * columns[i, j]
    last = work[PRICES, size - 1]
    best, gain = -1, GAIN
    for j in range(count):
        what = role[j]
        if what >= BLOCKED:
            continue
        score, column = last + work[SCORES, j], j
        if what == ACTIVE:
            score, column = last - work[SCORES, j], j + count
        elif phase == 2 and what == OPEN:
            score -= work[CHARGE, j]
        if score > gain:
            best, gain = column, score
            if first:
                break
    return best


@njit(**INNER)
def _ratio_test(
    role: IntArray, basis: IntArray, inverse: FloatArray, work: FloatArray, phase: int, first: bool
) -> int:
    """Returns the position that leaves the basis, or -1."""
    size = basis.size
    leaving, low, strong = -1, np.inf, 0.0
    for i in range(size):
        entry = work[COORDINATES, i]
        if phase == 2 and abs(entry) > PIVOT and _forbidden(role, basis[i]):
            ratio = 0.0  # an artificial column that is still basic at zero leaves first
        elif entry > PIVOT:
            ratio = max(inverse[i, size - 1], 0.0) / entry
        else:
            continue
        better = ratio < low
        if abs(ratio - low) <= 1e-12:
            better = basis[i] < basis[leaving] if first else abs(entry) > strong
        if better:
            leaving, low, strong = i, ratio, abs(entry)
    return leaving


@njit(**INNER)
def _exchange(
    columns: FloatArray, basis: IntArray, inverse: FloatArray, work: FloatArray, leaving: int
) -> None:
    """Replaces a basic column by the one whose coordinates are in the workspace."""
    size = basis.size
    scale = 1.0 / work[COORDINATES, leaving]
    for j in range(size):
        inverse[leaving, j] *= scale
    for i in range(size):
        factor = work[COORDINATES, i]
        if i != leaving and factor != 0.0:
            for j in range(size):
                inverse[i, j] -= factor * inverse[leaving, j]


@njit(**INNER)
def _coordinates(basis: IntArray, inverse: FloatArray, work: FloatArray) -> None:
    """Sets the coordinates of the loaded column in the basis."""
    size = basis.size
    for i in range(size):
        total = 0.0
        for j in range(size):
            total += inverse[i, j] * work[COLUMN, j]
        work[COORDINATES, i] = total


@njit(**INNER)
def solve(
    columns: FloatArray, role: IntArray, basis: IntArray, inverse: FloatArray, work: FloatArray
) -> int:
    """Runs the simplex method from the present basis.

    Returns RELATION (the basis holds one), POINT (the prices are a point where strict rows have
    negative products) or STALLED.
    """
    size = basis.size
    feasible = False
    for turn in range(60 + 20 * size):
        phase = 2 if feasible else 1
        cost = _price(role, basis, inverse, work, phase)
        if not feasible and cost <= 1e-11:
            feasible = True
            continue
        first = turn > 20 + 6 * size  # Bland's rule, should the steepest choice go in circles
        entering = _choose(columns, role, work, phase, first)
        if role[role.size - 1] == ROUND:
            entering = side_to_enter(columns, role, basis, work, entering, phase)
        if entering < 0:
            return RELATION if feasible else POINT
        _load(columns, entering, work)
        _coordinates(basis, inverse, work)
        leaving = _ratio_test(role, basis, inverse, work, phase, first)
        if leaving < 0:
            return STALLED
        _exchange(columns, basis, inverse, work, leaving)
        basis[leaving] = entering
    return RELATION if feasible else STALLED


@njit(**INNER)
def fewer_open(
    columns: FloatArray, role: IntArray, basis: IntArray, inverse: FloatArray, work: FloatArray
) -> None:
    """Exchanges open rows of the relation for inactive or active ones, as far as single steps go.

    The weight on open rows may grow, but it is their number that a node branches on.
    """
    size, count = columns.shape
    turns, more = 0, True
    while more and turns < 3:
        turns += 1
        more = False
        for row in range(count):
            if role[row] == OPEN or role[row] >= BLOCKED:
                continue
            column = row + count if role[row] == ACTIVE else row
            inside = False
            for i in range(size):
                inside |= basis[i] == column
            if inside:
                continue
            _load(columns, column, work)
            _coordinates(basis, inverse, work)
            leaving = _ratio_test(role, basis, inverse, work, 1 + int(turns > 0), turns < 0)
            if leaving < 0 or work[COORDINATES, leaving] < FIRM:
                continue
            if basis[leaving] < count and role[basis[leaving]] == OPEN:
                _exchange(columns, basis, inverse, work, leaving)
                basis[leaving] = column
                more = True


@njit(**INNER)
def refactor(
    columns: FloatArray, basis: IntArray, inverse: FloatArray, work: FloatArray, table: FloatArray
) -> bool:
    """Computes the inverse of the basis anew (Gauss and Jordan with pivoting, in `table`)."""
    size = basis.size
    for k in range(size):
        _load(columns, basis[k], work)
        for i in range(size):
            table[i, k] = work[COLUMN, i]
            table[i, size + k] = 1.0 if i == k else 0.0
    for k in range(size):
        top = k
        for i in range(k + 1, size):
            if abs(table[i, k]) > abs(table[top, k]):
                top = i
        if abs(table[top, k]) < 1e-300:
            return False
        scale = 1.0 / table[top, k]
        for j in range(2 * size):
            entry = table[top, j]
            table[top, j] = table[k, j]
            table[k, j] = entry * scale
        for i in range(size):
            factor = table[i, k]
            if i != k and factor != 0.0:
                for j in range(2 * size):
                    table[i, j] -= factor * table[k, j]
    for i in range(size):
        for j in range(size):
            inverse[i, j] = table[i, size + j]
    return True


@njit(**INNER)
def confirmed(
    columns: FloatArray, role: IntArray, basis: IntArray, inverse: FloatArray, work: FloatArray
) -> bool:
    """Whether the basis provably holds a relation with all multipliers positive.

    Note [filter]: let M be the exact basis matrix (its columns are exact rows over some positive
    number, each entry within 4 units in the last place of its float), C the inverse held here, x
    its last column. With G = I - C M and row sums |G|_i <= g_i <= g < 1, M is nonsingular, and
    the multipliers l = M^-1 e satisfy l - x = G l, so |l_i - x_i| <= g_i max|x| / (1 - g). The
    factors 1.01 absorb the rounding of this bound itself.
    """
    size = basis.size
    largest = 0.0
    for i in range(size):
        work[COORDINATES, i] = 0.0
        largest = max(largest, abs(inverse[i, size - 1]))
        if _forbidden(role, basis[i]):
            return False
    for k in range(size):
        _load(columns, basis[k], work)
        for i in range(size):
            total = -1.0 if i == k else 0.0
            for j in range(size):
                total += inverse[i, j] * work[COLUMN, j]
            work[COORDINATES, i] += abs(total)
    worst = 0.0
    for i in range(size):
        weight = 1.0
        for j in range(size):
            weight += abs(inverse[i, j])
        # entries of M are at most 1.01, so each of `size` columns rounds by (size + 8) eps weight
        rounding = size * (size + 8) * EPSILON * weight
        work[COORDINATES, i] = 1.01 * (work[COORDINATES, i] + rounding)
        worst = max(worst, work[COORDINATES, i])
    if not worst < 0.01:
        return False
    for i in range(size):
        if not inverse[i, size - 1] > 1.02 * work[COORDINATES, i] * largest:
            return False
    return True
