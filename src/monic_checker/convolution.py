"""Convolutions carried out exactly on rows of integers, a few output positions at a time."""

from flint import fmpz

from monic_checker.budget import PYTHON
from monic_checker.costs import product
from monic_checker.grid import Grid
from monic_checker.linear import Row, matrix
from monic_checker.vector import Vector

__all__ = ["convolution_cost", "convolve", "kernel_rows", "piece_size", "repeat"]

#: Entries of the matrix of what some output positions read.
_PIECE = 2**20


def convolve(array: Vector, rows: list[Row], grid: Grid) -> list[Row]:
    """Returns the convolution of values that are given as rows, with the array's numerators.

    Row filter * positions + position of the result belongs to a filter at an output position.
    """
    length, taps, inside = len(rows[0]), grid.taps, grid.inputs
    result: list[Row] = [[] for _ in range(grid.size)]
    chunk = max(1, _PIECE // (grid.width * taps * length))
    zero = [fmpz(0)] * length
    each = grid.filters // grid.groups
    for group in range(grid.groups):
        filters = range(group * each, (group + 1) * each)
        weights = matrix(kernel_rows(array, grid, filters), grid.width * taps)
        channels = range(group * grid.width, (group + 1) * grid.width)
        for start in range(0, grid.positions, chunk):
            places = range(start, min(start + chunk, grid.positions))
            lines = [dict(grid.reads(place)) for place in places]
            picked = [
                [
                    entry
                    for line in lines
                    for entry in (rows[channel * inside + line[tap]] if tap in line else zero)
                ]
                for channel in channels
                for tap in range(taps)
            ]
            values = (weights * matrix(picked, len(places) * length)).tolist()
            for filter, row in zip(filters, values, strict=True):
                for k, place in enumerate(places):
                    result[filter * grid.positions + place] = row[k * length : (k + 1) * length]
    return result


def convolution_cost(grid: Grid, columns: int, bits: tuple[int, int]) -> int:
    """Returns the work of a convolution on rows of so many entries of so many bits."""
    seen = grid.width * grid.taps
    reads = grid.positions * grid.groups * seen * columns
    each = grid.filters // grid.groups
    products = product(each, seen, grid.positions * columns, bits)
    return PYTHON * reads + grid.groups * products


def piece_size(grid: Grid, columns: int, bits: int) -> int:
    """Returns the bytes of what is read at once, for rows of entries of so many bits."""
    seen = grid.width * grid.taps * columns
    return min(max(_PIECE, seen), grid.positions * seen) * (bits // 8 + 32)


def kernel_rows(array: Vector, grid: Grid, filters: range | list[int]) -> list[Row]:
    """Returns the numerators of some filters' kernels, each as channel by channel, tap by tap."""
    return [
        [
            array.entries[grid.entry(filter, channel, tap)]
            for channel in range(grid.width)
            for tap in range(grid.taps)
        ]
        for filter in filters
    ]


def repeat(array: Vector, size: int) -> Vector:
    """Returns one number for each of `size` values, from one number for each channel."""
    times = size // len(array.entries)
    return Vector([entry for entry in array.entries for _ in range(times)], array.denominator)
