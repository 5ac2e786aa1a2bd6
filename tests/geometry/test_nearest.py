"""The nearest point of a polyhedron: the optimality conditions, in exact numbers."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monic.geometry.nearest import nearest_exactly, nearest_multipliers

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


@pytest.mark.parametrize("n", [2, 4, 6])
def test_floats_propose_what_is_nearly_true(n: int) -> None:
    rng = np.random.default_rng(n)
    kinds = set()
    for _ in range(30):
        rows = rng.integers(-(2**40), 2**40, (int(rng.integers(1, 4 * n)), n + 1)).tolist()
        exact, point = nearest_exactly(rows, [])
        _insist_on_optimality(rows, [], exact, point)
        _, guess = nearest_multipliers(rows, [])
        kinds.add(point is None)
        assert (guess is None) == (point is None)
        if guess is not None and point is not None:
            assert max(abs(a - b) for a, b in zip(guess, point, strict=True)) < Fraction(1, 10**6)
    assert kinds == {True, False}
