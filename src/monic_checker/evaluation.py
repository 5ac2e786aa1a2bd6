"""The steps of a map carried out exactly: from x to the rows of W x + b."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flint import fmpz

from monic_checker.budget import Budget, bits
from monic_checker.errors import MalformedProof
from monic_checker.linear import Row, matrix
from monic_checker.steps import Step
from monic_checker.vector import Vector, lcm

__all__ = ["Value", "evaluate"]

#: Weights need no longer numbers: 20 float64 layers in a row stay below a tenth of this.
_BITS_LIMIT = 2**19


@dataclass(frozen=True, slots=True)
class Value:
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


def evaluate(steps: Sequence[Step], arrays: Sequence[Vector], budget: Budget) -> Value:
    """Returns the value of the last step.

    Arguments:
        steps: The steps; their shapes fit.
        arrays: The entries of the arrays that they use.
        budget: The memory that is left.

    Raises:
        MalformedProof: when the values do not fit the budget; nothing has been computed then.
    """
    n = steps[0].size
    denominators = _plan(steps, arrays, budget)
    values = [Value(n, fmpz(1), None, n)]
    for step, denominator in zip(steps[1:], denominators[1:], strict=True):
        sources = [values[source] for source in step.sources]
        if step.array is None:
            rows = _concat(sources, denominator)
        else:
            rows = _RULES[step.name](arrays[step.array], sources[0], step.size)
        values.append(Value(step.size, denominator, rows, n))
    return values[-1]


def _plan(steps: Sequence[Step], arrays: Sequence[Vector], budget: Budget) -> list[fmpz]:
    """The denominators of all values, once it is clear that the values fit the memory."""
    n = steps[0].size
    array_bits = [bits([*array.entries, array.denominator]) for array in arrays]
    denominators, lengths = [fmpz(1)], [1]
    for i, step in enumerate(steps[1:], start=1):
        address = f"subject.map[{i}]"
        length = max(lengths[source] for source in step.sources)
        if step.array is None:
            denominator = lcm(list({denominators[source] for source in step.sources}))
            length += int(denominator.bit_length())
            work = step.size * (n + 1)
        else:
            denominator = arrays[step.array].denominator * denominators[step.sources[0]]
            length += array_bits[step.array] + steps[step.sources[0]].size.bit_length() + 1
            work = max(step.size * (n + 1), len(arrays[step.array].entries))
        if length > _BITS_LIMIT:
            raise MalformedProof(address, f"expected numbers of at most {_BITS_LIMIT} bits")
        budget.spend(work, length, address)
        denominators.append(denominator)
        lengths.append(length)
    if len(steps) == 1:
        budget.spend(n * (n + 1), 1, "subject.map")
    return denominators


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


def _concat(values: Sequence[Value], denominator: fmpz) -> list[Row]:
    rows = []
    for value in values:
        factor = denominator // value.denominator
        rows += [[factor * entry for entry in row] for row in value.rows]
    return rows


def _spread(array: Vector, size: int) -> list[fmpz]:
    """The entries of a vector; a single one is repeated."""
    return array.entries if len(array.entries) == size else array.entries * size


_RULES: dict[str, Callable[[Vector, Value, int], list[Row]]] = {
    "linear": _linear,
    "linear-transposed": _linear_transposed,
    "shift": _shift,
    "shift-negative": _shift_negative,
    "scale": _scale,
}
