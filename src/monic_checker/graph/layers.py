"""Where a graph computes a layer: the two tensors between which it does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq

from monic_checker.budget import Budget
from monic_checker.errors import InvalidProof
from monic_checker.graph.carrying import Machine
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.network import Network, shapes_of
from monic_checker.graph.operators import BENDS, PLAIN
from monic_checker.graph.run import Run
from monic_checker.graph.smooth import Smooth
from monic_checker.graph.subject import Map
from monic_checker.graph.tensor import Shape, Tensor

__all__ = ["Place", "find_layer"]


@dataclass(frozen=True, slots=True)
class Place:
    """Two tensors between which a graph computes something.

    Arguments:
        start: The tensor that takes the place of x.
        end: The tensor that the layer gives.
        sorted: Whether it holds the layer's numbers in another order.
    """

    start: str
    end: str
    sorted: bool = False


def find_layer(
    machine: Machine, given: Map, xs: Sequence[Sequence[fmpq]], budget: Budget
) -> Place:
    """Returns two tensors of a graph between which it gives what a layer gives at some points.

    No activation lies between them but that of the layer. The order of the layer's outputs does
    not matter.

    Raises:
        InvalidProof: when the graph is a plain chain of layers, and none of them does.
        NotCompared: when the graph is no such chain, and no two tensors were found.
    """
    shapes, places = _shapes(machine, budget), list[Place]()
    batch = shapes[machine.graph.inputs[0].name][:1]
    starts = {
        name: shape
        for name, shape in shapes.items()
        if math.prod(shape) == len(xs[0]) or (shape[:1] == batch and _each(shape) == len(xs[0]))
    }
    for k, x in enumerate(xs):
        [wanted] = given.values([x], [Smooth()])
        found = [
            place
            for name, shape in starts.items()
            for numbers in given.orders(x)
            for place in _places(machine, (name, shape), numbers, wanted, budget)
        ]
        places = [place for place in found if k == 0 or place in places]
        starts = {place.start: shapes[place.start] for place in places}
    if places:
        return min(places, key=lambda place: place.sorted)
    reason = "between no two of its tensors it was seen to compute this layer"
    if _is_plain(machine, shapes):
        raise InvalidProof("subject", f"the graph is a chain of layers, and {reason}")
    raise NotCompared(reason)


def _each(shape: Shape) -> int:
    return math.prod(shape[1:])


def _shapes(machine: Machine, budget: Budget) -> dict[str, Shape]:
    """The shapes of all tensors that depend on the input."""
    shapes = shapes_of(machine.graph.inputs, None)
    network = Network(machine, shapes, 1)
    zeros = [fmpq(1)] * sum(map(math.prod, shapes))
    given = network.inputs([zeros])
    found = {name: tensor.shape for name, tensor in given.items()}
    for name, tensor in machine.steps(given, Run(budget)):
        if name not in machine.fixed:
            found[name] = tensor.shape
    return found


def _places(
    machine: Machine,
    begin: tuple[str, Shape],
    x: Sequence[fmpq],
    wanted: list[fmpq],
    budget: Budget,
) -> list[Place]:
    """Where the layer's value at a point is found, from one tensor on; a batch repeats it."""
    start, shape = begin
    copies = math.prod(shape) // len(x)
    given = {start: Tensor.of_rationals([*x] * copies, shape, "float32")}
    places = []
    for name, tensor in (*given.items(), *machine.steps(given, Run(budget), ends=BENDS)):
        if name in machine.fixed or tensor.size != copies * len(wanted):
            continue
        numbers = tensor.rationals()
        if numbers == copies * wanted:
            places.append(Place(start, name))
        elif sorted(numbers) == sorted(copies * wanted):
            places.append(Place(start, name, sorted=True))
    return places


def _is_plain(machine: Machine, shapes: dict[str, Shape]) -> bool:
    """Whether the graph is one chain of operators between which layers keep their order."""
    graph = machine.graph
    moving = machine.moving([port.name for port in graph.inputs])
    nodes = [node for node in graph.nodes if not moving.isdisjoint(node.inputs)]
    takes = [sum(name in moving for name in node.inputs) for node in nodes]
    whole = all(shapes[port.name][:1] == (1,) for port in graph.inputs)
    single = len(graph.inputs) == len(graph.outputs) == 1
    used = [name for node in nodes for name in node.inputs if name in moving]
    straight = set(takes) == {1} and len({*used}) == len(used)
    return whole and single and straight and all(node.op in PLAIN for node in nodes)
