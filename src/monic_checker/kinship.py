"""Whether a matrix that is assumed to be random shares its numbers with the rest of the network.

If A has a density and B is anything drawn independently of it (or jointly with a density), then
almost surely no two entries of A have the ratio, up to its sign, of two entries of B that are not
0, and no entry of A is a power of two times one of B, up to its sign: each of finitely, or
countably, many equations holds on a null set. Floats can meet by chance, and copies are rounded.
So A and B are *kin* where they meet more often than chance allows:

1. all nonzero entries of one are, in any order, up to signs, one common factor and rounding, among
   those of the other; or
2. more of their long numbers are equal, up to signs and powers of two, than random ones would be.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import cached_property
from math import log2

from flint import fmpq, fmpz

from monic_checker.budget import PYTHON, Budget
from monic_checker.errors import InvalidProof
from monic_checker.network import NetworkSubject, Stages
from monic_checker.steps import Step
from monic_checker.subject import Entry, NamedArray
from monic_checker.vector import Vector

__all__ = ["are_kin", "insist_on_strangers"]

#: The significant bits of numbers; those of constants and computed arrays are as long or longer.
_PRECISIONS = {"float16": 11, "bfloat16": 8, "float32": 24}
_LONGEST = 53

#: Numbers of fewer significant bits meet too often to say anything.
_LONG = 12

#: Kinship by few numbers counts where it happens by chance less often than 2^-8.
_RARE = -8.0

_SHIFTS = ("shift", "shift-negative")


class _Numbers:
    """The absolute values of an array's nonzero numbers, as integers over one denominator."""

    def __init__(self, vector: Vector, precision: int, budget: Budget) -> None:
        budget.spend(len(vector.entries), 64, "evidence")
        self.sizes = sorted((abs(int(entry)) for entry in vector.entries if entry), reverse=True)
        self.denominator = int(vector.denominator)
        self.precision = precision

    @cached_property
    def long(self) -> dict[tuple[int, int], int]:
        """The odd parts p / q of the long numbers, with their significant bits."""
        found = {}
        for size in set(self.sizes):
            number = fmpq(fmpz(size), fmpz(self.denominator))
            parts = _odd(int(number.p)), _odd(int(number.q))
            length = sum(part.bit_length() for part in parts) - 1
            if length >= _LONG:
                found[parts] = min(length, _LONGEST)
        return found


def are_kin(first: _Numbers, second: _Numbers, budget: Budget) -> bool:
    """Returns whether two arrays share more numbers than chance allows."""
    small, large = sorted((first, second), key=lambda numbers: len(numbers.sizes))
    precision = min(first.precision, second.precision)
    return _includes(large.sizes, small.sizes, precision, budget) or _meet(first, second)


def _includes(large: list[int], small: list[int], precision: int, budget: Budget) -> bool:
    """Whether some multiple of the smaller list lies in the other, and not by chance."""
    k, n = len(small), len(large)
    if k < 2:
        return False
    if k < n and _is_common(log2(n), len({*small}), precision):
        return False
    starts = {large[i]: i for i in reversed(range(n - k + 1))}
    return any(_fits(large, small, start, precision, budget) for start in starts.values())


def _is_common(length: float, values: int, precision: int) -> bool:
    """Whether so many different values lie in a longer list by chance, given the log of that."""
    return values < 3 or length + (values - 1) * (length + 2 - precision) >= _RARE


def _fits(large: list[int], small: list[int], start: int, shift: int, budget: Budget) -> bool:
    """Whether the smaller list lies in the other, its greatest number at a place of that."""
    top, unit = small[0], large[start]
    at = start
    for size in small[1:]:
        budget.work(4 * PYTHON, "evidence")
        target = size * unit
        slack = target >> (shift - 2)
        at = _first_at_most(large, (target + slack) // top, at + 1)
        if at == len(large) or large[at] * top < target - slack:
            return False
    return True


def _first_at_most(numbers: list[int], bound: int, start: int) -> int:
    """The first place from `start` on where a falling list is at most a bound."""
    low, high = start, len(numbers)
    while low < high:
        middle = (low + high) // 2
        if numbers[middle] <= bound:
            high = middle
        else:
            low = middle + 1
    return low


def _meet(first: _Numbers, second: _Numbers) -> bool:
    """Whether more long numbers are equal up to powers of two than random ones would be."""
    one, other = first.long, second.long
    common = sum(parts in other for parts in one)
    if not common:
        return False
    resolution = min(max(one.values()), max(other.values()))
    chance = len(one) * len(other) / 2.0 ** (resolution - 4)
    return common >= 3 + 4 * chance or chance <= 2.0**_RARE


def _odd(number: int) -> int:
    return number // (number & -number)


def insist_on_strangers(stages: Stages, k: int, matrix: Step) -> None:
    """Insists that a matrix of a stage shares its numbers with nothing else in the network.

    Shifts between the matrix and the end of its stage are left out: they merge nothing.

    Raises:
        InvalidProof: when it does.
        OverBudget: when comparing takes too much.
    """
    subject = stages.subject
    budget, place = subject.stages[k].budget, matrix.array
    with budget.scope():
        vector, entry = stages.system(k).arrays[place or 0], subject.stages[k].arrays[place or 0]
        own = _Numbers(vector, _precision(entry), budget)
        if len(own.sizes) < 2:
            reason = f"the matrix of stage {k} has one number other than 0: no density gave it"
            raise InvalidProof("evidence", reason)
        spared = {(k, place), *((k, i) for i in _late_shifts(subject, k, matrix))}
        for stage, i, numbers in _arrays(stages, spared, budget):
            if are_kin(own, numbers, budget):
                what = f"arrays[{i}]" if isinstance(i, int) else i
                raise InvalidProof(
                    "evidence",
                    f"the matrix of stage {k} shares its numbers with subject.stages[{stage}]."
                    f"{what}: it was not drawn independently of it",
                )


def _arrays(
    stages: Stages, spared: AbstractSet[tuple[int, int | None]], budget: Budget
) -> Iterator[tuple[int, int | str, _Numbers]]:
    """Yields the other arrays of the stages, and weights of combinations, with their places."""
    for k, stage in enumerate(stages.subject.stages):
        with budget.scope():
            asked = [i for i in range(len(stage.arrays)) if (k, i) not in spared]
            vectors = stages.system(k).arrays if asked else []
            for i in asked:
                yield k, i, _Numbers(vectors[i], _precision(stage.arrays[i]), budget)
            for i, step in enumerate(stage.steps):
                if step.terms is not None:
                    weights = [weight for row in step.terms.rows for _, weight in row]
                    vector = Vector(weights, step.terms.denominator)
                    yield k, f"map[{i}]", _Numbers(vector, _LONGEST, budget)


def _precision(entry: Entry) -> int:
    return _PRECISIONS.get(entry.dtype, _LONGEST) if isinstance(entry, NamedArray) else _LONGEST


def _late_shifts(subject: NetworkSubject, k: int, matrix: Step) -> set[int]:
    """The arrays that only shift what a matrix gives, on its way to the end of the map."""
    steps = subject.stages[k].steps
    reached = {next(i for i, step in enumerate(steps) if step is matrix)}
    for i, step in enumerate(steps):
        if reached.intersection(step.sources):
            reached.add(i)
    late = {steps[i].array for i in reached if steps[i].name in _SHIFTS}
    others = {s.array for i, s in enumerate(steps) if i not in reached or s.name not in _SHIFTS}
    used = {*others, subject.activations[k].slope, *_sources(subject, k)}
    return {place for place in late - used if place is not None}


def _sources(subject: NetworkSubject, k: int) -> set[int]:
    arrays = subject.stages[k].arrays
    return {source for entry in arrays for source in getattr(entry, "sources", ())}
