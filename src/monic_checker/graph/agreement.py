"""A network and a graph at the same points: how many, and what differs."""

from collections.abc import Iterator, Sequence
from itertools import islice

from flint import fmpq

from monic_checker.budget import Budget
from monic_checker.errors import InvalidProof, OverBudget
from monic_checker.graph.carrying import Machine
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.network import Network
from monic_checker.graph.run import Run
from monic_checker.graph.smooth import Smooth
from monic_checker.graph.subject import Differs, Map
from monic_checker.network import NetworkSubject

__all__ = ["at_points"]

#: Networks are compared at so many points, and at up to so many until each unit was seen on both
#: sides of its bend; at fewer where they are large: as this work allows, and at least one.
_POINTS, _MOST, _WORK = 8, 32, 2.5e8

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
    xs, rows, known = _outputs(network, stream, budget)
    try:
        expected = given.values(xs, known)
    except Differs as error:
        what = f"{error}, at x = {_words(xs[error.point])}"
        if _seen(network, xs[error.point], budget).issuperset(error.numbers):
            raise NotCompared(what) from None
        raise InvalidProof("subject", what) from None
    for k, (x, ours, theirs) in enumerate(zip(xs, expected, rows, strict=True)):
        if len(ours) != len(theirs):
            sizes = f"{len(theirs)} numbers, and the proof's network {len(ours)}"
            raise InvalidProof("subject", f"the graph gives {sizes}")
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            if a != b:
                where = f"at x = {_words(x)}{_first_stage(given, network, x, known[k], budget)}"
                what = f"output {i} is {_word(b)} by the graph, and {_word(a)} by the proof"
                raise InvalidProof("subject", f"{what}, {where}")
    return len(xs)


def _outputs(
    network: Network, stream: Iterator[list[fmpq]], budget: Budget
) -> tuple[list[list[fmpq]], list[list[fmpq]], list[Smooth]]:
    """Points, what the graph gives there, and what its smooth functions were applied to.

    Points at which the graph is not defined are passed over.
    """
    xs: list[list[fmpq]] = []
    rows: list[list[fmpq]] = []
    known: list[Smooth] = []
    wanted, failed = 1, NotCompared("no point of the domain was found")
    sides: dict[str, list[int]] = {}
    for _ in range(_MOST + _UNDEFINED):
        enough = len(xs) >= _POINTS and all(set(known) <= {3} for known in sides.values())
        if enough or len(xs) >= wanted:
            break
        examples = list(islice(stream, network.examples))
        if len(examples) < network.examples:
            break
        run, before = Run(budget, sides=sides), budget.work_done
        try:
            with budget.scope():
                found = network.values(examples, run)
        except NotCompared as error:
            failed = error
            continue
        except OverBudget:
            if not xs:
                raise
            break
        xs, rows = [*xs, *examples], [*rows, *found]
        known += [run.smooth] * len(examples)
        wanted = min(_MOST, max(1, int(_WORK / max(budget.work_done - before, 1))))
    if not xs:
        raise failed
    return xs, rows, known


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
