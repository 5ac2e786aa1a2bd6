"""Stages: what is carried past an activation, and the slopes of leaky ones."""

from fractions import Fraction

import numpy as np
import pytest

from monic import Activation, LayerError
from monic.model import Concat, Input, Linear, Scale, Select, Stage

X = Input(2)
W = Linear(np.array([[1.0, -1.0], [2.0, 0.5]]), X)


def numbers(*slopes: float) -> tuple[Fraction, ...]:
    return tuple(map(Fraction, slopes))


def test_slopes_of_every_coordinate() -> None:
    skip = Stage("s", Concat((X, W)), carried=2)
    assert skip.slopes() == numbers(1, 1, 0, 0)
    assert skip.describe() == "ReLU, 2 carried"
    assert Stage("s", W, Activation.IDENTITY).slopes() == numbers(1, 1)
    assert Stage("s", W, Activation.TANH, carried=1).slopes() is None
    assert Stage("s", W, Activation.LEAKY_RELU).slopes() is None
    leaky = Stage("s", Concat((X, W)), Activation.PRELU, np.array([[0.5], [0.1]]), carried=2)
    assert leaky.slopes() == numbers(1, 1, 0.5, 0.1)
    parts = Stage("s", Concat((X, W)), Activation.PRELU, np.array([0.5, 0.25]))
    assert parts.slopes() == numbers(0.5, 0.5, 0.25, 0.25)


def test_the_layer_of_a_stage_has_the_carried_rows_twice() -> None:
    """Where a concatenation ends, its own branches are used, so that convolutions stay such."""
    for value, kind in ((Concat((X, W)), Input), (Select(range(4), Concat((X, W))), Select)):
        layer = Stage("s", value, carried=2).layer_map()
        rows = [1, 0, 0, 1, -1, 0, 0, -1, 1, -1, 2, 0.5]
        found = layer.exact()
        assert [int(a) * 2.0**found.exponent for a in found.weight.entries()] == rows
        assert isinstance(layer, Concat)
        assert isinstance(layer.branches[0], kind)
        assert isinstance(layer.branches[1], Scale)
    assert Stage("s", W).layer_map() is W


@pytest.mark.parametrize("carried", [-1, 2, 3])
def test_something_must_be_left_for_the_activation(carried: int) -> None:
    with pytest.raises(LayerError, match="from 0 to 1 of its 2 numbers"):
        Stage("s", W, carried=carried)


@pytest.mark.parametrize(
    ("activation", "slope", "words"),
    [
        (Activation.RELU, [0.5], "whose activation is ReLU"),
        (Activation.PRELU, [0.5, 0.5, 0.5], "2 numbers fall"),
        (Activation.PRELU, [0.5, 0.0], "carrying the number beside its ReLU"),
        (Activation.LEAKY_RELU, [-0.5], "carrying the number beside its ReLU"),
        (Activation.LEAKY_RELU, [], "Got 0"),
        (Activation.LEAKY_RELU, [np.nan], "finite"),
    ],
)
def test_slopes_that_are_none(activation: Activation, slope: list[float], words: str) -> None:
    with pytest.raises(LayerError, match=words):
        Stage("s", W, activation, np.array(slope))
