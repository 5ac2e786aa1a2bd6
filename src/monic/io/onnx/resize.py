"""Upsampling by repetition: every entry stands for a block of entries."""

import math

import numpy as np

from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands, optional, value
from monic.io.onnx.values import Constant, Refused, Value
from monic.model import Select

__all__ = ["resize", "upsample"]


def upsample(node: Node, operands: Operands) -> Value:
    """Y = X with every entry repeated, by whole scales."""
    _insist_on_nearest(node)
    return _repeated(value(operands, 0), _entries(optional(operands, 1)))


def resize(node: Node, operands: Operands) -> Value:
    """Y = X with every entry repeated; the ways to find the nearest entry that mean just that."""
    _insist_on_nearest(node)
    way = node.string("coordinate_transformation_mode", "half_pixel")
    rounding = node.string("nearest_mode", "round_prefer_floor")
    floors = way == "asymmetric" and rounding == "floor"
    middles = way == "half_pixel" and rounding.startswith("round")
    if not (floors or middles):
        raise Refused(f"it finds the nearest entry by {way} and {rounding}; use asymmetric, floor")
    first = value(operands, 0)
    scales, sizes = optional(operands, 2), optional(operands, 3)
    if isinstance(sizes, Constant) and sizes.size == len(first.shape):
        wanted = _entries(sizes)
        return _repeated(first, [a / b for a, b in zip(wanted, first.shape, strict=True)])
    return _repeated(first, _entries(scales))


def _insist_on_nearest(node: Node) -> None:
    mode = node.string("mode", "nearest")
    if mode != "nearest":
        raise Refused(f"its mode {mode!r} interpolates; only 'nearest' is read")


def _entries(found: object) -> list[float]:
    if not isinstance(found, Constant):
        raise Refused("its scales are no constants; export with fixed shapes")
    return [float(entry) for entry in found.flat().tolist()]


def _repeated(first: Value, scales: list[float]) -> Value:
    shape = first.shape
    if len(scales) != len(shape) or any(s < 1 or s != math.floor(s) for s in scales):
        raise Refused(f"its scales {scales} are not one whole number for each axis of {shape}")
    if first.lead > 1 and scales[0] != 1:
        raise Refused("it repeats examples")
    numbers = np.arange(first.map.out_dim).reshape(shape if first.lead == 1 else shape[1:])
    for axis, scale in enumerate(scales[-numbers.ndim :]):
        numbers = np.repeat(numbers, int(scale), axis=axis)
    wanted = tuple(int(size * scale) for size, scale in zip(shape, scales, strict=True))
    return first.mapped(Select(numbers.reshape(-1).tolist(), first.map), wanted)
