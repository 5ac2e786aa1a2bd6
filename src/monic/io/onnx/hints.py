"""Shapes of tensors that unsupported nodes give: they only make the list of problems complete."""

from typing import TYPE_CHECKING

from monic.io.onnx.graph import port_of
from monic.io.onnx.values import Shape

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["shapes_of"]


def shapes_of(model: "ModelProto") -> dict[str, Shape]:
    """Returns the shapes that ONNX's own inference finds; an unknown first size is read as 1.

    Nothing that is accepted rests on them: they are asked for when a node was already refused.
    """
    from onnx import helper, shape_inference

    try:
        known = {entry.domain for entry in model.opset_import}
        foreign = {node.domain for node in model.graph.node} - known - {"", "ai.onnx"}
        copy = type(model).FromString(model.SerializeToString())
        copy.opset_import.extend(helper.make_opsetid(domain, 1) for domain in sorted(foreign))
        inferred = shape_inference.infer_shapes(copy)
        ports = [port_of(value) for value in inferred.graph.value_info]
    except Exception:  # inference is a help, and raises errors of many kinds
        return {}
    shapes: dict[str, Shape] = {}
    for port in ports:
        if port.dims is not None and None not in port.dims[1:]:
            shapes[port.name] = tuple(1 if size is None else size for size in port.dims)
    return shapes
