"""W x + b at one point, exactly: a block of an array at a time, without writing the rows out."""

from collections.abc import Iterator, Sequence
from itertools import chain

from flint import fmpq, fmpz_mat

from monic_checker.arrays import ITEM_SIZES, Array, decode
from monic_checker.budget import PYTHON, bits
from monic_checker.costs import times
from monic_checker.errors import MalformedProof
from monic_checker.steps import Step
from monic_checker.subject import Constant, NamedArray, Subject
from monic_checker.vector import Vector, over_one_denominator

__all__ = ["STREAMED", "values_at"]

#: The steps that are carried out here; the others are left to the evaluation as a whole.
STREAMED = {
    *("input", "concat", "linear", "linear-transposed", "shift", "shift-negative", "scale")
}

#: Entries of an array that are decoded at once.
_BLOCK = 2**18

#: No value needs longer numbers (as in the evaluation of the rows).
_BITS_LIMIT = 2**19


def values_at(
    subject: Subject, arrays: Sequence[Array | None], x: Sequence[fmpq], address: str
) -> list[fmpq]:
    """Returns the m numbers w_i.x + b_i.

    Arguments:
        subject: What the header says.
        arrays: The arrays that it names, all of whose numbers are finite.
        x: The point.
        address: Where it comes from, for messages.

    Raises:
        MalformedProof: when numbers would be longer than weights ever need.
        OverBudget: when the numbers do not fit the budget.
    """
    for i, step in enumerate(subject.steps):  # all of it, before anything is computed
        subject.budget.spend(step.size, 0, f"subject.map[{i}]")
    pieces = _Pieces(subject, arrays)
    values = [list(x)]
    for step in subject.steps[1:]:
        values.append(_value(step, [values[source] for source in step.sources], pieces, address))
    return values[-1]


class _Pieces:
    """The arrays of a subject, some rows at a time."""

    def __init__(self, subject: Subject, arrays: Sequence[Array | None]) -> None:
        self.subject = subject
        self.arrays = arrays
        self.budget = subject.budget
        self.budget.hold(16 * _BLOCK, "subject.arrays")

    def rows(self, i: int) -> Iterator[Vector]:
        """Yields the entries of an array, whole rows together."""
        entry, address = self.subject.arrays[i], f"subject.arrays[{i}]"
        array = self.arrays[i]
        if isinstance(entry, Constant):
            yield over_one_denominator(entry.values, self.budget, address)
        elif isinstance(entry, NamedArray) and array is not None:
            for part in _parts(entry, array):
                with self.budget.scope():
                    yield decode(part, self.budget)

    def entries(self, i: int) -> list[fmpq]:
        """Returns all entries of a short array."""
        return [fmpq(p, part.denominator) for part in self.rows(i) for p in part.entries]


def _parts(entry: NamedArray, array: Array) -> Iterator[Array]:
    size = ITEM_SIZES[entry.dtype] * (entry.shape[-1] if entry.shape else 1)
    step = max(1, _BLOCK * ITEM_SIZES[entry.dtype] // size) * size
    for first in range(0, len(array.data), step):
        data = array.data[first : first + step]
        yield Array(array.name, array.dtype, (len(data) // ITEM_SIZES[entry.dtype],), data)


def _value(step: Step, sources: list[list[fmpq]], pieces: _Pieces, address: str) -> list[fmpq]:
    longest = _longest(sources)
    pieces.budget.spend(step.size, longest, address)
    if step.name in ("linear", "linear-transposed"):
        entries = step.size * len(sources[0])
        pieces.budget.work(entries * (PYTHON // 2 + times(64, longest)), address)
    if step.array is None:
        return list(chain.from_iterable(sources))
    (source,) = sources
    if step.name == "linear":
        return _checked(_product(step.array, source, pieces, address))
    if step.name == "linear-transposed":
        return _checked(_transposed(step.array, source, pieces, step.size))
    vector = pieces.entries(step.array)
    vector = vector if len(vector) == step.size else vector * step.size
    pairs = zip(source, vector, strict=True)
    if step.name == "scale":
        return _checked([a * v for a, v in pairs])
    sign = -1 if step.name == "shift-negative" else 1
    return _checked([a + sign * v for a, v in pairs])


def _product(array: int, source: list[fmpq], pieces: _Pieces, address: str) -> list[fmpq]:
    width = len(source)
    entries, denominator = over_one_denominator(source, pieces.budget, address)
    column = fmpz_mat(width, 1, entries)
    found: list[fmpq] = []
    for part in pieces.rows(array):
        table = fmpz_mat(len(part.entries) // width, width, part.entries)
        unit = part.denominator * denominator
        found += [fmpq(v, unit) for v in (table * column).entries()]
    return found


def _transposed(array: int, source: list[fmpq], pieces: _Pieces, size: int) -> list[fmpq]:
    entries, denominator = over_one_denominator(source, pieces.budget, "subject.map")
    found, first = [fmpq(0)] * size, 0
    for part in pieces.rows(array):
        count = len(part.entries) // size
        row = fmpz_mat(1, count, entries[first : first + count])
        product = row * fmpz_mat(count, size, part.entries)
        unit = part.denominator * denominator
        found = [a + fmpq(v, unit) for a, v in zip(found, product.entries(), strict=True)]
        first += count
    return found


def _longest(values: Sequence[Sequence[fmpq]]) -> int:
    return max((bits([t.p for t in v]) + bits([t.q for t in v]) for v in values), default=0)


def _checked(value: list[fmpq]) -> list[fmpq]:
    if _longest([value]) > _BITS_LIMIT:
        raise MalformedProof("subject.map", f"expected numbers of at most {_BITS_LIMIT} bits")
    return value
