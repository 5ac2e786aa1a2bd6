"""The operators that are made of ReLUs: maxima, minima, clipping, |x| and max pooling.

max(a, b) = a + ReLU(b - a), with a carried past the ReLU; the maximum of many is a balanced tree
of those, a stage a level. All of it is exact over the reals.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from monic.io.onnx.affine import added, along, of_one_shape, scaled, shifted
from monic.io.onnx.branches import picked, side_by_side
from monic.io.onnx.convolution import image_of, pads_of_pool
from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands, operand, optional, value
from monic.io.onnx.reductions import reduced_axes, reduced_shape
from monic.io.onnx.shapes import permuted
from monic.io.onnx.values import Constant, Operand, Refused, Shape, Source, Tensor, Value, literal
from monic.model import Activation, AffineMap, Concat, Scale, Shift, Stage, Sum
from monic.model.array import Array

__all__ = ["absolute", "clip", "global_max_pool", "max_pool", "maximum", "minimum"]
__all__ += ["reduce_max", "reduce_min", "split"]


def maximum(node: Node, operands: Operands) -> Value:
    """Y = max(X_1, X_2, ...) for tensors of one shape, and constants."""
    parts = [operand(operands, index) for index in range(max(len(operands), 1))]
    first, *others = of_one_shape([part for part in parts if isinstance(part, Tensor)])
    every = [first.map, *(other.map for other in others)]
    largest = first.at(*_largest(first.source, every, node.name)[:2]) if others else first
    for part in parts:
        if not isinstance(part, Constant):
            continue
        if part.size == 1 and not part.flat().any():
            largest = _relu(largest, node.name).reshaped(along(largest, part)[1])
        else:  # max(x, c) = c + ReLU(x - c)
            above = shifted([largest, part], negative=True)
            largest = shifted([_relu(above, node.name), part], negative=False)
    return largest


def minimum(node: Node, operands: Operands) -> Value:
    """Y = min(X_1, X_2, ...) = -max(-X_1, -X_2, ...)."""
    turned = [
        scaled(part.settled(), -1.0) if isinstance(part, Tensor) else part for part in operands
    ]
    constants = [part for part in turned if isinstance(part, Constant)]
    values = [part for part in turned if isinstance(part, Value)]
    least = scaled(maximum(node, values), -1.0)
    for part in constants:  # min(x, c) = c - ReLU(c - x)
        below = shifted([scaled(least, -1.0), part], negative=False)
        least = shifted([scaled(_relu(below, node.name), -1.0), part], negative=False)
    return least


def clip(node: Node, operands: Operands) -> Value:
    """Y = min(max(X, lo), hi): ReLU(X - lo) =: H, then hi - ReLU(hi - lo - H)."""
    first = value(operands, 0)
    low = _bound(node, first, optional(operands, 1), "min")
    high = _bound(node, first, optional(operands, 2), "max")
    if low is not None:
        first = _relu(_moved(first, low, negative=True), first.name or node.outputs[0])
    if high is None:
        return first if low is None else _moved(first, low, negative=False)
    rest = scaled(first, -1.0)
    if low is not None:
        rest = _moved(rest, low, negative=True)
    name = first.name or (node.outputs[0] if low is None else f"{node.name}/2")
    return _moved(scaled(_relu(_moved(rest, high, negative=False), name), -1.0), high)


def absolute(node: Node, operands: Operands) -> Value:
    """Y = |X| = ReLU(X) + ReLU(-X)."""
    positive, negative = split(value(operands, 0), node)
    return added([positive, negative])


def split(first: Value, node: Node) -> tuple[Value, Value]:
    """Returns ReLU(X) and ReLU(-X), which hold all of X."""
    size = first.map.out_dim
    both = Concat((first.map, Scale(literal(-1.0), first.map)))
    after = first.source.then(Stage(first.name or node.outputs[0], both))
    halves = (range(size), range(size, 2 * size))
    positive, negative = (first.at(after, picked(after.start, half)) for half in halves)
    return positive, negative


def global_max_pool(node: Node, operands: Operands) -> Value:
    """Y = the maximum of each channel."""
    first = value(operands, 0)
    shape = image_of(first)
    tables = [np.arange(size).reshape(1, size) for size in shape[1:]]
    return _pooled(node, first, shape, tables)


def reduce_max(node: Node, operands: Operands) -> Value:
    """Y = the maxima of X along some axes."""
    first, along = value(operands, 0), reduced_axes(node, operands)
    if not along:
        return first
    inner = 0 if first.lead == 1 else 1
    rest = [axis for axis in range(inner, len(first.shape)) if axis not in along]
    moved = permuted(first, [*range(inner), *along, *rest])
    count = math.prod(first.shape[axis] for axis in along)
    shape = reduced_shape(node, first.shape, along)
    return first.at(*_halved(moved, count, node.name), shape)


def reduce_min(node: Node, operands: Operands) -> Value:
    """Y = the minima of X along some axes."""
    turned = scaled(value(operands, 0), -1.0)
    return scaled(reduce_max(node, [turned, *operands[1:]]), -1.0)


def max_pool(node: Node, operands: Operands) -> Value:
    """Y = the maxima over windows; what is padded is never the maximum."""
    first = value(operands, 0)
    shape = image_of(first)
    taps = node.integers("kernel_shape") or ()
    if len(taps) != len(shape) - 1 or min(taps, default=1) < 1:
        raise Refused(f"its kernel_shape {taps} does not fit the shape {first.shape}")
    pads = pads_of_pool(node, shape[1:], taps)
    strides = node.integers("strides") or (1,) * len(taps)
    dilations = node.integers("dilations") or (1,) * len(taps)
    if len(strides) != len(taps) or len(dilations) != len(taps) or min(*strides, *dilations) < 1:
        raise Refused(f"its strides {strides} and dilations {dilations} do not fit {taps}")
    up = bool(node.integer("ceil_mode", 0))
    numbers = zip(shape[1:], taps, strides, dilations, pads, strict=True)
    return _pooled(node, first, shape, [_table(*row, up=up) for row in numbers])


def _table(
    size: int, taps: int, stride: int, dilation: int, ends: tuple[int, int], *, up: bool
) -> Array:
    """Returns which entries each output position looks at along an axis, a row a position.

    Padded entries are replaced by another entry of the same window, which changes no maximum.
    """
    room = size + sum(ends) - dilation * (taps - 1) - 1
    if room < 0:
        raise Refused(f"its windows of {taps} entries do not fit an axis of {size}")
    count = room // stride + 1
    if up and room % stride and count * stride < size + ends[0]:  # it starts before the end
        count += 1
    table = np.arange(count)[:, None] * stride + np.arange(taps) * dilation - ends[0]
    inside = (table >= 0) & (table < size)
    if not inside.any(axis=1).all():
        raise Refused("one of its windows looks at padding only")
    known = np.take_along_axis(table, inside.argmax(axis=1)[:, None], axis=1)
    return np.where(inside, table, known)


def _pooled(node: Node, first: Value, shape: Shape, tables: Sequence[Array]) -> Value:
    """Returns the maxima along one axis after the other, the last one first."""
    source, largest, levels, shape = first.source, first.map, 0, tuple(shape)
    for axis in reversed(range(1, len(shape))):
        table = tables[axis - 1]
        numbers = np.arange(largest.out_dim).reshape(shape)
        places = [np.take(numbers, column, axis=axis).reshape(-1).tolist() for column in table.T]
        parts = [picked(largest, chosen) for chosen in places]
        source, largest, levels = _largest(source, parts, node.name, levels)
        shape = (*shape[:axis], len(table), *shape[axis + 1 :])
    return first.at(source, largest, (first.shape[0], *shape))


def _largest(
    source: Source, parts: Sequence[AffineMap], name: str, levels: int = 0
) -> tuple[Source, AffineMap, int]:
    """Returns where the maximum of values of one size is an affine map, and that map.

    The maximum is taken entry by entry; the number of levels that it took so far comes last.
    """
    parts = list(parts)
    while len(parts) > 1:
        levels += 1
        left, right, odd = parts[0 : len(parts) - 1 : 2], parts[1::2], parts[len(parts) & ~1 :]
        kept, size = side_by_side([*left, *odd]), parts[0].out_dim
        minus = literal(-1.0)
        gaps = [Sum((b, Scale(minus, a))) for a, b in zip(left, right, strict=True)]
        whole = Concat((kept, *gaps))
        source = source.then(Stage(f"{name}/{levels}", whole, carried=kept.out_dim))
        cut = [picked(source.start, range(k, k + size)) for k in range(0, whole.out_dim, size)]
        rises = cut[len(left) + len(odd) :]
        sums: list[AffineMap] = [Sum(pair) for pair in zip(cut, rises, strict=False)]
        parts = [*sums, *cut[len(left) : len(left) + len(odd)]]
    return source, parts[0], levels


def _halved(first: Value, count: int, name: str) -> tuple[Source, AffineMap]:
    """Returns where the maximum of `count` equal parts of a tensor is an affine map, and that map.

    Half of the parts are left each time.
    """
    source, largest, level, minus = first.source, first.map, 0, literal(-1.0)
    while count > 1:
        level, (half, odd) = level + 1, divmod(count, 2)
        size = largest.out_dim // count
        cut = half * size
        left = picked(largest, range(cut))
        gap = Sum((picked(largest, range(cut, 2 * cut)), Scale(minus, left)))
        kept = picked(largest, [*range(cut), *range(2 * cut, count * size)])
        stage = Stage(f"{name}/{level}", Concat((kept, gap)), carried=kept.out_dim)
        source, end = source.then(stage), kept.out_dim
        start = source.start
        largest = Sum((picked(start, range(cut)), picked(start, range(end, end + cut))))
        if odd:
            largest = Concat((largest, picked(start, range(cut, end))))
        count = half + odd
    return source, largest


def _relu(first: Value, name: str) -> Value:
    return replace(first, name=name).activated(Activation.RELU, name).settled()


def _moved(first: Value, number: float, *, negative: bool = False) -> Value:
    if number == 0:
        return first
    return first.mapped(Shift(literal(number), first.map, negative))


def _bound(node: Node, first: Value, found: Operand | None, name: str) -> float | None:
    """Returns a finite bound, which old files have as an attribute; None where there is none."""
    if found is None:
        number = node.attributes.get(name)
        bound = None if number is None else node.number(name, 0.0)
    elif not isinstance(found, Constant) or found.size != 1 or not found.is_float:
        raise Refused(f"its bound {name} is no constant number; fold constants before exporting")
    else:
        bound = float(found.flat()[0])
    if bound is not None and np.isnan(bound):
        raise Refused(f"its bound {name} is no number; export the network again")
    return None if bound is None or abs(bound) >= _largest_number(node, first) else bound


def _largest_number(node: Node, first: Value) -> float:
    """Returns the number that stands for a bound which is none, as exporters write it.

    Bounds as attributes were float32, whatever the tensor's format.
    """
    is_double = first.dtype == DOUBLE and node.opset >= BOUNDS_AS_INPUTS
    return float(np.finfo(np.float64 if is_double else np.float32).max)


#: The number format float64, as ONNX numbers them.
DOUBLE = 11

#: From this version on the bounds of a Clip are inputs.
BOUNDS_AS_INPUTS = 11
