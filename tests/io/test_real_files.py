"""Files written by others: the numbers of onnxruntime, or a complete list of what is wrong."""

from pathlib import Path

import pytest

from monic.errors import UnsupportedModel
from monic.io import load
from monic.model import Activation, Shift
from monic.model.array import sha256
from tests.io.graphs import agrees, network

ROOT = Path(__file__).parents[2]
REAL = ROOT / "tests" / "data" / "onnx"


def test_acas_xu() -> None:
    read = agrees(ROOT / "examples" / "acasxu_1_1.onnx", (1, 1, 1, 5))
    assert [stage.name for stage in read.stages[::6]] == ["Operation_1_MatMul", "linear_7_MatMul"]
    assert [stage.map.out_dim for stage in read.stages] == [50] * 6 + [5]
    assert read.stages[-1].activation is Activation.IDENTITY
    kinds = [type(step).__name__ for step in read.stages[0].map.steps()]
    assert kinds == ["Input", "Shift", "Linear", "Shift"]  # Sub, MatMul, Add: never multiplied out


def test_acas_xu_arrays_are_those_of_the_file() -> None:
    import onnx
    from onnx import numpy_helper

    path = ROOT / "examples" / "acasxu_1_1.onnx"
    stored = {
        (tuple(tensor.dims), sha256(numpy_helper.to_array(tensor)))
        for tensor in onnx.load(str(path)).graph.initializer
    }
    found = set()
    for stage in network(path).stages:
        for step in stage.map.steps():
            array = getattr(step, "matrix", getattr(step, "vector", None))
            if array is not None:
                found.add((array.shape, sha256(array)))
    assert found == stored


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "shape", "slope", "stages"),
    [
        ("fc1", (1, 2), 0.0, ["Gemm__6", "Gemm__7", "Gemm__8", "Gemm__9"]),
        ("fc2", (1, 28, 28), 0.0, ["Y"]),
        ("fc_2-2-3", (1, 2), 0.0, ["dense_12", "dense_13"]),
        ("gemm", (2, 2), 0.0, ["y"]),
        ("leakyRelu", (2, 2), 0.05, ["y"]),
        ("maxpool", (1, 1, 4, 4), 0.0, ["y/1", "y/2", "y/3", "y/4", "y"]),
        ("batchnorm", (1, 3, 2, 1), 0.0, ["y"]),
        ("conv_mp1", (1, 3, 8, 8), 0.0, ["7", "9/1", "9/2", "13", "17"]),
        ("transpose", (2, 3), 0.0, ["y"]),
    ],
)
def test_same_numbers(name: str, shape: tuple[int, ...], slope: float, stages: list[str]) -> None:
    read = agrees(REAL / f"{name}.onnx", shape, slope)
    assert [stage.name for stage in read.stages] == stages


def test_two_gemms_without_activation_are_one_map() -> None:
    (stage,) = network(REAL / "fc2.onnx").stages
    assert sum(isinstance(step, Shift) for step in stage.map.steps()) == 2
    assert (stage.map.in_dim, stage.map.out_dim) == (784, 10)


def test_fixed_batch_is_one_example() -> None:
    assert network(REAL / "gemm.onnx").in_dim == 2


REFUSED = {
    "fc_matMul": [
        "'matmul2' (MatMul)",
        "'matmul0' (MatMul)",
        # what follows has no shape in the file: it is read only once these two are mended
    ],
}


@pytest.mark.parametrize("name", REFUSED)
def test_every_unsupported_node_is_listed(name: str) -> None:
    with pytest.raises(UnsupportedModel) as caught:
        load(REAL / f"{name}.onnx")
    first, *lines = str(caught.value).splitlines()
    assert f"{name}.onnx" in first
    assert [line.strip().split(": ")[0] for line in lines] == REFUSED[name]
    assert all(";" in line for line in lines)  # a reason, and what to do
