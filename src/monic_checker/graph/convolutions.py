"""Convolutions and transposed ones, as matrix products with what output positions read."""

import math
from collections.abc import Sequence
from itertools import product

from flint import fmpz, fmpz_mat

from monic_checker.graph.broadcasting import add
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Node
from monic_checker.graph.run import Operands, Run
from monic_checker.graph.tensor import Shape, Tensor, walk
from monic_checker.graph.walks import Table, reads_of, walks_of

__all__ = ["TABLE"]

#: Entries of the matrix of what some output positions read.
_PIECE = 2**21


def _kernel(node: Node, operands: Operands) -> tuple[Tensor, Tensor, Shape]:
    found, sizes = operands.image(0)
    kernel = operands.tensor(1)
    if len(kernel.shape) != len(found.shape):
        raise NotCompared(f"its kernel {kernel.shape} does not fit {found.shape}")
    if tuple(node.integers("kernel_shape") or kernel.shape[2:]) != kernel.shape[2:]:
        raise NotCompared("its kernel_shape is not that of the kernel")
    return found, kernel, sizes


def _conv(node: Node, operands: Operands, run: Run) -> Tensor:
    found, kernel, sizes = _kernel(node, operands)
    walks = walks_of(node, sizes, kernel.shape[2:])
    if any(walk.room < 0 for walk in walks):
        raise NotCompared("its kernel is larger than the padded image")
    tables = [walk.forward(run, walk.room // walk.stride + 1) for walk in walks]
    groups, filters = node.integer("group", 1), kernel.shape[0]
    if groups < 1 or filters % groups or kernel.shape[1] * groups != found.shape[1]:
        raise NotCompared(f"its {groups} groups do not fit the channels")
    return _shifted(run, _convolved(run, found, kernel, tables, groups), operands)


def _conv_transpose(node: Node, operands: Operands, run: Run) -> Tensor:
    found, kernel, sizes = _kernel(node, operands)
    if node.string("auto_pad", "NOTSET") != "NOTSET" or "output_shape" in node.attributes:
        raise NotCompared("it derives its padding from a shape (auto_pad or output_shape)")
    walks = walks_of(node, sizes, kernel.shape[2:])
    extra = node.integers("output_padding") or (0,) * len(walks)
    if len(extra) != len(walks) or min(extra) < 0:
        raise NotCompared("its output_padding does not fit the image")
    tables = [walk.backward(run, more) for walk, more in zip(walks, extra, strict=True)]
    groups, channels, each = node.integer("group", 1), kernel.shape[0], kernel.shape[1]
    if groups < 1 or channels % groups or channels != found.shape[1]:
        raise NotCompared(f"its {groups} groups do not fit the channels")
    # stored as (channels, filters / groups, taps): turned into (filters, channels / groups, taps)
    taps = math.prod(kernel.shape[2:])
    wide = channels // groups
    lines = [
        [g * wide * each * taps for g in range(groups)],
        [f * taps for f in range(each)],
        [c * each * taps for c in range(wide)],
        range(taps),
    ]
    shape = (groups * each, wide, *kernel.shape[2:])
    turned = kernel.taken(walk(lines), shape)
    return _shifted(run, _convolved(run, found, turned, tables, groups), operands)


def _shifted(run: Run, found: Tensor, operands: Operands) -> Tensor:
    """A convolution plus a constant for each filter."""
    shift = operands.optional(2)
    if shift is None:
        return found.lowest()
    if shift.shape != found.shape[1:2]:
        raise NotCompared(f"its bias has the shape {shift.shape}, not one entry a filter")
    return add(run, found, shift.reshaped((*shift.shape, *(1,) * (len(found.shape) - 2))))


def _convolved(
    run: Run, found: Tensor, kernel: Tensor, tables: Sequence[Table], groups: int
) -> Tensor:
    """The sums over channels and taps, group by group, for each example."""
    examples, channels = found.shape[:2]
    filters, wide = kernel.shape[:2]
    taps, counts = math.prod(kernel.shape[2:]), [len(table) for table in tables]
    positions, inside = math.prod(counts), math.prod(found.shape[2:])
    shape = (examples, filters, *counts)
    run.hold((positions, taps), 64)
    run.hold(shape, found.length + kernel.length + 32)
    lengths = (kernel.length, found.length)
    run.matrices(filters // groups, wide * taps, examples * groups * positions, lengths)
    run.hold((min(_PIECE, positions * wide * taps),), 0)
    reads = reads_of(tables, found.shape[2:])
    entries: list[fmpz] = []
    each = filters // groups
    for n, g in product(range(examples), range(groups)):
        first = (n * channels + g * wide) * inside
        planes = [found.entries[first + c * inside : first + (c + 1) * inside]
                  for c in range(wide)]  # fmt: skip
        size = each * wide * taps
        matrix = fmpz_mat(each, wide * taps, kernel.entries[g * size : (g + 1) * size])
        entries += _product_with(matrix, planes, reads, positions)
    return Tensor(shape, entries, found.denominator * kernel.denominator, found.dtype)


def _product_with(
    matrix: fmpz_mat, planes: Sequence[list[fmpz]], reads: Sequence[list[int]], positions: int
) -> list[fmpz]:
    """A matrix times the columns of what each output position reads, some positions at once."""
    zero, width = fmpz(0), len(planes) * len(reads)
    step = max(1, _PIECE // max(width, 1))
    pieces: list[list[list[fmpz]]] = []
    for start in range(0, positions, step):
        stop = min(start + step, positions)
        columns = [
            plane[place] if place >= 0 else zero
            for plane in planes
            for line in reads
            for place in line[start:stop]
        ]
        pieces.append((matrix * fmpz_mat(width, stop - start, columns)).tolist())
    return [entry for f in range(matrix.nrows()) for piece in pieces for entry in piece[f]]


TABLE = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
}
