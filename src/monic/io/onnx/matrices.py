"""Matrix products: one matrix for a vector, or for every place along the other axes.

A linear layer on rows (tokens, points of a cloud) acts on the last axis, at every position of the
others by itself. With that axis first it is a convolution with one tap, so that what is known of
convolutions is known of it; nothing is written out, and one row costs as much as a thousand.
"""

import math
from fractions import Fraction

from monic.io.onnx.affine import channels_first, scaled, shifted
from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands, operand, optional, value, weights
from monic.io.onnx.shapes import permuted
from monic.io.onnx.values import Constant, Refused, Value
from monic.model import AffineMap, Convolution, Geometry, Linear, TransposedConvolution
from monic.model.array import Array

__all__ = ["einsum", "gemm", "matmul"]


def gemm(node: Node, operands: Operands) -> Value:
    """Y = alpha A B + beta C with constant B and C (B transposed when transB)."""
    if isinstance(operand(operands, 0), Constant):
        raise Refused("its first factor is a constant; write it as MatMul and Add")
    first, matrix = value(operands, 0), weights(operand(operands, 1))
    if node.integer("transA", 0):
        raise Refused("it transposes its input (transA); write it as MatMul")
    if len(first.shape) != 2:
        raise Refused(f"it takes a tensor of two dimensions. Got the shape {first.shape}")
    result = _along(first, matrix, 1, transposed=not node.integer("transB", 0), name=node.name)
    shift = optional(operands, 2)
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    if shift is None or beta == 0:
        return scaled(result, alpha)
    inner = scaled(result, _quotient(alpha, beta))
    moved = shifted([inner, shift], negative=False)
    if moved.shape != result.shape:
        raise Refused(f"its bias enlarges the shape {result.shape}; store it as one row")
    return scaled(moved, beta)


def matmul(node: Node, operands: Operands) -> Value:
    """Y = X W for rows X, or Y = M X for columns X."""
    if isinstance(operand(operands, 0), Constant):
        column, matrix = value(operands, 1), weights(operand(operands, 0))
        axis = max(len(column.shape) - 2, 0)
        if len(matrix.shape) == 2 and len(column.shape):
            return _along(column, matrix, axis, transposed=False, name=node.name)
        raise Refused(f"it applies the shape {matrix.shape} to {column.shape}; store a matrix")
    first, matrix = value(operands, 0), weights(operand(operands, 1))
    if not first.shape:
        raise Refused("it takes a scalar")
    return _along(first, matrix, len(first.shape) - 1, transposed=True, name=node.name)


def einsum(node: Node, operands: Operands) -> Value:
    """Y = a matrix along one axis of X, written as sums over letters."""
    inputs, arrow, output = node.string("equation", "").replace(" ", "").partition("->")
    terms = inputs.split(",")
    if arrow and len(terms) == len(operands) == 2:
        left, right = operand(operands, 0), operand(operands, 1)
        if isinstance(left, Constant):
            left, right, terms = right, left, terms[::-1]
        found = _summed(node, [left, right], terms, output)
        if found is not None:
            return found
    raise Refused(
        f"its equation {node.string('equation', '')!r} is not read: one letter is summed, which a "
        "matrix and the tensor share; write it with MatMul and Transpose"
    )


def _summed(node: Node, operands: Operands, terms: list[str], output: str) -> Value | None:
    """Returns a matrix along an axis; None for other sums."""
    letters, pair = terms
    shared, new = set(letters) & set(pair), set(pair) - set(letters)
    plain = all(term.isalpha() and len(set(term)) == len(term) for term in (*terms, output))
    if not plain or len(pair) != 2 or len(shared) != 1 or len(new) != 1:
        return None
    [old], [fresh] = shared, new
    order = letters.replace(old, fresh)
    first, matrix = value(operands, 0), weights(operand(operands, 1))
    if sorted(order) != sorted(output) or len(letters) != len(first.shape):
        return None
    transposed = pair[0] == old
    found = _along(first, matrix, letters.index(old), transposed=transposed, name=node.name)
    return permuted(found, [order.index(letter) for letter in output])


def _along(first: Value, matrix: Constant, axis: int, *, transposed: bool, name: str) -> Value:
    """Returns M or M^T applied along an axis of a tensor."""
    if first.lead > 1 and axis == 0:
        raise Refused(f"it mixes the {first.lead} examples of a fixed batch")
    if first.whole and axis > 0 and first.shape[0] > 1:
        raise Refused(f"it applies one matrix to each row of the shape {first.shape}")
    size = first.shape[axis]
    array, transposed = _oriented(matrix, transposed=transposed)
    if first.map.out_dim == size:
        given: AffineMap = Linear(array, first.map, transposed)
        return first.mapped(given, _resized(first, axis, given.out_dim), name)
    order, back = channels_first(first, (axis,))
    moves = order != tuple(sorted(order))
    moved = permuted(first, order) if moves else first
    step = TransposedConvolution if transposed else Convolution
    places = Geometry((size, first.map.out_dim // size))
    given = step(array, moved.map, places)
    rows = given.out_dim // places.spatial[0]
    found = moved.mapped(given, _resized(moved, order.index(axis), rows), name)
    return permuted(found, back) if moves else found


def _resized(first: Value, axis: int, size: int) -> tuple[int, ...]:
    return (*first.shape[:axis], size, *first.shape[axis + 1 :])


def _oriented(matrix: Constant, *, transposed: bool) -> tuple[Array, bool]:
    """Returns the array in the file, be it viewed as its transpose, and whether M^T is meant."""
    array, shape = matrix.array, matrix.shape
    if array.ndim != 2 or len(shape) != 2:
        raise Refused(
            f"its weight has the shape {array.shape}, viewed as {shape}; store it as a matrix"
        )
    if shape == array.shape[::-1] and (matrix.transposed or min(shape) == 1):
        return array, not transposed
    if shape != array.shape:
        raise Refused(f"its weight of shape {array.shape} is reshaped to {shape}; store it so")
    return array, transposed


def _quotient(alpha: float, beta: float) -> float:
    quotient = alpha / beta
    if not math.isfinite(quotient) or Fraction(quotient) * Fraction(beta) != Fraction(alpha):
        raise Refused(
            f"its bias is multiplied by beta = {beta:g}, and alpha / beta is no float; export it "
            "with beta = 1"
        )
    return quotient
