"""The wire format of Protocol Buffers, as far as it is needed to walk through an ONNX file."""

from collections import deque
from collections.abc import Iterator

from monic_checker.errors import UnreadableModel

__all__ = ["messages", "number", "numbers", "signed", "text"]

_LONGEST_VARINT = 10


def messages(message: memoryview, field: int) -> Iterator[memoryview]:
    """Yields the contents of a field that is no varint: messages, strings, floats.

    Raises:
        UnreadableModel: when the message is broken.
    """
    for found, content in _fields(message):
        if found == field:
            if isinstance(content, int):
                raise UnreadableModel("protobuf", f"expected bytes in field {field}")
            yield content


def numbers(message: memoryview, field: int) -> Iterator[int]:
    """Yields the integers of a field, packed or not, modulo 2^64.

    Raises:
        UnreadableModel: when the message is broken.
    """
    for found, content in _fields(message):
        if found == field:
            if isinstance(content, int):
                yield content
                continue
            at = 0
            while at < len(content):
                value, at = _varint(content, at)
                yield value


def number(message: memoryview, field: int) -> int:
    """Returns the last integer of a field, or 0.

    Raises:
        UnreadableModel: when the message is broken.
    """
    return next(iter(deque(numbers(message, field), maxlen=1)), 0)


def text(message: memoryview, field: int) -> str:
    """Returns the last string of a field, or "".

    Raises:
        UnreadableModel: when the message is broken.
    """
    last = next(iter(deque(messages(message, field), maxlen=1)), b"")
    return bytes(last).decode(errors="replace")


def signed(value: int) -> int:
    """Returns the int64 that an integer modulo 2^64 stands for.

    Example:
        >>> signed(2**64 - 1)
        -1
    """
    return value - 2**64 if value >= 2**63 else value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yields the number and the content of each field: varints as integers, the rest as bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield field, value
            continue
        size, at = _size(message, at, wire)
        if at + size > len(message):
            raise UnreadableModel("protobuf", "a field that ends after its message")
        yield field, message[at : at + size]
        at += size


def _size(message: memoryview, at: int, wire: int) -> tuple[int, int]:
    """The size of a field that is no varint, and where its content begins."""
    if wire == 2:
        return _varint(message, at)
    if wire in (1, 5):
        return (8 if wire == 1 else 4), at
    raise UnreadableModel("protobuf", f"a field of unknown wire type {wire}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A varint modulo 2^64, and where it ends."""
    value = 0
    for k, byte in enumerate(message[at : at + _LONGEST_VARINT]):
        value |= (byte & 127) << (7 * k)
        if byte < 128:
            return value % 2**64, at + k + 1
    raise UnreadableModel("protobuf", "a varint that does not end")
