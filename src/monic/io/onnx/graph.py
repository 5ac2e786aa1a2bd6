"""The part of an ONNX graph that its output depends on, apart from the file format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monic.errors import UnreadableModel, UnsupportedModel
from monic.io.onnx.admission import admitted
from monic.io.onnx.forms import NEWEST, OLDEST
from monic.io.onnx.node import Attribute, Node, short, text
from monic.io.onnx.rewriting import rewritten
from monic.io.onnx.tensors import array_of
from monic.model.array import Array

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

__all__ = ["Graph", "Port", "graph_of", "port_of"]

#: How files name the domain of ONNX's own operators.
_OWN = ("", "ai.onnx")


@dataclass(frozen=True, slots=True)
class Port:
    """A tensor that the file describes.

    Arguments:
        name: Its name.
        dims: Its sizes, None for those that are not known; None for an unknown shape.
        dtype: Its number format, as ONNX numbers them.
    """

    name: str
    dims: tuple[int | None, ...] | None
    dtype: int


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A graph, pruned to what its output depends on.

    Arguments:
        nodes: The nodes, each after those that it uses.
        arrays: The initialisers that they use.
        inputs: The inputs that are no initialisers.
        output: The name of the output.
    """

    nodes: tuple[Node, ...]
    arrays: Mapping[str, Array]
    inputs: tuple[Port, ...]
    output: str

    def used(self) -> set[str]:
        """Returns the names of all tensors that something needs."""
        return {self.output, *(name for node in self.nodes for name in node.inputs)}


def graph_of(model: "ModelProto", folder: Path) -> Graph:
    """Returns the graph of a model.

    Raises:
        UnreadableModel: when the graph is no graph: names given twice or never, cycles.
        UnsupportedModel: when the graph is too old, or has several outputs.
    """
    graph, opset = model.graph, _opset(model)
    if len(graph.output) != 1:
        names = ", ".join(short(port.name) for port in graph.output)
        raise UnsupportedModel(
            f"Expected a network with one output. Got {len(graph.output)}: {names or 'none'}. "
            "Export the part that gives one of them, or concatenate them."
        )
    stored = _stored(graph)
    inputs = tuple(port_of(port) for port in graph.input if text(port.name) not in stored)
    output = text(graph.output[0].name)
    known = {*stored, *(port.name for port in inputs)}
    order = _order(graph, output, known)
    used = {output, *(name for node in order for name in node.input)}
    arrays = {name: array_of(tensor, folder) for name, tensor in stored.items() if name in used}
    _insist_on_plain_nodes(model, order)
    nodes = [admitted(_node(node, opset, folder)) for node in order]
    nodes = rewritten(nodes, arrays, output)
    return Graph(tuple(nodes), arrays, inputs, output)


def _stored(graph: "GraphProto") -> "dict[str, TensorProto]":
    if graph.sparse_initializer:
        names = ", ".join(short(tensor.values.name) for tensor in graph.sparse_initializer)
        raise UnsupportedModel(f"Expected dense initialisers. Got sparse ones: {names}.")
    stored = {text(tensor.name): tensor for tensor in graph.initializer}
    if len(stored) < len(graph.initializer):
        raise UnreadableModel(
            "Expected initialisers with different names. Got a name twice. Export the network "
            "again."
        )
    return stored


def port_of(port: "ValueInfoProto") -> Port:
    """Returns a tensor's description; sizes that are symbolic, zero or negative are unknown."""
    kind = port.type.tensor_type
    if not kind.HasField("shape"):
        return Port(port.name, None, kind.elem_type)
    sizes = (dim.dim_value if dim.HasField("dim_value") else 0 for dim in kind.shape.dim)
    return Port(port.name, tuple(size if size > 0 else None for size in sizes), kind.elem_type)


def _opset(model: "ModelProto") -> int:
    versions = {entry.version for entry in model.opset_import if entry.domain in _OWN}
    if len(versions) != 1:
        got = ", ".join(map(str, sorted(versions)))
        raise UnreadableModel(
            "Expected a model that names one version of ONNX's operators. Got "
            f"{got or 'none'}. Export it again."
        )
    [version] = versions
    if not OLDEST <= version <= NEWEST:
        raise UnsupportedModel(
            f"Expected operators of a version from {OLDEST} to {NEWEST}. Got {version}. Convert "
            "the file with onnx.version_converter.convert_version(model, 13), or export it in a "
            "version that is known."
        )
    return int(version)


def _insist_on_plain_nodes(model: "ModelProto", nodes: "Sequence[NodeProto]") -> None:
    """Raises UnsupportedModel for operators that the file defines itself under ONNX's names."""
    own = {f.name for f in model.functions if f.domain in _OWN}
    found = sorted({node.op_type for node in nodes if node.domain in _OWN} & own)
    if found:
        raise UnsupportedModel(
            f"Expected ONNX's own operators. Got functions of the file with their names: "
            f"{', '.join(map(short, found))}. Inline them with onnx.inliner."
        )


def _makers(graph: "GraphProto", known: set[str]) -> dict[str, int]:
    """Returns the position of the node that gives each tensor."""
    makers: dict[str, int] = {}
    for position, node in enumerate(graph.node):
        for name in filter(None, map(text, node.output)):
            if name in makers or name in known:
                raise UnreadableModel(
                    f"Expected every tensor to be given once. Got {short(name)} twice. Export "
                    "the network again."
                )
            makers[name] = position
    return makers


def _order(graph: "GraphProto", output: str, known: set[str]) -> "list[NodeProto]":
    """Returns the nodes that the output needs, each after those that it uses."""
    makers, nodes = _makers(graph, known), list(graph.node)
    order: list[NodeProto] = []
    is_done: dict[int, bool] = {}
    stack = [(output, False)]
    while stack:
        name, ready = stack.pop()
        if name not in makers:
            _insist_on_known(name, known)
            continue
        position = makers[name]
        if ready:
            is_done[position] = True
            order.append(nodes[position])
        elif position not in is_done:
            is_done[position] = False
            stack.append((name, True))
            stack.extend((needed, False) for needed in reversed(nodes[position].input) if needed)
        elif not is_done[position]:  # it lies below in the stack, waiting for this very tensor
            raise UnreadableModel(
                f"Expected a graph without cycles. Got one through {short(name)}. Export the "
                "network again."
            )
    return order


def _insist_on_known(name: str, known: set[str]) -> None:
    if name not in known:
        raise UnreadableModel(
            f"Expected every tensor to come from a node, an input or an initialiser. Nothing "
            f"gives {short(name)}. Export the network again."
        )


def _node(node: "NodeProto", opset: int, folder: Path) -> Node:
    own = node.domain in _OWN
    attributes = {text(entry.name): _attribute(entry, folder) for entry in node.attribute}
    if len(attributes) < len(node.attribute):
        raise UnreadableModel(
            f"Expected attributes with different names in {short(node.name)}. Got a name twice. "
            "Export the network again."
        )
    return Node(
        name=text(node.name) or next(filter(None, node.output), ""),
        op=text(node.op_type) if own else f"{text(node.domain)}:{text(node.op_type)}",
        inputs=tuple(map(text, node.input)),
        outputs=tuple(map(text, node.output)),
        attributes=attributes,
        opset=opset,
    )


def _attribute(entry: "AttributeProto", folder: Path) -> Attribute:
    from onnx import AttributeProto

    if entry.ref_attr_name:  # it stands for one of a function that surrounds it
        return None
    if entry.type == AttributeProto.FLOAT:
        return entry.f
    if entry.type == AttributeProto.INT:
        return entry.i
    if entry.type == AttributeProto.FLOATS:
        return tuple(entry.floats)
    if entry.type == AttributeProto.INTS:
        return tuple(entry.ints)
    if entry.type == AttributeProto.STRING:
        return entry.s.decode("utf-8", "replace")
    return array_of(entry.t, folder) if entry.type == AttributeProto.TENSOR else None
