"""What single steps of a map do to the rows of a value: one rule a step."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from flint import fmpz

from monic_checker.convolution import repeat
from monic_checker.linear import Row, matrix
from monic_checker.vector import Vector, lcm

__all__ = ["RULES", "Value", "add", "concat"]


class Value(NamedTuple):
    """An affine function of x: rows of n + 1 integers, over one positive denominator.

    Arguments:
        size: The number of rows.
        denominator: The denominator of all entries.
        known: The rows; None for x itself, which is written out only where it is needed.
        n: The number of inputs.
    """

    size: int
    denominator: fmpz
    known: list[Row] | None
    n: int

    @property
    def rows(self) -> list[Row]:
        """The integers."""
        if self.known is not None:
            return self.known
        return [[fmpz(i == j) for j in range(self.n + 1)] for i in range(self.n)]


def _linear(array: Vector, value: Value, size: int) -> list[Row]:
    width = value.size
    rows = [array.entries[i * width : (i + 1) * width] for i in range(size)]
    return _product(rows, value)


def _linear_transposed(array: Vector, value: Value, size: int) -> list[Row]:
    return _product([array.entries[j::size] for j in range(size)], value)


def _product(rows: list[Row], value: Value) -> list[Row]:
    if value.known is None:
        return [[*row, fmpz(0)] for row in rows]
    return (matrix(rows, value.size) * matrix(value.rows, value.n + 1)).tolist()


def _shift(array: Vector, value: Value, size: int, sign: int = 1) -> list[Row]:
    factor = sign * value.denominator
    scaled = [[array.denominator * entry for entry in row] for row in value.rows]
    shifts = _spread(array, size)
    return [[*row[:-1], row[-1] + factor * v] for row, v in zip(scaled, shifts, strict=True)]


def _shift_negative(array: Vector, value: Value, size: int) -> list[Row]:
    return _shift(array, value, size, sign=-1)


def _scale(array: Vector, value: Value, size: int) -> list[Row]:
    factors = _spread(array, size)
    return [[v * x for x in row] for v, row in zip(factors, value.rows, strict=True)]


def _quotient(array: Vector, value: Value, size: int) -> list[Row]:
    common = lcm([abs(entry) for entry in array.entries])
    inverse = [array.denominator * (common // entry) for entry in array.entries]
    return _scale(repeat(Vector(inverse, fmpz(1)), size), value, size)


def concat(values: Sequence[Value], denominator: fmpz) -> list[Row]:
    """The rows of several values, one after the other, over one denominator."""
    rows = []
    for value in values:
        factor = denominator // value.denominator
        rows += [[factor * entry for entry in row] for row in value.rows]
    return rows


def add(values: Sequence[Value], denominator: fmpz) -> list[Row]:
    """The sums of the rows of several values, over one denominator."""
    total = concat(values[:1], denominator)
    for value in values[1:]:
        rows = concat([value], denominator)
        total = [
            [a + b for a, b in zip(first, second, strict=True)]
            for first, second in zip(total, rows, strict=True)
        ]
    return total


def _spread(array: Vector, size: int) -> list[fmpz]:
    """The entries of a vector; a single one is repeated."""
    return array.entries if len(array.entries) == size else array.entries * size


def _channels(rule: "_Rule") -> "_Rule":
    """The same rule with one number for each channel."""
    return lambda array, value, size: rule(repeat(array, size), value, size)


_Rule = Callable[[Vector, Value, int], list[Row]]

RULES: dict[str, _Rule] = {
    "linear": _linear,
    "linear-transposed": _linear_transposed,
    "shift": _shift,
    "shift-negative": _shift_negative,
    "scale": _scale,
    "channel-shift": _channels(_shift),
    "channel-shift-negative": _channels(_shift_negative),
    "channel-scale": _channels(_scale),
    "quotient": _quotient,
}
