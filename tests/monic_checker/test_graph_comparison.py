"""What is compared: whole networks, layers between tensors, files without a graph; and where."""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
from flint import fmpq
from onnx import TensorProto, helper, numpy_helper

import monic
from monic import Ball, Box, Domain, Network, Polyhedron, ReLULayer, decide, load
from monic.certificate.network import network_collision_certificate
from monic.errors import GraphNotCompared
from monic.model import Input, Linear, Stage
from monic_checker import Claim, InvalidProof, check_files
from monic_checker.__main__ import main
from monic_checker.budget import MEMORY, WORK, Budget
from monic_checker.graph.points import points
from monic_checker.network import read_network
from tests.monic_checker.graphs import compared, graph, subject_of

node = helper.make_node

DATA = Path(__file__).parents[1] / "data" / "onnx"
EXAMPLE = Path(__file__).parents[2] / "examples" / "acasxu_1_1.onnx"
FILES = [*sorted(DATA.glob("*.onnx")), EXAMPLE]

#: Its matrix product takes a vector, which is not read.
UNREAD = {"fc_matMul.onnx"}


def _proofs(model: Path, folder: Path, time_limit: float | None = None) -> list[Path]:
    """Writes the proofs about a file's network and each of its layers."""
    network = load(model)
    assert isinstance(network, Network)
    decision = decide(network, time_limit=time_limit)
    layers = [stage.decision.certificate for stage in decision.stages]
    paths = []
    for k, certificate in enumerate([decision.certificate, *layers]):
        if certificate is not None:
            paths.append(folder / f"{k:02}.monic")
            with paths[-1].open("wb") as stream:
                certificate.write(stream)
    return paths


def _strided(folder: Path, stride: int) -> Path:
    """The convolution with [1, 0] and [-1, 0], and a Relu; one-to-one with stride 1 only."""
    kernel = np.array([[[1, 0]], [[-1, 0]]], dtype=np.float32)
    kernel = np.concatenate([kernel, kernel[:, :, ::-1].copy()])
    nodes = [
        node("Conv", ["x", "w"], ["h"], strides=[stride], pads=[0, 1]),
        node("Relu", ["h"], ["y"]),
    ]
    path = folder / f"stride{stride}.onnx"
    path.write_bytes(graph(nodes, {"w": kernel}, ((1, 1, 4), (1, 4, None))).SerializeToString())
    return path


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_networks_of_real_files_are_compared(path: Path) -> None:
    if path.name in UNREAD:
        pytest.skip("monic does not read it")
    from monic_checker import read_arrays
    from monic_checker.graph import compare
    from monic_checker.system import find_arrays

    subject = subject_of(load(path))
    found = compare(subject, find_arrays(subject, read_arrays(path)), path)
    assert 8 <= found.points <= 32, found.words
    assert found.words == f"Compared with the graph of {path.name!r} at {found.points} points."


def test_points_switch_units_as_far_as_they_may(tmp_path: Path) -> None:
    """Eight are enough where each unit was on both sides; up to 32 are drawn for others."""
    few = graph([node("Relu", ["x"], ["y"])], {}, ((1, 3), (1, 3)))
    rare = {"w": np.eye(3, dtype=np.float32), "b": np.full(3, -40, dtype=np.float32)}
    nodes = [node("Gemm", ["x", "w", "b"], ["h"]), node("Relu", ["h"], ["y"])]
    dead = graph(nodes, rare, ((1, 3), (1, 3)))
    assert compared(few, few, tmp_path).points == 8
    assert compared(dead, dead, tmp_path).points == 32


def test_layers_are_found_between_tensors(tmp_path: Path) -> None:
    path = DATA / "fc1.onnx"
    *_, last = proofs = _proofs(path, tmp_path)
    found = [check_files(proof, [path]).compared[0] for proof in proofs]
    assert [c.between for c in found] == [
        None,
        ("Placeholder:0", "Relu:0"),
        ("Relu:0", "Relu_1:0"),
        ("Relu_1:0", "Relu_2:0"),
        ("Relu_2:0", "Gemm__9:0"),
    ]
    words = "between the tensors 'Relu_2:0' and 'Gemm__9:0' at 3 points."
    assert words in check_files(last, [path]).sentence()


def test_a_layer_after_a_change_of_order_is_found(tmp_path: Path) -> None:
    path = DATA / "KJ_TinyTaxiNet.onnx"
    found = [check_files(proof, [path]).compared[0] for proof in _proofs(path, tmp_path)]
    assert all(c.points for c in found), [c.words for c in found]
    assert found[1].reordered
    assert "in another order, at 3 points" in found[1].words


def test_another_stride_makes_proofs_invalid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (_strided(tmp_path, stride) for stride in (1, 2))
    network, layer = _proofs(first, tmp_path)
    for proof in (network, layer):
        assert main(["--require-graph", str(proof), str(first)]) == 0
        assert "Compared with the graph of 'stride1.onnx'" in capsys.readouterr().out
        assert main([str(proof), str(second)]) == 1
        assert "INVALID: the graph of 'stride2.onnx': " in capsys.readouterr().err
        with pytest.raises(monic.InvalidProof, match="stride2"):
            monic.check(proof, second)


def test_files_of_weights_hold_no_graph(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "w.npy"
    np.save(model, np.array([[1.0], [-1.0]]))
    proof = tmp_path / "layer.monic"
    certificate = decide(ReLULayer([[1.0], [-1.0]])).certificate
    assert certificate is not None
    with proof.open("wb") as stream:
        certificate.write(stream)
    claim = check_files(proof, [model])
    assert not claim.has_graph
    assert claim.sentence().endswith(
        "Weights only: the graph of 'w.npy' was not compared (a file of this kind holds no graph)."
    )
    assert main([str(proof), str(model)]) == 0
    assert main(["--require-graph", str(proof), str(model)]) == 5
    assert capsys.readouterr().out.count("VALID. ") == 2
    monic.check(proof, model)
    for given in (model, ReLULayer([[1.0], [-1.0]])):
        with pytest.raises(GraphNotCompared, match="holds for the weights"):
            monic.check(proof, given, require_graph=True)


def _changed(path: Path, change: object, folder: Path) -> Path:
    model = onnx.load(path)
    change(model)  # type: ignore[operator]
    found = folder / "changed.onnx"
    found.write_bytes(model.SerializeToString())
    return found


def _unknown(model: onnx.ModelProto) -> None:
    model.graph.node[1].op_type = "Frobnicate"


def _attribute(model: onnx.ModelProto) -> None:
    model.graph.node[1].attribute.append(helper.make_attribute("colour", 3))


def _version(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 99


def _domain(model: onnx.ModelProto) -> None:
    model.graph.node[1].domain = "com.example"


def _cycle(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = model.graph.node[1].output[0]


def _twice(model: onnx.ModelProto) -> None:
    model.graph.node[1].output[0] = model.graph.node[0].output[0]


def _missing(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "nobody"


def _shapeless(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.ClearField("shape")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_unknown, "Frobnicate"),
        (_attribute, "colour"),
        (_version, "99"),
        (_domain, "com.example:Relu"),
        (_cycle, "cycle"),
        (_twice, "given twice"),
        (_missing, "nobody"),
        (_shapeless, "not known"),
    ],
)
def test_what_is_not_known_is_named(tmp_path: Path, change: object, why: str) -> None:
    path = _strided(tmp_path, 1)
    for proof in _proofs(path, tmp_path):
        claim: Claim = check_files(proof, [_changed(path, change, tmp_path)])
        [found] = claim.compared
        assert found.points == 0
        assert found.why is not None
        assert why in found.why
        assert not claim.has_graph


def _bomb(nodes: Sequence[onnx.NodeProto], **arrays: np.ndarray) -> onnx.ModelProto:
    return graph(nodes, arrays, ((1, 2), (1, None)), opset=17)


def _doubled(count: int) -> onnx.ModelProto:
    names = ["x", *(f"t{k}" for k in range(count))]
    nodes = [node("Concat", [a, a], [b], axis=1) for a, b in itertools.pairwise(names)]
    return _bomb([*nodes, node("Identity", [names[-1]], ["y"])])


def _squared(count: int) -> onnx.ModelProto:
    names = ["x", *(f"t{k}" for k in range(count))]
    nodes = [node("Mul", [a, a], [b]) for a, b in itertools.pairwise(names)]
    return _bomb([*nodes, node("Identity", [names[-1]], ["y"])])


def _long(value: Sequence[int]) -> np.ndarray:
    return np.array(value, dtype=np.int64)


_BOMBS = {
    "doubling": _doubled(60),
    "squaring": _squared(60),
    "expand": _bomb([node("Expand", ["x", "s"], ["y"])], s=_long([2**30, 2])),
    "tile": _bomb([node("Tile", ["x", "s"], ["y"])], s=_long([2**40, 2**20])),
    "pad": _bomb([node("Pad", ["x", "s"], ["y"])], s=_long([0, 0, 0, 2**62])),
    "filled": _bomb(
        [node("ConstantOfShape", ["s"], ["c"]), node("Add", ["x", "c"], ["y"])],
        s=_long([2**31, 2**31]),
    ),
    "range": _bomb(
        [node("Range", ["a", "b", "c"], ["r"]), node("Gather", ["x", "r"], ["y"], axis=1)],
        a=np.array(0),
        b=np.array(2**62),
        c=np.array(1),
    ),
    "resize": _bomb(
        [node("Resize", ["x", "", "s"], ["y"])], s=np.array([1, 1e30], dtype=np.float32)
    ),
    "convolution": _bomb(
        [
            node("Reshape", ["x", "s"], ["h"]),
            node("Conv", ["h", "w"], ["y"], pads=[2**61, 2**61], dilations=[1]),
        ],
        s=_long([1, 1, 2]),
        w=np.ones((1, 1, 1), dtype=np.float32),
    ),
    "pool": _bomb(
        [
            node("Reshape", ["x", "s"], ["h"]),
            node("MaxPool", ["h"], ["y"], kernel_shape=[2**40], pads=[2**40, 2**40]),
        ],
        s=_long([1, 1, 2]),
    ),
}


@pytest.mark.parametrize("name", _BOMBS)
def test_bombs_are_stopped_before_they_are_made(name: str, tmp_path: Path) -> None:
    weight = np.eye(2, dtype=np.float32)
    honest = graph([node("MatMul", ["x", "w"], ["y"])], {"w": weight}, ((1, 2), (1, 2)))
    found = compared(honest, _BOMBS[name], tmp_path, Budget(64 * 2**20, 4 * 10**9))
    assert found.points == 0
    assert found.why is not None
    assert "too large" in found.why or "padding" in found.why


def test_too_little_work_says_how_to_raise_it(tmp_path: Path) -> None:
    proof = _proofs(DATA / "fc2.onnx", tmp_path)[0]
    claim = check_files(proof, [DATA / "fc2.onnx"], work=4 * 10**7)
    assert not claim.has_graph
    assert "raise --work" in claim.sentence()
    assert check_files(proof, [DATA / "fc2.onnx"]).has_graph


def test_subgraphs_and_local_functions_are_not_compared(tmp_path: Path) -> None:
    honest = graph([node("Relu", ["x"], ["y"])], {}, ((1, 2), (1, 2)))
    other = onnx.ModelProto()
    other.CopyFrom(honest)
    other.functions.append(
        helper.make_function(
            "", "Relu", ["a"], ["b"], [node("Neg", ["a"], ["b"])], [helper.make_opsetid("", 17)]
        )
    )
    assert "redefines" in (compared(honest, other, tmp_path).why or "")


def test_external_data_and_listed_initialisers(tmp_path: Path) -> None:
    weight = np.arange(6, dtype=np.float32).reshape(2, 3) - 2
    honest = graph([node("MatMul", ["x", "w"], ["y"])], {"w": weight}, ((1, 2), (1, 3)), opset=8)
    port = helper.make_tensor_value_info("w", TensorProto.FLOAT, (2, 3))
    honest.graph.input.append(port)
    first = tmp_path / "inside.onnx"
    first.write_bytes(honest.SerializeToString())
    second = tmp_path / "outside.onnx"
    onnx.save(honest, second, save_as_external_data=True, size_threshold=0, location="w.bin")
    for path in (first, second):
        proof = _proofs(path, tmp_path)[0]
        assert check_files(proof, [path]).has_graph


def test_a_fixed_batch_is_compared_example_by_example(tmp_path: Path) -> None:
    weight = np.arange(6, dtype=np.float32).reshape(2, 3) - 2
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["y"])]
    batch = graph(nodes, {"w": weight}, ((4, 2), (4, 3)))
    assert compared(batch, batch, tmp_path).points >= 4
    mixed = graph([node("MatMul", ["r", "h"], ["y"]), *nodes][1:] and [
        node("MatMul", ["x", "w"], ["h"]),
        node("MatMul", ["r", "h"], ["m"]),
        node("Relu", ["m"], ["y"]),
    ], {"w": weight, "r": np.eye(4, dtype=np.float32)[::-1].copy()}, ((4, 2), (4, 3)))  # fmt: skip
    with pytest.raises(InvalidProof):
        compared(batch, mixed, tmp_path)


def test_a_norm_of_zeros_is_not_taken_for_the_tanh_of_zeros(tmp_path: Path) -> None:
    """Where a ReLU gives nothing but zeros, two functions are applied to the same numbers."""
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("LayerNormalization", ["r", "g"], ["n"], epsilon=0.25),
        node("Tanh", ["n"], ["t"]),
        node("MatMul", ["t", "w"], ["y"]),
    ]
    weights = {"g": np.ones(3, dtype=np.float32), "w": np.eye(3, dtype=np.float32)[:, ::-1].copy()}
    model = graph(nodes, weights, ((1, 3), (1, 3)))
    assert compared(model, model, tmp_path).points >= 8


@pytest.mark.parametrize("alphas", [(2.0, 0.5), (0.5, 2.0)])
def test_two_functions_of_the_same_numbers(alphas: tuple[float, float], tmp_path: Path) -> None:
    first, second = alphas
    nodes = [
        node("Elu", ["x"], ["a"], alpha=first),
        node("Elu", ["x"], ["b"], alpha=second),
        node("Concat", ["b", "a"], ["h"], axis=1),
        node("MatMul", ["h", "w"], ["y"]),
    ]
    weight = np.arange(36, dtype=np.float32).reshape(6, 6) % 7 - 3
    model = graph(nodes, {"w": weight}, ((1, 3), (1, 6)))
    assert compared(model, model, tmp_path).points >= 8
    other = graph(nodes, {"w": weight[::-1].copy()}, ((1, 3), (1, 6)))
    with pytest.raises(InvalidProof):
        compared(model, other, tmp_path)


_DOMAINS: list[Domain] = [
    Box(np.array([-1, 0.1]), np.array([1, 0.1000001])),
    Box(np.array([2, -np.inf]), np.array([np.inf, -3])),
    Ball(0.001, np.array([5, 7])),
    Polyhedron(np.array([[1, 1], [-1, 2], [0, -1]]), np.array([1, 1, 1])),
    Polyhedron(np.vstack([np.eye(2), -np.eye(2)])[[0, 2, 1, 3]], np.array([10.01, -10, 3.01, -3])),
    Polyhedron(np.array([[-1, 0]]), np.array([-1000])),
]


@pytest.mark.parametrize("domain", _DOMAINS, ids=str)
def test_points_lie_in_the_domain(domain: Domain) -> None:
    weight = np.eye(2, dtype=np.float32)
    network = Network([Stage("a", Linear(weight, Input(2)))], domain)
    zero = [Fraction(0)] * 2
    header = network_collision_certificate(network, zero, zero).header
    budget = Budget(MEMORY, WORK)
    read = read_network(header["subject"], budget).domain
    stream = points(read, 2, b"seed", budget)
    found = [next(stream) for _ in range(8)]
    assert len({tuple(map(str, x)) for x in found}) > 1
    for x in found:
        assert domain.contains([Fraction(int(t.p), int(t.q)) for t in x])
        assert all(isinstance(t, fmpq) for t in x)
    assert found == [x for x, _ in zip(points(read, 2, b"seed", budget), range(8), strict=False)]


def test_no_digest_is_taken_for_another(tmp_path: Path) -> None:
    """The weights are the file's, but the graph uses them in another place."""
    a, b = (np.array(m, dtype=np.float32) for m in ([[1, 2], [3, 4]], [[0, 1], [1, 5]]))
    nodes = [node("MatMul", ["x", "a"], ["h"]), node("Relu", ["h"], ["r"]),
             node("MatMul", ["r", "b"], ["y"])]  # fmt: skip
    honest = graph(nodes, {"a": a, "b": b}, ((1, 2), (1, 2)))
    swapped = graph(nodes, {"a": b, "b": a}, ((1, 2), (1, 2)))
    assert {t.name for t in swapped.graph.initializer} == {"a", "b"}
    assert numpy_helper.to_array(swapped.graph.initializer[0]).tolist() == b.tolist()
    with pytest.raises(InvalidProof, match="stage 0 of the proof is the first"):
        compared(honest, swapped, tmp_path)
