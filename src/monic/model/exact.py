"""Affine maps over the integers: a matrix and a column, times a power of two, over a divisor."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from flint import fmpz_mat

from monic.errors import LayerError

__all__ = ["ExactAffine", "at_one_unit"]


@dataclass(frozen=True, slots=True)
class ExactAffine:
    """The map x -> (weight x + bias) 2^power / divisor: an integer matrix, an integer column.

    The divisor is 1 but for maps with means or weights such as 1/3 in them (`Combine`).
    """

    weight: fmpz_mat
    bias: fmpz_mat
    power: int
    divisor: int = 1

    @property
    def exponent(self) -> int:
        """The power of two, for whoever can do with nothing else.

        Raises:
            LayerError: when there is a divisor too.
        """
        if self.divisor != 1:
            raise LayerError(
                "Expected a map whose numbers are integers times a power of two. Got one with "
                f"fractions of {self.divisor:,}; take `power` and `divisor`."
            )
        return self.power

    @property
    def scale(self) -> Fraction:
        """2^power / divisor."""
        return Fraction(2) ** self.power / self.divisor

    def times(self, matrix: fmpz_mat, power: int) -> "ExactAffine":
        """Returns matrix 2^power applied after this map."""
        weight, bias = matrix * self.weight, matrix * self.bias
        return ExactAffine(weight, bias, self.power + power, self.divisor)

    def over(self, divisor: int) -> "ExactAffine":
        """Returns the map divided by a positive integer; the divisor stays odd."""
        twos = (divisor & -divisor).bit_length() - 1
        odd = self.divisor * (divisor >> twos)
        return ExactAffine(self.weight, self.bias, self.power - twos, odd)

    def at_exponent(self, power: int) -> "ExactAffine":
        """Returns the same map written with a smaller power of two."""
        return self._multiplied(1 << (self.power - power), power, self.divisor)

    def at_unit(self, power: int, divisor: int) -> "ExactAffine":
        """Returns the same map with a smaller power of two and a multiple of the divisor."""
        factor = (divisor // self.divisor) << (self.power - power)
        return self._multiplied(factor, power, divisor)

    def then(self, outer: "ExactAffine") -> "ExactAffine":
        """Returns another map applied after this one."""
        product = self.times(outer.weight, outer.power).over(outer.divisor)
        zero = fmpz_mat(outer.weight.nrows(), self.weight.ncols())
        first, second = at_one_unit(
            [product, ExactAffine(zero, outer.bias, outer.power, outer.divisor)]
        )
        return ExactAffine(first.weight, first.bias + second.bias, first.power, first.divisor)

    def _multiplied(self, factor: int, power: int, divisor: int) -> "ExactAffine":
        if factor == 1:
            return ExactAffine(self.weight, self.bias, power, divisor)
        return ExactAffine(self.weight * factor, self.bias * factor, power, divisor)


def at_one_unit(maps: Sequence[ExactAffine]) -> list[ExactAffine]:
    """Returns maps with one power of two and one divisor for all."""
    power = min(value.power for value in maps)
    divisor = lcm(*(value.divisor for value in maps))
    return [value.at_unit(power, divisor) for value in maps]
