"""Nodes that break a rule of their operator: each is refused in words, and never guessed at."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from monic_checker.graph.errors import NotCompared
from tests.monic_checker.graphs import carried_out, graph

IMAGE, ROWS = (1, 4, 6, 6), (2, 6)
Weights = list["np.ndarray | None"]


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, dtype=np.float32)


FOUR = [ones(4)] * 4
#: What is refused, the operator, its further inputs, its attributes, and the shape of the input.
CASES: list[tuple[str, str, Weights, dict[str, Any], tuple[int, ...]]] = [
    ("axis 5 does not exist", "Concat", [ones(2, 6)], {"axis": 5}, ROWS),
    ("axis 3 does not exist", "Flatten", [], {"axis": 3}, ROWS),
    ("axes .* do not fit", "Unsqueeze", [ints(0, 0)], {}, ROWS),
    ("permutation .* does not fit", "Transpose", [], {"perm": [0, 0]}, ROWS),
    ("its pads do not fit", "Pad", [ints(1, 1)], {}, ROWS),
    ("is not carried out for these pads", "Pad", [ints(9, 9, 9, 9)], {"mode": "reflect"}, ROWS),
    ("its blocks do not fit", "DepthToSpace", [], {"blocksize": 3}, IMAGE),
    ("its blocks do not fit", "SpaceToDepth", [], {"blocksize": 4}, IMAGE),
    ("its mode .* is not known", "DepthToSpace", [], {"blocksize": 2, "mode": "CDR"}, IMAGE),
    ("do not fit together", "Add", [ones(5)], {}, ROWS),
    ("divides by 0", "Div", [0 * ones(1)], {}, ROWS),
    ("its kernel .* does not fit", "Conv", [ones(4, 4, 3)], {}, IMAGE),
    ("kernel_shape is not", "Conv", [ones(4, 4, 3, 3)], {"kernel_shape": [2, 2]}, IMAGE),
    ("kernel is larger", "Conv", [ones(4, 4, 7, 7)], {}, IMAGE),
    ("3 groups do not fit", "Conv", [ones(4, 4, 3, 3)], {"group": 3}, IMAGE),
    ("0 groups do not fit", "Conv", [ones(4, 4, 3, 3)], {"group": 0}, IMAGE),
    ("groups do not fit", "Conv", [ones(4, 3, 3, 3)], {}, IMAGE),
    ("its bias has the shape", "Conv", [ones(4, 4, 3, 3), ones(3)], {}, IMAGE),
    ("output_padding", "ConvTranspose", [ones(4, 4, 3, 3)], {"output_padding": [1]}, IMAGE),
    ("groups do not fit", "ConvTranspose", [ones(3, 4, 3, 3)], {}, IMAGE),
    ("its power .* is not carried out", "Pow", [np.array(9.0, dtype=np.float32)], {}, ROWS),
    ("its power .* is not carried out", "Pow", [np.array(0.3, dtype=np.float32)], {}, ROWS),
    ("do not fit together", "Concat", [ones(3, 5)], {"axis": 1}, ROWS),
    ("do not make up axis", "Split", [ints(5)], {"axis": 1}, ROWS),
    ("do not fit together", "Slice", [ints(0), ints(2), ints(0, 1)], {}, ROWS),
    ("do not fit together", "Slice", [ints(0), ints(2), ints(0), ints(0)], {}, ROWS),
    ("entries that are not there", "Gather", [ints(6)], {"axis": 1}, ROWS),
    ("entries that are not there", "Gather", [ints(-7)], {"axis": 1}, ROWS),
    ("expands to the shape", "Expand", [ints(2, 0)], {}, ROWS),
    ("its repeats", "Tile", [ints(2)], {}, ROWS),
    ("its repeats", "Tile", [ints(2, 0)], {}, ROWS),
    ("does not fill", "Reshape", [ints(5, 5)], {}, ROWS),
    ("no list of integers", "Transpose", [], {"perm": 1}, ROWS),
    ("no integer", "Flatten", [], {"axis": "1"}, ROWS),
    ("no number", "LeakyRelu", [], {"alpha": 1}, ROWS),
    ("no string", "DepthToSpace", [], {"blocksize": 2, "mode": 1}, IMAGE),
    ("it has 1 inputs", "Gemm", [], {}, ROWS),
    ("not known here", "Softmax", [], {}, ROWS),
    ("no such operator", "RMSNormalization", [ones(6)], {}, ROWS),
    ("windows are larger", "MaxPool", [], {"kernel_shape": [7, 7]}, IMAGE),
    ("do not fit the image", "MaxPool", [], {"kernel_shape": [2]}, IMAGE),
    ("not positive", "MaxPool", [], {"kernel_shape": [0, 2]}, IMAGE),
    ("its pads are not", "MaxPool", [], {"kernel_shape": [2, 2], "pads": [1, 1]}, IMAGE),
    ("its pads are not", "MaxPool", [], {"kernel_shape": [2, 2], "pads": [0, 0, 0, -1]}, IMAGE),
    ("auto_pad .* is not known", "MaxPool", [], {"kernel_shape": [2, 2], "auto_pad": "X"}, IMAGE),
    ("do not fit together", "MatMul", [ones(5, 6)], {}, ROWS),
    ("it takes matrices", "Gemm", [ones(4, 6)], {}, IMAGE),
    ("its bias of shape", "Gemm", [ones(6, 3), ones(5, 2, 3)], {}, ROWS),
    ("its equation", "Einsum", [ones(6, 3)], {"equation": "ijk,jk->ik"}, ROWS),
    ("its equation", "Einsum", [ones(5, 3)], {"equation": "ij,jk->ik"}, ROWS),
    ("one tensor alone", "Einsum", [ones(6, 3)], {"equation": "ij,jk->i"}, ROWS),
    ("neither scales nor sizes", "Resize", [], {}, IMAGE),
    ("do not fit the shape", "Resize", [None, ones(3)], {}, IMAGE),
    ("do not fit the shape", "Resize", [None, -ones(4)], {}, IMAGE),
    ("nearest_mode", "Resize", [None, 2 * ones(4)], {"nearest_mode": "x"}, IMAGE),
    ("a logarithm", "Log", [], {}, ROWS),
    ("a root of", "Sqrt", [], {}, ROWS),
    ("alpha or gamma", "Selu", [], {"alpha": -1.0}, ROWS),
    ("no integers|expected integers", "Reshape", [ones(2)], {}, ROWS),
    ("infinite or NaN", "LeakyRelu", [], {"alpha": float("inf")}, ROWS),
    (".", "BatchNormalization", [ones(3)] * 4, {}, IMAGE),
    (".", "BatchNormalization", [*FOUR[:3], -ones(4)], {}, IMAGE),
    (".", "InstanceNormalization", [ones(3), ones(3)], {}, IMAGE),
    (".", "GroupNormalization", [ones(3), ones(3)], {"num_groups": 3}, IMAGE),
    (".", "GroupNormalization", [ones(4), ones(4)], {"num_groups": 2}, IMAGE),
    (".", "Dropout", [np.array(0.5, dtype=np.float32), np.array(True)], {}, ROWS),
    (".", "ConstantOfShape", [], {}, ROWS),
]


@pytest.mark.parametrize(
    ("words", "op", "weights", "attributes", "shape"),
    CASES,
    ids=[f"{k}-{case[1]}" for k, case in enumerate(CASES)],
)
def test_a_wrong_node_is_refused(
    words: str,
    op: str,
    weights: Weights,
    attributes: dict[str, Any],
    shape: tuple[int, ...],
    tmp_path: Path,
) -> None:
    named = {f"w{k}": np.asarray(w) for k, w in enumerate(weights) if w is not None}
    inputs = ["x", *("" if w is None else f"w{k}" for k, w in enumerate(weights))]
    node = helper.make_node(op, inputs, ["y"], **attributes)
    model = graph([node], named, (shape, [None]), opset=20)
    with pytest.raises(NotCompared, match=words):
        carried_out(model, [-np.ones(shape, dtype=np.float32)], tmp_path)


@pytest.mark.parametrize("exponent", [0.5, -0.5, 1.0, 2.0, 3.0])
def test_powers(exponent: float, tmp_path: Path) -> None:
    node = helper.make_node("Pow", ["x", "p"], ["y"])
    model = graph([node], {"p": np.array(exponent, dtype=np.float32)}, (ROWS, ROWS))
    x = np.arange(1, 13, dtype=np.float32).reshape(ROWS) / 4
    (y,) = carried_out(model, [x], tmp_path)
    assert np.allclose(y.astype(float), x**exponent, rtol=6e-3)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"value_floats": [0.5, -2.0]}, [0.5, -2.0]),
        ({"value_float": 0.25}, 0.25),
        ({"value_int": 3}, 3),
        ({"value_ints": [3, 4]}, [3, 4]),
    ],
)
def test_constants(attributes: dict[str, Any], expected: object, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Constant", [], ["c"], **attributes),
        helper.make_node("Cast", ["c"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["x", "f"], ["y"]),
    ]
    (y,) = carried_out(graph(nodes, {}, ((1, 2), (1, 2))), [np.ones((1, 2), np.float32)], tmp_path)
    assert np.array_equal(y.astype(float), np.ones((1, 2)) + np.array(expected))
