"""Motzkin's alternative: whichever half is returned is true, and one always is."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monic.geometry.exact_separation import Relation, separate_exactly
from monic.geometry.rational import positive_relation
from tests.reference import gordan

Table = list[list[int]]


@st.composite
def systems(draw: st.DrawFn) -> tuple[Table, Table, int]:
    """Draws strict rows, active rows and the number of coordinates."""
    width = draw(st.integers(1, 4))
    entry = draw(st.sampled_from([st.integers(-2, 2), st.integers(-(2**80), 2**80)]))
    row = st.lists(entry, min_size=width, max_size=width)
    return draw(st.lists(row, max_size=8)), draw(st.lists(row, max_size=3)), width


def _dot(row: list[int], point: tuple[Fraction, ...]) -> Fraction:
    return sum((a * t for a, t in zip(row, point, strict=True)), Fraction(0))


@given(systems())
def test_the_answer_is_true(system: tuple[Table, Table, int]) -> None:
    strict, active, width = system
    found = separate_exactly(strict, active, width)
    if not isinstance(found, Relation):
        assert len(found) == width
        assert all(_dot(row, found) < 0 for row in strict)
        assert all(_dot(row, found) >= 0 for row in active)
        return
    assert found.positive
    assert len(found.positive) + len(found.negative) <= width + 1
    chosen = [strict[i] for i in found.positive], [active[j] for j in found.negative]
    assert positive_relation(*chosen) is not None, (
        "a relation is a circuit with positive multipliers"
    )


@given(systems())
def test_without_active_rows_it_is_gordans_alternative(system: tuple[Table, Table, int]) -> None:
    strict, _, width = system
    if strict:
        found = separate_exactly(strict, [], width)
        assert isinstance(found, Relation) == isinstance(gordan(strict), dict)


def test_many_rows_of_long_numbers() -> None:
    rng = np.random.default_rng(5)
    kinds = set()
    for count in (8, 16, 24, 60):
        floats = rng.standard_normal((count, 7))
        rows = [[int(v) for v in row] for row in np.round(floats * 2.0**50).tolist()]
        found = separate_exactly(rows, [], 7)
        kinds.add(type(found))
        if isinstance(found, Relation):
            assert positive_relation([rows[i] for i in found.positive], []) is not None
        else:
            assert all(_dot(row, found) < 0 for row in rows)
    assert kinds == {Relation, tuple}
