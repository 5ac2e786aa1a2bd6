"""The front call: one ONNX file, one network."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from monic.errors import UnreadableModel, UnsupportedModel
from monic.io.comparing import DEFAULT_SECONDS
from monic.io.onnx.comparing import compared_with_file
from monic.io.onnx.graph import graph_of
from monic.io.onnx.hints import declared_shapes
from monic.io.onnx.reader import Reading, fixed_batch, read
from monic.model import Network

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["load_onnx", "message"]

_LIMIT = (1 << 31) - 1  # bytes in a protobuf message


def load_onnx(path: Path, seconds: float = DEFAULT_SECONDS) -> Network:
    """Returns the network in an ONNX file, for one example, compared with the file.

    A first axis of unknown size counts examples and is read as 1. A first axis of a fixed size
    above 1 belongs to the input if the graph can be read so, without matrices that are applied
    to each of its rows; else it counts examples as well, if the graph can be read so.

    Arguments:
        path: The file. External data is read from the folder of the file only.
        seconds: How long the comparison may take.

    Raises:
        ReadingError: when the network computes something else than the file.
        UnreadableModel: when the file is no ONNX file, is damaged or reaches outside its folder.
        UnsupportedModel: when nodes are not supported; the message lists all of them.
    """
    model = message(path)
    graph = graph_of(model, path.parent)
    hints = functools.cache(lambda: declared_shapes(model))
    fixed, readings = fixed_batch(graph), list[Reading]()
    for lead, whole in ((1, True), (fixed, False), (1, False))[0 if fixed > 1 else 2 :]:
        readings.append(read(graph, lead, hints, whole=whole))
        if readings[-1].network is not None:
            return compared_with_file(model, path, graph, readings[-1], seconds)
    *others, loose = readings
    best = next((r for r in others[1:] if r.is_closer_than(loose)), loose)
    raise UnsupportedModel(best.complaint(repr(path.name)))


def message(path: Path) -> "ModelProto":
    """Returns the message in an ONNX file; raises as `load_onnx` does."""
    import onnx

    model = onnx.ModelProto()
    try:
        size = path.stat().st_size
        if size <= _LIMIT:
            model.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's implementations raise errors of their own
        raise _unreadable(path, str(error)) from None
    if size > _LIMIT:
        raise _unreadable(path, f"it has {size} bytes, more than such a file can have")
    if not model.HasField("graph") or not model.graph.output:
        raise _unreadable(path, "it holds no graph with an output")
    return model


def _unreadable(path: Path, why: str) -> UnreadableModel:
    return UnreadableModel(
        f"Expected an ONNX file in {path.name!r}. Got one that cannot be read: "
        f"{' '.join(why.split())}. Export the network again."
    )
