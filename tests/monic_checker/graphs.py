"""Graphs for the tests of the comparison, carried out exactly and shown in floats."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from monic import Network, load
from monic.certificate.network import network_collision_certificate
from monic_checker import read_arrays
from monic_checker.arrays import ITEM_SIZES, Array
from monic_checker.budget import MEMORY, WORK, Budget
from monic_checker.graph import Comparison, compare
from monic_checker.graph.carrying import Machine
from monic_checker.graph.model import read_graph
from monic_checker.graph.run import Run
from monic_checker.graph.tensor import Tensor
from monic_checker.network import NetworkSubject, read_network
from monic_checker.system import find_arrays

__all__ = ["carried_out", "compared", "graph", "subject_of", "tensor_of"]


def tensor_of(array: np.ndarray) -> Tensor:
    """Returns the exact numbers of an array."""
    if array.dtype == bool:
        whole = Tensor.of_integers([int(entry) for entry in array.reshape(-1)], array.shape)
        return Tensor(whole.shape, whole.entries, dtype="bool")
    name = array.dtype.name
    assert name in ITEM_SIZES, name
    return Tensor.of_array(Array("x", name, tuple(array.shape), array.tobytes()), _budget())


def _budget() -> Budget:
    return Budget(MEMORY, WORK)


def carried_out(
    model: onnx.ModelProto, inputs: Sequence[np.ndarray | None], folder: Path
) -> list[np.ndarray]:
    """Returns the outputs of a model that the checker's interpreter finds, as floats."""
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    graph = read_graph(path, _budget())
    pairs = zip(graph.inputs, inputs, strict=True)
    given = {port.name: tensor_of(array) for port, array in pairs if array is not None}
    names = [port.name for port in graph.outputs]
    found = Machine(graph).values(given, Run(_budget()), names)
    return [
        np.array([int(t.p) / int(t.q) for t in found[name].rationals()]).reshape(found[name].shape)
        for name in names
    ]


def graph(
    nodes: Sequence[onnx.NodeProto],
    weights: dict[str, np.ndarray],
    shapes: tuple[Sequence[int | str | None], Sequence[int | str | None]],
    *,
    opset: int = 17,
    dtype: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """Returns a model from x to y."""
    stored = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    first, last = (
        [helper.make_tensor_value_info(name, dtype, shape)]
        for name, shape in zip("xy", shapes, strict=True)
    )
    whole = helper.make_graph(list(nodes), "graph", first, last, stored)
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def compared(
    honest: onnx.ModelProto, other: onnx.ModelProto, folder: Path, budget: Budget | None = None
) -> Comparison:
    """Compares the network that monic reads from one model with the graph of another."""
    first, second = folder / "honest.onnx", folder / "other.onnx"
    first.write_bytes(honest.SerializeToString())
    second.write_bytes(other.SerializeToString())
    subject = subject_of(load(first), budget)
    return compare(subject, find_arrays(subject, read_arrays(first)), second)


def subject_of(network: object, budget: Budget | None = None) -> NetworkSubject:
    """Returns the subject of proofs about a network, as the checker reads it."""
    assert isinstance(network, Network)
    zero = [Fraction(0)] * network.in_dim
    header = network_collision_certificate(network, zero, zero).header
    return read_network(header["subject"], budget or _budget())
