"""What a node takes: its operands, each of the kind that the node can do with."""

from collections.abc import Sequence

from monic.io.onnx.node import Node
from monic.io.onnx.values import Constant, Operand, Refused, Shape, Value

__all__ = [
    "Operands",
    "axes",
    "insist_on_axes",
    "integers",
    "operand",
    "optional",
    "value",
    "weights",
]

#: The operands of a node, in order; None stands for an optional one that is left out.
Operands = Sequence[Operand | None]


def operand(operands: Operands, index: int) -> Operand:
    """Returns an operand that must be there."""
    found = optional(operands, index)
    if found is None:
        raise Refused(f"its input {index} is missing")
    return found


def optional(operands: Operands, index: int) -> Operand | None:
    """Returns an operand that may be left out."""
    return operands[index] if index < len(operands) else None


def value(operands: Operands, index: int) -> Value:
    """Returns an operand that must depend on the input, after its activation."""
    found = operand(operands, index)
    if isinstance(found, Constant):
        raise Refused("it takes constants only; fold constants before exporting")
    return found.settled()


def weights(constant: Operand) -> Constant:
    """Returns an operand that must be a constant of floats."""
    if not isinstance(constant, Constant):
        raise Refused(
            "it combines two tensors that depend on the input; only Add, Max and Concat are read"
        )
    if not constant.is_float:
        raise Refused(f"its constant holds {constant.array.dtype.name}; export it as float32")
    return constant


def axes(operands: Operands, node: Node, index: int = 1) -> tuple[int, ...] | None:
    """Returns integers that are an attribute `axes` in old files and an input in newer ones."""
    found = optional(operands, index)
    return node.integers("axes") if found is None else integers(found)


def insist_on_axes(axes: Sequence[int], shape: Shape) -> None:
    """Raises Refused for axes that are not there, or named twice."""
    rank = len(shape)
    if any(not -rank <= axis < rank for axis in axes):
        raise Refused(f"its axes {tuple(axes)} do not exist in the shape {shape}")
    if len({axis % rank for axis in axes}) < len(axes):
        raise Refused(f"its axes {tuple(axes)} name an axis of the shape {shape} twice")


def integers(found: Operand) -> tuple[int, ...]:
    """Returns the entries of a constant of integers.

    Raises:
        Refused: when it is computed from the input, or holds no integers.
    """
    if not isinstance(found, Constant) or not found.is_integer:
        raise Refused("its shape or axes are no constant integers; export with fixed shapes")
    entries: list[int] = found.flat().tolist()
    if any(abs(entry) >> 62 for entry in entries):
        raise Refused("its shape or axes hold absurd numbers")
    return tuple(entries)
