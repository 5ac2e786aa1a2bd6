"""Tensors of rationals: integers over one denominator, in C order."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from flint import fmpq, fmpz

from monic_checker.arrays import Array, decode
from monic_checker.budget import Budget, bits
from monic_checker.graph.errors import NotCompared
from monic_checker.vector import lcm

__all__ = ["NOWHERE", "Shape", "Tensor", "strides", "walk"]

Shape = tuple[int, ...]

#: The offset of an entry that is not there; sums with it stay negative.
NOWHERE = -(2**62)

_FLOATS = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True, slots=True)
class Tensor:
    """The rationals entries[i] / denominator, in C order of a shape.

    Arguments:
        shape: The shape.
        entries: The numerators.
        denominator: The denominator of all; positive.
        dtype: The number format in the file; the numbers are exact all the same.
    """

    shape: Shape
    entries: list[fmpz]
    denominator: fmpz = field(default_factory=lambda: fmpz(1))
    dtype: str = "float32"

    @classmethod
    def of_array(cls, array: Array, budget: Budget) -> "Tensor":
        """Returns the numbers of an array of the file.

        Raises:
            NotCompared: when one of them is infinite or NaN.
        """
        try:
            found = decode(array, budget)
        except ValueError as error:
            raise NotCompared(f"{array.name!a}: {error}") from None
        return cls(array.shape, found.entries, found.denominator, array.dtype)

    @classmethod
    def of_integers(cls, numbers: Sequence[int], shape: Shape | None = None) -> "Tensor":
        """Returns integers, along one axis unless a shape is given."""
        shape = (len(numbers),) if shape is None else shape
        return cls(shape, [fmpz(number) for number in numbers], dtype="int64")

    @classmethod
    def of_rationals(cls, numbers: Sequence[fmpq], shape: Shape, dtype: str) -> "Tensor":
        """Returns rationals over their least common denominator."""
        unit = lcm([number.q for number in numbers])
        return cls(shape, [number.p * (unit // number.q) for number in numbers], unit, dtype)

    @property
    def size(self) -> int:
        """The number of entries."""
        return len(self.entries)

    @property
    def is_float(self) -> bool:
        """Whether it holds numbers of a float format."""
        return self.dtype in _FLOATS

    @property
    def length(self) -> int:
        """The length of its longest number, and of the denominator, in bits."""
        return max(bits(self.entries), int(self.denominator.bit_length()))

    @property
    def held(self) -> int:
        """The bytes that its numbers hold, about."""
        return self.size * (self.length // 8 + 40)

    def rationals(self) -> list[fmpq]:
        """Returns its numbers."""
        return [fmpq(entry, self.denominator) for entry in self.entries]

    def integers(self) -> list[int]:
        """Returns its numbers as integers.

        Raises:
            NotCompared: when they are none.
        """
        if self.is_float or self.denominator != 1:
            raise NotCompared("expected integers, such as a shape or axes")
        return [int(entry) for entry in self.entries]

    def number(self) -> fmpq:
        """Returns its only number.

        Raises:
            NotCompared: when there are several.
        """
        if self.size != 1:
            raise NotCompared(f"expected one number. Got the shape {list(self.shape)}")
        return fmpq(self.entries[0], self.denominator)

    def reshaped(self, shape: Sequence[int]) -> "Tensor":
        """Returns the same numbers in another shape.

        Raises:
            NotCompared: when they do not fill it.
        """
        if any(size < 0 for size in shape) or math.prod(shape) != self.size:
            raise NotCompared(f"the shape {list(self.shape)} does not fill {list(shape)}")
        return replace(self, shape=tuple(shape))

    def taken(self, places: Sequence[int], shape: Shape, filling: fmpq | None = None) -> "Tensor":
        """Returns the entries at some places; a negative place has the filling, 0 if none."""
        if filling is None or filling == 0:
            zero, entries = fmpz(0), self.entries
            found = [entries[place] if place >= 0 else zero for place in places]
            return replace(self, shape=shape, entries=found)
        whole = self.over(self.denominator.lcm(filling.q))
        outside, entries = filling.p * (whole.denominator // filling.q), whole.entries
        found = [entries[place] if place >= 0 else outside for place in places]
        return replace(whole, shape=shape, entries=found)

    def over(self, denominator: fmpz) -> "Tensor":
        """Returns the same numbers over a multiple of the denominator."""
        if denominator == self.denominator:
            return self
        factor = denominator // self.denominator
        entries = [factor * entry for entry in self.entries]
        return replace(self, entries=entries, denominator=denominator)

    def lowest(self) -> "Tensor":
        """Returns the same numbers over their least common denominator."""
        divisor = self.denominator
        for entry in self.entries:
            if divisor == 1:
                return self
            divisor = divisor.gcd(entry)
        entries = [entry // divisor for entry in self.entries]
        return replace(self, entries=entries, denominator=self.denominator // divisor)


def strides(shape: Shape) -> list[int]:
    """Returns by how many entries each axis steps.

    Example:
        >>> strides((2, 3, 4))
        [12, 4, 1]
    """
    found, step = [], 1
    for size in reversed(shape):
        found.append(step)
        step *= size
    return found[::-1]


def walk(lines: Sequence[Sequence[int]]) -> list[int]:
    """Returns all sums of one offset from each line, the last line running fastest.

    Example:
        >>> walk([[0, 10], [1, 2]])
        [1, 2, 11, 12]
    """
    found = [0]
    for line in lines:
        found = [base + step for base in found for step in line]
    return found
