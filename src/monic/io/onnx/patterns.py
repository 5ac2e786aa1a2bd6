"""Norms that are spelled out: (x - mean) / sqrt(mean square + epsilon) is one node again.

Exporters before version 17 of ONNX's operators write a layer norm as seven nodes, with a square
and a root in between that are no layers of their own; so do people who write one by hand. Where
the root is used for something else as well, the node gives it out: the deviation of each group.

What stands between these nodes may give numbers other axes (Reshape, Unsqueeze, Expand). Then
the reader looks whether they still meet their groups: the same moves are made with the mean of
x, which it can read, in the place of the mean square.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from monic.io.onnx.moments import End, Moments
from monic.io.onnx.node import Attribute, Node
from monic.model.array import Array

__all__ = ["with_norms"]


def with_norms(nodes: Sequence[Node], known: Mapping[str, Array], output: str) -> list[Node]:
    """Returns the nodes with every spelled-out norm as one, and without what only it used.

    Arguments:
        nodes: The nodes, each after those that it uses.
        known: Constants, by name.
        output: The name of the graph's output.
    """
    ends = Moments.of(nodes, known).ends()
    if not ends:
        return list(nodes)
    groups = list[list[End]]()
    for end in ends:
        same = next((group for group in groups if group[0].root is end.root), None)
        if same is None:
            groups.append([end])
        elif same[0].spread.is_like(end.spread):
            same.append(end)
    gone = {name for group in groups for end in group for name in end.node.outputs}
    gone |= {group[0].root.outputs[0] for group in groups}
    kept = [node for node in nodes if gone.isdisjoint(node.outputs)]
    written = _Written(_fresh({output, *known, *_names(nodes)}))
    for group in groups:
        written.norm(group)
    kept = [_sized(node, written.shapes) for node in (*kept, *written.nodes)]
    ordered = _needed(kept, output)
    return list(nodes) if ordered is None else _without_unused(ordered, output)


@dataclass(slots=True)
class _Written:
    """Nodes that take the place of others.

    Arguments:
        prefix: What the names of new tensors begin with, and no others.
        nodes: The nodes so far.
        shapes: New tensors by the names of old ones that have the same shape.
    """

    prefix: str
    nodes: list[Node] = field(default_factory=list)
    shapes: dict[str, str] = field(default_factory=dict)

    def norm(self, ends: Sequence[End]) -> None:
        """Writes the norm that gives values and deviations, and what was made of the values."""
        first, spread = ends[0], ends[0].spread
        moved = spread.moves or not spread.keeps or any(end.moves for end in ends)
        at = self._moved_mean(first) if moved else ""
        wanted = [place for end in ends for place in self._places(end, at)]
        self.nodes.append(
            Node(
                name=first.node.name,
                op="LayerNormalization" if spread.is_centred else "RMSNormalization",
                inputs=(spread.source, at, *wanted),
                outputs=(values := self._name(), first.root.outputs[0]),
                attributes={"epsilon": spread.epsilon, **_axes(ends)},
                opset=first.node.opset,
                added={"deviations": 1},
            )
        )
        for end in ends:
            self._scaled(end, values)

    def _places(self, end: End, at: str) -> list[str]:
        """Returns tensors whose places tell whether each number meets its group."""
        divisor = [self._along(at, end.moves)] if at else []
        return [*end.sized, *divisor]

    def _moved_mean(self, end: End) -> str:
        """Writes the mean of x, moved as the mean square is; returns its name."""
        mean, source = end.spread.mean, end.spread.source
        start = self._copied(mean, source)
        self.shapes[mean.outputs[0]] = start
        at = self._along(start, end.spread.moves)
        self.shapes[end.root.outputs[0]] = at
        return at

    def _along(self, at: str, moves: Sequence[Node]) -> str:
        """Writes the same moves of another tensor; returns what comes of it."""
        for move in moves:
            self.shapes[move.outputs[0]] = at = self._copied(move, at)
        return at

    def _scaled(self, end: End, values: str) -> None:
        """Writes the products that give what the end gave: (c y) / d = c (y / d)."""
        for factor in end.factors:
            after = self._name()
            scale = replace(end.node, op="Mul", inputs=(values, factor), outputs=(after,))
            self.nodes.append(scale)
            values = after
        self.nodes.append(replace(end.node, op="Identity", inputs=(values,)))

    def _copied(self, node: Node, first: str) -> str:
        after = self._name()
        inputs = (first, *node.inputs[1:])
        self.nodes.append(replace(node, inputs=inputs, outputs=(after,)))
        return after

    def _name(self) -> str:
        return f"{self.prefix}{len(self.nodes)}"


def _axes(ends: Sequence[End]) -> dict[str, Attribute]:
    """Returns the axes of all means, each list of axes once."""
    every = dict.fromkeys(axes for end in ends for axes in end.spread.axes)
    return {f"axes{k}": axes for k, axes in enumerate(every)}


def _names(nodes: Iterable[Node]) -> set[str]:
    return {name for node in nodes for name in (*node.inputs, *node.outputs)}


def _fresh(taken: Iterable[str]) -> str:
    """Returns a beginning that no name has."""
    prefix = "norm:"
    while any(name.startswith(prefix) for name in taken):
        prefix = f"norm:{prefix}"
    return prefix


def _sized(node: Node, shapes: Mapping[str, str]) -> Node:
    """Returns a node; one that asks for a shape only may ask another tensor."""
    if node.op != "Shape" or not node.inputs or node.inputs[0] not in shapes:
        return node
    return replace(node, inputs=(shapes[node.inputs[0]], *node.inputs[1:]))


def _needed(nodes: Sequence[Node], output: str) -> list[Node] | None:
    """Returns the nodes that the output needs, each after those it uses; None for cycles."""
    makers = {name: node for node in nodes for name in node.outputs if name}
    order, done = list[Node](), dict[int, bool]()
    stack = [(output, False)]
    while stack:
        name, ready = stack.pop()
        node = makers.get(name)
        if node is None or done.get(id(node), False):
            continue
        if ready:
            done[id(node)] = True
            order.append(node)
        elif id(node) in done:
            return None
        else:
            done[id(node)] = False
            stack.append((name, True))
            stack.extend((needed, False) for needed in reversed(node.inputs) if needed)
    return order


def _without_unused(nodes: Sequence[Node], output: str) -> list[Node]:
    """Returns the nodes, where norms whose deviations nothing reads do not give them out."""
    used = {output, *(name for node in nodes for name in node.inputs)}
    return [
        replace(node, outputs=node.outputs[:1], added={**node.added, "deviations": 0})
        if node.added.get("deviations") and node.outputs[1] not in used
        else node
        for node in nodes
    ]
