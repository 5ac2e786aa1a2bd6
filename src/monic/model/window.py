"""Windows of a convolution: boxes of input positions, with the rows that read nothing else.

The rows of a window are those of the actual operator, borders and padding included. Along each
axis an output position is inside or not by itself, so that windows are products of intervals.
Inner windows of a convolution with stride 1 have the zero-padded kernels of Definitions 2-4 of
[Puthawala et al., 2020] as their rows; with strides they look like the polyphase components.
"""

from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from monic.errors import LayerError
from monic.model.array import Array
from monic.model.grid import IntArray
from monic.model.taps import Taps

__all__ = ["Line", "Window", "lines", "polyphase", "zero_padded_kernels"]

#: What one output position reads along one axis: for each tap the position in the window, or -1.
Line = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """The input positions start <= q < start + size along every axis, in all channels.

    Example:
        >>> Window((2, 0), (3, 3)).count
        9
    """

    start: tuple[int, ...]
    size: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of positions."""
        return prod(self.size)

    def positions(self, shape: tuple[int, ...]) -> IntArray:
        """Returns the flat numbers of the window's positions in an input of a spatial shape."""
        sides = [np.arange(a, a + s) for a, s in zip(self.start, self.size, strict=True)]
        return np.asarray(np.ravel_multi_index(np.ix_(*sides), shape).reshape(-1))

    def patterns(self, taps: Taps) -> list[dict[int, tuple[int, ...]]]:
        """Returns what the different rows inside read: for each place in the window, its taps.

        A filter has one row for each of them; equal rows are listed once, in a fixed order.
        """
        sides = [
            lines(table, start, size)
            for table, start, size in zip(taps.tables, self.start, self.size, strict=True)
        ]
        return [_pattern(choice, self.size) for choice in product(*sides)]


def lines(table: IntArray, start: int, size: int) -> tuple[Line, ...]:
    """Returns what the output positions inside an interval read along one axis, sorted.

    Arguments:
        table: What is read along the axis, from `Taps.tables`.
        start: The first input position of the interval.
        size: The length of the interval.

    Example:
        >>> lines(np.array([[-1, 0], [0, 1], [1, 2]]), 0, 2)
        ((-1, 0), (0, 1))
    """
    read = table >= 0
    inside = (~read | ((table >= start) & (table < start + size))).all(axis=1) & read.any(axis=1)
    shifted = np.where(read, table - start, -1)[inside]
    return tuple(sorted({tuple(line) for line in shifted.tolist()}))


def _pattern(choice: tuple[Line, ...], size: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    found: dict[int, tuple[int, ...]] = {}
    for tap, places in enumerate(product(*choice)):
        if min(places) >= 0:
            place = 0
            for entry, side in zip(places, size, strict=True):
                place = place * side + entry
            found[place] = (*found.get(place, ()), tap)
    return found


def zero_padded_kernels(kernel: Array, size: tuple[int, ...]) -> Array:
    """Returns Z_P: all shifts of a kernel within a box P, zero elsewhere (Definition 4).

    Arguments:
        kernel: Of shape (channels, *taps).
        size: P, the box.

    Raises:
        LayerError: when the dimensions differ.

    Example:
        >>> zero_padded_kernels(np.array([[1.0, 2.0]]), (3,)).tolist()
        [[[1.0, 2.0, 0.0]], [[0.0, 1.0, 2.0]]]
    """
    if kernel.ndim != len(size) + 1:
        raise LayerError(f"Expected a box of {kernel.ndim - 1} axes. Got {size}.")
    rooms = [range(p - k + 1) for p, k in zip(size, kernel.shape[1:], strict=True)]
    shifts = list(product(*rooms))
    padded = np.zeros((len(shifts), kernel.shape[0], *size), kernel.dtype)
    for number, shift in enumerate(shifts):
        place = tuple(slice(a, a + k) for a, k in zip(shift, kernel.shape[1:], strict=True))
        padded[number][(slice(None), *place)] = kernel
    return padded


def polyphase(kernel: Array, stride: tuple[int, ...]) -> dict[tuple[int, ...], Array]:
    """Returns the polyphase components of a kernel: the taps congruent to each phase.

    A convolution with stride s is the sum over the phases r of a convolution with stride 1 of
    x[r::s] with the component r; one with a single tap is a matrix at every position.

    Arguments:
        kernel: Of shape (filters, channels, *taps).
        stride: The stride along every axis.

    Example:
        >>> {r: k.tolist() for r, k in polyphase(np.array([[[1, 2, 3]]]), (2,)).items()}
        {(0,): [[[1, 3]]], (1,): [[[2]]]}
    """
    phases = product(*(range(step) for step in stride))
    found = {}
    for phase in phases:
        every = [slice(r, None, s) for r, s in zip(phase, stride, strict=True)]
        found[phase] = kernel[(slice(None), slice(None), *every)]
    return found
