"""Graphs with branches across activations: sums, concatenations, maxima, pools and clips."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import NodeProto

from monic import Activation, check, decide
from monic.decision.result import Verdict
from monic.model import Input
from monic.model.array import Array
from tests.io.graphs import agrees, model, node, save


class Tangle:
    """A graph in which any node may use any earlier tensor."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[NodeProto] = []
        self.arrays: dict[str, Array] = {}
        self.tensors = {"x": 3}

    def array(self, *shape: int) -> str:
        name = f"c{len(self.arrays)}"
        self.arrays[name] = self.rng.integers(-3, 4, shape).astype(np.float32) / 2
        return name

    def some(self, width: int | None = None) -> str:
        names = [name for name, size in self.tensors.items() if width in (None, size)]
        return str(self.rng.choice(names[-4:]))

    def then(self, op: str, inputs: list[str], width: int, **attributes: Any) -> None:
        name = f"t{len(self.nodes)}"
        self.nodes.append(node(op, inputs, [name], name=f"{op}{len(self.nodes)}", **attributes))
        self.tensors[name] = width

    def step(self, op: str) -> None:
        first = self.some()
        width = self.tensors[first]
        second = self.some(width)
        if op == "Gemm":
            out = int(self.rng.integers(1, 4))
            self.then(op, [first, self.array(width, out), self.array(out)], out)
        elif op == "Concat":
            parts = [first, self.some(), self.some()][: int(self.rng.integers(2, 4))]
            self.then(op, parts, sum(self.tensors[part] for part in parts), axis=1)
        elif op in ("Sum", "Max", "Min"):
            third = self.some(width) if self.rng.random() < 0.6 else self.array(width)
            self.then(op, [first, second, third], width)
        elif op in ("Add", "Sub"):
            self.then(op, [first, second], width)
        elif op == "PRelu":
            self.then(op, [first, self.array(width)], width)
        elif op == "LeakyRelu":
            alpha = float(self.rng.choice([-0.5, 0.0, 0.25, 2.0]))
            self.then(op, [first], width, alpha=alpha)
        else:
            self.then(op, [first], width)

    def written(self, path: Path) -> Path:
        self.nodes.append(node("Identity", [list(self.tensors)[-1]], ["y"]))
        return save(path, model(self.nodes, self.arrays))


_OPS = ["Gemm", "Gemm", "Relu", "Relu", "Relu", "Concat", "Add", "Add", "Sub", "Sum", "Max", "Min"]
_OPS += ["Abs", "PRelu", "LeakyRelu", "Tanh"]


@given(st.lists(st.sampled_from(_OPS), min_size=2, max_size=9), st.integers(0, 2**32 - 1))
@settings(max_examples=120, deadline=None)
def test_random_graphs(
    tmp_path_factory: pytest.TempPathFactory, ops: list[str], seed: int
) -> None:
    tangle = Tangle(seed)
    for op in ops:
        if max(tangle.tensors.values()) < 20:
            tangle.step(op)
    path = tangle.written(tmp_path_factory.getbasetemp() / "tangle.onnx")
    agrees(path, (1, 3), count=2)


def _residual(output: str = "y") -> list[NodeProto]:
    return [
        node("Gemm", ["x", "a"], ["h"], name="up"),
        node("Relu", ["h"], ["r"]),
        node("Gemm", ["r", "b"], ["g"], name="down"),
        node("Add", ["x", "g"], [output], name="skip"),
    ]


ARRAYS: dict[str, Array] = {
    "a": np.array([[1, -1, 0], [0, 1, 2], [1, 0, 1]], np.float32),
    "b": np.array([[1, 0, 2], [0, 1, 0], [-1, 0, 1]], np.float32) / 8,
}


def test_a_residual_block_is_two_stages(tmp_path: Path) -> None:
    first, last = agrees(save(tmp_path / "m.onnx", model(_residual(), ARRAYS)), (1, 3)).stages
    assert (first.name, first.carried, first.describe()) == ("up", 3, "ReLU, 3 carried")
    assert (last.name, last.activation) == ("down", Activation.IDENTITY)


@pytest.mark.parametrize("moved", [False, True])
def test_a_residual_sum_ends_a_stage_where_a_map_follows(tmp_path: Path, moved: bool) -> None:
    """Joined with the map, the run of the block would have no end, and nothing were proved."""
    between = [node("Flatten", ["s"], ["f"])] if moved else []
    after = node("Gemm", ["f" if moved else "s", "t"], ["z"], name="tall")
    nodes = [*_residual("s"), *between, after, node("Relu", ["z"], ["y"])]
    tall = np.array([[1, 0, 0, -1, 0, 0], [0, 1, 0, 0, -1, 0], [0, 0, 1, 0, 0, -1]], np.float32)
    network = agrees(save(tmp_path / "m.onnx", model(nodes, ARRAYS | {"t": tall})), (1, 3))
    assert [stage.name for stage in network.stages] == ["up", "down", "tall"]
    decision = decide(network)
    assert decision.verdict is Verdict.INJECTIVE
    assert decision.certificate is not None
    check(decision.certificate, network)


def test_a_residual_sum_before_an_activation_goes_on(tmp_path: Path) -> None:
    nodes = [*_residual("s"), node("Sigmoid", ["s"], ["y"])]
    stages = agrees(save(tmp_path / "m.onnx", model(nodes, ARRAYS)), (1, 3)).stages
    assert [stage.describe() for stage in stages] == ["ReLU, 3 carried", "sigmoid"]


def test_a_branch_is_computed_once(tmp_path: Path) -> None:
    """Every tensor of a dense block is used by all later ones, and passed on."""
    nodes, at = [], ["x"]
    arrays: dict[str, Array] = {}
    for k in range(3):
        arrays[f"w{k}"] = np.eye(3 * (k + 1), 3, dtype=np.float32)
        nodes += [
            node("Concat", at, [f"c{k}"], axis=1),
            node("Gemm", [f"c{k}", f"w{k}"], [f"h{k}"], name=f"fc{k}"),
            node("Relu", [f"h{k}"], [f"r{k}"]),
        ]
        at.append(f"r{k}")
    nodes.append(node("Concat", at, ["y"], axis=1))
    read = agrees(save(tmp_path / "m.onnx", model(nodes, arrays)), (1, 3))
    assert [s.name for s in read.stages[:3]] == ["fc0", "fc1", "fc2"]
    assert [s.carried for s in read.stages[:3]] == [3, 6, 9]
    assert len(read.stages) == 3 + (not isinstance(read.stages[-1].map, Input))


def test_branches_of_one_depth_share_their_stages(tmp_path: Path) -> None:
    """Two branches of two ReLUs each make two stages, not four."""
    nodes = []
    for branch in "pq":
        nodes += [
            node("Gemm", ["x", "a"], [f"{branch}0"], name=f"{branch}-one"),
            node("Relu", [f"{branch}0"], [f"{branch}1"]),
            node("Gemm", [f"{branch}1", "b"], [f"{branch}2"], name=f"{branch}-two"),
            node("Relu", [f"{branch}2"], [f"{branch}3"]),
        ]
    nodes.append(node("Concat", ["p3", "q3"], ["y"], axis=1))
    read = agrees(save(tmp_path / "m.onnx", model(nodes, ARRAYS)), (1, 3))
    assert [(s.name, s.map.out_dim, s.carried) for s in read.stages] == [
        ("p-one & q-one", 6, 0),
        ("p-two & q-two", 6, 0),
    ]


def test_the_shorter_form_is_carried(tmp_path: Path) -> None:
    """Of a skipped tensor only the two numbers that are added later are carried."""
    nodes = [
        node("Gemm", ["x", "a"], ["h"], name="up"),
        node("Relu", ["h"], ["r"]),
        node("Gemm", ["r", "c"], ["g"], name="down"),
        node("Gemm", ["x", "c"], ["s"], name="short"),
        node("Add", ["g", "s"], ["y"]),
    ]
    arrays = ARRAYS | {"c": np.array([[1, 2], [0, 1], [3, 0]], np.float32)}
    first, _ = agrees(save(tmp_path / "m.onnx", model(nodes, arrays)), (1, 3)).stages
    assert first.carried == 2


def test_shapes_must_be_equal(tmp_path: Path) -> None:
    from monic import UnsupportedModel
    from monic.io import load

    nodes = [node("Relu", ["x"], ["r"]), node("Gemm", ["r", "c"], ["g"], name="fc")]
    nodes.append(node("Add", ["x", "g"], ["y"], name="skip"))
    path = save(tmp_path / "m.onnx", model(nodes, {"c": np.ones((3, 2), np.float32)}))
    with pytest.raises(UnsupportedModel, match=r"'skip' \(Add\).*not equal; expand one"):
        load(path)


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"kernel_shape": [2, 2], "strides": [2, 2]}, (2, 4, 4)),
        ({"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}, (2, 5, 6)),
        ({"kernel_shape": [2, 3], "dilations": [2, 1]}, (1, 5, 4)),
        ({"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1}, (1, 6, 5)),
        (
            {"kernel_shape": [2, 2], "strides": [3, 3], "ceil_mode": 1, "pads": [0, 1, 1, 0]},
            (1, 5, 6),
        ),
        ({"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"}, (1, 5, 3)),
        ({"kernel_shape": [3, 3], "auto_pad": "SAME_LOWER"}, (1, 3, 4)),
        ({"kernel_shape": [1, 1]}, (2, 2, 2)),
        ({"kernel_shape": [3], "strides": [2]}, (2, 7)),
        ({"kernel_shape": [2, 1, 2]}, (1, 3, 2, 3)),
    ],
)  # fmt: skip
def test_max_pooling(options: dict[str, Any], shape: tuple[int, ...], tmp_path: Path) -> None:
    nodes = [node("MaxPool", ["x"], ["y"], name="pool", **options)]
    read = agrees(save(tmp_path / "m.onnx", model(nodes, {}, (1, *shape))), (1, *shape))
    assert all(stage.name.startswith(("pool/", "y")) for stage in read.stages)


def test_pooling_after_and_before_other_nodes(tmp_path: Path) -> None:
    kernel = np.random.default_rng(2).integers(-2, 3, (2, 1, 2, 2)).astype(np.float32)
    nodes = [
        node("Conv", ["x", "k"], ["c"], name="conv"),
        node("Relu", ["c"], ["r"]),
        node("MaxPool", ["r"], ["p"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("GlobalMaxPool", ["p"], ["y"], name="all"),
    ]
    read = agrees(
        save(tmp_path / "m.onnx", model(nodes, {"k": kernel}, (1, 1, 5, 5))), (1, 1, 5, 5)
    )
    names = [stage.name for stage in read.stages]
    assert names[:5] == ["conv", "pool/1", "pool/2", "all/1", "all/2"]


def test_examples_of_a_fixed_batch_are_pooled_alone(tmp_path: Path) -> None:
    nodes = [node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2])]
    agrees(save(tmp_path / "m.onnx", model(nodes, {}, (2, 1, 3, 3))), (2, 1, 3, 3))


_BOUNDS = [(0.0, 6.0), (-0.5, None), (None, 0.25), (-1.0, 0.75)]


@pytest.mark.parametrize(
    ("bounds", "opset"),
    [*((pair, opset) for pair in _BOUNDS for opset in (10, 17)), ((1.0, -1.0), 17)],
)
def test_clip(bounds: tuple[float | None, float | None], opset: int, tmp_path: Path) -> None:
    given: dict[str, Any] = {
        k: v for k, v in zip(("min", "max"), bounds, strict=True) if v is not None
    }
    arrays: dict[str, Array] = {}
    if opset < 11:
        nodes = [node("Clip", ["x"], ["y"], name="clip", **given)]
    else:
        names = [name if name in given else "" for name in ("min", "max")]
        nodes = [node("Clip", ["x", *names], ["y"], name="clip")]
        arrays = {name: np.array(v, np.float32) for name, v in given.items()}
    read = agrees(save(tmp_path / "m.onnx", model(nodes, arrays, opset=opset)), (1, 3))
    if len(given) == 2:
        assert [stage.name for stage in read.stages][:2] == ["y", "clip/2"]


def test_relu6_is_not_one_to_one_where_a_relu_would_be(tmp_path: Path) -> None:
    """[1; -1] x, cut off at 6 too: 7 and 8 meet. The verdict on the two-sided map says so."""
    arrays: dict[str, Array] = {"w": np.array([[1, -1]], np.float32)}
    arrays["low"] = np.zeros((), np.float32)
    arrays["high"] = np.full((), 6, np.float32)
    fc = node("Gemm", ["x", "w"], ["h"], name="fc")
    for last, verdict in (
        (node("Relu", ["h"], ["y"]), Verdict.INJECTIVE),
        (node("Clip", ["h", "low", "high"], ["y"], name="cut"), Verdict.NOT_INJECTIVE),
    ):
        used = {name: arrays[name] for name in arrays if name in (*fc.input, *last.input)}
        read = agrees(save(tmp_path / "m.onnx", model([fc, last], used, (1, 1))), (1, 1))
        assert decide(read).verdict is verdict
