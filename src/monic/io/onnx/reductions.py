"""ReduceMean and ReduceSum: sums along axes, with exact weights."""

import math
from collections.abc import Container, Sequence
from fractions import Fraction

import numpy as np

from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands, axes, insist_on_axes, value
from monic.io.onnx.shapes import permuted
from monic.io.onnx.values import Refused, Shape, Value
from monic.model import Combine, Select

__all__ = ["means", "reduce_mean", "reduce_sum", "reduced_axes", "reduced_shape"]

#: Sums with more terms are not written down.
TERMS = 1 << 22


def reduce_mean(node: Node, operands: Operands) -> Value:
    """Y = the means of X along some axes."""
    return _reduced(node, operands, is_mean=True)


def reduce_sum(node: Node, operands: Operands) -> Value:
    """Y = the sums of X along some axes."""
    return _reduced(node, operands, is_mean=False)


def reduced_axes(node: Node, operands: Operands) -> list[int]:
    """Returns the axes of the first operand that are reduced, from 0, in order; perhaps none."""
    first = value(operands, 0)
    rank, given = len(first.shape), axes(operands, node) or ()
    if not given and node.integer("noop_with_empty_axes", 0):
        return []
    insist_on_axes(given, first.shape)
    along = {axis % rank for axis in given} or set(range(rank))
    if first.lead > 1 and 0 in along:
        raise Refused(f"it takes the {first.lead} examples of a fixed batch together")
    return sorted(along)


def _reduced(node: Node, operands: Operands, *, is_mean: bool) -> Value:
    first, along = value(operands, 0), set(reduced_axes(node, operands))
    if not along:
        return first
    kept = reduced_shape(node, first.shape, along)
    if isinstance(first.map, Select):  # in this order a channel is a row of neighbours
        first, along = _axes_last(first, along)
    terms, times = _terms(first, along, is_mean=is_mean)
    return first.mapped(Combine(terms, first.map, times), kept, node.name)


def means(first: Value, along: set[int]) -> tuple[list[list[tuple[int, Fraction]]], int]:
    """Returns the terms of the means along some axes, and in how many equal parts they repeat."""
    return _terms(first, along, is_mean=True)


def _terms(
    first: Value, along: set[int], *, is_mean: bool
) -> tuple[list[list[tuple[int, Fraction]]], int]:
    times = math.prod(first.shape[: min(along, default=0)])
    rows = _rows(first.shape, along)
    if rows.size > TERMS:
        raise Refused(f"it adds {rows.size} terms, more than {TERMS}; shrink the tensor")
    weight = Fraction(1, rows.shape[1] if is_mean else 1)
    return [[(int(place), weight) for place in row] for row in rows], times // first.lead


def _axes_last(first: Value, along: set[int]) -> tuple[Value, set[int]]:
    """Returns a tensor with some axes moved to the end, and where they are there."""
    rank = len(first.shape)
    order = [*(axis for axis in range(rank) if axis not in along), *sorted(along)]
    return permuted(first, order), set(range(rank - len(along), rank))


def _rows(shape: Shape, along: set[int]) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Returns the places that each sum takes, within what the axes before the first one repeat."""
    start = min(along, default=0)
    inner = shape[start:]
    numbers = np.arange(math.prod(inner), dtype=np.int64).reshape(inner)
    last = sorted(axis - start for axis in along)
    others = [axis for axis in range(len(inner)) if axis not in last]
    count = math.prod(inner[axis] for axis in last)
    return numbers.transpose([*others, *last]).reshape(-1, count)


def reduced_shape(node: Node, shape: Sequence[int], along: Container[int]) -> Shape:
    """Returns the shape that is left when some axes are reduced."""
    if node.integer("keepdims", 1):
        return tuple(1 if axis in along else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in along)
