"""Operators that give tensors other axes, or make constants of shapes."""

import math

from flint import fmpq, fmpz

from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Node
from monic_checker.graph.products import permuted
from monic_checker.graph.run import Operands, Run
from monic_checker.graph.tensor import Tensor

__all__ = ["TABLE", "axes_of", "axis_of"]


def axis_of(axis: int, rank: int) -> int:
    """Returns an axis, counted from 0."""
    if not -rank <= axis < rank:
        raise NotCompared(f"its axis {axis} does not exist among {rank}")
    return axis % rank


def axes_of(node: Node, operands: Operands, index: int, rank: int) -> list[int] | None:
    """Returns axes that are an attribute in old files, and an input in others."""
    given = operands.optional(index)
    found = node.integers("axes") if given is None else given.integers()
    return None if found is None else [axis_of(axis, rank) for axis in found]


def _identity(node: Node, operands: Operands, run: Run) -> Tensor:
    return operands.tensor(0)


def _dropout(node: Node, operands: Operands, run: Run) -> Tensor:
    training = operands.optional(2)
    if training is not None and training.number() != 0:
        raise NotCompared("it drops at random (training_mode)")
    return operands.tensor(0)


def _flatten(node: Node, operands: Operands, run: Run) -> Tensor:
    found, axis = operands.tensor(0), node.integer("axis", 1)
    rank = len(found.shape)
    if not -rank <= axis <= rank:
        raise NotCompared(f"its axis {axis} does not exist in the shape {found.shape}")
    axis = axis + rank if axis < 0 else axis
    return found.reshaped((math.prod(found.shape[:axis]), math.prod(found.shape[axis:])))


def _reshape(node: Node, operands: Operands, run: Run) -> Tensor:
    found, wanted = operands.tensor(0), operands.tensor(1).integers()
    if not node.integer("allowzero", 0):
        kept = [*found.shape, *[-2] * len(wanted)]
        wanted = [kept[i] if size == 0 else size for i, size in enumerate(wanted)]
    if wanted.count(-1) == 1:
        others = -math.prod(wanted)
        wanted[wanted.index(-1)] = found.size // others if others > 0 else 0
    return found.reshaped(wanted)


def _squeeze(node: Node, operands: Operands, run: Run) -> Tensor:
    found = operands.tensor(0)
    axes = axes_of(node, operands, 1, len(found.shape))
    ones = [axis for axis, size in enumerate(found.shape) if size == 1]
    gone = ones if axes is None else axes
    return found.reshaped([size for axis, size in enumerate(found.shape) if axis not in gone])


def _unsqueeze(node: Node, operands: Operands, run: Run) -> Tensor:
    found, given = operands.tensor(0), operands.optional(1)
    numbers = node.integers("axes") if given is None else given.integers()
    rank = len(found.shape) + len(numbers or ())
    new = {axis_of(axis, rank) for axis in numbers or ()}
    if len(new) != len(numbers or ()) or rank > 64:
        raise NotCompared(f"its axes {numbers} do not fit the shape {found.shape}")
    old = iter(found.shape)
    return found.reshaped([1 if axis in new else next(old) for axis in range(rank)])


def _transpose(node: Node, operands: Operands, run: Run) -> Tensor:
    found = operands.tensor(0)
    rank = len(found.shape)
    order = node.integers("perm") or tuple(reversed(range(rank)))
    if sorted(order) != list(range(rank)):
        raise NotCompared(f"its permutation {order} does not fit the shape {found.shape}")
    return permuted(run, found, order)


def _shape(node: Node, operands: Operands, run: Run) -> Tensor:
    shape = operands.tensor(0).shape
    return Tensor.of_integers(shape[node.integer("start", 0) : node.integer("end", len(shape))])


def _size(node: Node, operands: Operands, run: Run) -> Tensor:
    return Tensor.of_integers([operands.tensor(0).size], ())


def _constant(node: Node, operands: Operands, run: Run) -> Tensor:
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        found = node.attributes.get(name)
        if isinstance(found, Tensor):
            return found
        if isinstance(found, fmpq):
            return Tensor.of_rationals([found], (), "float32")
        if isinstance(found, int):
            return Tensor.of_integers([found], ())
        if name == "value_floats" and isinstance(found, tuple):
            return Tensor.of_rationals([fmpq(x) for x in found], (len(found),), "float32")
        if isinstance(found, tuple):
            return Tensor.of_integers([int(x) for x in found])
    raise NotCompared("it is no dense numeric constant")


def _filled(node: Node, operands: Operands, run: Run) -> Tensor:
    shape, value = operands.tensor(0).integers(), node.attributes.get("value")
    if any(size < 0 for size in shape):
        raise NotCompared(f"it fills the shape {shape}")
    single = value if isinstance(value, Tensor) else Tensor((1,), [fmpz(0)])
    run.hold(shape, single.length)
    single.number()
    return single.taken([0] * math.prod(shape), tuple(shape))


def _range(node: Node, operands: Operands, run: Run) -> Tensor:
    start, limit, step = (operands.tensor(k).reshaped((1,)).integers()[0] for k in range(3))
    if step == 0:
        raise NotCompared("it steps by 0")
    run.hold((len(range(start, limit, step)),), 64)
    return Tensor.of_integers(range(start, limit, step))


TABLE = {
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "Identity": _identity,
    "Range": _range,
    "Reshape": _reshape,
    "Shape": _shape,
    "Size": _size,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
