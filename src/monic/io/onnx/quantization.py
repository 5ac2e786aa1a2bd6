"""Quantised weights through their exact scales; rounding of what depends on the input is refused.

A weight scale (integer - zero) is a real number that float64 holds, since float32 scales have 24
bits. Data that are rounded on their way are another matter: all inputs in one cell of the rounding
give the same output, so that no such network is one-to-one on a set with interior.
"""

from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands, operand, optional
from monic.io.onnx.values import Constant, Refused
from monic.model.derived import Dequantized, derive

__all__ = ["dequantize"]


#: From this version on there may be a scale for each channel.
SCALES_OF_CHANNELS = 13


def dequantize(node: Node, operands: Operands) -> Constant:
    """Y = (X - zero) scale for constant integers X."""
    found = operand(operands, 0)
    if not isinstance(found, Constant):
        raise Refused(
            "it takes integers that depend on the input, and so were rounded; export the network "
            "with quantised weights only"
        )
    if node.integer("block_size", 0):
        raise Refused("its scales belong to blocks; export it with one scale, or one a channel")
    integers, scale, zero = found, _stored(operand(operands, 1)), optional(operands, 2)
    if scale.size != 1 and node.opset < SCALES_OF_CHANNELS:
        raise Refused(f"its scale has the shape {scale.shape}, and one number is known here")
    axis, rank = node.integer("axis", 1), len(integers.shape)
    axis = 0 if scale.size == 1 else axis + rank if axis < 0 else axis
    point = None if zero is None else _stored(zero).array
    weights = derive(Dequantized(_stored(integers).array, scale.array, point, axis))
    return Constant(weights, integers.shape)


def _stored(found: object) -> Constant:
    if not isinstance(found, Constant):
        raise Refused("its scale or zero point depends on the input; export fixed ones")
    if found.transposed or found.shape != found.array.shape:
        raise Refused("its integers are reshaped first; store them as they are used")
    return found
