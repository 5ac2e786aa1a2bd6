"""The comparison of a network with the ONNX file that it was read from."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from monic.io.comparing import Evaluator, Subject, Track, compared
from monic.io.onnx.graph import Graph
from monic.io.onnx.landmarks import landmarks_of
from monic.io.onnx.reader import Reading
from monic.io.onnx.reference import OnnxReference
from monic.io.onnx.runtime import OnnxRuntime
from monic.model import Network

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["compared_with_file", "subject_of"]


def compared_with_file(
    model: "ModelProto", path: Path, graph: Graph, reading: Reading, seconds: float
) -> Network:
    """Returns the network that was read, with what came of comparing it.

    Arguments:
        model: The message in the file.
        path: The file.
        graph: The graph that was read.
        reading: What came of that.
        seconds: How long the comparison may take.

    Raises:
        ReadingError: when it computes something else.
    """
    assert reading.network is not None, "what is not read is not compared"
    subject = subject_of(graph, reading, repr(path.name))
    shape = tuple(1 if size is None else size for size in graph.inputs[0].dims or ())
    evaluators: list[Callable[[], Evaluator]] = [
        partial(OnnxReference, model, path.parent, shape, widened=True),
        partial(OnnxRuntime, model, path.parent, shape),
        partial(OnnxReference, model, path.parent, shape, widened=False),
    ]
    return replace(reading.network, reading=compared(subject, evaluators, seconds))


def subject_of(graph: Graph, reading: Reading, place: str) -> Subject:
    """Returns a network with its landmarks, and how to speak about it."""
    network = reading.network
    assert network is not None, "what is not read is not compared"
    landmarks = landmarks_of(network, reading.tensors, reading.last)
    labels = {name: node.label for node in graph.nodes for name in node.outputs}
    shape = [1 if size is None else size for size in graph.inputs[0].dims or ()]
    lead = math.prod(shape) // network.in_dim
    return Subject(Track(network, landmarks, graph.output), lead, place, labels)
