"""Reductions drop what cannot matter, and lead back to the user's own row numbers."""

from hypothesis import given
from hypothesis import strategies as st

from monic.model import ReLULayer
from monic.model.reduction import direction, reduce_rows
from tests.reference import Question, brute_force, question
from tests.strategies import integer_layers


@st.composite
def rows(draw: st.DrawFn) -> list[tuple[int, ...]]:
    """Draws rows (w, b) with many parallel ones."""
    n = draw(st.integers(1, 3))
    row = st.lists(st.integers(-2, 2), min_size=n + 1, max_size=n + 1).map(tuple)
    return draw(st.lists(row, min_size=1, max_size=12))


@given(rows())
def test_every_row_is_accounted_for_once(table: list[tuple[int, ...]]) -> None:
    found = reduce_rows(table)
    numbers = [*found.kept, *found.zero, *found.parallel]
    assert sorted(numbers) == list(range(len(table)))
    assert list(found.kept) == sorted(found.kept)
    assert all(not any(table[i][:-1]) for i in found.zero)
    assert len({direction(table[i][:-1])[0] for i in found.kept}) == len(found.kept)


@given(rows())
def test_a_dropped_row_is_parallel_to_a_stronger_one_that_is_kept(
    table: list[tuple[int, ...]],
) -> None:
    found = reduce_rows(table)
    for i, j in found.parallel.items():
        assert j in found.kept
        (first, length), (second, other) = direction(table[i][:-1]), direction(table[j][:-1])
        assert first == second
        assert table[i][-1] * other <= table[j][-1] * length


@given(integer_layers())
def test_the_verdict_is_that_of_the_rows_left(layer: ReLULayer) -> None:
    asked = question(layer)
    table = [
        tuple(int(v) for v in (*row, b)) for row, b in zip(asked.rows, asked.bias, strict=True)
    ]
    kept = reduce_rows(table).kept
    if not kept:
        assert not brute_force(asked).injective
        return
    left = Question(
        [asked.rows[i] for i in kept], [asked.bias[i] for i in kept], asked.sides, asked.ball
    )
    assert brute_force(left).injective == brute_force(asked).injective
