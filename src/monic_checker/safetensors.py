"""Arrays in the safetensors format: a length, a header in JSON, and the numbers."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from monic_checker.arrays import ITEM_SIZES, Array
from monic_checker.budget import Budget
from monic_checker.document import charge_json
from monic_checker.errors import UnreadableModel

__all__ = ["read_safetensors"]

#: The format's own limit.
_HEADER_LIMIT = 100_000_000

_DIMENSIONS = 64

_DTYPES = {
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
}


class _Entry(NamedTuple):
    """Where one array lies, behind the header, and what it is."""

    begin: int
    end: int
    name: str
    dtype: str
    shape: tuple[int, ...]


def read_safetensors(path: Path, budget: Budget) -> Iterator[Array]:
    """Yields the arrays of a safetensors file.

    Raises:
        UnreadableModel: when the file breaks the rules of the format.
        OverBudget: when the header, or an array, does not fit the budget.
        OSError: when it cannot be opened.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        start, header = _read_header(stream, path, size, budget)
        end = 0  # no overlaps and no holes, so that small files hold few numbers
        for entry in sorted(_entry(name, value) for name, value in header.items()):
            if entry.begin != end or entry.end < end or start + entry.end > size:
                raise UnreadableModel(ascii(entry.name), "expected its bytes after the last ones")
            end = entry.end
            dtype = _DTYPES.get(entry.dtype)
            if dtype is None:
                continue
            if math.prod(entry.shape) * ITEM_SIZES[dtype] != end - entry.begin:
                raise UnreadableModel(ascii(entry.name), "its bytes do not fit its shape")
            stream.seek(start + entry.begin)
            with budget.lease(end - entry.begin, ascii(entry.name)):
                yield Array(entry.name, dtype, entry.shape, stream.read(end - entry.begin))


def _read_header(
    stream: BinaryIO, path: Path, size: int, budget: Budget
) -> tuple[int, dict[str, object]]:
    """Returns where the numbers begin, and the header."""
    length = int.from_bytes(stream.read(8), "little")
    if length > _HEADER_LIMIT:
        raise UnreadableModel(ascii(path.name), "expected a safetensors file")
    budget.hold(min(length, size), "the header")  # before it is known what it becomes
    text = stream.read(length)
    charge_json(text, budget, "the header")
    try:
        header = json.loads(str(text, "utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnreadableModel(ascii(path.name), f"broken header: {error!a:.200}") from None
    if not isinstance(header, dict):
        raise UnreadableModel(ascii(path.name), "expected an object as the header")
    header.pop("__metadata__", None)
    return 8 + length, header


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return table


def _entry(name: str, value: object) -> _Entry:
    if not isinstance(value, dict):
        raise UnreadableModel(ascii(name), "expected an object for each array")
    offsets = _naturals(name, value.get("data_offsets"))
    if len(offsets) != 2:
        raise UnreadableModel(ascii(name), "expected two data_offsets")
    shape = _naturals(name, value.get("shape"))
    return _Entry(offsets[0], offsets[1], name, str(value.get("dtype")), shape)


def _naturals(name: str, value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > _DIMENSIONS:
        raise UnreadableModel(ascii(name), "expected a shape and data_offsets")
    if not all(type(entry) is int and 0 <= entry < 2**63 for entry in value):
        raise UnreadableModel(ascii(name), "expected a shape and data_offsets of whole numbers")
    return tuple(value)
