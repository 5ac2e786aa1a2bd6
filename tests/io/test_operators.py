"""Every operator that is read, against onnxruntime, and the exact form in which it is kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from monic.model import Activation, Concat, Linear, Network, Scale, Shift
from monic.model.array import Array
from tests.io.graphs import agrees, model, network, node, save

RNG = np.random.default_rng(3)


def _random(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


W, B, V = _random(3, 4), _random(4), _random(3)
ONES = np.ones(1, dtype=np.float32)


def _ints(*entries: int) -> Array:
    return np.array(entries, dtype=np.int64)


def _one(op: str, *inputs: str, **attributes: Any) -> list[NodeProto]:
    return [node(op, list(inputs), ["y"], name="n", **attributes)]


CHAINS: dict[str, tuple[list[NodeProto], dict[str, Array], tuple[int, ...]]] = {
    "gemm": (_one("Gemm", "x", "w", "b"), {"w": W, "b": B}, (1, 3)),
    "gemm without bias": (_one("Gemm", "x", "w"), {"w": W}, (1, 3)),
    "gemm transB": (_one("Gemm", "x", "w", "b", transB=1), {"w": W.T.copy(), "b": B}, (1, 3)),
    "gemm alpha": (_one("Gemm", "x", "w", "b", alpha=0.3), {"w": W, "b": B}, (1, 3)),
    "gemm beta": (
        _one("Gemm", "x", "w", "b", alpha=0.3, beta=-0.5),
        {"w": W, "b": B},
        (1, 3),
    ),
    "gemm beta as alpha": (
        _one("Gemm", "x", "w", "b", alpha=0.3, beta=0.3),
        {"w": W, "b": B},
        (1, 3),
    ),
    "gemm beta 0": (_one("Gemm", "x", "w", "b", beta=0.0), {"w": W, "b": B}, (1, 3)),
    "gemm scalar bias": (_one("Gemm", "x", "w", "b"), {"w": W, "b": ONES}, (1, 3)),
    "matmul right": (_one("MatMul", "x", "w"), {"w": W}, (1, 3)),
    "matmul right 3-D": (_one("MatMul", "x", "w"), {"w": W}, (1, 1, 3)),
    "matmul right vector": (_one("MatMul", "x", "w"), {"w": W}, (3,)),
    "matmul left vector": (_one("MatMul", "w", "x"), {"w": W}, (4,)),
    "matmul left column": (_one("MatMul", "w", "x"), {"w": W}, (4, 1)),
    "matmul left columns": (_one("MatMul", "w", "x"), {"w": W}, (1, 4, 1)),
    "matmul transposed": (
        [node("Transpose", ["w"], ["t"], perm=[1, 0]), *_one("MatMul", "x", "t")],
        {"w": W},
        (1, 4),
    ),
    "matmul transposed row": (
        [node("Transpose", ["w"], ["t"]), *_one("MatMul", "x", "t")],
        {"w": W[:1]},
        (1, 4),
    ),
    "matmul transposed twice": (
        [
            node("Transpose", ["w"], ["t"]),
            node("Transpose", ["t"], ["u"]),
            *_one("MatMul", "x", "u"),
        ],
        {"w": W},
        (1, 3),
    ),
    "add": (_one("Add", "x", "v"), {"v": V}, (1, 3)),
    "add left": (_one("Add", "v", "x"), {"v": V}, (1, 3)),
    "add scalar": (_one("Add", "x", "v"), {"v": np.array(0.5, dtype=np.float32)}, (1, 3)),
    "add grows by ones": (_one("Add", "x", "v"), {"v": V.reshape(1, 3)}, (3,)),
    "sub": (_one("Sub", "x", "v"), {"v": V}, (1, 3)),
    "sub left": (_one("Sub", "v", "x"), {"v": V}, (1, 3)),
    "mul": (_one("Mul", "x", "v"), {"v": V}, (1, 3)),
    "mul left": (_one("Mul", "v", "x"), {"v": V}, (1, 3)),
    "div": (_one("Div", "x", "v"), {"v": np.full(3, 0.25, np.float32)}, (1, 3)),
    "div negative": (_one("Div", "x", "v"), {"v": np.array(-8, np.float32)}, (1, 3)),
    "div by 3": (_one("Div", "x", "v"), {"v": np.array(3, np.float32)}, (1, 3)),
    "div by others": (_one("Div", "x", "v"), {"v": V}, (1, 3)),
    "div of channels": (_one("Div", "x", "v"), {"v": V.reshape(3, 1, 1)}, (1, 3, 2, 2)),
    "div of columns": (_one("Div", "x", "v"), {"v": V}, (1, 2, 3)),
    "neg": (_one("Neg", "x"), {}, (1, 3)),
    "identity": (_one("Identity", "x"), {}, (1, 3)),
    "dropout": (_one("Dropout", "x"), {}, (1, 3)),
    "dropout not training": (
        _one("Dropout", "x", "r", "t"),
        {"r": np.array(0.5, np.float32), "t": np.array(False)},
        (1, 3),
    ),
    "flatten": (_one("Flatten", "x"), {}, (1, 2, 3)),
    "flatten axis 0": (_one("Flatten", "x", axis=0), {}, (1, 2, 3)),
    "flatten axis -1": (_one("Flatten", "x", axis=-1), {}, (1, 1, 3)),
    "reshape": (_one("Reshape", "x", "s"), {"s": _ints(0, -1)}, (1, 2, 3)),
    "reshape all": (_one("Reshape", "x", "s"), {"s": _ints(3, 2)}, (1, 2, 3)),
    "squeeze": (_one("Squeeze", "x"), {}, (1, 2, 1)),
    "squeeze axes": (_one("Squeeze", "x", "a"), {"a": _ints(-1)}, (1, 2, 1)),
    "unsqueeze": (_one("Unsqueeze", "x", "a"), {"a": _ints(0, -1)}, (1, 3)),
    "transpose ones": (_one("Transpose", "x", perm=[0, 2, 1]), {}, (1, 1, 3)),
    "transpose reversed": (_one("Transpose", "x"), {}, (1, 3, 1)),
    "concat": ([*_one("Concat", "x", "x", "x", axis=-1)], {}, (1, 3)),
    "concat one": (_one("Concat", "x", axis=1), {}, (1, 3)),
    "concat vector": (_one("Concat", "x", "x", axis=0), {}, (3,)),
    "concat of relus": (
        [
            node("Relu", ["x"], ["p"]),
            node("Neg", ["x"], ["m"]),
            node("Relu", ["m"], ["q"]),
            *_one("Concat", "p", "q", axis=1),
        ],
        {},
        (1, 3),
    ),
    "relu twice": ([node("Relu", ["x"], ["r"]), *_one("Relu", "r")], {}, (1, 3)),
    "reshape by shape": (
        [
            node("Shape", ["x"], ["sh"]),
            node("Gather", ["sh", "zero"], ["batch"]),
            node("Unsqueeze", ["batch", "axes"], ["first"]),
            node("Concat", ["first", "rest"], ["s"], axis=0),
            *_one("Reshape", "x", "s"),
        ],
        {"zero": np.array(0, np.int64), "axes": _ints(0), "rest": _ints(-1)},
        (1, 2, 3),
    ),
    "shape cast": (
        [node("Cast", ["s"], ["t"], to=TensorProto.INT64), *_one("Reshape", "x", "t")],
        {"s": np.array([1, -1], np.int32)},
        (1, 2, 3),
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_affine_and_shapes(name: str, tmp_path: Path) -> None:
    nodes, arrays, shape = CHAINS[name]
    read = agrees(save(tmp_path / "m.onnx", model(nodes, arrays, shape)), shape)
    _insist_on_honest_arrays(read, arrays)


def _insist_on_honest_arrays(read: Network, arrays: dict[str, Array]) -> None:
    """Every array is in the file, with its own shape and format, or holds one number."""
    stored = {(a.shape, a.dtype.name, a.tobytes()) for a in arrays.values()}
    for stage in read.stages:
        for step in stage.map.steps():
            array = getattr(step, "matrix", getattr(step, "vector", None))
            if (
                array is not None
                and (array.shape, array.dtype.name, array.tobytes()) not in stored
            ):
                assert array.size == 1
                assert array.dtype == np.float64


@pytest.mark.parametrize(
    ("op", "attributes", "activation", "slope"),
    [
        ("Relu", {}, Activation.RELU, 0.0),
        ("LeakyRelu", {}, Activation.LEAKY_RELU, 0.01),
        ("LeakyRelu", {"alpha": 0.25}, Activation.LEAKY_RELU, 0.25),
        ("Elu", {}, Activation.ELU, 0.0),
        ("Elu", {"alpha": 0.5}, Activation.ELU, 0.0),
        ("Tanh", {}, Activation.TANH, 0.0),
        ("Sigmoid", {}, Activation.SIGMOID, 0.0),
    ],
)
def test_activations(
    op: str, attributes: dict[str, float], activation: Activation, slope: float, tmp_path: Path
) -> None:
    nodes = [node("Gemm", ["x", "w"], ["h"], name="/fc/Gemm"), *_one(op, "h", **attributes)]
    read = agrees(save(tmp_path / "m.onnx", model(nodes, {"w": W})), (1, 3), slope)
    assert [(s.name, s.activation) for s in read.stages] == [("/fc/Gemm", activation)]


def test_elus_keep_their_alphas(tmp_path: Path) -> None:
    nodes = [
        *(node("Elu", ["x"], [f"e{alpha}"], alpha=alpha) for alpha in (2.0, 0.5)),
        node("Concat", ["e2.0", "e0.5"], ["h"], axis=1),
        node("Gemm", ["h", "w"], ["y"]),
    ]
    read = agrees(save(tmp_path / "m.onnx", model(nodes, {"w": _random(6, 6)})), (1, 3))
    assert [stage.alpha for stage in read.stages] == [2.0, 0.5, None]


def test_prelu(tmp_path: Path) -> None:
    nodes, slopes = _one("PRelu", "x", "s"), np.full(3, 0.25, np.float32)
    (stage,) = agrees(save(tmp_path / "m.onnx", model(nodes, {"s": slopes})), (1, 3), 0.25).stages
    assert stage.activation is Activation.PRELU
    assert stage.name == "y"  # no affine node before it


def _pair_nodes(last: str = "Relu") -> list[NodeProto]:
    return [
        node("Gemm", ["x", "w"], ["h"], name="C", transB=1),
        node("Mul", ["h", "s"], ["m"], name="D"),
        node("Concat", ["h", "m"], ["c"], axis=1),
        node(last, ["c"], ["y"]),
    ]


def test_pairs_stay_exactly_antiparallel(tmp_path: Path) -> None:
    weight, scale = _random(3, 3), -np.abs(_random(3))
    path = save(tmp_path / "m.onnx", model(_pair_nodes(), {"w": weight, "s": scale}))
    (stage,) = agrees(path, (1, 3)).stages
    assert stage.name == "C"
    pairs = stage.map
    assert isinstance(pairs, Concat)
    first, second = pairs.branches
    assert isinstance(second, Scale)
    assert second.of is first
    exact = pairs.exact()
    rows = [[int(t) for t in row] for row in exact.weight.tolist()]
    for upper, lower in zip(rows[:3], rows[3:], strict=True):
        k = next(j for j, t in enumerate(upper) if t)
        assert upper[k] * lower[k] < 0
        assert all(upper[j] * lower[k] == lower[j] * upper[k] for j in range(3))


def test_relu_of_each_half_is_relu_of_the_pair(tmp_path: Path) -> None:
    nodes = [
        *_pair_nodes()[:2],
        node("Relu", ["h"], ["p"]),
        node("Relu", ["m"], ["q"]),
        node("Flatten", ["q"], ["f"]),
        node("Concat", ["p", "f"], ["c"], axis=1),
        node("Gemm", ["c", "v"], ["y"], name="last"),
    ]
    arrays = {"w": _random(3, 3), "s": _random(3), "v": _random(6, 2)}
    read = agrees(save(tmp_path / "m.onnx", model(nodes, arrays)), (1, 3))
    assert [(s.name, s.map.out_dim) for s in read.stages] == [("C", 6), ("last", 2)]


def test_different_activations_side_by_side_are_stages_in_turn(tmp_path: Path) -> None:
    nodes = [
        node("Relu", ["x"], ["p"]),
        node("Tanh", ["x"], ["q"]),
        node("Concat", ["p", "q"], ["y"], axis=1, name="both"),
    ]
    read = agrees(save(tmp_path / "m.onnx", model(nodes)), (1, 3))
    first, second = read.stages
    assert (first.activation, first.carried) == (Activation.RELU, 3)
    assert (second.activation, second.carried) == (Activation.TANH, 3)


def test_subtraction_before_a_gemm_stays_an_expression(tmp_path: Path) -> None:
    nodes = [node("Sub", ["x", "v"], ["h"]), *_one("Gemm", "h", "w", "b")]
    (stage,) = network(tmp_path / "m.onnx", model(nodes, {"v": V, "w": W, "b": B})).stages
    add = stage.map
    assert isinstance(add, Shift)
    assert isinstance(add.of, Linear)
    assert add.of.transposed
    inner = add.of.of
    assert isinstance(inner, Shift)
    assert inner.negative


@pytest.mark.parametrize(
    ("attribute", "dtype"),
    [
        (helper.make_attribute("value_float", 0.1), "float32"),
        (helper.make_attribute("value_floats", [0.1, 0.2, 0.3]), "float32"),
        (helper.make_attribute("value", numpy_helper.from_array(V)), "float32"),
    ],
)
def test_constants_keep_their_format(attribute: Any, dtype: str, tmp_path: Path) -> None:
    constant = node("Constant", [], ["v"])
    constant.attribute.append(attribute)
    nodes = [*_one("Add", "x", "v"), constant]  # after the node that uses it
    (stage,) = network(tmp_path / "m.onnx", model(nodes)).stages
    assert isinstance(stage.map, Shift)
    assert stage.map.vector.dtype.name == dtype


@pytest.mark.parametrize("kind", ["value_int", "value_ints"])
def test_constant_shapes(kind: str, tmp_path: Path) -> None:
    constant = node("Constant", [], ["s"])
    constant.attribute.append(helper.make_attribute(kind, 0 if kind == "value_int" else [-1]))
    gather = node("Gather", ["sh", "s"], ["t"])
    nodes = [node("Shape", ["x"], ["sh"]), constant]
    nodes += [gather, node("Unsqueeze", ["t"], ["u"], axes=[0])] if kind == "value_int" else []
    last = "u" if kind == "value_int" else "s"
    given = model([*nodes, *_one("Reshape", "x", last)], {}, (3,), opset=12)
    agrees(save(tmp_path / "m.onnx", given), (3,))


def test_formats_of_weights(tmp_path: Path) -> None:
    import ml_dtypes

    for code, dtype in (
        (TensorProto.FLOAT16, np.float16),
        (TensorProto.DOUBLE, np.float64),
        (TensorProto.BFLOAT16, ml_dtypes.bfloat16),
    ):
        weight = W.astype(dtype)
        given = model(_one("MatMul", "x", "w"), {"w": weight}, dtype=code)
        (stage,) = network(tmp_path / "m.onnx", given).stages
        assert isinstance(stage.map, Linear)
        assert stage.map.matrix.dtype == weight.dtype
        assert stage.map.matrix.tobytes() == weight.tobytes()


def test_bfloat16_number_by_number(tmp_path: Path) -> None:
    given = model(_one("Add", "x", "v"), {}, dtype=TensorProto.BFLOAT16)
    tensor = helper.make_tensor("v", TensorProto.BFLOAT16, [3], [1.0, -0.5, 3.0])
    given.graph.initializer.append(tensor)
    (stage,) = network(tmp_path / "m.onnx", given).stages
    assert isinstance(stage.map, Shift)
    assert stage.map.vector.astype(np.float64).tolist() == [1.0, -0.5, 3.0]


@pytest.mark.parametrize(
    ("start", "to", "is_read"),
    [
        (TensorProto.FLOAT, TensorProto.FLOAT, True),
        (TensorProto.FLOAT, TensorProto.DOUBLE, True),
        (TensorProto.FLOAT16, TensorProto.FLOAT, True),
        (TensorProto.BFLOAT16, TensorProto.FLOAT, True),
        (TensorProto.FLOAT, TensorProto.FLOAT16, False),
        (TensorProto.DOUBLE, TensorProto.FLOAT, False),
        (TensorProto.FLOAT16, TensorProto.BFLOAT16, False),
        (TensorProto.FLOAT, TensorProto.INT64, False),
    ],
)
def test_casts_that_round_are_refused(start: int, to: int, is_read: bool, tmp_path: Path) -> None:
    from monic.errors import UnsupportedModel

    given = model(_one("Cast", "x", to=to), dtype=start, output=to)
    if is_read:
        assert network(tmp_path / "m.onnx", given).in_dim == 3
    else:
        with pytest.raises(UnsupportedModel, match="rounds"):
            network(tmp_path / "m.onnx", given)
