"""Convolutional layers: the papers' examples, and agreement with the dense matrix."""

from typing import Any

import numpy as np
import pytest

import monic
from monic.decision.affine import decide_affine
from monic.decision.convolution.blocks import blocks
from monic.decision.convolution.counting import sparse_point
from monic.decision.convolution.paired import prove_pairs
from monic.decision.convolution.pairs import find_pairs
from monic.decision.convolution.rank import column_rank, is_circulant
from monic.decision.convolution.windows import prove_paired_windows
from monic.decision.problem import Problem
from monic.geometry.rational import rank
from monic.model import (
    Activation,
    ChannelScale,
    Concat,
    Convolution,
    Geometry,
    Input,
    Orthant,
    Product,
    ReLULayer,
    Scale,
    Shift,
    Stage,
    TransposedConvolution,
    WholeSpace,
)
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, UNDECIDED, decided
from tests.decision.convolutions import dense, random_layer, small_convolution, windows

#: 200 layers of each size; every second one is left to slow runs.
SEEDS = [pytest.param(k, marks=[pytest.mark.slow] if k % 2 else []) for k in range(200)]

#: Kernels of width 3 of example (12) of the first version of the paper, and (10)-(11).
TWELVE = np.array([[[1, 0, -1]], [[1, 0, 1]], [[-1, 0, 1]], [[-1, 0, -1]]], dtype=float)
_SPIKES = np.array([np.where(np.arange(4) == k, 3, -1).reshape(1, 2, 2) for k in range(4)])
TEN = np.concatenate([_SPIKES, -_SPIKES]).astype(float)
ONE_SIDED = ((0, 1), (0, 1))


def convolution(kernel: Any, *shape: int, **options: Any) -> ReLULayer:
    grid = Geometry(shape, **options)
    return ReLULayer(Convolution(np.array(kernel, float), Input(int(np.prod(shape))), grid))


@pytest.mark.parametrize(
    "options", [{}, {"padding": 1}, {"padding": 1, "mode": "circular"}], ids=str
)
def test_theorem_4_on_example_12(options: dict[str, Any]) -> None:
    """Windows of 4 prove it, as the paper says; windows of 3 hold only 4 rows inside."""
    layer = convolution(TWELVE, 1, 12, **options)
    cover = windows(layer)
    assert cover.size == (4,)
    assert cover.certificate is not None
    monic.check(cover.certificate, layer)
    assert decided(layer).verdict is INJECTIVE


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ({}, NOT_INJECTIVE),
        ({"padding": ONE_SIDED, "mode": "circular"}, NOT_INJECTIVE),
        ({"padding": ONE_SIDED}, INJECTIVE),
    ],
    ids=str,
)
def test_example_1(options: dict[str, Any], verdict: monic.Verdict) -> None:
    """Constants are lost: every kernel adds up to 0. Only a border of zeros can save them."""
    layer = convolution(TEN, 1, 10, 10, **options)
    decision = monic.decide(layer)
    assert decision.verdict is verdict
    assert decision.certificate is not None
    monic.check(decision.certificate, layer)
    assert (decision.collision is not None) == (verdict is NOT_INJECTIVE)
    assert windows(layer).certificate is None


def test_stride_2_with_width_1_never_sees_every_second_entry() -> None:
    layer = convolution([[[1.0]], [[-1.0]]], 1, 6, stride=2)
    assert decided(layer).verdict is NOT_INJECTIVE
    assert windows(layer).certificate is None


def test_a_cropped_transposed_convolution_loses_the_first_entry() -> None:
    kernel = np.array([[[1.0, 0.0], [-1.0, 0.0]]])
    step = TransposedConvolution(kernel, Input(3), Geometry((1, 3), stride=2, padding=1))
    assert decided(ReLULayer(step)).verdict is NOT_INJECTIVE
    assert windows(ReLULayer(step)).certificate is None


@pytest.mark.parametrize("seed", SEEDS)
def test_small_layers_agree_with_their_dense_matrix(seed: int) -> None:
    rng = np.random.default_rng([seed, 8])
    layer = random_layer(rng, 1, 8)
    decision = decided(layer, time_limit=30)
    whole = monic.decide(dense(layer), time_limit=30)
    assert decision.verdict is whole.verdict
    cover = windows(layer)
    if cover.certificate is not None:
        monic.check(cover.certificate, layer)
        assert whole.verdict is INJECTIVE


@pytest.mark.parametrize("seed", SEEDS)
def test_ranks_of_filters_agree_with_dense_rank(seed: int) -> None:
    rng = np.random.default_rng([seed, 100])
    step = small_convolution(rng, 30, 100)
    filters = np.arange(step.out_shape[0])
    wanted = rank(step.taps.matrix().toarray().astype(int).tolist()) == step.in_dim
    assert column_rank(step.taps, filters).full is wanted
    layer = ReLULayer(Concat((step, ChannelScale(np.full(filters.size, -0.3), step))))
    decision = monic.decide(layer)
    assert decision.verdict is (INJECTIVE if wanted else NOT_INJECTIVE)
    assert decision.certificate is not None
    monic.check(decision.certificate, layer)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_ranks_around_a_circle(stride: int, seed: int) -> None:
    rng = np.random.default_rng([stride, seed])
    shape, filters = (2, 2 * stride, 2 * stride), 2 * stride**2
    kernel = rng.integers(-2, 3, (filters, 2, 3, 2)).astype(float)
    if seed % 2:  # every kernel adds up to 0 in each phase: constants are lost
        kernel -= kernel.mean(axis=(1, 2, 3), keepdims=True)
        kernel = np.round(kernel * 12)
        kernel[:, 0, 0, 0] -= kernel.sum(axis=(1, 2, 3))
    padding = ((1, 1), (1, 0))
    grid = Geometry(shape, stride=stride, padding=padding, mode="circular")
    taps = Convolution(kernel, Input(int(np.prod(shape))), grid).taps
    assert is_circulant(taps)
    wanted = rank(taps.matrix().toarray().astype(int).tolist()) == int(np.prod(shape))
    assert column_rank(taps, np.arange(filters)).full is wanted


def test_biases_of_pairs_must_not_leave_a_gap() -> None:
    y = Convolution(np.array([[[1.0, 2.0]]]), Input(4), Geometry((1, 4), padding=((0, 1),)))
    for bias, verdict in ((-0.5, INJECTIVE), (-0.5 - 2**-40, NOT_INJECTIVE)):
        other = Shift(np.array([bias]), Scale(np.array([-0.5]), y))
        decision = decided(ReLULayer(Concat((Shift(np.array([1.0]), y), other))))
        assert decision.verdict is verdict


def test_rounded_opposite_filters_are_not_paired() -> None:
    kernel = np.random.default_rng(0).standard_normal((2, 1, 2))
    exact = np.concatenate([kernel, -0.5 * kernel])
    rounded = np.concatenate([kernel, -0.3 * kernel])
    grid = Geometry((1, 5), padding=((0, 1),))
    found = [blocks(Convolution(k, Input(5), grid)) for k in (exact, rounded)]
    assert [len(find_pairs(f or []).pairs) for f in found] == [2, 0]


def test_too_few_pairs_prove_nothing() -> None:
    y = Convolution(np.ones((1, 2, 1)), Input(8), Geometry((2, 4)))
    layer = ReLULayer(Concat((y, Scale(np.array([-1.0]), y))))
    pairs = find_pairs(blocks(layer.map) or [])
    assert prove_pairs(pairs, 8, Problem(layer).subject) is None
    assert decided(layer).verdict is NOT_INJECTIVE


@pytest.mark.thorough
def test_large_layers_are_decided_without_their_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise AssertionError("the matrix was written out")

    monkeypatch.setattr("monic.model.affine.AffineMap.exact", refuse)
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((32, 16, 3, 3)).astype(np.float32)
    step = Convolution(kernel, Input(65536), Geometry((16, 64, 64), padding=1))
    for domain in (WholeSpace(), Orthant()):
        layer = ReLULayer(step, domain=domain)
        decision = monic.decide(layer)
        assert decision.verdict is NOT_INJECTIVE
        assert decision.method == "counting"
        assert decision.certificate is not None
        assert len(decision.certificate.header["evidence"]["x"]) == 65536
    up = TransposedConvolution(
        rng.standard_normal((16, 4, 3, 3)),
        Input(65536),
        Geometry((16, 64, 64), stride=2, padding=1, output_padding=1),
    )
    layer = ReLULayer(Concat((up, ChannelScale(np.array([-0.1, -0.2, -0.3, -0.7]), up))))
    decision = monic.decide(layer)
    assert decision.verdict is INJECTIVE
    assert decision.method == "paired filters"


@pytest.mark.thorough
def test_a_large_layer_that_meets_every_limit_says_which() -> None:
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((512, 8, 3, 3))
    step = Convolution(kernel, Input(8192), Geometry((8, 32, 32), padding=1))
    decision = monic.decide(ReLULayer(step), time_limit=5)
    assert decision.verdict is UNDECIDED
    for words in ("fewer than n = 8,192 active rows", "windows", "524,288 x 8,192 is too large"):
        assert words in decision.reason


@pytest.mark.parametrize("groups", [1, 2])
def test_windows_of_opposite_filters(groups: int) -> None:
    rng = np.random.default_rng(0)
    kernel = rng.integers(-3, 4, (4 * groups, 2, 2, 2)).astype(float)
    grid = Geometry((2 * groups, 6, 6), groups=groups)
    y = Convolution(kernel, Input(72 * groups), grid)
    layer = ReLULayer(Concat((y, Scale(np.array([-0.7]), y))))
    found = blocks(layer.map) or []
    subject = Problem(layer).subject
    cover = prove_paired_windows(layer, found, find_pairs(found), subject)
    assert cover.size == (4, 4)  # 9 x 4 rows inside for 16 x 2 entries; 3 x 3 has 16 for 18
    assert cover.certificate is not None
    monic.check(cover.certificate, layer)
    # kernels that add up to 0 lose constants inside every window
    kernel[:, 0, 0, 0] -= kernel.sum(axis=(1, 2, 3))
    flat = Convolution(kernel, y.of, grid)
    blind = ReLULayer(Concat((flat, Scale(np.array([-0.7]), flat))))
    found = blocks(blind.map) or []
    cover = prove_paired_windows(blind, found, find_pairs(found), Problem(blind).subject)
    assert cover.certificate is None


def test_the_last_map_of_a_generator_loses_vectors_at_one_position() -> None:
    kernel = np.random.default_rng(0).standard_normal((32, 3, 3, 3)).astype(np.float32)
    grid = Geometry((32, 16, 16), stride=2, padding=1, output_padding=1)
    step = TransposedConvolution(kernel, Input(8192), grid)
    stage = Stage("last", step, Activation.TANH)
    decision = decide_affine(step, Orthant())
    assert decision.verdict is NOT_INJECTIVE
    assert decision.collision is not None
    x, other = (np.array(p, float) for p in (decision.collision.x, decision.collision.other))
    assert np.allclose(step.taps.apply(x), step.taps.apply(other))
    assert decision.certificate is not None
    monic.check(decision.certificate, stage)


@pytest.mark.thorough
def test_a_large_affine_map_that_loses_nothing_at_one_position_is_undecided() -> None:
    kernel = np.ones((2, 1, 2, 2))
    step = Convolution(kernel, Input(4096), Geometry((1, 64, 64)))
    decision = decide_affine(step, WholeSpace())
    assert decision.verdict is UNDECIDED
    assert "beyond the limit" in decision.reason


def test_affine_steps_between_convolutions_are_left_to_counting() -> None:
    rng = np.random.default_rng(0)
    inner = Convolution(rng.standard_normal((8, 8, 3, 3)), Input(2048), Geometry((8, 16, 16)))
    outer = Convolution(
        rng.standard_normal((12, 8, 3, 3)), inner, Geometry((8, 14, 14), padding=1)
    )
    decision = monic.decide(ReLULayer(outer))
    assert decision.verdict is NOT_INJECTIVE
    assert decision.method == "counting"
    assert decision.certificate is not None
    monic.check(decision.certificate, ReLULayer(outer))


def test_points_are_found_through_other_steps_too() -> None:
    rng = np.random.default_rng(0)
    layer = ReLULayer(Product(rng.standard_normal((40, 20)), rng.standard_normal((20, 20))))
    found = sparse_point(layer, seed=0, seconds=None)
    assert found is not None
    point, active = found
    problem = Problem(layer)
    assert sum(value >= 0 for value in problem.values(point)) <= active < 20
