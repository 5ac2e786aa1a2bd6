"""Division by constants, exactly: against fractions, in floats, in layers, proofs and bounds."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monic import Network, Stage, bound, check, decide
from monic.decision.convolution.floats import FloatMap
from monic.errors import InvalidProof, LayerError
from monic.model import (
    Activation,
    ChannelScale,
    ChannelShift,
    Concat,
    Convolution,
    Geometry,
    Input,
    Linear,
    Quotient,
    ReLULayer,
    Scale,
)
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, decided
from tests.model.test_mean import same, start

NAMED = [3.0, 255.0, -0.229, 2.0**-1074, 2.0**1000]
ENTRY = st.floats(-50, 50).filter(bool) | st.sampled_from(NAMED)


@given(st.lists(ENTRY, min_size=1, max_size=1) | st.lists(ENTRY, min_size=3, max_size=3))
def test_is_exact(divisors: list[float]) -> None:
    value = Quotient(np.array(divisors), start())
    same(value)
    same(Scale(np.array([3.0]), value))
    same(Concat((value, start(), Quotient(np.array([7.0]), value))))
    same(value.compose(Linear(np.eye(3), Input(3))))


def test_channels_and_number_formats() -> None:
    same(Quotient(np.array([3, -7], dtype=np.int64), Input(6)))
    same(Quotient(np.array([[0.1]], dtype=np.float16), Input(2)))
    exact = Quotient(np.array([3.0, 7.0]), Input(4)).exact()
    values = [int(exact.weight[i, i]) * exact.scale for i in range(4)]
    assert values == [Fraction(1, 3)] * 2 + [Fraction(1, 7)] * 2


@pytest.mark.parametrize(
    ("divisor", "words"),
    [
        ([3.0, 0.0], "other than 0"),
        ([1.0, 2.0, 3.0], "each channel of 4 values"),
        ([], "each channel"),
        ([np.inf], "finite"),
    ],
)
def test_what_does_not_divide(divisor: list[float], words: str) -> None:
    with pytest.raises(LayerError, match=words):
        Quotient(np.array(divisor), Input(4))


def test_too_many_different_divisors() -> None:
    divisors = np.random.default_rng(0).standard_normal(2000)
    with pytest.raises(LayerError, match="rounded reciprocals"):
        Quotient(divisors, Input(2000))
    assert Quotient(np.resize(divisors[:100], 2000), Input(2000)).out_dim == 2000


@given(st.integers(0, 2**32 - 1))
def test_floats_are_bounded(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = Linear(rng.standard_normal((4, 3)), Input(3))
    value = Quotient(rng.standard_normal(2) * 10.0 ** rng.integers(-9, 9), table)
    x = rng.standard_normal(3)
    found, exact = FloatMap(value).bounded(x), value.exact()
    for row, v, error in zip(exact.weight.tolist(), found.value, found.error, strict=True):
        true = sum(int(a) * Fraction(t) for a, t in zip(row, x.tolist(), strict=True))
        assert abs(true * exact.scale - Fraction(v)) <= Fraction(error)
    pulled = FloatMap(value).adjoint(np.ones(4))
    assert np.allclose(pulled @ x, FloatMap(value).value(x).sum())


def test_layers_on_divided_inputs() -> None:
    """x / 3 is as injective as x, and its collisions collide exactly."""
    rng = np.random.default_rng(0)
    for rows, verdict in ((30, INJECTIVE), (5, NOT_INJECTIVE)):
        weight = rng.standard_normal((rows, 3))
        inner = decided(ReLULayer(Linear(weight, Quotient(np.array([3.0]), Input(3)))))
        outer = decided(ReLULayer(Quotient(np.array([0.7]), Linear(weight, Input(3)))))
        assert inner.verdict is outer.verdict is verdict


def test_a_negative_divisor_turns_rows() -> None:
    y = Linear(np.array([[1.0], [-1.0]]), Input(1))
    assert decided(ReLULayer(y)).verdict is INJECTIVE
    assert decided(ReLULayer(Quotient(np.array([3.0, -3.0]), y))).verdict is NOT_INJECTIVE


def test_opposite_filters_on_normalised_images() -> None:
    """(x / 255 - mean) / deviation, and -y / 3 beside y."""
    pixels = Quotient(np.array([255.0]), Input(48))
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    image = Quotient(deviation, ChannelShift(mean, pixels, negative=True))
    kernel = np.random.default_rng(0).standard_normal((12, 3, 3, 3))
    y = Convolution(kernel, image, Geometry((3, 4, 4), padding=1))
    layer = ReLULayer(Concat((y, Quotient(np.array([-3.0]), y))))
    decision = decide(layer)
    assert (decision.verdict, decision.method) == (INJECTIVE, "paired filters")
    assert decision.certificate is not None
    check(decision.certificate, layer)
    header = decision.certificate.header
    names = [step[0] for step in header["subject"]["map"]]
    assert names.count("quotient") == 3
    other = ReLULayer(Concat((y, Quotient(np.array([3.0]), y))))
    header["subject"]["arrays"][-1]["values"] = ["3"]
    with pytest.raises(InvalidProof):
        check(decision.certificate, other)


def test_a_divisor_of_0_is_refused_by_the_checker() -> None:
    step = Quotient(np.array([3.0]), Linear(np.array([[1.0], [-1.0]]), Input(1)))
    decision = decide(ReLULayer(step))
    assert decision.certificate is not None
    decision.certificate.header["subject"]["arrays"][-1]["values"] = ["0"]
    with pytest.raises(InvalidProof, match="divisors other than 0"):
        check(decision.certificate, ReLULayer(step))


def test_bounds_scale() -> None:
    weight = np.array([[3.0], [-3.0]])
    y = Linear(weight, Input(1))
    plain = bound(ReLULayer(y)).inverse_lipschitz
    divided = bound(ReLULayer(Quotient(np.array([3.0]), y))).inverse_lipschitz
    assert divided.lower <= plain.lower / 3 * (1 + 1e-9)
    assert divided.upper >= plain.upper / 3 * (1 - 1e-9)
    assert abs(divided.upper - plain.upper / 3) < 1e-9


def test_networks_that_divide_at_the_end() -> None:
    first = Stage("first", ChannelScale(np.array([1.0]), Input(3)), Activation.TANH)
    last = Stage("last", Quotient(np.array([3.0, 7.0, -0.1]), Input(3)), Activation.IDENTITY)
    network = Network([first, last])
    decision = decide(network)
    assert decision.verdict is INJECTIVE
    assert decision.certificate is not None
    check(decision.certificate, network)
