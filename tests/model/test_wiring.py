"""Steps without weights: against dense matrices, and as parts of a layer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monic import ReLULayer, Verdict, check, decide
from monic.errors import LayerError
from monic.model import AffineMap, Input, Linear, Select, Shift, Sum
from tests.reference import evaluate

TABLE = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])


def same(value: AffineMap) -> None:
    exact = value.exact()
    rows, bias = evaluate(value)
    scale = 2.0**exact.exponent
    assert [[int(a) * scale for a in row] for row in exact.weight.tolist()] == rows
    assert [int(b) * scale for b in exact.bias.entries()] == bias


@given(st.lists(st.integers(0, 1), min_size=1, max_size=5))
def test_select(places: list[int]) -> None:
    inner = Shift(np.array([0.5, -0.25]), Linear(TABLE, Input(3)))
    value = Select(places, inner)
    same(value)
    assert (value.in_dim, value.out_dim) == (3, len(places))
    same(value.compose(Linear(np.eye(3), Input(3))))


def test_sum() -> None:
    start = Input(3)
    branches = Linear(TABLE, start), Shift(np.array([0.125]), Linear(2 * TABLE, start))
    value = Sum(branches)
    same(value)
    same(value.compose(Linear(3 * np.eye(3), Input(3))))


def test_bad_steps() -> None:
    with pytest.raises(LayerError, match="places from 0 to 2"):
        Select([3], Input(3))
    with pytest.raises(LayerError, match="at least one"):
        Select([], Input(3))
    with pytest.raises(LayerError, match="same spaces"):
        Sum((Input(2), Input(3)))
    with pytest.raises(LayerError, match="same spaces"):
        Sum(())


def test_a_skip_connection_is_decided_and_proved() -> None:
    """x + M x with M = -1/2 is x / 2; with M = -1 nothing is left."""
    for factor, verdict in ((-0.5, Verdict.INJECTIVE), (-1.0, Verdict.NOT_INJECTIVE)):
        start = Input(2)
        skip = Sum((start, Linear(factor * np.eye(2), start)))
        both = Linear(np.vstack([np.eye(2), -np.eye(2)]), skip)
        layer = ReLULayer(both)
        decision = decide(layer)
        assert decision.verdict is verdict
        assert decision.certificate is not None
        check(decision.certificate, layer)
