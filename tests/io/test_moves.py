"""Operators that move entries, against onnxruntime; borders become the padding of convolutions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto
from onnx.numpy_helper import from_array

from monic.errors import UnsupportedModel
from monic.io.onnx.node import Node
from monic.io.onnx.rewriting import rewritten
from monic.model import Convolution, Network
from monic.model.array import Array
from tests.io.graphs import agrees, model, network, node, save

SHAPE = (1, 4, 3, 5)
LARGEST = 2**63 - 1


def _ints(*entries: int) -> Array:
    return np.array(entries, dtype=np.int64)


def _one(op: str, *inputs: str, **attributes: Any) -> list[NodeProto]:
    return [node(op, list(inputs), ["y"], name="n", **attributes)]


HALF = np.array(0.5, dtype=np.float32)

MOVES: dict[str, tuple[list[NodeProto], dict[str, Array], int]] = {
    "slice": (
        _one("Slice", "x", "s", "e", "a", "t"),
        {"s": _ints(1, -1), "e": _ints(LARGEST, -LARGEST), "a": _ints(1, -1), "t": _ints(2, -2)},
        17,
    ),
    "slice without steps": (
        _one("Slice", "x", "s", "e", "a"),
        {"s": _ints(0, 1), "e": _ints(-1, 9), "a": _ints(2, 3)},
        17,
    ),
    "slice of all axes": (
        _one("Slice", "x", "s", "e"),
        {"s": _ints(0, 1, 0, 0), "e": _ints(1, 3, 2, 4)},
        17,
    ),
    "old slice": (_one("Slice", "x", starts=[1, 0], ends=[3, 2], axes=[1, 3]), {}, 9),
    "gather": (_one("Gather", "x", "i", axis=1), {"i": _ints(3, -4, 0, 3)}, 17),
    "gather one": (_one("Gather", "x", "i", axis=2), {"i": np.array(-1)}, 17),
    "gather a table": (
        _one("Gather", "x", "i", axis=3),
        {"i": _ints(0, 4, 1, 1).reshape(2, 2)},
        17,
    ),
    "gather entries": (
        _one("GatherND", "x", "i"),
        {"i": _ints(0, 1, 0, 3).reshape(2, 2)},
        17,
    ),
    "expand": (
        [node("Slice", ["x", "s", "e", "a"], ["h"]), *_one("Expand", "h", "w")],
        {"s": _ints(0), "e": _ints(1), "a": _ints(1), "w": _ints(2, 1, 1)},
        17,
    ),
    "tile": (_one("Tile", "x", "r"), {"r": _ints(1, 2, 1, 3)}, 17),
    "depth to space": (_one("DepthToSpace", "x", blocksize=2), {}, 17),
    "depth to space by columns": (_one("DepthToSpace", "x", blocksize=2, mode="CRD"), {}, 17),
    "space to depth": (
        [
            node("Slice", ["x", "s", "e", "a"], ["h"]),
            *_one("SpaceToDepth", "h", blocksize=2),
        ],
        {"s": _ints(0, 0), "e": _ints(2, 4), "a": _ints(2, 3)},
        17,
    ),
    "pad": (_one("Pad", "x", "p"), {"p": _ints(0, 1, 0, 2, 0, 0, 1, 3)}, 17),
    "pad by a number": (_one("Pad", "x", "p", "v"), {"p": _ints(*[0] * 7, 2), "v": HALF}, 17),
    "pad and cut": (_one("Pad", "x", "p"), {"p": _ints(0, -1, 0, 2, 0, 0, 1, -2)}, 17),
    "pad axes": (_one("Pad", "x", "p", "", "a"), {"p": _ints(1, 2), "a": _ints(-1)}, 18),
    "old pad": (_one("Pad", "x", pads=[0, 0, 1, 0, 0, 0, 0, 2], value=0.25), {}, 10),
    "reflect": (_one("Pad", "x", "p", mode="reflect"), {"p": _ints(0, 0, 2, 1, 0, 0, 1, 4)}, 17),
    "reflect by widths that are computed": (
        [
            node("ConstantOfShape", ["four"], ["zeros"], value=from_array(_ints(0))),
            node("Concat", ["widths", "zeros"], ["all"], axis=0),
            node("Reshape", ["all", "pairs"], ["table"]),
            node("Slice", ["table", "s", "e", "a", "t"], ["turned"]),
            node("Transpose", ["turned"], ["lines"], perm=[1, 0]),
            node("Reshape", ["lines", "minus"], ["p"]),
            *_one("Pad", "x", "p", mode="reflect"),
        ],
        {
            **{"four": _ints(4), "widths": _ints(1, 4, 2, 1), "minus": _ints(-1)},
            **{"pairs": _ints(-1, 2), "s": _ints(-1), "e": _ints(-LARGEST), "a": _ints(0)},
            "t": _ints(-1),
        },
        17,
    ),
    "edge": (_one("Pad", "x", "p", mode="edge"), {"p": _ints(0, 0, 4, 1, 0, 0, 1, 7)}, 17),
    "wrap": (_one("Pad", "x", "p", mode="wrap"), {"p": _ints(0, 0, 3, 1, 0, 0, 1, 5)}, 19),
    "concat along the last axis": (
        [node("Neg", ["x"], ["h"]), *_one("Concat", "x", "h", axis=-1)],
        {},
        17,
    ),
    "concat along a middle axis": (
        [node("Neg", ["x"], ["h"]), *_one("Concat", "h", "x", "h", axis=2)],
        {},
        17,
    ),
}


@pytest.mark.thorough
@pytest.mark.parametrize("lead", [1, 3])
@pytest.mark.parametrize("name", MOVES)
def test_moves(name: str, lead: int, tmp_path: Path) -> None:
    nodes, arrays, opset = MOVES[name]
    if name == "slice of all axes" and lead > 1:
        arrays = {**arrays, "e": _ints(lead, 3, 2, 4)}
    if name == "gather entries" and lead > 1:
        pytest.skip("it takes entries of the first example only")
    shape = (lead, *SHAPE[1:])
    agrees(save(tmp_path / "m.onnx", model(nodes, arrays, shape, opset=opset)), shape)


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("opset", [11, 17, 18])
def test_parts(axis: int, opset: int, tmp_path: Path) -> None:
    """Parts put together in another order, each way to say how large they are."""
    parts = {1: (1, 3), 2: (2, 1), 3: (1, 4)}[axis]
    arrays: dict[str, Array] = {}
    if opset < 13:
        nodes = [node("Split", ["x"], ["a", "b"], axis=axis, split=list(parts))]
    else:
        nodes = [node("Split", ["x", "s"], ["a", "b"], axis=axis)]
        arrays["s"] = _ints(*parts)
    if opset == 18 and axis == 3:  # the last part is the smaller one
        nodes, arrays = [node("Split", ["x"], ["a", "b"], axis=axis, num_outputs=2)], {}
    nodes += _one("Concat", "b", "a", axis=axis)
    agrees(save(tmp_path / "m.onnx", model(nodes, arrays, SHAPE, opset=opset)), SHAPE)


def test_one_part_alone(tmp_path: Path) -> None:
    nodes = [node("Split", ["x"], ["y", "unused"], axis=1)]
    agrees(save(tmp_path / "m.onnx", model(nodes, {}, SHAPE)), SHAPE)


REFUSED: dict[str, tuple[list[NodeProto], dict[str, Array], str]] = {
    "places that are not there": (_one("Gather", "x", "i", axis=1), {"i": _ints(4)}, "not there"),
    "entries that are not there": (
        _one("GatherND", "x", "i"),
        {"i": _ints(0, 9).reshape(1, 2)},
        "not there",
    ),
    "an axis that is not there": (
        _one("Slice", "x", "s", "s", "a"),
        {"s": _ints(0), "a": _ints(4)},
        "do not exist",
    ),
    "a step of 0": (
        _one("Slice", "x", "s", "s", "s", "s"),
        {"s": _ints(0)},
        "do not fit together",
    ),
    "nothing is left": (
        _one("Slice", "x", "s", "s", "a"),
        {"s": _ints(1), "a": _ints(1)},
        "leaves nothing",
    ),
    "a reflection that is too wide": (
        _one("Pad", "x", "p", mode="reflect"),
        {"p": _ints(0, 0, 3, 0, 0, 0, 0, 0)},
        "too large",
    ),
    "pads without end": (_one("Pad", "x", "p"), {"p": _ints(*[2**40] * 8)}, "more than"),
    "tiles without end": (_one("Tile", "x", "p"), {"p": _ints(*[2**40] * 4)}, "more than"),
    "parts that do not add up": (
        [node("Split", ["x", "s"], ["y", "z"], axis=1)],
        {"s": _ints(1, 1)},
        "do not make up",
    ),
    "blocks that do not fit": (_one("SpaceToDepth", "x", blocksize=2), {}, "do not fit"),
    "blocks of nothing": (_one("DepthToSpace", "x", blocksize=0), {}, "do not fit"),
    "a shape without end": (
        [
            node("ConstantOfShape", ["n"], ["h"], value=from_array(_ints(1))),
            *_one("Reshape", "x", "h"),
        ],
        {"n": _ints(2**40)},
        "only lists of integers",
    ),
    "a tensor of floats": (
        [node("ConstantOfShape", ["n"], ["h"]), *_one("Add", "x", "h")],
        {"n": _ints(5)},
        "store the tensor",
    ),
    "a part of a constant": (
        [node("Slice", ["w", "s", "e"], ["h"]), *_one("Add", "x", "h")],
        {"w": np.ones(4, np.float32), "s": _ints(0), "e": _ints(1)},
        "part of a constant",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str, tmp_path: Path) -> None:
    nodes, arrays, why = REFUSED[name]
    with pytest.raises(UnsupportedModel, match=why):
        network(tmp_path / "m.onnx", model(nodes, arrays, SHAPE))


KERNEL = np.random.default_rng(5).standard_normal((2, 4, 3, 3)).astype(np.float32)


def _bordered(mode: str, border: tuple[int, ...], **attributes: Any) -> ModelProto:
    nodes = [node("Pad", ["x", "p"], ["h"], mode=mode), *_one("Conv", "h", "k", **attributes)]
    arrays = {"p": _ints(0, 0, *border[:2], 0, 0, *border[2:]), "k": KERNEL}
    return model(nodes, arrays, SHAPE, opset=19)


def _convolution(read: Network) -> Convolution:
    step = read.stages[0].map
    assert isinstance(step, Convolution)
    return step


@pytest.mark.parametrize(
    ("mode", "name"),
    [("constant", "zero"), ("reflect", "reflect"), ("edge", "replicate"), ("wrap", "circular")],
)
def test_borders_become_paddings(mode: str, name: str, tmp_path: Path) -> None:
    read = agrees(save(tmp_path / "m.onnx", _bordered(mode, (1, 2, 0, 1))), SHAPE)
    geometry = _convolution(read).geometry
    assert (geometry.mode, geometry.pairs) == (name, ((1, 0), (2, 1)))


def test_a_border_of_zeros_adds_to_the_padding(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", _bordered("constant", (1, 0, 0, 1), pads=[0, 1, 2, 0]))
    assert _convolution(agrees(path, SHAPE)).geometry.pairs == ((1, 2), (1, 1))


def test_other_borders_do_not_add_up(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", _bordered("wrap", (1, 1, 1, 1), pads=[1, 1, 1, 1]))
    geometry = _convolution(agrees(path, SHAPE)).geometry
    assert (geometry.mode, geometry.shape) == ("zero", (4, 5, 7))


def test_a_border_with_two_users_stays(tmp_path: Path) -> None:
    nodes = [
        node("Pad", ["x", "p"], ["h"], mode="wrap"),
        node("Conv", ["h", "k"], ["c"]),
        node("Conv", ["h", "k"], ["d"]),
        *_one("Concat", "c", "d", axis=1),
    ]
    arrays = {"p": _ints(0, 0, 1, 1, 0, 0, 1, 1), "k": KERNEL}
    agrees(save(tmp_path / "m.onnx", model(nodes, arrays, SHAPE, opset=19)), SHAPE)


@settings(deadline=None, max_examples=200)
@given(
    op=st.sampled_from(["Pad", "Conv", "Split", "Constant"]),
    inputs=st.lists(st.sampled_from(["", "x", "p", "f", "nothing"]), max_size=4),
    attributes=st.dictionaries(
        st.sampled_from(["pads", "value", "mode", "auto_pad", "split"]),
        st.sampled_from([None, 1, -2.5, "edge", "SAME_UPPER", (1, 2), (0.5,), (0,) * 8, HALF]),
    ),
)
def test_rewriting_takes_any_node(op: str, inputs: list[str], attributes: dict[str, Any]) -> None:
    """Files may hold any nonsense: rewriting leaves to the reader what it cannot judge."""
    arrays = {"p": _ints(0, 0, 1, 0, 0, 0, 0, 1), "f": np.array(["text"], dtype=object)}
    first = Node("a", "Pad", ("x", "p"), ("h",), {}, 17)
    odd = Node("b", op, tuple(inputs), ("g", ""), attributes, 17)
    last = Node("c", "Conv", ("g", "h"), ("y",), attributes, 17)
    assert rewritten([first, odd, last], arrays, "y")
