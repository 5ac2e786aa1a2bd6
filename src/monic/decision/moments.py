"""Cubic moments: one vector of weights proves a layer injective, without a tree.

If c_i >= 0, sum c_i w_i (x) w_i (x) w_i = 0, the rows with c_i > 0 span R^n, and
sum c_i b_i w_i w_i^T is positive semidefinite, then ReLU(W x + b) is injective on R^n, hence on
every domain (docs/branching.md has the proof). It is so for [B; -D B], for spherical 3-designs
that span, and for orbits of groups without cubic invariants; generic rows need about n^3 / 6.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb

import numpy as np
from flint import fmpq, fmpq_mat, fmpz_mat, nmod_mat

from monic.certificate import Certificate, header
from monic.clock import insist, monotonic
from monic.decision.problem import Problem
from monic.geometry.rational import LARGE_PRIME, independent_rows, primitive, spans
from monic.geometry.system import normalised

__all__ = ["Moments", "is_positive_semidefinite", "moments"]

#: In fewer dimensions a tree is found as quickly.
DIMENSIONS = 8

#: Words in the table of moments, and multiplications for its rank, that are tried.
ENTRIES, WORK = 1 << 22, 1 << 30

#: Weights above this are proposed as positive.
NEAR = 1e-9


@dataclass(frozen=True, slots=True)
class Moments:
    """Positive integers c_i, by the numbers of their rows: a proof."""

    weights: dict[int, int]
    certificate: Certificate


def moments(problem: Problem, until: float | None = None) -> Moments | None:
    """Returns weights that prove a layer injective, or None where none were found.

    Arguments:
        problem: The layer.
        until: When to give up, on the monotonic clock.

    Example:
        >>> from monic.model import ReLULayer
        >>> layer = ReLULayer([[1.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> found = moments(Problem(layer))
        >>> {} if found is None else found.weights
        {0: 8, 1: 1, 2: 1, 3: 1}
    """
    kept = problem.reduction.kept
    if len(kept) < problem.dim:
        return None
    rows = [problem.rows[i][:-1] for i in kept]
    size = comb(problem.dim + 2, 3)
    words = 1 + max(abs(entry).bit_length() for row in rows for entry in row) // 21
    if len(rows) * size * words > ENTRIES or len(rows) ** 2 * size * words > WORK:
        return None
    table = fmpz_mat([_cubes(row) for row in rows])
    if nmod_mat(table, LARGE_PRIME).rank() == len(rows):  # independent: no weights but 0
        return None
    total = _spanning(table, rows, until)
    if total is None:
        return None
    found = {i: c for i, c in zip(kept, primitive(total), strict=True) if c}
    if not _holds(problem, found):
        return None
    evidence = {"kind": "moments", "weights": [[i, str(c)] for i, c in found.items()]}
    return Moments(found, Certificate(header("INJECTIVE", problem.subject, evidence)))


def _cubes(row: Sequence[int]) -> list[int]:
    """The entries of w (x) w (x) w, each of them once."""
    insist()
    return [a * b * c for a, b, c in combinations_with_replacement(row, 3)]


def _spanning(
    table: fmpz_mat, rows: Sequence[Sequence[int]], until: float | None
) -> list[int] | None:
    """Adds up extreme solutions, each with weight on rows outside the span so far."""
    dim, total = len(rows[0]), [0] * len(rows)
    floats = normalised(rows)
    cubes = np.array([_cubes(row) for row in floats.tolist()]).T
    while until is None or monotonic() < until:
        used = [row for row, c in zip(rows, total, strict=True) if c]
        if spans(used, dim):
            return total
        wanted = np.array([_leaves(used, row) for row in rows])
        more = _extreme(cubes, wanted, table, until)
        if more is None:
            return None
        total = [a + b for a, b in zip(total, more, strict=True)]
    return None


def _leaves(used: Sequence[Sequence[int]], row: Sequence[int]) -> bool:
    """Whether a row is outside the span of others."""
    basis = independent_rows(used)
    return len(independent_rows([*(used[k] for k in basis), row])) > len(basis)


def _extreme(
    cubes: np.ndarray, wanted: np.ndarray, table: fmpz_mat, until: float | None
) -> list[int] | None:
    """Returns integers c >= 0 without moments, some of them > 0 where it is wanted.

    Floats propose the rows of a vertex; on these the solution is unique up to scale, and exact.
    """
    from scipy.optimize import linprog

    seconds = {} if until is None else {"time_limit": max(until - monotonic(), 0.01)}
    count = cubes.shape[1]
    solved = linprog(
        -wanted.astype(float),
        A_eq=np.vstack([cubes, np.ones(count)]),
        b_eq=np.append(np.zeros(len(cubes)), 1.0),
        method="highs-ds",
        options=seconds,
    )
    if solved.x is None or -solved.fun <= NEAR:
        return None
    support = np.flatnonzero(solved.x > NEAR).tolist()
    entries = table.tolist()
    basis, nullity = fmpz_mat([list(entries[i]) for i in support]).transpose().nullspace()
    if nullity != 1:
        return None
    weights = [int(basis[k, 0]) for k in range(len(support))]
    sign = 1 if weights[0] > 0 else -1
    if not all(sign * weight > 0 for weight in weights):
        return None
    placed = dict(zip(support, primitive(weights), strict=True))
    return [abs(placed.get(i, 0)) for i in range(count)]


def _holds(problem: Problem, weights: dict[int, int]) -> bool:
    """Whether all conditions of the theorem hold, exactly."""
    if problem.homogeneous:
        return True
    rows = [problem.rows[i] for i in weights]
    table = fmpz_mat([list(row[:-1]) for row in rows])
    scaled = zip(rows, weights.values(), strict=True)
    heavy = fmpz_mat([[c * row[-1] * entry for entry in row[:-1]] for row, c in scaled])
    return is_positive_semidefinite(table.transpose() * heavy)


def is_positive_semidefinite(matrix: fmpz_mat) -> bool:
    """Whether a symmetric integer matrix is positive semidefinite, by exact elimination.

    Example:
        >>> is_positive_semidefinite(fmpz_mat([[1, 1], [1, 1]]))
        True
        >>> is_positive_semidefinite(fmpz_mat([[0, 1], [1, 1]]))
        False
    """
    rows: list[list[fmpq]] = fmpq_mat(matrix).tolist()
    while rows:
        (pivot, *column), *rest = rows
        if pivot < 0 or (pivot == 0 and any(column)):
            return False
        if pivot != 0:
            rest = [
                [row[0], *(e - row[0] / pivot * c for e, c in zip(row[1:], column, strict=True))]
                for row in rest
            ]
        rows = [row[1:] for row in rest]
    return True
