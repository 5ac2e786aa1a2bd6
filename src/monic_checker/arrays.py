"""Arrays of a model: their bytes, and the exact numbers that the bytes stand for."""

import hashlib
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from flint import fmpz

from monic_checker.budget import PYTHON, Budget, bits
from monic_checker.vector import Vector

__all__ = ["ITEM_SIZES", "Array", "decode"]

_CODES = {
    "float16": "e",
    "float32": "f",
    "float64": "d",
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
}

#: The number formats, with the bytes that one number takes.
ITEM_SIZES = {name: struct.calcsize("<" + code) for name, code in _CODES.items()} | {"bfloat16": 2}


#: The numbers that are decoded at once, and the bytes that such a number takes meanwhile.
_PIECE, _RATIO = 2**14, 512


@dataclass(frozen=True, slots=True)
class Array:
    """An array of a model, as it lies in memory.

    Arguments:
        name: What the model calls it.
        dtype: One of the names in `ITEM_SIZES`.
        shape: Its shape; () for a single number.
        data: Its little-endian bytes in C order.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @property
    def whole(self) -> bool:
        """Whether there are as many bytes as the shape and the number format say."""
        size = ITEM_SIZES.get(self.dtype)
        return size is not None and len(self.data) == math.prod(self.shape) * size

    @property
    def sha256(self) -> str:
        """The SHA-256 of the bytes, in lower-case hex."""
        return hashlib.sha256(self.data).hexdigest()


def decode(array: Array, budget: Budget) -> Vector:
    """Returns the array's numbers exactly: every finite float is a rational.

    Raises:
        ValueError: when a number is infinite or NaN.
        OverBudget: when the numbers do not fit the budget, written over one denominator.

    Example:
        >>> array = Array("w", "float32", (2,), struct.pack("<2f", 0.5, -3.0))
        >>> decode(array, Budget(10**6, 10**6))
        Vector(entries=[1, -6], denominator=2)
    """
    address = ascii(array.name)
    count = len(array.data) // ITEM_SIZES[array.dtype]
    budget.work(6 * PYTHON * count, address)
    with budget.lease(min(count, _PIECE) * _RATIO, address):
        # every denominator is a power of two, so that the largest is a multiple of all
        if count <= _PIECE:
            part = _piece(array.dtype, array.data)
            denominator = max([q for _, q in part], default=1)
            entries = [fmpz(p * (denominator // q)) for p, q in part]
            budget.spend(count, bits(entries), address)
            return Vector(entries, fmpz(denominator))
        denominator, longest = 1, 0
        for part in _ratios(array):
            denominator = max(denominator, *[q for _, q in part])
            longest = max(longest, *[p.bit_length() - q.bit_length() for p, q in part])
        budget.spend(count, denominator.bit_length() + longest + 1, address)
        entries = [fmpz(p * (denominator // q)) for part in _ratios(array) for p, q in part]
    return Vector(entries, fmpz(denominator))


def _ratios(array: Array) -> Iterator[list[tuple[int, int]]]:
    """Some numbers at a time, each as a pair."""
    step = _PIECE * ITEM_SIZES[array.dtype]
    for start in range(0, len(array.data), step):
        yield _piece(array.dtype, array.data[start : start + step])


def _piece(dtype: str, data: bytes) -> list[tuple[int, int]]:
    """So many numbers as pairs."""
    try:
        return [number.as_integer_ratio() for number in _numbers(dtype, data)]
    except (OverflowError, ValueError):
        raise ValueError("a number is infinite or NaN") from None


def _numbers(dtype: str, data: bytes) -> tuple[int | float, ...]:
    if dtype == "bfloat16":  # the upper half of a float32
        wide = bytearray(2 * len(data))
        wide[2::4], wide[3::4] = data[0::2], data[1::2]
        dtype, data = "float32", bytes(wide)
    return struct.unpack(f"<{len(data) // ITEM_SIZES[dtype]}{_CODES[dtype]}", data)
