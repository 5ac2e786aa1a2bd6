"""What is proved about random layers of finite size, against counting and against samples."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from monic.errors import LayerError
from monic.random import noninjective_probability_bound, probability_in_the_plane, sufficient_rows


def counted_in_the_plane(rows: int) -> Fraction:
    """The same probability by counting: which of w and -w comes is a fair coin, line by line.

    The lines through the rows, in the order of their angles 0 <= a_1 < ... < a_m < pi, are any;
    every sign pattern is equally likely. Injective: every open half-plane holds two rows.
    """
    angles = np.pi * (np.arange(rows) + 0.5) / rows
    lines = np.column_stack([np.cos(angles), np.sin(angles)])
    between = np.arange(2 * rows) * np.pi / rows + np.pi / 2  # normals between the lines
    normals = np.column_stack([np.cos(between), np.sin(between)])
    good = 0
    for signs in product((1, -1), repeat=rows):
        inside = (normals @ (np.array(signs)[:, None] * lines).T > 0).sum(axis=1)
        good += bool(inside.min() >= 2)
    return Fraction(good, 2**rows)


@pytest.mark.parametrize("rows", range(1, 11))
def test_the_plane_by_counting_signs(rows: int) -> None:
    assert probability_in_the_plane(rows) == counted_in_the_plane(rows)


@pytest.mark.parametrize("rows", range(1, 60))
def test_the_bound_holds_in_the_plane(rows: int) -> None:
    assert 1 - probability_in_the_plane(rows) <= noninjective_probability_bound(rows, 2)


@pytest.mark.parametrize("columns", [2, 3, 7, 20])
def test_the_bound_falls_once_it_is_below_one(columns: int) -> None:
    bounds = [noninjective_probability_bound(m, columns) for m in range(1, 16 * columns)]
    below = [bound for bound in bounds if bound < 1]
    assert bounds == [Fraction(1)] * (len(bounds) - len(below)) + sorted(below, reverse=True)


@pytest.mark.parametrize(("columns", "rows"), [(2, 16), (3, 25), (5, 43), (10, 92), (20, 192)])
def test_sufficient_rows_are_the_least(columns: int, rows: int) -> None:
    assert sufficient_rows(columns, 0.99) == rows
    assert noninjective_probability_bound(rows, columns) <= Fraction(1, 100)
    assert noninjective_probability_bound(rows - 1, columns) > Fraction(1, 100)


@pytest.mark.parametrize(
    "question",
    [
        lambda: probability_in_the_plane(0),
        lambda: noninjective_probability_bound(5, 1),
        lambda: sufficient_rows(1),
        lambda: sufficient_rows(3, 1.0),
        lambda: sufficient_rows(3, float("nan")),
    ],
)
def test_refusals(question: object) -> None:
    with pytest.raises(LayerError, match=r"Expected .* Got "):
        question()  # type: ignore[operator]
