"""Small valid files of every kind that is read."""

import io
import json
import random
import struct
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.mutation import bytewise, json_changed
from tests.monic_checker.examples import EXAMPLES

__all__ = [
    *("arrays_npy", "arrays_npz", "checkpoints", "domains_npz", "in_body", "in_domain"),
    *("onnx_models", "proofs", "safetensors", "torch_files", "trees", "vnnlib"),
]

CERTIFICATES = Path(__file__).parents[1] / "certificates" / "valid"
_NAMES = ("f2", "f4", "f8", ">f4", "i1", "i8", "u2")


def arrays_npy() -> list[bytes]:
    """Files of numpy, in both orders of bytes and of axes."""
    found = []
    for k, name in enumerate(_NAMES):
        stream = io.BytesIO()
        array = np.arange(6).reshape(3, 2).astype(name)
        np.save(stream, np.asfortranarray(array) if k % 2 else array)
        found.append(stream.getvalue())
    return found


def arrays_npz() -> list[bytes]:
    """Archives of a weight and a bias, and those beside the valid proofs."""
    stream = io.BytesIO()
    arrays: dict[str, Any] = {"fc.weight": np.ones((2, 2)), "fc.bias": np.zeros(2)}
    np.savez_compressed(stream, **arrays)
    return [
        stream.getvalue(),
        *(path.read_bytes() for path in sorted(CERTIFICATES.glob("*.npz"))[:6]),
    ]


def safetensors() -> list[bytes]:
    """Files with a weight and a bias."""
    about = {
        "__metadata__": {"format": "pt"},
        "fc.weight": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
        "fc.bias": {"dtype": "BF16", "shape": [2], "data_offsets": [8, 12]},
    }
    header = json.dumps(about).encode()
    return [struct.pack("<Q", len(header)) + header + struct.pack("<2f4x", 1.0, -2.0)]


@cache
def torch_files() -> list[bytes]:
    """What torch saves: a state dict, views of one storage, and a parameter."""
    import torch

    base = torch.arange(6.0).reshape(2, 3)
    values = [
        torch.nn.Linear(2, 3).state_dict(),
        {"weight": base.T, "bias": base[:, 1], "half": base.half()},
        {"weight": torch.nn.Parameter(base), "step": 3, "name": ("a", [1.5])},
    ]
    return [_saved(torch.save, value) for value in values]


def _saved(save: object, value: object) -> bytes:
    stream = io.BytesIO()
    assert callable(save)
    save(value, stream)
    return stream.getvalue()


@cache
def onnx_models() -> list[bytes]:
    """Graphs of a few nodes: matrices, convolutions, norms and pools."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)

    def model(nodes: list[onnx.NodeProto], shape: list[int], **arrays: np.ndarray) -> bytes:
        stored = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
        ports = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape if name == "x" else None)
            for name in ("x", "y")
        ]
        graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], stored)
        opset = helper.make_opsetid("", 17)
        made: bytes = helper.make_model(graph, opset_imports=[opset]).SerializeToString()
        return made

    def node(op: str, *names: str, **more: Any) -> onnx.NodeProto:
        return helper.make_node(op, names[:-1], names[-1:], **more)

    def random(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    gemm = [node("Gemm", "x", "w", "b", "h", transB=1), node("Relu", "h", "y")]
    joined = [
        node("MatMul", "x", "w", "h"),
        node("Relu", "h", "r"),
        node("Add", "r", "x", "s"),
        node("LeakyRelu", "s", "y", alpha=0.1),
    ]
    image = [
        node("Conv", "x", "w", "h", pads=[1, 1, 1, 1], strides=[1, 1]),
        node("BatchNormalization", "h", "g", "b", "m", "v", "n"),
        node("Relu", "n", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "p", "y"),
    ]
    ones = np.ones(2, np.float32)
    return [
        model(gemm, [1, 2], w=random(3, 2), b=random(3)),
        model(joined, [1, 2], w=random(2, 2)),
        model(image, [1, 1, 4, 4], w=random(2, 1, 3, 3), g=ones, b=ones, m=ones, v=ones),
    ]


def proofs() -> list[bytes]:
    """Proofs of every kind."""
    return [example.proof for example in EXAMPLES.values()]


def domains_npz() -> list[bytes]:
    """Boxes, polyhedra and balls as arrays."""
    found = []
    for arrays in (
        {"lower": np.zeros(2), "upper": np.ones(2)},
        {"A": np.eye(2), "c": np.ones(2)},
        {"radius": np.array(2.0), "center": np.zeros(2)},
    ):
        stream = io.BytesIO()
        np.savez(stream, **arrays)
        found.append(stream.getvalue())
    return found


def vnnlib() -> list[bytes]:
    """Properties, as VNN-LIB has them."""
    names = (
        "".join(f"(declare-const X_{k} Real)\n" for k in range(2)) + "(declare-const Y_0 Real)\n"
    )
    box = (
        "(assert (<= X_0 0.5))\n(assert (>= X_0 -1))\n(assert (and (<= X_1 1e-1) (>= X_1 -.5)))\n"
    )
    plane = "(assert (<= (+ X_0 (* 2 X_1)) 3))\n(assert (or (and (<= Y_0 0))))\n"
    return [text.encode() for text in (names + box, names + box + plane, "; c\n" + names + plane)]


@cache
def checkpoints() -> list[bytes]:
    """Unfinished and finished searches."""
    import monic
    from monic import Limits

    matrix = np.random.default_rng(0).standard_normal((30, 5))
    layer = monic.ReLULayer(matrix)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for nodes in (20, 10**6):
            decision = monic.decide(layer, method="branching", limits=Limits(nodes=nodes))
            found.append(monic.save_checkpoint(Path(folder) / "c", decision).read_bytes())
    return found


def trees() -> list[bytes]:
    """Proofs by trees."""
    return [example.proof for example in EXAMPLES.values() if example.body]


def in_body(rng: random.Random, data: bytes) -> bytes:
    """A proof whose body is changed."""
    head, body = _parted(data)
    return head + bytewise(rng, body)


def in_domain(rng: random.Random, data: bytes) -> bytes:
    """A proof whose domain is changed."""
    head, body = _parted(data)
    version, text, _ = head.split(b"\n")
    header = json.loads(text)
    header["subject"]["domain"] = json_changed(rng, header["subject"]["domain"])
    return version + b"\n" + json.dumps(header).encode() + b"\n" + body


def _parted(data: bytes) -> tuple[bytes, bytes]:
    end = data.index(b"\n", data.index(b"\n") + 1) + 1
    return data[:end], data[end:]
