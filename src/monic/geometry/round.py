"""The compiled kernel's part for balls: sides made as they are needed, and integer multipliers.

In coordinates in which the ball is |x| < t, it has the side rows u.x - t < 0 for all unit u. Among
these the prices p of the simplex method like the one with u = p'/|p'| best, so that infinitely
many columns are looked through at once. The last columns of the kernel's arrays are for sides: one
that stays, -t < 0, and one more than a basis can hold, so that there is always a free one.

A basis with sides is a relation sum l_i a_i - sum m_j k_j + sum s_u (u, -1) = 0, which says that
(v, beta) = sum l_i a_i - sum m_j k_j has beta >= |v|.
"""

from math import sqrt
from typing import Any

import numpy as np

from monic.geometry.compiled import INNER, njit
from monic.geometry.roles import CHARGE, EPSILON, GAIN, OPEN, PRICES, SCORES

__all__ = ["places_for_sides", "side_to_enter", "weighed"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]

HALF = sqrt(0.5)  # a side (u, -1) as a unit row is (u, -1) times this
INSIDE = 1 - 1e-12  # a point this far inside needs no more sides
WORTHWHILE = 1e-3  # smaller gains are not worth a side once there is a relation
TILT = 0.5  # the share of the way to the first zero multiplier that a relation is tilted
STEEP = 0.25  # and its most
LARGE = 2.0**52  # larger multipliers are left to exact arithmetic
TINY = 2.0**-900  # more than all that underflows


def places_for_sides(size: int) -> int:
    """Returns how many columns the kernel needs for sides of a ball."""
    return size + 2


@njit(**INNER)
def _score(role: IntArray, work: FloatArray, last: float, column: int, phase: int) -> float:
    """The gain that `separation` saw in the column it chose."""
    count = role.size
    if column < 0:
        return 0.0
    score: float
    if column >= count:
        score = last - work[SCORES, column - count]
    else:
        score = last + work[SCORES, column]
        if phase == 2 and role[column] == OPEN:
            score -= work[CHARGE, column]
    return score


@njit(**INNER)
def side_to_enter(
    columns: FloatArray, role: IntArray, basis: IntArray, work: FloatArray, chosen: int, phase: int
) -> int:
    """Returns the column to enter: the chosen one, or a side of the ball where it gains more."""
    size, count = columns.shape
    length, time, last = 0.0, work[PRICES, size - 2], work[PRICES, size - 1]
    for i in range(size - 2):
        length += work[PRICES, i] * work[PRICES, i]
    length = sqrt(length)
    gain = HALF * (length - time) + last
    if phase == 1 and chosen < 0 and length < INSIDE * time:
        return chosen
    if gain <= max(_score(role, work, last, chosen, phase), GAIN if phase == 1 else WORTHWHILE):
        return chosen
    place: int = count - size - 1  # the one that stays is before it
    taken = True
    while taken:
        taken = False
        for i in range(size):
            taken |= basis[i] == place
        place += int(taken)
    for i in range(size - 2):
        columns[i, place] = HALF * work[PRICES, i] / length if length > 0.0 else 0.0
    columns[size - 2, place] = -HALF if length > 0.0 else -1.0
    return place


@njit(**INNER)
def _tilt(basis: IntArray, inverse: FloatArray) -> float:
    """How much beta may exceed |v| by: all multipliers of the basis keep half of their value."""
    size = basis.size
    tilt = STEEP
    for i in range(size):
        if inverse[i, size - 2] < 0.0:
            share = TILT * max(inverse[i, size - 1], 0.0) / -inverse[i, size - 2]
            tilt = min(tilt, share)
    return tilt


@njit(**INNER)
def _multiply(
    role: IntArray,
    basis: IntArray,
    inverse: FloatArray,
    scales: FloatArray,
    relation: IntArray,
    tilt: float,
) -> bool:
    """Sets integer multipliers, about proportional to the tilted ones; drops those that are 0."""
    size, count = basis.size, role.size
    total = 0.0
    for k in range(2, 2 + relation[0] + relation[1]):
        total += scales[relation[k]]
        if scales[relation[k]] == 0.0:
            return False
    if not 0.0 < tilt * LARGE:
        return False
    unit, wanted = 1.0, 4.0 * total / tilt
    while unit < wanted:
        unit *= 2.0
    while 0.5 * unit >= wanted:
        unit *= 0.5
    positive, kept = 0, 0
    for k in range(2, 2 + relation[0] + relation[1]):
        row, weight = relation[k], 0.0
        for i in range(size):
            if basis[i] % count == row and basis[i] < 2 * count:
                weight = inverse[i, size - 1] + tilt * inverse[i, size - 2]
        whole = np.floor(weight * unit / scales[row] + 0.5)
        if not whole < LARGE:
            return False
        if whole >= 1.0:
            positive += int(k < 2 + relation[0])
            relation[2 + kept] = row
            relation[2 + size + kept] = int(whole)
            kept += 1
    relation[0], relation[1] = positive, kept - positive
    return kept > 0


@njit(**INNER)
def weighed(
    columns: FloatArray,
    role: IntArray,
    basis: IntArray,
    inverse: FloatArray,
    scales: FloatArray,
    relation: IntArray,
) -> bool:
    """Whether integer multipliers were found that provably give beta > |v|.

    Note [tilt]: the last column of the inverse holds the multipliers of a relation with beta >=
    |v|, and the column before it what to add for one more of beta. Adding some of it makes
    beta - |v| so large that short integers are exact enough.

    Note [round filter]: a term is an integer below 2^53 times a length (relative to the longest
    row, rounded once) times an entry (within 4 units in the last place): relative to itself it is
    wrong by at most 7 EPSILON, and a sum of `size` such terms by (size + 8) EPSILON sum |term|.
    Products that underflow lose less than TINY. The factors 1.01 absorb the rounding of the bound.
    """
    size = basis.size
    if not _multiply(role, basis, inverse, scales, relation, _tilt(basis, inverse)):
        return False
    square, beta = 0.0, 0.0
    for j in range(size - 1):
        total, spread = 0.0, 0.0
        for k in range(relation[0] + relation[1]):
            row = relation[2 + k]
            term = relation[2 + size + k] * scales[row] * columns[j, row]
            total += term if k < relation[0] else -term
            spread += abs(term)
        spread = 1.01 * (size + 8) * EPSILON * spread + TINY
        if j == size - 2:
            beta = total - spread
        else:
            square += (abs(total) + spread) * (abs(total) + spread)
    return beta > (1.0 + 1.01 * (size + 8) * EPSILON) * sqrt(square) + TINY
