"""Division by constants: 1/255 and 1/0.229 are no floats, and stay exact as quotients."""

from dataclasses import dataclass, field
from math import lcm

import numpy as np
from flint import fmpz_mat

from monic.errors import LayerError, TooLarge
from monic.model.affine import AffineMap, FloatArray, beside
from monic.model.array import Array, dyadic, freeze
from monic.model.exact import ExactAffine
from monic.model.wiring import Wiring

__all__ = ["LONGEST", "Quotient"]

#: The divisors of one step have a common multiple of at most so many bits.
LONGEST = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class Quotient(Wiring):
    """The step y -> y / v, with one number, one for each channel of y, or one for each entry.

    Arguments:
        vector: v, of any shape, without zeros; its size must divide that of y, whose channels
            come one after another.
        of: The step before.

    Raises:
        LayerError: when y does not fall into as many channels, an entry is 0, or the entries
            have a common multiple too long to compute with.

    Example:
        >>> from monic.model.affine import Input
        >>> exact = Quotient([3.0, -0.5], Input(2)).exact()
        >>> exact.weight.tolist(), exact.power, exact.divisor
        ([[1, 0], [0, -6]], 0, 3)
    """

    vector: Array
    of: AffineMap
    in_dim: int = field(init=False)
    out_dim: int = field(init=False)
    terms: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        vector, size = freeze(self.vector, "divisor"), self.of.out_dim
        if vector.size < 1 or size % vector.size:
            raise LayerError(
                f"Expected a divisor of one number for each channel of {size} values. Got shape "
                f"{vector.shape}."
            )
        if not vector.all():
            raise LayerError("Expected divisors other than 0. Got 0: remove it or its channel.")
        object.__setattr__(self, "vector", vector)
        object.__setattr__(self, "in_dim", self.of.in_dim)
        object.__setattr__(self, "out_dim", size)
        if self.divisor.bit_length() > LONGEST:
            count = np.unique(vector).size
            raise TooLarge(
                f"Expected divisors with a common multiple of at most {LONGEST:,} bits. Got "
                f"{count:,} different ones; multiply by their rounded reciprocals."
            )

    def parts(self) -> tuple[AffineMap, ...]:
        return (self.of,)

    @property
    def divisor(self) -> int:
        return lcm(*{abs(int(entry)) for entry in self._integers()[0].entries()})

    def evaluate(self, *parts: ExactAffine) -> ExactAffine:
        integers, power = self._integers()
        common, each = self.divisor, self.out_dim // self.vector.size
        factors = [common // int(v) for v in integers.entries() for _ in range(each)]
        inner = parts[0]
        rows = [
            [factor * entry for entry in row]
            for factor, row in zip(factors, inner.weight.tolist(), strict=True)
        ]
        bias = [f * entry for f, entry in zip(factors, inner.bias.entries(), strict=True)]
        column = fmpz_mat(len(bias), 1, bias)
        moved = ExactAffine(fmpz_mat(rows), column, inner.power - power, inner.divisor)
        return moved.over(common)

    def after(self, *parts: AffineMap) -> AffineMap:
        return Quotient(self.vector, parts[0])

    def act(self, *parts: FloatArray, absolute: bool = False) -> FloatArray:
        vector = beside(self.vector, parts[0])
        return np.asarray(parts[0] / (np.abs(vector) if absolute else vector))

    def adjoint(self, y: FloatArray, *, absolute: bool = False) -> list[FloatArray]:
        return [self.act(y, absolute=absolute)]

    def _integers(self) -> tuple[fmpz_mat, int]:
        """v as a column of integers times a power of two."""
        return dyadic(self.vector.reshape(-1))
