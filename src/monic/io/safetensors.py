"""Reading `.safetensors`: weights by name, bfloat16 among them."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from monic.errors import MonicError, UnreadableModel
from monic.io.bfloat16 import bfloat16
from monic.io.pairs import Stored, layers_of
from monic.memory import charge
from monic.model import ReLULayer
from monic.model.array import Array

__all__ = ["load_safetensors", "stored_tensors"]


def load_safetensors(path: Path) -> dict[str, ReLULayer]:
    """Returns the layers whose arrays a `.safetensors` file holds.

    Raises:
        UnreadableModel: when the file is damaged.
        UnsupportedModel: when it holds no two-dimensional weight.
    """
    return layers_of(stored_tensors(path), path.stem)


def stored_tensors(path: Path) -> dict[str, Stored]:
    """Returns the arrays of a `.safetensors` file by name; only their shapes are read yet."""
    from safetensors import safe_open

    arrays: dict[str, Stored] = {}
    with _clear_errors(path), safe_open(path, framework="numpy") as file:
        for name in file.keys():
            shape = tuple(file.get_slice(name).get_shape())
            arrays[name] = Stored(shape, partial(_read, path, name))
    return arrays


def _read(path: Path, name: str) -> Array:
    from safetensors import safe_open

    with _clear_errors(path), safe_open(path, framework="numpy") as file:
        if file.get_slice(name).get_dtype() == "BF16":
            bfloat16()
        bits = "".join(filter(str.isdigit, file.get_slice(name).get_dtype())) or "8"  # "F32"
        shape = tuple(file.get_slice(name).get_shape())
        charge(math.prod(shape) * int(bits) // 8, f"the array {name!r} of shape {shape}")
        array: Array = file.get_tensor(name)
        return array


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except MonicError:
        raise
    except Exception as error:  # safetensors raises errors of many kinds, and no base for them
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableModel(
            f"Expected safetensors in {path.name!r}. Got a file that cannot be read: {reason}. "
            "Write it again with safetensors.numpy.save_file or safetensors.torch.save_file."
        ) from None
