"""A layer as filters of one changed input, its rows in some order: what all questions look at.

Permutations of the rows, and shifts, scales and permutations of the input before all convolutions
hide no structure: `blocks` says what is between, and `prefix` what a change of the input does.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from monic.decision.convolution.blocks import Block, blocks, unordered
from monic.decision.convolution.prefix import changed_input
from monic.model import AffineMap
from monic.model.grid import IntArray
from monic.model.wiring import Select

__all__ = ["Filters", "filters_of"]


@dataclass(frozen=True, eq=False)
class Filters:
    """The blocks of a map, and what comes before and behind them.

    Arguments:
        map: The map without a permutation of its rows at the end.
        base: The change of the input that the filters are applied to; None for the input itself.
        blocks: The blocks of the map in the order of its rows.
        order: For each row of the whole map its number in `map`; None where they are the same.
    """

    map: AffineMap
    base: AffineMap | None
    blocks: list[Block]
    order: IntArray | None

    @cached_property
    def places(self) -> list[IntArray]:
        """Where the rows of each block are in the whole map."""
        ends = np.cumsum([block.positions for block in self.blocks])
        rows = np.arange(ends[-1]) if self.order is None else np.argsort(self.order)
        return [np.asarray(part) for part in np.split(rows, ends[:-1])]


def filters_of(value: AffineMap) -> Filters | None:
    """Returns the filters of a map, or None when it is not made of such.

    Example:
        >>> from monic.model import ChannelScale, Convolution, Geometry, Input
        >>> y = Convolution([[[1.0, 2.0]]], ChannelScale([0.5], Input(3)), Geometry((1, 3)))
        >>> found = filters_of(Select([1, 0], y))
        >>> type(found.base).__name__, found.places[0].tolist()
        ('ChannelScale', [1, 0])
    """
    inner = unordered(value)
    base = changed_input(inner)
    found = blocks(inner, base)
    if not found:
        return None
    order = np.array(value.places) if inner is not value and isinstance(value, Select) else None
    return Filters(inner, base, found, order)
