"""Estimates against the exact formula in the plane and against published counts."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from monic.decision.result import Execution
from monic.errors import LayerError
from monic.random import (
    Needed,
    Question,
    RowsNeeded,
    estimate_by_direction,
    estimate_rows_needed,
    probability_in_the_plane,
    single_direction,
    sufficient_rows,
)

#: Layers out of 1000 that were found injective by Froese, Grillo and Skutella's program.
PUBLISHED = {3: {9: 10, 10: 62, 11: 178, 12: 323, 14: 622, 16: 809, 20: 970}}
#: Chance fails none of the intervals of a test but once in a million.
SURE = 1 - 1e-7


@pytest.mark.thorough
@pytest.mark.parametrize("ensemble", ["gaussian", "uniform"])
def test_the_plane_is_as_the_formula_says(ensemble: str) -> None:
    """The probability is the same for all symmetric laws with a density."""
    found = estimate_rows_needed(Question(2, ensemble), samples=400)
    for rows in range(1, 30):
        assert found.probability(rows, confidence=SURE).interval.contains(
            probability_in_the_plane(rows)
        )


@pytest.mark.thorough
def test_space_is_as_others_counted() -> None:
    found = estimate_rows_needed(Question(3), samples=300)
    for rows, count in PUBLISHED[3].items():
        ours = found.probability(rows, confidence=SURE).interval
        assert ours.lower - 0.06 <= count / 1000 <= ours.upper + 0.06


def test_no_sample_needs_more_than_what_is_proved_to_be_enough_often() -> None:
    found = estimate_rows_needed(Question(4), samples=60)
    shares = found.probability(sufficient_rows(4, 0.99))
    assert shares.injective >= 55


@pytest.mark.thorough
def test_workers_and_executors_give_the_same() -> None:
    alone = estimate_rows_needed(Question(2, seed=5), samples=20)
    seen: list[tuple[int, int]] = []
    two = estimate_rows_needed(
        Question(2, seed=5),
        samples=20,
        execution=Execution(workers=2),
        progress=lambda done, total: seen.append((done, total)),
    )
    with ThreadPoolExecutor(2) as threads:
        given = estimate_rows_needed(
            Question(2, seed=5), samples=20, execution=Execution(executor=threads)
        )
    assert alone.needed == two.needed == given.needed
    assert seen == [(k + 1, 20) for k in range(20)]


def test_undecided_samples_widen_the_interval() -> None:
    question = Question(2)
    sure = RowsNeeded(question=question, needed=(Needed(5, 6),) * 10)
    half = RowsNeeded(question=question, needed=(Needed(5, 6),) * 5 + (Needed(4, 9),) * 5)
    assert half.undecided == 5
    clear, wide = (curve.probability(6) for curve in (sure, half))
    assert (wide.injective, wide.not_injective, wide.samples) == (5, 0, 10)
    assert wide.interval.upper == clear.interval.upper == 1.0
    assert wide.interval.lower < clear.interval.lower
    assert half.quantile(0.5) == 6
    assert half.quantile(0.6) == 9
    assert RowsNeeded(question=question, needed=(Needed(64, None),)).median is None


def test_one_direction_is_right_and_not_enough() -> None:
    """Where it says not injective that is so; near c* n it is silent, far below what is needed."""
    columns, rows, samples = 4, 14, 100
    by_direction = estimate_by_direction(rows, columns, samples=samples)
    exact = estimate_rows_needed(Question(columns), samples=samples).probability(rows)
    assert 0 < by_direction.not_injective <= exact.not_injective
    assert by_direction.interval.lower == 0.0
    at = [
        estimate_by_direction(round(c * 60), 60, samples=60).not_injective / 60
        for c in (single_direction() - 0.6, single_direction() + 0.6)
    ]
    assert at[0] > 0.9
    assert at[1] < 0.1


def test_refusals() -> None:
    with pytest.raises(LayerError, match="at least one sample"):
        estimate_rows_needed(Question(2), samples=0)
    with pytest.raises(LayerError, match="confidence"):
        estimate_by_direction(5, 2, confidence=1.0)
    with pytest.raises(LayerError, match="at least one sample"):
        RowsNeeded(question=Question(2), needed=()).probability(4)
