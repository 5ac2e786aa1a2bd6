"""What a proof's subject gives at a point, exactly.

Smooth activations have the values that stand for them in the graph as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, product

from flint import fmpq

from monic_checker.activation import Activation
from monic_checker.arrays import Array
from monic_checker.budget import Budget
from monic_checker.evaluation import evaluate
from monic_checker.graph.activated import Choice, Differs, activated
from monic_checker.graph.smooth import Smooth
from monic_checker.network import NetworkSubject, Stages
from monic_checker.subject import Subject
from monic_checker.system import System
from monic_checker.vector import over_one_denominator

__all__ = ["Map"]


#: Choices of functions that are tried before a graph is held for another.
_CHOICES = 64


class Map:
    """A subject as a function.

    Arguments:
        subject: What the header says.
        arrays: What `find_arrays` returned for it.
        budget: The memory and the work that are left.
    """

    def __init__(
        self, subject: Subject | NetworkSubject, arrays: Sequence[Array | None], budget: Budget
    ) -> None:
        if isinstance(subject, NetworkSubject):
            stages, self._activations = subject.stages, subject.activations
        else:
            name = "relu" if subject.kind == "relu-layer" else "identity"
            stages, self._activations = [subject], [Activation(name, 0, None)]
        whole = [replace(stage, budget=budget) for stage in stages]
        self._network = NetworkSubject(whole, self._activations, subject.domain)
        self._stages, self._budget = Stages(self._network, arrays), budget
        self._sides: dict[int, list[int]] = {}
        self._choices = [Choice() for _ in stages]

    @property
    def is_switched(self) -> bool:
        """Whether each unit that bends was seen on both sides of its bend."""
        return all({*sides} <= {3} for sides in self._sides.values())

    def values(self, xs: Sequence[Sequence[fmpq]], smooth: Sequence[Smooth]) -> list[list[fmpq]]:
        """Returns the outputs at some points; those of an affine layer are before its activation.

        Arguments:
            xs: The points.
            smooth: What the functions of the graph were applied to at each.

        Raises:
            Differs: when an activation is applied to numbers that the graph has nowhere.
            CheckError: when the numbers do not fit the budget.
        """
        found = [list(x) for x in xs]
        for _, after in self.traces(xs, smooth):
            found = after
        return found

    def traces(
        self, xs: Sequence[Sequence[fmpq]], smooth: Sequence[Smooth]
    ) -> Iterator[tuple[list[list[fmpq]], list[list[fmpq]]]]:
        """Yields what each stage gives before and after its activation at some points."""
        values = [list(x) for x in xs]
        for k, activation in enumerate(self._activations):
            with self._budget.scope():
                system = self._stages.system(k)
                before = [_image(system, x, self._budget) for x in values]
                slopes = self._stages.slopes(k)
            c = activation.carried
            self._note(k, activation, slopes, before)
            for i, (row, known) in enumerate(zip(before, smooth, strict=True)):
                try:
                    values[i] = [
                        *row[:c],
                        *activated(activation, slopes[c:], row[c:], known, self._choices[k]),
                    ]
                except Differs as error:
                    reason = f"stage {k} of the proof is {error}"
                    raise Differs(reason, error.numbers, i) from None
            yield before, values

    def choices(self) -> Iterator[None]:
        """Takes other functions in turn where the graph applies several to the same numbers."""
        counts = [range(choice.count) for choice in self._choices]
        for turns in islice(product(*counts), 1, _CHOICES):
            for choice, turn in zip(self._choices, turns, strict=True):
                choice.turn = turn
            yield

    def _note(
        self, k: int, activation: Activation, slopes: Sequence[fmpq], before: list[list[fmpq]]
    ) -> None:
        """Notes on which sides numbers were: 1 for negative ones, 2 for positive, 3 for both."""
        if activation.is_smooth or not before:
            return
        start = [0 if slope != 1 else 3 for slope in slopes]
        sides = self._sides.setdefault(k, start)
        for row in before:
            pairs = zip(sides, row, strict=True)
            sides[:] = [side | (1 if t < 0 else 2 if t > 0 else 0) for side, t in pairs]

    def orders(self, x: Sequence[fmpq]) -> list[Sequence[fmpq]]:
        """Returns a point of a layer, and its numbers in the order in which the map takes them.

        A map that begins with a permutation comes after a tensor in either order.
        """
        steps = self._network.stages[0].steps
        first = steps[1] if len(steps) > 1 else steps[0]
        alone = not any(0 in step.sources for step in steps[2:])
        if first.name == "select" and sorted(first.places) == list(range(len(x))) and alone:
            return [x, [x[place] for place in first.places]]
        return [x]


def _image(system: System, x: Sequence[fmpq], budget: Budget) -> list[fmpq]:
    point = over_one_denominator(x, budget, "subject")
    value = evaluate(system.subject.steps, system.arrays, budget, point)
    return [fmpq(row[0], value.denominator) for row in value.rows]
