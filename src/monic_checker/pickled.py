"""The stack machine that pickles are programs for, as far as tensors need it; nothing is called.

What would import a name or call a function makes a note instead, and every object but a tensor
is an opaque thing. So nothing in a pickle can make anything happen.
"""

import struct
from typing import Any, NamedTuple

__all__ = ["OPAQUE", "Global", "Machine", "Record", "Storage"]

_STORAGES = {
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16",
    "torch.FloatStorage": "float32",
    "torch.DoubleStorage": "float64",
    "torch.CharStorage": "int8",
    "torch.ShortStorage": "int16",
    "torch.IntStorage": "int32",
    "torch.LongStorage": "int64",
    "torch.ByteStorage": "uint8",
}
#: No tensor has more dimensions.
_DIMENSIONS = 64

_TENSOR, _PARAMETER = "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"


class Storage(NamedTuple):
    """Numbers that lie in a member of the archive."""

    dtype: str
    key: str


class Record(NamedTuple):
    """A tensor: which numbers of which storage it has, in units of numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Global(NamedTuple):
    """A name that a pickle would import."""

    name: str


#: Stands for every object that is no tensor.
OPAQUE = object()


class Machine:
    """The stack machine; its stack and memo hold text, numbers, tuples, notes, opaque things."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.found: list[tuple[str, Record]] = []

    def take(self, count: int) -> bytes:
        """Returns the next bytes."""
        if not 0 <= count <= len(self.data) - self.at:
            raise ValueError("the pickle ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form: str) -> int:
        """Returns the next number."""
        value: int = struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]
        return value

    def text(self, form: str) -> str:
        """Returns a text behind its length."""
        return self.take(self.number(form)).decode("utf-8", "surrogatepass")

    def line(self) -> str:
        """Returns a text that ends with its line."""
        return self.take(self.data.index(b"\n", self.at) - self.at + 1)[:-1].decode()

    def marked(self) -> list[Any]:
        """Returns what lies above the last mark, and takes it off."""
        place = self.marks.pop()
        above = self.stack[place:]
        del self.stack[place:]
        return above

    def last(self, count: int) -> list[Any]:
        """Returns the last few values, and takes them off."""
        if len(self.stack) < count:
            raise ValueError("the stack is too short")
        place = len(self.stack) - count
        above = self.stack[place:]
        del self.stack[place:]
        return above

    def set_items(self, items: list[Any]) -> None:
        """Notes the tensors among keys and values."""
        for key, value in zip(items[::2], items[1::2], strict=True):
            if isinstance(key, str) and isinstance(value, Record):
                self.found.append((key, value))

    def store(self) -> None:
        """Makes a note of the storage that a pickle refers to."""
        given = self.stack.pop()
        is_storage = isinstance(given, tuple) and len(given) == 5 and given[0] == "storage"
        dtype = _STORAGES.get(getattr(given[1], "name", "")) if is_storage else None
        if dtype is None or not isinstance(given[2], str):
            self.stack.append(OPAQUE)
        else:
            self.stack.append(Storage(dtype, given[2]))

    def call(self) -> None:
        """Makes a note of what a pickle would call: nothing is called."""
        arguments, function = self.stack.pop(), self.stack.pop()
        name = function.name if isinstance(function, Global) else ""
        self.stack.append(OPAQUE)
        if name == _PARAMETER and isinstance(arguments[0], Record):
            self.stack[-1] = arguments[0]
        elif name == _TENSOR and isinstance(arguments[0], Storage):
            storage, offset, shape, strides = arguments[:4]
            if not isinstance(shape, tuple) or not isinstance(strides, tuple):
                raise TypeError("a tensor without sizes")
            if len(shape) != len(strides) or len(shape) > _DIMENSIONS:
                raise ValueError("a tensor with impossible sizes")
            numbers = (offset, *shape, *strides)
            if any(type(n) is not int or n < 0 for n in numbers):
                raise ValueError("a tensor with impossible sizes")
            self.stack[-1] = Record(storage, offset, shape, strides)
