"""A polyhedron has interior: a point of the proof shows it, or one that is found here.

The point maximises the least slack t: A x + t <= c. The simplex method begins where t equals its
least number at x = 0, follows Bland's rule, which never repeats a basis, and ends as soon as t is
large enough. Floats propose a point, which is looked at exactly; where it is none, rationals go
the whole way, and settle whether there is one.
"""

from collections.abc import Sequence
from typing import Any

from flint import fmpq, fmpz

from monic_checker.budget import PYTHON, Budget
from monic_checker.domain import Domain
from monic_checker.errors import InvalidProof
from monic_checker.vector import Vector, over_one_denominator

__all__ = ["insist_on_interior", "interior_point"]

_ADDRESS = "subject.domain"

#: In floats, what counts as 0, the slack that is enough, and the exchanges for each variable.
_TINY, _ENOUGH, _PATIENCE = 1e-11, 1e-3, 20


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
    if domain.inside is not None:
        return domain.inside
    proposed = Vector([fmpz(0)] * n, fmpz(1))
    if domain.contains(proposed, budget, interior=True):
        return proposed
    try:
        proposed = _Table(domain, n, budget, exact=False).point()
    except (OverflowError, ValueError):  # floats do not reach that far: rationals do
        return _Table(domain, n, budget, exact=True).point()
    if domain.contains(proposed, budget, interior=True):
        return proposed
    return _Table(domain, n, budget, exact=True).point()


class _Table:
    """The basic variables in terms of the others: a row holds their factors, and a constant.

    Variables 0, ..., n - 1 are the coordinates of x, of any sign; n + i >= 0 is how far
    inequality i is from t. The last row is t, which the simplex method raises. The numbers are
    rationals or floats.
    """

    def __init__(self, domain: Domain, n: int, budget: Budget, *, exact: bool) -> None:
        self._n, self._budget, self._exact = n, budget, exact
        self._tiny: Any = fmpq(0) if exact else _TINY
        self._enough: Any = fmpq(0) if exact else _ENOUGH
        budget.spend((len(domain.sides) + 1) * (n + 2), 0, _ADDRESS)
        rows = [_dense(a, c, n) if exact else _floats(a, c, n) for a, c in domain.sides]
        least = min(range(len(rows)), key=lambda i: rows[i][-1])
        first = rows.pop(least)
        self._basic = [n + i for i in range(len(rows) + 1) if i != least]
        self._other = [*range(n), n + least]
        differences = [[b - a for a, b in zip(first, row, strict=True)] for row in rows]
        # s_i = (c_i - c_k) - (a_i - a_k).x + s_k and t = c_k - a_k.x - s_k
        self._rows = [[*row[:-1], 1 + row[-1] * 0, row[-1]] for row in differences]
        self._rows.append([*first[:-1], first[-1] * 0 - 1, first[-1]])

    def point(self) -> Vector:
        """Returns a point where t is large enough, or greatest."""
        patience = _PATIENCE * (len(self._basic) + len(self._other))
        while self._rows[-1][-1] <= self._enough and (self._exact or patience):
            patience -= 1
            entering = self._entering()
            if entering is None:
                break
            leaving = self._leaving(entering)
            if leaving is None:  # t grows without end
                return self._at(entering, (1 - self._rows[-1][-1]) / self._rows[-1][entering])
            self._exchange(leaving, entering)
        return self._at(0, self._tiny * 0)

    def _entering(self) -> int | None:
        """The first variable, in Bland's order, that raises t."""
        gains, tiny = zip(self._other, self._rows[-1], strict=False), self._tiny
        able = [
            (variable, k)
            for k, (variable, gain) in enumerate(gains)
            if gain > tiny or (gain < -tiny and variable < self._n)
        ]
        return min(able)[1] if able else None

    def _leaving(self, entering: int) -> int | None:
        """The variable that is 0 first as the entering one moves; of several, the first."""
        sign = 1 if self._rows[-1][entering] > 0 else -1
        ratios = [
            (row[-1] / (-sign * row[entering]), variable, i)
            for i, (variable, row) in enumerate(zip(self._basic, self._rows, strict=False))
            if variable >= self._n and sign * row[entering] < -self._tiny
        ]
        return min(ratios)[2] if ratios else None

    def _exchange(self, leaving: int, entering: int) -> None:
        pivot = self._rows[leaving]
        words = _words(pivot) if self._exact else 1
        self._budget.work(PYTHON * len(self._rows) * len(pivot) * words, _ADDRESS)
        factor = pivot[entering]
        solved = [-entry / factor for entry in pivot]
        solved[entering] = 1 / factor
        for i, row in enumerate(self._rows):
            weight = row[entering]
            if i != leaving and weight != 0:
                row[entering] = weight * 0
                row[:] = [a + weight * b for a, b in zip(row, solved, strict=True)]
        self._rows[leaving] = solved
        basic = self._basic[leaving]
        self._basic[leaving], self._other[entering] = self._other[entering], basic

    def _at(self, moved: int, step: Any) -> Vector:
        """The point where one of the variables that are not basic is `step`, and the others 0."""
        x = [fmpq(0)] * self._n
        if self._other[moved] < self._n:
            x[self._other[moved]] = _rational(step)
        for variable, row in zip(self._basic, self._rows, strict=False):
            if variable < self._n:
                x[variable] = _rational(row[-1] + step * row[moved])
        return over_one_denominator(x, self._budget, _ADDRESS)


def _dense(a: Sequence[tuple[int, fmpz]], c: fmpz, n: int) -> list[Any]:
    """The factors of x in c - a.x, and c."""
    row = [fmpq(0)] * n + [fmpq(c)]
    for j, entry in a:
        row[j] = fmpq(-entry)
    return row


def _floats(a: Sequence[tuple[int, fmpz]], c: fmpz, n: int) -> list[Any]:
    """The same, divided by the greatest factor."""
    row, unit = [0.0] * (n + 1), max(abs(int(entry)) for _, entry in a)
    row[-1] = int(c) / unit
    for j, entry in a:
        row[j] = -int(entry) / unit
    return row


def _rational(number: Any) -> fmpq:
    if isinstance(number, fmpq):
        return number
    return fmpq(*map(fmpz, number.as_integer_ratio()))


def _words(row: Sequence[fmpq]) -> int:
    """How many words of 64 bits the numbers of a row have, with those that they make."""
    return 1 + max(int(e.p.bit_length() + e.q.bit_length()) for e in row) // 32
