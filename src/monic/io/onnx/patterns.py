"""Norms that older files spell out: (x - mean) / sqrt(mean square + epsilon) is one node again.

Exporters before version 17 of ONNX's operators write a layer norm as seven nodes, with a square
and a root in between that are no layers of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from monic.io.onnx.node import Node
from monic.model.array import Array

__all__ = ["with_norms"]


def with_norms(nodes: Sequence[Node], known: Mapping[str, Array], output: str) -> list[Node]:
    """Returns the nodes with every spelled-out norm as one, and without what only it used.

    Arguments:
        nodes: The nodes, each after those that it uses.
        known: Constants, by name.
        output: The name of the graph's output.
    """
    graph = _Graph({name: node for node in nodes for name in node.outputs if name}, known)
    found = [graph.norm(node) if node.op in ("Div", "Mul") else node for node in nodes]
    if all(new is old for new, old in zip(found, nodes, strict=True)):
        return found
    needed, kept = {output}, []
    for node in reversed(found):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    return kept[::-1]


@dataclass(frozen=True, slots=True)
class _Graph:
    """Which node makes a tensor, and which tensors are constant."""

    makers: Mapping[str, Node]
    known: Mapping[str, Array]

    def norm(self, node: Node) -> Node:
        """Returns a division, or a product with a reciprocal, as the norm that it ends."""
        data, root = self._divided(node)
        moved = None if root is None else self._maker(root, 0, "Add")
        if root is None or moved is None:
            return node
        square, epsilon = self._mean_square(moved)
        if square is None or epsilon is None or square.inputs[0] != data:
            return node
        axes = self._last_axes(self.makers[moved.inputs[self._side(moved)]])
        if axes is None:
            return node
        attributes = {"axis": axes[0], "epsilon": epsilon}
        centred = self._centred(data, axes)
        op, source = ("RMSNormalization", data)
        if centred is not None:
            op, source = "LayerNormalization", centred
        added = {"axes": len(axes)}
        return replace(node, op=op, inputs=(source,), attributes=attributes, added=added)

    def _divided(self, node: Node) -> tuple[str, Node | None]:
        """Returns what is divided, and the root that it is divided by."""
        if node.op == "Div":
            return (node.inputs[0] if node.inputs else ""), self._maker(node, 1, "Sqrt")
        for side in (0, 1):
            turned = self._maker(node, side, "Reciprocal")
            if turned is not None and len(node.inputs) == 2:
                return node.inputs[1 - side], self._maker(turned, 0, "Sqrt")
        return "", None

    def _mean_square(self, moved: Node) -> tuple[Node | None, float | None]:
        """Returns the node that squares, and epsilon, of mean(square) + epsilon."""
        side = self._side(moved)
        epsilon = self._number(moved.inputs[1 - side])
        mean = self._maker(moved, side, "ReduceMean")
        square = None if mean is None else self.makers.get(mean.inputs[0])
        if square is None or len(square.inputs) != 2:
            return None, None
        twice = square.op == "Mul" and square.inputs[0] == square.inputs[1]
        power = square.op == "Pow" and self._number(square.inputs[1]) == 2
        return (square if twice or power else None), epsilon

    def _side(self, moved: Node) -> int:
        """Which input of a sum is no constant."""
        return int(moved.inputs[0] in self.known)

    def _centred(self, name: str, axes: tuple[int, ...]) -> str | None:
        """Returns x where a tensor is x - mean(x) over the last axes."""
        taken = self.makers.get(name)
        if taken is None or taken.op != "Sub":
            return None
        mean = self._maker(taken, 1, "ReduceMean")
        if mean is None or mean.inputs[0] != taken.inputs[0] or self._last_axes(mean) != axes:
            return None
        return taken.inputs[0]

    def _last_axes(self, mean: Node) -> tuple[int, ...] | None:
        """Returns the axes of a mean; None for such as cannot be the last ones.

        Numbered from the first, they are the last ones in tensors of one rank only, which the
        reader knows.
        """
        given: object = mean.attributes.get("axes")
        if len(mean.inputs) > 1:
            given = tuple(self.known.get(mean.inputs[1], np.zeros(0)).reshape(-1).tolist())
        if not isinstance(given, tuple) or mean.attributes.get("keepdims", 1) != 1 or not given:
            return None
        found = tuple(sorted(int(axis) for axis in given))
        ends_at = 0 if found[0] < 0 else found[0] + len(found)
        return found if found == tuple(range(ends_at - len(found), ends_at)) else None

    def _maker(self, node: Node, index: int, op: str) -> Node | None:
        found = self.makers.get(node.inputs[index]) if len(node.inputs) > index else None
        return found if found is not None and found.op == op and found.inputs else None

    def _number(self, name: str) -> float | None:
        array = self.known.get(name)
        return float(array.item()) if array is not None and array.size == 1 else None
