"""Concat: branches side by side."""

import math
from collections.abc import Sequence
from dataclasses import replace

from monic.io.onnx.branches import side_by_side, together
from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands, operand
from monic.io.onnx.shapes import joined_integers, permuted
from monic.io.onnx.values import (
    Activated,
    Constant,
    Operand,
    Refused,
    Shape,
    Tensor,
    Value,
    stand_in,
)
from monic.model import Activation

__all__ = ["concat"]


def concat(node: Node, operands: Operands) -> Operand:
    """Y = (X_1, X_2, ...) along the axis of the features."""
    parts = [operand(operands, index) for index in range(max(len(operands), 1))]
    branches = [part for part in parts if isinstance(part, Tensor)]
    if not branches:
        return joined_integers(node, [part for part in parts if isinstance(part, Constant)])
    if len(branches) < len(parts):
        raise Refused("it joins constants to a tensor; only what depends on the input is read")
    axis, lead = node.integer("axis", 1), branches[0].lead
    shape = _joined([b.shape for b in branches], axis, lead)
    if any(branch.source.broken for branch in branches):
        return stand_in(shape, lead, branches[0].dtype)
    axis %= len(shape)
    if math.prod(shape[:axis]) != lead:
        return _interleaved(node, branches, axis)
    shared = _shared(branches)
    if shared is None:
        return _side_by_side(together(branches), shape)
    before, activation, alpha = shared
    return _side_by_side(before, shape).activated(activation, node.outputs[0], alpha=alpha)


def _interleaved(node: Node, branches: list[Tensor], axis: int) -> Operand:
    """Returns branches joined along a later axis: that axis comes first meanwhile."""
    rank = len(branches[0].shape)
    inner = () if branches[0].lead == 1 else (0,)
    order = (*inner, axis, *(a for a in range(len(inner), rank) if a != axis))
    moved = [permuted(branch.settled(), order) for branch in branches]
    joined = concat(replace(node, attributes={"axis": len(inner)}), moved)
    assert isinstance(joined, Tensor), "tensors give a tensor"
    return permuted(joined.settled(), tuple(order.index(a) for a in range(rank)))


def _side_by_side(branches: list[Value], shape: Shape) -> Value:
    names = [branch.name for branch in branches if branch.name]
    maps = tuple(branch.map for branch in branches)
    return branches[0].mapped(side_by_side(maps), shape, names[-1] if names else "")


def _shared(branches: Sequence[Tensor]) -> tuple[list[Value], Activation, float | None] | None:
    """Returns branches of one place before the activation that all end with, it, and its alpha.

    None where they do not, or where each has slopes of its own.
    """
    ends = [branch for branch in branches if isinstance(branch, Activated)]
    kinds = {(end.stage.activation, end.stage.alpha) for end in ends}
    sloped = any(end.stage.slope is not None for end in ends)
    places = {id(end.before.source) for end in ends}
    if len(ends) < len(branches) or len(kinds) > 1 or len(places) > 1 or sloped:
        return None
    return [end.before for end in ends], *kinds.pop()


def _joined(shapes: list[Shape], axis: int, lead: int) -> Shape:
    rank = len(shapes[0])
    if not -rank <= axis < rank:
        raise Refused(f"its axis {axis} does not exist in the shape {shapes[0]}")
    axis %= rank
    if len({(len(shape), shape[:axis], shape[axis + 1 :]) for shape in shapes}) != 1:
        raise Refused(f"the shapes {', '.join(map(str, shapes))} do not fit together")
    if lead > 1 and axis == 0:
        raise Refused(f"it joins examples, along axis 0 of the shape {shapes[0]}")
    return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])
