"""Convolutions: certified singular values against dense matrices, and bounds of whole layers."""

from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import pytest

from monic.bounds import bound, convolution, operator
from monic.bounds.change import Change
from monic.bounds.compare import compare
from monic.bounds.convolution import bound_convolution, is_wide_convolution
from monic.bounds.filters import Outputs
from monic.bounds.inverse_lipschitz import ratio_at
from monic.bounds.operator import singular_values
from monic.bounds.subject import Subject
from monic.bounds.weighted import Weighted
from monic.decision.convolution.filters import filters_of
from monic.inversion.chain import float_affine
from monic.model import (
    Box,
    ChannelScale,
    ChannelShift,
    Concat,
    Convolution,
    Geometry,
    Input,
    Network,
    Quotient,
    ReLULayer,
    Scale,
    Select,
    Shift,
    Stage,
    TransposedConvolution,
    WholeSpace,
)
from monic.model.affine import AffineMap
from monic.model.convolution import ConvolutionMap
from monic.model.domain import Domain

CASES: dict[str, tuple[tuple[int, ...], int, dict[str, Any]]] = {
    "zero": ((3, 8, 6), 5, {"padding": ((1, 1), (1, 1))}),
    "strided": ((2, 9, 9), 10, {"padding": ((1, 1), (1, 1)), "stride": 2}),
    "circular": ((3, 6, 4), 4, {"padding": ((1, 1), (1, 1)), "mode": "circular"}),
    "circular-strided": (
        (2, 6, 8),
        10,
        {"padding": ((1, 1), (1, 1)), "mode": "circular", "stride": 2},
    ),
    "reflected": ((2, 6, 5), 4, {"padding": ((1, 1), (1, 1)), "mode": "reflect"}),
    "grouped": ((4, 6, 6), 6, {"padding": ((1, 1), (1, 1)), "groups": 2}),
    "one axis": ((2, 40), 3, {"padding": ((1, 1),)}),
}


def step(name: str, seed: int = 0) -> ConvolutionMap:
    shape, filters, options = CASES[name]
    rng = np.random.default_rng(seed)
    width = shape[0] // options.get("groups", 1)
    kernel = rng.standard_normal((filters, width, *(3,) * (len(shape) - 1)))
    return Convolution(kernel, Input(prod(shape)), Geometry(shape, **options))


def transposed(seed: int = 0, stride: int = 2) -> ConvolutionMap:
    rng = np.random.default_rng(seed)
    shape = (3, 4, 5)
    geometry = Geometry(shape, stride=stride, padding=((1, 1), (1, 1)))
    return TransposedConvolution(rng.standard_normal((3, 2, 4, 4)), Input(prod(shape)), geometry)


def dense(weighted: Weighted) -> np.ndarray:
    taps = weighted.taps
    table = taps.matrix().toarray().reshape(taps.out_shape[0], -1, prod(taps.shape))
    scaled = table[weighted.filters] * weighted.weights[:, None, None]
    return np.asarray(scaled.reshape(-1, prod(taps.shape)))


@pytest.mark.parametrize("name", [*CASES, "transposed"])
def test_singular_values_against_a_dense_matrix(name: str) -> None:
    scale = 1e-160 if name in ("zero", "circular") else 1e140 if name == "strided" else 1.0
    inner = transposed() if name == "transposed" else step(name)
    count = inner.taps.out_shape[0]
    weights = np.random.default_rng(1).uniform(0.5, 2.0, count)
    values = np.linalg.svd(dense(Weighted(inner.taps, np.arange(count), weights)), False)[1]
    found = singular_values(Weighted(inner.taps, np.arange(count), scale * weights))
    assert found.smallest.lower <= values[-1] * scale * (1 + 1e-12)
    assert found.smallest.upper >= values[-1] * scale * (1 - 1e-12)
    assert found.largest >= values[0] * scale * (1 - 1e-12)
    assert found.smallest.gap <= 1e-4
    assert found.largest <= values[0] * scale * 1.001


@pytest.mark.parametrize("name", ["zero", "circular"])
def test_a_lost_direction_is_never_bounded_away(name: str) -> None:
    """Two channels with one kernel: the operator does not see their difference."""
    inner = step(name)
    kernel = np.array(inner.kernel)
    kernel[:, 1] = kernel[:, 0]
    lost = Convolution(kernel, inner.of, inner.geometry)
    count = kernel.shape[0]
    found = singular_values(Weighted(lost.taps, np.arange(count), np.ones(count)))
    assert found.smallest.lower == 0.0


def test_nearly_lost_directions() -> None:
    """Towards rounding the proof gives up, and never goes wrong."""
    for power in range(2, 18, 3):
        inner = step("zero")
        kernel = np.array(inner.kernel)
        kernel[:, 1] = kernel[:, 0] + 10.0**-power * kernel[:, 1]
        near = Convolution(kernel, inner.of, inner.geometry)
        weighted = Weighted(near.taps, np.arange(5), np.ones(5))
        least = np.linalg.svd(dense(weighted), compute_uv=False)[-1]
        found = singular_values(weighted)
        assert found.smallest.lower <= least * (1 + 1e-6) + 1e-14
        assert power > 2 or found.smallest.lower > 0.9 * least


def test_fewer_rows_than_inputs_span_nothing() -> None:
    inner = step("zero")
    found = singular_values(Weighted(inner.taps, np.arange(2), np.ones(2)))
    assert (found.smallest.lower, found.smallest.upper) == (0.0, 0.0)


EVERYWHERE = WholeSpace()


def paired(inner: AffineMap, d: float = 1.0, domain: Domain = EVERYWHERE) -> ReLULayer:
    return ReLULayer(Concat((inner, Scale(np.array([-d]), inner))), domain=domain)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "d"), [*((name, 1.0) for name in (*CASES, "transposed")), ("zero", 0.25)]
)
def test_layers_against_their_dense_matrix(name: str, d: float) -> None:
    """The dense road: the weighted rows of the lemma, and pairs of inputs drawn at random."""
    inner = transposed() if name == "transposed" else step(name)
    layer = paired(inner, d)
    found = bound_convolution(layer, time_limit=None, seed=0)
    count = inner.taps.out_shape[0]
    weights = np.full(count, d / np.sqrt(1 + d * d))
    table = dense(Weighted(inner.taps, np.arange(count), weights))
    lemma = np.linalg.svd(table, compute_uv=False)[-1]
    kappa = found.inverse_lipschitz
    assert kappa.lower == pytest.approx(lemma, rel=1e-4)
    assert kappa.lower <= lemma * (1 + 1e-12)
    assert found.pair is not None
    if d == 1.0:
        assert kappa.gap <= 1e-3, "halfway along its least direction every pair is crossed"
        assert found.lipschitz.gap <= 1e-2
    rng = np.random.default_rng(0)
    outputs = table * np.sqrt(1 + d * d) / d
    for size in (1e-3, 1.0, 30.0):
        x, y = rng.standard_normal((2, layer.shape[1])) * np.array([[1.0], [size]])
        ends = [np.concatenate([outputs @ p, -d * (outputs @ p)]) for p in (x, x + y)]
        change = np.linalg.norm(np.maximum(ends[0], 0) - np.maximum(ends[1], 0))
        ratio = change / np.linalg.norm(y)
        assert kappa.lower <= ratio * (1 + 1e-9)
        assert found.lipschitz.upper >= ratio * (1 - 1e-9)


@pytest.mark.parametrize("name", ["zero", "circular"])
def test_ratios_are_rounded_outward(name: str) -> None:
    """Against exact arithmetic."""
    inner = step(name)
    layer = paired(ChannelShift(np.full(inner.taps.out_shape[0], 0.3), inner), 0.5)
    found = filters_of(layer.map)
    assert found is not None
    outputs, subject = Outputs(layer, Change(found)), Subject(layer)
    rng = np.random.default_rng(0)
    for size in (1e-6, 1.0):
        x = rng.standard_normal(layer.shape[1])
        ends = [
            tuple(map(Fraction, p.tolist())) for p in (x, x + size * rng.standard_normal(x.size))
        ]
        exact = ratio_at(subject, ends[0], ends[1])
        assert (
            outputs.ratio_below(ends[0], ends[1]) <= exact <= outputs.ratio_above(ends[0], ends[1])
        )
        assert outputs.ratio_above(ends[0], ends[1]) <= exact * (1 + 1e-5)


def test_square_convolutions_have_the_exact_formula() -> None:
    rng = np.random.default_rng(0)
    geometry = Geometry((2, 6, 6), padding=((1, 1), (1, 1)), mode="circular")
    inner = Convolution(rng.standard_normal((2, 2, 3, 3)), Input(72), geometry)
    found = bound(paired(inner, 0.5))
    assert found.method == "exact formula"
    assert found.inverse_lipschitz.gap <= 1e-5
    assert found.pair is not None
    assert found.pair.ratio == pytest.approx(found.inverse_lipschitz.upper, rel=1e-3)


@pytest.mark.thorough
def test_biases_that_cover_and_biases_that_do_not() -> None:
    inner = step("one axis")
    shift = ChannelShift(np.full(3, 0.5), Scale(np.array([-1.0]), inner))
    wide = bound(ReLULayer(Concat((inner, shift))))
    assert wide.method == "paired filters"
    assert wide.inverse_lipschitz.lower > 0
    growth = np.sqrt(2) * np.linalg.svd(inner.taps.matrix().toarray(), compute_uv=False)[0]
    assert wide.lipschitz.upper >= growth * (1 - 1e-9), "both rows of a pair may be active at once"
    gap = ChannelShift(np.full(3, -0.5), Scale(np.array([-1.0]), inner))
    found = bound(ReLULayer(Concat((inner, gap))))
    assert found.inverse_lipschitz.lower == 0.0


def test_domains() -> None:
    inner = step("zero")
    n = inner.taps.matrix().shape[1]
    box = Box(np.full(n, 3.0), np.full(n, 4.0))
    found = bound(paired(inner, domain=box))
    assert found.pair is not None
    assert all(box.contains(end) for end in (found.pair.x, found.pair.other))
    assert found.method == "paired filters"


def test_layers_that_lose_a_direction_read_zero() -> None:
    inner = step("zero")
    kernel = np.array(inner.kernel)
    kernel[:, 1] = kernel[:, 0]
    found = bound(paired(Convolution(kernel, inner.of, inner.geometry)))
    assert (found.inverse_lipschitz.lower, found.inverse_lipschitz.upper) == (0.0, 0.0)
    assert found.collision is not None


def test_what_is_too_large_is_estimated_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator, "BAND", 1)
    found = bound(paired(step("zero")))
    assert found.inverse_lipschitz.lower == 0.0
    assert found.limit is not None
    assert "too large to be factorised" in found.limit
    assert found.estimate is not None
    assert found.estimate.seed == 0
    assert found.estimate.value == pytest.approx(
        np.linalg.svd(step("zero").taps.matrix().toarray(), compute_uv=False)[-1] / np.sqrt(2)
    )


def test_interrupts_leave_valid_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(convolution, "singular_values", interrupted)
    found = bound(paired(step("zero")))
    assert found.limit is not None
    assert found.limit.startswith("interrupted")
    assert found.inverse_lipschitz.lower == 0.0 < found.inverse_lipschitz.upper


def test_the_comparison_does_not_write_the_matrix_out() -> None:
    layer = paired(step("zero"))
    claims = compare(layer, bound(layer))
    assert claims[0].source == "monic"
    assert "not computed" in claims[-1].note
    assert claims[1].lower is not None
    assert claims[0].lower is not None
    assert claims[1].lower < claims[0].lower


@pytest.mark.thorough
def test_networks_of_large_convolutions_are_not_sampled() -> None:
    geometry = Geometry((4, 24, 24), padding=1)
    kernel = np.random.default_rng(0).standard_normal((8, 4, 3, 3))
    inner = Convolution(kernel, Input(4 * 24 * 24), geometry)
    network = Network([Stage("up", paired(inner).map)])
    found = bound(network)
    assert found.samples == 0
    assert 0 < found.inverse_lipschitz.lower < found.inverse_lipschitz.upper


def test_small_convolutions_stay_with_the_dense_methods() -> None:
    inner = Convolution(np.ones((1, 1, 1)), Input(4), Geometry((1, 4)))
    assert not is_wide_convolution(paired(inner))
    assert is_wide_convolution(paired(step("zero")))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("up", [False, True])
def test_layers_of_a_generator(up: bool) -> None:
    """4,096 inputs, in a minute or two."""
    rng = np.random.default_rng(0)
    if up:
        geometry = Geometry((64, 8, 8), stride=2, padding=((1, 1), (1, 1)))
        kernel = rng.standard_normal((64, 32, 4, 4)) / 16
        found = bound(paired(TransposedConvolution(kernel, Input(4096), geometry)))
    else:
        geometry = Geometry((16, 16, 16), padding=((1, 1), (1, 1)))
        kernel = rng.standard_normal((64, 16, 3, 3)) / 12
        found = bound(paired(Convolution(kernel, Input(4096), geometry)))
    assert found.inverse_lipschitz.lower > 0.1
    assert found.inverse_lipschitz.gap <= 1e-3
    assert found.seconds <= 240


STD = {
    "even": np.array([0.229, -0.224, 0.225]),
    "one number": np.array([255.0]),
    "uneven": np.zeros(0),  # one number an entry
}


def changed(name: str, std: str, domain: Domain) -> ReLULayer:
    """A layer [C; -C] of (x - mean) / std, its input and its rows in another order."""
    inner, rng = step(name), np.random.default_rng(1)
    size = inner.in_dim
    order = rng.permutation(size).tolist()
    x = Shift(rng.standard_normal(size), Select(order, Input(size)), negative=True)
    numbers = STD[std] if std != "uneven" else np.where(np.arange(size) % 3, 0.5, 1.0)
    filters = inner.after(Quotient(numbers, x))
    rows = Concat((filters, Scale(np.array([-1.0]), filters)))
    return ReLULayer(Select(rng.permutation(rows.out_dim).tolist(), rows), domain=domain)


@pytest.mark.thorough
@pytest.mark.parametrize("std", STD)
@pytest.mark.parametrize("name", ["zero", "circular"])
def test_bounds_see_through_changes_of_input_and_rows(name: str, std: str) -> None:
    """Against the singular values of the dense matrix, and pairs evaluated exactly."""
    layer = changed(name, std, WholeSpace())
    found = bound_convolution(layer, time_limit=5.0, seed=0)
    assert found.method == "paired filters"
    filters = filters_of(layer.map)
    assert filters is not None
    first = np.concatenate(filters.places[: len(filters.blocks) // 2])
    dense = float_affine(layer.map, "layer")[0]
    values = np.linalg.svd(np.sqrt(0.5) * dense[first], compute_uv=False)
    kappa = found.inverse_lipschitz
    assert kappa.lower <= values[-1] * (1 + 1e-9)
    assert kappa.lower >= values[-1] * (0.999 if std != "uneven" else 0.49)
    assert found.lipschitz.upper >= values[0] * np.sqrt(2) * (1 - 1e-9)
    assert found.pair is not None
    ratio = ratio_at(Subject(layer), found.pair.x, found.pair.other)
    assert kappa.lower <= ratio <= found.pair.ratio
    if std != "uneven":
        assert kappa.gap <= 1e-3


def test_values_of_changed_inputs_are_rounded_outward() -> None:
    layer = changed("zero", "even", WholeSpace())
    found = filters_of(layer.map)
    assert found is not None
    outputs, subject = Outputs(layer, Change(found)), Subject(layer)
    rng = np.random.default_rng(0)
    for size in (1e-9, 1e-3, 30.0):
        x = rng.standard_normal(layer.shape[1])
        other = x + size * rng.standard_normal(x.size)
        ends = [tuple(map(Fraction, p.tolist())) for p in (x, other)]
        exact = ratio_at(subject, ends[0], ends[1])
        low, high = outputs.ratio_below(*ends), outputs.ratio_above(*ends)
        assert low <= exact <= high


def test_scales_that_floats_cannot_hold_leave_no_bound() -> None:
    inner = step("zero")
    filters = inner.after(ChannelScale(np.array([2.0**-1000]), Input(inner.in_dim)))
    layer = ReLULayer(Concat((filters, Scale(np.array([-0.5]), filters))))
    found = bound_convolution(layer, time_limit=5.0, seed=0)
    assert found.inverse_lipschitz.lower == 0
    assert found.limit == "its input is scaled by numbers that floats round off"
