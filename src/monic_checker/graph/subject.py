"""What a proof's subject gives at a point, exactly.

Smooth activations have the values that stand for them in the graph as well. Where a subject says
only that an activation is one-to-one, it is taken to be the one that the graph applies to the very
same numbers: the claim holds for each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from flint import fmpq

from monic_checker.activation import Activation
from monic_checker.arrays import Array
from monic_checker.budget import Budget
from monic_checker.evaluation import evaluate
from monic_checker.graph.smooth import Smooth, sigmoid, tanh
from monic_checker.network import NetworkSubject, Stages
from monic_checker.subject import Subject
from monic_checker.system import System
from monic_checker.vector import over_one_denominator

__all__ = ["Differs", "Map"]

_FUNCTIONS = {"tanh": tanh, "sigmoid": sigmoid}


class Differs(Exception):
    """Raised where the subject applies an activation to numbers to which the graph applies none.

    Arguments:
        reason: The activation, in words.
        numbers: The numbers.
        point: Which of the points it is.
    """

    def __init__(self, reason: str, numbers: Sequence[fmpq], point: int = 0) -> None:
        super().__init__(reason)
        self.numbers = numbers
        self.point = point


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
            for i, (row, known) in enumerate(zip(before, smooth, strict=True)):
                try:
                    values[i] = [*row[:c], *_activated(activation, slopes[c:], row[c:], known)]
                except Differs as error:
                    reason = f"stage {k} of the proof is {error}"
                    raise Differs(reason, error.numbers, i) from None
            yield before, values

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


def _activated(
    activation: Activation, slopes: Sequence[fmpq], numbers: list[fmpq], smooth: Smooth
) -> list[fmpq]:
    """What an activation gives for the numbers that are not carried past it."""
    name = activation.name
    if not activation.is_smooth:
        return [t if t > 0 else s * t for t, s in zip(numbers, slopes, strict=True)]
    if name in _FUNCTIONS:
        return [_FUNCTIONS[name](t) for t in numbers]
    if name == "one-to-one":
        found = _by_entry(numbers, smooth)
        return found if found is not None else _by_groups(numbers, smooth, name)
    if name == "normalization":
        return _by_groups(numbers, smooth, name)
    for unit in (len(numbers) // activation.groups, *(() if activation.more else (1,))):
        squares = _squares(numbers, activation.groups, unit)
        scaled = _scaled(numbers, squares, smooth, activation.epsilon or fmpq(0))
        if scaled is not None:
            return [*scaled[0], *scaled[1]] if activation.more else scaled[0]
    raise Differs(f"{name} of numbers of which the graph takes no root", numbers)


def _by_entry(numbers: Sequence[fmpq], smooth: Smooth) -> list[fmpq] | None:
    """The values of a function on R that the graph applies to all numbers, or of several."""
    defined = [known for name, known in smooth.values.items() if name != "Log"]
    for known in defined:
        if all(t in known for t in numbers):
            return [known[t] for t in numbers]
    every: dict[fmpq, fmpq] = {}
    for known in defined:
        every |= known
    return [every[t] for t in numbers] if all(t in every for t in numbers) else None


def _by_groups(numbers: Sequence[fmpq], smooth: Smooth, name: str) -> list[fmpq]:
    """The normalization of some groups of numbers whose roots the graph takes.

    Many groups are tried first, and numbers that the graph adds as epsilon: so it is not by chance
    that the graph takes these roots.
    """
    groups = [g for g in range(len(numbers), 0, -1) if len(numbers) % g == 0]
    given = [(numbers, g) for g in groups]
    if name == "normalization":
        given += [(_centred(numbers, g), g) for g in groups[1:]]
    for added in (True, False):
        for values, g in given:
            for unit in (len(numbers) // g, 1):
                squares = _squares(values, g, unit)
                for epsilon in smooth.offsets(squares[0], added=added):
                    found = _scaled(values, squares, smooth, epsilon)
                    if found is not None and epsilon > 0:
                        return found[0]
    raise Differs(f"{name} of numbers to which the graph applies no such function", numbers)


def _centred(numbers: Sequence[fmpq], groups: int) -> list[fmpq]:
    size, found = len(numbers) // groups, []
    for first in range(0, len(numbers), size):
        group = numbers[first : first + size]
        mean = sum(group, fmpq(0)) / size
        found += [t - mean for t in group]
    return found


def _squares(numbers: Sequence[fmpq], groups: int, unit: int) -> list[fmpq]:
    """The sums of squares of groups, over some number: their sizes, for means."""
    size = len(numbers) // groups
    parts = (numbers[first : first + size] for first in range(0, len(numbers), size))
    return [sum((t * t for t in part), fmpq(0)) / unit for part in parts]


def _scaled(
    numbers: Sequence[fmpq], squares: Sequence[fmpq], smooth: Smooth, epsilon: fmpq
) -> tuple[list[fmpq], list[fmpq]] | None:
    """Each group divided by the root of its square plus epsilon, and the roots.

    None where the graph does not take all these roots.
    """
    if not all(square + epsilon in smooth.roots for square in squares):
        return None
    roots, size = (
        [smooth.root(square + epsilon) for square in squares],
        len(numbers) // len(squares),
    )
    return [t / roots[i // size] for i, t in enumerate(numbers)], roots
