"""Ranks of strips modulo a prime, from the left to the right, against the whole matrix."""

import numpy as np
import pytest
from flint import nmod_mat
from hypothesis import given
from hypothesis import strategies as st

from monic_checker import sweep
from monic_checker.budget import Budget
from monic_checker.errors import OverBudget
from monic_checker.field import Field
from monic_checker.sweep import Strip, has_full_column_rank
from tests.monic_checker.budgets import plenty

LARGEST = 4194301


def random_strips(seed: int, prime: int) -> tuple[list[Strip], int]:
    """Strips of one to three blocks near each other, in a random order."""
    rng = np.random.default_rng(seed)
    width, places, reach = (int(rng.integers(1, k)) for k in (4, 25, 6))
    strips = []
    for _ in range(int(rng.integers(1, 3 * places + 1))):
        at = int(rng.integers(0, places))
        near = [q for q in range(at, min(at + reach, places)) if q == at or rng.random() < 0.5]
        height = int(rng.integers(1, 4))
        blocks = [(q * width, rng.integers(0, prime, (height, width)).tolist()) for q in near]
        strips.append(Strip(blocks))
    return strips, places * width


def whole(strips: list[Strip], columns: int, prime: int) -> bool:
    table = np.zeros((sum(strip.height for strip in strips), columns), dtype=np.int64)
    top = 0
    for strip in strips:
        for start, block in strip.blocks:
            table[top : top + strip.height, start : start + len(block[0])] = block
        top += strip.height
    return bool(nmod_mat(*table.shape, table.reshape(-1).tolist(), prime).rank() == columns)


@given(st.integers(0, 2**32), st.sampled_from([2, 3, LARGEST]), st.sampled_from([1, 4, 512]))
def test_agrees_with_the_whole_matrix(seed: int, prime: int, step: int) -> None:
    strips, columns = random_strips(seed, prime)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep, "_STEP", step)
        found = has_full_column_rank(strips, columns, Field(prime, plenty(), "evidence"))
    assert found is whole(strips, columns, prime)


def test_both_answers_occur() -> None:
    answers = {whole(*random_strips(seed, LARGEST), LARGEST) for seed in range(60)}
    assert answers == {True, False}


def test_a_column_that_no_strip_reaches() -> None:
    ones = [[1]]
    strips = [Strip([(q, ones)]) for q in (0, 1, 3)] * 2
    assert not has_full_column_rank(strips, 4, Field(5, plenty(), "evidence"))


def test_the_memory_is_limited() -> None:
    strips = [Strip([(q, [[1, 0]])]) for q in range(1000)]
    with pytest.raises(OverBudget, match="memory"):
        has_full_column_rank(strips, 1001, Field(5, Budget(2**13, 10**11), "evidence"))


def test_a_band_takes_little_of_it() -> None:
    """The whole matrix would have 16 million entries."""
    strips = [Strip([(q, [[1, 3], [2, 1]])]) for q in range(3999)]
    assert has_full_column_rank(strips, 4000, Field(LARGEST, Budget(2**27, 10**11), "evidence"))
