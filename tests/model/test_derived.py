"""Factors of batch norms and dequantised weights: against decimals, fractions and the checker."""

import pickle
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from monic.errors import LayerError
from monic.model import ChannelScale, Input, Linear
from monic.model.array import freeze
from monic.model.derived import BatchFactors, Dequantized, derive, origin_of
from monic_checker.derived import _factor

NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False).filter(lambda t: abs(t) > 1e-6)
POSITIVE = st.floats(1e-9, 1e9)


def factors(gamma: list[float], variance: list[float], epsilon: float) -> BatchFactors:
    return BatchFactors(np.array(gamma), np.array(variance), epsilon)


def slow_factor(gamma: float, variance: float, epsilon: float) -> float:
    """The quotient to 60 digits, rounded by Python's own conversion to a float."""
    with localcontext() as context:
        context.prec = 800  # exact products and sums of floats; the root is rounded at the end
        exact = Decimal(gamma) ** 2 / (Decimal(variance) + Decimal(epsilon))
        context.prec = 60
        return float(exact.sqrt().copy_sign(Decimal(gamma)))


@given(NUMBERS, POSITIVE, st.sampled_from([0.0, 1e-5, 0.125, 1.0]))
def test_factors_are_correctly_rounded_on_both_roads(g: float, v: float, e: float) -> None:
    expected = slow_factor(g, v, e)
    assert factors([g], [v], e).compute().tolist() == [expected]
    checked = _factor(_fmpq(g), _fmpq(v) + _fmpq(e))
    assert Fraction(int(checked.p), int(checked.q)) == Fraction(expected)


def _fmpq(number: float) -> fmpq:
    return fmpq(*number.as_integer_ratio())


def test_exact_roots_and_ties_to_even() -> None:
    assert factors([-3.0, 0.0, 1.0], [4.0, 2.0, 0.25], 0.0).compute().tolist() == [
        *(-1.5, 0.0, 2.0)
    ]
    # (2^53 + 1)^2 / 2^54 has the root (1 + 2^-53) 2^26: half way between two floats
    for odd, expected in ((2**53 + 1, 1.0), (2**53 + 3, 1.0 + 2.0**-51)):
        found = _factor(fmpq(odd), fmpq(2) ** 106)
        assert Fraction(int(found.p), int(found.q)) == Fraction(expected)


def test_gamma_is_repeated() -> None:
    assert factors([2.0], [1.0, 4.0], 0.0).compute().tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("gamma", "variance", "why"),
    [
        ([1.0, 2.0], [1.0], "one gamma for each variance"),
        ([1.0], [-1.0], "positive once epsilon is added"),
        ([1.0], [-1e-5], "positive once epsilon is added"),
        ([1e-300], [1e300], "range of float64"),
        ([np.inf], [1.0], "finite"),
    ],
)
def test_bad_factors(gamma: list[float], variance: list[float], why: str) -> None:
    with pytest.raises(LayerError, match=why):
        derive(factors(gamma, variance, 1e-5))


@given(st.data())
def test_dequantised_weights_are_exact(data: st.DataObject) -> None:
    dtype: Any = data.draw(st.sampled_from([np.int8, np.uint8, np.int16, np.uint16]))
    info = np.iinfo(dtype)
    shape, axis = data.draw(st.sampled_from([((2, 3), 0), ((2, 3), 1), ((2, 3, 2), 1), ((3,), 0)]))
    count = data.draw(st.sampled_from([1, shape[axis]]))
    entries = st.integers(int(info.min), int(info.max))
    size = int(np.prod(shape))
    integers = np.array(data.draw(st.lists(entries, min_size=size, max_size=size)), dtype)
    integers = integers.reshape(shape)
    scales = st.floats(-100, 100, width=32, allow_subnormal=True)
    scale = np.array(data.draw(st.lists(scales, min_size=count, max_size=count)), np.float32)
    zero = np.array(data.draw(st.lists(entries, min_size=count, max_size=count)), dtype)
    found = derive(Dequantized(integers, scale, zero, axis))
    for place in np.ndindex(*shape):
        k = place[axis] if count > 1 else 0
        exact = Fraction(float(scale[k])) * (int(integers[place]) - int(zero[k]))
        assert Fraction(float(found[place])) == exact


def test_a_scale_without_zero_and_a_scalar() -> None:
    found = Dequantized(np.array([3, -4], np.int8), np.array(0.1, np.float32)).compute()
    assert found.tolist() == [3 * float(np.float32(0.1)), -4 * float(np.float32(0.1))]


@pytest.mark.parametrize(
    ("integers", "scale", "zero", "why"),
    [
        (np.zeros((2, 3)), np.ones(1, np.float32), None, "integers of at most 32 bits"),
        (np.zeros((2, 3), np.int64), np.ones(1, np.float32), None, "at most 32 bits"),
        (np.zeros((2, 3), np.int8), np.ones(1), None, "scale in float32"),
        (np.zeros((2, 3), np.int8), np.ones(3, np.float32), None, "for each of 2 along axis 0"),
        (np.zeros((2, 3), np.int8), np.ones(1, np.float32), np.zeros(3, np.int8), "along axis 0"),
        (np.full((2, 3), 2**31 - 1, np.int32), np.array([0.1], np.float32), None, "float64 holds"),
    ],
)
def test_bad_integers(integers: object, scale: object, zero: object, why: str) -> None:
    with pytest.raises(LayerError, match=why):
        derive(Dequantized(integers, scale, zero))  # type: ignore[arg-type]


def test_steps_remember_where_their_arrays_come_from() -> None:
    found = derive(factors([1.0, 2.0], [1.0, 4.0], 0.0))
    step = ChannelScale(found, Linear(np.eye(4), Input(4)))
    again = step.compose(Linear(np.eye(4), Input(4)))
    assert isinstance(again, ChannelScale)
    for array in (found, step.vector, again.vector, pickle.loads(pickle.dumps(found))):
        assert isinstance(origin_of(array), BatchFactors)
        assert array.tolist() == [1.0, 1.0]
    for other in (found[:1], found * 2, np.repeat(found, 2), freeze(found + 0, "x")):
        assert origin_of(other) is None
