"""Floats with error bounds, and adjoints, against exact arithmetic."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monic.decision.convolution.floats import FloatMap
from monic.model import (
    AffineMap,
    ChannelScale,
    ChannelShift,
    Concat,
    Linear,
    ReLULayer,
    Scale,
    Select,
    Shift,
    Sum,
)
from tests.decision.convolutions import small_convolution


def random_map(rng: np.random.Generator, spread: int) -> AffineMap:
    """Returns a map of every kind of step, with entries of very different sizes."""

    def numbers(*shape: int) -> Any:
        return rng.standard_normal(shape) * 2.0 ** rng.integers(-spread, spread, shape)

    step = small_convolution(rng, 4, 30)
    make: Any = type(step)
    value: AffineMap = make(numbers(*step.kernel.shape), step.of, step.geometry)
    filters = step.out_shape[0]
    other = ChannelShift(numbers(filters), ChannelScale(numbers(filters), value), negative=True)
    value = Concat((value, other))
    value = Scale(numbers(value.out_dim), Shift(numbers(value.out_dim), value))
    places = rng.integers(0, value.out_dim, value.out_dim).tolist()
    value = Sum((value, Select(places, value), value))
    return Linear(numbers(5, value.out_dim), value)


@given(st.integers(0, 2**32), st.sampled_from([1, 20, 90]), st.sampled_from([0, -1040, 200]))
def test_exact_values_lie_within_the_bounds(seed: int, spread: int, power: int) -> None:
    rng = np.random.default_rng(seed)
    value = random_map(rng, spread)
    x = rng.standard_normal(value.in_dim) * 2.0 ** (power // 2) * 2.0 ** (power // 2)
    found = FloatMap(value).bounded(x)
    exact = value.exact()
    unit = Fraction(2) ** exact.exponent
    point = [Fraction(t) for t in x.tolist()]
    rows = zip(exact.weight.tolist(), exact.bias.entries(), strict=True)
    for (row, bias), y, error in zip(rows, found.value, found.error, strict=True):
        wanted = sum((int(w) * t for w, t in zip(row, point, strict=True)), Fraction(int(bias)))
        assert abs(wanted * unit - Fraction(float(y))) <= Fraction(float(error))
        if power == 0 and spread == 1:
            assert error <= 1e-8 * value.in_dim  # and they are no worse than they need to be


@given(st.integers(0, 2**32))
def test_adjoints_are_transposes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    value = random_map(rng, 2)
    floats = FloatMap(value)
    x, y = rng.standard_normal(value.in_dim), rng.standard_normal(value.out_dim)
    left, right = floats.value(x, shifts=False) @ y, x @ floats.adjoint(y)
    size = np.linalg.norm(floats.adjoint(y)) * np.linalg.norm(x) + abs(left)
    assert abs(left - right) <= 1e-9 * size


@pytest.mark.parametrize("huge", [1e308, -1e308])
def test_an_overflow_bounds_nothing(huge: float) -> None:
    layer = ReLULayer(np.full((1, 8), huge))
    found = FloatMap(layer.map).bounded(np.full(8, 10.0))
    assert not (found.value < -found.error).any()
