"""Affine maps over the integers: a matrix and a column, times a power of two, over a divisor."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm

from flint import fmpz, fmpz_mat

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
    #: Where every row has one entry, the same for all: its column, and the entry.
    places: Sequence[int] | None = field(init=False, default=None, repr=False, compare=False)
    unit: int = field(init=False, default=1, repr=False, compare=False)

    @classmethod
    def chosen(
        cls, places: Sequence[int], dim: int, power: int = 0, divisor: int = 1
    ) -> "ExactAffine":
        """Returns the map x -> (x_i for i in places) 2^power / divisor on R^dim."""
        weight = fmpz_mat(len(places), dim)
        for row, place in enumerate(places):
            weight[row, place] = 1
        bias = fmpz_mat(len(places), 1)
        return cls(weight, bias, power, divisor)._with_places(places, 1)

    def _with_places(self, places: Sequence[int] | None, unit: int) -> "ExactAffine":
        object.__setattr__(self, "places", places)
        object.__setattr__(self, "unit", unit)
        return self

    def shifted(self, column: fmpz_mat) -> "ExactAffine":
        """Returns the map plus column 2^power / divisor."""
        moved = ExactAffine(self.weight, self.bias + column, self.power, self.divisor)
        return moved._with_places(self.places, self.unit)

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
        bias = matrix * self.bias
        if self.places is None:
            weight = matrix * self.weight
        else:  # nothing to multiply: columns are moved
            weight = _moved(matrix, self.places, int(self.weight.ncols())) * self.unit
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
            same = ExactAffine(self.weight, self.bias, power, divisor)
            return same._with_places(self.places, self.unit)
        found = ExactAffine(self.weight * factor, self.bias * factor, power, divisor)
        return found._with_places(self.places, self.unit * factor)


def _moved(matrix: fmpz_mat, places: Sequence[int], size: int) -> fmpz_mat:
    """Returns the product of a matrix with one that chooses entries of R^size."""
    if list(places) == list(range(size)):
        return matrix
    rows = []
    for row in matrix.tolist():
        found = [fmpz(0)] * size
        for place, entry in zip(places, row, strict=True):
            found[place] += entry
        rows.append(found)
    return fmpz_mat(rows)


def at_one_unit(maps: Sequence[ExactAffine]) -> list[ExactAffine]:
    """Returns maps with one power of two and one divisor for all."""
    power = min(value.power for value in maps)
    divisor = lcm(*(value.divisor for value in maps))
    return [value.at_unit(power, divisor) for value in maps]
