"""A data set of inputs: what `--at` takes."""

from pathlib import Path

import numpy as np

from monic.errors import LayerError, MonicError, UnreadableModel
from monic.io.numpy import stored_arrays
from monic.model.array import Array, freeze

__all__ = ["load_rows"]


def load_rows(path: str | Path, dim: int) -> Array:
    """Returns the inputs that a `.npz` file holds, one a row, each flattened in C order.

    Arguments:
        path: The file; its only array, or the one called `x`, is read.
        dim: The number of entries of an input.

    Raises:
        UnreadableModel: when the file is missing or damaged, or holds no such array.
        LayerError: when the array has no rows of `dim` finite numbers.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz" or not path.is_file():
        raise UnreadableModel(f"Expected a data set FILE.npz that exists. Got {str(path)!r}.")
    arrays = stored_arrays(path)
    name = next(iter(arrays)) if len(arrays) == 1 else "x"
    if name not in arrays:
        names = ", ".join(sorted(arrays)) or "none"
        raise UnreadableModel(
            f"Expected one array, or one called x, in {path.name!r}. Got {names}."
        )
    try:
        table = freeze(arrays[name].read(), "inputs")
    except MonicError as error:
        raise LayerError(str(error)) from None
    if table.ndim < 2 or table[:1].size != dim:
        raise LayerError(
            f"Expected inputs of shape (rows, {dim}) in {path.name!r}. Got {table.shape}."
        )
    return np.asarray(table.reshape(len(table), -1))
