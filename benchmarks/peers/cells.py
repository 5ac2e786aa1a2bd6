"""One linear program whose rows are switched between three states, for the two references."""

import highspy
import numpy as np
from scipy import sparse

from peers.peer import Matrix

__all__ = ["Cells"]

_CLEAR = (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kInfeasible)


class Cells:
    """Is there x with w_i.x <= -1, w_i.x >= low, or neither, for each row i?

    HiGHS's simplex starts each time from the last basis. Cones are homogeneous, so -1 stands for
    "negative", up to what a float solver can tell.

    Arguments:
        rows: (m, n), without zero rows.
    """

    def __init__(self, rows: Matrix) -> None:
        self.rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        m, n = rows.shape
        infinite = np.full(max(m, n), np.inf)
        self._lower, self._upper = -infinite[:m], infinite[:m].copy()
        self._solver = highspy.Highs()
        for option, value in [("output_flag", False), ("presolve", "off"), ("threads", 1)]:
            self._solver.setOptionValue(option, value)
        self._solver.setOptionValue("solver", "simplex")
        lp = highspy.HighsLp()
        lp.num_row_, lp.num_col_ = m, n
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = np.zeros(n), -infinite[:n], infinite[:n]
        lp.row_lower_, lp.row_upper_ = self._lower, self._upper
        matrix = sparse.csr_matrix(self.rows)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_, lp.a_matrix_.index_ = matrix.indptr, matrix.indices
        lp.a_matrix_.value_ = matrix.data
        self._solver.passModel(lp)
        self.restarts = 0

    def set(self, lower: Matrix, upper: Matrix) -> None:
        """Gives each row its bounds."""
        for i in np.flatnonzero((lower != self._lower) | (upper != self._upper)):
            self._solver.changeRowBounds(int(i), lower[i], upper[i])
        self._lower, self._upper = lower.copy(), upper.copy()

    def point(self) -> Matrix | None:
        """Returns a point, or None when there is none."""
        self._solver.run()
        if self._solver.getModelStatus() not in _CLEAR:  # the last basis can be a bad start
            self.restarts += 1
            self._solver.clearSolver()
            self._solver.run()
        status = self._solver.getModelStatus()
        if status not in _CLEAR:
            raise ArithmeticError(f"HiGHS says {status} about a linear program")
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        return np.array(self._solver.getSolution().col_value)

    def support(self) -> np.ndarray:
        """Returns the rows of Farkas multipliers, at most n + 1, after `point` found none."""
        _, there, multipliers = self._solver.getDualRay()
        if not there:  # all rows together are always infeasible
            return np.arange(len(self.rows))
        largest = np.abs(multipliers).max()
        return np.flatnonzero(np.abs(multipliers) > 1e-9 * largest)
