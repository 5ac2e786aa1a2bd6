"""Positive definite matrices, by the checker's road and by the engine's, against minors."""

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq, fmpz, fmpz_mat
from hypothesis import given
from hypothesis import strategies as st

from monic.geometry import definite
from monic_checker.definite import is_positive_definite
from tests.monic_checker.budgets import plenty


def by_minors(table: list[list[int]]) -> bool:
    """Sylvester's criterion."""
    sizes = range(1, len(table) + 1)
    return all(fmpz_mat([row[:k] for row in table[:k]]).det() > 0 for k in sizes)


entries = st.integers(-4, 4)


@given(st.lists(entries, min_size=1, max_size=4), st.data())
def test_small_matrices(diagonal: list[int], data: st.DataObject) -> None:
    size = len(diagonal)
    table = [[0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i):
            table[i][j] = table[j][i] = data.draw(entries)
        table[i][i] = diagonal[i] + data.draw(st.integers(0, 6))
    expected = by_minors(table)
    rows = [[fmpz(entry) for entry in row] for row in table]
    assert is_positive_definite(rows, fmpq(0), plenty()) == expected
    assert not definite.is_positive_definite(fmpz_mat(table)) or expected
    if np.linalg.eigvalsh(np.array(table)).min() > 1e-6:
        assert definite.is_positive_definite(fmpz_mat(table))


@pytest.mark.parametrize("gap", [1e-3, 1e-7])
def test_both_sides_of_the_largest_eigenvalue(gap: float, rng: np.random.Generator) -> None:
    table = rng.integers(-50, 51, (12, 12))
    square = table.T @ table
    largest = float(np.linalg.eigvalsh(square)[-1])
    rows = [[fmpz(-int(entry)) for entry in row] for row in square]
    above, below = Fraction(largest * (1 + gap)), Fraction(largest * (1 - gap))
    assert is_positive_definite(rows, fmpq(above.numerator, above.denominator), plenty())
    assert not is_positive_definite(rows, fmpq(below.numerator, below.denominator), plenty())
    whole = [int(largest * (1 + sign * gap) * 2**30) for sign in (1, -1)]
    shifted = [
        fmpz_mat(
            [[w * (i == j) - int(square[i, j]) * 2**30 for j in range(12)] for i in range(12)]
        )
        for w in whole
    ]
    assert [definite.is_positive_definite(matrix) for matrix in shifted] == [True, False]


def test_singular_matrices_are_not_proved() -> None:
    ones = [[fmpz(1), fmpz(1)], [fmpz(1), fmpz(1)]]
    assert not is_positive_definite(ones, fmpq(0), plenty())
    assert is_positive_definite(ones, fmpq(1, 10**400), plenty())  # more bits are taken
    assert not definite.is_positive_definite(fmpz_mat([[1, 1], [1, 1]]))
    assert not definite.is_positive_definite(fmpz_mat([[0]]))
