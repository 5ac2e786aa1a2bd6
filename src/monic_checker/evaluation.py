"""The steps of a map carried out exactly: from x to the rows of W x + b."""

from collections.abc import Sequence

from flint import fmpz

from monic_checker.budget import PYTHON, Budget, bits
from monic_checker.convolution import convolution_cost, convolve, piece_size
from monic_checker.costs import product, times
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.means import centred, combined
from monic_checker.rules import RULES, Value, add, concat
from monic_checker.steps import Step
from monic_checker.vector import Vector, lcm

__all__ = ["evaluate"]

#: Weights need no longer numbers: 20 float64 layers in a row stay below a tenth of this.
_BITS_LIMIT = 2**19


def evaluate(
    steps: Sequence[Step], arrays: Sequence[Vector], budget: Budget, x: Vector | None = None
) -> Value:
    """Returns the value of the last step.

    Arguments:
        steps: The steps; their shapes fit.
        arrays: The entries of the arrays that they use.
        budget: The memory and the work that are left; only the last value is held in the end.
        x: The point at which the value is asked for, as rows of one integer; None asks for the
            value as an affine function.

    Raises:
        InvalidProof: when a divisor is 0.
        MalformedProof: when numbers would be longer than weights ever need.
        OverBudget: when the values do not fit the budget; nothing has been computed then.
    """
    if x is None:
        start = Value(steps[0].size, fmpz(1), None, steps[0].size)
    else:
        start = Value(steps[0].size, x.denominator, [[entry] for entry in x.entries], 0)
    length = 1 if x is None else bits([*x.entries, x.denominator])
    with budget.scope():
        denominators, length = _plan(steps, arrays, budget, start, length)
        last = _values(steps, arrays, start, denominators)
    budget.spend(last.size * (start.n + 1), length, "subject.map")
    return last


def _values(
    steps: Sequence[Step], arrays: Sequence[Vector], start: Value, denominators: Sequence[fmpz]
) -> Value:
    """The value of the last step, one step after the other."""
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
            rows = (add if step.name == "add" else concat)(sources, denominator)
        elif step.grid is not None:
            rows = convolve(arrays[step.array], sources[0].rows, step.grid)
        else:
            rows = RULES[step.name](arrays[step.array], sources[0], step.size)
        values.append(Value(step.size, denominator, rows, start.n))
    return values[-1]


def _plan(
    steps: Sequence[Step], arrays: Sequence[Vector], budget: Budget, start: Value, length: int
) -> tuple[list[fmpz], int]:
    """The denominators of all values, once it is clear that the values fit the budget.

    The bits that the numbers of the last value have at most come with them.
    """
    n = start.n
    array_bits = [bits([*array.entries, array.denominator]) for array in arrays]
    denominators, lengths = [start.denominator], [length]
    if start.known is None and any(step.grid for step in steps):
        budget.spend(n * (n + 1), 1, "subject.map")  # the identity is written out
    for i, step in enumerate(steps[1:], start=1):
        address = f"subject.map[{i}]"
        length = max(lengths[source] for source in step.sources)
        read = sum(steps[source].size for source in step.sources)
        if step.array is None:
            denominator = lcm(list({denominators[source] for source in step.sources}))
            denominator *= step.divisor
            length += 0 if step.terms is None else step.terms.growth
            length += int(denominator.bit_length())
            entries = (read if step.name == "add" else max(read, step.size)) * (n + 1)
            length += len(step.sources).bit_length()
        else:
            unit = _unit(step, arrays[step.array], address)
            denominator = unit * denominators[step.sources[0]]
            length += array_bits[step.array] + steps[step.sources[0]].size.bit_length() + 1
            length += int(unit.bit_length()) if step.name == "quotient" else 0
            entries = max(step.size * (n + 1), len(arrays[step.array].entries))
        if length > _BITS_LIMIT:
            raise MalformedProof(address, f"expected numbers of at most {_BITS_LIMIT} bits")
        budget.spend(entries, length, address)
        budget.work(_work(step, read, n + 1, (array_bits, lengths)), address)
        if step.grid is not None:
            budget.hold(piece_size(step.grid, n + 1, lengths[step.sources[0]]), address)
        denominators.append(denominator)
        lengths.append(length)
    if len(steps) == 1:
        budget.spend(n * (n + 1), 1, "subject.map")
    return denominators, lengths[-1]


def _work(
    step: Step, read: int, columns: int, bits_of: tuple[Sequence[int], Sequence[int]]
) -> int:
    """The cost of a step on `read` rows of so many columns, besides making its entries.

    The bits of the arrays and of the earlier values come as two lists.
    """
    arrays, values = bits_of
    before = max(values[source] for source in step.sources)
    if step.terms is not None:
        return step.terms.count * columns * (2 * PYTHON + times(step.terms.growth, before))
    if step.array is None:
        return read * columns * (PYTHON + before // 64)
    pair = (arrays[step.array], before)
    if step.grid is not None:
        return convolution_cost(step.grid, columns, pair)
    if step.name in ("linear", "linear-transposed"):
        if columns > 1 and step.sources == (0,):  # the rows are those of the array
            return step.size * columns * PYTHON
        return product(step.size, read, columns, pair)
    return read * columns * (2 * PYTHON + times(*pair))


def _unit(step: Step, array: Vector, address: str) -> fmpz:
    """What a step with an array divides by: for a quotient a multiple of all its divisors."""
    if step.name != "quotient":
        return array.denominator
    if not all(array.entries):
        raise InvalidProof(address, "expected divisors other than 0")
    return lcm([abs(entry) for entry in array.entries])
