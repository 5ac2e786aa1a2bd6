"""How a convolution walks over its input: strides, dilations and paddings as tables of indices.

Along one axis, tap k of output position o reads the input position table[o, k], or nothing (-1).
Every kind of convolution, transposed ones among them, is such a table for each axis:

    convolution             o * stride + k * dilation - before, folded into the axis by the padding
    transposed convolution  the i with i * stride + k * dilation - before = o, where there is one
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from monic.errors import LayerError
from monic.memory import charge, make_room

__all__ = ["MODES", "Geometry", "IntArray"]

IntArray = np.ndarray[Any, np.dtype[np.int64]]

#: Strides, dilations and paddings are at most this.
HIGHEST = (1 << 31) - 1

#: What is read beyond the border of the input.
MODES = ("zero", "circular", "reflect", "replicate")


@dataclass(frozen=True, slots=True)
class Geometry:
    """The size of a convolution's input and how its kernel walks over it.

    One number stands for the same number along every axis. No padding is `padding=0`, what some
    libraries call "valid".

    Arguments:
        shape: The input's shape without a batch: (channels, *spatial), with 1 to 3 spatial axes.
        stride: The step between output positions (transposed: between input positions).
        dilation: The step between taps.
        padding: One number, one for each axis, or a pair (before, after) for each axis.
        groups: The number of groups of channels that do not see each other.
        mode: What is read beyond the border: "zero", "circular", "reflect" or "replicate".
        output_padding: Transposed convolutions only: positions added after the end of each axis.

    Raises:
        LayerError: when the numbers do not fit each other.

    Example:
        >>> Geometry((3, 32, 32), stride=2, padding=1).padding
        ((1, 1), (1, 1))
    """

    shape: tuple[int, ...]
    stride: int | tuple[int, ...] = 1
    dilation: int | tuple[int, ...] = 1
    padding: int | tuple[int, ...] | tuple[tuple[int, ...], ...] = 0
    groups: int = 1
    mode: str = "zero"
    output_padding: int | tuple[int, ...] = 0

    def __post_init__(self) -> None:
        shape = tuple(_integer(size, "shape", 1) for size in self.shape)
        if not 2 <= len(shape) <= 4:
            raise LayerError(
                f"Expected a shape (channels, *spatial) with 1 to 3 spatial axes. Got {shape}."
            )
        if self.mode not in MODES:
            raise LayerError(f"Expected a padding mode in {', '.join(MODES)}. Got {self.mode!r}.")
        axes = len(shape) - 1
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "stride", _each(self.stride, "stride", axes, 1))
        object.__setattr__(self, "dilation", _each(self.dilation, "dilation", axes, 1))
        object.__setattr__(self, "padding", _pairs(self.padding, axes))
        object.__setattr__(
            self, "output_padding", _each(self.output_padding, "output_padding", axes, 0)
        )
        if shape[0] % _integer(self.groups, "groups", 1):
            raise LayerError(
                f"Expected groups that divide the {shape[0]} channels. Got {self.groups}."
            )
        self._insist_on_room()

    def _insist_on_room(self) -> None:
        """Reflection folds each border back once only, as it does in other libraries."""
        for size, pair in zip(self.spatial, self.pairs, strict=True):
            if self.mode == "reflect" and max(pair) >= size:
                raise LayerError(f"Expected a reflecting padding below {size}. Got {pair}.")
            if self.mode == "circular" and max(pair) > size:
                raise LayerError(f"Expected a circular padding of at most {size}. Got {pair}.")

    @property
    def channels(self) -> int:
        """The number of channels of the input."""
        return self.shape[0]

    @property
    def spatial(self) -> tuple[int, ...]:
        """The sizes of the input's spatial axes."""
        return self.shape[1:]

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The padding before and after each axis."""
        assert isinstance(self.padding, tuple), "made so on entry"
        return tuple((pair[0], pair[1]) for pair in self.padding if isinstance(pair, tuple))

    def steps(self, axis: int) -> tuple[int, int, int]:
        """Returns (stride, dilation, output padding) along a spatial axis."""
        values = (self.stride, self.dilation, self.output_padding)
        stride, dilation, extra = (v[axis] if isinstance(v, tuple) else v for v in values)
        return stride, dilation, extra

    def table(self, axis: int, taps: int, *, transposed: bool) -> IntArray:
        """Returns the input index that each output position and tap reads along an axis, or -1.

        Arguments:
            axis: The spatial axis, from 0.
            taps: The kernel's size along the axis.
            transposed: Whether the convolution is transposed.

        Raises:
            LayerError: when no output position is left.

        Example:
            >>> Geometry((1, 3), padding=1).table(0, 3, transposed=False).tolist()
            [[-1, 0, 1], [0, 1, 2], [1, 2, -1]]
        """
        size, (before, after) = self.spatial[axis], self.pairs[axis]
        stride, dilation, extra = self.steps(axis)
        span = dilation * (taps - 1) + 1
        if transposed:
            count = (size - 1) * stride + span - before - after + extra
        else:
            count = (size + before + after - span) // stride + 1
        if count < 1:
            raise LayerError(
                f"Expected an output along axis {axis}. Got {count} positions from an input of "
                f"{size}, a kernel that spans {span} and a padding of {(before, after)}."
            )
        charge(8 * count * taps, f"a table of {count:,} positions and {taps:,} taps")
        make_room(16 * count * taps, f"a table of {count:,} positions and {taps:,} taps")
        tap = np.arange(taps, dtype=np.int64) * dilation
        place = np.arange(count, dtype=np.int64)[:, None]
        if not transposed:
            return _folded(place * stride + tap - before, size, self.mode)
        reach = place + before - tap
        inside = (reach % stride == 0) & (reach >= 0) & (reach < size * stride)
        return np.where(inside, reach // stride, -1)


def _folded(index: IntArray, size: int, mode: str) -> IntArray:
    if mode == "zero":
        return np.where((index >= 0) & (index < size), index, -1)
    if mode == "circular":
        return index % size
    if mode == "replicate":
        return np.clip(index, 0, size - 1)
    mirrored = np.abs(index)
    return np.where(mirrored >= size, 2 * (size - 1) - mirrored, mirrored)


def _integer(value: object, name: str, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise LayerError(f"Expected whole numbers of at least {low} for {name}. Got {value!r}.")
    if value > HIGHEST:  # products of two are added up in 64 bits
        raise LayerError(f"Expected numbers below 2^31 for {name}. Got {value!r}.")
    return int(value)


def _each(value: int | Sequence[int], name: str, axes: int, low: int) -> tuple[int, ...]:
    values = list(value) if isinstance(value, tuple | list) else [value] * axes
    if len(values) != axes:
        raise LayerError(f"Expected one {name} for each of {axes} axes. Got {value!r}.")
    return tuple(_integer(entry, name, low) for entry in values)


def _pairs(value: object, axes: int) -> tuple[tuple[int, int], ...]:
    values = list(value) if isinstance(value, tuple | list) else [value] * axes
    if len(values) != axes:
        raise LayerError(f"Expected one padding for each of {axes} axes. Got {value!r}.")
    pairs = []
    for entry in values:
        pair = tuple(entry) if isinstance(entry, tuple | list) else (entry, entry)
        if len(pair) != 2:
            raise LayerError(f"Expected a pair (before, after) of paddings. Got {entry!r}.")
        pairs.append((_integer(pair[0], "padding", 0), _integer(pair[1], "padding", 0)))
    return tuple(pairs)
