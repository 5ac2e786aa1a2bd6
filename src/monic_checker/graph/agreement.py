"""A network and a graph at the same points: how many, and what differs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from flint import fmpq

from monic_checker.budget import Budget
from monic_checker.errors import InvalidProof, OverBudget
from monic_checker.graph.activated import Differs
from monic_checker.graph.carrying import Machine
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.network import Network
from monic_checker.graph.run import Run
from monic_checker.graph.smooth import Smooth
from monic_checker.graph.subject import Map
from monic_checker.network import NetworkSubject

__all__ = ["at_points"]

#: Networks are compared at so many points, as far as so much work allows; at least at one.
_POINTS, _WORK = 8, 25 * 10**7

#: Small ones are compared at up to so many, until each unit was seen on both sides of its bend.
_MOST, _MORE = 32, 5 * 10**7

#: Points at which a network is not defined, after which the search for others ends.
_UNDEFINED = 16

#: Entries of a point that a message spells out.
_SHOWN = 8


def at_points(
    subject: NetworkSubject,
    given: Map,
    machine: Machine,
    stream: Iterator[list[fmpq]],
    budget: Budget,
) -> int:
    """Compares a network with a graph at points; returns at how many.

    Arguments:
        subject: The network.
        given: The same as a function.
        machine: What carries the graph out.
        stream: The points.
        budget: What is left of the memory and the work.

    Raises:
        InvalidProof: when they differ.
        NotCompared: when the graph cannot be carried out.
        OverBudget: when not even one point fits the budget.
    """
    network = Network.fit(machine, subject.n)
    if network is None:
        raise InvalidProof("subject", f"the graph does not take {subject.n} numbers")
    drawn = _Drawn(network, stream, budget)
    _insist_on_equal(given, network, drawn.until(drawn.are_switched), budget)
    if not given.is_switched:
        _insist_on_equal(given, network, drawn.until(lambda: False), budget)
    return drawn.count


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Points, what the graph gives there, and what its smooth functions were applied to."""

    xs: list[list[fmpq]] = field(default_factory=list)
    rows: list[list[fmpq]] = field(default_factory=list)
    smooth: list[Smooth] = field(default_factory=list)


class _Drawn:
    """Points at which a graph is carried out, as many as the work allows.

    Points at which the graph is not defined are passed over.
    """

    def __init__(self, network: Network, stream: Iterator[list[fmpq]], budget: Budget) -> None:
        self._network, self._stream, self._budget = network, stream, budget
        self._sides: dict[str, list[int]] = {}
        self._left, self._wanted, self.count = _MOST + _UNDEFINED, 1, 0

    def are_switched(self) -> bool:
        """Whether there are enough points, with numbers on both sides of each bend."""
        return self.count >= _POINTS and all({*known} <= {3} for known in self._sides.values())

    def until(self, enough: Callable[[], bool]) -> _Pairs:
        """Draws points until there are enough.

        Raises:
            NotCompared: when the graph cannot be carried out at any point.
            OverBudget: when not even one point fits the budget.
        """
        found, failed = _Pairs(), NotCompared("no point of the domain was found")
        while self._left and self.count < self._wanted and not enough():
            self._left -= 1
            try:
                self._draw(found)
            except NotCompared as error:
                failed = error
            except OverBudget:
                if not self.count:
                    raise
                break
        if not self.count:
            raise failed
        return found

    def _draw(self, found: _Pairs) -> None:
        xs = list(islice(self._stream, self._network.examples))
        if len(xs) < self._network.examples:
            self._left = 0
            return
        run, before = Run(self._budget, sides=self._sides), self._budget.work_done
        with self._budget.scope():
            found.rows.extend(self._network.values(xs, run))
        found.xs.extend(xs)
        found.smooth.extend([run.smooth] * len(xs))
        self.count += len(xs)
        work = max(self._budget.work_done - before, 1)
        self._wanted = max(1, min(_POINTS, _WORK // work), min(_MOST, _MORE // work))


def _insist_on_equal(given: Map, network: Network, pairs: _Pairs, budget: Budget) -> None:
    """Insists that there are functions for the activations with which both are equal."""
    first = _difference(given, network, pairs, budget) if pairs.xs else None
    if first is not None and all(
        _difference(given, network, pairs, budget) for _ in given.choices()
    ):
        raise first


def _difference(
    given: Map, network: Network, pairs: _Pairs, budget: Budget
) -> InvalidProof | NotCompared | None:
    xs = pairs.xs
    try:
        expected = given.values(xs, pairs.smooth)
    except Differs as error:
        what = f"{error}, at x = {_words(xs[error.point])}"
        if _seen(network, xs[error.point], budget).issuperset(error.numbers):
            return NotCompared(what)
        return InvalidProof("subject", what)
    for k, (x, ours, theirs) in enumerate(zip(xs, expected, pairs.rows, strict=True)):
        if len(ours) != len(theirs):
            sizes = f"{len(theirs)} numbers, and the proof's network {len(ours)}"
            return InvalidProof("subject", f"the graph gives {sizes}")
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            if a != b:
                stage = _first_stage(given, network, x, pairs.smooth[k], budget)
                what = f"output {i} is {_word(b)} by the graph, and {_word(a)} by the proof"
                return InvalidProof("subject", f"{what}, at x = {_words(x)}{stage}")
    return None


def _first_stage(
    given: Map, network: Network, x: Sequence[fmpq], smooth: Smooth, budget: Budget
) -> str:
    """Names the first stage whose numbers the graph has nowhere, if there is one."""
    if network.examples > 1:
        return ""
    try:
        seen = _seen(network, x, budget)
        for k, (before, _) in enumerate(given.traces([x], [smooth])):
            if not seen.issuperset(before[0]):
                return f"; stage {k} of the proof is the first with numbers that no tensor has"
    except (NotCompared, OverBudget, Differs):
        return ""
    return ""


def _seen(network: Network, x: Sequence[fmpq], budget: Budget) -> set[fmpq]:
    """All numbers that the graph computes at a point."""
    seen: set[fmpq] = set(x)
    inputs = network.inputs([x] * network.examples)
    for _, tensor in network.machine.steps(inputs, Run(budget)):
        seen.update(tensor.rationals())
    return seen


def _words(x: Sequence[fmpq]) -> str:
    more = ", ..." if len(x) > _SHOWN else ""
    return f"({', '.join(map(_word, x[:_SHOWN]))}{more})"


def _word(t: fmpq) -> str:
    """A number; a long one in scientific notation."""
    text = str(t)
    if len(text) <= 24:
        return text
    p, q = int(t.p), int(t.q)
    try:
        return f"about {p / q:.6g}"
    except OverflowError:
        return f"about 2^{p.bit_length() - q.bit_length()}"
