"""The rows (w_i, b_i) of a layer as integers, computed exactly from the model's arrays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from flint import fmpq, fmpz

from monic_checker.arrays import Array, decode
from monic_checker.budget import Budget, bits
from monic_checker.derived import Dequantized, Factors, derived_vector
from monic_checker.errors import InvalidProof
from monic_checker.evaluation import evaluate
from monic_checker.linear import Row
from monic_checker.pointwise import STREAMED, values_at
from monic_checker.rules import Value
from monic_checker.subject import Constant, Entry, NamedArray, Subject
from monic_checker.validity import ValidArrays
from monic_checker.vector import Vector, over_one_denominator

__all__ = ["System", "find_arrays"]


@dataclass(frozen=True)  # without slots, for what is computed once
class System:
    """The layer, multiplied by one positive number so that all entries are integers.

    Nothing is decoded or written out before evidence asks for it.

    Arguments:
        subject: What the header says.
        found: The arrays that it names, all of them as they must be.
        known: The rows, where they do not come from the steps: a part of another layer.
    """

    subject: Subject
    found: ValidArrays
    known: list[Row] | None = None

    @cached_property
    def arrays(self) -> list[Vector]:
        """The entries of the arrays.

        Raises:
            OverBudget: when the arrays do not fit the budget.
        """
        return _vectors(self.subject, self.found.found)

    @cached_property
    def _value(self) -> Value:
        return evaluate(self.subject.steps, self.arrays, self.subject.budget)

    @cached_property
    def rows(self) -> list[Row]:
        """The m rows (w_i, b_i), each of n + 1 integers; only evidence that needs them asks."""
        return self._value.rows if self.known is None else self.known

    @cached_property
    def lengths(self) -> list[int]:
        """The bits of the longest entry of each array."""
        return [bits([*array.entries, array.denominator]) for array in self.arrays]

    @cached_property
    def longest(self) -> int:
        """The bits of the longest entry of the rows."""
        return max(map(bits, self.rows), default=0)

    @property
    def scale(self) -> fmpz:
        """The positive number that the rows were multiplied by."""
        return self._value.denominator

    @property
    def n(self) -> int:
        """The number of inputs."""
        return self.subject.n

    def directions(self, numbers: Iterable[int]) -> list[Row]:
        """Returns the w_i of the given rows."""
        return [self.rows[i][:-1] for i in numbers]

    def values(self, x: Vector, address: str) -> list[fmpz]:
        """Returns W x + b, multiplied by `scale` and the denominator of x, without the rows.

        Raises:
            OverBudget: when the numbers do not fit the budget.
        """
        steps, budget = self.subject.steps, self.subject.budget
        budget.spend(len(x.entries), bits([*x.entries, x.denominator]), address)
        return [row[0] for row in evaluate(steps, self.arrays, budget, x).rows]

    def values_at(self, x: Sequence[fmpq], address: str) -> list[fmpq]:
        """Returns W x + b; dense arrays are read in pieces, in memory proportional to them.

        Raises:
            OverBudget: when the numbers do not fit the budget.
        """
        own = all(isinstance(entry, (Constant, NamedArray)) for entry in self.subject.arrays)
        if own and all(step.name in STREAMED for step in self.subject.steps):
            return values_at(self.subject, self.found.found, x, address)
        point = over_one_denominator(x, self.subject.budget, address)
        steps, budget = self.subject.steps, self.subject.budget
        value = evaluate(steps, self.arrays, budget, point)
        return [fmpq(row[0], value.denominator) for row in value.rows]


class _Arrays(Protocol):
    """What names arrays: a layer, or a network."""

    @property
    def arrays(self) -> list[Entry]: ...

    @property
    def budget(self) -> Budget: ...


def find_arrays(subject: _Arrays, arrays: Iterable[Array]) -> list[Array | None]:
    """Finds the named arrays among the model's, by content; constants have None.

    Raises:
        InvalidProof: when the model has no such array.
    """
    wanted = {named for named in subject.arrays if isinstance(named, NamedArray)}
    forms = {(named.dtype, named.shape) for named in wanted}
    found: dict[NamedArray, Array] = {}
    for array in arrays if wanted else ():
        form = (array.dtype, tuple(array.shape))
        if form in forms and array.whole:
            subject.budget.work(4 * len(array.data), ascii(array.name))
            named = NamedArray(*form, array.sha256)
            if named in wanted and named not in found:
                subject.budget.hold(len(array.data), ascii(array.name))
                found[named] = array
        if len(found) == len(wanted):
            break
    for i, entry in enumerate(subject.arrays):
        if isinstance(entry, NamedArray) and entry not in found:
            raise InvalidProof(
                f"subject.arrays[{i}]",
                f"the model has no {entry.dtype} array of shape {list(entry.shape)} "
                f"with SHA-256 {entry.sha256}. Was the proof made for other weights?",
            )
    return [found[e] if isinstance(e, NamedArray) else None for e in subject.arrays]


def _vectors(subject: Subject, arrays: Sequence[Array | None]) -> list[Vector]:
    known: dict[NamedArray, Vector] = {}  # an array that is named twice is read once
    vectors: list[Vector] = []
    for i, (entry, array) in enumerate(zip(subject.arrays, arrays, strict=True)):
        address = f"subject.arrays[{i}]"
        if isinstance(entry, Constant):
            vectors.append(over_one_denominator(entry.values, subject.budget, address))
        elif isinstance(entry, (Factors, Dequantized)):
            vectors.append(derived_vector(entry, vectors, subject.budget, address))
        elif array is not None:
            if entry not in known:
                known[entry] = decode(array, subject.budget)
            vectors.append(known[entry])
    return vectors
