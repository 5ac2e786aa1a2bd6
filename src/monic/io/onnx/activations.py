"""The activations that are read: ReLU, and those that are one-to-one on R."""

import numpy as np

from monic.io.onnx.affine import added, along, channels_first, mul, own_axes, scaled
from monic.io.onnx.maxima import split
from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands, operand, value, weights
from monic.io.onnx.shapes import permuted
from monic.io.onnx.values import Refused, Tensor, literal
from monic.model import Activation

__all__ = ["elu", "leaky_relu", "prelu", "relu", "sigmoid", "tanh"]


def relu(node: Node, operands: Operands) -> Tensor:
    """Y = max(X, 0)."""
    return value(operands, 0).activated(Activation.RELU, node.outputs[0])


def leaky_relu(node: Node, operands: Operands) -> Tensor:
    """Y = X where X >= 0, else alpha X."""
    alpha = node.number("alpha", 0.01)
    first = value(operands, 0)
    if alpha > 0:
        return first.activated(Activation.LEAKY_RELU, node.outputs[0], literal(alpha))
    if alpha == 0:
        return first.activated(Activation.RELU, node.outputs[0])
    positive, negative = split(first, node)
    return added([positive, scaled(negative, -alpha)])


def prelu(node: Node, operands: Operands) -> Tensor:
    """Y = X where X >= 0, else s X with a slope for each entry or channel."""
    first, slopes = value(operands, 0), weights(operand(operands, 1))
    numbers = slopes.array.astype(np.float64)
    if numbers.size == 0 or not np.all(np.isfinite(numbers)):
        raise Refused("its slopes are not finite numbers")
    if numbers.min() <= 0:
        positive, negative = split(first, node)
        return added([positive, scaled(mul(node, [negative, slopes]), -1.0)])
    axes = own_axes(first, slopes)
    if axes is None:
        array = along(first, slopes, grows=False)[0]
        return first.activated(Activation.PRELU, node.outputs[0], array)
    order, back = channels_first(first, axes)
    if order == tuple(sorted(order)):  # nothing moves
        return first.activated(Activation.PRELU, node.outputs[0], slopes.array)
    moved = permuted(first, order).activated(Activation.PRELU, node.outputs[0], slopes.array)
    return permuted(moved.settled(), back)


def elu(node: Node, operands: Operands) -> Tensor:
    """Y = X where X >= 0, else alpha (exp X - 1)."""
    alpha = node.number("alpha", 1.0)
    _insist_on_positive(alpha, "alpha", "write it as Relu")
    return value(operands, 0).activated(Activation.ELU, node.outputs[0], alpha=alpha)


def tanh(node: Node, operands: Operands) -> Tensor:
    """Y = tanh X."""
    return value(operands, 0).activated(Activation.TANH, node.outputs[0])


def sigmoid(node: Node, operands: Operands) -> Tensor:
    """Y = 1 / (1 + exp -X)."""
    return value(operands, 0).activated(Activation.SIGMOID, node.outputs[0])


def _insist_on_positive(number: float, name: str, if_zero: str) -> None:
    if number == 0:
        raise Refused(f"its {name} is 0, so it is no leaky activation; {if_zero}")
    if number < 0:
        raise Refused(f"its {name} is {number:g}, so it is not one-to-one; use a positive one")
