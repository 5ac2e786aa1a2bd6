"""Sizes in files are charged before anything is made of them."""

import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

import monic
from monic import TooLarge, UnsupportedModel, load
from monic.memory import DEFAULT, charge, limited_memory, make_room
from tests.cli.files import monic as command

BIG = 1 << 30
W = np.ones((2, 1, 3), np.float32)
Consts = dict[str, np.ndarray[Any, Any]]


def write(
    folder: Path, nodes: Sequence[NodeProto], shape: Sequence[int], consts: Consts | None = None
) -> Path:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in (consts or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    path = folder / "m.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def node(op: str, *more: str, **attributes: Any) -> list[NodeProto]:
    return [helper.make_node(op, ["x", *more], ["y"], **attributes)]


def integers(*values: int) -> np.ndarray[Any, Any]:
    return np.array(values, np.int64)


ASKING = {
    "pads": (node("Conv", "w", pads=[BIG, BIG]), [1, 1, 4], {"w": W}),
    "dilations": (node("Conv", "w", dilations=[BIG], pads=[BIG + 9] * 2), [1, 1, 4], {"w": W}),
    "pads and dilations": (
        node("Conv", "w", dilations=[BIG], pads=[BIG + BIG // 2] * 2),
        [1, 1, 4],
        {"w": W},
    ),
    "beyond 31 bits": (node("Conv", "w", dilations=[1 << 62]), [1, 1, 4], {"w": W}),
    "strides": (node("ConvTranspose", "w", strides=[BIG]), [1, 2, 4], {"w": W}),
    "resize": (
        node("Resize", "", "s", mode="nearest"),
        [1, 1, 4, 4],
        {"s": np.array([1, 1, 1e5, 1e5], np.float32)},
    ),
    "a row, resized": (
        node("Resize", "", "s", mode="linear"),
        [1, 1, 4],
        {"s": np.array([1, 1, 1e7], np.float32)},
    ),
    "numbers": (node("Relu"), [1, 10**8], None),
    "pad": (node("Pad", "p"), [1, 4], {"p": integers(0, BIG, 0, BIG)}),
    "expand": (node("Expand", "p"), [1, 4], {"p": integers(1, BIG, 4)}),
    "tile": (node("Tile", "p"), [1, 4], {"p": integers(1, 1 << 26)}),
    "windows": (node("AveragePool", kernel_shape=[10**6]), [1, 1, 2 * 10**6], None),
    "copies": (node("Concat", *["x"] * 49, axis=1), [1, 10**7], None),
    "axes": (node("Transpose", perm=[0, 2, 1]), [1, 10**4, 10**4], None),
}


@pytest.mark.parametrize("name", ASKING)
def test_what_does_not_fit_is_refused_before_it_is_made(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, *ASKING[name])
    tracemalloc.start()
    try:
        with pytest.raises(UnsupportedModel, match="Got 1 thing"):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


def test_a_kernel_longer_than_its_input_aborts_nothing(tmp_path: Path) -> None:
    """ONNX's own shape inference, in C++, fails an assertion on it and ends the process."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], kernel_shape=[9]),
        helper.make_node("Slice", ["a", "s0", "s1", "s2"], ["b"]),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    consts = {"w": np.ones((2, 1, 9), np.float32)}
    consts |= {name: integers(k) for k, name in enumerate(("s0", "s1", "s2"))}
    with pytest.raises(UnsupportedModel, match="Expected an output along axis 0"):
        load(write(tmp_path, nodes, [1, 1, 4], consts))


@pytest.mark.parametrize("then", ["Relu", "Pad", "Transpose", "Softmax", "Squeeze", "Flatten"])
def test_a_single_number_has_no_axes(tmp_path: Path, then: str) -> None:
    """Of a fixed batch of 2, Gather takes one number, whose shape is ()."""
    more = {"Pad": ["p"]}.get(then, [])
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["a"]),
        helper.make_node("Squeeze", ["a"], ["b"]),
        helper.make_node("Gather", ["b", "i"], ["c"], axis=0),
        helper.make_node(then, ["c", *more], ["y"]),
    ]
    consts = {"w": np.ones((3, 1), np.float32), "i": np.array(0), "p": integers()}
    path = write(tmp_path, nodes, [2, 3], consts)
    done = command("decide", path)
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr


def test_readers_run_no_foreign_inference() -> None:
    """Whatever is refused was seen by Python and protobuf alone."""
    for file in (Path(monic.__file__).parent / "io").rglob("*.py"):
        assert "shape_inference" not in file.read_text("utf-8"), file


def test_the_limit_is_the_users(tmp_path: Path) -> None:
    path = write(tmp_path, node("Tile", "p"), [1, 4], {"p": integers(1, 1000)})
    assert isinstance(load(path), monic.Network)
    with pytest.raises(UnsupportedModel, match=r"at most 100,000 bytes to read.*--memory"):
        load(path, memory=100_000)
    assert command("show", path).returncode == 0
    for words in (
        ("show", path),
        ("decide", path),
        ("bound", path),
        ("invert", path, path, "-o", tmp_path / "x.npy"),
    ):
        done = command(*words, "--memory", "100k")
        assert done.returncode == 2, done.stdout
        assert "raise the limit with memory=, or --memory" in done.stderr


@pytest.mark.parametrize("suffix", ["npy", "npz", "safetensors", "pt", "onnx"])
def test_arrays_are_charged(tmp_path: Path, suffix: str) -> None:
    weight = np.ones((200, 100), np.float32)
    path = tmp_path / f"w.{suffix}"
    if suffix == "npy":
        np.save(path, weight)
    elif suffix == "npz":
        np.savez(path, weight=weight)
    elif suffix == "safetensors":
        from safetensors.numpy import save_file

        save_file({"weight": weight}, path)
    elif suffix == "pt":
        torch = pytest.importorskip("torch")
        torch.save({"weight": torch.ones(1, 1).expand(200, 100)}, path)  # one number, repeated
    else:
        path = write(tmp_path, node("Gemm", "w", transB=1), [1, 100], {"w": weight})
    load(path, memory=1 << 20)
    with pytest.raises(TooLarge, match="at most 79,999 bytes"):
        load(path, memory=79_999)


def test_memory_that_the_machine_does_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise MemoryError("Unable to allocate 71 PiB")

    np.save(tmp_path / "w.npy", np.eye(2))
    monkeypatch.setitem(monic.io.files._READERS, ".npy", full)
    with pytest.raises(TooLarge, match=r"memory of this machine.*71 PiB"):
        load(tmp_path / "w.npy")


def test_limits_lie_inside_each_other() -> None:
    charge(1 << 60, "outside, nothing is limited")
    with limited_memory():
        charge(DEFAULT - 10, "nearly everything")
        with limited_memory(5):
            charge(5, "all of it")
            with pytest.raises(TooLarge, match="0 bytes are left"):
                make_room(1, "one more")
        make_room(10, "what is left")
        with pytest.raises(TooLarge):
            make_room(11, "more")
