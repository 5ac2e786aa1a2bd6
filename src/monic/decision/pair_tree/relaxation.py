"""The linear program of a node, in floats: it proposes pairs, and multipliers for its rows.

Columns are x, d = x - y and, for every unit, z, zeta, r and rho. Branching changes bounds of
columns and rows only, and two or three slopes, so that HiGHS goes on from its last basis.
"""

from dataclasses import dataclass
from math import inf
from typing import Any

import highspy
import numpy as np
from flint import fmpq

from monic.decision.pair_tree.node import (
    AT_X,
    AT_Y,
    WAY,
    Node,
    upper_line,
    way_lines,
)
from monic.decision.pair_tree.program import Interval, Program
from monic.decision.pair_tree.rows import (
    ABOVE,
    FALLS,
    FASTER,
    HIGH,
    KINDS,
    LOW,
    POSITIVE,
    RISES,
    SECOND,
    SLOWER,
    UNDER,
    WAY_HIGH,
    WAY_LOW,
    row_of_output,
    row_of_side,
)

__all__ = ["Answer", "Relaxation"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: The columns of a unit, and its rows.
(Z, ZETA, R, RHO), COLUMNS = range(4), 4
(IS_Z, IS_ZETA, LIFT, ROOF, Z_Y, R_Y, LIFT_Y, ROOF_Y, GAP, WAY_ROOF, WAY_FLOOR) = range(11)
ROWS = 11


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program answers.

    Arguments:
        value: The largest t; -inf where there is no pair, inf where the solver failed.
        multipliers: A proposal for the multipliers of the node's rows, by their numbers.
        columns: A solution.
    """

    value: float
    multipliers: dict[int, float]
    columns: Floats | None


@dataclass(slots=True)
class Relaxation:
    """The program of one network and one facet; it remembers the last node and basis."""

    program: Program
    facet: int
    solver: Any = None
    loaded: Node | None = None
    runs: int = 0
    matrix: Any = None
    row_ends: Any = None
    column_ends: Any = None
    names: Any = None

    def __post_init__(self) -> None:
        self.solver = highspy._Highs()  # type: ignore[attr-defined]  # Highs() prints
        for name, value in _OPTIONS.items():
            self.solver.setOptionValue(name, value)
        model = self._model()
        self.solver.passModel(model)
        self._remember(model)
        self.names = self._names()

    @property
    def columns(self) -> int:
        """The number of columns."""
        return 2 * self.program.n + COLUMNS * self.program.size

    @property
    def first_output(self) -> int:
        """The row of the first output."""
        n, sides = self.program.n, len(self.program.sides)
        return ROWS * self.program.size + n + 2 * sides + 2 * (self.program.inputs - 1)

    def column(self, form: int, kind: int) -> int:
        """Returns the column of z, zeta, r or rho of a form."""
        n = self.program.n
        if form < n:
            return form + n * (kind == ZETA)
        return 2 * n + COLUMNS * (form - n) + kind

    def _model(self) -> Any:
        table = _Table()
        n, size = self.program.n, self.program.size
        for block in self.program.blocks:
            for unit, line in zip(block.units, block.matrix.tolist(), strict=True):
                self._unit_rows(table, n + unit, line)
        for j in range(n):  # y_j
            table.row({j: 1.0, n + j: -1.0})
        for normal, offset in self.program.sides:
            entries = {j: float(a) for j, a in enumerate(normal) if a != 0}
            table.row(entries, -inf, float(offset))
            other = {n + j: -a for j, a in entries.items()}
            table.row(entries | other, -inf, float(offset))
        for k in range(self.program.inputs):  # |d_k| <= d_i
            if k != self.facet:
                table.row({n + self.facet: 1.0, n + k: -1.0}, 0.0)
                table.row({n + self.facet: 1.0, n + k: 1.0}, 0.0)
        for line in self.program.outputs.tolist():
            table.row(self._written(line, ZETA), 0.0, 0.0)
        lower, upper = np.full(self.columns, -inf), np.full(self.columns, inf)
        lower[[self.column(n + u, R) for u in range(size)]] = 0.0
        lower[n + self.facet] = 0.0
        return table.model(lower, upper, n + self.facet)

    def _unit_rows(self, table: "_Table", form: int, line: list[fmpq]) -> None:
        z, zeta, r, rho = (self.column(form, kind) for kind in range(COLUMNS))
        shift = float(line[0])
        table.row({z: 1.0} | _minus(self._written(line, Z)), shift, shift)
        table.row({zeta: 1.0} | _minus(self._written(line, ZETA)), 0.0, 0.0)
        table.row({r: 1.0, z: -1.0}, 0.0)
        table.row({z: 1.0, r: -1.0})
        table.row({z: 1.0, zeta: -1.0})
        table.row({r: 1.0, rho: -1.0}, 0.0)
        table.row({r: 1.0, rho: -1.0, z: -1.0, zeta: 1.0}, 0.0)
        table.row({z: 1.0, zeta: -1.0, r: -1.0, rho: 1.0})
        table.row({zeta: 1.0, rho: -1.0})
        t = self.program.n + self.facet
        table.row({zeta: 1.0, rho: -1.0, t: 1.0})
        table.row({zeta: -1.0, rho: 1.0, t: 1.0})

    def _written(self, line: list[fmpq], kind: int) -> dict[int, float]:
        """Returns a row over (1, x, r), or over (d, rho), without its constant."""
        n, other = self.program.n, R if kind == Z else RHO
        found = {self.column(j, kind): float(a) for j, a in enumerate(line[1 : n + 1]) if a != 0}
        for unit, a in enumerate(line[n + 1 :]):
            if a != 0:
                found[self.column(n + unit, other)] = float(a)
        return found

    def load(self, node: Node) -> None:
        """Makes the program that of a node."""
        last, self.loaded = self.loaded, node
        changed: set[int] = set()
        for side in (AT_X, AT_Y, WAY):
            if last is None:
                changed.update(range(self.program.forms))
            elif last.bounds[side] is not node.bounds[side]:
                pairs = zip(last.bounds[side], node.bounds[side], strict=True)
                changed.update(form for form, (old, new) in enumerate(pairs) if old is not new)
        for form in sorted(changed):
            self._bound(node, form)

    def _bound(self, node: Node, form: int) -> None:
        n = self.program.n
        x, y = (node.bounds[side][form] for side in (AT_X, AT_Y))
        self._column_ends(self.column(form, Z), *_ends(x))
        if form < n:
            self._row_ends(ROWS * self.program.size + form, *_ends(y))
        if form != self.facet:
            low, high = node.bounds[WAY][form]  # with t they bound zeta; here, by their signs
            ends = (0.0 if low >= 0 else -inf, 0.0 if high <= 0 else inf)
            self._column_ends(self.column(form, ZETA), *ends)
        if form >= n:
            first = ROWS * (form - n)
            self._bound_place(node, form, AT_X, x, first + LIFT, first + ROOF)
            self._row_ends(first + Z_Y, *_ends(y))
            self._bound_place(node, form, AT_Y, y, first + LIFT_Y, first + ROOF_Y)
            self._bound_way(node, form, first)

    def _bound_place(
        self, node: Node, form: int, side: int, interval: Interval, lift: int, roof: int
    ) -> None:
        """Bounds r - z and r from above, at x or at y."""
        phase = node.phase(side, form)
        self._row_ends(lift, 0.0, 0.0 if phase > 0 else inf)
        none = 0.0 if phase < 0 else inf
        if side == AT_X:
            self._column_ends(self.column(form, R), 0.0, none)
        else:
            self._row_ends(ROWS * (form - self.program.n) + R_Y, 0.0, none)
        line = upper_line(interval)
        if phase:
            self._row_ends(roof, -inf, inf)
            return
        slope, shift = float(line[0]), float(line[1])
        self._entry(roof, self.column(form, Z), slope)
        if side == AT_Y:
            self._entry(roof, self.column(form, ZETA), -slope)
        self._row_ends(roof, -shift, inf)

    def _bound_way(self, node: Node, form: int, first: int) -> None:
        """Bounds rho and zeta - rho by what is known, or by lines."""
        x, y, way = (node.phase(side, form) for side in (AT_X, AT_Y, WAY))
        rises, falls = way > 0 or y < 0, way < 0 or x < 0
        slower, faster = way > 0 or x > 0, way < 0 or y > 0
        rho, t = self.column(form, RHO), self.program.n + self.facet
        self._column_ends(rho, 0.0 if rises else -inf, 0.0 if falls else inf)
        ends = (0.0 if slower else -inf, 0.0 if faster else inf)
        self._row_ends(first + GAP, *ends)
        lower, upper = way_lines(node, form)
        for row, line, sign, known in (
            (first + WAY_ROOF, upper, 1.0, falls or slower),
            (first + WAY_FLOOR, lower, -1.0, rises or faster),
        ):
            if known:
                self._row_ends(row, -inf, inf)
                continue
            self._entry(row, self.column(form, ZETA), sign * float(line[0]))
            self._entry(row, t, sign * float(line[1]))
            self._row_ends(row, 0.0, inf)

    def solve(self, node: Node) -> Answer:
        """Returns the largest t of a node's program, and multipliers or a solution."""
        self.load(node)
        return self._solved()

    def _solved(self) -> Answer:
        for attempt in range(2):
            self.solver.run()
            self.runs += 1
            status = self.solver.getModelStatus()
            if status == highspy.HighsModelStatus.kInfeasible:
                return Answer(-inf, self._ray(), None)
            found = self.solver.getSolution()
            if status == highspy.HighsModelStatus.kOptimal:
                columns = np.array(found.col_value)
                duals = self._duals(np.array(found.row_dual), np.array(found.col_dual))
                return Answer(float(columns[self.program.n + self.facet]), duals, columns)
            if not attempt:  # rounding errors have piled up; once more, from the beginning
                self.solver.clearSolver()
        return Answer(inf, {}, None)

    def _remember(self, model: Any) -> None:
        """Keeps the program beside the solver, for the multipliers of columns in a ray."""
        self.matrix = np.zeros((model.num_row_, model.num_col_))
        starts, places = np.array(model.a_matrix_.start_), np.array(model.a_matrix_.index_)
        rows = np.repeat(np.arange(model.num_row_), np.diff(starts))
        self.matrix[rows, places] = np.array(model.a_matrix_.value_)
        self.row_ends = np.array([model.row_lower_, model.row_upper_])
        self.column_ends = np.array([model.col_lower_, model.col_upper_])

    def _row_ends(self, row: int, low: float, high: float) -> None:
        if tuple(self.row_ends[:, row]) != (low, high):
            self.row_ends[:, row] = low, high
            self.solver.changeRowBounds(row, low, high)

    def _column_ends(self, column: int, low: float, high: float) -> None:
        if tuple(self.column_ends[:, column]) != (low, high):
            self.column_ends[:, column] = low, high
            self.solver.changeColBounds(column, low, high)

    def _entry(self, row: int, column: int, value: float) -> None:
        if self.matrix[row, column] != value:
            self.matrix[row, column] = value
            self.solver.changeCoeff(row, column, value)

    def _names(self) -> tuple[Any, Any]:
        """Returns the numbers of a node's rows for every row and column: two each, or -1.

        The first is that of a multiplier >= 0 (a lower end), the second of one <= 0.
        """
        program, n = self.program, self.program.n
        rows = np.full((2, self.matrix.shape[0]), -1)
        columns = np.full((2, self.matrix.shape[1]), -1)
        for form in range(n):
            base, at = KINDS * form + SECOND, ROWS * program.size + form
            rows[:, at] = base + LOW, base + HIGH
            if form != self.facet:
                columns[:, self.column(form, ZETA)] = (
                    KINDS * form + WAY_LOW,
                    KINDS * form + WAY_HIGH,
                )
        for form in range(n, program.forms):
            base, first = KINDS * form, ROWS * (form - n)
            for place, pair in _ROW_KINDS.items():
                rows[:, first + place] = [-1 if kind < 0 else base + kind for kind in pair]
            for place, pair in _COLUMN_KINDS.items():
                columns[:, self.column(form, place)] = [base + kind for kind in pair]
        at, sides = ROWS * program.size + n, len(program.sides)
        for side in range(sides):
            rows[1, at + 2 * side] = row_of_side(program, side, 0)
            rows[1, at + 2 * side + 1] = row_of_side(program, side, 1)
        for output in range(int(program.outputs.nrows())):
            rows[:, self.first_output + output] = row_of_output(program, output)
        return rows, columns

    def _ray(self) -> dict[int, float]:
        """Returns multipliers by which there is no pair."""
        found = self.solver.getDualRay()
        if not found[1]:
            return {}
        ray = np.array(found[2], dtype=np.float64)
        columns = -ray @ self.matrix
        tiny = 1e-9 * max(np.abs(ray).max(), 1e-300)
        ray[np.abs(ray) <= tiny] = columns[np.abs(columns) <= tiny] = 0.0
        if self._value(ray, columns) < self._value(-ray, -columns):
            ray, columns = -ray, -columns
        return self._duals(ray, columns)

    def _value(self, rows: Floats, columns: Floats) -> tuple[float, float]:
        """Returns how little a ray rests on ends that are not there, and what it proves."""
        missing = total = 0.0
        for weights, ends in ((rows, self.row_ends), (columns, self.column_ends)):
            used = np.flatnonzero(weights)
            chosen = np.where(weights[used] > 0, ends[0, used], ends[1, used])
            known = np.isfinite(chosen)
            missing += float(np.abs(weights[used][~known]).sum())
            total += float(weights[used][known] @ chosen[known])
        return -missing, total

    def _duals(self, rows: Floats, columns: Floats) -> dict[int, float]:
        """Returns the multipliers of rows and columns of the program, by the node's rows."""
        found: dict[int, float] = {}
        for weights, names in ((rows, self.names[0]), (columns, self.names[1])):
            for j in np.flatnonzero(weights).tolist():
                weight = float(weights[j])
                name = int(names[int(weight < 0), j])
                if name >= 0:
                    signed = name >= self._first_signed
                    found[name] = found.get(name, 0.0) + (weight if signed else abs(weight))
        return found

    @property
    def _first_signed(self) -> int:
        return row_of_output(self.program, 0)


#: The node's rows that a program's rows and columns of a unit stand for, at both ends.
_ROW_KINDS = {
    LIFT: (ABOVE, UNDER),
    ROOF: (UNDER, -1),
    Z_Y: (SECOND + LOW, SECOND + HIGH),
    R_Y: (SECOND + POSITIVE, SECOND + UNDER),
    LIFT_Y: (SECOND + ABOVE, SECOND + UNDER),
    ROOF_Y: (SECOND + UNDER, -1),
    GAP: (SLOWER, FASTER),
}
_COLUMN_KINDS = {
    Z: (LOW, HIGH),
    ZETA: (WAY_LOW, WAY_HIGH),
    R: (POSITIVE, UNDER),
    RHO: (RISES, FALLS),
}


class _Table:
    """Rows as they come."""

    def __init__(self) -> None:
        self.starts, self.places, self.values = [0], list[int](), list[float]()
        self.lower, self.upper = list[float](), list[float]()

    def row(self, entries: dict[int, float], low: float = -inf, high: float = inf) -> None:
        self.places += entries.keys()
        self.values += entries.values()
        self.starts.append(len(self.places))
        self.lower.append(low)
        self.upper.append(high)

    def model(self, lower: Floats, upper: Floats, goal: int) -> Any:
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = lower.size, len(self.lower)
        cost = np.zeros(lower.size)
        cost[goal] = -1.0
        model.col_cost_, model.col_lower_, model.col_upper_ = cost, lower, upper
        model.row_lower_, model.row_upper_ = np.array(self.lower), np.array(self.upper)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.array(self.starts)
        model.a_matrix_.index_ = np.array(self.places)
        model.a_matrix_.value_ = np.array(self.values)
        return model


_OPTIONS: dict[str, object] = {
    "output_flag": False,
    "presolve": "off",
    "solver": "simplex",
    "threads": 1,
    "primal_feasibility_tolerance": 1e-9,
    "dual_feasibility_tolerance": 1e-9,
}


def _minus(entries: dict[int, float]) -> dict[int, float]:
    return {j: -a for j, a in entries.items()}


def _ends(interval: Interval) -> tuple[float, float]:
    low, high = interval
    return float(low), float(high)
