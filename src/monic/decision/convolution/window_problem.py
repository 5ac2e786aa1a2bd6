"""One window of a layer as a small dense question for the engine that decides those."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import numpy as np
from flint import fmpz

from monic.decision.convolution.blocks import Block
from monic.decision.problem import PartProblem, part_problem
from monic.model import Box, Domain, Orthant, WholeSpace
from monic.model.array import dyadic
from monic.model.taps import Taps
from monic.model.window import Window

__all__ = ["Share", "restricted", "window_problem"]

#: What the rows inside a window read, for one convolution.
Patterns = list[dict[int, tuple[int, ...]]]


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """The part of a layer that windows look at: a group of channels, and the blocks that read it.

    Arguments:
        group: The number of the group.
        channels: Its channels.
        blocks: The blocks of the layer that read it.
    """

    group: int
    channels: range
    blocks: tuple[Block, ...]


def window_problem(share: Share, window: Window, domain: Domain) -> PartProblem | None:
    """Returns the question about a window; None when it has no rows.

    The rows come block by block, and in each in the order of `Window.patterns`.
    """
    patterns: dict[int, Patterns] = {}
    integers: dict[int, tuple[list[fmpz], int]] = {}
    table = []
    for block in share.blocks:
        taps, name = block.step.taps, id(block.step)
        if name not in patterns:
            patterns[name] = window.patterns(taps)
            matrix, exponent = dyadic(taps.kernel)
            integers[name] = (matrix.entries(), exponent)
        entries, exponent = integers[name]
        scale = block.scale * Fraction(2) ** exponent
        unit = lcm(scale.denominator, block.bias.denominator)
        for pattern in patterns[name]:
            row = [0] * (len(share.channels) * window.count)
            for column, value in _row(taps, block.filter, pattern, share, window.count):
                row[column] += int(entries[value])
            table.append((*(int(scale * unit) * e for e in row), int(block.bias * unit)))
    return part_problem(table, domain) if table else None


def _row(
    taps: Taps, filter: int, pattern: dict[int, tuple[int, ...]], share: Share, count: int
) -> Sequence[tuple[int, int]]:
    """The pairs (column in the window, place in the kernel) of a row."""
    width, size = taps.kernel.shape[1], int(np.prod(taps.kernel.shape[2:]))
    first = filter * taps.groups // taps.kernel.shape[0] * width - share.channels.start
    return [
        ((first + channel) * count + place, (filter * width + channel) * size + tap)
        for channel in range(width)
        for place, used in pattern.items()
        for tap in used
    ]


def restricted(domain: Domain, share: Share, window: Window, shape: tuple[int, ...]) -> Domain:
    """Returns a superset of what the domain leaves for the entries of a window."""
    if isinstance(domain, Orthant):
        return domain
    if isinstance(domain, Box):
        size = int(np.prod(shape))
        places = window.positions(shape)
        columns = (np.array(share.channels)[:, None] * size + places).reshape(-1)
        return Box(domain.lower[columns], domain.upper[columns])
    return WholeSpace()
