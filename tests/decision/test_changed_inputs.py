"""Convolutions of an input whose mean was taken off, that was scaled, or permuted."""

from fractions import Fraction

import numpy as np
import pytest

import monic
from monic.decision.convolution.blocks import blocks
from monic.decision.convolution.prefix import changed_input, undone
from monic.decision.convolution.windows import prove_windows
from monic.decision.problem import Problem
from monic.model import (
    AffineMap,
    ChannelScale,
    ChannelShift,
    Concat,
    Convolution,
    Domain,
    Geometry,
    Input,
    Orthant,
    ReLULayer,
    Scale,
    Shift,
    TransposedConvolution,
    WholeSpace,
)
from monic.model.wiring import Select
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, decided
from tests.decision.convolutions import dense, random_layer

FIVE = np.array([[1.0, 0], [1, 3], [-3, 2], [-3, -2], [1, -3]])

#: 120 layers; every second one is left to slow runs.
SEEDS = [pytest.param(k, marks=[pytest.mark.slow] if k % 2 else []) for k in range(120)]

#: The means and deviations of images that networks are given, and one of each.
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
FILTERS = np.array([[[1, 0, -1]], [[1, 0, 1]], [[-1, 0, 1]], [[-1, 0, -1]]], dtype=float)


def normalized(size: int, *, scale: float = 1.0) -> AffineMap:
    """(x - mean) / deviation, channels in the opposite order; the last scale may be wrong."""
    order = np.arange(3 * size).reshape(3, size)[::-1].reshape(-1)
    centred = ChannelShift(MEAN, Select(order.tolist(), Input(3 * size)), negative=True)
    return ChannelScale(np.array([*(1 / DEVIATION)[:2], scale]), centred)


def random_change(rng: np.random.Generator, n: int) -> AffineMap:
    """Several short changes of the input, one after the other; few of them have a zero."""
    value: AffineMap = Input(n)
    for kind in rng.integers(5, size=rng.integers(1, 4)):
        numbers = rng.integers(-2, 3, n if kind else 1).astype(float)
        scales = np.where(numbers == 0, float(rng.random() < 0.9), numbers)
        if kind == 4:
            places = rng.permutation(n) if rng.random() < 0.8 else rng.integers(0, n, n)
            value = Select(places.tolist(), value)
        elif kind in (0, 1):
            value = ChannelScale(scales, value) if rng.random() < 0.5 else Scale(scales, value)
        else:
            shift = ChannelShift if kind == 2 else Shift
            value = shift(numbers, value, negative=bool(rng.random() < 0.5))
    return value


@pytest.mark.parametrize("seed", SEEDS)
def test_small_layers_agree_with_their_dense_matrix(seed: int) -> None:
    rng = np.random.default_rng([seed, 41])
    inner = random_layer(rng, 1, 8)
    change = random_change(rng, inner.shape[1])
    layer = ReLULayer(inner.map.compose(change), domain=inner.domain)
    decision = decided(layer, time_limit=30)
    whole = monic.decide(dense(layer), time_limit=30)
    assert decision.verdict is whole.verdict
    base = changed_input(layer.map)
    invertible = np.linalg.matrix_rank(np.array(change.exact().weight.tolist(), float))
    assert (base is not None) == (invertible == layer.shape[1] and change.steps() != [change])
    found = blocks(layer.map, base)
    if found is not None:
        cover = prove_windows(ReLULayer(layer.map), found, Problem(layer).subject, 5.0)
        if cover.certificate is not None:
            monic.check(cover.certificate, layer)
            assert whole.verdict is INJECTIVE


@pytest.mark.parametrize("domain", [WholeSpace(), Orthant()], ids=["whole", "orthant"])
def test_a_normalised_image_under_opposite_filters(domain: Domain) -> None:
    rng = np.random.default_rng(0)
    grid = Geometry((3, 32, 32), stride=2, padding=1, output_padding=1)
    up = TransposedConvolution(rng.standard_normal((3, 2, 3, 3)), normalized(1024), grid)
    layer = ReLULayer(Concat((up, ChannelScale(np.array([-0.1, -0.7]), up))), domain=domain)
    decision = monic.decide(layer)
    assert (decision.verdict, decision.method) == (INJECTIVE, "paired filters")
    assert "after an invertible change of the input" in decision.reason
    assert decision.certificate is not None
    monic.check(decision.certificate, layer)


@pytest.mark.thorough
def test_scaled_pairs_of_channels_under_windows() -> None:
    """Five directions of which every half plane has two, none opposite to another."""
    kernel = np.tile(FIVE.reshape(5, 2, 1), (2, 1, 1))
    for last, verdict in ((-0.25, INJECTIVE), (0.0, NOT_INJECTIVE)):
        moved = ChannelShift(np.array([3.0, 1.0, -2.0, 0.5]), Input(400))
        scaled = ChannelScale(np.array([1 / 3, -5.0, 0.1, last]), moved)
        layer = ReLULayer(Convolution(kernel, scaled, Geometry((4, 100), groups=2)))
        decision = monic.decide(layer)
        assert decision.verdict is verdict
        assert decision.certificate is not None
        monic.check(decision.certificate, layer)
        assert (decision.method == "windows") == (verdict is INJECTIVE)


def test_what_is_lost_is_carried_back_to_the_input() -> None:
    kernel = np.random.default_rng(0).standard_normal((2, 3, 1)).astype(np.float32)
    step = Convolution(kernel, normalized(4000), Geometry((3, 4000)))
    layer = ReLULayer(Concat((step, Scale(np.array([-1.0]), step))))
    decision = monic.decide(layer)
    assert (decision.verdict, decision.method) == (NOT_INJECTIVE, "rank")
    assert decision.certificate is not None
    monic.check(decision.certificate, layer)


def test_convolutions_of_two_changes_have_no_blocks_together() -> None:
    start, grid = Input(6), Geometry((1, 6))
    first = Convolution(FILTERS[:2], Shift(np.ones(1), start), grid)
    second = Convolution(FILTERS[2:], Scale(np.array([2.0]), start), grid)
    value = Concat((first, second))
    assert changed_input(value) is None
    assert blocks(value) is None
    decided(ReLULayer(value))


def test_undone_solves_for_the_linear_part() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        base = random_change(rng, 5)
        if changed_input(Convolution(np.ones((1, 1, 1)), base, Geometry((1, 5)))) is base:
            vector = tuple(rng.integers(-5, 6, 5).tolist())
            exact = base.exact()
            unit = Fraction(2) ** exact.exponent
            rows = [[int(entry) * unit for entry in row] for row in exact.weight.tolist()]
            back = undone(base, vector)
            image = [sum(a * t for a, t in zip(row, back, strict=True)) for row in rows]
            assert image == list(vector)
