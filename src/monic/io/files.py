"""One way to read every kind of model file."""

from collections.abc import Callable
from pathlib import Path

from monic.errors import UnreadableModel
from monic.io.numpy import load_npy, load_npz
from monic.io.onnx import load_onnx
from monic.io.safetensors import load_safetensors
from monic.model import Network, ReLULayer

__all__ = ["load"]

_READERS: dict[str, Callable[[Path], Network | dict[str, ReLULayer]]] = {
    ".onnx": load_onnx,
    ".npy": load_npy,
    ".npz": load_npz,
    ".safetensors": load_safetensors,
}


def load(path: str | Path) -> Network | dict[str, ReLULayer]:
    """Reads a model file; what kind it is, its suffix tells.

    An `.onnx` file holds a graph and becomes a network. The others hold weights only and become
    ReLU layers by name, on the whole space: `.npy` (one weight), `.npz` and `.safetensors`
    (`weight` and `bias`, or pairs `NAME.weight` and `NAME.bias`).

    Arguments:
        path: The file.

    Raises:
        UnreadableModel: when the file is missing, damaged, or of a kind that is not read.
        UnsupportedModel: when it is readable but holds what monic does not decide; the message
            lists every such node.

    Example:
        >>> load("model.pt")
        Traceback (most recent call last):
        monic.errors.UnreadableModel: Expected a file .npy, .npz, .onnx or .safetensors. Got ...
    """
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UnreadableModel(_unknown_kind(path))
    if not path.is_file():
        raise UnreadableModel(f"Expected a model file. Found no file at {str(path)!r}.")
    return reader(path)


def _unknown_kind(path: Path) -> str:
    *most, last = sorted(_READERS)
    start = f"Expected a file {', '.join(most)} or {last}. Got {path.name!r}."
    if path.suffix.lower() in (".pt", ".pth", ".ckpt", ".bin"):
        return (
            f"{start} Such files hold Python objects: write the network with "
            "torch.onnx.export(model, example, 'model.onnx', external_data=False), or its weights "
            "with safetensors.torch.save_file(model.state_dict(), 'model.safetensors')."
        )
    return f"{start} Write the network as ONNX, for instance with torch.onnx.export."
