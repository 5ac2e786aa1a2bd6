"""The linear programs of Lei et al. for data with noise, solved by HiGHS.

For one layer, [Lei, Jalal, Dhillon and Dimakis, 2019] fit the rows that are surely active as
equalities, the others as inequalities, in the norm max |.| or sum |.|. With the right choice of
the active rows the first program gives a *nearest* point of the range in the norm max |.|: the
rows with y_i > d are active at every point nearer than d, and no others need be, so the least
d for which the program is feasible is found by bisection over the sorted y_i.
"""

import highspy
import numpy as np

from monic.errors import InversionError
from monic.model.array import Array

__all__ = ["fit_linf", "linear_program", "nearest_linf", "program_l1", "program_linf"]


def linear_program(
    *,
    cost: Array,
    rows: Array,
    upper: Array,
    nonnegative: Array,
    most: Array | None = None,
) -> Array | None:
    """Returns a minimiser of cost.v for rows v <= upper, or None when HiGHS finds none.

    Arguments:
        cost: Of shape (k,).
        rows: Of shape (r, k).
        upper: Of shape (r,).
        nonnegative: Which variables are >= 0, of shape (k,).
        most: Upper bounds of the variables; none by default.

    Example:
        >>> import numpy as np
        >>> linear_program(cost=np.array([-1.0]), rows=np.array([[2.0]]), upper=np.array([1.0]),
        ...                nonnegative=np.array([True])).tolist()
        [0.5]
    """
    program = highspy.HighsLp()
    count, size = rows.shape
    program.num_col_, program.num_row_ = size, count
    program.col_cost_ = np.asarray(cost, dtype=np.float64)
    program.col_lower_ = np.where(nonnegative, 0.0, -np.inf)
    program.col_upper_ = np.full(size, np.inf) if most is None else most
    program.row_lower_ = np.full(count, -np.inf)
    program.row_upper_ = np.asarray(upper, dtype=np.float64)
    present = rows != 0
    program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    program.a_matrix_.start_ = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    program.a_matrix_.index_ = np.nonzero(present)[1]
    program.a_matrix_.value_ = rows[present]
    solver = highspy._Highs()  # type: ignore[attr-defined]
    solver.setOptionValue("output_flag", False)  # highspy.Highs() prints before that
    solver.setOptionValue("parallel", "off")
    for name in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
        solver.setOptionValue(name, 1e-10)
    solver.passModel(program)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return np.array(solver.getSolution().col_value)


def program_linf(weight: Array, target: Array, active: Array, sides: tuple[Array, Array]) -> Array:
    """Returns (x, d) with the least d >= 0 such that w_i.x <= t_i + d, and >= t_i - d if active.

    Arguments:
        weight: W of shape (m, n).
        target: t = y - b of shape (m,).
        active: Which rows are fitted from below too, of shape (m,).
        sides: The domain as (A, c) with A x <= c.
    """
    normals, offsets = sides
    ones = np.ones(len(target))
    rows = np.vstack(
        [
            np.column_stack([weight, -ones]),
            np.column_stack([-weight[active], -ones[active]]),
            np.column_stack([normals, np.zeros(len(offsets))]),
        ]
    )
    size = weight.shape[1]
    return _scaled(
        cost=np.array([*[0.0] * size, 1.0]),
        rows=rows,
        upper=np.concatenate([target, -target[active], offsets]),
        nonnegative=np.array([*[False] * size, True]),
    )


def program_l1(weight: Array, target: Array, active: Array, sides: tuple[Array, Array]) -> Array:
    """Returns (x, e) with the least sum of e >= 0 such that w_i.x <= t_i + e_i.

    Where a row is active, also w_i.x >= t_i - e_i. The arguments are those of `program_linf`.
    """
    normals, offsets = sides
    count, size = weight.shape
    slack = np.eye(count)
    rows = np.vstack(
        [
            np.hstack([weight, -slack]),
            np.hstack([-weight[active], -slack[active]]),
            np.hstack([normals, np.zeros((len(offsets), count))]),
        ]
    )
    return _scaled(
        cost=np.concatenate([np.zeros(size), np.ones(count)]),
        rows=rows,
        upper=np.concatenate([target, -target[active], offsets]),
        nonnegative=np.concatenate([np.zeros(size, dtype=bool), np.ones(count, dtype=bool)]),
    )


def nearest_linf(weight: Array, bias: Array, y: Array, sides: tuple[Array, Array]) -> Array:
    """Returns x with the least max |y - ReLU(W x + b)|, up to the tolerance of the programs.

    At distance d the rows with y_i > d are active and the others free below, so the distance
    is the least d in some interval between neighbouring y_i; larger d ask for less.
    """
    levels = np.unique(np.append(np.maximum(y, 0.0), 0.0))
    floor = max(0.0, -float(np.min(y, initial=0.0)))
    first, last, guess = 0, len(levels) - 1, 0
    best: Array | None = None
    while first <= last:
        found = program_linf(weight, y - bias, y > levels[guess], sides)
        distance = max(float(found[-1]), floor)
        if guess == len(levels) - 1 or max(distance, levels[guess]) < levels[guess + 1]:
            best, last = found, guess - 1
        else:  # `distance` is feasible, so that the wanted level is the one it lies in, or lower
            first = guess + 1
            last = min(last, int(np.searchsorted(levels, distance, side="right")) - 1)
            if best is None:  # rounding must not end the search without an answer
                last = max(last, first)
        guess = (first + last) // 2
    assert best is not None, "at the last level no row needs to be active"
    return best[:-1]


def fit_linf(weight: Array, target: Array, sides: tuple[Array, Array]) -> Array:
    """Returns x with the least max |W x - t|: for layers whose activation is one-to-one."""
    active = np.ones(len(target), dtype=bool)
    return program_linf(weight, target, active, sides)[: weight.shape[1]]


def _scaled(*, cost: Array, rows: Array, upper: Array, nonnegative: Array) -> Array:
    """Solves with data of size 1, since the tolerances of HiGHS are absolute."""
    size = float(np.max(np.abs(upper), initial=0.0)) or 1.0
    found = linear_program(cost=cost, rows=rows, upper=upper / size, nonnegative=nonnegative)
    if found is None:  # slack makes these programs feasible, and their cost is bounded
        raise InversionError(
            "Expected HiGHS to solve a linear program that has a solution. It gave up, which "
            'happens when weights differ by many orders of magnitude; try norm="l2".'
        )
    return found * size
