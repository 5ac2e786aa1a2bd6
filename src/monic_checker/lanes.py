"""What holds of all numbers of an array, seen in their bits: nothing is decoded.

The bytes of some thousand numbers are one long integer, and each number is a *lane* of it, of as
many bits as its format has. Masks, one addition and a look at the highest bit of every lane tell
what holds of all of them at once. No addition carries from one lane into the next: in each of
them the terms add up to less than 2^bits.
"""

from collections.abc import Iterator
from functools import lru_cache

from monic_checker.arrays import ITEM_SIZES, Array

__all__ = ["all_finite", "all_nonzero", "all_positive"]

#: The bytes that are looked at together.
_PIECE = 2**16

#: The bits of the fraction of a float, below those of its exponent.
_FRACTIONS = {"float16": 10, "bfloat16": 7, "float32": 23, "float64": 52}


def all_finite(array: Array) -> bool:
    """Returns whether no number is infinite or NaN: their exponents alone have ones only.

    Example:
        >>> import struct
        >>> all_finite(Array("w", "float32", (2,), struct.pack("<2f", 1.0, float("inf"))))
        False
    """
    fraction = _FRACTIONS.get(array.dtype)
    if fraction is None:
        return True
    bits = 8 * ITEM_SIZES[array.dtype]
    for lanes, count in _pieces(array):
        exponents, units, tops = _float_masks(fraction, bits, count)
        if ((lanes & exponents) + units) & tops:
            return False
    return True


def all_nonzero(array: Array) -> bool:
    """Returns whether no number is 0 (nor -0).

    Example:
        >>> import struct
        >>> all_nonzero(Array("w", "float32", (2,), struct.pack("<2f", 1.0, -0.0)))
        False
    """
    bits, signed_zero = 8 * ITEM_SIZES[array.dtype], array.dtype in _FRACTIONS
    top = 1 << (bits - 1)
    for lanes, count in _pieces(array):
        tops, rest = _all(top, bits, count), _all(top - 1, bits, count)
        marks = (lanes & rest) + rest  # the highest bit of each lane whose other bits are not 0
        if not signed_zero:
            marks |= lanes
        if marks & tops != tops:
            return False
    return True


def all_positive(array: Array) -> bool:
    """Returns whether every number is greater than 0, for finite numbers.

    Example:
        >>> import struct
        >>> all_positive(Array("w", "int8", (2,), struct.pack("<2b", 3, -1)))
        False
    """
    if not all_nonzero(array):
        return False
    if array.dtype.startswith("uint"):
        return True
    bits = 8 * ITEM_SIZES[array.dtype]
    top = 1 << (bits - 1)
    return not any(lanes & _all(top, bits, count) for lanes, count in _pieces(array))


def _pieces(array: Array) -> Iterator[tuple[int, int]]:
    """Yields some numbers as one integer, and how many they are."""
    size = ITEM_SIZES[array.dtype]
    for start in range(0, len(array.data), _PIECE):
        part = array.data[start : start + _PIECE]
        yield int.from_bytes(part, "little"), len(part) // size


@lru_cache(maxsize=32)
def _float_masks(fraction: int, bits: int, count: int) -> tuple[int, int, int]:
    """So many exponents of ones only, lowest bits of exponents, and highest bits of lanes."""
    top, unit = 1 << (bits - 1), 1 << fraction
    return _all(top - unit, bits, count), _all(unit, bits, count), _all(top, bits, count)


@lru_cache(maxsize=32)
def _all(lane: int, bits: int, count: int) -> int:
    """The same lane, so many times."""
    return int.from_bytes(lane.to_bytes(bits // 8, "little") * count, "little")
