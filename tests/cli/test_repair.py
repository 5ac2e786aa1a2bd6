"""`monic repair`, and assumptions, on the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from monic.model.array import Array
from tests.cli.files import injective, monic
from tests.test_repairing import gemm, written_out


def test_writes_and_decides_the_neighbour(tmp_path: Path) -> None:
    source, target = tmp_path / "a.npz", tmp_path / "b.npz"
    weight, bias = written_out(4, 1)
    arrays: dict[str, Any] = {"fc.weight": weight, "fc.bias": bias}
    np.savez(source, **arrays)
    done = monic("repair", source, "-o", target, "--certificates", tmp_path / "proofs")
    assert done.returncode == 0, done.stderr
    assert "entries" in done.stdout
    assert f"Written: {target}" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("The layers: INJECTIVE.")
    assert monic("check", tmp_path / "proofs" / "01-fc.monic", target).returncode == 0
    assert monic("check", tmp_path / "proofs" / "01-fc.monic", source).returncode == 1


def test_json_says_how_far_each_layer_moved(tmp_path: Path) -> None:
    source, target = tmp_path / "a.onnx", tmp_path / "b.onnx"
    onnx.save(gemm(1), source)
    done = monic("repair", source, "-o", target, "--json")
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    (layer,) = value["layers"]
    assert (layer["name"], layer["way"], layer["pairs"], layer["gaps"]) == ("fc", "factored", 4, 0)
    assert 0 < layer["relative"] < 1e-6
    assert 0 < layer["largest"] < 1e-5
    assert value["output"] == str(target)
    assert value["decision"]["model"] == str(target)
    assert value["decision"]["verdict"] == "INJECTIVE"


def test_the_exit_code_is_that_of_the_decision(tmp_path: Path) -> None:
    weight, bias = written_out(3, 2)
    bias[0] -= 1
    np.savez(tmp_path / "a.npz", weight=weight, bias=bias)
    done = monic("repair", tmp_path / "a.npz", "-o", tmp_path / "b.npz")
    assert done.returncode == 1
    assert "NOT_INJECTIVE" in done.stdout


def test_nothing_to_repair(tmp_path: Path) -> None:
    done = monic("repair", injective(tmp_path), "-o", tmp_path / "b.npz", "-q")
    assert done.returncode == 0
    assert "nothing was written" in done.stdout
    assert not (tmp_path / "b.npz").exists()


def test_kernels_alone_are_repaired_and_not_decided(tmp_path: Path) -> None:
    kernel = np.random.default_rng(0).standard_normal((3, 2, 3)).astype("f4")
    np.savez(tmp_path / "a.npz", weight=np.vstack([kernel, np.float32(-0.3) * kernel]))
    for options in ([], ["--json"]):
        done = monic("repair", tmp_path / "a.npz", "-o", tmp_path / "b.npz", *options)
        assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["decision"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "a.npz"], "--overwrite"),
        (["-o", "b.onnx"], "Expected an output .npz"),
        (["-o", "none/b.npz"], "nothing was left behind"),
        (["-o", "b.npz", "--way", "factored"], "Expected a way among entries, powers"),
        (["-o", "b.npz", "--tolerance", "2"], "Invalid value"),
        ([], "Missing option"),
    ],
)
def test_trouble(tmp_path: Path, arguments: list[str], words: str) -> None:
    np.savez(tmp_path / "a.npz", weight=written_out(3, 3)[0])
    before = (tmp_path / "a.npz").read_bytes()
    done = monic("repair", "a.npz", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert (tmp_path / "a.npz").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]


def test_several_assumptions(tmp_path: Path) -> None:
    """A layer that packs, a matrix that lowers the dimension, and a sigmoid."""
    rng = np.random.default_rng(1)
    first, drawn = rng.standard_normal((9, 2)), rng.standard_normal((5, 9))
    model = projected(first.astype("f4"), drawn.astype("f4"))
    path = tmp_path / "p.onnx"
    onnx.save(model, path)
    both = ("--assume", "random-projections", "--assume", "general-position")
    done = monic("decide", path, *both, "--time-limit", 20, "--json", "--certificates", tmp_path)
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert value["assumption"] == "general-position and random-projections"
    checked = monic("check", value["certificate"], path)
    assert checked.returncode == 0, checked.stderr
    assert "drawn from a density" in checked.stdout
    plain = monic("decide", path, "--time-limit", 5, "--json")  # small enough for a proof without
    assert json.loads(plain.stdout)["assumption"] is None
    assert plain.returncode in (0, 3)


def projected(first: Array, drawn: Array) -> onnx.ModelProto:
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["a"], name="first", transB=1),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Gemm", ["b", "p"], ["c"], name="drawn", transB=1),
        helper.make_node("Sigmoid", ["c"], ["y"]),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
        for name, size in (("x", first.shape[1]), ("y", drawn.shape[0]))
    ]
    arrays = [numpy_helper.from_array(first, "w"), numpy_helper.from_array(drawn, "p")]
    made = helper.make_graph(nodes, "g", ports[:1], ports[1:], arrays)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])
