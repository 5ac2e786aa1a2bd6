"""Small ONNX graphs, and two roads to what a network computes."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from monic.io import load
from monic.model import Activation, Network, Stage
from monic.model.array import Array

__all__ = ["agrees", "evaluate", "model", "network", "node", "run", "save"]

node = helper.make_node


def model(
    nodes: Sequence[onnx.NodeProto],
    arrays: Mapping[str, Array] | None = None,
    shape: Sequence[int | str | None] | None = (1, 3),
    **options: Any,
) -> onnx.ModelProto:
    """A model with the input x and the output y; options: opset, dtype, listed, output."""
    dtype = options.get("dtype", TensorProto.FLOAT)
    tensors = [numpy_helper.from_array(a, name) for name, a in (arrays or {}).items()]
    inputs = [helper.make_tensor_value_info("x", dtype, shape)]
    if options.get("listed"):  # old files list initialisers as inputs, too
        inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in tensors]
    output = helper.make_tensor_value_info("y", options.get("output", dtype), None)
    graph = helper.make_graph(list(nodes), "g", inputs, [output], tensors)
    opset = helper.make_opsetid("", options.get("opset", 17))
    return helper.make_model(graph, opset_imports=[opset], ir_version=8)


def save(path: Path, given: onnx.ModelProto) -> Path:
    path.write_bytes(given.SerializeToString())
    return path


def network(path: Path, given: onnx.ModelProto | None = None) -> Network:
    """What monic reads; the model is written first when there is one."""
    loaded = load(path if given is None else save(path, given))
    assert isinstance(loaded, Network)
    return loaded


def run(path: Path, x: Array) -> Array:
    """What onnxruntime computes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    # some versions fuse integer weights with their product and then round the data, too
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {session.get_inputs()[0].name: x})
    return np.asarray(output)


def evaluate(read: Network, x: Array, slope: float = 0.01) -> Array:
    """What the stages compute: affine maps and ReLU exactly, the rest in float64."""
    values = [Fraction(float(t)) for t in x.ravel()]
    for stage in read.stages:
        values = _affine(stage, values)
        first = stage.carried
        if stage.norm is not None:
            numbers = np.array([float(t) for t in values[first:]])
            values[first:] = [Fraction(float(t)) for t in stage.norm.apply(numbers)]
            continue
        known = [Fraction(slope if stage.alpha is None else stage.alpha)]
        known = known if stage.slope is None else stage.slope.reshape(-1).tolist()
        each = (len(values) - first) // len(known)
        slopes = [Fraction(s) for s in known for _ in range(each)]
        kind = stage.activation
        values[first:] = map(_activate, [kind] * len(slopes), values[first:], slopes)
    return np.array([float(t) for t in values])


def _affine(stage: Stage, values: list[Fraction]) -> list[Fraction]:
    exact = stage.map.exact()
    rows = [[int(entry) for entry in row] for row in exact.weight.tolist()]
    shifts = [int(entry) for entry in exact.bias.entries()]
    products = (
        sum((a * t for a, t in zip(row, values, strict=True)), Fraction(0)) for row in rows
    )
    pairs = zip(products, shifts, strict=True)
    return [(product + shift) * exact.scale for product, shift in pairs]


def _activate(activation: Activation, t: Fraction, slope: Fraction) -> Fraction:
    if activation is Activation.IDENTITY:
        return t
    if activation in (Activation.RELU, Activation.LEAKY_RELU, Activation.PRELU):
        return t if t > 0 else t * (0 if activation is Activation.RELU else slope)
    s = float(t)
    if activation is Activation.ELU:
        return Fraction(s if s > 0 else float(slope) * math.expm1(s))
    return Fraction(math.tanh(s) if activation is Activation.TANH else 1 / (1 + math.exp(-s)))


def agrees(path: Path, shape: Sequence[int], slope: float = 0.01, count: int = 3) -> Network:
    """Reads a file, compares it with onnxruntime at random inputs, and returns the network."""
    read, rng = network(path), np.random.default_rng(7)
    dtype = np.float32
    for _ in range(count):
        x = rng.standard_normal(shape).astype(dtype)
        expected = run(path, x).ravel()
        examples = x.reshape(-1, read.in_dim)
        got = np.concatenate([evaluate(read, example, slope) for example in examples])
        assert np.allclose(got, expected, rtol=1e-5, atol=1e-5 * max(1, np.abs(expected).max()))
    return read
