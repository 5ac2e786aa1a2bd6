"""Reading `.pt` and `.pth`: the weights of a state dict, and never the code in a file."""

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from monic.errors import UnreadableModel, UnsupportedModel
from monic.io.onnx.values import Refused
from monic.io.pairs import Stored, layers_of
from monic.io.torch.arrays import array_of
from monic.memory import charge
from monic.model import ReLULayer
from monic.model.array import Array

__all__ = ["load_checkpoint"]


def load_checkpoint(path: Path) -> dict[str, ReLULayer]:
    """Returns the layers whose weights a state dict in a `.pt` file holds.

    A file may hold the state dict itself, or a dict with it under a name such as "state_dict";
    of several state dicts each puts its name in front of those of its layers.

    Raises:
        UnreadableModel: when the file is damaged, or holds more than weights: pickled code is
            never run.
        UnsupportedModel: when it holds no two-dimensional weight.
    """
    tensors = _tensors(_opened(path))
    arrays = {
        name: Stored(tuple(tensor.shape), partial(_array, name, tensor))
        for name, tensor in tensors.items()
    }
    return layers_of(arrays, path.stem)


def _opened(path: Path) -> Any:
    try:
        mapped = zipfile.is_zipfile(path)  # files of torch before 1.6 are no archives
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError:
        raise UnreadableModel(
            f"Expected weights only in {path.name!r}. Got a file with other Python objects, which "
            "are code and are never loaded. If it is yours, load it yourself and pass the module "
            "to monic.load with its input_shape, or save module.state_dict()."
        ) from None
    except Exception as error:  # a damaged archive raises errors of many kinds
        reason = " ".join(str(error).split()).partition(". ")[0] or type(error).__name__
        raise UnreadableModel(
            f"Expected a torch state dict in {path.name!r}. Got a file that cannot be read: "
            f"{reason}. Save it again with torch.save(module.state_dict(), {path.name!r})."
        ) from None


def _tensors(found: Any) -> dict[str, Tensor]:
    """Returns the tensors of a state dict, or of the state dicts in a dict, by name."""
    if isinstance(found, Tensor):
        return {"weight": found}
    if not isinstance(found, Mapping):
        return {}
    direct = _direct(found)
    if direct:
        return direct
    inner = {str(key): _direct(value) for key, value in found.items()}
    full = {key: tensors for key, tensors in inner.items() if tensors}
    if len(full) == 1:
        return next(iter(full.values()))
    return {f"{key}.{name}": t for key, tensors in full.items() for name, t in tensors.items()}


def _direct(found: Any) -> dict[str, Tensor]:
    if not isinstance(found, Mapping):
        return {}
    return {k: v for k, v in found.items() if isinstance(k, str) and isinstance(v, Tensor)}


def _array(name: str, tensor: Tensor) -> Array:
    size = tensor.numel() * tensor.element_size()  # a view may repeat a few numbers many times
    charge(size, f"the array {name!r} of shape {tuple(tensor.shape)}")
    try:
        return array_of(tensor)
    except Refused as refusal:
        raise UnsupportedModel(f"Layer {name!r}: {refusal}.") from None
