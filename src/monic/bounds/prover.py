"""Trees over the signs of rows that prove a bound by exact arithmetic alone, ready to be written.

A node knows rows K that are positive and rows E that are negative. It is closed by a definite
matrix, it is empty by a relation (no point of the domain has these signs), or it is divided by the
sign of one more row. SPEC.md has the format, `kind: cells`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import numpy as np
from flint import fmpz_mat

from monic.bounds.singular import Gram
from monic.bounds.subject import Subject
from monic.bounds.varints import varint
from monic.clock import monotonic
from monic.geometry.exact_separation import Relation, separate_exactly
from monic.geometry.rational import positive_relation

__all__ = ["Base", "Limits", "squeeze_tree", "stretch_tree"]

CLOSED, BRANCH, EMPTY = range(3)

#: Dimensions up to which matrices are looked at by their characteristic polynomials.
EXACT = 40

#: Half-spaces around a ball, for each dimension.
CUTS = 40


class _GaveUp(Exception):
    """Raised when the tree grows too large, too late, or cannot prove the bound."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a tree may grow, and until when.

    Arguments:
        nodes: The number of nodes.
        deadline: On the monotonic clock; None is none.
    """

    nodes: int
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Base:
    """What counts in every cell: an integer matrix over `unit`, and rows that do so no more.

    Arguments:
        always: Rows that are negative nowhere.
        pairs: Opposite rows.
        matrix: 2 C, in units of scale^2 / unit.
        unit: A positive integer.
    """

    always: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    matrix: fmpz_mat
    unit: int


def squeeze_tree(
    subject: Subject, base: Base | None, square: Fraction, limits: Limits
) -> bytes | None:
    """Returns records that prove base + sum over active rows of w w^T > square I in every cell.

    Arguments:
        subject: The layer.
        base: What counts in every cell; None for nothing.
        square: The level: v^2 for sigma*, and 2 v^2 for kappa.
        limits: When to give up; None comes back then.
    """
    if subject.dim > EXACT:
        return None
    try:
        tree = _Squeeze(subject, base, square, limits)
        tree.run()
    except _GaveUp:
        return None
    return bytes(tree.records)


def stretch_tree(
    subject: Subject, longer: Mapping[int, int], square: Fraction, limits: Limits
) -> bytes | None:
    """Returns records that prove sum over active rows of w w^T < square I in every open cell.

    Arguments:
        subject: The layer.
        longer: Of pairs that are never positive together, the longer row of the shorter one.
        square: The level v^2.
        limits: When to give up; None comes back then.
    """
    if subject.dim > EXACT:
        return None
    try:
        tree = _Stretch(subject, longer, square, limits)
        tree.run()
    except _GaveUp:
        return None
    return bytes(tree.records)


class _Signs:
    """Relations of rows and sides, and the records of a tree."""

    def __init__(self, subject: Subject, limits: Limits) -> None:
        self.subject, self.limits = subject, limits
        self.m = len(subject.weights)
        self.records = bytearray()
        self.cuts: list[tuple[int, ...]] = []
        self._ask()
        self.nodes = 0

    def _ask(self) -> None:
        """Sets the system anew: on a ball, with the half-spaces around it that are known."""
        system = self.subject.system(self.cuts)
        self.cone, self.width, self.sides = system.cone, system.width, list(system.strict)
        self.rows = system.rows
        # the same rows, not divided by what their entries have in common
        time = (*(0,) * self.subject.dim, -1)
        plain = [*self.subject.problem.rows, time, *self.subject.problem.sides]
        self.plain = [row[: self.width] for row in plain] + list(system.rows[len(plain) :])

    def enter(self) -> None:
        """Counts a node."""
        self.nodes += 1
        late = self.limits.deadline is not None and monotonic() >= self.limits.deadline
        if late or self.nodes > self.limits.nodes:
            raise _GaveUp

    def write(self, *numbers: int) -> None:
        """Appends varints."""
        for number in numbers:
            self.records += varint(number)

    def relation(
        self, negative: Iterable[int], positive: Iterable[int]
    ) -> tuple[list[int], list[int], list[int]] | None:
        """Returns (P, N, multipliers) if no point has these signs (inside the domain).

        In an open cell all signs are strict, so that a row of N alone may contradict another.
        """
        chosen = [(i, 1) for i in negative]
        against = [(i, -1) for i in positive]
        while True:
            strict = [*chosen, *((i, 1) for i in self.sides), *against]
            found = separate_exactly([self._signed(*pair) for pair in strict], [], self.width)
            if isinstance(found, Relation):
                break
            if not self._cut(found):
                return None
        used = [strict[k] for k in found.positive]
        p, n = [i for i, sign in used if sign > 0], [i for i, sign in used if sign < 0]
        weights = positive_relation([self.plain[i] for i in p], [self.plain[i] for i in n])
        if weights is None:
            raise _GaveUp
        return p, n, weights

    def _signed(self, row: int, sign: int) -> tuple[int, ...]:
        return self.rows[row] if sign > 0 else tuple(-entry for entry in self.rows[row])

    def _cut(self, y: Sequence[Fraction]) -> bool:
        """Puts another half-space around the ball if a point lies outside; whether it did."""
        ball = self.subject.problem.ball
        if ball is None or self.cone or y[-1] <= 0 or len(self.cuts) >= CUTS * self.subject.dim:
            return False
        x = tuple(t / y[-1] for t in y[:-1])  # relative to the centre
        if sum(t * t for t in x) < Fraction(ball.radius) ** 2:
            return False
        self.cuts.append(self.subject.cut(x))
        self._ask()
        return True

    def write_relation(self, found: tuple[list[int], list[int], list[int]]) -> None:
        """Appends a relation; multipliers are those of the rows and sides themselves.

        What the row t > 0, and on a ball the half-spaces around it, add is left out: it only makes
        the function that is nowhere positive smaller.
        """
        p, n, weights = found
        ball = self.subject.problem.ball is not None
        scale = Fraction(1) if ball else 1 / self.subject.scale
        terms: list[tuple[int, Fraction]] = []
        for row, weight in zip([*p, *n], weights, strict=True):
            if row < self.m:
                terms.append((row, weight * scale))
            elif row > self.m and not ball:
                terms.append((row, Fraction(weight)))
        unit = lcm(*(weight.denominator for _, weight in terms))
        self.write(len(terms))
        for row, factor in terms:
            self.write(row, int(factor * unit))


class _Squeeze(_Signs):
    """Branches on the rows of relations, as the search for sigma* does."""

    def __init__(
        self, subject: Subject, base: Base | None, square: Fraction, limits: Limits
    ) -> None:
        super().__init__(subject, limits)
        n = subject.dim
        self.base = base or Base((), (), fmpz_mat(n, n), 1)
        inside = {*self.base.always, *(row for pair in self.base.pairs for row in pair)}
        self.free = [i for i in subject.used if i not in inside]
        self.level = square * self.base.unit / Fraction(subject.scale) ** 2
        self.target = float(square / Fraction(4) ** subject.shift)
        self.floats = subject.floats
        top, bottom = (self.base.unit * subject.unit**2).as_integer_ratio()
        self.start = np.array(
            [[int(e) * bottom / top for e in row] for row in self.base.matrix.tolist()]
        ).reshape(n, n)

    def run(self) -> None:
        """Writes the relations of rows that are always active, and the tree."""
        for row in self.base.always:
            found = self.relation([row], [])
            if found is None:
                raise _GaveUp
            self.write_relation(found)
        self._node([], [], self.start)

    def _closes(self, active: Sequence[int], gram: np.ndarray) -> bool:
        if np.linalg.eigvalsh(gram)[0] < self.target * (1 - 1e-9):
            return False
        rows = [entry for i in active for entry in self.subject.weights[i]]
        table = fmpz_mat(len(active), self.subject.dim, rows)
        exact = self.base.matrix + table.transpose() * table * self.base.unit
        return Gram(exact, Fraction(1)).exceeds(self.level)

    def _node(self, active: list[int], inactive: list[int], gram: np.ndarray) -> None:
        self.enter()
        if self._closes(active, gram):
            self.write(CLOSED)
            return
        known = {*active, *inactive}
        free = [i for i in self.free if i not in known]
        found = self.relation([*inactive, *free], active)
        if found is None:
            raise _GaveUp  # a cell that is squeezed more
        outers = self.floats[:, :, None] * self.floats[:, None, :]
        opened = [i for i in found[0] if i < self.m and i not in known]
        least = {i: float(np.linalg.eigvalsh(gram + outers[i])[0]) for i in opened}
        for row in sorted(opened, key=lambda i: -least[i]):
            self.write(BRANCH, row)
            self._node([*active, row], inactive, gram + outers[row])
            inactive = [*inactive, row]
        self.write(EMPTY)
        self.write_relation(found)


class _Stretch(_Signs):
    """Leaves out rows that cannot be active, and divides by the others' signs."""

    def __init__(
        self, subject: Subject, longer: Mapping[int, int], square: Fraction, limits: Limits
    ) -> None:
        super().__init__(subject, limits)
        self.longer = longer
        self.level = square / subject.scale**2
        sizes = (subject.floats**2).sum(axis=1)
        self.order = sorted(subject.used, key=lambda i: -sizes[i])

    def run(self) -> None:
        """Writes the tree."""
        self._node([], [])

    def _counted(self, inactive: Sequence[int]) -> list[int]:
        """The rows that may be active, of pairs the longer one that may."""
        gone = set(inactive)
        return [
            i
            for i in self.order
            if i not in gone and not (i in self.longer and self.longer[i] not in gone)
        ]

    def _closes(self, inactive: Sequence[int]) -> bool:
        gram = self.subject.gram(self._counted(inactive))
        return Gram(gram.matrix, Fraction(1)).stays_under(self.level)

    def _node(self, active: list[int], inactive: list[int]) -> None:
        self.enter()
        possible = None
        for row in self.order:
            if row in active or row in inactive:
                continue
            if self._closes(inactive):
                break
            found = self.relation(inactive, [*active, row])
            if found is None:
                possible = row if possible is None else possible
                continue
            self.write(BRANCH, row, EMPTY)
            self.write_relation(found)
            inactive = [*inactive, row]
        if self._closes(inactive):
            self.write(CLOSED)
        elif possible is None:
            raise _GaveUp  # a cell that is stretched more
        else:
            self._divide(active, inactive, possible)

    def _divide(self, active: list[int], inactive: list[int], row: int) -> None:
        self.write(BRANCH, row)
        self._node([*active, row], inactive)
        found = self.relation([*inactive, row], active)
        if found is None:
            self._node(active, [*inactive, row])
        else:
            self.write(EMPTY)
            self.write_relation(found)
