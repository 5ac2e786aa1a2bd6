"""Arrays of an ONNX file: initialisers and constants. The graph itself is not interpreted."""

import math
from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from monic_checker.arrays import ITEM_SIZES, Array
from monic_checker.budget import Budget
from monic_checker.errors import UnreadableModel
from monic_checker.external import external
from monic_checker.protobuf import Message, content, messages, number, numbers, signed, text

__all__ = ["FORMATS", "read_onnx", "read_tensor"]

#: TensorProto.DataType, as far as proofs can name the number formats.
FORMATS = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
}

# the numbers of fields in onnx.proto
_MODEL_GRAPH, _GRAPH_NODE, _GRAPH_INITIALIZER = 7, 1, 5
_NODE_OUTPUT, _NODE_OP_TYPE, _NODE_ATTRIBUTE = 2, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_TENSOR = 1, 5
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA, _DATA_LOCATION = 1, 2, 8, 9, 14
_FLOAT_DATA, _INT32_DATA, _INT64_DATA, _DOUBLE_DATA, _UINT64_DATA = 4, 5, 7, 10, 11

#: Where a tensor without raw data has its numbers; the short formats share int32_data.
_TYPED_DATA = {
    "float32": _FLOAT_DATA,
    "float64": _DOUBLE_DATA,
    "int64": _INT64_DATA,
    "uint32": _UINT64_DATA,
    "uint64": _UINT64_DATA,
}

#: The attributes of a Constant node that are plain numbers: field, number format, dimensions.
_PLAIN_ATTRIBUTES = {
    "value_float": (2, "float32", 0),
    "value_floats": (7, "float32", 1),
    "value_int": (3, "int64", 0),
    "value_ints": (8, "int64", 1),
}

_DIMENSIONS = 64


def read_onnx(path: Path, budget: Budget) -> Iterator[Array]:
    """Yields the initialisers of an ONNX file's graph, and the values of its Constant nodes.

    Arguments:
        path: The file; external data is read from files beside it only.

    Raises:
        UnreadableModel: when the file is broken, or points to data elsewhere.
        OSError: when a file cannot be opened.
    """
    with budget.lease(path.stat().st_size, ascii(path.name)):
        for graph in messages(Message(memoryview(path.read_bytes()), budget), _MODEL_GRAPH):
            for tensor in messages(graph, _GRAPH_INITIALIZER):
                yield from read_tensor(tensor, text(tensor, _NAME), path.parent)
            for node in messages(graph, _GRAPH_NODE):
                if text(node, _NODE_OP_TYPE) == "Constant":
                    yield from _constant(node, path.parent)


def _constant(node: Message, folder: Path) -> Iterator[Array]:
    name = text(node, _NODE_OUTPUT)
    for attribute in messages(node, _NODE_ATTRIBUTE):
        key = text(attribute, _ATTRIBUTE_NAME)
        if key == "value":
            for tensor in messages(attribute, _ATTRIBUTE_TENSOR):
                yield from read_tensor(tensor, name, folder)
        elif key in _PLAIN_ATTRIBUTES:
            field, dtype, dimensions = _PLAIN_ATTRIBUTES[key]
            data = _typed_data(attribute, field, dtype)
            size = ITEM_SIZES[dtype]
            shape = (len(data) // size,) if dimensions else ()
            if not dimensions:
                data = data or bytes(size)  # a field that is not there is 0
            if len(data) != math.prod(shape) * size:
                raise UnreadableModel(ascii(name), f"expected {dtype} numbers as the {key}")
            yield Array(name, dtype, shape, data)


def read_tensor(tensor: Message, name: str, folder: Path) -> Iterator[Array]:
    """Yields the array of a TensorProto; nothing for number formats that no proof can name.

    Raises:
        UnreadableModel: when it is broken, or its data lies elsewhere.
        OverBudget: when it does not fit the budget.
        OSError: when a file beside it cannot be opened.
    """
    dtype = FORMATS.get(number(tensor, _DATA_TYPE))
    dims = islice(numbers(tensor, _DIMS), _DIMENSIONS + 1)
    shape = tuple(signed(dim) for dim in dims)
    if dtype is None:
        return
    if len(shape) > _DIMENSIONS or any(dim < 0 for dim in shape):
        raise UnreadableModel(ascii(name), "expected a shape")
    size = math.prod(shape) * ITEM_SIZES[dtype]
    if number(tensor, _DATA_LOCATION) == 1:
        take, length = external(tensor, name, folder, size), size
    else:
        take, length = partial(_own_data, tensor, dtype), min(size, len(tensor))
    with tensor.budget.lease(length, ascii(name)):
        data = take()
        if len(data) != size:
            found = f"expected {size} bytes of numbers. Got {len(data)}"
            raise UnreadableModel(ascii(name), found)
        yield Array(name, dtype, shape, data)


def _own_data(tensor: Message, dtype: str) -> bytes:
    """The bytes of a tensor whose numbers lie in the file itself."""
    raw = deque(messages(tensor, _RAW_DATA), maxlen=1)
    if raw:
        return bytes(raw[-1])
    return _typed_data(tensor, _TYPED_DATA.get(dtype, _INT32_DATA), dtype)


def _typed_data(message: Message, field: int, dtype: str) -> bytes:
    """The numbers of a repeated field as bytes; floats lie there as such, integers as varints."""
    if dtype in ("float32", "float64"):
        return content(message, field)
    item, found = ITEM_SIZES[dtype], bytearray()
    mask = 256**item - 1
    with message.budget.lease(2 * item * len(message), "protobuf"):
        for value in numbers(message, field):
            found += (value & mask).to_bytes(item, "little")
        return bytes(found)
