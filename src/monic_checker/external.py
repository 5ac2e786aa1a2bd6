"""Tensors of an ONNX file whose numbers lie in another file beside it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath

from monic_checker.errors import UnreadableModel
from monic_checker.protobuf import Message, messages, text

__all__ = ["external"]

_EXTERNAL_DATA = 13  # TensorProto.external_data: pairs of a key and a value
_KEY, _VALUE = 1, 2


def external(tensor: Message, name: str, folder: Path, size: int) -> Callable[[], bytes]:
    """Returns what reads the bytes of a tensor with external data, once it is known to be there.

    Arguments:
        tensor: The TensorProto.
        name: What messages call the tensor.
        folder: Where the ONNX file lies; the data must lie in it or in a folder of it.
        size: The number of bytes that its shape asks for.

    Raises:
        UnreadableModel: when the data lies elsewhere, or there is less of it.
        OSError: when the file cannot be opened.
    """
    pairs = {text(pair, _KEY): text(pair, _VALUE) for pair in messages(tensor, _EXTERNAL_DATA)}
    path = _inside(folder, pairs.get("location", ""), name)
    offset = _whole(pairs.get("offset", "0"), name)
    length = _whole(pairs.get("length", str(size)), name)
    if length != size or offset + length > path.stat().st_size:
        raise UnreadableModel(ascii(name), f"expected {size} bytes of external data")
    return partial(_read, path, offset, size)


def _read(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as stream:
        stream.seek(offset)
        return stream.read(size)


def _inside(folder: Path, location: str, name: str) -> Path:
    """The file at a location that must not lead out of the folder, not even by a link."""
    relative = PurePosixPath(location)
    if relative.is_absolute() or ".." in relative.parts or "\\" in location or "\0" in location:
        raise UnreadableModel(
            ascii(name), f"external data at {location!a:.200}, not beside the file"
        )
    path = (folder / relative).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise UnreadableModel(
            ascii(name), f"no external data beside the file at {location!a:.200}"
        )
    return path


def _whole(digits: str, name: str) -> int:
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 18):
        raise UnreadableModel(ascii(name), "expected a whole number for external data")
    return int(digits)
