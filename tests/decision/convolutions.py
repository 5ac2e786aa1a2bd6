"""Layers over small convolutions of every kind, and the same as dense layers; for tests."""

import numpy as np

from monic.decision.convolution.blocks import blocks
from monic.decision.convolution.cover import Cover
from monic.decision.convolution.windows import prove_windows
from monic.decision.problem import Problem
from monic.model import (
    AffineMap,
    Ball,
    Box,
    ChannelScale,
    ChannelShift,
    Concat,
    Domain,
    Orthant,
    ReLULayer,
    WholeSpace,
)
from monic.model.convolution import ConvolutionMap
from tests.model.test_convolution import random_convolution

__all__ = ["dense", "random_layer", "small_convolution", "windows"]


def small_convolution(rng: np.random.Generator, low: int, high: int) -> ConvolutionMap:
    """Returns a convolution of any kind with low <= n <= high, in half of the cases ternary."""
    while True:
        step = random_convolution(rng, int(rng.integers(1, 4)))
        if low <= step.in_dim <= high and step.out_dim <= 8 * high:
            break
    if rng.random() < 0.5:
        kernel = rng.integers(-1, 2, step.kernel.shape).astype(np.float64)
        step = type(step)(kernel, step.of, step.geometry)  # type: ignore[call-arg]
    return step


def random_layer(rng: np.random.Generator, low: int, high: int) -> ReLULayer:
    """Returns a layer over one convolution: alone, factored with opposite filters, or shifted."""
    step = small_convolution(rng, low, high)
    value: AffineMap = step
    filters = step.out_shape[0]
    kind = rng.integers(3)
    if kind == 1:
        scale = -rng.integers(1, 4, filters).astype(np.float64)
        value = Concat((step, ChannelScale(scale, step)))
    elif kind == 2:  # opposite filters written out, in any order within a group
        value = _written_out(rng, step)
    if rng.random() < 0.4:
        size = value.out_dim // step.taps.positions
        value = ChannelShift(rng.integers(-1, 3, size).astype(np.float64), value)
    return ReLULayer(value, domain=_domain(rng, step.in_dim))


def _written_out(rng: np.random.Generator, step: ConvolutionMap) -> ConvolutionMap:
    """The same convolution with opposite filters, each scaled by a power of two, shuffled."""
    kernel, groups = step.kernel, step.geometry.groups
    scale = 2.0 ** rng.integers(-2, 3)
    if kernel.shape == step.taps.kernel.shape and type(step).__name__ == "Convolution":
        parts = np.split(kernel, groups)
        kernel = np.concatenate(
            [rng.permutation(np.concatenate([part, -scale * part])) for part in parts]
        )
    else:
        kernel = np.concatenate([kernel, -scale * kernel], axis=1)
        kernel = kernel[:, rng.permutation(kernel.shape[1])]
    return type(step)(kernel, step.of, step.geometry)  # type: ignore[call-arg]


def _domain(rng: np.random.Generator, n: int) -> Domain:
    kinds: list[Domain] = [WholeSpace(), WholeSpace(), Orthant(), Ball(1.5)]
    kinds.append(Box(np.full(n, -1.0), np.where(rng.random(n) < 0.3, np.inf, 2.0)))
    return kinds[rng.integers(len(kinds))]


def dense(layer: ReLULayer) -> ReLULayer:
    """Returns the same layer with its matrix written out; its entries are short."""
    exact = layer.map.exact()
    unit = 2.0**exact.exponent
    weight = np.array(exact.weight.tolist(), dtype=np.float64) * unit
    bias = np.array([int(b) for b in exact.bias.entries()], dtype=np.float64) * unit
    return ReLULayer(weight, bias, layer.domain)


def windows(layer: ReLULayer, seconds: float = 5.0) -> Cover:
    """Returns what windows alone prove about a layer."""
    found = blocks(layer.map)
    assert found is not None, "the tests' layers are made of filters"
    return prove_windows(layer, found, Problem(layer).subject, seconds)
