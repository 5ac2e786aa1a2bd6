"""Unsigned LEB128, as the bodies of certificates have it."""

__all__ = ["varint"]


def varint(number: int) -> bytes:
    r"""Returns a number as a varint.

    Example:
        >>> varint(300)
        b'\xac\x02'
    """
    found = bytearray()
    while number >= 128:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)
