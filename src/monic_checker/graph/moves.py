"""Operators that choose, repeat and join numbers."""

import math
from collections.abc import Sequence

from flint import fmpq

from monic_checker.graph.axes import axes_of, axis_of
from monic_checker.graph.broadcasting import broadcast, places_in
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Node
from monic_checker.graph.run import Operands, Run
from monic_checker.graph.tensor import NOWHERE, Tensor, strides, walk

__all__ = ["TABLE", "chosen", "whole_lines"]


def chosen(
    run: Run, found: Tensor, lines: Sequence[Sequence[int]], filling: fmpq | None = None
) -> Tensor:
    """Returns the entries at some indices along each axis; a negative index has the filling."""
    shape = tuple(len(line) for line in lines)
    run.hold(shape, 64 if filling is None else found.length + 64)
    scaled = [
        [step * i if i >= 0 else NOWHERE for i in line]
        for step, line in zip(strides(found.shape), lines, strict=True)
    ]
    return found.taken(walk(scaled), shape, filling)


def whole_lines(found: Tensor) -> list[Sequence[int]]:
    """Returns all indices along each axis."""
    return [range(size) for size in found.shape]


def _concat(node: Node, operands: Operands, run: Run) -> Tensor:
    parts = operands.tensors()
    rank = len(parts[0].shape)
    axis = axis_of(node.integer("axis", 1), rank)
    others = {(len(p.shape), p.shape[:axis], p.shape[axis + 1 :]) for p in parts}
    if len(others) != 1:
        raise NotCompared(f"the shapes {[p.shape for p in parts]} do not fit together")
    unit = parts[0].denominator
    for part in parts[1:]:
        unit = unit.lcm(part.denominator)
    parts = [part.over(unit) for part in parts]
    outer, inner = math.prod(parts[0].shape[:axis]), math.prod(parts[0].shape[axis + 1 :])
    sizes = [part.shape[axis] * inner for part in parts]
    run.hold((outer, sum(sizes)), max(part.length for part in parts))
    entries = [
        entry
        for k in range(outer)
        for part, size in zip(parts, sizes, strict=True)
        for entry in part.entries[k * size : (k + 1) * size]
    ]
    along = sum(part.shape[axis] for part in parts)
    shape = (*parts[0].shape[:axis], along, *parts[0].shape[axis + 1 :])
    return Tensor(shape, entries, unit, parts[0].dtype)


def _split(node: Node, operands: Operands, run: Run) -> list[Tensor]:
    found, given = operands.tensor(0), operands.optional(1)
    axis = axis_of(node.integer("axis", 0), len(found.shape))
    sizes = node.integers("split") if given is None else given.integers()
    size, parts = found.shape[axis], len(node.outputs)
    if node.integer("num_outputs", parts) != parts:
        raise NotCompared("its num_outputs is not the number of its outputs")
    if sizes is None:
        step = -(-size // parts)
        sizes = tuple(min(step, size - k * step) for k in range(parts))
    if len(sizes) != parts or min(sizes) < 0 or sum(sizes) != size:
        raise NotCompared(f"its parts {sizes} do not make up axis {axis} of {found.shape}")
    results, start = [], 0
    for length in sizes:
        lines = whole_lines(found)
        lines[axis] = range(start, start + length)
        results.append(chosen(run, found, lines))
        start += length
    return results


def _slice(node: Node, operands: Operands, run: Run) -> Tensor:
    found, rank = operands.tensor(0), len(operands.tensor(0).shape)
    if operands.optional(1) is None:
        starts, ends = node.integers("starts") or (), node.integers("ends") or ()
    else:
        starts, ends = (tuple(operands.tensor(k).integers()) for k in (1, 2))
    axes = axes_of(node, operands, 3, rank)
    axes = list(range(len(starts))) if axes is None else axes
    given = operands.optional(4)
    steps = [1] * len(starts) if given is None else given.integers()
    fits = len(starts) == len(ends) == len(axes) == len(steps) and max(axes, default=0) < rank
    if not fits or 0 in steps or len({*axes}) != len(axes):
        raise NotCompared("its starts, ends, axes and steps do not fit together")
    lines = whole_lines(found)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        lines[axis] = range(found.shape[axis])[start:end:step]
    return chosen(run, found, lines)


def _gather(node: Node, operands: Operands, run: Run) -> Tensor:
    found, where = operands.tensor(0), operands.tensor(1)
    axis = axis_of(node.integer("axis", 0), len(found.shape))
    lines = whole_lines(found)
    lines[axis] = _indices(where.integers(), found.shape[axis])
    given = chosen(run, found, lines)
    return given.reshaped((*found.shape[:axis], *where.shape, *found.shape[axis + 1 :]))


def _indices(numbers: Sequence[int], size: int) -> list[int]:
    if not all(-size <= number < size for number in numbers):
        raise NotCompared("it takes entries that are not there")
    return [number % size for number in numbers]


def _gather_nd(node: Node, operands: Operands, run: Run) -> Tensor:
    found, where = operands.tensor(0), operands.tensor(1)
    depth, numbers = where.shape[-1] if where.shape else 0, where.integers()
    if node.integer("batch_dims", 0) or not 1 <= depth <= len(found.shape):
        raise NotCompared(f"its indices of shape {where.shape} do not fit {found.shape}")
    steps = strides(found.shape)
    inner = math.prod(found.shape[depth:])
    run.hold((len(numbers) // depth, inner), 64)
    bases = [
        sum(
            step * _indices([number], size)[0]
            for step, number, size in zip(steps, numbers[k : k + depth], found.shape, strict=False)
        )
        for k in range(0, len(numbers), depth)
    ]
    return found.taken(walk([bases, range(inner)]), (*where.shape[:-1], *found.shape[depth:]))


def _expand(node: Node, operands: Operands, run: Run) -> Tensor:
    found, wanted = operands.tensor(0), tuple(operands.tensor(1).integers())
    if any(size < 1 for size in wanted):
        raise NotCompared(f"it expands to the shape {list(wanted)}")
    shape = broadcast([found.shape, wanted])
    run.hold(shape, 64)
    return found.taken(places_in(found.shape, shape), shape)


def _tile(node: Node, operands: Operands, run: Run) -> Tensor:
    found, repeats = operands.tensor(0), operands.tensor(1).integers()
    if len(repeats) != len(found.shape) or min(repeats, default=1) < 1:
        raise NotCompared(f"its repeats {repeats} do not fit the shape {found.shape}")
    pairs = list(zip(found.shape, repeats, strict=True))
    run.hold([size * times for size, times in pairs], 64)
    return chosen(run, found, [[*range(size)] * times for size, times in pairs])


TABLE = {
    "Concat": _concat,
    "Expand": _expand,
    "Gather": _gather,
    "GatherND": _gather_nd,
    "Slice": _slice,
    "Split": _split,
    "Tile": _tile,
}
