"""Graphs that are not read: every node in the way is named, with the reason and a way out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper

from monic.errors import UnsupportedModel
from monic.io import load
from monic.model.array import Array
from tests.io.graphs import model, network, node, save

W = np.ones((3, 4), np.float32)
S = np.eye(3, dtype=np.float32)
ONE = np.ones(1, np.float32)


def _refused(
    tmp_path: Path, nodes: list[NodeProto], arrays: dict[str, Array] | None = None, **options: Any
) -> list[str]:
    with pytest.raises(UnsupportedModel) as caught:
        network(tmp_path / "m.onnx", model(nodes, arrays, **options))
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


@pytest.mark.parametrize(
    ("op", "why"),
    [
        *((op, "falls and then rises") for op in ("Gelu", "Swish", "HardSwish", "Mish")),
        ("Softmax", r"x and x \+ c give the same output"),
        ("HardSigmoid", "constant on an interval"),
        ("Softplus", "not read; it is one-to-one"),
        ("LpPool", "pooling"),
        ("LSTM", "recurrent"),
        ("If", "control flow"),
        ("Exotic", "this operator is not read; write it with"),
    ],
)
def test_operators_are_refused_by_name(op: str, why: str, tmp_path: Path) -> None:
    (line,) = _refused(tmp_path, [node(op, ["x"], ["y"], name="act")])
    assert line.startswith(f"'act' ({op}): ")
    with pytest.raises(UnsupportedModel, match=why):
        load(tmp_path / "m.onnx")


def test_other_domains_are_refused(tmp_path: Path) -> None:
    (line,) = _refused(tmp_path, [node("Relu", ["x"], ["y"], domain="com.microsoft")])
    assert line.startswith("'y' (com.microsoft:Relu): operators outside ONNX's own")


def test_all_at_once(tmp_path: Path) -> None:
    nodes = [
        node("Gelu", ["x"], ["a"], name="one"),
        node("Gemm", ["a", "w"], ["b"], name="fine"),
        node("Unheard", ["b"], ["c"], name="two", domain="d"),
        node("Relu", ["c"], ["d"], name="fine too"),
        node("Elu", ["b"], ["e"], name="three", alpha=-1.0),
        node("Softmax", ["d"], ["f"], name="four"),
        node("Add", ["e", "e"], ["g"], name="fine again"),
        node("Concat", ["f", "g"], ["y"], axis=1, name="fine, as far as one can tell"),
    ]
    lines = _refused(tmp_path, nodes, {"w": W}, opset=20)
    assert sorted(line.split(" ")[0] for line in lines) == sorted(
        ["'one'", "'two'", "'three'", "'four'"]
    )
    assert all("; " in line for line in lines)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"kernel_shape": [2]}, "does not fit the shape"),
        ({"kernel_shape": [2, 4]}, "do not fit an axis of 3"),
        ({"kernel_shape": [2, 2], "pads": [3, 0, 0, 0]}, "looks at padding only"),
        ({"kernel_shape": [2, 2], "strides": [1]}, "do not fit"),
        ({"kernel_shape": [2, 2], "strides": [0, 1]}, "do not fit"),
        ({"kernel_shape": [0, 2]}, "does not fit the shape"),
    ],
)
def test_pools_that_are_none(options: dict[str, Any], why: str, tmp_path: Path) -> None:
    pool = node("MaxPool", ["x"], ["y"], **options)
    (line,) = _refused(tmp_path, [pool], shape=(1, 1, 3, 3))
    assert why in line


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2], strides=[1]), "do not fit"),
        (node("AveragePool", ["x"], ["y"], kernel_shape=[2], strides=[1, 2]), "does not fit"),
        (node("AveragePool", ["x"], ["y"], kernel_shape=[0, 2]), "are not positive"),
        (node("Pad", ["x"], ["y"], pads=[0, 0, -3, 2**40, 0, 0, 0, 0]), "leave nothing"),
        (node("Upsample", ["x"], ["y"], scales=[1.0, 1.0, float("inf"), 2.0]), "whole number"),
        (node("Upsample", ["x"], ["y"], scales=[1.0, 1.0, float("nan"), 2.0]), "whole number"),
    ],
)
def test_absurd_numbers_are_refused(given: NodeProto, why: str, tmp_path: Path) -> None:
    opset = 7 if given.op_type == "Upsample" else 10
    (line,) = _refused(tmp_path, [given], shape=(1, 1, 3, 3), opset=opset)
    assert why in line


ARITHMETIC: dict[str, tuple[NodeProto, dict[str, Array], str]] = {
    "square": (node("Mul", ["x", "x"], ["y"]), {}, "combines two tensors"),
    "attention": (node("MatMul", ["x", "x"], ["y"]), {}, "combines two tensors"),
    "integers": (node("Mul", ["x", "c"], ["y"]), {"c": np.ones(1, np.int64)}, "int64"),
    "enlarging": (node("Add", ["x", "c"], ["y"]), {"c": np.ones((2, 3), np.float32)}, "enlarges"),
    "partial": (
        node("Mul", ["x", "c"], ["y"]),
        {"c": np.ones((1, 1, 2, 1, 3), np.float32)},
        "repeated along some axes",
    ),
    "misfit": (node("Add", ["x", "c"], ["y"]), {"c": np.ones(5, np.float32)}, "do not fit"),
    "nan": (node("Add", ["x", "c"], ["y"]), {"c": ONE * np.nan}, "NaN or infinity"),
    "division by zero": (node("Div", ["x", "c"], ["y"]), {"c": ONE * 0}, "other than 0"),
    "division by a larger tensor": (
        node("Div", ["x", "c"], ["y"]),
        {"c": np.ones((2, 3), np.float32)},
        "enlarges",
    ),
    "reciprocal": (node("Div", ["c", "x"], ["y"]), {"c": ONE}, "divides by a tensor"),
    "transA": (node("Gemm", ["x", "c"], ["y"], transA=1), {"c": ONE.reshape(1, 1)}, "transA"),
    "constant first": (node("Gemm", ["c", "x"], ["y"]), {"c": ONE.reshape(1, 1)}, "MatMul"),
    "beta": (node("Gemm", ["x", "w", "c"], ["y"], beta=0.3), {"w": W, "c": ONE}, "beta = 1"),
    "wide bias": (
        node("Gemm", ["x", "w", "c"], ["y"]),
        {"w": W, "c": np.ones((2, 4), np.float32)},
        "enlarges",
    ),
    "wrong weight": (node("Gemm", ["x", "c"], ["y"]), {"c": ONE.reshape(1, 1)}, "takes 3 numbers"),
    "batched weight": (node("MatMul", ["x", "c"], ["y"]), {"c": W[None]}, "as a matrix"),
    "prelu with nan": (node("PRelu", ["x", "c"], ["y"]), {"c": ONE * np.inf}, "finite"),
    "clip at nan": (node("Clip", ["x", "c"], ["y"]), {"c": ONE * np.nan}, "no number"),
    "clip by input": (node("Clip", ["x", "x"], ["y"]), {}, "no constant number"),
    "maximum of constants": (node("Max", ["c"], ["y"]), {"c": ONE}, "constants only"),
    "pool of a row": (node("MaxPool", ["x"], ["y"], kernel_shape=[2]), {}, "channels, *spatial"),
    "elu": (node("Elu", ["x"], ["y"], alpha=-1.0), {}, "not one-to-one"),
    "alpha nan": (node("Elu", ["x"], ["y"], alpha=float("nan")), {}, "finite"),
    "alpha text": (node("Elu", ["x"], ["y"], alpha="no"), {}, "finite"),
    "constants in": (node("Concat", ["x", "c"], ["y"], axis=1), {"c": W[:1]}, "joins constants"),
    "joins rows": (node("Concat", ["x", "x"], ["y"], axis=2), {}, "axis 2"),
    "reshape": (node("Reshape", ["x", "c"], ["y"]), {"c": np.array([5])}, "does not fill"),
    "reshape -2": (node("Reshape", ["x", "c"], ["y"]), {"c": np.array([-2, -3])}, "not fill"),
    "reshape by input": (node("Reshape", ["x", "x"], ["y"]), {}, "fixed shapes"),
    "flatten": (node("Flatten", ["x"], ["y"], axis=9), {}, "axis 9"),
    "squeeze": (node("Squeeze", ["x", "c"], ["y"]), {"c": np.array([1])}, "does not fill"),
    "squeeze 9": (node("Squeeze", ["x", "c"], ["y"]), {"c": np.array([9])}, "do not exist"),
    "unsqueeze": (node("Unsqueeze", ["x", "c"], ["y"]), {"c": np.array([9])}, "do not fit"),
    "absurd": (node("Reshape", ["x", "c"], ["y"]), {"c": np.array([2**63], "u8")}, "absurd"),
    "perm": (node("Transpose", ["x"], ["y"], perm=[0, 0]), {}, "permutation"),
    "missing": (node("Gemm", ["x"], ["y"]), {}, "input 1 is missing"),
    "mask": (node("Dropout", ["x"], ["z", "y"]), {}, "first output"),
    "training": (
        node("Dropout", ["x", "", "c"], ["y"]),
        {"c": np.array(True)},
        "evaluation mode",
    ),
}


@pytest.mark.parametrize("name", ARITHMETIC)
def test_what_is_not_exact_or_not_affine(name: str, tmp_path: Path) -> None:
    given, arrays, why = ARITHMETIC[name]
    shape = (1, 2, 2, 3) if name == "partial" else (1, 3)
    (line,) = _refused(tmp_path, [given], arrays, shape=shape)
    assert why in line
    assert "; " in line


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ([node("Transpose", ["s"], ["t"]), node("Add", ["r", "t"], ["y"])], "transpose"),
        (
            [node("Reshape", ["w", "c"], ["t"]), node("MatMul", ["x", "t"], ["y"])],
            "store it so",
        ),
        (
            [
                node("Transpose", ["w"], ["t"]),
                node("Reshape", ["t", "c"], ["u"]),
                node("MatMul", ["x", "u"], ["y"]),
            ],
            "reshapes a transposed constant",
        ),
        ([node("MatMul", ["s", "w"], ["t"]), node("MatMul", ["x", "t"], ["y"])], "constants only"),
    ],
)
def test_constants_that_are_not_in_the_file(
    nodes: list[NodeProto], why: str, tmp_path: Path
) -> None:
    arrays = {"s": S, "w": W, "c": np.array([3, 4])[::1], "row": np.ones((3, 3), np.float32)}
    if "r" in nodes[-1].input:
        nodes = [node("Reshape", ["x", "c"], ["r"]), *nodes]
        arrays["c"] = np.array([3, 3])
        given = model(nodes, arrays, (1, 9))
    else:
        arrays["c"] = np.array([3, 4] if "u" in nodes[-1].input else [4, 3])
        given = model(nodes, arrays, (1, 4 if "store" in why else 3))
    with pytest.raises(UnsupportedModel, match=why):
        network(tmp_path / "m.onnx", given)


def test_inputs_and_outputs(tmp_path: Path) -> None:
    relu = [node("Relu", ["x"], ["y"])]
    assert "sizes are not known" in _refused(tmp_path, relu, shape=(1, "n"))[0]
    assert "sizes are not known" in _refused(tmp_path, relu, shape=("n",))[0]
    assert "sizes are not known" in _refused(tmp_path, relu, shape=None)[0]
    assert "more than 2^31" in _refused(tmp_path, relu, shape=(1, 2**40))[0]
    assert "does not hold floats" in _refused(tmp_path, relu, dtype=TensorProto.INT64)[0]
    constant = [node("Identity", ["w"], ["y"])]
    assert "does not depend" in _refused(tmp_path, constant, {"w": W})[0]
    two = model([node("Relu", ["x"], ["y"])])
    two.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 2]))
    with pytest.raises(UnsupportedModel, match=r"the inputs: one is read, and there are 'x', 'z'"):
        network(tmp_path / "m.onnx", two)
    two.graph.output.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2]))
    with pytest.raises(UnsupportedModel, match=r"one output. Got 2: 'y', 'x'"):
        network(tmp_path / "m.onnx", two)


def test_doubling_without_end(tmp_path: Path) -> None:
    nodes = [
        node("Concat", [f"h{i}", f"h{i}"], [f"h{i + 1}"], axis=1, name=f"n{i}") for i in range(80)
    ]
    nodes = [node("Relu", ["x"], ["h0"]), *nodes, node("Relu", ["h80"], ["y"])]
    with pytest.raises(UnsupportedModel, match="takes at most 4,096 MiB"):
        network(tmp_path / "m.onnx", model(nodes))


def test_sparse_initialisers(tmp_path: Path) -> None:
    given = model([node("MatMul", ["x", "w"], ["y"])])
    values = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    where = helper.make_tensor("where", TensorProto.INT64, [1], [0])
    given.graph.sparse_initializer.append(helper.make_sparse_tensor(values, where, [3, 4]))
    with pytest.raises(UnsupportedModel, match="sparse ones: 'w'"):
        load(save(tmp_path / "m.onnx", given))


def test_a_concat_of_tensors_of_different_ranks(tmp_path: Path) -> None:
    nodes = [node("ReduceMean", ["x"], ["m"], axes=[1], keepdims=0), node("Relu", ["x"], ["r"])]
    nodes.append(node("Concat", ["r", "m"], ["y"], axis=1))
    (line,) = _refused(tmp_path, nodes)
    assert "do not fit together" in line
