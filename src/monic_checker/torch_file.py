"""Arrays in a file of torch: a zip archive of bytes and of a pickle, which is never run."""

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path

from monic_checker.archive import BROKEN_ARCHIVE, opened
from monic_checker.arrays import ITEM_SIZES, Array
from monic_checker.budget import PYTHON, Budget
from monic_checker.errors import UnreadableModel
from monic_checker.instructions import records
from monic_checker.pickled import Record
from monic_checker.strided import in_c_order

__all__ = ["read_torch"]

#: Longer pickles do not occur: weights lie outside.
_PICKLE_LIMIT = 2**24

#: The bytes that an object of a pickle takes at most for each byte there, and a tensor's.
_OBJECT, _RECORD = 200, 400


def read_torch(path: Path, budget: Budget) -> Iterator[Array]:
    """Yields the tensors of a state dict, or of whatever else torch saved; nothing is unpickled.

    Raises:
        UnreadableModel: when the file is no archive of torch.
        OverBudget: when a storage does not fit the budget; those that tensors share are read
            for each of them.
        OSError: when it cannot be opened.
    """
    with path.open("rb") as stream:
        try:
            with opened(stream, budget) as archive:
                yield from _tensors(archive, budget)
        except BROKEN_ARCHIVE as error:
            raise UnreadableModel(
                ascii(path.name),
                f"expected an archive of torch 1.6 or newer: {error!a:.200}",
            ) from None


def _tensors(archive: zipfile.ZipFile, budget: Budget) -> Iterator[Array]:
    members = {entry.filename: entry for entry in archive.infolist()}
    pickles = [name for name in members if name.rpartition("/")[2] == "data.pkl"]
    if len(pickles) != 1:
        raise UnreadableModel("the archive", f"expected one data.pkl. Found {len(pickles)}")
    folder = pickles[0].removesuffix("data.pkl")
    order = members.get(f"{folder}byteorder")
    if order is not None and _bytes(archive, order, 16) != b"little":
        raise UnreadableModel("byteorder", "expected little-endian numbers")
    for name, record in _records(archive, members[pickles[0]], budget):
        entry = members.get(f"{folder}data/{record.storage.key}")
        if entry is None:
            raise UnreadableModel(ascii(name), "its numbers are not in the archive")
        size = min(entry.file_size, archive.start_dir)
        budget.work(4 * size, ascii(name))
        with budget.lease(4 * size, ascii(name)):  # in pieces, joined, in order
            data = _part(name, record, _bytes(archive, entry, size), budget)
            if data is not None:
                yield Array(name, record.storage.dtype, record.shape, data)


def _records(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: Budget
) -> list[tuple[str, Record]]:
    """The tensors that the pickle names; of each of its bytes an object may come."""
    data = _bytes(archive, entry, _PICKLE_LIMIT)
    budget.work(8 * PYTHON * len(data), "the pickle")
    with budget.scope():
        budget.hold(_OBJECT * len(data), "the pickle")
        found = records(data)
    budget.hold(_RECORD * len(found), "the pickle")
    return found


def _bytes(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    limit = min(limit, archive.start_dir)  # where the members end
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > limit:
        raise UnreadableModel(
            ascii(entry.filename), f"expected at most {limit} bytes, not compressed"
        )
    return archive.read(entry)


def _part(name: str, record: Record, data: bytes, budget: Budget) -> bytes | None:
    """Returns a tensor's numbers in C order; None when it repeats some of the storage's."""
    item = ITEM_SIZES[record.storage.dtype]
    count, held = math.prod(record.shape), len(data) // item
    ends = [s * (n - 1) for n, s in zip(record.shape, record.strides, strict=True)]
    if count and record.offset + sum(ends) >= held:
        raise UnreadableModel(ascii(name), "expected its numbers inside its storage")
    start = record.offset * item
    if _in_order(record):
        return data[start : start + count * item]
    if count > held:
        return None
    if not count:
        return b""
    axes = list(zip(record.shape, record.strides, strict=True))
    return in_c_order(data, item, record.offset, axes, budget)


def _in_order(record: Record) -> bool:
    """Whether the numbers lie one after another, in C order."""
    step = 1
    for size, stride in zip(reversed(record.shape), reversed(record.strides), strict=True):
        if size != 1 and stride != step:
            return False
        step *= size
    return True
