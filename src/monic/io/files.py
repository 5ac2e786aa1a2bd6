"""One way to read every kind of model file, and torch modules."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard, overload

from monic.errors import TooLarge, UnreadableModel
from monic.io.comparing import DEFAULT_SECONDS
from monic.io.numpy import load_npy, load_npz
from monic.io.onnx import load_onnx
from monic.io.safetensors import load_safetensors
from monic.memory import limited_memory
from monic.model import Network, ReLULayer

if TYPE_CHECKING:
    from torch import nn

__all__ = ["is_module", "load"]


def _load_checkpoint(path: Path) -> dict[str, ReLULayer]:
    try:
        from monic.io.torch import load_checkpoint
    except ImportError as error:
        raise UnreadableModel(
            f"Expected torch, which reads {path.name!r}. It cannot be imported: {error}. Install "
            "it with: pip install 'monic-nn[torch]'."
        ) from None
    return load_checkpoint(path)


_READERS: dict[str, Callable[[Path], Network | dict[str, ReLULayer]]] = {
    ".onnx": load_onnx,
    ".npy": load_npy,
    ".npz": load_npz,
    ".pt": _load_checkpoint,
    ".pth": _load_checkpoint,
    ".safetensors": load_safetensors,
}


@overload
def load(
    model: "nn.Module",
    input_shape: Sequence[int],
    *,
    time_limit: float | None = None,
    memory: int | None = None,
) -> Network: ...


@overload
def load(
    model: str | Path, *, time_limit: float | None = None, memory: int | None = None
) -> Network | dict[str, ReLULayer]: ...


def load(
    model: "str | Path | nn.Module",
    input_shape: Sequence[int] | None = None,
    *,
    time_limit: float | None = None,
    memory: int | None = None,
) -> Network | dict[str, ReLULayer]:
    """Reads a model file, whose suffix tells what kind it is; or a torch module.

    An `.onnx` file holds a graph and becomes a network. The others hold weights only and become
    ReLU layers by name, on the whole space: `.npy` (one weight), `.npz`, `.safetensors`, `.pt`
    and `.pth` (`weight` and `bias`, or pairs `NAME.weight` and `NAME.bias`). Of a `.pt` file only
    weights are read; code that is pickled in it is never run.

    A module is read as it is in evaluation mode, and is not changed; see docs/torch.md.

    A network is compared with the file or module that it was read from, before anything is
    decided about it (docs/networks.md); its `reading` says how.

    Arguments:
        model: The file, or a `torch.nn.Module`.
        input_shape: Of a module: the shape of one example. With or without sizes of 1 in front
            it means the same.
        time_limit: Seconds for comparing a network that was read with its file or module; 2 by
            default, and never more.
        memory: Bytes that reading may take, as the sizes in the file are charged before anything
            is made of them; None is 4 GiB.

    Raises:
        ReadingError: when the network computes something else than the file or module.
        UnreadableModel: when the file is missing, damaged, or of a kind that is not read; when
            the module does not take such inputs.
        TooLarge: when a whole array does not fit into the memory; nodes that make too much are
            unsupported.
        UnsupportedModel: when it is readable but holds what monic does not decide; the message
            lists every such node.

    Example:
        >>> load("model.pb")
        Traceback (most recent call last):
        monic.errors.UnreadableModel: Expected a file .npy, .npz, .onnx, .pt, .pth or ...
    """
    seconds = DEFAULT_SECONDS if time_limit is None else min(time_limit, DEFAULT_SECONDS)
    try:
        with limited_memory(memory):
            return _load(model, input_shape, seconds)
    except MemoryError as error:
        raise TooLarge(
            f"Expected a model that fits into the memory of this machine. It does not: {error}."
        ) from None


def _load(
    model: "str | Path | nn.Module", input_shape: Sequence[int] | None, seconds: float
) -> Network | dict[str, ReLULayer]:
    if is_module(model):
        from monic.io.torch import load_module

        return load_module(model, input_shape, seconds)
    if not isinstance(model, str | Path):
        raise UnreadableModel(
            f"Expected the path of a model file, or a torch module. Got {type(model).__name__}."
        )
    if input_shape is not None:
        raise UnreadableModel(
            f"Expected no input_shape beside the file {str(model)!r}: they say it themselves, and "
            "bare weights need none."
        )
    return _load_file(Path(model), seconds)


def is_module(model: object) -> "TypeGuard[nn.Module]":
    """Returns whether something is a torch module; torch is not imported to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def _load_file(path: Path, seconds: float) -> Network | dict[str, ReLULayer]:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UnreadableModel(_unknown_kind(path))
    if not path.is_file():
        raise UnreadableModel(f"Expected a model file. Found no file at {str(path)!r}.")
    return load_onnx(path, seconds) if reader is load_onnx else reader(path)


def _unknown_kind(path: Path) -> str:
    *most, last = sorted(_READERS)
    start = f"Expected a file {', '.join(most)} or {last}. Got {path.name!r}."
    if path.suffix.lower() == ".pt2":
        return (
            f"{start} Opening such a file may run code that is pickled in it. If it is yours: "
            "monic.load(torch.export.load(path).module(), input_shape=...)."
        )
    if path.suffix.lower() in (".ckpt", ".bin"):
        return (
            f"{start} Such files hold Python objects: write the weights alone with "
            "torch.save(model.state_dict(), 'model.pt'), or load the module and pass it to "
            "monic.load with its input_shape."
        )
    return f"{start} Write the network as ONNX, for instance with torch.onnx.export."
