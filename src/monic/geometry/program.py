"""Linear programs whose optimum is exact: floats propose the basis, rationals confirm it."""

from collections.abc import Sequence
from fractions import Fraction
from math import inf, lcm

import numpy as np
from flint import fmpz_mat

from monic.geometry.exact_separation import Relation, separate_exactly
from monic.geometry.patience import begin_elimination
from monic.geometry.rational import independent_rows

__all__ = ["maximum"]

#: (a, c): a.t <= c.
Row = tuple[Sequence[Fraction], Fraction]

#: Multipliers above this and distances below it are proposed as those of the basis.
NEAR = 1e-9


def maximum(objective: Sequence[Fraction], rows: Sequence[Row]) -> Fraction | float | None:
    """Returns the exact maximum of objective.t over a.t <= c, where t = 0 is feasible.

    By duality: multipliers y >= 0 with sum y_i a_i = objective bound it by sum y_i c_i, and a
    feasible point reaches that. Both are solved for exactly, on the rows that floats propose.

    Returns:
        The maximum; inf when there is none; None when the proposal was not confirmed.

    Example:
        >>> one = Fraction(1)
        >>> maximum([one, one], [([one, 0 * one], 3 * one), ([0 * one, 2 * one], one)])
        Fraction(7, 2)
        >>> maximum([one, one], [([one, 0 * one], 3 * one)])
        inf
    """
    if not any(objective):
        return Fraction(0)
    if _has_ray(objective, rows):
        return inf
    kept = [(a, c) for a, c in rows if any(a)]
    proposal = _proposal(objective, kept)
    if proposal is None:
        return None
    weights, point = proposal
    order = [int(i) for i in np.argsort(-weights, kind="stable")]
    chosen = _independent([kept[i] for i in order if weights[i] > NEAR])
    bound = _dual_value(objective, chosen)
    tight = [row for row in kept if _gap(row, point) <= NEAR]
    reached = _vertex(_independent([*chosen, *tight]), point)
    if bound is None or reached is None:
        return None
    return bound if all(_dot(a, reached) <= c for a, c in rows) else None


def _independent(rows: Sequence[Row]) -> list[Row]:
    return [rows[i] for i in independent_rows([_integers(a) for a, _ in rows])]


def _gap(row: Row, point: Sequence[Fraction]) -> float:
    """Returns how far a point is from a wall, relative to the size of its normal."""
    a, c = row
    return _floats([c - _dot(a, point)], max(map(abs, a)))[0]


def _has_ray(objective: Sequence[Fraction], rows: Sequence[Row]) -> bool:
    """Whether some t with a.t <= 0 for all rows has objective.t > 0."""
    strict = [[-entry for entry in _integers(objective)]]
    active = [[-entry for entry in _integers(a)] for a, _ in rows if any(a)]
    return not isinstance(separate_exactly(strict, active, len(objective)), Relation)


def _proposal(
    objective: Sequence[Fraction], rows: Sequence[Row]
) -> tuple[np.ndarray, list[Fraction]] | None:
    """Returns the multipliers of an optimal solution in floats, and the solution."""
    from scipy.optimize import linprog

    tops = [max(map(abs, a)) for a, _ in rows]
    target = np.array(_floats(objective, max(map(abs, objective))))
    table = np.array([_floats(a, top) for (a, _), top in zip(rows, tops, strict=True)])
    limits = np.array([_floats([c], top)[0] for (_, c), top in zip(rows, tops, strict=True)])
    if not np.isfinite(limits).all():  # a wall too far away for floats: nothing is proposed
        return None
    lengths = np.linalg.norm(table, axis=1)
    found = linprog(
        -target / np.linalg.norm(target),
        A_ub=table / lengths[:, None],
        b_ub=limits / lengths,
        bounds=(None, None),
        method="highs",
    )
    if found.status != 0:
        return None
    return -np.asarray(found.ineqlin.marginals), [Fraction(float(t)) for t in found.x]


def _floats(numbers: Sequence[Fraction], unit: Fraction) -> list[float]:
    """Returns numbers over a unit in floats, infinities where they are too large."""
    found = []
    for number in numbers:
        try:
            found.append(float(number / unit))
        except OverflowError:
            found.append(inf if number > 0 else -inf)
    return found


def _dual_value(objective: Sequence[Fraction], rows: Sequence[Row]) -> Fraction | None:
    """Returns sum y_i c_i for the y >= 0 with sum y_i a_i = objective, or None."""
    columns = [list(column) for column in zip(*(a for a, _ in rows), strict=True)]
    weights = _solution([(a, c) for a, c in zip(columns, objective, strict=True)], len(rows))
    if weights is None or any(weight < 0 for weight in weights):
        return None
    return sum((y * c for y, (_, c) in zip(weights, rows, strict=True)), Fraction(0))


def _vertex(rows: Sequence[Row], near: Sequence[Fraction]) -> list[Fraction] | None:
    """Returns a point with a.t = c for all rows that keeps free coordinates of another one."""
    gaps = [(a, c - _dot(a, near)) for a, c in rows]
    moved = _solution(gaps, len(near))
    return None if moved is None else [s + t for s, t in zip(near, moved, strict=True)]


def _solution(rows: Sequence[Row], width: int) -> list[Fraction] | None:
    """Returns one solution of a.t = c, or None; coordinates that are free are 0."""
    table = []
    for a, c in rows:
        numbers = _integers([*a, c])
        table.append(numbers)
    if not table:
        return [Fraction(0)] * width
    begin_elimination(fmpz_mat(table))
    echelon, divisor, rank = fmpz_mat(table).rref()
    found = [Fraction(0)] * width
    for i in range(int(rank)):
        j = next(j for j in range(width + 1) if echelon[i, j] != 0)
        if j == width:
            return None
        found[j] = Fraction(int(echelon[i, width]), int(divisor))
    return found


def _integers(numbers: Sequence[Fraction]) -> list[int]:
    unit = lcm(*(Fraction(t).denominator for t in numbers))
    return [int(t * unit) for t in numbers]


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((s * t for s, t in zip(a, b, strict=True) if s and t), Fraction(0))
