"""The graph of an ONNX file: its nodes in order, its constants, its inputs and outputs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from monic_checker.budget import Budget
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Node
from monic_checker.graph.stored import attribute_of, tensor_of
from monic_checker.graph.tensor import Tensor
from monic_checker.onnx import FORMATS
from monic_checker.protobuf import Message, messages, number, signed, text

__all__ = ["Graph", "Port", "read_graph"]

# the numbers of fields in onnx.proto
_GRAPH, _OPSETS, _FUNCTIONS = 7, 8, 25
_NODE, _INITIALIZER, _INPUT, _OUTPUT = 1, 5, 11, 12
_TAKES, _GIVES, _OP, _ATTRIBUTE, _DOMAIN = 1, 2, 4, 5, 7

_OLDEST, _NEWEST = 7, 28

#: More nodes are no network that could be carried out here.
_NODES = 2**17


@dataclass(frozen=True, slots=True)
class Port:
    """A tensor that goes in or comes out.

    Arguments:
        name: Its name.
        dims: Its sizes, None for those that are not known; None for an unknown shape.
        dtype: Its number format; "" for one that is not known here.
    """

    name: str
    dims: tuple[int | None, ...] | None
    dtype: str


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph.

    Arguments:
        nodes: The nodes that the outputs depend on, each after those that it uses.
        stored: The initialisers, as they lie in the file.
        folder: Where the file lies, for data beside it.
        inputs: The inputs that are no initialisers.
        outputs: The outputs.
    """

    nodes: tuple[Node, ...]
    stored: dict[str, Message]
    folder: Path
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    _read: dict[str, Tensor] = field(default_factory=dict)

    def constant(self, name: str) -> Tensor:
        """Returns an initialiser, decoded once."""
        if name not in self._read:
            self._read[name] = tensor_of(self.stored[name], name, self.folder)
        return self._read[name]


def read_graph(path: Path, budget: Budget) -> Graph:
    """Reads the graph of an ONNX file.

    Raises:
        NotCompared: when it is of a kind that is not carried out here.
        UnreadableModel: when the file is broken.
        OverBudget: when it does not fit the budget.
    """
    budget.hold(path.stat().st_size, ascii(path.name))
    model = Message(memoryview(path.read_bytes()), budget)
    graphs = list(messages(model, _GRAPH))
    if len(graphs) != 1:
        raise NotCompared("the file has no graph")
    if any(text(function, 10) in ("", "ai.onnx") for function in messages(model, _FUNCTIONS)):
        raise NotCompared("the file redefines operators of ONNX")
    [graph], opset = graphs, _opset(model)
    stored = {text(tensor, 8): tensor for tensor in messages(graph, _INITIALIZER)}
    ports = [_port(port) for port in messages(graph, _INPUT)]
    inputs = tuple(port for port in ports if port.name not in stored)
    outputs = tuple(_port(port) for port in messages(graph, _OUTPUT))
    nodes = [_node(node, opset, path.parent) for node in messages(graph, _NODE)]
    known = {*stored, *(port.name for port in inputs)}
    return Graph(_ordered(nodes, outputs, known), stored, path.parent, inputs, outputs)


def _opset(model: Message) -> int:
    pairs = [(text(entry, 1), number(entry, 2)) for entry in messages(model, _OPSETS)]
    found = {version for domain, version in pairs if domain in ("", "ai.onnx")}
    if len(found) != 1 or not _OLDEST <= min(found) <= _NEWEST:
        raise NotCompared(f"its operators are of version {sorted(found)}, not 7 to {_NEWEST}")
    return found.pop()


def _port(port: Message) -> Port:
    """A port; a size is given by a number, and anything else is unknown."""
    for kind in messages(port, 2):
        for tensor in messages(kind, 1):
            dtype = FORMATS.get(number(tensor, 1), "")
            for shape in messages(tensor, 2):
                sizes = [signed(number(dim, 1)) for dim in messages(shape, 1)]
                dims = tuple(size if size > 0 else None for size in sizes)
                return Port(text(port, 1), dims, dtype)
    return Port(text(port, 1), None, "")


def _node(node: Message, opset: int, folder: Path) -> Node:
    domain, op = text(node, _DOMAIN), text(node, _OP)
    return Node(
        op=op if domain in ("", "ai.onnx") else f"{domain}:{op}",
        inputs=tuple(_texts(node, _TAKES)),
        outputs=tuple(_texts(node, _GIVES)),
        attributes={text(a, 1): attribute_of(a, folder) for a in messages(node, _ATTRIBUTE)},
        opset=opset,
    )


def _texts(message: Message, field: int) -> list[str]:
    return [bytes(entry).decode(errors="replace") for entry in messages(message, field)]


def _ordered(nodes: Sequence[Node], outputs: Sequence[Port], known: set[str]) -> tuple[Node, ...]:
    """The nodes that the outputs need, each after those that it uses."""
    if len(nodes) > _NODES:
        raise NotCompared(f"too large: it has {len(nodes)} nodes")
    makers = _makers(nodes, known)
    order: list[Node] = []
    done: dict[int, bool] = {}
    stack = [(port.name, False) for port in reversed(outputs)]
    while stack:
        name, ready = stack.pop()
        if name in known:
            continue
        if name not in makers:
            raise NotCompared(f"nothing gives the tensor {name[:80]!a}")
        place = makers[name]
        if ready and not done[place]:
            done[place] = True
            order.append(nodes[place])
        elif place not in done:
            done[place] = False
            stack.append((name, True))
            stack.extend((needed, False) for needed in reversed(nodes[place].inputs) if needed)
        elif not done[place]:  # it waits for this very tensor
            raise NotCompared(f"the graph has a cycle through {name[:80]!a}")
    return tuple(order)


def _makers(nodes: Sequence[Node], known: set[str]) -> dict[str, int]:
    makers: dict[str, int] = {}
    for place, node in enumerate(nodes):
        for name in filter(None, node.outputs):
            if name in makers or name in known:
                raise NotCompared(f"the tensor {name[:80]!a} is given twice")
            makers[name] = place
    return makers
