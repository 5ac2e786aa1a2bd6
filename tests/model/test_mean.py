"""Means as exact steps: against fractions, in floats, and as parts of layers and networks."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monic import Network, ReLULayer, Stage, Verdict, check, decide
from monic.errors import LayerError
from monic.model import (
    Activation,
    AffineMap,
    Centre,
    Combine,
    Concat,
    Convolution,
    Geometry,
    Input,
    Linear,
    Scale,
    Select,
    Shift,
    Sum,
)
from monic.model.wiring import Wiring
from tests.reference import evaluate

TABLE = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0], [0.25, 0.0, 0.0]])
THIRD, FIFTH = Fraction(1, 3), Fraction(1, 5)


def same(value: AffineMap) -> None:
    exact = value.exact()
    rows, bias = evaluate(value)
    table = [[int(a) * exact.scale for a in row] for row in exact.weight.tolist()]
    assert table == rows
    assert [int(b) * exact.scale for b in exact.bias.entries()] == bias


def start() -> AffineMap:
    return Shift(np.array([0.5, -0.25, 3.0]), Linear(TABLE, Input(3)))


WEIGHTS = st.fractions(-3, 3, max_denominator=7)
ROWS = st.lists(
    st.lists(st.tuples(st.integers(0, 2), WEIGHTS), max_size=3), min_size=1, max_size=4
)


@given(ROWS)
def test_combine(rows: list[list[tuple[int, Fraction]]]) -> None:
    value = Combine(rows, start())
    same(value)
    same(value.compose(Linear(np.eye(3), Input(3))))
    same(Shift(np.array([0.375]), Scale(np.array([-3.0]), value)))
    same(Combine(rows, Concat((start(), value, start(), value)), 2))


@given(ROWS, ROWS)
def test_different_divisors_meet(
    first: list[list[tuple[int, Fraction]]], second: list[list[tuple[int, Fraction]]]
) -> None:
    inner = start()
    same(Concat((Combine(first, inner), Combine(second, inner), inner)))
    parts = Combine(first[:1], inner), Combine(second[:1], inner), Select([1], inner)
    same(Sum(parts))
    same(Combine([[(0, THIRD)]], Centre(1, Sum(parts))))


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_centre(groups: int) -> None:
    inner = Shift(np.arange(6.0), Linear(np.arange(18.0).reshape(6, 3) ** 2, Input(3)))
    value = Centre(groups, inner)
    same(value)
    x = np.array([1.0, -2.0, 0.5])
    y = np.arange(18.0).reshape(6, 3) ** 2 @ x + np.arange(6.0)
    expected = y.reshape(groups, -1) - y.reshape(groups, -1).mean(axis=1, keepdims=True)
    exact = value.exact()
    table = np.array([[int(a) for a in row] for row in exact.weight.tolist()])
    got = (table @ x + [int(b) for b in exact.bias.entries()]) * float(exact.scale)
    assert np.allclose(got, expected.reshape(-1))


@pytest.mark.parametrize(
    "step",
    [
        Combine([[(0, THIRD), (5, -FIFTH)], [], [(3, 2 * THIRD)]], Input(6)),
        Combine([[(0, THIRD), (1, -FIFTH)], [(1, FIFTH)]], Input(6), 3),
        Centre(2, Input(6)),
        Select([1, 1, 5, 0], Input(6)),
    ],
)
def test_steps_in_floats(step: Wiring) -> None:
    exact = step.exact()
    table = np.array([[float(int(a) * exact.scale) for a in row] for row in exact.weight.tolist()])
    x = np.random.default_rng(0).standard_normal((6, 2))
    y = np.random.default_rng(1).standard_normal(step.out_dim)
    assert np.allclose(step.act(x), table @ x)
    # what takes a mean off is bounded by what adds it
    assert (step.act(np.abs(x), absolute=True) >= np.abs(table) @ np.abs(x) - 1e-12).all()
    assert np.allclose(step.adjoint(y)[0], table.T @ y)


def test_maps_with_fractions_have_no_exponent() -> None:
    with pytest.raises(LayerError, match="fractions of 3"):
        _ = Combine([[(0, THIRD)]], Input(1)).exact().exponent


def test_bad_steps() -> None:
    with pytest.raises(LayerError, match="places from 0 to 2"):
        Combine([[(3, THIRD)]], Input(3))
    with pytest.raises(LayerError, match="at least one entry"):
        Combine([], Input(3))
    with pytest.raises(LayerError, match="parts that divides 3"):
        Combine([[(0, THIRD)]], Input(3), 2)
    with pytest.raises(LayerError, match="divides 3 entries"):
        Centre(2, Input(3))
    with pytest.raises(LayerError, match="divides 3 entries"):
        Centre(0, Input(3))


@pytest.mark.parametrize("method", ["auto", "falsify", "branching"])
def test_layers_behind_means_are_decided(method: str) -> None:
    """The mean of neighbours on a circle of three loses nothing; on one of four it does."""
    rng = np.random.default_rng(0)
    for size, rank in ((3, 3), (4, 3)):
        half = Fraction(1, 2)
        means = [[(i, half), ((i + 1) % size, half)] for i in range(size)]
        inner = Combine(means, Input(size))
        layer = ReLULayer(Linear(rng.integers(-3, 4, (40, size)).astype(float), inner))
        decision = decide(layer, method=method)
        if method == "falsify":
            assert decision.verdict is Verdict.UNDECIDED  # it finds points, not kernels
            continue
        expected = Verdict.INJECTIVE if rank == size else Verdict.NOT_INJECTIVE
        assert decision.verdict is expected
        assert decision.certificate is not None
        check(decision.certificate, layer)


def test_counting_behind_a_mean_and_a_convolution() -> None:
    """Too large for branching, too few rows: a point with few active rows is a proof."""
    n = 24
    third = [[(j, THIRD) for j in (i - 1, i, i + 1) if 0 <= j < n] for i in range(n)]
    inner = Combine(third, Input(n))
    kernel = np.random.default_rng(0).standard_normal((2, 1, 3))
    for value in (
        Linear(np.random.default_rng(1).standard_normal((60, n)), inner),
        Convolution(kernel, inner, Geometry((1, n), padding=((1, 1),))),
        Linear(np.random.default_rng(1).standard_normal((60, n)), Select(range(n), Input(n))),
    ):
        layer = ReLULayer(value)
        decision = decide(layer, time_limit=20)
        assert decision.verdict is Verdict.NOT_INJECTIVE
        assert decision.certificate is not None
        check(decision.certificate, layer)


def test_a_network_of_a_mean() -> None:
    network = Network([Stage("centre", Centre(1, Input(3)), Activation.TANH)])
    decision = decide(network)
    assert decision.verdict is Verdict.NOT_INJECTIVE
    assert decision.collision is not None
    assert decision.certificate is not None
    differences = {
        a - b for a, b in zip(decision.collision.x, decision.collision.other, strict=True)
    }
    assert len(differences) == 1
    check(decision.certificate, network)
