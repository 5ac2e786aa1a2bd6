"""Writing a model file again with other numbers in some arrays, and everything else as it is."""

import copy
import errno
import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from monic.errors import UnwritableModel
from monic.io.numpy import load_array, stored_arrays
from monic.io.pairs import Stored
from monic.io.safetensors import stored_tensors
from monic.model.array import Array, sha256
from monic.writing import replacing

__all__ = ["Pair", "same", "stored", "write_replaced", "written"]

#: An array of the file, and what takes its place; they agree in format and shape.
Pair = tuple[Array, Array]


def stored(path: Path) -> dict[str, Stored]:
    """Returns the arrays of a file of bare weights by name."""
    kind = path.suffix.lower()
    if kind == ".npz":
        return stored_arrays(path)
    if kind == ".safetensors":
        return stored_tensors(path)
    array = load_array(path)
    return {"weight": Stored(array.shape, lambda: array)}


def write_replaced(source: Path, target: Path, changes: Sequence[Pair]) -> None:
    """Writes a file of bare weights with some arrays replaced, and all other bytes as they are.

    Arguments:
        source: A `.npy`, `.npz` or `.safetensors` file.
        target: Where the new file goes; the same kind of file.
        changes: Which arrays change; they are found by their content.

    Raises:
        UnwritableModel: when the file cannot be written; nothing is left behind.
    """
    new = {_key(old): array for old, array in changes}
    arrays = stored(source)
    by_name = {}
    for name, entry in arrays.items():
        if any(shape == entry.shape for _, shape, _ in new):
            array = new.get(_key(entry.read()))
            if array is not None:
                by_name[name] = array
    write = {".npz": _npz, ".npy": _npy, ".safetensors": _safetensors}[source.suffix.lower()]
    written(target, lambda stream: write(source, stream, by_name))


def written(target: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Writes a file under a temporary name that is renamed at the end.

    Raises:
        UnwritableModel: when that fails, as on a full disk; nothing is left behind.
    """
    try:
        with replacing(target) as stream:
            write(stream)
    except OSError as error:
        why = errno.errorcode.get(error.errno or 0, "")
        raise UnwritableModel(
            f"Expected to write {str(target)!r}. Got {error.strerror or error}"
            f"{f' ({why})' if why else ''}; nothing was left behind. Make room, or choose "
            "another place with --output."
        ) from None


def same(first: Array, second: Array) -> bool:
    """Whether two arrays have one format, one shape and equal bytes."""
    return _key(first) == _key(second)


def _key(array: Array) -> tuple[str, tuple[int, ...], str]:
    return array.dtype.name, array.shape, sha256(array)


def _npy(source: Path, stream: IO[bytes], new: dict[str, Array]) -> None:
    array = new.get("weight")
    if array is None:
        with source.open("rb") as file:
            shutil.copyfileobj(file, stream)
        return
    with source.open("rb") as file:
        is_fortran, dtype = _order(file)
    _write_array(stream, array, dtype, fortran=is_fortran)


def _npz(source: Path, stream: IO[bytes], new: dict[str, Array]) -> None:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(stream, "w") as archive:
        archive.comment = old.comment
        for member in old.infolist():
            array = new.get(member.filename.removesuffix(".npy"))
            large = member.file_size >= 1 << 31
            entry = copy.copy(member)  # writing changes it
            with old.open(member) as file, archive.open(entry, "w", force_zip64=large) as out:
                if array is None:
                    shutil.copyfileobj(file, out)
                else:
                    is_fortran, dtype = _order(file)
                    _write_array(out, array, dtype, fortran=is_fortran)


def _order(file: IO[bytes]) -> tuple[bool, "np.dtype[np.generic]"]:
    """Whether an array lies in Fortran order, and its format with its byte order."""
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    _, is_fortran, dtype = read(file)
    return is_fortran, dtype


def _write_array(
    stream: IO[bytes], array: Array, dtype: "np.dtype[np.generic]", *, fortran: bool
) -> None:
    table = array.astype(dtype)  # the same numbers in the file's own byte order
    npy.write_array(stream, np.asfortranarray(table) if fortran else np.ascontiguousarray(table))


def _safetensors(source: Path, stream: IO[bytes], new: dict[str, Array]) -> None:
    """The header stays as it is, byte for byte: formats, shapes and places do not change."""
    import json

    with source.open("rb") as file:
        shutil.copyfileobj(file, stream)
        file.seek(0)
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    for name, array in new.items():
        begin, end = header[name]["data_offsets"]
        data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
        assert len(data) == end - begin, "a repaired array keeps its format and shape"
        stream.seek(8 + length + begin)
        stream.write(data)
