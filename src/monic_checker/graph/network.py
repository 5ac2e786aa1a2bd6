"""A whole graph as a function from R^n to R^m, for one example or for a fixed batch of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq

from monic_checker.graph.carrying import Machine
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.model import Port
from monic_checker.graph.run import Run
from monic_checker.graph.tensor import Shape, Tensor

__all__ = ["Network", "shapes_of"]


@dataclass(frozen=True, slots=True)
class Network:
    """A graph whose inputs, one after the other, are n numbers for each example.

    Arguments:
        machine: What carries the graph out.
        shapes: The shapes of its inputs.
        examples: How many examples lie along the first axis of its only input; 1 for one as a
            whole.
    """

    machine: Machine
    shapes: list[Shape]
    examples: int

    @classmethod
    def fit(cls, machine: Machine, n: int) -> "Network | None":
        """Returns the graph as a function on R^n; None when it takes another number of inputs.

        Raises:
            NotCompared: when the sizes of its inputs are not known.
        """
        shapes = shapes_of(machine.graph.inputs, n)
        size = sum(map(math.prod, shapes))
        if size == n:
            return cls(machine, shapes, 1)
        first = shapes[0][0] if len(shapes) == 1 and len(shapes[0]) > 1 else 1
        return cls(machine, shapes, first) if size == first * n else None

    def inputs(self, xs: Sequence[Sequence[fmpq]]) -> dict[str, Tensor]:
        """Returns the tensors that stand for some points, one for each example."""
        numbers = [t for x in xs for t in x]
        found, start = {}, 0
        for port, shape in zip(self.machine.graph.inputs, self.shapes, strict=True):
            stop = start + math.prod(shape)
            found[port.name] = Tensor.of_rationals(numbers[start:stop], shape, port.dtype)
            start = stop
        return found

    def values(self, xs: Sequence[Sequence[fmpq]], run: Run) -> list[list[fmpq]]:
        """Returns the outputs, one after the other, at some points, one for each example.

        Raises:
            NotCompared: when the graph cannot be carried out, or mixes the examples.
        """
        names = [port.name for port in self.machine.graph.outputs]
        found = self.machine.values(self.inputs(xs), run, names)
        rows: list[list[fmpq]] = [[] for _ in xs]
        for name in names:
            tensor = found[name]
            if self.examples > 1 and tensor.shape[:1] != (self.examples,):
                raise NotCompared(f"the {self.examples} examples of its batch are mixed")
            numbers = tensor.rationals()
            each = len(numbers) // len(xs)
            for k, row in enumerate(rows):
                row += numbers[k * each : (k + 1) * each]
        return rows


def shapes_of(ports: Sequence[Port], n: int | None) -> list[Shape]:
    """Returns the shapes of inputs; a first size that is not known counts one example.

    Arguments:
        ports: The inputs.
        n: How many numbers they are together, which settles one further size; None if unknown.

    Raises:
        NotCompared: when another size is not known.
    """
    found = []
    for port in ports:
        if port.dims is None:
            raise NotCompared(f"the shape of the input {port.name!a:.80} is not known")
        dims = list(port.dims)
        if len(dims) > 1 and dims[0] is None:
            dims[0] = 1
        if dims.count(None) == 1 and n is not None and len(ports) == 1:
            rest = math.prod(size for size in dims if size is not None)
            dims[dims.index(None)] = n // rest if n % rest == 0 else None
        if None in dims:
            raise NotCompared(f"the sizes of the input {port.name!a:.80} are not known")
        found.append(tuple(size for size in dims if size is not None))
    if not found:
        raise NotCompared("it has no inputs")
    return found
