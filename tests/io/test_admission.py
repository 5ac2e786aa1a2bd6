"""The table of operators beside the schemas of the onnx package, and what is not in it."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import defs, helper

from monic.errors import UnreadableModel, UnsupportedModel
from monic.io.onnx.admission import form_of, objection
from monic.io.onnx.forms import FORMS, NEWEST, OLDEST, Form, Idle, Obeyed, OneOf
from monic.io.onnx.node import Node
from monic.io.onnx.operators import _READ
from monic.model.array import Array
from tests.io.graphs import agrees, model, network, node, save

#: The newest version of ONNX's operators that is both in the table and in the package.
LAST = min(NEWEST, defs.onnx_opset_version())

SCHEMAS = {
    (schema.name, schema.since_version): schema
    for schema in defs.get_all_schemas_with_history()
    if schema.domain == ""
}

IMAGE = (1, 1, 3, 3)

#: Operators that are read within a spelled-out norm only.
WITHIN_NORMS = {"Pow", "Reciprocal", "Sqrt"}


def _default(attribute: Any) -> Any:
    """The default value of a schema's attribute; None where there is none."""
    if not attribute.default_value.name:
        return None
    value = helper.get_attribute_value(attribute.default_value)
    return value.decode() if isinstance(value, bytes) else value


def test_the_table_has_what_is_read() -> None:
    assert set(FORMS) == set(_READ) | WITHIN_NORMS


@pytest.mark.parametrize("op", FORMS)
def test_every_version_of_an_operator_is_in_the_table(op: str) -> None:
    known = sorted(since for name, since in SCHEMAS if name == op and since <= LAST)
    first = max((since for since in known if since <= OLDEST), default=known[0])
    assert [form.since for form in FORMS[op] if form.since <= LAST] == [
        since for since in known if since >= first
    ]


@pytest.mark.parametrize(
    ("op", "form"),
    [(op, form) for op, forms in FORMS.items() for form in forms if form.since <= LAST],
    ids=lambda given: given if isinstance(given, str) else str(given.since),
)
def test_the_table_has_the_attributes_of_each_schema(op: str, form: Form) -> None:
    schema = SCHEMAS[op, form.since]
    if form.withdrawn:
        assert schema.deprecated
        return
    assert set(form.rules) == set(schema.attributes)
    assert form.inputs[0] == schema.min_input
    assert form.inputs[1] == schema.max_input or form.inputs[1] >= 1 << 20 <= schema.max_input
    assert form.outputs <= schema.max_output
    for name, rule in form.rules.items():
        attribute = schema.attributes[name]
        if isinstance(rule, OneOf):
            default = _default(attribute)
            assert default is None or default in rule.values, "a default must be admitted"
        elif isinstance(rule, Obeyed):
            assert rule.required == attribute.required
        else:
            assert isinstance(rule, Idle)
            assert rule.why


def test_the_document_has_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "onnx.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert rows == [_row(op, forms) for op, forms in sorted(FORMS.items())]


def _row(op: str, forms: tuple[Form, ...]) -> str:
    since = ", ".join(str(form.since) for form in forms if not form.withdrawn)
    names = sorted({name for form in forms for name in form.rules})
    return f"| {op} | {since} | {', '.join(names) or '—'} |"


def test_a_version_between_two_forms_has_the_earlier_one() -> None:
    known = {opset: form_of("SpaceToDepth", opset) for opset in range(OLDEST, NEWEST + 1)}
    assert {opset for opset, form in known.items() if form and "mode" in form.rules} == {28}
    assert form_of("Resize", 9) is None
    assert form_of("Upsample", 9) is not None
    assert form_of("Upsample", 10) is None


@pytest.mark.parametrize("op", FORMS)
def test_unknown_attributes_are_refused_in_every_version(op: str) -> None:
    for opset in range(OLDEST, NEWEST + 1):
        form = form_of(op, opset)
        if form is None:
            assert objection(Node("n", op, (), ("y",), {}, opset)) is not None
        else:
            _insist_on_known_attributes(op, opset, form)


def _insist_on_known_attributes(op: str, opset: int, form: Form) -> None:
    required = {name: 1 for name, rule in form.rules.items() if rule == Obeyed(required=True)}
    inputs = tuple(f"x{k}" for k in range(form.inputs[0]))
    assert objection(Node("n", op, inputs, ("y",), required, opset)) is None
    why = objection(Node("n", op, inputs, ("y",), {**required, "frobnicate": 1}, opset))
    assert why is not None
    assert "'frobnicate' is not known" in why
    for name in required:
        rest = {other: 1 for other in required if other != name}
        missing = objection(Node("n", op, inputs, ("y",), rest, opset))
        assert missing == f"its attribute {name!r} is missing"


@pytest.mark.parametrize(
    ("op", "form", "name"),
    [
        (op, form, name)
        for op, forms in FORMS.items()
        for form in forms
        for name, rule in form.rules.items()
        if isinstance(rule, OneOf)
    ],
)
def test_unknown_values_are_refused(op: str, form: Form, name: str) -> None:
    required = {n: 1 for n, rule in form.rules.items() if rule == Obeyed(required=True)}
    inputs = tuple(f"x{k}" for k in range(form.inputs[0]))
    for value in (2, "frobnicate", None, 1.0):
        given = Node("n", op, inputs, ("y",), {**required, name: value}, form.since)
        assert objection(given) is not None


BLOCKED: dict[str, tuple[onnx.NodeProto, int, str]] = {
    "an attribute that no version has": (node("Relu", ["x"], ["y"], slope=0.5), 17, "'slope'"),
    "broadcast of version 6": (node("Add", ["x", "c"], ["y"], broadcast=1), 7, "'broadcast'"),
    "bounds as attributes": (node("Clip", ["x"], ["y"], min=0.0), 11, "'min'"),
    "bounds as inputs": (node("Clip", ["x", "c"], ["y"]), 10, "takes 2 inputs"),
    "axes as an attribute": (node("ReduceSum", ["x"], ["y"], axes=[1]), 13, "'axes'"),
    "axes as an input": (node("ReduceMean", ["x", "i"], ["y"]), 17, "takes 2 inputs"),
    "pads as an attribute": (node("Pad", ["x"], ["y"], pads=[0, 1]), 13, "missing"),
    "a mode of later versions": (node("Pad", ["x", "i"], ["y"], mode="wrap"), 18, "'mode'"),
    "a mode of no version": (
        node("SpaceToDepth", ["x"], ["y"], blocksize=2, mode="RCD"), 28, "'mode'"
    ),
    "a mode before its version": (
        node("SpaceToDepth", ["x"], ["y"], blocksize=2, mode="DCR"), 27, "'mode'"
    ),
    "no size of blocks": (node("DepthToSpace", ["x"], ["y"]), 13, "'blocksize' is missing"),
    "training by outputs": (
        node("BatchNormalization", ["x", *"cccc"], ["y", "m"]), 9, "gives 2 outputs"
    ),
    "training by attribute": (
        node("BatchNormalization", ["x", *"cccc"], ["y"], training_mode=1), 15, "'training_mode'"
    ),
    "statistics of each place": (
        node("BatchNormalization", ["x", *"cccc"], ["y"], spatial=0), 7, "'spatial'"
    ),
    "three inputs of two": (node("Add", ["x", "c", "c"], ["y"]), 17, "takes 3 inputs"),
    "no bias in old versions": (node("Gemm", ["x", "w"], ["y"]), 10, "input 2 is missing"),
    "an operator before its version": (
        node("Einsum", ["x"], ["y"], equation="i->i"), 11, "has no Einsum"
    ),
    "an operator after its version": (node("Upsample", ["x", "c"], ["y"]), 13, "has no Upsample"),
    "blocks of scales": (
        node("DequantizeLinear", ["x", "c"], ["y"], block_size=2), 19, "'block_size'"
    ),
    "another format": (
        node("DequantizeLinear", ["x", "c"], ["y"], output_dtype=10), 23, "'output_dtype'"
    ),
    "outside is left out": (
        node("Resize", ["x", "", "s"], ["y"], exclude_outside=1), 13, "'exclude_outside'"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKED)
def test_what_the_table_does_not_have_is_refused(name: str, tmp_path: Path) -> None:
    given, opset, why = BLOCKED[name]
    arrays: dict[str, Array] = {
        "c": np.ones(1, np.float32),
        "i": np.array([1], np.int64),
        "s": np.ones(2, np.float32),
        "w": np.eye(3, dtype=np.float32),
    }
    used = {key: array for key, array in arrays.items() if key in given.input}
    path = save(tmp_path / "m.onnx", model([given], used, (1, 3), opset=opset))
    with pytest.raises(UnsupportedModel, match=why) as caught:
        network(path)
    assert f"({given.op_type}): " in str(caught.value)


@pytest.mark.parametrize("opset", [0, 1, 6, NEWEST + 1, 99, 2**40])
def test_versions_beyond_the_table_are_refused(opset: int, tmp_path: Path) -> None:
    given = model([node("Relu", ["x"], ["y"])], opset=opset)
    with pytest.raises(UnsupportedModel, match=rf"from {OLDEST} to {NEWEST}. Got {opset}"):
        network(tmp_path / "m.onnx", given)


def test_a_file_names_one_version(tmp_path: Path) -> None:
    given = model([node("Relu", ["x"], ["y"])])
    given.opset_import.append(helper.make_opsetid("ai.onnx", 18))
    with pytest.raises(UnreadableModel, match="Got 17, 18"):
        network(tmp_path / "m.onnx", given)
    del given.opset_import[:]
    with pytest.raises(UnreadableModel, match="Got none"):
        network(tmp_path / "m.onnx", given)


def test_attributes_that_are_named_twice_are_refused(tmp_path: Path) -> None:
    twice = node("LeakyRelu", ["x"], ["y"], alpha=0.5)
    twice.attribute.append(helper.make_attribute("alpha", 0.25))
    with pytest.raises(UnreadableModel, match="a name twice"):
        network(tmp_path / "m.onnx", model([twice]))


def test_references_to_attributes_are_refused(tmp_path: Path) -> None:
    given = node("LeakyRelu", ["x"], ["y"], alpha=0.5)
    given.attribute[0].ref_attr_name = "slope"
    with pytest.raises(UnsupportedModel, match="'alpha' holds no number"):
        network(tmp_path / "m.onnx", model([given]))


def test_functions_with_the_names_of_operators_are_refused(tmp_path: Path) -> None:
    given = model([node("Relu", ["x"], ["y"])])
    body = [node("Neg", ["a"], ["b"])]
    opset = [helper.make_opsetid("", 17)]
    given.functions.append(helper.make_function("", "Relu", ["a"], ["b"], body, opset))
    with pytest.raises(UnsupportedModel, match="functions of the file with their names: 'Relu'"):
        network(tmp_path / "m.onnx", given)


def test_what_a_pattern_would_swallow_is_refused_all_the_same(tmp_path: Path) -> None:
    """A border before a convolution becomes its padding, but not one that is not known."""
    pad = node("Pad", ["x", "p"], ["b"], name="border", mode="wrap")
    conv = node("Conv", ["b", "k"], ["y"])
    arrays: dict[str, Array] = {
        "p": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64),
        "k": np.ones((1, 1, 3, 3), np.float32),
    }
    with pytest.raises(
        UnsupportedModel, match=r"'border' \(Pad\): its attribute 'mode' is 'wrap'"
    ):
        network(tmp_path / "m.onnx", model([pad, conv], arrays, (1, 1, 3, 3), opset=18))
    agrees(
        save(tmp_path / "m.onnx", model([pad, conv], arrays, (1, 1, 3, 3), opset=19)), (1, 1, 3, 3)
    )
