"""The operators that compute nothing: they keep the C order, or choose entries."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from monic.io.onnx.branches import picked
from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands, axes, insist_on_axes, integers, operand, optional
from monic.io.onnx.values import Constant, Operand, Refused, Shape, Value

__all__ = [
    *("cast", "dropout", "flatten", "gather", "identity", "joined_integers"),
    *("filled", "permuted", "reshape", "shape_of", "squeeze", "transpose", "unsqueeze"),
]

#: The number formats of ONNX that monic reads, and the ones that hold all their numbers.
_FLOATS = {1: "float32", 10: "float16", 11: "float64", 16: "bfloat16"}
_WIDER = {"float16": (1, 10, 11), "bfloat16": (1, 11, 16), "float32": (1, 11), "float64": (11,)}

#: Longer lists of integers are no shapes, nor widths of a padding.
_LONGEST = 1 << 10

_INTEGERS = (2, 3, 4, 5, 6, 7, 12, 13)


def identity(node: Node, operands: Operands) -> Operand:
    """Y = X."""
    return operand(operands, 0)


def dropout(node: Node, operands: Operands) -> Operand:
    """Y = X, as dropout does when a network is used."""
    training = optional(operands, 2)
    if training is not None and not (isinstance(training, Constant) and not training.flat().any()):
        raise Refused("it drops at random (training_mode); export in evaluation mode")
    return operand(operands, 0)


def cast(node: Node, operands: Operands) -> Operand:
    """Y = X in a format that holds every number of the present one."""
    found, to = operand(operands, 0), node.integer("to", 0)
    if isinstance(found, Constant):
        if found.is_integer and to in _INTEGERS:
            return found
        exact = to in _WIDER.get(found.array.dtype.name, ())
    else:
        exact = to in _WIDER.get(_FLOATS.get(found.dtype, ""), ())
    if not exact:
        raise Refused("it rounds numbers to another format; export in one float format")
    return found if isinstance(found, Constant) else found.of_format(to)


def flatten(node: Node, operands: Operands) -> Operand:
    """Y = X as a matrix."""
    found, axis = operand(operands, 0), node.integer("axis", 1)
    rank = len(found.shape)
    if not -rank <= axis <= rank:
        raise Refused(f"its axis {axis} does not exist in the shape {found.shape}")
    axis = axis + rank if axis < 0 else axis
    return _reshaped(found, (math.prod(found.shape[:axis]), math.prod(found.shape[axis:])))


def reshape(node: Node, operands: Operands) -> Operand:
    """Y = X in another shape; 0 keeps a size and -1 is what remains."""
    found, wanted = operand(operands, 0), list(integers(operand(operands, 1)))
    if not node.integer("allowzero", 0):
        kept = [*found.shape, *[0] * len(wanted)]
        wanted = [kept[i] if size == 0 else size for i, size in enumerate(wanted)]
    if wanted.count(-1) == 1:
        others = -math.prod(wanted)
        rest = math.prod(found.shape)
        wanted[wanted.index(-1)] = rest // others if others > 0 else 0
    return _reshaped(found, tuple(wanted))


def squeeze(node: Node, operands: Operands) -> Operand:
    """Y = X without axes of size 1."""
    found = operand(operands, 0)
    rank, given = len(found.shape), axes(operands, node)
    if given is None:
        return _reshaped(found, tuple(size for size in found.shape if size != 1))
    if not given:
        raise Refused("its list of axes is empty, which some take for all of size 1; name them")
    insist_on_axes(given, found.shape)
    gone = {axis % rank for axis in given}
    return _reshaped(found, tuple(n for i, n in enumerate(found.shape) if i not in gone))


def unsqueeze(node: Node, operands: Operands) -> Operand:
    """Y = X with further axes of size 1."""
    found, given = operand(operands, 0), axes(operands, node) or ()
    rank = len(found.shape) + len(given)
    new = {axis % rank for axis in given if -rank <= axis < rank}
    if len(new) != len(given):
        raise Refused(f"its axes {given} do not fit the shape {found.shape}")
    old = iter(found.shape)
    return _reshaped(found, tuple(1 if i in new else next(old) for i in range(rank)))


def transpose(node: Node, operands: Operands) -> Operand:
    """Y = X with axes of size 1 moved; of a constant matrix also the transpose."""
    found = operand(operands, 0)
    rank = len(found.shape)
    order = node.integers("perm") or tuple(reversed(range(rank)))
    if sorted(order) != list(range(rank)):
        raise Refused(f"its permutation {order} does not fit the shape {found.shape}")
    shape = tuple(found.shape[axis] for axis in order)
    moved = [axis for axis in order if found.shape[axis] > 1]
    if moved == sorted(moved):
        return _reshaped(found, shape)
    if isinstance(found, Constant) and found.array.dtype == np.int64 and not found.transposed:
        return _constant(found.array.reshape(found.shape).transpose(order))  # no weights
    if isinstance(found, Constant) and rank == 2 and found.shape == _stored(found):
        return replace(found, shape=shape, transposed=not found.transposed)
    if isinstance(found, Constant) or (found.lead > 1 and order[0] != 0):
        raise Refused(
            f"it permutes the numbers of the shape {found.shape}; store the constant, or export "
            "one example, in its last form"
        )
    return permuted(found.settled(), order)


def permuted(found: Value, order: Sequence[int]) -> Value:
    """Returns a settled tensor with its axes in another order.

    Raises:
        Refused: when the examples of a fixed batch do not stay along axis 0.
    """
    if found.lead > 1 and order[0] != 0:
        raise Refused(f"it moves the {found.lead} examples of a fixed batch; export one example")
    numbers = np.arange(found.map.out_dim)
    if found.lead == 1:
        places = numbers.reshape(found.shape).transpose(order)
    else:
        places = numbers.reshape(found.shape[1:]).transpose([axis - 1 for axis in order[1:]])
    shape = tuple(found.shape[axis] for axis in order)
    return found.mapped(picked(found.map, places.reshape(-1)), shape)


def shape_of(node: Node, operands: Operands) -> Operand:
    """Y = the shape of X, which is known, or a part of it."""
    shape = operand(operands, 0).shape
    part = shape[node.integer("start", 0) : node.integer("end", len(shape))]
    return _constant(np.array(part, dtype=np.int64))


def filled(node: Node, operands: Operands) -> Operand:
    """Y = one integer, as often as a shape says; torch builds the widths of a padding so."""
    shape = integers(operand(operands, 0))
    if any(size < 0 for size in shape) or math.prod(shape) > _LONGEST:
        raise Refused(f"it fills the shape {shape}; only lists of integers are read")
    number = node.attributes.get("value")
    if not isinstance(number, np.ndarray) or number.dtype.kind not in "iu" or number.size != 1:
        raise Refused("it fills a tensor with floats; store the tensor")
    return _constant(np.full(shape, int(number.flat[0]), dtype=np.int64))


def gather(node: Node, operands: Operands) -> Operand:
    """Y = entries of a shape."""
    table = np.array(integers(operand(operands, 0)), dtype=np.int64)
    chosen = operand(operands, 1)
    where = np.array(integers(chosen), dtype=np.int64)
    if len(operand(operands, 0).shape) != 1 or len(chosen.shape) > 1:
        raise Refused("it takes entries of a table; only entries of a shape are read")
    if not np.all(np.abs(where + 0.5) < table.size):
        raise Refused("it takes entries that are not there")
    return _constant(table[where].reshape(chosen.shape))


def joined_integers(node: Node, parts: list[Constant]) -> Constant:
    """Returns shapes one after another.

    Raises:
        Refused: when they are no lists of integers.
    """
    if any(len(part.shape) != 1 for part in parts):
        raise Refused("it joins constants; fold constants before exporting")
    return _constant(np.array([n for part in parts for n in integers(part)], dtype=np.int64))


def _constant(entries: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Constant:
    return Constant(entries, entries.shape)


def _stored(constant: Constant) -> Shape:
    shape: Shape = constant.array.shape
    return shape[::-1] if constant.transposed else shape


def _reshaped(found: Operand, shape: Shape) -> Operand:
    if any(size < 0 for size in shape) or math.prod(shape) != math.prod(found.shape):
        raise Refused(f"the shape {found.shape} does not fill the shape {shape}")
    return found.reshaped(shape)
