"""What an activation of a proof gives, with the values that stand for the graph's functions.

Where a subject says only that an activation is one-to-one, it is taken to be the one that the
graph applies to the very same numbers: the claim holds for each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flint import fmpq

from monic_checker.activation import Activation
from monic_checker.graph.smooth import Smooth, sigmoid, tanh

__all__ = ["Choice", "Differs", "activated"]

_FUNCTIONS = {"tanh": tanh, "sigmoid": sigmoid}


@dataclass(slots=True)
class Choice:
    """Which function a stage takes where the graph applies several to the very same numbers.

    Arguments:
        turn: Which of them.
        count: How many there were at most.
    """

    turn: int = 0
    count: int = 1

    def of(self, options: Sequence[dict[fmpq, fmpq]]) -> dict[fmpq, fmpq]:
        """Returns one of at least one option."""
        self.count = max(self.count, len(options))
        return options[self.turn % len(options)]


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


def activated(
    activation: Activation,
    slopes: Sequence[fmpq],
    numbers: list[fmpq],
    smooth: Smooth,
    choice: Choice,
) -> list[fmpq]:
    """Returns what an activation gives for the numbers that are not carried past it.

    Arguments:
        activation: The activation.
        slopes: The slopes below 0, where it has some.
        numbers: The numbers.
        smooth: What the functions of the graph were applied to.
        choice: Which function is taken where several are applied to these numbers.

    Raises:
        Differs: when the graph applies no such function to these numbers.
    """
    name = activation.name
    if not activation.is_smooth:
        return [t if t > 0 else s * t for t, s in zip(numbers, slopes, strict=True)]
    if name in _FUNCTIONS:
        return [_FUNCTIONS[name](t) for t in numbers]
    if name == "one-to-one":
        return _one_to_one(numbers, smooth, choice)
    if name == "normalization":
        return _by_groups(numbers, smooth, name)
    for unit in (len(numbers) // activation.groups, *(() if activation.more else (1,))):
        squares = _squares(numbers, activation.groups, unit)
        scaled = _scaled(numbers, squares, smooth, activation.epsilon or fmpq(0))
        if scaled is not None:
            return [*scaled[0], *scaled[1]] if activation.more else scaled[0]
    raise Differs(f"{name} of numbers of which the graph takes no root", numbers)


def _by_entry(
    numbers: Sequence[fmpq], smooth: Smooth, names: Iterable[str], choice: Choice
) -> list[fmpq] | None:
    """The values of one of some functions that the graph applies to all numbers, or of several."""
    given = [smooth.values[name] for name in names]
    whole = [known for known in given if all(t in known for t in numbers)]
    if whole:
        known = choice.of(whole)
        return [known[t] for t in numbers]
    every: dict[fmpq, fmpq] = {}
    for known in given:
        every |= known
    return [every[t] for t in numbers] if all(t in every for t in numbers) else None


def _one_to_one(numbers: list[fmpq], smooth: Smooth, choice: Choice) -> list[fmpq]:
    """The values of an activation of which no more is known: of a function on R, or of groups.

    tanh and the sigmoid come last, since they have names of their own; a logarithm is not defined
    on R.
    """
    own = {"Sigmoid", "Tanh"}
    found = _by_entry(
        numbers, smooth, [n for n in smooth.values if n not in {"Log", *own}], choice
    )
    try:
        return _by_groups(numbers, smooth, "one-to-one") if found is None else found
    except Differs:
        found = _by_entry(numbers, smooth, own & smooth.values.keys(), choice)
        if found is None:
            raise
    return found


def _by_groups(numbers: Sequence[fmpq], smooth: Smooth, name: str) -> list[fmpq]:
    """The normalization of some groups of numbers whose roots the graph takes.

    Many groups are tried first, and constants of the graph as epsilon: so it is not by chance that
    the graph takes these roots.
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
