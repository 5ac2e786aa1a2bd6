"""A polyhedron has interior: a point of the proof shows it, or one that is found here exactly.

The point maximises the least slack t: A x + t <= c. The simplex method begins where t equals its
least number at x = 0, follows Bland's rule, which never repeats a basis, and ends as soon as t is
positive. All numbers are rationals.
"""

from collections.abc import Sequence

from flint import fmpq, fmpz

from monic_checker.budget import PYTHON, Budget
from monic_checker.domain import Domain
from monic_checker.errors import InvalidProof
from monic_checker.vector import Vector, over_one_denominator

__all__ = ["insist_on_interior", "interior_point"]

_ADDRESS = "subject.domain"


def insist_on_interior(domain: Domain, n: int, budget: Budget) -> None:
    """Insists that a polyhedron has a point at which no inequality is an equation.

    Arguments:
        domain: Any domain; the others have interior by what they are.
        n: The dimension of the space.
        budget: The memory and work that are left.

    Raises:
        InvalidProof: when the point of the proof is none, or there is none.
        OverBudget: when looking for one takes too much.
    """
    if domain.kind != "polyhedron" or not domain.sides:
        return
    with budget.scope():
        point = interior_point(domain, n, budget)
        if not domain.contains(point, budget, interior=True):
            known = "a point of its interior" if domain.inside else "a set with interior: A x < c"
            raise InvalidProof(_ADDRESS, f"expected {known}")


def interior_point(domain: Domain, n: int, budget: Budget) -> Vector:
    """Returns a point inside a polyhedron that has interior, and any point for another.

    Raises:
        OverBudget: when looking for one takes too much.
    """
    origin = Vector([fmpz(0)] * n, fmpz(1))
    if domain.inside is not None:
        return domain.inside
    if domain.contains(origin, budget, interior=True):
        return origin
    return _Table(domain, n, budget).point()


class _Table:
    """The basic variables in terms of the others: a row holds their factors, and a constant.

    Variables 0, ..., n - 1 are the coordinates of x, of any sign; n + i >= 0 is how far
    inequality i is from t. The last row is t, which the simplex method raises.
    """

    def __init__(self, domain: Domain, n: int, budget: Budget) -> None:
        self._n, self._budget = n, budget
        budget.spend((len(domain.sides) + 1) * (n + 2), 0, _ADDRESS)
        rows = [_dense(a, c, n) for a, c in domain.sides]
        least = min(range(len(rows)), key=lambda i: rows[i][-1])
        first = rows.pop(least)
        self._basic = [n + i for i in range(len(rows) + 1) if i != least]
        self._other = [*range(n), n + least]
        differences = [[b - a for a, b in zip(first, row, strict=True)] for row in rows]
        # s_i = (c_i - c_k) - (a_i - a_k).x + s_k and t = c_k - a_k.x - s_k
        self._rows = [[*row[:-1], fmpq(1), row[-1]] for row in differences]
        self._rows.append([*first[:-1], fmpq(-1), first[-1]])

    def point(self) -> Vector:
        """Returns a point where t is positive, or greatest."""
        while self._rows[-1][-1] <= 0 and (entering := self._entering()) is not None:
            leaving = self._leaving(entering)
            if leaving is None:  # t grows without end
                return self._at(entering, self._step(entering))
            self._exchange(leaving, entering)
        return self._at(None, fmpq(0))

    def _entering(self) -> int | None:
        """The first variable, in Bland's order, that raises t."""
        gains = zip(self._other, self._rows[-1], strict=False)
        able = [(v, k) for k, (v, f) in enumerate(gains) if f > 0 or (f != 0 and v < self._n)]
        return min(able)[1] if able else None

    def _leaving(self, entering: int) -> int | None:
        """The variable that is 0 first as the entering one moves; of several, the first."""
        sign = self._sign(entering)
        ratios = [
            (row[-1] / (-sign * row[entering]), variable, i)
            for i, (variable, row) in enumerate(zip(self._basic, self._rows, strict=False))
            if variable >= self._n and sign * row[entering] < 0
        ]
        return min(ratios)[2] if ratios else None

    def _sign(self, entering: int) -> int:
        return 1 if self._rows[-1][entering] > 0 else -1

    def _step(self, entering: int) -> fmpq:
        """How far the entering variable moves until t is 1."""
        return (1 - self._rows[-1][-1]) / self._rows[-1][entering]

    def _exchange(self, leaving: int, entering: int) -> None:
        pivot = self._rows[leaving]
        self._budget.work(PYTHON * len(self._rows) * len(pivot) * _words(pivot), _ADDRESS)
        factor = pivot[entering]
        solved = [-entry / factor for entry in pivot]
        solved[entering] = 1 / factor
        for i, row in enumerate(self._rows):
            weight = row[entering]
            if i != leaving and weight != 0:
                row[entering] = fmpq(0)
                row[:] = [a + weight * b for a, b in zip(row, solved, strict=True)]
        self._rows[leaving] = solved
        basic = self._basic[leaving]
        self._basic[leaving], self._other[entering] = self._other[entering], basic

    def _at(self, moved: int | None, step: fmpq) -> Vector:
        """The point where one of the variables that are not basic is `step`, and the others 0."""
        x = [fmpq(0)] * self._n
        if moved is not None and self._other[moved] < self._n:
            x[self._other[moved]] = step
        for variable, row in zip(self._basic, self._rows, strict=False):
            if variable < self._n:
                x[variable] = row[-1] + (fmpq(0) if moved is None else step * row[moved])
        return over_one_denominator(x, self._budget, _ADDRESS)


def _dense(a: Sequence[tuple[int, fmpz]], c: fmpz, n: int) -> list[fmpq]:
    """The factors of x in c - a.x, and c."""
    row = [fmpq(0)] * n + [fmpq(c)]
    for j, entry in a:
        row[j] = fmpq(-entry)
    return row


def _words(row: Sequence[fmpq]) -> int:
    """How many words of 64 bits the numbers of a row have, with those that they make."""
    return 1 + max(int(e.p.bit_length() + e.q.bit_length()) for e in row) // 32
