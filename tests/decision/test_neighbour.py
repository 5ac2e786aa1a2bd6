"""Exactly paired rows next to rows that are antiparallel up to rounding."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monic.decision.neighbour import BITS, PairMove, near_pairs, paired_entries, powers, raised
from monic.model.taps import FloatArray

FORMATS = [name for name in BITS if name != "bfloat16"]


def exact(row: FloatArray) -> list[Fraction]:
    return [Fraction(float(entry)) for entry in row]


def holds(move: PairMove, dtype: "np.dtype[np.generic]") -> None:
    """second = -ratio first over the rationals, and both rows are in the format."""
    assert exact(move.second) == [-move.ratio * entry for entry in exact(move.first)]
    for row in (move.first, move.second):
        assert (row.astype(dtype).astype(np.float64) == row).all()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", FORMATS)
def test_pairs_are_exact_and_near(name: str, seed: int) -> None:
    rng, dtype = np.random.default_rng(seed), np.dtype(name)
    first = (rng.standard_normal(30) * 2.0 ** rng.integers(-6, 7, 30)).astype(dtype)
    scale = np.asarray(rng.uniform(0.25, 4), dtype)
    second = (-scale * first).astype(dtype)
    rows = first.astype(np.float64), second.astype(np.float64)
    move = paired_entries(*rows, float(scale), dtype)
    holds(move, dtype)
    # a third of the bits for the scale and two thirds for the entries, up to a few
    assert move.relative < 2.0 ** (4 - 2 * BITS[name] / 3)
    rounded = powers(*rows, float(scale), dtype)
    holds(rounded, dtype)
    assert move.relative <= rounded.relative + 1e-15
    assert rounded.relative < 0.42
    assert (rounded.first == rows[0]).all()


@pytest.mark.parametrize("scale", [0.5, 1.0, 8.0])
def test_powers_of_two_move_nothing(scale: float) -> None:
    first = np.random.default_rng(0).standard_normal(9)
    move = paired_entries(first, -scale * first, scale, np.dtype("f8"))
    assert move.relative == 0
    assert (move.first == first).all()


def test_small_ratios_move_little() -> None:
    first = np.random.default_rng(0).standard_normal(9)
    move = paired_entries(first, -0.75 * first, 0.75, np.dtype("f8"))
    holds(move, np.dtype("f8"))
    assert move.ratio == Fraction(3, 4)
    assert move.relative < 2.0**-50


@pytest.mark.parametrize("top", [6e-8, 1e-4, 6e4])
def test_numbers_at_the_edge_of_a_format_stay_in_it(top: float) -> None:
    rng, dtype = np.random.default_rng(1), np.dtype("f2")
    first = (top * rng.uniform(-1, 1, 20)).astype(dtype).astype(np.float64)
    with np.errstate(over="ignore"):
        second = (-1.7 * first).astype(dtype).astype(np.float64)
    finite = np.isfinite(second)
    holds(paired_entries(first[finite], second[finite], 1.7, dtype), dtype)


@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 5))
def test_all_pairs_are_found_and_no_others(seed: int, pairs: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    basis = rng.standard_normal((pairs, dim + 1))
    scales = 2.0 ** rng.uniform(-3, 3, pairs)
    more = rng.standard_normal((3, dim + 1))
    table = np.vstack([basis, -scales[:, None] * basis, more])
    order = rng.permutation(len(table))
    found = {frozenset((order[p.first], order[p.second])) for p in near_pairs(table[order], 1e-12)}
    assert found == {frozenset((i, i + pairs)) for i in range(pairs)}


def test_only_rows_of_one_group_are_paired() -> None:
    table = np.array([[1.0], [-1.0], [2.0], [-2.0]])
    assert near_pairs(table, 1e-9, [0, 1, 2, 3]) == ()
    found = near_pairs(table, 1e-9, [0, 1, 0, 1])
    assert found == ()
    assert {(p.first, p.second) for p in near_pairs(table, 1e-9, [0, 0, 1, 1])} == {(0, 1), (2, 3)}


def test_zero_rows_and_infinite_ones_are_no_pairs() -> None:
    table = np.array([[0.0, 0.0], [0.0, 0.0], [np.inf, 1.0], [1.0, 1e-300], [-1.0, -1e-300]])
    assert [(p.first, p.second) for p in near_pairs(table, 1e-9)] == [(3, 4)]


@given(st.fractions(min_value=-1000, max_value=1000), st.sampled_from(FORMATS))
def test_raised_is_the_least_float_that_is_not_below(number: Fraction, name: str) -> None:
    dtype = np.dtype(name)
    up = np.asarray(raised(number, dtype), dtype)
    below = np.nextafter(up, np.asarray(-np.inf, dtype))
    assert Fraction(float(below)) < number <= Fraction(float(up))
