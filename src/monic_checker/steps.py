"""The steps that lead from x to W x + b, and the rules that their shapes obey."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monic_checker.document import choice, integer, items
from monic_checker.errors import MalformedProof

__all__ = ["LONGEST", "Step", "read_steps"]

#: No array and no value of a step has more entries; the bound stops repeated doubling.
LONGEST = 2**40

_ARRAY_STEPS = ("linear", "linear-transposed", "shift", "shift-negative", "scale")

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the map.

    Arguments:
        name: Which of the steps of the specification.
        size: The number of entries of its value.
        array: The position of the array it uses; None for input and concat.
        sources: The positions of the earlier steps it uses.
    """

    name: str
    size: int
    array: int | None = None
    sources: tuple[int, ...] = ()

    def formula(self) -> str:
        """Returns the value in terms of earlier values v0, v1, ... and arrays A0, A1, ..."""
        values = "; ".join(f"v{source}" for source in self.sources)
        return {
            "input": "x",
            "linear": f"A{self.array} {values}",
            "linear-transposed": f"A{self.array}^T {values}",
            "shift": f"{values} + A{self.array}",
            "shift-negative": f"{values} - A{self.array}",
            "scale": f"diag(A{self.array}) {values}",
            "concat": f"({values})",
        }[self.name]


def read_steps(value: object, shapes: Sequence[Shape]) -> list[Step]:
    """Reads the map of a proof, given the shapes of its arrays.

    Raises:
        MalformedProof: when a step is unknown, refers forwards, or does not fit.
    """
    entries = items(value, "subject.map")
    if not entries:
        raise MalformedProof("subject.map", "expected at least one step")
    steps: list[Step] = []
    for i, entry in enumerate(entries):
        address = f"subject.map[{i}]"
        steps.append(_read_step(items(entry, address), address, steps, shapes))
        if steps[-1].size > LONGEST:
            raise MalformedProof(address, f"expected a value of at most {LONGEST} entries")
    return steps


def _read_step(
    entry: list[Any], address: str, earlier: list[Step], shapes: Sequence[Shape]
) -> Step:
    name = choice(entry[0] if entry else None, f"{address}[0]", ["input", "concat", *_ARRAY_STEPS])
    if (name == "input") != (not earlier):
        raise MalformedProof(address, "expected an input as the first step, and only there")
    if name == "input":
        _, size = items(entry, address, 2)
        return Step(name, integer(size, f"{address}[1]", 1))
    if name == "concat":
        return _read_concat(entry, address, earlier)
    _, array, source = items(entry, address, 3)
    array = integer(array, f"{address}[1]", 0, len(shapes))
    source = integer(source, f"{address}[2]", 0, len(earlier))
    size = _size(name, shapes[array], earlier[source].size, address)
    return Step(name, size, array, (source,))


def _read_concat(entry: list[Any], address: str, earlier: list[Step]) -> Step:
    if len(entry) < 2:
        raise MalformedProof(address, "expected at least one value to concatenate")
    sources = tuple(
        integer(source, f"{address}[{i}]", 0, len(earlier))
        for i, source in enumerate(entry[1:], start=1)
    )
    return Step("concat", sum(earlier[source].size for source in sources), None, sources)


def _size(name: str, shape: Shape, size: int, address: str) -> int:
    """The size of a step's value: y, of the given size, combined with an array."""
    if name not in ("linear", "linear-transposed"):
        if math.prod(shape) not in (1, size):
            raise MalformedProof(address, f"expected an array of 1 or {size} entries, not {shape}")
        return size
    if len(shape) != 2:
        raise MalformedProof(address, f"expected an array of two dimensions, not {shape}")
    rows, columns = shape if name == "linear" else shape[::-1]
    if columns != size:
        raise MalformedProof(address, f"expected a matrix for vectors of {size} entries")
    return rows
