"""Norms and quantised weights, against onnxruntime, and the exact form in which they are kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper
from onnx.reference import ReferenceEvaluator

from monic import Verdict, check, decide
from monic.errors import UnsupportedModel
from monic.io import load
from monic.model import Activation, Centre, ChannelScale, Linear
from monic.model.array import Array
from monic.model.derived import BatchFactors, Dequantized, origin_of
from tests.io.graphs import agrees, evaluate, model, network, node, save

RNG = np.random.default_rng(5)


def _random(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


def _one(op: str, *inputs: str, **attributes: Any) -> list[NodeProto]:
    return [node(op, list(inputs), ["y"], name="n", **attributes)]


def _statistics(count: int) -> dict[str, Array]:
    variance = np.abs(_random(count)) + np.float32(0.1)
    return {"g": _random(count), "b": _random(count), "m": _random(count), "v": variance}


Case = tuple[list[NodeProto], dict[str, Array], tuple[int, ...], dict[str, Any]]
IMAGE = (1, 4, 2, 3)
BATCH = ("x", "g", "b", "m", "v")
ONES, TENTH, THREE = np.ones(3, np.float32), np.array(0.1, np.float32), np.array(3, np.uint8)
AFFINE = {"g": _random(4), "b": _random(4)}

CASES: dict[str, Case] = {
    "batch": (_one("BatchNormalization", *BATCH), _statistics(4), IMAGE, {}),
    "batch dense": (_one("BatchNormalization", *BATCH, epsilon=0.25), _statistics(3), (1, 3), {}),
    "batch 1-D": (_one("BatchNormalization", *BATCH), _statistics(2), (1, 2, 5), {}),
    "batch old": (_one("BatchNormalization", *BATCH), _statistics(4), IMAGE, {"opset": 9}),
    "layer": (_one("LayerNormalization", "x", "g", "b"), AFFINE, (1, 4), {}),
    "layer epsilon": (
        _one("LayerNormalization", "x", "g", "b", epsilon=0.5, axis=1), AFFINE, (1, 4), {}
    ),
    "layer alone": (_one("LayerNormalization", "x", "g"), AFFINE, (1, 4), {}),
    "layer of tokens": (_one("LayerNormalization", "x", "g", "b"), AFFINE, (1, 3, 4), {}),
    "layer of all": (
        _one("LayerNormalization", "x", "g", "b", axis=1),
        {"g": _random(3, 4), "b": _random(3, 4)}, (1, 3, 4), {},
    ),
    "layer of images": (
        _one("LayerNormalization", "x", "g", "b", axis=-2),
        {"g": _random(2, 3), "b": _random(2, 3)}, IMAGE, {},
    ),
    "layer with one gamma": (
        _one("LayerNormalization", "x", "g", "b"), {"g": _random(1), "b": _random(1)}, IMAGE, {}
    ),
    "layer of images, gamma by rows": (
        _one("LayerNormalization", "x", "g", "b", axis=-2),
        {"g": _random(2, 1), "b": _random(1, 3)}, IMAGE, {},
    ),
    "layer of images, gamma for all": (
        _one("LayerNormalization", "x", "g", "b", axis=-1),
        {"g": _random(4, 1, 3), "b": _random(4, 2, 3)}, IMAGE, {},
    ),
    "layer of a batch": (_one("LayerNormalization", "x", "g", "b"), AFFINE, (3, 4), {}),
    "instance": (_one("InstanceNormalization", "x", "g", "b"), AFFINE, IMAGE, {}),
    "instance 1-D": (
        _one("InstanceNormalization", "x", "g", "b", epsilon=0.1), AFFINE, (1, 4, 3), {}
    ),
    "group of torch": (
        [
            node("Reshape", ["x", "to"], ["r"]),
            node("InstanceNormalization", ["r", "ones", "zeros"], ["i"]),
            node("Reshape", ["i", "back"], ["s"]),
            node("Mul", ["s", "g"], ["t"]),
            *_one("Add", "t", "b"),
        ],
        {
            "to": np.array([0, 2, -1]), "back": np.array([1, 4, 2, 3]),
            "ones": np.ones(2, np.float32), "zeros": np.zeros(2, np.float32),
            "g": _random(4, 1, 1), "b": _random(4, 1, 1),
        },
        IMAGE, {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_same_numbers_and_a_verdict(name: str, tmp_path: Path) -> None:
    nodes, arrays, shape, options = CASES[name]
    path = save(tmp_path / "m.onnx", model(nodes, arrays, shape, **options))
    read = agrees(path, shape)
    loses = "batch" not in name or name == "layer of a batch"
    decision = decide(read)
    assert decision.verdict is (Verdict.NOT_INJECTIVE if loses else Verdict.INJECTIVE)
    assert decision.certificate is not None
    check(decision.certificate, path)
    check(decision.certificate, read)
    for stage in decision.stages:
        if stage.decision.certificate is not None:
            check(stage.decision.certificate, path)
    assert ("batch norms are folded" in decision.reason) == (name.startswith("batch"))
    given = decide(read, assume="statistics")
    assert given.verdict is Verdict.INJECTIVE
    assert given.assumption == ("statistics" if loses else None)
    assert given.certificate is not None
    check(given.certificate, path)


GROUPS = [
    ("GroupNormalization", ("x", "g", "b"), 4, {"num_groups": 2}, 21, IMAGE),
    ("GroupNormalization", ("x", "g", "b"), 2, {"num_groups": 2}, 18, IMAGE),
    ("RMSNormalization", ("x", "g"), 4, {"epsilon": 0.125}, 23, (1, 4)),
    ("RMSNormalization", ("x", "g"), 4, {"axis": -1}, 23, (1, 2, 4)),
]


@pytest.mark.parametrize(("op", "inputs", "count", "attributes", "opset", "shape"), GROUPS)
def test_newer_norms_against_the_reference(
    op: str,
    inputs: tuple[str, ...],
    count: int,
    attributes: dict[str, Any],
    opset: int,
    shape: tuple[int, ...],
    tmp_path: Path,
) -> None:
    arrays = {"g": _random(count), "b": _random(count)}
    given = model(_one(op, *inputs, **attributes), arrays, shape, opset=opset)
    read = network(tmp_path / "m.onnx", given)
    for _ in range(3):
        x = _random(*shape)
        (expected,) = ReferenceEvaluator(given).run(None, {"x": x})
        assert np.allclose(evaluate(read, x), np.asarray(expected).ravel(), rtol=1e-4, atol=1e-4)
    loses = op.startswith("Group")
    assert (decide(read).verdict is Verdict.NOT_INJECTIVE) == loses
    assert decide(read).verdict is not Verdict.UNDECIDED


def test_the_form_of_a_batch_norm(tmp_path: Path) -> None:
    arrays = _statistics(4)
    read = network(tmp_path / "m.onnx", model(CASES["batch"][0], arrays, IMAGE))
    steps = read.stages[0].map.steps()
    (scale,) = [step for step in steps if isinstance(step, ChannelScale)]
    origin = origin_of(scale.vector)
    assert isinstance(origin, BatchFactors)
    assert origin.gamma.tobytes() == arrays["g"].tobytes()
    wide = {name: array.astype(np.float64) for name, array in arrays.items()}
    expected = wide["g"] / np.sqrt(wide["v"] + float(np.float32(1e-5)))
    assert np.allclose(scale.vector, expected, rtol=1e-15)


def test_the_form_of_a_layer_norm(tmp_path: Path) -> None:
    nodes, arrays, shape, _ = CASES["layer of tokens"]
    norm, last = network(tmp_path / "m.onnx", model(nodes, arrays, shape)).stages
    assert (norm.name, norm.activation) == ("n", Activation.NORMALIZATION)
    assert isinstance(norm.map, Centre)
    assert norm.map.groups == 3
    assert norm.norm is not None
    assert norm.norm.groups == 3
    assert last.activation is Activation.IDENTITY


def _spelled_out(*, square: str, centred: bool, axes: tuple[int, ...] = (-1,)) -> list[NodeProto]:
    """What exporters before version 17 of the operators write."""
    start = [node("ReduceMean", ["x"], ["m"], axes=axes), node("Sub", ["x", "m"], ["c"])]
    y = "c" if centred else "x"
    squares = {"Pow": node("Pow", [y, "two"], ["q"]), "Mul": node("Mul", [y, y], ["q"])}
    return [
        *(start if centred else []),
        squares[square],
        node("ReduceMean", ["q"], ["v"], axes=axes),
        node("Add", ["v", "e"] if square == "Pow" else ["e", "v"], ["w"]),
        node("Sqrt", ["w"], ["s"]),
        node("Div", [y, "s"], ["d"], name="n"),
        node("Mul", ["d", "g"], ["t"]),
        node("Add", ["t", "b"], ["y"]),
    ]


SPELLED = {"two": np.array(2, np.float32), "e": np.array(0.25, np.float32)}


@pytest.mark.parametrize("square", ["Pow", "Mul"])
@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("shape", [(1, 4), (1, 3, 4)])
def test_norms_that_are_spelled_out(
    square: str, centred: bool, shape: tuple[int, ...], tmp_path: Path
) -> None:
    nodes = _spelled_out(square=square, centred=centred)
    given = model(nodes, SPELLED | AFFINE, shape, opset=11)
    read = agrees(save(tmp_path / "m.onnx", given), shape)
    norm = read.stages[0]
    assert norm.name == "n"
    assert norm.norm is not None
    assert norm.norm.epsilon == 0.25
    assert isinstance(norm.map, Centre) == centred
    assert decide(read).verdict is (Verdict.NOT_INJECTIVE if centred else Verdict.INJECTIVE)


def test_axes_of_a_spelled_out_norm_from_the_first(tmp_path: Path) -> None:
    """Axis 1 is the last one in some tensors, and not in others."""
    nodes = _spelled_out(square="Pow", centred=True, axes=(1,))
    for shape, groups in (((1, 4), 1), ((1, 3, 4), 4), ((1, 2, 3, 4), 12)):
        given = model(nodes, SPELLED | AFFINE, shape, opset=11)
        found = agrees(save(tmp_path / "m.onnx", given), shape).stages[0].norm
        assert found is not None
        assert found.groups == groups


@pytest.mark.parametrize("inputs", [["x", "r"], ["r", "x"]])
def test_a_norm_by_a_reciprocal(inputs: list[str], tmp_path: Path) -> None:
    nodes = _spelled_out(square="Pow", centred=False)[:-3]
    nodes += [node("Reciprocal", ["s"], ["r"]), node("Mul", inputs, ["y"], name="n")]
    given = model(nodes, SPELLED, (1, 4), opset=11)
    assert agrees(save(tmp_path / "m.onnx", given), (1, 4)).stages[0].norm is not None


def test_what_only_looks_like_a_norm_is_refused(tmp_path: Path) -> None:
    good = _spelled_out(square="Pow", centred=True)
    for place, new in (
        (2, node("Pow", ["c", "e"], ["q"])),  # another power
        (2, node("Mul", ["c", "x"], ["q"])),  # another product
        (3, node("ReduceMean", ["q"], ["v"], axes=[0])),  # other axes
        (3, node("ReduceSum", ["q"], ["v"], axes=[-1])),
        (5, node("Exp", ["w"], ["s"])),
        (6, node("Div", ["x", "s"], ["d"])),  # another tensor is divided
        (4, node("Add", ["v", "v"], ["w"])),
    ):
        nodes = [*good[:place], new, *good[place + 1 :]]
        path = save(tmp_path / "m.onnx", model(nodes, SPELLED | AFFINE, (1, 4), opset=11))
        with pytest.raises(UnsupportedModel):
            load(path)


def _quantised(axis: int | None, dtype: Any, *, zero: bool) -> dict[str, Array]:
    info = np.iinfo(dtype)
    count = 1 if axis is None else (3, 4)[axis]
    shape = () if axis is None else (count,)
    points = np.asarray(RNG.integers(info.min, info.max, shape), dtype)
    return {
        "q": RNG.integers(info.min, info.max, (3, 4)).astype(dtype),
        "s": np.asarray(np.abs(RNG.standard_normal(shape)), np.float32),
        **({"z": points} if zero else {}),
    }


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("zero", [False, True])
def test_quantised_weights(axis: int | None, dtype: Any, zero: bool, tmp_path: Path) -> None:
    arrays = _quantised(axis, dtype, zero=zero)
    attributes: dict[str, Any] = {} if axis is None else {"axis": axis}
    nodes = [node("DequantizeLinear", list(arrays), ["w"], **attributes)]
    nodes += [node("MatMul", ["x", "w"], ["h"], name="n"), node("Relu", ["h"], ["y"])]
    path = save(tmp_path / "m.onnx", model(nodes, arrays))
    read = agrees(path, (1, 3))
    (step,) = [s for s in read.stages[0].map.steps() if isinstance(s, Linear)]
    assert isinstance(origin_of(step.matrix), Dequantized)
    zeros = arrays["z"].astype(float) if zero else np.zeros(1)
    scales = arrays["s"].astype(np.float64)
    if axis == 0:
        zeros, scales = zeros.reshape(-1, 1), scales.reshape(-1, 1)
    assert (step.matrix == scales * (arrays["q"].astype(float) - zeros)).all()
    decision = decide(read)
    assert decision.verdict is Verdict.NOT_INJECTIVE  # 4 rows for 3 inputs
    assert decision.certificate is not None
    check(decision.certificate, path)
    check(decision.certificate, read)


def test_a_quantised_convolution_and_bias(tmp_path: Path) -> None:
    kernel = RNG.integers(-127, 128, (4, 2, 2, 2)).astype(np.int8)
    kernel[2:] = -kernel[:2]
    arrays: dict[str, Array] = {
        "q": kernel, "s": np.array([0.25, 0.1, 0.3, 0.1], np.float32), "z": np.zeros(4, np.int8),
        "c": np.array([5, -7, 1, 70000], np.int32), "t": np.array(0.013, np.float32),
    }  # fmt: skip
    nodes = [
        node("DequantizeLinear", ["q", "s", "z"], ["k"], axis=0),
        node("DequantizeLinear", ["c", "t"], ["b"]),
        node("Conv", ["x", "k", "b"], ["h"], pads=[1, 1, 1, 1]),
        node("Relu", ["h"], ["y"]),
    ]
    path = save(tmp_path / "m.onnx", model(nodes, arrays, (1, 2, 3, 3)))
    read = agrees(path, (1, 2, 3, 3))
    decision = decide(read)
    assert decision.verdict is not Verdict.UNDECIDED
    assert decision.certificate is not None
    check(decision.certificate, path)


def _rms(**attributes: Any) -> list[NodeProto]:
    return _one("LayerNormalization", "x", "g", **attributes)


WIDE = {"q": np.full((3, 4), 2**31 - 1, np.int32), "s": TENTH}
REFUSED: dict[str, tuple[list[NodeProto], dict[str, Array], tuple[int, ...], str]] = {
    "training": (
        _one("BatchNormalization", *BATCH, training_mode=1), _statistics(3), (1, 3),
        "training_mode",
    ),
    "negative variance": (
        _one("BatchNormalization", *BATCH), _statistics(3) | {"v": -ONES},
        (1, 3), "positive once epsilon",
    ),
    "wrong size": (_one("BatchNormalization", *BATCH), _statistics(2), (1, 3), "not 3 entries"),
    "vector": (_one("BatchNormalization", *BATCH), _statistics(3), (3,), "channels along axis 1"),
    "own statistics": (
        [node("Flatten", ["x"], ["h"]), *_one("BatchNormalization", "x", "g", "b", "m", "h")],
        _statistics(3), (1, 3), "depend on the input",
    ),
    "epsilon below 0": (_rms(epsilon=-1.0), AFFINE, (1, 4), "not defined where a group"),
    "no such axis": (_rms(axis=2), AFFINE, (1, 4), "axis 2 does not exist"),
    "partial gamma": (_rms(axis=1), {"g": _random(2, 4)}, (1, 3, 4), "do not fit"),
    "rounded input": (
        [node("QuantizeLinear", ["x", "s", "z"], ["q"]), *_one("DequantizeLinear", "q", "s", "z")],
        {"s": TENTH, "z": THREE}, (1, 3), "inputs in one cell",
    ),
    "integer product": (
        _one("QLinearMatMul", "x", "s", "z", "w", "s", "z", "s", "z"),
        {"s": TENTH, "z": THREE, "w": np.zeros((3, 4), np.uint8)}, (1, 3),
        "one cell",
    ),
    "long products": (
        [node("DequantizeLinear", ["q", "s"], ["w"]), *_one("MatMul", "x", "w")], WIDE, (1, 3),
        "store these weights as floats",
    ),
    "wrong scales": (
        [node("DequantizeLinear", ["q", "s"], ["w"], axis=0), *_one("MatMul", "x", "w")],
        {"q": np.zeros((3, 4), np.int8), "s": _random(4)}, (1, 3), "for each of 3 along axis 0",
    ),
    "blocks": (
        [node("DequantizeLinear", ["q", "s"], ["w"], block_size=2), *_one("MatMul", "x", "w")],
        {"q": np.zeros((3, 4), np.int8), "s": _random(4)}, (1, 3), "'block_size' is not known",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read(name: str, tmp_path: Path) -> None:
    nodes, arrays, shape, why = REFUSED[name]
    path = save(tmp_path / "m.onnx", model(nodes, arrays, shape))
    with pytest.raises(UnsupportedModel, match=why) as caught:
        load(path)
    assert "; " in str(caught.value).splitlines()[1]


def test_half_floats_as_scales(tmp_path: Path) -> None:
    integers, scale = np.array([[3, -4]], np.int8), np.array([0.1], np.float16)
    arrays: dict[str, Array] = {"q": integers, "s": scale}
    nodes = [
        node("DequantizeLinear", ["q", "s"], ["w"], axis=0),
        *_one("MatMul", "x", "w"),
    ]
    given = model(nodes, arrays, (1, 1), opset=19, dtype=TensorProto.FLOAT16)
    (stage,) = network(tmp_path / "m.onnx", given).stages
    (step,) = [s for s in stage.map.steps() if isinstance(s, Linear)]
    assert step.matrix.tolist() == [[3 * float(np.float16(0.1)), -4 * float(np.float16(0.1))]]
    assert helper.np_dtype_to_tensor_dtype(step.matrix.dtype) == TensorProto.DOUBLE


@pytest.mark.parametrize("epsilons", [(0.25, 0.25), (0.25, 0.5)])
def test_norms_side_by_side_are_one_where_they_are_alike(
    epsilons: tuple[float, float], tmp_path: Path
) -> None:
    """Two halves of the input, a layer norm for each: with other epsilons it takes two stages."""
    nodes = [node("Split", ["x"], ["l", "r"], axis=1)]
    for half, epsilon in zip("lr", epsilons, strict=True):
        inputs = [half, f"{half}g", f"{half}b"]
        nodes.append(node("LayerNormalization", inputs, [f"{half}n"], epsilon=epsilon))
    nodes.append(node("Concat", ["ln", "rn"], ["y"], axis=1))
    arrays = {f"{half}{name}": _random(3) for half in "lr" for name in "gb"}
    path = save(tmp_path / "m.onnx", model(nodes, arrays, (1, 6), opset=17))
    read = agrees(path, (1, 6))
    groups = [stage.norm.groups for stage in read.stages if stage.norm is not None]
    assert groups == ([2] if len({*epsilons}) == 1 else [1, 1])
    if len(groups) == 2:
        return  # the halves are carried beside their norms: no stage is one-to-one by itself
    assert decide(read, time_limit=3).verdict is Verdict.NOT_INJECTIVE
    given = decide(read, assume="statistics", time_limit=3)
    assert given.verdict is Verdict.INJECTIVE
    assert given.certificate is not None
    check(given.certificate, path)
