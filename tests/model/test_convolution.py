"""Convolutions against torch in float64 with integer kernels, which floats add up exactly."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as tf
from hypothesis import given
from hypothesis import strategies as st

from monic.errors import LayerError, TooLarge
from monic.model.affine import AffineMap, Input, Linear, Shift
from monic.model.channels import ChannelScale, ChannelShift
from monic.model.convolution import Convolution, ConvolutionMap, TransposedConvolution
from monic.model.grid import Geometry

CONVOLUTIONS = {1: tf.conv1d, 2: tf.conv2d, 3: tf.conv3d}
TRANSPOSED = {1: tf.conv_transpose1d, 2: tf.conv_transpose2d, 3: tf.conv_transpose3d}
TORCH_MODES = {"zero": "constant", "circular": "circular", "reflect": "reflect"}
TORCH_MODES["replicate"] = "replicate"


def random_convolution(rng: np.random.Generator, axes: int) -> ConvolutionMap:
    """Returns a convolution of any kind with integer entries."""
    while True:
        try:
            return _attempt(rng, axes)
        except LayerError:  # no output, or a border too wide to reflect
            continue


def _attempt(rng: np.random.Generator, axes: int) -> ConvolutionMap:
    groups = int(rng.integers(1, 3))
    spatial = tuple(int(s) for s in rng.integers(2, 6, axes))
    shape = (groups * int(rng.integers(1, 3)), *spatial)
    transposed = rng.random() < 0.4
    stride = tuple(int(s) for s in rng.integers(1, 4, axes))
    dilation = tuple(int(s) for s in rng.integers(1, 3, axes))
    padding = tuple(tuple(int(p) for p in pair) for pair in rng.integers(0, 3, (axes, 2)))
    taps = tuple(int(s) for s in rng.integers(1, 5, axes))
    filters = groups * int(rng.integers(1, 3))
    options: dict[str, Any] = {"stride": stride, "dilation": dilation, "groups": groups}
    if transposed:
        padding = tuple((low, low) for low, _ in padding)
        extra = tuple(int(rng.integers(max(s, d))) for s, d in zip(stride, dilation, strict=True))
        geometry = Geometry(shape, padding=padding, output_padding=extra, **options)
        kernel = rng.integers(-9, 10, (shape[0], filters // groups, *taps)).astype(np.float64)
        return TransposedConvolution(kernel, Input(int(np.prod(shape))), geometry)
    mode = str(rng.choice(list(TORCH_MODES)))
    geometry = Geometry(shape, padding=padding, mode=mode, **options)
    kernel = rng.integers(-9, 10, (filters, shape[0] // groups, *taps)).astype(np.float64)
    return Convolution(kernel, Input(int(np.prod(shape))), geometry)


def by_torch(step: ConvolutionMap, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns the step's value at x, by torch."""
    geometry, axes = step.geometry, len(step.geometry.spatial)
    value = torch.tensor(x.reshape(1, *geometry.shape), dtype=torch.float64)
    kernel = torch.tensor(np.array(step.kernel, dtype=np.float64))
    options: dict[str, Any] = {
        "stride": geometry.stride,
        "dilation": geometry.dilation,
        "groups": geometry.groups,
    }
    if isinstance(step, TransposedConvolution):
        cropped = tuple(low for low, _ in geometry.pairs)
        extra = geometry.output_padding
        options |= {"padding": cropped, "output_padding": extra}
        found = TRANSPOSED[axes](value, kernel, **options)
        return np.asarray(found.numpy()[0].reshape(-1))
    borders = [side for pair in reversed(geometry.pairs) for side in pair]
    padded = tf.pad(value, borders, mode=TORCH_MODES[geometry.mode])
    found = CONVOLUTIONS[axes](padded, kernel, **options)
    return np.asarray(found.numpy()[0].reshape(-1))


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("seed", range(40))
def test_agrees_with_torch(axes: int, seed: int) -> None:
    rng = np.random.default_rng([seed, axes])
    step = random_convolution(rng, axes)
    x = rng.integers(-9, 10, step.in_dim).astype(np.float64)
    y = rng.integers(-9, 10, step.out_dim).astype(np.float64)
    wanted = by_torch(step, x)
    assert np.array_equal(step.taps.apply(x), wanted)
    assert step.taps.apply(x) @ y == x @ step.taps.adjoint(y)
    assert np.array_equal(step.taps.matrix() @ x, wanted)
    exact = step.exact()
    dense = np.array(exact.weight.tolist(), dtype=np.float64) * 2.0**exact.exponent
    assert np.array_equal(dense @ x, wanted)
    assert np.array_equal(dense.T @ y, step.taps.adjoint(y))


@pytest.mark.parametrize("seed", range(20))
def test_rows_and_places(seed: int) -> None:
    rng = np.random.default_rng(seed)
    step = random_convolution(rng, 1 + seed % 3)
    dense = step.taps.matrix().toarray()
    for row in rng.integers(0, step.out_dim, 5).tolist():
        filter, position = step.taps.place(row)
        entries = step.taps.row(filter, position)
        wanted = {j: Fraction(dense[row, j]) for j in np.flatnonzero(dense[row]).tolist()}
        assert entries == wanted
        assert np.ravel_multi_index((filter, *position), step.out_shape) == row


def test_pattern_of_some_filters_is_a_part_of_the_matrix() -> None:
    step = Convolution(
        np.arange(24.0).reshape(4, 2, 3) - 7, Input(20), Geometry((4, 5), groups=2, padding=1)
    )
    pattern = step.taps.pattern(np.array([3, 1]))
    part = np.zeros((10, 20))
    np.add.at(part, (pattern.rows, pattern.columns), step.kernel.reshape(-1)[pattern.places])
    whole = step.taps.matrix().toarray()
    assert np.array_equal(part, np.concatenate([whole[15:20], whole[5:10]]))


def test_exact_entries_beyond_float() -> None:
    step = Convolution(np.array([[[2.0**60, 2.0**-60]]]), Input(2), Geometry((1, 2)))
    exact = step.exact()
    assert exact.exponent == -60
    assert exact.weight.tolist() == [[2**120, 1]]
    assert step.taps.row(0, (0,)) == {0: Fraction(2**60), 1: Fraction(1, 2**60)}


def test_composes_after_other_steps() -> None:
    inner = ChannelScale(np.array([2.0, -1.0]), Input(6))
    step = ChannelShift(np.array([5.0]), Convolution(np.ones((1, 2, 3)), inner, Geometry((2, 3))))
    exact = step.compose(ChannelShift(np.array([1.0]), Input(6))).exact()
    assert exact.weight.tolist() == [[2, 2, 2, -1, -1, -1]]
    assert exact.bias.tolist() == [[8]]


@given(st.integers(1, 4), st.integers(1, 5), st.booleans())
def test_one_number_a_channel_repeats(channels: int, size: int, negative: bool) -> None:
    vector = np.arange(1.0, channels + 1)
    shift = ChannelShift(vector, Input(channels * size), negative).exact()
    scale = ChannelScale(vector, Input(channels * size)).exact()
    wanted = np.repeat(vector, size).astype(int).tolist()
    assert [int(b) for b in shift.bias.entries()] == [-b if negative else b for b in wanted]
    assert [int(scale.weight[i, i]) for i in range(channels * size)] == wanted


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Geometry((3,)), "1 to 3 spatial axes"),
        (lambda: Geometry((3, 4), stride=0), "at least 1 for stride"),
        (lambda: Geometry((3, 4), groups=2), "divide the 3 channels"),
        (lambda: Geometry((3, 4), mode="same"), "padding mode"),
        (lambda: Geometry((3, 4), padding=((1, 2, 3),)), "pair"),
        (lambda: Geometry((3, 4), padding=(1, 1)), "each of 1 axes"),
        (lambda: Geometry((3, 4), padding=4, mode="reflect"), "reflecting padding below 4"),
        (lambda: Geometry((3, 4), padding=5, mode="circular"), "circular padding of at most 4"),
        (lambda: Convolution(np.ones((1, 1, 5)), Input(4), Geometry((1, 4))), "an output along"),
        (lambda: Convolution(np.ones((1, 2, 1)), Input(4), Geometry((1, 4))), r"\(filters, 1"),
        (lambda: Convolution(np.ones((1, 1, 1)), Input(5), Geometry((1, 4))), "4 numbers. Got 5"),
        (lambda: Convolution(np.ones((1, 1, 1, 1)), Input(4), Geometry((1, 4))), "3 dimensions"),
        (lambda: Convolution(np.ones((1, 2)), Input(4), Geometry((1, 4))), r"\(filters, 1"),
        (
            lambda: Convolution(np.ones((1, 1, 1)), Input(4), Geometry((1, 4), output_padding=1)),
            "only transposed",
        ),
        (
            lambda: TransposedConvolution(
                np.ones((1, 1, 1)), Input(4), Geometry((1, 4), mode="reflect")
            ),
            "mode 'zero'",
        ),
        (lambda: ChannelShift(np.ones(2), Input(3)), "each channel of 3"),
    ],
)
def test_refuses_what_does_not_fit(make: Any, message: str) -> None:
    with pytest.raises(LayerError, match=message):
        make()


def test_large_convolutions_are_not_written_out() -> None:
    step = Convolution(np.ones((256, 64, 3, 3)), Input(65536), Geometry((64, 32, 32), padding=1))
    with pytest.raises(TooLarge, match="without its matrix"):
        step.exact()
    small = Convolution(np.ones((4, 1, 3)), Input(2000), Geometry((1, 2000), padding=1))
    with pytest.raises(LayerError, match="8,000 x 2,000 after a map of 2,000"):
        small.exact()
    with pytest.raises(LayerError, match="apply and adjoint"):
        step.taps.matrix()
    assert step.taps.apply(np.ones(65536))[33] == 64 * 9


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("seed", range(12))
def test_a_map_of_few_inputs_is_walked_over(
    axes: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a matrix of the convolution, and with the same result."""
    rng = np.random.default_rng([seed, axes, 7])
    step = random_convolution(rng, axes)
    inner: AffineMap = Linear(rng.standard_normal((step.in_dim, 2)), Input(2))
    if seed % 2:
        inner = Shift(rng.standard_normal(step.in_dim), inner)
    value = step.after(inner)
    wanted = value.exact()
    monkeypatch.setattr("monic.model.convolution.ENTRIES", 2 * step.out_dim)
    found = value.exact()
    assert found.weight == wanted.weight
    assert (found.bias, found.power, found.divisor) == (wanted.bias, wanted.power, wanted.divisor)


def test_a_large_convolution_behind_few_inputs_is_written_out() -> None:
    geometry = Geometry((128, 4, 4), stride=2, padding=1)
    kernel = np.random.default_rng(0).standard_normal((128, 65, 4, 4))
    inner = Linear(np.random.default_rng(1).standard_normal((2048, 5)), Input(5))
    step = TransposedConvolution(kernel, inner, geometry)
    exact = step.exact()
    assert (exact.weight.nrows(), exact.weight.ncols()) == (4160, 5)
    x = np.array([1.0, -2.0, 3.0, 0.5, -1.0])
    wanted = step.taps.apply(inner.matrix @ x)
    rows = np.array([[int(t) * 2.0**exact.exponent for t in row] for row in exact.weight.tolist()])
    np.testing.assert_allclose(rows @ x, wanted, rtol=1e-9, atol=1e-9)
