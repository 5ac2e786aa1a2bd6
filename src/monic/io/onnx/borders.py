"""Pad: a border of constants, or of the tensor's own entries."""

import math
from functools import partial

import numpy as np

from monic.io.onnx.moves import FILLED, Numbers, moved
from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands, axes, insist_on_axes, integers, optional, value
from monic.io.onnx.values import Constant, Refused, Value, insist_on_size

__all__ = ["pad"]

_MODES = ("constant", "reflect", "edge", "wrap")


def pad(node: Node, operands: Operands) -> Value:
    """Y = X with a border of constants, of mirrored, repeated or wrapped entries."""
    first = value(operands, 0)
    mode = node.string("mode", "constant")
    if not first.shape:
        raise Refused("it pads a single number, which has no axes")
    if mode not in _MODES:
        raise Refused(f"its mode {mode!r} is not known")
    around = _around(node, operands, first)
    for size, ends in zip(first.shape, around, strict=True):
        if mode != "constant" and min(ends) < 0:
            raise Refused(f"its pads {around} cut off and mirror at once; do one after the other")
        if mode in ("reflect", "wrap") and max(ends) >= size + (mode == "wrap"):
            raise Refused(f"its pads {around} are too large for the shape {first.shape}")
    filling = _filling(node, operands) if mode == "constant" else 0.0
    return moved(first, partial(_padded, around=around, mode=mode), filling)


def _padded(numbers: Numbers, around: list[tuple[int, int]], mode: str) -> Numbers:
    """Returns the numbers with a border; negative pads cut entries off."""
    ends = zip(numbers.shape, around, strict=True)
    cut = numbers[tuple(slice(max(-a, 0), size - max(-b, 0)) for size, (a, b) in ends)]
    border = [(max(a, 0), max(b, 0)) for a, b in around]
    if mode == "constant":
        return np.pad(cut, border, constant_values=FILLED)
    if mode == "wrap":
        return np.pad(cut, border, mode="wrap")
    return np.pad(cut, border, mode="edge" if mode == "edge" else "reflect")


def _around(node: Node, operands: Operands, first: Value) -> list[tuple[int, int]]:
    found, rank = optional(operands, 1), len(first.shape)
    pads = (node.integers("pads") or ()) if found is None else integers(found)
    along = axes(operands, node, 3) or tuple(range(rank))
    insist_on_axes(along, first.shape)
    if len(pads) != 2 * len(along):
        raise Refused(f"its pads {tuple(pads)} do not fit the shape {first.shape}")
    around = [(0, 0)] * rank
    for k, axis in enumerate(along):
        around[axis] = (pads[k], pads[k + len(along)])
    sizes = [n + a + b for n, (a, b) in zip(first.shape, around, strict=True)]
    if min(sizes, default=1) < 1:
        raise Refused(f"its pads {tuple(pads)} leave nothing of the shape {first.shape}")
    insist_on_size(sizes)
    return around


def _filling(node: Node, operands: Operands) -> float:
    found = optional(operands, 2)
    if found is None:
        return node.number("value", 0.0)
    if not isinstance(found, Constant) or found.size != 1:
        raise Refused("its border is no constant")
    number = float(found.flat()[0])
    if not math.isfinite(number):
        raise Refused("its border is not finite")
    return number
