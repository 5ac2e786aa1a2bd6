"""What the output positions of a convolution read along one axis: computed line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from monic_checker.budget import PYTHON, Budget

__all__ = ["Table"]


@dataclass(frozen=True, slots=True)
class Table(Sequence[tuple[int, ...]]):
    """For each output index what its taps read: input indices, or -1 for none.

    No line is kept, so that a table of any length takes no memory.

    Arguments:
        length: The number of output indices.
        taps: The number of taps.
        size: The number of input indices.
        stride: By how much inputs are apart that the first tap reads; of a transposed
            convolution, by how much outputs are apart that read an input by their first tap.
        dilation: By how much inputs (or outputs) of neighbouring taps are apart.
        before: The padding before the first input (what is cut before the first output).
        mode: What lies outside the input; "transposed" for a transposed convolution.

    Example:
        >>> list(Table(3, 2, 4, 2, 1, 1, "zero"))
        [(-1, 0), (1, 2), (3, -1)]
        >>> list(Table(4, 2, 2, 2, 1, 0, "transposed"))
        [(0, -1), (-1, 0), (1, -1), (-1, 1)]
    """

    length: int
    taps: int
    size: int
    stride: int
    dilation: int
    before: int
    mode: str

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, index: int) -> tuple[int, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[int, ...]]: ...
    def __getitem__(self, index: int | slice) -> tuple[int, ...] | list[tuple[int, ...]]:
        if isinstance(index, slice):
            return [self._line(k) for k in range(self.length)[index]]
        if not -self.length <= index < self.length:
            raise IndexError(index)
        return self._line(index % self.length)

    def reads_like(self, other: "Table", budget: Budget) -> bool:
        """Returns whether another table has the same lines; a padding of 0 has no mode."""
        if self == other or (self.length, self.taps) != (other.length, other.taps):
            return self == other
        budget.work(4 * PYTHON * self.length * (self.taps + 8), "subject.map")
        return all(a == b for a, b in zip(self, other, strict=True))

    def _line(self, index: int) -> tuple[int, ...]:
        if self.mode == "transposed":
            last = index + self.before
            return tuple(self._source(last - k * self.dilation) for k in range(self.taps))
        first = index * self.stride - self.before
        end = first + (self.taps - 1) * self.dilation
        places = range(first, end + 1, self.dilation)
        if first >= 0 and end < self.size:  # nearly always
            return tuple(places)
        return tuple(_fold(place, self.size, self.mode) for place in places)

    def _source(self, place: int) -> int:
        """The input whose first tap is read at a place before anything is cut; -1 for none."""
        source, rest = divmod(place, self.stride)
        return source if rest == 0 and 0 <= source < self.size else -1


def _fold(index: int, size: int, mode: str) -> int:
    if 0 <= index < size:
        return index
    if mode == "zero":
        return -1
    if mode == "circular":
        return index % size
    if mode == "replicate":
        return 0 if index < 0 else size - 1
    return -index if index < 0 else 2 * (size - 1) - index
