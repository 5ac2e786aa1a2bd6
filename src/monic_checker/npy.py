"""Arrays saved by numpy: .npy files, and .npz files, which are zip archives of them."""

import io
import math
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from monic_checker.archive import BROKEN_ARCHIVE, opened
from monic_checker.arrays import ITEM_SIZES, Array
from monic_checker.budget import Budget
from monic_checker.errors import UnreadableModel
from monic_checker.strided import in_c_order

__all__ = ["read_npy", "read_npz"]

#: Longer headers do not occur for arrays of numbers (numpy's own limit).
_HEADER_LIMIT = 10_000

#: The bytes of a small member of an archive.
_SMALL = 2**14

_HEADER = re.compile(
    r"\{'descr': '([<>|=]?)([a-zA-Z])([0-9]{1,18})', 'fortran_order': (True|False), "
    r"'shape': \(((?:[0-9]{1,18}, ?)*(?:[0-9]{1,18})?)\), \} *\n"
)
#: Their first bytes, with the version of the format.
_STARTS = frozenset(b"\x93NUMPY" + bytes([version, 0]) for version in (1, 2, 3))
_KINDS = {"f": "float", "i": "int", "u": "uint"}


class _Form(NamedTuple):
    """How an array lies in a file."""

    dtype: str
    big_endian: bool
    by_columns: bool
    shape: tuple[int, ...]


def read_npy(path: Path, budget: Budget) -> Iterator[Array]:
    """Yields the array of a .npy file; nothing is unpickled.

    Raises:
        UnreadableModel: when the file is not what numpy writes for an array of numbers.
        OverBudget: when the array does not fit the budget.
        OSError: when it cannot be opened.
    """
    with path.open("rb") as stream:
        yield from _read(stream, path.stem, path.stat().st_size, budget)


def read_npz(path: Path, budget: Budget) -> Iterator[Array]:
    """Yields the arrays of a .npz file; nothing is unpickled.

    Raises:
        UnreadableModel: when the file is no archive of arrays.
        OverBudget: when an array, or the list of the archive, does not fit the budget.
        OSError: when it cannot be opened.
    """
    with path.open("rb") as stream:
        try:
            with opened(stream, budget) as archive:
                yield from _members(archive, budget)
        except BROKEN_ARCHIVE as error:
            raise UnreadableModel(ascii(path.name), f"broken archive: {error!a:.200}") from None


def _members(archive: zipfile.ZipFile, budget: Budget) -> Iterator[Array]:
    for entry in archive.infolist():
        if not entry.filename.endswith(".npy"):
            continue
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnreadableModel(ascii(entry.filename), "expected it stored or deflated")
        with archive.open(entry) as member:
            # small ones are read at once, since every read of a member takes long
            small = entry.file_size <= _SMALL
            stream = io.BytesIO(member.read(_SMALL)) if small else member
            yield from _read(stream, entry.filename.removesuffix(".npy"), entry.file_size, budget)


def _read(stream: IO[bytes], name: str, size: int, budget: Budget) -> Iterator[Array]:
    """Yields the array in a stream of `size` bytes; other things than numbers are left out."""
    header_size, form = _read_form(stream, name)
    item = ITEM_SIZES.get(form.dtype)
    if item is None:
        return
    count, address = math.prod(form.shape), ascii(name)
    if count * item != size - header_size:
        raise UnreadableModel(address, f"expected {count} numbers, as its header says")
    budget.work(4 * count * item, address)
    with budget.lease(3 * count * item, address):  # in pieces, joined, and moved
        data = stream.read(count * item)
        if len(data) != count * item:
            raise UnreadableModel(address, "the file ends too early")
        if form.big_endian:
            data = _swapped(data, item)
        if form.by_columns and count:
            data = _by_rows(data, item, form.shape, budget)
        yield Array(name, form.dtype, form.shape, data)


def _read_form(stream: IO[bytes], name: str) -> tuple[int, _Form]:
    """Returns the size of the header, and what it says."""
    start = stream.read(10)
    if start[:8] not in _STARTS:
        raise UnreadableModel(ascii(name), "expected a .npy file")
    if start[6] > 1:  # then the length of the header takes four bytes, not two
        start += stream.read(2)
    length = int.from_bytes(start[8:], "little")
    header = str(stream.read(length), "latin-1") if length <= _HEADER_LIMIT else ""
    match = _HEADER.fullmatch(header)
    if match is None:
        raise UnreadableModel(ascii(name), "expected the header of an array of numbers")
    order, kind, item, by_columns, dims = match.groups()
    dtype = f"{_KINDS.get(kind, kind)}{8 * int(item)}"
    shape = tuple(int(dim) for dim in dims.replace(",", " ").split())
    form = _Form(dtype, order == ">", by_columns == "True", shape)
    return len(start) + length, form


def _swapped(data: bytes, item: int) -> bytes:
    """The same numbers with their bytes in the opposite order."""
    result = bytearray(len(data))
    for k in range(item):
        result[k::item] = data[item - 1 - k :: item]
    return bytes(result)


def _by_rows(data: bytes, item: int, shape: tuple[int, ...], budget: Budget) -> bytes:
    """The same numbers in C order, given in Fortran order."""
    axes = [(n, math.prod(shape[:k])) for k, n in enumerate(shape)]
    return in_c_order(data, item, 0, axes, budget)
