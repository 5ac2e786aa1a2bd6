"""Maxima and means over windows."""

import math
from collections.abc import Callable, Sequence

from flint import fmpq, fmpz

from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Node
from monic_checker.graph.run import Operands, Run
from monic_checker.graph.tensor import Tensor
from monic_checker.graph.walks import Table, walks_of, windows_of

__all__ = ["TABLE"]


def _pool(node: Node, operands: Operands, run: Run) -> tuple[Tensor, list[Table], int]:
    """What a pool reads, and how many taps a window has."""
    found, sizes = operands.image(0)
    taps = node.integers("kernel_shape") or ()
    up = node.integer("ceil_mode", 0)
    tables = []
    for each in walks_of(node, sizes, taps):
        if each.room < 0:
            raise NotCompared("its windows are larger than the padded image")
        count = (-(-each.room // each.stride) if up else each.room // each.stride) + 1
        while (count - 1) * each.stride >= each.size + each.before:  # beyond the last entry
            count -= 1
        tables.append(each.forward(run, count))
        last = (count - 1) * each.stride + each.dilation * (each.taps - 1) + 1
        if node.op == "AveragePool" and last > each.size + each.before + each.after:
            raise NotCompared("its last windows reach beyond the padding (ceil_mode)")
    return found, tables, math.prod(taps)


def _max_pool(node: Node, operands: Operands, run: Run) -> Tensor:
    found, tables, _ = _pool(node, operands, run)
    return _pooled(run, found, tables, max)


def _pooled(
    run: Run, found: Tensor, tables: Sequence[Table], choose: Callable[[list[fmpz]], fmpz]
) -> Tensor:
    counts = [len(table) for table in tables]
    run.work(found.shape[0] * found.shape[1] * math.prod(len(t) * len(t[0]) for t in tables), 0)
    windows = windows_of(tables, found.shape[2:])
    inside = math.prod(found.shape[2:])
    entries = [
        choose([found.entries[first + place] for place in window])
        for first in range(0, found.size, inside)
        for window in windows
    ]
    return Tensor((*found.shape[:2], *counts), entries, found.denominator, found.dtype).lowest()


def _average_pool(node: Node, operands: Operands, run: Run) -> Tensor:
    found, tables, taps = _pool(node, operands, run)
    windows = windows_of(tables, found.shape[2:])
    run.work(found.shape[0] * found.shape[1] * sum(map(len, windows)), 0)
    counted = node.integer("count_include_pad", 0)
    numbers = [found.entries[first : first + math.prod(found.shape[2:])]
               for first in range(0, found.size, math.prod(found.shape[2:]))]  # fmt: skip
    means = [
        fmpq(sum((plane[p] for p in window), fmpz(0)), taps if counted else len(window))
        for plane in numbers
        for window in windows
    ]
    shape = (*found.shape[:2], *(len(table) for table in tables))
    whole = Tensor.of_rationals(means, shape, found.dtype)
    return Tensor(
        shape, whole.entries, whole.denominator * found.denominator, found.dtype
    ).lowest()


def _global_max(node: Node, operands: Operands, run: Run) -> Tensor:
    found, sizes = operands.image(0)
    return _pooled(run, found, [[list(range(size))] for size in sizes], max)


TABLE = {
    "AveragePool": _average_pool,
    "GlobalMaxPool": _global_max,
    "MaxPool": _max_pool,
}
