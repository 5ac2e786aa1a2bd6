"""Reading `.npy` and `.npz`: no pickles, and no array before its size is known to be sane."""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from monic.errors import TooLarge, UnreadableModel
from monic.io.pairs import Stored, layers_of
from monic.memory import charge
from monic.model import ReLULayer
from monic.model.array import Array

__all__ = ["load_array", "load_npy", "load_npz", "stored_arrays"]

#: No array may claim more bytes than this; a few bytes of zip can claim anything.
LIMIT = 1 << 34


def load_array(path: Path) -> Array:
    """Returns the array of a `.npy` file.

    Raises:
        UnreadableModel: when it is missing, damaged, holds pickles or claims absurd sizes.
    """
    with _clear_errors(path), path.open("rb") as file:
        _claim(file, path.stat().st_size)
    return _read_npy(path)


def load_npy(path: Path) -> dict[str, ReLULayer]:
    """Returns the bias-free layer whose weight a `.npy` file holds, under the file's name."""
    with _clear_errors(path), path.open("rb") as file:
        shape, _ = _claim(file, path.stat().st_size)
    return layers_of({"weight": Stored(shape, partial(_read_npy, path))}, path.stem)


def load_npz(path: Path) -> dict[str, ReLULayer]:
    """Returns the layers whose arrays a `.npz` file holds.

    Raises:
        UnreadableModel: when the file is damaged, holds pickles or claims absurd sizes.
        UnsupportedModel: when it holds no two-dimensional weight.
    """
    return layers_of(stored_arrays(path), path.stem)


def stored_arrays(path: Path) -> dict[str, Stored]:
    """Returns the arrays of a `.npz` file by name; only their headers are read yet."""
    arrays: dict[str, Stored] = {}
    with _clear_errors(path), zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.filename.endswith(".npy"):
                with archive.open(member) as file:
                    shape, _ = _claim(file, member.file_size)
                read = partial(_read_member, path, member.filename)
                arrays[member.filename.removesuffix(".npy")] = Stored(shape, read)
    return arrays


def _read_npy(path: Path) -> Array:
    with _clear_errors(path), path.open("rb") as file:
        return _array(file)


def _read_member(path: Path, member: str) -> Array:
    with _clear_errors(path), zipfile.ZipFile(path) as archive, archive.open(member) as file:
        return _array(file)


def _array(file: IO[bytes]) -> Array:
    array: Array = npy.read_array(file, allow_pickle=False)
    return array


def _claim(file: IO[bytes], size: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Returns shape and dtype from a header, after comparing them with the size of the file."""
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the npy format holds no plain numbers")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("it holds pickled Python objects, which are never loaded")
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > LIMIT or min(shape, default=0) < 0:
        raise ValueError(f"it claims an array of shape {shape}, more than {LIMIT >> 30} GiB")
    charge(claimed, f"an array of shape {shape}")
    if file.tell() + claimed > size:
        raise ValueError(f"it claims an array of {claimed} bytes and holds {size} in all")
    return shape, dtype


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except TooLarge:
        raise
    except Exception as error:  # zip, zlib, tokenize and numpy raise errors of their own
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableModel(
            f"Expected numpy arrays in {path.name!r}. Got a file that cannot be read: {reason}. "
            "Write it again with numpy.save or numpy.savez."
        ) from None
