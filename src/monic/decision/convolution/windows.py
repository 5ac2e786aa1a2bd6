"""Two ways to prove windows: as small dense layers, and by the rank of opposite filters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import IO, Any

import numpy as np

from monic.clock import monotonic
from monic.decision.approach import Approach
from monic.decision.convolution.blocks import Block
from monic.decision.convolution.cover import Cover, certified, first_cover
from monic.decision.convolution.paired import of_one_step, pair_evidence
from monic.decision.convolution.pairs import Pairs
from monic.decision.convolution.rank import window_rank
from monic.decision.convolution.window_problem import Share, restricted, window_problem
from monic.decision.part import decide_part
from monic.decision.result import Limits
from monic.model import ReLULayer
from monic.model.window import Window

__all__ = ["prove_paired_windows", "prove_windows"]

#: Windows with more entries are not asked: branching grows exponentially with them.
ENTRIES = 12

#: Windows of opposite filters may have so many: what counts there is a rank.
PAIRED_ENTRIES = 4096

#: Nodes of the tree of one window, and rows that it may have.
NODES, ROWS = 100_000, 2_000


def prove_windows(
    layer: ReLULayer, found: Sequence[Block], subject: dict[str, Any], seconds: float | None
) -> Cover:
    """Looks for a size of windows that prove the layer one-to-one, from the smallest on.

    Arguments:
        layer: The question.
        found: Its blocks.
        subject: The subject of certificates about it.
        seconds: When to give up.
    """
    until = None if seconds is None else monotonic() + seconds
    taps = found[0].step.taps
    sizes = _sizes(taps.shape[1:], taps.kernel.shape[1])
    cover = first_cover(layer, found, sizes, _Dense(layer, until), until)
    return certified(cover, subject)


def prove_paired_windows(
    layer: ReLULayer,
    found: Sequence[Block],
    pairs: Pairs,
    subject: dict[str, Any],
    until: float | None = None,
) -> Cover:
    """Looks for windows inside which opposite filters have full column rank, cubes only."""
    prover = _ByRank(tuple(of_one_step(pairs)), until)
    if not prover.pairs:
        return Cover(limit="it has no opposite filters")
    taps = prover.pairs[0][0].step.taps
    spatial, width = taps.shape[1:], taps.kernel.shape[1]
    cubes = [tuple(min(p, side) for side in spatial) for p in range(1, max(spatial) + 1)]
    sizes = [size for size in cubes if prod(size) * width <= PAIRED_ENTRIES]
    return certified(first_cover(layer, found, sizes, prover, until), subject)


def _sizes(spatial: tuple[int, ...], width: int) -> Iterator[tuple[int, ...]]:
    """Yields sizes of windows with few entries, cubes first, up to the limit."""
    ranges = [range(1, min(side, ENTRIES) + 1) for side in spatial]
    sizes = [size for size in product(*ranges) if prod(size) * width <= ENTRIES]
    yield from sorted(sizes, key=lambda size: (prod(size), max(size), size))


@dataclass(frozen=True, slots=True)
class _Dense:
    """Windows as layers of a few rows, decided by the engine for those."""

    layer: ReLULayer
    until: float | None

    def blocks(self, share: Share) -> Sequence[Block]:
        return share.blocks

    def prove(self, share: Share, window: Window, body: IO[bytes]) -> dict[str, Any] | None:
        shape = share.blocks[0].step.geometry.spatial
        if window.count * len(share.channels) > ENTRIES:
            return None
        domain = restricted(self.layer.domain, share, window, shape)
        problem = window_problem(share, window, domain)
        if problem is None or len(problem.table) > ROWS:
            return None
        left = None if self.until is None else max(self.until - monotonic(), 0.0)
        approach = Approach(limits=Limits(seconds=left, nodes=NODES)).begun()
        return decide_part(problem, approach, body).evidence


@dataclass(frozen=True, slots=True)
class _ByRank:
    """Windows in which one side of the pairs of opposite filters has full column rank."""

    pairs: tuple[tuple[Block, Block], ...]
    until: float | None

    def blocks(self, share: Share) -> Sequence[Block]:
        return [first for first, _ in self._mine(share)]

    def prove(self, share: Share, window: Window, body: IO[bytes]) -> dict[str, Any] | None:
        mine = self._mine(share)
        if not mine or mine[0][0].step.taps.kernel.shape[1] != len(share.channels):
            return None
        filters = np.array([first.filter for first, _ in mine])
        found = window_rank(mine[0][0].step.taps, filters, window, self.until)
        return pair_evidence(mine, found.prime) if found.full else None

    def _mine(self, share: Share) -> list[tuple[Block, Block]]:
        inside = {block.number for block in share.blocks}
        return [pair for pair in self.pairs if pair[0].number in inside]
