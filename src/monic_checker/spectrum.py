"""Convolutions around a circle: one small matrix for every frequency modulo a prime.

Where shifting the output by one shifts the input by the stride, all around every axis, the
discrete Fourier transform modulo p takes the operator apart. It is invertible when p is 1 modulo
the number of output positions along every axis, so that ranks modulo p add up.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice, product
from math import prod

from flint import nmod_mat

from monic_checker.budget import PYTHON, Budget
from monic_checker.costs import modular_elimination
from monic_checker.grid import Grid
from monic_checker.linear import Row

__all__ = ["is_circulant", "spectrum_has_full_rank"]

#: The entries of matrices that are computed together.
_PIECE = 2**16

#: The bytes of a residue in Python: an object of FLINT, an integer, and what lists point to.
_RESIDUE = 128


def is_circulant(grid: Grid, budget: Budget) -> bool:
    """Whether all output positions of every axis read the same, shifted around the circle.

    A single tap is left out: position by position it is one matrix.

    Raises:
        OverBudget: when there are too many positions to look at.
    """
    if grid.taps == 1:
        return False
    for table, size in zip(grid.tables, grid.shape[1:], strict=True):
        if size % len(table) or min(table[0]) < 0:
            return False
        budget.work(4 * PYTHON * table.length * (table.taps + 8), "evidence")
        stride, first = size // len(table), table[0]
        for index, line in enumerate(table):
            if min(line) < 0:
                return False
            if any((a - b - index * stride) % size for a, b in zip(line, first, strict=True)):
                return False
    return True


def spectrum_has_full_rank(kernels: Sequence[Row], grid: Grid, prime: int, budget: Budget) -> bool:
    """Returns whether the matrix of every frequency has full column rank modulo the prime.

    The matrices of some frequencies at a time are one product: that of the kernels and of what
    every tap is multiplied by.

    Arguments:
        kernels: For each filter of one group its entries, channel by channel, tap by tap.
        grid: A circulant grid whose axes all have a number of output positions that divides
            prime - 1.
        prime: The prime.
        budget: The memory and the work that are left.

    Raises:
        OverBudget: when there are too many frequencies, or too large matrices.
    """
    height, width = len(kernels), grid.width * _phases(grid)
    if height < width:
        return False
    each = height * width
    chunk = max(1, min(grid.positions, _PIECE // each))
    seen = height * grid.width + _phases(grid) * chunk
    work = 12 * PYTHON * grid.taps + (grid.taps + 6 * PYTHON) * each
    budget.work(grid.positions * (work + modular_elimination(height, width)), "evidence")
    with budget.scope():
        budget.hold(_RESIDUE * (chunk * each + grid.taps * seen), "evidence")
        weights = [int(entry % prime) for row in kernels for entry in row]
        table = nmod_mat(height * grid.width, grid.taps, weights, prime)
        factors = _factors(grid, prime, budget)
        while found := list(islice(factors, chunk)):
            taps = [[*chain.from_iterable(column)] for column in zip(*found, strict=True)]
            columns = len(taps[0])
            values = table * nmod_mat(grid.taps, columns, [*chain.from_iterable(taps)], prime)
            rows = [[int(value) for value in row] for row in values.tolist()]
            for start in range(0, columns, _phases(grid)):
                stop = start + _phases(grid)
                entries = [entry for row in rows for entry in row[start:stop]]
                if nmod_mat(height, width, entries, prime).rank() < width:
                    return False
    return True


def _strides(grid: Grid) -> list[int]:
    return [size // len(table) for size, table in zip(grid.shape[1:], grid.tables, strict=True)]


def _phases(grid: Grid) -> int:
    """The number of input positions for each output position."""
    return prod(_strides(grid))


def _factors(grid: Grid, prime: int, budget: Budget) -> Iterator[list[list[int]]]:
    """Yields for every frequency what each tap is multiplied by: one number for every phase."""
    counts, strides, phases = [len(table) for table in grid.tables], _strides(grid), _phases(grid)
    roots = [_powers(prime, count, budget) for count in counts]
    lines = [table[0] for table in grid.tables]
    for frequency in product(*(range(count) for count in counts)):
        factors = [(1, 0)]  # for each tap its root of unity, and the phase that it reads
        for axis, turn in enumerate(frequency):
            line, stride = lines[axis], strides[axis]
            power = [roots[axis][turn * (q // stride) % counts[axis]] for q in line]
            factors = [
                (root * p % prime, phase * stride + q % stride)
                for root, phase in factors
                for p, q in zip(power, line, strict=True)
            ]
        yield [[root if k == phase else 0 for k in range(phases)] for root, phase in factors]


def _powers(prime: int, order: int, budget: Budget) -> list[int]:
    """The powers of an element whose order modulo the prime is the given one."""
    budget.hold(80 * order, "evidence")  # the powers, and the frequencies
    for base in range(2, prime):
        budget.work(4 * PYTHON * order, "evidence")
        root = pow(base, (prime - 1) // order, prime)
        powers = [1]
        while (following := powers[-1] * root % prime) != 1:
            powers.append(following)
            if len(powers) > order:
                break
        if len(powers) == order:
            return powers
    return [1]
