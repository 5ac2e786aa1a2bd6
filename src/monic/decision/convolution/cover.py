"""Covering a layer's input with windows that are proved one-to-one, class by class.

The rows inside a window S depend on the entries of S only. If wherever x is the active ones among
them span R^S, for windows that cover all positions, then the active rows span R^n (Lemma 2 of
[Puthawala et al., 2020]); Theorem 4 there is the case of stride 1. Windows differ by phase and at
borders, so that every class of equal windows is asked that the cover needs.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import IO, Any, Protocol

import numpy as np

from monic.certificate import Certificate, header
from monic.clock import monotonic
from monic.decision.convolution.blocks import Block
from monic.decision.convolution.window_problem import Share, restricted
from monic.decision.outcome import new_body
from monic.model import Box, ReLULayer
from monic.model.window import Window, lines

__all__ = ["Cover", "Prover", "certified", "first_cover", "shares"]

BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


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


class Prover(Protocol):
    """One way to prove windows one-to-one."""

    def blocks(self, share: Share) -> Sequence[Block]:
        """Returns the blocks whose rows count."""
        ...

    def prove(self, share: Share, window: Window, body: IO[bytes]) -> dict[str, Any] | None:
        """Returns the evidence about one window, its tree written to the body; None: no proof."""
        ...


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


def first_cover(
    layer: ReLULayer,
    found: Sequence[Block],
    sizes: Iterable[tuple[int, ...]],
    prover: Prover,
    until: float | None,
) -> tuple[dict[str, Any], Cover, IO[bytes]] | Cover:
    """Returns evidence for the first size that covers, with its body; or why there is none."""
    parts = shares(found)
    if parts is None:
        return Cover(limit="its convolutions take inputs of different shapes")
    asked = 0
    for size in sizes:
        search = _Search(layer, size, prover, until)
        if all(search.cover(share) for share in parts):
            evidence = {"kind": "windows", "size": list(size), "classes": search.classes}
            return evidence, Cover(size=size, classes=asked + search.asked), search.body
        asked += search.asked
        if until is not None and monotonic() > until:
            limit = "the time limit was hit while windows were asked; raise time_limit"
            return Cover(classes=asked, limit=limit)
    return Cover(classes=asked, limit="no windows that were asked prove it one-to-one")


def certified(
    found: tuple[dict[str, Any], Cover, IO[bytes]] | Cover, subject: dict[str, Any]
) -> Cover:
    """Returns a cover with its certificate, where there is one."""
    if isinstance(found, Cover):
        return found
    evidence, cover, body = found
    proof = Certificate(header("INJECTIVE", subject, evidence), body)
    return Cover(proof, cover.size, cover.classes)


class _Search:
    """Windows of one size: classes that are proved, and what they cover."""

    def __init__(
        self, layer: ReLULayer, size: tuple[int, ...], prover: Prover, until: float | None
    ) -> None:
        self.layer = layer
        self.size = size
        self.prover = prover
        self.until = until
        self.classes: list[dict[str, Any]] = []
        self.body: IO[bytes] = new_body()
        self.asked = 0

    def cover(self, share: Share) -> bool:
        """Proves classes until a group's positions are covered; False when that fails."""
        if not share.blocks or not self._can_hold(share):
            return False
        shape = share.blocks[0].step.geometry.spatial
        left = np.ones(shape, dtype=bool)
        by_class = self._classes(share, shape)
        for windows in sorted(by_class.values(), key=len, reverse=True):
            useful = [w for w in windows if left[_box(w)].any()]
            if not useful:
                continue
            if self.until is not None and monotonic() > self.until:
                return False
            self.asked += 1
            proof = self.prover.prove(share, useful[0], self.body)
            if proof is None:
                continue
            used = sorted([share.group, *start] for start in _chosen(useful, left))
            self.classes.append({"windows": used, "proof": proof})
        return not left.any()

    def _can_hold(self, share: Share) -> bool:
        """The count: some window must have as many rows as entries."""
        most, known = 0, dict[int, int]()
        for block in self.prover.blocks(share):
            name = id(block.step)
            if name not in known:
                sides = zip(
                    block.step.taps.tables, self.size, block.step.geometry.spatial, strict=True
                )
                known[name] = prod(
                    max(len(lines(table, o, size)) for o in range(length - size + 1))
                    for table, size, length in sides
                )
            most += known[name]
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
