"""Evidence `random-skip`: F(z) + A z, where z is one-to-one and A is assumed to be random.

If m >= 2 d + 1 the sum is one-to-one for almost every A with m rows, d the dimension of the
network's input (Theorem 5 of [Puthawala et al., 2020] for z = x; docs/networks.md has the proof).
That A was drawn from a density, independently of all else, cannot be checked; that it may have
been, as far as its shape, its place and its rank go, can.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from monic_checker.bounds import Interval
from monic_checker.budget import PYTHON, Budget
from monic_checker.document import members
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.kinship import insist_on_strangers
from monic_checker.linear import Row, independent
from monic_checker.network import NetworkSubject, Stages
from monic_checker.steps import Step
from monic_checker.subject import Constant, NamedArray
from monic_checker.system import System

__all__ = ["RandomSkip"]

_MATRICES = ("linear", "linear-transposed")

#: Where the entries of a value stand in z; None for what is computed.
_Places = list[int | None]


@dataclass(frozen=True, slots=True)
class RandomSkip:
    """A run of stages whose last map adds s A z to what its other steps make, s != 0.

    Arguments:
        n: The dimension of the input of the whole network.
        terms: Which steps of the last map may be A z, and the arrays by which each is multiplied.
    """

    n: int
    terms: list[tuple[int, list[int]]]

    @classmethod
    def read(cls, value: object, subject: NetworkSubject, span: range) -> "RandomSkip":
        """Reads the evidence.

        Raises:
            MalformedProof: when the last map of the run does not end as it must.
        """
        members(value, "evidence", ["kind"])
        last = subject.stages[span.stop - 1]
        if subject.layer(span.stop - 1).kind != "affine" or last.m < 2 * subject.n + 1:
            raise MalformedProof(
                "evidence",
                f"expected no ReLU at the end, and at least {2 * subject.n + 1} = 2 x "
                f"{subject.n} + 1 rows. Got {last.m}",
            )
        _insist_on_memory(subject, span)
        everything: _Places = [*range(subject.stages[span.start].n)]
        places = _followed(subject, span, everything)
        terms = []
        for number, step in enumerate(last.steps):
            if step.name in _MATRICES and places[step.sources[0]] == everything:
                scales = _way(last.steps, number, subject.budget)
                if scales is not None and _is_alone(subject, span.stop - 1, step.array):
                    terms.append((number, scales))
        if not terms:
            reason = "expected s A z in a sum, with A of the model used once"
            raise MalformedProof("evidence", reason)
        return cls(subject.n, terms)

    def check(self, stages: Stages, span: range, inputs: Sequence[Interval]) -> str:
        """Checks that A has full rank, as almost always; returns in words what was done.

        Raises:
            InvalidProof: when it has not, A z is multiplied by 0, or the network has the numbers
                of A elsewhere.
        """
        system, refused = stages.system(span.stop - 1), InvalidProof("evidence", "no matrix")
        for number, scales in self.terms:
            matrix = system.subject.steps[number]
            try:
                _insist_on_rank(system, matrix, scales, len(inputs))
                insist_on_strangers(stages, span.stop - 1, matrix)
            except InvalidProof as error:
                refused = error  # perhaps another term of the sum is the random one
                continue
            return (
                f"a sum with A z, where A is A{matrix.array} of stage {span.stop - 1}, with "
                f"{system.subject.m} >= 2 x {self.n} + 1 rows, injective together with what comes "
                "before for almost every A"
            )
        raise refused


def _insist_on_rank(system: System, matrix: Step, scales: Sequence[int], width: int) -> None:
    """Insists that A has full rank, and that A z is not multiplied by 0."""
    if any(entry == 0 for place in scales for entry in system.arrays[place].entries):
        raise InvalidProof("evidence", "A z is multiplied by 0")
    rows = _rows(system, matrix, width)
    if len(rows) > width:
        rows = [list(column) for column in zip(*rows, strict=True)]
    if not independent(rows, len(rows[0]), system.subject.budget, "evidence"):
        raise InvalidProof("evidence", "the matrix A has not full rank")


def _insist_on_memory(subject: NetworkSubject, span: range) -> None:
    for k in span:
        for step in subject.stages[k].steps:
            subject.budget.spend(step.size, 64, "evidence")


def _is_alone(subject: NetworkSubject, k: int, place: int | None) -> bool:
    """Whether an array of stage k is one of the model, and used by one step of the network."""
    stage = subject.stages[k]
    count = len(stage.steps) + sum(len(other.arrays) for other in subject.stages)
    subject.budget.work(4 * PYTHON * count, "evidence")
    if place is None or place == subject.activations[k].slope:
        return False
    if not all(isinstance(array, (NamedArray, Constant)) for array in stage.arrays):
        return False
    array, reads = stage.arrays[place], sum(step.array == place for step in stage.steps)
    is_once = reads == sum(other == array for other in subject.arrays) == 1
    return isinstance(array, NamedArray) and is_once


def _followed(subject: NetworkSubject, span: range, known: _Places) -> list[_Places]:
    """Returns where the values of the last map's steps stand in the run's input."""
    values: list[_Places] = []
    for k in span:
        values = []
        for step in subject.stages[k].steps:
            values.append(_moved(step, values, known))
        activation = subject.activations[k]
        kept = len(values[-1]) if activation.name == "identity" else activation.carried
        others = len(values[-1]) - kept + activation.more
        known = [*values[-1][:kept], *[None] * others]
    return values


def _moved(step: Step, values: Sequence[_Places], known: _Places) -> _Places:
    if step.name == "input":
        return known
    if step.name == "concat":
        return [place for source in step.sources for place in values[source]]
    if step.name == "select":
        return [values[step.sources[0]][place] for place in step.places]
    return [None] * step.size


def _way(steps: Sequence[Step], number: int, budget: Budget) -> list[int] | None:
    """Returns what a value is multiplied by up to the end, where all else is added to it.

    None when it goes another way, or several.
    """
    scales: list[int] = []
    while number + 1 < len(steps):
        budget.work(PYTHON * (len(steps) + sum(len(step.sources) for step in steps)), "evidence")
        readers = [
            (i, step)
            for i, step in enumerate(steps)
            for source in step.sources
            if source == number
        ]
        if len(readers) != 1:
            return None
        number, step = readers[0]
        if step.name in ("scale", "channel-scale") and step.array is not None:
            scales.append(step.array)
        elif step.name not in ("add", "shift", "shift-negative"):
            return None
    return scales


def _rows(system: System, matrix: Step, width: int) -> list[Row]:
    """Returns the rows of A, as integers."""
    steps = [Step("input", width), matrix._replace(sources=(0,))]
    alone = replace(system.subject, steps=steps)
    return [row[:-1] for row in System(alone, system.found).rows]
