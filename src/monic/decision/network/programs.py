"""Collisions of small networks on a box by mixed-integer programs: a whole search, in floats.

Two copies of the network share their output; a binary for each ReLU and copy says on which side
of its wall the input lies, at least a little away from it. The program makes the inputs as
different as may be, along one coordinate after the other. HiGHS proposes; nothing it says is
believed before it is confirmed over the rationals, and that it finds nothing proves nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from monic.clock import monotonic
from monic.decision.network.bounds import intervals
from monic.decision.network.chain import Chain, Floats, Layer
from monic.model import Box

__all__ = ["is_small_enough", "proposals"]

#: ReLUs of one copy; the programs of more take very long.
UNITS = 60

#: Distance from walls relative to the range of a pre-activation, and from the ends of the box.
AWAY = 1e-5

#: Inputs whose difference is smaller, relative to the box, are not told apart in floats.
APART = 1e-4


def is_small_enough(chain: Chain) -> bool:
    """Whether a chain has few ReLUs and a bounded box as its domain."""
    units = sum(len(layer.kinks) for layer in chain.layers)
    box = chain.domain
    bounded = (
        isinstance(box, Box) and np.isfinite(box.lower).all() and np.isfinite(box.upper).all()
    )
    return bool(bounded and units <= UNITS and chain.is_finite)


def proposals(chain: Chain, deadline: float) -> Iterator[tuple[Floats, Floats]]:
    """Yields pairs of float points with nearly equal outputs, one a coordinate at most.

    Arguments:
        chain: A chain that is small enough.
        deadline: When to stop, as `time.monotonic` counts.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    program = _Program(chain)
    lower, upper = (np.array([bound[k] for bound in program.bounds]) for k in (0, 1))
    rows = LinearConstraint(program.matrix(), np.array(program.low), np.array(program.high))
    for j in range(chain.dim):
        left = (deadline - monotonic()) / (chain.dim - j)
        if left <= 0:
            return
        objective = np.zeros(len(program.bounds))
        objective[program.inputs[0][j]], objective[program.inputs[1][j]] = -1.0, 1.0
        found = milp(
            objective,
            constraints=rows,
            bounds=Bounds(lower, upper),
            integrality=np.array(program.whole),
            options={"time_limit": left},
        )
        if found.x is not None and -found.fun > APART * (upper - lower)[program.inputs[0][j]]:
            yield found.x[program.inputs[0]], found.x[program.inputs[1]]


@dataclass(slots=True)
class _Program:
    """The program, row by row: low <= row.v <= high for variables v within bounds."""

    chain: Chain
    bounds: list[tuple[float, float]] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)
    rows: list[dict[int, float]] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    inputs: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        first, second = (self._copy() for _ in range(2))
        for (row, shift), (other, more) in zip(first, second, strict=True):
            gap = {**row, **{j: -value for j, value in other.items()}}
            self._row(gap, more - shift, more - shift)

    def matrix(self) -> Floats:
        """Returns all rows as one matrix."""
        table = np.zeros((len(self.rows), len(self.bounds)))
        for i, row in enumerate(self.rows):
            table[i, list(row)] = list(row.values())
        return table

    def _copy(self) -> list[tuple[dict[int, float], float]]:
        """Adds the variables of one copy, and returns its outputs as affine forms."""
        box = self.chain.domain
        assert isinstance(box, Box), "only boxes are small enough"
        edge = AWAY * (box.upper - box.lower)
        names = [
            self._variable(low, high)
            for low, high in zip(box.lower + edge, box.upper - edge, strict=True)
        ]
        self.inputs.append(names)
        forms: list[tuple[dict[int, float], float]] = [({j: 1.0}, 0.0) for j in names]
        for layer in self.chain.layers:
            values, box = self._values(layer, forms, box)
            forms = values
        return forms

    def _values(
        self, layer: Layer, forms: list[tuple[dict[int, float], float]], box: Box
    ) -> tuple[list[tuple[dict[int, float], float]], Box]:
        low, high = intervals(layer.map, box)
        found = []
        for i, (weights, bias) in enumerate(zip(layer.weight, layer.bias, strict=True)):
            total: dict[int, float] = {}
            for weight, (row, shift) in zip(weights.tolist(), forms, strict=True):
                bias += weight * shift
                for j, value in row.items():
                    total[j] = total.get(j, 0.0) + weight * value
            form = total, float(bias)
            slope = float(layer.float_slopes[i])
            found.append(form if slope == 1 else self._bent(form, low[i], high[i], slope))
        low, high = layer.float_value(low), layer.float_value(high)
        return found, Box(low, np.nextafter(high, np.inf))

    def _bent(
        self, form: tuple[dict[int, float], float], low: float, high: float, slope: float
    ) -> tuple[dict[int, float], float]:
        """Returns t -> s t + (1 - s) ReLU(t) of an affine form between bounds."""
        row, shift = form
        positive, more = self._relu(form, low, high)
        total = {j: slope * value for j, value in row.items()}
        for j, value in positive.items():
            total[j] = total.get(j, 0.0) + (1 - slope) * value
        return total, slope * shift + (1 - slope) * more

    def _relu(
        self, form: tuple[dict[int, float], float], low: float, high: float
    ) -> tuple[dict[int, float], float]:
        """Returns the ReLU of an affine form between bounds: at least `away` off its wall."""
        row, shift = form
        if low >= 0:
            return form
        if high <= 0:
            return {}, 0.0
        away = AWAY * (high - low)
        output, side = self._variable(0.0, high), self._variable(0.0, 1.0, whole=1)
        minus = {j: -value for j, value in row.items()}
        self._row(minus | {output: 1.0}, shift, np.inf)
        self._row(minus | {output: 1.0, side: -low}, -np.inf, shift - low)
        self._row({output: 1.0, side: -high}, -np.inf, 0.0)
        self._row(row | {side: low - away}, low - shift, np.inf)
        self._row(row | {side: -(high + away)}, -np.inf, -away - shift)
        return {output: 1.0}, 0.0

    def _variable(self, low: float, high: float, whole: int = 0) -> int:
        self.bounds.append((low, high))
        self.whole.append(whole)
        return len(self.bounds) - 1

    def _row(self, row: dict[int, float], low: float, high: float) -> None:
        self.rows.append(row)
        self.low.append(low)
        self.high.append(high)
