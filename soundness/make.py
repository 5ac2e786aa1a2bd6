"""Makes the corpus: layers, networks, readings and bounds, each with its truth by another road.

Usage: python soundness/make.py (from the repository's root; it needs the `dev` extra)

Nothing here asks monic for a verdict. Layers are settled by brute force over all hyperplane flats
in exact arithmetic, networks by z3, readings by ONNX's reference evaluator in float64, bounds by
formulas that stand beside them. `cases.json` and the files beside it are what this script writes.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE.parent)]

from tests.decision.networks import random_network, same_output_exists  # noqa: E402
from tests.reference import brute_force, question  # noqa: E402
from tests.strategies import DOMAINS, FAMILIES, random_layer  # noqa: E402

from monic.model import Ball, Box, Domain, Network, Orthant, Polyhedron, WholeSpace  # noqa: E402

Case = dict[str, Any]

FLATS = "brute force over all hyperplane flats, in exact arithmetic"
Z3 = "z3, asked for two inputs with equal outputs"
REFERENCE = "onnx.reference, in float64"


def main() -> None:
    """Writes all files anew."""
    cases = [*layers(), *networks(), *known_networks(), *readings(), *bounds()]
    text = json.dumps(cases, indent=1, ensure_ascii=False)
    (HERE / "cases.json").write_text(text + "\n", "utf-8")
    print(f"{len(cases)} cases")


def layers() -> Iterator[Case]:
    """Random small layers on the five kinds of domain."""
    for domain in DOMAINS:
        for n in (1, 2, 3):
            for k in range(6):
                rng = np.random.default_rng([DOMAINS.index(domain), n, k])
                family = FAMILIES[k % len(FAMILIES)]
                layer = random_layer(rng, family=family, domain=domain, n=n, bias=k % 2 == 1)
                asked = question(layer)
                weight = np.array([[float(t) for t in row] for row in asked.rows])
                bias = np.array([float(t) for t in asked.bias])
                file = f"layers/{domain}-{n}-{k}.npz"
                np.savez(HERE / file, weight=weight, bias=bias)
                yield {
                    "file": file,
                    "about": f"ReLU(W x + b), {len(weight)} rows, {family} entries",
                    "domain": described(layer.domain, n),
                    "question": "injective",
                    "truth": brute_force(asked).injective,
                    "found by": FLATS,
                }


def networks() -> Iterator[Case]:
    """Random small networks with integer weights, as ONNX files."""
    for k in range(60):
        network = random_network(np.random.default_rng(k))
        file = f"networks/random-{k}.onnx"
        onnx.save(as_onnx(network), HERE / file)
        yield {
            "file": file,
            "about": "affine maps with integer weights, ReLUs in between",
            "domain": described(network.domain, network.in_dim),
            "question": "injective",
            "truth": not same_output_exists(network),
            "found by": Z3,
        }


def known_networks() -> Iterator[Case]:
    """Networks whose answer stands in a line of mathematics."""
    for name, graph, domain, truth, why in _KNOWN:
        file = f"networks/{name}.onnx"
        onnx.save(graph, HERE / file)
        yield {
            "file": file,
            "about": name.replace("-", " "),
            "domain": domain,
            "question": "injective",
            "truth": truth,
            "found by": why,
        }


def readings() -> Iterator[Case]:
    """Graphs whose function is easily mistaken for another."""
    rng = np.random.default_rng(0)
    for name, graph in _READINGS.items():
        file = f"readings/{name}.onnx"
        onnx.save(graph, HERE / file)
        reference = ReferenceEvaluator(graph)
        given = graph.graph.input[0]
        shape = [d.dim_value for d in given.type.tensor_type.shape.dim]
        inputs = [rng.integers(-3, 4, shape).astype(np.float64) for _ in range(3)]
        outputs = [reference.run(None, {given.name: x})[0] for x in inputs]
        yield {
            "file": file,
            "about": name.replace("-", " "),
            "question": "values",
            "inputs": [x.reshape(-1).tolist() for x in inputs],
            "truth": [y.reshape(-1).tolist() for y in outputs],
            "found by": REFERENCE,
        }


def bounds() -> Iterator[Case]:
    """Layers whose Lipschitz constant and its inverse are known in closed form, squared."""
    for name, rows, bias, domain, kappa, lipschitz, why in _BOUNDS:
        file = f"layers/{name}.npz"
        np.savez(HERE / file, weight=np.array(rows), bias=np.array(bias))
        yield {
            "file": file,
            "about": name.replace("-", " "),
            "domain": domain,
            "question": "bounds",
            "truth": {"inverse Lipschitz squared": kappa, "Lipschitz squared": lipschitz},
            "found by": why,
        }


def described(domain: Domain, n: int) -> Case:
    """A domain as in Section 3 of the certificate specification."""
    if isinstance(domain, Box):
        return {"kind": "box", "lower": _ends(domain.lower), "upper": _ends(domain.upper)}
    if isinstance(domain, Ball):
        center = [str(t) for t in domain.middle(n)]
        return {"kind": "ball", "radius": str(Fraction(domain.radius)), "center": center}
    if isinstance(domain, Polyhedron):
        sides = domain.half_spaces(n)
        rows = [[str(a) for a in normal] for normal, _ in sides]
        return {"kind": "polyhedron", "A": rows, "c": [str(c) for _, c in sides]}
    return {"kind": {WholeSpace: "whole", Orthant: "orthant"}[type(domain)]}


def _ends(values: Any) -> list[str | None]:
    return [str(Fraction(v)) if np.isfinite(v) else None for v in values.tolist()]


def as_onnx(network: Network) -> onnx.ModelProto:
    """A chain of dense stages as Gemm and Relu nodes, in float64."""
    nodes, arrays, value = [], [], "x"
    for k, stage in enumerate(network.stages):
        exact = stage.map.exact()
        unit = float(exact.scale)
        weight = np.array([[float(t) * unit for t in row] for row in exact.weight.tolist()])
        bias = np.array([float(t) * unit for t in exact.bias.entries()])
        arrays += [(f"w{k}", weight), (f"b{k}", bias)]
        nodes.append(helper.make_node("Gemm", [value, f"w{k}", f"b{k}"], [f"z{k}"], transB=1))
        value = f"z{k}"
        if stage.activation.name == "RELU":
            nodes.append(helper.make_node("Relu", [value], [f"h{k}"]))
            value = f"h{k}"
    return model(nodes, arrays, [1, network.in_dim], [1, network.out_dim], value)


def model(
    nodes: Sequence[onnx.NodeProto],
    arrays: Sequence[tuple[str, Any]],
    shape: Sequence[int],
    out: Sequence[int] | None,
    output: str = "y",
    opset: int = 17,
) -> onnx.ModelProto:
    """A model from x to an output, both in float64."""
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, shape)],
        [helper.make_tensor_value_info(output, TensorProto.DOUBLE, out)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, producer_name="corpus"
    )


def _chain(*layers: tuple[Any, Any], relu: Sequence[bool]) -> onnx.ModelProto:
    nodes, arrays, value = [], [], "x"
    for k, ((weight, bias), bent) in enumerate(zip(layers, relu, strict=True)):
        arrays += [(f"w{k}", np.array(weight, float)), (f"b{k}", np.array(bias, float))]
        nodes.append(helper.make_node("Gemm", [value, f"w{k}", f"b{k}"], [f"z{k}"], transB=1))
        value = f"z{k}"
        if bent:
            nodes.append(helper.make_node("Relu", [value], [f"h{k}"]))
            value = f"h{k}"
    first, last = np.array(layers[0][0]), np.array(layers[-1][0])
    return model(nodes, arrays, [1, first.shape[1]], [1, last.shape[0]], value)


def _residual(follow: Sequence[onnx.NodeProto], arrays: Sequence[tuple[str, Any]]) -> Any:
    """s = x + ReLU(x W)/2 and then what follows s."""
    n = 2
    half = [("half", np.array([0.5])), ("w", np.array([[1.0, -1.0], [2.0, 1.0]]))]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["z"]),
        helper.make_node("Relu", ["z"], ["h"]),
        helper.make_node("Mul", ["h", "half"], ["g"]),
        helper.make_node("Add", ["x", "g"], ["s"]),
        *follow,
    ]
    return model(nodes, [*half, *arrays], [1, n], None)


def _node(op: str, inputs: Sequence[str], output: str = "y", **attributes: Any) -> Any:
    return helper.make_node(op, list(inputs), [output], **attributes)


_EYE, _NONE = [[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]
_RELU = _node("Relu", ["s"], "r")
_MIX = ("m", np.array([[1.0, 2.0], [0.0, 1.0]]))
_WHOLE: Case = {"kind": "whole"}
_ORTHANT: Case = {"kind": "orthant"}
_UP = [[1.0], [-1.0], [1.0], [2.0]]

_KNOWN: list[tuple[str, onnx.ModelProto, Case, bool, str]] = [
    (
        "a-sum-then-relu-then-a-matrix",
        model(
            [
                _node("Relu", ["x"], "h"),
                _node("Mul", ["h", "half"], "g"),
                _node("Add", ["x", "g"], "s"),
                _RELU,
                _node("MatMul", ["r", "one"]),
            ],
            [("half", np.array([0.5])), ("one", np.array([[1.0]]))],
            [1, 1],
            [1, 1],
        ),
        _WHOLE,
        False,
        "f(-1) = f(-2) = 0",
    ),
    (
        "the-line-of-section-3",
        _chain(
            (_UP, [0.0] * 4),
            ([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, -1]], [0.0] * 3),
            relu=[True, False],
        ),
        _WHOLE,
        True,
        "(ReLU(x), ReLU(-x), ...) determines x",
    ),
    (
        "the-fold",
        _chain(
            ([[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1], [1, -1], [-1, 1]], [0.0] * 8),
            ([[1, 1, -1, -1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, -1, -1]], [0.0, 0.0]),
            relu=[True, False],
        ),
        _WHOLE,
        False,
        "(|x| - |y|, |x + y| - |x - y|) is even; its determinant is 2 in every region",
    ),
    (
        "identity-on-the-orthant",
        _chain((_EYE, _NONE), relu=[True]),
        _ORTHANT,
        True,
        "ReLU is the identity there",
    ),
    (
        "identity-on-the-plane",
        _chain((_EYE, _NONE), relu=[True]),
        _WHOLE,
        False,
        "every negative pair has the output 0",
    ),
]

_SPACE = np.arange(16.0).reshape(1, 4, 2, 2)
_READINGS: dict[str, onnx.ModelProto] = {
    "residual-relu-matmul": _residual([_RELU, _node("MatMul", ["r", "m"])], [_MIX]),
    "residual-relu-gemm": _residual([_RELU, _node("Gemm", ["r", "m"], transB=1)], [_MIX]),
    "residual-relu-reshape": _residual(
        [_RELU, _node("Reshape", ["r", "size"])], [("size", np.array([2, 1]))]
    ),
    "residual-relu-read-twice": _residual(
        [_RELU, _node("MatMul", ["r", "m"], "t"), _node("Add", ["r", "t"])], [_MIX]
    ),
    "residual-relu-residual": _residual(
        [
            _RELU,
            _node("MatMul", ["r", "m"], "t"),
            _node("Relu", ["t"], "u"),
            _node("Add", ["r", "u"], "v"),
            _node("Relu", ["v"]),
        ],
        [_MIX],
    ),
    "depth-to-space-dcr": model(
        [_node("DepthToSpace", ["x"], blocksize=2, mode="DCR")], [], [1, 8, 2, 2], None
    ),
    "depth-to-space-crd": model(
        [_node("DepthToSpace", ["x"], blocksize=2, mode="CRD")], [], [1, 8, 2, 2], None
    ),
    "convolution-padded-at-the-end": model(
        [_node("Conv", ["x", "k"], pads=[0, 1], strides=[2])],
        [("k", np.array([[[1.0, 2.0]]]))],
        [1, 1, 5],
        None,
    ),
    "convolution-padded-at-the-beginning": model(
        [_node("Conv", ["x", "k"], pads=[1, 0], strides=[2])],
        [("k", np.array([[[1.0, 2.0]]]))],
        [1, 1, 5],
        None,
    ),
    "transposed-convolution-with-output-padding": model(
        [_node("ConvTranspose", ["x", "k"], strides=[2], output_padding=[1])],
        [("k", np.array([[[1.0, 2.0, 3.0]]]))],
        [1, 1, 3],
        None,
    ),
    "leaky-relu-by-default": model([_node("LeakyRelu", ["x"])], [], [1, 4], None),
    "clip-from-both-sides": model(
        [_node("Clip", ["x", "low", "high"])],
        [("low", np.array(-1.0)), ("high", np.array(2.0))],
        [1, 4],
        None,
    ),
}

_SUM = "the rows that are active somewhere, and one region by itself"
_BOUNDS: list[tuple[str, Any, Any, Case, str, str, str]] = [
    ("plus-and-minus-one", [[1.0], [-1.0]], [0.0, 0.0], _WHOLE, "1/2", "1", "x = 1, y = -1"),
    ("identity-and-its-negative", [*_EYE, [-1, 0], [0, -1]], [0.0] * 4, _WHOLE, "1/2", "1",
     "a pair across the origin; each region is an isometry"),
    ("a-row-that-never-acts", [[-2.0], [1.0]], [0.0, 0.0], _ORTHANT, "1", "1",
     "the first row is 0 on the orthant"),
    ("three-rows-on-the-line", [[1.5], [-0.1], [-1.0]], [0.0] * 3, _WHOLE, "909/1304", "9/4",
     "slopes 1.5 to the right and |(0.1, 1)| to the left; x = a, y = -b has "
     "(2.25 a^2 + 1.01 b^2) / (a + b)^2, least 2.25 * 1.01 / 3.26"),
    ("duplicate-rows", [[1.0], [1.0], [-1.0], [-1.0]], [0.0] * 4, _WHOLE, "1", "2",
     "twice the layer (1, -1)"),
]  # fmt: skip


if __name__ == "__main__":
    main()
