"""Intervals hold everything that is reached, and nothing much more."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import monic
from monic import DomainError
from monic.decision.network import range_superset
from monic.model import (
    Activation,
    Box,
    Linear,
    Network,
    Orthant,
    Polyhedron,
    Shift,
    Stage,
    WholeSpace,
)
from monic.model import Input as Start
from tests.decision.networks import box, chain, outputs


def test_corners_are_the_ends(rng: np.random.Generator) -> None:
    for _ in range(30):
        n, m = int(rng.integers(1, 4)), int(rng.integers(1, 5))
        lower = rng.normal(size=n)
        box = Box(lower, lower + rng.exponential(size=n) + 0.01)
        network = chain((rng.normal(size=(m, n)), rng.normal(size=m)), last=Activation.IDENTITY)
        found = range_superset(network.stages[0], box)
        assert isinstance(found, Box)
        ends = [[Fraction(a), Fraction(b)] for a, b in zip(box.lower, box.upper, strict=True)]
        corners = [outputs(network, corner) for corner in product(*ends)]
        for i in range(m):
            low = min(corner[i] for corner in corners)
            high = max(corner[i] for corner in corners)
            assert Fraction(found.lower[i]) <= low < Fraction(np.nextafter(found.lower[i], 1e9))
            assert Fraction(np.nextafter(found.upper[i], -1e9)) < high <= Fraction(found.upper[i])


def test_a_relu_cuts_and_a_dead_unit_keeps_an_interior() -> None:
    [stage] = chain(([[1.0], [-1.0], [0.0]], [0.0, -1.0, 3.0])).stages
    found = range_superset(stage, box([0.0], [2.0]))
    assert isinstance(found, Box)
    assert found.lower.tolist() == [0.0, 0.0, 3.0]
    assert found.upper[0] == 2.0
    assert all(0 < width < 0.01 for width in (found.upper - found.lower)[1:])


def test_without_a_box() -> None:
    [stage] = chain(([[1.0]], None)).stages
    assert isinstance(range_superset(stage, WholeSpace()), Orthant)
    assert isinstance(range_superset(stage, box([-np.inf], [np.inf])), Orthant)
    [smooth] = chain(([[1.0]], None), last=Activation.TANH).stages
    tanh = range_superset(smooth, WholeSpace())
    assert isinstance(tanh, Box)
    assert (tanh.lower.item(), tanh.upper.item()) == (-1.0, 1.0)
    [other] = chain(([[1.0]], None), last=Activation.ELU).stages
    assert isinstance(range_superset(other, box([0.0], [1.0])), WholeSpace)


def test_half_bounded_boxes() -> None:
    stage = Stage("fc", Linear(np.array([[1.0, 0.0], [1.0, -1.0], [0.0, 1.0]]), Start(2)))
    found = range_superset(stage, box([1.0, -np.inf], [2.0, 5.0]))
    assert isinstance(found, Box)
    assert found.lower.tolist() == [1.0, 0.0, 0.0]
    assert found.upper.tolist() == [2.0, np.inf, 5.0]


def test_huge_numbers_stay_outside() -> None:
    huge = np.finfo(np.float64).max
    value = Shift(np.array([huge]), Linear(np.array([[huge]]), Start(1)))
    found = range_superset(Stage("fc", value), box([1.0], [2.0]))
    assert isinstance(found, Box)
    assert found.lower.tolist() == [huge]
    assert found.upper.tolist() == [np.inf]


small = st.integers(-4, 4).map(lambda k: k / 2)


@given(st.lists(st.tuples(small, small, small), min_size=1, max_size=4), st.data())
def test_everything_that_is_reached_is_inside(
    rows: list[tuple[float, float, float]], data: st.DataObject
) -> None:
    network = chain(([row[:2] for row in rows], [row[2] for row in rows]))
    lower = np.array([data.draw(small), data.draw(small)])
    box = Box(lower, lower + data.draw(st.sampled_from([0.5, 1.0, 3.0])))
    found = range_superset(network.stages[0], box)
    shares = data.draw(st.tuples(*[st.fractions(0, 1, max_denominator=7)] * 2))
    x = [
        Fraction(a) + s * Fraction(b - a) for a, b, s in zip(lower, box.upper, shares, strict=True)
    ]
    assert found.contains(outputs(network, x))


@pytest.mark.parametrize("bias", [1e-300, 0.1, 3.0])
def test_ends_are_rounded_outwards(bias: float) -> None:
    value = Shift(np.array([bias]), Linear(np.array([[0.1]]), Start(1)))
    found = range_superset(Stage("fc", value), box([0.1], [0.3]))
    assert isinstance(found, Box)
    low = Fraction(0.1) * Fraction(0.1) + Fraction(bias)
    high = Fraction(0.1) * Fraction(0.3) + Fraction(bias)
    assert Fraction(found.lower[0]) <= low
    assert Fraction(found.upper[0]) >= high


@pytest.mark.parametrize("activation", [Activation.IDENTITY, Activation.TANH, Activation.RELU])
def test_a_domain_without_interior_is_refused_whatever_follows(activation: Activation) -> None:
    """On an empty set every map is injective, which is no answer to anybody's question."""
    empty = Polyhedron(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0.0, -1.0]))
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    network = Network([Stage("all", Linear(rows, Start(2)), activation)], empty)
    with pytest.raises(DomainError, match="with interior"):
        monic.decide(network)
