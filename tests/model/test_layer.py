"""The question as a value."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import monic
from monic import Ball, Box, DomainError, LayerError, Orthant, Product, ReLULayer, WholeSpace
from tests.reference import evaluate, question


def test_a_layer_reads_its_shape() -> None:
    layer = ReLULayer(np.ones((6, 2)))
    assert layer.shape == (6, 2)
    assert layer.expansivity == 3
    assert layer.bias is None
    assert isinstance(layer.domain, WholeSpace)


def test_a_layer_is_a_frozen_copy() -> None:
    weight, bias = np.ones((2, 1)), np.zeros(2)
    layer = ReLULayer(weight, bias)
    weight[0, 0], bias[0] = 5.0, 5.0
    one, zero = Fraction(1), Fraction(0)
    assert evaluate(layer.map) == ([[one], [one]], [zero, zero])
    with pytest.raises(AttributeError):
        layer.weight = weight  # type: ignore[misc]


def test_weight_and_bias_keep_their_own_number_formats() -> None:
    layer = ReLULayer(np.full((2, 1), 0.1, dtype=np.float16), np.full(2, 0.1, dtype=np.float32))
    rows, bias = evaluate(layer.map)
    assert rows[0][0] == float(np.float16(0.1))
    assert bias[0] == float(np.float32(0.1))
    exact = layer.map.exact()
    assert question(layer).rows == [(rows[0][0],), (rows[1][0],)]
    assert int(exact.bias[0, 0]) * 2.0**exact.exponent == bias[0]


def test_a_weight_may_be_a_product() -> None:
    layer = ReLULayer(Product([[1.0], [-0.1]], [[3.0, 5.0]]), [1.0, 2.0], Orthant())
    assert layer.shape == (2, 2)
    assert evaluate(layer.map)[1] == [1, 2]


def test_torch_tensors_are_taken_as_they_are() -> None:
    torch = pytest.importorskip("torch")
    weight = torch.tensor([[0.1], [-3.0]], dtype=torch.bfloat16, requires_grad=True)
    assert evaluate(ReLULayer(weight).map)[0] == [[float(v)] for v in weight.flatten()]


@pytest.mark.parametrize(
    ("weight", "bias"),
    [
        (np.zeros((0, 2)), None),
        (np.zeros((2, 0)), None),
        (np.zeros(2), None),
        (np.zeros((2, 2, 2)), None),
        ([[np.nan]], None),
        ([[1.0]], [np.inf]),
        ([[1.0], [2.0]], [1.0, 2.0, 3.0]),
        ([[1.0], [2.0]], [1.0]),
        ([[1.0], [2.0]], [[1.0], [2.0]]),
        ([[1.0], [2.0]], 3.0),
        ("weight", None),
        ([["a"]], None),
    ],
)
def test_what_is_no_layer_is_refused(weight: Any, bias: Any) -> None:
    with pytest.raises(LayerError, match="Expected"):
        ReLULayer(weight, bias)


def test_a_domain_of_another_dimension_is_refused() -> None:
    for domain in (Box(np.zeros(3), np.ones(3)), Ball(1.0, np.zeros(1))):
        with pytest.raises(DomainError, match=r"R\^2"):
            ReLULayer(np.eye(2), domain=domain)


@pytest.mark.parametrize("domain", ["orthant", None, Orthant])
def test_what_is_no_domain_is_refused(domain: Any) -> None:
    with pytest.raises((DomainError, TypeError), match="Expected"):
        ReLULayer(np.eye(2), domain=domain)


def test_the_names_are_at_the_top() -> None:
    names = (
        "ReLULayer",
        "WholeSpace",
        "Orthant",
        "Box",
        "Polyhedron",
        "Ball",
        "Network",
        "Product",
    )
    for name in names:
        assert name in monic.__all__
        assert getattr(monic, name).__module__.startswith("monic.model")
