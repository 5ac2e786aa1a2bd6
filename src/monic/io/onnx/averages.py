"""Average pooling: means over windows, with the exact weights 1/count."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import product

from monic.io.onnx.convolution import image_of, pads_of_pool
from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands, value
from monic.io.onnx.values import Refused, Shape, Value
from monic.memory import PLACE, TERM, make_room
from monic.model import Combine

__all__ = ["average_pool", "global_average_pool"]

#: What a window reads along an axis: for every output position, positions of the input.
Reads = list[list[int]]


def average_pool(node: Node, operands: Operands) -> Value:
    """Y = the means over windows; padding counts as zeros, or not at all."""
    first = value(operands, 0)
    shape = image_of(first)
    axes, taps = len(shape) - 1, node.integers("kernel_shape") or ()
    if len(taps) != axes:
        raise Refused(f"its kernel_shape {taps} does not fit the shape {first.shape}")
    strides = node.integers("strides") or (1,) * axes
    dilations = node.integers("dilations") or (1,) * axes
    if not len(strides) == len(dilations) == axes:
        raise Refused(f"its strides {strides} and dilations {dilations} do not fit {taps}")
    pads = pads_of_pool(node, shape[1:], taps)
    reads = [
        _reads(size, (tap, stride, dilation), pad, ceil=bool(node.integer("ceil_mode", 0)))
        for size, tap, stride, dilation, pad in zip(
            shape[1:], taps, strides, dilations, pads, strict=True
        )
    ]
    whole = math.prod(taps) if node.integer("count_include_pad", 0) else None
    return _means(node, first, reads, whole)


def global_average_pool(node: Node, operands: Operands) -> Value:
    """Y = the mean of each channel."""
    first = value(operands, 0)
    return _means(node, first, [[list(range(size))] for size in image_of(first)[1:]], None)


def _reads(size: int, window: tuple[int, int, int], pad: tuple[int, int], *, ceil: bool) -> Reads:
    tap, stride, dilation = window
    if min(window) < 1:
        raise Refused(f"its kernel, strides or dilations {window} are not positive")
    room = size + sum(pad) - dilation * (tap - 1) - 1
    if room < 0:
        raise Refused(f"its windows are larger than the padded size {size + sum(pad)}")
    if ceil and room % stride:
        raise Refused("its last windows reach beyond the padding (ceil_mode); pad explicitly")
    count = (room // stride + 1) * tap
    make_room(PLACE * count, f"windows of {count:,} places")
    starts = range(-pad[0], -pad[0] + room + 1, stride)
    return [
        [q for q in range(start, start + dilation * tap, dilation) if 0 <= q < size]
        for start in starts
    ]


def _means(node: Node, first: Value, reads: Sequence[Reads], whole: int | None) -> Value:
    """Returns the means over windows; `whole` is what all are divided by, if not their size."""
    shape = image_of(first)
    count = math.prod(sum(map(len, windows)) for windows in reads)
    make_room(TERM * count, f"means of {count:,} terms")
    rows = []
    for window in product(*reads):
        places = [_place(where, shape[1:]) for where in product(*window)]
        if not places:
            raise Refused("some of its windows lie in the padding; use less padding")
        weight = Fraction(1, whole or len(places))
        rows.append([(place, weight) for place in places])
    given = Combine(rows, first.map, shape[0])
    return first.mapped(given, (first.shape[0], shape[0], *map(len, reads)), node.name)


def _place(where: Sequence[int], sizes: Shape) -> int:
    place = 0
    for at, size in zip(where, sizes, strict=True):
        place = place * size + at
    return place
