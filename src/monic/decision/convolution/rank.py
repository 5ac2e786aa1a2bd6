"""Whether some filters of a convolution have full column rank, exactly, modulo a prime.

Full column rank modulo a prime is full column rank over the rationals. Three ways, in turn:

- circular padding all around: the discrete Fourier transform modulo a prime p = 1 modulo every
  side takes the operator apart into one small matrix for each frequency;
- peeling: output positions that read one input position only fix part of its channels. What they
  leave free is a smaller space, in which further output positions read one position only. Strided
  kernels with single taps, corners and one-sided paddings are solved so;
- what is left is one dense matrix modulo the prime, up to a limit.
"""

from collections import defaultdict
from dataclasses import dataclass
from math import lcm, prod

import numpy as np
from flint import nmod_mat

from monic.clock import monotonic
from monic.decision.convolution.residues import primes, residues
from monic.model.grid import IntArray
from monic.model.taps import FloatArray, Taps
from monic.model.window import Window

__all__ = ["COLUMNS", "Rank", "column_rank", "is_circulant", "window_rank"]

#: A dense matrix with more columns (or entries than its square) is not built: 2.1 GB of floats.
COLUMNS = 16384

#: Deficient modulo so many primes is deficient over the rationals, with near certainty.
TRIED = 3


@dataclass(frozen=True, slots=True)
class Rank:
    """What is known about the rank of an operator.

    Arguments:
        full: Whether it is full column rank; None when a limit was hit. False is not proved.
        prime: The prime modulo which the rank is full.
        columns: The columns of the largest dense matrix.
        limit: The limit that was hit, in words.
    """

    full: bool | None
    prime: int = 0
    columns: int = 0
    limit: str = ""


#: What is said when the time was not enough.
LATE = "the time limit was hit while the rank of its filters was computed; raise time_limit"


class _LateError(Exception):
    """Raised when the time is over."""


def _insist_on_time(until: float | None) -> None:
    if until is not None and monotonic() > until:
        raise _LateError


def column_rank(taps: Taps, filters: IntArray, until: float | None = None) -> Rank:
    """Returns whether the rows of some filters at all positions have full column rank.

    Arguments:
        taps: The convolution.
        filters: The filters.
        until: When to give up, on the monotonic clock.

    Example:
        >>> from monic.model import Convolution, Geometry, Input
        >>> step = Convolution([[[1.0, 2.0]]], Input(3), Geometry((1, 3), padding=((0, 1),)))
        >>> column_rank(step.taps, np.array([0])).full
        True
    """
    modulus = lcm(2, *_periods(taps)) if is_circulant(taps) and not taps.is_pointwise else 2
    found = Rank(False)
    for prime in primes(modulus, TRIED):
        try:
            found = _modulo(taps, filters, prime, until)
        except _LateError:
            return Rank(None, limit=LATE)
        if found.full is not False:
            return found
    return found


def window_rank(taps: Taps, filters: IntArray, window: Window, until: float | None = None) -> Rank:
    """Returns whether the rows of some filters of one group inside a window have full column rank.

    Arguments:
        taps: The convolution.
        filters: The filters.
        window: The window.
        until: When to give up, on the monotonic clock.

    Example:
        >>> from monic.model import Convolution, Geometry, Input
        >>> step = Convolution([[[1.0]]], Input(3), Geometry((1, 3)))
        >>> window_rank(step.taps, np.array([0]), Window((1,), (2,))).full
        True
    """
    found = Rank(False)
    sites = window.patterns(taps)
    for prime in primes(2, TRIED):
        kernel = residues(taps.kernel[filters], prime)
        try:
            found = _Peeling(kernel, sites, window.count, prime, until).run()
        except _LateError:
            return Rank(None, limit=LATE)
        if found.full is not False:
            return found
    return found


def _periods(taps: Taps) -> tuple[int, ...]:
    return taps.out_shape[1:]


def is_circulant(taps: Taps) -> bool:
    """Whether shifting the output by one shifts the input by the stride, all around each axis."""
    for table, size in zip(taps.tables, taps.shape[1:], strict=True):
        count = table.shape[0]
        if size % count or (table < 0).any():
            return False
        if ((table - table[0] - np.arange(count)[:, None] * (size // count)) % size).any():
            return False
    return True


def _modulo(taps: Taps, filters: IntArray, prime: int, until: float | None) -> Rank:
    kernel = residues(taps.kernel, prime)
    each = taps.kernel.shape[0] // taps.groups
    columns = 0
    for group in range(taps.groups):
        mine = filters[filters // each == group]
        if not mine.size:
            return Rank(False)
        if is_circulant(taps) and not taps.is_pointwise:
            part = _by_frequencies(taps, kernel[mine], prime, until)
        else:
            sites = [_site(*taps.reads(p)) for p in np.ndindex(*taps.out_shape[1:])]
            part = _Peeling(kernel[mine], sites, prod(taps.shape[1:]), prime, until).run()
        if not part.full:
            return part
        columns = max(columns, part.columns)
    return Rank(True, prime, columns)


def _by_frequencies(taps: Taps, kernel: IntArray, prime: int, until: float | None) -> Rank:
    """One matrix a frequency: filters x (channels x phases of the stride)."""
    counts, sizes = taps.out_shape[1:], taps.shape[1:]
    strides = [size // count for size, count in zip(sizes, counts, strict=True)]
    width = taps.shape[0] // taps.groups * prod(strides)
    if kernel.shape[0] < width:
        return Rank(False, columns=width)
    flat = kernel.reshape(*kernel.shape[:2], -1)
    roots = [_roots(prime, count) for count in counts]
    taken = list(np.ndindex(*(table.shape[1] for table in taps.tables)))
    for frequency in np.ndindex(*counts):
        _insist_on_time(until)
        block = np.zeros((kernel.shape[0], prod(strides), kernel.shape[1]), dtype=np.int64)
        for place, tap in enumerate(taken):
            phase, twist = 0, 1
            for axis, k in enumerate(tap):
                shift, rest = divmod(int(taps.tables[axis][0, k]), strides[axis])
                phase = phase * strides[axis] + rest
                turn = roots[axis][frequency[axis] * shift % counts[axis]]
                twist = twist * turn % prime
            block[:, phase] = (block[:, phase] + flat[:, :, place] * twist) % prime
        if _matrix(block.reshape(kernel.shape[0], -1), prime).rank() < width:
            return Rank(False, columns=width)
    return Rank(True, prime, width)


def _roots(prime: int, order: int) -> list[int]:
    """The powers of an element of exactly the given order modulo the prime."""
    for base in range(2, prime):
        root = pow(base, (prime - 1) // order, prime)
        powers = [1]
        for _ in range(order - 1):
            powers.append(powers[-1] * root % prime)
        if len(set(powers)) == order:
            return powers
    raise AssertionError("the multiplicative group of a field is cyclic")


class _Peeling:
    """One group's unknowns, position by position, and what is still free of each.

    `free[q]` numbers a basis of the channels' values at position q that earlier rows leave free;
    positions with the same history share it.
    """

    def __init__(
        self,
        kernel: IntArray,
        sites: list[dict[int, tuple[int, ...]]],
        positions: int,
        prime: int,
        until: float | None,
    ) -> None:
        self.prime, self.until = prime, until
        self.kernel = kernel.reshape(*kernel.shape[:2], -1)
        self.width = kernel.shape[1]
        self.positions = positions
        self.free = [0] * self.positions
        self.bases: list[nmod_mat | None] = [None]
        self.sizes = [self.width]
        self.sites = sites
        self.blocks: dict[tuple[int, tuple[int, ...]], nmod_mat] = {}
        self.narrowed: dict[tuple[int, tuple[int, ...]], int] = {}

    def run(self) -> Rank:
        used = self._peel()
        unknowns = [q for q in range(self.positions) if self.sizes[self.free[q]]]
        columns = sum(self.sizes[self.free[q]] for q in unknowns)
        if not columns:
            return Rank(True, self.prime, max(self.sizes))
        rows = [
            site
            for site, spent in zip(self.sites, used, strict=True)
            if not spent and any(self.sizes[self.free[q]] for q in site)
        ]
        return self._dense(unknowns, rows, columns)

    def _peel(self) -> list[bool]:
        """Uses output positions that read one unsolved position, until there are none."""
        readers: dict[int, list[int]] = defaultdict(list)
        for number, site in enumerate(self.sites):
            for q in site:
                readers[q].append(number)
        open_reads = [len(site) for site in self.sites]
        used = [False] * len(self.sites)
        queue = [number for number, reads in enumerate(open_reads) if reads == 1]
        while queue:
            number = queue.pop()
            place = next((q for q in self.sites[number] if self.sizes[self.free[q]]), None)
            if used[number] or place is None:
                continue
            used[number] = True
            self.free[place] = self._narrow(self.free[place], self.sites[number][place])
            if self.sizes[self.free[place]] == 0:
                for other in readers[place]:
                    open_reads[other] -= 1
                    if open_reads[other] == 1:
                        queue.append(other)
        return used

    def _narrow(self, basis: int, tap: tuple[int, ...]) -> int:
        """The number of the basis that is left when some taps read zero."""
        if (basis, tap) not in self.narrowed:
            _insist_on_time(self.until)
            kernel, nullity = self._block(basis, tap).nullspace()
            known = self.bases[basis]
            if nullity == self.sizes[basis]:
                self.narrowed[basis, tap] = basis
            else:
                left = _columns(kernel, nullity, self.prime)
                self.bases.append(left if known is None or not nullity else known * left)
                self.sizes.append(nullity)
                self.narrowed[basis, tap] = len(self.bases) - 1
        return self.narrowed[basis, tap]

    def _block(self, basis: int, tap: tuple[int, ...]) -> nmod_mat:
        """What some taps read of a position, in terms of what is free there."""
        if (basis, tap) not in self.blocks:
            _insist_on_time(self.until)
            block = _matrix(self.kernel[:, :, tap].sum(axis=2) % self.prime, self.prime)
            known = self.bases[basis]
            self.blocks[basis, tap] = block if known is None else block * known
        return self.blocks[basis, tap]

    def _dense(
        self, unknowns: list[int], sites: list[dict[int, tuple[int, ...]]], columns: int
    ) -> Rank:
        height = self.kernel.shape[0]
        if height * len(sites) < columns:
            return Rank(False, columns=columns)
        if columns > COLUMNS or height * len(sites) * columns > COLUMNS**2:
            return Rank(
                None,
                columns=columns,
                limit=f"the rank of a dense {height * len(sites):,} x {columns:,} matrix is "
                f"beyond the limit of {COLUMNS:,} columns",
            )
        from monic.geometry.elimination import has_full_column_rank  # compiled when it is needed

        start = np.cumsum([0, *(self.sizes[self.free[q]] for q in unknowns)]).tolist()
        offset = dict(zip(unknowns, start, strict=False))
        table = np.zeros((height * len(sites), columns))
        entries: dict[tuple[int, tuple[int, ...]], FloatArray] = {}
        for number, site in enumerate(sites):
            for q, tap in site.items():
                basis = self.free[q]
                size = self.sizes[basis]
                if not size:
                    continue
                if (basis, tap) not in entries:
                    found = [int(entry) for entry in self._block(basis, tap).entries()]
                    entries[basis, tap] = np.array(found, dtype=np.float64).reshape(height, size)
                rows = slice(number * height, (number + 1) * height)
                table[rows, offset[q] : offset[q] + size] = entries[basis, tap]
        full = has_full_column_rank(table, self.prime, self.until)
        return Rank(full, self.prime, columns, LATE if full is None else "")


def _site(sources: IntArray, taps: IntArray) -> dict[int, tuple[int, ...]]:
    """The taps that read each input position."""
    site: dict[int, tuple[int, ...]] = {}
    for source, tap in zip(sources.tolist(), taps.tolist(), strict=True):
        site[source] = (*site.get(source, ()), tap)
    return site


def _matrix(table: IntArray, prime: int) -> nmod_mat:
    return nmod_mat(table.shape[0], table.shape[1], table.reshape(-1).tolist(), prime)


def _columns(matrix: nmod_mat, count: int, prime: int) -> nmod_mat:
    """The first columns of a matrix."""
    entries = [int(entry) for row in matrix.tolist() for entry in row[:count]]
    return nmod_mat(matrix.nrows(), count, entries, prime)
