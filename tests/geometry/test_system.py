"""Float shadows of integer rows: close to them up to a positive factor, the same everywhere."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monic.geometry.system import System, normalised

UNIT, TINY = Fraction(1, 2**50), Fraction(1, 2**1070)

entries = st.one_of(
    st.integers(-3, 3), st.integers(-(2**60), 2**60), st.integers(-(2**2100), 2**2100)
)
tables = st.integers(1, 5).flatmap(
    lambda n: st.lists(st.lists(entries, min_size=n, max_size=n), min_size=1, max_size=5)
)


@given(tables)
def test_float_rows_stand_for_the_exact_ones(table: list[list[int]]) -> None:
    """Each entry is within a few units in the last place of the exact row over one number."""
    for row, floats in zip(table, normalised(table).tolist(), strict=True):
        if not any(row):
            assert not any(floats)
            continue
        assert abs(sum(v * v for v in floats) - 1) < 1e-14
        top = max(range(len(row)), key=lambda j: abs(row[j]))
        length = Fraction(row[top]) / Fraction(floats[top])
        assert length > 0
        for exact, found in zip(row, floats, strict=True):
            wanted = exact / length
            assert abs(Fraction(found) - wanted) <= abs(wanted) * UNIT + TINY


@given(tables, st.randoms(use_true_random=False))
def test_shadows_do_not_depend_on_the_order_of_coordinates(
    table: list[list[int]], random: np.random.Generator
) -> None:
    order = list(range(len(table[0])))
    random.shuffle(order)
    permuted = normalised([[row[j] for j in order] for row in table])
    assert permuted.tolist() == normalised(table)[:, order].tolist()


def test_a_cone_drops_the_last_coordinate() -> None:
    rows = [(2, 4, 0), (0, -3, 0), (0, 0, -1)]
    system = System(rows, m=2, dim=2, kept=[0, 1], strict=[], cone=True)
    assert system.width == 2
    assert list(system.rows)[:2] == [(1, 2), (0, -1)]
    full = System(rows, m=2, dim=2, kept=[0, 1], strict=[2], cone=False)
    assert full.width == 3
    assert full.floats.shape == (3, 3)
    assert full.weight_rows([0, 1]) == [(1, 2), (0, -1)]
    assert full.residues(5).tolist() == [[1, 2], [0, 4]]
