"""Injective networks in safetensors files: weights as tensors, the architecture as JSON."""

import json
from os import PathLike
from pathlib import Path

import torch
from torch import nn

from monic.errors import UnreadableModel
from monic.nn.architecture import build, describe
from monic.writing import replacing

__all__ = ["load", "save"]

#: The key of the architecture in the file's metadata.
KEY = "monic.nn"


def save(module: nn.Module, path: str | PathLike[str]) -> None:
    """Writes a module to a safetensors file, without pickling.

    Raises:
        UnsupportedModel: when it holds modules that the format does not name; lists them.
        OSError: when the file cannot be written; an older one stays as it is.
    """
    from safetensors.torch import save as packed

    text = json.dumps(describe(module), sort_keys=True)
    tensors = {name: t.detach().contiguous().clone() for name, t in module.state_dict().items()}
    with replacing(Path(path)) as stream:
        stream.write(packed(tensors, metadata={KEY: text}))


def load(path: str | PathLike[str]) -> nn.Module:
    """Returns the module that `save` wrote.

    Raises:
        UnreadableModel: when the file is damaged, or has no architecture.
        UnsupportedModel: when its architecture names modules that monic.nn does not know.

    Example:
        >>> import tempfile, os
        >>> from monic.nn import InjectiveLinear
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(InjectiveLinear(2, 4), os.path.join(folder, "x.safetensors"))
        ...     load(os.path.join(folder, "x.safetensors"))
        InjectiveLinear(in_features=2, out_features=4, pairs=2)
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        described = json.loads(text or "null")
    except (SafetensorError, OSError, ValueError) as error:
        raise UnreadableModel(f"Expected a safetensors file. Got {error}.") from None
    if not isinstance(described, dict):
        raise UnreadableModel(
            f"Expected the architecture under {KEY!r} in the metadata. Got none: the file was not "
            "written by monic.nn.save."
        )
    return _filled(build(described), tensors)


def _filled(module: nn.Module, tensors: dict[str, torch.Tensor]) -> nn.Module:
    try:
        module.load_state_dict(tensors, strict=True, assign=True)
    except RuntimeError as error:
        raise UnreadableModel(f"Expected the weights of {module}. Got: {error}") from None
    return module
