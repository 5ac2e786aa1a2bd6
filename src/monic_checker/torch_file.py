"""Arrays in a file of torch: a zip archive of bytes and of a pickle, which is never run."""

import itertools
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path

from monic_checker.arrays import ITEM_SIZES, Array
from monic_checker.errors import UnreadableModel
from monic_checker.instructions import records
from monic_checker.npy import BROKEN_ARCHIVE
from monic_checker.pickled import Record

__all__ = ["read_torch"]

#: Longer pickles do not occur: weights lie outside.
_PICKLE_LIMIT = 2**24

#: Tensors may overlap, so that a small file can ask for very much.
_BYTES_LIMIT = 2**36

_DIMENSIONS = 64


def read_torch(path: Path) -> Iterator[Array]:
    """Yields the tensors of a state dict, or of whatever else torch saved; nothing is unpickled.

    Raises:
        UnreadableModel: when the file is no archive of torch, or asks for too much.
        OSError: when it cannot be opened.
    """
    with path.open("rb") as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                yield from _tensors(archive)
        except BROKEN_ARCHIVE as error:
            raise UnreadableModel(
                ascii(path.name),
                f"expected an archive of torch 1.6 or newer: {error!a:.200}",
            ) from None


def _tensors(archive: zipfile.ZipFile) -> Iterator[Array]:
    members = {entry.filename: entry for entry in archive.infolist()}
    pickles = [name for name in members if name.rpartition("/")[2] == "data.pkl"]
    if len(pickles) != 1:
        raise UnreadableModel("the archive", f"expected one data.pkl. Found {len(pickles)}")
    folder = pickles[0].removesuffix("data.pkl")
    order = members.get(f"{folder}byteorder")
    if order is not None and _bytes(archive, order, 16) != b"little":
        raise UnreadableModel("byteorder", "expected little-endian numbers")
    left = _BYTES_LIMIT
    for name, record in records(_bytes(archive, members[pickles[0]], _PICKLE_LIMIT)):
        entry = members.get(f"{folder}data/{record.storage.key}")
        if entry is None:
            raise UnreadableModel(ascii(name), "its numbers are not in the archive")
        left -= entry.file_size
        data = _part(name, record, _bytes(archive, entry, max(left, 0)))
        if data is not None:
            yield Array(name, record.storage.dtype, record.shape, data)


def _bytes(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > limit:
        raise UnreadableModel(
            ascii(entry.filename), f"expected at most {limit} bytes, not compressed"
        )
    return archive.read(entry)


def _part(name: str, record: Record, data: bytes) -> bytes | None:
    """Returns a tensor's numbers in C order; None when it repeats some of the storage's."""
    item = ITEM_SIZES[record.storage.dtype]
    count, held = math.prod(record.shape), len(data) // item
    ends = [s * (n - 1) for n, s in zip(record.shape, record.strides, strict=True)]
    if len(record.shape) > _DIMENSIONS or (count and record.offset + sum(ends) >= held):
        raise UnreadableModel(ascii(name), "expected its numbers inside its storage")
    start = record.offset * item
    if _in_order(record):
        return data[start : start + count * item]
    if count > held:
        return None
    steps = [
        [k * s * item for k in range(n)] for n, s in zip(record.shape, record.strides, strict=True)
    ]
    places = (start + sum(steps) for steps in itertools.product(*steps))
    return b"".join(data[place : place + item] for place in places)


def _in_order(record: Record) -> bool:
    """Whether the numbers lie one after another, in C order."""
    step = 1
    for size, stride in zip(reversed(record.shape), reversed(record.strides), strict=True):
        if size != 1 and stride != step:
            return False
        step *= size
    return True
