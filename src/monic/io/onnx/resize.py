"""Resizing: nearest neighbours by repetition, and linear interpolation with its exact weights."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np

from monic.io.onnx.node import Attribute, Node
from monic.io.onnx.operands import Operands, integers, optional, value
from monic.io.onnx.values import Constant, Operand, Refused, Value, insist_on_size
from monic.memory import TERM, make_room
from monic.model import Combine, Select

__all__ = ["resize", "upsample"]

#: From this version on sizes may be given, and ways to find coordinates.
SIZES = 11

#: Interpolations with more terms are not written down.
TERMS = 1 << 22

#: What an entry of an interpolation reads along one axis: places and their weights.
Taps = list[tuple[int, Fraction]]


def upsample(node: Node, operands: Operands) -> Value:
    """Y = X with every entry repeated by whole scales, or interpolated linearly."""
    first, given = value(operands, 0), node.attributes.get("scales")
    scales = _entries(optional(operands, 1)) if given is None else _floats(given)
    if node.string("mode", "nearest") == "nearest":
        return _repeated(first, scales)
    _insist_on_linear(node)
    return _interpolated(node, first, _axes(first, scales, None, "asymmetric"))


def resize(node: Node, operands: Operands) -> Value:
    """Y = X resized to the nearest entries, where that repeats them, or linearly."""
    if node.opset < SIZES:
        return upsample(node, operands)
    first = value(operands, 0)
    given, sizes = optional(operands, 2), optional(operands, 3)
    if node.integers("axes") is not None or node.integer("antialias", 0):
        raise Refused("it names axes, or filters (antialias); export it for all axes, without")
    wanted, scales = _sizes(node, first, sizes), list[float]()
    if wanted is None:
        scales = _entries(given)
    elif given is not None and 0 not in given.shape:
        raise Refused("it has scales and sizes; export it with one of both")
    way = node.string("coordinate_transformation_mode", "half_pixel")
    if node.string("mode", "nearest") == "nearest":
        _insist_on_repetition(node, way)
        if wanted is not None:
            scales = [a / b for a, b in zip(wanted, first.shape, strict=True)]
        return _repeated(first, scales)
    _insist_on_linear(node)
    return _interpolated(node, first, _axes(first, scales, wanted, way))


def _sizes(node: Node, first: Value, given: Operand | None) -> list[int] | None:
    """Returns the sizes that are wanted; None where scales are given instead."""
    if given is None or 0 in given.shape:
        return None
    if node.string("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise Refused("it keeps the aspect ratio; export it with the sizes that come of it")
    wanted = integers(given)
    if len(wanted) != len(first.shape) or min(wanted) < 1:
        raise Refused(f"its sizes {wanted} are not one for each axis of the shape {first.shape}")
    return list(wanted)


def _insist_on_repetition(node: Node, way: str) -> None:
    rounding = node.string("nearest_mode", "round_prefer_floor")
    floors = way == "asymmetric" and rounding == "floor"
    middles = way == "half_pixel" and rounding.startswith("round")
    if not (floors or middles):
        raise Refused(f"it finds the nearest entry by {way} and {rounding}; use asymmetric, floor")


def _insist_on_linear(node: Node) -> None:
    mode = node.string("mode", "nearest")
    if mode != "linear":
        raise Refused(f"its mode {mode!r} is not read; use 'nearest' or 'linear'")


def _entries(found: object) -> list[float]:
    if not isinstance(found, Constant):
        raise Refused("its scales are no constants; export with fixed shapes")
    return [float(entry) for entry in found.flat().tolist()]


def _floats(found: Attribute) -> list[float]:
    if not isinstance(found, tuple):
        raise Refused("its attribute 'scales' is not a list of numbers")
    return [float(entry) for entry in found]


def _repeated(first: Value, scales: list[float]) -> Value:
    shape = first.shape
    if len(scales) != len(shape) or not all(s >= 1 and s.is_integer() for s in scales):
        raise Refused(f"its scales {scales} are not one whole number for each axis of {shape}")
    if first.lead > 1 and scales[0] != 1:
        raise Refused("it repeats examples")
    wanted = tuple(int(size * scale) for size, scale in zip(shape, scales, strict=True))
    insist_on_size(wanted)
    numbers = np.arange(first.map.out_dim).reshape(shape if first.lead == 1 else shape[1:])
    for axis, scale in enumerate(scales[-numbers.ndim :]):
        numbers = np.repeat(numbers, int(scale), axis=axis)
    return first.mapped(Select(numbers.reshape(-1).tolist(), first.map), wanted)


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis that is resized: its sizes before and after, and the exact scale."""

    size: int
    wanted: int
    scale: Fraction

    def taps(self, way: str) -> list[Taps]:
        """Returns the one or two entries that each new one lies between, with their weights."""
        if self.wanted == self.size and self.scale == 1:
            return [[(k, Fraction(1))] for k in range(self.size)]
        return [self._between(_WAYS[way](self, k)) for k in range(self.wanted)]

    def _between(self, at: Fraction) -> Taps:
        at = min(max(at, Fraction(0)), Fraction(self.size - 1))  # edges go on beyond the ends
        low = math.floor(at)
        share = at - low
        return [(low, 1 - share), (low + 1, share)] if share else [(low, Fraction(1))]


def _half_pixel(axis: _Axis, k: int) -> Fraction:
    return (k + Fraction(1, 2)) / axis.scale - Fraction(1, 2)


def _symmetric(axis: _Axis, k: int) -> Fraction:
    share = axis.wanted / (axis.scale * axis.size)
    return Fraction(axis.size, 2) * (1 - share) + _half_pixel(axis, k)


def _aligned(axis: _Axis, k: int) -> Fraction:
    return Fraction(k * (axis.size - 1), max(axis.wanted - 1, 1))


#: Where a new entry lies among the old ones, as ONNX names the ways.
_WAYS: dict[str, Callable[[_Axis, int], Fraction]] = {
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _symmetric,
    "pytorch_half_pixel": lambda a, k: _half_pixel(a, k) if a.wanted > 1 else Fraction(0),
    "align_corners": _aligned,
    "asymmetric": lambda a, k: k / a.scale,
}


def _insist_on_agreement(
    shape: Sequence[int], wanted: Sequence[int], scales: Sequence[Fraction], way: str
) -> None:
    """Raises Refused where onnxruntime and ONNX's reference understand scales differently.

    Rounding a size down leaves two scales, the given one and that of the sizes; and onnxruntime
    gives the tensor itself where no size changes.
    """
    if list(wanted) == _products(shape, scales):
        return
    alone = way == "pytorch_half_pixel" and 1 in wanted
    if way == "align_corners" or alone or tuple(wanted) == tuple(shape):
        raise Refused(
            f"its sizes are no whole multiples by {way}, where onnxruntime computes something "
            "else than ONNX's own reference; give sizes instead of scales"
        )


def _axes(
    first: Value, scales: Sequence[float], wanted: Sequence[int] | None, way: str
) -> list[list[Taps]]:
    """Returns the taps along every axis."""
    if way not in _WAYS:
        raise Refused(f"it finds its coordinates by {way!r}; use half_pixel or align_corners")
    shape = first.shape
    if wanted is None:
        if len(scales) != len(shape) or not all(math.isfinite(s) and s > 0 for s in scales):
            raise Refused(f"its scales {scales} are not one positive number for each axis")
        exact = [Fraction(scale) for scale in scales]
        wanted = [_scaled_size(size, scale) for size, scale in zip(shape, scales, strict=True)]
        _insist_on_agreement(shape, wanted, exact, way)
    else:
        exact = [Fraction(a, b) for a, b in zip(wanted, shape, strict=True)]
    if min(wanted, default=0) < 1:
        raise Refused(f"it shrinks the shape {shape} to nothing")
    insist_on_size(wanted)
    make_room(TERM * 2 * sum(wanted), f"weights for an image of the shape {tuple(wanted)}")
    axes = [_Axis(a, b, s) for a, b, s in zip(shape, wanted, exact, strict=True)]
    return [axis.taps(way) for axis in axes]


def _products(shape: Sequence[int], scales: Sequence[Fraction]) -> list[Fraction]:
    return [size * scale for size, scale in zip(shape, scales, strict=True)]


def _scaled_size(size: int, scale: float) -> int:
    """Returns the size after scaling, rounded down.

    Raises:
        Refused: when the product is below a whole number by less than float32 can tell; then
            onnxruntime, which rounds it first, makes the tensor larger than ONNX says.
    """
    exact, rounded = Fraction(scale) * size, np.float32(size) * np.float32(scale)
    if math.floor(exact) != math.floor(rounded):
        raise Refused(
            f"its scale {scale!r} of {size} entries is {float(exact)!r}, which onnxruntime rounds "
            "up; give sizes instead of scales"
        )
    return math.floor(exact)


def _interpolated(node: Node, first: Value, axes: Sequence[list[Taps]]) -> Value:
    shape = first.shape
    changed = [len(t) != n or max(map(len, t)) > 1 for t, n in zip(axes, shape, strict=True)]
    kept = changed.index(True) if any(changed) else len(shape)
    if first.lead > 1 and kept == 0:
        raise Refused("it interpolates between examples")
    inner = shape[kept:]  # the axes before are repeated
    count = math.prod(sum(map(len, taps)) for taps in axes[kept:])
    if count > TERMS:
        raise Refused(f"it interpolates with {count} terms, more than {TERMS}; shrink the image")
    steps = [math.prod(inner[k + 1 :]) for k in range(len(inner))]
    rows = []
    for window in product(*axes[kept:]):
        terms = [
            (
                sum(place * step for (place, _), step in zip(taps, steps, strict=True)),
                math.prod((weight for _, weight in taps), start=Fraction(1)),
            )
            for taps in product(*window)
        ]
        rows.append(terms)
    times = first.map.out_dim // math.prod(inner)
    wanted = tuple(len(taps) for taps in axes)
    return first.mapped(Combine(rows, first.map, times), wanted, node.name)
