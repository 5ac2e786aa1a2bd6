"""A second implementation of what a network computes: float64, with torch's convolutions."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from monic.model import (
    Activation,
    AffineMap,
    Centre,
    ChannelScale,
    ChannelShift,
    Combine,
    Concat,
    Convolution,
    Input,
    Linear,
    Network,
    Quotient,
    Scale,
    Select,
    Shift,
    Stage,
    Sum,
    TransposedConvolution,
)
from monic.model.array import Array
from monic.model.normalization import Normalization

__all__ = ["outputs"]


def outputs(network: Network, x: Array) -> Array:
    """The outputs at one input, flattened."""
    values: Array = np.asarray(x, dtype=np.float64).reshape(-1)
    for stage in network.stages:
        values = _staged(stage, _mapped(stage.map, values))
    return values


def _mapped(value: AffineMap, x: Array) -> Array:
    known: dict[int, Array] = {}
    for step in value.steps():
        if isinstance(step, Input):
            known[id(step)] = x
        else:
            parts = [known[id(part)] for part in step.parts()]
            known[id(step)] = _STEPS[type(step)](step, *parts)
    return known[id(value)]


def _spread(vector: Any, size: int) -> Array:
    """One number for each of equal parts, as one for each entry."""
    flat = np.asarray(vector).astype(np.float64).reshape(-1)
    return np.repeat(flat, size // flat.size)


def _linear(step: Any, y: Array) -> Array:
    matrix = np.asarray(step.matrix).astype(np.float64)
    return (matrix.T if step.transposed else matrix) @ y


def _shift(step: Any, y: Array) -> Array:
    vector = _spread(step.vector, y.size)
    return y - vector if step.negative else y + vector


def _combine(step: Any, y: Array) -> Array:
    parts = y.reshape(step.times, -1)
    columns = [sum(float(w) * parts[:, j] for j, w in row) for row in step.rows]
    return np.stack([np.broadcast_to(column, step.times) for column in columns], -1).reshape(-1)


def _centre(step: Any, y: Array) -> Array:
    parts = y.reshape(step.groups, -1)
    centred: Array = parts - parts.mean(axis=1, keepdims=True)
    return centred.reshape(-1)


_WORDS = {"circular": "circular", "reflect": "reflect", "replicate": "replicate"}


def _convolution(step: Any, y: Array) -> Array:
    geometry, axes = step.geometry, len(step.geometry.spatial)
    image = torch.from_numpy(y.reshape(1, *geometry.shape).copy())
    ends = [end for pair in reversed(geometry.pairs) for end in pair]
    if geometry.mode == "zero":
        image = torch.nn.functional.pad(image, ends)
    else:
        image = torch.nn.functional.pad(image, ends, mode=_WORDS[geometry.mode])
    walk = [geometry.steps(axis) for axis in range(axes)]
    given = _torch(f"conv{axes}d")(
        image,
        _kernel(step, axes),
        stride=[w[0] for w in walk],
        dilation=[w[1] for w in walk],
        groups=geometry.groups,
    )
    return np.asarray(given.numpy()).reshape(-1)


def _transposed_convolution(step: Any, y: Array) -> Array:
    geometry, axes = step.geometry, len(step.geometry.spatial)
    image = torch.from_numpy(y.reshape(1, *geometry.shape).copy())
    walk = [geometry.steps(axis) for axis in range(axes)]
    given = _torch(f"conv_transpose{axes}d")(
        image,
        _kernel(step, axes),
        stride=[w[0] for w in walk],
        dilation=[w[1] for w in walk],
        groups=geometry.groups,
    ).numpy()[0]
    for axis, (before, after) in enumerate(geometry.pairs):  # what is cropped, and what is added
        more = [(0, 0)] * given.ndim
        more[axis + 1] = (0, walk[axis][2])
        whole = np.pad(given, more)
        given = np.take(whole, range(before, whole.shape[axis + 1] - after), axis + 1)
    return np.asarray(given).reshape(-1)


def _kernel(step: Any, axes: int) -> torch.Tensor:
    kernel = np.asarray(step.kernel).astype(np.float64)
    return torch.from_numpy(kernel.reshape(*kernel.shape, *[1] * (axes + 2 - kernel.ndim)))


def _torch(name: str) -> Callable[..., torch.Tensor]:
    found: Callable[..., torch.Tensor] = getattr(torch.nn.functional, name)
    return found


_STEPS: dict[type, Callable[..., Array]] = {
    Linear: _linear,
    Shift: _shift,
    ChannelShift: _shift,
    Scale: lambda step, y: _spread(step.vector, y.size) * y,
    ChannelScale: lambda step, y: _spread(step.vector, y.size) * y,
    Quotient: lambda step, y: y / _spread(step.vector, y.size),
    Concat: lambda step, *parts: np.concatenate(parts),
    Sum: lambda step, *parts: np.sum(parts, axis=0),
    Select: lambda step, y: y[np.asarray(step.places)],
    Combine: _combine,
    Centre: _centre,
    Convolution: _convolution,
    TransposedConvolution: _transposed_convolution,
}


def _staged(stage: Stage, values: Array) -> Array:
    kept, rest = values[: stage.carried], values[stage.carried :]
    return np.concatenate([kept, _activated(stage, rest)])


def _activated(stage: Stage, t: Array) -> Array:
    if stage.norm is not None:
        return _normalized(stage.norm, t)
    kind = stage.activation
    if kind is Activation.IDENTITY:
        return t
    if kind is Activation.TANH:
        return np.tanh(t)
    if kind is Activation.SIGMOID:
        return np.array([1 / (1 + math.exp(-s)) if s > -700 else 0.0 for s in t])
    below: Array = np.zeros_like(t)
    if kind is Activation.ELU:
        assert stage.alpha is not None, "what is read has its alpha"
        below = stage.alpha * np.expm1(np.minimum(t, 0.0))
    elif kind in (Activation.LEAKY_RELU, Activation.PRELU):
        below = _spread(stage.slope, t.size) * t
    return np.where(t > 0, t, below)


def _normalized(norm: Normalization, t: Array) -> Array:
    parts = t.reshape(norm.groups, -1)
    roots = np.sqrt((parts**2).mean(axis=1) + norm.epsilon)
    values = (parts / roots[:, None]).reshape(-1)
    return np.concatenate([values, roots]) if norm.deviations else values
