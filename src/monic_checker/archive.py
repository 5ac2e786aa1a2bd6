"""Zip archives, opened once it is clear that the list of their members fits the budget."""

import io
import zipfile
import zlib
from typing import BinaryIO

from monic_checker.budget import PYTHON, Budget

__all__ = ["BROKEN_ARCHIVE", "opened"]

#: What `zipfile` may raise for an archive that is none.
BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    MemoryError,
    NotImplementedError,
    OSError,  # seeks to places before the file's beginning
    OverflowError,
    RuntimeError,
    ValueError,
)

#: The record at the end of an archive: its first bytes, its length, and the longest comment.
_END, _END_LENGTH, _COMMENT = b"PK\x05\x06", 22, 2**16

#: What `zipfile` keeps of a byte of the list of members, at most.
_LISTED = 24


def opened(stream: BinaryIO, budget: Budget) -> zipfile.ZipFile:
    """Opens an archive; what its list of members takes is held until the scope ends.

    An archive that is no longer than what is searched for its last record is read just once.

    Raises:
        OverBudget: when the list does not fit the budget.
        BadZipFile, or another of `BROKEN_ARCHIVE`: when it is none.
    """
    whole = stream.seek(0, 2)
    start = stream.seek(max(0, whole - _END_LENGTH - _COMMENT))
    end = stream.read(whole - start)
    size = _size_of_list(end, whole)
    budget.hold(_LISTED * size, "the archive")
    budget.work(2 * PYTHON * size, "the archive")
    if start == 0:
        budget.hold(len(end), "the archive")
        return zipfile.ZipFile(io.BytesIO(end))
    stream.seek(0)
    return zipfile.ZipFile(stream)


def _size_of_list(end: bytes, whole: int) -> int:
    """The bytes of the list of members: what the last record says, or all bytes there are."""
    found = {end.rfind(_END), len(end) - _END_LENGTH}
    said = [int.from_bytes(end[at + 12 : at + 16], "little") for at in found if at >= 0]
    return min(max(said, default=0), whole)
