"""Numbers in an ONNX file: attributes of nodes, and tensors."""

import struct
from pathlib import Path

from flint import fmpq, fmpz

from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Attribute
from monic_checker.graph.tensor import Tensor
from monic_checker.onnx import read_tensor
from monic_checker.protobuf import Message, content, messages, number, numbers, signed, text

__all__ = ["attribute_of", "tensor_of"]

_BOOL, _INT32_DATA, _RAW_DATA = 9, 5, 9


def attribute_of(entry: Message, folder: Path) -> Attribute:
    """Returns the value of an attribute, by its type; None for subgraphs and the like.

    Raises:
        NotCompared: when it holds no finite numbers.
    """
    kind = number(entry, 20)
    if kind == 1:
        return _floats(content(entry, 2) or bytes(4))[-1]
    if kind == 2:
        return signed(number(entry, 3))
    if kind == 3:
        return text(entry, 4)
    if kind == 4:
        return next((tensor_of(t, text(entry, 1), folder) for t in messages(entry, 5)), None)
    if kind == 6:
        return _floats(content(entry, 7))
    return tuple(map(signed, numbers(entry, 8))) if kind == 7 else None


def _floats(data: bytes) -> tuple[fmpq, ...]:
    found = struct.unpack(f"<{len(data) // 4}f", data[: len(data) // 4 * 4])
    try:
        return tuple(fmpq(*value.as_integer_ratio()) for value in found)
    except (OverflowError, ValueError):
        raise NotCompared("an attribute is infinite or NaN") from None


def tensor_of(tensor: Message, name: str, folder: Path) -> Tensor:
    """Returns the numbers of a tensor.

    Raises:
        NotCompared: when their format is not known, or they are not finite.
        UnreadableModel: when the tensor is broken.
    """
    if number(tensor, 2) == _BOOL:
        raw = content(tensor, _RAW_DATA)
        values = list(raw) or [value & 1 for value in numbers(tensor, _INT32_DATA)]
        shape = tuple(signed(size) for size in numbers(tensor, 1))
        return Tensor((len(values),), [fmpz(v) for v in values], dtype="bool").reshaped(shape)
    for array in read_tensor(tensor, name, folder):
        return Tensor.of_array(array, tensor.budget)
    raise NotCompared(f"{name[:80]!a} has a number format that is not known")
