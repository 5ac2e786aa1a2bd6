"""Other number formats: numbers stay as they are, or the graph is not compared."""

from dataclasses import replace

from monic_checker.graph.axes import axis_of
from monic_checker.graph.broadcasting import add, multiply
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Node
from monic_checker.graph.run import Operands, Run
from monic_checker.graph.tensor import Tensor

__all__ = ["TABLE"]

#: The number formats of ONNX, and those that hold all numbers of another.
_FORMATS = {1: "float32", 10: "float16", 11: "float64", 16: "bfloat16"}


_WIDER = {
    "float16": ("float16", "float32", "float64"),
    "bfloat16": ("bfloat16", "float32", "float64"),
    "float32": ("float32", "float64"),
    "float64": ("float64",),
}


_INTEGERS = {2: 8, 3: -8, 4: 16, 5: -16, 6: -32, 7: -64, 12: 32, 13: 64}


def _cast(node: Node, operands: Operands, run: Run) -> Tensor:
    found, to = operands.tensor(0), node.integer("to", 0)
    if found.is_float:
        if _FORMATS.get(to) not in _WIDER[found.dtype]:
            raise NotCompared("it rounds numbers to another format")
        return Tensor(found.shape, found.entries, found.denominator, _FORMATS[to])
    if to in _FORMATS and all(abs(entry) <= 2**8 for entry in found.entries):
        return Tensor(found.shape, found.entries, dtype=_FORMATS[to])
    size = _INTEGERS.get(to, 0)
    low, high = (0, 2**size - 1) if size > 0 else (-(2 ** (-size - 1)), 2 ** (-size - 1) - 1)
    if not size or not all(low <= entry <= high for entry in found.entries):
        raise NotCompared("it casts integers to a format that does not hold them")
    return Tensor(found.shape, found.entries, dtype="int64")


def _dequantize(node: Node, operands: Operands, run: Run) -> Tensor:
    """(q - zero) scale, exactly; one scale, or one for each index along an axis."""
    found, scale, zero = operands.tensor(0), operands.tensor(1), operands.optional(2)
    node.insist("block_size", 0)
    if found.is_float or found.denominator != 1:
        raise NotCompared("it takes numbers that are no integers")
    shape = [1] * len(found.shape)
    if scale.size > 1:
        shape[axis_of(node.integer("axis", 1), len(shape))] = scale.size
    if zero is not None:
        found = add(run, found, zero.reshaped(shape if zero.size > 1 else ()), sign=-1)
    given = multiply(run, found, scale.reshaped(shape if scale.size > 1 else ()))
    return replace(given, dtype=scale.dtype)


TABLE = {
    "Cast": _cast,
    "DequantizeLinear": _dequantize,
}
