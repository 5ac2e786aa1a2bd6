"""Constants that are repeated along some axes: the array of the file stays one, and is exact."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from monic import Verdict, check, decide
from monic.errors import UnsupportedModel
from monic.io import load
from monic.model import ChannelScale, ChannelShift
from monic.model.array import Array
from tests.io.graphs import agrees, model, network, node, save

IMAGE = (1, 2, 3, 4)
SHAPES = [s for s in product((1, 2), (1, 3), (1, 4)) if np.prod(s) > 1]


def _array(*shape: int) -> Array:
    numbers = np.random.default_rng(3).uniform(0.5, 2.0, shape)
    return numbers.astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("op", ["Mul", "Add", "Sub", "PRelu"])
def test_along_any_axes(op: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    array = _array(*shape)
    given = model([node(op, ["x", "c"], ["y"])], {"c": array}, IMAGE)
    path = save(tmp_path / "m.onnx", given)
    read = agrees(path, IMAGE)
    first = read.stages[0]
    if op == "PRelu":
        assert first.slope is not None
        assert first.slope.tobytes() == array.tobytes()
    elif array.size < 24:
        (step,) = [s for s in first.map.steps() if isinstance(s, ChannelScale | ChannelShift)]
        assert step.vector.tobytes() == array.tobytes()
    decision = decide(read)
    assert decision.verdict is Verdict.INJECTIVE
    assert decision.certificate is not None
    check(decision.certificate, path)


@pytest.mark.parametrize("shape", [(3, 1), (3, 4), (1, 4), (2, 1, 4), (1, 2, 3, 1)])
def test_beside_a_fixed_batch(shape: tuple[int, ...], tmp_path: Path) -> None:
    batch = (5, *IMAGE[1:])
    nodes = [node("Mul", ["x", "c"], ["h"]), node("Flatten", ["h"], ["f"])]
    nodes.append(node("MatMul", ["f", "w"], ["y"]))
    arrays = {"c": _array(*shape), "w": _array(24, 3)}
    read = agrees(save(tmp_path / "m.onnx", model(nodes, arrays, batch)), batch)
    assert read.in_dim == 24


def test_a_constant_of_zeros_in_places_loses_them(tmp_path: Path) -> None:
    array = np.array([[1.0], [0.0], [2.0]], np.float32)
    given = model([node("Mul", ["x", "c"], ["y"])], {"c": array}, IMAGE)
    decision = decide(network(tmp_path / "m.onnx", given))
    assert decision.verdict is Verdict.NOT_INJECTIVE
    assert decision.collision is not None
    pairs = zip(decision.collision.x, decision.collision.other, strict=True)
    changed = np.array([a != b for a, b in pairs]).reshape(2, 3, 4)
    assert changed.any()
    assert not changed[:, [0, 2]].any()


@pytest.mark.parametrize("shape", [(2, 1, 3, 4), (1, 1, 2, 1, 4), (2, 4, 1)])
def test_other_constants_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    given = model([node("Mul", ["x", "c"], ["y"])], {"c": _array(*shape)}, IMAGE)
    with pytest.raises(UnsupportedModel):
        load(save(tmp_path / "m.onnx", given))
