"""Windows that are one-to-one and cover the input make the layer one-to-one.

The rows inside a window S depend on the entries of S only. If wherever x is the active ones among
them span R^S, for windows that cover all positions, then the active rows span R^n (Lemma 2 of
[Puthawala et al., 2020]); Theorem 4 there is the case of stride 1. Windows differ by phase and at
borders, so that every class of equal windows is asked.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from time import monotonic
from typing import IO, Any

import numpy as np

from monic.certificate import Certificate, header
from monic.decision.approach import Approach
from monic.decision.convolution.blocks import Block
from monic.decision.convolution.window_problem import Share, restricted, window_problem
from monic.decision.outcome import new_body
from monic.decision.problem import Problem
from monic.decision.result import Limits
from monic.decision.structure import Paired, structure
from monic.model import Box, ReLULayer
from monic.model.window import Window, lines

__all__ = ["Cover", "prove_windows", "shares"]

#: Windows with more entries are not asked: branching grows exponentially with them.
ENTRIES = 12

BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

#: Nodes of the tree of one window, and rows that it may have.
NODES, ROWS = 100_000, 2_000


@dataclass(frozen=True, slots=True)
class Cover:
    """A proof by windows, or the reason why there is none.

    Arguments:
        certificate: The proof.
        size: The size of its windows.
        classes: The number of classes of windows that were asked.
        limit: Why there is no proof, in words.
    """

    certificate: Certificate | None = None
    size: tuple[int, ...] = ()
    classes: int = 0
    limit: str = ""


def shares(found: Sequence[Block]) -> list[Share] | None:
    """Returns the groups of channels with their blocks, or None when inputs differ in shape."""
    kinds = {(block.step.geometry.shape, block.step.taps.groups) for block in found}
    if len({shape for shape, _ in kinds}) != 1:
        return None
    channels = found[0].step.geometry.channels
    groups = next(iter(kinds))[1] if len(kinds) == 1 else 1
    width = channels // groups
    parts: list[list[Block]] = [[] for _ in range(groups)]
    for block in found:
        taps = block.step.taps
        parts[block.filter * groups // taps.kernel.shape[0]].append(block)
    return [
        Share(g, range(g * width, (g + 1) * width), tuple(part)) for g, part in enumerate(parts)
    ]


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
    parts = shares(found)
    if parts is None:
        return Cover(limit="its convolutions take inputs of different shapes")
    until = None if seconds is None else monotonic() + seconds
    spatial = found[0].step.geometry.spatial
    asked = 0
    for size in _sizes(spatial, len(parts[0].channels)):
        search = _Search(layer, size, until)
        if all(search.cover(share) for share in parts):
            evidence = {"kind": "windows", "size": list(size), "classes": search.classes}
            proof = Certificate(header("INJECTIVE", subject, evidence), search.body)
            return Cover(proof, size, asked + search.asked)
        asked += search.asked
        if until is not None and monotonic() > until:
            return Cover(classes=asked, limit="the time limit was hit; raise time_limit")
    return Cover(classes=asked, limit=f"no windows of up to {ENTRIES} entries prove it one-to-one")


def _sizes(spatial: tuple[int, ...], width: int) -> Iterator[tuple[int, ...]]:
    """Yields sizes of windows with few entries, cubes first, up to the limit."""
    ranges = [range(1, min(side, ENTRIES) + 1) for side in spatial]
    sizes = [size for size in product(*ranges) if prod(size) * width <= ENTRIES]
    yield from sorted(sizes, key=lambda size: (prod(size), max(size), size))


class _Search:
    """Windows of one size: classes that are proved, and what they cover."""

    def __init__(self, layer: ReLULayer, size: tuple[int, ...], until: float | None) -> None:
        self.layer = layer
        self.size = size
        self.until = until
        self.classes: list[dict[str, Any]] = []
        self.body: IO[bytes] = new_body()
        self.asked = 0

    def cover(self, share: Share) -> bool:
        """Proves classes until a group's positions are covered; False when that fails."""
        if not share.blocks:
            return False
        shape = share.blocks[0].step.geometry.spatial
        if not self._can_hold(share):
            return False
        left = np.ones(shape, dtype=bool)
        by_class = self._classes(share, shape)
        for windows in sorted(by_class.values(), key=len, reverse=True):
            useful = [w for w in windows if left[_box(w)].any()]
            if not useful:
                continue
            proof = self._prove(share, useful[0], shape)
            if proof is None:
                continue
            used = sorted([share.group, *start] for start in _chosen(useful, left))
            self.classes.append({"windows": used, "proof": proof})
        return not left.any()

    def _can_hold(self, share: Share) -> bool:
        """The corrected count: some window needs n rows, and on cones around 0 twice as many."""
        most = 0
        for block in share.blocks:
            tables = block.step.taps.tables
            sides = zip(tables, self.size, block.step.geometry.spatial, strict=True)
            most += prod(
                max(len(lines(table, o, size)) for o in range(length - size + 1))
                for table, size, length in sides
            )
        return most >= prod(self.size) * len(share.channels)

    def _classes(
        self, share: Share, shape: tuple[int, ...]
    ) -> dict[tuple[Any, ...], list[Window]]:
        """The windows by what their rows read, and by what the domain is there."""
        steps = {id(block.step): block.step for block in share.blocks}
        kinds = [
            [
                tuple(lines(step.taps.tables[axis], o, self.size[axis]) for step in steps.values())
                for o in range(shape[axis] - self.size[axis] + 1)
            ]
            for axis in range(len(shape))
        ]
        found: dict[tuple[Any, ...], list[Window]] = defaultdict(list)
        for start in product(*(range(len(kind)) for kind in kinds)):
            window = Window(start, self.size)
            key: tuple[Any, ...] = tuple(kind[o] for kind, o in zip(kinds, start, strict=True))
            if isinstance(self.layer.domain, Box):
                part = restricted(self.layer.domain, share, window, shape)
                assert isinstance(part, Box), "a box restricted is a box"
                key = (*key, part.lower.tobytes(), part.upper.tobytes())
            found[key].append(window)
        return found

    def _prove(
        self, share: Share, window: Window, shape: tuple[int, ...]
    ) -> dict[str, Any] | None:
        """Returns evidence that a window is one-to-one, its tree written to the body."""
        seconds = None if self.until is None else self.until - monotonic()
        if seconds is not None and seconds <= 0:
            return None
        domain = restricted(self.layer.domain, share, window, shape)
        problem = window_problem(share, window, domain)
        if problem is None or len(problem.table) > ROWS:
            return None
        self.asked += 1
        return prove_dense(problem, Limits(seconds=seconds, nodes=NODES), self.body)


def prove_dense(problem: Problem, limits: Limits, body: IO[bytes]) -> dict[str, Any] | None:
    """Returns evidence that a small dense layer is one-to-one, or None."""
    found = structure(problem)
    if found is not None:
        if not isinstance(found[0], Paired):
            return None
        return {"kind": "paired-rows", "pairs": [list(pair) for pair in found[0].pairs]}
    from monic.decision.branching import branch  # compiled code is loaded when it is needed

    outcome = branch(problem, Approach(limits=limits).begun())
    if outcome.certificate is None or outcome.certificate.body is None:
        return None
    outcome.certificate.body.seek(0)
    body.write(outcome.certificate.body.read())
    return {"kind": "tree"}


def _chosen(windows: Sequence[Window], left: BoolArray) -> list[tuple[int, ...]]:
    """Returns where windows start that cover what these ones can, disjoint ones first."""
    starts = []
    for enough in (np.all, np.any):
        for window in windows:
            if enough(left[_box(window)]):
                left[_box(window)] = False
                starts.append(window.start)
    return starts


def _box(window: Window) -> tuple[slice, ...]:
    return tuple(slice(a, a + s) for a, s in zip(window.start, window.size, strict=True))
