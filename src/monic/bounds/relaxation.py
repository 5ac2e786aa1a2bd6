"""The convex program of a node of the tree over pairs of inputs, solved in floats.

Unknowns are x, t >= 0 and l >= 0, with y = x + sum of l_j u_j over the generators u_j of a cone of
directions (|u_j| = 1 here), all scaled so that a row's value is w.x + b t. With constraints paid
for by a penalty the objective is a convex function of pieces that are quadratics, which Newton's
method minimises; its slopes are multipliers, and these are what `pair_proof` turns into a proof.
"""

from typing import Any, NamedTuple

import numpy as np

from monic.geometry.compiled import COMPILED, INNER, njit

__all__ = ["BOTH", "FREE", "HEAD", "TAIL", "Program", "new_program", "relax"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]

# what is known about a row: nothing; active at both ends; not positive at x; not positive at y
FREE, BOTH, TAIL, HEAD = range(4)
# the kinds of terms: squared; squared where positive; at least 0, or the penalty is paid
SQUARE, PART, LIMIT = range(3)

#: What a violated constraint costs, in units of the squared rows.
PENALTY = 1e6
#: Multiples of the squared distance from the last minimum, which are added one after the other.
RIDGES = (1e-1, 1e-4, 1e-7, 1e-7, 1e-7)
#: Newton steps, and halvings of one.
STEPS, HALVINGS = 60, 30


class Program(NamedTuple):
    """A layer in floats and the workspace of one program."""

    rows: FloatArray  # (m, n + 1): (w_i, b_i)
    sides: FloatArray  # (s, n + 1): forms that are not negative on the domain
    cone: FloatArray  # (n, n): the unit generators, as columns
    state: IntArray  # (m,)
    terms: FloatArray  # (count, 2 n + 1): one form a term
    kinds: IntArray  # (count,)
    values: FloatArray  # (count,)
    point: (
        FloatArray  # (5, 2 n + 1): (x, t, l), its slope, the step, a trial, and the last minimum
    )
    hessian: FloatArray  # (2 n + 1, 2 n + 1)
    multipliers: FloatArray  # (count,)
    spent: IntArray  # (1,): Newton steps


def new_program(rows: FloatArray, sides: FloatArray) -> Program:
    """Returns the workspace; terms 0 to m are squares, two limits a row and a side follow."""
    m, n = rows.shape[0], rows.shape[1] - 1
    count, size = 3 * m + 2 * len(sides) + 1 + n, 2 * n + 1
    return Program(
        rows=np.ascontiguousarray(rows),
        sides=np.ascontiguousarray(sides).reshape(-1, n + 1),
        cone=np.zeros((n, n)),
        state=np.zeros(m, dtype=np.int64),
        terms=np.zeros((count, size)),
        kinds=np.zeros(count, dtype=np.int64),
        values=np.zeros(count),
        point=np.zeros((5, size)),
        hessian=np.zeros((size, size)),
        multipliers=np.zeros(count),
        spent=np.zeros(1, dtype=np.int64),
    )


@njit(**INNER)
def _set(program: Program, place: int, form: FloatArray, sign: float, far: bool) -> None:
    """Writes a form at x, or at y (far), into a term."""
    term, cone = program.terms[place], program.cone
    n = cone.shape[0]
    for k in range(n + 1):
        term[k] = sign * form[k]
    for j in range(n):
        total = 0.0
        if far:
            for k in range(n):
                total += form[k] * cone[k, j]
        term[n + 1 + j] = sign * total


@njit(**INNER)
def _lay_out(program: Program) -> None:
    """Sets the terms from the state of the rows and the cone."""
    rows, sides, state, terms, kinds = (
        program.rows,
        program.sides,
        program.state,
        program.terms,
        program.kinds,
    )
    m, n, s = rows.shape[0], program.cone.shape[0], sides.shape[0]
    for i in range(terms.shape[0]):
        kinds[i] = LIMIT
        for k in range(terms.shape[1]):
            terms[i, k] = 0.0
    for i in range(m):
        first = m + 2 * i
        if state[i] == BOTH:
            _set(program, i, rows[i], 1.0, True)
            for k in range(n + 1):
                terms[i, k] = 0.0  # w.(y - x)
            kinds[i] = SQUARE
            _set(program, first, rows[i], 1.0, False)
            _set(program, first + 1, rows[i], 1.0, True)
        elif state[i] != FREE:
            kinds[i] = PART
            _set(program, i, rows[i], 1.0, state[i] == TAIL)
            _set(program, first, rows[i], -1.0, state[i] == HEAD)
    for i in range(s):
        _set(program, 3 * m + 2 * i, sides[i], 1.0, False)
        _set(program, 3 * m + 2 * i + 1, sides[i], 1.0, True)
    terms[3 * m + 2 * s, n] = 1.0
    for j in range(n):
        terms[3 * m + 2 * s + 1 + j, n + 1 + j] = 1.0


@njit(**INNER)
def _cost(program: Program, place: int, ridge: float) -> float:
    """The objective at one of the points; sets the values of the terms."""
    terms, kinds, values, point = (
        program.terms,
        program.kinds,
        program.values,
        program.point[place],
    )
    center = program.point[4]
    size = point.size
    n = program.cone.shape[0]
    total = 0.0
    for i in range(terms.shape[0]):
        value = 0.0
        for k in range(size):
            value += terms[i, k] * point[k]
        values[i] = value
        if kinds[i] == SQUARE or (kinds[i] == PART and value > 0.0):
            total += 0.5 * value * value
        elif kinds[i] == LIMIT and value < 0.0:
            total += 0.5 * PENALTY * value * value
    for k in range(size):
        total += 0.5 * ridge * (point[k] - center[k]) ** 2
        if k > n:
            total -= point[k]
    return total


@njit(**INNER)
def _slope(program: Program, ridge: float) -> float:
    """Sets the first and second derivative at the point; returns the largest slope."""
    terms, kinds, values, point = program.terms, program.kinds, program.values, program.point
    hessian, size, n = program.hessian, point.shape[1], program.cone.shape[0]
    for k in range(size):
        point[1, k] = ridge * (point[0, k] - point[4, k]) - (1.0 if k > n else 0.0)
        for j in range(size):
            hessian[k, j] = ridge if k == j else 0.0
    for i in range(terms.shape[0]):
        weight = 0.0
        if kinds[i] == SQUARE or (kinds[i] == PART and values[i] >= 0.0):
            weight = 1.0
        elif kinds[i] == LIMIT and values[i] <= 0.0:
            weight = PENALTY
        program.multipliers[i] = weight * abs(values[i]) if kinds[i] != SQUARE else values[i]
        if weight == 0.0:
            continue
        for k in range(size):
            if terms[i, k] == 0.0:
                continue
            point[1, k] += weight * values[i] * terms[i, k]
            for j in range(size):
                hessian[k, j] += weight * terms[i, k] * terms[i, j]
    largest = 0.0
    for k in range(size):
        largest = max(largest, abs(point[1, k]))
    return largest


@njit(**INNER)
def _newton(hessian: FloatArray, point: FloatArray) -> None:
    """Sets the step by a Cholesky factorisation in place."""
    size = point.shape[1]
    for j in range(size):
        for i in range(j, size):
            entry = hessian[i, j]
            for k in range(j):
                entry -= hessian[i, k] * hessian[j, k]
            if i == j:
                hessian[j, j] = np.sqrt(max(entry, 1e-14))
            else:
                hessian[i, j] = entry / hessian[j, j]
    for i in range(size):
        total = -point[1, i]
        for k in range(i):
            total -= hessian[i, k] * point[2, k]
        point[2, i] = total / hessian[i, i]
    for i in range(size - 1, -1, -1):
        total = point[2, i]
        for k in range(i + 1, size):
            total -= hessian[k, i] * point[2, k]
        point[2, i] = total / hessian[i, i]


@njit(**INNER)
def _descend(program: Program, ridge: float) -> None:
    """Newton's method for one ridge."""
    point = program.point
    size = point.shape[1]
    present = _cost(program, 0, ridge)
    for _ in range(STEPS):
        if _slope(program, ridge) < 1e-12:
            return
        _newton(program.hessian, point)
        length, fell = 1.0, False
        for _ in range(HALVINGS):
            for k in range(size):
                point[3, k] = point[0, k] + length * point[2, k]
            cost = _cost(program, 3, ridge)
            if cost < present - 1e-15 * abs(present):
                fell = True
                break
            length *= 0.5
        if not fell:
            break
        program.spent[0] += 1
        present = cost
        for k in range(size):
            point[0, k] = point[3, k]
    _cost(program, 0, ridge)
    _slope(program, ridge)


@njit(**COMPILED)
def relax(program: Program) -> None:
    """Minimises, from the point that is there.

    Afterwards `point[0]` is (x, t, l), and `multipliers` holds those of all terms.
    """
    _lay_out(program)
    program.spent[0] = 0
    point = program.point
    for ridge in RIDGES:
        for k in range(point.shape[1]):
            point[4, k] = point[0, k]
        _descend(program, ridge)
