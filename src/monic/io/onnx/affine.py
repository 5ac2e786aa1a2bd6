"""The operators that are affine: each adds one exact step to the map of its value."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from monic.io.onnx.branches import picked, together
from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands, operand, value, weights
from monic.io.onnx.shapes import permuted
from monic.io.onnx.values import Constant, Refused, Shape, Tensor, Value, is_permutation, literal
from monic.model import AffineMap, ChannelScale, ChannelShift, Quotient, Scale, Shift, Sum
from monic.model.array import Array

__all__ = [
    *("add", "added", "along", "channels_first", "div", "mul", "neg"),
    *("of_one_shape", "own_axes", "scaled", "shifted", "sub", "total"),
]


def add(node: Node, operands: Operands) -> Value:
    """Y = X + c, or X + Z."""
    branches = [part for part in operands[:2] if isinstance(part, Tensor)]
    if len(branches) == 2:
        return added(branches)
    return shifted(operands, negative=False)


def total(node: Node, operands: Operands) -> Value:
    """Y = X_1 + X_2 + ..."""
    parts = [operand(operands, index) for index in range(max(len(operands), 1))]
    whole = added([part for part in parts if isinstance(part, Tensor)])
    for part in parts:
        if isinstance(part, Constant):
            whole = shifted([whole, part], negative=False)
    return whole


def added(branches: Sequence[Tensor]) -> Value:
    """Returns the sum of tensors of one shape, wherever they come from."""
    values = of_one_shape(branches)
    if len(values) == 1:
        return values[0]
    names = [value.name for value in values if value.name]
    whole = _summed([value.map for value in values])
    found = values[0].mapped(whole, name=names[-1] if names else "")
    return replace(found, joint=len({branch.settled().source for branch in branches}) > 1)


def _summed(maps: Sequence[AffineMap]) -> AffineMap:
    """Returns the sum of maps; where all end with one permutation, that follows the sum."""
    orders = {value.places if is_permutation(value) else None for value in maps}
    [order, *others] = orders
    if others or order is None:
        return Sum(tuple(maps))
    return picked(Sum(tuple(value.parts()[0] for value in maps)), order)


def of_one_shape(branches: Sequence[Tensor]) -> list[Value]:
    """Returns tensors that start at one place.

    Raises:
        Refused: when there is none, or their shapes differ.
    """
    if not branches:
        raise Refused("it takes constants only; fold constants before exporting")
    shapes = {(branch.shape, branch.lead) for branch in branches}
    if len(shapes) > 1:
        text = " and ".join(str(branch.shape) for branch in branches)
        raise Refused(f"the shapes {text} are not equal; expand one")
    broken = next((branch for branch in branches if branch.source.broken), None)
    if broken is not None:
        return [broken.settled()]
    return together(branches)


def sub(node: Node, operands: Operands) -> Value:
    """Y = X - c, Y = c - X or Y = X - Z."""
    first, second = operand(operands, 0), operand(operands, 1)
    if not isinstance(second, Constant):
        negative = scaled(second.settled(), -1.0)
        if not isinstance(first, Constant):
            return added([first, negative])
        return shifted([first, negative], negative=False)
    return shifted(operands, negative=True)


def neg(node: Node, operands: Operands) -> Value:
    """Y = -X."""
    return scaled(value(operands, 0), -1.0)


def mul(node: Node, operands: Operands) -> Value:
    """Y = c X, entry by entry."""
    first, constant = _pair(operands)
    axes = own_axes(first, constant)
    if axes is not None:
        return _in_channels(first, axes, partial(ChannelScale, constant.array))
    vector, shape = along(first, constant)
    return first.mapped(_everywhere(first.map, partial(Scale, vector), vector), shape)


def div(node: Node, operands: Operands) -> Value:
    """Y = X / c, exactly: powers of two are factors, others stay divisors."""
    if isinstance(operand(operands, 0), Constant):
        raise Refused("it divides by a tensor that depends on the input")
    first, divisor = value(operands, 0), weights(operand(operands, 1))
    axes = own_axes(first, divisor)
    entries = np.unique(divisor.flat().astype(np.float64))
    if entries.size == 1 and _is_power_of_two(float(entries[0])):
        shape = first.shape if axes is not None else along(first, divisor)[1]
        return scaled(first.reshaped(shape), 1 / float(entries[0]))
    if axes is not None:
        return _in_channels(first, axes, partial(Quotient, divisor.array))
    vector, shape = along(first, divisor)
    return first.mapped(_everywhere(first.map, partial(Quotient, vector), vector), shape)


def shifted(operands: Operands, *, negative: bool) -> Value:
    """Returns a tensor plus or minus a constant, in either order."""
    first, constant = _pair(operands)
    axes = own_axes(first, constant)
    if axes is not None:
        return _in_channels(first, axes, partial(ChannelShift, constant.array, negative=negative))
    vector, shape = along(first, constant)
    step = partial(Shift, vector, negative=negative)
    return first.mapped(_everywhere(first.map, step, vector), shape)


def _everywhere(value: AffineMap, step: Callable[..., AffineMap], vector: Array) -> AffineMap:
    """Returns a further step; one number for all commutes with a permutation before it."""
    if vector.size == 1 and is_permutation(value):
        return picked(step(of=value.of), value.places)
    return step(of=value)


def own_axes(first: Value, constant: Constant) -> tuple[int, ...] | None:
    """Returns the axes along which a constant differs when it is repeated along all others.

    None where it is one number, or has one for each of the value's: nothing is repeated then.
    """
    shape = _padded(constant.shape, len(first.shape))
    long = tuple(axis for axis, size in enumerate(shape) if size > 1)
    if constant.transposed or len(shape) != len(first.shape) or not long:
        return None
    alone = constant.size == first.map.out_dim
    fits = all(shape[axis] == first.shape[axis] for axis in long)
    return long if fits and not alone and not (first.lead > 1 and 0 in long) else None


def _in_channels(first: Value, axes: Sequence[int], step: Callable[..., AffineMap]) -> Value:
    """Returns a step on channels, which are moved to the front and back where they are not."""
    order, back = channels_first(first, axes)
    if order == tuple(sorted(order)):  # nothing moves
        return first.mapped(step(of=first.map))
    moved = permuted(first, order)
    return permuted(moved.mapped(step(of=moved.map)), back)


def channels_first(first: Value, moved: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Returns the order of axes in which some come first in an example, and the way back.

    Where nothing need be moved, both are the order as it is.
    """
    inner = 0 if first.lead == 1 else 1
    axes = tuple(range(len(first.shape)))
    before = [a for a in axes[inner : max(moved)] if a not in moved]
    if math.prod(first.shape[a] for a in before) == 1:
        return axes, axes
    order = (*axes[:inner], *moved, *(a for a in axes[inner:] if a not in moved))
    return order, tuple(order.index(a) for a in axes)


def _pair(operands: Operands) -> tuple[Value, Constant]:
    """Returns the tensor and the constant of an operator that takes them in any order."""
    left, right = operand(operands, 0), operand(operands, 1)
    if isinstance(left, Constant):
        left, right = right, left
    return value([left], 0), weights(right)


def along(first: Value, constant: Constant, *, grows: bool = True) -> tuple[Array, Shape]:
    """Returns a constant as one number, or one for each of the value's, and the result's shape."""
    shape = _broadcast(first.shape, constant.shape)
    if _size(shape) != _size(first.shape) or (shape != first.shape and not grows):
        raise Refused(f"its constant of shape {constant.shape} enlarges the shape {first.shape}")
    if first.lead > 1 and _padded(constant.shape, len(shape))[0] != 1:
        raise Refused(f"its constant of shape {constant.shape} differs between examples")
    if constant.size not in (1, first.map.out_dim):
        raise Refused(
            f"its constant of shape {constant.shape} is repeated along some axes of the shape "
            f"{first.shape} only, and enlarges it or is a transpose; store it with one entry for "
            "each"
        )
    if constant.transposed:
        raise Refused("its constant is a transpose; store it as it is used")
    return constant.array, shape


def scaled(first: Value, factor: float) -> Value:
    """Returns a settled tensor times a number."""
    if factor == 1:
        return first
    vector = literal(factor)
    return first.mapped(_everywhere(first.map, partial(Scale, vector), vector))


def _is_power_of_two(number: float) -> bool:
    if not math.isfinite(number) or number == 0:
        return False
    return abs(math.frexp(number)[0]) == 0.5 and abs(number) >= 2.0**-1022


def _broadcast(first: Shape, second: Shape) -> Shape:
    rank = max(len(first), len(second))
    pairs = list(zip(_padded(first, rank), _padded(second, rank), strict=True))
    if any(a != b and 1 not in (a, b) for a, b in pairs):
        raise Refused(f"the shapes {first} and {second} do not fit")
    return tuple(b if a == 1 else a for a, b in pairs)


def _padded(shape: Shape, rank: int) -> Shape:
    return (1,) * (rank - len(shape)) + shape


def _size(shape: Shape) -> int:
    return math.prod(shape)
