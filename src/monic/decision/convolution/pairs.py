"""Filters that cover for each other: opposite ones, of which one is active at every position.

Rows w_j = -d w_i with b_j + d b_i >= 0 are never negative both (Corollary 2 of [Puthawala et
al., 2020], with biases). Filters are opposite when their kernels are, exactly.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

from monic.decision.convolution.blocks import Block
from monic.model import TransposedConvolution
from monic.model.array import dyadic

__all__ = ["Pairs", "find_pairs"]

#: Kernels of more entries are compared only as far as they are one and the same array.
COMPARED = 1 << 24

_Key = tuple[object, ...]

#: What parallel filters share, and the block's signed length along it.
_Way = tuple[_Key, Fraction]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Blocks that are paired, and whether no other blocks are left.

    Arguments:
        pairs: Blocks (i, j) with opposite filters that cover for each other.
        complete: Whether every block's filter is among the pairs, or zero.
    """

    pairs: tuple[tuple[Block, Block], ...]
    complete: bool


def find_pairs(found: Sequence[Block]) -> Pairs:
    """Returns the pairs among blocks, factored ones first."""
    keys: dict[int, _Way] = {
        i: ((id(block.step), block.filter), block.scale)
        for i, block in enumerate(found)
        if block.scale
    }
    paired = _matched(found, keys)
    left = {keys[i][0] for i in keys} - {keys[i][0] for pair in paired for i in pair}
    if left and sum(block.step.kernel.size for block in _first_of_each(found)) <= COMPARED:
        keys = _exact_keys(found)
        paired = _matched(found, keys)
        left = {keys[i][0] for i in keys} - {keys[i][0] for pair in paired for i in pair}
    return Pairs(tuple((found[i], found[j]) for i, j in paired), not left)


def _matched(found: Sequence[Block], keys: dict[int, _Way]) -> list[tuple[int, int]]:
    """The strongest block of each sign for every key, where the two leave no gap."""
    strongest: dict[tuple[_Key, int], tuple[Fraction, int]] = {}
    for i, (key, length) in keys.items():
        offset, side = found[i].bias / abs(length), (key, length > 0)
        if side not in strongest or offset > strongest[side][0]:
            strongest[side] = (offset, i)
    pairs = []
    for (key, positive), (offset, i) in strongest.items():
        other = strongest.get((key, False))
        if positive and other is not None and offset + other[0] >= 0:
            pairs.append((i, other[1]))
    return pairs


def _first_of_each(found: Iterable[Block]) -> list[Block]:
    return list({id(block.step): block for block in found}.values())


def _exact_keys(found: Sequence[Block]) -> dict[int, _Way]:
    known: dict[tuple[int, int], _Way | None] = {}
    keys = {}
    for i, block in enumerate(found):
        name = (id(block.step), block.filter)
        if name not in known:
            known[name] = _direction(block)
        way = known[name]
        if way is not None and block.scale:
            keys[i] = (way[0], way[1] * block.scale)
    return keys


def _direction(block: Block) -> _Way | None:
    taps, geometry = block.step.taps, block.step.geometry
    integers, exponent = dyadic(taps.kernel[block.filter].reshape(1, -1))
    entries = [int(entry) for entry in integers.entries()]
    divisor = gcd(*entries)
    if divisor == 0:
        return None
    if next(entry for entry in entries if entry) < 0:
        divisor = -divisor
    way = tuple(entry // divisor for entry in entries)
    group = block.filter * taps.groups // taps.kernel.shape[0]
    place = (geometry, isinstance(block.step, TransposedConvolution), group, taps.kernel.shape[1:])
    return (*place, way), divisor * Fraction(2) ** exponent
