"""The evaluation of a graph by the package onnx itself, in Python and numpy, in float64.

All numbers of the graph are written in float64 first, so that two right evaluations are 1e-13
apart where those in float32 would be 1e-4. Where an operator is defined for one format only, the
graph is evaluated as it is.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from monic.io.comparing.evaluator import Deadline, Evaluator, Unevaluated, as_floats
from monic.io.onnx.pools import pools
from monic.model.affine import FloatArray

if TYPE_CHECKING:
    from onnx import AttributeProto, ModelProto, NodeProto, TensorProto

__all__ = ["OnnxReference", "inlined", "input_of", "needed_nodes"]

_DOUBLE = 11
#: ONNX's numbers of the formats float, float16, double and bfloat16.
_FLOATS = (1, 10, 11, 16)
#: From this version on a batch norm says whether it is in training.
_MODES = 14
#: From this version on a group norm says in which format it takes its statistics.
_STASHES = 21


class OnnxReference(Evaluator):
    """`onnx.reference` on a graph.

    Arguments:
        model: The model; it is not changed.
        folder: Where its external data lies.
        shape: The shape of its input.
        widened: Whether all floats are written in float64 first.

    Raises:
        Unevaluated: when the package does not know an operator.
    """

    name = "onnx.reference"

    def __init__(
        self, model: "ModelProto", folder: Path, shape: Sequence[int], *, widened: bool
    ) -> None:
        self.unit = 2.0**-53 if widened else 2.0**-24
        self.careless = 1024 if widened else 16
        self._shape = tuple(shape)
        try:
            whole = inlined(model, folder, widened=widened)
        except Exception as error:  # the reader took the file; numpy_helper may see it otherwise
            raise Unevaluated(f"onnx does not take it: {type(error).__name__}") from None
        self._input, kind = input_of(whole)
        self._dtype = np.dtype(np.float64) if widened else kind
        self._evaluator = _evaluator(whole, _opset(model))

    def tensors(
        self, x: FloatArray, names: Sequence[str], deadline: Deadline
    ) -> Mapping[str, FloatArray]:
        known: dict[str, Any] = {"": None, **self._evaluator.rt_inits_}
        known[self._input] = x.astype(self._dtype).reshape(self._shape)
        wanted = set(names)
        for node in self._evaluator.rt_nodes_:
            deadline.check()
            try:
                with np.errstate(all="ignore"):
                    given = node.run(*(known[name] for name in node.input))
            except Exception as error:  # the package's operators raise errors of many kinds
                reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
                raise Unevaluated(
                    f"onnx.reference fails at {node.op_type}: {reason[:200]}"
                ) from None
            known.update(zip(node.output, given, strict=False))
        return {name: as_floats(known[name]) for name in wanted if name in known}


def _opset(model: "ModelProto") -> int:
    versions = (entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return int(max(versions))


def _evaluator(model: "ModelProto", opset: int) -> Any:
    from onnx.reference import ReferenceEvaluator

    try:
        norms = _corrected() if opset < _MODES else []
        return ReferenceEvaluator(model, new_ops=[*norms, *pools()])
    except Exception as error:  # of an operator that it does not know, for instance
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise Unevaluated(f"onnx.reference does not take it: {reason[:200]}") from None


def _corrected() -> list[Any]:
    """Returns operators that the package has wrong in old versions.

    Before version 14 a batch norm with one output uses the statistics that it is given; the
    package's takes those of its input, since `momentum` always has a value.
    """
    from onnx.reference.op_run import OpRun

    class BatchNormalization(OpRun):
        op_domain = ""

        def _run(
            self, x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, **given: Any
        ) -> Any:
            each = (-1, *(1,) * (x.ndim - 2))
            root = np.sqrt(variance + given["epsilon"]).reshape(each)
            centred = x - mean.reshape(each)
            return (gamma.reshape(each) * centred / root + beta.reshape(each),)

    return [BatchNormalization]


def input_of(model: "ModelProto") -> tuple[str, np.dtype[Any]]:
    """Returns the name and the number format of the one input of a graph."""
    from onnx import helper

    stored = {tensor.name for tensor in model.graph.initializer}
    [port] = [port for port in model.graph.input if port.name not in stored]
    kind = port.type.tensor_type.elem_type
    return port.name, np.dtype(helper.tensor_dtype_to_np_dtype(kind))


def inlined(model: "ModelProto", folder: Path, *, widened: bool) -> "ModelProto":
    """Returns a copy with what the output needs alone, and all data inside."""
    copy = type(model)()
    copy.ir_version = model.ir_version
    copy.opset_import.extend(model.opset_import)
    graph, nodes = model.graph, needed_nodes(model)
    used = {name for node in nodes for name in node.input} | {graph.output[0].name}
    copy.graph.name = "compared"  # that of the file may be no UTF-8
    copy.graph.input.extend(port for port in graph.input if port.name in used)
    copy.graph.output.extend(graph.output)
    for tensor in graph.initializer:
        if tensor.name in used:
            copy.graph.initializer.append(_stored(tensor, folder, widened=widened))
    for node in nodes:
        copy.graph.node.append(_rewritten(node, _opset(model), folder) if widened else node)
    return copy


def needed_nodes(model: "ModelProto") -> "list[NodeProto]":
    """Returns the nodes that the output of a graph depends on, in an order of evaluation."""
    makers = {name: node for node in model.graph.node for name in node.output if name}
    order: list[NodeProto] = []
    seen: set[int] = set()
    stack = [(makers.get(model.graph.output[0].name), False)]
    while stack:
        node, is_ready = stack.pop()
        if node is None:
            continue
        if is_ready:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((makers.get(name), False) for name in node.input)
    return order


def _stored(tensor: "TensorProto", folder: Path, *, widened: bool) -> "TensorProto":
    from onnx import numpy_helper

    array = numpy_helper.to_array(tensor, base_dir=str(folder))
    is_float = tensor.data_type in _FLOATS
    wide = array.astype(np.float64) if is_float and widened else array
    if wide is array and not tensor.external_data:
        return tensor
    return numpy_helper.from_array(np.ascontiguousarray(wide), tensor.name)


def _rewritten(node: "NodeProto", opset: int, folder: Path) -> "NodeProto":
    """Returns a node that gives float64 where it gave other floats."""
    from onnx import helper

    copy = type(node)()
    copy.CopyFrom(node)
    del copy.attribute[:]
    copy.attribute.extend(_attribute(node.op_type, entry, folder) for entry in node.attribute)
    given = {entry.name for entry in node.attribute}
    if node.op_type == "GroupNormalization" and opset >= _STASHES and "stash_type" not in given:
        copy.attribute.append(helper.make_attribute("stash_type", _DOUBLE))
    return copy


def _attribute(op: str, entry: "AttributeProto", folder: Path) -> "AttributeProto":
    from onnx import helper

    if entry.HasField("t"):
        return helper.make_attribute(entry.name, _stored(entry.t, folder, widened=True))
    is_format = (op, entry.name) in (("Cast", "to"), ("GroupNormalization", "stash_type"))
    if is_format and entry.i in _FLOATS:
        return helper.make_attribute(entry.name, _DOUBLE)
    if op == "Constant" and entry.name in ("value_float", "value_floats"):
        numbers = np.array(entry.f if entry.name == "value_float" else list(entry.floats))
        return helper.make_attribute("value", _tensor(numbers))
    return entry


def _tensor(numbers: Any) -> "TensorProto":
    from onnx import numpy_helper

    return numpy_helper.from_array(np.asarray(numbers, dtype=np.float64))
