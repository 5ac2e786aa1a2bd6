"""How a convolution walks over its input: the geometry of a step, and what each tap reads."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from monic_checker.document import choice, integer, items, members
from monic_checker.errors import MalformedProof
from monic_checker.table import Table

__all__ = ["Grid", "read_grid"]

_KEYS = ["shape", "stride", "dilation", "padding", "groups", "mode"]
_MODES = ("zero", "circular", "reflect", "replicate")

#: No stride, dilation or padding is larger.
_LARGEST = 2**31

#: Nor has a table of one axis more entries: a million positions of a 3-tap kernel fit.
_ENTRIES = 2**22


class Walk(NamedTuple):
    """How the kernel of a convolution walks, axis by axis, as the proof says it."""

    stride: list[int]
    dilation: list[int]
    padding: list[list[int]]
    mode: str
    extra: list[int]


@dataclass(frozen=True, slots=True)
class Grid:
    """The shapes of a convolution, and its tables.

    Arguments:
        shape: The shape (channels, *spatial) of what it is applied to.
        filters: The number of filters.
        width: The number of channels that a filter sees.
        groups: The number of groups; a filter sees the channels of its group.
        tables: For each spatial axis the input index of (output index, tap), or -1 for none.
        transposed: Whether the array is stored as (channels, filters / groups, *taps).
        walk: What the tables were made from.
    """

    shape: tuple[int, ...]
    filters: int
    width: int
    groups: int
    tables: tuple[Table, ...]
    transposed: bool
    walk: Walk

    @property
    def words(self) -> str:
        """The geometry in words; all numbers are lists over the axes."""
        stride, dilation, padding, mode, extra = self.walk
        output = f", output padding {extra}" if self.transposed else ""
        return (
            f"input shape {list(self.shape)}, stride {stride}, dilation {dilation}, "
            f"padding {padding}, groups {self.groups}, mode {mode}{output}"
        )

    @property
    def inputs(self) -> int:
        """The number of spatial positions of the input."""
        return math.prod(self.shape[1:])

    @property
    def positions(self) -> int:
        """The number of output positions of a filter."""
        return math.prod(table.length for table in self.tables)

    @property
    def taps(self) -> int:
        """The number of taps of a kernel in one channel."""
        return math.prod(table.taps for table in self.tables)

    @property
    def size(self) -> int:
        """The number of entries of the convolution's value."""
        return self.filters * self.positions

    def group(self, filter: int) -> int:
        """Returns the group of a filter."""
        return filter * self.groups // self.filters

    def entry(self, filter: int, channel: int, tap: int) -> int:
        """Returns where the array has the tap of a filter in a channel of its group."""
        if not self.transposed:
            return (filter * self.width + channel) * self.taps + tap
        each = self.filters // self.groups
        row = self.group(filter) * self.width + channel
        return (row * each + filter % each) * self.taps + tap

    def reads(self, position: int) -> list[tuple[int, int]]:
        """Returns the pairs (tap, input position), flat, that an output position reads."""
        indices = []
        for table in reversed(self.tables):
            position, index = divmod(position, table.length)
            indices.append(index)
        found = [(0, 0)]
        for table, index, size in zip(self.tables, reversed(indices), self.shape[1:], strict=True):
            line = table[index]
            found = [
                (tap * len(line) + k, place * size + source)
                for tap, place in found
                for k, source in enumerate(line)
                if source >= 0
            ]
        return found


def read_grid(
    value: object, address: str, array: Sequence[int], size: int, *, transposed: bool
) -> Grid:
    """Reads the geometry of a step on values of the given size, with an array of the given shape.

    Raises:
        MalformedProof: when it breaks a rule of the specification.
    """
    keys = [*_KEYS, "output_padding"] if transposed else _KEYS
    fields = dict(zip(keys, members(value, address, keys), strict=True))
    shape = _numbers(fields["shape"], f"{address}.shape", None, 1)
    axes = len(shape) - 1
    if len(array) == 2:  # a matrix for the channels: one tap
        array = [*array, *[1] * axes]
    if not 1 <= axes <= 3 or len(array) != axes + 2 or math.prod(shape) != size:
        raise MalformedProof(address, f"expected 1 to 3 axes of an input of {size} entries")
    mode = choice(fields["mode"], f"{address}.mode", _MODES[:1] if transposed else _MODES)
    groups = integer(fields["groups"], f"{address}.groups", 1, _LARGEST)
    filters = array[1] * groups if transposed else array[0]
    channels = array[0] if transposed else array[1] * groups
    if channels != shape[0] or channels % groups or filters % groups:
        raise MalformedProof(address, f"expected an array for {shape[0]} channels, not {array}")
    strides = _numbers(fields["stride"], f"{address}.stride", axes, 1)
    dilations = _numbers(fields["dilation"], f"{address}.dilation", axes, 1)
    extra = _numbers(fields["output_padding"], address, axes, 0) if transposed else [0] * axes
    tables, padding = [], []
    for axis, pair in enumerate(items(fields["padding"], f"{address}.padding", axes)):
        sides = _numbers(pair, f"{address}.padding[{axis}]", 2, 0)
        padding.append(sides)
        steps = (strides[axis], dilations[axis], sides[0], sides[1], extra[axis])
        extent = (shape[axis + 1], array[axis + 2])
        maker = _transposed if transposed else _forward
        tables.append(maker(extent, steps, mode, address))
    walk = Walk(strides, dilations, padding, mode, extra)
    return Grid(tuple(shape), filters, channels // groups, groups, tuple(tables), transposed, walk)


def _forward(extent: tuple[int, int], steps: tuple[int, ...], mode: str, address: str) -> Table:
    size, taps = extent
    stride, dilation, before, after, _ = steps
    fits = {"reflect": max(before, after) < size, "circular": max(before, after) <= size}
    count = (size + before + after - dilation * (taps - 1) - 1) // stride + 1
    _insist(fits.get(mode, True) and 1 <= count, count * taps, address)
    return Table(count, taps, size, stride, dilation, before, mode)


def _transposed(extent: tuple[int, int], steps: tuple[int, ...], mode: str, address: str) -> Table:
    size, taps = extent
    stride, dilation, before, after, extra = steps
    count = (size - 1) * stride + dilation * (taps - 1) + 1 - before - after + extra
    _insist(count >= 1, count * taps, address)
    return Table(count, taps, size, stride, dilation, before, "transposed")


def _insist(fits: bool, entries: int, address: str) -> None:
    if not fits or entries > _ENTRIES:
        raise MalformedProof(address, "expected an output, and a size and padding that fit")


def _numbers(value: Any, address: str, length: int | None, low: int) -> list[int]:
    entries = items(value, address, length)
    return [integer(entry, f"{address}[{i}]", low, _LARGEST) for i, entry in enumerate(entries)]
