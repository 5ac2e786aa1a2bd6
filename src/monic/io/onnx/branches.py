"""Tensors of several places in a graph, as tensors of one: what a later node needs is carried.

A chain of stages passes one list of numbers on. Where a node combines a tensor with an earlier
one (a skip connection), or tensors of two branches with activations of their own, the stages in
between are built again so that they carry both; docs/networks.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from monic.io.onnx.values import Source, Tensor, Value
from monic.model import AffineMap, Concat, Input, Select, Stage
from monic.model.array import Array

__all__ = ["picked", "side_by_side", "together"]


def together(values: Sequence[Tensor]) -> list[Value]:
    """Returns the same tensors, settled, as affine maps that start at one place."""
    settled = [value.settled() for value in values]
    for k in range(1, len(settled)):
        if settled[k].source is not settled[0].source:
            settled[: k + 1] = _joined(settled[:k], settled[k])
    return settled


def _joined(group: Sequence[Value], other: Value) -> list[Value]:
    """Returns tensors of one place and a tensor of another as tensors of one place."""
    here, there = group[0].source, other.source
    first, second = _remaining(here, there), _remaining(there, here)
    if second.rank < first.rank:
        last, *moved = _joined_from(second, [other], list(group))
        return [*moved, last]
    return _joined_from(first, list(group), [other])


@dataclass(frozen=True, slots=True)
class _Meeting:
    """The latest place from which both ways go on: the stages that are left on each."""

    base: Source
    place: AffineMap
    first: list[Source]
    second: list[Source]

    @property
    def rank(self) -> tuple[int, int]:
        """How much is left to do; what waits at the base can be carried in its shortest form."""
        return len(self.first) + len(self.second), len(self.second)


def _remaining(first: Source, second: Source) -> _Meeting:
    """Returns where the second way leaves what the first one holds."""
    ours, theirs = _way(first), _way(second)
    for j, there in enumerate(theirs):
        for i, here in enumerate(ours):
            place = here.start if here is there else here.holds.get(there)
            if place is not None:
                return _Meeting(here, place, ours[:i][::-1], theirs[:j][::-1])
    raise AssertionError("all ways start at the network's input")


def _way(source: Source) -> list[Source]:
    """Returns a place and those before it, back to the network's input."""
    found = [source]
    while found[-1].before is not None:
        found.append(found[-1].before)
    return found


def _joined_from(meeting: _Meeting, group: list[Value], others: list[Value]) -> list[Value]:
    """Walks on from where both ways meet, a stage of one way or of both at a time."""
    ours, theirs = group[0].source, others[0].source
    maps = [value.map for value in others]
    if not meeting.second and sum(m.out_dim for m in maps) < theirs.start.dim:
        # what is made of them is less to carry than the tensors themselves
        made = side_by_side([m.compose(meeting.place) for m in maps])
        state = _walked(meeting, made, None)
        ends = _offsets([m.out_dim for m in maps])
        moved = [picked(state.second, range(a, b)) for a, b in ends]
    else:
        known = ours.joined.get(theirs)
        state = _walked(meeting, meeting.place, theirs) if known is None else _State(*known)
        ours.joined[theirs] = (state.source, state.first, state.second)
        moved = [_after(m, state.second) for m in maps]
    return [
        replace(value, source=state.source, map=step)  # its name stays
        for value, step in zip(
            [*group, *others],
            [*(_after(value.map, state.first) for value in group), *moved],
            strict=True,
        )
    ]


def _offsets(sizes: Sequence[int]) -> list[tuple[int, int]]:
    ends = [sum(sizes[: k + 1]) for k in range(len(sizes))]
    return list(zip([0, *ends], ends, strict=False))


@dataclass(frozen=True, slots=True)
class _State:
    """A place of the joint chain, and where it holds the numbers of both ways."""

    source: Source
    first: AffineMap
    second: AffineMap


def _walked(meeting: _Meeting, place: AffineMap, kept: Source | None) -> _State:
    """Returns the end of the joint chain.

    Arguments:
        meeting: Where both ways meet.
        place: Where the base holds the numbers of the second way, or what is made of them.
        kept: The place whose numbers they are; None for what is made of them.
    """
    state = _State(meeting.base, meeting.base.start, place)
    ours, theirs = list(meeting.first), list(meeting.second)
    here = None if ours else meeting.base
    there = None if theirs else kept
    while ours or theirs:
        if ours and theirs and _alike(_stage(ours[0]), _stage(theirs[0])):
            here, there = ours.pop(0), theirs.pop(0)
            state = _both(state, here, there)
        elif len(ours) >= len(theirs):
            here = ours.pop(0)
            state = _past(state, here, first=True)
        else:
            there = theirs.pop(0)
            state = _past(state, there, first=False)
        for known, place in ((here, state.first), (there, state.second)):
            if known is not None:
                state.source.holds[known] = place
    return state


def _alike(first: Stage, second: Stage) -> bool:
    """Whether one stage can do what two stages do: norms with groups of one size, for instance."""
    plain = first.slope is None and second.slope is None and first.alpha == second.alpha
    return plain and first.activation is second.activation and _same_norm(first, second)


def _same_norm(first: Stage, second: Stage) -> bool:
    one, other = first.norm, second.norm
    if one is None or other is None:
        return one is other
    sizes = {
        (stage.map.out_dim - stage.carried) // norm.groups
        for stage, norm in ((first, one), (second, other))
    }
    return len(sizes) == 1 and replace(one, groups=other.groups) == other


def _both(state: _State, first: Source, second: Source) -> _State:
    parts, sizes = [], []
    for source, place in ((first, state.first), (second, state.second)):
        stage = _stage(source)
        carried, rest = stage.parted()
        parts.append(([_after(m, place) for m in carried], [_after(m, place) for m in rest]))
        more = stage.out_dim - stage.map.out_dim
        sizes.append((stage.carried, stage.map.out_dim - stage.carried, more))
    whole = side_by_side([*parts[0][0], *parts[1][0], *parts[0][1], *parts[1][1]])
    one, other = _stage(first), _stage(second)
    name, norm = " & ".join(dict.fromkeys((one.name, other.name))), one.norm
    if norm is not None and other.norm is not None:
        norm = replace(norm, groups=norm.groups + other.norm.groups)
    kept = one.carried + other.carried
    source = state.source.then(Stage(name, whole, one.activation, None, kept, norm, one.alpha))
    start = source.start
    # carried numbers of both, then the others of both, then deviations of both
    ends = _offsets([size for pair in zip(*sizes, strict=True) for size in pair])
    places = [[p for a, b in ends[k::2] for p in range(a, b)] for k in (0, 1)]
    return _State(source, picked(start, places[0]), picked(start, places[1]))


def _past(state: _State, moved: Source, *, first: bool) -> _State:
    """One way goes on, and the numbers of the other are carried past its activation."""
    place, waiting = (state.first, state.second) if first else (state.second, state.first)
    stage, size = _stage(moved), waiting.out_dim
    carried, rest = stage.parted()
    whole = side_by_side([waiting, *(_after(m, place) for m in (*carried, *rest))])
    source = state.source.then(replace(stage, map=whole, carried=size + stage.carried))
    start = source.start
    stay, on = picked(start, range(size)), picked(start, range(size, start.dim))
    return _State(source, on, stay) if first else _State(source, stay, on)


def _stage(source: Source) -> Stage:
    assert source.stage is not None, "only the network's input has no stage"
    return source.stage


def _after(outer: AffineMap, inner: AffineMap) -> AffineMap:
    return inner if isinstance(outer, Input) else outer.compose(inner)


def side_by_side(parts: Sequence[AffineMap]) -> AffineMap:
    """Returns the values one after another; all entries of one value in order are the value."""
    sources = {id(part.of): part.of for part in parts if isinstance(part, Select)}
    if len(sources) == 1 and all(isinstance(part, Select) for part in parts):
        [of] = sources.values()
        return picked(of, [p for part in parts if isinstance(part, Select) for p in part.places])
    return Concat(tuple(parts)) if len(parts) > 1 else parts[0]


def picked(of: AffineMap, places: Sequence[int] | Array) -> AffineMap:
    """Returns some entries of a value; all of them in order are the value itself.

    What is picked from entries that were picked before is picked at once, so that a permutation
    and the way back leave nothing.
    """
    numbers = np.asarray(places, dtype=np.int64)
    while isinstance(of, Select):
        numbers, of = np.asarray(of.places, dtype=np.int64)[numbers], of.of
    if np.array_equal(numbers, np.arange(of.out_dim)):
        return of
    return Select(numbers.tolist(), of)
