"""Full column rank of filters modulo a prime, position by position.

A *site* is what an output position reads: for every input position its taps. A site that reads
one position only fixes channels there; what it leaves free is a kernel, with a basis N. The
operator has full column rank if and only if it has on what is left free. Sites that read one
position that is not fixed yet come next, and at the end one matrix of blocks is left.
"""

from collections.abc import Sequence

from flint import fmpz, nmod_mat

from monic_checker.field import Field
from monic_checker.linear import Row
from monic_checker.sweep import Strip, has_full_column_rank

__all__ = ["Site", "full_column_rank"]

#: The taps that read each input position.
Site = dict[int, tuple[int, ...]]


def full_column_rank(
    kernels: Sequence[Row], width: int, sites: Sequence[Site], places: int, field: Field
) -> bool:
    """Returns whether the filters' rows at all sites have full column rank modulo the prime.

    Arguments:
        kernels: For each filter its entries, channel by channel, tap by tap.
        width: The number of channels.
        sites: What the output positions read.
        places: The number of input positions.
        field: The prime, and the memory that is left.

    Raises:
        OverBudget: when the rows that are left do not fit the budget.
    """
    spaces = _Spaces(kernels, width, places, field)
    left = [site for site in sites if site]
    taps = max(map(len, left), default=0)
    while True:
        field.looked_at(2 * len(left) * (taps + 4))
        waiting = []
        for site in left:
            unfixed = [q for q in site if spaces.size(q)]
            if len(unfixed) == 1:
                spaces.fix(unfixed[0], site[unfixed[0]])
            elif unfixed:
                waiting.append(site)
        if len(waiting) == len(left):
            return spaces.dense(waiting)
        left = waiting


class _Spaces:
    """What is free at every input position: the channels' values N t, with a basis N.

    Positions that were fixed by the same taps in the same order share their basis; `history`
    is that order.
    """

    def __init__(self, kernels: Sequence[Row], width: int, places: int, field: Field) -> None:
        self._kernels = kernels
        self._width = width
        self._field = field
        self._taps = len(kernels[0]) // width
        field.residues(2 * places)
        self._history: list[tuple[tuple[int, ...], ...]] = [()] * places
        self._bases: dict[tuple[tuple[int, ...], ...], nmod_mat | None] = {(): None}
        self._blocks: dict[tuple[tuple[tuple[int, ...], ...], tuple[int, ...]], nmod_mat] = {}

    def size(self, place: int) -> int:
        """The number of free directions at a position."""
        return self._size(self._history[place])

    def _size(self, history: tuple[tuple[int, ...], ...]) -> int:
        basis = self._bases[history]
        return self._width if basis is None else int(basis.ncols())

    def fix(self, place: int, taps: tuple[int, ...]) -> None:
        """Asks that some taps of all filters read zero at a position."""
        history = self._history[place]
        longer = (*history, taps)
        if longer not in self._bases:
            self._bases[longer] = self._narrowed(history, taps)
        if self._size(longer) < self._size(history):
            self._history[place] = longer

    def _narrowed(
        self, history: tuple[tuple[int, ...], ...], taps: tuple[int, ...]
    ) -> nmod_mat | None:
        block = self._block(history, taps)
        self._field.elimination(block.nrows(), block.ncols())
        self._field.residues(3 * block.ncols() * block.ncols())
        table, nullity = block.nullspace()
        old = self._bases[history]
        columns = [row[:nullity] for row in table.tolist()]
        flat = [int(entry) for row in columns for entry in row]
        kernel = nmod_mat(table.nrows(), nullity, flat, self._field.prime)
        if old is None:
            return kernel
        if nullity == 0:
            return nmod_mat(self._width, 0, [], self._field.prime)
        return old * kernel

    def _block(self, history: tuple[tuple[int, ...], ...], taps: tuple[int, ...]) -> nmod_mat:
        """What some taps of all filters read, in terms of what is free."""
        if (history, taps) not in self._blocks:
            self._field.residues(2 * len(self._kernels) * self._width * (len(taps) + 2))
            entries = [
                int(sum((row[c * self._taps + tap] for tap in taps), fmpz(0)) % self._field.prime)
                for row in self._kernels
                for c in range(self._width)
            ]
            block = nmod_mat(len(self._kernels), self._width, entries, self._field.prime)
            basis = self._bases[history]
            self._blocks[history, taps] = block if basis is None else block * basis
        return self._blocks[history, taps]

    def dense(self, sites: Sequence[Site]) -> bool:
        """Whether the sites that are left have full column rank on what is free."""
        starts, columns = {}, 0
        for place in range(len(self._history)):
            starts[place] = columns
            columns += self.size(place)
        height = len(self._kernels)
        if columns == 0 or height * len(sites) < columns:
            return columns == 0
        known: dict[object, list[list[int]]] = {}
        strips = []
        self._field.residues(4 * sum(map(len, sites)) + 4 * len(sites))
        for site in sites:
            blocks = []
            for place, taps in site.items():
                history = self._history[place]
                if (history, taps) not in known:
                    self._field.residues(3 * height * self._width)
                    block = self._block(history, taps).tolist()
                    known[history, taps] = [[int(entry) for entry in row] for row in block]
                if self._size(history):
                    blocks.append((starts[place], known[history, taps]))
            strips.append(Strip(blocks))
        return has_full_column_rank(strips, columns, self._field)
