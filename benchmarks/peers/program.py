"""The mixed-integer program that HiGHS and SCIP are given: feasible means not injective.

Rows are scaled to |w_i|_1 = 1, so that |w_i.x| <= 1 on the box |x| <= 1 and big M is 1 + ε.

General position: binary y_i = 1 where w_i.x may be >= 0; w_i.x <= −ε + M y_i; Σ y_i <= n − 1.
The last row, which the question implies, makes HiGHS about ten times as fast.

Exact question: find x and u with max |u_j| = 1 such that each row is negative at x or zero on u:
w_i.x <= −ε + M y_i; |w_i.u| <= 1 − y_i; u_j >= 1 where p_j = 1; Σ p_j = 1 (u and −u are alike).
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from peers.peer import Matrix, Question

__all__ = ["EPSILON", "Program", "program"]

#: What counts as negative for a scaled row; solvers allow themselves 1e-6.
EPSILON = 1e-4


@dataclass(frozen=True, slots=True)
class Program:
    """Find columns within bounds with lower <= matrix @ columns <= upper.

    Arguments:
        matrix: One row a constraint.
        lower: Of the constraints.
        upper: Of the constraints.
        bounds: (k, 2) of the columns; the first n are x.
        binary: Which columns are 0 or 1.
    """

    matrix: sparse.csr_matrix
    lower: Matrix
    upper: Matrix
    bounds: Matrix
    binary: np.ndarray


def program(weight: Matrix, question: Question) -> Program:
    """Returns the program for a weight without zero rows (they never matter)."""
    rows = weight[weight.any(axis=1)]
    rows = rows / np.abs(rows).sum(axis=1, keepdims=True)
    return _counting(rows) if question == "general-position" else _pairs(rows)


def _counting(rows: Matrix) -> Program:
    m, n = rows.shape
    matrix = sparse.bmat(
        [[rows, -(1 + EPSILON) * sparse.eye(m)], [None, np.ones((1, m))]], format="csr"
    )
    return _program(matrix, np.append(np.full(m, -EPSILON), n - 1), boxed=n)


def _pairs(rows: Matrix) -> Program:
    m, n = rows.shape
    y, p = sparse.eye(m), sparse.eye(n)
    blocks = [  # columns x, u, y, p
        [rows, None, -(1 + EPSILON) * y, None],
        [None, rows, y, None],
        [None, -rows, y, None],
        [None, -sparse.eye(n), None, 2 * p],
        [None, None, None, -np.ones((1, n))],
    ]
    upper = np.concatenate([np.full(m, -EPSILON), np.ones(2 * m + n), [-1.0]])
    return _program(sparse.bmat(blocks, format="csr"), upper, boxed=2 * n)


def _program(matrix: sparse.csr_matrix, upper: Matrix, *, boxed: int) -> Program:
    """Every constraint is an upper bound; columns lie in [-1, 1] or are binary."""
    binary = np.arange(matrix.shape[1]) >= boxed
    bounds = np.where(binary[:, None], [0.0, 1.0], [-1.0, 1.0])
    return Program(matrix, np.full(len(upper), -np.inf), upper, bounds, binary)
