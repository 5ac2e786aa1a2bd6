"""What real exporters do: odd shapes, odd orders, odd names."""

from pathlib import Path

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper

from monic.errors import UnsupportedModel
from monic.model import Activation, Input
from monic.model.array import Array
from tests.io.graphs import agrees, model, network, node, save

W = np.arange(12, dtype=np.float32).reshape(3, 4) - 5
GEMM = [node("Gemm", ["x", "w"], ["y"], name="fc")]


@pytest.mark.parametrize("batch", ["N", "batch_size", None, 0, -1, 1])
def test_unknown_batch_is_one_example(batch: str | int | None, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", model(GEMM, {"w": W}, (batch, 3)))
    assert (network(path) if batch == 0 else agrees(path, (1, 3))).in_dim == 3


@pytest.mark.parametrize("opset", [8, 9, 11, 13, 17, 20])
def test_operator_versions(opset: int, tmp_path: Path) -> None:
    nodes = [
        node("Flatten", ["x"], ["f"]),
        node("Gemm", ["f", "w", "b"], ["h"]),
        node("Dropout", ["h"], ["d", "mask"]),
        node("Relu", ["d"], ["y"]),
    ]
    arrays = {"w": W, "b": np.ones(4, np.float32)}
    given = model(nodes, arrays, (1, 1, 3), opset=opset, listed=opset < 9)
    (stage,) = agrees(save(tmp_path / "m.onnx", given), (1, 1, 3)).stages
    assert stage.activation is Activation.RELU


def test_old_operators_are_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match=r"Got 6\. Convert .*version_converter"):
        network(tmp_path / "m.onnx", model(GEMM, {"w": W}, opset=6))


def test_axes_as_attributes(tmp_path: Path) -> None:
    nodes = [
        node("Unsqueeze", ["x"], ["u"], axes=[0, 2]),
        node("Squeeze", ["u"], ["y"], axes=[2]),
    ]
    agrees(save(tmp_path / "m.onnx", model(nodes, {}, (3, 1), opset=11)), (3, 1))


def test_fixed_batch(tmp_path: Path) -> None:
    nodes = [
        node("Reshape", ["x", "s"], ["f"]),
        node("Gemm", ["f", "w"], ["h"]),
        node("Mul", ["h", "v"], ["m"]),
        node("Concat", ["h", "m"], ["c"], axis=-1),
        node("Relu", ["c"], ["y"]),
    ]
    arrays: dict[str, Array] = {
        "s": np.array([7, 3], np.int64),
        "w": W,
        "v": np.full((1, 4), -0.5, np.float32),
    }
    read = agrees(save(tmp_path / "m.onnx", model(nodes, arrays, (7, 1, 3))), (7, 1, 3))
    assert (read.in_dim, read.out_dim) == (3, 8)


@pytest.mark.parametrize(
    "mixing",
    [
        [node("Transpose", ["x"], ["t"], perm=[1, 0]), node("Reshape", ["t", "s"], ["h"])],
        [node("Flatten", ["x"], ["t"], axis=0), node("Reshape", ["t", "s"], ["h"])],
        [node("Concat", ["x", "x"], ["h"], axis=0)],
        [node("Add", ["x", "full"], ["h"])],
        [
            node("Einsum", ["x", "v"], ["t"], equation="bi,ij->jb"),
            node("MatMul", ["t", "u"], ["h"]),
        ],
    ],
)
def test_a_batch_whose_examples_mix_is_one_input(mixing: list[NodeProto], tmp_path: Path) -> None:
    full = np.ones((2, 3), np.float32)
    arrays: dict[str, Array] = {"s": np.array([2, 3], np.int64), "w": W, "full": full}
    arrays |= {"v": W[:, :2].copy(), "u": W[:2, :3] / 4}
    nodes = [*mixing, node("Gemm", ["h", "w"], ["y"])]
    read = agrees(save(tmp_path / "m.onnx", model(nodes, arrays, (2, 3))), (2, 3))
    assert read.in_dim == 6


def test_a_fixed_batch_that_can_be_the_input_is_the_input(tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], ["y"])]
    assert network(tmp_path / "m.onnx", model(nodes, {}, (2, 3))).in_dim == 6


def test_nodes_in_any_order(tmp_path: Path) -> None:
    nodes = [
        node("Relu", ["h"], ["y"]),
        node("Gemm", ["c", "w"], ["h"]),
        node("Identity", ["x"], ["c"]),
    ]
    given = save(tmp_path / "m.onnx", model(nodes, {"w": W}))
    assert [s.activation for s in network(given).stages] == [Activation.RELU]


def test_what_the_output_does_not_need_is_not_read(tmp_path: Path) -> None:
    nodes = [*GEMM, node("Softmax", ["x"], ["unused"])]
    assert network(tmp_path / "m.onnx", model(nodes, {"w": W})).out_dim == 4


def test_names_are_only_names(tmp_path: Path) -> None:
    names = ["/fc/Gemm", "../../etc/passwd", "a\nb", "fc", "fc", "fc_2", ""]
    nodes, at = [], "x"
    square = np.eye(3, dtype=np.float32) - 0.5
    for i, name in enumerate(names):
        nodes += [node("MatMul", [at, "../w"], [f"h{i}"], name=name)]
        nodes += [node("Relu", [f"h{i}"], [f"r{i}"])]
        at = f"r{i}"
    nodes += [node("Identity", [at], ["y"])]
    read = network(tmp_path / "m.onnx", model(nodes, {"../w": square}))
    assert [s.name for s in read.stages] == [*names[:4], "fc_2", "fc_2_2", "h6"]


def test_a_network_without_weights(tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], ["y"])]
    (stage,) = network(tmp_path / "m.onnx", model(nodes)).stages
    assert isinstance(stage.map, Input)
    assert stage.name == "y"


def test_no_empty_last_stage(tmp_path: Path) -> None:
    nodes = [node("Gemm", ["x", "w"], ["h"]), node("Relu", ["h"], ["y"])]
    assert len(network(tmp_path / "m.onnx", model(nodes, {"w": W})).stages) == 1


def test_suffix_in_capitals(tmp_path: Path) -> None:
    assert network(tmp_path / "M.ONNX", model(GEMM, {"w": W})).in_dim == 3


def test_value_info_is_not_needed(tmp_path: Path) -> None:
    given = model(GEMM, {"w": W})
    given.graph.output[0].ClearField("type")
    given.graph.value_info.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [0]))
    assert network(tmp_path / "m.onnx", given).in_dim == 3


def test_reading_a_file_imports_onnx_late() -> None:
    import subprocess
    import sys

    code = (
        "import sys, monic.io; sys.exit(bool({'onnx', 'safetensors', 'torch'} & {*sys.modules}))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": _source()}).returncode == 0
    )


def _source() -> str:
    import monic.io

    return str(Path(monic.io.__file__).parents[2])
