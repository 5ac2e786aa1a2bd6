"""From multipliers in floats to a lower bound over a cone of directions, over the rationals.

Let Q be the sum of the squares of a node's terms r_k. If numbers a_k (not negative for terms that
count only where positive) and m_l >= 0 for the constraints g_l >= 0 satisfy

    sum a_k r_k - sum m_l g_l = sum F_j l_j + F_t t,   F_t >= 0,   F_j >= rho |u_j|,

then |a| sqrt(Q) >= sum a_k r_k >= rho sum |u_j| l_j >= rho |y - x|. The coefficients of x must
vanish exactly (and that of t, up to a multiplier of t >= 0): floats miss that by their rounding,
and a small linear system over the rationals makes up for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import NamedTuple

import numpy as np
from flint import fmpz_mat

from monic.bounds.relaxation import BOTH, FREE, HEAD, TAIL, FloatArray

__all__ = ["Forms", "Proof", "Share", "length_above"]

#: Multipliers below this share of the largest are dropped; the next is tried on failure.
NOISE = (1e-13, 1e-9, 1e-6, 1e-4, 1e-2, 1.0)
#: A proof of this share of what is expected is good enough.
ENOUGH = 0.999
#: Pivots below this share of the largest are taken for zero.
RANK = 1e-12
#: Bits of the multipliers.
MANTISSA = 58
#: The bound of a node without pairs of inputs.
BEYOND = 1 << 200
#: Lengths of generators are rounded up to so many.
FINE = 40


def length_above(generator: Sequence[int]) -> int:
    """Returns an integer at least |u| 2^40 for an integer vector u.

    Example:
        >>> length_above([3, 4]) == 5 << 40
        True
    """
    square = sum(entry * entry for entry in generator) << (2 * FINE)
    root = isqrt(square)
    return root if root * root == square else root + 1


@dataclass(frozen=True, slots=True)
class Forms:
    """Linear forms in (x, t), exact and in floats of about 1.

    Arguments:
        rows: The rows (w_i, b_i), integers.
        sides: Integer forms (a, c) with a.x + c t >= 0 on the domain.
        floats: Rows, sides and t over positive numbers, and in other units of t.
        factors: What a multiplier of a form in floats is for the exact one; for each of `floats`.
    """

    rows: Sequence[Sequence[int]]
    sides: Sequence[Sequence[int]]
    floats: FloatArray
    factors: Sequence[Fraction]


class _Term(NamedTuple):
    """One term with coefficients of x and t."""

    form: int
    sign: int
    far: bool  # at y
    square: bool  # its square counts
    share: float  # the multiplier, in units of the floats


class Share(NamedTuple):
    """A multiplier of a form: of a square that counts, or of a constraint at x or at y."""

    kind: int  # 0 and 1: a square, the sign of a difference; 2 and 3: a constraint at x, at y
    form: int
    size: int


def _shares(terms: list[_Term], counts: list[int]) -> list[Share]:
    return [
        Share(0 if term.square else 2 + int(term.far), term.form, count)
        for term, count in zip(terms, counts, strict=True)
        if count
    ]


def _differences(free: list[tuple[int, int]]) -> list[Share]:
    return [Share(int(count < 0), form, abs(count)) for form, count in free if count]


class Proof:
    """What the rows and sides of a layer prove from multipliers."""

    def __init__(self, forms: Forms) -> None:
        self.forms = forms
        self.m, self.n = len(forms.rows), len(forms.rows[0]) - 1
        time = (*(0,) * self.n, 1)
        self.every = fmpz_mat([list(form) for form in (*forms.rows, *forms.sides, time)])
        least = min(forms.factors)
        #: Exact multipliers are integers over 2^bits.
        self.bits = MANTISSA + max(0, (1 / least).__ceil__().bit_length())
        self.units = [int(factor * (1 << self.bits)) for factor in forms.factors]

    def square(
        self,
        state: Sequence[int],
        cone: Sequence[Sequence[int]],
        multipliers: FloatArray,
        expected: float,
    ) -> Fraction:
        """Returns a number that |f(y) - f(x)|^2 / |y - x|^2 is at least, in units of the rows."""
        return self.best(state, cone, multipliers, expected)[0]

    def best(
        self,
        state: Sequence[int],
        cone: Sequence[Sequence[int]],
        multipliers: FloatArray,
        expected: float,
    ) -> tuple[Fraction, list[Share]]:
        """Returns what `square` does, and the multipliers that prove it.

        Arguments:
            state: What the node knows about each row.
            cone: The integer generators u_j.
            multipliers: For the terms in the order of `relaxation`, in units of the floats; any
                numbers will do, bad ones prove 0.
            expected: About what there is to prove; less is only taken when nothing else is left.
            expected: About what there is to prove, in units of the floats.
        """
        every = self._terms(state, multipliers)
        both = [i for i in range(self.m) if state[i] == BOTH]
        free = [(i, self._count(i, float(multipliers[i]))) for i in both]
        top = max((abs(float(t)) for t in multipliers), default=0.0)
        best: tuple[Fraction, list[Share]] = (Fraction(0), [])
        for noise in NOISE:
            terms = [term for term in every if term.share > noise * top]
            found = self._balanced(terms)
            if found is not None:
                counts, unit = found
                whole = [(i, count * unit) for i, count in free]
                bound = self._bound(cone, terms, counts, whole)
                if bound > best[0]:
                    best = bound, [*_shares(terms, counts), *_differences(whole)]
                if best[0] >= ENOUGH * expected:
                    break
        return best

    def _count(self, form: int, share: float) -> int:
        """A multiplier of an exact form, as an integer over 2^bits."""
        numerator, denominator = share.as_integer_ratio()
        return numerator * self.units[form] // denominator

    def _terms(self, state: Sequence[int], multipliers: FloatArray) -> list[_Term]:
        m, s = self.m, len(self.forms.sides)
        found: list[_Term] = []

        def add(place: int, form: int, sign: int, far: bool, square: bool = False) -> None:
            found.append(_Term(form, sign, far, square, float(multipliers[place])))

        for i in range(m):
            if state[i] == BOTH:
                add(m + 2 * i, i, -1, False)
                add(m + 2 * i + 1, i, -1, True)
            elif state[i] != FREE:
                add(i, i, 1, state[i] == TAIL, True)
                add(m + 2 * i, i, 1, state[i] == HEAD)
        for k in range(s):
            add(3 * m + 2 * k, m + k, -1, False)
            add(3 * m + 2 * k + 1, m + k, -1, True)
        add(3 * m + 2 * s, m + s, -1, False)
        return found

    def _balanced(self, terms: list[_Term]) -> tuple[list[int], int] | None:
        """Changes the multipliers a little, so that x and t cancel; with their common unit."""
        width, size = self.n + 1, len(terms)
        counts = [self._count(term.form, term.share) for term in terms]
        if not size:
            return [], 1
        table = fmpz_mat(
            width, size, [t.sign * self.every[t.form, k] for k in range(width) for t in terms]
        )
        rest = table * fmpz_mat(size, 1, counts)
        if not any(rest.entries()):
            return counts, 1
        scaled = np.array([term.share * self.forms.floats[term.form] for term in terms]).T
        rows, columns = _pivots(scaled)
        square = fmpz_mat(len(rows), len(rows), [table[i, j] for i in rows for j in columns])
        unit = abs(int(square.det()))
        if not unit:
            return None
        right = fmpz_mat(len(rows), 1, [-rest[i, 0] * unit for i in rows])
        fixed = [count * unit for count in counts]
        for j, delta in zip(columns, square.solve(right).entries(), strict=True):
            fixed[j] += int(delta.p)
        if min(fixed) < 0 or any((table * fmpz_mat(size, 1, fixed)).entries()):
            return None
        return fixed, unit

    def _bound(
        self,
        cone: Sequence[Sequence[int]],
        terms: list[_Term],
        counts: list[int],
        free: list[tuple[int, int]],
    ) -> Fraction:
        """rho^2 / |a|^2 for multipliers that balance."""
        weights = dict(free)
        pull = [0] * self.every.nrows()
        for i, count in free:
            pull[i] += count
        for term, count in zip(terms, counts, strict=True):
            if term.square:
                weights[term.form] = count
            if term.far:
                pull[term.form] += term.sign * count
        toward = [int(e) for e in (fmpz_mat(1, len(pull), pull) * self.every).entries()]
        shares = [
            Fraction(
                sum(a * u for a, u in zip(toward[: self.n], way, strict=True)) << FINE,
                length_above(way),
            )
            for way in cone
        ]
        rho, total = min(shares), sum(weight * weight for weight in weights.values())
        if rho <= 0:
            return Fraction(0)
        return rho * rho / total if total else Fraction(BEYOND)


def _pivots(table: FloatArray) -> tuple[list[int], list[int]]:
    """Rows and columns of a square part of full rank, as floats see it; large entries first."""
    left = table.copy()
    rows: list[int] = []
    columns: list[int] = []
    first = float(np.abs(left).max())
    while len(rows) < min(left.shape):
        i, j = divmod(int(np.argmax(np.abs(left))), left.shape[1])
        if abs(left[i, j]) <= RANK * first:
            break
        rows.append(i)
        columns.append(j)
        left = left - np.outer(left[:, j], left[i] / left[i, j])
        left[i], left[:, j] = 0.0, 0.0
    return rows, columns
