"""Shapes of tensors that unsupported nodes give: they only make the list of problems complete.

They are what the file says, or what the operator's name tells. ONNX's own inference, which is C++
and aborts the process on some graphs, is asked nothing: the file was refused already.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from monic.io.onnx.graph import port_of
from monic.io.onnx.node import Node
from monic.io.onnx.values import LARGEST, Operand, Shape

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["declared_shapes", "likely_shape"]

#: What these give has the shape of their first operand.
_SAME = frozenset(
    (
        *("Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BatchNormalization", "Cast"),
        *("Ceil", "Celu", "Clip", "Cos", "Cosh", "CumSum", "DequantizeLinear", "Dropout", "Elu"),
        *("Erf", "Exp", "Floor", "Gelu", "GroupNormalization", "HardSigmoid", "HardSwish"),
        *("Hardmax", "Identity", "InstanceNormalization", "LRN", "LayerNormalization"),
        *("LeakyRelu", "Log", "LogSoftmax", "LpNormalization", "MeanVarianceNormalization"),
        *("Mish", "Neg", "PRelu", "QuantizeLinear", "RMSNormalization", "Reciprocal", "Relu"),
        *("Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softmax", "Softplus"),
        *("Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu", "Trilu"),
    )
)

#: What these give has the shape that their operands are broadcast to.
_BROADCAST = frozenset(
    (
        *("Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"),
        *("Max", "Mean", "Min", "Mod", "Mul", "Or", "Pow", "Sub", "Sum", "Where", "Xor"),
    )
)


def declared_shapes(model: "ModelProto") -> dict[str, Shape]:
    """Returns the shapes that a file states by name; an unknown first size is read as 1."""
    shapes: dict[str, Shape] = {}
    for port in map(port_of, (*model.graph.value_info, *model.graph.output)):
        if port.dims is not None and None not in port.dims[1:]:
            sizes = tuple(1 if size is None else size for size in port.dims)
            if math.prod(sizes) <= LARGEST:
                shapes[port.name] = sizes
    return shapes


def likely_shape(node: Node, operands: Sequence[Operand | None]) -> Shape | None:
    """Returns the shape of what a node would give, by the name of its operator; None if unknown.

    Arguments:
        node: The node that is refused.
        operands: What it takes, as far as it is known.
    """
    if not operands or any(one is None for one in operands):
        return None
    known = [one.shape for one in operands if one is not None]
    if node.op in _SAME:
        return known[0]
    try:
        return np.broadcast_shapes(*known) if node.op in _BROADCAST else None
    except ValueError:
        return None
