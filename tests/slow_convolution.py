"""Convolutions by definition, on rows of fractions; for tests only, sharing no code with others.

A forward convolution is taken of an input that is padded cell by cell; a transposed one adds up
what every input cell sends to the output.
"""

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any

__all__ = ["convolved"]

Numbers = list[Fraction]
Cell = tuple[int, ...]
Cells = dict[Cell, Numbers]
Kernel = dict[Cell, Fraction]


def convolved(
    name: str, table: Numbers, shape: list[int], of: tuple[Sequence[Numbers], dict[str, Any]]
) -> list[Numbers]:
    """Returns the rows of a convolution step.

    Arguments:
        name: "convolution" or "transposed-convolution".
        table: The entries of the kernel.
        shape: Its shape.
        of: The rows of the step before, and the geometry as in a header.
    """
    value, grid = of
    kernel = dict(zip(product(*map(range, shape)), table, strict=True))
    cells = dict(zip(product(*map(range, grid["shape"])), value, strict=True))
    make = _forward if name == "convolution" else _backward
    sums, counts = make(kernel, cells, grid, shape)
    zero = [Fraction(0)] * len(value[0])
    return [sums.get(cell, zero) for cell in product(*map(range, counts))]


def _forward(
    kernel: Kernel, cells: Cells, grid: dict[str, Any], shape: list[int]
) -> tuple[dict[Cell, Numbers], list[int]]:
    sides, taps = grid["shape"][1:], shape[2:]
    axes = range(len(sides))
    counts = [shape[0]]
    for a in axes:
        length = sides[a] + sum(grid["padding"][a])
        reach = (taps[a] - 1) * grid["dilation"][a]
        counts.append(len(range(0, length - reach, grid["stride"][a])))
    each, width = shape[0] // grid["groups"], shape[1]
    sums: dict[Cell, Numbers] = {}
    for out in product(*map(range, counts)):
        total = [Fraction(0)] * len(next(iter(cells.values())))
        for channel, tap in product(range(width), product(*map(range, taps))):
            place = [
                out[a + 1] * grid["stride"][a]
                + tap[a] * grid["dilation"][a]
                - grid["padding"][a][0]
                for a in axes
            ]
            inside = [_padded(q, side, grid["mode"]) for q, side in zip(place, sides, strict=True)]
            if None not in inside:
                source = cells[(out[0] // each * width + channel, *(q or 0 for q in inside))]
                factor = kernel[(out[0], channel, *tap)]
                total = [t + factor * x for t, x in zip(total, source, strict=True)]
        sums[out] = total
    return sums, counts


def _padded(q: int, side: int, mode: str) -> int | None:
    """Where a cell beyond the border comes from, one step at a time."""
    while not 0 <= q < side:
        if mode == "zero":
            return None
        if mode == "circular":
            q += side if q < 0 else -side
        elif mode == "replicate":
            q += 1 if q < 0 else -1
        else:
            q = -q if q < 0 else 2 * side - 2 - q
    return q


def _backward(
    kernel: Kernel, cells: Cells, grid: dict[str, Any], shape: list[int]
) -> tuple[dict[Cell, Numbers], list[int]]:
    axes = range(len(grid["shape"]) - 1)
    counts = [shape[1] * grid["groups"]]
    for a in axes:
        last = (grid["shape"][a + 1] - 1) * grid["stride"][a]
        reach = (shape[a + 2] - 1) * grid["dilation"][a]
        counts.append(last + reach + 1 - sum(grid["padding"][a]) + grid["output_padding"][a])
    width = shape[0] // grid["groups"]
    length = len(next(iter(cells.values())))
    sums: dict[Cell, Numbers] = defaultdict(lambda: [Fraction(0)] * length)
    for (channel, *place), source in cells.items():
        for filter, tap in product(range(shape[1]), product(*map(range, shape[2:]))):
            out = [
                place[a] * grid["stride"][a] + tap[a] * grid["dilation"][a] - grid["padding"][a][0]
                for a in axes
            ]
            cell = (channel // width * shape[1] + filter, *out)
            factor = kernel[(channel, filter, *tap)]
            sums[cell] = [t + factor * x for t, x in zip(sums[cell], source, strict=True)]
    return dict(sums), counts
