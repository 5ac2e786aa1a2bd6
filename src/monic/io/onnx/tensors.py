"""Tensors of an ONNX file as numpy arrays, each in its own format and shape."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monic.errors import UnreadableModel
from monic.io.bfloat16 import bfloat16
from monic.io.onnx.node import short, text
from monic.memory import charge
from monic.model.array import Array

if TYPE_CHECKING:
    from onnx import TensorProto

__all__ = ["array_of"]

_BFLOAT16 = 16
_FORMATS = {
    **{1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?"},
    **{10: "<f2", 11: "<f8", 12: "<u4", 13: "<u8", _BFLOAT16: "<u2"},
}
_LIMIT = 1 << 34  # bytes


def array_of(tensor: "TensorProto", folder: Path) -> Array:
    """Returns the array that a tensor holds, here or in a file beside the model.

    Arguments:
        tensor: The tensor.
        folder: The folder of the model; external data is read from nowhere else.

    Raises:
        UnreadableModel: when the data does not fit the tensor's shape, or lies elsewhere.
    """
    from onnx import TensorProto

    shape = tuple(tensor.dims)
    code = _FORMATS.get(tensor.data_type, "u1")
    needed = math.prod(shape) * np.dtype(code).itemsize
    if any(size < 0 for size in shape) or needed > _LIMIT:
        raise _damaged(tensor, f"it claims the shape {shape}")
    charge(needed, f"the tensor {short(tensor.name)} of shape {shape}")
    if tensor.data_location == TensorProto.EXTERNAL:
        return _from_bytes(tensor, code, _external(tensor, folder, needed))
    if tensor.HasField("raw_data") and tensor.data_type in _FORMATS:
        return _from_bytes(tensor, code, tensor.raw_data)
    return _from_fields(tensor, shape)


def _from_bytes(tensor: "TensorProto", code: str, data: bytes) -> Array:
    if tensor.data_type not in _FORMATS:
        raise _damaged(tensor, "its number format is unknown")
    shape = tuple(tensor.dims)
    needed = math.prod(shape) * np.dtype(code).itemsize
    if len(data) != needed:
        raise _damaged(tensor, f"its shape {shape} takes {needed} bytes and it has {len(data)}")
    try:
        array: Array = np.frombuffer(data, dtype=code).reshape(shape)
    except ValueError as error:  # more dimensions than numpy has
        raise _damaged(tensor, str(error)) from None
    return array.view(bfloat16()) if tensor.data_type == _BFLOAT16 else array


def _from_fields(tensor: "TensorProto", shape: tuple[int, ...]) -> Array:
    """Returns the array of a tensor whose numbers are written one by one."""
    from onnx import numpy_helper

    if tensor.data_type == _BFLOAT16:
        bits = np.array(tensor.int32_data, dtype=np.int64).astype(np.uint16)
        if bits.size != math.prod(shape):
            raise _damaged(tensor, f"its shape {shape} does not fit its {bits.size} numbers")
        return bits.reshape(shape).view(bfloat16())
    try:
        array: Array = np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, KeyError, OverflowError, NotImplementedError) as error:
        raise _damaged(tensor, " ".join(str(error).split())) from None
    if array.shape != shape:
        raise _damaged(tensor, f"its shape {shape} does not fit its {array.size} numbers")
    return array


def _external(tensor: "TensorProto", folder: Path, needed: int) -> bytes:
    """Returns a tensor's bytes from a file beside the model."""
    entries = {text(entry.key): text(entry.value) for entry in tensor.external_data}
    try:
        path = _inside(folder, entries.get("location", ""))
        offset = int(entries.get("offset", "0"))
        if path is None:
            raise _damaged(
                tensor,
                f"its data lies in {short(entries.get('location', ''))}, which is no file beside "
                "the model",
            )
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(_length(entries, needed))
    except (OSError, ValueError, OverflowError) as error:
        raise _damaged(tensor, f"its external data cannot be read: {error}") from None


def _length(entries: Mapping[str, str], needed: int) -> int:
    length = int(entries.get("length", needed))
    if length != needed:
        raise ValueError(f"it claims {length} bytes and takes {needed}")
    return needed


def _inside(folder: Path, location: str) -> Path | None:
    """Returns the file that a location names; None unless it lies in the model's folder."""
    parts = Path(location).parts
    if not parts or Path(location).is_absolute() or ".." in parts or "\\" in location:
        return None
    path = (folder / location).resolve()
    inside = path.is_relative_to(folder.resolve())
    return path if inside and path.is_file() else None


def _damaged(tensor: "TensorProto", why: str) -> UnreadableModel:
    return UnreadableModel(
        f"Expected the tensor {short(tensor.name)} whole. Got one that cannot be read: {why}. "
        "Export the network again, with external_data=False."
    )
