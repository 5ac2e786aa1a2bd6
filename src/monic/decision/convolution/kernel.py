"""Vectors that convolutions map to 0, supported on one input position: exact, at any input size.

What reads a position are some taps of each filter. If these rows do not span the position's
channels, as when many channels become few, the operator has a kernel vector there.
"""

from collections.abc import Sequence
from itertools import product
from math import prod

import numpy as np
from flint import fmpz, fmpz_mat

from monic.decision.convolution.blocks import Block
from monic.decision.convolution.cover import shares
from monic.geometry.rational import primitive
from monic.model.array import dyadic
from monic.model.taps import Taps

__all__ = ["local_kernel"]

#: Kernels are computed over the rationals for matrices with up to so many entries.
LOCAL_ENTRIES = 1 << 18


def local_kernel(found: Sequence[Block]) -> tuple[int, ...] | None:
    """Returns an integer vector d != 0 with C d = 0 for all convolutions of some blocks, or None.

    The last position of the input is tried, which strides may skip, and the middle one.
    """
    parts = shares([block for block in found if block.scale])
    if not parts:
        return None
    share = parts[0]
    spatial = found[0].step.geometry.spatial
    inside = prod(spatial)
    for place in (tuple(side - 1 for side in spatial), tuple(side // 2 for side in spatial)):
        values = _null_vector(share.blocks, place, len(share.channels))
        if values is not None:
            vector = [0] * (found[0].step.geometry.channels * inside)
            flat = int(np.ravel_multi_index(place, spatial))
            for channel, value in zip(share.channels, values, strict=True):
                vector[channel * inside + flat] = value
            return tuple(vector)
    return None


def _null_vector(
    blocks: Sequence[Block], place: tuple[int, ...], width: int
) -> tuple[int, ...] | None:
    known: dict[int, tuple[list[fmpz], list[tuple[int, ...]]]] = {}
    rows: list[list[fmpz]] = []
    for name, block in {(id(b.step), b.filter): b for b in blocks}.items():
        taps = block.step.taps
        if taps.kernel.shape[1] != width:
            return None
        if name[0] not in known:
            known[name[0]] = (dyadic(taps.kernel)[0].entries(), _readers(taps, place))
        entries, readers = known[name[0]]
        size = prod(taps.kernel.shape[2:])
        start = block.filter * width * size
        for used in readers:
            row = [entries[start + c * size : start + (c + 1) * size] for c in range(width)]
            rows.append([sum((part[tap] for tap in used), fmpz(0)) for part in row])
        if len(rows) * width > LOCAL_ENTRIES:
            return None
    basis, nullity = fmpz_mat(rows or [[fmpz(0)] * width]).nullspace()
    if nullity == 0:
        return None
    columns = [[int(basis[i, j]) for i in range(width)] for j in range(int(nullity))]
    return primitive(min(columns, key=lambda column: sum(map(abs, column))))


def _readers(taps: Taps, place: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The sets of taps by which output positions read an input position."""
    sides = []
    for table, q in zip(taps.tables, place, strict=True):
        lines = {tuple(np.flatnonzero(line == q).tolist()) for line in table}
        sides.append(sorted(line for line in lines if line))
    counts = taps.kernel.shape[2:]
    return [
        tuple(np.ravel_multi_index(np.ix_(*lines), counts).reshape(-1).tolist())
        for lines in product(*sides)
    ]
