"""Sums, means and extremes along axes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from flint import fmpz

from monic_checker.graph.axes import axes_of
from monic_checker.graph.broadcasting import multiply
from monic_checker.graph.curves import rooted
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Node
from monic_checker.graph.run import Operands, Run
from monic_checker.graph.tensor import Tensor, strides, walk

__all__ = ["TABLE", "mean"]


def _along(node: Node, operands: Operands) -> list[int]:
    """The axes that a node reduces; none for one that does nothing."""
    rank = len(operands.tensor(0).shape)
    axes = axes_of(node, operands, 1, rank)
    if not axes:
        return [] if node.integer("noop_with_empty_axes", 0) else list(range(rank))
    return sorted({*axes})


def _reduced(
    run: Run, found: Tensor, axes: Sequence[int], act: Callable[[list[fmpz]], fmpz]
) -> Tensor:
    """What an action gives on the numerators along some axes, which are kept with size 1."""
    steps = strides(found.shape)
    lines = [[step * i for i in range(n)] for step, n in zip(steps, found.shape, strict=True)]
    outer = walk([[0] if axis in axes else line for axis, line in enumerate(lines)])
    inner = walk([lines[axis] for axis in axes])
    run.work(found.size, found.length)
    if not inner:
        raise NotCompared("it reduces an axis without entries")
    entries = [act([found.entries[base + step] for step in inner]) for base in outer]
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(found.shape))
    return replace(found, shape=shape, entries=entries)


def _sum_of(numbers: list[fmpz]) -> fmpz:
    return sum(numbers, fmpz(0))


def mean(run: Run, found: Tensor, axes: Sequence[int]) -> Tensor:
    """Returns the means along some axes, which are kept with size 1."""
    total = _reduced(run, found, axes, _sum_of)
    count = math.prod(found.shape[axis] for axis in axes)
    return replace(total, denominator=total.denominator * count).lowest()


def _shaped(node: Node, found: Tensor, axes: Sequence[int]) -> Tensor:
    if node.integer("keepdims", 1):
        return found
    return found.reshaped([n for axis, n in enumerate(found.shape) if axis not in axes])


def _reduce_mean(node: Node, operands: Operands, run: Run) -> Tensor:
    found, axes = operands.tensor(0), _along(node, operands)
    return _shaped(node, mean(run, found, axes), axes) if axes else found


def _reducer(act: Callable[[list[fmpz]], fmpz]) -> Callable[..., Tensor]:
    def reduce(node: Node, operands: Operands, run: Run) -> Tensor:
        found, axes = operands.tensor(0), _along(node, operands)
        return _shaped(node, _reduced(run, found, axes, act), axes).lowest() if axes else found

    return reduce


def _sum_square(node: Node, operands: Operands, run: Run) -> Tensor:
    found, axes = operands.tensor(0), _along(node, operands)
    square = multiply(run, found, found)
    return _shaped(node, _reduced(run, square, axes, _sum_of), axes) if axes else square


def _norm(node: Node, operands: Operands, run: Run) -> Tensor:
    return rooted(run, _sum_square(node, operands, run))


def _global_average(node: Node, operands: Operands, run: Run) -> Tensor:
    found, _ = operands.image(0)
    return mean(run, found, range(2, len(found.shape)))


TABLE = {
    "GlobalAveragePool": _global_average,
    "ReduceL1": _reducer(lambda numbers: sum(map(abs, numbers), fmpz(0))),
    "ReduceL2": _norm,
    "ReduceMax": _reducer(max),
    "ReduceMean": _reduce_mean,
    "ReduceMin": _reducer(min),
    "ReduceSum": _reducer(_sum_of),
    "ReduceSumSquare": _sum_square,
}
