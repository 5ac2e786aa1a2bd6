"""Every operator in every version that is admitted, with its attributes, on three roads."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto
from onnx.reference import ReferenceEvaluator

from monic.errors import UnsupportedModel
from monic.io.onnx.forms import FORMS, NEWEST, OLDEST, Form, Idle, OneOf
from monic.model.array import Array
from tests.io.floats import outputs
from tests.io.graphs import model, network, node, run, save
from tests.io.operator_examples import EXAMPLES, Example, floats, random

pytestmark = pytest.mark.thorough

#: Operators that are parts of others: spelled-out norms, and lists of integers for shapes.
ELSEWHERE = {"Pow", "Reciprocal", "Sqrt", "ConstantOfShape"}

#: Attributes of which no value but the default is read, or whose use is a shape.
UNREAD = {
    *(("Constant", name) for name in ("sparse_value", "value_string", "value_strings")),
    *(("Constant", name) for name in ("value_int", "value_ints")),
    *(("ConvTranspose", "output_shape"), ("Resize", "axes")),
}

#: Values that are known, and refused by the reader with a reason of their own.
REFUSED = {
    *(("ConvTranspose", "auto_pad", auto) for auto in ("SAME_UPPER", "SAME_LOWER")),
    ("Gemm", "transA", 1),
    ("Resize", "mode", "cubic"),
    ("Resize", "antialias", 1),
    *(("Resize", "keep_aspect_ratio_policy", word) for word in ("not_larger", "not_smaller")),
    ("Resize", "coordinate_transformation_mode", "tf_crop_and_resize"),
    ("Resize", "coordinate_transformation_mode", "tf_half_pixel_for_nn"),
    ("Resize", "nearest_mode", "ceil"),
}


def _versions(op: str, form: Form) -> list[int]:
    """The first and the last version in which an operator has a form."""
    later = [other.since for other in FORMS[op] if other.since > form.since]
    return sorted({max(form.since, OLDEST), min([*later, NEWEST + 1]) - 1})


def _graph(op: str, version: int, example: Example) -> ModelProto:
    """A graph of one node, or with what makes floats of it that depend on x."""
    inputs, attributes, shape = example
    arrays = {f"c{k}": a for k, a in enumerate(inputs) if isinstance(a, np.ndarray)}
    named = enumerate(inputs)
    names = ["x" if isinstance(a, str) else "" if a is None else f"c{k}" for k, a in named]
    after = {"Constant": "Add", "DequantizeLinear": "MatMul", "Shape": "Reshape"}.get(op)
    ends = ["y", "z"] if op == "Split" else ["y"] if after is None else ["c"]
    nodes = [node(op, names, ends, name="n", **attributes)]
    if after is not None:
        nodes.append(node(after, ["x", "c"], ["y"]))
    more: dict[str, Any] = {"output": TensorProto.DOUBLE} if op == "Cast" else {}
    return model(nodes, arrays, shape, opset=version, **more)


def _reference(given: ModelProto, path: Path, x: Array) -> Array:
    computed: Any = ReferenceEvaluator(given).run(None, {"x": x})
    return np.asarray(computed[0])


def _onnxruntime(given: ModelProto, path: Path, x: Array) -> Array:
    return run(path, x)


def _is_sound(op: str, version: int, attributes: dict[str, Any]) -> bool:
    """Whether ONNX's reference is right: some of its mistakes are known.

    It takes old batch norms for ones in training, and shifts the windows of a MaxPool with more
    padding on one side.
    """
    trains = op == "BatchNormalization" and 9 <= version < 14
    return not trains and not (op == "MaxPool" and "SAME" in attributes.get("auto_pad", ""))


def _roads(
    given: ModelProto, path: Path, x: Array, *, with_reference: bool
) -> tuple[dict[str, Array], list[str]]:
    """What ONNX's reference and onnxruntime compute, and what they do not know."""
    found, unknown = dict[str, Array](), list[str]()
    for road in (_reference, _onnxruntime) if with_reference else (_onnxruntime,):
        try:
            found[road.__name__] = road(given, path, x)
        except Exception as error:  # neither has every operator in every version
            unknown.append(f"{road.__name__}: {error}")
    return found, unknown


def _is_read(op: str, version: int, example: Example, path: Path) -> bool:
    """Whether monic reads an example; then all roads give the same."""
    given = _graph(op, version, example)
    save(path, given)
    try:
        read = network(path)
    except UnsupportedModel as error:
        lines = str(error).splitlines()
        if len(lines) == 2 and lines[1].startswith("  'n' ("):
            return False
        raise  # it was read, and compared
    x = random(*example[2])
    got = np.concatenate([outputs(read, one) for one in x.reshape(-1, read.in_dim)])
    is_sound = _is_sound(op, version, example[1])
    found, unknown = _roads(given, path, x, with_reference=is_sound)
    assert found, (op, version, example, unknown)
    for road, expected in found.items():
        text = f"{op} of version {version} by {road}: {example[1]} on {example[2]}"
        np.testing.assert_allclose(got, expected.reshape(-1), 1e-4, 1e-5, err_msg=text)
    return True


@pytest.mark.parametrize("op", sorted(set(FORMS) - ELSEWHERE))
def test_three_roads_agree_on_an_operator_in_all_its_versions(op: str, tmp_path: Path) -> None:
    for form in (form for form in FORMS[op] if not form.withdrawn):
        used = set[tuple[str, Any]]()
        for version in _versions(op, form):
            for example in EXAMPLES[op](version):
                is_read = _is_read(op, version, example, tmp_path / "m.onnx")
                values = {(name, _plain_value(value)) for name, value in example[1].items()}
                refused = {(op, *pair) for pair in values} & REFUSED
                assert not (is_read and refused), refused
                used |= values if is_read else set()
        _insist_on_all_attributes(op, form, used)


def _plain_value(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else "list or tensor"


def _insist_on_all_attributes(op: str, form: Form, used: set[tuple[str, Any]]) -> None:
    """Every attribute was set where it was read, and every value of those with few of them."""
    names = {name for name, _ in used}
    for name, rule in form.rules.items():
        assert name in names or isinstance(rule, Idle) or (op, name) in UNREAD, (op, form, name)
        for value in rule.values if isinstance(rule, OneOf) else ():
            is_used = (name, value) in used or (op, name, value) in REFUSED
            assert is_used, (op, form.since, name, value)


def test_the_examples_are_those_of_the_table() -> None:
    assert set(EXAMPLES) == set(FORMS) - ELSEWHERE


def _pool(op: str, version: int, size: int, **attributes: Any) -> tuple[str, int, Example]:
    return op, version, (["x"], {**attributes, "auto_pad": "SAME_UPPER"}, (1, 1, size))


def _scaled(version: int, size: int, scale: float, way: str) -> tuple[str, int, Example]:
    given = {"mode": "linear", "coordinate_transformation_mode": way}
    return "Resize", version, (["x", None, floats(1.0, 1.0, scale)], given, (1, 1, size))


#: What onnxruntime computes otherwise than ONNX says, and what that is at x = 1, 2, 3, ...
DISPUTED: dict[str, tuple[tuple[str, int, Example], list[float]]] = {
    "max pool, dilated": (
        _pool("MaxPool", 11, 4, kernel_shape=[2], dilations=[2]), [2.0, 3.0, 4.0, 3.0]
    ),
    "average pool, dilated": (
        _pool("AveragePool", 22, 4, kernel_shape=[2], dilations=[2]), [2.0, 2.0, 3.0, 3.0]
    ),
    "max pool, strides longer than windows": (
        _pool("MaxPool", 12, 8, kernel_shape=[2], strides=[4]), [2.0, 6.0]
    ),
    "average pool, strides longer than windows": (
        _pool("AveragePool", 22, 6, kernel_shape=[1], strides=[3]), [1.0, 4.0]
    ),
    "resize, corners": (_scaled(13, 4, 0.6, "align_corners"), [1.0, 1 + 3 / 1.4]),
    "resize, one entry": (_scaled(13, 2, 0.6, "pytorch_half_pixel"), [1.0 + 1 / 3]),
    "resize, symmetric": (_scaled(19, 2, 1.25, "half_pixel_symmetric"), [1.1, 1.9]),
    "resize, no size changes": (_scaled(13, 2, 1.25, "half_pixel"), [1.0, 1.7]),
    "resize, just below a whole size": (_scaled(13, 10, 0.7, "asymmetric"), [0.0] * 6),
}  # fmt: skip


@pytest.mark.parametrize("name", DISPUTED)
def test_what_onnxruntime_computes_otherwise_is_refused(name: str, tmp_path: Path) -> None:
    given, expected = DISPUTED[name]
    graph = _graph(*given)
    path = save(tmp_path / "m.onnx", graph)
    with pytest.raises(UnsupportedModel, match="onnxruntime"):
        network(path)
    x = np.arange(1, 1 + np.prod(given[2][2]), dtype=np.float32).reshape(given[2][2])
    computed = _roads(graph, path, x, with_reference=False)[0].get("_onnxruntime", np.zeros(0))
    is_same = computed.size == len(expected) and np.allclose(computed.reshape(-1), expected)
    assert not is_same, "nothing is disputed here any longer"
