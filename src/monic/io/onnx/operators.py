"""Which operators are read, by which function; and why the others are not."""

from collections.abc import Callable

import numpy as np

from monic.errors import LayerError
from monic.io.onnx import (
    activations,
    affine,
    averages,
    borders,
    convolution,
    joins,
    matrices,
    maxima,
    moves,
    normalization,
    quantization,
    reductions,
    resize,
    shapes,
)
from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands
from monic.io.onnx.refusals import reason
from monic.io.onnx.values import Constant, Operand, Refused, insist_on_examples

__all__ = ["apply", "is_read"]


def apply(node: Node, operands: Operands) -> tuple[Operand, ...]:
    """Returns what a node gives, for operands that are known: all, or its first output.

    Raises:
        Refused: when the node is not supported, or its weights are not.
    """
    if node.objection:
        raise Refused(node.objection)
    if node.op not in _READ:
        raise Refused(reason(node.op))
    try:
        given = _READ[node.op](node, operands)
        found = given if isinstance(given, tuple) else (given,)
        return tuple(g if isinstance(g, Constant) else insist_on_examples(g) for g in found)
    except LayerError as error:
        raise Refused(str(error).rstrip(".")) from None


def is_read(node: Node) -> bool:
    """Returns whether nodes of this kind can be read at all."""
    return node.op in _READ


def _constant(node: Node, operands: Operands) -> Constant:
    if len(node.attributes) != 1:
        raise Refused(f"it gives {len(node.attributes)} values, and one is a constant")
    for key, dtype in _CONSTANTS.items():
        if node.attributes.get(key) is not None:
            array = np.asarray(node.attributes[key], dtype)
            return Constant(array, array.shape)
    raise Refused("it is no dense numeric constant")


_CONSTANTS = {
    "value": None,
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}

_READ: dict[str, Callable[[Node, Operands], Operand | tuple[Operand, ...]]] = {
    "Abs": maxima.absolute,
    "Add": affine.add,
    "AveragePool": averages.average_pool,
    "BatchNormalization": normalization.batch_norm,
    "Cast": shapes.cast,
    "Clip": maxima.clip,
    "Concat": joins.concat,
    "Constant": _constant,
    "ConstantOfShape": shapes.filled,
    "Conv": convolution.conv,
    "ConvTranspose": convolution.conv_transpose,
    "DepthToSpace": moves.depth_to_space,
    "DequantizeLinear": quantization.dequantize,
    "Div": affine.div,
    "Dropout": shapes.dropout,
    "Einsum": matrices.einsum,
    "Elu": activations.elu,
    "Flatten": shapes.flatten,
    "Expand": moves.expand,
    "Gather": moves.gather,
    "GatherND": moves.gather_nd,
    "Gemm": matrices.gemm,
    "GlobalAveragePool": averages.global_average_pool,
    "GlobalMaxPool": maxima.global_max_pool,
    "GroupNormalization": normalization.group_norm,
    "Identity": shapes.identity,
    "InstanceNormalization": normalization.instance_norm,
    "LayerNormalization": normalization.layer_norm,
    "LeakyRelu": activations.leaky_relu,
    "MatMul": matrices.matmul,
    "Max": maxima.maximum,
    "MaxPool": maxima.max_pool,
    "Min": maxima.minimum,
    "Mul": affine.mul,
    "Neg": affine.neg,
    "PRelu": activations.prelu,
    "Pad": borders.pad,
    "RMSNormalization": normalization.rms_norm,
    "ReduceMax": maxima.reduce_max,
    "ReduceMean": reductions.reduce_mean,
    "ReduceMin": maxima.reduce_min,
    "ReduceSum": reductions.reduce_sum,
    "Relu": activations.relu,
    "Reshape": shapes.reshape,
    "Resize": resize.resize,
    "Shape": shapes.shape_of,
    "Sigmoid": activations.sigmoid,
    "Slice": moves.slice_,
    "SpaceToDepth": moves.space_to_depth,
    "Split": moves.split,
    "Squeeze": shapes.squeeze,
    "Sub": affine.sub,
    "Sum": affine.total,
    "Tanh": activations.tanh,
    "Tile": moves.tile,
    "Transpose": shapes.transpose,
    "Unsqueeze": shapes.unsqueeze,
    "Upsample": resize.upsample,
}
