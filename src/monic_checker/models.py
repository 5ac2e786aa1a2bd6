"""Model files: which reader reads which, and the arrays they hold."""

from collections.abc import Iterator
from pathlib import Path

from monic_checker.arrays import Array
from monic_checker.budget import Budget
from monic_checker.errors import UnreadableModel
from monic_checker.npy import read_npy, read_npz
from monic_checker.onnx import read_onnx
from monic_checker.safetensors import read_safetensors
from monic_checker.torch_file import read_torch

__all__ = ["arrays_of"]

_READERS = {
    ".npy": read_npy,
    ".npz": read_npz,
    ".onnx": read_onnx,
    ".pt": read_torch,
    ".pth": read_torch,
    ".safetensors": read_safetensors,
}


def arrays_of(path: Path, budget: Budget) -> Iterator[Array]:
    """Yields the arrays of a model file; number formats that no proof can name are left out.

    Raises:
        UnreadableModel: when the file is broken, or its name has another ending.
        OverBudget: when an array does not fit the budget.
        OSError: when it cannot be opened.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        kinds = ", ".join(_READERS)
        raise UnreadableModel(ascii(path.name), f"expected a model file with ending {kinds}")
    yield from reader(path, budget)
