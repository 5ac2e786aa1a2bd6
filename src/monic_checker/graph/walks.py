"""How windows walk over images: what each output position reads along each axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Node
from monic_checker.graph.run import Run
from monic_checker.graph.tensor import NOWHERE, Shape, strides, walk

__all__ = ["Table", "Walk", "reads_of", "walks_of", "windows_of"]

#: For every output position along an axis the input position of each tap; NOWHERE for none.
Table = list[list[int]]


@dataclass(frozen=True, slots=True)
class Walk:
    """How a window walks along one axis."""

    size: int
    taps: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def room(self) -> int:
        """How far the first window can be moved inside the padded axis."""
        return self.size + self.before + self.after - self.dilation * (self.taps - 1) - 1

    def forward(self, run: Run, count: int) -> Table:
        """Returns what `count` output positions read."""
        run.hold((count, self.taps), 64)
        starts = range(-self.before, -self.before + count * self.stride, self.stride)
        reach = range(0, self.dilation * self.taps, self.dilation)
        return [[_inside(first + k, self.size) for k in reach] for first in starts]

    def backward(self, run: Run, extra: int) -> Table:
        """Returns what the output positions of the transposed walk read."""
        span = (self.size - 1) * self.stride + self.dilation * (self.taps - 1) + 1
        count = span - self.before - self.after + extra
        if count < 1:
            raise NotCompared("it gives no output")
        run.hold((count, self.taps), 64)
        found = []
        for o in range(count):
            steps = [o + self.before - k * self.dilation for k in range(self.taps)]
            found.append([_inside(s // self.stride, self.size) if s % self.stride == 0 else NOWHERE
                          for s in steps])  # fmt: skip
        return found


def _inside(place: int, size: int) -> int:
    return place if 0 <= place < size else NOWHERE


def walks_of(node: Node, sizes: Shape, taps: Sequence[int]) -> list[Walk]:
    """How the windows of a node walk, with its strides, dilations and padding."""
    axes = len(sizes)
    strides_ = node.integers("strides") or (1,) * axes
    dilations = node.integers("dilations") or (1,) * axes
    if not len(taps) == len(strides_) == len(dilations) == axes:
        raise NotCompared("its kernel, strides or dilations do not fit the image")
    if min(*taps, *strides_, *dilations) < 1:
        raise NotCompared("its kernel, strides or dilations are not positive")
    return [
        Walk(size, tap, stride, dilation, *ends)
        for size, tap, stride, dilation, ends in zip(
            sizes, taps, strides_, dilations, pads_of(node, sizes, taps), strict=True
        )
    ]


def pads_of(node: Node, sizes: Shape, taps: Sequence[int]) -> list[tuple[int, int]]:
    auto, axes = node.string("auto_pad", "NOTSET"), len(sizes)
    if auto in ("NOTSET", "VALID"):
        pads = (node.integers("pads") if auto == "NOTSET" else None) or (0,) * (2 * axes)
        if len(pads) != 2 * axes or min(pads) < 0:
            raise NotCompared("its pads are not two numbers >= 0 for each axis")
        return list(zip(pads[:axes], pads[axes:], strict=True))
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        raise NotCompared(f"its auto_pad {auto!a:.40} is not known")
    strides_ = node.integers("strides") or (1,) * axes
    dilations = node.integers("dilations") or (1,) * axes
    found = []
    for size, tap, stride, dilation in zip(sizes, taps, strides_, dilations, strict=True):
        missing = max((-(-size // stride) - 1) * stride + dilation * (tap - 1) + 1 - size, 0)
        small, large = missing // 2, missing - missing // 2
        found.append((small, large) if auto == "SAME_UPPER" else (large, small))
    return found


def reads_of(tables: Sequence[Table], sizes: Shape) -> list[list[int]]:
    """For each tap the places, in one channel, that the output positions read in turn."""
    steps = strides(sizes)
    lines = [
        [[step * row[k] for row in table] for k in range(len(table[0]))]
        for table, step in zip(tables, steps, strict=True)
    ]
    return [walk(chosen) for chosen in product(*lines)]


def windows_of(tables: Sequence[Table], sizes: Shape) -> list[list[int]]:
    """For each output position the places, in one channel, that its window reads."""
    steps = strides(sizes)
    lines = [[[step * p for p in row if p >= 0] for row in table]
             for table, step in zip(tables, steps, strict=True)]  # fmt: skip
    found = [walk(chosen) for chosen in product(*lines)]
    if not all(found):
        raise NotCompared("one of its windows looks at padding only")
    return found
