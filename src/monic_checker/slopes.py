"""Evidence `slopes`: a run of stages multiplies differences by matrices that are one-to-one."""

from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq, fmpz, fmpz_mat

from monic_checker.bounds import Interval, outputs
from monic_checker.budget import bits
from monic_checker.costs import product, times
from monic_checker.document import items, members, rationals
from monic_checker.errors import InvalidProof
from monic_checker.network import NetworkSubject, Stages
from monic_checker.vector import Vector, over_one_denominator

__all__ = ["Slopes"]

_STEEPEST = {"tanh": fmpq(1), "sigmoid": fmpq(1, 4)}
Pair = tuple[fmpz_mat, fmpz_mat, fmpz]


@dataclass(frozen=True, slots=True)
class Slopes:
    """The rows of P, and the vector v."""

    inverse: list[list[fmpq]]
    weights: list[fmpq]

    @classmethod
    def read(cls, value: object, subject: NetworkSubject, span: range) -> "Slopes":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not a matrix and a vector of rationals that fit the run.
        """
        _, table, weights = members(value, "evidence", ["kind", "inverse", "weights"])
        n, m = subject.stages[span.start].n, subject.stages[span.stop - 1].m
        rows = items(table, "evidence.inverse", n)
        inverse = [rationals(row, f"evidence.inverse[{i}]", m) for i, row in enumerate(rows)]
        return cls(inverse, rationals(weights, "evidence.weights", n))

    def check(self, stages: Stages, span: range, inputs: Sequence[Interval]) -> str:
        """Checks that (|I - P C| + |P| R) v < v; returns in words what was done.

        Raises:
            InvalidProof: when it does not hold, or v is not positive.
        """
        if any(weight <= 0 for weight in self.weights):
            raise InvalidProof("evidence.weights", "expected positive numbers")
        low, high, denominator = _differences(stages, span, inputs)
        m, n = low.nrows(), low.ncols()
        numbers = [entry for row in self.inverse for entry in row]
        budget = stages.subject.budget
        inverse = over_one_denominator(numbers, budget, "evidence.inverse")
        lengths = bits(inverse.entries), bits(low.entries()) + bits(high.entries())
        budget.spend(4 * n * max(m, n), sum(lengths), "evidence.inverse")
        budget.work(2 * product(n, m, n, lengths), "evidence.inverse")
        budget.work(8 * n * n * times(bits([w.p for w in self.weights]), sum(lengths)), "evidence")
        table = fmpz_mat(n, m, inverse.entries)
        absolute = fmpz_mat(n, m, [abs(entry) for entry in inverse.entries])
        one = 2 * denominator * inverse.denominator  # L + U and U - L are 2 C and 2 R
        middle, spread = table * (low + high), absolute * (high - low)
        for i in range(n):
            total = fmpq(0)
            for j, weight in enumerate(self.weights):
                gap = abs((one if i == j else fmpz(0)) - middle[i, j])
                total += (gap + spread[i, j]) * weight
            if total >= one * self.weights[i]:
                raise InvalidProof(f"evidence.weights[{i}]", "expected a smaller sum of its row")
        return "slopes in intervals, whose matrices are all injective"


def _differences(stages: Stages, span: range, inputs: Sequence[Interval]) -> Pair:
    """Returns L, U and a denominator: F(x) - F(y) = J (x - y) with L <= J <= U entry by entry."""
    n, values = len(inputs), list(inputs)
    low = fmpz_mat(n, n, [fmpz(i == j) for i in range(n) for j in range(n)])
    high, denominator, budget = low, fmpz(1), stages.subject.budget
    for k in span:
        activation, system = stages.subject.activations[k], stages.system(k)
        if not activation.has_known_slopes:
            raise InvalidProof("evidence", "expected activations whose slopes are known")
        m = system.subject.m
        values = outputs(system, values)
        slopes = stages.slopes(k)
        is_plain = k + 1 == span.stop and activation.name != "relu"  # one-to-one, at the end
        ends: list[fmpq] = []
        for i, (interval, slope) in enumerate(zip(values, slopes, strict=True)):
            name = "" if is_plain or i < activation.carried else activation.name
            ends += _between(interval, slope, name)
        numbers = over_one_denominator(ends, budget, "evidence")
        length = max(bits(low.entries()), bits(high.entries()))
        row_length = system.longest
        budget.spend(4 * m * n, length + row_length + bits(numbers.entries), "evidence")
        budget.work(4 * product(m, high.nrows(), n, (row_length, length)), "evidence")
        low, high = _mapped([row[:-1] for row in system.rows], low, high)
        low, high = _bent(low, high, numbers)
        denominator *= system.scale * numbers.denominator
        values = activation.intervals(values, slopes)
    return low, high, denominator


def _between(interval: Interval, slope: fmpq, name: str) -> tuple[fmpq, fmpq]:
    """Between what the difference quotients of an activation lie on an interval; "" is none."""
    one = fmpq(1)
    if not name:
        return one, one
    if name in _STEEPEST:
        return fmpq(0), _STEEPEST[name]
    if interval.low is not None and interval.low >= 0:
        return one, one
    if interval.high is not None and interval.high <= 0:
        return slope, slope
    return min(slope, one), max(slope, one)


def _mapped(rows: list[list[fmpz]], low: fmpz_mat, high: fmpz_mat) -> tuple[fmpz_mat, fmpz_mat]:
    zero = fmpz(0)
    plus = fmpz_mat([[entry if entry > 0 else zero for entry in row] for row in rows])
    minus = fmpz_mat([[entry if entry < 0 else zero for entry in row] for row in rows])
    return plus * low + minus * high, plus * high + minus * low


def _bent(low: fmpz_mat, high: fmpz_mat, ends: Vector) -> tuple[fmpz_mat, fmpz_mat]:
    """Multiplies row i by every number from ends[2 i] to ends[2 i + 1], which are >= 0."""
    least, most = [], []
    for i, (row, other) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        small, large = ends.entries[2 * i], ends.entries[2 * i + 1]
        least.append([(small if entry > 0 else large) * entry for entry in row])
        most.append([(large if entry > 0 else small) * entry for entry in other])
    return fmpz_mat(least), fmpz_mat(most)
