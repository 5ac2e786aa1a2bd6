"""A piecewise-linear network as one list of ReLUs: what evidence `pair-tree` speaks of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from flint import fmpq, fmpq_mat, fmpz

from monic_checker.bounds import intervals
from monic_checker.budget import bits
from monic_checker.costs import product
from monic_checker.domain import Domain
from monic_checker.errors import InvalidProof
from monic_checker.network import Stages

__all__ = ["Flat", "Span", "Units", "flat", "longest"]


class Span(NamedTuple):
    """The numbers from low to high."""

    low: fmpq
    high: fmpq


@dataclass(frozen=True, slots=True)
class Units:
    """Units that do not depend on each other, by the number of the first.

    Every row stands for z over (1, inputs, r_0, ..., r_(first - 1)).
    """

    first: int
    rows: fmpq_mat


@dataclass(frozen=True, slots=True)
class Flat:
    """The network as Section 4 of the specification writes it out.

    Arguments:
        n: The number of inputs, tau included.
        groups: The units, stage by stage.
        outputs: The outputs, over (1, inputs, r).
        ends: An interval for every input.
        sides: (a, c) for a.x <= c, where a has two entries that are not 0, or more.
        homogeneous: Whether the last input is tau.
    """

    n: int
    groups: list[Units]
    outputs: fmpq_mat
    ends: list[Span]
    sides: list[tuple[list[fmpq], fmpq]]
    homogeneous: bool = False

    @property
    def size(self) -> int:
        """The number of units."""
        return sum(int(units.rows.nrows()) for units in self.groups)

    @property
    def inputs(self) -> int:
        """The number of inputs, without tau."""
        return self.n - self.homogeneous


def flat(stages: Stages, scale: fmpq | None) -> Flat:
    """Writes a network out; the scale is that of an unbounded domain.

    Raises:
        InvalidProof: when the domain is bounded and there is a scale, or the other way round.
        OverBudget: when the tables do not fit the budget.
    """
    n, domain = stages.subject.n, stages.subject.domain
    ends = intervals(domain, n, stages.subject.budget)
    spans = [Span(low, high) for low, high in ends if low is not None and high is not None]
    if (len(spans) < n) != (scale is not None):
        raise InvalidProof("evidence.scale", "expected one if and only if X is not bounded")
    groups, outputs = _units(stages)
    sides = [(_dense(side.a, n), fmpq(side.c)) for side in domain.sides if len(side.a) > 1]
    if scale is None:
        return Flat(n, groups, outputs, spans, sides)
    return _homogeneous(groups, outputs, domain, scale, n)


def _units(stages: Stages) -> tuple[list[Units], fmpq_mat]:
    n, last = stages.subject.n, len(stages.subject.stages) - 1
    table = [[fmpq(j == k + 1) for j in range(n + 1)] for k in range(n)]
    groups: list[Units] = []
    first = 0
    for k, activation in enumerate(stages.subject.activations):
        table = _image(stages, k, fmpq_mat(table))
        if k == last and activation.name != "relu":
            break
        slopes = stages.slopes(k)
        bent = [i for i, slope in enumerate(slopes) if slope != 1]
        if bent:
            groups.append(Units(first, fmpq_mat([table[i] for i in bent])))
            first += len(bent)
        table = _after(table, slopes, bent)
    return groups, fmpq_mat(table)


def _image(stages: Stages, k: int, table: fmpq_mat) -> list[list[fmpq]]:
    """The values of a stage's map over what its input is over; the constant comes first."""
    system, budget = stages.system(k), stages.subject.budget
    lengths = longest(table), bits([entry for row in system.rows for entry in row])
    m, inner, columns = len(system.rows), int(table.nrows()), int(table.ncols())
    budget.spend(2 * m * (inner + columns), 2 * sum(lengths), f"subject.stages[{k}]")
    budget.work(4 * product(m, inner, columns, lengths), f"subject.stages[{k}]")
    weights = fmpq_mat([[fmpq(a, system.scale) for a in row[:-1]] for row in system.rows])
    rows = (weights * table).tolist()
    for row, line in zip(rows, system.rows, strict=True):
        row[0] += fmpq(line[-1], system.scale)
    return rows


def longest(table: fmpq_mat) -> int:
    """Returns the length in bits of the longest rational of a table, both its parts."""
    entries = table.entries()
    return bits([entry.p for entry in entries]) + bits([entry.q for entry in entries])


def _after(
    table: Sequence[list[fmpq]], slopes: Sequence[fmpq], bent: Sequence[int]
) -> list[list[fmpq]]:
    """What the activation gives: s z + (1 - s) r, with a column for each new unit."""
    rows = []
    for i, (row, slope) in enumerate(zip(table, slopes, strict=True)):
        new = [(1 - slope) if i == j else fmpq(0) for j in bent]
        rows.append([*(slope * entry for entry in row), *new])
    return rows


def _homogeneous(
    groups: Sequence[Units], outputs: fmpq_mat, domain: Domain, scale: fmpq, n: int
) -> Flat:
    """The network with tau: what is constant is multiplied by it, and X becomes a cone."""
    ends = [Span(-scale, scale)] * n
    sides = []
    for side in domain.sides:
        if len(side.a) > 1 or side.c != 0:
            sides.append(([*_dense(side.a, n), fmpq(-side.c)], fmpq(0)))
            continue
        [(j, a)] = side.a
        low, high = ends[j]
        ends[j] = Span(low, fmpq(0)) if a > 0 else Span(fmpq(0), high)
    made = [replace(units, rows=_with_tau(units.rows, n)) for units in groups]
    last = Span(fmpq(0), fmpq(1))
    return Flat(n + 1, made, _with_tau(outputs, n), [*ends, last], sides, homogeneous=True)


def _with_tau(rows: fmpq_mat, n: int) -> fmpq_mat:
    lines = rows.tolist()
    return fmpq_mat([[fmpq(0), *line[1 : n + 1], line[0], *line[n + 1 :]] for line in lines])


def _dense(entries: Sequence[tuple[int, fmpz]], n: int) -> list[fmpq]:
    row = [fmpq(0)] * n
    for j, a in entries:
        row[j] = fmpq(a)
    return row
