"""Maps that choose entries are never multiplied, and give the same as if they were."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from flint import fmpz_mat
from hypothesis import given
from hypothesis import strategies as st

from monic.model import (
    AffineMap,
    Convolution,
    Geometry,
    Input,
    Linear,
    Quotient,
    Scale,
    Select,
    Shift,
)
from monic.model.array import dyadic
from monic.model.exact import ExactAffine
from tests.model.test_mean import same

STEPS = ["select", "shift", "scale", "linear", "quotient", "convolution"]


@given(st.lists(st.sampled_from(STEPS), max_size=5), st.integers(0, 2**32 - 1))
def test_chains_of_steps(names: list[str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    value: AffineMap = Input(4)
    for name in names:
        size = value.out_dim
        if name == "select":
            value = Select(rng.integers(0, size, int(rng.integers(1, 6))).tolist(), value)
        elif name == "shift":
            value = Shift(rng.standard_normal(size).astype(np.float16), value)
        elif name == "scale":
            value = Scale(rng.integers(-2, 3, size) / 4, value)
        elif name == "linear":
            value = Linear(rng.integers(-2, 3, (3, size)) / 8, value)
        elif name == "quotient":
            value = Quotient(np.array([3.0]), value)
        else:
            value = Convolution(rng.integers(-2, 3, (2, 1, 1)) / 2, value, Geometry((1, size)))
    same(value)


def test_what_is_replaced_is_no_choice_any_more() -> None:
    chosen = ExactAffine.chosen([1, 0], 2)
    assert chosen.places is not None
    other = replace(chosen, weight=fmpz_mat([[1, 2], [3, 4]]))
    assert other.places is None
    assert other.times(fmpz_mat([[1, 1]]), 0).weight.tolist() == [[4, 6]]


def test_a_choice_in_a_smaller_unit() -> None:
    third = ExactAffine.chosen([1, 1, 0], 2).at_unit(-2, 3)
    product = third.times(fmpz_mat([[1, 2, 3]]), 0)
    assert [int(a) * product.scale for a in product.weight.entries()] == [3, 3]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6))
def test_floats_of_any_size_are_integers_times_a_power(numbers: list[float]) -> None:
    integers, power = dyadic(np.array(numbers))
    unit = Fraction(2) ** power
    assert [int(entry) * unit for entry in integers.entries()] == list(map(Fraction, numbers))
