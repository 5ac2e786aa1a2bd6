"""How many rows one matrix needs: bisection against every number of rows, and its laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import monic
from monic import Limits, Orthant, ReLULayer, Verdict, WholeSpace
from monic.errors import LayerError
from monic.model.array import Array
from monic.random import ENSEMBLES, Needed, Question
from monic.random.ensembles import drawn


@pytest.mark.thorough
@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("domain", [WholeSpace(), Orthant()])
@pytest.mark.parametrize("columns", [1, 2, 3])
def test_bisection_agrees_with_every_number_of_rows(
    columns: int, domain: monic.Domain, ensemble: str
) -> None:
    question = Question(columns, ensemble, domain, seed=3)
    for index in range(4):
        needed = question.answer(index)
        matrix = drawn(ensemble, (question.cap, columns), (3, columns, index))
        assert needed.high is not None
        verdicts = [
            monic.decide(ReLULayer(matrix[:m], domain=domain)).verdict
            for m in range(1, needed.high + 4)
        ]
        wanted = [Verdict.NOT_INJECTIVE] * needed.low + [Verdict.INJECTIVE] * 4
        assert needed.high == needed.low + 1
        assert verdicts == wanted


@given(
    st.sampled_from(sorted(ENSEMBLES)),
    st.integers(1, 5),
    st.integers(1, 8),
    st.integers(0, 8),
    st.integers(0, 2**64),
)
def test_a_taller_matrix_begins_alike(
    ensemble: str, columns: int, rows: int, more: int, seed: int
) -> None:
    short = drawn(ensemble, (rows, columns), (seed,))
    tall = drawn(ensemble, (rows + more, columns), (seed,))
    assert np.array_equal(tall[:rows], short)


def test_entries_follow_their_laws() -> None:
    shape, seed = (4000, 5), (0,)
    assert set(np.unique(drawn("signs", shape, seed))) == {-1.0, 1.0}
    assert abs((drawn("sparse", shape, seed) == 0).mean() - 0.5) < 0.02
    assert abs(drawn("gaussian", shape, seed).std() - 1.0) < 0.02
    uniform = drawn("uniform", shape, seed)
    assert abs(uniform.std() - 3**-0.5) < 0.01
    assert abs(uniform).max() <= 1.0


def test_a_limit_leaves_a_gap_and_more_time_closes_it() -> None:
    hasty = Question(6, limits=Limits(nodes=5)).answer(0)
    patient = Question(6).answer(0)
    assert hasty.high is None or hasty.high - hasty.low > 1
    assert hasty.low <= patient.low
    assert patient.high is not None
    assert hasty.high is None or hasty.high >= patient.high
    assert Question(6).is_open(hasty)
    assert not Question(6).is_open(patient)


def test_a_cap_that_is_too_low_is_an_answer() -> None:
    question = Question(3, most=7)
    assert question.answer(0) == Needed(7, None)
    assert not question.is_open(Needed(7, None))


def doubled(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Every row comes with its negative: n pairs of independent rows are enough."""
    half = rng.standard_normal(((shape[0] + 1) // 2, shape[1]))
    return np.stack([half, -half], axis=1).reshape(-1, shape[1])[: shape[0]]


def test_an_ensemble_of_ones_own() -> None:
    for columns in (1, 2, 5):
        assert Question(columns, doubled).answer(0) == Needed(2 * columns - 1, 2 * columns)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Question(0),
        lambda: Question(2, seed=-1),
        lambda: Question(2, "normal"),
        lambda: Question(2, most=3),
        lambda: Question(2, lambda rng, shape: rng.standard_normal(3)),
    ],
)
def test_refusals(make: object) -> None:
    with pytest.raises(LayerError, match=r"Expected .* Got "):
        make()  # type: ignore[operator]
