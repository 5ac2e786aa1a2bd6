"""The operators that move entries: slices, parts, repetitions.

Each is applied, by numpy, to the numbers of the entries; the result says which entry goes where.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from monic.io.onnx.branches import picked
from monic.io.onnx.node import Node
from monic.io.onnx.operands import (
    Operands,
    axes,
    insist_on_axes,
    integers,
    operand,
    optional,
    value,
)
from monic.io.onnx.shapes import gather as gather_integers
from monic.io.onnx.values import (
    Constant,
    Operand,
    Refused,
    Value,
    insist_on_size,
    literal,
)
from monic.model import AffineMap, Concat, Scale, Select, Shift

__all__ = ["FILLED", "Numbers", "moved"]
__all__ += ["depth_to_space", "expand", "gather", "gather_nd"]
__all__ += ["slice_", "space_to_depth", "split", "tile"]

Numbers = np.ndarray[Any, np.dtype[np.int64]]

#: Before this version the parts of a Split without sizes are equal.
EVEN_SPLITS = 18

#: Stands for an entry that is a constant.
FILLED = -1


def gather(node: Node, operands: Operands) -> Operand:
    """Y = X at some places along an axis."""
    if isinstance(operand(operands, 0), Constant):
        return gather_integers(node, operands)
    first, chosen = value(operands, 0), operand(operands, 1)
    axis = _axis(node.integer("axis", 0), first)
    where = np.array(integers(chosen), dtype=np.int64).reshape(chosen.shape)
    if not np.all(np.abs(where + 0.5) < first.shape[axis]):
        raise Refused("it takes entries that are not there")
    return moved(first, lambda numbers: np.take(numbers, where, axis))


def slice_(node: Node, operands: Operands) -> Operand:
    """Y = X from a start to an end, by steps, along some axes."""
    found = operand(operands, 0)
    starts, ends, along, steps = _bounds(node, operands)
    rank = len(found.shape)
    if not len(starts) == len(ends) == len(along) == len(steps) or 0 in steps:
        raise Refused(f"its starts, ends and steps {starts}, {ends}, {steps} do not fit together")
    insist_on_axes(along, found.shape)
    cut = [slice(None)] * rank
    for axis, start, end, step in zip(along, starts, ends, steps, strict=True):
        cut[axis] = slice(start, end, step)
    if isinstance(found, Constant):
        if not found.is_integer or found.transposed:
            raise Refused("it takes a part of a constant; store the part")
        part = found.array.reshape(found.shape)[tuple(cut)]
        return Constant(part, part.shape)
    return moved(found.settled(), lambda numbers: numbers[tuple(cut)])


def _bounds(node: Node, operands: Operands) -> tuple[Sequence[int], ...]:
    """Returns starts, ends, axes and steps, which were attributes in old files."""
    if optional(operands, 1) is None:
        starts, ends = node.integers("starts") or (), node.integers("ends") or ()
    else:
        starts, ends = _ends(operand(operands, 1)), _ends(operand(operands, 2))
    steps = optional(operands, 4)
    along = axes(operands, node, 3) or tuple(range(len(starts)))
    return starts, ends, along, (1,) * len(starts) if steps is None else integers(steps)


def _ends(found: Operand) -> tuple[int, ...]:
    """Returns where slices start or end; 2^63 - 1 and the like stand for the end of the axis."""
    if not isinstance(found, Constant) or not found.is_integer:
        raise Refused("its ends are no constant integers; export with fixed shapes")
    limit = 1 << 61
    return tuple(max(min(int(end), limit), -limit) for end in found.flat().tolist())


def gather_nd(node: Node, operands: Operands) -> Value:
    """Y = X at some places along its first axes."""
    first, chosen = value(operands, 0), operand(operands, 1)
    where = np.array(integers(chosen), dtype=np.int64).reshape(chosen.shape)
    depth, rank = where.shape[-1] if where.ndim else 0, len(first.shape)
    if node.integer("batch_dims", 0) or not 1 <= depth <= rank:
        raise Refused(f"its indices of shape {where.shape} do not fit the shape {first.shape}")
    places = tuple(where[..., k] for k in range(depth))
    sizes = first.shape[:depth]
    if not all(np.all(np.abs(p + 0.5) < n) for p, n in zip(places, sizes, strict=True)):
        raise Refused("it takes entries that are not there")
    return moved(first, lambda numbers: numbers[places])


def split(node: Node, operands: Operands) -> Value:
    """Y = one of the parts of X along an axis; a node with several parts is several nodes."""
    first = value(operands, 0)
    axis = _axis(node.integer("axis", 0), first)
    part, parts = int(node.added.get("part", 0)), int(node.added.get("parts", 1))
    found = optional(operands, 1)
    given = node.integers("split") if found is None else integers(found)
    size, number = first.shape[axis], node.integer("num_outputs", parts)
    if number != parts or (given is not None and "num_outputs" in node.attributes):
        raise Refused(f"its num_outputs {number} does not fit {parts} outputs, or its split")
    if given is None:
        if size % parts and node.opset < EVEN_SPLITS:
            raise Refused(f"its {parts} parts are not equal, on axis {axis} of {first.shape}")
        step = -(-size // parts)
        given = tuple(min(step, size - k * step) for k in range(parts))
    if len(given) != parts or min(given) < 1 or sum(given) != size:
        raise Refused(f"its parts {given} do not make up axis {axis} of the shape {first.shape}")
    where = np.arange(given[part]) + sum(given[:part])
    return moved(first, lambda numbers: np.take(numbers, where, axis))


def expand(node: Node, operands: Operands) -> Operand:
    """Y = X repeated along axes of size 1."""
    found, wanted = operand(operands, 0), integers(operand(operands, 1))
    try:
        shape = np.broadcast_shapes(found.shape, wanted)
    except ValueError:
        raise Refused(f"it expands the shape {found.shape} to {wanted}") from None
    insist_on_size(shape)
    if shape == found.shape:
        return found
    if isinstance(found, Constant):
        raise Refused("it repeats a constant; store the constant in its last form")
    return moved(found.settled(), lambda numbers: np.broadcast_to(numbers, shape))


def tile(node: Node, operands: Operands) -> Value:
    """Y = X repeated as a whole along its axes."""
    first, repeats = value(operands, 0), integers(operand(operands, 1))
    if len(repeats) != len(first.shape) or min(repeats, default=1) < 1:
        raise Refused(f"its repeats {repeats} do not fit the shape {first.shape}")
    insist_on_size([size * times for size, times in zip(first.shape, repeats, strict=True)])
    return moved(first, lambda numbers: np.tile(numbers, repeats))


def depth_to_space(node: Node, operands: Operands) -> Value:
    """Y = X with blocks of channels spread over the image."""
    block = node.integer("blocksize", 0)
    by_columns = _by_columns(node)

    def spread(numbers: Numbers) -> Numbers:
        n, c, h, w = numbers.shape
        inner = (c // block**2, block, block) if by_columns else (block, block, c // block**2)
        order = (0, 1, 4, 2, 5, 3) if by_columns else (0, 3, 4, 1, 5, 2)
        blocks = numbers.reshape(n, *inner, h, w).transpose(order)
        return blocks.reshape(n, -1, h * block, w * block)

    return _in_blocks(value(operands, 0), spread)


def space_to_depth(node: Node, operands: Operands) -> Value:
    """Y = X with blocks of the image as channels."""
    block = node.integer("blocksize", 0)
    order = (0, 1, 3, 5, 2, 4) if _by_columns(node) else (0, 3, 5, 1, 2, 4)

    def gathered(numbers: Numbers) -> Numbers:
        n, c, h, w = numbers.shape
        blocks = numbers.reshape(n, c, h // block, block, w // block, block)
        return blocks.transpose(order).reshape(n, -1, h // block, w // block)

    return _in_blocks(value(operands, 0), gathered)


def _by_columns(node: Node) -> bool:
    """Whether the places of a block vary faster than the channels (CRD), or slower (DCR)."""
    return node.string("mode", "DCR") == "CRD"


def _in_blocks(first: Value, act: Callable[[Numbers], Numbers]) -> Value:
    try:
        return moved(first, act)
    except (ValueError, ZeroDivisionError):
        raise Refused(f"its blocks do not fit the shape {first.shape}") from None


def moved(first: Value, act: Callable[[Numbers], Numbers], filling: float = 0.0) -> Value:
    """Returns a settled tensor whose entries went where the numbers of the entries go."""
    count, lead = first.map.out_dim, first.lead
    given = act(np.arange(count * lead, dtype=np.int64).reshape(first.shape))
    if given.size == 0:
        raise Refused(f"it leaves nothing of the shape {first.shape}")
    places = given.reshape(-1) if lead == 1 else _of_one_example(given, count, lead)
    source: AffineMap = first.map
    if places.min() == FILLED:
        constant: AffineMap = Scale(literal(0.0), Select([0], source))
        constant = constant if filling == 0 else Shift(literal(filling), constant)
        source, places = Concat((source, constant)), np.where(places == FILLED, count, places)
    return first.mapped(picked(source, places), tuple(given.shape))


def _of_one_example(given: Numbers, count: int, lead: int) -> Numbers:
    if given.shape[:1] != (lead,):
        raise Refused(f"it mixes the {lead} examples of a fixed batch; export with one example")
    rows = given.reshape(lead, -1)
    shifts = np.where(rows[:1] == FILLED, 0, np.arange(lead)[:, None] * count)
    if not np.array_equal(rows, rows[:1] + shifts):
        raise Refused(f"it mixes the {lead} examples of a fixed batch; export with one example")
    one: Numbers = rows[0]
    return one


def _axis(axis: int, first: Value) -> int:
    if not -len(first.shape) <= axis < len(first.shape):
        raise Refused(f"its axis {axis} does not exist in the shape {first.shape}")
    return axis % len(first.shape)
