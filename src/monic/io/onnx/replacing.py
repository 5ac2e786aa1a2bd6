"""Writing an ONNX file again: other numbers in some initialisers, or scales factored out.

Factored, a node y = W x + b with rows [B; M; -DB] becomes y = [B; M] x, (y, -D y_B), + b: the
product is then exact, since no float has to hold it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from monic.errors import UnreadableModel, UnwritableModel
from monic.io.onnx.tensors import array_of
from monic.io.replacing import Pair, same, written
from monic.model.array import Array

if TYPE_CHECKING:
    from onnx import AttributeProto, ModelProto, NodeProto, TensorProto

__all__ = ["Factoring", "factor", "replace_arrays", "save"]

_LIMIT = (1 << 31) - 1  # bytes in a protobuf message


@dataclass(frozen=True, slots=True, eq=False)
class Factoring:
    """A weight whose last rows are -d times its first ones, up to rounding.

    Arguments:
        weight: The weight, as it is in the file.
        scales: (first row, second row, d) for each pair.
    """

    weight: Array
    scales: tuple[tuple[int, int, float], ...]


def replace_arrays(model: "ModelProto", folder: Path, changes: Sequence[Pair]) -> None:
    """Replaces the arrays of a model that have some content, initialisers and constants.

    Raises:
        UnreadableModel: when no array of the file has that content.
    """
    for old, new in changes:
        found = [tensor for tensor in _tensors(model) if _holds(tensor, old, folder)]
        if not found:
            raise UnreadableModel(
                f"Expected the array of shape {old.shape} that was read before. The file holds "
                "none like it by now; run the command again."
            )
        for tensor in found:
            _fill(tensor, new)


def factor(model: "ModelProto", folder: Path, what: Factoring) -> bool:
    """Factors scales out of the one node that uses a weight; False where that cannot be done.

    The rows must be [B; M; -DB] in this order, and the node a Gemm, MatMul, Conv or ConvTranspose
    of one group whose weight is an initialiser that nothing else uses. (Before version 11 of the
    operators, Gemm does not do without biases.)
    """
    graph = model.graph
    stored = [t for t in graph.initializer if _holds(t, what.weight, folder)]
    if len(stored) != 1:
        return False
    users = [node for node in graph.node if stored[0].name in node.input]
    if len(users) != 1 or list(users[0].input).index(stored[0].name) != 1:
        return False
    node, axis = users[0], _rows_axis(users[0])
    if axis is None or not _is_in_order(what, what.weight.shape[axis]):
        return False
    version = max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if node.op_type == "Gemm" and version < 11:
        return False
    names = {tensor.name for tensor in graph.initializer}
    if what.weight.ndim > 2 and len(node.input) > 2 and node.input[2] not in names | {""}:
        return False
    _rewrite(model, node, stored[0], what, axis)
    return True


def save(model: "ModelProto", folder: Path, target: Path) -> None:
    """Checks a model with onnx's own checker and writes it, all data inside.

    Raises:
        UnwritableModel: when it is larger than such a file can be, or cannot be written.
    """
    import onnx

    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            _fill(tensor, array_of(tensor, folder))
    if model.ByteSize() > _LIMIT:
        raise UnwritableModel(
            f"Expected a model below {_LIMIT} bytes. Got {model.ByteSize()}, with all data inside."
        )
    onnx.checker.check_model(model)
    data = model.SerializeToString()

    def write(stream: IO[bytes]) -> None:
        stream.write(data)

    written(target, write)


def _tensors(model: "ModelProto") -> "list[TensorProto]":
    constants = [
        entry.t for node in model.graph.node for entry in node.attribute if entry.HasField("t")
    ]
    return [*model.graph.initializer, *constants]


def _holds(tensor: "TensorProto", array: Array, folder: Path) -> bool:
    return tuple(tensor.dims) == array.shape and same(array_of(tensor, folder), array)


def _fill(tensor: "TensorProto", array: Array) -> None:
    """Puts numbers of the same format and shape into a tensor; its name and notes stay."""
    for name in ("float_data", "int32_data", "int64_data", "double_data", "uint64_data"):
        tensor.ClearField(name)
    tensor.ClearField("external_data")
    tensor.ClearField("data_location")
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    tensor.raw_data = little.tobytes()


def _rows_axis(node: "NodeProto") -> int | None:
    """The axis of the weight along which its rows lie, or None for other nodes."""
    if node.domain not in ("", "ai.onnx"):
        return None
    if node.op_type == "Gemm":
        plain = _number(node, "transA", 0) == 0 and _number(node, "alpha", 1.0) == 1.0
        plain = plain and _number(node, "beta", 1.0) == 1.0
        return (0 if _number(node, "transB", 0) else 1) if plain else None
    if node.op_type == "MatMul":
        return 1
    if _number(node, "group", 1) != 1:
        return None
    return {"Conv": 0, "ConvTranspose": 1}.get(node.op_type)


def _number(node: "NodeProto", name: str, default: float) -> float:
    found: AttributeProto | None = next((a for a in node.attribute if a.name == name), None)
    if found is None:
        return default
    return float(found.f) if found.type == 1 else float(found.i)


def _is_in_order(what: Factoring, rows: int) -> bool:
    count = len(what.scales)
    firsts, seconds = [p[0] for p in what.scales], [p[1] for p in what.scales]
    return firsts == list(range(count)) and seconds == list(range(rows - count, rows))


def _rewrite(
    model: "ModelProto", node: "NodeProto", tensor: "TensorProto", what: Factoring, axis: int
) -> None:
    """node -> node over the first rows, Mul by -d, Concat, and Add of the biases."""
    from onnx import helper, numpy_helper

    rows, count = what.weight.shape[axis], len(what.scales)
    spatial = what.weight.ndim - 2
    name, output = tensor.name, node.output[0]
    bias = node.input[2] if len(node.input) > 2 and node.input[2] else None
    del node.input[2:]
    node.output[0] = f"{output}_first"
    parts: list[NodeProto] = []
    pieces = {"first": slice(0, count), "rest": slice(count, rows - count)}
    for piece, where in pieces.items():
        taken = np.ascontiguousarray(np.take(what.weight, range(rows)[where], axis))
        if not taken.shape[axis]:
            continue
        model.graph.initializer.append(numpy_helper.from_array(taken, f"{name}_{piece}"))
        part = type(node)()
        part.CopyFrom(node)
        part.name = node.name if piece == "first" else f"{node.name}_{piece}"
        part.input[1], part.output[0] = f"{name}_{piece}", f"{output}_{piece}"
        parts.append(part)
    scales = np.array([-d for _, _, d in what.scales], dtype=what.weight.dtype)
    scales = scales.reshape(1, count, *[1] * spatial) if spatial else scales
    model.graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scales"))
    parts.append(
        helper.make_node("Mul", [f"{output}_first", f"{name}_scales"], [f"{output}_second"])
    )
    joined = [part.output[0] for part in parts]
    whole = output if bias is None else f"{output}_whole"
    parts.append(helper.make_node("Concat", joined, [whole], axis=1 if spatial else -1))
    if bias is not None:
        parts.append(_biased(model, whole, bias, output, spatial))
    _put(model, node, parts)
    model.graph.initializer.remove(tensor)
    for port in list(model.graph.input):
        if port.name == name:
            model.graph.input.remove(port)


def _biased(model: "ModelProto", whole: str, bias: str, output: str, spatial: int) -> "NodeProto":
    """Add of the biases; those of a convolution get the shape (1, F, 1, ...)."""
    from onnx import helper

    if spatial:
        tensor = next(t for t in model.graph.initializer if t.name == bias)
        shaped = type(tensor)()
        shaped.CopyFrom(tensor)
        shaped.name = f"{bias}_channels"
        del shaped.dims[:]
        shaped.dims.extend([1, *tensor.dims, *[1] * spatial])
        model.graph.initializer.append(shaped)
        bias = shaped.name
    return helper.make_node("Add", [whole, bias], [output])


def _put(model: "ModelProto", node: "NodeProto", parts: "list[NodeProto]") -> None:
    """Puts nodes in the place of one."""
    nodes = list(model.graph.node)
    at = next(i for i, other in enumerate(nodes) if other is node or other == node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes[:at], *parts, *nodes[at + 1 :]])
