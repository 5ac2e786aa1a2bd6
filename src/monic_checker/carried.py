"""A relu-layer that merges what a stage with a ReLU and carried numbers merges."""

from flint import fmpq

from monic_checker.steps import Step
from monic_checker.subject import Constant, Subject

__all__ = ["doubled"]


def doubled(stage: Subject, carried: int) -> Subject:
    """Returns the layer with the rows (A, -A, W), where A are the carried rows of a stage.

    W are its others: t -> (max(t, 0), max(-t, 0)) is one-to-one on R.
    """
    if not carried:
        return stage
    stage.budget.spend(stage.m, 0, "subject.stages")
    steps, first, rest = _parted(stage.steps, carried)
    minus = len(stage.arrays)
    negated = []
    for place in first:
        negated.append(len(steps))
        steps.append(Step("scale", steps[place].size, minus, (place,)))
    sources = (*first, *negated, *rest)
    steps.append(Step("concat", stage.m + carried, None, sources))
    arrays = [*stage.arrays, Constant([fmpq(-1)], (1,))]
    return Subject(stage.kind, arrays, steps, stage.domain, stage.budget)


def _parted(steps: list[Step], count: int) -> tuple[list[Step], list[int], list[int]]:
    """Returns steps, and which of them give the first numbers of the map, and which the others."""
    last = steps[-1]
    if last.name == "concat":
        for cut in range(1, len(last.sources)):
            if sum(steps[source].size for source in last.sources[:cut]) == count:
                return steps[:-1], list(last.sources[:cut]), list(last.sources[cut:])
    end, source = len(steps), (len(steps) - 1,)
    first = Step("select", count, None, source, None, tuple(range(count)))
    places = tuple(range(count, last.size))
    second = Step("select", len(places), None, source, None, places)
    return [*steps, first, second], [end], [end + 1]
