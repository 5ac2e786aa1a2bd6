"""Norms whose deviations are outputs, in ONNX: what is one, and what only looks like one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto

from monic import Verdict, check, decide
from monic.errors import MonicError, UnsupportedModel
from monic.io import load
from monic.model import Activation, Centre, Normalization
from monic.model.array import Array
from tests.io.graphs import agrees, model, node, save

LAST = np.array([-1], np.int64)
ARRAYS: dict[str, Array] = {
    "last": LAST,
    "two": np.array(2, np.float32),
    "half": np.array([0.5], np.float32),
    "e": np.array(0.25, np.float32),
    "g": np.array([1.5, -2.0, 0.5, 3.0], np.float32),
    "h": np.array([[2.0]], np.float32),
}


def graph(**changes: NodeProto | None) -> list[NodeProto]:
    """(x - mean, divided by its deviation; the mean; the deviation), with some nodes replaced."""
    nodes: dict[str, NodeProto | None] = {
        "mean": node("ReduceMean", ["x", "last"], ["m"]),
        "centre": node("Sub", ["x", "m"], ["c"]),
        "square": node("Mul", ["c", "c"], ["q"]),
        "variance": node("ReduceMean", ["q", "last"], ["v"]),
        "epsilon": node("Add", ["v", "e"], ["w"]),
        "root": node("Sqrt", ["w"], ["s"]),
        "end": node("Div", ["c", "s"], ["z"], name="n"),
        "all": node("Concat", ["z", "m", "s"], ["y"], axis=-1),
    }
    nodes.update(changes)
    return [found for found in nodes.values() if found is not None]


def saved(path: Path, nodes: list[NodeProto], shape: tuple[Any, ...] = (1, 4)) -> Path:
    return save(path / "m.onnx", model(nodes, ARRAYS, shape, opset=18))


FORMS: dict[str, dict[str, NodeProto | None]] = {
    "plain": {},
    "square by a power": {"square": node("Pow", ["c", "two"], ["q"])},
    "root by a power": {"root": node("Pow", ["w", "half"], ["s"])},
    "no epsilon": {"epsilon": None, "root": node("Sqrt", ["v"], ["s"])},
    "factors before": {
        "centre": node("Sub", ["x", "m"], ["c"]),
        "end": node("Mul", ["g", "c"], ["k"]),
        "more": node("Mul", ["k", "h"], ["l"]),
        "quotient": node("Div", ["l", "s"], ["z"]),
        "all": None,
        "last": node("Concat", ["z", "m", "s"], ["y"], axis=-1),
    },
    "a reciprocal": {
        "end": node("Reciprocal", ["s"], ["r"]),
        "all": node("Mul", ["r", "c"], ["z"]),
        "last": node("Concat", ["z", "m", "s"], ["y"], axis=-1),
    },
    "a mean of its own": {
        "square": node("ReduceMean", ["x", "last"], ["m2"]),
        "again": node("Sub", ["x", "m2"], ["c2"]),
        "variance": node("Pow", ["c2", "two"], ["q"]),
        "epsilon": node("ReduceMean", ["q", "last"], ["v"]),
        "root": node("Add", ["v", "e"], ["w"]),
        "end": node("Sqrt", ["w"], ["s"]),
        "all": node("Div", ["c", "s"], ["z"]),
        "last": node("Concat", ["z", "m", "s"], ["y"], axis=-1),
    },
    "means without their axis": {
        "variance": node("ReduceMean", ["q", "last"], ["v"], keepdims=0),
        "root": node("Sqrt", ["w"], ["t"]),
        "end": node("Unsqueeze", ["t", "last"], ["s"]),
        "all": node("Div", ["c", "s"], ["z"]),
        "last": node("Concat", ["z", "m", "s"], ["y"], axis=-1),
    },
    "two quotients": {
        "all": node("Mul", ["c", "g"], ["k"]),
        "more": node("Div", ["k", "s"], ["z2"]),
        "last": node("Concat", ["z", "s", "m", "z2"], ["y"], axis=-1),
    },
}


@pytest.mark.parametrize("shape", [(1, 4), (1, 3, 4), (2, 4)])
@pytest.mark.parametrize("name", FORMS)
def test_norms_with_deviations(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    read = agrees(saved(tmp_path, graph(**FORMS[name]), shape), shape)
    norms = [stage for stage in read.stages if stage.norm is not None]
    assert len(norms) == 1
    [stage] = norms
    assert stage.activation is Activation.NORMALIZATION
    assert stage.norm == Normalization(
        stage.carried, 0.0 if name == "no epsilon" else 0.25, deviations=True
    )
    assert any(isinstance(step, Centre) for step in stage.map.steps())
    decision = decide(read, time_limit=5)
    assert decision.verdict is Verdict.INJECTIVE
    assert decision.certificate is not None
    check(decision.certificate, read)


def test_without_the_mean_it_is_lost(tmp_path: Path) -> None:
    nodes = graph(all=node("Concat", ["z", "s"], ["y"], axis=-1))
    read = agrees(saved(tmp_path, nodes), (1, 4))
    assert read.stages[0].norm == Normalization(1, 0.25, deviations=True)
    decision = decide(read, time_limit=5)
    assert decision.verdict is Verdict.NOT_INJECTIVE
    assert decision.collision is not None
    shifts = {b - a for a, b in zip(decision.collision.x, decision.collision.other, strict=True)}
    assert len(shifts) == 1


def test_an_rms_norm_gives_out_its_root(tmp_path: Path) -> None:
    nodes = graph(
        mean=None,
        centre=None,
        square=node("Mul", ["x", "x"], ["q"]),
        end=node("Div", ["x", "s"], ["z"]),
        all=node("Concat", ["z", "s"], ["y"], axis=-1),
    )
    read = agrees(saved(tmp_path, nodes), (1, 4))
    assert read.stages[0].norm == Normalization(1, 0.25, deviations=True)
    assert decide(read, time_limit=5).verdict is Verdict.INJECTIVE


def test_factors_of_what_is_squared_are_no_factors_of_the_quotient(tmp_path: Path) -> None:
    nodes = graph(
        mean=node("Mul", ["x", "g"], ["k"]),
        centre=node("Mul", ["k", "h"], ["c"]),
        all=node("Concat", ["z", "s"], ["y"], axis=-1),
    )
    read = agrees(saved(tmp_path, nodes), (1, 4))
    assert read.stages[0].norm == Normalization(1, 0.25, deviations=True)
    assert decide(read, time_limit=5).verdict is Verdict.INJECTIVE


def test_a_root_that_is_used_by_the_norm_alone_is_not_given_out(tmp_path: Path) -> None:
    read = agrees(saved(tmp_path, graph(all=node("Identity", ["z"], ["y"]))), (1, 4))
    assert read.stages[0].norm == Normalization(1, 0.25)


def test_a_symbolic_batch_and_names_that_are_taken(tmp_path: Path) -> None:
    """What torch writes for var(): the mean moves to shapes that are computed."""
    nodes = graph(
        variance=node("ReduceMean", ["q", "last"], ["v"], keepdims=0),
        epsilon=node("Shape", ["v"], ["norm:0"], start=0, end=1),
        one=node("Concat", ["norm:0", "one"], ["norm:1"], axis=0),
        moved=node("Reshape", ["v", "norm:1"], ["norm:2"]),
        grown=node("Shape", ["x"], ["norm:3"], start=0, end=1),
        both=node("Concat", ["norm:3", "one"], ["norm:4"], axis=0),
        expanded=node("Expand", ["norm:2", "norm:4"], ["norm:5"]),
        root=node("Add", ["norm:5", "e"], ["w"]),
        end=node("Sqrt", ["w"], ["s"]),
        all=node("Div", ["c", "s"], ["z"]),
        last=node("Concat", ["z", "m", "s"], ["y"], axis=-1),
    )
    arrays = ARRAYS | {"one": np.array([1], np.int64)}
    path = save(tmp_path / "m.onnx", model(nodes, arrays, ("batch", 4), opset=18))
    read = agrees(path, (1, 4))
    assert read.stages[0].norm == Normalization(1, 0.25, deviations=True)


LOOKALIKES: dict[str, dict[str, NodeProto | None]] = {
    "the variance of something else": {"square": node("Mul", ["x", "x"], ["q"])},
    "another product": {"square": node("Mul", ["c", "x"], ["q"])},
    "another power": {"square": node("Pow", ["c", "e"], ["q"])},
    "another root": {"root": node("Pow", ["w", "two"], ["s"])},
    "no root": {"root": node("Identity", ["w"], ["s"])},
    "another tensor is divided": {"end": node("Div", ["x", "s"], ["z"])},
    "it is divided by": {"end": node("Div", ["s", "c"], ["z"])},
    "a shifted tensor is divided": {
        "end": node("Add", ["c", "g"], ["k"]),
        "all": node("Div", ["k", "s"], ["z"]),
        "last": node("Concat", ["z", "m", "s"], ["y"], axis=-1),
    },
    "a sum": {"variance": node("ReduceSum", ["q", "last"], ["v"])},
    "the unbiased variance": {
        "epsilon": node("Mul", ["v", "h"], ["u"]),
        "more": node("Add", ["u", "e"], ["w"]),
    },
    "an epsilon that depends on the input": {"epsilon": node("Add", ["v", "m"], ["w"])},
    "an epsilon for each entry": {"epsilon": node("Add", ["v", "g"], ["w"])},
    "an epsilon with more axes": {"epsilon": node("Add", ["v", "h"], ["w"])},
    "the reciprocal is given out": {
        "end": node("Reciprocal", ["s"], ["r"]),
        "all": node("Mul", ["c", "r"], ["z"]),
        "last": node("Concat", ["z", "m", "r"], ["y"], axis=-1),
    },
    "the variance is given out": {"all": node("Concat", ["z", "m", "v"], ["y"], axis=-1)},
    "the root alone": {"end": None, "all": node("Concat", ["x", "s"], ["y"], axis=-1)},
    "another mean is taken off": {
        "mean": node("ReduceMax", ["x", "last"], ["m"]),
        "all": node("Concat", ["z", "s"], ["y"], axis=-1),
    },
}


@pytest.mark.parametrize("name", LOOKALIKES)
@pytest.mark.parametrize("shape", [(1, 4), (1, 4, 4)])
def test_lookalikes_are_refused(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel):
        load(saved(tmp_path, graph(**LOOKALIKES[name]), shape))


@pytest.mark.parametrize("axes", [[0], [1], [0, 2], [-2]])
@pytest.mark.parametrize("place", ["mean", "variance"])
def test_other_axes_are_refused(place: str, axes: list[int], tmp_path: Path) -> None:
    """In tensors of 4 x 4 numbers the shapes fit, whatever the axes."""
    name, source = ("m", "x") if place == "mean" else ("v", "q")
    changed = graph(**{place: node("ReduceMean", [source, "axes"], [name])})
    arrays = ARRAYS | {"axes": np.array(axes, np.int64)}
    with pytest.raises(UnsupportedModel):
        load(save(tmp_path / "m.onnx", model(changed, arrays, (1, 4, 4), opset=18)))


@pytest.mark.parametrize(
    ("axes", "groups"), [([1], 6), ([1, 2], 3), ([-1, 1], 2), ([3], 4), ([1, 2, 3], 1), ([-2], 6)]
)
@pytest.mark.parametrize("batch", [1, 2])
def test_any_axes_of_an_example(axes: list[int], groups: int, batch: int, tmp_path: Path) -> None:
    shape, arrays = (batch, 2, 2, 3), {k: a for k, a in ARRAYS.items() if k != "last"}
    nodes = graph(
        all=node("Reshape", ["z", "flat"], ["z1"]),
        m1=node("Reshape", ["m", "flat"], ["m1"]),
        s1=node("Reshape", ["s", "flat"], ["s1"]),
        last=node("Concat", ["m1", "s1", "z1"], ["y"], axis=-1),
    )
    arrays |= {"last": np.array(axes, np.int64), "flat": np.array([batch, -1], np.int64)}
    path = save(tmp_path / "m.onnx", model(nodes, arrays, shape, opset=18))
    read = agrees(path, shape)
    [norm] = [stage.norm for stage in read.stages if stage.norm is not None]
    whole = groups if read.in_dim == 12 else groups * batch
    assert norm == Normalization(whole, 0.25, deviations=True)
    decision = decide(read, time_limit=5)
    assert decision.verdict is Verdict.INJECTIVE
    assert decision.certificate is not None
    check(decision.certificate, path)


@pytest.mark.parametrize("shape", [(1, 4), (1, 4, 4), ("N", 4)])
def test_statistics_of_a_batch_are_refused(shape: tuple[Any, ...], tmp_path: Path) -> None:
    """Whatever one example is: what is taken along axis 0 depends on the others."""
    arrays = ARRAYS | {"last": np.array([0], np.int64)}
    flat = [node("Flatten", ["z"], ["f"]), node("MatMul", ["f", "weight"], ["y"])]
    arrays["weight"] = np.ones((int(np.prod(shape[1:])), 2), np.float32)
    path = save(tmp_path / "m.onnx", model([*graph(all=None), *flat], arrays, shape, opset=18))
    with pytest.raises(UnsupportedModel):
        load(path)


def test_a_tensor_that_is_no_batch_is_one_input(tmp_path: Path) -> None:
    """With a fixed first axis above 1, statistics along it are those of one input."""
    arrays = ARRAYS | {"last": np.array([0], np.int64)}
    path = save(
        tmp_path / "m.onnx",
        model(graph(all=None, end=node("Div", ["c", "s"], ["y"])), arrays, (5, 4), opset=18),
    )
    read = agrees(path, (5, 4))
    assert (read.in_dim, [s.norm.groups for s in read.stages if s.norm]) == (20, [4])


@pytest.mark.parametrize("place", ["mean", "variance"])
def test_means_must_meet_their_own_groups(place: str, tmp_path: Path) -> None:
    """A row of means beside a square: each would meet a column instead of its row."""
    name, source = ("m", "x") if place == "mean" else ("v", "q")
    moved = node("ReduceMean", [source, "last"], [name], keepdims=0)
    nodes = graph(**{place: moved}, all=node("Identity", ["z"], ["y"]))
    path = saved(tmp_path, nodes, (1, 4, 4))
    with pytest.raises(UnsupportedModel, match="do not meet their own groups"):
        load(path)
    agrees(saved(tmp_path, nodes, (1, 4)), (1, 4))  # one mean meets its group in any case


def test_a_graph_that_asks_the_deviation_for_its_shape(tmp_path: Path) -> None:
    nodes = graph(
        all=node("Shape", ["s"], ["t"]),
        more=node("Reshape", ["m", "t"], ["m2"]),
        last=node("Concat", ["z", "m2", "s"], ["y"], axis=-1),
    )
    assert agrees(saved(tmp_path, nodes), (1, 4)).stages[0].norm is not None


def test_what_cannot_be_put_in_order_is_refused(tmp_path: Path) -> None:
    """The mean that is divided takes its shape from the root, which the norm would give."""
    nodes = graph(
        end=node("Shape", ["s"], ["t"]),
        all=node("Reshape", ["m", "t"], ["m2"]),
        again=node("Sub", ["x", "m2"], ["c2"]),
        quotient=node("Div", ["c2", "s"], ["z"]),
        last=node("Concat", ["z", "m", "s"], ["y"], axis=-1),
    )
    with pytest.raises(UnsupportedModel, match="Sqrt"):
        load(saved(tmp_path, nodes))


@pytest.mark.parametrize(
    "name", ["mean", "centre", "square", "variance", "epsilon", "root", "end"]
)
@pytest.mark.parametrize("count", [0, 1])
def test_nodes_without_their_inputs_are_refused(name: str, count: int, tmp_path: Path) -> None:
    place = ["mean", "centre", "square", "variance", "epsilon", "root", "end"].index(name)
    nodes = graph()
    if len(nodes[place].input) > count:
        del nodes[place].input[count:]
        with pytest.raises(MonicError):
            load(saved(tmp_path, nodes))


@pytest.mark.parametrize(
    "attributes", [{"keepdims": [1, 1]}, {"keepdims": "yes"}, {"axes": [1.5]}, {"axes": "1"}]
)
@pytest.mark.parametrize("place", ["mean", "variance"])
def test_strange_attributes_are_refused(
    place: str, attributes: dict[str, Any], tmp_path: Path
) -> None:
    name, source = ("m", "x") if place == "mean" else ("v", "q")
    inputs = [source] if "axes" in attributes else [source, "last"]
    changed = graph(**{place: node("ReduceMean", inputs, [name], **attributes)})
    with pytest.raises(MonicError):
        load(saved(tmp_path, changed))


@pytest.mark.parametrize("epsilon", [-1.0, np.nan, np.inf])
def test_strange_epsilons_are_refused(epsilon: float, tmp_path: Path) -> None:
    arrays = ARRAYS | {"e": np.array(epsilon, np.float32)}
    with pytest.raises(UnsupportedModel):
        load(save(tmp_path / "m.onnx", model(graph(), arrays, (1, 4), opset=18)))


def _giving(x: str, name: str) -> list[NodeProto]:
    """A layer norm of a tensor, with its mean and deviation, under names of its own."""
    m, c, q, v, w, s, z = (f"{name}_{letter}" for letter in "mcqvwsz")
    return [
        node("ReduceMean", [x, "last"], [m]),
        node("Sub", [x, m], [c]),
        node("Mul", [c, c], [q]),
        node("ReduceMean", [q, "last"], [v]),
        node("Add", [v, "e"], [w]),
        node("Sqrt", [w], [s]),
        node("Div", [c, s], [z]),
        node("Concat", [z, s, m], [name], axis=-1),
    ]


@pytest.mark.parametrize("form", ["one after the other", "side by side", "beside its input"])
def test_several_norms(form: str, tmp_path: Path) -> None:
    arrays, shape = dict(ARRAYS), (1, 4)
    if form == "one after the other":
        nodes = [*_giving("x", "a"), node("Tanh", ["a"], ["t"]), *_giving("t", "y")]
    elif form == "side by side":
        nodes = [
            node("Split", ["x"], ["l", "r"], axis=1, num_outputs=2),
            *(*_giving("l", "a"), *_giving("r", "b")),
            node("Concat", ["a", "b"], ["y"], axis=1),
        ]
    else:
        arrays["k"] = np.array(2.0**-6 * np.eye(6, 4), np.float32)
        nodes = [
            *_giving("x", "a"),
            node("MatMul", ["a", "k"], ["p"]),
            node("Add", ["x", "p"], ["u"]),
            node("Concat", ["u", "a"], ["y"], axis=1),
        ]
    read = agrees(save(tmp_path / "m.onnx", model(nodes, arrays, shape, opset=18)), shape)
    norms = [stage.norm.groups for stage in read.stages if stage.norm is not None]
    assert norms == {"one after the other": [1, 1], "side by side": [2]}.get(form, [1])
    decision = decide(read, time_limit=5)
    assert decision.verdict is Verdict.INJECTIVE
    assert decision.certificate is not None
    check(decision.certificate, read)
