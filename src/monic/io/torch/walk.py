"""The walk through an exported program: its graph in ONNX's operators, constants folded."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.utils import _pytree as pytree

from monic.errors import UnsupportedModel
from monic.io.onnx.graph import Graph, Port
from monic.io.onnx.node import Node
from monic.io.onnx.rewriting import rewritten
from monic.io.onnx.values import Refused, Shape
from monic.io.torch import moves
from monic.io.torch.arrays import CODES
from monic.io.torch.linear import LINEAR
from monic.io.torch.moments import MOMENTS
from monic.io.torch.normalization import NORMALIZATION
from monic.io.torch.pointwise import POINTWISE
from monic.io.torch.tape import OPSET, Call, Tape, Traced
from monic.io.torch.windows import WINDOWS

__all__ = ["Walked", "needed_nodes", "stored_tensors", "walked"]

_STORED = (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR)

_WRITERS: dict[str, Callable[[Call], str | tuple[str, ...]]] = {
    **POINTWISE,
    **LINEAR,
    **WINDOWS,
    **NORMALIZATION,
    **MOMENTS,
    **dict.fromkeys(moves.PADS, moves.pad),
    **dict.fromkeys(("cat", "concat", "concatenate"), moves.cat),
    "stack": moves.stack,
}


@dataclass(frozen=True, slots=True)
class Walked:
    """A module's graph in ONNX's operators, and how to speak about it.

    Arguments:
        graph: The graph.
        shapes: The shapes of its tensors by name.
        labels: What its nodes are called in error messages, by their labels.
        names: The nodes of the program that give its tensors.
    """

    graph: Graph
    shapes: Mapping[str, Shape]
    labels: Mapping[str, str]
    names: Mapping[str, str]


def walked(program: ExportedProgram) -> Walked:
    """Returns the graph of an exported program in ONNX's operators.

    What depends on parameters and buffers alone is computed by torch, once: the weights in force
    under weight or spectral norm, say. All other arrays are the module's own, untouched.

    Raises:
        UnsupportedModel: when there is not one input and one output.
        Refused: when the output is a tensor that monic does not read.
    """
    walk = _Walk(program)
    for node in needed_nodes(program):
        walk.visit(node)
    return walk.finished(_output(program))


def needed_nodes(program: ExportedProgram) -> list[fx.Node]:
    """Returns the nodes that the output depends on, and all inputs, in order."""
    return _needed(program.graph, _output(program))


def stored_tensors(program: ExportedProgram) -> dict[str, Tensor]:
    """Returns the parameters, buffers and constants of a program by the names of its inputs."""
    return {
        spec.arg.name: _stored(program, spec.target)
        for spec in program.graph_signature.input_specs
        if spec.kind in _STORED and spec.target is not None
    }


class _Walk:
    """The state of the walk: what is known about each node, and the tape."""

    def __init__(self, program: ExportedProgram) -> None:
        self.tensors = stored_tensors(program)
        self.tape = Tape(self.tensors)
        self.known: dict[fx.Node, Any] = {}
        self.shapes: dict[str, Shape] = {}
        self.inputs: list[Port] = []

    def visit(self, node: fx.Node) -> None:
        """Finds what a node gives."""
        if node.op == "placeholder":
            self.known[node] = self._placeholder(node)
        elif node.op == "call_function":
            self.known[node] = self._called(node)

    def finished(self, output: fx.Node) -> Walked:
        """Returns the result."""
        last = self.known[output]
        name = last.name if isinstance(last, Traced) else self.tape.constant(last)
        nodes = rewritten(self.tape.nodes, self.tape.arrays, name)
        graph = Graph(tuple(nodes), self.tape.arrays, tuple(self.inputs), name)
        found = ((node, value) for node, value in self.known.items())
        names = {value.name: node.name for node, value in found if isinstance(value, Traced)}
        return Walked(graph, self.shapes, self.tape.labels, names)

    def _placeholder(self, node: fx.Node) -> Any:
        if node.name in self.tensors:
            return self.tensors[node.name]
        value = node.meta["val"]
        traced = Traced(node.name, tuple(value.shape), value.dtype)
        self.inputs.append(Port(traced.name, traced.shape, CODES.get(traced.dtype, 0)))
        return traced

    def _called(self, node: fx.Node) -> Any:
        given = pytree.tree_map(self._of, (node.args, dict(node.kwargs)))
        if node.target is operator.getitem and given[0][0][given[0][1]] is not None:
            return given[0][0][given[0][1]]
        traced = [leaf for leaf in pytree.tree_leaves(given) if isinstance(leaf, Traced)]
        call = self._call(node, *given)
        try:
            if not traced:
                return _folded(node, *given)
            found = self._results(node, _written(call, node.target))
            _insist_on_all_bits(traced, found)
            return found
        except Refused as refusal:
            return self._refused(node, call, traced, str(refusal))

    def _of(self, leaf: Any) -> Any:
        return self.known.get(leaf) if isinstance(leaf, fx.Node) else leaf

    def _call(self, node: fx.Node, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
        stack = list(node.meta.get("nn_module_stack", {}).values())
        path = stack[-1][0] if stack else ""
        shape, dtype = _described(node)
        named = _by_name(node.target, args, kwargs)
        op = _operator(node.target)
        return Call(self.tape, op, node.name, path or node.name, named, shape, dtype)

    def _results(self, node: fx.Node, names: str | tuple[str, ...]) -> Any:
        values = node.meta["val"]
        if isinstance(values, Tensor):
            assert isinstance(names, str), "one tensor has one name"
            return self._traced(names, values)
        given = (names,) if isinstance(names, str) else names
        padded = [*given, *[None] * (len(values) - len(given))]
        pairs = zip(padded, values, strict=True)
        return tuple(None if n is None else self._traced(n, v) for n, v in pairs)

    def _traced(self, name: str, value: Tensor) -> Traced:
        if value.numel() > 0:
            self.shapes[name] = tuple(value.shape)
        return Traced(name, tuple(value.shape), value.dtype)

    def _refused(self, node: fx.Node, call: Call, traced: list[Traced], why: str) -> Any:
        """Writes a node that the reader will refuse, so that all problems are found at once."""
        names = tuple(leaf.name for leaf in traced)
        values = node.meta["val"]
        count = 1 if isinstance(values, Tensor) else len(values)
        outputs = tuple(f"{call.name}:refused:{k}" for k in range(count))
        label = f"{call.path} ({call.op})"
        for output in outputs:
            node_of_torch = Node(call.path, f"torch:{call.op}", names, (output,), {}, OPSET)
            self.tape.write(node_of_torch.refused(why), label)
        return self._results(node, outputs[0] if count == 1 else outputs)


def _written(call: Call, target: Any) -> str | tuple[str, ...]:
    if call.op in moves.RESHAPES:
        return call.reshaped(next(v for v in call.given.values() if isinstance(v, Traced)))
    if call.op in moves.TRANSPOSES:
        return moves.transposed(call, target)
    if call.op in moves.MOVES:
        return moves.moved(call, target)
    if call.op not in _WRITERS:
        raise Refused(
            "this operator of torch is not read; write it with linear layers, convolutions, "
            "cat, sums and activations"
        )
    return _WRITERS[call.op](call)


def _insist_on_all_bits(taken: Sequence[Traced], given: Any) -> None:
    """Raises Refused for results in a format that does not hold every number that was taken."""
    for result in pytree.tree_leaves(given):
        for part in taken if isinstance(result, Traced) else ():
            if torch.promote_types(part.dtype, result.dtype) is not result.dtype:
                raise Refused(
                    f"it rounds {part.dtype} to {result.dtype}; keep the numbers in one format"
                )


def _folded(node: fx.Node, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Returns what an operator gives for constants."""
    target: Any = node.target
    if torch.Tag.nondeterministic_seeded in getattr(target, "tags", ()):
        raise Refused("it is random; only modules that always compute the same are read")
    if not isinstance(target, torch._ops.OpOverload):
        raise Refused("control flow is not read; export one branch")
    with torch.no_grad():
        return target(*args, **kwargs)


def _by_name(target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of an operator by name, left-out ones with their defaults."""
    schema = getattr(target, "_schema", None)
    if schema is None:
        return {str(k): argument for k, argument in enumerate(args)} | dict(kwargs)
    named = {a.name: a.default_value for a in schema.arguments if a.has_default_value()}
    named |= {a.name: given for a, given in zip(schema.arguments, args, strict=False)}
    named |= dict(kwargs)
    return {a.name: named[a.name] for a in schema.arguments if a.name in named}


def _operator(target: Any) -> str:
    """Returns the name of an operator without its overload."""
    schema = getattr(target, "_schema", None)
    name = str(getattr(target, "__name__", target)) if schema is None else str(schema.name)
    return name.removeprefix("aten::")


def _described(node: fx.Node) -> tuple[Shape, torch.dtype]:
    """Returns the shape and format of the first tensor that a node gives.

    Raises:
        UnsupportedModel: when they depend on the data.
    """
    value = node.meta.get("val")
    first = next((v for v in pytree.tree_leaves(value) if isinstance(v, Tensor)), None)
    shape = (None,) if first is None else tuple(first.shape)
    if first is None or not all(isinstance(size, int) for size in shape):
        raise UnsupportedModel(
            "Expected a module whose graph is the same for all inputs. Got a node that depends on "
            f"the numbers: {node.name} ({_operator(node.target)}). Load the parts before it."
        )
    return tuple(first.shape), first.dtype


def _stored(program: ExportedProgram, target: str) -> Tensor:
    found = program.state_dict.get(target)
    tensor = program.constants[target] if found is None else found
    assert isinstance(tensor, Tensor), "parameters and buffers are tensors"
    return tensor


def _output(program: ExportedProgram) -> fx.Node:
    """Returns the node that gives the module's one output."""
    specs = program.graph_signature.output_specs
    places = [k for k, spec in enumerate(specs) if spec.kind is OutputKind.USER_OUTPUT]
    [last] = [node for node in program.graph.nodes if node.op == "output"]
    found = [last.args[0][k] for k in places]
    if len(found) != 1 or not isinstance(found[0], fx.Node):
        raise UnsupportedModel(
            f"Expected a module that returns one tensor. Got {len(found)} results. Write a module "
            "that returns one of them, or concatenates them."
        )
    return found[0]


def _needed(graph: fx.Graph, output: fx.Node) -> list[fx.Node]:
    """Returns the nodes that the output depends on, and all inputs, in order."""
    needed, stack = {output}, [output]
    while stack:
        for node in stack.pop().all_input_nodes:
            if node not in needed:
                needed.add(node)
                stack.append(node)
    return [n for n in graph.nodes if n in needed or n.op == "placeholder"]
