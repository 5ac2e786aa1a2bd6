"""The steps that lead from x to W x + b, and the rules that their shapes obey."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from flint import fmpz

from monic_checker.budget import Budget
from monic_checker.document import choice, integer, items
from monic_checker.errors import MalformedProof
from monic_checker.grid import Grid, read_grid
from monic_checker.means import Terms, read_groups, read_terms

__all__ = ["LONGEST", "Shape", "Step", "read_steps"]

#: No array and no value of a step has more entries; the bound stops repeated doubling.
LONGEST = 2**40

#: A layer has few convolutions, and their tables take memory.
_CONVOLUTIONS_LIMIT = 64

_CONVOLUTIONS = ("convolution", "transposed-convolution")
_CHANNELS = ("channel-shift", "channel-shift-negative", "channel-scale", "quotient")
_MATRICES = ("linear", "linear-transposed")
_ARRAY_STEPS = (*_MATRICES, "shift", "shift-negative", "scale", *_CHANNELS, *_CONVOLUTIONS)
_NAMES = ("input", "concat", "add", "select", "combine", "centre", *_ARRAY_STEPS)

Shape = tuple[int, ...]


class Step(NamedTuple):
    """One step of the map.

    Arguments:
        name: Which of the steps of the specification.
        size: The number of entries of its value.
        array: The position of the array it uses; None for input and concat.
        sources: The positions of the earlier steps it uses.
        grid: How a convolution walks over its input; None for all other steps.
        places: The entries that a select step chooses, from 0.
        terms: What a combine step adds up.
        groups: The number of groups of a centre step.
    """

    name: str
    size: int
    array: int | None = None
    sources: tuple[int, ...] = ()
    grid: Grid | None = None
    places: tuple[int, ...] = ()
    terms: Terms | None = None
    groups: int = 0

    @property
    def divisor(self) -> fmpz:
        """What the step divides by, apart from its array."""
        if self.terms is not None:
            return self.terms.denominator
        return fmpz(self.size // self.groups if self.groups else 1)


def read_steps(value: object, shapes: Sequence[Shape], budget: Budget) -> list[Step]:
    """Reads the map of a proof, given the shapes of its arrays.

    Raises:
        MalformedProof: when a step is unknown, refers forwards, or does not fit.
    """
    entries = items(value, "subject.map")
    if not entries:
        raise MalformedProof("subject.map", "expected at least one step")
    steps: list[Step] = []
    convolutions = 0
    for i, entry in enumerate(entries):
        address = f"subject.map[{i}]"
        steps.append(_read_step(items(entry, address), address, steps, shapes, budget))
        convolutions += steps[-1].grid is not None
        if convolutions > _CONVOLUTIONS_LIMIT:
            raise MalformedProof(address, f"expected at most {_CONVOLUTIONS_LIMIT} convolutions")
        if steps[-1].size > LONGEST:
            raise MalformedProof(address, f"expected a value of at most {LONGEST} entries")
    return steps


def _read_step(
    entry: list[Any], address: str, earlier: list[Step], shapes: Sequence[Shape], budget: Budget
) -> Step:
    name = choice(entry[0] if entry else None, f"{address}[0]", _NAMES)
    if (name == "input") != (not earlier):
        raise MalformedProof(address, "expected an input as the first step, and only there")
    if name == "input":
        _, size = items(entry, address, 2)
        return Step(name, integer(size, f"{address}[1]", 1))
    if name in ("concat", "add"):
        return _read_joined(name, entry, address, earlier)
    if name in ("select", "combine", "centre"):
        return _read_wiring(name, entry, address, earlier, budget)
    _, array, source, *rest = items(entry, address, 4 if name in _CONVOLUTIONS else 3)
    array = integer(array, f"{address}[1]", 0, len(shapes))
    source = integer(source, f"{address}[2]", 0, len(earlier))
    if rest:
        shape, before = shapes[array], earlier[source].size
        backwards = name == "transposed-convolution"
        grid = read_grid(rest[0], f"{address}[3]", shape, before, transposed=backwards)
        return Step(name, grid.size, array, (source,), grid)
    size = _size(name, shapes[array], earlier[source].size, address)
    return Step(name, size, array, (source,))


def _read_wiring(
    name: str, entry: list[Any], address: str, earlier: list[Step], budget: Budget
) -> Step:
    *times, chosen, source = items(entry, address, 4 if name == "combine" else 3)[1:]
    source = integer(source, f"{address}[{len(entry) - 1}]", 0, len(earlier))
    size = earlier[source].size
    if name == "combine":
        parts = read_groups(times[0], f"{address}[1]", size)
        terms = read_terms(parts, chosen, f"{address}[2]", size // parts, budget)
        return Step(name, terms.size, sources=(source,), terms=terms)
    if name == "centre":
        groups = read_groups(chosen, f"{address}[1]", size)
        return Step(name, size, sources=(source,), groups=groups)
    places = tuple(
        integer(place, f"{address}[1][{i}]", 0, size)
        for i, place in enumerate(items(chosen, f"{address}[1]"))
    )
    if not places:
        raise MalformedProof(f"{address}[1]", "expected at least one entry to choose")
    return Step("select", len(places), None, (source,), None, places)


def _read_joined(name: str, entry: list[Any], address: str, earlier: list[Step]) -> Step:
    if len(entry) < 2:
        raise MalformedProof(address, f"expected at least one value to {name}")
    sources = tuple(
        integer(source, f"{address}[{i}]", 0, len(earlier))
        for i, source in enumerate(entry[1:], start=1)
    )
    sizes = [earlier[source].size for source in sources]
    if name == "concat":
        return Step(name, sum(sizes), None, sources)
    if len({*sizes}) > 1:
        raise MalformedProof(address, f"expected values of one size to add. Got {sizes}")
    return Step(name, sizes[0], None, sources)


def _size(name: str, shape: Shape, size: int, address: str) -> int:
    """The size of a step's value: y, of the given size, combined with an array."""
    if name in _CHANNELS:
        if size % math.prod(shape):
            raise MalformedProof(address, f"expected an array whose size divides {size}")
        return size
    if name not in _MATRICES:
        if math.prod(shape) not in (1, size):
            raise MalformedProof(address, f"expected an array of 1 or {size} entries, not {shape}")
        return size
    if len(shape) != 2:
        raise MalformedProof(address, f"expected an array of two dimensions, not {shape}")
    rows, columns = shape if name == "linear" else shape[::-1]
    if columns != size:
        raise MalformedProof(address, f"expected a matrix for vectors of {size} entries")
    return rows
