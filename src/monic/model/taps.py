"""The linear operator of a convolution, tap by tap: never a dense matrix.

Written for what a tap reads: y[o, q] = sum over c and k of K[o, c, k] x[c, source_k(q)], where c
runs over the channels of o's group. Transposed convolutions have this form too (grid.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import fmpz, fmpz_mat

from monic.errors import TooLarge
from monic.model.array import Array
from monic.model.grid import IntArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["SPARSE_ENTRIES", "FloatArray", "Pattern", "Taps"]

#: Floats of one width.
FloatArray = np.ndarray[Any, np.dtype[np.float64]]

#: An operator with more coefficients is not written out as a sparse matrix.
SPARSE_ENTRIES = 1 << 26


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """The coefficients of an operator: entry (rows[k], columns[k]) gets kernel.flat[places[k]].

    Entries of one row and column add up: a reflected border is read twice.
    """

    rows: IntArray
    columns: IntArray
    places: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Taps:
    """The operator of a convolution for one input size.

    Arguments:
        kernel: Of shape (filters, channels / groups, *taps), in the user's number format.
        tables: For each spatial axis the input index of (output position, tap), or -1.
        shape: The input's shape (channels, *spatial).
        groups: The number of groups.
    """

    kernel: Array
    tables: tuple[IntArray, ...]
    shape: tuple[int, ...]
    groups: int
    out_shape: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        spatial = tuple(table.shape[0] for table in self.tables)
        object.__setattr__(self, "out_shape", (self.kernel.shape[0], *spatial))

    @property
    def positions(self) -> int:
        """The number of output positions, which each filter has a row at."""
        return prod(self.out_shape[1:])

    @property
    def is_pointwise(self) -> bool:
        """Whether every output position reads the input position of its number, and no other."""
        return all(
            table.shape == (size, 1) and np.array_equal(table[:, 0], np.arange(size))
            for table, size in zip(self.tables, self.shape[1:], strict=True)
        )

    @property
    def coefficients(self) -> int:
        """The number of coefficients of the operator."""
        reads = prod(int((table >= 0).sum()) for table in self.tables)
        return int(reads * self.kernel.shape[0] * self.kernel.shape[1])

    def apply(self, x: FloatArray, *, kernel: FloatArray | None = None) -> FloatArray:
        """Returns the operator's value at x, in floats.

        Arguments:
            x: The input, flat or of the input's shape; or several, as the columns of (n, count).
            kernel: Another kernel of the same shape, such as its absolute values.
        """
        blocks = self._blocks(kernel, x.dtype)
        count = x.size // prod(self.shape)
        source = x.reshape(self.groups, -1, *self.shape[1:], count)
        value = np.zeros((self.groups, blocks.shape[1], *self.out_shape[1:], count), x.dtype)
        for tap, targets, sources in self._links():
            picked = source[_cells(sources)]
            part = blocks[_tap(tap)] @ picked.reshape(*picked.shape[:2], -1)
            place = _cells(targets)
            value[place] += part.reshape(*part.shape[:2], *picked.shape[2:])
        return value.reshape(-1) if count == 1 else value.reshape(-1, count)

    def adjoint(self, y: FloatArray, *, kernel: FloatArray | None = None) -> FloatArray:
        """Returns the transposed operator's value at y, in floats."""
        blocks = self._blocks(kernel, y.dtype)
        count = y.size // prod(self.out_shape)
        target = y.reshape(self.groups, -1, *self.out_shape[1:], count)
        value = np.zeros((self.groups, blocks.shape[2], *self.shape[1:], count), y.dtype)
        for tap, targets, sources in self._links():
            picked = target[_cells(targets)]
            part = blocks[_tap(tap)].swapaxes(1, 2) @ picked.reshape(*picked.shape[:2], -1)
            part = part.reshape(*part.shape[:2], *picked.shape[2:])
            place = _cells(sources)
            if all(np.unique(one).size == one.size for one in sources):
                value[place] += part
            else:  # a reflected or repeated border
                np.add.at(value, place, part)
        return value.reshape(-1) if count == 1 else value.reshape(-1, count)

    def exactly(self, integers: fmpz_mat, table: list[list[fmpz]]) -> list[list[fmpz]]:
        """Returns the operator on every column of a table of integers, exactly.

        Arguments:
            integers: The kernel as integers, filters as rows.
            table: The numbers it is applied to, a row for each input of the operator.
        """
        inside, outside, width = prod(self.shape[1:]), self.positions, self.kernel.shape[1]
        filters, count = self.kernel.shape[0] // self.groups, prod(self.kernel.shape[2:])
        kernel, columns = integers.tolist(), len(table[0])
        found = [[fmpz(0)] * columns for _ in range(prod(self.out_shape))]
        for tap, targets, sources in self._links():
            target = np.ravel_multi_index(np.ix_(*targets), self.out_shape[1:]).reshape(-1)
            source = np.ravel_multi_index(np.ix_(*sources), self.shape[1:]).reshape(-1).tolist()
            flat = int(np.ravel_multi_index(tap, self.kernel.shape[2:]))
            for group in range(self.groups):
                own = [row[flat::count] for row in kernel[group * filters : (group + 1) * filters]]
                channels = range(group * width, (group + 1) * width)
                read = [[t for s in source for t in table[c * inside + s]] for c in channels]
                values = (fmpz_mat(own) * fmpz_mat(read)).tolist()
                for f, line in enumerate(values, group * filters):
                    for k, place in enumerate(target.tolist()):
                        row = found[f * outside + place]
                        for j, value in enumerate(line[k * columns : (k + 1) * columns]):
                            row[j] += value
        return found

    def place(self, row: int) -> tuple[int, tuple[int, ...]]:
        """Returns the filter and the output position that a row belongs to."""
        index = np.unravel_index(row, self.out_shape)
        return int(index[0]), tuple(int(i) for i in index[1:])

    def reads(self, position: tuple[int, ...]) -> tuple[IntArray, IntArray]:
        """Returns the spatial input positions read at an output position, and by which taps.

        Both are flat indices; a position appears once for every tap that reads it.
        """
        lines = [table[q] for table, q in zip(self.tables, position, strict=True)]
        used = [np.flatnonzero(line >= 0) for line in lines]
        sources = np.ravel_multi_index(
            np.ix_(*(line[k] for line, k in zip(lines, used, strict=True))), self.shape[1:]
        )
        taps = np.ravel_multi_index(np.ix_(*used), self.kernel.shape[2:])
        return sources.reshape(-1).astype(np.int64), taps.reshape(-1).astype(np.int64)

    def row(self, filter: int, position: tuple[int, ...]) -> dict[int, Fraction]:
        """Returns the row of a filter at an output position, exactly, as {column: coefficient}."""
        sources, taps = self.reads(position)
        size, width = prod(self.shape[1:]), self.kernel.shape[1]
        first = filter * self.groups // self.kernel.shape[0] * width
        table = self.kernel[filter].reshape(width, -1)
        row: dict[int, Fraction] = {}
        for channel in range(width):
            for source, tap in zip(sources.tolist(), taps.tolist(), strict=True):
                column = (first + channel) * size + source
                entry = Fraction(_number(table[channel, tap]))
                row[column] = row.get(column, Fraction(0)) + entry
        return {column: entry for column, entry in row.items() if entry}

    def pattern(self, filters: IntArray | None = None) -> Pattern:
        """Returns the operator's coefficients, for some filters only if they are given.

        Raises:
            LayerError: when there are more than `SPARSE_ENTRIES`.
        """
        chosen = np.arange(self.kernel.shape[0]) if filters is None else filters
        count = self.coefficients // self.kernel.shape[0] * chosen.size
        if count > SPARSE_ENTRIES:
            raise TooLarge(
                f"Expected at most {SPARSE_ENTRIES:,} coefficients in a sparse matrix. Got "
                f"{count:,}; use apply and adjoint."
            )
        inside, outside, width = prod(self.shape[1:]), self.positions, self.kernel.shape[1]
        numbers = np.arange(chosen.size, dtype=np.int64)[:, None, None]
        channel = np.arange(width, dtype=np.int64)[None, :, None]
        group = (chosen * self.groups // self.kernel.shape[0])[:, None, None]
        pieces: list[tuple[IntArray, ...]] = []
        for tap, targets, sources in self._links():
            target = np.ravel_multi_index(np.ix_(*targets), self.out_shape[1:]).reshape(-1)
            source = np.ravel_multi_index(np.ix_(*sources), self.shape[1:]).reshape(-1)
            flat = int(np.ravel_multi_index(tap, self.kernel.shape[2:]))
            place = (chosen[:, None, None] * width + channel) * prod(self.kernel.shape[2:]) + flat
            parts = (
                numbers * outside + target,
                (group * width + channel) * inside + source,
                place,
            )
            pieces.append(tuple(p.reshape(-1) for p in np.broadcast_arrays(*parts)))
        if not pieces:
            pieces = [(np.zeros(0, np.int64),) * 3]
        return Pattern(*(np.concatenate(parts) for parts in zip(*pieces, strict=True)))

    def matrix(self) -> "csr_matrix":
        """Returns the operator as a sparse float64 matrix.

        Raises:
            LayerError: when it has more than `SPARSE_ENTRIES` coefficients.
        """
        from scipy.sparse import csr_matrix

        pattern = self.pattern()
        values = self.kernel.reshape(-1).astype(np.float64)[pattern.places]
        shape = (prod(self.out_shape), prod(self.shape))
        return csr_matrix((values, (pattern.rows, pattern.columns)), shape=shape)

    def _blocks(self, kernel: FloatArray | None, dtype: np.dtype[Any]) -> FloatArray:
        """The kernel as (groups, filters / groups, channels / groups, *taps)."""
        chosen = self.kernel if kernel is None else kernel
        wide: FloatArray = chosen.astype(dtype)
        return wide.reshape(self.groups, -1, *chosen.shape[1:])

    def _links(self) -> Iterator[tuple[tuple[int, ...], list[IntArray], list[IntArray]]]:
        """Goes through the taps: for each axis the output positions, and what they read."""
        for tap in product(*(range(table.shape[1]) for table in self.tables)):
            lines = [table[:, k] for table, k in zip(self.tables, tap, strict=True)]
            targets = [np.flatnonzero(line >= 0) for line in lines]
            sources = [line[target] for line, target in zip(lines, targets, strict=True)]
            if all(target.size for target in targets):
                yield tap, targets, sources


def _tap(tap: tuple[int, ...]) -> Any:
    return (..., *tap)


def _cells(indices: list[IntArray]) -> Any:
    """The index of a grid in each block and channel; numpy's stubs do not know such tuples.

    Evenly spaced positions are slices, which numpy reads and writes many times faster.
    """
    slices = [_as_slice(one) for one in indices]
    if None in slices:
        return (slice(None), slice(None), *np.ix_(*indices))
    return (slice(None), slice(None), *slices)


def _as_slice(index: IntArray) -> slice | None:
    step = int(index[1] - index[0]) if index.size > 1 else 1
    if step < 1 or not np.array_equal(index, index[0] + step * np.arange(index.size)):
        return None
    return slice(int(index[0]), int(index[-1]) + 1, step)


def _number(value: Any) -> Any:
    return value.item() if value.dtype.kind in "iu" else float(value)
