"""A node of the pair tree: what is known of x, of y and of the way between them."""

from collections.abc import Iterator
from dataclasses import dataclass

from flint import fmpq

from monic.decision.pair_tree.program import ONE, ZERO, Interval, Program

__all__ = ["AT_X", "AT_Y", "WAY", "Line", "Node", "lower_line", "roots", "upper_line", "way_lines"]

#: Of what a form is known to lie in an interval: at x, at y, and its difference over t.
AT_X, AT_Y, WAY = 0, 1, 2

#: Slopes of lines are rounded to multiples of 2^-16.
UNIT = 1 << 16

#: r <= k z + t, or r >= k z + t.
Line = tuple[fmpq, fmpq]


@dataclass(frozen=True, slots=True)
class Node:
    """Intervals for all forms (the inputs, then z of every unit) at x, at y, and on the way.

    Arguments:
        facet: i, where t = x_i - y_i is the largest |x_k - y_k|.
        bounds: Three lists; the third holds intervals of (form at x - form at y) / t.
    """

    facet: int
    bounds: tuple[list[Interval], list[Interval], list[Interval]]

    def cut(self, side: int, form: int, at: fmpq, *, above: bool) -> "Node":
        """Returns the child where a number is >= (or <=) another one; no bound is loosened."""
        low, high = self.bounds[side][form]
        low, high = (max(low, at), high) if above else (low, min(high, at))
        lists = list(self.bounds)
        lists[side] = [*lists[side][:form], (low, high), *lists[side][form + 1 :]]
        return Node(self.facet, (lists[0], lists[1], lists[2]))

    @property
    def contradiction(self) -> tuple[int, int] | None:
        """The side and the form whose interval is empty, or None."""
        for side, intervals in enumerate(self.bounds):
            for form, (low, high) in enumerate(intervals):
                if low > high:
                    return side, form
        return None

    def phase(self, side: int, form: int) -> int:
        """Returns 1 where a number is known to be >= 0, -1 where <= 0, otherwise 0."""
        low, high = self.bounds[side][form]
        return 1 if low >= 0 else -1 if high <= 0 else 0


def roots(program: Program) -> Iterator[Node]:
    """Yields nodes that together hold all pairs, or all with x and y swapped.

    One for each coordinate in which they differ most. Where the domain is not bounded, one for
    each of these and for each reason why tau is not larger: it is 1, or a coordinate of x or of
    y is at an end.
    """
    ranges = program.ranges()
    for facet in range(program.inputs):
        start = Node(facet, (ranges, ranges, program.ways(facet)))
        if program.scale is None:
            yield start
            continue
        yield start.cut(AT_X, program.inputs, ONE, above=True)
        for side in (AT_X, AT_Y):
            for j in range(program.inputs):
                yield start.cut(side, j, program.scale, above=True)
                yield start.cut(side, j, -program.scale, above=False)


def upper_line(interval: Interval) -> Line:
    """Returns the line above r = max(z, 0) on an interval."""
    low, high = interval
    if low >= 0:
        return ONE, ZERO
    if high <= 0:
        return ZERO, ZERO
    slope = rounded(high / (high - low))
    return slope, max(-slope * low, (1 - slope) * high)


def lower_line(interval: Interval) -> Line:
    """Returns the line below r = max(z, 0) on an interval that is taken without multipliers."""
    return (ONE, ZERO) if interval[0] >= 0 else (ZERO, ZERO)


def way_lines(node: Node, form: int) -> tuple[Line, Line]:
    """Returns lines below and above the difference of r: k (difference of z) + c t.

    Where the phases at x and y are known and equal, the two are one.
    """
    x, y, way = (node.phase(side, form) for side in (AT_X, AT_Y, WAY))
    below, above = y or -way, x or way
    slope, shift = upper_line(node.bounds[WAY][form])
    lower = (ONE - slope, -shift) if not below else (ONE, ZERO) if below > 0 else (ZERO, ZERO)
    upper = (slope, shift) if not above else (ONE, ZERO) if above > 0 else (ZERO, ZERO)
    return lower, upper


def rounded(number: fmpq) -> fmpq:
    """Returns the nearest multiple of 2^-16 (the larger one of two)."""
    return fmpq((number * UNIT + fmpq(1, 2)).floor(), UNIT)
