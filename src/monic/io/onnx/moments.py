"""Where a graph divides a tensor by the root of the mean of its own squares.

Only what surely is such a quotient is taken for one: the same tensor above and below, or x less
its mean in both places. That all means are along the same axes is left to the reader, which
knows how many axes there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from monic.io.onnx.node import Node
from monic.model.array import Array

__all__ = ["End", "Moments", "Spread"]

#: What changes the axes of a tensor, and neither its numbers nor their order.
_MOVES = ("Expand", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze")


@dataclass(frozen=True, slots=True)
class Spread:
    """Means of squares plus epsilon: of x, or of x less its mean.

    Arguments:
        source: The name of x.
        is_centred: Whether its mean is taken off.
        axes: The axes of each mean, as its node numbers them.
        epsilon: What is added.
        mean: The node that takes the mean of the squares.
        moves: What moves the means on their way to the root.
    """

    source: str
    is_centred: bool
    axes: tuple[tuple[int, ...], ...]
    epsilon: float
    mean: Node
    moves: tuple[Node, ...]

    @property
    def keeps(self) -> bool:
        """Whether the means keep the axes that they are taken along."""
        return _keeps(self.mean)

    def is_like(self, other: "Spread") -> bool:
        """Whether both are the same numbers, if their axes are the same."""
        same = (self.source, self.is_centred) == (other.source, other.is_centred)
        return same and self.mean is other.mean


@dataclass(frozen=True, slots=True)
class End:
    """A division by a root, or a product with its reciprocal.

    Arguments:
        node: The division.
        root: The node that takes the root.
        spread: What it takes the root of.
        factors: Constants that are multiplied into what is divided.
        moves: What moves the root on its way to the division.
        sized: Means that are taken off after moves: tensors whose places matter, too.
    """

    node: Node
    root: Node
    spread: Spread
    factors: tuple[str, ...]
    moves: tuple[Node, ...]
    sized: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Centred:
    """X less its mean along some axes; `sized` has the mean if it was moved in between."""

    source: str
    axes: tuple[int, ...]
    sized: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moments:
    """Which node makes a tensor, and which tensors are constant.

    Arguments:
        nodes: The nodes, each after those that it uses.
        makers: The nodes by what they give.
        known: Constants of the file, by name.
        constant: Names of all tensors that depend on constants only.
    """

    nodes: Sequence[Node]
    makers: Mapping[str, Node]
    known: Mapping[str, Array]
    constant: frozenset[str]

    @classmethod
    def of(cls, nodes: Sequence[Node], known: Mapping[str, Array]) -> "Moments":
        """Returns the moments of a graph."""
        constant = {"", *known}
        for node in nodes:
            if constant.issuperset(node.inputs):
                constant.update(node.outputs)
        makers = {name: node for node in nodes for name in node.outputs if name}
        return cls(nodes, makers, known, frozenset(constant))

    def ends(self) -> list[End]:
        """Returns all divisions by a deviation."""
        found = (self._end(node) for node in self.nodes if node.op in ("Div", "Mul"))
        return [end for end in found if end is not None]

    def _end(self, node: Node) -> End | None:
        if len(node.inputs) != 2:
            return None
        for side in (1,) if node.op == "Div" else (0, 1):
            root, moves = self._root(node.inputs[side], turned=node.op == "Mul")
            if root is None:
                continue
            for data, factors in self._with_factors(node.inputs[1 - side]):
                spread, sized = self._spread(root, data)
                if spread is not None:
                    return End(node, root, spread, factors, moves, sized)
        return None

    def _root(self, name: str, *, turned: bool) -> tuple[Node | None, tuple[Node, ...]]:
        """Returns the root that a tensor is, or is the reciprocal of, and the moves after it."""
        at, moves = self._unmoved(name)
        if turned:
            node = self.makers.get(at)
            if node is None or node.op != "Reciprocal" or not node.inputs:
                return None, ()
            at, before = self._unmoved(node.inputs[0])
            moves = (*before, *moves)
        node = self.makers.get(at)
        if node is None or not node.inputs:
            return None, ()
        half = node.op == "Pow" and len(node.inputs) > 1 and self._number(node.inputs[1]) == 0.5
        return (node if node.op == "Sqrt" or half else None), moves

    def _with_factors(self, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yields tensors and constants whose product is a tensor, the tensor itself first."""
        factors = list[str]()
        yield name, ()
        node = self.makers.get(name)
        while node is not None and node.op == "Mul" and len(node.inputs) == 2:
            places = [k for k in (0, 1) if node.inputs[k] in self.constant]
            if len(places) != 1:
                break
            factors.append(node.inputs[places[0]])
            name = node.inputs[1 - places[0]]
            node = self.makers.get(name)
            yield name, tuple(factors)

    def _spread(self, root: Node, data: str) -> tuple[Spread | None, tuple[str, ...]]:
        """Returns what a root is taken of, where it is the spread of the given tensor."""
        inner, moves = self._unmoved(root.inputs[0])
        epsilon: float | None = 0.0
        moved = self.makers.get(inner)
        if moved is not None and moved.op == "Add" and len(moved.inputs) == 2:
            side = int(moved.inputs[0] in self.known)
            epsilon = self._number(moved.inputs[1 - side])
            inner, before = self._unmoved(moved.inputs[side])
            moves = (*before, *moves)
        mean = self.makers.get(inner)
        squared = self._squared(mean)
        axes = None if mean is None else self._axes(mean)
        if mean is None or squared is None or axes is None or epsilon is None:
            return None, ()
        first, second = self._centred(squared), self._centred(data)
        if first is not None and second is not None and first.source == second.source:
            every = axes, first.axes, second.axes
            found = Spread(first.source, True, every, epsilon, mean, moves)
            return found, (*first.sized, *second.sized)
        if squared != data:
            return None, ()
        return Spread(data, False, (axes,), epsilon, mean, moves), ()

    def _squared(self, mean: Node | None) -> str | None:
        """Returns the tensor of whose squares a node takes the mean."""
        if mean is None or mean.op != "ReduceMean" or not mean.inputs:
            return None
        square = self.makers.get(mean.inputs[0])
        if square is None or len(square.inputs) != 2:
            return None
        twice = square.op == "Mul" and square.inputs[0] == square.inputs[1]
        power = square.op == "Pow" and self._number(square.inputs[1]) == 2
        return square.inputs[0] if twice or power else None

    def _centred(self, name: str) -> _Centred | None:
        """Returns x where a tensor is x - mean(x) along some axes."""
        taken = self.makers.get(name)
        if taken is None or taken.op != "Sub" or len(taken.inputs) != 2:
            return None
        at, moves = self._unmoved(taken.inputs[1])
        mean = self.makers.get(at)
        if mean is None or mean.op != "ReduceMean" or mean.inputs[:1] != taken.inputs[:1]:
            return None
        axes = self._axes(mean)
        if axes is None:
            return None
        plain = not moves and _keeps(mean)
        return _Centred(taken.inputs[0], axes, () if plain else (taken.inputs[1],))

    def _axes(self, mean: Node) -> tuple[int, ...] | None:
        """Returns the axes of a mean; None where it names none."""
        given: object = mean.attributes.get("axes")
        if len(mean.inputs) > 1:
            given = tuple(self.known.get(mean.inputs[1], np.zeros(0)).reshape(-1).tolist())
        if not isinstance(given, tuple) or not all(isinstance(axis, int) for axis in given):
            return None
        return tuple(int(axis) for axis in given) or None

    def _unmoved(self, name: str) -> tuple[str, tuple[Node, ...]]:
        """Returns what a tensor was before its axes were changed, and the changes in order."""
        moves = list[Node]()
        node = self.makers.get(name)
        while node is not None and node.op in _MOVES and node.inputs:
            moves.append(node)
            name = node.inputs[0]
            node = self.makers.get(name)
        return name, tuple(moves[::-1])

    def _number(self, name: str) -> float | None:
        """Returns a constant that is one number, and gives no tensor further axes."""
        array = self.known.get(name)
        plain = array is not None and array.size == 1 and array.ndim < 2
        return float(array.item()) if array is not None and plain else None


def _keeps(mean: Node) -> bool:
    given = mean.attributes.get("keepdims", 1)
    return isinstance(given, int) and given == 1
