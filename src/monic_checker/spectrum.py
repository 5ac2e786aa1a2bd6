"""Convolutions around a circle: one small matrix for every frequency modulo a prime.

Where shifting the output by one shifts the input by the stride, all around every axis, the
discrete Fourier transform modulo p takes the operator apart. It is invertible when p is 1 modulo
the number of output positions along every axis, so that ranks modulo p add up.
"""

from collections.abc import Sequence
from itertools import product
from math import prod

from flint import nmod_mat

from monic_checker.grid import Grid
from monic_checker.linear import Row

__all__ = ["is_circulant", "spectrum_has_full_rank"]


def is_circulant(grid: Grid) -> bool:
    """Whether all output positions of every axis read the same, shifted around the circle.

    A single tap is left out: position by position it is one matrix.
    """
    if grid.taps == 1:
        return False
    for table, size in zip(grid.tables, grid.shape[1:], strict=True):
        if size % len(table) or min(min(line) for line in table) < 0:
            return False
        stride = size // len(table)
        for index, line in enumerate(table):
            if any((a - b - index * stride) % size for a, b in zip(line, table[0], strict=True)):
                return False
    return True


def spectrum_has_full_rank(kernels: Sequence[Row], grid: Grid, prime: int) -> bool:
    """Returns whether the matrix of every frequency has full column rank modulo the prime.

    Arguments:
        kernels: For each filter of one group its entries, channel by channel, tap by tap.
        grid: A circulant grid whose axes all have a number of output positions that divides
            prime - 1.
        prime: The prime.
    """
    counts = [len(table) for table in grid.tables]
    strides = [size // count for size, count in zip(grid.shape[1:], counts, strict=True)]
    phases = prod(strides)
    entries = [[int(entry % prime) for entry in row] for row in kernels]
    roots = [_powers(prime, count) for count in counts]
    for frequency in product(*(range(count) for count in counts)):
        factors = [(1, 0)]  # for each tap its root of unity, and the phase that it reads
        for axis, turn in enumerate(frequency):
            line, stride = grid.tables[axis][0], strides[axis]
            power = [roots[axis][turn * (q // stride) % counts[axis]] for q in line]
            factors = [
                (root * p % prime, phase * stride + q % stride)
                for root, phase in factors
                for p, q in zip(power, line, strict=True)
            ]
        table = []
        for row in entries:
            sums = [0] * (grid.width * phases)
            for k, entry in enumerate(row):
                channel, tap = divmod(k, grid.taps)
                root, phase = factors[tap]
                sums[channel * phases + phase] += root * entry
            table += [value % prime for value in sums]
        width = grid.width * phases
        if nmod_mat(len(entries), width, table, prime).rank() < width:
            return False
    return True


def _powers(prime: int, order: int) -> list[int]:
    """The powers of an element whose order modulo the prime is the given one."""
    for base in range(2, prime):
        root = pow(base, (prime - 1) // order, prime)
        powers = [1]
        while (following := powers[-1] * root % prime) != 1:
            powers.append(following)
            if len(powers) > order:
                break
        if len(powers) == order:
            return powers
    return [1]
