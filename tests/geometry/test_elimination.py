"""Ranks modulo a prime by products of floats, against flint."""

import numpy as np
import pytest
from flint import nmod_mat
from hypothesis import given
from hypothesis import strategies as st

from monic.geometry import elimination
from monic.geometry.elimination import has_full_column_rank

LARGEST = 4194301


@given(st.integers(0, 2**32), st.sampled_from([3, 101, LARGEST]), st.floats(0.05, 1.0))
def test_agrees_with_flint(seed: int, prime: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(1, 60)), int(rng.integers(1, 40))
    table = rng.integers(0, prime, (rows, columns)) * (rng.random((rows, columns)) < density)
    if columns > 2 and seed % 2:
        table[:, -1] = (3 * table[:, 0] + table[:, 1]) % prime
    wanted = nmod_mat(rows, columns, table.reshape(-1).tolist(), prime).rank() == columns
    assert has_full_column_rank(table.astype(np.float64), prime) is bool(wanted)


@pytest.mark.parametrize("place", [0, 100, 300, 449])
def test_one_dependent_column_in_several_blocks(place: int) -> None:
    rng = np.random.default_rng(place)
    table = rng.integers(0, LARGEST, (500, 450))
    assert has_full_column_rank(table.astype(np.float64), LARGEST)
    others = np.delete(np.arange(450), place)[:300]
    table[:, place] = table[:, others].sum(axis=1) % LARGEST
    assert not has_full_column_rank(table.astype(np.float64), LARGEST)


def test_the_largest_residues_do_not_round() -> None:
    table = np.full((600, 600), LARGEST - 1.0)
    table[np.arange(600), np.arange(600)] = 1.0  # -J + 2 I: of determinant 2^599 (2 - 600)
    assert has_full_column_rank(table, LARGEST)


@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([3, LARGEST]))
def test_bands_in_several_blocks_agree_with_flint(seed: int, ordered: bool, prime: int) -> None:
    rng = np.random.default_rng(seed)
    columns, width = int(rng.integers(1, 60)), int(rng.integers(1, 12))
    starts = rng.integers(0, columns, int(rng.integers(columns, 4 * columns + 1)))
    table = np.zeros((starts.size, columns), dtype=np.int64)
    for row, start in zip(table, np.sort(starts) if ordered else starts, strict=True):
        part = row[start : start + width]
        part[:] = rng.integers(0, prime, part.size) * (rng.random(part.size) < 0.9)
    wanted = nmod_mat(*table.shape, table.reshape(-1).tolist(), prime).rank() == columns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elimination, "_BLOCK", 5)
        patch.setattr(elimination, "_ROWS", 3)
        assert has_full_column_rank(table.astype(np.float64), prime) is bool(wanted)
