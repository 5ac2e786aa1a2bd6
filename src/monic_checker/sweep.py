"""Full column rank of matrices of blocks modulo a prime, from the left to the right.

Rows are eliminated as soon as their first columns come. Once all rows that are not zero in the
columns before c have been brought to echelon form, these columns have full rank if and only if
each of them has a pivot, and only the rows that are left matter for the others. So a banded
matrix, as a convolution is, costs its band and not its square.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flint import nmod_mat

from monic_checker.field import Field

__all__ = ["Strip", "has_full_column_rank"]

#: Columns that are eliminated at once.
_STEP = 512


@dataclass(frozen=True, slots=True)
class Strip:
    """Some rows: zero but for blocks of equal height, each with its first column."""

    blocks: Sequence[tuple[int, Sequence[Sequence[int]]]]

    @property
    def height(self) -> int:
        """The number of rows."""
        return len(self.blocks[0][1])

    @property
    def first(self) -> int:
        """The first column that may be other than zero."""
        return min(start for start, _ in self.blocks)

    @property
    def end(self) -> int:
        """The column behind the last that may be other than zero."""
        return max(start + len(block[0]) for start, block in self.blocks)


def has_full_column_rank(strips: Sequence[Strip], columns: int, field: Field) -> bool:
    """Returns whether strips, below each other, have full column rank modulo the prime.

    Arguments:
        strips: The rows; no block is empty.
        columns: The number of columns, at least 1.
        field: The prime, and the memory and the work that are left.

    Raises:
        OverBudget: when the rows that are eliminated at once do not fit the budget.
    """
    waiting = sorted(strips, key=lambda strip: strip.first, reverse=True)
    begin, carried = 0, list[list[int]]()
    while begin < columns:
        stop = min(begin + _STEP, columns)
        batch = _taken(waiting, stop)
        edge = max([stop, *(strip.end for strip in batch)])
        edge = max(edge, begin + len(carried[0])) if carried else edge
        if edge == columns:  # what is left is dense
            stop, batch = columns, batch + _taken(waiting, columns)
        rows = len(carried) + sum(strip.height for strip in batch)
        if rows < stop - begin:
            return False
        with field.budget.scope():
            table = _table(carried, batch, (begin, edge), field)
            field.elimination(rows, edge - begin)
            if stop == columns:
                return bool(table.rank() == columns - begin)
            echelon, rank = table.rref()
            if any(int(echelon[i, i]) == 0 for i in range(stop - begin)):
                return False
            above, width = stop - begin, edge - begin
            field.residues((int(rank) - above) * (width - above))
            carried = [
                [int(echelon[i, j]) for j in range(above, width)] for i in range(above, int(rank))
            ]
        begin = stop
    return True


def _taken(waiting: list[Strip], stop: int) -> list[Strip]:
    """Removes the strips that begin before a column from the end of a list."""
    taken = []
    while waiting and waiting[-1].first < stop:
        taken.append(waiting.pop())
    return taken


def _table(
    carried: Sequence[Sequence[int]], batch: Sequence[Strip], span: tuple[int, int], field: Field
) -> nmod_mat:
    """The matrix of rows that are left and of strips, from one column to before another."""
    begin, end = span
    field.residues(sum(map(len, carried)))
    field.looked_at(sum(len(block) * len(block[0]) for s in batch for _, block in s.blocks))
    table = field.matrix(len(carried) + sum(strip.height for strip in batch), end - begin)
    for i, row in enumerate(carried):
        for j, entry in enumerate(row):
            table[i, j] = entry
    top = len(carried)
    for strip in batch:
        for start, block in strip.blocks:
            for i, row in enumerate(block, start=top):
                for j, entry in enumerate(row, start=start - begin):
                    table[i, j] = entry
        top += strip.height
    return table
