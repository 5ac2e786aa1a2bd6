"""The whole subject is looked at once, before any evidence: its numbers are as Section 3 asks.

Evidence sees arrays through `ValidArrays` alone, and making one is the check. What the steps and
their shapes must be, the reader of the header has seen by then.
"""

from collections.abc import Callable, Sequence

from flint import fmpq

from monic_checker.arrays import Array, decode
from monic_checker.derived import Derived, Factors, derived_vector
from monic_checker.errors import InvalidProof
from monic_checker.lanes import all_finite, all_nonzero, all_positive
from monic_checker.subject import Constant, Subject
from monic_checker.vector import Vector, over_one_denominator

__all__ = ["ValidArrays"]

#: What an array is asked: its address, what was expected, and how numbers and bits tell.
_Test = tuple[str, Callable[[Array], bool], Callable[[fmpq], bool]]
_NONZERO: _Test = ("divisors other than 0", all_nonzero, lambda number: number != 0)
_POSITIVE: _Test = ("positive slopes of a leaky ReLU", all_positive, lambda number: number > 0)


class ValidArrays:
    """The arrays of a map that were found in the model, once all their numbers are as they must.

    All entries are finite, variances are positive once epsilon is added, divisors are not 0, and
    slopes are positive. Nothing large is decoded for it.

    Arguments:
        subject: The map, and the arrays that it names.
        found: For each of them what the model has; None for one that the proof states.
        slope: Which of them holds the slopes of the activation after the map, if one does.
        where: The stage, for messages; "" for a layer.

    Raises:
        InvalidProof: when a number is not as it must be.
        OverBudget: when the numbers that must be decoded for it do not fit the budget.
    """

    __slots__ = ("found",)

    def __init__(
        self,
        subject: Subject,
        found: Sequence[Array | None],
        slope: int | None = None,
        where: str = "",
    ) -> None:
        with subject.budget.scope():
            numbers = _Numbers(subject, found, where)
            for i in range(len(found)):
                numbers.insist_on_existence(i)
            for k, step in enumerate(subject.steps):
                if step.name == "quotient" and step.array is not None:
                    address = f"{where and where + ': '}subject.map[{k}]"
                    numbers.insist(step.array, _NONZERO, address)
            if slope is not None:
                numbers.insist(slope, _POSITIVE, f"{where}.slope")
        self.found = tuple(found)

    @classmethod
    def none(cls) -> "ValidArrays":
        """Returns no arrays, for rows that were computed from others already."""
        arrays = object.__new__(cls)
        arrays.found = ()
        return arrays

    def beside_constants(self, count: int) -> "ValidArrays":
        """Returns the same arrays before some constants that the checker itself has written."""
        arrays = object.__new__(type(self))
        arrays.found = (*self.found, *[None] * count)
        return arrays


class _Numbers:
    """The numbers of arrays, decoded only where bits do not tell."""

    def __init__(self, subject: Subject, found: Sequence[Array | None], where: str) -> None:
        self._subject, self._found = subject, found
        self._where = where and f"{where}: "
        self._known: dict[int, Vector] = {}
        self._budget = subject.budget

    def insist_on_existence(self, i: int) -> None:
        """Insists that the numbers of an array are real ones."""
        entry, array = self._subject.arrays[i], self._found[i]
        address = f"{self._where}subject.arrays[{i}]"
        if array is not None:
            self._budget.work(len(array.data), address)
            if not all_finite(array):
                raise InvalidProof(address, f"expected finite numbers in {array.name!a}")
        if isinstance(entry, Factors):
            entries, denominator = self._vector(entry.sources[1])
            if fmpq(min(entries), denominator) + entry.epsilon <= 0:
                reason = "expected variances that are positive once epsilon is added"
                raise InvalidProof(address, reason)

    def insist(self, i: int, test: _Test, address: str) -> None:
        """Insists that all numbers of an array pass a test."""
        expected, of_bits, of_number = test
        entry, array = self._subject.arrays[i], self._found[i]
        if array is not None:
            holds = of_bits(array)
        elif isinstance(entry, Constant):
            holds = all(map(of_number, entry.values))
        else:
            entries, denominator = self._vector(i)
            holds = all(of_number(fmpq(number, denominator)) for number in entries)
        if not holds:
            raise InvalidProof(address, f"expected {expected}")

    def _vector(self, i: int) -> Vector:
        """The numbers of an array, and before them those of all that it is computed from."""
        needed = {i}
        for k in range(i, -1, -1):  # arrays are computed from earlier ones
            if k in needed:
                needed.update(getattr(self._subject.arrays[k], "sources", ()))
        for k in sorted(needed - self._known.keys()):
            self._known[k] = self._decoded(k)
        return self._known[i]

    def _decoded(self, i: int) -> Vector:
        entry, array, address = self._subject.arrays[i], self._found[i], f"subject.arrays[{i}]"
        if array is not None:
            return decode(array, self._budget)
        if isinstance(entry, Derived):
            return derived_vector(entry, self._known, self._budget, address)
        values = entry.values if isinstance(entry, Constant) else []
        return over_one_denominator(values, self._budget, address)
