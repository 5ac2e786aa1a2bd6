"""Damaged and hostile ONNX files: one clear line, nothing read from elsewhere, no crash."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from monic.errors import MonicError, UnreadableModel
from monic.io import load
from monic.model import Network
from tests.io.graphs import model, network, node, save

W = np.ones((3, 4), np.float32)
FC1 = Path(__file__).parents[1] / "data" / "onnx" / "fc1.onnx"


def _unreadable(path: Path) -> str:
    with pytest.raises(UnreadableModel) as caught:
        load(path)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("Expected")
    return line


def _whole(path: Path) -> Network | None:
    """What is read from a possibly damaged file; every error must be one of ours."""
    try:
        loaded = load(path)
    except MonicError:
        return None
    assert isinstance(loaded, Network)
    return loaded


def test_missing_and_unknown(tmp_path: Path) -> None:
    assert "Found no file" in _unreadable(tmp_path / "none.onnx")
    assert "torch.onnx.export" in _unreadable(tmp_path / "model.pb")
    assert "torch.save" in _unreadable(tmp_path / "model.ckpt")
    assert "torch.export.load" in _unreadable(tmp_path / "model.pt2")
    assert ".onnx" in _unreadable(tmp_path / "model.h5")
    (tmp_path / "folder.onnx").mkdir()
    assert "Found no file" in _unreadable(tmp_path / "folder.onnx")


def test_truncated_at_every_few_bytes(tmp_path: Path) -> None:
    data, path = FC1.read_bytes(), tmp_path / "m.onnx"
    for size in [*range(0, 300), *range(300, len(data), 97)]:
        path.write_bytes(data[:size])
        assert _whole(path) is None, size


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"")
    assert "no graph" in _unreadable(tmp_path / "m.onnx")


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_random_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random.onnx"
    path.write_bytes(data)
    assert _whole(path) is None


_SMALL = model(
    [
        node("Sub", ["x", "v"], ["h"], name="a"),
        node("Transpose", ["w"], ["t"], perm=[1, 0]),
        node("Gemm", ["h", "t", "b"], ["g"], alpha=0.5, transB=1),
        node("Shape", ["g"], ["sh"]),
        node("Reshape", ["g", "sh"], ["r"]),
        node("LeakyRelu", ["r"], ["l"], alpha=0.1),
        node("Unsqueeze", ["l", "axes"], ["u"]),
        node("Concat", ["u", "u"], ["y"], axis=-1),
    ],
    {
        "v": np.ones(3, np.float32),
        "w": W,
        "b": np.ones(4, np.float32),
        "axes": np.array([0], np.int64),
    },
).SerializeToString()


@pytest.mark.thorough
@given(st.lists(st.tuples(st.integers(0, len(_SMALL) - 1), st.integers(0, 255)), max_size=4))
@settings(max_examples=800)
def test_changed_bytes(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(_SMALL)
    for position, byte in changes:
        data[position] = byte
    path = tmp_path_factory.getbasetemp() / "changed.onnx"
    path.write_bytes(bytes(data))
    _whole(path)


def test_the_unchanged_file_is_fine(tmp_path: Path) -> None:
    assert network(tmp_path / "m.onnx", onnx.ModelProto.FromString(_SMALL)).out_dim == 8


def test_cycles_and_unknown_names(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    circle = [node("Neg", ["b"], ["a"]), node("Neg", ["a"], ["b"]), node("Neg", ["a"], ["y"])]
    assert "cycles" in _unreadable(save(path, model(circle)))
    assert "cycles" in _unreadable(save(path, model([node("Neg", ["y"], ["y"])])))
    assert "Nothing gives 'z'" in _unreadable(save(path, model([node("Neg", ["z"], ["y"])])))
    twice = [node("Neg", ["x"], ["y"]), node("Relu", ["x"], ["y"])]
    assert "Got 'y' twice" in _unreadable(save(path, model(twice)))
    assert "Got 'x' twice" in _unreadable(save(path, model([node("Neg", ["x"], ["x", "y"])])))


def test_a_long_diamond_takes_no_time(tmp_path: Path) -> None:
    """Each Concat uses the one before twice: 2^24 paths, 24 nodes."""
    nodes = [node("Concat", [f"h{i}"] * 2, [f"h{i + 1}"], axis=1) for i in range(24)]
    nodes = [node("Identity", ["x"], ["h0"]), *nodes, node("Relu", ["h24"], ["y"])]
    (stage,) = network(tmp_path / "m.onnx", model(nodes)).stages
    assert len(stage.map.steps()) == 25


@pytest.mark.thorough
def test_a_long_chain(tmp_path: Path) -> None:
    count = 20_000
    nodes = [node("Identity", [f"h{i}"], [f"h{i + 1}"]) for i in range(count)][::-1]
    nodes += [node("Neg", ["x"], ["h0"]), node("Relu", [f"h{count}"], ["y"])]
    assert network(tmp_path / "m.onnx", model(nodes)).out_dim == 3


def test_initialisers_twice(tmp_path: Path) -> None:
    given_twice = model([node("MatMul", ["x", "w"], ["y"])], {"w": W})
    given_twice.graph.initializer.append(numpy_helper.from_array(2 * W, "w"))
    assert "name twice" in _unreadable(save(tmp_path / "m.onnx", given_twice))


def test_names_that_are_no_text(tmp_path: Path) -> None:
    for name in (b"'a'", b"Gemm", b"x", b"axes", b"alpha"):
        data = _SMALL.replace(name.strip(b"'"), b"\x80" * len(name.strip(b"'")))
        (tmp_path / "m.onnx").write_bytes(data)
        assert "UTF-8" in _unreadable(tmp_path / "m.onnx")


def test_no_operator_version(tmp_path: Path) -> None:
    without = model([node("Relu", ["x"], ["y"])])
    del without.opset_import[:]
    assert "version of ONNX's operators" in _unreadable(save(tmp_path / "m.onnx", without))


@pytest.mark.parametrize("dims", [(3, 5), (-3, -4), (-1, 4), (2**40, 2**40), (1,) * 70, ()])
@pytest.mark.parametrize("raw", [True, False])
def test_tensors_that_claim_other_shapes(dims: tuple[int, ...], raw: bool, tmp_path: Path) -> None:
    given = model([node("MatMul", ["x", "w"], ["y"])], {"w": W})
    tensor = given.graph.initializer[0]
    if not raw:
        tensor.CopyFrom(helper.make_tensor("w", TensorProto.FLOAT, (3, 4), W.ravel().tolist()))
    tensor.dims[:] = dims
    assert "tensor 'w'" in _unreadable(save(tmp_path / "m.onnx", given))


def _external(folder: Path, location: str, **more: str) -> Path:
    given = model([node("MatMul", ["x", "w"], ["y"])], {"w": W})
    tensor = given.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=value)
    return save(folder / "m.onnx", given)


def test_external_data_beside_the_model(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"....".ljust(8) + W.tobytes() + b"more")
    path = _external(tmp_path, "w.bin", offset="8", length=str(W.nbytes))
    (stage,) = network(path).stages
    assert stage.map.exact().weight.tolist() == np.ones((4, 3), int).tolist()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.bin").write_bytes(W.tobytes())
    assert network(_external(tmp_path, "sub/w.bin")).out_dim == 4


@pytest.mark.parametrize(
    "location", ["../w.bin", "sub/../../w.bin", "", ".", "link.bin", "linked/w.bin", "pipe", "no"]
)
def test_external_data_elsewhere_is_refused(location: str, tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    (tmp_path / "w.bin").write_bytes(W.tobytes())
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    (folder / "linked").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    assert "no file beside the model" in _unreadable(_external(folder, location))


def test_external_data_by_absolute_path_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(W.tobytes())
    assert "no file beside" in _unreadable(_external(tmp_path, str(tmp_path / "w.bin")))
    assert "tensor 'w'" in _unreadable(_external(tmp_path, "a\0b"))


@pytest.mark.parametrize(
    "more",
    [{"offset": "9"}, {"offset": "-1"}, {"offset": "x"}, {"length": "3"}, {"offset": "9" * 30}],
)
def test_external_data_that_does_not_fit(more: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(W.tobytes())
    assert "tensor 'w'" in _unreadable(_external(tmp_path, "w.bin", **more))


def test_a_huge_name_makes_a_short_message(tmp_path: Path) -> None:
    given = model([node("Relu", ["z" * 10**6], ["y"])])
    assert len(_unreadable(save(tmp_path / "m.onnx", given))) < 500
