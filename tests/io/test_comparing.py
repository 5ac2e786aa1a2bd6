"""What is read is compared: readers that are broken on purpose are found out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, helper

import monic.model
from monic import Network, ReadingError
from monic.io.onnx import activations, convolution, operators
from monic.io.onnx.file import load_onnx
from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands, value
from monic.model import Select
from tests.io.graphs import model, network, node, save

RNG = np.random.default_rng(0)
ARRAYS = {
    "k": RNG.standard_normal((4, 2, 3, 3)).astype(np.float32),
    "s": np.array([0.25], np.float32),
    "w": RNG.standard_normal((5, 64)).astype(np.float32),
    "v": RNG.standard_normal((3, 5)).astype(np.float32),
}


def graph(middle: str = "Relu", last: str = "Relu") -> list[NodeProto]:
    """A convolution, a skip connection with an activation behind it, and two dense layers."""
    return [
        node("Conv", ["x", "k"], ["a"], pads=[1, 1, 1, 1], name="conv"),
        node("PRelu", ["a", "s"], ["b"], name="leak"),
        node("Add", ["a", "b"], ["c"], name="skip"),
        node(middle, ["c"], ["d"], name="middle"),
        node("Flatten", ["d"], ["e"], name="flat"),
        node("Gemm", ["e", "w"], ["f"], transB=1, name="dense"),
        node(last, ["f"], ["g"], name="last"),
        node("Gemm", ["g", "v"], ["y"], transB=1, name="head"),
    ]


def written(tmp_path: Path, nodes: list[NodeProto] | None = None, **options: Any) -> Path:
    given = graph() if nodes is None else nodes
    return save(tmp_path / "m.onnx", model(given, ARRAYS, options.pop("shape", (1, 2, 4, 4))))


def lost(node: Node, operands: Operands) -> Any:
    return value(operands, 0)


def permuted(node: Node, operands: Operands) -> Any:
    found = convolution.conv(node, operands)
    order = [*range(16, 64), *range(16)]
    return found.mapped(Select(order, found.map))


def without_padding(node: Node, operands: Operands) -> Any:
    shifted = replace(node, attributes={**node.attributes, "pads": (2, 1, 0, 1)})
    return convolution.conv(shifted, operands)


def steeper(node: Node, operands: Operands) -> Any:
    first = value(operands, 0)
    return first.activated(monic.Activation.PRELU, node.outputs[0], np.array([0.26]))


MUTATIONS: dict[str, tuple[str, Callable[[Node, Operands], Any], str]] = {
    "lost ReLU": ("Relu", lost, r"'middle' \(Relu\)"),
    "permuted channels": ("Conv", permuted, r"'conv' \(Conv\)"),
    "moved padding": ("Conv", without_padding, r"'conv' \(Conv\)"),
    "wrong slope": ("PRelu", steeper, r"'leak' \(PRelu\)"),
    "lost slope": ("PRelu", activations.relu, r"'leak' \(PRelu\)"),
    "another activation": ("Relu", activations.tanh, r"'middle' \(Relu\)"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_broken_readers_are_found_out(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    op, broken, where = MUTATIONS[name]
    path = written(tmp_path)
    assert monic.load(path)
    monkeypatch.setitem(operators._READ, op, broken)
    with pytest.raises(ReadingError, match=where):
        monic.load(path)


def test_one_lost_unit_of_the_last_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of five numbers passes the last ReLU as it is."""

    def nearly(node: Node, operands: Operands) -> Any:
        if node.name != "last":
            return activations.relu(node, operands)
        first = value(operands, 0)
        slope = np.array([1e-30, 1e-30, 1.0, 1e-30, 1e-30])
        return first.activated(monic.Activation.PRELU, node.outputs[0], slope)

    path = written(tmp_path)
    monkeypatch.setitem(operators._READ, "Relu", nearly)
    with pytest.raises(ReadingError, match=r"'last' \(Relu\): they differ by"):
        monic.load(path)


def test_what_is_exact_is_compared_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts rest on exact maps, which are computed by other code than floats."""
    biased = [node("Gemm", ["x", "p", "q"], ["y"], name="only")]
    arrays = {"p": np.eye(3, dtype=np.float32), "q": np.ones(3, np.float32)}
    path = save(tmp_path / "n.onnx", model(biased, arrays))
    monkeypatch.setattr(monic.model.Shift, "evaluate", lambda self, part: part)
    with pytest.raises(ReadingError, match="'only'"):
        monic.load(path)


def test_the_comparison_is_told(tmp_path: Path) -> None:
    found = network(written(tmp_path)).reading
    assert found is not None
    assert found.describe() == "compared with onnx.reference at 8 points"
    assert 0 <= found.largest < 0.01
    assert Network(network(tmp_path / "m.onnx").stages).reading is None


def test_no_time_is_no_comparison(tmp_path: Path) -> None:
    found = load_onnx(written(tmp_path), 0.0).reading
    assert found is not None
    assert found.points == 0
    assert found.describe().startswith("reading not compared: its 2,")


def test_examples_of_a_fixed_batch(tmp_path: Path) -> None:
    """The file takes three examples at once, which all are compared."""
    nodes = [
        node("Conv", ["x", "k"], ["a"], name="conv"),
        node("Relu", ["a"], ["b"]),
        node("GlobalAveragePool", ["b"], ["y"]),
    ]
    found = network(written(tmp_path, nodes, shape=(3, 2, 4, 4))).reading
    assert found is not None
    assert found.points % 3 == 0
    assert found.points >= 8


def test_deep_networks_keep_narrow_bounds(tmp_path: Path) -> None:
    """Sixty layers, whose worst-case bounds of rounding would grow beyond all outputs."""
    width, depth = 24, 60
    nodes, arrays = [], {}
    for k in range(depth):
        arrays[f"w{k}"] = RNG.standard_normal((width, width)).astype(np.float32) / 3
        nodes.append(node("MatMul", ["x" if not k else f"r{k - 1}", f"w{k}"], [f"m{k}"]))
        nodes.append(node("Relu", [f"m{k}"], [f"r{k}"]))
    nodes.append(node("Identity", [f"r{depth - 1}"], ["y"]))
    path = save(tmp_path / "deep.onnx", model(nodes, arrays, (1, width)))
    found = network(path).reading
    assert found is not None
    assert found.points == 8
    assert found.largest < 0.01


def test_old_batch_norms_are_in_evaluation(tmp_path: Path) -> None:
    """The package onnx has them in training, which is put right before it is asked."""
    arrays = {name: np.array([2.0, 0.5], np.float32) for name in "gbmv"}
    nodes = [node("BatchNormalization", ["x", "g", "b", "m", "v"], ["y"])]
    for opset in (7, 9, 13, 14):
        given = model(nodes, arrays, (1, 2, 3, 3), opset=opset)
        found = network(tmp_path / "bn.onnx", given).reading
        assert found is not None
        assert found.points == 8


@pytest.fixture
def no_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package onnx cannot evaluate a Relu."""
    from onnx.reference.ops import op_relu

    def fails(*given: Any, **more: Any) -> Any:
        raise RuntimeError("not today")

    monkeypatch.setattr(op_relu.Relu, "_run", fails)


@pytest.mark.usefixtures("no_reference")
def test_where_the_reference_fails_onnxruntime_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    path = written(tmp_path)
    found = load_onnx(path, 60.0).reading
    assert found is not None
    assert found.describe() == "compared with onnxruntime at 8 points"
    op, broken, where = MUTATIONS["lost ReLU"]
    monkeypatch.setitem(operators._READ, op, broken)
    with pytest.raises(ReadingError, match=f"{where}.*compared with onnxruntime"):
        load_onnx(path, 60.0)


@pytest.mark.usefixtures("no_reference")
@pytest.mark.parametrize(
    "program",
    [
        "import os; os.abort()",
        "import os; os._exit(7)",
        "raise SystemExit('no such thing')",
        "import time; time.sleep(60)",
    ],
)
def test_what_becomes_of_onnxruntime_is_its_own_affair(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monic.io.onnx.runtime._PROGRAM", program)
    found = load_onnx(written(tmp_path), 5.0 if "sleep" not in program else 1.0).reading
    assert found is not None
    assert found.points == 0


@pytest.mark.usefixtures("no_reference")
def test_what_cannot_be_evaluated_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = network(written(tmp_path)).reading
    assert found is not None
    assert found.points == 0
    assert found.describe() == (
        "reading not compared: onnx.reference fails at Relu: RuntimeError: not today"
    )


def test_unused_nodes_and_odd_names_do_no_harm(tmp_path: Path) -> None:
    given = model([*graph(), node("NoSuchOp", ["d"], ["unused"])], ARRAYS, (1, 2, 4, 4))
    given.graph.name = ""
    given.graph.doc_string = "x"
    given.graph.value_info.append(helper.make_tensor_value_info("a", 1, (9, 9)))
    found = network(tmp_path / "m.onnx", given).reading
    assert found is not None
    assert found.points == 8


def test_outputs_that_overflow(tmp_path: Path) -> None:
    arrays = {"w": np.full((3, 3), 1e300)}
    nodes = [node("MatMul", ["x", "w"], ["a"]), node("MatMul", ["a", "w"], ["y"])]
    given = model(nodes, arrays, (1, 3), dtype=11)
    found = network(tmp_path / "m.onnx", given).reading
    assert found is not None
    assert found.describe() == "reading not compared: its outputs overflow at all points tried"
