"""Exact linear algebra against determinants and plain Fractions."""

from fractions import Fraction
from math import gcd

import numpy as np
import pytest
from flint import fmpz_mat
from hypothesis import given
from hypothesis import strategies as st

from monic.geometry import rational
from monic.geometry.rational import (
    independent_rows,
    kernel_vector,
    positive_relation,
    primitive,
    rank,
    solve,
    spans,
)

Table = list[list[int]]
small = st.integers(-3, 3)
large = st.integers(-(2**70), 2**70)


@st.composite
def tables(draw: st.DrawFn, *, square: bool = False, most: int = 5) -> Table:
    """Draws an integer table; small entries make dependent rows common."""
    columns = draw(st.integers(1, 4))
    rows = columns if square else draw(st.integers(1, most))
    entry = draw(st.sampled_from([small, large]))
    row = st.lists(entry, min_size=columns, max_size=columns)
    return draw(st.lists(row, min_size=rows, max_size=rows))


def _eliminated(table: Table) -> int:
    """The rank by Gauss, on Fractions."""
    rows = [[Fraction(v) for v in row] for row in table]
    found = 0
    for column in range(len(table[0])):
        pivot = next((r for r in rows[found:] if r[column]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        rows.insert(found, pivot)
        for i in range(found + 1, len(rows)):
            factor = rows[i][column] / pivot[column]
            rows[i] = [a - factor * b for a, b in zip(rows[i], pivot, strict=True)]
        found += 1
    return found


@given(tables())
def test_rank(table: Table) -> None:
    assert rank(table) == _eliminated(table)


@given(tables(most=7))
def test_independent_rows_are_the_first_basis(table: Table) -> None:
    chosen = independent_rows(table)
    assert chosen == [
        i
        for i in range(len(table))
        if _eliminated(table[: i + 1]) > (_eliminated(table[:i]) if i else 0)
    ]


def test_of_many_rows_the_first_ones_are_enough_where_they_span() -> None:
    rng = np.random.default_rng(0)
    for dim in (1, 3, 300):
        tall = rng.integers(-9, 10, (2 * dim + 40, dim))
        assert rank(tall.tolist()) == dim
        flat = tall.copy()
        flat[: dim + 20] = flat[0]  # what spans comes last
        assert rank(flat.tolist()) == dim
        flat[:, -1] = 0
        assert rank(flat.tolist()) == dim - 1
        assert len(independent_rows(tall.tolist())) == dim


@given(tables())
def test_kernel_vector(table: Table) -> None:
    found = kernel_vector(table, len(table[0]))
    if found is None:
        assert _eliminated(table) == len(table[0])
        return
    assert any(found)
    assert gcd(*found) == 1
    assert all(sum(a * b for a, b in zip(row, found, strict=True)) == 0 for row in table)


def test_without_rows() -> None:
    assert rank([]) == 0
    assert independent_rows([]) == []
    assert kernel_vector([], 3) == (1, 0, 0)


@given(tables(square=True), st.data())
def test_solve(table: Table, data: st.DataObject) -> None:
    right = data.draw(st.lists(small, min_size=len(table), max_size=len(table)))
    found = solve(table, right)
    assert (found is None) == (fmpz_mat(table).det() == 0)
    if found is not None:
        assert [sum(a * b for a, b in zip(row, found, strict=True)) for row in table] == right


@given(st.lists(large, min_size=1, max_size=5))
def test_primitive(row: list[int]) -> None:
    found = primitive(row)
    common = gcd(*row) or 1
    assert [v * common for v in found] == row
    assert gcd(*found) in (0, 1)


@given(tables(), st.data())
def test_positive_relation(table: Table, data: st.DataObject) -> None:
    split = data.draw(st.integers(0, len(table)))
    positive, negative = table[:split], table[split:]
    found = positive_relation(positive, negative)
    signed = positive + [[-v for v in row] for row in negative]
    if found is not None:
        assert min(found) > 0
        for column in zip(*signed, strict=True):
            assert sum(v * a for v, a in zip(found, column, strict=True)) == 0
    if len(table) - _eliminated(table) != 1:
        assert found is None, "the relation is not unique"
        return
    weights = kernel_vector([list(column) for column in zip(*signed, strict=True)], len(table))
    assert weights is not None
    assert (found is not None) == (min(weights) > 0 or max(weights) < 0)


@pytest.mark.parametrize("deficit", [0, 1, 30, 69, 70])
def test_rows_in_many_dimensions(deficit: int) -> None:
    rng, dim = np.random.default_rng(deficit), 70
    left = rng.integers(-(2**40), 2**40, (80, dim - deficit)).astype(object)
    right = rng.integers(-(2**40), 2**40, (dim - deficit, dim)).astype(object)
    rows = [[int(v) for v in row] for row in left @ right] if deficit < dim else [[0] * dim] * 80
    assert spans(rows, dim) == (deficit == 0)
    vector = kernel_vector(rows, dim)
    assert (vector is None) == (deficit == 0)
    if vector is not None:
        assert any(vector)
        assert all(sum(a * b for a, b in zip(row, vector, strict=True)) == 0 for row in rows)


def test_dependence_modulo_the_prime_alone_is_none() -> None:
    dim = 70
    rows = [[int(i == j) for j in range(dim)] for i in range(dim)]
    rows[0][0] = rational.LARGE_PRIME
    assert spans(rows, dim)
    assert kernel_vector(rows, dim) is None
