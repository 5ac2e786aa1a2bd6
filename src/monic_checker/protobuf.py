"""The wire format of Protocol Buffers, as far as it is needed to walk through an ONNX file."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from monic_checker.budget import PYTHON, Budget
from monic_checker.errors import UnreadableModel

__all__ = ["Message", "content", "messages", "number", "numbers", "signed", "text"]

_LONGEST_VARINT = 10

#: The work of a field, and of a number in a packed one.
_FIELD, _PACKED = 24 * PYTHON, 12 * PYTHON


@dataclass(frozen=True, slots=True)
class Message:
    """A part of a file, and the budget of whoever reads it: each field of it is work.

    Arguments:
        view: The bytes, which are not copied.
        budget: The memory and the work that are left.
    """

    view: memoryview
    budget: Budget

    def __len__(self) -> int:
        return len(self.view)

    def __bytes__(self) -> bytes:
        return bytes(self.view)


def messages(message: Message, field: int) -> Iterator[Message]:
    """Yields the contents of a field that is no varint: messages, strings, floats.

    Raises:
        UnreadableModel: when the message is broken.
        OverBudget: when it has too many fields.
    """
    for found, part in _fields(message):
        if found == field:
            if isinstance(part, int):
                raise UnreadableModel("protobuf", f"expected bytes in field {field}")
            yield Message(part, message.budget)


def content(message: Message, field: int) -> bytes:
    """Returns the contents of a field that is no varint, joined.

    Raises:
        UnreadableModel: when the message is broken.
        OverBudget: when it has too many fields, or they are too long for the memory.
    """
    found = bytearray()
    with message.budget.lease(2 * len(message), "protobuf"):
        for part in messages(message, field):
            found += part.view
        return bytes(found)


def numbers(message: Message, field: int) -> Iterator[int]:
    """Yields the integers of a field, packed or not, modulo 2^64.

    Raises:
        UnreadableModel: when the message is broken.
        OverBudget: when it has too many fields.
    """
    for found, part in _fields(message):
        if found == field:
            if isinstance(part, int):
                yield part
                continue
            at = 0
            while at < len(part):
                message.budget.work(_PACKED, "protobuf")
                value, at = _varint(part, at)
                yield value


def number(message: Message, field: int) -> int:
    """Returns the last integer of a field, or 0.

    Raises:
        UnreadableModel: when the message is broken.
    """
    return next(iter(deque(numbers(message, field), maxlen=1)), 0)


def text(message: Message, field: int) -> str:
    """Returns the last string of a field, or "".

    Raises:
        UnreadableModel: when the message is broken.
    """
    last = next(iter(deque(messages(message, field), maxlen=1)), None)
    if last is None:
        return ""
    message.budget.work(len(last), "protobuf")
    with message.budget.lease(5 * len(last), "protobuf"):
        return bytes(last).decode(errors="replace")


def signed(value: int) -> int:
    """Returns the int64 that an integer modulo 2^64 stands for.

    Example:
        >>> signed(2**64 - 1)
        -1
    """
    return value - 2**64 if value >= 2**63 else value


def _fields(whole: Message) -> Iterator[tuple[int, int | memoryview]]:
    """Yields the number and the content of each field: varints as integers, the rest as bytes."""
    message, budget, at = whole.view, whole.budget, 0
    while at < len(message):
        budget.work(_FIELD, "protobuf")
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
