"""From a graph to a chain of stages, or to the list of everything that is in the way."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from monic.errors import TooLarge
from monic.io.onnx.branches import picked
from monic.io.onnx.graph import Graph, Port
from monic.io.onnx.hints import likely_shape
from monic.io.onnx.node import Node, short
from monic.io.onnx.operators import apply, is_read
from monic.io.onnx.values import (
    LARGEST,
    Constant,
    Operand,
    Refused,
    Shape,
    Source,
    Value,
    insist_on_examples,
    is_permutation,
    stand_in,
)
from monic.model import Activation, Input, Network, Select, Stage

__all__ = ["Reading", "fixed_batch", "read"]

_FLOAT_FORMATS = (1, 10, 11, 16)

#: What would be joined with a residual sum before it, so that the sum ends a stage first.
_BEGINNINGS = frozenset(
    (
        *("AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "Div", "Flatten", "Gemm"),
        *("GlobalAveragePool", "GroupNormalization", "InstanceNormalization"),
        *("LayerNormalization", "MatMul", "Mul", "Pad", "RMSNormalization", "Reshape"),
        *("Squeeze", "Transpose", "Unsqueeze"),
    )
)


@dataclass(slots=True)
class Reading:
    """What came of reading a graph: stages when there are no problems.

    Arguments:
        problems: What is not supported, and why: a pair for each node or other thing.
        network: The network; None when there are problems.
        tensors: What was found about each tensor, in the order of the nodes.
        last: The place after the last activation; None when there are problems.
    """

    problems: list[tuple[str, str]] = field(default_factory=list)
    network: Network | None = None
    tensors: Mapping[str, Operand | None] = field(default_factory=dict)
    last: Source | None = None

    def is_closer_than(self, other: "Reading") -> bool:
        """Returns whether this one has problems in fewer places, all of them places of other."""
        return {where for where, _ in self.problems} < {where for where, _ in other.problems}

    def complaint(self, place: str) -> str:
        """Returns the error message: everything that is not read, and why."""
        count = len(self.problems)
        return (
            f"Expected a chain of affine maps and activations in {place}. Got {count} "
            f"thing{'s' if count > 1 else ''} that monic does not read:"
            + "".join(f"\n  {where}: {why}" for where, why in self.problems)
        )


def fixed_batch(graph: Graph) -> int:
    """Returns the first size of the input where it may count examples; 1 when there is one."""
    dims = graph.inputs[0].dims if graph.inputs else None
    return (dims[0] or 1) if dims is not None and len(dims) > 1 else 1


def read(
    graph: Graph, lead: int, hints: Callable[[], Mapping[str, Shape]], *, whole: bool = False
) -> Reading:
    """Returns the network that a graph is, or every reason why it is not read.

    Arguments:
        graph: The graph.
        lead: The number of examples along axis 0 of the input; 1 reads the input as a whole.
        hints: Gives the shapes of tensors by name, as far as they are stated.
        whole: Whether to refuse matrices that are applied to each row along axis 0.
    """
    reading = Reading()
    known: dict[str, Operand | None] = {
        name: Constant(array, array.shape) for name, array in graph.arrays.items()
    }
    known.update(_inputs(graph, lead, reading.problems, whole=whole))
    used = graph.used()
    readers = _readers(graph)
    for node in graph.nodes:
        likely: Shape | None = None
        try:
            given = _given(node, known, used)
        except Refused as refusal:
            reading.problems.append((node.label, str(refusal)))
            given = None
            likely = likely_shape(node, [known[name] for name in node.inputs if name])
        for name in filter(None, node.outputs):
            shape = hints().get(name, likely if name == node.outputs[0] else None)
            known[name] = _hinted(shape, lead) if given is None else None
        for name, part in zip(node.outputs, given or (), strict=False):
            known[name] = _ended(part, node, readers[name])
    reading.tensors = known
    if not reading.problems:
        _finish(reading, known[graph.output], graph.output)
    return reading


def _readers(graph: Graph) -> Mapping[str, list[str]]:
    """Returns which operators read each tensor, an operator for each time."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for node in graph.nodes:
        for name in node.inputs:
            found[name].append(node.op)
    return found


def _ended(given: Operand, node: Node, readers: Sequence[str]) -> Operand:
    """Returns what a node gives; a residual sum ends a stage of its own where a new one begins.

    So a block x + g(x) is a run of stages with one list of numbers before and after it. Right
    before an activation, or a further sum, the stage goes on. What was activated has ended its
    stage by itself.
    """
    ends = len(readers) > 1 or not _BEGINNINGS.isdisjoint(readers)
    if isinstance(given, Value) and given.joint and ends:
        return given.activated(Activation.IDENTITY, node.outputs[0]).settled()
    return given


def _given(
    node: Node, known: Mapping[str, Operand | None], used: set[str]
) -> tuple[Operand, ...] | None:
    """Returns the outputs of a node; None when what it takes is not known."""
    is_one = not node.added.get("deviations")
    if is_one and any(name in used for name in node.outputs[1:] if name):
        raise Refused("more than its first output is used")
    operands = [known[name] if name else None for name in node.inputs]
    unknown = any(name and known[name] is None for name in node.inputs)
    return None if unknown and is_read(node) else apply(node, operands)


def _hinted(shape: Shape | None, lead: int) -> Operand | None:
    if shape is None or math.prod(shape) > LARGEST or (lead > 1 and shape[:1] != (lead,)):
        return None
    return stand_in(shape, lead, _FLOAT_FORMATS[0])


def _inputs(
    graph: Graph, lead: int, problems: list[tuple[str, str]], *, whole: bool
) -> dict[str, Operand | None]:
    if len(graph.inputs) != 1:
        names = ", ".join(short(port.name) for port in graph.inputs)
        problems.append(("the inputs", f"one is read, and there are {names or 'none'}"))
        return {port.name: None for port in graph.inputs}
    port = graph.inputs[0]
    try:
        return {port.name: replace(_input(port, lead), whole=whole)}
    except (Refused, TooLarge) as refusal:
        problems.append((f"the input {short(port.name)}", str(refusal)))
        return {port.name: None}


def _input(port: Port, lead: int) -> Value:
    if port.dims is None or None in port.dims[1:] or port.dims == (None,):
        raise Refused("its sizes are not known, apart from the batch; export it with fixed sizes")
    if port.dtype not in _FLOAT_FORMATS:
        raise Refused("it does not hold floats; ask about the network after its first float map")
    shape = tuple(1 if size is None else size for size in port.dims)
    value = stand_in(shape, lead, port.dtype)
    start = Source(value.source.start)
    insist_on_examples(value)
    return replace(value, source=start)


def _finish(reading: Reading, output: Operand | None, name: str) -> None:
    if isinstance(output, Constant) or output is None:
        reading.problems.append((f"the output {short(name)}", "it does not depend on the input"))
        return
    last = output.settled()
    reading.last = last.source
    stages = last.source.stages()
    if stages and isinstance(last.map, Select) and _only_permutes(last, stages[-1]):
        # back before the activation that it passed
        stages[-1] = replace(stages[-1], map=picked(stages[-1].map, last.map.places))
        last = last.at(last.source, last.source.start)
    if not stages or not isinstance(last.map, Input):
        stages.append(Stage(last.name or name, last.map, Activation.IDENTITY))
    reading.network = Network(_with_unique_names(stages))


def _only_permutes(last: Value, stage: Stage) -> bool:
    """Whether what follows a stage of single numbers is a permutation of them."""
    plain = stage.slope is None and stage.norm is None and not stage.carried
    return plain and is_permutation(last.map) and last.map.of is last.source.start


def _with_unique_names(stages: list[Stage]) -> list[Stage]:
    taken: set[str] = set()
    named: list[Stage] = []
    for stage in stages:
        name, count = stage.name, 1
        while name in taken:
            count += 1
            name = f"{stage.name}_{count}"
        taken.add(name)
        named.append(replace(stage, name=name))
    return named
