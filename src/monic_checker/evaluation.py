"""The steps of a map carried out exactly: from x to the rows of W x + b."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flint import fmpz

from monic_checker.budget import Budget, bits
from monic_checker.convolution import convolve, repeat
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.linear import Row, matrix
from monic_checker.means import centred, combined
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


def evaluate(
    steps: Sequence[Step], arrays: Sequence[Vector], budget: Budget, x: Vector | None = None
) -> Value:
    """Returns the value of the last step.

    Arguments:
        steps: The steps; their shapes fit.
        arrays: The entries of the arrays that they use.
        budget: The memory that is left.
        x: The point at which the value is asked for, as rows of one integer; None asks for the
            value as an affine function.

    Raises:
        InvalidProof: when a divisor is 0.
        MalformedProof: when the values do not fit the budget; nothing has been computed then.
    """
    if x is None:
        start = Value(steps[0].size, fmpz(1), None, steps[0].size)
    else:
        start = Value(steps[0].size, x.denominator, [[entry] for entry in x.entries], 0)
    length = 1 if x is None else bits([*x.entries, x.denominator])
    denominators = _plan(steps, arrays, budget, start, length)
    values = [start]
    for step, denominator in zip(steps[1:], denominators[1:], strict=True):
        sources = [values[source] for source in step.sources]
        if step.name == "select":
            inner = sources[0].rows
            rows = [inner[place] for place in step.places]
        elif step.terms is not None:
            rows = combined(step.terms, sources[0].rows)
        elif step.groups:
            rows = centred(step.groups, sources[0].rows)
        elif step.array is None:
            rows = (_add if step.name == "add" else _concat)(sources, denominator)
        elif step.grid is not None:
            rows = convolve(arrays[step.array], sources[0].rows, step.grid)
        else:
            rows = _RULES[step.name](arrays[step.array], sources[0], step.size)
        values.append(Value(step.size, denominator, rows, start.n))
    return values[-1]


def _plan(
    steps: Sequence[Step], arrays: Sequence[Vector], budget: Budget, start: Value, length: int
) -> list[fmpz]:
    """The denominators of all values, once it is clear that the values fit the memory."""
    n = start.n
    array_bits = [bits([*array.entries, array.denominator]) for array in arrays]
    denominators, lengths = [start.denominator], [length]
    if start.known is None and any(step.grid for step in steps):
        budget.spend(n * (n + 1), 1, "subject.map")  # the identity is written out
    for i, step in enumerate(steps[1:], start=1):
        address = f"subject.map[{i}]"
        length = max(lengths[source] for source in step.sources)
        if step.array is None:
            denominator = lcm(list({denominators[source] for source in step.sources}))
            denominator *= step.divisor
            length += 0 if step.terms is None else step.terms.growth
            length += int(denominator.bit_length())
            read = sum(steps[source].size for source in step.sources)
            work = (read if step.name == "add" else max(read, step.size)) * (n + 1)
            length += len(step.sources).bit_length()
        else:
            unit = _unit(step, arrays[step.array], address)
            denominator = unit * denominators[step.sources[0]]
            length += array_bits[step.array] + steps[step.sources[0]].size.bit_length() + 1
            length += int(unit.bit_length()) if step.name == "quotient" else 0
            work = max(step.size * (n + 1), len(arrays[step.array].entries))
        if length > _BITS_LIMIT:
            raise MalformedProof(address, f"expected numbers of at most {_BITS_LIMIT} bits")
        budget.spend(work, length, address)
        denominators.append(denominator)
        lengths.append(length)
    if len(steps) == 1:
        budget.spend(n * (n + 1), 1, "subject.map")
    return denominators


def _unit(step: Step, array: Vector, address: str) -> fmpz:
    """What a step with an array divides by: for a quotient a multiple of all its divisors."""
    if step.name != "quotient":
        return array.denominator
    if not all(array.entries):
        raise InvalidProof(address, "expected divisors other than 0")
    return lcm([abs(entry) for entry in array.entries])


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


def _concat(values: Sequence[Value], denominator: fmpz) -> list[Row]:
    rows = []
    for value in values:
        factor = denominator // value.denominator
        rows += [[factor * entry for entry in row] for row in value.rows]
    return rows


def _add(values: Sequence[Value], denominator: fmpz) -> list[Row]:
    total = _concat(values[:1], denominator)
    for value in values[1:]:
        rows = _concat([value], denominator)
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

_RULES: dict[str, _Rule] = {
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
