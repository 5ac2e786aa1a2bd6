"""Rows that hold at a node of evidence `pair-tree`, and what a combination of them says."""

from collections.abc import Sequence

from flint import fmpq, fmpq_mat

from monic_checker.errors import InvalidProof
from monic_checker.pair_program import Flat, Span, Units

__all__ = ["AT_X", "AT_Y", "KINDS", "WAY", "Combination", "Known", "phase", "shown"]

AT_X, AT_Y, WAY = 0, 1, 2
KINDS = 16
_ZERO, _ONE = fmpq(0), fmpq(1)

#: Three lists of intervals, one for each form: at x, at y, and of differences over t.
Known = Sequence[Sequence[Span]]


def phase(span: Span) -> int:
    """Returns 1 for numbers that are >= 0, -1 for numbers that are <= 0, otherwise 0."""
    return 1 if span.low >= 0 else -1 if span.high <= 0 else 0


def shown(span: Span) -> tuple[fmpq, fmpq]:
    """Returns (k, c) with max(z, 0) <= k z + c for z in a span."""
    sign = phase(span)
    if sign:
        return (_ONE, _ZERO) if sign > 0 else (_ZERO, _ZERO)
    low, high = span
    slope = fmpq((high / (high - low) * 65536 + fmpq(1, 2)).floor(), 65536)
    return slope, max(-slope * low, (1 - slope) * high)


class Combination:
    """A sum of multiples of rows: multiples of z, r at x; of their differences; of t; and 1.

    Arguments:
        flat: The network.
        known: The intervals at the node.
        facet: i.
    """

    def __init__(self, flat: Flat, known: Known, facet: int) -> None:
        self._flat, self._known, self._facet = flat, known, facet
        forms = flat.n + flat.size
        self._z, self._r = [_ZERO] * forms, [_ZERO] * forms
        self._zeta, self._rho = [_ZERO] * forms, [_ZERO] * forms
        self._t = self._one = _ZERO

    def add_side(self, number: int, at_y: bool, weight: fmpq) -> None:
        """Adds c - a.x >= 0 or c - a.y >= 0."""
        normal, offset = self._flat.sides[number]
        self._one += weight * offset
        for j, a in enumerate(normal):
            self._add(j, at_y, -weight * a, _ZERO)

    def add_outputs(self, weights: Sequence[fmpq]) -> None:
        """Adds multiples of f_k(x) - f_k(y) = 0."""
        image = (fmpq_mat([list(weights)]) * self._flat.outputs).entries()
        n = self._flat.n
        for j in range(n):
            self._zeta[j] += image[1 + j]
        for unit, entry in enumerate(image[1 + n :]):
            self._rho[n + unit] += entry

    def add(self, form: int, kind: int, weight: fmpq, address: str) -> None:
        """Adds a row of a form.

        Raises:
            InvalidProof: when there is no such row at the node.
        """
        if form < self._flat.n and kind not in (0, 1, 5, 6, 10, 11):
            raise InvalidProof(address, f"an input has no row of kind {kind}")
        if kind >= 10:
            self._add_way(form, kind, weight, address)
        else:
            self._add_at(form, kind >= 5, kind % 5, weight)

    def _add(self, form: int, at_y: bool, z: fmpq, r: fmpq) -> None:
        self._z[form] += z
        self._r[form] += r
        if at_y:  # z' = z - zeta, r' = r - rho
            self._zeta[form] -= z
            self._rho[form] -= r

    def _add_at(self, form: int, at_y: bool, kind: int, weight: fmpq) -> None:
        interval = self._known[at_y][form]
        if kind < 2:
            end, sign = interval[kind], 1 - 2 * kind
            self._add(form, at_y, sign * weight, _ZERO)
            self._one -= sign * weight * end
        elif kind < 4:
            self._add(form, at_y, -weight if kind == 3 else _ZERO, weight)
        else:
            slope, shift = shown(interval)
            self._add(form, at_y, weight * slope, -weight)
            self._one += weight * shift

    def _add_way(self, form: int, kind: int, weight: fmpq, address: str) -> None:
        if kind < 12:
            end, sign = self._known[WAY][form][kind - 10], 21 - 2 * kind
            self._zeta[form] += sign * weight
            self._t -= sign * weight * end
            return
        x, y, way = (phase(intervals[form]) for intervals in self._known)
        holds = {12: way > 0 or y < 0, 13: way < 0 or x < 0, 14: way > 0 or x > 0}
        if not holds.get(kind, way < 0 or y > 0):
            raise InvalidProof(address, f"row {kind} of form {form} is not known to hold")
        self._rho[form] += weight if kind in (12, 15) else -weight
        if kind >= 14:
            self._zeta[form] += weight if kind == 14 else -weight

    def is_negative(self) -> bool:
        """Whether the combination is negative at every pair of the node, once written out."""
        for units in reversed(self._flat.groups):
            self._bound(units)
            self._write_out(units)
        for j in range(self._flat.n):
            self._one += _most(self._z[j], self._known[AT_X][j])
            self._t += _most(self._zeta[j], self._known[WAY][j])
        i, strict = self._facet, self._flat.homogeneous and self._z[self._flat.inputs] < 0
        if self._t <= 0:
            return bool(self._one <= 0 and (self._one < 0 or self._t < 0 or strict))
        high, low = self._known[AT_X][i].high, self._known[AT_Y][i].low
        return bool(self._one + self._t * (high - low) < 0)

    def _bound(self, units: Units) -> None:
        """Puts lines above multiples of r and rho in their place."""
        n, first = self._flat.n, units.first
        for form in range(n + first, n + first + int(units.rows.nrows())):
            entry = self._r[form]
            if entry != 0:
                positive = phase(self._known[AT_X][form]) > 0
                below = (_ONE if positive else _ZERO, _ZERO)
                slope, shift = shown(self._known[AT_X][form]) if entry > 0 else below
                self._z[form] += entry * slope
                self._one += entry * shift
            entry = self._rho[form]
            if entry != 0:
                slope, shift = self._way_line(form, entry > 0)
                self._zeta[form] += entry * slope
                self._t += entry * shift

    def _way_line(self, form: int, above: bool) -> tuple[fmpq, fmpq]:
        """Returns (k, c) with rho <= k zeta + c t, or >= it."""
        x, y, way = (phase(intervals[form]) for intervals in self._known)
        sign = (x or way) if above else (y or -way)
        if sign:
            return (_ONE, _ZERO) if sign > 0 else (_ZERO, _ZERO)
        slope, shift = shown(self._known[WAY][form])
        return (slope, shift) if above else (1 - slope, -shift)

    def _write_out(self, units: Units) -> None:
        """Writes z and zeta of units out over the inputs and earlier units."""
        n = self._flat.n
        start, count = n + units.first, int(units.rows.nrows())
        for z, r, constant in ((self._z, self._r, True), (self._zeta, self._rho, False)):
            weights = z[start : start + count]
            if not any(weights):
                continue
            image = (fmpq_mat([weights]) * units.rows).entries()
            self._one += image[0] if constant else 0
            for j in range(n):
                z[j] += image[1 + j]
            for form in range(n, start):
                r[form] += image[1 + form]


def _most(weight: fmpq, span: Span) -> fmpq:
    """The largest weight v for v in a span."""
    return weight * (span.high if weight > 0 else span.low)
