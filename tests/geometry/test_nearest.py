"""The nearest point of a polyhedron: the optimality conditions, in exact numbers."""

from fractions import Fraction
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from monic.geometry.nearest import nearest_exactly

Table = list[list[int]]


@st.composite
def polyhedra(draw: st.DrawFn) -> tuple[Table, Table]:
    """Draws rows (w, b) with w.x + b <= 0 and rows (k, c) with k.x + c >= 0."""
    width = draw(st.integers(1, 3)) + 1
    row = st.lists(st.integers(-3, 3), min_size=width, max_size=width)
    return draw(st.lists(row, min_size=1, max_size=7)), draw(st.lists(row, max_size=2))


def _value(row: list[int], point: tuple[Fraction, ...]) -> Fraction:
    return sum((a * t for a, t in zip(row, (*point, Fraction(1)), strict=True)), Fraction(0))


def _insist_on_optimality(
    strict: Table, active: Table, weights: list[Fraction], point: tuple[Fraction, ...] | None
) -> None:
    assert len(weights) == len(strict) + len(active)
    assert min(weights) >= 0
    signed = strict + [[-v for v in row] for row in active]
    total = [
        sum((u * row[j] for u, row in zip(weights, signed, strict=True)), Fraction(0))
        for j in range(len(strict[0]))
    ]
    if point is None:  # the weights are the reason: 0 = total.x + b > 0 on the polyhedron
        assert not any(total[:-1])
        assert total[-1] > 0
        return
    assert all(_value(row, point) <= 0 for row in signed)
    assert all(_value(row, point) == 0 for u, row in zip(weights, signed, strict=True) if u)
    # x is a negative multiple of the sum of the rows that hold it: no point is nearer
    assert all(
        total[i] * point[j] == total[j] * point[i] for i, j in combinations(range(len(point)), 2)
    )
    assert sum(v * t for v, t in zip(total, point, strict=False)) <= 0


@settings(max_examples=300)
@given(polyhedra())
def test_the_exact_point_is_the_nearest(polyhedron: tuple[Table, Table]) -> None:
    weights, point = nearest_exactly(*polyhedron)
    _insist_on_optimality(*polyhedron, weights, point)
